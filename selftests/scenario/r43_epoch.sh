#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 300
# R43 R37: the Region's EPOCH. Once it has ended (its signer has gone, or is kept from us) only what policy
# says may be served stale is delivered, and that is told; keys that are held live to their lease's end. An
# older EPOCH, one by a key that may only serve, a freshness key that nobody delegated: refused, each
# for its reason. A REVOKE that a server keeps to itself takes effect by then; a server's own word
# that the host is revoked takes nothing away.
# shellcheck disable=SC2086,SC2154 # fields are words; what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/clock.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/clock.sh"
D=disk/data
DAY=86400

stmt_there()
{
	there stmt "$@"
}

# told WORD: so often by the module's events
told()
{
	grep -c " $1 " "$TMPDIR/monitor.log"
}

# unmoved NAME: what the host believes is as it was
unmoved()
{
	believed > "$W/after"
	ok "$1: nothing has moved" cmp "$W/believed" "$W/after"
}

plan 43
ok "a Region" office_open
ok "a host" office_enrol alice
office_dataset $D
office_dataset disk/boot --on-stale serve
office_dataset disk/lease --lease 30s
office_dataset disk/stale --on-stale serve --lease 30s
stop repositoryd
office_daemon rogue_repositoryd
ok "the agent" office_agent
start monitor microhsm monitor
for d in $D disk/boot disk/lease disk/stale; do
	is "fetched: $d" "$(errno $d)" ok
done
is "none of them is told to be stale" "$(told stale-served)" 0
believed > "$W/believed"

# ---- EPOCHs that are none ----
stmt_there get epoch office.freshness > "$W/old"
stmt_there make delegation spare 1 "$W/officer.pem" > "$W/spare"
is "a DELEGATION, and so a newer EPOCH" "$(stmt_there send "$W/spare")" "0 "
ok "which the open session is told" wait_for 5 sh -c \
	"! microhsm status --json | grep -v '\"now\"' | cmp -s - $W/believed"
is "on a new session too" "$(errno_anew $D)" ok
believed > "$W/believed"
is "the older one, pushed" "$(stmt_there push "$W/old")" ESTALE
echo "epoch $W/old" > "$MH_ROGUE"
is "the older one from the server: ours counts" "$(errno_anew $D)" ok
: > "$MH_ROGUE"
unmoved "an older EPOCH"
stmt_there steal serve office2 "$W/officer.pem" "$W/serve"
stmt_there steal freshness office3 "$W/officer.pem" "$W/fresh"
is "DELEGATIONs of both roles to keys since stolen" \
	"$(stmt_there push "$W/serve/delegation") $(stmt_there push "$W/fresh/delegation")" "ok ok"
stmt_there make epoch office2 1 "stolen:$W/serve" > "$W/bad"
is "an EPOCH by a key that may serve" "$(stmt_there push "$W/bad")" ENOKEY
echo "epoch $W/bad" > "$MH_ROGUE"
is "the same from the server" "$(errno_anew $D)" EBADMSG
stmt_there make epoch office3 1 stranger > "$W/bad"
is "an EPOCH by the officers" "$(stmt_there push "$W/bad")" ENOKEY
cp -r "$W/fresh" "$W/other"
head -c 32 /dev/urandom > "$W/other/key"
stmt_there make epoch office3 1 "stolen:$W/other" > "$W/bad"
is "an EPOCH that is signed by another" "$(stmt_there push "$W/bad")" EBADMSG
stmt_there make epoch office 1 "stolen:$W/fresh" > "$W/bad"
is "an EPOCH of another's series" "$(stmt_there push "$W/bad")" EPERM
: > "$MH_ROGUE"
is "an honest server again" "$(errno_anew $D)" ok
unmoved "EPOCHs that are none"

# ---- a server that says revoked, alone ----
held=$(keyctl search @s microhsm $R/disk/boot)
echo "refuse 2 0 0" > "$MH_ROGUE"
is "the server's word: revoked" "$(errno $D)" EKEYREVOKED
is "the tool says so" "$(microhsm fetch $R/$D > /dev/null 2>&1; echo $?)" 8
: > "$MH_ROGUE"
ok "what is held stays usable" usable disk/boot
is "it is the same key" "$(keyctl search @s microhsm $R/disk/boot)" "$held"
is "the next answer is taken" "$(errno $D)" ok
is "nothing was told to be revoked" "$(told revoked) $(told withdrawn)" "0 0"
unmoved "a server's word"

# ---- a REVOKE that the server keeps to itself, and the EPOCH's end ----
stmt_there make revoke alice 9 "$W/officer.pem" > "$W/revoke"
is "withheld: fetched" "$(errno disk/stale)" ok
is "and the leased one" "$(errno disk/lease)" ok
t0=$(uptime_s)
# the freshness key's owner knows the REVOKE, and gives this server no EPOCH any more
host_at $(($(office_now) + DAY + 60))
is "a day on, the EPOCH has ended: stale" "$(errno $D)" ESTALE
is "on a new session too" "$(errno_anew $D)" ESTALE
is "what policy lets be served stale is" "$(errno disk/boot)" ok
is "which is told" "$(told stale-served)" 1
ok "keys are held to their leases' end" usable disk/lease
ok "and end then" wait_for 35 gone disk/lease
ok "not sooner" test $(($(uptime_s) - t0)) -ge 29
is "on time also what was served stale" "$(errno disk/stale) $(($(left disk/stale) / 15001))" "ok 1"
host_right
is "the clock right again: fetched" "$(errno $D)" ok
is "the REVOKE at last" "$(stmt_there push "$W/revoke")" ok
ok "takes the keys" wait_for 5 gone disk/boot
is "and all that would come" "$(errno disk/boot)" EKEYREVOKED
