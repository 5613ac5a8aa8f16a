#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# timeout: 120
# R46 R36: officers are replaced by old M and new M, or by the recovery set and new M, and by nobody else;
# a Region that one lost key would end is not made unless that is meant; after a compromise what was signed before is
# void, and the server goes on.  Two who replace at once, and what was proposed under the ANCHOR before: refused.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
LISTEN=
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/quorum.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/quorum.sh"
region='' card='' repositoryd=''

# publics NAME...: their public keys as files
publics()
{
	for _p; do
		by "$_p" officer key show --output "$W/$_p.pub" > /dev/null || return 1
	done
}

# listed: "THRESHOLD of N, recovery M of N, at ANCHOR"
listed()
{
	repoctl officer list --json | python3 -c 'import json, sys
j = json.load(sys.stdin)
print(j["threshold"], "of", len(j["officers"]), "recovery", j["recovery-threshold"], "of",
	len(j["recovery"]), "at", j["anchor"])'
}

create()
{
	by "a b" region create lab --card "$card" --genesis "$W/lab" "$@"
}

plan 90
ok "r46 a Region, two of three" quorum_open "a b c" --threshold 2
keys d e f r1 r2 r3 stranger
ok "r46 public keys as files" publics a b c d e f r1 r2 r3
does "r46 of one key at a time" 2 'one key' by "a b" officer key show
says "r46 by fingerprint" '^[a-z2-7-]{24}$' by a officer key show
fails_with "r46 a file is not another's" 7 by "a b" officer replace --new-keys "$W/a.pem" --threshold 1

# ---- who they are ----
says "r46 the list" 'officers: 2 of 3 must sign' repoctl officer list
says "r46 since when" "$(by a officer key show)  since ANCHOR 1" repoctl officer list
says "r46 and what is missing" 'no recovery set' repoctl officer list
is "r46 in JSON" "$(listed)" "2 of 3 recovery 0 of 0 at 1"

# ---- one lost key is not the end ----
does "r46 two of two: refused" 2 'when one key is lost nobody can change this Region' create
does "r46 unless insisted on" 4 'genesis = ' create --insist
rm "$W/lab"
does "r46 or with a recovery set" 4 'genesis = ' create --recovery-key "$W/r1.pub"
rm "$W/lab"
does "r46 one of one is told" 4 'when that key is lost' by a region create lab --card "$card" --genesis "$W/lab"
rm "$W/lab"
fails_with "r46 a threshold of nobody" 2 create --recovery-threshold 1
fails_with "r46 no more than there are" 2 create --insist --recovery-key "$W/r1.pub" --recovery-threshold 2
fails_with "r46 nobody twice" 2 create --insist --recovery-key "$W/r1.pub" --recovery-key "$W/r1.pub"
fails_with "r46 three of three: refused here, too" 2 by "a b c" officer replace --threshold 3
is "r46 nothing was done" "$(listed)" "2 of 3 recovery 0 of 0 at 1"

# ---- a Region whose officers never meet ----
P=$W/lab.proposal
ok "r46 by their public keys" by "" --propose "$P" region create lab --card "$card" --threshold 2 \
	--new-keys "$W/d.pub" --new-keys "$W/e.pub" --new-keys "$W/f.pub"
says "r46 in words" 'makes the Region lab; of its officers 2 of 3 must sign' away repoctl review "$P"
ok "r46 one signs" away by d sign "$P"
fails_with "r46 one is too few" 4 repoctl submit "$P"
ok "r46 another signs" away by f sign "$P"
does "r46 the server must name it" 4 'names no Region with the fingerprint' repoctl submit "$P"
lab=$(repoctl review --json "$P" | sed -n 's/.*"fingerprint": "\([a-z2-7-]*\)".*/\1/p')
office_ini "genesis = $region
genesis = $lab"
kill -HUP "${repositoryd:?}"
sleep 1
ok "r46 then it is made" repoctl submit "$P"
says "r46 and there" "lab  *$lab" repoctl region list
export MICROHSM_REGION="$R:$region"

# ---- replaced ----
by "a b" dataset create disk/before > /dev/null
P=$W/replace
by a --propose "$W/stale" dataset create disk/stale > /dev/null 2>&1
away by b sign "$W/stale" > /dev/null 2>&1
ok "r46 c out, d in, and a recovery set" by a --propose "$P" officer replace --new-keys "$W/a.pub" \
	--new-keys "$W/b.pub" --new-keys "$W/d.pub" --recovery-key "$W/r1.pub" --recovery-key "$W/r2.pub" \
	--recovery-key "$W/r3.pub" --recovery-threshold 2
cp "$P" "$W/replace.new"
says "r46 who is new" "$(by d officer key show) .NEW" away repoctl review "$P"
says "r46 who is out" "OUT: $(by c officer key show)" away repoctl review "$P"
fails_with "r46 not by a stranger" 4 away by stranger sign "$P"
fails_with "r46 nor by the recovery set that it makes" 4 away by "r1 r2" sign "$P"
ok "r46 the new officer signs" away by d sign "$P"
does "r46 new M alone is too few" 4 '1 more of the officers must sign' repoctl submit "$P"
ok "r46 the officer who leaves signs" away by c sign "$W/replace.new"
does "r46 old M alone is too few" 4 '1 more of the new officers must sign' repoctl submit "$W/replace.new"
ok "r46 old and new" away by b sign "$P"
by "a b" --propose "$W/fork" officer replace --recovery-key "$W/r1.pub" > /dev/null 2>&1
ok "r46 is enough" repoctl submit "$P"
is "r46 they are replaced" "$(listed)" "2 of 3 recovery 2 of 3 at 2"
says "r46 the new one since then" "$(by d officer key show)  since ANCHOR 2" repoctl officer list
says "r46 the others since ever" "$(by a officer key show)  since ANCHOR 1" repoctl officer list
does "r46 two at once: the second is told" 5 'the Region has ANCHOR 2 now' repoctl submit "$W/fork"
does "r46 and what was signed under the old one" 5 'has ANCHOR 2 now' repoctl submit "$W/stale"
fails_with "r46 who is out signs nothing" 4 by "a c" dataset create disk/no
ok "r46 who is in does" by "a d" dataset create disk/after
does "r46 they do not change the recovery set" 4 'only the recovery set changes itself' by "a d" officer replace \
	--recovery-key "$W/r1.pub"
ok "r46 on what was signed before" by "a d" instance add disk/before --generate

# ---- recovered ----
fails_with "r46 the recovery set does nothing else" 4 by "r1 r2" dataset create disk/no
fails_with "r46 nor replaces as officers do" 4 by "r1 r2 d e" officer replace --new-keys "$W/d.pub" \
	--new-keys "$W/e.pub" --new-keys "$W/f.pub"
fails_with "r46 one of it is too few" 4 by "r1 d e" officer recover --new-keys "$W/d.pub" --new-keys "$W/e.pub" \
	--new-keys "$W/f.pub"
fails_with "r46 it alone is too few" 4 by "r1 r2" officer recover --new-keys "$W/d.pub" --new-keys "$W/e.pub" \
	--new-keys "$W/f.pub"
ok "r46 two of it, and the new officers" by "r1 r3 d e" officer recover --new-keys "$W/d.pub" \
	--new-keys "$W/e.pub" --new-keys "$W/f.pub"
is "r46 are enough" "$(listed)" "2 of 3 recovery 2 of 3 at 3"
fails_with "r46 the old ones are out" 4 by "a b" dataset create disk/no
ok "r46 the new ones are not" by "e f" dataset create disk/recovered

# ---- after a compromise ----
P=$W/compromise
ok "r46 all before is void" by d --propose "$P" officer replace --min-anchor
says "r46 which is said" 'ALL that was signed under ANCHORs before 4 is VOID' away repoctl review "$P"
says "r46 with the delegations anew" '3\. lets office\.freshness say what is fresh .EPOCH., with the key [^,]*, as before' \
	away repoctl review "$P"
ok "r46 signed" away by f sign "$P"
ok "r46 and submitted" repoctl submit "$P"
says "r46 since when" 'signed under ANCHORs before 4 is void' repoctl officer list
says "r46 the server goes on" '"serving": true' repoctl status
does "r46 what was signed before is void" 8 'void, as all that was signed under ANCHORs before 4' by "d e" instance add disk/recovered --generate
ok "r46 it is made again" by "d e" dataset create disk/recovered --replace
ok "r46 and used" by "d e" instance add disk/recovered --generate
tail -c +2 "$(dirname "$MH_LIB")/fuzz/seeds/enrol/pair" > "$W/request"
enrol()
{
	by "$1" entity enrol "$W/request" --fingerprint "${2:-aaaa}" --output "$W/bundle" 2>&1
}
fp=$(enrol "d e" | sed -n 's/.*fingerprint \([a-z2-7-]*\),.*/\1/p')
host=$(enrol "d e" | sed -n 's/.*request of \([^ ]*\) has.*/\1/p')
ok "r46 a host" enrol "d e" "$fp"
ok "r46 that may" by "d e" grant disk/recovered "$host"
ok "r46 once more all is void" by "d e" officer replace --min-anchor
fails_with "r46 a host that is void is granted nothing" 8 by "d e" grant disk/recovered "$host"
ok "r46 it is enrolled again, by the same request" enrol "d e" "$fp"
fails_with "r46 and the DataSet, too" 8 by "d e" grant disk/recovered "$host"
ok "r46 is made again" by "d e" dataset create disk/recovered --replace
ok "r46 then it may" by "d e" grant disk/recovered "$host"
is "r46 and does" "$(repoctl dataset show disk/recovered | grep -c "\"$host\"")" 1
ok "r46 what is revoked" by "d e" entity revoke "$host"
ok "r46 is not let in by a void" by "d e" officer replace --min-anchor
fails_with "r46 with the keys it had" 8 enrol "d e" "$fp"

# ---- drill ----
had=$(signed)
does "r46 a drill" 0 'the officers: 2 of 3 must sign; enough have signed' by "d e" officer drill
does "r46 of the recovery set" 0 'the recovery set: 2 of 3 must sign; 1 more needed' by r1 officer drill
fails_with "r46 not of a stranger" 4 by "d stranger" officer drill
ok "r46 by a file" by d --propose "$W/drill" officer drill
ok "r46 that goes round" away by "e r1 r2" sign "$W/drill"
fails_with "r46 it is never submitted" 2 repoctl submit "$W/drill"
is "r46 nothing was done by it" "$(signed)" "$had"

# ---- as many as there can be ----
all=$(seq -s ' ' -f 'k%02g' 16)
# shellcheck disable=SC2086 # words
keys $all
# shellcheck disable=SC2086 # words
publics $all
new=$(for k in $all; do printf -- '--new-keys %s ' "$W/$k.pub"; done)
P=$W/sixteen
# shellcheck disable=SC2086 # words
{
	ok "r46 sixteen officers, and all must sign" by d --propose "$P" officer replace $new --threshold 16
	fails_with "r46 seventeen are too many" 2 by d --propose "$W/more" officer replace $new --new-keys "$W/d.pub"
}
away by e sign "$P" > /dev/null 2>&1
away by "${all% *}" sign "$P" > /dev/null 2>&1
does "r46 fifteen are too few" 4 '1 more of the new officers must sign' repoctl submit "$P"
away by "${all##* }" sign "$P" > /dev/null 2>&1
ok "r46 all have signed" repoctl submit "$P"
is "r46 so it is" "$(listed | cut -d' ' -f1-3)" "16 of 16"
fails_with "r46 fifteen do nothing" 4 by "${all% *}" dataset create disk/sixteen
ok "r46 sixteen do" by "$all" dataset create disk/sixteen
stop repositoryd
