/* SPDX-License-Identifier: MIT */
/* attr.h: attributes as data. The one description of what each kind of attribute holds; cleaning,
 * printing and parsing read it. */
#ifndef DLC_ATTR_H
#define DLC_ATTR_H

#include "ir.h"

typedef enum FieldKind {
    FIELD_INT,
    FIELD_I64,
    FIELD_U32,
    FIELD_BOOL,     /* an int, 0 or 1 */
    FIELD_DOUBLE,   /* a value of the result's element type */
    FIELD_ROLE,
    FIELD_TYPE,     /* the result's type: a dump says it once, behind the colon */
    FIELD_DTYPE,    /* the result's element type; the same */
    FIELD_INTS,     /* as many ints as the member at `count` says */
    FIELD_I64S,
    FIELD_BODY,     /* a scan's body */
} FieldKind;

typedef struct AttrField {
    const char *key;    /* its spelling in a dump; NULL: joined to the list before it: contract=[1]/[0] */
    FieldKind kind;
    size_t offset;      /* in Attr */
    size_t count;       /* lists: where in Attr their length stands (an int) */
    int most;           /* lists: room */
    bool optional;      /* left out of a dump when zero or empty */
} AttrField;

enum { MAX_FIELDS = 8 };

typedef struct AttrKindInfo {
    int n;
    AttrField field[MAX_FIELDS];
} AttrKindInfo;

const AttrKindInfo *attr_fields(AttrKind kind);
bool field_is_list(const AttrField *f);

/* The same attribute with every byte that means nothing zero, and values rounded to the result's
 * element type. */
Attr attr_clean(AttrKind kind, const Attr *attr, DType dt);
/* NULL when list lengths are within bounds; otherwise what is wrong. Checked before any shape rule
 * reads a list. */
const char *attr_problem(Arena *a, AttrKind kind, const Attr *attr);

#define ATTR_AT(T, attr, byte) (*(T *)((char *)(attr) + (byte)))
#define ATTR_GET(T, attr, byte) (*(T const *)((const char *)(attr) + (byte)))

#endif
