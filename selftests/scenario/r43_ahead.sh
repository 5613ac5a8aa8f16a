#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# timeout: 400
# R43 R36: a year of DELEGATIONs signed ahead, as a host's kernel sees it: on a session that stays open
# the server goes over to the next one, and the EPOCH that is signed under it is taken; on a new session
# too. One that has not begun is taken for nothing. After the last one nothing is delivered.
# shellcheck disable=SC2154 # what start and office.sh set
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"
# shellcheck source=selftests/scenario/clock.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/clock.sh"
D=disk/data
DAY=86400

# serving: the serials of the DELEGATIONs in force
serving()
{
	there repoctl delegation list | tr -d ' \n' | grep -o '"serial":[0-9]*' | cut -d: -f2 | xargs
}

serves()
{
	[ "$(serving)" = "$1 $1" ]
}

sessions()
{
	there repoctl audit show | grep -c ' session '
}

plan 17
ok "a Region" office_open
ok "a host" office_enrol alice
office_dataset $D
ok "the agent" office_agent
is "fetched" "$(errno $D)" ok
t0=$(office_now)
ok "a year ahead" officer delegation create --card "$(there repoctl card | sed 's/.* //')" --ahead 365d
is "the first of them is in force" "$(serving)" "2 2"
is "fetched under it" "$(errno $D)" ok
before=$(sessions)
office_at $((t0 + 82 * DAY))
ok "the next one takes over" wait_for 75 serves 3
is "the session is open: fetched on it" "$(errno $D)" ok
host_right
is "by the host's clock too" "$(errno $D)" ok
is "it is the same session" "$(sessions)" "$before"
is "on a new one" "$(errno_anew $D)" ok
office_at $((t0 + 170 * DAY))
ok "the one after it" wait_for 75 serves 4
host_right
is "fetched" "$(errno $D)" ok
is "on a new one" "$(errno_anew $D)" ok
office_at $((t0 + 416 * DAY))
host_right
is "after the last one nothing is" "$(errno_anew $D)" EKEYEXPIRED
is "which the office is told" "$(there repoctl calendar > /dev/null; echo $?)" 10
