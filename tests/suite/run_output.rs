//! What commands print, read and leave behind.

use rustix::process::{Pid, Signal};
use serde_json::json;

use super::run::{failed, import, outside};
use super::run_stop::pid_in;
use crate::common::{Call, TestEnv};

/// Whatever a command prints and leaves behind, the run goes on, and its logs do not fill the disk.
#[test]
fn commands_may_print_anything_and_leave_processes_behind() {
    let env = TestEnv::new();
    env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
    let pid = outside(&env, "pid");
    let item = |id: &str, run: &str| json!({"id":id,"title":"t","run":run,"timeout":60});
    import(
        &env,
        &[
            item("endless", "echo begin; yes | head -c 100000000; echo the end; exit 3"),
            item("over", "echo a long first line; echo x > /dev/stderr; echo y; exit 3"),
            item("binary", "printf 'a\\000b\\377'; exit 3"),
            item("closed", "exec >&- 2>&-; cat; exit 3"),
            item("away", &format!("trap '' TERM; sleep 1000 & setsid sleep 1000 & echo $! > {pid}")),
            item("last", "cat; echo done"),
        ],
    );
    let began = std::time::Instant::now();
    let call = env.coord(&["run", "-j", "1"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(900), "it waited for what was left behind");
    let reasons: Vec<String> = failed(&call).into_iter().map(|(id, why)| format!("{id}: {why}")).collect();
    let wanted =
        ["binary: exit status 3: ab\u{fffd}", "closed: exit status 3", "endless: exit status 3: the end"];
    assert_eq!(reasons[..3], wanted);
    assert_eq!(reasons[3], "over: exit status 3: y");
    let log = |id: &str| std::fs::read(env.store_dir().join(format!("run-logs/{id}.1.log"))).unwrap();
    let long = log("endless");
    assert!((8 << 20..17 << 20).contains(&long.len()), "{} bytes", long.len());
    assert!(long.starts_with(b"begin\ny\n") && long.ends_with(b"y\nthe end\n"));
    assert!(String::from_utf8(long).unwrap().contains(" bytes left out here]\n"));
    assert_eq!(log("over"), b"x\ny\n", "no hole where the first line was");
    let left = pid_in(&env.temp().join("pid"));
    rustix::process::kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
}

/// It has five seconds to end, and does not listen.
#[test]
fn a_command_that_prints_on_while_it_is_ended_does_not_fill_the_disk() {
    let env = TestEnv::new();
    let pid = outside(&env, "pid");
    let run =
        format!("trap '' TERM; echo $$ > {pid}; while :; do head -c 4000000 /dev/zero; sleep 0.1; done");
    import(&env, &[json!({"id":"i","title":"t","run":run})]);
    let mut run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    pid_in(&env.temp().join("pid"));
    rustix::process::kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    let log = env.store_dir().join("run-logs/i.1.log");
    let mut most = 0;
    while run.try_wait().unwrap().is_none() {
        most = most.max(std::fs::metadata(&log).map_or(0, |file| file.len()));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Call::wait(run).fails(130, "interrupted");
    assert!(most > 16 << 20, "it printed until it was killed: {most}");
    assert!(most < 80 << 20, "the log had {most} bytes");
}

/// What the two print together is more than the log takes.
#[test]
fn a_verification_that_fails_is_quoted_also_when_the_log_was_cut() {
    let env = TestEnv::new();
    env.coord(&["queue", "set", "main", "--max-attempts", "1", "--verify"]).ok();
    let check = "head -c 5000000 /dev/zero; echo; echo it is wrong; exit 1";
    env.coord(&["queue", "set", "main", "--verify-command", check]).ok();
    import(&env, &[json!({"id":"i","title":"t","run":"head -c 15000000 /dev/zero"})]);
    let call = env.coord(&["run", "-j", "1"]);
    let why = "the verification failed: exit status 1: it is wrong";
    assert_eq!(failed(&call), [("i".to_owned(), why.to_owned())]);
}
