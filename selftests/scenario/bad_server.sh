#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 300
# R12 R17: servers that close, flood, send nonsense, half, their peer's own words or nothing: the
# fetch ends in time with a reason, the agent and the kernel go on, and nothing is left; a good
# server is served from as before. The same of an agent that does not pump.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
B=127.0.0.1:7979

quiet()
{
	keys_probe status | grep -q 'requests=0 sessions=0 .*double=0'
}

# ends CODES SECONDS: a fetch of at most four ends so, by then
ends()
{
	_t0=$(cut -d. -f1 /proc/uptime)
	_said=$(microhsm fetch "$R/disk/data" --timeout 4s 2>&1)
	_rc=$?
	_t1=$(cut -d. -f1 /proc/uptime)
	echo "$1" | grep -qw "$_rc" || echo "$kind: exit $_rc, wanted $1: $_said"
	[ $((_t1 - _t0)) -le $(($2 * ${MH_SLOW:-1})) ] || echo "$kind: $((_t1 - _t0)) s"
	echo "$_said" | grep -Eq ': .*(;|:) ' || echo "$kind: no advice: $_said"
}

# A server of that KIND
listens()
{
	start evil bad_peer serve $B "$1" "$W/anchor"
	wait_for 5 grep -qs listening "$TMPDIR/evil.log" || echo "$1: no server"
}

# What goes wrong with it
evil()
{
	kind=$1
	listens "$kind"
	ends "$2" 6
	kill -0 "${agent:?}" || echo "$kind: the agent is gone"
	stop evil
	for p in $(pidof bad_peer); do
		kill -KILL "$p"
	done
	wait_for 15 quiet || echo "$kind: left: $(keys_probe status)"
}

plan 25
ok "a Region" office_open
ok "a host" office_enrol alice
officer dataset create disk/data > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "a key" officer instance add disk/data --generate
stmt get anchor "$R" > "$W/anchor"
ok "the ANCHOR" test -s "$W/anchor"
id=$(microhsm keys | awk '/identity/ { print $1 }')
info=$(keys_probe info "$id")
start agent microhsm agent --state "$W/state" --upstream $B
wait_for 5 grep -q attached "$TMPDIR/agent.log"

is "it closes" "$(evil close 6)" ""
is "it says nothing" "$(evil silence 9)" ""
is "it sends nonsense, without end" "$(evil garbage "6 7")" ""
is "half of a frame" "$(evil half "7 9")" ""
is "a length past all" "$(evil huge "6 7")" ""
is "frames of no length, without end" "$(evil empty "6 7")" ""
is "a record before any handshake" "$(evil early "6 7")" ""
is "the text of another protocol" "$(evil text "6 7")" ""
is "a byte each tenth of a second" "$(evil slow "6 7 9")" ""
is "what it is sent" "$(evil echo "6 7")" ""
is "our own ANCHOR again, without end" "$(evil anchors "6 7")" ""
is "the identity is as it was" "$(keys_probe info "$id")" "$info"

# ---- request2 has its own time ----
listens silence
within "keyctl request2 of a silent one" 6 keyctl request2 microhsm "$R/disk/data" "" @s
# the session ends by itself, without a requester that gives up
start long microhsm fetch "$R/disk/data" --timeout 60s
ok "a silent one is given up before its requester" wait_for 35 sh -c "! kill -0 ${long:?} 2> /dev/null"
wait "$long"
is "with a reason" "$?" 6
stop evil
for p in $(pidof bad_peer); do
	kill -KILL "$p"
done
ok "no upstream listens: the next is taken" microhsm fetch "$R/disk/data" --timeout 10s
ok "the agent has lived through all" kill -0 "$agent"
stop agent
wait_for 10 quiet

# ---- no upstream at all; no agent ----
start agent microhsm agent --state "$W/state"
wait_for 5 grep -q attached "$TMPDIR/agent.log"
stop repositoryd
fails_with "the server is down" 6 microhsm fetch "$R/disk/data" --timeout 5s
says "and says what may be" 'repository answered|repositoryd' microhsm fetch "$R/disk/data" --timeout 5s
stop agent
wait_for 5 quiet
fails_with "no agent" 6 microhsm fetch "$R/disk/data"
says "and says what to start" 'start microhsm agent' microhsm fetch "$R/disk/data"
