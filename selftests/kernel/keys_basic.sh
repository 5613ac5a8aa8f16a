#!/bin/sh
# SPDX-License-Identifier: MIT
# Keys without a repository: what the key type refuses, what its permissions
# hold off, how an identity's key ends, who may do what by the device, and unloading.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

kp=keys_probe

# errno that keyctl names in its message
refused()
{
	_name=$1 _text=$2
	shift 2
	says "$_name" "$_text" "$@"
}
DENIED='Permission denied' NOTPERM='Operation not permitted'

plan 41
is "nothing held at first" "$($kp status)" \
	"payloads=0 requests=0 sessions=0 identities=0 agent=0 draining=0 double=0"
is "arguments that are wrong" "$($kp args)" "0 wrong"

refused "a payload of userspace's" "$NOTPERM" keyctl add microhsm eu/disk x @s
refused "an empty one" "$NOTPERM" keyctl add microhsm eu/disk "" @s
refused "an identity's name" "$NOTPERM" keyctl add microhsm entity:eu/alice x @s
refused "nonsense for a name" 'Invalid argument|not permitted' keyctl add microhsm nonsense x @s
is "nothing came of it" "$(keyctl rlist @s 2> /dev/null | wc -w)" 0

id=$($kp init alice 0)
ok "an identity" test "$id" -gt 0
is "its name is taken" "$($kp init alice 0)" EEXIST
says "is on the module's keyring" 'microhsm +entity:' cat /proc/keys
says "its permissions" 'microhsm;0;0;090d0000;entity:' keyctl rdescribe "$id"
is "signs for root" "$($kp sign "$id")" ok
is "not for another" "$($kp uid 1000 $kp sign "$id")" EACCES
is "is no AES key" "$($kp aead "$id")" EKEYREJECTED
is "nor a stream's" "$($kp stream "$id")" EKEYREJECTED
says "information for root" 'kind=[12] ' $kp info "$id"
is "none for another" "$($kp uid 1000 $kp info "$id")" EACCES
refused "setperm" "$DENIED" keyctl setperm "$id" 0x3f3f3f3f
refused "timeout" "$DENIED" keyctl timeout "$id" 1
refused "chgrp" "$DENIED" keyctl chgrp "$id" 1000
refused "chown" "$DENIED" keyctl chown "$id" 1000
refused "link" "$DENIED" keyctl link "$id" @s
refused "read" "$DENIED|not supported" keyctl print "$id"
refused "update" "$DENIED|not supported" keyctl update "$id" x
refused "another's revoke" "$DENIED" $kp uid 1000 keyctl revoke "$id"
ring=$((0x$(sed -n 's/^\([0-9a-f]*\) .*keyring *\.microhsm.*/\1/p' /proc/keys)))
refused "clear the module's keyring" "$DENIED" keyctl clear $ring
refused "link into it" "$DENIED" keyctl link @s $ring
refused "unlink from it" "$DENIED" keyctl unlink "$id" $ring

printf abc | openssl dgst -sha256 -binary > digest
says "pkey_query" 'max_sig_size=72' keyctl pkey_query "$id" 0 enc=x962 hash=sha256
refused "another hash" 'Invalid argument' keyctl pkey_query "$id" 0 enc=x962 hash=sha512
ok "pkey_sign" sh -c "keyctl pkey_sign $id 0 digest enc=x962 hash=sha256 > sig"
ok "pkey_verify" keyctl pkey_verify "$id" 0 digest sig enc=x962 hash=sha256
printf abd | openssl dgst -sha256 -binary > other
refused "another digest" 'rejected' keyctl pkey_verify "$id" 0 other sig enc=x962 hash=sha256

is "request_key of no Region of ours fails at once" "$($kp request nowhere/x 1000)" ENOKEY
is "descriptors that were passed on" "$($kp passed)" "EPERM EPERM EPERM EPERM"
is "a user does not drain" "$($kp uid 1000 $kp drain)" "EPERM 0"

ok "revoke" keyctl revoke "$id"
ok "a revoked identity is gone soon" wait_for 5 sh -c "$kp status | grep -q payloads=0"
id=$($kp init bob 1000)
is "an identity of a user's" "$($kp uid 1000 $kp sign "$id")" ok
is "drain" "$($kp drain)" "ok 0"
is "nothing afterwards" "$($kp init carol 0)" ESHUTDOWN
