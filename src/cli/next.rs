//! `next`.

use clap::Args;

use crate::cli::app::App;
use crate::cli::args::Ttl;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, FAINT, STRONG, Undo, paint};
use crate::cli::queue::row::files;
use crate::cli::refresh;
use crate::cli::table::Line;
use crate::cli::text;
use crate::client::items::{self, NextRequest, PassedItem, PassedReason};
use crate::model::choice::ChosenBecause;
use crate::model::op::Finish;
use crate::model::outcome::Taken;
use crate::model::{ItemId, QueueName};

/// Take the next items, each with its files
#[derive(Debug, Args)]
#[command(
    after_help = "The most urgent item comes first, in the order of import; one whose files this session\n\
                        holds already goes before. Nothing is handed out twice."
)]
pub struct NextArgs {
    /// Take from this queue only; may be given several times
    #[arg(long = "queue", value_name = "Q")]
    queues: Vec<QueueName>,
    /// Take only items of this category; may be given several times
    #[arg(long = "category", value_name = "C")]
    categories: Vec<String>,
    /// Take only items of this rule; may be given several times
    #[arg(long = "rule", value_name = "R")]
    rules: Vec<String>,
    /// Take only items whose files lie here, from the top of the repository; may be given several
    /// times
    #[arg(long = "area", value_name = "PATTERN")]
    areas: Vec<String>,
    /// Take exactly this item
    #[arg(long, value_name = "ITEM", conflicts_with_all = ["count", "categories", "rules", "areas"])]
    item: Option<ItemId>,
    /// Take up to this many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    #[command(flatten)]
    ttl: Ttl,
    /// Wait up to D for an item
    #[arg(long, value_name = "D", value_parser = text::parse_duration)]
    wait: Option<u64>,
    /// Say why these items, and why not others
    #[arg(long)]
    explain: bool,
}

/// Runs `next`.
pub fn next(app: &App, args: &NextArgs) -> CliResult<Answer> {
    let request = NextRequest {
        queues: args.queues.clone(),
        categories: args.categories.clone(),
        rules: args.rules.clone(),
        areas: args.areas.clone(),
        item: args.item.clone(),
        count: args.count as usize,
        ttl: args.ttl.ttl,
        wait: args.wait,
        explain: args.explain,
    };
    let client = app.client()?;
    let found = items::next(&client, &request)?;
    let mut lines: Vec<String> = found.refreshed.iter().flat_map(|r| refresh::lines(r, false)).collect();
    let items: Vec<String> = found.taken.iter().flat_map(|taken| item_lines(taken, args.explain)).collect();
    lines.extend(items);
    lines.extend(found.passed.iter().flatten().map(passed_line));
    let mut answer = Answer::of(&found, lines);
    let taken: Vec<ItemId> = found.taken.iter().map(|taken| taken.item.id.clone()).collect();
    if !taken.is_empty() {
        // An item of which nobody reads would be held until its lease expires.
        let back = move || drop(items::finish(&client, &taken, Finish::Drop, false));
        answer.undo = Some(Undo::new(back));
    }
    if let Some(note) = refresh::lacking(&found.lacking) {
        answer = answer.note(note);
    }
    if let Some(held) = held_text(&found.held) {
        answer = answer.note(held);
    }
    Ok(match &found.empty_reason {
        Some(reason) if found.taken.is_empty() || args.explain => answer.note(reason.as_str()),
        _ => answer,
    })
}

/// What the session had already: an agent that forgets it leaves it to its lease.
fn held_text(held: &[ItemId]) -> Option<String> {
    const SHOWN: usize = 5;
    let mut names: Vec<&str> = held.iter().take(SHOWN).map(ItemId::as_str).collect();
    if held.len() > SHOWN {
        names.push("…");
    }
    (!held.is_empty())
        .then(|| format!("you also hold {}: {}", text::count(held.len(), "item"), names.join(", ")))
}

fn item_lines(taken: &Taken, explain: bool) -> Vec<String> {
    let again = if taken.attempt > 1 { format!(", attempt {}", taken.attempt) } else { String::new() };
    let help = if taken.help { ", to help others" } else { "" };
    let facts = format!("({}, for {}{again}{help})", taken.queue, text::until(taken.expires));
    let line = Line {
        before: format!("{}  ", paint(STRONG, &taken.item.id)),
        text: taken.item.title.clone(),
        after: format!(" {}", paint(FAINT, facts)),
    };
    let mut lines = vec![line.fit(text::columns(&std::io::stdout()))];
    if explain {
        let why = match taken.because {
            ChosenBecause::Named => "you asked for it".to_owned(),
            ChosenBecause::OwnFiles => {
                format!("of those with priority {}, its files are yours already", taken.priority)
            }
            ChosenBecause::Ready => "this clone had prefetched it (coord.prefetch)".to_owned(),
            ChosenBecause::First => format!("the first with priority {} that you may take", taken.priority),
        };
        lines.push(paint(FAINT, format!("    {why}")));
    }
    lines.extend(files(&taken.item));
    for note in &taken.notes {
        let by = note.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        lines.push(format!("    note: {}{by}", note.text));
    }
    lines
}

fn passed_line(passed: &PassedItem) -> String {
    let why = match passed.reason {
        PassedReason::FilesHeld => match passed.holders.first() {
            Some(first) => {
                let until = first.expires.map(|t| format!(", {} left", text::until(t))).unwrap_or_default();
                format!("{} is held by {}{until}", first.held, first.session)
            }
            None => "others hold its files".to_owned(),
        },
        PassedReason::OutsideArea => "outside this session's area".to_owned(),
        PassedReason::OtherShard => "in another session's shard".to_owned(),
        PassedReason::OtherKind => "not what you asked for".to_owned(),
    };
    format!("{} {}  {}", paint(FAINT, "not"), passed.id, paint(FAINT, why))
}
