/* SPDX-License-Identifier: MIT */
/* ops.h: what the rows of graph/ops.def name, and what their functions share.
 *
 * A family of operations is a file. The long ones, contractions and scans, have values and gradients in two
 * more: NAME_eval.c, NAME_grad.c. */
#ifndef DLC_OPS_H
#define DLC_OPS_H

#include "../graph/ir.h"

/* Each rule is declared from its row. A row without a rule says NULL, which must not be declared: for this
 * section the word stands for a name nobody defines. Declaring one function several times is harmless. */
#pragma push_macro("NULL")
#undef NULL

#define NULL no_shape
#define OP(NAME, text, nin, class, attr, shape, ...)                                                         \
    const char *shape(Arena *a, Node *const *in, int nin_, const Attr *attr_, Type *t);
#include "../graph/ops.def"
#undef OP
#undef NULL

#define NULL                                               no_gradient
#define OP(NAME, text, nin, class, attr, shape, grad, ...) void grad(GradCtx *g, Node *n, Node *dy);
#include "../graph/ops.def"
#undef OP
#undef NULL

#define NULL                                                     no_evaluation
#define OP(NAME, text, nin, class, attr, shape, grad, eval, ...) void eval(EvalCtx *e, const Node *n);
#include "../graph/ops.def"
#undef OP
#undef NULL

#pragma pop_macro("NULL")

#define SHAPE(name) const char *shape_##name(Arena *a, Node *const *in, int nin, const Attr *attr, Type *t)
#define EVAL(name)  void eval_##name(EvalCtx *e, const Node *n)
#define GRAD(name)  void grad_##name(GradCtx *g, Node *n, Node *dy)

/* ---- evaluation ---------------------------------------------------------------------------------------- */
/* The evaluation of one function; a scan runs its body's again and again. A rule reads its operands' values
 * and fills its own, whose elements are allocated. The caller rounds f32 elements where that is asked for. */
struct EvalCtx {
    Arena *a;
    const Fn *fn;
    Precision precision;
    Value *value;    /* by node id; a scan's holds nothing */
    Value **tuple;   /* by node id: the results of a scan */
    void **kept;     /* by node id: what a rule worked out once for all runs; NULL at first */
    const char *why; /* set by a rule that fails; evaluation stops */
};

/* interpret.c */
void eval_prepare(EvalCtx *e, Arena *a, const Fn *fn, Precision precision);
/* Evaluates fn with these inputs, in the order of its ports; false with e->why set. Values stay until the
 * next run. */
bool eval_run(EvalCtx *e, const Value *in);

/* What an element-wise operation makes of single numbers, in double: value[i] is that of in[i], whose type
 * alone counts. */
double eval_numbers(Arena *a, Op op, Type t, const Attr *attr, int nin, Node *const *in, const double *value);

static inline const double *eval_in(const EvalCtx *e, const Node *n, int i)
{
    return e->value[n->in[i]->id].at;
}

static inline double *eval_out(const EvalCtx *e, const Node *n)
{
    return e->value[n->id].at;
}

/* i32 wraps around as two's complement; `exact` is an integer below 2^53. */
static inline double wrap_i32(double exact)
{
    return (double)(int32_t)(uint32_t)(int64_t)exact;
}

/* Row-major strides in elements. */
static inline void type_strides(Type t, int64_t stride[MAX_RANK])
{
    int64_t s = 1;
    for (int i = t.rank - 1; i >= 0; i--) {
        stride[i] = s;
        s *= t.dim[i];
    }
}

/* ---- shapes: shared complaints ------------------------------------------------------------------------- */
/* NULL when axis lists are increasing and inside the rank. */
static inline const char *axes_problem(Arena *a, int n, const int *axis, int rank)
{
    if (n < 0 || n > rank)
        return arena_printf(a, "%d axes named, the operand has %d", n, rank);
    for (int i = 0; i < n; i++) {
        if (axis[i] < 0 || axis[i] >= rank)
            return arena_printf(a, "axis %d is not one of the operand's %d", axis[i], rank);
        if (i && axis[i] <= axis[i - 1])
            return "axes must be named in increasing order, once each";
    }
    return NULL;
}

#endif
