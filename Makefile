# dlc: deep-learning models, compiled to C.
#   make            build/dlc and its tests' programs
#   make setup      install what is missing (apt; elsewhere a list of what is needed)
BUILD   ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
DLC_CFLAGS = -std=gnu11 $(WARN) -I. -Icompiler -I$(BUILD)/gen $(CFLAGS) $(SANITIZE)
LIBS     = -ltcc -ljansson -lz -ldl -lpthread -lm

SOURCES := $(filter-out compiler/main.c,$(wildcard compiler/*.c compiler/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/parser.o $(BUILD)/obj/gen/lexer.o \
           $(BUILD)/obj/gen/runtime_text.o $(BUILD)/obj/gen/std_sources.o

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

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/gen/parser.h
	@mkdir -p $(@D)
	$(CC) $(DLC_CFLAGS) -Wno-sign-compare -Wno-missing-prototypes -Wno-unused -MMD -MP -c -o $@ $<

$(filter $(BUILD)/obj/compiler/syntax/%,$(OBJECTS)): | $(BUILD)/gen/parser.h

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libdlc.a
	@mkdir -p $(@D)
	$(CC) $(DLC_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libdlc.a -lcmocka $(LIBS)

$(BUILD)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -march=native -ffp-contract=fast -fno-math-errno -fno-trapping-math $(WARN) -I. -o $@ $< -lm

setup:
	sh tests/setup.sh

include tests/runtime/accuracy.mk

docs/ops.md: compiler/graph/ops.def
	$(MAKE) $(BUILD)/tests/test_ir_docs && BLESS=1 $(BUILD)/tests/test_ir_docs

.PHONY: all setup
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
