#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# timeout: 120
# R14 R13 R03 R12 R09: nothing of the core branches or addresses memory by a secret: comparisons of kid,
# com, MAC and Seat, HMAC, HKDF, keys of a session, wraps, blobs, streams, a bundle's code, the
# handshake of both ends; by valgrind's memcheck, with secrets that are marked as undefined.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

plan 19
ok "memcheck runs" sh -c "valgrind -q --error-limit=no \
	--suppressions='$(dirname "$MH_LIB")/scenario/valgrind.supp' ct_probe > said 2> reports"
is "all of it" "$(wc -l < said)" 17

# clean ROW NAME: no report of that function, and it did what it should
clean()
{
	is "$1 $2" "$(sed -n "s/^$2 //p" said)" "0 0"
}

clean r14 equal
for name in kid hmac hkdf gcm x25519; do
	clean r13 $name
done
clean r14 keys_of_a_session
for name in wrap_of_a_secret wrap_of_a_pair wrap_of_another_key stream; do
	clean r13 $name
done
clean r03 blob_of_the_seat
clean r03 blob_of_another_seat
clean r09 code_of_a_bundle
clean r12 handshake
# what is not constant-time is seen
not_ok "r14 memcmp is reported" grep -q '^by_memcmp 0 ' said
not_ok "r14 and a length that is secret" grep -q '^by_length 0 ' said
