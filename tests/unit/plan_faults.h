/* SPDX-License-Identifier: MIT */
/* plan_faults.h: faults planted into plans, one row of a table a kind; each can be taken out again. */
#ifndef DLC_PLAN_FAULTS_H
#define DLC_PLAN_FAULTS_H

#include "plan_faults_order.h"

/* ---- the kinds ------------------------------------------------------------------------------------- */
typedef enum Where { IN_VALUES, IN_ITEMS, IN_STAGES, IN_STEPS, IN_PAIRS, IN_DEAD_PAIRS } Where;

static const struct FaultRow {
    const char *name;
    Where where;
    Fits *fits;
    void (*plant)(Planter *p, const Spot *s);
} fault_rows[] = {
    {"load index", IN_VALUES, is_load, shift_load},
    {"load stride", IN_VALUES, is_strided_load, stretch_load},
    {"load permutation", IN_VALUES, has_two_strides, swap_strides},
    {"load time", IN_VALUES, reads_time, freeze_time},
    {"load buffer", IN_VALUES, has_other_load, load_another},
    {"operands", IN_VALUES, is_ordered, swap_operands},
    {"choices", IN_VALUES, is_select, swap_choices},
    {"operation", IN_VALUES, has_wrong_op, change_op},
    {"tie", IN_VALUES, is_tie, change_tie},
    {"dropped operation", IN_VALUES, is_operand, drop_operation},
    {"constant", IN_VALUES, is_number, change_number},
    {"loose guard", IN_VALUES, is_guard, loosen_guard},
    {"tight guard", IN_VALUES, is_guard, tighten_guard},
    {"missing guard", IN_VALUES, is_guard, drop_guard},
    {"salt", IN_VALUES, is_uniform, change_salt},
    {"counter", IN_VALUES, is_uniform, shift_counter},
    {"rounding", IN_VALUES, is_rounding, round_wrong},
    {"last iteration", IN_STAGES, is_long, miss_last},
    {"last outer iteration", IN_STAGES, is_outer, miss_last_outer},
    {"reduction", IN_ITEMS, is_reduction, change_reduction},
    {"no zero", IN_ITEMS, is_sum_in_memory, do_not_zero},
    {"scatter", IN_ITEMS, is_scatter, overwrite},
    {"scatter zero", IN_ITEMS, is_scatter, zero_less},
    {"lanes", IN_STAGES, has_lanes, wrong_lanes},
    {"store index", IN_ITEMS, is_store, shift_store},
    {"store stride", IN_ITEMS, is_strided_store, stretch_store},
    {"store buffer", IN_ITEMS, has_other_store, store_elsewhere},
    {"epilogue", IN_STAGES, is_epilogue, drop_stage},
    {"high limit", IN_STAGES, is_check, raise_limit},
    {"low limit", IN_STAGES, is_check, lower_limit},
    {"no check", IN_STAGES, is_check, check_nothing},
    {"tile left", IN_STAGES, is_tile, shift_left},
    {"tile right", IN_STAGES, is_tile, shift_right},
    {"tile result", IN_STAGES, is_tile, shift_result},
    {"tile rows", IN_STAGES, has_rows, stretch_rows},
    {"tile result rows", IN_STAGES, has_rows, stretch_result},
    {"tile inner rows", IN_STAGES, has_two_axes, stretch_inner_rows},
    {"tile inner result rows", IN_STAGES, has_two_axes, stretch_inner_result},
    {"tile sum", IN_STAGES, has_sum, stretch_sum},
    {"tile last term", IN_STAGES, has_sum, miss_last_term},
    {"tile tail", IN_STAGES, has_tail, miss_tail},
    {"tile groups", IN_STAGES, has_groups, mistake_group},
    {"rows", IN_STAGES, keeps_its_row, wait_for_rows},
    {"tap padding", IN_STAGES, has_taps, shift_tap},
    {"loose tap", IN_STAGES, has_taps, loosen_tap},
    {"tight tap", IN_STAGES, has_taps, tighten_tap},
    {"missing kernel", IN_STEPS, is_kernel_step, drop_step},
    {"carry", IN_STEPS, is_carry_copy, drop_step},
    {"order", IN_STEPS, has_next, swap_steps},
    {"direction", IN_STEPS, is_loop, turn_loop},
    {"last turn", IN_STEPS, is_loop, miss_last_turn},
    {"overlap", IN_PAIRS, NULL, overlap},
    {"in place", IN_DEAD_PAIRS, NULL, share},
}, need_rows[] = { /* no number is wrong, but by luck: plan_verify has to find them */
    {"load's need", IN_VALUES, needs_load, forget_load},
    {"tile's left need", IN_STAGES, needs_left, forget_left},
    {"tile's right need", IN_STAGES, needs_right, forget_right},
};

static inline void find_spots(Planter *p, const struct FaultRow *row)
{
    p->spots.n = 0;
    switch (row->where) {
    case IN_VALUES:
        each_item(p, row->fits, true);
        break;
    case IN_ITEMS:
        each_item(p, row->fits, false);
        break;
    case IN_STAGES:
        each_stage(p, row->fits);
        break;
    case IN_STEPS:
        each_step_in(p, row->fits, &p->p->steps.at, &p->p->steps.n, NULL);
        break;
    case IN_PAIRS:
        find_pairs(p);
        break;
    case IN_DEAD_PAIRS:
        find_dead_pairs(p);
        break;
    }
}

static inline void plant(Planter *p, const struct FaultRow *row, const Spot *s)
{
    if (s->k)
        vec_push(p->a, &p->guilty, s->k);
    row->plant(p, s);
}

#endif
