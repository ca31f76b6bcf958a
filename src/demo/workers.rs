//! The crew: real worker processes, one of which is killed on the way.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::setup::Setup;
use super::worker::{Part, Report};
use super::{DemoError, Happening};

/// How long nobody may report anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the worker holds on before it is killed, at the least: for the eye.
const SUSPENSE: Duration = Duration::from_millis(1200);

/// What happened, by the reports of the workers; for display and counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Story {
    /// The worker that was killed, and the item in its hands.
    pub killed: Option<(String, String)>,
    /// Sessions whose commit a hook refused.
    pub refused_commits: Vec<String>,
    /// Sessions whose claim was refused.
    pub refused_claims: Vec<String>,
    /// What must not have happened.
    pub wrong: Vec<String>,
}

/// Messages of the threads that listen to the workers.
enum Message {
    Report(usize, Report),
    Garbled(usize, String),
    Ended(usize),
}

/// A running worker. It is killed when this is dropped.
struct Member {
    child: Child,
    ended: bool,
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

struct Crew<'a> {
    setup: &'a Setup,
    members: Vec<Option<Member>>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    story: Story,
    /// Item and file that the first worker holds, and since when.
    held: Option<(String, String, Instant)>,
    /// Claims and commits that are still to be refused before the first worker is killed.
    awaited: usize,
    killed_at: Option<Instant>,
}

/// Lets all sessions work until nothing is left.
///
/// # Errors
/// When a worker fails, nothing moves for too long, or `stop` was set.
pub fn run(
    setup: &Setup,
    stop: &AtomicBool,
    observer: &mut dyn FnMut(&Happening),
) -> Result<Story, DemoError> {
    let (sender, receiver) = channel();
    let mut crew = Crew {
        setup,
        members: setup.sessions.iter().map(|_| None).collect(),
        sender,
        receiver,
        story: Story::default(),
        held: None,
        awaited: 0,
        killed_at: None,
    };
    // Alone at first, so that there is an item for it even if there is only one.
    let items = setup.findings.len();
    let hold_after = Some(2.min(items.saturating_sub(1)));
    crew.start(0, &Part { hold_after, ..Part::default() })?;
    let mut last = Instant::now();
    while crew.members.iter().flatten().any(|m| !m.ended) {
        if stop.load(Ordering::SeqCst) {
            return Err(DemoError::Interrupted);
        }
        match crew.receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(message) => {
                last = Instant::now();
                crew.hear(message, observer)?;
            }
            Err(RecvTimeoutError::Timeout) if last.elapsed() < PATIENCE => {}
            Err(_) => {
                return Err(DemoError::Worker("nobody".into(), "nothing has happened for too long".into()));
            }
        }
        crew.kill_when_due(observer)?;
    }
    if crew.story.killed.is_none() {
        crew.story.wrong.push("no worker could be killed in the middle of an item".into());
    }
    let wanted = (1, usize::from(setup.sessions.len() > 1));
    let got = (crew.story.refused_commits.len(), crew.story.refused_claims.len());
    if got != wanted {
        crew.story.wrong.push(format!("{} commits and {} claims were refused", got.0, got.1));
    }
    Ok(std::mem::take(&mut crew.story))
}

impl Crew<'_> {
    fn name(&self, n: usize) -> &str {
        &self.setup.sessions[n]
    }

    /// Starts the worker of session number `n`.
    fn start(&mut self, n: usize, part: &Part) -> Result<(), DemoError> {
        let name = self.name(n);
        let own = crate::process::own_program().map_err(DemoError::io("find", &self.setup.root))?;
        let log = self.setup.root.join("logs").join(format!("{name}.log"));
        super::clean_env::write(&log, "")?;
        let stderr = File::options().append(true).open(&log).map_err(DemoError::io("open", &log))?;
        let mut command = crate::process::command(own);
        command.arg("demo-worker").args(part.words());
        command.current_dir(self.setup.tree(name)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        self.setup.shell.acting_as(name).apply_to(&mut command);
        // Its own group: Ctrl-C is for this process, which then ends the workers in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(DemoError::io("start a worker in", &self.setup.root))?;
        let out = child.stdout.take();
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            for line in out.into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok) {
                let message = match serde_json::from_str(&line) {
                    Ok(report) => Message::Report(n, report),
                    Err(_) => Message::Garbled(n, line),
                };
                if sender.send(message).is_err() {
                    return;
                }
            }
            let _ = sender.send(Message::Ended(n));
        });
        self.members[n] = Some(Member { child, ended: false });
        Ok(())
    }

    /// Starts all others, once the first holds on to an item.
    fn start_others(&mut self, file: &str) -> Result<(), DemoError> {
        let sessions = self.setup.sessions.len();
        let patience = (self.setup.findings.len() / sessions / 4).min(4);
        let (trespasser, grabber) = (1, if sessions > 2 { 2 } else { 1 });
        for n in 1..sessions {
            let mut part = Part { patience, ..Part::default() };
            if n == trespasser {
                part.trespass = Some(file.to_owned());
                self.awaited += 1;
            }
            if n == grabber {
                part.grab = Some(file.to_owned());
                self.awaited += 1;
            }
            self.start(n, &part)?;
        }
        Ok(())
    }

    fn hear(&mut self, message: Message, observer: &mut dyn FnMut(&Happening)) -> Result<(), DemoError> {
        match message {
            Message::Ended(n) => self.ended(n, observer),
            Message::Garbled(n, line) => {
                Err(DemoError::Worker(self.name(n).to_owned(), format!("printed {line:?}")))
            }
            Message::Report(n, report) => {
                self.note(n, &report, observer)?;
                let session = self.name(n).to_owned();
                observer(&Happening::Report { session, report });
                Ok(())
            }
        }
    }

    /// Takes a report into the story.
    fn note(
        &mut self,
        n: usize,
        report: &Report,
        observer: &mut dyn FnMut(&Happening),
    ) -> Result<(), DemoError> {
        let name = self.name(n).to_owned();
        match report {
            Report::Holds { item, file } if self.held.is_none() => {
                self.held = Some((item.clone(), file.clone(), Instant::now()));
                self.start_others(file)?;
            }
            Report::Took { item, .. } => {
                if let (Some((_, killed)), Some(at)) = (&self.story.killed, self.killed_at)
                    && killed == item
                {
                    observer(&Happening::CameBack { item: item.clone(), session: name, after: at.elapsed() });
                }
            }
            Report::CommitRefused { .. } => {
                self.awaited = self.awaited.saturating_sub(1);
                self.story.refused_commits.push(name);
            }
            Report::ClaimRefused { file, status, holder, .. } => {
                self.awaited = self.awaited.saturating_sub(1);
                let first = self.name(0);
                if *status != 4 || holder != first {
                    let what = format!("the refused claim of {file} ended with {status}, naming {holder:?}");
                    self.story.wrong.push(what);
                }
                self.story.refused_claims.push(name);
            }
            Report::Wrong { what } => {
                self.awaited = self.awaited.saturating_sub(1);
                self.story.wrong.push(format!("{name}: {what}"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Kills the first worker once the others have tried to get at its file.
    fn kill_when_due(&mut self, observer: &mut dyn FnMut(&Happening)) -> Result<(), DemoError> {
        let Some((item, _, since)) = &self.held else { return Ok(()) };
        if self.killed_at.is_some() || self.awaited > 0 || since.elapsed() < SUSPENSE {
            return Ok(());
        }
        let (item, session) = (item.clone(), self.name(0).to_owned());
        let Some(member) = self.members[0].as_mut() else { return Ok(()) };
        // SIGKILL: nothing of it can tidy up.
        member.child.kill().map_err(DemoError::io("kill a worker in", &self.setup.root))?;
        self.killed_at = Some(Instant::now());
        self.story.killed = Some((session.clone(), item.clone()));
        observer(&Happening::Killed { session, item });
        Ok(())
    }

    /// A worker has closed its output: it has ended, or is about to.
    fn ended(&mut self, n: usize, observer: &mut dyn FnMut(&Happening)) -> Result<(), DemoError> {
        let name = self.name(n).to_owned();
        let Some(member) = self.members[n].as_mut() else { return Ok(()) };
        let status = member.child.wait().map_err(DemoError::io("wait for", &self.setup.root))?;
        member.ended = true;
        let killed = n == 0 && self.killed_at.is_some() && status.code().is_none();
        if !killed && !status.success() {
            let log = self.setup.root.join("logs").join(format!("{name}.log"));
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            return Err(DemoError::Worker(name, format!("{status}: {}", said.trim())));
        }
        if killed && self.setup.sessions.len() == 1 {
            // Nobody else is there to take over: the session gets a new worker.
            let trespass = Some("README.md".to_owned());
            return self.start(n, &Part { resume: true, trespass, ..Part::default() });
        }
        if !killed {
            observer(&Happening::Finished { session: name });
        }
        Ok(())
    }
}
