# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# An office in one VM: repositoryd, one officer, this host enrolled. Sourced by
# scenarios; W is its directory, R the Region's label, LISTEN where the daemon listens.
R=hq
: "${LISTEN=127.0.0.1:7878 [::1]:7878}"
W=${TMPDIR:-/tmp}/office
export MICROHSM_ADMIN="$W/admin"

# The passphrase of a vault, for which there is one, comes after the officer's.
officer()
{
	printf '%s\n%s\n' "${OFFICER_PASS-tea}" "${VAULT_PASS-coffee}" > "$W/passes"
	repoctl --key "$W/officer.pem" --passphrase-fd 5 "$@" 5< "$W/passes"
}

# The same with its first letter another: a fingerprint, a code
wrong_first()
{
	case $1 in
	a*) echo "b${1#?}" ;;
	*) echo "a${1#?}" ;;
	esac
}

fingerprint_of()
{
	sed -n 's/.*fingerprint[^a-z2-7]*\(of the request: \)\{0,1\}\([a-z2-7-]\{24\}\).*/\2/p' "$1" | head -n 1
}

office_ini()
{
	cat > "$W/ini" << EOT
[repositoryd]
name = office
$(for l in $LISTEN; do echo "listen = $l"; done)
socket = $W/stp
admin = $W/admin
store = $W/store/db
keeper = $W/keeper
$1
EOT
}

office_daemon()
{
	# the log, not the socket that the last one left when killed, is the sign of life
	start repositoryd repositoryd --config "$W/ini"
	wait_for 10 grep -q "office serves" "$TMPDIR/repositoryd.log" || { cat "$TMPDIR/repositoryd.log"; return 1; }
}

# repositoryd with a Region, the officer's key, no host yet
office_open()
{
	rm -rf "$W"
	mkdir -p "$W/store" "$W/keeper"
	chmod 755 "$W"
	office_ini ""
	office_daemon || return 1
	printf '%s\n' "${OFFICER_PASS-tea}" > "$W/pass"
	repoctl officer key create "$W/officer.pem" --passphrase-fd 5 5< "$W/pass" || return 1
	card=$(repoctl card | sed 's/.* //')
	officer region create "$R" --card "$card" --genesis "$W/genesis" > "$W/create1" 2>&1
	region=$(sed -n 's/.*genesis = \([a-z2-7-]*\).*/\1/p' "$W/create1")
	office_ini "genesis = $region"
	kill -HUP "${repositoryd:?}"
	wait_for 10 grep -q "configuration read again" "$TMPDIR/repositoryd.log"
	officer region create "$R" --card "$card" --genesis "$W/genesis"
}

# This host: identity, request, enrolment, bundle, agent
office_enrol()
{
	microhsm init "$1" --state "$W/state" || return 1
	microhsm request "$1" --output "$W/$1.request" 2> "$W/$1.fp" || return 1
	officer entity enrol "$W/$1.request" --fingerprint "$(fingerprint_of "$W/$1.fp")" \
		--output "$W/$1.bundle" --address 127.0.0.1:7878 || return 1
	microhsm join "$W/$1.bundle" --region "$region" --state "$W/state" --identity "$1"
}

# office_dataset NAME OPTION...: with a right for alice, and a key
office_dataset()
{
	officer dataset create "$@" > /dev/null 2>&1 && officer grant "$1" alice > /dev/null 2>&1 &&
		officer instance add "$1" --generate > /dev/null 2>&1
}

office_agent()
{
	start agent microhsm agent --state "$W/state"
	sleep 1
}
