/* test.h - what the test programs share: counting, numbers, guarded memory, instruction sets, and every tolerance
 *
 * A program describes the case at hand with test_case(), says CHECK(condition) for what must hold, and ends with
 * `return test_end("name")`. The environment variable NN_TEST_QUICK asks for smaller sizes: for -O0, sanitizers, emulators.
 */
#ifndef TEST_H
#define TEST_H

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../nn.h"

/* ---- tolerances: everything else is an equality ---- */

#define TOL_EXP_LOG_ULP 1.0 /* promised by nn.h over all floats; double libm errs by 2^-29 of a float's ULP */
#define TOL_MATHS_ULP 2.0   /* the same for what is built on exp and log */
#define TOL_GELU_ULP 4.0    /* built on a fit of the normal distribution's tail besides */
#define EPS (1.0 / 16777216) /* 2^-24: the most that rounding to nearest moves a float, relative to it */

/* k fused multiply-adds round k times, each by at most EPS of a partial sum that is at most the sum of |a||b|. One more
 * rounding comes from alpha, one from beta*C and one from the bias, which the caller adds to the magnitudes. */
static inline double tol_gemm(size_t k, double magnitudes) { return (double)(k + 3) * EPS * magnitudes; }

/* From y = f(x), rounded, instead of x: 1 - y*y and y*(1 - y) lose up to two EPS of 1, not of the result. */
#define TOL_DERIVATIVE (8 * EPS)

/* Where a derivative is tiny: 16 of its own EPS, and the difference quotient it is compared with is good to 1e-8. */
#define TOL_TAIL (16 * EPS)

/* A sum of exponentials: each within an ULP, 64 additions in a lane, 4 to fold, the division, and the last rounding.
 * What x - max rounds off, up to EPS*|x - max|, comes on top. */
static inline double tol_softmax(double distance) { return (72 + distance) * EPS; }

/* Five standard deviations: with fixed seeds a test passes for ever or is broken; a sound generator fails one in 10^6. */
#define TOL_DEVIATIONS 5.0

/* ---- counting ---- */

static struct {
    unsigned long passed, failed, skipped;
    char where[256];
} test;

__attribute__((format(printf, 1, 2))) static inline void test_case(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(test.where, sizeof test.where, format, arguments);
    va_end(arguments);
}

static inline int test_check(int ok, const char *file, int line, const char *what) {
    if (ok) test.passed++;
    else if (++test.failed <= 20) printf("%s:%d: failed: %s [%s] isa %s\n", file, line, what, test.where, nn_isa());
    return ok;
}
#define CHECK(condition) test_check(!!(condition), __FILE__, __LINE__, #condition)

static inline int test_quick(void) { return getenv("NN_TEST_QUICK") != NULL; }

static inline int test_end(const char *name) {
    printf("%s: %lu passed, %lu failed, %lu skipped\n", name, test.passed, test.failed, test.skipped);
    return test.failed != 0;
}

/* ---- instruction sets: for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) ---- */

/* The first (after NULL) or next one that runs here, forced; NULL and the best one forced at the end. Those that cannot
 * run here are skipped and counted. */
static inline const char *test_isa(const char *before) {
    size_t i = 0;
    while (before && strcmp(nn_isa_name(i++), before) != 0) {}
    for (; nn_isa_name(i); i++) {
        if (nn_isa_force(nn_isa_name(i)) == NN_OK) return nn_isa_name(i);
        test.skipped++;
    }
    CHECK(nn_isa_force(NULL) == NN_OK);
    return NULL;
}

/* ---- numbers: splitmix64, nothing to do with nn.h; every step is exact, so that no compiler can change one ---- */

static inline uint64_t test_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static inline size_t test_below(uint64_t *state, size_t n) { return (size_t)(test_random(state) % n); }

/* In [-1, 1), a multiple of 2^-23. */
static inline float test_float(uint64_t *state) {
    return (float)((int32_t)(test_random(state) >> 40) - 8388608) * (1.0f / 8388608);
}
static inline void test_fill(float *x, size_t n, uint64_t *state) {
    for (size_t i = 0; i < n; i++) x[i] = test_float(state);
}

/* Between 1 and `most`, every magnitude as likely as another. */
static inline size_t test_size(uint64_t *state, size_t most) {
    unsigned bits = 1;
    while (most >> bits) bits++;
    const size_t shift = 63 - test_below(state, bits), size = (size_t)(test_random(state) >> shift);
    return size < 1 ? 1 : size > most ? most : size;
}

static inline float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* NaNs are one value: the payload is no part of any promise. */
static inline int same_bits(float a, float b) { return bits_of(a) == bits_of(b) || (a != a && b != b); }
static inline size_t first_difference(const float *a, const float *b, size_t n) {
    size_t i = 0;
    while (i < n && same_bits(a[i], b[i])) i++;
    return i;
}

/* How far `got` is from the true value, in units of the last place of a float of that size. Infinity counts as 2^128. */
static inline double ulp_error(float got, double want) {
    if (want != want || got != got) return want != want && got != got ? 0 : INFINITY;
    if (isinf(want) && (double)got == want) return 0;
    const double limit = 0x1p128, value = isinf(got) ? copysign(limit, got) : (double)got;
    if (fabs(want) > limit) want = copysign(limit, want);
    uint64_t bits;
    memcpy(&bits, &want, sizeof bits);
    uint64_t exponent = bits >> 52 & 0x7ff; /* of want; at least that of the smallest normal float */
    if (exponent < 1023 - 126) exponent = 1023 - 126;
    bits = (2 * 1023 + 23 - exponent) << 52; /* 1/ULP */
    double per_ulp;
    memcpy(&per_ulp, &bits, sizeof per_ulp);
    return fabs(value - want) * per_ulp;
}

/* ---- memory ---- */

/* The end of `floats` floats: a page follows, and one precedes them, that cannot be touched. Work with end - n. */
static inline float *guard_end(size_t floats) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (floats * sizeof(float) + page - 1) / page * page;
    char *map = (char *)mmap(NULL, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, bytes, PROT_READ | PROT_WRITE) != 0) {
        puts("no guarded memory");
        abort();
    }
    return (float *)(void *)(map + page + bytes);
}

/* Written where nothing may be written: a NaN that no arithmetic produces. */
#define UNTOUCHED 0x7fa5a5a5u
static inline void fill_untouched(float *x, size_t n) {
    const uint32_t bits = UNTOUCHED;
    for (size_t i = 0; i < n; i++) memcpy(x + i, &bits, sizeof bits);
}
static inline int is_untouched(const float *x, size_t n) {
    const uint32_t bits = UNTOUCHED;
    size_t i = 0;
    while (i < n && memcmp(x + i, &bits, sizeof bits) == 0) i++;
    return i == n;
}

/* Lengths around one, two and four vectors of 4, 8 and 16 lanes, and primes. */
static const size_t test_lengths[] = {0,  1,  2,  3,  4,  5,  7,  8,  9,  11, 13, 15, 16, 17, 19, 23,  29,  31,
                                      32, 33, 37, 47, 48, 53, 61, 63, 64, 65, 67, 79, 97, 127, 128, 129, 251, 1021};
#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif /* TEST_H */
