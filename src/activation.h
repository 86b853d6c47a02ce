/* activation.h - the list of activations */
#ifndef NN_ACTIVATION_H
#define NN_ACTIVATION_H

#include "config.h"

/* X(name, function, keeps_input): value as a formula of x, with a the slope. The backward pass is given dy and y = f(x), or x
 * where keeps_input is 1: where f rises and falls, y does not tell x. */
#define NN_ACTIVATION_LIST(X)                                                                       \
    X(NN_IDENTITY, identity, 0)     /* x                                                         */ \
    X(NN_RELU, relu, 0)             /* max(x, 0)                                                 */ \
    X(NN_LEAKY_RELU, leaky_relu, 0) /* x > 0 ? x : a*x                                           */ \
    X(NN_SIGMOID, sigmoid, 0)       /* 1 / (1 + e^-x)                                            */ \
    X(NN_TANH, tanh, 0)             /* 2*sigmoid(2x) - 1                                         */ \
    X(NN_SOFTPLUS, softplus, 0)     /* log(1 + e^x)                                              */ \
    X(NN_ELU, elu, 0)               /* x > 0 ? x : a*(e^x - 1)                                   */ \
    X(NN_STEP, step, 0)             /* x > 0 ? 1 : 0; its derivative is 0 everywhere             */ \
    X(NN_SELU, selu, 0)             /* 1.0507009873554805 * ELU(x) with a = 1.6732632423543772   */ \
    X(NN_GELU, gelu, 1)             /* x * P(x), P the normal distribution function              */ \
    X(NN_GELU_TANH, gelu_tanh, 1)   /* x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x^3)))         */ \
    X(NN_SILU, silu, 1)             /* x * sigmoid(x)                                            */

typedef enum nn_activation {
#define NN_ACTIVATION_ENUM(name, function, keeps_input) name,
    NN_ACTIVATION_LIST(NN_ACTIVATION_ENUM)
#undef NN_ACTIVATION_ENUM
    NN_ACTIVATION_COUNT
} nn_activation;

#endif /* NN_ACTIVATION_H */
