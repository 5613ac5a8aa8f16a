#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# kernels: 6.12
# own-vm: yes
# timeout: 180
# README.md's commands as they stand there, in its order, by a person who answers what is asked.
# The host and the office are one machine here; its users are there, and its module is loaded.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

README=$(dirname "${MH_LIB:-selftests/lib.sh}")/README.md
[ -e "$README" ] || README=README.md

# The indented lines between a title and the next title, without their comments
commands()
{
	awk -v title="$1" '/^#/ { inside = ($0 == title) } inside && /^    / { print substr($0, 5) }' \
		"$README" | sed 's/  *#.*//'
}

# What is asked, and what is typed
person()
{
	typist 'New passphrase: ' 'four horses' 'Again: ' 'four horses' \
		'Passphrase of me.pem: ' 'four horses' 'Type it, or yes: ' yes -- "$@"
}

# shellcheck disable=SC2119 # module_load's are insmod's own
# typed COMMAND: one line of README.md; what it showed is in $TMPDIR/shown
typed()
{
	case $1 in
	*' &') eval "start ${1%% *} ${1% &}" ;;
	'modprobe microhsm') module_load ;;
	export*) eval "$1" ;;
	*) person sh -c "$1" > "$TMPDIR/shown" 2>&1 ;;
	esac
	_rc=$?
	cat "$TMPDIR/shown"
	return $_rc
}

# section TITLE: all of it, one after the other
section()
{
	commands "$1" > "$TMPDIR/section"
	while read -r line <&4; do
		ok "$line" typed "$line"
		case $line in
		*agent*) wait_for 10 grep -q attached "$TMPDIR/microhsm.log" ;;
		esac
	done 4< "$TMPDIR/section"
}

plan 30
ip addr add 192.0.2.1/32 dev lo
office='### 1. The office: a server and an officer'
commands "$office" > all
is "the server's users" "$(grep '^useradd' all)" "useradd --system microhsm
useradd --system microhsm-sp"
ok "and its directory" sh -c "$(grep '^mkdir' all)"
sed -n '/^\[repositoryd\]/,/^keeper_user/p' all > /etc/microhsm/repositoryd.ini
ok "its configuration" repositoryd --check

# The first run fails, as README.md says, and shows what the next command needs
sed -n '/^repositoryd /,$p' all > rest
first=$(grep -n 'region create' rest | head -n 1)
is "a Region takes two runs" "$(grep -c "^${first#*:}\$" rest)" 2
region=
while read -r line <&4; do
	if [ "$line" = "${first#*:}" ] && [ -z "$region" ]; then
		fails_with "$line" 4 typed "$line"
		region=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$TMPDIR/shown")
	else
		ok "$line" typed "$(echo "$line" | sed "s/FINGERPRINT/${region:-none}/")"
	fi
	case $line in
	repositoryd*) wait_for 10 grep -q 'office serves' "$TMPDIR/repositoryd.log" ;;
	kill*) wait_for 10 grep -q 'read again' "$TMPDIR/repositoryd.log" ;;
	esac
done 4< rest

section '### 2. The host asks'
section '### 3. The office answers'
section '### 4. The host fetches'
says "the key is there" 'key +hq/disk/data@1, lease ends in 4[0-9]{4} s' microhsm keys

# A boot, but for the power
ok "drained, as README.md says" microhsm drain
ok "and unloaded" wait_for 6 rmmod microhsm
section '## Later'
