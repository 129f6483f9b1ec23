/* SPDX-License-Identifier: MIT */
/* Parameters saved as plain bytes: a device that is cut at every byte, and each bit of a record the other
 * way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "runtime/dl_store.h"

enum { SLOT = 320, SLOTS = 2, PARAMS = 0x11, OPTIMIZER = 0x22 };

/* ---- a flash that loses power -------------------------------------------------------------------------- */
typedef struct Flash {
    unsigned char bytes[SLOTS * SLOT];
    long left; /* bytes that are still erased or written; -1: no end */
    int torn;  /* what the byte that is cut becomes: old bits, new ones or a mix */
    int deaf;  /* the slot that cannot be read, as flash with ECC may be after a cut; -1: none */
    int worn;  /* a byte that cannot be written; -1: none */
} Flash;

static int flash_change(Flash *f, unsigned char *at, unsigned char to)
{
    if (f->left == 0) {
        static const unsigned char mask[3] = {0x00, 0xFF, 0x5A};
        *at = (unsigned char)((*at & ~mask[f->torn]) | (to & mask[f->torn]));
        return -1;
    }
    if (f->left > 0)
        f->left--;
    *at = at - f->bytes == f->worn ? 0xFF : to;
    return 0;
}

static int flash_read(const dl_device *d, int slot, uint32_t at, void *to, uint32_t n)
{
    Flash *f = d->context;
    assert_true(slot >= 0 && slot < d->slots && at <= d->slot_bytes && n <= d->slot_bytes - at);
    memcpy(to, f->bytes + (uint32_t)slot * d->slot_bytes + at, n);
    return f->deaf == slot;
}

static int flash_write(const dl_device *d, int slot, uint32_t at, const void *from, uint32_t n)
{
    Flash *f = d->context;
    assert_true(slot >= 0 && slot < d->slots && at <= d->slot_bytes && n <= d->slot_bytes - at);
    assert_true(at % DL_STORE_BLOCK == 0 && n == DL_STORE_BLOCK && (uintptr_t)from % 4 == 0);
    unsigned char *to = f->bytes + (uint32_t)slot * d->slot_bytes + at;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(to[i], 0xFF); /* flash is written once between erasures */
        if (flash_change(f, &to[i], ((const unsigned char *)from)[i]))
            return -1;
    }
    return 0;
}

static int flash_erase(const dl_device *d, int slot)
{
    Flash *f = d->context;
    for (uint32_t i = 0; i < d->slot_bytes; i++)
        if (flash_change(f, &f->bytes[(uint32_t)slot * d->slot_bytes + i], 0xFF))
            return -1;
    return 0;
}

/* ---- a network ------------------------------------------------------------------------------------------
 */
typedef struct Network {
    float params[31];
    unsigned char optimizer[53]; /* not whole words */
} Network;

static Network network(int value)
{
    Network n;
    for (int i = 0; i < 31; i++)
        n.params[i] = (float)(value * 100 + i) / 3;
    for (int i = 0; i < 53; i++)
        n.optimizer[i] = (unsigned char)(value * 7 + i);
    return n;
}

static int is_network(const Network *n, int value)
{
    const Network expected = network(value);
    return !memcmp(n->params, expected.params, sizeof n->params) &&
           !memcmp(n->optimizer, expected.optimizer, sizeof n->optimizer);
}

static dl_status save(const dl_device *d, int value)
{
    Network n = network(value);
    const dl_part parts[] = {{n.params, sizeof n.params, PARAMS},
                             {n.optimizer, sizeof n.optimizer, OPTIMIZER}};
    return dl_store_save(d, parts, 2);
}

/* Into what is network 99 before. */
static dl_status load(const dl_device *d, Network *n)
{
    const dl_part parts[] = {{n->params, sizeof n->params, PARAMS},
                             {n->optimizer, sizeof n->optimizer, OPTIMIZER}};
    *n = network(99);
    return dl_store_load(d, parts, 2);
}

/* The number of what is loaded, -1 if nothing is and nothing was changed. */
static int loaded(const dl_device *d)
{
    Network n;
    if (load(d, &n) != DL_OK) {
        assert_true(is_network(&n, 99));
        return -1;
    }
    for (int i = 0; i < 99; i++)
        if (is_network(&n, i))
            return i;
    fail_msg("half a network was loaded");
    return -1;
}

static dl_device device(Flash *f)
{
    memset(f->bytes, 0xFF, sizeof f->bytes);
    f->left = -1;
    f->torn = 0;
    f->worn = f->deaf = -1;
    return (dl_device){.context = f,
                       .slots = SLOTS,
                       .slot_bytes = SLOT,
                       .read = flash_read,
                       .write = flash_write,
                       .erase = flash_erase};
}

static void restart(Flash *f)
{
    f->left = -1;
}

/* ---- tests ----------------------------------------------------------------------------------------------
 */
static void saves_and_loads(void **state)
{
    (void)state;
    Flash f;
    dl_device d = device(&f);
    Network n;
    assert_int_equal(load(&d, &n), DL_STORE_EMPTY);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(save(&d, i), DL_OK);
        assert_int_equal(loaded(&d), i);
    }
}

/* Words, where they stand, and zlib's CRC: what the header of dl_store.h promises to whoever reads it
 * elsewhere. */
static void is_laid_out_as_documented(void **state)
{
    (void)state;
    Flash f;
    dl_device d = device(&f);
    Network n = network(3);
    uint32_t word[8];
    unsigned char content[8 + 124 + 8 + 56];
    const uint32_t heads[2][2] = {{PARAMS, 124}, {OPTIMIZER, 53}};
    assert_int_equal(save(&d, 2), DL_OK);
    assert_int_equal(save(&d, 3), DL_OK);
    memset(content, 0xFF, sizeof content);
    memcpy(content, heads[0], 8);
    memcpy(content + 8, n.params, 124);
    memcpy(content + 132, heads[1], 8);
    memcpy(content + 140, n.optimizer, 53);
    memcpy(word, f.bytes + SLOT, sizeof word);
    assert_memory_equal(f.bytes + SLOT + 32, content, sizeof content);
    assert_int_equal(word[0], 0x53504C44);
    assert_int_equal(word[1], 1);
    assert_int_equal(word[2], 2);
    assert_int_equal(word[3], sizeof content);
    assert_int_equal(word[4], crc32(0, content, sizeof content));
    assert_int_equal(word[5], 2);
    assert_int_equal(word[6], 0);
    assert_int_equal(word[7], crc32(0, (const unsigned char *)word, 28));
}

/* Power goes away at every byte that a save erases or writes: the old network is loaded or the new one, and
 * saving goes on. */
static void outlives_a_cut_at_every_byte(void **state)
{
    (void)state;
    int olds = 0, news = 0;
    for (int before = 0; before < 3; before++) /* networks saved before: none, one, both slots full */
        for (int torn = 0; torn < 3; torn++)
            for (long cut = 0;; cut++) {
                Flash f;
                dl_device d = device(&f);
                f.torn = torn;
                for (int i = 0; i < before; i++)
                    assert_int_equal(save(&d, i), DL_OK);
                f.left = cut;
                dl_status status = save(&d, 7);
                bool whole = f.left > 0;
                restart(&f);
                int found = loaded(&d);
                assert_true(found == 7 || found == before - 1);
                assert_true(status != DL_OK || found == 7);
                olds += found != 7;
                news += found == 7;
                assert_int_equal(save(&d, 8), DL_OK);
                assert_int_equal(loaded(&d), 8);
                assert_int_equal(save(&d, 9), DL_OK);
                assert_int_equal(loaded(&d), 9);
                if (whole) {
                    assert_int_equal(cut,
                                     SLOT + 256 + 1); /* erased; the record's blocks: 32 + 196, whole ones */
                    break;
                }
            }
    assert_true(olds > 9 * SLOT && news >= 9);
}

/* A cut, and another one in the attempt to save again. */
static void outlives_two_cuts(void **state)
{
    (void)state;
    for (long first = 0; first < SLOT + 260; first += 7)
        for (long second = 0; second < SLOT + 260; second += 5) {
            Flash f;
            dl_device d = device(&f);
            f.torn = 2;
            assert_int_equal(save(&d, 1), DL_OK);
            assert_int_equal(save(&d, 2), DL_OK);
            f.left = first;
            save(&d, 3);
            restart(&f);
            int between = loaded(&d);
            f.left = second;
            save(&d, 4);
            restart(&f);
            int found = loaded(&d);
            assert_true((between == 2 || between == 3) && (found == between || found == 4));
        }
}

/* Every bit of a record, one at a time: no changed record is loaded. */
static void refuses_what_was_changed(void **state)
{
    (void)state;
    Flash f;
    dl_device d = device(&f);
    assert_int_equal(save(&d, 1), DL_OK);
    for (int at = 0; at < 32 + 196; at++)
        for (int bit = 0; bit < 8; bit++) {
            f.bytes[at] ^= (unsigned char)(1 << bit);
            assert_int_equal(loaded(&d), -1);
            f.bytes[at] ^= (unsigned char)(1 << bit);
        }
    assert_int_equal(save(&d, 2), DL_OK);
    for (int at = 0; at < 32 + 196; at++) {
        f.bytes[SLOT + at] ^= (unsigned char)(at % 255 + 1);
        assert_int_equal(loaded(&d), 1);
        f.bytes[SLOT + at] ^= (unsigned char)(at % 255 + 1);
        assert_int_equal(loaded(&d), 2);
    }
}

/* Another firmware: other shapes, other names; parts in another order, and only some of them. */
static void knows_its_own(void **state)
{
    (void)state;
    Flash f;
    dl_device d = device(&f);
    Network n = network(99);
    const dl_part other[] = {{n.params, sizeof n.params, PARAMS + 1}},
                  shorter[] = {{n.params, sizeof n.params - 4, PARAMS}};
    const dl_part some[] = {{n.params, sizeof n.params, PARAMS}};
    const dl_part more[] = {{n.optimizer, sizeof n.optimizer, OPTIMIZER},
                            {n.params, sizeof n.params, PARAMS}};
    assert_int_equal(save(&d, 4), DL_OK);
    assert_int_equal(dl_store_load(&d, other, 1), DL_STORE_OTHER);
    assert_int_equal(dl_store_load(&d, shorter, 1), DL_STORE_OTHER);
    assert_true(is_network(&n, 99));
    assert_int_equal(dl_store_load(&d, some, 1), DL_OK);
    assert_true(n.params[0] == network(4).params[0] && n.optimizer[0] == network(99).optimizer[0]);
    assert_int_equal(dl_store_load(&d, more, 2), DL_OK);
    assert_true(is_network(&n, 4));
    /* the new firmware's record goes over the older of two, and the old firmware still has its own */
    assert_int_equal(save(&d, 5), DL_OK);
    assert_int_equal(dl_store_save(&d, other, 1), DL_OK);
    assert_int_equal(dl_store_load(&d, other, 1), DL_OK);
    assert_int_equal(loaded(&d), 5);
    /* which then does not go over it, but over what it cannot read */
    assert_int_equal(save(&d, 6), DL_OK);
    assert_int_equal(dl_store_load(&d, other, 1), DL_STORE_OTHER);
    assert_int_equal(loaded(&d), 6);
    f.bytes[SLOT * (f.bytes[8] != 4) + 40] ^= 1; /* the newer: the other slot still has 5 */
    assert_int_equal(loaded(&d), 5);
}

static void numbers_go_round(void **state)
{
    (void)state;
    Flash f;
    dl_device d = device(&f);
    uint32_t word[8];
    assert_int_equal(save(&d, 1), DL_OK);
    memcpy(word, f.bytes, sizeof word);
    word[2] = 0xFFFFFFFEu;
    word[7] = (uint32_t)crc32(0, (const unsigned char *)word, 28);
    memcpy(f.bytes, word, sizeof word);
    for (int i = 2; i < 8; i++) {
        assert_int_equal(save(&d, i), DL_OK);
        assert_int_equal(loaded(&d), i);
    }
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    Flash f;
    dl_device d = device(&f);
    Network n;
    const dl_part parts[] = {{n.params, sizeof n.params, PARAMS},
                             {n.optimizer, sizeof n.optimizer, OPTIMIZER}};
    assert_int_equal(dl_store_bytes(parts, 2), 256);
    assert_int_equal(save(&d, 1), DL_OK);
    d.slot_bytes = 255;
    assert_int_equal(save(&d, 2), DL_STORE_ROOM);
    d.slot_bytes = SLOT;
    assert_int_equal(loaded(&d), 1);
    f.worn = SLOT + 100;
    assert_int_equal(save(&d, 2), DL_STORE_DEVICE);
    assert_int_equal(loaded(&d), 1);
    f.worn = -1;
    assert_int_equal(save(&d, 3), DL_OK);
    d.slots = 0;
    assert_int_equal(save(&d, 5), DL_STORE_ROOM);
    const dl_part huge[] = {{n.params, 0xFFFFFFFFu, 1}, {n.params, 0xFFFFFFFFu, 1}};
    assert_int_equal(dl_store_bytes(huge, 2), 0xFFFFFFFFu);
}

static void passes_over_what_cannot_be_read(void **state)
{
    (void)state;
    for (int slot = 0; slot < SLOTS; slot++) {
        Flash f;
        dl_device d = device(&f);
        assert_int_equal(save(&d, 0), DL_OK);
        assert_int_equal(save(&d, 1), DL_OK);
        f.deaf = slot;
        assert_int_equal(loaded(&d), !slot);
        assert_int_equal(save(&d, 5),
                         DL_STORE_DEVICE); /* into the bad slot, and nobody knows what is there now */
        assert_int_equal(loaded(&d), !slot);
        f.deaf = -1;
        assert_int_equal(save(&d, 6), DL_OK);
        assert_int_equal(loaded(&d), 6);
    }
}

static void keeps_records_in_memory(void **state)
{
    (void)state;
    unsigned char *memory = malloc(256); /* the smallest, so that sanitizers see what is beside it */
    dl_device d = dl_store_memory(memory, 256, 1);
    memset(memory, 0, 256);
    assert_int_equal(loaded(&d), -1);
    assert_int_equal(save(&d, 1), DL_OK);
    assert_int_equal(loaded(&d), 1);
    assert_int_equal(save(&d, 2), DL_OK);
    assert_int_equal(loaded(&d), 2);
    for (int at = 0; at < 32; at++) /* a header of any kind is no reason to read elsewhere */
        for (int value = 0; value < 256; value++) {
            memory[at] = (unsigned char)(memory[at] + 1);
            loaded(&d);
        }
    assert_int_equal(loaded(&d), 2);
    /* not even a whole one, of contents that lie about themselves */
    uint32_t *word = (uint32_t *)(void *)memory;
    word[9] = 0xFFFFFFF0u;
    word[4] = (uint32_t)crc32(0, memory + 32, 196);
    word[7] = (uint32_t)crc32(0, memory, 28);
    assert_int_equal(loaded(&d), -1);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saves_and_loads),
        cmocka_unit_test(is_laid_out_as_documented),
        cmocka_unit_test(outlives_a_cut_at_every_byte),
        cmocka_unit_test(outlives_two_cuts),
        cmocka_unit_test(refuses_what_was_changed),
        cmocka_unit_test(knows_its_own),
        cmocka_unit_test(numbers_go_round),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(passes_over_what_cannot_be_read),
        cmocka_unit_test(keeps_records_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
