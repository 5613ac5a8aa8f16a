#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# own-vm: yes
# kernels: 6.12
# mem: 768
# timeout: 200
# R27 R02 R09: secrets that are known here are looked for where they may not be: in the memory of
# repositoryd and the agent at rest, and of tools that have done all; in what each process writes, its
# arguments and environment; in logs, dumps, /proc, /sys and trace events; and nothing dumps core.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
S=$W/state
V=$W/vault
L=$TMPDIR/secret
OFFICER_PASS=$(head -c 18 /dev/urandom | base64)
VAULT_PASS=$(head -c 18 /dev/urandom | base64)
# What office.sh assigns
region=''
set +m

# ---- strace: what a process writes, its arguments, its environment ----
mkdir -p "$TMPDIR/traces" "$L"
CALLS=execve,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,mq_timedsend,vmsplice

traced()
{
	_opts=$1
	shift
	# shellcheck disable=SC2086 # -D or nothing
	exec strace $_opts -f -v -xx -yy -s 100000 -e "trace=$CALLS" -e signal=none \
		-o "$(mktemp "$TMPDIR/traces/XXXXXX")" "$@"
}

repoctl()
{
	(traced -q repoctl "$@")
}

microhsm()
{
	(traced -q microhsm "$@")
}

# its pid is the caller's to know
repositoryd()
{
	traced -D repositoryd "$@"
}

agent()
{
	traced -D microhsm agent --state "$S"
}

# The bytes of all strings in the traces whose lines match; or do not: -v
written()
{
	cat "$TMPDIR"/traces/* | grep "$@" | grep -o '"[^"]*"' | tr -dc '0-9a-f\n' | fold -w 120 |
		xxd -r -p
}

# ---- lists of secrets ----

hex()
{
	od -An -v -tx1 | tr -d ' \n'
}

# secret NAME: its bytes come from standard input
secret()
{
	printf '%s %s\n' "$1" "$(hex)" >> "$L/all"
}

# found LIST WHERE...: the names of those that are there
found()
{
	_list=$1
	shift
	find_bytes -l "$_list" "$@" > "$TMPDIR/found" || echo "not searched: $*"
	cat "$TMPDIR/found" >&2
	cut -d ' ' -f 1 "$TMPDIR/found" | grep -vx in | sort -u | xargs
}

none()
{
	_name=$1
	shift
	is "$_name" "$(found "$@")" ""
}

# ---- processes ----

# of COMM: its process, or that of several which began first
of()
{
	for _p in $(pidof repositoryd microhsm repoctl); do
		[ "$(cat "/proc/$_p/comm")" != "$1" ] || echo "$_p"
	done | sort -n | head -n 1
}

stopped()
{
	grep -q '^State:.T' "/proc/$(of "$1")/status"
}

# at_end NAME PROGRAM ARGUMENT...: its memory when it has done all and is about to end
at_end()
{
	_what=$1
	shift
	printf '%s\n%s\n' "$OFFICER_PASS" "$VAULT_PASS" > "$W/passes"
	LD_PRELOAD=/mh/bin/log_random.so LOG_RANDOM="$L/drawn" STOP_AT_END=1 env "$@" 5< "$W/passes" \
		> "$TMPDIR/at_end.log" 2>&1 &
	_pid=$!
	wait_for 20 stopped "$1"
	learn
	none "$_what" "$L/all" "pid:$(of "$1")"
	kill -CONT "$(of "$1")"
	wait $_pid
	_rc=$?
	cat "$TMPDIR/at_end.log"
	is "$_what: it has done it" "$_rc" 0
}

# What has become known: called while a tool is stopped, too
learn()
{
	for _x in group session; do
		instance_probe ke "$R" "d/$_x@1" "$L/drawn" > "$L/ke" 2> /dev/null &&
			secret "ke-$_x" < "$L/ke"
	done
	instance_probe entity "$R" alice "$L/drawn" office >> "$L/all" 2> /dev/null
	sort -u -o "$L/all" "$L/all"
}

add()
{
	at_end "r27 repoctl instance add, mode $1" repoctl --key "$W/officer.pem" --passphrase-fd 5 \
		instance add "d/$1" --file "$W/plain.$1" --vault "$V"
}

plan 41

printf %s "$OFFICER_PASS" | secret officer-passphrase
printf %s "$VAULT_PASS" | secret vault-passphrase
office_open || note "no office"
OFFICER_PASS="$OFFICER_PASS" openssl pkey -in "$W/officer.pem" -passin env:OFFICER_PASS -outform DER \
	> "$L/officer.der"
ok "r27 the officer's key is known" test -s "$L/officer.der"
# SEQUENCE of ECPrivateKey in PKCS#8: the 32 bytes follow 02 01 01 04 20
hex < "$L/officer.der" | sed 's/.*0201010420\(.\{64\}\).*/officer-key \1/' >> "$L/all"
echo >> "$L/all"
sealed_probe keeper "$W/keeper" office > "$L/keeper"

microhsm init alice --state "$S" --kei secret --kec secret
at_end "r02 microhsm request" microhsm request alice --output "$W/alice.request"
sed -n 's/^/fp: /p' "$TMPDIR/at_end.log"
cp "$TMPDIR/at_end.log" "$W/alice.fp"
at_end "r09 repoctl entity enrol" repoctl --key "$W/officer.pem" --passphrase-fd 5 entity enrol \
	"$W/alice.request" --fingerprint "$(fingerprint_of "$W/alice.fp")" --vault "$V" \
	--code "$W/code" --output "$W/alice.bundle" --address 127.0.0.1:7878
tr -d '\n' < "$W/code" | secret code
secret seat < "$S/device-secret"
at_end "r09 microhsm join" microhsm join "$W/alice.bundle" --region "$region" --state "$S" \
	--identity alice --code "$W/code"
sealed_probe identity "$S/$R+alice.blob" "$S/device-secret" | grep -v '^ke[ic]' >> "$L/all"

# ---- everything told: logs at their loudest, and what the kernel would trace ----
office_ini "genesis = $region
log = debug"
kill -HUP "$repositoryd"
wait_for 10 sh -c "grep -c 'configuration read again' $TMPDIR/repositoryd.log | grep -qx 2"
start agent agent
wait_for 10 sh -c 'keys_probe status | grep -q agent=1'
echo 'module microhsm +p; file security/keys/* +p' > /sys/kernel/debug/dynamic_debug/control
T=/sys/kernel/debug/tracing
for mode in group session; do
	officer dataset create d/$mode --mode $mode
	officer grant d/$mode alice
	head -c 32 /dev/urandom > "$W/plain.$mode"
	secret plain-$mode < "$W/plain.$mode"
	add $mode
done
is "r27 all of them are known" "$(cut -d ' ' -f 1 "$L/all" | sort | xargs)" "code ke-group \
ke-session kec kei kei_x kes kpf officer-key officer-passphrase plain-group plain-session psk seat seat \
vault-passphrase"
echo 8192 > $T/buffer_size_kb
echo 1 > $T/events/enable
ok "r18 fetched in mode group" microhsm fetch "$R/d/group"
ok "r18 fetched in mode session" microhsm fetch "$R/d/session"
echo 0 > $T/events/enable
head -c 32 /dev/urandom > "$W/letter"
key=$(keyctl search @s microhsm "$R/d/group")
ok "r21 a letter sealed" microhsm seal "$key" "$W/letter" --output "$W/sealed"
ok "r21 and opened" microhsm open "$key" "$W/sealed" --output "$W/opened"
ok "r11 signed" microhsm sign "$W/letter" --output "$W/sig"

# ---- memory at rest, a session being open and its deliveries done ----
main=$(of repositoryd)
keeper=$(of repositoryd-key)
ok "r27 the keeper is a process of its own" test -n "$keeper" -a "$main" != "$keeper"
is "r27 it holds what it must" "$(found "$L/keeper" "pid:$keeper")" "audit card fresh sp2 store"
none "r27 and nothing else" "$L/all" "pid:$keeper"
cat "$L/keeper" "$L/all" > "$L/both"
none "r27 repositoryd holds none" "$L/both" "pid:$main"
none "r02 nor does the agent" "$L/both" "pid:$(of microhsm)"
ok "r27 the keeper's are locked in memory" grep -q '^VmLck:[^0-9]*[1-9]' "/proc/$keeper/status"
ok "r27 so is repositoryd, with its session keys" grep -q '^VmLck:[^0-9]*[1-9]' "/proc/$main/status"

# ---- what was told ----
mkdir -p "$L/told"
timeout 5 cat $T/per_cpu/cpu0/trace_pipe_raw > "$L/told/trace"
ok "r27 there were trace events" test "$(stat -c %s "$L/told/trace")" -gt 100000
dmesg > "$L/told/dmesg"
cp "$TMPDIR"/*.log "$L/told/"
cat /proc/keys /proc/key-users > "$L/told/keys"
find /sys/module/microhsm /sys/class/misc/microhsm/ /sys/kernel/debug/dynamic_debug -type f \
	-exec cat {} + > "$L/told/sys" 2> /dev/null
for verb in status keys check; do
	microhsm --json $verb
done > "$L/told/json" 2>&1
nlc identities > "$L/told/netlink"
repoctl audit verify >> "$L/told/json" 2>&1
ok "r27 the agent's and the daemon's logs are there" grep -q authenticated "$L/told/repositoryd.log"
hex < "$W/letter" | sed 's/^/letter /' > "$L/letter"
none "r27 logs, dumps, /proc and /sys tell none" "$L/both" "$L"/told/*

# ---- what was written ----
ok "r27 a score of programs were traced" test "$(find "$TMPDIR/traces" -type f | wc -l)" -ge 18
written -v "^$keeper " > "$L/written"
is "r27 what a tool wrote is found" "$(found "$L/letter" "$L/written")" letter
grep -v '^seat\|^code' "$L/both" > "$L/unwritten"
none "r27 no process writes one, nor has it in its arguments or environment" "$L/unwritten" \
	"$L/written"
written "^$keeper " > "$L/answered"
is "r27 but for the keeper, to repositoryd" "$(found "$L/both" "$L/answered")" "ke-session kei_x psk"
written "^$keeper .*pwrite64" > "$L/kept"
none "r27 and to no file" "$L/both" "$L/kept"

# ---- after the session ----
stop agent
wait_for 5 sh -c 'keys_probe status | grep -q sessions=0'
none "r27 repositoryd holds none when its sessions are over" "$L/both" "pid:$main"

# ---- cores ----
mkdir -p "$L/cores"
echo "$L/cores/%e.%p" > /proc/sys/kernel/core_pattern
echo 2 > /proc/sys/fs/suid_dumpable
cores()
{
	find "$L/cores" -type f | sed 's/.*\///; s/\..*//' | xargs
}

# dies PID: of a signal that dumps core, all limits raised
dies()
{
	prlimit --pid "$1" --core=unlimited && kill -SEGV "$1" &&
		wait_for 5 sh -c "! grep -q '^State:.[^Z]' /proc/$1/status"
}
sleep 100 &
ok "a process that may dump core is ended" dies $!
is "and does" "$(cores)" sleep
rm -f "$L"/cores/*
mkfifo "$W/fifo"
sleep 100 > "$W/fifo" &
start agent command microhsm agent --state "$S"
command microhsm sign "$W/fifo" &
signing=$!
command repoctl --key "$W/officer.pem" --passphrase-fd 5 dataset create d/x 5< "$W/fifo" &
listing=$!
sleep 1
ok "r02 microhsm agent is ended" dies "${agent:?}"
ok "r02 microhsm is" dies $signing
ok "r27 repoctl is" dies $listing
ok "r27 the keeper is" dies "$keeper"
office_daemon
ok "r27 repositoryd is" dies "$(of repositoryd)"
is "r27 none dumps core" "$(cores)" ""
