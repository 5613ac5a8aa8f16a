#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 300
# boots: 3
# R43: the host's clock at 1970, ten years back, ten years ahead once and right again, while it runs
# and from boot on. Leases end by the boot clock, neither later nor sooner; a host in 1970 fetches; what
# is refused in the future is refused for that reason, moves nothing, and is given again in the
# present; between boots the floor is what was sealed. The server's clock is right all the while.
# shellcheck disable=SC2086,SC2119,SC2120,SC2154 # a function's argument; what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/clock.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/clock.sh"
D=disk/data
LEASE=$((5 + 5 * ${MH_SLOW:-1}))
W=/disk/office
export MICROHSM_ADMIN="$W/admin"
BOOTED=$(($(date +%s) - $(uptime_s)))

# The module loaded, and the identity opened, when the host's clock shows that
begin_at()
{
	microhsm drain > /dev/null
	wait_for 6 rmmod microhsm
	host_at "$1"
	insmod "$MH_MODULE" && microhsm unlock "$W/state/$R+alice.blob" --state "$W/state"
}

# How much is left of a lease that has just begun, when that is wrong
left_of_it()
{
	_left=$(left disk/lease)
	[ "${_left:-0}" -gt $((LEASE * 500)) ] && [ "$_left" -le $((LEASE * 1000)) ] ||
		echo "left: $_left"
}

# leased CLOCK: a key whose lease ends by the boot clock when the host's shows that
leased()
{
	keyctl clear @s
	[ "$(errno disk/lease)" = ok ] || echo "not fetched"
	_t0=$(uptime_s)
	host_at "$1"
	left_of_it
	usable disk/lease || echo "not usable"
	sleep 4
	usable disk/lease || echo "not usable after $(($(uptime_s) - _t0)) s"
	wait_for 9 gone disk/lease || echo "still there after $(($(uptime_s) - _t0)) s"
	_t1=$(uptime_s)
	[ $((_t1 - _t0)) -ge $((LEASE - 1)) ] || echo "ended after $((_t1 - _t0)) s"
	host_right
}

# The office's clock shows more than that
test_after()
{
	[ "$(office_now)" -gt "$1" ]
}

# What the office had, on the boots after the first
office_again()
{
	region=$(cat "$W/region")
	office_daemon "$@"
}

case $MH_BOOT in
1)
	plan 21
	mkdir -p "$W"
	ok "a Region" office_open
	echo "$region" > "$W/region"
	ok "a host" office_enrol alice
	office_dataset $D
	office_dataset disk/lease --lease ${LEASE}s
	ok "the agent" office_agent
	is "all clocks right: fetched" "$(errno $D)" ok
	is "and the leased one" "$(errno disk/lease)" ok
	believed > "$W/before"

	is "set back ten years, a lease ends on time" "$(leased $(($(office_now) - YEARS)))" ""
	is "in 1970" "$(leased $IN_1970)" ""
	is "ten years ahead, and no sooner" "$(leased $(($(office_now) + YEARS)))" ""

	host_at $IN_1970
	is "in 1970: fetched on the session that is open" "$(errno $D)" ok
	is "and on a new one" "$(errno_anew $D)" ok
	host_at $(($(office_now) - YEARS))
	is "ten years back: the same" "$(errno_anew $D)" ok
	is "the leased one has its lease" "$(errno_anew disk/lease) $(left_of_it)" "ok "
	host_at $(($(office_now) + YEARS))
	is "ten years ahead: refused, as the server's DELEGATION ended" "$(errno $D)" EKEYEXPIRED
	is "a new session too" "$(errno_anew $D)" EKEYEXPIRED
	host_right
	is "right again: fetched" "$(errno_anew $D)" ok
	believed > "$W/after"
	ok "none of all this has moved anything" cmp "$W/before" "$W/after"

	# ---- what ends while the clock is right, and a floor that is sealed after that ----
	office_dataset disk/ended
	office_dataset disk/later
	mkdir -p "$W/ended"
	there stmt answer disk/ended "$W/officer.pem" "$W/ended" life=20
	office_now > "$W/then"
	stop repositoryd
	office_daemon rogue_repositoryd
	echo "with $W/ended" > "$MH_ROGUE"
	is "an Instance of twenty seconds" "$(errno_anew disk/ended)" ok
	wait_for 25 test_after $(($(cat "$W/then") + 21))
	is "it ends" "$(errno disk/ended)" EKEYEXPIRED
	: > "$MH_ROGUE"
	is "something newer is fetched" "$(errno disk/later)" ok
	ok "and sealed" is_sealed
	microhsm drain
	stop repositoryd
	sync
	ok "the floor that is sealed is later than its end" test "$(office_now)" -gt \
		$(($(cat "$W/then") + 20))
	;;
2)
	plan 8
	ok "booted in 1970, it opens" begin_at $IN_1970
	office_agent
	is "without a server: said so" "$(errno $D)" EHOSTUNREACH
	# the server's clock was set back, or it would tell the host what time it is
	office_at "$(cat "$W/then")"
	ok "a server that lives in the past" office_again rogue_repositoryd
	is "what is valid is fetched" "$(errno $D)" ok
	echo "with $W/ended" > "$MH_ROGUE"
	is "what had ended before the boot is not: the floor was sealed" "$(errno disk/ended)" \
		EKEYEXPIRED
	: > "$MH_ROGUE"
	stop repositoryd
	office_at $((BOOTED + $(uptime_s)))
	ok "a server with the right time" office_again
	is "and fetches" "$(errno_anew $D)" ok
	is "a key with a lease has all of it" "$(errno disk/lease) $(left_of_it)" "ok "
	;;
3)
	plan 7
	ok "booted ten years ahead, it opens" begin_at $(($(office_now) + YEARS))
	office_again
	office_agent
	is "and is refused, as the server's DELEGATION ended" "$(errno $D)" EKEYEXPIRED
	ok "which leaves nothing to seal" is_sealed
	host_right
	is "right again: fetched" "$(errno_anew $D)" ok
	ok "drained, and opened with the clock right" begin_at "$(office_now)"
	is "fetched" "$(errno_anew $D)" ok
	_now=$(microhsm status --json | sed -n 's/.*"now": *\([0-9]*\).*/\1/p')
	is "its clock is the host's" "$(((_now - $(office_now)) / 5))" 0
	;;
esac
