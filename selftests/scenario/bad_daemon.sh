#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 200
# R40 R41: repositoryd where it cannot run or cannot write: configuration, addresses that are taken,
# a store that is damaged, another's, read-only or on a full disk, a keeper without its secrets.
# Each ends in its documented code with the reason; no change is half there.
# shellcheck disable=SC2154 # what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

# does NAME CODE REGEX [CMD...]: both, of a daemon with $W/bad.ini if of nothing else
does()
{
	_what=$1 _code=$2 _re=$3
	shift 3
	[ $# -gt 0 ] || set -- repositoryd --config "$W/bad.ini"
	timeout 10 "$@" > "$W/said" 2>&1
	_rc=$?
	if [ $_rc = "$_code" ] && grep -Eq -- "$_re" "$W/said"; then
		pass "$_what"
	else
		fail "$_what"
		note "exit $_rc, wanted $_code, and /$_re/:"
		note "$(head -n 5 "$W/said")"
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

plan 56
ok "a Region" office_open
ok "a host" office_enrol alice
officer dataset create disk/data > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "a key" officer instance add disk/data --generate

# ---- configuration: 2 ----
does "no configuration" 2 'No such file' repositoryd --config "$W/none.ini"
does "an option that is none" 2 'usage' repositoryd --nonsense
does "an operand" 2 'usage' repositoryd serve
with 'name = x' 'lisen = 127.0.0.1:1'
does "a key that is none" 2 'lisen: no such key'
with 'name = x' 'listen = 127.0.0.1:1' '[other]' 'a = b'
does "a section that is none" 2 'no such section'
with 'listen = 127.0.0.1:1'
does "no name" 2 'name is missing'
with 'name = x'
does "nowhere to listen" 2 'neither listen, socket nor kernel'
for bad in 'name = A b' 'handshake = 0' 'handshake = x' 'max_connections = -1' 'idle = 99999999' \
	'role = king' 'log = loud' 'audit = maybe' 'store =' 'genesis = short' \
	'genesis = abcd-efgh-ijkl-mnop-qr10' "genesis = $(printf '%065d' 0)" \
	"genesis = $(printf '%063dx' 0)"; do
	with 'name = x' 'listen = 127.0.0.1:1' "$bad"
	does "$bad" 2 "${bad%% *}: (not a value|a number out of range)"
done
for bad in 'role = repository' 'role = freshness'; do
	with 'name = x' 'listen = 127.0.0.1:1' "$bad"
	does "$bad" 2 'role: (without freshness here no host|not a value)'
done
printf 'junk\n' > "$W/bad.ini"
does "no INI at all" 2 'neither \[section\] nor key'
head -c 4000 /dev/urandom > "$W/bad.ini"
does "random bytes" 2 '.'
beside 'listen = 127.0.0.1:7900' 'user = nobody-here'
does "a user that is none" 2 'no user nobody-here'
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
does "a port that is taken" 4 '127.0.0.1:7878: the address is taken'
rm -rf "$W/two"
beside "socket = $W/stp"
does "a socket that is taken" 4 'the address is taken'
ok "and the one that has it still listens" microhsm status
beside 'listen = 192.0.2.1:7878'
does "an address that is not ours" 4 'Cannot assign'
for a in localhost:7878 7878 127.0.0.1: :7878 1.2.3.4.5:1 '[::1]' "127.0.0.1:99999"; do
	beside "listen = $a"
	does "listen = $a" 4 'not an address'
done
beside "socket = $W/two/$(printf '%0120d' 0)"
does "a socket's path that is too long" 4 'too long'
echo text > "$W/two/file"
beside "socket = $W/two/file"
does "a socket that is a file" 4 'File exists'
is "which stays" "$(cat "$W/two/file")" text

# ---- store and keeper: 3, 5 ----
beside 'listen = 127.0.0.1:7900' "store = $W/store/db"
does "another daemon's store" 3 'another repositoryd holds the store'
known > "$W/before"
rm -rf "$W/two"
beside 'listen = 127.0.0.1:7900'
head -c 8192 /dev/urandom > "$W/two/db"
does "a store that is no database" 3 'damaged|foreign|not a database'
cp "$W/two/db" "$W/two/db.was"
does "again" 3 '.'
ok "and it is left as it was" cmp "$W/two/db" "$W/two/db.was"
rm -f "$W/two/db"*
sqlite3 "$W/two/db" 'CREATE TABLE mine (x); INSERT INTO mine VALUES (1)'
does "another program's database" 3 'not .*repositoryd|foreign|damaged'
is "which is left as it was" "$(sqlite3 "$W/two/db" 'SELECT x FROM mine')" 1
rm -f "$W/two/db"*
printf x > "$W/two/keeper/sealed"
does "sealed secrets cut short" 5 'keeper.*damaged'
rm -rf "$W/two/keeper"
mkdir "$W/two/keeper"
cp "$W/keeper/sealed" "$W/two/keeper/"
head -c 32 /dev/urandom > "$W/two/keeper/seat"
chmod 600 "$W"/two/keeper/*
does "the wrong seat" 5 'do not open with this seat'
cp "$W/keeper/seat" "$W/two/keeper/"
chmod 644 "$W/two/keeper/seat"
does "a seat that others may read" 5 'mode 0600'
known > "$W/after"
ok "the office has noticed nothing of all this" cmp "$W/before" "$W/after"
