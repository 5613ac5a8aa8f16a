#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 240
# R12 R13 R17 R28 R32 R37 R52: fetches that are not to be: of what is not there or not the host's
# (the same answer), by a host that the server does not know, suspends or has revoked, past a
# quota, of a Region that is another. Each errno of FETCH and of the uses of a key that
# uapi/linux/microhsm.h names and a host can meet.
# shellcheck disable=SC2086,SC2154 # a call and its fields are words; what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
export MH_PASS=tea
export MH_ERRNOS=$TMPDIR/errnos

# errno CALL...: how the last call ended
errno()
{
	ioc "$@" | tail -n 1 | cut -d' ' -f2
}

# fetch_errno DATASET [FIELD=VALUE]...
fetch_errno()
{
	_d=$1
	shift
	errno FETCH region=$R name="$_d" keyring=-3 timeout_ms=8000 "$@"
}

# what the tool says of DATASET, without its name; and its exit code
answer()
{
	microhsm fetch "$R/$1" 2>&1 | sed "s|$1|X|g"
	microhsm fetch "$R/$1" > /dev/null 2>&1
	echo "exit $?"
}

held()
{
	keyctl rlist @s | wc -w
}

quiet()
{
	keys_probe status | grep -q 'requests=0 .*double=0'
}

plan 73
ok "a Region" office_open
ok "a host" office_enrol alice
for d in 'disk/data' 'disk/short --lease 2s' 'tls/www --algorithm p256' 'disk/group --mode group' \
	'other/secret' 'disk/none' 'disk/old'; do
	officer dataset create $d > /dev/null 2>&1
done
for d in disk/data disk/short tls/www disk/group disk/none disk/old; do
	officer grant $d alice > /dev/null 2>&1
done
for d in disk/data disk/short tls/www disk/group other/secret; do
	officer instance add $d --generate > /dev/null 2>&1
done
officer instance add disk/old --generate --life 2s > /dev/null 2>&1
ok "the agent" office_agent
n=$(held)

# ---- not there, or not its own ----
is "a DataSet without a right: ENOENT" "$(fetch_errno other/secret)" ENOENT
is "one that is not there: ENOENT" "$(fetch_errno no/such)" ENOENT
is "the same answer to the letter" "$(answer other/secret)" "$(answer no/such)"
is "the same code by keyctl" "$(keyctl request2 microhsm $R/other/secret '' @s 2>&1)" \
	"$(keyctl request2 microhsm $R/no/such '' @s 2>&1)"
is "one without an Instance" "$(fetch_errno disk/none)" ENOENT
is "a version that is not there" "$(fetch_errno disk/data version=9)" ENOENT
# in a session of its own: as long as it is valid it is delivered
ok "one whose validity has ended: ENODATA" wait_for 8 keyctl session - sh -c \
	"ioc FETCH region=$R name=disk/old keyring=-3 | grep ENODATA"
fails_with "so says the tool" 3 microhsm fetch $R/disk/old
fails_with "says that there is none" 3 microhsm fetch $R/disk/data --version 9
is "a Region that is not joined" "$(errno FETCH region=eu name=disk/data keyring=-3)" ENOKEY
fails_with "so says the tool" 3 microhsm fetch eu/disk/data
id=$(microhsm keys | awk '/identity/ { print $1 }')
is "an identity of another Region" \
	"$(errno FETCH region=eu identity=$id name=disk/data keyring=-3)" EINVAL
is "another user's identity" "$(errno uid=1000 FETCH region=$R name=disk/data keyring=-3)" EACCES
fails_with "so says the tool" 4 keys_probe uid 1000 microhsm fetch $R/disk/data
is "an export that no policy allows" "$(fetch_errno disk/data form=1)" EACCES
ro=$(keyctl newring ro @s)
keyctl setperm "$ro" 0x0b0b0000
is "a keyring that may not be written" "$(fetch_errno disk/data keyring="$ro")" EACCES
is "a key that is no keyring" "$(fetch_errno disk/data keyring="$(keyctl add user u v @s)")" ENOTDIR
keyctl unlink "$ro" @s
keyctl purge user u > /dev/null
is "none of these left a key" "$(held)" "$n"

# ---- quotas ----
is "sixteen pending fetches of a user" "$(ioc_pending 17 $R disk/data 2> /dev/null | tail -n 1)" \
	"EDQUOT after 16"
ok "they go with their descriptors" wait_for 5 quiet
was=$(cat /proc/sys/kernel/keys/root_maxkeys)
ok "a key to hold" microhsm fetch $R/disk/data
echo 1 > /proc/sys/kernel/keys/root_maxkeys
is "the user's quota of keys" "$(fetch_errno tls/www)" EDQUOT
fails_with "so says the tool" 1 microhsm fetch $R/tls/www
says "and what to do" 'quota is reached; unlink keys' microhsm fetch $R/tls/www
echo "$was" > /proc/sys/kernel/keys/root_maxkeys
is "with room again" "$(fetch_errno tls/www)" ok

# ---- uses ----
aes=$(microhsm fetch $R/disk/data)
ec=$(microhsm fetch $R/tls/www)
is "not to be read" "$(keyctl print "$aes" 2>&1 | grep -Ec 'denied|not supported')" 1
is "AEAD does not open" "$(errno AEAD serial=$aes op=2 in=@40 in_len=40 out=@40 out_len=40)" EBADMSG
is "AEAD with a P-256 key" "$(errno AEAD serial=$ec op=1 out=@16 out_len=16)" EKEYREJECTED
is "STREAM with a P-256 key" "$(errno STREAM_BEGIN serial=$ec op=1)" EKEYREJECTED
is "SIGN with a delivered key" "$(errno SIGN serial=$ec)" EKEYREJECTED
is "JOIN of a delivered key" "$(nlc join "1=s$aes" "2=0x$(printf '%064d' 0)" 3=@200)" EKEYREJECTED
is "STREAM: too little room" \
	"$(errno STREAM_BEGIN serial=$aes op=1 -- STREAM in=@5 in_len=5 out=@20 out_len=20 last=1)" ENOSPC
is "STREAM: a short chunk that is not the last" \
	"$(errno STREAM_BEGIN serial=$aes op=1 -- STREAM in=@5 in_len=5 out=@21 out_len=21)" EINVAL
is "STREAM: past its chunk" "$(errno STREAM_BEGIN serial=$aes op=1 -- \
	STREAM in=@16385 in_len=16385 out=@17000 out_len=17000)" EINVAL
is "STREAM: bad memory" "$(errno STREAM_BEGIN serial=$aes op=1 -- \
	STREAM in=bad in_len=5 out=@21 out_len=21 last=1)" EFAULT
is "STREAM: what does not open" "$(errno STREAM_BEGIN serial=$aes op=2 -- \
	STREAM in=@40 in_len=40 out=@40 out_len=40 last=1)" EBADMSG
is "STREAM: and that ends it" "$(errno STREAM_BEGIN serial=$aes op=2 -- \
	STREAM in=@40 in_len=40 out=@40 out_len=40 last=1 -- STREAM last=1)" ENOKEY
short=$(microhsm fetch $R/disk/short)
ok "a lease that ends" wait_for 6 sh -c "ioc SIGN serial=$short | grep -E 'EKEYEXPIRED|ENOKEY'"
is "a delivered key is no identity" "$(errno BLOB serial=$aes buf=@1 len=1)" EKEYREJECTED
is "a joined identity has no request to make" "$(errno REQUEST serial=$id buf=@2048 len=2048)" EINVAL
is "nor may it be collected twice" "$(errno FETCH flags=1 region=$R name=disk/data keyring=-3 -- \
	COLLECT region=$R name=disk/data keyring=-3 poll=5000 -- \
	COLLECT region=$R name=disk/data keyring=-3)" ENOENT
is "one asynchronous fetch a descriptor" "$(errno FETCH flags=1 region=$R name=disk/data keyring=-3 -- \
	FETCH flags=1 region=$R name=disk/data keyring=-3)" EBUSY
is "begun is EINPROGRESS" "$(errno FETCH flags=1 region=$R name=disk/data keyring=-3)" EINPROGRESS
is "another's name is not collected" "$(errno FETCH flags=1 region=$R name=disk/data keyring=-3 -- \
	COLLECT region=$R name=tls/www keyring=-3 poll=5000)" EINVAL

# ---- suspended ----
stmt suspend alice "$W/officer.pem" "$W/role.stmt" "$W/suspend.stmt"
is "an hour's suspension" "$(stmt send "$W/role.stmt" "$W/suspend.stmt")" "0 "
ok "suspended: EKEYREJECTED" wait_for 5 sh -c \
	"ioc FETCH region=$R name=disk/data keyring=-3 | grep EKEYREJECTED"
fails_with "so says the tool" 4 microhsm fetch $R/disk/data
stmt suspend alice "$W/officer.pem" "$W/role.stmt" "$W/suspend.stmt" 0
is "and its end" "$(stmt send "$W/role.stmt" "$W/suspend.stmt")" "0 "
ok "then it fetches again" wait_for 10 microhsm fetch $R/disk/data

# ---- agents that fail it ----
kill "$agent"
wait_for 6 sh -c "keys_probe status | grep -q agent=0"
is "sessions that an agent hoards: EDQUOT" "$(ioc_hoard $R disk/data | tail -n 1)" "EDQUOT after 1024"
ok "they go with it" wait_for 10 sh -c "keys_probe status | grep -q 'requests=0 sessions=0'"
is "no agent: ENOTCONN" "$(fetch_errno disk/data)" ENOTCONN
start stuck keys_probe agent deaf
wait_for 5 grep -q 'attach ok' "$TMPDIR/stuck.log"
is "an agent that does nothing: ETIMEDOUT" "$(fetch_errno disk/data timeout_ms=700)" ETIMEDOUT
is "too early to collect: EAGAIN" "$(errno FETCH flags=1 region=$R name=disk/data keyring=-3 -- \
	COLLECT region=$R name=disk/data keyring=-3)" EAGAIN
fails_with "so says the tool" 9 microhsm fetch $R/disk/data --timeout 1s
start gone ioc FETCH region=$R name=disk/data keyring=-3 timeout_ms=20000
wait_for 5 sh -c "keys_probe status | grep -q requests=1"
kill -KILL "$stuck"
wait "$gone"
is "its agent dies: ECONNRESET" "$(cut -d' ' -f2 "$TMPDIR/gone.log")" ECONNRESET
start agent microhsm agent --state "$W/state"
wait_for 5 grep -q attached "$TMPDIR/agent.log"
stop repositoryd
is "no upstream: EHOSTUNREACH" "$(fetch_errno disk/data)" EHOSTUNREACH

# ---- a server of the same Region that does not know the host ----
mkdir "$W/two"
sed "s|$W|$W/two|; s|= office|= two|" "$W/ini" > "$W/two/ini"
start two repositoryd --config "$W/two/ini"
wait_for 10 grep -q 'two serves' "$TMPDIR/two.log"
two()
{
	MICROHSM_ADMIN=$W/two/admin "$@"
}
two officer region create $R --card "$(two repoctl card | sed 's/.* //')" --genesis "$W/genesis" \
	> /dev/null
says "another serves the Region" '"serving": *true' two repoctl --json status
is "and does not know the host: closed, no more" "$(fetch_errno disk/data)" ECONNRESET
fails_with "so says the tool" 6 microhsm fetch $R/disk/data
two officer entity enrol "$W/alice.request" --fingerprint "$(fingerprint_of "$W/alice.fp")" \
	--output "$W/two/bundle" --address 127.0.0.1:7878 > /dev/null
is "once it does, it answers" "$(fetch_errno disk/data)" ENOENT
stop two
office_daemon
ok "its own server" microhsm fetch $R/disk/data --timeout 10s

# ---- revoked ----
officer entity revoke alice > /dev/null 2>&1
ok "revoked: EKEYREVOKED" wait_for 5 test "$(fetch_errno disk/data)" = EKEYREVOKED
fails_with "so says the tool" 8 microhsm fetch $R/disk/data
is "its keys are of no use" "$(errno AEAD serial=$aes op=1 out=@16 out_len=16 |
	grep -Ec 'EKEYREVOKED|ENOKEY')" 1

# ---- after a drain ----
wait_for 5 sh -c "! keyctl rdescribe $aes"
is "drained" "$(errno DRAIN)" ok
for c in INIT\ name=zoe "UNLOCK blob=@300 len=300 seats=seat:s nseats=1" ATTACH; do
	is "drained: $c" "$(errno $c)" ESHUTDOWN
done

# What uapi/linux/microhsm.h names, beside what kernel/bad_ioctl.sh has, and what only a server that
# lies brings about, which is scenario/bad_repository.sh's.  EINTR is nobody's to see, as only a
# fatal signal ends the wait.
is "each call was met with each of its errnos" "$(while read -r call errnos; do
	for e in $errnos; do
		grep -qx "$call $e" "$MH_ERRNOS" || echo "$call $e"
	done
done << EOT
FETCH ok EACCES EDQUOT EBUSY EINPROGRESS ENOENT ENODATA EKEYREVOKED EKEYREJECTED ENOTCONN ETIMEDOUT
FETCH EHOSTUNREACH ECONNRESET ENOTDIR EINVAL ENOKEY
COLLECT ok EAGAIN ENOENT EINVAL
AEAD EBADMSG EKEYREJECTED
STREAM_BEGIN ok EKEYREJECTED
STREAM EINVAL EFAULT ENOSPC EBADMSG ENOKEY
SIGN EKEYREJECTED
BLOB EKEYREJECTED
REQUEST EINVAL
SESSION EDQUOT
DRAIN ok
INIT ESHUTDOWN
UNLOCK ESHUTDOWN
ATTACH ESHUTDOWN
EOT
)" ""
