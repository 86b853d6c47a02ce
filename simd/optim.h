/* optim.h - what the kernels of the optimizers are told */
#ifndef NN_SIMD_OPTIM_H
#define NN_SIMD_OPTIM_H

#include "../src/config.h"

#ifdef NN_IMPLEMENTATION

#define NNI_SLOTS 3       /* the most floats that a rule keeps for a weight */
#define NNI_CONSTANTS 10  /* the most numbers that a rule is given */

/* X(name, slots, divides): a rule takes a weight, its gradient and its slots one step on; simd/kernels/optim.h says what
 * constants it is given, and what one that divides leaves to be done. */
#define NNI_RULES(X)                                                                                                       \
    X(descent, 0, 0) X(momentum, 1, 0) X(nesterov, 1, 0) X(sum, 1, 1) X(square, 1, 1) X(square_momentum, 2, 0)             \
    X(centered, 2, 1) X(centered_momentum, 3, 0) X(adadelta, 2, 0) X(adam, 2, 1) X(amsgrad, 3, 1) X(nadam, 2, 1)           \
    X(adamax, 2, 1) X(lion, 1, 0) X(ftrl, 2, 1) X(ftrl_power, 2, 1) X(adagrad_da, 2, 1) X(proximal, 0, 0)                  \
    X(proximal_adagrad, 1, 1)

/* What a rule works on: the weight and, if it divides, three more. The weight then gains times*over/under. */
enum { NNI_WEIGHT, NNI_TIMES, NNI_OVER, NNI_UNDER, NNI_PARTS };

typedef enum nni_rule {
#define NNI_RULE_ENUM(name, slots, divides) NNI_RULE_##name,
    NNI_RULES(NNI_RULE_ENUM)
#undef NNI_RULE_ENUM
    NNI_RULE_COUNT
} nni_rule;

/* One step over an array: g becomes scale*g, no less than -clip and no more than clip, plus l1 sign(w) + l2 w, unless it is
 * ready as it is; w becomes constant[0]*w; then comes the rule. */
typedef struct nni_update {
    nni_rule rule;
    float scale, clip, l1, l2;
    float *w;
    const float *g;
    float *slot[NNI_SLOTS];
    float constant[NNI_CONSTANTS];
} nni_update;

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SIMD_OPTIM_H */
