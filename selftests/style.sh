#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Style checks, each one result line: style.sh list | style.sh CHECK LOG

set -u

cd "$(dirname "$0")/.." || exit 2
CACHE=${MICROHSM_CACHE:-$HOME/.cache/microhsm}
CHECKPATCH=$CACHE/scripts/checkpatch.pl
CHECK=$1
LOG=${2:-/dev/stdout}

# What checkpatch says that does not hold here:
#   FILE_PATH_CHANGES, COMMIT_MESSAGE    about patches, we give it files
#   LINUX_VERSION_CODE                   compat.h serves two kernels
#   MACRO_ARG_REUSE, COMPLEX_MACRO       tables of known answers are X-macros
#   CONSTANT_COMPARISON                  it takes KERNEL_VERSION() for the constant's wrong side
IGNORE_ALL=FILE_PATH_CHANGES,COMMIT_MESSAGE,LINUX_VERSION_CODE,MACRO_ARG_REUSE,COMPLEX_MACRO
IGNORE_ALL=$IGNORE_ALL,CONSTANT_COMPARISON
#   home.h gives userspace the kernel's types and static_assert; pointers to
#   arrays, u8 (*x)[32], are read as arguments without a name
IGNORE_CORE=$IGNORE_ALL,FUNCTION_ARGUMENTS,NEW_TYPEDEFS,PREFER_KERNEL_TYPES,CAMELCASE
#   Kernel facilities that userspace does not have: its types, attribute and
#   BIT macros, kstrto*, strscpy, fallthrough, usleep_range; its libraries'
#   names and callback types are in mixed case.
IGNORE_USER=$IGNORE_CORE,PREFER_DEFINED_ATTRIBUTE_MACRO,BIT_MACRO
IGNORE_USER=$IGNORE_USER,SSCANF_TO_KSTRTO,NAKED_SSCANF,CONSIDER_KSTRTO,STRCPY,STRLCPY,STRNCPY
IGNORE_USER=$IGNORE_USER,PREFER_FALLTHROUGH,USLEEP_RANGE,VOLATILE,ENOSYS,AVOID_EXTERNS
IGNORE_USER=$IGNORE_USER,SPLIT_STRING,PREFER_PRINTF,PREFER_SCANF,FUNCTION_ARGUMENTS

sources()
{
	find "$@" -name '*.[ch]' ! -path '*/vectors/*' 2> /dev/null | sort
}

area()
{
	case $1 in
	kmod) find kmod -maxdepth 1 -name '*.[ch]' | sort ;;
	*) sources "$1" ;;
	esac
}

# Verdict by whether the log has anything in it.
report()
{
	if [ ! -s "$LOG" ]; then
		echo "ok   style: $1"
	else
		echo "FAIL style: $1 ($(wc -l < "$LOG") lines)"
		head -n 20 "$LOG" | sed 's/^/       # /'
		echo "       # log: $LOG"
	fi
}

checkpatch()
{
	local ignore=$IGNORE_USER

	case $1 in
	kmod|uapi) ignore=$IGNORE_ALL ;;
	kmod/core) ignore=$IGNORE_CORE ;;
	esac
	area "$1" | xargs -r perl "$CHECKPATCH" --no-tree --strict --terse --file \
		--quiet --show-types --max-line-length=100 --ignore "$ignore" 2>&1 |
		grep -vE '^total:|^$' > "$LOG"
	report "checkpatch $1"
}

# sparse and gcc's W=1 in one build from nothing; only our own files count.
# At most 100 KiB of text.
text()
{
	size -A "$1" | awk '/^\.text/ { text += $2 }
		END { if (!text || text > 102400) print "kmod: " text + 0 " bytes of text" }'
}

sparse()
{
	local kver

	kver=$(grep -E "^${1//./\\.}([.+-]|$)" "$CACHE/kvers" | head -n 1)
	if [ ! -e kmod/main.c ]; then
		: > "$LOG"
		report "sparse, W=1, size of text, kernel $1 (no module yet)"
		return
	fi
	rm -rf "build/mod-$kver-style"
	if ! make -s module KVER="$kver" KSUFFIX=-style KARGS="W=1 C=2" > "$LOG.full" 2>&1; then
		tail -n 30 "$LOG.full" > "$LOG"
	else
		grep -E '(kmod|uapi)/.*(warning|error):' "$LOG.full" |
			sed "s|.*/build/mod-[^/]*/||" | sort -u > "$LOG"
		text "build/mod-$kver-style/microhsm.ko" >> "$LOG"
	fi
	report "sparse, W=1, size of text, kernel $1"
}

tidy()
{
	local files rc

	files=$(area "$1" | grep '\.c$')
	# A fuzz target may include the source it drives, which is checked itself;
	# a module has the kernel's headers.
	[ "$1" != selftests ] || files=$(echo "$files" | grep -vE '/fuzz/|/kernel/mod/')
	# shellcheck disable=SC2016
	echo "$files" | xargs -r -P 2 -n 4 sh -c 'exec clang-tidy --quiet "$@" -- \
		-std=gnu11 -isystem uapi -Ikmod -Ikmod/core -Itools -Irepositoryd -I. \
		-I/usr/include/libnl3 -I/usr/include/p11-kit-1 -D_GNU_SOURCE' tidy > "$LOG.full" 2> "$LOG.err"
	rc=$?
	grep -E '(warning|error):' "$LOG.full" | sed "s|^$PWD/||" | sort -u > "$LOG"
	# A run that failed without a finding has checked nothing.
	if [ $rc != 0 ] && [ ! -s "$LOG" ]; then
		{ echo "clang-tidy: status $rc"; tail -n 5 "$LOG.err"; } > "$LOG"
	fi
	report "clang-tidy $1"
}

shells()
{
	local files

	files=$(git ls-files -co --exclude-standard | while read -r f; do
		case $f in
		*.sh|.ci/run) echo "$f" ;;
		esac
	done)
	# SC1090, SC1091: the library is found at run time. SC2034: start sets a variable
	# by name.
	# shellcheck disable=SC2086
	shellcheck -x -f gcc -e SC1090,SC1091,SC2034 $files > "$LOG" 2>&1
	report "shellcheck"
}

# No file past 600 lines, no function past 80; vectors and generated code aside.
sizes()
{
	{
		ctags --version > /dev/null || echo "no ctags"
		sources kmod uapi tools repositoryd selftests | xargs -r wc -l |
			awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }'
		git ls-files -co --exclude-standard '*.sh' | xargs -r wc -l |
			awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }'
		sources kmod uapi tools repositoryd selftests |
			ctags -L - --kinds-C=f --fields=+ne -f - 2> /dev/null |
			awk -F'\t' '{
				from = to = 0
				for (i = 4; i <= NF; i++) {
					if ($i ~ /^line:/) from = substr($i, 6)
					if ($i ~ /^end:/) to = substr($i, 5)
				}
				if (to - from + 1 > 80)
					print $2 ":" from ": " $1 "() has " to - from + 1 " lines"
			}'
	} > "$LOG"
	report "sizes"
}

# The licence of each directory, on line one of each file.
spdx()
{
	local f want

	git ls-files -co --exclude-standard kmod uapi tools repositoryd selftests |
		grep -E '\.(c|h|sh|y|l)$' | while read -r f; do
		[ -e "$f" ] || continue
		case $f in
		kmod/core/*) want='GPL-2.0-only OR MIT' ;;
		kmod/* | selftests/kernel/mod/*) want='GPL-2.0-only' ;;
		uapi/*) want='(GPL-2.0-only WITH Linux-syscall-note) OR MIT' ;;
		*) want='MIT' ;;
		esac
		head -n 2 "$f" | grep -qE "SPDX-License-Identifier: ${want//[()]/.}( \*/)?$" ||
			echo "$f: wants SPDX-License-Identifier: $want"
	done > "$LOG"
	report "licences"
}

case $CHECK in
list)
	printf '%s\n' tidy-repositoryd tidy-tools tidy-core tidy-selftests \
		sparse-6.1 sparse-6.12 checkpatch-kmod checkpatch-core \
		checkpatch-uapi checkpatch-tools checkpatch-repositoryd \
		checkpatch-selftests shells sizes spdx ;;
*-core) "${CHECK%-core}" kmod/core ;;
*-*) "${CHECK%%-*}" "${CHECK#*-}" ;;
*) "$CHECK" ;;
esac
