#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 150
# R07 R08 R28: JOIN as the kernel gets it, past the tool that would have said no: a bundle for
# another request, of another Region, altered anywhere, cut, without its confirmed fingerprint,
# of a Region that is joined. The identity stays pending until the right one comes, and then only
# once.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
S=$W/state

enrol()
{
	microhsm init "$1" --state "$S" || return 1
	microhsm request "$1" --output "$W/$1.request" 2> "$W/$1.fp" || return 1
	officer entity enrol "$W/$1.request" --fingerprint "$(fingerprint_of "$W/$1.fp")" \
		--output "$W/$1.bundle" --binary
}

# join NAME FILE [REGION_ID]
join()
{
	nlc join "1=s$(key_serial "entity:$1")" "2=0x${3:-$id}" "3==$2"
}

# each byte in STEPs, and each length: what did not end in one of ERRNOS
altered()
{
	n=$(stat -c %s "$W/alice.bundle")
	at=0
	while [ $at -lt "$n" ]; do
		enrol_probe flip "$W/alice.bundle" $at > "$W/altered"
		said=$(join alice "$W/altered")
		echo "$said" | grep -Eqx "$1" || echo "byte $at: $said"
		at=$((at + 11))
	done
	for len in 0 1 2 40 $((n / 2)) $((n - 1)); do
		head -c $len "$W/alice.bundle" > "$W/altered"
		said=$(join alice "$W/altered")
		echo "$said" | grep -Eqx "$1" || echo "cut to $len: $said"
	done
}

state()
{
	microhsm status | grep '^identity'
	keys_probe status
	ls "$S"
}

plan 19
ok "a Region" office_open
ok "a host" enrol alice
ok "and another" enrol bob
id=$(stmt region)
officer region create other --card "$card" --genesis "$W/other" > "$W/other.out" 2>&1
state > "$W/before"
is "for another request" "$(join alice "$W/bob.bundle")" ENOKEY
is "and the other way" "$(join bob "$W/alice.bundle")" ENOKEY
is "another Region than was confirmed" \
	"$(join alice "$W/alice.bundle" "$(echo "$id" | sed 's/^../00/; s/..$/ff/')")" EKEYREJECTED
is "none that was confirmed" "$(join alice "$W/alice.bundle" "$(printf '%064d' 0)")" EKEYREJECTED
is "a request is no bundle" "$(join alice "$W/alice.request")" EBADMSG
is "altered in one byte, or cut" "$(altered 'EBADMSG|ENOKEY|EKEYREJECTED|EPROTONOSUPPORT')" ""
is "for an identity that is not there" \
	"$(nlc join 1=s2147483600 "2=0x$id" "3==$W/alice.bundle")" ENOKEY
state > "$W/after"
ok "none has changed anything" cmp "$W/before" "$W/after"
n=$(($(date +%s) + 800 * 86400))
date -s "@$n" > /dev/null
is "statements whose validity has ended" "$(join alice "$W/alice.bundle")" EBADMSG
date -s "@$((n - 800 * 86400))" > /dev/null
state > "$W/after"
ok "nor has that" cmp "$W/before" "$W/after"
is "the right one" "$(join alice "$W/alice.bundle")" ok
is "once only" "$(nlc join "1=s$(key_serial "entity:$R/alice")" "2=0x$id" "3==$W/alice.bundle")" EEXIST
is "one identity in a Region" "$(join bob "$W/bob.bundle")" EEXIST
says "the other waits as before" 'bob: pending' microhsm status
ok "drained" microhsm drain
is "after the drain" "$(nlc join "1=s1" "2=0x$id" "3==$W/bob.bundle")" ESHUTDOWN
