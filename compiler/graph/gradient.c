/* SPDX-License-Identifier: MIT */
/* gradient.c: reverse mode inside a function. Walks the nodes backwards; each row of ops.def with a gradient adds to its
 * operands' gradients. What comes out is ordinary nodes: no tape, and it can be differentiated again. */
#include "gradient.h"

bool grad_wanted(const GradCtx *g, const Node *x)
{
    return x->id < g->n && g->wanted[x->id];
}

void grad_into(GradCtx *g, Node *x, Node *dx)
{
    if (!grad_wanted(g, x))
        return;
    if (!type_eq(x->type, dx->type))
        BUG("a gradient of %s for %s", type_text(g->fn->a, dx->type), node_text(g->fn->a, x));
    Node *sum = g->gradient[x->id];
    g->gradient[x->id] = sum ? node_binary(g->fn, OP_ADD, sum, dx) : dx;
}

/* Gradients pass through f32 alone; rows without a gradient pass none. */
static bool *mark_wanted(const Fn *fn, int nwrt, Node *const *wrt)
{
    bool *wanted = NEWN(fn->a, bool, fn->node.n + 1);
    for (int i = 0; i < nwrt; i++)
        wanted[wrt[i]->id] = wrt[i]->type.dt == DT_F32;
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        if (n->type.dt != DT_F32 || !op_info(n->op)->grad)
            continue;
        for (int i = 0; i < n->nin; i++)
            wanted[id] |= wanted[n->in[i]->id];
    }
    return wanted;
}

void gradients_swapping(Fn *fn, int n, Node *const *results, Node *const *seeds, int nwrt, Node *const *wrt,
                        Node **out, Swaps *swaps)
{
    GradCtx g = {.fn = fn, .n = fn->node.n, .swaps = swaps};
    Span span = fn->span;
    g.wanted = mark_wanted(fn, nwrt, wrt);
    g.gradient = NEWN(fn->a, Node *, g.n + 1);
    for (int i = 0; i < n; i++)
        grad_into(&g, results[i], seeds[i]);
    for (int id = g.n - 1; id >= 0; id--) {
        Node *x = fn->node.at[id];
        if (!g.gradient[id] || !op_info(x->op)->grad)
            continue;
        fn->span = x->span;
        op_info(x->op)->grad(&g, x, g.gradient[id]);
    }
    fn->span = span;
    for (int i = 0; i < nwrt; i++)
        out[i] = g.gradient[wrt[i]->id];
}

void gradients_in(Fn *fn, int n, Node *const *results, Node *const *seeds, int nwrt, Node *const *wrt,
                  Node **out)
{
    Swaps swaps = {0};
    gradients_swapping(fn, n, results, seeds, nwrt, wrt, out, &swaps);
    for (int i = 0; i < nwrt; i++)
        if (!out[i])
            out[i] = node_full(fn, wrt[i]->type, 0);
}
