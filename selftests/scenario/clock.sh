# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Two clocks: the office's (repositoryd, officers, stmt), and the host's, which date -s sets.
# Sourced after office.sh. The office's goes right from here on, whatever becomes of the host's.
# Set for its programs: the officer's passphrase, and where a rogue_repositoryd's orders are, none
# as yet.
# shellcheck disable=SC2034,SC2154 # what scripts use; what office.sh sets
YEARS=$((3652 * 86400))		# ten
export MH_CLOCK="$TMPDIR/clock"
export MH_PASS=tea
export MH_ROGUE="$TMPDIR/orders"
: > "$MH_ROGUE"

uptime_s()
{
	cut -d. -f1 /proc/uptime
}

# office_at SECONDS: the office's clock shows that
office_at()
{
	printf '%019d\n' $(($1 - $(uptime_s))) 1<> "$MH_CLOCK"
}

office_now()
{
	echo $(($(uptime_s) + $(sed 's/^\(-\{0,1\}\)0*\(.\)/\1\2/' "$MH_CLOCK")))
}

# The kernel takes no time of day that is less than its uptime.
IN_1970=86400
host_at()
{
	date -s "@$1" > /dev/null
	[ $((($(date +%s) - $1) / 3)) = 0 ] || fail "the host's clock cannot be set to $1"
}

# The host's clock is right again
host_right()
{
	host_at "$(office_now)"
}

# A program of the office's
there()
{
	LD_PRELOAD=/mh/bin/shift_clock.so "$@"
}

officer()
{
	printf 'tea\n%s\n' "${VAULT_PASS-coffee}" > "$W/passes"
	there repoctl --key "$W/officer.pem" --passphrase-fd 5 "$@" 5< "$W/passes"
}

# office_daemon [PROGRAM]: repositoryd, or rogue_repositoryd, by the office's clock
office_daemon()
{
	start repositoryd env LD_PRELOAD=/mh/bin/shift_clock.so "${1:-repositoryd}" --config "$W/ini"
	wait_for 10 grep -q "office serves" "$TMPDIR/repositoryd.log" ||
		{ cat "$TMPDIR/repositoryd.log"; return 1; }
}

identity()
{
	microhsm keys | awk '/identity/ { print $1 }'
}

# errno DATASET [FIELD=VALUE]...: how a fetch ends
errno()
{
	_d=$1
	shift
	ioc FETCH region="$R" name="$_d" keyring=-3 timeout_ms=8000 "$@" | tail -n 1 | cut -d' ' -f2
}

# errno_anew DATASET...: on a new session. In a subshell, whose agent outlives it: its pid is in a file
errno_anew()
{
	kill "$(cat "$TMPDIR/agent.pid" 2> /dev/null || echo "$agent")"
	wait_for 6 sh -c "keys_probe status | grep -q 'sessions=0 .*agent=0'" || echo "it lives"
	office_agent
	echo "$agent" > "$TMPDIR/agent.pid"
	errno "$@"
}

# left DATASET: of its lease, in ms; or what is wrong with the key
left()
{
	_key=$(keyctl search @s microhsm "$R/$1") || { echo gone; return; }
	keys_probe info "$_key" | sed 's/.*lease=\([-0-9]*\).*/\1/'
}

gone()
{
	! keyctl search @s microhsm "$R/$1"
}

# usable DATASET: the key that is held seals
usable()
{
	keys_probe aead "$(keyctl search @s microhsm "$R/$1")" | grep -qx ok
}

# all that was learnt is in the blob
is_sealed()
{
	wait_for 6 sh -c "keys_probe info $(identity) | grep -q ' unsealed=0'"
}

# What the host believes of its Region, as told and as sealed: what moves it is seen here
believed()
{
	is_sealed || echo "not sealed"
	sha256sum < "$W/state/$R+alice.blob"
	microhsm status --json | grep -Ev '"(now|sessions|requests|keys)"'
}

office_at "$(date +%s)"
