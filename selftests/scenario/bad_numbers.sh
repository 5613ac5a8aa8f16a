#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# R36 R18: each number on each command line is digits, in its range, and nothing else: what is not is
# exit status 2 before anything is asked, opened or made. No daemon, no module.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
export MICROHSM_ADMIN="$PWD/none/admin"
S=$PWD/state

# Where a number goes, as @; what it may be of. TIME: a duration; ID: a user's or group's; N: from 1.
commands="
TIME repoctl entity enrol none --life @
TIME repoctl dataset create disk/data --life @
TIME repoctl dataset create disk/data --lease @
TIME repoctl grant disk/data alice --life @
TIME repoctl instance add disk/data --generate --life @
TIME repoctl delegation create --life @
TIME repoctl region create hq --life @
N    repoctl region create hq --threshold @
N    repoctl audit show --from @
ID   repoctl --passphrase-fd @ entity list
ID   microhsm init alice --state $S --uid @
ID   microhsm init alice --state $S --gid @
ID   microhsm unlock none --uid @
ID   microhsm unlock none --gid @
TIME microhsm fetch hq/disk/data --timeout @
N    microhsm fetch hq/disk/data --version @
N    microhsm fetch hq/disk/data --keyring @
N    microhsm sign --key @
N    microhsm public --key @
N    microhsm seal @
N    microhsm open @
"

# try LINE VALUE: the command of a line with that value; its exit status
try()
{
	set -f
	# shellcheck disable=SC2086 # words
	set -- "$2" $1
	set +f
	_value=$1
	shift 2
	for _word in "$@"; do
		shift
		[ "$_word" != @ ] || _word=$_value
		set -- "$@" "$_word"
	done
	timeout 10 "$@" > said 2>&1 < /dev/null
}

# refused KINDS: each line of those with each value of standard input; what does not end in 2, in
# words that name what is wrong
refused()
{
	while IFS= read -r value; do
		echo "${table:-$commands}" | grep -E "^($1) " | while IFS= read -r line; do
			try "$line" "$value"
			_rc=$?
			{ [ $_rc = 2 ] && grep -Eq 'is no (number|duration|serial)|no option -' said; } ||
				echo "$line: '$value': exit $_rc: $(head -n 1 said)"
		done
	done
}

# taken KINDS: what is not taken for what it is
taken()
{
	while IFS= read -r value; do
		echo "${table:-$commands}" | grep -E "^($1) " | while IFS= read -r line; do
			try "$line" "$value"
			_rc=$?
			! grep -Eq 'is no (number|duration|serial)' said ||
				echo "$line: '$value': exit $_rc: $(head -n 1 said)"
		done
	done
}

plan 13
is "numbers on command lines" "$(echo "$commands" | grep -c @)" 21
is "none of these is a number" "$(refused 'TIME|ID|N' << EOT

 
-1
+1
--1
0x10
1.5
1e3
1x
1s1
1 
 1
1,2
one
99999999999999999999
18446744073709551616
340282366920938463463374607431768211457
EOT
)" ""
is "nor is more than a number has room for" "$(refused 'TIME|ID' << EOT
4294967296
9223372036854775808
EOT
)" ""
is "nor is nought a time or a count" "$(refused 'TIME|N' << EOT
0
00
EOT
)" ""
is "of a time only one unit is known, after digits" "$(refused 'TIME' << EOT
0s
0d
s
5w
5S
5mm
1d12h
5 m
-5m
4294967296s
71582789m
1193047h
49711d
18446744073709551615d
307445734561825861m
EOT
)" ""
is "of a number none" "$(refused 'ID|N' << EOT
5m
1d
EOT
)" ""
is "a delegation's most are 90 days" "$(echo "
TIME repoctl delegation create --life 91d
TIME repoctl delegation create --life 7776001
TIME repoctl region create hq --life 2161h" | while read -r kind line; do
	[ -n "$kind" ] || continue
	try "$kind $line" ""
	[ $? = 2 ] && grep -q 'from 1s to 90d' said || echo "$line: $(head -n 1 said)"
done)" ""
fails_with "a quorum is no more than its officers" 2 repoctl --key none.pem region create hq --threshold 2
is "a fetch waits ten minutes at most" "$(table="TIME microhsm fetch hq/disk/data --timeout @"
	printf '601\n11m\n1h\n' | refused TIME)" ""
is "a serial number has 31 bits" "$(commands="
N microhsm fetch hq/disk/data --keyring @
N microhsm sign --key @
N microhsm seal @
N microhsm open @"
	printf '2147483648\n4294967297\n' | refused N)" ""
is "what is a number is taken" "$(printf '1\n7\n0007\n600\n' | taken 'TIME|ID|N' |
	grep -v -- '--threshold')" ""
is "and a time" "$(printf '1s\n5m\n600s\n' | taken TIME)" ""
not_ok "nothing was made" test -e "$S"
