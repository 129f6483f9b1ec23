/* SPDX-License-Identifier: MIT */
/* idx.c: MNIST's format, plain or gzip'd: 0, 0, element type, rank, then one big-endian u32 an axis, then the
 * elements, big-endian. */
#include "lab.h"

#include <string.h>
#include <zlib.h>

static const struct {
    uint8_t code;
    FileType ft;
} idx_types[] = {
    {0x08, FT_U8}, {0x09, FT_I8}, {0x0b, FT_I16}, {0x0c, FT_I32}, {0x0d, FT_F32}, {0x0e, FT_F64},
};

enum {
    DEFLATE_RATIO = 1032,       /* deflate's limit: 258 bytes from two bits */
};

/* ---- gzip ---------------------------------------------------------------------------------------------- */
/* A stream over [in, in + n), which may be longer than zlib's 32-bit counts. */
typedef struct Gzip {
    z_stream z;
    const uint8_t *in;
    size_t n;
    bool ended;
} Gzip;

/* Up to `want` bytes into out; fewer only where the stream ends. NULL, or what is wrong with the stream. */
static const char *gzip_read(Gzip *g, uint8_t *out, size_t want, size_t *got)
{
    *got = 0;
    while (*got < want && !g->ended) {
        uInt in = g->n < 1 << 30 ? (uInt)g->n : 1u << 30;
        uInt room = want - *got < 1 << 30 ? (uInt)(want - *got) : 1u << 30;
        g->z.next_in = (Bytef *)(uintptr_t)g->in;
        g->z.avail_in = in;
        g->z.next_out = out + *got;
        g->z.avail_out = room;
        int status = inflate(&g->z, Z_NO_FLUSH);
        g->in += in - g->z.avail_in;
        g->n -= in - g->z.avail_in;
        *got += room - g->z.avail_out;
        if (status == Z_STREAM_END)
            g->ended = true;
        else if (status == Z_BUF_ERROR || (status == Z_OK && g->n == 0 && g->z.avail_out))
            return "the compressed data is cut short";
        else if (status != Z_OK)
            return g->z.msg ? g->z.msg : "the compressed data is damaged";
    }
    return NULL;
}

/* ---- the header ---------------------------------------------------------------------------------------- */
typedef struct Header {
    FileType ft;
    Type t;
    size_t bytes;               /* of the header */
    int64_t data;               /* bytes of elements */
} Header;

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* n bytes are at hand, 4 + 4 * 255 where the file has as many. NULL, or what is wrong. */
static const char *read_header(Arena *a, const uint8_t *p, size_t n, Header *h)
{
    *h = (Header){.ft = FT_COUNT};
    if (n < 4)
        return "byte 0: the file ends inside the header";
    if (p[0] || p[1])
        return "byte 0: not an IDX file: it does not begin with two zero bytes";
    for (int i = 0; i < LEN(idx_types); i++)
        if (idx_types[i].code == p[2])
            h->ft = idx_types[i].ft;
    if (h->ft == FT_COUNT)
        return arena_printf(a, "byte 2: unknown element type 0x%02x", p[2]);
    if (p[3] > MAX_RANK)
        return arena_printf(a, "byte 3: an array of %d axes; at most %d are supported", p[3], MAX_RANK);
    h->t.rank = p[3];
    h->bytes = 4 + 4 * (size_t)p[3];
    if (n < h->bytes)
        return arena_printf(a, "byte 4: the file ends inside the extents of %d axes", p[3]);
    for (int i = 0; i < h->t.rank; i++)
        h->t.dim[i] = be32(p + 4 + 4 * i);
    int64_t count;
    if (!shape_count(h->t.rank, h->t.dim, &count))
        return "byte 4: the shape in the header is absurd";
    h->t.dt = filetype_dtype(h->ft);
    h->data = count * filetype_bytes(h->ft);
    return NULL;
}

static const char *wrong_size(Arena *a, const Header *h, const char *has)
{
    return arena_printf(a, "byte %zu: %s needs %lld bytes of data, the file has %s", h->bytes,
                        type_text(a, h->t), (long long)h->data, has);
}

/* ---- the file ------------------------------------------------------------------------------------------ */
static const char *parse_plain(Arena *a, const uint8_t *p, size_t n, Array *out)
{
    Header h;
    const char *wrong = read_header(a, p, n, &h);
    if (wrong)
        return wrong;
    if (n - h.bytes != (uint64_t)h.data)
        return wrong_size(a, &h, arena_printf(a, "%zu", n - h.bytes));
    return filetype_array(a, h.ft, true, p + h.bytes, h.t, out, &wrong) ? NULL : wrong;
}

static const char *parse_stream(Arena *a, Gzip *g, size_t n, Array *out)
{
    uint8_t head[4 + 4 * MAX_RANK];
    size_t got, more;
    Header h;
    const char *wrong = gzip_read(g, head, 4, &got);
    if (!wrong && got == 4 && head[3] <= MAX_RANK) {
        wrong = gzip_read(g, head + 4, 4 * (size_t)head[3], &more);
        got += more;
    }
    if (wrong || (wrong = read_header(a, head, got, &h)))
        return wrong;
    if ((uint64_t)h.data / DEFLATE_RATIO > n)
        return wrong_size(a, &h, arena_printf(a, "%zu compressed ones, which cannot hold them", n));
    uint8_t *data = arena_alloc(a, (size_t)h.data + 1);
    wrong = gzip_read(g, data, (size_t)h.data + 1, &got); /* one more, to reach the end and its checksum */
    if (wrong)
        return wrong;
    if (got != (uint64_t)h.data)
        return wrong_size(a, &h, got > (uint64_t)h.data ? "more" : arena_printf(a, "%zu", got));
    if (g->n)
        return arena_printf(a, "%zu bytes after the end of the compressed data", g->n);
    return filetype_array(a, h.ft, true, data, h.t, out, &wrong) ? NULL : wrong;
}

static const char *parse_gzip(Arena *a, const uint8_t *p, size_t n, Array *out)
{
    Gzip g = {.in = p, .n = n};
    if (inflateInit2(&g.z, 16 + MAX_WBITS) != Z_OK)      /* 16: gzip only */
        return "zlib could not start";
    const char *wrong = parse_stream(a, &g, n, out);
    if (wrong)
        wrong = arena_strdup(a, wrong); /* zlib's own messages are static, but not promised to be */
    inflateEnd(&g.z);
    return wrong;
}

bool idx_parse(Arena *a, const char *path, const void *bytes, size_t n, Array *out, const char **why)
{
    bool gzip = n >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0;
    const char *wrong = (gzip ? parse_gzip : parse_plain)(a, bytes, n, out);
    if (wrong)
        *why = arena_printf(a, "%s: %s%s", path, gzip ? "decompressed: " : "", wrong);
    return !wrong;
}

bool idx_read(Arena *a, const char *path, Array *out, const char **why)
{
    size_t n;
    const char *bytes = path_read(a, path, &n, why);
    return bytes && idx_parse(a, path, bytes, n, out, why);
}

bool idx_write(Arena *a, const char *path, Array x, const char **why)
{
    static const uint8_t codes[DT_COUNT] = {[DT_U8] = 0x08, [DT_I32] = 0x0c, [DT_F32] = 0x0d};
    int64_t size = dtype_bytes(x.type.dt), count = type_count(x.type);
    if (!codes[x.type.dt]) {
        *why = arena_printf(a, "%s: IDX has no element type for %s", path, dtype_name(x.type.dt));
        return false;
    }
    StrBuf sb = {a, NULL, 0, 0};
    const char head[4] = {0, 0, (char)codes[x.type.dt], (char)x.type.rank};
    for (int i = 0; i < 4; i++)
        sb_putc(&sb, head[i]);
    for (int i = 0; i < x.type.rank; i++) {
        if (x.type.dim[i] > UINT32_MAX) {
            *why = arena_printf(a, "%s: an extent of %lld does not fit IDX", path, (long long)x.type.dim[i]);
            return false;
        }
        for (int shift = 24; shift >= 0; shift -= 8)
            sb_putc(&sb, (char)(x.type.dim[i] >> shift & 255));
    }
    size_t n = sb.n + (size_t)(count * size);
    char *bytes = arena_alloc(a, n);
    memcpy(bytes, sb.at, sb.n);
    for (int64_t i = 0; i < count; i++)
        for (int64_t b = 0; b < size; b++)
            bytes[sb.n + (size_t)(i * size + b)] = ((const char *)x.data)[i * size + size - 1 - b];
    return path_write(a, path, bytes, n, why);
}
