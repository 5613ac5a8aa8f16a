# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A fetch held at a step, and what happens to those who take part. Sourced.
# shellcheck disable=SC2154 # what start sets
STEPS_SECONDS=$((6 * ${MH_SLOW:-1}))		# no wait is longer
# What the tool waits: less than the bound, and than the ten seconds that repositoryd gives a
# handshake, at whose end the agent that was stopped in it would find itself without a connection.
FETCH_SECONDS=$((STEPS_SECONDS < 14 ? STEPS_SECONDS / 2 : 7))
BEHIND_SECONDS=$((10 * ${MH_SLOW:-1}))		# behind a key type's registration

now_cs()
{
	cut -d' ' -f1 /proc/uptime | tr -d .
}

# Alive and not a zombie.
alive()
{
	[ -d "/proc/$1" ] && ! grep -qs '^State:.*Z' "/proc/$1/status"
}

# ended PID SECONDS: it ends by then.
ended()
{
	_end=$(($(now_cs) + $2 * 100))
	while alive "$1"; do
		[ "$(now_cs)" -lt $_end ] || return 1
		sleep 0.02
	done
}

# ask NAME DOOR DATASET: a requester in a session of its own; NAME_pid, and its exit
# status in NAME.rc once it has ended.
ask()
{
	rm -f "$TMPDIR/$1.rc" "$TMPDIR/$1.pid"
	case $2 in
	keyctl) set -- "$1" keyctl request2 microhsm "$R/$3" "" @s ;;
	ioctl) set -- "$1" microhsm fetch "$R/$3" --timeout $FETCH_SECONDS ;;
	esac
	_who=$1
	shift
	(
		sh -c 'echo $$ > "$0.new"; mv "$0.new" "$0"; exec keyctl session - "$@"' \
			"$TMPDIR/$_who.pid" "$@" > "$TMPDIR/$_who.log" 2>&1 3>&-
		echo $? > "$TMPDIR/$_who.rc"
	) &
	wait_for 5 test -s "$TMPDIR/$_who.pid"
	eval "${_who}_pid=$(cat "$TMPDIR/$_who.pid")"
}

rc_of()
{
	wait_for 2 test -s "$TMPDIR/$1.rc" && cat "$TMPDIR/$1.rc"
}

# agent_at STEP: an agent that will hold there
agent_at()
{
	rm -f "$TMPDIR/go"
	start agent step_agent "$1" "$W/stp" "$TMPDIR/go"
	wait_for 5 grep -q attached "$TMPDIR/agent.log"
}

held()
{
	wait_for 10 grep -q "^at " "$TMPDIR/agent.log"
}

go_on()
{
	: > "$TMPDIR/go"
}

# Nothing waits, nothing was completed twice; the sessions of dead agents end.
quiet()
{
	keys_probe status | grep -q 'requests=0 sessions=0 .*double=0'
}

agent_gone()
{
	kill -CONT "$agent" 2> /dev/null
	kill -KILL "$agent" 2> /dev/null
	wait "$agent" 2> /dev/null
	wait_for 6 quiet || { note "left over: $(keys_probe status)"; return 1; }
}
