#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# R36: an officer's tool takes the Region's officers from its chain of ANCHORs, not from what the
# server says; a Region whose fingerprint is not the one given is not signed for.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# What office.sh assigns
region='' card='' repositoryd=''

# The store of a server that lies: SQL
lying()
{
	stop repositoryd
	sqlite3 "$W/store/db" "$1" && office_daemon
}

datasets()
{
	officer --region other dataset list --json
}

plan 17
ok "r36 a Region" office_open
ok "r36 by its fingerprint" officer --region "$R:$region" dataset list
ok "r36 however it is written" officer --region "$R:$(echo "$region" | tr 'a-z-' 'A-Z ')" dataset list
fails_with "r36 not by another" 4 officer --region "$R:aaaa-aaaa-aaaa-aaaa-aaaa" dataset list
fails_with "r36 nor by none" 4 officer --region "$R:" dataset list
fails_with "r36 the label counts too" 3 officer --region "other:$region" dataset list
ok "r36 from the environment" env MICROHSM_REGION="$R:$region" repoctl dataset list
fails_with "r36 and not by another from there" 4 \
	env MICROHSM_REGION="$R:aaaa-aaaa-aaaa-aaaa-aaaa" repoctl dataset list

# A Region of the server's own, whose ANCHOR lists this officer beside a stranger
printf 'tea\ntea\n' > "$W/pass2"
repoctl officer key create "$W/stranger.pem" --passphrase-fd 5 5< "$W/pass" > /dev/null
other()
{
	repoctl region create other --key "$W/officer.pem" --key "$W/stranger.pem" --threshold 1 \
		--card "$card" --genesis "$W/other" --passphrase-fd 5 5< "$W/pass2"
}
other > "$W/create2" 2>&1
office_ini "genesis = $region
genesis = $(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create2")"
stop repositoryd
office_daemon
ok "r36 a Region with a stranger in it" other
ok "r36 shown under the officer's label" lying \
	"UPDATE region SET label = 'hq2' WHERE label = 'hq';
	 UPDATE region SET label = 'hq' WHERE label = 'other'; UPDATE region SET label = 'other' WHERE label = 'hq2'"
fails_with "r36 is not the officer's" 4 officer --region "$R:$region" dataset create disk/data
is "r36 nothing was made" "$(datasets)" "[]"

# A DataSet of mode session, by the Region's other officers, in place of the officer's own
strange()
{
	repoctl --region "$R" --key "$W/stranger.pem" --passphrase-fd 5 "$@" 5< "$W/pass"
}
officer --region "other:$region" dataset create disk/mine --mode group > /dev/null
strange dataset create disk/mine --mode session > /dev/null
ok "r36 a DataSet of others" lying \
	"UPDATE statement SET bytes = (SELECT s.bytes FROM statement s JOIN region r ON s.region = r.id
		WHERE s.type = 6 AND r.label = 'hq')
	 WHERE type = 6 AND region = (SELECT id FROM region WHERE label = 'other')"
says "r36 is not one to add a key to" 'DATASET of disk/mine is not signed by this Region' \
	officer --region "other:$region" instance add disk/mine --generate

# The other Region's ANCHOR in place of the officer's own, under the officer's Region
ok "r36 an ANCHOR that makes another Region" lying \
	"UPDATE statement SET bytes = (SELECT s.bytes FROM statement s JOIN region r ON s.region = r.id
		WHERE s.type = 1 AND r.label = 'hq')
	 WHERE type = 1 AND region = (SELECT id FROM region WHERE label = 'other')"
fails_with "r36 is refused by the fingerprint's Region" 4 \
	officer --region "other:$region" dataset create disk/data
says "r36 and said so" "ANCHOR 1 is not this Region's" officer --region other dataset list
