/* SPDX-License-Identifier: MIT-0 */
/* What a generated function returns. Anything but DL_OK leaves parameters, states and streams as they were.
 */
#ifndef DL_STATUS_H
#define DL_STATUS_H

/* Of what generated headers and these ones promise (docs/c-api.md). Files and headers of two versions do not
 * go together. */
#define DL_API_VERSION 1

typedef int dl_status;

enum {
    DL_OK = 0,
    DL_INDEX = 1, /* an index (a label, an embedding token) is out of range */
    DL_COUNT = 2  /* the count of examples is not in 1..batch */
};

#endif
