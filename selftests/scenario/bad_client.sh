#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 200
# kernels: 6.12
# R17 R50: clients of repositoryd that are silent, slow, flood, send half or nonsense, or are many:
# each is closed in time, a good host is served meanwhile, and the daemon lives on. The same of
# its admin socket.
# shellcheck disable=SC2154 # what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
T=127.0.0.1:7878

# closes ADDRESS KIND SECONDS: by then at the latest
closes()
{
	_said=$(bad_peer to "$1" "$2" $((($3 + 4) * ${MH_SLOW:-1})))
	[ "${_said%% *}" = closed ] && [ "${_said##* }" -le $(($3 * ${MH_SLOW:-1})) ] ||
		echo "$2 at $1: $_said, wanted at most $3 s"
}

memory()
{
	awk '/VmRSS/ { print $2 }' "/proc/$repositoryd/status"
}

descriptors()
{
	find "/proc/$repositoryd/fd" -type l | wc -l
}

served()
{
	ok "$1: a host is served" microhsm fetch "$R/disk/data" --timeout 10s
}

plan 30
ok "a Region" office_open
ok "a host" office_enrol alice
officer dataset create disk/data > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "a key" officer instance add disk/data --generate
stop repositoryd
office_ini "genesis = $region
handshake = 3
max_connections = 20"
ok "a daemon of little patience" office_daemon
ok "the agent" office_agent
served "at first"
fds=$(descriptors)

is "nonsense is closed at once" "$(for k in garbage huge empty early text; do
	closes $T $k 1; closes "$W/stp" $k 1; done)" ""
is "silence, and half of a frame, when patience ends" "$(for k in silence half; do
	closes $T $k 5; closes "$W/stp" $k 5; done)" ""
is "a byte each tenth of a second is no progress" "$(closes $T slow 5)" ""
is "a hello for a Region that is not here" "$(closes $T hello 5)" ""
served "after each"
says "a peer that floods is told of by name" '127.0.0.1:[0-9]+: closed: ' cat "$TMPDIR/repositoryd.log"
says "so is one that is silent" 'closed: no handshake in time' cat "$TMPDIR/repositoryd.log"

# ---- many ----
start many bad_peer many $T 100 20
wait_for 10 grep -q '100 open' "$TMPDIR/many.log"
served "a hundred connections, an open session"
ok "past the limit the oldest gives way" wait_for 5 \
	grep -q 'closed for a newer one: 20 are open' "$TMPDIR/repositoryd.log"
wait "${many:?}"
is "all of them are closed in the end" "$(tail -n 1 "$TMPDIR/many.log")" "100 closed"
microhsm forget "$R" > /dev/null
microhsm unlock --state "$W/state" > /dev/null
served "then there is room again"

# ---- floods at once, and memory ----
before=$(memory)
for i in 1 2 3 4 5 6; do
	start "flood$i" sh -c "while :; do bad_peer to $T garbage 2; done"
done
served "under a flood"
sleep 2
for i in 1 2 3 4 5 6; do
	stop "flood$i"
done
served "after it"
after=$(memory)
note "resident before $before KiB, after $after KiB"
ok "it has not grown" test $((after - before)) -lt 8192
ok "descriptors are given back" wait_for 10 sh -c "[ \$(find /proc/$repositoryd/fd -type l | wc -l) -le $((fds + 2)) ]"

# ---- the admin socket ----
is "a length past all is closed at once" "$(closes "$W/admin" garbage 2; closes "$W/admin" text 2
	closes "$W/admin" empty 2)" ""
start many bad_peer many "$W/admin" 40 8
wait_for 5 grep -qs '40 open' "$TMPDIR/many.log"
fails_with "all places taken: an officer is told that nobody answers" 6 repoctl status
says "and what to do" 'no answer.*try again' repoctl status
wait "${many:?}"
ok "then there is place again" wait_for 5 repoctl status

# ---- and repoctl, of a daemon that is none ----
for k in close text; do
	start fake bad_peer serve "$W/fake" $k
	wait_for 5 grep -qs listening "$TMPDIR/fake.log"
	fails_with "repoctl at a socket that would $k" 6 repoctl --socket "$W/fake" status
	stop fake
	rm -f "$W/fake"
done
fails_with "nor at no socket" 6 repoctl --socket "$W/fake" status
ok "the daemon has no child that died" test "$(pgrep -c repositoryd || pidof repositoryd | wc -w)" -ge 2
ok "it ends when told" stop repositoryd
