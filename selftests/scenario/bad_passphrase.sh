#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# R36: an officer's passphrase has at most 255 bytes and is never cut: what is longer makes no key
# and opens none, from a descriptor and at the terminal, and what was typed stays with repoctl.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

most=$(printf '%0255d' 7)
long=${most}x

create()
{
	repoctl officer key create "$1" --passphrase-fd 5 5< "$2"
}

# Opens its officers' keys, then looks for a server that is not there: exit status 6
opened()
{
	repoctl --socket "$PWD/none" --passphrase-fd 5 region create hq --insist --genesis genesis --key most.pem \
		"$@"
}

# asked CODE REGEX TYPIST...: the tool at a terminal ends so, having said so
asked()
{
	_code=$1 _re=$2
	shift 2
	timeout 20 typist "$@" > shown 2>&1
	_rc=$?
	cat shown
	[ $_rc = "$_code" ] && grep -Eq "$_re" shown
}

plan 18
printf '%s\n' "$most" > most
printf '%s' "$most" > most.bare
printf '%s\n' "$long" > long
printf '%s' "$long" > long.bare
ok "r36 255 bytes" create most.pem most
ok "r36 are the passphrase, all of them" openssl pkey -in most.pem -passin file:most -noout
ok "r36 without a newline too" create bare.pem most.bare
ok "r36 the same" openssl pkey -in bare.pem -passin file:most -noout
for f in long long.bare; do
	fails_with "r36 256 are none: $f" 2 create long.pem $f
	says "r36 and it says why" 'repoctl: long.pem: a passphrase has at most 255 bytes' create long.pem $f
done
not_ok "r36 no key was made" test -e long.pem

fails_with "r36 the key opens" 6 opened 5< most
fails_with "r36 not by 256 bytes that begin so" 2 opened 5< long
says "r36 which are not taken for a wrong passphrase" 'most.pem: a passphrase has at most 255 bytes' \
	opened 5< long
create second.pem most
cat most most > both
fails_with "r36 two, a line each" 6 opened --key second.pem 5< both

# ---- at the terminal ----
ok "r36 typed: 255" asked 0 "key typed.pem made" 'New passphrase: ' "$most" 'Again: ' "$most" \
	-- repoctl officer key create typed.pem
ok "r36 are the passphrase" openssl pkey -in typed.pem -passin file:most -noout
# shellcheck disable=SC2016 # the inner shell's
ok "r36 256 are none, and the rest is nobody's" asked 0 'at most 255 bytes' \
	'New passphrase: ' "$long and more" 'then? ' 'the end' \
	-- sh -c 'repoctl officer key create no.pem; [ $? = 2 ] || exit 1
		printf "then? "; read -r line; [ "$line" = "the end" ]'
ok "r36 nor the second time" asked 2 'at most 255 bytes' 'New passphrase: ' "$most" 'Again: ' "$long" \
	-- repoctl officer key create no.pem
ok "r36 nor to open one" asked 2 'most.pem: a passphrase has at most 255 bytes' \
	'Passphrase of most.pem: ' "$long" -- repoctl --socket "$PWD/none" region create hq \
	--genesis genesis --key most.pem
