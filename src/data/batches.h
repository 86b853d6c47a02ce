/* batches.h - a dataset in batches, for a loop of one's own */
#ifndef NN_BATCHES_H
#define NN_BATCHES_H

#include "dataset.h"

/* Walks through a dataset, every epoch in another order:
 *
 *   nn_batches b;
 *   nn_status status = nn_batches_begin(&b, &data, 50, seed);
 *   for (int epoch = 0; epoch < 10 && status == NN_OK; epoch++)
 *       while (nn_batches_next(&b)) step(b.x, b.labels, b.n);
 *   nn_batches_end(&b);
 *
 * The order of epoch e follows from the seed and e. The last batch may be short. The dataset must stay as it is. */
typedef struct nn_batches {
    size_t n;            /* samples in this batch */
    float *x;            /* n x shape */
    uint32_t *labels;    /* n; NULL if the data has none */
    float *targets;      /* n x target_size, or NULL */
    float *weights;      /* n, or NULL */
    const size_t *which; /* which samples of the dataset they are */
    uint64_t epoch;      /* of this batch, from 0 on; to be set between epochs to go on from there */
    int in_order;        /* set it to have the samples in the order of the dataset */
    int drop_last;       /* set it to leave a short last batch out */
    nn_dataset data;
    size_t *order, at, most;
    uint64_t seed;
} nn_batches;

/* Ready for the first epoch, with memory for `batch` samples at a time. After a failure nn_batches_end is fine and not needed.
 */
NN_API NN_MUST_USE nn_status nn_batches_begin(nn_batches *b, const nn_dataset *d, size_t batch, uint64_t seed);

/* 1: here is the next batch. 0: the epoch is over, and the next call begins another. */
NN_API int nn_batches_next(nn_batches *b);

NN_API void nn_batches_end(nn_batches *b);

#ifdef NN_IMPLEMENTATION

#include "../random.h"

NN_API void nn_batches_end(nn_batches *b) {
    if (!b) return;
    const nn_allocator *allocator = b->data.allocator;
    nni_free(allocator, b->x);
    nni_free(allocator, b->labels);
    nni_free(allocator, b->targets);
    nni_free(allocator, b->weights);
    nni_free(allocator, b->order);
    nn_dataset_free(&b->data);
    memset(b, 0, sizeof *b);
}

NN_API nn_status nn_batches_begin(nn_batches *b, const nn_dataset *d, size_t batch, uint64_t seed) {
    if (!b || !d || (d->count && !d->floats && !d->bytes)) return NN_ERROR_NULL;
    memset(b, 0, sizeof *b);
    if (!batch) return NN_ERROR_ARGUMENT;
    size_t size, target_values;
    const size_t held = nni_min(batch, d->count);
    if (!nni_mul_size(held, nn_shape_size(d->shape), &size) || !nni_mul_size(held, d->target_size, &target_values))
        return NN_ERROR_SIZE;
    b->data = nn_dataset_share(d);
    b->seed = seed;
    b->most = batch;
    b->x = (float *)nni_alloc(d->allocator, size, sizeof(float));
    b->order = (size_t *)nni_alloc(d->allocator, d->count, sizeof(size_t));
    int room = b->x && b->order;
    if (d->labels) room &= (b->labels = (uint32_t *)nni_alloc(d->allocator, held, sizeof(uint32_t))) != NULL;
    if (d->targets) room &= (b->targets = (float *)nni_alloc(d->allocator, target_values, sizeof(float))) != NULL;
    if (d->weights) room &= (b->weights = (float *)nni_alloc(d->allocator, held, sizeof(float))) != NULL;
    if (room) return NN_OK;
    nn_batches_end(b);
    return NN_ERROR_MEMORY;
}

static void nni_batches_order(nn_batches *b) {
    nn_random random = {b->seed, b->epoch, 0};
    if (!b->in_order) nn_random_permutation(b->order, b->data.count, &random);
    else
        for (size_t i = 0; i < b->data.count; i++) b->order[i] = i;
}

NN_API int nn_batches_next(nn_batches *b) {
    if (b->at == 0) nni_batches_order(b);
    b->n = nni_min(b->most, b->data.count - b->at);
    b->which = b->order + b->at;
    if (b->n == 0 || (b->drop_last && b->n < b->most) ||
        nn_dataset_gather(b->x, b->labels, b->targets, b->weights, &b->data, b->which, b->n) != NN_OK) {
        b->n = b->at = 0;
        b->epoch++;
        return 0;
    }
    b->at += b->n;
    return 1;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_BATCHES_H */
