#!/bin/sh
# SPDX-License-Identifier: MIT
# The harness itself: the kernel asked for is the one that runs, and the
# machine has what the tests stand on.
# module: no
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

plan 6
ok "kernel is the one asked for" test "$(uname -r)" = "$MH_KVER"
ok "session keyring" keyctl show @s
ok "gcm(aes) is there" grep -q 'gcm(aes)\|ghash' /proc/crypto
ok "device mapper has crypt" sh -c 'dmsetup targets | grep -q ^crypt'
ok "loopback answers" ping -c 1 -w 5 127.0.0.1
is "openssl hashes" "$(printf abc | openssl dgst -sha256 -r | cut -c1-8)" ba7816bf
