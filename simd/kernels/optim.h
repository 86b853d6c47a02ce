/* optim.h - one step of an optimizer: weights, gradient and state in one pass
 *
 * A rule is a function of one vector of weights w, their gradient g, their slots s and the constants k; w comes multiplied by
 * k[0], which decoupled decay leaves of it. A rule that divides leaves a quotient behind the weight, by which this is moved
 * while the next vectors come. What remains in a slot is flushed: below 2^-100 it is 0, or averages that nothing feeds any
 * more would end as subnormal numbers, which processors are slow with. So what a root is taken of is 0 or at least 2^-100 too.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

NNI_MIX_BEGIN

NNI_INLINE vf NNI_FN(flush)(vf x) { return vf_select(vf_lt(vf_abs(x), vf_set1(0x1p-100f)), vf_set1(0.0f), x); }
NNI_INLINE vf NNI_FN(flush_positive)(vf x) { return vf_select(vf_lt(x, vf_set1(0x1p-100f)), vf_set1(0.0f), x); }

/* keep*average + some*x, and the same of x^2 */
NNI_INLINE vf NNI_FN(average_of)(vf average, vf x, vf keep, vf some) {
    return NNI_FN(flush)(vf_fma(keep, average, vf_mul(some, x)));
}
NNI_INLINE vf NNI_FN(average_of_square)(vf average, vf x, vf keep, vf some) {
    return NNI_FN(flush_positive)(vf_fma(vf_mul(some, x), x, vf_mul(keep, average)));
}

/* Leaves the quotient to be worked out later. */
NNI_INLINE void NNI_FN(leave)(vf *w, vf times, vf over, vf under) {
    w[NNI_TIMES] = times;
    w[NNI_OVER] = over;
    w[NNI_UNDER] = under;
}
/* The same where the quotient is all there will be: what is added to -0 stays as it is, 0 with its sign. */
NNI_INLINE void NNI_FN(replace)(vf *w, vf times, vf over, vf under) {
    w[NNI_WEIGHT] = vf_set1(-0.0f);
    NNI_FN(leave)(w, times, over, under);
}
NNI_INLINE vf NNI_FN(moved)(const vf *w) {
    return vf_fma(w[NNI_TIMES], vf_div(w[NNI_OVER], w[NNI_UNDER]), w[NNI_WEIGHT]);
}

/* sign(x) max(|x| - t, 0); what is cut off is +0 */
NNI_INLINE vf NNI_FN(soft)(vf x, vf t) {
    const vf zero = vf_set1(0.0f), shift = vf_select(vf_lt(x, zero), vf_sub(zero, t), t);
    return vf_select(vf_le(vf_abs(x), t), zero, vf_sub(x, shift));
}

/* k: 1 -rate */
NNI_INLINE void NNI_FN(rule_descent)(vf *w, vf g, vf *s, const vf *k) {
    (void)s;
    *w = vf_fma(k[1], g, *w);
}

/* s: velocity. k: 1 what stays of it, 2 times g goes in, 3 times the velocity goes to the weight */
NNI_INLINE void NNI_FN(rule_momentum)(vf *w, vf g, vf *s, const vf *k) {
    s[0] = NNI_FN(average_of)(s[0], g, k[1], k[2]);
    *w = vf_fma(k[3], s[0], *w);
}

/* The same; and k: 4 times the old velocity, 5 times g go to the weight too */
NNI_INLINE void NNI_FN(rule_nesterov)(vf *w, vf g, vf *s, const vf *k) {
    const vf old = s[0];
    s[0] = NNI_FN(average_of)(old, g, k[1], k[2]);
    *w = vf_fma(k[3], s[0], vf_fma(k[5], g, vf_fma(k[4], old, *w)));
}

/* s: square, mean if centered, velocity. k: 1 what stays of square and mean, 2 times g^2 and g go in (in a sum both are 1), 3
 * times g/root is the step, 4 inside the root, 5 added to it; 6 what stays of the velocity, 7 times it goes to the weight */
NNI_INLINE void NNI_FN(rule_root)(const int sum, const int centered, const int momentum, vf *w, vf g, vf *s, const vf *k) {
    vf square = s[0] = sum ? NNI_FN(flush_positive)(vf_fma(g, g, s[0])) : NNI_FN(average_of_square)(s[0], g, k[1], k[2]);
    if (centered) { /* the variance; rounding may take it below 0 */
        s[1] = NNI_FN(average_of)(s[1], g, k[1], k[2]);
        square = NNI_FN(flush_positive)(vf_fnma(s[1], s[1], square));
    }
    const vf root = vf_add(vf_sqrt_beside(vf_add(square, k[4])), k[5]);
    if (momentum) {
        vf *velocity = s + 1 + centered;
        *velocity = NNI_FN(average_of)(*velocity, vf_div(g, root), k[6], k[3]);
        *w = vf_fma(k[7], *velocity, *w);
    } else NNI_FN(leave)(w, k[3], g, root);
}
NNI_INLINE void NNI_FN(rule_sum)(vf *w, vf g, vf *s, const vf *k) { NNI_FN(rule_root)(1, 0, 0, w, g, s, k); }
NNI_INLINE void NNI_FN(rule_square)(vf *w, vf g, vf *s, const vf *k) { NNI_FN(rule_root)(0, 0, 0, w, g, s, k); }
NNI_INLINE void NNI_FN(rule_square_momentum)(vf *w, vf g, vf *s, const vf *k) { NNI_FN(rule_root)(0, 0, 1, w, g, s, k); }
NNI_INLINE void NNI_FN(rule_centered)(vf *w, vf g, vf *s, const vf *k) { NNI_FN(rule_root)(0, 1, 0, w, g, s, k); }
NNI_INLINE void NNI_FN(rule_centered_momentum)(vf *w, vf g, vf *s, const vf *k) { NNI_FN(rule_root)(0, 1, 1, w, g, s, k); }

/* s: square, and square of the steps. k: 1 what stays of both, 2 what goes in, 3 -rate, 4 epsilon */
NNI_INLINE void NNI_FN(rule_adadelta)(vf *w, vf g, vf *s, const vf *k) {
    s[0] = NNI_FN(average_of_square)(s[0], g, k[1], k[2]);
    const vf step = vf_mul(vf_sqrt(vf_div(vf_add(s[1], k[4]), vf_add(s[0], k[4]))), g);
    s[1] = NNI_FN(average_of_square)(s[1], step, k[1], k[2]);
    *w = vf_fma(k[3], step, *w);
}

/* s: mean, square, the largest square. k: 1 and 2 for the mean, 3 and 4 for the square as above, 5 times mean/root goes to the
 * weight, 6 corrects the square, 7 inside the root, 8 added to it; 9 times g/root goes to the weight too (NAdam) */
NNI_INLINE void NNI_FN(rule_moments)(const int largest, const int look_ahead, vf *w, vf g, vf *s, const vf *k) {
    s[0] = NNI_FN(average_of)(s[0], g, k[1], k[2]);
    vf square = s[1] = NNI_FN(average_of_square)(s[1], g, k[3], k[4]);
    if (largest) square = s[2] = NNI_FN(flush_positive)(vf_max(s[2], square));
    const vf root = vf_add(vf_sqrt_beside(vf_fma(square, k[6], k[7])), k[8]);
    if (look_ahead) NNI_FN(leave)(w, vf_set1(1.0f), vf_fma(k[5], s[0], vf_mul(k[9], g)), root);
    else NNI_FN(leave)(w, k[5], s[0], root);
}
NNI_INLINE void NNI_FN(rule_adam)(vf *w, vf g, vf *s, const vf *k) { NNI_FN(rule_moments)(0, 0, w, g, s, k); }
NNI_INLINE void NNI_FN(rule_amsgrad)(vf *w, vf g, vf *s, const vf *k) { NNI_FN(rule_moments)(1, 0, w, g, s, k); }
NNI_INLINE void NNI_FN(rule_nadam)(vf *w, vf g, vf *s, const vf *k) { NNI_FN(rule_moments)(0, 1, w, g, s, k); }

/* s: mean, the largest size. k: 1 and 2 for the mean, 3 what stays of the size, 4 epsilon, 5 times mean/size to the weight */
NNI_INLINE void NNI_FN(rule_adamax)(vf *w, vf g, vf *s, const vf *k) {
    s[0] = NNI_FN(average_of)(s[0], g, k[1], k[2]);
    s[1] = vf_max(vf_mul(k[3], s[1]), vf_add(vf_abs(g), k[4]));
    NNI_FN(leave)(w, k[5], s[0], s[1]);
}

/* s: mean. k: 1 and 2 mix the step, 3 and 4 for the mean, 5 -rate */
NNI_INLINE void NNI_FN(rule_lion)(vf *w, vf g, vf *s, const vf *k) {
    const vf zero = vf_set1(0.0f), one = vf_set1(1.0f), mix = vf_fma(k[1], s[0], vf_mul(k[2], g));
    const vf sign = vf_select(vf_lt(zero, mix), one, vf_select(vf_lt(mix, zero), vf_sub(zero, one), mix)); /* 0 and NaN stay */
    s[0] = NNI_FN(average_of)(s[0], g, k[3], k[4]);
    *w = vf_fma(k[5], sign, *w);
}

/* s: square, linear. k: 1 1/rate, 2 l1, 3 what is added to the root over the rate, 4 twice the shrinkage, 5 the power, 6 what
 * decay leaves of the new weight, which does not come from the old one */
NNI_INLINE void NNI_FN(rule_proximal_sum)(vf *w, vf g, vf *s, const vf *k, vf old_root, vf root) {
    const vf zero = vf_set1(0.0f), sigma = vf_mul(vf_sub(root, old_root), k[1]);
    s[1] = NNI_FN(flush)(vf_fnma(sigma, *w, vf_add(s[1], vf_fma(k[4], *w, g))));
    NNI_FN(replace)(w, k[6], vf_sub(zero, NNI_FN(soft)(s[1], k[2])), vf_fma(root, k[1], k[3]));
}
NNI_INLINE void NNI_FN(rule_ftrl)(vf *w, vf g, vf *s, const vf *k) {
    const vf old = s[0];
    s[0] = NNI_FN(flush_positive)(vf_fma(g, g, old));
    NNI_FN(rule_proximal_sum)(w, g, s, k, vf_sqrt_beside(NNI_FN(flush_positive)(old)), vf_sqrt_beside(s[0]));
}
NNI_INLINE void NNI_FN(rule_ftrl_power)(vf *w, vf g, vf *s, const vf *k) {
    const vf old = s[0];
    s[0] = NNI_FN(flush_positive)(vf_fma(g, g, old));
    NNI_FN(rule_proximal_sum)(w, g, s, k, NNI_FN(power)(old, k[5]), NNI_FN(power)(s[0], k[5]));
}

/* s: sum, square. k: 1 rate, 2 l1 times the steps, 3 l2 times the steps and the rate, 4 what decay leaves of the new weight */
NNI_INLINE void NNI_FN(rule_adagrad_da)(vf *w, vf g, vf *s, const vf *k) {
    s[0] = NNI_FN(flush)(vf_add(s[0], g));
    s[1] = NNI_FN(flush_positive)(vf_fma(g, g, s[1]));
    const vf above = vf_sub(vf_set1(0.0f), NNI_FN(soft)(s[0], k[2]));
    NNI_FN(replace)(w, k[4], vf_mul(k[1], above), vf_add(vf_sqrt_beside(s[1]), k[3]));
}

/* k: 1 -rate, 2 l1 times the rate, 3 what l2 leaves */
NNI_INLINE void NNI_FN(rule_proximal)(vf *w, vf g, vf *s, const vf *k) {
    (void)s;
    *w = vf_mul(NNI_FN(soft)(vf_fma(k[1], g, *w), k[2]), k[3]);
}

/* s: square. k: 1 rate, 2 l1, 3 l2 */
NNI_INLINE void NNI_FN(rule_proximal_adagrad)(vf *w, vf g, vf *s, const vf *k) {
    s[0] = NNI_FN(flush_positive)(vf_fma(g, g, s[0]));
    const vf one = vf_set1(1.0f), rate = vf_div(k[1], vf_sqrt_beside(s[0])), down = vf_fnma(rate, g, *w);
    NNI_FN(replace)(w, one, NNI_FN(soft)(down, vf_mul(rate, k[2])), vf_fma(rate, k[3], one));
}

/* The gradient as the rules take it; k: scale, clip, -clip, l1, l2. Steps that would change nothing are left out. */
NNI_INLINE vf NNI_FN(ready)(vf g, vf w, const vf *k, int scales, int clips, int has_l1) {
    if (scales) g = vf_mul(k[0], g);
    if (clips) g = vf_at_least(vf_at_most(g, k[1]), k[2]);
    if (has_l1) return NNI_FN(d_penalty)(g, w, k[3], k[4]);
    return vf_fma(k[4], w, vf_add(g, vf_set1(0.0f))); /* with l1 a 0 is added too, and -0 becomes 0 */
}

/* A rule over n floats, a multiple of NNI_TOGETHER. Two vectors go side by side, since a rule waits for its own results; the
 * registers hold no more. For the same reason the quotient of a rule that divides is worked out beside the vectors that follow,
 * where there are 32 registers to keep it in. The arrays are asked for early: the processor's own prefetcher stops at the end
 * of a page, and all arrays come to the end of one at about the same time. */
#define NNI_PAIR (VF_MIXED < 2 ? 1 : 2)
#define NNI_TOGETHER ((size_t)NNI_PAIR * VF_LANES)
#define NNI_LATER (VF_MIXED > 2)
#define NNI_AHEAD 512
typedef void (*NNI_FN(update_fn))(const nni_update *u, float *w, const float *g, float *const *slot, size_t n);
NNI_INLINE void NNI_FN(update_with)(void (*rule)(vf *, vf, vf *, const vf *), const int slots, const int divides,
                                    const nni_update *u, float *w, const float *g, float *const *slot, size_t n) {
    const vf change[] = {vf_set1(u->scale), vf_set1(u->clip), vf_set1(-u->clip), vf_set1(u->l1), vf_set1(u->l2)};
    const int later = divides && NNI_LATER;
    const int scales = u->scale != 1.0f, clips = u->clip < INFINITY, has_l1 = u->l1 != 0.0f;
    int decays = u->constant[0] != 1.0f;
    const int is_ready = !scales && !clips && !has_l1 && u->l2 == 0.0f;
    NNI_HIDE(decays); /* or the floats are compared anew for every pair */
    vf k[NNI_CONSTANTS], left[NNI_PAIR][NNI_PARTS];
    float *array[NNI_SLOTS];
    NNI_UNROLL for (int j = 0; j < NNI_CONSTANTS; j++) k[j] = vf_set1(u->constant[j]);
    NNI_UNROLL for (int j = 0; j < slots; j++) array[j] = slot[j];
    for (size_t i = 0; i < n; i += NNI_TOGETHER) {
        vf v[NNI_PAIR][NNI_PARTS], d[NNI_PAIR], s[NNI_PAIR][NNI_SLOTS];
        NNI_UNROLL for (int l = 0; l < NNI_PAIR; l++) {
            const size_t at = i + (size_t)l * VF_LANES;
            __builtin_prefetch(w + at + NNI_AHEAD);
            __builtin_prefetch(g + at + NNI_AHEAD);
            NNI_UNROLL for (int j = 0; j < slots; j++) __builtin_prefetch(array[j] + at + NNI_AHEAD);
            v[l][NNI_WEIGHT] = vf_load(w + at);
            d[l] = vf_load(g + at);
            NNI_UNROLL for (int j = 0; j < slots; j++) s[l][j] = vf_load(array[j] + at);
        }
        if (!is_ready)
            NNI_UNROLL for (int l = 0; l < NNI_PAIR; l++)
                d[l] = NNI_FN(ready)(d[l], v[l][NNI_WEIGHT], change, scales, clips, has_l1);
        if (decays) NNI_UNROLL for (int l = 0; l < NNI_PAIR; l++) v[l][NNI_WEIGHT] = vf_mul(k[0], v[l][NNI_WEIGHT]);
        NNI_UNROLL for (int l = 0; l < NNI_PAIR; l++) rule(v[l], d[l], s[l], k);
        NNI_UNROLL for (int l = 0; l < NNI_PAIR; l++) {
            const size_t at = i + (size_t)l * VF_LANES;
            NNI_UNROLL for (int j = 0; j < slots; j++) vf_store(array[j] + at, s[l][j]);
            if (!later) vf_store(w + at, divides ? NNI_FN(moved)(v[l]) : v[l][NNI_WEIGHT]);
            else if (i) vf_store(w + at - NNI_TOGETHER, NNI_FN(moved)(left[l]));
        }
        if (later)
            NNI_UNROLL for (int l = 0; l < NNI_PAIR; l++) NNI_UNROLL for (int j = 0; j < NNI_PARTS; j++) left[l][j] = v[l][j];
    }
    if (later && n)
        NNI_UNROLL for (int l = 0; l < NNI_PAIR; l++)
            vf_store(w + n - (size_t)(NNI_PAIR - l) * VF_LANES, NNI_FN(moved)(left[l]));
}
#define NNI_UPDATE(name, slots, divides)                                                                                   \
    static void NNI_FN(update_##name)(const nni_update *u, float *w, const float *g, float *const *slot, size_t n) {       \
        NNI_FN(update_with)(NNI_FN(rule_##name), slots, divides, u, w, g, slot, n);                                        \
    }
NNI_RULES(NNI_UPDATE)
#undef NNI_UPDATE
#undef NNI_AHEAD
#undef NNI_LATER

/* What is left over: in copies of its own, so that a rule is compiled once. */
static void NNI_FN(update_rest)(NNI_FN(update_fn) update, int slots, const nni_update *u, float *w, const float *g,
                                float *const *slot, size_t n) {
    float some_w[NNI_TOGETHER] = {0}, some_g[NNI_TOGETHER] = {0}, some[NNI_SLOTS][NNI_TOGETHER] = {{0}}, *copy[NNI_SLOTS] = {0};
    memcpy(some_w, w, n * sizeof *w);
    memcpy(some_g, g, n * sizeof *g);
    for (int j = 0; j < slots; j++) memcpy(copy[j] = some[j], slot[j], n * sizeof *w);
    update(u, some_w, some_g, copy, NNI_TOGETHER);
    memcpy(w, some_w, n * sizeof *w);
    for (int j = 0; j < slots; j++) memcpy(slot[j], some[j], n * sizeof *w);
}

/* Floats [from, from + n) of the arrays. */
static void NNI_FN(optimize)(const nni_update *u, size_t from, size_t n) {
#define NNI_UPDATE_SLOTS(name, slots, divides) slots,
#define NNI_UPDATE_NAME(name, slots, divides) NNI_FN(update_##name),
    static const unsigned char slots[] = {NNI_RULES(NNI_UPDATE_SLOTS)};
    static const NNI_FN(update_fn) updates[] = {NNI_RULES(NNI_UPDATE_NAME)};
#undef NNI_UPDATE_SLOTS
#undef NNI_UPDATE_NAME
    const NNI_FN(update_fn) update = updates[u->rule];
    const int count = slots[u->rule];
    const size_t whole = n - n % NNI_TOGETHER;
    float *const w = u->w + from, *slot[NNI_SLOTS] = {0};
    const float *const g = u->g + from;
    for (int j = 0; j < count; j++) slot[j] = u->slot[j] + from;
    update(u, w, g, slot, whole);
    for (int j = 0; j < count; j++) slot[j] += whole;
    if (whole < n) NNI_FN(update_rest)(update, count, u, w + whole, g + whole, slot, n - whole);
}

/* average += some*(w - average) */
NNI_INLINE vf NNI_FN(toward)(vf average, vf w, vf some) { return NNI_FN(flush)(vf_fma(some, vf_sub(w, average), average)); }
static void NNI_FN(move_average)(float *average, const float *w, size_t n, float some) {
    NNI_FN(map2)(NNI_FN(toward), average, average, w, n, some);
}

#undef NNI_TOGETHER
#undef NNI_PAIR
NNI_MIX_END

#endif /* NNI_ISA */
