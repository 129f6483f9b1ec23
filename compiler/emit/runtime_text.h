/* SPDX-License-Identifier: MIT */
/* runtime_text.h: the runtime's headers, carried inside dlc for compilation in memory. */
#ifndef DLC_RUNTIME_TEXT_H
#define DLC_RUNTIME_TEXT_H

#include "../base/base.h"

/* A header's text without its #include lines; "types": stdint's names without any header. BUG for another name. */
const char *runtime_text(const char *header);
const char *runtime_header(int i);      /* "dl_math.h", ...; NULL past the last */

/* All of them as files, which include <stdint.h> alone. There is room for `more` behind these; *n has to be 0. */
FileText *runtime_files(Arena *a, int more, int *n);

#endif
