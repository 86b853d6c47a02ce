/* avx2.h - the vector layer on AVX2 and FMA: 8 lanes, 16 registers
 *
 * Latency and rate (per cycle): fma 4 (Zen, Skylake) to 5 (Haswell), 2; load 2; broadcast from memory costs a load only.
 */
#ifndef NN_SIMD_AVX2_H
#define NN_SIMD_AVX2_H

#include "../src/config.h"
#include "../src/cpu.h"

#ifdef NNI_X86
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#if !defined(NN_NO_SLEEF)
#ifdef __cplusplus
extern "C" {
#endif
__m256 Sleef_finz_expf8_u10avx2(__m256);
__m256 Sleef_finz_logf8_u10avx2(__m256);
#ifdef __cplusplus
}
#endif
#endif

#define NNI_ISA avx2
#include "begin.h"

#define VF_LANES 8
#define VF_FREE_MASK 0 /* VMASKMOVPS needs a register for the mask, and there are none to spare */
#define VF_MIXED 2
#define VF_MATHS NNI_INLINE
/* rows x vectors + vectors of B + one broadcast <= 16 registers */
#define NNI_TILES(X)                                                                                                   \
    X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(1, 2) X(2, 2) \
    X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(1, 3) X(2, 3) X(3, 3) X(4, 3) X(1, 4) X(2, 4)
#define NNI_TILE_ROWS 12, 6, 4, 2
#define NNI_STEPS(rows, vectors) ((rows) > 6 ? 4 : 1)
#define NNI_FED(rows, vectors) 0
#define NNI_LARGE_VECTORS 2
#define NNI_ROW_VECTORS 13
#define NNI_DOT_ROWS 3
#define NNI_DOT_COLS 2

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm; /* all bits of a lane set or clear */
typedef struct vq {
    const float *at;
} vq;
typedef __m128 vf4;

NNI_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
NNI_INLINE void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
NNI_INLINE vm vm_first(size_t n) {
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_ps((const float *)(const void *)(ones + 8 - n));
}
NNI_INLINE vf vf_load_m(const float *p, vm m) { return _mm256_maskload_ps(p, _mm256_castps_si256(m)); }
/* The mask is one of vm_first. Not vmaskmovps, of which AMD's processors take some 50 cycles to store. */
NNI_INLINE void vf_store_m(float *p, vf v, vm m) {
    int left = _mm256_movemask_ps(m);
    __m128 part = _mm256_castps256_ps128(v);
    if (left & 0x80) {
        _mm256_storeu_ps(p, v);
        return;
    }
    if (left & 8) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(v, 1);
        p += 4;
        left >>= 4;
    }
    if (left & 2) {
        _mm_storel_pi((__m64 *)(void *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
        left >>= 2;
    }
    if (left & 1) _mm_store_ss(p, part);
}
NNI_INLINE vf vf_load_n(const float *p, size_t n) { return vf_load_m(p, vm_first(n)); }
NNI_INLINE void vf_store_n(float *p, vf v, size_t n) { vf_store_m(p, v, vm_first(n)); }
/* The vector that ends with them, turned: Zen 1 takes a dozen cycles for a vmaskmovps that loads. */
NNI_INLINE vf vf_load_last(const float *p, size_t n) {
    static const uint32_t lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7};
    const vi turn = _mm256_loadu_si256((const __m256i *)(const void *)(lanes + 8 - n));
    return _mm256_and_ps(_mm256_permutevar8x32_ps(_mm256_loadu_ps(p + n - 8), turn), vm_first(n));
}
NNI_INLINE vi vi_load(const uint32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
NNI_INLINE void vi_store(uint32_t *p, vi v) { _mm256_storeu_si256((__m256i *)(void *)p, v); }
NNI_INLINE vf vf_keep(vf v) {
    __asm__("" : "+x"(v));
    return v;
}

NNI_INLINE vf vf_gather(const float *p, vi i) { return _mm256_i32gather_ps(p, i, 4); }
/* Two neighbours are one load of 64 bits: on a Zen 1 that takes half the time of two gathers. */
NNI_INLINE __m128 vf_two_pairs_avx2(const float *p, int64_t i) {
    const __m128 first = _mm_castpd_ps(_mm_load_sd((const double *)(const void *)(p + (int32_t)i)));
    return _mm_loadh_pi(first, (const __m64 *)(const void *)(p + (i >> 32)));
}
NNI_INLINE vf vf_gather_pair(const float *p, vi i, vf *next) {
    const __m128i low = _mm256_castsi256_si128(i), high = _mm256_extracti128_si256(i, 1);
    const __m128 a = vf_two_pairs_avx2(p, _mm_cvtsi128_si64(low)), b = vf_two_pairs_avx2(p, _mm_extract_epi64(low, 1));
    const __m128 c = vf_two_pairs_avx2(p, _mm_cvtsi128_si64(high)), d = vf_two_pairs_avx2(p, _mm_extract_epi64(high, 1));
    const vf even = _mm256_insertf128_ps(_mm256_castps128_ps256(a), c, 1);
    const vf odd = _mm256_insertf128_ps(_mm256_castps128_ps256(b), d, 1);
    *next = _mm256_shuffle_ps(even, odd, 0xdd);
    return _mm256_shuffle_ps(even, odd, 0x88);
}
NNI_INLINE vi vi_load_bytes(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)); }
NNI_INLINE void vi_store_bytes(uint8_t *p, vi v) {
    const __m128i half = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(half, half));
}
NNI_INLINE vf4 vf4_load(const float *p) { return _mm_loadu_ps(p); }
NNI_INLINE void vf4_store(float *p, vf4 v) { _mm_storeu_ps(p, v); }
NNI_INLINE vf4 vf4_set1(float a) { return _mm_set1_ps(a); }
NNI_INLINE vf4 vf4_sub(vf4 a, vf4 b) { return _mm_sub_ps(a, b); }
NNI_INLINE vf4 vf4_fma(vf4 a, vf4 b, vf4 c) { return _mm_fmadd_ps(a, b, c); }

NNI_INLINE vf vf_set1(float a) { return _mm256_set1_ps(a); }
NNI_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
NNI_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
NNI_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
NNI_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
NNI_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
NNI_INLINE vf vf_sqrt_beside(vf a) { return vf_sqrt(a); }
NNI_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
NNI_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
NNI_INLINE vf vf_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
NNI_INLINE vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
/* MINPS and MAXPS give their second operand when either is NaN, or both are zeros: vf_max puts the first one's NaN back. */
NNI_INLINE vf vf_max(vf a, vf b) { return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }
NNI_INLINE vf vf_at_most(vf a, vf limit) { return _mm256_min_ps(limit, a); }
NNI_INLINE vf vf_at_least(vf a, vf limit) { return _mm256_max_ps(limit, a); }

NNI_INLINE vm vf_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
NNI_INLINE vm vf_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
NNI_INLINE vm vf_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
NNI_INLINE vm vf_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
NNI_INLINE vm vm_or(vm m, vm w) { return _mm256_or_ps(m, w); }
NNI_INLINE vf vf_select(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
NNI_INLINE vf vf_where(vm m, vf a) { return _mm256_and_ps(m, a); }
NNI_INLINE uint32_t vm_bits(vm m) { return (uint32_t)_mm256_movemask_ps(m); }

NNI_INLINE vi vf_bits(vf a) { return _mm256_castps_si256(a); }
NNI_INLINE vf vf_from_bits(vi v) { return _mm256_castsi256_ps(v); }
NNI_INLINE vf vf_from_int(vi v) { return _mm256_cvtepi32_ps(v); }
NNI_INLINE vi vi_from_float(vf a) { return _mm256_cvttps_epi32(a); }
NNI_INLINE vi vi_set1(uint32_t u) { return _mm256_set1_epi32((int)u); }
NNI_INLINE vi vi_lane(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
NNI_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
NNI_INLINE vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
NNI_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
NNI_INLINE vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
NNI_INLINE vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
/* Shifts in the compiler's own vector notation: one instruction by a constant, and still valid at -O0. */
NNI_INLINE vi vi_shl(vi a, int k) { return (vi)((__v8su)a << k); }
NNI_INLINE vi vi_shr(vi a, int k) { return (vi)((__v8su)a >> k); }
NNI_INLINE vi vi_sar(vi a, int k) { return (vi)((__v8si)a >> k); }
/* In two exact steps, since 2^n itself may lie outside the floats; the last product rounds. */
NNI_INLINE vf vf_times_power(vf a, vf n) {
    const vi power = vi_from_float(n), half = vi_sar(power, 1), rest = vi_sub(power, half), one = vi_set1(127);
    const vf first = vf_from_bits(vi_shl(vi_add(half, one), 23)), second = vf_from_bits(vi_shl(vi_add(rest, one), 23));
    return vf_mul(vf_mul(a, first), second);
}
NNI_INLINE vi vi_mul(vi a, vi b) { return _mm256_mullo_epi32(a, b); }
NNI_INLINE vi vi_mul_wide(vi a, vi b, vi *high) {
    const vi even = _mm256_mul_epu32(a, b);
    const vi odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}
NNI_INLINE vm vi_eq0(vi a, vi k) {
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(a, k), _mm256_setzero_si256()));
}

/* A switch, because the instruction holds i itself. */
NNI_INLINE vf vf_of_four(vf v, int i) {
    switch (i) {
    case 0: return _mm256_permute_ps(v, 0x00);
    case 1: return _mm256_permute_ps(v, 0x55);
    case 2: return _mm256_permute_ps(v, 0xaa);
    default: return _mm256_permute_ps(v, 0xff);
    }
}
NNI_INLINE vf vf_reverse(vf v) { return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0)); }

NNI_INLINE float vf_fold(vf v) {
    const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
    return _mm_cvtss_f32(_mm_add_ss(v2, _mm_shuffle_ps(v2, v2, 1)));
}

NNI_INLINE float vf_fold_max(vf v) {
    v = vf_max(v, _mm256_permute2f128_ps(v, v, 1));
    v = vf_max(v, _mm256_permute_ps(v, 0x4e));
    return _mm256_cvtss_f32(vf_max(v, _mm256_permute_ps(v, 0xb1)));
}

/* Eight folds at once: each step adds the halves of two vectors and keeps both results in one. */
NNI_INLINE vf vf_fold_each(vf *r) {
    NNI_UNROLL for (int i = 0; i < 4; i++) /* 128-bit halves: the low one holds r[i], the high one r[i+4] */
        r[i] = _mm256_add_ps(_mm256_permute2f128_ps(r[i], r[i + 4], 0x20), _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    NNI_UNROLL for (int i = 0; i < 2; i++) /* within each half: two lanes of r[i], two of r[i+2] */
        r[i] = _mm256_add_ps(_mm256_shuffle_ps(r[i], r[i + 2], 0x44), _mm256_shuffle_ps(r[i], r[i + 2], 0xee));
    const vf sum = _mm256_add_ps(_mm256_shuffle_ps(r[0], r[1], 0x88), _mm256_shuffle_ps(r[0], r[1], 0xdd));
    /* Half p now holds the folds of a, a+2, a+1, a+3 with a = 0, 4. */
    return _mm256_permute_ps(sum, 0xd8);
}

NNI_INLINE void vf_transpose(vf *r) {
    vf t[8];
    NNI_UNROLL for (int i = 0; i < 4; i++) { /* pairs of rows */
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    NNI_UNROLL for (int i = 0; i < 2; i++) { /* 4x4 blocks, one in each half */
        r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    NNI_UNROLL for (int i = 0; i < 4; i++) { /* the halves themselves */
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    NNI_UNROLL for (int i = 0; i < 8; i++) r[i] = t[i];
}

/* Four columns of eight rows: the rows come from memory in their 128-bit halves, so that no shuffle crosses halves. */
NNI_INLINE void vf_load_turned(vf *r, const float *p, size_t stride, size_t rows) {
    vf half[4];
    NNI_UNROLL for (size_t s = 0; s < 4; s++) /* rows s and 4+s */
        half[s] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + nni_min(s, rows - 1) * stride)),
                                       _mm_loadu_ps(p + nni_min(4 + s, rows - 1) * stride), 1);
    const vf low01 = _mm256_unpacklo_ps(half[0], half[1]), low23 = _mm256_unpacklo_ps(half[2], half[3]);
    const vf high01 = _mm256_unpackhi_ps(half[0], half[1]), high23 = _mm256_unpackhi_ps(half[2], half[3]);
    r[0] = _mm256_shuffle_ps(low01, low23, 0x44);
    r[1] = _mm256_shuffle_ps(low01, low23, 0xee);
    r[2] = _mm256_shuffle_ps(high01, high23, 0x44);
    r[3] = _mm256_shuffle_ps(high01, high23, 0xee);
}

NNI_INLINE vq vq_load(const float *p) {
    vq q;
    q.at = p;
    return q;
}
NNI_INLINE vf vf_fma_onto(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
NNI_INLINE vf vf_fma_at(const float *a, vf b, vf c) { return _mm256_fmadd_ps(_mm256_broadcast_ss(a), b, c); }
NNI_INLINE vf vf_fma_q(vq a, int i, vf b, vf c) { return vf_fma_at(a.at + i, b, c); }

#if !defined(NN_NO_SLEEF)
NNI_INLINE vf vf_exp_sleef(vf a) { return Sleef_finz_expf8_u10avx2(a); }
NNI_INLINE vf vf_log_sleef(vf a) { return Sleef_finz_logf8_u10avx2(a); }
#endif

#include "kernels.h"
#include "end.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif /* NNI_X86 */
#endif /* NN_SIMD_AVX2_H */
