#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make demo: a VM with Debian's 6.12 kernel plays the story, told as it goes. It is
# selftests/scenario/r12_story.sh; each step is checked, and the last word is how many held.

set -eu

cd "$(dirname "$0")/.."
story=scenario/r12_story.sh
kver=$(grep '^6\.12' "${MICROHSM_CACHE:-$HOME/.cache/microhsm}/kvers")
echo "Building the module for Linux $kver ..."
make -s module KVER="$kver" > /dev/null
make -s ktest > /dev/null
echo "Booting a virtual machine with that kernel ..."

out=build/demo
rm -rf $out
mkdir -p $out
selftests/vm/vm.sh -k 6.12 -o $out $story > $out/results &
vm=$!
# The story as it comes: what the script prints, without the machine's own words.
tail -n +1 -F --pid=$vm $out/out 2> /dev/null |
	sed -n -u "\\|=== $story|,/^drained:/{/^===/d;/^Joined session/d;/^drained:/d;p}"
rc=0
wait $vm || rc=$?
grep -v '^ok ' $out/results || :
echo
if [ $rc = 0 ]; then
	echo "All $(grep -c '^ok ' $out/results) steps did what they say."
else
	echo "Not all steps did what they say: see above."
fi
exit $rc
