# docs/accuracy.md: dl_math.h as several compilers make it, against libm. Every float takes half an hour; STRIDE=101 a
# few seconds.
STRIDE ?= 1
ULP_FLAGS = -std=gnu11 -I. -Wall -Wextra -ffp-contract=fast -fno-math-errno -fno-trapping-math
ULP_VARIANTS = gcc_plain gcc_native gcc_native_o3 clang_plain clang_native tcc_plain

$(BUILD)/ulp/gcc_plain.o: ULP_CC = gcc -O2
$(BUILD)/ulp/gcc_native.o: ULP_CC = gcc -O2 -march=native
$(BUILD)/ulp/gcc_native_o3.o: ULP_CC = gcc -O3 -march=native
$(BUILD)/ulp/clang_plain.o: ULP_CC = clang -O2
$(BUILD)/ulp/clang_native.o: ULP_CC = clang -O2 -march=native
$(BUILD)/ulp/tcc_plain.o: ULP_CC = tcc

$(ULP_VARIANTS:%=$(BUILD)/ulp/%.o): $(BUILD)/ulp/%.o: tests/runtime/variant.c tests/runtime/ulp.h $(wildcard runtime/*.h)
	@mkdir -p $(@D)
	$(ULP_CC) $(ULP_FLAGS) -DVARIANT=$* -c -o $@ $<

$(BUILD)/ulp/ulp: tests/runtime/ulp.c tests/runtime/ulp.h $(ULP_VARIANTS:%=$(BUILD)/ulp/%.o)
	gcc -O2 $(ULP_FLAGS) -o $@ $(filter %.c %.o,$^) -z noexecstack -lm

docs/accuracy.md: $(BUILD)/ulp/ulp
	@mkdir -p $(@D)
	$(BUILD)/ulp/ulp $(STRIDE) > $@.new && mv $@.new $@
