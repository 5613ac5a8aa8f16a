#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R36 R18: each verb of both tools under --json gives JSON and nothing else, or says that it has
# none to give; none is left out here.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# What office.sh assigns
region='' card='' monitor=''
S=$W/state

# valid FILE: JSON whole, or each of its lines; not nothing
valid()
{
	whole "$1" && return
	test -s "$1" || return
	_line=0
	while IFS= read -r _json; do
		_line=$((_line + 1))
		printf %s "$_json" > "$W/line"
		whole "$W/line" || return
	done < "$1"
}

whole()
{
	[ "$(sqlite3 :memory: "SELECT json_valid(CAST(readfile('$1') AS TEXT))")" = 1 ]
}

# verb CMD...: "repoctl entity list", the tool's name for what was called
verb()
{
	case "$1 $2 $3 $4" in
	*' key create'*) echo "repoctl officer key create" ;;
	'repoctl '* | 'officer '*) echo "repoctl $2 $3" ;;
	*) echo "microhsm $2" ;;
	esac >> "$W/tried"
}

# json NAME KEY CMD...: standard output is JSON that has KEY
json()
{
	_of=$1 _key=$2
	shift 2
	verb "$@"
	if "$@" --json > "$W/json" 2> "$W/said" && valid "$W/json" && grep -q "\"$_key\":" "$W/json"; then
		pass "$_of"
	else
		fail "$_of"
		note "$*: $(head -n 3 "$W/json" "$W/said")"
	fi
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

plan 42
mkdir -p "$W"
ok "an office" office_open
: > "$W/tried"
start monitor microhsm monitor --json
json "status" server repoctl status
json "card" fingerprint repoctl card
rm "$W/officer.pem"
json "officer key create" fingerprint repoctl officer key create "$W/officer.pem" --passphrase-fd 5 \
	5< "$W/pass"
officer region create lab --card "$card" --genesis "$W/lab" > "$W/create2" 2>&1
region=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create2")
sed -i "s/^genesis.*/&\ngenesis = $region/" "$W/ini"
stop repositoryd
office_daemon
export MICROHSM_REGION="lab:$region"
json "region create" fingerprint officer region create lab --card "$card" --genesis "$W/lab"
json "region list" fingerprint repoctl region list
json "delegation create" server officer delegation create --card "$card"
json "delegation list" role repoctl delegation list

json "init" key microhsm init alice --state "$S"
none "request, to standard output" microhsm request alice
json "request" fingerprint microhsm request alice --output "$W/alice.request"
fp=$(sed -n 's/.*"fingerprint": "\([a-z2-7-]*\)".*/\1/p' "$W/json")
none "entity enrol, to standard output" officer entity enrol "$W/alice.request" --output - \
	--fingerprint "$fp"
json "entity enrol" bundle officer entity enrol "$W/alice.request" --output "$W/alice.bundle" \
	--address 127.0.0.1:7878 --fingerprint "$fp"
json "entity enrol, the bundle alone" bundle officer entity enrol "$W/alice.request" \
	--output "$W/alice.bundle" --address 127.0.0.1:7878 --fingerprint "$fp"
json "entity list" state repoctl entity list
json "entity show" kes repoctl entity show alice
json "join" key microhsm join "$W/alice.bundle" --region "$region" --state "$S"
json "forget" forgotten microhsm forget lab
wait_for 5 sh -c '! grep -q entity: /proc/keys'
json "unlock" key microhsm unlock --state "$S"
office_agent
none "agent" microhsm agent
json "dataset create" signed officer dataset create disk/data
json "dataset create, as it is" signed officer dataset create disk/data
json "dataset list" mode repoctl dataset list
json "dataset show" fetch repoctl dataset show disk/data
json "grant" group officer grant disk/data alice
json "instance add" version officer instance add disk/data --generate
json "fetch" key microhsm fetch lab/disk/data
key=$(sed -n 's/.*"key": \([0-9]*\).*/\1/p' "$W/json")
json "keys" lease-ms microhsm keys
json "status" identities microhsm status
echo text > "$W/plain"
none "seal" microhsm seal "$key" "$W/plain"
none "open" microhsm open "$key" "$W/plain"
none "sign" microhsm sign "$W/plain"
none "public" microhsm public
json "audit show" event repoctl audit show
json "audit verify" records repoctl audit verify
json "entity revoke" revoked-up-to officer entity revoke alice
wait_for 5 grep -q revoked "$TMPDIR/monitor.log"
stop monitor
ok "monitor" valid "$TMPDIR/monitor.log"
echo "microhsm monitor" >> "$W/tried"
says "of a delivery" '"event": "delivered".*"name": "disk/data"' cat "$TMPDIR/monitor.log"
"repoctl" entity show nobody --json > "$W/json" 2> /dev/null
is "a failure gives none" "$? $(wc -c < "$W/json")" "3 0"
json "drain" drained microhsm drain

{ repoctl --help; microhsm --help; } | sed -n 's/^  \(repoctl\|microhsm\) /\1 /p' |
	sed 's/ [A-Z[].*//; s/ *$//' | sort -u > "$W/verbs"
# of a noun that has no verb the next word is an operand
sed 's/ --json.*//; s/^\(repoctl \(status\|card\|grant\)\).*/\1/; s/ *$//' "$W/tried" | sort -u > "$W/all"
ok "no verb is left out" diff "$W/verbs" "$W/all"
ok "of all there are" test "$(wc -l < "$W/verbs")" -ge 33
