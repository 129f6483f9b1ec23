/* SPDX-License-Identifier: MIT */
/* tests/golden/passes/NAME.ir: a function, a line `#> PASS...`, and the function that comes out of these
 * passes. BLESS=1 build/tests/test_pass_golden   writes what comes out behind the line anew.
 *
 * passes: simplify (copied, with the local rewrites), crop, differentiate (gradients of the loss by all
 * parameters), hoist, strips (hoist with little room), micro_batch (two of input 0's examples at a time), by_parts (for an L2 of 32 KiB). In
 * tests/golden/fuse the last pass is fuse, which makes kernels: for x86-64-v3, so that
 * they are the same everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/kernels/kernel.h"
#include "compiler/passes/passes.h"

static Fn *run_simplify(Fn *fn)
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

static Fn *run_crop(Fn *fn)
{
    return fn_prune(crop(fn));
}

static Fn *run_differentiate(Fn *fn)
{
    Module m = {.a = fn->a};
    for (int i = 0; fn_find_input(fn, ROLE_PARAM, i); i++) {
        const Node *param = fn_find_input(fn, ROLE_PARAM, i);
        Entry entry = {.name = param->name, .type = param->type, .trainable = true};
        vec_push(fn->a, &m.params, entry);
    }
    return differentiate(&m, fn);
}

static Fn *run_hoist(Fn *fn)
{
    return hoist(fn, HOIST_ROOM);
}

/* The loops of these functions are short. */
static Fn *run_strips(Fn *fn)
{
    return hoist(fn, 128);
}

static Fn *run_micro_batch(Fn *fn)
{
    return micro_batch(fn->a, fn, fn_find_input(fn, ROLE_INPUT, 0)->type.dim[0], 2);
}

static Fn *run_by_parts(Fn *fn)
{
    Fn *made = by_parts(fn->a, fn, (PartLimits){.l2 = 65536});
    assert_non_null(made);
    return made;
}

static const struct {
    const char *name;
    Fn *(*run)(Fn *fn);
} passes[] = {{"simplify", run_simplify},
              {"crop", run_crop},
              {"shifts", merge_shifts},
              {"differentiate", run_differentiate},
              {"hoist", run_hoist},
              {"strips", run_strips},
              {"micro_batch", run_micro_batch},
              {"by_parts", run_by_parts}};

static const char *kernels_text(Arena *a, const Fn *fn)
{
    StrBuf sb = {.a = a};
    plan_print_kernels(&sb, lower(a, NULL, fn, target_find("x86-64-v3")));
    return sb_text(&sb);
}

/* The text of the function that comes out; `list` are the passes' names, to the end of the line. */
static const char *run(Arena *a, const char *path, Fn *fn, const char *list)
{
    char *names = arena_strndup(a, list, strcspn(list, "\n")), *save = NULL;
    for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        if (str_eq(name, "fuse"))
            return kernels_text(a, fn_prune(fn));
        int i = 0;
        while (i < LEN(passes) && !str_eq(passes[i].name, name))
            i++;
        if (i == LEN(passes))
            fail_msg("%s: no pass is called %s", path, name);
        fn = passes[i].run(fn);
        const char *why = fn_verify(a, fn, NULL);
        if (why)
            fail_msg("%s: after %s: %s", path, name, why);
    }
    StrBuf sb = {.a = a};
    fn_print(&sb, fn_prune(fn));
    return sb_text(&sb);
}

static void check_file(const char *path)
{
    Arena *a = arena_new();
    size_t bytes;
    const char *why = NULL;
    char *text = file_read(a, path, &bytes, &why);
    char *line = text ? strstr(text, "#> ") : NULL;
    if (!line)
        fail_msg("%s: %s", path, text ? "there is no line `#> PASS`" : why);
    Diag *d = diag_new(a);
    char *input = arena_strndup(a, text, (size_t)(line - text));
    Fn *fn = fn_parse(a, d, diag_add_source(d, path, input, strlen(input)));
    if (!fn)
        fail_msg("%s", diag_text(d, a));
    const char *have = run(a, path, fn, line + 3), *want = strchr(line, '\n') + 1;
    if (getenv("BLESS")) {
        const char *all = arena_printf(a, "%.*s%s", (int)(want - text), text, have);
        assert_true(file_write(a, path, all, strlen(all), &why));
    } else if (!str_eq(have, want)) {
        fail_msg("%s has changed:\n%s", path, have);
    }
    arena_free(a);
}

static void check_files(const char *pattern)
{
    glob_t files;
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        check_file(files.gl_pathv[i]);
    globfree(&files);
}

static void test_passes_give_what_they_gave(void **state)
{
    (void)state;
    check_files("tests/golden/passes/*.ir");
}

static void test_kernels_are_what_they_were(void **state)
{
    (void)state;
    check_files("tests/golden/fuse/*.ir");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_give_what_they_gave),
        cmocka_unit_test(test_kernels_are_what_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
