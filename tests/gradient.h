/* gradient.h - gradients against central differences of a function written in double, nothing to do with nn.h */
#ifndef GRADIENT_H
#define GRADIENT_H

#include "test.h"

#define TOL_GRADIENT 2e-5 /* of the largest element: the float rounding of a gradient, not the error of the difference */

/* Whether the n floats of `gradient` are df/dx, sign and size, at the point x. f computes a scalar in double. */
static inline int gradient_matches(double (*f)(const double *x, void *context), void *context, const float *x, size_t n,
                                   const float *gradient, double tolerance) {
    double *at = (double *)malloc((n + 1) * sizeof *at), *want = (double *)malloc((n + 1) * sizeof *want), top = 1e-6;
    const double h = 0x1p-17; /* error h^2, rounding 2^-52/h: both below 1e-10 */
    int ok = 1;
    if (!at || !want) abort();
    for (size_t i = 0; i < n; i++) at[i] = (double)x[i];
    for (size_t i = 0; i < n; i++) {
        at[i] = (double)x[i] + h;
        const double above = f(at, context);
        at[i] = (double)x[i] - h;
        want[i] = (above - f(at, context)) / (2 * h);
        at[i] = (double)x[i];
        top = fmax(top, fabs(want[i]));
    }
    for (size_t i = 0; i < n && ok; i++)
        if (!(fabs((double)gradient[i] - want[i]) <= tolerance * top)) {
            printf("gradient[%zu] is %.9g, the difference quotient %.9g [%s]\n", i, (double)gradient[i], want[i], test.where);
            ok = 0;
        }
    free(at);
    free(want);
    return ok;
}

#endif /* GRADIENT_H */
