#!/bin/sh
# SPDX-License-Identifier: MIT
# where: host
# The man pages and --help say the same: each verb with its operands, each option with its
# argument, each exit code, each key of repositoryd.ini; none more; and rst2man takes the pages.
# uapi.rst names each call, struct, command and attribute of the header.
# shellcheck source=selftests/lib.sh
. "${MH_LIB:-selftests/lib.sh}"

TOP=${MH_TOP:-$(pwd)}
MAN=$TOP/tools/man
BIN=$TOP/build/bin

# Man pages by rst2man: what it warns of is what it prints
page()
{
	rst2man --report=1 "$MAN/$1.rst" "$1" 2>&1
}

# differ WHAT HELP PAGE: lines that only one of the two files has, told
differ()
{
	sort -u "$2" > help.sorted
	sort -u "$3" > page.sorted
	test -s help.sorted || echo "$1: --help says nothing"
	comm -23 help.sorted page.sorted | sed "s|^|$1: only in --help: |"
	comm -13 help.sorted page.sorted | sed "s|^|$1: only in the man page: |"
}

# Verbs with their operands, as --help lists them
help_verbs()
{
	"$BIN/$1" --help | sed -n "s/^  \($1 .*\)/\1/p" | sed 's/ *$//'
}

# The same of the page: titles underlined with dashes
page_verbs()
{
	awk -v tool="$1 " '/^-+$/ && index(last, tool) == 1 { print last } { last = $0 }' "$MAN/$1.1.rst"
}

# "  --name ARG   text", or without text when it is long
options()
{
	sed -n 's/^  \(--[a-z-]*\( [^ ]\{1,\}\)\{0,1\}\)  *.*/\1/p'
}

# Options told under a title, up to the next
told()
{
	awk -v title="$2" '
		$0 ~ /^(-+|=+)$/ { inside = (last == title) }
		inside && /^--[a-z]/ { print }
		{ last = $0 }' "$MAN/$1.rst"
}

verbs()
{
	help_verbs "$1" > help
	page_verbs "$1" > page
	differ "$1" help page
}

options_of_verbs()
{
	help_verbs "$1" > all
	while read -r usage; do
		words=$(echo "$usage" | sed "s/^$1 //; s/ [A-Z[].*//")
		# shellcheck disable=SC2086 # words
		"$BIN/$1" $words --help | sed -n '/^options of /,/^$/p' | options > help
		told "$1.1" "$usage" > page
		[ -s help ] || [ -s page ] || continue
		differ "$usage" help page
	done < all
}

global_options()
{
	"$BIN/$1" --help | sed -n '/^options:/,/^$/p' | options > help
	told "$1.1" OPTIONS > page
	differ "$1" help page
}

# "exit codes: 0 done, 1 failed ...", against the page's "0 done" lines
exit_codes()
{
	"$BIN/$1" --help | sed -n '/^exit codes:/,$p' | tr '\n' ' ' |
		sed 's/^exit codes: //' | tr ',' '\n' | sed 's/^ *//; s/ *$//' > help
	sed -n '/^EXIT STATUS/,/^ENVIRONMENT/p' "$MAN/$1.1.rst" | grep '^[0-9]' > page
	differ "$1" help page
}

daemon_options()
{
	"$BIN/repositoryd" --help | grep -o '^  --[a-z]*' | tr -d ' ' > help
	told repositoryd.8 OPTIONS | grep -o -- '--[a-z]*' > page
	differ repositoryd help page
}

# Keys that config.c knows, against the page's "name", "name +", "name, name"
daemon_keys()
{
	sed -n 's/.*strcmp(key, "\([a-z_]*\)").*/\1/p' "$TOP/repositoryd/config.c" > help
	grep -o '{ "[a-z_]*", &c->' "$TOP/repositoryd/config.c" | cut -d'"' -f2 >> help
	sed -n '/^CONFIGURATION/,/^SIGNALS/p' "$MAN/repositoryd.8.rst" |
		grep -E '^[a-z_]+(, [a-z_]+)*( \+)?$' | tr -d ' +' | tr ',' '\n' > page
	differ repositoryd.ini help page
}

# What the header gives programs, and the page does not name
undocumented()
{
	grep -oE '^#define MH_IOC_[A-Z_]+|^struct mh_[a-z_]+ \{|^	MH_(CMD|ATTR)_[A-Z_]+|MH_FETCH_[A-Z]+|MH_PULL_[A-Z]+' \
		"$TOP/uapi/linux/microhsm.h" | sed 's/^#define //; s/^	//; s/ {$//' |
		grep -vE '_(UNSPEC|PAD|MAX|TIMEOUT)$' | sort -u |
		while read -r _name; do
			grep -q "\<$_name\>" "$TOP/Documentation/uapi.rst" || echo "$_name"
		done
}

# Documents that rst2html has something to say about
warned()
{
	for _d in "$TOP"/Documentation/*.rst; do
		rst2html --report=2 "$_d" page.html 2>&1
	done
}

# What make install puts where
installed()
{
	make -s -C "$TOP" install DESTDIR="$PWD/root" PREFIX=/usr > make.log 2>&1 || cat make.log
	(cd root && find . -type f -printf '%m %p\n' | sort -k2)
}

plan 18
for p in repoctl.1 microhsm.1 repositoryd.8; do
	is "$p: rst2man takes it without a word" "$(page $p)" ""
	ok "$p: is a man page" grep -q '^\.SH EXIT STATUS' $p
done
for t in repoctl microhsm; do
	is "$t: verbs" "$(verbs $t)" ""
	is "$t: options of each verb" "$(options_of_verbs $t)" ""
	is "$t: options and exit codes" "$(global_options $t; exit_codes $t)" ""
done
is "repositoryd: options and keys of its configuration" "$(daemon_options; daemon_keys)" ""
is "make install" "$(installed)" "755 ./usr/bin/microhsm
755 ./usr/bin/repoctl
755 ./usr/sbin/repositoryd
644 ./usr/share/man/man1/microhsm.1
644 ./usr/share/man/man1/repoctl.1
644 ./usr/share/man/man8/repositoryd.8"
ok "an installed tool runs" root/usr/bin/repoctl --help
# shellcheck disable=SC2046 # words
fails_with "repoctl: of addresses eight, as the page says" 2 root/usr/bin/repoctl entity enrol x \
	$(seq -f "--address a:%g" 9)
is "uapi.rst names all that the header has" "$(undocumented)" ""
is "rst2html takes each document without a word" "$(warned)" ""
