#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# kernels: 6.12
# R14: Data is wrapped to Kec, which the Repository keeps to itself: Kec-public is neither on the wire,
# nor in its files, nor in what it tells officers or the audit. Whose Kec is not the enrolled one
# gets no session: closed without a word, nothing served, nothing in the audit; with the right one
# all is as before. (The four combinations of kinds: r04_kinds.)
# shellcheck disable=SC2046,SC2154 # a list of files; what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
D=disk/data
S=$W/state

errno()
{
	ioc FETCH region=$R name=$D keyring=-3 timeout_ms=8000 | tail -n 1 | cut -d' ' -f2
}

found()
{
	find_bytes "$W/kec" "$@" | sed 's/ .*//'
}

enrol()
{
	microhsm request "$1" --output "$W/$1.request" 2> "$W/$1.fp"
	_who=$1
	shift
	officer entity enrol "$W/$_who.request" --fingerprint "$(fingerprint_of "$W/$_who.fp")" \
		--output "$W/$_who.bundle" --address 127.0.0.1:7879 "$@"
}

recorded()
{
	repoctl audit show | grep -Ec ' (session|delivery) '
}

# The sealed Kecs of the two Entities change places
swap()
{
	stop repositoryd
	sqlite3 "$W/store/db" "CREATE TEMP TABLE t AS SELECT kid, sealed FROM secret;
		UPDATE secret SET sealed = (SELECT sealed FROM t WHERE t.kid != secret.kid)
		WHERE 1; SELECT count(*) FROM t" > "$W/swapped"
	grep -qx 2 "$W/swapped" && office_daemon
}

plan 22
ok "a Region" office_open
ok "an identity" microhsm init alice --state "$S"
ok "enrolled" enrol alice
ok "its Kec-public, from its request" sh -c "instance_probe kec $W/alice.request > $W/kec"
is "all of it" "$(wc -c < "$W/kec")" 32
ok "joined" microhsm join "$W/alice.bundle" --region "$region" --state "$S" --identity alice
start tap wire_tap 7879 7878 "$W/segments" "$W/wire"
ok "an agent" office_agent
officer dataset create $D --mode group > /dev/null
officer grant $D alice > /dev/null
ok "a key, wrapped to Kec" officer instance add $D --generate
is "fetched" "$(errno)" ok

# ---- confidential ----
microhsm request alice --output "$W/again" --binary 2> /dev/null
is "the wire has none of it" "$(found "$W/wire")" 0
is "nor the Repository's files" "$(found $(find "$W/store" "$W/keeper" -type f -size +0))" 0
{ officer entity list; officer --json entity list; repoctl --json audit show; } > "$W/told"
is "nor what it tells" "$(found "$W/told")" 0
ok "nor the bundle" sh -c "! find_bytes $W/kec $W/alice.bundle | grep -qv '^0 '"

# ---- another's ----
microhsm init bob --state "$S" > /dev/null
ok "another host" enrol bob
stop agent
wait_for 6 sh -c "keys_probe status | grep -q sessions=0"
n=$(recorded)
ok "the Repository holds alice's Kec for bob's, and bob's for alice's" swap
office_agent
is "alice gets no session" "$(errno)" ECONNRESET
is "nothing was recorded" "$(recorded)" "$n"
ok "each has its own again" swap
is "fetched" "$(errno)" ok
microhsm forget "$R" > /dev/null
wait_for 6 sh -c "keys_probe status | grep -q identities=1"
ok "a new alice, in the old one's place" sh -c "microhsm init alice --state $W/new"
ok "enrolled" enrol alice --replace
microhsm unlock "$S/$R+alice.blob" --state "$S" > /dev/null
is "the old one gets no session" "$(errno)" ECONNRESET
