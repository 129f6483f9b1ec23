/* SPDX-License-Identifier: MIT */
/* element_grad.c: gradients of element-wise operations. x, y: operands; n: the result; dy: the result's
 * gradient.
 *
 * Every rule is written in primitives that have a gradient themselves, so that gradients can be
 * differentiated again. */
#include "ops.h"
#include "../passes/passes.h"

static Node *zeros(Fn *fn, const Node *like)
{
    return node_full(fn, like->type, 0);
}

/* Where the condition holds dy, elsewhere 0. A product with a mask would turn an infinite dy into NaN. */
static Node *where(Fn *fn, Node *condition, Node *dy)
{
    return node_select(fn, condition, dy, zeros(fn, dy));
}

/* -x: dx = -dy */
void grad_neg(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], node_unary(g->fn, OP_NEG, dy));
}

/* |x|: dx = dy·sign(x), 0 at 0; a NaN stays one in the value, its gradient is dy */
void grad_abs(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *x = n->in[0], *zero = zeros(fn, x);
    Node *sloped = node_select(fn, node_binary(fn, OP_LT, x, zero), node_unary(fn, OP_NEG, dy), dy);
    grad_into(g, x, node_select(fn, node_binary(fn, OP_EQ, x, zero), zero, sloped));
}

/* y = e^x: dx = dy·y */
void grad_exp(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_MUL, dy, n));
}

/* y = e^x − 1: dx = dy·(y + 1) */
void grad_expm1(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_MUL, dy, node_binary_const(g->fn, OP_ADD, n, 1)));
}

/* ln x: dx = dy / x */
void grad_log(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_DIV, dy, n->in[0]));
}

/* ln (1 + x): dx = dy / (1 + x) */
void grad_log1p(GradCtx *g, Node *n, Node *dy)
{
    Node *x = n->in[0];
    grad_into(g, x, node_binary(g->fn, OP_DIV, dy, node_binary_const(g->fn, OP_ADD, x, 1)));
}

/* y = √x: dx = dy·½ / y */
void grad_sqrt(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_DIV, node_binary_const(g->fn, OP_MUL, dy, 0.5), n));
}

/* y = 1 / √x: dx = −½·dy·y³ */
void grad_rsqrt(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *cube = node_binary(fn, OP_MUL, node_binary(fn, OP_MUL, n, n), n);
    grad_into(g, n->in[0], node_binary(fn, OP_MUL, dy, node_binary_const(fn, OP_MUL, cube, -0.5)));
}

/* sin x: dx = dy·cos x */
void grad_sin(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_MUL, dy, node_unary(g->fn, OP_COS, n->in[0])));
}

/* cos x: dx = −dy·sin x */
void grad_cos(GradCtx *g, Node *n, Node *dy)
{
    Node *slope = node_binary(g->fn, OP_MUL, dy, node_unary(g->fn, OP_SIN, n->in[0]));
    grad_into(g, n->in[0], node_unary(g->fn, OP_NEG, slope));
}

/* y = tanh x: dx = dy·(1 − y²) */
void grad_tanh(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *slope = node_binary(fn, OP_SUB, node_full(fn, n->type, 1), node_binary(fn, OP_MUL, n, n));
    grad_into(g, n->in[0], node_binary(fn, OP_MUL, dy, slope));
}

/* y = 1 / (1 + e^−x): dx = dy·y·(1 − y) */
void grad_sigmoid(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *slope = node_binary(fn, OP_MUL, n, node_binary(fn, OP_SUB, node_full(fn, n->type, 1), n));
    grad_into(g, n->in[0], node_binary(fn, OP_MUL, dy, slope));
}

/* erf x: dx = dy·2/√π·e^(−x²) */
void grad_erf(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *x = n->in[0];
    Node *bell = node_unary(fn, OP_EXP, node_unary(fn, OP_NEG, node_binary(fn, OP_MUL, x, x)));
    Node *slope = node_binary_const(fn, OP_MUL, bell, 1.12837916709551257390); /* 2/√π */
    grad_into(g, x, node_binary(fn, OP_MUL, dy, slope));
}

/* f32 to f32 passes dy; conversions from and to other types pass nothing */
void grad_cast(GradCtx *g, Node *n, Node *dy)
{
    if (n->in[0]->type.dt == DT_F32)
        grad_into(g, n->in[0], dy);
}

/* x + y: dx = dy, dy = dy */
void grad_add(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], dy);
    grad_into(g, n->in[1], dy);
}

/* x − y: dx = dy, dy = −dy */
void grad_sub(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], dy);
    grad_into(g, n->in[1], node_unary(g->fn, OP_NEG, dy));
}

/* x·y: dx = dy·y, dy = dy·x */
void grad_mul(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_MUL, dy, n->in[1]));
    grad_into(g, n->in[1], node_binary(g->fn, OP_MUL, dy, n->in[0]));
}

/* q = x / y: dx = dy / y, dy = −dy / y · q */
void grad_div(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *dx = node_binary(fn, OP_DIV, dy, n->in[1]);
    grad_into(g, n->in[0], dx);
    if (grad_wanted(g, n->in[1]))
        grad_into(g, n->in[1], node_unary(fn, OP_NEG, node_binary(fn, OP_MUL, dx, n)));
}

/* d(x^y)/dx = y·x^(y−1), and 0 where y is 0, whatever x is */
static Node *pow_slope(Fn *fn, Node *x, Node *y)
{
    double exponent;
    if (is_const(y, &exponent)) {
        if (exponent == 0)
            return zeros(fn, x);
        if (exponent == 1)
            return node_full(fn, x->type, 1);
        if (exponent == 2)
            return node_binary_const(fn, OP_MUL, x, 2);
        return node_binary_const(fn, OP_MUL, node_binary_const(fn, OP_POW, x, exponent - 1), exponent);
    }
    Node *slope = node_binary(fn, OP_MUL, y, node_binary(fn, OP_POW, x, node_binary_const(fn, OP_SUB, y, 1)));
    Node *zero = zeros(fn, y);
    return node_select(fn, node_binary(fn, OP_EQ, y, zero), zero, slope);
}

/* p = x^y: dx = dy·y·x^(y−1), dy = dy·p·ln x, and 0 where x is 0 */
void grad_pow(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *x = n->in[0], *y = n->in[1];
    if (grad_wanted(g, x))
        grad_into(g, x, node_binary(fn, OP_MUL, dy, pow_slope(fn, x, y)));
    if (!grad_wanted(g, y))
        return;
    /* ln 1 where x is 0: an infinity there would come back as NaN when this is differentiated again */
    Node *at_zero = node_binary(fn, OP_EQ, x, zeros(fn, x));
    Node *log = node_unary(fn, OP_LOG, node_select(fn, at_zero, node_full(fn, x->type, 1), x));
    Node *slope = node_select(fn, at_zero, zeros(fn, x), node_binary(fn, OP_MUL, n, log));
    grad_into(g, y, node_binary(fn, OP_MUL, dy, slope));
}

/* n = max(x, y): dx = dy where x > y, which is where n > y: x need not be kept; dy = dy elsewhere */
void grad_max2(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *first = node_binary(fn, OP_LT, n->in[1], n);
    grad_into(g, n->in[0], where(fn, first, dy));
    grad_into(g, n->in[1], node_select(fn, first, zeros(fn, dy), dy));
}

/* n = min(x, y): dx = dy where x < y, which is where n < y; dy = dy elsewhere */
void grad_min2(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *first = node_binary(fn, OP_LT, n, n->in[1]);
    grad_into(g, n->in[0], where(fn, first, dy));
    grad_into(g, n->in[1], node_select(fn, first, zeros(fn, dy), dy));
}

/* c ? y : z: dy = dy where c, dz = dy elsewhere */
void grad_select(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    grad_into(g, n->in[1], where(fn, n->in[0], dy));
    grad_into(g, n->in[2], node_select(fn, n->in[0], zeros(fn, dy), dy));
}
