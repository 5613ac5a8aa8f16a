#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Run checks; one line for each result, last line "N passed, N failed".
#
#   run.sh [-k KERNEL] [-f SECONDS] [-j JOBS] all|unit|vm|long|host|fuzz|style|build [PATTERN]
#     -k   one kernel: 6.1, 6.12 or debug (both cloud kernels)
#     -f   seconds for each fuzz target (5)
#     long: VM scripts of names long_..., which all and vm leave out
#     PATTERN  a regex on the name: of the test program, script or style check
#
# A script says in its first 20 lines, all optional:
#   # where: host|vm    scenario/ only (vm)      # module: yes|no|test
#   # timeout: SECONDS (60)                      # kernels: 6.12
#   # mem: MB (512)                              # own-vm: yes
#   # cpus: N (1; on the debug kernel 2)
#   # boots: N  that many boots with one disk on /disk, MH_BOOT says which
#   # debug: no  not on the debug kernel
#   # beside: interop/X.py  on the host meanwhile; the VM reaches it at 10.0.2.100:7878
#   # icount: yes  the guest's clocks count its instructions
#   # ram: file  the VM's memory, for that program, as $MH_RAM
#   # append: WORDS  for the kernel's command line
#   # snapshot: yes  where it says "@snapshot" on descriptor 3 the VM is written to a file, and goes on
#   #    from there twice; what the two say behind "@once" must differ

set -u

TOP=$(cd "$(dirname "$0")/.." && pwd)
cd "$TOP" || exit 2
export MICROHSM_CACHE=${MICROHSM_CACHE:-$HOME/.cache/microhsm}
export MH_TOP=$TOP
KERNELS="6.1 6.12"
SECONDS_FUZZ=5
JOBS=$(nproc)

while getopts k:f:j: o; do
	case $o in
	k) KERNELS=$OPTARG ;;
	f) SECONDS_FUZZ=$OPTARG ;;
	j) JOBS=$OPTARG ;;
	*) sed -n '4,20p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
WHAT=${1:-all}
PATTERN=${2:-.}
export RES=${RES:-build/check/$WHAT}

header()
{
	sed -n "1,20s/^# $1: *//p" "$2" | head -n 1
}

kver()
{
	if [ "$1" = debug ]; then
		basename "$(selftests/vm/debug-kernel.sh path)"
	else
		grep -E "^${1//./\\.}([.+-]|$)" "$MICROHSM_CACHE/kvers" | head -n 1
	fi
}

# verdict NAME STATUS LOG: one result from a command's exit status.
verdict()
{
	if [ "$2" = 0 ]; then
		echo "ok   $1"
	else
		echo "FAIL $1"
		grep -aE 'error|warning|undefined|ERROR|FAIL' "$3" | head -n 10 |
			sed 's/^/       # /'
		echo "       # log: $3"
	fi
}

# build LABEL ARGS...: one make as one result.
build()
{
	local label=$1 log=$RES/build-${1// /-}.log rc
	shift

	make -k -s -j"$JOBS" "$@" > "$log" 2>&1
	rc=$?
	verdict "build: $label" $rc "$log"
	return $rc
}

build_module()
{
	local kver args=()

	kver=$(kver "$1")
	[ "${2:-}" != test ] || args=(MH_TEST=1)
	if ! build "module ${2:-} $1" module KVER="$kver" "${args[@]}"; then
		rm -f "build/mod-$kver${2:+-$2}/microhsm.ko"
	fi
}

stage_build()
{
	local k

	case $WHAT in
	all|build|host) build tools tools; build daemon daemon ;;
	vm|long) build programs tools daemon ;;
	esac
	case $WHAT in all|build|unit) build "unit tests" unit ;; esac
	case $WHAT in all|build|fuzz) build "fuzz targets" fuzzers ;; esac
	case $WHAT in all|build|vm|long|host) build "kernel test programs" ktest ;; esac
	case $WHAT in
	all|build|vm|long|host)
		[ -e kmod/main.c ] || return
		for k in $KERNELS; do
			build_module "$k"
			build "test's module $k" testmod KVER="$(kver "$k")"
			! grep -qs '^# module: test' selftests/kernel/*.sh selftests/scenario/*.sh ||
				build_module "$k" test
		done
		;;
	esac
}

job_unit()
{
	local prog=$1 name=unit/${1##*/} log=$RES/unit-${1##*/}.log rc

	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 120 "$prog" > "$log.tap" 2> "$log"
	rc=$?
	{ echo "@begin $name"; cat "$log.tap"; echo "@end $name $rc"; } |
		awk -f selftests/vm/verdict.awk -v want="$name" ||
		tail -n 15 "$log" | sed 's/^/       # /'
}

# A second implementation, on the vectors that the first one made.
job_second()
{
	local log=$RES/second-${1##*/}.log

	timeout -k 5 120 python3 -B -W error "$1" > "$log" 2>&1
	verdict "second: ${1##*/}" $? "$log"
}

job_host()
{
	local script=$1 name=${1#selftests/} dir=$TOP/$RES/host-${1##*/}.d limit rc

	limit=$(header timeout "$script")
	rm -rf "$dir"
	mkdir -p "$dir"
	echo "@begin $name" > "$dir.tap"
	(cd "$dir" && TMPDIR=$dir PATH=$TOP/build/bin:$TOP/build/ktest:$PATH \
		MH_LIB=$TOP/selftests/lib.sh MH_VM=$TOP/selftests/vm/vm.sh MH_SLOW=1 \
		timeout -k 5 "${limit:-60}" sh "$TOP/$script") \
		3>> "$dir.tap" > "$dir.log" 2>&1 < /dev/null
	rc=$?
	echo "@end $name $rc" >> "$dir.tap"
	awk -f selftests/vm/verdict.awk -v want="$name" "$dir.tap" ||
		echo "       # log: $dir.log"
}

# All scripts that share a boot of one kernel.
job_vm()
{
	local kernel=$1 dir
	shift

	dir=$RES/vm-$kernel-$(basename "$1" .sh)
	if [ -e kmod/main.c ] && [ ! -e "build/mod-$(kver "$kernel")/microhsm.ko" ]; then
		echo "FAIL $kernel vm: there is no module to test"
		return
	fi
	selftests/vm/vm.sh -k "$kernel" -o "$TOP/$dir" "$@"
}

# One script over several boots with one disk.
job_boots()
{
	local kernel=$1 script=$2 n=$3 disk i

	disk=$TOP/$RES/$kernel-$(basename "$script").disk
	rm -f "$disk"
	for i in $(seq "$n"); do
		selftests/vm/vm.sh -k "$kernel" -d "$disk" -b "$i" \
			-o "$TOP/$RES/vm-$kernel-$(basename "$script" .sh)-$i" "$script"
	done
	rm -f "$disk"
}

job_fuzz()
{
	local name=${1##*/} log=$RES/${1##*/}.log seeds=selftests/fuzz/seeds/${1##*/fuzz_} rc

	mkdir -p "build/fuzz/corpus/$name"
	[ -d "$seeds" ] || seeds=
	# shellcheck disable=SC2086
	timeout -k 5 $((SECONDS_FUZZ + 60)) "$1" -max_total_time="$SECONDS_FUZZ" \
		-timeout=10 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name-" \
		"build/fuzz/corpus/$name" $seeds > "$log" 2>&1
	rc=$?
	verdict "fuzz: $name ($SECONDS_FUZZ s)" $rc "$log"
}

job_style()
{
	selftests/style.sh "$1" "$RES/style-$1.log"
}

# The jobs, one a line; a job is a function of this file and its arguments.
list_vm()
{
	local k s name shared only n t sum

	for k in $KERNELS; do
		shared='' sum=0
		for s in selftests/kernel/[0-9a-z]*.sh selftests/scenario/{r[0-9],bad_,doc_}*.sh; do
			[ -e "$s" ] || continue
			name=${s#selftests/}
			[ "$(header where "$s")" = host ] && continue
			case $WHAT-${s##*/} in long-long_*) ;; long-* | *-long_*) continue ;; esac
			[[ $name =~ $PATTERN ]] || continue
			only=$(header kernels "$s")
			[ "$k" != debug ] || [ "$(header debug "$s")" != no ] || continue
			[ "$k" = debug ] || [ -z "$only" ] || [[ " $only " == *" $k "* ]] || continue
			n=$(header boots "$s")
			t=$(header timeout "$s")
			t=${t:-60}
			if [ "${n:-1}" -gt 1 ]; then
				echo "$t boots $k $name $n"
			elif [ "$(header own-vm "$s")" = yes ]; then
				echo "$t vm $k $name"
			else
				shared="$shared $name"
				sum=$((sum + t))
			fi
		done
		[ -z "$shared" ] || echo "$sum vm $k$shared"
	# the longest first, lest the last of them run alone
	done | sort -s -k 1,1nr | cut -d ' ' -f 2-
}

matching()
{
	local kind=$1 f
	shift
	for f in "$@"; do
		[[ ! ${f##*/} =~ $PATTERN ]] || echo "$kind $f"
	done
}

list_host()
{
	local s

	for s in selftests/scenario/{r[0-9],bad_,doc_}*.sh; do
		[ -e "$s" ] && [ "$(header where "$s")" = host ] && matching host "$s"
	done
}

list_jobs()
{
	local c

	case $WHAT in all|style)
		for c in $(selftests/style.sh list); do
			[[ style-$c =~ $PATTERN ]] && echo "style $c"
		done ;;
	esac
	case $WHAT in all|vm|long) list_vm ;; esac
	case $WHAT in all|host) list_host ;; esac
	case $WHAT in all|unit)
		for c in selftests/unit/test_*.c selftests/hostile/test_*.c; do
			[ ! -e "$c" ] || matching unit "build/unit/$(basename "$c" .c)"
		done
		matching second selftests/vectors/check_*.py selftests/interop/check_*.py ;;
	esac
	case $WHAT in all|fuzz)
		for c in selftests/fuzz/fuzz_*.c; do
			[ ! -e "$c" ] || matching fuzz "build/fuzz/$(basename "$c" .c)"
		done ;;
	esac
}

# Entered again for each job, so that jobs run side by side.
if [ "$WHAT" = job ]; then
	shift
	n=$RES/$(echo "$*" | cksum | cut -d' ' -f1).res
	kind=$1
	shift
	"job_$kind" "$@" > "$n.new" 2>&1
	mv "$n.new" "$n"
	printf '%4d s %s %s\n' "$SECONDS" "$kind" "$*" >> "$RES/times"
	flock "$RES/print.lock" cat "$n"
	exit 0
fi

# lane JOBS [NICE...] < jobs: so many side by side
lane()
{
	local n=$1
	shift
	xargs -r -d '\n' -P "$n" -I{} \
		"$@" sh -c "exec 8>&-; exec $0 -k '$KERNELS' -f $SECONDS_FUZZ job \$1" _ {}
}

mkdir -p "$RES"
exec 8> "$RES/lock"
flock 8
rm -f "$RES"/*.res "$RES"/*.res.new "$RES/times"
stage_build | tee "$RES/build.res"
list_jobs > "$RES/jobs"
# VMs sleep a third of their time: one more of them, and what asks for nothing but the CPU, fill that.
PATIENT='^(style|unit|second|fuzz) '
if [ "$WHAT" = all ]; then
	grep -E "$PATIENT" "$RES/jobs" | lane "$JOBS" nice &
	grep -vE "$PATIENT" "$RES/jobs" | lane $((JOBS + 1))
	wait
else
	lane "$JOBS" < "$RES/jobs"
fi
passed=$(cat "$RES"/*.res | grep -c '^ok ')
failed=$(cat "$RES"/*.res | grep -c '^FAIL ')
# A job that died without a word is a failure too.
lost=$(($(wc -l < "$RES/jobs") + 1 - $(find "$RES" -name '*.res' | wc -l)))
if [ $lost -gt 0 ]; then
	echo "FAIL $lost jobs left no result"
	failed=$((failed + lost))
fi
if [ "$failed" -gt 0 ]; then
	echo "--- failed:"
	cat "$RES"/*.res | grep '^FAIL '
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
