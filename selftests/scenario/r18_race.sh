#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# cpus: 2
# own-vm: yes
# R18 R21: while a key is being made by request_key(2), its possessor tries to give it
# other permissions and no timeout: no such key can be used.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

plan 9
ok "r18 an office" office_open
ok "r18 a host" office_enrol alice
ok "r18 an agent" office_agent
ok "r18 a DataSet" officer dataset create disk/data --mode group --lease 1h
ok "r18 a right" officer grant disk/data alice
ok "r18 a key" officer instance add disk/data --generate
keyctl session - setperm_race "$R/disk/data" 100 > "$TMPDIR/race" 2>&1
note "$(cat "$TMPDIR/race")"
says "r18 all of a hundred keys came" '^came=100 failed=0 ' cat "$TMPDIR/race"
says "r18 none that was meddled with can be used" ' usable=0 ' cat "$TMPDIR/race"
says "r18 those that were not can" ' refused=0 meddled=1$' cat "$TMPDIR/race"
