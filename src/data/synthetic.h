/* synthetic.h - small problems made by formula: classes in the plane, and curves to be fitted */
#ifndef NN_SYNTHETIC_H
#define NN_SYNTHETIC_H

#include "dataset.h"

/* In all of these sample i follows from the seed and i alone, with the same bits on every machine, so that a longer dataset
 * begins like a shorter one; samples 0 .. count - 1 are made. Noise is the deviation of normal noise that is added to every
 * coordinate, or to the target of a curve. Take another seed for tests. Classes take turns: sample i is of class i mod classes. */

/* Two half circles of radius 1 that reach into each other, around (0, 0) and (1, 0.5). */
NN_API NN_MUST_USE nn_status nn_make_moons(nn_dataset *d, size_t count, double noise, uint64_t seed, const nn_allocator *allocator);

/* `classes` circles around 0 with the radii 1/classes, 2/classes, ... 1. */
NN_API NN_MUST_USE nn_status nn_make_circles(nn_dataset *d, size_t classes, size_t count, double noise, uint64_t seed,
                                             const nn_allocator *allocator);

/* `arms` spirals around 0, each a class, that turn by `turns` on their way to radius 1. */
NN_API NN_MUST_USE nn_status nn_make_spirals(nn_dataset *d, size_t arms, double turns, size_t count, double noise, uint64_t seed,
                                             const nn_allocator *allocator);

/* Normally distributed classes with this deviation, around centres that are uniform in [-1, 1)^features and follow from the seed. */
NN_API NN_MUST_USE nn_status nn_make_blobs(nn_dataset *d, size_t classes, size_t features, size_t count, double deviation, uint64_t seed,
                                           const nn_allocator *allocator);

/* x uniform in [-1, 1), target sin(pi periods x) + noise. */
NN_API NN_MUST_USE nn_status nn_make_sine(nn_dataset *d, double periods, size_t count, double noise, uint64_t seed,
                                          const nn_allocator *allocator);

/* x uniform in [-1, 1), target c[0] + c[1] x + ... + c[n-1] x^(n-1) + noise. */
NN_API NN_MUST_USE nn_status nn_make_polynomial(nn_dataset *d, const double *c, size_t n, size_t count, double noise, uint64_t seed,
                                                const nn_allocator *allocator);

#ifdef NN_IMPLEMENTATION

#include "../exact.h"
#include "../random.h"

#include <math.h>

/* What a sample is made from: two uniform numbers in [0, 1) and two normal ones. */
typedef struct nni_luck {
    double u, v, first, second;
} nni_luck;

static nni_luck nni_luck_of(uint64_t seed, uint64_t kind, uint64_t i) {
    nn_random random = {seed, kind << 32 ^ i, 0};
    float uniform[2], normal[2];
    nn_random_uniform(uniform, 2, 0.0f, 1.0f, &random);
    nn_random_normal(normal, 2, 0.0f, 1.0f, &random);
    const nni_luck luck = {(double)uniform[0], (double)uniform[1], (double)normal[0], (double)normal[1]};
    return luck;
}

/* Streams of numbers that shuffling and initialising do not use. */
enum { NNI_MOONS = 0x6d6f6f6e, NNI_CIRCLES, NNI_SPIRALS, NNI_BLOBS, NNI_CENTRES, NNI_SINE, NNI_POLYNOMIAL };

/* Arrays for `count` samples, either of `classes` classes or with one target each. */
typedef struct nni_made {
    float *x, *targets;
    uint32_t *labels;
} nni_made;

static nn_status nni_make(nni_made *made, nn_dataset *d, size_t features, size_t classes, size_t count, double noise,
                          const nn_allocator *allocator) {
    size_t n;
    if (!d) return NN_ERROR_NULL;
    memset(d, 0, sizeof *d);
    memset(made, 0, sizeof *made);
    if (!(noise >= 0 && noise - noise == 0)) return NN_ERROR_ARGUMENT;
    if (!nni_mul_size(count, features, &n) || n > PTRDIFF_MAX / 16 || classes > UINT32_MAX) return NN_ERROR_SIZE;
    nni_shared *memory = nni_shared_new(allocator, NULL);
    int room = memory && (made->x = (float *)nni_shared_take(memory, n, sizeof(float))) != NULL;
    if (room && classes) room = (made->labels = (uint32_t *)nni_shared_take(memory, count, sizeof(uint32_t))) != NULL;
    if (room && !classes) room = (made->targets = (float *)nni_shared_take(memory, count, sizeof(float))) != NULL;
    if (!room) {
        nni_shared_drop(memory);
        return NN_ERROR_MEMORY;
    }
    *d = nn_dataset_of(made->x, count, nn_shape_vector(features), made->labels, classes);
    d->targets = made->targets;
    d->target_size = made->targets ? 1 : 0;
    d->allocator = allocator;
    d->memory = memory;
    for (size_t i = 0; made->labels && i < count; i++) made->labels[i] = (uint32_t)(i % classes);
    return NN_OK;
}

static void nni_put(float *x, size_t i, double first, double second, const nni_luck *luck, double noise) {
    x[2 * i] = (float)(first + noise * luck->first);
    x[2 * i + 1] = (float)(second + noise * luck->second);
}

NN_API nn_status nn_make_moons(nn_dataset *d, size_t count, double noise, uint64_t seed, const nn_allocator *allocator) {
    nni_made made;
    const nn_status status = nni_make(&made, d, 2, 2, count, noise, allocator);
    for (size_t i = 0; status == NN_OK && i < count; i++) {
        const nni_luck luck = nni_luck_of(seed, NNI_MOONS, i);
        double sine, cosine;
        nni_exact_turn(&sine, &cosine, luck.u / 2);
        if (i % 2) nni_put(made.x, i, 1 - cosine, 0.5 - sine, &luck, noise);
        else nni_put(made.x, i, cosine, sine, &luck, noise);
    }
    return status;
}

NN_API nn_status nn_make_circles(nn_dataset *d, size_t classes, size_t count, double noise, uint64_t seed, const nn_allocator *allocator) {
    nni_made made;
    if (!classes) return NN_ERROR_ARGUMENT;
    const nn_status status = nni_make(&made, d, 2, classes, count, noise, allocator);
    for (size_t i = 0; status == NN_OK && i < count; i++) {
        const nni_luck luck = nni_luck_of(seed, NNI_CIRCLES, i);
        const double radius = (double)(i % classes + 1) / (double)classes;
        double sine, cosine;
        nni_exact_turn(&sine, &cosine, luck.u);
        nni_put(made.x, i, radius * cosine, radius * sine, &luck, noise);
    }
    return status;
}

NN_API nn_status nn_make_spirals(nn_dataset *d, size_t arms, double turns, size_t count, double noise, uint64_t seed,
                                 const nn_allocator *allocator) {
    nni_made made;
    if (!arms || !(turns > -1e6 && turns < 1e6)) return NN_ERROR_ARGUMENT;
    const nn_status status = nni_make(&made, d, 2, arms, count, noise, allocator);
    for (size_t i = 0; status == NN_OK && i < count; i++) {
        const nni_luck luck = nni_luck_of(seed, NNI_SPIRALS, i);
        const double radius = sqrt(luck.u); /* as many samples on every piece of the arm, about */
        double sine, cosine;
        nni_exact_turn(&sine, &cosine, (double)(i % arms) / (double)arms + turns * radius);
        nni_put(made.x, i, radius * cosine, radius * sine, &luck, noise);
    }
    return status;
}

NN_API nn_status nn_make_blobs(nn_dataset *d, size_t classes, size_t features, size_t count, double deviation, uint64_t seed,
                               const nn_allocator *allocator) {
    nni_made made;
    if (!classes || !features) return NN_ERROR_ARGUMENT;
    const nn_status status = nni_make(&made, d, features, classes, count, deviation, allocator);
    for (size_t i = 0; status == NN_OK && i < count; i++) {
        nn_random sample = {seed, (uint64_t)NNI_BLOBS << 32 ^ i, 0}, centre = {seed, (uint64_t)NNI_CENTRES << 32 ^ i % classes, 0};
        float *x = made.x + i * features;
        for (size_t j = 0; j < features; j += 16) { /* 16 at a time */
            const size_t some = nni_min(features - j, 16);
            float at[16];
            nn_random_uniform(at, some, -1.0f, 1.0f, &centre);
            nn_random_normal(x + j, some, 0.0f, (float)deviation, &sample);
            for (size_t k = 0; k < some; k++) x[j + k] += at[k];
        }
    }
    return status;
}

NN_API nn_status nn_make_sine(nn_dataset *d, double periods, size_t count, double noise, uint64_t seed, const nn_allocator *allocator) {
    nni_made made;
    if (!(periods > -1e6 && periods < 1e6)) return NN_ERROR_ARGUMENT;
    const nn_status status = nni_make(&made, d, 1, 0, count, noise, allocator);
    for (size_t i = 0; status == NN_OK && i < count; i++) {
        const nni_luck luck = nni_luck_of(seed, NNI_SINE, i);
        const double x = 2 * luck.u - 1;
        double sine, cosine;
        nni_exact_turn(&sine, &cosine, periods * x / 2);
        made.x[i] = (float)x;
        made.targets[i] = (float)(sine + noise * luck.first);
    }
    return status;
}

NN_API nn_status nn_make_polynomial(nn_dataset *d, const double *c, size_t n, size_t count, double noise, uint64_t seed,
                                    const nn_allocator *allocator) {
    nni_made made;
    if (n && !c) return NN_ERROR_NULL;
    for (size_t k = 0; k < n; k++)
        if (!(c[k] - c[k] == 0)) return NN_ERROR_ARGUMENT;
    const nn_status status = nni_make(&made, d, 1, 0, count, noise, allocator);
    for (size_t i = 0; status == NN_OK && i < count; i++) {
        const nni_luck luck = nni_luck_of(seed, NNI_POLYNOMIAL, i);
        const double x = 2 * luck.u - 1;
        double y = 0;
        for (size_t k = n; k-- > 0;) y = y * x + c[k];
        made.x[i] = (float)x;
        made.targets[i] = (float)(y + noise * luck.first);
    }
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SYNTHETIC_H */
