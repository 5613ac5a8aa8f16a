#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 1500
# cpus: 2
# Not in make check: make fuzz-kernel.  A million random calls of ioctl, netlink and keyctl, as root and
# as a user, at keys that are there (50,000 on the debug kernel): nothing hangs, the kernel says
# nothing, and the module can be unloaded.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

ALL=$((MH_SLOW > 1 ? 50000 : 1000000))
LONG=900
SEED=${MH_SEED:-$(date +%s)}

# some PART OF PROGRAM...: that part of all calls; what they ended in is told
some()
{
	calls=$((ALL * $1 / $2))
	shift 2
	program=$1
	shift
	ok "$program: $calls calls" sh -c "$program $SEED $calls $LONG $* > said"
	ok "and no less" test "$(tr ' ' '\n' < said |
		awk -F= '{ n += $2 } END { print n + 0 }')" -ge "$((calls / 2 * 2))"
	note "$program $SEED $calls: $(cat said)"
}

plan 15
note "seed $SEED"
id=$(identity_probe init alice s)
ok "an identity" test "$id" -gt 0
some 3 10 ioc_fuzz "$id"
some 1 10 "keys_probe uid 1000 ioc_fuzz" "$id"
some 2 10 "nlc fuzz"
some 3 10 key_fuzz "$id"
some 1 10 "keys_probe uid 1000 key_fuzz" "$id"
says "the module answers" 'agent=0 draining=0 double=0' keys_probe status
ok "drained" microhsm drain
ok "unloaded" wait_for 10 rmmod microhsm
ok "and loaded" module_load
