//! todo.txt: `(A) 2026-01-01 Call mum +family @phone due:2026-02-01`, `x 2026-01-02 Done`.
//!
//! `(A)` is the priority 0, `(B)` 1 …; without one it is 2. The first `+project` is the group, the first `@context` the category.
//! Such a list has no order: its tasks are free, except after `p:` of a task with the same `id:`.

use std::io::BufRead;

use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};
use crate::import::lines::for_each_line;
use crate::import::sniff::Head;
use crate::model::ItemId;

pub(in crate::import) const SPEC: Spec =
    Spec { name: "todotxt", about: "todo.txt", sniff, read: Read::By(read), skipped: "tasks that are done" };

/// The least urgent priority that a letter gives.
const PRIORITY_MAX: u32 = 9;

/// Most lines have a mark that only this format has.
fn sniff(head: &Head) -> bool {
    let marked = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let tag =
            |w: &&str| w.len() > 1 && w.starts_with(['+', '@']) && w[1..].starts_with(char::is_alphabetic);
        priority(line).is_some()
            || (line.starts_with("x ") && words.get(1).is_some_and(|w| is_date(w)))
            || words.iter().any(tag)
    };
    let lines: Vec<String> = head.plain_lines().collect();
    let prose = lines.iter().any(|line| line.starts_with(['#', '-', '*', '<', '{', '[', '|']));
    !prose
        && lines.iter().any(|line| priority(line).is_some() || line.starts_with("x "))
        && lines.iter().filter(|line| marked(line)).count() * 2 > lines.len()
}

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    for_each_line(input, collector, |number, line, collector| {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        let value = |key: &str| line.split_whitespace().find_map(|w| w.strip_prefix(key)?.strip_prefix(':'));
        let id = value("id").map(ItemId::parse).transpose().map_err(|e| format!("id: {e}"))?;
        if line.starts_with("x ") {
            collector.finished(id);
            return Ok(());
        }
        let (urgency, rest) = priority(line).map_or((2, line), |(urgency, rest)| (urgency, rest));
        let text =
            rest.split_once(' ').filter(|(word, _)| is_date(word)).map_or(rest, |(_, text)| text).trim();
        if text.is_empty() {
            return Err("it has no text".into());
        }
        let tag =
            |mark: char| text.split_whitespace().find_map(|w| w.strip_prefix(mark)).filter(|t| !t.is_empty());
        let mut new = super::item(text, urgency, Vec::new());
        new.item.group = tag('+').map(str::to_owned);
        new.item.category = tag('@').map(str::to_owned);
        new.item.needs.extend(value("p").and_then(|p| ItemId::parse(p).ok()));
        collector.item(number, new, id);
        Ok(())
    })
}

fn priority(line: &str) -> Option<(u32, &str)> {
    let (letter, rest) = line.strip_prefix('(')?.split_once(") ")?;
    match letter.as_bytes() {
        [letter @ b'A'..=b'Z'] => Some((u32::from(letter - b'A').min(PRIORITY_MAX), rest)),
        _ => None,
    }
}

fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() == 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes.iter().all(|b| b.is_ascii_digit() || *b == b'-')
}

#[cfg(test)]
mod tests {
    use crate::import::Format;
    use crate::import::tests::{options, run};

    #[test]
    fn tasks_are_free_and_done_ones_are_not_imported() {
        let text = "(A) 2026-01-01 Call mum +family @phone\nx 2026-01-02 2026-01-01 Old thing\n2026-01-03 Buy milk @shop\n(C) Third p:1\n";
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.skipped, report.bad_total), (Format::TodoTxt, 1, 0));
        let short: Vec<_> =
            items.iter().map(|i| (i.item.title.as_str(), i.priority, i.item.group.as_deref())).collect();
        let expected = [
            ("Call mum +family @phone", 0, Some("family")),
            ("Buy milk @shop", 2, None),
            ("Third p:1", 2, None),
        ];
        assert_eq!(short, expected);
    }
}
