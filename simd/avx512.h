/* avx512.h - the vector layer on AVX-512 F, VL, BW and DQ: 16 lanes, 32 registers, masks for free
 *
 * Latency and rate (per cycle) that the kernels are sized by: fma 4 cycles, 2; load 2; broadcast from memory free;
 * shuffle across lanes 3 cycles, 1 (Intel) to 2 (Zen 5). So 8 independent sums fill the fma units.
 */
#ifndef NN_SIMD_AVX512_H
#define NN_SIMD_AVX512_H

#include "../src/config.h"
#include "../src/cpu.h"

#ifdef NNI_X86
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)
#else
/* GCC's own immintrin.h has operands that it calls undefined, and in C++ warns about them wherever they are inlined. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")
#endif

#if !defined(NN_NO_SLEEF)
#ifdef __cplusplus
extern "C" {
#endif
__m512 Sleef_finz_expf16_u10avx512f(__m512);
__m512 Sleef_finz_logf16_u10avx512f(__m512);
#ifdef __cplusplus
}
#endif
#endif

#define NNI_ISA avx512
#include "begin.h"

#define VF_LANES 16
#define VF_FREE_MASK 1
#define VF_MIXED 4
#define VF_MATHS NNI_INLINE
/* rows x vectors + vectors of B + one broadcast <= 32 registers */
#define NNI_TILES(X)                                                                                                   \
    X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(13, 1)        \
    X(14, 1) X(15, 1) X(16, 1) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2)        \
    X(13, 2) X(14, 2) X(1, 3) X(2, 3) X(3, 3) X(4, 3) X(5, 3) X(6, 3) X(7, 3) X(8, 3) X(9, 3) X(1, 4) X(2, 4) X(3, 4)  \
    X(4, 4) X(5, 4) X(6, 4)
#define NNI_TILE_ROWS 16, 14, 9, 6
#define NNI_STEPS(rows, vectors) ((rows) > 6 ? 4 : 1)
#define NNI_FED(rows, vectors) ((rows) >= 12 && (vectors) == 2)
#define NNI_LARGE_VECTORS 4
#define NNI_ROW_VECTORS 26
#define NNI_DOT_ROWS 6
#define NNI_DOT_COLS 4

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;
typedef struct vq {
    const float *at;
} vq;
typedef __m128 vf4;

NNI_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
NNI_INLINE void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
NNI_INLINE vm vm_first(size_t n) { return (vm)((1u << n) - 1u); }
NNI_INLINE vf vf_load_m(const float *p, vm m) { return _mm512_maskz_loadu_ps(m, p); }
NNI_INLINE void vf_store_m(float *p, vf v, vm m) { _mm512_mask_storeu_ps(p, m, v); }
NNI_INLINE vf vf_load_n(const float *p, size_t n) { return vf_load_m(p, vm_first(n)); }
NNI_INLINE vf vf_load_last(const float *p, size_t n) { return vf_load_n(p, n); }
NNI_INLINE void vf_store_n(float *p, vf v, size_t n) { vf_store_m(p, v, vm_first(n)); }
NNI_INLINE vi vi_load(const uint32_t *p) { return _mm512_loadu_si512(p); }
NNI_INLINE void vi_store(uint32_t *p, vi v) { _mm512_storeu_si512(p, v); }
NNI_INLINE vf vf_keep(vf v) {
    __asm__("" : "+v"(v));
    return v;
}

NNI_INLINE vf vf_gather(const float *p, vi i) { return _mm512_i32gather_ps(i, p, 4); }
/* Two neighbours are one gather of 64 bits, whose halves two shuffles part. */
NNI_INLINE vf vf_gather_pair(const float *p, vi i, vf *next) {
    const vf low = _mm512_castpd_ps(_mm512_i32gather_pd(_mm512_castsi512_si256(i), p, 4));
    const vf high = _mm512_castpd_ps(_mm512_i32gather_pd(_mm512_extracti64x4_epi64(i, 1), p, 4));
    const vi even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *next = _mm512_permutex2var_ps(low, _mm512_or_epi32(even, _mm512_set1_epi32(1)), high);
    return _mm512_permutex2var_ps(low, even, high);
}
NNI_INLINE vi vi_load_bytes(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)); }
NNI_INLINE void vi_store_bytes(uint8_t *p, vi v) { _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(v)); }
NNI_INLINE vf4 vf4_load(const float *p) { return _mm_loadu_ps(p); }
NNI_INLINE void vf4_store(float *p, vf4 v) { _mm_storeu_ps(p, v); }
NNI_INLINE vf4 vf4_set1(float a) { return _mm_set1_ps(a); }
NNI_INLINE vf4 vf4_sub(vf4 a, vf4 b) { return _mm_sub_ps(a, b); }
NNI_INLINE vf4 vf4_fma(vf4 a, vf4 b, vf4 c) { return _mm_fmadd_ps(a, b, c); }

NNI_INLINE vf vf_set1(float a) { return _mm512_set1_ps(a); }
NNI_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
NNI_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
NNI_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
NNI_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
NNI_INLINE vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
/* The divider would take roots and quotients one after the other. So the root comes from an estimate, good to 2^-14, by two of
 * Newton's steps; the second starts from the exact rest a - g*g and rounds as the instruction does. That was seen for all
 * 2^24 numbers in [1, 4) with estimates from anywhere within 2^-14. Below 2^-100 the rest might be inexact. */
NNI_INLINE vf vf_sqrt_beside(vf a) {
    const vf half = _mm512_set1_ps(0.5f), estimate = _mm512_rsqrt14_ps(a);
    vf g = _mm512_mul_ps(a, estimate), h = _mm512_mul_ps(half, estimate); /* the root, and half of its reciprocal */
    const vf e = _mm512_fnmadd_ps(g, h, half);
    g = _mm512_fmadd_ps(g, e, g);
    h = _mm512_fmadd_ps(h, e, h);
    g = _mm512_fmadd_ps(_mm512_fnmadd_ps(g, g, a), h, g);
    return _mm512_fixupimm_ps(g, a, _mm512_set1_epi32(0x100100), 0); /* 0 and infinity are their own roots */
}
NNI_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
NNI_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
NNI_INLINE vf vf_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
NNI_INLINE vf vf_times_power(vf a, vf n) { return _mm512_scalef_ps(a, n); }
NNI_INLINE vf vf_abs(vf a) { return _mm512_castsi512_ps(_mm512_and_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff))); }
/* MINPS and MAXPS give their second operand when either is NaN, or both are zeros: vf_max puts the first one's NaN back. */
NNI_INLINE vf vf_max(vf a, vf b) { return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a); }
NNI_INLINE vf vf_at_most(vf a, vf limit) { return _mm512_min_ps(limit, a); }
NNI_INLINE vf vf_at_least(vf a, vf limit) { return _mm512_max_ps(limit, a); }

NNI_INLINE vm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
NNI_INLINE vm vf_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
NNI_INLINE vm vf_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
NNI_INLINE vm vf_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
NNI_INLINE vm vm_or(vm m, vm w) { return (vm)(m | w); }
NNI_INLINE vf vf_select(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
NNI_INLINE vf vf_where(vm m, vf a) { return _mm512_maskz_mov_ps(m, a); }
NNI_INLINE uint32_t vm_bits(vm m) { return m; }

NNI_INLINE vi vf_bits(vf a) { return _mm512_castps_si512(a); }
NNI_INLINE vf vf_from_bits(vi v) { return _mm512_castsi512_ps(v); }
NNI_INLINE vf vf_from_int(vi v) { return _mm512_cvtepi32_ps(v); }
NNI_INLINE vi vi_from_float(vf a) { return _mm512_cvttps_epi32(a); }
NNI_INLINE vi vi_set1(uint32_t u) { return _mm512_set1_epi32((int)u); }
NNI_INLINE vi vi_lane(void) { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
NNI_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
NNI_INLINE vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
NNI_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
NNI_INLINE vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
NNI_INLINE vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
/* Shifts in the compiler's own vector notation: one instruction by a constant, and still valid at -O0. */
NNI_INLINE vi vi_shl(vi a, int k) { return (vi)((__v16su)a << k); }
NNI_INLINE vi vi_shr(vi a, int k) { return (vi)((__v16su)a >> k); }
NNI_INLINE vi vi_sar(vi a, int k) { return (vi)((__v16si)a >> k); }
NNI_INLINE vi vi_mul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }
NNI_INLINE vi vi_mul_wide(vi a, vi b, vi *high) {
    const vi even = _mm512_mul_epu32(a, b);
    const vi odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
    *high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
    return _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
}
NNI_INLINE vm vi_eq0(vi a, vi k) { return _mm512_testn_epi32_mask(a, k); }

/* A switch, because the instruction holds i itself. */
NNI_INLINE vf vf_of_four(vf v, int i) {
    switch (i) {
    case 0: return _mm512_permute_ps(v, 0x00);
    case 1: return _mm512_permute_ps(v, 0x55);
    case 2: return _mm512_permute_ps(v, 0xaa);
    default: return _mm512_permute_ps(v, 0xff);
    }
}
NNI_INLINE vf vf_reverse(vf v) {
    return _mm512_permutexvar_ps(_mm512_setr_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), v);
}

NNI_INLINE float vf_fold(vf v) {
    const __m256 v8 = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
    const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
    return _mm_cvtss_f32(_mm_add_ss(v2, _mm_shuffle_ps(v2, v2, 1)));
}

NNI_INLINE float vf_fold_max(vf v) {
    v = vf_max(v, _mm512_shuffle_f32x4(v, v, 0x4e));
    v = vf_max(v, _mm512_shuffle_f32x4(v, v, 0xb1));
    v = vf_max(v, _mm512_permute_ps(v, 0x4e));
    return _mm512_cvtss_f32(vf_max(v, _mm512_permute_ps(v, 0xb1)));
}

/* Sixteen folds at once. Each step adds the halves of two vectors and keeps both results in one, so that the number of
 * vectors halves with the width still to be folded: 15 additions instead of 64. */
NNI_INLINE vf vf_fold_each(vf *r) {
    NNI_UNROLL for (int i = 0; i < 8; i++) /* halves of 8: the low half holds r[i], the high half r[i+8] */
        r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(r[i], r[i + 8], 0x44), _mm512_shuffle_f32x4(r[i], r[i + 8], 0xee));
    NNI_UNROLL for (int i = 0; i < 4; i++) /* 128-bit parts: r[i], r[i+4], r[i+8], r[i+12] */
        r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(r[i], r[i + 4], 0x88), _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd));
    NNI_UNROLL for (int i = 0; i < 2; i++) /* within each part: two lanes of r[i], two of r[i+2] */
        r[i] = _mm512_add_ps(_mm512_shuffle_ps(r[i], r[i + 2], 0x44), _mm512_shuffle_ps(r[i], r[i + 2], 0xee));
    const vf sum = _mm512_add_ps(_mm512_shuffle_ps(r[0], r[1], 0x88), _mm512_shuffle_ps(r[0], r[1], 0xdd));
    /* Part p now holds, in order, the folds of a, a+2, a+1, a+3 with a = 0, 8, 4, 12 for p = 0..3. */
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15), sum);
}

NNI_INLINE void vf_transpose(vf *r) {
    vf t[16];
    NNI_UNROLL for (int i = 0; i < 8; i++) { /* pairs of rows */
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    NNI_UNROLL for (int i = 0; i < 4; i++) { /* 4x4 blocks, one in each 128-bit part */
        r[4 * i] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    NNI_UNROLL for (int i = 0; i < 4; i++) { /* the parts themselves */
        t[i] = _mm512_shuffle_f32x4(r[i], r[4 + i], 0x88);
        t[4 + i] = _mm512_shuffle_f32x4(r[i], r[4 + i], 0xdd);
        t[8 + i] = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0x88);
        t[12 + i] = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0xdd);
    }
    NNI_UNROLL for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[8 + i], 0x88);
        r[8 + i] = _mm512_shuffle_f32x4(t[i], t[8 + i], 0xdd);
    }
}

/* Four columns of sixteen rows: the rows come from memory in their 128-bit parts, so that no shuffle crosses parts. */
NNI_INLINE void vf_load_turned(vf *r, const float *p, size_t stride, size_t rows) {
    vf part[4];
    NNI_UNROLL for (size_t s = 0; s < 4; s++) { /* rows s, 4+s, 8+s, 12+s */
        part[s] = _mm512_castps128_ps512(_mm_loadu_ps(p + nni_min(s, rows - 1) * stride));
        part[s] = _mm512_insertf32x4(part[s], _mm_loadu_ps(p + nni_min(4 + s, rows - 1) * stride), 1);
        part[s] = _mm512_insertf32x4(part[s], _mm_loadu_ps(p + nni_min(8 + s, rows - 1) * stride), 2);
        part[s] = _mm512_insertf32x4(part[s], _mm_loadu_ps(p + nni_min(12 + s, rows - 1) * stride), 3);
    }
    const vf low01 = _mm512_unpacklo_ps(part[0], part[1]), low23 = _mm512_unpacklo_ps(part[2], part[3]);
    const vf high01 = _mm512_unpackhi_ps(part[0], part[1]), high23 = _mm512_unpackhi_ps(part[2], part[3]);
    r[0] = _mm512_shuffle_ps(low01, low23, 0x44);
    r[1] = _mm512_shuffle_ps(low01, low23, 0xee);
    r[2] = _mm512_shuffle_ps(high01, high23, 0x44);
    r[3] = _mm512_shuffle_ps(high01, high23, 0xee);
}

NNI_INLINE vq vq_load(const float *p) {
    vq q;
    q.at = p;
    return q;
}
NNI_INLINE vf vf_fma_onto(vf a, vf b, vf c) {
    __asm__("vfmadd231ps {%2, %1, %0|%0, %1, %2}" : "+v"(c) : "v"(b), "v"(a));
    return c;
}
NNI_INLINE vf vf_fma_at(const float *a, vf b, vf c) {
    __asm__("vfmadd231ps {%2%{1to16%}, %1, %0|%0, %1, %2%{1to16%}}" : "+v"(c) : "v"(b), "m"(*a));
    return c;
}
NNI_INLINE vf vf_fma_q(vq a, int i, vf b, vf c) { return _mm512_fmadd_ps(_mm512_set1_ps(a.at[i]), b, c); }

#if !defined(NN_NO_SLEEF)
NNI_INLINE vf vf_exp_sleef(vf a) { return Sleef_finz_expf16_u10avx512f(a); }
NNI_INLINE vf vf_log_sleef(vf a) { return Sleef_finz_logf16_u10avx512f(a); }
#endif

#include "kernels.h"
#include "end.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#pragma GCC diagnostic pop
#endif
#endif /* NNI_X86 */
#endif /* NN_SIMD_AVX512_H */
