/* SPDX-License-Identifier: MIT */
/* test_plan_verify.c: the verifier is shown plans with one thing wrong: stores and loads, the order of steps, memory, pieces
 * and turns of threads. Tiles are test_plan_tiles.c's. */
#include "plan_case.h"

static const char both[] =
    "func f(x: f32[40, 8] input 0, w: f32[8, 8] param 0, u: f32[8, 8] param 1) { %1 = dot(x, w) "
    "contract=[1]/[0] "
    "%2 = dot(x, u) contract=[1]/[0] %3 = dot(%1, %2) contract=[0]/[0] return output 0 y = %3 }";
static const char chain[] = "func f(x: f32[40, 8] input 0, w: f32[8, 8] param 0) { %1 = dot(x, w) "
                            "contract=[1]/[0] %2 = dot(%1, w) contract=[1]/[0] "
                            "%3 = dot(%2, w) contract=[1]/[0] return output 0 y = %3 }";
static const char padded[] =
    "func f(x: f32[6] input 0) { %1 = pad(x) lo=[2] hi=[1] interior=[0] value=0 return output 0 y = %1 }";
static const char summed[] = "func f(x: f32[9, 40] input 0) { %1 = sum(x) axes=[1] return output 0 y = %1 }";
static const char update[] = "func f(p: f32[9] param 0, x: f32[9, 9] input 0) { %1 = dot(x, p) "
                             "contract=[1]/[0] %2 = neg(p) return param 0 p = %2, output 0 y = %1 }";
static const char adam[] = "func f(x: f32[40, 30] input 0, y: f32[40, 8] input 1, p: f32[30, 8] param 0) { %1 = dot(x, y) "
                           "contract=[0]/[0] %2 = sub(p, %1) return param 0 p = %2 }";
static const char wide[] = "func f(x: f32[1, 40] input 0, w: f32[40, 96] param 0) { %1 = dot(x, w) contract=[1]/[0] return output 0 y = %1 }";
static const char turns[] =
    "func f(x: f32[6, 9, 20] input 0, w: f32[20, 20] param 0) { %1 = scan(x, w) carries=0 slices=1 yields=1 length=6 "
    "body=func b(s: f32[9, 20] slice 0, w: f32[20, 20] invariant 0) { %2 = dot(s, w) contract=[1]/[0] "
    "%3 = dot(%2, %2) contract=[0]/[0] return yield 0 y = %3 } "
    "%4 = result(%1) index=0 : f32[6, 20, 20] return output 0 y = %4 }";
static const char nested[] =
    "func f(x: f32[6, 5, 20] input 0, w: f32[20, 20] param 0, h: f32[20] input 1) { %1 = scan(x, h, w) carries=0 slices=1 yields=1 length=6 "
    "body=func b(s: f32[5, 20] slice 0, h: f32[20] invariant 0, w: f32[20, 20] invariant 1) { %1 = scan(h, s, w) carries=1 slices=1 yields=0 "
    "length=5 body=func c(h: f32[20] carry 0, s: f32[20] slice 0, w: f32[20, 20] invariant 0) { %1 = dot(h, w) contract=[0]/[0] %2 = add(%1, s) "
    "%3 = tanh(%2) return carry 0 h = %3 } %2 = result(%1) index=0 : f32[20] %3 = neg(%2) return yield 0 y = %3 } "
    "%2 = result(%1) index=0 : f32[6, 20] return output 0 y = %2 }";
static const char stacked_again[] =     /* nested, but what is carried is stacked by both loops */
    "func f(x: f32[6, 5, 20] input 0, w: f32[20, 20] param 0, h: f32[20] input 1) { %1 = scan(x, h, w) carries=0 slices=1 yields=1 length=6 "
    "body=func b(s: f32[5, 20] slice 0, h: f32[20] invariant 0, w: f32[20, 20] invariant 1) { %1 = scan(h, s, w) carries=1 slices=1 yields=1 "
    "length=5 body=func c(h: f32[20] carry 0, s: f32[20] slice 0, w: f32[20, 20] invariant 0) { %1 = dot(h, w) contract=[0]/[0] %2 = add(%1, s) "
    "%3 = tanh(%2) return carry 0 h = %3, yield 0 y = h } %2 = result(%1) index=1 : f32[5, 20] return yield 0 y = %2 } "
    "%2 = result(%1) index=0 : f32[6, 5, 20] %3 = exp(%2) return output 0 y = %3 }";
static const char carried[] =
    "func f(x: f32[6, 9, 20] input 0, w: f32[20, 20] param 0, h: f32[9, 20] input 1) { %3 = scan(h, x, w) carries=1 slices=1 yields=0 "
    "length=6 body=func b(h: f32[9, 20] carry 0, s: f32[9, 20] slice 0, w: f32[20, 20] invariant 0) { %3 = dot(h, w) contract=[1]/[0] "
    "%4 = add(s, %3) %5 = tanh(%4) return carry 0 h = %5 } %4 = result(%3) index=0 : f32[9, 20] return output 0 y = %4 }";
static const char carried_sums[] =
    "func f(x: f32[6, 9, 20] input 0, w: f32[20, 20] param 0, h: f32[9, 20] input 1) { %3 = scan(h, x, w) carries=1 slices=1 yields=0 "
    "length=6 body=func b(h: f32[9, 20] carry 0, s: f32[9, 20] slice 0, w: f32[20, 20] invariant 0) { %3 = dot(h, w) contract=[1]/[0] "
    "%4 = add(s, %3) %5 = neg(%4) return carry 0 h = %5 } %4 = result(%3) index=0 : f32[9, 20] return output 0 y = %4 }";
static const char rolling[] =
    "func f(x: f32[6, 9, 20] input 0, w: f32[20, 20] param 0, h: f32[9, 20] input 1) { %3 = scan(h, x, w) carries=1 slices=1 yields=1 "
    "length=6 body=func b(h: f32[9, 20] carry 0, s: f32[9, 20] slice 0, w: f32[20, 20] invariant 0) { %3 = dot(h, w) contract=[1]/[0] "
    "%4 = add(s, %3) %5 = tanh(%4) return carry 0 h = %5, yield 0 y = h } "
    "%4 = result(%3) index=1 : f32[6, 9, 20] return output 0 y = %4 }";
static const char loops[] = "func f(x: f32[3, 4] input 0) { %1 = scan(x) carries=0 slices=1 yields=1 length=3 "
                            "body=func b(s: f32[4] slice 0) { %1 = scan(s) carries=0 slices=1 yields=1 length=4 "
                            "body=func b(s: f32 slice 0) { return yield 0 y = s } "
                            "%2 = result(%1) index=0 : f32[4] return yield 0 y = %2 } "
                            "%2 = result(%1) index=0 : f32[3, 4] return output 0 y = %2 }";
static const char row[] = "func f(x: f32[9, 40] input 0) { %1 = exp(x) %2 = sum(%1) axes=[1] %3 = "
                          "broadcast(%2) axes=[0] : f32[9, 40] %4 = div(%1, %3) return output 0 y = %4 }";

static const char framed[] = "func f(x: f32[40, 30, 16] input 0) { %1 = pad(x) lo=[1, 1, 0] hi=[2, 1, 0] interior=[0, 0, 0] value=0 %2 = exp(%1) "
                             "return output 0 y = %2 }";

static void sound(void **state)
{
    (void)state;
    const char *const all[] = {both, chain, padded, summed, conv, update, row};
    for (int i = 0; i < LEN(all); i++)
        assert_null(plan_verify(arena, plan_of(all[i])));
}

static void wrong_stores(void **state)
{
    (void)state;
    Plan *p = plan_of(padded);
    item(p, 0, 0)->at = lin_offset(arena, item(p, 0, 0)->at, 1);
    expect(p, "writes y outside of f32[9]");
    p = plan_of(padded);
    item(p, 0, 0)->at = lin_const(arena, 0);
    expect(p, "more than once");
    p = plan_of(padded);
    stage(p, 0, 0)->loop[0]->extent = 8;
    item(p, 0, 0)->at = lin_var(arena, stage(p, 0, 0)->loop[0]);
    expect(p, "stores 8 of the 9 elements");
    p = plan_of(summed);
    Stage *s = stage(p, 0, 0);
    item(p, 0, 0)->at =
        lin_add(arena, item(p, 0, 0)->at, lin_scale(arena, lin_var(arena, s->loop[s->nloop - 1]), 0));
    assert_null(plan_verify(arena, p));
    item(p, 0, 0)->at = lin_div(
        arena, lin_add(arena, lin_scale(arena, item(p, 0, 0)->at, 40), lin_var(arena, s->loop[s->nloop - 1])),
        40);
    item(p, 0, 0)->at =
        lin_add(arena, item(p, 0, 0)->at, lin_div(arena, lin_var(arena, s->loop[s->nloop - 1]), 39));
    expect(p, "y");
}

static void wrong_loads(void **state)
{
    (void)state;
    Plan *p = plan_of(padded);
    assert_int_equal(item(p, 0, 0)->value->kind, X_GUARD);
    item(p, 0, 0)->value->guard[0].hi++;
    expect(p, "reads x outside of f32[6]");
    p = plan_of(padded);
    item(p, 0, 0)->value->in[0]->at = lin_offset(arena, item(p, 0, 0)->value->in[0]->at, -1);
    expect(p, "reads x outside of f32[6]");
    p = plan_of(summed);
    item(p, 0, 0)->value->at = lin_offset(arena, item(p, 0, 0)->value->at, 1);
    expect(p, "reads x outside of f32[9, 40]");
    p = plan_of(summed);
    Var stranger = {.id = 77, .extent = 2, .name = "stranger"};
    item(p, 0, 0)->value->at = lin_var(arena, &stranger);
    expect(p, "stranger, which is no loop around it");
}

/* A moment is overwritten behind the update that reads it, in one kernel, unless that reads it elsewhere. */
static void wrong_moments(void **state)
{
    (void)state;
    static const char text[] =
        "func f(p: f32[9, 20] param 0, m: f32[9, 20] optimizer 0, x: f32[40, 9, 20] input 0) { %%9 = sum(x) axes=[0] %%1 = add(m, %%9) "
        "%%2 = %s %%3 = sub(p, %%2) %%4 = mul(m, %%9) return param 0 p = %%3, optimizer 0 m = %%4 }";
    Plan *p = plan_of(arena_printf(arena, text, "tanh(%1)"));
    assert_int_equal(p->kernels.n, 1);
    Item *const items = stage(p, 0, 1)->items.at, first = items[0];
    items[0] = items[1];
    items[1] = first;
    expect(p, "reads m after it was overwritten");
    assert_true(plan_of(arena_printf(arena, text, "reverse(%1) axes=[0]"))->kernels.n > 1);
}

/* A carry's next value takes its place, or the next slot of the stack it rolls through. */
static void wrong_carries(void **state)
{
    (void)state;
    Plan *p = plan_of(carried);
    assert_int_equal(p->kernels.n, 3);      /* the first value, a step, and the result */
    assert_ptr_equal(stage(p, 1, 0)->tile->a, item(p, 1, 1)->buffer);
    stage(p, 1, 0)->tile->a_m = 0;
    expect(p, "at another position of the outer loops");
    p = plan_for(carried_sums, target_find("x86-64-v3"));
    assert_true(stage(p, 1, 0)->tile && !stage(p, 1, 1)->in_tile);  /* other columns' tiles read what it stores */
    stage(p, 1, 1)->in_tile = true;
    stage(p, 1, 0)->tile->finish = stage(p, 1, 1);
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_of(rolling);
    assert_int_equal(p->kernels.n, 3);
    assert_ptr_equal(stage(p, 1, 0)->tile->a, item(p, 1, 1)->buffer);
    assert_int_equal(item(p, 1, 1)->at->constant, 180);
    item(p, 1, 1)->at = lin_offset(arena, item(p, 1, 1)->at, -20);      /* a row into the slot that is read */
    expect(p, "at another position of the outer loops");
}

static void wrong_orders(void **state)
{
    (void)state;
    Plan *p = plan_of(chain);
    Step *first = p->steps.at[0];
    p->steps.at[0] = p->steps.at[1];
    p->steps.at[1] = first;
    expect(p, "before it is written");
    p = plan_of(chain);
    p->steps.n--;
    expect(p, "is run by 0 steps");
    p = plan_of(chain);
    p->steps.at[1] = p->steps.at[0];
    expect(p, "steps");
    p = plan_of(update);
    assert_int_equal(p->steps.n, 2);
    first = p->steps.at[0];
    p->steps.at[0] = p->steps.at[1];
    p->steps.at[1] = first;
    expect(p, "wants what stood in p before it was overwritten");
    p = plan_of(loops);
    assert_null(plan_verify(arena, p));
    Step *loop = p->steps.at[0];
    assert_int_equal(loop->body.at[0]->kind, STEP_SCAN);
    loop->body.at[0]->time->id = loop->time->id;
    expect(p, "two loops have the same position in time");
    p = plan_of(chain);
    p->kernels.at[0]->args.n--;
    expect(p, "is no argument");
    p = plan_of(row);
    assert_true(p->kernels.at[0]->locals.n > 0);
    p->kernels.at[0]->locals.n--;
    expect(p, "has no declaration");
    p = plan_of(row);
    Kernel *k = p->kernels.at[0];
    Stage *s = k->stages.at[0];
    k->stages.at[0] = k->stages.at[k->stages.n - 1];
    k->stages.at[k->stages.n - 1] = s;
    expect(p, "is read before it is written");
}

static void wrong_memory(void **state)
{
    (void)state;
    Plan *p = plan_of(chain);
    stored(p, 1)->offset = stored(p, 0)->offset + 4;
    expect(p, "lies on");
    p = plan_of(chain);
    stored(p, 1)->offset = p->arena_bytes;
    expect(p, "does not lie in the arena");
    p = plan_of(chain);
    p->arena_bytes -= 4;
    expect(p, "does not lie in the arena");
    p = plan_of(chain);
    stored(p, 1)->alias = stored(p, 0);
    expect(p, "the tile's operand");
    p = plan_of(both);
    Buffer *kept = stored(p, 0);
    stored(p, 1)->alias = kept;
    vec_push(arena, &p->kernels.at[1]->args, kept);
    expect(p, "where another value has been put");
}

/* Turns of a loop that threads share, and that touch something of each other's. */
static Plan *shared_turns(Buffer **own, Stage **yield)
{
    Plan *p = split_plan(turns);
    const Step *loop = NULL;
    for (int i = 0; i < p->steps.n; i++)
        loop = p->steps.at[i]->kind == STEP_SCAN ? p->steps.at[i] : loop;
    assert_non_null(loop);
    assert_int_equal(loop->body.n, 2);
    assert_true(loop->grain > 0);
    *own = loop->body.at[0]->kernel->stages.at[0]->items.at[0].buffer;
    *yield = loop->body.at[1]->kernel->stages.at[0];
    assert_int_equal(type_count((*own)->type), 9 * 20);
    assert_true(thread_stride(*own) >= 9 * 20);
    assert_int_equal(thread_stride((*yield)->items.at[0].buffer), 0);
    assert_null(plan_verify(arena, p));
    return p;
}

static void wrong_turns(void **state)
{
    (void)state;
    Buffer *own;
    Stage *yield;
    Plan *p = shared_turns(&own, &yield);
    own->turn->type.dim[0] = 1;
    expect(p, "has no part for each thread");
    p = shared_turns(&own, &yield);
    own->turn->part = 64;
    expect(p, "does not lie in a thread's part");
    p = shared_turns(&own, &yield);
    own->offset += own->turn->part;
    expect(p, "does not lie in a thread's part");
    p = shared_turns(&own, &yield);
    own->turn = NULL;
    expect(p, "writes what others write");
    p = shared_turns(&own, &yield);
    yield->tile->c_at = lin_const(arena, 0);
    assert_non_null(strstr(verify_turns(arena, p), "writes what others write"));
    p = shared_turns(&own, &yield);
    p->kernels.at[0]->split.n = 1;
    assert_non_null(verify_turns(arena, p));
    p = shared_turns(&own, &yield);
    for (int i = 0; i < p->steps.n; i++)
        p->steps.at[i]->grain = 0;
    expect(p, "has no thread for");
}

/* A kernel cut where it must not be. */
static void wrong_pieces(void **state)
{
    (void)state;
    Plan *p = split_plan(chain);
    Kernel *k = p->kernels.at[0];
    const Tile *tile = k->stages.at[0]->tile;
    assert_int_equal(k->split.n, 1);
    assert_ptr_equal(k->split.var[0], tile->block);
    k->split.var[0] = tile->m;
    expect(p, "a loop that is not around all of it");
    p = split_plan(chain);
    p->kernels.at[0]->split.turns++;
    expect(p, "other pieces than its loops have turns");
    p = split_plan(summed);
    assert_int_equal(p->kernels.at[0]->split.n, 1);
    Stage *s = stage(p, 0, 0);
    p->kernels.at[0]->split.var[0] = s->loop[s->nloop - 1];
    expect(p, "a loop that is not around all of it");
    p = split_plan(conv);
    k = p->kernels.at[0];
    assert_true(k->split.n > 0);
    k->split = (Split){.n = 2, .var = {k->outer[k->order[1]], k->outer[k->order[0]]}, .grain = 1};
    k->split.turns = split_turns(k, k->split.var[0]) * split_turns(k, k->split.var[1]);
    expect(p, k->blocked == k->order[1] ? "not around all of it" : "do not stand in one another");
    p = split_plan(wide);
    k = p->kernels.at[0];
    assert_int_equal(k->split.n, 1);
    assert_ptr_equal(k->split.var[0], k->stages.at[0]->tile->n);
    k->stages.at[0]->tile->n->extent++;
    assert_non_null(strstr(verify_split(arena, p, k), "a loop that is not around all of it"));
    p = split_plan(row);
    k = p->kernels.at[0];
    assert_int_equal(k->split.n, 1);
    item(p, 0, 0)->buffer = item(p, 0, k->stages.n - 1)->buffer;
    assert_non_null(plan_verify(arena, p));
    p = split_plan(adam);
    k = p->kernels.at[p->kernels.n - 1];
    assert_true(k->split.n > 0 && item(p, p->kernels.n - 1, 0)->buffer->block);
    item(p, p->kernels.n - 1, 0)->buffer->type.dim[0] /= 3;
    expect(p, "threads share a block of rows");
    p = split_plan(twins);
    k = p->kernels.at[0];
    assert_int_equal(k->split.n, 1);
    Item *last = item(p, 0, k->stages.n - 1);
    last->value = arena_dup(arena, last->value, sizeof *last->value);
    last->value->part.n = 0;
    last->value->kind = X_LOAD;
    last->value->nin = 0;
    last->value->buffer = last->buffer;
    last->value->at = lin_without(arena, last->at, k->split.var[0]);
    assert_non_null(strstr(verify_split(arena, p, k), "reads what another piece stores"));
}

static Step *last_loop(const Plan *p)
{
    Step *loop = NULL;
    for (int i = 0; i < p->steps.n; i++)
        loop = p->steps.at[i]->kind == STEP_SCAN ? p->steps.at[i] : loop;
    assert_non_null(loop);
    return loop;
}

/* The last value of each inner loop lies where the next turn of the outer one puts its first: one turn after the other. */
static void turns_that_reach_on(void **state)
{
    (void)state;
    Plan *p = split_plan(stacked_again);
    Step *loop = last_loop(p);
    assert_int_equal(loop->grain, 0);
    assert_null(plan_verify(arena, p));
    loop->grain = 1;
    for (int i = 0; i < p->kernels.n; i++)
        p->kernels.at[i]->split.n = 0;
    assert_non_null(strstr(verify_turns(arena, p), "what others write of"));
}

/* A loop stands in one whose turns threads share: each thread has its own carry, and its own part of what is yielded. */
static void wrong_nested_turns(void **state)
{
    (void)state;
    Plan *p = split_plan(nested);
    Step *loop = last_loop(p), *inner = NULL;
    for (int i = 0; i < loop->body.n; i++)
        inner = loop->body.at[i]->kind == STEP_SCAN ? loop->body.at[i] : inner;
    assert_true(loop->grain > 0);
    assert_non_null(inner);
    assert_false(inner->grain || inner->rows);
    assert_null(plan_verify(arena, p));
    Kernel *k = inner->body.at[0]->kernel;
    assert_true(k->in_turn && !k->split.n);
    Buffer *carry = buffer_root(k->stages.at[k->stages.n - 1]->items.at[0].buffer);
    assert_non_null(carry->turn);
    inner->grain = 1;
    assert_non_null(strstr(verify_turns(arena, p), "stands in one whose turns they share"));
    inner->grain = 0;
    carry->turn = NULL;
    assert_non_null(strstr(verify_turns(arena, p), "writes what others write"));
}

/* Stages of which each piece makes a part. */
static void wrong_parts(void **state)
{
    (void)state;
    Target *target = arena_dup(arena, target_with_threads(arena, target_find("x86-64-v3"), 3), sizeof *target);
    target->threads.hand_over = 0;
    Plan *p = plan_for(framed, target);
    Kernel *k = p->kernels.at[0];
    assert_true(k->stages.n > 1 && k->split.in_parts);
    assert_int_equal(k->split.turns, 24);
    for (int i = 0; i < k->stages.n; i++)
        assert_true(splits(k, &k->split, stage(p, 0, i)->loop[0]) && !splits(k, &k->split, stage(p, 0, i)->loop[1]));
    assert_null(verify_split(arena, p, k));
    k->split.turns = INT32_MAX;
    assert_non_null(strstr(verify_split(arena, p, k), "too many parts"));
    k->split.turns = 24;
    k->nouter = 1;
    assert_non_null(strstr(verify_split(arena, p, k), "parts cannot be made"));
    k->nouter = 0;
    Stage *s = NULL;
    for (int i = 0; i < k->stages.n; i++)
        s = k->stages.at[i]->loop[0]->extent == 40 ? k->stages.at[i] : s;
    Item *own = &s->items.at[0];
    own->value = arena_dup(arena, own->value, sizeof *own->value);
    *own->value = (Ex){.kind = X_LOAD, .dt = DT_F32, .buffer = own->buffer, .at = own->at};
    assert_null(verify_split(arena, p, k));
    own->value->at = lin_offset(arena, own->at, -512);
    assert_non_null(strstr(verify_split(arena, p, k), "reads what another"));
    own->value->at = lin_const(arena, 0);
    assert_non_null(strstr(verify_split(arena, p, k), "reads what another stage stores"));
    own->value = ((Item *)item(p, 0, 0))->value;
    own->at = lin_without(arena, own->at, s->loop[0]);
    assert_non_null(strstr(verify_split(arena, p, k), "store to the same place"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound),
        cmocka_unit_test(wrong_stores),
        cmocka_unit_test(wrong_loads),
        cmocka_unit_test(wrong_carries),
        cmocka_unit_test(wrong_moments),
        cmocka_unit_test(wrong_orders),
        cmocka_unit_test(wrong_memory),
        cmocka_unit_test(wrong_turns),
        cmocka_unit_test(wrong_pieces),
        cmocka_unit_test(wrong_parts),
        cmocka_unit_test(turns_that_reach_on),
        cmocka_unit_test(wrong_nested_turns),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
