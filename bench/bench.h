/* bench.h - what every bench shares: cases, contenders, inputs, and sketches of results
 *
 * A bench compares contenders (nn.h and its peers) on cases. Each contender is a process of its own, because the peers read
 * their settings from the environment once, when they are loaded. The bench starts itself again as `bench_x --serve NAME` for
 * each and talks to it in lines of text (worker.h); one works at a time, round after round, each in turn (suite.h).
 *
 * All contenders make the same inputs from the same formula and send back a sketch of their result, some sums with random
 * signs, which must agree with sums that the bench computed in double by another way. */
#ifndef BENCH_H
#define BENCH_H

#include <dlfcn.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define BENCH_SKETCH 64         /* sums of a sketch */
#define BENCH_EPSILON 0x1p-24   /* the rounding error of a float near 1 */
#define BENCH_TEXT 256          /* characters of a name or a description */
#define BENCH_CONTENDERS 16     /* at most, of one instruction set */

typedef struct bench_case {
    char name[48];
    char request[96];  /* what the contenders are asked for */
    char limit[96];    /* what limits.h is asked for: the time that the hardware needs for this work */
    double work;       /* of a call, in units of the metric */
    int threads;
    int apart;         /* shown, but left out of the means */
} bench_case;

/* A case as a contender runs it. prepare() fills it; what it allocates with bench_floats() lives until the next case. */
typedef struct bench_job {
    void (*call)(void *data);
    void *data;
    double scale;      /* the time of the case per time of a call; 1 but for the limits */
    const float *out;  /* the result of a call, rows x cols; NULL if there is none */
    size_t rows, cols;
    int moments;       /* the result is random: sketch its mean and its mean square */
    void (*sketch)(double *sketch); /* sketches results of several arrays, of which out knows but one; NULL if there are none */
    int threads;       /* that a call uses */
} bench_job;

typedef struct bench_contender {
    const char *name;    /* unique: a column */
    const char *library; /* contenders of one library are settings of it, and its best one counts */
    const char *isas;    /* those that it competes at; NULL for all */
    const char *environment; /* "NAME=value NAME=value" */
    const char *program; /* run instead of this program, if not NULL */
    int generates;       /* makes code for the case beforehand, outside its time: left out of one of the means */
    int (*open)(char *description);                     /* 0 and the reason if it cannot take part */
    int (*prepare)(bench_job *job, const char *request); /* 0 if it does not do this */
} bench_contender;

/* A bench: its contenders, ours first, and its cases. */
typedef struct bench_suite {
    const char *name, *metric;
    int smaller_is_better; /* the metric is time per work instead of work per time */
    const bench_contender *contenders;
    size_t (*cases)(bench_case *cases, size_t most); /* how many there are; writes at most `most` */
    void (*expect)(const bench_case *c, double *sketch, double *bound);
} bench_suite;

static inline void bench_fail(const char *message) {
    fprintf(stderr, "bench: %s\n", message);
    exit(2);
}

/* ---- memory ---- */

#define BENCH_ARRAYS 16
#define BENCH_HUGE ((size_t)1 << 21)
#define BENCH_SPREAD ((size_t)1 << 17) /* bytes from which small pages may fall into a few sets of the L2 cache, by chance */

typedef struct bench_array {
    void *start;
    size_t mapped; /* bytes, or 0 if it is malloc's */
} bench_array;

static bench_array bench_arrays[BENCH_ARRAYS];
static size_t bench_arrays_used;

static void bench_release(void) {
    while (bench_arrays_used) {
        const bench_array *a = &bench_arrays[--bench_arrays_used];
#ifdef __linux__
        if (a->mapped) munmap(a->start, a->mapped);
        else
#endif
            free(a->start);
    }
}

/* Memory of its own for an array: in huge pages unless it is small, so that times do not depend on which pages a process
 * happened to get. malloc would give memory back that an earlier case had touched, and whose small pages stay small. */
static void *bench_map(size_t bytes) {
    bench_array *a = &bench_arrays[bench_arrays_used];
    a->mapped = 0;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (bytes >= BENCH_SPREAD) { /* whole huge pages: the rest of one would be small ones */
        bytes = (bytes + BENCH_HUGE - 1) / BENCH_HUGE * BENCH_HUGE;
        a->mapped = bytes + BENCH_HUGE;
        a->start = mmap(NULL, a->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (a->start == MAP_FAILED) bench_fail("out of memory");
        char *const aligned = (char *)(((uintptr_t)a->start + BENCH_HUGE - 1) / BENCH_HUGE * BENCH_HUGE);
        (void)madvise(aligned, bytes, MADV_HUGEPAGE);
        return aligned;
    }
#endif
    if (posix_memalign(&a->start, 4096, bytes)) bench_fail("out of memory");
    return a->start;
}

/* Each array starts at another place of its page: at equal places, stores stall later loads from other arrays on most
 * processors. */
static float *bench_floats(size_t n) {
    const size_t place = bench_arrays_used * 1088, bytes = n * sizeof(float) + place;
    if (bench_arrays_used == BENCH_ARRAYS) bench_fail("too many arrays");
    char *const p = (char *)bench_map(bytes);
    bench_arrays_used++;
    memset(p, 0, bytes);
    return (float *)(void *)(p + place);
}

/* ---- inputs ---- */

/* Element i of array `seed`: one of 2^24 steps in [-1, 1). The mixer is Wellons' "lowbias32". */
static inline float bench_element(uint32_t seed, size_t i) {
    uint32_t x = (uint32_t)i + seed * 0x9e3779b9u;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    x ^= x >> 16;
    return (float)((int32_t)(x >> 8) - (1 << 23)) * 0x1p-23f;
}

/* n elements in [lo, hi). */
static inline float *bench_input(uint32_t seed, size_t n, float lo, float hi) {
    float *x = bench_floats(n);
    const float middle = 0.5f * (lo + hi), half = 0.5f * (hi - lo);
    for (size_t i = 0; i < n; i++) x[i] = middle + half * bench_element(seed, i);
    return x;
}

/* ---- sketches ---- */

/* Weights of rows and columns: element (i, j) counts with row(i) * column(j) in sum i % BENCH_SKETCH. Signs only, so that an
 * error shows wherever it is. */
static inline double bench_row_weight(size_t i) { return bench_element(101, i) < 0.0f ? -1.0 : 1.0; }
static inline double bench_column_weight(size_t j) { return bench_element(102, j) < 0.0f ? -1.0 : 1.0; }

static inline void bench_sketch(double *sketch, const float *y, size_t rows, size_t cols) {
    memset(sketch, 0, BENCH_SKETCH * sizeof *sketch);
    double *weight = (double *)malloc(cols * sizeof *weight);
    if (!weight) bench_fail("out of memory");
    for (size_t j = 0; j < cols; j++) weight[j] = bench_column_weight(j);
    for (size_t i = 0; i < rows; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < cols; j++) sum += weight[j] * (double)y[i * cols + j];
        sketch[i % BENCH_SKETCH] += bench_row_weight(i) * sum;
    }
    free(weight);
}

/* The mean and the mean square, for results that are random by purpose. */
static inline void bench_moments(double *sketch, const float *y, size_t n) {
    memset(sketch, 0, BENCH_SKETCH * sizeof *sketch);
    for (size_t i = 0; i < n; i++) {
        sketch[0] += (double)y[i] / (double)n;
        sketch[1] += (double)y[i] * (double)y[i] / (double)n;
    }
}

/* ---- libraries ---- */

/* The first of these libraries that is installed, names separated by blanks. RTLD_LOCAL: several define cblas_sgemm. */
static inline void *bench_library(const char *names) {
    char text[BENCH_TEXT];
    snprintf(text, sizeof text, "%s", names);
    for (char *name = strtok(text, " "); name; name = strtok(NULL, " ")) {
        void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (library) return library;
    }
    return NULL;
}

/* A function of a library. ISO C has no cast from an object pointer to a function pointer, hence the copy. */
static inline int bench_symbol(void *library, const char *name, void *function, size_t size) {
    void *symbol = library ? dlsym(library, name) : NULL;
    memcpy(function, &symbol, size);
    return symbol != NULL;
}
#define BENCH_SYMBOL(library, name, pointer) bench_symbol(library, name, &(pointer), sizeof(pointer))

#endif /* BENCH_H */
