/* dataset.h - samples with what is known about them, and batches of them */
#ifndef NN_DATASET_H
#define NN_DATASET_H

#include "../alloc.h"
#include "../graph/shape.h"
#include "../report.h"
#include "../status.h"

/* A plain value; {0} is an empty one. The arrays are the caller's, or live in `memory`, which copies made by nn_dataset_share,
 * views and parts hold together: the last nn_dataset_free gives it back. Whoever copies the struct by = makes no new holder. */
typedef struct nn_dataset {
    size_t count;           /* samples */
    nn_shape shape;         /* of one sample */
    const float *floats;    /* rows of shape, or NULL */
    const uint8_t *bytes;   /* or the same as bytes, each worth byte/255: one of the two is set */
    const uint32_t *labels; /* one a sample, below `classes`; or NULL */
    size_t classes;
    const float *targets; /* rows of target_size; or NULL */
    size_t target_size;
    const float *weights; /* one a sample; NULL: all 1 */
    const size_t *rows;   /* sample i lies in row rows[i] of all those arrays; NULL: in row i */
    const char *const *class_names, *const *feature_names, *const *target_names; /* classes, floats of a sample, target_size; or
                                                                                    NULL */
    const nn_allocator *allocator; /* where row lists and copies of it come from; NULL: malloc. It must outlive them */
    struct nni_shared *memory;
} nn_dataset;

/* Of the caller's arrays, which must outlive it. labels may be NULL (classes 0). */
NN_API nn_dataset nn_dataset_of(const float *x, size_t count, nn_shape shape, const uint32_t *labels, size_t classes);
NN_API nn_dataset nn_dataset_of_bytes(const uint8_t *x, size_t count, nn_shape shape, const uint32_t *labels, size_t classes);
NN_API nn_dataset nn_dataset_of_targets(const float *x, size_t count, nn_shape shape, const float *targets, size_t target_size);

/* One more holder of the same data, to be freed by itself. */
NN_API nn_dataset nn_dataset_share(const nn_dataset *d);

/* Gives up a hold, and makes it {0}. NULL and {0} are fine. */
NN_API void nn_dataset_free(nn_dataset *d);

/* The row of sample i in the arrays. */
static inline size_t nn_dataset_row(const nn_dataset *d, size_t i) { return d->rows ? d->rows[i] : i; }

/* Looks at all of it once: that the samples are there, that every label is below `classes`, that targets are finite and weights
 * finite and not negative. Loaders return nothing else; it is for arrays from elsewhere. */
NN_API NN_MUST_USE nn_status nn_dataset_check(const nn_dataset *d, nn_report *report);

/* x (n x shape), labels (n), targets (n x target_size), weights (n) of the samples which[0..n); which NULL: the first n. Each
 * of the four may be NULL. Labels and targets that the data does not have are not written; weights then are 1. A byte b becomes
 * b/255, rounded once. NN_ERROR_ARGUMENT, and nothing written, if one of them is not below d->count. */
NN_API NN_MUST_USE nn_status nn_dataset_gather(float *x, uint32_t *labels, float *targets, float *weights, const nn_dataset *d,
                                               const size_t *which, size_t n);

#ifdef NN_IMPLEMENTATION

#include "../image/image.h"

#ifndef _WIN32
#include <sys/mman.h>
#endif

/* ---- memory that datasets hold together ---- */

typedef struct nni_block {
    struct nni_block *next;
} nni_block;

/* Blocks, perhaps a file mapped into memory, and what lies under it: a view's holds the list of rows, and the whole's beneath.
 */
typedef struct nni_shared {
    size_t holders; /* atomic */
    nn_allocator allocator;
    nni_block *blocks;
    struct nni_shared *under;
    void *map;
    size_t map_bytes;
} nni_shared;

static inline const nn_allocator *nni_shared_allocator(const nni_shared *s) {
    return s->allocator.alloc ? &s->allocator : NULL;
}

/* Memory with one holder, above `under`, which it becomes a holder of. NULL: there is none. */
static NNI_UNUSED nni_shared *nni_shared_new(const nn_allocator *allocator, nni_shared *under) {
    nni_shared *s = (nni_shared *)nni_alloc(allocator, 1, sizeof *s);
    if (!s) return NULL;
    memset(s, 0, sizeof *s);
    s->holders = 1;
    if (allocator) s->allocator = *allocator;
    s->under = under;
    if (under) __atomic_add_fetch(&under->holders, 1, __ATOMIC_RELAXED);
    return s;
}

/* count elements that live as long as `s`; NULL if there is no memory. */
static NNI_UNUSED void *nni_shared_take(nni_shared *s, size_t count, size_t size) {
    size_t bytes;
    if (!nni_mul_size(count, size, &bytes) || bytes > SIZE_MAX - NNI_ALIGNMENT) return NULL;
    nni_block *block = (nni_block *)nni_alloc(nni_shared_allocator(s), bytes + NNI_ALIGNMENT, 1);
    if (!block) return NULL;
    block->next = s->blocks;
    s->blocks = block;
    return (char *)block + NNI_ALIGNMENT;
}

static void nni_shared_end(nni_shared *s) {
    const nn_allocator allocator = s->allocator;
    const nn_allocator *from = allocator.alloc ? &allocator : NULL;
    while (s->blocks) {
        nni_block *block = s->blocks;
        s->blocks = block->next;
        nni_free(from, block);
    }
#ifndef _WIN32
    if (s->map) munmap(s->map, s->map_bytes);
#endif
    nni_free(from, s);
}

/* One holder less; what nobody holds goes, down to the bottom. */
static void nni_shared_drop(nni_shared *s) {
    while (s && __atomic_sub_fetch(&s->holders, 1, __ATOMIC_ACQ_REL) == 0) {
        nni_shared *under = s->under;
        nni_shared_end(s);
        s = under;
    }
}

NN_API nn_dataset nn_dataset_share(const nn_dataset *d) {
    if (d->memory) __atomic_add_fetch(&d->memory->holders, 1, __ATOMIC_RELAXED);
    return *d;
}

NN_API void nn_dataset_free(nn_dataset *d) {
    if (!d) return;
    nni_shared_drop(d->memory);
    memset(d, 0, sizeof *d);
}

/* ---- of arrays ---- */

NN_API nn_dataset nn_dataset_of(const float *x, size_t count, nn_shape shape, const uint32_t *labels, size_t classes) {
    nn_dataset d;
    memset(&d, 0, sizeof d);
    d.count = count;
    d.shape = shape;
    d.floats = x;
    d.labels = labels;
    d.classes = labels ? classes : 0;
    return d;
}
NN_API nn_dataset nn_dataset_of_bytes(const uint8_t *x, size_t count, nn_shape shape, const uint32_t *labels, size_t classes) {
    nn_dataset d = nn_dataset_of(NULL, count, shape, labels, classes);
    d.bytes = x;
    return d;
}
NN_API nn_dataset nn_dataset_of_targets(const float *x, size_t count, nn_shape shape, const float *targets,
                                        size_t target_size) {
    nn_dataset d = nn_dataset_of(x, count, shape, NULL, 0);
    d.targets = targets;
    d.target_size = targets ? target_size : 0;
    return d;
}

static inline int nni_finite(float x) { return x - x == 0.0f; }

NN_API nn_status nn_dataset_check(const nn_dataset *d, nn_report *report) {
    nni_say_nothing(report);
    if (!d) return nni_say(report, NN_ERROR_NULL, "there is no dataset");
    if (d->count && !d->floats == !d->bytes)
        return nni_say(report, NN_ERROR_NULL, "samples must be floats or bytes: %s is set", d->floats ? "each" : "neither");
    size_t size;
    if (!nni_mul_size(d->shape.height, d->shape.width, &size) || !nni_mul_size(size, d->shape.channels, &size))
        return nni_say(report, NN_ERROR_SIZE, "%zu x %zu x %zu values in a sample overflow", d->shape.height, d->shape.width,
                       d->shape.channels);
    for (size_t i = 0; i < d->count; i++) {
        const size_t row = nn_dataset_row(d, i);
        if (d->labels && d->labels[row] >= d->classes)
            return nni_say(report, NN_ERROR_LABEL, "sample %zu is of class %u, of %zu classes", i, (unsigned)d->labels[row],
                           d->classes);
        for (size_t j = 0; d->targets && j < d->target_size; j++)
            if (!nni_finite(d->targets[row * d->target_size + j]))
                return nni_say(report, NN_ERROR_TARGET, "target %zu of sample %zu is NaN or infinite", j, i);
        if (d->weights && !(nni_finite(d->weights[row]) && d->weights[row] >= 0.0f))
            return nni_say(report, NN_ERROR_WEIGHT, "the weight of sample %zu is %g", i, (double)d->weights[row]);
    }
    return NN_OK;
}

/* ---- batches ---- */

NN_API nn_status nn_dataset_gather(float *x, uint32_t *labels, float *targets, float *weights, const nn_dataset *d,
                                   const size_t *which, size_t n) {
    if (!d || (n && x && !d->floats && !d->bytes)) return NN_ERROR_NULL;
    if (!which && n > d->count) return NN_ERROR_ARGUMENT;
    for (size_t i = 0; which && i < n; i++)
        if (which[i] >= d->count) return NN_ERROR_ARGUMENT;
    const size_t size = nn_shape_size(d->shape);
    for (size_t i = 0; i < n; i++) {
        const size_t row = nn_dataset_row(d, which ? which[i] : i);
        if (x && d->floats) memcpy(x + i * size, d->floats + row * size, size * sizeof *x);
        else if (x) nn_floats_from_bytes(x + i * size, d->bytes + row * size, size);
        if (labels && d->labels) labels[i] = d->labels[row];
        if (targets && d->targets)
            memcpy(targets + i * d->target_size, d->targets + row * d->target_size, d->target_size * sizeof *targets);
        if (weights) weights[i] = d->weights ? d->weights[row] : 1.0f;
    }
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_DATASET_H */
