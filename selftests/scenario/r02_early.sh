#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# own-vm: yes
# module: no
# append: random.trust_cpu=off random.trust_bootloader=off
# timeout: 120
# R02: at early boot, before the kernel's random generator is ready, nothing is drawn from it: whoever
# makes an identity waits until it is.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

ready()
{
	dmesg | grep -q 'crng init done'
}

not_ready()
{
	! ready
}

plan 4
ok "the generator is not ready" not_ready
ok "the module loads" insmod /mod/microhsm.ko
says "an identity" "^[0-9]" keys_probe init alice 0
ok "was made when it was" ready
