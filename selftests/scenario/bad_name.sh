#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# own-vm: yes
# timeout: 200
# kernels: 6.12
# R23 R17: upstreams by name: one that stands for several addresses, of which some are dead; a name
# that nobody knows, and a name server that says nothing. The agent goes on with all else meanwhile.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
agent='' region='' card=''	# what start and office.sh assign
S=$W/state
ip=/bin/ip	# iproute2's; the shell would take busybox's

relay()
{
	[ -z "$agent" ] || stop agent
	start agent microhsm agent --state "$S" "$@"
	wait_for 10 grep -q attached "$TMPDIR/agent.log"
}

said()
{
	grep -c "$1" "$TMPDIR/agent.log"
}

spoken()
{
	netstat -tn | awk '$6 == "ESTABLISHED" && $5 ~ /:79..$/ { print $5 }' | sort -u
}

# Threads of the agent: its own, and one for each name that is looked up
threads()
{
	[ "$(find "/proc/$agent/task" -maxdepth 1 -name '[0-9]*' | wc -l)" = "$1" ]
}

# seconds CMD...: how long it took, if it did not fail
seconds()
{
	_t0=$(cut -d. -f1 /proc/uptime)
	"$@" > "$_out" 2>&1 || echo "exit $?: $(cat "$_out")"
	echo $(($(cut -d. -f1 /proc/uptime) - _t0))
}

# by LABEL CMD...: its officer
by()
{
	_label=$1
	shift
	repoctl --region "$_label" --key "$W/$_label.pem" --passphrase-fd 5 "$@" 5< "$W/pass"
}

# joined LABEL FINGERPRINT: this host there, and a key for it
joined()
{
	microhsm init alice --state "$S" &&
		microhsm request alice --output "$W/request" 2> "$W/fp" &&
		by "$1" entity enrol "$W/request" --fingerprint "$(fingerprint_of "$W/fp")" \
			--output "$W/bundle" --address 127.0.0.1:7900 &&
		microhsm join "$W/bundle" --region "$2" --state "$S" --identity alice &&
		wait_for 5 sh -c '! grep -q entity:alice /proc/keys' &&
		by "$1" dataset create disk/data --mode group &&
		by "$1" grant disk/data alice &&
		by "$1" instance add disk/data --generate
}

plan 21
ok "a daemon" office_open
mv "$W/officer.pem" "$W/hq.pem"
repoctl officer key create "$W/lab.pem" --passphrase-fd 5 5< "$W/pass" > /dev/null
by lab region create lab --card "$card" --genesis "$W/lab.anchor" > "$W/create" 2>&1
lab=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create")
stop repositoryd
office_ini "genesis = $region
genesis = $lab
listen = 127.0.0.1:7900
listen = 127.0.0.9:7901"
office_daemon
by lab region create lab --card "$card" --genesis "$W/lab.anchor" > /dev/null
ok "a host in one Region" joined hq "$region"
ok "and in another" joined lab "$lab"

# ---- names that stand for several addresses ----
echo 'hosts: files dns' > /etc/nsswitch.conf
echo 'multi on' > /etc/host.conf
printf '%s\n' '127.0.0.1 two' '127.0.0.9 two' '192.0.2.1 dead' '192.0.2.9 dead' >> /etc/hosts
ok "an upstream of two addresses" relay --upstream two:7901
ok "fetched" microhsm fetch hq/disk/data
is "from the second" "$(spoken)" 127.0.0.9:7901
is "as the first refused" "$(said 'two:7901 (127.0.0.1): Connection refused')" 1

# Packets to these go out and nothing ever comes back: what comes in by lo for who is not here and
# may not be forwarded is dropped without a word. The debug kernel has no other kind of link.
echo 0 > /proc/sys/net/ipv4/ip_forward
$ip addr add 192.0.2.2/32 dev lo
$ip route add 192.0.2.0/24 dev lo src 192.0.2.2
ok "an upstream whose two are silent" relay --upstream dead:7900
took=$(seconds microhsm fetch hq/disk/data)
ok "each gets its five seconds" test "$took" -ge 10 -a "$took" -le $((12 + 3 * ${MH_SLOW:-1}))
is "both were tried" "$(said 'dead:7900 (192.0.2.[19]): Connection timed out')" 2
is "then the bundle's address" "$(spoken)" 127.0.0.1:7900

# ---- a name server that says nothing ----
echo 'nameserver 192.0.2.53' > /etc/resolv.conf
ok "an upstream that nobody finds" relay --upstream slow.test:7900
took=$(seconds microhsm fetch hq/disk/data)
ok "is given up in time" test "$took" -le $((6 + 2 * ${MH_SLOW:-1}))
is "and said to be" "$(said 'slow.test:7900: the name is not found in time')" 1
ok "the look-up ends by itself, later" wait_for 20 threads 1
start long microhsm fetch lab/disk/data --timeout 60s
ok "another session's look-up begins" wait_for 5 threads 2
within "and the open session is relayed meanwhile" 2 microhsm fetch hq/disk/data --keyring @u
ok "a key came" keyctl search @u microhsm hq/disk/data
ok "while it still goes on" threads 2
wait "${long:?}"
is "it has its key in the end" $? 0
relay --upstream slow.test:7900
start long microhsm fetch hq/disk/data --timeout 5s
wait_for 5 threads 2
kill -TERM "$agent"
within "told to end among look-ups, it does" 2 sh -c "while kill -0 $agent && \
	! grep -q ' Z ' /proc/$agent/stat; do sleep 0.1; done"
