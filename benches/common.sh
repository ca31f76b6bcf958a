# What the benchmarks share; sourced by them, from the folder in which they were called.
#
# Sets `coord` (GIT_COORD names another program, to compare two of them) and `dir`, a folder for
# everything, which goes at the end. Nothing of the user's git takes part.
set -euo pipefail
export LC_ALL=C GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@example.invalid
export GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@example.invalid

built=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/target/dist
coord=$(realpath -m "${GIT_COORD:-$built/git-coord}")
[ -x "$coord" ] || { echo "no $coord: run scripts/dist first" >&2; exit 1; }

dir=$(mktemp -d)
tidy() { rm -rf "$dir"; }
trap tidy EXIT
# `git coord` is the program that is measured, whatever its file is called.
mkdir "$dir/bin" "$dir/times" && cp "$coord" "$dir/bin/git-coord"
coord=$dir/bin/git-coord
export PATH=$dir/bin:$PATH

# micros COMMAND…: sets `us` to the microseconds that it takes. What it says is in $dir/said.
micros() {
	local start=$EPOCHREALTIME
	"$@" >"$dir/said"
	local end=$EPOCHREALTIME
	us=$((${end/./} - ${start/./}))
}

# run NAME COMMAND…: notes how long it takes under that name.
run() {
	local name=$1 us
	shift
	micros "$@"
	echo "$us" >>"$dir/times/$name"
}

# part P: of the numbers on standard input, the one below which a part of them lies.
part() { sort -n | awk -v p="$1" '{ v[NR] = $1 } END { print v[int((NR - 1) * p) + 1] }'; }
median() { part 0.5; }
# median_of NAME: of the times noted under a name.
median_of() { median <"$dir/times/$1"; }
