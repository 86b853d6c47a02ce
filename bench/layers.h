/* layers.h - what the contenders of bench_layers are asked for, and the inputs that all of them make
 *
 * A request is a pass and sizes: `rows inputs outputs` of a layer, `batch size size ...` of a network, in which sizes are those
 * of the input and of each dense layer behind it. torch_layers.py reads the same. */
#ifndef BENCH_LAYERS_H
#define BENCH_LAYERS_H

#include "bench.h"

#define LAYERS_SIZES 8      /* numbers of a request */
#define LAYERS_RATE 0x1p-6f /* of a step of gradient descent */
#define LAYERS_EPSILON 1e-5f
#define LAYERS_KEEP 0.8f
#define LAYERS_SUMS 4       /* of a sketch for each array: four see an error in any of them, whatever the others hold */

typedef struct layers_request {
    char pass[16];
    size_t size[LAYERS_SIZES], sizes;
} layers_request;

static inline int layers_read(layers_request *r, const char *request) {
    int used;
    if (sscanf(request, "%15s%n", r->pass, &used) != 1) return 0;
    for (r->sizes = 0; r->sizes < LAYERS_SIZES; r->sizes++) {
        int more;
        if (sscanf(request += used, "%zu%n", &r->size[r->sizes], &more) != 1) break;
        used = more;
    }
    return r->sizes > 1;
}

static inline int layers_is(const layers_request *r, const char *pass) { return strcmp(r->pass, pass) == 0; }

/* A network whose dense layers are followed by batch norms, but for the last. */
static inline int layers_normed(const layers_request *r) { return strstr(r->pass, "_norm") != NULL; }

/* ---- inputs ---- */

static inline float *layers_x(size_t n) { return bench_input(1, n, -1.0f, 1.0f); }
static inline float *layers_dy(size_t n) { return bench_input(2, n, -1.0f, 1.0f); }

/* Of layer l: weights as He draws them for `in` inputs, biases around 0 and scales around 1. */
static inline float *layers_weights(size_t l, size_t in, size_t n) {
    const float most = (float)sqrt(6.0 / (double)in);
    return bench_input((uint32_t)(10 + l), n, -most, most);
}
static inline float *layers_bias(size_t l, size_t n) { return bench_input((uint32_t)(20 + l), n, -0.125f, 0.125f); }
static inline float *layers_gamma(size_t l, size_t n) { return bench_input((uint32_t)(30 + l), n, 0.75f, 1.25f); }

static inline uint32_t layers_label(size_t i, size_t classes) {
    return ((uint32_t)((int32_t)(bench_element(3, i) * 0x1p23f) + (1 << 23))) % (uint32_t)classes;
}

/* ---- results ---- */

/* Adds array number `part` of the results. */
static inline void layers_sketch(double *sketch, size_t part, const float *y, size_t n) {
    for (size_t i = 0; i < n; i++) sketch[part * LAYERS_SUMS + i % LAYERS_SUMS] += bench_row_weight(i) * (double)y[i];
}

#endif /* BENCH_LAYERS_H */
