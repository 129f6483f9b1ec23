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

/* Formals are separated by spaces; a `?` marks one that may be left out. */
struct Builtin {
    const char *name, *formals;
    BuiltinFn *run;
};

static const Builtin builtins[] = {
    {"abs", "x", bi_abs},
    {"floor", "x", bi_floor},
    {"stop_gradient", "x", bi_stop},
    {"where", "condition x y", bi_where},
    {"cast", "x type", bi_cast},
    {"sum", "x axis? keepdims?", bi_sum},
    {"mean", "x axis? keepdims?", bi_mean},
    {"max", "x y? axis? keepdims?", bi_max},
    {"min", "x y? axis? keepdims?", bi_min},
    {"argmax", "x axis? keepdims?", bi_argmax},
    {"argmin", "x axis? keepdims?", bi_argmin},
    {"batch_mean", "x", bi_batch_mean},
    {"gradient", "y x", bi_gradient},
    {"ratio", "numerator denominator", bi_ratio},
    {"transpose", "x", bi_transpose},
    {"permute", "x axes", bi_permute},
    {"reshape", "x shape", bi_reshape},
    {"flatten", "x", bi_flatten},
    {"concat", "items axis?", bi_concat},
    {"stack", "items axis?", bi_stack},
    {"split", "x parts axis?", bi_split},
    {"reverse", "x axis?", bi_reverse},
    {"pad", "x widths value?", bi_pad},
    {"broadcast_to", "x shape", bi_broadcast_to},
    {"gather", "x index axis?", bi_gather},
    {"check_index", "x limit", bi_check_index},
    {"window", "x axis size stride? dilation?", bi_window},
    {"convolution", "x kernel strides? padding? dilation? groups? input_dilation?", bi_convolution},
    {"full", "value shape", bi_full},
    {"full_like", "value x", bi_full_like},
    {"iota", "n", bi_iota},
    {"random", "shape", bi_random},
    {"shape", "x", bi_shape},
    {"size", "x", bi_size},
    {"len", "x", bi_len},
    {"ndim", "x", bi_ndim},
    {"range", "start stop?", bi_range},
    {"is_list", "x", bi_is_list},
};

/* Element-wise operations of one operand that is f32 are functions by their own name. */
static const Builtin elements[OP_COUNT] = {
#define OP(NAME, text, ...) [OP_##NAME] = {text, "x", bi_element},
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

int builtin_names(const char **names, int max)
{
    int n = 0;
    for (int i = 0; i < LEN(builtins) && n < max; i++)
        names[n++] = builtins[i].name;
    for (Op op = 0; op < OP_COUNT && n < max; op++)
        if (find_builtin(op_info(op)->text) == &elements[op])
            names[n++] = op_info(op)->text;
    return n;
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
    Term t = b->run(e, &g);
    if (call->as.text && is_tensor(t) && !t.node->name)
        t.node->name = path_join(e->a, e->instance->path, call->as.text);
    return t;
}
