/* scalar.h - the vector layer in plain C: one lane, runs anywhere, and is what every other instruction set must equal */
#ifndef NN_SIMD_SCALAR_H
#define NN_SIMD_SCALAR_H

#include "../src/config.h"
#include "../src/cpu.h"

#include <math.h>

#if !defined(NN_NO_SLEEF)
#ifdef __cplusplus
extern "C" {
#endif
float Sleef_finz_expf1_u10purecfma(float);
float Sleef_finz_logf1_u10purecfma(float);
#ifdef __cplusplus
}
#endif
#endif

#define NNI_ISA scalar
#include "begin.h"

#define VF_LANES 1
#define VF_FREE_MASK 0
#define VF_MIXED 1
#define VF_MATHS static __attribute__((noinline, unused))
#define NNI_TILES(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(1, 3) X(2, 3) X(1, 4) X(2, 4)
#define NNI_TILE_ROWS 4, 4, 2, 2
#define NNI_STEPS(rows, vectors) 1
#define NNI_FED(rows, vectors) 0
#define NNI_LARGE_VECTORS 2
#define NNI_ROW_VECTORS 4
#define NNI_DOT_ROWS 1
#define NNI_DOT_COLS 1

typedef float vf;
typedef uint32_t vi;
typedef uint32_t vm; /* 0 or 1 */
typedef struct vq {
    const float *at;
} vq;
typedef struct vf4 {
    float at[4];
} vf4;

NNI_INLINE vf vf_load(const float *p) { return *p; }
NNI_INLINE void vf_store(float *p, vf v) { *p = v; }
NNI_INLINE vf vf_load_n(const float *p, size_t n) { return n ? *p : 0.0f; }
NNI_INLINE vf vf_load_last(const float *p, size_t n) { return vf_load_n(p, n); }
NNI_INLINE void vf_store_n(float *p, vf v, size_t n) {
    if (n) *p = v;
}
NNI_INLINE vm vm_first(size_t n) { return n > 0; }
NNI_INLINE vf vf_load_m(const float *p, vm m) { return m ? *p : 0.0f; }
NNI_INLINE void vf_store_m(float *p, vf v, vm m) {
    if (m) *p = v;
}
NNI_INLINE vi vi_load(const uint32_t *p) { return *p; }
NNI_INLINE void vi_store(uint32_t *p, vi v) { *p = v; }
NNI_INLINE vf vf_keep(vf v) { return v; }

NNI_INLINE vf vf_gather(const float *p, vi i) { return p[(int32_t)i]; }
NNI_INLINE vf vf_gather_pair(const float *p, vi i, vf *next) {
    *next = p[(int32_t)i + 1];
    return p[(int32_t)i];
}
NNI_INLINE vi vi_load_bytes(const uint8_t *p) { return *p; }
NNI_INLINE void vi_store_bytes(uint8_t *p, vi v) { *p = (uint8_t)v; }
NNI_INLINE vf4 vf4_load(const float *p) {
    vf4 v;
    memcpy(&v, p, sizeof v);
    return v;
}
NNI_INLINE void vf4_store(float *p, vf4 v) { memcpy(p, &v, sizeof v); }
NNI_INLINE vf4 vf4_set1(float a) {
    const vf4 v = {{a, a, a, a}};
    return v;
}
NNI_INLINE vf4 vf4_sub(vf4 a, vf4 b) {
    const vf4 v = {{a.at[0] - b.at[0], a.at[1] - b.at[1], a.at[2] - b.at[2], a.at[3] - b.at[3]}};
    return v;
}
NNI_INLINE vf4 vf4_fma(vf4 a, vf4 b, vf4 c) {
    const vf4 v = {{fmaf(a.at[0], b.at[0], c.at[0]), fmaf(a.at[1], b.at[1], c.at[1]), fmaf(a.at[2], b.at[2], c.at[2]),
                    fmaf(a.at[3], b.at[3], c.at[3])}};
    return v;
}

NNI_INLINE vf vf_set1(float a) { return a; }
NNI_INLINE vf vf_add(vf a, vf b) { return a + b; }
NNI_INLINE vf vf_sub(vf a, vf b) { return a - b; }
NNI_INLINE vf vf_mul(vf a, vf b) { return a * b; }
NNI_INLINE vf vf_div(vf a, vf b) { return a / b; }
NNI_INLINE vf vf_sqrt(vf a) { return sqrtf(a); }
NNI_INLINE vf vf_sqrt_beside(vf a) { return vf_sqrt(a); }
NNI_INLINE vf vf_fma(vf a, vf b, vf c) { return fmaf(a, b, c); }
NNI_INLINE vf vf_fnma(vf a, vf b, vf c) { return fmaf(-a, b, c); }
NNI_INLINE vf vf_round(vf a) { return nearbyintf(a); }
NNI_INLINE vf vf_abs(vf a) { return fabsf(a); }
NNI_INLINE vf vf_max(vf a, vf b) { return a > b || a != a ? a : b; }
NNI_INLINE vf vf_at_most(vf a, vf limit) { return a > limit ? limit : a; }
NNI_INLINE vf vf_at_least(vf a, vf limit) { return a < limit ? limit : a; }

NNI_INLINE vm vf_lt(vf a, vf b) { return a < b; }
NNI_INLINE vm vf_le(vf a, vf b) { return a <= b; }
NNI_INLINE vm vf_eq(vf a, vf b) { return a == b; }
NNI_INLINE vm vf_nan(vf a) { return a != a; }
NNI_INLINE vm vm_or(vm m, vm w) { return m | w; }
NNI_INLINE vf vf_select(vm m, vf a, vf b) { return m ? a : b; }
NNI_INLINE vf vf_where(vm m, vf a) { return m ? a : 0.0f; }
NNI_INLINE uint32_t vm_bits(vm m) { return m; }

NNI_INLINE vi vf_bits(vf a) {
    vi v;
    memcpy(&v, &a, sizeof v);
    return v;
}
NNI_INLINE vf vf_from_bits(vi v) {
    vf a;
    memcpy(&a, &v, sizeof a);
    return a;
}
NNI_INLINE vf vf_from_int(vi v) { return (float)(int32_t)v; }
NNI_INLINE vi vi_from_float(vf a) { return a >= -2147483648.0f && a < 2147483648.0f ? (vi)(int32_t)a : 0x80000000u; }
NNI_INLINE vi vi_set1(uint32_t u) { return u; }
NNI_INLINE vi vi_lane(void) { return 0; }
NNI_INLINE vi vi_add(vi a, vi b) { return a + b; }
NNI_INLINE vi vi_sub(vi a, vi b) { return a - b; }
NNI_INLINE vi vi_and(vi a, vi b) { return a & b; }
NNI_INLINE vi vi_or(vi a, vi b) { return a | b; }
NNI_INLINE vi vi_xor(vi a, vi b) { return a ^ b; }
NNI_INLINE vi vi_shl(vi a, int k) { return a << k; }
NNI_INLINE vi vi_shr(vi a, int k) { return a >> k; }
NNI_INLINE vi vi_sar(vi a, int k) { return (vi)((int32_t)a >> k); }
/* In two exact steps, since 2^n itself may lie outside the floats; the last product rounds. */
NNI_INLINE vf vf_times_power(vf a, vf n) {
    const vi power = vi_from_float(n), half = vi_sar(power, 1), rest = vi_sub(power, half), one = vi_set1(127);
    const vf first = vf_from_bits(vi_shl(vi_add(half, one), 23)), second = vf_from_bits(vi_shl(vi_add(rest, one), 23));
    return vf_mul(vf_mul(a, first), second);
}
NNI_INLINE vi vi_mul(vi a, vi b) { return a * b; }
NNI_INLINE vi vi_mul_wide(vi a, vi b, vi *high) {
    const uint64_t product = (uint64_t)a * b;
    *high = (vi)(product >> 32);
    return (vi)product;
}
NNI_INLINE vm vi_eq0(vi a, vi k) { return (a & k) == 0; }

NNI_INLINE vf vf_of_four(vf v, int i) { return (void)i, v; }
NNI_INLINE vf vf_reverse(vf v) { return v; }
NNI_INLINE float vf_fold(vf v) { return v; }
NNI_INLINE float vf_fold_max(vf v) { return v; }
NNI_INLINE vf vf_fold_each(vf *r) { return r[0]; }
NNI_INLINE void vf_transpose(vf *r) { (void)r; }
NNI_INLINE void vf_load_turned(vf *r, const float *p, size_t stride, size_t rows) {
    (void)stride, (void)rows;
    memcpy(r, p, 4 * sizeof *r);
}
NNI_INLINE vq vq_load(const float *p) {
    vq q;
    q.at = p;
    return q;
}
NNI_INLINE vf vf_fma_onto(vf a, vf b, vf c) { return fmaf(a, b, c); }
NNI_INLINE vf vf_fma_at(const float *a, vf b, vf c) { return fmaf(*a, b, c); }
NNI_INLINE vf vf_fma_q(vq a, int i, vf b, vf c) { return vf_fma_at(a.at + i, b, c); }

#if !defined(NN_NO_SLEEF)
/* SLEEF's scalar functions with these bits are compiled for processors with FMA; older ones get the built-in maths. */
VF_MATHS vf NNI_FN(exp_builtin)(vf x);
VF_MATHS vf NNI_FN(log_builtin)(vf x);
VF_MATHS vf vf_exp_sleef(vf a) { return nni_cpu_has_fma() ? Sleef_finz_expf1_u10purecfma(a) : NNI_FN(exp_builtin)(a); }
VF_MATHS vf vf_log_sleef(vf a) { return nni_cpu_has_fma() ? Sleef_finz_logf1_u10purecfma(a) : NNI_FN(log_builtin)(a); }
#endif

#include "kernels.h"
#include "end.h"

#endif /* NN_SIMD_SCALAR_H */
