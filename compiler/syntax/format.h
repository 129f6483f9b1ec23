/* SPDX-License-Identifier: MIT */
/* format.h: the house layout of a source. Tokens and comments stay as they are and in their order; what
 * stands between them changes: blanks, line ends, and the ';' and last commas that these make superfluous. */
#ifndef DLC_FORMAT_H
#define DLC_FORMAT_H

#include "ast.h"

/* ---- pieces.c: tokens and comments, and where blanks and line ends may stand --------------------------- */
/* Where a line that is too wide may be broken, the best place first. Brackets further out go before ranks,
 * except that the last ones are taken only where there is nothing else. */
typedef enum Rank {
    RANK_SEMICOLON,     /* behind the tensors of a definition */
    RANK_COMMA,         /* behind the ',' of a list */
    RANK_PIPE,          /* in front of |> */
    RANK_LOGIC,         /* behind `or`, `and`, '?', ':' */
    RANK_OPERATOR,      /* behind any other operator */
    RANK_LAST,          /* behind '=', an opening bracket, the ',' of an index or a type */
    RANK_NONE,          /* nowhere */
} Rank;

typedef struct Piece {
    int token;          /* of the grammar, or TOK_COMMENT */
    const char *text;
    int bytes, width;   /* width: in columns */
    uint32_t lo;        /* where in the source */
    int column;         /* in the source, from 0 */
    bool broken;        /* begins a line of the source */
    bool gap;           /* behind an empty line of the source */
    bool blank;         /* a blank stands before it, unless it begins a line */
    bool ends;          /* a statement ends behind it */
    int depth;          /* brackets of its statement that are open in front of it */
    Rank rank;          /* of a line end in front of it */
} Piece;
typedef VEC(Piece) PieceList;

/* NULL where there are syntax errors, which are diagnosed. */
PieceList *pieces_read(Arena *a, Diag *d, int source);

/* ---- format.c: lines ----------------------------------------------------------------------------------- */
enum { FORMAT_WIDTH = 110, FORMAT_INDENT = 4 };

/* NULL where there are syntax errors, which are diagnosed. Formatting the result changes nothing. */
const char *format_source(Arena *a, Diag *d, int source);
/* What the source says from lo to hi, without its comments, in one line. */
const char *format_line(Arena *a, const PieceList *pieces, Span sp);

#endif
