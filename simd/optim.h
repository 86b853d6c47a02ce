/* optim.h - what the kernels of the optimizers are told */
#ifndef NN_SIMD_OPTIM_H
#define NN_SIMD_OPTIM_H

#include "../src/config.h"

#ifdef NN_IMPLEMENTATION

#define NNI_SLOTS 3       /* the most floats that a rule keeps for a weight */
#define NNI_CONSTANTS 10  /* the most numbers that a rule is given */

/* X(name, slots): a rule takes a weight, its gradient and its slots one step on; simd/kernels/optim.h says what constants it is
 * given. */
#define NNI_RULES(X)                                                                                                       \
    X(descent, 0) X(momentum, 1) X(nesterov, 1) X(square, 1) X(square_momentum, 2) X(centered, 2) X(centered_momentum, 3)  \
    X(adadelta, 2) X(adam, 2) X(amsgrad, 3) X(nadam, 2) X(adamax, 2) X(lion, 1) X(ftrl, 2) X(ftrl_power, 2)                \
    X(adagrad_da, 2) X(proximal, 0) X(proximal_adagrad, 1)

typedef enum nni_rule {
#define NNI_RULE_ENUM(name, slots) NNI_RULE_##name,
    NNI_RULES(NNI_RULE_ENUM)
#undef NNI_RULE_ENUM
    NNI_RULE_COUNT
} nni_rule;

/* One step over an array: g becomes scale*g, no less than -clip and no more than clip, plus l1 sign(w) + l2 w, unless it is
 * ready as it is; then the rule. */
typedef struct nni_update {
    nni_rule rule;
    int ready;
    float scale, clip, l1, l2;
    float *w;
    const float *g;
    float *slot[NNI_SLOTS];
    float constant[NNI_CONSTANTS];
} nni_update;

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SIMD_OPTIM_H */
