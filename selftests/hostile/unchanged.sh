# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What an attack may not change, before it and after. Sourced after office.sh; R is the Region.

# Keys and keyrings, ANCHOR and EPOCH of each identity, and what is sealed of it (ANCHORs, EPOCH,
# floors, revocations), whose generation rises with each change
on_host()
{
	sed -n 's/^\([0-9a-f]* [A-Z-]*\)  *[0-9]*  *[a-z0-9]* \(.* microhsm  *.*\)/\1 \2/p' /proc/keys
	keyctl rlist @s
	keyctl rlist @u
	for _id in $(microhsm keys | awk '/identity/ { print $1 }'); do
		keys_probe info "$_id" | sed 's/ unsealed.*//'
	done
	microhsm --json keys | grep -E '"(anchor|epoch|name|region)'
}

# Who was taken for an Entity, and what was delivered, or said to be; the chain of it all
on_server()
{
	repoctl --json audit show | sha256sum
}

# unchanged NAME HOST SERVER: what on_host and on_server said before
unchanged()
{
	is "$1: keys, keyrings, floors, EPOCH as before" "$(on_host)" "$2"
	[ -z "$3" ] || is "$1: nothing in the audit" "$(on_server)" "$3"
}
