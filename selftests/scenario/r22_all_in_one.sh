#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# kernels: 6.12
# own-vm: yes
# timeout: 180
# R22. Module, repository and user on one host without any network: repositoryd serves the local
# kernel itself; then over a unix socket by the agent.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
# shellcheck source=selftests/scenario/office.sh
. "$(dirname "${MH_LIB:-selftests/lib.sh}")/scenario/office.sh"

S=$W/state

# Other than the office's usual: nothing listens, and each user makes the directory it needs.
office_ini()
{
	cat > "$W/ini" << EOT
[repositoryd]
name = office
admin = $W/admin
store = $W/data/db
keeper = $W/sp
user = microhsm
keeper_user = microhsm-sp
${door:-kernel = $S}
$1
EOT
	chmod 644 "$W/ini"
}

# Why it does not come up
daemon_says()
{
	repositoryd --config "$W/ini"
}

host()
{
	microhsm "$@" --state "$S"
}

plan 43
ip link set lo down
not_ok "no network: not even this host answers" ping -c 1 -w 1 127.0.0.1
is "nor is there another interface up" "$(ip -o link | grep -c 'state UP\|,UP')" 0

# ---- what it takes to serve the local kernel ----
mkdir -p "$W"
chmod 755 "$W"
office_ini
microhsm drain > /dev/null
wait_for 6 rmmod microhsm
fails_with "without the module" 4 daemon_says
is "the log says what to do" "$(grep -c 'not loaded: insmod' "$_out")" 1
insmod "$MH_MODULE"
start other keys_probe agent deaf
wait_for 5 sh -c 'keys_probe status | grep -q agent=1'
fails_with "with another agent attached" 4 daemon_says
is "the log says that too" "$(grep -c 'an agent is attached' "$_out")" 1
kill "${other:?}"
wait_for 5 sh -c 'keys_probe status | grep -q agent=0'

# ---- a Region, this host in it, a key ----
ok "a Region" office_open
says "the daemon is the kernel's agent" 'agent +attached' microhsm status
is "it is root no more" "$(sed -n 's/^Uid:\t//p' "/proc/${repositoryd:?}/status")" \
	"$(printf '990\t990\t990\t990')"
is "it has no capability left" "$(sed -n 's/^CapEff:\t//p' "/proc/$repositoryd/status")" \
	0000000000000000
fails_with "so no agent can attach" 5 timeout 5 microhsm agent
is "nothing listens on TCP" "$(cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | grep -vc sl)" 0
not_ok "no door for hosts is a socket" grep -q "$W/stp" /proc/net/unix
ok "an identity" host init alice
ok "its request" host request alice --output "$W/alice.request"
fp=$(fingerprint_of "$_out")
ok "enrolled without any address" officer entity enrol "$W/alice.request" --fingerprint "$fp" \
	--output "$W/alice.bundle"
ok "joined" host join "$W/alice.bundle" --region "$region" --identity alice
officer dataset create disk/data --mode group > /dev/null 2>&1
officer grant disk/data alice > /dev/null 2>&1
ok "a key" officer instance add disk/data --generate
ok "fetched" microhsm fetch "$R/disk/data"
key=$(keyctl search @s microhsm "$R/disk/data")
echo "a licence" > plain
microhsm seal "$key" plain --output sealed
ok "and used" microhsm open "$key" sealed --output opened
ok "for what it is" cmp plain opened
ok "the daemon wrote the sealed identity" wait_for 5 sh -c \
	"test \"\$(stat -c %U $S/$R+alice.blob)\" = microhsm"
officer dataset create tls/www --mode session --algorithm p256 > /dev/null 2>&1
officer grant tls/www alice > /dev/null 2>&1
officer instance add tls/www --generate > /dev/null 2>&1
ok "another on the same session" microhsm fetch "$R/tls/www"
says "there is one" 'sessions=1 ' keys_probe status
fails_with "what is not there" 3 microhsm fetch "$R/no/such"
says "deliveries are in the audit" 'disk/data' repoctl audit show
ok "which verifies" repoctl audit verify

# ---- killed, started again ----
kill -KILL "$repositoryd"
wait "$repositoryd"
ok "killed: its session ends" wait_for 5 sh -c 'keys_probe status | grep -q "sessions=0.*agent=0"'
fails_with "nobody serves" 6 microhsm fetch "$R/disk/data"
ok "started again" office_daemon
ok "it serves the same host" microhsm fetch "$R/disk/data"
kill -TERM "$repositoryd"
wait "$repositoryd"
is "told to end, it does" $? 0

# ---- a unix socket between ----
door="socket = $W/stp"
office_ini "genesis = $region"
ok "with a socket in place of the kernel" office_daemon
start agent microhsm agent --upstream "$W/stp" --state "$S"
ok "and the agent" wait_for 5 sh -c 'keys_probe status | grep -q agent=1'
ok "fetched" microhsm fetch "$R/tls/www"
stop agent > /dev/null
stop repositoryd

# ---- a daemon that does not have the Region ----
door=
office_ini "genesis = $region"
sed "s|data/db|data/empty|; s|^keeper = .*|&2|" "$W/ini" > "$W/empty.ini"
start repositoryd repositoryd --config "$W/empty.ini"
wait_for 10 sh -c 'keys_probe status | grep -q agent=1'
within "a Region that is not served: an answer at once" 3 microhsm fetch "$R/disk/data"
fails_with "and a code" 6 microhsm fetch "$R/disk/data"
ok "and a line in the log" grep -q "Region $R, which is not served" "$TMPDIR/repositoryd.log"
stop repositoryd

# ---- revoked, drained ----
office_daemon
microhsm fetch "$R/disk/data" > /dev/null
ok "revoked" officer entity revoke alice
ok "its key goes" wait_for 5 sh -c "! keyctl search @s microhsm $R/disk/data"
fails_with "and nothing more comes" 8 microhsm fetch "$R/disk/data"
ok "drained under the daemon" microhsm drain
ok "unloaded" wait_for 6 rmmod microhsm
