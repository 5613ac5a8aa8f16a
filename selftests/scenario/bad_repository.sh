#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 300
# R12 R13 R17 R32: a repository that has all its keys and lies: refuses as it likes, leaves out,
# repeats, alters, mixes up, answers with what officers signed for something else. The fetch fails
# with the errno that Documentation/uapi.rst names, the tool says why, no key is left, the next
# fetch of an honest answer is served.
# shellcheck disable=SC2086,SC2154 # an order's fields are words; what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
export MH_PASS=tea
export MH_ROGUE=$TMPDIR/orders
D=disk/data
MANIFEST=2 STATEMENT=3 WRAP=4 CHUNK=5 DONE=6 UNCHANGED=7 REFUSED=8 PUSH=9 TICKET=11

# rogue ORDER...: from now on
rogue()
{
	: > "$MH_ROGUE.new"
	for _o in "$@"; do
		echo "$_o" >> "$MH_ROGUE.new"
	done
	mv "$MH_ROGUE.new" "$MH_ROGUE"
}

# errno [FIELD=VALUE]...: how a fetch of $D ends
errno()
{
	ioc FETCH region=$R name=$D keyring=-3 timeout_ms=8000 "$@" | tail -n 1
}

# lies WANT ORDER [FIELD=VALUE]: what is not as it should be of a fetch that meets that
lies()
{
	_want=$1
	rogue "$2"
	_before=$(known)
	_got=$(errno $3 | cut -d' ' -f2)
	[ "$_got" = "$_want" ] || echo "$2: $_got, wanted $_want"
	_key=$(keyctl search @s microhsm $R/$D 2> /dev/null)
	[ "$_got" = ok ] || [ -z "$_key" ] || echo "$2: left a key"
	[ "$_got" = ok ] || [ "$(known)" = "$_before" ] || echo "$2: moved a floor"
	[ -z "$_key" ] || keyctl unlink "$_key" @s > /dev/null
}

# refused CODE ERRNO EXIT WORDS: by the ioctl, and by the tool
refused()
{
	rogue "refuse $1 1500 0"
	errno | grep -q "^FETCH $2 .*refusal=$1 .*retry_after_ms=1500" || echo "$1: $(errno)"
	_said=$(microhsm fetch $R/$D 2>&1)
	_rc=$?
	[ $_rc = "$3" ] || echo "$1: exit $_rc, wanted $3"
	echo "$_said" | grep -Eiq "$4" || echo "$1: said $_said"
}

# What is known of the identity, in memory and sealed: floors, EPOCH, revocations
known()
{
	keys_probe info "$id" | sed 's/ unsealed.*//'
}

# signed DIR [FIELD=N]...: what an officer could have signed
signed()
{
	mkdir -p "$W/$1"
	_dir=$W/$1
	shift
	stmt answer $D "$W/officer.pem" "$_dir" "$@"
}

plan 92
ok "a Region" office_open
ok "a host" office_enrol alice
officer dataset create $D > /dev/null 2>&1
officer grant $D alice > /dev/null 2>&1
ok "a key" officer instance add $D --generate
stop repositoryd
rogue
start repositoryd rogue_repositoryd --config "$W/ini"
wait_for 10 grep -q "office serves" "$TMPDIR/repositoryd.log"
ok "the agent" office_agent
id=$(microhsm keys | awk '/identity/ { print $1 }')

# ---- refusals ----
while read -r code name rc words; do
	is "refused $code: $name" "$(refused $code $name $rc "$words")" ""
done << EOT
1 ENOENT 3 no.such|no.right
2 EKEYREVOKED 8 revoked
3 EKEYREJECTED 4 suspended
4 EPERM 4 policy
5 ESTALE 4 stale|old
6 ENODATA 3 valid
7 EBUSY 6 busy
8 EDQUOT 4 limit
EOT
for code in 0 9 255; do
	is "refused $code, which is none" "$(lies EBADMSG "refuse $code 0 0")" ""
done

# ---- what is missing, twice, altered, out of order ----
for type in $MANIFEST $STATEMENT $WRAP $CHUNK; do
	is "record $type is missing" "$(lies EBADMSG "drop $type")" ""
	is "record $type is shorter by one" "$(lies EBADMSG "cut $type 1")" ""
	is "record $type is longer by one" "$(lies EBADMSG "cut $type -1")" ""
	is "record $type has another byte" "$(lies EBADMSG "flip $type 40")" ""
	is "record $type is of another REQUEST" "$(lies EBADMSG "other $type")" ""
	is "record $type comes after the end" "$(lies EBADMSG "as $type $DONE")" ""
done
for type in $MANIFEST $STATEMENT $CHUNK; do
	is "record $type comes twice" "$(lies EBADMSG "twice $type")" ""
done
is "a count that is not the answer's" "$(lies EBADMSG "flip $DONE 3")" ""
is "the end of another answer" "$(lies EBADMSG "flip $DONE 4")" ""
is "the end, longer by one" "$(lies EBADMSG "cut $DONE -1")" ""
is "no end" "$(lies ETIMEDOUT "drop $DONE")" ""
is "the stream's end in its place" "$(lies ECONNRESET "end $DONE")" ""
is "nor does it come of an end before" "$(lies ECONNRESET "end $CHUNK")" ""
is "an honest answer" "$(lies ok)" ""
says "leaves its session open" 'sessions=1 ' keys_probe status
for type in $CHUNK $DONE $MANIFEST; do
	is "record $type of an answer that has come" "$(lies ok "after $type")" ""
	ok "ends the session" wait_for 5 sh -c "keys_probe status | grep -q sessions=0"
done
is "unchanged, which nobody said to hold" "$(lies EBADMSG "as $MANIFEST $UNCHANGED")" ""
is "a refusal in an answer" "$(lies EBADMSG "as $DONE $REFUSED")" ""
for type in 0 1 $PUSH $TICKET 255; do
	is "a record $type in an answer" "$(lies EBADMSG "as $WRAP $type")" ""
done
stmt make revoke alice 9 stranger > "$W/strange"
is "a push of a stranger's statement is passed over" "$(lies ok "push $W/strange")" ""
echo nonsense > "$W/nonsense"
is "and one that is no statement" "$(lies ok "push $W/nonsense")" ""

# ---- rightly signed, and not for this ----
is "of a version that is not known" "$(lies EPROTONOSUPPORT "flip $MANIFEST 8")" ""
signed right
is "what is rightly signed is taken" "$(lies ok "with $W/right")" ""
signed program kind=2
is "a program is no key" "$(lies EOPNOTSUPP "with $W/program")" ""
signed other kind=3 len=65
is "nor is other Data, however long" "$(lies EOPNOTSUPP "with $W/other")" ""
signed ended life=0
sleep 1
is "its validity has ended" "$(lies EKEYEXPIRED "with $W/ended")" ""
signed owned owner=1
is "of another's DataSet" "$(lies EPERM "with $W/owned")" ""
signed gone tombstone=1
is "a tombstone" "$(lies ENODATA "with $W/gone")" ""
D=disk/else signed else
is "another DataSet's" "$(lies EBADMSG "with $W/else")" ""
signed mode mode=2
is "of another mode, with the wraps of this one" "$(lies EBADMSG "with $W/mode")" ""
signed mode3 mode=3
is "and of mode group" "$(lies EBADMSG "with $W/mode3")" ""
signed inputs inputs=1
is "of the same Ke, with other inputs" "$(lies EBADMSG "with $W/inputs")" ""
signed sha sha=1
is "right tags, and another SHA-256" "$(lies EBADMSG "with $W/sha")" ""
signed region region=1
is "of another Region" "$(lies EBADMSG "with $W/region")" ""
signed two version=2
is "another version, which is not what was asked" "$(lies EBADMSG "with $W/two" version=1)" ""
is "version 2" "$(lies ok "with $W/two")" ""
is "the one before, as the newest" "$(lies ESTALE "with $W/right")" ""
signed old version=1
is "nor newly signed" "$(lies ESTALE "with $W/old")" ""
is "but by its number" "$(lies ok "with $W/old" version=1)" ""
wait_for 6 sh -c "keys_probe info $id | grep -q unsealed=0"
ok "forgotten, and opened from its blob" sh -c "microhsm forget $R &&
	microhsm unlock $W/state/$R*.blob --state $W/state"
id=$(microhsm keys | awk '/identity/ { print $1 }')
signed old2 version=1
is "the version before is refused still" "$(lies ESTALE "with $W/old2")" ""
is "but by its number" "$(lies ok "with $W/old2" version=1)" ""
signed fork serial=1000000000000000 version=3
is "a statement that is ahead of all" "$(lies ok "with $W/fork")" ""
signed fork2 serial=1000000000000000 version=3
is "another of that serial" "$(lies ENOTUNIQ "with $W/fork2")" ""

# ---- a repository that may serve something else ----
D=disk/more
officer dataset create $D > /dev/null 2>&1
officer grant $D alice > /dev/null 2>&1
officer instance add $D --generate > /dev/null 2>&1
is "an honest answer" "$(lies ok)" ""
stmt narrow office "$W/officer.pem" "$W/narrow" other/
is "a DELEGATION for other DataSets" "$(stmt send "$W/narrow")" "0 "
stop agent
wait_for 5 sh -c "keys_probe status | grep -q sessions=0"
office_agent
is "an honest answer that it may not give" "$(lies EPERM)" ""
fails_with "so says the tool" 4 microhsm fetch $R/$D
