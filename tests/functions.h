/* functions.h - the functions of nn.h that act element by element, each with its true value in double */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "test.h"

static inline double true_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static inline double true_softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static inline double true_elu(double x) { return x > 0 ? x : expm1(x); }
#define SELU_LAMBDA 1.0507009873554804934193349852946
#define SELU_ALPHA 1.6732632423543772848170429916717
static inline double true_selu(double x) { return SELU_LAMBDA * (x > 0 ? x : SELU_ALPHA * expm1(x)); }
static inline double true_gelu(double x) { return isinf(x) && x < 0 ? -0.0 : x * 0.5 * erfc(x * -0.70710678118654752440); }
static inline double times_sigmoid(double x, double w) { return isinf(x) && x < 0 ? -0.0 : x / (1 + exp(-w)); }
static inline double true_gelu_tanh(double x) { return times_sigmoid(x, 1.5957691216057307118 * (x + 0.044715 * x * x * x)); }
static inline double true_silu(double x) { return times_sigmoid(x, x); }
static inline void elu_of_1(float *y, const float *x, size_t n) { nn_elu(y, x, n, 1); }

typedef struct function {
    const char *name;
    void (*f)(float *y, const float *x, size_t n);
    double (*value)(double x);
    double ulp;   /* the error allowed */
    int monotone; /* promised never to fall where x rises */
} function;

static const function functions[] = {
    {"exp", nn_exp, exp, TOL_EXP_LOG_ULP, 1},
    {"log", nn_log, log, TOL_EXP_LOG_ULP, 0},
    {"tanh", nn_tanh, tanh, TOL_MATHS_ULP, 0},
    {"sigmoid", nn_sigmoid, true_sigmoid, TOL_MATHS_ULP, 1},
    {"softplus", nn_softplus, true_softplus, TOL_MATHS_ULP, 0},
    {"elu", elu_of_1, true_elu, TOL_MATHS_ULP, 0},
    {"selu", nn_selu, true_selu, TOL_MATHS_ULP, 0},
    {"gelu", nn_gelu, true_gelu, TOL_GELU_ULP, 0},
    {"gelu_tanh", nn_gelu_tanh, true_gelu_tanh, TOL_MATHS_ULP, 0},
    {"silu", nn_silu, true_silu, TOL_MATHS_ULP, 0},
};

/* The i-th float in ascending order, NaNs aside: from -infinity (0) to +infinity; the two zeros are neighbours. */
#define ORDERED_FLOATS 0xff000002u
static inline float ordered_float(uint32_t i) { return float_of(i <= 0x7f800000u ? 0xff800000u - i : i - 0x7f800001u); }

#endif /* FUNCTIONS_H */
