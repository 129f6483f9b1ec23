/* SPDX-License-Identifier: MIT */
/* lab.h: what `dlc train`, `eval`, `run` and `data` need besides the compiler: arrays, files, data folders, weights,
 * the terminal. Knows types and entries (graph/ir.h), not graphs.
 *
 * Everything is allocated in the Arena given. A function that can fail returns false or NULL and sets *why to one
 * message (without a newline at its end) that names the file and the place in it; *why may span several lines where
 * said so. Nothing here prints or exits, except progress.c and the commands. */
#ifndef DLC_LAB_H
#define DLC_LAB_H

#include "../graph/ir.h"

/* ---- files.c: base/file.c with the path in *why -------------------------------------------------------- */
char *path_read(Arena *a, const char *path, size_t *bytes, const char **why);
bool path_write(Arena *a, const char *path, const void *bytes, size_t n, const char **why);
bool path_exists(const char *path);
bool folders_make(Arena *a, const char *path, const char **why);   /* like mkdir -p */

/* ---- array.c: values outside the graph -----------------------------------------------------------------
 * Row-major, native byte order, dtype_bytes(type.dt) an element; bool is one byte, 0 or 1. `data` is aligned to 16. */
typedef struct Array {
    Type type;
    void *data;
} Array;

typedef struct NamedArray {
    const char *name;
    Array array;
} NamedArray;

typedef VEC(NamedArray) ArrayList;          /* in file order */

Array array_new(Arena *a, Type t);          /* zeroed */
double array_at(Array x, int64_t i);        /* element i in row-major order, any dtype */
void array_set(Array x, int64_t i, double value);   /* value must fit: array_holds */
bool array_holds(DType dt, double value);   /* whole and in range; floats: anything that does not round to infinity */
const Array *array_find(const ArrayList *list, const char *name);   /* NULL where it has none */
void array_add(Arena *a, ArrayList *list, const char *name, Array x);
/* To another element type. u8 -> f32 divides by 255 (bytes are picture elements); bool -> anything gives 0 and 1; other
 * integers become floats by rounding; to an integer type every value must be an integer in range. `name` is for *why. */
bool array_convert(Arena *a, Array x, DType dt, const char *name, Array *out, const char **why);
/* .npy, IDX or IDX in gzip, told apart by their first bytes; "-" is standard input. */
bool array_load(Arena *a, const char *path, Array *out, const char **why);

/* ---- wide.c: element types of files --------------------------------------------------------------------
 * Files know more element types than the graph. Reading narrows: f16, bf16 -> f32 exactly; f64 -> f32 rounded (a finite
 * value too large for f32 is an error); i8, i16, u16 -> i32 exactly; u32, i64, u64 -> i32, an error out of range. */
typedef enum FileType {
    FT_BOOL, FT_U8, FT_I8, FT_I16, FT_U16, FT_I32, FT_U32, FT_I64, FT_U64, FT_F16, FT_BF16, FT_F32, FT_F64, FT_COUNT
} FileType;
int64_t filetype_bytes(FileType ft);
DType filetype_dtype(FileType ft);          /* what it is read as */
/* `count` elements at bytes (any alignment) into out, of filetype_dtype. false: *bad is the first element that does not
 * fit and *value its value. */
bool filetype_read(FileType ft, bool big_endian, const void *bytes, int64_t count, void *out, int64_t *bad, double *value);
/* The same as an array of t's shape (its dtype is set here). Where nothing needs converting the array shares `bytes`.
 * *why says which element does not fit, without a path. */
bool filetype_array(Arena *a, FileType ft, bool big_endian, const void *bytes, Type t, Array *out, const char **why);
/* The number of elements of a shape read from a file; false when it overflows what fits in memory. */
bool shape_count(int rank, const int64_t *dim, int64_t *count);

/* ---- npy.c: NumPy's .npy, versions 1 to 3, C and Fortran order, either byte order ---------------------- */
bool npy_read(Arena *a, const char *path, Array *out, const char **why);
/* *_parse: `path` is for *why; the array may share `bytes`, which must live as long. */
bool npy_parse(Arena *a, const char *path, const void *bytes, size_t n, Array *out, const char **why);
bool npy_write(Arena *a, const char *path, Array x, const char **why);   /* written beside and renamed */

/* ---- idx.c: IDX (MNIST's format), plain or gzip'd ------------------------------------------------------ */
bool idx_read(Arena *a, const char *path, Array *out, const char **why);
bool idx_parse(Arena *a, const char *path, const void *bytes, size_t n, Array *out, const char **why);
bool idx_write(Arena *a, const char *path, Array x, const char **why);   /* u8, i32 or f32; not compressed */

/* ---- safetensors.c, weights.c --------------------------------------------------------------------------
 * Reads F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL as wide.c says; writes F32 I32 U8 BOOL, in the order given,
 * the data starting at a multiple of 8. A file is accepted only when it is exactly what its header says. */
bool safetensors_read(Arena *a, const char *path, ArrayList *out, const char **why);
bool safetensors_parse(Arena *a, const char *path, const void *bytes, size_t n, ArrayList *out, const char **why);
bool safetensors_write(Arena *a, const char *path, const ArrayList *list, const char **why);
/* found[i] becomes the array of wanted[i] (of its name, dtype and shape). Otherwise false, and *why lists EVERY
 * mismatch, one a line: missing, unexpected, wrong dtype, wrong shape. `path` is what *why calls the file. */
bool weights_match(Arena *a, const char *path, const ArrayList *file, const Entry *wanted, int n, Array *found,
                   const char **why);
/* A weight file's tensors for every parameter, then every state of m; all that does not fit is in *why. */
bool weights_load(Arena *a, const char *path, const Module *m, Array *found, const char **why);

/* ---- dataset.c: a data folder, one split of it ---------------------------------------------------------
 * DIR/SPLIT/NAME.npy for every input and target (SPLIT: train, val, test), or MNIST's four IDX files in DIR itself, which
 * feed the one input and the one target. A file's shape is [N, ...]; the rest must be the entry's shape, axes of extent 1
 * aside, or one of the two must be flat: [N, 28, 28] feeds f32[28, 28, 1] and f32[784], but not f32[14, 56]. */
typedef struct Dataset Dataset;
typedef struct DatasetWanted {
    const Entry *inputs, *targets;          /* types without the batch axis */
    int ninputs, ntargets;                  /* ntargets 0: targets are not needed, nor looked for */
} DatasetWanted;

/* `val` where the folder has none opens `test`; dataset_split then says so. */
Dataset *dataset_open(Arena *a, const char *dir, const char *split, const DatasetWanted *wanted, const char **why);
/* The same from one file for each input, path[0..wanted->ninputs): .npy or IDX, [N, ...], or a single example without its N. */
Dataset *dataset_files(Arena *a, const char *const *path, const DatasetWanted *wanted, const char **why);
int64_t dataset_examples(const Dataset *ds);           /* at least 1 */
const char *dataset_split(const Dataset *ds);          /* what was opened: "train", "val" or "test" */
const char *dataset_note(const Dataset *ds);           /* "DIR has no val: using test", or NULL */
/* Copies examples index[0..n) into batch buffers, out[0..ninputs+ntargets) (inputs first), each batch * type_bytes
 * long, converted to the entry's type; what is left of an incomplete batch (n < batch) is zero. */
void dataset_batch(const Dataset *ds, const int64_t *index, int64_t n, int64_t batch, void *const *out);
/* index[0..n) becomes a permutation of 0..n-1, a function of seed and epoch alone. */
void dataset_shuffle(int64_t *index, int64_t n, uint64_t seed, int64_t epoch);

/* ---- random.c: reproducible random numbers for data (the generated code has its own, in runtime/) ------ */
typedef struct Random {
    uint64_t state;
} Random;
Random random_start(uint64_t seed, uint64_t stream);   /* streams of one seed are independent */
uint64_t random_bits(Random *r);
uint64_t random_below(Random *r, uint64_t limit);      /* 0 <= . < limit, unbiased; limit >= 1 */
double random_unit(Random *r);                         /* [0, 1) */
double random_range(Random *r, double lo, double hi);
double random_normal(Random *r);                       /* mean 0, deviation 1, |.| <= 6: the sum of 12 uniforms less 6 */

/* ---- text.c: label<TAB>text into token arrays ---------------------------------------------------------- */
enum { TOKEN_PADDING = 0, TOKEN_UNKNOWN = 1, TOKEN_FIRST = 2 };

typedef struct TextLine {
    int32_t label;
    int nwords;
    const char **word;                      /* lower-cased, without punctuation */
} TextLine;
typedef struct TextFile {
    const char *path;
    int n;
    TextLine *line;
} TextFile;
typedef struct Vocabulary {
    int n;                                  /* words; word[i] has token TOKEN_FIRST + i */
    const char **word;
    struct WordTable *table;
} Vocabulary;

/* *why has one line for each bad line of the file, at most 20. */
bool text_parse(Arena *a, const char *path, const char *bytes, size_t n, TextFile *out, const char **why);
/* The most frequent words, at most limit - 2 (padding and unknown count too); ties by first occurrence. */
Vocabulary *vocabulary_make(Arena *a, const TextFile *text, int64_t limit);
int32_t vocabulary_token(const Vocabulary *v, const char *word);       /* TOKEN_UNKNOWN where it has none */
/* i32[length]: padding in front; of a longer text the last `length` words. */
void text_tokens(const Vocabulary *v, const TextLine *line, int64_t length, int32_t *out);

/* ---- digits.c: handwritten-looking digits -------------------------------------------------------------- */
enum { DIGIT_SIZE = 28 };
/* Image number `index` of a seed: 28 x 28, 0 background, 255 ink. Returns its label, 0..9. */
int digit_draw(uint64_t seed, uint64_t index, uint8_t *image);
/* MNIST's four files in dir (made when missing), from examples 0..train-1 and train..train+test-1. */
bool digits_write(Arena *a, const char *dir, int64_t train, int64_t test, uint64_t seed, const char **why);

/* ---- picture.c: grey images as text -------------------------------------------------------------------- */
typedef enum PictureStyle { PICTURE_ASCII, PICTURE_256, PICTURE_TRUECOLOR } PictureStyle;
typedef struct Picture {
    const void *data;                       /* height x width, row-major: u8 0..255, or f32 0..1 */
    DType dt;
    const char *caption;                    /* printed under it, cut to the picture's width; or NULL */
} Picture;
PictureStyle picture_style(FILE *out);      /* ASCII unless out is a terminal that has colours */
/* n pictures, as many side by side as `columns` character columns hold (0: 80); two image rows make one text row. */
void pictures_print(StrBuf *sb, PictureStyle style, int height, int width, const Picture *picture, int n, int columns);

/* ---- progress.c: how training goes, on standard error --------------------------------------------------
 * On a terminal a bar that redraws itself; otherwise nothing until an epoch ends. One line an epoch stays in both. */
int terminal_columns(FILE *out);            /* 80 where out is no terminal */
typedef struct Progress Progress;
typedef struct Figure {
    const char *name;                       /* "loss", "accuracy", "val loss" */
    double value;
} Figure;
Progress *progress_start(Arena *a, FILE *out, int64_t epochs, int64_t batches, int64_t examples);   /* of an epoch */
/* After a batch: epoch from 1, batches and examples done in it, figures so far. Cheap: draws at most 10 times a second. */
void progress_batch(Progress *p, int64_t epoch, int64_t batch, int64_t examples, const Figure *figure, int n);
/* Ends the epoch: "epoch 1/5  loss 0.1932  accuracy 0.9416  val loss ...  8123 examples/s  7.4 s". */
void progress_epoch(Progress *p, int64_t epoch, const Figure *figure, int n);
double progress_seconds(const Progress *p);            /* since progress_start */

/* ---- options.c: command lines --------------------------------------------------------------------------
 *     bool json = false; int64_t epochs = 5; const char *out = NULL; StringList set = {0};
 *     const Option options[] = {
 *         {"epochs", 'e', OPTION_INT,  &epochs, "N",    "how often to go through the training data (default 5)", 1, 1000000},
 *         {"output", 'o', OPTION_TEXT, &out,    "FILE", "where the weights go"},
 *         {"set",     0,  OPTION_LIST, &set,    "CONST=VALUE", "override a constant; may be repeated"},
 *         {"json",    0,  OPTION_FLAG, &json,   NULL,   "one JSON object a line on standard output"},
 *     };
 *     const Command command = {"dlc train", "[options] MODEL.dl", "Trains a model.", options, LEN(options), 1, 1, NULL};
 *     int status = options_parse(a, &command, argc, argv, &operands);
 *     if (status >= 0)
 *         return status;         // EXIT_OK after --help, EXIT_USAGE after a complaint on standard error
 *     open(operands.at[0]);
 * --help (and -h) is added to every table. argv[0] is skipped (it is the command's own name). */
enum { EXIT_OK = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };    /* done; bad input, data or files; wrong usage */

typedef VEC(const char *) StringList;
typedef enum OptionKind {
    OPTION_FLAG,        /* bool */
    OPTION_TEXT,        /* const char *; the last one wins */
    OPTION_LIST,        /* StringList: every occurrence */
    OPTION_INT,         /* int64_t in [lo, hi] (both 0: any) */
    OPTION_BYTES,       /* int64_t: a count of bytes, 64K and 1M being 65536 and 1048576 */
    OPTION_SEED,        /* uint64_t */
    OPTION_REAL,        /* double, finite and not below lo */
    OPTION_CHOICE,      /* const char *, one of the words of `value`, which are separated by '|': "cc|tcc" */
} OptionKind;
typedef struct Option {
    const char *name;   /* long name */
    char letter;        /* short name, or 0 */
    OptionKind kind;
    void *to;           /* where the value goes, as the kind says */
    const char *value;  /* what --help calls the value; NULL for a flag */
    const char *help;
    int64_t lo, hi;
} Option;
typedef struct Command {
    const char *name;       /* "dlc train" */
    const char *operands;   /* "[options] MODEL.dl" */
    const char *summary;    /* a sentence or more */
    const Option *options;
    int noptions;
    int min_operands, max_operands;     /* max -1: any number */
    const char *epilogue;   /* printed after the options, or NULL */
} Command;
/* -1: go on. Otherwise the status to exit with. */
int options_parse(Arena *a, const Command *command, int argc, char **argv, StringList *operands);
/* A complaint on standard error that points to --help; returns EXIT_USAGE. */
int options_complain(const Command *command, const char *format, ...) PRINTF(2, 3);
bool read_bytes(const char *text, int64_t *to); /* 65536, 64K, 1M, 1G */

/* ---- cmd_data.c: dlc data digits|text ------------------------------------------------------------------ */
int cmd_data(int argc, char **argv);        /* argv[0] is "data"; returns the exit status */

#endif
