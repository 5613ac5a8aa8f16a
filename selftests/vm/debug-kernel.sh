#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Build the debug kernel once, outside the tree: linux-source-6.1 with
# debug.config over tinyconfig. Prints its build directory when it is there.
#
#   debug-kernel.sh build    build unless done (16 minutes on two cores)
#   debug-kernel.sh path     print the build directory, or fail

set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${MICROHSM_CACHE:-$HOME/.cache/microhsm}
NAME=debug-$(cksum < "$HERE/debug.config" | cut -d' ' -f1)
TREE=$CACHE/kernels/$NAME

# Each line of the fragment must have survived Kconfig's own opinion.
verify_config()
{
	local line status=0

	while read -r line; do
		case $line in
		CONFIG_*) ;;
		*) continue ;;
		esac
		grep -qxF "$line" "$TREE/.config" && continue
		echo "debug-kernel: did not come out: $line" >&2
		status=1
	done < "$HERE/debug.config"
	return $status
}

build()
{
	local tar=$CACHE/source/usr/src/linux-source-6.1.tar.xz

	mkdir -p "$TREE"
	exec 9> "$CACHE/debug.lock"
	flock 9
	[ -e "$TREE/.complete" ] && return
	[ -e "$TREE/Makefile" ] || tar -C "$TREE" --strip-components=1 -xJf "$tar"
	cd "$TREE"
	make -s tinyconfig
	scripts/kconfig/merge_config.sh -m .config "$HERE/debug.config" > /dev/null
	make -s olddefconfig
	verify_config
	make -s -j"$(nproc)" bzImage modules
	touch .complete
}

case ${1:-build} in
build)	build; echo "$TREE" ;;
path)	[ -e "$TREE/.complete" ] && echo "$TREE" ;;
*)	sed -n '4,9p' "$0" >&2; exit 2 ;;
esac
