/* SPDX-License-Identifier: MIT */
/* emit_stage.c: a stage of a kernel as a loop nest. */
#include "emit_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ---- loops ----------------------------------------------------------------------------------------- */
void push_loop(Out *o, bool printed)
{
    if (o->nloop == LEN(o->loop))
        BUG("more than %d nested loops", o->nloop);
    o->loop[o->nloop++] = printed;
    o->indent += printed;
}

void open_block(Out *o, const char *head)
{
    line(o, "%s", head);
    push_loop(o, true);
}

void open_loop(Out *o, const Var *v)
{
    if (is_split(o, v)) {
        open_split(o, v);
        return;
    }
    if (v->extent > 1)
        line(o, "for (int %s = 0; %s < %" PRId64 "; %s++) {", v->name, v->name, v->extent, v->name);
    push_loop(o, v->extent > 1);
}

void print_unroll(Out *o, const Stage *s, int64_t turns)
{
    const int64_t unroll = loop_unroll(o->p->target, s, turns);
    if (unroll)
        line(o, "#pragma GCC unroll %" PRId64, unroll);
}

/* The innermost loop of a stage, as often written out as it is to be. */
static void open_inner(Out *o, const Stage *s, const Var *v)
{
    if (!is_split(o, v))
        print_unroll(o, s, v->extent);
    open_loop(o, v);
}

void close_loops(Out *o, int n)
{
    while (n-- > 0) {
        if (!o->loop[--o->nloop])
            continue;
        o->indent--;
        line(o, "}");
    }
}

static const char *stored(Out *o, const Item *item, const char *value)
{
    DType dt = item->unit->type.dt;
    return dt == DT_BOOL || dt == DT_U8 ? arena_printf(o->a, "(uint8_t)(%s)", value) : value;
}

void print_store(Out *o, const Item *item, const char *value)
{
    StrBuf sb = {.a = o->a};
    put_element(o, &sb, item->buffer, item->at);
    line(o, "%s = %s;", sb_text(&sb), stored(o, item, value));
}

static bool unit_is_read(const Ex *e, const Unit *u)
{
    if (e->kind == X_UNIT && e->unit == u)
        return true;
    for (int i = 0; i < e->part.n; i++)
        if (unit_is_read(e->part.at[i], u))
            return true;
    return false;
}

static bool read_later(const Stage *s, int from, const Unit *u)
{
    for (int i = from + 1; i < s->items.n; i++)
        if (unit_is_read(s->items.at[i].value, u))
            return true;
    return false;
}

/* Sets depths and chooses constants for all of a stage's items, as seen from its innermost loop. */
void prepare_stage(Out *o, const Stage *s, ExList *temps)
{
    int depth = 0;
    for (int i = 0; i < o->k->scans.n; i++)
        o->k->scans.at[i]->depth = 0;
    for (int i = 0; i < o->k->nouter; i++)
        o->k->outer[o->k->order[i]]->depth = 0;     /* constants of outer loops stand at the stage's start */
    for (int i = 0; i < s->nloop; i++)
        s->loop[i]->depth = ++depth;
    if (s->vector) {                                /* the last parallel loop runs inside of the reduce loops */
        for (int i = s->nparallel; i < s->nloop; i++)
            s->loop[i]->depth--;
        s->loop[s->nparallel - 1]->depth = depth;
    }
    ExList values = {0};
    for (int i = 0; i < s->items.n; i++) {
        vec_push(o->a, &values, s->items.at[i].value);
        lin_values(o->a, s->items.at[i].at, &values);
    }
    for (int i = 0; i < values.n; i++)
        reset_ex(values.at[i]);
    for (int i = 0; i < values.n; i++)
        count_uses(values.at[i], false);
    for (int i = 0; i < values.n; i++)
        choose_temps(o, values.at[i], depth, temps);
}

/* Opens the loops s->loop[order[0]], ... one by one, each constant as soon as its loops are open. */
void open_loops(Out *o, const Stage *s, int from, int to, const ExList *temps)
{
    for (int i = from; i < to; i++) {
        open_loop(o, s->loop[i]);
        print_temps(o, temps, s->loop[i]->depth);
    }
}

static void print_value(Out *o, const Stage *s, int i)
{
    const Item *item = &s->items.at[i];
    const char *value = ex_text(o, item->value, ANY);
    if (read_later(s, i, item->unit)) {
        const char *name = unit_name(o, item->unit);
        line(o, "const %s %s = %s;", c_value_type(item->unit->type.dt), name, value);
        value = name;
    }
    if (item->buffer)
        print_store(o, item, value);
}

/* Constants not yet printed: those that use another item's value stand behind it. */
void print_item_temps(Out *o, const Ex *e)
{
    for (int i = 0; i < e->part.n; i++)
        print_item_temps(o, e->part.at[i]);
    if (e->temp >= 0)
        return;
    StrBuf sb = {.a = o->a};
    put_whole(o, &sb, e, ANY);
    ((Ex *)e)->temp = ++o->ntemp;
    line(o, "const %s v%d = %s;", c_value_type(e->dt), e->temp, sb_text(&sb));
}

/* Whether `name` stands in text as a word of its own. */
static bool mentions(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
        if ((at == text || (!isalnum((unsigned char)at[-1]) && at[-1] != '_')) && !isalnum((unsigned char)at[n]) && at[n] != '_')
            return true;
    return false;
}

static void find_place(Out *o, const Lin *at)
{
    const Lin *still = lin_depth(at) == o->inner ? still_part(o, at) : NULL;
    for (int i = 0; still && i < o->places.n; i++)
        if (lin_eq(o->places.at[i].still, still))
            return;
    if (still)
        vec_push(o->a, &o->places, ((Place){still, NULL}));
}

static void find_places(Out *o, const Ex *e)
{
    if (e->kind == X_LOAD)
        find_place(o, e->at);
    for (int i = 0; i < e->part.n; i++)
        find_places(o, e->part.at[i]);
}

/* The innermost loop, behind the constants that it wants. */
static void print_inner_map(Out *o, const Stage *s, const ExList *temps)
{
    const Var *last = s->loop[s->nloop - 1];
    o->inner = last->depth;
    for (int i = 0; i < s->items.n; i++)
        find_places(o, s->items.at[i].value);
    for (int i = 0; i < o->places.n; i++)
        o->places.at[i].name = arena_printf(o->a, "v%d", ++o->ntemp);
    const ExList drawn = draw_rows(o, s);
    StrBuf *out = o->sb, body = {.a = o->a};
    o->sb = &body;
    open_inner(o, s, last);
    print_drawn(o, &drawn, last);
    print_temps(o, temps, last->depth);
    for (int i = 0; i < s->items.n; i++) {
        print_item_temps(o, s->items.at[i].value);
        print_value(o, s, i);
    }
    close_loops(o, 1);
    o->sb = out;
    int n = o->places.n;
    o->places.n = 0;
    for (int i = 0; i < n; i++)
        if (mentions(sb_text(&body), o->places.at[i].name))
            line(o, "const long %s = %s;", o->places.at[i].name, lin_text(o, o->places.at[i].still));
    o->inner = 0;
    print_further(o, s);
    sb_puts(o->sb, sb_text(&body));
}

static void print_map(Out *o, const Stage *s)
{
    ExList temps = {0};
    if (s->square) {
        print_squares(o, s);
        return;
    }
    prepare_stage(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nloop - 1, &temps);
    if (s->nloop) {
        print_inner_map(o, s, &temps);
    } else {
        for (int i = 0; i < s->items.n; i++) {
            print_item_temps(o, s->items.at[i].value);
            print_value(o, s, i);
        }
    }
    close_loops(o, s->nloop ? s->nloop - 1 : 0);
}

/* ---- reductions ------------------------------------------------------------------------------------ */
static const char *accumulator(Out *o, const Stage *s, const Item *item, const char *lane)
{
    return s->lanes > 1 ? arena_printf(o->a, "%s[%s]", unit_name(o, item->unit), lane) : unit_name(o, item->unit);
}

const char *start_of(const Item *item)
{
    if (item->value->dt != DT_F32)
        return item->reduce == OP_SUM ? "0" : "-2147483647 - 1";
    return item->reduce == OP_SUM ? "0.0f" : "-DL_INFINITY";
}

static bool is_reduced(const Item *item)
{
    return item->reduce != OP_COUNT;
}

static const char *position_text(Out *o, const Stage *s)
{
    const Lin *at = lin_const(o->a, 0);
    for (int i = s->nparallel; i < s->nloop; i++)
        at = lin_add(o->a, lin_scale(o->a, at, s->loop[i]->extent), lin_var(o->a, s->loop[i]));
    return lin_text(o, at);
}

static void print_start(Out *o, const Stage *s, const Item *item)
{
    const char *name = unit_name(o, item->unit);
    if (item->reduce == OP_ARGMAX) {
        line(o, "int32_t %s = 0;", name);
        line(o, "%s best_%s = %s;", c_value_type(item->value->dt), name, start_of(item));
    } else if (s->lanes > 1) {
        line(o, "%s %s[%d];", c_value_type(item->value->dt), name, s->lanes);
        line(o, "for (int lane = 0; lane < %d; lane++)", s->lanes);
        line(o, "    %s[lane] = %s;", name, start_of(item));
    } else {
        line(o, "%s %s = %s;", c_value_type(item->unit->type.dt), name, start_of(item));
    }
}

/* Adds to a sum so far; integers wrap around. */
static void print_add(Out *o, DType dt, const char *sofar, const char *value)
{
    if (dt == DT_I32)
        line(o, "%s = dl_add_i32(%s, %s);", sofar, sofar, value);
    else
        line(o, "%s += %s;", sofar, value);
}

void print_step(Out *o, const Stage *s, const Item *item, const char *sofar)
{
    const char *value = ex_text(o, item->value, item->reduce == OP_SUM ? ANY : COMPARE + 1);
    if (item->reduce == OP_SUM) {
        print_add(o, item->value->dt, sofar, value);
        return;
    }
    const char *name = unit_name(o, item->unit);
    line(o, "const %s x_%s = %s;", c_value_type(item->value->dt), name, value);
    if (item->reduce == OP_MAX) {
        if (item->value->dt == DT_F32)      /* whose first operand is asked whether it is NaN: for that no turn waits for the one before */
            line(o, "%s = dl_max(x_%s, %s);", sofar, name, sofar);
        else
            line(o, "%s = %s < x_%s ? x_%s : %s;", sofar, sofar, name, name, sofar);
        return;
    }
    line(o, "if (best_%s < x_%s) {", name, name);
    line(o, "    best_%s = x_%s;", name, name);
    line(o, "    %s = %s;", sofar, position_text(o, s));
    line(o, "}");
}

/* One accumulator takes in another. */
const char *joined(Out *o, const Item *item, const char *to, const char *from)
{
    if (item->reduce == OP_SUM)
        return arena_printf(o->a, item->value->dt == DT_I32 ? "%s = dl_add_i32(%s, %s);" : "%s += %.0s%s;", to, to, from);
    if (item->value->dt == DT_F32)
        return arena_printf(o->a, "%s = dl_max(%s, %s);", to, to, from);
    return arena_printf(o->a, "%s = %s < %s ? %s : %s;", to, to, from, from, to);
}

/* One half of the lanes takes in the other. */
static void print_half(Out *o, const Stage *s, const Item *item, int half)
{
    const char *to = accumulator(o, s, item, half > 1 ? "lane" : "0"), *indent = half > 1 ? "    " : "";
    const char *from = accumulator(o, s, item, half > 1 ? arena_printf(o->a, "lane + %d", half) : "1");
    if (half > 1)
        line(o, "for (int lane = 0; lane < %d; lane++)", half);
    line(o, "%s%s", indent, joined(o, item, to, from));
}

static void print_reduce_body(Out *o, const Stage *s, const ExList *drawn, const char *lane)
{
    print_drawn(o, drawn, s->loop[s->nloop - 1]);
    for (int i = 0; i < s->items.n; i++) {
        const Item *item = &s->items.at[i];
        print_item_temps(o, item->value);
        if (is_reduced(item))
            print_step(o, s, item, accumulator(o, s, item, lane));
        else
            print_value(o, s, i);
    }
}

/* The last loop, one position for each lane, as often as there are enough. */
void open_lanes(Out *o, const Stage *s, const Var *last)
{
    const char *v = last->name;
    open_block(o, arena_printf(o->a, "for (int %s_0 = 0; %s_0 < %" PRId64 "; %s_0 += %d) {", v, v,
                               last->extent / s->lanes * s->lanes, v, s->lanes));
}

/* A body for one position; if it is the same again and again it has no use for that. */
void print_at(Out *o, const Var *last, const char *at, StrBuf *body)
{
    if (mentions(sb_text(body), last->name))
        line(o, "const int %s = %s;", last->name, at);
    sb_puts(o->sb, sb_text(body));
}

/* Positions of the last loop from `first` on, one for each of so many lanes. */
static void print_lanes(Out *o, const Stage *s, const ExList *temps, const ExList *drawn, const char *first, int lanes)
{
    const Var *last = s->loop[s->nloop - 1];
    for (int i = 0; i < temps->n; i++)      /* each time anew */
        if (temps->at[i]->depth >= last->depth)
            temps->at[i]->temp = -1;
    print_unroll(o, s, lanes);
    open_block(o, lanes > 1 ? arena_printf(o->a, "for (int lane = 0; lane < %d; lane++) {", lanes) : "{");
    StrBuf *out = o->sb, body = {.a = o->a};
    o->sb = &body;
    print_reduce_body(o, s, drawn, lanes > 1 ? "lane" : "0");
    o->sb = out;
    print_at(o, last, lanes > 1 ? arena_printf(o->a, "%s + lane", first) : first, &body);
    close_loops(o, 1);
}

/* Lanes are added up by halves: few steps wait for each other, and the first ones take whole vectors. What the last loop has left over for
 * them is done when they have become so few. */
static void print_lanes_finish(Out *o, const Stage *s, const ExList *temps, const ExList *drawn)
{
    const int64_t extent = s->loop[s->nloop - 1]->extent;
    int64_t at = extent / s->lanes * s->lanes;
    for (int lanes = s->lanes / 2; lanes > 0; lanes /= 2) {
        for (int i = 0; i < s->items.n; i++)
            if (is_reduced(&s->items.at[i]))
                print_half(o, s, &s->items.at[i], lanes);
        if (at + lanes <= extent) {
            print_lanes(o, s, temps, drawn, arena_printf(o->a, "%" PRId64, at), lanes);
            at += lanes;
        }
    }
}

static void print_reduce(Out *o, const Stage *s)
{
    ExList temps = {0};
    prepare_stage(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nparallel, &temps);
    for (int i = 0; i < s->items.n; i++)
        if (is_reduced(&s->items.at[i]))
            print_start(o, s, &s->items.at[i]);
    open_loops(o, s, s->nparallel, s->nloop - 1, &temps);
    const Var *last = s->loop[s->nloop - 1];
    const ExList drawn = draw_rows(o, s);
    if (s->lanes > 1) {
        open_lanes(o, s, last);
        print_lanes(o, s, &temps, &drawn, arena_printf(o->a, "%s_0", last->name), s->lanes);
    } else {
        open_inner(o, s, last);
        print_reduce_body(o, s, &drawn, "");
    }
    close_loops(o, s->nloop - s->nparallel);
    if (s->lanes > 1)
        print_lanes_finish(o, s, &temps, &drawn);
    for (int i = 0; i < s->items.n; i++) {
        const Item *item = &s->items.at[i];
        if (is_reduced(item) && item->buffer)
            print_store(o, item, accumulator(o, s, item, "0"));
    }
    close_loops(o, s->nparallel);
}

/* ---- scatter, check -------------------------------------------------------------------------------- */
static void print_scatter(Out *o, const Stage *s)
{
    const Item *item = &s->items.at[0];
    ExList temps = {0};
    const Buffer *sums = buffer_root(item->buffer);
    const Lin *base = item->unit->base;
    const char *from = base->n || base->constant ? arena_printf(o->a, "%s + ", lin_text(o, base)) : "";
    if (is_scalar_local(sums)) {
        line(o, "%s = 0;", sums->name);
    } else {
        line(o, "for (int j0 = 0; j0 < %" PRId64 "; j0++)", s->limit);
        line(o, "    %s[%sj0] = 0;", sums->name, from);
    }
    prepare_stage(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nloop, &temps);
    print_item_temps(o, item->value);
    StrBuf sb = {.a = o->a};
    put_element(o, &sb, item->buffer, item->at);
    print_add(o, item->value->dt, sb_text(&sb), ex_text(o, item->value, ANY));
    close_loops(o, s->nloop);
}

static void print_check(Out *o, const Stage *s)
{
    ExList temps = {0};
    prepare_stage(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nloop, &temps);
    print_item_temps(o, s->items.at[0].value);
    line(o, "if ((uint32_t)%s >= %" PRId64 "u)", ex_text(o, s->items.at[0].value, TIGHT), s->limit);
    line(o, "    return DL_INDEX;");
    close_loops(o, s->nloop);
    line(o, "return DL_OK;");
}

/* ---- any stage ------------------------------------------------------------------------------------- */
void print_stage(Out *o, const Stage *s)
{
    switch (s->kind) {
    case STAGE_MAP:
        print_map(o, s);
        break;
    case STAGE_REDUCE:
        if (s->vector)
            print_columns(o, s);
        else
            print_reduce(o, s);
        break;
    case STAGE_TILE:
        print_tile(o, s);
        break;
    case STAGE_SCATTER:
        print_scatter(o, s);
        break;
    case STAGE_CHECK:
        print_check(o, s);
        break;
    }
}

