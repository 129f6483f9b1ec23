/* SPDX-License-Identifier: MIT */
/* emit_abreast.c: the sums of tiles that have two rows in a vector (kernels/abreast.c), where each row's steps stand there in pairs
 * first: v0_0, v1_0, ..., and s0_0, s1_0, ... of steps that find no other. */
#include "emit_internal.h"

#include <inttypes.h>

int rows_of_vector(const TileForm *form, int r)
{
    return r > 0 && form->pairs >> (r - 1) & 1 ? 0 : 1 + (int)(form->pairs >> r & 1);
}

uint32_t rows_abreast(const TileForm *form, uint32_t rows, int n)
{
    return rows & (n > 1 ? form->pairs : ~(form->pairs | form->pairs << 1));
}

void print_paired_sums(Out *o, const Tile *t, const TileForm *form)
{
    const int lanes = t->schedule.lanes;
    const bool alone = has_steps_alone(o, t, form);
    for (int r = 0; r < form->rows; r++) {
        line(o, "dl_v%d v%d_0 = {0};", 2 * lanes, r);
        if (alone)
            line(o, "dl_v%d s%d_0 = {0};", lanes, r);
    }
}

bool make_a_pair(const Tile *t, const Written *x, const Written *y)
{
    return y->a == x->a + 1 && y->b == x->b + t->schedule.lanes && y->rows == x->rows;
}

void print_paired_steps(Out *o, const Tile *t, const Written *steps, int n)
{
    const int lanes = t->schedule.lanes;
    for (int i = 0, made; i < n; i += made) {
        made = i + 1 < n && make_a_pair(t, &steps[i], &steps[i + 1]) ? 2 : 1;
        const char *right = arena_printf(o->a, "*(const dl_v%d *)(bk + %" PRId64 ")", made * lanes, steps[i].b);
        open_block(o, "{");
        line(o, "const dl_v%d b0 = %s;", made * lanes, made > 1 ? arena_printf(o->a, "DL_STEPS%d(%s)", made * lanes, right) : right);
        for (int r = 0; steps[i].rows >> r; r++) {
            const int64_t at = steps[i].a + r * t->a_m;
            if (!(steps[i].rows >> r & 1))
                continue;
            if (made > 1)
                line(o, "v%d_0 += DL_TWO%d(ak + %" PRId64 ") * b0;", r, 2 * lanes, at);
            else
                line(o, "s%d_0 += ak[%" PRId64 "] * b0;", r, at);
        }
        close_loops(o, 1);
    }
}

void join_paired_sums(Out *o, const Tile *t, const TileForm *form)
{
    const int lanes = t->schedule.lanes, wide = 2 * lanes;
    const bool alone = has_steps_alone(o, t, form);
    for (int r = 0; r < form->rows; r++) {
        const int rows = rows_of_vector(form, r), other = r + rows - 1;
        if (!rows)
            continue;
        if (rows == 1)
            line(o, "const dl_v%d v%d_1 = DL_ADD_STEPS%d(v%d_0, v%d_0);", wide, r, wide, r, r);
        StrBuf sum = {.a = o->a};
        if (rows > 1)
            sb_printf(&sum, "DL_ADD_STEPS%d(v%d_0, v%d_0)", wide, r, other);
        else
            sb_printf(&sum, "DL_HALF%d(v%d_1, 0)", wide, r);
        if (alone && rows > 1)
            sb_printf(&sum, " + DL_JOIN%d(s%d_0, s%d_0)", wide, r, other);
        else if (alone)
            sb_printf(&sum, " + s%d_0", r);
        line(o, "const dl_v%d c%d_0 = %s;", rows * lanes, r, sb_text(&sum));
    }
}
