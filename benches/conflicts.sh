#!/usr/bin/env bash
# Compares the radar with a `git merge-tree` process for each pair: CPU seconds of processes and their
# children, cold, with all pairs known, and after one branch has moved.
#
#   scripts/dist && benches/conflicts.sh [BRANCHES] [FILES] [REPOSITORY]
#
# REPOSITORY: a clone of it is used, with branches of six of its commits each; without one, files are
# made up. Every answer is compared with git's.
branches=${1:-20} files=${2:-1600} source=${3:-}
[ -z "$source" ] || source=$(realpath "$source")
. "$(dirname "$0")/common.sh"

cd "$dir"
if [ -n "$source" ]; then
	git clone -q --no-hardlinks "$source" repo && cd repo
	mapfile -t commits < <(git rev-list --no-merges -n $((branches * 20)) HEAD | sort)
	base=$(git rev-list --first-parent -n $((branches * 20)) HEAD | tail -1)
else
	git init -q -b main repo && cd repo
	seq "$files" | while read -r i; do
		mkdir -p "src/$((i % 40))" && seq "$i" $((i + 60)) >"src/$((i % 40))/$i.txt"
	done
	git add . && git commit -qm base
	base=$(git rev-parse HEAD) commits=()
fi
git checkout -q --detach "$base" && git branch -f target "$base"

# Six changes a branch: real commits that apply, or lines of files, some of them shared.
RANDOM=7
for n in $(seq "$branches"); do
	git checkout -q --detach "$base"
	made=0
	while [ "$made" -lt 6 ]; do
		if [ ${#commits[@]} -gt 0 ]; then
			pick=${commits[RANDOM % ${#commits[@]}]}
			git cherry-pick "$pick" >/dev/null 2>&1 || { git cherry-pick --abort 2>/dev/null || git reset -q --hard; }
		else
			i=$((RANDOM % files + 1))
			sed -i "$((RANDOM % 50 + 1))s/.*/by $n $RANDOM/" "src/$((i % 40))/$i.txt"
			git commit -qam "change $i" || true
		fi
		made=$((made + 1))
	done
	# A branch without a commit of its own is not live.
	git commit -q --allow-empty -m "branch $n"
	git branch -f "b$n" HEAD
done
git checkout -q target && git coord init -q >/dev/null
names=$(seq "$branches" | sed 's/^/b/')

cat >"$dir/processes" <<'END'
#!/usr/bin/env bash
# A process for each pair, and each with the target.
set -- "$@" target
while [ $# -gt 1 ]; do
	a=$1 && shift
	for b in "$@"; do
		if git merge-tree --write-tree "$a" "$b" >/dev/null; then echo "$a $b clean"; else echo "$a $b conflict"; fi
	done
done
END
chmod +x "$dir/processes"

# cpu COMMAND…: sets `cpu` to the seconds of processor time that it takes.
cpu() {
	local TIMEFORMAT='%U %S'
	cpu=$({ time "$@" >"$dir/said"; } 2>&1 | awk '{ print $1 + $2 }')
}
radar() { git coord conflicts --into target --json $names; }
answers() { sed 's/},{/}\n{/g' "$dir/said" | sed -n 's/.*"a":"\([^"]*\)","b":"\([^"]*\)","state":"\([^"]*\)".*/\1 \2 \3/p' | sort; }

before=$(git count-objects -v)
cpu radar && cold=$cpu && answers >"$dir/radar"
cpu radar && warm=$cpu
after=$(git count-objects -v)
# In a copy: a process for each pair leaves its objects in the repository.
cp -r "$dir/repo" "$dir/copy" && cd "$dir/copy"
cpu "$dir/processes" $names && each=$cpu && sort "$dir/said" >"$dir/git"
cd "$dir/repo" && git checkout -q b1 && git commit -q --allow-empty -m moved && git checkout -q target
cpu radar && moved=$cpu

diff "$dir/git" "$dir/radar" >"$dir/diff" || { echo "answers differ from git's:" && cat "$dir/diff" && exit 1; }
[ "$before" = "$after" ] || { echo "objects were left in the repository"; exit 1; }
echo "$(wc -l <"$dir/git") pairs, $(grep -c conflict "$dir/git" || true) conflicts, all as git says; nothing left behind"
ratio() { awk -v a="$1" -v b="$each" -v n="$2" 'BEGIN { printf "%-24s %7.3f s  %.3f ×\n", n, a, a / b }'; }
ratio "$each" "a process for each pair"
ratio "$cold" "conflicts, cold"
ratio "$warm" "conflicts, all known"
ratio "$moved" "conflicts, one moved"
