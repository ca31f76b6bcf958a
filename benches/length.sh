#!/usr/bin/env bash
# How long commands take, by the length of the backlog: median of ROUNDS, in microseconds.
#
#   scripts/dist && benches/length.sh [ROUNDS [ITEMS…]]
#
# GIT_COORD names another program, to compare two of them.
. "$(dirname "$0")/common.sh"
rounds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- 1000 200000 1000000

printf '%10s %10s %8s %8s %8s %8s %10s\n' items 'import s' status next done MB 'loose'
for items in "$@"; do
	rm -rf "$dir"/repo "$dir"/times/*
	git init -q "$dir/repo" && cd "$dir/repo"
	git commit -q --allow-empty -m base
	"$coord" init -q >/dev/null && "$coord" session start bench -q >/dev/null
	seq "$items" | awk '{ printf "{\"id\":\"T%d\",\"title\":\"item %d\",\"category\":\"category-%d\",\"phase\":\"phase %d\",\"files\":[\"src/f%d.rs\"]}\n", $1, $1, $1 % 10, $1 % 4, $1 }' >"$dir/items"
	micros "$coord" queue import -q "$dir/items"
	import=$(awk -v us="$us" 'BEGIN { printf "%.1f", us / 1e6 }')
	# The import has started upkeep in the background, which would be measured, too.
	while "$coord" --json upkeep | grep -q '"busy":true'; do sleep 0.5; done
	for _ in $(seq "$rounds"); do
		run status "$coord" status
		run next "$coord" next -q
		run done "$coord" done -q "$(cut -d' ' -f1 "$dir/said" | head -1)"
	done
	printf '%10s %10s %8s %8s %8s %8s %10s\n' "$items" "$import" "$(median_of status)" "$(median_of next)" \
		"$(median_of done)" "$(du -sm .git/coord | cut -f1)" "$(find .git/coord/objects -type f | wc -l)"
done
