#!/usr/bin/env bash
# How long commands take, by the length of the backlog: median of ROUNDS, in microseconds.
#
#   cargo build --release && benches/length.sh [ROUNDS [ITEMS…]]
#
# GIT_COORD names another program, to compare two of them.
set -euo pipefail
export LC_ALL=C GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
rounds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- 1000 200000 1000000
coord=${GIT_COORD:-$(cd "$(dirname "$0")/.." && pwd)/target/release/git-coord}
[ -x "$coord" ] || { echo "no $coord: run cargo build --release first" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

run() {
	local name=$1 start end
	shift
	start=$EPOCHREALTIME
	"$@" >"$dir/said"
	end=$EPOCHREALTIME
	echo $((${end/./} - ${start/./})) >>"$dir/times-$name"
}
median() { sort -n "$dir/times-$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf '%10s %10s %8s %8s %8s %8s %10s\n' items 'import s' status next done MB 'loose'
for items in "$@"; do
	rm -rf "$dir"/repo "$dir"/times-*
	git init -q "$dir/repo" && cd "$dir/repo"
	git -c user.name=bench -c user.email=bench@example.invalid commit -q --allow-empty -m base
	"$coord" init -q >/dev/null && "$coord" session start bench -q >/dev/null
	seq "$items" | awk '{ printf "{\"id\":\"T%d\",\"title\":\"item %d\",\"category\":\"category-%d\",\"phase\":\"phase %d\",\"files\":[\"src/f%d.rs\"]}\n", $1, $1, $1 % 10, $1 % 4, $1 }' >"$dir/items"
	start=$EPOCHREALTIME
	"$coord" queue import -q "$dir/items" >/dev/null
	end=$EPOCHREALTIME
	import=$(awk -v us=$((${end/./} - ${start/./})) 'BEGIN { printf "%.1f", us / 1e6 }')
	# The import has started upkeep in the background, which would be measured, too.
	while "$coord" --json upkeep | grep -q '"busy":true'; do sleep 0.5; done
	for _ in $(seq "$rounds"); do
		run status "$coord" status
		run next "$coord" next -q
		run done "$coord" done -q "$(cut -d' ' -f1 "$dir/said" | head -1)"
	done
	printf '%10s %10s %8s %8s %8s %8s %10s\n' "$items" "$import" "$(median status)" "$(median next)" \
		"$(median done)" "$(du -sm .git/coord | cut -f1)" "$(find .git/coord/objects -type f | wc -l)"
done
