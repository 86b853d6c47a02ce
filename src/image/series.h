/* series.h - a few functions in double that are the same bits on every system, which those of libm are not
 *
 * For settings, of which there are some to an image: angles, Gaussian weights, random shapes. Errors are some 2^-52, of the
 * exponential as many as x has units.
 */
#ifndef NN_IMAGE_SERIES_H
#define NN_IMAGE_SERIES_H

#include "../config.h"

#ifdef NN_IMPLEMENTATION

#include <math.h>

/* |x| <= pi/4 */
static double nni_sine(double x) {
    const double s = x * x;
    double q = -1.0 / 1307674368000.0;
    q = q * s + 1.0 / 6227020800.0;
    q = q * s - 1.0 / 39916800.0;
    q = q * s + 1.0 / 362880.0;
    q = q * s - 1.0 / 5040.0;
    q = q * s + 1.0 / 120.0;
    q = q * s - 1.0 / 6.0;
    return x + x * s * q;
}
static double nni_cosine(double x) {
    const double s = x * x;
    double q = 1.0 / 20922789888000.0;
    q = q * s - 1.0 / 87178291200.0;
    q = q * s + 1.0 / 479001600.0;
    q = q * s - 1.0 / 3628800.0;
    q = q * s + 1.0 / 40320.0;
    q = q * s - 1.0 / 720.0;
    q = q * s + 1.0 / 24.0;
    q = q * s - 1.0 / 2.0;
    return 1.0 + s * q;
}

/* Of an angle in degrees, from which quarters of a turn are split off exactly. */
static void nni_sine_cosine(double *sine, double *cosine, double degrees) {
    const double quarters = floor(degrees / 90.0 + 0.5), x = (degrees - 90.0 * quarters) * (3.14159265358979323846 / 180.0);
    const double s = nni_sine(x), c = nni_cosine(x), turn = quarters - 4.0 * floor(quarters / 4.0);
    *sine = turn == 0.0 ? s : turn == 1.0 ? c : turn == 2.0 ? -s : -c;
    *cosine = turn == 0.0 ? c : turn == 1.0 ? -s : turn == 2.0 ? -c : s;
}

/* |x| <= 700: the series at x/2^k, squared k times. */
static double nni_exponential(double x) {
    double sum = 1.0, term = 1.0;
    int squarings = 0;
    for (; fabs(x) > 0.125; squarings++) x *= 0.5;
    for (int i = 1; i < 12; i++) sum += term *= x / (double)i;
    while (squarings--) sum *= sum;
    return sum;
}

/* x > 0: that of the power of two, and 2 atanh((m - 1)/(m + 1)) for m in [1/2, 1) moved to [sqrt(1/2), sqrt(2)). */
static double nni_logarithm(double x) {
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) m *= 2.0, exponent--;
    const double t = (m - 1.0) / (m + 1.0), s = t * t;
    double q = 0.0;
    for (int i = 23; i >= 1; i -= 2) q = q * s + 1.0 / (double)i;
    return 0.69314718055994530942 * (double)exponent + 2.0 * t * q;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_SERIES_H */
