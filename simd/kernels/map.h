/* map.h - element by element: y[i] = f(x[i], ...), in place if y is an input */
#ifndef NNI_ISA
#include "../scalar.h"
#else

NNI_MIX_BEGIN

typedef vf (*NNI_FN(map1_fn))(vf x, vf a);
typedef vf (*NNI_FN(map2_fn))(vf x, vf y, vf a);

NNI_INLINE void NNI_FN(map1)(NNI_FN(map1_fn) f, float *y, const float *x, size_t n, float a) {
    const vf av = vf_set1(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        vf v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) v[k] = f(vf_load(x + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) vf_store(y + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(y + i, f(vf_load(x + i), av));
    if (i < n) vf_store_n(y + i, f(vf_load_n(x + i, n - i), av), n - i);
}

NNI_INLINE void NNI_FN(map2)(NNI_FN(map2_fn) f, float *z, const float *x, const float *y, size_t n, float a) {
    const vf av = vf_set1(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        vf v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++)
            v[k] = f(vf_load(x + i + k * VF_LANES), vf_load(y + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) vf_store(z + i + k * VF_LANES, v[k]);
    }
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
NNI_INLINE vf NNI_FN(v_selu)(vf x, vf a) { return (void)a, NNI_FN(vselu)(x); }
NNI_INLINE vf NNI_FN(v_gelu)(vf x, vf a) { return (void)a, NNI_FN(vgelu)(x); }
NNI_INLINE vf NNI_FN(v_gelu_tanh)(vf x, vf a) { return (void)a, NNI_FN(vgelu_tanh)(x); }
NNI_INLINE vf NNI_FN(v_silu)(vf x, vf a) { return (void)a, NNI_FN(vsilu)(x); }
NNI_INLINE vf NNI_FN(v_exp)(vf x, vf a) { return (void)a, NNI_FN(vexp)(x); }
NNI_INLINE vf NNI_FN(v_log)(vf x, vf a) { return (void)a, NNI_FN(vlog)(x); }
NNI_INLINE vf NNI_FN(v_scale)(vf x, vf a) { return vf_mul(a, x); }
NNI_INLINE vf NNI_FN(v_reciprocal)(vf x, vf a) { return (void)a, vf_div(vf_set1(1.0f), x); }
NNI_INLINE vf NNI_FN(v_shift)(vf x, vf a) { return vf_add(x, a); }

/* dx from dy and y = f(x), or x if the activation keeps its input. Where f has a kink the derivative from the left is taken. */
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
NNI_INLINE vf NNI_FN(d_selu)(vf dy, vf y, vf a) {
    const vf above = vf_set1(NNI_SELU_HIGH + NNI_SELU_LOW), below = vf_add(y, vf_set1(NNI_SELU_SLOPE));
    return (void)a, vf_mul(dy, vf_select(vf_lt(vf_set1(0.0f), y), above, below));
}
NNI_INLINE vf NNI_FN(d_gelu)(vf dy, vf x, vf a) { return (void)a, vf_mul(dy, NNI_FN(vgelu_slope)(x)); }
NNI_INLINE vf NNI_FN(d_gelu_tanh)(vf dy, vf x, vf a) { return (void)a, vf_mul(dy, NNI_FN(vgelu_tanh_slope)(x)); }
NNI_INLINE vf NNI_FN(d_silu)(vf dy, vf x, vf a) { return (void)a, vf_mul(dy, NNI_FN(vsilu_slope)(x)); }
NNI_INLINE vf NNI_FN(d_log)(vf dy, vf x, vf a) { return (void)a, vf_div(dy, x); }

NNI_INLINE vf NNI_FN(d_reciprocal)(vf dy, vf y, vf a) { return (void)a, vf_mul(vf_mul(vf_sub(vf_set1(0.0f), dy), y), y); }

NNI_INLINE vf NNI_FN(v_add)(vf x, vf y, vf a) { return (void)a, vf_add(x, y); }
NNI_INLINE vf NNI_FN(v_sub)(vf x, vf y, vf a) { return (void)a, vf_sub(x, y); }
NNI_INLINE vf NNI_FN(v_mul)(vf x, vf y, vf a) { return (void)a, vf_mul(x, y); }
NNI_INLINE vf NNI_FN(v_axpy)(vf x, vf y, vf a) { return vf_fma(a, x, y); }

static void NNI_FN(activate)(float *y, const float *x, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: NNI_FN(map1)(NNI_FN(v_##function), y, x, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void NNI_FN(activate_backward)(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: NNI_FN(map2)(NNI_FN(d_##function), dx, dy, v, n, slope); break;
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
static void NNI_FN(sub)(float *y, const float *a, const float *b, size_t n) { NNI_FN(map2)(NNI_FN(v_sub), y, a, b, n, 0.0f); }
static void NNI_FN(reciprocal)(float *y, const float *x, size_t n) { NNI_FN(map1)(NNI_FN(v_reciprocal), y, x, n, 0.0f); }
static void NNI_FN(reciprocal_backward)(float *dx, const float *dy, const float *y, size_t n) {
    NNI_FN(map2)(NNI_FN(d_reciprocal), dx, dy, y, n, 0.0f);
}
static void NNI_FN(axpy)(float *y, const float *x, size_t n, float a) { NNI_FN(map2)(NNI_FN(v_axpy), y, x, y, n, a); }

/* a = 0 writes zeros without reading x, which may hold NaN. */
static void NNI_FN(scale)(float *y, const float *x, size_t n, float a) {
    if (a == 0.0f) memset(y, 0, n * sizeof *y);
    else NNI_FN(map1)(NNI_FN(v_scale), y, x, n, a);
}

static void NNI_FN(mul_add)(float *y, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(y + i, vf_fma(vf_load(a + i), vf_load(b + i), vf_load(y + i)));
    if (i < n) vf_store_n(y + i, vf_fma(vf_load_n(a + i, n - i), vf_load_n(b + i, n - i), vf_load_n(y + i, n - i)), n - i);
}

NNI_INLINE vf NNI_FN(clipped)(vf x, vf lo, vf hi) { return vf_at_least(vf_at_most(x, hi), lo); }
static void NNI_FN(clip)(float *y, const float *x, size_t n, float lo, float hi) {
    const vf least = vf_set1(lo), most = vf_set1(hi);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(y + i, NNI_FN(clipped)(vf_load(x + i), least, most));
    if (i < n) vf_store_n(y + i, NNI_FN(clipped)(vf_load_n(x + i, n - i), least, most), n - i);
}

static void NNI_FN(add_row)(float *y, const float *x, const float *row, size_t rows, size_t n) {
    if (n == 1) NNI_FN(map1)(NNI_FN(v_shift), y, x, rows, row[0]);
    else for (size_t i = 0; i < rows; i++) NNI_FN(add)(y + i * n, x + i * n, row, n);
}

NNI_MIX_END

#endif /* NNI_ISA */
