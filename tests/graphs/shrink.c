/* SPDX-License-Identifier: MIT */
/* shrink.c: a graph that shows a fault, made smaller while it still does. Every edit makes the function
 * again, node by node, types inferred anew; what no longer fits is no candidate. */
#include "graphs.h"
#include "compiler/graph/attr.h"

#include <string.h>
#include <time.h>

typedef enum EditKind {
    EDIT_NONE,
    EDIT_DROP_RESULT, /* at: which */
    EDIT_OPERAND,     /* node at becomes its operand `choice` */
    EDIT_INPUT,       /* node at becomes input number `choice`; in a body, the constant 1 */
    EDIT_CONST,       /* node at becomes a constant, choice */
    EDIT_EXTENT,      /* extents `at` become `choice`, wherever they stand in types */
    EDIT_ATTR,        /* the number `field` of node at becomes choice */
    EDIT_FEWER,       /* operand `choice` of node at, a concatenation, is left out */
    EDIT_NAME,        /* input at is called "x" */
    EDIT_OP,          /* node at becomes operation `choice` */
} EditKind;

typedef struct Edit {
    EditKind kind;
    int64_t at, choice;
    int field;
} Edit;

typedef struct Remake {
    Arena *a;
    const Edit *edit;
    int count; /* nodes so far, bodies' included */
    int inputs;
    bool failed, applied;
} Remake;

/* ---- numbers of attributes, counted through all fields ------------------------------------------- */
static int attr_numbers(AttrKind kind, const Attr *attr)
{
    const AttrKindInfo *info = attr_fields(kind);
    int n = 0;
    for (int i = 0; i < info->n; i++)
        switch (info->field[i].kind) {
        case FIELD_INT:
        case FIELD_I64:
        case FIELD_BOOL:
            n++;
            break;
        case FIELD_INTS:
        case FIELD_I64S:
            n += ATTR_GET(int, attr, info->field[i].count);
            break;
        default:;
        }
    return n;
}

/* The number at `place`; set when `to` is given. */
static int64_t attr_number(AttrKind kind, Attr *attr, int place, const int64_t *to)
{
    const AttrKindInfo *info = attr_fields(kind);
    for (int i = 0; i < info->n; i++) {
        const AttrField *f = &info->field[i];
        bool list = field_is_list(f), wide = f->kind == FIELD_I64 || f->kind == FIELD_I64S;
        bool number = list || wide || f->kind == FIELD_INT || f->kind == FIELD_BOOL;
        int n = list ? ATTR_GET(int, attr, f->count) : number;
        if (place >= n) {
            place -= n;
            continue;
        }
        size_t at = f->offset + (size_t)place * (wide ? sizeof(int64_t) : sizeof(int));
        if (to && wide)
            ATTR_AT(int64_t, attr, at) = *to;
        else if (to)
            ATTR_AT(int, attr, at) = (int)*to;
        return wide ? ATTR_GET(int64_t, attr, at) : ATTR_GET(int, attr, at);
    }
    return 0;
}

/* ---- making a function again --------------------------------------------------------------------- */
static Type changed_type(const Remake *r, Type t)
{
    for (int i = 0; r->edit->kind == EDIT_EXTENT && i < t.rank; i++)
        t.dim[i] = t.dim[i] == r->edit->at ? r->edit->choice : t.dim[i];
    return t;
}

static Fn *remake_fn(Remake *r, const Fn *old, Node *const *operand, int ncarry, int nslice);

static Node *made(Remake *r, Fn *fn, Op op, int nin, Node *const *in, const Attr *attr)
{
    Type t;
    for (int i = 0; i < nin; i++)
        r->failed |= !in[i];
    if (r->failed || node_infer(r->a, op, nin, in, attr, &t) || type_count(t) > 100000) {
        r->failed = true;
        return NULL;
    }
    return node_make_as_is(fn, op, nin, in, attr);
}

static Node *constant(Remake *r, Fn *fn, Type t, double value)
{
    Attr number = {.constant = {.value = value, .dt = t.dt}}, broadcast = {.broadcast = {.type = t}};
    Node *n = made(r, fn, OP_CONST, 0, NULL, &number);
    return t.rank ? made(r, fn, OP_BROADCAST, 1, &n, &broadcast) : n;
}

/* Types that attributes say, and slices' limits, follow extents that have changed. */
static Attr changed_attr(const Remake *r, const Node *n, Node *const *in)
{
    Attr attr = n->attr;
    switch (op_info(n->op)->attr) {
    case ATTR_SHAPE:
        attr.shape.type = changed_type(r, attr.shape.type);
        break;
    case ATTR_BROADCAST:
        attr.broadcast.type = changed_type(r, attr.broadcast.type);
        break;
    case ATTR_RANDOM:
        attr.random.type = changed_type(r, attr.random.type);
        break;
    case ATTR_SLICE:
        for (int i = 0; r->edit->kind == EDIT_EXTENT && i < attr.slice.n; i++) {
            int64_t extent = in[0]->type.dim[i];
            attr.slice.limit[i] = attr.slice.limit[i] > extent ? extent : attr.slice.limit[i];
            attr.slice.start[i] =
                attr.slice.start[i] >= attr.slice.limit[i] ? attr.slice.limit[i] - 1 : attr.slice.start[i];
        }
        break;
    case ATTR_SCAN:
        if (r->edit->kind == EDIT_EXTENT && attr.scan.length == r->edit->at)
            attr.scan.length = r->edit->choice;
        break;
    case ATTR_WINDOW:
        if (r->edit->kind == EDIT_EXTENT && attr.window.size == r->edit->at)
            attr.window.size = r->edit->choice;
        if (r->edit->kind == EDIT_EXTENT && attr.window.extent == r->edit->at)
            attr.window.extent = r->edit->choice;
        break;
    case ATTR_LIMIT:
        if (r->edit->kind == EDIT_EXTENT && attr.limit.limit == r->edit->at)
            attr.limit.limit = r->edit->choice;
        break;
    default:;
    }
    return attr;
}

static Node *remake_node(Remake *r, Fn *fn, const Node *n, Node **map, bool body)
{
    int at = r->count++;
    const Edit *e = r->edit;
    bool here = e->at == at && (e->kind == EDIT_OPERAND || e->kind == EDIT_INPUT || e->kind == EDIT_CONST ||
                                e->kind == EDIT_ATTR || e->kind == EDIT_FEWER || e->kind == EDIT_OP);
    Node **in = NEWN(r->a, Node *, n->nin + 1);
    int nin = 0;
    for (int i = 0; i < n->nin; i++)
        if (!(here && e->kind == EDIT_FEWER && e->choice == i))
            in[nin++] = map[n->in[i]->id];
    for (int i = 0; i < nin; i++)
        if (!in[i])
            r->failed = true;
    if (r->failed)
        return NULL;
    if (here && n->op == OP_SCAN && e->kind != EDIT_ATTR) {
        r->failed = true;
        return NULL;
    }
    if (here && e->kind == EDIT_OPERAND) {
        r->applied = true;
        if (e->choice >= nin || in[e->choice]->op == OP_SCAN || in[e->choice]->type.dt != n->type.dt) {
            r->failed = true;
            return NULL;
        }
        return in[e->choice];
    }
    if (here && e->kind == EDIT_INPUT) {
        r->applied = true;
        return body ? constant(r, fn, n->type, 1) : fn_input(fn, ROLE_INPUT, (int)e->choice, "x", n->type);
    }
    if (here && e->kind == EDIT_CONST) {
        r->applied = true;
        return constant(r, fn, n->type, n->type.dt == DT_BOOL ? e->choice != 0 : (double)e->choice);
    }
    Attr attr = changed_attr(r, n, in);
    if (here && (e->kind == EDIT_FEWER || e->kind == EDIT_OP))
        r->applied = true;
    if (here && e->kind == EDIT_ATTR) {
        int64_t to = e->choice;
        attr_number(op_info(n->op)->attr, &attr, e->field, &to);
        r->applied = true;
    }
    if (n->op == OP_SCAN) {
        attr.scan.body = remake_fn(r, n->attr.scan.body, in, attr.scan.ncarry, attr.scan.nslice);
        if (r->failed)
            return NULL;
    }
    return made(r, fn, here && e->kind == EDIT_OP ? (Op)e->choice : n->op, nin, in, &attr);
}

/* operand: of a scan, whose body's inputs take their types from them; else NULL. */
static Fn *remake_fn(Remake *r, const Fn *old, Node *const *operand, int ncarry, int nslice)
{
    Fn *fn = fn_new(r->a, old->name);
    Node **map = NEWN(r->a, Node *, old->node.n + 1);
    for (int i = 0; i < old->input.n; i++) {
        const Port *port = &old->input.at[i];
        Type t = changed_type(r, port->node->type);
        bool rename = !operand && r->edit->kind == EDIT_NAME && r->edit->at == i;
        if (operand && (i >= ncarry && i < ncarry + nslice ? operand[i]->type.rank < 1 : false)) {
            r->failed = true;
            return fn;
        }
        if (operand)
            t = i >= ncarry && i < ncarry + nslice ? type_drop(operand[i]->type, 0) : operand[i]->type;
        r->applied |= rename;
        map[port->node->id] = fn_input(fn, port->role, port->index, rename ? "x" : port->name, t);
    }
    for (int id = 0; id < old->node.n && !r->failed; id++) {
        const Node *n = old->node.at[id];
        if (n->op != OP_INPUT)
            map[id] = remake_node(r, fn, n, map, operand != NULL);
    }
    for (int i = 0; i < old->result.n && !r->failed; i++) {
        const Port *port = &old->result.at[i];
        if (!operand && r->edit->kind == EDIT_DROP_RESULT && r->edit->at == i) {
            r->applied = true;
            continue;
        }
        if (!map[port->node->id] || map[port->node->id]->op == OP_SCAN)
            r->failed = true;
        else
            fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    return r->failed ? fn : fn_prune(fn);
}

/* The function after the edit, with fewer nodes where these are not needed; NULL where it does not fit. */
static Fn *edited(Arena *a, const Fn *fn, const Edit *e)
{
    Remake r = {.a = a, .edit = e};
    Fn *to = remake_fn(&r, fn, NULL, 0, 0);
    const Node *guilty;
    bool fine =
        !r.failed && (r.applied || e->kind == EDIT_EXTENT || e->kind == EDIT_NONE) && to->result.n > 0;
    return fine && !fn_verify(a, to, &guilty) ? to : NULL;
}

/* ---- what is changed on purpose ------------------------------------------------------------------ */
static int count_nodes(const Fn *fn)
{
    int n = 0;
    for (int i = 0; i < fn->node.n; i++) {
        n += fn->node.at[i]->op != OP_INPUT;
        n += fn->node.at[i]->op == OP_SCAN ? count_nodes(fn->node.at[i]->attr.scan.body) : 0;
    }
    return n;
}

static const Node *node_at(const Fn *fn, int *at);

Fn *mutated(Arena *a, const Fn *fn, uint64_t *random)
{
    int nodes = count_nodes(fn);
    for (int tries = 0; nodes && tries < 100; tries++) {
        int at = (int)random_below(random, nodes), left = at;
        const Node *n = node_at(fn, &left);
        AttrKind kind = op_info(n->op)->attr;
        int numbers = attr_numbers(kind, &n->attr);
        Edit e = {.kind = EDIT_OP, .at = at, .choice = random_below(random, OP_COUNT)};
        if (numbers && random_below(random, 2)) {
            Attr attr = n->attr;
            int field = (int)random_below(random, numbers);
            e = (Edit){EDIT_ATTR, at,
                       attr_number(kind, &attr, field, NULL) + (random_below(random, 2) ? 1 : -1), field};
        } else if (op_info((Op)e.choice)->attr != kind || (Op)e.choice == n->op) {
            continue;
        }
        Fn *to = edited(a, fn, &e);
        bool same = to && to->result.n == fn->result.n && to->input.n == fn->input.n;
        for (int i = 0; same && i < fn->result.n; i++)
            same = type_eq(fn->result.at[i].node->type, to->result.at[i].node->type);
        if (same)
            return to;
    }
    return NULL;
}

/* ---- what to try --------------------------------------------------------------------------------- */
typedef struct Shrinker {
    Arena *a;
    const Fn *fn;
    StillFails *fails;
    void *context;
    time_t end;
    int made; /* inputs tried so far */
} Shrinker;

static double size_of(const Fn *fn)
{
    double size = 0;
    for (int i = 0; i < fn->node.n; i++) {
        const Node *n = fn->node.at[i];
        size += 10 + 1e-3 * (double)type_count(n->type) +
                (n->op == OP_SCAN ? 10 + size_of(n->attr.scan.body) : 0);
        for (int k = 0; k < attr_numbers(op_info(n->op)->attr, &n->attr); k++) {
            Attr attr = n->attr;
            int64_t number = attr_number(op_info(n->op)->attr, &attr, k, NULL);
            size += 1e-4 * (double)(number < 0 ? -number : number);
        }
        size += 0.01 * n->type.rank;
    }
    for (int i = 0; i < fn->input.n; i++)
        size += fn->input.at[i].name && strcmp(fn->input.at[i].name, "x") ? 0.001 : 0;
    return size + 5 * fn->result.n;
}

static bool attempt(Shrinker *s, Edit e)
{
    if (time(NULL) >= s->end)
        return false;
    Fn *to = edited(s->a, s->fn, &e);
    if (!to || size_of(to) >= size_of(s->fn) || !s->fails(s->context, to))
        return false;
    s->fn = to;
    return true;
}

/* Node `at` of the function, bodies counted through as remake_fn does. */
static const Node *node_at(const Fn *fn, int *at)
{
    for (int i = 0; i < fn->node.n; i++) {
        const Node *n = fn->node.at[i];
        if (n->op == OP_INPUT)
            continue;
        if ((*at)-- == 0)
            return n;
        const Node *inner = n->op == OP_SCAN ? node_at(n->attr.scan.body, at) : NULL;
        if (inner)
            return inner;
    }
    return NULL;
}

static bool shrink_results(Shrinker *s)
{
    bool any = false;
    for (int i = s->fn->result.n - 1; i >= 0 && s->fn->result.n > 1; i--)
        any |= i < s->fn->result.n && attempt(s, (Edit){EDIT_DROP_RESULT, i, 0, 0});
    return any;
}

static bool shrink_node(Shrinker *s, int at, const Node *n)
{
    for (int k = 0; k < n->nin; k++)
        if (attempt(s, (Edit){EDIT_OPERAND, at, k, 0}))
            return true;
    if (attempt(s, (Edit){EDIT_INPUT, at, 5000 + s->made++, 0}) || attempt(s, (Edit){EDIT_CONST, at, 0, 0}) ||
        attempt(s, (Edit){EDIT_CONST, at, 1, 0}))
        return true;
    for (int k = 0; n->op == OP_CONCAT && k < n->nin; k++)
        if (attempt(s, (Edit){EDIT_FEWER, at, k, 0}))
            return true;
    return false;
}

static bool shrink_attr(Shrinker *s, int at, const Node *n)
{
    AttrKind kind = op_info(n->op)->attr;
    for (int k = 0; k < attr_numbers(kind, &n->attr); k++) {
        Attr attr = n->attr;
        int64_t number = attr_number(kind, &attr, k, NULL),
                tries[] = {0, 1, number / 2, number - 1, number + 1};
        for (int i = 0; i < LEN(tries); i++)
            if (tries[i] != number && attempt(s, (Edit){EDIT_ATTR, at, tries[i], k}))
                return true;
    }
    return false;
}

static bool shrink_nodes(Shrinker *s, bool (*how)(Shrinker *, int, const Node *))
{
    bool any = false;
    int last = 0;
    for (int at = last; time(NULL) < s->end; at++) {
        int left = at;
        const Node *n = node_at(s->fn, &left);
        if (!n)
            return any;
        if (how(s, at, n)) {
            any = true;
            at = at > 0 ? at - 2 : -1;
            at = at < -1 ? -1 : at;
        }
    }
    return any;
}

static void extents_of(Arena *a, const Fn *fn, int *most, bool *seen, int room)
{
    for (int i = 0; i < fn->node.n; i++) {
        const Node *n = fn->node.at[i];
        for (int k = 0; k < n->type.rank; k++)
            if (n->type.dim[k] < room)
                seen[n->type.dim[k]] = true;
        if (n->op == OP_SCAN) {
            if (n->attr.scan.length < room)
                seen[n->attr.scan.length] = true;
            extents_of(a, n->attr.scan.body, most, seen, room);
        }
    }
}

static bool shrink_extents(Shrinker *s)
{
    enum { ROOM = 2000 };
    bool any = false, seen[ROOM] = {false};
    int most = 0;
    extents_of(s->a, s->fn, &most, seen, ROOM);
    for (int extent = ROOM - 1; extent > 1; extent--) {
        int64_t tries[] = {1, 2, extent / 2, extent - 1};
        for (int i = 0; seen[extent] && i < LEN(tries); i++)
            if (tries[i] < extent && attempt(s, (Edit){EDIT_EXTENT, extent, tries[i], 0})) {
                any = true;
                if (tries[i] > 1 && tries[i] < extent)
                    seen[tries[i]] = true;
                break;
            }
    }
    return any;
}

static bool shrink_names(Shrinker *s)
{
    bool any = false;
    for (int i = 0; i < s->fn->input.n; i++)
        any |= attempt(s, (Edit){EDIT_NAME, i, 0, 0});
    return any;
}

Fn *shrink(Arena *a, const Fn *fn, StillFails *fails, void *context, int seconds)
{
    Shrinker s = {.a = a,
                  .fn = edited(a, fn, &(Edit){EDIT_NONE, 0, 0, 0}),
                  .fails = fails,
                  .context = context,
                  .end = time(NULL) + seconds};
    if (!s.fn)
        BUG("a graph cannot be made again");
    bool any = true;
    while (any && time(NULL) < s.end) {
        any = shrink_results(&s);
        any |= shrink_nodes(&s, shrink_node);
        any |= shrink_extents(&s);
        any |= shrink_nodes(&s, shrink_attr);
        any |= shrink_names(&s);
    }
    return (Fn *)s.fn;
}
