#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# boots: 12
# kernels: 6.12
# debug: no
# R02: the power is cut at each step of sealing: by the agent, by init, by join. After each the
# identity opens with the state that was acknowledged last, or the one that was being written; what
# was acknowledged is never lost. The file system does nothing of its own accord for a file that
# is replaced (noauto_da_alloc).
# shellcheck disable=SC2086,SC2154 # a list; what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
W=/disk/office
S=/disk/state
export MICROHSM_ADMIN="$W/admin"
export MH_CUT_FROM=$TMPDIR/now
BY="agent:open agent:half agent:write agent:fsync agent:rename agent:dirsync agent:ack
	init:half init:rename join:rename join:ack"

# step_of BOOT: what is cut in it; none before the first and after the last
step_of()
{
	set -- "$1" $BY
	[ "$1" = 0 ] || { shift "$1"; echo "$1"; }
}

generation()
{
	keys_probe info "$(microhsm keys | awk '/'"$1"'/ { print $1; exit }')" |
		sed -n 's/.* generation=\([0-9]*\) .*/\1/p'
}

sealed()
{
	wait_for 6 sh -c "keys_probe info $(microhsm keys | awk '/identity/ { print $1; exit }') |
		grep -q ' unsealed=0'"
}

# by STEP PROGRAM...: that program, with the power cut there
by()
{
	_step=$1
	shift
	LD_PRELOAD=/mh/bin/power_cut.so MH_CUT=$_step "$@"
}

# What becomes of this boot: all results are told before it
cut_now()
{
	sync
	echo "@cut" >&3
	: > "$MH_CUT_FROM"
}

request_of()
{
	microhsm request "$1" --output "$W/$1.request" 2> "$W/$1.fp"
	officer entity enrol "$W/$1.request" --fingerprint "$(fingerprint_of "$W/$1.fp")" \
		--output "$W/$1.bundle" --address 127.0.0.1:7878
}

mount -o remount,noauto_da_alloc /disk
was=$(step_of $((MH_BOOT - 1)))
now=$(step_of "$MH_BOOT")
case $MH_BOOT in
1) plan 4 ;;
12) plan 1 ;;
8) plan 3 ;;
9 | 10 | 11) plan 2 ;;
*) plan 4 ;;
esac

# ---- after the cut ----
case $was in
"")
	ok "a Region" office_open
	ok "an identity" microhsm init alice --state $S
	request_of alice > /dev/null
	echo "$region" > $W/region
	ok "joined" microhsm join "$W/alice.bundle" --region "$region" --state $S --identity alice
	for i in 1 2 3 4 5 6 7 8; do
		officer dataset create "disk/d$i" > /dev/null
		officer grant "disk/d$i" alice > /dev/null
		officer instance add "disk/d$i" --generate > /dev/null
	done
	;;
agent:*)
	ok "cut after $was: it opens" microhsm unlock "$S/$R+alice.blob" --state $S
	before=$(cat /disk/acknowledged)
	after=$(generation identity)
	note "acknowledged before: $before; opened: $after"
	case $was in
	agent:open | agent:half | agent:write | agent:fsync)
		is "with what was acknowledged last" "$after" "$before" ;;
	agent:rename)
		ok "with that, or what was written" test "$after" -ge "$before" ;;
	*)
		ok "with what was written" test "$after" -gt "$before" ;;
	esac
	;;
init:*)
	rm -rf /disk/other.was
	cp -r /disk/other /disk/other.was
	if [ -e /disk/other/bob.blob ]; then
		ok "cut after $was: it opens" microhsm unlock --state /disk/other
	else
		fails_with "cut after $was: there is none" 3 microhsm unlock --state /disk/other
	fi
	;;
join:*)
	_blob=/disk/other/$R+bob.blob
	[ -e "$_blob" ] || _blob=/disk/other/bob.blob
	ok "cut after $was: it opens, joined or not" microhsm unlock "$_blob" --state /disk/other
	;;
esac

# ---- and the next ----
case $now in
agent:*)
	[ "$MH_BOOT" = 1 ] || ok "the office" office_daemon
	start agent by "${now#*:}" microhsm agent --state $S --upstream "$W/stp"
	wait_for 10 grep -q attached "$TMPDIR/agent.log"
	sealed
	generation identity > /disk/acknowledged
	ok "next: $now" test -s /disk/acknowledged
	cut_now
	microhsm fetch "$R/disk/d$MH_BOOT"
	sleep 20
	;;
init:*)
	ok "next: $now" sync
	rm -rf /disk/other
	mkdir /disk/other
	head -c 32 /dev/urandom > /disk/other/device-secret
	microhsm drain; rmmod microhsm; insmod "$MH_MODULE"
	cut_now
	by "${now#*:}" microhsm init bob --state /disk/other
	;;
join:*)
	microhsm drain; wait_for 5 rmmod microhsm; insmod "$MH_MODULE"
	rm -rf /disk/other
	office_daemon
	microhsm init bob --state /disk/other
	ok "next: $now" request_of bob
	cut_now
	by "${now#*:}" microhsm join "$W/bob.bundle" --region "$(cat $W/region)" --state /disk/other \
		--identity bob
	;;
esac
