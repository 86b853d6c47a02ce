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

/* e^(r + rest) for |r| <= ln2/2, where rest is what rounding took from r: the sum of the result and *low, a few hundredths
 * of it, in which nothing but the rounding of *low counts. */
NNI_INLINE vf NNI_FN(exp_reduced)(vf r, vf rest, vf *low) {
    const vf one = vf_set1(1.0f);
    vf q = vf_set1(1.9952803268097341060638427734375e-4f); /* (e^r - 1 - r) / r^2, 0.005 */
    q = vf_fma(q, r, vf_set1(1.393088256008923053741455078125e-3f));
    q = vf_fma(q, r, vf_set1(8.333197794854640960693359375e-3f));
    q = vf_fma(q, r, vf_set1(4.1666507720947265625e-2f));
    q = vf_fma(q, r, vf_set1(0.16666667163372039794921875f));
    q = vf_fma(q, r, vf_set1(0.5f));
    const vf sum = vf_add(one, r); /* 1 + r + r^2 q, with what rounding takes from 1 + r put back */
    *low = vf_fma(vf_mul(r, r), q, vf_add(vf_sub(r, vf_sub(sum, one)), rest));
    return sum;
}

/* e^x = 2^n * e^r. At most 0.99 ULP from the truth. */
VF_MATHS vf NNI_FN(exp_builtin)(vf x) {
    x = vf_at_least(vf_at_most(x, vf_set1(89.0f)), vf_set1(-105.0f)); /* beyond these the result is inf or 0 */
    const vf n = vf_round(vf_mul(x, vf_set1(NNI_LOG2_E))), low = vf_set1(NNI_LN2_LOW);
    const vf exact = vf_fnma(n, vf_set1(NNI_LN2_HIGH), x), r = vf_fnma(n, low, exact);
    vf rest;
    const vf sum = NNI_FN(exp_reduced)(r, vf_fnma(n, low, vf_sub(exact, r)), &rest);
    return vf_times_power(vf_add(sum, rest), n);
}

/* e^(x + more) = 2^n * (the result + *low) to about 2^-27 of it, where more is what rounding took from x, |x| < 200. For
 * what goes on to multiply: no rounding between, and no underflow before its own. */
NNI_INLINE vf NNI_FN(exp_in_parts)(vf x, vf more, vf *low, vf *n) {
    *n = vf_round(vf_mul(x, vf_set1(NNI_LOG2_E)));
    const vf exact = vf_fnma(*n, vf_set1(NNI_LN2_HIGH), x), rest = vf_fnma(*n, vf_set1(NNI_LN2_LOW), more);
    const vf r = vf_add(exact, rest);
    return NNI_FN(exp_reduced)(r, vf_sub(rest, vf_sub(r, exact)), low);
}

/* log x = n ln2 + log m with m in [sqrt(1/2), sqrt(2)). At most 0.63 ULP from the truth. */
VF_MATHS vf NNI_FN(log_builtin)(vf x) {
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
VF_MATHS vf NNI_FN(vexp)(vf x) { return NNI_FN(exp_builtin)(x); }
VF_MATHS vf NNI_FN(vlog)(vf x) { return NNI_FN(log_builtin)(x); }
#else
VF_MATHS vf NNI_FN(vexp)(vf x) { return vf_exp_sleef(x); }
VF_MATHS vf NNI_FN(vlog)(vf x) { return vf_log_sleef(x); }
#endif
NNI_INLINE vf NNI_FN(power)(vf x, vf exponent) { return NNI_FN(vexp)(vf_mul(exponent, NNI_FN(vlog)(x))); }

/* (e^x - 1 - x) / x^2 near 0 */
NNI_INLINE vf NNI_FN(expm1_factor)(vf x) {
    vf q = vf_set1(2.1880290660192258656024932861328125e-5f); /* (e^x - 1 - x - x^2/2) / x^3 on [-0.72, 0], 0.007 */
    q = vf_fma(q, x, vf_set1(1.9895876175723969936370849609375e-4f));
    q = vf_fma(q, x, vf_set1(1.390750170685350894927978515625e-3f));
    q = vf_fma(q, x, vf_set1(8.334152400493621826171875e-3f));
    q = vf_fma(q, x, vf_set1(4.166679084300994873046875e-2f));
    q = vf_fma(q, x, vf_set1(0.16666667163372039794921875f));
    return vf_fma(q, x, vf_set1(0.5f));
}

/* e^x - 1 for x <= 0. A polynomial near 0, where the subtraction would cancel; from -0.7 down it loses nothing. */
NNI_INLINE vf NNI_FN(vexpm1_negative)(vf x, vf exp_x) {
    const vf near = vf_fma(vf_mul(x, x), NNI_FN(expm1_factor)(x), x);
    return vf_select(vf_lt(x, vf_set1(-0.7f)), vf_sub(exp_x, vf_set1(1.0f)), near);
}

/* 1/(1 + e^-x) as *power / the result: 2^m / (2^m + e^-r) with x = m ln2 + r, and e^-r = 1 - p. *lost is what the sum rounds
 * away. Both are 2^26 times too large: so 2^m, made by shifting m + 26 into the exponent, is never subnormal. */
NNI_INLINE vf NNI_FN(logistic)(vf x, vf *power, vf *lost) {
    const vf unit = vf_set1(0x1p26f), whole = vf_set1(12582912.0f + 127.0f + 26.0f); /* 1.5 * 2^23 + ... */
    x = vf_at_least(vf_at_most(x, vf_set1(18.0f)), vf_set1(-105.0f)); /* beyond these the quotient is 1 or 0 */
    const vf shifted = vf_fma(x, vf_set1(NNI_LOG2_E), whole), m = vf_sub(shifted, whole);
    *power = vf_from_bits(vi_shl(vf_bits(shifted), 23));
    const vf r = vf_fnma(m, vf_set1(NNI_LN2_LOW), vf_fnma(m, vf_set1(NNI_LN2_HIGH), x));
    vf q = vf_set1(1.3820661697536707e-3f); /* (r - 1 + e^-r) / r^2, 0.05 of 1 - p */
    q = vf_fma(q, r, vf_set1(-8.368674665689468e-3f));
    q = vf_fma(q, r, vf_set1(4.166826605796814e-2f));
    q = vf_fma(q, r, vf_set1(-0.1666652113199234f));
    q = vf_fma(q, r, vf_set1(0.4999999403953552f));
    const vf p = vf_fnma(vf_mul(r, r), q, r), high = vf_add(unit, *power), sum = vf_fnma(unit, p, high);
    *lost = vf_fnma(unit, p, vf_sub(high, sum));
    return sum;
}

/* What the sum rounds away goes into the quotient: nothing but the last rounding counts, and it never falls where x rises. */
VF_MATHS vf NNI_FN(vsigmoid)(vf x) {
    vf power, lost;
    const vf one = vf_set1(1.0f), sum = NNI_FN(logistic)(x, &power, &lost), inverse = vf_div(one, sum);
    const vf rest = vf_fnma(lost, inverse, vf_fnma(sum, inverse, one));
    return vf_mul(vf_fma(rest, inverse, inverse), power);
}

/* tanh x: odd polynomial below 0.625, 1 - 2/(1 + e^2|x|) above. */
VF_MATHS vf NNI_FN(vtanh)(vf x) {
    const vf a = vf_abs(x), square = vf_mul(x, x);
    vf q = vf_set1(2.37051607109606266021728515625e-3f); /* (tanh x - x) / x^3 in x^2, 0.02 */
    q = vf_fma(q, square, vf_set1(-8.435009978711605072021484375e-3f));
    q = vf_fma(q, square, vf_set1(2.1807588636875152587890625e-2f));
    q = vf_fma(q, square, vf_set1(-5.39664328098297119140625e-2f));
    q = vf_fma(q, square, vf_set1(0.13333357870578765869140625f));
    q = vf_fma(q, square, vf_set1(-0.3333333432674407958984375f));
    const vf near = vf_fma(vf_mul(square, q), a, a);
    vf power, lost;
    const vf sum = NNI_FN(logistic)(vf_mul(vf_set1(-2.0f), a), &power, &lost);
    const vf far = vf_sub(vf_set1(1.0f), vf_div(vf_add(power, power), sum));
    const vi sign = vi_and(vf_bits(x), vi_set1(0x80000000u));
    return vf_from_bits(vi_or(vf_bits(vf_select(vf_lt(a, vf_set1(0.625f)), near, far)), sign));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|. u = 1 + e rounds away c = e - (u - 1); log(u) + c/u has it back. */
VF_MATHS vf NNI_FN(vsoftplus)(vf x) {
    const vf zero = vf_set1(0.0f), one = vf_set1(1.0f);
    const vf e = NNI_FN(vexp)(vf_sub(zero, vf_abs(x)));
    const vf u = vf_add(one, e), c = vf_sub(e, vf_sub(u, one));
    return vf_add(vf_max(zero, x), vf_add(NNI_FN(vlog)(u), vf_div(c, u)));
}

VF_MATHS vf NNI_FN(velu)(vf x, vf a) {
    const vf zero = vf_set1(0.0f), below = vf_at_most(x, zero);
    const vf curve = vf_mul(a, NNI_FN(vexpm1_negative)(below, NNI_FN(vexp)(below)));
    return vf_select(vf_lt(zero, x), x, curve);
}

#define NNI_SELU_HIGH 1.050700902938842773f /* lambda = HIGH + LOW, both positive: inf * HIGH + inf * LOW stays inf */
#define NNI_SELU_LOW 8.441664078873145627e-8f
#define NNI_SELU_SLOPE 1.758099317550659180f /* lambda * alpha */

/* As ELU, but the factor goes into the last sum instead of multiplying what was rounded. */
VF_MATHS vf NNI_FN(vselu)(vf x) {
    const vf zero = vf_set1(0.0f), slope = vf_set1(NNI_SELU_SLOPE);
    const vf line = vf_fma(x, vf_set1(NNI_SELU_HIGH), vf_mul(x, vf_set1(NNI_SELU_LOW)));
    const vf below = vf_at_most(x, zero), curve = vf_mul(vf_mul(below, below), NNI_FN(expm1_factor)(below));
    const vf near = vf_fma(slope, below, vf_mul(slope, curve)), far = vf_fma(slope, NNI_FN(vexp)(below), vf_sub(zero, slope));
    return vf_select(vf_lt(zero, x), line, vf_select(vf_lt(x, vf_set1(-0.7f)), far, near));
}

/* Gates: y = x * p(x) for a probability p with p(-x) = 1 - p(x). So y = max(x, 0) - h(|x|) with h(a) = a * p(-a), which is
 * small, has no sign, and loses nothing where it is subtracted: x p(x) >= x/2. The derivative is h'(a) below 0 and 1 - h'(a)
 * above. h is made of an exponential in parts and rounded once it is whole; far out it goes to 0 through the subnormals. */
NNI_INLINE vf NNI_FN(gate)(vf x, vf h) {
    /* Not (x < 0 ? -0 : x) - h: of that Clang 14 makes a maximum, which takes -0 for +0. */
    return vf_select(vf_lt(x, vf_set1(0.0f)), vf_sub(vf_set1(-0.0f), h), vf_sub(x, h));
}
NNI_INLINE vf NNI_FN(gate_slope)(vf x, vf slope) {
    return vf_select(vf_lt(x, vf_set1(0.0f)), slope, vf_sub(vf_set1(1.0f), slope));
}

/* |x|, but no more than `most`, where h is 0 already; NaN passes. */
NNI_INLINE vf NNI_FN(gate_size)(vf x, float most) { return vf_at_most(vf_abs(x), vf_set1(most)); }

/* a * e^-w / (1 + e^-w) with w >= 0 given as -w = x + more. What u = 1 + e rounds away, c, goes into the numerator before that
 * is rounded: a * e * (1 - c) / u. Left out there is half of c at most, where u is 2. */
NNI_INLINE vf NNI_FN(logistic_tail)(vf a, vf x, vf more) {
    vf low, n;
    const vf high = NNI_FN(exp_in_parts)(x, more, &low, &n), one = vf_set1(1.0f);
    const vf e = vf_times_power(vf_add(high, low), n), u = vf_add(one, e), c = vf_sub(e, vf_sub(u, one));
    const vf top = vf_fma(a, high, vf_mul(a, vf_fnma(high, c, low)));
    return vf_div(vf_times_power(top, n), u);
}

/* Its derivative where w grows by dw: q - a*dw*p*q with p = 1/(1 + e^-w), q = 1 - p. */
NNI_INLINE vf NNI_FN(logistic_tail_slope)(vf a, vf x, vf more, vf dw) {
    vf low, n;
    const vf high = NNI_FN(exp_in_parts)(x, more, &low, &n), one = vf_set1(1.0f);
    const vf e = vf_times_power(vf_add(high, low), n);
    const vf p = vf_div(one, vf_add(one, e)), q = vf_mul(e, p);
    return vf_fnma(vf_mul(vf_mul(a, dw), p), q, q);
}

/* x / (1 + e^-x) */
VF_MATHS vf NNI_FN(vsilu)(vf x) {
    const vf a = NNI_FN(gate_size)(x, 110.0f), zero = vf_set1(0.0f);
    return NNI_FN(gate)(x, NNI_FN(logistic_tail)(a, vf_sub(zero, a), zero));
}
VF_MATHS vf NNI_FN(vsilu_slope)(vf x) {
    const vf a = NNI_FN(gate_size)(x, 110.0f), zero = vf_set1(0.0f);
    return NNI_FN(gate_slope)(x, NNI_FN(logistic_tail_slope)(a, vf_sub(zero, a), zero, vf_set1(1.0f)));
}

/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) = x / (1 + e^-w) with w = x (C1 + C3 x^2). An error of w is one of e^-w, so w
 * has a low part. C1 begins with so few bits that its difference to C1 + C3 x^2 is exact. */
#define NNI_GELU_C1_HIGH 1.59375f
#define NNI_GELU_C1_LOW 2.019121544435620308e-3f
#define NNI_GELU_C3_HIGH 7.135481387376785278e-2f
#define NNI_GELU_C3_LOW 2.398832465999589658e-9f

NNI_INLINE vf NNI_FN(gelu_tanh_exponent)(vf a, vf *more) { /* -w */
    const vf square = vf_mul(a, a), below = vf_sub(vf_set1(0.0f), vf_fnma(a, a, square));
    const vf c1 = vf_set1(NNI_GELU_C1_HIGH), c3 = vf_set1(NNI_GELU_C3_HIGH);
    const vf sum = vf_fma(c3, square, c1), lost = vf_fma(c3, square, vf_sub(c1, sum));
    const vf small = vf_fma(vf_set1(NNI_GELU_C3_LOW), square, vf_fma(c3, below, vf_set1(NNI_GELU_C1_LOW)));
    const vf w = vf_mul(a, sum);
    *more = vf_fnma(a, vf_add(lost, small), vf_fnma(a, sum, w));
    return vf_sub(vf_set1(0.0f), w);
}
VF_MATHS vf NNI_FN(vgelu_tanh)(vf x) {
    const vf a = NNI_FN(gate_size)(x, 11.0f);
    vf more;
    const vf exponent = NNI_FN(gelu_tanh_exponent)(a, &more);
    return NNI_FN(gate)(x, NNI_FN(logistic_tail)(a, exponent, more));
}
VF_MATHS vf NNI_FN(vgelu_tanh_slope)(vf x) {
    const vf a = NNI_FN(gate_size)(x, 11.0f), c1 = vf_set1(NNI_GELU_C1_HIGH + NNI_GELU_C1_LOW);
    vf more;
    const vf exponent = NNI_FN(gelu_tanh_exponent)(a, &more);
    const vf dw = vf_fma(vf_mul(a, a), vf_set1(3.0f * NNI_GELU_C3_HIGH), c1);
    return NNI_FN(gate_slope)(x, NNI_FN(logistic_tail_slope)(a, exponent, more, dw));
}

/* The normal distribution's tail Q(a) = erfc(a/sqrt 2)/2 = e^(-a^2/2) G(v) / (a + 2.5) with v = a/(a + 2.5), to a = 14.6. */
#define NNI_TAIL_SHIFT 2.5f
#define NNI_TAIL_END 14.6f
NNI_INLINE vf NNI_FN(normal_tail_factor)(vf v) { /* G */
    vf q = vf_set1(-7.974970340728759765625e-2f); /* 0.3 */
    q = vf_fma(q, v, vf_set1(0.279526770114898681640625f));
    q = vf_fma(q, v, vf_set1(-0.3130398690700531005859375f));
    q = vf_fma(q, v, vf_set1(0.13775058090686798095703125f));
    q = vf_fma(q, v, vf_set1(-0.14964754879474639892578125f));
    q = vf_fma(q, v, vf_set1(5.6017316877841949462890625e-2f));
    q = vf_fma(q, v, vf_set1(0.29186785221099853515625f));
    q = vf_fma(q, v, vf_set1(0.1696073114871978759765625f));
    q = vf_fma(q, v, vf_set1(-1.2433922290802001953125f));
    return vf_fma(q, v, vf_set1(1.25f));
}
NNI_INLINE vf NNI_FN(normal_exponential)(vf a, vf *low, vf *n) { /* e^(-a^2/2), the square in two parts */
    const vf square = vf_mul(a, a), lost = vf_fnma(a, a, square), half = vf_set1(0.5f);
    return NNI_FN(exp_in_parts)(vf_mul(square, vf_set1(-0.5f)), vf_mul(lost, half), low, n);
}
VF_MATHS vf NNI_FN(vgelu)(vf x) { /* h(a) = a Q(a) = v G(v) e^(-a^2/2) */
    const vf a = NNI_FN(gate_size)(x, NNI_TAIL_END), v = vf_div(a, vf_add(a, vf_set1(NNI_TAIL_SHIFT)));
    const vf factor = vf_mul(v, NNI_FN(normal_tail_factor)(v));
    vf low, n;
    const vf high = NNI_FN(normal_exponential)(a, &low, &n);
    return NNI_FN(gate)(x, vf_times_power(vf_fma(factor, high, vf_mul(factor, low)), n));
}
VF_MATHS vf NNI_FN(vgelu_slope)(vf x) { /* h'(a) = Q(a) - a e^(-a^2/2) / sqrt(2 pi) */
    const vf a = NNI_FN(gate_size)(x, NNI_TAIL_END), inverse = vf_div(vf_set1(1.0f), vf_add(a, vf_set1(NNI_TAIL_SHIFT)));
    vf low, n;
    const vf high = NNI_FN(normal_exponential)(a, &low, &n);
    const vf tail = vf_mul(inverse, NNI_FN(normal_tail_factor)(vf_mul(a, inverse)));
    const vf factor = vf_fnma(a, vf_set1(0.398942291736602783f), tail);
    return NNI_FN(gate_slope)(x, vf_times_power(vf_mul(factor, vf_add(high, low)), n));
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
