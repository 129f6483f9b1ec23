/* SPDX-License-Identifier: MIT */
/* test_commands.c: building, checking, dumping: what a user types, what comes back. */
#include "command_fixture.h"

static void help_and_version(void **state)
{
    Fixture *f = *state;
    RUN(2, "$DLC");
    EXPECT_ERR("usage: dlc");
    RUN(0, "$DLC --version");
    EXPECT_OUT("dlc ");
    RUN(0, "$DLC --help");
    EXPECT_OUT("exit status: 0 done; 1");
    EXPECT_OUT("usage: dlc [options] MODEL.dl -o MODEL.c");
    static const char *const commands[] = {"train", "eval", "run", "trace", "check", "fmt", "doc", "ir", "data"};
    for (int i = 0; i < LEN(commands); i++) {
        RUN(0, "$DLC --help");
        EXPECT_OUT(arena_printf(f->a, "\n  %s ", commands[i]));
        RUN(0, arena_printf(f->a, "$DLC %s --help", commands[i]));
        EXPECT_OUT(arena_printf(f->a, "usage: dlc %s ", commands[i]));
        RUN(str_eq(commands[i], "doc") ? 0 : 2, arena_printf(f->a, "$DLC %s", commands[i]));
        RUN(2, arena_printf(f->a, "$DLC %s --no-such-option x", commands[i]));
    }
    RUN(2, "$DLC chekc model.dl");
    EXPECT_ERR("no command chekc (did you mean check?)");
    RUN(2, "$DLC small.dl --trian -o small.c");
    EXPECT_ERR("no option --trian (did you mean --train?)");
    RUN(1, "$DLC --version > /dev/full");
    EXPECT_ERR("dlc: standard output: ");
}

static void build_writes_two_files(void **state)
{
    Fixture *f = *state;
    with_model(f);
    RUN(0, "$DLC small.dl -o out.c");
    assert_string_equal(captured(f, "stdout"), "");
    assert_string_equal(captured(f, "stderr"), "");
    expect_text(captured(f, "out.c"), "#include \"out.h\"");
    expect_text(captured(f, "out.h"), "#define SMALL_BATCH 1\n");
    expect_text(captured(f, "out.h"), "small_init(");
    assert_null(strstr(captured(f, "out.h"), "train_step"));
    RUN(0, "cp out.c first.c && cp out.h first.h && $DLC small.dl -o out.c && cmp out.c first.c && cmp out.h "
           "first.h");
    RUN(0, "$DLC - -o - < small.dl");
    EXPECT_OUT("dl_status small_infer(");
    EXPECT_OUT("#include \"small.h\"");
    RUN(0, "$DLC small.dl --train --batch 3 --train-batch 5 --name net --set WIDTH=24 -o out.c");
    static const char *const parts[] = {"#define NET_BATCH 3\n", "#define NET_TRAIN_BATCH 5\n",
                                        "net_train_step(",       "net_gradients(",
                                        "net_evaluate(",         "net_init(",
                                        "float hidden_bias[24];"};
    for (int i = 0; i < LEN(parts); i++)
        expect_text(captured(f, "out.h"), parts[i]);
    RUN(0,
        "mkdir -p sub && $DLC small.dl -o sub/net.c --target native && test -s sub/net.h && ls sub | wc -l");
    EXPECT_OUT("2\n");
}

static void build_refuses(void **state)
{
    Fixture *f = *state;
    with_model(f);
    static const struct {
        int status;
        const char *command, *message;
    } cases[] = {
        {2, "$DLC small.dl", "-o FILE.c is missing"},
        {2, "$DLC small.dl -o out", "-o out: expected a name that ends in .c"},
        {2, "$DLC small.dl -o out.h", "expected a name that ends in .c"},
        {2, "$DLC small.dl -o sub/.c", "expected a name that ends in .c"},
        {2, "$DLC small.dl small.dl -o out.c", "too many operands"},
        {2, "$DLC small.dl -o - --report", "both want standard output"},
        {2, "$DLC small.dl -o out.c --json", "--json is for --report"},
        {2, "$DLC small.dl -o out.c --train-batch 3", "--train-batch is for --train"},
        {2, "$DLC small.dl -o out.c --train --weights w.safetensors", "choose one"},
        {2, "$DLC small.dl -o out.c --batch 0", "--batch 0: expected a whole number from 1"},
        {2, "$DLC small.dl -o out.c --name 3x", "--name 3x: expected a letter"},
        {2, "$DLC small.dl -o out.c --target arm", "--target arm: no such target"},
        {2, "$DLC small.dl -o out.c --set WIDTH", "--set WIDTH: expected CONST=VALUE"},
        {2, "$DLC small.dl -o out.c --set =3", "expected CONST=VALUE"},
        {2, "$DLC small.dl -o out.c --set WIDTH=", "expected CONST=VALUE"},
        {1, "$DLC small.dl -o out.c --set WDTH=3", "WDTH"},
        {1, "$DLC small.dl -o out.c --set WIDTH=0", "error"},
        {1, "$DLC small.dl -o out.c --set WIDTH=1+", "error"},
        {1, "$DLC small.dl -o out.c --model smal", "did you mean `small`?"},
        {1, "$DLC missing.dl -o out.c", "missing.dl: No such file or directory"},
        {1, "$DLC small.dl -o missing/out.c", "No such file or directory"},
        {1, "$DLC small.dl -o out.c --weights missing.safetensors", "missing.safetensors: No such file"},
        {1, "printf 'model m {' | $DLC - -o out.c", "<stdin>:1:"},
        {1, "mkdir -p sub && $DLC . -o out.c", "Is a directory"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        RUN(cases[i].status, cases[i].command);
        EXPECT_ERR(cases[i].message);
        assert_string_equal(captured(f, "stdout"), "");
        assert_false(there(f, "out.c") || there(f, "out.h"));
    }
}

/* Both files or none, and no temporary left behind. */
static void build_leaves_nothing_half_written(void **state)
{
    Fixture *f = *state;
    with_model(f);
    RUN(1, "mkdir -p a/out.h && $DLC small.dl -o a/out.c");
    EXPECT_ERR("a/out.h: Is a directory");
    RUN(0, "ls a");
    assert_string_equal(captured(f, "stdout"), "out.h\n");
    RUN(1, "mkdir -p b/out.c && $DLC small.dl -o b/out.c");
    RUN(0, "ls b");
    assert_string_equal(captured(f, "stdout"), "out.c\n");
    if (geteuid() == 0)
        return; /* root writes where it may not */
    RUN(1, "mkdir c && chmod 555 c && $DLC small.dl -o c/out.c");
    EXPECT_ERR("Permission denied");
    RUN(0, "ls c && chmod 755 c");
    assert_string_equal(captured(f, "stdout"), "");
}

static void weights_become_constants(void **state)
{
    Fixture *f = *state;
    with_weights(f);
    RUN(0, "$DLC small.dl --weights w.safetensors --batch 5 -o baked.c && ! grep -q params baked.h");
    write_text(f, "main.c",
               "#include \"baked.h\"\n#include <stdio.h>\n"
               "static float arena[SMALL_ARENA_BYTES / 4 + 1], image[5 * 784], probs[50];\n"
               "int main(int argc, char **argv) {\n"
               "    FILE *in = fopen(argv[argc - 1], \"rb\");\n"
               "    unsigned char bytes[5 * 784];\n"
               "    if (!in || fseek(in, 16, SEEK_SET) || fread(bytes, 1, sizeof bytes, in) != sizeof bytes) "
               "return 1;\n"
               "    for (int i = 0; i < 5 * 784; i++) image[i] = (float)bytes[i] / 255.0f;\n"
               "    if (small_infer(image, probs, arena) != DL_OK) return 1;\n"
               "    for (int i = 0; i < 5; i++) {\n"
               "        printf(\"%d  probs \", i);\n"
               "        for (int k = 0; k < 10; k++) printf(\" %.6g\", (double)probs[i * 10 + k]);\n"
               "        puts(\"\");\n"
               "    }\n"
               "    return fclose(in);\n}\n");
    RUN(0, arena_printf(
               f->a, "cc -I'%s/runtime' -I. -o baked main.c baked.c && ./baked digits/t10k-images-idx3-ubyte",
               getenv("PWD")));
    const char *compiled = captured(f, "stdout");
    assert_int_equal(lines_in(compiled), 5);
    RUN(0, "$DLC run small.dl --weights w.safetensors --data digits --first 5 --jit tcc");
    double x, y;
    const char *a = compiled, *b = captured(f, "stdout");
    for (int i = 0; i < 5; i++, a = strchr(a, '\n') + 1, b = strchr(b, '\n') + 1) {
        char *p = strstr(a, "probs") + 5, *q = strstr(b, "probs") + 5;
        for (int k = 0; k < 10; k++) {
            x = strtod(p, &p);
            y = strtod(q, &q);
            assert_true(x - y < 1e-5 && y - x < 1e-5);
        }
    }
}

static void broken_weights_are_refused(void **state)
{
    Fixture *f = *state;
    with_weights(f);
    RUN(1, "$DLC small.dl --set WIDTH=8 --weights w.safetensors -o out.c");
    static const char *const parts[] = {"hidden.kernel: the model has f32[784, 8], the file f32[784, 16]",
                                        "hidden.bias: the model has f32[8], the file f32[16]",
                                        "classifier.kernel: the model has f32[8, 10], the file f32[16, 10]"};
    for (int i = 0; i < LEN(parts); i++)
        EXPECT_ERR(parts[i]);
    RUN(0, "sed 's/hidden/hiden/' small.dl > other.dl");
    RUN(1, "$DLC run other.dl --weights w.safetensors --data digits --jit tcc");
    EXPECT_ERR("missing      hiden.kernel: f32[784, 16] (is it the file's hidden.kernel?)");
    EXPECT_ERR("unexpected   hidden.bias");
    static const char *const breaks[] = {"head -c 100 w.safetensors > b.st",
                                         "head -c 9000 w.safetensors > b.st", ": > b.st",
                                         "(cat w.safetensors; echo) > b.st", "head -c 4000 /dev/zero > b.st"};
    for (int i = 0; i < LEN(breaks); i++) {
        RUN(0, breaks[i]);
        RUN(1, "$DLC eval small.dl --weights b.st --data digits --jit tcc");
        EXPECT_ERR("b.st");
        RUN(1, "$DLC small.dl --weights b.st -o out.c");
        assert_false(there(f, "out.c"));
    }
}

static void report_adds_up(void **state)
{
    Fixture *f = *state;
    with_model(f);
    RUN(0, "$DLC small.dl --report --json --train");
    const char *text = captured(f, "stdout");
    int64_t macs = 0, totals = 0, function_macs = -1;
    for (int i = 0; i < lines_in(text); i++) {
        json_t *line = json_line(f, i);
        int64_t value = json_integer_value(json_object_get(line, "macs"));
        if (json_is_true(json_object_get(line, "total"))) {
            totals++;
            assert_int_equal(value, macs);
            assert_int_equal(json_integer_value(json_object_get(line, "parameter_bytes")),
                             4 * (784 * 16 + 16 + 160 + 10));
            assert_int_equal(json_integer_value(json_object_get(line, "constant_bytes")), 0);
            if (!strcmp(json_string_value(json_object_get(line, "function")), "infer"))
                function_macs = value;
        }
        macs = json_is_true(json_object_get(line, "total")) ? 0 : macs + value;
        json_decref(line);
    }
    assert_int_equal(totals, 5);
    assert_int_equal(function_macs, 784 * 16 + 160);
    RUN(0, "$DLC small.dl --report -o out.c");
    EXPECT_OUT("small_infer\n");
    EXPECT_OUT("in all");
    assert_true(there(f, "out.c") && there(f, "out.h"));
}

/* A kernel in a loop counts once a step. */
static void report_counts_loops(void **state)
{
    Fixture *f = *state;
    write_text(f, "loop.dl", "model loop {\n    input x: f32[12, 4]\n    output y = lstm(x, 8)\n}\n");
    RUN(0, "$DLC loop.dl --report --json");
    int n = lines_in(captured(f, "stdout"));
    for (int i = 0; i < n; i++) {
        json_t *line = json_line(f, i);
        bool infer = !strcmp(json_string_value(json_object_get(line, "function")), "infer");
        if (infer && json_is_true(json_object_get(line, "total")))
            assert_int_equal(json_integer_value(json_object_get(line, "macs")), 12 * (4 + 8) * 32);
        json_decref(line);
    }
}

static void check_says_everything(void **state)
{
    Fixture *f = *state;
    with_model(f);
    RUN(0, "$DLC check small.dl");
    assert_string_equal(captured(f, "stderr"), "");
    RUN(0, "cat small.dl | $DLC check - small.dl");
    write_text(
        f, "bad.dl",
        "model a {\n    input x: f32[4]\n    output y = desne(x, 3)\n}\n"
        "model b {\n    input x: f32[4]\n    output y = dense(x, 3)\n    train {\n        loss = y + z\n"
        "        optimizer adam()\n    }\n}\n");
    RUN(1, "$DLC check bad.dl small.dl");
    EXPECT_ERR("bad.dl:3:16: error");
    EXPECT_ERR("did you mean");
    EXPECT_ERR("^");
    EXPECT_ERR("bad.dl:9:20: error");
    RUN(1, "$DLC check bad.dl --model b");
    assert_null(strstr(captured(f, "stderr"), "desne"));
    RUN(1, "$DLC check bad.dl --model c");
    EXPECT_ERR("there is no model `c`");
    RUN(1, "$DLC bad.dl -o out.c");
    EXPECT_ERR("--model chooses one");
    RUN(1, "echo 'model {' | $DLC check -");
    RUN(1, "echo '# nothing' | $DLC check -");
    EXPECT_ERR("there is no model");
    RUN(1, "$DLC check missing.dl");
    EXPECT_ERR("missing.dl: No such file");
}

/* A file of layers, to be imported, has no model to check. */
static void check_takes_definitions_alone(void **state)
{
    Fixture *f = *state;
    write_text(f, "layers.dl", "const N = 3\nlayer l(x: f32[N]) { return x }\n");
    RUN(0, "$DLC check layers.dl");
    assert_string_equal(captured(f, "stderr"), "");
    RUN(1, "$DLC check layers.dl --model m");
    EXPECT_ERR("there is no model");
    RUN(1, "$DLC layers.dl -o out.c");
    EXPECT_ERR("there is no model");
    write_text(f, "layers.dl", "const N = 3 / 0\nlayer l(x: f32[N]) { return x }\nlayer l(x: f32[N]) { return x }\n");
    RUN(1, "$DLC check layers.dl");
    EXPECT_ERR("layers.dl:1:11: error: division by zero");
    EXPECT_ERR("layers.dl:3:7: error: `l` is defined twice");
}

/* What a dot keeps apart, C may not. */
static void names_stay_apart_in_c(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *model, *message;
    } cases[] = {
        {"y = one(x) as a; y = two(y) as a_b; output z = y",
         "the parameter `a_b.c` and the parameter `a.b_c` would both be `a_b_c` in C"},
        {"output x = 2 * x", "the output `x` and the input `x` would both be `x` in C"},
        {"output y = x; train { target x: f32[2]; loss = sum(y); optimizer sgd() }", NULL},
        {"output y = one(x); train { target t: f32[2]; loss = sum(y); optimizer sgd(); metric loss = y }",
         "the metric `loss` and the loss `loss` would both be `loss` in C"},
        {"output y = one(x); train { loss = sum(y); optimizer sgd(); metric p = ratio(y, 1); metric p_numerator = y }",
         "the metric `p_numerator` and the metric `p.numerator` would both be `p_numerator` in C"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        write_text(f, "m.dl",
                   arena_printf(f->a, "layer one(x: f32[N]) { param b_c: f32[N] = ones(); return x * b_c }\n"
                                      "layer two(x: f32[N]) { param c: f32[N] = ones(); return x * c }\n"
                                      "model m { input x: f32[2]; %s }\n", cases[i].model));
        bool train = strstr(cases[i].model, "train") != NULL;
        RUN(1, arena_printf(f->a, "$DLC m.dl %s -o out.c", train ? "--train" : ""));
        EXPECT_ERR("m.dl:");
        if (cases[i].message)
            EXPECT_ERR(cases[i].message);
        assert_false(there(f, "out.c") || there(f, "out.h"));
    }
}

static void ir_shows_stages(void **state)
{
    Fixture *f = *state;
    with_model(f);
    static const struct {
        const char *options, *part;
    } cases[] = {
        {"--after parse", "model small\n"},
        {"--after elaborate", "# after elaborate: infer\nfunc infer("},
        {"--after differentiate --train", "# after differentiate: gradients\nfunc gradients("},
        {"--after compose --train -f train_step", "# after compose: train_step\n"},
        {"--after hoist --batch 7", "f32[7, 28, 28, 1]"},
        {"", "# after micro_batch: infer\n"},
        {"--after plan", "# after plan: infer\nk0_"},
        {"--after fuse --target x86-64-v3", "# after fuse: infer\nk0_"},
        {"--after schedule --train", "# after schedule: train_step\nfunction train_step\n"},
        {"--after elaborate,plan", "# after plan: infer\nk0_"},
        {"--after all", "# after blockwise: infer (unchanged)\n"},
        {"--after all --set WIDTH=9", "f32[784, 9]"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        RUN(0, arena_printf(f->a, "$DLC ir small.dl %s", cases[i].options));
        EXPECT_OUT(cases[i].part);
    }
    RUN(0, "$DLC ir - --after all < small.dl");
    EXPECT_OUT("model small\n");
    RUN(0, "$DLC ir small.dl --train -f loss");
    assert_null(strstr(captured(f, "stdout"), "func infer"));
    RUN(2, "$DLC ir small.dl --after foo");
    EXPECT_ERR("--after foo: expected one of parse, elaborate,");
    RUN(2, "$DLC ir small.dl -f foo");
    EXPECT_ERR("--function foo: expected one of init, start, infer,");
    RUN(1, "$DLC ir small.dl -f train_step");
    EXPECT_ERR("--train");
    RUN(1, "$DLC ir missing.dl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help_and_version),
        TEST(build_writes_two_files),
        TEST(build_refuses),
        TEST(build_leaves_nothing_half_written),
        TEST(weights_become_constants),
        TEST(broken_weights_are_refused),
        TEST(report_adds_up),
        TEST(report_counts_loops),
        TEST(check_says_everything),
        TEST(check_takes_definitions_alone),
        TEST(names_stay_apart_in_c),
        TEST(ir_shows_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
