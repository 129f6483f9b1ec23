/* SPDX-License-Identifier: MIT */
/* test_training_commands.c: train, eval, run and trace as a user types them. */
#include "command_fixture.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>

static Array load_tensor(Fixture *f, const char *file, const char *name)
{
    const char *why;
    ArrayList list = {0};
    if (!safetensors_read(f->a, in(f, file), &list, &why))
        fail_msg("%s", why);
    const Array *x = array_find(&list, name);
    if (!x)
        fail_msg("%s has no %s", file, name);
    return *x;
}

static double worst_difference(Array x, Array y)
{
    double worst = 0;
    assert_true(type_eq(x.type, y.type));
    for (int64_t i = 0; i < type_count(x.type); i++)
        worst = fmax(worst, fabs(array_at(x, i) - array_at(y, i)));
    return worst;
}

/* ---- train ----------------------------------------------------------------------------------------- */
static void training_learns_and_says_so(void **state)
{
    Fixture *f = *state;
    with_digits(f);
    RUN(0, "$DLC train small.dl --data digits --epochs 6 --batch 16 --jit tcc --json -o w.safetensors");
    assert_int_equal(lines_in(captured(f, "stdout")), 12);
    for (int i = 0; i < 12; i++) {
        json_t *line = json_line(f, i);
        assert_string_equal(json_string_value(json_object_get(line, "split")), i % 2 ? "test" : "train");
        assert_int_equal(json_integer_value(json_object_get(line, "epoch")), i / 2 + 1);
        assert_int_equal(json_integer_value(json_object_get(line, "examples")), i % 2 ? 67 : 150);
        json_decref(line);
    }
    assert_true(number_in(f, 10, "loss") < 0.8 * number_in(f, 0, "loss"));
    assert_true(number_in(f, 10, "accuracy") > number_in(f, 0, "accuracy"));
    double loss = number_in(f, 11, "loss"), accuracy = number_in(f, 11, "accuracy");
    EXPECT_ERR("small: 12730 parameters; 150 examples to train, 67 to evaluate (test); tcc");
    EXPECT_ERR("epoch 6/6  loss");
    EXPECT_ERR("test accuracy");
    RUN(0, "$DLC eval small.dl --data digits --weights w.safetensors --jit tcc --json");
    assert_true(fabs(number_in(f, 0, "loss") - loss) < 1e-6 && number_in(f, 0, "accuracy") == accuracy);
    RUN(0, "$DLC train small.dl --data digits --epochs 1 --jit tcc");
    assert_string_equal(captured(f, "stdout"), "");
}

/* The sums are divided once, whatever the batches were. */
static void ratios_are_of_everything(void **state)
{
    Fixture *f = *state;
    with_digits(f);
    write_text(f, "ratio.dl",
               "model small {\n input image: f32[28, 28, 1]\n logits = image |> flatten |> dense(10) as classifier\n"
               " output probs = softmax(logits)\n train {\n target label: i32\n"
               "  loss = cross_entropy(logits, label); optimizer sgd(learning_rate = 0)\n"
               "  few = label == 3; guessed = argmax(logits) < 5\n"
               "  metric both = mean(cast(few and guessed, f32)); metric one = mean(cast(guessed, f32))\n"
               "  metric precision = ratio(few and guessed, guessed); metric never = ratio(0 * cast(few, f32), 0)\n }\n}\n");
    RUN(0, "$DLC train ratio.dl --data digits --epochs 1 --batch 16 --jit tcc --json -o w.safetensors");
    EXPECT_ERR("test precision 0.");
    double one = number_in(f, 0, "one"), precision = number_in(f, 0, "precision");
    assert_true(one > 0 && precision > 0 && number_in(f, 0, "never") == 0);
    assert_true(fabs(precision - number_in(f, 0, "both") / one) < 1e-6);
    assert_true(fabs(number_in(f, 1, "precision") - number_in(f, 1, "both") / number_in(f, 1, "one")) < 1e-6);
    RUN(0, "for b in 1 7 150; do $DLC eval ratio.dl --data digits --split train --weights w.safetensors --batch $b "
           "--jit tcc --json; done");
    for (int i = 0; i < 3; i++)
        assert_true(fabs(number_in(f, i, "precision") - precision) < 1e-6 && number_in(f, i, "never") == 0);
}

static void a_seed_says_it_all(void **state)
{
    Fixture *f = *state;
    with_digits(f);
    RUN(0, "for i in a b; do $DLC train small.dl --data digits --epochs 2 --seed 7 --jit tcc -o $i.st || "
           "exit; done; cmp a.st b.st");
    RUN(0, "$DLC train small.dl --data digits --epochs 2 --seed 8 --jit tcc -o c.st && ! cmp -s a.st c.st");
    RUN(0, "$DLC train small.dl --data digits --epochs 0 --seed 7 --jit tcc -o start.st && ! cmp -s a.st "
           "start.st");
    /* the same first epoch, from the weights it would have begun with */
    RUN(0, "$DLC train small.dl --data digits --epochs 2 --seed 7 --weights start.st --jit tcc -o d.st && "
           "cmp a.st d.st");
    RUN(0, "$DLC train small.dl --data digits --epochs 2 --seed 7 --jit interpret -o i.st && $DLC train "
           "small.dl --data digits "
           "--epochs 2 --seed 7 --jit cc -o n.st");
    assert_true(worst_difference(load_tensor(f, "a.st", "hidden.kernel"),
                                 load_tensor(f, "i.st", "hidden.kernel")) < 1e-4);
    assert_true(worst_difference(load_tensor(f, "a.st", "hidden.kernel"),
                                 load_tensor(f, "n.st", "hidden.kernel")) < 1e-4);
}

static void train_refuses(void **state)
{
    Fixture *f = *state;
    with_digits(f);
    write_text(f, "axpy.dl", "model axpy {\n    input x: f32[8]\n    output y = x * 2 + 1\n}\n");
    static const struct {
        int status;
        const char *command, *message;
    } cases[] = {
        {2, "$DLC train small.dl", "--data DIR is missing"},
        {2, "$DLC train small.dl --data digits --jit gcc", "--jit gcc: expected one of cc|tcc|interpret"},
        {2, "$DLC train small.dl --data digits --batch 0", "--batch 0"},
        {2, "$DLC train small.dl --data digits --epochs -1", "--epochs -1"},
        {2, "$DLC train small.dl --data digits --seed x", "--seed x"},
        {1, "$DLC train small.dl --data nowhere", "nowhere: no such folder"},
        {1, "$DLC train axpy.dl --data digits", "has no `train` block"},
        {1, "$DLC train small.dl --data digits -o missing/w.st", "missing/w.st: No such file or directory"},
        {1, "$DLC train small.dl --data digits --weights missing.st",
         "missing.st: No such file or directory"},
        {1, "$DLC train small.dl --data digits --set WIDTH=a", "error"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        RUN(cases[i].status, cases[i].command);
        EXPECT_ERR(cases[i].message);
        assert_string_equal(captured(f, "stdout"), "");
    }
}

/* Ctrl-C behind the first epoch: a clean end, and weights that can be used. */
static void interruption_saves(void **state)
{
    Fixture *f = *state;
    with_digits(f);
    int out[2];
    const char *dlc = dlc_path(f);
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int err = open(in(f, "stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (chdir(f->dir) || dup2(out[1], 1) < 0 || dup2(err, 2) < 0)
            _exit(9);
        execl(dlc, "dlc", "train", "small.dl", "--data", "digits", "--epochs", "100000", "--jit", "tcc",
              "--json", "-o", "w.safetensors", (char *)NULL);
        _exit(9);
    }
    close(out[1]);
    char c = 0;
    while (c != '\n')
        assert_int_equal(read(out[0], &c, 1), 1);
    kill(pid, SIGINT);
    char last[4096] = "";
    size_t n = 0;
    for (ssize_t got; (got = read(out[0], last + n % 4000, 1)) > 0; n++)
        ;
    int status;
    waitpid(pid, &status, 0);
    close(out[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_OK)
        fail_msg("wait status %x: %s", (unsigned)status, captured(f, "stderr"));
    EXPECT_ERR("dlc: interrupted in epoch ");
    EXPECT_ERR("weights saved to w.safetensors");
    RUN(0, "$DLC eval small.dl --data digits --weights w.safetensors --jit tcc && ls -a");
    assert_null(strstr(captured(f, "stdout"), ".tmp"));
}

static void bad_labels_are_found(void **state)
{
    Fixture *f = *state;
    const char *why;
    with_weights(f);
    Array labels;
    assert_true(idx_read(f->a, in(f, "digits/train-labels-idx1-ubyte"), &labels, &why));
    array_set(labels, 33, 10);
    assert_true(idx_write(f->a, in(f, "digits/train-labels-idx1-ubyte"), labels, &why));
    RUN(1, "$DLC train small.dl --data digits --jit tcc -o x.safetensors");
    EXPECT_ERR("out of range, in example 33 (from 0) of train");
    assert_false(there(f, "x.safetensors"));
    RUN(1, "$DLC eval small.dl --data digits --split train --weights w.safetensors --jit tcc --json");
    EXPECT_ERR("out of range, in example 33 (from 0) of train");
    assert_string_equal(captured(f, "stdout"), "");
}

/* ---- eval ------------------------------------------------------------------------------------------ */
/* The true figures, from the outputs and the labels. */
static void expected_scores(Fixture *f, double *loss, double *accuracy)
{
    const char *why;
    Array probs, labels;
    RUN(0, "$DLC run small.dl --weights w.safetensors --data digits --jit tcc -o probs=p.npy");
    assert_true(npy_read(f->a, in(f, "p.npy"), &probs, &why));
    assert_true(idx_read(f->a, in(f, "digits/t10k-labels-idx1-ubyte"), &labels, &why));
    assert_int_equal(probs.type.dim[0], 67);
    *loss = *accuracy = 0;
    for (int64_t i = 0; i < 67; i++) {
        int64_t label = (int64_t)array_at(labels, i), best = 0;
        for (int64_t k = 1; k < 10; k++)
            best = array_at(probs, i * 10 + k) > array_at(probs, i * 10 + best) ? k : best;
        *loss -= log(array_at(probs, i * 10 + label)) / 67;
        *accuracy += (best == label) / 67.0;
    }
}

static void every_example_counts_once(void **state)
{
    Fixture *f = *state;
    double loss, accuracy;
    with_weights(f);
    expected_scores(f, &loss, &accuracy);
    static const char *const engines[] = {"tcc", "interpret"};
    static const int batches[] = {1, 7, 32, 67, 100};
    for (int e = 0; e < LEN(engines); e++) {
        for (int i = 0; i < LEN(batches); i++) {
            RUN(0, arena_printf(
                       f->a,
                       "$DLC eval small.dl --data digits --weights w.safetensors --batch %d --jit %s --json",
                       batches[i], engines[e]));
            assert_int_equal(lines_in(captured(f, "stdout")), 1);
            assert_true(number_in(f, 0, "examples") == 67);
            assert_true(fabs(number_in(f, 0, "loss") - loss) < 1e-5);
            assert_true(fabs(number_in(f, 0, "accuracy") - accuracy) < 1e-9);
        }
    }
    RUN(0, "$DLC eval small.dl --data digits --weights w.safetensors --split train --jit tcc");
    EXPECT_OUT("(150 examples)");
    RUN(0, "$DLC eval small.dl --data digits --weights w.safetensors --split val --jit tcc");
    EXPECT_OUT("test  loss");
    EXPECT_ERR("digits has no val: using test");
    RUN(1, "$DLC eval small.dl --data digits --jit tcc");
    EXPECT_ERR("--weights W.safetensors is missing");
    RUN(2, "$DLC eval small.dl --weights w.safetensors");
    RUN(2, "$DLC eval small.dl --data digits --split all");
}

static void write_npy(Fixture *f, const char *name, Type t, double (*value)(int64_t))
{
    const char *why;
    Array x = array_new(f->a, t);
    for (int64_t i = 0; i < type_count(t); i++)
        array_set(x, i, value(i));
    assert_true(npy_write(f->a, in(f, name), x, &why));
}

static double ramp(int64_t i)
{
    return (double)(i % 7);
}

static double zero_or_one(int64_t i)
{
    return (double)(i % 2);
}

/* A folder of .npy files with val; running statistics are saved, loaded and used. */
static void states_and_val(void **state)
{
    Fixture *f = *state;
    write_text(f, "norm.dl",
               "model norm {\n    input x: f32[6]\n    logits = x |> batch_norm |> dense(2)\n    output "
               "logits\n    train {\n"
               "        target y: i32\n        loss = cross_entropy(logits, y)\n        optimizer sgd()\n    "
               "}\n}\n");
    RUN(0, "mkdir -p d/train d/val d/test");
    static const struct {
        const char *split;
        int64_t n;
    } splits[] = {{"train", 21}, {"val", 11}, {"test", 9}};
    for (int i = 0; i < LEN(splits); i++) {
        write_npy(f, arena_printf(f->a, "d/%s/x.npy", splits[i].split),
                  type_make(DT_F32, 2, (int64_t[]){splits[i].n, 6}), ramp);
        write_npy(f, arena_printf(f->a, "d/%s/y.npy", splits[i].split), type_make(DT_I32, 1, &splits[i].n),
                  zero_or_one);
    }
    if (shell(f, "$DLC check norm.dl"))
        skip(); /* this library has no batch_norm */
    RUN(0, "$DLC train norm.dl --data d --epochs 2 --batch 4 --jit tcc --json -o w.st");
    json_t *line = json_line(f, 3);
    assert_string_equal(json_string_value(json_object_get(line, "split")), "val");
    assert_int_equal(json_integer_value(json_object_get(line, "examples")), 11);
    json_decref(line);
    double loss = number_in(f, 3, "loss");
    RUN(0, "$DLC eval norm.dl --data d --split val --weights w.st --batch 3 --jit tcc --json");
    assert_true(fabs(number_in(f, 0, "loss") - loss) < 1e-6);
}

/* ---- run ------------------------------------------------------------------------------------------- */
static void run_prints_and_writes(void **state)
{
    Fixture *f = *state;
    const char *why;
    Array p, q;
    with_weights(f);
    RUN(0, "$DLC run small.dl --weights w.safetensors --input image=digits/t10k-images-idx3-ubyte --batch 32 "
           "--jit tcc -o probs=p.npy");
    assert_string_equal(captured(f, "stdout"), "");
    RUN(0, "gzip -k digits/t10k-images-idx3-ubyte && $DLC run small.dl --weights w.safetensors --input "
           "digits/t10k-images-idx3-ubyte.gz --batch 5 --jit interpret -o q.npy");
    assert_true(npy_read(f->a, in(f, "p.npy"), &p, &why) && npy_read(f->a, in(f, "q.npy"), &q, &why));
    assert_int_equal(p.type.dim[0], 67);
    assert_true(worst_difference(p, q) < 1e-5);
    RUN(0, "$DLC run small.dl --weights w.safetensors --data digits --first 33 --jit tcc --json");
    assert_int_equal(lines_in(captured(f, "stdout")), 33);
    for (int i = 0; i < 33; i++) {
        json_t *line = json_line(f, i), *probs = json_object_get(line, "probs");
        assert_int_equal(json_integer_value(json_object_get(line, "example")), i);
        assert_int_equal(json_array_size(probs), 10);
        for (size_t k = 0; k < 10; k++)
            assert_true(fabs(json_number_value(json_array_get(probs, k)) - array_at(p, i * 10 + (int64_t)k)) <
                        1e-6);
        json_decref(line);
    }
    RUN(0, "$DLC run small.dl --weights w.safetensors --data digits --show 3 --jit tcc");
    EXPECT_OUT(" %");
    assert_true(lines_in(captured(f, "stdout")) >= 15);
}

/* Without parameters, with several inputs, several ranks, one example, and an output that no input reaches.
 */
static void run_takes_any_model(void **state)
{
    Fixture *f = *state;
    write_text(f, "two.dl",
               "model two {\n    input a: f32[2, 3]\n    input b: i32[3]\n    output s = a + cast(b, f32)\n"
               "    output n = sum(b)\n}\n");
    write_npy(f, "a.npy", type_make(DT_F32, 3, (int64_t[]){4, 2, 3}), ramp);
    write_npy(f, "b.npy", type_make(DT_I32, 2, (int64_t[]){4, 3}), zero_or_one);
    write_npy(f, "a1.npy", type_make(DT_F32, 2, (int64_t[]){2, 3}), ramp);
    write_npy(f, "b1.npy", type_make(DT_I32, 1, (int64_t[]){3}), zero_or_one);
    static const char *const engines[] = {"tcc", "interpret", "cc"};
    for (int i = 0; i < LEN(engines); i++) {
        RUN(0, arena_printf(f->a, "$DLC run two.dl --input a=a.npy --input b=b.npy --batch 3 --json --jit %s",
                            engines[i]));
        assert_int_equal(lines_in(captured(f, "stdout")), 4);
        EXPECT_OUT("{\"example\": 0, \"s\": [[0.0, 2.0, 2.0], [3.0, 5.0, 5.0]], \"n\": 1}");
    }
    RUN(0, "$DLC run two.dl --input a=a1.npy --input b=b1.npy --jit tcc");
    assert_string_equal(captured(f, "stdout"), "0  s  0 2 2 3 5 5\n0  n  1\n");
    RUN(0, "$DLC run two.dl --input a=a.npy --input b=b.npy -o s=s.npy --jit tcc");
    assert_int_equal(lines_in(captured(f, "stdout")), 4);
    static const struct {
        int status;
        const char *command, *message;
    } cases[] = {
        {2, "$DLC run two.dl", "--input NAME=FILE or --data DIR is missing"},
        {2, "$DLC run two.dl --data d --input a=a.npy", "not from both"},
        {2, "$DLC run two.dl --input a=a.npy --show 3 --json", "--show draws pictures"},
        {1, "$DLC run two.dl --input a=a.npy", "missing  --input b=FILE, for i32[3]"},
        {1, "$DLC run two.dl --input c=a.npy", "two has no input c"},
        {1, "$DLC run two.dl --input a.npy", "two has no input a.npy"},
        {1, "$DLC run two.dl --input a=a.npy --input b=b1.npy", "b1.npy: 1 examples, but a has 4"},
        {1, "$DLC run two.dl --input a=b.npy --input b=b.npy",
         "b.npy: examples of i32[3] do not fit a: f32[2, 3]"},
        {1, "$DLC run two.dl --input a=two.dl --input b=b.npy", "two.dl: neither a .npy file nor an IDX"},
        {1, "$DLC run two.dl --input a=a.npy --input b=b.npy -o t=s.npy", "two has no output t"},
        {1, "$DLC run two.dl --input a=a.npy --input b=b.npy -o s=missing/s.npy", "missing/s.npy"},
        {1, "$DLC run two.dl --input a=a.npy --input b=b.npy --show 2",
         "--show is for models that take a grey image"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        RUN(cases[i].status,
            arena_printf(f->a, "%s%s", cases[i].command, strchr(cases[i].command, 'j') ? "" : " --jit tcc"));
        EXPECT_ERR(cases[i].message);
    }
}

/* Step by step with --stream, with every engine, what the whole sequence gives; without, each example begins anew. */
static void run_goes_on_where_it_was(void **state)
{
    Fixture *f = *state;
    write_text(f, "s.dl",
               "const LENGTH = 1\nconst KEEP = true\nmodel s {\n input x: f32[LENGTH, 3]\n"
               " h = lstm(x, 4, return_sequences = true, stateful = KEEP) as l\n output y = h\n"
               " train { target t: f32[LENGTH, 4]; loss = mean_squared_error(h, t); optimizer sgd() }\n}\n");
    RUN(0, "mkdir -p data/train data/test");
    const Type steps = type_make(DT_F32, 3, (int64_t[]){7, 1, 3}), whole = type_make(DT_F32, 3, (int64_t[]){1, 7, 3});
    Array x = array_new(f->a, steps), t = array_new(f->a, type_make(DT_F32, 3, (int64_t[]){7, 1, 4}));
    for (int i = 0; i < 21; i++)
        ((float *)x.data)[i] = (float)sin(i * i);
    const char *why;
    assert_true(npy_write(f->a, in(f, "steps.npy"), x, &why));
    assert_true(npy_write(f->a, in(f, "data/train/x.npy"), x, &why));
    assert_true(npy_write(f->a, in(f, "data/train/t.npy"), t, &why));
    assert_true(npy_write(f->a, in(f, "data/test/x.npy"), x, &why));
    assert_true(npy_write(f->a, in(f, "data/test/t.npy"), t, &why));
    x.type = whole;
    assert_true(npy_write(f->a, in(f, "whole.npy"), x, &why));
    RUN(0, "$DLC train s.dl --data data --epochs 3 --jit tcc -o w.st");
    RUN(0, "$DLC run s.dl --set LENGTH=7 --set KEEP=false --weights w.st --input whole.npy --jit interpret -o whole.out.npy");
    Array y = {0}, z = {0}, anew = {0};
    RUN(0, "$DLC run s.dl --weights w.st --input steps.npy --jit interpret -o anew.npy");
    assert_true(npy_read(f->a, in(f, "whole.out.npy"), &y, &why) && npy_read(f->a, in(f, "anew.npy"), &anew, &why));
    static const char *const engines[] = {"interpret", "tcc", "cc"};
    for (int i = 0; i < LEN(engines); i++) {
        RUN(0, arena_printf(f->a, "$DLC run s.dl --stream --weights w.st --input steps.npy --jit %s -o steps.out.npy", engines[i]));
        assert_true(npy_read(f->a, in(f, "steps.out.npy"), &z, &why));
        z.type = y.type;
        assert_true(worst_difference(y, z) < 1e-6);
    }
    anew.type = y.type;
    assert_true(worst_difference(y, anew) > 1e-2);
    RUN(1, "$DLC run s.dl --set KEEP=false --stream --weights w.st --input steps.npy");
    EXPECT_ERR("s keeps nothing from call to call: --stream is for models with a `stream`");
    RUN(2, "$DLC run s.dl --stream --batch 2 --weights w.st --input steps.npy");
    EXPECT_ERR("--stream takes one example after the other");
}

/* Several inputs of several types, outputs and targets, from a folder: the same by every engine and batch. */
static void several_of_everything(void **state)
{
    Fixture *f = *state;
    char model[PATH_MAX];
    assert_non_null(realpath("tests/differential/several.dl", model));
    static const struct {
        const char *name;
        DType dt;
        int rank;
        int64_t dim[3];
        int limit;
    } tensors[] = {{"signal", DT_F32, 3, {0, 6, 4}, 0},   {"class", DT_I32, 1, {0}, 3},    {"present", DT_BOOL, 2, {0, 6}, 2},
                   {"label", DT_I32, 2, {0, 6}, 3}, {"place", DT_F32, 2, {0, 2}, 0}};
    RUN(0, "mkdir -p data/train data/test");
    for (int i = 0; i < LEN(tensors); i++)
        for (int test = 0; test < 2; test++) {
            int64_t dim[3];
            memcpy(dim, tensors[i].dim, sizeof dim);
            dim[0] = test ? 11 : 40;
            const char *why;
            Array x = array_new(f->a, type_make(tensors[i].dt, tensors[i].rank, dim));
            for (int64_t k = 0; k < type_count(x.type); k++) {
                int noise = (int)(k * k * 7919 % 1009) + i;
                if (tensors[i].dt == DT_F32)
                    ((float *)x.data)[k] = (float)sin(noise);
                else if (tensors[i].dt == DT_I32)
                    ((int32_t *)x.data)[k] = noise % tensors[i].limit;
                else
                    ((uint8_t *)x.data)[k] = (uint8_t)(noise % tensors[i].limit);
            }
            assert_true(npy_write(f->a, in(f, arena_printf(f->a, "data/%s/%s.npy", test ? "test" : "train", tensors[i].name)), x,
                                  &why));
        }
    static const char *const figures[] = {"loss", "accuracy", "seen_accuracy", "never"};
    double first[4];
    RUN(0, arena_printf(f->a, "for j in interpret tcc; do $DLC train %s --data data --epochs 4 --batch 16 --jit $j --json -o $j.st "
                              "|| exit 1; done", model));
    for (int i = 0; i < LEN(figures); i++) {
        first[i] = number_in(f, 7, figures[i]);
        assert_true(fabs(number_in(f, 15, figures[i]) - first[i]) < 1e-4 * (1 + fabs(first[i])));
    }
    assert_true(number_in(f, 6, "loss") < 0.95 * number_in(f, 0, "loss"));
    assert_true(first[1] > 0 && first[1] < 1 && first[2] != first[1] && first[3] == 0);
    RUN(0, arena_printf(f->a, "for b in 1 4 11; do $DLC eval %s --data data --weights interpret.st --batch $b --jit tcc --json; done",
                        model));
    for (int line = 0; line < 3; line++)
        for (int i = 0; i < LEN(figures); i++)
            assert_true(fabs(number_in(f, line, figures[i]) - first[i]) < 1e-4 * (1 + fabs(first[i])));
    RUN(0, arena_printf(f->a, "$DLC run %s --data data --weights tcc.st --jit tcc -o probs=p.npy -o best=b.npy --first 5 --json", model));
    assert_int_equal(lines_in(captured(f, "stdout")), 5);
    EXPECT_OUT("\"position\": [");
    Array best = {0};
    const char *why;
    assert_true(npy_read(f->a, in(f, "b.npy"), &best, &why));
    assert_true(type_eq(best.type, type_make(DT_I32, 2, (int64_t[]){5, 6})));
    RUN(0, arena_printf(f->a, "$DLC run %s --weights tcc.st --jit tcc --input signal=data/test/signal.npy --input "
                              "class=data/test/class.npy --input present=data/test/present.npy", model));
    RUN(1, arena_printf(f->a, "$DLC run %s --weights tcc.st --input signal=data/test/signal.npy", model));
    EXPECT_ERR("missing  --input class=FILE, for i32");
    Array start = load_tensor(f, "interpret.st", "table.embeddings");
    RUN(0, arena_printf(f->a, "$DLC train %s --data data --epochs 0 --jit tcc -o start.st", model));
    assert_true(worst_difference(start, load_tensor(f, "start.st", "table.embeddings")) == 0);      /* frozen */
    assert_true(worst_difference(load_tensor(f, "interpret.st", "shared.kernel"), load_tensor(f, "start.st", "shared.kernel")) > 1e-3);
}

static void tokens_out_of_range(void **state)
{
    Fixture *f = *state;
    write_text(f, "words.dl",
               "model words {\n    input tokens: i32[3]\n    output y = sum(embedding(tokens, 5, 2), axis = "
               "0)\n}\n");
    write_npy(f, "t.npy", type_make(DT_I32, 2, (int64_t[]){2, 3}), ramp);
    write_text(f, "w.txt", "");
    RUN(0, "$DLC ir words.dl --after elaborate -f infer");
    RUN(1, "$DLC run words.dl --input t.npy --jit tcc");
    EXPECT_ERR("--weights W.safetensors is missing");
    ArrayList list = {0};
    const char *why;
    array_add(f->a, &list, "embedding_1.embeddings",
              array_new(f->a, type_make(DT_F32, 2, (int64_t[]){5, 2})));
    assert_true(safetensors_write(f->a, in(f, "w.st"), &list, &why));
    static const char *const engines[] = {"tcc", "interpret", "cc"};
    for (int i = 0; i < LEN(engines); i++) {
        RUN(1, arena_printf(f->a, "$DLC run words.dl --weights w.st --input t.npy --jit %s", engines[i]));
        EXPECT_ERR("out of range, in example 1 (from 0)");
    }
}

/* ---- trace ----------------------------------------------------------------------------------------- */
static void make_batch(Fixture *f, int64_t n)
{
    const char *why;
    ArrayList list = {0};
    Array image = array_new(f->a, type_make(DT_F32, 4, (int64_t[]){n, 28, 28, 1})),
          label = array_new(f->a, type_make(DT_I32, 1, &n));
    for (int64_t i = 0; i < type_count(image.type); i++)
        array_set(image, i, (double)(i * 37 % 101) / 101);
    for (int64_t i = 0; i < n; i++)
        array_set(label, i, (double)(i % 10));
    array_add(f->a, &list, "image", image);
    array_add(f->a, &list, "label", label);
    assert_true(safetensors_write(f->a, in(f, "batch.st"), &list, &why));
}

static void traces_agree(void **state)
{
    Fixture *f = *state;
    with_weights(f);
    make_batch(f, 6);
    static const char *const engines[] = {"interpret", "tcc", "cc"};
    for (int i = 0; i < LEN(engines); i++)
        RUN(0, arena_printf(f->a,
                            "$DLC trace small.dl --weights w.safetensors --batch batch.st --steps 4 --values "
                            "--jit %s -o %s.st",
                            engines[i], engines[i]));
    static const char *const names[] = {"probs",  "gradient.hidden.kernel", "gradient.classifier.bias",
                                        "losses", "after4.hidden.kernel",   "value.logits"};
    for (int i = 0; i < LEN(names); i++) {
        Array x = load_tensor(f, "interpret.st", names[i]);
        assert_true(worst_difference(x, load_tensor(f, "tcc.st", names[i])) < 1e-5);
        assert_true(worst_difference(x, load_tensor(f, "cc.st", names[i])) < 1e-5);
    }
    Array losses = load_tensor(f, "tcc.st", "losses");
    assert_int_equal(type_count(losses.type), 4);
    assert_true(array_at(losses, 3) < array_at(losses, 0));
    assert_int_equal(load_tensor(f, "tcc.st", "probs").type.dim[0], 6);
    RUN(0, "$DLC trace small.dl --weights w.safetensors --batch batch.st --steps 0 --jit tcc -o none.st");
    RUN(1, "$DLC trace small.dl --batch batch.st --jit tcc -o x.st");
    EXPECT_ERR("--weights W.safetensors is missing");
    RUN(1, "$DLC trace small.dl --weights w.safetensors --batch w.safetensors --jit tcc -o x.st");
    EXPECT_ERR("missing      image");
    EXPECT_ERR("missing      label");
    RUN(2, "$DLC trace small.dl --weights w.safetensors -o x.st");
    RUN(2, "$DLC trace small.dl --weights w.safetensors --batch batch.st");
    RUN(1, "$DLC trace small.dl --weights w.safetensors --batch batch.st --jit tcc -o missing/x.st");
    assert_false(there(f, "x.st"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(training_learns_and_says_so),
        TEST(ratios_are_of_everything),
        TEST(a_seed_says_it_all),
        TEST(train_refuses),
        TEST(interruption_saves),
        TEST(bad_labels_are_found),
        TEST(every_example_counts_once),
        TEST(states_and_val),
        TEST(run_prints_and_writes),
        TEST(run_takes_any_model),
        TEST(run_goes_on_where_it_was),
        TEST(several_of_everything),
        TEST(tokens_out_of_range),
        TEST(traces_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
