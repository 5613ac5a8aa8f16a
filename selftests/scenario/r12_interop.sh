#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# timeout: 120
# R04 R05 R09 R12: a second implementation of SP1, written from Documentation/protocol*.rst alone,
# enrols at the real repositoryd and fetches, with Kei and Kec of each kind, by each route of its
# secrets; the daemon closes without a byte on whatever it does wrong.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

TOP=${MH_TOP:-$(pwd)}
port=$(python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])')
LISTEN=127.0.0.1:$port
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# What office.sh assigns
region=''
trap 'stop repositoryd' EXIT
trap 'exit 1' TERM INT

sp1()
{
	python3 -B -W error "$TOP/selftests/interop/run_sp1.py" "$@"
}

# enrolled NAME KEI KEC OPTION...
enrolled()
{
	_host=$1
	_print=$(sp1 request "$1" "$1.keys" "$1.request" "$2" "$3") || return 1
	shift 3
	officer entity enrol "$_host.request" --fingerprint "$_print" --output "$_host.bundle" \
		--address "$LISTEN" --binary "$@"
}

# One key, given by a file
added()
{
	head -c 32 /dev/urandom > "data/$2"
	officer instance add "a/$1" --file "data/$2" --vault vault
}

datasets()
{
	mkdir -p data
	for d in session group others; do
		mode=session
		[ $d != group ] || mode=group
		officer dataset create a/$d --mode $mode || return 1
	done
	for h in alice $HOSTS; do
		officer grant a/session "$h" && officer grant a/group "$h" || return 1
	done
	added session session.1 && added session session.2 && added group group.1 &&
		added others others.1
}

# What the program said, as ours
results()
{
	while read -r _verdict _said; do
		case $_verdict in
		ok) pass "$_said" ;;
		bad) fail "$_said" ;;
		esac
	done < "$1"
}

# brief NAME [CODE]
brief()
{
	sp1 brief "$1.keys" "$1.request" "$1.bundle" "$region" "$LISTEN" "$W/stp" data ${2:+"$2"} \
		> "$1.log" || note "the second implementation as $1: status $?"
	results "$1.log"
}

# played NAME: and revoked
played()
{
	start play sp1 play "$1.keys" "$1.request" "$1.bundle" "$region" "$LISTEN" "$W/stp" data
	wait_for 30 grep -q "revoke now" "$TMPDIR/play.log"
	ok "r37 revoked while its session is open" officer entity revoke "$1"
	wait "${play:?}" || note "the second implementation as $1: status $?"
	results "$TMPDIR/play.log"
}

# kei and kec of those whose secrets come sealed to them, or to a code
HOSTS="secret-pair pair-secret secret-secret secret-pair.code pair-secret.code secret-secret.code"

plan 277
ok "r12 an office" office_open
ok "r08 the daemon's officers enrol a second implementation" enrolled alice pair pair
for h in $HOSTS; do
	kinds=${h%.code}
	set -- "$h" "${kinds%-*}" "${kinds#*-}"
	[ "$3" = pair ] || set -- "$@" --vault vault
	[ "$kinds" = "$h" ] || set -- "$@" --code "$h"
	ok "r09 and one of kinds $h" enrolled "$@"
done
ok "r12 keys" datasets
for h in secret-pair pair-secret; do brief $h; done
for h in secret-pair pair-secret secret-secret; do brief $h.code $h.code; done
played alice
played secret-secret
ok "r40 the audit of all that" repoctl audit verify
