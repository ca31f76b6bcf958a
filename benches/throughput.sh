#!/usr/bin/env bash
# Many sessions at once, each a loop of `next` and `done`, one process a call: git-coord against a
# queue in SQLite (WAL) that is used in the same way through its own command line. Both take turns.
#
#   scripts/dist --bins --examples && benches/throughput.sh [SESSIONS [ITEMS [ROUNDS]]]
#
# What SQLite does: it marks the first free row in one immediate transaction and writes a row to a
# log; `done` likewise. What git-coord does besides: it claims the item's file, keeps leases, and
# looks for the repository first. Neither syncs to the disk (SQLite: synchronous=OFF).
. "$(dirname "$0")/common.sh"
sessions=${1:-64} items=${2:-1500} rounds=${3:-5}
crowd=${CROWD:-$built/examples/crowd}
[ -x "$crowd" ] || { echo "no $crowd: run scripts/dist --bins --examples first" >&2; exit 1; }
command -v sqlite3 >/dev/null || { echo "sqlite3 is missing: apt-get install sqlite3" >&2; exit 1; }

prepare_coord() {
	rm -rf "$dir/repo" && git init -q "$dir/repo" && cd "$dir/repo"
	git commit -q --allow-empty -m base
	"$coord" init -q >/dev/null
	for s in $(seq 0 $((sessions - 1))); do
		"$coord" session start -q "s$s" >/dev/null 2>&1
	done
	seq "$items" | awk '{ printf "{\"id\":\"T%d\",\"title\":\"item %d\",\"category\":\"c%d\",\"files\":[\"src/f%d.rs\"]}\n", $1, $1, $1 % 8, $1 }' |
		"$coord" queue import -q - >/dev/null
}

prepare_sqlite() {
	rm -f "$dir"/queue.db*
	{
		echo "PRAGMA journal_mode=WAL; CREATE TABLE items(n INTEGER PRIMARY KEY, id TEXT UNIQUE, title TEXT, state TEXT, by TEXT);"
		echo "CREATE TABLE log(at TEXT, by TEXT, what TEXT, id TEXT); CREATE INDEX free ON items(state, n); BEGIN;"
		seq "$items" | awk '{ printf "INSERT INTO items VALUES(NULL,%cT%d%c,%citem %d%c,%cp%c,NULL);\n", 39, $1, 39, 39, $1, 39, 39, 39 }'
		echo "COMMIT;"
	} | sqlite3 "$dir/queue.db" >/dev/null
}

# Prints: items a second, doubles, items, median of a call, longest call.
rate() { awk '{ printf "%.0f %d %d %s %s\n", $1 / $2, $3, $1, $4, $5 }'; }

run_coord() {
	"$crowd" "$sessions" "$coord -C $dir/repo --session s{s} next -q" \
		"$coord -C $dir/repo --session s{s} done -q {id}" 2>"$dir/said" | rate
}

run_sqlite() {
	local open="sqlite3 -cmd '.timeout 60000' -cmd 'PRAGMA synchronous=OFF' $dir/queue.db"
	local take="BEGIN IMMEDIATE; UPDATE items SET state=''c'', by=''s{s}'' WHERE n=(SELECT n FROM items WHERE state=''p'' ORDER BY n LIMIT 1) RETURNING id; INSERT INTO log VALUES(datetime(''now''),''s{s}'',''next'',NULL); COMMIT;"
	local done="BEGIN IMMEDIATE; UPDATE items SET state=''d'' WHERE id=''{id}'' AND by=''s{s}''; INSERT INTO log VALUES(datetime(''now''),''s{s}'',''done'',''{id}''); COMMIT;"
	"$crowd" "$sessions" "$open \"${take//\'\'/\'}\"" "$open \"${done//\'\'/\'}\"" | rate
}

# What the history shows: operations a commit, and commits that lost their swap (nothing refers to them).
swaps() {
	local g=("$coord" -C "$dir/repo" git) commits acts all
	# Nothing is found when upkeep has just cut the history.
	acts=$("${g[@]}" log --format=%B refs/coord/state | grep -cE '^\{.*"event":"(next|done)"' || true)
	all=$("${g[@]}" cat-file --batch-all-objects --batch-check='%(objecttype)' | grep -c commit)
	commits=$("${g[@]}" log --format=%B%x00 refs/coord/state | grep -zcE '"event":"(next|done)"' || true)
	echo "$acts $commits $((all - $("${g[@]}" rev-list --count refs/coord/state)))"
}

for round in $(seq "$rounds"); do
	prepare_sqlite
	run_sqlite | tee -a "$dir/sqlite" | sed "s/^/sqlite    round $round: /"
	sqlite3 "$dir/queue.db" "SELECT count(*) FROM items WHERE state<>'d'" | grep -qx 0 || echo "sqlite: items are left"
	prepare_coord
	run_coord | tee -a "$dir/coord" | sed "s/^/git coord round $round: /"
	"$coord" -C "$dir/repo" status --json | grep -q "\"done\":$items," || echo "git coord: items are left"
	"$coord" -C "$dir/repo" doctor -q >/dev/null || echo "git coord: doctor finds something"
	swaps | tee -a "$dir/swaps" | awk '{ printf "          %d operations in %d commits, %d swaps lost\n", $1, $2, $3 }'
done
echo
echo "$sessions sessions, $items items, median of $rounds rounds"
printf '%-10s %8s %8s %12s %12s\n' '' 'items/s' twice 'call ms' 'longest ms'
for name in sqlite coord; do
	printf '%-10s %8s %8s %12s %12s\n' "$name" "$(cut -d' ' -f1 "$dir/$name" | median)" \
		"$(awk '{ n += $2 } END { print n }' "$dir/$name")" "$(cut -d' ' -f4 "$dir/$name" | median)" \
		"$(cut -d' ' -f5 "$dir/$name" | median)"
done
awk '{ a += $1; c += $2; l += $3 } END { printf "operations a commit: %.2f; swaps lost: %d of %d\n", a / c, l, c + l }' "$dir/swaps"
