/* SPDX-License-Identifier: MIT */
/* format.c: pieces as lines.
 *
 * A statement begins a line, and what follows its '{' or its end does. Inside of it lines end where they did
 * in the source, if that is a place for it, behind comments, and where they would be too wide. */
#include "format.h"
#include "parse.h"
#include "parser.h"

#include <string.h>

typedef struct Open {
    int token;          /* of the bracket */
    int outside;        /* indent of a line that begins with its end */
    int inside;         /* of the other lines in it */
} Open;

typedef struct Line {
    int indent;
    int first, end;     /* pieces [first, end) */
    int comment;        /* the piece behind these; -1 none */
    int column;         /* where it goes */
    bool goes_on;       /* the comment, with the one above it */
    bool gap;           /* an empty line before it */
} Line;

typedef struct Format {
    Arena *a;
    PieceList *pieces;
    VEC(Open) open;
    VEC(Line) lines;
    int base;           /* indent of the statement */
    bool head;          /* a block follows, so that further lines are indented by twice as much */
} Format;

static Piece *piece(const Format *f, int i)
{
    return &f->pieces->at[i];
}

static bool is(const Format *f, int i, int token)
{
    return i < f->pieces->n && piece(f, i)->token == token;
}

static bool is_opener(int token)
{
    return token == '(' || token == '[';
}

static bool is_closer(int token)
{
    return token == ')' || token == ']' || token == '}';
}

/* ---- widths -------------------------------------------------------------------------------------------- */

/* The last comma of a list is left out where the list's end stands in the same line. */
static bool is_left_out(const Format *f, int i)
{
    int next = i + 1 < f->pieces->n ? piece(f, i + 1)->token : 0;
    return is(f, i, ',') && (next == ')' || next == ']') && !piece(f, i + 1)->broken;
}

static int width_of(const Format *f, int i, bool first)
{
    return is_left_out(f, i) ? 0 : piece(f, i)->width + (piece(f, i)->blank && !first);
}

static int width_between(const Format *f, int first, int end)
{
    int width = 0;
    for (int i = first; i < end; i++)
        width += width_of(f, i, i == first);
    return width;
}

static bool too_wide(const Format *f, int first, int end, int indent)
{
    int width = indent;
    for (int i = first; i < end && width <= FORMAT_WIDTH; i++)
        width += width_of(f, i, i == first);
    return width > FORMAT_WIDTH;
}

/* ---- indents ------------------------------------------------------------------------------------------- */

/* Of statements within the outer n brackets. */
static int block_indent(const Format *f, int n)
{
    while (n > 0 && f->open.at[n - 1].token != '{')
        n--;
    return n ? f->open.at[n - 1].inside : 0;
}

static const Open *innermost(const Format *f)
{
    return f->open.n ? &f->open.at[f->open.n - 1] : NULL;
}

/* Of a line that goes on with the statement. */
static int further_indent(const Format *f)
{
    const Open *open = innermost(f);
    return open && open->token != '{' ? open->inside : f->base + FORMAT_INDENT * (f->head ? 2 : 1);
}

static int indent_before(const Format *f, int i)
{
    return is_closer(piece(f, i)->token) ? innermost(f)->outside : further_indent(f);
}

/* Brackets of a line at `indent`. */
static void pass_brackets(Format *f, int first, int end, int indent)
{
    for (int i = first; i < end; i++) {
        int token = piece(f, i)->token;
        if (is_closer(token))
            f->open.n--;
        if (token == '{') {
            int outside = innermost(f) && innermost(f)->token != '{' ? indent : f->base;
            vec_push(f->a, &f->open, ((Open){token, outside, outside + FORMAT_INDENT}));
        } else if (is_opener(token)) {
            int step = FORMAT_INDENT * (f->head && indent == f->base ? 2 : 1);
            vec_push(f->a, &f->open, ((Open){token, indent, indent + step}));
        }
    }
}

/* ---- the lines of a statement -------------------------------------------------------------------------- */

static Line *add_line(Format *f, int first, int end, int indent)
{
    vec_push(f->a, &f->lines, ((Line){.indent = indent, .first = first, .end = end, .comment = -1}));
    pass_brackets(f, first, end, indent);
    return &f->lines.at[f->lines.n - 1];
}

static bool is_better(const Piece *p, const Piece *best)
{
    bool last = p->rank == RANK_LAST, best_last = best->rank == RANK_LAST;
    if (last != best_last)
        return !last;
    return p->depth != best->depth ? p->depth < best->depth : p->rank <= best->rank;
}

/* Where to end the line, too wide, of [first, end): the last of the best places that leave it narrow enough;
 * failing these the first that does not; failing any, `end`. */
static int best_break(const Format *f, int first, int end, int indent)
{
    int best = end, width = indent + width_of(f, first, true);
    for (int i = first + 1; i < end && (width <= FORMAT_WIDTH || best == end); i++) {
        const Piece *p = piece(f, i);
        if (p->rank != RANK_NONE && (best == end || is_better(p, piece(f, best))))
            best = i;
        width += width_of(f, i, false);
    }
    return best;
}

static void lay_link(Format *f, int first, int end, int indent)
{
    while (too_wide(f, first, end, indent)) {
        int at = best_break(f, first, end, indent);
        if (at == end)
            break;
        add_line(f, first, at, indent);
        first = at;
        indent = indent_before(f, first);
    }
    add_line(f, first, end, indent);
}

static int next_link(const Format *f, int i, int end)
{
    while (i < end && !(is(f, i, TOK_PIPE) && piece(f, i)->depth == 0))
        i++;
    return i;
}

/* Pieces that may share a line. A chain that is too wide for it has a line for each of its links. */
static void lay_segment(Format *f, int first, int end, int indent)
{
    bool chain = too_wide(f, first, end, indent);
    for (int at = first, next; at < end; at = next) {
        next = chain ? next_link(f, at + 1, end) : end;
        lay_link(f, at, next, at == first ? indent : indent_before(f, at));
    }
}

static int segment_end(const Format *f, int first, int end)
{
    int i = first + 1;
    while (i < end && !piece(f, i)->broken && !is(f, i, TOK_COMMENT))
        i++;
    return i;
}

/* ---- comments ------------------------------------------------------------------------------------------ */

static Line *last_line(Format *f)
{
    return f->lines.n ? &f->lines.at[f->lines.n - 1] : NULL;
}

/* A line of its own, but right below the comment behind the line before, and meant to go on with it. */
static bool goes_on(const Format *f, const Line *before, const Piece *comment)
{
    if (!before || before->comment < 0 || comment->gap || comment->column <= before->indent)
        return false;
    bool below = comment->column == piece(f, before->comment)->column;
    return below && (before->first < before->end || before->goes_on);
}

/* Behind the line before, or at `indent` in a line of its own. */
static Line *lay_comment(Format *f, int i, int indent)
{
    Line *before = last_line(f);
    if (before && !piece(f, i)->broken) {
        before->comment = i;
        return NULL;
    }
    bool on = goes_on(f, before, piece(f, i));
    Line *line = add_line(f, i, i, indent);
    line->comment = i;
    line->goes_on = on;
    return line;
}

/* Where the comment stood in the source, if it was behind what is in its line now; else 0. */
static int own_column(const Format *f, const Line *line)
{
    return line->goes_on || piece(f, line->first)->broken ? piece(f, line->comment)->column : 0;
}

/* Comments behind lines that follow each other stay below each other where they were. */
static void align_comments(Format *f, int first, int end)
{
    int wanted = 0;
    bool same = true;
    for (int i = first; i < end; i++) {
        Line *line = &f->lines.at[i];
        int column = own_column(f, line);
        line->column = line->goes_on ? 0 : line->indent + width_between(f, line->first, line->end) + 2;
        line->column = column > line->column ? column : line->column;
        wanted = line->column > wanted ? line->column : wanted;
        same &= column == own_column(f, &f->lines.at[first]);
    }
    for (int i = first; i < end; i++)
        f->lines.at[i].column = same ? wanted : f->lines.at[i - f->lines.at[i].goes_on].column;
}

static bool is_commented(const Line *line)
{
    return line->comment >= 0 && (line->first < line->end || line->goes_on);
}

static void place_comments(Format *f)
{
    for (int i = 0, end; i < f->lines.n; i = end) {
        end = i + 1;
        f->lines.at[i].column = f->lines.at[i].indent;
        if (!is_commented(&f->lines.at[i]))
            continue;
        while (end < f->lines.n && is_commented(&f->lines.at[end]) && !f->lines.at[end].gap)
            end++;
        align_comments(f, i, end);
    }
}

/* ---- statements ---------------------------------------------------------------------------------------- */

/* True where pieces from i on are a definition with a block, or the comments right above it. */
static bool begins_definition(const Format *f, int i)
{
    while (is(f, i, TOK_COMMENT) && i + 1 < f->pieces->n && !piece(f, i + 1)->gap)
        i++;
    return is(f, i, TOK_MODEL) || is(f, i, TOK_LAYER) || is(f, i, TOK_OPTIMIZER) || is(f, i, TOK_INITIALIZER);
}

/* An empty line stands where the source had one, and around definitions, but not within their comments nor at
 * the edges of blocks. */
static bool gap_before(Format *f, int i)
{
    const Line *before = last_line(f);
    if (!before || is(f, i, '}') || (before->first < before->end && is(f, before->end - 1, '{')))
        return false;
    if (piece(f, i)->gap || f->open.n)
        return piece(f, i)->gap;
    if (before->first == before->end)
        return false;
    return is(f, before->end - 1, '}') || begins_definition(f, i);
}

/* The end of what begins at i and belongs into one line if it fits: a statement, its head up to the '{', or
 * what follows the '}'. */
static int run_end(const Format *f, int i)
{
    for (; i < f->pieces->n; i++) {
        bool empty = is(f, i, '{') && is(f, i + 1, '}');
        if (piece(f, i)->ends || (is(f, i, '{') && !empty))
            return i + 1;
        if (is(f, i + 1, '}') && !empty)
            return i + 1;
    }
    return i;
}

static bool has_block(const Format *f, int first, int end)
{
    while (first < end && !is(f, first, '{'))
        first++;
    return first < end;
}

static void lay_run(Format *f, int first, int end)
{
    bool closing = is(f, first, '}');
    f->head = has_block(f, first, end);
    f->base = block_indent(f, f->open.n - closing);
    for (int at = first, next; at < end; at = next) {
        next = segment_end(f, at, end);
        if (is(f, at, TOK_COMMENT))
            lay_comment(f, at, further_indent(f));
        else
            lay_segment(f, at, next, at > first || closing ? indent_before(f, at) : f->base);
    }
}

static void lay_all(Format *f)
{
    for (int i = 0, end; i < f->pieces->n; i = end) {
        bool gap = gap_before(f, i);
        int line = f->lines.n;
        end = is(f, i, TOK_COMMENT) ? i + 1 : run_end(f, i);
        if (is(f, i, TOK_COMMENT))
            lay_comment(f, i, block_indent(f, f->open.n));
        else
            lay_run(f, i, end);
        if (line < f->lines.n)
            f->lines.at[line].gap = gap && !f->lines.at[line].goes_on;
    }
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void write_pieces(StrBuf *sb, const Format *f, int first, int end)
{
    for (int i = first; i < end; i++) {
        const Piece *p = piece(f, i);
        if (!is_left_out(f, i))
            sb_printf(sb, "%s%.*s", p->blank && i > first ? " " : "", p->bytes, p->text);
    }
}

static void write_line(StrBuf *sb, const Format *f, const Line *line)
{
    int at = line->indent + width_between(f, line->first, line->end);
    sb_printf(sb, "%s%*s", line->gap ? "\n" : "", line->first < line->end ? line->indent : 0, "");
    write_pieces(sb, f, line->first, line->end);
    if (line->comment >= 0) {
        const Piece *comment = piece(f, line->comment);
        int column = line->first < line->end ? line->column - at : line->column;
        sb_printf(sb, "%*s%.*s", column, "", comment->bytes, comment->text);
    }
    sb_putc(sb, '\n');
}

static const char *tree_of(Arena *a, Diag *d, int source)
{
    StrBuf sb = {.a = a};
    ast_print(&sb, parse_program(a, d, source));
    return sb_text(&sb);
}

/* Layout is no matter of meaning. */
static void check_meaning(Arena *a, Diag *d, int source, const char *text)
{
    Diag *own = diag_new(a);
    const char *tree = tree_of(a, own, diag_add_source(own, "formatted", text, strlen(text)));
    if (diag_errors(own) || !str_eq(tree, tree_of(a, d, source)))
        BUG("formatting changes what %s means:\n%s%s", diag_source_name(d, source), diag_text(own, a), text);
}

const char *format_line(Arena *a, const PieceList *pieces, Span sp)
{
    Format f = {.a = a, .pieces = NEW(a, PieceList)};
    StrBuf sb = {.a = a};
    for (int i = 0; i < pieces->n; i++) {
        Piece p = pieces->at[i];
        p.broken = false;
        if (p.lo >= sp.lo && p.lo < sp.hi && p.token != TOK_COMMENT)
            vec_push(a, f.pieces, p);
    }
    write_pieces(&sb, &f, 0, f.pieces->n);
    return sb_text(&sb);
}

const char *format_source(Arena *a, Diag *d, int source)
{
    Format f = {.a = a, .pieces = pieces_read(a, d, source)};
    StrBuf sb = {.a = a};
    if (!f.pieces)
        return NULL;
    lay_all(&f);
    place_comments(&f);
    for (int i = 0; i < f.lines.n; i++)
        write_line(&sb, &f, &f.lines.at[i]);
    check_meaning(a, d, source, sb_text(&sb));
    return sb_text(&sb);
}
