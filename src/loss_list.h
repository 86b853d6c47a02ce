/* loss_list.h - the list of losses */
#ifndef NN_LOSS_LIST_H
#define NN_LOSS_LIST_H

#include "config.h"

/* X(name, function): the loss of one row of n outputs o against its targets y (logits are called x), summed over columns. */
#define NN_LOSS_LIST(X)                                                                                       \
    X(NN_LOSS_SOFTMAX_CE, softmax_ce)   /* p = softmax(x): -y log p; the usual one for n classes           */ \
    X(NN_LOSS_SOFTMAX_BCE, softmax_bce) /* p = softmax(x): -y log p - (1-y) log(1-p), "softmax + CEE"      */ \
    X(NN_LOSS_SOFTMAX_MSE, softmax_mse) /* p = softmax(x): (p - y)^2 / 2                                   */ \
    X(NN_LOSS_SIGMOID_BCE, sigmoid_bce) /* p = sigmoid(x): -y log p - (1-y) log(1-p); n yes-or-no answers  */ \
    X(NN_LOSS_CE, ce)                   /* o probabilities: -y log o                                       */ \
    X(NN_LOSS_LOG_CE, log_ce)           /* o logarithms of probabilities: -y o                             */ \
    X(NN_LOSS_BCE, bce)                 /* o probabilities: -y log o - (1-y) log(1-o)                      */ \
    X(NN_LOSS_MSE, mse)                 /* (o - y)^2 / 2                                                   */ \
    X(NN_LOSS_MAE, mae)                 /* |o - y|                                                         */ \
    X(NN_LOSS_HUBER, huber)             /* (o - y)^2 / 2 up to |o - y| = delta, then delta (|o - y| - delta/2) */ \
    X(NN_LOSS_HINGE, hinge)             /* of the wrong columns: max(0, o - o of the right one + margin)   */

typedef enum nn_loss {
#define NN_LOSS_ENUM(name, function) name,
    NN_LOSS_LIST(NN_LOSS_ENUM)
#undef NN_LOSS_ENUM
    NN_LOSS_COUNT
} nn_loss;

#endif /* NN_LOSS_LIST_H */
