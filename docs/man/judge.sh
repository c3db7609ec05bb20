#!/bin/sh
# What groff complains of in the manual page (where it is installed), as TAP.
if command -v groff >/dev/null; then
	complaints=$(groff -K utf8 -man -Tutf8 -ww -z "$1" 2>&1)
else
	complaints=
	echo "# groff is not installed: only that the page could be made is known"
fi
[ -z "$complaints" ] || printf '%s\n' "$complaints" | sed 's/^/# /'
[ -z "$complaints" ] && echo "ok 1 - the manual page is well-formed" || echo "not ok 1 - the manual page is well-formed"
echo 1..1
[ -z "$complaints" ]
