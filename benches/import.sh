#!/usr/bin/env bash
# Compares an import with git fast-import of the same items as blobs, in one run; both take turns.
#
#   scripts/dist && benches/import.sh [ITEMS] [FILE…]
#
# Prints seconds, their ratio, and what both repositories take on the disk in the end. Each FILE is
# imported into a store of its own, twice, with the memory at the peak. A SARIF file of N MB:
#
#   benches/import.sh --sarif N >FILE
. "$(dirname "$0")/common.sh"

# One result is 950 bytes, one line of the file, with the rules behind the results as ruff has it.
sarif() {
	awk -v mb="$1" 'BEGIN {
		srand(1)
		printf "{\"version\":\"2.1.0\",\"runs\":[{\"results\":["
		pad = sprintf("%620s", ""); gsub(/ /, "x", pad)
		for (n = 0; n * 950 < mb * 1000000; n++)
			printf "%s\n{\"fixes\":[{\"description\":{\"text\":\"%s\"}}],\"level\":\"%s\",\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"src/area%02d/module%04d/file%d.py\"},\"region\":{\"startLine\":%d,\"startColumn\":5}}}],\"message\":{\"text\":\"Something is wrong with name_%d in this place\"},\"ruleId\":\"D%03d\"}",
				n ? "," : "", pad, n % 9 ? "warning" : "error", n % 97, n % 7919, n % 13, 1 + n % 900, int(rand() * 1000000), 100 + n % 90
		print "],\"tool\":{\"driver\":{\"name\":\"bench\",\"rules\":[]}}}]}"
	}'
}
if [ "${1:-}" = --sarif ]; then
	sarif "${2:?how many MB}"
	exit
fi

items=${1:-200000}
shift || true
files=()
for file in "$@"; do files+=("$(realpath "$file")"); done
cd "$dir"

# The same lines for both: as JSON lines, and as blobs in a tree of one commit.
awk -v items="$items" 'BEGIN {
	srand(1)
	for (n = 0; n < items; n++)
		printf "{\"id\":\"F%07d\",\"title\":\"D%03d: Something is wrong with name_%d in this place\",\"severity\":\"%s\",\"category\":\"D\",\"rule\":\"D%03d\",\"line\":%d,\"files\":[\"src/area%02d/module%04d/file%d.py\"]}\n",
			n, 100 + n % 90, int(rand() * 1000000), n % 9 ? "MAJOR" : "CRITICAL", 100 + n % 90, 1 + n % 900, n % 97, n % 7919, n % 13
}' >items.jsonl
awk '{
	name = sprintf("%03d/%07d", NR / 1000, NR); printf "blob\nmark :%d\ndata %d\n%s\n", NR, length($0), $0; names[NR] = name
} END {
	printf "commit refs/heads/items\ncommitter b <b@example.invalid> 1 +0000\ndata 5\nitems\n"
	for (n = 1; n <= NR; n++) printf "M 100644 :%d %s\n", n, names[n]
	print "done"
}' items.jsonl >items.fast

new() {
	rm -rf "$1" && git init -q "$1" && git -C "$1" commit -q --allow-empty -m base
	"$coord" -C "$1" init -q >/dev/null
}
took() { # seconds of a command
	local us
	micros "$@" 2>"$dir/err" || { cat "$dir/err" >&2; exit 1; }
	awk -v us="$us" 'BEGIN { printf "%.2f\n", us / 1e6 }'
}
fast() { rm -rf fast && git init -q --bare fast && git -C fast fast-import --quiet --done <items.fast; }
kb() { du -sk "$1" | cut -f1; }

for _ in 1 2 3; do
	new repo
	took "$coord" -C repo queue import -q "$dir/items.jsonl" >>import
	took "$coord" -C repo queue import -q "$dir/items.jsonl" >>again
	took fast >>fast-import
done
# The import starts upkeep by itself; this one waits for it.
until "$coord" -C repo upkeep --json | grep -q '"busy":false'; do sleep 0.2; done
before=$(kb repo/.git/coord)
"$coord" -C repo queue import -q "$dir/items.jsonl" >/dev/null
after=$(kb repo/.git/coord)
printf '%d items, %d kB of JSON lines; median of 3\n' "$items" "$(kb items.jsonl)"
printf '%-30s %8s %10s\n' '' s 'kB on disk'
printf '%-30s %8s %10s\n' 'git coord queue import' "$(median <import)" "$before"
printf '%-30s %8s %10s\n' 'the same again' "$(median <again)" "$after"
printf '%-30s %8s %10s\n' 'git fast-import' "$(median <fast-import)" "$(kb fast)"
awk -v a="$(median <import)" -v b="$(median <fast-import)" 'BEGIN { printf "import / fast-import: %.2f\n", a / b }'

peak() { # the memory of a command at its peak, in MB
	python3 - "$@" <<'PY'
import resource, subprocess, sys, time
start = time.time()
out = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000
print(f"{time.time() - start:8.1f} s {peak:6d} MB  {out}")
PY
}
for file in "${files[@]}"; do
	new other
	echo "$file"
	peak "$coord" -C other queue import "$file"
	peak "$coord" -C other queue import "$file"
	until "$coord" -C other upkeep --json | grep -q '"busy":false'; do sleep 0.2; done
	echo "store: $(kb other/.git/coord) kB"
done
