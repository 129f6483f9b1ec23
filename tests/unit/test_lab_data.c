/* SPDX-License-Identifier: MIT */
/* test_lab_data.c: data folders, shuffling, text preparation, digits, pictures. */
#include "lab_fixture.h"

static void write_npy(Fixture *f, const char *name, Array x)
{
    const char *why;
    assert_true(npy_write(f->a, in(f, name), x, &why));
}

/* 0, 1, 2, ... modulo 251 */
static Array counting(Arena *a, DType dt, int rank, const int64_t *dim)
{
    Array x = array_new(a, type_make(dt, rank, dim));
    for (int64_t i = 0; i < type_count(x.type); i++)
        array_set(x, i, (double)(i % 251));
    return x;
}

#define COUNTING(a, dt, ...) counting(a, dt, LEN(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})
#define ENTRY(text, dt, ...)                                                                                 \
    (Entry)                                                                                                  \
    {                                                                                                        \
        .name = text, .type = type_make(dt, LEN(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__}),      \
        .batched = true                                                                                      \
    }
#define SCALAR(text, dt) (Entry){.name = text, .type = type_scalar(dt), .batched = true}

static void folders(Fixture *f)
{
    static const char *const splits[] = {"train", "test"};
    const char *why;
    for (int i = 0; i < LEN(splits); i++)
        assert_true(folders_make(f->a, in(f, splits[i]), &why));
}

/* ---- data folders -------------------------------------------------------------------------------------- */
static void npy_folder_feeds_batches(void **state)
{
    Fixture *f = *state;
    const Entry inputs[] = {ENTRY("image", DT_F32, 2, 3, 1), ENTRY("tokens", DT_I32, 4)},
                targets[] = {SCALAR("label", DT_I32)};
    const DatasetWanted wanted = {inputs, targets, 2, 1};
    const char *why;
    folders(f);
    write_npy(f, "train/image.npy", COUNTING(f->a, DT_U8, 5, 2, 3));
    write_npy(f, "train/tokens.npy", COUNTING(f->a, DT_I32, 5, 4));
    write_npy(f, "train/label.npy", COUNTING(f->a, DT_U8, 5, 1));
    Dataset *ds = dataset_open(f->a, f->dir, "train", &wanted, &why);
    if (!ds)
        fail_msg("%s", why);
    assert_int_equal(dataset_examples(ds), 5);
    assert_string_equal(dataset_split(ds), "train");
    assert_null(dataset_note(ds));

    float image[4][6];
    int32_t tokens[4][4], label[4];
    const int64_t index[] = {4, 0, 3};
    memset(image, 0xff, sizeof image);
    memset(tokens, 0xff, sizeof tokens);
    memset(label, 0xff, sizeof label);
    dataset_batch(ds, index, 3, 4, (void *const[]){image, tokens, label});
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 6; i++)
            assert_true(image[k][i] == (k == 3 ? 0 : (float)(index[k] * 6 + i) / 255.0f));
        for (int i = 0; i < 4; i++)
            assert_int_equal(tokens[k][i], k == 3 ? 0 : index[k] * 4 + i);
        assert_int_equal(label[k], k == 3 ? 0 : index[k]);
    }
}

static void shapes_that_fit_and_do_not(void **state)
{
    Fixture *f = *state;
    const struct {
        Entry e;
        bool fits;
    } cases[] = {
        {ENTRY("x", DT_F32, 4, 6), true},     {ENTRY("x", DT_F32, 4, 6, 1), true},
        {ENTRY("x", DT_F32, 1, 4, 6), true},  {ENTRY("x", DT_F32, 24), true},
        {ENTRY("x", DT_F32, 6, 4), false},    {ENTRY("x", DT_F32, 23), false},
        {ENTRY("x", DT_F32, 2, 2, 6), false}, {SCALAR("x", DT_F32), false},
        {ENTRY("x", DT_I32, 4, 6), true},
    };
    const char *why;
    folders(f);
    write_npy(f, "train/x.npy", COUNTING(f->a, DT_U8, 3, 4, 6));
    for (int i = 0; i < LEN(cases); i++) {
        const DatasetWanted wanted = {&cases[i].e, NULL, 1, 0};
        assert_true((dataset_open(f->a, f->dir, "train", &wanted, &why) != NULL) == cases[i].fits);
        if (!cases[i].fits)
            expect_text(why, arena_printf(f->a, "train/x.npy: examples of u8[4, 6] do not fit x: %s",
                                          type_text(f->a, cases[i].e.type)));
    }
}

static void folder_complaints(void **state)
{
    Fixture *f = *state;
    const Entry inputs[] = {ENTRY("image", DT_F32, 4), ENTRY("mask", DT_F32, 4)},
                targets[] = {SCALAR("label", DT_I32)};
    const DatasetWanted wanted = {inputs, targets, 2, 1};
    const char *why;
    assert_null(dataset_open(f->a, in(f, "nowhere"), "train", &wanted, &why));
    expect_text(why, "nowhere: no such folder");
    assert_null(dataset_open(f->a, f->dir, "train", &wanted, &why));
    expect_text(why, "neither a folder train/ of .npy files nor MNIST's train-images-idx3-ubyte[.gz]");
    folders(f);
    write_npy(f, "train/image.npy", COUNTING(f->a, DT_F32, 5, 4));
    write_npy(f, "train/labels.npy", COUNTING(f->a, DT_I32, 5));
    assert_null(dataset_open(f->a, f->dir, "train", &wanted, &why));
    expect_text(why, "train does not feed the model:\n  missing  mask.npy, for input mask: f32[4]\n"
                     "  missing  label.npy, for target label: i32 (is it labels.npy?)");
    write_npy(f, "train/mask.npy", COUNTING(f->a, DT_F32, 6, 4));
    write_npy(f, "train/label.npy", COUNTING(f->a, DT_F32, 5));
    assert_null(dataset_open(f->a, f->dir, "train", &wanted, &why));
    expect_text(why, "mask.npy: 6 examples, but image has 5");
    write_npy(f, "train/mask.npy", array_new(f->a, type_scalar(DT_F32)));
    assert_null(dataset_open(f->a, f->dir, "train", &wanted, &why));
    expect_text(why, "mask.npy: one number; expected an array of examples");
    write_npy(f, "train/image.npy", COUNTING(f->a, DT_F32, 0, 4));
    assert_null(dataset_open(f->a, f->dir, "train", &wanted, &why));
    expect_text(why, "image.npy: no examples in it");
    write_text(f, "train/image.npy", "rubbish");
    assert_null(dataset_open(f->a, f->dir, "train", &wanted, &why));
    expect_text(why, "image.npy: byte 0: ");
    const DatasetWanted nothing = {NULL, NULL, 0, 0};
    assert_null(dataset_open(f->a, f->dir, "train", &nothing, &why));
}

static void mnist_files_feed_one_input(void **state)
{
    Fixture *f = *state;
    const Entry image = ENTRY("image", DT_F32, 28, 28, 1), label = SCALAR("label", DT_I32),
                two[] = {image, image};
    const DatasetWanted wanted = {&image, &label, 1, 1}, wanted_two = {two, &label, 2, 1};
    const char *why;
    assert_true(digits_write(f->a, f->dir, 30, 10, 7, &why));
    Dataset *train = dataset_open(f->a, f->dir, "train", &wanted, &why),
            *val = dataset_open(f->a, f->dir, "val", &wanted, &why);
    assert_non_null(train);
    assert_non_null(val);
    assert_int_equal(dataset_examples(train), 30);
    assert_int_equal(dataset_examples(val), 10);
    assert_string_equal(dataset_split(val), "test");
    expect_text(dataset_note(val), "has no val: using test");

    static float pixels[784];
    int32_t digit;
    uint8_t drawn[784];
    const int64_t index = 3;
    int expected = digit_draw(7, 33, drawn);
    dataset_batch(val, &index, 1, 1, (void *const[]){pixels, &digit});
    assert_int_equal(digit, expected);
    for (int i = 0; i < 784; i++)
        assert_true(pixels[i] == (float)drawn[i] / 255.0f);

    assert_null(dataset_open(f->a, f->dir, "train", &wanted_two, &why));
    expect_text(why, "feed one input and one target, but the model has 2 and 1");
    unlink(in(f, "t10k-labels-idx1-ubyte"));
    assert_null(dataset_open(f->a, f->dir, "test", &wanted, &why));
    expect_text(why, "no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz");
}

static void shuffles_are_reproducible_permutations(void **state)
{
    (void)state;
    enum { N = 1000 };
    int64_t x[N], y[N], moved = 0;
    bool seen[N] = {false};
    dataset_shuffle(x, N, 42, 3);
    for (int i = 0; i < N; i++) {
        assert_in_range(x[i], 0, N - 1);
        assert_false(seen[x[i]]);
        seen[x[i]] = true;
        moved += x[i] != i;
    }
    assert_true(moved > N / 2);
    dataset_shuffle(y, N, 42, 3);
    assert_memory_equal(x, y, sizeof x);
    dataset_shuffle(y, N, 42, 4);
    assert_true(memcmp(x, y, sizeof x) != 0);
    dataset_shuffle(y, N, 43, 3);
    assert_true(memcmp(x, y, sizeof x) != 0);
    dataset_shuffle(y, 1, 1, 1);
    assert_int_equal(y[0], 0);
    dataset_shuffle(y, 0, 1, 1);
}

static void random_numbers_are_even(void **state)
{
    (void)state;
    enum { N = 60000 };
    Random r = random_start(1, 2);
    int count[6] = {0};
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        count[random_below(&r, 6)]++;
        double z = random_normal(&r);
        sum += z;
        squares += z * z;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(count[i], N / 6 - 400, N / 6 + 400);
    assert_true(sum / N > -0.02 && sum / N < 0.02);
    assert_true(squares / N > 0.97 && squares / N < 1.03);
}

/* ---- text ---------------------------------------------------------------------------------------------- */
static void text_as_keras_prepares_it(void **state)
{
    Fixture *f = *state;
    static const char bytes[] = "\xef\xbb\xbf" "3\tThe cat's hat, the CAT!\r\n"
                                "\n"
                                "0\tA hat-trick: the hat\n"
                                "12\t\n"
                                "2147483647\tna\xc3\xafve\tb";
    TextFile text;
    const char *why;
    assert_true(text_parse(f->a, "t.tsv", bytes, sizeof bytes - 1, &text, &why));
    assert_int_equal(text.n, 4);
    assert_int_equal(text.line[0].label, 3);
    assert_int_equal(text.line[0].nwords, 5);
    assert_string_equal(text.line[0].word[1], "cat's");
    assert_int_equal(text.line[1].nwords, 5);
    assert_string_equal(text.line[1].word[2], "trick");
    assert_int_equal(text.line[2].nwords, 0);
    assert_int_equal(text.line[3].label, INT32_MAX);
    assert_string_equal(text.line[3].word[0], "na\xc3\xafve");

    /* the 3, hat 3, then each once, in order of appearance: cat's cat a trick naive b */
    Vocabulary *v = vocabulary_make(f->a, &text, 6);
    assert_int_equal(v->n, 4);
    assert_string_equal(v->word[0], "the");
    assert_string_equal(v->word[1], "hat");
    assert_string_equal(v->word[2], "cat's");
    assert_string_equal(v->word[3], "cat");
    assert_int_equal(vocabulary_token(v, "hat"), 3);
    assert_int_equal(vocabulary_token(v, "trick"), TOKEN_UNKNOWN);
    assert_int_equal(vocabulary_token(v, "never"), TOKEN_UNKNOWN);
    int32_t out[6];
    text_tokens(v, &text.line[0], 6, out);
    assert_memory_equal(out, ((int32_t[]){0, 2, 4, 3, 2, 5}), sizeof out);
    text_tokens(v, &text.line[1], 3, out);
    assert_memory_equal(out, ((int32_t[]){1, 2, 3}), 12);
    text_tokens(v, &text.line[2], 2, out);
    assert_memory_equal(out, ((int32_t[]){0, 0}), 8);
    assert_int_equal(vocabulary_make(f->a, &text, 2)->n, 0);
    assert_int_equal(vocabulary_make(f->a, &text, 10000)->n, 8);
}

static void text_complaints(void **state)
{
    Fixture *f = *state;
    static const char bytes[] =
        "0\tfine\nno tab\n-1\tx\n\tx\n2147483648\tx\n99999999999999999999\tx\n1.5\tx\n0\ta\0b\n";
    TextFile text;
    const char *why;
    assert_false(text_parse(f->a, "t.tsv", bytes, sizeof bytes - 1, &text, &why));
    assert_string_equal(
        why, "t.tsv:2: no tab: expected label<TAB>text\n"
             "t.tsv:3: '-1' is not a label: expected a whole number from 0 to 2147483647\n"
             "t.tsv:4: expected a label from 0 to 2147483647 before the tab\n"
             "t.tsv:5: expected a label from 0 to 2147483647 before the tab\n"
             "t.tsv:6: '99999999999999999999' is not a label: expected a whole number from 0 to 2147483647\n"
             "t.tsv:7: '1.5' is not a label: expected a whole number from 0 to 2147483647\n"
             "t.tsv:8: a NUL byte");
    assert_false(text_parse(f->a, "t.tsv", "\n\n", 2, &text, &why));
    expect_text(why, "t.tsv: no line of label<TAB>text in it");
    StrBuf sb = {f->a, NULL, 0, 0};
    for (int i = 0; i < 30; i++)
        sb_puts(&sb, "bad\n");
    assert_false(text_parse(f->a, "t.tsv", sb.at, sb.n, &text, &why));
    expect_text(why, "t.tsv: 10 more bad lines");
}

static void text_mutations(void **state)
{
    (void)state;
    static const char good[] = "3\tThe cat's hat, the CAT!\r\n\n0\tA hat-trick: the hat\n12\t\n";
    Random r = random_start(3, 3);
    for (int i = 0; i < 5000; i++) {
        Arena *a = arena_new();
        size_t n = (size_t)random_below(&r, sizeof good);
        char *bytes = malloc(n ? n : 1);
        memcpy(bytes, good, n);
        for (uint64_t k = 0, edits = random_below(&r, 5); n && k < edits; k++)
            bytes[random_below(&r, n)] = (char)random_bits(&r);
        TextFile text;
        const char *why;
        if (text_parse(a, "t", bytes, n, &text, &why)) {
            Vocabulary *v = vocabulary_make(a, &text, 5);
            int32_t out[4];
            for (int l = 0; l < text.n; l++)
                text_tokens(v, &text.line[l], 4, out);
        }
        free(bytes);
        arena_free(a);
    }
}

/* The words of a big text are counted right, through the table's growth. */
static void vocabulary_grows(void **state)
{
    Fixture *f = *state;
    StrBuf sb = {f->a, NULL, 0, 0};
    for (int i = 0; i < 5000; i++)
        sb_printf(&sb, "0\tw%d w%d w%d\n", i, i % 100, i % 7);
    TextFile text;
    const char *why;
    assert_true(text_parse(f->a, "t", sb.at, sb.n, &text, &why));
    Vocabulary *v = vocabulary_make(f->a, &text, 100000);
    assert_int_equal(v->n, 5000);
    assert_string_equal(v->word[0], "w0");
    assert_string_equal(v->word[6], "w6");
    assert_string_equal(v->word[7], "w7");
    assert_string_equal(v->word[4999], "w4999");
    for (int i = 0; i < v->n; i++)
        assert_int_equal(vocabulary_token(v, v->word[i]), TOKEN_FIRST + i);
}

/* ---- digits -------------------------------------------------------------------------------------------- */
static void digits_are_reproducible_and_plausible(void **state)
{
    Fixture *f = *state;
    enum { N = 2000, SIZE = DIGIT_SIZE * DIGIT_SIZE };
    uint8_t *image = arena_alloc(f->a, N * SIZE);
    static double mean[10][SIZE];
    int count[10] = {0};
    for (int i = 0; i < N; i++) {
        int digit = digit_draw(1, (uint64_t)i, image + i * SIZE), inked = 0;
        assert_in_range(digit, 0, 9);
        count[digit]++;
        for (int p = 0; p < SIZE; p++) {
            inked += image[i * SIZE + p] > 100;
            mean[digit][p] += image[i * SIZE + p];
        }
        assert_in_range(inked, 8, SIZE / 2);       /* a thin 1 has about 15 */
    }
    assert_true(hash_bytes(image, N * SIZE) == UINT64_C(0xb6f37d52edb931aa));
    for (int digit = 0; digit < 10; digit++) {
        assert_in_range(count[digit], N / 10 - 60, N / 10 + 60);
        for (int other = 0; other < digit; other++) {
            double distance = 0;
            for (int p = 0; p < SIZE; p++) {
                double d = mean[digit][p] / count[digit] - mean[other][p] / count[other];
                distance += d * d;
            }
            assert_true(distance > 250000);         /* the mean images differ: 18 grey levels a pixel */
        }
    }
    uint8_t again[SIZE];
    digit_draw(1, 17, again);
    assert_memory_equal(again, image + 17 * SIZE, SIZE);
    digit_draw(2, 17, again);
    assert_true(memcmp(again, image + 17 * SIZE, SIZE) != 0);
}

/* ---- pictures ------------------------------------------------------------------------------------------ */
static void pictures_in_ascii_and_colour(void **state)
{
    Fixture *f = *state;
    static const uint8_t bytes[3][4] = {{0, 255, 0, 255}, {0, 255, 255, 0}, {255, 0, 0, 0}};
    static const float floats[3][4] = {{2, -1, 0.5f, 0}, {1, 0, 0.5f, 0}, {0, 0, 0, 0}};
    const Picture p[] = {{bytes, DT_U8, "seven!"}, {floats, DT_F32, NULL}, {bytes, DT_U8, "\xc3\xa9"}};
    StrBuf sb = {f->a, NULL, 0, 0};
    pictures_print(&sb, PICTURE_ASCII, 3, 4, p, 3, 10);
    assert_string_equal(sb_text(&sb), " @==  @ = \n=         \nseve  \n @==\n=   \n\xc3\xa9\n");
    StrBuf colour = {f->a, NULL, 0, 0};
    pictures_print(&colour, PICTURE_TRUECOLOR, 3, 4, p, 1, 80);
    expect_text(sb_text(&colour),
                "\x1b[38;2;0;0;0m\x1b[48;2;0;0;0m\xe2\x96\x80\x1b[38;2;255;255;255m\x1b[48;2;255;255;255m");
    StrBuf few = {f->a, NULL, 0, 0};
    pictures_print(&few, PICTURE_256, 3, 4, p, 1, 80);
    expect_text(sb_text(&few), "\x1b[38;5;16m\x1b[48;5;16m");
    expect_text(sb_text(&few), "\x1b[38;5;231m");
    FILE *file = fopen(in(f, "plain"), "w");
    assert_int_equal(picture_style(file), PICTURE_ASCII);
    fclose(file);
}

static void progress_leaves_one_line_an_epoch(void **state)
{
    Fixture *f = *state;
    FILE *out = fopen(in(f, "progress"), "w");
    Progress *p = progress_start(f->a, out, 2, 10, 320);
    for (int epoch = 1; epoch <= 2; epoch++) {
        const Figure figures[] = {{"loss", 0.25}, {"accuracy", 0.9375}};
        for (int batch = 1; batch <= 10; batch++)
            progress_batch(p, epoch, batch, 32 * batch, figures, 2);
        progress_epoch(p, epoch, figures, 2);
    }
    assert_true(progress_seconds(p) >= 0);
    fclose(out);
    size_t n;
    const char *why, *text = file_read(f->a, in(f, "progress"), &n, &why);
    assert_non_null(text);
    expect_text(text, "epoch 1/2  loss 0.2500  accuracy 0.9375  ");
    const char *newline = strchr(text, '\n');
    assert_non_null(newline);
    assert_true(strncmp(newline + 1, "epoch 2/2  ", 11) == 0);
    assert_ptr_equal(strchr(newline + 1, '\n') + 1, text + n);
}

/* ---- real data, where there is some -------------------------------------------------------------------- */
static const char *real_data(void)
{
    const char *dir = getenv("DLC_DATA");
    if (dir)
        return dir;
    return path_exists("../shared/data") ? "../shared/data" : NULL;
}

static void real_data_is_read(void **state)
{
    Fixture *f = *state;
    const char *data = real_data(), *why = "";
    const char *mnist = arena_printf(f->a, "%s/mnist", data ? data : ""),
               *text = arena_printf(f->a, "%s/clinc150", data ? data : "");
    if (!data || !path_exists(mnist) || !path_exists(text)) {
        puts("skipped: no real data (DLC_DATA or ../shared/data)");
        skip();
    }
    const Entry image = ENTRY("image", DT_F32, 784), label = SCALAR("label", DT_I32);
    const DatasetWanted wanted = {&image, &label, 1, 1};
    Dataset *test = dataset_open(f->a, mnist, "test", &wanted, &why);
    if (!test)
        fail_msg("%s", why);
    assert_int_equal(dataset_examples(test), 10000);
    static float pixels[784];
    int32_t digit;
    const int64_t first = 0;
    dataset_batch(test, &first, 1, 1, (void *const[]){pixels, &digit});
    assert_int_equal(digit, 7);

    assert_int_equal(
        data_command(
            f, arena_printf(f->a, "data text --length 32 -o %s/t %s/domain10_train.tsv %s/domain10_test.tsv",
                            f->dir, text, text)),
        EXIT_OK);
    const Entry tokens = ENTRY("tokens", DT_I32, 32);
    const DatasetWanted words = {&tokens, &label, 1, 1};
    Dataset *train = dataset_open(f->a, in(f, "t"), "train", &words, &why);
    if (!train)
        fail_msg("%s", why);
    assert_int_equal(dataset_examples(train), 15000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(npy_folder_feeds_batches),
        TEST(shapes_that_fit_and_do_not),
        TEST(folder_complaints),
        TEST(mnist_files_feed_one_input),
        TEST(shuffles_are_reproducible_permutations),
        TEST(random_numbers_are_even),
        TEST(text_as_keras_prepares_it),
        TEST(text_complaints),
        TEST(text_mutations),
        TEST(vocabulary_grows),
        TEST(digits_are_reproducible_and_plausible),
        TEST(pictures_in_ascii_and_colour),
        TEST(progress_leaves_one_line_an_epoch),
        TEST(real_data_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
