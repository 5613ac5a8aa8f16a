#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R02 R07: what one agent was told to seal and did not bring to the disk, the next one does; the blob
# of another identity of that name is neither removed nor replaced.
# shellcheck disable=SC2154 # what start and ask set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/steps.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/steps.sh"

identity()
{
	microhsm keys | awk '/identity/ { print $1 }'
}

pending()
{
	microhsm keys | awk '/pending/ { print $1; n++ } END { exit !n }'
}

no_pending()
{
	! pending
}

forgotten()
{
	microhsm forget "$1" && wait_for 5 sh -c "! grep -q 'entity:$1\$' /proc/keys"
}

join()
{
	microhsm join "$W/alice.bundle" --region "$region" --state "$S" --identity alice
}

is_sealed()
{
	keys_probe info "$alice" | grep -q ' unsealed=0$'
}

S=$W/state

plan 27
ok "r02 an office" office_open
ok "r02 a host" office_enrol alice
alice=$(identity)
ok "r02 joining seals" is_sealed
ok "r02 a DataSet" officer dataset create disk/data --mode group
ok "r02 a right" officer grant disk/data alice
ok "r02 a key" officer instance add disk/data --generate
agent_at none
ask one keyctl disk/data
ended "$one_pid" $STEPS_SECONDS
is "r02 fetched" "$(rc_of one)" 0
ok "r02 a revocation makes an EPOCH" officer entity revoke alice
ok "r02 this agent was told to seal" wait_for 6 grep -q '^seal$' "$TMPDIR/agent.log"
agent_gone
not_ok "r02 and did not" is_sealed
ok "r07 another identity of its name, to join another Region" microhsm init alice --state "$S"
cp "$S/alice.blob" "$W/pending"
office_agent
ok "r02 the next one does" wait_for 6 is_sealed
ok "r07 the pending one's blob is as it was" cmp "$W/pending" "$S/alice.blob"
kes=$(identity_probe kes "$(pending)")
ok "r07 forgotten" forgotten alice
fails_with "r07 not replaced by the next of its name" 5 microhsm init alice --state "$S"
says "r07 which is said" 'alice.blob holds another identity.*move it away' \
	microhsm init alice --state "$S"
ok "r07 of which none was made" no_pending
ok "r07 it opens" microhsm unlock "$S/alice.blob" --state "$S"
is "r07 and is the one that it was" "$(identity_probe kes "$(pending)")" "$kes"

# ---- the place of one that has joined ----
stop agent
ok "r07 the revoked one makes room in the kernel" forgotten "$R/alice"
cp "$S/$R+alice.blob" "$W/joined"
microhsm request alice --output "$W/alice.request" 2> "$W/alice.fp"
ok "r07 the pending one is enrolled" officer entity enrol "$W/alice.request" \
	--fingerprint "$(fingerprint_of "$W/alice.fp")" --output "$W/alice.bundle"
fails_with "r07 and does not join over another's blob" 5 join
says "r07 which is said" "${R}[+]alice.blob holds another identity.*move it away" join
ok "r07 nothing is lost" cmp "$W/joined" "$S/$R+alice.blob"
ok "r07 nor joined" pending
mv "$S/$R+alice.blob" "$W/"
ok "r07 it does when that is away" join
not_ok "r07 and its pending blob is gone" test -e "$S/alice.blob"
