/* random.h - Philox 4x32-10: random numbers as a function of (key, stream, position), nothing carried along
 *
 * Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). One counter gives four words. Words
 * are laid out in blocks of 64: the first words of 16 counters, then the second words, ... which every vector width
 * can store as whole vectors. Position i is word (i/16)%4 of counter (i/64)*16 + i%16, the counter being
 * (low, high half of that number, low, high half of stream).
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* The words of the VF_LANES counters from `counter` on, a multiple of VF_LANES: no lane carries into the high half. */
NNI_INLINE void NNI_FN(philox)(vi *word, uint64_t key, uint64_t stream, uint64_t counter) {
    vi c0 = vi_add(vi_set1((uint32_t)counter), vi_lane()), c1 = vi_set1((uint32_t)(counter >> 32));
    vi c2 = vi_set1((uint32_t)stream), c3 = vi_set1((uint32_t)(stream >> 32));
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    const vi m0 = vi_set1(0xD2511F53u), m1 = vi_set1(0xCD9E8D57u);
    NNI_UNROLL for (int round = 0; round < 10; round++) {
        vi high0, high1;
        const vi low0 = vi_mul_wide(c0, m0, &high0), low1 = vi_mul_wide(c2, m1, &high1);
        c0 = vi_xor(vi_xor(high1, c1), vi_set1(k0));
        c2 = vi_xor(vi_xor(high0, c3), vi_set1(k1));
        c1 = low1;
        c3 = low0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

/* Stores at y + 16*w the VF_LANES values made from word w. */
typedef void (*NNI_FN(random_fn))(float *y, const vi *word, vf a, vf b);

NNI_INLINE void NNI_FN(random_blocks)(NNI_FN(random_fn) f, float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks,
                                      float a, float b) {
    const vf av = vf_set1(a), bv = vf_set1(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            vi word[4];
            NNI_FN(philox)(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, word, av, bv);
        }
}

/* The top 24 bits as a multiple of 2^-24 in [0, 1): every value a float, all equally likely. */
NNI_INLINE vf NNI_FN(unit)(vi word) { return vf_mul(vf_from_int(vi_shr(word, 8)), vf_set1(1.0f / 16777216.0f)); }

/* The float before a: its bits count down from a positive number and up from a negative one. */
NNI_INLINE vf NNI_FN(float_before)(vf a) {
    const vi bits = vf_bits(a), sign = vi_sar(bits, 31);
    const vf before = vf_from_bits(vi_sub(vi_sub(bits, vi_set1(1)), vi_shl(sign, 1)));
    return vf_select(vf_eq(a, vf_set1(0.0f)), vf_from_bits(vi_set1(0x80000001u)), before);
}

/* lo + (hi - lo)*u, a = lo, b = hi; where the sum rounds up to hi, the float before it: the interval stays half open. */
NNI_INLINE void NNI_FN(random_uniform_words)(float *y, const vi *word, vf a, vf b) {
    const vf width = vf_sub(b, a), last = NNI_FN(float_before)(b);
    NNI_UNROLL for (int w = 0; w < 4; w++) {
        const vf v = vf_fma(width, NNI_FN(unit)(word[w]), a);
        vf_store(y + 16 * w, vf_select(vf_eq(v, b), last, v));
    }
}

/* Box-Muller: two words give two normal values, *radius times *sine and *cosine. */
NNI_INLINE void NNI_FN(normal_pair)(const vi *word, vf deviation, vf *radius, vf *sine, vf *cosine) {
    const vf u = vf_add(NNI_FN(unit)(word[0]), vf_set1(1.0f / 16777216.0f)); /* (0, 1]: the log is finite */
    *radius = vf_mul(deviation, vf_sqrt(vf_mul(vf_set1(-2.0f), NNI_FN(log_builtin)(u))));
    NNI_FN(vsincos_turns)(NNI_FN(unit)(word[1]), sine, cosine);
}

/* Words 0 and 1 give two normal values, words 2 and 3 two more. a = mean, b = standard deviation. */
NNI_INLINE void NNI_FN(random_normal_words)(float *y, const vi *word, vf a, vf b) {
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        vf radius, sine, cosine;
        NNI_FN(normal_pair)(word + w, b, &radius, &sine, &cosine);
        vf_store(y + 16 * w, vf_fma(radius, cosine, a));
        vf_store(y + 16 * w + 16, vf_fma(radius, sine, a));
    }
}

/* b where u < a, else 0. */
NNI_INLINE void NNI_FN(random_mask_words)(float *y, const vi *word, vf a, vf b) {
    NNI_UNROLL for (int w = 0; w < 4; w++) vf_store(y + 16 * w, vf_where(vf_lt(NNI_FN(unit)(word[w]), a), b));
}

static void NNI_FN(random_bits)(uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks) {
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            vi word[4];
            NNI_FN(philox)(word, key, stream, (first + block) * 16 + lane);
            NNI_UNROLL for (int w = 0; w < 4; w++) vi_store(y + block * 64 + lane + 16 * w, word[w]);
        }
}
static void NNI_FN(random_uniform)(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float lo, float hi) {
    NNI_FN(random_blocks)(NNI_FN(random_uniform_words), y, key, stream, first, blocks, lo, hi);
}
static void NNI_FN(random_normal)(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float mean, float sd) {
    NNI_FN(random_blocks)(NNI_FN(random_normal_words), y, key, stream, first, blocks, mean, sd);
}
static void NNI_FN(random_mask)(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float keep, float value) {
    NNI_FN(random_blocks)(NNI_FN(random_mask_words), y, key, stream, first, blocks, keep, value);
}

#endif /* NNI_ISA */
