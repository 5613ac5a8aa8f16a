#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 240
# R13 R17 R37 R43: what a host believes, and for how long: a lease runs while its key waits to be
# collected; a fork is what officers signed, and no noise on the way; a stolen freshness key's EPOCH
# goes with its REVOKE; a REVOKE binds from its not_before; an older DATASET is refused after a
# reboot too; a silent session is given up; a bundle with an ended EPOCH is not joined.
# shellcheck disable=SC2086,SC2154 # fields are words; what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
export MH_PASS=tea
export MH_ROGUE=$TMPDIR/orders
D=disk/data

# errno DATASET [FIELD=VALUE]...
errno()
{
	_d=$1
	shift
	ioc FETCH region=$R name="$_d" keyring=-3 timeout_ms=8000 "$@" | tail -n 1 | cut -d' ' -f2
}

quiet()
{
	keys_probe status | grep -q 'requests=0 sessions=0'
}

# A key is parked, and three seconds after it was asked for collected: what is left of its ten,
# in ms
parked()
{
	ioc FETCH flags=1 region=$R name=disk/lease keyring=-3 sleep=3000 -- \
		COLLECT region=$R name=disk/lease keyring=-3 > "$TMPDIR/parked"
	keys_probe info "$(keyctl search @s microhsm $R/disk/lease)" |
		sed -n 's/.*lease=\([0-9]*\).*/\1/p'
}

plan 31
ok "a Region" office_open
ok "a host" office_enrol alice
for d in $D 'disk/lease --lease 10s' disk/floor; do
	officer dataset create $d > /dev/null 2>&1
	officer grant ${d%% *} alice > /dev/null 2>&1
	officer instance add ${d%% *} --generate > /dev/null 2>&1
done
stop repositoryd
: > "$MH_ROGUE"
start repositoryd rogue_repositoryd --config "$W/ini"
wait_for 10 grep -q "office serves" "$TMPDIR/repositoryd.log"
ok "the agent" office_agent

# ---- a lease begins with the answer ----
left=$(parked)
ok "a key that waited for three of its ten seconds" test "${left:-0}" -gt 0
# The answer may take its time; a lease that began only with COLLECT would have ten, less a look
ok "has seven left, and what the answer took" test "${left:-9999}" -le 8500

# ---- forks ----
serial=$(microhsm status --json | sed -n 's/.*"anchor": *\([0-9]*\).*/\1/p')
for by in none stranger; do
	stmt make anchor $R "${serial:-1}" $by > "$W/fork"
	is "an ANCHOR of our serial, by $by: no fork" "$(stmt push "$W/fork")" EBADMSG
done
stmt get epoch office.freshness > "$W/epoch"
ok "the EPOCH" test -s "$W/epoch"
is "altered in any byte: no fork" "$(stmt alter push "$W/epoch" 3 | grep -c ENOTUNIQ)" 0

# ---- a freshness key that was stolen ----
is "an honest EPOCH" "$(errno $D)" ok
stmt epoch $D "$W/officer.pem" "$W/stolen" "$W/evil" "$W/revoke" 60
is "a DELEGATION" "$(stmt push "$W/stolen")" ok
is "an EPOCH by its key, ahead of all" "$(stmt push "$W/evil")" ok
is "its floor binds" "$(errno $D)" ESTALE
is "its REVOKE" "$(stmt push "$W/revoke")" ok
is "takes it away" "$(errno $D)" ok
is "it is not taken again" "$(stmt push "$W/evil")" EKEYREVOKED

# ---- a REVOKE that is signed ahead ----
MH_FROM=7200 stmt make revoke alice 9 "$W/officer.pem" > "$W/later"
is "a REVOKE for later" "$(stmt push "$W/later")" ESTALE
is "does nothing now" "$(errno $D)" ok

# ---- an older DATASET, when it is long forgotten that there was a newer one ----
for n in one two; do
	mkdir -p "$W/$n"
	stmt answer disk/floor "$W/officer.pem" "$W/$n" version=7
	sleep 1
done
echo "with $W/two" > "$MH_ROGUE"
is "the newer DATASET" "$(errno disk/floor)" ok
ok "sealed" wait_for 6 sh -c \
	"keys_probe info $(microhsm keys | awk '/identity/ { print $1 }') | grep -q ' unsealed=0'"
stop agent
ok "drained" microhsm drain
ok "unloaded" wait_for 6 rmmod microhsm
ok "loaded" insmod "$MH_MODULE"
ok "unlocked" sh -c "microhsm unlock $W/state/$R*.blob --state $W/state"
ok "the agent again" office_agent
echo "with $W/one" > "$MH_ROGUE"
is "the one before it is refused" "$(errno disk/floor)" ESTALE
echo "with $W/two" > "$MH_ROGUE"
is "the newer one is not" "$(errno disk/floor)" ok
: > "$MH_ROGUE"

# ---- a session that says nothing ----
start monitor microhsm monitor
kill -STOP "$repositoryd"
is "nobody answers, and one second is waited" "$(errno $D timeout_ms=1000)" ETIMEDOUT
sleep 4
is "nor the next" "$(errno $D timeout_ms=1000)" ETIMEDOUT
ok "but the silent session is over" wait_for 3 grep -q session-end "$TMPDIR/monitor.log"
kill -CONT "$repositoryd"

# ---- a bundle that is too old ----
microhsm init bob --state "$W/state" > /dev/null
microhsm request bob --output "$W/bob.request" 2> "$W/bob.fp"
officer entity enrol "$W/bob.request" --fingerprint "$(fingerprint_of "$W/bob.fp")" \
	--output "$W/bob.bundle" > /dev/null 2>&1
microhsm forget $R > /dev/null
date -s "@$(($(date +%s) + 3 * 86400))" > /dev/null
fails_with "its EPOCH has ended" 4 microhsm join "$W/bob.bundle" --region "$region" \
	--state "$W/state" --identity bob
