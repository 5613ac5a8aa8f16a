#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# kernels: 6.12
# R40. The audit against who can write the store's file: rewritten from its start with all hashes
# right, cut, added to, put back from an older copy; while the daemon runs, and while it does not.
# shellcheck disable=SC2154 # what start sets
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
DB=$W/store/db

refused()
{
	does "$1" 3 "$2" timeout 10 repositoryd --config "$W/ini"
	does "and what to do about it" 3 'put the newest copy.*--accept-gap' \
		timeout 10 repositoryd --config "$W/ini"
}

put_back()
{
	rm -rf "$W/store"
	cp -a "$W/was" "$W/store"
}

plan 33
ok "a Region" office_open
ok "a host" office_enrol alice
officer dataset create disk/data > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "a key" officer instance add disk/data --generate
office_agent
ok "which is fetched" microhsm fetch "$R/disk/data"
does "the audit verifies" 0 'audit verified: [0-9]+ records.* 1 deliveries' repoctl audit verify
repoctl audit show > "$W/shown"
ok "showing it writes none of it" sh -c "repoctl audit show | cmp - $W/shown"
stop repositoryd
cp -a "$W/store" "$W/was"

# ---- the daemon does not run ----
ok "rewritten from its start" audit_forge "$DB" "$DB"
refused "the daemon does not serve that" 'audit record [0-9]+ is not the one that the keeper'
ok "and the signatures taken away" sqlite3 "$DB" 'DELETE FROM checkpoint'
refused "nor that" 'audit record [0-9]+ is not the one that the keeper'
put_back
sqlite3 "$DB" 'DELETE FROM audit WHERE seq > 5; DELETE FROM checkpoint WHERE seq > 5'
refused "cut, to its last checkpoint" 'ends at record 5, the keeper has seen record [0-9]+:'
rm -rf "$W/store"
mkdir "$W/store"
refused "no store at all" 'is not there, and the keeper has seen audit record [0-9]+ of it'
put_back
ok "what it left it serves" office_daemon
does "and verifies" 0 'audit verified.* 1 deliveries' repoctl audit verify

# ---- it runs ----
cp -a "$W/store" "$W/now"
ok "rewritten under it" audit_forge "$W/now/db" "$DB" "$DB-wal"
does "is found" 4 'rewritten behind its back' repoctl audit verify
ok "can be shown" repoctl audit show
officer dataset create disk/more > /dev/null 2>&1
does "found after another record, too" 4 'chain is broken at record' repoctl audit verify
stop repositoryd
does "and at the next start" 3 'not the one that this server left' \
	timeout 10 repositoryd --config "$W/ini"

# ---- an older copy is all there is ----
put_back
refused "an older copy" 'ends at record [0-9]+, the keeper has seen record'
start repositoryd repositoryd --config "$W/ini" --accept-gap
ok "is served if one says so" wait_for 10 grep -q "office serves" "$TMPDIR/repositoryd.log"
says "the audit tells" ' gap  *done ' repoctl audit show
does "so does who verifies it" 0 'not the one that the server had left, 1 times' repoctl audit verify
stop repositoryd
ok "it needs no word at the next start" office_daemon
stop repositoryd

# ---- the keeper's secrets are lost ----
rm -rf "$W/keeper"
mkdir "$W/keeper"
start repositoryd repositoryd --config "$W/ini" --new-keys
wait_for 10 grep -q "office serves" "$TMPDIR/repositoryd.log"
ok "new keys get their delegation" officer delegation create --card "$(repoctl card | sed 's/.* //')"
ok "the host's enrolment is sent again" officer entity enrol "$W/alice.request" \
	--fingerprint "$(fingerprint_of "$W/alice.fp")" --output "$W/again.bundle"
ok "a key" officer instance add disk/data --generate
ok "and it is served as before" microhsm fetch "$R/disk/data"
stop repositoryd
stop agent
