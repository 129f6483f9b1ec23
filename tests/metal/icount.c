/* SPDX-License-Identifier: MIT */
/* icount.c: a plugin for QEMU that counts the instructions a program executes, by function and mnemonic.
 *
 *     cc -O2 -fPIC -shared -fvisibility=hidden icount.c -o icount.so
 *     qemu-system-arm ... -plugin ./icount.so,out=counts.txt -kernel program.elf
 *
 * Each line of what it writes is PHASE FUNCTION MNEMONIC N M: in this phase N times MNEMONIC in FUNCTION, of which M came right behind
 * what costs it something, or saves it something, on a core that begins one instruction a cycle:
 *     a load or a store    behind another one, where the two overlap
 *     a branch             M times taken
 *     any other            M times it needs at once what floating-point arithmetic before it has computed
 * A mnemonic that names several registers has their number behind it: vldmia/4. What is counted is what was decoded in blocks
 * that ran: an instruction under a condition (IT) counts whether or not the condition holds, as it takes a cycle either way.
 * A phase begins with each function called count_PHASE, and none is counted before the first.
 *
 * QEMU's plugin API is declared here, as far as it is used, because distributions do not ship its header; version 1 of the API has
 * these functions (docs/devel/tcg-plugins.rst). */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*f)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*f)(unsigned int cpu, void *data),
                                                 enum qemu_plugin_cb_flags flags, void *data);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*f)(qemu_plugin_id_t id, void *data), void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn);
extern const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *insn);

EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);
int qemu_plugin_version = 1;

/* ---- what was counted: a row for each function and mnemonic ------------------------------------------ */
typedef struct Row {
    char function[96], mnemonic[24];
    uint64_t n, paired;
} Row;
static Row *rows;
static int nrow, room;
static const char *path = "icount.txt";

static int row_of(const char *function, const char *mnemonic)
{
    for (int i = nrow - 1; i >= 0; i--)
        if (!strcmp(rows[i].mnemonic, mnemonic) && !strcmp(rows[i].function, function))
            return i;
    if (nrow == room) {
        room = room ? 2 * room : 1024;
        rows = realloc(rows, (size_t)room * sizeof *rows);
        if (!rows)
            abort();
    }
    Row *row = &rows[nrow];
    *row = (Row){.n = 0};
    snprintf(row->function, sizeof row->function, "%s", function);
    snprintf(row->mnemonic, sizeof row->mnemonic, "%s", mnemonic);
    return nrow++;
}

/* ---- phases ------------------------------------------------------------------------------------------ */
enum { MOST_PHASES = 32 };
static char phases[MOST_PHASES][48] = {""};
static int nphase = 1, phase;           /* phase 0: before the first */

static int phase_of(const char *name)
{
    for (int i = 0; i < nphase; i++)
        if (!strcmp(phases[i], name))
            return i;
    if (nphase == MOST_PHASES) {
        fprintf(stderr, "icount: more than %d phases\n", MOST_PHASES);
        exit(1);
    }
    snprintf(phases[nphase], sizeof phases[0], "%s", name);
    return nphase++;
}

/* ---- blocks: how often each ran, and went on elsewhere than behind its end ---------------------------- */
typedef struct Block {
    struct Block *next;
    uint64_t at, end;           /* its address, and the one behind it */
    uint64_t runs[MOST_PHASES], taken[MOST_PHASES];
    int begins;                 /* which phase; 0: none */
    int n;
    struct {
        int row;
        bool paired;
    } insn[];
} Block;
static Block *blocks;
static Block *last;             /* that ran */

static void run(unsigned int cpu, void *data)
{
    Block *b = data;
    (void)cpu;
    if (last)
        last->taken[phase] += b->at != last->end;
    if (b->begins)
        phase = b->begins;
    b->runs[phase]++;
    last = b;
}

/* ---- one instruction's text: "vmul.f32 s0, s1, s2"; RISC-V's has the word before it ------------------- */
typedef struct Text {
    char mnemonic[24], result[8];
    const char *operands;
} Text;

/* Registers in braces: "{r4, r5, lr}" or "{s0-s3}". */
static int listed(const char *operands)
{
    const char *at = strchr(operands, '{');
    int n = 0, from = 0;
    for (; at && *at && *at != '}'; at++) {
        if (*at == '{' || *at == ',') {
            n++;
            at += strspn(at + 1, " ");
            from = atoi(at + 1 + (isalpha((unsigned char)at[1]) != 0));
        } else if (*at == '-') {
            n += atoi(at + 1 + strcspn(at + 1, "0123456789")) - from;
        }
    }
    return n;
}

static Text text_of(char *disas)
{
    Text t = {.operands = ""};
    char *at = disas;
    size_t word = strspn(at, "0123456789abcdef");
    if (word >= 4 && isspace((unsigned char)at[word]))      /* a RISC-V instruction's hexadecimal form */
        at += word;
    at += strspn(at, " \t");
    size_t n = strcspn(at, " \t");
    t.operands = at + n + strspn(at + n, " \t");
    int registers = listed(t.operands);
    n = n > 12 ? 12 : n;
    if (registers)
        snprintf(t.mnemonic, sizeof t.mnemonic, "%.*s/%d", (int)n, at, registers);
    else
        snprintf(t.mnemonic, sizeof t.mnemonic, "%.*s", (int)n, at);
    if (strstr(t.mnemonic, ".f32") && strncmp(t.mnemonic, "vcmp", 4))
        snprintf(t.result, sizeof t.result, "%.*s", (int)strcspn(t.operands, ", "), t.operands);
    return t;
}

static bool starts(const char *s, const char *with)
{
    return !strncmp(s, with, strlen(with));
}

/* Loads and stores of one value. */
static bool is_single(const Text *t)
{
    const char *m = t->mnemonic;
    return starts(m, "ldr") || starts(m, "str") || starts(m, "vldr") || starts(m, "vstr");
}

/* Whether a register's name stands in the operands from `at` on, by itself. */
static bool names(const char *at, const char *reg)
{
    size_t n = strlen(reg);
    for (; (at = strstr(at, reg)); at += n)
        if (!isalnum((unsigned char)at[n]))
            return true;
    return false;
}

/* Whether t needs the result of floating-point arithmetic right before it. A multiply-accumulate needs what it adds to later. */
static bool waits(const Text *before, const Text *t)
{
    if (!before->result[0])
        return false;
    const char *from = t->operands;
    if (strstr(t->mnemonic, ".f32") && !starts(t->mnemonic, "vcmp"))
        from += strcspn(from, ",");
    return names(from, before->result);
}

/* ---- translation -------------------------------------------------------------------------------------- */
static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    Block *b = calloc(1, sizeof *b + n * sizeof b->insn[0]);
    Text before = {.operands = ""};
    char *held = NULL;
    (void)id;
    if (!b)
        abort();
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const char *symbol = qemu_plugin_insn_symbol(insn);
        char *disas = qemu_plugin_insn_disas(insn);
        Text t = text_of(disas);
        b->insn[i].row = row_of(symbol ? symbol : "?", t.mnemonic);
        b->insn[i].paired = is_single(&t) ? is_single(&before) : waits(&before, &t);
        if (symbol && starts(symbol, "count_"))
            b->begins = phase_of(symbol + strlen("count_"));
        b->end = qemu_plugin_insn_vaddr(insn) + qemu_plugin_insn_size(insn);
        free(held);
        held = disas;
        before = t;
    }
    free(held);
    b->n = (int)n;
    b->next = blocks;
    blocks = b;
    b->at = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
    qemu_plugin_register_vcpu_tb_exec_cb(tb, run, QEMU_PLUGIN_CB_NO_REGS, b);
}

static void write_phase(FILE *f, int of)
{
    for (int i = 0; i < nrow; i++)
        rows[i].n = rows[i].paired = 0;
    for (const Block *b = blocks; b; b = b->next)
        for (int i = 0; i < b->n; i++) {
            Row *row = &rows[b->insn[i].row];
            row->n += b->runs[of];
            row->paired += i + 1 == b->n ? b->taken[of] : b->insn[i].paired ? b->runs[of] : 0;
        }
    for (int i = 0; i < nrow; i++)
        if (rows[i].n)
            fprintf(f, "%s %s %s %llu %llu\n", phases[of], rows[i].function, rows[i].mnemonic, (unsigned long long)rows[i].n,
                    (unsigned long long)rows[i].paired);
}

static void finish(qemu_plugin_id_t id, void *data)
{
    FILE *f = fopen(path, "w");
    (void)id;
    (void)data;
    if (!f) {
        perror(path);
        exit(1);
    }
    for (int i = 1; i < nphase; i++)
        write_phase(f, i);
    fclose(f);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (starts(argv[i], "out="))
            path = argv[i] + strlen("out=");
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
