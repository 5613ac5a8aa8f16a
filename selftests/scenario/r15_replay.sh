#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# kernels: 6.12
# own-vm: yes
# timeout: 600
# R15. A relay between agent and repositoryd records a fetch. Played again, to either side, it
# delivers nothing; altered on its way, frame by frame, it ends in an error and never in a wrong
# key: what is delivered opens what the undisturbed key has sealed.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/steps.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/steps.sh"
# shellcheck source=selftests/hostile/relay.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/hostile/relay.sh"
# What office.sh and attempt assign
region='' got=''
D=disk/data

# One that knows no way but by the relay
host()
{
	microhsm init alice --state "$W/state" &&
		microhsm request alice --output "$W/alice.request" 2> "$W/alice.fp" &&
		officer entity enrol "$W/alice.request" --fingerprint "$(fingerprint_of "$W/alice.fp")" \
			--output "$W/alice.bundle" --address "$W/relay" &&
		microhsm join "$W/alice.bundle" --region "$region" --state "$W/state" --identity alice
}

# frames WAY: how many of the recording went that way
frames()
{
	replay_relay list "$W/first" | grep -c "^$1 "
}

size_of()
{
	replay_relay list "$W/first" | sed -n "s/^$1 $2 [0-9]* //p"
}

events()
{
	repoctl audit show --json | grep -c "\"event\":\"$1\""
}

# disturbed WAY N WHAT [ARG]: an error, in time; what else the last frame twice may give
disturbed()
{
	relay relay "$W/relay" "$W/stp" "$@" || return 1
	attempt $D
	calm || return 1
	if ! grep -q altered "$TMPDIR/relay.log"; then
		note "$*: never came by"
		return 1
	fi
	[ "$got" = right ] && [ "$3" = double ] && [ "$2" = "$(frames "$1")" ] && return
	refused && return
	note "$*: $got: $(tail -n 1 "$TMPDIR/attempt.log")"
	return 1
}

# each WAY WHAT [ARG]: each frame of that way; half: the byte in the middle
each()
{
	_each=0
	for n in $(seq "$(frames "$1")"); do
		if [ "$3" = half ]; then
			disturbed "$1" "$n" "$2" $(($(size_of "$1" "$n") / 2)) || _each=1
		else
			disturbed "$1" "$n" "$2" "$3" || _each=1
		fi
	done
	return $_each
}

# The hello's P1 goes in the clear: nothing but the handshake's hash guards it. That is
# repositoryd's to notice: on one kernel each byte, on the others a few.
each_of_p1()
{
	_each=0
	case $(uname -r) in 6.12.*) step=1 ;; *) step=9 ;; esac
	for k in $(seq 4 $step 46); do
		disturbed up 1 flip "$k" || _each=1
	done
	return $_each
}

# replayed TURNS FROM TO: closed in time, nothing but challenges comes back
replayed()
{
	replay_relay replay "$W/stp" "$W/first" "$1" "$2" "$3" 15 > "$TMPDIR/replay.log" &&
		grep -q 'records=0 closed' "$TMPDIR/replay.log" && return
	note "$*: $(cat "$TMPDIR/replay.log")"
	return 1
}

# The recording of the client's side, whole and in parts
all_replayed()
{
	_all=0
	for how in turns now; do
		for range in "1 3" "1 1" "1 2" "2 2" "2 3" "3 3"; do
			# shellcheck disable=SC2086 # two words
			replayed $how $range || _all=1
		done
	done
	return $_all
}

# played HOW: the fetch is refused with the recording's answers
played()
{
	relay play "$W/relay" "$W/first" "$1" || return 1
	attempt $D
	calm || return 1
	grep -q '^played' "$TMPDIR/relay.log" && refused && return
	note "$1: $got: $(cat "$TMPDIR/attempt.log" "$TMPDIR/relay.log")"
	return 1
}

cd "$TMPDIR" || exit 1
echo "a licence" > plain
WHATS="flip:0 flip:1 flip:2 flip:3 flip:4 flip:half flip:-17 flip:-1 cut:1 drop: double: swap:
	graft:$W/second insert:$W/second"
plan $((19 + 14 * 2))

ok "an office" office_open
ok "a host" host
officer dataset create $D --mode group > made 2>&1
officer grant $D alice >> made 2>&1
ok "a key" officer instance add $D --generate
relay relay "$W/relay" "$W/stp" record "$W/zero"
ok "an agent" office_agent
ok "fetched" microhsm fetch "$R/$D"
ok "and sealed with" microhsm seal "$(keyctl search @s microhsm "$R/$D")" plain --output sealed
calm
ok "recorded" record "$W/first" $D
ok "and another" record "$W/second" $D
replay_relay list "$W/first" | while read -r line; do note "$line"; done
is "hello, auth, request" "$(replay_relay list "$W/first" | sed -n 's/^up . \(.\).*/\1/p' |
	tr -d '\n')" 134

# ---- to repositoryd ----
deliveries=$(events delivery) sessions=$(events session)
is "three deliveries" "$deliveries" 3
ok "the client's frames again, to repositoryd" all_replayed
is "nothing was delivered" "$(events delivery)" "$deliveries"
is "nobody was taken for alice" "$(events session)" "$sessions"
stop repositoryd
office_daemon
ok "nor by a daemon that was not there then" all_replayed
is "nothing at all" "$(events delivery) $(events session)" "$deliveries $sessions"

# ---- to the kernel ----
ok "the server's frames again, in turn" played turns
ok "and at once" played now

# ---- altered on the way ----
for way in up down; do
	for what in $WHATS; do
		before=$(events delivery)
		ok "$way, each: $what" each $way "${what%%:*}" "${what#*:}"
		[ $way = down ] || [ "$what" = double: ] || [ "$(events delivery)" = "$before" ] ||
			fail "$way, $what: a delivery in the audit"
	done
done
ok "up, the hello: each byte that goes in the clear" each_of_p1

ok "then a fetch that nobody disturbs" record "$W/third" $D
note "the longest attempt took $LONGEST cs, of a timeout of $((TIMEOUT * 100))"
