#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 200
# kernels: 6.12
# R40 R41: repositoryd where it cannot run or cannot write: configuration, addresses that are taken,
# a store that is damaged, another's, read-only or on a full disk, a keeper without its secrets.
# Each ends in its documented code with the reason; no change is half there.
# shellcheck disable=SC2154 # what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

# daemon NAME CODE REGEX [OPTION...]: how it ends, with $W/bad.ini if with nothing else
daemon()
{
	_what=$1 _code=$2 _re=$3
	shift 3
	[ $# -gt 0 ] || set -- --config "$W/bad.ini"
	does "$_what" "$_code" "$_re" timeout 10 repositoryd "$@"
}

# wrong NAME REGEX: --check says so of $W/bad.ini, and a daemon does not start with it
wrong()
{
	timeout 10 repositoryd --config "$W/bad.ini" --check > "$W/checked" 2>&1
	_rc=$?
	if [ $_rc = 2 ] && grep -Eq -- "$2" "$W/checked"; then
		daemon "$1" 2 "$2"
	else
		fail "$1"
		note "--check: exit $_rc, wanted 2, and /$2/:"
		note "$(head -n 5 "$W/checked")"
	fi
}

# with LINE...: a daemon with these lines for a configuration
with()
{
	printf '%s\n' '[repositoryd]' "$@" > "$W/bad.ini"
}

# One like the office's beside it, but for lines given
beside()
{
	mkdir -p "$W/two"
	with 'name = two' "admin = $W/two/admin" "store = $W/two/db" "keeper = $W/two/keeper" "$@"
}

known()
{
	officer entity list
	officer dataset list
	repoctl audit show | wc -l
}

plan 72
ok "a Region" office_open
ok "a host" office_enrol alice
officer dataset create disk/data > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "a key" officer instance add disk/data --generate

# ---- configuration: 2, and --check knows it ----
says "--check of what runs" 'ini: right$' repositoryd --config "$W/ini" --check
daemon "no configuration" 2 'No such file' --config "$W/none.ini"
daemon "an option that is none" 2 'usage' --nonsense
daemon "an operand" 2 'usage' serve
with 'name = x' 'lisen = 127.0.0.1:1'
wrong "a key that is none" 'lisen: no such key'
with 'name = x' 'listen = 127.0.0.1:1' '[other]' 'a = b'
wrong "a section that is none" 'no such section'
with 'listen = 127.0.0.1:1'
wrong "no name" 'name is missing'
with 'name = x'
wrong "nowhere to listen" 'neither listen, socket nor kernel'
printf 'junk\n' > "$W/bad.ini"
wrong "no INI at all" 'neither \[section\] nor key'
head -c 4000 /dev/urandom > "$W/bad.ini"
wrong "random bytes" '.'
long=$W/two/$(printf '%0120d' 0)
while read -r bad; do
	[ "${bad#=}" = "$bad" ] || { why=${bad#= }; continue; }
	beside 'listen = 127.0.0.1:7900' "$bad"
	wrong "$(echo "$bad" | cut -c 1-60)" "${bad%% *} = .*: $why"
done << EOT
= not a value
name = A b
role = king
role = freshness
log = loud
audit = maybe
store =
genesis = short
genesis = abcd-efgh-ijkl-mnop-qr10
genesis = $(printf '%065d' 0)
genesis = $(printf '%063dx' 0)
= without freshness here no host could be served
role = repository
= a number out of range
handshake = 0
handshake = x
max_connections = -1
max_connections = 65537
idle = 99999999
= not an address
listen = localhost:7878
listen = 7878
listen = 127.0.0.1:
listen = :7878
listen = 1.2.3.4.5:1
listen = [::1]
listen = 127.0.0.1:99999
= too long for a socket
socket = $long
admin = $long
= no such user or group
user = nobody-here
keeper_user = nobody-here
admin_group = nobody-here
= not in a directory that is there
keeper = $W/two/none/keeper
keeper = $W/ini
keeper = $W/ini/keeper
store = $W/two/none/store/db
store = $W/ini/db
socket = $W/two/none/run/stp
admin = $W/two/none/run/admin
kernel = $W/two/none/state
EOT
beside 'listen = 127.0.0.1:7900'
does "too few descriptors" 2 'max_connections = 1024 needs .*LimitNOFILE=' \
	sh -c "ulimit -n 1024; exec repositoryd --config $W/bad.ini"
is "nothing was made of any" "$(ls "$W/two")" ""

beside 'listen = 127.0.0.1:7900' 'max_connections = 100'
start tight sh -c "ulimit -n 300; exec repositoryd --config $W/bad.ini"
wait_for 10 grep -q 'two serves' "$TMPDIR/tight.log"
beside 'listen = 127.0.0.1:7900' 'max_connections = 1000'
kill -HUP "$tight"
ok "a reload that wants more than may be is not taken" wait_for 5 sh -c \
	"grep -q LimitNOFILE= $TMPDIR/tight.log && grep -q 'not taken' $TMPDIR/tight.log"
ok "and it goes on" env MICROHSM_ADMIN="$W/two/admin" repoctl status
stop tight
rm -rf "$W/two"

# ---- addresses: 4 ----
beside 'listen = 127.0.0.1:7878'
daemon "a port that is taken" 4 '127.0.0.1:7878: the address is taken'
rm -rf "$W/two"
beside "socket = $W/stp"
daemon "a socket that is taken" 4 'the address is taken'
ok "and the one that has it still listens" microhsm status
beside 'listen = 192.0.2.1:7878'
ok "--check does not ask whether an address is there" repositoryd --config "$W/bad.ini" --check
daemon "an address that is not ours" 4 'Cannot assign'
echo text > "$W/two/file"
beside "socket = $W/two/file"
daemon "a socket that is a file" 4 'File exists'
is "which stays" "$(cat "$W/two/file")" text

# ---- store and keeper: 3, 5 ----
beside 'listen = 127.0.0.1:7900' "store = $W/store/db"
daemon "another daemon's store" 3 'another repositoryd holds the store'
known > "$W/before"
rm -rf "$W/two"
beside 'listen = 127.0.0.1:7900'
head -c 8192 /dev/urandom > "$W/two/db"
daemon "a store that is no database" 3 'damaged|foreign|not a database'
cp "$W/two/db" "$W/two/db.was"
daemon "again" 3 '.'
ok "and it is left as it was" cmp "$W/two/db" "$W/two/db.was"
rm -f "$W/two/db"*
sqlite3 "$W/two/db" 'CREATE TABLE mine (x); INSERT INTO mine VALUES (1)'
daemon "another program's database" 3 'not .*repositoryd|foreign|damaged'
is "which is left as it was" "$(sqlite3 "$W/two/db" 'SELECT x FROM mine')" 1
rm -f "$W/two/db"*
printf x > "$W/two/keeper/sealed"
daemon "sealed secrets cut short" 5 'keeper.*damaged'
rm -rf "$W/two/keeper"
mkdir "$W/two/keeper"
cp "$W/keeper/sealed" "$W/two/keeper/"
head -c 32 /dev/urandom > "$W/two/keeper/seat"
chmod 600 "$W"/two/keeper/*
daemon "the wrong seat" 5 'do not open with this seat'
cp "$W/keeper/seat" "$W/two/keeper/"
chmod 644 "$W/two/keeper/seat"
daemon "a seat that others may read" 5 'mode 0600'
rm -rf "$W/two/keeper"
cp "$W/store/db" "$W/two/db"
daemon "a store that was served, and no keys" 5 \
	'keeper/sealed is not there, .*start once with --new-keys'
not_ok "none are made" test -e "$W/two/keeper/sealed"
known > "$W/after"
ok "the office has noticed nothing of all this" cmp "$W/before" "$W/after"
