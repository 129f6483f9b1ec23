/* SPDX-License-Identifier: MIT-0 */
/* main.c: a trained network as part of a C program. Reads test digits, asks cnn_infer, shows the first few.
 *
 *     digits IMAGES LABELS        both IDX files, as MNIST's
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cnn.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, EDGE = 2, ROW = 3, SHOWN = 2 * ROW };

/* The network's working memory; nothing in it needs to survive from call to call. */
static _Alignas(64) unsigned char arena[CNN_ARENA_BYTES];

static void stop(const char *why, const char *file)
{
    fprintf(stderr, "%s: %s\n", file, why);
    exit(1);
}

/* The elements of an IDX file of bytes: two zeros, the type, the number of axes, their extents, the elements.
 * *count becomes the first extent. */
static unsigned char *read_idx(const char *file, size_t element, size_t *count)
{
    FILE *in = fopen(file, "rb");
    unsigned char head[16] = {0}, *bytes;
    if (!in)
        stop("cannot be opened", file);
    if (fread(head, 1, 4, in) != 4 || head[2] != 8 || head[3] < 1 || head[3] > 3 || fread(head + 4, 4, head[3], in) != head[3])
        stop("is no IDX file of bytes", file);
    *count = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
    bytes = malloc(*count * element + 1);
    if (!bytes || fread(bytes, element, *count, in) != *count)
        stop("is too short", file);
    fclose(in);
    return bytes;
}

/* The class the network takes the digit for. */
static int answer(const unsigned char *digit)
{
    float image[PIXELS], probs[CLASSES];
    int best = 0;
    for (int i = 0; i < PIXELS; i++)
        image[i] = (float)digit[i] / 255.0f;
    if (cnn_infer(image, probs, arena) != DL_OK)
        return -1;
    for (int i = 1; i < CLASSES; i++)
        best = probs[i] > probs[best] ? i : best;
    return best;
}

/* A row of digits side by side, two lines of a picture in one line of text. */
static void show(const unsigned char *digits, const unsigned char *labels)
{
    for (int y = EDGE; y < SIDE - EDGE; y += 2) {
        for (int d = 0; d < ROW; d++) {
            const unsigned char *line = digits + d * PIXELS + y * SIDE;
            printf("  ");
            for (int x = EDGE; x < SIDE - EDGE; x++)
                putchar(" .:-=+*#%@"[(line[x] + line[x + SIDE]) * 10 / 511]);
        }
        putchar('\n');
    }
    for (int d = 0; d < ROW; d++) {
        const int is = answer(digits + d * PIXELS);
        printf("     network %d, label %d %s   ", is, labels[d], is == labels[d] ? " " : "!");
    }
    printf("\n\n");
}

int main(int argc, char **argv)
{
    size_t n, named, right = 0;
    if (argc != 3)
        stop("usage: digits IMAGES LABELS", argv[0]);
    const unsigned char *digits = read_idx(argv[1], PIXELS, &n), *labels = read_idx(argv[2], 1, &named);
    if (n != named || n < SHOWN)
        stop("does not fit the images", argv[2]);

    for (int d = 0; d < SHOWN; d += ROW)
        show(digits + d * PIXELS, labels + d);

    const clock_t begin = clock();
    for (size_t d = 0; d < n; d++)
        right += answer(digits + d * PIXELS) == labels[d];
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    printf("%zu of %zu test digits right; %.2f ms a digit, %d bytes of working memory\n", right, n,
           1000 * seconds / (double)n, CNN_ARENA_BYTES);
    return 0;
}
