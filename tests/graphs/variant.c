/* SPDX-License-Identifier: MIT */
/* variant.c: what becomes of a graph in the compiler, each step checked by interpreting. */
#include "graphs.h"
#include "compiler/passes/passes.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEW_ELEMENTS = 6,   /* a block of what is wide has, so that small graphs have several */
    FEW_BYTES = 48,     /* leave a loop, so that loops as short as ours leave work to strips */
};

const char *const variant_names[VARIANTS] = {"plain", "hoisted", "gradients", "step"};

/* ---- inputs -------------------------------------------------------------------------------------- */
static bool named(const char *name, const char *kind)
{
    return name && !strncmp(name, kind, strlen(kind));
}

static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

static double input_element(const char *name, DType dt, uint64_t bits)
{
    static const double floats[] = {0,     -0.0, 1,   -1,   INFINITY, -INFINITY, NAN,
                                    1e-40, 3e38, 0.5, -2.5, 100,      -100};
    static const double integers[] = {INT32_MIN, INT32_MAX, 0, -1, 1, -7, 65536, 16777217, 16777219};
    uint64_t more = bits;
    random_next(&more);
    if (named(name, "index"))
        return (double)(bits % (uint64_t)atoi(name + 5));
    if (named(name, "bad"))
        return more % 16 ? (double)(bits % (uint64_t)atoi(name + 3)) : -1;
    if (dt == DT_BOOL)
        return (double)(bits & 1);
    if (dt == DT_U8)
        return (double)(bits & 255);
    if (named(name, "special") && more % 3 == 0)
        return dt == DT_I32 ? integers[bits % LEN(integers)] : (double)(float)floats[bits % LEN(floats)];
    if (named(name, "positive"))
        return dt == DT_I32 ? 1 + (double)(bits % 9) : (double)(float)(0.1 + 4 * unit(bits));
    if (named(name, "real") && dt == DT_F32)
        return (double)(float)(4 * unit(bits) - 2);
    if (named(name, "generic") && dt == DT_F32)
        return 3 * unit(bits) - 1.5;
    return (double)(bits % 7) - 3;
}

static Value valued(Arena *a, const Port *port, const char *name, uint64_t salt)
{
    Value v = value_new(a, port->node->type);
    uint64_t state = salt * 1000003 + (uint64_t)port->role * 8191 + (uint64_t)port->index;
    for (int64_t i = 0; i < type_count(v.type); i++)
        v.at[i] = input_element(name, v.type.dt, random_next(&state));
    return v;
}

Value input_value(Arena *a, const Port *port, uint64_t salt)
{
    return valued(a, port, port->name, salt);
}

static Value *input_values(Arena *a, const Fn *fn, uint64_t salt)
{
    Value *in = NEWN(a, Value, fn->input.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        in[i] = input_value(a, &fn->input.at[i], salt);
    return in;
}

/* ---- the functions ------------------------------------------------------------------------------- */
/* Every node made again, with the local rewrites. */
static Fn *simplified(const Fn *fn)
{
    Fn *to = fn_new(fn->a, fn->name);
    Node **map = NEWN(fn->a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        map[fn->input.at[i].node->id] = node_rebuild(to, fn->input.at[i].node, NULL);
    fn_inline(to, fn, map);
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(to, port->role, port->index, port->name, map[port->node->id]);
    }
    return fn_prune(to);
}

static bool has_loop(const Fn *fn)
{
    for (int i = 0; i < fn->node.n; i++)
        if (fn->node.at[i]->op == OP_SCAN)
            return true;
    return false;
}

enum { WEIGHTS = 1000, MOMENTS = 1000 };

/* A module of the graph's float parameters; m->loss is the sum of its float results, weighted by further
 * targets, the other results but new parameters stay. Without parameters or results to differentiate: false.
 */
static bool module_of(const Fn *graph, Module *m)
{
    static const int axes[MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    *m = (Module){.a = graph->a, .name = "graph"};
    for (int i = 0; i < graph->input.n; i++) {
        const Port *port = &graph->input.at[i];
        if (port->role != ROLE_PARAM)
            continue;
        while (m->params.n <= port->index) {
            Entry none = {.name = "none", .type = type_scalar(DT_F32)};
            vec_push(m->a, &m->params, none);
        }
        m->params.at[port->index] =
            (Entry){.name = port->name, .type = port->node->type, .trainable = port->node->type.dt == DT_F32};
    }
    Fn *fn = fn_new(graph->a, "loss");
    Node **map = NEWN(graph->a, Node *, graph->node.n + 1), *loss = NULL;
    for (int i = 0; i < graph->input.n; i++)
        map[graph->input.at[i].node->id] = node_rebuild(fn, graph->input.at[i].node, NULL);
    fn_inline(fn, graph, map);
    for (int i = 0; i < graph->result.n; i++) {
        Node *n = map[graph->result.at[i].node->id];
        if (n->type.dt != DT_F32)
            continue;
        n = node_binary(fn, OP_MUL, n, fn_input(fn, ROLE_TARGET, WEIGHTS + i, "x", n->type));
        n = n->type.rank ? node_reduce(fn, OP_SUM, n, n->type.rank, axes) : n;
        loss = loss ? node_binary(fn, OP_ADD, loss, n) : n;
    }
    bool any = false;
    for (int i = 0; i < m->params.n; i++)
        any |= m->params.at[i].trainable;
    if (!loss || !any)
        return false;
    fn_result(fn, ROLE_LOSS, 0, "loss", loss);
    for (int i = 0; i < graph->result.n; i++) {
        const Port *port = &graph->result.at[i];
        if (port->role != ROLE_PARAM && port->role != ROLE_OPTIMIZER)
            fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    m->loss = fn_prune(fn);
    return true;
}

/* Gradient descent with momentum: m' = m/2 + g, p' = p - m'/4 */
static Fn *update_of(const Module *m)
{
    Fn *fn = fn_new(m->a, "update");
    for (int i = 0; i < m->params.n; i++) {
        Entry *p = &m->params.at[i];
        if (!p->trainable)
            continue;
        Node *gradient = fn_input(fn, ROLE_GRADIENT, i, "g", p->type),
             *param = fn_input(fn, ROLE_PARAM, i, p->name, p->type);
        Node *moment = fn_input(fn, ROLE_OPTIMIZER, MOMENTS + i, "x", p->type);
        moment = node_binary(fn, OP_ADD, node_binary_const(fn, OP_MUL, moment, 0.5), gradient);
        fn_result(fn, ROLE_OPTIMIZER, MOMENTS + i, "m", moment);
        fn_result(fn, ROLE_PARAM, i, p->name,
                  node_binary(fn, OP_SUB, param, node_binary_const(fn, OP_MUL, moment, 0.25)));
    }
    return fn;
}

Fn *variant_make(const Fn *graph, Variant v)
{
    Fn *plain = simplified(graph);
    Module m;
    if (v == VARIANT_PLAIN)
        return plain;
    plain = fn_prune(crop(plain));
    if (v == VARIANT_HOISTED)
        return has_loop(plain) ? hoist(plain, HOIST_ROOM) : NULL;
    if (!module_of(plain, &m))
        return NULL;
    Fn *gradients = differentiate(&m, m.loss);
    if (v == VARIANT_GRADIENTS)
        return fn_prune(blockwise(hoist(gradients, HOIST_ROOM), FEW_ELEMENTS, false));
    return fn_prune(blockwise(hoist(compose_train_step(&m, gradients, update_of(&m)), FEW_BYTES), FEW_ELEMENTS, true));
}

Case *variant_case(Arena *a, const Fn *fn, Variant v, uint64_t salt)
{
    Case *c = NEW(a, Case);
    *c = (Case){
        .fn = fn, .variant = v, .in = input_values(a, fn, salt), .out = NEWN(a, Bounded, fn->result.n + 1)};
    c->outcome = bound_interpret(a, fn, c->in, c->out);
    return c;
}

/* ---- checks -------------------------------------------------------------------------------------- */
static const char *verified(Arena *a, const Fn *fn, const char *what)
{
    const Node *guilty = NULL;
    const char *why = fn_verify(a, fn, &guilty);
    return why ? arena_printf(a, "%s does not verify: %s", what, why) : NULL;
}

static const char *printed_and_read(Arena *a, const Fn *fn, const char *what)
{
    StrBuf first = {.a = a}, second = {.a = a};
    fn_print(&first, fn);
    Diag *d = diag_new(a);
    Fn *read = fn_parse(a, d, diag_add_source(d, "graph", sb_text(&first), strlen(sb_text(&first))));
    if (!read)
        return arena_printf(a, "%s cannot be read back: %s", what, diag_text(d, a));
    fn_print(&second, read);
    return strcmp(sb_text(&first), sb_text(&second))
               ? arena_printf(a, "%s is printed otherwise when read back", what)
               : NULL;
}

/* Rewriting is at its end after the second time: the first leaves what it rewrote behind. */
static const char *settles(Arena *a, const Fn *fn)
{
    StrBuf once = {.a = a}, again = {.a = a};
    Fn *settled = simplified(simplified(fn));
    fn_print(&once, settled);
    fn_print(&again, simplified(settled));
    return strcmp(sb_text(&once), sb_text(&again)) ? "simplify: rewrites what it has rewritten" : NULL;
}

static int checks_in(const Fn *fn)
{
    int n = 0;
    for (int i = 0; i < fn->node.n; i++) {
        n += fn->node.at[i]->op == OP_CHECK;
        n += fn->node.at[i]->op == OP_SCAN ? checks_in(fn->node.at[i]->attr.scan.body) : 0;
    }
    return n;
}

/* The results of `after`, computed in double, are those of `before` within what `before` itself may be off
 * by. A function that lost a check, because nothing needs what it checked, may succeed where the other fails.
 * Hoisting adds up before it multiplies: where infinities of both signs meet, NaN may become one of them, and
 * what was too small for a float may not be so any more. */
static const char *keeps_values(Arena *a, const Case *before, const Fn *after, uint64_t salt,
                                const char *what)
{
    bool distributes = !strncmp(what, "hoist", 5) || !strcmp(what, "parts");
    const char *why = before->outcome == OUTCOME_INVALID
                          ? "invalid: an index is out of range that nothing checks"
                          : verified(a, after, what);
    if (!why)
        why = printed_and_read(a, after, what);
    if (why || before->outcome == OUTCOME_UNCLEAR)
        return why;
    Case *given = variant_case(a, after, VARIANT_PLAIN, salt);
    bool fine = given->outcome == OUTCOME_FINE;
    if (given->outcome == OUTCOME_UNCLEAR)
        return NULL;
    if (given->outcome == OUTCOME_INVALID)
        return arena_printf(a, "%s: an index is out of range and no longer checked", what);
    if (fine != (before->outcome == OUTCOME_FINE))
        return fine && checks_in(after) < checks_in(before->fn)
                   ? NULL
                   : arena_printf(a, "%s: an index is out of range %s", what,
                                  fine ? "only before" : "only after");
    for (int i = 0; fine && i < before->fn->result.n; i++) {
        const Port *port = &before->fn->result.at[i];
        const Bounded *x = &before->out[i], *y = NULL;
        for (int k = 0; k < after->result.n; k++)
            if (after->result.at[k].role == port->role && after->result.at[k].index == port->index)
                y = &given->out[k];
        for (int64_t e = 0; y && e < type_count(y->type); e++)
            if (!bound_holds(x, e, y->value[e]) && !isinf(y->error[e]) &&
                !(distributes && !isfinite(x->value[e]) && !isfinite(y->value[e])) &&
                !(distributes && fabs(x->value[e] - y->value[e]) < FLT_MIN) &&
                !(fabs(x->value[e] - y->value[e]) <= 1e-12 * fabs(x->value[e])))
                return arena_printf(a, "%s: %s %d, element %lld: %.15g became %.15g", what,
                                    role_name(port->role), port->index, (long long)e, x->value[e],
                                    y->value[e]);
    }
    return NULL;
}

/* Loops over parts of the batch, of an example each. */
static const char *in_parts(Arena *a, const Case *before, const Fn *fn, uint64_t salt)
{
    const Fn *parts = by_parts(a, fn, (PartLimits){.l2 = 1, .always = true});
    return parts ? keeps_values(a, before, parts, salt, "parts") : NULL;
}

/* The inputs that have as many examples as the first are a batch; all others are parameters. NULL where no input has any. */
static Fn *with_batch(const Fn *fn, int64_t *batch)
{
    enum { OTHERS = 2000 };
    Fn *to = fn_new(fn->a, fn->name);
    Node **map = NEWN(fn->a, Node *, fn->node.n + 1);
    *batch = 0;
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        Type t = port->node->type;
        bool given = port->role == ROLE_INPUT || port->role == ROLE_TARGET;
        if (given && !*batch && t.rank && t.dim[0] > 1)
            *batch = t.dim[0];
        bool examples = t.rank && t.dim[0] == *batch;
        map[port->node->id] = fn_input(to, given && !examples ? ROLE_PARAM : port->role, given && !examples ? OTHERS + i : port->index, port->name, t);
    }
    fn_inline(to, fn, map);
    for (int i = 0; i < fn->result.n; i++)
        fn_result(to, fn->result.at[i].role, fn->result.at[i].index, fn->result.at[i].name, map[fn->result.at[i].node->id]);
    return *batch ? to : NULL;
}

static const char *in_micro_batches(Arena *a, const Fn *from, uint64_t salt, Tally *tally)
{
    int64_t batch;
    const Fn *fn = with_batch(from, &batch);
    if (!fn || micro_batch_mixes(a, fn, batch))
        return NULL;
    const Case *before = variant_case(a, fn, VARIANT_PLAIN, salt);
    const char *why = NULL;
    for (int64_t size = 1; size < batch && !why; size++)
        if (batch % size == 0)
            why = keeps_values(a, before, micro_batch(a, fn, batch, size), salt, "micro_batch");
    tally->micro++;
    return why;
}

/* ---- gradients against differences --------------------------------------------------------------- */
/* Of what passes no gradient although its value moves (stop_gradient, rem), in a body. */
static bool hides_slope(const Fn *fn)
{
    for (int i = 0; i < fn->node.n; i++) {
        const Node *n = fn->node.at[i];
        bool moves = n->type.dt == DT_F32 && n->nin > 0 && !op_info(n->op)->grad && n->op != OP_FLOOR &&
                     n->op != OP_RANDOM;
        if (moves || (n->op == OP_SCAN && hides_slope(n->attr.scan.body)))
            return true;
    }
    return false;
}

static bool is_special(const Fn *fn)
{
    for (int i = 0; i < fn->input.n; i++)
        if (named(fn->input.at[i].name, "special"))
            return true;
    return false;
}

static bool loss_at(const Fn *loss, const Value *in, const Value *along, double t, double *sum)
{
    Arena *a = arena_new();
    Value *at = NEWN(a, Value, loss->input.n + 1), out[64];
    const char *why;
    for (int i = 0; i < loss->input.n; i++) {
        at[i] = value_new(a, in[i].type);
        for (int64_t k = 0; k < type_count(in[i].type); k++)
            at[i].at[k] = in[i].at[k] + (along[i].at ? t * along[i].at[k] : 0);
    }
    bool fine = loss->result.n <= LEN(out) && fn_interpret(a, loss, PRECISION_F64, at, out, &why);
    for (int i = 0; fine && i < loss->result.n; i++)
        if (loss->result.at[i].role == ROLE_LOSS)
            *sum = out[i].at[0];
    arena_free(a);
    return fine && isfinite(*sum);
}

/* The slope along a direction by central differences, extrapolated, and by how much the slopes of both sides differ; false where the
 * function has no value. */
static bool slope(const Fn *loss, const Value *in, const Value *along, double h, double *d, double *bend)
{
    double up, here, down, up2, down2;
    if (!loss_at(loss, in, along, 0, &here) || !loss_at(loss, in, along, h, &up) || !loss_at(loss, in, along, -h, &down) ||
        !loss_at(loss, in, along, 2 * h, &up2) || !loss_at(loss, in, along, -2 * h, &down2))
        return false;
    *d = (8 * (up - down) - (up2 - down2)) / (12 * h);
    *bend = (up - 2 * here + down) / h;
    return true;
}

/* At a point in general position: the gradient along a random direction is what differences say, where these
 * agree with one another, and those of both sides do: where two values happen to be equal there may be a kink. */
static const char *is_difference(Arena *a, const Module *m, const Fn *gradients, uint64_t salt, Tally *tally)
{
    const Fn *loss = m->loss;
    if (hides_slope(loss) || is_special(loss))
        return NULL;
    Value *in = NEWN(a, Value, loss->input.n + 1), *along = NEWN(a, Value, loss->input.n + 1),
          *out = NEWN(a, Value, gradients->result.n + 1);
    Value *given = NEWN(a, Value, gradients->input.n + 1);
    for (int i = 0; i < loss->input.n; i++) {
        const Port *port = &loss->input.at[i];
        bool generic = port->node->type.dt == DT_F32 && !named(port->name, "positive");
        in[i] = valued(a, port, generic ? "generic" : port->name, salt);
        if (port->role == ROLE_PARAM && port->node->type.dt == DT_F32)
            along[i] = valued(a, port, "generic", salt + 7);
        for (int k = 0; k < gradients->input.n; k++)
            if (gradients->input.at[k].role == port->role && gradients->input.at[k].index == port->index)
                given[k] = in[i];
    }
    for (int k = 0; k < gradients->input.n; k++)
        if (!given[k].at)
            given[k] = input_value(a, &gradients->input.at[k], salt);
    const char *why;
    if (!fn_interpret(a, gradients, PRECISION_F64, given, out, &why))
        return NULL;
    double has = 0, size = 0, value = 0, d[3], bend[3];
    for (int i = 0; i < gradients->result.n; i++) {
        const Port *port = &gradients->result.at[i];
        for (int k = 0; port->role == ROLE_GRADIENT && k < loss->input.n; k++)
            if (loss->input.at[k].role == ROLE_PARAM && loss->input.at[k].index == port->index)
                for (int64_t e = 0; e < type_count(out[i].type); e++) {
                    has += out[i].at[e] * along[k].at[e];
                    size += fabs(out[i].at[e] * along[k].at[e]);
                }
        if (port->role == ROLE_LOSS)
            value = out[i].at[0];
    }
    double h = 2e-4;
    for (int i = 0; i < 3; i++, h /= 4)
        if (!slope(loss, in, along, h, &d[i], &bend[i])) {
            tally->undecided++;
            return NULL;
        }
    double scale = size + fabs(d[1]), apart = fmax(fabs(d[0] - d[1]), fabs(d[1] - d[2])),
           noise = 1e-14 * (fabs(value) + 1) / h;
    bool kink = fabs(bend[2]) > 1e-5 * scale + 4 * noise && fabs(bend[2]) > 0.5 * fabs(bend[0]);     /* else a 16th, with h */
    if (!isfinite(has) || !(apart <= 1e-5 * scale + noise) || kink) {
        tally->undecided++;
        return NULL;
    }
    tally->differences++;
    if (fabs(has - d[1]) <= 1e-6 * scale + 20 * (apart + noise))
        return NULL;
    return arena_printf(a, "gradients: along a direction %.12g, differences say %.12g", has, d[1]);
}

static const char *check_gradients(Arena *a, const Fn *plain, uint64_t salt, Tally *tally)
{
    Module m;
    if (!module_of(plain, &m))
        return NULL;
    Fn *gradients = differentiate(&m, m.loss), *update = update_of(&m);
    const char *why = verified(a, gradients, "differentiate");
    if (!why)
        why = keeps_values(a, variant_case(a, m.loss, VARIANT_PLAIN, salt), gradients, salt, "differentiate");
    if (why)
        return why;
    Case *before = variant_case(a, gradients, VARIANT_GRADIENTS, salt);
    why = keeps_values(a, before, hoist(gradients, HOIST_ROOM), salt, "hoist of gradients");
    if (!why)
        why = keeps_values(a, before, hoist(gradients, FEW_BYTES), salt, "hoist of gradients in strips");
    if (!why)
        why = keeps_values(a, before, blockwise(gradients, FEW_ELEMENTS, false), salt, "blockwise");
    if (!why)
        why = keeps_values(a, before, blockwise(gradients, FEW_ELEMENTS, true), salt, "blockwise, sparing");
    if (!why)
        why = is_difference(a, &m, gradients, salt, tally);
    if (why || before->outcome != OUTCOME_FINE)
        return why;
    /* the step is the update of the gradients: fed with them, the update gives what the step does */
    Fn *step = compose_train_step(&m, gradients, update);
    Case *whole = variant_case(a, step, VARIANT_STEP, salt);
    Value *in = NEWN(a, Value, update->input.n + 1), *out = NEWN(a, Value, update->result.n + 1);
    for (int i = 0; i < update->input.n; i++) {
        const Port *port = &update->input.at[i];
        in[i] = input_value(a, port, salt);
        for (int k = 0; port->role == ROLE_GRADIENT && k < gradients->result.n; k++)
            if (gradients->result.at[k].role == ROLE_GRADIENT && gradients->result.at[k].index == port->index)
                in[i].at = before->out[k].value;
    }
    fn_interpret(a, update, PRECISION_F64, in, out, &why);
    for (int i = 0; whole->outcome == OUTCOME_FINE && i < update->result.n; i++)
        for (int k = 0; k < step->result.n; k++)
            for (int64_t e = 0;
                 step->result.at[k].role == update->result.at[i].role &&
                 step->result.at[k].index == update->result.at[i].index && e < type_count(out[i].type);
                 e++)
                if (!bound_holds(&whole->out[k], e, out[i].at[e]))
                    return arena_printf(a, "compose: result %d, element %lld: %.15g, not %.15g", k,
                                        (long long)e, whole->out[k].value[e], out[i].at[e]);
    why = in_micro_batches(a, step, salt, tally);
    if (!why)
        why = in_parts(a, whole, step, salt);
    return why ? why : keeps_values(a, whole, hoist(step, HOIST_ROOM), salt, "hoist of the step");
}

const char *check_passes(Arena *a, const Fn *graph, uint64_t salt, Tally *tally)
{
    const char *why = verified(a, graph, "the graph");
    if (!why)
        why = printed_and_read(a, graph, "the graph");
    if (why)
        return why;
    Case *given = variant_case(a, graph, VARIANT_PLAIN, salt);
    Fn *plain = simplified(graph);
    why = keeps_values(a, given, plain, salt, "simplify");
    if (!why)
        why = settles(a, plain);
    if (!why)
        why = keeps_values(a, given, crop(plain), salt, "crop");
    if (why)
        return why;
    plain = crop(plain);
    if (!why && has_loop(plain)) {
        Fn *hoisted = hoist(plain, HOIST_ROOM);
        why = keeps_values(a, given, hoisted, salt, "hoist");
        if (!why)
            why = keeps_values(a, given, hoist(hoisted, HOIST_ROOM), salt, "hoist twice");
        if (!why)
            why = keeps_values(a, given, hoist(plain, FEW_BYTES), salt, "hoist in strips");
    }
    if (!why)
        why = in_parts(a, given, plain, salt);
    if (!why)
        why = in_micro_batches(a, plain, salt, tally);
    return why ? why : check_gradients(a, plain, salt, tally);
}

/* ---- changed graphs ------------------------------------------------------------------------------ */
static bool differs(double x, double y)
{
    return !(x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-9 * fabs(x));
}

void check_mutant(Arena *a, const Fn *graph, uint64_t salt, Tally *tally)
{
    uint64_t random = salt;
    Fn *changed = mutated(a, graph, &random);
    Case *c = variant_case(a, graph, VARIANT_PLAIN, salt);
    if (!changed || c->outcome != OUTCOME_FINE)
        return;
    Value *out = NEWN(a, Value, changed->result.n + 1);
    const char *why;
    bool other = false, found = false;
    if (!fn_interpret(a, changed, PRECISION_F64, input_values(a, changed, salt), out, &why))
        other = found = true;
    for (int i = 0; !found && i < graph->result.n; i++)
        for (int64_t k = 0; k < type_count(out[i].type); k++) {
            other |= differs(c->out[i].value[k], out[i].at[k]);
            found |= !bound_holds(&c->out[i], k, out[i].at[k]);
        }
    tally->mutants += other;
    tally->survivors += other && !found;
}
