//! Reading what `git push --porcelain` says about one ref.
//!
//! The flag at the beginning of the ref's line decides, not the words behind it, which differ
//! between servers and versions (`stale info`, `failed to update ref`, `cannot lock ref`, …).

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The ref is moved.
    Won,
    /// It is not; usually because somebody else has moved it. The words are git's.
    Rejected(String),
    /// The server was not reached, so nothing was sent.
    Unreachable(String),
    /// No answer about the ref.
    Unknown(String),
}

/// What git says when it fails before anything is sent: no connection, or none that speaks git.
/// (connect.c, `die_initial_contact`; remote-curl.c, `discover_refs`; transport.c.)
const BEFORE_SENDING: &[&str] = &[
    "Could not read from remote repository",
    "hung up upon initial contact",
    "does not appear to be a git repository",
    "unable to access '",
    "Could not resolve host",
    "No such remote",
    "Authentication failed",
    "could not read Username",
    "terminal prompts disabled",
];

/// Reads the output of a push of the ref `name`.
pub(super) fn read(name: &str, stdout: &str, stderr: &str) -> Pushed {
    let mut worst: Option<Pushed> = None;
    for line in stdout.lines() {
        let mut parts = line.split('\t');
        let (Some(flag), Some(refs)) = (parts.next(), parts.next()) else { continue };
        if refs.rsplit(':').next() != Some(name) {
            continue;
        }
        let pushed = flagged(flag, parts.next().unwrap_or("rejected"), stderr);
        // A remote with several push URLs answers for each of them: won is what all have taken.
        worst = Some(match worst {
            None | Some(Pushed::Won) => pushed,
            Some(known) => known,
        });
    }
    if let Some(pushed) = worst {
        return pushed;
    }
    let reason = last_words(stderr);
    if BEFORE_SENDING.iter().any(|words| stderr.contains(words)) && !stderr.contains("RPC failed") {
        Pushed::Unreachable(reason)
    } else {
        Pushed::Unknown(reason)
    }
}

/// What the line of a ref says.
fn flagged(flag: &str, words: &str, stderr: &str) -> Pushed {
    match flag {
        // `=`: the remote has this very commit, which nobody else can have made.
        " " | "+" | "*" | "=" | "-" => Pushed::Won,
        // The connection broke while the server was at work: nobody knows.
        "!" if words.contains("remote failed to report status") => Pushed::Unknown(words.to_owned()),
        "!" => Pushed::Rejected(with_remote_lines(words, stderr)),
        other => Pushed::Unknown(format!("git push answered {other:?}")),
    }
}

/// The words of a rejection, with what the server itself has to say.
fn with_remote_lines(words: &str, stderr: &str) -> String {
    let said: Vec<&str> = stderr.lines().filter_map(|l| l.strip_prefix("remote: ")).map(str::trim).collect();
    if said.is_empty() { words.to_owned() } else { format!("{words}: {}", said.join(" ")) }
}

/// The line of an error output that says most.
pub(super) fn last_words(stderr: &str) -> String {
    let telling = |l: &&str| l.starts_with("fatal:") || l.starts_with("error:") || l.starts_with("ssh:");
    let line = stderr.lines().find(telling).or_else(|| stderr.lines().last()).unwrap_or("no answer");
    line.trim_start_matches("fatal: ").trim_start_matches("error: ").trim().to_owned()
}

/// How a server's git speaks of objects that are missing or damaged; the id stands in the same
/// line. That it calls its repository "possibly corrupt" is no proof: so it does whenever it cannot
/// make a pack, for want of memory, too.
const DAMAGE: &[&str] = &[
    "unable to read",
    "Could not read",
    "bad object",
    "bad tree object",
    "bad blob object",
    "is corrupt",
    "unable to unpack",
    "missing",
    "not our ref",
];

/// The line in which the server says that an object is missing or damaged.
pub(super) fn damage(stderr: &str) -> Option<String> {
    let line = stderr.lines().find(|line| line.contains("remote") && names_damage(line))?;
    Some(line.trim_start_matches("fatal: ").trim_start_matches("remote: ").trim().to_owned())
}

/// True for such a line.
pub(super) fn names_damage(line: &str) -> bool {
    let id = |word: &str| word.len() >= 40 && word.bytes().all(|b| b.is_ascii_hexdigit());
    DAMAGE.iter().any(|words| line.contains(words))
        && line.split(|c: char| !c.is_ascii_alphanumeric()).any(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "refs/coord/state";

    fn of(flag_and_rest: &str) -> Pushed {
        read(NAME, &format!("To /r.git\n{flag_and_rest}\nDone\n"), "")
    }

    #[test]
    fn the_flag_decides() {
        for flag in [" ", "+", "*", "="] {
            assert_eq!(of(&format!("{flag}\tabc:{NAME}\twords")), Pushed::Won, "{flag:?}");
        }
        for words in [
            "[rejected] (stale info)",
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[remote rejected] (failed to update ref)",
            "[remote rejected] (cannot lock ref 'refs/coord/state': is at 1 but expected 2)",
            "[remote rejected] (reference already exists)",
            "[remote rejected] (atomic transaction failed)",
            "[remote rejected] (deny updating a hidden ref)",
            "[remote rejected] (pre-receive hook declined)",
        ] {
            assert_eq!(of(&format!("!\tabc:{NAME}\t{words}")), Pushed::Rejected(words.to_owned()));
        }
    }

    #[test]
    fn what_the_server_says_is_passed_on() {
        let out = format!("To x\n!\tabc:{NAME}\t[remote rejected] (hook declined)\n");
        let pushed = read(NAME, &out, "remote: no pushes on Fridays        \nerror: failed to push\n");
        assert_eq!(
            pushed,
            Pushed::Rejected("[remote rejected] (hook declined): no pushes on Fridays".into())
        );
    }

    #[test]
    fn no_answer_is_unknown_unless_nothing_was_sent() {
        let unknown = [
            "error: RPC failed; curl 52 Empty reply from server\nfatal: the remote end hung up unexpectedly",
            "fatal: the remote end hung up unexpectedly",
            "send-pack: unexpected disconnect while reading sideband packet",
            "error: RPC failed; HTTP 502\nunable to access 'http://x/': 502",
            "",
        ];
        for text in unknown {
            assert!(matches!(read(NAME, "", text), Pushed::Unknown(_)), "{text}");
        }
        let sent_nothing = [
            "fatal: '/r.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
            "fatal: unable to access 'http://x/r.git/': Failed to connect to x port 80",
            "ssh: Could not resolve hostname x\nfatal: Could not read from remote repository.",
        ];
        for text in sent_nothing {
            assert!(matches!(read(NAME, "", text), Pushed::Unreachable(_)), "{text}");
        }
        let report = of(&format!("!\tabc:{NAME}\t[remote failure] (remote failed to report status)"));
        assert!(matches!(report, Pushed::Unknown(_)));
    }

    #[test]
    fn of_several_push_urls_all_must_have_taken_it() {
        let out =
            |a: &str, b: &str| format!("To /mirror\n{a}\tabc:{NAME}\tx\nTo /hub\n{b}\tabc:{NAME}\tstale\n");
        assert_eq!(read(NAME, &out("+", "+"), ""), Pushed::Won);
        assert_eq!(read(NAME, &out("+", "!"), ""), Pushed::Rejected("stale".into()));
        assert_eq!(read(NAME, &out("!", "+"), ""), Pushed::Rejected("x".into()));
    }

    #[test]
    fn only_a_server_that_names_an_object_has_lost_it() {
        let id = "00750edc07d6415dcc07ae0351e9397b0222b7ba";
        for line in [
            format!("remote: fatal: unable to read {id}        "),
            format!("remote: fatal: loose object {id} (stored in ./objects/00/75) is corrupt"),
            format!("fatal: remote error: upload-pack: not our ref {id}"),
        ] {
            let text = format!("{line}\nfatal: protocol error: bad pack header");
            assert!(damage(&text).is_some_and(|line| names_damage(&line)), "{text}");
        }
        for text in [
            "remote: aborting due to possible repository corruption on the remote side.",
            "remote: fatal: Out of memory, malloc failed",
            "fatal: Could not read from remote repository.",
            &format!("error: Could not read {id}"),
        ] {
            assert_eq!(damage(text), None);
        }
    }

    #[test]
    fn lines_of_other_refs_are_not_ours() {
        let out = "To x\n*\tabc:refs/coord/state2\t[new reference]\n";
        assert!(matches!(read(NAME, out, ""), Pushed::Unknown(_)));
    }
}
