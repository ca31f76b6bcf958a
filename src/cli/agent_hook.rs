//! `hook agent`: what agent programs call before and after a tool runs.
//!
//! Nothing but the answer goes to standard output, and the exit status is 0 unless the program's own form
//! of a refusal is another one: some take any other status for a refusal, others for leave.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use crate::agent::dialect::Hint;
use crate::agent::{Call, answer_event};

use crate::cli::app::start_dir;
use crate::cli::args::Global;
use crate::cli::env::AgentEnv;

/// Most bytes of an event. A file of this size is not edited by an agent.
const MOST: u64 = 16 << 20;

/// After this, the agent goes on without an answer: the shortest limit that a program sets itself is 5 s, and
/// what it does then is not ours to say.
const LIMIT: Duration = Duration::from_millis(4500);

/// Answers the event on standard input. `words`: what the command line says besides.
pub fn run(global: &Global, words: &[OsString]) -> ExitCode {
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        std::process::exit(0);
    });
    let mut payload = Vec::new();
    if std::io::stdin().lock().take(MOST).read_to_end(&mut payload).is_err() {
        return ExitCode::SUCCESS;
    }
    let env = AgentEnv::read();
    let here = std::path::absolute(start_dir(global)).unwrap_or_default();
    let reply = answer_event(&Call {
        payload: &payload,
        named: event_name(words),
        hint: Hint { copilot: env.copilot },
        session: global.session.as_deref().or(env.session.as_deref()),
        home: env.home.as_deref(),
        configs: env.git_configs,
        here: &here,
    });
    let _ = std::io::stderr().lock().write_all(reply.stderr.as_bytes());
    let _ = std::io::stdout().lock().write_all(reply.stdout.as_bytes());
    ExitCode::from(reply.exit)
}

/// `--event NAME`, for programs whose payload does not repeat it.
fn event_name(words: &[OsString]) -> Option<&str> {
    let at = words.iter().position(|word| word == "--event")?;
    words.get(at + 1)?.to_str()
}
