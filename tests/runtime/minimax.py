#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The coefficients of runtime/dl_math.h: nearly minimax polynomials, rounded to float one after the other,
the ones still free being fitted again after each rounding. Needs mpmath; prints each polynomial from the constant term
up, with the largest weighted error (in units of 2^-24) after rounding."""
import struct

from mpmath import mp, mpf, matrix, lu_solve, exp, log, log1p, tanh, erf, erfc, sqrt, pi, sin, cos, expm1, log as ln

mp.prec = 224


def as_float(x):
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def horner(c, x):
    y = mpf(0)
    for k in reversed(c):
        y = y * x + k
    return y


def lawson(points, target, weight, powers):
    """Coefficients c of sum c[i] x^powers[i] that nearly minimise max |weight (sum - target)| over the points: least
    squares, in which a point counts the more the larger its error has been."""
    n = len(powers)
    rows = [[x**p for p in powers] for x in points]
    measure = [mpf(1) / len(points)] * len(points)
    best = None
    for _ in range(40):
        a, b = matrix(n, n), matrix(n, 1)
        for row, t, w, m in zip(rows, target, weight, measure):
            mw = m * w * w
            for i in range(n):
                b[i] += mw * row[i] * t
                for j in range(i, n):
                    a[i, j] += mw * row[i] * row[j]
        for i in range(n):
            for j in range(i):
                a[i, j] = a[j, i]
        c = lu_solve(a, b)
        error = [abs(w * (sum(k * r for k, r in zip(c, row)) - t)) for row, t, w in zip(rows, target, weight)]
        if best is None or max(error) < best[0]:
            best = (max(error), list(c))
        total = sum(m * e for m, e in zip(measure, error))
        measure = [m * e / total for m, e in zip(measure, error)]
    return best[1]


def fit(name, g, weight, lo, hi, degree):
    lo, hi = mpf(lo), mpf(hi)
    points = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * (i + mpf(0.5)) / 120) for i in range(120)]
    weights = [weight(x) for x in points]
    fixed = []
    while len(fixed) <= degree:
        rest = [g(x) - horner(fixed, x) for x in points]
        fixed.append(as_float(lawson(points, rest, weights, range(len(fixed), degree + 1))[0]))
    grid = [lo + (hi - lo) * i / 1000 for i in range(1001)]
    worst = max(abs(weight(x) * (horner(fixed, x) - g(x))) for x in grid)
    print(f"{name}: {float(worst * 2**24):.4f}")
    for c in fixed:
        print(f"    {float(c):.9g}f")


def near(x, value, limit):
    """value(x), or its limit where x is 0."""
    return mpf(limit) if x == 0 else value(x)


half_ln2 = log(2) / 2
fit("exp: (e^r - 1 - r) / r^2", lambda r: near(r, lambda r: (expm1(r) - r) / r**2, 0.5),
    lambda r: r * r / exp(r), -half_ln2 * 1.001, half_ln2 * 1.001, 4)
fit("log: (log(1 + f) - f + f^2 / 2) / f^3", lambda f: near(f, lambda f: (log1p(f) - f + f * f / 2) / f**3, mpf(1) / 3),
    lambda f: near(f, lambda f: abs(f**3 / log1p(f)), 0), sqrt(mpf(0.5)) - 1, sqrt(mpf(2)) - 1, 8)
fit("tanh: (tanh(a) / a - 1) / a^2 in a^2", lambda w: near(w, lambda w: (tanh(sqrt(w)) / sqrt(w) - 1) / w, mpf(-1) / 3),
    lambda w: near(w, lambda w: w * sqrt(w) / tanh(sqrt(w)), 0), 0, 0.625**2 * 1.001, 4)
fit("erf below 0.9: erf(a) / a - 1 in a^2", lambda w: near(w, lambda w: erf(sqrt(w)) / sqrt(w) - 1, 2 / sqrt(pi) - 1),
    lambda w: near(w, lambda w: sqrt(w) / erf(sqrt(w)), sqrt(pi) / 2), 0, 0.9**2 * 1.001, 5)
fit("erf above 0.9: log(erfc(a))", lambda a: ln(erfc(a)), lambda a: erfc(a) / erf(a), 0.9, 4, 6)
fit("pow: (2^r - 1) / r", lambda r: near(r, lambda r: (2**r - 1) / r, log(2)), lambda r: abs(r) / 2**r,
    -0.501, 0.501, 5)
fifth = 2 / log(2)
fit("pow: 2 / ln 2 (1/5 + z/7 + ...)", lambda z: near(z, lambda z: fifth * ((mp.atanh(sqrt(z)) / sqrt(z) - 1) / z - mpf(1) / 3) / z, fifth / 5),
    lambda z: z * z / fifth, 0, (3 - 2 * sqrt(mpf(2))) ** 2 * 1.001, 2)
fit("sin: (sin(r) / r - 1) / r^2 in r^2", lambda z: near(z, lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, mpf(-1) / 6),
    lambda z: near(z, lambda z: z * sqrt(z) / sin(sqrt(z)), 0), 0, (pi / 4) ** 2 * 1.001, 2)
fit("cos: (cos(r) - 1 + r^2 / 2) / r^4 in r^2", lambda z: near(z, lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, mpf(1) / 24),
    lambda z: z * z / cos(sqrt(z)), 0, (pi / 4) ** 2 * 1.001, 2)
print("sin, cos: 32 zeros and then the bits of 2 / pi, from every eighth bit on")
bits = int(mp.floor(2 / pi * mpf(2) ** 192))
for j in range(25):
    print(f"    0x{bits >> (192 - 8 * j) & 0xFFFFFFFF:08X}u")
