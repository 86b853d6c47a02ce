/* group_norm.h - group normalisation: the channels of each image in groups, each group by its own mean and deviation */
#ifndef NN_GROUP_NORM_H
#define NN_GROUP_NORM_H

#include "status.h"

/* x is images x pixels x channels; the channels of an image are cut into `groups` groups of equally many neighbours, and
 *
 *     y = gamma*(x - mean)/sqrt(variance + epsilon) + beta
 *
 * with the mean and the biased variance of all pixels of the group; gamma and beta are one float a channel, or NULL for ones
 * and zeros. groups = channels is instance normalisation. mean and inverse_deviation, which is 1/sqrt(variance + epsilon),
 * take images x groups floats for the backward pass; both may be NULL. y may be x. NN_ERROR_ARGUMENT if channels is not a
 * multiple of groups. Threads share the images. */
NN_API NN_MUST_USE nn_status nn_group_norm(float *y, float *mean, float *inverse_deviation, const float *x, const float *gamma,
                                           const float *beta, size_t images, size_t pixels, size_t channels, size_t groups,
                                           float epsilon);

/* Gradients from dy and what the forward pass kept. A gradient that is NULL is not computed; dx may be dy or x. accumulate
 * = 1 adds to dgamma and dbeta, 0 overwrites them. */
NN_API NN_MUST_USE nn_status nn_group_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                                    const float *mean, const float *inverse_deviation, const float *gamma,
                                                    size_t images, size_t pixels, size_t channels, size_t groups,
                                                    int accumulate);

#ifdef NN_IMPLEMENTATION

#include "columns.h"
#include "moments.h"

#include <math.h>

#define NNI_GROUP_NORM_SHARE 150000 /* elements worth a thread, as in columns.h */

/* Whole groups of one image are treated together: as many as fit a panel, or one that may be several panels wide. Each is a
 * piece of work by itself. */
typedef struct nni_group_norm {
    const nni_tier *tier;
    size_t images, pixels, channels, groups, size; /* size: channels of a group */
    size_t together, pieces, part;                 /* groups of a piece, pieces of an image, pieces of a thread's part */
    const float *x, *dy, *gamma, *beta;
    const float *kept_mean, *kept_inverse; /* of the forward pass, for the backward pass */
    float *y, *mean, *inverse;
    float epsilon;
} nni_group_norm;

/* A piece of an image, with the statistics or sums of its groups. */
typedef struct nni_group_piece {
    nni_columns image;
    size_t first, groups, column, columns; /* the first group and channel, how many */
    double a[NNI_PANEL], b[NNI_PANEL];
} nni_group_piece;

static void nni_group_piece_of(nni_group_piece *p, const nni_group_norm *g, size_t i) {
    const size_t image = i / g->pieces, at = image * g->pixels * g->channels, group = i % g->pieces * g->together;
    p->image = nni_moments_columns(g->x + at, g->pixels, g->channels);
    p->image.y = g->y + at;
    if (g->dy) p->image.dy = g->dy + at;
    p->first = image * g->groups + group;
    p->groups = nni_min(g->together, g->groups - group);
    p->column = group * g->size;
    p->columns = p->groups * g->size;
    for (size_t k = 0; k < p->groups; k++) p->a[k] = p->b[k] = 0.0;
}

/* Calls f for each panel of a piece: its columns column .. column + width - 1 of the image. */
static void nni_group_panels(void (*f)(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width),
                             const nni_group_norm *g, nni_group_piece *p) {
    for (size_t done = 0; done < p->columns; done += NNI_PANEL)
        f(g, p, p->column + done, nni_min(p->columns - done, NNI_PANEL));
}

/* One value a channel from one a group: those of the image whose groups begin at `of_group`. */
static void nni_group_spread(float *to, const float *of_group, size_t size, size_t column, size_t width) {
    for (size_t j = 0, group = column / size, left = size - column % size; j < width; j++) {
        to[j] = of_group[group];
        if (--left == 0) left = size, group++;
    }
}

/* ---- forward ---- */

/* Merges the moments of each channel into those of its group: a is the mean, b the sum of squares. */
static void nni_group_moments(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width) {
    double total[NNI_COLUMN_SUMS * NNI_PANEL];
    float about[NNI_PANEL];
    const double pixels = (double)g->pixels, share = 1.0 / pixels;
    nni_moments_prepare(&p->image, about, column, width);
    nni_columns_total(&p->image, total, about, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t channel = column + j - p->column, k = channel / g->size;
        double mean;
        const double squares = nni_moments_of(&mean, (double)about[j], total[j], total[width + j], share);
        nni_moments_merge(p->a + k, p->b + k, pixels * (double)(channel % g->size), mean, squares, pixels);
    }
}

/* Normalises, with a the mean and b the inverse deviation. */
static void nni_group_apply(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width) {
    float mean[NNI_PANEL], scale[NNI_PANEL], shift[NNI_PANEL];
    nni_strip strip = nni_columns_strip(&p->image, 0, g->pixels, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t k = (column + j - p->column) / g->size;
        mean[j] = (float)p->a[k];
        scale[j] = (float)p->b[k] * (g->gamma ? g->gamma[column + j] : 1.0f);
    }
    nni_columns_copy(shift, g->beta, 0.0f, column, width);
    strip.mean = mean;
    g->tier->normalize(p->image.y + column, &strip, scale, shift);
}

static void nni_group_forward(const nni_group_norm *g, size_t i) {
    nni_group_piece p;
    const double share = 1.0 / ((double)g->pixels * (double)g->size);
    nni_group_piece_of(&p, g, i);
    nni_group_panels(nni_group_moments, g, &p);
    for (size_t k = 0; k < p.groups; k++) {
        p.b[k] = 1.0 / sqrt(p.b[k] * share + (double)g->epsilon);
        if (g->mean) g->mean[p.first + k] = (float)p.a[k];
        if (g->inverse) g->inverse[p.first + k] = (float)p.b[k];
    }
    nni_group_panels(nni_group_apply, g, &p);
}

/* ---- backward ---- */

static void nni_group_products_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                   size_t width) {
    nni_strip strip = nni_columns_block(c, block, column, width);
    strip.mean = factor;
    c->tier->columns_products(sum, &strip);
}

static const float *nni_group_mean(const nni_group_norm *g, const nni_group_piece *p) {
    return g->kept_mean + p->first - p->column / g->size;
}
static const float *nni_group_inverse(const nni_group_norm *g, const nni_group_piece *p) {
    return g->kept_inverse + p->first - p->column / g->size;
}

/* Adds up for each group: a is the sum of gamma*dy, b that of gamma*dy*(x - mean). */
static void nni_group_products(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width) {
    double total[NNI_COLUMN_SUMS * NNI_PANEL];
    float mean[NNI_PANEL];
    nni_group_spread(mean, nni_group_mean(g, p), g->size, column, width);
    nni_columns_total(&p->image, total, mean, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t k = (column + j - p->column) / g->size;
        const double gain = g->gamma ? (double)g->gamma[column + j] : 1.0;
        p->a[k] += gain * total[j];
        p->b[k] += gain * total[width + j];
    }
}

static void nni_group_apply_backward(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width) {
    float mean[NNI_PANEL], inverse[NNI_PANEL], gain[NNI_PANEL], dy_mean[NNI_PANEL], slope[NNI_PANEL];
    nni_strip strip = nni_columns_strip(&p->image, 0, g->pixels, column, width);
    const double share = 1.0 / ((double)g->pixels * (double)g->size);
    nni_group_spread(mean, nni_group_mean(g, p), g->size, column, width);
    nni_group_spread(inverse, nni_group_inverse(g, p), g->size, column, width);
    nni_columns_copy(gain, g->gamma, 1.0f, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t k = (column + j - p->column) / g->size;
        dy_mean[j] = (float)(p->a[k] * share);
        slope[j] = (float)(p->b[k] * share * (double)inverse[j] * (double)inverse[j]);
    }
    strip.mean = mean;
    strip.inverse = inverse;
    g->tier->normalize_backward(p->image.y + column, &strip, gain, dy_mean, slope);
}

static void nni_group_backward(const nni_group_norm *g, size_t i) {
    nni_group_piece p;
    nni_group_piece_of(&p, g, i);
    p.image.sum = nni_group_products_sum;
    nni_group_panels(nni_group_products, g, &p);
    nni_group_panels(nni_group_apply_backward, g, &p);
}

/* Block `block` of all images: the gradients of gamma and beta are sums over images too. */
static void nni_group_parameters_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                     size_t width) {
    const nni_group_norm *g = (const nni_group_norm *)c->more;
    const size_t blocks = c->blocks / g->images, image = block / blocks, row = block % blocks * NNI_ROW_BLOCK;
    float mean[NNI_PANEL], inverse[NNI_PANEL];
    nni_strip strip = nni_columns_strip(c, image * g->pixels + row, nni_min(g->pixels - row, NNI_ROW_BLOCK), column, width);
    (void)factor;
    nni_group_spread(mean, g->kept_mean + image * g->groups, g->size, column, width);
    nni_group_spread(inverse, g->kept_inverse + image * g->groups, g->size, column, width);
    strip.mean = mean;
    c->tier->columns_products(sum, &strip);
    for (size_t j = 0; j < width; j++) sum[width + j] *= inverse[j];
}

static void nni_group_parameters_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    (void)factor;
    nni_columns_gradient(c->first, total + width, column, width, c->accumulate);
    nni_columns_gradient(c->second, total, column, width, c->accumulate);
}

static void nni_group_parameters(const nni_group_norm *g, float *dgamma, float *dbeta, int accumulate) {
    nni_columns c = nni_columns_of(g->x, g->images * g->pixels, g->channels);
    c.blocks = g->images * nni_ceil_div(g->pixels, NNI_ROW_BLOCK);
    c.sum = nni_group_parameters_sum;
    c.finish = nni_group_parameters_finish;
    c.sums = 2;
    c.dy = g->dy;
    c.first = dgamma;
    c.second = dbeta;
    c.accumulate = accumulate;
    c.more = g;
    nni_columns_run(&c);
}

/* ---- both ---- */

static void nni_group_norm_task(void *context, size_t i) {
    const nni_group_norm *g = (const nni_group_norm *)context;
    const size_t begin = i * g->part, end = nni_min(g->images * g->pieces, begin + g->part);
    for (size_t piece = begin; piece < end; piece++) (g->dy ? nni_group_backward : nni_group_forward)(g, piece);
}

static void nni_group_norm_run(nni_group_norm *g) {
    const size_t pieces = g->images * g->pieces;
    if (pieces == 0 || g->pixels == 0) return;
    g->part = nni_ceil_div(pieces, nni_threads_for(g->images * g->pixels * g->channels, NNI_GROUP_NORM_SHARE));
    nni_parallel(nni_group_norm_task, g, nni_ceil_div(pieces, g->part));
}

/* Sets the sizes; the other members are zeros. */
static nn_status nni_group_norm_of(nni_group_norm *g, const float *x, size_t images, size_t pixels, size_t channels,
                                   size_t groups) {
    if (groups == 0 ? channels != 0 : channels % groups != 0) return NN_ERROR_ARGUMENT;
    memset(g, 0, sizeof *g);
    g->tier = nni_get_tier();
    g->x = x;
    g->images = images;
    g->pixels = pixels;
    g->channels = channels;
    g->groups = groups;
    if (channels) {
        g->size = channels / groups;
        g->together = nni_max(1, NNI_PANEL / g->size);
        g->pieces = nni_ceil_div(groups, g->together);
    }
    return NN_OK;
}

NN_API nn_status nn_group_norm(float *y, float *mean, float *inverse_deviation, const float *x, const float *gamma,
                               const float *beta, size_t images, size_t pixels, size_t channels, size_t groups, float epsilon) {
    nni_group_norm g;
    const nn_status status = nni_group_norm_of(&g, x, images, pixels, channels, groups);
    if (status != NN_OK) return status;
    g.y = y;
    g.mean = mean;
    g.inverse = inverse_deviation;
    g.gamma = gamma;
    g.beta = beta;
    g.epsilon = epsilon;
    nni_group_norm_run(&g);
    return NN_OK;
}

NN_API nn_status nn_group_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                        const float *mean, const float *inverse_deviation, const float *gamma, size_t images,
                                        size_t pixels, size_t channels, size_t groups, int accumulate) {
    nni_group_norm g;
    const nn_status status = nni_group_norm_of(&g, x, images, pixels, channels, groups);
    if (status != NN_OK) return status;
    g.dy = dy;
    g.kept_mean = mean;
    g.kept_inverse = inverse_deviation;
    g.gamma = gamma;
    g.y = dx;
    if (dgamma || dbeta) nni_group_parameters(&g, dgamma, dbeta, accumulate);
    if (dx) nni_group_norm_run(&g);
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_GROUP_NORM_H */
