//! `queue update`: changing many items at once.

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use crate::model::condition::Condition;
use crate::model::update::{Change, Update, Updated};
use crate::model::{Context, Op, Outcome, QueueName, preview_update, queue};
use crate::store::Store;

use crate::cli::app::App;
use crate::cli::args::parse_limit;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, GOOD, STRONG, paint};
use crate::cli::queue::names::require_queue;
use crate::cli::sanitize::Text;
use crate::cli::table::Line;
use crate::cli::text;

/// Categories or phases that are listed when a condition names none of them.
const NAMES_SHOWN: usize = 10;

/// Change many items at once
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("change").required(true).multiple(true)
        .args(["priority", "queue", "category", "cancel", "requeue"])),
    after_help = "Conditions: FIELD=VALUE, FIELD!=VALUE, FIELD~PART, with the fields id, title, category,\n\
                        severity, rule, file, queue, state, phase, group. A file is a pattern from the top of\n\
                        the repository: 'file=src/**'. As in the rules of an import, category and rule may be\n\
                        patterns ('rule=D*'), and 'severity=error' is CRITICAL.\n\
                        What is done, and what a session holds, stays as it is."
)]
pub struct UpdateArgs {
    /// Change items that fulfil this; given several times, all of it
    #[arg(long = "where", value_name = "CONDITION", required = true)]
    conditions: Vec<Condition>,
    /// Give them this priority
    #[arg(long, value_name = "N")]
    priority: Option<u32>,
    /// Move them to this queue
    #[arg(long, value_name = "Q")]
    queue: Option<QueueName>,
    /// Give them this category
    #[arg(long, value_name = "C", value_parser = text::parse_line)]
    category: Option<String>,
    /// Give them up
    #[arg(long, conflicts_with = "requeue")]
    cancel: bool,
    /// Offer again what was given up or cools down
    #[arg(long)]
    requeue: bool,
    /// Change at most N
    #[arg(long, value_name = "N", value_parser = parse_limit)]
    limit: Option<u64>,
    /// Only show what would be changed
    #[arg(long)]
    dry_run: bool,
}

/// Runs `queue update`.
pub fn update(app: &App, args: &UpdateArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    for name in args.conditions.iter().filter_map(Condition::queue) {
        require_queue(store, Some(&QueueName::parse(name)?))?;
    }
    // Afterwards names may be gone by this very change.
    let notes = nobody_has(store, &args.conditions)?;
    let update = Update {
        session: app.place.session_if_any()?,
        conditions: args.conditions.clone(),
        change: Change {
            priority: args.priority,
            queue: args.queue.clone(),
            category: args.category.clone(),
            cancel: args.cancel,
            requeue: args.requeue,
            ..Change::default()
        },
        limit: args.limit,
    };
    let updated = if args.dry_run {
        client.sweep()?;
        let clone = store.arbiter()?.map(|arbiter| arbiter.clone);
        let context = Context { clone, ..Context::local(crate::clock::now()) };
        store.read(|view| preview_update(view, &update, &context))?
    } else {
        match client.submit(&Op::Update(update), None)? {
            Outcome::Updated(updated) => updated,
            other => return Err(CliError::from_refusal(other)),
        }
    };
    let mut answer = answer(&updated, args.dry_run);
    answer.notes.splice(0..0, notes.into_iter().map(Text::from));
    Ok(answer)
}

/// What conditions name and no item has, as far as counters tell: it may be a slip of the pen.
fn nobody_has(store: &Store, conditions: &[Condition]) -> CliResult<Vec<String>> {
    let queues = store.read(|view| queue::all(view))?;
    let line = |condition: &Condition| {
        let (what, names) = condition.names_nobody(&queues)?;
        let first = names.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
        Some(match names.len() {
            0 => format!("no item has a {}", condition.field_name()),
            n if n > NAMES_SHOWN => {
                format!("no item has {what}; there are: {first} and {} more", n - NAMES_SHOWN)
            }
            _ => format!("no item has {what}; there are: {first}"),
        })
    };
    Ok(conditions.iter().filter_map(line).collect())
}

fn answer(updated: &Updated, dry: bool) -> Answer {
    let first: Vec<Value> =
        updated.first.iter().map(|(id, title)| json!({ "id": id, "title": title })).collect();
    let data = json!({
        "matched": updated.matched, "changed": updated.changed, "skipped": updated.held,
        "skipped_first": updated.held_first, "first": first, "dry_run": dry,
    });
    let count = text::count(updated.changed as usize, "item");
    let mut lines = vec![match (updated.changed, dry) {
        (0, _) => "nothing to change".to_owned(),
        (_, true) => format!("would change {count}"),
        (_, false) => format!("{} {count}", paint(GOOD, "changed")),
    }];
    if dry {
        let width = text::columns(&std::io::stdout());
        let line = |(id, title): &(_, String)| {
            let before = format!("  {}  ", paint(STRONG, id));
            Line { before, text: title.clone(), after: String::new() }.fit(width)
        };
        lines.extend(updated.first.iter().map(line));
        if updated.changed > updated.first.len() as u64 {
            let more = updated.changed - updated.first.len() as u64;
            lines.push(paint(FAINT, format!("  and {more} more")));
        }
    }
    let answer = Answer::new(data, lines);
    if updated.held == 0 {
        return answer;
    }
    let names: Vec<&str> = updated.held_first.iter().take(5).map(|id| id.as_str()).collect();
    let more = if updated.held as usize > names.len() { ", …" } else { "" };
    let held = text::count(updated.held as usize, "item");
    answer.note(format!("left alone: {held} in somebody's hands ({}{more})", names.join(", ")))
}
