#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# own-vm: yes
# ram: file
# beside: interop/look.py
# timeout: 200
# R02 R15 R18 R37: all of the machine's memory, freed pages too, is searched for an identity's keys,
# its Seat, session keys, delivered keys, and for what is made on the way to them. What the kernel
# keeps is found while it keeps it, and at no other time; what serves once is never found.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

# ask WORD...: what the program beside us answers
ask()
{
	printf '%s\n' "$*" | nc 10.0.2.100 7878
}

# tell "WORDS" FILE...: the words, the files' lengths, the files
tell()
{
	_words=$1
	shift
	{ echo "$_words" "$(stat -c %s "$@" | xargs)"; cat "$@"; } | nc 10.0.2.100 7878 > said
}

# made NAME KEI KEC: a pending identity whose request the office has
made()
{
	microhsm init "$1" --state state --kei "$2" --kec "$3" &&
		microhsm request "$1" --binary --output request && tell request request &&
		grep -q enrolled said
}

joins()
{
	ask join > /dev/null
	ask bundle > given
	microhsm join given --region "${region% *}" --state state --identity "$1"
}

# known BLOB: the program beside us knows its secrets, too
known()
{
	tell blob state/device-secret "state/$1.blob" && grep -q opened said
}

# What is known, and what of it is in memory, whole or in part
look()
{
	rm -f seen known
	ask look > seen
	ask forms > known
	cat seen
}

# kinds WHICH FILE: their names, each once
kinds()
{
	sed -En "s/^(($1)\.[^ ]*).*/\1/p" "$2" | sort -u | xargs
}

# there NAME WHICH: all that is known of these kinds is found
there()
{
	is "$1" "$(kinds "$2" seen)" "$(kinds "$2" known | grep .)"
}

# gone NAME WHICH: none of it is, of what is known
gone()
{
	is "$1" "$(kinds "$2" known | grep -c .) $(grep -c '^in ' seen) $(kinds "$2" seen)" "1 1 "
}

# fetches MODE: a key of 32 bytes that is not to be read
fetches()
{
	name=$(ask data "$1") && microhsm fetch "hq/$name"
}

away()
{
	wait_for 5 sh -c "! grep -q '$1' /proc/keys"
}

plan 39
region=$(ask region)
for host in "pairs pair pair" "both secret secret"; do
	# shellcheck disable=SC2086 # its words
	set -- $host
	ok "r02 an identity, Kei $2, Kec $3" made "$@"
	ok "$1: its secrets are known" known "$1"
	ok "$1 joins" joins "$1"
	ok "$1: those that it has then, too" known "hq+$1"
	if [ -z "${agent:-}" ]; then
		start agent microhsm agent --state state
		wait_for 10 sh -c 'keys_probe status | grep -q agent=1'
	fi
	ok "r18 $1 fetches in mode session" fetches session
	for _ in 1 2 3; do
		ok "r18 $1 fetches in mode group" fetches group
	done
	look
	there "r02 $1: what the kernel keeps is found" "identity|session|data"
	gone "r02 $1: what serves once is not" spent
	ask end > said
	wait_for 5 sh -c 'keys_probe status | grep -q sessions=0'
	look
	gone "r15 $1: with the session its keys are gone" session
	keyctl clear @s
	away "hq/w/$1"
	look
	gone "r18 $1: delivered keys are gone when they are unlinked" data
	there "r02 $1: the identity is there" identity
	ok "r18 $1 fetches once more" microhsm fetch "hq/$name"
	ok "r02 $1 is forgotten" microhsm forget "hq/$1"
	away "entity:hq/$1"
	look
	gone "r02 $1: and all that it had, but for its keys" "identity|session|spent"
	there "r18 $1: which have a lease of their own" data
	keyctl clear @s
	away "hq/w/$1"
done
ok "r02 the blob opens it again" microhsm unlock state/hq+both.blob --state state
ok "r18 it fetches again" fetches group
look
there "r02 all is found again" "data|session"
microhsm drain
wait_for 10 rmmod microhsm
ok "r02 the module is gone" sh -c '! grep -q ^microhsm /proc/modules'
look
gone "r02 and so is all of it" "identity|session|data|spent"
