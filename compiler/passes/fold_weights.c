/* SPDX-License-Identifier: MIT */
/* fold_weights.c: what inference computes of its weights alone, where these are constants: computed once,
 * here, and a constant in their place. The scale and shift of a batch normalization are made of four vectors,
 * and are two.
 *
 * needs: the weights, parameters first, then states. gives: infer and start, and as many weights as they
 * still read. A result is rounded to f32 at each operation, and each of these exactly; code of a target may
 * be off by what docs/accuracy.md allows. */
#include "passes.h"

#include "../graph/gradient.h"

#include <string.h>

typedef struct Folding {
    Arena *a;
    Module *m;
    const Fn *old;
    bool *seen;                 /* by node: take() has been there */
    bool *constant;             /* by node: of constants alone */
    bool *fixed;                /* by node: of weights and constants alone, not without weights */
    bool *read;                 /* by node: it is read by what is not fixed, if only moved */
    bool *weighs;               /* by node: it is made of weights, */
    int64_t *frees;             /* of so many bytes that nothing else reads */
    VEC(Node *) roots;          /* what is folded */
    VEC(const float *) weights; /* by parameter, the new ones behind the old; states last */
    StrMap names;
} Folding;

static bool is_weight(const Node *n)
{
    return n->op == OP_INPUT && (n->attr.input.role == ROLE_PARAM || n->attr.input.role == ROLE_STATE);
}

static void find_fixed(Folding *f)
{
    for (int id = 0; id < f->old->node.n; id++) {
        const Node *n = f->old->node.at[id];
        bool all = n->op != OP_INPUT && n->op != OP_SCAN && n->op != OP_RESULT &&
                   op_info(n->op)->class != CLASS_INDEX;
        f->weighs[id] = is_weight(n);
        for (int i = 0; i < n->nin; i++) {
            all &= f->fixed[n->in[i]->id] || f->constant[n->in[i]->id];
            f->weighs[id] |= f->weighs[n->in[i]->id];
        }
        f->constant[id] = all && !f->weighs[id];
        f->fixed[id] = is_weight(n) || (all && f->weighs[id]);
    }
}

static void find_read(Folding *f)
{
    for (int id = f->old->node.n - 1; id >= 0; id--) {
        const Node *n = f->old->node.at[id];
        const bool passes = !f->fixed[id] || (f->read[id] && op_info(n->op)->class == CLASS_MOVE);
        for (int i = 0; i < n->nin; i++)
            f->read[n->in[i]->id] |= passes;
    }
    for (int i = 0; i < f->old->result.n; i++)
        f->read[f->old->result.at[i].node->id] = true;
    for (int id = 0; id < f->old->node.n; id++) {
        const Node *n = f->old->node.at[id];
        f->frees[id] = is_weight(n) && !f->read[id] ? type_bytes(n->type) : 0;
        for (int i = 0; i < n->nin; i++)
            f->frees[id] += f->frees[n->in[i]->id];
    }
}

/* Takes n, which is fixed and read by what is not, or what it moves, or (where it is larger than what it
 * frees) what it is made of. */
static void take(Folding *f, Node *n)
{
    const OpClass class = op_info(n->op)->class;
    if (!f->fixed[n->id] || is_weight(n) || f->seen[n->id])
        return;
    f->seen[n->id] = true;
    const bool folds = class != CLASS_MOVE && n->type.dt == DT_F32 && type_bytes(n->type) <= f->frees[n->id];
    if (folds)
        vec_push(f->a, &f->roots, n);
    for (int i = 0; i < n->nin && !folds; i++)
        take(f, n->in[i]);
}

static void find_roots(Folding *f)
{
    for (int id = 0; id < f->old->node.n; id++) {
        const Node *n = f->old->node.at[id];
        for (int i = 0; i < n->nin && !f->fixed[id]; i++)
            take(f, n->in[i]);
    }
}

static const float *weight_of(const Folding *f, const Port *port)
{
    return f->weights.at[port->role == ROLE_PARAM ? port->index : f->m->params.n + port->index];
}

static void evaluate(Folding *f, Value *out)
{
    Fn *fn = fn_new(f->a, "weights");
    Node **map = NEWN(f->a, Node *, f->old->node.n + 1);
    graft(fn, f->old, f->roots.n, f->roots.at, map, NULL);
    for (int i = 0; i < f->roots.n; i++)
        fn_result(fn, ROLE_PARAM, i, NULL, map[f->roots.at[i]->id]);
    Value *in = NEWN(f->a, Value, fn->input.n + 1);
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(f->a, fn->input.at[i].node->type);
        for (int64_t k = 0; k < type_count(in[i].type); k++)
            in[i].at[k] = (double)weight_of(f, &fn->input.at[i])[k];
    }
    const char *why;
    if (!fn_interpret(f->a, fn, PRECISION_F32, in, out, &why))
        BUG("weights alone end in %s", why);
}

/* Its own name, or that of the first weight it is made of with another last word. */
static const char *name_of(Folding *f, const Node *n)
{
    const char *name = n->name;
    if (!name) {
        while (!is_weight(n))
            for (int i = 0; i < n->nin; i++)
                if (f->weighs[n->in[i]->id]) {
                    n = n->in[i];
                    break;
                }
        const char *dot = strrchr(n->name, '.');
        name = arena_printf(f->a, "%.*sfolded", dot ? (int)(dot - n->name) + 1 : 0, n->name);
    }
    const int count = ++*str_map(&f->names, name);
    return count == 1 ? name : arena_printf(f->a, "%s_%d", name, count);
}

/* ---- functions of the new weights ---------------------------------------------------------------------- */
/* The function with new weights in the place of the roots, and only what it needs. */
static Fn *with_weights(Folding *f, const Fn *old, Node *const *roots, int n)
{
    Fn *fn = fn_new(f->a, old->name);
    Node **map = NEWN(f->a, Node *, old->node.n + 1);
    fn->span = old->span;
    for (int i = 0; i < n; i++) {
        fn->span = roots[i]->span;
        const int index = f->m->params.n - n + i;
        map[roots[i]->id] = fn_input(fn, ROLE_PARAM, index, f->m->params.at[index].name, roots[i]->type);
    }
    fn->span = old->span;
    fn_inline(fn, old, map);
    for (int i = 0; i < old->result.n; i++) {
        const Port *port = &old->result.at[i];
        fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    return fn_prune(fn);
}

static void mark_used(const Fn *fn, bool *param, bool *state)
{
    for (int i = 0; fn && i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        if (port->role == ROLE_PARAM || port->role == ROLE_STATE)
            (port->role == ROLE_PARAM ? param : state)[port->index] = true;
    }
}

static Fn *renumbered(Arena *a, const Fn *old, const int *param, const int *state)
{
    Fn *fn = fn_new(a, old->name);
    Node **map = NEWN(a, Node *, old->node.n + 1);
    for (int i = 0; i < old->input.n; i++) {
        const Port *port = &old->input.at[i];
        const int index = port->role == ROLE_PARAM   ? param[port->index]
                          : port->role == ROLE_STATE ? state[port->index]
                                                     : port->index;
        fn->span = port->node->span;
        map[port->node->id] = fn_input(fn, port->role, index, port->name, port->node->type);
    }
    fn->span = old->span;
    fn_inline(fn, old, map);
    for (int i = 0; i < old->result.n; i++) {
        const Port *port = &old->result.at[i];
        fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    return fn;
}

/* Entries that are used, to the front; their new numbers in `number`. Their weights are added to `list`. */
static int keep_used(Entry *entry, int n, const bool *used, int *number, const float *const *weights,
                     const float **list, int nlist)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        number[i] = used[i] ? kept : -1;
        if (!used[i])
            continue;
        list[nlist + kept] = weights[i];
        entry[kept++] = entry[i];
    }
    return kept;
}

static const float **drop_unused(Folding *f)
{
    Module *m = f->m;
    const int nparam = m->params.n, nstate = m->states.n;
    bool *param = NEWN(f->a, bool, nparam + 1), *state = NEWN(f->a, bool, nstate + 1);
    int *new_param = NEWN(f->a, int, nparam + 1), *new_state = NEWN(f->a, int, nstate + 1);
    const float **list = NEWN(f->a, const float *, nparam + nstate + 1);
    mark_used(m->infer, param, state);
    mark_used(m->start, param, state);
    m->params.n = keep_used(m->params.at, nparam, param, new_param, f->weights.at, list, 0);
    m->states.n =
        keep_used(m->states.at, nstate, state, new_state, f->weights.at + nparam, list, m->params.n);
    m->infer = renumbered(f->a, m->infer, new_param, new_state);
    m->start = m->start ? renumbered(f->a, m->start, new_param, new_state) : NULL;
    m->init = NULL;
    return list;
}

/* The roots' values are parameters, behind the others. */
static void add_weights(Folding *f, const float *const *weights)
{
    Module *m = f->m;
    Value *out = NEWN(f->a, Value, f->roots.n + 1);
    const int nparam = m->params.n, nstate = m->states.n;
    for (int i = 0; i < nparam + nstate; i++) {
        vec_push(f->a, &f->weights, weights[i]);
        ++*str_map(&f->names, i < nparam ? m->params.at[i].name : m->states.at[i - nparam].name);
    }
    evaluate(f, out);
    f->weights.n = nparam;
    for (int i = 0; i < f->roots.n; i++) {
        const int64_t n = type_count(out[i].type);
        float *at = NEWN(f->a, float, n);
        for (int64_t k = 0; k < n; k++)
            at[k] = (float)out[i].at[k];
        const Entry entry = {.name = name_of(f, f->roots.at[i]),
                             .type = out[i].type,
                             .span = f->roots.at[i]->span,
                             .param = -1};
        vec_push(f->a, &m->params, entry);
        vec_push(f->a, &f->weights, at);
    }
    for (int i = 0; i < nstate; i++)
        vec_push(f->a, &f->weights, weights[nparam + i]);
}

const float **fold_weights(Module *m, const float *const *weights)
{
    Folding f = {.a = m->a, .m = m, .old = m->infer, .names = {.a = m->a}};
    f.constant = NEWN(m->a, bool, f.old->node.n + 1);
    f.fixed = NEWN(m->a, bool, f.old->node.n + 1);
    f.seen = NEWN(m->a, bool, f.old->node.n + 1);
    f.read = NEWN(m->a, bool, f.old->node.n + 1);
    f.weighs = NEWN(m->a, bool, f.old->node.n + 1);
    f.frees = NEWN(m->a, int64_t, f.old->node.n + 1);
    find_fixed(&f);
    find_read(&f);
    find_roots(&f);
    add_weights(&f, weights);
    m->infer = with_weights(&f, f.old, f.roots.at, f.roots.n);
    return drop_unused(&f);
}
