# shellcheck shell=bash
# Variables of who sources it:
# shellcheck disable=SC2154
# Starting, awaiting and ending daemons. Needs settings.sh and $state.
#
# STATE/pid/NAME   pid and start time; each daemon leads a session of its own
# STATE/run/NAME   the command, so that it can be started again alone
# STATE/log/NAME.out   what it printed

start() {
	local name=$1
	shift
	printf '%q ' "$@" >"$state/run/$name"
	launch "$name"
}

# Starts what start() once started; where it runs already, nothing.
launch() {
	local name=$1 i child
	! alive "$name" || return 0
	rm -f "$state/pid/$name"
	# The pid file is there before the daemon is: whoever reads it reads no half of it.
	# shellcheck disable=SC2016
	setsid bash -c 'cd "$2/data"
		printf "%s %s\n" $$ "$(cut -d" " -f22 /proc/$$/stat)" >"$2/pid/.$1"
		mv "$2/pid/.$1" "$2/pid/$1"
		eval "exec $(cat "$2/run/$1")"' - "$name" "$state" >>"$state/log/$name.out" 2>&1 </dev/null 9>&- &
	child=$!
	disown
	for ((i = 0; i < 2400; i++)); do
		[ ! -s "$state/pid/$name" ] || return 0
		kill -0 "$child" 2>/dev/null || break
		sleep 0.05
	done
	fail "$name did not start"
}

# await NAME SECONDS COMMAND...: until the command succeeds; fails when the daemon ends before.
await() {
	local name=$1 seconds=$2 end=$((SECONDS + $2))
	shift 2
	until "$@" >/dev/null 2>&1; do
		alive "$name" || {
			tail -n 30 "$state/log/$name.out" >&2
			fail "$name has ended (log: $state/log/$name.out)"
		}
		[ "$SECONDS" -lt "$end" ] || fail "$name does not answer after $seconds s (log: $state/log/$name.out)"
		sleep 0.2
	done
}
answers() { curl -s --noproxy '*' -o /dev/null -m 20 "http://127.0.0.1:$(port "$1")${2:-/}"; }

# halt SIGNAL NAME...: ends daemons and what they started, all at once; KILL after ten seconds.
halt() {
	local signal=$1 name pid pids=() i left
	shift
	for name in "$@"; do
		alive "$name" || continue
		read -r pid _ <"$state/pid/$name"
		pids+=("$pid")
		if [ "$signal" = KILL ]; then
			kill -KILL -- "-$pid" 2>/dev/null || true
		else
			kill "-$signal" "$pid" 2>/dev/null || true
		fi
	done
	for ((i = 0; i < 150; i++)); do
		left=0
		for pid in "${pids[@]}"; do
			# A process group is there as long as one of its processes is.
			! kill -0 -- "-$pid" 2>/dev/null || left=1
			[ "$i" != 50 ] || kill -TERM -- "-$pid" 2>/dev/null || true
			[ "$i" -lt 100 ] || kill -KILL -- "-$pid" 2>/dev/null || true
		done
		[ "$left" = 1 ] || break
		sleep 0.1
	done
	for name in "$@"; do
		rm -f "$state/pid/$name"
	done
}
