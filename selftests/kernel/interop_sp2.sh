#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# own-vm: yes
# kernels: 6.12
# beside: interop/run_sp2.py
# timeout: 400
# R04 R05 R08 R09 R12 R13 R17: the kernel joins a Region and fetches from an SP2 of a second
# implementation, which was written from Documentation/protocol*.rst alone and runs on the host, with
# Kei and Kec of each kind: the right key comes, and whatever that SP2 and its office do wrong is
# refused with its errno.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

# ask WORD...: what the program beside us answers
ask()
{
	printf '%s\n' "$*" | nc 10.0.2.100 7878
}

# made NAME KEI KEC: a pending identity whose request the office has
made()
{
	microhsm init "$1" --state state --kei "$2" --kec "$3" &&
		microhsm request "$1" --binary --output request || return 1
	{ printf 'request %s\n' "$(stat -c %s request)"; cat request; } | nc 10.0.2.100 7878 > said
	grep -q enrolled said
}

# joins NAME: by the last bundle; those before it are refused
joins()
{
	while :; do
		ask join > case
		read -r name want code text < case || return 1
		ask bundle > given
		[ "$want" != ok ] || break
		got=$(nlc join "1=s$(key_serial "entity:$1")" "2=0x${region#* }" "3==given" ${code:+"15=0x$code"})
		is "r09 $1 $name" "$got" "$want"
	done
	set -- "$1" ${text:+--code code}
	echo "$text" > code
	ok "r08 $*: $name" microhsm join given --region "${region% *}" --state state --identity "$@"
}

# fetch DATASET FORM: "ok SERIAL", or the errno
fetch()
{
	ioc FETCH region=hq name="$1" keyring=-3 form="$2" timeout_ms=20000 > said
	read -r _ _got _rest < said
	_rest=${_rest##*serial=}
	echo "$_got ${_rest%% *}"
}

bytes_of()
{
	keyctl pipe "$1" | od -An -v -tx1 | tr -d ' \n'
}

# What was delivered before of a DataSet that is revoked now
kept()
{
	[ "$want" = EKEYREVOKED ] || return
	microhsm keys | grep "hq/$dataset@"
	[ "$dataset" != "${had%% *}" ] || bytes_of "${had#* }" 2> /dev/null
}

# step NAME: the next case; 1 when there is none
step()
{
	ask next > case
	read -r name want dataset bytes < case || return 1
	[ "$name" != end ] || return 1
	if [ -n "$bytes" ]; then
		got=$(fetch "$dataset" 2)
		is "r12 $1 $name" "${got% *} $(bytes_of "${got#* }")" "$want $bytes"
		had="$dataset ${got#* }"
	else
		got=$(fetch "$dataset" 0)
		is "r12 $1 $name" "${got% *}$(kept)" "$want"
	fi
}

gone()
{
	microhsm forget "hq/$1" && wait_for 5 sh -c "! grep -q 'entity:hq/$1' /proc/keys"
}

# Each in its turn: a host is one identity of a Region.
plan 334
region=$(ask region)
for host in "pairs pair pair" "sealed pair secret" "both secret secret" "last secret pair"; do
	# shellcheck disable=SC2086 # its words
	set -- $host
	ok "r04 r05 an identity, Kei $2, Kec $3" made "$@"
	joins "$1"
	if [ -z "${agent:-}" ]; then
		start agent microhsm agent --state state
		wait_for 10 sh -c 'keys_probe status | grep -q agent=1'
	fi
	while step "$1"; do :; done
	[ "$1" = last ] || ok "$1 is forgotten" gone "$1"
done
ok "the agent has lived through all" kill -0 "${agent:?}"
