#!/bin/sh
# git-coord hook shim v2
# Runs the hook that was here before (kept beside this file as @HOOK@.coord-chained), then
# `git coord hook @HOOK@`. `git coord uninstall` takes this out and puts the other back.
hook=@HOOK@
binary=@BINARY@
# Interpreter for an earlier hook that looks at its own name ($0); empty: it is run as it is.
via=@VIA@
# 1: the earlier hook was made by a tool that, installed anew, runs this file as *.legacy.
peer=@PEER@

# `git coord hooks status` asks whether git runs this file. It fails on purpose: a probe that
# succeeded would let a commit pass unchecked wherever the variable happens to be set.
if [ -n "${GIT_COORD_HOOK_PROBE-}" ]; then
	printf '%s\n' "git-coord-hook v2 $hook $GIT_COORD_HOOK_PROBE"
	exit 1
fi

case $0 in
/*) self=$0 ;;
*) self=$PWD/$0 ;;
esac
earlier=${self%/*}/$hook.coord-chained
# Names this hook in this worktree to what the earlier hook starts: should that come back here,
# the earlier hook is not run a second time, and so not without end.
guard=$hook:$PWD
failed=0

# The earlier hook sees its former path as $0 when it is sourced: husky and others find their
# scripts by it, and would find nothing under the name that the file has now.
earlier() {
	if [ -n "$via" ]; then
		# shellcheck disable=SC2086,SC2016 # words of a command; expanded by the inner shell
		GIT_COORD_HOOK_CHAIN=$guard $via -c '_coord=$1; shift; . "$_coord"' "$0" "$earlier" "$@"
	else
		GIT_COORD_HOOK_CHAIN=$guard "$earlier" "$@"
	fi
}

run=
if [ -x "$earlier" ] && [ -f "$earlier" ] && [ "${GIT_COORD_HOOK_CHAIN-}" != "$guard" ]; then
	run=1
	case $peer$0 in
	# The caller is that tool, and pre-commit takes it for a bug to be started by its own child.
	1*.legacy) run= ;;
	esac
fi

# First the earlier hook, as formatters stage what they change and that is to be checked too.
if [ -n "$run" ]; then
	case $hook in
	pre-push | post-rewrite)
		# Both hooks are to read what git says; git says it once.
		input=$(cat)
		if [ -n "$input" ]; then
			printf '%s\n' "$input" 2>/dev/null | earlier "$@" || failed=$?
			exec <<INPUT
$input
INPUT
		else
			earlier "$@" </dev/null || failed=$?
			exec </dev/null
		fi
		;;
	*)
		earlier "$@" || failed=$?
		;;
	esac
	case $failed:$hook in
	# What has happened is recorded whether or not somebody else's hook failed over it.
	0:* | *:post-*) ;;
	*) exit "$failed" ;;
	esac
	# lefthook, run, puts its own hook over this one when its configuration has changed, and the
	# next commit would pass unchecked. git-coord hears of it and installs itself again.
	mark=
	[ -r "$self" ] && { read -r _ && read -r mark; } <"$self"
	case $mark in
	'# git-coord hook shim v'*) ;;
	*) export GIT_COORD_HOOK_DISPLACED=1 ;;
	esac
fi

if command -v git-coord >/dev/null 2>&1; then
	binary=git-coord
elif [ ! -x "$binary" ]; then
	echo "git-coord: $hook: git-coord is not on PATH and not at $binary" >&2
	case $hook in
	pre-commit | pre-merge-commit | pre-push)
		echo "git-coord: without it, changes of files that other sessions hold go unnoticed." >&2
		echo "git-coord: install it again (it is looked for on PATH first), or take this hook out:" >&2
		if [ -e "$earlier" ] || [ -L "$earlier" ]; then
			echo "    mv -f '$earlier' '$self'" >&2
		else
			echo "    rm -f '$self'" >&2
		fi
		exit 1
		;;
	esac
	exit "$failed"
fi

if [ "$failed" -ne 0 ]; then
	"$binary" hook "$hook" "$@"
	exit "$failed"
fi
exec "$binary" hook "$hook" "$@"
