#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 200
# kernels: 6.12
# R36 R37: an officer's tool does not say that a host is served when it is not: what is revoked or
# at its end is neither enrolled again nor granted, what is signed after a REVOKE is above it, and a
# grant holds as long as it says.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# What office.sh assigns
region=''
export MH_PASS=tea
revokes=0
# A machine that is slower has longer seconds
T=${MH_SLOW:-1}

# enrol ENTITY OPTION...: by the request that the last new_keys made; one identity at a time
enrol()
{
	_who=$1
	shift
	officer entity enrol "$W/$_who.request" --fingerprint "$(fingerprint_of "$W/$_who.fp")" \
		--output "$W/$_who.bundle" --address 127.0.0.1:7878 "$@"
}

new_keys()
{
	microhsm forget "$R/$1" > /dev/null 2>&1 || microhsm forget "$1" > /dev/null 2>&1
	wait_for 5 sh -c '! grep -q entity: /proc/keys'
	rm -f "$W"/state/*.blob
	microhsm init "$1" --state "$W/state" > /dev/null &&
		microhsm request "$1" --output "$W/$1.request" 2> "$W/$1.fp"
}

joined()
{
	microhsm join "$W/$1.bundle" --region "$region" --state "$W/state" --identity "$1"
}

# revoke TYPE SUBJECT UP_TO: by an officer with a tool of their own
revoke()
{
	revokes=$((revokes + 1))
	MH_TARGET=$1 MH_UP_TO=$3 stmt make revoke "$2" $((100 + revokes)) "$W/officer.pem" > "$W/revoke" &&
		[ "$(stmt send "$W/revoke")" = "0 " ]
}

serial_of()
{
	officer "$1" list | awk -v name="$2" '$1 == name { print $2 }'
}

# group NAME LIFE RIGHT: the officers', by another tool
group()
{
	MH_LIFE=$2 MH_RIGHT=$3 stmt make group "$1" 1 "$W/officer.pem" > "$W/group" &&
		[ "$(stmt send "$W/group")" = "0 " ]
}

signed()
{
	repoctl audit show | grep -c ' statement '
}

# still NAME: nothing was signed since $W/signed was written
still()
{
	is "$1" "$(signed)" "$(cat "$W/signed")"
}

plan 59
ok "a Region" office_open
ok "the agent" office_agent
officer dataset create disk/data > /dev/null
officer instance add disk/data --generate > /dev/null

# ---- at its end ----
new_keys alice
ok "a host for five seconds" enrol alice --life $((5 * T))s
ok "joins" joined alice
ok "is granted a key" officer grant disk/data alice
ok "and fetches it" microhsm fetch "$R/disk/data"
ok "a DataSet for a second" officer dataset create disk/short --life "${T}s"
sleep $((6 * T))
signed > "$W/signed"
does "ended: nothing is granted" 4 \
	'Entity alice: its validity ended 20.*nothing was granted; enrol it again' \
	officer grant disk/data alice
not_ok "nothing is fetched" microhsm fetch "$R/disk/data" --keyring @u
fails_with "nor granted of a DataSet that ended" 4 officer grant disk/short alice
fails_with "nor a key added to it" 4 officer instance add disk/short --generate
still "nothing was signed"
ok "enrolled again, by the old request" enrol alice
is "with the next serial" "$(serial_of entity alice)" 2
ok "of it the DataSet is granted" officer grant disk/data alice
ok "and fetched" microhsm fetch "$R/disk/data" --keyring @u
does "the other not yet" 4 \
	'DataSet disk/short: its validity ended 20.*dataset create --replace' \
	officer grant disk/short alice
does "nor is it made as if it were not there" 5 \
	'DataSet disk/short exists and is at its end; --replace signs it anew' \
	officer dataset create disk/short --life "${T}s"
ok "renewed" officer dataset create disk/short --replace
ok "it is" officer grant disk/short alice

# ---- revoked ----
ok "the host is revoked" officer entity revoke alice
signed > "$W/signed"
rm "$W/alice.bundle"
does "its keys are not enrolled again" 8 \
	'alice is revoked, .*make new ones on the host .microhsm forget, init, request' \
	enrol alice
not_ok "there is no bundle" test -e "$W/alice.bundle"
does "nothing is granted" 8 \
	'Entity alice is revoked: nothing was granted; it needs new keys' \
	officer grant disk/data alice
still "nothing was signed"
new_keys alice
ok "new keys are enrolled" enrol alice
ok "join" joined alice
ok "and fetch" microhsm fetch "$R/disk/data" --keyring @u

# ---- a REVOKE that runs ahead ----
ok "all serials up to 9 are revoked" revoke entity alice 9
new_keys alice
ok "new keys are enrolled" enrol alice
is "above it" "$(serial_of entity alice)" 10
joined alice > /dev/null
ok "and fetch" microhsm fetch "$R/disk/data" --keyring @u
ok "the DataSet, the MEMBER and the group too" eval 'revoke dataset disk/data 4 &&
	revoke member disk.data/alice 7 && revoke group disk.short 3'
does "the DataSet is not granted" 8 \
	'DataSet disk/data is revoked: nothing was granted; make it again .*--replace' \
	officer grant disk/data alice
fails_with "nor is a key added to it" 8 officer instance add disk/data --generate
does "nor made as if it were not there" 5 \
	'DataSet disk/data exists and is revoked; --replace signs it anew' \
	officer dataset create disk/data
ok "made again" officer dataset create disk/data --replace
is "above it" "$(serial_of dataset disk/data)" 5
ok "the right is granted again, above its REVOKE" officer grant disk/data alice
ok "and the key fetched" microhsm fetch "$R/disk/data" --keyring @u
does "by the group nothing is" 8 \
	'group disk.short is revoked: nothing was granted; .*--group' \
	officer grant disk/short alice

# ---- how long a grant holds ----
officer dataset create more/a > /dev/null
officer dataset create more/b > /dev/null
officer instance add more/a --generate > /dev/null
officer instance add more/b --generate > /dev/null
ok "a group of seven seconds, for all of more/" group more $((7 * T)) more/
before=$(signed)
ok "a grant by it, of two" officer grant more/a alice --group more --life $((2 * T))s
is "needs no other group" "$(signed)" $((before + 1))
ok "serves" microhsm fetch "$R/more/a" --keyring @u
sleep $((3 * T))
fails_with "and ends" 3 microhsm fetch "$R/more/a" --version 1 --keyring @p
before=$(signed)
ok "another, longer than the group" officer grant more/a alice --group more
is "renews the group" "$(signed)" $((before + 2))
sleep $((5 * T))
ok "and serves when that would have ended" microhsm fetch "$R/more/a" --version 1 --keyring @p
ok "its other rights are there" microhsm fetch "$R/more/b" --keyring @p
officer dataset create less/a > /dev/null
officer instance add less/a --generate > /dev/null
ok "a group of a second" group less "$T" less/a
sleep $((2 * T))
officer grant disk/data alice --life "${T}s" > /dev/null
ok "that ended is renewed too" officer grant less/a alice --group less
ok "and serves" microhsm fetch "$R/less/a" --keyring @p
sleep $((2 * T))
fails_with "one second is one second for what was granted longer" 3 \
	microhsm fetch "$R/disk/data" --keyring @p
ok "a grant ends no group" officer grant disk/data alice
ok "and serves again" microhsm fetch "$R/disk/data" --keyring @p

# ---- a group that the server made up ----
MH_LIFE=60 MH_RIGHT=disk/ stmt make group disk.data 9 stranger > "$W/strange"
stop repositoryd
sqlite3 "$W/store/db" "UPDATE statement SET bytes = readfile('$W/strange')
	WHERE type = 4 AND subject = CAST('disk.data' AS BLOB)"
office_daemon
does "is not signed by an officer unawares" 4 \
	'GROUP of disk.data is not signed by this Region' \
	officer grant disk/data alice

# ---- a REVOKE that the tool cannot see, behind one of another kind of that name ----
officer grant more/a alice --group alice > /dev/null
revoke entity alice 20 && revoke group alice 1
new_keys alice
does "what a REVOKE takes at once is no success" 8 \
	'alice is signed, and of no effect: a REVOKE takes serial 11 too' \
	enrol alice
revoke entity alice 0xffffffffffffffff
new_keys alice
does "nor is what one takes for ever" 8 \
	'alice is revoked for good.*another name' \
	enrol alice
