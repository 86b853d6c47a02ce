/* average.h - an average of the weights over training, which is often better than the last of them */
#ifndef NN_TRAIN_AVERAGE_H
#define NN_TRAIN_AVERAGE_H

#include "../config.h"

/* average += (1 - decay)*(w - average): the exponential moving average. What falls below 2^-100 becomes 0. Copy the weights
 * first; after the t-th step a decay of nn_average_decay(decay, t) forgets these early weights soon, and with t/(t + 1) the
 * average is the plain mean of all of them. */
NN_API void nn_average_update(float *average, const float *w, size_t n, float decay);

/* The least of decay and (1 + step)/(10 + step), as TensorFlow has it. */
NN_API float nn_average_decay(float decay, uint64_t step);

#ifdef NN_IMPLEMENTATION

#include "../isa.h"
#include "../maths.h"

static void nni_map_average(const nni_map *m, size_t i, size_t n) { m->tier->move_average(m->y + i, m->a + i, n, m->slope); }

NN_API void nn_average_update(float *average, const float *w, size_t n, float decay) {
    nni_map map = nni_map_of(nni_map_average, average, w, NULL, n);
    map.slope = (float)(1.0 - (double)decay);
    nni_map_run(&map, NNI_MAP_SHARE);
}

NN_API float nn_average_decay(float decay, uint64_t step) {
    const float early = (float)((1.0 + (double)step) / (10.0 + (double)step));
    return early < decay ? early : decay;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_TRAIN_AVERAGE_H */
