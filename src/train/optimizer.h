/* optimizer.h - the rules that make new weights from a gradient: which there are, and their settings */
#ifndef NN_TRAIN_OPTIMIZER_H
#define NN_TRAIN_OPTIMIZER_H

#include "../status.h"

/* The rules, each with its name in files. g is the gradient, n = rate. What a rule does not mention it does not read; a field
 * holds what it says, and 0 is 0. nn_adam and so on give the usual values, from which single fields may then be changed.
 *
 * NN_GRADIENT_DESCENT   w -= n g
 * NN_MOMENTUM           v = momentum*v - n g;  w += v                                  (the lectures')
 *     rate_outside = 1  v = momentum*v + (1 - dampening)*g;  w -= n v                  (PyTorch's)
 *                       dampening counts in both forms, from the second step on
 * NN_NESTEROV           the same, and the gradient is that at w + momentum*v. The array holds these points, which the gradient
 *                       is wanted at; nn_optimizer_look_back has w itself.
 *     rate_outside = 1  v = momentum*v + (1 - dampening)*g;  w -= n (g + momentum*v)   (PyTorch's: what is stored counts as w)
 * NN_ADAGRAD            h += g^2;  w -= n g/root(h);  h starts at `accumulator` (0)     epsilon 1e-10 outside
 * NN_RMSPROP            h = beta_2*h + (1 - beta_2)*g^2;  w -= n g/root(h)              beta_2 0.9, epsilon 1e-10 inside
 *     centered = 1      the mean a = beta_2*a + (1 - beta_2)*g; root(h - a^2), never of less than 0
 *     momentum > 0      v = momentum*v - n g/root(h);  w += v                           (TensorFlow's; it starts h at 1)
 *     rate_outside = 1  v = momentum*v + g/root(h);  w -= n v                           (PyTorch's; beta_2 0.99, 1e-8 outside)
 * NN_ADADELTA           h as in RMSProp;  d = g sqrt(u + epsilon)/sqrt(h + epsilon);  u = beta_2*u + (1 - beta_2)*d^2;
 *                       w -= n d                    beta_2 0.95, epsilon 1e-8 (TF1's); rate 1 is Zeiler's, 0.001 TF1's
 * NN_ADAM               m = beta_1*m + (1 - beta_1)*g;  h as in RMSProp;  M = m/(1 - beta_1^t), H = h/(1 - beta_2^t) at step t;
 *                       w -= n M/root(H)                                               0.9, 0.999, epsilon 1e-8 outside
 * NN_AMSGRAD            the same with the largest h so far                             (PyTorch's: corrected after the maximum)
 * NN_ADAMAX             m, M as in Adam;  u = max(beta_2*u, |g| + epsilon);  w -= n M/u   0.9, 0.999, 1e-8
 * NN_NADAM              c_t = beta_1*(1 - 0.96^(t*momentum_decay)/2), C_t = c_1 c_2 .. c_t;  m, H as in Adam;
 *                       w -= n (g (1 - c_t)/(1 - C_t) + m c_t+1/(1 - C_t+1))/root(H)   as Adam; momentum_decay 0.004 (PyTorch's)
 * NN_LION               w -= n sign(beta_1*m + (1 - beta_1)*g);  m = beta_2*m + (1 - beta_2)*g    0.9, 0.99
 * NN_FTRL               h' = h + g^2;  z += g + 2 shrinkage*w - (h'^-power - h^-power)/n w;  h = h';
 *                       w = -soft(z, l1)/((h^-power + epsilon)/n + 2 l2)
 *                       power -0.5, accumulator 0.1, shrinkage 0, epsilon 0 (TF1's); McMahan et al. 2013: epsilon 1 (their
 *                       beta), accumulator 0. Powers but -0.5: e^(-power log h), good to 2^-23 (1 + |log|)
 * NN_ADAGRAD_DA         z += g;  h += g^2;  w = -n soft(z, t l1)/(sqrt(h) + t l2 n)     accumulator 0.1 (TF1's)
 * NN_PROXIMAL_GD        w = soft(w - n g, n l1)/(1 + n l2)                             (TF1's)
 * NN_PROXIMAL_ADAGRAD   h += g^2;  r = n/sqrt(h);  w = soft(w - r g, r l1)/(1 + r l2)   accumulator 0.1 (TF1's)
 *
 * root(h) = sqrt(h) + epsilon, or sqrt(h + epsilon) with epsilon_inside = 1. soft(x, a) = sign(x) max(|x| - a, 0): an exact 0
 * up to a. epsilon and accumulator are 0 or at least 1e-30.
 *
 * All of them, in this order: g is multiplied by the call's gradient_scale and cut to [-clip, clip]; l1 sign(w) + l2 w is
 * added, the gradient of nn_penalty (the last four use l1 and l2 as above instead); w is multiplied by 1 - rate*decay, which is
 * decoupled weight decay, as in AdamW (in FTRL and AdagradDA the new w is, since the old one is not what it comes from).
 * FTRL and AdagradDA do nothing while the rate is 0, where their formulas would make every weight 0. */
#define NN_OPTIMIZER_LIST(X)                            \
    X(NN_GRADIENT_DESCENT, "gradient_descent")          \
    X(NN_MOMENTUM, "momentum")                          \
    X(NN_NESTEROV, "nesterov")                          \
    X(NN_ADAGRAD, "adagrad")                            \
    X(NN_RMSPROP, "rmsprop")                            \
    X(NN_ADADELTA, "adadelta")                          \
    X(NN_ADAM, "adam")                                  \
    X(NN_AMSGRAD, "amsgrad")                            \
    X(NN_ADAMAX, "adamax")                              \
    X(NN_NADAM, "nadam")                                \
    X(NN_LION, "lion")                                  \
    X(NN_FTRL, "ftrl")                                  \
    X(NN_ADAGRAD_DA, "adagrad_da")                      \
    X(NN_PROXIMAL_GD, "proximal_gradient_descent")      \
    X(NN_PROXIMAL_ADAGRAD, "proximal_adagrad")

typedef enum nn_optimizer_kind {
#define NN_OPTIMIZER_ENUM(kind, name) kind,
    NN_OPTIMIZER_LIST(NN_OPTIMIZER_ENUM)
#undef NN_OPTIMIZER_ENUM
    NN_OPTIMIZER_COUNT
} nn_optimizer_kind;

typedef struct nn_optimizer {
    nn_optimizer_kind kind;
    float rate;
    float momentum, dampening;
    float beta_1, beta_2;
    float epsilon;
    int epsilon_inside;
    int rate_outside;
    int centered;
    int bias_correction; /* 0: Adam, AMSGrad, AdaMax and NAdam divide by 1 instead of 1 - beta^t */
    float momentum_decay;
    float accumulator;
    float power;
    float shrinkage;
    float l1, l2;
    float decay;
    float clip; /* INFINITY: none */
} nn_optimizer;

/* The usual values, where the comment above says which. */
NN_API nn_optimizer nn_sgd(float rate);
NN_API nn_optimizer nn_momentum(float rate, float momentum); /* the lectures have 0.5, 0.9, 0.99 */
NN_API nn_optimizer nn_nesterov(float rate, float momentum);
NN_API nn_optimizer nn_adagrad(float rate);
NN_API nn_optimizer nn_rmsprop(float rate);
NN_API nn_optimizer nn_adadelta(float rate);
NN_API nn_optimizer nn_adam(float rate);
NN_API nn_optimizer nn_adamw(float rate); /* NN_ADAM with decay 0.01 */
NN_API nn_optimizer nn_amsgrad(float rate);
NN_API nn_optimizer nn_adamax(float rate);
NN_API nn_optimizer nn_nadam(float rate);
NN_API nn_optimizer nn_lion(float rate);
NN_API nn_optimizer nn_ftrl(float rate);
NN_API nn_optimizer nn_adagrad_da(float rate);
NN_API nn_optimizer nn_proximal_gd(float rate);
NN_API nn_optimizer nn_proximal_adagrad(float rate);

/* NN_OK, or NN_ERROR_ARGUMENT where a field that the rule reads is outside its range; and what is wrong in words, or NULL. */
NN_API nn_status nn_optimizer_check(const nn_optimizer *o);
NN_API const char *nn_optimizer_mistake(const nn_optimizer *o);

/* "adam"; NULL for what is no kind. */
NN_API const char *nn_optimizer_name(nn_optimizer_kind kind);

/* The usual values by that name, and momentum 0.9 where there is one; "adamw", "sgd" and "proximal_gd" are names, too. 0, and *o
 * as it was, if there is none of that name. */
NN_API int nn_optimizer_named(nn_optimizer *o, const char *name, float rate);

#ifdef NN_IMPLEMENTATION

#include <math.h>

static nn_optimizer nni_optimizer_of(nn_optimizer_kind kind, float rate) {
    nn_optimizer o;
    memset(&o, 0, sizeof o);
    o.kind = kind;
    o.rate = rate;
    o.clip = INFINITY;
    return o;
}

static nn_optimizer nni_adam_of(nn_optimizer_kind kind, float rate) {
    nn_optimizer o = nni_optimizer_of(kind, rate);
    o.beta_1 = 0.9f;
    o.beta_2 = 0.999f;
    o.epsilon = 1e-8f;
    o.bias_correction = 1;
    return o;
}

NN_API nn_optimizer nn_sgd(float rate) { return nni_optimizer_of(NN_GRADIENT_DESCENT, rate); }
NN_API nn_optimizer nn_momentum(float rate, float momentum) {
    nn_optimizer o = nni_optimizer_of(NN_MOMENTUM, rate);
    o.momentum = momentum;
    return o;
}
NN_API nn_optimizer nn_nesterov(float rate, float momentum) {
    nn_optimizer o = nn_momentum(rate, momentum);
    o.kind = NN_NESTEROV;
    return o;
}
NN_API nn_optimizer nn_adagrad(float rate) {
    nn_optimizer o = nni_optimizer_of(NN_ADAGRAD, rate);
    o.epsilon = 1e-10f;
    return o;
}
NN_API nn_optimizer nn_rmsprop(float rate) {
    nn_optimizer o = nni_optimizer_of(NN_RMSPROP, rate);
    o.beta_2 = 0.9f;
    o.epsilon = 1e-10f;
    o.epsilon_inside = 1;
    return o;
}
NN_API nn_optimizer nn_adadelta(float rate) {
    nn_optimizer o = nni_optimizer_of(NN_ADADELTA, rate);
    o.beta_2 = 0.95f;
    o.epsilon = 1e-8f;
    o.epsilon_inside = 1;
    return o;
}
NN_API nn_optimizer nn_adam(float rate) { return nni_adam_of(NN_ADAM, rate); }
NN_API nn_optimizer nn_adamw(float rate) {
    nn_optimizer o = nn_adam(rate);
    o.decay = 0.01f;
    return o;
}
NN_API nn_optimizer nn_amsgrad(float rate) { return nni_adam_of(NN_AMSGRAD, rate); }
NN_API nn_optimizer nn_adamax(float rate) { return nni_adam_of(NN_ADAMAX, rate); }
NN_API nn_optimizer nn_nadam(float rate) {
    nn_optimizer o = nni_adam_of(NN_NADAM, rate);
    o.momentum_decay = 0.004f;
    return o;
}
NN_API nn_optimizer nn_lion(float rate) {
    nn_optimizer o = nni_optimizer_of(NN_LION, rate);
    o.beta_1 = 0.9f;
    o.beta_2 = 0.99f;
    return o;
}
static nn_optimizer nni_accumulate_of(nn_optimizer_kind kind, float rate) {
    nn_optimizer o = nni_optimizer_of(kind, rate);
    o.accumulator = 0.1f;
    return o;
}
NN_API nn_optimizer nn_ftrl(float rate) {
    nn_optimizer o = nni_accumulate_of(NN_FTRL, rate);
    o.power = -0.5f;
    return o;
}
NN_API nn_optimizer nn_adagrad_da(float rate) { return nni_accumulate_of(NN_ADAGRAD_DA, rate); }
NN_API nn_optimizer nn_proximal_gd(float rate) { return nni_optimizer_of(NN_PROXIMAL_GD, rate); }
NN_API nn_optimizer nn_proximal_adagrad(float rate) { return nni_accumulate_of(NN_PROXIMAL_ADAGRAD, rate); }

NN_API const char *nn_optimizer_name(nn_optimizer_kind kind) {
    static const char *const names[] = {
#define NN_OPTIMIZER_NAME(kind, name) name,
        NN_OPTIMIZER_LIST(NN_OPTIMIZER_NAME)
#undef NN_OPTIMIZER_NAME
    };
    return (unsigned)kind < NN_OPTIMIZER_COUNT ? names[kind] : NULL;
}

static nn_optimizer nni_momentum_usual(float rate) { return nn_momentum(rate, 0.9f); }
static nn_optimizer nni_nesterov_usual(float rate) { return nn_nesterov(rate, 0.9f); }

NN_API int nn_optimizer_named(nn_optimizer *o, const char *name, float rate) {
    static const struct {
        const char *name;
        nn_optimizer (*usual)(float rate);
    } named[] = {
        {"gradient_descent", nn_sgd}, {"sgd", nn_sgd}, {"momentum", nni_momentum_usual}, {"nesterov", nni_nesterov_usual},
        {"adagrad", nn_adagrad}, {"rmsprop", nn_rmsprop}, {"adadelta", nn_adadelta}, {"adam", nn_adam}, {"adamw", nn_adamw},
        {"amsgrad", nn_amsgrad}, {"adamax", nn_adamax}, {"nadam", nn_nadam}, {"lion", nn_lion}, {"ftrl", nn_ftrl},
        {"adagrad_da", nn_adagrad_da}, {"proximal_gradient_descent", nn_proximal_gd}, {"proximal_gd", nn_proximal_gd},
        {"proximal_adagrad", nn_proximal_adagrad}};
    for (size_t i = 0; o && name && i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].name, name) == 0) return *o = named[i].usual(rate), 1;
    return 0;
}

/* Roots are taken of nothing between 0 and 2^-100. */
static int nni_optimizer_not_tiny(float x) { return x == 0.0f || (x >= 1e-30f && x < INFINITY); }

/* What is asked of the fields that only some rules read. */
static const char *nni_optimizer_mistake_of_rule(const nn_optimizer *o) {
    const nn_optimizer_kind kind = o->kind;
    const int adam = kind == NN_ADAM || kind == NN_AMSGRAD || kind == NN_ADAMAX || kind == NN_NADAM;
    const int averages = adam || kind == NN_RMSPROP || kind == NN_ADADELTA || kind == NN_LION;
    const int sums = kind == NN_ADAGRAD || kind == NN_FTRL || kind == NN_ADAGRAD_DA || kind == NN_PROXIMAL_ADAGRAD;
    const int moves = kind == NN_MOMENTUM || kind == NN_NESTEROV || kind == NN_RMSPROP;
    if (moves && !(o->momentum >= 0.0f && o->momentum <= 1.0f)) return "momentum must be between 0 and 1";
    if (moves && kind != NN_RMSPROP && !(o->dampening >= 0.0f && o->dampening <= 1.0f))
        return "dampening must be between 0 and 1";
    if ((adam || kind == NN_LION) && !(o->beta_1 >= 0.0f && o->beta_1 < 1.0f)) return "beta_1 must be at least 0 and below 1";
    if (averages && !(o->beta_2 >= 0.0f && o->beta_2 < 1.0f)) return "beta_2 must be at least 0 and below 1";
    if (!nni_optimizer_not_tiny(o->epsilon)) return "epsilon must be 0, or at least 1e-30";
    if (averages && kind != NN_LION && o->epsilon == 0.0f) return "epsilon must be above 0: it keeps the rule from dividing by 0";
    if ((sums || kind == NN_RMSPROP) && !nni_optimizer_not_tiny(o->accumulator))
        return "accumulator must be 0, or at least 1e-30";
    if ((kind == NN_ADAGRAD || kind == NN_FTRL) && o->accumulator == 0.0f && o->epsilon == 0.0f)
        return "accumulator or epsilon must be above 0: one of them keeps the rule from dividing by 0";
    if ((kind == NN_ADAGRAD_DA || kind == NN_PROXIMAL_ADAGRAD) && o->accumulator == 0.0f)
        return "accumulator must be above 0: it keeps the rule from dividing by 0";
    if (kind == NN_NADAM && !(o->momentum_decay >= 0.0f && o->momentum_decay < INFINITY))
        return "momentum_decay must be at least 0";
    if (kind == NN_FTRL && !(o->power <= 0.0f && o->power >= -1.0f)) return "power must be between -1 and 0";
    if (kind == NN_FTRL && o->power == 0.0f && o->accumulator == 0.0f) return "accumulator must be above 0 where the power is 0";
    if (kind == NN_FTRL && !(o->shrinkage >= 0.0f && o->shrinkage < INFINITY)) return "shrinkage must be at least 0";
    return NULL;
}

NN_API const char *nn_optimizer_mistake(const nn_optimizer *o) {
    if ((unsigned)o->kind >= NN_OPTIMIZER_COUNT) return "kind is no optimizer of nn.h";
    if (!(o->rate >= 0.0f && o->rate < INFINITY)) return "rate must be at least 0";
    if (!(o->l1 >= 0.0f && o->l1 < INFINITY)) return "l1 must be at least 0";
    if (!(o->l2 >= 0.0f && o->l2 < INFINITY)) return "l2 must be at least 0";
    if (!(o->decay >= 0.0f && o->decay < INFINITY)) return "decay must be at least 0";
    if (!(o->clip > 0.0f)) return "clip must be above 0; INFINITY stands for none";
    return nni_optimizer_mistake_of_rule(o);
}

NN_API nn_status nn_optimizer_check(const nn_optimizer *o) {
    if (!o) return NN_ERROR_NULL;
    return nn_optimizer_mistake(o) ? NN_ERROR_ARGUMENT : NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_TRAIN_OPTIMIZER_H */
