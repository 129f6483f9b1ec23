/* SPDX-License-Identifier: MIT */
/* cmd_data.c: `dlc data digits`, `dlc data text` and `dlc data bytes` make data folders. */
#include "lab.h"

#include <string.h>

#define MAX_EXAMPLE_ELEMENTS ((int64_t)1 << 31)     /* of one array of examples: 8 GiB */

static int complain(const char *why)
{
    fprintf(stderr, "dlc data: %s\n", why);
    return EXIT_BAD;
}

/* ---- digits -------------------------------------------------------------------------------------------- */
static int data_digits(Arena *a, int argc, char **argv)
{
    int64_t train = 12000, test = 2000;
    uint64_t seed = 1;
    const Option options[] = {
        {"train", 0, OPTION_INT, &train, "N", "how many training examples (default 12000)", 1, 1000000},
        {"test", 0, OPTION_INT, &test, "N", "how many test examples (default 2000)", 1, 1000000},
        {"seed", 's', OPTION_SEED, &seed, "S", "the same seed gives the same bytes (default 1)", 0, 0},
    };
    const Command command = {
        .name = "dlc data digits",
        .operands = "[options] DIR",
        .summary = "Draws handwritten-looking digits, 28 x 28, and writes MNIST's four files to DIR.",
        .options = options,
        .noptions = LEN(options),
        .min_operands = 1,
        .max_operands = 1,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status >= 0)
        return status;
    const char *why;
    if (!digits_write(a, operands.at[0], train, test, seed, &why))
        return complain(why);
    printf("%s: %lld training and %lld test digits, seed %llu\n", operands.at[0], (long long)train,
           (long long)test, (unsigned long long)seed);
    return EXIT_OK;
}

/* ---- text ---------------------------------------------------------------------------------------------- */
typedef struct TextJob {
    Arena *a;
    const char *dir, *tokens, *label;   /* the folder; names of the arrays */
    int64_t vocab, length;
    const char **why;
} TextJob;

static bool read_text(TextJob *job, const char *path, TextFile *out)
{
    size_t n;
    const char *bytes = path_read(job->a, path, &n, job->why);
    return bytes && text_parse(job->a, path, bytes, n, out, job->why);
}

static bool write_vocabulary(TextJob *job, const Vocabulary *v)
{
    StrBuf sb = {job->a, NULL, 0, 0};
    for (int i = 0; i < v->n; i++)
        sb_printf(&sb, "%s\n", v->word[i]);
    return path_write(job->a, arena_printf(job->a, "%s/vocabulary.txt", job->dir), sb_text(&sb), sb.n,
                      job->why);
}

/* "DIR/train: 15000 examples, 28 words at most, 0 of 123456 words unknown" */
static void say_split(const char *folder, const TextFile *text, const Vocabulary *v)
{
    int64_t words = 0, unknown = 0;
    int longest = 0;
    for (int i = 0; i < text->n; i++) {
        const TextLine *line = &text->line[i];
        longest = line->nwords > longest ? line->nwords : longest;
        words += line->nwords;
        for (int w = 0; w < line->nwords; w++)
            unknown += vocabulary_token(v, line->word[w]) == TOKEN_UNKNOWN;
    }
    printf("%s: %d examples of at most %d words; %lld of %lld words unknown\n", folder, text->n, longest,
           (long long)unknown, (long long)words);
}

static bool write_split(TextJob *job, const char *split, const TextFile *text, const Vocabulary *v)
{
    Arena *a = job->a;
    int64_t n = text->n;
    const char *folder = arena_printf(a, "%s/%s", job->dir, split);
    Array tokens = array_new(a, type_make(DT_I32, 2, (int64_t[]){n, job->length}));
    Array labels = array_new(a, type_make(DT_I32, 1, &n));
    for (int64_t i = 0; i < n; i++) {
        text_tokens(v, &text->line[i], job->length, (int32_t *)tokens.data + i * job->length);
        ((int32_t *)labels.data)[i] = text->line[i].label;
    }
    if (!folders_make(a, folder, job->why) ||
        !npy_write(a, arena_printf(a, "%s/%s.npy", folder, job->tokens), tokens, job->why) ||
        !npy_write(a, arena_printf(a, "%s/%s.npy", folder, job->label), labels, job->why))
        return false;
    say_split(folder, text, v);
    return true;
}

/* path: of train, test and, or NULL, val. */
static bool text_job(TextJob *job, const char *const *path)
{
    static const char *const splits[] = {"train", "test", "val"};
    TextFile text[LEN(splits)];
    for (int i = 0; i < LEN(splits); i++)
        if (path[i] && !read_text(job, path[i], &text[i]))
            return false;
    Vocabulary *v = vocabulary_make(job->a, &text[0], job->vocab);
    for (int i = 0; i < LEN(splits); i++)
        if (path[i] && !write_split(job, splits[i], &text[i], v))
            return false;
    if (!write_vocabulary(job, v))
        return false;
    printf("%s/vocabulary.txt: %d words; the word of line n is token n + %d\n", job->dir, v->n,
           TOKEN_FIRST - 1);
    return true;
}

static int data_text(Arena *a, int argc, char **argv)
{
    const char *why = NULL, *val = NULL;
    TextJob job = {a, NULL, "tokens", "label", 10000, 0, &why};
    const Option options[] = {
        {"output", 'o', OPTION_TEXT, &job.dir, "DIR", "the data folder to write", 0, 0},
        {"length", 'l', OPTION_INT, &job.length, "L", "tokens of one example", 1, 1000000},
        {"vocab", 'v', OPTION_INT, &job.vocab, "N",
         "size of the vocabulary, with padding and unknown (default 10000)", TOKEN_FIRST, INT32_MAX},
        {"val", 0, OPTION_TEXT, &val, "FILE", "a third file, for validation", 0, 0},
        {"tokens", 0, OPTION_TEXT, &job.tokens, "NAME", "the model's name for the tokens (default tokens)", 0, 0},
        {"label", 0, OPTION_TEXT, &job.label, "NAME", "the model's name for the label (default label)", 0, 0},
    };
    const Command command = {
        .name = "dlc data text",
        .operands = "[options] --length L -o DIR TRAIN.tsv TEST.tsv",
        .summary = "Turns lines of label<TAB>text into arrays of tokens: DIR/train/tokens.npy,\n"
                   "DIR/train/label.npy, the same for test (and val), and DIR/vocabulary.txt.",
        .options = options,
        .noptions = LEN(options),
        .min_operands = 2,
        .max_operands = 2,
        .epilogue = "Letters are lower-cased, punctuation separates words (an apostrophe does not). The\n"
                    "most frequent words of TRAIN.tsv get tokens from 2; 1 stands for any other word, 0 is\n"
                    "padding in front; a text longer than L keeps its last L words.",
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status >= 0)
        return status;
    if (!job.dir)
        return options_complain(&command, "-o DIR is missing");
    if (!job.length)
        return options_complain(&command, "--length L is missing");
    if (strchr(job.tokens, '/') || strchr(job.label, '/') || str_eq(job.tokens, job.label))
        return options_complain(&command, "--tokens and --label must be two different names, without '/'");
    const char *const paths[] = {operands.at[0], operands.at[1], val};
    return text_job(&job, paths) ? EXIT_OK : complain(why);
}

/* ---- bytes --------------------------------------------------------------------------------------------- */
typedef struct BytesJob {
    Arena *a;
    const char *dir, *tokens, *next;    /* the folder; names of the arrays */
    int64_t length, stride;
    const char **why;
} BytesJob;

/* Windows of a file: example i holds the bytes from i * stride, `ahead` further on. */
static bool write_windows(BytesJob *job, const char *path, const char *bytes, int64_t n, int64_t ahead)
{
    Array x = array_new(job->a, type_make(DT_I32, 2, (int64_t[]){n, job->length}));
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < job->length; k++)
            ((int32_t *)x.data)[i * job->length + k] = (unsigned char)bytes[i * job->stride + k + ahead];
    return npy_write(job->a, path, x, job->why);
}

static bool bytes_split(BytesJob *job, const char *split, const char *path)
{
    size_t size;
    const char *bytes = path_read(job->a, path, &size, job->why);
    const char *folder = arena_printf(job->a, "%s/%s", job->dir, split);
    if (!bytes)
        return false;
    if ((int64_t)size <= job->length) {
        *job->why = arena_printf(job->a, "%s: %zu bytes; one example takes %lld and the one behind them", path, size,
                                 (long long)job->length);
        return false;
    }
    int64_t n = ((int64_t)size - job->length - 1) / job->stride + 1;
    if (n > MAX_EXAMPLE_ELEMENTS / job->length) {
        *job->why = arena_printf(job->a, "%s: %lld examples of %lld bytes are too many; --stride makes them fewer", path,
                                 (long long)n, (long long)job->length);
        return false;
    }
    if (!folders_make(job->a, folder, job->why) ||
        !write_windows(job, arena_printf(job->a, "%s/%s.npy", folder, job->tokens), bytes, n, 0) ||
        !write_windows(job, arena_printf(job->a, "%s/%s.npy", folder, job->next), bytes, n, 1))
        return false;
    printf("%s: %lld examples of %lld bytes\n", folder, (long long)n, (long long)job->length);
    return true;
}

static int data_bytes(Arena *a, int argc, char **argv)
{
    const char *why = NULL, *val = NULL;
    BytesJob job = {a, NULL, "tokens", "next", 0, 0, &why};
    const Option options[] = {
        {"output", 'o', OPTION_TEXT, &job.dir, "DIR", "the data folder to write", 0, 0},
        {"length", 'l', OPTION_INT, &job.length, "L", "bytes of one example", 1, 1000000},
        {"stride", 0, OPTION_INT, &job.stride, "S", "bytes from one example's begin to the next's (default L)", 1,
         1000000},
        {"val", 0, OPTION_TEXT, &val, "FILE", "a third file, for validation", 0, 0},
        {"tokens", 0, OPTION_TEXT, &job.tokens, "NAME", "the model's name for the bytes (default tokens)", 0, 0},
        {"next", 0, OPTION_TEXT, &job.next, "NAME", "the model's name for those that follow (default next)", 0, 0},
    };
    const Command command = {
        .name = "dlc data bytes",
        .operands = "[options] --length L -o DIR TRAIN TEST",
        .summary = "Cuts files into examples of L bytes, for models that say what comes next:\n"
                   "DIR/train/tokens.npy, DIR/train/next.npy (the same one byte on), and the same for test\n"
                   "(and val).",
        .options = options,
        .noptions = LEN(options),
        .min_operands = 2,
        .max_operands = 2,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status >= 0)
        return status;
    if (!job.dir)
        return options_complain(&command, "-o DIR is missing");
    if (!job.length)
        return options_complain(&command, "--length L is missing");
    if (strchr(job.tokens, '/') || strchr(job.next, '/') || str_eq(job.tokens, job.next))
        return options_complain(&command, "--tokens and --next must be two different names, without '/'");
    if (!job.stride)
        job.stride = job.length;
    bool ok = bytes_split(&job, "train", operands.at[0]) && bytes_split(&job, "test", operands.at[1]) &&
              (!val || bytes_split(&job, "val", val));
    return ok ? EXIT_OK : complain(why);
}

/* ---- the door ------------------------------------------------------------------------------------------ */
int cmd_data(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(Arena *a, int argc, char **argv);
    } kinds[] = {{"digits", data_digits}, {"text", data_text}, {"bytes", data_bytes}};
    static const char usage[] = "usage: dlc data digits [options] DIR\n"
                                "       dlc data text [options] --length L -o DIR TRAIN.tsv TEST.tsv\n"
                                "       dlc data bytes [options] --length L -o DIR TRAIN TEST\n"
                                "Each has --help.\n";
    const char *kind = argc > 1 ? argv[1] : "";
    if (str_eq(kind, "--help") || str_eq(kind, "-h")) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    for (int i = 0; i < LEN(kinds); i++) {
        if (!str_eq(kind, kinds[i].name))
            continue;
        Arena *a = arena_new();
        int status = kinds[i].run(a, argc - 1, argv + 1);
        arena_free(a);
        return status;
    }
    fprintf(stderr, "dlc data: %s%s\n%s", *kind ? "unknown kind of data: " : "what kind of data?", kind,
            usage);
    return EXIT_USAGE;
}
