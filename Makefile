# dlc: deep-learning models, compiled to C.
#   make            build/dlc
#   make demo       install what is missing, build, draw digits, train a CNN on them, put it into a C program, ask it
#   make check      the quick tests, for every edit
#   make test       install what is missing, build everything, pass every test
#   make test-long  what takes longer: accuracy on real data where there is some, fuzzing, broken operations
#   make test-targets  emitted code on every board of tests/metal/boards.txt, in emulators
#   make bench      nine models against PyTorch and ONNX Runtime, where they are installed, and against the machine's peak
#   make coverage   which part of compiler/'s lines the tests run; an error below 90 %
#   make asan       the tests with the compiler under the address and undefined-behaviour sanitizers
#   make bless      write anew what tests compare with; review the difference
#   make reference  write anew what the library is compared with: tests/library/cases/, needs PyTorch
#   make generated  write generated/, the C of the examples
#   make instructions  count anew what kernels take on microcontrollers: tests/metal/instructions.txt, needs QEMU
#   make fmt        lay out the C sources and the models
#   make docs/accuracy.md  measure the functions of runtime/ against libm, all floats (STRIDE=101: one in 101)
#   make install    to PREFIX (/usr/local): bin/dlc, its manual page, include/dlc, for CMake and pkg-config; make uninstall takes it away
#   make setup      install what is missing (apt; elsewhere a list of what is needed)
#   make clean      remove build/
BUILD   ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
PYTHON  ?= python3
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
DLC_CFLAGS = -std=gnu11 $(WARN) -I. -Icompiler -I$(BUILD)/gen $(CFLAGS) $(SANITIZE)
LIBS     = -ltcc -ljansson -lz -ldl -lpthread -lm

SOURCES := $(filter-out compiler/main.c,$(wildcard compiler/*.c compiler/*/*.c)) runtime/dl_threads.c runtime/dl_store.c
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/parser.o $(BUILD)/obj/gen/lexer.o \
           $(BUILD)/obj/gen/runtime_text.o $(BUILD)/obj/gen/probe_text.o $(BUILD)/obj/gen/std_sources.o

all: $(BUILD)/dlc

$(BUILD)/dlc: $(BUILD)/obj/compiler/main.o $(BUILD)/libdlc.a
	$(CC) $(SANITIZE) -o $@ $^ $(LIBS)

$(BUILD)/libdlc.a: $(OBJECTS)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(DLC_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/gen/parser.c $(BUILD)/gen/parser.h &: compiler/syntax/parser.y
	@mkdir -p $(@D)
	bison -Wall --header=$(BUILD)/gen/parser.h -o $(BUILD)/gen/parser.c $<

$(BUILD)/gen/lexer.c: compiler/syntax/lexer.l
	@mkdir -p $(@D)
	flex -o $@ $<

$(BUILD)/gen/std_sources.c: compiler/std/embed.sh $(wildcard compiler/std/*.dl)
	@mkdir -p $(@D)
	sh $< $(filter %.dl,$^) > $@.tmp && mv $@.tmp $@

$(BUILD)/gen/runtime_text.c: compiler/emit/runtime_text.sh $(wildcard runtime/*.h)
	@mkdir -p $(@D)
	sh compiler/emit/runtime_text.sh $(sort $(wildcard runtime/*.h)) > $@

$(BUILD)/gen/probe_text.c: compiler/profile/probe.h
	@mkdir -p $(@D)
	(echo 'const char probe_text[] ='; (echo '#define DLC_PROBE'; cat $<) | sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/'; echo ';') > $@

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/gen/parser.h
	@mkdir -p $(@D)
	$(CC) $(DLC_CFLAGS) -Wno-sign-compare -Wno-missing-prototypes -Wno-unused -MMD -MP -c -o $@ $<

$(filter $(BUILD)/obj/compiler/syntax/%,$(OBJECTS)): | $(BUILD)/gen/parser.h

# With less optimization, which takes a third of the time: what they call is the library's.
$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libdlc.a
	@mkdir -p $(@D)
	$(CC) $(DLC_CFLAGS:-O2=-O1) -MMD -MP -o $@ $< $(BUILD)/libdlc.a -lcmocka $(LIBS)

# These run dlc as a user does.
$(patsubst %,$(BUILD)/tests/test_%,commands training_commands source_commands import): | $(BUILD)/dlc

$(BUILD)/models/%: tests/models/%.c $(BUILD)/libdlc.a
	@mkdir -p $(@D)
	$(CC) $(DLC_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libdlc.a $(LIBS)

# Random graphs; see docs/hacking.md.
$(BUILD)/dlc-fuzz-graphs: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/graphs/*.c)) $(BUILD)/libdlc.a
	$(CC) $(SANITIZE) -o $@ $^ $(LIBS)

# What emitted C has to compute; see tests/differential/emitted.sh.
$(BUILD)/reference: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/differential/reference*.c)) $(BUILD)/libdlc.a
	$(CC) $(SANITIZE) -o $@ $(filter %.o %.a,$^) $(LIBS)

# The same bits by several threads; see tests/threads/bits.c.
$(BUILD)/bits: tests/threads/bits.c $(BUILD)/libdlc.a
	$(CC) $(DLC_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libdlc.a $(LIBS)

# The library against numbers of others; see tests/library/library.c.
$(BUILD)/library: tests/library/library.c $(BUILD)/libdlc.a
	$(CC) $(DLC_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libdlc.a $(LIBS)

$(BUILD)/bench/calls: $(BUILD)/obj/tests/bench/calls.o $(BUILD)/obj/tests/bench/work.o $(BUILD)/libdlc.a
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -o $@ $^ $(LIBS)

$(BUILD)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -march=native -ffp-contract=fast -fno-math-errno -fno-trapping-math $(WARN) -I. -MMD -MP -o $@ $< -lpthread -lm

# A libFuzzer target; for the build that ASAN below describes.
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/mutate.o $(BUILD)/libdlc.a
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# ---- tests: tests/unit/test_*.c are programs; tests/*/check_*.sh are quick, test_*.sh take longer, long_*.sh longest ----
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
UNITS   := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
CHECKS  := $(wildcard tests/*/check_*.sh)
TESTS   := $(CHECKS) $(wildcard tests/*/test_*.sh)
LONGS   := $(wildcard tests/*/long_*.sh)
SLOW     = test_kernels test_planted_faults   # not in check: these compile much, or try many
# What reads files of others, the front end, the means of budgets, and what another compiler must give alike (an order of evaluation, say):
# these run under sanitizers too, and in front of libFuzzer, which wants clang and the counters.
ASAN     = CC=clang CFLAGS="-O1 -gline-tables-only" BUILD=build/asan \
           SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fsanitize-coverage=inline-8bit-counters,pc-table"
GUARDED := $(addprefix build/asan/tests/,$(filter test_base test_store test_syntax% test_elaborate test_graph% test_ir% test_lab% test_pass_golden test_budget test_rows test_micro_batch,$(UNITS)))
COVERED  = CC=gcc CFLAGS="-O1 -g" BUILD=build/coverage SANITIZE="--coverage -fprofile-update=atomic"
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,build/asan/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
RUN      = BUILD=$(BUILD) JOBS=$(JOBS) tests/run.sh
MAKE_ALL = $(MAKE) --no-print-directory -j$(JOBS)

TRACERS := $(patsubst tests/models/%.c,$(BUILD)/models/%,$(wildcard tests/models/*.c))
programs: $(BUILD)/dlc $(BUILD)/dlc-fuzz-graphs $(BUILD)/reference $(BUILD)/library $(BUILD)/bits $(addprefix $(BUILD)/bench/,cost calls peak) $(UNITS:%=$(BUILD)/tests/%) $(TRACERS)

check:
	@$(MAKE_ALL) -s programs
	@$(RUN) $(CHECKS) $(patsubst %,$(BUILD)/tests/%,$(filter-out $(SLOW),$(UNITS)))

# The quick ones last, so that no job is left with a long one.
test: setup
	@$(MAKE_ALL) -s programs
	@$(MAKE_ALL) -s $(ASAN) $(GUARDED) $(FUZZERS)
	@$(RUN) $(GUARDED) $(addprefix $(BUILD)/tests/,$(SLOW)) $(filter-out $(CHECKS),$(TESTS)) $(CHECKS) $(addprefix $(BUILD)/tests/,$(filter-out $(SLOW),$(UNITS)))

test-long: test $(BUILD)/bench/calls $(BUILD)/bench/peak
	@LIMIT=7200 JOBS=1 $(RUN) $(LONGS)

# Models and learning are done in full by targets_*.sh.
test-targets: setup
	@$(MAKE_ALL) -s programs
	@METAL_BOARDS="$$(tests/metal/run.sh | tr '\n' ' ')" LIMIT=7200 $(RUN) $(wildcard tests/metal/targets_*.sh) \
		$(filter-out %/test_models.sh %/test_learn.sh,$(wildcard tests/metal/test_*.sh))

asan:
	@$(MAKE_ALL) -s $(ASAN) programs $(FUZZERS)
	@BUILD=build/asan JOBS=$(JOBS) tests/run.sh $(UNITS:%=build/asan/tests/%) $(TESTS)

# Without what has a build of its own (fuzzing) or spends its time in other compilers: it runs no more of this one.
coverage:
	@$(MAKE_ALL) -s $(COVERED) programs
	@find build/coverage -name '*.gcda' -delete
	@BUILD=build/coverage JOBS=$(JOBS) LIMIT=900 tests/run.sh $(filter-out tests/fuzz/% tests/differential/test_%,$(TESTS)) \
		$(UNITS:%=build/coverage/tests/%)
	@BUILD=build/coverage tests/coverage.sh

# MODELS="cnn rnn" WHAT="infer1 train32" THREADS="1 2" ENGINE=cc:x86-64-v3 PEERS= ROUNDS=5 choose; python3 tests/bench/bench.py --help.
bench: $(BUILD)/bench/calls $(BUILD)/bench/peak
	@BUILD=$(BUILD) python3 tests/bench/bench.py $(if $(MODELS),--models "$(MODELS)") $(if $(WHAT),--what "$(WHAT)") \
		$(if $(THREADS),--threads "$(THREADS)") $(if $(ENGINE),--engine $(ENGINE)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(filter undefined,$(origin PEERS)),,--peers "$(PEERS)")

bless: programs
	BLESS=1 $(BUILD)/tests/test_ir_docs
	BLESS=1 $(BUILD)/tests/test_pass_golden
	BLESS=1 $(BUILD)/tests/test_errors
	BLESS=1 python3 tests/errors/transcripts.py $(BUILD) tests/errors/commands/*.txt
	$(BUILD)/dlc doc --markdown > docs/library.md
	python3 tests/docs/man.py $(BUILD)/dlc > docs/dlc.1
	python3 tests/budget/tiny.py $(BUILD)/dlc $(BUILD)/work/tiny --write docs/tiny.md

# Needs PyTorch, NumPy and SciPy, as nothing else does: what it writes is committed. make reference FAMILIES=losses for one.
FAMILIES ?= $(patsubst tests/library/cases/%.dl,%,$(wildcard tests/library/cases/*.dl))
reference:
	$(PYTHON) tests/library/make.py $(FAMILIES)

# What kernels take on cores of microcontrollers, counted in QEMU.
instructions: $(BUILD)/dlc
	BUILD=$(BUILD) tests/metal/bless_instructions.sh > $(BUILD)/instructions.txt && mv $(BUILD)/instructions.txt tests/metal/

generated: $(BUILD)/dlc
	BUILD=$(BUILD) sh tests/generate.sh generated

fmt: $(BUILD)/dlc
	$(BUILD)/dlc fmt compiler/std/*.dl dsl_examples/*.dl
	clang-format -i $$(git ls-files 'compiler/*.[ch]' 'runtime/*.[ch]' 'tests/*.[ch]')

clean:
	rm -rf build

# bin/dlc, its manual page, in include/dlc what generated files include, and how CMake and pkg-config find them; the standard
# library is inside dlc. Nothing installed names PREFIX: the tree may be moved.
PREFIX ?= /usr/local
AT       = $(DESTDIR)$(PREFIX)
VERSION  = $(shell sed -n 's/^.define VERSION "\(.*\)"/\1/p' compiler/main.c)
install: $(BUILD)/dlc
	install -d $(AT)/bin $(AT)/include/dlc $(AT)/share/man/man1 $(AT)/share/cmake/dlc $(AT)/share/pkgconfig
	install -m 755 $(BUILD)/dlc $(AT)/bin/dlc
	install -m 644 docs/dlc.1 $(AT)/share/man/man1/dlc.1
	install -m 644 $(wildcard runtime/*.[ch]) $(AT)/include/dlc
	install -m 644 runtime/cmake/dlc-config.cmake $(AT)/share/cmake/dlc
	sed 's/@VERSION@/$(VERSION)/' runtime/cmake/dlc-config-version.cmake.in > $(AT)/share/cmake/dlc/dlc-config-version.cmake
	sed 's/@VERSION@/$(VERSION)/' runtime/dlc.pc.in > $(AT)/share/pkgconfig/dlc.pc

uninstall:
	rm -f $(AT)/bin/dlc $(AT)/share/man/man1/dlc.1 $(AT)/share/pkgconfig/dlc.pc
	rm -rf $(AT)/include/dlc $(AT)/share/cmake/dlc

setup:
	sh tests/setup.sh

demo:
	@sh tests/setup.sh build
	@echo "building $(BUILD)/dlc" && $(MAKE_ALL) -s $(BUILD)/dlc
	@BUILD=$(BUILD) dsl_examples/demo/demo.sh

include tests/runtime/accuracy.mk

docs/library.md: $(BUILD)/dlc
	$(BUILD)/dlc doc --markdown > $@.tmp && mv $@.tmp $@

docs/dlc.1: $(BUILD)/dlc tests/docs/man.py
	python3 tests/docs/man.py $(BUILD)/dlc > $@.tmp && mv $@.tmp $@

docs/tiny.md: $(BUILD)/dlc tests/budget/tiny.py
	python3 tests/budget/tiny.py $(BUILD)/dlc $(BUILD)/work/tiny --write $@

docs/ops.md: compiler/graph/ops.def
	$(MAKE) $(BUILD)/tests/test_ir_docs && BLESS=1 $(BUILD)/tests/test_ir_docs

.PHONY: all setup demo install uninstall programs check test test-long test-targets asan bench bless reference instructions generated fmt clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
