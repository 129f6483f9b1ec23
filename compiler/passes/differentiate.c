/* SPDX-License-Identifier: MIT */
/* differentiate.c: a module's loss becomes a function of its gradients.
 *
 * needs: a function that verifies. gives: one more, with gradients as results. */
#include "../graph/gradient.h"
#include "passes.h"

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
