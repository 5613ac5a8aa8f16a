#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# kernels: 6.12
# own-vm: yes
# timeout: 400
# R17: whatever lies between host and Repository flips, drops, puts in, doubles and exchanges bytes, or
# falls silent, at random, either way: each fetch is a delivery of the right key, an error, or no answer
# within the caller's time; never a wrong key. What was delivered the audit has; host and server
# live, and serve each other undisturbed as before. (Frame by frame: r15_replay.)
# shellcheck disable=SC2154 # what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/steps.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/steps.sh"
# shellcheck source=selftests/hostile/relay.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/hostile/relay.sh"
got=''
D=disk/data
SEED=${MH_SEED:-$(date +%s)}
ROUNDS=40

deliveries()
{
	repoctl audit show --json | grep -c '"event":"delivery"'
}

# noisy SEED: a fetch through noise; what is wrong with how it ended
noisy()
{
	start relay noise_relay "$W/relay" "$W/stp" "$1"
	wait_for 5 grep -q listening "$TMPDIR/relay.log"
	attempt $D
	grep -Eq '^(flip|drop|insert|double|swap|silence)' "$TMPDIR/relay.log" &&
		disturbed=$((disturbed + 1))
	case $got in
	right) right=$((right + 1)) ;;
	none\ 9) late=$((late + 1)) ;;
	*) refused || { note "seed $1: $got: $(tail -n 1 "$TMPDIR/attempt.log")"; return 1; } ;;
	esac
	calm
}

plan 12
note "seed $SEED"
ok "a Region" office_open
ok "a host" office_enrol alice
officer dataset create $D --mode group > /dev/null
officer grant $D alice > /dev/null
ok "a key" officer instance add $D --generate
start agent microhsm agent --state "$W/state" --upstream "$W/relay"
wait_for 5 grep -q attached "$TMPDIR/agent.log"
echo "a licence" > "$TMPDIR/plain"
relay relay "$W/relay" "$W/stp" record "$W/first"
ok "fetched, and sealed with" sh -c "microhsm fetch $R/$D && microhsm seal \
	\$(keyctl search @s microhsm $R/$D) $TMPDIR/plain --output $TMPDIR/sealed"
calm
keyctl clear @s
before=$(deliveries)
disturbed=0 right=0 late=0 wrong=0
for i in $(seq $ROUNDS); do
	noisy $((SEED + i)) || wrong=$((wrong + 1))
done
is "none of $ROUNDS ends otherwise" "$wrong" 0
note "$disturbed disturbed: $right delivered, $late without an answer; longest $LONGEST cs"
ok "most were disturbed" test $disturbed -gt $((ROUNDS / 2))
ok "some were refused" test $((ROUNDS - right)) -gt 0
ok "what was delivered is in the audit" test $(($(deliveries) - before)) -ge $right
ok "which verifies" repoctl audit verify
ok "the agent lives" kill -0 "$agent"
relay relay "$W/relay" "$W/stp" record "$W/last"
attempt $D
is "undisturbed: the right key" "$got" right
ok "nothing is left" calm
