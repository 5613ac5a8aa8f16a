#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# R12: a second implementation of SP1, written from Documentation/protocol*.rst alone, enrols at the
# real repositoryd and fetches; the daemon closes without a byte on whatever it does wrong.
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

enrolled()
{
	officer entity enrol alice.request --fingerprint "$(sp1 request alice alice.keys alice.request)" \
		--output alice.bundle --address "$LISTEN" --binary
}

# One key, given by a file
added()
{
	head -c 32 /dev/urandom > "data/$2"
	officer instance add "a/$1" --file "data/$2"
}

datasets()
{
	mkdir -p data
	for d in session group others; do
		mode=session
		[ $d != group ] || mode=group
		officer dataset create a/$d --mode $mode || return 1
	done
	officer grant a/session alice && officer grant a/group alice &&
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

plan 93
ok "r12 an office" office_open
ok "r08 the daemon's officers enrol a second implementation" enrolled
ok "r12 keys" datasets
start play sp1 play alice.keys alice.request alice.bundle "$region" "$LISTEN" "$W/stp" data
wait_for 30 grep -q "revoke now" "$TMPDIR/play.log"
ok "r37 revoked while its session is open" officer entity revoke alice
wait "${play:?}" || note "the second implementation: status $?"
results "$TMPDIR/play.log"
ok "r40 the audit of all that" repoctl audit verify
