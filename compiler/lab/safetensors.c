/* SPDX-License-Identifier: MIT */
/* safetensors.c: named tensors in a file. A u64 with the length of a JSON header, the header, the elements:
 *     {"__metadata__": {"any": "text"},
 *      "dense.bias": {"dtype": "F32", "shape": [10], "data_offsets": [0, 40]}, ...}
 * Offsets count from the end of the header. The tensors fill the file: none overlap, none leave a hole. */
#include "lab.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100000000 };        /* the format's own limit */

static const struct {
    const char *name;
    FileType ft;
} tensor_types[] = {
    {"F32", FT_F32}, {"F64", FT_F64}, {"F16", FT_F16}, {"BF16", FT_BF16}, {"I64", FT_I64}, {"I32", FT_I32},
    {"I16", FT_I16}, {"I8", FT_I8},   {"U64", FT_U64}, {"U32", FT_U32},   {"U16", FT_U16}, {"U8", FT_U8},
    {"BOOL", FT_BOOL},
};

typedef struct Tensor {
    const char *name;
    FileType ft;
    Type t;
    int64_t lo, hi;         /* bytes, from the end of the header */
} Tensor;

typedef struct Reader {
    Arena *a;
    const char *path;
    int64_t data_bytes;     /* behind the header */
    VEC(Tensor) tensor;
    const char **why;
} Reader;

static bool fail(Reader *r, const char *format, ...) PRINTF(2, 3);
static bool fail(Reader *r, const char *format, ...)
{
    StrBuf sb = {r->a, NULL, 0, 0};
    sb_printf(&sb, "%s: ", r->path);
    va_list args;
    va_start(args, format);
    sb_vprintf(&sb, format, args);
    va_end(args);
    *r->why = sb_text(&sb);
    return false;
}

/* ---- the header ---------------------------------------------------------------------------------------- */
static bool read_dtype(Reader *r, Tensor *t, const json_t *json)
{
    const char *text = json_string_value(json);
    if (!text)
        return fail(r, "tensor '%s': \"dtype\" must be a string", t->name);
    for (int i = 0; i < LEN(tensor_types); i++) {
        if (str_eq(text, tensor_types[i].name)) {
            t->ft = tensor_types[i].ft;
            t->t.dt = filetype_dtype(t->ft);
            return true;
        }
    }
    return fail(r, "tensor '%s': element type '%s' is not supported", t->name, text);
}

static bool read_shape(Reader *r, Tensor *t, const json_t *json)
{
    if (!json_is_array(json))
        return fail(r, "tensor '%s': \"shape\" must be a list", t->name);
    if (json_array_size(json) > MAX_RANK)
        return fail(r, "tensor '%s' has %zu axes; at most %d are supported", t->name, json_array_size(json),
                    MAX_RANK);
    t->t.rank = (int)json_array_size(json);
    for (int i = 0; i < t->t.rank; i++) {
        const json_t *extent = json_array_get(json, (size_t)i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return fail(r, "tensor '%s': extent %d of its shape is not a whole number", t->name, i);
        t->t.dim[i] = json_integer_value(extent);
    }
    return true;
}

static bool read_offsets(Reader *r, Tensor *t, const json_t *json)
{
    const json_t *lo = json_array_get(json, 0), *hi = json_array_get(json, 1);
    if (json_array_size(json) != 2 || !json_is_integer(lo) || !json_is_integer(hi))
        return fail(r, "tensor '%s': \"data_offsets\" must be a list of two whole numbers", t->name);
    t->lo = json_integer_value(lo);
    t->hi = json_integer_value(hi);
    if (t->lo < 0 || t->lo > t->hi || t->hi > r->data_bytes)
        return fail(r, "tensor '%s': bytes %lld to %lld do not lie in the file's %lld bytes of data", t->name,
                    (long long)t->lo, (long long)t->hi, (long long)r->data_bytes);
    return true;
}

static bool read_tensor(Reader *r, const char *name, const json_t *json)
{
    static const struct {
        const char *key;
        bool (*read)(Reader *r, Tensor *t, const json_t *json);
    } items[] = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    Tensor t = {.name = arena_strdup(r->a, name)};
    if (!json_is_object(json))
        return fail(r, "tensor '%s': its description is not an object", name);
    for (int i = 0; i < LEN(items); i++) {
        const json_t *item = json_object_get(json, items[i].key);
        if (!item)
            return fail(r, "tensor '%s' has no \"%s\"", name, items[i].key);
        if (!items[i].read(r, &t, item))
            return false;
    }
    if (json_object_size(json) != LEN(items))
        return fail(r, "tensor '%s' has more than dtype, shape and data_offsets", name);
    int64_t count;
    if (!shape_count(t.t.rank, t.t.dim, &count))
        return fail(r, "tensor '%s': its shape is absurd", name);
    if (count * filetype_bytes(t.ft) != t.hi - t.lo)
        return fail(r, "tensor '%s': %s needs %lld bytes, data_offsets give %lld", name, type_text(r->a, t.t),
                    (long long)(count * filetype_bytes(t.ft)), (long long)(t.hi - t.lo));
    vec_push(r->a, &r->tensor, t);
    return true;
}

static bool read_metadata(Reader *r, json_t *json)
{
    const char *key;
    json_t *value;
    if (!json_is_object(json))
        return fail(r, "\"__metadata__\" must be an object");
    json_object_foreach(json, key, value)
        if (!json_is_string(value))
            return fail(r, "\"__metadata__\" must hold strings only, '%s' is none", key);
    return true;
}

static bool read_header(Reader *r, const char *text, size_t n)
{
    json_error_t error;
    json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error), *value;
    if (!json)
        return fail(r, "byte %lld: the header is not JSON: %s", 8LL + error.position, error.text);
    bool ok = json_is_object(json) || fail(r, "byte 8: the header is not a JSON object");
    const char *key;
    json_object_foreach(json, key, value) {
        ok = ok && (str_eq(key, "__metadata__") ? read_metadata(r, value) : read_tensor(r, key, value));
    }
    json_decref(json);
    return ok;
}

/* ---- the data ------------------------------------------------------------------------------------------ */
static int by_place(const void *x, const void *y)
{
    const Tensor *const *p = x, *const *q = y;
    if ((*p)->lo != (*q)->lo)
        return (*p)->lo < (*q)->lo ? -1 : 1;
    return ((*p)->hi > (*q)->hi) - ((*p)->hi < (*q)->hi);       /* empty tensors first */
}

/* Every byte belongs to one tensor. */
static bool check_places(Reader *r)
{
    int n = r->tensor.n;
    int64_t at = 0;
    const Tensor **sorted = NEWN(r->a, const Tensor *, n), *last = NULL;
    for (int i = 0; i < n; i++)
        sorted[i] = &r->tensor.at[i];
    if (n)
        qsort(sorted, (size_t)n, sizeof *sorted, by_place);
    for (int i = 0; i < n; i++) {
        const Tensor *t = sorted[i];
        if (t->lo < at)
            return fail(r, "tensors '%s' and '%s' overlap at byte %lld of the data", last->name, t->name,
                        (long long)t->lo);
        if (t->lo > at)
            return fail(r, "bytes %lld to %lld of the data belong to no tensor", (long long)at,
                        (long long)t->lo);
        at = t->hi;
        last = t;
    }
    if (at != r->data_bytes)
        return fail(r, "bytes %lld to %lld of the data belong to no tensor", (long long)at,
                    (long long)r->data_bytes);
    return true;
}

bool safetensors_parse(Arena *a, const char *path, const void *bytes, size_t n, ArrayList *out,
                       const char **why)
{
    Reader r = {.a = a, .path = path, .why = why};
    const char *text = bytes;
    if (n < 8)
        return fail(&r, "byte 0: %zu bytes are too few for a safetensors file", n);
    uint64_t header = 0;
    for (int i = 0; i < 8; i++)
        header |= (uint64_t)(unsigned char)text[i] << (8 * i);
    if (header > n - 8)
        return fail(
            &r, "byte 0: a header of %llu bytes, but only %zu are left: not a safetensors file, or cut short",
            (unsigned long long)header, n - 8);
    if (header > MAX_HEADER)
        return fail(&r, "byte 0: a header of %llu bytes; at most %d are supported",
                    (unsigned long long)header, MAX_HEADER);
    r.data_bytes = (int64_t)(n - 8 - header);
    if (!read_header(&r, text + 8, (size_t)header) || !check_places(&r))
        return false;
    *out = (ArrayList){0};
    for (int i = 0; i < r.tensor.n; i++) {
        const Tensor *t = &r.tensor.at[i];
        Array x;
        const char *reason;
        if (!filetype_array(a, t->ft, false, text + 8 + header + t->lo, t->t, &x, &reason))
            return fail(&r, "tensor '%s': %s", t->name, reason);
        array_add(a, out, t->name, x);
    }
    return true;
}

bool safetensors_read(Arena *a, const char *path, ArrayList *out, const char **why)
{
    size_t n;
    const char *bytes = path_read(a, path, &n, why);
    return bytes && safetensors_parse(a, path, bytes, n, out, why);
}

/* ---- writing ------------------------------------------------------------------------------------------- */
/* A new reference, or NULL: the name stands twice or is not UTF-8. */
static json_t *header_json(const ArrayList *list, const char **guilty)
{
    static const char *const names[DT_COUNT] = {
        [DT_BOOL] = "BOOL", [DT_U8] = "U8", [DT_I32] = "I32", [DT_F32] = "F32"};
    json_t *json = json_object();
    int64_t at = 0;
    for (int i = 0; i < list->n; i++) {
        Type t = list->at[i].array.type;
        json_t *shape = json_array();
        for (int axis = 0; axis < t.rank; axis++)
            json_array_append_new(shape, json_integer(t.dim[axis]));
        json_t *tensor = json_pack("{s:s, s:o, s:[I, I]}", "dtype", names[t.dt], "shape", shape,
                                   "data_offsets", (json_int_t)at, (json_int_t)(at + type_bytes(t)));
        at += type_bytes(t);
        *guilty = list->at[i].name;
        bool twice = json_object_get(json, *guilty);
        if (twice)
            json_decref(tensor);
        if (twice || str_eq(*guilty, "__metadata__") || json_object_set_new(json, *guilty, tensor) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

bool safetensors_write(Arena *a, const char *path, const ArrayList *list, const char **why)
{
    const char *guilty = "";
    json_t *json = header_json(list, &guilty);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!text) {
        *why =
            arena_printf(a, "%s: '%s' cannot be the name of a tensor there, or stands twice", path, guilty);
        return false;
    }
    size_t length = strlen(text), header = (length + 7) / 8 * 8, n = 8 + header;
    for (int i = 0; i < list->n; i++)
        n += (size_t)type_bytes(list->at[i].array.type);
    char *bytes = arena_alloc(a, n);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(header >> (8 * i) & 255);
    memcpy(bytes + 8, text, length);
    free(text);
    memset(bytes + 8 + length, ' ', header - length);
    char *at = bytes + 8 + header;
    for (int i = 0; i < list->n; i++) {
        size_t size = (size_t)type_bytes(list->at[i].array.type);
        if (size)
            memcpy(at, list->at[i].array.data, size);
        at += size;
    }
    return path_write(a, path, bytes, n, why);
}
