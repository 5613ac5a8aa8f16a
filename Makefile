# SPDX-License-Identifier: MIT
#
# A source file is built by being in its directory; see `make help`.

MAKEFLAGS += --no-builtin-rules
CACHE	:= $(or $(MICROHSM_CACHE),$(HOME)/.cache/microhsm)
B	:= build
KVER	?= $(shell uname -r)
DESTDIR	?=
PREFIX	?= /usr/local
export MICROHSM_CACHE := $(CACHE)

# Headers: KDIR as given, else those in the cache, else those installed.
KCACHED	:= $(CACHE)/kernels/$(KVER)/usr/src/linux-headers-$(KVER)
KDIR	?= $(or $(wildcard $(KCACHED)),$(if $(filter debug-%,$(KVER)),$(CACHE)/kernels/$(KVER),/lib/modules/$(KVER)/build))
KOUT	:= $(B)/mod-$(KVER)$(if $(MH_TEST),-test)$(KSUFFIX)

CC	= gcc
CLANG	= clang
CPPFLAGS += -isystem uapi -Ikmod -Ikmod/core -Itools -Irepositoryd -I. -D_GNU_SOURCE
WARN	= -Wall -Wextra -Werror
CFLAGS_rel = -std=gnu11 -O2 -g $(WARN) -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
LDFLAGS_rel = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
CFLAGS_asan = -std=gnu11 -O1 -g $(WARN) -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS_asan = -fsanitize=address,undefined -Wl,--as-needed
CFLAGS_fuzz = -std=gnu11 -O1 -g $(WARN) -fno-omit-frame-pointer \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LDFLAGS_fuzz = -fsanitize=fuzzer,address,undefined -Wl,--as-needed
LDLIBS	= -lcrypto -levent_core -levent_extra -lsqlite3 -lmnl -lnl-genl-3 \
	-lnl-3 -ljansson -linih -lseccomp -lcap-ng -lkeyutils -largon2 -lp11 -lpthread
CPPFLAGS += -I/usr/include/libnl3 -I/usr/include/p11-kit-1

CORE	:= $(wildcard kmod/core/*.c)
LIB	:= $(CORE) $(wildcard tools/lib/*.c)
DAEMON	:= $(wildcard repositoryd/*.c)
REPOCTL	:= $(wildcard tools/repoctl*.c)
MICROHSM := $(wildcard tools/microhsm*.c)
UNIT	:= $(wildcard selftests/unit/test_*.c selftests/hostile/test_*.c)
# Helpers that a directory's tests share are its files of other names.
UNITLIB	:= $(filter-out $(UNIT),$(wildcard selftests/unit/*.c))
KTEST	:= $(filter-out $(UNIT),$(wildcard $(addprefix selftests/,kernel/*.c scenario/*.c hostile/*.c)))
CRASH	:= $(wildcard selftests/crash/*.c)
FAULTS	:= $(filter-out %/interpose.c,$(wildcard selftests/faults/*.c))
FUZZ	:= $(wildcard selftests/fuzz/fuzz_*.c)
BENCH	:= $(wildcard selftests/bench/*.c)
GEN	:= $(wildcard selftests/vectors/gen_*.c)

# A program is built once its main file is there.
TOOLS	:= $(if $(wildcard tools/repoctl.c),$(B)/bin/repoctl) \
	$(if $(wildcard tools/microhsm.c),$(B)/bin/microhsm)
DAEMONS	:= $(if $(wildcard repositoryd/main.c),$(B)/bin/repositoryd)
UNITS	:= $(addprefix $(B)/unit/,$(notdir $(UNIT:.c=)))
# What is preloaded into programs under test
PRELOAD	:= log_random pin_locked power_cut shift_clock
KTESTS	:= $(addprefix $(B)/ktest/,$(filter-out $(PRELOAD),$(notdir $(KTEST:.c=))) \
	$(PRELOAD:=.so) crash)
FUZZERS	:= $(FUZZ:selftests/fuzz/%.c=$(B)/fuzz/%)

all: $(if $(wildcard kmod/main.c),$(if $(wildcard $(KDIR)),module,nomodule)) tools daemon

nomodule:
	@echo "module skipped: no headers of $(KVER); give KVER= or KDIR= ($(KVERS))"
KVERS = $(shell cat $(CACHE)/kvers 2>/dev/null)

tools: $(TOOLS)
daemon: $(DAEMONS)
unit: $(UNITS)
ktest: $(KTESTS)
fuzzers: $(FUZZERS)

# The module is built in a copy, so that two kernels' objects never meet.
module:
	@mkdir -p $(KOUT)
	@flock $(KOUT) sh -c 'rsync -rt --delete --include="*/" --include="*.[ch]" \
		--exclude="*" kmod uapi $(KOUT)/ && cp -u Kbuild $(KOUT)/ && \
		$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)/$(KOUT) \
		MH_TEST=$(if $(MH_TEST),y) $(KARGS) modules'

# A module that tests need beside ours.
testmod:
	@mkdir -p $(B)/testmod-$(KVER)
	@flock $(B)/testmod-$(KVER) sh -c 'cp -u selftests/kernel/mod/* $(B)/testmod-$(KVER)/ && \
		$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)/$(B)/testmod-$(KVER) modules'

modules_install:
	$(MAKE) -C $(KDIR) M=$(CURDIR)/$(KOUT) modules_install

# Objects and the library of one variant: rel, asan or fuzz.
define variant
$(B)/$(1)/obj/%.o: %.c
	@mkdir -p $$(@D)
	$(2) $$(CPPFLAGS) $$(CFLAGS_$(1)) $$(CFLAGS) -MMD -MP -c -o $$@ $$<
$(B)/$(1)/libmh.a: $(LIB:%.c=$(B)/$(1)/obj/%.o)
	@mkdir -p $$(@D); rm -f $$@
	ar rcs $$@ $$^
$(B)/$(1)/librepositoryd.a: $(patsubst %.c,$(B)/$(1)/obj/%.o,$(filter-out repositoryd/main.c,$(DAEMON)))
	@mkdir -p $$(@D); rm -f $$@
	ar rcs $$@ $$^
endef
$(eval $(call variant,rel,$$(CC)))
$(eval $(call variant,asan,$$(CC)))
$(eval $(call variant,fuzz,$$(CLANG)))
OBJS	= $(patsubst %.c,$(B)/$(1)/obj/%.o,$(2))
ALLSRC	:= $(LIB) $(DAEMON) $(REPOCTL) $(MICROHSM) $(UNIT) $(UNITLIB) $(KTEST) $(CRASH) $(FAULTS) $(FUZZ) $(BENCH) $(GEN)
.SECONDARY:
-include $(foreach v,rel asan fuzz,$(patsubst %.c,$(B)/$(v)/obj/%.d,$(ALLSRC)))

COMMA	:= ,
link = @mkdir -p $(@D); echo "  LD $@"; $(2) -o $@ $(filter %.o,$^) \
	$(filter %.a,$^) $(filter %.a,$^) $(LDFLAGS_$(1)) $(LDFLAGS) $(LDLIBS) $(3)

$(B)/bin/repoctl: $(call OBJS,rel,$(REPOCTL)) $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/bin/microhsm: $(call OBJS,rel,$(MICROHSM)) $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/bin/repositoryd: $(call OBJS,rel,$(DAEMON)) $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/asan/bin/repoctl: $(call OBJS,asan,$(REPOCTL)) $(B)/asan/libmh.a
	$(call link,asan,$(CC))
$(B)/asan/bin/microhsm: $(call OBJS,asan,$(MICROHSM)) $(B)/asan/libmh.a
	$(call link,asan,$(CC))
$(B)/asan/bin/repositoryd: $(call OBJS,asan,$(DAEMON)) $(B)/asan/libmh.a
	$(call link,asan,$(CC))
$(B)/unit/%: $(B)/asan/obj/selftests/unit/%.o $(call OBJS,asan,$(UNITLIB)) \
	$(B)/asan/librepositoryd.a $(B)/asan/libmh.a
	$(call link,asan,$(CC),-lcmocka)
$(B)/unit/%: $(B)/asan/obj/selftests/hostile/%.o $(call OBJS,asan,$(UNITLIB)) \
	$(B)/asan/librepositoryd.a $(B)/asan/libmh.a
	$(call link,asan,$(CC),-lcmocka -Wl$(COMMA)--wrap=mh_p256_verify)
$(B)/ktest/%: $(B)/rel/obj/selftests/kernel/%.o $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/ktest/%: $(B)/rel/obj/selftests/hostile/%.o $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/ktest/%: $(B)/rel/obj/selftests/scenario/%.o $(B)/rel/libmh.a
	$(call link,rel,$(CC))
# repositoryd itself, that can be told to lie
$(B)/ktest/rogue_repositoryd: $(B)/rel/obj/selftests/hostile/rogue_repositoryd.o \
	$(B)/rel/obj/repositoryd/main.o $(B)/rel/librepositoryd.a $(B)/rel/libmh.a
	$(call link,rel,$(CC),-Wl$(COMMA)--wrap=mh_conn_record \
		-Wl$(COMMA)--wrap=mh_stp_challenge_begin)
$(B)/ktest/sealed_probe: $(B)/rel/obj/selftests/scenario/sealed_probe.o \
	$(B)/rel/librepositoryd.a $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/ktest/ct_probe: $(B)/rel/obj/selftests/scenario/ct_probe.o $(B)/rel/libmh.a
	$(call link,rel,$(CC),-Wl$(COMMA)--wrap=mh_ct_equal)
# repositoryd, killed while it is busy, in the world of its unit tests
$(B)/ktest/crash: $(call OBJS,rel,$(CRASH)) $(call OBJS,rel,$(UNITLIB)) \
	$(B)/rel/librepositoryd.a $(B)/rel/libmh.a
	$(call link,rel,$(CC))
# What makes calls of the sanitized programs fail, and the library that it preloads there
$(B)/faults/faults: $(call OBJS,rel,$(FAULTS) $(UNITLIB)) $(B)/rel/obj/selftests/crash/crash_check.o \
	$(B)/rel/librepositoryd.a $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/faults/interpose.so: selftests/faults/interpose.c selftests/faults/faults.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu11 -O1 -g $(WARN) -fno-omit-frame-pointer -fPIC -shared -o $@ $< -lgcc_s
$(B)/ktest/%.so: selftests/scenario/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu11 -O2 $(WARN) -fPIC -shared -o $@ $< -ldl
$(B)/bench/%: $(B)/rel/obj/selftests/bench/%.o $(call OBJS,rel,$(UNITLIB)) \
	$(B)/rel/librepositoryd.a $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/gen/%: $(B)/rel/obj/selftests/vectors/%.o $(B)/rel/libmh.a
	$(call link,rel,$(CC))
$(B)/fuzz/%: $(B)/fuzz/obj/selftests/fuzz/%.o $(call OBJS,fuzz,$(UNITLIB)) \
	$(B)/fuzz/librepositoryd.a $(B)/fuzz/libmh.a
	$(call link,fuzz,$(CLANG))

# kmod's own sources, on as much of the kernel as they ask for
$(B)/fuzz/obj/selftests/fuzz/fuzz_session.o: CPPFLAGS := -Iselftests/fuzz/kernel $(CPPFLAGS)
# repoctl's own parts, its main file included by the target
$(B)/fuzz/fuzz_repoctl: $(call OBJS,fuzz,$(filter-out tools/repoctl.c,$(REPOCTL)))

deps:
	@selftests/vm/deps.sh install
ensure-deps:
	@selftests/vm/deps.sh ensure

demo: ensure-deps
	@$(MAKE) -s tools daemon
	@selftests/demo.sh

# make check T=pattern K=6.1 runs part; see selftests/run.sh.
check: ensure-deps
	@selftests/run.sh $(if $(K),-k $(K)) all $(if $(T),'$(T)')
style: ensure-deps
	@selftests/run.sh style $(if $(T),'$(T)')
fuzz: ensure-deps
	@selftests/run.sh -f $(or $(SECONDS),60) fuzz $(if $(T),'$(T)')
check-debug: ensure-deps
	@selftests/vm/debug-kernel.sh build > /dev/null
	@selftests/run.sh -k debug vm $(if $(T),'$(T)')
# What statements, ANCHORs and EPOCHs allow, searched by spin
check-model: ensure-deps
	@selftests/model/check.sh
# A million random calls, on one kernel: K=6.1, 6.12 or debug
fuzz-kernel: ensure-deps
	@$(if $(filter debug,$(K)),selftests/vm/debug-kernel.sh build > /dev/null)
	@selftests/run.sh -k $(or $(K),6.12) long long_calls
# ROUNDS=1000 takes a quarter of an hour
crash: ensure-deps $(B)/ktest/crash
	@$(B)/ktest/crash $(or $(ROUNDS),100)
# Some ten minutes; T=repositoryd, young, repoctl or microhsm for that one alone
faults: ensure-deps tools daemon $(B)/faults/faults $(B)/faults/interpose.so \
	$(addprefix $(B)/asan/bin/,repositoryd repoctl microhsm)
	@$(B)/faults/faults $(T)
bench: ensure-deps $(B)/bench/bench
	@for k in $(KVERS); do $(MAKE) -s module KVER=$$k || exit 1; done
	@selftests/run.sh -k 6.12 -j 1 long long_bench > $(B)/bench.log || { cat $(B)/bench.log; exit 1; }
	@BENCH_JSON=$(B)/bench.json $(B)/bench/bench $(KVERS:%=$(B)/mod-%/microhsm.ko) \
		< $(B)/check/long/vm-6.12-long_bench/out
# Many hosts at once, and some that are hostile
load: ensure-deps $(B)/bench/load
	@LOAD_JSON=$(B)/load.json $(B)/bench/load $(or $(SESSIONS),2000) $(SECONDS)

# All vectors of our own, the seeds made with them, and the pages that print them.  Those
# with signatures come out different each time.
vectors: $(GEN:selftests/vectors/%.c=$(B)/gen/%)
	$(B)/gen/gen_statement > $(B)/gen/statement.h
	$(B)/gen/gen_stp > $(B)/gen/stp.h
	cp $(B)/gen/statement.h $(B)/gen/stp.h kmod/core/vectors/
	mkdir -p $(SEEDS)/statement $(SEEDS)/blob $(SEEDS)/enrol $(SEEDS)/proposal $(SEEDS)/snapshot
	$(B)/gen/gen_statement $(SEEDS)/statement
	$(B)/gen/gen_wrap kmod/core/vectors
	$(B)/gen/gen_enrol kmod/core/vectors $(SEEDS)
	$(B)/gen/gen_proposal $(SEEDS)
	python3 -B selftests/vectors/check_printed.py --write
SEEDS	:= selftests/fuzz/seeds

# Man pages are left out where there is no rst2man (python3-docutils).
RST2MAN	:= $(firstword $(shell command -v rst2man || command -v rst2man.py))
MANS	:= $(if $(RST2MAN),$(patsubst tools/man/%.rst,$(B)/man/%,$(wildcard tools/man/*.rst)))
man: $(MANS)
$(B)/man/%: tools/man/%.rst
	@mkdir -p $(@D)
	$(RST2MAN) $< $@

install: tools daemon man
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin
	$(if $(TOOLS),install -m 755 $(TOOLS) $(DESTDIR)$(PREFIX)/bin)
	$(if $(DAEMONS),install -m 755 $(DAEMONS) $(DESTDIR)$(PREFIX)/sbin)
	for m in $(MANS); do \
		install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/} || exit 1; done

clean:
	rm -rf $(B)

help:
	@echo 'all         module (running kernel, KVER= or KDIR=), tools, daemon'
	@echo 'module      KVER=$(firstword $(KVERS)) or KDIR=...; MH_TEST=1 for the test build'
	@echo 'deps        install what building and testing need (root)'
	@echo 'demo        the whole story in a VM, in words'
	@echo 'check       every test; T=pattern for some, K=6.1 or K=6.12 for one kernel'
	@echo 'check-debug kernel tests under KASAN, lockdep and kmemleak'
	@echo 'check-model statements, ANCHORs, EPOCHs and time as models, searched by spin'
	@echo 'style       checkpatch, sparse, W=1, clang-tidy, shellcheck, sizes'
	@echo 'crash       ROUNDS=1000 times repositoryd is killed while it is busy'
	@echo 'faults      each call of daemon and tools that can fail fails, one after another'
	@echo 'fuzz        SECONDS=60 for each target;  bench: measurements, each beside its bound'
	@echo 'load        SESSIONS=2000 hosts at once, and some that are hostile'
	@echo 'fuzz-kernel a million random calls of the module; K=6.1, 6.12 or debug (50,000)'
	@echo 'vectors     the vectors of our own, made anew, and the page that prints them'
	@echo 'install     tools, daemon, man pages: DESTDIR= PREFIX=;  clean;  help'
	@echo 'modules_install   the module, where modprobe finds it: KVER=, INSTALL_MOD_PATH='

.PHONY: all nomodule module testmod modules_install tools daemon man unit ktest fuzzers deps \
	ensure-deps demo check style fuzz fuzz-kernel check-debug check-model crash faults bench load vectors install clean help
.DELETE_ON_ERROR:
