#!/bin/sh
# git-coord hook shim v2
# Runs the hook that was here before (kept beside this file as @HOOK@.coord-chained), then
# `git-coord hook server-update`. `git coord server uninstall` takes this out and puts the other back.
binary=@BINARY@
# Interpreter for an earlier hook that looks at its own name ($0); empty: it is run as it is.
via=@VIA@

case $0 in
/*) self=$0 ;;
*) self=$PWD/$0 ;;
esac
earlier=${self%/*}/@HOOK@.coord-chained
if [ -x "$earlier" ] && [ -f "$earlier" ]; then
	if [ -n "$via" ]; then
		# shellcheck disable=SC2086,SC2016 # words of a command; expanded by the inner shell
		$via -c '_coord=$1; shift; . "$_coord"' "$0" "$earlier" "$@" || exit
	else
		"$earlier" "$@" || exit
	fi
fi

# Nobody works on tags and notes, and a push may have thousands of them.
case $1 in
refs/tags/* | refs/notes/*) exit 0 ;;
esac

if command -v git-coord >/dev/null 2>&1; then
	binary=git-coord
elif [ ! -x "$binary" ]; then
	# As without this hook: nobody but the owner of the server could help.
	echo "git-coord: not found on this server (neither on PATH nor at $binary);" >&2
	echo "git-coord: $1 was NOT checked. Ask the owner of the server to install it again." >&2
	exit 0
fi
exec "$binary" hook server-update "$@"
