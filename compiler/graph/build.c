/* SPDX-License-Identifier: MIT */
/* build.c: functions, ports and hash-consing. nodes.c has a constructor per operation. */
#include "attr.h"

#include "../passes/passes.h"

#include <string.h>

/* A result by what it is, whatever its place among the results. */
typedef struct ResultSlot {
    Role role;
    int index;
    Node *node;                 /* NULL: free */
} ResultSlot;

/* Open addressing, at most half full; slots hold nodes of the function. */
struct NodeTable {
    Node **slot;
    size_t size; /* a power of two */
    size_t used;
    ResultSlot *result;         /* likewise */
    size_t result_size, result_used;
};

Fn *fn_new(Arena *a, const char *name)
{
    Fn *fn = NEW(a, Fn);
    fn->a = a;
    fn->name = name ? arena_strdup(a, name) : NULL;
    fn->table = NEW(a, struct NodeTable);
    fn->table->size = 64;
    fn->table->slot = NEWN(a, Node *, fn->table->size);
    fn->table->result_size = 8;
    fn->table->result = NEWN(a, ResultSlot, fn->table->result_size);
    return fn;
}

static uint64_t port_hash(Role role, int index)
{
    return ((uint64_t)role << 32 | (uint32_t)index) * 0xff51afd7ed558ccdu;
}

/* By words: attributes are long, and a multiplication a byte took a tenth of the compiler's time. */
static uint64_t attr_hash(const Attr *attr)
{
    uint64_t word, h = 0;
    for (size_t i = 0; i + sizeof word <= sizeof *attr; i += sizeof word) {
        memcpy(&word, (const char *)attr + i, sizeof word);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

/* Two inputs are one when they stand for the same thing, whatever their type: a contradiction must be
 * noticed. */
static uint64_t node_hash(Op op, int nin, Node *const *in, const Attr *attr)
{
    uint64_t h = (uint64_t)op * 0x9e3779b97f4a7c15u;
    if (op == OP_INPUT)
        return h ^ port_hash(attr->input.role, attr->input.index);
    for (int i = 0; i < nin; i++)
        h = (h ^ (uint64_t)in[i]->id) * 0xff51afd7ed558ccdu;
    return h ^ attr_hash(attr);
}

static bool node_is(const Node *n, Op op, int nin, Node *const *in, const Attr *attr, Type t)
{
    if (n->op != op || n->nin != nin)
        return false;
    if (op == OP_INPUT)
        return n->attr.input.role == attr->input.role && n->attr.input.index == attr->input.index;
    for (int i = 0; i < nin; i++)
        if (n->in[i] != in[i])
            return false;
    return memcmp(&n->attr, attr, sizeof *attr) == 0 && type_eq(n->type, t);
}

static Node **table_find(struct NodeTable *table, Op op, int nin, Node *const *in, const Attr *attr, Type t)
{
    uint64_t h = node_hash(op, nin, in, attr);
    size_t i = (size_t)(h ^ h >> 32) & (table->size - 1);
    while (table->slot[i] && !node_is(table->slot[i], op, nin, in, attr, t))
        i = (i + 1) & (table->size - 1);
    return &table->slot[i];
}

static void table_grow(Arena *a, struct NodeTable *table)
{
    struct NodeTable wider = *table;
    wider.size *= 2;
    wider.slot = NEWN(a, Node *, wider.size);
    for (size_t i = 0; i < table->size; i++) {
        Node *n = table->slot[i];
        if (n)
            *table_find(&wider, n->op, n->nin, n->in, &n->attr, n->type) = n;
    }
    *table = wider;
}

/* The node of this description: an equal one if there is one. `attr` is clean. */
static Node *node_intern(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr, Type t)
{
    Node **slot = table_find(fn->table, op, nin, in, attr, t);
    if (*slot)
        return *slot;
    Node *n = NEW(fn->a, Node);
    n->id = fn->node.n;
    n->op = op;
    n->type = t;
    n->nin = nin;
    n->in = nin ? arena_dup(fn->a, in, sizeof *in * (size_t)nin) : NULL;
    n->attr = *attr;
    n->span = fn->span;
    vec_push(fn->a, &fn->node, n);
    *slot = n;
    if (++fn->table->used * 2 > fn->table->size)
        table_grow(fn->a, fn->table);
    return n;
}

static Type infer_or_bug(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr)
{
    Type t = {0};
    for (int i = 0; i < nin; i++)
        if (in[i]->id >= fn->node.n || fn->node.at[in[i]->id] != in[i])
            BUG("operand %d of %s is not a node of function %s", i, op_info(op)->text,
                fn->name ? fn->name : "?");
    const char *why = node_infer(fn->a, op, nin, in, attr, &t);
    if (!why)
        return t;
    StrBuf sb = {.a = fn->a};
    for (int i = 0; i < nin; i++)
        sb_printf(&sb, "\n    operand %d: %s", i, node_text(fn->a, in[i]));
    BUG("%s in function %s: %s%s", op_info(op)->text, fn->name ? fn->name : "?", why, sb_text(&sb));
}

static const Attr no_attr;

Node *node_make_as_is(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr)
{
    if (op == OP_INPUT)
        BUG("an input is made by fn_input");
    attr = attr ? attr : &no_attr;
    Type t = infer_or_bug(fn, op, nin, in, attr);
    Attr clean = attr_clean(op_info(op)->attr, attr, t.dt);
    return node_intern(fn, op, nin, in, &clean, t);
}

Node *node_make(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr)
{
    if (op == OP_INPUT)
        BUG("an input is made by fn_input");
    attr = attr ? attr : &no_attr;
    Type t = infer_or_bug(fn, op, nin, in, attr);
    Attr clean = attr_clean(op_info(op)->attr, attr, t.dt);
    Node *simpler = simplify_node(fn, op, nin, in, &clean, t);
    return simpler ? simpler : node_intern(fn, op, nin, in, &clean, t);
}

Node *node_find(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr)
{
    Type t = infer_or_bug(fn, op, nin, in, attr);
    Attr clean = attr_clean(op_info(op)->attr, attr, t.dt);
    return *table_find(fn->table, op, nin, in, &clean, t);
}

/* ---- ports --------------------------------------------------------------------------------------------- */
Node *fn_input(Fn *fn, Role role, int index, const char *name, Type t)
{
    const char *why = type_problem(fn->a, t);
    if (why)
        BUG("input %s %d: %s", role_name(role), index, why);
    Attr attr = {.input = {.role = role, .index = index, .type = t}};
    attr = attr_clean(ATTR_INPUT, &attr, t.dt);
    int before = fn->node.n;
    Node *n = node_intern(fn, OP_INPUT, 0, NULL, &attr, attr.input.type);
    if (!type_eq(n->type, t))
        BUG("input %s %d is %s and %s", role_name(role), index, type_text(fn->a, n->type),
            type_text(fn->a, t));
    if (fn->node.n == before)
        return n;
    n->name = name ? arena_strdup(fn->a, name) : NULL;
    Port port = {.role = role, .index = index, .name = n->name, .node = n};
    vec_push(fn->a, &fn->input, port);
    return n;
}

Node *fn_find_input(const Fn *fn, Role role, int index)
{
    Attr attr = {.input = {.role = role, .index = index}};
    return *table_find(fn->table, OP_INPUT, 0, NULL, &attr, (Type){0});
}

static ResultSlot *find_result(const struct NodeTable *table, Role role, int index)
{
    uint64_t h = port_hash(role, index);
    size_t i = (size_t)(h ^ h >> 32) & (table->result_size - 1);
    while (table->result[i].node && (table->result[i].role != role || table->result[i].index != index))
        i = (i + 1) & (table->result_size - 1);
    return &table->result[i];
}

static void widen_results(Arena *a, struct NodeTable *table)
{
    struct NodeTable wider = *table;
    wider.result_size *= 2;
    wider.result = NEWN(a, ResultSlot, wider.result_size);
    for (size_t i = 0; i < table->result_size; i++)
        if (table->result[i].node)
            *find_result(&wider, table->result[i].role, table->result[i].index) = table->result[i];
    *table = wider;
}

void fn_result(Fn *fn, Role role, int index, const char *name, Node *n)
{
    Port port = {.role = role, .index = index, .name = name ? arena_strdup(fn->a, name) : NULL, .node = n};
    vec_push(fn->a, &fn->result, port);
    if (2 * ++fn->table->result_used > fn->table->result_size)
        widen_results(fn->a, fn->table);
    *find_result(fn->table, role, index) = (ResultSlot){role, index, n};
}

Node *fn_find_result(const Fn *fn, Role role, int index)
{
    return find_result(fn->table, role, index)->node;
}
