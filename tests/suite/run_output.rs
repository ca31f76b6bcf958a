//! What commands print, read and leave behind.

use rustix::process::{Pid, Signal};
use serde_json::json;

use super::run::{failed, import, outside};
use super::run_stop::pid_in;
use crate::common::TestEnv;

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
            item("endless", "echo begin; yes | head -c 1000000000; echo the end; exit 3"),
            item("over", "echo a long first line; echo x > /dev/stderr; echo y; exit 3"),
            item("binary", "printf 'a\\000b\\377'; exit 3"),
            item("closed", "exec >&- 2>&-; cat; exit 3"),
            item("away", &format!("trap '' TERM; sleep 1000 & setsid sleep 1000 & echo $! > {pid}")),
            item("last", "cat; echo done"),
        ],
    );
    let began = std::time::Instant::now();
    let call = env.coord(&["run", "-j", "1"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "it waited for nothing");
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
