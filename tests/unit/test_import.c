/* SPDX-License-Identifier: MIT */
/* test_import.c: models in several files, by every command. What must be refused is in tests/errors/import*.dl; here is
 * what needs files of its own making. */
#include "command_fixture.h"

/* folder/parts/layers.dl imports blocks.dl beside it; both are imported by folder/main.dl, and a model by none. */
static void with_files(Fixture *f)
{
    RUN(0, "mkdir -p folder/parts");
    write_text(f, "folder/main.dl",
               "import \"parts/layers.dl\"\n"
               "const T = 3\n"
               "model small {\n"
               "    input image: f32[28, 28, 1]\n"
               "    logits = image |> flatten |> two(10, T)\n"
               "    output probs = softmax(logits)\n"
               "    train {\n"
               "        target label: i32\n"
               "        loss = cross_entropy(logits, label)\n"
               "        optimizer halved()\n"
               "    }\n"
               "}\n"
               "import \"parts/blocks.dl\"\n");
    write_text(f, "folder/parts/layers.dl",
               "import \"./blocks.dl\"\n"
               "model small { input x: f32[2]\n output y = x }\n"
               "# T is a dimension here, though a constant of the importer.\n"
               "layer two(x: f32[T]; units, seen) {\n"
               "    require T == 784 and seen == 3, \"T must be the layer's own\"\n"
               "    return x |> block(WIDTH) |> dense(units) as last\n"
               "}\n");
    write_text(f, "folder/parts/blocks.dl",
               "const WIDTH = 16\n"
               "layer relu(x: f32[...]) { return max(x, 0.5) }\n"
               "layer block(x: f32[I]; units) { return x |> dense(units) |> relu }\n"
               "optimizer halved(p: f32[...], gradient: f32[...]) { p <- p - 0.01 * gradient }\n");
}

static void every_command_follows_imports(void **state)
{
    Fixture *f = *state;
    with_files(f);
    RUN(0, "$DLC folder/main.dl --train -o out.c");
    /* the place in the file where it stands, also of a file imported by an imported one */
    expect_text(captured(f, "out.c"), "/* blocks.dl:3: dense -> f32[784, 16]");
    expect_text(captured(f, "out.c"), "layers.dl:7: dense -> f32[16, 10]");
    expect_text(captured(f, "out.h"), "float two_1_block_1_dense_1_bias[16];");
    expect_text(captured(f, "out.h"), "float two_1_last_bias[10];");
    RUN(0, "$DLC check folder/main.dl && cd folder/parts && $DLC check ../main.dl");
    RUN(0, "$DLC check folder/parts/layers.dl");
    RUN(0, "$DLC ir folder/main.dl -f infer --set WIDTH=9");
    EXPECT_OUT("f32[784, 9]");
    RUN(0, "$DLC ir folder/main.dl --after parse");
    EXPECT_OUT("import");
    RUN(0, "$DLC data digits digits --train 40 --test 7");
    RUN(0, "$DLC train folder/main.dl --data digits --epochs 1 --jit tcc -o w.safetensors");
    RUN(0, "$DLC eval folder/main.dl --data digits --weights w.safetensors --jit tcc");
    RUN(0, "$DLC run folder/main.dl --data digits --weights w.safetensors --jit tcc");
    RUN(0, "cd folder && $DLC - -o - < main.dl");
    EXPECT_OUT("small_infer(");
    RUN(1, "$DLC - -o - < folder/main.dl"); /* beside standard input is the working folder */
    EXPECT_ERR("<stdin>:1:8: error: cannot import `parts/layers.dl`: No such file or directory");
    RUN(1, "$DLC folder/main.dl --set WDTH=9 -o no.c");
    EXPECT_ERR("did you mean `WIDTH`?");
    RUN(1, "$DLC folder/main.dl --model two -o no.c");
    EXPECT_ERR("there is no model `two`");
}

/* By whatever path, a file is one file. */
static void a_file_is_read_once(void **state)
{
    Fixture *f = *state;
    with_files(f);
    RUN(0, "ln -s parts folder/link && ln -s main.dl folder/again.dl");
    write_text(f, "top.dl",
               "import \"folder/link/blocks.dl\"\nimport \"folder/./parts/../parts/blocks.dl\"\n"
               "import \"folder/parts/layers.dl\"\n"
               "model m { input x: f32[2]\n output y = block(x, WIDTH) }\n");
    RUN(0, "$DLC check top.dl");
    write_text(f, "folder/parts/blocks.dl", "import \"../again.dl\"\n");
    RUN(1, "$DLC check folder/main.dl");
    EXPECT_ERR("blocks.dl:1:8: error: `folder/main.dl` imports itself");
    EXPECT_ERR("`folder/parts/./blocks.dl` is imported (folder/parts/layers.dl, line 1)");
    EXPECT_ERR("`folder/parts/layers.dl` is imported (folder/main.dl, line 1)");
}

static void what_cannot_be_read_is_said(void **state)
{
    Fixture *f = *state;
    static const char *const model = "model m { input x: f32[2]\n output y = x }\n";
    RUN(0, "mkdir -p a && mkfifo a/pipe && ln -s loop a/loop");
    static const char *const paths[] = {"a/pipe", "a", "/dev/zero", "a/loop", "nowhere/x.dl"};
    static const char *const why[] = {"not a file", "not a file", "not a file", "symbolic links", "No such file"};
    for (int i = 0; i < LEN(paths); i++) {
        write_text(f, "top.dl", arena_printf(f->a, "import \"%s\"\n%s", paths[i], model));
        RUN(1, "$DLC top.dl -o out.c");
        EXPECT_ERR(arena_printf(f->a, "top.dl:1:8: error: cannot import `%s`: ", paths[i]));
        EXPECT_ERR(why[i]);
        assert_false(there(f, "out.c") || there(f, "out.h"));
    }
    write_text(f, "bytes.dl", "const A = \"\xff\"\n");
    write_text(f, "top.dl", arena_printf(f->a, "import \"bytes.dl\"\n%s", model));
    RUN(1, "$DLC top.dl -o out.c");
    EXPECT_ERR("bytes.dl:1:12: error: byte 0xff is not text");
}

static void absurd_imports_are_refused(void **state)
{
    Fixture *f = *state;
    RUN(0, "for i in $(seq 2000); do echo \"import \\\"$((i + 1)).dl\\\"\" > $i.dl; done; "
           "for i in $(seq 2 2 2000); do echo \"import \\\"$i.dl\\\"\"; done > wide.dl");
    RUN(1, "$DLC check 1.dl");
    EXPECT_ERR("64.dl:1:8: error: cannot import `65.dl`: imports are nested too deeply");
    EXPECT_ERR("`64.dl` is imported (63.dl, line 1)");
    assert_int_equal(lines_in(captured(f, "stderr")), 7);
    RUN(0, "for i in $(seq 2000); do echo \"const A$i = $i\" > $i.dl; done; "
           "for i in $(seq 2000); do echo \"import \\\"$i.dl\\\"\"; done > wide.dl");
    RUN(1, "$DLC check wide.dl");
    EXPECT_ERR("wide.dl:1000:8: error: cannot import `1000.dl`: there are too many files");
    RUN(0, "head -999 wide.dl > less.dl && echo 'model m { input x: f32[A7]; output y = x }' >> less.dl && $DLC check less.dl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_command_follows_imports),
        TEST(a_file_is_read_once),
        TEST(what_cannot_be_read_is_said),
        TEST(absurd_imports_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
