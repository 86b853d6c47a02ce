/* maths.h - exp, log and what is built on them, one vector at a time
 *
 * Polynomials are minimax fits over the reduced range with coefficients rounded to float; beside each stands its
 * relative error in units of 2^-24, rounding not counted. All are evaluated by Horner's rule with fused multiply-adds.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

#define NNI_LOG2_E 1.44269504088896341f
/* ln 2 as a float with twelve trailing zeros, so that n*HIGH is exact for |n| < 2^12, and the rest */
#define NNI_LN2_HIGH 0.693359375f
#define NNI_LN2_LOW -2.12194440e-4f

/* a * 2^n for n in [-300, 300], in two exact steps: 2^n itself may lie outside the floats; the last product rounds. */
NNI_INLINE vf NNI_FN(times_power)(vf a, vf n) {
    const vi power = vi_from_float(n), half = vi_sar(power, 1), rest = vi_sub(power, half), one = vi_set1(127);
    const vf first = vf_from_bits(vi_shl(vi_add(half, one), 23)), second = vf_from_bits(vi_shl(vi_add(rest, one), 23));
    return vf_mul(vf_mul(a, first), second);
}

/* e^x = 2^n * e^r with |r| <= ln2/2. At most 0.99 ULP from the truth. */
NNI_INLINE vf NNI_FN(exp_builtin)(vf x) {
    const vf above = vf_set1(89.0f), below = vf_set1(-105.0f); /* beyond these the result is inf or 0; NaN passes */
    x = vf_select(vf_lt(above, x), above, x);
    x = vf_select(vf_lt(x, below), below, x);
    const vf n = vf_round(vf_mul(x, vf_set1(NNI_LOG2_E)));
    const vf low = vf_set1(NNI_LN2_LOW), one = vf_set1(1.0f);
    const vf exact = vf_fnma(n, vf_set1(NNI_LN2_HIGH), x), r = vf_fnma(n, low, exact);
    vf q = vf_set1(1.9952803268097341060638427734375e-4f); /* (e^r - 1 - r) / r^2, 0.005 */
    q = vf_fma(q, r, vf_set1(1.393088256008923053741455078125e-3f));
    q = vf_fma(q, r, vf_set1(8.333197794854640960693359375e-3f));
    q = vf_fma(q, r, vf_set1(4.1666507720947265625e-2f));
    q = vf_fma(q, r, vf_set1(0.16666667163372039794921875f));
    q = vf_fma(q, r, vf_set1(0.5f));
    /* 1 + r + r^2 q, with what rounding took from r and from 1 + r put back: only the last addition counts */
    const vf sum = vf_add(one, r), lost = vf_add(vf_sub(r, vf_sub(sum, one)), vf_fnma(n, low, vf_sub(exact, r)));
    return NNI_FN(times_power)(vf_add(sum, vf_fma(vf_mul(r, r), q, lost)), n);
}

/* log x = n ln2 + log m with m in [sqrt(1/2), sqrt(2)). At most 0.63 ULP from the truth. */
NNI_INLINE vf NNI_FN(log_builtin)(vf x) {
    const vf tiny = vf_set1(1.17549435e-38f); /* below it the exponent field is 0: scale by 2^25 first */
    const vm small = vf_lt(x, tiny);
    const vf scaled = vf_select(small, vf_mul(x, vf_set1(33554432.0f)), x);
    const vi root_half = vi_set1(0x3f3504f3u); /* subtracted so that the field steps at sqrt(1/2) instead of 1 */
    const vi offset = vi_sub(vf_bits(scaled), root_half);
    const vf n = vf_sub(vf_from_int(vi_sar(offset, 23)), vf_where(small, vf_set1(25.0f)));
    const vf m = vf_from_bits(vi_add(vi_and(offset, vi_set1(0x007fffffu)), root_half));
    const vf f = vf_sub(m, vf_set1(1.0f));
    vf q = vf_set1(7.03830718994140625e-2f); /* (log(1+f) - f + f^2/2) / f^3, 0.06 */
    q = vf_fma(q, f, vf_set1(-0.1151149272918701171875f));
    q = vf_fma(q, f, vf_set1(0.11675083637237548828125f));
    q = vf_fma(q, f, vf_set1(-0.1242053508758544921875f));
    q = vf_fma(q, f, vf_set1(0.14249622821807861328125f));
    q = vf_fma(q, f, vf_set1(-0.16668045520782470703125f));
    q = vf_fma(q, f, vf_set1(0.20000700652599334716796875f));
    q = vf_fma(q, f, vf_set1(-0.249999940395355224609375f));
    q = vf_fma(q, f, vf_set1(0.333333313465118408203125f));
    /* n ln2 + f - f^2/2 + f^3 q, keeping what the two large additions round away: the differences are exact */
    const vf half = vf_mul(vf_set1(0.5f), f), cube = vf_mul(vf_mul(f, f), f);
    const vf high = vf_fma(cube, q, vf_fnma(half, f, f)), low = vf_fma(cube, q, vf_fnma(half, f, vf_sub(f, high)));
    const vf base = vf_mul(n, vf_set1(NNI_LN2_HIGH)), sum = vf_add(base, high);
    const vf lost = vf_add(low, vf_sub(high, vf_sub(sum, base)));
    vf y = vf_add(sum, vf_fma(n, vf_set1(NNI_LN2_LOW), lost));

    const vf zero = vf_set1(0.0f), infinity = vf_from_bits(vi_set1(0x7f800000u));
    y = vf_select(vf_lt(x, infinity), y, x); /* inf and NaN give themselves */
    y = vf_select(vf_eq(x, zero), vf_sub(zero, infinity), y);
    return vf_select(vf_lt(x, zero), vf_from_bits(vi_set1(0x7fc00000u)), y);
}

#ifdef NN_NO_SLEEF
NNI_INLINE vf NNI_FN(vexp)(vf x) { return NNI_FN(exp_builtin)(x); }
NNI_INLINE vf NNI_FN(vlog)(vf x) { return NNI_FN(log_builtin)(x); }
#else
NNI_INLINE vf NNI_FN(vexp)(vf x) { return vf_exp_sleef(x); }
NNI_INLINE vf NNI_FN(vlog)(vf x) { return vf_log_sleef(x); }
#endif

/* e^x - 1 for x <= 0. A polynomial near 0, where the subtraction would cancel; from -0.7 down it loses nothing. */
NNI_INLINE vf NNI_FN(vexpm1_negative)(vf x, vf exp_x) {
    vf q = vf_set1(2.1880290660192258656024932861328125e-5f); /* (e^x - 1 - x - x^2/2) / x^3 on [-0.72, 0], 0.007 */
    q = vf_fma(q, x, vf_set1(1.9895876175723969936370849609375e-4f));
    q = vf_fma(q, x, vf_set1(1.390750170685350894927978515625e-3f));
    q = vf_fma(q, x, vf_set1(8.334152400493621826171875e-3f));
    q = vf_fma(q, x, vf_set1(4.166679084300994873046875e-2f));
    q = vf_fma(q, x, vf_set1(0.16666667163372039794921875f));
    const vf near = vf_fma(vf_mul(x, x), vf_fma(q, x, vf_set1(0.5f)), x);
    return vf_select(vf_lt(x, vf_set1(-0.7f)), vf_sub(exp_x, vf_set1(1.0f)), near);
}

/* tanh x: odd polynomial below 0.625, 1 - 2/(e^2|x| + 1) above, which saturates at 1 by itself. */
NNI_INLINE vf NNI_FN(vtanh)(vf x) {
    const vf a = vf_abs(x), one = vf_set1(1.0f), two = vf_set1(2.0f), square = vf_mul(x, x);
    vf q = vf_set1(2.37051607109606266021728515625e-3f); /* (tanh x - x) / x^3 in x^2, 0.02 */
    q = vf_fma(q, square, vf_set1(-8.435009978711605072021484375e-3f));
    q = vf_fma(q, square, vf_set1(2.1807588636875152587890625e-2f));
    q = vf_fma(q, square, vf_set1(-5.39664328098297119140625e-2f));
    q = vf_fma(q, square, vf_set1(0.13333357870578765869140625f));
    q = vf_fma(q, square, vf_set1(-0.3333333432674407958984375f));
    const vf near = vf_fma(vf_mul(square, q), a, a);
    const vf far = vf_sub(one, vf_div(two, vf_add(NNI_FN(vexp)(vf_mul(two, a)), one)));
    const vi sign = vi_and(vf_bits(x), vi_set1(0x80000000u));
    return vf_from_bits(vi_or(vf_bits(vf_select(vf_lt(a, vf_set1(0.625f)), near, far)), sign));
}

/* 1/(1 + e) for x >= 0 and e/(1 + e) below, with e = e^-|x|. The quotient gets back what 1 + e and the division round away,
 * so that the last addition is the only rounding after e: the result never falls where x rises. */
NNI_INLINE vf NNI_FN(vsigmoid)(vf x) {
    const vf zero = vf_set1(0.0f), one = vf_set1(1.0f);
    const vf e = NNI_FN(vexp)(vf_sub(zero, vf_abs(x)));
    const vf u = vf_add(one, e), c = vf_sub(e, vf_sub(u, one)), inverse = vf_div(one, u);
    const vf top = vf_select(vf_lt(x, zero), e, one), quotient = vf_mul(top, inverse);
    const vf rest = vf_fnma(quotient, c, vf_fnma(quotient, u, top));
    return vf_fma(rest, inverse, quotient);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|. u = 1 + e rounds away c = e - (u - 1); log(u) + c/u has it back. */
NNI_INLINE vf NNI_FN(vsoftplus)(vf x) {
    const vf zero = vf_set1(0.0f), one = vf_set1(1.0f);
    const vf e = NNI_FN(vexp)(vf_sub(zero, vf_abs(x)));
    const vf u = vf_add(one, e), c = vf_sub(e, vf_sub(u, one));
    return vf_add(vf_max(zero, x), vf_add(NNI_FN(vlog)(u), vf_div(c, u)));
}

NNI_INLINE vf NNI_FN(velu)(vf x, vf a) {
    const vf zero = vf_set1(0.0f), below = vf_select(vf_lt(zero, x), zero, x);
    const vf curve = vf_mul(a, NNI_FN(vexpm1_negative)(below, NNI_FN(vexp)(below)));
    return vf_select(vf_lt(zero, x), x, curve);
}

/* sin and cos of 2 pi u for u in [0, 1), by quarter turns: no reduction error, since 4u is exact. */
NNI_INLINE void NNI_FN(vsincos_turns)(vf u, vf *sine, vf *cosine) {
    const vf quarters = vf_mul(u, vf_set1(4.0f)), n = vf_round(quarters), t = vf_sub(quarters, n), square = vf_mul(t, t);
    vf s = vf_set1(-4.6287518925964832305908203125e-3f); /* sin(pi/2 t)/t in t^2, |t| <= 1/2, 0.5 */
    s = vf_fma(s, square, vf_set1(7.969200611114501953125e-2f));
    s = vf_fma(s, square, vf_set1(-0.64596498012542724609375f));
    s = vf_mul(t, vf_fma(s, square, vf_set1(1.57079637050628662109375f)));
    vf c = vf_set1(8.9667853899300098419189453125e-4f); /* cos(pi/2 t) in t^2, 0.008 */
    c = vf_fma(c, square, vf_set1(-2.08565033972263336181640625e-2f));
    c = vf_fma(c, square, vf_set1(0.2536686360836029052734375f));
    c = vf_fma(c, square, vf_set1(-1.2337005138397216796875f));
    c = vf_fma(c, square, vf_set1(1.0f));
    const vi quarter = vi_from_float(n);
    const vm even = vi_eq0(quarter, vi_set1(1));
    const vi sine_sign = vi_shl(vi_and(quarter, vi_set1(2)), 30);
    const vi cosine_sign = vi_shl(vi_and(vi_add(quarter, vi_set1(1)), vi_set1(2)), 30);
    *sine = vf_from_bits(vi_xor(vf_bits(vf_select(even, s, c)), sine_sign));
    *cosine = vf_from_bits(vi_xor(vf_bits(vf_select(even, c, s)), cosine_sign));
}

#endif /* NNI_ISA */
