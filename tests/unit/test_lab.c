/* SPDX-License-Identifier: MIT */
/* test_lab.c: npy, IDX and safetensors: round trips, every kind of broken file, and what the messages say. */
#include "lab/lab.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

enum { MUTATIONS = 5000 };

static int arena_setup(void **state)
{
    *state = arena_new();
    return 0;
}

static int arena_teardown(void **state)
{
    arena_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

/* A file that vanishes with the folder's removal at the end of the test that made it. */
static const char *temporary_path(Arena *a)
{
    char *path = arena_printf(a, "%s/dlc-lab-XXXXXX", P_tmpdir);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return path;
}

static void expect_text(const char *why, const char *part)
{
    if (!why || !strstr(why, part))
        fail_msg("expected \"%s\" in \"%s\"", part, why ? why : "(null)");
}

typedef struct Bytes {
    char *at;
    size_t n;
} Bytes;

static Bytes join(Arena *a, const void *x, size_t nx, const void *y, size_t ny)
{
    Bytes b = {arena_alloc(a, nx + ny + 1), nx + ny};
    memcpy(b.at, x, nx);
    if (ny)
        memcpy(b.at + nx, y, ny);
    return b;
}

/* ---- any parser, any bytes ----------------------------------------------------------------------------- */
typedef bool (*Parser)(Arena *a, const void *bytes, size_t n, const char **why);

static double sum_all(Array x)
{
    double sum = 0;
    for (int64_t i = 0; i < type_count(x.type); i++)
        sum += array_at(x, i);
    return sum;
}

static bool run_npy(Arena *a, const void *bytes, size_t n, const char **why)
{
    Array x;
    return npy_parse(a, "x.npy", bytes, n, &x, why) && (sum_all(x), true);
}

static bool run_idx(Arena *a, const void *bytes, size_t n, const char **why)
{
    Array x;
    return idx_parse(a, "x.idx", bytes, n, &x, why) && (sum_all(x), true);
}

static bool run_safetensors(Arena *a, const void *bytes, size_t n, const char **why)
{
    ArrayList list;
    if (!safetensors_parse(a, "x.safetensors", bytes, n, &list, why))
        return false;
    for (int i = 0; i < list.n; i++)
        sum_all(list.at[i].array);
    return true;
}

/* In a block of exactly n bytes, so that the address sanitizer sees one byte too many; in an arena of its
 * own. */
static bool run_exact(Parser parse, const char *bytes, size_t n)
{
    Arena *a = arena_new();
    char *block = malloc(n ? n : 1);
    const char *why = NULL;
    memcpy(block, bytes, n);
    bool ok = parse(a, block, n, &why);
    if (!ok)
        assert_true(why && *why);
    free(block);
    arena_free(a);
    return ok;
}

static void break_everywhere(Parser parse, Bytes file)
{
    Random r = random_start(1, file.n);
    assert_true(run_exact(parse, file.at, file.n));
    for (size_t n = 0; n < file.n; n++)
        assert_false(run_exact(parse, file.at, n));
    char *copy = malloc(file.n);
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(copy, file.at, file.n);
        for (uint64_t k = 0, edits = 1 + random_below(&r, 4); k < edits; k++)
            copy[random_below(&r, file.n)] = (char)random_bits(&r);
        run_exact(parse, copy, file.n);
    }
    free(copy);
}

/* ---- npy ----------------------------------------------------------------------------------------------- */
static Bytes npy_file(Arena *a, int version, const char *dict, const void *data, size_t n)
{
    size_t length = strlen(dict);
    char head[12] = {
        '\x93', 'N', 'U', 'M', 'P', 'Y', (char)version, 0, (char)(length & 255), (char)(length >> 8), 0, 0};
    Bytes b = join(a, head, version == 1 ? 10 : 12, dict, length);
    return join(a, b.at, b.n, data, n);
}

static void npy_round_trips(void **state)
{
    Arena *a = *state;
    const char *path = temporary_path(a), *why;
    const Type types[] = {
        type_scalar(DT_F32),
        type_make(DT_F32, 1, (int64_t[]){5}),
        type_make(DT_I32, 3, (int64_t[]){2, 3, 4}),
        type_make(DT_U8, 2, (int64_t[]){7, 1}),
        type_make(DT_BOOL, 2, (int64_t[]){3, 3}),
        type_make(DT_F32, 2, (int64_t[]){0, 4}),
        type_make(DT_I32, 8, (int64_t[]){1, 2, 1, 2, 1, 2, 1, 2}),
    };
    for (int i = 0; i < LEN(types); i++) {
        Array x = array_new(a, types[i]), y;
        for (int64_t k = 0; k < type_count(types[i]); k++)
            array_set(x, k, types[i].dt == DT_BOOL ? k % 2 : (double)k);
        assert_true(npy_write(a, path, x, &why));
        assert_true(npy_read(a, path, &y, &why));
        assert_true(type_eq(x.type, y.type));
        assert_memory_equal(x.data, y.data, (size_t)type_bytes(x.type));
        assert_true(array_load(a, path, &y, &why));
        size_t n;
        const char *bytes = file_read(a, path, &n, &why);
        assert_int_equal((n - (size_t)type_bytes(x.type)) % 64, 0);
        assert_memory_equal(bytes, "\x93NUMPY\1\0", 8);
    }
    unlink(path);
}

static void npy_element_types(void **state)
{
    static const struct {
        const char *descr, *bytes;
        size_t n;
        double value;
        DType dt;
    } cases[] = {
        {"|b1", "\1", 1, 1, DT_BOOL},
        {"|b1", "\5", 1, 1, DT_BOOL},
        {"|u1", "\xfe", 1, 254, DT_U8},
        {"|i1", "\xfe", 1, -2, DT_I32},
        {"<i2", "\xfe\xff", 2, -2, DT_I32},
        {">i2", "\xff\xfe", 2, -2, DT_I32},
        {"<u2", "\xfe\xff", 2, 65534, DT_I32},
        {"<i4", "\xfe\xff\xff\xff", 4, -2, DT_I32},
        {">i4", "\x80\0\0\0", 4, INT32_MIN, DT_I32},
        {"<u4", "\xff\xff\xff\x7f", 4, INT32_MAX, DT_I32},
        {"<i8", "\xfe\xff\xff\xff\xff\xff\xff\xff", 8, -2, DT_I32},
        {">u8", "\0\0\0\0\0\0\1\0", 8, 256, DT_I32},
        {"<f2", "\x00\x3e", 2, 1.5, DT_F32},
        {"<f2", "\x01\x80", 2, -0x1p-24, DT_F32},
        {"<f2", "\xff\x7b", 2, 65504, DT_F32},
        {"<f2", "\x00\xfc", 2, -INFINITY, DT_F32},
        {"=f4", "\0\0\xc0\xbf", 4, -1.5, DT_F32},
        {">f4", "\xbf\xc0\0\0", 4, -1.5, DT_F32},
        {"<f8", "\0\0\0\0\0\0\xf8\xbf", 8, -1.5, DT_F32},
        {">f8", "\x7f\xf0\0\0\0\0\0\0", 8, INFINITY, DT_F32},
    };
    Arena *a = *state;
    for (int i = 0; i < LEN(cases); i++) {
        const char *dict =
            arena_printf(a, "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n", cases[i].descr);
        Bytes b = npy_file(a, 1, dict, cases[i].bytes, cases[i].n);
        Array x;
        const char *why = "";
        if (!npy_parse(a, "x.npy", b.at, b.n, &x, &why))
            fail_msg("%s: %s", cases[i].descr, why);
        assert_int_equal(x.type.dt, cases[i].dt);
        assert_true(array_at(x, 0) == cases[i].value);
    }
}

static void npy_orders_and_versions(void **state)
{
    Arena *a = *state;
    /* NumPy's bytes of arange(6).reshape(2, 3), column by column */
    const uint8_t columns[] = {0, 3, 1, 4, 2, 5};
    for (int version = 1; version <= 3; version++) {
        Bytes b = npy_file(a, version, "{\"shape\": (2L, 3L), 'fortran_order':True,'descr' : '|u1'}  \n",
                           columns, 6);
        Array x;
        const char *why;
        assert_true(npy_parse(a, "x.npy", b.at, b.n, &x, &why));
        assert_int_equal(x.type.rank, 2);
        for (int i = 0; i < 6; i++)
            assert_true(array_at(x, i) == i);
    }
    Bytes b = npy_file(a, 1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2)}",
                       "\0\6\2\x8\4\xa\1\7\3\x9\5\xb", 12);
    Array x;
    const char *why;
    assert_true(npy_parse(a, "x.npy", b.at, b.n, &x, &why));
    for (int i = 0; i < 12; i++)
        assert_true(array_at(x, i) == i);
}

static void npy_complaints(void **state)
{
    static const struct {
        const char *dict, *part;
    } cases[] = {
        {"", "byte 10: expected { in the header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "expected }"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "expected the end of the header"},
        {"{'descr': '<f4', 'shape': (1,)}", "the header has no 'fortran_order'"},
        {"{'descr': '<f4', 'descr': '<f4'}", "'descr' stands twice"},
        {"{'descr': [('x', '<f4')]}", "expected a string"},
        {"{'descr': '<f4", "does not end"},
        {"{'descr': '<c8'}", "element type '<c8' is not supported"},
        {"{'descr': '|f4'}", "element type '|f4' is not supported"},
        {"{'descr': ''}", "element type '' is not supported"},
        {"{'extra': 1}", "unknown key 'extra'"},
        {"{'fortran_order': 1}", "expected True or False"},
        {"{'shape': 3}", "expected ("},
        {"{'shape': (-1,)}", "expected an extent"},
        {"{'shape': (99999999999999999999,)}", "absurd"},
        {"{'shape': (1,1,1,1,1,1,1,1,1)}", "more than 8 axes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
         "the shape in the header is absurd"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4)}", "absurd"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}",
         "needs 4000000000000 bytes of data, the file has 4"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
         "f32[2] needs 8 bytes of data, the file has 4"},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}", "needs 2 bytes of data, the file has 4"},
    };
    Arena *a = *state;
    Array x;
    const char *why;
    for (int i = 0; i < LEN(cases); i++) {
        Bytes b = npy_file(a, 1, cases[i].dict, "\0\0\0\0", 4);
        why = NULL;
        assert_false(npy_parse(a, "dir/x.npy", b.at, cases[i].dict[0] ? b.n : 10, &x, &why));
        expect_text(why, cases[i].part);
        expect_text(why, "dir/x.npy: byte ");
    }
    Bytes b = npy_file(a, 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}",
                       "\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 16);
    assert_false(npy_parse(a, "x.npy", b.at, b.n, &x, &why));
    expect_text(why, "element 1 is 4294967296, which does not fit i32");
    b = npy_file(a, 1, "{'descr': '>f8', 'fortran_order': False, 'shape': ()}", "\x7f\xe0\0\0\0\0\0\0", 8);
    assert_false(npy_parse(a, "x.npy", b.at, b.n, &x, &why));
    expect_text(why, "does not fit f32");
    assert_false(npy_parse(a, "x.npy", "\x93NUMPY\4\0\1\0{", 11, &x, &why));
    expect_text(why, "version 4");
    assert_false(npy_parse(a, "x.npy", "PK\3\4------", 10, &x, &why));
    expect_text(why, "not a .npy file");
    assert_false(npy_parse(a, "x.npy", "\x93NUMPY\2\0\xff\xff\xff\xff{", 13, &x, &why));
    expect_text(why, "a header of 4294967295 bytes, but only 1 are left");
    assert_false(npy_read(a, "no/such/file.npy", &x, &why));
    expect_text(why, "no/such/file.npy: No such file");
}

static void npy_broken(void **state)
{
    Arena *a = *state;
    double data[6] = {1, 2, 3, -1e30, 0.5, NAN};
    break_everywhere(
        run_npy, npy_file(a, 1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }\n", data, 48));
    break_everywhere(
        run_npy, npy_file(a, 2, "{'descr': '>i2', 'fortran_order': False, 'shape': (2, 1, 3)}", data, 12));
}

/* ---- IDX ----------------------------------------------------------------------------------------------- */
static Bytes gzipped(Arena *a, Bytes plain)
{
    z_stream z = {0};
    Bytes b = {arena_alloc(a, plain.n + 1000), 0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)plain.at;
    z.avail_in = (uInt)plain.n;
    z.next_out = (Bytef *)b.at;
    z.avail_out = (uInt)plain.n + 1000;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.n = z.total_out;
    deflateEnd(&z);
    return b;
}

static Bytes idx_bytes(Arena *a, const char *head, size_t nhead, const char *data, size_t n)
{
    return join(a, head, nhead, data, n);
}

static void idx_round_trips(void **state)
{
    Arena *a = *state;
    const char *path = temporary_path(a), *why;
    const DType dtypes[] = {DT_U8, DT_I32, DT_F32};
    for (int i = 0; i < LEN(dtypes); i++) {
        Array x = array_new(a, type_make(dtypes[i], 3, (int64_t[]){3, 4, 5})), y;
        for (int k = 0; k < 60; k++)
            array_set(x, k, 4 * k);
        assert_true(idx_write(a, path, x, &why));
        size_t n;
        char *bytes = file_read(a, path, &n, &why);
        Bytes packed = gzipped(a, (Bytes){bytes, n});
        for (int gz = 0; gz < 2; gz++) {
            if (gz)
                assert_true(file_write(a, path, packed.at, packed.n, &why));
            assert_true(gz ? array_load(a, path, &y, &why) : idx_read(a, path, &y, &why));
            assert_true(type_eq(x.type, y.type));
            assert_memory_equal(x.data, y.data, (size_t)type_bytes(x.type));
        }
    }
    assert_false(idx_write(a, path, array_new(a, type_scalar(DT_BOOL)), &why));
    expect_text(why, "no element type for bool");
    unlink(path);
}

static void idx_complaints(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *part;
    } cases[] = {
        {"\0\0\x8", 3, "byte 0: the file ends inside the header"},
        {"\0\1\x8\0", 4, "not an IDX file"},
        {"\0\0\x7\1\0\0\0\1\0", 9, "byte 2: unknown element type 0x07"},
        {"\0\0\x8\x9", 4, "byte 3: an array of 9 axes"},
        {"\0\0\x8\2\0\0\0\1\0\0\0", 11, "the file ends inside the extents of 2 axes"},
        {"\0\0\x8\1\0\0\0\2\0", 9, "byte 8: u8[2] needs 2 bytes of data, the file has 1"},
        {"\0\0\x8\1\0\0\0\2\0\0\0", 11, "u8[2] needs 2 bytes of data, the file has 3"},
        {"\0\0\x8\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16, "absurd"},
        {"\0\0\xe\1\0\0\0\1\x7f\xe0\0\0\0\0\0\0", 16, "does not fit f32"},
    };
    Arena *a = *state;
    Array x;
    const char *why;
    for (int i = 0; i < LEN(cases); i++) {
        assert_false(idx_parse(a, "d/x.idx", cases[i].bytes, cases[i].n, &x, &why));
        expect_text(why, cases[i].part);
        Bytes gz = gzipped(a, (Bytes){(char *)(uintptr_t)cases[i].bytes, cases[i].n});
        assert_false(idx_parse(a, "d/x.idx.gz", gz.at, gz.n, &x, &why));
        expect_text(why, "d/x.idx.gz: decompressed: ");
    }
    Bytes bomb = gzipped(a, idx_bytes(a, "\0\0\x8\2\x7f\xff\xff\xff\0\0\0\1", 12, "abc", 3));
    assert_false(idx_parse(a, "x", bomb.at, bomb.n, &x, &why));
    expect_text(why, "compressed ones, which cannot hold them");
    Bytes gz = gzipped(a, idx_bytes(a, "\0\0\x8\1\0\0\0\3", 8, "abc", 3));
    Bytes tail = join(a, gz.at, gz.n, "x", 1);
    assert_false(idx_parse(a, "x", tail.at, tail.n, &x, &why));
    expect_text(why, "1 bytes after the end");
    gz.at[gz.n - 5] ^= 1;       /* the checksum */
    assert_false(idx_parse(a, "x", gz.at, gz.n, &x, &why));
    expect_text(why, "incorrect data check");
    assert_false(array_load(a, "no/such/file", &x, &why));
    expect_text(why, "no/such/file: ");
}

static void idx_broken(void **state)
{
    Arena *a = *state;
    Bytes plain = idx_bytes(a, "\0\0\xb\2\0\0\0\2\0\0\0\3", 12, "abcdefghijkl", 12);
    break_everywhere(run_idx, plain);
    break_everywhere(run_idx, gzipped(a, plain));
}

/* ---- safetensors --------------------------------------------------------------------------------------- */
static Bytes safetensors_file(Arena *a, const char *header, const void *data, size_t n)
{
    char length[8] = {(char)(strlen(header) & 255), (char)(strlen(header) >> 8)};
    Bytes b = join(a, length, 8, header, strlen(header));
    return join(a, b.at, b.n, data, n);
}

static void safetensors_round_trips(void **state)
{
    Arena *a = *state;
    const char *path = temporary_path(a), *why = "";
    ArrayList list = {0}, back;
    const Type types[] = {
        type_make(DT_F32, 2, (int64_t[]){3, 5}), type_scalar(DT_F32),
        type_make(DT_U8, 1, (int64_t[]){3}),     type_make(DT_I32, 1, (int64_t[]){2}),
        type_make(DT_BOOL, 1, (int64_t[]){2}),   type_make(DT_F32, 1, (int64_t[]){0}),
    };
    for (int i = LEN(types) - 1; i >= 0; i--) {
        Array x = array_new(a, types[i]);
        for (int64_t k = 0; k < type_count(types[i]); k++)
            array_set(x, k, types[i].dt == DT_F32 ? 0.1 * (double)k : (double)(k % 2));
        array_add(a, &list, arena_printf(a, "layer_%d.\"kernel\"\xc3\xa9", i), x);
    }
    assert_true(safetensors_write(a, path, &list, &why));
    assert_true(safetensors_read(a, path, &back, &why));
    assert_int_equal(back.n, list.n);
    for (int i = 0; i < list.n; i++) {
        assert_string_equal(back.at[i].name, list.at[i].name);
        assert_true(type_eq(back.at[i].array.type, list.at[i].array.type));
        assert_memory_equal(back.at[i].array.data, list.at[i].array.data,
                            (size_t)type_bytes(list.at[i].array.type));
    }
    assert_ptr_equal(array_find(&back, list.at[2].name), &back.at[2].array);
    assert_null(array_find(&back, "nowhere"));

    ArrayList none = {0};
    assert_true(safetensors_write(a, path, &none, &why));
    assert_true(safetensors_read(a, path, &back, &why));
    assert_int_equal(back.n, 0);

    array_add(a, &list, list.at[0].name, list.at[0].array);
    assert_false(safetensors_write(a, path, &list, &why));
    expect_text(why, "stands twice");
    unlink(path);
}

static void safetensors_types(void **state)
{
    Arena *a = *state;
    static const char header[] =
        "{\"d\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},\"__metadata__\":{\"format\":\"pt\"},"
        "\"h\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[8,10]},"
        "\"b\":{\"shape\":[1],\"data_offsets\":[10,12],\"dtype\":\"BF16\"},"
        "\"l\":{\"dtype\":\"I64\",\"shape\":[1,1],\"data_offsets\":[12,20]}}   ";
    Bytes b = safetensors_file(a, header, "\0\0\0\0\0\0\xf8\xbf\0\x3e\xc0\xbf\x7\0\0\0\0\0\0\0", 20);
    ArrayList list;
    const char *why = "";
    if (!safetensors_parse(a, "x", b.at, b.n, &list, &why))
        fail_msg("%s", why);
    assert_int_equal(list.n, 4);
    assert_true(array_at(*array_find(&list, "d"), 0) == -1.5);
    assert_true(array_at(*array_find(&list, "h"), 0) == 1.5);
    assert_true(array_at(*array_find(&list, "b"), 0) == -1.5);
    assert_true(array_at(*array_find(&list, "l"), 0) == 7);
    assert_int_equal(array_find(&list, "l")->type.dt, DT_I32);
}

#define T(dtype, shape, lo, hi) "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":[" lo "," hi "]}"

static void safetensors_complaints(void **state)
{
    static const struct {
        const char *header, *part;
    } cases[] = {
        {"", "byte 8: the header is not JSON"},
        {"{", "the header is not JSON"},
        {"[1]", "the header is not a JSON object"},
        {"{\"w\":1}", "tensor 'w': its description is not an object"},
        {"{\"w\":{}}", "tensor 'w' has no \"dtype\""},
        {"{\"w\":" T("1", "[2]", "0", "8") "}", "\"dtype\" must be a string"},
        {"{\"w\":" T("\"F8_E5M2\"", "[2]", "0", "8") "}", "element type 'F8_E5M2' is not supported"},
        {"{\"w\":" T("\"F32\"", "2", "0", "8") "}", "\"shape\" must be a list"},
        {"{\"w\":" T("\"F32\"", "[-2]", "0", "8") "}", "extent 0 of its shape is not a whole number"},
        {"{\"w\":" T("\"F32\"", "[2.0]", "0", "8") "}", "is not a whole number"},
        {"{\"w\":" T("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "0", "8") "}", "has 9 axes"},
        {"{\"w\":" T("\"F32\"", "[4294967296,4294967296]", "0", "8") "}", "its shape is absurd"},
        {"{\"w\":" T("\"F32\"", "[2]", "0", "16") "}", "bytes 0 to 16 do not lie in the file's 8 bytes"},
        {"{\"w\":" T("\"F32\"", "[2]", "-8", "0") "}", "do not lie"},
        {"{\"w\":" T("\"F32\"", "[2]", "8", "0") "}", "do not lie"},
        {"{\"w\":" T("\"F32\"", "[2]", "0.0", "8") "}", "must be a list of two whole numbers"},
        {"{\"w\":" T("\"F32\"", "[3]", "0", "8") "}", "f32[3] needs 12 bytes, data_offsets give 8"},
        {"{\"w\":" T("\"F32\"", "[2]", "0", "8") ",\"w\":" T("\"F32\"", "[2]", "0", "8") "}",
         "duplicate object key"},
        {"{\"v\":" T("\"F32\"", "[2]", "0", "8") ",\"w\":" T("\"F32\"", "[1]", "4", "8") "}",
         "'v' and 'w' overlap at byte 4"},
        {"{\"w\":" T("\"F32\"", "[1]", "4", "8") "}", "bytes 0 to 4 of the data belong to no tensor"},
        {"{\"w\":" T("\"F32\"", "[1]", "0", "4") "}", "bytes 4 to 8 of the data belong to no tensor"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}",
         "more than dtype, shape"},
        {"{\"__metadata__\":1}", "\"__metadata__\" must be an object"},
        {"{\"__metadata__\":{\"x\":1}}", "must hold strings only, 'x' is none"},
    };
    Arena *a = *state;
    ArrayList list;
    const char *why;
    for (int i = 0; i < LEN(cases); i++) {
        Bytes b = safetensors_file(a, cases[i].header, "\0\0\0\0\0\0\0\0", 8);
        assert_false(safetensors_parse(a, "w.safetensors", b.at, b.n, &list, &why));
        expect_text(why, cases[i].part);
        expect_text(why, "w.safetensors: ");
    }
    assert_false(safetensors_parse(a, "w", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, &list, &why));
    expect_text(why, "a header of 18446744073709551615 bytes, but only 2 are left");
    assert_false(safetensors_parse(a, "w", "abc", 3, &list, &why));
    expect_text(why, "3 bytes are too few");
}

static void safetensors_broken(void **state)
{
    Arena *a = *state;
    break_everywhere(run_safetensors, safetensors_file(a,
                                                       "{\"v\":" T("\"F32\"", "[1,2]", "0", "8") ",\"w\":" T(
                                                           "\"BOOL\"", "[3]", "8", "11") "}",
                                                       "\0\0\0\0\0\0\0\0\1\0\1", 11));
}

/* ---- weights ------------------------------------------------------------------------------------------- */
static Entry entry(const char *name, DType dt, int rank, int64_t d0, int64_t d1)
{
    return (Entry){.name = name, .type = type_make(dt, rank, (int64_t[]){d0, d1}), .param = -1};
}

static void weights_are_matched(void **state)
{
    Arena *a = *state;
    ArrayList file = {0};
    const Entry wanted[] = {entry("hidden.kernel", DT_F32, 2, 784, 64),
                            entry("hidden.bias", DT_F32, 1, 64, 0),
                            entry("classifier.kernel", DT_F32, 2, 64, 10), entry("steps", DT_I32, 1, 1, 0)};
    Array found[4] = {{.data = NULL}};
    const char *why = "";
    for (int i = LEN(wanted) - 1; i >= 0; i--)
        array_add(a, &file, wanted[i].name, array_new(a, wanted[i].type));
    assert_true(weights_match(a, "w.safetensors", &file, wanted, LEN(wanted), found, &why));
    for (int i = 0; i < LEN(wanted); i++)
        assert_ptr_equal(found[i].data, array_find(&file, wanted[i].name)->data);

    ArrayList other = {0};
    array_add(a, &other, "hidden.kernel", array_new(a, type_make(DT_F32, 2, (int64_t[]){64, 784})));
    array_add(a, &other, "clasifier.kernel", array_new(a, type_make(DT_F32, 2, (int64_t[]){64, 10})));
    array_add(a, &other, "steps", array_new(a, type_make(DT_F32, 1, (int64_t[]){1})));
    assert_false(weights_match(a, "w.safetensors", &other, wanted, LEN(wanted), found, &why));
    assert_string_equal(why,
                        "w.safetensors does not fit the model:\n"
                        "  wrong shape  hidden.kernel: the model has f32[784, 64], the file f32[64, 784]\n"
                        "  missing      hidden.bias: f32[64]\n"
                        "  missing      classifier.kernel: f32[64, 10] (is it the file's clasifier.kernel?)\n"
                        "  wrong dtype  steps: the model has i32[1], the file f32[1]\n"
                        "  unexpected   clasifier.kernel: f32[64, 10]");
}

static void arrays_are_converted(void **state)
{
    Arena *a = *state;
    Array x = array_new(a, type_make(DT_U8, 1, (int64_t[]){3})), y;
    const char *why;
    array_set(x, 1, 51);
    array_set(x, 2, 255);
    assert_true(array_convert(a, x, DT_F32, "x", &y, &why));
    assert_true(array_at(y, 1) == 51.0f / 255.0f && array_at(y, 2) == 1);
    assert_false(array_convert(a, y, DT_I32, "x.npy", &x, &why));
    expect_text(why, "x.npy: element 1 is 0.2");
    array_set(y, 1, -7);
    assert_true(array_convert(a, y, DT_I32, "x", &x, &why));
    assert_true(array_at(x, 1) == -7);
    assert_false(array_convert(a, x, DT_U8, "x", &y, &why));
    assert_false(array_convert(a, x, DT_BOOL, "x", &y, &why));
    array_set(x, 1, 1);
    assert_true(array_convert(a, x, DT_BOOL, "x", &y, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(npy_round_trips),
        TEST(npy_element_types),
        TEST(npy_orders_and_versions),
        TEST(npy_complaints),
        TEST(npy_broken),
        TEST(idx_round_trips),
        TEST(idx_complaints),
        TEST(idx_broken),
        TEST(safetensors_round_trips),
        TEST(safetensors_types),
        TEST(safetensors_complaints),
        TEST(safetensors_broken),
        TEST(weights_are_matched),
        TEST(arrays_are_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
