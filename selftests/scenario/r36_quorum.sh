#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# timeout: 120
# R36: three officers, of whom two must sign.  A proposal goes from one to another as a file, and all but
# submit work where there is no daemon.  One signature too few, a stranger's, the same officer twice, a file
# that was altered, a serial that was taken meanwhile, two at once: refused, and nothing is half done.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
LISTEN=
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/quorum.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/quorum.sh"
region='' card='' repositoryd=''
P=$W/proposal

# json FIELD: of the review of $P
json()
{
	away repoctl review --json "$P" | python3 -c "import json, sys; print(eval('j' + sys.argv[1], {'j': json.load(sys.stdin)}))" "$1"
}

# altered AT: $P with a byte of what it holds altered, counted from its end if below zero
altered()
{
	python3 - "$P" "$1" > "$W/altered" << EOT
import base64, sys
text = open(sys.argv[1]).read().split("-----")
raw = bytearray(base64.b64decode(text[2]))
raw[int(sys.argv[2])] ^= 1
print("-----" + text[1] + "-----\n" + base64.encodebytes(bytes(raw)).decode() + "-----" + text[3] + "-----")
EOT
}

plan 95
ok "r36 a Region, two of three" quorum_open "a b c" --threshold 2
keys stranger
ok "r36 two at once do it in one go" by "a c" dataset create disk/one
is "r36 both statements are there" "$(repoctl dataset list | grep -c disk/one)" 1

# ---- too few ----
had=$(signed)
does "r36 one is too few, and it says what to do" 4 'and 1 of the keys given are.*--propose FILE' \
	by a dataset create disk/two
fails_with "r36 the same twice is one" 4 by "a a" dataset create disk/two
fails_with "r36 a stranger is none" 4 by "a stranger" dataset create disk/two
fails_with "r36 what reads proposes nothing" 2 by a --propose "$P" dataset list
fails_with "r36 a stranger proposes nothing" 4 by stranger --propose "$P" dataset create disk/two
ok "r36 and left no file" [ ! -e "$P" ]

# ---- passed round ----
does "r36 one proposes" 0 '1 more needed' by a --propose "$P" dataset create disk/two --mode group --lease 2h
is "r36 nothing was done" "$(signed)" "$had"
fails_with "r36 a proposal is not overwritten" 5 by b --propose "$P" dataset create disk/three
does "r36 not submitted with one" 4 'too few officers' repoctl submit "$P"
says "r36 review in words" '2\. makes the DataSet disk/two: the server cannot read its Data' away repoctl review "$P"
says "r36 its policy too" 'sets the policy disk/two: keys of aes256, kept for 2h' away repoctl review "$P"
says "r36 how many hosts" 'touches 0 hosts' away repoctl review "$P"
is "r36 who has signed, in JSON" "$(json "['signatures'][0]['needed']")" 1
is "r36 and who has not" "$(json "['signatures'][0]['waiting'].__len__()")" 2
is "r36 of which Region" "$(json "['fingerprint']")" "$region"
ok "r36 for the Region that is meant" away repoctl --region "$R:$region" review "$P"
fails_with "r36 and for none other" 4 away repoctl --region "$R:aaaa-aaaa-aaaa-aaaa-aaaa" review "$P"
fails_with "r36 nor by another label" 4 away by b --region lab sign "$P"

# ---- altered, on its way ----
for at in 60 -1 -200 900; do
	altered "$at"
	not_ok "r36 altered at $at: not reviewed" away repoctl review "$W/altered"
	not_ok "r36 not signed" away by b sign "$W/altered"
done
head -c 300 "$P" > "$W/altered"
fails_with "r36 cut" 7 away repoctl review "$W/altered"
fails_with "r36 none" 3 away repoctl review "$W/none"
cp "$W/genesis" "$W/altered"
fails_with "r36 something else" 7 away repoctl review "$W/altered"

# ---- signed ----
before=$(cksum < "$P")
fails_with "r36 not by a stranger" 4 away by stranger sign "$P"
fails_with "r36 nor by one beside an officer" 4 away by "b stranger" sign "$P"
does "r36 the same again is no change" 0 'has signed already' away by a sign "$P"
is "r36 and nothing changed" "$(cksum < "$P")" "$before"
does "r36 another officer, offline" 0 'It can be submitted' away by b sign "$P"
is "r36 that is enough" "$(json "['complete']")" True
does "r36 a third is welcome" 0 'signed ' away by c sign "$P"
fails_with "r36 submit needs the daemon" 6 away repoctl submit "$P"
is "r36 nothing was done" "$(signed)" "$had"
does "r36 it is submitted without a key" 0 '2 statements submitted' repoctl submit "$P"
is "r36 and there" "$(signed)" $((had + 2))
does "r36 again is no change" 0 '' repoctl submit "$P"
is "r36 and is none" "$(signed)" $((had + 2))

# ---- a host: what it needs comes with the proposal ----
tail -c +2 "$(dirname "$MH_LIB")/fuzz/seeds/enrol/pair" > "$W/request"
fp=$(by "a b" entity enrol "$W/request" --fingerprint aaaa 2>&1 | sed -n 's/.*fingerprint \([a-z2-7-]*\),.*/\1/p')
host=$(by "a b" entity enrol "$W/request" --fingerprint aaaa 2>&1 | sed -n 's/.*request of \([^ ]*\) has.*/\1/p')
P=$W/enrol
fails_with "r36 the bundle is submit's" 2 by a --propose "$P" entity enrol "$W/request" --fingerprint "$fp" \
	--output "$W/early"
ok "r36 a host is proposed" by a --propose "$P" entity enrol "$W/request" --fingerprint "$fp" --address 192.0.2.1:7878
says "r36 which is said" "enrols the host $host;" away repoctl review "$P"
is "r36 one host" "$(json "['hosts']")" 1
ok "r36 another signs" away by c sign "$P"
mkdir "$W/out"
does "r36 and it is enrolled" 0 "take $W/out/$host.bundle to its host" repoctl submit --bundles "$W/out" "$P"
ok "r36 with a bundle" grep -q 'BEGIN MICROHSM JOIN BUNDLE' "$W/out/$host.bundle"
is "r36 as an Entity" "$(repoctl entity list | cut -d' ' -f1)" "$host"

# One whose keys are secrets: sealed in the file, which its maker's vault keeps alone
tail -c +2 "$(dirname "$MH_LIB")/fuzz/seeds/enrol/secret" > "$W/request2"
fp=$(by "a b" entity enrol "$W/request2" --fingerprint aaaa 2>&1 | sed -n 's/.*fingerprint \([a-z2-7-]*\),.*/\1/p')
P=$W/secret
proposed()
{
	printf 'tea\ncoffee\n' > "$W/passes"
	repoctl --key "$W/a.pem" --passphrase-fd 5 --propose "$P" entity enrol "$W/request2" --fingerprint "$fp" \
		--vault "$W/vault" --code "$W/code" 5< "$W/passes"
}
ok "r36 a host with secrets is proposed" proposed
says "r36 in place of another" "enrols the host $host anew, with other keys: the keys it had are out" \
	away repoctl review "$P"
ok "r36 signed" away by b sign "$P"
ok "r36 and enrolled" repoctl submit --bundles "$W/out" "$P"
is "r36 with its kinds" "$(repoctl entity show "$host" | grep -c secret)" 2
by "a b" entity enrol "$W/request" --fingerprint \
	"$(by "a b" entity enrol "$W/request" --fingerprint aaaa 2>&1 | sed -n 's/.*fingerprint \([a-z2-7-]*\),.*/\1/p')" \
	--output "$W/out/again" > /dev/null 2>&1

# ---- what dies is said before it is signed ----
P=$W/revoke
ok "r36 a revocation is proposed" by "" --propose "$P" entity revoke "$host"
says "r36 what dies" "revokes the host $host up to serial 3: its sessions end" away repoctl review "$P"

# ---- two at once, and a serial that was taken ----
P=$W/first
by a --propose "$P" dataset create disk/two --mode group --replace --lease 1h > /dev/null 2>&1
by c --propose "$W/second" dataset create disk/two --mode group --replace --lease 5h > /dev/null 2>&1
says "r36 what it replaces" 'was: keys of aes256, kept for 2h' away repoctl review "$P"
away by b sign "$P" > /dev/null 2>&1
away by b sign "$W/second" > /dev/null 2>&1
ok "r36 the first of two" repoctl submit "$P"
had=$(signed)
does "r36 the second is told" 5 'serial 2 is not above the stored 2; fetch it again and sign with serial 3' \
	repoctl submit "$W/second"
is "r36 nothing is half done" "$(signed)" "$had"
says "r36 the first one's holds" 'DataSet disk/two exists' by "a b" dataset create disk/two --mode group --lease 5h
ok "r36 what the first made is there" by "a b" dataset create disk/two --mode group --lease 1h

# A proposal of two objects, one of which was changed meanwhile: neither is
P=$W/grant
by a --propose "$P" grant disk/two "$host" > /dev/null 2>&1
away by b sign "$P" > /dev/null 2>&1
by "a c" grant disk/one "$host" --group disk.two > /dev/null 2>&1
had=$(signed)
does "r36 a stale serial" 5 'fetch it again and sign' repoctl submit "$P"
is "r36 nor the other of the two" "$(signed)" "$had"

# ---- a proposal that is made where there is no server ----
S=$W/snapshot
by "a b" grant disk/two "$host" --group two > /dev/null
ok "r36 a snapshot" repoctl region export "$S"
for c in "region list" "entity list" "entity show $host" "dataset list" "dataset show disk/one" \
	"dataset show disk/two" "delegation list" card; do
	# shellcheck disable=SC2086 # words
	is "r36 says what the server says: $c" "$(away repoctl --offline "$S" $c 2> /dev/null)" "$(repoctl $c)"
done
says "r36 and of when it is" 'the Region as it was 20' away repoctl --offline "$S" card
fails_with "r36 for its own Region" 4 away repoctl --offline "$S" --region "$R:aaaa-aaaa-aaaa-aaaa-aaaa" dataset list
fails_with "r36 not for what needs the server" 6 away repoctl --offline "$S" status
fails_with "r36 nor to do something at once" 2 away by "a b" --offline "$S" dataset create disk/four
P=$W/offline
ok "r36 a proposal from it" away by a --offline "$S" --propose "$P" dataset create disk/four
says "r36 as any other" 'makes the DataSet disk/four' away repoctl review "$P"
ok "r36 signed" away by b sign "$P"
ok "r36 and submitted" repoctl submit "$P"
ok "r36 a key of mode session, too" away by "a c" --offline "$S" --propose "$W/key" instance add disk/one --generate
ok "r36 which is submitted" repoctl submit "$W/key"
says "r36 and there" '"name": "disk/one"' repoctl dataset show disk/one
fails_with "r36 but what is confidential is not in it" 6 \
	away by "a c" --offline "$S" --propose "$W/no" instance add disk/two --generate
had=$(signed)
ok "r36 another from the old snapshot" away by "a b" --offline "$S" --propose "$W/late" dataset create disk/four --lease 3h
does "r36 its serial was taken meanwhile" 5 'fetch it again and sign with serial 2' repoctl submit "$W/late"
is "r36 nothing is done" "$(signed)" "$had"
head -c 700 "$S" > "$W/cut"
fails_with "r36 a snapshot that is cut" 7 away repoctl --offline "$W/cut" dataset list
fails_with "r36 a proposal for one" 7 away repoctl --offline "$P" dataset list
stop repositoryd
