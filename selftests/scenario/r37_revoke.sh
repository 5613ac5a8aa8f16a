#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# timeout: 300
# R37: many hosts are revoked in one act that says before what dies and what lasts, and that touches as
# many as were expected or none; of a hundred and more the first hundredth goes first.
# shellcheck disable=SC2154 # what office.sh sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
LISTEN=''
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
TOP=${MH_TOP:-$(pwd)}
DBS='db-0 db-1 db-2 db-3 db-4'

requests()
{
	python3 -B - "$TOP/selftests/interop" "$W" "$@" <<- 'EOT'
	import sys
	sys.path.insert(0, sys.argv[1])
	import enrol
	for name in sys.argv[3:]:
	    keys = enrol.Keys(name.encode("ascii"), 1, 1)
	    with open("%s/%s.request" % (sys.argv[2], name), "wb") as f:
	        f.write(enrol.request_make(keys))
	EOT
}

enrolled()
{
	for _host; do
		_fp=$(officer entity enrol "$W/$_host.request" --fingerprint no --output "$W/b" 2>&1 |
			sed -n 's/.*fingerprint \([a-z2-7-]*\),.*/\1/p')
		officer entity enrol "$W/$_host.request" --fingerprint "$_fp" --output "$W/b" \
			--address 127.0.0.1:7878 > /dev/null || return 1
	done
}

# of how many hosts it is known that they are revoked
revoked()
{
	repoctl entity list --json | grep -c '"state": "revoked"'
}

plan 29
# shellcheck disable=SC2046 # words
WEBS=$(for i in $(seq 0 119); do echo "web-$i"; done)
ok "r37 a Region" office_open
# shellcheck disable=SC2086 # words
ok "r37 requests" requests $DBS $WEBS
# shellcheck disable=SC2086 # words
ok "r37 five hosts and a hundred and twenty" enrolled $DBS $WEBS
ok "r37 a DataSet that is copied out" officer dataset create disk/a --export logon --lease 1h
ok "r37 and one that is not" officer dataset create tls/b --algorithm p256
for i in 'disk/a db-0' 'disk/a db-1' 'tls/b db-0' 'tls/b web-0'; do
	# shellcheck disable=SC2086 # words
	ok "r37 $i" officer grant $i
done

# ---- what is not done ----
does "r37 another number than expected" 5 'this touches 5 hosts, not 4: nothing was revoked' \
	officer revoke entity --names 'db-*' --expect 4
does "r37 no number, and nobody to ask" 2 'give --expect 5' officer revoke entity --names 'db-*'
does "r37 nobody" 3 'nothing was revoked' officer revoke entity --names 'mail-*'
does "r37 one that is not there" 3 'no Entity db-9' officer revoke entity db-0 db-9
does "r37 no pattern" 2 'a-z 0-9' officer revoke entity --names '[a-z]*'
does "r37 a name and a pattern" 2 'in the place of their names' officer revoke entity db-0 --names 'db-*'
does "r37 what is that" 2 'revoke entity, member' officer revoke host db-0
does "r37 groups by a pattern" 2 'are for hosts' officer revoke group --names '*'
is "r37 nothing was" "$(revoked)" 0

# ---- what dies ----
officer revoke entity --names 'db-*' --expect 6 > "$W/said" 2>&1
says "r37 who" 'touches 5 hosts: db-0 db-1 db-2 db-3 db-4' cat "$W/said"
says "r37 what they copied" 'disk/a  *2 hosts, at the latest after 1h; what uses it has COPIED it' cat "$W/said"
not_ok "r37 and what not" grep -q 'tls/b.*COPIED' "$W/said"
says "r37 of whom" 'tls/b  *1 host,' cat "$W/said"
ok "r37 as many as expected" officer revoke entity --names 'db-*' --expect 5
is "r37 are revoked" "$(revoked)" 5
does "r37 once" 3 'nothing like that' officer revoke entity --names 'db-*'
is "r37 of a group" "$(officer revoke entity --group tls.b --expect 1 --json | tr -d ' \n')" \
	'{"revoked":"entity","up-to":{"web-0":1},"hosts":1,"data":{"tls/b":{"hosts":1,"lease":0,"retain":0,"copies":false}}}'

# ---- the first hundredth first ----
officer revoke entity --names 'web-*' --expect 119 --wait 8s > "$W/staged" 2>&1 &
staged=$!
ok "r37 the first two" wait_for 6 grep -q '2 of 119 revoked: look' "$W/staged"
is "r37 and no more yet" "$(revoked)" 8
wait $staged
is "r37 then the rest" "$(revoked)" 125
