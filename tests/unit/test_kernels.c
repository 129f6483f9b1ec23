/* SPDX-License-Identifier: MIT */
/* test_kernels.c: compiled code equals the interpreter: every operation of ops.def at edge and odd shapes,
 * and schedules that reductions and contractions can take. Inputs are small whole numbers wherever sums and products of these are exact, so that there is nothing to forgive. */
#include "compare.h"

static VEC(Case *) cases;
static Arena *arena; /* of all cases */
static bool covered[OP_COUNT];

static void cover(const Fn *fn)
{
    for (int i = 0; i < fn->node.n; i++) {
        covered[fn->node.at[i]->op] = true;
        if (fn->node.at[i]->op == OP_SCAN)
            cover(fn->node.at[i]->attr.scan.body);
    }
}

static void add_fn(const char *name, Fn *fn, double tolerance)
{
    cover(fn);
    vec_push(arena, &cases, case_new(arena, name, fn, tolerance));
}

static void add(double tolerance, const char *format, ...) PRINTF(2, 3);
static void add(double tolerance, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    add_fn(text, read_graph(arena, text), tolerance);
}

static const char *list(const int64_t *item, int n)
{
    StrBuf sb = {.a = arena};
    for (int i = 0; i < n; i++)
        sb_printf(&sb, "%s%lld", i ? ", " : "", (long long)item[i]);
    return sb_text(&sb);
}

/* ---- element-wise
 * ------------------------------------------------------------------------------------------------ */
static const char *const shapes[] = {"", "[1]", "[7]", "[17]", "[3, 1, 5]", "[4, 33]"};

/* Costly rows are functions of the runtime, or rounded otherwise than in double. */
static double tolerance_of(Op op)
{
    return op_info(op)->cost > 1 ? 4e-6 : 0;
}

static bool fits(Op op, DType dt)
{
    const OpInfo *info = op_info(op);
    Fn *fn = fn_new(arena, "probe");
    Node *in[3];
    Type t;
    for (int i = 0; i < info->nin; i++)
        in[i] = fn_input(fn, ROLE_INPUT, i, "x", type_scalar(op == OP_SELECT && i == 0 ? DT_BOOL : dt));
    return !node_infer(arena, op, info->nin, in, &(Attr){0}, &t);
}

static void add_element(Op op, DType dt, const char *shape, const char *kind)
{
    static const char *const letter[] = {"a", "b", "c"};
    const OpInfo *info = op_info(op);
    StrBuf in = {.a = arena}, used = {.a = arena};
    for (int i = 0; i < info->nin; i++) {
        DType t = op == OP_SELECT && i == 0 ? DT_BOOL : dt;
        sb_printf(&in, "%s%s_%s: %s%s input %d", i ? ", " : "", kind, letter[i], dtype_name(t), shape, i);
        sb_printf(&used, "%s%s_%s", i ? ", " : "", kind, letter[i]);
    }
    add(tolerance_of(op), "func f(%s) { %%9 = %s(%s) return output 0 y = %%9 }", sb_text(&in), info->text,
        sb_text(&used));
}

static void add_casts(void)
{
    for (int from = 0; from < DT_COUNT; from++)
        for (int to = 0; to < DT_COUNT; to++)
            add(0,
                "func f(special: %s[2, 19] input 0) { %%9 = cast(special) : %s[2, 19] return output 0 y = "
                "%%9 }",
                dtype_name((DType)from), dtype_name((DType)to));
}

static void elements(void **state)
{
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        if (op_info((Op)op)->class != CLASS_ELEMENT || op == OP_CAST)
            continue;
        for (int dt = 0; dt < DT_COUNT; dt++)
            for (int s = 0; s < LEN(shapes) && fits((Op)op, (DType)dt); s++)
                add_element((Op)op, (DType)dt, shapes[s],
                            s == 2                                     ? "real"
                            : s == 3 || (op == OP_REM && dt == DT_F32) ? "positive"
                                                                       : "special");
    }
    add_casts();
}

/* ---- moves
 * ----------------------------------------------------------------------------------------------------------
 */
static void moves(void **state)
{
    (void)state;
    static const struct {
        const char *from, *op, *to;
    } rows[] = {
        {"[6]", "reshape(x)", "[2, 3]"},
        {"[4, 6]", "reshape(x)", "[8, 3]"},
        {"[1, 5, 1]", "reshape(x)", "[5]"},
        {"[3, 4, 5]", "reshape(x)", "[5, 4, 3]"},
        {"[3, 5]", "permute(x) axes=[1, 0]", "[5, 3]"},
        {"[2, 3, 4]", "permute(x) axes=[2, 0, 1]", "[4, 2, 3]"},
        {"[2, 1, 4, 3]", "permute(x) axes=[3, 1, 0, 2]", "[3, 1, 2, 4]"},
        {"", "broadcast(x) axes=[]", "[3, 2]"},
        {"[3]", "broadcast(x) axes=[0]", "[3, 2]"},
        {"[3, 1]", "broadcast(x) axes=[0, 2]", "[3, 2, 5]"},
        {"[1]", "broadcast(x) axes=[1]", "[3, 7]"},
        {"[9]", "slice(x) start=[2] limit=[9] stride=[3]", "[3]"},
        {"[5, 7]", "slice(x) start=[1, 0] limit=[4, 7] stride=[2, 2]", "[2, 4]"},
        {"[5]", "pad(x) lo=[2] hi=[0] interior=[0] value=7", "[7]"},
        {"[3, 4]", "pad(x) lo=[0, 1] hi=[2, 0] interior=[1, 2] value=-1", "[7, 11]"},
        {"[1]", "pad(x) lo=[3] hi=[3] interior=[5] value=nan", "[7]"},
        {"[2, 3, 2]", "pad(x) lo=[1, 0, 0] hi=[1, 3, 0] interior=[0, 0, 3] value=inf", "[4, 6, 5]"},
        {"[7]", "reverse(x) axes=[0]", "[7]"},
        {"[3, 4, 5]", "reverse(x) axes=[0, 2]", "[3, 4, 5]"},
        {"[9]", "window(x) axis=0 size=3 stride=1 dilation=1", "[7, 3]"},
        {"[9]", "window(x) axis=0 size=3 stride=2 dilation=2", "[3, 3]"},
        {"[2, 11, 3]", "window(x) axis=1 size=4 stride=3 dilation=1", "[2, 3, 4, 3]"},
        {"[4, 3]", "fold(x) axis=0 size=3 stride=1 dilation=1 extent=6", "[6]"},
        {"[3, 3]", "fold(x) axis=0 size=3 stride=2 dilation=2 extent=9", "[9]"},
        {"[3, 2]", "fold(x) axis=0 size=2 stride=2 dilation=1 extent=6", "[6]"},
        {"[3, 2]", "fold(x) axis=0 size=2 stride=3 dilation=1 extent=10", "[10]"},
        {"[2, 3, 4, 3]", "fold(x) axis=1 size=4 stride=3 dilation=1 extent=11", "[2, 11, 3]"},
        {"[2, 5, 12, 3]", "fold(x) axis=1 size=12 stride=2 dilation=1 extent=21", "[2, 21, 3]"},
        {"[5, 12]", "fold(x) axis=0 size=12 stride=1 dilation=3 extent=38", "[38]"},
        {"[2, 12]", "fold(x) axis=0 size=12 stride=14 dilation=1 extent=30", "[30]"},
        {"[1, 4]", "fold(x) axis=0 size=4 stride=1 dilation=1 extent=4", "[4]"},
    };
    for (int i = 0; i < LEN(rows); i++) {
        add(0, "func f(x: f32%s input 0) { %%9 = %s : f32%s return output 0 y = %%9 }", rows[i].from,
            rows[i].op, rows[i].to);
        const char *inner = strchr(rows[i].op, '(') + 2;
        add(0,
            "func f(x: f32%s input 0) { %%1 = neg(x) %%2 = mul(%%1, %%1) %%9 = %.*s(%%2%s : f32%s %%8 = "
            "abs(%%9) "
            "return output 0 y = %%8, output 1 z = %%9 }",
            rows[i].from, (int)(inner - 2 - rows[i].op), rows[i].op, inner, rows[i].to);
    }
    add(0, "func f(x: f32[4] input 0, y: f32[4] input 1) { %%9 = concat(x, y, x) axis=0 return output 0 y = "
           "%%9 }");
    add(0, "func f(x: f32[2, 3] input 0, y: f32[2, 1] input 1) { %%9 = concat(x, y) axis=1 %%8 = neg(%%9) "
           "return output 0 y = %%8 }");
    add(0, "func f(x: f32[2, 3, 2] input 0, y: f32[2, 5, 2] input 1) { %%7 = neg(y) %%9 = concat(%%7, x, y) "
           "axis=1 return output 0 y = %%9 }");
    add(0, "func f(x: i32[1, 3] input 0, y: i32[2, 3] input 1) { %%7 = add(y, y) %%9 = concat(x, %%7) axis=0 "
           "%%10 = permute(%%9) axes=[1, 0] return output 0 y = %%10 }");
    add(0, "func f(x: bool[3] input 0, y: bool[2] input 1) { %%7 = not(y) %%9 = concat(x, %%7) axis=0 return "
           "output 0 y = %%9 }");
    add(0, "func f() { %%1 = iota() : i32[7] %%2 = broadcast(%%1) axes=[1] : i32[3, 7] return output 0 a = "
           "%%1, output 1 b = %%2 }");
    add(0, "func f() { %%1 = const() value=2.5 : f32 %%2 = broadcast(%%1) axes=[] : f32[3, 7] return output "
           "0 a = %%1, output 1 b = %%2 }");
}

/* Two moves, one behind the other, between element operations. */
/* Which operator goes first: x - (y - z), x / (y / z), comparisons of comparisons. */
static void brackets(void **state)
{
    (void)state;
    static const char *const numbers[] = {"add", "sub", "mul", "div", "rem", "max2", "min2", "pow"};
    static const char *const truths[] = {"eq", "and", "or"};
    for (int dt = 0; dt < 2; dt++)
        for (int i = 0; i < LEN(numbers) - (dt ? 1 : 0); i++)
            for (int k = 0; k < LEN(numbers) - (dt ? 1 : 0); k++)
                for (int left = 0; left < 2; left++)
                    add(dt ? 0 : 4e-6,
                        "func f(a: %s[5] input 0, positive_b: %s[5] input 1, positive_c: %s[5] input 2) { "
                        "%%1 = "
                        "%s(%s, %s) %%2 = %s(%s, %s) return output 0 y = %%2 }",
                        dt ? "i32" : "f32", dt ? "i32" : "f32", dt ? "i32" : "f32", numbers[i],
                        left ? "a" : "positive_b", left ? "positive_b" : "positive_c", numbers[k],
                        left ? "%1" : "a", left ? "positive_c" : "%1");
    for (int i = 0; i < LEN(truths); i++)
        for (int k = 0; k < LEN(truths); k++)
            for (int left = 0; left < 2; left++)
                add(0,
                    "func f(a: bool[9] input 0, b: bool[9] input 1, c: bool[9] input 2) { %%1 = %s(%s, %s) "
                    "%%2 = not(%%1) "
                    "%%3 = %s(%s, %s) %%4 = select(%%3, %%2, a) return output 0 y = %%4 }",
                    truths[i], left ? "a" : "b", left ? "b" : "c", truths[k], left ? "%1" : "a",
                    left ? "c" : "%1");
    add(0, "func f(a: f32[7] input 0) { %%1 = const() value=0.123456789 : f32 %%2 = broadcast(%%1) axes=[] : "
           "f32[7] %%3 "
           "= mul(a, %%2) return output 0 y = %%3 }");
    add(0, "func f(a: i32[7] input 0) { %%1 = const() value=2.7 : f32 %%2 = cast(%%1) : i32 %%3 = "
           "broadcast(%%2) axes=[] "
           ": i32[7] %%4 = add(a, %%3) return output 0 y = %%4 }");
}

static void chains(void **state)
{
    (void)state;
    static const struct {
        const char *text, *type;
    } link[] = {
        {"reshape(%s) : f32[2, 6, 4]", "x[4, 2, 6]"},
        {"permute(%s) axes=[1, 2, 0]", ""},
        {"reverse(%s) axes=[0, 1]", ""},
        {"slice(%s) start=[0, 0, 1] limit=[4, 2, 6] stride=[3, 1, 2]", ""},
        {"pad(%s) lo=[1, 0, 2] hi=[0, 0, 1] interior=[1, 0, 2] value=2", ""},
        {"pad(%s) lo=[0, 1, 0] hi=[1, 0, 0] interior=[0, 3, 0] value=0", ""},
        {"window(%s) axis=2 size=2 stride=2 dilation=1", ""},
        {"window(%s) axis=0 size=2 stride=1 dilation=1", ""},
        {"concat(%s, %s) axis=1", ""},
        {"sum(%s) axes=[1]", ""},
        {"max(%s) axes=[0]", ""},
        {"broadcast(%s) axes=[0, 2, 3] : f32[4, 3, 2, 6]", ""},
        {"reshape(%s) : f32[48]", ""},
        {"reshape(%s) : f32[3, 16]", ""},
    };
    static const char *const second[] = {
        "reverse(%2) axes=[0]", "sum(%2) axes=[0]", "concat(%2, %2) axis=0",
        "argmax(%2) axes=[0]",  "max(%2) axes=[0]",
    };
    for (int i = 0; i < LEN(link); i++)
        for (int k = 0; k < LEN(second); k++) {
            char first[256], twice[16] = "%1";
            snprintf(first, sizeof first, link[i].text, twice, twice);
            add(0,
                "func f(x: f32[4, 2, 6] input 0) { %%1 = abs(x) %%2 = %s %%3 = %s %%4 = neg(%%3) return "
                "output 0 y = %%4, output 1 z = %%2 }",
                first, second[k]);
            add(0,
                "func f(x: f32[4, 2, 6] input 0) { %%1 = abs(x) %%5 = %s %%2 = mul(%%5, %%5) %%3 = %s return "
                "output 0 y = %%3 }",
                first, second[k]);
        }
}

/* ---- reductions
 * ---------------------------------------------------------------------------------------------------------
 */
static void reductions(void **state)
{
    (void)state;
    static const struct {
        int rank;
        int64_t dim[4];
    } shape[] = {
        {1, {1}},      {1, {7}},      {1, {200}},    {2, {17, 3}},   {2, {3, 17}},    {2, {40, 64}},
        {2, {64, 33}}, {2, {100, 8}}, {2, {8, 100}}, {3, {4, 1, 5}}, {3, {3, 65, 7}}, {4, {2, 3, 4, 5}},
    };
    for (int s = 0; s < LEN(shape); s++)
        for (int subset = 1; subset < 1 << shape[s].rank; subset++) {
            int64_t axes[4];
            int n = 0;
            for (int i = 0; i < shape[s].rank; i++)
                if (subset >> i & 1)
                    axes[n++] = i;
            for (int dt = DT_I32; dt <= DT_F32; dt++)
                add(0,
                    "func f(x: %s[%s] input 0) { %%1 = sum(x) axes=[%s] %%2 = max(x) axes=[%s] %%3 = "
                    "argmax(x) axes=[%s] "
                    "return output 0 a = %%1, output 1 b = %%2, output 2 c = %%3 }",
                    dtype_name((DType)dt), list(shape[s].dim, shape[s].rank), list(axes, n), list(axes, n),
                    list(axes, n));
            add(0,
                "func f(infinite: f32[%s] input 0) { %%1 = sum(infinite) axes=[%s] return output 0 a = %%1 }",
                list(shape[s].dim, shape[s].rank), list(axes, n));
            add(0,
                "func f(special: f32[%s] input 0) { %%1 = neg(special) %%2 = max(%%1) axes=[%s] return "
                "output 0 a = %%2 }",
                list(shape[s].dim, shape[s].rank), list(axes, n));
            add(0,
                "func f(special: f32[%s] input 0) { %%1 = argmax(special) axes=[%s] return output 0 a = %%1 "
                "}",
                list(shape[s].dim, shape[s].rank), list(axes, n));
            add(0,
                "func f(special: i32[%s] input 0) { %%1 = argmax(special) axes=[%s] %%2 = max(special) "
                "axes=[%s] "
                "return output 0 a = %%1, output 1 b = %%2 }",
                list(shape[s].dim, shape[s].rank), list(axes, n), list(axes, n));
        }
    add(0, "func f(x: f32[40, 64] input 0) { %%1 = permute(x) axes=[1, 0] %%2 = sum(%%1) axes=[1] %%3 = "
           "max(%%1) axes=[0] return output 0 a = %%2, output 1 b = %%3 }");
    add(0, "func f(x: f32[12, 40] input 0) { %%1 = mul(x, x) %%2 = sum(%%1) axes=[1] %%3 = broadcast(%%2) "
           "axes=[0] : f32[12, 40] %%4 = sub(%%1, %%3) %%5 = max(%%4) axes=[1] return output 0 a = %%5 }");
    add(0, "func f(x: f32[6, 9] input 0) { %%1 = window(x) axis=1 size=3 stride=1 dilation=1 %%2 = max(%%1) "
           "axes=[2] %%3 = argmax(%%1) axes=[2] %%4 = sum(%%1) axes=[2] return output 0 a = %%2, output 1 b "
           "= %%3, output 2 c = %%4 }");
    add(0, "func f(x: f32[1, 9, 9, 2] input 0) { %%1 = window(x) axis=1 size=3 stride=2 dilation=1 %%2 = "
           "window(%%1) axis=3 size=3 stride=2 dilation=1 %%3 = argmax(%%2) axes=[2, 4] %%4 = max(%%2) "
           "axes=[2, 4] return output 0 a = %%3, output 1 b = %%4 }");
}

#include "kernel_contractions.h"
#include "kernel_programs.h"

/* ---- running
 * ----------------------------------------------------------------------------------------------------------------------
 */
static void every_operation_is_covered(void **state)
{
    (void)state;
    for (int op = 0; op < OP_COUNT; op++)
        if (!covered[op])
            fail_msg("no case for %s", op_info((Op)op)->text);
}

/* A source of its own for an element operation: it has the headers it needs. */
static void each_alone(void **state)
{
    (void)state;
    int n = 0, wrong = 0;
    for (int i = 0; i < cases.n; i++)
        if (!strncmp(cases.at[i]->name, "func f(real_a", 13)) {
            wrong += check_cases(arena, cases.at + i, 1, "tcc alone", target_find("tcc"), jit_tcc);
            n++;
        }
    assert_true(n > 30);
    assert_int_equal(wrong, 0);
}

static void tcc(void **state)
{
    (void)state;
    assert_int_equal(check_cases(arena, cases.at, cases.n, "tcc", target_find("tcc"), jit_tcc), 0);
}

/* Register tiles without vectors, which need no compiler. */
static void generic(void **state)
{
    (void)state;
    assert_int_equal(check_cases(arena, cases.at, cases.n, "generic", target_find("generic"), jit_tcc), 0);
}

/* Steps of tiles written out, as for cores that take instructions in order. */
static void unrolled(void **state)
{
    (void)state;
    assert_int_equal(check_cases(arena, cases.at, cases.n, "unrolled", target_find("cortex-m4f"), jit_tcc), 0);
}

/* Plain loops, and kernels that differ by whole numbers in one function. */
static void compact(void **state)
{
    (void)state;
    assert_int_equal(check_cases(arena, cases.at, cases.n, "compact", target_compact(arena, target_find("generic")), jit_tcc), 0);
}

/* What takes seconds to compile: all contractions, and each n-th of the other cases, if any. */
static void by_cc(const char *how, const Target *target, int n)
{
    VEC(Case *) some = {0};
    for (int i = 0; i < cases.n; i++) {
        bool contracts = false;
        for (int k = 0; k < cases.at[i]->fn->node.n; k++)
            contracts |= op_info(cases.at[i]->fn->node.at[k]->op)->class == CLASS_CONTRACT;
        if (contracts || (n && i % n == 0))
            vec_push(arena, &some, cases.at[i]);
    }
    if (!jit_has_cc())
        skip();
    assert_int_equal(check_cases(arena, some.at, some.n, how, target, jit_cc), 0);
}

static void native(void **state)
{
    (void)state;
    by_cc("native", target_find("native"), 9);
}

/* The variance of a batch of 8, put together from those of examples of so many positions: the cache has room for two. */
static Fn *variance_of(int length, Target *small)
{
    Fn *fn = read_graph(arena, arena_printf(arena,
        "func variance(real_x: f32[8, %d, 4] input 0, at: f32[8] input 1, real_k: f32[3, 4, 4] param 0) { "
        "%%1 = conv(real_x, real_k) stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] rhs_dilation=[1] groups=1 "
        "%%2 = broadcast(at) axes=[0] : f32[8, %d, 4] %%3 = add(%%1, %%2) %%4 = sum(%%3) axes=[1] %%5 = sum(%%4) axes=[0] "
        "%%6 = const() value=%d : f32 %%7 = broadcast(%%6) axes=[] : f32[4] %%8 = div(%%5, %%7) "
        "%%9 = broadcast(%%8) axes=[2] : f32[8, %d, 4] %%10 = sub(%%3, %%9) %%11 = mul(%%10, %%10) %%12 = sum(%%11) axes=[1] "
        "%%13 = sum(%%12) axes=[0] %%14 = div(%%13, %%7) return output 0 y = %%14 }", length, length, 8 * length, length));
    int loops = 0;
    *small = *target_find("generic");
    small->l2 = 200 * length;
    const Plan *p = lower(arena, NULL, fn, small);
    for (int i = 0; i < p->steps.n; i++)
        loops += p->steps.at[i]->kind == STEP_SCAN;
    assert_int_equal(loops, 1);     /* a second one would wait for the mean */
    return fn;
}

/* Examples whose means are far apart. */
static void variances(void **state)
{
    (void)state;
    Target small;
    Case *c = case_new(arena, "variance", variance_of(160, &small), 2e-6);
    assert_int_equal(check_cases(arena, &c, 1, "by parts", &small, jit_tcc), 0);
}

/* One element of each example, or one in 8, is far from all others, which are alike: about one of the few, most of the squares cancels. */
static void variances_of_outliers(void **state)
{
    static const struct { int length, apart; double tolerance; } data[] = {{60, 60, 1e-4}, {1000, 1000, 1e-4}, {12544, 12544, 1e-3}, {12544, 8, 1e-3}};
    const char *why;
    (void)state;
    for (int i = 0; i < LEN(data); i++) {
        Target small;
        Case *c = case_new(arena, "variance of outliers", variance_of(data[i].length, &small), data[i].tolerance);
        Value x = c->in[0], at = c->in[1], k = c->in[2];
        for (int64_t e = 0; e < type_count(x.type); e++)
            x.at[e] = e / 4 % data[i].length % data[i].apart ? (double)0.3f : (double)1000.7f;
        for (int64_t e = 0; e < type_count(k.type); e++)
            k.at[e] = e / 16 == 1 && e / 4 % 4 == e % 4;
        memset(at.at, 0, sizeof *at.at * (size_t)type_count(at.type));
        assert_true(fn_interpret(arena, c->fn, PRECISION_F64, c->in, c->out, &why));
        assert_int_equal(check_cases(arena, &c, 1, "by parts", &small, jit_tcc), 0);
        if (jit_has_cc())
            assert_int_equal(check_cases(arena, &c, 1, "by parts", &small, jit_cc), 0);
    }
}

static int with_blocks, fetching[FETCH_BLOCK + 1];

/* Of each contraction the cheapest that goes in blocks of what is summed over, in place. */
static Schedules *blocks_in_place(Arena *a, const Case *c, const Target *target)
{
    Schedules *all = schedules_new(a, diag_new(a)), *chosen = schedules_new(a, diag_new(a));
    const Candidates *found;
    schedules_collect(all);
    lower_with(a, NULL, c->fn, target, all);
    for (int i = 0; (found = schedules_candidates(all, i)); i++)
        for (int k = 0; k < found->n; k++)
            if (found->s[k].panel_tiles == 0 && found->s[k].k_split >= 0) {
                schedules_add(chosen, found->function, found->name, found->s[k]);
                with_blocks++;
                fetching[found->s[k].prefetch]++;
                break;
            }
    return chosen;
}

/* Caches so small that all but the smallest contractions are in panels, and then in blocks in place. Compilers are done
 * sooner with -O0; random graphs have such plans with -O1. */
static void blocks(void **state)
{
    (void)state;
    Target small = *target_find("native");
    small.flags = arena_printf(arena, "%s -O0", small.flags);
    small.l1 = 1024;
    small.l2 = 4096;
    small.lanes = 4;
    by_cc("panels", &small, 0);
    choose_schedules = blocks_in_place;
    by_cc("blocks", &small, 0);
    choose_schedules = NULL;
    assert_true(with_blocks >= 8 && fetching[FETCH_COLUMNS] >= 1 && fetching[FETCH_BLOCK] >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements),
        cmocka_unit_test(moves),
        cmocka_unit_test(brackets),
        cmocka_unit_test(chains),
        cmocka_unit_test(reductions),
        cmocka_unit_test(dots),
        cmocka_unit_test(convolutions),
        cmocka_unit_test(indices),
        cmocka_unit_test(loops),
        cmocka_unit_test(in_place),
        cmocka_unit_test(layers),
        cmocka_unit_test(every_operation_is_covered),
        cmocka_unit_test(each_alone),
        cmocka_unit_test(tcc),
        cmocka_unit_test(generic),
        cmocka_unit_test(unrolled),
        cmocka_unit_test(compact),
        cmocka_unit_test(native),
        cmocka_unit_test(variances),
        cmocka_unit_test(variances_of_outliers),
        cmocka_unit_test(blocks),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
