/* vector_maths.h - loops over a vector function of a maths library, once for each instruction set that includes it
 *
 * Wants BENCH_FN(name), BENCH_LANES and BENCH_TARGET; undefines them. n is a multiple of 16, x and y are aligned. The library's
 * functions of the case stand in vector_maths.f and vector_maths.g. */

typedef float BENCH_FN(vf) __attribute__((vector_size(4 * BENCH_LANES), may_alias));
typedef BENCH_FN(vf) BENCH_FN(vector_function)(BENCH_FN(vf));

BENCH_TARGET static void BENCH_FN(map)(float *y, const float *x, const float *z, size_t rows, size_t cols) {
    BENCH_FN(vector_function) *f;
    memcpy(&f, &vector_maths.f, sizeof f);
    (void)z;
    for (size_t i = 0; i < rows * cols; i += BENCH_LANES) *(BENCH_FN(vf) *)(y + i) = f(*(const BENCH_FN(vf) *)(x + i));
}

/* f is exp */
BENCH_TARGET static void BENCH_FN(sigmoid)(float *y, const float *x, const float *z, size_t rows, size_t cols) {
    BENCH_FN(vector_function) *f;
    memcpy(&f, &vector_maths.f, sizeof f);
    (void)z;
    for (size_t i = 0; i < rows * cols; i += BENCH_LANES)
        *(BENCH_FN(vf) *)(y + i) = 1.0f / (1.0f + f(-*(const BENCH_FN(vf) *)(x + i)));
}

/* f is exp, g is log1p */
BENCH_TARGET static void BENCH_FN(softplus)(float *y, const float *x, const float *z, size_t rows, size_t cols) {
    BENCH_FN(vector_function) *f, *g;
    memcpy(&f, &vector_maths.f, sizeof f);
    memcpy(&g, &vector_maths.g, sizeof g);
    (void)z;
    for (size_t i = 0; i < rows * cols; i += BENCH_LANES) *(BENCH_FN(vf) *)(y + i) = g(f(*(const BENCH_FN(vf) *)(x + i)));
}

/* f is expm1; the choice between the branches is made bit by bit */
BENCH_TARGET static void BENCH_FN(elu)(float *y, const float *x, const float *z, size_t rows, size_t cols) {
    typedef int32_t vi __attribute__((vector_size(4 * BENCH_LANES)));
    BENCH_FN(vector_function) *f;
    memcpy(&f, &vector_maths.f, sizeof f);
    (void)z;
    for (size_t i = 0; i < rows * cols; i += BENCH_LANES) {
        const BENCH_FN(vf) v = *(const BENCH_FN(vf) *)(x + i), e = f(v);
        const vi positive = v > 0.0f;
        *(BENCH_FN(vf) *)(y + i) = (BENCH_FN(vf))(((vi)v & positive) | ((vi)e & ~positive));
    }
}

#undef BENCH_FN
#undef BENCH_LANES
#undef BENCH_TARGET
