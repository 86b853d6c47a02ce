/* activation.h - the list of activations */
#ifndef NN_ACTIVATION_H
#define NN_ACTIVATION_H

#include "config.h"

/* X(name, function): value as a formula of x, with a the slope; the backward pass is given dy and y = f(x). */
#define NN_ACTIVATION_LIST(X)                                                                    \
    X(NN_IDENTITY, identity)     /* x                                                         */ \
    X(NN_RELU, relu)             /* max(x, 0)                                                 */ \
    X(NN_LEAKY_RELU, leaky_relu) /* x > 0 ? x : a*x                                           */ \
    X(NN_SIGMOID, sigmoid)       /* 1 / (1 + e^-x)                                            */ \
    X(NN_TANH, tanh)             /* 2*sigmoid(2x) - 1                                         */ \
    X(NN_SOFTPLUS, softplus)     /* log(1 + e^x)                                              */ \
    X(NN_ELU, elu)               /* x > 0 ? x : a*(e^x - 1)                                   */ \
    X(NN_STEP, step)             /* x > 0 ? 1 : 0; its derivative is 0 everywhere             */

typedef enum nn_activation {
#define NN_ACTIVATION_ENUM(name, function) name,
    NN_ACTIVATION_LIST(NN_ACTIVATION_ENUM)
#undef NN_ACTIVATION_ENUM
    NN_ACTIVATION_COUNT
} nn_activation;

#endif /* NN_ACTIVATION_H */
