#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 90
# Bad input by netlink: who may not ask, join, push or listen; attributes that are absent,
# short, long, doubled or random.  The identity stays pending, and is whole.
# shellcheck disable=SC2086 # a call and its attributes are words
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

wrong=0
no()
{
	_want=$1
	shift
	_got=$(nlc "$@" 2>&1)
	[ "$_got" = "$_want" ] && return
	note "$*: $_got, wanted $_want"
	wrong=$((wrong + 1))
}

state()
{
	keys_probe status
	keys_probe info "$id"
	microhsm status | grep '^identity'
}

# verdict NAME: none was wrong since the last, and nothing has changed
verdict()
{
	is "$1" "$wrong wrong, $(state)" "0 wrong, $state"
	wrong=0
}

plan 16
id=$(identity_probe init alice s)
ok "an identity" test "$id" -gt 0
state=$(state)

Z=0x$(printf '%064d' 0)
JOIN="join 1=s$id 2=$Z 3=@200"
PUSH="statement 2=$Z 4=@200"
no ok identities
for as in uid=1000 net_admin passed; do
	for c in "$JOIN" "$PUSH" identities listen; do
		no EPERM $as $c
	done
done
verdict "neither a user, nor CAP_NET_ADMIN, nor one whom root lent its socket"
for c in "$JOIN" "$PUSH" identities; do
	no ENOENT netns $c
	no ENOENT userns $c
done
verdict "nor another network namespace, nor another user namespace's root"
no ok listen
verdict "root listens"

no EINVAL join
no EINVAL join 1=s$id
no EINVAL join 1=s$id 2=$Z
no EINVAL join 1=s$id 3=@200
no EINVAL join 2=$Z 3=@200
no EINVAL join 1=@3 2=$Z 3=@200
no EINVAL join 1=@0 2=$Z 3=@200
for n in 0 1 31 33 64; do
	no ERANGE join 1=s$id 2=@$n 3=@200
done
for n in 0 19 21; do
	no ERANGE join 1=s$id 2=$Z 3=@200 15=@$n
done
no ERANGE join 1=s$id 2=$Z 3=@60001
no ERANGE join 1=s$id 2=$Z 3=@65000
verdict "JOIN: attributes that are absent, short or long"
no EBADMSG $JOIN
for n in 0 1 2 5 40 60000; do
	no EBADMSG join 1=s$id 2=$Z 3=@$n
done
for serial in 0 -3 0x7ffffff0 -2147483648; do
	no ENOKEY join 1=s$serial 2=$Z 3=@200
done
no ENOKEY join 1=s"$(keyctl add user u v @s)" 2=$Z 3=@200
verdict "JOIN: a bundle that is none, an identity that is none"
no EINVAL statement
no EINVAL statement 2=$Z
no EINVAL statement 4=@200
no ERANGE statement 2=@31 4=@200
no ERANGE statement 2=$Z 4=@16385
no ENOKEY $PUSH
verdict "STATEMENT: attributes, and a Region that is not joined"
no EINVAL $JOIN 16=@4
no EINVAL $JOIN 99=@4
no EINVAL $PUSH 3=@4
verdict "attributes of other commands are unknown"
for c in 0 4 5 6 99 255; do
	no EOPNOTSUPP $c
done
no EOPNOTSUPP event
verdict "commands that are none"

# Each place of each message at each of its edges, as the kernel's own description of the command has
# it: what the format forbids is refused as such, and what it allows goes on to what the command says.
{
	nlc edges join 1=s$id 2=$Z 3=@200 15=@20
	nlc edges statement 2=$Z 4=@200
	nlc edges identities
} > tried
note "$(wc -l < tried) edges: $(sort tried | awk '{ n[$1 " " $2]++ } END {
	for (e in n) printf "%s=%d ", e, n[e] }')"
cat > outcomes << EOT
absent		EINVAL EBADMSG ENOKEY
short		ERANGE EINVAL
long		ERANGE EINVAL
length		EBADMSG ENOKEY
value		ENOKEY
lies		EINVAL
nested		EINVAL
byteorder	EBADMSG ENOKEY
doubled		EBADMSG ENOKEY
doubled_long	ERANGE EINVAL
trailing	EINVAL
headless	EINVAL
reserved	EINVAL
dump		EOPNOTSUPP
unknown		EINVAL
EOT
is "each edge of each ends as its format has it" "$(awk 'FNR == NR {
	for (i = 2; i <= NF; i++) may[$1, $i] = 1; next }
	$2 != "base" && !(($2, $NF) in may)' outcomes tried)" ""
is "right as they are" "$(awk '$2 == "base" { print $1, $NF }' tried | xargs)" \
	"join EBADMSG statement ENOKEY identities ok"
is "each attribute of each was met" "$(awk '$2 == "absent" { printf "%s ", $1 $3 }' tried)" \
	"join1 join2 join3 join15 statement2 statement4 "
verdict "the edges changed nothing"

within "random messages" 10 nlc fuzz 7 20000 6
note "$(cat "$_out")"
verdict "and nothing has changed"
nlc uid=1000 fuzz 8 2000 3 > users
is "a user's all end alike" "$(sed 's/=[0-9]* / /g; s/EOPNOTSUPP//; s/EINVAL//; s/ERANGE//' users |
	tr -d ' ')" EPERM
