#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# kernels: 6.12
# R36 R18: each verb of both tools under --json gives one JSON value with the members that its man
# page lists, and nothing else, or says that it has none to give; none is left out here.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# What office.sh assigns
region='' card='' monitor=''
S=$W/state

# members FILE: those of the one value that it is, as the man pages write them
members()
{
	sqlite3 :memory: "WITH f(x) AS (SELECT CAST(readfile('$1') AS TEXT))
		SELECT CASE WHEN json_valid(x) IS NOT 1 THEN 'no JSON'
		WHEN json_type(x) = 'array' THEN '[' || (SELECT group_concat(DISTINCT m) FROM (SELECT
			(SELECT group_concat(k.key, ', ') FROM json_each(i.value) k) AS m
			FROM json_each(x) i)) || ']'
		ELSE (SELECT group_concat(key, ', ') FROM json_each(x)) END FROM f" 2>&1
}

# page VERB: what the man page says that they are
page()
{
	sed -n '/^JSON OUTPUT/,/^EXIT STATUS/p' "$(dirname "$MH_LIB")/${1%% *}.1.rst" |
		awk -v verb="${1#* }" 'last !~ /^ / && index(", " last ", ", ", " verb ", ") {
			sub(/^ */, ""); print } { last = $0 }'
}

# verb CMD...: "repoctl entity list", the tool's name for what was called
verb()
{
	case "$1 $2 $3 $4" in
	*' key create'*) _verb="repoctl officer key create" ;;
	*' key show'*) _verb="repoctl officer key show" ;;
	*' status '* | *' card '* | *' calendar '* | 'officer grant '* | 'officer revoke '*) _verb="repoctl $2" ;;
	*' review '* | *' sign '* | *' submit '*) _verb="repoctl $2" ;;
	'repoctl '* | 'officer '*) _verb="repoctl $2 $3" ;;
	esac
	[ "$1" != microhsm ] || _verb="microhsm $2"
	echo "$_verb" >> "$W/tried"
}

# json NAME CMD...: standard output is what the man page says
json()
{
	_of=$1
	shift
	verb "$@"
	"$@" --json > "$W/json" 2> "$W/said"
	is "$_of" "$? $(members "$W/json")" "0 $(page "$_verb")"
	[ -s "$W/json" ] || note "$(head -n 3 "$W/said")"
}

# none NAME CMD...: refused, and nothing on standard output
none()
{
	_of=$1
	shift
	verb "$@"
	"$@" --json > "$W/json" 2> "$W/said"
	is "$_of" "$? $(wc -c < "$W/json") $(grep -Ec 'json' "$W/said")" "2 0 1"
}

plan 60
mkdir -p "$W"
ok "an office" office_open
: > "$W/tried"
start monitor microhsm monitor --json
json "status" repoctl status
json "card" repoctl card
rm "$W/officer.pem"
json "officer key create" repoctl officer key create "$W/officer.pem" --passphrase-fd 5 \
	5< "$W/pass"
officer region create lab --card "$card" --genesis "$W/lab" > "$W/create2" 2>&1
region=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create2")
sed -i "s/^genesis.*/&\ngenesis = $region/" "$W/ini"
stop repositoryd
office_daemon
export MICROHSM_REGION="lab:$region"
json "region create" officer region create lab --card "$card" --genesis "$W/lab"
officer officer key show --output "$W/officer.pub" > /dev/null
json "region list" repoctl region list
json "region export" repoctl region export "$W/snapshot"
json "officer key show" officer officer key show
json "officer list" repoctl officer list
json "officer drill" officer officer drill
json "officer replace" officer officer replace --recovery-key "$W/officer.pub"
json "officer recover" officer officer recover
json "delegation create" officer delegation create --card "$card"
json "delegation list" repoctl delegation list
json "calendar" repoctl calendar

is "keys, when there are none" "$(microhsm keys --json)" "[]"
none "a name that JSON cannot have" microhsm init "$(printf 'a\377')" --state "$S"
none "nor a file's" repoctl region create lab --genesis "$W/$(printf 'a\377')"
json "init" microhsm init alice --state "$S"
none "request, to standard output" microhsm request alice
json "request" microhsm request alice --output "$W/alice.request"
fp=$(sed -n 's/.*"fingerprint": "\([a-z2-7-]*\)".*/\1/p' "$W/json")
none "entity enrol, to standard output" officer entity enrol "$W/alice.request" --output - \
	--fingerprint "$fp"
json "entity enrol" officer entity enrol "$W/alice.request" --output "$W/alice.bundle" \
	--address 127.0.0.1:7878 --fingerprint "$fp"
json "entity enrol, the bundle alone" officer entity enrol "$W/alice.request" \
	--output "$W/alice.bundle" --address 127.0.0.1:7878 --fingerprint "$fp"
json "entity list" repoctl entity list
json "entity show" repoctl entity show alice
json "join" microhsm join "$W/alice.bundle" --region "$region" --state "$S"
microhsm init bob --state "$S" > /dev/null
json "forget" microhsm forget lab
microhsm forget bob > /dev/null
wait_for 5 sh -c '! grep -q entity: /proc/keys'
json "unlock" microhsm unlock --state "$S"
is "of two" "$(grep -c '"blob":' "$W/json")" 2
office_agent
none "agent" microhsm agent
json "dataset create" officer dataset create disk/data
json "dataset create, as it is" officer dataset create disk/data
json "dataset list" repoctl dataset list
json "dataset show" repoctl dataset show disk/data
json "grant" officer grant disk/data alice
officer dataset create disk/proposed --propose "$W/proposal" > /dev/null 2>&1
json "review" repoctl review "$W/proposal"
json "sign" officer sign "$W/proposal"
json "submit" repoctl submit "$W/proposal"
json "instance add" officer instance add disk/data --generate
json "fetch" microhsm fetch lab/disk/data
key=$(sed -n 's/.*"key": \([0-9]*\).*/\1/p' "$W/json")
json "keys" microhsm keys
json "status" microhsm status
echo text > "$W/plain"
none "seal" microhsm seal "$key" "$W/plain"
none "open" microhsm open "$key" "$W/plain"
none "sign" microhsm sign "$W/plain"
none "public" microhsm public
json "audit show" repoctl audit show
is "audit show, from where there is none" "$(repoctl audit show --from 999999 --json)" "[]"
json "audit verify" repoctl audit verify
json "revoke" officer revoke dataset disk/proposed
json "entity revoke" officer entity revoke alice
wait_for 5 grep -q revoked "$TMPDIR/monitor.log"
stop monitor
verb microhsm monitor
n=0
while read -r line; do
	n=$((n + 1))
	echo "$line" > "$W/line$n"
	members "$W/line$n"
done < "$TMPDIR/monitor.log" | sort -u > "$W/json"
is "monitor, of each line" "$(cat "$W/json")" "$(page "microhsm monitor")"
says "of a delivery" '"event": "delivered".*"name": "disk/data"' cat "$TMPDIR/monitor.log"
"repoctl" entity show nobody --json > "$W/json" 2> /dev/null
is "a failure gives none" "$? $(wc -c < "$W/json")" "3 0"
json "drain" microhsm drain

# ---- an audit with a gap in it: no words of it either ----
stop repositoryd
cp -r "$W/store" "$W/older"
office_daemon
officer dataset create disk/lost > /dev/null
stop repositoryd
rm -r "$W/store"
mv "$W/older" "$W/store"
start repositoryd repositoryd --config "$W/ini" --accept-gap
wait_for 10 repoctl status
json "audit verify, a gap" repoctl audit verify
says "is told" '"gaps": 1' cat "$W/json"

{ repoctl --help; microhsm --help; } | sed -n 's/^  \(repoctl\|microhsm\) /\1 /p' |
	sed 's/ [A-Z[].*//; s/ *$//' | sort -u > "$W/verbs"
sort -u "$W/tried" > "$W/all"
ok "no verb is left out" diff "$W/verbs" "$W/all"
ok "of all there are" test "$(wc -l < "$W/verbs")" -ge 42
