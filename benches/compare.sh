#!/usr/bin/env bash
# Compares git-coord with git itself and with a claim as teams script it, whole processes, in one
# run: the commands take turns, so that a busy moment of the machine meets all of them alike.
#
#   scripts/dist && benches/compare.sh [ROUNDS]
#
# Prints the median of each command in microseconds and its ratio to one `git update-ref`.
. "$(dirname "$0")/common.sh"
rounds=${1:-200}

cd "$dir"
git init -q repo && cd repo
mkdir -p src/deep/er && seq 1000 | while read -r i; do echo "$i" >"src/deep/er/file$i"; done
git add . && git commit -qm base
git coord init -q >/dev/null
git coord session start bench -q >/dev/null
seq 1000 | while read -r i; do
	echo "{\"title\":\"item $i\",\"files\":[\"work/file$i.rs\"]}"
done | git coord queue import - -q >/dev/null
# A thousand staged changes, covered by one claim.
seq 1000 | while read -r i; do echo "changed $i" >"src/deep/er/file$i"; done
git add . && git coord claim -q src/deep >/dev/null

cat >"$dir/mkdir-claim" <<'EOF'
#!/bin/bash
# A claim with mkdir, date and two files.
mkdir "$1" 2>/dev/null || exit 1
date +%s >"$1/since"
echo "$USER" >"$1/owner"
EOF
chmod +x "$dir/mkdir-claim"
export USER=${USER:-bench}
mkdir "$dir/locks"

for i in $(seq "$rounds"); do
	run 'git update-ref (create)' git update-ref "refs/bench/$i" HEAD
	run 'git coord claim' "$coord" claim -q "lib/module/file$i.rs"
	run 'git coord release' "$coord" release -q "lib/module/file$i.rs"
	run 'mkdir script: claim' "$dir/mkdir-claim" "$dir/locks/$i"
	item=$("$coord" queue list --state pending --limit 1 --json | sed 's/.*"id":"\([^"]*\)".*/\1/')
	run 'git coord next' "$coord" next -q
	run 'git coord done' "$coord" done -q "$item"
	run 'git diff --cached --name-only (1000)' git diff --cached --name-only
	run 'git coord check --staged (1000)' "$coord" check --staged
	run 'git coord claims' "$coord" claims -q
	run 'an empty program' /bin/true
done

base=$(median_of 'git update-ref (create)')
printf '%-38s %9s  %s\n' "median of $rounds" 'us' 'x git update-ref'
for name in 'an empty program' 'git update-ref (create)' 'git coord claim' 'git coord release' \
	'git coord next' 'git coord done' 'git coord claims' 'mkdir script: claim' \
	'git diff --cached --name-only (1000)' 'git coord check --staged (1000)'; do
	us=$(median_of "$name")
	awk -v n="$name" -v us="$us" -v b="$base" 'BEGIN { printf "%-38s %9d  %.2f\n", n, us, us / b }'
done
diff=$(median_of 'git diff --cached --name-only (1000)')
check=$(median_of 'git coord check --staged (1000)')
awk -v a="$check" -v b="$diff" 'BEGIN { printf "check --staged / git diff --cached: %.2f\n", a / b }'
