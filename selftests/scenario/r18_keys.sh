#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R18: Key Data becomes a microhsm key that nobody reads, or where policy exports it a
# logon or user key that is new and ours; dm-crypt takes it from the keyring; a lease ends it.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

# dataset NAME OPTION...: with a right and a key, that of $W/NAME.key
dataset()
{
	_d=disk/$1
	head -c 32 /dev/urandom > "$W/$1.key"
	shift
	officer dataset create "$_d" --mode group "$@" && officer grant "$_d" alice &&
		officer instance add "$_d" --file "$W/${_d#disk/}.key"
}

permissions()
{
	keyctl rdescribe "$1" | cut -d';' -f4
}

logon()
{
	keyctl search @s logon microhsm:luks
}

crypt="0 8192 crypt aes-cbc-essiv:sha256 :32:logon:microhsm:luks 0 /dev/ram0 0"
mapping()
{
	dmsetup create disk --noudevsync --noudevrules --table "$crypt" &&
		dmsetup mknodes disk && test -b /dev/mapper/disk
}

plan 45
ok "r18 an office" office_open
ok "r18 a host" office_enrol alice
ok "r18 an agent" office_agent
ok "r18 one that stays in the module" dataset own
ok "r18 one for logon" dataset luks --export logon
ok "r18 one for user" dataset user --export user
ok "r18 one with a lease" dataset short --lease 8s --export logon

ok "r18 fetched" microhsm fetch "$R/disk/own"
own=$(keyctl search @s microhsm "$R/disk/own")
not_ok "r18 not to be read" keyctl read "$own"
not_ok "r18 nor piped" keyctl pipe "$own"
is "r18 its permissions" "$(permissions "$own")" 1f010000
not_ok "r18 no other permissions" keyctl setperm "$own" 0x3f3f3f3f
not_ok "r18 no other timeout" keyctl timeout "$own" 0
does "r18 not replaced by one that is added" 1 'not permitted' \
	keyctl add microhsm "$R/disk/own" x @s
does "r18 nor changed" 1 'not supported|not permitted|[Dd]enied' keyctl update "$own" x
is "r18 it is the same key" "$(keyctl search @s microhsm "$R/disk/own")" "$own"
ok "r18 and seals" microhsm seal "$own" "$W/pass" --output "$W/of.own"
fails_with "r18 no export without policy" 4 microhsm fetch "$R/disk/own" --as logon
fails_with "r18 logon is not user" 4 microhsm fetch "$R/disk/luks" --as user

keyctl padd logon microhsm:luks @s < "$W/own.key" > /dev/null
planted=$(logon)
keyctl setperm "$planted" 0x3f3f3f3f
ok "r18 a logon key, though one was planted" microhsm fetch "$R/disk/luks" --as logon \
	--description microhsm:luks
not_ok "r18 it is another" test "$(logon)" = "$planted"
not_ok "r18 not to be read" keyctl read "$(logon)"
not_ok "r18 not to be changed" keyctl update "$(logon)" x
ok "r18 dm-crypt takes it" mapping
echo "on the disk" > "$W/content"
dd if="$W/content" of=/dev/mapper/disk conv=fsync 2> /dev/null
ok "r18 closed" dmsetup remove disk
not_ok "r18 nothing of it in the clear" grep -aq "on the disk" /dev/ram0
keyctl clear @s
says "r18 no key, no disk" "[Rr]equired key not available" mapping
keyctl padd logon microhsm:luks @s < "$W/own.key" > /dev/null
ok "r18 another's key opens" mapping
not_ok "r18 but shows nothing" sh -c "head -c 12 /dev/mapper/disk | cmp -s - $W/content"
dmsetup remove disk
keyctl clear @s
microhsm fetch "$R/disk/luks" --as logon --description microhsm:luks > /dev/null
mapping
ok "r18 the right one shows it all" sh -c "head -c 12 /dev/mapper/disk | cmp - $W/content"
dmsetup remove disk

# Another user's, in a keyring that both can write
chmod 644 "$W/own.key"
ring=$(keyctl newring shared @s)
keyctl setperm "$ring" 0x3f3f3f3f
ok "r18 one planted by another user" su user -c \
	"keyctl padd logon microhsm:shared $ring < $W/own.key"
planted=$(keyctl search "$ring" logon microhsm:shared)
is "r18 is another user's" "$(keyctl rdescribe "$planted" | cut -d';' -f2)" 1000
ok "r18 ours takes its place" microhsm fetch "$R/disk/luks" --as logon \
	--description microhsm:shared --keyring "$ring"
is "r18 as root's own" "$(keyctl rdescribe "$(keyctl search "$ring" logon microhsm:shared)" |
	cut -d';' -f2)" 0
shared=$(echo "$crypt" | sed s/:luks/:shared/)
dmsetup create disk --noudevsync --noudevrules --table "$shared" && dmsetup mknodes disk
ok "r18 and dm-crypt opens with it" sh -c "head -c 12 /dev/mapper/disk | cmp - $W/content"
dmsetup remove disk

ok "r18 a user key" microhsm fetch "$R/disk/user" --as user --description given
ok "r18 is the key that the officer gave" sh -c \
	"keyctl pipe \$(keyctl search @s user given) | cmp - $W/user.key"
microhsm fetch "$R/disk/short" > /dev/null
ok "r18 a leased key" microhsm fetch "$R/disk/short" --as logon --description microhsm:short
ok "r18 both end with the lease" wait_for 12 sh -c \
	"! keyctl search @s logon microhsm:short && ! keyctl search @s microhsm $R/disk/short"
is "r18 and those without one stay" "$(keyctl pipe "$(keyctl search @s user given)" | cmp - \
	"$W/user.key" && echo same)" same

officer dataset create tls/www --algorithm p256 > /dev/null
officer grant tls/www alice > /dev/null
officer instance add tls/www --generate > /dev/null
ok "r18 a P-256 key" microhsm fetch "$R/tls/www"
www=$(keyctl search @s microhsm "$R/tls/www")
microhsm public --key "$www" > "$W/www.pem"
ok "r18 r21 it signs" microhsm sign "$W/content" --key "$www" --output "$W/sig"
ok "r18 r21 as openssl verifies" openssl dgst -sha256 -verify "$W/www.pem" \
	-signature "$W/sig" "$W/content"
own=$(microhsm fetch "$R/disk/own")
fails_with "r18 r21 an AES key does not" 7 microhsm sign "$W/content" --key "$own"
fails_with "r18 r21 nor one that is not there" 3 microhsm sign "$W/content" --key 2147480000
