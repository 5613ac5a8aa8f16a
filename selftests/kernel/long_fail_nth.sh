#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 1200
# own-vm: yes
# kernels: debug
# R02 R12 R18 R21: each ioctl, netlink command, use of a key and step of a delivery with its first,
# second, ... allocation failing, until it needs no more: it says so by ENOMEM (netlink by ENOBUFS, a
# session by its end), leaves nothing, and once nothing fails it works. On the debug kernel
# alone: no leak, nothing used that was freed.
# shellcheck disable=SC2154 # what office.sh sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
export MH_PASS=tea
F=/sys/kernel/debug

# fails NAME SCENARIO ARG...: and how much of it did
fails()
{
	_scenario=$1
	shift
	fail_nth "$@" 2>&1 | tee said
	is "$_scenario" "$(grep -v '^#' said | sed 's/, [0-9]* calls,.*//' | head -n 20)" "0 wrong"
	note "$_scenario: $(sed -n 's/^# //p' said | tr '\n' ' '), $(tail -n 1 said)"
}

plan 14
for f in failslab fail_page_alloc; do
	echo N > $F/$f/ignore-gfp-wait
	echo 0 > $F/$f/verbose
done
echo 0 > $F/fail_page_alloc/min-order
echo 1 > /proc/sys/kernel/keys/gc_delay
fails "without a Region" alone

ok "a Region" office_open
S=$W/state
export MH_JOINED="entity:$R/alice"
# like office_enrol, but for the blob of before
ok "an identity" microhsm init alice --state "$S"
cp "$S/alice.blob" "$W/pending"
microhsm request alice --output "$W/alice.request" 2> "$W/alice.fp"
officer entity enrol "$W/alice.request" --fingerprint "$(fingerprint_of "$W/alice.fp")" \
	--output "$W/alice.bundle" > /dev/null
ok "joined" microhsm join "$W/alice.bundle" --region "$region" --state "$S" --identity alice
cp "$S/$R+alice.blob" "$W/joined"
hex=$(stmt region)
stmt make delegation spare 1 "$W/officer.pem" > "$W/DELEGATION"
stmt send "$W/DELEGATION"
stmt get delegation office.freshness > "$W/freshness"
stmt get epoch office.freshness > "$W/EPOCH"
stmt make revoke nobody 1 "$W/officer.pem" > "$W/REVOKE"
stmt suspend nobody "$W/officer.pem" "$W/suspender" "$W/SUSPEND" > /dev/null
office_dataset disk/data
office_dataset disk/user --export user
office_dataset tls/www --algorithm p256
fails "both ends of a delivery" deliver "$R" "$W/stp" disk/data tls/www
start agent microhsm agent --state "$S" --upstream "$W/stp"
ok "the agent" wait_for 10 grep -q attached "$TMPDIR/agent.log"
fails "by an agent" request "$R" disk/user
ok "it lives" kill -0 "$agent"
stop agent

microhsm forget "$R" > /dev/null
ok "forgotten" wait_for 10 sh -c "keys_probe status | grep -q identities=0"
fails "statements" push "$hex" "$S/device-secret" "$W/joined" "$W/DELEGATION" "$W/freshness" \
	"$W/EPOCH" "$W/REVOKE" "$W/suspender" "$W/SUSPEND"
fails "joining" join "$hex" "$S/device-secret" "$W/pending" "$W/alice.bundle"
# its lease holds the user key delivered last until the next one, its end, or a drain
left="keys_probe status | grep -q 'payloads=1 requests=0 sessions=0 identities=0 .*double=0'"
wait_for 20 sh -c "$left" || keys_probe status
ok "nothing is left but an exported key" sh -c "$left"
is "drained" "$(keys_probe drain)" "ok 0"
left="keys_probe status | grep -q 'payloads=0 requests=0 .*double=0'"
ok "nothing is left" sh -c "$left"
