#!/bin/sh
# SPDX-License-Identifier: MIT
# R28 R36 R37 R43 R45 R46 R48: each model here is searched to its end by spin without an error; and with
# each of its rules left out (BREAK_...) once more, for the assertion that then fails.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# search MODEL [BREAK]: what pan says of errors, and of the states it saw
search()
{
	(cd "$work" && rm -f pan* && spin ${2:+"-D$2"} -a "$here/$1.pml" > spin.out &&
	 cc -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=4096 -o pan pan.c 2> cc.out &&
	 timeout 600 ./pan -m1000000) > "$work/out" 2>&1 || true
	if grep -q 'max search depth too small\|Search not completed' "$work/out" && [ -z "${2:-}" ]; then
		echo "not all was searched"
	else
		sed -n 's/.*errors: \([0-9]*\)$/\1 errors/p' "$work/out"
	fi
}

# verdict NAME GOT WANTED
verdict()
{
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
		echo "ok   model: $1"
	else
		failed=$((failed + 1))
		echo "FAIL model: $1: ${2:-nothing was searched}"
		sed 's/^/     | /' "$work/out"
	fi
}

for model in anchor standing epoch; do
	got=$(search "$model")
	verdict "$model, $(sed -n 's/ *\([0-9]*\) states, stored/\1/p' "$work/out") states" "$got" "0 errors"
	rules=$(grep -o 'BREAK_[A-Z]*' "$here/$model.pml" | sort -u)
	for rule in $rules; do
		verdict "$model without its rule ${rule#BREAK_}" "$(search "$model" "$rule")" "1 errors"
	done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
