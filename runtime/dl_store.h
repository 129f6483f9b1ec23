/* SPDX-License-Identifier: MIT-0 */
/* dl_store.h: parameters and what training keeps as plain bytes: saved so that a power cut, a worn page or
 * another firmware never loads half a network. No libc, no malloc, no data of its own; dl_store.c is the
 * code.
 *
 *     const dl_part parts[] = {{&params, sizeof params, CNN_PARAMS_SIGNATURE},
 *                              {&optimizer, sizeof optimizer, CNN_OPTIMIZER_SIGNATURE}};
 *     dl_store_load(&flash, parts, 2);   ...   dl_store_save(&flash, parts, 2);
 *
 * A store has slots, each of which holds one record. A save erases the slot that is needed least (a broken
 * one, one of another model, the oldest), writes the contents, and the header last: until that is whole, what
 * was there before is what is loaded. With two slots a cut at any byte leaves the old record or the new one;
 * with one slot (a file, a message) it leaves nothing.
 *
 * A record, in words of 32 bits:
 *
 *     0  0x53504C44: "DLPS"       4  CRC-32 of the contents
 *     1  DL_STORE_VERSION         5  how many parts
 *     2  its number, from 1 on    6  0
 *     3  bytes of the contents    7  CRC-32 of words 0 to 6
 *     8  the contents: of each part its signature, its bytes, and itself, filled up to whole words with 0xFF
 *
 * Everything is as the machine has it in memory. All machines whose words begin with their lowest byte (x86,
 * Arm, RISC-V, WebAssembly) read one another's records; on others it works alike, and each refuses the other
 * kind's. The CRC is that of IEEE 802.3 and of zlib. */
#ifndef DL_STORE_H
#define DL_STORE_H

#include <stdint.h>

#include "dl_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes begin at multiples of DL_STORE_BLOCK bytes and are of so many, as the coarsest flash wants it. */
enum { DL_STORE_VERSION = 1, DL_STORE_BLOCK = 32 };

/* dl_status, of these functions */
enum {
    DL_STORE_EMPTY = 16, /* nothing whole was saved here */
    DL_STORE_OTHER = 17, /* what was saved is whole, but is another model's */
    DL_STORE_ROOM = 18,  /* a slot is too small */
    DL_STORE_DEVICE = 19 /* reading, writing or erasing failed, or what was written is not what is read */
};

/* One piece of what is saved: a struct of a generated header, with the signature that stands there. A
 * signature is of names, shapes and types; who saves two structs of one kind gives the second another one of
 * his own. */
typedef struct dl_part {
    void *data;
    uint32_t bytes;
    uint32_t signature;
} dl_part;

/* Where records are kept. Each function returns 0, or anything else where it failed; when write and erase
 * return, what they did must be done. An erase may be of several pages; bytes are written once between two of
 * them. A slot that cannot be read counts as broken: flash with error correction may be so where a write was
 * cut. */
typedef struct dl_device dl_device;
struct dl_device {
    void *context;       /* the caller's */
    int slots;           /* 2, or more where pages should wear less */
    uint32_t slot_bytes; /* of each; dl_store_bytes says how many are needed */
    int (*read)(const dl_device *device, int slot, uint32_t at, void *to, uint32_t bytes);
    int (*write)(const dl_device *device, int slot, uint32_t at, const void *from, uint32_t bytes);
    int (*erase)(const dl_device *device, int slot);
};

/* The bytes of a record of these parts, in whole blocks: of static memory, say, where a constant is wanted,
 * 64 and 12 for each part more than the parts themselves are enough. */
uint32_t dl_store_bytes(const dl_part *parts, int n);

/* Saves all parts as one record. Whatever it returns but DL_OK, what could be loaded before still can be
 * (with two slots). */
dl_status dl_store_save(const dl_device *device, const dl_part *parts, int n);

/* Reads the newest whole record that has all these parts, in any order and among others: a firmware that only
 * infers loads the parameters out of what training saved. Whatever it returns but DL_OK and DL_STORE_DEVICE,
 * the parts are as they were; DL_STORE_DEVICE may mean that a device which has just read a whole record
 * cannot read it again. */
dl_status dl_store_load(const dl_device *device, const dl_part *parts, int n);

/* Memory as a device of so many slots: battery-backed RAM, a mapped file, a message. `context` is the memory.
 */
dl_device dl_store_memory(void *memory, uint32_t bytes, int slots);

#ifdef __cplusplus
}
#endif

#endif
