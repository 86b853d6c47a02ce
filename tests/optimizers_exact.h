/* optimizers_exact.h - the rules once more, in double and as the books print them */
#ifndef OPTIMIZERS_EXACT_H
#define OPTIMIZERS_EXACT_H

#include "../nn.h"

#include <math.h>

/* One weight and what is kept for it. */
typedef struct exact_weight {
    double w, v, mean, square, largest, steps, sum, product;
} exact_weight;

static inline exact_weight exact_start(const nn_optimizer *o, double w) {
    exact_weight x = {w, 0, 0, 0, 0, 0, 0, 1};
    if (o->kind == NN_RMSPROP || o->kind == NN_ADAGRAD || o->kind >= NN_FTRL) x.square = (double)o->accumulator;
    return x;
}

/* Where the gradient is wanted. */
static inline double exact_point(const nn_optimizer *o, const exact_weight *x, double momentum) {
    return o->kind == NN_NESTEROV && !o->rate_outside ? x->w + momentum * x->v : x->w;
}

static inline double exact_sign(double x) { return (x > 0) - (x < 0); }
static inline double exact_soft(double x, double by) { return exact_sign(x) * fmax(fabs(x) - by, 0); }
static inline double exact_root(const nn_optimizer *o, double square) {
    const double epsilon = (double)o->epsilon;
    return o->epsilon_inside ? sqrt(square + epsilon) : sqrt(square) + epsilon;
}

static inline void exact_velocity(exact_weight *x, const nn_optimizer *o, double g, int t, double momentum) {
    const double rate = (double)o->rate, share = t == 1 ? 1 : 1 - (double)o->dampening;
    if (!o->rate_outside) {
        x->v = momentum * x->v - share * rate * g;
        x->w += x->v;
    } else {
        x->v = momentum * x->v + share * g;
        x->w -= rate * (o->kind == NN_NESTEROV ? g + momentum * x->v : x->v);
    }
}

static inline void exact_rmsprop(exact_weight *x, const nn_optimizer *o, double g) {
    const double keep = (double)o->beta_2, rate = (double)o->rate, momentum = (double)o->momentum;
    x->square = keep * x->square + (1 - keep) * g * g;
    x->mean = keep * x->mean + (1 - keep) * g;
    const double step = g / exact_root(o, o->centered ? x->square - x->mean * x->mean : x->square);
    if (momentum == 0) x->w -= rate * step;
    else if (o->rate_outside) x->v = momentum * x->v + step, x->w -= rate * x->v;
    else x->v = momentum * x->v + rate * step, x->w -= x->v; /* the sign is TensorFlow's */
}

static inline double exact_nadam(const nn_optimizer *o, int t) {
    return (double)o->beta_1 * (1 - 0.5 * pow(0.96, t * (double)o->momentum_decay));
}

static inline void exact_moments(exact_weight *x, const nn_optimizer *o, double g, int t) {
    const double one = (double)o->beta_1, two = (double)o->beta_2, rate = (double)o->rate;
    const double correct_1 = o->bias_correction ? 1 - pow(one, t) : 1, correct_2 = o->bias_correction ? 1 - pow(two, t) : 1;
    x->mean = one * x->mean + (1 - one) * g;
    if (o->kind == NN_ADAMAX) {
        x->largest = fmax(two * x->largest, fabs(g) + (double)o->epsilon);
        x->w -= rate / correct_1 * x->mean / x->largest;
        return;
    }
    x->square = two * x->square + (1 - two) * g * g;
    x->largest = fmax(x->largest, x->square);
    const double root = exact_root(o, (o->kind == NN_AMSGRAD ? x->largest : x->square) / correct_2);
    if (o->kind != NN_NADAM) {
        x->w -= rate * (x->mean / correct_1) / root;
        return;
    }
    const double now = exact_nadam(o, t), next = exact_nadam(o, t + 1);
    x->product *= now;
    x->w -= rate * (1 - now) / (1 - x->product) * g / root;
    x->w -= rate * next / (1 - x->product * next) * x->mean / root;
}

/* tf.train.FtrlOptimizer and so on, of TensorFlow 1. */
static inline void exact_ftrl(exact_weight *x, const nn_optimizer *o, double g) {
    const double rate = (double)o->rate, power = (double)o->power, l1 = (double)o->l1, l2 = (double)o->l2;
    const double with_shrinkage = g + 2 * (double)o->shrinkage * x->w, square = x->square + g * g;
    x->sum += with_shrinkage - (pow(square, -power) - pow(x->square, -power)) / rate * x->w;
    const double quadratic = (pow(square, -power) + (double)o->epsilon) / rate + 2 * l2;
    x->w = fabs(x->sum) > l1 ? (exact_sign(x->sum) * l1 - x->sum) / quadratic : 0;
    x->square = square;
}
static inline void exact_adagrad_da(exact_weight *x, const nn_optimizer *o, double g, int t) {
    const double rate = (double)o->rate;
    x->sum += g;
    x->square += g * g;
    x->w = -rate * exact_soft(x->sum, (double)o->l1 * t) / ((double)o->l2 * t * rate + sqrt(x->square));
}
static inline void exact_proximal(exact_weight *x, const nn_optimizer *o, double g) {
    x->square += g * g;
    const double rate = o->kind == NN_PROXIMAL_GD ? (double)o->rate : (double)o->rate / sqrt(x->square);
    x->w = exact_soft(x->w - rate * g, rate * (double)o->l1) / (1 + rate * (double)o->l2);
}

/* Step t, from 1 on, with the gradient at exact_point. */
static inline void exact_step(exact_weight *x, const nn_optimizer *o, double g, int t, double momentum) {
    const double rate = (double)o->rate, clip = (double)o->clip, keep = (double)o->beta_2, epsilon = (double)o->epsilon;
    const double point = exact_point(o, x, momentum);
    g = fmin(fmax(g, -clip), clip);
    if (o->kind < NN_FTRL) g += (double)o->l1 * exact_sign(point) + (double)o->l2 * point;
    x->w -= rate * (double)o->decay * x->w;
    switch (o->kind) {
    case NN_GRADIENT_DESCENT: x->w -= rate * g; break;
    case NN_MOMENTUM:
    case NN_NESTEROV: exact_velocity(x, o, g, t, momentum); break;
    case NN_ADAGRAD:
        x->square += g * g;
        x->w -= rate * g / exact_root(o, x->square);
        break;
    case NN_RMSPROP: exact_rmsprop(x, o, g); break;
    case NN_ADADELTA: {
        x->square = keep * x->square + (1 - keep) * g * g;
        const double step = sqrt(x->steps + epsilon) / sqrt(x->square + epsilon) * g;
        x->steps = keep * x->steps + (1 - keep) * step * step;
        x->w -= rate * step;
        break;
    }
    case NN_LION:
        x->w -= rate * exact_sign((double)o->beta_1 * x->mean + (1 - (double)o->beta_1) * g);
        x->mean = keep * x->mean + (1 - keep) * g;
        break;
    case NN_FTRL: exact_ftrl(x, o, g); break;
    case NN_ADAGRAD_DA: exact_adagrad_da(x, o, g, t); break;
    case NN_PROXIMAL_GD:
    case NN_PROXIMAL_ADAGRAD: exact_proximal(x, o, g); break;
    default: exact_moments(x, o, g, t);
    }
}

#endif /* OPTIMIZERS_EXACT_H */
