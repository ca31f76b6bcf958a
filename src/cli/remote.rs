//! `remote` and `remote probe`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::store::remote::probe::{self, Probe, Trial, median};
use crate::store::remote::{RemoteInspection, There};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, BAD, GOOD, STRONG, WARN, paint};
use crate::cli::text;
use crate::client::ClientError;

/// Show the arbiter remote, or test what a remote supports
#[derive(Debug, Args)]
pub struct RemoteArgs {
    #[command(subcommand)]
    command: Option<RemoteCommand>,
}

/// What to do besides showing it.
#[derive(Debug, Subcommand)]
enum RemoteCommand {
    /// Test what a server supports, on refs that are removed again
    Probe(ProbeArgs),
}

/// See the command's help.
#[derive(Debug, Args)]
struct ProbeArgs {
    /// Name or URL of the remote [default: the one that arbitrates, else origin]
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Runs `remote …`.
pub fn run(app: &App, args: &RemoteArgs) -> CliResult<Answer> {
    match &args.command {
        None => show(app),
        Some(RemoteCommand::Probe(args)) => try_out(app, args),
    }
}

/// The URL of a remote, without a password that it may contain.
fn url(app: &App, remote: &str) -> CliResult<Option<String>> {
    let url = app.place.repo.git().args(["remote", "get-url", remote]).output()?;
    let found = (url.status == Some(0)).then(|| String::from_utf8_lossy(&url.stdout).trim_end().to_owned());
    Ok(found.map(|url| without_password(&url)))
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => {
            let user = rest[..at].split(':').next().unwrap_or_default();
            let user = if rest[..at].contains(':') { format!("{user}:…") } else { user.to_owned() };
            format!("{scheme}://{user}{}", &rest[at..])
        }
        None => url.to_owned(),
    }
}

fn show(app: &App) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let last = store.last_exchange();
    let waiting = store.deferred()?;
    let Some(look) = store.inspect_remote()? else { return Err(ClientError::NoRemote.into()) };
    let name = &look.arbiter.remote;
    let url = url(app, name)?;
    let here = look.known.as_ref().map(|head| head.generation);
    let (there, state, words) = side(&look);
    let shown = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let mut lines = vec![
        format!("{}  {}", paint(STRONG, name), url.as_deref().unwrap_or("(has no URL)")),
        format!("  this clone     {}", look.arbiter.clone),
        format!("  generation     {} here, {} there: {words}", shown(here), shown(there)),
        format!("  last exchange  {}", last.map_or_else(|| "never".to_owned(), text::ago)),
        format!("  waiting        {}", text::count(waiting, "act")),
    ];
    let settings = settings(app);
    lines.push(format!("  settings       {settings}"));
    let data = json!({
        "remote": name, "url": url, "clone": look.arbiter.clone,
        "generation": { "here": here, "there": there }, "state": state,
        "exchanged": last.map(|at| at.to_string()), "waiting": waiting,
        "settings": {
            "remote_timeout": app.place.settings.remote_timeout, "push_every": app.place.settings.push_every,
            "refresh": app.place.settings.refresh, "pool": app.place.settings.prefetch,
        },
    });
    let answer = Answer::new(data, lines);
    Ok(match state {
        "in-step" | "behind" | "unreachable" => answer,
        _ => answer.note("see what can be fixed with: git coord doctor --remote"),
    })
}

fn settings(app: &App) -> String {
    let s = &app.place.settings;
    let (timeout, every) = (s.remote_timeout, s.push_every);
    format!("remoteTimeout {timeout}s, pushEvery {every}s, prefetch {}, refresh {}s", s.prefetch, s.refresh)
}

/// The generation that the remote has, how it stands to this clone as a word, and for people.
fn side(look: &RemoteInspection) -> (Option<u64>, &'static str, String) {
    match &look.there {
        There::Unreachable(reason) => (None, "unreachable", paint(WARN, format!("not reached ({reason})"))),
        There::Absent => (None, "missing", paint(BAD, "the remote has no state")),
        There::Unreadable { reason, .. } => {
            (None, "unreadable", paint(BAD, format!("the state there cannot be read ({reason})")))
        }
        There::State { head, fault: Some(fault), .. } => {
            (Some(head.generation), "conflict", paint(BAD, fault.to_string()))
        }
        There::State { head, fault: None, .. } => {
            let known = look.known.as_ref().map_or(0, |h| h.generation);
            if head.generation == known {
                (Some(head.generation), "in-step", paint(GOOD, "in step"))
            } else {
                (Some(head.generation), "behind", "this clone takes that over with its next act".to_owned())
            }
        }
    }
}

fn try_out(app: &App, args: &ProbeArgs) -> CliResult<Answer> {
    let arbiter = match app.client() {
        Ok(client) => client.store.arbiter()?.map(|a| a.remote),
        Err(_) => None,
    };
    let name = args.name.clone().or(arbiter).unwrap_or_else(|| "origin".to_owned());
    let sha256 = app.place.repo.is_sha256()?;
    let patience = Duration::from_secs(app.place.settings.remote_timeout);
    let found = probe::probe(&app.place.repo.common_dir, sha256, &name, patience)?;
    let data = probe_json(&name, &found);
    let mut lines = probe_text(app, &name, &found)?;
    if found.is_fit() {
        return Ok(Answer::new(data, lines));
    }
    lines.insert(0, format!("{name} cannot be the arbiter"));
    Err(CliError::refused(lines)
        .hint(
            "use another server, or a bare repository of your own; git coord works in one clone without any",
        )
        .detail("rule", json!("unfit"))
        .detail("probe", data))
}

const TRIALS: [(&str, &str); 5] = [
    ("custom_refs", "refs/coord/* accepted"),
    ("compare_and_swap", "compare-and-swap holds"),
    ("replace", "a history can be cut"),
    ("atomic", "several refs at once"),
    ("delete", "refs can be deleted"),
];

fn trials(probe: &Probe) -> [&Trial; 5] {
    [&probe.custom_refs, &probe.swap, &probe.replace, &probe.atomic, &probe.delete]
}

fn probe_json(name: &str, probe: &Probe) -> Value {
    let mut data = json!({ "remote": name, "fit": probe.is_fit() });
    let mut reasons = serde_json::Map::new();
    for ((key, _), trial) in TRIALS.iter().zip(trials(probe)) {
        data[*key] = json!(trial.works());
        if let Trial::Fails(why) = trial {
            reasons.insert((*key).to_owned(), json!(why));
        }
    }
    data["reasons"] = Value::Object(reasons);
    data["look_ms"] = json!(median(&probe.looks));
    data["push_ms"] = if probe.pushes.is_empty() { Value::Null } else { json!(median(&probe.pushes)) };
    let advice = probe.advice().into_iter().map(|(key, s)| (format!("coord.{key}"), json!(format!("{s}s"))));
    data["settings"] = Value::Object(advice.collect());
    data["left"] = json!(probe.left);
    data
}

fn probe_text(app: &App, name: &str, probe: &Probe) -> CliResult<Vec<String>> {
    let mut lines = Vec::new();
    if probe.is_fit() {
        let url = url(app, name)?.unwrap_or_default();
        lines.push(format!("{}  {url}", paint(STRONG, name)));
    }
    for ((_, label), trial) in TRIALS.iter().zip(trials(probe)) {
        let word = match trial {
            Trial::Works => paint(GOOD, "yes"),
            Trial::Fails(why) => {
                let why = anstream::adapter::strip_str(why).to_string();
                format!("{} ({})", paint(BAD, "no"), why.chars().take(200).collect::<String>())
            }
            Trial::Untried => "not tried".to_owned(),
        };
        lines.push(format!("  {label:<24} {word}"));
    }
    lines.push(format!("  {:<24} unknown", "size limits"));
    lines.push(format!(
        "  {:<24} {} ms (median of {})",
        "a look takes",
        median(&probe.looks),
        probe.looks.len()
    ));
    if !probe.pushes.is_empty() {
        let (time, count) = (median(&probe.pushes), probe.pushes.len());
        lines.push(format!("  {:<24} {time} ms (median of {count})", "a push takes"));
    }
    for left in &probe.left {
        lines.push(paint(WARN, format!("  left there: {left} (the server did not delete it)")));
    }
    if probe.is_fit() {
        lines.push(paint(GOOD, "it can be the arbiter"));
    }
    match &probe.advice()[..] {
        [] if probe.is_fit() => lines.push("the default settings suit it".to_owned()),
        [] => {}
        advice => lines.extend(
            advice.iter().map(|(key, seconds)| format!("advised: git config coord.{key} {seconds}s")),
        ),
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (url, shown) in [
            ("https://me:secret@example.org/x", "https://me:…@example.org/x"),
            ("https://me@example.org/a@b", "https://me@example.org/a@b"),
            ("https://example.org/a@b:c", "https://example.org/a@b:c"),
            ("git@example.org:x", "git@example.org:x"),
            ("/srv/x.git", "/srv/x.git"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
