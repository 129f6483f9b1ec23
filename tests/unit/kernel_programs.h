/* SPDX-License-Identifier: MIT */
/* kernel_programs.h: cases of test_kernels.c that are programs rather than one operation: indices, loops, results in the
 * place of inputs, layers. Included there, behind add(). */
#ifndef TEST_KERNEL_PROGRAMS_H
#define TEST_KERNEL_PROGRAMS_H

/* ---- indices
 * ----------------------------------------------------------------------------------------------------------------
 */
static void indices(void **state)
{
    (void)state;
    static const char *const index_shapes[] = {"", "[1]", "[7]", "[3, 4]"}, *const rest[] = {"", ", 5",
                                                                                             ", 3, 2"};
    for (int i = 0; i < LEN(index_shapes); i++)
        for (int r = 0; r < LEN(rest); r++) {
            const char *in = index_shapes[i];
            int n = (int)strlen(in);
            const char *updates = n          ? arena_printf(arena, "%.*s%s]", n - 1, in, rest[r])
                                  : *rest[r] ? arena_printf(arena, "[%s]", rest[r] + 2)
                                             : "";
            add(0,
                "func f(x: f32[6%s] input 0, index6: i32%s input 1) { %%1 = check_index(index6) limit=6 %%2 "
                "= gather(x, %%1) %%3 = neg(%%2) return output 0 a = %%2, output 1 b = %%3 }",
                rest[r], in);
            add(0,
                "func f(x: f32[6%s] input 0, index6: i32%s input 1) { %%0 = add(x, x) %%1 = "
                "check_index(index6) limit=6 %%2 = gather(%%0, %%1) return output 0 a = %%2 }",
                rest[r], in);
            add(0,
                "func f(x: f32%s input 0, index6: i32%s input 1) { %%1 = check_index(index6) limit=6 %%2 = "
                "scatter_add(%%1, x) limit=6 %%3 = neg(%%2) return output 0 a = %%2, output 1 b = %%3 }",
                updates, in);
            add(0,
                "func f(x: i32%s input 0, index6: i32%s input 1) { %%0 = add(x, x) %%2 = scatter_add(index6, "
                "%%0) limit=6 return output 0 b = %%2 }",
                updates, in);
            add(0,
                "func f(p: f32[6%s] param 0, bad6: i32%s input 1) { %%1 = check_index(bad6) limit=6 %%2 = "
                "gather(p, %%1) %%3 = scatter_add(%%1, %%2) limit=6 %%4 = sub(p, %%3) return param 0 p = %%4 "
                "}",
                rest[r], in);
        }
    for (int i = 0; i < 3; i++) { /* where an index is out of range, no parameter has changed */
        add(0,
            "func f(p: f32[6] param 0, q: f32[5] param 1, bad6: i32[20] input 1) { %%1 = check_index(bad6) "
            "limit=6 %%2 = gather(p, %%1) %%3 = neg(q) return param 1 q = %%3, output 0 a = %%2 }");
        add(0, "func f(q: f32[5] param 1, x: f32[5, 5] input 0) { %%3 = dot(q, x) contract=[0]/[0] %%4 = "
               "argmax(%%3) axes=[0] %%5 = check_index(%%4) limit=2 %%6 = gather(x, %%5) return param 1 q = "
               "%%3, output 0 a = %%6 }");
        add(0,
            "func f(q: f32[5] param 1, s: f32[4] input 0, bad4: i32[7] input 1) { %%8 = neg(q) %%1 = scan(s, "
            "bad4) carries=1 slices=1 yields=0 length=7 body=func o(c: f32[4] carry 0, x: i32 slice 0) { %%1 "
            "= check_index(x) limit=4 %%2 = gather(c, %%1) %%3 = broadcast(%%2) axes=[] : f32[4] return "
            "carry 0 c = %%3 } %%2 = result(%%1) index=0 return output 0 a = %%2, param 1 q = %%8 }");
    }
    add(0, "func f(x: f32[6, 3] input 0, w: f32[3, 3] param 0) { %%1 = abs(x) %%2 = dot(%%1, w) contract=[1]/[0] %%3 = "
           "again(x, %%2) %%4 = abs(%%3) %%5 = again(w, %%2) %%6 = dot(%%2, %%5) contract=[1]/[1] %%7 = mul(%%6, %%4) return "
           "output 0 a = %%7 }");
    add(0, "func f(x: f32[6, 3] input 0) { %%1 = argmax(x) axes=[0] %%2 = gather(x, %%1) return output 0 a = "
           "%%2 }");
    add(0, "func f(x: f32[6, 3] input 0) { %%0 = iota() : i32[6] %%1 = reverse(%%0) axes=[0] %%2 = gather(x, "
           "%%1) return output 0 a = %%2 }");
    add(0, "func f(x: f32[6, 3] input 0, index6: i32[4] input 1, y: f32[3, 8] input 2) { %%1 = "
           "check_index(index6) limit=6 %%2 = gather(x, %%1) %%3 = dot(%%2, y) contract=[1]/[0] return "
           "output 0 a = %%3 }");
    add(0, "func f(x: f32[6, 3] input 0, index6: i32[4] input 1, index4: i32[9] input 2) { %%1 = gather(x, "
           "index6) %%2 = gather(%%1, index4) return output 0 a = %%2 }");
    add(0, "func f(x: f32[6] input 0, index6: i32[4, 2] input 1, index4: i32[9] input 2) { %%1 = "
           "gather(index6, index4) %%2 = gather(x, %%1) %%3 = sum(%%2) axes=[0] return output 0 a = %%3 }");
    add(0, "func f(y: i32[2] seed 0, s: i32 step 0) { %%1 = random(y, s) salt=7 : f32[5, 13] %%2 = random(y, "
           "s) salt=4000000000 : f32 return output 0 a = %%1, output 1 b = %%2 }");
    add(0, "func f(y: i32[2] seed 0, s: i32 step 0, x: f32[64] input 0) { %%1 = random(y, s) salt=7 : "
           "f32[64] %%2 = lt(%%1, %%1) %%3 = select(%%2, x, x) %%4 = lt(x, %%1) %%5 = select(%%4, x, %%3) "
           "%%6 = sum(%%5) axes=[0] return output 0 a = %%6, output 1 c = %%5 }");
}

/* ---- loops
 * -------------------------------------------------------------------------------------------------------------------
 */
static void loops(void **state)
{
    (void)state;
    static const char *const reverse[] = {"", " reverse=1"};
    for (int r = 0; r < 2; r++) {
        add(0,
            "func f(s: f32[3] input 0, xs: f32[5, 3] input 1) { %%1 = scan(s, xs) carries=1 slices=1 "
            "yields=2 length=5%s "
            "body=func b(c: f32[3] carry 0, x: f32[3] slice 0) { %%2 = add(c, x) %%3 = abs(%%2) return carry "
            "0 c = %%2, yield 0 = %%3, yield 1 = c } "
            "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 %%4 = result(%%1) index=2 return output 0 a "
            "= %%2, output 1 b = %%3, output 2 c = %%4 }",
            reverse[r]);
        add(0,
            "func f(s: f32[2, 8] input 0, xs: f32[4, 2, 5] input 1, w: f32[8, 8] param 0, u: f32[5, 8] param "
            "1) { %%1 = scan(s, xs, w, u) carries=1 slices=1 yields=1 length=4%s "
            "body=func b(c: f32[2, 8] carry 0, x: f32[2, 5] slice 0, w: f32[8, 8] invariant 0, u: f32[5, 8] "
            "invariant 1) { %%2 = dot(c, w) contract=[1]/[0] %%3 = dot(x, u) contract=[1]/[0] %%4 = add(%%2, "
            "%%3) "
            "%%5 = const() value=3 : f32 %%6 = broadcast(%%5) axes=[] : f32[2, 8] %%7 = min2(%%4, %%6) %%8 = "
            "neg(%%6) %%9 = max2(%%7, %%8) return carry 0 c = %%9, yield 0 = %%4 } "
            "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 %%4 = neg(%%3) return output 0 a = %%2, "
            "output 1 b = %%4 }",
            reverse[r]);
        add(0,
            "func f(s: f32[3] input 0, xs: f32[4, 3] input 1, ys: f32[4] input 2, zs: f32[4, 3] input 3) { %%1 = scan(s, "
            "xs, ys, zs) carries=1 slices=3 yields=1 length=4%s "
            "body=func b(c: f32[3] carry 0, x: f32[3] slice 0, y: f32 slice 1, z: f32[3] slice 2) { %%4 = broadcast(y) "
            "axes=[] : f32[3] %%5 = mul(x, %%4) %%6 = sub(c, %%5) %%7 = add(%%6, z) return carry 0 c = %%7, yield 0 = %%6 } "
            "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 return output 0 a = %%2, output 1 b = %%3 }",
            reverse[r]);
        add(0,
            "func f(a: f32[3] input 0, b: f32[3] input 1, xs: f32[6] input 2) { %%1 = scan(a, b, xs) "
            "carries=2 slices=1 yields=0 length=6%s "
            "body=func s(p: f32[3] carry 0, q: f32[3] carry 1, x: f32 slice 0) { %%3 = broadcast(x) axes=[] "
            ": f32[3] %%4 = sub(q, %%3) return carry 0 p = q, carry 1 q = p } "
            "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 return output 0 a = %%2, output 1 b = %%3 }",
            reverse[r]);
        add(0,
            "func f(s: f32[2] input 0, xs: f32[3, 4, 2] input 1) { %%1 = scan(s, xs) carries=1 slices=1 "
            "yields=2 length=3%s "
            "body=func o(c: f32[2] carry 0, x: f32[4, 2] slice 0) { %%2 = scan(c, x, c) carries=1 slices=1 "
            "yields=1 length=4 reverse=1 "
            "body=func i(d: f32[2] carry 0, y: f32[2] slice 0, e: f32[2] invariant 0) { %%3 = add(d, y) %%4 "
            "= sub(%%3, e) return carry 0 d = %%4, yield 0 = d } "
            "%%3 = result(%%2) index=0 %%4 = result(%%2) index=1 %%5 = add(%%3, c) %%6 = sum(%%4) axes=[0] "
            "return carry 0 c = %%5, yield 0 = %%4, yield 1 = %%6 } "
            "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 %%4 = result(%%1) index=2 return output 0 a "
            "= %%2, output 1 b = %%3, output 2 c = %%4 }",
            reverse[r]);
        add(0,
            "func f(s: f32[4] input 0, index4: i32[7] input 1, t: f32[4] input 2) { %%1 = scan(s, index4, t) "
            "carries=1 slices=1 yields=1 length=7%s "
            "body=func o(c: f32[4] carry 0, x: i32 slice 0, t: f32[4] invariant 0) { %%1 = check_index(x) "
            "limit=4 %%2 = gather(t, %%1) %%3 = broadcast(%%2) axes=[] : f32[4] %%4 = add(c, %%3) return "
            "carry 0 c = %%4, yield 0 = %%2 } "
            "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 return output 0 a = %%2, output 1 b = %%3 }",
            reverse[r]);
        add(0,
            "func f(s: f32[4] input 0, xs: f32[7, 4] input 1) { %%9 = mul(xs, xs) %%1 = scan(s, %%9) "
            "carries=1 slices=1 yields=1 length=7%s "
            "body=func o(c: f32[4] carry 0, x: f32[4] slice 0) { %%2 = reverse(c) axes=[0] %%4 = add(%%2, x) "
            "return carry 0 c = %%4, yield 0 = %%2 } "
            "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 %%5 = sum(%%3) axes=[0] return output 0 a = "
            "%%2, output 1 b = %%5 }",
            reverse[r]);
        add(0,
            "func f(s: f32[4] state 0, xs: f32[7, 4] input 1) { %%1 = scan(s, xs) carries=1 slices=1 "
            "yields=0 length=7%s "
            "body=func o(c: f32[4] carry 0, x: f32[4] slice 0) { %%4 = sub(x, c) return carry 0 c = %%4 } "
            "%%2 = result(%%1) index=0 return state 0 a = %%2, output 0 b = s }",
            reverse[r]);
    }
    add(0,
        "func f(s: f32 input 0, xs: f32[1] input 1) { %%1 = scan(s, xs) carries=1 slices=1 yields=1 length=1 "
        "body=func o(c: f32 carry 0, x: f32 slice 0) { %%4 = sub(x, c) return carry 0 c = %%4, yield 0 = c } "
        "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 return output 0 a = %%2, output 1 b = %%3 }");
    add(0,
        "func f(s: i32 input 0, m: f32[3] input 1) { %%1 = scan(s, m) carries=1 slices=0 yields=1 length=5 "
        "body=func o(c: i32 carry 0, m: f32[3] invariant 0) { %%3 = const() value=1 : i32 %%4 = add(c, %%3) "
        "%%5 = cast(c) : f32 %%6 = broadcast(%%5) axes=[] : f32[3] %%7 = mul(%%6, m) return carry 0 c = %%4, "
        "yield 0 = %%7 } "
        "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 return output 0 a = %%2, output 1 b = %%3 }");
}

/* ---- results in the place of inputs, and what models are made of
 * ---------------------------------------------------------------- */
static void in_place(void **state)
{
    (void)state;
    add(0, "func f(p: f32[9] param 0, q: f32[9] param 1) { %%1 = add(p, q) %%2 = sub(p, q) return param 0 p "
           "= %%1, param 1 q = %%2 }");
    add(0, "func f(p: f32[9] param 0, q: f32[9] param 1) { return param 0 p = q, param 1 q = p }");
    add(0, "func f(p: f32[9] param 0) { %%1 = reverse(p) axes=[0] return param 0 p = %%1 }");
    add(0, "func f(p: f32[9] param 0) { %%1 = reverse(p) axes=[0] %%2 = neg(p) return param 0 p = %%2, "
           "output 0 o = %%1 }");
    add(0, "func f(p: f32[9] param 0) { %%2 = neg(p) return param 0 p = %%2, output 0 o = p, output 1 r = "
           "%%2 }");
    add(0, "func f(p: f32[9] param 0) { %%1 = neg(p) %%2 = reverse(%%1) axes=[0] %%3 = add(p, %%2) return "
           "param 0 p = %%1, output 1 r = %%3 }");
    add(0, "func f(p: f32[3, 3] param 0, x: f32[3, 3] input 0) { %%1 = dot(x, p) contract=[1]/[0] %%2 = "
           "sum(p) axes=[0] %%3 = broadcast(%%2) axes=[0] : f32[3, 3] %%4 = sub(p, %%3) return param 0 p = "
           "%%4, output 0 a = %%1 }");
    add(0, "func f(p: f32[3, 8] param 0, x: f32[8, 8] input 0) { %%1 = dot(p, x) contract=[1]/[0] return "
           "param 0 p = %%1 }");
    add(0, "func f(p: f32[40] param 0) { %%1 = sum(p) axes=[0] %%2 = broadcast(%%1) axes=[] : f32[40] %%3 = "
           "sub(p, %%2) return param 0 p = %%3, output 0 s = %%1 }");
    add(0, "func f(p: f32[4, 4] param 0) { %%1 = permute(p) axes=[1, 0] %%3 = sub(p, %%1) return param 0 p = "
           "%%3 }");
    add(0, "func f(p: f32[4, 4] param 0) { %%1 = reshape(p) : f32[16] %%2 = neg(%%1) %%3 = reshape(%%2) : "
           "f32[4, 4] return param 0 p = %%3, output 0 q = %%1, output 1 r = %%2 }");
    add(0, "func f(p: f32[5] param 0, x: f32[5] input 0) { return param 0 p = x, output 0 q = x, output 1 r "
           "= x }");
    add(0, "func f(p: f32[5] param 0) { return param 0 p = p }");
    add(0,
        "func f(p: f32[5] param 0, m: f32[5] optimizer 0, g: f32[5] input 0) { %%1 = add(m, g) %%2 = sub(p, "
        "%%1) %%3 = sum(%%2) axes=[0] return param 0 p = %%2, optimizer 0 m = %%1, loss 0 l = %%3 }");
    add(0, "func f(p: f32[6, 3] param 0, index6: i32[4] input 0) { %%1 = gather(p, index6) %%2 = neg(p) %%3 "
           "= sum(%%1) axes=[0] return param 0 p = %%2, output 0 a = %%3 }");
    add(0, "func f(p: f32[6, 3] param 0, index6: i32[4] input 0) { %%1 = gather(p, index6) %%2 = "
           "scatter_add(index6, %%1) limit=6 %%3 = sub(p, %%2) return param 0 p = %%3 }");
}

static void layers(void **state)
{
    (void)state;
    for (int rows = 1; rows < 60;
         rows += 9) /* a gradient that only its update reads: blocks of rows, even and not */
        add(0,
            "func f(p: f32[%d, 20] param 0, x: f32[8, %d] input 0, dy: f32[8, 20] input 1) { %%1 = dot(x, "
            "dy) contract=[0]/[0] %%2 = sub(p, %%1) %%3 = abs(%%1) %%4 = max2(%%2, %%3) return param 0 p = "
            "%%4 }",
            rows, rows);
    add(0, "func f(x: f32[3, 19, 4] input 0, y: f32[3, 4, 7] input 1) { %%1 = dot(x, y) batch=[0]/[0] "
           "contract=[2]/[1] %%2 = max(%%1) axes=[2] %%3 = broadcast(%%2) axes=[0, 1] : f32[3, 19, 7] %%4 = "
           "sub(%%3, %%1) return output 0 a = %%4 }");
    add(0, "func f(s: f32[31, 4] input 0, xs: f32[5, 31, 4] input 1, w: f32[4, 4] param 0) { %%1 = scan(s, "
           "xs, w) carries=1 slices=1 yields=1 length=5 "
           "body=func b(c: f32[31, 4] carry 0, x: f32[31, 4] slice 0, w: f32[4, 4] invariant 0) { %%3 = "
           "dot(x, w) contract=[1]/[0] %%4 = sum(%%3) axes=[1] %%5 = broadcast(%%4) axes=[0] : f32[31, 4] "
           "%%6 = sub(%%5, c) %%7 = add(%%3, %%5) return carry 0 c = %%6, yield 0 = %%7 } "
           "%%2 = result(%%1) index=0 %%3 = result(%%1) index=1 return output 0 a = %%2, output 1 b = %%3 }");
    static const char *const row =
        "%%m = max(%%0) axes=[1] %%mb = broadcast(%%m) axes=[0] : f32[%s] %%s = sub(%%0, %%mb) %%e = "
        "exp(%%s) %%t = sum(%%e) axes=[1] "
        "%%tb = broadcast(%%t) axes=[0] : f32[%s] %%d = div(%%e, %%tb) %%am = argmax(%%d) axes=[1]";
    static const char *const sizes[] = {"5, 10", "1, 7", "17, 40", "33, 1"};
    for (int i = 0; i < LEN(sizes); i++) {
        const char *soft = arena_printf(arena, row, sizes[i], sizes[i]);
        add(1e-5, "func f(real: f32[%s] input 0) { %%0 = neg(real) %s return output 0 p = %%d }", sizes[i],
            soft);
        add(1e-5,
            "func f(real: f32[%s] input 0, w: f32[12, %s] param 0, b: f32[%s] param 1) { %%h = dot(real, w) "
            "contract=[1]/[0] %%bb = broadcast(b) axes=[1] : f32[%s] %%0 = add(%%h, %%bb) %s return output 0 "
            "p = %%d, output 1 a = %%am }",
            arena_printf(arena, "%.*s, 12", (int)(strchr(sizes[i], ',') - sizes[i]), sizes[i]),
            strchr(sizes[i], ' ') + 1, strchr(sizes[i], ' ') + 1, sizes[i], soft);
    }
    add(1e-5, "func f(real: f32[6, 50] input 0, g: f32[50] param 0) { %%1 = sum(real) axes=[1] %%2 = const() "
              "value=0.02 : f32 %%3 = broadcast(%%2) axes=[] : f32[6] %%4 = mul(%%1, %%3) "
              "%%5 = broadcast(%%4) axes=[0] : f32[6, 50] %%6 = sub(real, %%5) %%7 = mul(%%6, %%6) %%8 = "
              "sum(%%7) axes=[1] %%9 = sqrt(%%8) %%10 = broadcast(%%9) axes=[0] : f32[6, 50] "
              "%%11 = div(%%6, %%10) %%12 = broadcast(g) axes=[1] : f32[6, 50] %%13 = mul(%%11, %%12) return "
              "output 0 y = %%13 }");
    add(1e-5, "func f(real: f32[2, 9, 4] input 0, real_k: f32[2, 9, 4] input 1, real_v: f32[2, 9, 5] input "
              "2) { %%1 = dot(real, real_k) batch=[0]/[0] contract=[2]/[2] %%2 = max(%%1) axes=[2] "
              "%%3 = broadcast(%%2) axes=[0, 1] : f32[2, 9, 9] %%4 = sub(%%1, %%3) %%5 = exp(%%4) %%6 = "
              "sum(%%5) axes=[2] %%7 = broadcast(%%6) axes=[0, 1] : f32[2, 9, 9] %%8 = div(%%5, %%7) "
              "%%9 = dot(%%8, real_v) batch=[0]/[0] contract=[2]/[1] return output 0 y = %%9 }");
    add(0,
        "func f(x: f32[2, 12, 12, 3] input 0, w: f32[3, 3, 3, 8] param 0, b: f32[8] param 1) { %%1 = conv(x, "
        "w) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 "
        "%%2 = broadcast(b) axes=[3] : f32[2, 12, 12, 8] %%3 = add(%%1, %%2) %%z = const() value=0 : f32 "
        "%%zb = broadcast(%%z) axes=[] : f32[2, 12, 12, 8] %%4 = max2(%%3, %%zb) "
        "%%5 = window(%%4) axis=1 size=2 stride=2 dilation=1 %%6 = window(%%5) axis=3 size=2 stride=2 "
        "dilation=1 %%7 = max(%%6) axes=[2, 4] %%8 = argmax(%%6) axes=[2, 4] return output 0 y = %%7, output "
        "1 i = %%8 }");
    for (int n = 72; n <= 512; n += 440) {      /* right operands that L1 does not hold: copied by panels, in blocks of k */
        add(0, "func f(x: f32[40, 96] input 0, w: f32[96, %d] param 0, b: f32[%d] param 1) { %%h = dot(x, w) contract=[1]/[0] "
               "%%bb = broadcast(b) axes=[1] : f32[40, %d] %%y = add(%%h, %%bb) return output 0 y = %%y }", n, n, n);
        add(0, "func f(x: f32[3, 50, 96] input 0, w: f32[3, 96, %d] param 0) { %%y = dot(x, w) batch=[0]/[0] contract=[2]/[1] "
               "return output 0 y = %%y }", n);
        add(0, "func f(x: f32[3, 50, 96] input 0, w: f32[96, %d] param 0) { %%h = dot(x, w) contract=[2]/[0] %%s = sum(%%h) axes=[2] "
               "%%b = broadcast(%%s) axes=[0, 1] : f32[3, 50, %d] %%y = sub(%%h, %%b) return output 0 y = %%y, output 1 s = %%s }", n, n);
        add(0, "func f(x: f32[300, 7, 13] input 0, y: f32[300, 7, %d] input 1) { %%w = dot(x, y) contract=[0, 1]/[0, 1] "
               "return output 0 w = %%w }", n);
    }
    add(0, "func f(x: f32[2, 14, 11, 40] input 0, w: f32[3, 3, 40, 96] param 0) { %%1 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] "
           "pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 y = %%1 }");
    add(0, "func f(x: f32[1, 7, 9, 80] input 0, w: f32[3, 3, 80, 176] param 0, b: f32[176] param 1) { %%1 = conv(x, w) stride=[1, 1] "
           "pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 %%bb = broadcast(b) axes=[3] : f32[1, 7, 9, 176] "
           "%%y = add(%%1, %%bb) return output 0 y = %%y }");     /* weights that L2 may not hold: in blocks of k */
    for (int stride = 1; stride < 3; stride++)      /* gradients of weights: in blocks of images and rows */
        add(0, "func f(x: f32[6, 14, 12, 16] input 0, y: f32[6, %d, 12, 32] input 1) { %%1 = permute(x) axes=[3, 1, 2, 0] "
               "%%2 = permute(y) axes=[1, 2, 0, 3] %%w = conv(%%1, %%2) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] "
               "rhs_dilation=[%d, 1] groups=1 return output 0 w = %%w }", 14 / stride, stride);
    add(0, "func f(x: f32[2, 33, 31, 20] input 0) { %%1 = pad(x) lo=[0, 1, 1, 0] hi=[0, 1, 0, 0] interior=[0, 0, 0, 0] value=-inf "
           "%%2 = window(%%1) axis=1 size=3 stride=2 dilation=1 %%3 = window(%%2) axis=3 size=3 stride=2 dilation=1 %%y = max(%%3) axes=[2, 4] "
           "return output 0 y = %%y }");        /* loops in ranges in which guards are known */
    add(0, "func f(x: f32[2, 16, 3, 15, 3, 20] input 0, z: f32[2, 33, 31, 20] input 1) { %%1 = fold(x) axis=3 size=3 stride=2 dilation=1 extent=31 "
           "%%2 = fold(%%1) axis=1 size=3 stride=2 dilation=1 extent=33 %%y = mul(%%2, z) return output 0 y = %%y }");
    for (int channels = 1; channels < 10; channels += 8)        /* one: the last loop, too; and a sum that has a kernel of its own */
        for (int stride = 1; stride < 3; stride++)
            add(0, "func f(x: f32[2, 31, 3, 33, 3, %d] input 0, i: i32[2, 31, 33, %d] input 1) { %%1 = broadcast(i) axes=[0, 1, 3, 5] : i32[2, 31, 3, 33, 3, %d] "
                   "%%2 = iota() : i32[3] %%3 = broadcast(%%2) axes=[2] : i32[2, 31, 3, 33, 3, %d] %%4 = eq(%%1, %%3) %%5 = neg(x) "
                   "%%6 = select(%%4, x, %%5) %%7 = fold(%%6) axis=3 size=3 stride=%d dilation=1 extent=%d "
                   "%%8 = fold(%%7) axis=1 size=3 stride=%d dilation=1 extent=%d %%9 = sum(%%8) axes=[1, 2] return output 0 y = %%8, output 1 s = %%9 }",
                channels, channels, channels, channels, stride, 33 * stride + 2, stride, 31 * stride + 2);
    add(0, "func f(x: f32[3, 20, 40] input 0, z: f32[3, 60, 41] input 1) { %%1 = pad(x) lo=[0, 2, 1] hi=[0, 0, 0] interior=[0, 2, 0] value=7 "
           "%%y = mul(%%1, z) return output 0 y = %%y }");
    for (int channels = 3; channels < 40; channels += 18)   /* each channel by itself; rows with and without taps */
        for (int stride = 1; stride < 3; stride++)
            add(0,
                "func f(x: f32[2, 15, 9, %d] input 0, w: f32[3, 3, 1, %d] param 0) { %%1 = conv(x, w) stride=[%d, %d] "
                "pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=%d return output 0 y = %%1 }",
                channels, channels, stride, stride, channels);
}

#endif
