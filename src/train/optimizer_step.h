/* optimizer_step.h - a rule's step: one pass over weights, gradient and what the rule remembers */
#ifndef NN_TRAIN_OPTIMIZER_STEP_H
#define NN_TRAIN_OPTIMIZER_STEP_H

#include "../alloc.h"
#include "optimizer.h"

/* What a rule keeps for every weight: up to three floats, in slots named "velocity", "square", .. (NULL beyond the last). They
 * follow from the kind, and for NN_RMSPROP from centered and from momentum being above 0. */
NN_API size_t nn_optimizer_slots(const nn_optimizer *o);
NN_API const char *nn_optimizer_slot_name(const nn_optimizer *o, size_t slot);

/* Where training stands: besides the slots, five numbers, which a file of a training run must hold. Slot s of weight i is
 * slots[s*stride + i]. A value in a slot below 2^-100 is set to 0. */
typedef struct nn_optimizer_state {
    uint64_t step;             /* steps begun */
    double product_1;          /* beta_1^t; NAdam: C_t. A product over the steps, so that beta may change on the way */
    double product_2;          /* beta_2^t */
    double momentum;           /* of the last step, and of the one before it: how far Nesterov's array looks ahead */
    double momentum_before;
    float *slots;
    size_t stride;
} nn_optimizer_state;

/* The beginning: step 0, and the first n floats of each slot as the rule wants them. slots and stride >= n are set already. */
NN_API void nn_optimizer_start(nn_optimizer_state *state, const nn_optimizer *o, size_t n);

/* The next step begins: once a step, before any apply. */
NN_API void nn_optimizer_advance(nn_optimizer_state *state, const nn_optimizer *o);

/* The step for weights [at, at + n) of those that the state is for; w and g point at the first of these. What becomes of a
 * weight depends on it, its gradient and its slots alone: an array in parts, in any order, ends with the same bits, and rate,
 * l1, l2, decay and clip may differ between parts. NaN in g goes into the weight and the slots, and stays there. */
NN_API void nn_optimizer_apply(float *w, const float *g, size_t n, size_t at, const nn_optimizer_state *state,
                               const nn_optimizer *o, float gradient_scale);

/* advance, and apply to all n weights with a gradient_scale of 1. */
NN_API void nn_optimizer_step(float *w, const float *g, size_t n, nn_optimizer_state *state, const nn_optimizer *o);

/* Slots for n weights from the allocator, and start. On failure (a field out of range, no memory) there is nothing to free.
 *
 *     static float w[1000], g[1000];
 *     nn_optimizer adam = nn_adam(1e-3f);
 *     nn_optimizer_state state;
 *     nn_status status = nn_optimizer_new(&state, &adam, 1000, NULL);
 *     for (int step = 0; step < 100 && status == NN_OK; step++) {
 *         for (int i = 0; i < 1000; i++) g[i] = w[i] - 1; // the gradient of (w - 1)^2/2
 *         nn_optimizer_step(w, g, 1000, &state, &adam);
 *     }
 *     if (status == NN_OK) nn_optimizer_free(&state, NULL); */
NN_API NN_MUST_USE nn_status nn_optimizer_new(nn_optimizer_state *state, const nn_optimizer *o, size_t n,
                                              const nn_allocator *allocator);
NN_API void nn_optimizer_free(nn_optimizer_state *state, const nn_allocator *allocator);

/* Nesterov's weights in the lectures' form: to = w - momentum*v, which is the result of training, and back from there,
 * to = w + momentum*v. `to` may be w. For every other rule, and for rate_outside = 1, a copy. Each way rounds once, so whoever
 * goes on training with the same bits keeps the array itself. */
NN_API void nn_optimizer_look_back(float *to, const float *w, size_t n, size_t at, const nn_optimizer_state *state,
                                   const nn_optimizer *o);
NN_API void nn_optimizer_look_ahead(float *to, const float *w, size_t n, size_t at, const nn_optimizer_state *state,
                                    const nn_optimizer *o);

/* The gradient_scale that takes a gradient of this norm down to `limit`: 1 if it is not above it. NaN stays NaN. For a
 * gradient in several arrays the norm is sqrt of the sum of nn_sum_squares over them; nn_clip_norm is for one array. */
NN_API float nn_clip_scale(float norm, float limit);
NN_API float nn_clip_norm(const float *g, size_t n, float limit);

#ifdef NN_IMPLEMENTATION

#include "../exact.h"
#include "../isa.h"
#include "../maths.h"
#include "../regularize.h"

/* ---- slots ---- */

static nni_rule nni_optimizer_rule(const nn_optimizer *o) {
    switch (o->kind) {
    case NN_MOMENTUM: return NNI_RULE_momentum;
    case NN_NESTEROV: return NNI_RULE_nesterov;
    case NN_ADAGRAD: return NNI_RULE_sum;
    case NN_RMSPROP:
        if (o->centered) return o->momentum > 0.0f ? NNI_RULE_centered_momentum : NNI_RULE_centered;
        return o->momentum > 0.0f ? NNI_RULE_square_momentum : NNI_RULE_square;
    case NN_ADADELTA: return NNI_RULE_adadelta;
    case NN_ADAM: return NNI_RULE_adam;
    case NN_AMSGRAD: return NNI_RULE_amsgrad;
    case NN_ADAMAX: return NNI_RULE_adamax;
    case NN_NADAM: return NNI_RULE_nadam;
    case NN_LION: return NNI_RULE_lion;
    case NN_FTRL: return o->power == -0.5f ? NNI_RULE_ftrl : NNI_RULE_ftrl_power;
    case NN_ADAGRAD_DA: return NNI_RULE_adagrad_da;
    case NN_PROXIMAL_GD: return NNI_RULE_proximal;
    case NN_PROXIMAL_ADAGRAD: return NNI_RULE_proximal_adagrad;
    case NN_GRADIENT_DESCENT:
    default: return NNI_RULE_descent;
    }
}

NN_API const char *nn_optimizer_slot_name(const nn_optimizer *o, size_t slot) {
    static const char *const names[][NNI_SLOTS] = {
        {NULL, NULL, NULL},             /* descent */
        {"velocity", NULL, NULL},       /* momentum */
        {"velocity", NULL, NULL},       /* nesterov */
        {"square", NULL, NULL},         /* sum */
        {"square", NULL, NULL},         /* square */
        {"square", "velocity", NULL},   /* square_momentum */
        {"square", "mean", NULL},       /* centered */
        {"square", "mean", "velocity"}, /* centered_momentum */
        {"square", "step_square", NULL}, /* adadelta */
        {"mean", "square", NULL},       /* adam */
        {"mean", "square", "largest_square"}, /* amsgrad */
        {"mean", "square", NULL},       /* nadam */
        {"mean", "largest", NULL},      /* adamax */
        {"mean", NULL, NULL},           /* lion */
        {"square", "linear", NULL},     /* ftrl */
        {"square", "linear", NULL},     /* ftrl_power */
        {"sum", "square", NULL},        /* adagrad_da */
        {NULL, NULL, NULL},             /* proximal */
        {"square", NULL, NULL},         /* proximal_adagrad */
    };
    return slot < NNI_SLOTS ? names[nni_optimizer_rule(o)][slot] : NULL;
}

NN_API size_t nn_optimizer_slots(const nn_optimizer *o) {
    size_t count = 0;
    while (nn_optimizer_slot_name(o, count)) count++;
    return count;
}

NN_API void nn_optimizer_start(nn_optimizer_state *state, const nn_optimizer *o, size_t n) {
    const size_t slots = nn_optimizer_slots(o), square = o->kind == NN_ADAGRAD_DA ? 1 : 0;
    const int accumulates = o->kind == NN_ADAGRAD || o->kind == NN_RMSPROP || o->kind == NN_FTRL ||
                            o->kind == NN_ADAGRAD_DA || o->kind == NN_PROXIMAL_ADAGRAD;
    state->step = 0;
    state->product_1 = state->product_2 = 1.0;
    state->momentum = state->momentum_before = 0.0;
    for (size_t s = 0; n && s < slots; s++) {
        float *const slot = state->slots + s * state->stride;
        const float first = accumulates && s == square ? o->accumulator : 0.0f;
        for (size_t i = 0; i < n; i++) slot[i] = first;
    }
}

NN_API nn_status nn_optimizer_new(nn_optimizer_state *state, const nn_optimizer *o, size_t n, const nn_allocator *allocator) {
    if (!state || !o) return NN_ERROR_NULL;
    const nn_status status = nn_optimizer_check(o);
    size_t floats, slots;
    if (status != NN_OK) return status;
    slots = nn_optimizer_slots(o);
    if (n > SIZE_MAX - 15 || !nni_mul_size(nni_round_up(n, 16), slots * sizeof(float), &floats)) return NN_ERROR_SIZE;
    memset(state, 0, sizeof *state);
    state->stride = nni_round_up(n, 16);
    if (floats) state->slots = (float *)nni_alloc(allocator, state->stride, slots * sizeof(float));
    if (floats && !state->slots) return NN_ERROR_MEMORY;
    nn_optimizer_start(state, o, n);
    return NN_OK;
}

NN_API void nn_optimizer_free(nn_optimizer_state *state, const nn_allocator *allocator) {
    nni_free(allocator, state->slots);
    state->slots = NULL;
}

/* ---- steps ---- */

/* c_t of NAdam */
static double nni_nadam_momentum(const nn_optimizer *o, uint64_t step) {
    const double e = (double)step * (double)o->momentum_decay * -0.040821994520255166; /* log 0.96 */
    return (double)o->beta_1 * (1.0 - (e < -700.0 ? 0.0 : 0.5 * nni_exact_exp(e)));
}

NN_API void nn_optimizer_advance(nn_optimizer_state *state, const nn_optimizer *o) {
    state->step++;
    state->product_1 *= o->kind == NN_NADAM ? nni_nadam_momentum(o, state->step) : (double)o->beta_1;
    state->product_2 *= (double)o->beta_2;
    state->momentum_before = state->momentum;
    state->momentum = (double)o->momentum;
}

/* What the rules' constants are, as simd/kernels/optim.h numbers them, in double. */

static void nni_optimizer_velocity(double *k, const nn_optimizer_state *state, const nn_optimizer *o, double rate) {
    const double share = state->step > 1 ? 1.0 - (double)o->dampening : 1.0, momentum = (double)o->momentum;
    k[1] = momentum;
    k[2] = o->rate_outside ? share : -share * rate;
    k[3] = o->rate_outside ? -rate : 1.0;
    if (o->kind == NN_MOMENTUM) return;
    k[3] *= momentum; /* the array is w + momentum*v before and after the step */
    k[4] = o->rate_outside ? 0.0 : momentum - state->momentum_before;
    k[5] = o->rate_outside ? -rate : k[2];
}

static void nni_optimizer_root(double *k, const nn_optimizer *o, double rate) {
    const int sum = o->kind == NN_ADAGRAD, outside = !sum && o->momentum > 0.0f && o->rate_outside;
    k[1] = sum ? 1.0 : (double)o->beta_2;
    k[2] = sum ? 1.0 : 1.0 - (double)o->beta_2;
    k[3] = outside ? 1.0 : -rate;
    k[4] = o->epsilon_inside ? (double)o->epsilon : 0.0;
    k[5] = o->epsilon_inside ? 0.0 : (double)o->epsilon;
    k[6] = (double)o->momentum;
    k[7] = outside ? -rate : 1.0;
}

static void nni_optimizer_moments(double *k, const nn_optimizer_state *state, const nn_optimizer *o, double rate) {
    const int correct = o->bias_correction;
    k[1] = (double)o->beta_1;
    k[2] = 1.0 - (double)o->beta_1;
    k[3] = (double)o->beta_2;
    k[4] = 1.0 - (double)o->beta_2;
    k[5] = correct ? -rate / (1.0 - state->product_1) : -rate;
    k[6] = correct ? 1.0 / (1.0 - state->product_2) : 1.0;
    k[7] = o->epsilon_inside ? (double)o->epsilon : 0.0;
    k[8] = o->epsilon_inside ? 0.0 : (double)o->epsilon;
    if (o->kind == NN_ADAMAX) k[4] = (double)o->epsilon;
    if (o->kind == NN_LION) k[5] = -rate;
    if (o->kind == NN_NADAM) {
        const double now = nni_nadam_momentum(o, state->step), next = nni_nadam_momentum(o, state->step + 1);
        k[9] = k[5] * (1.0 - now);
        k[5] = -rate * next / (correct ? 1.0 - state->product_1 * next : 1.0);
    }
}

static void nni_optimizer_proximal(double *k, const nn_optimizer_state *state, const nn_optimizer *o, double rate) {
    const double l1 = (double)o->l1, l2 = (double)o->l2, step = (double)state->step;
    k[1] = rate;
    k[2] = l1;
    k[3] = l2;
    switch (o->kind) {
    case NN_FTRL:
        k[1] = 1.0 / rate;
        k[3] = 2.0 * l2 + (double)o->epsilon / rate;
        k[4] = 2.0 * (double)o->shrinkage;
        k[5] = -(double)o->power;
        k[6] = k[0];
        k[0] = 1.0;
        break;
    case NN_ADAGRAD_DA:
        k[2] = l1 * step;
        k[3] = l2 * step * rate;
        k[4] = k[0];
        k[0] = 1.0;
        break;
    case NN_PROXIMAL_GD:
        k[1] = -rate;
        k[2] = l1 * rate;
        k[3] = 1.0 / (1.0 + l2 * rate);
        break;
    default: break;
    }
}

static int nni_optimizer_is_proximal(nn_optimizer_kind kind) {
    return kind == NN_FTRL || kind == NN_ADAGRAD_DA || kind == NN_PROXIMAL_GD || kind == NN_PROXIMAL_ADAGRAD;
}

static void nni_optimizer_constants(float *constant, const nn_optimizer_state *state, const nn_optimizer *o) {
    double k[NNI_CONSTANTS] = {0};
    const double rate = (double)o->rate;
    k[0] = 1.0 - rate * (double)o->decay;
    k[1] = -rate;
    if (o->kind == NN_MOMENTUM || o->kind == NN_NESTEROV) nni_optimizer_velocity(k, state, o, rate);
    else if (o->kind == NN_ADAGRAD || o->kind == NN_RMSPROP) nni_optimizer_root(k, o, rate);
    else if (nni_optimizer_is_proximal(o->kind)) nni_optimizer_proximal(k, state, o, rate);
    else if (o->kind == NN_ADADELTA) {
        k[1] = (double)o->beta_2;
        k[2] = 1.0 - (double)o->beta_2;
        k[3] = -rate;
        k[4] = (double)o->epsilon;
    } else if (o->kind != NN_GRADIENT_DESCENT) nni_optimizer_moments(k, state, o, rate);
    for (int i = 0; i < NNI_CONSTANTS; i++) constant[i] = (float)k[i];
}

/* Weights worth a thread, by analogy to maths.h: a step with slots moves 2 to 3 times as much as one without, which is like axpy. */
#define NNI_UPDATE_SHARE 300000

typedef struct nni_update_map {
    nni_map map; /* first: the loop hands it out */
    nni_update update;
} nni_update_map;

static void nni_update_part(const nni_map *map, size_t i, size_t n) {
    map->tier->optimize(&((const nni_update_map *)(const void *)map)->update, i, n);
}

NN_API void nn_optimizer_apply(float *w, const float *g, size_t n, size_t at, const nn_optimizer_state *state,
                               const nn_optimizer *o, float gradient_scale) {
    nni_update_map job;
    nni_update *const u = &job.update;
    const int penalty = !nni_optimizer_is_proximal(o->kind);
    NN_ASSERT(nn_optimizer_check(o) == NN_OK);
    if (o->rate == 0.0f && (o->kind == NN_FTRL || o->kind == NN_ADAGRAD_DA)) return;
    job.map = nni_map_of(nni_update_part, w, g, NULL, n);
    u->rule = nni_optimizer_rule(o);
    u->scale = gradient_scale;
    u->clip = o->clip;
    u->l1 = penalty ? o->l1 : 0.0f;
    u->l2 = penalty ? o->l2 : 0.0f;
    u->w = w;
    u->g = g;
    const size_t slots = nn_optimizer_slots(o);
    for (size_t s = 0; n && s < slots; s++) u->slot[s] = state->slots + s * state->stride + at;
    nni_optimizer_constants(u->constant, state, o);
    nni_map_run(&job.map, slots ? NNI_UPDATE_SHARE : NNI_MAP_SHARE);
}

NN_API void nn_optimizer_step(float *w, const float *g, size_t n, nn_optimizer_state *state, const nn_optimizer *o) {
    nn_optimizer_advance(state, o);
    nn_optimizer_apply(w, g, n, 0, state, o, 1.0f);
}

static void nni_optimizer_look(float *to, const float *w, size_t n, size_t at, const nn_optimizer_state *state,
                               const nn_optimizer *o, double sign) {
    if (to != w && n) memcpy(to, w, n * sizeof *to);
    if (n && o->kind == NN_NESTEROV && !o->rate_outside) nn_axpy(to, state->slots + at, n, (float)(sign * state->momentum));
}

NN_API void nn_optimizer_look_back(float *to, const float *w, size_t n, size_t at, const nn_optimizer_state *state,
                                   const nn_optimizer *o) {
    nni_optimizer_look(to, w, n, at, state, o, -1.0);
}
NN_API void nn_optimizer_look_ahead(float *to, const float *w, size_t n, size_t at, const nn_optimizer_state *state,
                                    const nn_optimizer *o) {
    nni_optimizer_look(to, w, n, at, state, o, 1.0);
}

/* ---- the norm of the gradient ---- */

NN_API float nn_clip_scale(float norm, float limit) { return norm <= limit ? 1.0f : limit / norm; }
NN_API float nn_clip_norm(const float *g, size_t n, float limit) { return nn_clip_scale(nn_norm(g, n), limit); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_TRAIN_OPTIMIZER_STEP_H */
