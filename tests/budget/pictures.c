/* SPDX-License-Identifier: MIT */
/* A model named net that says what is in a picture: its outputs for three of them, with weights larger than they begin. STATE: it
 * has running statistics; PIXELS of a picture, SCALE: by how much. */
#include "net.h"

#include <stdio.h>
#include <string.h>

static net_params params;
#if STATE
static net_state state;
#define STATE_ARGUMENT &state,
#else
#define STATE_ARGUMENT
#endif
static _Alignas(64) unsigned char arena[NET_ARENA_BYTES + NET_INIT_ARENA_BYTES];
static float picture[PIXELS], probs[32];

int main(void)
{
    if (net_init(&params, STATE_ARGUMENT 5, arena) != DL_OK)
        return 1;
    float *p = (float *)&params;
    for (size_t i = 0; i < sizeof params / sizeof *p; i++)
        p[i] *= (float)SCALE;
    for (int example = 0; example < 3; example++) {
        for (int i = 0; i < PIXELS; i++)
            picture[i] = (float)(i * (example + 3) % (97 - 20 * example)) / 50;
        memset(arena, 0xff, sizeof arena);
        if (net_infer(&params, STATE_ARGUMENT picture, probs, arena) != DL_OK)
            return 1;
        for (int i = 0; i < CLASSES; i++)
            printf("%a %.6f\n", probs[i], probs[i]);
    }
    return 0;
}
