/* SPDX-License-Identifier: MIT */
/* compose.c: the training step: gradients, and the optimizer's update of them, in one function.
 *
 * needs: gradients with a ROLE_GRADIENT result for each ROLE_GRADIENT input of update. gives: params,
 * optimizer, states, loss, metrics. What both functions take (parameters, the step) is one input. */
#include "passes.h"

static bool is_gradient(const Port *port)
{
    return port->role == ROLE_GRADIENT;
}

/* Inlines `from` into `to`; its gradients, where it takes any, are those in `gradient` (by parameter).
 * Returns where its nodes went. */
static Node **inlined(Fn *to, const Fn *from, Node *const *gradient)
{
    Node **map = NEWN(to->a, Node *, from->node.n + 1);
    for (int i = 0; i < from->input.n; i++) {
        const Port *port = &from->input.at[i];
        Node *given = is_gradient(port) && gradient ? gradient[port->index] : NULL;
        if (is_gradient(port) && !given)
            BUG("the update wants a gradient of parameter %d, and there is none", port->index);
        map[port->node->id] = given ? given : node_rebuild(to, port->node, NULL);
    }
    fn_inline(to, from, map);
    return map;
}

static void add_results(Fn *to, const Fn *from, Node *const *map)
{
    for (int i = 0; i < from->result.n; i++) {
        const Port *port = &from->result.at[i];
        if (!is_gradient(port))
            fn_result(to, port->role, port->index, port->name, map[port->node->id]);
    }
}

Fn *compose_train_step(const Module *m, const Fn *gradients, const Fn *update)
{
    Fn *fn = fn_new(gradients->a, "train_step");
    fn->span = gradients->span;
    Node **gradient = NEWN(fn->a, Node *, m->params.n + 1);
    Node **first = inlined(fn, gradients, NULL);
    for (int i = 0; i < gradients->result.n; i++) {
        const Port *port = &gradients->result.at[i];
        if (is_gradient(port))
            gradient[port->index] = first[port->node->id];
    }
    Node **second = inlined(fn, update, gradient);
    add_results(fn, update, second);
    add_results(fn, gradients, first);
    return fn;
}
