#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# kernels: 6.12
# own-vm: yes
# timeout: 300
# R23. Users to a Repository over TCP: IPv4, IPv6, another network namespace; a list of addresses
# whose first are dead; the daemon killed, reloaded, told to end, and what it says to a manager.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# What start and office.sh assign
agent='' listener='' region=''

S=$W/state
ip=/bin/ip	# iproute2's; the shell would take busybox's
NS=/run/netns/office
V4=10.7.0.2 V6=fd00:7::2

# relay OPTION...: the agent anew, with these
relay()
{
	[ -z "$agent" ] || stop agent
	start agent microhsm agent --state "$S" "$@"
	wait_for 10 sh -c 'keys_probe status | grep -q agent=1'
}

fetch()
{
	microhsm fetch "$R/disk/data" "$@"
}

# Connections to the daemon from here, by the address they went to
spoken()
{
	netstat -tn | awk '$6 == "ESTABLISHED" && $5 ~ /:7878$/ { print $5 }' | sort -u
}

sessions()
{
	keys_probe status | sed 's/.*sessions=\([0-9]*\).*/\1/'
}

# The daemon's log since the last call
log_says()
{
	wait_for 5 grep -q "$1" "$TMPDIR/repositoryd.log"
}

all_done()
{
	[ "$(cat done.* | wc -l)" = 16 ]
}

manager_heard()
{
	wait_for 10 sh -c "tail -n 1 $TMPDIR/listener.log | grep -q '^$1'"
}

# The daemon in the namespace, on its addresses; lo there is its own.
away()
{
	cat > "$W/away.ini" << EOT
[repositoryd]
name = office
listen = $V4:7878
listen = [$V6]:7878
listen = 127.0.0.1:7878
admin = $W/admin
store = $W/store/db
keeper = $W/keeper
genesis = $region
EOT
	start repositoryd nsenter --net=$NS repositoryd --config "$W/away.ini"
	log_says "office serves"
}

plan 59
ok "a Region" office_open
microhsm init alice --state "$S" > /dev/null
microhsm request alice --output "$W/alice.request" > fp 2>&1
ok "enrolled, with dead addresses first" officer entity enrol "$W/alice.request" \
	--fingerprint "$(fingerprint_of fp)" --output "$W/alice.bundle" \
	--address 192.0.2.1:7878 --address 127.0.0.1:9 --address "$W/none" \
	--address 127.0.0.1:7878
ok "joined" microhsm join "$W/alice.bundle" --region "$region" --state "$S" --identity alice
officer dataset create disk/data --mode group > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
officer instance add disk/data --generate > /dev/null 2>&1

# ---- IPv4, IPv6 ----
ok "the agent, with the bundle's addresses" relay
within "the dead ones cost nobody the fetch" 10 fetch
ok "fetched" fetch
is "over IPv4" "$(spoken)" 127.0.0.1:7878
is "one session for both" "$(sessions)" 1
is "the dead were tried" "$(grep -c '192.0.2.1\|127.0.0.1:9: Connection refused\|/none' \
	"$TMPDIR/agent.log")" 3
ok "the agent, by IPv6" relay --upstream "[::1]:7878"
ok "fetched" fetch
is "over IPv6" "$(spoken)" ::1:7878
ok "an agent with a list of its own" relay --upstream "[::1]:9" --upstream "[::1]:7878"
ok "fetched" fetch
is "from the second" "$(spoken)" ::1:7878
relay --upstream nonsense --upstream "[::1" --upstream :7878 --upstream "127.0.0.1:"
ok "addresses that are none are passed over" fetch
is "for the bundle's" "$(spoken)" 127.0.0.1:7878

# ---- killed, and started again ----
kill -KILL "${repositoryd:?}"
wait "$repositoryd"
ok "the daemon killed: its session ends" wait_for 5 sh -c 'keys_probe status | grep -q sessions=0'
fails_with "nobody answers" 6 fetch
ok "started again" office_daemon
ok "the next fetch works, nobody joined" fetch
is "on a new session" "$(sessions)" 1
kill -KILL "$agent"
wait "$agent"
fails_with "the agent killed" 6 fetch
ok "another" relay
ok "and it works again" fetch

# ---- SIGHUP ----
cp "$W/ini" "$W/good.ini"
echo 'nonsense = 1' >> "$W/ini"
kill -HUP "$repositoryd"
ok "HUP with a wrong configuration: told" log_says "configuration stays as it was"
ok "and served on" fetch
sed 's/^name.*/&\nlog = debug/' "$W/good.ini" > "$W/ini"
kill -HUP "$repositoryd"
ok "HUP with a right one" log_says "configuration read again"
is "the session is the same" "$(sessions)" 1
ok "and served on" fetch

# ---- TERM, and what a manager hears ----
i=0
while [ $i -lt 16 ]; do
	(keyctl session - microhsm fetch "$R/disk/data" > /dev/null 2>&1; echo $? > "done.$i") &
	i=$((i + 1))
done
wait_for 10 test -e done.0
kill -TERM "$repositoryd"
ended=0
within "TERM among fetches: it ends" 5 sh -c \
	"while kill -0 $repositoryd && ! grep -q 'Z' /proc/$repositoryd/stat; do sleep 0.1; done"
wait "$repositoryd" || ended=$?
is "well" $ended 0
ok "having said so" grep -q draining "$TMPDIR/repositoryd.log"
ok "each fetch has its answer" wait_for 10 all_done
is "a key, or nobody there; nothing else" "$(cat done.* | grep -vc '^[06]$')" 0
note "of sixteen fetches $(cat done.* | grep -c '^0$') had their key"
is "no socket is left behind" "$(ls "$W/admin" "$W/stp" 2> /dev/null)" ""

start listener notify_probe "$W/notify"
ok "a manager listens" manager_heard listening
export NOTIFY_SOCKET="$W/notify"
office_daemon
ok "READY=1" manager_heard READY=1
ok "and it is" fetch
kill -HUP "$repositoryd"
ok "HUP: RELOADING=1 and READY=1 again" wait_for 5 sh -c \
	"tail -n 2 $TMPDIR/listener.log | tr '\n' ' ' | grep -q 'RELOADING=1 READY=1'"
kill -TERM "$repositoryd"
ok "TERM: STOPPING=1" manager_heard STOPPING=1
wait "$repositoryd"
is "heard in this order, and no more" "$(tail -n +2 "$TMPDIR/listener.log" | tr '\n' ' ')" \
	"READY=1 RELOADING=1 READY=1 STOPPING=1 "
stop listener
start listener notify_probe @mh-notify
manager_heard listening
NOTIFY_SOCKET=@mh-notify office_daemon
ok "an abstract socket too" manager_heard READY=1
unset NOTIFY_SOCKET
ok "the audit of all that" repoctl audit verify
stop repositoryd

# ---- another network namespace ----
$ip netns add office
nsenter --net=$NS $ip link set lo up
if $ip link add vh type veth peer name vo netns office; then
	nsenter --net=$NS sh -c 'echo 0 > /proc/sys/net/ipv6/conf/vo/accept_dad'
	echo 0 > /proc/sys/net/ipv6/conf/vh/accept_dad
	$ip addr add 10.7.0.1/24 dev vh
	$ip addr add fd00:7::1/64 dev vh
	$ip link set vh up
	nsenter --net=$NS $ip addr add $V4/24 dev vo
	nsenter --net=$NS $ip addr add $V6/64 dev vo
	nsenter --net=$NS $ip link set vo up
	there4=$V4:7878 there6=$V6:7878
else	# the debug kernel has no veth: from that namespace itself
	note "no veth here"
	nsenter --net=$NS $ip addr add $V4/32 dev lo
	nsenter --net=$NS $ip addr add $V6/128 dev lo
	there4='' there6=''
	set -- --netns office
fi
ok "the daemon in a namespace of its own" away
ok "the agent, by IPv4" relay --upstream $V4:7878 "$@"
ok "fetched" fetch
is "from there" "$(spoken)" "$there4"
ok "the agent, by IPv6" relay --upstream "[$V6]:7878" "$@"
ok "fetched" fetch
is "from there" "$(spoken)" "$there6"
relay
fails_with "its loopback is not ours" 6 fetch
ok "the agent, speaking in that namespace" relay --netns office
ok "there it is" fetch
is "and not here" "$(spoken)" ""
echo "$V4 far" >> /etc/hosts
ok "and by a name" relay --netns office --upstream far:7878
ok "there it is" fetch
is "by that name" "$(nsenter --net=$NS netstat -tn | grep -c "$V4:7878 .*ESTABLISHED")" 2
fails_with "no such namespace" 3 microhsm agent --netns nowhere
