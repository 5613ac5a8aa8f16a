#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Everything building and testing need: Debian packages installed, and both
# cloud kernels with their headers unpacked in a cache outside the tree. The
# kernels are never installed: nothing on this machine boots them.
#
#   deps.sh install     install, download, unpack (root)
#   deps.sh check       say what is missing; status 1 if anything is
#   deps.sh ensure      check, and install when root

set -eu

CACHE=${MICROHSM_CACHE:-$HOME/.cache/microhsm}
# The stamp names this file's contents, so a new package in it is noticed.
STAMP=$CACHE/deps-$(cksum < "$0" | cut -d' ' -f1)

PACKAGES="build-essential pkg-config python3 python3-cryptography
python3-docutils bc flex bison libelf-dev dwarves universal-ctags kmod cpio
rsync xz-utils clang clang-tidy libclang-rt-14-dev sparse shellcheck codespell
libevent-dev libsqlite3-dev libmnl-dev libnl-3-dev libnl-genl-3-dev libssl-dev
libjansson-dev libinih-dev libcmocka-dev libseccomp-dev libcap-ng-dev
libkeyutils-dev libargon2-dev libp11-dev libp11-kit-dev p11-kit-modules softhsm2 opensc keyutils cryptsetup-bin dmsetup qemu-system-x86 qemu-utils busybox-static
openssl iproute2 sqlite3 strace gdb valgrind libc6-dbg spin"

# Series of the kernels built for and tested on, as Debian names them.
SERIES="cloud-amd64 6.12-cloud-amd64"

missing_packages()
{
	local p
	for p in $PACKAGES; do
		dpkg-query -W -f '${Status}' "$p" 2> /dev/null |
			grep -q 'ok installed' || echo "$p"
	done
}

# The newest versioned package a meta package stands for.
versioned()
{
	apt-cache depends "$1" | awk '/Depends: /{ print $2; exit }'
}

# Download packages by name into the cache and unpack them under a root.
unpack()
{
	local root=$1 p
	shift

	mkdir -p "$CACHE/debs" "$root"
	for p in "$@"; do
		[ -e "$root/.have-$p" ] && continue
		echo "deps: $p"
		rm -f "$CACHE/debs/${p}_"*
		(cd "$CACHE/debs" &&
		 apt-get -q download -o APT::Sandbox::User=root "$p" > /dev/null)
		dpkg-deb -x "$CACHE/debs/${p}_"*.deb "$root"
		rm -f "$CACHE/debs/${p}_"*.deb
		touch "$root/.have-$p"
	done
}

# The headers name /usr/src and /usr/lib; say where they are instead.
relocate()
{
	local root=$1 f

	find "$root/usr/src" -maxdepth 2 -type f -name Makefile | while read -r f; do
		sed -i "s|\([ =]\)/usr/src/linux-headers|\1$root/usr/src/linux-headers|g" "$f"
	done
	find "$root" -type l -lname '/usr/*' | while read -r f; do
		ln -sfn "$root$(readlink "$f")" "$f"
	done
}

# One kernel: image, headers, common headers and kbuild under one root.
fetch_kernel()
{
	local series=$1 image headers kver root more

	image=$(versioned "linux-image-$series")
	headers=$(versioned "linux-headers-$series")
	kver=${headers#linux-headers-}
	root=$CACHE/kernels/$kver
	if [ -z "$kver" ]; then
		echo "deps: no kernel in series $series (apt-get update?)" >&2
		return 1
	fi
	if [ ! -e "$root/.complete" ]; then
		more=$(apt-cache depends "$headers" |
		       awk '/Depends: linux-(headers|kbuild)/{ print $2 }')
		# shellcheck disable=SC2086
		unpack "$root" "$image" "$headers" $more
		relocate "$root"
		depmod -b "$root" "$kver"
		touch "$root/.complete"
	fi
	echo "$kver" >> "$CACHE/kvers.new"
}

# checkpatch and its tables are in the kernel's source, not in the headers.
fetch_scripts()
{
	local root=$CACHE/source tar

	[ -e "$CACHE/scripts/checkpatch.pl" ] && return
	unpack "$root" linux-source-6.1
	tar=$root/usr/src/linux-source-6.1.tar.xz
	tar -C "$root" --wildcards -xJf "$tar" \
		'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
		'*/scripts/const_structs.checkpatch'
	mkdir -p "$CACHE/scripts"
	mv "$root"/linux-source-6.1/scripts/* "$CACHE/scripts/"
	rm -rf "$root/linux-source-6.1"
}

install_all()
{
	local s missing

	if [ "$(id -u)" != 0 ]; then
		echo "deps: must be root to install: $(missing_packages | xargs)" >&2
		return 1
	fi
	mkdir -p "$CACHE"
	exec 9> "$CACHE/lock"
	flock 9
	[ -e "$STAMP" ] && return
	[ -n "$(apt-cache search --names-only '^linux-source-6.1$')" ] ||
		apt-get -q update
	missing=$(missing_packages)
	if [ -n "$missing" ]; then
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive apt-get -q -y \
			-o DPkg::Lock::Timeout=300 \
			install --no-install-recommends $missing ||
		{ apt-get -q update && DEBIAN_FRONTEND=noninteractive \
			apt-get -q -y -o DPkg::Lock::Timeout=300 \
			install --no-install-recommends $missing; }
	fi
	rm -f "$CACHE/kvers.new"
	for s in $SERIES; do
		fetch_kernel "$s"
	done
	fetch_scripts
	mv "$CACHE/kvers.new" "$CACHE/kvers"
	rm -f "$CACHE"/deps-*
	touch "$STAMP"
	echo "deps: complete; kernels: $(xargs < "$CACHE/kvers")"
}

check()
{
	local missing status=0

	[ -e "$STAMP" ] && return 0
	missing=$(missing_packages | xargs)
	if [ -n "$missing" ]; then
		echo "missing packages: $missing" >&2
		status=1
	fi
	if [ ! -e "$CACHE/kvers" ] || [ ! -e "$CACHE/scripts/checkpatch.pl" ]; then
		echo "missing in $CACHE: kernels, headers or checkpatch" >&2
		status=1
	fi
	[ $status = 0 ] || echo "run: make deps (as root)" >&2
	return $status
}

case ${1:-install} in
install) install_all ;;
check)	 check ;;
ensure)	 [ -e "$STAMP" ] || { [ "$(id -u)" = 0 ] && install_all; } || check ;;
*)	 sed -n '4,10p' "$0" >&2; exit 2 ;;
esac
