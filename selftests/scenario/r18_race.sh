#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# cpus: 2
# own-vm: yes
# R18 R21: while a key is being made by request_key(2), its possessor tries to give it
# other permissions and no timeout: no such key can be used. And a key that ends while it is used:
# each use is right or refused, and none that begins after the end succeeds.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

plan 20
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

# ---- a key that ends in the middle of its use ----

T=${MH_SLOW:-1}

datasets()
{
	office_dataset aes/hour --lease 1h && office_dataset ec/hour --lease 1h --algorithm p256 &&
		office_dataset aes/short --lease $((3 * T))s &&
		office_dataset ec/short --lease $((3 * T))s --algorithm p256
}

# race HOW LEASE ROUNDS: two results; the race was run, and all went right
race()
{
	keyctl session - use_race "$1" "$R" "aes/$2" "ec/$2" "$3" > "$TMPDIR/$1" 2>&1
	while IFS= read -r _l; do note "$_l"; done < "$TMPDIR/$1"
	says "r18 r21 $1: each kind of use succeeded and was refused, some in the middle" \
		'all: .* checked=[1-9][0-9]* middle=[1-9][0-9]* idle=0 ' cat "$TMPDIR/$1"
	says "r18 r21 $1: each was right, or refused as documented, and none succeeded late" \
		'all: .* wrong=0$' cat "$TMPDIR/$1"
}

ok "r18 r21 keys for an hour, and for some seconds" datasets
for how in revoke unlink clear invalidate; do
	race $how hour $((20 / T))
done
race lease short 2
