#!/bin/sh
# SPDX-License-Identifier: MIT
# where: vm
# module: no
# timeout: 120
# R01 R52: the tools where there is no module, no daemon, no agent, no root, no identity, or no
# sense in what they are told: a documented exit code and what to do next, and nothing made.
# shellcheck disable=SC2154 # what start sets
# shellcheck disable=SC2086 # a verb and its operands are words
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"
export MICROHSM_ADMIN=$TMPDIR/none/admin
S=$TMPDIR/state

# each CODE REGEX: of the lines of standard input, each a command, those that end otherwise
each()
{
	while IFS= read -r line; do
		timeout 10 $line > said 2>&1 < /dev/null
		_rc=$?
		[ $_rc = "$1" ] && grep -Eq -- "$2" said ||
			echo "$line: exit $_rc, wanted $1: $(head -n 1 said)"
	done
}

plan 21
head -c 40 /dev/urandom > junk
is "no module: every verb that needs it says so" "$(each 6 'microhsm module is not loaded: modprobe microhsm [(]or insmod[)]' << EOT
microhsm status
microhsm init alice --state $S
microhsm fetch hq/disk/data
microhsm keys
microhsm seal 1 junk
microhsm open 1 none
microhsm unlock
microhsm unlock none --state $S
microhsm fetch aaaa-aaaa-aaaa-aaaa-aaaa/disk/data
microhsm sign --key 1 junk
microhsm drain
microhsm monitor
microhsm agent --state $S
microhsm request
microhsm sign junk
microhsm public
microhsm join junk
microhsm forget
EOT
)" ""
not_ok "init has made no secret" test -e "$S"
is "no daemon: every noun of repoctl says so" "$(each 6 'none/admin: .*is repositoryd running' << EOT
repoctl status
repoctl card
repoctl region list
repoctl entity list
repoctl entity show alice
repoctl dataset list
repoctl audit show
repoctl audit verify
EOT
)" ""

ok "the module" module_load
is "no identity: those that need one" "$(each 3 'no identity.*microhsm init' << EOT
microhsm request
microhsm sign junk
microhsm join junk
microhsm forget
EOT
)" ""
is "not root: denied" "$(each 4 'root of the host|not allowed|Permission' << EOT
keys_probe uid 1000 microhsm status
keys_probe uid 1000 microhsm init alice --seat file:/tmp/w/junk
keys_probe uid 1000 microhsm drain
keys_probe uid 1000 microhsm monitor
keys_probe uid 1000 microhsm agent
EOT
)" ""
is "which has made nothing" "$(keys_probe status)" \
	"payloads=0 requests=0 sessions=0 identities=0 agent=0 draining=0 double=0"
is "what is no usage" "$(each 2 'see microhsm|usage: |is no name|no option|needs a value|write REGION|not known|is no number|--timeout|--seat' << EOT
microhsm frobnicate
microhsm init
microhsm init a b
microhsm init Alice --state $S
microhsm init a/b --state $S
microhsm init alice --state $S --uid many
microhsm init alice --state $S --uid -1
microhsm init alice --state $S --seat tpm:1
microhsm init alice --state
microhsm init alice --statt $S
microhsm fetch
microhsm fetch disk
microhsm fetch /disk
microhsm fetch hq/
microhsm fetch hq/disk --keyring @nowhere
microhsm fetch hq/disk --as password
microhsm fetch hq/disk --version x
microhsm fetch hq/disk --timeout 0
microhsm fetch hq/disk --timeout 11m
microhsm fetch hq/disk --timeout soon
microhsm unlock a b
EOT
)" ""
is "nor of repoctl" "$(each 2 'see repoctl|usage: |no option|needs a value|needs an officer' << EOT
repoctl frobnicate
repoctl entity frobnicate
repoctl entity enrol
repoctl entity show a b
repoctl entity list --nonsense
repoctl dataset create
repoctl region create
repoctl --socket
EOT
)" ""
not_ok "nothing is made by what is no usage" test -e "$S"
is "a Region that is not joined" "$(each 3 'no such key' << EOT
microhsm fetch hq/disk/data
microhsm fetch hq/disk/data --as logon
EOT
)" ""

ok "an identity" microhsm init alice --state "$S"
is "there is one" "$(each 5 'there is one already' << EOT
microhsm init alice --state $S
EOT
)" ""
is "files that are not there" "$(each 3 'No such file' << EOT
microhsm unlock none.blob --state $S
microhsm join none.bundle
microhsm seal 1 none
microhsm open 1 none
microhsm sign none
EOT
)" ""
: > empty
is "files that are none of ours" "$(each 7 'not a join bundle|not a file that|is empty|shorter than 32|longer than' << EOT
microhsm join junk
microhsm join empty
microhsm join /dev/zero
microhsm open 1 empty
microhsm unlock empty --state $S
microhsm unlock $S/alice.blob --seat file:/tmp/w/empty
microhsm unlock /dev/zero --state $S
EOT
)" ""
head -c 32 /dev/zero > zeros
is "a blob that is none, a seat that is not" "$(each 4 'refused: wrong seat, altered' << EOT
microhsm unlock junk --state $S
microhsm unlock $S/alice.blob --seat file:/tmp/w/zeros
EOT
)" ""
says "the words for either are the same" '^1$' sh -c "
	{ microhsm unlock junk --state $S; microhsm unlock junk --seat file:/tmp/w/zeros; } 2>&1 |
		sort -u | wc -l"
# one that comes after its wait is one more wrong one, and the wait grows
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	microhsm unlock junk --state "$S" > said 2>&1
	! grep -q 'wait [0-9]' said || break
done
says "too many tries: wait" 'too many wrong tries; wait [0-9]+ second' cat said
start agent microhsm agent --state "$S"
wait_for 5 grep -q attached "$TMPDIR/agent.log"
fails_with "a second agent" 5 microhsm agent --state "$S"
ok "drained" microhsm drain
is "after the drain" "$(each 6 'draining' << EOT
microhsm init bob --state $S
microhsm agent --state $S
EOT
)" ""
