//! Expands a word to paths: braces, patterns, `~`.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::token::Word;

/// Most paths of one word.
const MOST: usize = 2000;

/// The paths of a word, not yet joined to a folder; `None` when they are known only when the script runs.
pub fn paths(word: &Word, base: Option<&Path>, home: Option<&Path>) -> Option<Vec<PathBuf>> {
    if word.is_dynamic {
        return None;
    }
    if !word.is_pattern {
        return Some(vec![at_home(&word.text, word.is_quoted, home)?]);
    }
    let mut list = Vec::new();
    for pattern in braces(&word.pattern) {
        if has_wildcard(&pattern) {
            glob(&at_home(&pattern, false, home)?, base?, &mut list)?;
        } else {
            list.push(at_home(&plain(&pattern), false, home)?);
        }
        if list.len() > MOST {
            return None;
        }
    }
    Some(list)
}

fn at_home(text: &str, quoted: bool, home: Option<&Path>) -> Option<PathBuf> {
    match text.strip_prefix('~') {
        Some(rest) if !quoted && rest.is_empty() => home.map(Path::to_owned),
        Some(rest) if !quoted && rest.starts_with('/') => home.map(|home| home.join(&rest[1..])),
        // Another user's home folder.
        Some(_) if !quoted => None,
        _ => Some(PathBuf::from(text)),
    }
}

/// A pattern without its backslashes.
fn plain(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

fn has_wildcard(pattern: &str) -> bool {
    let mut escaped = false;
    pattern.chars().any(|c| {
        let counts = !escaped && matches!(c, '*' | '?' | '[');
        escaped = !escaped && c == '\\';
        counts
    })
}

/// `a{b,c}` as `ab` and `ac`. Braces without a comma stay.
fn braces(pattern: &str) -> Vec<String> {
    let chars: Vec<char> = pattern.chars().collect();
    let Some((open, commas, close)) = group(&chars) else { return vec![pattern.to_owned()] };
    let text = |part: &[char]| part.iter().collect::<String>();
    let mut list = Vec::new();
    let mut start = open + 1;
    for end in commas.into_iter().chain([close]) {
        let joined =
            format!("{}{}{}", text(&chars[..open]), text(&chars[start..end]), text(&chars[close + 1..]));
        list.extend(braces(&joined));
        start = end + 1;
        if list.len() > MOST {
            break;
        }
    }
    list
}

/// The first group of braces with a comma: where it opens, its commas, where it closes.
fn group(chars: &[char]) -> Option<(usize, Vec<usize>, usize)> {
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 1,
            '{' => open.push((at, Vec::new())),
            ',' => open.last_mut().into_iter().for_each(|(_, commas)| commas.push(at)),
            '}' => {
                if let Some((start, commas)) = open.pop().filter(|(_, commas)| !commas.is_empty()) {
                    return Some((start, commas, at));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// What a pattern matches on the disk, as a shell would find it.
fn glob(pattern: &Path, base: &Path, list: &mut Vec<PathBuf>) -> Option<()> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let name = part.as_os_str().to_str()?;
        let mut next = Vec::new();
        for folder in found {
            if !has_wildcard(name) {
                next.push(folder.join(plain(name)));
                continue;
            }
            let matcher = GlobBuilder::new(name).literal_separator(true).backslash_escape(true).build();
            let matcher = matcher.ok()?.compile_matcher();
            let Ok(entries) = std::fs::read_dir(base.join(&folder)) else { continue };
            for entry in entries.flatten() {
                let entry = entry.file_name();
                let hidden = entry.as_encoded_bytes().starts_with(b".") && !name.starts_with('.');
                if !hidden && matcher.is_match(Path::new(&entry)) {
                    next.push(folder.join(entry));
                }
                if next.len() > MOST {
                    return None;
                }
            }
        }
        found = next;
    }
    found.retain(|path| base.join(path).symlink_metadata().is_ok());
    found.sort();
    list.extend(found);
    Some(())
}
