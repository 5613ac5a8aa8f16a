#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# own-vm: yes
# icount: yes
# timeout: 200
# R02: how many instructions a P-256 signature takes in the kernel does not hang on the key, nor on the
# nonce, nor those of making a public key on the private one: for a fixed one and random ones they have
# the same mean, by Welch's t, and the same variance. Those of the library's bare ladder have not.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

# counted NAME: the line of that pair of classes
counted()
{
	dmesg | sed -n "s/.*count: $1 //p"
}

# The debug kernel makes a tenth of the samples, and interrupts are among them: it looks for other things.
judge=$((${MH_SLOW:-1} == 1))

# alike NAME: |t| is below 5, and neither variance is four times the other's; its figures to the log
alike()
{
	counted "$1" | awk -v "judge=$judge" '{
		n = $1; a = $3 / n; b = $5 / n
		va = $4 / n - a * a; vb = $6 / n - b * b
		t = va + vb > 0 ? (a - b) * (a - b) / ((va + vb) / n) : 0
		printf "%d samples, %d and %d instructions, variance %d and %d, t squared %.1f\n", \
			n, $2 + a, $2 + b, va, vb, t > "/dev/stderr"
		exit !(n > 10 && (!judge || t < 25 && va <= 4 * vb && vb <= 4 * va)) }'
}

plan 6
ok "r02 instructions are counted" insmod /mod/count_p256.ko
for what in key hedge nonce public; do
	alike $what
	ok "r02 they say nothing of: $what" alike $what
done
alike ladder
differs()
{
	! alike ladder || [ $judge = 0 ]
}
ok "r02 of the library's bare ladder they do" differs
rmmod count_p256
