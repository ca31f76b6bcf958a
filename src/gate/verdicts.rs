//! Asking gates about a commit: what is known already, what has to run, and what it came to.

use std::path::PathBuf;
use std::time::Duration;

use crate::exec::logs::Logs;
use crate::exec::{End, Guardian, Stop};
use crate::git::{Git, HostRepo};
use crate::model::plan::Gate;
use crate::model::verdict::{self, GateResult, Verdict};
use crate::model::verdict_op::GateOp;
use crate::model::{Op, SessionName};
use crate::store::Store;
use crate::trust::Trust;

use super::definition::key;
use super::execute::{Given, Ran, Watch, run};
use super::judge::{Base, Judged, Single, accounts_for, is_red, judge, single};
use super::results::{Outcomes, Status};
use super::{GateError, slot};

/// Folder of the logs in the store's folder. Verdicts point to them.
const LOGS_DIR: &str = "gate-logs";

/// How long what passed counts for the same tree.
const FRESH: Duration = Duration::from_secs(7 * 24 * 3600);

/// Bytes of a list of tests that the state keeps; of a longer one nothing is compared later.
const TESTS_MAX: usize = 1 << 20;

/// What runs gates.
#[derive(Debug)]
pub struct Engine<'a> {
    /// The repository.
    pub repo: &'a HostRepo,
    /// The store.
    pub store: &'a Store,
    /// What may run here.
    pub trust: &'a Trust,
    /// Kills what is left when this process dies.
    pub guardian: &'a Guardian,
    /// Whether to stop.
    pub stop: &'a Stop,
    /// Who asks.
    pub session: Option<SessionName>,
    /// Reads a variable of the environment, for gates whose verdicts depend on it.
    pub variable: fn(&str) -> Option<String>,
}

/// Where gates run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a worktree of the pool.
    Pool,
    /// In this worktree, as it is.
    Here(PathBuf),
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The gates.
    pub gates: &'a [&'a Gate],
    /// The commit that is judged.
    pub commit: &'a str,
    /// What it is compared with.
    pub base: Option<&'a str>,
    /// Where to run.
    pub place: Place,
    /// True: also what passed for this tree before is run again.
    pub fresh: bool,
    /// True: nothing is recorded, because the worktree is not what the commit says.
    pub unrecorded: bool,
}

/// A verdict, and whether it was known.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The verdict.
    pub verdict: Verdict,
    /// True when nothing ran for it.
    pub cached: bool,
}

/// A gate, a commit and what the verdict is known by.
struct Question<'q> {
    gate: &'q Gate,
    commit: &'q str,
    tree: String,
    key: String,
}

impl Engine<'_> {
    /// The verdicts of gates about a commit, in their order. `hear` is told before each that has to run.
    ///
    /// # Errors
    /// When a command is not approved here (then nothing ran), or something cannot be read or started.
    pub fn verdicts(&self, asked: &Asked<'_>, hear: &mut dyn FnMut(&str)) -> Result<Vec<Found>, GateError> {
        self.require(asked.gates)?;
        let mut found = Vec::new();
        for gate in asked.gates {
            let question = self.question(gate, asked.commit)?;
            let known =
                if asked.fresh || !gate.cache || asked.unrecorded { None } else { self.known(&question)? };
            if let Some(verdict) = known {
                found.push(Found { verdict, cached: true });
                continue;
            }
            hear(&gate.name.value);
            let (verdict, _) = self.ask(&question, asked)?;
            found.push(Found { verdict, cached: false });
        }
        Ok(found)
    }

    /// Refuses commands that are not approved on this clone, all of them at once.
    fn require(&self, gates: &[&Gate]) -> Result<(), GateError> {
        let mut refused = Vec::new();
        for gate in gates {
            for command in [&gate.run, &gate.cache_key].into_iter().flatten() {
                let asked = self.trust.objection(command, &format!("gate {}", gate.name.value));
                refused.extend(asked.map_err(crate::exec::ExecError::io("read", &self.trust.file()))?);
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(GateError::Untrusted(refused)) }
    }

    fn question<'q>(&self, gate: &'q Gate, commit: &'q str) -> Result<Question<'q>, GateError> {
        let tree = self.repo.git().args(["rev-parse", &format!("{commit}^{{tree}}")]).text()?;
        let environment: Vec<(String, String)> =
            gate.env.iter().map(|name| (name.clone(), (self.variable)(name).unwrap_or_default())).collect();
        Ok(Question { gate, commit, tree, key: key(gate, &environment, &[]) })
    }

    /// What passed for this tree a short while ago.
    fn known(&self, question: &Question<'_>) -> Result<Option<Verdict>, GateError> {
        let Question { gate, tree, key, .. } = question;
        let found = self.store.read(|view| verdict::get(view, &gate.name.value, tree, key))?;
        let now = crate::clock::now();
        let fresh = |v: &Verdict| now.duration_since(v.at).unsigned_abs() <= FRESH;
        Ok(found.filter(|v| v.result.passes() && fresh(v)))
    }

    /// Runs a gate, again where it is red, and on the base where that says more.
    fn ask(
        &self,
        question: &Question<'_>,
        asked: &Asked<'_>,
    ) -> Result<(Verdict, Option<Outcomes>), GateError> {
        let gate = question.gate;
        let (changed, added) = match asked.base {
            Some(base) => self.changed(base, question.commit)?,
            None => (Vec::new(), Vec::new()),
        };
        let slot = match &asked.place {
            Place::Pool => Some(slot::at(self.repo, self.store, question.commit)?),
            Place::Here(_) => None,
        };
        let root = match (&slot, &asked.place) {
            (Some(slot), _) => slot.root.as_path(),
            (None, Place::Here(root)) => root.as_path(),
            (None, Place::Pool) => self.repo.root.as_path(),
        };
        let session = self.session.as_ref().map(SessionName::as_str);
        let tree = question.tree.get(..12).unwrap_or(&question.tree);
        let label = format!("{}.{tree}", gate.name.value);
        let given =
            Given { root, base: asked.base, changed: &changed, added: &added, session, label: &label };
        let runs = self.runs(gate, &given)?;
        drop(slot);
        let singles: Vec<Single> = runs.iter().map(|ran| single(gate, ran)).collect();
        let base = match asked.base {
            Some(base) if base != question.commit => self.base(gate, base, singles.iter().any(is_red))?,
            _ => None,
        };
        let last = runs.last().and_then(|ran| ran.outcomes.as_ref().ok()?.as_ref());
        let (now, list) = (crate::clock::now(), self.store.read(|view| verdict::allowed(view))?);
        let allowed =
            |id: &str| list.iter().any(|a| a.gate == gate.name.value && a.test == id && a.until >= now);
        let moved = |id: &str| accounts_for(&changed, id);
        let judged = judge(gate, &singles, last, base.as_ref(), &allowed, &moved);
        let verdict = self.verdict(question, judged, &runs);
        if !asked.unrecorded {
            self.record(&verdict, last)?;
        }
        let tests = last.cloned();
        Ok((verdict, tests))
    }

    /// Runs a gate as often as it wants, and once more when it is red.
    fn runs(&self, gate: &Gate, given: &Given<'_>) -> Result<Vec<Ran>, GateError> {
        let logs = Logs::open(self.store.path().join(LOGS_DIR))?;
        let watch = Watch { guardian: self.guardian, stop: self.stop, logs: &logs };
        let mut runs: Vec<Ran> = Vec::new();
        let mut wanted = gate.repeat.max(1);
        let mut again = true;
        while (runs.len() as u32) < wanted {
            let ran = run(gate, given, watch, runs.len() as u32 + 1)?;
            if ran.end == End::Stopped {
                return Err(GateError::Stopped);
            }
            let red = is_red(&single(gate, &ran));
            runs.push(ran);
            if red && again {
                // Once more, and then it is decided.
                again = false;
                wanted = runs.len() as u32 + 1;
            }
        }
        logs.prune();
        Ok(runs)
    }

    /// What is known of the base; it is run there when `needed` and nothing is.
    fn base(&self, gate: &Gate, base: &str, needed: bool) -> Result<Option<Base>, GateError> {
        let question = self.question(gate, base)?;
        let Question { tree, key, .. } = &question;
        let name = &gate.name.value;
        let known = self.store.read(|view| {
            Ok(verdict::get(view, name, tree, key)?.zip(Some(verdict::tests(view, name, tree, key)?)))
        })?;
        if let Some((verdict, tests)) = known {
            return Ok(Some(Base {
                red: !verdict.result.passes(),
                tests: tests.map(|text| unlisted(&text)),
            }));
        }
        if !needed {
            return Ok(None);
        }
        let asked = Asked {
            gates: &[gate],
            commit: base,
            base: None,
            place: Place::Pool,
            fresh: false,
            unrecorded: false,
        };
        let (verdict, tests) = self.ask(&question, &asked)?;
        // Where it cannot run, it says nothing.
        let says = verdict.result != GateResult::Broken;
        Ok(says.then(|| Base { red: !verdict.result.passes(), tests }))
    }

    /// Paths that differ between two commits, and those of them that the first has not.
    fn changed(&self, base: &str, commit: &str) -> Result<(Vec<String>, Vec<String>), GateError> {
        let git = Git::new(&self.repo.root).args([
            "diff",
            "--name-status",
            "--no-renames",
            "-z",
            base,
            commit,
            "--",
        ]);
        let text = String::from_utf8_lossy(&git.run()?).into_owned();
        let words: Vec<&str> = text.split('\0').collect();
        let (mut changed, mut added) = (Vec::new(), Vec::new());
        for pair in words.chunks_exact(2) {
            changed.push(pair[1].to_owned());
            if pair[0] == "A" {
                added.push(pair[1].to_owned());
            }
        }
        Ok((changed, added))
    }

    fn verdict(&self, question: &Question<'_>, judged: Judged, runs: &[Ran]) -> Verdict {
        let last = runs.last();
        let took: Duration = runs.iter().map(|ran| ran.took).sum();
        Verdict {
            gate: question.gate.name.value.clone(),
            tree: question.tree.clone(),
            key: question.key.clone(),
            result: judged.result,
            rule: judged.rule,
            why: judged.why,
            attempts: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            exit: last.and_then(|ran| match ran.end {
                End::Exit(status) => Some(status),
                _ => None,
            }),
            tests: judged.tests,
            failing: judged.failing,
            known: judged.known,
            regressions: judged.regressions,
            log: last.map(|ran| ran.log.to_string_lossy().into_owned()).unwrap_or_default(),
            by: self.session.clone(),
            clone: self.store.arbiter().ok().flatten().map(|arbiter| arbiter.clone),
            at: crate::clock::now(),
        }
    }

    fn record(&self, verdict: &Verdict, tests: Option<&Outcomes>) -> Result<(), GateError> {
        let tests = tests.map(listed).filter(|text| text.len() <= TESTS_MAX).unwrap_or_default();
        // Nobody has to agree: with a remote it goes along with the next push.
        self.store.defer(&Op::Gate(GateOp::Verdict { verdict: Box::new(verdict.clone()), tests }))?;
        Ok(())
    }
}

/// Tests as the state keeps them: a letter and the id, one a line.
fn listed(tests: &Outcomes) -> String {
    let letter = |status| match status {
        Status::Passed => 'p',
        Status::Failed => 'f',
        Status::Flaky => 'k',
        Status::Skipped => 's',
    };
    tests.iter().map(|(id, status)| format!("{} {id}\n", letter(status))).collect()
}

fn unlisted(text: &str) -> Outcomes {
    let mut tests = Outcomes::default();
    for (letter, id) in text.lines().filter_map(|line| line.split_once(' ')) {
        let status = match letter {
            "p" => Status::Passed,
            "f" => Status::Failed,
            "k" => Status::Flaky,
            _ => Status::Skipped,
        };
        tests.set(id, status);
    }
    tests
}
