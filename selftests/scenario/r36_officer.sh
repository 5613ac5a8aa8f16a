#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 120
# kernels: 6.12
# R36: an officer's tool takes the Region's officers from its chain of ANCHORs, not from what the
# server says; a Region whose fingerprint is not the one given is not signed for; of two Regions
# of one label none is taken unless its fingerprint is given.  A DataSet that is there is not signed
# anew unless that is asked for.
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

signed()
{
	repoctl audit show | grep -c ' statement '
}

datasets()
{
	officer --region other dataset list --json
}

plan 62
ok "r36 a Region" office_open
ok "r36 by its fingerprint" officer --region "$R:$region" dataset list
ok "r36 however it is written" officer --region "$R:$(echo "$region" | tr 'a-z-' 'A-Z ')" dataset list
fails_with "r36 not by another" 4 officer --region "$R:aaaa-aaaa-aaaa-aaaa-aaaa" dataset list
fails_with "r36 nor by none" 4 officer --region "$R:" dataset list
fails_with "r36 the label counts too" 3 officer --region "other:$region" dataset list
ok "r36 from the environment" env MICROHSM_REGION="$R:$region" repoctl dataset list
fails_with "r36 and not by another from there" 4 \
	env MICROHSM_REGION="$R:aaaa-aaaa-aaaa-aaaa-aaaa" repoctl dataset list

# ---- a DataSet that is there ----
again()
{
	officer dataset create disk/twice --mode group "$@"
}
ok "r36 a DataSet" again --lease 1h
before=$(signed)
ok "r36 again, as it is" again --lease 1h
says "r36 is no change" 'DataSet disk/twice is there as given, nothing was signed' again --lease 1h
for o in '' '--lease 2h' '--lease 1h --life 1d' '--lease 1h --algorithm raw' \
	'--lease 1h --operations sign' '--lease 1h --export user' '--lease 1h --on-stale serve'; do
	# shellcheck disable=SC2086 # words
	fails_with "r36 not otherwise: $o" 5 again $o
done
says "r36 it says how" 'DataSet disk/twice exists; --replace signs it anew with what is given' again
fails_with "r36 nor in another mode at all" 5 officer dataset create disk/twice --lease 1h --replace
fails_with "r36 what is not there is not replaced" 3 officer dataset create disk/typo --replace
is "r36 nothing was signed" "$(signed)" "$before"
ok "r36 --replace" again --lease 2h --replace
is "r36 signs it and its policy" "$(signed)" $((before + 2))
ok "r36 that is what is there now" again --lease 2h
fails_with "r36 and no more what was" 5 again --lease 1h
is "r36 nothing was signed" "$(signed)" $((before + 2))
MH_PASS=tea MH_KIND=3 stmt make dataset disk/file 1 "$W/officer.pem" > "$W/file"
is "r36 a DataSet of files" "$(stmt send "$W/file")" "0 "
fails_with "r36 is not made one of keys" 5 officer dataset create disk/file --replace

# A Region of the server's own, whose ANCHOR lists this officer beside a stranger
printf 'tea\ntea\n' > "$W/pass2"
repoctl officer key create "$W/stranger.pem" --passphrase-fd 5 5< "$W/pass" > /dev/null
other()
{
	repoctl region create other --key "$W/officer.pem" --key "$W/stranger.pem" --threshold 1 \
		--card "$card" --genesis "$W/other" --passphrase-fd 5 5< "$W/pass2"
}
other > "$W/create2" 2>&1
had=$(officer dataset list --json)
office_ini "genesis = $region
genesis = $(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create2")"
stop repositoryd
office_daemon
ok "r36 a Region with a stranger in it" other

# ---- the file between the two runs of region create ----
late()
{
	repoctl region create late --genesis "$W/late" --passphrase-fd 5 "$@" 5< "$W/pass2"
}
mine="--key $W/officer.pem" strangers="--key $W/stranger.pem"
# shellcheck disable=SC2086 # options
{
	fails_with "r36 no label like a fingerprint" 2 \
		officer region create cpj7-inma-cnof-y2mv-x2z3 --genesis "$W/late" --card "$card"
	fails_with "r36 no officer twice" 2 late $mine $mine --card "$card"
	fails_with "r36 nor another server's card" 4 late $mine --card aaaa-aaaa-aaaa-aaaa-aaaa
	fails_with "r36 nor without a server" 6 late $mine --card "$card" --socket "$W/none"
	ok "r36 none of them left a file" [ ! -e "$W/late" ]
	fails_with "r36 a first run" 4 late $mine --card "$card"
	ok "r36 leaves one" [ -s "$W/late" ]
	says "r36 which is not for other officers" "Region late with 1 of 1 officers, not of what is" \
		late $mine $strangers --card "$card"
	fails_with "r36 nor another label" 5 officer region create later --genesis "$W/late" --card "$card"
	cut -c 2- "$W/late" > "$W/bad" && cp "$W/bad" "$W/late"
	fails_with "r36 nor when it is spoilt" 7 late $mine --card "$card"
}

ok "r36 shown under the officer's label" lying \
	"UPDATE region SET label = 'hq2' WHERE label = 'hq';
	 UPDATE region SET label = 'hq' WHERE label = 'other'; UPDATE region SET label = 'other' WHERE label = 'hq2'"
fails_with "r36 is not the officer's" 4 officer --region "$R:$region" dataset create disk/data
is "r36 nothing was made" "$(datasets)" "$had"

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
	 WHERE type = 6 AND subject = CAST('disk/mine' AS BLOB) AND
		region = (SELECT id FROM region WHERE label = 'other')"
says "r36 is not one to add a key to" 'DATASET of disk/mine is not signed by this Region' \
	officer --region "other:$region" instance add disk/mine --generate
ok "r36 a policy that is not the officers' any more" lying \
	"UPDATE statement SET bytes = CAST(substr(bytes, 1, length(bytes) - 8) || 'altered.' AS BLOB)
	 WHERE type = 7 AND subject = CAST('disk/twice' AS BLOB)"
says "r36 is not taken for what they made" 'POLICY of disk/twice is not signed by this Region' \
	again --lease 2h --region "other:$region"

# The other Region's ANCHOR in place of the officer's own, under the officer's Region
ok "r36 an ANCHOR that makes another Region" lying \
	"UPDATE statement SET bytes = (SELECT s.bytes FROM statement s JOIN region r ON s.region = r.id
		WHERE s.type = 1 AND r.label = 'hq')
	 WHERE type = 1 AND region = (SELECT id FROM region WHERE label = 'other')"
fails_with "r36 is refused by the fingerprint's Region" 4 \
	officer --region "other:$region" dataset create disk/data
says "r36 and said so" "ANCHOR 1 is not this Region's" officer --region other dataset list

# ---- two Regions of one label ----
printf 'tea\n' > "$W/pass"
repoctl officer key create "$W/second.pem" --passphrase-fd 5 5< "$W/pass" > /dev/null
second()
{
	repoctl --key "$W/second.pem" --passphrase-fd 5 "$@" 5< "$W/pass"
}
stop repositoryd
rm -rf "$W/store" "$W/keeper"
mkdir "$W/store" "$W/keeper"
office_ini "genesis = $region"
office_daemon
card=$(repoctl card | sed 's/.* //')
officer region create "$R" --card "$card" --genesis "$W/genesis" > /dev/null
second region create "$R" --card "$card" --genesis "$W/second" > "$W/create3" 2>&1
twin=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create3")
office_ini "genesis = $region
genesis = $twin"
stop repositoryd
office_daemon
ok "r36 a second Region of that label" second region create "$R" --card "$card" --genesis "$W/second"
fails_with "r36 the label names neither" 2 officer --region "$R" dataset list
either="($region, $twin|$twin, $region)"
says "r36 which is said, and what to give" \
	"Region $R names two Regions here: $either; give the fingerprint" \
	officer --region "$R" dataset list
ok "r36 by label and fingerprint" officer --region "$R:$region" dataset create disk/ours
ok "r36 by the fingerprint alone" second --region "$twin" dataset create disk/theirs
is "r36 each its own" "$(officer --region "$region" dataset list | cut -d' ' -f1) $(
	officer --region "$R:$twin" dataset list | cut -d' ' -f1)" "disk/ours disk/theirs"
# the daemon holds the store for itself, so a copy is asked
mkdir "$W/copy"
cp "$W"/store/db* "$W/copy/"
hex=$(sqlite3 "$W/copy/db" "SELECT lower(hex(region)) FROM statement WHERE type = 6 AND
	subject = CAST('disk/ours' AS BLOB)")
is "r36 by region_id" "$(officer --region "$hex" dataset list | cut -d' ' -f1)" disk/ours
ok "r36 however it is written" officer --region "$(echo "$hex" | tr a-f A-F)" dataset create disk/more
fails_with "r36 by no other" 4 officer --region "$R:aaaa-aaaa-aaaa-aaaa-aaaa" dataset list
fails_with "r36 nor by one that is neither's" 3 officer --region aaaa-aaaa-aaaa-aaaa-aaaa dataset list
fails_with "r36 nor without" 2 officer dataset list
ok "r36 from the environment" env MICROHSM_REGION="$region" repoctl dataset show disk/more
