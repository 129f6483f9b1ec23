/* SPDX-License-Identifier: MIT */
/* dataset.c: a data folder, one split of it: DIR/SPLIT/NAME.npy, or MNIST's four files in DIR. */
#include "lab.h"

#include <dirent.h>
#include <string.h>

typedef struct Field {
    Array all;              /* of every example; u8 where the model wants f32, otherwise the entry's dtype */
    DType dt;               /* the entry's */
    int64_t count;          /* elements of one example */
} Field;

struct Dataset {
    const char *split, *note;
    int64_t examples;
    int n;
    Field *field;
};

typedef struct Opener {
    Arena *a;
    const char *dir;
    const DatasetWanted *wanted;
    Dataset *ds;
    const char **why;
} Opener;

static bool fail(Opener *o, const char *format, ...) PRINTF(2, 3);
static bool fail(Opener *o, const char *format, ...)
{
    StrBuf sb = {o->a, NULL, 0, 0};
    va_list args;
    va_start(args, format);
    sb_vprintf(&sb, format, args);
    va_end(args);
    *o->why = sb_text(&sb);
    return false;
}

static int wanted_count(const DatasetWanted *w)
{
    return w->ninputs + w->ntargets;
}

static const Entry *wanted_entry(const DatasetWanted *w, int i)
{
    return i < w->ninputs ? &w->inputs[i] : &w->targets[i - w->ninputs];
}

/* ---- one file, one entry ------------------------------------------------------------------------------- */
/* Axes of extent 1 say nothing. */
static Type squeeze(Type t)
{
    Type squeezed = {.dt = t.dt};
    for (int i = 0; i < t.rank; i++)
        if (t.dim[i] != 1)
            squeezed.dim[squeezed.rank++] = t.dim[i];
    return squeezed;
}

static bool shapes_fit(Type file, Type model)
{
    Type x = squeeze(file), y = squeeze(model);
    return shape_eq(x, y) || (type_count(x) == type_count(y) && (x.rank <= 1 || y.rank <= 1));
}

static bool field_set(Opener *o, int i, const char *path, Array x)
{
    const Entry *e = wanted_entry(o->wanted, i);
    Field *f = &o->ds->field[i];
    if (x.type.rank == 0)
        return fail(o, "%s: one number; expected an array of examples for %s: %s", path, e->name,
                    type_text(o->a, e->type));
    Type example = type_drop(x.type, 0);
    if (!shapes_fit(example, e->type))
        return fail(o, "%s: examples of %s do not fit %s: %s", path, type_text(o->a, example), e->name,
                    type_text(o->a, e->type));
    if (x.type.dim[0] == 0)
        return fail(o, "%s: no examples in it", path);
    if (i > 0 && x.type.dim[0] != o->ds->examples)
        return fail(o, "%s: %lld examples, but %s has %lld", path, (long long)x.type.dim[0],
                    wanted_entry(o->wanted, 0)->name, (long long)o->ds->examples);
    o->ds->examples = x.type.dim[0];
    f->dt = e->type.dt;
    f->count = type_count(e->type);
    f->all = x;
    if (x.type.dt == DT_U8 && f->dt == DT_F32)
        return true;        /* a quarter of the memory; dataset_batch divides by 255 */
    return array_convert(o->a, x, f->dt, path, &f->all, o->why);
}

/* ---- MNIST's four files -------------------------------------------------------------------------------- */
/* DIR/PREFIX-WHAT, plain or .gz; NULL where there is neither. */
static const char *mnist_path(Opener *o, const char *split, const char *what)
{
    static const char *const endings[] = {"", ".gz"};
    for (int i = 0; i < LEN(endings); i++) {
        const char *path = arena_printf(o->a, "%s/%s-%s-ubyte%s", o->dir, split, what, endings[i]);
        if (path_exists(path))
            return path;
    }
    return NULL;
}

static const char *mnist_prefix(const char *split)
{
    return str_eq(split, "train") ? "train" : str_eq(split, "test") ? "t10k" : "val";
}

static bool mnist_has(Opener *o, const char *split)
{
    return mnist_path(o, mnist_prefix(split), "images-idx3");
}

static bool mnist_open(Opener *o, const char *split)
{
    static const char *const parts[] = {"images-idx3", "labels-idx1"};
    const DatasetWanted *w = o->wanted;
    if (w->ninputs != 1 || w->ntargets > 1)
        return fail(o, "%s: MNIST's files feed one input and one target, but the model has %d and %d", o->dir,
                    w->ninputs, w->ntargets);
    for (int i = 0; i < wanted_count(w); i++) {
        const char *path = mnist_path(o, mnist_prefix(split), parts[i]);
        Array x;
        if (!path)
            return fail(o, "%s: no %s-%s-ubyte or %s-%s-ubyte.gz", o->dir, mnist_prefix(split), parts[i],
                        mnist_prefix(split), parts[i]);
        if (!idx_read(o->a, path, &x, o->why) || !field_set(o, i, path, x))
            return false;
    }
    return true;
}

/* ---- a folder of .npy files ---------------------------------------------------------------------------- */
static const char *npy_folder(Opener *o, const char *split)
{
    return arena_printf(o->a, "%s/%s", o->dir, split);
}

/* The arrays a folder has, by name, to suggest one. */
static StringList npy_names(Arena *a, const char *folder)
{
    StringList names = {0};
    DIR *dir = opendir(folder);
    if (!dir)
        return names;
    for (const struct dirent *item; (item = readdir(dir));) {
        size_t n = strlen(item->d_name);
        if (n > 4 && str_eq(item->d_name + n - 4, ".npy"))
            vec_push(a, &names, arena_strndup(a, item->d_name, n - 4));
    }
    closedir(dir);
    return names;
}

static bool npy_all_there(Opener *o, const char *folder)
{
    StrBuf missing = {o->a, NULL, 0, 0};
    StringList names = npy_names(o->a, folder);
    for (int i = 0; i < wanted_count(o->wanted); i++) {
        const Entry *e = wanted_entry(o->wanted, i);
        if (path_exists(arena_printf(o->a, "%s/%s.npy", folder, e->name)))
            continue;
        const char *near = nearest_name(e->name, names.at, names.n);
        sb_printf(&missing, "\n  missing  %s.npy, for %s %s: %s", e->name,
                  i < o->wanted->ninputs ? "input" : "target", e->name, type_text(o->a, e->type));
        if (near)
            sb_printf(&missing, " (is it %s.npy?)", near);
    }
    return missing.n == 0 || fail(o, "%s does not feed the model:%s", folder, sb_text(&missing));
}

static bool npy_open(Opener *o, const char *split)
{
    const char *folder = npy_folder(o, split);
    if (!npy_all_there(o, folder))
        return false;
    for (int i = 0; i < wanted_count(o->wanted); i++) {
        const char *path = arena_printf(o->a, "%s/%s.npy", folder, wanted_entry(o->wanted, i)->name);
        Array x;
        if (!npy_read(o->a, path, &x, o->why) || !field_set(o, i, path, x))
            return false;
    }
    return true;
}

/* ---- the door ------------------------------------------------------------------------------------------ */
static bool split_there(Opener *o, const char *split)
{
    return path_exists(npy_folder(o, split)) || mnist_has(o, split);
}

Dataset *dataset_open(Arena *a, const char *dir, const char *split, const DatasetWanted *wanted,
                      const char **why)
{
    Dataset *ds = NEW(a, Dataset);
    Opener o = {a, dir, wanted, ds, why};
    *ds = (Dataset){.split = split, .n = wanted_count(wanted), .field = NEWN(a, Field, wanted_count(wanted))};
    if (ds->n == 0) {
        fail(&o, "%s: the model has neither input nor target to feed", dir);
        return NULL;
    }
    if (str_eq(split, "val") && !split_there(&o, "val") && split_there(&o, "test")) {
        ds->split = "test";
        ds->note = arena_printf(a, "%s has no val: using test", dir);
    }
    if (!split_there(&o, ds->split)) {
        fail(&o,
             path_exists(dir) ? "%s: neither a folder %s/ of .npy files nor MNIST's %s-images-idx3-ubyte[.gz]"
                              : "%s: no such folder",
             dir, ds->split, mnist_prefix(ds->split));
        return NULL;
    }
    bool npy = path_exists(npy_folder(&o, ds->split));
    return (npy ? npy_open : mnist_open)(&o, ds->split) ? ds : NULL;
}

/* A file that holds one example and no axis that counts them. */
static Array with_count(Array x, Type example)
{
    bool counted = x.type.rank > 0 && shapes_fit(type_drop(x.type, 0), example);
    if (!counted && shapes_fit(x.type, example) && x.type.rank < MAX_RANK)
        x.type = type_insert(x.type, 0, 1);
    return x;
}

Dataset *dataset_files(Arena *a, const char *const *path, const DatasetWanted *wanted, const char **why)
{
    Dataset *ds = NEW(a, Dataset);
    Opener o = {a, NULL, wanted, ds, why};
    *ds = (Dataset){.split = "input", .n = wanted->ninputs, .field = NEWN(a, Field, wanted->ninputs + 1)};
    for (int i = 0; i < wanted->ninputs; i++) {
        Array x;
        if (!array_load(a, path[i], &x, why) || !field_set(&o, i, path[i], with_count(x, wanted->inputs[i].type)))
            return NULL;
    }
    return ds;
}

int64_t dataset_examples(const Dataset *ds)
{
    return ds->examples;
}

const char *dataset_split(const Dataset *ds)
{
    return ds->split;
}

const char *dataset_note(const Dataset *ds)
{
    return ds->note;
}

/* ---- batches ------------------------------------------------------------------------------------------- */
static void copy_bytes_as_floats(const uint8_t *from, int64_t count, float *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)from[i] / 255.0f;
}

void dataset_batch(const Dataset *ds, const int64_t *index, int64_t n, int64_t batch, void *const *out)
{
    for (int i = 0; i < ds->n; i++) {
        const Field *f = &ds->field[i];
        int64_t from_bytes = f->count * dtype_bytes(f->all.type.dt), to_bytes = f->count * dtype_bytes(f->dt);
        char *to = out[i];
        for (int64_t k = 0; k < n; k++, to += to_bytes) {
            const char *from = (const char *)f->all.data + index[k] * from_bytes;
            if (f->all.type.dt == f->dt)
                memcpy(to, from, (size_t)to_bytes);
            else
                copy_bytes_as_floats((const uint8_t *)from, f->count, (float *)(void *)to);
        }
        memset(to, 0, (size_t)((batch - n) * to_bytes));
    }
}

/* 0, 1, 2, ... */
static void dataset_order(int64_t *index, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        index[i] = i;
}

void dataset_shuffle(int64_t *index, int64_t n, uint64_t seed, int64_t epoch)
{
    Random r = random_start(seed, (uint64_t)epoch);
    dataset_order(index, n);
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = (int64_t)random_below(&r, (uint64_t)i + 1);
        int64_t x = index[i];
        index[i] = index[k];
        index[k] = x;
    }
}
