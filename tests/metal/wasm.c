/* SPDX-License-Identifier: MIT */
/* wasm.c: metal.h in WebAssembly: wasm.mjs has the rest, under the same names. */
#include "metal.h"

void metal_paint_stack(void)
{
}

int32_t metal_painted_used(void)
{
    return 0;
}
