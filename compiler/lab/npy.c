/* SPDX-License-Identifier: MIT */
/* npy.c: NumPy's array files. A header that looks like a Python dict, then the elements:
 *     \x93NUMPY, major, minor, header length (u16, from version 2 on u32, little-endian),
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   padded with spaces, a newline at its end
 * Nothing in the header is believed before it is compared with the size of the file. */
#include "lab.h"

#include <string.h>

typedef struct Reader {
    Arena *a;
    const char *path;
    const char *start, *at, *end;       /* start: of the file; end: of the part being read */
    const char **why;
} Reader;

typedef struct Header {
    FileType ft;
    bool big_endian, fortran;
    Type t;
    bool has_descr, has_order, has_shape;
} Header;

static bool fail(Reader *r, const char *format, ...) PRINTF(2, 3);
static bool fail(Reader *r, const char *format, ...)
{
    StrBuf sb = {r->a, NULL, 0, 0};
    sb_printf(&sb, "%s: byte %lld: ", r->path, (long long)(r->at - r->start));
    va_list args;
    va_start(args, format);
    sb_vprintf(&sb, format, args);
    va_end(args);
    *r->why = sb_text(&sb);
    return false;
}

/* ---- the dict ------------------------------------------------------------------------------------------ */
static void skip_space(Reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
        r->at++;
}

static bool accept(Reader *r, const char *text)
{
    size_t n = strlen(text);
    skip_space(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0)
        return false;
    r->at += n;
    return true;
}

static bool expect(Reader *r, const char *text)
{
    return accept(r, text) || fail(r, "expected %s in the header", text);
}

/* 'text' or "text", without escapes. */
static const char *read_string(Reader *r)
{
    skip_space(r);
    if (r->at == r->end || (*r->at != '\'' && *r->at != '"')) {
        fail(r, "expected a string in the header");
        return NULL;
    }
    const char *lo = r->at + 1;
    const char *hi = memchr(lo, *r->at, (size_t)(r->end - lo));
    if (!hi) {
        fail(r, "this string of the header does not end");
        return NULL;
    }
    r->at = hi + 1;
    return arena_strndup(r->a, lo, (size_t)(hi - lo));
}

/* "<f4": byte order, kind, bytes. One-byte types take any order. */
static bool read_descr(Reader *r, Header *h)
{
    static const struct {
        const char *text;
        FileType ft;
    } kinds[] = {
        {"b1", FT_BOOL}, {"u1", FT_U8},  {"i1", FT_I8},  {"i2", FT_I16}, {"u2", FT_U16}, {"i4", FT_I32},
        {"u4", FT_U32},  {"i8", FT_I64}, {"u8", FT_U64}, {"f2", FT_F16}, {"f4", FT_F32}, {"f8", FT_F64},
    };
    const char *text = read_string(r);
    if (!text)
        return false;
    for (int i = 0; i < LEN(kinds); i++) {
        bool byte = kinds[i].text[1] == '1';
        if (*text && strchr(byte ? "|<>=" : "<>=", *text) && str_eq(text + 1, kinds[i].text)) {
            h->ft = kinds[i].ft;
            h->big_endian = *text == '>';
            return true;
        }
    }
    return fail(r, "element type '%s' is not supported: it must be a bool, an integer or a float", text);
}

static bool read_order(Reader *r, Header *h)
{
    h->fortran = accept(r, "True");
    return h->fortran || accept(r, "False") || fail(r, "expected True or False for 'fortran_order'");
}

static bool read_extent(Reader *r, int64_t *extent)
{
    skip_space(r);
    const char *first = r->at;
    *extent = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (__builtin_mul_overflow(*extent, 10, extent) ||
            __builtin_add_overflow(*extent, *r->at - '0', extent))
            return fail(r, "this extent of 'shape' is absurd");
    if (r->at == first)
        return fail(r, "expected an extent of 'shape'");
    accept(r, "L");     /* as Python 2 wrote it */
    return true;
}

/* (), (3,), (3, 4) */
static bool read_shape(Reader *r, Header *h)
{
    if (!expect(r, "("))
        return false;
    while (!accept(r, ")")) {
        if (h->t.rank == MAX_RANK)
            return fail(r, "an array of more than %d axes", MAX_RANK);
        if (!read_extent(r, &h->t.dim[h->t.rank++]))
            return false;
        if (!accept(r, ",")) {
            if (!expect(r, ")"))
                return false;
            break;
        }
    }
    return true;
}

static bool read_item(Reader *r, Header *h)
{
    const struct {
        const char *key;
        bool *seen;
        bool (*read)(Reader *r, Header *h);
    } items[] = {
        {"descr", &h->has_descr, read_descr},
        {"fortran_order", &h->has_order, read_order},
        {"shape", &h->has_shape, read_shape},
    };
    const char *key = read_string(r);
    if (!key || !expect(r, ":"))
        return false;
    for (int i = 0; i < LEN(items); i++) {
        if (!str_eq(key, items[i].key))
            continue;
        if (*items[i].seen)
            return fail(r, "'%s' stands twice in the header", key);
        *items[i].seen = true;
        return items[i].read(r, h);
    }
    return fail(r, "unknown key '%s' in the header", key);
}

static bool read_dict(Reader *r, Header *h)
{
    if (!expect(r, "{"))
        return false;
    while (!accept(r, "}")) {
        if (!read_item(r, h))
            return false;
        if (!accept(r, ",")) {
            if (!expect(r, "}"))
                return false;
            break;
        }
    }
    skip_space(r);
    if (r->at != r->end)
        return fail(r, "expected the end of the header");
    if (!h->has_descr || !h->has_order || !h->has_shape)
        return fail(r, "the header has no '%s'",
                    !h->has_descr   ? "descr"
                    : !h->has_order ? "fortran_order"
                                    : "shape");
    return true;
}

/* ---- the file ------------------------------------------------------------------------------------------ */
/* Magic, version and header length; leaves r at the header, [r->at, r->end). */
static bool read_preamble(Reader *r, const char *end)
{
    if (end - r->at < 10)
        return fail(r, "the file ends inside the preamble");
    if (memcmp(r->at, "\x93NUMPY", 6) != 0)
        return fail(r, "not a .npy file: it does not begin with \\x93NUMPY");
    r->at += 6;
    int major = (unsigned char)r->at[0];
    if (major < 1 || major > 3)
        return fail(r, "version %d of the format is not known", major);
    r->at += 2;
    int width = major == 1 ? 2 : 4;
    if (end - r->at < width)
        return fail(r, "the file ends inside the preamble");
    uint32_t bytes = 0;
    for (int i = 0; i < width; i++)
        bytes |= (uint32_t)(unsigned char)r->at[i] << (8 * i);
    if (bytes > (size_t)(end - r->at - width))
        return fail(r, "a header of %u bytes, but only %lld are left", bytes,
                    (long long)(end - r->at - width));
    r->at += width;
    r->end = r->at + bytes;
    return true;
}

/* Fortran order, first axis fastest, into row-major order. */
static Array from_fortran(Arena *a, Array x)
{
    Type t = x.type;
    int64_t count = type_count(t), size = dtype_bytes(t.dt), stride[MAX_RANK], at[MAX_RANK] = {0}, from = 0;
    Array y = array_new(a, t);
    for (int64_t i = 0, s = 1; i < t.rank; i++) {
        stride[i] = s;
        s *= t.dim[i];
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy((char *)y.data + i * size, (const char *)x.data + from * size, (size_t)size);
        for (int axis = t.rank - 1; axis >= 0; axis--) {
            from += stride[axis];
            if (++at[axis] < t.dim[axis])
                break;
            from -= stride[axis] * t.dim[axis];
            at[axis] = 0;
        }
    }
    return y;
}

bool npy_parse(Arena *a, const char *path, const void *bytes, size_t n, Array *out, const char **why)
{
    Reader r = {a, path, bytes, bytes, NULL, why};
    const char *end = r.start + n;
    Header h = {0};
    if (!read_preamble(&r, end) || !read_dict(&r, &h))
        return false;
    int64_t count, left = end - r.at;
    if (!shape_count(h.t.rank, h.t.dim, &count))
        return fail(&r, "the shape in the header is absurd");
    int64_t needed = count * filetype_bytes(h.ft);      /* count <= 2^56 */
    if (needed != left)
        return fail(&r, "%s needs %lld bytes of data, the file has %lld",
                    type_text(a, type_with(h.t, filetype_dtype(h.ft))), (long long)needed, (long long)left);
    const char *reason;
    if (!filetype_array(a, h.ft, h.big_endian, r.at, h.t, out, &reason))
        return fail(&r, "%s", reason);
    if (h.fortran && out->type.rank > 1)
        *out = from_fortran(a, *out);
    return true;
}

bool npy_read(Arena *a, const char *path, Array *out, const char **why)
{
    size_t n;
    const char *bytes = path_read(a, path, &n, why);
    return bytes && npy_parse(a, path, bytes, n, out, why);
}

bool npy_write(Arena *a, const char *path, Array x, const char **why)
{
    static const char *const descr[DT_COUNT] = {
        [DT_BOOL] = "|b1", [DT_U8] = "|u1", [DT_I32] = "<i4", [DT_F32] = "<f4"};
    StrBuf dict = {a, NULL, 0, 0};
    sb_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr[x.type.dt]);
    for (int i = 0; i < x.type.rank; i++)
        sb_printf(&dict, i ? " %lld," : "%lld,", (long long)x.type.dim[i]);
    if (x.type.rank > 1)
        dict.at[--dict.n] = 0;      /* (3,) but (3, 4) */
    sb_puts(&dict, "), }");
    while ((10 + dict.n + 1) % 64)
        sb_putc(&dict, ' ');
    sb_putc(&dict, '\n');           /* at most 400 bytes: version 1 */

    size_t data = (size_t)type_bytes(x.type), n = 10 + dict.n + data;
    char *bytes = arena_alloc(a, n);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (char)(dict.n & 255);
    bytes[9] = (char)(dict.n >> 8);
    memcpy(bytes + 10, dict.at, dict.n);
    if (data)
        memcpy(bytes + 10 + dict.n, x.data, data);
    return path_write(a, path, bytes, n, why);
}
