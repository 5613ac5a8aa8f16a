# SPDX-License-Identifier: MIT
#
# From what one run said on its verdict port, one line for each result:
# "ok LABEL NAME: text" or "FAIL LABEL NAME: text". Whatever was expected and
# not said is a failure: want= lists the scripts, done=1 wants the final word.

function result(good, text) {
	printf "%s %s%s: %s\n", good ? "ok  " : "FAIL", label, name, text
	if (!good)
		bad = 1
}

function finish() {
	if (name == "")
		return
	if (plan < 0)
		result(0, "no plan")
	else if (seen != plan)
		result(0, "planned " plan " results, gave " seen)
	if (!ended)
		result(0, "did not end")
	name = ""
}

BEGIN {
	if (label != "")
		label = label " "
	count = split(want, wanted, " ")
}

{ sub(/\r$/, "") }

/^@begin / { finish(); name = $2; plan = -1; seen = 0; ended = 0; began[name] = 1; next }
/^@fail /  { result(0, substr($0, 7)); next }
/^@end /   {
	ended = 1
	if ($3 != 0)
		result(0, "exit status " $3 ($3 == 124 || $3 == 143 ? " (timeout)" : ""))
	finish()
	next
}
# the script has said all, and cuts the power
/^@cut/    { ended = 1; over = 1; next }
/^@done/   { over = 1; next }
/^1\.\.[0-9]+/ {
	if (plan >= 0)
		result(0, "a second plan")
	plan = substr($1, 4) + 0
	if (plan == 0)
		result(0, "an empty plan")
	next
}
/^ok [0-9]+|^not ok [0-9]+/ {
	good = ($1 == "ok")
	num = good ? $2 : $3
	text = $0
	sub(/^(not )?ok [0-9]+ *(- *)?/, "", text)
	seen++
	if (num + 0 != seen)
		result(0, "result " num " where " seen " was due")
	if (text ~ /# *(SKIP|TODO)/)
		good = 0
	result(good, text)
	next
}
/^# (not )?ok - / { next }	# cmocka on the whole group
/^# / { print "       " $0 }

END {
	finish()
	for (i = 1; i <= count; i++) {
		if (!(wanted[i] in began)) {
			name = wanted[i]
			result(0, "never began")
		}
	}
	name = "vm"
	if (done && !over)
		result(0, "no last word: the machine died or ran out of time")
	exit bad
}
