#!/usr/bin/env bash
# Two network namespaces, as two machines: a git server in one, a clone in the other, and only a
# cable between them. Needs the right to make namespaces (root), and says so when it has none.
#
#   scripts/dist && benches/namespaces.sh [DELAY_MS]
#
# Shows operations over the cable with their times and bytes, what happens when it is cut, and after.
. "$(dirname "$0")/common.sh"
delay=${1:-0}
hub=coord-hub-$$ far=coord-far-$$
if ! ip netns add "$hub" 2>/dev/null; then
	echo "skipped: network namespaces cannot be made here (needs root and ip)"
	exit 0
fi
server=
cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	ip netns del "$hub" 2>/dev/null || true
	ip netns del "$far" 2>/dev/null || true
	tidy
}
trap cleanup EXIT
ip netns add "$far"
if ! ip link add coordh type veth peer name coordf 2>/dev/null; then
	echo "skipped: no veth devices here"
	exit 0
fi
ip link set coordh netns "$hub" && ip link set coordf netns "$far"
ip -n "$hub" addr add 10.99.0.1/24 dev coordh && ip -n "$far" addr add 10.99.0.2/24 dev coordf
ip -n "$hub" link set coordh up && ip -n "$far" link set coordf up && ip -n "$far" link set lo up
if [ "$delay" -gt 0 ] && ! ip netns exec "$far" tc qdisc add dev coordf root netem delay "${delay}ms" 2>/dev/null; then
	echo "no delay: this kernel has no netem"
fi

mkdir "$dir/srv"
git init -q --bare -b main "$dir/srv/hub.git"
git -C "$dir/srv/hub.git" config transfer.fsckObjects true
ip netns exec "$hub" git daemon --base-path="$dir/srv" --export-all --enable=receive-pack \
	--reuseaddr --listen=10.99.0.1 >/dev/null 2>&1 &
server=$!
on_far() { ip netns exec "$far" "$@"; }
for _ in $(seq 50); do
	on_far git ls-remote -q git://10.99.0.1/hub.git >/dev/null 2>&1 && break
	sleep 0.1
done

bytes() {
	local statistics=/sys/class/net/coordf/statistics
	on_far sh -c "cat $statistics/tx_bytes $statistics/rx_bytes" 2>/dev/null | tr '\n' ' '
}
timed() {
	local name=$1 start end sent received sent_after received_after code=0
	shift
	read -r sent received <<<"$(bytes)"
	start=$EPOCHREALTIME
	on_far "$@" >/dev/null 2>"$dir/err" || code=$?
	end=$EPOCHREALTIME
	read -r sent_after received_after <<<"$(bytes)"
	printf '%-30s exit %d %7d ms %8d bytes up %8d down\n' "$name" "$code" \
		$(((${end/./} - ${start/./}) / 1000)) $((sent_after - sent)) $((received_after - received))
}

cd "$dir"
git init -q -b main a && cd a
echo one >file && git add . && git commit -qm base
git remote add origin git://10.99.0.1/hub.git
git config coord.remoteTimeout 5s
timed 'git push of the branch' git push -q origin main
timed 'init --remote' git coord init -q --remote origin
git config coord.refresh 0
on_far git coord session start far -q >/dev/null
timed 'claim' git coord claim -q src
timed 'claims (asks the remote)' git coord claims -q
timed 'release' git coord release -q src
timed 'claim' git coord claim -q src
ip -n "$far" link set coordf down
timed 'claim, the cable is cut' git coord claim -q docs
sed 's/^/    /' "$dir/err"
ip -n "$far" link set coordf up
timed 'claim, the cable is repaired' git coord claim -q docs
timed 'sync' git coord sync -q
