//! `plan show` and `plan export`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, STRONG, paint};
use crate::cli::table::{Cell, Grid};
use crate::cli::text;
use crate::model::plan::{self as plans, Located, Prompt, Workstream};
use crate::planning::{PlanError, State};

/// Show the plan in force, or one workstream
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A workstream
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Draw the needs as a graph
    #[arg(long, value_enum, value_name = "KIND")]
    graph: Option<Graph>,
}

/// A language for graphs.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Graph {
    /// Mermaid, which forges show in Markdown.
    Mermaid,
    /// DOT, for Graphviz.
    Dot,
}

/// Print the text of the plan in force, comments included
#[derive(Debug, Args)]
pub struct ExportArgs {}

/// Runs `plan show`.
pub fn show(app: &App, args: &ShowArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let state = super::current(&client)?;
    if let Some(graph) = args.graph {
        let text = draw(&state, graph);
        return Ok(Answer::new(json!({ "graph": text, "version": state.applied.version }), own_lines(&text)));
    }
    if let Some(id) = &args.id {
        let unknown = || PlanError::Unknown { what: "workstream", name: id.clone() };
        let workstream = state.plan().workstream(id).ok_or_else(unknown)?;
        let data = json!({
            "plan": workstream, "progress": state.of(id), "version": state.applied.version,
        });
        return Ok(Answer::new(data, one(&state, workstream)));
    }
    let list = &state.plan().workstreams;
    let cells =
        |f: &dyn Fn(&Workstream) -> String| list.iter().map(|w| Cell::plain(f(w))).collect::<Vec<_>>();
    let drawn = Grid::default()
        .text("ID", u8::MAX, list.iter().map(|w| Cell::new(STRONG, &w.id.value)).collect::<Vec<_>>())
        .text("PRIORITY", 3, cells(&|w| w.priority.word().to_owned()))
        .text("ESTIMATE", 4, cells(&|w| w.estimate.map(|e| e.to_string()).unwrap_or_default()))
        .text("NEEDS", 5, cells(&|w| words(&w.needs)))
        .text("WAVES", 2, cells(&|w| numbers(&state, w)))
        .text("WHO", 1, cells(&|w| w.who.clone().unwrap_or_default()))
        .rest("TITLE", cells(&|w| w.title.clone()))
        .fit(text::terminal_width(&std::io::stdout()));
    let data = json!({ "plan": state.plan(), "version": state.applied.version });
    Ok(Answer::new(data, drawn.lines().map(str::to_owned).collect::<Vec<_>>()))
}

fn words(list: &[Located<String>]) -> String {
    list.iter().map(|w| w.value.as_str()).collect::<Vec<_>>().join(" ")
}

fn numbers(state: &State, workstream: &Workstream) -> String {
    let waves = state.plan().waves_of(&workstream.id.value);
    waves.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn one(state: &State, w: &Workstream) -> Vec<String> {
    let id = w.id.value.as_str();
    let progress = state.of(id);
    let mut lines = vec![format!("{} {}", paint(STRONG, id), w.title)];
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {} {value}", paint(FAINT, format!("{name:<10}"))));
        }
    };
    add("who", w.who.clone().unwrap_or_default());
    add("branch", w.branch.value.clone());
    add("worktree", w.worktree.value.clone());
    add("estimate", w.estimate.map(|e| e.to_string()).unwrap_or_default());
    add("priority", w.priority.word().to_owned());
    add("needs", words(&w.needs));
    add("after", words(&w.after));
    add("owns", words(&w.owns));
    add("waves", numbers(state, w));
    add("queue", w.queue.clone().unwrap_or_default());
    add("base", progress.base.clone().unwrap_or_default());
    add("sessions", progress.sessions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    add("submitted", progress.submitted.as_ref().map(|s| s.commit.clone()).unwrap_or_default());
    add("blocked", progress.blocked.as_ref().map(|b| b.text.clone()).unwrap_or_default());
    add(
        "back",
        progress.handed_back.as_ref().map(|h| format!("{}: {}", h.rule, h.reason)).unwrap_or_default(),
    );
    match &w.prompt {
        Some(Prompt::File(file)) => add("prompt", file.value.clone()),
        Some(Prompt::Text(text)) => add("prompt", text.clone()),
        None => {}
    }
    for text in &w.success {
        add("success", text.clone());
    }
    lines
}

fn draw(state: &State, graph: Graph) -> String {
    let list = &state.plan().workstreams;
    let mut lines = Vec::new();
    let title = |w: &Workstream| w.title.replace(['"', '\\', '[', ']', '\n'], " ");
    match graph {
        Graph::Mermaid => {
            lines.push("flowchart LR".to_owned());
            lines.extend(list.iter().map(|w| format!("  {}[\"{} {}\"]", key(w), w.id.value, title(w))));
        }
        Graph::Dot => {
            lines.push("digraph plan {".to_owned());
            lines.push("  rankdir=LR;".to_owned());
            lines.extend(
                list.iter().map(|w| format!("  {} [label=\"{} {}\"];", key(w), w.id.value, title(w))),
            );
        }
    }
    let (hard, soft) = match graph {
        Graph::Mermaid => (" --> ", " -.-> "),
        Graph::Dot => (" -> ", " -> "),
    };
    for w in list {
        let from = |id: &Located<String>| state.plan().workstream(&id.value).map(key);
        let end = if matches!(graph, Graph::Dot) { ";" } else { "" };
        let dashed = if matches!(graph, Graph::Dot) { " [style=dashed];" } else { "" };
        lines.extend(w.needs.iter().filter_map(from).map(|n| format!("  {n}{hard}{}{end}", key(w))));
        lines.extend(w.after.iter().filter_map(from).map(|n| format!("  {n}{soft}{}{dashed}", key(w))));
    }
    if matches!(graph, Graph::Dot) {
        lines.push("}".to_owned());
    }
    lines.join("\n")
}

/// A text of the plan, line by line: whatever it contains is shown and not obeyed.
fn own_lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// An identifier that both languages accept.
fn key(w: &Workstream) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("w_{}", w.id.value.chars().map(safe).collect::<String>())
}

/// Runs `plan export`.
pub fn export(app: &App) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let state = super::current(&client)?;
    let source = store.read(|view| plans::source(view))?;
    let text = source.ok_or_else(|| CliError::from(PlanError::None))?;
    let data = json!({ "source": Value::String(text.clone()), "version": state.applied.version });
    Ok(Answer::new(data, own_lines(&text)))
}
