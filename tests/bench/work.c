/* SPDX-License-Identifier: MIT */
/* work.c: multiply-accumulates and streams of parameters of a graph function. */
#include "work.h"

#include <string.h>

/* A walk over a function and, in their places, the bodies of its loops. */
typedef struct Walk {
    Arena *a;
    bool training;
    int64_t macs;
    StreamList *streams; /* NULL: not asked for */
} Walk;

static int64_t contraction_macs(const Node *n)
{
    int64_t macs = type_count(n->type);
    if (n->op == OP_CONV)
        return macs * (type_count(n->in[1]->type) / n->in[1]->type.dim[n->in[1]->type.rank - 1]);
    for (int i = 0; i < n->attr.dot.ncontract; i++)
        macs *= n->in[0]->type.dim[n->attr.dot.lhs_contract[i]];
    return macs;
}

/* Bytes of a parameter that a node is, behind moves; else 0. */
static int64_t parameter_bytes(const Node *n, const bool *is_parameter)
{
    while (op_info(n->op)->class == CLASS_MOVE && n->nin == 1)
        n = n->in[0];
    return is_parameter[n->id] ? type_bytes(n->type) : 0;
}

static void add_stream(Walk *w, const Node *n, const bool *is_parameter, int64_t times)
{
    int64_t bytes = 0;
    for (int i = 0; i < n->nin; i++)
        bytes += parameter_bytes(n->in[i], is_parameter);
    if (bytes)
        vec_push(w->a, w->streams, ((Stream){contraction_macs(n), bytes, times, 0}));
}

/* Counts fn, which runs `times` times. depends[id]: on a parameter; is_parameter[id]: it is one. Given for the inputs. */
static void walk(Walk *w, const Fn *fn, bool *depends, bool *is_parameter, int64_t times)
{
    int first = w->streams ? w->streams->n : 0;
    for (int i = 0; i < fn->node.n; i++) {
        const Node *n = fn->node.at[i];
        int operands = 0;
        for (int k = 0; k < n->nin; k++)
            operands += depends[n->in[k]->id];
        depends[n->id] |= operands > 0;
        if (op_info(n->op)->class == CLASS_CONTRACT) {
            w->macs += times * contraction_macs(n) * (w->training ? 1 + operands : 1);
            if (w->streams)
                add_stream(w, n, is_parameter, times);
        } else if (n->op == OP_SCAN) {
            const Fn *body = n->attr.scan.body;
            bool *inside = NEWN(w->a, bool, body->node.n), *parameter = NEWN(w->a, bool, body->node.n);
            for (int k = 0; k < n->nin; k++) {
                int id = body->input.at[k].node->id;
                inside[id] = k < n->attr.scan.ncarry || depends[n->in[k]->id];
                parameter[id] = is_parameter[n->in[k]->id];
            }
            walk(w, body, inside, parameter, times * n->attr.scan.length);
        }
    }
    int64_t among = 0;
    for (int i = first; w->streams && i < w->streams->n; i++)
        among += w->streams->at[i].times == times ? w->streams->at[i].bytes : 0;
    for (int i = first; w->streams && i < w->streams->n; i++)
        if (w->streams->at[i].times == times)
            w->streams->at[i].among = among;
}

static void walk_function(Walk *w, const Fn *fn)
{
    bool *depends = NEWN(w->a, bool, fn->node.n), *is_parameter = NEWN(w->a, bool, fn->node.n);
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].role == ROLE_PARAM)
            depends[fn->input.at[i].node->id] = is_parameter[fn->input.at[i].node->id] = true;
    walk(w, fn, depends, is_parameter, 1);
}

int64_t work_macs(const Fn *fn, bool training)
{
    Walk w = {.a = arena_new(), .training = training};
    walk_function(&w, fn);
    arena_free(w.a);
    return w.macs;
}

void work_streams(Arena *a, const Fn *fn, StreamList *list)
{
    Walk w = {.a = a, .streams = list};
    walk_function(&w, fn);
}
