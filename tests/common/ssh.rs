//! A transport like ssh: `core.sshCommand` is a script that runs the server's program here, and
//! misbehaves as a file says.

use std::path::{Path, PathBuf};

use super::TestEnv;
use super::faults::{Fault, Transport};

/// `$1` is the folder with the files `seed` and `faults`; the last word is the server's command.
const SCRIPT: &str = r#"
dir=$1
for words; do :; done
eval "set -- $words"
program=$1 repository=$2

# One of the faults, by the seed and the number of the call.
echo >>"$dir/calls"
calls=$(wc -l <"$dir/calls")
dice=$(echo "$(cat "$dir/seed") $calls" | cksum)
line=$((${dice%% *} % $(wc -l <"$dir/faults") + 1))
fault=$(sed -n "${line}p" "$dir/faults")

wait_for_the_gate() {
	: >"$dir/reached"
	while ! [ -e "$dir/open" ]; do sleep 0.05; done
}
refused() {
	echo 'ssh: connect to host hub port 22: Connection refused' >&2
	exit 255
}
server() { git "${program#git-}" "$@" "$repository"; }
again() { server --stateless-rpc <"$request"; }

if [ "$program" = git-receive-pack ] && mv "$dir/once" "$dir/once.$$" 2>/dev/null; then
	fault=$(cat "$dir/once.$$")
fi

if [ "$program" = git-upload-pack ]; then
	case $fault in
	refuse) refused ;;
	hang-up) server </dev/null 2>/dev/null | head -c 100; exit 1 ;;
	slow) sleep 0.3 ;;
	esac
	exec git upload-pack "$repository"
fi

case $fault in
refuse) refused ;;
gate) wait_for_the_gate; exec git receive-pack "$repository" ;;
slow) sleep 0.3; exec git receive-pack "$repository" ;;
well) exec git receive-pack "$repository" ;;
esac
# The rest is done by hand: the advertisement, then the request from a file.
printf 0000 | server
[ "$fault" = hang-up ] && exit 1
request=$(mktemp "$dir/request.XXXXXX")
cat >"$request"
case $fault in
lost) again >/dev/null 2>&1 ;;
late) (sleep 1; again; : >"$request.done") >/dev/null 2>&1 </dev/null & ;;
twice) again >/dev/null 2>&1; again; exit ;;
doubled) again >/dev/null 2>&1 & again; wait; exit ;;
held) wait_for_the_gate; again; exit ;;
esac
exit 1
"#;

/// The transport of one clone.
pub struct Ssh {
    dir: PathBuf,
}

impl Ssh {
    /// Lets `clone` reach the bare repository in this way.
    pub fn connect(clone: &TestEnv, bare: &Path, seed: u64) -> Self {
        let dir = clone.temp().join("ssh");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("script"), SCRIPT).unwrap();
        std::fs::write(dir.join("seed"), seed.to_string()).unwrap();
        let ssh = Ssh { dir };
        ssh.set(&[Fault::Well]);
        let command = format!("sh '{0}/script' '{0}'", ssh.dir.display());
        let url = format!("ssh://hub{}", bare.display()).replace(' ', "%20");
        clone.git(&["config", "core.sshCommand", &command]);
        clone.git(&["config", "ssh.variant", "ssh"]);
        clone.git(&["config", "remote.origin.url", &url]);
        ssh
    }

    fn write(&self, name: &str, text: &str) {
        let temporary = self.dir.join("new");
        std::fs::write(&temporary, text).unwrap();
        std::fs::rename(&temporary, self.dir.join(name)).unwrap();
    }
}

impl Transport for Ssh {
    fn set(&self, faults: &[Fault]) {
        let lines: String = faults.iter().map(|f| format!("{}\n", f.word())).collect();
        self.write("faults", &lines);
    }

    fn once(&self, fault: Fault) {
        self.write("once", fault.word());
    }

    fn is_reached(&self) -> bool {
        self.dir.join("reached").exists()
    }

    fn open(&self) {
        self.write("open", "");
    }

    fn late(&self) -> usize {
        let names = std::fs::read_dir(&self.dir).unwrap().map(|e| e.unwrap().file_name());
        names.filter(|n| n.to_string_lossy().ends_with(".done")).count()
    }
}
