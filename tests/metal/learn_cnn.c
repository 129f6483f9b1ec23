/* SPDX-License-Identifier: MIT */
/* Trains dsl_examples/small_cnn.dl on digits that come in one at a time, eight a step, and tries it on others: program TRAIN-IMAGES TRAIN-LABELS TEST-IMAGES
 * TEST-LABELS EPOCHS [EXAMPLES [PERCENT]]: the status is 0 if so many are recognized. The files are MNIST's, or of `dlc data digits`. On a board with two memories the compiler has placed
 * all tensors in them. */
#include "learn.h"
#include "learn_cnn.h"

enum { SIZE = 28 * 28, BATCH = LEARN_CNN_TRAIN_BATCH, IMAGES_AT = 16, LABELS_AT = 8 }; /* IDX: numbers of 4 bytes in front, of images four and of labels two */

static METAL_CCM _Alignas(64) learn_cnn_ccm ccm;
static _Alignas(64) learn_cnn_sram sram;

typedef struct Examples {
    int images, labels;
} Examples;

static Examples open_examples(const char *images, const char *labels)
{
    unsigned char head[IMAGES_AT];
    const Examples e = {metal_must_open(images, 0), metal_must_open(labels, 0)};
    if (metal_read(e.images, head, IMAGES_AT) != IMAGES_AT || metal_read(e.labels, head, LABELS_AT) != LABELS_AT)
        metal_exit(2);
    return e;
}

static void close_examples(Examples e)
{
    metal_close(e.images);
    metal_close(e.labels);
}

/* 0 behind the last one. */
static int next_example(Examples e, float *image, int32_t *label)
{
    static unsigned char bytes[SIZE];
    unsigned char digit;
    if (metal_read(e.images, bytes, SIZE) != SIZE || metal_read(e.labels, &digit, 1) != 1)
        return 0;
    for (int i = 0; i < SIZE; i++)
        image[i] = (float)bytes[i] / 255.0f;
    *label = digit;
    return 1;
}

static uint32_t losses = METAL_HASH;

typedef dl_status Call(learn_cnn_ccm *, learn_cnn_sram *, const float *, const int32_t *, int32_t, learn_cnn_metrics *);

/* All examples of two files, or the first `most` of them, a batch a call; the part of them that was recognized. What a call gives are means,
 * or sums. */
static float go_through(const char *what, Call *call, int gives_means, char **files, int most)
{
    static float images[BATCH][SIZE];
    int32_t labels[BATCH];
    learn_cnn_metrics metrics;
    float loss = 0, right = 0;
    int n = 0, count = BATCH;
    const Examples e = open_examples(files[0], files[1]);
    for (; n < most && count == BATCH; n += count) {
        for (count = 0; count < BATCH && n + count < most && next_example(e, images[count], &labels[count]);)
            count++;
        if (count == 0)
            break;
        if (call(&ccm, &sram, images[0], labels, count, &metrics) != DL_OK)
            metal_exit(3);
        losses = metal_hash(losses, &metrics.loss, sizeof metrics.loss);
        loss += gives_means ? metrics.loss * (float)count : metrics.loss;
        right += gives_means ? metrics.accuracy * (float)count : metrics.accuracy;
    }
    close_examples(e);
    metal_print("%s: %d examples, loss %f, accuracy %f\n", what, n, (double)(loss / (float)n), (double)(right / (float)n));
    return right / (float)n;
}

int metal_main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    const int epochs = metal_atoi(argv[5]), most = argc > 6 ? metal_atoi(argv[6]) : 1 << 20;
    const float least = (float)(argc > 7 ? metal_atoi(argv[7]) : 0) / 100.0f;
    metal_paint_stack();
    if (learn_cnn_init(&ccm, &sram, 1) != DL_OK)
        return 3;
    for (int epoch = 0; epoch < epochs; epoch++)
        go_through("trained", learn_cnn_train_step, 1, argv + 1, most);
    const float accuracy = go_through("tested", learn_cnn_evaluate, 0, argv + 3, most);
    metal_print("losses %x\n", losses);
    metal_print("learned %x\n", words_hash(&ccm.params, sizeof ccm.params) + words_hash(&sram.params, sizeof sram.params));
    metal_print("memory %d bytes in ccm, %d in sram\n", (int)sizeof ccm, (int)sizeof sram);
    metal_print("stack %d\n", (int)metal_painted_used());
    return accuracy >= least ? 0 : 1;
}
