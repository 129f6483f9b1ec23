/* SPDX-License-Identifier: MIT */
/* elaborate_builtin.c: the functions the language is born with. One row each; whatever the language can say
 * itself is in compiler/std instead. Axes are the example's and may be negative. */
#include <string.h>

#include "elaborate_internal.h"
#include "../ops/ops.h"

/* ---- arguments ----------------------------------------------------------------------------------------- */

Span arg_span(const Args *g, int i) { return g->arg[i].from ? g->arg[i].from->span : g->sp; }

bool arg_tensor(Elab *e, const Args *g, int i, DType dt, Term *t)
{
    *t =
        term_tensor(e, arg_span(g, i), arena_printf(e->a, "an operand of `%s`", g->name), g->arg[i].term, dt);
    return !is_error(*t);
}

bool axis_in_range(Elab *e, Span sp, int rank, int64_t *axis)
{
    if (*axis >= -rank && *axis < rank) {
        *axis += *axis < 0 ? rank : 0;
        return true;
    }
    if (rank == 0)
        elab_error(e, sp, "axis %lld of a scalar, which has none", (long long)*axis);
    else
        elab_error(e, sp, "axis %lld is out of range; the example has axes 0 to %d", (long long)*axis,
                   rank - 1);
    return false;
}

bool arg_axis(Elab *e, const Args *g, int i, int rank, int fallback, int *axis)
{
    int64_t x = fallback;
    if (g->arg[i].given && !want_int(e, arg_span(g, i), "an axis", g->arg[i].term, &x))
        return false;
    if (!axis_in_range(e, arg_span(g, i), rank, &x))
        return false;
    *axis = (int)x;
    return true;
}

/* One axis or a list of them, made increasing; every axis where none is given. */
bool arg_axes(Elab *e, const Args *g, int i, int rank, int *n, int *axis)
{
    int64_t list[MAX_RANK];
    bool chosen[MAX_RANK] = {false};
    int count = 0;
    if (!g->arg[i].given) {
        *n = rank;
        for (int k = 0; k < rank; k++)
            axis[k] = k;
        return true;
    }
    if (!want_ints(e, arg_span(g, i), "an axis", g->arg[i].term, MAX_RANK, list, &count))
        return false;
    for (int k = 0; k < count; k++) {
        if (!axis_in_range(e, arg_span(g, i), rank, &list[k]))
            return false;
        if (chosen[list[k]])
            return elab_error(e, arg_span(g, i), "axis %lld is named twice", (long long)list[k]), false;
        chosen[list[k]] = true;
    }
    *n = 0;
    for (int k = 0; k < rank; k++)
        if (chosen[k])
            axis[(*n)++] = k;
    return true;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

/* Formals are separated by spaces; a `?` marks one that may be left out. `doc` is what `dlc doc` says of it, with
 * defaults in parentheses. */
struct Builtin {
    const char *name, *formals;
    BuiltinFn *run;
    const char *doc;
};

static const Builtin builtins[] = {
    {"abs", "x", bi_abs, "|x|, of numbers of either kind; its gradient at 0 is 0"},
    {"floor", "x", bi_floor, "the largest integer that is not above x"},
    {"stop_gradient", "x", bi_stop, "x, through which no gradient passes"},
    {"where", "condition x y", bi_where, "x where the condition is true, else y, element by element"},
    {"cast", "x type", bi_cast, "x in another element type: cast(x, f32)"},
    {"sum", "x axis? keepdims?", bi_sum, "the sum over axes"},
    {"mean", "x axis? keepdims?", bi_mean, "the mean over axes"},
    {"max", "x y? axis? keepdims?", bi_max,
     "of two, element by element (the gradient goes to the greater, or to y), or over axes (to the first "
     "maximum)"},
    {"min", "x y? axis? keepdims?", bi_min, "of two, element by element, or over axes; as max"},
    {"argmax", "x axis? keepdims?", bi_argmax,
     "i32, the index of the first maximum; over several axes it counts in row-major order"},
    {"argmin", "x axis? keepdims?", bi_argmin, "i32, the index of the first minimum; as argmax"},
    {"batch_mean", "x", bi_batch_mean, "the mean over the examples of the batch; exists only while training"},
    {"gradient", "y x", bi_gradient, "the gradient of the sum of y with respect to x, or to each of a list"},
    {"ratio", "numerator denominator", bi_ratio,
     "a metric whose mean is the sum of one over the sum of the other"},
    {"transpose", "x", bi_transpose, "the last two axes in the other order"},
    {"permute", "x axes", bi_permute, "the axes in another order, a list of all of them"},
    {"reshape", "x shape", bi_reshape, "the same elements in another shape, of which one extent may be -1"},
    {"flatten", "x", bi_flatten, "all axes of the example as one"},
    {"concat", "items axis?", bi_concat, "a list of tensors, one behind the other along an axis (0)"},
    {"stack", "items axis?", bi_stack, "a list of tensors along a new axis (0)"},
    {"split", "x parts axis?", bi_split, "a list of equal parts along an axis (0)"},
    {"reverse", "x axis?", bi_reverse, "the elements of an axis (0) in reverse order"},
    {"pad", "x widths value?", bi_pad,
     "x between copies of a value (0); widths has a pair [before, after] for each axis"},
    {"broadcast_to", "x shape", bi_broadcast_to, "x repeated along leading axes and those of extent 1"},
    {"gather", "x index axis?", bi_gather,
     "the slices of x that an i32 tensor names along an axis (0); x[index] for axis 0"},
    {"check_index", "x limit", bi_check_index,
     "the index; the call fails where it is not in 0 ... limit - 1"},
    {"window", "x axis size stride? dilation?", bi_window,
     "an axis as two, [positions, size]: pieces that may overlap, stride (1) apart, of elements dilation "
     "(1) apart"},
    {"convolution", "x kernel strides? padding? dilation? groups? input_dilation?", bi_convolution,
     "x [space..., C] with a kernel [size..., C / groups, O]; padding: a pair [before, after] for each "
     "axis of space; a dilation: the distance of elements, of the kernel or of x, between which there "
     "are zeros"},
    {"full", "value shape", bi_full, "a tensor of equal elements"},
    {"full_like", "value x", bi_full_like, "a tensor of equal elements, of the shape and type of x"},
    {"iota", "n", bi_iota, "i32[n]: 0, 1, ..., n - 1"},
    {"random", "shape", bi_random,
     "f32, uniform in [0, 1), anew for each example and step; in layers only while training"},
    {"shape", "x", bi_shape, "the extents of a tensor, as a list"},
    {"size", "x", bi_size, "how many elements a tensor has, or would have of this shape"},
    {"len", "x", bi_len, "how many items a list has, or a tensor along its first axis"},
    {"ndim", "x", bi_ndim, "how many axes a tensor has"},
    {"range", "start stop?", bi_range, "a list: 0, 1, ... up to, but not including, stop; or from start"},
    {"is_list", "x", bi_is_list, "whether x is a list"},
};

/* Element-wise operations of one operand that is f32 are functions by their own name. */
static const Builtin elements[OP_COUNT] = {
#define OP(NAME, text, ...) [OP_##NAME] = {text, "x", bi_element, NULL},
#include "ops.def"
#undef OP
};

static bool is_function(Op op)
{
    return op_info(op)->class == CLASS_ELEMENT && op_info(op)->shape == shape_float1;
}

const Builtin *find_builtin(const char *name)
{
    for (int i = 0; i < LEN(builtins); i++)
        if (str_eq(builtins[i].name, name))
            return &builtins[i];
    Op op = op_named(name);
    return op < OP_COUNT && is_function(op) ? &elements[op] : NULL;
}

static const Builtin *builtin_at(int i)
{
    if (i < LEN(builtins))
        return &builtins[i];
    i -= LEN(builtins);
    for (Op op = 0; op < OP_COUNT; op++)
        if (find_builtin(op_info(op)->text) == &elements[op] && i-- == 0)
            return &elements[op];
    return NULL;
}

bool builtin_doc(int i, BuiltinDoc *out)
{
    const Builtin *b = builtin_at(i);
    if (b)
        *out = (BuiltinDoc){b->name, b->formals, b->doc ? b->doc : op_info(op_named(b->name))->doc};
    return b;
}

const char *builtin_called(const Builtin *b) { return b->name; }

enum { MAX_FORMALS = 8 };

static int read_formals(Elab *e, const char *text, const char **name, bool *required)
{
    int n = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        bool optional = text[length - 1] == '?';
        name[n] = arena_strndup(e->a, text, length - (optional ? 1 : 0));
        required[n++] = !optional;
        text += length + (text[length] == ' ');
    }
    return n;
}

Term call_builtin(Elab *e, const Builtin *b, const Expr *call)
{
    const char *name[MAX_FORMALS];
    bool required[MAX_FORMALS];
    Bound arg[MAX_FORMALS] = {0};
    int n = read_formals(e, b->formals, name, required);
    Formals f = {.callee = b->name, .n = n, .name = name, .required = required, .values = n};
    if (!bind_arguments(e, call, &f, 0, arg))
        return term_error();
    Args g = {.call = call, .name = b->name, .sp = call_span(call), .arg = arg};
    if (call->same) {
        elab_error(e, call->as.span, "`%s` has no parameters to be the same", b->name);
        return term_error();
    }
    Term t = b->run(e, &g);
    if (call->as.text && is_tensor(t) && !t.node->name)
        t.node->name = path_join(e->a, e->instance->own, call->as.text);
    return t;
}
