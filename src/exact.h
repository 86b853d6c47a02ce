/* exact.h - exp, log, sine and cosine of a double from + - * / alone: the same bits with every mathematical library
 *
 * For settings: learning rates, angles, Gaussian weights, shapes drawn at random. floor, frexp and ldexp of the library are exact.
 */
#ifndef NN_EXACT_H
#define NN_EXACT_H

#include "config.h"

#ifdef NN_IMPLEMENTATION

#include <math.h>

/* e^x to about 1e-15, x within +-700. x = k ln 2 + r, and e^r by its series to r^14, since |r| < 0.35. ln 2 is in two parts:
 * the first times k is exact. */
static NNI_UNUSED double nni_exact_exp(double x) {
    const double k = floor(x * 1.4426950408889634 + 0.5);
    const double r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
    double sum = 1.0;
    for (int i = 14; i > 0; i--) sum = 1.0 + sum * r / i;
    return ldexp(sum, (int)k);
}

/* log x to about 1e-15, x > 0: x = m 2^k with m around 1, and log m = 2 artanh s, s = (m - 1)/(m + 1), |s| < 0.172. */
static NNI_UNUSED double nni_exact_log(double x) {
    int k;
    double m = frexp(x, &k), sum = 0.0;
    if (m < 0.70710678118654752) m *= 2.0, k--;
    const double s = (m - 1.0) / (m + 1.0), square = s * s;
    for (int i = 23; i > 0; i -= 2) sum = sum * square + 1.0 / i;
    return 2.0 * s * sum + k * 0.69314718055994531;
}

/* x^y, x >= 0; 0^0 is 1. */
static NNI_UNUSED double nni_exact_power(double x, double y) {
    if (y == 0.0) return 1.0;
    if (x == 0.0) return 0.0;
    const double e = y * nni_exact_log(x);
    return e < -700.0 ? 0.0 : nni_exact_exp(e > 700.0 ? 700.0 : e);
}

/* Sine and cosine of a number of turns, to about 1e-16: a quarter's turn is taken out, and the rest, up to an eighth, goes into
 * the series. */
static NNI_UNUSED void nni_exact_turn(double *sine, double *cosine, double turns) {
    const double quarters = floor(4 * turns + 0.5), a = (turns - quarters / 4) * 6.28318530717958647692, b = a * a;
    double s = 0, c = 0;
    for (int k = 8; k > 0; k--) { /* Horner: 1 - b/(2k(2k+1)) (1 - ...), and the same with 2k(2k-1) */
        s = (1 - s) * b / (2 * k * (2 * k + 1));
        c = (1 - c) * b / (2 * k * (2 * k - 1));
    }
    const double sines[4] = {a * (1 - s), 1 - c, -(a * (1 - s)), -(1 - c)};
    const int quarter = (int)(quarters - 4 * floor(quarters / 4));
    *sine = sines[quarter];
    *cosine = sines[(quarter + 1) % 4];
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_EXACT_H */
