#!/usr/bin/env bash
# Commits and rebases with all hooks against the same without, in turns in one run.
#
#   scripts/dist && benches/commit.sh [ROUNDS]
#
# Prints medians in microseconds, the ratio of each to the same without hooks, and how many programs the
# hooks of one commit start. Limits: a commit 2.0, a rebase of 60 commits 1.4.
. "$(dirname "$0")/common.sh"
rounds=${1:-60}

cd "$dir"
git init -q repo && cd repo
mkdir -p src && seq 1000 | while read -r i; do echo "$i" >"src/file$i"; done
git add . && git commit -qm base
git coord init -q >/dev/null
git coord session start bench -q >/dev/null
git coord claim -q src >/dev/null

for i in $(seq "$rounds"); do
	for way in with without; do
		echo "$way $i" >src/file1
		git add src/file1
		if [ $way = with ]; then hooks=(); else hooks=(-c core.hooksPath=/dev/null); fi
		run "commit $way hooks" git "${hooks[@]}" commit -q -m "$way $i"
		run "amend $way hooks" git "${hooks[@]}" commit -q --amend -m "$way $i again"
	done
done

# 60 commits of one session, put on another base.
git switch -qc base HEAD && git -c core.hooksPath=/dev/null commit -q --allow-empty -m elsewhere
for round in $(seq $((rounds / 10 + 1))); do
	for way in with without; do
		git switch -qc "topic-$way-$round" base~1
		seq 60 | while read -r i; do
			echo "$way $round $i" >"src/file$((i + 1))"
			git commit -qam "$i"
		done
		if [ $way = with ]; then hooks=(); else hooks=(-c core.hooksPath=/dev/null); fi
		run "rebase of 60 $way hooks" git "${hooks[@]}" rebase -q base
	done
done

printf '%-28s %9s %9s  %s\n' "median of $rounds" 'with' 'without' 'ratio'
for what in commit amend 'rebase of 60'; do
	a=$(median_of "$what with hooks") b=$(median_of "$what without hooks")
	awk -v n="$what" -v a="$a" -v b="$b" 'BEGIN { printf "%-28s %9d %9d  %.2f\n", n, a, b, a / b }'
done
if command -v strace >/dev/null 2>&1; then
	echo traced >src/file1
	strace -qq -f -e trace=execve -o "$dir/trace" git commit -qam traced
	printf 'programs started for one commit: %s\n' "$(grep -c 'execve(.*= 0$' "$dir/trace")"
fi
