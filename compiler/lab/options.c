/* SPDX-License-Identifier: MIT */
/* options.c: a table of options over getopt_long. */
#include "lab.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CODE = 256,       /* getopt's value for row i of the table: FIRST_CODE + i */
    HELP_COLUMN = 28,
};

static bool takes_value(const Option *o)
{
    return o->kind != OPTION_FLAG;
}

/* ---- help ---------------------------------------------------------------------------------------------- */
static void print_option(const char *name, char letter, const char *value, const char *help)
{
    char left[128];
    int n = snprintf(left, sizeof left, letter ? "  -%c, --%s%s%s" : "  %c   --%s%s%s", letter ? letter : ' ',
                     name, value ? " " : "", value ? value : "");
    if (n >= HELP_COLUMN)
        printf("%s\n%*s", left, HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, left);
    puts(help);
}

static void print_help(const Command *c)
{
    printf("usage: %s %s\n\n%s\n\noptions:\n", c->name, c->operands, c->summary);
    for (int i = 0; i < c->noptions; i++)
        print_option(c->options[i].name, c->options[i].letter, c->options[i].value, c->options[i].help);
    print_option("help", 'h', NULL, "this text");
    if (c->epilogue)
        printf("\n%s\n", c->epilogue);
}

int options_complain(const Command *command, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: %s %s; see %s --help\n", command->name, command->operands, command->name);
    return EXIT_USAGE;
}

/* ---- values -------------------------------------------------------------------------------------------- */
static bool to_int(const Option *o, const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool any = o->lo == 0 && o->hi == 0;
    if (end == text || *end || errno || (!any && (value < o->lo || value > o->hi)))
        return false;
    *(int64_t *)o->to = value;
    return true;
}

bool read_bytes(const char *text, int64_t *to)
{
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (*text < '0' || *text > '9' || errno || (*end && (!unit || end[1])))
        return false;
    for (const char *at = units; unit && at <= unit; at++)
        value = value > INT64_MAX / 1024 ? INT64_MAX : value * 1024;
    if (!value || value > INT64_MAX / 2)
        return false;
    *to = (int64_t)value;
    return true;
}

static bool to_seed(const Option *o, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (*text < '0' || *text > '9' || *end || errno)
        return false;
    *(uint64_t *)o->to = value;
    return true;
}

static bool to_real(const Option *o, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < (double)o->lo)
        return false;
    *(double *)o->to = value;
    return true;
}

static bool to_choice(const Option *o, const char *text)
{
    size_t n = strlen(text);
    for (const char *word = o->value; word; word = strchr(word, '|')) {
        word += *word == '|';
        if (n && strncmp(word, text, n) == 0 && (word[n] == 0 || word[n] == '|')) {
            *(const char **)o->to = text;
            return true;
        }
    }
    return false;
}

static bool store(Arena *a, const Option *o, const char *text)
{
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->to = true;
        return true;
    case OPTION_TEXT:
        *(const char **)o->to = text;
        return true;
    case OPTION_LIST:
        vec_push(a, (StringList *)o->to, text);
        return true;
    case OPTION_INT:
        return to_int(o, text);
    case OPTION_BYTES:
        return read_bytes(text, o->to);
    case OPTION_SEED:
        return to_seed(o, text);
    case OPTION_REAL:
        return to_real(o, text);
    case OPTION_CHOICE:
        return to_choice(o, text);
    }
    return false;
}

static const char *expectation(Arena *a, const Option *o)
{
    switch (o->kind) {
    case OPTION_INT:
        return o->lo || o->hi
                   ? arena_printf(a, "a whole number from %lld to %lld", (long long)o->lo, (long long)o->hi)
                   : "a whole number";
    case OPTION_SEED:
        return "a whole number from 0 to 18446744073709551615";
    case OPTION_BYTES:
        return "a count of bytes, as 65536, 64K or 1M";
    case OPTION_REAL:
        return arena_printf(a, "a number not below %lld", (long long)o->lo);
    default:
        return arena_printf(a, "one of %s", o->value);
    }
}

/* ---- the command line ---------------------------------------------------------------------------------- */
/* "--epohcs" or "-x" as it was written, without a value. */
static const char *option_written(Arena *a, int argc, char **argv)
{
    if (optopt > 0 && optopt < FIRST_CODE)
        return arena_printf(a, "-%c", optopt);
    const char *text = optind >= 1 && optind <= argc ? argv[optind - 1] : "";
    return arena_strndup(a, text, strcspn(text, "="));
}

static int unknown_option(Arena *a, const Command *c, const char *written)
{
    StringList names = {0};
    for (int i = 0; i < c->noptions; i++)
        vec_push(a, &names, c->options[i].name);
    vec_push(a, &names, "help");
    const char *near = strncmp(written, "--", 2) == 0 ? nearest_name(written + 2, names.at, names.n) : NULL;
    return options_complain(c, near ? "no option %s (did you mean --%s?)" : "no option %s", written, near);
}

/* getopt's '?': a flag that was given a value, or nothing it knows. */
static int wrong_option(Arena *a, const Command *c, const char *written)
{
    if (optopt >= FIRST_CODE)
        return options_complain(c, "--%s takes no value", c->options[optopt - FIRST_CODE].name);
    return unknown_option(a, c, written);
}

static int missing_value(Arena *a, const Command *c, const char *written)
{
    if (optopt >= FIRST_CODE)
        written = arena_printf(a, "--%s", c->options[optopt - FIRST_CODE].name);
    return options_complain(c, "%s wants a value", written);
}

static int check_operands(const Command *c, const StringList *operands)
{
    const int n = operands->n;
    for (int i = 0; i < n; i++)
        if (!*operands->at[i])
            return options_complain(c, "an operand is empty");
    if (n < c->min_operands)
        return options_complain(c, n ? "an operand is missing" : "no operand given");
    if (c->max_operands >= 0 && n > c->max_operands)
        return options_complain(c, "too many operands");
    return -1;
}

static const Option *option_of(const Command *c, int code)
{
    for (int i = 0; i < c->noptions; i++)
        if (code == FIRST_CODE + i || (c->options[i].letter && code == c->options[i].letter))
            return &c->options[i];
    return NULL;
}

int options_parse(Arena *a, const Command *c, int argc, char **argv, StringList *operands)
{
    struct option *rows = NEWN(a, struct option, c->noptions + 2);
    StrBuf letters = {a, NULL, 0, 0};
    sb_puts(&letters, ":h");        /* ':': missing values are reported as ':', and nothing is printed */
    for (int i = 0; i < c->noptions; i++) {
        const Option *o = &c->options[i];
        rows[i] =
            (struct option){o->name, takes_value(o) ? required_argument : no_argument, NULL, FIRST_CODE + i};
        if (o->letter)
            sb_printf(&letters, "%c%s", o->letter, takes_value(o) ? ":" : "");
    }
    rows[c->noptions] = (struct option){"help", no_argument, NULL, 'h'};
    optind = 0;                     /* glibc: start afresh */
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, letters.at, rows, NULL)) >= 0;) {
        if (code == 'h') {
            print_help(c);
            return EXIT_OK;
        }
        if (code == '?')
            return wrong_option(a, c, option_written(a, argc, argv));
        if (code == ':')
            return missing_value(a, c, option_written(a, argc, argv));
        const Option *o = option_of(c, code);
        if (takes_value(o) && !*optarg)
            return options_complain(c, "--%s wants a value", o->name);
        if (!store(a, o, optarg))
            return options_complain(c, "--%s %s: expected %s", o->name, optarg, expectation(a, o));
    }
    for (int i = optind; i < argc; i++)
        vec_push(a, operands, argv[i]);
    return check_operands(c, operands);
}
