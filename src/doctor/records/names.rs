//! Names that no record has: what reads a folder as a whole fails over them, for everybody.

use crate::model::{QueueName, SessionName, Txn, View};

use crate::doctor::Finding;

/// Code of entries that are the name of nothing.
const CODE: &str = "record-name";

/// Keys of entries that nothing of the format has, and why. Below them nothing is looked at.
fn wrong(view: &dyn View) -> Vec<(String, &'static str)> {
    let mut wrong = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        // What cannot be read is found by those that read it.
        for entry in view.list(&folder).unwrap_or_default() {
            let key = join(&folder, &entry.name);
            match fault(&folder, &entry.name, entry.is_tree) {
                Some(why) => wrong.push((key, why)),
                None if entry.is_tree => folders.push(key),
                None => {}
            }
        }
    }
    wrong
}

/// Why an entry of a folder is the name of nothing, if it is.
pub(super) fn fault(folder: &str, name: &str, is_tree: bool) -> Option<&'static str> {
    let odd = name.is_empty()
        || matches!(name, "." | "..")
        || name.eq_ignore_ascii_case(".git")
        || name.chars().any(|c| c.is_control() || c == '/');
    if odd {
        return Some("git takes no folder with an entry of this name");
    }
    let session =
        |name: &str| name.strip_suffix(".json").is_some_and(|name| SessionName::parse(name).is_ok());
    match folder {
        "queues" if !is_tree || QueueName::parse(name).is_err() => Some("this is not the name of a queue"),
        "sessions" if is_tree || !session(name) => Some("this is not the name of a session"),
        _ => None,
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// What is wrong.
pub fn findings(view: &dyn View) -> Vec<Finding> {
    let finding = |(key, why): (String, &str)| {
        let shown = if key.is_empty() { "(an empty name)".to_owned() } else { key };
        Finding::at_key(CODE, shown, format!("{why}; a repair removes it"))
    };
    wrong(view).into_iter().map(finding).collect()
}

/// Removes it. The state before has it still.
pub fn mend(txn: &mut Txn<'_>) {
    for (key, _) in wrong(txn) {
        let mut keys = vec![key];
        while let Some(key) = keys.pop() {
            let below = txn.list(&key).unwrap_or_default();
            if below.is_empty() || key.is_empty() || key.ends_with('/') {
                txn.remove(&key);
            } else {
                keys.extend(below.into_iter().map(|entry| join(&key, &entry.name)));
            }
        }
    }
}
