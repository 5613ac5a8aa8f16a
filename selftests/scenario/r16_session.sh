#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R16: a session carries many requests; it is kept while idle; the next fetch on it is
# one round trip, the first on a new stream two.
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

plan 16
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
sleep 10
from=$(next_line)
ok "r16 one after ten idle seconds" fetch disk/one
is "r16 it is one round trip as well" "$(ways "$from")" "up down"
is "r16 all of them on one connection" "$(connections)" 1
