#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Process 1 of a test VM: set up, run each script of /mh/list with the module
# freshly loaded, say on the verdict port what began and ended, power off.

export PATH=/mh/bin:/bin:/sbin:/usr/bin:/usr/sbin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2> /dev/null
mkdir -p /dev/shm /dev/pts /tmp
mount -t tmpfs tmp /tmp
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t devpts pts /dev/pts 2> /dev/null
mount -t securityfs sec /sys/kernel/security 2> /dev/null
mount -t debugfs debug /sys/kernel/debug 2> /dev/null
chmod 1777 /tmp /dev/shm

while read -r m; do
	insmod "/mod/$m" || echo "init: cannot load $m"
done < /mod/order

for p in /sys/class/virtio-ports/*; do
	case $(cat "$p/name") in
	mh.tap) tap=/dev/${p##*/} ;;
	mh.out) out=/dev/${p##*/} ;;
	esac
done
exec 3> "$tap" > "$out" 2>&1 < /dev/null

. /mh/env
export MH_LIB=/mh/lib.sh MH_SLOW MH_KVER MH_BOOT
hostname microhsm-test
ip link set lo up
if [ -d /sys/class/net/eth0 ]; then
	ip link set eth0 up
	ip addr add "${MH_ADDR:-10.0.2.15/24}" dev eth0
fi
if [ -b /dev/vda ]; then
	mkdir -p /disk
	mount -t ext4 /dev/vda /disk || echo "init: no /disk"
fi

header()
{
	sed -n "1,20s/^# $1: *//p" "/mh/$2" | head -n 1
}

# Only on the debug kernel. Objects younger than five seconds are not reported.
leaks()
{
	[ -w /sys/kernel/debug/kmemleak ] || return 0
	sleep 6
	echo scan > /sys/kernel/debug/kmemleak
	echo scan > /sys/kernel/debug/kmemleak
	if grep -q . /sys/kernel/debug/kmemleak; then
		head -n 60 /sys/kernel/debug/kmemleak
		echo "@fail kmemleak reports unreferenced objects" >&3
	fi
	echo clear > /sys/kernel/debug/kmemleak
}

unload()
{
	grep -q '^microhsm ' /proc/modules || return 0
	[ ! -x /mh/bin/microhsm ] || timeout 30 microhsm drain
	i=0
	until rmmod microhsm 2> /dev/null; do
		i=$((i + 1))
		if [ $i -gt $((8 * MH_SLOW)) ]; then
			grep '^microhsm ' /proc/modules
			cat /proc/keys
			echo "@fail the module does not unload" >&3
			return
		fi
		sleep 1
	done
}

run()
{
	ko=/mod/microhsm.ko
	limit=$(header timeout "$1")
	echo "=== $1"
	echo "@begin $1" >&3
	[ -w /sys/kernel/debug/kmemleak ] && echo clear > /sys/kernel/debug/kmemleak
	case $(header module "$1") in
	no) ko= ;;
	test) ko=/mod/microhsm-test.ko ;;
	esac
	export MH_MODULE=$ko
	[ -e "$ko" ] && { insmod "$ko" || echo "@fail the module does not load" >&3; }
	rm -rf /tmp/w
	mkdir /tmp/w
	(cd /tmp/w && TMPDIR=/tmp/w exec timeout -k 5 $((${limit:-60} * MH_SLOW)) \
		keyctl session - sh "/mh/$1")
	rc=$?
	kill -9 -1 2> /dev/null
	[ $rc = 0 ] || dmesg | tail -n 30
	# A drain waits for what the script left behind; then all is freed.
	[ -x /mh/bin/microhsm ] && grep -q '^microhsm ' /proc/modules &&
		timeout 30 microhsm drain
	leaks
	unload
	echo "@end $1 $rc" >&3
}

while read -r s; do
	run "$s"
done < /mh/list
[ -d /disk ] && umount /disk
echo "@done" >&3
sync
poweroff -f
