/* SPDX-License-Identifier: MIT */
/* mutate.c: mutations that keep words whole, so that what comes out is often still well-formed. */
#include "fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 4096 };

typedef struct Piece {
    size_t at, n;
} Piece;

typedef struct Words {
    const uint8_t *text;
    size_t bytes;
    int n;
    Piece word[MAX_WORDS];
} Words;

/* A name or number; a run of blanks; one mark. The rest of a longer text than MAX_WORDS is one word. */
static size_t word_end(const uint8_t *text, size_t n, size_t at)
{
    size_t end = at + 1;
    if (isalnum(text[at]) || text[at] == '_')
        while (end < n && (isalnum(text[end]) || text[end] == '_'))
            end++;
    else if (text[at] == ' ')
        while (end < n && text[end] == ' ')
            end++;
    return end;
}

static void split(Words *w, const uint8_t *text, size_t n)
{
    w->text = text;
    w->bytes = n;
    w->n = 0;
    for (size_t at = 0; at < n;) {
        size_t end = w->n == MAX_WORDS - 1 ? n : word_end(text, n, at);
        w->word[w->n++] = (Piece){at, end - at};
        at = end;
    }
}

static size_t below(Random *r, size_t limit)
{
    return (size_t)random_below(r, limit ? limit : 1);
}

/* Up to `most` words in a row; nothing of an empty text. */
static Piece run_of_words(Random *r, const Words *w, size_t most)
{
    if (!w->n)
        return (Piece){0, 0};
    size_t first = below(r, (size_t)w->n), last = first + below(r, most);
    last = last < (size_t)w->n ? last : (size_t)w->n - 1;
    return (Piece){w->word[first].at, w->word[last].at + w->word[last].n - w->word[first].at};
}

static Piece line_of(Random *r, const uint8_t *text, size_t n)
{
    size_t at = below(r, n), end = at;
    while (at > 0 && text[at - 1] != '\n')
        at--;
    while (end < n && text[end] != '\n')
        end++;
    return (Piece){at, end + (end < n) - at};
}

static const char *const numbers[] = {
    "0", "1", "2", "3", "4", "7", "8", "16", "17", "64", "255", "1000", "65536", "2147483647", "2147483648", "4294967296",
    "9223372036854775807", "9223372036854775808", "-1", "0.5", "1e9", "1e-40", "1e300", "1e400", "0x10", "1_000",
};

/* bytes[hole] becomes `text`; the new length, or n where that would be too long. */
static size_t replace(uint8_t *bytes, size_t n, size_t most, Piece hole, const uint8_t *text, size_t length)
{
    if (n - hole.n + length > most)
        return n;
    memmove(bytes + hole.at + length, bytes + hole.at + hole.n, n - hole.at - hole.n);
    memcpy(bytes + hole.at, text, length);
    return n - hole.n + length;
}

static size_t mutate_once(Random *r, uint8_t *bytes, size_t n, size_t most, const Words *pool)
{
    static Words own;
    static uint8_t copy[1 << 20];
    if (n > sizeof copy)
        return LLVMFuzzerMutate(bytes, n, most);
    memcpy(copy, bytes, n);
    split(&own, copy, n);
    const Piece hole = run_of_words(r, &own, 1), many = run_of_words(r, &own, 8), from = run_of_words(r, &own, 8);
    const Piece line = n ? line_of(r, copy, n) : (Piece){0, 0}, other = n ? line_of(r, copy, n) : (Piece){0, 0};
    const Piece word = run_of_words(r, pool, 1), phrase = run_of_words(r, pool, 10);
    const Piece sentence = line_of(r, pool->text, pool->bytes);
    switch (below(r, 12)) {
    case 0:
        return replace(bytes, n, most, many, copy, 0);
    case 1:
        return replace(bytes, n, most, (Piece){hole.at, 0}, copy + from.at, from.n);
    case 2:
        return replace(bytes, n, most, hole, copy + from.at, own.n ? word_end(copy, n, from.at) - from.at : 0);
    case 3:
        return replace(bytes, n, most, hole, pool->text + word.at, word.n);
    case 4:
        return replace(bytes, n, most, (Piece){hole.at, 0}, pool->text + phrase.at, phrase.n);
    case 5:
    case 6:
        for (int i = 0; i < own.n; i++) {
            const Piece at = own.word[(hole.at + (size_t)i) % (size_t)own.n];
            const char *number = numbers[below(r, LEN(numbers))];
            if (isdigit(copy[at.at]))
                return replace(bytes, n, most, at, (const uint8_t *)number, strlen(number));
        }
        return n;
    case 7:
        return replace(bytes, n, most, line, copy, 0);
    case 8:
        return replace(bytes, n, most, (Piece){line.at, 0}, copy + other.at, other.n);
    case 9:
        return replace(bytes, n, most, line, copy + other.at, other.n);
    case 10:
        return replace(bytes, n, most, (Piece){line.at, 0}, pool->text + sentence.at, sentence.n);
    default:
        return LLVMFuzzerMutate(bytes, n, most);
    }
}

size_t mutate_text(uint8_t *bytes, size_t n, size_t most, unsigned seed, const char *pool, size_t npool)
{
    static Words words;
    Random r = random_start(seed, n);
    split(&words, (const uint8_t *)pool, npool);
    for (size_t i = 0, times = 1 + below(&r, 4); i < times; i++)
        n = mutate_once(&r, bytes, n, most, &words);
    return n;
}
