#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R21: keys are used in the kernel, and policy is asked at each use, by each door. One key in three
# DataSets whose policies differ: what encrypts does not decrypt, what verifies does not sign, and what
# one may do fits what another has done. A lease that ends in the middle of a file ends the file.
# shellcheck disable=SC2154 # what office.sh sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
PKEY="enc=x962 hash=sha256"

# dataset NAME KEYFILE OPTION...
dataset()
{
	_d=$1 _f=$2
	shift 2
	officer dataset create "$_d" "$@" > /dev/null && officer grant "$_d" alice > /dev/null &&
		officer instance add "$_d" --file "$_f" > /dev/null
}

# errno CALL...: how the last call ended
errno()
{
	ioc "$@" | tail -n 1 | cut -d' ' -f2
}

# aes SERIAL: by the ioctls, each use; EBADMSG is a use, of what does not open
aes()
{
	echo "$(errno AEAD serial="$1" op=1 in=@16 in_len=16 out=@32 out_len=32)" \
		"$(errno AEAD serial="$1" op=2 in=@40 in_len=40 out=@40 out_len=40)" \
		"$(errno STREAM_BEGIN serial="$1" op=1)" "$(errno STREAM_BEGIN serial="$1" op=2)"
}

pkey_sign()
{
	# shellcheck disable=SC2086 # words
	keyctl pkey_sign "$1" 0 digest $PKEY > "$2"
}

pkey_verify()
{
	# shellcheck disable=SC2086 # words
	keyctl pkey_verify "$1" 0 "${3:-digest}" "$2" $PKEY
}

plan 33
ok "a Region" office_open
ok "a host" office_enrol alice
ok "an agent" office_agent
head -c 32 /dev/urandom > aes.key
{ printf '\001'; head -c 31 /dev/urandom; } > ec.key
for o in encrypt decrypt; do
	ok "an AES key to $o" dataset aes/$o aes.key --operations $o
done
ok "the same for both" dataset aes/both aes.key
for o in sign verify; do
	ok "a P-256 key to $o" dataset ec/$o ec.key --algorithm p256 --operations $o
done
ok "the same for both" dataset ec/both ec.key --algorithm p256
enc=$(microhsm fetch "$R/aes/encrypt")
dec=$(microhsm fetch "$R/aes/decrypt")
both=$(microhsm fetch "$R/aes/both")
is "to encrypt" "$(aes "$enc")" "ok EACCES ok EACCES"
is "to decrypt" "$(aes "$dec")" "EACCES EBADMSG EACCES ok"
is "both" "$(aes "$both")" "ok EBADMSG ok ok"

head -c 50000 /dev/urandom > plain
ok "a file is sealed" microhsm seal "$enc" plain --output sealed
fails_with "not opened by that key" 4 microhsm open "$enc" sealed --output opened
fails_with "nor is one sealed by the other" 4 microhsm seal "$dec" plain --output other
ok "which opens it" microhsm open "$dec" sealed --output opened
ok "to the same" cmp plain opened
rm opened
ok "so does what may both" microhsm open "$both" sealed --output opened
ok "to the same" cmp plain opened

# ---- signatures ----
printf abc | openssl dgst -sha256 -binary > digest
printf abd | openssl dgst -sha256 -binary > digest2
sign=$(microhsm fetch "$R/ec/sign")
verify=$(microhsm fetch "$R/ec/verify")
ec=$(microhsm fetch "$R/ec/both")
ok "signed" pkey_sign "$sign" sig
ok "verified by the key that may" pkey_verify "$verify" sig
says "not by the one that signed" 'Permission denied' pkey_verify "$sign" sig
says "which does not sign in turn" 'Permission denied' pkey_sign "$verify" sig2
ok "both by what may both" pkey_verify "$ec" sig
says "another digest" 'rejected' pkey_verify "$verify" sig digest2
ok "the public half" sh -c "microhsm public --key $verify > pub.pem"
ok "verified by openssl" openssl pkeyutl -verify -pubin -inkey pub.pem -in digest -sigfile sig

# ---- what a key is not ----
is "a P-256 key does not encrypt" "$(errno AEAD serial="$ec" op=1 out=@16 out_len=16)" EKEYREJECTED
not_ok "an AES key does not sign" pkey_sign "$both" sig2

# ---- in the middle ----
ok "a key for six seconds" dataset aes/short aes.key --lease 6s
short=$(microhsm fetch "$R/aes/short")
is "a file is begun" "$(errno STREAM_BEGIN serial="$short" op=1 -- \
	STREAM in=@16384 in_len=16384 out=@16400 out_len=16400)" ok
is "past its lease's end the next chunk is refused" "$(errno STREAM_BEGIN serial="$short" op=1 -- \
	STREAM in=@16384 in_len=16384 out=@16400 out_len=16400 sleep=7500 -- \
	STREAM in=@16384 in_len=16384 out=@16400 out_len=16400 last=1 | sed 's/EKEY[A-Z]*\|ENOKEY/gone/')" gone
is "a key without a lease goes on" "$(errno STREAM_BEGIN serial="$both" op=1 -- \
	STREAM in=@16384 in_len=16384 out=@16400 out_len=16400 sleep=7500 -- \
	STREAM in=@16384 in_len=16384 out=@16400 out_len=16400 last=1)" ok
