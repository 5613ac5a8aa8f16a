#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# boots: 2
# timeout: 300
# R08 R02. Enrolment by file, pipe and text; fingerprints on both sides; requests and bundles
# altered, of another host, of another Region; then a reboot, and the sealed blob alone.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

# All of it outlives the boot.
W=/disk/office
export MICROHSM_ADMIN=$W/admin
S=$W/state
# 100 bits in groups, wherever a tool says them
FP='[a-z2-7]{4}(-[a-z2-7]{4}){4}'

shown()
{
	grep -Eo "$FP" "$1" | head -n 1
}

# What the office knows: Entities, and the audit's length
office_knows()
{
	officer entity list
	repoctl audit show | wc -l
}

# What this host knows: identities, their keys, their blobs
host_knows()
{
	microhsm status | grep '^identity'
	grep microhsm /proc/keys | sort
	ls "$S"
}

# altered FILE STEP CODE CMD...: FILE's name is the last operand; every STEPth byte of
# it turned in turn, and cut short, must end CMD in CODE, or, where it is a version's, in 1 with that
# said. Prints what did not.
altered()
{
	_file=$1 _step=$2 _code=$3
	shift 3
	_size=$(stat -c %s "$_file")
	_at=0
	_tries=0
	while [ $_at -lt "$_size" ]; do
		enrol_probe flip "$_file" $_at > "$W/altered"
		"$@" "$W/altered" > "$W/altered.out" 2>&1
		_rc=$?
		[ $_rc = "$_code" ] || { [ $_rc = 1 ] && grep -q 'a release that this one does not know' \
			"$W/altered.out"; } || echo "byte $_at: $_rc: $(tail -n 1 "$W/altered.out")"
		_tries=$((_tries + 1))
		_at=$((_at + _step))
	done
	for _n in 0 1 $((_size / 2)) $((_size - 1)); do
		head -c "$_n" "$_file" > "$W/altered"
		"$@" "$W/altered" > "$W/altered.out" 2>&1
		_rc=$?
		[ $_rc = "$_code" ] || echo "cut to $_n: $_rc: $(tail -n 1 "$W/altered.out")"
	done
	cp "$_file" "$W/altered"
	printf x >> "$W/altered"
	"$@" "$W/altered" > "$W/altered.out" 2>&1
	_rc=$?
	[ $_rc = "$_code" ] || echo "a byte more: $_rc: $(tail -n 1 "$W/altered.out")"
	[ $_tries -gt 20 ] || echo "only $_tries places"
}

join_alice()
{
	microhsm join --state "$S" --identity alice "$@"
}

unlock()
{
	microhsm unlock "$S/$R+alice.blob" --state "$S" "$@"
}

after_reboot()
{
	plan 17
	ok "boot 2: the office again" office_daemon
	ok "the agent" office_agent
	is "nothing is open" "$(grep -c "microhsm.*entity" /proc/keys)" 0
	fails_with "nothing is fetched" 3 microhsm fetch "$R/disk/data"
	fails_with "nobody waits to join" 3 microhsm join "$W/alice.bundle" --region "$(cat "$W/region")"
	head -c 32 /dev/zero > "$W/zeros"
	fails_with "another device's secret opens nothing" 4 unlock --seat "file:$W/zeros"
	: > "$W/empty"
	fails_with "nor does an empty blob" 7 microhsm unlock "$W/empty" --state "$S"
	fails_with "nor does none" 3 unlock --seat "file:$W/none"
	enrol_probe flip "$S/$R+alice.blob" 200 > "$W/flipped"
	fails_with "an altered blob does not open" 4 microhsm unlock "$W/flipped" --state "$S"
	is "and still nothing is open" "$(grep -c "microhsm.*entity" /proc/keys)" 0
	ok "the blob and its secret" microhsm unlock --state "$S"
	key=$(key_serial entity:hq/alice)
	is "the same identity" "$(identity_probe kes "$key")" "$(cat "$W/kes")"
	ok "fetches" microhsm fetch "$R/disk/data"
	fails_with "once is enough" 5 unlock
	ok "drained, with the agent attached" microhsm drain
	ok "which ends of itself" wait_for 5 sh -c "! kill -0 ${agent:?}"
	ok "unloaded" wait_for 6 rmmod microhsm
	exit
}

[ "$MH_BOOT" = 1 ] || after_reboot

plan 52
ok "a Region" office_open
officer region create other --card "$card" --genesis "$W/other" > "$W/other.out" 2>&1
other=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/other.out")

# ---- fingerprints, both ways ----
ok "an identity" microhsm init alice --state "$S"
ok "its request, in text" microhsm request alice --output "$W/alice.request"
fp=$(fingerprint_of "$_out")
says "that a person can carry" 'BEGIN MICROHSM JOIN REQUEST' cat "$W/alice.request"
microhsm request alice > "$W/again" 2> /dev/null
ok "the same each time" cmp "$W/again" "$W/alice.request"
office_knows > "$W/before"
fails_with "the officer is asked, and has no terminal" 2 officer entity enrol "$W/alice.request"
cp "$_out" "$W/officer.fp"
is "both sides show the same" "$(shown "$W/officer.fp")" "$fp"
fails_with "a wrong one" 4 officer entity enrol "$W/alice.request" --fingerprint "$(wrong_first "$fp")" \
	--output "$W/none"
fails_with "a part of it" 4 officer entity enrol "$W/alice.request" --fingerprint "${fp%-*}" \
	--output "$W/none"
fails_with "nothing at all" 4 officer entity enrol "$W/alice.request" --fingerprint "" \
	--output "$W/none"
fails_with "a person types a wrong one" 4 enrol_probe tty "$(wrong_first "$fp")" \
	repoctl --key "$W/officer.pem" --passphrase-fd 5 entity enrol "$W/alice.request" \
	--output "$W/none" 5< "$W/pass"
office_knows > "$W/after"
ok "nothing came of it" cmp "$W/before" "$W/after"
not_ok "no bundle either" test -e "$W/none"

# ---- proof of possession ----
microhsm request alice --binary --output "$W/alice.bin" 2> /dev/null
is "a request altered anywhere is none" \
	"$(altered "$W/alice.bin" 7 7 officer entity enrol --fingerprint "$fp" --output "$W/none")" ""
ok "another identity on this host" microhsm init bob --state "$S"
microhsm request bob --binary --output "$W/bob.bin" 2> /dev/null
n=$(stat -c %s "$W/alice.bin")
{ head -c $((n - 64)) "$W/alice.bin"; tail -c 64 "$W/bob.bin"; } > "$W/spliced"
fails_with "another's signature by Kes" 7 officer entity enrol "$W/spliced" --fingerprint "$fp"
fails_with "text of another kind" 7 officer entity enrol "$W/genesis" --fingerprint "$fp"
office_knows > "$W/after"
ok "nothing came of it" cmp "$W/before" "$W/after"

# ---- by file ----
ok "a person compares and types it" enrol_probe tty "$fp" \
	repoctl --key "$W/officer.pem" --passphrase-fd 5 entity enrol "$W/alice.request" \
	--output "$W/alice.bundle" --address 127.0.0.1:7878 5< "$W/pass"
says "enrolled" 'alice.*enrolled' officer entity list
office_knows > "$W/before"
ok "the bundle made again, without addresses" officer entity enrol "$W/alice.bin" \
	--fingerprint "$fp" --output "$W/alice.plain" --binary
office_knows > "$W/after"
ok "enrols nobody twice" cmp "$W/before" "$W/after"
officer entity enrol "$W/bob.bin" --fingerprint "$(microhsm request bob 2>&1 > /dev/null |
	grep -Eo "$FP")" --output "$W/bob.bundle" > /dev/null 2>&1

host_knows > "$W/before"
fails_with "the host's person is asked, and has no terminal" 2 join_alice "$W/alice.bundle"
is "the Region's, as the officer sees it" "$(shown "$_out") $(repoctl region list |
	grep -Eo "$FP")" "$region $region"
fails_with "a wrong one" 4 join_alice "$W/alice.bundle" --region "$(wrong_first "$region")"
fails_with "another Region's" 4 join_alice "$W/alice.bundle" --region "$other"
fails_with "a person says no" 4 enrol_probe tty no \
	microhsm join --state "$S" --identity alice "$W/alice.bundle"
fails_with "another's bundle" 3 join_alice "$W/bob.bundle" --region "$region"
fails_with "a request is no bundle" 7 join_alice "$W/alice.request" --region "$region"
is "a bundle altered anywhere is none" \
	"$(altered "$W/alice.plain" 41 7 join_alice --region "$region")" ""
host_knows > "$W/after"
ok "nothing came of it" cmp "$W/before" "$W/after"

ok "a person compares and joins" enrol_probe tty yes \
	microhsm join --state "$S" --identity alice "$W/alice.bundle"
says "the Region's identity" "microhsm +entity:$R/alice" cat /proc/keys
ok "the pending one is gone" wait_for 5 sh -c '! grep -q "microhsm  *entity:alice" /proc/keys'
is "so is its blob" "$(ls "$S"/*alice*)" "$S/$R+alice.blob"
fails_with "not twice" 3 join_alice "$W/alice.bundle" --region "$region"
fails_with "nor another in the same Region" 5 microhsm join "$W/bob.bundle" --state "$S" \
	--identity bob --region "$region"
says "bob still waits" 'bob: pending' microhsm status

# ---- by pipe, and by text that a mail has been through ----
ok "alice makes room" microhsm forget "$R/alice"
mkdir "$W/aside" && mv "$S/$R+alice.blob" "$W/aside/"
wait_for 5 sh -c '! grep -q "entity:hq/alice" /proc/keys'
microhsm init carol --state "$S" > /dev/null
fp=$(microhsm request carol 2>&1 > /dev/null | grep -Eo "$FP")
ok "by pipe, there and back" sh -c "
	microhsm request carol | repoctl --key $W/officer.pem --passphrase-fd 5 entity enrol - \
		--fingerprint $fp --output - 5< $W/pass |
	microhsm join - --region $region --state $S --identity carol"
ok "carol is in" grep -q "microhsm  *entity:$R/carol" /proc/keys
ok "and makes room" microhsm forget "$R/carol"
wait_for 5 sh -c '! grep -q "entity:hq/carol" /proc/keys'
{ printf 'Dear officer,\r\n\r\n'; microhsm request bob 2> "$W/bob.fp" | sed 's/$/\r/'
	printf '\r\nYours\r\n'; } > "$W/letter"
rm "$W/bob.bundle"
officer entity enrol "$W/letter" --fingerprint "$(fingerprint_of "$W/bob.fp")" \
	--output "$W/bob.bundle" > "$W/log" 2>&1
ok "by text, in a letter" test -s "$W/bob.bundle"
{ echo 'Dear host,'; cat "$W/bob.bundle"; } | tr '\n' '\r' | sed 's/\r/\r\n/g' > "$W/answer"
ok "and a letter back" microhsm join "$W/answer" --state "$S" --identity bob --region "$region"
microhsm forget "$R/bob" > /dev/null
wait_for 5 sh -c '! grep -q "entity:hq/bob" /proc/keys'
rm -f "$S"/*.blob
mv "$W/aside/$R+alice.blob" "$S/"

# ---- what the next boot finds ----
ok "alice again" unlock
key=$(key_serial entity:hq/alice)
identity_probe kes "$key" > "$W/kes"
echo "$region" > "$W/region"
ok "the agent" office_agent
officer dataset create disk/data --mode group > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "a key" officer instance add disk/data --generate
ok "fetched" microhsm fetch "$R/disk/data"
is "the blob says nothing in the clear" "$(grep -c alice "$S/$R+alice.blob")" 0
is "files of secrets are root's alone" "$(stat -c %a "$S" "$S/device-secret" \
	"$S/$R+alice.blob" | tr '\n' ' ')" "700 600 600 "
stop repositoryd
ok "drained, with the agent attached" microhsm drain
ok "unloaded" wait_for 6 rmmod microhsm
