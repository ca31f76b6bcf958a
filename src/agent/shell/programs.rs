//! What the common programs write, by their arguments.

use std::path::{Path, PathBuf};

use super::super::patch;
use super::super::tools::Target;
use super::git;
use super::known::{READERS, WRAPPERS};
use super::options::parse;
use super::run::{Command, Run};
use super::token::Word;

impl Run<'_> {
    /// Notes what one command writes.
    pub fn program(&mut self, mut command: Command, depth: usize) {
        let Some(first) = command.words.first() else { return };
        if first.is_dynamic {
            return self.unsure();
        }
        let name = first.text.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some((_, valued)) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name) {
            return self.wrapped(&name, valued, command, depth);
        }
        command.words.remove(0);
        let args = &command.words;
        match name.as_str() {
            "cd" | "pushd" => self.change_dir(args),
            "popd" => self.cwd = None,
            "rm" | "unlink" => self.write_all(parse(args, &[]).operands, Target::Entry),
            "touch" => self.write_all(
                parse(args, &["-d", "-t", "-r", "--date", "--reference"]).operands,
                Target::Content,
            ),
            "truncate" => {
                self.write_all(parse(args, &["-s", "-r", "--size", "--reference"]).operands, Target::Content)
            }
            "shred" => self.write_all(parse(args, &["-n", "-s"]).operands, Target::Content),
            "tee" => self.write_all(parse(args, &[]).operands, Target::Content),
            "chmod" => {
                self.write_all(parse(args, &["--reference"]).operands.into_iter().skip(1), Target::Content)
            }
            "cp" | "mv" | "ln" | "install" => self.copy(&name, args),
            "sed" | "gsed" => self.sed(args),
            "perl" | "ruby" => self.in_place(args),
            "sort" => self.write_all(parse(args, &SORT).value(&["-o", "--output"]), Target::Content),
            "dd" => self.write_dd(args),
            "curl" => self.output(args, &["-o", "--output"], &["-O", "--remote-name", "-J"]),
            "wget" => self.output(args, &["-O", "--output-document"], &[]),
            "patch" => self.patch(args, command.body.as_deref()),
            "apply_patch" | "applypatch" => self.apply_patch(args, command.body.as_deref()),
            "git" => git::command(self, args),
            "sh" | "bash" | "dash" | "zsh" | "ksh" => self.nested(args, depth),
            "eval" => self.eval(args, depth),
            "find" => self.find(args),
            "xargs" => self.xargs(args),
            name if READERS.contains(&name) => {}
            _ => self.unsure(),
        }
    }

    fn wrapped(&mut self, name: &str, valued: &[&str], mut command: Command, depth: usize) {
        let words = std::mem::take(&mut command.words);
        let mut at = 1;
        while let Some(word) = words.get(at) {
            let assignment = name == "env" && word.text.contains('=');
            if word.text == "--" {
                at += 1;
                break;
            }
            if !word.text.starts_with('-') && !assignment {
                break;
            }
            if matches!(word.text.as_str(), "-C" | "--chdir" | "-D") {
                // It runs somewhere else.
                return self.unsure();
            }
            at += 1 + usize::from(valued.contains(&word.text.as_str()));
        }
        // `timeout 10 make`
        at += usize::from(name == "timeout");
        let rest: Vec<Word> = words.into_iter().skip(at).collect();
        if !rest.is_empty() {
            self.program(Command { words: rest, body: command.body }, depth);
        }
    }

    fn change_dir(&mut self, args: &[Word]) {
        let parsed = parse(args, &[]);
        let target = match parsed.operands.first() {
            Some(word) if word.text == "-" => Vec::new(),
            Some(word) => self.paths(word),
            None => Vec::new(),
        };
        self.cwd = match (target.as_slice(), &self.cwd) {
            ([one], Some(cwd)) => Some(cwd.join(one)),
            ([one], None) if one.is_absolute() => Some(one.clone()),
            _ => None,
        };
    }

    fn copy(&mut self, name: &str, args: &[Word]) {
        const VALUED: [&str; 9] =
            ["-t", "--target-directory", "-S", "--suffix", "-m", "--mode", "-o", "-g", "--owner"];
        let parsed = parse(args, if name == "install" { &VALUED } else { &VALUED[..4] });
        if name == "install" && parsed.has(&["-d", "--directory"]) {
            return;
        }
        let mut sources = parsed.operands.clone();
        let into = parsed.value(&["-t", "--target-directory"]).cloned();
        let plain = into.is_none() && parsed.has(&["-T", "--no-target-directory"]);
        let Some(last) = into.or_else(|| sources.pop().cloned()) else { return };
        let from: Vec<PathBuf> = sources.iter().flat_map(|word| self.paths(word)).collect();
        if name == "mv" {
            from.iter().for_each(|path| self.write(path.clone(), Target::Entry));
        }
        if name == "ln" && from.is_empty() {
            // One operand: a link with its name, here.
            return self.copied(&[PathBuf::from(&last.text)], Path::new("."), Target::Entry);
        }
        let target = if name == "cp" || name == "install" { Target::Content } else { Target::Entry };
        let folder = parsed.has(&["-t", "--target-directory"]) || from.len() > 1 || last.text.ends_with('/');
        for to in self.paths(&last) {
            match !plain && (folder || self.is_dir(&to)) {
                true => self.copied(&from, &to, target),
                false => self.write(to, target),
            }
        }
    }

    /// What is copied or moved into a folder. `dir/.` brings what is in it, under names not known here.
    fn copied(&mut self, from: &[PathBuf], folder: &Path, target: Target) {
        for path in from {
            let whole = path.as_os_str().as_encoded_bytes().ends_with(b"/.");
            match path.file_name().filter(|_| !whole) {
                Some(name) => self.write(folder.join(name), target),
                None => self.unsure(),
            }
        }
    }

    fn sed(&mut self, args: &[Word]) {
        let (mut in_place, mut script, mut files) = (false, false, Vec::new());
        let mut rest = args.iter().peekable();
        while let Some(word) = rest.next() {
            let text = word.text.as_str();
            match text {
                "--in-place" => in_place = true,
                _ if text.starts_with("--in-place=") => in_place = true,
                "--expression" | "--file" => {
                    script = true;
                    rest.next();
                }
                _ if text.starts_with("--expression=") || text.starts_with("--file=") => script = true,
                _ if text.starts_with("--") => {}
                _ if text.len() > 1 && text.starts_with('-') => {
                    for (at, letter) in text.char_indices().skip(1) {
                        match letter {
                            'i' => {
                                in_place = true;
                                // Elsewhere than on Linux, the suffix is a word of its own.
                                rest.next_if(|next| {
                                    next.text.is_empty() && next.is_quoted && text.ends_with('i')
                                });
                                break;
                            }
                            'e' | 'f' | 'l' => {
                                script |= letter != 'l';
                                if at + 1 == text.len() {
                                    rest.next();
                                }
                                break;
                            }
                            _ => {}
                        }
                    }
                }
                _ => files.push(word),
            }
        }
        if in_place {
            self.write_all(files.into_iter().skip(usize::from(!script)), Target::Content);
        } else if args.iter().any(|word| word.is_dynamic || writes_from_sed(&word.text)) {
            self.unsure();
        }
    }

    /// `perl -pi -e …`, `ruby -i.bak -pe …`; without `-i`, the script may do anything.
    fn in_place(&mut self, args: &[Word]) {
        let (mut in_place, mut script) = (false, false);
        let mut rest = args.iter().peekable();
        while let Some(word) = rest.next_if(|word| word.text.starts_with('-') && word.text.len() > 1) {
            if word.text == "--" {
                break;
            }
            for (at, letter) in word.text.char_indices().skip(1) {
                match letter {
                    'e' | 'E' => {
                        script = true;
                        if at + 1 == word.text.len() {
                            rest.next();
                        }
                        break;
                    }
                    'i' => {
                        in_place = true;
                        // What follows is the suffix of a copy, unless `-pie` is meant as it never works.
                        break;
                    }
                    'I' | 'M' | 'm' | 'r' if at + 1 < word.text.len() => break,
                    _ => {}
                }
            }
        }
        if in_place && script {
            self.write_all(rest, Target::Content);
        } else {
            self.unsure();
        }
    }

    fn write_dd(&mut self, args: &[Word]) {
        for word in args {
            if let Some(path) = word.text.strip_prefix("of=") {
                let own = Word { text: path.to_owned(), pattern: path.to_owned(), ..word.clone() };
                self.write_all([&own], Target::Content);
            }
        }
    }

    /// Programs that write to the file of an option, and elsewhere with others.
    fn output(&mut self, args: &[Word], to: &[&str], elsewhere: &[&str]) {
        let valued: Vec<&str> =
            to.iter().chain(&["-H", "-d", "-X", "-u", "-A", "-e", "-b", "-F"]).copied().collect();
        let parsed = parse(args, &valued);
        match parsed.value(to) {
            Some(word) if word.text != "-" => self.write_all([word], Target::Content),
            Some(_) => {}
            None if elsewhere.is_empty() || parsed.has(elsewhere) => self.unsure(),
            None => {}
        }
    }

    fn patch(&mut self, args: &[Word], body: Option<&str>) {
        let parsed = parse(args, &["-p", "--strip", "-i", "--input", "-d", "--directory", "-o", "-r", "-F"]);
        match (parsed.operands.first(), body) {
            _ if parsed.has(&["--dry-run", "-d", "--directory"]) => self.unsure(),
            (Some(file), _) => self.write_all([*file], Target::Content),
            (None, Some(body)) => {
                for write in patch::writes(body) {
                    self.write(write.path, write.target);
                }
            }
            (None, None) => self.unsure(),
        }
    }

    fn apply_patch(&mut self, args: &[Word], body: Option<&str>) {
        let text = args.first().filter(|word| !word.is_dynamic).map(|word| word.text.as_str()).or(body);
        let found = text.map(patch::writes).unwrap_or_default();
        if found.is_empty() {
            return self.unsure();
        }
        found.into_iter().for_each(|write| self.write(write.path, write.target));
    }

    fn nested(&mut self, args: &[Word], depth: usize) {
        let at = args.iter().position(|word| {
            word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains('c')
        });
        match at.and_then(|at| args[at + 1..].iter().find(|word| !word.text.starts_with('-'))) {
            Some(script) if !script.is_dynamic => self.aside(&script.text, depth),
            _ => self.unsure(),
        }
    }

    fn eval(&mut self, args: &[Word], depth: usize) {
        if args.iter().any(|word| word.is_dynamic) {
            return self.unsure();
        }
        let words: Vec<&str> = args.iter().map(|word| word.text.as_str()).collect();
        self.script(&words.join(" "), depth + 1);
    }

    fn find(&mut self, args: &[Word]) {
        const ACTS: [&str; 9] =
            ["-delete", "-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fprint0", "-fprintf", "-fls"];
        if args.iter().any(|word| ACTS.contains(&word.text.as_str())) {
            self.unsure();
        }
    }

    fn xargs(&mut self, args: &[Word]) {
        let parsed =
            parse(args, &["-I", "-n", "-P", "-L", "-d", "-a", "-s", "-E", "--max-args", "--max-procs"]);
        let program = parsed.operands.first().map(|word| word.text.as_str());
        if !program.is_none_or(|name| READERS.contains(&name)) {
            self.unsure();
        }
    }
}

const SORT: [&str; 8] = ["-o", "--output", "-k", "--key", "-t", "-S", "-T", "--field-separator"];

/// `w FILE` in a script of sed.
fn writes_from_sed(text: &str) -> bool {
    text.contains("w ") || text.contains("W ")
}
