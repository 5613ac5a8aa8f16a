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

# found FILE WHERE...: how often the bytes of FILE stand there
found()
{
	find_bytes "$@"
}

# Everything the server has: its store and the memory of its processes.
server()
{
	find "$W/store" "$W/keeper" -type f
	for _p in $(pidof repositoryd); do echo "pid:$_p"; done
}

crypt='dmsetup create disk --noudevsync --noudevrules --table
	"0 8192 crypt aes-cbc-essiv:sha256 :32:logon:microhsm:luks 0 /dev/ram0 0" &&
	dmsetup mknodes disk && test -b /dev/mapper/disk'
crypt=$(echo "$crypt" | tr -s '\n\t' ' ')

plan 50
tell "One machine plays three parts here: an officer, a repository, and a host called alice." \
	"First the module, the host's small HSM. It tests its own cryptography before it stays."
try "r01 the module loads" insmod "${MH_MODULE:-/mod/microhsm.ko}"
try "r01 and has tested itself" sh -c "dmesg | grep 'known answers are right'"
try "r01 there is its device" ls -l /dev/microhsm

tell "The office: an officer's key, a repository daemon, and a Region. The Region's fingerprint" \
	"goes into the daemon's configuration: it serves no other."
ok "r12 a Region is made" office_open
sed 's/^/      /' "$W/create1"
try "r12 and known" repoctl region list

tell "The host makes its identity in the kernel. Its private keys never leave it; what goes to" \
	"the disk is sealed to the host's seat."
try "r02 an identity" microhsm init alice --state "$W/state"
tell "It asks to be enrolled. Host and officer read each other this fingerprint, say by telephone:"
try "r08 a request" microhsm request alice --output "$W/alice.request"
cp "$_out" "$W/alice.fp"
refused "r08 another fingerprint is not enrolled" 4 officer entity enrol "$W/alice.request" \
	--fingerprint aaaa-aaaa-aaaa-aaaa-aaaa --output "$W/alice.bundle" --address 127.0.0.1:7879
try "r08 the right one is" officer entity enrol "$W/alice.request" \
	--fingerprint "$(fingerprint_of "$W/alice.fp")" --output "$W/alice.bundle" \
	--address 127.0.0.1:7879
tell "The host compares the Region's fingerprint the same way, and its kernel pins it."
try "r08 joined" microhsm join "$W/alice.bundle" --region "$region" --state "$W/state" \
	--identity alice
start tap wire_tap 7879 7878 "$W/segments" "$W/wire"
ok "r23 the agent attaches" office_agent

tell "A key for alice. The officer's host encrypts it, and wraps its key Ke for alice's kernel;" \
	"the repository keeps what it cannot read. (The test looks over the officer's shoulder," \
	"so that it knows the key and Ke, and can search for them later.)"
try "r12 a DataSet that no server can read" officer dataset create disk/data --mode group --lease 1h
try "r12 a right" officer grant disk/data alice
head -c 32 /dev/urandom > "$W/plain.key"
export LOG_RANDOM="$W/drawn" LD_PRELOAD=/mh/bin/log_random.so
try "r13 the key, encrypted and wrapped here" officer instance add disk/data --file "$W/plain.key"
unset LD_PRELOAD LOG_RANDOM
head -c 32 "$W/drawn" > "$W/public.random"
tail -c 32 "$W/drawn" > "$W/ke"

tell "The host's kernel fetches it: the agent moves bytes that it cannot read."
try "r12 fetched" microhsm fetch "$R/disk/data"
try "r18 it is on the keyring" keyctl show @s
key=$(keyctl search @s microhsm "$R/disk/data")
refused "r18 and nobody reads it" 1 keyctl print "$key"
tell "It is used where it is."
echo "a licence" > "$W/plain"
try "r21 it encrypts a file" microhsm seal "$key" "$W/plain" --output "$W/sealed"
try "r21 and decrypts it" microhsm open "$key" "$W/sealed" --output "$W/opened"
ok "r21 to the same" cmp "$W/plain" "$W/opened"

tell "A signature by the kernel, which plain openssl verifies."
try "r18 a P-256 DataSet" officer dataset create tls/www --algorithm p256
ok "r18 granted" officer grant tls/www alice
try "r18 a key that nobody has seen" officer instance add tls/www --generate
ok "r18 fetched" microhsm fetch "$R/tls/www"
p256=$(keyctl search @s microhsm "$R/tls/www")
try "r21 the public half" sh -c "microhsm public --key $p256 > $W/www.pem"
try "r21 signed by keyctl" sh -c "openssl dgst -sha256 -binary $W/plain > $W/digest &&
	keyctl pkey_sign $p256 0 $W/digest enc=x962 hash=sha256 > $W/sig"
try "r21 verified by openssl" openssl pkeyutl -verify -pubin -inkey "$W/www.pem" \
	-in "$W/digest" -sigfile "$W/sig"
try "r11 the identity's own signature" sh -c \
	"microhsm sign $W/plain > $W/sig2; microhsm public > $W/alice.pem"
try "r11 verified by openssl too" openssl dgst -sha256 -verify "$W/alice.pem" \
	-signature "$W/sig2" "$W/plain"

tell "A disk key, which policy lets go to the kernel's disk encryption as a logon key."
try "r18 a DataSet that may be exported" officer dataset create disk/luks --mode group --export logon
ok "r18 granted" officer grant disk/luks alice
ok "r18 added" officer instance add disk/luks --generate
try "r18 fetched" microhsm fetch "$R/disk/luks" --as logon --description microhsm:luks
try "r18 an encrypted disk is opened" sh -c "$crypt"
echo "what is on the disk" > "$W/content"
try "r18 written" dd if="$W/content" of=/dev/mapper/disk conv=fsync
try "r18 closed" dmsetup remove disk
keyctl unlink "$(keyctl search @s logon microhsm:luks)" @s
not_ok "r18 without the key it stays closed" sh -c "$crypt"
ok "r18 fetched again" microhsm fetch "$R/disk/luks" --as logon --description microhsm:luks
ok "r18 opened again" sh -c "$crypt"
try "r18 it is all there" sh -c "head -n 1 /dev/mapper/disk | cmp - $W/content"
dmsetup remove disk

tell "What did the repository and the wire see of the key that no server can read? The search" \
	"finds what is public, so it works; of the key and of Ke it finds nothing."
# shellcheck disable=SC2046 # a list
is "r13 the search finds what is public" "$(test "$(found "$W/public.random" $(server))" -gt 0 &&
	echo found)" found
printf disk/data > "$W/name"
# shellcheck disable=SC2046
is "r13 in memory too" "$(test "$(found "$W/name" $(server | grep pid:))" -gt 0 && echo found)" found
# shellcheck disable=SC2046
is "r13 the key is nowhere" "$(found "$W/plain.key" $(server) "$W/wire")" 0
# shellcheck disable=SC2046
is "r13 nor is Ke" "$(found "$W/ke" $(server) "$W/wire")" 0
# shellcheck disable=SC2046
echo "  wire, store and memory: the name disk/data $(found "$W/name" $(server) "$W/wire") times," \
	"the key $(found "$W/plain.key" $(server) "$W/wire"), Ke $(found "$W/ke" $(server) "$W/wire")"

tell "What is not granted and what does not exist get one answer."
refused "r12 an unknown DataSet" 3 microhsm fetch "$R/no/such"
officer dataset create other/secret > /dev/null 2>&1
refused "r12 one without a right" 3 microhsm fetch "$R/other/secret"
tell "alice is lost. The officer revokes it: its keys go, and nothing more is given."
try "r37 revoked" officer entity revoke alice
ok "r37 the key is gone from the keyring" \
	wait_for 5 sh -c "! keyctl search @s microhsm $R/disk/data"
refused "r37 nothing more is fetched" 8 microhsm fetch "$R/disk/data"
tell "All of it is in the audit, whose chain and signatures hold."
LINES_SHOWN=3 try "r40 the audit verifies" repoctl audit verify
tell "That was all. README.md says how to do it on real hosts."
