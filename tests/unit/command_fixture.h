/* SPDX-License-Identifier: MIT */
/* command_fixture.h: `dlc` run as a user runs it: in a folder of its own, its output kept. */
#ifndef COMMAND_FIXTURE_H
#define COMMAND_FIXTURE_H

#include "lab_fixture.h"

#include <jansson.h>
#include <limits.h>
#include <sys/wait.h>

/* Written to every test's folder. */
static const char *const small_model =
    "model small {\n"
    "    input image: f32[28, 28, 1]\n"
    "    logits = image |> flatten |> dense(WIDTH) as hidden |> relu |> dense(10) as classifier\n"
    "    output probs = softmax(logits)\n"
    "    train {\n"
    "        target label: i32\n"
    "        loss = cross_entropy(logits, label)\n"
    "        optimizer adam()\n"
    "        metric accuracy = argmax(logits) == label\n"
    "    }\n"
    "}\n"
    "const WIDTH = 16\n";

static inline const char *dlc_path(Fixture *f)
{
    static char path[PATH_MAX];
    const char *build = getenv("BUILD");
    if (!realpath(arena_printf(f->a, "%s/dlc", build ? build : "build"), path))
        fail_msg("no dlc in %s", build ? build : "build");
    return path;
}

/* Runs a shell command in the test's folder, where $DLC is dlc; its exit status. Output goes to the files
 * stdout and stderr. */
static inline int shell(Fixture *f, const char *command)
{
    const char *script =
        arena_printf(f->a, "cd '%s' && export DLC='%s' XDG_CACHE_HOME='%s/cache' && { %s\n} >stdout 2>stderr",
                     f->dir, dlc_path(f), f->dir, command);
    int status = system(script);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void expect_status(Fixture *f, int expected, const char *command)
{
    int status = shell(f, command);
    if (status != expected)
        fail_msg("%s: exit status %d, expected %d\n%s%s", command, status, expected, captured(f, "stdout"),
                 captured(f, "stderr"));
}

#define RUN(status, command) expect_status(f, status, command)
#define EXPECT_OUT(part)     expect_text(captured(f, "stdout"), part)
#define EXPECT_ERR(part)     expect_text(captured(f, "stderr"), part)

static inline bool there(Fixture *f, const char *name)
{
    return path_exists(in(f, name));
}

/* Line `i` (from 0) of standard output as a JSON object; the test fails where it is none. The caller gives it
 * back. */
static inline json_t *json_line(Fixture *f, int i)
{
    const char *at = captured(f, "stdout");
    for (; i > 0 && at; i--)
        at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
    assert_non_null(at);
    json_error_t error;
    json_t *line = json_loadb(at, strcspn(at, "\n"), 0, &error);
    if (!json_is_object(line))
        fail_msg("not a JSON object (%s): %s", error.text, at);
    return line;
}

static inline int lines_in(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static inline double number_in(Fixture *f, int line, const char *key)
{
    json_t *object = json_line(f, line);
    json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("no number %s in line %d of\n%s", key, line, captured(f, "stdout"));
    double number = json_number_value(value);
    json_decref(object);
    return number;
}

static inline void with_model(Fixture *f)
{
    write_text(f, "small.dl", small_model);
}

/* 150 digits to train, 67 to test: with batches of 32, incomplete ones in both. */
static inline void with_digits(Fixture *f)
{
    with_model(f);
    expect_status(f, 0, "$DLC data digits digits --train 150 --test 67");
}

static inline void with_weights(Fixture *f)
{
    with_digits(f);
    expect_status(f, 0, "$DLC train small.dl --data digits --epochs 2 --jit tcc -o w.safetensors");
}

#endif
