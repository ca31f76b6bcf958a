#!/usr/bin/env bash
# How long `next` takes in a large backlog that is in the way: filters, items that are done, blocked, or
# on files that others hold; against `next` on 1,000 items. Whole processes; all queues take turns, so
# that a busy moment of the machine meets all of them alike.
#
#   scripts/dist && benches/next.sh [ROUNDS] [ITEMS]
#
# Prints the median of each in microseconds and its ratio to the first. The first call of each kind
# is not counted: it looks through what is in the way once, and is printed beside.
. "$(dirname "$0")/common.sh"
rounds=${1:-50}
items=${2:-200000}

# repository NAME ITEMS BLOCKED: items of ten categories in a hundred folders, a rare category in the
# last hundred, and some that wait for one that nobody has. The first 5,000 are in folder d0.
repository() {
	git init -q "$dir/$1" && cd "$dir/$1" && git commit -q --allow-empty -m base
	"$coord" init -q >/dev/null
	"$coord" session start bench -q >/dev/null
	seq "$2" | awk -v n="$2" -v blocked="$3" '{
		folder = $1 <= 5000 ? 0 : 1 + $1 % 100
		category = $1 > n - 100 ? "rare" : "c" $1 % 10
		needs = $1 <= blocked ? ",\"needs\":[\"gate\"]" : ""
		printf "{\"id\":\"i%d\",\"title\":\"item %d\",\"category\":\"%s\",\"rule\":\"r%d\",", $1, $1, category, $1 % 50
		printf "\"files\":[\"src/d%d/f%d.rs\"]%s}\n", folder, $1, needs
	}' | "$coord" queue import - -q >/dev/null
	"$coord" upkeep >/dev/null
	cd "$dir"
}

# take NAME REPOSITORY WORDS…: takes one item, and gives it back outside of the time that counts.
take() {
	local name=$1 at=$dir/$2
	shift 2
	run "$name" "$coord" -C "$at" next -q "$@"
	[ -s "$dir/said" ] || { echo "$name: nothing was taken" >&2; exit 1; }
	"$coord" -C "$at" done -q "$(awk '{ print $1; exit }' "$dir/said")" >/dev/null
}

repository small 1000 0
repository large "$items" 0
repository half "$items" 0
repository held "$items" 0
repository files "$items" 0
repository blocked "$items" 50000
# Half of the items given up by one bulk change: they are finished as those that are done.
"$coord" -C half queue update -q --where 'state=pending' --limit $((items / 2)) --cancel >/dev/null
"$coord" -C held --session other session start other --worktree "$dir/held-other" -q >/dev/null 2>&1
"$coord" -C held --session other claim -q src/d0 >/dev/null
"$coord" -C files --session other session start other --worktree "$dir/files-other" -q >/dev/null 2>&1
(cd files && seq 5000 | sed 's|.*|src/d0/f&.rs|' | xargs -n 2500 "$coord" --session other claim -q >/dev/null)
# What all that has left behind is tidied up now, not beside what is measured.
for repository in held files half; do "$coord" -C "$repository" upkeep >/dev/null; done

for i in $(seq 0 "$rounds"); do
	take 'next, 1,000 items' small
	take "next" large
	take "half of them finished" half
	take "first 5,000 in a held folder" held
	take "first 5,000 on held files" files
	take "50,000 blocked" blocked
	take "--category c7" large --category c7
	take "--category rare" large --category rare
	take "--area, a tenth of all" large --area 'src/d9*/**'
	take "--rule r33" large --rule r33
	for repository in small large half held files blocked; do
		run "status, $repository" "$coord" -C "$dir/$repository" status -q
	done
done

later() { tail -n +2 "$dir/times/$1" | median; }
base=$(later 'next, 1,000 items')
printf '%-32s %9s %7s %11s\n' "median of $rounds, $items items" 'us' 'ratio' 'first, us'
for name in 'next, 1,000 items' 'next' 'half of them finished' 'first 5,000 in a held folder' \
	'first 5,000 on held files' '50,000 blocked' '--category c7' '--category rare' \
	'--area, a tenth of all' '--rule r33'; do
	us=$(later "$name")
	first=$(head -1 "$dir/times/$name")
	awk -v n="$name" -v us="$us" -v b="$base" -v f="$first" \
		'BEGIN { printf "%-32s %9d %7.2f %11d\n", n, us, us / b, f }'
done
for repository in small large half held files blocked; do
	us=$(later "status, $repository")
	awk -v n="status, $repository" -v us="$us" -v b="$(later 'status, small')" \
		'BEGIN { printf "%-32s %9d %7.2f\n", n, us, us / b }'
done
