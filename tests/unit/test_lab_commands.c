/* SPDX-License-Identifier: MIT */
/* test_lab_commands.c: option tables, and the data commands as one types them. */
#include "lab_fixture.h"

static void option_tables(void **state)
{
    Fixture *f = *state;
    bool json = false;
    int64_t epochs = 5;
    uint64_t seed = 0;
    double rate = 0;
    const char *out = NULL, *jit = "cc";
    StringList set = {0};
    const Option options[] = {
        {"epochs", 'e', OPTION_INT, &epochs, "N", "epochs", 1, 100},
        {"output", 'o', OPTION_TEXT, &out, "FILE", "output", 0, 0},
        {"set", 0, OPTION_LIST, &set, "CONST=VALUE", "override a constant", 0, 0},
        {"json", 0, OPTION_FLAG, &json, NULL, "json", 0, 0},
        {"seed", 's', OPTION_SEED, &seed, "S", "seed", 0, 0},
        {"rate", 0, OPTION_REAL, &rate, "R", "rate", 0, 0},
        {"jit", 0, OPTION_CHOICE, &jit, "cc|tcc|interpret", "engine", 0, 0},
    };
    const Command command = {"dlc x", "[options] FILE", "Does x.", options, LEN(options), 1, 2, "The end."};
    static const struct {
        const char *line;
        int status;
        const char *out, *err;
    } cases[] = {
        {"x a -e 7 --json --set A=1 --set B=2 -o - --seed=18446744073709551615 --rate 1e-3 --jit tcc b", -1,
         "", ""},
        {"x --help", EXIT_OK, "usage: dlc x [options] FILE\n\nDoes x.\n\noptions:\n  -e, --epochs N", ""},
        {"x -h", EXIT_OK, "The end.", ""},
        {"x a --epohcs 3", EXIT_USAGE, "", "dlc x: no option --epohcs (did you mean --epochs?)"},
        {"x a --epohcs=3", EXIT_USAGE, "", "no option --epohcs (did"},
        {"x a -q", EXIT_USAGE, "", "no option -q"},
        {"x a --zzzzzzzz", EXIT_USAGE, "", "no option --zzzzzzzz\n"},
        {"x a -e", EXIT_USAGE, "", "-e wants a value"},
        {"x a --epochs", EXIT_USAGE, "", "--epochs wants a value"},
        {"x a --epochs 0", EXIT_USAGE, "", "--epochs 0: expected a whole number from 1 to 100"},
        {"x a --epochs 1x", EXIT_USAGE, "", "--epochs 1x: expected"},
        {"x a --epochs 99999999999999999999", EXIT_USAGE, "", "expected a whole number"},
        {"x a --seed -1", EXIT_USAGE, "", "--seed -1: expected"},
        {"x a --rate nan", EXIT_USAGE, "", "--rate nan: expected a number"},
        {"x a --jit c", EXIT_USAGE, "", "--jit c: expected one of cc|tcc|interpret"},
        {"x a --json=1", EXIT_USAGE, "", "--json takes no value"},
        {"x", EXIT_USAGE, "", "no operand given"},
        {"x a b c", EXIT_USAGE, "", "too many operands\nusage: dlc x [options] FILE; see dlc x --help"},
        {"x -- -e", -1, "", ""},
    };
    for (int i = 0; i < LEN(cases); i++) {
        char *argv[MAX_ARGS];
        int argc = split_line(f, cases[i].line, argv);
        StringList operands = {0};
        Captured c = capture(f);
        int status = options_parse(f->a, &command, argc, argv, &operands);
        release(c);
        assert_int_equal(status, cases[i].status);
        expect_text(captured(f, "stdout"), cases[i].out);
        expect_text(captured(f, "stderr"), cases[i].err);
        if (i == 0) {
            assert_int_equal(operands.n, 2);
            assert_string_equal(operands.at[1], "b");
            assert_true(json && epochs == 7 && seed == UINT64_MAX && rate == 1e-3 && set.n == 2);
            assert_string_equal(out, "-");
            assert_string_equal(jit, "tcc");
            assert_string_equal(set.at[1], "B=2");
        }
    }
}

static void data_text_command(void **state)
{
    Fixture *f = *state;
    const char *why;
    Array x;
    write_text(f, "a.tsv", "1\tone two two\n0\ttwo\n");
    write_text(f, "b.tsv", "1\tthree two one two\n");
    write_text(f, "bad.tsv", "x\n");
    assert_int_equal(
        data_command(f, arena_printf(f->a,
                                     "data text --length 3 --vocab 4 -o %s/deep/er %s/a.tsv %s/b.tsv --val "
                                     "%s/a.tsv --tokens words --label class",
                                     f->dir, f->dir, f->dir, f->dir)),
        EXIT_OK);
    assert_true(npy_read(f->a, in(f, "deep/er/train/words.npy"), &x, &why));
    assert_string_equal(type_text(f->a, x.type), "i32[2, 3]");
    assert_memory_equal(x.data, ((int32_t[]){3, 2, 2, 0, 0, 2}), 24);
    assert_true(npy_read(f->a, in(f, "deep/er/test/words.npy"), &x, &why));
    assert_memory_equal(x.data, ((int32_t[]){2, 3, 2}), 12);
    assert_true(npy_read(f->a, in(f, "deep/er/val/class.npy"), &x, &why));
    assert_memory_equal(x.data, ((int32_t[]){1, 0}), 8);
    assert_string_equal(captured(f, "deep/er/vocabulary.txt"), "two\none\n");

    const char *line =
        arena_printf(f->a, "data text --length 3 -o %s/x %s/bad.tsv %s/a.tsv", f->dir, f->dir, f->dir);
    assert_int_equal(data_command(f, line), EXIT_BAD);
    expect_text(captured(f, "stderr"), "bad.tsv:1: no tab");
    assert_int_equal(data_command(f, "data text --length 3 -o x no/such no/such"), EXIT_BAD);
    assert_int_equal(data_command(f, "data text -o x a b"), EXIT_USAGE);
    expect_text(captured(f, "stderr"), "--length L is missing");
    assert_int_equal(data_command(f, "data text --length 3 a b"), EXIT_USAGE);
    assert_int_equal(data_command(f, "data text --length 3 -o x --tokens label a b"), EXIT_USAGE);
    assert_int_equal(data_command(f, "data text --help"), EXIT_OK);
    assert_int_equal(data_command(f, "data"), EXIT_USAGE);
    assert_int_equal(data_command(f, "data moon"), EXIT_USAGE);
    expect_text(captured(f, "stderr"), "unknown kind of data: moon");
    assert_int_equal(data_command(f, "data --help"), EXIT_OK);
}

static void data_bytes_command(void **state)
{
    Fixture *f = *state;
    const char *why;
    Array x;
    write_text(f, "a.txt", "abcdefg");
    write_text(f, "b.txt", "\xff\x01z\n");
    assert_int_equal(data_command(f, arena_printf(f->a,
                                                  "data bytes --length 3 --stride 2 -o %s/b --val %s/a.txt "
                                                  "--next then %s/a.txt %s/b.txt",
                                                  f->dir, f->dir, f->dir, f->dir)),
                     EXIT_OK);
    assert_true(npy_read(f->a, in(f, "b/train/tokens.npy"), &x, &why));
    assert_string_equal(type_text(f->a, x.type), "i32[2, 3]");
    assert_memory_equal(x.data, ((int32_t[]){'a', 'b', 'c', 'c', 'd', 'e'}), 24);
    assert_true(npy_read(f->a, in(f, "b/val/then.npy"), &x, &why));
    assert_memory_equal(x.data, ((int32_t[]){'b', 'c', 'd', 'd', 'e', 'f'}), 24);
    assert_true(npy_read(f->a, in(f, "b/test/tokens.npy"), &x, &why));
    assert_string_equal(type_text(f->a, x.type), "i32[1, 3]");
    assert_memory_equal(x.data, ((int32_t[]){255, 1, 'z'}), 12);

    const char *line = arena_printf(f->a, "data bytes --length 4 -o %s/c %s/a.txt %s/b.txt", f->dir, f->dir, f->dir);
    assert_int_equal(data_command(f, line), EXIT_BAD);
    expect_text(captured(f, "stderr"), "b.txt: 4 bytes; one example takes 4 and the one behind them");
    assert_int_equal(data_command(f, "data bytes --length 4 -o x no/such no/such"), EXIT_BAD);
    assert_int_equal(data_command(f, "data bytes -o x a b"), EXIT_USAGE);
    expect_text(captured(f, "stderr"), "--length L is missing");
    assert_int_equal(data_command(f, "data bytes --length 3 a b"), EXIT_USAGE);
    assert_int_equal(data_command(f, "data bytes --length 3 -o x --next tokens a b"), EXIT_USAGE);
}

static void data_digits_command(void **state)
{
    Fixture *f = *state;
    const char *why;
    Array x;
    assert_int_equal(
        data_command(f, arena_printf(f->a, "data digits --train 20 --test 5 --seed 3 %s/d", f->dir)),
        EXIT_OK);
    assert_true(idx_read(f->a, in(f, "d/train-images-idx3-ubyte"), &x, &why));
    assert_string_equal(type_text(f->a, x.type), "u8[20, 28, 28]");
    assert_true(idx_read(f->a, in(f, "d/t10k-labels-idx1-ubyte"), &x, &why));
    assert_string_equal(type_text(f->a, x.type), "u8[5]");
    write_text(f, "file", "");
    assert_int_equal(data_command(f, arena_printf(f->a, "data digits %s/file/d", f->dir)), EXIT_BAD);
    assert_int_equal(data_command(f, "data digits"), EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(option_tables),
        TEST(data_text_command),
        TEST(data_bytes_command),
        TEST(data_digits_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
