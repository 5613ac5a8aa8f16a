#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# R02: what one agent was told to seal and did not bring to the disk, the next one does.
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

is_sealed()
{
	keys_probe info "$alice" | grep -q ' unsealed=0$'
}

plan 11
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
office_agent
ok "r02 the next one does" wait_for 6 is_sealed
