#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 200
# own-vm: yes
# debug: no
# R43 R54: the host sleeps (S3, woken by its RTC) in the middle of leases: the boot clock goes on, so that
# what ends meanwhile is gone at once, what does not has the rest and no more; keys outlive it, sessions
# do not, and the next fetch opens one. Once more with the wall clock set back before it slept.
# shellcheck disable=SC2154 # what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/clock.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/clock.sh"
RTC=/sys/class/rtc/rtc0

# asleep SECONDS: the host, by its own word; slept is what the boot clock says of it
asleep()
{
	echo 0 > $RTC/wakealarm
	_t0=$(uptime_s)
	echo $(($(cat $RTC/since_epoch) + $1)) > $RTC/wakealarm
	echo mem > /sys/power/state || return 1
	slept=$(($(uptime_s) - _t0))
	[ $slept -ge $(($1 - 2)) ]
}

ended()
{
	grep -c session-end "$TMPDIR/monitor.log"
}

plan 23
ok "a Region" office_open
ok "a host" office_enrol alice
office_dataset disk/data
office_dataset disk/short --lease 6s
office_dataset disk/long --lease 60s --export user
ok "the agent" office_agent
start monitor microhsm monitor
[ -e /sys/module/printk/parameters/console_suspend ] &&
	echo N > /sys/module/printk/parameters/console_suspend

for clock in right "set back ten years"; do
	[ "$clock" = right ] || host_at $(($(office_now) - YEARS))
	keyctl clear @s
	before=$(ended)
	is "$clock: three keys" "$(errno disk/data) $(errno disk/long) $(errno disk/short)" "ok ok ok"
	microhsm fetch "$R/disk/long" --as user --description exported > /dev/null
	then=$(left disk/long)
	ok "$clock: asleep" asleep 9
	ok "$clock: what ended meanwhile is gone" wait_for 2 gone disk/short
	ok "$clock: what did not is there" usable disk/long
	ok "$clock: and exported" keyctl search @s user exported
	now=$(left disk/long)
	ok "$clock: with the rest of its lease" test "$now" -gt 0
	ok "$clock: and no more" test "$now" -le $((then - slept * 1000 + 1000))
	ok "$clock: one without a lease is there" usable disk/data
	ok "$clock: the session has ended" test "$(ended)" -gt "$before"
	is "$clock: the next fetch opens another" "$(errno disk/short)" ok
done
