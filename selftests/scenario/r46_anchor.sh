#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 300
# R46: a host that was away for a dozen changes of the officers walks the whole chain and fetches, on what was
# signed before and on what the new ones sign; a fork and a gap are refused, and shown; officers who are
# out sign nothing that it believes; after min_anchor it believes nothing that was signed before.
# shellcheck disable=SC2086,SC2154 # fields are words; what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/quorum.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/quorum.sh"
region='' card='' repositoryd=''

# The serial of the ANCHOR that the kernel holds
held()
{
	microhsm keys --json > /dev/null
	microhsm status --json | sed -n 's/.*"anchor": *\([0-9]*\).*/\1/p' | head -n 1
}

# errno DATASET: how a fetch ends
errno()
{
	ioc FETCH region=$R name="$1" keyring=-3 timeout_ms=8000 | tail -n 1 | cut -d' ' -f2
}

publics()
{
	for _p; do
		by "$_p" officer key show --output "$W/$_p.pub" > /dev/null || return 1
	done
}

# dataset BY NAME: one that alice may fetch, with a key
dataset()
{
	by "$1" dataset create "$2" > /dev/null && by "$1" grant "$2" alice > /dev/null &&
		by "$1" instance add "$2" --generate
}

# keep N: the server's newest ANCHOR, of that serial, as a file
keep()
{
	stmt get anchor "$R" > "$W/anchor.$1"
}

plan 47
ok "r46 a Region, two of three" quorum_open "a b c" --threshold 2
ok "r46 officers to come" keys d e r1 r2 stranger
ok "r46 and their public keys" publics a b c d e r1 r2 stranger
officer()
{
	by "a b" "$@"
}
ok "r46 a host" office_enrol alice
ok "r46 a key from before" dataset "a b" disk/before
ok "r46 the agent" office_agent
is "r46 it is fetched" "$(errno disk/before)" ok
is "r46 under the first ANCHOR" "$(held)" 1
keep 1
stop agent

# ---- away: c out and d in, a recovery set, recovered, and ten more ----
ok "r46 officers are replaced" by "a b d" officer replace --new-keys "$W/a.pub" --new-keys "$W/b.pub" \
	--new-keys "$W/d.pub" --recovery-key "$W/r1.pub" --recovery-key "$W/r2.pub" --recovery-threshold 2
keep 2
ok "r46 and recovered" by "r1 r2 d e" officer recover --new-keys "$W/b.pub" --new-keys "$W/d.pub" \
	--new-keys "$W/e.pub"
keep 3
for i in 4 5 6 7 8 9 10 11 12 13; do
	by "d e" officer replace > /dev/null 2>&1 || break
	keep $i
done
is "r46 a dozen times" "$(repoctl officer list --json | sed -n 's/.*"anchor": \([0-9]*\).*/\1/p')" 13
ok "r46 a key by the new officers" dataset "d e" disk/after
fails_with "r46 and none by those who are out" 4 by "a c" dataset create disk/out

# ---- what is no next link is refused, and a fork is shown ----
start monitor microhsm monitor
for i in 3 13; do
	is "r46 a gap: ANCHOR $i" "$(stmt push "$W/anchor.$i")" EBADMSG
done
is "r46 the first again is no news" "$(stmt push "$W/anchor.1")" ESTALE
is "r46 nothing of it was taken" "$(held)" 1

# ---- back ----
ok "r46 it comes back" office_agent
is "r46 and fetches what was there" "$(errno disk/before)" ok
is "r46 having walked the chain" "$(held)" 13
is "r46 and what is new" "$(errno disk/after)" ok
# An ANCHOR 2 of the officers then, which the host never saw, is not one after 13
is "r46 an older link is none" "$(stmt push "$W/anchor.2")" ESTALE

# Two of serial 14, each signed by enough: the host takes the first, and tells of the other
by "d e" --propose "$W/one" officer replace --min-anchor > /dev/null 2>&1
by "d b e" --propose "$W/other" officer replace --threshold 1 > /dev/null 2>&1
stop repositoryd
cp -r "$W/store" "$W/store.13"
office_daemon
ok "r46 one is submitted" repoctl submit "$W/other"
does "r46 the other is refused by the server" 5 'the Region has ANCHOR 14 now' repoctl submit "$W/one"
is "r46 the host hears of the first" "$(errno disk/after)" ok
is "r46 and takes it" "$(held)" 14
stop repositoryd
rm -rf "$W/store"
cp -r "$W/store.13" "$W/store"
start repositoryd repositoryd --config "$W/ini" --accept-gap
wait_for 10 repoctl status
ok "r46 a server that went back takes the other" repoctl submit "$W/one"
keep fork
is "r46 the host does not: a fork" "$(stmt push "$W/anchor.fork")" ENOTUNIQ
ok "r46 which is shown" wait_for 5 grep -q fork "$TMPDIR/monitor.log"
is "r46 it stays with the first" "$(held)" 14
stop repositoryd
rm -rf "$W/store"
cp -r "$W/store.13" "$W/store"
start repositoryd repositoryd --config "$W/ini" --accept-gap
wait_for 10 repoctl status
ok "r46 the first is the server's again" repoctl submit "$W/other"

# ---- after a compromise ----
ok "r46 all before is void" by "d e" officer replace --min-anchor
keep 15
is "r46 the host is told" "$(stmt push "$W/anchor.15")" ok
# A key that it holds lasts to its end, as with an office that is gone: only a REVOKE takes it.
ok "r46 what it holds it keeps" keyctl search @s microhsm "$R/disk/after"
not_ok "r46 and gets nothing more" test "$(errno disk/after)" = ok
ok "r46 it is enrolled again, by the same request" by "d e" entity enrol "$W/alice.request" \
	--fingerprint "$(fingerprint_of "$W/alice.fp")" --output "$W/again" --address 127.0.0.1:7878
by "d e" dataset create disk/after --replace > /dev/null
ok "r46 what it may is said again" by "d e" grant disk/after alice
ok "r46 and a key made" by "d e" instance add disk/after --generate
is "r46 which it fetches" "$(errno disk/after)" ok

# ---- two officers' keys are stolen: the thief's own ANCHORs, his REVOKE, then the recovery set ----
cp -r "$W/store" "$W/store.15"
ok "r46 a thief makes himself the officers" by "d e stranger" officer replace --new-keys "$W/stranger.pub"
keep 16
ok "r46 and revokes the host" by stranger entity revoke alice
stmt get revoke alice > "$W/REVOKE"
is "r46 the host follows" "$(stmt push "$W/anchor.16")" ok
is "r46 and is revoked" "$(stmt push "$W/REVOKE")" ok
stop repositoryd
rm -rf "$W/store"
cp -r "$W/store.15" "$W/store"
start repositoryd repositoryd --config "$W/ini" --accept-gap
wait_for 10 repoctl status
ok "r46 the recovery set goes beyond all" by "r1 r2 a b" officer recover --stolen --new-keys "$W/a.pub" \
	--new-keys "$W/b.pub"
keep far
is "r46 the host takes it" "$(stmt push "$W/anchor.far")" ok
is "r46 and holds that" "$(held)" 4294967311
by "a b" entity enrol "$W/alice.request" --fingerprint "$(fingerprint_of "$W/alice.fp")" \
	--output "$W/again" --address 127.0.0.1:7878 > /dev/null
by "a b" dataset create disk/after --replace > /dev/null
by "a b" grant disk/after alice > /dev/null
by "a b" instance add disk/after --generate > /dev/null
is "r46 it fetches, with the keys of its first day" "$(errno disk/after)" ok
