/* optimizers.h - every rule with its options, and the problem that tests train on */
#ifndef OPTIMIZERS_H
#define OPTIMIZERS_H

#include "test.h"

/* f = sum a (w - c)^2/2, and noise in the gradient, as tests/torch/optim.py has it. The last weight has no gradient at all. */
enum { PROBLEM = 6, STEPS = 100 };
static const float problem_curvature[PROBLEM] = {0.1f, 2.0f, 0.5f, 1.0f, 0.02f, 0.0f};
static const float problem_centre[PROBLEM] = {0.0f, 0.0f, 1.0f, -2.0f, 0.25f, 0.0f};
static const float problem_start[PROBLEM] = {-7.0f, 2.0f, 0.5f, 0.0f, 3.0f, 1.0f};

static inline float problem_noise(int step, int i) {
    return i == PROBLEM - 1 ? 0.0f : (float)((step * 7 + i * 13) * 29 % 65 - 32) / 64.0f;
}
static inline void problem_gradient(float *g, const float *w, int step) {
    for (int i = 0; i < PROBLEM; i++) g[i] = problem_curvature[i] * (w[i] - problem_centre[i]) + problem_noise(step, i);
}

typedef struct optimizer_case {
    const char *name;
    nn_optimizer o;
} optimizer_case;

#define OPTIMIZER_CASES 40

/* Every rule, every option of it; the names of PyTorch's settings are those of tests/golden/optim.torch.txt. */
static inline size_t optimizer_cases(optimizer_case *c) {
    size_t n = 0;
#define ADD(title, make) c[n].name = title, c[n].o = make, n++
#define SET(field, value) c[n - 1].o.field = value
    ADD("sgd", nn_sgd(0.1f));
    ADD("sgd_l2", nn_sgd(0.1f)), SET(l2, 0.05f);
    ADD("sgd_value", nn_sgd(0.1f)), SET(clip, 0.5f);
    ADD("descent, elastic, decay", nn_sgd(0.1f)), SET(l1, 0.03f), SET(l2, 0.02f), SET(decay, 0.1f);
    ADD("lectures' momentum", nn_momentum(0.05f, 0.9f));
    ADD("lectures' momentum, dampening, decay", nn_momentum(0.05f, 0.5f)), SET(dampening, 0.25f), SET(decay, 0.02f);
    ADD("momentum", nn_momentum(0.05f, 0.9f)), SET(rate_outside, 1);
    ADD("momentum_dampening", nn_momentum(0.05f, 0.9f)), SET(rate_outside, 1), SET(dampening, 0.25f), SET(l2, 0.01f);
    ADD("lectures' nesterov", nn_nesterov(0.05f, 0.9f));
    ADD("nesterov", nn_nesterov(0.05f, 0.9f)), SET(rate_outside, 1);
    ADD("adagrad", nn_adagrad(0.5f));
    ADD("adagrad_accumulator", nn_adagrad(0.5f)), SET(accumulator, 0.1f), SET(l2, 0.01f);
    ADD("adagrad, epsilon inside", nn_adagrad(0.5f)), SET(epsilon, 0.01f), SET(epsilon_inside, 1);
    ADD("lectures' rmsprop", nn_rmsprop(0.01f)), SET(epsilon, 0.001f);
    ADD("TensorFlow's rmsprop", nn_rmsprop(0.01f)), SET(accumulator, 1), SET(momentum, 0.9f);
    ADD("rmsprop", nn_rmsprop(0.01f)), SET(beta_2, 0.99f), SET(epsilon, 1e-8f), SET(epsilon_inside, 0);
    ADD("rmsprop_momentum", c[n - 1].o), SET(momentum, 0.9f), SET(rate_outside, 1);
    ADD("rmsprop_centered", c[n - 2].o), SET(centered, 1);
    ADD("rmsprop_both", c[n - 2].o), SET(centered, 1);
    ADD("adadelta", nn_adadelta(1)), SET(beta_2, 0.9f), SET(epsilon, 1e-6f);
    ADD("TensorFlow's adadelta", nn_adadelta(0.5f)), SET(decay, 0.01f);
    ADD("adam", nn_adam(0.05f));
    ADD("adam_l2", nn_adam(0.05f)), SET(l2, 0.1f);
    ADD("adam, epsilon inside", nn_adam(0.05f)), SET(epsilon, 0.01f), SET(epsilon_inside, 1);
    ADD("adam, not corrected", nn_adam(0.05f)), SET(bias_correction, 0), SET(epsilon, 1e-3f);
    ADD("adamw", nn_adamw(0.05f));
    ADD("adamw_amsgrad", nn_amsgrad(0.05f)), SET(decay, 0.1f);
    ADD("amsgrad", nn_amsgrad(0.05f));
    ADD("adamax", nn_adamax(0.05f));
    ADD("nadam", nn_nadam(0.05f));
    ADD("nadam_l2", nn_nadam(0.05f)), SET(l2, 0.1f), SET(momentum_decay, 0.02f);
    ADD("lion", nn_lion(0.01f)), SET(decay, 0.1f);
    ADD("ftrl", nn_ftrl(0.5f));
    ADD("ftrl, elastic, shrinkage, beta", nn_ftrl(0.5f)), SET(l1, 12), SET(l2, 0.5f), SET(shrinkage, 0.01f), SET(epsilon, 1);
    ADD("ftrl, power", nn_ftrl(0.25f)), SET(power, -0.625f), SET(l1, 5);
    ADD("adagrad_da", nn_adagrad_da(1.5f)), SET(l1, 0.3f), SET(l2, 0.01f);
    ADD("proximal_gd", nn_proximal_gd(0.1f)), SET(l1, 0.3f), SET(l2, 0.01f);
    ADD("proximal_adagrad", nn_proximal_adagrad(0.5f)), SET(l1, 0.6f), SET(l2, 0.01f);
    ADD("proximal_adagrad, plain", nn_proximal_adagrad(0.5f));
#undef ADD
#undef SET
    if (n > OPTIMIZER_CASES) abort();
    return n;
}

#endif /* OPTIMIZERS_H */
