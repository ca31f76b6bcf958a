#!/usr/bin/env bash
# Compares operations through a remote in a local folder with one plain `git push` of one new commit on
# one ref to the same kind of repository. Whole processes, in one run: the commands take turns.
#
#   scripts/dist && benches/remote.sh [ROUNDS [ITEMS]]
#
# Prints medians, and the fastest tenth (which says more on a busy machine), in microseconds with
# their ratios to the plain push; then the bytes that pass when a clone joins, claims and fetches
# one operation, and the number of refs.
. "$(dirname "$0")/common.sh"
rounds=${1:-100} items=${2:-1000}
cd "$dir"
for hub in hub plain; do
	git init -q --bare -b main $hub.git
	git -C $hub.git config transfer.fsckObjects true
	git init -q -b main $hub && git -C $hub remote add origin "$dir/$hub.git"
	echo one >$hub/file && git -C $hub add . && git -C $hub commit -qm base
	git -C $hub push -q origin main
done
cd hub
git coord init -q --remote origin >/dev/null
git coord session start bench -q >/dev/null
seq "$items" | awk '{ printf "{\"id\":\"T%d\",\"title\":\"item %d\",\"files\":[\"work/file%d.rs\"]}\n", $1, $1, $1 }' |
	git coord queue import - -q >/dev/null

tree=$(git -C ../plain rev-parse 'main^{tree}')
last=$(git -C ../plain rev-parse main)
refs_before=$(git -C "$dir/hub.git" for-each-ref | wc -l)
for i in $(seq "$rounds"); do
	last=$(git -C ../plain commit-tree -p "$last" -m "state $i" "$tree")
	run 'git push (one commit, one ref)' git -C ../plain push -q origin "$last:refs/bench/state"
	run 'git coord claim' git coord claim -q "lib/file$i.rs"
	run 'git coord next' git coord next -q
	item=$(git coord --offline queue list --mine --limit 1 --json 2>/dev/null | sed 's/.*"id":"\([^"]*\)".*/\1/')
	run 'git coord done' git coord done -q "$item"
	run 'git coord release' git coord release -q "lib/file$i.rs"
done

# What a clone keeps ready is handed out without a push.
git config coord.prefetch 10 && git coord next -q >/dev/null
for i in $(seq "$rounds"); do
	run 'git coord next, kept ready' git coord next -q
	run 'git coord done, and one more ready' git coord done -q "$(awk '{ print $1; exit }' "$dir/said")"
done
push='git push (one commit, one ref)'
printf '%-34s %9s %10s %9s %10s\n' "$rounds rounds, $items items" 'median us' 'x git push' 'tenth us' 'x git push'
of() { part "$2" <"$dir/times/$1"; }
for name in "$push" 'git coord claim' 'git coord next' 'git coord done' 'git coord release' \
	'git coord next, kept ready' 'git coord done, and one more ready'; do
	awk -v n="$name" -v m="$(of "$name" 0.5)" -v bm="$(of "$push" 0.5)" -v t="$(of "$name" 0.1)" \
		-v bt="$(of "$push" 0.1)" 'BEGIN { printf "%-34s %9d %10.2f %9d %10.2f\n", n, m, m / bm, t, t / bt }'
done

# Bytes that pass between client and server: the server's program runs under two `tee`s.
cat >"$dir/metered" <<EOF
#!/bin/sh
for words; do :; done
tee -a "$dir/up" | sh -c "\$words" | tee -a "$dir/down"
EOF
chmod +x "$dir/metered"
cd "$dir" && git clone -q hub.git joining && cd joining
git config core.sshCommand "$dir/metered" && git config ssh.variant simple
git config remote.origin.url "ssh://hub$dir/hub.git"
bytes() { cat "$dir/$1" 2>/dev/null | wc -c; }
metered() {
	: >"$dir/up" && : >"$dir/down"
	local name=$1 us
	shift
	micros "$@"
	printf '%-34s %9d bytes up, %9d down, %6d ms\n' "$name" "$(bytes up)" "$(bytes down)" \
		$((us / 1000))
}
echo
metered 'a clone joins' git coord init -q --remote origin
git coord session start other -q >/dev/null
metered 'a claim' git coord claim -q other-path
git -C "$dir/hub" coord claim -q one-more >/dev/null
metered 'sync after one operation elsewhere' git coord sync -q
echo "refs on the remote: $refs_before before all these operations, $(git -C "$dir/hub.git" for-each-ref | wc -l) after them"
