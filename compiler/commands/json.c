/* SPDX-License-Identifier: MIT */
/* json.c: results as one JSON object a line. */
#include "commands.h"

#include <math.h>
#include <stdlib.h>

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

void json_print(json_t *object)
{
    char *text = json_dumps(object, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    puts(text ? text : "null");
    fflush(stdout);
    free(text);
    json_decref(object);
}
