/* vector.h - the vector loops of benches, once for each instruction set that includes it
 *
 * Wants BENCH_FN(name), BENCH_LANES, BENCH_TARGET and BENCH_FMA; undefines them. BENCH_FMA(acc, a, b) is acc += a*b as one
 * instruction. It has to be written as such, since ISO C forbids compilers to fuse. */

typedef float BENCH_FN(vf) __attribute__((vector_size(4 * BENCH_LANES), may_alias));
typedef int32_t BENCH_FN(vi) __attribute__((vector_size(4 * BENCH_LANES), may_alias));

/* 12 chains: more than any core has in flight (2 units, 4 cycles), and few enough for 16 registers. */
BENCH_TARGET static float BENCH_FN(fma)(size_t rounds) {
    BENCH_FN(vf) a = {0}, b = {0}, s0 = {0}, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, s8 = s0, s9 = s0,
                 s10 = s0, s11 = s0;
    while (rounds--) {
        BENCH_FMA(s0, a, b);
        BENCH_FMA(s1, a, b);
        BENCH_FMA(s2, a, b);
        BENCH_FMA(s3, a, b);
        BENCH_FMA(s4, a, b);
        BENCH_FMA(s5, a, b);
        BENCH_FMA(s6, a, b);
        BENCH_FMA(s7, a, b);
        BENCH_FMA(s8, a, b);
        BENCH_FMA(s9, a, b);
        BENCH_FMA(s10, a, b);
        BENCH_FMA(s11, a, b);
    }
    const BENCH_FN(vf) sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
    return sum[0];
}

/* n is a multiple of 128 in all of the following, and x and y are aligned. */
BENCH_TARGET static float BENCH_FN(read)(const float *x, size_t n) {
    BENCH_FN(vf) s0 = {0}, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    const BENCH_FN(vf) *v = (const BENCH_FN(vf) *)x, *end = v + n / BENCH_LANES;
    for (; v < end; v += 8) {
        s0 += v[0];
        s1 += v[1];
        s2 += v[2];
        s3 += v[3];
        s4 += v[4];
        s5 += v[5];
        s6 += v[6];
        s7 += v[7];
    }
    const BENCH_FN(vf) sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
    return sum[0];
}

/* The barrier keeps compilers from calling memcpy, with which this competes. */
BENCH_TARGET static void BENCH_FN(copy)(float *y, const float *x, size_t n) {
    BENCH_FN(vf) *to = (BENCH_FN(vf) *)y;
    const BENCH_FN(vf) *from = (const BENCH_FN(vf) *)x, *end = from + n / BENCH_LANES;
    for (; from < end; from += 4, to += 4) {
        to[0] = from[0];
        to[1] = from[1];
        to[2] = from[2];
        to[3] = from[3];
        __asm__ volatile("" ::: "memory");
    }
}

BENCH_TARGET static void BENCH_FN(write)(float *y, size_t n) {
    const BENCH_FN(vf) zero = {0}, one = zero + 1.0f;
    BENCH_FN(vf) *to = (BENCH_FN(vf) *)y, *end = to + n / BENCH_LANES;
    for (; to < end; to += 4) to[0] = to[1] = to[2] = to[3] = one;
}

/* Reads `arrays` arrays and writes all but the first, in place. */
BENCH_TARGET static inline __attribute__((always_inline)) void BENCH_FN(update_some)(float *const *x, const int arrays,
                                                                                        size_t n) {
    const BENCH_FN(vf) *first = (const BENCH_FN(vf) *)x[0];
    BENCH_FN(vf) *v[4];
    for (int k = 1; k < arrays; k++) v[k - 1] = (BENCH_FN(vf) *)x[k];
    for (size_t i = 0; i < n / BENCH_LANES; i++)
        for (int k = 1; k < arrays; k++) v[k - 1][i] += first[i];
}
BENCH_TARGET static void BENCH_FN(update)(float *const *x, int arrays, size_t n) {
    if (arrays == 2) BENCH_FN(update_some)(x, 2, n);
    else if (arrays == 3) BENCH_FN(update_some)(x, 3, n);
    else if (arrays == 4) BENCH_FN(update_some)(x, 4, n);
    else BENCH_FN(update_some)(x, 5, n);
}

#undef BENCH_FN
#undef BENCH_LANES
#undef BENCH_TARGET
#undef BENCH_FMA
