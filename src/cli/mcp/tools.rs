//! The tools: each is a command of the command line with typed arguments, from which its schema is made.

use std::cell::OnceCell;

use clap::Parser as _;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::command::Cli;
use crate::cli::error::CliError;
use crate::cli::{dispatch, mail};
use crate::client::claims::{Claims, Released};
use crate::client::items::{Finished, NextItems};

/// A tool.
pub struct Tool {
    name: &'static str,
    about: &'static str,
    input: fn() -> Schema,
    output: Option<fn() -> Schema>,
    words: fn(Value) -> Result<Vec<String>, String>,
    reads_only: bool,
}

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Next {
    /// Take from these queues only
    #[serde(default)]
    queues: Vec<String>,
    /// How many items, 1 if not given
    count: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Items {
    /// Ids of items that you hold
    items: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GiveBack {
    /// Ids of items that you hold
    items: Vec<String>,
    /// Why this attempt failed; leave it out to give them back untouched
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Claim {
    /// Files or folders, relative to the top of the worktree or absolute
    paths: Vec<String>,
    /// Wait until they are free, at most so long, such as 10m
    wait: Option<String>,
    /// What for
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Paths {
    /// Files or folders; none: all that you have claimed, or all that is staged
    #[serde(default)]
    paths: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tell {
    /// The session; leave it out for all
    session: Option<String>,
    /// One line
    text: String,
}

fn read<T: DeserializeOwned>(input: Value) -> Result<T, String> {
    serde_json::from_value(input).map_err(|e| e.to_string())
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// The words of a command with operands that may begin with a dash.
fn with(mut list: Vec<String>, operands: Vec<String>) -> Vec<String> {
    if !operands.is_empty() {
        list.push("--".to_owned());
        list.extend(operands);
    }
    list
}

fn option(list: &mut Vec<String>, name: &str, value: Option<impl ToString>) {
    list.extend(value.map(|value| format!("{name}={}", value.to_string())));
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "status",
        about: "Who is at work, what each session holds, and how far the queues are.",
        input: || schema_for!(Nothing),
        output: None,
        words: |input| read::<Nothing>(input).map(|_| words(&["status"])),
        reads_only: true,
    },
    Tool {
        name: "next",
        about: "Take the next items of work, each with its files claimed for you. An empty list says why.",
        input: || schema_for!(Next),
        output: Some(answer_of::<NextItems>),
        words: |input| {
            let Next { queues, count } = read(input)?;
            let mut list = words(&["next"]);
            queues.into_iter().for_each(|queue| option(&mut list, "--queue", Some(queue)));
            option(&mut list, "--count", count);
            Ok(list)
        },
        reads_only: false,
    },
    Tool {
        name: "done",
        about: "Finish items that you hold; their files are free for others then.",
        input: || schema_for!(Items),
        output: Some(answer_of::<Finished>),
        words: |input| Ok(with(words(&["done"]), read::<Items>(input)?.items)),
        reads_only: false,
    },
    Tool {
        name: "give_back",
        about: "Give items back for somebody else: with a reason after a failed attempt, without one untouched.",
        input: || schema_for!(GiveBack),
        output: Some(answer_of::<Finished>),
        words: |input| {
            let GiveBack { items, reason } = read(input)?;
            let mut list = words(&[if reason.is_some() { "fail" } else { "drop" }]);
            option(&mut list, "--reason", reason);
            Ok(with(list, items))
        },
        reads_only: false,
    },
    Tool {
        name: "claim",
        about: "Claim files or folders before you edit them: all of them, or none and the holder is named.",
        input: || schema_for!(Claim),
        output: Some(answer_of::<Claims>),
        words: |input| {
            let Claim { paths, wait, reason } = read(input)?;
            let mut list = words(&["claim"]);
            option(&mut list, "--wait", wait);
            option(&mut list, "--reason", reason);
            Ok(with(list, paths))
        },
        reads_only: false,
    },
    Tool {
        name: "release",
        about: "Give claimed files back.",
        input: || schema_for!(Paths),
        output: Some(answer_of::<Released>),
        words: |input| {
            let Paths { paths } = read(input)?;
            Ok(if paths.is_empty() { words(&["release", "--all"]) } else { with(words(&["release"]), paths) })
        },
        reads_only: false,
    },
    Tool {
        name: "check",
        about: "May you change these files, or what is staged? Fails with those that you have not claimed.",
        input: || schema_for!(Paths),
        output: None,
        words: |input| Ok(with(words(&["check"]), read::<Paths>(input)?.paths)),
        reads_only: true,
    },
    Tool {
        name: "tell",
        about: "Leave a message for another session; it is shown with that session's next command.",
        input: || schema_for!(Tell),
        output: None,
        words: |input| {
            let Tell { session, text } = read(input)?;
            let mut list = words(&["tell"]);
            if session.is_none() {
                list.push("--all".to_owned());
            }
            Ok(with(list, session.into_iter().chain([text]).collect()))
        },
        reads_only: false,
    },
];

/// The schema of an answer: what is not always written is not required.
fn answer_of<T: JsonSchema>() -> Schema {
    SchemaSettings::default().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// Finds a tool.
pub fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// The tools as `tools/list` answers them.
pub fn list() -> Value {
    let one = |tool: &Tool| {
        let mut value = json!({
            "name": tool.name, "description": tool.about, "inputSchema": plain((tool.input)()),
            "annotations": { "readOnlyHint": tool.reads_only, "openWorldHint": false },
        });
        if let Some(output) = tool.output {
            value["outputSchema"] = plain(output());
        }
        value
    };
    TOOLS.iter().map(one).collect()
}

/// A schema without what only its own readers need.
fn plain(schema: Schema) -> Value {
    let mut value = schema.to_value();
    if let Some(map) = value.as_object_mut() {
        map.remove("$schema");
        map.remove("title");
        map.entry("properties").or_insert_with(|| json!({}));
    }
    value
}

/// Calls a tool. What is refused is a result that says why and what helps, not an error of the protocol.
pub fn call(global: &Global, tool: &Tool, arguments: Value) -> Value {
    let words = match (tool.words)(arguments) {
        Ok(words) => words,
        Err(e) => {
            return failed(
                &CliError::usage(format!("{}: {e}", tool.name)).hint("see the inputSchema of the tool"),
            );
        }
    };
    let program = "git-coord".to_owned();
    let mut cli = match Cli::try_parse_from(std::iter::once(program).chain(words)) {
        Ok(cli) => cli,
        Err(e) => {
            let text = e.to_string();
            let line = text.lines().next().unwrap_or_default();
            return failed(&CliError::usage(line.strip_prefix("error: ").unwrap_or(line)));
        }
    };
    cli.global = Global { json: true, quiet: true, ..global.clone() };
    let used = OnceCell::new();
    let answer = match dispatch(cli, &used) {
        Ok(answer) => answer,
        Err(error) => return failed(&error),
    };
    let mut content = vec![json!({ "type": "text", "text": answer.data.to_string() })];
    content.extend(answer.notes.iter().map(|note| json!({ "type": "text", "text": note.words() })));
    let messages = used.get().map(mail::take).unwrap_or_default();
    content.extend(messages.iter().map(|mail| json!({ "type": "text", "text": mail.line })));
    json!({ "content": content, "structuredContent": answer.data, "isError": false })
}

fn failed(error: &CliError) -> Value {
    let mut text = format!("{} ({})", error.message.words(), error.code);
    if let Some(hint) = &error.hint {
        text.push_str(&format!("\nNext: {hint}"));
    }
    let mut content = vec![json!({ "type": "text", "text": text })];
    if !error.details.is_empty() {
        content.push(json!({ "type": "text", "text": Value::Object(error.details.clone()).to_string() }));
    }
    json!({ "content": content, "isError": true })
}
