/* maths.h - functions of every element of an array */
#ifndef NN_MATHS_H
#define NN_MATHS_H

#include "activation.h"

/* y[i] = f(x[i]) for n elements; y may be x. Accuracy over all floats against the true value, in units in the last place:
 * exp and log 1, nn_gelu 4, the others 2. exp and log have the special values of C99; NaN gives NaN everywhere; GELU and SiLU
 * go through the subnormals to -0 where x goes to -infinity; sigmoid and exp never fall where x rises. */
NN_API void nn_exp(float *y, const float *x, size_t n);
NN_API void nn_log(float *y, const float *x, size_t n);
NN_API void nn_tanh(float *y, const float *x, size_t n);
NN_API void nn_sigmoid(float *y, const float *x, size_t n);              /* 1 / (1 + e^-x) */
NN_API void nn_softplus(float *y, const float *x, size_t n);             /* log(1 + e^x) */
NN_API void nn_relu(float *y, const float *x, size_t n);                 /* max(x, 0) */
NN_API void nn_leaky_relu(float *y, const float *x, size_t n, float a);  /* x > 0 ? x : a*x */
NN_API void nn_elu(float *y, const float *x, size_t n, float a);         /* x > 0 ? x : a*(e^x - 1) */
NN_API void nn_step(float *y, const float *x, size_t n);                 /* x > 0 ? 1 : 0 */
NN_API void nn_selu(float *y, const float *x, size_t n);                 /* 1.0507009873554805 * ELU, a = 1.6732632423543772 */
NN_API void nn_gelu(float *y, const float *x, size_t n);                 /* x * P(x), P the normal distribution function */
NN_API void nn_gelu_tanh(float *y, const float *x, size_t n);            /* x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x^3))) */
NN_API void nn_silu(float *y, const float *x, size_t n);                 /* x * sigmoid(x) */

/* The same by name; `slope` is the a of NN_LEAKY_RELU and NN_ELU. */
NN_API void nn_activate(float *y, const float *x, size_t n, nn_activation activation, float slope);

/* dx[i] = dy[i] * f'(x[i]), where v is y = f(x), so that a network keeps the activations and need not keep what went into
 * them; or v is x, for the activations that keep their input. At a kink the derivative is the one from the left. For
 * NN_LEAKY_RELU and NN_ELU the slope must be positive. dx may be dy or v. */
NN_API void nn_activate_backward(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope);

/* 1 for NN_GELU, NN_GELU_TANH and NN_SILU: they fall and rise, so y does not tell x, and the backward pass is given x. */
NN_API int nn_activation_keeps_input(nn_activation activation);

NN_API void nn_exp_backward(float *dx, const float *dy, const float *y, size_t n); /* dy * y, y = e^x */
NN_API void nn_log_backward(float *dx, const float *dy, const float *x, size_t n); /* dy / x, from x itself */

/* Arithmetic, for the nodes of a graph; y may be a or b (or x). */
NN_API void nn_add(float *y, const float *a, const float *b, size_t n);
NN_API void nn_sub(float *y, const float *a, const float *b, size_t n);
NN_API void nn_mul(float *y, const float *a, const float *b, size_t n);
NN_API void nn_mul_add(float *y, const float *a, const float *b, size_t n); /* y = a*b + y, rounded once */
NN_API void nn_scale(float *y, const float *x, size_t n, float a); /* y = a*x; a = 0 does not read x */
NN_API void nn_axpy(float *y, const float *x, size_t n, float a);  /* y = a*x + y, rounded once */
NN_API void nn_reciprocal(float *y, const float *x, size_t n);     /* 1/x */
NN_API void nn_reciprocal_backward(float *dx, const float *dy, const float *y, size_t n); /* -dy*y*y, y = 1/x */
NN_API void nn_clip(float *y, const float *x, size_t n, float lo, float hi); /* x, no less than lo <= hi and no more than hi */

/* y = x + row for each of the rows, of n floats: a bias. With n = 1 it adds one number to all. y may be x. */
NN_API void nn_add_row(float *y, const float *x, const float *row, size_t rows, size_t n);

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "threads.h"

/* Elements worth a thread where f is an instruction or two, and where it is built on exp or log. At twice as many, two threads
 * that sleep between calls run add and ReLU 1.4 to 1.5 times as fast as one on a Zen 1, exp 1.8. */
#define NNI_MAP_SHARE 400000
#define NNI_MAP_SHARE_HARD 150000

/* A loop over n elements in contiguous parts; f sees one part. */
typedef struct nni_map {
    const nni_tier *tier;
    void (*f)(const struct nni_map *map, size_t begin, size_t count);
    float *y;
    const float *a, *b;
    size_t n, part;
    nn_activation activation;
    float slope, hi;
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
static void nni_map_sub(const nni_map *m, size_t i, size_t n) { m->tier->sub(m->y + i, m->a + i, m->b + i, n); }
static void nni_map_mul_add(const nni_map *m, size_t i, size_t n) { m->tier->mul_add(m->y + i, m->a + i, m->b + i, n); }
static void nni_map_clip(const nni_map *m, size_t i, size_t n) { m->tier->clip(m->y + i, m->a + i, n, m->slope, m->hi); }
static void nni_map_reciprocal(const nni_map *m, size_t i, size_t n) { m->tier->reciprocal(m->y + i, m->a + i, n); }
static void nni_map_reciprocal_backward(const nni_map *m, size_t i, size_t n) {
    m->tier->reciprocal_backward(m->y + i, m->a + i, m->b + i, n);
}
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

NN_API void nn_selu(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_SELU, 0.0f); }
NN_API void nn_gelu(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_GELU, 0.0f); }
NN_API void nn_gelu_tanh(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_GELU_TANH, 0.0f); }
NN_API void nn_silu(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_SILU, 0.0f); }

NN_API int nn_activation_keeps_input(nn_activation activation) {
#define NNI_KEEPS_INPUT(name, function, keeps_input) keeps_input,
    static const unsigned char keeps_input[] = {NN_ACTIVATION_LIST(NNI_KEEPS_INPUT)};
#undef NNI_KEEPS_INPUT
    NN_ASSERT((unsigned)activation < NN_ACTIVATION_COUNT);
    return keeps_input[activation];
}

NN_API void nn_activate_backward(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope) {
    NN_ASSERT((unsigned)activation < NN_ACTIVATION_COUNT);
    nni_map map = nni_map_of(nni_map_activate_backward, dx, dy, v, n);
    map.activation = activation;
    map.slope = slope;
    nni_map_run(&map, activation == NN_SOFTPLUS || nn_activation_keeps_input(activation) ? NNI_MAP_SHARE_HARD : NNI_MAP_SHARE);
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
NN_API void nn_sub(float *y, const float *a, const float *b, size_t n) {
    nni_map map = nni_map_of(nni_map_sub, y, a, b, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_mul_add(float *y, const float *a, const float *b, size_t n) {
    nni_map map = nni_map_of(nni_map_mul_add, y, a, b, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_reciprocal(float *y, const float *x, size_t n) {
    nni_map map = nni_map_of(nni_map_reciprocal, y, x, NULL, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_reciprocal_backward(float *dx, const float *dy, const float *y, size_t n) {
    nni_map map = nni_map_of(nni_map_reciprocal_backward, dx, dy, y, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_clip(float *y, const float *x, size_t n, float lo, float hi) {
    nni_map map = nni_map_of(nni_map_clip, y, x, NULL, n);
    map.slope = lo;
    map.hi = hi;
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

/* The rows of a matrix, shared among threads. */
typedef struct nni_row_map {
    const nni_tier *tier;
    float *y;
    const float *x, *row;
    size_t rows, n, part;
} nni_row_map;

static void nni_add_row_task(void *context, size_t i) {
    const nni_row_map *m = (const nni_row_map *)context;
    const size_t first = i * m->part;
    m->tier->add_row(m->y + first * m->n, m->x + first * m->n, m->row, nni_min(m->part, m->rows - first), m->n);
}

NN_API void nn_add_row(float *y, const float *x, const float *row, size_t rows, size_t n) {
    if (rows == 0 || n == 0) return;
    nni_row_map map = {nni_get_tier(), y, x, row, rows, n, nni_ceil_div(rows, nni_threads_for(rows * n, NNI_MAP_SHARE))};
    nni_parallel(nni_add_row_task, &map, nni_ceil_div(rows, map.part));
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_MATHS_H */
