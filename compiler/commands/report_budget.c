/* SPDX-License-Identifier: MIT */
/* report_budget.c: what was done to keep a budget, behind the report's tables. */
#include "commands.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

/* "conv_a.y : f32[8, 32, 32, 16] (resnet.dl:9)", or "" */
static const char *tensor_text(Arena *a, const Diag *d, const Node *n)
{
    if (!n)
        return "";
    const char *name = n->name ? n->name : op_info(n->op)->text;
    int column, line = diag_line(d, n->span, &column);
    if (!line)
        return arena_printf(a, "%s : %s", name, type_text(a, n->type));
    const char *file = diag_source_name(d, n->span.source), *slash = strrchr(file, '/');
    return arena_printf(a, "%s : %s (%s:%d)", name, type_text(a, n->type), slash ? slash + 1 : file, line);
}

static void print_json(Arena *a, const Diag *d, const Choice *c)
{
    json_t *line = json_object();
    json_object_set_new(line, "function", json_string(c->function));
    json_object_set_new(line, "means", json_string(c->means));
    if (c->what)
        json_object_set_new(line, "tensor", json_string(tensor_text(a, d, c->what)));
    if (c->examples)
        json_object_set_new(line, "examples", json_integer(c->examples));
    if (c->refused) {
        json_object_set_new(line, "possible", json_false());
    } else {
        json_object_set_new(line, "saved_bytes", json_integer(c->saved));
        json_object_set_new(line, "more_macs", json_integer(c->macs));
    }
    json_print(line);
}

void report_budget(Arena *a, const Diag *d, const BudgetReport *report, bool ram, bool json)
{
    for (int i = 0; i < report->choices.n; i++) {
        const Choice *c = &report->choices.at[i];
        if (json) {
            print_json(a, d, c);
            continue;
        }
        if (i == 0)
            printf("%-12s %-12s %12s %12s  %s\n", "the budget", "means", "bytes saved", "MACs more", "tensor");
        const char *about = c->examples ? arena_printf(a, "%" PRId64 " examples at a time", c->examples) : tensor_text(a, d, c->what);
        if (c->refused)
            printf("%-12s %-12s %25s  %s\n", c->function, c->means, "mixes the examples:", about);
        else
            printf("%-12s %-12s %12" PRId64 " %12" PRId64 "  %s\n", c->function, c->means, c->saved, c->macs, about);
    }
    if (!ram)
        return;
    if (json) {
        json_t *line = json_object();
        json_object_set_new(line, "ram_bytes", json_integer(report->kept + report->arena));
        json_object_set_new(line, "kept_bytes", json_integer(report->kept));
        json_object_set_new(line, "scratch_bytes", json_integer(report->arena));
        json_print(line);
        return;
    }
    printf("RAM %" PRId64 " bytes: %" PRId64 " kept between calls, %" PRId64 " of scratch\n", report->kept + report->arena,
           report->kept, report->arena);
}
