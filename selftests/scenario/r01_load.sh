#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# module: test
# timeout: 180
# R01. What insmod brings and rmmod takes away; known answers run at load, and any one of
# them that is wrong keeps the module out with nothing left behind; loading again and again.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

normal=/mod/microhsm.ko
log=$TMPDIR/kernel.log

# Each thing the module registers, gone: in one line, so that a failure names what stayed.
traces()
{
	test -e /dev/microhsm && echo device
	grep -q microhsm /proc/misc && echo misc
	grep -q microhsm /proc/keys && echo keys
	grep -q '^microhsm' /proc/modules && echo module
	load_probe family > /dev/null && echo family
	keyctl add microhsm a b @s 2>&1 | grep -q 'No such device' || echo key-type
	return 0
}

# The kernel's own lines since the last call
kernel_said()
{
	dmesg > "$log.now"
	tail -n +$(($(cat "$log.at" 2> /dev/null || echo 0) + 1)) "$log.now" > "$log"
	wc -l < "$log.now" > "$log.at"
	cat "$log"
}

# Objects in the slabs that hold what the module allocates, free ones given back first
slab()
{
	for f in /sys/kernel/slab/*/shrink; do
		echo 1 > "$f"
	done 2> /dev/null
	awk '/^(kmalloc|key_jar|skbuff|kernfs_node|sock_inode|filp|cred)/ { n += $2 * $4 }
		END { print int(n / 1024) }' /proc/slabinfo
}

# One life: loaded, an identity made, drained, unloaded
life()
{
	insmod $normal || return 1
	keys_probe init "life$1" 0 | grep -q '^[0-9]' || return 2
	microhsm drain > /dev/null || return 3
	wait_for 6 rmmod microhsm
}

faults()
{
	load_probe names | while read -r name; do
		kernel_said > /dev/null
		insmod /mod/microhsm-test.ko "selftest_fault=$name" 2>&1 |
			grep -q 'corrupted shared library' || echo "$name: loads, or another errno"
		kernel_said | grep -q "known answer $name is wrong: not loaded" ||
			echo "$name: the log does not name it"
		left=$(traces | tr '\n' ' ')
		[ -z "$left" ] || echo "$name: left behind: $left"
		! module_loaded || rmmod microhsm
	done
}

plan 26
rmmod microhsm
is "without the module there is nothing of it" "$(traces)" ""
fails_with "and the tool says so" 6 microhsm status

kernel_said > /dev/null
ok "insmod" insmod $normal
kernel_said > "$TMPDIR/said"
is "every known answer was run" \
	"$(sed -n 's/.*microhsm: \([0-9]*\) known answers are right.*/\1/p' "$TMPDIR/said")" \
	"$(load_probe names | wc -l)"
says "and then it was ready" 'microhsm: ready' cat "$TMPDIR/said"
is "the device: a character device, anyone's to open, root's" \
	"$(stat -c '%F %a %U' /dev/microhsm)" "character special file 666 root"
says "one of the misc devices" '^ *[0-9]+ microhsm$' cat /proc/misc
says "a user may ask what there is" 'identities=0' keys_probe uid 1000 keys_probe status
says "but make no identity" 'EPERM' keys_probe uid 1000 keys_probe init eve 0
says "the key type is known, and takes nothing of userspace's" 'Operation not permitted' \
	keyctl add microhsm a b @s
says "its keyring" 'keyring +\.microhsm' cat /proc/keys
says "the netlink family and its events" 'family there, group there' load_probe family
ok "the tool speaks by all of them" microhsm status
keys_probe init alice 0 > /dev/null
says "an identity is a key of the type" 'microhsm +entity:alice' cat /proc/keys
says "a second insmod is refused" 'File exists' insmod $normal
says "and disturbs nothing" 'identities=1' keys_probe status
says "rmmod with an identity open is refused" 'temporarily unavailable|in use|busy' rmmod microhsm
ok "drained" microhsm drain
ok "rmmod" wait_for 6 rmmod microhsm
is "and nothing is left" "$(traces)" ""

# busybox's wants a modules.dep, be it empty
mkdir -p "/lib/modules/$(uname -r)"
: > "/lib/modules/$(uname -r)/modules.dep"
says "only the test build takes a fault" 'selftest_fault' modinfo /mod/microhsm-test.ko
is "the normal one knows no parameter" "$(modinfo $normal | grep '^license\|^parm\|fault')" \
	"license:        GPL"
is "each known answer spoilt refuses, says which, leaves nothing" "$(faults)" ""
is "a fault that none has is none: the test build loads" \
	"$(insmod /mod/microhsm-test.ko selftest_fault=none 2>&1; rmmod microhsm 2>&1)" ""

for i in 1 2 3 4 5; do life "$i" || note "warming up, $i: $?"; done
cat /proc/keys /proc/misc | wc -l > before
bad=0
least=1000000
for batch in 1 2; do
	slab > slab.before
	for i in $(seq 15); do life "$i" || bad=$((bad + 1)); done
	slab > slab.after
	grown=$(($(cat slab.after) - $(cat slab.before)))
	note "slabs: $(cat slab.before) KiB, and $grown KiB after fifteen lives"
	[ $grown -gt $least ] || least=$grown
done
is "thirty lives, each whole; keys and devices as before" \
	"$bad $(cat /proc/keys /proc/misc | wc -l)" "0 $(cat before)"
# what the kernel itself keeps grows once; what a life leaves behind grows each time
ok "and less than 2 KiB a life stays in the slabs" test $least -lt 30
