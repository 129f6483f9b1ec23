/* SPDX-License-Identifier: MIT */
/* fuzz_graph.c: a function's text is read. If it is sound it prints and reads back alike, and goes the way of a model's
 * functions: simplified, hoisted, lowered, emitted. */
#include "fuzz.h"
#include "emit/emit.h"
#include "graph/attr.h"
#include "passes/passes.h"

#include <string.h>

static const char *printed(Arena *a, const Fn *fn)
{
    StrBuf sb = {.a = a};
    fn_print(&sb, fn);
    return sb_text(&sb);
}

static Fn *read(Arena *a, Diag *d, const char *text, size_t n)
{
    return fn_parse(a, d, diag_add_source(d, "fuzz.ir", text, n));
}

/* Every node made again, so that the local rewrites see it. */
static Fn *simplified(const Fn *fn)
{
    Fn *to = fn_new(fn->a, fn->name);
    Node **map = NEWN(fn->a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        map[fn->input.at[i].node->id] = node_rebuild(to, fn->input.at[i].node, NULL);
    fn_inline(to, fn, map);
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(to, port->role, port->index, port->name, map[port->node->id]);
    }
    return to;
}

static void check_sound(Arena *a, const Fn *fn, const char *after)
{
    const Node *guilty = NULL;
    const char *wrong = fn_verify(a, fn, &guilty);
    if (wrong)
        BUG("after %s: %s\n%s\n%s", after, wrong, guilty ? node_text(a, guilty) : "", printed(a, fn));
}

/* As emitted C names them: a port's role and index are its own. */
static void compile(Arena *a, const Fn *fn, const Target *target)
{
    Fn *simple = simplified(fn);
    check_sound(a, simple, "simplify");
    Fn *hoisted = hoist(simple, HOIST_ROOM);
    check_sound(a, hoisted, "hoist");
    Plan *plan = lower(a, NULL, hoisted, target);
    const MemoryFunction function = {.name = "f", .plan = plan};
    if (plan)
        emit_memory(a, &function, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    const Node *guilty = NULL;
    Fn *fn = read(a, d, (const char *)bytes, n);
    if (fn) {
        const char *first = printed(a, fn);
        Fn *again = read(a, d, first, strlen(first));
        if (!again || !str_eq(printed(a, again), first))
            BUG("printed, read and printed:\n%s\n%s", first, again ? printed(a, again) : diag_text(d, a));
        if (!fn_verify(a, fn, &guilty))
            compile(a, fn, target_at((int)(n % 4)));
    }
    diag_text(d, a);
    arena_free(a);
    return 0;
}

/* Every operation with its attributes. */
static const char *words(size_t *n)
{
    static StrBuf sb;
    if (!sb.n) {
        sb.a = arena_new();         /* lives as long as the process */
        sb_puts(&sb, "func f(x: f32[2, 3] input 0, i: i32[2] input 1, b: bool param 0, u: u8[4] state 0) {\n");
        for (int op = 0; op < OP_COUNT; op++) {
            const OpInfo *info = op_info((Op)op);
            sb_printf(&sb, "%%%d = %s(%s)", op, info->text, info->nin == 1 ? "x" : info->nin ? "x, x" : "");
            for (int f = 0; f < attr_fields(info->attr)->n; f++)
                if (attr_fields(info->attr)->field[f].key)
                    sb_printf(&sb, " %s=%s", attr_fields(info->attr)->field[f].key, op % 2 ? "1" : "[0, 1]");
            sb_puts(&sb, " : f32[2, 3] as y\n");
        }
        for (int role = 0; role <= ROLE_YIELD; role++)
            sb_printf(&sb, "%s %d, ", role_name((Role)role), role);
        sb_puts(&sb, "\ncontract=[1]/[0] batch=[0]/[0]\nbody=func g(c: f32 carry 0, s: f32 slice 0) "
                     "{ %1 = add(c, s) return carry 0 = %1, yield 0 = %1 }\nreturn output 0 y = %1 }\n");
    }
    *n = sb.n;
    return sb.at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
    size_t npool;
    const char *pool = words(&npool);
    return mutate_text(bytes, n, most, seed, pool, npool);
}
