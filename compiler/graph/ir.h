/* SPDX-License-Identifier: MIT */
/* ir.h: the graph. Static-shape, single-assignment, hash-consed tensor operations in topological order.
 *
 * Glossary: fn graph function, n node, t type, m module. A node never changes once made; a pass builds a new Fn. */
#ifndef DLC_IR_H
#define DLC_IR_H

#include "../base/base.h"

enum { MAX_RANK = 8, MAX_SPATIAL = 3 };

typedef enum DType { DT_BOOL, DT_U8, DT_I32, DT_F32, DT_COUNT } DType;

typedef struct Type {
    DType dt;
    int rank;
    int64_t dim[MAX_RANK];      /* entries past rank are 0, so that types compare as bytes */
} Type;

/* ---- operations: one row of ops.def each ------------------------------------------------------------------------ */
typedef enum Op {
#define OP(NAME, ...) OP_##NAME,
#include "ops.def"
#undef OP
    OP_COUNT
} Op;

typedef enum OpClass {
    CLASS_LEAF,         /* input, const, iota, random */
    CLASS_ELEMENT,      /* result[i] depends on operands[i] alone; operands and result have one shape */
    CLASS_MOVE,         /* result[i] is one operand element (or a pad value), chosen by i alone */
    CLASS_REDUCE,
    CLASS_CONTRACT,
    CLASS_INDEX,
    CLASS_LOOP,
} OpClass;

typedef enum AttrKind {
    ATTR_NONE,
    ATTR_INPUT,
    ATTR_CONST,
    ATTR_AXIS,
    ATTR_AXES,
    ATTR_BROADCAST,
    ATTR_SHAPE,
    ATTR_SLICE,
    ATTR_PAD,
    ATTR_WINDOW,
    ATTR_DTYPE,
    ATTR_RANDOM,
    ATTR_LIMIT,
    ATTR_DOT,
    ATTR_CONV,
    ATTR_SCAN,
    ATTR_INDEX,
} AttrKind;

/* What a function's input or result is for. (role, index) names the same thing in every function of a module. */
typedef enum Role {
    ROLE_INPUT,         /* index into module->inputs; per batch */
    ROLE_TARGET,        /* index into module->targets */
    ROLE_PARAM,         /* index into module->params; as a result: its new value */
    ROLE_STATE,         /* index into module->states (running statistics); as a result: its new value */
    ROLE_STREAM,        /* index into module->streams (of each example, kept between calls of infer); as a result: its new value */
    ROLE_OPTIMIZER,     /* index into module->optimizer (moments); as a result: its new value */
    ROLE_GRADIENT,      /* index into module->params */
    ROLE_SEED,          /* i32[2]: low and high word of the 64-bit seed */
    ROLE_STEP,          /* i32: the optimizer's step, from 1 */
    ROLE_COUNT,         /* i32: how many examples of the batch count, 1..batch */
    ROLE_OUTPUT,        /* index into module->outputs */
    ROLE_LOSS,          /* f32 scalar */
    ROLE_METRIC,        /* index into module->metrics; f32 scalar */
    ROLE_VALUE,         /* a named intermediate asked for by a debugger */
    ROLE_CARRY,         /* in a scan body */
    ROLE_SLICE,         /* in a scan body: this step's slice of a scanned operand */
    ROLE_INVARIANT,     /* in a scan body: the same at every step */
    ROLE_YIELD,         /* in a scan body: stacked over the steps */
} Role;

typedef struct Fn Fn;
typedef struct Node Node;

/* Which member is meant follows from the op's row (op_info(op)->attr). Unused bytes are zero: attributes hash and
 * compare as bytes. Axis lists are per axis of the operand unless said otherwise. */
typedef union Attr {
    struct { Role role; int index; Type type; } input;
    struct { double value; DType dt; } constant;        /* one scalar (rank 0), rounded to its element type */
    struct { int axis; } axis;                          /* iota, concat */
    struct { int n; int axis[MAX_RANK]; } axes;         /* reverse, sum, max, argmax: increasing; permute: result axis i is operand axis axis[i] */
    struct { int n; int axis[MAX_RANK]; Type type; } broadcast; /* operand axis i becomes result axis axis[i] (increasing); its extent is equal, or 1 */
    struct { Type type; } shape;                        /* reshape, iota: the result's type */
    struct { int n; int64_t start[MAX_RANK], limit[MAX_RANK], stride[MAX_RANK]; } slice;   /* start <= i < limit by stride >= 1 */
    struct { int n; int64_t lo[MAX_RANK], hi[MAX_RANK], interior[MAX_RANK]; double value; } pad; /* all >= 0 */
    struct { int axis; int64_t size, stride, dilation, extent; } window; /* extent: the result's, for fold; 0 for window */
    struct { DType dt; } dtype;                         /* cast */
    struct { Type type; uint32_t salt; } random;
    struct { int64_t limit; } limit;                    /* check_index: 0 <= x < limit; scatter_add: extent of axis 0 */
    struct { int nbatch, ncontract; int lhs_batch[MAX_RANK], rhs_batch[MAX_RANK], lhs_contract[MAX_RANK], rhs_contract[MAX_RANK]; } dot;
    struct {
        int nspatial;
        int64_t stride[MAX_SPATIAL], pad_lo[MAX_SPATIAL], pad_hi[MAX_SPATIAL];      /* paddings may be negative: they crop */
        int64_t lhs_dilation[MAX_SPATIAL], rhs_dilation[MAX_SPATIAL], groups;
    } conv;
    struct { Fn *body; int ncarry, nslice, nyield; int64_t length; int reverse; } scan;
    struct { int index; } index;                        /* result: which of a scan's results */
} Attr;

struct Node {
    int id;                 /* position in its function */
    Op op;
    Type type;              /* a scan's own type is f32[] and meaningless: read it through OP_RESULT */
    int nin;
    Node **in;
    Attr attr;
    Span span;              /* the source text it came from; a gradient inherits the forward node's */
    const char *name;       /* `x` of `x = ...` in the source, or NULL; not part of a node's identity */
};

typedef struct Port {
    Role role;
    int index;
    const char *name;       /* for printing and for emitted identifiers */
    Node *node;
} Port;

struct Fn {
    Arena *a;
    const char *name;
    VEC(Node *) node;       /* topological order; inputs included */
    VEC(Port) input;        /* scan body: carries, slices, invariants, in that order */
    VEC(Port) result;       /* scan body: carries, then yields */
    Span span;              /* given to nodes being made */
    struct NodeTable *table;/* hash-consing */
};

/* A tensor the module owns or talks about. */
typedef struct Entry {
    const char *name;       /* full path: classifier.kernel */
    Type type;              /* inputs, targets, outputs, streams: with the batch axis of the function it stands in left out */
    Span span;
    bool trainable;         /* params: false when frozen */
    int param;              /* optimizer entries: which parameter it belongs to (-1 for others) */
    bool batched;           /* inputs, targets, outputs, streams: has a batch axis in front */
    int64_t delay;          /* outputs of single steps: so many steps come before the first one's */
    const char *ratio;      /* metrics: the name of the quotient of this sum by the next entry's; NULL: a mean over examples, or a denominator */
} Entry;

typedef struct Module {
    Arena *a;
    const char *name;
    int64_t batch, train_batch;
    bool stepwise;              /* infer takes one time step of what the model takes */
    int64_t micro_batch;        /* examples that training functions work on at a time; 0: all of them */
    bool sparing;               /* memory counts more than time */
    VEC(Entry) inputs, targets, outputs, metrics;
    VEC(Entry) params, states, streams, optimizer;
    /* Functions; NULL where the model has none (no train block). Elaboration makes the first six. */
    Fn *init;       /* seed -> params, states, optimizer (every initial value) */
    Fn *start;      /* params, states -> streams as they begin; NULL where there are none                (batch) */
    Fn *infer;      /* params, states, streams, inputs -> outputs, new streams                           (batch) */
    Fn *loss;       /* training = true: params, states, inputs, targets, seed, step, count -> loss (mean over the first count
                       examples, plus penalties), metrics (means; of ratios sums), new states      (train_batch) */
    Fn *evaluate;   /* training = false: params, states, inputs, targets, count -> loss, metrics: SUMS over the first
                       count examples                                                              (train_batch) */
    Fn *update;     /* params, gradients, optimizer, step -> params, optimizer; of frozen ones nothing */
    /* Made by differentiation and composition. */
    Fn *gradients;  /* as loss, -> gradients (zeros of frozen ones), loss, metrics, states */
    Fn *train_step; /* gradients and update in one: -> params, optimizer, states, loss, metrics */
} Module;

/* ---- type.c ----------------------------------------------------------------------------------------------------- */
Type type_make(DType dt, int rank, const int64_t *dim);
Type type_scalar(DType dt);
Type type_with(Type t, DType dt);                   /* the same shape, another element type */
bool type_eq(Type x, Type y);
bool shape_eq(Type x, Type y);
int64_t type_count(Type t);                         /* elements; 1 for rank 0 */
int64_t dtype_bytes(DType dt);                      /* bool and u8: 1; i32, f32: 4 */
int64_t type_bytes(Type t);
const char *dtype_name(DType dt);                   /* "f32" */
const char *type_text(Arena *a, Type t);            /* "f32[8, 4]", "i32" */
Type type_drop(Type t, int axis);
Type type_insert(Type t, int axis, int64_t extent);
/* NULL when t can be a value's type: known element type, rank <= MAX_RANK, every extent >= 1, at most MAX_COUNT elements. */
const char *type_problem(Arena *a, Type t);
/* A cast's value. Float to integer: towards zero, the nearest end where out of range, 0 for NaN; integer to integer:
 * modulo; to bool: not zero. To f32 nothing is rounded. */
double dtype_convert(double value, DType from, DType to);
bool dtype_holds(DType dt, double value);           /* exactly representable; NaN and infinities are, in f32 */
#define MAX_COUNT ((int64_t)1 << 40)

/* ---- op rows ------------------------------------------------------------------------------------------------------ */
typedef struct EvalCtx EvalCtx;
typedef struct GradCtx GradCtx;
typedef struct OpInfo {
    const char *text;       /* spelling in a dump */
    int nin;                /* operands; -1: any number */
    OpClass class;
    AttrKind attr;
    /* The result's type from operands and attributes. NULL and *t set, or a message that says what is wrong. */
    const char *(*shape)(Arena *a, Node *const *in, int nin, const Attr *attr, Type *t);
    /* Adds to the operands' gradients given the result's; NULL: no gradient passes. */
    void (*grad)(GradCtx *g, Node *n, Node *dy);
    /* Fills the value of n from its operands' values; in double. */
    void (*eval)(EvalCtx *e, const Node *n);
    int cost;               /* of one element, where an addition is 1 */
    const char *c;          /* element-wise: the C function's name, or the operator; NULL: no plain call */
    const char *doc;
} OpInfo;
const OpInfo *op_info(Op op);
Op op_named(const char *text);      /* OP_COUNT where there is none */
/* The type of the node these would make; NULL and *t set, or a message that says what is wrong. */
const char *node_infer(Arena *a, Op op, int nin, Node *const *in, const Attr *attr, Type *t);
const char *role_name(Role role);
bool is_element(const Node *n);
bool is_const(const Node *n, double *value);        /* a constant, also through broadcast, reshape and cast */

/* ---- build.c: making nodes ------------------------------------------------------------------------------------------
 * node_make infers the type, applies the local rewrites of simplify_node, and returns an existing equal node where there is one.
 * Operands must fit (a mismatch is a BUG: the caller has diagnosed the user's mistake before). */
Fn *fn_new(Arena *a, const char *name);
Node *fn_input(Fn *fn, Role role, int index, const char *name, Type t);
void fn_result(Fn *fn, Role role, int index, const char *name, Node *n);
Node *fn_find_input(const Fn *fn, Role role, int index);    /* NULL where it has none */
Node *fn_find_result(const Fn *fn, Role role, int index);
Node *node_make(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr);
/* The same without rewriting: what a reader of dumps and a copying pass want. */
Node *node_make_as_is(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr);

/* The one there is; NULL where it would be new. */
Node *node_find(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr);

Node *node_const(Fn *fn, DType dt, double value);           /* rank 0 */
Node *node_full(Fn *fn, Type t, double value);              /* broadcast constant */
Node *node_iota(Fn *fn, Type t, int axis);                  /* i32 */
Node *node_random(Fn *fn, Type t, uint32_t salt, Node *seed, Node *step); /* f32 uniform in [0, 1) */
Node *node_unary(Fn *fn, Op op, Node *x);
Node *node_binary(Fn *fn, Op op, Node *x, Node *y);         /* equal shapes */
Node *node_binary_const(Fn *fn, Op op, Node *x, double y);
Node *node_select(Fn *fn, Node *condition, Node *x, Node *y);
Node *node_cast(Fn *fn, Node *x, DType dt);
Node *node_reshape(Fn *fn, Node *x, int rank, const int64_t *dim);
Node *node_permute(Fn *fn, Node *x, const int *axis);
Node *node_broadcast(Fn *fn, Node *x, Type t, const int *axis);   /* axis[i]: where operand axis i goes */
Node *node_broadcast_trailing(Fn *fn, Node *x, Type t);     /* NumPy's alignment: trailing axes, extent 1 stretches */
Node *node_insert_axis(Fn *fn, Node *x, int axis, int64_t extent);   /* broadcast along a new axis */
Node *node_slice(Fn *fn, Node *x, const int64_t *start, const int64_t *limit, const int64_t *stride);
Node *node_slice_axis(Fn *fn, Node *x, int axis, int64_t start, int64_t limit, int64_t stride);
Node *node_pad(Fn *fn, Node *x, const int64_t *lo, const int64_t *hi, const int64_t *interior, double value);
Node *node_reverse(Fn *fn, Node *x, int n, const int *axis);
Node *node_concat(Fn *fn, int n, Node *const *x, int axis);
Node *node_window(Fn *fn, Node *x, int axis, int64_t size, int64_t stride, int64_t dilation);
Node *node_fold(Fn *fn, Node *x, int axis, int64_t stride, int64_t dilation, int64_t extent);
Node *node_reduce(Fn *fn, Op op, Node *x, int n, const int *axis);   /* OP_SUM, OP_MAX, OP_ARGMAX; drops the axes */
Node *node_matmul(Fn *fn, Node *x, Node *y);                /* NumPy's @ for equal leading axes or a rank-2 right operand */
Node *node_dot(Fn *fn, Node *x, Node *y, const Attr *attr);
Node *node_conv(Fn *fn, Node *x, Node *kernel, const Attr *attr);
Node *node_gather(Fn *fn, Node *table, Node *index);
Node *node_scatter_add(Fn *fn, Node *index, Node *updates, int64_t extent);
Node *node_check_index(Fn *fn, Node *index, int64_t limit);
/* operands: carries, slices, invariants. Results through node_result: carries, then yields. */
Node *node_scan(Fn *fn, Fn *body, int ncarry, int nslice, int nyield, bool reverse, int nin, Node *const *in);
Node *node_result(Fn *fn, Node *scan, int index);
/* A node of another function made again here, its operands replaced; keeps its span and, if the new one has none, its name. */
Node *node_rebuild(Fn *fn, const Node *n, Node *const *in);

/* ---- rebuild.c: the shape of every pass ----------------------------------------------------------------------------- */
/* Copies what `results` of `from` need into `to`; map[n->id] gives the new node; entries already set are taken as given. */
void fn_inline(Fn *to, const Fn *from, Node **map);
/* A function with only what its results need: inputs first, then nodes in their old order, nothing rewritten. Inputs
 * that no result needs are dropped, except a scan body's. */
Fn *fn_prune(const Fn *fn);

/* ---- verify.c, print.c, parse.c -------------------------------------------------------------------------------------- */
/* NULL when sound; otherwise what is wrong, and *guilty the node. */
const char *fn_verify(Arena *a, const Fn *fn, const Node **guilty);
void fn_print(StrBuf *sb, const Fn *fn);
/* The same with `why` as a comment under the guilty node's line; prints broken functions too. */
void fn_print_error(StrBuf *sb, const Fn *fn, const Node *guilty, const char *why);
const char *node_text(Arena *a, const Node *n);
/* Reads what fn_print printed. NULL with diagnostics on errors. */
Fn *fn_parse(Arena *a, Diag *d, int source);

/* ---- interpret.c: the oracle ---------------------------------------------------------------------------------------- */
typedef enum Precision { PRECISION_F32, PRECISION_F64 } Precision;  /* F32 rounds every f32 element to float as it is made */
typedef struct Value {
    Type type;
    double *at;             /* row-major; bool and integers as exact doubles */
} Value;
Value value_new(Arena *a, Type t);
/* Evaluates fn; `in` and `out` follow fn->input and fn->result. false with *why set when an index is out of range. */
bool fn_interpret(Arena *a, const Fn *fn, Precision precision, const Value *in, Value *out, const char **why);
/* The same, also keeping every node's value: all[n->id]; a scan has none, nor has what comes after a failure. */
bool fn_interpret_all(Arena *a, const Fn *fn, Precision precision, const Value *in, Value *out, Value *all, const char **why);

#endif
