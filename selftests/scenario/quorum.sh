# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A Region of several officers, for scenarios; sourced after office.sh.
# shellcheck disable=SC2154 # what office.sh and lib.sh set

# keys NAME...: officers' keys
keys()
{
	printf 'tea\n' > "$W/pass"
	for _k; do
		repoctl officer key create "$W/$_k.pem" --passphrase-fd 5 5< "$W/pass" > /dev/null || return 1
	done
}

# by "NAME..." COMMAND...: repoctl with these officers' keys
by()
{
	_by=
	: > "$W/passes"
	for _k in $1; do
		_by="$_by --key $W/$_k.pem"
		echo tea >> "$W/passes"
	done
	shift
	# shellcheck disable=SC2086 # words
	repoctl $_by --passphrase-fd 5 "$@" 5< "$W/passes"
}

# away COMMAND...: on a machine without a daemon and without a socket
away()
{
	(
		export MICROHSM_ADMIN="$W/nowhere/admin"
		"$@"
	)
}

# quorum_open "NAME..." OPTION...: repositoryd, and a Region with these officers
quorum_open()
{
	_all=$1
	shift
	rm -rf "$W"
	mkdir -p "$W/store" "$W/keeper"
	chmod 755 "$W"
	office_ini ""
	# shellcheck disable=SC2086 # words
	office_daemon && keys $_all || return 1
	card=$(repoctl card | sed 's/.* //')
	by "$_all" region create "$R" --card "$card" --genesis "$W/genesis" "$@" > "$W/create1" 2>&1
	region=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create1")
	office_ini "genesis = $region"
	kill -HUP "${repositoryd:?}"
	wait_for 10 grep -q "configuration read again" "$TMPDIR/repositoryd.log"
	by "$_all" region create "$R" --card "$card" --genesis "$W/genesis" "$@"
}

# signed: how many statements the server took
signed()
{
	repoctl audit show | grep -c ' statement '
}
