/* SPDX-License-Identifier: MIT */
/* elaborate_internal.h: what the elaborate_*.c files share. Nobody else includes it.
 *
 * Elaboration runs the program: statements in order, layers at each call, `if` and `repeat` decided now. What
 * cannot be known now becomes graph nodes. One run of the model's body makes one function; the body is run
 * once for each.
 *
 * Glossary: e elaboration, t or x a term (the value of an expression), f frame. */
#ifndef DLC_ELABORATE_INTERNAL_H
#define DLC_ELABORATE_INTERNAL_H

#include "elaborate.h"
#include "gradient.h"

typedef struct Elab Elab;
typedef struct Frame Frame;
typedef struct Instance Instance;

/* ---- terms: values of expressions ---------------------------------------------------------------------- */
typedef enum TermKind {
    TERM_ERROR, /* diagnosed already: whoever consumes it stays silent */
    TERM_NONE,  /* no value: a layer that returns nothing */
    TERM_ABSENT, /* `none`: what stands for an argument that is not given */
    TERM_TENSOR,
    TERM_INT,
    TERM_FLOAT,
    TERM_BOOL, /* integer: 0 or 1 */
    TERM_STRING,
    TERM_LIST,
    TERM_CALLABLE, /* a layer, an initializer or a built-in function */
    TERM_TUPLE, /* several results; only unpacked, returned or passed on */
    TERM_RATIO, /* two tensors, item[0] over item[1], summed before they are divided: only for a metric */
} TermKind;

typedef struct Callable Callable;
typedef struct Term Term;
struct Term {
    TermKind kind;
    Node *node; /* TENSOR: a node of frame->fn; where batched its axis 0 is the batch */
    Frame *frame;
    bool batched;
    bool weak; /* TENSOR: i32 made of compile-time integers alone; joins f32 where it meets it */
    int64_t integer;
    double number;
    const char *text;
    const Callable *callable;
    const Term *item; /* LIST, TUPLE, RATIO */
    int n;
    int64_t size;       /* LIST: itself and all in it, lists that stand in it twice counted twice */
    const char *origin; /* for diagnostics: "input", "param", ...; NULL: only an expression */
    Span span;          /* where it came to be */
};
typedef VEC(Term) TermList;

/* ---- where nodes are made ------------------------------------------------------------------------------ */
typedef struct Capture {
    Node *outer, *inner; /* a node of the enclosing frame, and the body's input that stands for it */
    bool slice;          /* read along its leading axis, not whole */
} Capture;

struct Frame {
    Fn *fn;
    Frame *outer;   /* a loop body's surroundings; NULL: a whole function */
    int64_t length; /* a loop's number of steps */
    VEC(Capture) captures;
    int nslice, ninvariant; /* how many of each so far */
    VEC(int) each; /* carries that each example must have its own of */
};

typedef struct Binding {
    const char *name;
    Term term;
    int state;        /* index into module->states or ->optimizer; -1: an ordinary name */
    int stream;       /* index into module->streams, in inference; -1: none */
    bool assignable;  /* by <- : a state, a stream, an optimizer's state or its parameter */
    bool per_example; /* assignable, and a stream */
} Binding;

typedef struct Scope Scope;
struct Scope {
    VEC(Binding) at;
    Scope *outer; /* a loop body reads its surroundings; NULL at a definition's own level */
};

/* ---- definitions --------------------------------------------------------------------------------------- */
typedef struct Symbol {
    const Def *def;
    const Program *program; /* the file it stands in */
    bool std;               /* the standard library's */
    enum { CONST_UNKNOWN, CONST_BUSY, CONST_KNOWN } known; /* DEF_CONST */
    const Expr *override;                                  /* DEF_CONST: from --set */
    Term term;
    int next; /* the next one of its name: index into symbols, -1: none */
} Symbol;

typedef enum CallKey { CALL_BASE, CALL_NAME, CALL_AS, CALL_KEYS } CallKey;
typedef struct CallName {
    const char *base, *name; /* `dense`, `dense_2` */
    const Expr *call;
    const Def *def;
    int number;              /* which of its base, from 1 */
    int before[CALL_KEYS];   /* 1 + place of the latest call before it of the same key; 0: none */
} CallName;

/* One use of a definition: the model, a call of a layer, an initializer at work, an optimizer for one
 * parameter. */
struct Instance {
    const Def *def;
    const Program *program; /* the file its text stands in: whose definitions it sees */
    bool std;               /* that is the standard library's */
    const char *path;       /* "" for the model: of its parameters and states */
    const char *own;        /* the same, but for calls `as same NAME`: of its streams, draws and values */
    bool shared;            /* it, or a call it is in, has another's parameters */
    Instance *caller;
    Span site;    /* the call, in the user's text */
    Scope *scope; /* the definition's own level */
    VEC(CallName) calls;
    StrMap latest[CALL_KEYS]; /* 1 + place of the latest call of a key */
    NameList watched;  /* names of its text that a gradient is taken by */
    NameList declared; /* parameters and states of its own, so far */
    int draws;         /* random draws made so far */
    int repeats;       /* enclosing repeat blocks */
    bool returned;
    Term result;
    bool yielded;
    Term yield;    /* of the loop body being run */
    int loops;     /* enclosing for bodies of its own text */
    bool has_rest; /* `...` in its formals, and the axes it stands for */
    int nrest;
    int64_t rest[MAX_RANK];
};

/* A stream in the inference being elaborated; nodes of its function, for the whole batch. */
typedef struct Stream {
    Node *beginning, *value;
} Stream;

/* Positions by name in a list of entries that only grows; see find_entry. */
typedef struct NameIndex {
    StrMap map; /* 1 + position */
    int n;      /* entries in it so far */
} NameIndex;

typedef enum Phase { PHASE_INFER, PHASE_EVALUATE, PHASE_LOSS, PHASE_UPDATE } Phase;

struct Elab {
    Arena *a;
    Diag *d;
    Module *m;
    const Program *program;
    const ElaborateOptions *options;
    VEC(Symbol) symbols;
    StrMap named; /* 1 + index of the first symbol of a name */
    const Symbol *model;

    Phase phase;
    bool training; /* the language's `training` */
    int64_t batch;
    Frame *frame;
    Scope *scope;
    Instance *instance;
    Frame *init;       /* the function of initial values */
    const Term *shape; /* while a param's initial value is evaluated: the shape initializers are given */
    TermList penalties;
    Term loss;
    bool has_loss;
    VEC(Node *) state; /* current value of each module->states, in the root frame */
    VEC(Stream) stream; /* of each module->streams */
    const Stmt *train, *optimizer, *clip;
    NameList frozen, metrics; /* metrics: of this run so far */
    struct { NameIndex inputs, targets, outputs, metrics, params, states, streams, optimizer; } known;
    bool in_train;      /* inside the train block */
    Scope *model_scope; /* of the last run: what an optimizer's arguments may name */
    Frame *consts;      /* where constants are evaluated; nothing made there is kept */
    int depth;          /* of layer calls */
    int waiting;        /* constants whose values are being found */
    int64_t steps;      /* work done, against absurd programs */
    bool watches;       /* there are nodes for unwatched() to leave out */
    Frame *run;         /* of the model's body, */
    Swaps swaps;        /* and the loops that gradients in it made again */
    bool gave_up;
};

enum {
    MAX_CALL_DEPTH = 64,
    MAX_LOOP_DEPTH = 8,
    MAX_STEPS = 20000000, /* expressions and statements run */
    MAX_NODES = 400000,  /* in one function: ten thousand layers and their optimizer */
    MAX_WALKED = 10000,  /* by a gradient: a program may ask for one again and again */
    MAX_ERRORS = 200,    /* and nothing more is read */
    MAX_CONST_DEPTH = 1000, /* constants that wait for each other */
    MAX_REPEAT = 100000,
    LIST_STEP = 16, /* elements of a list that count as one step wherever it is used: many a use walks them */
};
#define MAX_EXTENT   ((int64_t)INT32_MAX)
#define MAX_ELEMENTS ((int64_t)INT32_MAX) /* emitted C counts elements in an int */

/* ---- elaborate.c --------------------------------------------------------------------------------------- */
void elab_error(Elab *e, Span sp, const char *format, ...) PRINTF(3, 4);
bool elab_tick(Elab *e, Span sp); /* counts work; false once the program is absurd */
void elab_search(Elab *e, int n); /* counts a search among n names, or entries, as work */
bool is_visible(Elab *e, const Symbol *s); /* in the text being run */
Symbol *find_symbol(Elab *e, const char *name);
Term const_value(Elab *e, Symbol *s);
const char *path_join(Arena *a, const char *path, const char *name);
int find_entry(Elab *e, NameIndex *known, const Entry *entry, int n, const char *name); /* -1; keeps the name */

/* ---- elaborate_call_names.c ----- */
/* The call's name in its scope: what `as` says, numbered inside `repeat`; else the layer's name, numbered. */
const char *name_call(Elab *e, const Expr *call, const Def *def);
void forget_calls(Instance *i, int n); /* but for the first n */

/* ---- elaborate_value.c: compile-time values ------------------------------------------------------------ */
Term term_error(void);
Term term_int(int64_t x);
Term term_float(double x);
Term term_bool(bool x);
Term term_string(const char *text);
Term term_list(const Term *item, int n);
Term term_shape(Arena *a, const int64_t *dim, int rank);
bool is_error(Term t);
bool is_number(Term t); /* INT or FLOAT */
bool is_static(Term t); /* known at compile time */
bool is_tensor(Term t);
double term_number(Term t);     /* of INT, FLOAT, BOOL */
/* "f32[3, 4]", "the integer 3", "the string \"same\"". */
const char *term_describe(Elab *e, Term t);
/* A note on an operand: its text, its type, where it came from. */
void note_operand(Elab *e, const Expr *x, Term t);
void note_term(Elab *e, const char *label, Term t);
const char *span_text(Elab *e, Span sp);
Term fold_unary(Elab *e, Span sp, Operator op, Term x);
Term fold_binary(Elab *e, Span sp, Operator op, Term x, Term y);
/* Want a kind; complain with `what` ("axis", "the repeat count") and give false otherwise. */
bool want_int(Elab *e, Span sp, const char *what, Term t, int64_t *x);
bool want_bool(Elab *e, Span sp, const char *what, Term t, bool *x);
bool want_number(Elab *e, Span sp, const char *what, Term t, double *x);
/* A list of integers; a single integer counts as a list of one. */
bool want_ints(Elab *e, Span sp, const char *what, Term t, int max, int64_t *x, int *n);
bool want_shape(Elab *e, Span sp, const char *what, Term t, Type *shape); /* its dt is F32 */

/* ---- elaborate_tensor.c, elaborate_shape.c: terms that are nodes --------------------------------------- */
Term term_node(Elab *e, Node *n, bool batched);
Type example_type(Term t); /* without the batch axis */
/* Numbers, lists and captured nodes become a tensor of the current frame; dt is a number's wish. */
Term term_tensor(Elab *e, Span sp, const char *what, Term t, DType dt);
DType common_dtype(int n, const Term *x);
bool here(Elab *e, Span sp, Term *t); /* a tensor of another frame is captured */
Node *frame_capture(Elab *e, Frame *f, Frame *from, Node *n);
Node *frame_slice_input(Elab *e, Frame *f, Node *outer, const char *name);
bool shape_allowed(Elab *e, Span sp, Type t, bool batched);
bool broadcast_shapes(Type x, Type y, Type *out);
Node *spread(Elab *e, Term t, Type example, bool batched);
Term elementwise(Elab *e, Span sp, Op op, int n, const Term *x, const Expr *const *from);
Term elab_unary(Elab *e, Span sp, Op op, Term x, const Expr *from);
Term elab_binary(Elab *e, Span sp, Operator op, Term x, Term y, const Expr *xe, const Expr *ye);
Term elab_matmul(Elab *e, Span sp, Term x, Term y, const Expr *xe, const Expr *ye);
Term elab_full(Elab *e, Span sp, Term value, Type shape);
Term elab_reduce(Elab *e, Span sp, Op op, Term x, int n, const int *axis, bool keep);
Term elab_mean(Elab *e, Span sp, Term x, int n, const int *axis, bool keep);
Term elab_reshape(Elab *e, Term x, Type example);
Term elab_permute(Elab *e, Term x, const int *axis); /* of the example */
Term elab_concat(Elab *e, Span sp, int n, Term *x, int axis);
Term elab_stack(Elab *e, Span sp, int n, const Term *x, int axis, DType dt);
Term elab_random(Elab *e, Span sp, Type shape);
Node *root_input(Elab *e, Role role, int index, const char *name, Type t);

/* ---- elaborate_expr.c ---------------------------------------------------------------------------------- */
Term eval(Elab *e, const Expr *x);
const Expr *chosen_branch(Elab *e, const Expr *x);
Span site_of(Elab *e, Span sp); /* sp, or the user's call where the text is the library's */
void mark(Elab *e, Span sp);    /* nodes made from now on come from there */
Binding *find_binding(Elab *e, const char *name);
void bind(Elab *e, const char *name, Term t); /* in the innermost scope */
bool dtype_named(const char *name, DType *dt);

/* ---- elaborate_index.c --------------------------------------------------------------------------------- */
Term eval_index(Elab *e, const Expr *x);
Term elab_gather(Elab *e, Span sp, Term table, int axis, Term index);
Term elab_slice_axis(Elab *e, Term x, int axis, int64_t start, int64_t count, int64_t stride);

Span call_span(const Expr *call); /* without what was piped into it */

/* ---- elaborate_arguments.c ----------------------------------------------------------------------------- */
/* One argument bound to a formal. */
typedef struct Bound {
    Term term;
    const Expr *from; /* NULL: a default */
    bool given;
} Bound;
/* What a call's arguments are bound to. */
typedef struct Formals {
    const char *callee;
    int n;
    const char *const *name;
    const bool *required;
    int tensors; /* so many in front are tensors; where one is not required, it is given by name alone */
    int values; /* from this one on they are a definition's compile-time values, which may be layers */
} Formals;
Formals formals_of(Elab *e, const Def *def);
bool bind_arguments(Elab *e, const Expr *call, const Formals *f, int next, Bound *out);
/* A layer as a value, with those of its arguments that it was given where it was passed on. */
struct Callable {
    const Symbol *symbol; /* or */
    const struct Builtin *builtin;
    const Bound *arg; /* one for each formal of the symbol; NULL: none is given */
};
Term eval_attribute(Elab *e, const Expr *x);
Term call_callable(Elab *e, const Expr *call, const Callable *c);
const char *callable_name(const Callable *c);

/* ---- elaborate_call.c ---------------------------------------------------------------------------------- */
Term eval_call(Elab *e, const Expr *x);
Term call_definition(Elab *e, const Expr *call, const Symbol *s, const Bound *preset);
Instance *instance_new(Elab *e, const Symbol *s, const char *path, Span site);
typedef struct Saved {
    Scope *scope;
    Instance *instance;
    const Term *shape;
} Saved;
Saved enter_instance(Elab *e, Instance *i);
void leave_instance(Elab *e, Saved saved);
/* A declared type: dtype and extents, every name known. */
bool eval_type(Elab *e, const TypeExpr *type, Type *out);
bool match_type(Elab *e, const TypeExpr *want, const char *callee, const char *formal, Span at, Term t,
                const Expr *from);

/* ---- elaborate_builtin.c ------------------------------------------------------------------------------- */
typedef struct Builtin Builtin;
const Builtin *find_builtin(const char *name);
Term call_builtin(Elab *e, const Builtin *b, const Expr *call);
const char *builtin_called(const Builtin *b);

/* What a builtin is given. */
typedef struct Args {
    const Expr *call;
    const char *name;
    Span sp;
    Bound *arg; /* one for each formal */
} Args;
typedef Term BuiltinFn(Elab *e, const Args *g);
/* elaborate_math.c, elaborate_moves.c */
BuiltinFn bi_element, bi_stop, bi_floor, bi_abs, bi_where, bi_cast, bi_sum, bi_mean, bi_max,
    bi_min, bi_argmax, bi_argmin, bi_batch_mean, bi_ratio, bi_gradient, bi_transpose, bi_permute, bi_reshape, bi_flatten, bi_concat,
    bi_stack, bi_split, bi_reverse, bi_gather, bi_check_index, bi_full, bi_full_like, bi_broadcast_to,
    bi_iota, bi_random, bi_shape, bi_size, bi_len, bi_ndim, bi_range, bi_is_list;
/* elaborate_window.c */
BuiltinFn bi_window, bi_convolution, bi_pad;
/* Complaints in one place; arguments by position. */
Span arg_span(const Args *g, int i);
bool arg_tensor(Elab *e, const Args *g, int i, DType dt, Term *t);
bool axis_in_range(Elab *e, Span sp, int rank, int64_t *axis); /* negative ones made positive */
bool arg_axis(Elab *e, const Args *g, int i, int rank, int fallback, int *axis);
bool arg_axes(Elab *e, const Args *g, int i, int rank, int *n, int *axis);

/* ---- elaborate_loop.c, elaborate_names.c --------------------------------------------------------------- */
Term eval_for(Elab *e, const Expr *x);
bool name_listed(const NameList *names, const char *name);
void names_assigned(Arena *a, const Block *body, NameList *out);
void names_differentiated(Arena *a, const Block *body, NameList *out); /* x and z of gradient(y, [x, z]) */
void names_carried(Arena *a, const Expr *loop,
                   NameList *out); /* assigned in the body, and read there before */
bool name_used_after(Arena *a, const Block *body, const char *name, Span loop, bool anywhere);

/* ---- elaborate_stmt.c ---------------------------------------------------------------------------------- */
void run_block(Elab *e, const Block *body);
/* Whether a parameter or state not found by now may be made; diagnosed where the call has another's. */
bool may_add(Elab *e, const Stmt *s, const char *path, int found);
bool declare(Elab *e, Name name); /* false, diagnosed, where the definition has declared one of that name */
Frame *root_frame(Elab *e);

/* ---- elaborate_state.c --------------------------------------------------------------------------------- */
void run_state(Elab *e, const Stmt *s);
void run_stream(Elab *e, const Stmt *s);
void run_update(Elab *e, const Stmt *s); /* name <- value */
/* Evaluates an initial value in the init function: of type t, or (NULL) of its own. The node, or NULL once
 * diagnosed. */
Node *initial_value(Elab *e, const char *path, const Type *t, const Expr *value, Span sp);
/* What streams begin with, as a function, and their new values as results of the inference; NULL where there are none. */
Fn *finish_streams(Elab *e, Fn *infer);

/* ---- elaborate_gradient.c ------------------------------------------------------------------------------ */
Term watched(Elab *e, const char *name, Term t); /* t, as a node that a gradient can be taken by where one is by `name` */
/* Made again without such nodes; a loop that a gradient made again, with more yields, is taken for both. */
Fn *unwatched(const Fn *fn, const Swaps *swaps);

/* ---- elaborate_train.c --------------------------------------------------------------------------------- */
void run_train_stmt(Elab *e, const Stmt *s); /* a statement that only stands in train */
void run_optimizer_state(Elab *e, const Stmt *s);
void finish_loss(Elab *e, Span sp); /* the loss and the new states as results of the frame's function */
void freeze_params(Elab *e);
void make_update(Elab *e);
Term elab_batch_mean(Elab *e, Span sp, Term x);

#endif
