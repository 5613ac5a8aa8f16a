#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# timeout: 120
# R40 R41: repositoryd is killed while it enrols, delivers and revokes; what it said is done is there
# afterwards, and in the audit. make crash ROUNDS=1000 is the long one.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

plan 2
ok "twelve times killed, and all is there" sh -c 'crash 12 > said'
says "which is something of each" \
	' [1-9][0-9]* enrol.* [1-9][0-9]* Inst.* [1-9][0-9]* revoc.* [1-9][0-9]* deliveries; 0' cat said
