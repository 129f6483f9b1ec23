/* SPDX-License-Identifier: MIT */
/* stepwise.c: inference of a whole sequence becomes inference of one time step, and what it has to remember
 * becomes streams.
 *
 *     a loop over time          its body, once; the carries are streams
 *     a window or convolution   the same over the steps it reaches back, which are a stream, and this one
 *     an earlier step           a stream as long as it lies back
 *     whatever treats each      the same, of one step
 *     step alone
 *     a table with a row for    the row of this step, which is counted; the call fails behind the last
 *     each step
 *
 * Time is the leading axis of each input. Every other operation on that axis needs the whole sequence, which
 * is an error at its place.
 *
 * needs: infer as elaborated, without streams. gives: infer of one step, start, streams; inputs and outputs
 * of one step. The result at each step is that of the sequence, to the bit where sums are added in the same
 * order. */
#include "stepwise.h"

static Flow whole(Stepwise *s, const Node *n, const char *why)
{
    diag_error(s->d, n->span, "this needs the whole sequence: %s", why);
    return (Flow){.kind = FLOW_NONE};
}

bool is_timed(const Stepwise *s, const Node *n)
{
    return s->flow[n->id].kind == FLOW_TIMED;
}

/* A window of `size` steps that lie `dilation` apart, over x padded by `lo` zeros: what it needs, and its
 * flow without the node. */
static Node *windowed(Stepwise *s, const Node *n, int64_t size, int64_t dilation, int64_t lo, int64_t hi,
                      Flow *f)
{
    const Node *x = n->in[0];
    const Flow *of = &s->flow[x->id];
    const int64_t reach = (size - 1) * dilation;
    Node *zero = node_full(s->fn, of->step->type, 0), *step = of->step, *early;
    if (lo > 0)
        step = from_step(s, of->offset, step, zero);
    early = lo > 0 ? node_full(s->start, of->step->type, 0) : before_start(s, x);
    *f = *of;
    f->n = of->n + lo + hi - reach;
    f->offset = of->offset - lo + reach;
    if (f->offset < 0 || !early || (lo > 0 && of->offset < 0))
        return NULL;
    return with_past(s, n, step, early, of->axis, reach);
}

static const char *const too_early = "it begins before the first step, in the padding";

/* ---- one node ------------------------------------------------------------------------------------------ */
/* A flow whose elements may have come to an end. */
static Flow settled(Stepwise *s, const Node *n, Flow f)
{
    if (f.kind != FLOW_TIMED)
        return f;
    if (f.n + f.offset <= s->length)
        f.ahead = NULL;
    else if (!f.ahead)
        f.ahead = n;
    if (f.n > 1)
        return f;
    if (f.offset != s->length - 1)
        return whole(s, f.ahead ? f.ahead : n,
                     f.ahead ? "it sees what comes later" : "it reads a step that is not the last");
    f.kind = FLOW_NOW;
    return f;
}

/* Every result in time, none before the first step. */
static bool in_time(Stepwise *s, const Flow *f, const Node *n)
{
    if (f->ahead || f->offset < 0)
        whole(s, f->ahead ? f->ahead : n, f->ahead ? "it sees what comes later" : too_early);
    return !f->ahead && f->offset >= 0;
}

static Flow step_conv(Stepwise *s, const Node *n, Node *const *in)
{
    const Flow *of = &s->flow[n->in[0]->id];
    const int k = of->axis - 1;
    Attr attr = n->attr;
    Flow f;
    if (attr.conv.stride[k] != 1 || attr.conv.lhs_dilation[k] != 1)
        return whole(s, n, "its strides in time are not 1");
    Node *x = windowed(s, n, n->in[1]->type.dim[k], attr.conv.rhs_dilation[k], attr.conv.pad_lo[k],
                       attr.conv.pad_hi[k], &f);
    if (!x)
        return whole(s, n, too_early);
    attr.conv.pad_lo[k] = attr.conv.pad_hi[k] = 0;
    f.step = node_conv(s->fn, x, in[1], &attr);
    return f;
}

static Flow step_window(Stepwise *s, const Node *n)
{
    const int axis = n->attr.window.axis;
    Flow f;
    if (n->attr.window.stride != 1)
        return whole(s, n, "its strides in time are not 1");
    Node *x = windowed(s, n, n->attr.window.size, n->attr.window.dilation, 0, 0, &f);
    if (!x)
        return whole(s, n, too_early);
    f.step = node_window(s->fn, x, axis, n->attr.window.size, 1, n->attr.window.dilation);
    return f;
}

/* The common axis and lateness of what n has of time; false once it is said what is wrong. */
static bool meet(Stepwise *s, const Node *n, Flow *f)
{
    const char *why = NULL;
    *f = (Flow){.kind = FLOW_TIMED, .axis = -1};
    for (int i = 0; i < n->nin; i++) {
        const Flow *of = &s->flow[n->in[i]->id];
        if (of->kind == FLOW_NOW)
            why = "it takes a last step back to all of them";
        if (of->kind != FLOW_TIMED || why)
            continue;
        const int axis = axis_behind(n, i, of->axis, &why);
        why = axis < 0 ? why : NULL;
        if (axis >= 0 && f->axis >= 0 && axis != f->axis)
            why = "it meets every step with every other";
        if (axis < 0 || why)
            continue;
        f->offset = f->axis < 0 || of->offset > f->offset ? of->offset : f->offset;
        f->ahead = of->ahead ? of->ahead : f->ahead;
        f->axis = axis;
        f->n = n->type.dim[axis];
    }
    if (why)
        whole(s, n, why);
    return !why;
}

/* What a slice or a pad does to time itself. */
static const char *move_time(const Node *n, Flow *f)
{
    const int k = f->axis;
    if (n->op == OP_SLICE) {
        f->offset += n->attr.slice.start[k];
        return n->attr.slice.stride[k] == 1 ? NULL : "its strides in time are not 1";
    }
    if (n->op == OP_PAD) {
        f->offset -= n->attr.pad.lo[k];
        return n->attr.pad.interior[k] == 0 ? NULL : "its strides in time are not 1";
    }
    return NULL;
}

static Flow step_alone(Stepwise *s, const Node *n, Node **in)
{
    Flow f;
    if (!meet(s, n, &f))
        return (Flow){.kind = FLOW_NONE};
    for (int i = 0; i < n->nin; i++) {
        const Flow *of = &s->flow[n->in[i]->id];
        const int axis = axis_before(n, i, f.axis);
        if (of->kind == FLOW_TIMED)
            in[i] = delayed(s, n->in[i], f.offset - of->offset);
        else if (axis >= 0)
            in[i] = f.offset < 0 ? repeated_in(s, s->fn, n->in[i], axis)
                                 : fixed_part(s, n->in[i], axis, f.offset);
        if (!in[i])
            return whole(s, n, too_early);
    }
    const Attr attr = attr_of_part(n, f.axis, 1);
    const int64_t offset = f.offset;
    const char *why = move_time(n, &f);
    if (why)
        return whole(s, n, why);
    f.step = node_make(s->fn, n->op, n->nin, in, &attr);
    if (n->op == OP_PAD && n->attr.pad.lo[f.axis])
        f.step = from_step(s, offset, f.step, node_full(s->fn, f.step->type, n->attr.pad.value));
    return f;
}

/* ---- loops --------------------------------------------------------------------------------------------- */
/* NULL where the scan's body can be this step's; otherwise why not. */
static const char *not_over_time(const Stepwise *s, const Node *n, Flow *f)
{
    const int ncarry = n->attr.scan.ncarry, nslice = n->attr.scan.nslice;
    *f = (Flow){.kind = FLOW_TIMED, .n = n->attr.scan.length};
    if (n->attr.scan.reverse)
        return "it begins at the end";
    for (int i = 0; i < n->nin; i++) {
        const Flow *of = &s->flow[n->in[i]->id];
        const bool slice = i >= ncarry && i < ncarry + nslice;
        if (of->kind == FLOW_NOW)
            return i < ncarry ? "it begins with a last step" : "it takes a last step back to all of them";
        if (of->kind == FLOW_FIXED)
            continue;
        if (!slice || of->axis != 0)
            return "it has all steps at each turn of a loop";
        f->offset = of->offset > f->offset ? of->offset : f->offset;
        f->ahead = of->ahead ? of->ahead : f->ahead;
        if (of->offset < 0)
            return too_early;
    }
    return NULL;
}

static Flow step_scan(Stepwise *s, const Node *n)
{
    const Fn *body = n->attr.scan.body;
    const int ncarry = n->attr.scan.ncarry, nslice = n->attr.scan.nslice;
    Node **map = NEWN(s->a, Node *, body->node.n + 1);
    Memory *kept = NEWN(s->a, Memory, ncarry + 1);
    Flow f;
    const char *why = not_over_time(s, n, &f);
    if (why)
        return whole(s, n, why);
    for (int i = 0; i < n->nin; i++) {
        const Port *port = &body->input.at[i];
        const Flow *of = &s->flow[n->in[i]->id];
        Node **in = &map[port->node->id];
        if (i < ncarry) {
            const char *name = body->result.at[i].node->name;
            kept[i] = remember(s, name ? name : port->name, n->span, fixed_in(s, s->start, n->in[i]));
            *in = kept[i].value;
            continue;
        }
        *in = of->step;
        if (i < ncarry + nslice) {
            Node *part = of->kind == FLOW_TIMED ? delayed(s, n->in[i], f.offset - of->offset)
                                                : fixed_part(s, n->in[i], 0, f.offset);
            *in = node_reshape(s->fn, part, part->type.rank - 1, part->type.dim + 1);
        }
    }
    fn_inline(s->fn, body, map);
    s->results[n->id] = NEWN(s->a, Node *, body->result.n + 1);
    for (int i = 0; i < body->result.n; i++) {
        Node *made = map[body->result.at[i].node->id];
        if (i < ncarry) {
            made = from_step(s, f.offset, made, kept[i].value);
            leave(s, &kept[i], made);
        }
        s->results[n->id][i] = i < ncarry ? made : node_insert_axis(s->fn, made, 0, 1);
    }
    return f;
}

static Flow step_result(Stepwise *s, const Node *n)
{
    const Node *scan = n->in[0];
    Flow f = s->flow[scan->id];
    f.step = s->results[scan->id][n->attr.index.index];
    if (n->attr.index.index >= scan->attr.scan.ncarry)
        return f;
    if (!in_time(s, &f, scan))
        return (Flow){.kind = FLOW_NONE};
    if (f.n + f.offset != s->length)
        return whole(s, n, "it reads a step that is not the last");
    f.kind = FLOW_NOW;
    return f;
}

/* ---- the function -------------------------------------------------------------------------------------- */
static Flow step_input(Stepwise *s, const Node *n)
{
    if (n->attr.input.role != ROLE_INPUT)
        return (Flow){.kind = FLOW_FIXED, .step = node_rebuild(s->fn, n, NULL)};
    Entry *entry = &s->m->inputs.at[n->attr.input.index];
    Type t = n->type;
    Node *x =
        fn_input(s->fn, ROLE_INPUT, n->attr.input.index, n->name, type_insert(entry->type, 0, s->m->batch));
    t.dim[1] = 1;
    return (Flow){
        .kind = FLOW_TIMED, .axis = 1, .n = s->length, .step = node_reshape(s->fn, x, t.rank, t.dim)};
}

static bool is_over_time(const Stepwise *s, const Node *n, int axis)
{
    return is_timed(s, n->in[0]) && s->flow[n->in[0]->id].axis == axis;
}

static Flow flow_of(Stepwise *s, const Node *n)
{
    Node **in = NEWN(s->a, Node *, n->nin + 1);
    FlowKind kind = FLOW_FIXED;
    bool timed = false;
    for (int i = 0; i < n->nin; i++) {
        const Flow *of = &s->flow[n->in[i]->id];
        if (of->kind == FLOW_NONE)
            return *of;
        kind = of->kind == FLOW_NOW ? FLOW_NOW : kind;
        timed |= of->kind == FLOW_TIMED;
        in[i] = of->step;
    }
    if (n->op == OP_INPUT)
        return step_input(s, n);
    if (n->op == OP_RESULT && timed)
        return step_result(s, n);
    if (!timed)
        return (Flow){.kind = kind, .step = node_rebuild(s->fn, n, in)};
    if (n->op == OP_SCAN)
        return step_scan(s, n);
    if (n->op == OP_WINDOW && is_over_time(s, n, n->attr.window.axis))
        return step_window(s, n);
    if (n->op == OP_CONV && is_timed(s, n->in[0]) && s->flow[n->in[1]->id].kind == FLOW_FIXED &&
        s->flow[n->in[0]->id].axis > 0 && s->flow[n->in[0]->id].axis <= n->attr.conv.nspatial)
        return step_conv(s, n, in);
    return step_alone(s, n, in);
}

/* The inputs' common length, which leaves their types; 0 once it is said what is wrong. */
static int64_t take_time(Stepwise *s)
{
    int64_t length = 0;
    for (int i = 0; i < s->m->inputs.n; i++) {
        Entry *e = &s->m->inputs.at[i];
        if (!e->type.rank || e->type.dim[0] < 2 || (length && e->type.dim[0] != length)) {
            diag_error(
                s->d, e->span,
                "`%s` is %s; a step is one of the leading axis, which must be%s the same for all inputs",
                e->name, type_text(s->a, e->type), length ? "" : " longer than 1 and");
            return 0;
        }
        length = e->type.dim[0];
    }
    if (!length)
        diag_error(s->d, s->old->span, "a model without inputs has no steps");
    for (int i = 0; length && i < s->m->inputs.n; i++)
        s->m->inputs.at[i].type = type_drop(s->m->inputs.at[i].type, 0);
    return length;
}

static void give_results(Stepwise *s)
{
    for (int i = 0; i < s->old->result.n; i++) {
        const Port *port = &s->old->result.at[i];
        const Flow *f = &s->flow[port->node->id];
        Entry *entry = port->role == ROLE_OUTPUT ? &s->m->outputs.at[port->index] : NULL;
        if (f->kind == FLOW_NONE || (f->kind == FLOW_TIMED && !in_time(s, f, port->node)))
            continue;
        Node *out = f->step;
        if (f->kind == FLOW_TIMED) {
            Type t = type_drop(out->type, f->axis);
            out = node_reshape(s->fn, out, t.rank, t.dim);
            entry->type = type_drop(t, 0);
            entry->delay = f->offset;
        }
        fn_result(s->fn, port->role, port->index, port->name, out);
    }
}

void stepwise(Module *m, Diag *d)
{
    Stepwise s = {.a = m->a, .d = d, .m = m, .old = m->infer, .names = {.a = m->a}};
    if (m->streams.n) {
        diag_error(d, m->streams.at[0].span, "a model with streams of its own goes step by step already");
        diag_help(d, "compile it for one step at a time: --set LENGTH=1, or whatever its length is called");
        return;
    }
    s.length = take_time(&s);
    if (!s.length)
        return;
    s.fn = fn_new(m->a, s.old->name);
    s.start = fn_new(m->a, "start");
    s.fn->span = s.start->span = s.old->span;
    s.flow = NEWN(m->a, Flow, s.old->node.n + 1);
    s.repeated[0] = NEWN(m->a, Repeated, s.old->node.n + 1);
    s.repeated[1] = NEWN(m->a, Repeated, s.old->node.n + 1);
    s.begun = NEWN(m->a, Node *, s.old->node.n + 1);
    s.results = NEWN(m->a, Node **, s.old->node.n + 1);
    for (int id = 0; id < s.old->node.n; id++) {
        const Node *n = s.old->node.at[id];
        s.fn->span = n->span;
        s.flow[id] = settled(&s, n, flow_of(&s, n));
        if (s.flow[id].kind == FLOW_TIMED && n->name && s.flow[id].step && !s.flow[id].step->name)
            s.flow[id].step->name = n->name;
    }
    s.fn->span = s.old->span;
    give_results(&s);
    if (diag_errors(d))
        return;
    m->infer = fn_prune(s.fn);
    m->start = m->streams.n ? fn_prune(s.start) : NULL;
}
