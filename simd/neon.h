/* neon.h - the vector layer on AArch64 NEON: 4 lanes, 32 registers, fma by one lane of another register
 *
 * Latency and rate on Neoverse N1: fma 4 cycles (2 when chained through the addend), 2 a cycle; load 2; a load that
 * broadcasts (LD1R) also takes a vector slot, so the GEMM loads four scalars at once and multiplies by lane.
 */
#ifndef NN_SIMD_NEON_H
#define NN_SIMD_NEON_H

#include "../src/config.h"
#include "../src/cpu.h"

#ifdef NNI_ARM
#include <arm_neon.h>

#if !defined(NN_NO_SLEEF)
#ifdef __cplusplus
extern "C" {
#endif
float32x4_t Sleef_finz_expf4_u10advsimd(float32x4_t);
float32x4_t Sleef_finz_logf4_u10advsimd(float32x4_t);
#ifdef __cplusplus
}
#endif
#endif

#define NNI_ISA neon
#include "begin.h"

#define VF_LANES 4
#define VF_FREE_MASK 0
#define VF_MIXED 4
#define VF_MATHS NNI_INLINE
/* rows x vectors + vectors of B + rows/4 registers of A <= 32 */
#define NNI_TILES(X)                                                                                                   \
    X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2)    \
    X(7, 2) X(8, 2) X(1, 3) X(2, 3) X(3, 3) X(4, 3) X(5, 3) X(6, 3) X(7, 3) X(8, 3) X(1, 4) X(2, 4) X(3, 4) X(4, 4)
#define NNI_TILE_ROWS 8, 8, 8, 4
#define NNI_STEPS(rows, vectors) ((rows) > 6 && (vectors) == 1 ? 4 : 1)
#define NNI_FED(rows, vectors) 0
#define NNI_LARGE_VECTORS 3
#define NNI_ROW_VECTORS 26
#define NNI_DOT_ROWS 3
#define NNI_DOT_COLS 2

typedef float32x4_t vf;
typedef uint32x4_t vi;
typedef uint32x4_t vm; /* all bits of a lane set or clear */
typedef float32x4_t vq;
typedef float32x4_t vf4;

NNI_INLINE vf vf_load(const float *p) { return vld1q_f32(p); }
NNI_INLINE void vf_store(float *p, vf v) { vst1q_f32(p, v); }
NNI_INLINE vf vf_load_n(const float *p, size_t n) {
    if (n >= 4) return vld1q_f32(p);
    vf v = vdupq_n_f32(0.0f);
    if (n > 0) v = vsetq_lane_f32(p[0], v, 0);
    if (n > 1) v = vsetq_lane_f32(p[1], v, 1);
    if (n > 2) v = vsetq_lane_f32(p[2], v, 2);
    return v;
}
NNI_INLINE vf vf_load_last(const float *p, size_t n) { return vf_load_n(p, n); }
NNI_INLINE void vf_store_n(float *p, vf v, size_t n) {
    if (n >= 4) {
        vst1q_f32(p, v);
        return;
    }
    if (n > 0) vst1q_lane_f32(p, v, 0);
    if (n > 1) vst1q_lane_f32(p + 1, v, 1);
    if (n > 2) vst1q_lane_f32(p + 2, v, 2);
}
NNI_INLINE vi vi_lane(void) {
    static const uint32_t lanes[4] = {0, 1, 2, 3};
    return vld1q_u32(lanes);
}
NNI_INLINE vm vm_first(size_t n) { return vcltq_u32(vi_lane(), vdupq_n_u32((uint32_t)n)); }
NNI_INLINE uint32_t vm_bits(vm m) {
    static const uint32_t weights[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, vld1q_u32(weights)));
}
/* NEON has no masked access; masks of the contract always cover the first lanes, so counting them is enough. */
NNI_INLINE size_t vm_count_neon(vm m) { return vaddvq_u32(vshrq_n_u32(m, 31)); }
NNI_INLINE vf vf_load_m(const float *p, vm m) { return vf_load_n(p, vm_count_neon(m)); }
NNI_INLINE void vf_store_m(float *p, vf v, vm m) { vf_store_n(p, v, vm_count_neon(m)); }
NNI_INLINE vi vi_load(const uint32_t *p) { return vld1q_u32(p); }
NNI_INLINE void vi_store(uint32_t *p, vi v) { vst1q_u32(p, v); }
NNI_INLINE vf vf_keep(vf v) {
    __asm__("" : "+w"(v));
    return v;
}

NNI_INLINE vf vf_gather(const float *p, vi i) {
    const int32x4_t at = vreinterpretq_s32_u32(i);
    vf v = vld1q_dup_f32(p + vgetq_lane_s32(at, 0));
    v = vld1q_lane_f32(p + vgetq_lane_s32(at, 1), v, 1);
    v = vld1q_lane_f32(p + vgetq_lane_s32(at, 2), v, 2);
    return vld1q_lane_f32(p + vgetq_lane_s32(at, 3), v, 3);
}
NNI_INLINE vf vf_gather_pair(const float *p, vi i, vf *next) {
    const int32x4_t at = vreinterpretq_s32_u32(i);
    const vf low = vcombine_f32(vld1_f32(p + vgetq_lane_s32(at, 0)), vld1_f32(p + vgetq_lane_s32(at, 1)));
    const vf high = vcombine_f32(vld1_f32(p + vgetq_lane_s32(at, 2)), vld1_f32(p + vgetq_lane_s32(at, 3)));
    *next = vuzp2q_f32(low, high);
    return vuzp1q_f32(low, high);
}
NNI_INLINE vi vi_load_bytes(const uint8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))));
}
NNI_INLINE void vi_store_bytes(uint8_t *p, vi v) {
    const uint16x4_t half = vmovn_u32(v);
    const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(half, half))), 0);
    memcpy(p, &four, sizeof four);
}
NNI_INLINE vf4 vf4_load(const float *p) { return vld1q_f32(p); }
NNI_INLINE void vf4_store(float *p, vf4 v) { vst1q_f32(p, v); }
NNI_INLINE vf4 vf4_set1(float a) { return vdupq_n_f32(a); }
NNI_INLINE vf4 vf4_sub(vf4 a, vf4 b) { return vsubq_f32(a, b); }
NNI_INLINE vf4 vf4_fma(vf4 a, vf4 b, vf4 c) { return vfmaq_f32(c, a, b); }

NNI_INLINE vf vf_set1(float a) { return vdupq_n_f32(a); }
NNI_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
NNI_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
NNI_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
NNI_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
NNI_INLINE vf vf_sqrt(vf a) { return vsqrtq_f32(a); }
NNI_INLINE vf vf_sqrt_beside(vf a) { return vf_sqrt(a); }
NNI_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
NNI_INLINE vf vf_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
NNI_INLINE vf vf_round(vf a) { return vrndnq_f32(a); }
NNI_INLINE vf vf_abs(vf a) { return vabsq_f32(a); }
/* FMAX and FMIN order the zeros and x86 does not: a comparison gives both the same result. */
NNI_INLINE vf vf_max(vf a, vf b) { return vbslq_f32(vorrq_u32(vcgtq_f32(a, b), vmvnq_u32(vceqq_f32(a, a))), a, b); }
NNI_INLINE vf vf_at_most(vf a, vf limit) { return vbslq_f32(vcgtq_f32(a, limit), limit, a); }
NNI_INLINE vf vf_at_least(vf a, vf limit) { return vbslq_f32(vcltq_f32(a, limit), limit, a); }

NNI_INLINE vm vf_lt(vf a, vf b) { return vcltq_f32(a, b); }
NNI_INLINE vm vf_le(vf a, vf b) { return vcleq_f32(a, b); }
NNI_INLINE vm vf_eq(vf a, vf b) { return vceqq_f32(a, b); }
NNI_INLINE vm vf_nan(vf a) { return vmvnq_u32(vceqq_f32(a, a)); }
NNI_INLINE vm vm_or(vm m, vm w) { return vorrq_u32(m, w); }
NNI_INLINE vf vf_select(vm m, vf a, vf b) { return vbslq_f32(m, a, b); }
NNI_INLINE vf vf_where(vm m, vf a) { return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(a))); }

NNI_INLINE vi vf_bits(vf a) { return vreinterpretq_u32_f32(a); }
NNI_INLINE vf vf_from_bits(vi v) { return vreinterpretq_f32_u32(v); }
NNI_INLINE vf vf_from_int(vi v) { return vcvtq_f32_s32(vreinterpretq_s32_u32(v)); }
NNI_INLINE vi vi_from_float(vf a) { return vreinterpretq_u32_s32(vcvtq_s32_f32(a)); }
NNI_INLINE vi vi_set1(uint32_t u) { return vdupq_n_u32(u); }
NNI_INLINE vi vi_add(vi a, vi b) { return vaddq_u32(a, b); }
NNI_INLINE vi vi_sub(vi a, vi b) { return vsubq_u32(a, b); }
NNI_INLINE vi vi_and(vi a, vi b) { return vandq_u32(a, b); }
NNI_INLINE vi vi_or(vi a, vi b) { return vorrq_u32(a, b); }
NNI_INLINE vi vi_xor(vi a, vi b) { return veorq_u32(a, b); }
/* Shifts in the compiler's own vector notation: one instruction by a constant, and still valid at -O0. */
NNI_INLINE vi vi_shl(vi a, int k) { return a << (uint32_t)k; }
NNI_INLINE vi vi_shr(vi a, int k) { return a >> (uint32_t)k; }
NNI_INLINE vi vi_sar(vi a, int k) { return vreinterpretq_u32_s32(vreinterpretq_s32_u32(a) >> k); }
/* In two exact steps, since 2^n itself may lie outside the floats; the last product rounds. */
NNI_INLINE vf vf_times_power(vf a, vf n) {
    const vi power = vi_from_float(n), half = vi_sar(power, 1), rest = vi_sub(power, half), one = vi_set1(127);
    const vf first = vf_from_bits(vi_shl(vi_add(half, one), 23)), second = vf_from_bits(vi_shl(vi_add(rest, one), 23));
    return vf_mul(vf_mul(a, first), second);
}
NNI_INLINE vi vi_mul(vi a, vi b) { return vmulq_u32(a, b); }
NNI_INLINE vi vi_mul_wide(vi a, vi b, vi *high) {
    const vi low = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a), vget_low_u32(b)));
    const vi top = vreinterpretq_u32_u64(vmull_high_u32(a, b));
    *high = vuzp2q_u32(low, top);
    return vuzp1q_u32(low, top);
}
NNI_INLINE vm vi_eq0(vi a, vi k) { return vceqzq_u32(vandq_u32(a, k)); }

/* A switch, because the instruction holds i itself. */
NNI_INLINE vf vf_of_four(vf v, int i) {
    switch (i) {
    case 0: return vdupq_laneq_f32(v, 0);
    case 1: return vdupq_laneq_f32(v, 1);
    case 2: return vdupq_laneq_f32(v, 2);
    default: return vdupq_laneq_f32(v, 3);
    }
}
NNI_INLINE vf vf_reverse(vf v) {
    const vf pairs = vrev64q_f32(v);
    return vextq_f32(pairs, pairs, 2);
}
NNI_INLINE float vf_fold(vf v) {
    const float32x2_t v2 = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(v2, 0) + vget_lane_f32(v2, 1);
}
NNI_INLINE float vf_fold_max(vf v) { return vmaxvq_f32(v); }
NNI_INLINE void vf_transpose(vf *r) {
    const vf t0 = vtrn1q_f32(r[0], r[1]), t1 = vtrn2q_f32(r[0], r[1]);
    const vf t2 = vtrn1q_f32(r[2], r[3]), t3 = vtrn2q_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(t0), vget_low_f32(t2));
    r[1] = vcombine_f32(vget_low_f32(t1), vget_low_f32(t3));
    r[2] = vcombine_f32(vget_high_f32(t0), vget_high_f32(t2));
    r[3] = vcombine_f32(vget_high_f32(t1), vget_high_f32(t3));
}
NNI_INLINE vf vf_fold_each(vf *r) {
    vf_transpose(r);
    return vaddq_f32(vaddq_f32(r[0], r[2]), vaddq_f32(r[1], r[3]));
}

NNI_INLINE void vf_load_turned(vf *r, const float *p, size_t stride, size_t rows) {
    NNI_UNROLL for (size_t s = 0; s < 4; s++) r[s] = vf_load(p + nni_min(s, rows - 1) * stride);
    vf_transpose(r);
}
NNI_INLINE vf vf_fma_onto(vf a, vf b, vf c) { return vf_fma(a, b, c); }
NNI_INLINE vf vf_fma_at(const float *a, vf b, vf c) { return vf_fma(vf_set1(*a), b, c); }
NNI_INLINE vq vq_load(const float *p) { return vld1q_f32(p); }
NNI_INLINE vf vf_fma_q(vq a, int i, vf b, vf c) {
    switch (i) { /* the instruction wants a literal lane, also where nothing is optimised */
    case 0: return vfmaq_laneq_f32(c, b, a, 0);
    case 1: return vfmaq_laneq_f32(c, b, a, 1);
    case 2: return vfmaq_laneq_f32(c, b, a, 2);
    default: return vfmaq_laneq_f32(c, b, a, 3);
    }
}

#if !defined(NN_NO_SLEEF)
NNI_INLINE vf vf_exp_sleef(vf a) { return Sleef_finz_expf4_u10advsimd(a); }
NNI_INLINE vf vf_log_sleef(vf a) { return Sleef_finz_logf4_u10advsimd(a); }
#endif

#include "kernels.h"
#include "end.h"

#endif /* NNI_ARM */
#endif /* NN_SIMD_NEON_H */
