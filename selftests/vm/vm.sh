#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Boot one VM, run test scripts in it, print one line for each result. Status 0
# only if every script gave exactly the results it planned and the kernel made
# no complaint.
#
#   vm.sh [options] SCRIPT...     scripts below selftests/, e.g. kernel/00_boot.sh
#     -k KERNEL    6.1, 6.12, debug or a full version (6.12)
#     -o DIR       where logs go (build/vm/run-KERNEL-PID)
#     -d FILE      a disk that outlives the boot, mounted on /disk; made if absent
#     -b N         MH_BOOT, the number of this boot (1)
#     -m MB  -s CPUS  -t SECONDS
#     -f PORT      10.0.2.100:PORT in the guest is 127.0.0.1:PORT of the host
#     -n NETDEV    any other -netdev argument; its id must be n0
#     -a ADDR/LEN  the guest's address (10.0.2.15/24)

set -u

TOP=$(cd "$(dirname "$0")/../.." && pwd)
CACHE=${MICROHSM_CACHE:-$HOME/.cache/microhsm}
KERNEL=6.12 OUT='' DISK='' BOOT=1 MEM=512 CPUS=0 TIME=0 NET='' ADDR=10.0.2.15/24
FORWARDS='' WORDS=''

# Loaded before anything runs, with what they depend on. Not ecdh_generic nor
# drbg: the self-test of the first warns on 6.1, and we panic on a warning.
MODULES="virtio_pci virtio_console virtio_blk virtio_net ecc gcm
ghash-clmulni-intel ghash-generic aesni_intel ctr sha256_ssse3 sha256_generic
hmac cmac libcurve25519 curve25519-x86_64 chacha20poly1305 chacha_generic
poly1305_generic xts essiv dm-crypt loop brd veth"
PROGRAMS="keyctl dmsetup openssl sqlite3 ldd ip flock strace prlimit"

die()
{
	echo "vm.sh: $*" >&2
	exit 2
}

usage()
{
	sed -n '4,19p' "$0" >&2
	exit 2
}

while getopts k:o:d:b:m:s:t:f:n:a: o; do
	case $o in
	k) KERNEL=$OPTARG ;;
	o) OUT=$OPTARG ;;
	d) DISK=$OPTARG ;;
	b) BOOT=$OPTARG ;;
	m) MEM=$OPTARG ;;
	s) CPUS=$OPTARG ;;
	t) TIME=$OPTARG ;;
	f) FORWARDS+=",guestfwd=tcp:10.0.2.100:$OPTARG-cmd:/bin/busybox nc 127.0.0.1 $OPTARG" ;;
	n) NET=$OPTARG ;;
	a) ADDR=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

# The full version, and where its parts are.
SLOW=1
if [ "$KERNEL" = debug ]; then
	tree=$("$TOP/selftests/vm/debug-kernel.sh" path) || die "no debug kernel: make check-debug"
	KVER=${tree##*/}
	RELEASE=$(cat "$tree/include/config/kernel.release")
	IMAGE=$tree/arch/x86/boot/bzImage
	SLOW=4
	[ "$MEM" -ge 1024 ] || MEM=1024
else
	KVER=$(grep -E "^${KERNEL//./\\.}([.+-]|$)" "$CACHE/kvers" 2> /dev/null | head -n 1)
	[ -n "$KVER" ] || die "no kernel $KERNEL in $CACHE: make deps"
	RELEASE=$KVER
	IMAGE=$CACHE/kernels/$KVER/boot/vmlinuz-$KVER
fi
WORK=$TOP/build/vm
OUT=${OUT:-$WORK/run-$KERNEL-$$}
BASE=$WORK/base-$KVER.cpio
mkdir -p "$OUT" "$WORK" || exit 2
rm -f "$OUT"/tap "$OUT"/out "$OUT"/console

# A program and the shared objects it wants, at the paths it wants them.
place()
{
	local root=$1 file=$2 to=$3 lib

	mkdir -p "$root$(dirname "$to")"
	cp -L "$file" "$root$to"
	ldd "$file" 2> /dev/null | grep -o '/[^ ]*' | while read -r lib; do
		[ -e "$root$lib" ] && continue
		mkdir -p "$root$(dirname "$lib")"
		cp -L "$lib" "$root$lib"
	done
}

kernel_modules()
{
	local root=$1 m file name

	mkdir -p "$root/mod"
	: > "$root/mod/order"
	[ "$KERNEL" != debug ] || return 0
	for m in $MODULES; do
		/sbin/modprobe -d "$CACHE/kernels/$KVER" -S "$KVER" --show-depends "$m" 2> /dev/null
	done | awk '/^insmod/ && !seen[$2]++ { print $2 }' | while read -r file; do
		name=$(basename "${file%.xz}")
		case $file in
		*.xz) xz -dc "$file" > "$root/mod/$name" ;;
		*) cp "$file" "$root/mod/$name" ;;
		esac
		echo "$name" >> "$root/mod/order"
	done
}

pack()
{
	(cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) > "$2"
}

# What does not change between runs of one kernel, made once.
make_base()
{
	local root=$WORK/base-$KVER p applet

	rm -rf "$root"
	mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,tmp,root,etc/ssl,var/lib,mh}
	cp /bin/busybox "$root/bin/busybox"
	for applet in $(/bin/busybox --list | grep -vx busybox); do
		ln -s busybox "$root/bin/$applet"
	done
	for p in $PROGRAMS; do
		p=$(PATH=$PATH:/sbin:/usr/sbin command -v "$p") || continue
		rm -f "$root/bin/${p##*/}"
		place "$root" "$p" "/bin/${p##*/}"
	done
	cp /etc/ssl/openssl.cnf "$root/etc/ssl/"
	mkdir -p "$root/usr/lib/ssl"
	ln -s /etc/ssl/openssl.cnf "$root/usr/lib/ssl/openssl.cnf"
	printf '%s\n' root:x:0:0::/root:/bin/sh microhsm:x:990:990::/:/bin/false \
		microhsm-sp:x:991:991::/:/bin/false user:x:1000:1000::/tmp:/bin/sh \
		nobody:x:65534:65534::/:/bin/false > "$root/etc/passwd"
	printf '%s\n' root:x:0: microhsm:x:990: microhsm-sp:x:991: user:x:1000: \
		nogroup:x:65534: > "$root/etc/group"
	echo "127.0.0.1 localhost microhsm-test" > "$root/etc/hosts"
	kernel_modules "$root"
	cp "$TOP/selftests/vm/init.sh" "$root/init"
	chmod 755 "$root/init"
	pack "$root" "$BASE.new" && mv "$BASE.new" "$BASE"
	rm -rf "$root"
}

# What is under test: binaries, module, scripts.
make_overlay()
{
	local root=$OUT/root f kind

	rm -rf "$root"
	mkdir -p "$root/mh/bin" "$root/mod"
	for f in "$TOP"/build/bin/* "$TOP"/build/ktest/*; do
		[ -f "$f" ] && [ -x "$f" ] && place "$root" "$f" "/mh/bin/${f##*/}"
	done
	for kind in '' -test; do
		f=$TOP/build/mod-$KVER$kind/microhsm.ko
		[ ! -e "$f" ] || objcopy --strip-debug "$f" "$root/mod/microhsm$kind.ko"
	done
	for f in "$TOP/build/testmod-$KVER"/*.ko; do
		[ ! -e "$f" ] || objcopy --strip-debug "$f" "$root/mod/${f##*/}"
	done
	for kind in kernel scenario hostile; do
		[ ! -d "$TOP/selftests/$kind" ] || cp -r "$TOP/selftests/$kind" "$root/mh/"
	done
	cp "$TOP/selftests/lib.sh" "$TOP/README.md" "$TOP"/tools/man/*.1.rst "$root/mh/"
	printf '%s\n' "$@" > "$root/mh/list"
	printf '%s=%s\n' MH_KVER "$RELEASE" MH_SLOW $SLOW MH_BOOT "$BOOT" MH_ADDR "$ADDR" \
		> "$root/mh/env"
	pack "$root" "$OUT/overlay.cpio"
	rm -rf "$root"
}

# A program of the host's that the guest speaks to: it says its port first.
beside()
{
	local port

	rm -f "$OUT/beside"	# the last run's port is none
	python3 -B -W error "$TOP/selftests/$1" > "$OUT/beside" 2>&1 < /dev/null &
	BESIDE=$!
	for _ in $(seq 100); do
		port=$(grep -s -m 1 -x '[0-9]*' "$OUT/beside") && break
		sleep 0.1
	done
	[ -n "$port" ] || die "$1 says no port: $OUT/beside"
	FORWARDS+=",guestfwd=tcp:10.0.2.100:7878-cmd:/bin/busybox nc 127.0.0.1 $port"
}

header()
{
	sed -n "1,20s/^# $1: *//p" "$TOP/selftests/$2" | head -n 1
}

# The guest's memory as a file, for that program to look into; not on a disk, if it can be.
ram_file()
{
	MH_RAM=$(mktemp -p /dev/shm mh-ram.XXXXXX 2> /dev/null || mktemp -p "$OUT" ram.XXXXXX)
	export MH_RAM
}

trap 'kill ${BESIDE:-} ${SAVER:-} 2> /dev/null; rm -f "${MH_RAM:-}"' EXIT

# What the scripts ask for in their first lines.
for s in "$@"; do
	[ -e "$TOP/selftests/$s" ] || die "no selftests/$s"
	m=$(header mem "$s")
	[ "${m:-0}" -le "$MEM" ] || MEM=$m
	c=$(header cpus "$s")
	[ "${c:-1}" -le "${WANTED:-1}" ] || WANTED=$c
	[ "$(header icount "$s")" != yes ] || ACCEL=tcg,thread=single
	t=$(header timeout "$s")
	BUDGET=$((${BUDGET:-40} + ${t:-60} + 20))
	[ "$(header ram "$s")" != file ] || ram_file
	[ "$(header snapshot "$s")" != yes ] || SNAPSHOT=$OUT/snapshot
	w=$(header append "$s")
	WORDS+=${w:+ $w}
	b=$(header beside "$s")
	[ -z "$b" ] || beside "$b"
done
# Without KVM a second CPU costs more than it does; under lockdep and KASAN it is worth that.
[ "$KERNEL" != debug ] || WANTED=2
# The guest's clocks count its instructions; that goes with one CPU only.
[ -z "${ACCEL:-}" ] || CPUS=1
[ "$CPUS" -gt 0 ] || CPUS=${WANTED:-1}
[ "$TIME" -gt 0 ] || TIME=$((BUDGET * SLOW))

{
	flock 9
	if [ ! "$BASE" -nt "$0" ] || [ ! "$BASE" -nt "$TOP/selftests/vm/init.sh" ]; then
		make_base
	fi
} 9> "$WORK/base.lock"
make_overlay "$@"
cat "$BASE" "$OUT/overlay.cpio" > "$OUT/initrd"
rm -f "$OUT/overlay.cpio"

ARGS=()
[ -z "${ACCEL:-}" ] || ARGS+=(-icount "shift=0,sleep=off")
if [ -n "$FORWARDS" ]; then
	NET="user,id=n0,restrict=on$FORWARDS"
fi
if [ -n "$NET" ]; then
	ARGS+=(-netdev "$NET" -device "virtio-net-pci,netdev=n0,romfile=")
else
	ARGS+=(-nic none)
fi
if [ -n "${MH_RAM:-}" ]; then
	ARGS+=(-object "memory-backend-file,id=ram,size=${MEM}M,mem-path=$MH_RAM,share=on"
		-machine memory-backend=ram)
fi
if [ -n "${SNAPSHOT:-}" ]; then
	ARGS+=(-device "vmgenid,guid=auto" -chardev "pipe,id=monitor,path=$OUT/monitor"
		-monitor chardev:monitor)
	rm -f "$OUT/monitor".{in,out}
	mkfifo "$OUT/monitor".{in,out}
fi
if [ -n "$DISK" ]; then
	if [ ! -e "$DISK" ]; then
		truncate -s 32M "$DISK"
		/sbin/mke2fs -q -t ext4 "$DISK" || die "no disk"
	fi
	ARGS+=(-drive "file=$DISK,if=virtio,format=raw")
fi
APPEND="console=ttyS0 loglevel=5 panic=-1 panic_on_warn=1 oops=panic random.trust_cpu=on"
# KASAN and lockdep find what these two would, and they cost half the boot.
# Under KASAN and kmemleak the firmware's table of interrupts takes longer to read than a stall
# detector, or ACPI itself, has patience for when a disk is there too: PCI finds its own.
[ "$KERNEL" != debug ] ||
	APPEND="$APPEND cryptomgr.notests slub_debug=- kmemleak=on pci=noacpi"
APPEND+=$WORDS

# When the script says so, the machine goes to a file and ends.
snapshot()
{
	until grep -qs '^@snapshot' "$OUT/tap"; do
		sleep 0.2
	done
	printf '%s\n' "migrate \"exec:cat > '$SNAPSHOT'\"" quit > "$OUT/monitor.in"
}

# QEMU's AVX is slower than what libcrypto and the kernel do without it.
machine()
{
	timeout -k 5 "$TIME" qemu-system-x86_64 -accel "${ACCEL:-tcg,thread=multi}" -cpu max,-avx,-avx2 \
		-m "$MEM" -smp "$CPUS" -kernel "$IMAGE" -initrd "$OUT/initrd" \
		-append "$APPEND" -no-reboot -nodefaults -display none \
		-serial "file:$OUT/console" -device virtio-serial-pci \
		-chardev "file,id=tap,path=$OUT/tap,append=on" -device virtserialport,chardev=tap,name=mh.tap \
		-chardev "file,id=out,path=$OUT/out" -device virtserialport,chardev=out,name=mh.out \
		"${ARGS[@]}" "$@" < /dev/null > "$OUT/qemu" 2>&1
}

rm -f "$OUT/tap"
if [ -n "${SNAPSHOT:-}" ]; then
	snapshot &
	SAVER=$!
fi
machine
rc=$?
# QEMU without KVM now and then runs an instruction that the kernel is just patching on the other
# CPU.  Nothing of ours patches any: once more.
if grep -aq 'Oops: int3' "$OUT/console" && ! grep -aq 'RIP: .*\[microhsm\]' "$OUT/console"; then
	cp "$OUT/console" "$OUT/console.int3"
	echo "       # $KERNEL: the machine fell over its own patching: $OUT/console.int3; again"
	rm -f "$OUT/tap"
	machine
	rc=$?
fi
# Twice on from there: the first copy's verdict, then the second's as the machine's own
if [ -s "${SNAPSHOT:-}" ]; then
	cp "$OUT/tap" "$OUT/tap.before"
	machine -incoming "exec:cat '$SNAPSHOT'" || rc=$?
	mv "$OUT/tap" "$OUT/tap.first"
	cp "$OUT/tap.before" "$OUT/tap"
	machine -incoming "exec:cat '$SNAPSHOT'" || rc=$?
fi
rm -f "$OUT/initrd" "${SNAPSHOT:-}"
touch "$OUT/tap" "$OUT/out" "$OUT/console"

label=$KERNEL
[ "$BOOT" = 1 ] || label="$KERNEL (boot $BOOT)"
awk -f "$TOP/selftests/vm/verdict.awk" -v label="$label" -v want="$*" -v done=1 "$OUT/tap"
status=$?
if [ -n "${SNAPSHOT:-}" ]; then
	awk -f "$TOP/selftests/vm/verdict.awk" -v label="$label (copy)" -v want="$*" -v done=1 \
		"$OUT/tap.first" || status=1
	again=$(grep -h '^@once ' "$OUT"/tap{,.first} | sort | uniq -d)
	if [ -n "$again" ] || ! grep -q '^@once ' "$OUT/tap"; then
		echo "FAIL $label vm: both copies said: ${again:-nothing}"
		status=1
	fi
fi

# The kernel's own complaints, whatever the scripts said.
if grep -aE 'WARNING:|BUG:|BUG at|Oops|KASAN|UBSAN|[Ss]tall|blocked for more than|general protection|Kernel panic|possible circular|suspicious RCU|refcount_t|kmemleak: [0-9]+ new|Out of memory' \
	"$OUT/console" | grep -avE 'Spectre|Unprivileged eBPF|KernelAddressSanitizer initialized' > "$OUT/splat"; then
	echo "FAIL $label vm: kernel: $(head -n 1 "$OUT/splat" | tr -d '\r' | cut -c1-100)"
	status=1
fi
if [ $rc != 0 ]; then
	echo "FAIL $label vm: qemu ended with $rc$([ $rc = 124 ] && echo ' (timeout)')"
	status=1
fi
[ $status = 0 ] || echo "       # logs: $OUT (console, out, tap)"
exit $status
