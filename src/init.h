/* init.h - the first weights */
#ifndef NN_INIT_H
#define NN_INIT_H

#include "random.h"

/* How weights are drawn. */
typedef enum nn_init_kind {
    NN_INIT_USUAL,            /* in a network nn_init_he before ReLU and its kin, else nn_init_xavier; in nn_init_fill the latter */
    NN_INIT_CONSTANT,         /* scale itself */
    NN_INIT_NORMAL,           /* normally distributed */
    NN_INIT_TRUNCATED_NORMAL, /* the same without what lies beyond two deviations (of the normal that is cut) */
    NN_INIT_UNIFORM,          /* uniform in [-a, a) */
    NN_INIT_ORTHOGONAL        /* columns of norm `scale` (0 stands for 1) at right angles, or rows where columns are more */
} nn_init_kind;

/* What the variance is divided by: 1, the inputs of a unit, the units an input goes to, or the mean of the two. */
typedef enum nn_fan { NN_FAN_NONE, NN_FAN_IN, NN_FAN_OUT, NN_FAN_AVERAGE } nn_fan;

/* With a fan the variance of a weight is scale/fan: 1 for tanh and sigmoid, 2 for ReLU, whatever the distribution. Without one, scale
 * is the deviation, or of NN_INIT_UNIFORM the bound a. The deviation of NN_INIT_TRUNCATED_NORMAL is that of what remains:
 * the normal distribution that is cut at twice its deviation is wider by 1/0.8796. */
typedef struct nn_init {
    nn_init_kind kind;
    nn_fan fan;
    float scale;
} nn_init;

/* The usual ones. */
NN_API nn_init nn_init_usual(void);
NN_API nn_init nn_init_constant(float value);
NN_API nn_init nn_init_normal(float deviation);
NN_API nn_init nn_init_truncated_normal(float deviation);
NN_API nn_init nn_init_uniform(float bound);
NN_API nn_init nn_init_xavier(void);         /* N(0, 1/in), as the lectures have it; also called LeCun's */
NN_API nn_init nn_init_glorot(void);         /* N(0, 2/(in + out)) */
NN_API nn_init nn_init_glorot_uniform(void); /* a = sqrt(6/(in + out)) */
NN_API nn_init nn_init_he(void);             /* N(0, 2/in) */
NN_API nn_init nn_init_he_uniform(void);     /* a = sqrt(6/in) */
NN_API nn_init nn_init_orthogonal(float gain);

/* n weights from n numbers of the sequence (NN_INIT_CONSTANT takes none): the same bits on every machine and for every number of
 * threads. A dense layer's fan_in x fan_out weights are n = fan_in*fan_out; a convolution of k x k has fan_in = k*k*channels in,
 * fan_out = k*k*channels out, n = fan_in*channels out. A fan of 0 counts as 1. NN_INIT_ORTHOGONAL fills a matrix of fan_in rows, and
 * what is left over of n with zeros; it takes time as (n * the smaller side). */
NN_API void nn_init_fill(float *w, size_t fan_in, size_t fan_out, size_t n, nn_init init, nn_random *random);

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "maths.h"

#include <math.h>

static nn_init nni_init_of(nn_init_kind kind, nn_fan fan, float scale) {
    nn_init init;
    init.kind = kind;
    init.fan = fan;
    init.scale = scale;
    return init;
}

NN_API nn_init nn_init_usual(void) { return nni_init_of(NN_INIT_USUAL, NN_FAN_NONE, 0.0f); }
NN_API nn_init nn_init_constant(float value) { return nni_init_of(NN_INIT_CONSTANT, NN_FAN_NONE, value); }
NN_API nn_init nn_init_normal(float deviation) { return nni_init_of(NN_INIT_NORMAL, NN_FAN_NONE, deviation); }
NN_API nn_init nn_init_truncated_normal(float deviation) { return nni_init_of(NN_INIT_TRUNCATED_NORMAL, NN_FAN_NONE, deviation); }
NN_API nn_init nn_init_uniform(float bound) { return nni_init_of(NN_INIT_UNIFORM, NN_FAN_NONE, bound); }
NN_API nn_init nn_init_xavier(void) { return nni_init_of(NN_INIT_NORMAL, NN_FAN_IN, 1.0f); }
NN_API nn_init nn_init_glorot(void) { return nni_init_of(NN_INIT_NORMAL, NN_FAN_AVERAGE, 1.0f); }
NN_API nn_init nn_init_glorot_uniform(void) { return nni_init_of(NN_INIT_UNIFORM, NN_FAN_AVERAGE, 1.0f); }
NN_API nn_init nn_init_he(void) { return nni_init_of(NN_INIT_NORMAL, NN_FAN_IN, 2.0f); }
NN_API nn_init nn_init_he_uniform(void) { return nni_init_of(NN_INIT_UNIFORM, NN_FAN_IN, 2.0f); }
NN_API nn_init nn_init_orthogonal(float gain) { return nni_init_of(NN_INIT_ORTHOGONAL, NN_FAN_NONE, gain); }

/* What a variance is divided by; scale itself is a variance only where there is a fan. */
static double nni_init_fan(nn_fan fan, size_t fan_in, size_t fan_out) {
    const double in = (double)nni_max(fan_in, 1), out = (double)nni_max(fan_out, 1);
    return fan == NN_FAN_IN ? in : fan == NN_FAN_OUT ? out : 0.5 * (in + out);
}

/* ---- the truncated normal: one uniform number through the inverse of its distribution ---- */

#define NNI_TRUNCATED_REACH 0.954499721527099609375f /* of the normal distribution, what lies within two deviations */
#define NNI_TRUNCATED_WIDER 1.1368472343385565       /* 1 / the deviation of the standard normal cut at 2 */

static void nni_map_truncated(const nni_map *m, size_t i, size_t n) { m->tier->truncated_normal(m->y + i, m->a + i, n, m->slope); }

static void nni_init_truncated(float *w, size_t n, double deviation, nn_random *random) {
    nni_map map = nni_map_of(nni_map_truncated, w, w, NULL, n);
    map.slope = (float)(deviation * NNI_TRUNCATED_WIDER);
    nn_random_uniform(w, n, -NNI_TRUNCATED_REACH, NNI_TRUNCATED_REACH, random);
    nni_map_run(&map, NNI_MAP_SHARE);
}

/* ---- orthogonal vectors: those of a normal distribution by Gram and Schmidt, everything twice, in double ----
 *
 * A vector that has had the others taken out twice is at right angles to them to the last place of a float. */

#define NNI_ORTHOGONAL_HELD 256 /* products held at a time */

/* `count` vectors of `length` floats; component r of vector i is w[i*across + r*along]. */
typedef struct nni_vectors {
    float *w;
    size_t count, length, across, along;
} nni_vectors;

/* dot[j] = the product of vector i with vector first + j. Components lie side by side, or vectors do. */
static void nni_vectors_dots(double *dot, const nni_vectors *v, size_t i, size_t first, size_t count) {
    for (size_t j = 0; j < count; j++) dot[j] = 0.0;
    if (v->along == 1) {
        const float *a = v->w + i * v->across;
        for (size_t j = 0; j < count; j++) {
            const float *b = v->w + (first + j) * v->across;
            double lane[8] = {0.0};
            for (size_t r = 0; r < v->length; r++) lane[r % 8] += (double)a[r] * (double)b[r];
            for (size_t l = 0; l < 8; l++) dot[j] += lane[l];
        }
        return;
    }
    for (size_t r = 0; r < v->length; r++) {
        const float *row = v->w + r * v->along;
        for (size_t j = 0; j < count; j++) dot[j] += (double)row[i] * (double)row[first + j];
    }
}

/* Vector i less dot[j] times vector first + j. */
static void nni_vectors_take(const nni_vectors *v, size_t i, const double *dot, size_t first, size_t count) {
    for (size_t r = 0; r < v->length; r++) {
        double sum = 0.0;
        for (size_t j = 0; j < count; j++) sum += dot[j] * (double)v->w[(first + j) * v->across + r * v->along];
        float *to = v->w + i * v->across + r * v->along;
        *to = (float)((double)*to - sum);
    }
}

static void nni_vectors_scale(const nni_vectors *v, size_t i, double factor) {
    for (size_t r = 0; r < v->length; r++) {
        float *to = v->w + i * v->across + r * v->along;
        *to = (float)((double)*to * factor);
    }
}

static void nni_vectors_orthogonal(const nni_vectors *v) {
    double dot[NNI_ORTHOGONAL_HELD];
    for (size_t i = 0; i < v->count; i++) {
        for (int twice = 0; twice < 2; twice++) {
            for (size_t first = 0; first < i; first += NNI_ORTHOGONAL_HELD) {
                const size_t count = nni_min(i - first, NNI_ORTHOGONAL_HELD);
                nni_vectors_dots(dot, v, i, first, count);
                nni_vectors_take(v, i, dot, first, count);
            }
            nni_vectors_dots(dot, v, i, i, 1);
            if (dot[0] > 0.0) nni_vectors_scale(v, i, 1.0 / sqrt(dot[0]));
        }
    }
}

static void nni_init_orthogonal(float *w, size_t rows, size_t n, float gain, nn_random *random) {
    const size_t cols = n / rows;
    nni_vectors v;
    nn_random_normal(w, n, 0.0f, 1.0f, random);
    memset(w + rows * cols, 0, (n - rows * cols) * sizeof *w);
    v.w = w;
    v.count = nni_min(rows, cols);
    v.length = nni_max(rows, cols);
    v.across = rows < cols ? cols : 1;
    v.along = rows < cols ? 1 : cols;
    nni_vectors_orthogonal(&v);
    if (gain != 0.0f && gain != 1.0f) nn_scale(w, w, n, gain);
}

NN_API void nn_init_fill(float *w, size_t fan_in, size_t fan_out, size_t n, nn_init init, nn_random *random) {
    if (n == 0) return;
    if (init.kind == NN_INIT_USUAL) init = nn_init_xavier();
    double deviation = (double)init.scale;
    if (init.fan != NN_FAN_NONE) deviation = sqrt((double)init.scale / nni_init_fan(init.fan, fan_in, fan_out));
    switch (init.kind) {
    case NN_INIT_NORMAL: nn_random_normal(w, n, 0.0f, (float)deviation, random); break;
    case NN_INIT_TRUNCATED_NORMAL: nni_init_truncated(w, n, deviation, random); break;
    case NN_INIT_UNIFORM: {
        const float bound = (float)(init.fan == NN_FAN_NONE ? deviation : sqrt(3.0) * deviation);
        nn_random_uniform(w, n, -bound, bound, random);
        break;
    }
    case NN_INIT_ORTHOGONAL: nni_init_orthogonal(w, nni_max(fan_in, 1), n, init.scale, random); break;
    default:
        for (size_t i = 0; i < n; i++) w[i] = init.scale;
    }
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_INIT_H */
