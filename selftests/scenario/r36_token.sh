#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# timeout: 120
# R36: an officer whose key is on a token (PKCS#11, here SoftHSM2): made there, and never out of it;
# a Region of two officers, one of them on a token, enrols a host.  A wrong or a locked PIN, no
# token, two of them, a key that is no officer's: each is told for what it is, and signs nothing.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
LISTEN=''
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# What office.sh assigns
repositoryd=''
# A join request, behind the byte that tells the fuzzer so
REQUEST=$(dirname "${MH_LIB:-selftests/lib.sh}")/fuzz/seeds/enrol/pair

export SOFTHSM2_MODULE=/usr/lib/softhsm/libsofthsm2.so
export SOFTHSM2_CONF="$TMPDIR/softhsm.conf"
unset MICROHSM_PKCS11_MODULE
mkdir -p "$TMPDIR/tokens"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$TMPDIR/tokens" \
	> "$SOFTHSM2_CONF"

# token LABEL: with the PIN 2580
token()
{
	softhsm2-util --init-token --free --label "$1" --pin 2580 --so-pin 13579
}

# on_token LABEL OPTION...: pkcs11-tool, logged in
on_token()
{
	_token=$1
	shift
	pkcs11-tool --module "$SOFTHSM2_MODULE" --token "$_token" --login --pin 2580 "$@"
}

# create URI [PIN]
create()
{
	echo "${2-2580}" > pin
	MICROHSM_PKCS11_MODULE=${MODULE-$SOFTHSM2_MODULE} \
		repoctl officer key create "$1" --passphrase-fd 5 5< pin
}

# sign URI [PIN]: opens the key, then looks for a server that is not there: exit status 6
sign()
{
	echo "${2-2580}" > pin
	MICROHSM_PKCS11_MODULE=${MODULE-$SOFTHSM2_MODULE} repoctl --socket "$PWD/none" \
		--passphrase-fd 5 region create hq --genesis genesis --key "$1" 5< pin
}

# The Region's two officers, PINs and passphrases in order
both()
{
	printf 'tea\n%s\n' "${PIN-2580}" > "$W/passes"
	MICROHSM_PKCS11_MODULE=$SOFTHSM2_MODULE repoctl --key "$W/officer.pem" \
		--key 'pkcs11:token=alice;object=me' --passphrase-fd 5 "$@" 5< "$W/passes"
}

region_of_two()
{
	rm -rf "$W"
	mkdir -p "$W/store" "$W/keeper"
	office_ini ""
	office_daemon || return 1
	echo tea > "$W/pass"
	repoctl officer key create "$W/officer.pem" --passphrase-fd 5 5< "$W/pass" || return 1
	card=$(repoctl card | sed 's/.* //')
	both region create "$R" --insist --card "$card" --genesis "$W/genesis" > "$W/create1" 2>&1
	office_ini "genesis = $(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create1")"
	kill -HUP "${repositoryd:?}"
	wait_for 10 grep -q "configuration read again" "$TMPDIR/repositoryd.log"
	both region create "$R" --insist --card "$card" --genesis "$W/genesis"
}

signed()
{
	repoctl audit show | grep -c ' statement '
}

# says_not REGEX CMD...: what it prints does not hold that
says_not()
{
	_re=$1
	shift
	! "$@" 2>&1 | grep -Eq -- "$_re"
}

plan 49
for t in alice bob twin; do
	ok "r36 token $t" token $t
done

# ---- a key is made there ----
does "r36 a key on it" 0 'pkcs11:token=alice;object=me made, fingerprint [a-z2-7-]{24}' \
	create 'pkcs11:token=alice;object=me'
does "r36 once" 5 'token alice has a key of that object or id; a key is never overwritten' \
	create 'pkcs11:token=alice;object=me'
on_token alice -O --type privkey > objects 2>&1
is "r36 that is all there is" "$(grep -c 'Private Key Object; EC' objects)" 1
ok "r36 and stays there" grep -q 'Access: *sensitive, always sensitive, never extractable, local' objects
does "r36 it needs a name" 2 'a key that is made needs a name: object=' create 'pkcs11:token=alice;id=%01'
does "r36 of an id that is given" 0 '' create 'pkcs11:token=alice;object=other;id=%01%fe'
does "r36 by which it opens" 6 '' sign 'pkcs11:id=%01%FE;token=alice'
does "r36 that is taken, too" 5 'never overwritten' create 'pkcs11:token=alice;object=third;id=%01%fe'

# ---- no PIN where everybody reads it ----
for a in '?pin-value=2580' '?pin-source=file:/etc/pin' ';pin-value=2580'; do
	does "r36 not $a" 2 'a PIN does not belong in a URI' sign "pkcs11:token=alice;object=me$a"
	ok "r36 nor is it said again" says_not 2580 sign "pkcs11:token=alice;object=me$a"
	does "r36 nor made by it" 2 'a PIN does not belong in a URI' create "pkcs11:token=alice;object=x$a"
done

# ---- another than the one that is meant ----
does "r36 no such token" 3 'no such token is there' sign 'pkcs11:token=carol;object=me'
does "r36 nor of another serial number" 3 'no such token' sign 'pkcs11:token=alice;serial=0;object=me'
does "r36 no such key" 3 'token alice has no such private key' sign 'pkcs11:token=alice;object=you'
does "r36 a token that is not said" 2 '3 tokens are meant' sign 'pkcs11:object=me'
token twin > /dev/null
does "r36 two of one name" 2 '2 tokens are meant' sign 'pkcs11:token=twin;object=me'
on_token bob --keypairgen --key-type EC:prime256v1 --label me --id 01 > /dev/null 2>&1
on_token bob --keypairgen --key-type EC:prime256v1 --label me --id 02 > /dev/null 2>&1
does "r36 two keys of one name" 2 '2 keys of token bob are meant' sign 'pkcs11:token=bob;object=me'
does "r36 of which the id says one" 6 '' sign 'pkcs11:token=bob;object=me;id=%02'
on_token bob --keypairgen --key-type EC:secp384r1 --label p384 --id 03 > /dev/null 2>&1
on_token bob --keypairgen --key-type rsa:2048 --label rsa --id 04 > /dev/null 2>&1
does "r36 not P-256" 7 "not an officer's" sign 'pkcs11:token=bob;object=p384'
does "r36 nor a curve's" 7 "not an officer's" sign 'pkcs11:token=bob;object=rsa'
on_token bob --keypairgen --key-type EC:prime256v1 --label alone --id 05 > /dev/null 2>&1
on_token bob --delete-object --type pubkey --id 05 > /dev/null 2>&1
does "r36 without its public key" 7 'its public key is not there beside it' sign 'pkcs11:token=bob;object=alone'
on_token bob --keypairgen --key-type EC:prime256v1 --label careful --id 06 --always-auth > /dev/null 2>&1
does "r36 one that wants the PIN each time" 6 '' sign 'pkcs11:token=bob;object=careful'

# ---- the PIN ----
does "r36 a wrong PIN" 4 'wrong PIN of token alice' sign 'pkcs11:token=alice;object=me' 1111
does "r36 makes no key" 4 'wrong PIN' create 'pkcs11:token=alice;object=x' 1111
does "r36 an empty one is not tried" 2 'an empty PIN opens no token' sign 'pkcs11:token=alice;object=me' ''
MODULE=$(command -v pin_locked.so || echo "${MH_TOP:-.}/build/ktest/pin_locked.so")
does "r36 a locked one" 4 'the PIN of token alice is locked: its security officer unlocks it' \
	sign 'pkcs11:token=alice;object=me'
ok "r36 typed" env "MICROHSM_PKCS11_MODULE=$SOFTHSM2_MODULE" timeout 20 typist \
	'PIN of pkcs11:token=alice;object=typed: ' 2580 -- \
	repoctl officer key create 'pkcs11:token=alice;object=typed'

# ---- the module ----
MODULE=/nowhere.so
does "r36 no module" 6 'the PKCS#11 module /nowhere.so cannot be loaded' sign 'pkcs11:token=alice;object=me'
does "r36 the URI's goes first" 6 'No such file|repositoryd|no daemon|none' \
	sign "pkcs11:token=alice;object=me?module-path=$SOFTHSM2_MODULE"
MODULE=''
does "r36 without any: all that p11-kit knows" 6 '' sign 'pkcs11:token=alice;object=me'
does "r36 that makes one, too" 0 'made, fingerprint' create 'pkcs11:token=alice;object=proxied'
unset MODULE

# ---- a Region of two officers, one on a token ----
ok "r36 a Region" region_of_two
tail -c +2 "$REQUEST" > "$W/request"
does "r36 a host's request" 2 'fingerprint' both entity enrol "$W/request" --address 127.0.0.1:7878 \
	--output "$W/bundle"
fp=$(grep -Eo '[a-z2-7]{4}(-[a-z2-7]{4}){4}' "$_out" | head -n 1)
before=$(signed)
PIN=1111
does "r36 not with a wrong PIN" 4 'wrong PIN' both entity enrol "$W/request" --fingerprint "$fp" \
	--address 127.0.0.1:7878 --output "$W/bundle"
is "r36 nothing was signed" "$(signed)" "$before"
unset PIN
ok "r36 is enrolled by both" both entity enrol "$W/request" --fingerprint "$fp" \
	--address 127.0.0.1:7878 --output "$W/bundle"
ok "r36 a DataSet" both dataset create disk/a --mode group
ok "r36 a right" both grant disk/a host-1
ok "r36 a key" both instance add disk/a --generate
ok "r36 its end" both entity revoke host-1
stop repositoryd
