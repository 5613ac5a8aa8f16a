#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# kernels: 6.12
# debug: no
# own-vm: yes
# snapshot: yes
# timeout: 120
# R15 R54: a VM is written to a file in the middle of a session and resumed twice: in each copy that
# session has ended before it carries another record, and the next one begins with an ephemeral key that the
# other copy has not. (6.1 has no vmgenid, and is not told.)
# shellcheck disable=SC2154 # what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

sessions()
{
	keys_probe status | sed -n 's/.* sessions=\([0-9]*\) .*/\1/p'
}

none()
{
	[ "$(sessions)" = 0 ]
}

# since: what has gone up the wire since the snapshot, in hexadecimal
since()
{
	tail -c "+$((sent + 1))" "$W/wire" | od -An -v -tx1 | tr -d ' \n'
}

forked()
{
	dmesg | grep -q 'virtual machine fork'
}

plan 10
ok "r15 a Region" office_open
start tap wire_tap 7879 7878 "$W/segments" "$W/wire"
ok "r15 a host" office_enrol alice
start agent microhsm agent --state "$W/state" --upstream 127.0.0.1:7879
ok "r15 a key" office_dataset disk/data
ok "r15 is delivered" microhsm fetch "$R/disk/data"
is "r15 on a session that stays" "$(sessions)" 1
sent=$(stat -c %s "$W/wire")
echo "@snapshot" >&3
ok "r15 resumed" wait_for 60 forked
ok "r15 that session has ended" wait_for 5 none
is "r15 and has carried nothing more" "$(since)" ""
ok "r15 the next delivery" microhsm fetch "$R/disk/data"
# kind 1, 3 bytes of length; P1 behind 2 of its own; e 32
hello=$(since)
is "r15 is on another one" "$(echo "$hello" | cut -c 1-2)" 01
e=$((12 + 2 * 0x$(echo "$hello" | cut -c 9-12)))
echo "@once $(echo "$hello" | cut -c $((e + 1))-$((e + 64)))" >&3
