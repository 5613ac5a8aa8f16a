#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R13. The Repository knows Kec-public: it can wrap a key of its own choosing for alice, under a
# head that says it is Ke. That is an error and no key. The same wrap with Ke itself in it, made
# by the same hand, delivers: the forgery lacks nothing else.
# shellcheck disable=SC2154 # what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
D=disk/data

fetch()
{
	keyctl session - sh -c "microhsm fetch $R/$D && microhsm open \
		\$(keyctl search @s microhsm $R/$D) $TMPDIR/sealed --output $TMPDIR/opened"
}

# forged FILE KEY: the wrap of KEY, said to be of Ke
forged()
{
	instance_probe forge "$R" $D@1 alice "$W/alice.request" "$2" > "$1" &&
		[ "$(wc -c < "$1")" = 145 ]
}

heads()
{
	head -c 65 "$1" | xxd -p
}

# The store with this wrap in place of the only one
wrap_is()
{
	kill "$repositoryd" 2> /dev/null
	wait "$repositoryd" 2> /dev/null
	[ "$(sqlite3 "$W/store/db" "UPDATE wrap SET bytes = readfile('$1');
		SELECT count(*) FROM wrap WHERE bytes = readfile('$1')")" = 1 ] && office_daemon
}

plan 21
ok "r13 an office" office_open
ok "r13 a host" office_enrol alice
ok "r13 an agent" office_agent
officer dataset create $D --mode group > /dev/null
officer grant $D alice > /dev/null
export LOG_RANDOM="$W/drawn" LD_PRELOAD=/mh/bin/log_random.so
ok "r13 a key" officer instance add $D --generate
unset LOG_RANDOM LD_PRELOAD
ok "r13 its Ke, looked at on the officer's host" sh -c \
	"instance_probe ke $R $D@1 $W/drawn > $W/ke"
ok "r13 fetched" microhsm fetch "$R/$D"
echo "a licence" > plain
ok "r13 and sealed with" microhsm seal "$(keyctl search @s microhsm "$R/$D")" plain \
	--output "$TMPDIR/sealed"

head -c 32 /dev/urandom > "$W/chosen"
ok "r13 a wrap of the server's choice" forged "$W/bad" "$W/chosen"
ok "r13 one of Ke, made the same way" forged "$W/good" "$W/ke"
is "r13 they say the same of themselves" "$(heads "$W/bad")" "$(heads "$W/good")"

ok "r13 the store with the good one" wrap_is "$W/good"
ok "r13 it delivers" fetch
ok "r13 the right key" cmp plain "$TMPDIR/opened"
rm -f "$TMPDIR/opened"
ok "r13 the store with the server's choice" wrap_is "$W/bad"
fails_with "r13 it delivers nothing" 7 microhsm fetch "$R/$D" --keyring @u
not_ok "r13 no key is left anywhere" keyctl search @u microhsm "$R/$D"
not_ok "r13 by request_key(2) neither" keyctl session - keyctl request2 microhsm "$R/$D" "" @s
ok "r13 the session goes on" sh -c "keys_probe status | grep -q 'sessions=1 '"
ok "r13 the store with the good one again" wrap_is "$W/good"
ok "r13 it delivers" fetch
ok "r13 the right key" cmp plain "$TMPDIR/opened"
