/* batch_norm.h - batch normalisation by columns, its averages, and its test-time forms */
#ifndef NN_BATCH_NORM_H
#define NN_BATCH_NORM_H

#include "config.h"

/* x holds `rows` rows of n floats, and what follows is done to each of the n columns: of a dense layer the rows are the
 * batch, of images (images x height x width x channels) all positions of all images. mean, variance, gamma, beta and their
 * gradients are n floats each. gamma = NULL stands for ones, beta = NULL for zeros; a gradient that is NULL is not computed. */

/* The mean, and the mean squared distance from it (divided by rows, not by rows - 1). Moments are taken about the mean of
 * the first 256 rows and corrected, so that nothing is lost where the mean is large beside the deviation. Of no rows, 0. */
NN_API void nn_batch_norm_statistics(float *mean, float *variance, const float *x, size_t rows, size_t n);

/* y = gamma*(x - mean)/sqrt(variance + epsilon) + beta; y may be x. In training, mean and variance are the batch's; at test
 * an average, or those of the whole training set (nn_moments). */
NN_API void nn_batch_norm(float *y, const float *x, const float *mean, const float *variance, const float *gamma,
                          const float *beta, size_t rows, size_t n, float epsilon);

/* Gradients from dy, where mean and variance are those of x itself, through which x acts too. dx may be dy or x.
 * accumulate = 1 adds to dgamma and dbeta, 0 overwrites them. */
NN_API void nn_batch_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *variance, const float *gamma, size_t rows, size_t n, float epsilon,
                                   int accumulate);

/* The same where mean and variance are constants, as in a layer whose averages are frozen. */
NN_API void nn_batch_norm_backward_frozen(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                          const float *mean, const float *variance, const float *gamma, size_t rows, size_t n,
                                          float epsilon, int accumulate);

/* Running averages from the statistics of a batch of `rows` rows, as PyTorch keeps them:
 *
 *     running_mean     = (1 - momentum)*running_mean + momentum*mean
 *     running_variance = (1 - momentum)*running_variance + momentum*variance*rows/(rows - 1)
 *
 * The momentum is the weight of what is new, 0.1 by custom. The variance that goes into the average is the unbiased one; of
 * a single row there is none, and the biased one, 0, is taken. Start with means 0 and variances 1. */
NN_API void nn_batch_norm_average(float *running_mean, float *running_variance, const float *mean, const float *variance,
                                  size_t rows, size_t n, float momentum);

/* Batch normalisation with constant statistics as scale = gamma/sqrt(variance + epsilon) and shift = beta - mean*scale, for
 * nn_affine. Where a mean is much larger than the deviation, scale*x and shift nearly cancel: nn_batch_norm is more exact. */
NN_API void nn_batch_norm_affine(float *scale, float *shift, const float *mean, const float *variance, const float *gamma,
                                 const float *beta, size_t n, float epsilon);

/* Folds batch normalisation with constant statistics into the layer before it: x*w + bias then gives what normalising gave.
 * w is k x n: of a dense layer inputs x outputs, of a convolution (height*width*channels in) x channels out. It is scaled
 * in place. bias takes the new bias; bias_before is the old one, bias itself, or NULL if there was none. */
NN_API void nn_batch_norm_fold(float *w, float *bias, const float *bias_before, const float *mean, const float *variance,
                               const float *gamma, const float *beta, size_t k, size_t n, float epsilon);

#ifdef NN_IMPLEMENTATION

#include "columns.h"
#include "moments.h"

/* ---- statistics ---- */

static void nni_statistics_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    const double share = 1.0 / (double)c->rows;
    for (size_t j = 0; j < width; j++) {
        double mean;
        const double squares = nni_moments_of(&mean, (double)factor[j], total[j], total[width + j], share);
        c->first[column + j] = (float)mean;
        c->second[column + j] = (float)(squares * share);
    }
}

NN_API void nn_batch_norm_statistics(float *mean, float *variance, const float *x, size_t rows, size_t n) {
    nni_columns c = nni_moments_columns(x, rows, n);
    c.finish = nni_statistics_finish;
    c.first = mean;
    c.second = variance;
    if (rows) {
        nni_columns_run(&c);
    } else if (n) {
        memset(mean, 0, n * sizeof *mean);
        memset(variance, 0, n * sizeof *variance);
    }
}

NN_API void nn_batch_norm_average(float *running_mean, float *running_variance, const float *mean, const float *variance,
                                  size_t rows, size_t n, float momentum) {
    const double weight = (double)momentum, unbiased = rows > 1 ? weight * ((double)rows / (double)(rows - 1)) : weight;
    for (size_t j = 0; j < n; j++) {
        running_mean[j] = (float)((1.0 - weight) * (double)running_mean[j] + weight * (double)mean[j]);
        running_variance[j] = (float)((1.0 - weight) * (double)running_variance[j] + unbiased * (double)variance[j]);
    }
}

/* ---- forward ---- */

/* mean, gamma/sqrt(variance + epsilon) and beta, for nni_affine_apply */
static void nni_batch_norm_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    float *scale = factor + NNI_PANEL;
    nni_columns_copy(factor, c->mean, 0.0f, column, width);
    c->tier->inverse_deviation(scale, c->variance + column, width, c->epsilon);
    for (size_t j = 0; c->scale && j < width; j++) scale[j] *= c->scale[column + j];
    nni_columns_copy(factor + 2 * NNI_PANEL, c->shift, 0.0f, column, width);
}

NN_API void nn_batch_norm(float *y, const float *x, const float *mean, const float *variance, const float *gamma,
                          const float *beta, size_t rows, size_t n, float epsilon) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.prepare = nni_batch_norm_prepare;
    c.apply = nni_affine_apply;
    c.mean = mean;
    c.variance = variance;
    c.scale = gamma;
    c.shift = beta;
    c.epsilon = epsilon;
    c.y = y;
    nni_columns_run(&c);
}

/* ---- backward ---- */

static void nni_batch_norm_products(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                    size_t width) {
    nni_strip strip = nni_columns_block(c, block, column, width);
    (void)factor;
    strip.mean = c->mean + column;
    c->tier->columns_products(sum, &strip);
}

/* factor 0: gamma/sqrt(variance + epsilon); then, for the gradient through the statistics, ones, the mean of dy, and the
 * mean of dy*(x - mean) over the variance */
static void nni_batch_norm_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    float *inverse = factor + NNI_PANEL;
    double *products = total + width;
    const double share = 1.0 / (double)c->rows;
    c->tier->inverse_deviation(inverse, c->variance + column, width, c->epsilon);
    for (size_t j = 0; j < width; j++) {
        const double i1 = (double)inverse[j];
        products[j] *= i1;
        factor[j] = c->scale ? inverse[j] * c->scale[column + j] : inverse[j];
        factor[2 * NNI_PANEL + j] = (float)(total[j] * share);
        factor[3 * NNI_PANEL + j] = (float)(products[j] * share * i1);
        inverse[j] = 1.0f;
    }
    nni_columns_gradient(c->first, products, column, width, c->accumulate);
    nni_columns_gradient(c->second, total, column, width, c->accumulate);
}

static void nni_batch_norm_apply(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column,
                                 size_t width) {
    nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    strip.mean = c->mean + column;
    strip.inverse = factor;
    c->tier->normalize_backward(c->y + row * c->n + column, &strip, factor + NNI_PANEL, factor + 2 * NNI_PANEL,
                                factor + 3 * NNI_PANEL);
}

static nni_columns nni_batch_norm_gradients(float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                            const float *variance, const float *gamma, size_t rows, size_t n, float epsilon,
                                            int accumulate) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.sum = nni_batch_norm_products;
    c.finish = nni_batch_norm_finish;
    c.sums = 2;
    c.dy = dy;
    c.mean = mean;
    c.variance = variance;
    c.scale = gamma;
    c.first = dgamma;
    c.second = dbeta;
    c.epsilon = epsilon;
    c.accumulate = accumulate;
    return c;
}

NN_API void nn_batch_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *variance, const float *gamma, size_t rows, size_t n, float epsilon,
                                   int accumulate) {
    nni_columns c = nni_batch_norm_gradients(dgamma, dbeta, dy, x, mean, variance, gamma, rows, n, epsilon, accumulate);
    c.y = dx;
    c.apply = dx ? nni_batch_norm_apply : NULL;
    nni_columns_run(&c);
}

NN_API void nn_batch_norm_backward_frozen(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                          const float *mean, const float *variance, const float *gamma, size_t rows, size_t n,
                                          float epsilon, int accumulate) {
    if (dgamma || dbeta) {
        nni_columns c = nni_batch_norm_gradients(dgamma, dbeta, dy, x, mean, variance, gamma, rows, n, epsilon, accumulate);
        nni_columns_run(&c);
    }
    if (dx) nn_batch_norm(dx, dy, NULL, variance, gamma, NULL, rows, n, epsilon);
}

/* ---- at test ---- */

NN_API void nn_batch_norm_affine(float *scale, float *shift, const float *mean, const float *variance, const float *gamma,
                                 const float *beta, size_t n, float epsilon) {
    nni_get_tier()->inverse_deviation(scale, variance, n, epsilon);
    for (size_t j = 0; j < n; j++) {
        if (gamma) scale[j] *= gamma[j];
        shift[j] = (float)((beta ? (double)beta[j] : 0.0) - (double)mean[j] * (double)scale[j]);
    }
}

/* The factors of nn_batch_norm for the weights, without mean and beta, which go into the bias. */
static void nni_fold_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    const float *scale = factor + NNI_PANEL, *before = (const float *)c->more, *mean = c->mean, *beta = c->shift;
    nni_batch_norm_prepare(c, factor, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t at = column + j;
        const double distance = (before ? (double)before[at] : 0.0) - (double)mean[at];
        c->first[at] = (float)((double)scale[j] * distance + (beta ? (double)beta[at] : 0.0));
        factor[j] = factor[2 * NNI_PANEL + j] = 0.0f;
    }
}

NN_API void nn_batch_norm_fold(float *w, float *bias, const float *bias_before, const float *mean, const float *variance,
                               const float *gamma, const float *beta, size_t k, size_t n, float epsilon) {
    nni_columns c = nni_columns_of(w, k, n);
    c.prepare = nni_fold_prepare;
    c.apply = nni_affine_apply;
    c.mean = mean;
    c.variance = variance;
    c.scale = gamma;
    c.shift = beta;
    c.epsilon = epsilon;
    c.y = w;
    c.first = bias;
    c.more = bias_before;
    nni_columns_run(&c);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_BATCH_NORM_H */
