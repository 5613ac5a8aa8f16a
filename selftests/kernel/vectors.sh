#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 60
# own-vm: yes
# R03 R08 R09: the vectors' identity is opened by the module, joins by the vectors' bundle and by
# no other, and as it was sealed after joining, floors and all, it is opened too; so does one whose
# keys are secrets, which come in its bundle.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

ip=identity_probe

# flip FILE OFFSET: as FILE, with one byte otherwise, in altered
flip()
{
	cp "$1" altered
	printf '\377' | dd of=altered bs=1 seek="$2" conv=notrunc 2> /dev/null
}

join()
{
	microhsm --state state join --identity host-1 "$@"
}

forget()
{
	keyctl revoke "$1"
	wait_for 5 sh -c "! keyctl rdescribe $1"
}

plan 27
mkdir state
ok "the vectors" vector_files .
# Their statements are issued then, and EPOCH lives for a day.
date -s @1800000100
is "many seats and only one given" "$($ip unlock seats.blob s)" EKEYREJECTED
is "the wrong seat" "$($ip unlock identity.blob t)" EKEYREJECTED
id=$($ip unlock identity.blob s)
ok "the right one" test "$id" -gt 0
ok "it makes its join request" microhsm request host-1 --binary --output request
ok "as the vectors have it" cmp request pair.request

fails_with "r08 a bundle for another request" 3 \
	join request.bundle --region "$(cat request.region)"
fails_with "r08 a bundle of an attacker's Region" 4 \
	join region.bundle --region "$(cat right.region)"
wrong=0
size=$(stat -c %s right.bundle)
for at in $(seq 60 97 $((size - 40))); do	# but the addresses, which are hints
	flip right.bundle "$at"
	cmp -s altered right.bundle && continue
	join altered --region "$(cat right.region)" 2> /dev/null && wrong=$((wrong + 1))
done
is "r08 bundles that are altered" "$wrong" 0
says "it is as it was" "host-1: pending" microhsm status
ok "r08 the right bundle" join right.bundle --region "$(cat right.region)"
says "it is joined" "eu/host-1: joined, Region fingerprint $(cat right.region), EPOCH 12" \
	microhsm status

is "r03 open already" "$($ip unlock joined.blob s)" EEXIST
ok "forgotten" microhsm forget eu/host-1
wait_for 5 sh -c "! microhsm status | grep -q host-1"
id=$($ip unlock joined.blob s)
ok "r03 as the vectors have it after joining" test "$id" -gt 0
says "the same Region" "eu/host-1: joined, Region fingerprint $(cat right.region), EPOCH 12" \
	microhsm status
is "sealed again" "$($ip seal "$id" again.blob)" ok
is "with all that it held" "$(stat -c %s again.blob)" "$(stat -c %s joined.blob)"
forget "$id"
for route in secret code; do
	id=$($ip unlock secret.blob s)
	ok "r09 $route: its keys are to come" test "$id" -gt 0
	fails_with "r09 $route: not by a bundle without them" 3 \
		join right.bundle --region "$(cat right.region)"
	case $route in code) set -- --code code.text ;; *) set -- ;; esac
	ok "r09 $route: they came" join $route.bundle --region "$(cat $route.region)" "$@"
	ok "and it is forgotten" microhsm forget eu/host-1
	wait_for 5 sh -c "! microhsm status | grep -q host-1"
done
says "nothing is left" 'payloads=0 requests=0 sessions=0 identities=0' keys_probe status
