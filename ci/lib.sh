# shellcheck shell=bash
# What the scripts of ci/ share. Sourced first; leaves the shell in the top directory of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD
export top

say() { printf '%s\n' "$*" >&2; }
fail() {
	say "${0##*/}: $*"
	exit 1
}

# Runs a command as root, through sudo where we are not.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "needs root or sudo for: $*"
	fi
}

# Builds into build directory $1, configured with the meson options that follow; anew when they
# or the compiler change. One at a time in each directory.
build_in() (
	dir=$1
	shift
	mkdir -p "${dir%/*}"
	exec 9>"$dir.lock"
	flock 9
	if [ "$(cat "$dir/options" 2>/dev/null)" != "${CC:-} $*" ] || [ ! -f "$dir/build.ninja" ]; then
		rm -rf "$dir"
		meson setup "$dir" "$@" >"$dir.log" 2>&1 || {
			cat "$dir.log" >&2
			exit 1
		}
		mv "$dir.log" "$dir/setup.log"
		printf '%s\n' "${CC:-} $*" >"$dir/options"
	fi
	ninja -C "$dir" >"$dir/ninja.log" 2>&1 || {
		grep -v '^\[' "$dir/ninja.log" >&2
		exit 1
	}
)
