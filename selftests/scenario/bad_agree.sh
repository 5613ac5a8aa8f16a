#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# R12 R36: malformed statements, requests, bundles, messages: the core and the second implementation
# both take one, or neither does.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

TOP=${MH_TOP:-$(pwd)}

judged()
{
	(cd "$TOP" && python3 -B -W error selftests/interop/judged.py "$1") > said
}

# One that is wrong once: what is refused 2,000th it takes
cat > erring << 'EOT'
#!/bin/sh
judge | awk '$0 != "ok" && ++n == 2000 { print "ok"; next } { print }'
EOT
chmod 755 erring

plan 4
ok "r36 the core and the text agree" judged "$(command -v judge)"
says "r36 on thousands, a good part of them taken" '^2[0-9]{4} cases, [34][0-9]{3} of them good, 0 ' \
	cat said
not_ok "r36 one that errs once is found out" judged "$PWD/erring"
says "r36 once" '^2[0-9]{4} cases, .* good, 1 that differ$' cat said
