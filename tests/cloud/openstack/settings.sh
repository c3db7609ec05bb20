# shellcheck shell=bash
# Variables of who sources it:
# shellcheck disable=SC2154
# What all scripts here share: the settings that a caller may give, the ports, words to the person. Sourced first.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8

# Ports are numbered from here; 40 are used. Empty: up chooses.
base=${OPENSTACK_PORT_BASE:-}
# Seconds that a token lives.
# shellcheck disable=SC2034
ttl=${OPENSTACK_TOKEN_TTL:-3600}
# Glance's own limit of an image's size in bytes; empty: Glance's default, 1 TiB.
# shellcheck disable=SC2034
image_cap=${OPENSTACK_IMAGE_CAP:-}
# Not empty: as Debian ships it, uWSGI closes each connection without announcing it.
# shellcheck disable=SC2034
harsh=${OPENSTACK_HARSH:-}

port() {
	local name offset=0
	for name in keystone glance glance2 placement nova metadata neutron cinder rabbit distribution epmd; do
		if [ "$name" = "$1" ]; then
			printf '%d\n' $((base + offset))
			return
		fi
		offset=$((offset + 1))
	done
	fail "no port is named $1"
}
# The same service behind TLS.
tls_port() { printf '%d\n' $(($(port "$1") + 20)); }

say() { printf '[%3ds] %s\n' "$SECONDS" "$*" >&2; }
fail() {
	say "failed: $*"
	exit 1
}

# Whether a daemon runs: its pid file holds pid and start time, so that a number that the kernel gave away
# again is not mistaken for it.
started() { awk '{ print $22 }' "/proc/$1/stat" 2>/dev/null || true; }
alive() {
	local pid start
	[ -s "$state/pid/$1" ] || return 1
	read -r pid start <"$state/pid/$1"
	[ -n "$start" ] && [ "$(started "$pid")" = "$start" ]
}
