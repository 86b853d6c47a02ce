/* exact.h - exp, log and cosine of a double from + - * / alone: the same bits with every mathematical library
 *
 * Learning rates and corrections come from these, so the weights depend on them. floor, frexp and ldexp of the library are exact.
 */
#ifndef NN_TRAIN_EXACT_H
#define NN_TRAIN_EXACT_H

#include "../config.h"

#ifdef NN_IMPLEMENTATION

#include <math.h>

/* e^x to about 1e-15, x within +-700. x = k ln 2 + r, and e^r by its series to r^14, since |r| < 0.35. ln 2 is in two parts:
 * the first times k is exact. */
static double nni_exact_exp(double x) {
    const double k = floor(x * 1.4426950408889634 + 0.5);
    const double r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
    double sum = 1.0;
    for (int i = 14; i > 0; i--) sum = 1.0 + sum * r / i;
    return ldexp(sum, (int)k);
}

/* log x to about 1e-15, x > 0: x = m 2^k with m around 1, and log m = 2 artanh s, s = (m - 1)/(m + 1), |s| < 0.172. */
static double nni_exact_log(double x) {
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

/* cos(pi x), 0 <= x <= 1, to about 1e-15: by the series of cosine or sine around the nearest multiple of a half. */
static NNI_UNUSED double nni_exact_cos_pi(double x) {
    const int near_0 = x < 0.25, near_1 = x > 0.75;
    const double r = (near_0 ? x : near_1 ? 1.0 - x : 0.5 - x) * 3.14159265358979324, square = r * r; /* |r| <= pi/4 */
    double sum = 1.0;
    if (near_0 || near_1) {
        for (int i = 18; i > 0; i -= 2) sum = 1.0 - sum * square / (i * (i - 1));
        return near_0 ? sum : -sum;
    }
    for (int i = 17; i > 1; i -= 2) sum = 1.0 - sum * square / (i * (i - 1));
    return sum * r;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_TRAIN_EXACT_H */
