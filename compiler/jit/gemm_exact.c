/* SPDX-License-Identifier: MIT */
/* gemm_exact.c: the contraction of gemm.c for results that are the same bits everywhere: products are rounded before they are added. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif
#include "jit.h"

#define DL_GEMM dl_gemm_exact
#include "gemm.h"
