/* SPDX-License-Identifier: MIT */
/* kernel_contractions.h: cases of test_kernels.c that are matrix products and convolutions. Included there, behind add(). */
#ifndef TEST_KERNEL_CONTRACTIONS_H
#define TEST_KERNEL_CONTRACTIONS_H

static void dots(void **state)
{
    (void)state;
    static const struct {
        const char *x, *y, *how;
    } rows[] = {
        {"[1, 1]", "[1, 1]", "contract=[1]/[0]"},
        {"[1, 7]", "[7, 1]", "contract=[1]/[0]"},
        {"[7, 17]", "[17, 33]", "contract=[1]/[0]"},
        {"[64, 5]", "[5, 64]", "contract=[1]/[0]"},
        {"[1, 64]", "[64, 128]", "contract=[1]/[0]"},
        {"[5, 8]", "[8, 16]", "contract=[1]/[0]"},
        {"[3, 4]", "[4, 10]", "contract=[1]/[0]"},
        {"[13, 1]", "[1, 17]", "contract=[1]/[0]"},
        {"[17, 7]", "[33, 17]", "contract=[0]/[1]"},
        {"[17, 7]", "[17, 33]", "contract=[0]/[0]"},
        {"[7, 17]", "[33, 17]", "contract=[1]/[1]"},
        {"[17]", "[17]", "contract=[0]/[0]"},
        {"[17]", "[17, 5]", "contract=[0]/[0]"},
        {"[5, 17]", "[17]", "contract=[1]/[0]"},
        {"[7]", "[5]", ""},
        {"", "[5]", ""},
        {"[2, 3]", "[4, 5]", ""},
        {"[6]", "[6]", "batch=[0]/[0]"},
        {"[3, 5, 7]", "[3, 7, 4]", "batch=[0]/[0] contract=[2]/[1]"},
        {"[5, 3, 7]", "[7, 4, 3]", "batch=[1]/[2] contract=[2]/[0]"},
        {"[5, 7, 3]", "[4, 3, 7]", "batch=[2]/[1] contract=[1]/[2]"},
        {"[2, 6, 5, 8]", "[2, 9, 5, 8]", "batch=[0, 2]/[0, 2] contract=[3]/[3]"},
        {"[2, 5, 6, 9]", "[2, 9, 5, 8]", "batch=[0, 1]/[0, 2] contract=[3]/[1]"},
        {"[2, 5, 6, 9]", "[5, 2, 9, 8]", "batch=[1, 0]/[0, 1] contract=[3]/[2]"},
        {"[4, 3, 5]", "[3, 5, 6]", "contract=[1, 2]/[0, 1]"},
        {"[4, 3, 5]", "[5, 3, 6]", "contract=[1, 2]/[1, 0]"},
        {"[4, 3, 5]", "[6, 5, 3]", "contract=[1, 2]/[2, 1]"},
        {"[3, 4, 5, 2]", "[5, 6, 3, 2]", "contract=[0, 2, 3]/[2, 0, 3]"},
        {"[4, 6, 3]", "[3, 2, 5]", "contract=[2]/[0]"},
        {"[3, 4, 6]", "[2, 5, 3]", "contract=[0]/[2]"},
        {"[3, 20, 8]", "[3, 20, 8]", "batch=[0]/[0] contract=[1]/[1]"},
        {"[30, 4]", "[4, 48]", "contract=[1]/[0]"},
        {"[2, 3, 4, 5, 6]", "[6, 5, 4, 3, 7]", "contract=[1, 2, 3, 4]/[3, 2, 1, 0]"},
        {"[2, 2, 2, 2, 2, 2]", "[2, 2, 2, 2, 2, 2]", "contract=[1, 2, 3, 4, 5]/[3, 2, 1, 0, 5]"},
    };
    static const char *const around[] = {
        "%%3 = dot(x, y) %s return output 0 a = %%3",
        "%%1 = neg(x) %%2 = add(y, y) %%3 = dot(%%1, %%2) %s %%4 = abs(%%3) return output 0 a = %%4, output "
        "1 b = %%3",
    };
    for (int i = 0; i < LEN(rows); i++)
        for (int k = 0; k < LEN(around); k++) {
            const char *body = arena_printf(arena, k ? around[1] : around[0], rows[i].how);
            add(0, "func f(x: f32%s input 0, y: f32%s input 1) { %s }", rows[i].x, rows[i].y, body);
        }
    add(0, "func f(x: f32[9, 8] input 0) { %%3 = dot(x, x) contract=[1]/[1] %%4 = dot(x, x) contract=[0]/[0] "
           "return output 0 a = %%3, output 1 b = %%4 }");
    add(0, "func f(x: f32[9, 8] input 0, w: f32[8, 8] param 0) { %%3 = dot(x, w) contract=[1]/[0] %%4 = "
           "dot(x, %%3) contract=[0]/[0] %%5 = sub(w, %%4) return param 0 w = %%5 }");
    add(0, "func f(x: f32[4, 12] input 0, w: f32[6, 7] input 1) { %%1 = reshape(x) : f32[8, 6] %%3 = "
           "dot(%%1, w) contract=[1]/[0] %%4 = reshape(%%3) : f32[7, 8] return output 0 a = %%4 }");
    add(0, "func f(x: f32[9, 12] input 0, w: f32[4, 7] input 1) { %%1 = slice(x) start=[1, 2] limit=[9, 12] "
           "stride=[2, 3] %%3 = dot(%%1, w) contract=[1]/[0] return output 0 a = %%3 }");
    add(0, "func f(x: f32[9, 4] input 0, w: f32[4, 7] input 1) { %%1 = reverse(x) axes=[0] %%2 = reverse(w) "
           "axes=[0, 1] %%3 = dot(%%1, %%2) contract=[1]/[0] return output 0 a = %%3 }");
    add(0, "func f(x: f32[9] input 0, w: f32[4, 7] input 1) { %%1 = window(x) axis=0 size=4 stride=1 "
           "dilation=1 %%3 = dot(%%1, w) contract=[1]/[0] return output 0 a = %%3 }");
    add(0, "func f(x: f32[4] input 0, w: f32[4, 17] input 1) { %%1 = broadcast(x) axes=[1] : f32[6, 4] %%3 = "
           "dot(%%1, w) contract=[1]/[0] return output 0 a = %%3 }");
}

static void convolutions(void **state)
{
    (void)state;
    static const struct {
        const char *x, *w, *how;
    } rows[] = {
        {"[1, 5, 1]", "[3, 1, 1]",
         "stride=[1] pad_lo=[0] pad_hi=[0] lhs_dilation=[1] rhs_dilation=[1] groups=1"},
        {"[2, 9, 3]", "[3, 3, 17]",
         "stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] rhs_dilation=[1] groups=1"},
        {"[2, 9, 3]", "[3, 3, 8]",
         "stride=[2] pad_lo=[1] pad_hi=[0] lhs_dilation=[1] rhs_dilation=[1] groups=1"},
        {"[20, 9, 3]", "[4, 3, 8]",
         "stride=[3] pad_lo=[5] pad_hi=[4] lhs_dilation=[1] rhs_dilation=[2] groups=1"},
        {"[2, 9, 3]", "[3, 3, 8]",
         "stride=[1] pad_lo=[-1] pad_hi=[-2] lhs_dilation=[1] rhs_dilation=[1] groups=1"},
        {"[2, 9, 3]", "[3, 3, 8]",
         "stride=[2] pad_lo=[-1] pad_hi=[2] lhs_dilation=[1] rhs_dilation=[2] groups=1"},
        {"[2, 5, 3]", "[3, 3, 8]",
         "stride=[1] pad_lo=[2] pad_hi=[2] lhs_dilation=[2] rhs_dilation=[1] groups=1"},
        {"[2, 5, 3]", "[4, 3, 8]",
         "stride=[2] pad_lo=[3] pad_hi=[1] lhs_dilation=[3] rhs_dilation=[2] groups=1"},
        {"[2, 7, 6]", "[3, 2, 9]",
         "stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] rhs_dilation=[1] groups=3"},
        {"[2, 7, 6]", "[3, 1, 6]",
         "stride=[2] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] rhs_dilation=[1] groups=6"},
        {"[3, 9, 24]", "[3, 8, 144]",
         "stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] rhs_dilation=[1] groups=3"},
        {"[1, 9, 8]", "[3, 2, 20]",
         "stride=[2] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] rhs_dilation=[1] groups=4"},
        {"[2, 6, 7, 16]", "[3, 3, 4, 16]",
         "stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=4"},
        {"[2, 5, 5, 6]", "[2, 2, 1, 12]",
         "stride=[1, 1] pad_lo=[0, 1] pad_hi=[1, 0] lhs_dilation=[1, 1] rhs_dilation=[2, 1] groups=6"},
        {"[2, 3, 4]", "[1, 4, 5]",
         "stride=[1] pad_lo=[9] pad_hi=[9] lhs_dilation=[1] rhs_dilation=[1] groups=1"},
        {"[1, 8, 8, 3]", "[3, 3, 3, 16]",
         "stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1"},
        {"[2, 8, 7, 3]", "[3, 2, 3, 5]",
         "stride=[2, 1] pad_lo=[0, 1] pad_hi=[1, 0] lhs_dilation=[1, 1] rhs_dilation=[1, 2] groups=1"},
        {"[2, 6, 6, 4]", "[3, 3, 4, 33]",
         "stride=[1, 1] pad_lo=[0, 0] pad_hi=[0, 0] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1"},
        {"[3, 28, 28, 1]", "[3, 3, 1, 32]",
         "stride=[1, 1] pad_lo=[0, 0] pad_hi=[0, 0] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1"},
        {"[1, 7, 7, 2]", "[7, 7, 2, 8]",
         "stride=[2, 2] pad_lo=[3, 3] pad_hi=[3, 3] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1"},
        {"[1, 4, 5, 3, 2]", "[2, 3, 2, 2, 8]",
         "stride=[1, 2, 1] pad_lo=[1, 0, 0] pad_hi=[0, 1, 1] lhs_dilation=[1, 1, 1] rhs_dilation=[1, 1, 1] "
         "groups=1"},
        {"[1, 9, 1]", "[1, 1, 64]",
         "stride=[1] pad_lo=[0] pad_hi=[0] lhs_dilation=[1] rhs_dilation=[1] groups=1"},
        {"[1, 40, 8]", "[3, 8, 40]",
         "stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] rhs_dilation=[1] groups=1"},
    };
    for (int i = 0; i < LEN(rows); i++) {
        add(0, "func f(x: f32%s input 0, w: f32%s param 0) { %%3 = conv(x, w) %s return output 0 a = %%3 }",
            rows[i].x, rows[i].w, rows[i].how);
        add(0,
            "func f(x: f32%s input 0, w: f32%s param 0) { %%1 = mul(x, x) %%2 = neg(w) %%3 = conv(%%1, %%2) "
            "%s %%4 = abs(%%3) return output 0 a = %%4, output 1 b = %%3 }",
            rows[i].x, rows[i].w, rows[i].how);
    }
}

#endif
