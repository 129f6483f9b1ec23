/* SPDX-License-Identifier: MIT */
/* graft.c: copying parts of functions, with some nodes taken for others. */
#include "gradient.h"

typedef VEC(Node *) NodeList;

Node **swapped(Arena *a, const Fn *fn, const Swaps *swaps)
{
    Node **instead = NEWN(a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->node.n; i++)
        instead[i] = fn->node.at[i];
    for (int i = 0; swaps && i < swaps->list.n; i++)
        instead[swaps->list.at[i].old->id] = swaps->list.at[i].new;
    return instead;
}

/* Nodes to be made: what the roots need up to nodes that are there. */
static bool *missing(Arena *a, const Fn *from, int nroots, Node *const *roots, Node *const *map,
                     Node *const *instead)
{
    bool *needed = NEWN(a, bool, from->node.n + 1);
    NodeList todo = {0};
    for (int i = 0; i < nroots; i++)
        vec_push(a, &todo, instead[roots[i]->id]);
    while (todo.n) {
        Node *n = todo.at[--todo.n];
        if (needed[n->id] || map[n->id])
            continue;
        needed[n->id] = true;
        for (int i = 0; i < n->nin; i++)
            vec_push(a, &todo, instead[n->in[i]->id]);
    }
    return needed;
}

/* The first operand that is not there yet, or NULL with all of them in `in`. */
static Node *collect(const Node *n, Node *const *map, Node *const *instead, Node **in)
{
    for (int i = 0; i < n->nin; i++) {
        Node *operand = instead[n->in[i]->id];
        in[i] = map[operand->id];
        if (!in[i])
            return operand;
    }
    return NULL;
}

/* Makes n after its operands. Swaps may point forward, so that the old order alone will not do. */
static void make(Fn *to, Node *n, Node **map, Node *const *instead, NodeList *stack, Node **in)
{
    vec_push(to->a, stack, n);
    while (stack->n) {
        Node *top = stack->at[stack->n - 1];
        Node *first = map[top->id] ? NULL : collect(top, map, instead, in);
        if (first) {
            vec_push(to->a, stack, first);
            continue;
        }
        if (!map[top->id])
            map[top->id] = node_rebuild(to, top, in);
        stack->n--;
    }
}

void graft(Fn *to, const Fn *from, int nroots, Node *const *roots, Node **map, const Swaps *swaps)
{
    Arena *a = to->a;
    int widest = 0;
    for (int id = 0; id < from->node.n; id++)
        widest = from->node.at[id]->nin > widest ? from->node.at[id]->nin : widest;
    Node **in = NEWN(a, Node *, widest + 1), **instead = swapped(a, from, swaps);
    bool *needed = missing(a, from, nroots, roots, map, instead);
    NodeList stack = {0};
    for (int id = 0; id < from->node.n; id++)
        if (needed[id])
            make(to, from->node.at[id], map, instead, &stack, in);
    for (int id = 0; id < from->node.n; id++)
        if (!map[id])
            map[id] = map[instead[id]->id];
}

bool *reached_from(Arena *a, const Fn *fn, int nroots, Node *const *roots)
{
    bool *live = NEWN(a, bool, fn->node.n + 1);
    for (int i = 0; i < nroots; i++)
        live[roots[i]->id] = true;
    for (int id = fn->node.n - 1; id >= 0; id--)
        for (int i = 0; live[id] && i < fn->node.at[id]->nin; i++)
            live[fn->node.at[id]->in[i]->id] = true;
    return live;
}
