/* SPDX-License-Identifier: MIT */
/* differentiate.c: reverse mode, graph in, graph out. Walks the nodes backwards; each row of ops.def with
 * a gradient adds to its operands' gradients. What comes out is ordinary nodes: no tape, and it can be
 * differentiated again.
 *
 * needs: a function that verifies. gives: one more, with gradients as results. */
#include "passes.h"
#include "loop.h"
#include "gradients.h"

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

/* ---- a module's loss ----------------------------------------------------------------------------------- */

/* The parameters' gradients, made in fn, in order; zeros for those that are frozen. */
static Node **parameter_gradients(Fn *fn, const Module *m, Node *loss, Swaps *swaps)
{
    Arena *a = fn->a;
    int nparam = m->params.n, nwrt = 0;
    Node **wrt = NEWN(a, Node *, nparam + 1), **out = NEWN(a, Node *, nparam + 1);
    Node **gradient = NEWN(a, Node *, nparam + 1);
    for (int i = 0; i < nparam; i++) {
        Node *param = m->params.at[i].trainable ? fn_find_input(fn, ROLE_PARAM, i) : NULL;
        if (param)
            wrt[nwrt++] = param;
    }
    Node *one = node_full(fn, loss->type, 1);
    gradients_swapping(fn, 1, &loss, &one, nwrt, wrt, out, swaps);
    for (int i = 0; i < nwrt; i++)
        gradient[wrt[i]->attr.input.index] = out[i];
    for (int i = 0; i < nparam; i++)
        if (!gradient[i])
            gradient[i] = node_full(fn, m->params.at[i].type, 0);
    return gradient;
}

/* The function in which to work: the same inputs and nodes, and where each old node went. */
static Fn *copy_of(const Fn *from, const char *name, Node ***map)
{
    Fn *fn = fn_new(from->a, name);
    fn->span = from->span;
    *map = NEWN(from->a, Node *, from->node.n + 1);
    for (int i = 0; i < from->input.n; i++)
        (*map)[from->input.at[i].node->id] = node_rebuild(fn, from->input.at[i].node, NULL);
    fn_inline(fn, from, *map);
    return fn;
}

Fn *differentiate(const Module *m, const Fn *loss)
{
    Arena *a = loss->a;
    Node **at, *value = fn_find_result(loss, ROLE_LOSS, 0);
    if (!value)
        BUG("function %s has no loss", loss->name);
    Fn *work = copy_of(loss, loss->name, &at);
    Swaps swaps = {0};
    Node **gradient = parameter_gradients(work, m, at[value->id], &swaps);

    VEC(Port) results = {0};
    for (int i = 0; i < m->params.n; i++) {
        Port port = {ROLE_GRADIENT, i, m->params.at[i].name, gradient[i]};
        vec_push(a, &results, port);
    }
    for (int i = 0; i < loss->result.n; i++) {
        Port port = loss->result.at[i];
        port.node = at[port.node->id];
        vec_push(a, &results, port);
    }
    Node **roots = NEWN(a, Node *, results.n + 1), **map = NEWN(a, Node *, work->node.n + 1);
    Fn *fn = fn_new(a, "gradients");
    fn->span = loss->span;
    for (int i = 0; i < work->input.n; i++)
        map[work->input.at[i].node->id] = node_rebuild(fn, work->input.at[i].node, NULL);
    for (int i = 0; i < results.n; i++)
        roots[i] = results.at[i].node;
    graft(fn, work, results.n, roots, map, &swaps);
    for (int i = 0; i < results.n; i++)
        fn_result(fn, results.at[i].role, results.at[i].index, results.at[i].name, map[roots[i]->id]);
    return fn;
}
