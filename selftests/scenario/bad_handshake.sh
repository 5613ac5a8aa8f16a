#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# kernels: 6.12
# own-vm: yes
# timeout: 400
# R12 R15 R21: ATTACKS, Handshake, on the kernel. A relay alters each byte of the challenge; a server
# that has all its keys alters each byte of what officers signed, under a sigR that is right, and
# claims other versions; e is of low order. The fetch fails with the errno that says why, the kernel
# says no more than its hello, and nothing has changed on either side. And Kes, whatever signs with
# it, opens no session.
# shellcheck disable=SC2154 # what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/hostile/unchanged.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/hostile/unchanged.sh"
export MH_ROGUE="$TMPDIR/orders"
D=disk/data
# every so many bytes; the kernels differ in nothing that this is about
case $(uname -r) in 6.12.*) STEP=13 ;; *) STEP=61 ;; esac

rogue()
{
	echo "$1" > "$MH_ROGUE.new"
	mv "$MH_ROGUE.new" "$MH_ROGUE"
}

errno()
{
	ioc FETCH region=$R name=$D keyring=-3 timeout_ms=8000 | tail -n 1 | cut -d' ' -f2
}

# relayed WHAT [ARG]: the first frame down is altered so, or nothing is
relayed()
{
	stop relay 2> /dev/null
	[ "$1" = record ] || set -- down 1 "$@"
	start relay replay_relay relay "$W/relay" "$W/stp" "$@"
	wait_for 5 grep -q listening "$TMPDIR/relay.log"
}

# met WANT N: fetches until so many challenges were altered; those that do not end so, and what the
# kernel said beyond its hello. A fetch tries a second connection.
met()
{
	_n=0
	while [ "$(grep -c altered "$TMPDIR/relay.log")" -lt "$2" ] && [ $_n -lt "$2" ]; do
		_got=$(errno)
		[ "$_got" = "$1" ] || echo "the ${_n}th: $_got"
		_n=$((_n + 1))
	done
	note "$(grep -c altered "$TMPDIR/relay.log") altered in $_n fetches"
	[ "$(grep -c altered "$TMPDIR/relay.log")" -ge "$2" ] || echo "not all were altered"
	grep '^over' "$TMPDIR/relay.log" | grep -v '^over 1 '
}

# spoilt WHAT SIZE [CMD...]: how fetches end that should not, from a server that alters every STEPth of
# so many bytes; before each, CMD
spoilt()
{
	_what=$1 _size=$2
	shift 2
	for _at in $(seq 0 $STEP $((_size - 1))); do
		"$@"
		rogue "$_what $_at"
		errno
		rogue ""
	done > "$TMPDIR/spoilt"
	sort "$TMPDIR/spoilt" | uniq -c | while read -r _n _got; do
		note "$_what altered: $_n times $_got"
		case $_got in
		EBADMSG | ENOKEY | EPERM | EPROTONOSUPPORT) ;;
		*) echo "$_got" ;;
		esac
	done
}

# All that is not sealed is forgotten: which DELEGATIONs were verified
anew()
{
	microhsm forget $R && microhsm unlock "$W/state/$R"*.blob --state "$W/state"
} > /dev/null 2>&1

# by_kes NAME COMMAND: by Kes, at repositoryd, as alice
by_kes()
{
	log=$(grep -c 'closed: Bad message' "$TMPDIR/repositoryd.log")
	is "$1: a signature by Kes, and the end" "$(kes_auth "$W/stp" "$W/alice.request" office \
		"$(stmt region)" "$2")" "Kes, not Kei, 0"
	is "$1: it is refused for what it is" \
		"$(grep -c 'closed: Bad message' "$TMPDIR/repositoryd.log")" $((log + 1))
}

plan 27
ok "a Region" office_open
microhsm init alice --state "$W/state"
ok "a host's request" microhsm request alice --binary --output "$W/alice.request"
microhsm request alice --output "$W/alice.text" 2> "$W/alice.fp"
ok "a host" officer entity enrol "$W/alice.text" --fingerprint "$(fingerprint_of "$W/alice.fp")" \
	--output "$W/alice.bundle" --address "$W/relay"
ok "has joined" microhsm join "$W/alice.bundle" --region "$region" --state "$W/state" --identity alice
officer dataset create $D > /dev/null 2>&1
officer grant $D alice > /dev/null 2>&1
ok "a key" officer instance add $D --generate
stop repositoryd
rogue ""
start repositoryd rogue_repositoryd --config "$W/ini"
wait_for 10 grep -q "office serves" "$TMPDIR/repositoryd.log"
relayed record "$W/first"
ok "the agent" office_agent
is "an honest session" "$(errno)" ok
size=$(replay_relay list "$W/first" | sed -n 's/^down 1 [0-9]* //p')
note "the challenge has $size bytes"
relayed sweep $STEP
ok "its session is over" wait_for 6 sh -c "keys_probe status | grep -q sessions=0"
host=$(on_host) server=$(on_server)

# ---- on the wire ----
is "each byte of the challenge" "$(met EBADMSG $(((size - 1) / STEP + 1)))" ""
relayed point
is "e of low order" "$(met EBADMSG 14)" ""
unchanged "on the wire" "$host" "$server"

# ---- by a server with its keys ----
relayed record "$W/second"
# challenge: header, e, a length, two tags, sigR; of each statement path, sets and signature, of the
# DELEGATIONs, which were signed as one, with a path of one hash
tails=$((2 * (40 + 69)))
spoilt=$((size - 4 - 34 - 32 - 64 - tails - 69))
is "each byte of what officers signed" "$(spoilt idr $spoilt true)" ""
rogue "speaks 2"
is "a server of another version alone" "$(errno)" EPROTONOSUPPORT
unchanged "idR" "$host" "$server"
is "each byte of their signatures" "$(spoilt tail $tails anew)" ""
rogue ""
anew
is "the kernel said no more than its hello" "$(grep '^over' "$TMPDIR/relay.log" | grep -v '^over 1 ')" ""
is "signatures: nothing in the audit" "$(on_server)" "$server"
host=$(on_host)

# ---- Kes ----
id=$(microhsm keys | awk '/identity/ { print $1 }')
by_kes "microhsm sign" "microhsm sign message --output signature"
by_kes "pkey_sign" "keyctl pkey_sign $id 0 digest enc=x962 hash=sha256 > signature"
unchanged "Kes" "$host" "$server"

is "an honest session after all that" "$(errno)" ok
ok "the agent has lived through it" kill -0 "$agent"
