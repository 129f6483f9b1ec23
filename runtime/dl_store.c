/* SPDX-License-Identifier: MIT-0 */
/* dl_store.c: records of parameters that are whole or not there; dl_store.h says how they look. */
#include "dl_store.h"

enum {
    MAGIC = 0x53504C44,
    MAGIC_AT = 0,
    VERSION_AT,
    NUMBER_AT,
    BYTES_AT,
    CRC_AT,
    PARTS_AT,
    NONE_AT,
    HEADER_CRC_AT,
    WORDS
};
enum { HEADER = 4 * WORDS, PART_HEADER = 8 };

/* A block in words, so that who writes it to flash may do that word by word. */
typedef struct Block {
    uint32_t word[DL_STORE_BLOCK / 4];
} Block;

/* ---- CRC-32 of IEEE 802.3: the polynomial 0x04C11DB7, lowest bit first ------------------------------- */
/* Goes on from the crc of the bytes before, 0 at first. */
static uint32_t crc_of(uint32_t crc, const void *bytes, uint32_t n)
{
    /* of the sixteen values of half a byte */
    static const uint32_t half[16] = {0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu,
                                      0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
                                      0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
                                      0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
    const unsigned char *at = (const unsigned char *)bytes;

    crc = ~crc;
    for (; n > 0; n--) {
        crc ^= *at++;
        crc = (crc >> 4) ^ half[crc & 15];
        crc = (crc >> 4) ^ half[crc & 15];
    }
    return ~crc;
}

/* ---- sizes ------------------------------------------------------------------------------------------- */
static uint32_t whole_words(uint32_t bytes)
{
    return bytes + (0u - bytes) % 4;
}

uint32_t dl_store_bytes(const dl_part *parts, int n)
{
    uint64_t bytes = HEADER;

    for (int i = 0; i < n; i++)
        bytes += PART_HEADER + (uint64_t)parts[i].bytes + (0u - parts[i].bytes) % 4;
    bytes = (bytes + DL_STORE_BLOCK - 1) / DL_STORE_BLOCK * DL_STORE_BLOCK;
    return bytes < 0xFFFFFFFFu ? (uint32_t)bytes : 0xFFFFFFFFu;
}

/* ---- looking at a slot ------------------------------------------------------------------------------- */
typedef enum State { BROKEN, OTHERS, OURS } State;

static int header_is_whole(const dl_device *d, const uint32_t *header)
{
    return header[MAGIC_AT] == MAGIC && header[VERSION_AT] == DL_STORE_VERSION && d->slot_bytes >= HEADER &&
           header[BYTES_AT] <= d->slot_bytes - HEADER &&
           header[HEADER_CRC_AT] == crc_of(0, header, 4 * HEADER_CRC_AT);
}

static int content_is_whole(const dl_device *d, int slot, const uint32_t *header)
{
    Block block;
    uint32_t crc = 0;

    for (uint32_t at = 0, n; at < header[BYTES_AT]; at += n) {
        n = header[BYTES_AT] - at;
        if (n > DL_STORE_BLOCK)
            n = DL_STORE_BLOCK;
        if (d->read(d, slot, HEADER + at, &block, n))
            return 0;
        crc = crc_of(crc, &block, n);
    }
    return crc == header[CRC_AT];
}

/* Where the part's bytes begin in a whole record; 0: not in it. */
static uint32_t find_part(const dl_device *d, int slot, const uint32_t *header, const dl_part *part)
{
    uint32_t at = HEADER, left = header[BYTES_AT], head[2]; /* signature and bytes */

    for (uint32_t i = 0; i < header[PARTS_AT] && left >= PART_HEADER; i++) {
        if (d->read(d, slot, at, head, PART_HEADER))
            return 0;
        at += PART_HEADER;
        left -= PART_HEADER;
        if (head[1] > left || whole_words(head[1]) > left)
            return 0;
        if (head[0] == part->signature && head[1] == part->bytes)
            return at;
        at += whole_words(head[1]);
        left -= whole_words(head[1]);
    }
    return 0;
}

static State look_at(const dl_device *d, int slot, const dl_part *parts, int n, uint32_t *header)
{
    if (d->read(d, slot, 0, header, HEADER) || !header_is_whole(d, header) ||
        !content_is_whole(d, slot, header))
        return BROKEN;
    for (int i = 0; i < n; i++)
        if (!find_part(d, slot, header, &parts[i]))
            return OTHERS;
    return OURS;
}

/* Of two records' numbers, which go on from the largest to 0. */
static int is_later(uint32_t x, uint32_t y)
{
    return (int32_t)(x - y) > 0;
}

/* ---- loading ----------------------------------------------------------------------------------------- */
dl_status dl_store_load(const dl_device *device, const dl_part *parts, int n)
{
    uint32_t header[WORDS], number = 0;
    int from = -1, whole = 0;

    for (int slot = 0; slot < device->slots; slot++) {
        const State state = look_at(device, slot, parts, n, header);

        whole += state != BROKEN;
        if (state != OURS || (from >= 0 && !is_later(header[NUMBER_AT], number)))
            continue;
        from = slot;
        number = header[NUMBER_AT];
    }
    if (from < 0)
        return whole ? DL_STORE_OTHER : DL_STORE_EMPTY;
    if (device->read(device, from, 0, header, HEADER) || !header_is_whole(device, header))
        return DL_STORE_DEVICE;
    for (int i = 0; i < n; i++) {
        const uint32_t at = find_part(device, from, header, &parts[i]);

        if (!at || device->read(device, from, at, parts[i].data, parts[i].bytes))
            return DL_STORE_DEVICE;
    }
    return DL_OK;
}

/* ---- saving ------------------------------------------------------------------------------------------ */
typedef struct Writer {
    const dl_device *device;
    int slot, failed;
    uint32_t at, crc; /* bytes written or in the block, behind the header; their CRC */
    Block block;
} Writer;

static void flush(Writer *w, uint32_t begin)
{
    w->failed |= w->device->write(w->device, w->slot, HEADER + begin, &w->block, DL_STORE_BLOCK) != 0;
}

static void put_byte(Writer *w, unsigned char byte)
{
    ((unsigned char *)&w->block)[w->at++ % DL_STORE_BLOCK] = byte;
    if (w->at % DL_STORE_BLOCK == 0 && !w->failed)
        flush(w, w->at - DL_STORE_BLOCK);
}

static void put(Writer *w, const void *bytes, uint32_t n)
{
    const unsigned char *from = (const unsigned char *)bytes;

    w->crc = crc_of(w->crc, bytes, n);
    for (uint32_t i = 0; i < n; i++)
        put_byte(w, from[i]);
}

static void put_part(Writer *w, const dl_part *part)
{
    static const unsigned char fill[3] = {0xFF, 0xFF, 0xFF};
    const uint32_t head[2] = {part->signature, part->bytes};

    put(w, head, PART_HEADER);
    put(w, part->data, part->bytes);
    put(w, fill, whole_words(part->bytes) - part->bytes);
}

/* The slot that is needed least; *number: of the next record. */
static int slot_for(const dl_device *d, const dl_part *parts, int n, uint32_t *number)
{
    uint32_t header[WORDS], oldest = 0;
    int best = 0, any = 0;
    State worst = OURS;

    *number = 1;
    for (int slot = 0; slot < d->slots; slot++) {
        const State state = look_at(d, slot, parts, n, header);

        if (state != BROKEN && (!any || is_later(header[NUMBER_AT] + 1, *number))) {
            *number = header[NUMBER_AT] + 1;
            any = 1;
        }
        if (slot == 0 || state < worst ||
            (state == worst && state != BROKEN && is_later(oldest, header[NUMBER_AT]))) {
            best = slot;
            worst = state;
            oldest = header[NUMBER_AT];
        }
    }
    return best;
}

dl_status dl_store_save(const dl_device *device, const dl_part *parts, int n)
{
    Writer w;
    uint32_t header[WORDS], found[WORDS];

    if (device->slots < 1 || dl_store_bytes(parts, n) > device->slot_bytes)
        return DL_STORE_ROOM;
    w.device = device;
    w.slot = slot_for(device, parts, n, &header[NUMBER_AT]);
    w.failed = 0;
    w.at = w.crc = 0;
    if (device->erase(device, w.slot))
        return DL_STORE_DEVICE;
    for (int i = 0; i < n; i++)
        put_part(&w, &parts[i]);
    header[MAGIC_AT] = MAGIC;
    header[VERSION_AT] = DL_STORE_VERSION;
    header[BYTES_AT] = w.at;
    header[CRC_AT] = w.crc;
    header[PARTS_AT] = (uint32_t)n;
    header[NONE_AT] = 0;
    header[HEADER_CRC_AT] = crc_of(0, header, 4 * HEADER_CRC_AT);
    while (w.at % DL_STORE_BLOCK)
        put_byte(&w, 0xFF);
    if (w.failed || device->write(device, w.slot, 0, header, HEADER) ||
        look_at(device, w.slot, parts, n, found) != OURS)
        return DL_STORE_DEVICE;
    return DL_OK;
}

/* ---- memory ------------------------------------------------------------------------------------------ */
static unsigned char *place_in(const dl_device *d, int slot, uint32_t at)
{
    return (unsigned char *)d->context + (uint32_t)slot * d->slot_bytes + at;
}

/* volatile: compilers otherwise make a call of memcpy or memset of such loops, which firmware may not have.
 */
static int memory_read(const dl_device *d, int slot, uint32_t at, void *to, uint32_t bytes)
{
    const volatile unsigned char *from = place_in(d, slot, at);

    for (uint32_t i = 0; i < bytes; i++)
        ((unsigned char *)to)[i] = from[i];
    return 0;
}

static int memory_write(const dl_device *d, int slot, uint32_t at, const void *from, uint32_t bytes)
{
    volatile unsigned char *to = place_in(d, slot, at);

    for (uint32_t i = 0; i < bytes; i++)
        to[i] = ((const unsigned char *)from)[i];
    return 0;
}

static int memory_erase(const dl_device *d, int slot)
{
    volatile unsigned char *at = place_in(d, slot, 0);

    for (uint32_t i = 0; i < d->slot_bytes; i++)
        at[i] = 0xFF;
    return 0;
}

dl_device dl_store_memory(void *memory, uint32_t bytes, int slots)
{
    dl_device d;

    d.context = memory;
    d.slots = slots;
    d.slot_bytes = slots > 0 ? bytes / (uint32_t)slots : 0;
    d.read = memory_read;
    d.write = memory_write;
    d.erase = memory_erase;
    return d;
}
