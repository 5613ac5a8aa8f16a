#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make demo: a VM with Debian's 6.12 kernel plays the story, step by step. The
# commands are those of selftests/scenario/r12_story.sh, shown first.

set -eu

cd "$(dirname "$0")/.."
kver=$(grep '^6\.12' "${MICROHSM_CACHE:-$HOME/.cache/microhsm}/kvers")
make -s module KVER="$kver" > /dev/null
make -s ktest > /dev/null
echo "One VM is officer, repository and host. What it runs:"
echo
sed -n 's/^\(ok\|not_ok\|fails_with\) "\([^"]*\)" \(.*\)/  \2:\n      \3/p' \
	selftests/scenario/r12_story.sh
echo
echo "And what came of it:"
echo
exec selftests/vm/vm.sh -k 6.12 scenario/r12_story.sh
