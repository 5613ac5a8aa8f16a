# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What make demo shows: words, the command, what it said. Sourced after office.sh.
# shellcheck disable=SC2154 # what lib.sh sets

# tell LINE...: what is about to happen, for somebody who sees it for the first time
tell()
{
	echo
	printf '%s\n' "$@"
}

# The command as one would type it, and the first lines of what it said
_shown()
{
	_cmd=$*
	case $1 in
	officer) _cmd="repoctl --key officer.pem --passphrase-fd 5${_cmd#officer}" ;;
	sh) _cmd=$3 ;;
	esac
	_cmd=${_typed:-$_cmd}
	_typed=
	printf '%s\n' "$_cmd" | sed "s#$W/##g; s#$TMPDIR/##g; s#^[[:space:]]*#    #; 1s#^    #  \$ #"
	head -n "${LINES_SHOWN:-6}" "$_out" | sed "s#$W/##g; s#^#      #"
}

# typed COMMAND: what the next one is where people type it; here a function does it
typed()
{
	_typed=$1
}

# try NAME CMD...: it must succeed
try()
{
	_step=$1
	shift
	ok "$_step" "$@"
	_shown "$@"
}

# refused NAME CODE CMD...: it must exit with that code
refused()
{
	_step=$1 _code=$2
	shift 2
	fails_with "$_step" "$_code" "$@"
	_shown "$@"
}
