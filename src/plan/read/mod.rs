//! The text of `coord.toml` as a [`PlanFile`], with everything that is wrong with it.

mod gate;
mod header;
mod rules;
mod wave;
mod workstream;

use toml::de::DeTable;

use super::problem::{Code, Problem, Problems};
use super::table::Table;
use crate::model::plan::{Located, PlanFile};

/// Largest accepted file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Reads the text. What cannot be read is left out of the plan and is among the problems, all of
/// which are returned, in the order of the text. What fits together is for [`super::check`].
pub fn parse(text: &str) -> (PlanFile, Vec<Problem>) {
    let mut problems = Problems::new(text);
    if text.len() > MAX_BYTES {
        problems.add(0, Code::Toml, "", format!("it has {} bytes; at most {MAX_BYTES} are read", text.len()));
        return (PlanFile::default(), problems.finish());
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |s| s.start);
        problems.add(at, Code::Toml, "", error.message());
    }
    let mut root = Table::new(root.get_ref(), "", 0..0);
    let plan = root.table(&mut problems, "plan").map(|table| header::read(&mut problems, table));
    let mut file = PlanFile { plan, ..PlanFile::default() };
    let header = file.plan.as_ref();
    file.workstreams = named(&mut root, &mut problems, "workstream", |problems, id, table| {
        workstream::read(problems, id, table, header)
    });
    let mut waves = Vec::new();
    for table in root.tables(&mut problems, "wave") {
        waves.push(wave::read(&mut problems, table));
    }
    file.waves = waves;
    file.gates = named(&mut root, &mut problems, "gate", gate::read);
    for table in root.tables(&mut problems, "conflict") {
        file.conflicts.extend(rules::conflict(&mut problems, table));
    }
    file.targets = named(&mut root, &mut problems, "target", rules::target);
    file.risks = named(&mut root, &mut problems, "risk", rules::risk);
    root.finish(&mut problems);
    (file, problems.finish())
}

/// The tables below `[key]`, each with its name, in the order of the text.
fn named<T>(
    root: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
    key: &'static str,
    mut read: impl FnMut(&mut Problems<'_>, Located<String>, Table<'_, '_>) -> T,
) -> Vec<T> {
    let Some(parent) = root.table(problems, key) else { return Vec::new() };
    let mut list = Vec::new();
    for (name, value) in parent.entries() {
        let path = format!("{key}.{}", name.value);
        if let Some(reason) = bad_name(&name.value) {
            problems.add(
                name.at,
                Code::Name,
                path.clone(),
                format!("{:?} is not a usable name: {reason}", name.value),
            );
        }
        if let Some(mut table) = Table::of(problems, value, path) {
            // A header is where its name is written.
            table.at = name.at;
            list.push(read(problems, name, table));
        }
    }
    list
}

/// Names become parts of branches, folders, sessions and keys of the state.
fn bad_name(name: &str) -> Option<&'static str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 {
        return Some("it needs 1 to 64 characters");
    }
    if !name.chars().all(fine) {
        return Some("use letters, digits, '-', '_' and '.'");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.contains("..") || name.ends_with('.') {
        return Some("it begins with a letter or digit, and has no '..' and no '.' at its end");
    }
    None
}
