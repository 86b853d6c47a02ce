/* reduce.h - sums, dots and maxima in an order that no vector width changes
 *
 * A block of NNI_BLOCK floats is summed in 16 lanes (NNI_WIDE vectors) and folded by a fixed tree. The blocks' results
 * are handed back one by one: whoever asked adds them in the order of their index, so threads may share the blocks out.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

#define NNI_WIDE (16 / VF_LANES)
#define NNI_STREAMS 4 /* blocks summed side by side: one block alone waits for its own additions */

NNI_INLINE float NNI_FN(fold16)(vf *lanes) {
    NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
        NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = vf_add(lanes[w], lanes[w + half]);
    return vf_fold(lanes[0]);
}

typedef vf (*NNI_FN(sum_fn))(const float *x, const float *y, vf sum);
typedef vf (*NNI_FN(sum_tail_fn))(const float *x, const float *y, vf sum, size_t n);

NNI_INLINE vf NNI_FN(sum_one)(const float *x, const float *y, vf sum) { return (void)y, vf_add(sum, vf_load(x)); }
NNI_INLINE vf NNI_FN(sum_one_n)(const float *x, const float *y, vf sum, size_t n) { return (void)y, vf_add(sum, vf_load_n(x, n)); }
NNI_INLINE vf NNI_FN(sum_product)(const float *x, const float *y, vf sum) { return vf_fma(vf_load(x), vf_load(y), sum); }
NNI_INLINE vf NNI_FN(sum_product_n)(const float *x, const float *y, vf sum, size_t n) {
    return vf_fma(vf_load_n(x, n), vf_load_n(y, n), sum);
}

/* One block of n <= NNI_BLOCK floats. */
NNI_INLINE float NNI_FN(sum_block)(NNI_FN(sum_fn) f, NNI_FN(sum_tail_fn) tail, const float *x, const float *y, size_t n) {
    vf sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = vf_set1(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = f(x + i + w * VF_LANES, y + i + w * VF_LANES, sum[w]);
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at < n) sum[w] = tail(x + at, y + at, sum[w], nni_min(n - at, VF_LANES));
    }
    return NNI_FN(fold16)(sum);
}

/* NNI_STREAMS whole blocks. */
NNI_INLINE void NNI_FN(sum_streams)(NNI_FN(sum_fn) f, float *partial, const float *x, const float *y) {
    vf sum[NNI_STREAMS * NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_STREAMS * NNI_WIDE; w++) sum[w] = vf_set1(0.0f);
    for (size_t i = 0; i < NNI_BLOCK; i += 16)
        NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
                const size_t at = (size_t)s * NNI_BLOCK + i + (size_t)(w * VF_LANES);
                sum[s * NNI_WIDE + w] = f(x + at, y + at, sum[s * NNI_WIDE + w]);
            }
    NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++) partial[s] = NNI_FN(fold16)(sum + s * NNI_WIDE);
}

NNI_INLINE void NNI_FN(sum_blocks)(NNI_FN(sum_fn) f, NNI_FN(sum_tail_fn) tail, float *partial, const float *x, const float *y,
                                   size_t n) {
    size_t i = 0;
    for (; i + NNI_STREAMS * NNI_BLOCK <= n; i += NNI_STREAMS * NNI_BLOCK, partial += NNI_STREAMS)
        NNI_FN(sum_streams)(f, partial, x + i, y + i);
    for (; i < n; i += NNI_BLOCK) *partial++ = NNI_FN(sum_block)(f, tail, x + i, y + i, nni_min(n - i, NNI_BLOCK));
}

static void NNI_FN(sum)(float *partial, const float *x, size_t n) {
    NNI_FN(sum_blocks)(NNI_FN(sum_one), NNI_FN(sum_one_n), partial, x, x, n);
}
static void NNI_FN(dot)(float *partial, const float *x, const float *y, size_t n) {
    NNI_FN(sum_blocks)(NNI_FN(sum_product), NNI_FN(sum_product_n), partial, x, y, n);
}
static void NNI_FN(sum_squares)(float *partial, const float *x, size_t n) {
    NNI_FN(sum_blocks)(NNI_FN(sum_product), NNI_FN(sum_product_n), partial, x, x, n);
}

/* The largest of n > 0 floats; NaN if there is one. Among zeros of both signs +0 wins, whatever the lanes. */
static float NNI_FN(max)(const float *x, size_t n) {
    vf top[4];
    NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = vf_set1(x[0]);
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = vf_max(vf_load(x + i + s * VF_LANES), top[s]);
    for (; i + VF_LANES <= n; i += VF_LANES) top[0] = vf_max(vf_load(x + i), top[0]);
    if (i < n) {
        const vm valid = vm_first(n - i);
        top[1] = vf_max(vf_select(valid, vf_load_m(x + i, valid), top[1]), top[1]);
    }
    return vf_fold_max(vf_max(vf_max(top[0], top[1]), vf_max(top[2], top[3]))) + 0.0f; /* -0 + 0 = +0 */
}

/* The first index at which x equals its maximum, or is the first NaN. */
static size_t NNI_FN(argmax)(const float *x, size_t n) {
    const float most = NNI_FN(max)(x, n);
    const vf target = vf_set1(most);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) {
        const vf v = vf_load(x + i);
        const uint32_t hits = vm_bits(most != most ? vf_nan(v) : vf_eq(v, target));
        if (hits) return i + (size_t)__builtin_ctz(hits);
    }
    while (most != most ? x[i] == x[i] : x[i] != most) i++;
    return i;
}

#endif /* NNI_ISA */
