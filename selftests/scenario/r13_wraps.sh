#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# own-vm: yes
# timeout: 400
# R13, in mode group: Data under Ke, Ke wrapped to Kec, both again under Ks. What goes over the
# wire shows nothing of them; wrap or Data altered in the store: an error, no key, the daemon
# lives; the original bytes again: the key.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/steps.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/steps.sh"
# shellcheck source=selftests/hostile/relay.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/hostile/relay.sh"
# What start, office.sh and attempt assign
repositoryd='' got=''
D=disk/data

db()
{
	sqlite3 "$W/store/db" "$1"
}

# hex_of FILE: into FILE.hex
hex_of()
{
	sqlite3 :memory: "SELECT hex(readfile('$1'))" > "$1.hex"
}

# part HEX FROM N: so many bytes of it
part()
{
	printf %s "$1" | tail -c +$((2 * $2 + 1)) | head -c $((2 * $3))
}

# flip HEX AT: one bit of that byte
flip()
{
	printf '%s%02X%s' "$(part "$1" 0 "$2")" $((0x$(part "$1" "$2" 1) ^ 16)) \
		"$(part "$1" $(($2 + 1)) 65536)"
}

zeros()
{
	printf "%0$(($1 * 2))d" 0
}

# shows FILE NEEDLE: eight bytes in a row of the needle are there
shows()
{
	echo "$2" | cat "$1.hex" - | awk '
		NR == 1 { hay = $0 }
		NR == 2 {
			for (i = 1; i + 15 <= length($0); i += 2)
				if (index(hay, substr($0, i, 16)))
					found = 1
		}
		END { exit !found }'
}

# A second host, which is enrolled and stays away
second()
{
	microhsm init bob --state "$W/bob" &&
		microhsm request bob --output "$W/bob.request" 2> "$W/bob.fp" &&
		officer entity enrol "$W/bob.request" --fingerprint "$(fingerprint_of "$W/bob.fp")" \
			--output "$W/bob.bundle" --address 127.0.0.1:7878
}

# dataset NAME ENTITY...: the rest of what it takes is the caller's
dataset()
{
	_ds=$1
	shift
	officer dataset create "$_ds" --mode group --export user || return 1
	for _e; do
		officer grant "$_ds" "$_e" || return 1
	done
}

store_with()
{
	kill "$repositoryd"
	wait "$repositoryd"
	db "$1" && office_daemon
}

wrap_is()
{
	echo "INSERT OR REPLACE INTO wrap (k, kw, bytes) VALUES (x'$K', x'$KW', x'$1')"
}

# data_is HEX [LENGTH]
data_is()
{
	echo "UPDATE data SET bytes = x'$1', length = ${2:-$((${#1} / 2))} WHERE rowid = $ROW"
}

exported()
{
	keyctl session - sh -c "keyctl pipe \$(microhsm fetch $R/$D --as user)" > "$TMPDIR/out" &&
		cmp "$TMPDIR/out" "$TMPDIR/key"
}

# spoilt NAME SQL: no key by it, others are served, and the original bytes give it again
spoilt()
{
	if ! store_with "$2"; then
		fail "$1"
		return
	fi
	_pid=$repositoryd
	attempt $D
	_spoilt=$got
	_log=$(tail -n 1 "$TMPDIR/attempt.log")
	_other=0
	refused && keyctl session - microhsm fetch "$R/other/data" && alive "$_pid" || _other=1
	store_with "$(wrap_is "$WRAP"); $(data_is "$DATA")" && attempt $D
	if [ $_other = 0 ] && [ "$got" = right ]; then
		pass "$1"
	else
		fail "$1"
		note "$_spoilt ($_log), others $_other, put back: $got"
	fi
}

cd "$TMPDIR" || exit 1
echo "a licence" > plain
head -c 32 /dev/urandom > key
plan 41

# ---- one that is alice's, one that is bob's too ----
ok "an office" office_open
ok "a host" office_enrol alice
ok "another" second
ok "a DataSet of alice" dataset other/data alice
ok "its key" officer instance add other/data --generate
mkdir "$W/copy"
cp "$W"/store/db* "$W/copy"
KW=$(sqlite3 "$W/copy/db" "SELECT hex(kw) FROM wrap")
ok "a DataSet of both" dataset $D alice bob
ok "its key, of known bytes" officer instance add $D --file key
start agent microhsm agent --state "$W/state" --upstream "$W/relay"
wait_for 5 sh -c 'keys_probe status | grep -q agent=1'
ok "fetched" microhsm fetch "$R/$D"
ok "and sealed with" microhsm seal "$(keyctl search @s microhsm "$R/$D")" plain --output sealed
ok "it is what its originator gave" exported

# ---- what the store has ----
kill "$repositoryd"
wait "$repositoryd"
wait_for 6 quiet
K=$(db "SELECT hex(k) FROM wrap WHERE kw <> x'$KW'")
WRAP=$(db "SELECT hex(bytes) FROM wrap WHERE k = x'$K' AND kw = x'$KW'")
BOBS=$(db "SELECT hex(bytes) FROM wrap WHERE k = x'$K' AND kw <> x'$KW'")
OTHERS=$(db "SELECT hex(bytes) FROM wrap WHERE k <> x'$K' AND kw = x'$KW'")
ROW=$(db "SELECT max(rowid) FROM data")
DATA=$(db "SELECT hex(bytes) FROM data WHERE rowid = $ROW")
NOT_MINE=$(db "SELECT hex(bytes) FROM data WHERE rowid <> $ROW")
is "a wrap to alice, one to bob, one of another key" "${#WRAP} ${#BOBS} ${#OTHERS}" "290 290 290"
is "by HPKE, to this Kec" "$(part "$WRAP" 0 65)" "01$K$KW"
is "and the Data" "${#DATA} ${#NOT_MINE}" "96 96"
hex_of key
PLAIN=$(cat key.hex)
hex_of "$W/store/db"
ok "the store has the wrap" shows "$W/store/db" "$WRAP"
ok "and the encrypted Data" shows "$W/store/db" "$DATA"
not_ok "it has nothing of the plaintext" shows "$W/store/db" "$PLAIN"
ok "the daemon again" office_daemon

# ---- what the wire shows ----
ok "a fetch, recorded" record "$W/first" $D
hex_of "$W/first"
ok "it shows which Region is asked" shows "$W/first" "$(microhsm --json keys |
	sed -n 's/.*"identity".*"region-id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1 | tr a-f A-F)"
not_ok "nothing of the plaintext" shows "$W/first" "$PLAIN"
not_ok "nothing of the Data as the store has it" shows "$W/first" "$DATA"
not_ok "nothing of the wrap as the store has it" shows "$W/first" "$WRAP"

# ---- the wrap altered ----
for at in 0 1 33 65 97 144; do
	spoilt "the wrap, byte $at" "$(wrap_is "$(flip "$WRAP" $at)")"
done
spoilt "the wrap said to be by a secret" "$(wrap_is "02$(part "$WRAP" 1 144)")"
spoilt "a wrap of kind none, with a key of the server's choice" \
	"$(wrap_is "03$K$(zeros 64)$PLAIN$(zeros 16)")"
spoilt "the wrap cut short" "$(wrap_is "$(part "$WRAP" 0 144)")"
spoilt "no bytes in it" "$(wrap_is "")"
spoilt "no wrap" "DELETE FROM wrap WHERE k = x'$K' AND kw = x'$KW'"
spoilt "bob's wrap in the place of alice's" "$(wrap_is "$BOBS")"
spoilt "bob's wrap under alice's kid" "$(wrap_is "01$K$KW$(part "$BOBS" 65 80)")"
spoilt "another key's wrap under this key's kid" "$(wrap_is "01$K$KW$(part "$OTHERS" 65 80)")"

# ---- the Data altered ----
spoilt "the Data, the first byte" "$(data_is "$(flip "$DATA" 0)")"
spoilt "the Data, the last of its tag" "$(data_is "$(flip "$DATA" 47)")"
spoilt "the Data cut short" "$(data_is "$(part "$DATA" 0 47)")"
spoilt "cut short, its length as before" "$(data_is "$(part "$DATA" 0 47)" 48)"
spoilt "another DataSet's Data" "$(data_is "$NOT_MINE")"
