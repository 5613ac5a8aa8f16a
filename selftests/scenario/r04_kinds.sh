#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 300
# R04 R05 R09: hosts whose Kei, Kec or both are secrets: enrolled by a one-time bundle, sealed to the
# host or to a code; they fetch in both modes, are sealed and opened again, and are revoked. What is
# lacking, or another's, opens nothing and changes nothing.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
S=$W/state
V=$W/vault
# What office.sh assigns
region=''

# made NAME KEI KEC: a pending identity, and its request
made()
{
	microhsm init "$1" --state "$S" --kei "$2" --kec "$3" &&
		microhsm request "$1" --output "$W/$1.request" 2> "$W/$1.fp"
}

# enrol NAME OPTION...
enrol()
{
	who=$1
	shift
	officer entity enrol "$W/$who.request" --fingerprint "$(fingerprint_of "$W/$who.fp")" \
		--output "$W/$who.bundle" --binary --address 127.0.0.1:7878 "$@"
}

join()
{
	who=$1
	shift
	microhsm join "$W/$who.bundle" --region "$region" --state "$S" --identity "$who" "$@"
}

gone()
{
	microhsm forget "$R/$1" && wait_for 5 sh -c "! grep -q 'entity:$R/$1' /proc/keys"
}

# may NAME: its DataSets, one of each mode; for it alone
may()
{
	for mode in group session; do
		officer dataset create "$1/$mode" --mode $mode --algorithm raw --export user &&
			officer grant "$1/$mode" "$1" || return 1
		echo "$1's $mode" > "$W/plain"
		officer instance add "$1/$mode" --file "$W/plain" --vault "$V" || return 1
	done
}

# has NAME: it fetches both, and they are what the office encrypted
has()
{
	for mode in group session; do
		key=$(microhsm fetch "$R/$1/$mode" --as user) || return 1
		keyctl pipe "$key" > "$W/got"
		echo "$1's $mode" | cmp - "$W/got" || return 1
	done
}

# What a failure may not change: Entities and their state, the host's identities and blobs
known()
{
	repoctl entity list
	microhsm status | grep '^identity'
	ls "$S"
	sha256sum "$S"/* "$V"
}

# joins NAME ATTRIBUTE...: JOIN as the kernel gets it
joins()
{
	who=$1
	shift
	nlc join "1=s$(key_serial "entity:$who")" "2=0x$id" "3==$W/$who.bundle" "$@"
}

# Each byte of the secrets, which are the bundle's last 115
altered()
{
	n=$(stat -c %s "$W/h3.bundle")
	cp "$W/h3.bundle" "$W/right"
	for at in $(seq $((n - 115)) 5 $((n - 1))); do
		enrol_probe flip "$W/right" "$at" > "$W/h3.bundle"
		said=$(joins h3)
		[ "$said" = EBADMSG ] || echo "byte $at: $said"
	done
	for cut in 1 48 80 114 115; do
		head -c $((n - cut)) "$W/right" > "$W/h3.bundle"
		said=$(joins h3)
		[ "$said" = EBADMSG ] || echo "cut by $cut: $said"
	done
	cp "$W/right" "$W/h3.bundle"
}

plan 88
ok "a Region" office_open
id=$(stmt region)
fails_with "a kind that is none" 2 made h0 pair both
ok "r04 Kei a secret" made h1 secret pair
ok "r05 Kec a secret" made h2 pair secret
ok "both" made h3 secret secret
ok "and both, by a code" made h4 secret secret
ok "a host of pairs" made h5 pair pair
made h6 pair secret > "$W/log"
made h7 pair secret > "$W/log"

# ---- the office ----
known > "$W/before" 2> /dev/null
fails_with "r09 a Kec-secret needs a vault" 2 enrol h2
VAULT_PASS=''
fails_with "a vault needs a passphrase" 2 enrol h2 --vault "$V"
unset VAULT_PASS
fails_with "a vault in no directory" 3 enrol h2 --vault "$W/none/vault"
fails_with "pairs need no code" 2 enrol h5 --code "$W/code"
fails_with "a code goes another way than the bundle" 2 enrol h4 --vault "$V" --code "$W/h4.bundle"
fails_with "nor with what machines read" 2 enrol h4 --vault "$V" --code - --json
fails_with "a code that cannot be written" 3 enrol h4 --vault "$V" --code "$W/none/code"
rm -f "$V" "$V.lock"
known > "$W/after" 2> /dev/null
ok "nothing came of it" cmp "$W/before" "$W/after"
ok "r04 a Kei-secret goes without a vault" enrol h1
ok "r05 a Kec-secret" enrol h2 --vault "$V"
ok "both, sealed to the host" enrol h3 --vault "$V"
ok "r09 both, sealed to a code" enrol h4 --vault "$V" --code "$W/code"
ok "pairs as ever" enrol h5
is "the code is the owner's to read" "$(stat -c %a "$W/code") $(grep -Ecx '[a-z2-7]{4}(-[a-z2-7]{4}){7}' "$W/code")" "600 1"
is "so is the vault" "$(stat -c %a "$V")" 600
known > "$W/before"
fails_with "r09 its secrets are made once" 5 enrol h3 --vault "$V"
VAULT_PASS=tea
fails_with "a wrong passphrase of the vault" 4 enrol h3 --vault "$V" --replace
unset VAULT_PASS
printf x > "$W/novault"
fails_with "no vault" 4 enrol h3 --vault "$W/novault" --replace
fails_with "a Kec-secret goes into one vault" 2 enrol h3 --vault "$V" --vault "$W/other" --replace
start holder sh -c "exec 9> $V.lock; flock -n 9 && echo held && exec sleep 60"
wait_for 5 grep -q held "$TMPDIR/holder.log"
fails_with "it is not to be had" 5 enrol h3 --vault "$V" --replace
stop holder
known > "$W/after"
ok "nothing came of it" cmp "$W/before" "$W/after"
cp "$W/h3.bundle" "$W/h3.lost"
ok "a lost bundle is replaced" enrol h3 --vault "$V" --replace
not_ok "by another" cmp "$W/h3.lost" "$W/h3.bundle"

# ---- joining ----
known > "$W/before"
is "another's bundle" "$(cp "$W/h1.bundle" "$W/h1.own"; cp "$W/h3.bundle" "$W/h1.bundle"; joins h1)" ENOKEY
cp "$W/h1.own" "$W/h1.bundle"
is "r09 its secrets altered, or cut" "$(altered)" ""
head -c 20 /dev/urandom > "$W/wrong"
is "a code where there is none" "$(joins h3 "15==$W/wrong")" EBADMSG
is "none where there is one" "$(joins h4)" EBADMSG
is "another code" "$(joins h4 "15==$W/wrong")" EBADMSG
is "a code of another length" "$(joins h4 15=0x00)" ERANGE
wrong_first "$(cat "$W/code")" > "$W/code.wrong"
fails_with "the tool says so of another code" 7 join h4 --code "$W/code.wrong"
echo abcd > "$W/code.short"
fails_with "of what is none" 7 join h4 --code "$W/code.short"
fails_with "of none, without a terminal" 2 join h4
fails_with "and of one too many" 2 join h3 --code "$W/code"
known > "$W/after"
ok "nothing came of it" cmp "$W/before" "$W/after"

# ---- each in its turn: a host is one identity of a Region ----
for h in h1 h2 h3 h4 h5; do
	case $h in h4) set -- --code "$W/code" ;; *) set -- ;; esac
	ok "$h joins" join $h "$@"
	ok "$h: its DataSets" may $h
	[ -n "${agent:-}" ] || office_agent
	ok "r04 r05 $h fetches in both modes" has $h
	ok "$h is forgotten" gone $h
	ok "r02 $h is opened from its blob" microhsm unlock "$S/$R+$h.blob" --state "$S"
	ok "and fetches" has $h
	[ $h = h3 ] || gone $h
	[ $h = h3 ] || continue
	# ---- what wraps for it ----
	officer dataset show h3/group > "$W/shown"
	ok "r09 who holds its Kec-secret is shown" grep -q '"kec-secret-held-by"' "$W/shown"
	fails_with "none wraps without the vault" 2 officer instance add h3/group --file "$W/plain"
	ok "another vault" enrol h7 --vault "$W/other"
	fails_with "which has not this host's" 3 officer instance add h3/group --file "$W/plain" \
		--vault "$W/other"
	printf 'tea\ncoffee\ncoffee\n' > "$W/pass3"
	ok "both together have" sh -c "repoctl --key $W/officer.pem --passphrase-fd 5 \
		instance add h3/group --file $W/plain --vault $W/other --vault $V 5< $W/pass3"
	ok "session's mode needs none" officer instance add h3/session --file "$W/plain"
	# ---- revoked ----
	officer entity revoke h3
	fails_with "r04 revoked" 8 sh -c "sleep 1; microhsm fetch $R/h3/group --as user"
	fails_with "not enrolled again by this request" 8 enrol h3 --vault "$V" --replace
	gone h3
done

# ---- an enrolment that ends ----
ok "r09 h6, for half an hour" enrol h6 --vault "$V" --life 30m
ok "h6 joins" join h6
ok "its DataSets" may h6
ok "fetches" has h6
date -s "@$(($(date +%s) + 3600))" > /dev/null
not_ok "not after that" has h6
rm "$W/h6.bundle"
ok "r09 the same request renews it" enrol h6
not_ok "there is no bundle" test -e "$W/h6.bundle"
ok "the secrets are as they were" has h6
gone h6
date -s "@$(($(date +%s) + 90000))" > /dev/null
fails_with "r09 a bundle of yesterday" 4 join h7
