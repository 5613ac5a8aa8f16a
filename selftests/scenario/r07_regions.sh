#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 300
# R07. One host in two Regions of one repositoryd: a fetch from each; names, statements, bundles
# and officers of one are nothing in the other; forgotten, given away and revoked each alone.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# What office.sh assigns
region='' card=''

S=$W/state

# by LABEL NOUN...: that Region's officer, who is another's nobody
by()
{
	_label=$1
	shift
	repoctl --region "$_label" --key "$W/$_label.pem" --passphrase-fd 5 "$@" 5< "$W/pass"
}

# The host's identity of a Region, enrolled and joined: enrol LABEL NAME
enrol()
{
	microhsm init "$2" --state "$S" > /dev/null || return 1
	microhsm request "$2" --output "$W/$2.request" > "$W/fp" 2>&1 || return 1
	by "$1" entity enrol "$W/$2.request" --fingerprint "$(fingerprint_of "$W/fp")" \
		--output "$W/$1.$2.bundle" --address 127.0.0.1:7878 || return 1
	microhsm join "$W/$1.$2.bundle" --region "$(cat "$W/$1.fp")" --state "$S" --identity "$2"
}

# dataset LABEL NAME ENTITY: one that it may fetch
dataset()
{
	by "$1" dataset create "$2" --mode group > /dev/null &&
		by "$1" grant "$2" "$3" > /dev/null && by "$1" instance add "$2" --generate
}

held()
{
	keyctl search @s microhsm "$1" 2> /dev/null
}

# Serial and region_id (in hexadecimal) of a Region's identity
identity()
{
	microhsm keys --json | sed -n "s/.*\"key\":\([0-9]*\),\"kind\":\"identity\",\"region\":\"$1\".*/\1/p"
}

region_id()
{
	microhsm keys --json |
		sed -n "s/.*\"kind\":\"identity\",\"region\":\"$1\".*\"region-id\":\"\([0-9a-f]*\)\".*/\1/p"
}

# statements WHERE: the store's, each into its own file stmt.TYPE.ROW; the daemon holds the
# store for itself, so a copy is asked.
statements()
{
	rm -rf "$W/copy" "$W"/stmt.*
	mkdir "$W/copy"
	cp "$W"/store/db* "$W/copy/"
	sqlite3 "$W/copy/db" "SELECT writefile('$W/stmt.' || type || '.' || rowid, bytes)
		FROM statement WHERE $1" > /dev/null
}

# Every statement that the store has of one Region, handed to the kernel as another's.
# Prints those that were not refused; the number of kinds goes to a file.
hand_all()
{
	_from=$(region_id "$1")
	_to=$(region_id "$2")
	statements "region = x'$_from'"
	find "$W" -name 'stmt.*' | sed 's/.*stmt\.\([0-9]*\)\..*/\1/' | sort -nu | wc -l > "$W/kinds"
	for _s in "$W"/stmt.*; do
		case $(region_probe statement "$_to" "$_s") in
		ok) echo "taken: ${_s##*/}" ;;
		E*) ;;
		*) echo "not handed over: ${_s##*/}" ;;
		esac
	done
}

# What the kernel knows of a Region
state_of()
{
	microhsm status | grep "identity *$1/"
}

plan 71
ok "a daemon" office_open
mv "$W/officer.pem" "$W/hq.pem"
echo "$region" > "$W/hq.fp"
repoctl officer key create "$W/lab.pem" --passphrase-fd 5 5< "$W/pass" > /dev/null
repoctl --key "$W/lab.pem" --passphrase-fd 5 region create lab --card "$card" \
	--genesis "$W/lab.anchor" 5< "$W/pass" > "$W/create" 2>&1
sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create" > "$W/lab.fp"
office_ini "genesis = $region
genesis = $(cat "$W/lab.fp")"
kill -HUP "${repositoryd:?}"
ok "a second Region of other officers" wait_for 5 sh -c \
	"repoctl --key $W/lab.pem --passphrase-fd 5 region create lab --card $card \
		--genesis $W/lab.anchor 5< $W/pass"
is "one daemon serves both" "$(repoctl region list | awk '{ print $1 }' | sort | tr '\n' ' ')" \
	"hq lab "
fails_with "which is to be said" 2 repoctl entity list

# ---- in both, under one name ----
ok "the host in hq" enrol hq alice
ok "and in lab" enrol lab alice
wait_for 5 sh -c '! grep -q entity:alice /proc/keys'
is "two identities" "$(sed -n 's/.*entity:\([^:]*\).*/\1/p' /proc/keys | sort | tr '\n' ' ')" \
	"hq/alice lab/alice "
not_ok "of different keys" test "$(identity_probe kes "$(identity hq)")" = \
	"$(identity_probe kes "$(identity lab)")"
ok "the agent" office_agent
ok "a key in hq" dataset hq disk/data alice
ok "one of that name in lab" dataset lab disk/data alice
ok "fetched from hq" microhsm fetch hq/disk/data
ok "and from lab" microhsm fetch lab/disk/data
is "by a session each" "$(keys_probe status | grep -o sessions=2)" sessions=2
echo "the licence" > plain
microhsm seal "$(held hq/disk/data)" plain --output of.hq
microhsm seal "$(held lab/disk/data)" plain --output of.lab
ok "each opens its own" microhsm open "$(held hq/disk/data)" of.hq --output opened
fails_with "not the other's" 7 microhsm open "$(held lab/disk/data)" of.hq --output opened
fails_with "nor the other way" 7 microhsm open "$(held hq/disk/data)" of.lab --output opened

# ---- names ----
ok "a key that only lab has" dataset lab lab/only alice
fails_with "is not there in hq" 3 microhsm fetch hq/lab/only
ok "it is in lab" microhsm fetch lab/lab/only
fails_with "a Region that the host is not in" 3 microhsm fetch nowhere/disk/data
ok "a Region by its fingerprint" microhsm fetch "$(cat "$W/lab.fp")/lab/only"
ok "by its region_id" microhsm fetch "$(region_id lab)/lab/only"
fails_with "which is not the other's" 3 microhsm fetch "$(cat "$W/hq.fp")/lab/only"
fails_with "nor nobody's" 3 microhsm fetch aaaa-aaaa-aaaa-aaaa-aaaa/lab/only

# ---- officers ----
fails_with "hq's officer is nobody in lab" 4 repoctl --region lab --key "$W/hq.pem" \
	--passphrase-fd 5 dataset create mine 5< "$W/pass"
fails_with "and revokes nobody there" 4 repoctl --region lab --key "$W/hq.pem" \
	--passphrase-fd 5 entity revoke alice 5< "$W/pass"
microhsm init carol --state "$S" > /dev/null
microhsm request carol --output "$W/carol.request" > "$W/fp" 2>&1
fp=$(fingerprint_of "$W/fp")
ok "another host, enrolled in lab" by lab entity enrol "$W/carol.request" --fingerprint "$fp" \
	--output "$W/lab.carol.bundle"
is "is not in hq, where one is" "$(by hq entity list | grep -c '^alice') $(by hq entity list |
	grep -c carol)" "1 0"
fails_with "and has no right there" 3 by hq grant disk/data carol

# ---- bundles ----
ok "the same request, enrolled in hq too" by hq entity enrol "$W/carol.request" \
	--fingerprint "$fp" --output "$W/hq.carol.bundle"
pending=$(microhsm keys --json | sed -n 's/.*"key":\([0-9]*\),"kind":"pending".*/\1/p')
hq=$(region_id hq) lab=$(region_id lab)
microhsm status | grep ^identity > before
fails_with "lab's bundle under hq's fingerprint" 4 microhsm join "$W/lab.carol.bundle" \
	--region "$(cat "$W/hq.fp")" --state "$S" --identity carol
region_probe mix "$W/lab.carol.bundle" "$W/lab.carol.bundle" nothing whole
is "the kernel says so itself" "$(region_probe join "$pending" "$hq" whole)" EKEYREJECTED
region_probe mix "$W/hq.carol.bundle" "$W/hq.carol.bundle" nothing whole
is "of the other as well" "$(region_probe join "$pending" "$lab" whole)" EKEYREJECTED
for part in anchors entity delegations epoch; do
	region_probe mix "$W/hq.carol.bundle" "$W/lab.carol.bundle" $part mixed
	want=EBADMSG
	[ $part != anchors ] || want=EKEYREJECTED
	is "hq's bundle with lab's $part" "$(region_probe join "$pending" "$hq" mixed)" $want
done
fails_with "one identity a Region" 5 microhsm join "$W/hq.carol.bundle" --identity carol \
	--region "$(cat "$W/hq.fp")" --state "$S"
microhsm status | grep ^identity > after
ok "nothing came of it" cmp before after

# ---- one forgotten ----
key=$(held lab/disk/data)
ok "hq forgotten, by its fingerprint" microhsm forget "$(cat "$W/hq.fp")"
ok "its session ends" wait_for 5 sh -c 'keys_probe status | grep -q "sessions=1 identities=2"'
fails_with "nothing comes from it" 3 microhsm fetch hq/disk/data
is "lab's key is the same" "$(held lab/disk/data)" "$key"
ok "and opens" microhsm open "$key" of.lab --output opened
ok "lab is fetched from" microhsm fetch lab/lab/only
fails_with "lab's blob is open, and opens once" 5 microhsm unlock "$S/lab+alice.blob" --state "$S"
ok "hq unlocked" microhsm unlock "$S/hq+alice.blob" --state "$S"
ok "and fetched from" microhsm fetch hq/disk/data

# ---- one given to a user ----
ok "lab forgotten" microhsm forget "$(cat "$W/lab.fp")/alice"
wait_for 5 sh -c '! grep -q entity:lab /proc/keys'
ok "unlocked for a user" microhsm unlock "$S/lab+alice.blob" --state "$S" --uid 1000 --gid 1000
says "who fetches from it" '^[0-9]+$' keys_probe uid 1000 keyctl session - \
	microhsm fetch lab/lab/only
fails_with "and not from hq" 4 keys_probe uid 1000 keyctl session - microhsm fetch hq/disk/data
fails_with "root does not from lab" 4 microhsm fetch lab/disk/data
ok "but from hq" microhsm fetch hq/disk/data
keys_probe uid 1000 microhsm forget lab/alice > /dev/null
wait_for 5 sh -c '! grep -q entity:lab /proc/keys'
microhsm unlock "$S/lab+alice.blob" --state "$S" > /dev/null

# ---- one revoked; its statements, handed to the other ----
microhsm fetch hq/disk/data > /dev/null
ok "fetched from lab" microhsm fetch lab/disk/data
key=$(held hq/disk/data)
ok "lab revokes the host" by lab entity revoke alice
ok "lab's keys are withdrawn" wait_for 5 sh -c '! keyctl search @s microhsm lab/disk/data'
fails_with "and it gives nothing more" 8 microhsm fetch lab/disk/data
says "the host knows" 'lab/alice: revoked' microhsm status
is "hq's key stays" "$(held hq/disk/data)" "$key"
ok "and opens" microhsm open "$key" of.hq --output opened
ok "hq is fetched from" microhsm fetch hq/disk/data
state_of hq > before
is "no statement of lab's is taken for hq's" "$(hand_all lab hq)" ""
ok "of every kind that a fetch, a revocation and an enrolment need" test "$(cat "$W/kinds")" -ge 9
state_of hq > after
ok "hq's standing is what it was" cmp before after
ok "and it is fetched from still" microhsm fetch hq/disk/data

# ---- what the same door takes when it is the Region's own ----
stop agent
wait_for 5 sh -c 'keys_probe status | grep -q sessions=0'
ok "hq revokes the host, which does not hear of it" by hq entity revoke alice
ok "and keeps its key" keyctl search @s microhsm hq/disk/data
statements "region = x'$hq' AND type = 9"
is "handed over, hq's REVOKE is taken" "$(region_probe statement "$hq" "$W"/stmt.9.*)" ok
ok "and the key withdrawn" wait_for 5 sh -c '! keyctl search @s microhsm hq/disk/data'
