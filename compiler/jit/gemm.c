/* SPDX-License-Identifier: MIT */
/* gemm.c: the contraction that code compiled by libtcc calls, since libtcc's own loops are some twenty times slower. */
#include "jit.h"

#define DL_GEMM dl_gemm
#include "gemm.h"
