/* SPDX-License-Identifier: MIT */
/* digits.c: handwritten-looking digits, drawn as a pen would: each digit has several shapes, a shape is a few
 * strokes through knots, and every image bends, slants, stretches and shakes one of them in its own way.
 *
 *     knots, jittered -> smooth curve -> elastic bend -> affine -> pen of varying width -> blur, noise
 *
 * The arithmetic is + - * / and square roots in double, none of it contracted, so that a seed gives the same
 * bytes everywhere. */
#include "lab.h"

#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

/* ---- the shapes ---------------------------------------------------------------------------------------- */
enum {
    MAX_SHAPES = 4,     /* of a digit */
    MAX_KNOTS = 16,     /* of a stroke */
    MAX_POINTS = 256,   /* of a drawing */
    STEPS = 8,          /* points of a curve from one knot to the next */
};

/* Strokes, separated by '|', are knots x,y on a 100 x 100 grid, y downwards. A stroke passes through its
 * knots smoothly, except at those marked '!', which are corners. */
typedef struct Shape {
    int weight;         /* how often, relative to the digit's other shapes */
    const char *strokes;
} Shape;

static const Shape shapes[10][MAX_SHAPES] = {
    {
        {3, "60,4 30,10 8,40 10,72 38,97 72,92 94,58 86,22 60,4 45,6"},
        {2, "42,10 15,32 8,65 35,97 75,90 95,50 80,12 48,3 30,14"},
        {1, "70,10 40,2 12,26 6,64 30,96 66,96 92,66 90,28 62,8"},
    },
    {
        {5, "52,0 50,50 48,100"},
        {3, "28,24 56,2! 54,50 52,100"},
        {1, "26,22 52,2! 51,50 50,98 | 22,99 78,98"},
    },
    {
        {3, "10,26 26,6 58,0 84,18 78,44 45,72 8,98! 50,96 94,97"},
        {3, "12,24 34,4 68,4 84,26 68,56 34,86 12,96 6,84 22,78 50,92 78,99 98,90"},
        {2, "10,30 20,8 55,0 82,16 72,48 36,78 10,96! 34,86 62,96 96,92"},
    },
    {
        {4, "12,14 40,0 76,8 78,30 42,46! 80,56 92,78 62,98 26,98 6,84"},
        {1, "12,4 50,3 88,3! 64,24 44,40! 80,48 92,72 68,96 30,99 6,86"},
        {2, "10,16 42,0 80,12 70,38 40,50 34,44 50,46 84,58 86,86 48,100 8,88"},
    },
    {
        {3, "26,4 18,32 10,58! 50,60 95,56 | 74,4 70,50 66,100"},
        {2, "70,100 72,50 74,2! 38,34 4,68! 50,67 98,65"},
        {2, "18,6 12,36 24,55 52,56 80,46 | 84,2 78,50 70,100"},
    },
    {
        {3, "22,4 18,24 14,44! 48,36 84,52 88,78 60,98 26,99 6,88 | 22,4 58,4 92,2"},
        {2, "90,4 56,4 26,6! 20,26 15,46! 50,38 86,54 88,80 56,99 8,92"},
        {1, "86,6 50,2 24,18 26,40 60,50 86,66 78,90 44,100 10,90"},
    },
    {
        {3, "76,4 44,14 18,44 8,74 28,98 66,98 88,76 72,56 38,58 12,78"},
        {2, "62,0 36,30 14,62 16,90 48,100 82,88 82,64 54,54 22,72"},
        {1, "84,14 62,2 34,14 14,48 12,82 42,100 80,90 86,64 56,52 20,70"},
    },
    {
        {3, "8,6 50,5 92,4! 66,44 40,100"},
        {2, "8,6 50,5 92,4! 66,44 42,100 | 30,52 80,48"},
        {1, "10,22 12,5! 50,6 90,4! 70,36 50,66 44,100"},
        {2, "6,10 48,4 88,8 72,38 54,66 46,100"},
    },
    {
        {3, "74,12 44,0 18,18 40,44 74,64 80,88 46,100 12,86 24,62 58,42 80,22 66,6"},
        {1, "50,46 22,32 30,6 62,2 80,22 50,46 | 50,46 14,64 16,92 54,100 88,82 50,46"},
        {2, "84,10 50,2 22,20 46,46 82,70 60,98 20,92 20,66 52,46 82,24 82,8"},
    },
    {
        {3, "84,14 50,2 14,22 18,46 50,50 80,30 86,10! 80,50 70,100"},
        {2, "82,20 54,2 18,18 16,44 46,52 78,34 84,14 88,50 72,86 40,100 14,92"},
        {1, "74,8 36,6 12,30 30,50 64,44 86,12! 82,56 74,100"},
    },
};

/* ---- from knots to points ------------------------------------------------------------------------------ */
typedef struct Point {
    double x, y;
    double radius;      /* of the pen, in pixels */
    bool last;          /* of its stroke: nothing is drawn from here to the next point */
} Point;

typedef struct Drawing {
    Random r;
    int n;
    Point at[MAX_POINTS];
} Drawing;

static double spread(Drawing *d, double deviation)
{
    return deviation * random_normal(&d->r);
}

static const Shape *choose_shape(Drawing *d, int digit)
{
    int total = 0, i = 0;
    for (int k = 0; k < MAX_SHAPES; k++)
        total += shapes[digit][k].weight;
    int64_t pick = (int64_t)random_below(&d->r, (uint64_t)total);
    while ((pick -= shapes[digit][i].weight) >= 0)
        i++;
    return &shapes[digit][i];
}

/* Catmull-Rom: from p[1] to p[2], t in [0, 1], with the slopes of its neighbours' chords. */
static double spline(double p0, double p1, double p2, double p3, double t)
{
    return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}

typedef struct Stroke {
    int n;
    double x[MAX_KNOTS], y[MAX_KNOTS];
    bool corner[MAX_KNOTS];
} Stroke;

static int read_number(const char **at)
{
    int n = 0;
    for (; **at >= '0' && **at <= '9'; ++*at)
        n = 10 * n + (**at - '0');
    return n;
}

/* The stroke at text; returns where the next one begins, or NULL after the last. */
static const char *read_stroke(const char *text, Stroke *s)
{
    for (s->n = 0; *text && *text != '|' && s->n < MAX_KNOTS; s->n++) {
        s->x[s->n] = read_number(&text) / 100.0;
        text++;
        s->y[s->n] = read_number(&text) / 100.0;
        s->corner[s->n] = *text == '!';
        text += s->corner[s->n];
        text += *text == ' ';
    }
    return *text ? text + 2 : NULL;
}

static void add_point(Drawing *d, double x, double y, bool last)
{
    if (d->n < MAX_POINTS)
        d->at[d->n++] = (Point){.x = x, .y = y, .last = last};
}

static void trace_stroke(Drawing *d, Stroke *s, double jitter)
{
    for (int i = 0; i < s->n; i++) {
        double wide = i == 0 || i == s->n - 1 ? 1.5 * jitter : jitter;     /* ends are free */
        s->x[i] += spread(d, wide);
        s->y[i] += spread(d, wide);
    }
    for (int i = 0; i + 1 < s->n; i++) {
        int before = i == 0 || s->corner[i] ? i : i - 1;
        int after = i + 2 == s->n || s->corner[i + 1] ? i + 1 : i + 2;
        for (int k = 0; k < STEPS; k++) {
            double t = k / (double)STEPS;
            add_point(d, spline(s->x[before], s->x[i], s->x[i + 1], s->x[after], t),
                      spline(s->y[before], s->y[i], s->y[i + 1], s->y[after], t), false);
        }
    }
    add_point(d, s->x[s->n - 1], s->y[s->n - 1], true);
}

static void trace_shape(Drawing *d, const Shape *shape)
{
    double jitter = random_range(&d->r, 0.012, 0.048);
    for (const char *at = shape->strokes; at;) {
        Stroke s;
        at = read_stroke(at, &s);
        trace_stroke(d, &s, jitter);
    }
}

/* ---- bending and placing ------------------------------------------------------------------------------- */
/* The four weights of a uniform cubic B-spline at t in [0, 1]. */
static void bspline(double t, double w[4])
{
    double s = 1 - t;
    w[0] = s * s * s / 6;
    w[1] = (4 - 6 * t * t + 3 * t * t * t) / 6;
    w[2] = (4 - 6 * s * s + 3 * s * s * s) / 6;
    w[3] = t * t * t / 6;
}

enum { CELLS = 3, GRID = CELLS + 3 };

/* Where x, about 0..1 and some way beyond, lies on the bending grid. */
static int grid_cell(double x, double *t)
{
    double at = (x + 0.25) / 1.5 * CELLS;
    at = at < 0 ? 0 : at > CELLS - 0.001 ? CELLS - 0.001 : at;
    *t = at - (int)at;
    return (int)at;
}

/* Moves each point by a smooth random field. */
static void bend(Drawing *d)
{
    double field[2][GRID][GRID], deviation = random_range(&d->r, 0.01, 0.09);
    for (int i = 0; i < 2 * GRID * GRID; i++)
        field[i / (GRID * GRID)][i / GRID % GRID][i % GRID] = spread(d, deviation);
    for (int i = 0; i < d->n; i++) {
        double wx[4], wy[4], tx, ty, dx = 0, dy = 0;
        int cx = grid_cell(d->at[i].x, &tx), cy = grid_cell(d->at[i].y, &ty);
        bspline(tx, wx);
        bspline(ty, wy);
        for (int k = 0; k < 16; k++) {
            dx += wy[k / 4] * wx[k % 4] * field[0][cy + k / 4][cx + k % 4];
            dy += wy[k / 4] * wx[k % 4] * field[1][cy + k / 4][cx + k % 4];
        }
        d->at[i].x += dx;
        d->at[i].y += dy;
    }
}

/* Aspect, slant and rotation, then into the picture: the drawing's box around the middle, give or take. */
static void place(Drawing *d)
{
    double aspect = random_range(&d->r, 0.46, 0.92), slant = spread(d, 0.18) + 0.1;
    double half = spread(d, 0.06);                              /* tan of half the angle: about 7 degrees */
    double c = (1 - half * half) / (1 + half * half), s = 2 * half / (1 + half * half);
    double left = 1e9, right = -1e9, top = 1e9, bottom = -1e9;
    for (int i = 0; i < d->n; i++) {
        Point *p = &d->at[i];
        double y = p->y - 0.5, x = (p->x - 0.5) * aspect - slant * y;
        p->x = c * x - s * y;
        p->y = s * x + c * y;
        left = p->x < left ? p->x : left;
        right = p->x > right ? p->x : right;
        top = p->y < top ? p->y : top;
        bottom = p->y > bottom ? p->y : bottom;
    }
    double longer = bottom - top > right - left ? bottom - top : right - left;
    double scale = random_range(&d->r, 14.5, 20.5) / (longer > 0.3 ? longer : 0.3);
    double x0 = DIGIT_SIZE / 2.0 + spread(d, 1.0), y0 = DIGIT_SIZE / 2.0 + spread(d, 1.0);
    for (int i = 0; i < d->n; i++) {
        d->at[i].x = x0 + scale * (d->at[i].x - (left + right) / 2);
        d->at[i].y = y0 + scale * (d->at[i].y - (top + bottom) / 2);
    }
}

/* ---- the pen ------------------------------------------------------------------------------------------- */
/* Pressure wanders along the strokes. */
static void press(Drawing *d)
{
    double radius = random_range(&d->r, 0.65, 1.8), wobble = random_range(&d->r, 0.0, 0.3);
    double from = 0, to = spread(d, wobble);
    for (int i = 0; i < d->n; i++) {
        int s = i % STEPS;
        if (s == 0) {
            from = to;
            to = spread(d, wobble);
        }
        double factor = 1 + from + (to - from) * s / STEPS;
        d->at[i].radius = radius * (factor < 0.55 ? 0.55 : factor > 1.5 ? 1.5 : factor);
    }
}

/* How far (x, y) is outside the pen's way from p to q; negative inside. */
static double outside(const Point *p, const Point *q, double x, double y)
{
    double dx = q->x - p->x, dy = q->y - p->y, length2 = dx * dx + dy * dy;
    double t = length2 > 0 ? ((x - p->x) * dx + (y - p->y) * dy) / length2 : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double ex = x - p->x - t * dx, ey = y - p->y - t * dy;
    return sqrt(ex * ex + ey * ey) - p->radius - t * (q->radius - p->radius);
}

static int clamp_pixel(double x)
{
    return x < 0 ? 0 : x > DIGIT_SIZE - 1 ? DIGIT_SIZE - 1 : (int)x;
}

typedef double Canvas[DIGIT_SIZE][DIGIT_SIZE];

static void draw_segment(Canvas far, const Point *p, const Point *q)
{
    double reach = (p->radius > q->radius ? p->radius : q->radius) + 1;
    int x0 = clamp_pixel((p->x < q->x ? p->x : q->x) - reach),
        x1 = clamp_pixel((p->x > q->x ? p->x : q->x) + reach);
    int y0 = clamp_pixel((p->y < q->y ? p->y : q->y) - reach),
        y1 = clamp_pixel((p->y > q->y ? p->y : q->y) + reach);
    for (int y = y0; y <= y1; y++) {
        for (int x = x0; x <= x1; x++) {
            double distance = outside(p, q, x + 0.5, y + 0.5);
            if (distance < far[y][x])
                far[y][x] = distance;
        }
    }
}

/* Ink 0..1: full inside, falling off over an edge of random softness. */
static void ink(Drawing *d, Canvas canvas)
{
    double edge = random_range(&d->r, 0.9, 1.7);
    for (int i = 0; i < DIGIT_SIZE * DIGIT_SIZE; i++)
        canvas[i / DIGIT_SIZE][i % DIGIT_SIZE] = 1e9;
    for (int i = 0; i + 1 < d->n; i++)
        if (!d->at[i].last)
            draw_segment(canvas, &d->at[i], &d->at[i + 1]);
    for (int i = 0; i < DIGIT_SIZE * DIGIT_SIZE; i++) {
        double *c = &canvas[i / DIGIT_SIZE][i % DIGIT_SIZE], t = 0.5 - *c / edge;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        *c = t * t * (3 - 2 * t);
    }
}

static double canvas_at(Canvas canvas, int y, int x)
{
    return y < 0 || y >= DIGIT_SIZE || x < 0 || x >= DIGIT_SIZE ? 0 : canvas[y][x];
}

/* A little of each neighbour. */
static void blur(Drawing *d, Canvas canvas)
{
    double side = random_range(&d->r, 0, 0.16), middle = 1 - 2 * side;
    Canvas across;
    for (int y = 0; y < DIGIT_SIZE; y++)
        for (int x = 0; x < DIGIT_SIZE; x++)
            across[y][x] =
                middle * canvas[y][x] + side * (canvas_at(canvas, y, x - 1) + canvas_at(canvas, y, x + 1));
    for (int y = 0; y < DIGIT_SIZE; y++)
        for (int x = 0; x < DIGIT_SIZE; x++)
            canvas[y][x] =
                middle * across[y][x] + side * (canvas_at(across, y - 1, x) + canvas_at(across, y + 1, x));
}

/* Paper and ink are uneven; the scanner cuts the paper off. */
static void develop(Drawing *d, Canvas canvas, uint8_t *image)
{
    double strength = random_range(&d->r, 0.82, 1.12), paper = random_range(&d->r, 0, 0.05),
           grain = random_range(&d->r, 0.02, 0.12);
    for (int i = 0; i < DIGIT_SIZE * DIGIT_SIZE; i++) {
        double value = canvas[i / DIGIT_SIZE][i % DIGIT_SIZE];
        value = strength * value * (1 + spread(d, grain)) + spread(d, paper) - 0.02;
        value = value < 0 ? 0 : value > 1 ? 1 : value;
        image[i] = (uint8_t)(value * 255 + 0.5);
    }
}

int digit_draw(uint64_t seed, uint64_t index, uint8_t *image)
{
    Drawing d = {.r = random_start(seed, index)};
    Canvas canvas;
    int digit = (int)random_below(&d.r, 10);
    trace_shape(&d, choose_shape(&d, digit));
    bend(&d);
    place(&d);
    press(&d);
    ink(&d, canvas);
    blur(&d, canvas);
    develop(&d, canvas, image);
    return digit;
}

/* ---- files --------------------------------------------------------------------------------------------- */
static bool write_split(Arena *a, const char *dir, const char *prefix, int64_t first, int64_t n,
                        uint64_t seed, const char **why)
{
    Array images = array_new(a, type_make(DT_U8, 3, (int64_t[]){n, DIGIT_SIZE, DIGIT_SIZE}));
    Array labels = array_new(a, type_make(DT_U8, 1, &n));
    uint8_t *image = images.data, *label = labels.data;
    for (int64_t i = 0; i < n; i++)
        label[i] = (uint8_t)digit_draw(seed, (uint64_t)(first + i), image + i * DIGIT_SIZE * DIGIT_SIZE);
    return idx_write(a, arena_printf(a, "%s/%s-images-idx3-ubyte", dir, prefix), images, why) &&
           idx_write(a, arena_printf(a, "%s/%s-labels-idx1-ubyte", dir, prefix), labels, why);
}

bool digits_write(Arena *a, const char *dir, int64_t train, int64_t test, uint64_t seed, const char **why)
{
    return folders_make(a, dir, why) && write_split(a, dir, "train", 0, train, seed, why) &&
           write_split(a, dir, "t10k", train, test, seed, why);
}
