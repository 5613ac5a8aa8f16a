#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 120
# Identities without a repository: made, sealed, forgotten, opened again; altered
# blobs, wrong seats and their throttle; the join request; bundles that are none.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

ip=identity_probe

plan 23
is "seats that are wrong" "$($ip badseats)" "0 wrong"
is "a name that is none" "$($ip init Alice s)" EINVAL
id=$($ip init alice s)
ok "an identity" test "$id" -gt 0
is "its name is taken" "$($ip init alice s)" EEXIST
is "another beside it" "$([ "$($ip init bob s)" -gt 0 ] && echo yes)" yes
is "the join request is the same each time" "$($ip request "$id")" "same ENOSPC"
is "sealed and acknowledged" "$($ip seal "$id" a.blob)" ok
$ip seal "$id" b.blob > /dev/null
not_ok "sealed afresh each time" cmp -s a.blob b.blob
is "it is open" "$($ip unlock a.blob s)" EEXIST
is "each byte altered" "$($ip alter a.blob s)" "0 wrong"
is "cut or lengthened" "$($ip cut a.blob s)" "0 wrong"

before=$($ip kes "$id")
ok "forgotten" keyctl revoke "$id"
ok "and gone" wait_for 5 sh -c "! keyctl rdescribe $id"
is "the wrong seat" "$($ip unlock a.blob t)" EKEYREJECTED
id=$($ip unlock a.blob s)
ok "the right one" test "$id" -gt 0
is "the same keys" "$($ip kes "$id")" "$before"
is "the same request" "$($ip request "$id")" "same ENOSPC"
keyctl revoke "$id"
wait_for 5 sh -c "! keyctl rdescribe $id"
id=$($ip throttle a.blob s)
ok "wrong seats make everybody wait" test "$id" -gt 0

head -c 200 /dev/urandom > junk
ok "a request for the tool" microhsm request alice --output request
not_ok "a bundle that is none" microhsm join junk --region aaaa-aaaa-aaaa-aaaa-aaaa --identity alice
says "it is as it was" 'microhsm;0;0;090d0000;entity:alice' keyctl rdescribe "$id"
ok "drain" microhsm drain
says "nothing is left" 'payloads=0 requests=0 sessions=0 identities=0' keys_probe status
