#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R02 R07. A joined identity: sealed by the agent, forgotten, opened again with its trust and
# floors; joined once only; another's bundle; who may speak netlink; unloading.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

plan 24
ok "a Region" office_open
ok "a host" office_enrol alice
ok "its key has the Region's name" grep -q "microhsm  *entity:$R/alice" /proc/keys
ok "the pending one is gone" wait_for 5 sh -c '! grep -q "microhsm  *entity:alice" /proc/keys'
not_ok "the same bundle again" microhsm join "$W/alice.bundle" --region "$region" \
	--state "$W/state" --identity alice
microhsm init bob --state "$W/bob" > /dev/null 2>&1
not_ok "another's bundle" microhsm join "$W/alice.bundle" --region "$region" \
	--state "$W/bob" --identity bob
not_ok "another Region's fingerprint" microhsm join "$W/alice.bundle" \
	--region aaaa-aaaa-aaaa-aaaa-aaaa --state "$W/bob" --identity bob
ok "the agent" office_agent
officer dataset create disk/data --mode group --lease 1h > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "version 1" officer instance add disk/data --generate
ok "fetched" microhsm fetch $R/disk/data
says "one session" 'sessions=1 identities=2' keys_probe status
ok "the blob follows the version's floor" wait_for 5 sh -c \
	"test $W/state/$R*.blob -nt $W/alice.bundle"

ok "forgotten" microhsm forget $R
ok "its session ends" wait_for 5 sh -c "keys_probe status | grep -q sessions=0"
not_ok "nothing is fetched" microhsm fetch $R/disk/data
ok "opened again" sh -c "microhsm unlock $W/state/$R*.blob --state $W/state"
ok "and fetches" microhsm fetch $R/disk/data
ok "version 2" officer instance add disk/data --generate
ok "is the newest" microhsm fetch $R/disk/data
says "the dump tells of the Region" "\"region\": *\"$R\"" microhsm status --json
ok "the agent killed" sh -c "kill -KILL ${agent:?}"
ok "its sessions end" wait_for 5 sh -c "keys_probe status | grep -q sessions=0"
ok "drain" microhsm drain
ok "unloaded" wait_for 6 rmmod microhsm
