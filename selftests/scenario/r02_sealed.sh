#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R02 R07. A joined identity: joined once only, by no other's bundle nor another Region's fingerprint;
# sealed by the agent with what it learns; forgotten, opened again with its trust; unloading; the
# state directory of last week put back: with a file's seat it opens, and learns again from the server.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

# join BUNDLE IDENTITY FINGERPRINT
join()
{
	microhsm join "$W/$1.bundle" --region "$3" --state "$W/state" --identity "$2"
}

pending()
{
	grep -q "microhsm  *entity:$1\$" /proc/keys
}

not_pending()
{
	! pending "$1"
}

version()
{
	microhsm fetch "$R/disk/data" --json | sed -n 's/.*"version": \([0-9]*\).*/\1/p'
}

sealed()
{
	sha256sum < "$(echo "$W/state/$R"*.blob)"
}

sealed_anew()
{
	test -n "$1" && test "$(sealed)" != "$1"
}

# Last week's state directory put back, the module loaded anew
# shellcheck disable=SC2119 # module_load's are insmod's own
put_back()
{
	rm -rf "$W/state"
	cp -a "$W/last_week" "$W/state"
	module_load && microhsm unlock "$W/state/$R"*.blob --state "$W/state" && office_agent
}

revoked()
{
	microhsm fetch "$R/disk/data"
	test $? = 8
}

plan 39
ok "a Region" office_open
for who in alice bob; do
	microhsm init $who --state "$W/state" > /dev/null 2>&1
	microhsm request $who --output "$W/$who.request" 2> "$W/$who.fp"
	ok "$who is enrolled" officer entity enrol "$W/$who.request" \
		--fingerprint "$(fingerprint_of "$W/$who.fp")" --output "$W/$who.bundle" \
		--address 127.0.0.1:7878
	ok "and waits" pending $who
done
does "another Region's fingerprint" 4 'is of Region hq with fingerprint .*nothing was joined' \
	join alice alice aaaa-aaaa-aaaa-aaaa-aaaa
does "another's bundle" 3 'answers another request' join bob alice "$region"
ok "it still waits" pending alice
ok "its own" join alice alice "$region"
ok "its key has the Region's name" grep -q "microhsm  *entity:$R/alice" /proc/keys
ok "the pending one is gone" wait_for 5 not_pending alice
does "the same bundle again" 3 'no identity alice' join alice alice "$region"
does "a second of that Region" 5 'there is one already' join bob bob "$region"
ok "the agent" office_agent
officer dataset create disk/data --mode group --lease 1h > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "version 1" officer instance add disk/data --generate
before=$(sealed)
is "fetched" "$(version)" 1
says "one session" 'sessions=1 identities=2' keys_probe status
ok "the blob follows the version's floor" wait_for 5 sealed_anew "$before"
cp -a "$W/state" "$W/last_week"
last_week=$(sealed)

ok "forgotten" microhsm forget $R
ok "its session ends" wait_for 5 sh -c "keys_probe status | grep -q sessions=0"
does "nothing is fetched" 3 'is the identity unlocked' microhsm fetch $R/disk/data
ok "opened again" sh -c "microhsm unlock $W/state/$R*.blob --state $W/state"
is "and fetches" "$(version)" 1
ok "version 2" officer instance add disk/data --generate
is "is the newest" "$(version)" 2
says "the dump tells of the Region" "\"region\": *\"$R\"" microhsm status --json
ok "it has a session" wait_for 5 sh -c "keys_probe status | grep -q sessions=1"
ok "the agent killed" sh -c "kill -KILL ${agent:?}"
ok "its sessions end" wait_for 5 sh -c "keys_probe status | grep -q sessions=0"
ok "drain" microhsm drain
ok "unloaded" wait_for 6 rmmod microhsm

ok "last week's state opens, with a file's seat" put_back
is "it gets what is newest" "$(version)" 2
ok "what it learns anew is sealed" wait_for 5 sealed_anew "$last_week"
ok "the host is revoked" officer entity revoke alice
ok "and told so" wait_for 5 revoked
stop agent
microhsm drain
ok "unloaded again" wait_for 6 rmmod microhsm
ok "last week's state opens still" put_back
ok "and is revoked as it was" revoked
