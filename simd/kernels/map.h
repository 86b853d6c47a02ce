/* map.h - element by element: y[i] = f(x[i], ...), in place if y is an input */
#ifndef NNI_ISA
#include "../scalar.h"
#else

typedef vf (*NNI_FN(map1_fn))(vf x, vf a);
typedef vf (*NNI_FN(map2_fn))(vf x, vf y, vf a);

NNI_INLINE void NNI_FN(map1)(NNI_FN(map1_fn) f, float *y, const float *x, size_t n, float a) {
    const vf av = vf_set1(a);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(y + i, f(vf_load(x + i), av));
    if (i < n) vf_store_n(y + i, f(vf_load_n(x + i, n - i), av), n - i);
}

NNI_INLINE void NNI_FN(map2)(NNI_FN(map2_fn) f, float *z, const float *x, const float *y, size_t n, float a) {
    const vf av = vf_set1(a);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(z + i, f(vf_load(x + i), vf_load(y + i), av));
    if (i < n) vf_store_n(z + i, f(vf_load_n(x + i, n - i), vf_load_n(y + i, n - i), av), n - i);
}

/* f(x, a) */
NNI_INLINE vf NNI_FN(v_identity)(vf x, vf a) { return (void)a, x; }
NNI_INLINE vf NNI_FN(v_relu)(vf x, vf a) { return (void)a, vf_select(vf_le(x, vf_set1(0.0f)), vf_set1(0.0f), x); }
NNI_INLINE vf NNI_FN(v_leaky_relu)(vf x, vf a) { return vf_select(vf_lt(vf_set1(0.0f), x), x, vf_mul(a, x)); }
NNI_INLINE vf NNI_FN(v_sigmoid)(vf x, vf a) { return (void)a, NNI_FN(vsigmoid)(x); }
NNI_INLINE vf NNI_FN(v_tanh)(vf x, vf a) { return (void)a, NNI_FN(vtanh)(x); }
NNI_INLINE vf NNI_FN(v_softplus)(vf x, vf a) { return (void)a, NNI_FN(vsoftplus)(x); }
NNI_INLINE vf NNI_FN(v_elu)(vf x, vf a) { return NNI_FN(velu)(x, a); }
NNI_INLINE vf NNI_FN(v_step)(vf x, vf a) {
    const vf step = vf_where(vf_lt(vf_set1(0.0f), x), vf_set1(1.0f));
    return (void)a, vf_select(vf_nan(x), x, step);
}
NNI_INLINE vf NNI_FN(v_exp)(vf x, vf a) { return (void)a, NNI_FN(vexp)(x); }
NNI_INLINE vf NNI_FN(v_log)(vf x, vf a) { return (void)a, NNI_FN(vlog)(x); }
NNI_INLINE vf NNI_FN(v_scale)(vf x, vf a) { return vf_mul(a, x); }
NNI_INLINE vf NNI_FN(v_shift)(vf x, vf a) { return vf_add(x, a); }

/* dx from dy and y = f(x). Where f has a kink the derivative from the left is taken. */
NNI_INLINE vf NNI_FN(d_identity)(vf dy, vf y, vf a) { return (void)y, (void)a, dy; }
NNI_INLINE vf NNI_FN(d_relu)(vf dy, vf y, vf a) { return (void)a, vf_select(vf_le(y, vf_set1(0.0f)), vf_set1(0.0f), dy); }
NNI_INLINE vf NNI_FN(d_leaky_relu)(vf dy, vf y, vf a) { return vf_select(vf_lt(vf_set1(0.0f), y), dy, vf_mul(a, dy)); }
NNI_INLINE vf NNI_FN(d_sigmoid)(vf dy, vf y, vf a) {
    return (void)a, vf_mul(dy, vf_mul(y, vf_sub(vf_set1(1.0f), y)));
}
NNI_INLINE vf NNI_FN(d_tanh)(vf dy, vf y, vf a) { return (void)a, vf_mul(dy, vf_fnma(y, y, vf_set1(1.0f))); }
NNI_INLINE vf NNI_FN(d_softplus)(vf dy, vf y, vf a) { /* sigmoid(x) = 1 - e^-y */
    const vf zero = vf_set1(0.0f), below = vf_sub(zero, y);
    return (void)a, vf_mul(dy, vf_sub(zero, NNI_FN(vexpm1_negative)(below, NNI_FN(vexp)(below))));
}
NNI_INLINE vf NNI_FN(d_elu)(vf dy, vf y, vf a) { return vf_select(vf_lt(vf_set1(0.0f), y), dy, vf_mul(dy, vf_add(y, a))); }
NNI_INLINE vf NNI_FN(d_step)(vf dy, vf y, vf a) { return (void)dy, (void)y, (void)a, vf_set1(0.0f); }
NNI_INLINE vf NNI_FN(d_log)(vf dy, vf x, vf a) { return (void)a, vf_div(dy, x); }

NNI_INLINE vf NNI_FN(v_add)(vf x, vf y, vf a) { return (void)a, vf_add(x, y); }
NNI_INLINE vf NNI_FN(v_mul)(vf x, vf y, vf a) { return (void)a, vf_mul(x, y); }
NNI_INLINE vf NNI_FN(v_axpy)(vf x, vf y, vf a) { return vf_fma(a, x, y); }

static void NNI_FN(activate)(float *y, const float *x, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function) case name: NNI_FN(map1)(NNI_FN(v_##function), y, x, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void NNI_FN(activate_backward)(float *dx, const float *dy, const float *y, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function) case name: NNI_FN(map2)(NNI_FN(d_##function), dx, dy, y, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void NNI_FN(exp)(float *y, const float *x, size_t n) { NNI_FN(map1)(NNI_FN(v_exp), y, x, n, 0.0f); }
static void NNI_FN(log)(float *y, const float *x, size_t n) { NNI_FN(map1)(NNI_FN(v_log), y, x, n, 0.0f); }
static void NNI_FN(log_backward)(float *dx, const float *dy, const float *x, size_t n) {
    NNI_FN(map2)(NNI_FN(d_log), dx, dy, x, n, 0.0f);
}
static void NNI_FN(add)(float *y, const float *a, const float *b, size_t n) { NNI_FN(map2)(NNI_FN(v_add), y, a, b, n, 0.0f); }
static void NNI_FN(mul)(float *y, const float *a, const float *b, size_t n) { NNI_FN(map2)(NNI_FN(v_mul), y, a, b, n, 0.0f); }
static void NNI_FN(axpy)(float *y, const float *x, size_t n, float a) { NNI_FN(map2)(NNI_FN(v_axpy), y, x, y, n, a); }

/* a = 0 writes zeros without reading x, which may hold NaN. */
static void NNI_FN(scale)(float *y, const float *x, size_t n, float a) {
    if (a == 0.0f) memset(y, 0, n * sizeof *y);
    else NNI_FN(map1)(NNI_FN(v_scale), y, x, n, a);
}

#endif /* NNI_ISA */
