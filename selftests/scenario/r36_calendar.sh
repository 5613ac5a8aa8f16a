#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# timeout: 300
# R36: what ends when, and a year of DELEGATIONs signed ahead.  The calendar and the metrics know all
# of them; the server goes from one to the next by itself, and nobody is woken for it; when what was
# signed is past half of its life, the exit status says so, and so does a metric.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
LISTEN=''
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
SHIFT=${MH_TOP:-$(pwd)}/build/ktest/shift_clock.so
# A join request, behind the byte that tells the fuzzer so
REQUEST=$(dirname "${MH_LIB:-selftests/lib.sh}")/fuzz/seeds/enrol/pair
DAY=86400
# What office.sh assigns
repositoryd=''

# ---- the office's clock ----
export MH_CLOCK="$TMPDIR/clock"

office_at()
{
	printf '%019d\n' $(($1 - $(cut -d. -f1 /proc/uptime))) 1<> "$MH_CLOCK"
}

there()
{
	LD_PRELOAD=$SHIFT "$@"
}

officer()
{
	echo tea > "$W/passes"
	there repoctl --key "$W/officer.pem" --passphrase-fd 5 "$@" 5< "$W/passes"
}

office_daemon()
{
	start repositoryd env LD_PRELOAD="$SHIFT" repositoryd --config "$W/ini"
	wait_for 10 grep -q "office serves" "$TMPDIR/repositoryd.log" ||
		{ cat "$TMPDIR/repositoryd.log"; return 1; }
}

# on DAYS [HOURS]: so many days and hours (1) after the beginning, the daemon running on.  No full
# day after what was signed: what is left in whole days is always the same then.
on()
{
	office_at $((t0 + $1 * DAY + ${2-1} * 3600))
}

# from DAYS [HOURS]: the same, and the daemon is started anew
from()
{
	stop repositoryd
	on "$@"
	office_daemon
}

# ---- what is told ----
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

get()
{
	python3 -B - "http://127.0.0.1:$PORT$1" << 'PY'
import sys, urllib.request, urllib.error
try:
    r = urllib.request.urlopen(sys.argv[1], timeout=10)
except urllib.error.HTTPError as e:
    r = e
print(r.status)
print(r.read().decode(), end="")
PY
}

# metric NAME: of role serve, in days if it is seconds
metric()
{
	get /metrics | sed -n "s/^microhsm_$1{.*role=\"serve\"} //p" |
		awk -v name="$1" '{ print name ~ /seconds/ ? int($1 / 86400) : $1 }'
}

health()
{
	get /health | head -n 1
}

calendar()
{
	there repoctl calendar "$@"
}

# serving DAYS: the DELEGATION of serve in force ends in so many days
serving()
{
	[ "$(metric delegation_seconds_left)" = "$1" ]
}

plan 55
t0=$(date +%s)
on 0 0
rm -rf "$W"
eval "$(sed -n '/^office_ini()/,/^}/p' "$(dirname "$MH_LIB")/scenario/office.sh" | sed 's/^office_ini/plain_ini/')"
office_ini()
{
	plain_ini "metrics = 127.0.0.1:$PORT
$1"
}
ok "r36 a Region" office_open
on 0

# ---- one DELEGATION of each, for ninety days ----
does "r36 what ends when" 0 ' +89 d  DELEGATION of serve to office, serial 1, from ' calendar
calendar | head -n 1 > first
ok "r36 soonest first" grep -Eq '^[^ ]+ +2[23] h  EPOCH office.freshness$' first
does "r36 the ANCHOR too" 0 ' 3649 d  ANCHOR hq$' calendar
is "r36 the metric" "$(metric delegation_covered_seconds_left) $(metric delegations_ahead) $(metric delegation_half_life)" "89 0 0"
from 44
does "r36 before the half" 0 ' +45 d  DELEGATION of serve' calendar
from 46
does "r36 past the half" 10 ' +43 d  DELEGATION of serve .*: past half of its life$' calendar
does "r36 of both" 10 ' +43 d  DELEGATION of freshness .*: past half of its life$' calendar
is "r36 the metric says so" "$(metric delegation_half_life)" 1
is "r36 and all is served" "$(health)" 200
does "r36 --within shows it still" 10 'DELEGATION of serve' calendar --within 1h
is "r36 and nothing that is far off" "$(calendar --within 1h | grep -c ANCHOR)" 0

# ---- a year of them ----
on 46 2
t0=$((t0 + 46 * DAY + 7200))
card=$(there repoctl card | sed 's/.* //')
ok "r36 a year ahead" officer delegation create --card "$card" --ahead 365d
on 0
is "r36 five of each" "$(calendar | grep -c 'DELEGATION of serve')" 5
does "r36 all is well" 0 ' +413 d  DELEGATION of serve to office, serial 6' calendar
is "r36 none of them is late" "$(calendar | grep -c 'past half')" 0
is "r36 the metric knows all" "$(metric delegation_covered_seconds_left) $(metric delegations_ahead) $(metric delegation_half_life)" "413 4 0"
is "r36 the first of them is in force" "$(metric delegation_seconds_left)" 89
does "r36 within a month" 0 '^[^ ]+ +2[23] h  EPOCH office.freshness$' calendar --within 30d
is "r36 nothing but an EPOCH" "$(calendar --within 30d | wc -l)" 1
calendar --json > json
is "r36 in JSON" "$(python3 -c '
import json
rows = json.load(open("json"))
d = [r for r in rows if r["role"] == "serve"]
print(len(d), [r["serial"] for r in d], len(rows), any(r["past-half"] for r in rows),
      [r["left"] for r in rows] == sorted(r["left"] for r in rows))')" "5 [2, 3, 4, 5, 6] 12 False True"
fails_with "r36 not without end" 2 officer delegation create --card "$card" --ahead 365d --life 1d

# ---- it is in force for a year, by itself ----
on 80
is "r36 a day before the next begins" "$(metric delegation_seconds_left)" 9
on 82
ok "r36 the next one takes over" wait_for 70 serving 88
is "r36 all is served" "$(health)" 200
is "r36 by a new EPOCH" "$(get /metrics | sed -n 's/^microhsm_epoch_seconds_left{.*} //p' | awk '{ print ($1 > 80000) }')" 1
does "r36 and nobody is told to sign" 0 '' calendar
is "r36 four are left" "$(calendar | grep -c 'DELEGATION of serve')" 4
from 170
ok "r36 the third, after a start" serving 81
does "r36 nobody is told" 0 '' calendar
from 210
does "r36 past half of all" 10 ' +203 d  DELEGATION of serve to office, serial 6.*: past half of its life$' calendar
is "r36 the metric, too" "$(metric delegation_half_life)" 1
is "r36 all is served" "$(health)" 200
from 384
ok "r36 a month before the end the last one is in force" serving 29
is "r36 all is served" "$(health)" 200
does "r36 which has been said" 10 'serial 6.*: past half' calendar
from 415
is "r36 at its end nothing is" "$(health)" 503
does "r36 as the calendar says" 10 ' ended  DELEGATION of serve to office, serial 6' calendar
ok "r36 others are signed" officer delegation create --card "$card" --ahead 180d
on 415 2
does "r36 and all is well again" 0 ' +251 d  DELEGATION of serve to office, serial 9' calendar
is "r36 served" "$(health)" 200

# ---- elsewhere, and after a change of officers ----
ok "r36 a proposal of a year" officer delegation create --card "$card" --ahead 365d --propose "$W/year"
does "r36 says from when each is" 0 'serve the Region.s hosts.* not before 2028-05-21' there repoctl review "$W/year"
does "r36 an ANCHOR that voids all before" 0 'what was signed ahead is void' officer officer replace --min-anchor
does "r36 leaves the ones in force, signed anew" 0 ' +89 d  DELEGATION of serve to office, serial 10' calendar
is "r36 and none ahead" "$(calendar | grep -c 'DELEGATION of serve') $(metric delegations_ahead) $(health)" "1 0 200"
ok "r36 they are signed ahead again" officer delegation create --card "$card" --ahead 180d
is "r36 and known" "$(metric delegations_ahead)" 2

# ---- what is counted ----
for d in a b c; do
	officer dataset create disk/$d --mode group --life 10d > /dev/null
done
on 415 3
does "r36 DataSets by their day" 0 ' 9 d  3 DATASETs, the first disk/a$' calendar
does "r36 and their policies" 0 ' 9 d  3 POLICYs, the first disk/a$' calendar
tail -c +2 "$REQUEST" > "$W/request"
officer entity enrol "$W/request" --address 127.0.0.1:1 --output "$W/bundle" > shown 2>&1
fp=$(grep -Eo '[a-z2-7]{4}(-[a-z2-7]{4}){4}' shown | head -n 1)
ok "r36 a host" officer entity enrol "$W/request" --fingerprint "$fp" --address 127.0.0.1:1 --output "$W/bundle"
on 415 4
does "r36 is one" 0 ' 729 d  ENTITY host-1$' calendar
officer entity revoke host-1 > /dev/null
is "r36 and none when it is revoked" "$(calendar | grep -c ENTITY)" 0
from 430
does "r36 what has ended" 0 ' ended  3 DATASETs, the last disk/' calendar
stop repositoryd
does "r36 no server" 6 '' calendar
