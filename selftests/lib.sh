# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What a test script says its verdict with, in the VM and on the host. Sourced
# first; then `plan N`, then exactly N results. Results leave on descriptor 3,
# which the runner reads; everything else a script prints is log.

# Run by hand, outside a runner: results go to the terminal.
(: >&3) 2> /dev/null || exec 3>&1

_n=0
_bad=0
: "${TMPDIR:=/tmp}"
_out=$TMPDIR/out.$$

plan()
{
	echo "1..$1" >&3
}

note()
{
	echo "# $*" >&3
}

pass()
{
	_n=$((_n + 1))
	echo "ok $_n - $*" >&3
}

fail()
{
	_n=$((_n + 1))
	_bad=1
	echo "not ok $_n - $*" >&3
}

_show()
{
	tail -n 15 "$_out" | while IFS= read -r _l; do note "  $_l"; done
}

# ok NAME CMD...: the command must succeed.
ok()
{
	_name=$1
	shift
	if "$@" > "$_out" 2>&1; then
		pass "$_name"
	else
		_rc=$?
		fail "$_name"
		note "exit $_rc: $*"
		_show
	fi
}

# not_ok NAME CMD...: it must fail, but not by a signal or for want of a program.
not_ok()
{
	_name=$1
	shift
	"$@" > "$_out" 2>&1
	_rc=$?
	if [ $_rc -gt 0 ] && [ $_rc -lt 126 ]; then
		pass "$_name"
	else
		fail "$_name"
		note "exit $_rc, wanted 1..125: $*"
		_show
	fi
}

# does NAME CODE REGEX CMD...: it must exit with exactly this code, and its output hold the extended
# regex, if there is one.
does()
{
	_name=$1
	_want=$2
	_re=$3
	shift 3
	"$@" > "$_out" 2>&1
	_rc=$?
	if [ $_rc = "$_want" ] && { [ -z "$_re" ] || grep -Eq -- "$_re" "$_out"; }; then
		pass "$_name"
	else
		fail "$_name"
		note "exit $_rc, wanted $_want${_re:+ and /$_re/}: $*"
		_show
	fi
}

# fails_with NAME CODE CMD...: it must exit with exactly this code.
fails_with()
{
	_name=$1
	_want=$2
	shift 2
	does "$_name" "$_want" '' "$@"
}

# is NAME GOT WANT
is()
{
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1"
		note "got:  $2"
		note "want: $3"
	fi
}

# says NAME REGEX CMD...: output must hold the extended regex, any exit code.
says()
{
	_name=$1
	_re=$2
	shift 2
	"$@" > "$_out" 2>&1
	if grep -Eq -- "$_re" "$_out"; then
		pass "$_name"
	else
		fail "$_name"
		note "no /$_re/ in the output of: $*"
		_show
	fi
}

# within NAME SECONDS CMD...: it must end in time, whatever its exit code. Times
# are for the ordinary kernels; the runner stretches them on the debug kernel.
within()
{
	_name=$1
	_max=$(($2 * ${MH_SLOW:-1}))
	shift 2
	_t0=$(cut -d. -f1 /proc/uptime)
	timeout -s KILL $((_max + 5)) "$@" > "$_out" 2>&1
	_t1=$(cut -d. -f1 /proc/uptime)
	if [ $((_t1 - _t0)) -le $_max ]; then
		pass "$_name"
	else
		fail "$_name"
		note "$((_t1 - _t0)) s, at most $_max: $*"
	fi
}

# wait_for SECONDS CMD...: poll until it succeeds; no result of its own.
wait_for()
{
	_left=$(($1 * ${MH_SLOW:-1} * 10))
	shift
	until "$@" > /dev/null 2>&1; do
		_left=$((_left - 1))
		[ $_left -gt 0 ] || return 1
		sleep 0.1
	done
}

# start VAR CMD...: run in the background, pid in VAR, output in $TMPDIR/VAR.log, which is
# not there until the child has made it: the last one's is no sign of the new one's life.
start()
{
	_var=$1
	shift
	rm -f "$TMPDIR/$_var.log"
	"$@" > "$TMPDIR/$_var.log" 2>&1 3>&- &
	eval "$_var=$!"
}

# stop VAR: end what start began; the command's exit status.
stop()
{
	_pid=
	eval "_pid=\$$1"
	kill "$_pid" 2> /dev/null
	wait "$_pid" 2> /dev/null
}

# The serial number of the key whose description in /proc/keys ends with this
key_serial()
{
	printf '%d' $((0x$(sed -n "s|^\([0-9a-f]*\) .*$1$|\1|p" /proc/keys)))
}

module_load()
{
	insmod "${MH_MODULE:-/mod/microhsm.ko}" "$@"
}

module_unload()
{
	! command -v microhsm > /dev/null || microhsm drain > /dev/null 2>&1
	wait_for 6 rmmod microhsm
}

module_loaded()
{
	grep -q '^microhsm ' /proc/modules
}
