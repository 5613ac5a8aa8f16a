#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 200
# R36 R37 R28: statements that are unsigned, a stranger's, for another Region, altered in each
# byte or old, to repositoryd and to the kernel: each refused with its reason, and nothing
# of a submission is taken when one of its statements is bad.
# shellcheck disable=SC2119 # officer: its arguments are repoctl's
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
export MH_PASS=tea
# SUSPEND is for those that have the role
DENIED='^[a-z]+ .*: 3 .*(not those of the quorum|not by both quorums|SUSPEND.*may not sign that)'

# What the server and the kernel know, and that both still work
state()
{
	officer entity list 2>&1
	officer dataset list 2>&1
	repoctl audit show 2>&1 | wc -l
	microhsm status | grep '^identity'
	keys_probe info "$id"
}

unchanged()
{
	state > "$W/after"
	ok "$1: nothing has changed" cmp "$W/before" "$W/after"
}

make()
{
	stmt make "$@" > "$W/bad.stmt"
}

# each BY WANT: statements of all types by BY; those that do not end so
each_to_server()
{
	for t in 'delegation office 9' 'entity mallory 1' 'group everyone 1' 'member everyone/alice 1' \
		'dataset disk/mine 1' 'revoke alice 1' 'suspend alice 1' "anchor $R 2"; do
		# shellcheck disable=SC2086 # type, subject and serial
		make $t "$1"
		_said=$(stmt send "$W/bad.stmt")
		echo "$t: $_said" | grep -Eq "$2" || echo "$t: $_said"
	done
}

each_to_kernel()
{
	for t in 'delegation office 9' 'revoke alice 1' 'suspend alice 1' "anchor $R 2"; do
		# shellcheck disable=SC2086 # type, subject and serial
		make $t "$1"
		_said=$(stmt push "$W/bad.stmt")
		echo "$t: $_said" | grep -Eq "$2" || echo "$t: $_said"
	done
}

plan 42
ok "a Region" office_open
ok "a host" office_enrol alice
ok "its agent" office_agent
ok "a DataSet" officer dataset create disk/data
officer dataset create disk/twice > /dev/null 2>&1
ok "a DataSet again, in its mode" officer dataset create disk/twice --lease 1h --replace
ok "a right" officer grant disk/data alice
ok "a key" officer instance add disk/data --generate
stmt get epoch office.freshness > "$W/old.epoch"
stmt make delegation spare 1 "$W/officer.pem" > "$W/spare.stmt"
is "an EPOCH is followed by a newer one" "$(stmt send "$W/spare.stmt") $(stmt get epoch office.freshness | cmp -s - "$W/old.epoch" && echo same)" "0  "
ok "fetched" microhsm fetch "$R/disk/data"
id=$(microhsm keys | awk '/identity/ { print $1 }')
wait_for 5 sh -c "keys_probe info $id | grep unsealed=0"
printf 'tea\n' | repoctl officer key create "$W/stranger.pem" --passphrase-fd 0
state > "$W/before"

# The next key would go to the server, or not: no option of a DataSet that is there.
fails_with "the DataSet again in another mode" 5 officer dataset create disk/data --mode group --replace
unchanged "the DataSet again in another mode"

# ---- to the server ----
is "unsigned" "$(each_to_server none "$DENIED")" ""
is "a stranger's" "$(each_to_server stranger "$DENIED")" ""
is "an officer's of another Region" "$(each_to_server "$W/stranger.pem" \
	"$DENIED")" ""
is "for another Region" "$(each_to_server "wrong:$W/officer.pem" \
	': 3 .*signer is not known here|: 2 .*not served here')" ""
make epoch "$R" 99 "$W/officer.pem"
says "an EPOCH, be it the officer's" '^5 .*freshness' stmt send "$W/bad.stmt"
unchanged "to the server"

# ---- all or nothing ----
make revoke alice 1 "$W/officer.pem"
cp "$W/bad.stmt" "$W/good.stmt"
make dataset disk/mine 1 none
says "a good one before a bad one" '^3 DATASET disk/mine' stmt send "$W/good.stmt" "$W/bad.stmt"
says "a bad one before a good one" '^3 DATASET disk/mine' stmt send "$W/bad.stmt" "$W/good.stmt"
head -c 1000 /dev/urandom > "$W/junk"
says "a good one before what is none" '^1 a statement is malformed' stmt send "$W/good.stmt" "$W/junk"
make dataset disk/data 1 "$W/officer.pem"
says "a good one before an old serial" '^4 .*serial 1 is not above the stored 1.*serial 2' \
	stmt send "$W/good.stmt" "$W/bad.stmt"
unchanged "all or nothing"

# ---- altered ----
says "each byte, for one of three reasons" '^(status[135]=[0-9]+ )+$' stmt alter send "$W/good.stmt" 1
unchanged "altered"

# ---- by the tool ----
stranger()
{
	repoctl --key "$W/stranger.pem" --passphrase-fd 5 "$@" 5< "$W/pass"
}
fails_with "a stranger's revocation" 4 stranger entity revoke alice
says "says how many are wanted, and are there" 'asks for 1 .*and 0 of the keys' stranger \
	entity revoke alice
fails_with "a stranger's DataSet" 4 stranger dataset create disk/mine
fails_with "a stranger's right" 4 stranger grant disk/data mallory
echo coffee > "$W/nopass"
fails_with "the wrong passphrase" 4 sh -c "repoctl --key $W/officer.pem --passphrase-fd 5 \
	entity revoke alice 5< $W/nopass"
fails_with "no officer" 2 repoctl entity revoke alice
fails_with "a key that is none" 7 sh -c "repoctl --key $W/junk --passphrase-fd 5 \
	entity revoke alice 5< $W/pass"
fails_with "a key that is not there" 3 sh -c "repoctl --key $W/none.pem --passphrase-fd 5 \
	entity revoke alice 5< $W/pass"
unchanged "by the tool"

# ---- to the kernel ----
is "unsigned" "$(each_to_kernel none 'EBADMSG|suspend.*EPERM')" ""
is "a stranger's" "$(each_to_kernel stranger 'EBADMSG|suspend.*EPERM')" ""
is "for another Region" "$(each_to_kernel "wrong:$W/officer.pem" 'EBADMSG|ENOKEY')" ""
make epoch "$R" 99 "$W/officer.pem"
is "an EPOCH, be it the officer's" "$(stmt push "$W/bad.stmt")" ENOKEY
is "an older EPOCH" "$(stmt push "$W/old.epoch")" ESTALE
# the version, the features that are critical, the signer's leaf; all else is the signature's
says "each byte altered" '^EBADMSG=[0-9]+ EPROTONOSUPPORT=3 ENOKEY=32 $' stmt alter push "$W/good.stmt" 1
unchanged "to the kernel"
is "the one that was altered, whole" "$(stmt push "$W/good.stmt")" ok
fails_with "ends the host" 8 microhsm fetch "$R/disk/data"
