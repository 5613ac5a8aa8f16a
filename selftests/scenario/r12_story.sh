#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# module: no
# timeout: 180
# R01 R02 R08 R11 R12 R13 R18 R21 R23 R37 R40: one way through the whole system; what
# make demo shows.
# shellcheck disable=SC2154 # what office.sh and start set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/story.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/story.sh"

officer_key()
{
	printf 'tea\n' > "$W/pass"
	repoctl officer key create "$W/officer.pem" --passphrase-fd 5 5< "$W/pass"
}

pin_region()
{
	office_ini "genesis = $region"
	kill -HUP "$repositoryd"
	wait_for 10 grep -q "configuration read again" "$TMPDIR/repositoryd.log"
}

# Without udev, that would make the node: a mapping that is none would be a plain file
crypt_open()
{
	dmsetup create disk --noudevsync --noudevrules --table "$crypt" && dmsetup mknodes disk &&
		test -b /dev/mapper/disk
}
crypt='0 8192 crypt aes-cbc-essiv:sha256 :32:logon:microhsm:luks 0 /dev/ram0 0'
crypt_typed="dmsetup create disk --table '$crypt'"

# What the repository has on its disk, and all its processes
store()
{
	find "$W/store" "$W/keeper" -type f -size +0
}

memory()
{
	for _p in $(pidof repositoryd); do echo "pid:$_p"; done
}

# search NAME FILE: its bytes, in each of the three; found is "yes" or "no", three times
search()
{
	_wire=$(find_bytes "$2" "$W/wire") || return 1
	# shellcheck disable=SC2046 # lists
	_store=$(find_bytes "$2" $(store)) && _memory=$(find_bytes "$2" $(memory)) || return 1
	found=
	for _times in "${_wire%% *}" "${_store%% *}" "${_memory%% *}"; do
		[ "$_times" -gt 0 ] && found="$found yes" || found="$found no"
	done
	printf '      %-24s %8s %8s %8s\n' "$1" "${_wire%% *}" "${_store%% *}" "${_memory%% *}"
}

bytes_of()
{
	_n=${1#* times in }
	echo "${_n% bytes}"
}

plan 71
tell "One machine plays three parts here: an officer, a repository, and a host called alice." \
	"Lines with a \$ are what one types; below each is what came of it." "" \
	"First the kernel module, the host's small HSM. It tests its own cryptography, or does" \
	"not load."
try "r01 the module loads" insmod "${MH_MODULE:-/mod/microhsm.ko}"
try "r01 and has tested itself" sh -c "dmesg | grep 'known answers are right'"
try "r01 there is its device" ls -l /dev/microhsm

tell "THE OFFICE. An officer has a key, in a file under a passphrase. (Here it comes from" \
	"descriptor 5; else repoctl asks for it.)"
rm -rf "$W"
mkdir -p "$W/store" "$W/keeper"
chmod 755 "$W"
typed "repoctl officer key create officer.pem --passphrase-fd 5"
try "r12 an officer's key" officer_key
tell "The repository stores and distributes. It obeys no password, only statements that" \
	"officers signed. Its server card has its public keys."
office_ini ""
typed "repositoryd --config ini &"
try "r12 the repository" office_daemon
try "r12 its card" repoctl card
card=$(sed 's/.* //' "$_out")
tell "The officer makes a Region, and looks at the card's fingerprint while doing so. The" \
	"repository serves only Regions that its own configuration names by their fingerprint."
refused "r12 not one that it does not know" 4 officer region create "$R" --card "$card" \
	--genesis "$W/genesis"
region=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$_out")
typed "echo 'genesis = $region' >> ini; kill -HUP \$(pidof repositoryd)"
try "r12 so it is told" pin_region
try "r12 a Region is made" officer region create "$R" --card "$card" --genesis "$W/genesis"

tell "THE HOST. Its identity is made inside the kernel. The private keys never leave it; the" \
	"file that outlives a reboot is sealed to this host's seat of trust."
try "r02 an identity" microhsm init alice --state "$W/state"
tell "It asks to be enrolled. Host and officer read each other this fingerprint, say by telephone:"
try "r08 a request" microhsm request alice --output "$W/alice.request"
cp "$_out" "$W/alice.fp"
tell "Somebody else's request would have another fingerprint, and is not enrolled. alice's is."
refused "r08 another fingerprint is not enrolled" 4 officer entity enrol "$W/alice.request" \
	--fingerprint aaaa-aaaa-aaaa-aaaa-aaaa --output "$W/alice.bundle" --address 127.0.0.1:7879
try "r08 the right one is" officer entity enrol "$W/alice.request" \
	--fingerprint "$(fingerprint_of "$W/alice.fp")" --output "$W/alice.bundle" \
	--address 127.0.0.1:7879
tell "The host's person compares the Region's fingerprint the same way, and the kernel pins it:" \
	"from now on it believes this Region's officers and nobody else."
try "r08 joined" microhsm join "$W/alice.bundle" --region "$region" --state "$W/state" \
	--identity alice
tell "The agent moves the kernel's bytes to the repository and back; it cannot read them." \
	"(On their way, at 127.0.0.1:7879, somebody listens and writes all of them down.)"
start tap wire_tap 7879 7878 "$W/segments" "$W/wire"
typed "microhsm agent --state state &"
try "r23 the agent attaches" office_agent

tell "A KEY THAT NO SERVER CAN READ. Mode group: the officer's host encrypts the key under a" \
	"fresh key Ke, and Ke for alice's kernel; the repository keeps both as they are. (We look" \
	"over the officer's shoulder here, and so know the key and Ke, to search for them later.)"
try "r12 a DataSet" officer dataset create disk/data --mode group --lease 1h
try "r12 a right" officer grant disk/data alice
head -c 32 /dev/urandom > "$W/plain.key"
export LOG_RANDOM="$W/drawn" LD_PRELOAD=/mh/bin/log_random.so
try "r13 the key, encrypted and wrapped here" officer instance add disk/data --file "$W/plain.key"
unset LD_PRELOAD LOG_RANDOM
# its kid is the one that the officer signed: these 32 bytes are Ke and no others
ok "r13 Ke is known" sh -c "instance_probe ke $R disk/data@1 $W/drawn > $W/ke"
is "r13 all of it" "$(wc -c < "$W/ke")" 32
ok "r13 and its kid, which is public" sh -c "instance_probe kid $R disk/data@1 > $W/kid"
tell "alice's kernel fetches it. It comes onto a keyring, to be used and not to be read."
try "r12 fetched" microhsm fetch "$R/disk/data"
try "r18 it is on the keyring" keyctl show @s
key=$(keyctl search @s microhsm "$R/disk/data")
refused "r18 and nobody reads it" 1 keyctl print "$key"
echo "a licence" > "$W/plain"
try "r21 it encrypts a file" microhsm seal "$key" "$W/plain" --output "$W/sealed"
try "r21 and decrypts it" microhsm open "$key" "$W/sealed" --output "$W/opened"
try "r21 to the same" cmp "$W/plain" "$W/opened"

tell "A SIGNATURE by a key that stays in the kernel, verified by plain openssl. Mode session:" \
	"the repository may read this one, the wire may not."
try "r18 a P-256 DataSet" officer dataset create tls/www --mode session --algorithm p256
try "r18 granted" officer grant tls/www alice
try "r18 a key that nobody has seen" officer instance add tls/www --generate
try "r18 fetched" microhsm fetch "$R/tls/www"
p256=$(keyctl search @s microhsm "$R/tls/www")
try "r21 the public half" sh -c "microhsm public --key $p256 --output $W/www.pem"
try "r21 the digest of a file" sh -c "openssl dgst -sha256 -binary $W/plain > $W/digest"
try "r21 signed by keyctl" sh -c \
	"keyctl pkey_sign $p256 0 $W/digest enc=x962 hash=sha256 > $W/sig"
try "r21 verified by openssl" openssl pkeyutl -verify -pubin -inkey "$W/www.pem" \
	-in "$W/digest" -sigfile "$W/sig"
echo "another licence" > "$W/other"
not_ok "r21 another file's signature it is not" openssl dgst -sha256 -verify "$W/www.pem" \
	-signature "$W/sig" "$W/other"
tell "The identity signs too, with a key of its own for that."
try "r11 the identity's own signature" microhsm sign "$W/plain" --output "$W/sig2"
try "r11 its public half" microhsm public --output "$W/alice.pem"
try "r11 verified by openssl too" openssl dgst -sha256 -verify "$W/alice.pem" \
	-signature "$W/sig2" "$W/plain"

tell "A DISK KEY. Policy lets this one go to the kernel's disk encryption, as a key of type logon."
try "r18 a DataSet that may be exported" officer dataset create disk/luks --mode group --export logon
try "r18 granted" officer grant disk/luks alice
try "r18 added" officer instance add disk/luks --generate
try "r18 fetched" microhsm fetch "$R/disk/luks" --as logon --description microhsm:luks
typed "$crypt_typed"
try "r18 an encrypted disk is opened with it" crypt_open
try "r18 a file system" sh -c "mke2fs /dev/mapper/disk > /dev/null"
mkdir -p "$W/mnt"
try "r18 mounted" mount -t ext4 /dev/mapper/disk "$W/mnt"
try "r18 written" sh -c "echo 'what is on the disk' > $W/mnt/letter"
try "r18 unmounted" umount "$W/mnt"
ok "r18 it is there in the clear" grep -aq "what is on the disk" /dev/mapper/disk
try "r18 closed" dmsetup remove disk
not_ok "r18 and below it nothing is" grep -aq "what is on the disk" /dev/ram0
tell "The key is taken off the keyring: the disk stays closed. Fetched again, it opens it again."
try "r18 unlinked" keyctl unlink "$(keyctl search @s logon microhsm:luks)" @s
typed "$crypt_typed"
says "r18 without the key it stays closed" "[Rr]equired key not available" crypt_open
_shown
not_ok "r18 quite" dmsetup info disk
try "r18 fetched again" microhsm fetch "$R/disk/luks" --as logon --description microhsm:luks
typed "$crypt_typed"
try "r18 opened again" crypt_open
try "r18 mounted again" mount -t ext4 /dev/mapper/disk "$W/mnt"
try "r18 there is a letter" cat "$W/mnt/letter"
is "r18 it is all there" "$(cat "$W/mnt/letter")" "what is on the disk"
umount "$W/mnt" && dmsetup remove disk

tell "WHAT DID THE OTHERS SEE of the key that no server can read? All bytes of the wire, of the" \
	"repository's files and of its processes' memory are searched; what is public shows that" \
	"the search finds what is there:" ""
printf '      %-24s %8s %8s %8s\n' "found, times" wire store memory
microhsm --json keys | sed -n 's/.*"region-id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1 |
	xxd -r -p > "$W/region"
search "the Region's id, public" "$W/region"
is "r13 the search finds what is public" "$found" " yes yes yes"
search "kid(Ke), for hosts only" "$W/kid"
is "r13 also what is told to hosts alone" "$found" " no yes yes"
search "the key" "$W/plain.key"
is "r13 the key is nowhere" "$found" " no no no"
search "Ke" "$W/ke"
is "r13 nor is Ke" "$found" " no no no"
printf '      %-24s %8s %8s %8s\n' "bytes searched" "$(bytes_of "$_wire")" "$(bytes_of "$_store")" \
	"$(bytes_of "$_memory")"
ok "r13 in memory of more than one process" test "$(memory | wc -l)" -gt 1

tell "WHAT IS REFUSED. What is not granted and what does not exist get one answer."
refused "r12 an unknown DataSet" 3 microhsm fetch "$R/no/such"
officer dataset create other/secret > /dev/null 2>&1
refused "r12 one without a right" 3 microhsm fetch "$R/other/secret"
tell "alice is lost. The officer revokes it: its key goes, and nothing more is given."
try "r37 revoked" officer entity revoke alice
wait_for 5 sh -c "! keyctl search @s microhsm $R/disk/data"
try "r37 its keys are gone from the keyring" sh -c "keyctl show @s"
not_ok "r37 the key is gone from the keyring" keyctl search @s microhsm "$R/disk/data"
refused "r37 nothing more is fetched" 8 microhsm fetch "$R/disk/data"
tell "All of it is in the audit, whose chain and signatures hold."
LINES_SHOWN=3 try "r40 the audit verifies" repoctl audit verify
tell "That was all. README.md says how to do it on real hosts."
