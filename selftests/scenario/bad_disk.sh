#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 240
# R40 R02: no room, or a file system that is read-only, under the server's store and under the
# host's sealed identities: what cannot be recorded is not delivered, what cannot be written has
# not happened, each says so, and all goes on when there is room.
# shellcheck disable=SC2154 # what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
H=$TMPDIR/host
S=$H/state

# full DIR: to the last byte; room DIR: as it was
full()
{
	dd if=/dev/zero of="$1/fill" bs=64k 2> /dev/null
	dd if=/dev/zero of="$1/fill2" bs=512 2> /dev/null
	! { echo x > "$1/fill3"; } 2> /dev/null
}

room()
{
	rm -f "$1"/fill*
}

# known FILE: what officers can read of the store, and FILE.audit
known()
{
	{ officer entity list && officer dataset list; } > "$1" && repoctl audit show > "$1.audit"
}

# same FILE FILE, begins FILE BEGINNING: and that is something
same()
{
	test -s "$1" && cmp "$1" "$2"
}

begins()
{
	test -s "$2" && head -c "$(stat -c %s "$2")" "$1" | cmp - "$2"
}

none_in_kernel()
{
	wait_for 5 sh -c "! grep -q 'microhsm  *entity:' /proc/keys"
}

plan 50
# ---- the host: init ----
mkdir -p "$H"
mount -t tmpfs -o size=64k host "$H"
mkdir "$S"
full "$H"
does "init on a full disk" 1 'device-secret.*full: make room' microhsm init alice --state "$S"
ok "makes no identity" none_in_kernel
room "$H"
head -c 32 /dev/urandom > "$S/device-secret"
full "$H"
does "init with room for its secret only" 1 'no identity was made; make room' \
	microhsm init alice --state "$S"
ok "takes it back" none_in_kernel
is "and leaves no file" "$(ls "$S")" device-secret
room "$H"
mount -o remount,ro "$H"
does "init on a read-only disk" 1 'Read-only.*|no identity was made' \
	microhsm init alice --state "$S"
ok "takes it back too" none_in_kernel
does "a state directory that cannot be made" 1 'read-only' \
	microhsm init alice --state "$H/new/"
fails_with "unlock finds none" 3 microhsm unlock --state "$S"
mount -o remount,rw "$H"
ok "init when there is room" microhsm init alice --state "$S"
is "that makes an identity" "$(grep -c 'microhsm  *entity:alice$' /proc/keys)" 1
full "$H"
ls -A "$H" > "$TMPDIR/there"
does "a request has no place" 1 'full: make room' \
	microhsm request alice --output "$H/alice.request"
is "nor is a part of it there" "$(ls -A "$H")" "$(cat "$TMPDIR/there")"
fails_with "standard output that is full" 1 sh -c 'microhsm status > /dev/full'
fails_with "and for the request" 1 sh -c 'microhsm request alice > /dev/full'
room "$H"

# ---- the server ----
rm -rf "$W"
mkdir -p "$W/store"
mount -t tmpfs -o size=1m store "$W/store"
mkdir "$W/store/keeper"
ln -s store/keeper "$W/keeper"	# on the same disk, as the defaults are
office_ini ""
ok "a daemon on a small disk" office_daemon
printf 'tea\n' > "$W/pass"
repoctl officer key create "$W/officer.pem" --passphrase-fd 5 5< "$W/pass" > /dev/null
card=$(repoctl card | sed 's/.* //')
officer region create "$R" --card "$card" --genesis "$W/genesis" > "$W/create1" 2>&1
region=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create1")
office_ini "genesis = $region"
kill -HUP "$repositoryd"
wait_for 5 grep -q 'read again' "$TMPDIR/repositoryd.log"
ok "a Region" officer region create "$R" --card "$card" --genesis "$W/genesis"
microhsm request alice --output "$W/alice.request" 2> "$W/alice.fp"
ok "a host" officer entity enrol "$W/alice.request" --fingerprint "$(fingerprint_of "$W/alice.fp")" \
	--output "$W/alice.bundle" --address 127.0.0.1:7878

# ---- the host: join ----
full "$H"
does "join with no room for the blob" 1 'on no disk.*start microhsm agent' \
	microhsm join "$W/alice.bundle" --region "$region" --state "$S" --identity alice
ok "the kernel has joined" grep -q "microhsm  *entity:$R/alice" /proc/keys
is "the pending blob is the one there is" "$(ls "$S")" "alice.blob
device-secret"
room "$H"
start agent microhsm agent --state "$S"
ok "the agent seals it" wait_for 6 test -s "$S/$R+alice.blob"
officer dataset create disk/data > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "a key" officer instance add disk/data --generate
ok "fetched" microhsm fetch "$R/disk/data"

# ---- the server: full ----
ok "its disk is full" full "$W/store"
n=0		# what is in the store's own files already is used up first
while officer dataset create "fill/n$n" > /dev/null 2>&1 && [ $n -lt 300 ]; do
	n=$((n + 1))
done
note "$n DataSets fitted"
ok "what is there can be read" known "$W/before"
is "all of it" "$(grep -Ec 'alice|disk/data' "$W/before")" 2
says "deliveries are in the audit" ' delivery  *done .*alice disk/data 1$' cat "$W/before.audit"
ok "which verifies" repoctl audit verify
does "an officer's change" 1 "disk is full: nothing was changed" officer dataset create one/more
does "a revocation" 1 "disk is full: nothing was changed" officer entity revoke alice
known "$W/after"
ok "nothing was changed" same "$W/before" "$W/after"
ok "nor recorded" same "$W/before.audit" "$W/after.audit"
n=0
while microhsm fetch "$R/disk/data" > "$TMPDIR/fetched" 2>&1 && [ $n -lt 100 ]; do
	n=$((n + 1))
done
note "$n deliveries fitted"
does "what cannot be recorded is not delivered" 6 'busy; try again in' \
	microhsm fetch "$R/disk/data"
is "the kernel's errno" "$(ioc FETCH region=$R name=disk/data keyring=-3 | cut -d' ' -f2)" EBUSY
is "in the audit are those that left" \
	"$(repoctl audit show | grep -c ' delivery  *\(done\|unchanged\) ')" $((1 + n))
says "the log says why" 'audit: the disk is full: deliveries are refused' cat "$TMPDIR/repositoryd.log"
stop repositoryd
does "started on a full disk" 3 'disk is full|could not be recorded' \
	timeout 10 repositoryd --config "$W/ini"
room "$W/store"
ok "with room, started" office_daemon
known "$W/after"
ok "it knows what it knew" same "$W/before" "$W/after"
ok "and what happened" begins "$W/after.audit" "$W/before.audit"
ok "and takes changes" officer dataset create one/more
ok "and delivers" microhsm fetch "$R/disk/data" --timeout 10s
ok "its audit is whole" repoctl audit verify
stop repositoryd
mount -o remount,ro "$W/store"
does "a read-only keeper" 5 '[Rr]ead-only' timeout 10 repositoryd --config "$W/ini"
rm "$W/keeper"
cp -a "$W/store/keeper" "$W/keeper"
does "a read-only store" 3 '[Rr]ead-only' timeout 10 repositoryd --config "$W/ini"
mount -o remount,rw "$W/store"

# ---- the server, full while it runs, and room again without a start ----
office_daemon
full "$W/store"
n=0
while officer dataset create "again/n$n" > /dev/null 2>&1 && [ $n -lt 300 ]; do
	n=$((n + 1))
done
does "full again" 1 "disk is full: nothing was changed" officer dataset create "again/n$n"
room "$W/store"
ok "room again: changes are taken without a start" officer dataset create "again/n$n"
ok "deliveries too" microhsm fetch "$R/disk/data" --timeout 10s
ok "the audit is whole" repoctl audit verify
stop repositoryd
stop agent
umount "$W/store"
