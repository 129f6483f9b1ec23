/* SPDX-License-Identifier: MIT */
/* elaborate_tensor.c: terms that are nodes. The batch axis, where a term has one, is axis 0 of its node;
 * everything a program says about axes and shapes is about the example, and is shifted here. */
#include <string.h>

#include "elaborate_internal.h"

Term term_node(Elab *e, Node *n, bool batched)
{
    return (Term){.kind = TERM_TENSOR, .node = n, .frame = e->frame, .batched = batched};
}

Type example_type(Term t) { return t.batched ? type_drop(t.node->type, 0) : t.node->type; }

/* ---- frames -------------------------------------------------------------------------------------------- */

static Node *find_capture(const Frame *f, const Node *outer, bool slice)
{
    for (int i = 0; i < f->captures.n; i++)
        if (f->captures.at[i].outer == outer && f->captures.at[i].slice == slice)
            return f->captures.at[i].inner;
    return NULL;
}

static Node *add_capture(Elab *e, Frame *f, Node *outer, Node *inner, bool slice)
{
    Capture c = {.outer = outer, .inner = inner, .slice = slice};
    vec_push(e->a, &f->captures, c);
    return inner;
}

/* A node of `from` as seen in f: itself, or handed inwards loop by loop. NULL where f does not lie inside
 * `from`. */
Node *frame_capture(Elab *e, Frame *f, Frame *from, Node *n)
{
    if (f == from)
        return n;
    if (!f->outer)
        return NULL;
    Node *outer = frame_capture(e, f->outer, from, n);
    if (!outer)
        return NULL;
    Node *inner = find_capture(f, outer, false);
    if (inner)
        return inner;
    double value;
    f->fn->span = outer->span;
    if (is_const(outer, &value))
        inner = node_full(f->fn, outer->type, value);
    else
        inner = fn_input(f->fn, ROLE_INVARIANT, f->ninvariant++, outer->name, outer->type);
    return add_capture(e, f, outer, inner, false);
}

/* This step's slice of a node of the enclosing frame. */
Node *frame_slice_input(Elab *e, Frame *f, Node *outer, const char *name)
{
    Node *inner = find_capture(f, outer, true);
    if (inner)
        return inner;
    inner = fn_input(f->fn, ROLE_SLICE, f->nslice++, name, type_drop(outer->type, 0));
    return add_capture(e, f, outer, inner, true);
}

bool here(Elab *e, Span sp, Term *t)
{
    if (t->kind != TERM_TENSOR || t->frame == e->frame)
        return true;
    Node *n = frame_capture(e, e->frame, t->frame, t->node);
    if (n) {
        t->node = n;
        t->frame = e->frame;
        return true;
    }
    if (e->phase == PHASE_UPDATE && root_frame(e) != e->init) {
        elab_error(e, sp, "an optimizer cannot depend on a tensor of the model");
        diag_note(e->d, "it sees the parameter, its gradient, the step and compile-time values");
    } else if (root_frame(e) == e->frame && e->frame != e->init && e->frame != e->consts) {
        elab_error(e, sp, "what belongs to the whole model cannot depend on a step of a loop");
        diag_note(e->d, "a penalty, and what a stream begins with, are made once for all steps");
    } else if (root_frame(e) == e->consts)
        elab_error(e, sp, "a constant cannot depend on a tensor");
    else {
        elab_error(e, sp, "an initial value cannot depend on a tensor of the computation");
        diag_note(e->d, "it is made once, before any input is seen, from the shape and compile-time values");
    }
    return false;
}

Frame *root_frame(Elab *e)
{
    Frame *f = e->frame;
    while (f->outer)
        f = f->outer;
    return f;
}

/* An input of the whole function, made where it has none. */
Node *root_input(Elab *e, Role role, int index, const char *name, Type t)
{
    Fn *fn = root_frame(e)->fn;
    Node *n = fn_find_input(fn, role, index);
    return n ? n : fn_input(fn, role, index, name, t);
}

/* ---- becoming a tensor --------------------------------------------------------------------------------- */

static Term number_tensor(Elab *e, Span sp, const char *what, Term t, DType dt)
{
    double v = term_number(t);
    if (dt == DT_COUNT)
        dt = t.kind == TERM_INT ? DT_I32 : t.kind == TERM_FLOAT ? DT_F32 : DT_BOOL;
    bool fits = dt == DT_F32 ? t.kind != TERM_BOOL : dt == DT_BOOL ? t.kind == TERM_BOOL : t.kind == TERM_INT;
    if (!fits) {
        elab_error(e, sp, "%s must be %s, found %s", what, dtype_name(dt), term_describe(e, t));
        return term_error();
    }
    bool out = (dt == DT_I32 && (t.integer < INT32_MIN || t.integer > INT32_MAX)) ||
               (dt == DT_U8 && (t.integer < 0 || t.integer > 255));
    if (out) {
        elab_error(e, sp, "%lld does not fit %s", (long long)t.integer, dtype_name(dt));
        return term_error();
    }
    return term_node(e, node_const(e->frame->fn, dt, v), false);
}

Term term_tensor(Elab *e, Span sp, const char *what, Term t, DType dt)
{
    switch (t.kind) {
    case TERM_TENSOR:
        if (!here(e, sp, &t))
            return term_error();
        if (t.weak && dt == DT_F32)
            t = term_node(e, node_cast(e->frame->fn, t.node, DT_F32), t.batched);
        return t;
    case TERM_INT:
    case TERM_FLOAT:
    case TERM_BOOL:
        return number_tensor(e, sp, what, t, dt);
    case TERM_LIST:
        if (t.n > 0)
            return elab_stack(e, sp, t.n, t.item, 0, dt);
        break;
    case TERM_ERROR:
        return t;
    default:
        break;
    }
    elab_error(e, sp, "%s must be a tensor, found %s", what, term_describe(e, t));
    return term_error();
}

/* The element type that numbers among x should take: that of a tensor, else f32 where one is a float;
 * DT_COUNT: no wish. */
DType common_dtype(int n, const Term *x)
{
    DType found = DT_COUNT;
    for (int i = 0; i < n; i++) {
        if (is_tensor(x[i]) && !x[i].weak)
            return x[i].node->type.dt;
        DType inner = x[i].kind == TERM_FLOAT  ? DT_F32
                      : x[i].kind == TERM_LIST ? common_dtype(x[i].n, x[i].item)
                                               : DT_COUNT;
        found = inner != DT_COUNT ? inner : found;
    }
    return found;
}

/* ---- shapes -------------------------------------------------------------------------------------------- */

/* Whether a tensor of this example shape may exist: rank, extents, elements. Counts without overflow. */
bool shape_allowed(Elab *e, Span sp, Type t, bool batched)
{
    int64_t count = batched ? e->batch : 1;
    bool fits = t.rank + (batched ? 1 : 0) <= MAX_RANK;
    if (!fits) {
        elab_error(e, sp, "a tensor of %d axes%s is too deep; at most %d are possible", t.rank,
                   batched ? " and the batch" : "", MAX_RANK);
        return false;
    }
    for (int i = 0; i < t.rank && fits; i++)
        fits = t.dim[i] <= MAX_EXTENT && !__builtin_mul_overflow(count, t.dim[i], &count) &&
               count <= MAX_ELEMENTS;
    if (!fits)
        elab_error(e, sp, "a tensor %s%s is too large; at most 2^31 - 1 elements are possible",
                   type_text(e->a, t),
                   batched ? arena_printf(e->a, " for %lld examples", (long long)e->batch) : "");
    return fits;
}

/* NumPy's rule: trailing axes align, extent 1 stretches. */
bool broadcast_shapes(Type x, Type y, Type *out)
{
    int64_t dim[MAX_RANK];
    int rank = x.rank > y.rank ? x.rank : y.rank;
    for (int i = 1; i <= rank; i++) {
        int64_t dx = i <= x.rank ? x.dim[x.rank - i] : 1;
        int64_t dy = i <= y.rank ? y.dim[y.rank - i] : 1;
        if (dx != dy && dx != 1 && dy != 1)
            return false;
        dim[rank - i] = dx == 1 ? dy : dx;
    }
    *out = type_make(x.dt, rank, dim);
    return true;
}

/* The term's node made [batch, example...] (or [example...]), stretched as NumPy would. */
Node *spread(Elab *e, Term t, Type example, bool batched)
{
    Type from = example_type(t);
    Type want = type_with(example, t.node->type.dt);
    if (batched)
        want = type_insert(want, 0, e->batch);
    if (type_eq(t.node->type, want))
        return t.node;
    int axis[MAX_RANK] = {0}, k = 0;
    if (t.batched)
        axis[k++] = 0;
    for (int i = 0; i < from.rank; i++)
        axis[k++] = (batched ? 1 : 0) + example.rank - from.rank + i;
    return node_broadcast(e->frame->fn, t.node, want, axis);
}

/* ---- element-wise -------------------------------------------------------------------------------------- */

static const char *op_spelling(Op op)
{
    switch (op) {
    case OP_NEG:
    case OP_SUB:
        return "-";
    case OP_ADD:
        return "+";
    case OP_MUL:
        return "*";
    case OP_DIV:
        return "/";
    case OP_REM:
        return "%";
    case OP_POW:
        return "^";
    case OP_EQ:
        return "==";
    case OP_LT:
        return "<";
    case OP_LE:
        return "<=";
    case OP_MAX2:
        return "max";
    case OP_MIN2:
        return "min";
    case OP_SELECT:
        return "where";
    default:
        return op_info(op)->text;
    }
}

/* The element types an operation takes, as a set of bits: those its shape rule has nothing against. */
static unsigned op_takes(Arena *a, Op op)
{
    unsigned set = 0;
    for (DType dt = 0; dt < DT_COUNT; dt++) {
        Node x = {.op = OP_CONST, .type = type_scalar(dt)}, condition = {.op = OP_CONST, .type = type_scalar(DT_BOOL)};
        Node *in[3] = {op == OP_SELECT ? &condition : &x, &x, &x};
        Type t;
        if (!node_infer(a, op, op_info(op)->nin, in, &(Attr){0}, &t))
            set |= 1u << dt;
    }
    return set;
}

static const char *takes_text(Elab *e, unsigned set)
{
    StrBuf sb = {.a = e->a};
    static const DType order[] = {DT_F32, DT_I32, DT_U8, DT_BOOL};
    for (int i = 0; i < LEN(order); i++)
        if (set >> order[i] & 1)
            sb_printf(&sb, "%s%s", sb.n ? " or " : "", dtype_name(order[i]));
    return sb_text(&sb);
}

static void note_operands(Elab *e, int n, const Term *x, const Expr *const *from)
{
    for (int i = 0; i < n; i++)
        if (from && is_tensor(x[i]))
            note_operand(e, from[i], x[i]);
}

/* One element type for all of x; numbers follow the tensors, an i32 made of a constant follows f32. */
static bool agree_dtype(Elab *e, Span sp, Op op, int n, const Term *x, const Expr *const *from, DType *dt)
{
    *dt = DT_COUNT;
    for (int i = 0; i < n; i++)
        if (is_tensor(x[i]) && !x[i].weak && *dt == DT_COUNT)
            *dt = x[i].node->type.dt;
    for (int i = 0; i < n && *dt == DT_COUNT; i++)
        if (x[i].kind == TERM_FLOAT || x[i].kind == TERM_BOOL)
            *dt = x[i].kind == TERM_FLOAT ? DT_F32 : DT_BOOL;
    if (*dt == DT_COUNT)
        *dt = DT_I32;
    for (int i = 0; i < n; i++) {
        if (!is_tensor(x[i]) || x[i].node->type.dt == *dt || (x[i].weak && *dt == DT_F32))
            continue;
        elab_error(e, sp, "`%s` of %s and %s", op_spelling(op), dtype_name(*dt),
                   dtype_name(x[i].node->type.dt));
        note_operands(e, n, x, from);
        diag_help(e->d, "element types are never converted silently; cast(x, %s) converts", dtype_name(*dt));
        return false;
    }
    if (op_takes(e->a, op) >> *dt & 1)
        return true;
    elab_error(e, sp, "`%s` takes %s, found %s", op_spelling(op), takes_text(e, op_takes(e->a, op)),
               dtype_name(*dt));
    note_operands(e, n, x, from);
    if (*dt != DT_F32 && (op_takes(e->a, op) >> DT_F32 & 1))
        diag_help(e->d, "cast(x, f32) converts");
    return false;
}

/* x[0..n) broadcast together; false after a diagnostic. */
static bool align(Elab *e, Span sp, Op op, int n, Term *x, const Expr *const *from, Node **in, bool *batched)
{
    Type shape = example_type(x[0]);
    *batched = false;
    for (int i = 0; i < n; i++)
        *batched |= x[i].batched;
    for (int i = 1; i < n; i++) {
        if (broadcast_shapes(shape, example_type(x[i]), &shape))
            continue;
        elab_error(e, sp, "`%s` cannot broadcast %s with %s", op_spelling(op), type_text(e->a, shape),
                   type_text(e->a, example_type(x[i])));
        note_operands(e, n, x, from);
        return false;
    }
    if (!shape_allowed(e, sp, shape, *batched))
        return false;
    for (int i = 0; i < n; i++)
        in[i] = spread(e, x[i], shape, *batched);
    return true;
}

/* An element-wise operation: numbers become tensors, element types agree, shapes broadcast. `from` (may be
 * NULL) are the operands' expressions, for notes. */
Term elementwise(Elab *e, Span sp, Op op, int n, const Term *given, const Expr *const *from)
{
    Term x[3];
    Node *in[3];
    DType dt;
    bool batched, weak = true;
    int values = op == OP_SELECT ? 1 : 0; /* where the operands of one element type begin */
    DType wish = common_dtype(n - values, given + values);
    for (int i = 0; i < n; i++) {
        if (is_error(given[i]))
            return term_error();
        x[i] = given[i];
        if (!is_tensor(x[i]) && !is_number(x[i]) && x[i].kind != TERM_BOOL)
            x[i] = term_tensor(e, sp, "an operand", x[i], i < values ? DT_COUNT : wish);
        if (is_error(x[i]))
            return x[i];
        weak &= i < values || x[i].weak || x[i].kind == TERM_INT;
    }
    if (!agree_dtype(e, sp, op, n - values, x + values, from ? from + values : NULL, &dt))
        return term_error();
    for (int i = 0; i < n; i++) {
        x[i] = term_tensor(e, sp, i < values ? "a condition" : "an operand", x[i], i < values ? DT_BOOL : dt);
        if (is_error(x[i]))
            return x[i];
    }
    if (values && x[0].node->type.dt != DT_BOOL) {
        elab_error(e, sp, "the condition of `where` must be bool, found %s", term_describe(e, x[0]));
        return term_error();
    }
    if (!align(e, sp, op, n, x, from, in, &batched))
        return term_error();
    Term t = term_node(e, node_make(e->frame->fn, op, n, in, &(Attr){0}), batched);
    t.weak = weak && t.node->type.dt == DT_I32;
    return t;
}

Term elab_unary(Elab *e, Span sp, Op op, Term x, const Expr *from)
{
    return elementwise(e, sp, op, 1, &x, &from);
}

static Term pair(Elab *e, Span sp, Op op, Term x, Term y, const Expr *xe, const Expr *ye)
{
    const Expr *from[] = {xe, ye};
    return elementwise(e, sp, op, 2, (Term[]){x, y}, from);
}

/* x ^ 3 is x * x * x: exact signs, cheap gradients. */
static Term integer_power(Elab *e, Span sp, Term x, int64_t n, const Expr *xe)
{
    Term y = x;
    for (int64_t i = 1; i < n && !is_error(y); i++)
        y = pair(e, sp, OP_MUL, y, x, xe, xe);
    return y;
}

static Term as_float(Elab *e, Span sp, Term t)
{
    if (is_tensor(t) && t.node->type.dt == DT_I32 && here(e, sp, &t))
        return term_node(e, node_cast(e->frame->fn, t.node, DT_F32), t.batched);
    return t;
}

static Term power(Elab *e, Span sp, Term x, Term y, const Expr *xe, const Expr *ye)
{
    if (is_tensor(x) && y.kind == TERM_INT && y.integer >= 1 && y.integer <= 4)
        return integer_power(e, sp, x, y.integer, xe);
    if (is_tensor(x) && y.kind == TERM_FLOAT && y.number == 0.5)
        return elab_unary(e, sp, OP_SQRT, as_float(e, sp, x), xe);
    if (y.kind == TERM_INT)
        y = term_float((double)y.integer);
    if (x.kind == TERM_INT)
        x = term_float((double)x.integer);
    const Term exponent = as_float(e, sp, y);
    return pair(e, sp, OP_POW, as_float(e, sp, x), exponent, xe, ye);
}

static bool integers(Term x, Term y)
{
    bool fx = is_tensor(x) ? x.node->type.dt == DT_F32 : x.kind == TERM_FLOAT;
    bool fy = is_tensor(y) ? y.node->type.dt == DT_F32 : y.kind == TERM_FLOAT;
    return !fx && !fy;
}

static Term divide(Elab *e, Span sp, Operator op, Term x, Term y, const Expr *xe, const Expr *ye)
{
    if (op == OPR_FLOOR_DIV && !integers(x, y))
        return elab_unary(e, sp, OP_FLOOR, pair(e, sp, OP_DIV, x, y, xe, ye), NULL);
    if (op == OPR_DIV && integers(x, y)) {
        elab_error(e, sp, "`/` of integer tensors");
        note_operands(e, 2, (Term[]){x, y}, (const Expr *[]){xe, ye});
        diag_help(e->d, "`//` rounds down; cast(x, f32) / y divides exactly");
        return term_error();
    }
    return pair(e, sp, OP_DIV, x, y, xe, ye);
}

/* An operator of which at least one side is a tensor. */
Term elab_binary(Elab *e, Span sp, Operator op, Term x, Term y, const Expr *xe, const Expr *ye)
{
    if (is_error(x) || is_error(y))
        return term_error();
    switch (op) {
    case OPR_ADD:
        return pair(e, sp, OP_ADD, x, y, xe, ye);
    case OPR_SUB:
        return pair(e, sp, OP_SUB, x, y, xe, ye);
    case OPR_MUL:
        return pair(e, sp, OP_MUL, x, y, xe, ye);
    case OPR_REM:
        return pair(e, sp, OP_REM, x, y, xe, ye);
    case OPR_DIV:
    case OPR_FLOOR_DIV:
        return divide(e, sp, op, x, y, xe, ye);
    case OPR_POW:
        return power(e, sp, x, y, xe, ye);
    case OPR_MATMUL:
        return elab_matmul(e, sp, x, y, xe, ye);
    case OPR_EQ:
        return pair(e, sp, OP_EQ, x, y, xe, ye);
    case OPR_NE:
        return elab_unary(e, sp, OP_NOT, pair(e, sp, OP_EQ, x, y, xe, ye), NULL);
    case OPR_LT:
        return pair(e, sp, OP_LT, x, y, xe, ye);
    case OPR_LE:
        return pair(e, sp, OP_LE, x, y, xe, ye);
    case OPR_GT:
        return pair(e, sp, OP_LT, y, x, ye, xe);
    case OPR_GE:
        return pair(e, sp, OP_LE, y, x, ye, xe);
    case OPR_AND:
        return pair(e, sp, OP_AND, x, y, xe, ye);
    case OPR_OR:
        return pair(e, sp, OP_OR, x, y, xe, ye);
    default:
        BUG("operator %d on tensors", (int)op);
    }
}

/* A number, or a scalar tensor, filling a shape. */
Term elab_full(Elab *e, Span sp, Term value, Type shape)
{
    if (is_error(value) || !shape_allowed(e, sp, shape, value.batched))
        return term_error();
    if (is_number(value) || value.kind == TERM_BOOL) {
        Term scalar = number_tensor(e, sp, "the value", value, shape.dt);
        return is_error(scalar) ? scalar
                                : term_node(e, node_full(e->frame->fn, shape, term_number(value)), false);
    }
    value = term_tensor(e, sp, "the value", value, shape.dt);
    Type out;
    if (is_error(value))
        return value;
    if (!broadcast_shapes(example_type(value), shape, &out) || !shape_eq(out, shape)) {
        elab_error(e, sp, "%s cannot be broadcast to %s", term_describe(e, value),
                   type_text(e->a, type_with(shape, value.node->type.dt)));
        return term_error();
    }
    return term_node(e, spread(e, value, shape, value.batched), value.batched);
}
