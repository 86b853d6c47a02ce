/* maths.h - functions of every element of an array */
#ifndef NN_MATHS_H
#define NN_MATHS_H

#include "activation.h"

/* y[i] = f(x[i]) for n elements; y may be x. Accuracy over all floats against the true value, in units in the last place:
 * exp and log 1, the others 2. exp and log have the special values of C99; NaN gives NaN everywhere; sigmoid and exp never fall
 * where x rises. */
NN_API void nn_exp(float *y, const float *x, size_t n);
NN_API void nn_log(float *y, const float *x, size_t n);
NN_API void nn_tanh(float *y, const float *x, size_t n);
NN_API void nn_sigmoid(float *y, const float *x, size_t n);              /* 1 / (1 + e^-x) */
NN_API void nn_softplus(float *y, const float *x, size_t n);             /* log(1 + e^x) */
NN_API void nn_relu(float *y, const float *x, size_t n);                 /* max(x, 0) */
NN_API void nn_leaky_relu(float *y, const float *x, size_t n, float a);  /* x > 0 ? x : a*x */
NN_API void nn_elu(float *y, const float *x, size_t n, float a);         /* x > 0 ? x : a*(e^x - 1) */
NN_API void nn_step(float *y, const float *x, size_t n);                 /* x > 0 ? 1 : 0 */

/* The same by name; `slope` is the a of NN_LEAKY_RELU and NN_ELU. */
NN_API void nn_activate(float *y, const float *x, size_t n, nn_activation activation, float slope);

/* dx[i] = dy[i] * f'(x[i]), from y = f(x): a network keeps the activations and need not keep what went into them.
 * At a kink the derivative is the one from the left. For NN_LEAKY_RELU and NN_ELU the slope must be positive. dx may be dy. */
NN_API void nn_activate_backward(float *dx, const float *dy, const float *y, size_t n, nn_activation activation, float slope);
NN_API void nn_exp_backward(float *dx, const float *dy, const float *y, size_t n); /* dy * y, y = e^x */
NN_API void nn_log_backward(float *dx, const float *dy, const float *x, size_t n); /* dy / x, from x itself */

/* y may be a or b (or x). */
NN_API void nn_add(float *y, const float *a, const float *b, size_t n);
NN_API void nn_mul(float *y, const float *a, const float *b, size_t n);
NN_API void nn_scale(float *y, const float *x, size_t n, float a); /* y = a*x; a = 0 does not read x */
NN_API void nn_axpy(float *y, const float *x, size_t n, float a);  /* y = a*x + y, rounded once */

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "threads.h"

/* Elements worth a thread where f is an instruction or two, and where it is built on exp or log. At twice as many, two threads
 * that sleep between calls ran add 1.4 to 1.6 times as fast as one, axpy 1.3, ReLU 1.1 to 1.3; exp 1.2, log and tanh 1.4. */
#define NNI_MAP_SHARE 1000000
#define NNI_MAP_SHARE_HARD 300000

/* A loop over n elements in contiguous parts; f sees one part. */
typedef struct nni_map {
    const nni_tier *tier;
    void (*f)(const struct nni_map *map, size_t begin, size_t count);
    float *y;
    const float *a, *b;
    size_t n, part;
    nn_activation activation;
    float slope;
} nni_map;

static void nni_map_task(void *context, size_t i) {
    const nni_map *map = (const nni_map *)context;
    const size_t begin = i * map->part;
    map->f(map, begin, nni_min(map->part, map->n - begin));
}

static void nni_map_run(nni_map *map, size_t least) {
    const size_t threads = nni_threads_for(map->n, least);
    map->part = nni_round_up(nni_ceil_div(map->n, threads), 64);
    if (map->n) nni_parallel(nni_map_task, map, nni_ceil_div(map->n, map->part));
}

static nni_map nni_map_of(void (*f)(const nni_map *, size_t, size_t), float *y, const float *a, const float *b, size_t n) {
    nni_map map;
    memset(&map, 0, sizeof map);
    map.tier = nni_get_tier();
    map.f = f;
    map.y = y;
    map.a = a;
    map.b = b;
    map.n = n;
    return map;
}

static void nni_map_exp(const nni_map *m, size_t i, size_t n) { m->tier->exp(m->y + i, m->a + i, n); }
static void nni_map_log(const nni_map *m, size_t i, size_t n) { m->tier->log(m->y + i, m->a + i, n); }
static void nni_map_add(const nni_map *m, size_t i, size_t n) { m->tier->add(m->y + i, m->a + i, m->b + i, n); }
static void nni_map_mul(const nni_map *m, size_t i, size_t n) { m->tier->mul(m->y + i, m->a + i, m->b + i, n); }
static void nni_map_scale(const nni_map *m, size_t i, size_t n) { m->tier->scale(m->y + i, m->a + i, n, m->slope); }
static void nni_map_axpy(const nni_map *m, size_t i, size_t n) { m->tier->axpy(m->y + i, m->a + i, n, m->slope); }
static void nni_map_activate(const nni_map *m, size_t i, size_t n) {
    m->tier->activate(m->y + i, m->a + i, n, m->activation, m->slope);
}
static void nni_map_activate_backward(const nni_map *m, size_t i, size_t n) {
    m->tier->activate_backward(m->y + i, m->a + i, m->b + i, n, m->activation, m->slope);
}
static void nni_map_log_backward(const nni_map *m, size_t i, size_t n) {
    m->tier->log_backward(m->y + i, m->a + i, m->b + i, n);
}

NN_API void nn_exp(float *y, const float *x, size_t n) {
    nni_map map = nni_map_of(nni_map_exp, y, x, NULL, n);
    nni_map_run(&map, NNI_MAP_SHARE_HARD);
}
NN_API void nn_log(float *y, const float *x, size_t n) {
    nni_map map = nni_map_of(nni_map_log, y, x, NULL, n);
    nni_map_run(&map, NNI_MAP_SHARE_HARD);
}
NN_API void nn_activate(float *y, const float *x, size_t n, nn_activation activation, float slope) {
    NN_ASSERT((unsigned)activation < NN_ACTIVATION_COUNT);
    nni_map map = nni_map_of(nni_map_activate, y, x, NULL, n);
    map.activation = activation;
    map.slope = slope;
    const int easy = activation == NN_IDENTITY || activation == NN_RELU || activation == NN_LEAKY_RELU || activation == NN_STEP;
    nni_map_run(&map, easy ? NNI_MAP_SHARE : NNI_MAP_SHARE_HARD);
}
NN_API void nn_tanh(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_TANH, 0.0f); }
NN_API void nn_sigmoid(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_SIGMOID, 0.0f); }
NN_API void nn_softplus(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_SOFTPLUS, 0.0f); }
NN_API void nn_relu(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_RELU, 0.0f); }
NN_API void nn_leaky_relu(float *y, const float *x, size_t n, float a) { nn_activate(y, x, n, NN_LEAKY_RELU, a); }
NN_API void nn_elu(float *y, const float *x, size_t n, float a) { nn_activate(y, x, n, NN_ELU, a); }
NN_API void nn_step(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_STEP, 0.0f); }

NN_API void nn_activate_backward(float *dx, const float *dy, const float *y, size_t n, nn_activation activation, float slope) {
    NN_ASSERT((unsigned)activation < NN_ACTIVATION_COUNT);
    nni_map map = nni_map_of(nni_map_activate_backward, dx, dy, y, n);
    map.activation = activation;
    map.slope = slope;
    nni_map_run(&map, activation == NN_SOFTPLUS ? NNI_MAP_SHARE_HARD : NNI_MAP_SHARE);
}
NN_API void nn_exp_backward(float *dx, const float *dy, const float *y, size_t n) { nn_mul(dx, dy, y, n); }
NN_API void nn_log_backward(float *dx, const float *dy, const float *x, size_t n) {
    nni_map map = nni_map_of(nni_map_log_backward, dx, dy, x, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_add(float *y, const float *a, const float *b, size_t n) {
    nni_map map = nni_map_of(nni_map_add, y, a, b, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_mul(float *y, const float *a, const float *b, size_t n) {
    nni_map map = nni_map_of(nni_map_mul, y, a, b, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_scale(float *y, const float *x, size_t n, float a) {
    nni_map map = nni_map_of(nni_map_scale, y, x, NULL, n);
    map.slope = a;
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_axpy(float *y, const float *x, size_t n, float a) {
    nni_map map = nni_map_of(nni_map_axpy, y, x, NULL, n);
    map.slope = a;
    nni_map_run(&map, NNI_MAP_SHARE);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_MATHS_H */
