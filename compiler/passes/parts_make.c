/* SPDX-License-Identifier: MIT */
/* parts_make.c: the function with its loops over parts, once it is known what each of them makes.
 *
 * A loop's turn gets slices, parts of [turns, examples of a part, ...], and yields parts; what adds up over examples it yields as the part's
 * own sum, [turns, ...], and these are added up behind it. */
#include "parts.h"

typedef struct Making {
    const Parts *p;
    Fn *to;
    Node **out;                 /* by node: in the function */
    /* the loop being made; what is by node holds where its stamp is level + 1 */
    int level;
    int64_t turns;
    bool back;                  /* it begins with the last part, of which the loop before has left something in the cache */
    Fn *body;
    Node **part, **whole;       /* by node: inside */
    int *part_of, *whole_of;    /* the stamps */
    NodeList slices, wholes, yields;
} Making;

static Node *copied(Fn *to, const Node *n, Node *const *in, const Attr *attr)
{
    Span span = to->span;
    to->span = n->span;
    Node *made = node_make_as_is(to, n->op, n->nin, in, attr);
    to->span = span;
    if (!made->name)
        made->name = n->name;
    return made;
}

/* ---- outside ----------------------------------------------------------------------------------------------- */
static Node *outside(Making *m, const Node *n)
{
    if (m->out[n->id])
        return m->out[n->id];
    Node **in = NEWN(m->p->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = outside(m, n->in[i]);
    return m->out[n->id] = copied(m->to, n, in, &n->attr);
}

/* ---- what enters ------------------------------------------------------------------------------------------- */
static void list_operand(Making *m, const Node *x, int axis)
{
    int *stamp = axis < 0 ? m->whole_of : m->part_of;
    double value;
    if (is_const(x, &value) || (axis < 0 && m->p->still[x->id]) || stamp[x->id] == m->level + 1)
        return;
    stamp[x->id] = m->level + 1;
    if (axis < 0)
        vec_push(m->p->a, &m->wholes, x);
    else
        vec_push(m->p->a, &m->slices, x);
}

static int operand_axis(const Parts *p, const Node *n, int i)
{
    const PartRule *r = &p->rule[n->id];
    return r->at >= 0 || r->sums ? part_operand(r, i) : broadcast_source(n, 0);
}

static void make_inputs(Making *m, Node **in)
{
    const Parts *p = m->p;
    const NodeList *made = &p->made[m->level];
    for (int i = 0; i < made->n; i++)
        m->part_of[made->at[i]->id] = m->level + 1;
    for (int i = 0; i < made->n; i++)
        for (int k = 0; k < made->at[i]->nin; k++)
            list_operand(m, made->at[i]->in[k], operand_axis(p, made->at[i], k));
    for (int i = 0; i < m->slices.n; i++) {
        const Node *x = m->slices.at[i];
        Type t = x->type, parts = type_insert(x->type, 0, m->turns);
        t.dim[0] = parts.dim[1] = x->type.dim[0] / m->turns;
        m->part[x->id] = fn_input(m->body, ROLE_SLICE, i, x->name, t);
        in[i] = node_reshape(m->to, outside(m, x), parts.rank, parts.dim);
    }
    for (int i = 0; i < m->wholes.n; i++) {
        const Node *x = m->wholes.at[i];
        m->whole[x->id] = fn_input(m->body, ROLE_INVARIANT, i, x->name, x->type);
        in[m->slices.n + i] = outside(m, x);
    }
}

/* ---- inside ------------------------------------------------------------------------------------------------ */
/* A table of positions or the like, made inside. */
static Node *still(Making *m, const Node *x)
{
    if (m->whole_of[x->id] == m->level + 1)
        return m->whole[x->id];
    Node **in = NEWN(m->p->a, Node *, x->nin + 1);
    for (int i = 0; i < x->nin; i++)
        in[i] = still(m, x->in[i]);
    m->whole_of[x->id] = m->level + 1;
    return m->whole[x->id] = copied(m->body, x, in, &x->attr);
}

static Node *operand(Making *m, const Node *x, int axis)
{
    double value;
    if (is_const(x, &value)) {
        Type t = x->type;
        if (axis >= 0)
            t.dim[axis] /= m->turns;
        return node_full(m->body, t, value);
    }
    if (axis >= 0)
        return m->part[x->id];
    return m->p->still[x->id] ? still(m, x) : m->whole[x->id];
}

static void make_body(Making *m)
{
    const Parts *p = m->p;
    const NodeList *made = &p->made[m->level];
    for (int i = 0; i < made->n; i++) {
        const Node *n = made->at[i];
        Node **in = NEWN(p->a, Node *, n->nin + 1);
        for (int k = 0; k < n->nin; k++)
            in[k] = operand(m, n->in[k], operand_axis(p, n, k));
        Attr attr = part_attr(p, n, p->rule[n->id].sums ? 1 : m->turns);
        m->part[n->id] = copied(m->body, n, in, &attr);
        if (p->yield[n->id] && p->level[n->id] == m->level)
            vec_push(p->a, &m->yields, n);
    }
    for (int i = 0; i < m->yields.n; i++)
        fn_result(m->body, ROLE_YIELD, i, m->yields.at[i]->name, m->part[m->yields.at[i]->id]);
}

/* What a loop has yielded, as the function has it. */
static Node *joined(Making *m, const Node *n, Node *yield)
{
    int first = 0;
    Op op = n->op == OP_MAX ? OP_MAX : OP_SUM;
    if (m->p->rule[n->id].sums)
        return node_reduce(m->to, op, yield, 1, &first);
    return node_reshape(m->to, yield, n->type.rank, n->type.dim);
}

static void make_loop(Making *m)
{
    const Parts *p = m->p;
    m->turns = p->turns[m->level];
    m->body = fn_new(m->to->a, "part");
    m->body->span = m->to->span;
    m->slices.n = m->wholes.n = m->yields.n = 0;
    int most = 0;
    for (int i = 0; i < p->made[m->level].n; i++)
        most += p->made[m->level].at[i]->nin;
    Node **in = NEWN(p->a, Node *, most + 1);
    make_inputs(m, in);
    make_body(m);
    const Attr attr = {.scan = {.body = m->body, .nslice = m->slices.n, .nyield = m->yields.n, .length = m->turns, .reverse = m->back}};
    Node *scan = node_make(m->to, OP_SCAN, m->slices.n + m->wholes.n, in, &attr);   /* of constants alone: without slices */
    m->back = !m->back;
    for (int i = 0; i < m->yields.n; i++) {
        const Node *n = m->yields.at[i];
        m->out[n->id] = joined(m, n, node_result(m->to, scan, i));
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------- */
static void make_list(Making *m, const NodeList *list)
{
    for (int i = 0; i < list->n; i++)
        if (m->p->out[list->at[i]->id])
            outside(m, list->at[i]);
}

Fn *parts_make(Parts *p)
{
    const Fn *fn = p->from;
    int n = fn->node.n + 1;
    Making m = {.p = p, .to = fn_new(fn->a, fn->name)};
    m.to->span = fn->span;
    m.out = NEWN(p->a, Node *, n);
    m.part = NEWN(p->a, Node *, n);
    m.whole = NEWN(p->a, Node *, n);
    m.part_of = NEWN(p->a, int, n);
    m.whole_of = NEWN(p->a, int, n);
    for (int i = 0; i < fn->input.n; i++) {
        const Node *in = fn->input.at[i].node;
        m.out[in->id] = fn_input(m.to, in->attr.input.role, in->attr.input.index, in->name, in->type);
    }
    for (m.level = 0; m.level < p->nlevel; m.level++) {
        make_list(&m, &p->others[m.level]);
        if (p->turns[m.level] == 1)
            make_list(&m, &p->own[m.level]);
        else if (p->made[m.level].n)
            make_loop(&m);
    }
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(m.to, port->role, port->index, port->name, outside(&m, port->node));
    }
    return m.to;
}
