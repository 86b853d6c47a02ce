/* init.h - the truncated normal distribution */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* The normal quantile of (1 + u)/2 for |u| <= erf(sqrt(2)): within +-2. It is u P(-log(1 - u^2)), P being smooth where the
 * quantile is steep (Giles, "Approximating the erfinv function", 2012). */
NNI_INLINE vf NNI_FN(truncated)(vf u, vf scale) {
    const vf two = vf_set1(2.0f), least = vf_set1(-2.0f);
    const vf w = vf_sub(vf_set1(-1.25f), NNI_FN(log_builtin)(vf_fnma(u, u, vf_set1(1.0f))));
    vf p = vf_set1(-5.243909981800243e-7f); /* relative error 0.3 units of 2^-24 */
    p = vf_fma(p, w, vf_set1(-6.645328539889306e-6f));
    p = vf_fma(p, w, vf_set1(4.4244334276299924e-5f));
    p = vf_fma(p, w, vf_set1(2.0263981423340738e-4f));
    p = vf_fma(p, w, vf_set1(-3.1874419655650854e-3f));
    p = vf_fma(p, w, vf_set1(3.552180016413331e-3f));
    p = vf_fma(p, w, vf_set1(0.3528740704059601f));
    p = vf_fma(p, w, vf_set1(1.6822941303253174f));
    return vf_mul(scale, vf_at_least(vf_at_most(vf_mul(u, p), two), least));
}

/* y[i] = scale * a standard normal number cut at 2, from x[i] uniform in [-erf(sqrt(2)), erf(sqrt(2))). */
static void NNI_FN(truncated_normal)(float *y, const float *x, size_t n, float scale) {
    NNI_FN(map1)(NNI_FN(truncated), y, x, n, scale);
}

#endif /* NNI_ISA */
