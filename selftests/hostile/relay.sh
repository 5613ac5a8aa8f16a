# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# replay_relay between this host and repositoryd, and fetches that may come to nothing. Sourced
# after office.sh and steps.sh; $TMPDIR holds plain, and sealed, which the right key has made of it.
TIMEOUT=$((3 * ${MH_SLOW:-1}))
LONGEST=0	# of all attempts, in hundredths of a second

# relay as replay_relay takes it
relay()
{
	start relay replay_relay "$@"
	wait_for 5 grep -q listening "$TMPDIR/relay.log"
}

# The relay ends, and with it the session.
calm()
{
	stop relay
	wait_for 6 quiet || { note "left over: $(keys_probe status)"; return 1; }
}

# attempt DATASET: a fetch in a session keyring of its own. got is "right" for the key that
# opens sealed, "none" and the exit status for no key; else what nobody may achieve.
attempt()
{
	cat > "$TMPDIR/attempt" << EOT
t0=\$(cut -d' ' -f1 /proc/uptime | tr -d .)
microhsm fetch $R/$1 --timeout ${TIMEOUT}s
rc=\$?
echo \$((\$(cut -d' ' -f1 /proc/uptime | tr -d .) - t0)) > took
key=\$(keyctl search @s microhsm $R/$1)
if [ \$rc -gt 125 ]; then
	what="died \$rc"
elif [ \$rc != 0 ]; then
	what="\${key:+left }none \$rc"
elif rm -f opened && microhsm open "\$key" sealed --output opened && cmp opened plain; then
	what=right
else
	what=wrong
fi
echo "\$what" > attempted
EOT
	rm -f "$TMPDIR/attempted"
	(cd "$TMPDIR" && keyctl session - sh attempt) > "$TMPDIR/attempt.log" 2>&1
	got=$(cat "$TMPDIR/attempted")
	_cs=$(cat "$TMPDIR/took")
	[ "$_cs" -le $LONGEST ] || LONGEST=$_cs
	[ "$_cs" -le $(((TIMEOUT + 1) * 100)) ] || note "$got: took $_cs cs, at $(now_cs)"
	# the rest of six seconds is for a machine that is busy with other things
	[ "$_cs" -le $((6 * ${MH_SLOW:-1} * 100)) ] || got="$got, after $_cs cs"
}

refused()
{
	case $got in
	none\ [1-9] | none\ [1-9][0-9]) ;;
	*) return 1 ;;
	esac
}

# record FILE DATASET: a fetch that nobody disturbs
record()
{
	relay relay "$W/relay" "$W/stp" record "$1" || return 1
	attempt "$2"
	calm || return 1
	[ "$got" = right ]
}
