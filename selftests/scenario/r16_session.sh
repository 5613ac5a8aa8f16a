#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R16: a session carries many requests; it is kept while idle; the next fetch on it is
# one round trip, the first on a new stream two. By each door, of each mode, and refused.
# shellcheck disable=SC2154 # what office.sh sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

# The ways that payload went since line $1 of the log, each run of one way once
ways()
{
	tail -n +"$1" "$W/segments" | cut -d' ' -f1 | uniq | tr '\n' ' ' | sed 's/ $//'
}

next_line()
{
	echo $(($(wc -l < "$W/segments") + 1))
}

connections()
{
	grep -c connect "$W/segments"
}

# fetch NAME: nothing on the keyring answers in its place
fetch()
{
	keyctl session - microhsm fetch "$R/$1" > /dev/null 2>&1
}

many()
{
	for _i in 1 2 3 4 5 6 7 8 9 10; do fetch "$1" || return 1; done
}

at_once()
{
	for _i in 1 2 3 4 5 6; do
		{ fetch "$1" && echo fetched >> "$W/at_once"; } &
	done
	wait_for 20 sh -c "[ \$(wc -l < $W/at_once) = 6 ]"
}

# one_round_trip CMD...: it ends well, and what it sends and gets is one up, one down. All that
# a fetch waits for is in the log before it comes back.
one_round_trip()
{
	_from=$(next_line)
	"$@" || return 1
	_ways=$(ways "$_from")
	[ "$_ways" = "up down" ] && return
	echo "ways: $_ways"
	return 1
}

refused()
{
	keyctl session - microhsm fetch "$R/no/such" > /dev/null 2>&1
	[ $? = 3 ]
}

events()
{
	repoctl audit show | grep -c "  *$1  *done "
}

plan 26
ok "r16 an office" office_open
ok "r16 an identity" microhsm init alice --state "$W/state"
microhsm request alice --output "$W/alice.request" 2> "$W/alice.fp"
ok "r16 enrolled" officer entity enrol "$W/alice.request" \
	--fingerprint "$(fingerprint_of "$W/alice.fp")" --output "$W/alice.bundle" \
	--address 127.0.0.1:7879
ok "r16 joined" microhsm join "$W/alice.bundle" --region "$region" --state "$W/state" \
	--identity alice
start tap wire_tap 7879 7878 "$W/segments" "$W/wire"
for d in one two; do
	officer dataset create disk/$d --mode group > /dev/null
	officer grant disk/$d alice > /dev/null
	ok "r16 a key $d" officer instance add disk/$d --generate
done
ok "r16 the agent" office_agent

ok "r16 a first fetch" fetch disk/one
sleep 1
is "r16 it takes two round trips on a new stream" "$(ways 1)" "connect up down up down"
from=$(next_line)
ok "r16 another fetch" fetch disk/two
sleep 1
is "r16 it takes one round trip on the open session" "$(ways "$from")" "up down"
ok "r16 ten more" many disk/one
ok "r16 six at once" at_once disk/two
from=$(next_line)
sleep 10
is "r16 nothing is said in ten idle seconds" "$(next_line)" "$from"
ok "r16 then a fetch is one round trip as well" one_round_trip fetch disk/one
is "r16 all of them on one connection" "$(connections)" 1

officer dataset create tls/www --mode session --algorithm p256 > /dev/null
officer grant tls/www alice > /dev/null
ok "r16 a key of mode session" officer instance add tls/www --generate
ok "r16 it takes one round trip" one_round_trip fetch tls/www
ok "r16 as request_key(2) does" one_round_trip keyctl session - \
	keyctl request2 microhsm "$R/disk/one" "" @s
ok "r16 and a refusal" one_round_trip refused
is "r16 the audit has one session" "$(events session)" 1
is "r16 and each delivery" "$(events delivery)" 21
says "r16 the kernel has one session" "sessions=1 " keys_probe status

stop tap
ok "r16 the connection lost: the session is over" wait_for 5 sh -c \
	"keys_probe status | grep -q 'sessions=0 '"
start tap wire_tap 7879 7878 "$W/segments" "$W/wire"
wait_for 5 sh -c "netstat -tln | grep -q ':7879 '"
ok "r16 the next fetch makes another" fetch disk/one
is "r16 on a second connection" "$(connections)" 2
