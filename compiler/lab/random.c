/* SPDX-License-Identifier: MIT */
/* random.c: SplitMix64 (Steele, Lea, Flood 2014): a counter and a mixing function. */
#include "lab.h"

static const uint64_t golden = 0x9e3779b97f4a7c15;     /* 2^64 / golden ratio, odd */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

Random random_start(uint64_t seed, uint64_t stream)
{
    return (Random){mix(mix(seed + golden) + stream * golden)};
}

uint64_t random_bits(Random *r)
{
    return mix(r->state += golden);
}

uint64_t random_below(Random *r, uint64_t limit)
{
    uint64_t reject = -limit % limit;   /* 2^64 mod limit: the values below it would come once too often */
    uint64_t x;
    do
        x = random_bits(r);
    while (x < reject);
    return x % limit;
}

double random_unit(Random *r)
{
    return (double)(random_bits(r) >> 11) * 0x1p-53;
}

double random_range(Random *r, double lo, double hi)
{
    return lo + (hi - lo) * random_unit(r);
}

double random_normal(Random *r)
{
    uint64_t sum = 0;
    for (int draw = 0; draw < 3; draw++) {
        uint64_t bits = random_bits(r);
        sum += (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    }
    return ((double)sum + 6) * 0x1p-16 - 6;     /* 12 uniforms in steps of 2^-16, each half a step up */
}
