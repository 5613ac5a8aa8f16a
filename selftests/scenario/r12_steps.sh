#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# kernels: 6.12
# timeout: 500
# own-vm: yes
# cpus: 2
# R12 R16 R17: requester and agent are killed, stopped and continued, the module is
# unloaded and a key type registered, at each step of a fetch by each door: no
# wait past six seconds (ten behind a registration), and one end to each.
# shellcheck disable=SC2154 # what start and ask set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/steps.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/steps.sh"
D=disk/data

# Each act: what is done while the fetch is held; true if all was as it must be.

# It ends in time, and well; what nobody pulls in half a second the keyctl door gives up.
served()
{
	ended "$one_pid" $STEPS_SECONDS || return 1
	[ "$(rc_of one)" = 0 ] || [ "$door$step" = keyctlpull ]
}

act_go()
{
	go_on
	served
}

act_kill_requester()
{
	kill -KILL "$one_pid"
	ended "$one_pid" 1 || return 1
	go_on
	ask two "$door" $D
	ended "$two_pid" $STEPS_SECONDS && [ "$(rc_of two)" = 0 ]
}

act_kill_agent()
{
	kill -KILL "$agent"
	ended "$one_pid" $STEPS_SECONDS && [ "$(rc_of one)" != 0 ]
}

act_stop_agent()
{
	kill -STOP "$agent"
	ended "$one_pid" $STEPS_SECONDS && [ "$(rc_of one)" != 0 ] || return 1
	kill -CONT "$agent"
	go_on
	sleep 0.2
	alive "$agent"
}

act_stop_requester()
{
	kill -STOP "$one_pid"
	go_on
	sleep 0.3
	kill -CONT "$one_pid"
	served
}

act_kill_both()
{
	kill -KILL "$agent" "$one_pid"
	ended "$one_pid" 1
}

act_replace()
{
	kill -KILL "$agent"
	wait "$agent" 2> /dev/null
	agent_at none || return 1
	ended "$one_pid" $STEPS_SECONDS || return 1
	ask two "$door" $D
	ended "$two_pid" $STEPS_SECONDS && [ "$(rc_of two)" = 0 ]
}

act_rmmod()
{
	start rmmod rmmod microhsm
	ended "$rmmod" $STEPS_SECONDS && module_loaded || return 1
	act_go
}

# A registration, and a request behind it, while the agent stays stuck.
act_keytype()
{
	start insmod insmod /mod/tiny_keytype.ko
	sleep 0.1
	ask two "$door" $D
	ended "$insmod" $BEHIND_SECONDS && ended "$two_pid" $BEHIND_SECONDS &&
		ended "$one_pid" $STEPS_SECONDS && wait "$insmod" || return 1
	rmmod tiny_keytype
}

ACTS="go kill_requester kill_agent stop_agent stop_requester kill_both replace rmmod keytype"

# The fetch is held at the step, the act done; then nothing is left.
try()
{
	agent_at "$1" || { note "no agent"; return 1; }
	ask one "$door" $D
	held || { note "never at $1: $(cat "$TMPDIR/agent.log")"; agent_gone; return 1; }
	_t0=$(now_cs)
	"act_$2"
	_rc=$?
	[ $_rc = 0 ] || note "$1 $2: after $(($(now_cs) - _t0)) cs, exit $(rc_of one):" \
		"$(tail -q -n 1 "$TMPDIR/one.log" "$TMPDIR/agent.log" | tr '\n' ' ')"
	go_on
	agent_gone && return $_rc
}

plan $((6 + 8 * 9 * 2))
ok "r12 an office" office_open
ok "r12 a host" office_enrol alice
ok "r12 a DataSet" officer dataset create $D --mode group --lease 1h
ok "r12 a right" officer grant $D alice
ok "r12 a key" officer instance add $D --generate

# How many frames the answer has: an undisturbed fetch says.
door=keyctl
agent_at none
ask one $door $D
ended "$one_pid" $STEPS_SECONDS
is "r12 undisturbed" "$(rc_of one)" 0
last=$(sed -n 's/.* down\([0-9]*\)$/\1/p' "$TMPDIR/agent.log" | tail -n 1)
agent_gone

for step in pull session up1 down1 up2 up3 down2 "down$last"; do
	for door in keyctl ioctl; do
		for act in $ACTS; do
			if try "$step" "$act"; then
				pass "r12 $door, at $step: $act"
			else
				fail "r12 $door, at $step: $act"
			fi
		done
	done
done
