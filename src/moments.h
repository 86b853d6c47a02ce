/* moments.h - mean and variance by columns, of one matrix or of a whole data set that comes in batches */
#ifndef NN_MOMENTS_H
#define NN_MOMENTS_H

#include "config.h"

/* The moments of n columns over all rows so far. mean and squares, the sum of squared distances from the mean, are the
 * caller's, n doubles each; they and `rows` start as zeros. Moments of a batch are summed about the mean of its first 256
 * rows and corrected, so that nothing is lost where a mean is large beside the deviation. */
typedef struct nn_moments {
    size_t n;
    uint64_t rows;
    double *mean, *squares;
} nn_moments;

/* Takes in `rows` more rows. Batches of any sizes give what the whole gives, but for rounding: they are merged in double by the
 * rule of Chan, Golub and LeVeque (1979). */
NN_API void nn_moments_add(nn_moments *moments, const float *x, size_t rows);

/* The mean, and the mean squared distance from it: divided by rows, not by rows - 1. Either may be NULL. Of no rows, 0. */
NN_API void nn_moments_get(float *mean, float *variance, const nn_moments *moments);

#ifdef NN_IMPLEMENTATION

#include "columns.h"

/* factor 0: the mean of the first block, about which moments are taken */
static void nni_moments_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    const nni_strip strip = nni_columns_block(c, 0, column, width);
    const float share = 1.0f / (float)strip.rows;
    c->tier->columns_sum(factor, &strip);
    for (size_t j = 0; j < width; j++) factor[j] *= share;
}

static void nni_moments_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column, size_t width) {
    nni_strip strip = nni_columns_block(c, block, column, width);
    strip.mean = factor;
    c->tier->columns_moments(sum, &strip);
}

/* The operation that hands the moments about factor 0 to `finish`. */
static nni_columns nni_moments_columns(const float *x, size_t rows, size_t n) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.prepare = nni_moments_prepare;
    c.sum = nni_moments_sum;
    c.sums = 2;
    return c;
}

/* The mean, and the sum of squared distances from it, of 1/share numbers, from the sums of their distances from `about` and
 * of the squares of these. */
static double nni_moments_of(double *mean, double about, double sum, double squares, double share) {
    const double off = sum * share, around = squares - off * sum;
    *mean = about + off;
    return around < 0.0 ? 0.0 : around;
}

/* Merges the moments of `added` more numbers into those of `before`. */
static void nni_moments_merge(double *mean, double *squares, double before, double mean_added, double squares_added,
                              double added) {
    const double apart = mean_added - *mean, share = added / (before + added);
    *mean += apart * share;
    *squares += squares_added + apart * apart * (before * share);
}

static void nni_moments_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    const nn_moments *m = (const nn_moments *)c->more;
    const double rows = (double)c->rows, share = 1.0 / rows;
    for (size_t j = 0; j < width; j++) {
        double mean;
        const double squares = nni_moments_of(&mean, (double)factor[j], total[j], total[width + j], share);
        nni_moments_merge(m->mean + column + j, m->squares + column + j, (double)m->rows, mean, squares, rows);
    }
}

NN_API void nn_moments_add(nn_moments *moments, const float *x, size_t rows) {
    if (rows == 0) return;
    nni_columns c = nni_moments_columns(x, rows, moments->n);
    c.finish = nni_moments_finish;
    c.more = moments;
    nni_columns_run(&c);
    moments->rows += rows;
}

NN_API void nn_moments_get(float *mean, float *variance, const nn_moments *moments) {
    const double share = moments->rows ? 1.0 / (double)moments->rows : 0.0;
    for (size_t j = 0; j < moments->n; j++) {
        if (mean) mean[j] = (float)moments->mean[j];
        if (variance) variance[j] = (float)(moments->squares[j] * share);
    }
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_MOMENTS_H */
