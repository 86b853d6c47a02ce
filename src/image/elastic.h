/* elastic.h - elastic morphing: pictures pulled out of shape by a smooth random field (Simard, Steinkraus, Platt, 2003) */
#ifndef NN_IMAGE_ELASTIC_H
#define NN_IMAGE_ELASTIC_H

#include "../random.h"
#include "affine.h"

/* dx and dy, height x width pixels each: uniform numbers in [-1, 1), one a pixel, smoothed by a Gaussian of deviation `sigma`
 * (its weights to 3 sigma sum to 1; beyond the edge numbers count as 0), times `alpha`. Simard's for 28 x 28 digits: sigma 4,
 * alpha 34. The deviation of the result is about alpha/(sqrt(3)*2*sqrt(pi)*sigma): 1.4 pixels. sigma 0 smooths nothing.
 * Numbers are taken from the next multiple of 64 of the sequence on, 2*height*width of them, each half a multiple of 64. */
NN_API NN_MUST_USE nn_status nn_elastic_field(float *dx, float *dy, size_t height, size_t width, float alpha, float sigma,
                                              nn_random *random, const nn_allocator *allocator);

/* y = x changed by t and such a field of y's size at once: one resampling. */
NN_API NN_MUST_USE nn_status nn_image_elastic(nn_image y, nn_image x, nn_transform t, float alpha, float sigma,
                                              nn_random *random, const nn_image_desc *desc);

#ifdef NN_IMPLEMENTATION

#define NNI_ELASTIC_SIGMA 1000.0f /* the widest Gaussian */

static size_t nni_elastic_radius(float sigma) { return (size_t)(3.0 * (double)sigma + 0.5); }

/* Floats of the workspace: weights; numbers between rows of zeros; their columns smoothed, between zeros. */
static size_t nni_elastic_work(size_t height, size_t width, float sigma) {
    const size_t radius = nni_elastic_radius(sigma);
    return (2 * radius + 1) + (height + 2 * radius) * width + 64 + height * (width + 2 * radius);
}

/* weights[t] = scale * e^(-(t - radius)^2 / (2 sigma^2)) / their sum, from the ratio of one to the next. */
static void nni_gaussian(float *weights, size_t radius, double sigma, double scale) {
    const double q = sigma > 0.0 ? nni_exact_exp(-0.5 / (sigma * sigma)) : 0.0;
    double total = 1.0, weight = 1.0, ratio = q;
    for (size_t t = 1; t <= radius; t++, ratio *= q * q) total += 2.0 * (weight *= ratio);
    weights[radius] = (float)(scale / total);
    weight = 1.0, ratio = q;
    for (size_t t = 1; t <= radius; t++, ratio *= q * q) {
        weight *= ratio;
        weights[radius - t] = weights[radius + t] = (float)(scale * weight / total);
    }
}

/* One component from the numbers of the blocks of 64 from `block` on. */
static void nni_elastic_smooth(float *d, size_t height, size_t width, const float *weights, size_t radius,
                               const nn_random *random, uint64_t block, float *work) {
    const nni_tier *tier = nni_get_tier();
    const size_t n = height * width, edge = radius * width, wide = width + 2 * radius;
    float *noise = work, *columns = work + n + 2 * edge + 64;
    memset(noise, 0, edge * sizeof *noise);
    tier->random_uniform(noise + edge, random->seed, random->stream, block, nni_ceil_div(n, 64), -1.0f, 1.0f);
    memset(noise + edge + n, 0, edge * sizeof *noise);
    for (size_t row = 0; row < height; row++) {
        float *to = columns + row * wide;
        memset(to, 0, radius * sizeof *to);
        memset(to + radius + width, 0, radius * sizeof *to);
    }
    tier->filter(columns + radius, wide, noise, width, height, width, width, weights, 2 * radius + 1);
    tier->filter(d, width, columns, wide, height, width, 1, weights, 2 * radius + 1);
}

/* From the blocks of 64 numbers from random->next/64 on. Each of the two passes multiplies by the root of alpha. */
static void nni_elastic_field(float *dx, float *dy, size_t height, size_t width, float alpha, float sigma,
                              const nn_random *random, float *work) {
    const size_t radius = nni_elastic_radius(sigma), blocks = nni_ceil_div(height * width, 64);
    nni_gaussian(work, radius, (double)sigma, sqrt((double)alpha));
    nni_elastic_smooth(dx, height, width, work, radius, random, random->next / 64, work + 2 * radius + 1);
    nni_elastic_smooth(dy, height, width, work, radius, random, random->next / 64 + blocks, work + 2 * radius + 1);
}

static int nni_elastic_valid(float alpha, float sigma) {
    return alpha >= 0.0f && alpha <= 1e6f && sigma >= 0.0f && sigma <= NNI_ELASTIC_SIGMA;
}

NN_API nn_status nn_elastic_field(float *dx, float *dy, size_t height, size_t width, float alpha, float sigma,
                                  nn_random *random, const nn_allocator *allocator) {
    const nn_status status = nn_isa_status();
    if (status != NN_OK) return status;
    if (!dx || !dy || !random) return NN_ERROR_NULL;
    if (!height || !width || !nni_elastic_valid(alpha, sigma)) return NN_ERROR_ARGUMENT;
    if (height > NNI_IMAGE_MOST / width) return NN_ERROR_SIZE;
    float *work = (float *)nni_alloc(allocator, nni_elastic_work(height, width, sigma), sizeof *work);
    if (!work) return NN_ERROR_MEMORY;
    random->next = (random->next + 63) / 64 * 64;
    nni_elastic_field(dx, dy, height, width, alpha, sigma, random, work);
    random->next += 2 * (uint64_t)nni_round_up(height * width, 64);
    nni_free(allocator, work);
    return NN_OK;
}

NN_API nn_status nn_image_elastic(nn_image y, nn_image x, nn_transform t, float alpha, float sigma, nn_random *random,
                                  const nn_image_desc *desc) {
    const nn_allocator *allocator = desc ? desc->allocator : NULL;
    nn_status status = nni_image_check_pair(&y, &x);
    if (status != NN_OK) return status;
    if (!random) return NN_ERROR_NULL;
    const size_t n = y.height * y.width;
    nn_random drawn = *random;
    float *d = (float *)nni_alloc(allocator, 2 * n, sizeof *d);
    if (!d) return NN_ERROR_MEMORY;
    status = nn_elastic_field(d, d + n, y.height, y.width, alpha, sigma, &drawn, allocator);
    if (status == NN_OK) status = nn_image_remap(y, x, t, d, d + n, desc);
    if (status == NN_OK) *random = drawn;
    nni_free(allocator, d);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_ELASTIC_H */
