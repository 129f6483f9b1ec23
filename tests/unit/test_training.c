/* SPDX-License-Identifier: MIT */
/* test_training.c: what a train block becomes: loss, metrics, evaluation, states, penalties, the optimizer's
 * update. */
#include "elaborate_check.h"

static const char *const linear = "model t {\n input x: f32[2]\n y = dense(x, 1) as d\n output z = y\n"
                                  " train { target t: f32[1]; loss = mean_squared_error(y, t); optimizer %s; "
                                  "metric off = abs(y - t); metric near = abs(y[0] - t[0]) < 1\n%s }\n}\n";

static const double xs[] = {1, 2, 3, 4, 5, 6}, ts[] = {1, 2, 30}, ts2[] = {0, 1, 2, 3, 4, 30};

static Built build_linear(const char *optimizer, const char *more)
{
    Arena *a = arena_new();
    Built b = build(arena_printf(a, linear, optimizer, more), 3, true);
    arena_free(a);
    b.param[0].at[0] = 1;
    b.param[0].at[1] = -1;
    b.param[1].at[0] = 0.5;
    return b;
}

/* y = x0 - x1 + 0.5 = -0.5 everywhere. */
static void test_loss_and_metrics(void **state)
{
    (void)state;
    Built b = build_linear("sgd()", "");
    const Given given[] = {{"x", xs}, {"t", ts}};
    Value *out = run_fn(&b, b.m->loss, given, 2);
    check_near("loss", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], (2.25 + 6.25 + 930.25) / 3, 1e-6);
    check_near("off", result_of(b.m->loss, out, ROLE_METRIC, 0).at[0], (1.5 + 2.5 + 30.5) / 3, 1e-6);
    b.count = 2;
    out = run_fn(&b, b.m->loss, given, 2);
    check_near("loss of two", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], (2.25 + 6.25) / 2, 1e-6);
    out = run_fn(&b, b.m->evaluate, given, 2);
    check_near("summed loss", result_of(b.m->evaluate, out, ROLE_LOSS, 0).at[0], 2.25 + 6.25, 1e-6);
    check_near("summed off", result_of(b.m->evaluate, out, ROLE_METRIC, 0).at[0], 4, 1e-6);
    check_near("summed near", result_of(b.m->evaluate, out, ROLE_METRIC, 1).at[0], 0, 1e-6);
    done(b);
}

/* Sums of everything, of the examples that count, in training and outside of it. */
static void test_ratios(void **state)
{
    (void)state;
    Built b = build("layer of_two(x: f32[N], y: f32[N]) { r = ratio(x, y)\n return r }\n"
                    "model t { input x: f32[2]; output y = x; train { target t: f32[2]; loss = sum(x); optimizer sgd(); "
                    "metric mean_x = x; metric some = of_two(x, t); metric each = ratio(x[0] > 2, 3); "
                    "metric none = ratio(0, 0) } }",
                    3, true);
    const Given given[] = {{"x", xs}, {"t", ts2}};
    static const char *const names[] = {"mean_x", "some.numerator", "some.denominator", "each.numerator",
                                        "each.denominator", "none.numerator", "none.denominator"};
    const double sums[2][7] = {{5, 10, 6, 1, 6, 0, 0}, {10.5, 21, 40, 2, 9, 0, 0}};
    assert_int_equal(b.m->metrics.n, LEN(names));
    for (int count = 2; count <= 3; count++) {
        b.count = count;
        const Fn *fn[] = {b.m->evaluate, b.m->loss};
        for (int f = 0; f < 2; f++) {
            Value *out = run_fn(&b, fn[f], given, 2);
            for (int i = 0; i < LEN(names); i++) {
                assert_string_equal(b.m->metrics.at[i].name, names[i]);
                double want = sums[count - 2][i] / (f == 1 && i == 0 ? count : 1);
                check_near(names[i], result_of(fn[f], out, ROLE_METRIC, i).at[0], want, 1e-6);
            }
        }
    }
    assert_string_equal(b.m->metrics.at[1].ratio, "some");
    assert_null(b.m->metrics.at[2].ratio);
    done(b);
}

/* What fills the batch up must not matter, whatever it is. */
static void test_uncounted_examples_do_not_matter(void **state)
{
    (void)state;
    Built b = build_linear("sgd()", "");
    const double bad[] = {1, 2, 3, 4, NAN, INFINITY};
    const Given given[] = {{"x", bad}, {"t", ts}};
    b.count = 2;
    Value *out = run_fn(&b, b.m->loss, given, 2);
    check_near("loss", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], 4.25, 1e-6);
    done(b);
}

static void test_cross_entropy(void **state)
{
    (void)state;
    Built b = build(
        "model t { input x: f32[3]; output y = x; train { target label: i32; loss = cross_entropy(x, label); "
        "optimizer sgd(); metric accuracy = argmax(x) == label } }",
        2, true);
    const double x[] = {1, 2, 4, 0, 0, 900}, label[] = {2, 0}, bad[] = {0, 3};
    Given given[] = {{"x", x}, {"label", label}};
    Value *out = run_fn(&b, b.m->loss, given, 2);
    double first = log(exp(-3) + exp(-2) + 1), second = 900;
    check_near("loss", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], (first + second) / 2, 1e-7);
    check_near("accuracy", result_of(b.m->loss, out, ROLE_METRIC, 0).at[0], 0.5, 1e-7);
    given[1].at = bad;
    assert_null(run_fn(&b, b.m->loss, given, 2));
    done(b);
}

/* Further axes of a loss are averaged: here over time. */
static void test_loss_per_step(void **state)
{
    (void)state;
    Built b = build("model t { input x: f32[2, 2]; output y = x; train { target label: i32[2]; loss = "
                    "cross_entropy(x, label); "
                    "optimizer sgd() } }",
                    1, true);
    const double x[] = {0, 0, 1, 2}, label[] = {0, 1};
    const Given given[] = {{"x", x}, {"label", label}};
    Value *out = run_fn(&b, b.m->loss, given, 2);
    check_near("loss", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], (log(2) + log(1 + exp(-1))) / 2, 1e-7);
    done(b);
}

/* ---- updates ------------------------------------------------------------------------------------------- */

/* One update with these gradients of kernel (2) and bias (1). */
static Value *update(Built *b, const double *g)
{
    Value *in = NEWN(b->a, Value, b->m->update->input.n), *out = NEWN(b->a, Value, b->m->update->result.n);
    const char *why;
    for (int i = 0; i < b->m->update->input.n; i++) {
        const Port *p = &b->m->update->input.at[i];
        if (p->role != ROLE_GRADIENT) {
            in[i] = port_value(b, p, NULL, 0);
            continue;
        }
        in[i] = value_new(b->a, p->node->type);
        memcpy(in[i].at, g + (p->index ? 2 : 0), sizeof(double) * (size_t)type_count(in[i].type));
    }
    assert_true(fn_interpret(b->a, b->m->update, PRECISION_F64, in, out, &why));
    return out;
}

static void test_adam(void **state)
{
    (void)state;
    Built b = build_linear("adam(learning_rate = 0.01)", "");
    const double g[] = {0.5, -2, 4}, p[] = {1, -1, 0.5};
    double m[3] = {0}, v[3] = {0}, w[3];
    memcpy(w, p, sizeof w);
    assert_int_equal(b.m->optimizer.n, 4);
    assert_string_equal(b.m->optimizer.at[0].name, "m.d.kernel");
    assert_string_equal(b.m->optimizer.at[3].name, "v.d.bias");
    assert_int_equal(b.m->optimizer.at[3].param, 1);
    for (int step = 1; step <= 3; step++) {
        b.step = step;
        Value *out = update(&b, g);
        for (int i = 0; i < 3; i++) {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
            w[i] -= 0.01 * sqrt(1 - pow(0.999, step)) / (1 - pow(0.9, step)) * m[i] / (sqrt(v[i]) + 1e-7);
        }
        for (int i = 0; i < 2; i++)
            b.param[i] = result_of(b.m->update, out, ROLE_PARAM, i);
        for (int i = 0; i < 4; i++)
            b.optimizer[i] = result_of(b.m->update, out, ROLE_OPTIMIZER, i);
        check_values("kernel", b.param[0], w, 2, 2e-6);
        check_values("bias", b.param[1], w + 2, 1, 2e-6);
        check_values("m", b.optimizer[0], m, 2, 1e-6);
    }
    done(b);
}

static void check_update(const char *optimizer, const char *more, const double *g, const double *want)
{
    Built b = build_linear(optimizer, more);
    Value *out = update(&b, g);
    for (int i = 0; i < 2; i++) { /* without a result it stays as it is */
        bool frozen = !b.m->params.at[i].trainable;
        assert_true(frozen == !fn_find_result(b.m->update, ROLE_PARAM, i));
        check_values(optimizer, frozen ? b.param[i] : result_of(b.m->update, out, ROLE_PARAM, i), want + 2 * i, 2 - i, 1e-6);
    }
    done(b);
}

static void test_sgd_clip_freeze_schedule(void **state)
{
    (void)state;
    static const double g[] = {1, -2, 2};
    check_update("sgd(0.1)", "", g, (double[]){0.9, -0.8, 0.3});
    check_update("sgd(0.1, momentum = 0.5)", "", g, (double[]){0.9, -0.8, 0.3});
    check_update("sgd(0.1, 0.5, nesterov = true)", "", g, (double[]){0.85, -0.7, 0.2});
    check_update("sgd(0.1)", "clip global_norm(1.5)", g, (double[]){0.95, -0.9, 0.4});
    check_update("sgd(0.1)", "clip global_norm(30)", g, (double[]){0.9, -0.8, 0.3});
    check_update("sgd(0.1)", "freeze d.kernel", g, (double[]){1, -1, 0.3});
    check_update("sgd(0.1)", "freeze d", g, (double[]){1, -1, 0.5});
    check_update("sgd(0.2 / (1 + cast(step, f32)))", "", g, (double[]){0.9, -0.8, 0.3});
    check_update("sgd(0.2 * 0.5 ^ step)", "", g, (double[]){0.9, -0.8, 0.3});
}

static void test_frozen_parameters_have_no_state(void **state)
{
    (void)state;
    Built b = build_linear("adam()", "freeze d.kernel");
    assert_false(b.m->params.at[0].trainable);
    assert_true(b.m->params.at[1].trainable);
    assert_int_equal(b.m->optimizer.n, 2);
    assert_null(fn_find_input(b.m->update, ROLE_GRADIENT, 0));
    done(b);
}

/* ---- streams, states, draws, penalties -------------------------------------------------------------------------- */

/* Whole examples begin anew, whatever inference keeps: as without the stream. */
static void test_streams_begin_anew(void **state)
{
    (void)state;
    static const char *const model = "model t { input x: f32[3, 2]; y = lstm(x, 4%s) as l; output z = y\n"
                                     "train { target t: f32[4]; loss = mean_squared_error(y, t); optimizer sgd(); "
                                     "metric m = y } }";
    Arena *a = arena_new();
    double loss[2][3];
    for (int stateful = 0; stateful < 2; stateful++) {
        Built b = build(arena_printf(a, model, stateful ? ", stateful = true" : ""), 2, true);
        const double x[] = {1, 2, 3, 4, 5, 6, -1, -2, -3, 4, 5, 6}, t[] = {1, 2, 3, 4, 0, 0, 0, 0};
        const Given given[] = {{"x", x}, {"t", t}};
        Value *out = run_fn(&b, b.m->loss, given, 2);
        loss[stateful][0] = result_of(b.m->loss, out, ROLE_LOSS, 0).at[0];
        loss[stateful][1] = result_of(b.m->loss, out, ROLE_METRIC, 0).at[0];
        out = run_fn(&b, b.m->evaluate, given, 2);
        loss[stateful][2] = result_of(b.m->evaluate, out, ROLE_LOSS, 0).at[0];
        assert_int_equal(b.m->streams.n, 2 * stateful);
        assert_true((b.m->start != NULL) == stateful);
        for (int i = 0; i < b.m->streams.n; i++) {
            assert_string_equal(b.m->streams.at[i].name, i ? "l.cell" : "l.hidden");
            assert_true(type_eq(fn_find_result(b.m->start, ROLE_STREAM, i)->type, type_make(DT_F32, 2, (int64_t[]){2, 4})));
            assert_non_null(fn_find_result(b.m->infer, ROLE_STREAM, i));
            assert_null(fn_find_input(b.m->loss, ROLE_STREAM, i));
        }
        done(b);
    }
    for (int i = 0; i < 3; i++)
        check_near("as without", loss[1][i], loss[0][i], 1e-12);
    arena_free(a);
}

/* What it begins with may be learnt; reads behind <- see the new value; without <- nothing is written. */
static void test_stream_values(void **state)
{
    (void)state;
    Built b = build("layer twice(x: f32[N]) { stream n: f32[N] = zeros(); n <- n + x; n <- 2 * n; return n }\n"
                    "model t { input x: f32[2]; param first: f32[2] = ones(); stream s: f32[2] = 3 * first\n"
                    "stream still = 7.0; stream count = 0; repeat 2 { count <- count + 1 }\n"
                    "y = twice(x); s <- s + y; output z = s + still + cast(count, f32)\n"
                    "train { loss = sum(s); optimizer sgd() } }",
                    2, true);
    assert_int_equal(b.m->streams.n, 4);
    assert_null(fn_find_result(b.m->infer, ROLE_STREAM, 1));
    const double x[] = {1, 2, 3, 4}, first[] = {10, 20}, s[] = {30, 60, 30, 60}, n[] = {1, 0, 0, 1}, still[] = {7, 7},
                 count[] = {5, 6};
    b.param[0].at[0] = first[0];
    b.param[0].at[1] = first[1];
    Value *out = run_fn(&b, b.m->start, NULL, 0);
    check_values("begins", result_of(b.m->start, out, ROLE_STREAM, 0), s, 4, 0);
    check_values("begins", result_of(b.m->start, out, ROLE_STREAM, 3), (double[]){0, 0, 0, 0}, 4, 0);
    const Given given[] = {{"x", x}, {"s", s}, {"still", still}, {"count", count}, {"twice_1.n", n}};
    out = run_fn(&b, b.m->infer, given, 5);
    check_values("n", result_of(b.m->infer, out, ROLE_STREAM, 3), (double[]){4, 4, 6, 10}, 4, 0);
    check_values("s", result_of(b.m->infer, out, ROLE_STREAM, 0), (double[]){34, 64, 36, 70}, 4, 0);
    check_values("count", result_of(b.m->infer, out, ROLE_STREAM, 2), (double[]){7, 8}, 2, 0);
    check_values("z", result_of(b.m->infer, out, ROLE_OUTPUT, 0), (double[]){48, 78, 51, 85}, 4, 0);
    out = run_fn(&b, b.m->loss, given, 1);
    check_near("loss", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], (30 + 2 + 60 + 4 + 30 + 6 + 60 + 8) / 2.0, 1e-9);
    done(b);
}

/* One set of parameters, one penalty of them, states that both change in turn; draws and streams of each call's own. */
static void test_shared_calls(void **state)
{
    (void)state;
    Built b = build("layer tower(x: f32[N]) { param w: f32[N] = ones(); state n = 0.0\n if training { n <- n + batch_mean(sum(x)) }\n"
                    "penalty sum(w); stream kept: f32[N] = zeros(); kept <- kept + x\n"
                    "return inner(x * w + kept) as i }\nlayer inner(x: f32[N]) { param v: f32[N] = ones(); return x * v * n_of(x) }\n"
                    "layer n_of(x: f32[N]) { return training ? random([N]) : full(1, [N]) }\n"
                    "model t { input x: f32[2]; a = tower(x) as left; b = tower(3 * x) as same left; c = tower(5 * x)\n"
                    "repeat 2 { d = tower(x) as step; d = tower(x) as same step }\n output y = a + b\n"
                    "train { metric differ = abs(a - b / 3); loss = sum(a + b + c + d); optimizer sgd() } }",
                    2, true);
    static const char *const params[] = {"left.w", "left.i.v", "tower_1.w", "tower_1.i.v", "step_1.w", "step_1.i.v",
                                         "step_2.w", "step_2.i.v"};
    static const char *const streams[] = {"left.kept",         "left_again_1.kept", "tower_1.kept",      "step_1.kept",
                                          "step_again_1.kept", "step_2.kept",       "step_again_2.kept"};
    assert_int_equal(b.m->params.n, LEN(params));
    for (int i = 0; i < LEN(params); i++)
        assert_string_equal(b.m->params.at[i].name, params[i]);
    assert_int_equal(b.m->streams.n, LEN(streams));
    for (int i = 0; i < LEN(streams); i++)
        assert_string_equal(b.m->streams.at[i].name, streams[i]);
    assert_int_equal(b.m->states.n, 4);
    const double x[] = {1, 2, 3, 4};
    const Given given[] = {{"x", x}};
    Value *out = run_fn(&b, b.m->loss, given, 1);
    check_near("both change it", result_of(b.m->loss, out, ROLE_STATE, 0).at[0], (1 + 3) * 5.0, 1e-9);
    assert_true(result_of(b.m->loss, out, ROLE_METRIC, 0).at[0] > 0.01);
    b.param[0].at[0] = 11;
    out = run_fn(&b, b.m->evaluate, given, 1);
    check_near("without penalties", result_of(b.m->evaluate, out, ROLE_LOSS, 0).at[0],
               4 * (11 + 2 + 33 + 4) + 5 * 10 + 10 + (1 + 3 + 5 + 1) * 10, 1e-9); /* x * w, then what is kept */
    done(b);
}

static void test_penalties_of_shared_calls(void **state)
{
    (void)state;
    Built b = build("layer tower(x: f32[N]) { param w: f32[N] = ones(); penalty sum(w); return x * w }\n"
                    "layer steps(x: f32[N]) { h = x; for i in iota(3) { h = tower(h) as one }; return h }\n"
                    "model t { input x: f32[2]; a = tower(x) as left; b = tower(3 * x) as same left; c = steps(x); output y = a + b\n"
                    "train { loss = sum(a + b + c); optimizer sgd() } }",
                    1, true);
    const double x[] = {1, 2};
    const Given given[] = {{"x", x}};
    Value *out = run_fn(&b, b.m->loss, given, 1);
    check_near("one penalty of each", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], (12 + 2) + (3 + 2), 1e-9);
    done(b);
}

static void test_batch_norm(void **state)
{
    (void)state;
    Built b = build("model t { input x: f32[1]; y = batch_norm(x) as n; output z = y\n"
                    "train { target t: f32[1]; loss = sum(y) + 0 * t; optimizer sgd() } }",
                    3, true);
    const double x[] = {1, 3, 100}, t[] = {0, 0, 0};
    const Given given[] = {{"x", x}, {"t", t}};
    assert_int_equal(b.m->states.n, 2);
    assert_string_equal(b.m->states.at[0].name, "n.moving_mean");
    b.count = 2;
    Value *out = run_fn(&b, b.m->loss, given, 2);
    check_near("mean", result_of(b.m->loss, out, ROLE_STATE, 0).at[0], 0.01 * 2, 1e-5);
    check_near("variance", result_of(b.m->loss, out, ROLE_STATE, 1).at[0], 0.99 + 0.01 * 1, 1e-5);
    check_near("loss", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], 0, 1e-6);
    b.state[0].at[0] = 1;
    b.state[1].at[0] = 4;
    out = run_fn(&b, b.m->infer, given, 1);
    check_near("normalised", out[0].at[1], 2 / sqrt(4.001), 1e-6);
    done(b);
}

static void test_dropout(void **state)
{
    (void)state;
    Built b = build("model t { input x: f32[1000]; y = dropout(x, 0.25); u = dropout(x, 0.25); output z = y\n"
                    "train { target t: f32; loss = sum(y) + t * sum(u); optimizer sgd() } }",
                    2, true);
    double x[2000], t[] = {0, 0}, first[2];
    for (int i = 0; i < 2000; i++)
        x[i] = 1;
    const Given given[] = {{"x", x}, {"t", t}};
    assert_null(fn_find_input(b.m->infer, ROLE_SEED, 0));
    check_values("as it is", run_fn(&b, b.m->infer, given, 1)[0], x, 2000, 0);
    for (int step = 0; step < 2; step++) {
        b.step = step + 1;
        Value *out = run_fn(&b, b.m->loss, given, 2);
        first[step] = result_of(b.m->loss, out, ROLE_LOSS, 0).at[0];
        assert_true(fabs(first[step] - 1000) < 60); /* four deviations of 2000 draws, halved by the mean */
    }
    assert_true(fabs(first[0] - first[1]) > 1e-6); /* another step, other draws */
    t[0] = t[1] = -1;
    Value *out = run_fn(&b, b.m->loss, given, 2);
    assert_true(fabs(result_of(b.m->loss, out, ROLE_LOSS, 0).at[0]) > 1e-6); /* two calls, other draws */
    done(b);
}

/* Inside a loop every step draws anew. */
static void test_draws_in_a_loop(void **state)
{
    (void)state;
    Built b = build("model t { input x: f32[4]; output z = x\n train { target t: f32; "
                    "r = for a in x { yield (training ? random([]) : 0) + 0 * a }; loss = sum(abs(r[1:] - "
                    "r[:-1])) + t; optimizer sgd(); "
                    "metric same = r[0] == r[1] } }",
                    2, true);
    const double x[8] = {0}, t[2] = {0};
    const Given given[] = {{"x", x}, {"t", t}};
    Value *out = run_fn(&b, b.m->loss, given, 2);
    assert_true(result_of(b.m->loss, out, ROLE_LOSS, 0).at[0] > 1e-3);
    check_near("same", result_of(b.m->loss, out, ROLE_METRIC, 0).at[0], 0, 0);
    done(b);
}

static void test_penalty(void **state)
{
    (void)state;
    Built b = build(
        "layer decayed(x: f32[D]) {\n param w: f32[D] = 2\n penalty 0.5 * sum(w * w)\n return x * w\n}\n"
        "model t { input x: f32[2]; y = decayed(x); output z = y\n"
        "train { target t: f32; loss = sum(y) - t; optimizer sgd() } }",
        2, true);
    const double x[] = {1, 2, 3, 4}, t[] = {0, 0};
    const Given given[] = {{"x", x}, {"t", t}};
    Value *out = run_fn(&b, b.m->loss, given, 2);
    check_near("loss", result_of(b.m->loss, out, ROLE_LOSS, 0).at[0], 10 + 4, 1e-6);
    out = run_fn(&b, b.m->evaluate, given, 2);
    check_near("evaluated", result_of(b.m->evaluate, out, ROLE_LOSS, 0).at[0], 20, 1e-6);
    done(b);
}

/* The order of ports is fixed: parameters first, then what is given. */
static void test_port_order(void **state)
{
    (void)state;
    Built b = build_linear("adam()", "");
    const Role want[] = {ROLE_PARAM, ROLE_PARAM, ROLE_INPUT, ROLE_TARGET, ROLE_COUNT};
    assert_int_equal(b.m->loss->input.n, LEN(want));
    for (int i = 0; i < LEN(want); i++)
        assert_int_equal(b.m->loss->input.at[i].role, want[i]);
    done(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_and_metrics),
        cmocka_unit_test(test_ratios),
        cmocka_unit_test(test_uncounted_examples_do_not_matter),
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_loss_per_step),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_sgd_clip_freeze_schedule),
        cmocka_unit_test(test_frozen_parameters_have_no_state),
        cmocka_unit_test(test_streams_begin_anew),
        cmocka_unit_test(test_stream_values),
        cmocka_unit_test(test_shared_calls),
        cmocka_unit_test(test_penalties_of_shared_calls),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_draws_in_a_loop),
        cmocka_unit_test(test_penalty),
        cmocka_unit_test(test_port_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
