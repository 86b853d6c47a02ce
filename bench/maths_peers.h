/* maths_peers.h - functions of arrays by libm, libmvec, SLEEF and OpenBLAS
 *
 * A request is `name rows cols lo hi result`: inputs in [lo, hi), and a result of `result` rows of `cols`; 0 stands for one
 * number, -1 for random numbers. torch_peer.py reads the same. */
#ifndef BENCH_MATHS_PEERS_H
#define BENCH_MATHS_PEERS_H

#include "bench.h"

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#define MATHS_SCALE 0.001f /* the a of axpy: small, as y gathers it call after call */

/* z is the second operand of functions that have two, and random numbers have none. A result of one number goes to *y. */
typedef void maths_function(float *y, const float *x, const float *z, size_t rows, size_t cols);

typedef struct maths_entry {
    const char *name;
    maths_function *f;
} maths_entry;

typedef struct maths_request {
    char name[24];
    size_t rows, cols;
    float lo, hi;
    int result;
} maths_request;

static struct {
    maths_function *f;
    maths_request r;
    float *x, *y, *z;
} maths;

static int maths_read(maths_request *r, const char *request) {
    return sscanf(request, "%23s %zu %zu %f %f %d", r->name, &r->rows, &r->cols, &r->lo, &r->hi, &r->result) == 6;
}

static void maths_call(void *data) {
    (void)data;
    maths.f(maths.y, maths.x, maths.z, maths.r.rows, maths.r.cols);
}

/* y begins as the third input, which axpy reads. */
static int maths_fill(bench_job *job, maths_function *f) {
    const size_t n = maths.r.rows * maths.r.cols;
    maths.f = f;
    maths.x = bench_input(1, n, maths.r.lo, maths.r.hi);
    maths.z = bench_input(2, n, maths.r.lo, maths.r.hi);
    maths.y = bench_input(3, n, maths.r.lo, maths.r.hi);
    job->call = maths_call;
    job->out = maths.y;
    job->rows = maths.r.result ? maths.r.rows : 1;
    job->cols = maths.r.result ? maths.r.cols : 1;
    job->moments = maths.r.result < 0;
    return 1;
}

static int maths_prepare(bench_job *job, const char *request, const maths_entry *entries) {
    if (!maths_read(&maths.r, request)) return 0;
    for (; entries->name; entries++)
        if (strcmp(entries->name, maths.r.name) == 0) return maths_fill(job, entries->f);
    return 0;
}

/* ---- libm: plain loops, as one would write them ---- */

#define LIBM_LOOP(name, value)                                                                             \
    static void libm_##name(float *y, const float *a, const float *z, size_t rows, size_t cols) {          \
        (void)z;                                                                                           \
        for (size_t i = 0; i < rows * cols; i++) {                                                         \
            const float x = a[i];                                                                          \
            y[i] = value;                                                                                  \
        }                                                                                                  \
    }
LIBM_LOOP(exp, expf(x))
LIBM_LOOP(log, logf(x))
LIBM_LOOP(tanh, tanhf(x))
LIBM_LOOP(sigmoid, 1.0f / (1.0f + expf(-x)))
LIBM_LOOP(softplus, log1pf(expf(x)))
LIBM_LOOP(elu, x > 0.0f ? x : expm1f(x))
#undef LIBM_LOOP

static float libm_row_max(const float *x, size_t n) {
    float max = x[0];
    for (size_t j = 1; j < n; j++) max = x[j] > max ? x[j] : max;
    return max;
}

static void libm_softmax(float *y, const float *x, const float *z, size_t rows, size_t cols) {
    (void)z;
    for (size_t i = 0; i < rows; i++, x += cols, y += cols) {
        const float max = libm_row_max(x, cols);
        float sum = 0.0f;
        for (size_t j = 0; j < cols; j++) sum += y[j] = expf(x[j] - max);
        for (size_t j = 0; j < cols; j++) y[j] *= 1.0f / sum;
    }
}

static void libm_log_softmax(float *y, const float *x, const float *z, size_t rows, size_t cols) {
    (void)z;
    for (size_t i = 0; i < rows; i++, x += cols, y += cols) {
        const float max = libm_row_max(x, cols);
        float sum = 0.0f;
        for (size_t j = 0; j < cols; j++) sum += expf(x[j] - max);
        const float shift = max + logf(sum);
        for (size_t j = 0; j < cols; j++) y[j] = x[j] - shift;
    }
}

static const maths_entry libm_entries[] = {
    {"exp", libm_exp}, {"log", libm_log}, {"tanh", libm_tanh}, {"sigmoid", libm_sigmoid}, {"softplus", libm_softplus},
    {"elu", libm_elu}, {"softmax", libm_softmax}, {"log_softmax", libm_log_softmax}, {NULL, NULL}};

static int libm_prepare(bench_job *job, const char *request) { return maths_prepare(job, request, libm_entries); }

static int libm_open(char *description) {
#ifdef __GLIBC__
    snprintf(description, BENCH_TEXT, "loops over expf and the like of glibc %s", gnu_get_libc_version());
#else
    snprintf(description, BENCH_TEXT, "loops over expf and the like");
#endif
    return 1;
}

/* ---- libmvec and SLEEF ---- */

#define VECTOR_NAME 64 /* characters of the name of a function */

static struct {
    void *library;
    const char *before, *after; /* what stands around `exp` in the names of its functions */
    void *f, *g;
} vector_maths;

#if defined(__x86_64__)
#define BENCH_FN(name) vector_##name##_avx512
#define BENCH_LANES 16
#define BENCH_TARGET __attribute__((target("avx512f")))
#include "vector_maths.h"
#define BENCH_FN(name) vector_##name##_avx2
#define BENCH_LANES 8
#define BENCH_TARGET __attribute__((target("avx2,fma")))
#include "vector_maths.h"
#elif defined(__aarch64__)
#define BENCH_FN(name) vector_##name##_neon
#define BENCH_LANES 4
#define BENCH_TARGET
#include "vector_maths.h"
#endif

/* A function as a loop over one or two of the library's. */
typedef struct vector_entry {
    const char *name, *f, *g;
    maths_function *loop;
} vector_entry;

typedef struct vector_set {
    const char *isa, *libmvec, *sleef; /* the start and the end of names */
    vector_entry entry[7];
} vector_set;

#define VECTOR_SET(isa, libmvec, sleef)                                                                               \
    {#isa, libmvec, sleef,                                                                                            \
     {{"exp", "exp", "exp", vector_map_##isa}, {"log", "log", "log", vector_map_##isa},                               \
      {"tanh", "tanh", "tanh", vector_map_##isa}, {"sigmoid", "exp", "exp", vector_sigmoid_##isa},                    \
      {"softplus", "exp", "log1p", vector_softplus_##isa}, {"elu", "expm1", "expm1", vector_elu_##isa}, {0}}}
static const vector_set vector_sets[] = {
#if defined(__x86_64__)
    VECTOR_SET(avx512, "_ZGVeN16v_", "f16_u10avx512f"), VECTOR_SET(avx2, "_ZGVdN8v_", "f8_u10avx2"),
#elif defined(__aarch64__)
    VECTOR_SET(neon, "_ZGVnN4v_", "f4_u10advsimd"),
#endif
    {NULL, NULL, NULL, {{0}}}};
#undef VECTOR_SET

static const vector_set *vector_set_in_use(void) {
    const char *isa = getenv("NN_ISA");
    const vector_set *set = vector_sets;
    while (set->isa && strcmp(set->isa, isa ? isa : "") != 0) set++;
    return set;
}

/* The library's function; its name is left in `name`. */
static void *vector_symbol(char *name, const char *function) {
    snprintf(name, VECTOR_NAME, "%s%s%s", vector_maths.before, function, vector_maths.after);
    return dlsym(vector_maths.library, name);
}

static int vector_prepare(bench_job *job, const char *request) {
    char name[BENCH_TEXT];
    if (!maths_read(&maths.r, request)) return 0;
    for (const vector_entry *e = vector_set_in_use()->entry; e->name; e++) {
        if (strcmp(e->name, maths.r.name) != 0) continue;
        vector_maths.f = vector_symbol(name, e->f);
        vector_maths.g = vector_symbol(name, e->g);
        return vector_maths.f && vector_maths.g && maths_fill(job, e->loop);
    }
    return 0;
}

static int vector_open(char *description, const char *libraries, const char *before, const char *after) {
    char name[VECTOR_NAME];
    vector_maths.library = bench_library(libraries);
    vector_maths.before = before;
    vector_maths.after = after;
    const int present = vector_maths.library && before && vector_symbol(name, "exp");
    if (present) snprintf(description, BENCH_TEXT, "loops over %s and the like", name);
    else snprintf(description, BENCH_TEXT, "not installed");
    return present;
}

static int libmvec_open(char *description) {
    return vector_open(description, "libmvec.so.1", vector_set_in_use()->libmvec, "f");
}

static int sleef_open(char *description) {
    return vector_open(description, "libsleef.so.3 libsleef.so libsleef.dylib", "Sleef_", vector_set_in_use()->sleef);
}

/* ---- OpenBLAS ---- */

static float (*openblas_sdot)(int n, const float *x, int incx, const float *y, int incy);
static void (*openblas_saxpy)(int n, float a, const float *x, int incx, float *y, int incy);

static void openblas_dot(float *y, const float *x, const float *z, size_t rows, size_t cols) {
    *y = openblas_sdot((int)(rows * cols), x, 1, z, 1);
}
static void openblas_axpy(float *y, const float *x, const float *z, size_t rows, size_t cols) {
    (void)z;
    openblas_saxpy((int)(rows * cols), MATHS_SCALE, x, 1, y, 1);
}

static const maths_entry openblas_entries[] = {{"dot", openblas_dot}, {"axpy", openblas_axpy}, {NULL, NULL}};

static int openblas_prepare(bench_job *job, const char *request) { return maths_prepare(job, request, openblas_entries); }

static int openblas_open(char *description) {
    void *library = bench_library("libopenblas.so.0 libopenblas.so libopenblas.dylib");
    const int present = BENCH_SYMBOL(library, "cblas_sdot", openblas_sdot) && BENCH_SYMBOL(library, "cblas_saxpy", openblas_saxpy);
    char *(*core)(void);
    if (present && BENCH_SYMBOL(library, "openblas_get_corename", core))
        snprintf(description, BENCH_TEXT, "OpenBLAS, %s kernels", core());
    else snprintf(description, BENCH_TEXT, "not installed");
    return present;
}

#endif /* BENCH_MATHS_PEERS_H */
