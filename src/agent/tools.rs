//! Which paths a tool call is certain to write.
//!
//! Tools are recognised by their names without case and punctuation, and without the
//! prefix of a server or extension. A tool that no table names writes nothing as far as is known here;
//! what it has changed is found afterwards.

use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::event::{Event, Tool};
use super::{patch, shell};

/// What of a path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The content: of a symbolic link, that of the file that it leads to.
    Content,
    /// The entry itself: it is removed, renamed or replaced.
    Entry,
}

/// One path that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The path as it was given: absolute, or relative to where the call runs.
    pub path: PathBuf,
    /// What of it.
    pub target: Target,
}

impl Write {
    /// A path and what of it is written.
    pub fn new(path: impl Into<PathBuf>, target: Target) -> Self {
        Write { path: path.into(), target }
    }
}

/// What a call writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Writes {
    /// The paths that it is certain to write, each absolute where the folder of the call is known.
    pub list: Vec<Write>,
    /// True when it may write more than that.
    pub may_write_more: bool,
}

/// What the tool of a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Edit,
    Remove,
    Copy,
    Patch,
    Shell,
    /// Types into a shell that runs already, in a folder that is not known.
    TypeIn,
    Nothing,
}

const EDIT: &[&str] = &[
    "append",
    "appendfile",
    "applydiff",
    "create",
    "createfile",
    "createnewfile",
    "edit",
    "editexistingfile",
    "editfile",
    "editfiles",
    "editnotebook",
    "editnotebookfile",
    "fsappend",
    "fswrite",
    "insert",
    "insertcontent",
    "inserteditintofile",
    "insertline",
    "multiedit",
    "multireplacefilecontent",
    "multireplacestringinfile",
    "notebookedit",
    "prewritecode",
    "postwritecode",
    "replace",
    "replacefilecontent",
    "replaceinfile",
    "replacestringinfile",
    "savefile",
    "searchandreplace",
    "searchreplace",
    "singlefindandreplace",
    "strreplace",
    "strreplacebasededittool",
    "strreplaceeditor",
    "texteditor",
    "undoedit",
    "update",
    "updatefile",
    "write",
    "writefile",
    "writefiles",
    "writetofile",
];
const REMOVE: &[&str] = &[
    "delete",
    "deletefile",
    "deletefiles",
    "deletepath",
    "move",
    "movefile",
    "movepath",
    "remove",
    "removefile",
    "rename",
    "renamefile",
];
const COPY: &[&str] = &["copy", "copyfile", "copypath"];
const PATCH: &[&str] = &["applypatch", "patch", "applyunifieddiff"];
const SHELL: &[&str] = &[
    "bash",
    "console",
    "execcommand",
    "execute",
    "executebash",
    "executecommand",
    "localshell",
    "postruncommand",
    "preruncommand",
    "runbash",
    "runcommand",
    "runinterminal",
    "runshell",
    "runshellcommand",
    "runterminalcmd",
    "runterminalcommand",
    "shell",
    "shellcommand",
    "shellexec",
    "terminal",
    "unifiedexec",
];
const TYPE_IN: &[&str] = &["writebash", "writestdin", "sendterminalinput"];

/// The name without case, punctuation, and the prefix of a server or extension.
fn plain(name: &str) -> String {
    let name = name.rsplit("__").next().unwrap_or(name);
    let name = name.rsplit(['/', '.', ':']).next().unwrap_or(name);
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn does(tool: &Tool) -> Does {
    let name = plain(&tool.name);
    let within = |table: &[&str]| table.contains(&name.as_str());
    match () {
        () if within(EDIT) && !only_looks(&tool.input) => Does::Edit,
        () if within(REMOVE) => Does::Remove,
        () if within(COPY) => Does::Copy,
        () if within(PATCH) => Does::Patch,
        () if within(SHELL) => Does::Shell,
        () if within(TYPE_IN) => Does::TypeIn,
        () => Does::Nothing,
    }
}

/// Editors with several commands also show files.
fn only_looks(input: &Value) -> bool {
    let command = input.get("command").and_then(Value::as_str);
    matches!(command, Some("view" | "read" | "list" | "cat"))
}

/// True when the call of an event is one whose changes are found afterwards.
pub fn is_shell(tool: &Tool) -> bool {
    matches!(does(tool), Does::Shell | Does::TypeIn)
}

/// What the call of an event writes. `home` is the value of `~`.
pub fn writes(event: &Event, home: Option<&Path>) -> Writes {
    let Some(tool) = &event.tool else { return Writes::default() };
    let base = base(event, &tool.input);
    match does(tool) {
        Does::Nothing => Writes::default(),
        Does::TypeIn => Writes { list: Vec::new(), may_write_more: true },
        Does::Edit => named(&tool.input, Target::Content, base.as_deref(), &[]),
        Does::Remove => named(&tool.input, Target::Entry, base.as_deref(), &[]),
        Does::Copy => named(&tool.input, Target::Content, base.as_deref(), SOURCE),
        Does::Patch => match patch_text(&tool.input) {
            Some(text) => absolute(patch::writes(&text), base.as_deref()),
            None => named(&tool.input, Target::Content, base.as_deref(), &[]),
        },
        Does::Shell => match command_of(&tool.input) {
            Some(words) => shell::writes(&words, base.as_deref(), home),
            None => Writes { list: Vec::new(), may_write_more: true },
        },
    }
}

/// Where relative paths of a call begin: at its own folder, itself perhaps relative to the agent's.
fn base(event: &Event, input: &Value) -> Option<PathBuf> {
    const KEYS: &[&str] =
        &["cwd", "workdir", "dirpath", "workingdirectory", "workingdir", "workdirectory", "directory"];
    let own = fields(input).find(|(key, _)| KEYS.contains(&key.as_str())).and_then(|(_, v)| v.as_str());
    match (own.filter(|own| !own.is_empty()), &event.cwd) {
        (Some(own), Some(cwd)) => Some(cwd.join(own)),
        (Some(own), None) => Some(PathBuf::from(own)).filter(|own| own.is_absolute()),
        (None, cwd) => cwd.clone(),
    }
}

/// The fields of an object, with plain names.
fn fields(input: &Value) -> impl Iterator<Item = (String, &Value)> {
    input.as_object().into_iter().flatten().map(|(key, value)| (plain(key), value))
}

/// Arguments that are the path of a file.
const PATH: &[&str] = &[
    "absolutefilepath",
    "absolutepath",
    "destination",
    "destinationpath",
    "dest",
    "file",
    "filename",
    "filepath",
    "files",
    "fileuri",
    "newpath",
    "newname",
    "notebookpath",
    "oldpath",
    "path",
    "paths",
    "relativepath",
    "relativeworkspacepath",
    "source",
    "sourcepath",
    "targetfile",
    "targetfilepath",
    "targetpath",
    "uri",
];
const SOURCE: &[&str] = &["source", "sourcepath", "oldpath"];
/// Arguments that are lists of edits, each perhaps of another file.
const LISTS: &[&str] = &["changes", "edits", "files", "operations", "replacementchunks", "replacements"];

/// The paths that the arguments name.
fn named(input: &Value, target: Target, base: Option<&Path>, without: &[&str]) -> Writes {
    let mut list = Vec::new();
    collect(input, without, &mut |text| {
        let write = Write::new(path_of(text), target);
        if !list.contains(&write) {
            list.push(write);
        }
    });
    absolute(list, base)
}

fn collect(input: &Value, without: &[&str], found: &mut dyn FnMut(&str)) {
    for (key, value) in fields(input) {
        if PATH.contains(&key.as_str()) && !without.contains(&key.as_str()) {
            match value {
                Value::String(text) => found(text),
                Value::Array(list) => list.iter().filter_map(Value::as_str).for_each(&mut *found),
                _ => {}
            }
        }
        if LISTS.contains(&key.as_str()) {
            let list = value.as_array().into_iter().flatten().filter(|one| one.is_object());
            list.for_each(|one| collect(one, without, found));
        }
    }
}

/// A path as an argument writes it: plain, or as a URI of a file.
fn path_of(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix("file://") else { return PathBuf::from(text) };
    let path = rest.find('/').map_or(rest, |at| &rest[at..]);
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    std::ffi::OsString::from_vec(bytes).into()
}

fn absolute(list: Vec<Write>, base: Option<&Path>) -> Writes {
    let known = |write: &Write| write.path.is_absolute() || base.is_some();
    let may_write_more = !list.iter().all(known);
    let list = list.into_iter().filter(known).map(|write| match base {
        Some(base) => Write { path: base.join(&write.path), ..write },
        None => write,
    });
    Writes { list: list.filter(|w| !w.path.as_os_str().is_empty()).collect(), may_write_more }
}

/// The text of a patch among the arguments.
fn patch_text(input: &Value) -> Option<String> {
    const KEYS: &[&str] =
        &["patchtext", "patch", "input", "command", "diff", "unifieddiff", "content", "arguments"];
    if let Some(text) = input.as_str() {
        return Some(text.to_owned());
    }
    KEYS.iter().find_map(|wanted| {
        let (_, value) = fields(input).find(|(key, _)| key == wanted)?;
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Array(words) => words.iter().filter_map(Value::as_str).next_back().map(str::to_owned),
            _ => None,
        }
    })
}

/// The command of a shell call, as a script. A list of words is one command.
fn command_of(input: &Value) -> Option<String> {
    const KEYS: &[&str] = &["command", "cmd", "commandline", "script", "code"];
    if let Some(text) = input.as_str() {
        return Some(text.to_owned());
    }
    KEYS.iter().find_map(|wanted| {
        let (_, value) = fields(input).find(|(key, _)| key == wanted)?;
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Array(words) => shlex::try_join(words.iter().filter_map(Value::as_str)).ok(),
            _ => None,
        }
    })
}
