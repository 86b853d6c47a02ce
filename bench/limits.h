/* limits.h - how fast the hardware is, measured as one more contender of the same run
 *
 *   fma FLOPS           arithmetic in registers only
 *   read FLOATS         loads, one pass over an array
 *   write FLOATS        stores, one pass
 *   copy FLOATS TIMES   one array to another; TIMES scales the result for work that moves more than that
 *   update FLOATS N     N arrays of FLOATS each are read, and all but one written back, which is what a step of an optimizer
 *                       moves: in one pass, or as a copy within as much memory that moves as many bytes, whichever is faster */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include "bench.h"
#include "worker.h"

#if defined(__x86_64__)
#define BENCH_FN(name) bench_##name##_avx512
#define BENCH_LANES 16
#define BENCH_TARGET __attribute__((target("avx512f")))
#define BENCH_FMA(acc, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))
#include "vector.h"
#define BENCH_FN(name) bench_##name##_avx2
#define BENCH_LANES 8
#define BENCH_TARGET __attribute__((target("avx2,fma")))
#define BENCH_FMA(acc, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b))
#include "vector.h"
#define BENCH_SCALAR_FMA(acc, a, b) __asm__("vfmadd231ss %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b))
#elif defined(__aarch64__)
#define BENCH_FN(name) bench_##name##_neon
#define BENCH_LANES 4
#define BENCH_TARGET
#define BENCH_FMA(acc, a, b) __asm__("fmla %0.4s, %1.4s, %2.4s" : "+w"(acc) : "w"(a), "w"(b))
#include "vector.h"
#define BENCH_SCALAR_FMA(acc, a, b) __asm__("fmadd %s0, %s1, %s2, %s0" : "+w"(acc) : "w"(a), "w"(b))
#endif
/* Arithmetic of one lane, and the vectors that every machine of the kind has for moving memory. */
#define BENCH_FN(name) bench_##name##_scalar
#define BENCH_LANES 4
#define BENCH_TARGET
#define BENCH_FMA BENCH_SCALAR_FMA
#include "vector.h"

#define BENCH_LIMIT_ROUNDS 1000 /* of 12 vector instructions, per call */

typedef struct bench_limit_set {
    const char *isa;
    size_t fma_lanes;
    float (*fma)(size_t rounds);
    float (*read)(const float *x, size_t n);
    void (*write)(float *y, size_t n);
    void (*copy)(float *y, const float *x, size_t n);
    void (*update)(float *const *x, int arrays, size_t n);
} bench_limit_set;

#define BENCH_LIMIT_SET(isa, lanes) \
    {#isa, lanes, bench_fma_##isa, bench_read_##isa, bench_write_##isa, bench_copy_##isa, bench_update_##isa}
static const bench_limit_set bench_limit_sets[] = {
#if defined(__x86_64__)
    BENCH_LIMIT_SET(avx512, 16), BENCH_LIMIT_SET(avx2, 8),
#elif defined(__aarch64__)
    BENCH_LIMIT_SET(neon, 4),
#endif
    BENCH_LIMIT_SET(scalar, 1)};

static struct {
    const bench_limit_set *set;
    float *x, *y;
    size_t n;
    float *array[5];
    int arrays;
    size_t each;
    volatile float sink;
} bench_limit;

static void bench_limit_fma(void *data) {
    (void)data;
    bench_limit.sink = bench_limit.set->fma(BENCH_LIMIT_ROUNDS);
}
static void bench_limit_read(void *data) {
    (void)data;
    bench_limit.sink = bench_limit.set->read(bench_limit.x, bench_limit.n);
}
static void bench_limit_write(void *data) {
    (void)data;
    bench_limit.set->write(bench_limit.y, bench_limit.n);
}
static void bench_limit_memset(void *data) {
    (void)data;
    memset(bench_limit.y, 1, bench_limit.n * sizeof(float));
}
static void bench_limit_copy(void *data) {
    (void)data;
    bench_limit.set->copy(bench_limit.y, bench_limit.x, bench_limit.n);
}
static void bench_limit_memcpy(void *data) {
    (void)data;
    memcpy(bench_limit.y, bench_limit.x, bench_limit.n * sizeof(float));
}
static void bench_limit_update(void *data) {
    (void)data;
    bench_limit.set->update(bench_limit.array, bench_limit.arrays, bench_limit.each);
}

/* The C library's way or the plain loop, whichever is faster here: a limit should be the hardware's. */
static void bench_limit_choose(bench_job *job, void (*plain)(void *), void (*library)(void *)) {
    job->call = plain;
    const double seconds = 2e-3, loop = bench_measure(job, bench_calibrate(job, seconds / 8.0), seconds);
    job->call = library;
    if (loop < bench_measure(job, bench_calibrate(job, seconds / 8.0), seconds)) job->call = plain;
}

static int bench_limit_prepare_update(bench_job *job, size_t n, int arrays) {
    const double seconds = 2e-3;
    if (arrays < 2 || arrays > 5) return 0;
    bench_limit.arrays = arrays;
    bench_limit.each = n / 16 * 16;
    for (int k = 0; k < arrays; k++) bench_limit.array[k] = bench_floats(n);
    bench_limit.n = n * (size_t)arrays / 2 / 128 * 128;
    bench_limit.x = bench_floats(bench_limit.n);
    bench_limit.y = bench_floats(bench_limit.n);
    bench_limit_choose(job, bench_limit_copy, bench_limit_memcpy);
    job->scale = (double)(2 * arrays - 1) * (double)n / (2.0 * (double)bench_limit.n);
    bench_job update = *job;
    update.call = bench_limit_update;
    update.scale = (double)n / (double)bench_limit.each;
    const double copied = bench_measure(job, bench_calibrate(job, seconds / 8.0), seconds);
    if (bench_measure(&update, bench_calibrate(&update, seconds / 8.0), seconds) < copied) *job = update;
    return 1;
}

static int bench_limit_prepare(bench_job *job, const char *request) {
    char kind[16];
    double amount, times = 1.0;
    if (sscanf(request, "%15s %lf %lf", kind, &amount, &times) < 2) return 0;
    job->scale = times;
    if (strcmp(kind, "fma") == 0) {
        job->call = bench_limit_fma;
        job->scale = amount / (2.0 * 12.0 * BENCH_LIMIT_ROUNDS * (double)bench_limit.set->fma_lanes);
        return 1;
    }
    if (strcmp(kind, "update") == 0) return bench_limit_prepare_update(job, (size_t)amount, (int)times);
    bench_limit.n = ((size_t)amount + 127) / 128 * 128;
    bench_limit.x = bench_floats(bench_limit.n + 128);
    bench_limit.y = bench_floats(bench_limit.n + 128);
    job->scale *= amount / (double)bench_limit.n;
    if (strcmp(kind, "read") == 0) job->call = bench_limit_read;
    else if (strcmp(kind, "write") == 0) bench_limit_choose(job, bench_limit_write, bench_limit_memset);
    else bench_limit_choose(job, bench_limit_copy, bench_limit_memcpy);
    return 1;
}

static int bench_limit_open(char *description) {
    const char *isa = getenv("NN_ISA");
    for (size_t i = 0; i < sizeof bench_limit_sets / sizeof *bench_limit_sets; i++)
        if (isa && strcmp(isa, bench_limit_sets[i].isa) == 0) bench_limit.set = &bench_limit_sets[i];
    snprintf(description, BENCH_TEXT, "fma in registers; loads, stores and copies of the case's arrays");
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("fma")) return 0;
#endif
    return bench_limit.set != NULL;
}

static const bench_contender bench_limit_contender = {"limit", NULL, NULL, "", NULL, 0, bench_limit_open, bench_limit_prepare};

#endif /* BENCH_LIMITS_H */
