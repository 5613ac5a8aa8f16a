#!/bin/sh
# SPDX-License-Identifier: MIT
# kernels: 6.12
# own-vm: yes
# icount: yes
# module: test
# timeout: 600
# For `make bench`: what a delivered key and an idle session hold, and how many instructions the module
# takes for a delivery on an open session beside those of the primitives in it. Prints lines
# of a name, a figure and DESIGN.md's bound; only that they are measured is tested.
# shellcheck disable=SC2154 # what office.sh sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
T=/sys/kernel/tracing
DOORS="mh_dev_ioctl mh_session_write mh_session_read"
# what sets up an AEAD makes its key schedule
PRIMITIVES="mh_sha256v mh_hmac_sha256v mh_aead_create mh_aead_seal mh_aead_open mh_x25519
mh_x25519_public mh_p256_sign mh_p256_verify"

# traced OUT FUNCTION...: deliveries, with these functions' durations; under -icount a nanosecond is
# an instruction
traced()
{
	to=$1
	shift
	echo nop > $T/current_tracer
	: > $T/set_ftrace_filter
	for f in "$@"; do echo "$f" >> $T/set_ftrace_filter || return 1; done
	echo function_graph > $T/current_tracer && echo nosleep-time > $T/trace_options || return 1
	bench_kernel trace "$R" "$W/stp" disk/data || return 1
	cat $T/trace > "$to"
}

# The sum of the outermost. A line is "DURATION us | NAME() {", "}", or both in one
total()
{
	awk '/\(\)/ && /\{$/ { depth++; next }
		/\}/ { depth-- }
		!depth { for (i = 1; i < NF; i++) if ($(i + 1) == "us") sum += $i * 1000 }
		END { printf "%d\n", sum }' "$1"
}

plan 6
rmmod microhsm
ok "the build that a tracer may look into" insmod /mod/microhsm-test.ko
ok "a Region, a host" eval 'office_open && office_enrol alice'
ok "a key" office_dataset disk/data
bench_kernel bytes "$R" "$W/stp" disk/data > measured
mount -t tracefs none $T 2> /dev/null
echo 0 > $T/tracing_on
echo 16384 > $T/buffer_size_kb
# shellcheck disable=SC2086 # words
{
	ok "deliveries" traced all $DOORS
	ok "what they are made of" traced primitives $PRIMITIVES
}
all=$(total all) primitives=$(total primitives)
note "$all instructions, of the primitives $primitives"
awk "BEGIN { printf \"kernel_delivery_ratio %.3f 1.15\\n\", $all / $primitives }" >> measured
sed 's/^/bench /' measured
is "each is measured" "$(sed -n 's/^\([a-z][a-z_]*\) [0-9.]* [0-9.]*$/\1/p' measured | xargs)" \
	"key_bytes idle_session_bytes kernel_delivery_ratio"
