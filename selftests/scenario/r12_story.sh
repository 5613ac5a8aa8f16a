#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 180
# R01 R02 R08 R12 R13 R16 R18 R22 R23: one way through the whole system.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

plan 30
ok "r12 a Region is made" office_open
ok "r08 a host is enrolled by fingerprints" office_enrol alice
ok "r23 the agent attaches" office_agent
ok "r12 a DataSet of mode group" officer dataset create disk/data --mode group --lease 1h
ok "r12 a right" officer grant disk/data alice
ok "r13 a key that the server cannot read" officer instance add disk/data --generate
ok "r12 the kernel fetches it" microhsm fetch "$R"/disk/data
key=$(keyctl search @s microhsm "$R"/disk/data)
ok "r18 it is on the keyring" test "${key:-0}" -gt 0
not_ok "r18 nobody reads it" keyctl print "$key"
echo "a licence" > "$W/plain"
ok "r21 it encrypts a file" microhsm seal "$key" "$W/plain" --output "$W/sealed"
ok "r21 and decrypts it" microhsm open "$key" "$W/sealed" --output "$W/opened"
ok "r21 to the same" cmp "$W/plain" "$W/opened"

ok "r18 a P-256 DataSet of mode session" officer dataset create tls/www --algorithm p256
ok "r18 granted" officer grant tls/www alice
ok "r18 added" officer instance add tls/www --generate
ok "r18 fetched" microhsm fetch "$R"/tls/www
p256=$(keyctl search @s microhsm "$R"/tls/www)
ok "r21 signs by keyctl" sh -c "openssl dgst -sha256 -binary $W/plain > $W/digest &&
	keyctl pkey_sign $p256 0 $W/digest enc=x962 hash=sha256 > $W/sig"
ok "r21 and verifies" keyctl pkey_verify "$p256" 0 "$W/digest" "$W/sig" enc=x962 hash=sha256

ok "r18 a disk key that policy exports" officer dataset create disk/luks --mode group --export logon
ok "r18 granted" officer grant disk/luks alice
ok "r18 added" officer instance add disk/luks --generate
ok "r18 fetched as logon" microhsm fetch "$R"/disk/luks --as logon --description microhsm:luks
ok "r18 it is a logon key" keyctl search @s logon microhsm:luks
fails_with "r18 no export without policy" 4 microhsm fetch "$R"/disk/data --as logon
fails_with "r12 an unknown DataSet" 3 microhsm fetch "$R"/no/such
officer dataset create other/secret > /dev/null 2>&1
fails_with "r12 one without a right: the same answer" 3 microhsm fetch "$R"/other/secret
ok "r40 the audit verifies" repoctl audit verify
ok "r37 revoked" officer entity revoke alice
sleep 2
not_ok "r37 the key is gone from the keyring" keyctl search @s microhsm "$R"/disk/data
fails_with "r37 nothing more is fetched" 8 microhsm fetch "$R"/disk/data
