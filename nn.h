/* Generated from src/ and simd/ by `make nn.h` - do not edit. */
/* nn.h - neural networks on the CPU: one file, the best kernels of every processor, the same bits everywhere
 *
 * Do this
 *
 *     #define NN_IMPLEMENTATION
 *     #include "nn.h"
 *
 * in one C or C++ file; elsewhere include it without the define. Link with -lsleef -lm (Debian: libsleef-dev), or define
 * NN_NO_SLEEF and link with -lm only:
 *
 *     cc -O2 app.c -lsleef -lm
 *
 * No -mavx2 or -march is needed or wanted: every kernel is compiled for each instruction set, and the best one that the
 * processor and the system run is chosen when the program starts to use it. C11 or C++17; GCC 9, Clang 11 or later; x86-64
 * and AArch64, and plain C anywhere else.
 *
 * A complete program
 *
 *     #define NN_IMPLEMENTATION
 *     #include "nn.h"
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         enum { BATCH = 4, IN = 3, OUT = 2 };
 *         float x[BATCH * IN], w[IN * OUT], p[BATCH * OUT];
 *         nn_random random = {42, 0, 0};
 *         nn_random_normal(x, BATCH * IN, 0.0f, 1.0f, &random);
 *         nn_random_uniform(w, IN * OUT, -1.0f, 1.0f, &random);
 *         nn_status status = nn_sgemm(p, x, w, BATCH, OUT, IN, 1.0f, 0.0f, NULL);
 *         if (status != NN_OK) {
 *             fprintf(stderr, "%s\n", nn_status_message(status));
 *             return 1;
 *         }
 *         nn_softmax(p, p, BATCH, OUT);
 *         for (int i = 0; i < BATCH; i++) printf("%.6f %.6f\n", p[i * OUT], p[i * OUT + 1]);
 *         return 0;
 *     }
 *
 * It prints the same digits on every machine.
 *
 * Options, each a define before the include that has the implementation
 *
 *   NN_NO_SLEEF          exp and log from nn.h itself: no library, other bits (also the same everywhere)
 *   NN_STATIC            everything is private to this file; every file that includes nn.h needs the implementation then
 *   NN_SCALAR_ONLY       leave the vector kernels out
 *   NN_DEBUG             check with assert what only a mistake in the program can break; NN_ASSERT(x) replaces assert
 *   NN_ALLOW_FAST_MATH   compile in spite of -ffast-math, and give up the promise of equal bits
 *
 * What there is
 *
 *   matrices     nn_sgemm, with bias and activation; nn_sgemm_pack and nn_sgemm_packed for weights used many times
 *   functions    nn_exp nn_log nn_tanh nn_sigmoid nn_softplus nn_elu nn_selu nn_relu nn_leaky_relu nn_step nn_gelu
 *                nn_gelu_tanh nn_silu nn_prelu, nn_activate by name, and derivatives; nn_reciprocal nn_clip nn_add nn_sub nn_mul
 *                nn_mul_add nn_scale nn_axpy nn_add_row
 *   rows         nn_softmax nn_log_softmax nn_log_sum_exp, and derivatives
 *   images       nn_conv2d with bias and activation, nn_max_pool2d nn_average_pool2d nn_global_average_pool, and gradients
 *   reductions   nn_sum nn_sum_squares nn_dot nn_max nn_argmax
 *   columns      nn_sum_columns nn_affine nn_moments_add nn_moments_get
 *   norms        nn_batch_norm_statistics nn_batch_norm nn_layer_norm nn_group_norm, and derivatives; averages of the
 *                statistics, the affine form for tests, and folding into the layer before
 *   dropout      nn_dropout nn_dropout_channels nn_add_normal
 *   random       nn_random_bits _uniform _normal _mask _below _permutation
 *   the machine  nn_isa, nn_isa_force, nn_threads, nn_threads_hook
 *
 * A layer, forward and back
 *
 *     enum { BATCH = 50, IN = 784, OUT = 300 };
 *     static float x[BATCH * IN], w[IN * OUT], b[OUT], h[BATCH * OUT];
 *     static float dx[BATCH * IN], dw[IN * OUT], dh[BATCH * OUT];
 *     nn_sgemm_desc dense = {0}, by_weight = {0}, by_input = {0};
 *     dense.bias = b;
 *     dense.activation = NN_RELU;
 *     by_weight.transpose_a = 1;
 *     by_input.transpose_b = 1;
 *     nn_status s = nn_sgemm(h, x, w, BATCH, OUT, IN, 1, 0, &dense);                     // h  = relu(x w + b)
 *     nn_activate_backward(dh, dh, h, BATCH * OUT, NN_RELU, 0);                          // dh = dh * relu'(h)
 *     if (s == NN_OK) s = nn_sgemm(dw, x, dh, IN, OUT, BATCH, 1, 0, &by_weight);         // dw = x' dh
 *     if (s == NN_OK) s = nn_sgemm(dx, dh, w, BATCH, IN, OUT, 1, 0, &by_input);          // dx = dh w'
 *     if (s != NN_OK) fprintf(stderr, "%s\n", nn_status_message(s));
 *
 * Words: the destination is always the first argument, then inputs, sizes, options. Matrices are row-major. B or m is the
 * batch, k what is summed over, n the columns. A gradient is named like its value with a d in front.
 *
 * Memory: arrays are the caller's, of any alignment. Functions that return no status take no memory. nn_sgemm may take a
 * workspace and gives it back; nn_packed owns its copy until nn_packed_free. Every allocation goes through nn_allocator if
 * one is given. In place is fine where a comment says "y may be x"; otherwise arrays must not overlap.
 *
 * Errors: what the world can break returns nn_status, NN_OK being 0, which the compiler warns about if it is dropped. The
 * library never prints, exits or aborts, and a call that fails has changed nothing.
 *
 * Threads: one by default. nn_threads(n) lets calls share their work through OpenMP (compile with -fopenmp) or through the
 * caller's own loop (nn_threads_hook). Any number of threads may call nn.h at once. Set threads, hook and instruction set
 * before they do.
 *
 * Numerics: the same call gives the same bits on AVX-512, AVX2, NEON and plain C, for every compiler, optimisation level
 * and number of threads. Sums run in a fixed order of 16 lanes, products as chains of fused multiply-adds; the comments at
 * the functions say which. Accuracy over all floats is stated there too. The sign and payload of a NaN are not part of the
 * promise. With SLEEF on a processor without FMA (before 2013) exp and log come from nn.h itself: see nn_maths_backend.
 *
 * Instruction set: NN_ISA=avx2 in the environment, or nn_isa_force("avx2"), runs that one, for tests and measurements.
 *
 * MIT licence, at the end of this file.
 */
#ifndef NN_H
#define NN_H

/* ---- src/config.h ---- */
/* config.h - version, the compilers we support, and the words that differ between them */

#include <stddef.h>
#include <stdint.h>

#define NN_VERSION_MAJOR 0
#define NN_VERSION_MINOR 1
#define NN_VERSION_PATCH 0
#define NN_VERSION "0.1.0"

#if defined(__cplusplus) && __cplusplus < 201703L
#error "nn.h needs C11 or C++17: compile with -std=c11, -std=c++17 or later"
#endif
#if !defined(__GNUC__)
#error "nn.h needs GCC 9 or Clang 11 (or later): it relies on their target pragmas and builtins"
#endif
#if defined(__FAST_MATH__) && !defined(NN_ALLOW_FAST_MATH)
#error "-ffast-math breaks the promise of equal bits: compile nn.h without it, or define NN_ALLOW_FAST_MATH and give the promise up"
#endif

/* Results that must not be dropped. */
#define NN_MUST_USE __attribute__((warn_unused_result))

/* Linkage of the public functions: NN_STATIC keeps all of nn.h private to one translation unit. */
#ifdef NN_STATIC
#define NN_API static __attribute__((unused))
#elif defined(__cplusplus)
#define NN_API extern "C"
#else
#define NN_API extern
#endif

/* restrict, which C++ lacks under that name. */
#define NN_RESTRICT __restrict__

/* ---- src/status.h ---- */
/* status.h - what a call can report, and the sentence for each */

/* One list gives the enum, the names and the messages. */
#define NN_STATUS_LIST(X)                                                                                   \
    X(NN_OK, "no error")                                                                                    \
    X(NN_ERROR_NULL, "a required pointer is NULL")                                                          \
    X(NN_ERROR_ARGUMENT, "an argument is outside its allowed range")                                        \
    X(NN_ERROR_SIZE, "the sizes overflow: the arrays described cannot exist in memory")                     \
    X(NN_ERROR_STRIDE, "a leading dimension is smaller than the row it must hold")                          \
    X(NN_ERROR_ALIAS, "the output overlaps an input")                                                       \
    X(NN_ERROR_MEMORY, "the allocator returned no memory")                                                  \
    X(NN_ERROR_ISA_UNKNOWN, "unknown instruction set name: known are scalar, avx2, avx512 and neon")        \
    X(NN_ERROR_ISA_MISSING, "the instruction set asked for cannot run on this processor or system")         \
    X(NN_ERROR_PACKED_ISA, "the packed matrix was made for another instruction set: pack it again")

typedef enum nn_status {
#define NN_STATUS_ENUM(name, message) name,
    NN_STATUS_LIST(NN_STATUS_ENUM)
#undef NN_STATUS_ENUM
    NN_STATUS_COUNT
} nn_status;

/* One sentence about a status, without a full stop; never NULL. */
NN_API const char *nn_status_message(nn_status status);

/* The name of a status as it is written in code, "NN_OK" say; never NULL. */
NN_API const char *nn_status_name(nn_status status);

/* ---- src/alloc.h ---- */
/* alloc.h - the one way in which nn.h takes memory */

/* Where memory comes from. `alloc` behaves like malloc (any alignment will do; NULL means none left) and `free` like
 * free, but for the pointer `user` that both are given. They are called from the thread that called nn.h, never from
 * its workers. A NULL nn_allocator stands for malloc and free. */
typedef struct nn_allocator {
    void *(*alloc)(size_t bytes, void *user);
    void (*free)(void *memory, void *user);
    void *user;
} nn_allocator;

/* ---- src/isa.h ---- */
/* isa.h - which instruction set runs: found once, forced by NN_ISA or by a call */

/* Chooses the instruction set by name: "scalar", "avx2", "avx512", "neon", or NULL for the best one that this processor
 * and system run. NN_ERROR_ISA_UNKNOWN or NN_ERROR_ISA_MISSING leave the choice as it was. Results are the same bits
 * whatever is chosen, so this is for tests, benches and doubts. Not to be called while another thread is inside nn.h. */
NN_API NN_MUST_USE nn_status nn_isa_force(const char *name);

/* The name of the instruction set in use; never NULL. The first use of nn.h chooses it: the one that the environment
 * variable NN_ISA names, or else the best. If NN_ISA names none that can run, "scalar" is in use, nn_isa_status() says what
 * is wrong, and every function that returns a status returns that one. */
NN_API const char *nn_isa(void);

/* NN_OK, or what was wrong with NN_ISA. */
NN_API NN_MUST_USE nn_status nn_isa_status(void);

/* The i-th instruction set compiled in, best first, and NULL from the end of the list on. */
NN_API const char *nn_isa_name(size_t i);

/* NN_OK if this processor and system can run the instruction set of that name. */
NN_API NN_MUST_USE nn_status nn_isa_supported(const char *name);

/* Where exp and log come from: "sleef" or "builtin". */
NN_API const char *nn_maths_backend(void);

/* ---- src/threads.h ---- */
/* threads.h - sharing work among threads: OpenMP if compiled with it, the caller's own loop, or none */

/* How many threads a call may use: 1 at the start, which means the caller's only. More take effect where the program was
 * compiled with OpenMP or a hook is set; results are the same bits for every number. 0 counts as 1.
 * Calls too small to gain from sharing stay on the calling thread. nn.h itself never spins; how long OpenMP's idle
 * workers do is set by OMP_WAIT_POLICY. Not to be called while another thread is inside nn.h. */
NN_API void nn_threads(size_t count);

/* The number of threads set, and 1 while there is neither OpenMP nor a hook. */
NN_API size_t nn_threads_in_use(void);

/* A parallel loop of the caller's: runs task(context, i) for every i in [0, count), in any order and on any threads,
 * and returns when all are done. It is called from the thread that called nn.h. */
typedef void (*nn_parallel_for)(void (*task)(void *context, size_t i), void *context, size_t count, void *user);

/* Uses `loop` instead of OpenMP; NULL goes back. */
NN_API void nn_threads_hook(nn_parallel_for loop, void *user);

/* Work is shared from the size on at which two threads gain even if the second has to be woken, which takes some 25 us: measured
 * with OMP_WAIT_POLICY=passive. Where workers spin and start within 1 us, define NN_THREADS_EAGER as 16 or so: the sizes are
 * divided by it. */
#ifndef NN_THREADS_EAGER
#define NN_THREADS_EAGER 1
#endif

/* ---- src/random.h ---- */
/* random.h - random numbers that depend on a seed and a position alone */

/* A place in a sequence of random numbers: number `next` of sequence `stream` under `seed`. There are 2^64 streams for each
 * seed, all independent; every call takes its numbers from `next` on and moves it past them. Copy it to draw the same
 * numbers again, set `next` to draw from anywhere. The numbers are those of Philox 4x32-10 and the same bits on every
 * machine, for every number of threads, and however a sequence is divided into calls. */
typedef struct nn_random {
    uint64_t seed, stream, next;
} nn_random;

/* 32 random bits each. */
NN_API void nn_random_bits(uint32_t *y, size_t n, nn_random *random);

/* Uniform in [lo, hi), in 2^24 steps. */
NN_API void nn_random_uniform(float *y, size_t n, float lo, float hi, nn_random *random);

/* Normally distributed; no farther than 5.77 deviations from the mean, as follows from 24 bits. */
NN_API void nn_random_normal(float *y, size_t n, float mean, float deviation, nn_random *random);

/* `value` with probability `keep`, else 0: with value = 1/keep, the mask of inverted dropout. Exact to 2^-24. */
NN_API void nn_random_mask(float *y, size_t n, float keep, float value, nn_random *random);

/* An integer in [0, n), all equally likely, from one position of the sequence; 0 if n is 0. */
NN_API uint64_t nn_random_below(uint64_t n, nn_random *random);

/* A random order of 0 .. n-1, from n positions of the sequence. */
NN_API void nn_random_permutation(size_t *y, size_t n, nn_random *random);

/* ---- src/activation.h ---- */
/* activation.h - the list of activations */

/* X(name, function, keeps_input): value as a formula of x, with a the slope. The backward pass is given dy and y = f(x), or x
 * where keeps_input is 1: where f rises and falls, y does not tell x. */
#define NN_ACTIVATION_LIST(X)                                                                       \
    X(NN_IDENTITY, identity, 0)     /* x                                                         */ \
    X(NN_RELU, relu, 0)             /* max(x, 0)                                                 */ \
    X(NN_LEAKY_RELU, leaky_relu, 0) /* x > 0 ? x : a*x                                           */ \
    X(NN_SIGMOID, sigmoid, 0)       /* 1 / (1 + e^-x)                                            */ \
    X(NN_TANH, tanh, 0)             /* 2*sigmoid(2x) - 1                                         */ \
    X(NN_SOFTPLUS, softplus, 0)     /* log(1 + e^x)                                              */ \
    X(NN_ELU, elu, 0)               /* x > 0 ? x : a*(e^x - 1)                                   */ \
    X(NN_STEP, step, 0)             /* x > 0 ? 1 : 0; its derivative is 0 everywhere             */ \
    X(NN_SELU, selu, 0)             /* 1.0507009873554805 * ELU(x) with a = 1.6732632423543772   */ \
    X(NN_GELU, gelu, 1)             /* x * P(x), P the normal distribution function              */ \
    X(NN_GELU_TANH, gelu_tanh, 1)   /* x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x^3)))         */ \
    X(NN_SILU, silu, 1)             /* x * sigmoid(x)                                            */

typedef enum nn_activation {
#define NN_ACTIVATION_ENUM(name, function, keeps_input) name,
    NN_ACTIVATION_LIST(NN_ACTIVATION_ENUM)
#undef NN_ACTIVATION_ENUM
    NN_ACTIVATION_COUNT
} nn_activation;

/* ---- src/maths.h ---- */
/* maths.h - functions of every element of an array */

/* y[i] = f(x[i]) for n elements; y may be x. Accuracy over all floats against the true value, in units in the last place:
 * exp and log 1, nn_gelu 4, the others 2. exp and log have the special values of C99; NaN gives NaN everywhere; GELU and SiLU
 * go through the subnormals to -0 where x goes to -infinity; sigmoid and exp never fall where x rises. */
NN_API void nn_exp(float *y, const float *x, size_t n);
NN_API void nn_log(float *y, const float *x, size_t n);
NN_API void nn_tanh(float *y, const float *x, size_t n);
NN_API void nn_sigmoid(float *y, const float *x, size_t n);              /* 1 / (1 + e^-x) */
NN_API void nn_softplus(float *y, const float *x, size_t n);             /* log(1 + e^x) */
NN_API void nn_relu(float *y, const float *x, size_t n);                 /* max(x, 0) */
NN_API void nn_leaky_relu(float *y, const float *x, size_t n, float a);  /* x > 0 ? x : a*x */
NN_API void nn_elu(float *y, const float *x, size_t n, float a);         /* x > 0 ? x : a*(e^x - 1) */
NN_API void nn_step(float *y, const float *x, size_t n);                 /* x > 0 ? 1 : 0 */
NN_API void nn_selu(float *y, const float *x, size_t n);                 /* 1.0507009873554805 * ELU, a = 1.6732632423543772 */
NN_API void nn_gelu(float *y, const float *x, size_t n);                 /* x * P(x), P the normal distribution function */
NN_API void nn_gelu_tanh(float *y, const float *x, size_t n);            /* x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x^3))) */
NN_API void nn_silu(float *y, const float *x, size_t n);                 /* x * sigmoid(x) */

/* The same by name; `slope` is the a of NN_LEAKY_RELU and NN_ELU. */
NN_API void nn_activate(float *y, const float *x, size_t n, nn_activation activation, float slope);

/* dx[i] = dy[i] * f'(x[i]), where v is y = f(x), so that a network keeps the activations and need not keep what went into
 * them; or v is x, for the activations that keep their input. At a kink the derivative is the one from the left. For
 * NN_LEAKY_RELU and NN_ELU the slope must be positive. dx may be dy or v. */
NN_API void nn_activate_backward(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope);

/* 1 for NN_GELU, NN_GELU_TANH and NN_SILU: they fall and rise, so y does not tell x, and the backward pass is given x. */
NN_API int nn_activation_keeps_input(nn_activation activation);

NN_API void nn_exp_backward(float *dx, const float *dy, const float *y, size_t n); /* dy * y, y = e^x */
NN_API void nn_log_backward(float *dx, const float *dy, const float *x, size_t n); /* dy / x, from x itself */

/* Arithmetic, for the nodes of a graph; y may be a or b (or x). */
NN_API void nn_add(float *y, const float *a, const float *b, size_t n);
NN_API void nn_sub(float *y, const float *a, const float *b, size_t n);
NN_API void nn_mul(float *y, const float *a, const float *b, size_t n);
NN_API void nn_mul_add(float *y, const float *a, const float *b, size_t n); /* y = a*b + y, rounded once */
NN_API void nn_scale(float *y, const float *x, size_t n, float a); /* y = a*x; a = 0 does not read x */
NN_API void nn_axpy(float *y, const float *x, size_t n, float a);  /* y = a*x + y, rounded once */
NN_API void nn_reciprocal(float *y, const float *x, size_t n);     /* 1/x */
NN_API void nn_reciprocal_backward(float *dx, const float *dy, const float *y, size_t n); /* -dy*y*y, y = 1/x */
NN_API void nn_clip(float *y, const float *x, size_t n, float lo, float hi); /* x, no less than lo <= hi and no more than hi */

/* y = x + row for each of the rows, of n floats: a bias. With n = 1 it adds one number to all. y may be x. */
NN_API void nn_add_row(float *y, const float *x, const float *row, size_t rows, size_t n);

/* ---- src/reduce.h ---- */
/* reduce.h - one number from an array */

/* Summed in 16 lanes over blocks of 1024, the blocks in double in the order of their index: the same bits for every
 * instruction set and number of threads. Of no elements, 0. */
NN_API float nn_sum(const float *x, size_t n);
NN_API float nn_sum_squares(const float *x, size_t n);
NN_API float nn_dot(const float *x, const float *y, size_t n);

/* The largest element: NaN if there is one, +0 rather than -0; of no elements, -infinity. */
NN_API float nn_max(const float *x, size_t n);

/* The first index of the largest element, or of the first NaN; of no elements, 0. */
NN_API size_t nn_argmax(const float *x, size_t n);

/* ---- src/columns.h ---- */
/* columns.h - operations by columns of a matrix: sums over its rows, and factors for each column */

/* y[j] = x[0][j] + x[1][j] + ...: n sums of `rows` floats each; of a layer's dy, the gradient of its bias. accumulate = 1
 * adds to what y holds, 0 overwrites it without reading. Of no rows, 0. Blocks of 256 rows are summed as floats, eight rows
 * chained at a time, and added in double in the order of their index. */
NN_API void nn_sum_columns(float *y, const float *x, size_t rows, size_t n, int accumulate);

/* y = scale*x + shift with a scale and a shift for each column, the sum rounded once; either may be NULL; y may be x. */
NN_API void nn_affine(float *y, const float *x, const float *scale, const float *shift, size_t rows, size_t n);

/* ---- src/prelu.h ---- */
/* prelu.h - leaky ReLU whose slopes are learned */

/* y = x > 0 ? x : slope*x for rows x n floats, with a slope for each of the n columns (the channels of an image); or, where
 * `shared` is 1, with slope[0] for all. y may be x if no gradient is wanted. */
NN_API void nn_prelu(float *y, const float *x, const float *slope, size_t rows, size_t n, int shared);

/* dx = x > 0 ? dy : slope*dy, and dslope, of n floats or one: the sum of dy*x over the x not above 0. accumulate = 1 adds to
 * what dslope holds, 0 overwrites it without reading; dx is always overwritten. Either may be NULL. dx may be dy or x. */
NN_API void nn_prelu_backward(float *dx, float *dslope, const float *dy, const float *x, const float *slope, size_t rows, size_t n,
                              int shared, int accumulate);

/* ---- src/moments.h ---- */
/* moments.h - mean and variance by columns, of one matrix or of a whole data set that comes in batches */

/* The moments of n columns over all rows so far. mean and squares, the sum of squared distances from the mean, are the
 * caller's, n doubles each; they and `rows` start as zeros. Moments of a batch are summed about the mean of its first 256
 * rows and corrected, so that nothing is lost where a mean is large beside the deviation. */
typedef struct nn_moments {
    size_t n;
    uint64_t rows;
    double *mean, *squares;
} nn_moments;

/* Takes in `rows` more rows. Batches of any sizes give what the whole gives, but for rounding: they are merged in double by the
 * rule of Chan, Golub and LeVeque (1979). */
NN_API void nn_moments_add(nn_moments *moments, const float *x, size_t rows);

/* The mean, and the mean squared distance from it: divided by rows, not by rows - 1. Either may be NULL. Of no rows, 0. */
NN_API void nn_moments_get(float *mean, float *variance, const nn_moments *moments);

/* ---- src/batch_norm.h ---- */
/* batch_norm.h - batch normalisation by columns, its averages, and its test-time forms */

/* x holds `rows` rows of n floats, and what follows is done to each of the n columns: of a dense layer the rows are the
 * batch, of images (images x height x width x channels) all positions of all images. mean, variance, gamma, beta and their
 * gradients are n floats each. gamma = NULL stands for ones, beta = NULL for zeros; a gradient that is NULL is not computed. */

/* The mean, and the mean squared distance from it (divided by rows, not by rows - 1). Moments are taken about the mean of
 * the first 256 rows and corrected, so that nothing is lost where the mean is large beside the deviation. Of no rows, 0. */
NN_API void nn_batch_norm_statistics(float *mean, float *variance, const float *x, size_t rows, size_t n);

/* y = gamma*(x - mean)/sqrt(variance + epsilon) + beta; y may be x. In training, mean and variance are the batch's; at test
 * an average, or those of the whole training set (nn_moments). */
NN_API void nn_batch_norm(float *y, const float *x, const float *mean, const float *variance, const float *gamma,
                          const float *beta, size_t rows, size_t n, float epsilon);

/* Gradients from dy, where mean and variance are those of x itself, through which x acts too. dx may be dy or x.
 * accumulate = 1 adds to dgamma and dbeta, 0 overwrites them. */
NN_API void nn_batch_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *variance, const float *gamma, size_t rows, size_t n, float epsilon,
                                   int accumulate);

/* The same where mean and variance are constants, as in a layer whose averages are frozen. */
NN_API void nn_batch_norm_backward_frozen(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                          const float *mean, const float *variance, const float *gamma, size_t rows, size_t n,
                                          float epsilon, int accumulate);

/* Running averages from the statistics of a batch of `rows` rows, as PyTorch keeps them:
 *
 *     running_mean     = (1 - momentum)*running_mean + momentum*mean
 *     running_variance = (1 - momentum)*running_variance + momentum*variance*rows/(rows - 1)
 *
 * The momentum is the weight of what is new, 0.1 by custom. The variance that goes into the average is the unbiased one; of
 * a single row there is none, and the biased one, 0, is taken. Start with means 0 and variances 1. */
NN_API void nn_batch_norm_average(float *running_mean, float *running_variance, const float *mean, const float *variance,
                                  size_t rows, size_t n, float momentum);

/* Batch normalisation with constant statistics as scale = gamma/sqrt(variance + epsilon) and shift = beta - mean*scale, for
 * nn_affine. Where a mean is much larger than the deviation, scale*x and shift nearly cancel: nn_batch_norm is more exact. */
NN_API void nn_batch_norm_affine(float *scale, float *shift, const float *mean, const float *variance, const float *gamma,
                                 const float *beta, size_t n, float epsilon);

/* Folds batch normalisation with constant statistics into the layer before it: x*w + bias then gives what normalising gave.
 * w is k x n: of a dense layer inputs x outputs, of a convolution (height*width*channels in) x channels out. It is scaled
 * in place. bias takes the new bias; bias_before is the old one, bias itself, or NULL if there was none. */
NN_API void nn_batch_norm_fold(float *w, float *bias, const float *bias_before, const float *mean, const float *variance,
                               const float *gamma, const float *beta, size_t k, size_t n, float epsilon);

/* ---- src/layer_norm.h ---- */
/* layer_norm.h - layer normalisation: every row by its own mean and deviation */

/* y = gamma*(x - mean)/sqrt(variance + epsilon) + beta, with the mean and the biased variance of each row of n floats; gamma
 * and beta are n floats, or NULL for ones and zeros. mean and inverse_deviation, which is 1/sqrt(variance + epsilon), take one
 * float a row for the backward pass; both may be NULL. y may be x. */
NN_API void nn_layer_norm(float *y, float *mean, float *inverse_deviation, const float *x, const float *gamma,
                          const float *beta, size_t rows, size_t n, float epsilon);

/* Gradients from dy and what the forward pass kept. A gradient that is NULL is not computed; dx may be dy or x. accumulate
 * = 1 adds to dgamma and dbeta, 0 overwrites them. */
NN_API void nn_layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *inverse_deviation, const float *gamma, size_t rows, size_t n, int accumulate);

/* ---- src/group_norm.h ---- */
/* group_norm.h - group normalisation: the channels of each image in groups, each group by its own mean and deviation */

/* x is images x pixels x channels; the channels of an image are cut into `groups` groups of equally many neighbours, and
 *
 *     y = gamma*(x - mean)/sqrt(variance + epsilon) + beta
 *
 * with the mean and the biased variance of all pixels of the group; gamma and beta are one float a channel, or NULL for ones
 * and zeros. groups = channels is instance normalisation. mean and inverse_deviation, which is 1/sqrt(variance + epsilon),
 * take images x groups floats for the backward pass; both may be NULL. y may be x. NN_ERROR_ARGUMENT if channels is not a
 * multiple of groups. Threads share the images. */
NN_API NN_MUST_USE nn_status nn_group_norm(float *y, float *mean, float *inverse_deviation, const float *x, const float *gamma,
                                           const float *beta, size_t images, size_t pixels, size_t channels, size_t groups,
                                           float epsilon);

/* Gradients from dy and what the forward pass kept. A gradient that is NULL is not computed; dx may be dy or x. accumulate
 * = 1 adds to dgamma and dbeta, 0 overwrites them. */
NN_API NN_MUST_USE nn_status nn_group_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                                    const float *mean, const float *inverse_deviation, const float *gamma,
                                                    size_t images, size_t pixels, size_t channels, size_t groups,
                                                    int accumulate);

/* ---- src/dropout.h ---- */
/* dropout.h - dropout, of elements or of whole channels, and additive noise */

/* y[i] = scale*x[i] with probability `keep` (exact to 2^-24), else +0, even where x is NaN or infinite. Inverted dropout has
 * scale = 1/keep and nothing to do at test; with scale = 1 the test pass multiplies by `keep` instead (nn_scale). y may be x.
 *
 * Nobody stores the mask: whether element i is kept follows from seed, stream and position next + i, as in nn_random_mask.
 * The backward pass draws it again: the same call on dy, with a copy of the nn_random as it was before the forward pass.
 *
 *     nn_random again = random;
 *     nn_dropout(y, x, n, 0.9f, 1 / 0.9f, &random);
 *     nn_dropout(dx, dy, n, 0.9f, 1 / 0.9f, &again); */
NN_API void nn_dropout(float *y, const float *x, size_t n, float keep, float scale, nn_random *random);

/* Spatial dropout: x is images x pixels x channels, and each channel of each image is kept or dropped as a whole: element
 * image*channels + channel of the mask. y may be x. */
NN_API void nn_dropout_channels(float *y, const float *x, size_t images, size_t pixels, size_t channels, float keep,
                                float scale, nn_random *random);

/* y = x + deviation*N(0, 1), rounded once; y may be x. To the gradient it is the identity. */
NN_API void nn_add_normal(float *y, const float *x, size_t n, float deviation, nn_random *random);

/* ---- src/softmax.h ---- */
/* softmax.h - softmax, its logarithm and its normaliser, row by row */

/* rows x n floats, rows one after another; y may be x. Every finite row gives a finite result, however large its values;
 * a row with NaN or +infinity, or of -infinity only, gives NaN. */
NN_API void nn_softmax(float *y, const float *x, size_t rows, size_t n);      /* e^x / sum(e^x) */
NN_API void nn_log_softmax(float *y, const float *x, size_t rows, size_t n);  /* x - log(sum(e^x)) */
NN_API void nn_log_sum_exp(float *y, const float *x, size_t rows, size_t n);  /* y has `rows` floats */

/* dx from dy and the result y; dx may be dy. */
NN_API void nn_softmax_backward(float *dx, const float *dy, const float *y, size_t rows, size_t n);
NN_API void nn_log_softmax_backward(float *dx, const float *dy, const float *y, size_t rows, size_t n);

/* ---- src/gemm.h ---- */
/* gemm.h - matrix products in single precision */

/* Everything about a product that has a usual value; zero means that value, and a NULL desc means all of them.
 * Matrices are row-major. A leading dimension is the distance in floats from one row to the next. */
typedef struct nn_sgemm_desc {
    int transpose_a;          /* a holds A transposed: k rows of m floats instead of m rows of k */
    int transpose_b;          /* b holds B transposed: n rows of k floats instead of k rows of n */
    size_t lda, ldb, ldc;     /* 0: rows follow each other without a gap */
    const float *bias;        /* n floats added to every row of the result, or NULL */
    nn_activation activation; /* applied last */
    float slope;              /* the a of NN_LEAKY_RELU and NN_ELU */
    const nn_allocator *allocator;
} nn_sgemm_desc;

/* C = activation(alpha*A*B + beta*C + bias), with A m x k, B k x n, C m x n.
 *
 *   nn_sgemm(c, a, b, m, n, k, 1, 0, NULL)                                          C = A B
 *   nn_sgemm(dw, x, dy, in, out, batch, 1, 1, &(nn_sgemm_desc){.transpose_a = 1})   dW += X^T dY
 *
 * beta = 0 does not read C; alpha = 0 or k = 0 does not read A and B; otherwise NaN and infinity propagate. alpha is
 * multiplied into A before the product, or into B where n is 1 and m is not. C may not overlap A, B or bias
 * (NN_ERROR_ALIAS), but all may be blocks of one larger matrix with one leading dimension. m or n of 0 does nothing.
 *
 * The bits: each element is one chain of fused multiply-adds over k in increasing order that starts at beta*C. Where B is transposed, up to 12 rows beyond
 * the last multiple of 16 are dot products in 16 lanes instead, to which beta*C is added: from k = 64 on if they are all the
 * rows, from k = 192 on if not; so is a matrix times a vector that is read the same way.
 *
 * On failure C is unchanged. Memory is taken for packed copies of A and B only, and given back before the call returns. */
NN_API NN_MUST_USE nn_status nn_sgemm(float *c, const float *a, const float *b, size_t m, size_t n, size_t k, float alpha,
                                      float beta, const nn_sgemm_desc *desc);

/* Bytes that nn_sgemm asks the allocator for at most with these sizes, transpositions and leading dimensions (and alpha = 1),
 * with the instruction set and the number of threads now in use; *times, unless NULL, says in how many allocations. */
NN_API size_t nn_sgemm_workspace(size_t m, size_t n, size_t k, const nn_sgemm_desc *desc, size_t *times);

/* B in the order in which the kernels read it, for weights that are used many times. Zero it, or let nn_sgemm_pack fill
 * it; read n and k at will, and leave the rest alone. It holds for the instruction set in use when it was made. */
typedef struct nn_packed {
    size_t n, k;
    float *panels;
    const char *isa;
    const nn_allocator *allocator;
} nn_packed;

/* Packs B, k x n. Of desc, transpose_b, ldb and allocator count; the allocator must live as long as the result.
 * What *packed held before is lost, not freed; on failure it is zeroed. */
NN_API NN_MUST_USE nn_status nn_sgemm_pack(nn_packed *packed, const float *b, size_t n, size_t k, const nn_sgemm_desc *desc);

/* nn_sgemm with a packed B: the bits of nn_sgemm with the same B not transposed. transpose_b and ldb do not count. */
NN_API NN_MUST_USE nn_status nn_sgemm_packed(float *c, const float *a, const nn_packed *packed, size_t m, float alpha,
                                             float beta, const nn_sgemm_desc *desc);

/* Gives the memory back and zeroes *packed; NULL and a zeroed one are fine. */
NN_API void nn_packed_free(nn_packed *packed);

/* ---- src/conv.h ---- */
/* conv.h - two-dimensional convolution and its gradients */

/* Images are images x height x width x channels, the channel being the index that moves fastest; weights are
 * kernel_height x kernel_width x channels/groups x filters, the filters of group g being columns g*filters/groups and the
 * following; the result is images x out_height x out_width x filters. What is 0 or NULL has the meaning given here. */
typedef struct nn_conv2d_desc {
    size_t images, height, width, channels;
    size_t filters, kernel_height, kernel_width;
    size_t stride_y, stride_x;     /* 0: 1 */
    size_t dilation_y, dilation_x; /* distance of neighbouring taps; 0: 1 */
    size_t pad_top, pad_bottom, pad_left, pad_right; /* rows and columns of zeros around the image */
    size_t groups;                 /* 0: 1; as many as channels and filters: each channel by itself */
    nn_activation activation;      /* of the result, after the bias */
    float slope;                   /* of NN_LEAKY_RELU and NN_ELU */
    const nn_allocator *allocator; /* for the workspace; NULL: malloc */
} nn_conv2d_desc;

/* The size of the result: (height + pad_top + pad_bottom - dilation_y*(kernel_height - 1) - 1)/stride_y + 1, and so on.
 * NN_ERROR_ARGUMENT if something is 0 that may not be (all but images may not), if groups does not divide channels and
 * filters, or if the kernel is larger than the padded image; NN_ERROR_SIZE if the arrays could not exist. The functions
 * below check all this too. */
NN_API NN_MUST_USE nn_status nn_conv2d_output(size_t *out_height, size_t *out_width, const nn_conv2d_desc *desc);

/* y = activation(conv(x, w) + bias); bias has `filters` floats or is NULL. No image does nothing.
 *
 * The bits: each element is one chain of fused multiply-adds over kernel row, kernel column and channel in increasing order
 * that starts at 0, then bias and activation. Taps outside the image are left out.
 *
 * On failure nothing is changed. Memory is taken at most once in a call, and given back before it returns. */
NN_API NN_MUST_USE nn_status nn_conv2d(float *y, const float *x, const float *w, const float *bias, const nn_conv2d_desc *desc);

/* dx from dy; the activation is not looked at: nn_activate_backward comes first. Each element is one chain over those rows
 * and columns of dy that it had a part in, and their filters, in increasing order. */
NN_API NN_MUST_USE nn_status nn_conv2d_backward_input(float *dx, const float *dy, const float *w, const nn_conv2d_desc *desc);

/* dw from x and dy, added to what is there if `accumulate`. Each element is one chain over images, rows and columns of dy
 * in increasing order that starts at what was there, or at 0; taps above and below the image are left out, those to its left
 * and right are products of dy with 0. The gradient of the bias are the sums of the columns of dy. */
NN_API NN_MUST_USE nn_status nn_conv2d_backward_weights(float *dw, const float *x, const float *dy, int accumulate,
                                                        const nn_conv2d_desc *desc);

/* Bytes that each of the three functions above asks the allocator for at most, with the instruction set and the number of
 * threads now in use; 0 for what nn_conv2d_output refuses. */
NN_API size_t nn_conv2d_workspace(const nn_conv2d_desc *desc);

/* ---- src/pool.h ---- */
/* pool.h - the largest or the mean value of windows of an image */

/* Images are images x height x width x channels, results images x out_height x out_width x channels. What is 0 has the
 * meaning given here. */
typedef struct nn_pool2d_desc {
    size_t images, height, width, channels;
    size_t kernel_height, kernel_width;
    size_t stride_y, stride_x;     /* 0: as the kernel, so that windows lie side by side */
    size_t dilation_y, dilation_x; /* distance of neighbours in a window; 0: 1 */
    size_t pad_top, pad_bottom, pad_left, pad_right;
    int ceil_mode;     /* also windows that reach beyond the end of the padded image, if they begin before the padding there */
    int count_padding; /* a mean is over all that lies in the padded image, padding being 0; otherwise over pixels only */
} nn_pool2d_desc;

/* The size of the result: (height + pad_top + pad_bottom - dilation_y*(kernel_height - 1) - 1)/stride_y + 1, rounded up
 * instead of down by ceil_mode, and so on. NN_ERROR_ARGUMENT if a size other than images is 0, or the kernel larger than the
 * padded image; NN_ERROR_SIZE if the arrays could not exist, or an image has more than 2^32 - 1 pixels. The functions below
 * check all this too, and on failure change nothing. */
NN_API NN_MUST_USE nn_status nn_pool2d_output(size_t *out_height, size_t *out_width, const nn_pool2d_desc *desc);

/* y is the largest pixel of each window, NaN if there is one; index, unless NULL, is where in its image that pixel is: the
 * first of the largest, or the first NaN, as row*width + column. A window without pixels gives -infinity and 2^32 - 1. */
NN_API NN_MUST_USE nn_status nn_max_pool2d(float *y, uint32_t *index, const float *x, const nn_pool2d_desc *desc);

/* dx from dy and the index of the forward pass: the sum, from 0 and in the order of outputs, of every dy whose pixel it was. */
NN_API NN_MUST_USE nn_status nn_max_pool2d_backward(float *dx, const float *dy, const uint32_t *index, const nn_pool2d_desc *desc);

/* The mean of each window: the sum from 0 of its pixels by rows and columns, divided by their number; of no pixels, 0. */
NN_API NN_MUST_USE nn_status nn_average_pool2d(float *y, const float *x, const nn_pool2d_desc *desc);
NN_API NN_MUST_USE nn_status nn_average_pool2d_backward(float *dx, const float *dy, const nn_pool2d_desc *desc);

/* The mean of all pixels of each image: x is images x pixels x channels, y is images x channels. Summed over blocks of 64
 * pixels, and then over the blocks; of no pixels, 0. */
NN_API void nn_global_average_pool(float *y, const float *x, size_t images, size_t pixels, size_t channels);
NN_API void nn_global_average_pool_backward(float *dx, const float *dy, size_t images, size_t pixels, size_t channels);

/* ---- src/close.h ---- */
/* close.h - gives the compiler settings back that config.h changed, so that code after nn.h is compiled as before */

#endif /* NN_H */

#if defined(NN_IMPLEMENTATION) && !defined(NN_IMPLEMENTED)
#define NN_IMPLEMENTED

/* ---- src/config.h ---- */

#include <string.h>

/* What only the programmer can get wrong. Off unless NN_DEBUG is defined; replace it to hook your own handler. */
#ifndef NN_ASSERT
#ifdef NN_DEBUG
#include <assert.h>
#define NN_ASSERT(condition) assert(condition)
#else
#define NN_ASSERT(condition) ((void)0)
#endif
#endif

#if defined(__x86_64__) && !defined(NN_SCALAR_ONLY)
#define NNI_X86 1
#elif defined(__aarch64__) && !defined(NN_SCALAR_ONLY)
#define NNI_ARM 1
#endif

#define NNI_INLINE static inline __attribute__((always_inline, unused))
#define NNI_UNUSED __attribute__((unused))
#define NNI_ALIGNED(bytes) __attribute__((aligned(bytes)))
#define NNI_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define NNI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Unrolls the next loop, whose trip count must be a constant after inlining. Arrays of vectors live in registers only
 * when every index into them is a constant, and each compiler has its own word for that. */
#ifdef __clang__
#define NNI_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NNI_UNROLL _Pragma("GCC unroll 64")
#endif

/* Between these GCC mixes the instructions of several vectors: a long formula waits for its own results, and the processor does
 * not look far enough ahead to find the next vector's by itself. Clang has no such switch. */
#ifdef __clang__
#define NNI_MIX_BEGIN
#define NNI_MIX_END
#else
#define NNI_MIX_BEGIN _Pragma("GCC push_options") _Pragma("GCC optimize(\"schedule-insns\")")
#define NNI_MIX_END _Pragma("GCC pop_options")
#endif

/* a*b+c must round twice unless written as fma, or the bits would depend on the compiler. close.h gives the setting back,
 * as it was, or where Clang has no push (AArch64) as Clang's default. */
#ifdef __clang__
#ifdef NNI_X86
#pragma float_control(push)
#endif
#pragma clang fp contract(off)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

static inline size_t nni_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t nni_max(size_t a, size_t b) { return a > b ? a : b; }
static inline size_t nni_ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static inline size_t nni_round_up(size_t a, size_t b) { return nni_ceil_div(a, b) * b; }

/* ---- src/status.h ---- */

NN_API const char *nn_status_message(nn_status status) {
    static const char *const messages[] = {
#define NN_STATUS_MESSAGE(name, message) message,
        NN_STATUS_LIST(NN_STATUS_MESSAGE)
#undef NN_STATUS_MESSAGE
    };
    return (unsigned)status < NN_STATUS_COUNT ? messages[status] : "not a status of nn.h";
}

NN_API const char *nn_status_name(nn_status status) {
    static const char *const names[] = {
#define NN_STATUS_NAME(name, message) #name,
        NN_STATUS_LIST(NN_STATUS_NAME)
#undef NN_STATUS_NAME
    };
    return (unsigned)status < NN_STATUS_COUNT ? names[status] : "NN_STATUS_UNKNOWN";
}

/* ---- src/alloc.h ---- */

#include <stdlib.h>

#define NNI_ALIGNMENT 64 /* a cache line, and the widest vector */

/* *product = a*b; false when that overflows. */
static inline int nni_mul_size(size_t a, size_t b, size_t *product) { return !__builtin_mul_overflow(a, b, product); }

/* count elements of `size` bytes, aligned to NNI_ALIGNMENT; NULL when they overflow or there is no memory.
 * The address that the allocator gave is kept in the pointer-sized slot just before the block. */
static NNI_UNUSED void *nni_alloc(const nn_allocator *allocator, size_t count, size_t size) {
    size_t bytes;
    if (!nni_mul_size(count, size, &bytes) || bytes > SIZE_MAX - NNI_ALIGNMENT - sizeof(void *)) return NULL;
    const size_t padded = bytes + NNI_ALIGNMENT + sizeof(void *);
    char *raw = (char *)(allocator ? allocator->alloc(padded, allocator->user) : malloc(padded));
    if (!raw) return NULL;
    const uintptr_t start = (uintptr_t)raw + sizeof(void *);
    char *block = raw + sizeof(void *) + (NNI_ALIGNMENT - start % NNI_ALIGNMENT) % NNI_ALIGNMENT;
    memcpy(block - sizeof(void *), &raw, sizeof raw);
    return block;
}

static NNI_UNUSED void nni_free(const nn_allocator *allocator, void *block) {
    if (!block) return;
    void *raw;
    memcpy(&raw, (char *)block - sizeof(void *), sizeof raw);
    if (allocator) allocator->free(raw, allocator->user);
    else free(raw);
}

/* ---- src/cpu.h ---- */

#define NNI_CPU_FMA 1u
#define NNI_CPU_AVX2 2u   /* AVX2 and FMA */
#define NNI_CPU_AVX512 4u /* F, VL, BW, DQ, and all of AVX2 */

#ifdef NNI_X86
#include <cpuid.h>

/* XCR0, the register states that the system saves. The instruction is spelled in bytes: it needs no target option so. */
static inline uint32_t nni_cpu_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static unsigned nni_cpu_detect(void) {
    const unsigned xmm_ymm = 0x6, zmm = 0xe6; /* SSE and AVX state; these, the masks and both halves of the zmm */
    unsigned a, b, c, d, found = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return 0;
    const uint32_t saved = nni_cpu_xcr0();
    if ((saved & xmm_ymm) != xmm_ymm || !(c & bit_FMA)) return 0;
    found |= NNI_CPU_FMA;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return found;
    found |= NNI_CPU_AVX2;
    const unsigned avx512 = bit_AVX512F | bit_AVX512VL | bit_AVX512BW | bit_AVX512DQ;
    if ((saved & zmm) == zmm && (b & avx512) == avx512) found |= NNI_CPU_AVX512;
    return found;
}

/* Detected once; the top bit marks that it was. */
static inline unsigned nni_cpu_features(void) {
    static unsigned known;
    unsigned features = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (NNI_UNLIKELY(!features)) {
        features = nni_cpu_detect() | 0x80000000u;
        __atomic_store_n(&known, features, __ATOMIC_RELAXED);
    }
    return features;
}
static inline int nni_cpu_has_fma(void) { return (nni_cpu_features() & NNI_CPU_FMA) != 0; }
#else
static inline int nni_cpu_has_fma(void) { return 1; }
#endif

/* ---- simd/conv.h ---- */

typedef struct nni_conv_axis {
    size_t kernel, stride, dilation, pad;
    size_t source, target; /* lengths */
    int backward;
    size_t first;     /* backward: q of position 0 */
    size_t positions; /* for which taps are summed */
    size_t step;      /* of the window, from one position to the next */
    size_t extent;    /* of the window that one position reads */
    ptrdiff_t origin; /* where the window begins in the source */
} nni_conv_axis;

/* The positions of an axis that one set of taps serves. */
typedef struct nni_conv_phase {
    size_t from, to;                   /* positions */
    ptrdiff_t target;                  /* position i computes target + i*target_step */
    size_t target_step;
    size_t window;                     /* its first tap reads window[window + i*step], the others tap_step apart */
    size_t taps, tap_step;
    size_t kernel;                     /* the first tap's place in the kernel, */
    ptrdiff_t kernel_step;             /* and from one tap to the next */
} nni_conv_phase;

/* One convolution, shared among threads by units: some images, or a band of positions of one image. */
typedef struct nni_conv {
    size_t images;
    nni_conv_axis y, x;
    size_t groups, in, out; /* channels of a group that are summed over and that are computed */
    const float *source;    /* images x y.source x x.source x groups*in */
    float *target;          /* images x y.target x x.target x groups*out */
    const float *weights;   /* tap t, p of in, j of out: weights[t*w_tap + group*w_group + p*w_row + j*w_col] */
    size_t w_tap, w_group, w_row, w_col;
    const float *packed;    /* the weights as conv_pack arranged them, or NULL */
    const float *bias;
    nn_activation activation;
    float slope;
    int depthwise;          /* groups of one channel to one: vectors run across the groups */
    int copy;               /* for dw: the window reaches beyond the source, rows are copied between zeros */
    size_t band, bands;     /* positions of y in a unit, units of an image */
    size_t together;        /* images of a unit, if an image is not cut into bands */
    size_t units;
    size_t window_floats;   /* that the copy of a unit takes */
} nni_conv;

static inline size_t nni_conv_outputs(size_t length, size_t pads, size_t kernel, size_t stride, size_t dilation) {
    return (length + pads - (kernel - 1) * dilation - 1) / stride + 1;
}

static inline nni_conv_axis nni_conv_axis_of(size_t length, size_t pad, size_t pad_after, size_t kernel, size_t stride,
                                             size_t dilation, int backward) {
    const size_t reach = (kernel - 1) * dilation, outputs = nni_conv_outputs(length, pad + pad_after, kernel, stride, dilation);
    /* With a single output every longer stride means the same, and this one is short enough to count phases. */
    if (outputs == 1) stride = nni_min(stride, length + pad + pad_after);
    nni_conv_axis a = {kernel, stride, dilation, pad, length, outputs, backward, 0, outputs, stride, reach + 1, -(ptrdiff_t)pad};
    if (!backward) return a;
    a.source = outputs;
    a.target = length;
    a.first = pad / stride;
    a.positions = (length - 1 + pad) / stride - a.first + 1;
    a.step = 1;
    a.extent = reach / stride + 1;
    a.origin = (ptrdiff_t)a.first - (ptrdiff_t)(reach / stride);
    return a;
}

static inline size_t nni_conv_phases(const nni_conv_axis *a) { return a->backward ? a->stride : 1; }

static inline size_t nni_conv_gcd(size_t a, size_t b) {
    while (b) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static inline nni_conv_phase nni_conv_phase_of(const nni_conv_axis *a, size_t r) {
    nni_conv_phase p = {0, a->positions, 0, 1, 0, a->kernel, a->dilation, 0, 1};
    if (!a->backward) return p;
    const size_t gcd = nni_conv_gcd(a->stride, a->dilation), every = a->stride / gcd; /* of the taps, one is of this phase */
    const size_t end = a->target - 1 + a->pad;
    size_t least = 0;
    while (least < nni_min(every, a->kernel) && least * a->dilation % a->stride != r) least++;
    p.from = a->first * a->stride + r < a->pad;
    p.to = end < r || (end - r) / a->stride < a->first ? 0 : (end - r) / a->stride - a->first + 1;
    p.target = (ptrdiff_t)(a->first * a->stride + r) - (ptrdiff_t)a->pad;
    p.target_step = a->stride;
    p.taps = 0;
    if (least == nni_min(every, a->kernel)) return p;
    p.taps = (a->kernel - 1 - least) / every + 1;
    p.tap_step = a->dilation / gcd;
    p.kernel = least + (p.taps - 1) * every;
    p.kernel_step = -(ptrdiff_t)every;
    p.window = a->extent - 1 - (p.kernel * a->dilation - r) / a->stride;
    return p;
}

/* Neighbouring positions that have the same taps inside the source. */
typedef struct nni_conv_run {
    size_t from, to; /* positions */
    size_t tap, taps; /* the first tap inside, and how many are */
    size_t source;    /* where that tap reads at position `from`, if there is one */
} nni_conv_run;

/* The taps that position `from` has inside the source. */
static inline nni_conv_run nni_conv_taps_inside(const nni_conv_axis *a, const nni_conv_phase *p, size_t from) {
    const ptrdiff_t at = a->origin + (ptrdiff_t)(from * a->step + p->window), length = (ptrdiff_t)a->source;
    nni_conv_run run = {from, from + 1, 0, 0, 0};
    run.tap = at >= 0 ? 0 : nni_min(p->taps, nni_ceil_div((size_t)-at, p->tap_step));
    const size_t end = at >= length ? 0 : nni_min(p->taps, nni_ceil_div((size_t)(length - at), p->tap_step));
    if (end <= run.tap) return run;
    run.taps = end - run.tap;
    run.source = (size_t)(at + (ptrdiff_t)(run.tap * p->tap_step));
    return run;
}

/* The run from position `from` on, which ends at `to` at the latest. */
static inline nni_conv_run nni_conv_run_of(const nni_conv_axis *a, const nni_conv_phase *p, size_t from, size_t to) {
    nni_conv_run run = nni_conv_taps_inside(a, p, from);
    if (run.taps == p->taps && run.taps) { /* until the last tap leaves the source */
        run.to = nni_min(to, from + (a->source - 1 - run.source - (run.taps - 1) * p->tap_step) / a->step + 1);
        return run;
    }
    while (run.to < to) {
        const nni_conv_run next = nni_conv_taps_inside(a, p, run.to);
        if (next.taps != run.taps || (run.taps && next.tap != run.tap)) break;
        run.to++;
    }
    return run;
}

/* Forward, the positions for which a tap `offset` into their window lies inside the source: [*from, return value). */
static inline size_t nni_conv_positions_inside(const nni_conv_axis *a, size_t offset, size_t *from) {
    const ptrdiff_t at = a->origin + (ptrdiff_t)offset, length = (ptrdiff_t)a->source;
    *from = at >= 0 ? 0 : nni_min(a->positions, nni_ceil_div((size_t)-at, a->step));
    return at >= length ? *from : nni_max(*from, nni_min(a->positions, nni_ceil_div((size_t)(length - at), a->step)));
}

/* Pixels of a row of the window. */
static inline size_t nni_conv_window_width(const nni_conv_axis *a) { return (a->positions - 1) * a->step + a->extent; }

/* The rows of the source that positions [from, to) read: [*row, return value). */
static inline size_t nni_conv_rows(const nni_conv_axis *a, size_t from, size_t to, size_t *row) {
    const ptrdiff_t length = (ptrdiff_t)a->source, first = a->origin + (ptrdiff_t)(from * a->step);
    const ptrdiff_t last = a->origin + (ptrdiff_t)((to - 1) * a->step + a->extent);
    *row = (size_t)(first < 0 ? 0 : first > length ? length : first);
    return (size_t)(last < (ptrdiff_t)*row ? (ptrdiff_t)*row : last > length ? length : last);
}

/* ---- simd/pool.h ---- */

/* One dimension of the windows. Output i looks at i*stride - pad + t*dilation for taps t < kernel. */
typedef struct nni_pool_axis {
    size_t length, padded; /* of the image, and with its padding */
    size_t kernel, stride, dilation, pad, outputs;
} nni_pool_axis;

typedef struct nni_pool {
    size_t images, channels;
    nni_pool_axis y, x;
    int count_padding;
    int disjoint; /* no pixel is in two windows */
} nni_pool;

/* The taps of one output that lie in the image: `count` from `first` on, `tap` being the place of the first in the window. */
typedef struct nni_pool_taps {
    size_t first, count, tap;
    size_t divisor; /* those that an average counts */
} nni_pool_taps;

static inline nni_pool_taps nni_pool_taps_of(const nni_pool_axis *a, size_t output, int count_padding) {
    const size_t at = output * a->stride; /* in the padded image */
    nni_pool_taps t = {at - a->pad, a->kernel, 0, a->kernel};
    if (at >= a->pad && at - a->pad + (a->kernel - 1) * a->dilation < a->length) return t;
    t.tap = at >= a->pad ? 0 : nni_min(a->kernel, nni_ceil_div(a->pad - at, a->dilation));
    t.first = at + t.tap * a->dilation - a->pad;
    const size_t end = at >= a->pad + a->length ? 0 : nni_min(a->kernel, nni_ceil_div(a->pad + a->length - at, a->dilation));
    t.count = end > t.tap ? end - t.tap : 0;
    t.divisor = count_padding ? nni_min(a->kernel, nni_ceil_div(a->padded - at, a->dilation)) : t.count;
    return t;
}

/* ---- simd/tier.h ---- */

#include <math.h>

/* One product C(m x n) = alpha*A(m x k)*B(k x n) + beta*C, then the epilogue. Transposition is a matter of strides:
 * A(i,p) = a[i*a_row + p*a_col], B(p,j) = b[p*b_row + j*b_col], one stride of each being 1. */
typedef struct nni_gemm {
    size_t m, n, k;
    float alpha, beta;
    const float *a;
    size_t a_row, a_col;
    const float *b;
    size_t b_row, b_col;
    const float *packed_b; /* B in the panels of gemm_pack, or NULL */
    float *c;
    size_t ldc;
    int dot; /* 16-lane dot products instead of one chain per element; needs a_col = 1, b_row = 1, alpha = 1 */
    const float *bias; /* NULL, or added to column j: bias[j*bias_step] */
    size_t bias_step;  /* 1, or 0 where the columns were rows before a matrix times vector was turned */
    nn_activation activation;
    float slope;
} nni_gemm;

/* Rows and columns of x, and of dy where there is one: rows x n floats, `stride` from row to row; and the mean and the
 * inverse deviation of each column, or of each row, where a kernel asks for them. */
typedef struct nni_strip {
    const float *x, *dy;
    size_t stride, rows, n;
    const float *mean, *inverse;
} nni_strip;

#define NNI_STRING_2(text) #text
#define NNI_STRING(macro) NNI_STRING_2(macro)

#define NNI_BLOCK 1024 /* floats that a reduction folds into one partial result */

/* Dropout takes the probability of keeping and a scale; what adds normal noise ignores a, and b is the deviation. */
#define NNI_NOISE_ARGUMENTS \
    (float *y, const float *x, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float a, float b)

/* X(result, name, (arguments)) */
#define NNI_KERNELS(X)                                                                                                     \
    X(size_t, gemm, (const nni_gemm *product, float *work, size_t floats))                                                 \
    X(int, gemm_small, (const nni_gemm *product))                                                                          \
    X(size_t, gemm_workspace, (const nni_gemm *product))                                                                   \
    X(void, gemm_pack, (float *dst, const float *b, size_t b_row, size_t b_col, size_t n, size_t k))                       \
    X(size_t, conv_packed, (const nni_conv *job))                                                                          \
    X(void, conv_pack, (float *dst, const nni_conv *job))                                                                  \
    X(void, conv, (const nni_conv *job, size_t from, size_t to))                                                           \
    X(size_t, conv_weights_work, (const nni_conv *job))                                                                    \
    X(void, conv_weights, (const nni_conv *job, float *dw, const float *dy, size_t from, size_t to, float *work))          \
    X(void, max_pool, (float *y, uint32_t *index, const float *x, const nni_pool *pool, size_t from, size_t to))           \
    X(void, max_pool_backward, (float *dx, const float *dy, const uint32_t *index, const nni_pool *pool, size_t from, size_t to)) \
    X(void, average_pool, (float *y, const float *x, const nni_pool *pool, size_t from, size_t to))                        \
    X(void, average_pool_backward, (float *dx, const float *dy, const nni_pool *pool, size_t from, size_t to))             \
    X(void, global_average_pool, (float *y, const float *x, size_t images, size_t pixels, size_t channels))                \
    X(void, global_average_pool_backward, (float *dx, const float *dy, size_t images, size_t pixels, size_t channels))     \
    X(void, activate, (float *y, const float *x, size_t n, nn_activation activation, float slope))                         \
    X(void, activate_backward, (float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope)) \
    X(void, exp, (float *y, const float *x, size_t n))                                                                     \
    X(void, log, (float *y, const float *x, size_t n))                                                                     \
    X(void, log_backward, (float *dx, const float *dy, const float *x, size_t n))                                          \
    X(void, add, (float *y, const float *a, const float *b, size_t n))                                                     \
    X(void, mul, (float *y, const float *a, const float *b, size_t n))                                                     \
    X(void, sub, (float *y, const float *a, const float *b, size_t n))                                                     \
    X(void, mul_add, (float *y, const float *a, const float *b, size_t n))                                                 \
    X(void, add_row, (float *y, const float *x, const float *row, size_t rows, size_t n))                                  \
    X(void, reciprocal, (float *y, const float *x, size_t n))                                                              \
    X(void, reciprocal_backward, (float *dx, const float *dy, const float *y, size_t n))                                   \
    X(void, clip, (float *y, const float *x, size_t n, float lo, float hi))                                                \
    X(void, scale, (float *y, const float *x, size_t n, float a))                                                          \
    X(void, axpy, (float *y, const float *x, size_t n, float a))                                                           \
    X(void, dot, (float *partial, const float *x, const float *y, size_t n))                                               \
    X(void, sum, (float *partial, const float *x, size_t n))                                                               \
    X(void, sum_squares, (float *partial, const float *x, size_t n))                                                       \
    X(void, columns_sum, (float *sum, const nni_strip *strip))                                                             \
    X(void, prelu, (float *y, const nni_strip *strip, const float *slope))                                                 \
    X(void, prelu_backward, (float *dx, const nni_strip *strip, const float *slope))                                       \
    X(void, prelu_columns, (float *sum, const nni_strip *strip))                                                           \
    X(void, prelu_sum, (float *partial, const float *dy, const float *x, size_t n))                                        \
    X(void, columns_moments, (float *sum, const nni_strip *strip))                                                         \
    X(void, columns_products, (float *sum, const nni_strip *strip))                                                        \
    X(void, columns_products_by_row, (float *sum, const nni_strip *strip))                                                 \
    X(void, inverse_deviation, (float *inverse, const float *variance, size_t n, float epsilon))                           \
    X(void, normalize, (float *y, const nni_strip *strip, const float *scale, const float *shift))                         \
    X(void, normalize_backward,                                                                                            \
      (float *dx, const nni_strip *strip, const float *gain, const float *dy_mean, const float *slope))                    \
    X(void, layer_norm, (float *y, float *mean, float *inverse, const nni_strip *strip, const float *gamma,                \
                         const float *beta, float epsilon))                                                                \
    X(void, layer_norm_backward, (float *dx, const nni_strip *strip, const float *gamma))                                  \
    X(float, max, (const float *x, size_t n))                                                                              \
    X(size_t, argmax, (const float *x, size_t n))                                                                          \
    X(void, softmax, (float *y, const float *x, size_t rows, size_t n))                                                    \
    X(void, log_softmax, (float *y, const float *x, size_t rows, size_t n))                                                \
    X(void, log_sum_exp, (float *y, const float *x, size_t rows, size_t n))                                                \
    X(void, softmax_backward, (float *dx, const float *dy, const float *y, size_t rows, size_t n))                         \
    X(void, log_softmax_backward, (float *dx, const float *dy, const float *y, size_t rows, size_t n))                     \
    X(void, random_bits, (uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks))                      \
    X(void, random_uniform, (float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float lo, float hi))  \
    X(void, random_normal, (float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float mean, float sd)) \
    X(void, random_mask, (float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float keep, float value)) \
    X(void, dropout, NNI_NOISE_ARGUMENTS)                                                                                  \
    X(void, add_normal, NNI_NOISE_ARGUMENTS)                                                                               \
    X(void, mask_columns, (float *y, const nni_strip *strip, const float *mask, float scale))

typedef struct nni_tier {
    const char *name;
    size_t packed_width; /* columns are padded to a multiple of this in gemm_pack */
#define NNI_KERNEL_FIELD(result, name, arguments) result(*name) arguments;
    NNI_KERNELS(NNI_KERNEL_FIELD)
#undef NNI_KERNEL_FIELD
} nni_tier;

/* ---- simd/scalar.h ---- */
/* scalar.h - the vector layer in plain C: one lane, runs anywhere, and is what every other instruction set must equal */

#include <math.h>

#if !defined(NN_NO_SLEEF)
#ifdef __cplusplus
extern "C" {
#endif
float Sleef_finz_expf1_u10purecfma(float);
float Sleef_finz_logf1_u10purecfma(float);
#ifdef __cplusplus
}
#endif
#endif

#define VF_LANES 1
#define VF_FREE_MASK 0
#define VF_MIXED 1
#define NNI_TILES(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(1, 3) X(2, 3) X(1, 4) X(2, 4)
#define NNI_TILE_ROWS 4, 4, 2, 2
#define NNI_LARGE_VECTORS 2
#define NNI_DOT_ROWS 1
#define NNI_DOT_COLS 1

typedef float nni_vf_scalar;
typedef uint32_t nni_vi_scalar;
typedef uint32_t nni_vm_scalar; /* 0 or 1 */
typedef struct nni_vq_scalar {
    const float *at;
} nni_vq_scalar;

NNI_INLINE nni_vf_scalar nni_vf_load_scalar(const float *p) { return *p; }
NNI_INLINE void nni_vf_store_scalar(float *p, nni_vf_scalar v) { *p = v; }
NNI_INLINE nni_vf_scalar nni_vf_load_n_scalar(const float *p, size_t n) { return n ? *p : 0.0f; }
NNI_INLINE void nni_vf_store_n_scalar(float *p, nni_vf_scalar v, size_t n) {
    if (n) *p = v;
}
NNI_INLINE nni_vm_scalar nni_vm_first_scalar(size_t n) { return n > 0; }
NNI_INLINE nni_vf_scalar nni_vf_load_m_scalar(const float *p, nni_vm_scalar m) { return m ? *p : 0.0f; }
NNI_INLINE void nni_vf_store_m_scalar(float *p, nni_vf_scalar v, nni_vm_scalar m) {
    if (m) *p = v;
}
NNI_INLINE nni_vi_scalar nni_vi_load_scalar(const uint32_t *p) { return *p; }
NNI_INLINE void nni_vi_store_scalar(uint32_t *p, nni_vi_scalar v) { *p = v; }

NNI_INLINE nni_vf_scalar nni_vf_set1_scalar(float a) { return a; }
NNI_INLINE nni_vf_scalar nni_vf_add_scalar(nni_vf_scalar a, nni_vf_scalar b) { return a + b; }
NNI_INLINE nni_vf_scalar nni_vf_sub_scalar(nni_vf_scalar a, nni_vf_scalar b) { return a - b; }
NNI_INLINE nni_vf_scalar nni_vf_mul_scalar(nni_vf_scalar a, nni_vf_scalar b) { return a * b; }
NNI_INLINE nni_vf_scalar nni_vf_div_scalar(nni_vf_scalar a, nni_vf_scalar b) { return a / b; }
NNI_INLINE nni_vf_scalar nni_vf_sqrt_scalar(nni_vf_scalar a) { return sqrtf(a); }
NNI_INLINE nni_vf_scalar nni_vf_fma_scalar(nni_vf_scalar a, nni_vf_scalar b, nni_vf_scalar c) { return fmaf(a, b, c); }
NNI_INLINE nni_vf_scalar nni_vf_fnma_scalar(nni_vf_scalar a, nni_vf_scalar b, nni_vf_scalar c) { return fmaf(-a, b, c); }
NNI_INLINE nni_vf_scalar nni_vf_round_scalar(nni_vf_scalar a) { return nearbyintf(a); }
NNI_INLINE nni_vf_scalar nni_vf_abs_scalar(nni_vf_scalar a) { return fabsf(a); }
NNI_INLINE nni_vf_scalar nni_vf_max_scalar(nni_vf_scalar a, nni_vf_scalar b) { return a > b || a != a ? a : b; }

NNI_INLINE nni_vm_scalar nni_vf_lt_scalar(nni_vf_scalar a, nni_vf_scalar b) { return a < b; }
NNI_INLINE nni_vm_scalar nni_vf_le_scalar(nni_vf_scalar a, nni_vf_scalar b) { return a <= b; }
NNI_INLINE nni_vm_scalar nni_vf_eq_scalar(nni_vf_scalar a, nni_vf_scalar b) { return a == b; }
NNI_INLINE nni_vm_scalar nni_vf_nan_scalar(nni_vf_scalar a) { return a != a; }
NNI_INLINE nni_vm_scalar nni_vm_or_scalar(nni_vm_scalar m, nni_vm_scalar w) { return m | w; }
NNI_INLINE nni_vf_scalar nni_vf_select_scalar(nni_vm_scalar m, nni_vf_scalar a, nni_vf_scalar b) { return m ? a : b; }
NNI_INLINE nni_vf_scalar nni_vf_where_scalar(nni_vm_scalar m, nni_vf_scalar a) { return m ? a : 0.0f; }
NNI_INLINE uint32_t nni_vm_bits_scalar(nni_vm_scalar m) { return m; }

NNI_INLINE nni_vi_scalar nni_vf_bits_scalar(nni_vf_scalar a) {
    nni_vi_scalar v;
    memcpy(&v, &a, sizeof v);
    return v;
}
NNI_INLINE nni_vf_scalar nni_vf_from_bits_scalar(nni_vi_scalar v) {
    nni_vf_scalar a;
    memcpy(&a, &v, sizeof a);
    return a;
}
NNI_INLINE nni_vf_scalar nni_vf_from_int_scalar(nni_vi_scalar v) { return (float)(int32_t)v; }
NNI_INLINE nni_vi_scalar nni_vi_from_float_scalar(nni_vf_scalar a) { return a >= -2147483648.0f && a < 2147483648.0f ? (nni_vi_scalar)(int32_t)a : 0x80000000u; }
NNI_INLINE nni_vi_scalar nni_vi_set1_scalar(uint32_t u) { return u; }
NNI_INLINE nni_vi_scalar nni_vi_lane_scalar(void) { return 0; }
NNI_INLINE nni_vi_scalar nni_vi_add_scalar(nni_vi_scalar a, nni_vi_scalar b) { return a + b; }
NNI_INLINE nni_vi_scalar nni_vi_sub_scalar(nni_vi_scalar a, nni_vi_scalar b) { return a - b; }
NNI_INLINE nni_vi_scalar nni_vi_and_scalar(nni_vi_scalar a, nni_vi_scalar b) { return a & b; }
NNI_INLINE nni_vi_scalar nni_vi_or_scalar(nni_vi_scalar a, nni_vi_scalar b) { return a | b; }
NNI_INLINE nni_vi_scalar nni_vi_xor_scalar(nni_vi_scalar a, nni_vi_scalar b) { return a ^ b; }
NNI_INLINE nni_vi_scalar nni_vi_shl_scalar(nni_vi_scalar a, int k) { return a << k; }
NNI_INLINE nni_vi_scalar nni_vi_shr_scalar(nni_vi_scalar a, int k) { return a >> k; }
NNI_INLINE nni_vi_scalar nni_vi_sar_scalar(nni_vi_scalar a, int k) { return (nni_vi_scalar)((int32_t)a >> k); }
/* In two exact steps, since 2^n itself may lie outside the floats; the last product rounds. */
NNI_INLINE nni_vf_scalar nni_vf_times_power_scalar(nni_vf_scalar a, nni_vf_scalar n) {
    const nni_vi_scalar power = nni_vi_from_float_scalar(n), half = nni_vi_sar_scalar(power, 1), rest = nni_vi_sub_scalar(power, half), one = nni_vi_set1_scalar(127);
    const nni_vf_scalar first = nni_vf_from_bits_scalar(nni_vi_shl_scalar(nni_vi_add_scalar(half, one), 23)), second = nni_vf_from_bits_scalar(nni_vi_shl_scalar(nni_vi_add_scalar(rest, one), 23));
    return nni_vf_mul_scalar(nni_vf_mul_scalar(a, first), second);
}
NNI_INLINE nni_vi_scalar nni_vi_mul_wide_scalar(nni_vi_scalar a, nni_vi_scalar b, nni_vi_scalar *high) {
    const uint64_t product = (uint64_t)a * b;
    *high = (nni_vi_scalar)(product >> 32);
    return (nni_vi_scalar)product;
}
NNI_INLINE nni_vm_scalar nni_vi_eq0_scalar(nni_vi_scalar a, nni_vi_scalar k) { return (a & k) == 0; }

NNI_INLINE float nni_vf_fold_scalar(nni_vf_scalar v) { return v; }
NNI_INLINE float nni_vf_fold_max_scalar(nni_vf_scalar v) { return v; }
NNI_INLINE nni_vf_scalar nni_vf_fold_each_scalar(nni_vf_scalar *r) { return r[0]; }
NNI_INLINE void nni_vf_transpose_scalar(nni_vf_scalar *r) { (void)r; }
NNI_INLINE nni_vq_scalar nni_vq_load_scalar(const float *p) {
    nni_vq_scalar q;
    q.at = p;
    return q;
}
NNI_INLINE nni_vf_scalar nni_vf_fma_q_scalar(nni_vq_scalar a, int i, nni_vf_scalar b, nni_vf_scalar c) { return fmaf(a.at[i], b, c); }

#if !defined(NN_NO_SLEEF)
/* SLEEF's scalar functions with these bits are compiled for processors with FMA; older ones get the built-in maths. */
NNI_INLINE nni_vf_scalar nni_exp_builtin_scalar(nni_vf_scalar x);
NNI_INLINE nni_vf_scalar nni_log_builtin_scalar(nni_vf_scalar x);
NNI_INLINE nni_vf_scalar nni_vf_exp_sleef_scalar(nni_vf_scalar a) { return nni_cpu_has_fma() ? Sleef_finz_expf1_u10purecfma(a) : nni_exp_builtin_scalar(a); }
NNI_INLINE nni_vf_scalar nni_vf_log_sleef_scalar(nni_vf_scalar a) { return nni_cpu_has_fma() ? Sleef_finz_logf1_u10purecfma(a) : nni_log_builtin_scalar(a); }
#endif

/* ---- simd/kernels.h ---- */
/* kernels.h - all kernels in the order in which they build on each other, and the table that hands them out */

/* ---- simd/kernels/maths.h ---- */
/* maths.h - exp, log and what is built on them, one vector at a time
 *
 * Polynomials are minimax fits over the reduced range with coefficients rounded to float; beside each stands its
 * relative error in units of 2^-24, rounding not counted. All are evaluated by Horner's rule with fused multiply-adds.
 */

#define NNI_LOG2_E 1.44269504088896341f
/* ln 2 as a float with twelve trailing zeros, so that n*HIGH is exact for |n| < 2^12, and the rest */
#define NNI_LN2_HIGH 0.693359375f
#define NNI_LN2_LOW -2.12194440e-4f

/* e^(r + rest) for |r| <= ln2/2, where rest is what rounding took from r: the sum of the result and *low, a few hundredths
 * of it, in which nothing but the rounding of *low counts. */
NNI_INLINE nni_vf_scalar nni_exp_reduced_scalar(nni_vf_scalar r, nni_vf_scalar rest, nni_vf_scalar *low) {
    const nni_vf_scalar one = nni_vf_set1_scalar(1.0f);
    nni_vf_scalar q = nni_vf_set1_scalar(1.9952803268097341060638427734375e-4f); /* (e^r - 1 - r) / r^2, 0.005 */
    q = nni_vf_fma_scalar(q, r, nni_vf_set1_scalar(1.393088256008923053741455078125e-3f));
    q = nni_vf_fma_scalar(q, r, nni_vf_set1_scalar(8.333197794854640960693359375e-3f));
    q = nni_vf_fma_scalar(q, r, nni_vf_set1_scalar(4.1666507720947265625e-2f));
    q = nni_vf_fma_scalar(q, r, nni_vf_set1_scalar(0.16666667163372039794921875f));
    q = nni_vf_fma_scalar(q, r, nni_vf_set1_scalar(0.5f));
    const nni_vf_scalar sum = nni_vf_add_scalar(one, r); /* 1 + r + r^2 q, with what rounding takes from 1 + r put back */
    *low = nni_vf_fma_scalar(nni_vf_mul_scalar(r, r), q, nni_vf_add_scalar(nni_vf_sub_scalar(r, nni_vf_sub_scalar(sum, one)), rest));
    return sum;
}

/* e^x = 2^n * e^r. At most 0.99 ULP from the truth. */
NNI_INLINE nni_vf_scalar nni_exp_builtin_scalar(nni_vf_scalar x) {
    const nni_vf_scalar above = nni_vf_set1_scalar(89.0f), below = nni_vf_set1_scalar(-105.0f); /* beyond these the result is inf or 0; NaN passes */
    x = nni_vf_select_scalar(nni_vf_lt_scalar(above, x), above, x);
    x = nni_vf_select_scalar(nni_vf_lt_scalar(x, below), below, x);
    const nni_vf_scalar n = nni_vf_round_scalar(nni_vf_mul_scalar(x, nni_vf_set1_scalar(NNI_LOG2_E))), low = nni_vf_set1_scalar(NNI_LN2_LOW);
    const nni_vf_scalar exact = nni_vf_fnma_scalar(n, nni_vf_set1_scalar(NNI_LN2_HIGH), x), r = nni_vf_fnma_scalar(n, low, exact);
    nni_vf_scalar rest;
    const nni_vf_scalar sum = nni_exp_reduced_scalar(r, nni_vf_fnma_scalar(n, low, nni_vf_sub_scalar(exact, r)), &rest);
    return nni_vf_times_power_scalar(nni_vf_add_scalar(sum, rest), n);
}

/* e^(x + more) = 2^n * (the result + *low) to about 2^-27 of it, where more is what rounding took from x, |x| < 200. For
 * what goes on to multiply: no rounding between, and no underflow before its own. */
NNI_INLINE nni_vf_scalar nni_exp_in_parts_scalar(nni_vf_scalar x, nni_vf_scalar more, nni_vf_scalar *low, nni_vf_scalar *n) {
    *n = nni_vf_round_scalar(nni_vf_mul_scalar(x, nni_vf_set1_scalar(NNI_LOG2_E)));
    const nni_vf_scalar exact = nni_vf_fnma_scalar(*n, nni_vf_set1_scalar(NNI_LN2_HIGH), x), rest = nni_vf_fnma_scalar(*n, nni_vf_set1_scalar(NNI_LN2_LOW), more);
    const nni_vf_scalar r = nni_vf_add_scalar(exact, rest);
    return nni_exp_reduced_scalar(r, nni_vf_sub_scalar(rest, nni_vf_sub_scalar(r, exact)), low);
}

/* log x = n ln2 + log m with m in [sqrt(1/2), sqrt(2)). At most 0.63 ULP from the truth. */
NNI_INLINE nni_vf_scalar nni_log_builtin_scalar(nni_vf_scalar x) {
    const nni_vf_scalar tiny = nni_vf_set1_scalar(1.17549435e-38f); /* below it the exponent field is 0: scale by 2^25 first */
    const nni_vm_scalar small = nni_vf_lt_scalar(x, tiny);
    const nni_vf_scalar scaled = nni_vf_select_scalar(small, nni_vf_mul_scalar(x, nni_vf_set1_scalar(33554432.0f)), x);
    const nni_vi_scalar root_half = nni_vi_set1_scalar(0x3f3504f3u); /* subtracted so that the field steps at sqrt(1/2) instead of 1 */
    const nni_vi_scalar offset = nni_vi_sub_scalar(nni_vf_bits_scalar(scaled), root_half);
    const nni_vf_scalar n = nni_vf_sub_scalar(nni_vf_from_int_scalar(nni_vi_sar_scalar(offset, 23)), nni_vf_where_scalar(small, nni_vf_set1_scalar(25.0f)));
    const nni_vf_scalar m = nni_vf_from_bits_scalar(nni_vi_add_scalar(nni_vi_and_scalar(offset, nni_vi_set1_scalar(0x007fffffu)), root_half));
    const nni_vf_scalar f = nni_vf_sub_scalar(m, nni_vf_set1_scalar(1.0f));
    nni_vf_scalar q = nni_vf_set1_scalar(7.03830718994140625e-2f); /* (log(1+f) - f + f^2/2) / f^3, 0.06 */
    q = nni_vf_fma_scalar(q, f, nni_vf_set1_scalar(-0.1151149272918701171875f));
    q = nni_vf_fma_scalar(q, f, nni_vf_set1_scalar(0.11675083637237548828125f));
    q = nni_vf_fma_scalar(q, f, nni_vf_set1_scalar(-0.1242053508758544921875f));
    q = nni_vf_fma_scalar(q, f, nni_vf_set1_scalar(0.14249622821807861328125f));
    q = nni_vf_fma_scalar(q, f, nni_vf_set1_scalar(-0.16668045520782470703125f));
    q = nni_vf_fma_scalar(q, f, nni_vf_set1_scalar(0.20000700652599334716796875f));
    q = nni_vf_fma_scalar(q, f, nni_vf_set1_scalar(-0.249999940395355224609375f));
    q = nni_vf_fma_scalar(q, f, nni_vf_set1_scalar(0.333333313465118408203125f));
    /* n ln2 + f - f^2/2 + f^3 q, keeping what the two large additions round away: the differences are exact */
    const nni_vf_scalar half = nni_vf_mul_scalar(nni_vf_set1_scalar(0.5f), f), cube = nni_vf_mul_scalar(nni_vf_mul_scalar(f, f), f);
    const nni_vf_scalar high = nni_vf_fma_scalar(cube, q, nni_vf_fnma_scalar(half, f, f)), low = nni_vf_fma_scalar(cube, q, nni_vf_fnma_scalar(half, f, nni_vf_sub_scalar(f, high)));
    const nni_vf_scalar base = nni_vf_mul_scalar(n, nni_vf_set1_scalar(NNI_LN2_HIGH)), sum = nni_vf_add_scalar(base, high);
    const nni_vf_scalar lost = nni_vf_add_scalar(low, nni_vf_sub_scalar(high, nni_vf_sub_scalar(sum, base)));
    nni_vf_scalar y = nni_vf_add_scalar(sum, nni_vf_fma_scalar(n, nni_vf_set1_scalar(NNI_LN2_LOW), lost));

    const nni_vf_scalar zero = nni_vf_set1_scalar(0.0f), infinity = nni_vf_from_bits_scalar(nni_vi_set1_scalar(0x7f800000u));
    y = nni_vf_select_scalar(nni_vf_lt_scalar(x, infinity), y, x); /* inf and NaN give themselves */
    y = nni_vf_select_scalar(nni_vf_eq_scalar(x, zero), nni_vf_sub_scalar(zero, infinity), y);
    return nni_vf_select_scalar(nni_vf_lt_scalar(x, zero), nni_vf_from_bits_scalar(nni_vi_set1_scalar(0x7fc00000u)), y);
}

#ifdef NN_NO_SLEEF
NNI_INLINE nni_vf_scalar nni_vexp_scalar(nni_vf_scalar x) { return nni_exp_builtin_scalar(x); }
NNI_INLINE nni_vf_scalar nni_vlog_scalar(nni_vf_scalar x) { return nni_log_builtin_scalar(x); }
#else
NNI_INLINE nni_vf_scalar nni_vexp_scalar(nni_vf_scalar x) { return nni_vf_exp_sleef_scalar(x); }
NNI_INLINE nni_vf_scalar nni_vlog_scalar(nni_vf_scalar x) { return nni_vf_log_sleef_scalar(x); }
#endif

/* (e^x - 1 - x) / x^2 near 0 */
NNI_INLINE nni_vf_scalar nni_expm1_factor_scalar(nni_vf_scalar x) {
    nni_vf_scalar q = nni_vf_set1_scalar(2.1880290660192258656024932861328125e-5f); /* (e^x - 1 - x - x^2/2) / x^3 on [-0.72, 0], 0.007 */
    q = nni_vf_fma_scalar(q, x, nni_vf_set1_scalar(1.9895876175723969936370849609375e-4f));
    q = nni_vf_fma_scalar(q, x, nni_vf_set1_scalar(1.390750170685350894927978515625e-3f));
    q = nni_vf_fma_scalar(q, x, nni_vf_set1_scalar(8.334152400493621826171875e-3f));
    q = nni_vf_fma_scalar(q, x, nni_vf_set1_scalar(4.166679084300994873046875e-2f));
    q = nni_vf_fma_scalar(q, x, nni_vf_set1_scalar(0.16666667163372039794921875f));
    return nni_vf_fma_scalar(q, x, nni_vf_set1_scalar(0.5f));
}

/* e^x - 1 for x <= 0. A polynomial near 0, where the subtraction would cancel; from -0.7 down it loses nothing. */
NNI_INLINE nni_vf_scalar nni_vexpm1_negative_scalar(nni_vf_scalar x, nni_vf_scalar exp_x) {
    const nni_vf_scalar near = nni_vf_fma_scalar(nni_vf_mul_scalar(x, x), nni_expm1_factor_scalar(x), x);
    return nni_vf_select_scalar(nni_vf_lt_scalar(x, nni_vf_set1_scalar(-0.7f)), nni_vf_sub_scalar(exp_x, nni_vf_set1_scalar(1.0f)), near);
}

/* tanh x: odd polynomial below 0.625, 1 - 2/(e^2|x| + 1) above, which saturates at 1 by itself. */
NNI_INLINE nni_vf_scalar nni_vtanh_scalar(nni_vf_scalar x) {
    const nni_vf_scalar a = nni_vf_abs_scalar(x), one = nni_vf_set1_scalar(1.0f), two = nni_vf_set1_scalar(2.0f), square = nni_vf_mul_scalar(x, x);
    nni_vf_scalar q = nni_vf_set1_scalar(2.37051607109606266021728515625e-3f); /* (tanh x - x) / x^3 in x^2, 0.02 */
    q = nni_vf_fma_scalar(q, square, nni_vf_set1_scalar(-8.435009978711605072021484375e-3f));
    q = nni_vf_fma_scalar(q, square, nni_vf_set1_scalar(2.1807588636875152587890625e-2f));
    q = nni_vf_fma_scalar(q, square, nni_vf_set1_scalar(-5.39664328098297119140625e-2f));
    q = nni_vf_fma_scalar(q, square, nni_vf_set1_scalar(0.13333357870578765869140625f));
    q = nni_vf_fma_scalar(q, square, nni_vf_set1_scalar(-0.3333333432674407958984375f));
    const nni_vf_scalar near = nni_vf_fma_scalar(nni_vf_mul_scalar(square, q), a, a);
    const nni_vf_scalar far = nni_vf_sub_scalar(one, nni_vf_div_scalar(two, nni_vf_add_scalar(nni_vexp_scalar(nni_vf_mul_scalar(two, a)), one)));
    const nni_vi_scalar sign = nni_vi_and_scalar(nni_vf_bits_scalar(x), nni_vi_set1_scalar(0x80000000u));
    return nni_vf_from_bits_scalar(nni_vi_or_scalar(nni_vf_bits_scalar(nni_vf_select_scalar(nni_vf_lt_scalar(a, nni_vf_set1_scalar(0.625f)), near, far)), sign));
}

/* 1/(1 + e) for x >= 0 and e/(1 + e) below, with e = e^-|x|. The quotient gets back what 1 + e and the division round away,
 * so that the last addition is the only rounding after e: the result never falls where x rises. */
NNI_INLINE nni_vf_scalar nni_vsigmoid_scalar(nni_vf_scalar x) {
    const nni_vf_scalar zero = nni_vf_set1_scalar(0.0f), one = nni_vf_set1_scalar(1.0f);
    const nni_vf_scalar e = nni_vexp_scalar(nni_vf_sub_scalar(zero, nni_vf_abs_scalar(x)));
    const nni_vf_scalar u = nni_vf_add_scalar(one, e), c = nni_vf_sub_scalar(e, nni_vf_sub_scalar(u, one)), inverse = nni_vf_div_scalar(one, u);
    const nni_vf_scalar top = nni_vf_select_scalar(nni_vf_lt_scalar(x, zero), e, one), quotient = nni_vf_mul_scalar(top, inverse);
    const nni_vf_scalar rest = nni_vf_fnma_scalar(quotient, c, nni_vf_fnma_scalar(quotient, u, top));
    return nni_vf_fma_scalar(rest, inverse, quotient);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|. u = 1 + e rounds away c = e - (u - 1); log(u) + c/u has it back. */
NNI_INLINE nni_vf_scalar nni_vsoftplus_scalar(nni_vf_scalar x) {
    const nni_vf_scalar zero = nni_vf_set1_scalar(0.0f), one = nni_vf_set1_scalar(1.0f);
    const nni_vf_scalar e = nni_vexp_scalar(nni_vf_sub_scalar(zero, nni_vf_abs_scalar(x)));
    const nni_vf_scalar u = nni_vf_add_scalar(one, e), c = nni_vf_sub_scalar(e, nni_vf_sub_scalar(u, one));
    return nni_vf_add_scalar(nni_vf_max_scalar(zero, x), nni_vf_add_scalar(nni_vlog_scalar(u), nni_vf_div_scalar(c, u)));
}

NNI_INLINE nni_vf_scalar nni_velu_scalar(nni_vf_scalar x, nni_vf_scalar a) {
    const nni_vf_scalar zero = nni_vf_set1_scalar(0.0f), below = nni_vf_select_scalar(nni_vf_lt_scalar(zero, x), zero, x);
    const nni_vf_scalar curve = nni_vf_mul_scalar(a, nni_vexpm1_negative_scalar(below, nni_vexp_scalar(below)));
    return nni_vf_select_scalar(nni_vf_lt_scalar(zero, x), x, curve);
}

#define NNI_SELU_HIGH 1.050700902938842773f /* lambda = HIGH + LOW, both positive: inf * HIGH + inf * LOW stays inf */
#define NNI_SELU_LOW 8.441664078873145627e-8f
#define NNI_SELU_SLOPE 1.758099317550659180f /* lambda * alpha */

/* As ELU, but the factor goes into the last sum instead of multiplying what was rounded. */
NNI_INLINE nni_vf_scalar nni_vselu_scalar(nni_vf_scalar x) {
    const nni_vf_scalar zero = nni_vf_set1_scalar(0.0f), slope = nni_vf_set1_scalar(NNI_SELU_SLOPE);
    const nni_vf_scalar line = nni_vf_fma_scalar(x, nni_vf_set1_scalar(NNI_SELU_HIGH), nni_vf_mul_scalar(x, nni_vf_set1_scalar(NNI_SELU_LOW)));
    const nni_vf_scalar below = nni_vf_select_scalar(nni_vf_lt_scalar(zero, x), zero, x), curve = nni_vf_mul_scalar(nni_vf_mul_scalar(below, below), nni_expm1_factor_scalar(below));
    const nni_vf_scalar near = nni_vf_fma_scalar(slope, below, nni_vf_mul_scalar(slope, curve)), far = nni_vf_fma_scalar(slope, nni_vexp_scalar(below), nni_vf_sub_scalar(zero, slope));
    return nni_vf_select_scalar(nni_vf_lt_scalar(zero, x), line, nni_vf_select_scalar(nni_vf_lt_scalar(x, nni_vf_set1_scalar(-0.7f)), far, near));
}

/* Gates: y = x * p(x) for a probability p with p(-x) = 1 - p(x). So y = max(x, 0) - h(|x|) with h(a) = a * p(-a), which is
 * small, has no sign, and loses nothing where it is subtracted: x p(x) >= x/2. The derivative is h'(a) below 0 and 1 - h'(a)
 * above. h is made of an exponential in parts and rounded once it is whole; far out it goes to 0 through the subnormals. */
NNI_INLINE nni_vf_scalar nni_gate_scalar(nni_vf_scalar x, nni_vf_scalar h) { return nni_vf_sub_scalar(nni_vf_select_scalar(nni_vf_lt_scalar(x, nni_vf_set1_scalar(0.0f)), nni_vf_set1_scalar(-0.0f), x), h); }
NNI_INLINE nni_vf_scalar nni_gate_slope_scalar(nni_vf_scalar x, nni_vf_scalar slope) {
    return nni_vf_select_scalar(nni_vf_lt_scalar(x, nni_vf_set1_scalar(0.0f)), slope, nni_vf_sub_scalar(nni_vf_set1_scalar(1.0f), slope));
}

/* |x|, but no more than `most`, where h is 0 already; NaN passes. */
NNI_INLINE nni_vf_scalar nni_gate_size_scalar(nni_vf_scalar x, float most) {
    const nni_vf_scalar a = nni_vf_abs_scalar(x), limit = nni_vf_set1_scalar(most);
    return nni_vf_select_scalar(nni_vf_lt_scalar(limit, a), limit, a);
}

/* a * e^-w / (1 + e^-w) with w >= 0 given as -w = x + more. What u = 1 + e rounds away, c, goes into the numerator before that
 * is rounded: a * e * (1 - c) / u. Left out there is half of c at most, where u is 2. */
NNI_INLINE nni_vf_scalar nni_logistic_tail_scalar(nni_vf_scalar a, nni_vf_scalar x, nni_vf_scalar more) {
    nni_vf_scalar low, n;
    const nni_vf_scalar high = nni_exp_in_parts_scalar(x, more, &low, &n), one = nni_vf_set1_scalar(1.0f);
    const nni_vf_scalar e = nni_vf_times_power_scalar(nni_vf_add_scalar(high, low), n), u = nni_vf_add_scalar(one, e), c = nni_vf_sub_scalar(e, nni_vf_sub_scalar(u, one));
    const nni_vf_scalar top = nni_vf_fma_scalar(a, high, nni_vf_mul_scalar(a, nni_vf_fnma_scalar(high, c, low)));
    return nni_vf_div_scalar(nni_vf_times_power_scalar(top, n), u);
}

/* Its derivative where w grows by dw: q - a*dw*p*q with p = 1/(1 + e^-w), q = 1 - p. */
NNI_INLINE nni_vf_scalar nni_logistic_tail_slope_scalar(nni_vf_scalar a, nni_vf_scalar x, nni_vf_scalar more, nni_vf_scalar dw) {
    nni_vf_scalar low, n;
    const nni_vf_scalar high = nni_exp_in_parts_scalar(x, more, &low, &n), one = nni_vf_set1_scalar(1.0f);
    const nni_vf_scalar e = nni_vf_times_power_scalar(nni_vf_add_scalar(high, low), n);
    const nni_vf_scalar p = nni_vf_div_scalar(one, nni_vf_add_scalar(one, e)), q = nni_vf_mul_scalar(e, p);
    return nni_vf_fnma_scalar(nni_vf_mul_scalar(nni_vf_mul_scalar(a, dw), p), q, q);
}

/* x / (1 + e^-x) */
NNI_INLINE nni_vf_scalar nni_vsilu_scalar(nni_vf_scalar x) {
    const nni_vf_scalar a = nni_gate_size_scalar(x, 110.0f), zero = nni_vf_set1_scalar(0.0f);
    return nni_gate_scalar(x, nni_logistic_tail_scalar(a, nni_vf_sub_scalar(zero, a), zero));
}
NNI_INLINE nni_vf_scalar nni_vsilu_slope_scalar(nni_vf_scalar x) {
    const nni_vf_scalar a = nni_gate_size_scalar(x, 110.0f), zero = nni_vf_set1_scalar(0.0f);
    return nni_gate_slope_scalar(x, nni_logistic_tail_slope_scalar(a, nni_vf_sub_scalar(zero, a), zero, nni_vf_set1_scalar(1.0f)));
}

/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) = x / (1 + e^-w) with w = x (C1 + C3 x^2). An error of w is one of e^-w, so w
 * has a low part. C1 begins with so few bits that its difference to C1 + C3 x^2 is exact. */
#define NNI_GELU_C1_HIGH 1.59375f
#define NNI_GELU_C1_LOW 2.019121544435620308e-3f
#define NNI_GELU_C3_HIGH 7.135481387376785278e-2f
#define NNI_GELU_C3_LOW 2.398832465999589658e-9f

NNI_INLINE nni_vf_scalar nni_gelu_tanh_exponent_scalar(nni_vf_scalar a, nni_vf_scalar *more) { /* -w */
    const nni_vf_scalar square = nni_vf_mul_scalar(a, a), below = nni_vf_sub_scalar(nni_vf_set1_scalar(0.0f), nni_vf_fnma_scalar(a, a, square));
    const nni_vf_scalar c1 = nni_vf_set1_scalar(NNI_GELU_C1_HIGH), c3 = nni_vf_set1_scalar(NNI_GELU_C3_HIGH);
    const nni_vf_scalar sum = nni_vf_fma_scalar(c3, square, c1), lost = nni_vf_fma_scalar(c3, square, nni_vf_sub_scalar(c1, sum));
    const nni_vf_scalar small = nni_vf_fma_scalar(nni_vf_set1_scalar(NNI_GELU_C3_LOW), square, nni_vf_fma_scalar(c3, below, nni_vf_set1_scalar(NNI_GELU_C1_LOW)));
    const nni_vf_scalar w = nni_vf_mul_scalar(a, sum);
    *more = nni_vf_fnma_scalar(a, nni_vf_add_scalar(lost, small), nni_vf_fnma_scalar(a, sum, w));
    return nni_vf_sub_scalar(nni_vf_set1_scalar(0.0f), w);
}
NNI_INLINE nni_vf_scalar nni_vgelu_tanh_scalar(nni_vf_scalar x) {
    const nni_vf_scalar a = nni_gate_size_scalar(x, 11.0f);
    nni_vf_scalar more;
    const nni_vf_scalar exponent = nni_gelu_tanh_exponent_scalar(a, &more);
    return nni_gate_scalar(x, nni_logistic_tail_scalar(a, exponent, more));
}
NNI_INLINE nni_vf_scalar nni_vgelu_tanh_slope_scalar(nni_vf_scalar x) {
    const nni_vf_scalar a = nni_gate_size_scalar(x, 11.0f), c1 = nni_vf_set1_scalar(NNI_GELU_C1_HIGH + NNI_GELU_C1_LOW);
    nni_vf_scalar more;
    const nni_vf_scalar exponent = nni_gelu_tanh_exponent_scalar(a, &more);
    const nni_vf_scalar dw = nni_vf_fma_scalar(nni_vf_mul_scalar(a, a), nni_vf_set1_scalar(3.0f * NNI_GELU_C3_HIGH), c1);
    return nni_gate_slope_scalar(x, nni_logistic_tail_slope_scalar(a, exponent, more, dw));
}

/* The normal distribution's tail Q(a) = erfc(a/sqrt 2)/2 = e^(-a^2/2) G(v) / (a + 2.5) with v = a/(a + 2.5), to a = 14.6. */
#define NNI_TAIL_SHIFT 2.5f
#define NNI_TAIL_END 14.6f
NNI_INLINE nni_vf_scalar nni_normal_tail_factor_scalar(nni_vf_scalar v) { /* G */
    nni_vf_scalar q = nni_vf_set1_scalar(-7.974970340728759765625e-2f); /* 0.3 */
    q = nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(0.279526770114898681640625f));
    q = nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(-0.3130398690700531005859375f));
    q = nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(0.13775058090686798095703125f));
    q = nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(-0.14964754879474639892578125f));
    q = nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(5.6017316877841949462890625e-2f));
    q = nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(0.29186785221099853515625f));
    q = nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(0.1696073114871978759765625f));
    q = nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(-1.2433922290802001953125f));
    return nni_vf_fma_scalar(q, v, nni_vf_set1_scalar(1.25f));
}
NNI_INLINE nni_vf_scalar nni_normal_exponential_scalar(nni_vf_scalar a, nni_vf_scalar *low, nni_vf_scalar *n) { /* e^(-a^2/2), the square in two parts */
    const nni_vf_scalar square = nni_vf_mul_scalar(a, a), lost = nni_vf_fnma_scalar(a, a, square), half = nni_vf_set1_scalar(0.5f);
    return nni_exp_in_parts_scalar(nni_vf_mul_scalar(square, nni_vf_set1_scalar(-0.5f)), nni_vf_mul_scalar(lost, half), low, n);
}
NNI_INLINE nni_vf_scalar nni_vgelu_scalar(nni_vf_scalar x) { /* h(a) = a Q(a) = v G(v) e^(-a^2/2) */
    const nni_vf_scalar a = nni_gate_size_scalar(x, NNI_TAIL_END), v = nni_vf_div_scalar(a, nni_vf_add_scalar(a, nni_vf_set1_scalar(NNI_TAIL_SHIFT)));
    const nni_vf_scalar factor = nni_vf_mul_scalar(v, nni_normal_tail_factor_scalar(v));
    nni_vf_scalar low, n;
    const nni_vf_scalar high = nni_normal_exponential_scalar(a, &low, &n);
    return nni_gate_scalar(x, nni_vf_times_power_scalar(nni_vf_fma_scalar(factor, high, nni_vf_mul_scalar(factor, low)), n));
}
NNI_INLINE nni_vf_scalar nni_vgelu_slope_scalar(nni_vf_scalar x) { /* h'(a) = Q(a) - a e^(-a^2/2) / sqrt(2 pi) */
    const nni_vf_scalar a = nni_gate_size_scalar(x, NNI_TAIL_END), inverse = nni_vf_div_scalar(nni_vf_set1_scalar(1.0f), nni_vf_add_scalar(a, nni_vf_set1_scalar(NNI_TAIL_SHIFT)));
    nni_vf_scalar low, n;
    const nni_vf_scalar high = nni_normal_exponential_scalar(a, &low, &n);
    const nni_vf_scalar tail = nni_vf_mul_scalar(inverse, nni_normal_tail_factor_scalar(nni_vf_mul_scalar(a, inverse)));
    const nni_vf_scalar factor = nni_vf_fnma_scalar(a, nni_vf_set1_scalar(0.398942291736602783f), tail);
    return nni_gate_slope_scalar(x, nni_vf_times_power_scalar(nni_vf_mul_scalar(factor, nni_vf_add_scalar(high, low)), n));
}

/* sin and cos of 2 pi u for u in [0, 1), by quarter turns: no reduction error, since 4u is exact. */
NNI_INLINE void nni_vsincos_turns_scalar(nni_vf_scalar u, nni_vf_scalar *sine, nni_vf_scalar *cosine) {
    const nni_vf_scalar quarters = nni_vf_mul_scalar(u, nni_vf_set1_scalar(4.0f)), n = nni_vf_round_scalar(quarters), t = nni_vf_sub_scalar(quarters, n), square = nni_vf_mul_scalar(t, t);
    nni_vf_scalar s = nni_vf_set1_scalar(-4.6287518925964832305908203125e-3f); /* sin(pi/2 t)/t in t^2, |t| <= 1/2, 0.5 */
    s = nni_vf_fma_scalar(s, square, nni_vf_set1_scalar(7.969200611114501953125e-2f));
    s = nni_vf_fma_scalar(s, square, nni_vf_set1_scalar(-0.64596498012542724609375f));
    s = nni_vf_mul_scalar(t, nni_vf_fma_scalar(s, square, nni_vf_set1_scalar(1.57079637050628662109375f)));
    nni_vf_scalar c = nni_vf_set1_scalar(8.9667853899300098419189453125e-4f); /* cos(pi/2 t) in t^2, 0.008 */
    c = nni_vf_fma_scalar(c, square, nni_vf_set1_scalar(-2.08565033972263336181640625e-2f));
    c = nni_vf_fma_scalar(c, square, nni_vf_set1_scalar(0.2536686360836029052734375f));
    c = nni_vf_fma_scalar(c, square, nni_vf_set1_scalar(-1.2337005138397216796875f));
    c = nni_vf_fma_scalar(c, square, nni_vf_set1_scalar(1.0f));
    const nni_vi_scalar quarter = nni_vi_from_float_scalar(n);
    const nni_vm_scalar even = nni_vi_eq0_scalar(quarter, nni_vi_set1_scalar(1));
    const nni_vi_scalar sine_sign = nni_vi_shl_scalar(nni_vi_and_scalar(quarter, nni_vi_set1_scalar(2)), 30);
    const nni_vi_scalar cosine_sign = nni_vi_shl_scalar(nni_vi_and_scalar(nni_vi_add_scalar(quarter, nni_vi_set1_scalar(1)), nni_vi_set1_scalar(2)), 30);
    *sine = nni_vf_from_bits_scalar(nni_vi_xor_scalar(nni_vf_bits_scalar(nni_vf_select_scalar(even, s, c)), sine_sign));
    *cosine = nni_vf_from_bits_scalar(nni_vi_xor_scalar(nni_vf_bits_scalar(nni_vf_select_scalar(even, c, s)), cosine_sign));
}

/* ---- simd/kernels/map.h ---- */
/* map.h - element by element: y[i] = f(x[i], ...), in place if y is an input */

NNI_MIX_BEGIN

typedef nni_vf_scalar (*nni_map1_fn_scalar)(nni_vf_scalar x, nni_vf_scalar a);
typedef nni_vf_scalar (*nni_map2_fn_scalar)(nni_vf_scalar x, nni_vf_scalar y, nni_vf_scalar a);

NNI_INLINE void nni_map1_scalar(nni_map1_fn_scalar f, float *y, const float *x, size_t n, float a) {
    const nni_vf_scalar av = nni_vf_set1_scalar(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        nni_vf_scalar v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) v[k] = f(nni_vf_load_scalar(x + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) nni_vf_store_scalar(y + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_scalar(y + i, f(nni_vf_load_scalar(x + i), av));
    if (i < n) nni_vf_store_n_scalar(y + i, f(nni_vf_load_n_scalar(x + i, n - i), av), n - i);
}

NNI_INLINE void nni_map2_scalar(nni_map2_fn_scalar f, float *z, const float *x, const float *y, size_t n, float a) {
    const nni_vf_scalar av = nni_vf_set1_scalar(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        nni_vf_scalar v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++)
            v[k] = f(nni_vf_load_scalar(x + i + k * VF_LANES), nni_vf_load_scalar(y + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) nni_vf_store_scalar(z + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_scalar(z + i, f(nni_vf_load_scalar(x + i), nni_vf_load_scalar(y + i), av));
    if (i < n) nni_vf_store_n_scalar(z + i, f(nni_vf_load_n_scalar(x + i, n - i), nni_vf_load_n_scalar(y + i, n - i), av), n - i);
}

/* f(x, a) */
NNI_INLINE nni_vf_scalar nni_v_identity_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, x; }
NNI_INLINE nni_vf_scalar nni_v_relu_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vf_select_scalar(nni_vf_le_scalar(x, nni_vf_set1_scalar(0.0f)), nni_vf_set1_scalar(0.0f), x); }
NNI_INLINE nni_vf_scalar nni_v_leaky_relu_scalar(nni_vf_scalar x, nni_vf_scalar a) { return nni_vf_select_scalar(nni_vf_lt_scalar(nni_vf_set1_scalar(0.0f), x), x, nni_vf_mul_scalar(a, x)); }
NNI_INLINE nni_vf_scalar nni_v_sigmoid_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vsigmoid_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_tanh_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vtanh_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_softplus_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vsoftplus_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_elu_scalar(nni_vf_scalar x, nni_vf_scalar a) { return nni_velu_scalar(x, a); }
NNI_INLINE nni_vf_scalar nni_v_step_scalar(nni_vf_scalar x, nni_vf_scalar a) {
    const nni_vf_scalar step = nni_vf_where_scalar(nni_vf_lt_scalar(nni_vf_set1_scalar(0.0f), x), nni_vf_set1_scalar(1.0f));
    return (void)a, nni_vf_select_scalar(nni_vf_nan_scalar(x), x, step);
}
NNI_INLINE nni_vf_scalar nni_v_selu_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vselu_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_gelu_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vgelu_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_gelu_tanh_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vgelu_tanh_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_silu_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vsilu_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_exp_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vexp_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_log_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vlog_scalar(x); }
NNI_INLINE nni_vf_scalar nni_v_scale_scalar(nni_vf_scalar x, nni_vf_scalar a) { return nni_vf_mul_scalar(a, x); }
NNI_INLINE nni_vf_scalar nni_v_reciprocal_scalar(nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vf_div_scalar(nni_vf_set1_scalar(1.0f), x); }
NNI_INLINE nni_vf_scalar nni_v_shift_scalar(nni_vf_scalar x, nni_vf_scalar a) { return nni_vf_add_scalar(x, a); }

/* dx from dy and y = f(x), or x if the activation keeps its input. Where f has a kink the derivative from the left is taken. */
NNI_INLINE nni_vf_scalar nni_d_identity_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) { return (void)y, (void)a, dy; }
NNI_INLINE nni_vf_scalar nni_d_relu_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) { return (void)a, nni_vf_select_scalar(nni_vf_le_scalar(y, nni_vf_set1_scalar(0.0f)), nni_vf_set1_scalar(0.0f), dy); }
NNI_INLINE nni_vf_scalar nni_d_leaky_relu_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) { return nni_vf_select_scalar(nni_vf_lt_scalar(nni_vf_set1_scalar(0.0f), y), dy, nni_vf_mul_scalar(a, dy)); }
NNI_INLINE nni_vf_scalar nni_d_sigmoid_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) {
    return (void)a, nni_vf_mul_scalar(dy, nni_vf_mul_scalar(y, nni_vf_sub_scalar(nni_vf_set1_scalar(1.0f), y)));
}
NNI_INLINE nni_vf_scalar nni_d_tanh_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) { return (void)a, nni_vf_mul_scalar(dy, nni_vf_fnma_scalar(y, y, nni_vf_set1_scalar(1.0f))); }
NNI_INLINE nni_vf_scalar nni_d_softplus_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) { /* sigmoid(x) = 1 - e^-y */
    const nni_vf_scalar zero = nni_vf_set1_scalar(0.0f), below = nni_vf_sub_scalar(zero, y);
    return (void)a, nni_vf_mul_scalar(dy, nni_vf_sub_scalar(zero, nni_vexpm1_negative_scalar(below, nni_vexp_scalar(below))));
}
NNI_INLINE nni_vf_scalar nni_d_elu_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) { return nni_vf_select_scalar(nni_vf_lt_scalar(nni_vf_set1_scalar(0.0f), y), dy, nni_vf_mul_scalar(dy, nni_vf_add_scalar(y, a))); }
NNI_INLINE nni_vf_scalar nni_d_step_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) { return (void)dy, (void)y, (void)a, nni_vf_set1_scalar(0.0f); }
NNI_INLINE nni_vf_scalar nni_d_selu_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) {
    const nni_vf_scalar above = nni_vf_set1_scalar(NNI_SELU_HIGH + NNI_SELU_LOW), below = nni_vf_add_scalar(y, nni_vf_set1_scalar(NNI_SELU_SLOPE));
    return (void)a, nni_vf_mul_scalar(dy, nni_vf_select_scalar(nni_vf_lt_scalar(nni_vf_set1_scalar(0.0f), y), above, below));
}
NNI_INLINE nni_vf_scalar nni_d_gelu_scalar(nni_vf_scalar dy, nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vf_mul_scalar(dy, nni_vgelu_slope_scalar(x)); }
NNI_INLINE nni_vf_scalar nni_d_gelu_tanh_scalar(nni_vf_scalar dy, nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vf_mul_scalar(dy, nni_vgelu_tanh_slope_scalar(x)); }
NNI_INLINE nni_vf_scalar nni_d_silu_scalar(nni_vf_scalar dy, nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vf_mul_scalar(dy, nni_vsilu_slope_scalar(x)); }
NNI_INLINE nni_vf_scalar nni_d_log_scalar(nni_vf_scalar dy, nni_vf_scalar x, nni_vf_scalar a) { return (void)a, nni_vf_div_scalar(dy, x); }

NNI_INLINE nni_vf_scalar nni_d_reciprocal_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar a) { return (void)a, nni_vf_mul_scalar(nni_vf_mul_scalar(nni_vf_sub_scalar(nni_vf_set1_scalar(0.0f), dy), y), y); }

NNI_INLINE nni_vf_scalar nni_v_add_scalar(nni_vf_scalar x, nni_vf_scalar y, nni_vf_scalar a) { return (void)a, nni_vf_add_scalar(x, y); }
NNI_INLINE nni_vf_scalar nni_v_sub_scalar(nni_vf_scalar x, nni_vf_scalar y, nni_vf_scalar a) { return (void)a, nni_vf_sub_scalar(x, y); }
NNI_INLINE nni_vf_scalar nni_v_mul_scalar(nni_vf_scalar x, nni_vf_scalar y, nni_vf_scalar a) { return (void)a, nni_vf_mul_scalar(x, y); }
NNI_INLINE nni_vf_scalar nni_v_axpy_scalar(nni_vf_scalar x, nni_vf_scalar y, nni_vf_scalar a) { return nni_vf_fma_scalar(a, x, y); }

static void nni_activate_scalar(float *y, const float *x, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: nni_map1_scalar(nni_v_##function##_scalar, y, x, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void nni_activate_backward_scalar(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: nni_map2_scalar(nni_d_##function##_scalar, dx, dy, v, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void nni_exp_scalar(float *y, const float *x, size_t n) { nni_map1_scalar(nni_v_exp_scalar, y, x, n, 0.0f); }
static void nni_log_scalar(float *y, const float *x, size_t n) { nni_map1_scalar(nni_v_log_scalar, y, x, n, 0.0f); }
static void nni_log_backward_scalar(float *dx, const float *dy, const float *x, size_t n) {
    nni_map2_scalar(nni_d_log_scalar, dx, dy, x, n, 0.0f);
}
static void nni_add_scalar(float *y, const float *a, const float *b, size_t n) { nni_map2_scalar(nni_v_add_scalar, y, a, b, n, 0.0f); }
static void nni_mul_scalar(float *y, const float *a, const float *b, size_t n) { nni_map2_scalar(nni_v_mul_scalar, y, a, b, n, 0.0f); }
static void nni_sub_scalar(float *y, const float *a, const float *b, size_t n) { nni_map2_scalar(nni_v_sub_scalar, y, a, b, n, 0.0f); }
static void nni_reciprocal_scalar(float *y, const float *x, size_t n) { nni_map1_scalar(nni_v_reciprocal_scalar, y, x, n, 0.0f); }
static void nni_reciprocal_backward_scalar(float *dx, const float *dy, const float *y, size_t n) {
    nni_map2_scalar(nni_d_reciprocal_scalar, dx, dy, y, n, 0.0f);
}
static void nni_axpy_scalar(float *y, const float *x, size_t n, float a) { nni_map2_scalar(nni_v_axpy_scalar, y, x, y, n, a); }

/* a = 0 writes zeros without reading x, which may hold NaN. */
static void nni_scale_scalar(float *y, const float *x, size_t n, float a) {
    if (a == 0.0f) memset(y, 0, n * sizeof *y);
    else nni_map1_scalar(nni_v_scale_scalar, y, x, n, a);
}

static void nni_mul_add_scalar(float *y, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_scalar(y + i, nni_vf_fma_scalar(nni_vf_load_scalar(a + i), nni_vf_load_scalar(b + i), nni_vf_load_scalar(y + i)));
    if (i < n) nni_vf_store_n_scalar(y + i, nni_vf_fma_scalar(nni_vf_load_n_scalar(a + i, n - i), nni_vf_load_n_scalar(b + i, n - i), nni_vf_load_n_scalar(y + i, n - i)), n - i);
}

NNI_INLINE nni_vf_scalar nni_clipped_scalar(nni_vf_scalar x, nni_vf_scalar lo, nni_vf_scalar hi) { return nni_vf_select_scalar(nni_vf_lt_scalar(x, lo), lo, nni_vf_select_scalar(nni_vf_lt_scalar(hi, x), hi, x)); }
static void nni_clip_scalar(float *y, const float *x, size_t n, float lo, float hi) {
    const nni_vf_scalar least = nni_vf_set1_scalar(lo), most = nni_vf_set1_scalar(hi);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_scalar(y + i, nni_clipped_scalar(nni_vf_load_scalar(x + i), least, most));
    if (i < n) nni_vf_store_n_scalar(y + i, nni_clipped_scalar(nni_vf_load_n_scalar(x + i, n - i), least, most), n - i);
}

static void nni_add_row_scalar(float *y, const float *x, const float *row, size_t rows, size_t n) {
    if (n == 1) nni_map1_scalar(nni_v_shift_scalar, y, x, rows, row[0]);
    else for (size_t i = 0; i < rows; i++) nni_add_scalar(y + i * n, x + i * n, row, n);
}

NNI_MIX_END

/* ---- simd/kernels/reduce.h ---- */
/* reduce.h - sums, dots and maxima in an order that no vector width changes
 *
 * A block of NNI_BLOCK floats is summed in 16 lanes (NNI_WIDE vectors) and folded by a fixed tree. The blocks' results
 * are handed back one by one: whoever asked adds them in the order of their index, so threads may share the blocks out.
 */

#define NNI_WIDE (16 / VF_LANES)
#define NNI_STREAMS 4 /* blocks summed side by side: one block alone waits for its own additions */

NNI_INLINE float nni_fold16_scalar(nni_vf_scalar *lanes) {
    NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
        NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = nni_vf_add_scalar(lanes[w], lanes[w + half]);
    return nni_vf_fold_scalar(lanes[0]);
}

typedef nni_vf_scalar (*nni_sum_fn_scalar)(const float *x, const float *y, nni_vf_scalar sum);
typedef nni_vf_scalar (*nni_sum_tail_fn_scalar)(const float *x, const float *y, nni_vf_scalar sum, size_t n);

NNI_INLINE nni_vf_scalar nni_sum_one_scalar(const float *x, const float *y, nni_vf_scalar sum) { return (void)y, nni_vf_add_scalar(sum, nni_vf_load_scalar(x)); }
NNI_INLINE nni_vf_scalar nni_sum_one_n_scalar(const float *x, const float *y, nni_vf_scalar sum, size_t n) { return (void)y, nni_vf_add_scalar(sum, nni_vf_load_n_scalar(x, n)); }
NNI_INLINE nni_vf_scalar nni_sum_product_scalar(const float *x, const float *y, nni_vf_scalar sum) { return nni_vf_fma_scalar(nni_vf_load_scalar(x), nni_vf_load_scalar(y), sum); }
NNI_INLINE nni_vf_scalar nni_sum_product_n_scalar(const float *x, const float *y, nni_vf_scalar sum, size_t n) {
    return nni_vf_fma_scalar(nni_vf_load_n_scalar(x, n), nni_vf_load_n_scalar(y, n), sum);
}

/* One block of n <= NNI_BLOCK floats. */
NNI_INLINE float nni_sum_block_scalar(nni_sum_fn_scalar f, nni_sum_tail_fn_scalar tail, const float *x, const float *y, size_t n) {
    nni_vf_scalar sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = nni_vf_set1_scalar(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = f(x + i + w * VF_LANES, y + i + w * VF_LANES, sum[w]);
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at < n) sum[w] = tail(x + at, y + at, sum[w], nni_min(n - at, VF_LANES));
    }
    return nni_fold16_scalar(sum);
}

/* NNI_STREAMS whole blocks. */
NNI_INLINE void nni_sum_streams_scalar(nni_sum_fn_scalar f, float *partial, const float *x, const float *y) {
    nni_vf_scalar sum[NNI_STREAMS * NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_STREAMS * NNI_WIDE; w++) sum[w] = nni_vf_set1_scalar(0.0f);
    for (size_t i = 0; i < NNI_BLOCK; i += 16)
        NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
                const size_t at = (size_t)s * NNI_BLOCK + i + (size_t)(w * VF_LANES);
                sum[s * NNI_WIDE + w] = f(x + at, y + at, sum[s * NNI_WIDE + w]);
            }
    NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++) partial[s] = nni_fold16_scalar(sum + s * NNI_WIDE);
}

NNI_INLINE void nni_sum_blocks_scalar(nni_sum_fn_scalar f, nni_sum_tail_fn_scalar tail, float *partial, const float *x, const float *y,
                                   size_t n) {
    size_t i = 0;
    for (; i + NNI_STREAMS * NNI_BLOCK <= n; i += NNI_STREAMS * NNI_BLOCK, partial += NNI_STREAMS)
        nni_sum_streams_scalar(f, partial, x + i, y + i);
    for (; i < n; i += NNI_BLOCK) *partial++ = nni_sum_block_scalar(f, tail, x + i, y + i, nni_min(n - i, NNI_BLOCK));
}

static void nni_sum_scalar(float *partial, const float *x, size_t n) {
    nni_sum_blocks_scalar(nni_sum_one_scalar, nni_sum_one_n_scalar, partial, x, x, n);
}
static void nni_dot_scalar(float *partial, const float *x, const float *y, size_t n) {
    nni_sum_blocks_scalar(nni_sum_product_scalar, nni_sum_product_n_scalar, partial, x, y, n);
}
static void nni_sum_squares_scalar(float *partial, const float *x, size_t n) {
    nni_sum_blocks_scalar(nni_sum_product_scalar, nni_sum_product_n_scalar, partial, x, x, n);
}

/* The largest of n > 0 floats; NaN if there is one. Among zeros of both signs +0 wins, whatever the lanes. */
static float nni_max_scalar(const float *x, size_t n) {
    nni_vf_scalar top[4];
    NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = nni_vf_set1_scalar(x[0]);
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = nni_vf_max_scalar(nni_vf_load_scalar(x + i + s * VF_LANES), top[s]);
    for (; i + VF_LANES <= n; i += VF_LANES) top[0] = nni_vf_max_scalar(nni_vf_load_scalar(x + i), top[0]);
    if (i < n) {
        const nni_vm_scalar valid = nni_vm_first_scalar(n - i);
        top[1] = nni_vf_max_scalar(nni_vf_select_scalar(valid, nni_vf_load_m_scalar(x + i, valid), top[1]), top[1]);
    }
    return nni_vf_fold_max_scalar(nni_vf_max_scalar(nni_vf_max_scalar(top[0], top[1]), nni_vf_max_scalar(top[2], top[3]))) + 0.0f; /* -0 + 0 = +0 */
}

/* The first index at which x equals its maximum, or is the first NaN. */
static size_t nni_argmax_scalar(const float *x, size_t n) {
    const float most = nni_max_scalar(x, n);
    const nni_vf_scalar target = nni_vf_set1_scalar(most);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) {
        const nni_vf_scalar v = nni_vf_load_scalar(x + i);
        const uint32_t hits = nni_vm_bits_scalar(most != most ? nni_vf_nan_scalar(v) : nni_vf_eq_scalar(v, target));
        if (hits) return i + (size_t)__builtin_ctz(hits);
    }
    while (most != most ? x[i] == x[i] : x[i] != most) i++;
    return i;
}

/* ---- simd/kernels/columns.h ---- */
/* columns.h - sums over the rows of a matrix, one for each column
 *
 * Columns are independent chains, so any number of lanes gives the same bits. Down a column, eight rows at a time form a
 * chain of their own whose result is added to the sum, then the rows left over are added one by one: the processor
 * overlaps the chains, and the sums of a panel stay in the L1 cache while rows are read in long streams.
 */

#define NNI_ROWS_CHAINED 8

/* Adds what row `row` contributes at column j to the one or two sums of VF_LANES columns. `whole` says that all lanes are
 * inside the matrix; else `valid` says which. */
typedef void (*nni_column_fn_scalar)(nni_vf_scalar *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_scalar valid);

NNI_INLINE nni_vf_scalar nni_column_load_scalar(const float *p, const int whole, nni_vm_scalar valid) {
    return whole ? nni_vf_load_scalar(p) : nni_vf_load_m_scalar(p, valid);
}
NNI_INLINE void nni_column_store_scalar(float *p, nni_vf_scalar v, const int whole, nni_vm_scalar valid) {
    if (whole) nni_vf_store_scalar(p, v);
    else nni_vf_store_m_scalar(p, v, valid);
}

NNI_INLINE void nni_column_chain_scalar(nni_column_fn_scalar f, const int sums, const int rows, float *sum, const nni_strip *s,
                                     size_t row, size_t j, const int whole, nni_vm_scalar valid) {
    nni_vf_scalar chain[2];
    NNI_UNROLL for (int i = 0; i < sums; i++) chain[i] = nni_vf_set1_scalar(0.0f);
    NNI_UNROLL for (int r = 0; r < rows; r++) f(chain, s, row + (size_t)r, j, whole, valid);
    NNI_UNROLL for (int i = 0; i < sums; i++) {
        float *p = sum + (size_t)i * s->n + j;
        nni_column_store_scalar(p, nni_vf_add_scalar(nni_column_load_scalar(p, whole, valid), chain[i]), whole, valid);
    }
}

NNI_INLINE void nni_column_chains_scalar(nni_column_fn_scalar f, const int sums, const int rows, float *sum, const nni_strip *s,
                                      size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) nni_column_chain_scalar(f, sums, rows, sum, s, row, j, 1, nni_vm_first_scalar(VF_LANES));
    if (j < s->n) nni_column_chain_scalar(f, sums, rows, sum, s, row, j, 0, nni_vm_first_scalar(s->n - j));
}

/* The first of two sums goes to sum[0..n), the second to sum[n..2n). */
NNI_INLINE void nni_column_sums_scalar(nni_column_fn_scalar f, const int sums, float *sum, const nni_strip *s) {
    size_t row = 0;
    memset(sum, 0, (size_t)sums * s->n * sizeof *sum);
    for (; row + NNI_ROWS_CHAINED <= s->rows; row += NNI_ROWS_CHAINED)
        nni_column_chains_scalar(f, sums, NNI_ROWS_CHAINED, sum, s, row);
    for (; row < s->rows; row++) nni_column_chains_scalar(f, sums, 1, sum, s, row);
}

NNI_INLINE void nni_column_sum_scalar(nni_vf_scalar *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_scalar valid) {
    sum[0] = nni_vf_add_scalar(sum[0], nni_column_load_scalar(s->x + row * s->stride + j, whole, valid));
}

/* x - mean, and its square: moments about a value close to the mean, which lose nothing where that is far from 0. */
NNI_INLINE void nni_column_moments_scalar(nni_vf_scalar *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar x = nni_column_load_scalar(s->x + row * s->stride + j, whole, valid);
    const nni_vf_scalar distance = nni_vf_sub_scalar(x, nni_column_load_scalar(s->mean + j, whole, valid));
    sum[0] = nni_vf_add_scalar(sum[0], distance);
    sum[1] = nni_vf_fma_scalar(distance, distance, sum[1]);
}

/* dy, and dy*(x - mean) with the mean of the column. */
NNI_INLINE void nni_column_products_scalar(nni_vf_scalar *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar x = nni_column_load_scalar(s->x + row * s->stride + j, whole, valid);
    const nni_vf_scalar dy = nni_column_load_scalar(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_vf_add_scalar(sum[0], dy);
    sum[1] = nni_vf_fma_scalar(dy, nni_vf_sub_scalar(x, nni_column_load_scalar(s->mean + j, whole, valid)), sum[1]);
}

/* dy, and dy*(x - mean)*inverse with the mean and the inverse deviation of the row. */
NNI_INLINE void nni_column_products_by_row_scalar(nni_vf_scalar *sum, const nni_strip *s, size_t row, size_t j, const int whole,
                                               nni_vm_scalar valid) {
    const nni_vf_scalar x = nni_column_load_scalar(s->x + row * s->stride + j, whole, valid);
    const nni_vf_scalar dy = nni_column_load_scalar(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_vf_add_scalar(sum[0], dy);
    sum[1] = nni_vf_fma_scalar(dy, nni_vf_mul_scalar(nni_vf_sub_scalar(x, nni_vf_set1_scalar(s->mean[row])), nni_vf_set1_scalar(s->inverse[row])), sum[1]);
}

static void nni_columns_sum_scalar(float *sum, const nni_strip *s) { nni_column_sums_scalar(nni_column_sum_scalar, 1, sum, s); }
static void nni_columns_moments_scalar(float *sum, const nni_strip *s) { nni_column_sums_scalar(nni_column_moments_scalar, 2, sum, s); }
static void nni_columns_products_scalar(float *sum, const nni_strip *s) {
    nni_column_sums_scalar(nni_column_products_scalar, 2, sum, s);
}
static void nni_columns_products_by_row_scalar(float *sum, const nni_strip *s) {
    nni_column_sums_scalar(nni_column_products_by_row_scalar, 2, sum, s);
}

#undef NNI_ROWS_CHAINED

/* ---- simd/kernels/prelu.h ---- */
/* prelu.h - x > 0 ? x : slope*x, with a slope for each column that is learned */

NNI_INLINE nni_vf_scalar nni_v_prelu_scalar(nni_vf_scalar x, nni_vf_scalar slope, nni_vf_scalar a) { return (void)a, nni_v_leaky_relu_scalar(x, slope); }

static void nni_prelu_scalar(float *y, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++)
        nni_map2_scalar(nni_v_prelu_scalar, y + i * s->stride, s->x + i * s->stride, slope, s->n, 0.0f);
}

/* dx = x > 0 ? dy : slope*dy */
static void nni_prelu_backward_scalar(float *dx, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++) {
        const float *x = s->x + i * s->stride, *dy = s->dy + i * s->stride;
        float *to = dx + i * s->stride;
        size_t j = 0;
        for (; j + VF_LANES <= s->n; j += VF_LANES)
            nni_vf_store_scalar(to + j, nni_d_leaky_relu_scalar(nni_vf_load_scalar(dy + j), nni_vf_load_scalar(x + j), nni_vf_load_scalar(slope + j)));
        const size_t rest = s->n - j;
        if (!rest) continue;
        nni_vf_store_n_scalar(to + j, nni_d_leaky_relu_scalar(nni_vf_load_n_scalar(dy + j, rest), nni_vf_load_n_scalar(x + j, rest), nni_vf_load_n_scalar(slope + j, rest)), rest);
    }
}

/* sum + dy*x where x is not above 0 */
NNI_INLINE nni_vf_scalar nni_prelu_product_scalar(nni_vf_scalar dy, nni_vf_scalar x, nni_vf_scalar sum) {
    return nni_vf_select_scalar(nni_vf_lt_scalar(nni_vf_set1_scalar(0.0f), x), sum, nni_vf_fma_scalar(dy, x, sum));
}

/* Down the columns, for a slope each, in the order of columns.h. */
NNI_INLINE void nni_column_prelu_scalar(nni_vf_scalar *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar dy = nni_column_load_scalar(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_prelu_product_scalar(dy, nni_column_load_scalar(s->x + row * s->stride + j, whole, valid), sum[0]);
}
static void nni_prelu_columns_scalar(float *sum, const nni_strip *s) { nni_column_sums_scalar(nni_column_prelu_scalar, 1, sum, s); }

/* Over everything, for a slope that all columns share, in the order of reduce.h. */
NNI_INLINE nni_vf_scalar nni_sum_prelu_scalar(const float *dy, const float *x, nni_vf_scalar sum) {
    return nni_prelu_product_scalar(nni_vf_load_scalar(dy), nni_vf_load_scalar(x), sum);
}
NNI_INLINE nni_vf_scalar nni_sum_prelu_n_scalar(const float *dy, const float *x, nni_vf_scalar sum, size_t n) {
    return nni_prelu_product_scalar(nni_vf_load_n_scalar(dy, n), nni_vf_load_n_scalar(x, n), sum);
}
static void nni_prelu_sum_scalar(float *partial, const float *dy, const float *x, size_t n) {
    nni_sum_blocks_scalar(nni_sum_prelu_scalar, nni_sum_prelu_n_scalar, partial, dy, x, n);
}

/* ---- simd/kernels/norm.h ---- */
/* norm.h - normalising: by columns, with factors for each, and by rows, each with statistics of its own */

/* 1/sqrt(variance + epsilon) */
static void nni_inverse_deviation_scalar(float *inverse, const float *variance, size_t n, float epsilon) {
    const nni_vf_scalar one = nni_vf_set1_scalar(1.0f), e = nni_vf_set1_scalar(epsilon);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_scalar(inverse + i, nni_vf_div_scalar(one, nni_vf_sqrt_scalar(nni_vf_add_scalar(nni_vf_load_scalar(variance + i), e))));
    if (i < n) nni_vf_store_n_scalar(inverse + i, nni_vf_div_scalar(one, nni_vf_sqrt_scalar(nni_vf_add_scalar(nni_vf_load_n_scalar(variance + i, n - i), e))), n - i);
}

/* ---- by columns ---- */

#define NNI_ROWS_AT_ONCE 4 /* rows for which the factors of some columns are loaded once */

/* What is done to `rows` elements of VF_LANES columns, from row `row` and column j on. */
typedef void (*nni_normalize_fn_scalar)(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                     const int rows, const int whole, nni_vm_scalar valid);

NNI_INLINE void nni_normalize_rows_scalar(nni_normalize_fn_scalar f, const int rows, float *y, const nni_strip *s,
                                       const float *const *factor, size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) f(y, s, factor, row, j, rows, 1, nni_vm_first_scalar(VF_LANES));
    if (j < s->n) f(y, s, factor, row, j, rows, 0, nni_vm_first_scalar(s->n - j));
}

NNI_INLINE void nni_normalize_strip_scalar(nni_normalize_fn_scalar f, float *y, const nni_strip *s, const float *const *factor) {
    size_t row = 0;
    for (; row + NNI_ROWS_AT_ONCE <= s->rows; row += NNI_ROWS_AT_ONCE)
        nni_normalize_rows_scalar(f, NNI_ROWS_AT_ONCE, y, s, factor, row);
    for (; row < s->rows; row++) nni_normalize_rows_scalar(f, 1, y, s, factor, row);
}

NNI_INLINE void nni_normalize_columns_scalar(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar mean = nni_column_load_scalar(s->mean + j, whole, valid);
    const nni_vf_scalar scale = nni_column_load_scalar(factor[0] + j, whole, valid);
    const nni_vf_scalar shift = nni_column_load_scalar(factor[1] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_scalar distance = nni_vf_sub_scalar(nni_column_load_scalar(s->x + at, whole, valid), mean);
        nni_column_store_scalar(y + at, nni_vf_fma_scalar(distance, scale, shift), whole, valid);
    }
}

/* y = (x - mean)*scale + shift: the difference first, which is exact where a large mean would drown the result. */
static void nni_normalize_scalar(float *y, const nni_strip *s, const float *scale, const float *shift) {
    const float *const factor[] = {scale, shift};
    nni_normalize_strip_scalar(nni_normalize_columns_scalar, y, s, factor);
}

NNI_INLINE void nni_normalize_columns_backward_scalar(float *dx, const nni_strip *s, const float *const *factor, size_t row,
                                                   size_t j, const int rows, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar mean = nni_column_load_scalar(s->mean + j, whole, valid);
    const nni_vf_scalar inverse = nni_column_load_scalar(s->inverse + j, whole, valid);
    const nni_vf_scalar gain = nni_column_load_scalar(factor[0] + j, whole, valid);
    const nni_vf_scalar less = nni_vf_sub_scalar(nni_vf_set1_scalar(0.0f), nni_column_load_scalar(factor[1] + j, whole, valid));
    const nni_vf_scalar slope = nni_column_load_scalar(factor[2] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_scalar distance = nni_vf_sub_scalar(nni_column_load_scalar(s->x + at, whole, valid), mean);
        const nni_vf_scalar centred = nni_vf_fma_scalar(gain, nni_column_load_scalar(s->dy + at, whole, valid), less);
        nni_column_store_scalar(dx + at, nni_vf_mul_scalar(inverse, nni_vf_fnma_scalar(distance, slope, centred)), whole, valid);
    }
}

/* dx = inverse*(gain*dy - dy_mean - (x - mean)*slope) */
static void nni_normalize_backward_scalar(float *dx, const nni_strip *s, const float *gain, const float *dy_mean,
                                       const float *slope) {
    const float *const factor[] = {gain, dy_mean, slope};
    nni_normalize_strip_scalar(nni_normalize_columns_backward_scalar, dx, s, factor);
}

#undef NNI_ROWS_AT_ONCE

/* ---- by rows ---- */

/* A row, and what is done with it. `scaled` says that there is a gamma: known when compiled, or a register too few would
 * hold the sums. */
typedef struct nni_row_scalar {
    const float *x, *dy, *gamma, *beta;
    nni_vf_scalar mean;
    int scaled;
} nni_row_scalar;

/* Adds what VF_LANES elements from i on contribute to two sums. */
typedef void (*nni_row_fn_scalar)(nni_vf_scalar *first, nni_vf_scalar *second, const nni_row_scalar *r, size_t i, const int whole, nni_vm_scalar valid);

/* Two sums over n floats at once, in 16 lanes and blocks as everywhere. */
NNI_INLINE void nni_row_sums_scalar(nni_row_fn_scalar f, double *first, double *second, const nni_row_scalar *r, size_t n) {
    *first = *second = 0.0;
    for (size_t begin = 0; begin < n; begin += NNI_BLOCK) {
        const size_t end = nni_min(n, begin + NNI_BLOCK);
        nni_vf_scalar a[NNI_WIDE], b[NNI_WIDE];
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) a[w] = b[w] = nni_vf_set1_scalar(0.0f);
        size_t i = begin;
        for (; i + 16 <= end; i += 16)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++)
                f(a + w, b + w, r, i + (size_t)(w * VF_LANES), 1, nni_vm_first_scalar(VF_LANES));
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const size_t at = i + (size_t)(w * VF_LANES);
            if (at < end) f(a + w, b + w, r, at, 0, nni_vm_first_scalar(nni_min(end - at, VF_LANES)));
        }
        *first += (double)nni_fold16_scalar(a);
        *second += (double)nni_fold16_scalar(b);
    }
}

NNI_INLINE void nni_row_plain_scalar(nni_vf_scalar *first, nni_vf_scalar *second, const nni_row_scalar *r, size_t i, const int whole, nni_vm_scalar valid) {
    (void)second;
    *first = nni_vf_add_scalar(*first, nni_column_load_scalar(r->x + i, whole, valid));
}

/* x - mean, and 0 beyond the end of the row */
NNI_INLINE nni_vf_scalar nni_row_distance_scalar(const nni_row_scalar *r, size_t i, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar distance = nni_vf_sub_scalar(nni_column_load_scalar(r->x + i, whole, valid), r->mean);
    return whole ? distance : nni_vf_where_scalar(valid, distance);
}

NNI_INLINE void nni_row_moments_scalar(nni_vf_scalar *first, nni_vf_scalar *second, const nni_row_scalar *r, size_t i, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar distance = nni_row_distance_scalar(r, i, whole, valid);
    *first = nni_vf_add_scalar(*first, distance);
    *second = nni_vf_fma_scalar(distance, distance, *second);
}

NNI_INLINE nni_vf_scalar nni_row_gamma_scalar(const nni_row_scalar *r, size_t i, const int whole, nni_vm_scalar valid) {
    return r->scaled ? nni_column_load_scalar(r->gamma + i, whole, valid) : nni_vf_set1_scalar(1.0f);
}

/* gamma*dy, and gamma*dy*(x - mean) */
NNI_INLINE void nni_row_products_scalar(nni_vf_scalar *first, nni_vf_scalar *second, const nni_row_scalar *r, size_t i, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar g = nni_vf_mul_scalar(nni_row_gamma_scalar(r, i, whole, valid), nni_column_load_scalar(r->dy + i, whole, valid));
    *first = nni_vf_add_scalar(*first, g);
    *second = nni_vf_fma_scalar(g, nni_row_distance_scalar(r, i, whole, valid), *second);
}

/* Mean and inverse deviation of a row: a first mean, then the moments about it, which correct what was rounded off. */
NNI_INLINE float nni_row_statistics_scalar(float *inverse, const float *x, size_t n, float epsilon) {
    nni_row_scalar r = {x, NULL, NULL, NULL, nni_vf_set1_scalar(0.0f), 0};
    const double share = 1.0 / (double)n;
    double sum, squares;
    nni_row_sums_scalar(nni_row_plain_scalar, &sum, &squares, &r, n);
    const float about = (float)(sum * share);
    r.mean = nni_vf_set1_scalar(about);
    nni_row_sums_scalar(nni_row_moments_scalar, &sum, &squares, &r, n);
    const double off = sum * share, variance = squares * share - off * off;
    *inverse = (float)(1.0 / sqrt((variance < 0.0 ? 0.0 : variance) + (double)epsilon));
    return (float)((double)about + off);
}

NNI_INLINE void nni_layer_norm_vector_scalar(float *y, const nni_row_scalar *r, nni_vf_scalar inverse, size_t i, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar shift = r->beta ? nni_column_load_scalar(r->beta + i, whole, valid) : nni_vf_set1_scalar(0.0f);
    const nni_vf_scalar scale = nni_vf_mul_scalar(inverse, nni_row_gamma_scalar(r, i, whole, valid));
    nni_column_store_scalar(y + i, nni_vf_fma_scalar(nni_row_distance_scalar(r, i, whole, valid), scale, shift), whole, valid);
}

/* mean and inverse take those of each row, unless NULL */
static void nni_layer_norm_scalar(float *y, float *mean, float *inverse, const nni_strip *s, const float *gamma, const float *beta,
                               float epsilon) {
    nni_row_scalar r = {s->x, NULL, gamma, beta, nni_vf_set1_scalar(0.0f), gamma != NULL};
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, y += s->n) {
        float row_inverse;
        const float row_mean = nni_row_statistics_scalar(&row_inverse, r.x, s->n, epsilon);
        const nni_vf_scalar scale = nni_vf_set1_scalar(row_inverse);
        r.mean = nni_vf_set1_scalar(row_mean);
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES) nni_layer_norm_vector_scalar(y, &r, scale, i, 1, nni_vm_first_scalar(VF_LANES));
        if (i < s->n) nni_layer_norm_vector_scalar(y, &r, scale, i, 0, nni_vm_first_scalar(s->n - i));
        if (mean) mean[row] = row_mean;
        if (inverse) inverse[row] = row_inverse;
    }
}

NNI_INLINE void nni_layer_norm_vector_backward_scalar(float *dx, const nni_row_scalar *r, nni_vf_scalar inverse, nni_vf_scalar less, nni_vf_scalar slope, size_t i,
                                                   const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar dy = nni_column_load_scalar(r->dy + i, whole, valid);
    const nni_vf_scalar centred = nni_vf_fma_scalar(nni_row_gamma_scalar(r, i, whole, valid), dy, less);
    const nni_vf_scalar distance = nni_row_distance_scalar(r, i, whole, valid);
    nni_column_store_scalar(dx + i, nni_vf_mul_scalar(inverse, nni_vf_fnma_scalar(distance, slope, centred)), whole, valid);
}

/* dx = inverse*(g - mean(g) - z*mean(g*z)) with g = gamma*dy, z = (x - mean)*inverse */
NNI_INLINE void nni_layer_norm_rows_backward_scalar(const int scaled, float *dx, const nni_strip *s, const float *gamma) {
    nni_row_scalar r = {s->x, s->dy, gamma, NULL, nni_vf_set1_scalar(0.0f), scaled};
    const double share = 1.0 / (double)s->n;
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, r.dy += s->n, dx += s->n) {
        const double row_inverse = (double)s->inverse[row];
        double sum, products;
        r.mean = nni_vf_set1_scalar(s->mean[row]);
        nni_row_sums_scalar(nni_row_products_scalar, &sum, &products, &r, s->n);
        const nni_vf_scalar inverse = nni_vf_set1_scalar(s->inverse[row]), less = nni_vf_set1_scalar((float)(-sum * share));
        const nni_vf_scalar slope = nni_vf_set1_scalar((float)(products * share * row_inverse * row_inverse));
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES)
            nni_layer_norm_vector_backward_scalar(dx, &r, inverse, less, slope, i, 1, nni_vm_first_scalar(VF_LANES));
        if (i < s->n) nni_layer_norm_vector_backward_scalar(dx, &r, inverse, less, slope, i, 0, nni_vm_first_scalar(s->n - i));
    }
}

static void nni_layer_norm_backward_scalar(float *dx, const nni_strip *s, const float *gamma) {
    if (gamma) nni_layer_norm_rows_backward_scalar(1, dx, s, gamma);
    else nni_layer_norm_rows_backward_scalar(0, dx, s, NULL);
}

/* ---- simd/kernels/softmax.h ---- */
/* softmax.h - softmax, log-softmax and log-sum-exp of each row, and their gradients
 *
 * The row's maximum is subtracted first, so every exponential is at most 1 and one of them is 1: no finite row can
 * overflow or divide by zero. Sums run in 16 lanes over blocks of NNI_BLOCK, whose results are added in double.
 */

/* y[i] = e^(x[i] - shift) for n <= NNI_BLOCK floats; their sum is returned. A NULL y keeps the sum only. */
NNI_INLINE float nni_exp_block_scalar(const int keep, float *y, const float *x, size_t n, float shift) {
    const nni_vf_scalar top = nni_vf_set1_scalar(shift);
    nni_vf_scalar sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = nni_vf_set1_scalar(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const nni_vf_scalar e = nni_vexp_scalar(nni_vf_sub_scalar(nni_vf_load_scalar(x + i + w * VF_LANES), top));
            if (keep) nni_vf_store_scalar(y + i + w * VF_LANES, e);
            sum[w] = nni_vf_add_scalar(sum[w], e);
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at >= n) continue;
        const nni_vm_scalar valid = nni_vm_first_scalar(nni_min(n - at, VF_LANES));
        const nni_vf_scalar e = nni_vf_where_scalar(valid, nni_vexp_scalar(nni_vf_sub_scalar(nni_vf_load_m_scalar(x + at, valid), top)));
        if (keep) nni_vf_store_m_scalar(y + at, e, valid);
        sum[w] = nni_vf_add_scalar(sum[w], e);
    }
    return nni_fold16_scalar(sum);
}

NNI_INLINE double nni_exp_row_scalar(const int keep, float *y, const float *x, size_t n, float shift) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i += NNI_BLOCK)
        sum += (double)nni_exp_block_scalar(keep, keep ? y + i : y, x + i, nni_min(n - i, NNI_BLOCK), shift);
    return sum;
}

/* log of a sum of exponentials, which lies in [1, n] */
NNI_INLINE float nni_log_of_sum_scalar(double sum) {
    float y[VF_LANES];
    nni_vf_store_scalar(y, nni_vlog_scalar(nni_vf_set1_scalar((float)sum)));
    return y[0];
}

static void nni_softmax_scalar(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        const double sum = nni_exp_row_scalar(1, y, x, n, nni_max_scalar(x, n));
        nni_map1_scalar(nni_v_scale_scalar, y, y, n, (float)(1.0 / sum));
    }
}

NNI_INLINE nni_vf_scalar nni_v_subtract_scalar(nni_vf_scalar x, nni_vf_scalar a) { return nni_vf_sub_scalar(x, a); }

static void nni_log_softmax_scalar(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        const float top = nni_max_scalar(x, n), log_sum = nni_log_of_sum_scalar(nni_exp_row_scalar(0, NULL, x, n, top));
        /* two subtractions: top + log_sum in one float would lose log_sum beside a large top */
        nni_map1_scalar(nni_v_subtract_scalar, y, x, n, top);
        nni_map1_scalar(nni_v_subtract_scalar, y, y, n, log_sum);
    }
}

static void nni_log_sum_exp_scalar(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n) {
        const float top = nni_max_scalar(x, n);
        y[r] = top + nni_log_of_sum_scalar(nni_exp_row_scalar(0, NULL, x, n, top));
    }
}

NNI_INLINE nni_vf_scalar nni_d_softmax_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar dot) { return nni_vf_mul_scalar(y, nni_vf_sub_scalar(dy, dot)); }
NNI_INLINE nni_vf_scalar nni_d_log_softmax_scalar(nni_vf_scalar dy, nni_vf_scalar e, nni_vf_scalar sum) { return nni_vf_fnma_scalar(e, sum, dy); }

/* dx = y * (dy - sum(dy*y)) */
static void nni_softmax_backward_scalar(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double dot = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            dot += (double)nni_sum_block_scalar(nni_sum_product_scalar, nni_sum_product_n_scalar, dy + i, y + i, nni_min(n - i, NNI_BLOCK));
        nni_map2_scalar(nni_d_softmax_scalar, dx, dy, y, n, (float)dot);
    }
}

NNI_INLINE nni_vf_scalar nni_d_log_softmax_y_scalar(nni_vf_scalar dy, nni_vf_scalar y, nni_vf_scalar sum) { return nni_d_log_softmax_scalar(dy, nni_vexp_scalar(y), sum); }

/* dx = dy - e^y * sum(dy) */
static void nni_log_softmax_backward_scalar(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            sum += (double)nni_sum_block_scalar(nni_sum_one_scalar, nni_sum_one_n_scalar, dy + i, dy + i, nni_min(n - i, NNI_BLOCK));
        nni_map2_scalar(nni_d_log_softmax_y_scalar, dx, dy, y, n, (float)sum);
    }
}

/* ---- simd/kernels/random.h ---- */
/* random.h - Philox 4x32-10: random numbers as a function of (key, stream, position), nothing carried along
 *
 * Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). One counter gives four words. Words
 * are laid out in blocks of 64: the first words of 16 counters, then the second words, ... which every vector width
 * can store as whole vectors. Position i is word (i/16)%4 of counter (i/64)*16 + i%16, the counter being
 * (low, high half of that number, low, high half of stream).
 */

/* The words of the VF_LANES counters from `counter` on, a multiple of VF_LANES: no lane carries into the high half. */
NNI_INLINE void nni_philox_scalar(nni_vi_scalar *word, uint64_t key, uint64_t stream, uint64_t counter) {
    nni_vi_scalar c0 = nni_vi_add_scalar(nni_vi_set1_scalar((uint32_t)counter), nni_vi_lane_scalar()), c1 = nni_vi_set1_scalar((uint32_t)(counter >> 32));
    nni_vi_scalar c2 = nni_vi_set1_scalar((uint32_t)stream), c3 = nni_vi_set1_scalar((uint32_t)(stream >> 32));
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    const nni_vi_scalar m0 = nni_vi_set1_scalar(0xD2511F53u), m1 = nni_vi_set1_scalar(0xCD9E8D57u);
    NNI_UNROLL for (int round = 0; round < 10; round++) {
        nni_vi_scalar high0, high1;
        const nni_vi_scalar low0 = nni_vi_mul_wide_scalar(c0, m0, &high0), low1 = nni_vi_mul_wide_scalar(c2, m1, &high1);
        c0 = nni_vi_xor_scalar(nni_vi_xor_scalar(high1, c1), nni_vi_set1_scalar(k0));
        c2 = nni_vi_xor_scalar(nni_vi_xor_scalar(high0, c3), nni_vi_set1_scalar(k1));
        c1 = low1;
        c3 = low0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

/* Stores at y + 16*w the VF_LANES values made from word w. */
typedef void (*nni_random_fn_scalar)(float *y, const nni_vi_scalar *word, nni_vf_scalar a, nni_vf_scalar b);

NNI_INLINE void nni_random_blocks_scalar(nni_random_fn_scalar f, float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks,
                                      float a, float b) {
    const nni_vf_scalar av = nni_vf_set1_scalar(a), bv = nni_vf_set1_scalar(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_scalar word[4];
            nni_philox_scalar(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, word, av, bv);
        }
}

/* The top 24 bits as a multiple of 2^-24 in [0, 1): every value a float, all equally likely. */
NNI_INLINE nni_vf_scalar nni_unit_scalar(nni_vi_scalar word) { return nni_vf_mul_scalar(nni_vf_from_int_scalar(nni_vi_shr_scalar(word, 8)), nni_vf_set1_scalar(1.0f / 16777216.0f)); }

/* The float before a: its bits count down from a positive number and up from a negative one. */
NNI_INLINE nni_vf_scalar nni_float_before_scalar(nni_vf_scalar a) {
    const nni_vi_scalar bits = nni_vf_bits_scalar(a), sign = nni_vi_sar_scalar(bits, 31);
    const nni_vf_scalar before = nni_vf_from_bits_scalar(nni_vi_sub_scalar(nni_vi_sub_scalar(bits, nni_vi_set1_scalar(1)), nni_vi_shl_scalar(sign, 1)));
    return nni_vf_select_scalar(nni_vf_eq_scalar(a, nni_vf_set1_scalar(0.0f)), nni_vf_from_bits_scalar(nni_vi_set1_scalar(0x80000001u)), before);
}

/* lo + (hi - lo)*u, a = lo, b = hi; where the sum rounds up to hi, the float before it: the interval stays half open. */
NNI_INLINE void nni_random_uniform_words_scalar(float *y, const nni_vi_scalar *word, nni_vf_scalar a, nni_vf_scalar b) {
    const nni_vf_scalar width = nni_vf_sub_scalar(b, a), last = nni_float_before_scalar(b);
    NNI_UNROLL for (int w = 0; w < 4; w++) {
        const nni_vf_scalar v = nni_vf_fma_scalar(width, nni_unit_scalar(word[w]), a);
        nni_vf_store_scalar(y + 16 * w, nni_vf_select_scalar(nni_vf_eq_scalar(v, b), last, v));
    }
}

/* Box-Muller: two words give two normal values, *radius times *sine and *cosine. */
NNI_INLINE void nni_normal_pair_scalar(const nni_vi_scalar *word, nni_vf_scalar deviation, nni_vf_scalar *radius, nni_vf_scalar *sine, nni_vf_scalar *cosine) {
    const nni_vf_scalar u = nni_vf_add_scalar(nni_unit_scalar(word[0]), nni_vf_set1_scalar(1.0f / 16777216.0f)); /* (0, 1]: the log is finite */
    *radius = nni_vf_mul_scalar(deviation, nni_vf_sqrt_scalar(nni_vf_mul_scalar(nni_vf_set1_scalar(-2.0f), nni_log_builtin_scalar(u))));
    nni_vsincos_turns_scalar(nni_unit_scalar(word[1]), sine, cosine);
}

/* Words 0 and 1 give two normal values, words 2 and 3 two more. a = mean, b = standard deviation. */
NNI_INLINE void nni_random_normal_words_scalar(float *y, const nni_vi_scalar *word, nni_vf_scalar a, nni_vf_scalar b) {
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        nni_vf_scalar radius, sine, cosine;
        nni_normal_pair_scalar(word + w, b, &radius, &sine, &cosine);
        nni_vf_store_scalar(y + 16 * w, nni_vf_fma_scalar(radius, cosine, a));
        nni_vf_store_scalar(y + 16 * w + 16, nni_vf_fma_scalar(radius, sine, a));
    }
}

/* b where u < a, else 0. */
NNI_INLINE void nni_random_mask_words_scalar(float *y, const nni_vi_scalar *word, nni_vf_scalar a, nni_vf_scalar b) {
    NNI_UNROLL for (int w = 0; w < 4; w++) nni_vf_store_scalar(y + 16 * w, nni_vf_where_scalar(nni_vf_lt_scalar(nni_unit_scalar(word[w]), a), b));
}

static void nni_random_bits_scalar(uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks) {
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_scalar word[4];
            nni_philox_scalar(word, key, stream, (first + block) * 16 + lane);
            NNI_UNROLL for (int w = 0; w < 4; w++) nni_vi_store_scalar(y + block * 64 + lane + 16 * w, word[w]);
        }
}
static void nni_random_uniform_scalar(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float lo, float hi) {
    nni_random_blocks_scalar(nni_random_uniform_words_scalar, y, key, stream, first, blocks, lo, hi);
}
static void nni_random_normal_scalar(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float mean, float sd) {
    nni_random_blocks_scalar(nni_random_normal_words_scalar, y, key, stream, first, blocks, mean, sd);
}
static void nni_random_mask_scalar(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float keep, float value) {
    nni_random_blocks_scalar(nni_random_mask_words_scalar, y, key, stream, first, blocks, keep, value);
}

/* ---- simd/kernels/dropout.h ---- */
/* dropout.h - random masks and noise upon an array: y[i] = f(x[i], number i of the sequence), in the blocks of random.h */

/* Stores at y + 16*w what word w makes of the VF_LANES values at x + 16*w. */
typedef void (*nni_noise_fn_scalar)(float *y, const float *x, const nni_vi_scalar *word, nni_vf_scalar a, nni_vf_scalar b);

NNI_INLINE void nni_noise_blocks_scalar(nni_noise_fn_scalar f, float *y, const float *x, uint64_t key, uint64_t stream,
                                     uint64_t first, size_t blocks, float a, float b) {
    const nni_vf_scalar av = nni_vf_set1_scalar(a), bv = nni_vf_set1_scalar(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_scalar word[4];
            nni_philox_scalar(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, x + block * 64 + lane, word, av, bv);
        }
}

/* b*x where u < a, else 0, whatever x is */
NNI_INLINE void nni_dropout_words_scalar(float *y, const float *x, const nni_vi_scalar *word, nni_vf_scalar a, nni_vf_scalar b) {
    NNI_UNROLL for (int w = 0; w < 4; w++)
        nni_vf_store_scalar(y + 16 * w, nni_vf_where_scalar(nni_vf_lt_scalar(nni_unit_scalar(word[w]), a), nni_vf_mul_scalar(b, nni_vf_load_scalar(x + 16 * w))));
}

/* x + b*normal */
NNI_INLINE void nni_add_normal_words_scalar(float *y, const float *x, const nni_vi_scalar *word, nni_vf_scalar a, nni_vf_scalar b) {
    (void)a;
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        nni_vf_scalar radius, sine, cosine;
        nni_normal_pair_scalar(word + w, b, &radius, &sine, &cosine);
        nni_vf_store_scalar(y + 16 * w, nni_vf_fma_scalar(radius, cosine, nni_vf_load_scalar(x + 16 * w)));
        nni_vf_store_scalar(y + 16 * w + 16, nni_vf_fma_scalar(radius, sine, nni_vf_load_scalar(x + 16 * w + 16)));
    }
}

static void nni_dropout_scalar NNI_NOISE_ARGUMENTS {
    nni_noise_blocks_scalar(nni_dropout_words_scalar, y, x, key, stream, first, blocks, a, b);
}
static void nni_add_normal_scalar NNI_NOISE_ARGUMENTS {
    nni_noise_blocks_scalar(nni_add_normal_words_scalar, y, x, key, stream, first, blocks, a, b);
}

/* scale*x in the columns whose mask is positive, else 0, whatever x is */
NNI_INLINE void nni_mask_columns_rows_scalar(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, nni_vm_scalar valid) {
    const nni_vf_scalar mask = nni_column_load_scalar(factor[0] + j, whole, valid), scale = nni_vf_set1_scalar(*factor[1]);
    const nni_vm_scalar kept = nni_vf_lt_scalar(nni_vf_set1_scalar(0.0f), mask);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_scalar x = nni_column_load_scalar(s->x + at, whole, valid);
        nni_column_store_scalar(y + at, nni_vf_where_scalar(kept, nni_vf_mul_scalar(scale, x)), whole, valid);
    }
}
static void nni_mask_columns_scalar(float *y, const nni_strip *s, const float *mask, float scale) {
    const float *const factor[] = {mask, &scale};
    nni_normalize_strip_scalar(nni_mask_columns_rows_scalar, y, s, factor);
}

/* ---- simd/kernels/gemm_tile.h ---- */
/* gemm_tile.h - the micro-kernel: a tile of C held in registers while k runs
 *
 *                          b, vectors x VF_LANES wide           C is loaded first and stored last, so an element is one
 *                 p=0  [ . . . . . . . . . . . . ]              chain of fused multiply-adds in the order of k, however
 *                 p=1  [ . . . . . . . . . . . . ]  ldb         k is blocked: the bits depend on nothing else.
 *                  :                                            beta = 0 does not read C, which may hold NaN.
 *        a: p=0 1 2 ..                                          The last vector of a row holds `ragged` <= VF_LANES
 *    row 0 [ . . . . ]     c: rows x vectors                    columns; nothing beyond them is read or written, but
 *    row 1 [ . . . . ]     [ . . . . . . . . . . . . ]          where VF_FREE_MASK is 0 b must be readable there.
 *     :                                                         No alignment is needed.
 *
 * One call computes a run of `count` such tiles, each a step of a_next, b_next, c_next from the one before: down C, along
 * it, or just one.
 */

/* KC rows of B: a panel of two vectors stays in L1 (48 KiB at 16 lanes). MC rows of A: MC x KC stays in L2. */
#define NNI_KC 384
#define NNI_KC_LARGE 512 /* packed, C is what costs, and passes over it are k/KC */
#define NNI_MC 336
#define NNI_MC_PAGES 64 /* rows of A where each row of B is on a page of its own: both must fit the first TLB */
#define NNI_PAGE 1024
#define NNI_NC 3072
#define NNI_SHALLOW 32 /* k up to which writing C is most of the work */
#define NNI_WIDE_C (1u << 20) /* floats of C from which its rows are written one after another */
#define NNI_FAR (3u << 20) /* floats of B from which it is memory that has to be waited for: prefetch */

typedef struct nni_tiles_scalar {
    size_t k, count;
    size_t a_stride, ldb, ldc;
    size_t a_next, b_next, c_next;
    size_t ragged;
    size_t ahead;     /* where to prefetch B, in floats from where it is read */
    int prefetch_c;   /* ask for the next tile of C before computing this one */
    float beta;
} nni_tiles_scalar;

/* A run from a, b and c on. */
typedef void (*nni_tile_fn_scalar)(const nni_tiles_scalar *run, const float *a, const float *b, float *c);

/* For convolutions: A is read in `rows` x `count` stretches of k, with jumps between the end of one and the next, and B
 * jumps between rows; and bias and ReLU are done before C is stored. By k there is one stretch a row, and no epilogue. */
typedef struct nni_taps_scalar {
    size_t rows, count;
    ptrdiff_t jump, row_jump; /* of A: after a stretch; after `count` of them, on top */
    size_t b_jump;            /* of B, after a row */
    const float *bias;        /* of the columns of the tile, or NULL */
    int relu;
} nni_taps_scalar;

typedef void (*nni_taps_fn_scalar)(const nni_tiles_scalar *run, const nni_taps_scalar *taps, const float *a, const float *b, float *c);

NNI_INLINE nni_vf_scalar nni_tile_load_b_scalar(const float *b, int last, nni_vm_scalar mask) {
    return VF_FREE_MASK && last ? nni_vf_load_m_scalar(b, mask) : nni_vf_load_scalar(b);
}

/* What is done to the sums of a convolution before they are stored. */
NNI_INLINE void nni_tile_finish_scalar(const int rows, const int vectors, const nni_taps_scalar *taps, nni_vf_scalar *sum, nni_vm_scalar mask) {
    if (taps->bias)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            const float *at = taps->bias + j * VF_LANES;
            const nni_vf_scalar bias = j == vectors - 1 ? nni_vf_load_m_scalar(at, mask) : nni_vf_load_scalar(at);
            NNI_UNROLL for (int i = 0; i < rows; i++) sum[i * vectors + j] = nni_vf_add_scalar(sum[i * vectors + j], bias);
        }
    if (taps->relu)
        NNI_UNROLL for (int s = 0; s < rows * vectors; s++) sum[s] = nni_v_relu_scalar(sum[s], sum[s]);
}

/* by_k: a(i,p) = a[p*a_stride + i], as in a packed or transposed A; otherwise a(i,p) = a[i*a_stride + p]. taps is NULL for
 * a plain product, of which nothing then is left of the loops over them. */
NNI_INLINE void nni_tile_scalar(const int rows, const int vectors, const int by_k, const nni_tiles_scalar *run,
                             const nni_taps_scalar *taps, const float *a, const float *b, float *c) {
    nni_vf_scalar sum[28], bv[4];
    const nni_vm_scalar mask = nni_vm_first_scalar(run->ragged);
    const size_t a_stride = run->a_stride, ldb = run->ldb, ldc = run->ldc, k = run->k, ahead = run->ahead;

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = nni_vf_set1_scalar(0.0f);
    if (run->beta != 0.0f) {
        const nni_vf_scalar scale = nni_vf_set1_scalar(run->beta);
        NNI_UNROLL for (int i = 0; i < rows; i++)
            NNI_UNROLL for (int j = 0; j < vectors; j++) {
                const float *at = c + (size_t)i * ldc + j * VF_LANES;
                sum[i * vectors + j] = nni_vf_mul_scalar(scale, j == vectors - 1 ? nni_vf_load_m_scalar(at, mask) : nni_vf_load_scalar(at));
            }
    }

    if (by_k) {
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t p = 0; p < k; p++) {
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    bv[j] = nni_tile_load_b_scalar(b + j * VF_LANES, j == vectors - 1, mask);
                NNI_UNROLL for (int i = 0; i + 4 <= rows; i += 4) {
                    const nni_vq_scalar av = nni_vq_load_scalar(a + i);
                    NNI_UNROLL for (int r = 0; r < 4; r++)
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[(i + r) * vectors + j] = nni_vf_fma_q_scalar(av, r, bv[j], sum[(i + r) * vectors + j]);
                }
                NNI_UNROLL for (int i = rows / 4 * 4; i < rows; i++) {
                    const nni_vf_scalar av = nni_vf_set1_scalar(a[i]);
                    NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = nni_vf_fma_scalar(av, bv[j], sum[i * vectors + j]);
                }
                a += a_stride;
                b += ldb;
            }
            if (taps) a += taps->row_jump;
        }
    } else {
        /* One pointer for three rows: x86 reaches p, p + stride and p + 2*stride from it, and 14 pointers would spill. */
        const float *row[6];
        NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] = a + (size_t)i * a_stride;
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t count = taps ? taps->count : 1; count > 0; count--) {
                for (size_t p = 0; p < k; p++) {
                    NNI_UNROLL for (int j = 0; j < vectors; j++) {
                        if (!taps) __builtin_prefetch(b + ahead + j * VF_LANES);
                        bv[j] = nni_tile_load_b_scalar(b + j * VF_LANES, j == vectors - 1, mask);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i++) {
                        const nni_vf_scalar av = nni_vf_set1_scalar(row[i / 3][(size_t)(i % 3) * a_stride]);
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[i * vectors + j] = nni_vf_fma_scalar(av, bv[j], sum[i * vectors + j]);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3]++;
                    b += ldb;
                }
                if (taps) NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->jump;
            }
            if (taps) {
                NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->row_jump;
                b += taps->b_jump;
            }
        }
    }
    if (taps && !by_k) nni_tile_finish_scalar(rows, vectors, taps, sum, mask);

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            float *at = c + (size_t)i * ldc + j * VF_LANES;
            if (j < vectors - 1) nni_vf_store_scalar(at, sum[i * vectors + j]);
            else if (VF_FREE_MASK || run->ragged < VF_LANES) nni_vf_store_m_scalar(at, sum[i * vectors + j], mask);
            else nni_vf_store_scalar(at, sum[i * vectors + j]);
        }
}

NNI_INLINE void nni_tile_run_scalar(const int rows, const int vectors, const int by_k, const nni_tiles_scalar *run,
                                 const nni_taps_scalar *taps, const float *a, const float *b, float *c) {
    for (size_t t = run->count; t > 0; t--) {
        if (run->prefetch_c && t > 1)
            NNI_UNROLL for (int i = 0; i < rows; i++)
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    __builtin_prefetch(c + run->c_next + (size_t)i * run->ldc + j * VF_LANES, 1);
        nni_tile_scalar(rows, vectors, by_k, run, taps, a, b, c);
        a += run->a_next;
        b += run->b_next;
        c += run->c_next;
    }
}

/* Every tile that fits, in both readings of A, for products and for convolutions. */
#define NNI_TILE_DEFINE(rows, vectors)                                                                     \
    static void nni_tile_by_row_##rows##x##vectors##_scalar(const nni_tiles_scalar *run,                           \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_scalar(rows, vectors, 0, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void nni_tile_by_k_##rows##x##vectors##_scalar(const nni_tiles_scalar *run,                             \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_scalar(rows, vectors, 1, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void nni_taps_by_row_##rows##x##vectors##_scalar(const nni_tiles_scalar *run, const nni_taps_scalar *taps, \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_scalar(rows, vectors, 0, run, taps, a, b, c);                                            \
    }                                                                                                      \
    static void nni_taps_by_k_##rows##x##vectors##_scalar(const nni_tiles_scalar *run, const nni_taps_scalar *taps,   \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_scalar(rows, vectors, 1, run, taps, a, b, c);                                            \
    }
NNI_TILES(NNI_TILE_DEFINE)
#undef NNI_TILE_DEFINE

static const int nni_tile_rows_scalar[4] = {NNI_TILE_ROWS};

/* The place of a tile in the tables, which list all of 1 vector, then all of 2, ... */
static size_t nni_tile_index_scalar(size_t rows, size_t vectors) {
    size_t at = rows - 1;
    for (size_t v = 1; v < vectors; v++) at += (size_t)nni_tile_rows_scalar[v - 1];
    return at;
}

static nni_tile_fn_scalar nni_tile_find_scalar(int by_k, size_t rows, size_t vectors) {
#define NNI_TILE_BY_ROW(rows, vectors) nni_tile_by_row_##rows##x##vectors##_scalar,
#define NNI_TILE_BY_K(rows, vectors) nni_tile_by_k_##rows##x##vectors##_scalar,
    static const nni_tile_fn_scalar by_row_table[] = {NNI_TILES(NNI_TILE_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TILE_BY_K)};
#undef NNI_TILE_BY_ROW
#undef NNI_TILE_BY_K
    return (by_k ? by_k_table : by_row_table)[nni_tile_index_scalar(rows, vectors)];
}

static nni_taps_fn_scalar nni_taps_find_scalar(int by_k, size_t rows, size_t vectors) {
#define NNI_TAPS_BY_ROW(rows, vectors) nni_taps_by_row_##rows##x##vectors##_scalar,
#define NNI_TAPS_BY_K(rows, vectors) nni_taps_by_k_##rows##x##vectors##_scalar,
    static const nni_taps_fn_scalar by_row_table[] = {NNI_TILES(NNI_TAPS_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TAPS_BY_K)};
#undef NNI_TAPS_BY_ROW
#undef NNI_TAPS_BY_K
    return (by_k ? by_k_table : by_row_table)[nni_tile_index_scalar(rows, vectors)];
}

/* ---- simd/kernels/gemm_pack.h ---- */
/* gemm_pack.h - copies of A and B in the order in which the tiles read them
 *
 *   A, rows x k -> by k:  dst[p*rows + i] = scale * a(i,p)
 *   B, k x cols -> rows of `width` floats:  dst[p*width + j] = b(p,j)
 */

/* Columns of a block: r[p] lane i = a[i*stride + p] for i < rows <= VF_LANES, p < cols <= VF_LANES. Lanes from `rows` on
 * repeat the last row, vectors from `cols` on are zero: nobody reads either. */
NNI_INLINE void nni_pack_block_scalar(nni_vf_scalar *r, const float *a, size_t stride, size_t rows, size_t cols) {
    if (cols == VF_LANES) {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = nni_vf_load_scalar(a + nni_min(i, rows - 1) * stride);
    } else {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = nni_vf_load_n_scalar(a + nni_min(i, rows - 1) * stride, cols);
    }
    nni_vf_transpose_scalar(r);
}

/* Whole vectors are stored where `rows` is less than one: the floats too many are overwritten by the next p, and the
 * buffer has VF_LANES to spare behind the last panel. */
static void nni_pack_a_scalar(float *dst, const float *a, size_t a_row, size_t a_col, size_t rows, size_t k, float scale) {
    const nni_vf_scalar s = nni_vf_set1_scalar(scale);
    for (size_t i = 0; i < rows; i += VF_LANES) {
        const size_t height = nni_min(rows - i, VF_LANES);
        const int spill = rows < VF_LANES;
        if (a_row == 1) {
            for (size_t p = 0; p < k; p++) {
                const nni_vf_scalar v = nni_vf_mul_scalar(s, nni_vf_load_n_scalar(a + p * a_col + i, height));
                if (spill) nni_vf_store_scalar(dst + p * rows + i, v);
                else nni_vf_store_n_scalar(dst + p * rows + i, v, height);
            }
            continue;
        }
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            nni_vf_scalar r[VF_LANES];
            nni_pack_block_scalar(r, a + i * a_row + p, a_row, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) {
                    const nni_vf_scalar v = nni_vf_mul_scalar(s, r[q]);
                    if (spill) nni_vf_store_scalar(dst + (p + q) * rows + i, v);
                    else nni_vf_store_n_scalar(dst + (p + q) * rows + i, v, height);
                }
        }
    }
}

static void nni_pack_b_scalar(float *dst, const float *b, size_t b_row, size_t b_col, size_t k, size_t cols, size_t width) {
    if (b_col == 1) {
        for (size_t p = 0; p < k; p++) {
            size_t j = 0;
            for (; j + VF_LANES <= cols; j += VF_LANES) nni_vf_store_scalar(dst + p * width + j, nni_vf_load_scalar(b + p * b_row + j));
            if (j < cols) nni_vf_store_scalar(dst + p * width + j, nni_vf_load_n_scalar(b + p * b_row + j, cols - j));
        }
        return;
    }
    for (size_t j = 0; j < cols; j += VF_LANES) {
        const size_t height = nni_min(cols - j, VF_LANES);
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            nni_vf_scalar r[VF_LANES];
            nni_pack_block_scalar(r, b + j * b_col + p, b_col, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) nni_vf_store_scalar(dst + (p + q) * width + j, r[q]);
        }
    }
}

/* ---- simd/kernels/gemm_dot.h ---- */
/* gemm_dot.h - few rows against a transposed B: every element of C a dot product in 16 lanes, nothing copied
 *
 * Both operands run along k, so sums are kept per lane, 16 of them on every ISA (NNI_WIDE vectors), and folded at the end:
 * VF_LANES columns of a row of C at once, which then are stored as a vector.
 */

/* products[i*VF_LANES + j]: the lane sums of row i of a with row j of b, folded down to VF_LANES lanes. Rows of b from
 * `valid` on do not exist; the last one is read in their place. */
NNI_INLINE void nni_dot_block_scalar(const int rows, const int cols, nni_vf_scalar *products, const float *a, size_t a_row, const float *b,
                                  size_t b_col, size_t k, size_t valid) {
    nni_vf_scalar sum[24];
    const float *row_b[8];
    NNI_UNROLL for (int s = 0; s < rows * cols * NNI_WIDE; s++) sum[s] = nni_vf_set1_scalar(0.0f);
    NNI_UNROLL for (int j = 0; j < cols; j++) row_b[j] = b + nni_min((size_t)j, valid - 1) * b_col;

    size_t p = 0;
    for (; p + 16 <= k; p += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            nni_vf_scalar av[NNI_DOT_ROWS];
            NNI_UNROLL for (int i = 0; i < rows; i++) av[i] = nni_vf_load_scalar(a + (size_t)i * a_row + p + w * VF_LANES);
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const nni_vf_scalar bv = nni_vf_load_scalar(row_b[j] + p + w * VF_LANES);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = nni_vf_fma_scalar(av[i], bv, sum[s]);
                }
            }
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t begin = p + (size_t)(w * VF_LANES);
        if (begin < k) {
            const nni_vm_scalar left = nni_vm_first_scalar(nni_min(k - begin, VF_LANES));
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const nni_vf_scalar bv = nni_vf_load_m_scalar(row_b[j] + begin, left);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = nni_vf_fma_scalar(nni_vf_load_m_scalar(a + (size_t)i * a_row + begin, left), bv, sum[s]);
                }
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < cols; j++) {
            nni_vf_scalar *lanes = sum + (i * cols + j) * NNI_WIDE;
            NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
                NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = nni_vf_add_scalar(lanes[w], lanes[w + half]);
            products[i * VF_LANES + j] = lanes[0];
        }
}

/* `rows` rows of C, VF_LANES columns at a time. A single row takes twice the columns: four sums would wait for each other. */
NNI_INLINE void nni_dot_rows_scalar(const int rows, const nni_gemm *g, size_t i0) {
    const int cols = rows == 1 && 2 * NNI_DOT_COLS <= VF_LANES ? 2 * NNI_DOT_COLS : NNI_DOT_COLS;
    const float *a = g->a + i0 * g->a_row;
    const nni_vf_scalar beta = nni_vf_set1_scalar(g->beta);
    for (size_t j0 = 0; j0 < g->n; j0 += VF_LANES) {
        nni_vf_scalar products[NNI_DOT_ROWS * VF_LANES];
        for (int s = 0; s < VF_LANES; s += cols) {
            const size_t j = nni_min(j0 + (size_t)s, g->n - 1);
            nni_dot_block_scalar(rows, cols, products + s, a, g->a_row, g->b + j * g->b_col, g->b_col, g->k, g->n - j);
        }
        const size_t width = nni_min(g->n - j0, VF_LANES);
        for (int i = 0; i < rows; i++) {
            float *c = g->c + (i0 + (size_t)i) * g->ldc + j0;
            nni_vf_scalar y = nni_vf_fold_each_scalar(products + i * VF_LANES);
            if (g->beta != 0.0f) y = nni_vf_add_scalar(nni_vf_mul_scalar(beta, nni_vf_load_n_scalar(c, width)), y);
            if (width == VF_LANES) nni_vf_store_scalar(c, y);
            else nni_vf_store_n_scalar(c, y, width);
        }
    }
}

static void nni_gemm_dot_scalar(const nni_gemm *g) {
    const size_t groups = nni_ceil_div(g->m, NNI_DOT_ROWS), least = g->m / groups, taller = g->m % groups;
    for (size_t t = 0, i = 0; t < groups; t++) {
        const size_t rows = least + (t < taller);
        switch (rows) { /* the sums live in registers only if their number is a constant */
        case 1: nni_dot_rows_scalar(1, g, i); break;
#define NNI_DOT_CASE(count) case count: nni_dot_rows_scalar(count <= NNI_DOT_ROWS ? count : 1, g, i); break;
        NNI_DOT_CASE(2) NNI_DOT_CASE(3) NNI_DOT_CASE(4) NNI_DOT_CASE(5) NNI_DOT_CASE(6)
#undef NNI_DOT_CASE
        }
        i += rows;
    }
}

/* ---- simd/kernels/gemm_row.h ---- */
/* gemm_row.h - one row against B as it lies, and outer products: the whole time goes into reading B, or writing C, once
 *
 * Eight rows of B are read side by side while y stays in L1: eight forward streams that the prefetcher follows, where
 * column blocks would jump a row ahead at every step. With k of 1 or 2 the rows of C are such streams.
 */

#define NNI_ROW_STREAMS 8

/* Whether the product takes this path; narrow ones stay in the registers of a tile. */
static int nni_gemm_is_row_scalar(const nni_gemm *g) {
    if (g->b_col != 1 || g->packed_b || g->alpha != 1.0f) return 0;
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0;
    return (g->m == 1 && (g->n > 4 * VF_LANES || ragged)) || (g->k <= 2 && g->n >= 512);
}

/* y[j] = beta*y[j] + x[0]*b[0][j] + ... + x[rows-1]*b[rows-1][j], in that order */
NNI_INLINE void nni_gemm_row_step_scalar(const int rows, float *y, const float *x, size_t x_stride, const float *b, size_t ldb,
                                      size_t n, float beta) {
    nni_vf_scalar xv[NNI_ROW_STREAMS];
    NNI_UNROLL for (int r = 0; r < rows; r++) xv[r] = nni_vf_set1_scalar(x[(size_t)r * x_stride]);
    const nni_vf_scalar scale = nni_vf_set1_scalar(beta);
    size_t j = 0;
    for (; j + VF_LANES <= n; j += VF_LANES) {
        nni_vf_scalar sum = beta == 0.0f ? nni_vf_set1_scalar(0.0f) : nni_vf_mul_scalar(scale, nni_vf_load_scalar(y + j));
        NNI_UNROLL for (int r = 0; r < rows; r++) sum = nni_vf_fma_scalar(xv[r], nni_vf_load_scalar(b + (size_t)r * ldb + j), sum);
        nni_vf_store_scalar(y + j, sum);
    }
    if (j < n) {
        nni_vf_scalar sum = beta == 0.0f ? nni_vf_set1_scalar(0.0f) : nni_vf_mul_scalar(scale, nni_vf_load_n_scalar(y + j, n - j));
        for (size_t r = 0; r < (size_t)rows; r++) sum = nni_vf_fma_scalar(nni_vf_set1_scalar(x[r * x_stride]), nni_vf_load_n_scalar(b + r * ldb + j, n - j), sum);
        nni_vf_store_n_scalar(y + j, sum, n - j);
    }
}

static void nni_gemm_row_scalar(const nni_gemm *g, float *c, const float *a) {
    float beta = g->beta;
    size_t p = 0;
    for (; p + NNI_ROW_STREAMS <= g->k; p += NNI_ROW_STREAMS, beta = 1.0f)
        nni_gemm_row_step_scalar(NNI_ROW_STREAMS, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
    for (; p < g->k; p++, beta = 1.0f)
        nni_gemm_row_step_scalar(1, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
}

/* One row against `panels` packed panels side by side, each a stream and a set of sums of its own. */
NNI_INLINE void nni_gemm_packed_step_scalar(const int panels, const nni_gemm *g, size_t j) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    nni_vf_scalar sum[4 * NNI_LARGE_VECTORS];
    float *c = g->c + j;
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES, left = j + at < g->n ? nni_min(g->n - j - at, VF_LANES) : 0;
        sum[s] = g->beta == 0.0f || !left ? nni_vf_set1_scalar(0.0f) : nni_vf_mul_scalar(nni_vf_set1_scalar(g->beta), nni_vf_load_n_scalar(c + at, left));
    }
    const float *b = g->packed_b + j * g->k;
    for (size_t p = 0; p < g->k; p++) {
        const nni_vf_scalar x = nni_vf_set1_scalar(g->a[p * g->a_col]);
        NNI_UNROLL for (int q = 0; q < panels; q++)
            NNI_UNROLL for (int v = 0; v < NNI_LARGE_VECTORS; v++) {
                const int s = q * NNI_LARGE_VECTORS + v;
                sum[s] = nni_vf_fma_scalar(x, nni_vf_load_scalar(b + (size_t)q * width * g->k + p * width + v * VF_LANES), sum[s]);
            }
    }
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES;
        if (j + at < g->n) nni_vf_store_n_scalar(c + at, sum[s], nni_min(g->n - j - at, VF_LANES));
    }
}

static void nni_gemm_packed_row_scalar(const nni_gemm *g) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    size_t j = 0;
    for (; j + 3 * width < g->n; j += 4 * width) nni_gemm_packed_step_scalar(4, g, j);
    for (; j < g->n; j += width) nni_gemm_packed_step_scalar(1, g, j);
}

static void nni_gemm_rows_scalar(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) nni_gemm_row_scalar(g, g->c + i * g->ldc, g->a + i * g->a_row);
}

/* ---- simd/kernels/gemm_turned.h ---- */
/* gemm_turned.h - C = A*B computed as C' = B'*A': lanes along the rows of C instead of its columns
 *
 * For a transposed B: its rows are the turned product's left rows and are read as they lie, and A, a batch that is small
 * beside the weights, is packed instead of them. For few columns and a transposed A: its rows fill the lanes, and nothing is
 * packed. Tiles come out turned, stay in L1 while k runs, and are turned back on the way into C. Pays where m fills whole
 * vectors; each element is the same chain as ever.
 */

static int nni_gemm_is_turned_scalar(const nni_gemm *g) {
    if (VF_LANES == 1 || g->alpha != 1.0f || g->packed_b || g->m % VF_LANES) return 0;
    if (g->a_row == 1) return g->b_col == 1 && g->n % 16 && g->n < 14 && g->k >= 32;
    return g->b_row == 1 && g->b_col != 1 && g->a_col == 1 && g->m <= 256 && (g->k >= 192 || g->m * 3 <= g->k);
}

/* tile[r][i] = c[i][r], or back; tile has `cols` (whole vectors) floats a row. */
static void nni_turn_in_scalar(float *tile, const float *c, size_t ldc, size_t rows, size_t cols) {
    for (size_t i = 0; i < cols; i++)
        for (size_t r = 0; r < rows; r++) tile[r * cols + i] = c[i * ldc + r];
}

static void nni_turn_out_scalar(float *c, size_t ldc, const float *tile, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r += VF_LANES) {
        const size_t height = nni_min(rows - r, VF_LANES);
        for (size_t i = 0; i < cols; i += VF_LANES) {
            nni_vf_scalar block[VF_LANES];
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) block[q] = nni_vf_load_scalar(tile + (r + q) * cols + i);
            nni_vf_transpose_scalar(block);
            if (height == VF_LANES) {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) nni_vf_store_scalar(c + (i + q) * ldc + r, block[q]);
            } else {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) nni_vf_store_n_scalar(c + (i + q) * ldc + r, block[q], height);
            }
        }
    }
}

static void nni_gemm_turned_scalar(const nni_gemm *g, size_t vectors, float *work) {
    const size_t panel = vectors * VF_LANES, most = (size_t)nni_tile_rows_scalar[vectors - 1];
    const int pack = g->a_row != 1, by_k = g->b_col == 1;
    NNI_ALIGNED(64) float tile[32 * 4 * VF_LANES]; /* the rows of the tallest tile, and whole vectors to read behind them */
    for (size_t i = 0; pack && i < g->m; i += panel) {
        const size_t cols = nni_min(panel, g->m - i);
        nni_pack_b_scalar(work + i * g->k, g->a + i * g->a_row, 1, g->a_row, g->k, cols, cols);
    }
    nni_tiles_scalar run = {0, 1, by_k ? g->b_row : g->b_col, 0, 0, 0, 0, 0, VF_LANES, 0, 0, 0.0f};
    const size_t tiles = nni_ceil_div(g->n, most), least = g->n / tiles, taller = g->n % tiles;
    for (size_t t = 0, j = 0; t < tiles; t++) {
        const size_t rows = least + (t < taller);
        for (size_t i = 0; i < g->m; i += panel) {
            const size_t cols = nni_min(panel, g->m - i);
            const nni_tile_fn_scalar compute = nni_tile_find_scalar(by_k, rows, cols / VF_LANES);
            float *c = g->c + i * g->ldc + j;
            run.ldb = pack ? cols : g->a_col;
            run.ldc = cols;
            if (g->beta != 0.0f) nni_turn_in_scalar(tile, c, g->ldc, rows, cols);
            for (size_t p = 0; p < g->k; p += NNI_KC) {
                run.k = nni_min(NNI_KC, g->k - p);
                run.beta = p == 0 ? g->beta : 1.0f;
                compute(&run, g->b + j * g->b_col + p * g->b_row, (pack ? work + i * g->k : g->a + i) + p * run.ldb, tile);
            }
            nni_turn_out_scalar(c, g->ldc, tile, rows, cols);
        }
        j += rows;
    }
}

/* ---- simd/kernels/gemm.h ---- */
/* gemm.h - C = alpha*A*B + beta*C: which path a shape takes, and the loops of the blocked one
 *
 * Names as in the literature: m, n, k the sizes; jc pc ic jr ir the loops from the outside in; NC KC MC their blocks.
 */

/* How the blocked path treats one product: decided by shape, felt in speed only, never in bits. */
typedef struct nni_gemm_plan_scalar {
    size_t kc, mc, nc;
    size_t vectors; /* width of a tile */
    int turned;     /* as C' = B'*A' */
    int pack_a, pack_b;
    int edge;         /* pack the last columns of B, which fill no vector and cannot be loaded without a mask */
    int await_c;      /* prefetch the next tile of C */
    size_t ahead;     /* how far to prefetch along the rows of B, or 0 */
    int rows_outside; /* walk along the rows of C: where C is what costs, and B stays in cache */
} nni_gemm_plan_scalar;

/* Half-cycles that one step of k takes in a tile: two fmas or two loads a cycle, and eight sums hide the latency. */
static size_t nni_tile_cost_scalar(size_t rows, size_t vectors) {
    return nni_max(nni_max(rows * vectors, rows + 2 * vectors), 8);
}

/* The width of tile that takes least time. Where k is short the tile is soon done, and storing C in long runs counts. */
static size_t nni_plan_vectors_scalar(size_t m, size_t n, size_t k) {
    const size_t across = nni_ceil_div(n, VF_LANES);
    if (k <= NNI_SHALLOW) return nni_min(across, NNI_LARGE_VECTORS);
    size_t best = 1, least = SIZE_MAX;
    for (size_t v = 1; v <= 4; v++) {
        const size_t tiles = nni_ceil_div(m, (size_t)nni_tile_rows_scalar[v - 1]);
        const size_t rows = nni_ceil_div(m, tiles);
        const size_t rest = across % v;
        const size_t cost = tiles * (across / v * nni_tile_cost_scalar(rows, v) + (rest ? nni_tile_cost_scalar(rows, rest) : 0));
        if (cost < least) {
            least = cost;
            best = v;
        }
    }
    return best;
}

static nni_gemm_plan_scalar nni_plan_scalar(const nni_gemm *g) {
    nni_gemm_plan_scalar plan;
    /* From some size on the copies pay: they cost 1/n and 1/m of the product, rows far apart more. */
    const int large = g->m > 512 && g->n >= 128 && g->k >= 128 && (g->a_col == 1 || g->k > NNI_KC);
    const int deep = g->a_row == 1 && g->k > 192; /* both operands are read down long columns */
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0, narrow = g->n < 4 * VF_LANES && g->m >= 8;
    plan.turned = nni_gemm_is_turned_scalar(g);
    plan.pack_b = !g->packed_b && (g->b_col != 1 || large || deep || (ragged && narrow));
    plan.edge = ragged && !plan.pack_b && !g->packed_b;
    plan.pack_a = g->alpha != 1.0f || (g->a_row != 1 && g->a_col != 1) || large;
    plan.kc = large ? NNI_KC_LARGE : NNI_KC;
    plan.mc = plan.pack_a ? NNI_MC / 2 : !plan.pack_b && g->b_row >= NNI_PAGE ? NNI_MC_PAGES : NNI_MC;
    plan.nc = NNI_NC;
    plan.await_c = large && g->m * g->n >= NNI_WIDE_C;
    plan.rows_outside = g->k <= NNI_SHALLOW && g->m * g->n >= NNI_WIDE_C;
    if (g->packed_b) plan.vectors = NNI_LARGE_VECTORS;
    else if (plan.turned) plan.vectors = nni_plan_vectors_scalar(g->n, g->m, g->k);
    else if (large) plan.vectors = NNI_LARGE_VECTORS;
    else plan.vectors = nni_plan_vectors_scalar(nni_min(g->m, NNI_MC), nni_min(g->n, NNI_NC), g->k);
    plan.ahead = 0;
    if (g->k * g->n >= NNI_FAR && g->packed_b) plan.ahead = plan.vectors * VF_LANES * g->k;
    else if (g->k * g->n >= NNI_FAR && g->b_col == 1 && !plan.pack_b) plan.ahead = plan.vectors * VF_LANES;
    return plan;
}

/* The rows of a block as they are dealt out to tiles: evenly, so that no tile is left with one row. The first `taller`
 * tiles have rows + 1. */
typedef struct nni_gemm_deal_scalar {
    size_t tiles, rows, taller;
} nni_gemm_deal_scalar;

static nni_gemm_deal_scalar nni_deal_scalar(size_t height, size_t vectors) {
    nni_gemm_deal_scalar d;
    d.tiles = nni_ceil_div(height, (size_t)nni_tile_rows_scalar[vectors - 1]);
    d.rows = height / d.tiles;
    d.taller = height % d.tiles;
    return d;
}

/* Packs a block of A in panels as high as the tiles that will read them. */
static void nni_pack_a_panels_scalar(float *dst, const nni_gemm *g, const nni_gemm_plan_scalar *plan, const float *a, size_t height,
                                  size_t k) {
    const nni_gemm_deal_scalar d = nni_deal_scalar(height, plan->vectors);
    for (size_t t = 0, i = 0; t < d.tiles; t++) {
        const size_t rows = d.rows + (t < d.taller);
        nni_pack_a_scalar(dst + i * k, a + i * g->a_row, g->a_row, g->a_col, rows, k, g->alpha);
        i += rows;
    }
}

/* Where a block of A or B is: packed, or part of the matrix. */
typedef struct nni_gemm_where_scalar {
    const float *a, *b;
    const float *edge; /* the columns that fill no vector, VF_LANES wide, or NULL */
    size_t ldb;         /* 0: rows are as wide as their panel */
    size_t panel;       /* from one panel of B to the next */
} nni_gemm_where_scalar;

/* Columns of a block of C from panel s on: `panels` whole ones, or the last one with `width` columns. Tiles of one height
 * are one run down a panel or, where writing C is what costs, one run along the rows. */
static void nni_gemm_panels_scalar(const nni_gemm *g, const nni_gemm_plan_scalar *plan, const nni_gemm_where_scalar *where, float *c,
                                nni_gemm_deal_scalar d, size_t s, size_t panels, size_t width, size_t k, float beta) {
    const size_t vectors = nni_ceil_div(width, VF_LANES), panel = plan->vectors * VF_LANES;
    const size_t a_step = plan->pack_a ? k : g->a_row;
    const int by_k = plan->pack_a || g->a_row == 1, along = panels > 1;
    nni_tiles_scalar run;
    run.k = k;
    run.beta = beta;
    run.ldc = g->ldc;
    run.ldb = where->ldb ? where->ldb : vectors * VF_LANES;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.ahead = plan->ahead;
    run.prefetch_c = plan->await_c;
    run.b_next = along ? where->panel : 0;
    for (size_t t = 0; t < d.tiles;) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        const size_t alike = along ? 1 : t < d.taller ? d.taller : d.tiles - t;
        run.count = along ? panels : alike;
        run.a_stride = plan->pack_a ? rows : by_k ? g->a_col : g->a_row;
        run.a_next = along ? 0 : rows * a_step;
        run.c_next = along ? panel : rows * g->ldc;
        nni_tile_find_scalar(by_k, rows, vectors)
        (&run, where->a + i * a_step, where->b + s * where->panel, c + i * g->ldc + s * panel);
        t += alike;
    }
}

/* A block of C, height x width. */
static void nni_gemm_block_scalar(const nni_gemm *g, const nni_gemm_plan_scalar *plan, const nni_gemm_where_scalar *where, float *c,
                               size_t height, size_t width, size_t k, float beta) {
    const nni_gemm_deal_scalar d = nni_deal_scalar(height, plan->vectors);
    const size_t panel = plan->vectors * VF_LANES, whole = width / panel, step = plan->rows_outside ? nni_max(whole, 1) : 1;
    for (size_t s = 0; s < whole; s += step) nni_gemm_panels_scalar(g, plan, where, c, d, s, step, panel, k, beta);
    const size_t rest = width % panel, ragged = where->edge ? rest % VF_LANES : 0;
    if (rest > ragged) nni_gemm_panels_scalar(g, plan, where, c, d, whole, 1, rest - ragged, k, beta);
    if (ragged) {
        const nni_gemm_where_scalar edge = {where->a, where->edge, NULL, VF_LANES, 0};
        nni_gemm_panels_scalar(g, plan, &edge, c + width - ragged, d, 0, 1, ragged, k, beta);
    }
}

/* Floats that the packed part of B takes. */
static size_t nni_plan_floats_b_scalar(const nni_gemm *g, const nni_gemm_plan_scalar *plan) {
    const size_t columns = plan->pack_b ? nni_round_up(nni_min(plan->nc, g->n), VF_LANES) : plan->edge ? VF_LANES : 0;
    return nni_min(plan->kc, g->k) * columns;
}

static void nni_gemm_blocked_scalar(const nni_gemm *g, const nni_gemm_plan_scalar *plan, float *work) {
    const size_t panel = plan->vectors * VF_LANES;
    float *const packed_b = work;
    float *const packed_a = plan->pack_a ? work + nni_plan_floats_b_scalar(g, plan) : NULL;

    for (size_t jc = 0; jc < g->n; jc += plan->nc) {
        const size_t nc = nni_min(plan->nc, g->n - jc);
        for (size_t pc = 0; pc < g->k; pc += plan->kc) {
            const size_t kc = nni_min(plan->kc, g->k - pc);
            const float beta = pc == 0 ? g->beta : 1.0f;
            if (plan->pack_b)
                for (size_t jr = 0; jr < nc; jr += panel) {
                    const size_t cols = nni_min(panel, nc - jr);
                    nni_pack_b_scalar(packed_b + jr * kc, g->b + pc * g->b_row + (jc + jr) * g->b_col, g->b_row, g->b_col, kc, cols,
                                   nni_round_up(cols, VF_LANES));
                }
            nni_gemm_where_scalar where = {NULL, g->b + pc * g->b_row + jc, NULL, g->b_row, panel};
            if (plan->pack_b) {
                where.b = packed_b;
                where.ldb = 0;
                where.panel = panel * kc;
            } else if (plan->edge && jc + nc == g->n) {
                const size_t ragged = nc % VF_LANES;
                nni_pack_b_scalar(packed_b, where.b + nc - ragged, g->b_row, 1, kc, ragged, VF_LANES);
                where.edge = packed_b;
            } else if (g->packed_b) {
                where.b = g->packed_b + jc * g->k + pc * panel;
                where.ldb = panel;
                where.panel = panel * g->k;
            }
            for (size_t ic = 0; ic < g->m; ic += plan->mc) {
                const size_t mc = nni_min(plan->mc, g->m - ic);
                where.a = g->a + ic * g->a_row + pc * g->a_col;
                if (plan->pack_a) {
                    nni_pack_a_panels_scalar(packed_a, g, plan, where.a, mc, kc);
                    where.a = packed_a;
                }
                nni_gemm_block_scalar(g, plan, &where, g->c + ic * g->ldc + jc, mc, nc, kc, beta);
            }
        }
    }
}

/* Floats of workspace that the plan needs. */
static size_t nni_plan_workspace_scalar(const nni_gemm *g, const nni_gemm_plan_scalar *plan) {
    if (plan->turned) return g->a_row == 1 ? 0 : g->k * g->m;
    const size_t a = plan->pack_a ? nni_min(plan->kc, g->k) * nni_min(plan->mc, g->m) + VF_LANES : 0;
    return nni_plan_floats_b_scalar(g, plan) + a;
}

/* C = beta*C, all that is left when nothing is to be added; beta = 0 does not read C. */
static void nni_gemm_scale_scalar(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) nni_scale_scalar(g->c + i * g->ldc, g->c + i * g->ldc, g->n, g->beta);
}

/* Bias and activation for one finished row of C. */
static void nni_gemm_epilogue_scalar(const nni_gemm *g, float *c) {
    if (g->bias && g->bias_step) nni_add_scalar(c, c, g->bias, g->n);
    else if (g->bias) nni_map1_scalar(nni_v_shift_scalar, c, c, g->n, g->bias[0]);
    if (g->activation != NN_IDENTITY) nni_activate_scalar(c, c, g->n, g->activation, g->slope);
}

/* Computes a product of one tile, or a column of few, as it lies in memory, without a plan or packing, and returns 1; or
 * returns 0. */
static int nni_gemm_small_scalar(const nni_gemm *g) {
    if (g->n > 4 * VF_LANES || g->b_col != 1 || g->alpha != 1.0f || g->packed_b) return 0;
    if (!VF_FREE_MASK && g->n % VF_LANES) return 0;
    const size_t vectors = (g->n - 1) / VF_LANES + 1, most = (size_t)nni_tile_rows_scalar[vectors - 1];
    const int by_k = g->a_row == 1;
    if (g->m > (vectors <= 2 ? 4 * most : most) || (!by_k && g->a_col != 1)) return 0;
    nni_tiles_scalar run = {g->k, 1, by_k ? g->a_col : g->a_row, g->b_row, g->ldc, 0, 0, 0, g->n - (vectors - 1) * VF_LANES, 0, 0, g->beta};
    if (g->m <= most) {
        nni_tile_find_scalar(by_k, g->m, vectors)(&run, g->a, g->b, g->c);
        return 1;
    }
    const nni_gemm_deal_scalar d = nni_deal_scalar(g->m, vectors);
    for (size_t t = 0, i = 0, rows; t < d.tiles; t += run.count, i += run.count * rows) {
        rows = d.rows + (t < d.taller);
        run.count = t < d.taller ? d.taller : d.tiles - t;
        run.a_next = rows * g->a_row;
        run.c_next = rows * g->ldc;
        nni_tile_find_scalar(by_k, rows, vectors)(&run, g->a + i * g->a_row, g->b, g->c + i * g->ldc);
    }
    return 1;
}

/* Computes the product and returns 0; or, if it takes more than the `floats` of workspace given, how many it takes. */
static size_t nni_gemm_scalar(const nni_gemm *g, float *work, size_t floats) {
    if (g->k == 0 || g->alpha == 0.0f) nni_gemm_scale_scalar(g);
    else if (g->dot) nni_gemm_dot_scalar(g);
    else if (nni_gemm_small_scalar(g)) {} /* done */
    else if (nni_gemm_is_row_scalar(g)) nni_gemm_rows_scalar(g);
    else if (g->packed_b && g->m == 1 && g->alpha == 1.0f) nni_gemm_packed_row_scalar(g);
    else {
        const nni_gemm_plan_scalar plan = nni_plan_scalar(g);
        const size_t needed = nni_plan_workspace_scalar(g, &plan);
        if (needed > floats) return needed;
        if (plan.turned) nni_gemm_turned_scalar(g, plan.vectors, work);
        else nni_gemm_blocked_scalar(g, &plan, work);
    }
    if (g->bias || g->activation != NN_IDENTITY)
        for (size_t i = 0; i < g->m; i++) nni_gemm_epilogue_scalar(g, g->c + i * g->ldc);
    return 0;
}

/* Floats of workspace with which gemm() is sure to succeed. */
static size_t nni_gemm_workspace_scalar(const nni_gemm *g) {
    if (g->dot) return 0;
    const nni_gemm_plan_scalar plan = nni_plan_scalar(g);
    return nni_plan_workspace_scalar(g, &plan);
}

/* All of op(B), k x n, in panels of NNI_LARGE_VECTORS vectors, the last one filled up with zeros. */
static void nni_gemm_pack_scalar(float *dst, const float *b, size_t b_row, size_t b_col, size_t n, size_t k) {
    const size_t panel = NNI_LARGE_VECTORS * VF_LANES;
    if (k == 0) return;
    if (n % panel) memset(dst + n / panel * panel * k, 0, panel * k * sizeof *dst);
    for (size_t j = 0; j < n; j += panel) {
        const size_t cols = nni_min(panel, n - j);
        nni_pack_b_scalar(dst + j * k, b + j * b_col, b_row, b_col, k, cols, panel);
    }
}

/* ---- simd/kernels/conv_block.h ---- */
/* conv_block.h - the parts of a convolution: a unit, computed at a time, and its blocks, in which all outputs have the same taps */

/* Some images, or positions [from, to) of y of one of them. */
typedef struct nni_conv_unit_scalar {
    size_t image, images;
    size_t from, to;
} nni_conv_unit_scalar;

static nni_conv_unit_scalar nni_conv_unit_of_scalar(const nni_conv *job, size_t u) {
    nni_conv_unit_scalar unit;
    unit.image = u / job->bands * job->together;
    unit.images = nni_min(job->together, job->images - unit.image);
    unit.from = u % job->bands * job->band;
    unit.to = nni_min(unit.from + job->band, job->y.positions);
    return unit;
}

/* One axis of a block: how many outputs, and what is between two of them in the source and in the target. */
typedef struct nni_conv_steps_scalar {
    size_t count, source, target;
} nni_conv_steps_scalar;

/* Outputs of a unit that have the same taps. axis[0] becomes the rows of A. */
typedef struct nni_conv_block_scalar {
    nni_conv_steps_scalar axis[3];
    const float *source; /* what the first tap reads for the first output */
    float *target;
} nni_conv_block_scalar;

static void nni_conv_exchange_scalar(nni_conv_block_scalar *block, size_t i) {
    const nni_conv_steps_scalar first = block->axis[0];
    block->axis[0] = block->axis[i];
    block->axis[i] = first;
}

/* Puts the axis first along which tiles are fullest; along a row of outputs if others are not much better. */
static void nni_conv_choose_scalar(nni_conv_block_scalar *block, size_t vectors) {
    size_t best = 0, best_cost = 0;
    for (size_t i = 0; i < 3; i++) {
        const size_t count = block->axis[i].count, tiles = nni_ceil_div(count, (size_t)nni_tile_rows_scalar[vectors - 1]);
        const size_t cost = tiles * nni_tile_cost_scalar(nni_ceil_div(count, tiles), vectors);
        if (i && 10 * cost * block->axis[best].count >= 9 * best_cost * count) continue;
        best = i;
        best_cost = cost;
    }
    nni_conv_exchange_scalar(block, best);
}

/* The block of a unit where the runs y and x meet. */
static nni_conv_block_scalar nni_conv_block_of_scalar(const nni_conv *job, const nni_conv_unit_scalar *unit, const nni_conv_phase *py,
                                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const size_t row = job->x.source * channels, image = job->y.source * row;
    const size_t target_row = job->x.target * filters, target_image = job->y.target * target_row;
    const size_t target_y = (size_t)(py->target + (ptrdiff_t)(y->from * py->target_step));
    const size_t target_x = (size_t)(px->target + (ptrdiff_t)(x->from * px->target_step));
    const nni_conv_block_scalar block = {{{x->to - x->from, job->x.step * channels, px->target_step * filters},
                                       {y->to - y->from, job->y.step * row, py->target_step * target_row},
                                       {unit->images, image, target_image}},
                                      job->source + unit->image * image + y->source * row + x->source * channels,
                                      job->target + unit->image * target_image + target_y * target_row + target_x * filters};
    return block;
}

/* ---- simd/kernels/conv_depth.h ---- */
/* conv_depth.h - convolutions of every channel by itself: lanes are channels, and some outputs are computed side by side */

/* A block, and the steps between its taps in floats. */
typedef struct nni_depth_scalar {
    size_t tap_rows, taps, channels;
    size_t x_output, y_output; /* from one output to the next */
    size_t x_tap, x_row;       /* from one tap to the next, from one row of taps to the next */
    ptrdiff_t w_tap, w_row;
    const float *bias;
    int relu;
} nni_depth_scalar;

/* `outputs` of a row, VF_LANES channels, or those of the mask if not `whole`. */
NNI_INLINE void nni_depth_tile_scalar(const int outputs, const int whole, const nni_depth_scalar *d, float *y, const float *x,
                                   const float *w, size_t channel, nni_vm_scalar mask) {
    nni_vf_scalar sum[8];
    NNI_UNROLL for (int i = 0; i < outputs; i++) sum[i] = nni_vf_set1_scalar(0.0f);
    x += channel;
    w += channel;
    for (size_t r = d->tap_rows; r > 0; r--, x += d->x_row, w += d->w_row) {
        const float *xt = x, *wt = w;
        for (size_t t = d->taps; t > 0; t--, xt += d->x_tap, wt += d->w_tap) {
            const nni_vf_scalar tap = whole ? nni_vf_load_scalar(wt) : nni_vf_load_m_scalar(wt, mask);
            NNI_UNROLL for (int i = 0; i < outputs; i++) {
                const float *at = xt + (size_t)i * d->x_output;
                sum[i] = nni_vf_fma_scalar(whole ? nni_vf_load_scalar(at) : nni_vf_load_m_scalar(at, mask), tap, sum[i]);
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < outputs; i++) {
        float *at = y + (size_t)i * d->y_output + channel;
        if (d->bias) sum[i] = nni_vf_add_scalar(sum[i], whole ? nni_vf_load_scalar(d->bias + channel) : nni_vf_load_m_scalar(d->bias + channel, mask));
        if (d->relu) sum[i] = nni_v_relu_scalar(sum[i], sum[i]);
        if (whole) nni_vf_store_scalar(at, sum[i]);
        else nni_vf_store_m_scalar(at, sum[i], mask);
    }
}

/* All channels of `outputs` outputs. */
NNI_INLINE void nni_depth_outputs_scalar(const int outputs, const nni_depth_scalar *d, float *y, const float *x, const float *w) {
    const nni_vm_scalar mask = nni_vm_first_scalar(d->channels % VF_LANES);
    size_t c = 0;
    for (; c + VF_LANES <= d->channels; c += VF_LANES) nni_depth_tile_scalar(outputs, 1, d, y, x, w, c, mask);
    if (c < d->channels) nni_depth_tile_scalar(outputs, 0, d, y, x, w, c, mask);
}

/* `count` outputs, eight at a time, and the rest at once. */
static void nni_depth_line_scalar(const nni_depth_scalar *d, float *y, const float *x, const float *w, size_t count) {
    for (; count >= 8; count -= 8, x += 8 * d->x_output, y += 8 * d->y_output) nni_depth_outputs_scalar(8, d, y, x, w);
    switch (count) {
    case 7: nni_depth_outputs_scalar(7, d, y, x, w); break;
    case 6: nni_depth_outputs_scalar(6, d, y, x, w); break;
    case 5: nni_depth_outputs_scalar(5, d, y, x, w); break;
    case 4: nni_depth_outputs_scalar(4, d, y, x, w); break;
    case 3: nni_depth_outputs_scalar(3, d, y, x, w); break;
    case 2: nni_depth_outputs_scalar(2, d, y, x, w); break;
    case 1: nni_depth_outputs_scalar(1, d, y, x, w); break;
    default: break;
    }
}

/* The block where the runs y and x meet. */
static void nni_depth_block_scalar(const nni_conv *job, const nni_conv_unit_scalar *unit, const nni_conv_phase *py,
                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    nni_conv_block_scalar block = nni_conv_block_of_scalar(job, unit, py, px, y, x);
    if (block.axis[0].count < 4 && block.axis[1].count > block.axis[0].count) nni_conv_exchange_scalar(&block, 1);
    const nni_conv_steps_scalar *axis = block.axis;
    const ptrdiff_t w_row = (ptrdiff_t)(job->x.kernel * job->w_tap);
    const float *w = job->weights;
    nni_depth_scalar d;
    d.tap_rows = x->taps ? y->taps : 0;
    d.taps = x->taps;
    d.channels = job->groups;
    d.x_output = axis[0].source;
    d.y_output = axis[0].target;
    d.x_tap = px->tap_step * job->groups;
    d.x_row = py->tap_step * job->x.source * job->groups;
    d.w_tap = px->kernel_step * (ptrdiff_t)job->w_tap;
    d.w_row = py->kernel_step * w_row;
    d.bias = job->bias;
    d.relu = job->activation == NN_RELU;
    if (d.tap_rows)
        w += ((ptrdiff_t)py->kernel + (ptrdiff_t)y->tap * py->kernel_step) * w_row +
             ((ptrdiff_t)px->kernel + (ptrdiff_t)x->tap * px->kernel_step) * (ptrdiff_t)job->w_tap;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            nni_depth_line_scalar(&d, block.target + n * axis[2].target + i * axis[1].target,
                               block.source + n * axis[2].source + i * axis[1].source, w, axis[0].count);
}

/* What one set of taps computes of a unit. */
static void nni_conv_depth_scalar(const nni_conv *job, const nni_conv_unit_scalar *unit, const nni_conv_phase *py, const nni_conv_phase *px) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            nni_depth_block_scalar(job, unit, py, px, &y, &x);
        }
    }
}

/* ---- simd/kernels/conv.h ---- */
/* conv.h - convolutions, and their gradients by the input, as products whose A is the image itself
 *
 * The taps of a row of the kernel read one stretch of a row of pixels, and the next output's taps the same one a step on: so
 * a row of outputs is a product whose rows of A overlap, and nothing is gathered. The tile's k runs over the stretches, the
 * weights, taps x in x out, run on.
 *
 *     pixels       [ p0 . ][ p1 . ][ p2 . ][ p3 . ]           A, row 0    p0 p1 p2        row 1   p1 p2 p3
 *
 * An element is one chain of fused multiply-adds over taps and channels, in the order of memory, from 0. Taps outside the
 * image are left out: an image is cut into blocks whose outputs have the same taps inside, the middle, four edges and four
 * corners where the padding is 1. In a block any of three axes may be the rows of A: a row of outputs, a column of them, or the same
 * output of several images.
 */

#define NNI_CONV_FEW 64 /* outputs of a filter for which packing its weights does not pay */

/* The width of the panels: as wide as tiles get, so that the image is read seldom, and all alike. */
static size_t nni_conv_vectors_scalar(const nni_conv *job) {
    const size_t across = nni_ceil_div(job->out, VF_LANES);
    return nni_ceil_div(across, nni_ceil_div(across, NNI_LARGE_VECTORS));
}

/* Weights are used as they lie only where there are few outputs to each: otherwise it pays to have them in the order in which
 * the tiles read them, aligned. Backward they lie the wrong way round; and ragged rows cannot be read without a mask. */
static int nni_conv_packs_scalar(const nni_conv *job) {
    const int as_they_are = !job->y.backward && (VF_FREE_MASK || job->out % VF_LANES == 0);
    return !job->depthwise && !(as_they_are && job->images * job->y.positions * job->x.positions < NNI_CONV_FEW);
}

/* Floats that the packed weights take, 0 if they are used as they are. */
static size_t nni_conv_packed_scalar(const nni_conv *job) {
    const size_t taps = job->y.kernel * job->x.kernel;
    return nni_conv_packs_scalar(job) ? taps * job->in * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* The weights of one group for one set of taps, panel after panel, each in x width for every tap. */
static float *nni_conv_pack_phase_scalar(float *dst, const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                      const float *group) {
    const size_t panel = nni_conv_vectors_scalar(job) * VF_LANES;
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t cols = nni_min(panel, job->out - j), width = nni_round_up(cols, VF_LANES);
        for (size_t ty = 0; ty < py->taps; ty++)
            for (size_t tx = 0; tx < px->taps; tx++) {
                const size_t ky = py->kernel + ty * (size_t)py->kernel_step, kx = px->kernel + tx * (size_t)px->kernel_step;
                const float *w = group + (ky * job->x.kernel + kx) * job->w_tap + j * job->w_col;
                nni_pack_b_scalar(dst, w, job->w_row, job->w_col, job->in, cols, width);
                dst += job->in * width;
            }
    }
    return dst;
}

static void nni_conv_pack_scalar(float *dst, const nni_conv *job) {
    for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
        for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
            const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
            for (size_t g = 0; g < job->groups; g++)
                dst = nni_conv_pack_phase_scalar(dst, job, &py, &px, job->weights + g * job->w_group);
        }
}

/* The stretches of A that the taps of a block read, each of *k floats. */
static nni_taps_scalar nni_conv_stretches_scalar(const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                           const nni_conv_run *y, const nni_conv_run *x, size_t ldb, size_t *k) {
    const size_t channels = job->groups * job->in;
    const int whole = px->tap_step == 1 && job->groups == 1;
    nni_taps_scalar taps;
    *k = whole ? x->taps * job->in : job->in;
    taps.rows = x->taps ? y->taps : 0;
    taps.count = whole ? 1 : x->taps;
    taps.jump = whole ? 0 : (ptrdiff_t)(px->tap_step * channels) - (ptrdiff_t)job->in;
    taps.row_jump = (ptrdiff_t)(py->tap_step * job->x.source * channels) - (ptrdiff_t)taps.count * ((ptrdiff_t)*k + taps.jump);
    taps.b_jump = (px->taps - x->taps) * job->in * ldb;
    taps.bias = NULL;
    taps.relu = job->activation == NN_RELU;
    return taps;
}

/* Tiles along axis[0] of a block, `width` columns. */
static void nni_conv_tiles_scalar(nni_tiles_scalar *run, const nni_taps_scalar *taps, nni_gemm_deal_scalar d, size_t vectors, const float *a,
                               const float *b, float *c) {
    for (size_t t = 0; t < d.tiles; t += run->count) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        run->count = t < d.taller ? d.taller : d.tiles - t;
        run->a_next = rows * run->a_stride;
        run->c_next = rows * run->ldc;
        nni_taps_find_scalar(0, rows, vectors)(run, taps, a + i * run->a_stride, b, c + i * run->ldc);
    }
}

/* A block, `width` columns of a group from j on; b are their weights for all taps. */
static void nni_conv_compute_scalar(const nni_conv *job, const nni_conv_block_scalar *from, const nni_taps_scalar *taps, const float *b,
                                 size_t ldb, size_t k, size_t group, size_t j, size_t width) {
    const size_t vectors = nni_ceil_div(width, VF_LANES);
    nni_conv_block_scalar block = *from;
    nni_conv_choose_scalar(&block, vectors);
    const nni_conv_steps_scalar *axis = block.axis;
    const nni_gemm_deal_scalar d = nni_deal_scalar(axis[0].count, vectors);
    nni_tiles_scalar run;
    run.k = k;
    run.a_stride = axis[0].source;
    run.ldb = ldb;
    run.ldc = axis[0].target;
    run.b_next = run.ahead = 0;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.prefetch_c = 0;
    run.beta = 0.0f;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            nni_conv_tiles_scalar(&run, taps, d, vectors, block.source + n * axis[2].source + i * axis[1].source + group * job->in,
                               b, block.target + n * axis[2].target + i * axis[1].target + group * job->out + j);
}

/* What one set of taps computes of a unit, in columns [j, j + width) of a group. */
static void nni_conv_panel_scalar(const nni_conv *job, const nni_conv_unit_scalar *unit, const nni_conv_phase *py,
                               const nni_conv_phase *px, const float *b, size_t ldb, size_t group, size_t j, size_t width) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            size_t k;
            const nni_conv_block_scalar block = nni_conv_block_of_scalar(job, unit, py, px, &y, &x);
            nni_taps_scalar taps = nni_conv_stretches_scalar(job, py, px, &y, &x, ldb, &k);
            if (job->bias) taps.bias = job->bias + group * job->out + j;
            nni_conv_compute_scalar(job, &block, &taps, b + (y.tap * px->taps + x.tap) * job->in * ldb, ldb, k, group, j, width);
        }
    }
}

/* Everything that one set of taps computes of a unit; returns where the packed weights of the next set begin. */
static const float *nni_conv_phase_scalar(const nni_conv *job, const nni_conv_unit_scalar *unit, const nni_conv_phase *py,
                                       const nni_conv_phase *px, const float *packed) {
    const size_t panel = nni_conv_vectors_scalar(job) * VF_LANES, taps = py->taps * px->taps;
    for (size_t g = 0; g < job->groups; g++)
        for (size_t j = 0; j < job->out; j += panel) {
            const size_t width = nni_min(panel, job->out - j), packed_width = nni_round_up(width, VF_LANES);
            const float *b = packed ? packed : job->weights + g * job->w_group + j;
            nni_conv_panel_scalar(job, unit, py, px, b, packed ? packed_width : job->w_row, g, j, width);
            if (packed) packed += taps * job->in * packed_width;
        }
    return packed;
}

/* The activations that the tiles do not know. */
static void nni_conv_activate_scalar(const nni_conv *job, const nni_conv_unit_scalar *unit) {
    const size_t row = job->x.target * job->groups * job->out;
    float *y = job->target + (unit->image * job->y.target + unit->from) * row;
    const size_t n = (unit->images - 1) * job->y.target * row + (unit->to - unit->from) * row;
    nni_activate_scalar(y, y, n, job->activation, job->slope);
}

/* Units [from, to). */
static void nni_conv_scalar(const nni_conv *job, size_t from, size_t to) {
    for (size_t u = from; u < to; u++) {
        const nni_conv_unit_scalar unit = nni_conv_unit_of_scalar(job, u);
        const float *packed = job->packed;
        for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
            for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
                const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
                if (job->depthwise) nni_conv_depth_scalar(job, &unit, &py, &px);
                else packed = nni_conv_phase_scalar(job, &unit, &py, &px, packed);
            }
        if (job->activation != NN_IDENTITY && job->activation != NN_RELU) nni_conv_activate_scalar(job, &unit);
    }
}

/* ---- simd/kernels/conv_window.h ---- */
/* conv_window.h - a unit's rows of the source, copied between zeros if the window reaches beyond their ends */

typedef struct nni_conv_window_scalar {
    const float *at;           /* the first row, of the first image; pixels of groups*in floats */
    size_t row;                /* which row of the source that is */
    size_t pitch, image_pitch; /* floats from one row, and image, to the next */
} nni_conv_window_scalar;

/* One row of a source between the zeros of its window. */
static void nni_conv_copy_row_scalar(float *dst, const float *source, const nni_conv_axis *x, size_t channels) {
    const size_t width = nni_conv_window_width(x), before = nni_min(x->pad, width), inside = nni_min(x->source, width - before);
    memset(dst, 0, before * channels * sizeof *dst);
    memcpy(dst + before * channels, source, inside * channels * sizeof *dst);
    memset(dst + (before + inside) * channels, 0, (width - before - inside) * channels * sizeof *dst);
}

/* The window of a unit, copied to work if need be. */
static nni_conv_window_scalar nni_conv_open_scalar(const nni_conv *job, const nni_conv_unit_scalar *unit, float *work) {
    const size_t channels = job->groups * job->in;
    nni_conv_window_scalar window;
    const size_t rows = nni_conv_rows(&job->y, unit->from, unit->to, &window.row) - window.row;
    const float *source = job->source + (unit->image * job->y.source + window.row) * job->x.source * channels;
    window.at = source;
    window.pitch = job->x.source * channels;
    window.image_pitch = job->y.source * window.pitch;
    if (!job->copy) return window;
    window.at = work;
    window.pitch = nni_conv_window_width(&job->x) * channels;
    window.image_pitch = rows * window.pitch;
    for (size_t i = 0; i < unit->images; i++)
        for (size_t r = 0; r < rows; r++)
            nni_conv_copy_row_scalar(work + i * window.image_pitch + r * window.pitch,
                                  source + (i * job->y.source + r) * job->x.source * channels, &job->x, channels);
    return window;
}

/* ---- simd/kernels/conv_weights.h ---- */
/* conv_weights.h - the gradient of a convolution by its weights: a product whose k runs over all outputs
 *
 * A row of taps meets, at one output, the same stretch of the image as in conv.h; here it is a column of A. Outputs follow
 * each other in dy as they do in k, so B runs on. Every element is one chain over images, rows and columns of outputs.
 */

#define NNI_CONV_DEPTH 256 /* outputs between loading and storing dw: so many pixels stay in L1 for all tiles */

/* dy of some rows of outputs of one image. */
typedef struct nni_conv_dy_scalar {
    const float *at;
    size_t row, width, group; /* the first row; floats of a pixel, and from one group to the next */
} nni_conv_dy_scalar;

static int nni_conv_copies_dy_scalar(const nni_conv *job) { return !job->depthwise && !VF_FREE_MASK && job->out % VF_LANES; }

/* Floats that a unit's dy takes if its rows cannot be read to the end of a vector. */
static size_t nni_conv_weights_work_scalar(const nni_conv *job) {
    const size_t pixels = job->band * job->x.target;
    return nni_conv_copies_dy_scalar(job) ? pixels * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* dy of rows [from, to) of an image. */
static nni_conv_dy_scalar nni_conv_open_dy_scalar(const nni_conv *job, const float *dy, size_t image, size_t from, size_t to, float *work) {
    const size_t filters = job->groups * job->out, pixels = (to - from) * job->x.target;
    nni_conv_dy_scalar open = {dy + (image * job->y.target + from) * job->x.target * filters, from, filters, job->out};
    if (!nni_conv_copies_dy_scalar(job)) return open;
    const size_t width = nni_round_up(job->out, VF_LANES);
    for (size_t g = 0; g < job->groups; g++)
        nni_pack_b_scalar(work + g * pixels * width, open.at + g * job->out, filters, 1, pixels, job->out, width);
    open.at = work;
    open.width = width;
    open.group = pixels * width;
    return open;
}

/* Adds to `height` rows of dw, of one group, what `rows` rows of outputs give; a points to what those rows of dw meet at the first output,
 * b to its dy. */
static void nni_conv_weights_tiles_scalar(const nni_conv *job, const nni_conv_window_scalar *window, float *c, const float *a, const float *b,
                                       size_t height, size_t rows, size_t ldb) {
    const size_t channels = job->groups * job->in;
    const size_t panel = nni_plan_vectors_scalar(height, job->out, NNI_SHALLOW + 1) * VF_LANES;
    nni_tiles_scalar run;
    nni_taps_scalar taps = {rows, 1, 0, 0, 0, NULL, 0};
    run.k = job->x.target;
    run.a_stride = job->x.step * channels;
    run.ldb = ldb;
    run.ldc = job->groups * job->out;
    run.b_next = run.ahead = 0;
    run.prefetch_c = 0;
    run.beta = 1.0f;
    taps.row_jump = (ptrdiff_t)(job->y.step * window->pitch) - (ptrdiff_t)(run.k * run.a_stride);
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t width = nni_min(panel, job->out - j), vectors = nni_ceil_div(width, VF_LANES);
        const nni_gemm_deal_scalar d = nni_deal_scalar(height, vectors);
        run.ragged = width - (vectors - 1) * VF_LANES;
        for (size_t t = 0; t < d.tiles; t += run.count) {
            const size_t tall = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
            run.count = t < d.taller ? d.taller : d.tiles - t;
            run.a_next = tall;
            run.c_next = tall * run.ldc;
            nni_taps_find_scalar(1, tall, vectors)(&run, &taps, a + i, b + j, c + i * run.ldc + j);
        }
    }
}

/* One vector of channels, some taps of one row: each its own chain. */
NNI_INLINE void nni_depth_weights_scalar(const int taps, float *dw, const float *x, const float *dy, size_t rows, size_t outputs,
                                      size_t row_step, size_t step, size_t tap_step, size_t channels, size_t n) {
    nni_vf_scalar sum[4];
    NNI_UNROLL for (int t = 0; t < taps; t++) sum[t] = nni_vf_load_n_scalar(dw + (size_t)t * channels, n);
    for (size_t r = 0; r < rows; r++, x += row_step) {
        const float *at = x;
        for (size_t i = 0; i < outputs; i++, at += step, dy += channels) {
            const nni_vf_scalar d = n == VF_LANES ? nni_vf_load_scalar(dy) : nni_vf_load_n_scalar(dy, n);
            NNI_UNROLL for (int t = 0; t < taps; t++) {
                const float *xt = at + (size_t)t * tap_step;
                sum[t] = nni_vf_fma_scalar(n == VF_LANES ? nni_vf_load_scalar(xt) : nni_vf_load_n_scalar(xt, n), d, sum[t]);
            }
        }
    }
    NNI_UNROLL for (int t = 0; t < taps; t++) nni_vf_store_n_scalar(dw + (size_t)t * channels, sum[t], n);
}

/* `taps` taps of one row for all channels. */
static void nni_conv_weights_depth_scalar(const nni_conv *job, const nni_conv_window_scalar *window, float *dw, const float *x, const float *dy,
                                       size_t rows, size_t taps) {
    const size_t channels = job->groups, row_step = job->y.step * window->pitch, step = job->x.step * channels;
    const size_t tap_step = job->x.dilation * channels, outputs = job->x.target;
    for (size_t t = 0; t < taps;) {
        const size_t some = taps - t >= 4 ? 4 : taps - t;
        for (size_t c = 0; c < channels; c += VF_LANES) {
            float *to = dw + t * channels + c;
            const float *from = x + t * tap_step + c;
            const size_t n = nni_min(VF_LANES, channels - c);
            switch (some) {
            case 4: nni_depth_weights_scalar(4, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            case 3: nni_depth_weights_scalar(3, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            case 2: nni_depth_weights_scalar(2, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            default: nni_depth_weights_scalar(1, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            }
        }
        t += some;
    }
}

/* What rows [first, end) of the outputs of one image add to rows [from, to) of dw. */
static void nni_conv_weights_block_scalar(const nni_conv *job, const nni_conv_window_scalar *window, const nni_conv_dy_scalar *dy, float *dw,
                                       size_t first, size_t end, size_t from, size_t to) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const int whole = job->depthwise || (job->x.dilation == 1 && job->groups == 1);
    const size_t stretch = whole ? job->x.kernel * job->in : job->in; /* rows of dw that lie like a column of A */
    for (size_t row = from / stretch * stretch; row < to; row += stretch) {
        const size_t ky = row / job->in / job->x.kernel, kx = row / job->in % job->x.kernel;
        const size_t skip = from > row ? from - row : 0, height = nni_min(stretch, to - row) - skip;
        size_t above;
        const size_t below = nni_conv_positions_inside(&job->y, ky * job->y.dilation, &above);
        const size_t y = nni_max(first, above), y_end = nni_min(end, below);
        if (y >= y_end) continue;
        const size_t source = y * job->y.step + ky * job->y.dilation - job->y.pad;
        const float *a = window->at + (source - window->row) * window->pitch + kx * job->x.dilation * channels;
        const float *b = dy->at + (y - dy->row) * job->x.target * dy->width;
        float *c = dw + (row + skip) * filters;
        if (job->depthwise) nni_conv_weights_depth_scalar(job, window, c, a + skip * job->x.dilation * channels, b, y_end - y, height);
        else
            for (size_t g = 0; g < job->groups; g++)
                nni_conv_weights_tiles_scalar(job, window, c + g * job->out, a + skip + g * job->in, b + g * dy->group, height, y_end - y,
                                           dy->width);
    }
}

/* Rows [from, to) of dw, from all images; adds to what is there. work has room for a unit's window and its dy. */
static void nni_conv_weights_scalar(const nni_conv *job, float *dw, const float *dy, size_t from, size_t to, float *work) {
    const size_t rows = nni_max(1, NNI_CONV_DEPTH / job->x.target);
    for (size_t u = 0; u < job->units; u++) {
        const nni_conv_unit_scalar unit = nni_conv_unit_of_scalar(job, u);
        nni_conv_window_scalar window = nni_conv_open_scalar(job, &unit, work);
        for (size_t n = 0; n < unit.images; n++, window.at += window.image_pitch) {
            const nni_conv_dy_scalar open =
                nni_conv_open_dy_scalar(job, dy, unit.image + n, unit.from, unit.to, work + job->window_floats);
            for (size_t y = unit.from; y < unit.to; y += rows)
                nni_conv_weights_block_scalar(job, &window, &open, dw, y, nni_min(y + rows, unit.to), from, to);
        }
    }
}

/* ---- simd/kernels/pool.h ---- */
/* pool.h - the maximum or the mean of a window, channel by channel: lanes are channels */

NNI_INLINE nni_vi_scalar nni_pool_load_index_scalar(const uint32_t *index, size_t n) {
    uint32_t some[VF_LANES] = {0};
    if (n >= VF_LANES) return nni_vi_load_scalar(index);
    memcpy(some, index, n * sizeof *index);
    return nni_vi_load_scalar(some);
}
NNI_INLINE void nni_pool_store_index_scalar(uint32_t *index, nni_vi_scalar v, size_t n) {
    uint32_t some[VF_LANES];
    if (n >= VF_LANES) nni_vi_store_scalar(index, v);
    else {
        nni_vi_store_scalar(some, v);
        memcpy(index, some, n * sizeof *index);
    }
}

/* n channels of one window: x points to the image, index is not NULL if `which`. */
NNI_INLINE void nni_max_window_scalar(const int which, float *y, uint32_t *index, const float *x, const nni_pool *p,
                                   const nni_pool_taps *ty, const nni_pool_taps *tx, size_t n) {
    if (!ty->count || !tx->count) {
        nni_vf_store_n_scalar(y, nni_vf_set1_scalar(-INFINITY), n);
        if (which) nni_pool_store_index_scalar(index, nni_vi_set1_scalar(UINT32_MAX), n);
        return;
    }
    const size_t width = p->x.length;
    size_t row = ty->first * width + tx->first;
    nni_vf_scalar best = nni_vf_load_n_scalar(x + row * p->channels, n), best_at = nni_vf_from_bits_scalar(nni_vi_set1_scalar((uint32_t)row));
    for (size_t r = ty->count; r > 0; r--, row += p->y.dilation * width) {
        size_t at = row;
        for (size_t t = tx->count; t > 0; t--, at += p->x.dilation) {
            const nni_vf_scalar v = nni_vf_load_n_scalar(x + at * p->channels, n);
            if (which) {
                const nni_vm_scalar keep = nni_vm_or_scalar(nni_vf_le_scalar(v, best), nni_vf_nan_scalar(best));
                best = nni_vf_select_scalar(keep, best, v);
                best_at = nni_vf_select_scalar(keep, best_at, nni_vf_from_bits_scalar(nni_vi_set1_scalar((uint32_t)at)));
            } else {
                best = nni_vf_max_scalar(v, best);
            }
        }
    }
    nni_vf_store_n_scalar(y, best, n);
    if (which) nni_pool_store_index_scalar(index, nni_vf_bits_scalar(best_at), n);
}

/* Rows [from, to) of the outputs, those of all images counted on. */
static void nni_max_pool_scalar(float *y, uint32_t *index, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, 0);
        const float *source = x + row / p->y.outputs * image;
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, 0);
            const size_t at = (row * p->x.outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                if (index) nni_max_window_scalar(1, y + at + c, index + at + c, source + c, p, &ty, &tx, n);
                else nni_max_window_scalar(0, y + at + c, NULL, source + c, p, &ty, &tx, n);
            }
        }
    }
}

/* Each dy goes to the pixel of its window that index names. In disjoint windows nothing can be there yet. */
NNI_INLINE void nni_max_window_backward_scalar(float *dx, nni_vf_scalar dy, nni_vi_scalar index, const nni_pool *p, const nni_pool_taps *ty,
                                            const nni_pool_taps *tx, size_t n) {
    const nni_vi_scalar ones = nni_vi_set1_scalar(UINT32_MAX);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            const nni_vf_scalar part = nni_vf_where_scalar(nni_vi_eq0_scalar(nni_vi_xor_scalar(index, nni_vi_set1_scalar((uint32_t)at)), ones), dy);
            float *to = dx + at * p->channels;
            nni_vf_store_n_scalar(to, nni_vf_add_scalar(p->disjoint ? nni_vf_set1_scalar(0.0f) : nni_vf_load_n_scalar(to, n), part), n);
        }
}

/* Images [from, to). */
static void nni_max_pool_backward_scalar(float *dx, const float *dy, const uint32_t *index, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, 0), tx = nni_pool_taps_of(&p->x, i % p->x.outputs, 0);
            const size_t at = (m * outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                nni_max_window_backward_scalar(dx + m * image + c, nni_vf_load_n_scalar(dy + at + c, n), nni_pool_load_index_scalar(index + at + c, n), p,
                                            &ty, &tx, n);
            }
        }
    }
}

/* n channels of one window; of no pixels the mean is 0. */
NNI_INLINE void nni_mean_window_scalar(float *y, const float *x, const nni_pool *p, const nni_pool_taps *ty, const nni_pool_taps *tx,
                                    size_t n) {
    nni_vf_scalar sum = nni_vf_set1_scalar(0.0f);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            sum = nni_vf_add_scalar(sum, nni_vf_load_n_scalar(x + at * p->channels, n));
        }
    nni_vf_store_n_scalar(y, nni_vf_div_scalar(sum, nni_vf_set1_scalar((float)nni_max(1, ty->divisor * tx->divisor))), n);
}

static void nni_average_pool_scalar(float *y, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, p->count_padding);
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES)
                nni_mean_window_scalar(y + (row * p->x.outputs + i) * channels + c, x + row / p->y.outputs * image + c, p, &ty, &tx,
                                    nni_min(VF_LANES, channels - c));
        }
    }
}

NNI_INLINE void nni_mean_window_backward_scalar(float *dx, nni_vf_scalar dy, const nni_pool *p, const nni_pool_taps *ty, const nni_pool_taps *tx,
                                             size_t n) {
    const nni_vf_scalar part = nni_vf_div_scalar(dy, nni_vf_set1_scalar((float)nni_max(1, ty->divisor * tx->divisor)));
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            float *to = dx + at * p->channels;
            nni_vf_store_n_scalar(to, nni_vf_add_scalar(p->disjoint ? nni_vf_set1_scalar(0.0f) : nni_vf_load_n_scalar(to, n), part), n);
        }
}

static void nni_average_pool_backward_scalar(float *dx, const float *dy, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, p->count_padding);
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i % p->x.outputs, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                nni_mean_window_backward_scalar(dx + m * image + c, nni_vf_load_n_scalar(dy + (m * outputs + i) * channels + c, n), p, &ty, &tx, n);
            }
        }
    }
}

/* ---- over whole images ---- */

#define NNI_POOL_BLOCK 64 /* pixels whose sum is taken before it is added to the sum of all */

/* `vectors` of channels, `n` of the last: each vector is a chain of its own. */
NNI_INLINE void nni_mean_pixels_scalar(const int vectors, float *y, const float *x, size_t pixels, size_t channels, size_t n) {
    nni_vf_scalar total[4];
    NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = nni_vf_set1_scalar(0.0f);
    for (size_t p = 0; p < pixels; p += NNI_POOL_BLOCK) {
        nni_vf_scalar sum[4];
        NNI_UNROLL for (int v = 0; v < vectors; v++) sum[v] = nni_vf_set1_scalar(0.0f);
        for (size_t q = p; q < nni_min(pixels, p + NNI_POOL_BLOCK); q++)
            NNI_UNROLL for (int v = 0; v < vectors; v++)
                sum[v] = nni_vf_add_scalar(sum[v], nni_vf_load_n_scalar(x + q * channels + v * VF_LANES, v == vectors - 1 ? n : VF_LANES));
        NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = nni_vf_add_scalar(total[v], sum[v]);
    }
    const nni_vf_scalar divisor = nni_vf_set1_scalar((float)nni_max(1, pixels));
    NNI_UNROLL for (int v = 0; v < vectors; v++)
        nni_vf_store_n_scalar(y + v * VF_LANES, nni_vf_div_scalar(total[v], divisor), v == vectors - 1 ? n : VF_LANES);
}

static void nni_global_average_pool_scalar(float *y, const float *x, size_t images, size_t pixels, size_t channels) {
    for (size_t m = 0; m < images; m++, x += pixels * channels, y += channels) {
        size_t c = 0;
        for (; c + 4 * VF_LANES <= channels; c += 4 * VF_LANES) nni_mean_pixels_scalar(4, y + c, x + c, pixels, channels, VF_LANES);
        for (; c < channels; c += VF_LANES)
            nni_mean_pixels_scalar(1, y + c, x + c, pixels, channels, nni_min(VF_LANES, channels - c));
    }
}

static void nni_global_average_pool_backward_scalar(float *dx, const float *dy, size_t images, size_t pixels, size_t channels) {
    const nni_vf_scalar divisor = nni_vf_set1_scalar((float)nni_max(1, pixels));
    for (size_t m = 0; m < images; m++, dx += pixels * channels, dy += channels)
        for (size_t c = 0; c < channels; c += VF_LANES) {
            const size_t n = nni_min(VF_LANES, channels - c);
            const nni_vf_scalar part = nni_vf_div_scalar(nni_vf_load_n_scalar(dy + c, n), divisor);
            for (size_t p = 0; p < pixels; p++) nni_vf_store_n_scalar(dx + p * channels + c, part, n);
        }
}

#define NNI_KERNEL_ENTRY(result, name, arguments) , nni_##name##_scalar
static const nni_tier nni_tier_scalar = {"scalar", NNI_LARGE_VECTORS * VF_LANES NNI_KERNELS(NNI_KERNEL_ENTRY)};
#undef NNI_KERNEL_ENTRY

#undef VF_LANES
#undef VF_FREE_MASK
#undef VF_MIXED
#undef NNI_TILES
#undef NNI_TILE_ROWS
#undef NNI_LARGE_VECTORS
#undef NNI_DOT_ROWS
#undef NNI_DOT_COLS

/* ---- simd/avx2.h ---- */
/* avx2.h - the vector layer on AVX2 and FMA: 8 lanes, 16 registers
 *
 * Latency and rate (per cycle): fma 4 (Zen, Skylake) to 5 (Haswell), 2; load 2; broadcast from memory costs a load only.
 */

#ifdef NNI_X86
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#if !defined(NN_NO_SLEEF)
#ifdef __cplusplus
extern "C" {
#endif
__m256 Sleef_finz_expf8_u10avx2(__m256);
__m256 Sleef_finz_logf8_u10avx2(__m256);
#ifdef __cplusplus
}
#endif
#endif

#define VF_LANES 8
#define VF_FREE_MASK 0 /* VMASKMOVPS needs a register for the mask, and there are none to spare */
#define VF_MIXED 2
/* rows x vectors + vectors of B + one broadcast <= 16 registers */
#define NNI_TILES(X)                                                                                                   \
    X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(1, 2) X(2, 2) \
    X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(1, 3) X(2, 3) X(3, 3) X(4, 3) X(1, 4) X(2, 4)
#define NNI_TILE_ROWS 12, 6, 4, 2
#define NNI_LARGE_VECTORS 2
#define NNI_DOT_ROWS 3
#define NNI_DOT_COLS 2

typedef __m256 nni_vf_avx2;
typedef __m256i nni_vi_avx2;
typedef __m256 nni_vm_avx2; /* all bits of a lane set or clear */
typedef struct nni_vq_avx2 {
    const float *at;
} nni_vq_avx2;

NNI_INLINE nni_vf_avx2 nni_vf_load_avx2(const float *p) { return _mm256_loadu_ps(p); }
NNI_INLINE void nni_vf_store_avx2(float *p, nni_vf_avx2 v) { _mm256_storeu_ps(p, v); }
NNI_INLINE nni_vm_avx2 nni_vm_first_avx2(size_t n) {
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_ps((const float *)(const void *)(ones + 8 - n));
}
NNI_INLINE nni_vf_avx2 nni_vf_load_m_avx2(const float *p, nni_vm_avx2 m) { return _mm256_maskload_ps(p, _mm256_castps_si256(m)); }
NNI_INLINE void nni_vf_store_m_avx2(float *p, nni_vf_avx2 v, nni_vm_avx2 m) { _mm256_maskstore_ps(p, _mm256_castps_si256(m), v); }
NNI_INLINE nni_vf_avx2 nni_vf_load_n_avx2(const float *p, size_t n) { return nni_vf_load_m_avx2(p, nni_vm_first_avx2(n)); }
NNI_INLINE void nni_vf_store_n_avx2(float *p, nni_vf_avx2 v, size_t n) { nni_vf_store_m_avx2(p, v, nni_vm_first_avx2(n)); }
NNI_INLINE nni_vi_avx2 nni_vi_load_avx2(const uint32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
NNI_INLINE void nni_vi_store_avx2(uint32_t *p, nni_vi_avx2 v) { _mm256_storeu_si256((__m256i *)(void *)p, v); }

NNI_INLINE nni_vf_avx2 nni_vf_set1_avx2(float a) { return _mm256_set1_ps(a); }
NNI_INLINE nni_vf_avx2 nni_vf_add_avx2(nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_add_ps(a, b); }
NNI_INLINE nni_vf_avx2 nni_vf_sub_avx2(nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_sub_ps(a, b); }
NNI_INLINE nni_vf_avx2 nni_vf_mul_avx2(nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_mul_ps(a, b); }
NNI_INLINE nni_vf_avx2 nni_vf_div_avx2(nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_div_ps(a, b); }
NNI_INLINE nni_vf_avx2 nni_vf_sqrt_avx2(nni_vf_avx2 a) { return _mm256_sqrt_ps(a); }
NNI_INLINE nni_vf_avx2 nni_vf_fma_avx2(nni_vf_avx2 a, nni_vf_avx2 b, nni_vf_avx2 c) { return _mm256_fmadd_ps(a, b, c); }
NNI_INLINE nni_vf_avx2 nni_vf_fnma_avx2(nni_vf_avx2 a, nni_vf_avx2 b, nni_vf_avx2 c) { return _mm256_fnmadd_ps(a, b, c); }
NNI_INLINE nni_vf_avx2 nni_vf_round_avx2(nni_vf_avx2 a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
NNI_INLINE nni_vf_avx2 nni_vf_abs_avx2(nni_vf_avx2 a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
/* MAXPS gives its second operand when either is NaN: the first one's NaN is put back. */
NNI_INLINE nni_vf_avx2 nni_vf_max_avx2(nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }

NNI_INLINE nni_vm_avx2 nni_vf_lt_avx2(nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
NNI_INLINE nni_vm_avx2 nni_vf_le_avx2(nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
NNI_INLINE nni_vm_avx2 nni_vf_eq_avx2(nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
NNI_INLINE nni_vm_avx2 nni_vf_nan_avx2(nni_vf_avx2 a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
NNI_INLINE nni_vm_avx2 nni_vm_or_avx2(nni_vm_avx2 m, nni_vm_avx2 w) { return _mm256_or_ps(m, w); }
NNI_INLINE nni_vf_avx2 nni_vf_select_avx2(nni_vm_avx2 m, nni_vf_avx2 a, nni_vf_avx2 b) { return _mm256_blendv_ps(b, a, m); }
NNI_INLINE nni_vf_avx2 nni_vf_where_avx2(nni_vm_avx2 m, nni_vf_avx2 a) { return _mm256_and_ps(m, a); }
NNI_INLINE uint32_t nni_vm_bits_avx2(nni_vm_avx2 m) { return (uint32_t)_mm256_movemask_ps(m); }

NNI_INLINE nni_vi_avx2 nni_vf_bits_avx2(nni_vf_avx2 a) { return _mm256_castps_si256(a); }
NNI_INLINE nni_vf_avx2 nni_vf_from_bits_avx2(nni_vi_avx2 v) { return _mm256_castsi256_ps(v); }
NNI_INLINE nni_vf_avx2 nni_vf_from_int_avx2(nni_vi_avx2 v) { return _mm256_cvtepi32_ps(v); }
NNI_INLINE nni_vi_avx2 nni_vi_from_float_avx2(nni_vf_avx2 a) { return _mm256_cvttps_epi32(a); }
NNI_INLINE nni_vi_avx2 nni_vi_set1_avx2(uint32_t u) { return _mm256_set1_epi32((int)u); }
NNI_INLINE nni_vi_avx2 nni_vi_lane_avx2(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
NNI_INLINE nni_vi_avx2 nni_vi_add_avx2(nni_vi_avx2 a, nni_vi_avx2 b) { return _mm256_add_epi32(a, b); }
NNI_INLINE nni_vi_avx2 nni_vi_sub_avx2(nni_vi_avx2 a, nni_vi_avx2 b) { return _mm256_sub_epi32(a, b); }
NNI_INLINE nni_vi_avx2 nni_vi_and_avx2(nni_vi_avx2 a, nni_vi_avx2 b) { return _mm256_and_si256(a, b); }
NNI_INLINE nni_vi_avx2 nni_vi_or_avx2(nni_vi_avx2 a, nni_vi_avx2 b) { return _mm256_or_si256(a, b); }
NNI_INLINE nni_vi_avx2 nni_vi_xor_avx2(nni_vi_avx2 a, nni_vi_avx2 b) { return _mm256_xor_si256(a, b); }
/* Shifts in the compiler's own vector notation: one instruction by a constant, and still valid at -O0. */
NNI_INLINE nni_vi_avx2 nni_vi_shl_avx2(nni_vi_avx2 a, int k) { return (nni_vi_avx2)((__v8su)a << k); }
NNI_INLINE nni_vi_avx2 nni_vi_shr_avx2(nni_vi_avx2 a, int k) { return (nni_vi_avx2)((__v8su)a >> k); }
NNI_INLINE nni_vi_avx2 nni_vi_sar_avx2(nni_vi_avx2 a, int k) { return (nni_vi_avx2)((__v8si)a >> k); }
/* In two exact steps, since 2^n itself may lie outside the floats; the last product rounds. */
NNI_INLINE nni_vf_avx2 nni_vf_times_power_avx2(nni_vf_avx2 a, nni_vf_avx2 n) {
    const nni_vi_avx2 power = nni_vi_from_float_avx2(n), half = nni_vi_sar_avx2(power, 1), rest = nni_vi_sub_avx2(power, half), one = nni_vi_set1_avx2(127);
    const nni_vf_avx2 first = nni_vf_from_bits_avx2(nni_vi_shl_avx2(nni_vi_add_avx2(half, one), 23)), second = nni_vf_from_bits_avx2(nni_vi_shl_avx2(nni_vi_add_avx2(rest, one), 23));
    return nni_vf_mul_avx2(nni_vf_mul_avx2(a, first), second);
}
NNI_INLINE nni_vi_avx2 nni_vi_mul_wide_avx2(nni_vi_avx2 a, nni_vi_avx2 b, nni_vi_avx2 *high) {
    const nni_vi_avx2 even = _mm256_mul_epu32(a, b);
    const nni_vi_avx2 odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}
NNI_INLINE nni_vm_avx2 nni_vi_eq0_avx2(nni_vi_avx2 a, nni_vi_avx2 k) {
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(a, k), _mm256_setzero_si256()));
}

NNI_INLINE float nni_vf_fold_avx2(nni_vf_avx2 v) {
    const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
    return _mm_cvtss_f32(_mm_add_ss(v2, _mm_shuffle_ps(v2, v2, 1)));
}

NNI_INLINE float nni_vf_fold_max_avx2(nni_vf_avx2 v) {
    v = nni_vf_max_avx2(v, _mm256_permute2f128_ps(v, v, 1));
    v = nni_vf_max_avx2(v, _mm256_permute_ps(v, 0x4e));
    return _mm256_cvtss_f32(nni_vf_max_avx2(v, _mm256_permute_ps(v, 0xb1)));
}

/* Eight folds at once: each step adds the halves of two vectors and keeps both results in one. */
NNI_INLINE nni_vf_avx2 nni_vf_fold_each_avx2(nni_vf_avx2 *r) {
    NNI_UNROLL for (int i = 0; i < 4; i++) /* 128-bit halves: the low one holds r[i], the high one r[i+4] */
        r[i] = _mm256_add_ps(_mm256_permute2f128_ps(r[i], r[i + 4], 0x20), _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    NNI_UNROLL for (int i = 0; i < 2; i++) /* within each half: two lanes of r[i], two of r[i+2] */
        r[i] = _mm256_add_ps(_mm256_shuffle_ps(r[i], r[i + 2], 0x44), _mm256_shuffle_ps(r[i], r[i + 2], 0xee));
    const nni_vf_avx2 sum = _mm256_add_ps(_mm256_shuffle_ps(r[0], r[1], 0x88), _mm256_shuffle_ps(r[0], r[1], 0xdd));
    /* Half p now holds the folds of a, a+2, a+1, a+3 with a = 0, 4. */
    return _mm256_permute_ps(sum, 0xd8);
}

NNI_INLINE void nni_vf_transpose_avx2(nni_vf_avx2 *r) {
    nni_vf_avx2 t[8];
    NNI_UNROLL for (int i = 0; i < 4; i++) { /* pairs of rows */
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    NNI_UNROLL for (int i = 0; i < 2; i++) { /* 4x4 blocks, one in each half */
        r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    NNI_UNROLL for (int i = 0; i < 4; i++) { /* the halves themselves */
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    NNI_UNROLL for (int i = 0; i < 8; i++) r[i] = t[i];
}

NNI_INLINE nni_vq_avx2 nni_vq_load_avx2(const float *p) {
    nni_vq_avx2 q;
    q.at = p;
    return q;
}
NNI_INLINE nni_vf_avx2 nni_vf_fma_q_avx2(nni_vq_avx2 a, int i, nni_vf_avx2 b, nni_vf_avx2 c) { return _mm256_fmadd_ps(_mm256_broadcast_ss(a.at + i), b, c); }

#if !defined(NN_NO_SLEEF)
NNI_INLINE nni_vf_avx2 nni_vf_exp_sleef_avx2(nni_vf_avx2 a) { return Sleef_finz_expf8_u10avx2(a); }
NNI_INLINE nni_vf_avx2 nni_vf_log_sleef_avx2(nni_vf_avx2 a) { return Sleef_finz_logf8_u10avx2(a); }
#endif

/* ---- simd/kernels.h ---- */
/* kernels.h - all kernels in the order in which they build on each other, and the table that hands them out */

/* ---- simd/kernels/maths.h ---- */
/* maths.h - exp, log and what is built on them, one vector at a time
 *
 * Polynomials are minimax fits over the reduced range with coefficients rounded to float; beside each stands its
 * relative error in units of 2^-24, rounding not counted. All are evaluated by Horner's rule with fused multiply-adds.
 */

#define NNI_LOG2_E 1.44269504088896341f
/* ln 2 as a float with twelve trailing zeros, so that n*HIGH is exact for |n| < 2^12, and the rest */
#define NNI_LN2_HIGH 0.693359375f
#define NNI_LN2_LOW -2.12194440e-4f

/* e^(r + rest) for |r| <= ln2/2, where rest is what rounding took from r: the sum of the result and *low, a few hundredths
 * of it, in which nothing but the rounding of *low counts. */
NNI_INLINE nni_vf_avx2 nni_exp_reduced_avx2(nni_vf_avx2 r, nni_vf_avx2 rest, nni_vf_avx2 *low) {
    const nni_vf_avx2 one = nni_vf_set1_avx2(1.0f);
    nni_vf_avx2 q = nni_vf_set1_avx2(1.9952803268097341060638427734375e-4f); /* (e^r - 1 - r) / r^2, 0.005 */
    q = nni_vf_fma_avx2(q, r, nni_vf_set1_avx2(1.393088256008923053741455078125e-3f));
    q = nni_vf_fma_avx2(q, r, nni_vf_set1_avx2(8.333197794854640960693359375e-3f));
    q = nni_vf_fma_avx2(q, r, nni_vf_set1_avx2(4.1666507720947265625e-2f));
    q = nni_vf_fma_avx2(q, r, nni_vf_set1_avx2(0.16666667163372039794921875f));
    q = nni_vf_fma_avx2(q, r, nni_vf_set1_avx2(0.5f));
    const nni_vf_avx2 sum = nni_vf_add_avx2(one, r); /* 1 + r + r^2 q, with what rounding takes from 1 + r put back */
    *low = nni_vf_fma_avx2(nni_vf_mul_avx2(r, r), q, nni_vf_add_avx2(nni_vf_sub_avx2(r, nni_vf_sub_avx2(sum, one)), rest));
    return sum;
}

/* e^x = 2^n * e^r. At most 0.99 ULP from the truth. */
NNI_INLINE nni_vf_avx2 nni_exp_builtin_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 above = nni_vf_set1_avx2(89.0f), below = nni_vf_set1_avx2(-105.0f); /* beyond these the result is inf or 0; NaN passes */
    x = nni_vf_select_avx2(nni_vf_lt_avx2(above, x), above, x);
    x = nni_vf_select_avx2(nni_vf_lt_avx2(x, below), below, x);
    const nni_vf_avx2 n = nni_vf_round_avx2(nni_vf_mul_avx2(x, nni_vf_set1_avx2(NNI_LOG2_E))), low = nni_vf_set1_avx2(NNI_LN2_LOW);
    const nni_vf_avx2 exact = nni_vf_fnma_avx2(n, nni_vf_set1_avx2(NNI_LN2_HIGH), x), r = nni_vf_fnma_avx2(n, low, exact);
    nni_vf_avx2 rest;
    const nni_vf_avx2 sum = nni_exp_reduced_avx2(r, nni_vf_fnma_avx2(n, low, nni_vf_sub_avx2(exact, r)), &rest);
    return nni_vf_times_power_avx2(nni_vf_add_avx2(sum, rest), n);
}

/* e^(x + more) = 2^n * (the result + *low) to about 2^-27 of it, where more is what rounding took from x, |x| < 200. For
 * what goes on to multiply: no rounding between, and no underflow before its own. */
NNI_INLINE nni_vf_avx2 nni_exp_in_parts_avx2(nni_vf_avx2 x, nni_vf_avx2 more, nni_vf_avx2 *low, nni_vf_avx2 *n) {
    *n = nni_vf_round_avx2(nni_vf_mul_avx2(x, nni_vf_set1_avx2(NNI_LOG2_E)));
    const nni_vf_avx2 exact = nni_vf_fnma_avx2(*n, nni_vf_set1_avx2(NNI_LN2_HIGH), x), rest = nni_vf_fnma_avx2(*n, nni_vf_set1_avx2(NNI_LN2_LOW), more);
    const nni_vf_avx2 r = nni_vf_add_avx2(exact, rest);
    return nni_exp_reduced_avx2(r, nni_vf_sub_avx2(rest, nni_vf_sub_avx2(r, exact)), low);
}

/* log x = n ln2 + log m with m in [sqrt(1/2), sqrt(2)). At most 0.63 ULP from the truth. */
NNI_INLINE nni_vf_avx2 nni_log_builtin_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 tiny = nni_vf_set1_avx2(1.17549435e-38f); /* below it the exponent field is 0: scale by 2^25 first */
    const nni_vm_avx2 small = nni_vf_lt_avx2(x, tiny);
    const nni_vf_avx2 scaled = nni_vf_select_avx2(small, nni_vf_mul_avx2(x, nni_vf_set1_avx2(33554432.0f)), x);
    const nni_vi_avx2 root_half = nni_vi_set1_avx2(0x3f3504f3u); /* subtracted so that the field steps at sqrt(1/2) instead of 1 */
    const nni_vi_avx2 offset = nni_vi_sub_avx2(nni_vf_bits_avx2(scaled), root_half);
    const nni_vf_avx2 n = nni_vf_sub_avx2(nni_vf_from_int_avx2(nni_vi_sar_avx2(offset, 23)), nni_vf_where_avx2(small, nni_vf_set1_avx2(25.0f)));
    const nni_vf_avx2 m = nni_vf_from_bits_avx2(nni_vi_add_avx2(nni_vi_and_avx2(offset, nni_vi_set1_avx2(0x007fffffu)), root_half));
    const nni_vf_avx2 f = nni_vf_sub_avx2(m, nni_vf_set1_avx2(1.0f));
    nni_vf_avx2 q = nni_vf_set1_avx2(7.03830718994140625e-2f); /* (log(1+f) - f + f^2/2) / f^3, 0.06 */
    q = nni_vf_fma_avx2(q, f, nni_vf_set1_avx2(-0.1151149272918701171875f));
    q = nni_vf_fma_avx2(q, f, nni_vf_set1_avx2(0.11675083637237548828125f));
    q = nni_vf_fma_avx2(q, f, nni_vf_set1_avx2(-0.1242053508758544921875f));
    q = nni_vf_fma_avx2(q, f, nni_vf_set1_avx2(0.14249622821807861328125f));
    q = nni_vf_fma_avx2(q, f, nni_vf_set1_avx2(-0.16668045520782470703125f));
    q = nni_vf_fma_avx2(q, f, nni_vf_set1_avx2(0.20000700652599334716796875f));
    q = nni_vf_fma_avx2(q, f, nni_vf_set1_avx2(-0.249999940395355224609375f));
    q = nni_vf_fma_avx2(q, f, nni_vf_set1_avx2(0.333333313465118408203125f));
    /* n ln2 + f - f^2/2 + f^3 q, keeping what the two large additions round away: the differences are exact */
    const nni_vf_avx2 half = nni_vf_mul_avx2(nni_vf_set1_avx2(0.5f), f), cube = nni_vf_mul_avx2(nni_vf_mul_avx2(f, f), f);
    const nni_vf_avx2 high = nni_vf_fma_avx2(cube, q, nni_vf_fnma_avx2(half, f, f)), low = nni_vf_fma_avx2(cube, q, nni_vf_fnma_avx2(half, f, nni_vf_sub_avx2(f, high)));
    const nni_vf_avx2 base = nni_vf_mul_avx2(n, nni_vf_set1_avx2(NNI_LN2_HIGH)), sum = nni_vf_add_avx2(base, high);
    const nni_vf_avx2 lost = nni_vf_add_avx2(low, nni_vf_sub_avx2(high, nni_vf_sub_avx2(sum, base)));
    nni_vf_avx2 y = nni_vf_add_avx2(sum, nni_vf_fma_avx2(n, nni_vf_set1_avx2(NNI_LN2_LOW), lost));

    const nni_vf_avx2 zero = nni_vf_set1_avx2(0.0f), infinity = nni_vf_from_bits_avx2(nni_vi_set1_avx2(0x7f800000u));
    y = nni_vf_select_avx2(nni_vf_lt_avx2(x, infinity), y, x); /* inf and NaN give themselves */
    y = nni_vf_select_avx2(nni_vf_eq_avx2(x, zero), nni_vf_sub_avx2(zero, infinity), y);
    return nni_vf_select_avx2(nni_vf_lt_avx2(x, zero), nni_vf_from_bits_avx2(nni_vi_set1_avx2(0x7fc00000u)), y);
}

#ifdef NN_NO_SLEEF
NNI_INLINE nni_vf_avx2 nni_vexp_avx2(nni_vf_avx2 x) { return nni_exp_builtin_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_vlog_avx2(nni_vf_avx2 x) { return nni_log_builtin_avx2(x); }
#else
NNI_INLINE nni_vf_avx2 nni_vexp_avx2(nni_vf_avx2 x) { return nni_vf_exp_sleef_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_vlog_avx2(nni_vf_avx2 x) { return nni_vf_log_sleef_avx2(x); }
#endif

/* (e^x - 1 - x) / x^2 near 0 */
NNI_INLINE nni_vf_avx2 nni_expm1_factor_avx2(nni_vf_avx2 x) {
    nni_vf_avx2 q = nni_vf_set1_avx2(2.1880290660192258656024932861328125e-5f); /* (e^x - 1 - x - x^2/2) / x^3 on [-0.72, 0], 0.007 */
    q = nni_vf_fma_avx2(q, x, nni_vf_set1_avx2(1.9895876175723969936370849609375e-4f));
    q = nni_vf_fma_avx2(q, x, nni_vf_set1_avx2(1.390750170685350894927978515625e-3f));
    q = nni_vf_fma_avx2(q, x, nni_vf_set1_avx2(8.334152400493621826171875e-3f));
    q = nni_vf_fma_avx2(q, x, nni_vf_set1_avx2(4.166679084300994873046875e-2f));
    q = nni_vf_fma_avx2(q, x, nni_vf_set1_avx2(0.16666667163372039794921875f));
    return nni_vf_fma_avx2(q, x, nni_vf_set1_avx2(0.5f));
}

/* e^x - 1 for x <= 0. A polynomial near 0, where the subtraction would cancel; from -0.7 down it loses nothing. */
NNI_INLINE nni_vf_avx2 nni_vexpm1_negative_avx2(nni_vf_avx2 x, nni_vf_avx2 exp_x) {
    const nni_vf_avx2 near = nni_vf_fma_avx2(nni_vf_mul_avx2(x, x), nni_expm1_factor_avx2(x), x);
    return nni_vf_select_avx2(nni_vf_lt_avx2(x, nni_vf_set1_avx2(-0.7f)), nni_vf_sub_avx2(exp_x, nni_vf_set1_avx2(1.0f)), near);
}

/* tanh x: odd polynomial below 0.625, 1 - 2/(e^2|x| + 1) above, which saturates at 1 by itself. */
NNI_INLINE nni_vf_avx2 nni_vtanh_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 a = nni_vf_abs_avx2(x), one = nni_vf_set1_avx2(1.0f), two = nni_vf_set1_avx2(2.0f), square = nni_vf_mul_avx2(x, x);
    nni_vf_avx2 q = nni_vf_set1_avx2(2.37051607109606266021728515625e-3f); /* (tanh x - x) / x^3 in x^2, 0.02 */
    q = nni_vf_fma_avx2(q, square, nni_vf_set1_avx2(-8.435009978711605072021484375e-3f));
    q = nni_vf_fma_avx2(q, square, nni_vf_set1_avx2(2.1807588636875152587890625e-2f));
    q = nni_vf_fma_avx2(q, square, nni_vf_set1_avx2(-5.39664328098297119140625e-2f));
    q = nni_vf_fma_avx2(q, square, nni_vf_set1_avx2(0.13333357870578765869140625f));
    q = nni_vf_fma_avx2(q, square, nni_vf_set1_avx2(-0.3333333432674407958984375f));
    const nni_vf_avx2 near = nni_vf_fma_avx2(nni_vf_mul_avx2(square, q), a, a);
    const nni_vf_avx2 far = nni_vf_sub_avx2(one, nni_vf_div_avx2(two, nni_vf_add_avx2(nni_vexp_avx2(nni_vf_mul_avx2(two, a)), one)));
    const nni_vi_avx2 sign = nni_vi_and_avx2(nni_vf_bits_avx2(x), nni_vi_set1_avx2(0x80000000u));
    return nni_vf_from_bits_avx2(nni_vi_or_avx2(nni_vf_bits_avx2(nni_vf_select_avx2(nni_vf_lt_avx2(a, nni_vf_set1_avx2(0.625f)), near, far)), sign));
}

/* 1/(1 + e) for x >= 0 and e/(1 + e) below, with e = e^-|x|. The quotient gets back what 1 + e and the division round away,
 * so that the last addition is the only rounding after e: the result never falls where x rises. */
NNI_INLINE nni_vf_avx2 nni_vsigmoid_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 zero = nni_vf_set1_avx2(0.0f), one = nni_vf_set1_avx2(1.0f);
    const nni_vf_avx2 e = nni_vexp_avx2(nni_vf_sub_avx2(zero, nni_vf_abs_avx2(x)));
    const nni_vf_avx2 u = nni_vf_add_avx2(one, e), c = nni_vf_sub_avx2(e, nni_vf_sub_avx2(u, one)), inverse = nni_vf_div_avx2(one, u);
    const nni_vf_avx2 top = nni_vf_select_avx2(nni_vf_lt_avx2(x, zero), e, one), quotient = nni_vf_mul_avx2(top, inverse);
    const nni_vf_avx2 rest = nni_vf_fnma_avx2(quotient, c, nni_vf_fnma_avx2(quotient, u, top));
    return nni_vf_fma_avx2(rest, inverse, quotient);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|. u = 1 + e rounds away c = e - (u - 1); log(u) + c/u has it back. */
NNI_INLINE nni_vf_avx2 nni_vsoftplus_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 zero = nni_vf_set1_avx2(0.0f), one = nni_vf_set1_avx2(1.0f);
    const nni_vf_avx2 e = nni_vexp_avx2(nni_vf_sub_avx2(zero, nni_vf_abs_avx2(x)));
    const nni_vf_avx2 u = nni_vf_add_avx2(one, e), c = nni_vf_sub_avx2(e, nni_vf_sub_avx2(u, one));
    return nni_vf_add_avx2(nni_vf_max_avx2(zero, x), nni_vf_add_avx2(nni_vlog_avx2(u), nni_vf_div_avx2(c, u)));
}

NNI_INLINE nni_vf_avx2 nni_velu_avx2(nni_vf_avx2 x, nni_vf_avx2 a) {
    const nni_vf_avx2 zero = nni_vf_set1_avx2(0.0f), below = nni_vf_select_avx2(nni_vf_lt_avx2(zero, x), zero, x);
    const nni_vf_avx2 curve = nni_vf_mul_avx2(a, nni_vexpm1_negative_avx2(below, nni_vexp_avx2(below)));
    return nni_vf_select_avx2(nni_vf_lt_avx2(zero, x), x, curve);
}

#define NNI_SELU_HIGH 1.050700902938842773f /* lambda = HIGH + LOW, both positive: inf * HIGH + inf * LOW stays inf */
#define NNI_SELU_LOW 8.441664078873145627e-8f
#define NNI_SELU_SLOPE 1.758099317550659180f /* lambda * alpha */

/* As ELU, but the factor goes into the last sum instead of multiplying what was rounded. */
NNI_INLINE nni_vf_avx2 nni_vselu_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 zero = nni_vf_set1_avx2(0.0f), slope = nni_vf_set1_avx2(NNI_SELU_SLOPE);
    const nni_vf_avx2 line = nni_vf_fma_avx2(x, nni_vf_set1_avx2(NNI_SELU_HIGH), nni_vf_mul_avx2(x, nni_vf_set1_avx2(NNI_SELU_LOW)));
    const nni_vf_avx2 below = nni_vf_select_avx2(nni_vf_lt_avx2(zero, x), zero, x), curve = nni_vf_mul_avx2(nni_vf_mul_avx2(below, below), nni_expm1_factor_avx2(below));
    const nni_vf_avx2 near = nni_vf_fma_avx2(slope, below, nni_vf_mul_avx2(slope, curve)), far = nni_vf_fma_avx2(slope, nni_vexp_avx2(below), nni_vf_sub_avx2(zero, slope));
    return nni_vf_select_avx2(nni_vf_lt_avx2(zero, x), line, nni_vf_select_avx2(nni_vf_lt_avx2(x, nni_vf_set1_avx2(-0.7f)), far, near));
}

/* Gates: y = x * p(x) for a probability p with p(-x) = 1 - p(x). So y = max(x, 0) - h(|x|) with h(a) = a * p(-a), which is
 * small, has no sign, and loses nothing where it is subtracted: x p(x) >= x/2. The derivative is h'(a) below 0 and 1 - h'(a)
 * above. h is made of an exponential in parts and rounded once it is whole; far out it goes to 0 through the subnormals. */
NNI_INLINE nni_vf_avx2 nni_gate_avx2(nni_vf_avx2 x, nni_vf_avx2 h) { return nni_vf_sub_avx2(nni_vf_select_avx2(nni_vf_lt_avx2(x, nni_vf_set1_avx2(0.0f)), nni_vf_set1_avx2(-0.0f), x), h); }
NNI_INLINE nni_vf_avx2 nni_gate_slope_avx2(nni_vf_avx2 x, nni_vf_avx2 slope) {
    return nni_vf_select_avx2(nni_vf_lt_avx2(x, nni_vf_set1_avx2(0.0f)), slope, nni_vf_sub_avx2(nni_vf_set1_avx2(1.0f), slope));
}

/* |x|, but no more than `most`, where h is 0 already; NaN passes. */
NNI_INLINE nni_vf_avx2 nni_gate_size_avx2(nni_vf_avx2 x, float most) {
    const nni_vf_avx2 a = nni_vf_abs_avx2(x), limit = nni_vf_set1_avx2(most);
    return nni_vf_select_avx2(nni_vf_lt_avx2(limit, a), limit, a);
}

/* a * e^-w / (1 + e^-w) with w >= 0 given as -w = x + more. What u = 1 + e rounds away, c, goes into the numerator before that
 * is rounded: a * e * (1 - c) / u. Left out there is half of c at most, where u is 2. */
NNI_INLINE nni_vf_avx2 nni_logistic_tail_avx2(nni_vf_avx2 a, nni_vf_avx2 x, nni_vf_avx2 more) {
    nni_vf_avx2 low, n;
    const nni_vf_avx2 high = nni_exp_in_parts_avx2(x, more, &low, &n), one = nni_vf_set1_avx2(1.0f);
    const nni_vf_avx2 e = nni_vf_times_power_avx2(nni_vf_add_avx2(high, low), n), u = nni_vf_add_avx2(one, e), c = nni_vf_sub_avx2(e, nni_vf_sub_avx2(u, one));
    const nni_vf_avx2 top = nni_vf_fma_avx2(a, high, nni_vf_mul_avx2(a, nni_vf_fnma_avx2(high, c, low)));
    return nni_vf_div_avx2(nni_vf_times_power_avx2(top, n), u);
}

/* Its derivative where w grows by dw: q - a*dw*p*q with p = 1/(1 + e^-w), q = 1 - p. */
NNI_INLINE nni_vf_avx2 nni_logistic_tail_slope_avx2(nni_vf_avx2 a, nni_vf_avx2 x, nni_vf_avx2 more, nni_vf_avx2 dw) {
    nni_vf_avx2 low, n;
    const nni_vf_avx2 high = nni_exp_in_parts_avx2(x, more, &low, &n), one = nni_vf_set1_avx2(1.0f);
    const nni_vf_avx2 e = nni_vf_times_power_avx2(nni_vf_add_avx2(high, low), n);
    const nni_vf_avx2 p = nni_vf_div_avx2(one, nni_vf_add_avx2(one, e)), q = nni_vf_mul_avx2(e, p);
    return nni_vf_fnma_avx2(nni_vf_mul_avx2(nni_vf_mul_avx2(a, dw), p), q, q);
}

/* x / (1 + e^-x) */
NNI_INLINE nni_vf_avx2 nni_vsilu_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 a = nni_gate_size_avx2(x, 110.0f), zero = nni_vf_set1_avx2(0.0f);
    return nni_gate_avx2(x, nni_logistic_tail_avx2(a, nni_vf_sub_avx2(zero, a), zero));
}
NNI_INLINE nni_vf_avx2 nni_vsilu_slope_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 a = nni_gate_size_avx2(x, 110.0f), zero = nni_vf_set1_avx2(0.0f);
    return nni_gate_slope_avx2(x, nni_logistic_tail_slope_avx2(a, nni_vf_sub_avx2(zero, a), zero, nni_vf_set1_avx2(1.0f)));
}

/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) = x / (1 + e^-w) with w = x (C1 + C3 x^2). An error of w is one of e^-w, so w
 * has a low part. C1 begins with so few bits that its difference to C1 + C3 x^2 is exact. */
#define NNI_GELU_C1_HIGH 1.59375f
#define NNI_GELU_C1_LOW 2.019121544435620308e-3f
#define NNI_GELU_C3_HIGH 7.135481387376785278e-2f
#define NNI_GELU_C3_LOW 2.398832465999589658e-9f

NNI_INLINE nni_vf_avx2 nni_gelu_tanh_exponent_avx2(nni_vf_avx2 a, nni_vf_avx2 *more) { /* -w */
    const nni_vf_avx2 square = nni_vf_mul_avx2(a, a), below = nni_vf_sub_avx2(nni_vf_set1_avx2(0.0f), nni_vf_fnma_avx2(a, a, square));
    const nni_vf_avx2 c1 = nni_vf_set1_avx2(NNI_GELU_C1_HIGH), c3 = nni_vf_set1_avx2(NNI_GELU_C3_HIGH);
    const nni_vf_avx2 sum = nni_vf_fma_avx2(c3, square, c1), lost = nni_vf_fma_avx2(c3, square, nni_vf_sub_avx2(c1, sum));
    const nni_vf_avx2 small = nni_vf_fma_avx2(nni_vf_set1_avx2(NNI_GELU_C3_LOW), square, nni_vf_fma_avx2(c3, below, nni_vf_set1_avx2(NNI_GELU_C1_LOW)));
    const nni_vf_avx2 w = nni_vf_mul_avx2(a, sum);
    *more = nni_vf_fnma_avx2(a, nni_vf_add_avx2(lost, small), nni_vf_fnma_avx2(a, sum, w));
    return nni_vf_sub_avx2(nni_vf_set1_avx2(0.0f), w);
}
NNI_INLINE nni_vf_avx2 nni_vgelu_tanh_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 a = nni_gate_size_avx2(x, 11.0f);
    nni_vf_avx2 more;
    const nni_vf_avx2 exponent = nni_gelu_tanh_exponent_avx2(a, &more);
    return nni_gate_avx2(x, nni_logistic_tail_avx2(a, exponent, more));
}
NNI_INLINE nni_vf_avx2 nni_vgelu_tanh_slope_avx2(nni_vf_avx2 x) {
    const nni_vf_avx2 a = nni_gate_size_avx2(x, 11.0f), c1 = nni_vf_set1_avx2(NNI_GELU_C1_HIGH + NNI_GELU_C1_LOW);
    nni_vf_avx2 more;
    const nni_vf_avx2 exponent = nni_gelu_tanh_exponent_avx2(a, &more);
    const nni_vf_avx2 dw = nni_vf_fma_avx2(nni_vf_mul_avx2(a, a), nni_vf_set1_avx2(3.0f * NNI_GELU_C3_HIGH), c1);
    return nni_gate_slope_avx2(x, nni_logistic_tail_slope_avx2(a, exponent, more, dw));
}

/* The normal distribution's tail Q(a) = erfc(a/sqrt 2)/2 = e^(-a^2/2) G(v) / (a + 2.5) with v = a/(a + 2.5), to a = 14.6. */
#define NNI_TAIL_SHIFT 2.5f
#define NNI_TAIL_END 14.6f
NNI_INLINE nni_vf_avx2 nni_normal_tail_factor_avx2(nni_vf_avx2 v) { /* G */
    nni_vf_avx2 q = nni_vf_set1_avx2(-7.974970340728759765625e-2f); /* 0.3 */
    q = nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(0.279526770114898681640625f));
    q = nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(-0.3130398690700531005859375f));
    q = nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(0.13775058090686798095703125f));
    q = nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(-0.14964754879474639892578125f));
    q = nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(5.6017316877841949462890625e-2f));
    q = nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(0.29186785221099853515625f));
    q = nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(0.1696073114871978759765625f));
    q = nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(-1.2433922290802001953125f));
    return nni_vf_fma_avx2(q, v, nni_vf_set1_avx2(1.25f));
}
NNI_INLINE nni_vf_avx2 nni_normal_exponential_avx2(nni_vf_avx2 a, nni_vf_avx2 *low, nni_vf_avx2 *n) { /* e^(-a^2/2), the square in two parts */
    const nni_vf_avx2 square = nni_vf_mul_avx2(a, a), lost = nni_vf_fnma_avx2(a, a, square), half = nni_vf_set1_avx2(0.5f);
    return nni_exp_in_parts_avx2(nni_vf_mul_avx2(square, nni_vf_set1_avx2(-0.5f)), nni_vf_mul_avx2(lost, half), low, n);
}
NNI_INLINE nni_vf_avx2 nni_vgelu_avx2(nni_vf_avx2 x) { /* h(a) = a Q(a) = v G(v) e^(-a^2/2) */
    const nni_vf_avx2 a = nni_gate_size_avx2(x, NNI_TAIL_END), v = nni_vf_div_avx2(a, nni_vf_add_avx2(a, nni_vf_set1_avx2(NNI_TAIL_SHIFT)));
    const nni_vf_avx2 factor = nni_vf_mul_avx2(v, nni_normal_tail_factor_avx2(v));
    nni_vf_avx2 low, n;
    const nni_vf_avx2 high = nni_normal_exponential_avx2(a, &low, &n);
    return nni_gate_avx2(x, nni_vf_times_power_avx2(nni_vf_fma_avx2(factor, high, nni_vf_mul_avx2(factor, low)), n));
}
NNI_INLINE nni_vf_avx2 nni_vgelu_slope_avx2(nni_vf_avx2 x) { /* h'(a) = Q(a) - a e^(-a^2/2) / sqrt(2 pi) */
    const nni_vf_avx2 a = nni_gate_size_avx2(x, NNI_TAIL_END), inverse = nni_vf_div_avx2(nni_vf_set1_avx2(1.0f), nni_vf_add_avx2(a, nni_vf_set1_avx2(NNI_TAIL_SHIFT)));
    nni_vf_avx2 low, n;
    const nni_vf_avx2 high = nni_normal_exponential_avx2(a, &low, &n);
    const nni_vf_avx2 tail = nni_vf_mul_avx2(inverse, nni_normal_tail_factor_avx2(nni_vf_mul_avx2(a, inverse)));
    const nni_vf_avx2 factor = nni_vf_fnma_avx2(a, nni_vf_set1_avx2(0.398942291736602783f), tail);
    return nni_gate_slope_avx2(x, nni_vf_times_power_avx2(nni_vf_mul_avx2(factor, nni_vf_add_avx2(high, low)), n));
}

/* sin and cos of 2 pi u for u in [0, 1), by quarter turns: no reduction error, since 4u is exact. */
NNI_INLINE void nni_vsincos_turns_avx2(nni_vf_avx2 u, nni_vf_avx2 *sine, nni_vf_avx2 *cosine) {
    const nni_vf_avx2 quarters = nni_vf_mul_avx2(u, nni_vf_set1_avx2(4.0f)), n = nni_vf_round_avx2(quarters), t = nni_vf_sub_avx2(quarters, n), square = nni_vf_mul_avx2(t, t);
    nni_vf_avx2 s = nni_vf_set1_avx2(-4.6287518925964832305908203125e-3f); /* sin(pi/2 t)/t in t^2, |t| <= 1/2, 0.5 */
    s = nni_vf_fma_avx2(s, square, nni_vf_set1_avx2(7.969200611114501953125e-2f));
    s = nni_vf_fma_avx2(s, square, nni_vf_set1_avx2(-0.64596498012542724609375f));
    s = nni_vf_mul_avx2(t, nni_vf_fma_avx2(s, square, nni_vf_set1_avx2(1.57079637050628662109375f)));
    nni_vf_avx2 c = nni_vf_set1_avx2(8.9667853899300098419189453125e-4f); /* cos(pi/2 t) in t^2, 0.008 */
    c = nni_vf_fma_avx2(c, square, nni_vf_set1_avx2(-2.08565033972263336181640625e-2f));
    c = nni_vf_fma_avx2(c, square, nni_vf_set1_avx2(0.2536686360836029052734375f));
    c = nni_vf_fma_avx2(c, square, nni_vf_set1_avx2(-1.2337005138397216796875f));
    c = nni_vf_fma_avx2(c, square, nni_vf_set1_avx2(1.0f));
    const nni_vi_avx2 quarter = nni_vi_from_float_avx2(n);
    const nni_vm_avx2 even = nni_vi_eq0_avx2(quarter, nni_vi_set1_avx2(1));
    const nni_vi_avx2 sine_sign = nni_vi_shl_avx2(nni_vi_and_avx2(quarter, nni_vi_set1_avx2(2)), 30);
    const nni_vi_avx2 cosine_sign = nni_vi_shl_avx2(nni_vi_and_avx2(nni_vi_add_avx2(quarter, nni_vi_set1_avx2(1)), nni_vi_set1_avx2(2)), 30);
    *sine = nni_vf_from_bits_avx2(nni_vi_xor_avx2(nni_vf_bits_avx2(nni_vf_select_avx2(even, s, c)), sine_sign));
    *cosine = nni_vf_from_bits_avx2(nni_vi_xor_avx2(nni_vf_bits_avx2(nni_vf_select_avx2(even, c, s)), cosine_sign));
}

/* ---- simd/kernels/map.h ---- */
/* map.h - element by element: y[i] = f(x[i], ...), in place if y is an input */

NNI_MIX_BEGIN

typedef nni_vf_avx2 (*nni_map1_fn_avx2)(nni_vf_avx2 x, nni_vf_avx2 a);
typedef nni_vf_avx2 (*nni_map2_fn_avx2)(nni_vf_avx2 x, nni_vf_avx2 y, nni_vf_avx2 a);

NNI_INLINE void nni_map1_avx2(nni_map1_fn_avx2 f, float *y, const float *x, size_t n, float a) {
    const nni_vf_avx2 av = nni_vf_set1_avx2(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        nni_vf_avx2 v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) v[k] = f(nni_vf_load_avx2(x + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) nni_vf_store_avx2(y + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx2(y + i, f(nni_vf_load_avx2(x + i), av));
    if (i < n) nni_vf_store_n_avx2(y + i, f(nni_vf_load_n_avx2(x + i, n - i), av), n - i);
}

NNI_INLINE void nni_map2_avx2(nni_map2_fn_avx2 f, float *z, const float *x, const float *y, size_t n, float a) {
    const nni_vf_avx2 av = nni_vf_set1_avx2(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        nni_vf_avx2 v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++)
            v[k] = f(nni_vf_load_avx2(x + i + k * VF_LANES), nni_vf_load_avx2(y + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) nni_vf_store_avx2(z + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx2(z + i, f(nni_vf_load_avx2(x + i), nni_vf_load_avx2(y + i), av));
    if (i < n) nni_vf_store_n_avx2(z + i, f(nni_vf_load_n_avx2(x + i, n - i), nni_vf_load_n_avx2(y + i, n - i), av), n - i);
}

/* f(x, a) */
NNI_INLINE nni_vf_avx2 nni_v_identity_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, x; }
NNI_INLINE nni_vf_avx2 nni_v_relu_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vf_select_avx2(nni_vf_le_avx2(x, nni_vf_set1_avx2(0.0f)), nni_vf_set1_avx2(0.0f), x); }
NNI_INLINE nni_vf_avx2 nni_v_leaky_relu_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return nni_vf_select_avx2(nni_vf_lt_avx2(nni_vf_set1_avx2(0.0f), x), x, nni_vf_mul_avx2(a, x)); }
NNI_INLINE nni_vf_avx2 nni_v_sigmoid_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vsigmoid_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_tanh_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vtanh_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_softplus_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vsoftplus_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_elu_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return nni_velu_avx2(x, a); }
NNI_INLINE nni_vf_avx2 nni_v_step_avx2(nni_vf_avx2 x, nni_vf_avx2 a) {
    const nni_vf_avx2 step = nni_vf_where_avx2(nni_vf_lt_avx2(nni_vf_set1_avx2(0.0f), x), nni_vf_set1_avx2(1.0f));
    return (void)a, nni_vf_select_avx2(nni_vf_nan_avx2(x), x, step);
}
NNI_INLINE nni_vf_avx2 nni_v_selu_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vselu_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_gelu_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vgelu_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_gelu_tanh_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vgelu_tanh_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_silu_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vsilu_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_exp_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vexp_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_log_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vlog_avx2(x); }
NNI_INLINE nni_vf_avx2 nni_v_scale_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return nni_vf_mul_avx2(a, x); }
NNI_INLINE nni_vf_avx2 nni_v_reciprocal_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vf_div_avx2(nni_vf_set1_avx2(1.0f), x); }
NNI_INLINE nni_vf_avx2 nni_v_shift_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return nni_vf_add_avx2(x, a); }

/* dx from dy and y = f(x), or x if the activation keeps its input. Where f has a kink the derivative from the left is taken. */
NNI_INLINE nni_vf_avx2 nni_d_identity_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) { return (void)y, (void)a, dy; }
NNI_INLINE nni_vf_avx2 nni_d_relu_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) { return (void)a, nni_vf_select_avx2(nni_vf_le_avx2(y, nni_vf_set1_avx2(0.0f)), nni_vf_set1_avx2(0.0f), dy); }
NNI_INLINE nni_vf_avx2 nni_d_leaky_relu_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) { return nni_vf_select_avx2(nni_vf_lt_avx2(nni_vf_set1_avx2(0.0f), y), dy, nni_vf_mul_avx2(a, dy)); }
NNI_INLINE nni_vf_avx2 nni_d_sigmoid_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) {
    return (void)a, nni_vf_mul_avx2(dy, nni_vf_mul_avx2(y, nni_vf_sub_avx2(nni_vf_set1_avx2(1.0f), y)));
}
NNI_INLINE nni_vf_avx2 nni_d_tanh_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) { return (void)a, nni_vf_mul_avx2(dy, nni_vf_fnma_avx2(y, y, nni_vf_set1_avx2(1.0f))); }
NNI_INLINE nni_vf_avx2 nni_d_softplus_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) { /* sigmoid(x) = 1 - e^-y */
    const nni_vf_avx2 zero = nni_vf_set1_avx2(0.0f), below = nni_vf_sub_avx2(zero, y);
    return (void)a, nni_vf_mul_avx2(dy, nni_vf_sub_avx2(zero, nni_vexpm1_negative_avx2(below, nni_vexp_avx2(below))));
}
NNI_INLINE nni_vf_avx2 nni_d_elu_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) { return nni_vf_select_avx2(nni_vf_lt_avx2(nni_vf_set1_avx2(0.0f), y), dy, nni_vf_mul_avx2(dy, nni_vf_add_avx2(y, a))); }
NNI_INLINE nni_vf_avx2 nni_d_step_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) { return (void)dy, (void)y, (void)a, nni_vf_set1_avx2(0.0f); }
NNI_INLINE nni_vf_avx2 nni_d_selu_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) {
    const nni_vf_avx2 above = nni_vf_set1_avx2(NNI_SELU_HIGH + NNI_SELU_LOW), below = nni_vf_add_avx2(y, nni_vf_set1_avx2(NNI_SELU_SLOPE));
    return (void)a, nni_vf_mul_avx2(dy, nni_vf_select_avx2(nni_vf_lt_avx2(nni_vf_set1_avx2(0.0f), y), above, below));
}
NNI_INLINE nni_vf_avx2 nni_d_gelu_avx2(nni_vf_avx2 dy, nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vf_mul_avx2(dy, nni_vgelu_slope_avx2(x)); }
NNI_INLINE nni_vf_avx2 nni_d_gelu_tanh_avx2(nni_vf_avx2 dy, nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vf_mul_avx2(dy, nni_vgelu_tanh_slope_avx2(x)); }
NNI_INLINE nni_vf_avx2 nni_d_silu_avx2(nni_vf_avx2 dy, nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vf_mul_avx2(dy, nni_vsilu_slope_avx2(x)); }
NNI_INLINE nni_vf_avx2 nni_d_log_avx2(nni_vf_avx2 dy, nni_vf_avx2 x, nni_vf_avx2 a) { return (void)a, nni_vf_div_avx2(dy, x); }

NNI_INLINE nni_vf_avx2 nni_d_reciprocal_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 a) { return (void)a, nni_vf_mul_avx2(nni_vf_mul_avx2(nni_vf_sub_avx2(nni_vf_set1_avx2(0.0f), dy), y), y); }

NNI_INLINE nni_vf_avx2 nni_v_add_avx2(nni_vf_avx2 x, nni_vf_avx2 y, nni_vf_avx2 a) { return (void)a, nni_vf_add_avx2(x, y); }
NNI_INLINE nni_vf_avx2 nni_v_sub_avx2(nni_vf_avx2 x, nni_vf_avx2 y, nni_vf_avx2 a) { return (void)a, nni_vf_sub_avx2(x, y); }
NNI_INLINE nni_vf_avx2 nni_v_mul_avx2(nni_vf_avx2 x, nni_vf_avx2 y, nni_vf_avx2 a) { return (void)a, nni_vf_mul_avx2(x, y); }
NNI_INLINE nni_vf_avx2 nni_v_axpy_avx2(nni_vf_avx2 x, nni_vf_avx2 y, nni_vf_avx2 a) { return nni_vf_fma_avx2(a, x, y); }

static void nni_activate_avx2(float *y, const float *x, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: nni_map1_avx2(nni_v_##function##_avx2, y, x, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void nni_activate_backward_avx2(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: nni_map2_avx2(nni_d_##function##_avx2, dx, dy, v, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void nni_exp_avx2(float *y, const float *x, size_t n) { nni_map1_avx2(nni_v_exp_avx2, y, x, n, 0.0f); }
static void nni_log_avx2(float *y, const float *x, size_t n) { nni_map1_avx2(nni_v_log_avx2, y, x, n, 0.0f); }
static void nni_log_backward_avx2(float *dx, const float *dy, const float *x, size_t n) {
    nni_map2_avx2(nni_d_log_avx2, dx, dy, x, n, 0.0f);
}
static void nni_add_avx2(float *y, const float *a, const float *b, size_t n) { nni_map2_avx2(nni_v_add_avx2, y, a, b, n, 0.0f); }
static void nni_mul_avx2(float *y, const float *a, const float *b, size_t n) { nni_map2_avx2(nni_v_mul_avx2, y, a, b, n, 0.0f); }
static void nni_sub_avx2(float *y, const float *a, const float *b, size_t n) { nni_map2_avx2(nni_v_sub_avx2, y, a, b, n, 0.0f); }
static void nni_reciprocal_avx2(float *y, const float *x, size_t n) { nni_map1_avx2(nni_v_reciprocal_avx2, y, x, n, 0.0f); }
static void nni_reciprocal_backward_avx2(float *dx, const float *dy, const float *y, size_t n) {
    nni_map2_avx2(nni_d_reciprocal_avx2, dx, dy, y, n, 0.0f);
}
static void nni_axpy_avx2(float *y, const float *x, size_t n, float a) { nni_map2_avx2(nni_v_axpy_avx2, y, x, y, n, a); }

/* a = 0 writes zeros without reading x, which may hold NaN. */
static void nni_scale_avx2(float *y, const float *x, size_t n, float a) {
    if (a == 0.0f) memset(y, 0, n * sizeof *y);
    else nni_map1_avx2(nni_v_scale_avx2, y, x, n, a);
}

static void nni_mul_add_avx2(float *y, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx2(y + i, nni_vf_fma_avx2(nni_vf_load_avx2(a + i), nni_vf_load_avx2(b + i), nni_vf_load_avx2(y + i)));
    if (i < n) nni_vf_store_n_avx2(y + i, nni_vf_fma_avx2(nni_vf_load_n_avx2(a + i, n - i), nni_vf_load_n_avx2(b + i, n - i), nni_vf_load_n_avx2(y + i, n - i)), n - i);
}

NNI_INLINE nni_vf_avx2 nni_clipped_avx2(nni_vf_avx2 x, nni_vf_avx2 lo, nni_vf_avx2 hi) { return nni_vf_select_avx2(nni_vf_lt_avx2(x, lo), lo, nni_vf_select_avx2(nni_vf_lt_avx2(hi, x), hi, x)); }
static void nni_clip_avx2(float *y, const float *x, size_t n, float lo, float hi) {
    const nni_vf_avx2 least = nni_vf_set1_avx2(lo), most = nni_vf_set1_avx2(hi);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx2(y + i, nni_clipped_avx2(nni_vf_load_avx2(x + i), least, most));
    if (i < n) nni_vf_store_n_avx2(y + i, nni_clipped_avx2(nni_vf_load_n_avx2(x + i, n - i), least, most), n - i);
}

static void nni_add_row_avx2(float *y, const float *x, const float *row, size_t rows, size_t n) {
    if (n == 1) nni_map1_avx2(nni_v_shift_avx2, y, x, rows, row[0]);
    else for (size_t i = 0; i < rows; i++) nni_add_avx2(y + i * n, x + i * n, row, n);
}

NNI_MIX_END

/* ---- simd/kernels/reduce.h ---- */
/* reduce.h - sums, dots and maxima in an order that no vector width changes
 *
 * A block of NNI_BLOCK floats is summed in 16 lanes (NNI_WIDE vectors) and folded by a fixed tree. The blocks' results
 * are handed back one by one: whoever asked adds them in the order of their index, so threads may share the blocks out.
 */

#define NNI_WIDE (16 / VF_LANES)
#define NNI_STREAMS 4 /* blocks summed side by side: one block alone waits for its own additions */

NNI_INLINE float nni_fold16_avx2(nni_vf_avx2 *lanes) {
    NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
        NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = nni_vf_add_avx2(lanes[w], lanes[w + half]);
    return nni_vf_fold_avx2(lanes[0]);
}

typedef nni_vf_avx2 (*nni_sum_fn_avx2)(const float *x, const float *y, nni_vf_avx2 sum);
typedef nni_vf_avx2 (*nni_sum_tail_fn_avx2)(const float *x, const float *y, nni_vf_avx2 sum, size_t n);

NNI_INLINE nni_vf_avx2 nni_sum_one_avx2(const float *x, const float *y, nni_vf_avx2 sum) { return (void)y, nni_vf_add_avx2(sum, nni_vf_load_avx2(x)); }
NNI_INLINE nni_vf_avx2 nni_sum_one_n_avx2(const float *x, const float *y, nni_vf_avx2 sum, size_t n) { return (void)y, nni_vf_add_avx2(sum, nni_vf_load_n_avx2(x, n)); }
NNI_INLINE nni_vf_avx2 nni_sum_product_avx2(const float *x, const float *y, nni_vf_avx2 sum) { return nni_vf_fma_avx2(nni_vf_load_avx2(x), nni_vf_load_avx2(y), sum); }
NNI_INLINE nni_vf_avx2 nni_sum_product_n_avx2(const float *x, const float *y, nni_vf_avx2 sum, size_t n) {
    return nni_vf_fma_avx2(nni_vf_load_n_avx2(x, n), nni_vf_load_n_avx2(y, n), sum);
}

/* One block of n <= NNI_BLOCK floats. */
NNI_INLINE float nni_sum_block_avx2(nni_sum_fn_avx2 f, nni_sum_tail_fn_avx2 tail, const float *x, const float *y, size_t n) {
    nni_vf_avx2 sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = nni_vf_set1_avx2(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = f(x + i + w * VF_LANES, y + i + w * VF_LANES, sum[w]);
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at < n) sum[w] = tail(x + at, y + at, sum[w], nni_min(n - at, VF_LANES));
    }
    return nni_fold16_avx2(sum);
}

/* NNI_STREAMS whole blocks. */
NNI_INLINE void nni_sum_streams_avx2(nni_sum_fn_avx2 f, float *partial, const float *x, const float *y) {
    nni_vf_avx2 sum[NNI_STREAMS * NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_STREAMS * NNI_WIDE; w++) sum[w] = nni_vf_set1_avx2(0.0f);
    for (size_t i = 0; i < NNI_BLOCK; i += 16)
        NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
                const size_t at = (size_t)s * NNI_BLOCK + i + (size_t)(w * VF_LANES);
                sum[s * NNI_WIDE + w] = f(x + at, y + at, sum[s * NNI_WIDE + w]);
            }
    NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++) partial[s] = nni_fold16_avx2(sum + s * NNI_WIDE);
}

NNI_INLINE void nni_sum_blocks_avx2(nni_sum_fn_avx2 f, nni_sum_tail_fn_avx2 tail, float *partial, const float *x, const float *y,
                                   size_t n) {
    size_t i = 0;
    for (; i + NNI_STREAMS * NNI_BLOCK <= n; i += NNI_STREAMS * NNI_BLOCK, partial += NNI_STREAMS)
        nni_sum_streams_avx2(f, partial, x + i, y + i);
    for (; i < n; i += NNI_BLOCK) *partial++ = nni_sum_block_avx2(f, tail, x + i, y + i, nni_min(n - i, NNI_BLOCK));
}

static void nni_sum_avx2(float *partial, const float *x, size_t n) {
    nni_sum_blocks_avx2(nni_sum_one_avx2, nni_sum_one_n_avx2, partial, x, x, n);
}
static void nni_dot_avx2(float *partial, const float *x, const float *y, size_t n) {
    nni_sum_blocks_avx2(nni_sum_product_avx2, nni_sum_product_n_avx2, partial, x, y, n);
}
static void nni_sum_squares_avx2(float *partial, const float *x, size_t n) {
    nni_sum_blocks_avx2(nni_sum_product_avx2, nni_sum_product_n_avx2, partial, x, x, n);
}

/* The largest of n > 0 floats; NaN if there is one. Among zeros of both signs +0 wins, whatever the lanes. */
static float nni_max_avx2(const float *x, size_t n) {
    nni_vf_avx2 top[4];
    NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = nni_vf_set1_avx2(x[0]);
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = nni_vf_max_avx2(nni_vf_load_avx2(x + i + s * VF_LANES), top[s]);
    for (; i + VF_LANES <= n; i += VF_LANES) top[0] = nni_vf_max_avx2(nni_vf_load_avx2(x + i), top[0]);
    if (i < n) {
        const nni_vm_avx2 valid = nni_vm_first_avx2(n - i);
        top[1] = nni_vf_max_avx2(nni_vf_select_avx2(valid, nni_vf_load_m_avx2(x + i, valid), top[1]), top[1]);
    }
    return nni_vf_fold_max_avx2(nni_vf_max_avx2(nni_vf_max_avx2(top[0], top[1]), nni_vf_max_avx2(top[2], top[3]))) + 0.0f; /* -0 + 0 = +0 */
}

/* The first index at which x equals its maximum, or is the first NaN. */
static size_t nni_argmax_avx2(const float *x, size_t n) {
    const float most = nni_max_avx2(x, n);
    const nni_vf_avx2 target = nni_vf_set1_avx2(most);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) {
        const nni_vf_avx2 v = nni_vf_load_avx2(x + i);
        const uint32_t hits = nni_vm_bits_avx2(most != most ? nni_vf_nan_avx2(v) : nni_vf_eq_avx2(v, target));
        if (hits) return i + (size_t)__builtin_ctz(hits);
    }
    while (most != most ? x[i] == x[i] : x[i] != most) i++;
    return i;
}

/* ---- simd/kernels/columns.h ---- */
/* columns.h - sums over the rows of a matrix, one for each column
 *
 * Columns are independent chains, so any number of lanes gives the same bits. Down a column, eight rows at a time form a
 * chain of their own whose result is added to the sum, then the rows left over are added one by one: the processor
 * overlaps the chains, and the sums of a panel stay in the L1 cache while rows are read in long streams.
 */

#define NNI_ROWS_CHAINED 8

/* Adds what row `row` contributes at column j to the one or two sums of VF_LANES columns. `whole` says that all lanes are
 * inside the matrix; else `valid` says which. */
typedef void (*nni_column_fn_avx2)(nni_vf_avx2 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx2 valid);

NNI_INLINE nni_vf_avx2 nni_column_load_avx2(const float *p, const int whole, nni_vm_avx2 valid) {
    return whole ? nni_vf_load_avx2(p) : nni_vf_load_m_avx2(p, valid);
}
NNI_INLINE void nni_column_store_avx2(float *p, nni_vf_avx2 v, const int whole, nni_vm_avx2 valid) {
    if (whole) nni_vf_store_avx2(p, v);
    else nni_vf_store_m_avx2(p, v, valid);
}

NNI_INLINE void nni_column_chain_avx2(nni_column_fn_avx2 f, const int sums, const int rows, float *sum, const nni_strip *s,
                                     size_t row, size_t j, const int whole, nni_vm_avx2 valid) {
    nni_vf_avx2 chain[2];
    NNI_UNROLL for (int i = 0; i < sums; i++) chain[i] = nni_vf_set1_avx2(0.0f);
    NNI_UNROLL for (int r = 0; r < rows; r++) f(chain, s, row + (size_t)r, j, whole, valid);
    NNI_UNROLL for (int i = 0; i < sums; i++) {
        float *p = sum + (size_t)i * s->n + j;
        nni_column_store_avx2(p, nni_vf_add_avx2(nni_column_load_avx2(p, whole, valid), chain[i]), whole, valid);
    }
}

NNI_INLINE void nni_column_chains_avx2(nni_column_fn_avx2 f, const int sums, const int rows, float *sum, const nni_strip *s,
                                      size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) nni_column_chain_avx2(f, sums, rows, sum, s, row, j, 1, nni_vm_first_avx2(VF_LANES));
    if (j < s->n) nni_column_chain_avx2(f, sums, rows, sum, s, row, j, 0, nni_vm_first_avx2(s->n - j));
}

/* The first of two sums goes to sum[0..n), the second to sum[n..2n). */
NNI_INLINE void nni_column_sums_avx2(nni_column_fn_avx2 f, const int sums, float *sum, const nni_strip *s) {
    size_t row = 0;
    memset(sum, 0, (size_t)sums * s->n * sizeof *sum);
    for (; row + NNI_ROWS_CHAINED <= s->rows; row += NNI_ROWS_CHAINED)
        nni_column_chains_avx2(f, sums, NNI_ROWS_CHAINED, sum, s, row);
    for (; row < s->rows; row++) nni_column_chains_avx2(f, sums, 1, sum, s, row);
}

NNI_INLINE void nni_column_sum_avx2(nni_vf_avx2 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx2 valid) {
    sum[0] = nni_vf_add_avx2(sum[0], nni_column_load_avx2(s->x + row * s->stride + j, whole, valid));
}

/* x - mean, and its square: moments about a value close to the mean, which lose nothing where that is far from 0. */
NNI_INLINE void nni_column_moments_avx2(nni_vf_avx2 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 x = nni_column_load_avx2(s->x + row * s->stride + j, whole, valid);
    const nni_vf_avx2 distance = nni_vf_sub_avx2(x, nni_column_load_avx2(s->mean + j, whole, valid));
    sum[0] = nni_vf_add_avx2(sum[0], distance);
    sum[1] = nni_vf_fma_avx2(distance, distance, sum[1]);
}

/* dy, and dy*(x - mean) with the mean of the column. */
NNI_INLINE void nni_column_products_avx2(nni_vf_avx2 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 x = nni_column_load_avx2(s->x + row * s->stride + j, whole, valid);
    const nni_vf_avx2 dy = nni_column_load_avx2(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_vf_add_avx2(sum[0], dy);
    sum[1] = nni_vf_fma_avx2(dy, nni_vf_sub_avx2(x, nni_column_load_avx2(s->mean + j, whole, valid)), sum[1]);
}

/* dy, and dy*(x - mean)*inverse with the mean and the inverse deviation of the row. */
NNI_INLINE void nni_column_products_by_row_avx2(nni_vf_avx2 *sum, const nni_strip *s, size_t row, size_t j, const int whole,
                                               nni_vm_avx2 valid) {
    const nni_vf_avx2 x = nni_column_load_avx2(s->x + row * s->stride + j, whole, valid);
    const nni_vf_avx2 dy = nni_column_load_avx2(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_vf_add_avx2(sum[0], dy);
    sum[1] = nni_vf_fma_avx2(dy, nni_vf_mul_avx2(nni_vf_sub_avx2(x, nni_vf_set1_avx2(s->mean[row])), nni_vf_set1_avx2(s->inverse[row])), sum[1]);
}

static void nni_columns_sum_avx2(float *sum, const nni_strip *s) { nni_column_sums_avx2(nni_column_sum_avx2, 1, sum, s); }
static void nni_columns_moments_avx2(float *sum, const nni_strip *s) { nni_column_sums_avx2(nni_column_moments_avx2, 2, sum, s); }
static void nni_columns_products_avx2(float *sum, const nni_strip *s) {
    nni_column_sums_avx2(nni_column_products_avx2, 2, sum, s);
}
static void nni_columns_products_by_row_avx2(float *sum, const nni_strip *s) {
    nni_column_sums_avx2(nni_column_products_by_row_avx2, 2, sum, s);
}

#undef NNI_ROWS_CHAINED

/* ---- simd/kernels/prelu.h ---- */
/* prelu.h - x > 0 ? x : slope*x, with a slope for each column that is learned */

NNI_INLINE nni_vf_avx2 nni_v_prelu_avx2(nni_vf_avx2 x, nni_vf_avx2 slope, nni_vf_avx2 a) { return (void)a, nni_v_leaky_relu_avx2(x, slope); }

static void nni_prelu_avx2(float *y, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++)
        nni_map2_avx2(nni_v_prelu_avx2, y + i * s->stride, s->x + i * s->stride, slope, s->n, 0.0f);
}

/* dx = x > 0 ? dy : slope*dy */
static void nni_prelu_backward_avx2(float *dx, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++) {
        const float *x = s->x + i * s->stride, *dy = s->dy + i * s->stride;
        float *to = dx + i * s->stride;
        size_t j = 0;
        for (; j + VF_LANES <= s->n; j += VF_LANES)
            nni_vf_store_avx2(to + j, nni_d_leaky_relu_avx2(nni_vf_load_avx2(dy + j), nni_vf_load_avx2(x + j), nni_vf_load_avx2(slope + j)));
        const size_t rest = s->n - j;
        if (!rest) continue;
        nni_vf_store_n_avx2(to + j, nni_d_leaky_relu_avx2(nni_vf_load_n_avx2(dy + j, rest), nni_vf_load_n_avx2(x + j, rest), nni_vf_load_n_avx2(slope + j, rest)), rest);
    }
}

/* sum + dy*x where x is not above 0 */
NNI_INLINE nni_vf_avx2 nni_prelu_product_avx2(nni_vf_avx2 dy, nni_vf_avx2 x, nni_vf_avx2 sum) {
    return nni_vf_select_avx2(nni_vf_lt_avx2(nni_vf_set1_avx2(0.0f), x), sum, nni_vf_fma_avx2(dy, x, sum));
}

/* Down the columns, for a slope each, in the order of columns.h. */
NNI_INLINE void nni_column_prelu_avx2(nni_vf_avx2 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 dy = nni_column_load_avx2(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_prelu_product_avx2(dy, nni_column_load_avx2(s->x + row * s->stride + j, whole, valid), sum[0]);
}
static void nni_prelu_columns_avx2(float *sum, const nni_strip *s) { nni_column_sums_avx2(nni_column_prelu_avx2, 1, sum, s); }

/* Over everything, for a slope that all columns share, in the order of reduce.h. */
NNI_INLINE nni_vf_avx2 nni_sum_prelu_avx2(const float *dy, const float *x, nni_vf_avx2 sum) {
    return nni_prelu_product_avx2(nni_vf_load_avx2(dy), nni_vf_load_avx2(x), sum);
}
NNI_INLINE nni_vf_avx2 nni_sum_prelu_n_avx2(const float *dy, const float *x, nni_vf_avx2 sum, size_t n) {
    return nni_prelu_product_avx2(nni_vf_load_n_avx2(dy, n), nni_vf_load_n_avx2(x, n), sum);
}
static void nni_prelu_sum_avx2(float *partial, const float *dy, const float *x, size_t n) {
    nni_sum_blocks_avx2(nni_sum_prelu_avx2, nni_sum_prelu_n_avx2, partial, dy, x, n);
}

/* ---- simd/kernels/norm.h ---- */
/* norm.h - normalising: by columns, with factors for each, and by rows, each with statistics of its own */

/* 1/sqrt(variance + epsilon) */
static void nni_inverse_deviation_avx2(float *inverse, const float *variance, size_t n, float epsilon) {
    const nni_vf_avx2 one = nni_vf_set1_avx2(1.0f), e = nni_vf_set1_avx2(epsilon);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx2(inverse + i, nni_vf_div_avx2(one, nni_vf_sqrt_avx2(nni_vf_add_avx2(nni_vf_load_avx2(variance + i), e))));
    if (i < n) nni_vf_store_n_avx2(inverse + i, nni_vf_div_avx2(one, nni_vf_sqrt_avx2(nni_vf_add_avx2(nni_vf_load_n_avx2(variance + i, n - i), e))), n - i);
}

/* ---- by columns ---- */

#define NNI_ROWS_AT_ONCE 4 /* rows for which the factors of some columns are loaded once */

/* What is done to `rows` elements of VF_LANES columns, from row `row` and column j on. */
typedef void (*nni_normalize_fn_avx2)(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                     const int rows, const int whole, nni_vm_avx2 valid);

NNI_INLINE void nni_normalize_rows_avx2(nni_normalize_fn_avx2 f, const int rows, float *y, const nni_strip *s,
                                       const float *const *factor, size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) f(y, s, factor, row, j, rows, 1, nni_vm_first_avx2(VF_LANES));
    if (j < s->n) f(y, s, factor, row, j, rows, 0, nni_vm_first_avx2(s->n - j));
}

NNI_INLINE void nni_normalize_strip_avx2(nni_normalize_fn_avx2 f, float *y, const nni_strip *s, const float *const *factor) {
    size_t row = 0;
    for (; row + NNI_ROWS_AT_ONCE <= s->rows; row += NNI_ROWS_AT_ONCE)
        nni_normalize_rows_avx2(f, NNI_ROWS_AT_ONCE, y, s, factor, row);
    for (; row < s->rows; row++) nni_normalize_rows_avx2(f, 1, y, s, factor, row);
}

NNI_INLINE void nni_normalize_columns_avx2(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 mean = nni_column_load_avx2(s->mean + j, whole, valid);
    const nni_vf_avx2 scale = nni_column_load_avx2(factor[0] + j, whole, valid);
    const nni_vf_avx2 shift = nni_column_load_avx2(factor[1] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_avx2 distance = nni_vf_sub_avx2(nni_column_load_avx2(s->x + at, whole, valid), mean);
        nni_column_store_avx2(y + at, nni_vf_fma_avx2(distance, scale, shift), whole, valid);
    }
}

/* y = (x - mean)*scale + shift: the difference first, which is exact where a large mean would drown the result. */
static void nni_normalize_avx2(float *y, const nni_strip *s, const float *scale, const float *shift) {
    const float *const factor[] = {scale, shift};
    nni_normalize_strip_avx2(nni_normalize_columns_avx2, y, s, factor);
}

NNI_INLINE void nni_normalize_columns_backward_avx2(float *dx, const nni_strip *s, const float *const *factor, size_t row,
                                                   size_t j, const int rows, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 mean = nni_column_load_avx2(s->mean + j, whole, valid);
    const nni_vf_avx2 inverse = nni_column_load_avx2(s->inverse + j, whole, valid);
    const nni_vf_avx2 gain = nni_column_load_avx2(factor[0] + j, whole, valid);
    const nni_vf_avx2 less = nni_vf_sub_avx2(nni_vf_set1_avx2(0.0f), nni_column_load_avx2(factor[1] + j, whole, valid));
    const nni_vf_avx2 slope = nni_column_load_avx2(factor[2] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_avx2 distance = nni_vf_sub_avx2(nni_column_load_avx2(s->x + at, whole, valid), mean);
        const nni_vf_avx2 centred = nni_vf_fma_avx2(gain, nni_column_load_avx2(s->dy + at, whole, valid), less);
        nni_column_store_avx2(dx + at, nni_vf_mul_avx2(inverse, nni_vf_fnma_avx2(distance, slope, centred)), whole, valid);
    }
}

/* dx = inverse*(gain*dy - dy_mean - (x - mean)*slope) */
static void nni_normalize_backward_avx2(float *dx, const nni_strip *s, const float *gain, const float *dy_mean,
                                       const float *slope) {
    const float *const factor[] = {gain, dy_mean, slope};
    nni_normalize_strip_avx2(nni_normalize_columns_backward_avx2, dx, s, factor);
}

#undef NNI_ROWS_AT_ONCE

/* ---- by rows ---- */

/* A row, and what is done with it. `scaled` says that there is a gamma: known when compiled, or a register too few would
 * hold the sums. */
typedef struct nni_row_avx2 {
    const float *x, *dy, *gamma, *beta;
    nni_vf_avx2 mean;
    int scaled;
} nni_row_avx2;

/* Adds what VF_LANES elements from i on contribute to two sums. */
typedef void (*nni_row_fn_avx2)(nni_vf_avx2 *first, nni_vf_avx2 *second, const nni_row_avx2 *r, size_t i, const int whole, nni_vm_avx2 valid);

/* Two sums over n floats at once, in 16 lanes and blocks as everywhere. */
NNI_INLINE void nni_row_sums_avx2(nni_row_fn_avx2 f, double *first, double *second, const nni_row_avx2 *r, size_t n) {
    *first = *second = 0.0;
    for (size_t begin = 0; begin < n; begin += NNI_BLOCK) {
        const size_t end = nni_min(n, begin + NNI_BLOCK);
        nni_vf_avx2 a[NNI_WIDE], b[NNI_WIDE];
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) a[w] = b[w] = nni_vf_set1_avx2(0.0f);
        size_t i = begin;
        for (; i + 16 <= end; i += 16)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++)
                f(a + w, b + w, r, i + (size_t)(w * VF_LANES), 1, nni_vm_first_avx2(VF_LANES));
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const size_t at = i + (size_t)(w * VF_LANES);
            if (at < end) f(a + w, b + w, r, at, 0, nni_vm_first_avx2(nni_min(end - at, VF_LANES)));
        }
        *first += (double)nni_fold16_avx2(a);
        *second += (double)nni_fold16_avx2(b);
    }
}

NNI_INLINE void nni_row_plain_avx2(nni_vf_avx2 *first, nni_vf_avx2 *second, const nni_row_avx2 *r, size_t i, const int whole, nni_vm_avx2 valid) {
    (void)second;
    *first = nni_vf_add_avx2(*first, nni_column_load_avx2(r->x + i, whole, valid));
}

/* x - mean, and 0 beyond the end of the row */
NNI_INLINE nni_vf_avx2 nni_row_distance_avx2(const nni_row_avx2 *r, size_t i, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 distance = nni_vf_sub_avx2(nni_column_load_avx2(r->x + i, whole, valid), r->mean);
    return whole ? distance : nni_vf_where_avx2(valid, distance);
}

NNI_INLINE void nni_row_moments_avx2(nni_vf_avx2 *first, nni_vf_avx2 *second, const nni_row_avx2 *r, size_t i, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 distance = nni_row_distance_avx2(r, i, whole, valid);
    *first = nni_vf_add_avx2(*first, distance);
    *second = nni_vf_fma_avx2(distance, distance, *second);
}

NNI_INLINE nni_vf_avx2 nni_row_gamma_avx2(const nni_row_avx2 *r, size_t i, const int whole, nni_vm_avx2 valid) {
    return r->scaled ? nni_column_load_avx2(r->gamma + i, whole, valid) : nni_vf_set1_avx2(1.0f);
}

/* gamma*dy, and gamma*dy*(x - mean) */
NNI_INLINE void nni_row_products_avx2(nni_vf_avx2 *first, nni_vf_avx2 *second, const nni_row_avx2 *r, size_t i, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 g = nni_vf_mul_avx2(nni_row_gamma_avx2(r, i, whole, valid), nni_column_load_avx2(r->dy + i, whole, valid));
    *first = nni_vf_add_avx2(*first, g);
    *second = nni_vf_fma_avx2(g, nni_row_distance_avx2(r, i, whole, valid), *second);
}

/* Mean and inverse deviation of a row: a first mean, then the moments about it, which correct what was rounded off. */
NNI_INLINE float nni_row_statistics_avx2(float *inverse, const float *x, size_t n, float epsilon) {
    nni_row_avx2 r = {x, NULL, NULL, NULL, nni_vf_set1_avx2(0.0f), 0};
    const double share = 1.0 / (double)n;
    double sum, squares;
    nni_row_sums_avx2(nni_row_plain_avx2, &sum, &squares, &r, n);
    const float about = (float)(sum * share);
    r.mean = nni_vf_set1_avx2(about);
    nni_row_sums_avx2(nni_row_moments_avx2, &sum, &squares, &r, n);
    const double off = sum * share, variance = squares * share - off * off;
    *inverse = (float)(1.0 / sqrt((variance < 0.0 ? 0.0 : variance) + (double)epsilon));
    return (float)((double)about + off);
}

NNI_INLINE void nni_layer_norm_vector_avx2(float *y, const nni_row_avx2 *r, nni_vf_avx2 inverse, size_t i, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 shift = r->beta ? nni_column_load_avx2(r->beta + i, whole, valid) : nni_vf_set1_avx2(0.0f);
    const nni_vf_avx2 scale = nni_vf_mul_avx2(inverse, nni_row_gamma_avx2(r, i, whole, valid));
    nni_column_store_avx2(y + i, nni_vf_fma_avx2(nni_row_distance_avx2(r, i, whole, valid), scale, shift), whole, valid);
}

/* mean and inverse take those of each row, unless NULL */
static void nni_layer_norm_avx2(float *y, float *mean, float *inverse, const nni_strip *s, const float *gamma, const float *beta,
                               float epsilon) {
    nni_row_avx2 r = {s->x, NULL, gamma, beta, nni_vf_set1_avx2(0.0f), gamma != NULL};
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, y += s->n) {
        float row_inverse;
        const float row_mean = nni_row_statistics_avx2(&row_inverse, r.x, s->n, epsilon);
        const nni_vf_avx2 scale = nni_vf_set1_avx2(row_inverse);
        r.mean = nni_vf_set1_avx2(row_mean);
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES) nni_layer_norm_vector_avx2(y, &r, scale, i, 1, nni_vm_first_avx2(VF_LANES));
        if (i < s->n) nni_layer_norm_vector_avx2(y, &r, scale, i, 0, nni_vm_first_avx2(s->n - i));
        if (mean) mean[row] = row_mean;
        if (inverse) inverse[row] = row_inverse;
    }
}

NNI_INLINE void nni_layer_norm_vector_backward_avx2(float *dx, const nni_row_avx2 *r, nni_vf_avx2 inverse, nni_vf_avx2 less, nni_vf_avx2 slope, size_t i,
                                                   const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 dy = nni_column_load_avx2(r->dy + i, whole, valid);
    const nni_vf_avx2 centred = nni_vf_fma_avx2(nni_row_gamma_avx2(r, i, whole, valid), dy, less);
    const nni_vf_avx2 distance = nni_row_distance_avx2(r, i, whole, valid);
    nni_column_store_avx2(dx + i, nni_vf_mul_avx2(inverse, nni_vf_fnma_avx2(distance, slope, centred)), whole, valid);
}

/* dx = inverse*(g - mean(g) - z*mean(g*z)) with g = gamma*dy, z = (x - mean)*inverse */
NNI_INLINE void nni_layer_norm_rows_backward_avx2(const int scaled, float *dx, const nni_strip *s, const float *gamma) {
    nni_row_avx2 r = {s->x, s->dy, gamma, NULL, nni_vf_set1_avx2(0.0f), scaled};
    const double share = 1.0 / (double)s->n;
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, r.dy += s->n, dx += s->n) {
        const double row_inverse = (double)s->inverse[row];
        double sum, products;
        r.mean = nni_vf_set1_avx2(s->mean[row]);
        nni_row_sums_avx2(nni_row_products_avx2, &sum, &products, &r, s->n);
        const nni_vf_avx2 inverse = nni_vf_set1_avx2(s->inverse[row]), less = nni_vf_set1_avx2((float)(-sum * share));
        const nni_vf_avx2 slope = nni_vf_set1_avx2((float)(products * share * row_inverse * row_inverse));
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES)
            nni_layer_norm_vector_backward_avx2(dx, &r, inverse, less, slope, i, 1, nni_vm_first_avx2(VF_LANES));
        if (i < s->n) nni_layer_norm_vector_backward_avx2(dx, &r, inverse, less, slope, i, 0, nni_vm_first_avx2(s->n - i));
    }
}

static void nni_layer_norm_backward_avx2(float *dx, const nni_strip *s, const float *gamma) {
    if (gamma) nni_layer_norm_rows_backward_avx2(1, dx, s, gamma);
    else nni_layer_norm_rows_backward_avx2(0, dx, s, NULL);
}

/* ---- simd/kernels/softmax.h ---- */
/* softmax.h - softmax, log-softmax and log-sum-exp of each row, and their gradients
 *
 * The row's maximum is subtracted first, so every exponential is at most 1 and one of them is 1: no finite row can
 * overflow or divide by zero. Sums run in 16 lanes over blocks of NNI_BLOCK, whose results are added in double.
 */

/* y[i] = e^(x[i] - shift) for n <= NNI_BLOCK floats; their sum is returned. A NULL y keeps the sum only. */
NNI_INLINE float nni_exp_block_avx2(const int keep, float *y, const float *x, size_t n, float shift) {
    const nni_vf_avx2 top = nni_vf_set1_avx2(shift);
    nni_vf_avx2 sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = nni_vf_set1_avx2(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const nni_vf_avx2 e = nni_vexp_avx2(nni_vf_sub_avx2(nni_vf_load_avx2(x + i + w * VF_LANES), top));
            if (keep) nni_vf_store_avx2(y + i + w * VF_LANES, e);
            sum[w] = nni_vf_add_avx2(sum[w], e);
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at >= n) continue;
        const nni_vm_avx2 valid = nni_vm_first_avx2(nni_min(n - at, VF_LANES));
        const nni_vf_avx2 e = nni_vf_where_avx2(valid, nni_vexp_avx2(nni_vf_sub_avx2(nni_vf_load_m_avx2(x + at, valid), top)));
        if (keep) nni_vf_store_m_avx2(y + at, e, valid);
        sum[w] = nni_vf_add_avx2(sum[w], e);
    }
    return nni_fold16_avx2(sum);
}

NNI_INLINE double nni_exp_row_avx2(const int keep, float *y, const float *x, size_t n, float shift) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i += NNI_BLOCK)
        sum += (double)nni_exp_block_avx2(keep, keep ? y + i : y, x + i, nni_min(n - i, NNI_BLOCK), shift);
    return sum;
}

/* log of a sum of exponentials, which lies in [1, n] */
NNI_INLINE float nni_log_of_sum_avx2(double sum) {
    float y[VF_LANES];
    nni_vf_store_avx2(y, nni_vlog_avx2(nni_vf_set1_avx2((float)sum)));
    return y[0];
}

static void nni_softmax_avx2(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        const double sum = nni_exp_row_avx2(1, y, x, n, nni_max_avx2(x, n));
        nni_map1_avx2(nni_v_scale_avx2, y, y, n, (float)(1.0 / sum));
    }
}

NNI_INLINE nni_vf_avx2 nni_v_subtract_avx2(nni_vf_avx2 x, nni_vf_avx2 a) { return nni_vf_sub_avx2(x, a); }

static void nni_log_softmax_avx2(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        const float top = nni_max_avx2(x, n), log_sum = nni_log_of_sum_avx2(nni_exp_row_avx2(0, NULL, x, n, top));
        /* two subtractions: top + log_sum in one float would lose log_sum beside a large top */
        nni_map1_avx2(nni_v_subtract_avx2, y, x, n, top);
        nni_map1_avx2(nni_v_subtract_avx2, y, y, n, log_sum);
    }
}

static void nni_log_sum_exp_avx2(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n) {
        const float top = nni_max_avx2(x, n);
        y[r] = top + nni_log_of_sum_avx2(nni_exp_row_avx2(0, NULL, x, n, top));
    }
}

NNI_INLINE nni_vf_avx2 nni_d_softmax_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 dot) { return nni_vf_mul_avx2(y, nni_vf_sub_avx2(dy, dot)); }
NNI_INLINE nni_vf_avx2 nni_d_log_softmax_avx2(nni_vf_avx2 dy, nni_vf_avx2 e, nni_vf_avx2 sum) { return nni_vf_fnma_avx2(e, sum, dy); }

/* dx = y * (dy - sum(dy*y)) */
static void nni_softmax_backward_avx2(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double dot = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            dot += (double)nni_sum_block_avx2(nni_sum_product_avx2, nni_sum_product_n_avx2, dy + i, y + i, nni_min(n - i, NNI_BLOCK));
        nni_map2_avx2(nni_d_softmax_avx2, dx, dy, y, n, (float)dot);
    }
}

NNI_INLINE nni_vf_avx2 nni_d_log_softmax_y_avx2(nni_vf_avx2 dy, nni_vf_avx2 y, nni_vf_avx2 sum) { return nni_d_log_softmax_avx2(dy, nni_vexp_avx2(y), sum); }

/* dx = dy - e^y * sum(dy) */
static void nni_log_softmax_backward_avx2(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            sum += (double)nni_sum_block_avx2(nni_sum_one_avx2, nni_sum_one_n_avx2, dy + i, dy + i, nni_min(n - i, NNI_BLOCK));
        nni_map2_avx2(nni_d_log_softmax_y_avx2, dx, dy, y, n, (float)sum);
    }
}

/* ---- simd/kernels/random.h ---- */
/* random.h - Philox 4x32-10: random numbers as a function of (key, stream, position), nothing carried along
 *
 * Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). One counter gives four words. Words
 * are laid out in blocks of 64: the first words of 16 counters, then the second words, ... which every vector width
 * can store as whole vectors. Position i is word (i/16)%4 of counter (i/64)*16 + i%16, the counter being
 * (low, high half of that number, low, high half of stream).
 */

/* The words of the VF_LANES counters from `counter` on, a multiple of VF_LANES: no lane carries into the high half. */
NNI_INLINE void nni_philox_avx2(nni_vi_avx2 *word, uint64_t key, uint64_t stream, uint64_t counter) {
    nni_vi_avx2 c0 = nni_vi_add_avx2(nni_vi_set1_avx2((uint32_t)counter), nni_vi_lane_avx2()), c1 = nni_vi_set1_avx2((uint32_t)(counter >> 32));
    nni_vi_avx2 c2 = nni_vi_set1_avx2((uint32_t)stream), c3 = nni_vi_set1_avx2((uint32_t)(stream >> 32));
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    const nni_vi_avx2 m0 = nni_vi_set1_avx2(0xD2511F53u), m1 = nni_vi_set1_avx2(0xCD9E8D57u);
    NNI_UNROLL for (int round = 0; round < 10; round++) {
        nni_vi_avx2 high0, high1;
        const nni_vi_avx2 low0 = nni_vi_mul_wide_avx2(c0, m0, &high0), low1 = nni_vi_mul_wide_avx2(c2, m1, &high1);
        c0 = nni_vi_xor_avx2(nni_vi_xor_avx2(high1, c1), nni_vi_set1_avx2(k0));
        c2 = nni_vi_xor_avx2(nni_vi_xor_avx2(high0, c3), nni_vi_set1_avx2(k1));
        c1 = low1;
        c3 = low0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

/* Stores at y + 16*w the VF_LANES values made from word w. */
typedef void (*nni_random_fn_avx2)(float *y, const nni_vi_avx2 *word, nni_vf_avx2 a, nni_vf_avx2 b);

NNI_INLINE void nni_random_blocks_avx2(nni_random_fn_avx2 f, float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks,
                                      float a, float b) {
    const nni_vf_avx2 av = nni_vf_set1_avx2(a), bv = nni_vf_set1_avx2(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_avx2 word[4];
            nni_philox_avx2(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, word, av, bv);
        }
}

/* The top 24 bits as a multiple of 2^-24 in [0, 1): every value a float, all equally likely. */
NNI_INLINE nni_vf_avx2 nni_unit_avx2(nni_vi_avx2 word) { return nni_vf_mul_avx2(nni_vf_from_int_avx2(nni_vi_shr_avx2(word, 8)), nni_vf_set1_avx2(1.0f / 16777216.0f)); }

/* The float before a: its bits count down from a positive number and up from a negative one. */
NNI_INLINE nni_vf_avx2 nni_float_before_avx2(nni_vf_avx2 a) {
    const nni_vi_avx2 bits = nni_vf_bits_avx2(a), sign = nni_vi_sar_avx2(bits, 31);
    const nni_vf_avx2 before = nni_vf_from_bits_avx2(nni_vi_sub_avx2(nni_vi_sub_avx2(bits, nni_vi_set1_avx2(1)), nni_vi_shl_avx2(sign, 1)));
    return nni_vf_select_avx2(nni_vf_eq_avx2(a, nni_vf_set1_avx2(0.0f)), nni_vf_from_bits_avx2(nni_vi_set1_avx2(0x80000001u)), before);
}

/* lo + (hi - lo)*u, a = lo, b = hi; where the sum rounds up to hi, the float before it: the interval stays half open. */
NNI_INLINE void nni_random_uniform_words_avx2(float *y, const nni_vi_avx2 *word, nni_vf_avx2 a, nni_vf_avx2 b) {
    const nni_vf_avx2 width = nni_vf_sub_avx2(b, a), last = nni_float_before_avx2(b);
    NNI_UNROLL for (int w = 0; w < 4; w++) {
        const nni_vf_avx2 v = nni_vf_fma_avx2(width, nni_unit_avx2(word[w]), a);
        nni_vf_store_avx2(y + 16 * w, nni_vf_select_avx2(nni_vf_eq_avx2(v, b), last, v));
    }
}

/* Box-Muller: two words give two normal values, *radius times *sine and *cosine. */
NNI_INLINE void nni_normal_pair_avx2(const nni_vi_avx2 *word, nni_vf_avx2 deviation, nni_vf_avx2 *radius, nni_vf_avx2 *sine, nni_vf_avx2 *cosine) {
    const nni_vf_avx2 u = nni_vf_add_avx2(nni_unit_avx2(word[0]), nni_vf_set1_avx2(1.0f / 16777216.0f)); /* (0, 1]: the log is finite */
    *radius = nni_vf_mul_avx2(deviation, nni_vf_sqrt_avx2(nni_vf_mul_avx2(nni_vf_set1_avx2(-2.0f), nni_log_builtin_avx2(u))));
    nni_vsincos_turns_avx2(nni_unit_avx2(word[1]), sine, cosine);
}

/* Words 0 and 1 give two normal values, words 2 and 3 two more. a = mean, b = standard deviation. */
NNI_INLINE void nni_random_normal_words_avx2(float *y, const nni_vi_avx2 *word, nni_vf_avx2 a, nni_vf_avx2 b) {
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        nni_vf_avx2 radius, sine, cosine;
        nni_normal_pair_avx2(word + w, b, &radius, &sine, &cosine);
        nni_vf_store_avx2(y + 16 * w, nni_vf_fma_avx2(radius, cosine, a));
        nni_vf_store_avx2(y + 16 * w + 16, nni_vf_fma_avx2(radius, sine, a));
    }
}

/* b where u < a, else 0. */
NNI_INLINE void nni_random_mask_words_avx2(float *y, const nni_vi_avx2 *word, nni_vf_avx2 a, nni_vf_avx2 b) {
    NNI_UNROLL for (int w = 0; w < 4; w++) nni_vf_store_avx2(y + 16 * w, nni_vf_where_avx2(nni_vf_lt_avx2(nni_unit_avx2(word[w]), a), b));
}

static void nni_random_bits_avx2(uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks) {
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_avx2 word[4];
            nni_philox_avx2(word, key, stream, (first + block) * 16 + lane);
            NNI_UNROLL for (int w = 0; w < 4; w++) nni_vi_store_avx2(y + block * 64 + lane + 16 * w, word[w]);
        }
}
static void nni_random_uniform_avx2(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float lo, float hi) {
    nni_random_blocks_avx2(nni_random_uniform_words_avx2, y, key, stream, first, blocks, lo, hi);
}
static void nni_random_normal_avx2(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float mean, float sd) {
    nni_random_blocks_avx2(nni_random_normal_words_avx2, y, key, stream, first, blocks, mean, sd);
}
static void nni_random_mask_avx2(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float keep, float value) {
    nni_random_blocks_avx2(nni_random_mask_words_avx2, y, key, stream, first, blocks, keep, value);
}

/* ---- simd/kernels/dropout.h ---- */
/* dropout.h - random masks and noise upon an array: y[i] = f(x[i], number i of the sequence), in the blocks of random.h */

/* Stores at y + 16*w what word w makes of the VF_LANES values at x + 16*w. */
typedef void (*nni_noise_fn_avx2)(float *y, const float *x, const nni_vi_avx2 *word, nni_vf_avx2 a, nni_vf_avx2 b);

NNI_INLINE void nni_noise_blocks_avx2(nni_noise_fn_avx2 f, float *y, const float *x, uint64_t key, uint64_t stream,
                                     uint64_t first, size_t blocks, float a, float b) {
    const nni_vf_avx2 av = nni_vf_set1_avx2(a), bv = nni_vf_set1_avx2(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_avx2 word[4];
            nni_philox_avx2(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, x + block * 64 + lane, word, av, bv);
        }
}

/* b*x where u < a, else 0, whatever x is */
NNI_INLINE void nni_dropout_words_avx2(float *y, const float *x, const nni_vi_avx2 *word, nni_vf_avx2 a, nni_vf_avx2 b) {
    NNI_UNROLL for (int w = 0; w < 4; w++)
        nni_vf_store_avx2(y + 16 * w, nni_vf_where_avx2(nni_vf_lt_avx2(nni_unit_avx2(word[w]), a), nni_vf_mul_avx2(b, nni_vf_load_avx2(x + 16 * w))));
}

/* x + b*normal */
NNI_INLINE void nni_add_normal_words_avx2(float *y, const float *x, const nni_vi_avx2 *word, nni_vf_avx2 a, nni_vf_avx2 b) {
    (void)a;
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        nni_vf_avx2 radius, sine, cosine;
        nni_normal_pair_avx2(word + w, b, &radius, &sine, &cosine);
        nni_vf_store_avx2(y + 16 * w, nni_vf_fma_avx2(radius, cosine, nni_vf_load_avx2(x + 16 * w)));
        nni_vf_store_avx2(y + 16 * w + 16, nni_vf_fma_avx2(radius, sine, nni_vf_load_avx2(x + 16 * w + 16)));
    }
}

static void nni_dropout_avx2 NNI_NOISE_ARGUMENTS {
    nni_noise_blocks_avx2(nni_dropout_words_avx2, y, x, key, stream, first, blocks, a, b);
}
static void nni_add_normal_avx2 NNI_NOISE_ARGUMENTS {
    nni_noise_blocks_avx2(nni_add_normal_words_avx2, y, x, key, stream, first, blocks, a, b);
}

/* scale*x in the columns whose mask is positive, else 0, whatever x is */
NNI_INLINE void nni_mask_columns_rows_avx2(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, nni_vm_avx2 valid) {
    const nni_vf_avx2 mask = nni_column_load_avx2(factor[0] + j, whole, valid), scale = nni_vf_set1_avx2(*factor[1]);
    const nni_vm_avx2 kept = nni_vf_lt_avx2(nni_vf_set1_avx2(0.0f), mask);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_avx2 x = nni_column_load_avx2(s->x + at, whole, valid);
        nni_column_store_avx2(y + at, nni_vf_where_avx2(kept, nni_vf_mul_avx2(scale, x)), whole, valid);
    }
}
static void nni_mask_columns_avx2(float *y, const nni_strip *s, const float *mask, float scale) {
    const float *const factor[] = {mask, &scale};
    nni_normalize_strip_avx2(nni_mask_columns_rows_avx2, y, s, factor);
}

/* ---- simd/kernels/gemm_tile.h ---- */
/* gemm_tile.h - the micro-kernel: a tile of C held in registers while k runs
 *
 *                          b, vectors x VF_LANES wide           C is loaded first and stored last, so an element is one
 *                 p=0  [ . . . . . . . . . . . . ]              chain of fused multiply-adds in the order of k, however
 *                 p=1  [ . . . . . . . . . . . . ]  ldb         k is blocked: the bits depend on nothing else.
 *                  :                                            beta = 0 does not read C, which may hold NaN.
 *        a: p=0 1 2 ..                                          The last vector of a row holds `ragged` <= VF_LANES
 *    row 0 [ . . . . ]     c: rows x vectors                    columns; nothing beyond them is read or written, but
 *    row 1 [ . . . . ]     [ . . . . . . . . . . . . ]          where VF_FREE_MASK is 0 b must be readable there.
 *     :                                                         No alignment is needed.
 *
 * One call computes a run of `count` such tiles, each a step of a_next, b_next, c_next from the one before: down C, along
 * it, or just one.
 */

/* KC rows of B: a panel of two vectors stays in L1 (48 KiB at 16 lanes). MC rows of A: MC x KC stays in L2. */
#define NNI_KC 384
#define NNI_KC_LARGE 512 /* packed, C is what costs, and passes over it are k/KC */
#define NNI_MC 336
#define NNI_MC_PAGES 64 /* rows of A where each row of B is on a page of its own: both must fit the first TLB */
#define NNI_PAGE 1024
#define NNI_NC 3072
#define NNI_SHALLOW 32 /* k up to which writing C is most of the work */
#define NNI_WIDE_C (1u << 20) /* floats of C from which its rows are written one after another */
#define NNI_FAR (3u << 20) /* floats of B from which it is memory that has to be waited for: prefetch */

typedef struct nni_tiles_avx2 {
    size_t k, count;
    size_t a_stride, ldb, ldc;
    size_t a_next, b_next, c_next;
    size_t ragged;
    size_t ahead;     /* where to prefetch B, in floats from where it is read */
    int prefetch_c;   /* ask for the next tile of C before computing this one */
    float beta;
} nni_tiles_avx2;

/* A run from a, b and c on. */
typedef void (*nni_tile_fn_avx2)(const nni_tiles_avx2 *run, const float *a, const float *b, float *c);

/* For convolutions: A is read in `rows` x `count` stretches of k, with jumps between the end of one and the next, and B
 * jumps between rows; and bias and ReLU are done before C is stored. By k there is one stretch a row, and no epilogue. */
typedef struct nni_taps_avx2 {
    size_t rows, count;
    ptrdiff_t jump, row_jump; /* of A: after a stretch; after `count` of them, on top */
    size_t b_jump;            /* of B, after a row */
    const float *bias;        /* of the columns of the tile, or NULL */
    int relu;
} nni_taps_avx2;

typedef void (*nni_taps_fn_avx2)(const nni_tiles_avx2 *run, const nni_taps_avx2 *taps, const float *a, const float *b, float *c);

NNI_INLINE nni_vf_avx2 nni_tile_load_b_avx2(const float *b, int last, nni_vm_avx2 mask) {
    return VF_FREE_MASK && last ? nni_vf_load_m_avx2(b, mask) : nni_vf_load_avx2(b);
}

/* What is done to the sums of a convolution before they are stored. */
NNI_INLINE void nni_tile_finish_avx2(const int rows, const int vectors, const nni_taps_avx2 *taps, nni_vf_avx2 *sum, nni_vm_avx2 mask) {
    if (taps->bias)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            const float *at = taps->bias + j * VF_LANES;
            const nni_vf_avx2 bias = j == vectors - 1 ? nni_vf_load_m_avx2(at, mask) : nni_vf_load_avx2(at);
            NNI_UNROLL for (int i = 0; i < rows; i++) sum[i * vectors + j] = nni_vf_add_avx2(sum[i * vectors + j], bias);
        }
    if (taps->relu)
        NNI_UNROLL for (int s = 0; s < rows * vectors; s++) sum[s] = nni_v_relu_avx2(sum[s], sum[s]);
}

/* by_k: a(i,p) = a[p*a_stride + i], as in a packed or transposed A; otherwise a(i,p) = a[i*a_stride + p]. taps is NULL for
 * a plain product, of which nothing then is left of the loops over them. */
NNI_INLINE void nni_tile_avx2(const int rows, const int vectors, const int by_k, const nni_tiles_avx2 *run,
                             const nni_taps_avx2 *taps, const float *a, const float *b, float *c) {
    nni_vf_avx2 sum[28], bv[4];
    const nni_vm_avx2 mask = nni_vm_first_avx2(run->ragged);
    const size_t a_stride = run->a_stride, ldb = run->ldb, ldc = run->ldc, k = run->k, ahead = run->ahead;

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = nni_vf_set1_avx2(0.0f);
    if (run->beta != 0.0f) {
        const nni_vf_avx2 scale = nni_vf_set1_avx2(run->beta);
        NNI_UNROLL for (int i = 0; i < rows; i++)
            NNI_UNROLL for (int j = 0; j < vectors; j++) {
                const float *at = c + (size_t)i * ldc + j * VF_LANES;
                sum[i * vectors + j] = nni_vf_mul_avx2(scale, j == vectors - 1 ? nni_vf_load_m_avx2(at, mask) : nni_vf_load_avx2(at));
            }
    }

    if (by_k) {
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t p = 0; p < k; p++) {
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    bv[j] = nni_tile_load_b_avx2(b + j * VF_LANES, j == vectors - 1, mask);
                NNI_UNROLL for (int i = 0; i + 4 <= rows; i += 4) {
                    const nni_vq_avx2 av = nni_vq_load_avx2(a + i);
                    NNI_UNROLL for (int r = 0; r < 4; r++)
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[(i + r) * vectors + j] = nni_vf_fma_q_avx2(av, r, bv[j], sum[(i + r) * vectors + j]);
                }
                NNI_UNROLL for (int i = rows / 4 * 4; i < rows; i++) {
                    const nni_vf_avx2 av = nni_vf_set1_avx2(a[i]);
                    NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = nni_vf_fma_avx2(av, bv[j], sum[i * vectors + j]);
                }
                a += a_stride;
                b += ldb;
            }
            if (taps) a += taps->row_jump;
        }
    } else {
        /* One pointer for three rows: x86 reaches p, p + stride and p + 2*stride from it, and 14 pointers would spill. */
        const float *row[6];
        NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] = a + (size_t)i * a_stride;
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t count = taps ? taps->count : 1; count > 0; count--) {
                for (size_t p = 0; p < k; p++) {
                    NNI_UNROLL for (int j = 0; j < vectors; j++) {
                        if (!taps) __builtin_prefetch(b + ahead + j * VF_LANES);
                        bv[j] = nni_tile_load_b_avx2(b + j * VF_LANES, j == vectors - 1, mask);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i++) {
                        const nni_vf_avx2 av = nni_vf_set1_avx2(row[i / 3][(size_t)(i % 3) * a_stride]);
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[i * vectors + j] = nni_vf_fma_avx2(av, bv[j], sum[i * vectors + j]);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3]++;
                    b += ldb;
                }
                if (taps) NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->jump;
            }
            if (taps) {
                NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->row_jump;
                b += taps->b_jump;
            }
        }
    }
    if (taps && !by_k) nni_tile_finish_avx2(rows, vectors, taps, sum, mask);

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            float *at = c + (size_t)i * ldc + j * VF_LANES;
            if (j < vectors - 1) nni_vf_store_avx2(at, sum[i * vectors + j]);
            else if (VF_FREE_MASK || run->ragged < VF_LANES) nni_vf_store_m_avx2(at, sum[i * vectors + j], mask);
            else nni_vf_store_avx2(at, sum[i * vectors + j]);
        }
}

NNI_INLINE void nni_tile_run_avx2(const int rows, const int vectors, const int by_k, const nni_tiles_avx2 *run,
                                 const nni_taps_avx2 *taps, const float *a, const float *b, float *c) {
    for (size_t t = run->count; t > 0; t--) {
        if (run->prefetch_c && t > 1)
            NNI_UNROLL for (int i = 0; i < rows; i++)
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    __builtin_prefetch(c + run->c_next + (size_t)i * run->ldc + j * VF_LANES, 1);
        nni_tile_avx2(rows, vectors, by_k, run, taps, a, b, c);
        a += run->a_next;
        b += run->b_next;
        c += run->c_next;
    }
}

/* Every tile that fits, in both readings of A, for products and for convolutions. */
#define NNI_TILE_DEFINE(rows, vectors)                                                                     \
    static void nni_tile_by_row_##rows##x##vectors##_avx2(const nni_tiles_avx2 *run,                           \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_avx2(rows, vectors, 0, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void nni_tile_by_k_##rows##x##vectors##_avx2(const nni_tiles_avx2 *run,                             \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_avx2(rows, vectors, 1, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void nni_taps_by_row_##rows##x##vectors##_avx2(const nni_tiles_avx2 *run, const nni_taps_avx2 *taps, \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_avx2(rows, vectors, 0, run, taps, a, b, c);                                            \
    }                                                                                                      \
    static void nni_taps_by_k_##rows##x##vectors##_avx2(const nni_tiles_avx2 *run, const nni_taps_avx2 *taps,   \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_avx2(rows, vectors, 1, run, taps, a, b, c);                                            \
    }
NNI_TILES(NNI_TILE_DEFINE)
#undef NNI_TILE_DEFINE

static const int nni_tile_rows_avx2[4] = {NNI_TILE_ROWS};

/* The place of a tile in the tables, which list all of 1 vector, then all of 2, ... */
static size_t nni_tile_index_avx2(size_t rows, size_t vectors) {
    size_t at = rows - 1;
    for (size_t v = 1; v < vectors; v++) at += (size_t)nni_tile_rows_avx2[v - 1];
    return at;
}

static nni_tile_fn_avx2 nni_tile_find_avx2(int by_k, size_t rows, size_t vectors) {
#define NNI_TILE_BY_ROW(rows, vectors) nni_tile_by_row_##rows##x##vectors##_avx2,
#define NNI_TILE_BY_K(rows, vectors) nni_tile_by_k_##rows##x##vectors##_avx2,
    static const nni_tile_fn_avx2 by_row_table[] = {NNI_TILES(NNI_TILE_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TILE_BY_K)};
#undef NNI_TILE_BY_ROW
#undef NNI_TILE_BY_K
    return (by_k ? by_k_table : by_row_table)[nni_tile_index_avx2(rows, vectors)];
}

static nni_taps_fn_avx2 nni_taps_find_avx2(int by_k, size_t rows, size_t vectors) {
#define NNI_TAPS_BY_ROW(rows, vectors) nni_taps_by_row_##rows##x##vectors##_avx2,
#define NNI_TAPS_BY_K(rows, vectors) nni_taps_by_k_##rows##x##vectors##_avx2,
    static const nni_taps_fn_avx2 by_row_table[] = {NNI_TILES(NNI_TAPS_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TAPS_BY_K)};
#undef NNI_TAPS_BY_ROW
#undef NNI_TAPS_BY_K
    return (by_k ? by_k_table : by_row_table)[nni_tile_index_avx2(rows, vectors)];
}

/* ---- simd/kernels/gemm_pack.h ---- */
/* gemm_pack.h - copies of A and B in the order in which the tiles read them
 *
 *   A, rows x k -> by k:  dst[p*rows + i] = scale * a(i,p)
 *   B, k x cols -> rows of `width` floats:  dst[p*width + j] = b(p,j)
 */

/* Columns of a block: r[p] lane i = a[i*stride + p] for i < rows <= VF_LANES, p < cols <= VF_LANES. Lanes from `rows` on
 * repeat the last row, vectors from `cols` on are zero: nobody reads either. */
NNI_INLINE void nni_pack_block_avx2(nni_vf_avx2 *r, const float *a, size_t stride, size_t rows, size_t cols) {
    if (cols == VF_LANES) {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = nni_vf_load_avx2(a + nni_min(i, rows - 1) * stride);
    } else {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = nni_vf_load_n_avx2(a + nni_min(i, rows - 1) * stride, cols);
    }
    nni_vf_transpose_avx2(r);
}

/* Whole vectors are stored where `rows` is less than one: the floats too many are overwritten by the next p, and the
 * buffer has VF_LANES to spare behind the last panel. */
static void nni_pack_a_avx2(float *dst, const float *a, size_t a_row, size_t a_col, size_t rows, size_t k, float scale) {
    const nni_vf_avx2 s = nni_vf_set1_avx2(scale);
    for (size_t i = 0; i < rows; i += VF_LANES) {
        const size_t height = nni_min(rows - i, VF_LANES);
        const int spill = rows < VF_LANES;
        if (a_row == 1) {
            for (size_t p = 0; p < k; p++) {
                const nni_vf_avx2 v = nni_vf_mul_avx2(s, nni_vf_load_n_avx2(a + p * a_col + i, height));
                if (spill) nni_vf_store_avx2(dst + p * rows + i, v);
                else nni_vf_store_n_avx2(dst + p * rows + i, v, height);
            }
            continue;
        }
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            nni_vf_avx2 r[VF_LANES];
            nni_pack_block_avx2(r, a + i * a_row + p, a_row, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) {
                    const nni_vf_avx2 v = nni_vf_mul_avx2(s, r[q]);
                    if (spill) nni_vf_store_avx2(dst + (p + q) * rows + i, v);
                    else nni_vf_store_n_avx2(dst + (p + q) * rows + i, v, height);
                }
        }
    }
}

static void nni_pack_b_avx2(float *dst, const float *b, size_t b_row, size_t b_col, size_t k, size_t cols, size_t width) {
    if (b_col == 1) {
        for (size_t p = 0; p < k; p++) {
            size_t j = 0;
            for (; j + VF_LANES <= cols; j += VF_LANES) nni_vf_store_avx2(dst + p * width + j, nni_vf_load_avx2(b + p * b_row + j));
            if (j < cols) nni_vf_store_avx2(dst + p * width + j, nni_vf_load_n_avx2(b + p * b_row + j, cols - j));
        }
        return;
    }
    for (size_t j = 0; j < cols; j += VF_LANES) {
        const size_t height = nni_min(cols - j, VF_LANES);
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            nni_vf_avx2 r[VF_LANES];
            nni_pack_block_avx2(r, b + j * b_col + p, b_col, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) nni_vf_store_avx2(dst + (p + q) * width + j, r[q]);
        }
    }
}

/* ---- simd/kernels/gemm_dot.h ---- */
/* gemm_dot.h - few rows against a transposed B: every element of C a dot product in 16 lanes, nothing copied
 *
 * Both operands run along k, so sums are kept per lane, 16 of them on every ISA (NNI_WIDE vectors), and folded at the end:
 * VF_LANES columns of a row of C at once, which then are stored as a vector.
 */

/* products[i*VF_LANES + j]: the lane sums of row i of a with row j of b, folded down to VF_LANES lanes. Rows of b from
 * `valid` on do not exist; the last one is read in their place. */
NNI_INLINE void nni_dot_block_avx2(const int rows, const int cols, nni_vf_avx2 *products, const float *a, size_t a_row, const float *b,
                                  size_t b_col, size_t k, size_t valid) {
    nni_vf_avx2 sum[24];
    const float *row_b[8];
    NNI_UNROLL for (int s = 0; s < rows * cols * NNI_WIDE; s++) sum[s] = nni_vf_set1_avx2(0.0f);
    NNI_UNROLL for (int j = 0; j < cols; j++) row_b[j] = b + nni_min((size_t)j, valid - 1) * b_col;

    size_t p = 0;
    for (; p + 16 <= k; p += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            nni_vf_avx2 av[NNI_DOT_ROWS];
            NNI_UNROLL for (int i = 0; i < rows; i++) av[i] = nni_vf_load_avx2(a + (size_t)i * a_row + p + w * VF_LANES);
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const nni_vf_avx2 bv = nni_vf_load_avx2(row_b[j] + p + w * VF_LANES);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = nni_vf_fma_avx2(av[i], bv, sum[s]);
                }
            }
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t begin = p + (size_t)(w * VF_LANES);
        if (begin < k) {
            const nni_vm_avx2 left = nni_vm_first_avx2(nni_min(k - begin, VF_LANES));
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const nni_vf_avx2 bv = nni_vf_load_m_avx2(row_b[j] + begin, left);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = nni_vf_fma_avx2(nni_vf_load_m_avx2(a + (size_t)i * a_row + begin, left), bv, sum[s]);
                }
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < cols; j++) {
            nni_vf_avx2 *lanes = sum + (i * cols + j) * NNI_WIDE;
            NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
                NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = nni_vf_add_avx2(lanes[w], lanes[w + half]);
            products[i * VF_LANES + j] = lanes[0];
        }
}

/* `rows` rows of C, VF_LANES columns at a time. A single row takes twice the columns: four sums would wait for each other. */
NNI_INLINE void nni_dot_rows_avx2(const int rows, const nni_gemm *g, size_t i0) {
    const int cols = rows == 1 && 2 * NNI_DOT_COLS <= VF_LANES ? 2 * NNI_DOT_COLS : NNI_DOT_COLS;
    const float *a = g->a + i0 * g->a_row;
    const nni_vf_avx2 beta = nni_vf_set1_avx2(g->beta);
    for (size_t j0 = 0; j0 < g->n; j0 += VF_LANES) {
        nni_vf_avx2 products[NNI_DOT_ROWS * VF_LANES];
        for (int s = 0; s < VF_LANES; s += cols) {
            const size_t j = nni_min(j0 + (size_t)s, g->n - 1);
            nni_dot_block_avx2(rows, cols, products + s, a, g->a_row, g->b + j * g->b_col, g->b_col, g->k, g->n - j);
        }
        const size_t width = nni_min(g->n - j0, VF_LANES);
        for (int i = 0; i < rows; i++) {
            float *c = g->c + (i0 + (size_t)i) * g->ldc + j0;
            nni_vf_avx2 y = nni_vf_fold_each_avx2(products + i * VF_LANES);
            if (g->beta != 0.0f) y = nni_vf_add_avx2(nni_vf_mul_avx2(beta, nni_vf_load_n_avx2(c, width)), y);
            if (width == VF_LANES) nni_vf_store_avx2(c, y);
            else nni_vf_store_n_avx2(c, y, width);
        }
    }
}

static void nni_gemm_dot_avx2(const nni_gemm *g) {
    const size_t groups = nni_ceil_div(g->m, NNI_DOT_ROWS), least = g->m / groups, taller = g->m % groups;
    for (size_t t = 0, i = 0; t < groups; t++) {
        const size_t rows = least + (t < taller);
        switch (rows) { /* the sums live in registers only if their number is a constant */
        case 1: nni_dot_rows_avx2(1, g, i); break;
#define NNI_DOT_CASE(count) case count: nni_dot_rows_avx2(count <= NNI_DOT_ROWS ? count : 1, g, i); break;
        NNI_DOT_CASE(2) NNI_DOT_CASE(3) NNI_DOT_CASE(4) NNI_DOT_CASE(5) NNI_DOT_CASE(6)
#undef NNI_DOT_CASE
        }
        i += rows;
    }
}

/* ---- simd/kernels/gemm_row.h ---- */
/* gemm_row.h - one row against B as it lies, and outer products: the whole time goes into reading B, or writing C, once
 *
 * Eight rows of B are read side by side while y stays in L1: eight forward streams that the prefetcher follows, where
 * column blocks would jump a row ahead at every step. With k of 1 or 2 the rows of C are such streams.
 */

#define NNI_ROW_STREAMS 8

/* Whether the product takes this path; narrow ones stay in the registers of a tile. */
static int nni_gemm_is_row_avx2(const nni_gemm *g) {
    if (g->b_col != 1 || g->packed_b || g->alpha != 1.0f) return 0;
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0;
    return (g->m == 1 && (g->n > 4 * VF_LANES || ragged)) || (g->k <= 2 && g->n >= 512);
}

/* y[j] = beta*y[j] + x[0]*b[0][j] + ... + x[rows-1]*b[rows-1][j], in that order */
NNI_INLINE void nni_gemm_row_step_avx2(const int rows, float *y, const float *x, size_t x_stride, const float *b, size_t ldb,
                                      size_t n, float beta) {
    nni_vf_avx2 xv[NNI_ROW_STREAMS];
    NNI_UNROLL for (int r = 0; r < rows; r++) xv[r] = nni_vf_set1_avx2(x[(size_t)r * x_stride]);
    const nni_vf_avx2 scale = nni_vf_set1_avx2(beta);
    size_t j = 0;
    for (; j + VF_LANES <= n; j += VF_LANES) {
        nni_vf_avx2 sum = beta == 0.0f ? nni_vf_set1_avx2(0.0f) : nni_vf_mul_avx2(scale, nni_vf_load_avx2(y + j));
        NNI_UNROLL for (int r = 0; r < rows; r++) sum = nni_vf_fma_avx2(xv[r], nni_vf_load_avx2(b + (size_t)r * ldb + j), sum);
        nni_vf_store_avx2(y + j, sum);
    }
    if (j < n) {
        nni_vf_avx2 sum = beta == 0.0f ? nni_vf_set1_avx2(0.0f) : nni_vf_mul_avx2(scale, nni_vf_load_n_avx2(y + j, n - j));
        for (size_t r = 0; r < (size_t)rows; r++) sum = nni_vf_fma_avx2(nni_vf_set1_avx2(x[r * x_stride]), nni_vf_load_n_avx2(b + r * ldb + j, n - j), sum);
        nni_vf_store_n_avx2(y + j, sum, n - j);
    }
}

static void nni_gemm_row_avx2(const nni_gemm *g, float *c, const float *a) {
    float beta = g->beta;
    size_t p = 0;
    for (; p + NNI_ROW_STREAMS <= g->k; p += NNI_ROW_STREAMS, beta = 1.0f)
        nni_gemm_row_step_avx2(NNI_ROW_STREAMS, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
    for (; p < g->k; p++, beta = 1.0f)
        nni_gemm_row_step_avx2(1, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
}

/* One row against `panels` packed panels side by side, each a stream and a set of sums of its own. */
NNI_INLINE void nni_gemm_packed_step_avx2(const int panels, const nni_gemm *g, size_t j) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    nni_vf_avx2 sum[4 * NNI_LARGE_VECTORS];
    float *c = g->c + j;
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES, left = j + at < g->n ? nni_min(g->n - j - at, VF_LANES) : 0;
        sum[s] = g->beta == 0.0f || !left ? nni_vf_set1_avx2(0.0f) : nni_vf_mul_avx2(nni_vf_set1_avx2(g->beta), nni_vf_load_n_avx2(c + at, left));
    }
    const float *b = g->packed_b + j * g->k;
    for (size_t p = 0; p < g->k; p++) {
        const nni_vf_avx2 x = nni_vf_set1_avx2(g->a[p * g->a_col]);
        NNI_UNROLL for (int q = 0; q < panels; q++)
            NNI_UNROLL for (int v = 0; v < NNI_LARGE_VECTORS; v++) {
                const int s = q * NNI_LARGE_VECTORS + v;
                sum[s] = nni_vf_fma_avx2(x, nni_vf_load_avx2(b + (size_t)q * width * g->k + p * width + v * VF_LANES), sum[s]);
            }
    }
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES;
        if (j + at < g->n) nni_vf_store_n_avx2(c + at, sum[s], nni_min(g->n - j - at, VF_LANES));
    }
}

static void nni_gemm_packed_row_avx2(const nni_gemm *g) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    size_t j = 0;
    for (; j + 3 * width < g->n; j += 4 * width) nni_gemm_packed_step_avx2(4, g, j);
    for (; j < g->n; j += width) nni_gemm_packed_step_avx2(1, g, j);
}

static void nni_gemm_rows_avx2(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) nni_gemm_row_avx2(g, g->c + i * g->ldc, g->a + i * g->a_row);
}

/* ---- simd/kernels/gemm_turned.h ---- */
/* gemm_turned.h - C = A*B computed as C' = B'*A': lanes along the rows of C instead of its columns
 *
 * For a transposed B: its rows are the turned product's left rows and are read as they lie, and A, a batch that is small
 * beside the weights, is packed instead of them. For few columns and a transposed A: its rows fill the lanes, and nothing is
 * packed. Tiles come out turned, stay in L1 while k runs, and are turned back on the way into C. Pays where m fills whole
 * vectors; each element is the same chain as ever.
 */

static int nni_gemm_is_turned_avx2(const nni_gemm *g) {
    if (VF_LANES == 1 || g->alpha != 1.0f || g->packed_b || g->m % VF_LANES) return 0;
    if (g->a_row == 1) return g->b_col == 1 && g->n % 16 && g->n < 14 && g->k >= 32;
    return g->b_row == 1 && g->b_col != 1 && g->a_col == 1 && g->m <= 256 && (g->k >= 192 || g->m * 3 <= g->k);
}

/* tile[r][i] = c[i][r], or back; tile has `cols` (whole vectors) floats a row. */
static void nni_turn_in_avx2(float *tile, const float *c, size_t ldc, size_t rows, size_t cols) {
    for (size_t i = 0; i < cols; i++)
        for (size_t r = 0; r < rows; r++) tile[r * cols + i] = c[i * ldc + r];
}

static void nni_turn_out_avx2(float *c, size_t ldc, const float *tile, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r += VF_LANES) {
        const size_t height = nni_min(rows - r, VF_LANES);
        for (size_t i = 0; i < cols; i += VF_LANES) {
            nni_vf_avx2 block[VF_LANES];
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) block[q] = nni_vf_load_avx2(tile + (r + q) * cols + i);
            nni_vf_transpose_avx2(block);
            if (height == VF_LANES) {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) nni_vf_store_avx2(c + (i + q) * ldc + r, block[q]);
            } else {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) nni_vf_store_n_avx2(c + (i + q) * ldc + r, block[q], height);
            }
        }
    }
}

static void nni_gemm_turned_avx2(const nni_gemm *g, size_t vectors, float *work) {
    const size_t panel = vectors * VF_LANES, most = (size_t)nni_tile_rows_avx2[vectors - 1];
    const int pack = g->a_row != 1, by_k = g->b_col == 1;
    NNI_ALIGNED(64) float tile[32 * 4 * VF_LANES]; /* the rows of the tallest tile, and whole vectors to read behind them */
    for (size_t i = 0; pack && i < g->m; i += panel) {
        const size_t cols = nni_min(panel, g->m - i);
        nni_pack_b_avx2(work + i * g->k, g->a + i * g->a_row, 1, g->a_row, g->k, cols, cols);
    }
    nni_tiles_avx2 run = {0, 1, by_k ? g->b_row : g->b_col, 0, 0, 0, 0, 0, VF_LANES, 0, 0, 0.0f};
    const size_t tiles = nni_ceil_div(g->n, most), least = g->n / tiles, taller = g->n % tiles;
    for (size_t t = 0, j = 0; t < tiles; t++) {
        const size_t rows = least + (t < taller);
        for (size_t i = 0; i < g->m; i += panel) {
            const size_t cols = nni_min(panel, g->m - i);
            const nni_tile_fn_avx2 compute = nni_tile_find_avx2(by_k, rows, cols / VF_LANES);
            float *c = g->c + i * g->ldc + j;
            run.ldb = pack ? cols : g->a_col;
            run.ldc = cols;
            if (g->beta != 0.0f) nni_turn_in_avx2(tile, c, g->ldc, rows, cols);
            for (size_t p = 0; p < g->k; p += NNI_KC) {
                run.k = nni_min(NNI_KC, g->k - p);
                run.beta = p == 0 ? g->beta : 1.0f;
                compute(&run, g->b + j * g->b_col + p * g->b_row, (pack ? work + i * g->k : g->a + i) + p * run.ldb, tile);
            }
            nni_turn_out_avx2(c, g->ldc, tile, rows, cols);
        }
        j += rows;
    }
}

/* ---- simd/kernels/gemm.h ---- */
/* gemm.h - C = alpha*A*B + beta*C: which path a shape takes, and the loops of the blocked one
 *
 * Names as in the literature: m, n, k the sizes; jc pc ic jr ir the loops from the outside in; NC KC MC their blocks.
 */

/* How the blocked path treats one product: decided by shape, felt in speed only, never in bits. */
typedef struct nni_gemm_plan_avx2 {
    size_t kc, mc, nc;
    size_t vectors; /* width of a tile */
    int turned;     /* as C' = B'*A' */
    int pack_a, pack_b;
    int edge;         /* pack the last columns of B, which fill no vector and cannot be loaded without a mask */
    int await_c;      /* prefetch the next tile of C */
    size_t ahead;     /* how far to prefetch along the rows of B, or 0 */
    int rows_outside; /* walk along the rows of C: where C is what costs, and B stays in cache */
} nni_gemm_plan_avx2;

/* Half-cycles that one step of k takes in a tile: two fmas or two loads a cycle, and eight sums hide the latency. */
static size_t nni_tile_cost_avx2(size_t rows, size_t vectors) {
    return nni_max(nni_max(rows * vectors, rows + 2 * vectors), 8);
}

/* The width of tile that takes least time. Where k is short the tile is soon done, and storing C in long runs counts. */
static size_t nni_plan_vectors_avx2(size_t m, size_t n, size_t k) {
    const size_t across = nni_ceil_div(n, VF_LANES);
    if (k <= NNI_SHALLOW) return nni_min(across, NNI_LARGE_VECTORS);
    size_t best = 1, least = SIZE_MAX;
    for (size_t v = 1; v <= 4; v++) {
        const size_t tiles = nni_ceil_div(m, (size_t)nni_tile_rows_avx2[v - 1]);
        const size_t rows = nni_ceil_div(m, tiles);
        const size_t rest = across % v;
        const size_t cost = tiles * (across / v * nni_tile_cost_avx2(rows, v) + (rest ? nni_tile_cost_avx2(rows, rest) : 0));
        if (cost < least) {
            least = cost;
            best = v;
        }
    }
    return best;
}

static nni_gemm_plan_avx2 nni_plan_avx2(const nni_gemm *g) {
    nni_gemm_plan_avx2 plan;
    /* From some size on the copies pay: they cost 1/n and 1/m of the product, rows far apart more. */
    const int large = g->m > 512 && g->n >= 128 && g->k >= 128 && (g->a_col == 1 || g->k > NNI_KC);
    const int deep = g->a_row == 1 && g->k > 192; /* both operands are read down long columns */
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0, narrow = g->n < 4 * VF_LANES && g->m >= 8;
    plan.turned = nni_gemm_is_turned_avx2(g);
    plan.pack_b = !g->packed_b && (g->b_col != 1 || large || deep || (ragged && narrow));
    plan.edge = ragged && !plan.pack_b && !g->packed_b;
    plan.pack_a = g->alpha != 1.0f || (g->a_row != 1 && g->a_col != 1) || large;
    plan.kc = large ? NNI_KC_LARGE : NNI_KC;
    plan.mc = plan.pack_a ? NNI_MC / 2 : !plan.pack_b && g->b_row >= NNI_PAGE ? NNI_MC_PAGES : NNI_MC;
    plan.nc = NNI_NC;
    plan.await_c = large && g->m * g->n >= NNI_WIDE_C;
    plan.rows_outside = g->k <= NNI_SHALLOW && g->m * g->n >= NNI_WIDE_C;
    if (g->packed_b) plan.vectors = NNI_LARGE_VECTORS;
    else if (plan.turned) plan.vectors = nni_plan_vectors_avx2(g->n, g->m, g->k);
    else if (large) plan.vectors = NNI_LARGE_VECTORS;
    else plan.vectors = nni_plan_vectors_avx2(nni_min(g->m, NNI_MC), nni_min(g->n, NNI_NC), g->k);
    plan.ahead = 0;
    if (g->k * g->n >= NNI_FAR && g->packed_b) plan.ahead = plan.vectors * VF_LANES * g->k;
    else if (g->k * g->n >= NNI_FAR && g->b_col == 1 && !plan.pack_b) plan.ahead = plan.vectors * VF_LANES;
    return plan;
}

/* The rows of a block as they are dealt out to tiles: evenly, so that no tile is left with one row. The first `taller`
 * tiles have rows + 1. */
typedef struct nni_gemm_deal_avx2 {
    size_t tiles, rows, taller;
} nni_gemm_deal_avx2;

static nni_gemm_deal_avx2 nni_deal_avx2(size_t height, size_t vectors) {
    nni_gemm_deal_avx2 d;
    d.tiles = nni_ceil_div(height, (size_t)nni_tile_rows_avx2[vectors - 1]);
    d.rows = height / d.tiles;
    d.taller = height % d.tiles;
    return d;
}

/* Packs a block of A in panels as high as the tiles that will read them. */
static void nni_pack_a_panels_avx2(float *dst, const nni_gemm *g, const nni_gemm_plan_avx2 *plan, const float *a, size_t height,
                                  size_t k) {
    const nni_gemm_deal_avx2 d = nni_deal_avx2(height, plan->vectors);
    for (size_t t = 0, i = 0; t < d.tiles; t++) {
        const size_t rows = d.rows + (t < d.taller);
        nni_pack_a_avx2(dst + i * k, a + i * g->a_row, g->a_row, g->a_col, rows, k, g->alpha);
        i += rows;
    }
}

/* Where a block of A or B is: packed, or part of the matrix. */
typedef struct nni_gemm_where_avx2 {
    const float *a, *b;
    const float *edge; /* the columns that fill no vector, VF_LANES wide, or NULL */
    size_t ldb;         /* 0: rows are as wide as their panel */
    size_t panel;       /* from one panel of B to the next */
} nni_gemm_where_avx2;

/* Columns of a block of C from panel s on: `panels` whole ones, or the last one with `width` columns. Tiles of one height
 * are one run down a panel or, where writing C is what costs, one run along the rows. */
static void nni_gemm_panels_avx2(const nni_gemm *g, const nni_gemm_plan_avx2 *plan, const nni_gemm_where_avx2 *where, float *c,
                                nni_gemm_deal_avx2 d, size_t s, size_t panels, size_t width, size_t k, float beta) {
    const size_t vectors = nni_ceil_div(width, VF_LANES), panel = plan->vectors * VF_LANES;
    const size_t a_step = plan->pack_a ? k : g->a_row;
    const int by_k = plan->pack_a || g->a_row == 1, along = panels > 1;
    nni_tiles_avx2 run;
    run.k = k;
    run.beta = beta;
    run.ldc = g->ldc;
    run.ldb = where->ldb ? where->ldb : vectors * VF_LANES;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.ahead = plan->ahead;
    run.prefetch_c = plan->await_c;
    run.b_next = along ? where->panel : 0;
    for (size_t t = 0; t < d.tiles;) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        const size_t alike = along ? 1 : t < d.taller ? d.taller : d.tiles - t;
        run.count = along ? panels : alike;
        run.a_stride = plan->pack_a ? rows : by_k ? g->a_col : g->a_row;
        run.a_next = along ? 0 : rows * a_step;
        run.c_next = along ? panel : rows * g->ldc;
        nni_tile_find_avx2(by_k, rows, vectors)
        (&run, where->a + i * a_step, where->b + s * where->panel, c + i * g->ldc + s * panel);
        t += alike;
    }
}

/* A block of C, height x width. */
static void nni_gemm_block_avx2(const nni_gemm *g, const nni_gemm_plan_avx2 *plan, const nni_gemm_where_avx2 *where, float *c,
                               size_t height, size_t width, size_t k, float beta) {
    const nni_gemm_deal_avx2 d = nni_deal_avx2(height, plan->vectors);
    const size_t panel = plan->vectors * VF_LANES, whole = width / panel, step = plan->rows_outside ? nni_max(whole, 1) : 1;
    for (size_t s = 0; s < whole; s += step) nni_gemm_panels_avx2(g, plan, where, c, d, s, step, panel, k, beta);
    const size_t rest = width % panel, ragged = where->edge ? rest % VF_LANES : 0;
    if (rest > ragged) nni_gemm_panels_avx2(g, plan, where, c, d, whole, 1, rest - ragged, k, beta);
    if (ragged) {
        const nni_gemm_where_avx2 edge = {where->a, where->edge, NULL, VF_LANES, 0};
        nni_gemm_panels_avx2(g, plan, &edge, c + width - ragged, d, 0, 1, ragged, k, beta);
    }
}

/* Floats that the packed part of B takes. */
static size_t nni_plan_floats_b_avx2(const nni_gemm *g, const nni_gemm_plan_avx2 *plan) {
    const size_t columns = plan->pack_b ? nni_round_up(nni_min(plan->nc, g->n), VF_LANES) : plan->edge ? VF_LANES : 0;
    return nni_min(plan->kc, g->k) * columns;
}

static void nni_gemm_blocked_avx2(const nni_gemm *g, const nni_gemm_plan_avx2 *plan, float *work) {
    const size_t panel = plan->vectors * VF_LANES;
    float *const packed_b = work;
    float *const packed_a = plan->pack_a ? work + nni_plan_floats_b_avx2(g, plan) : NULL;

    for (size_t jc = 0; jc < g->n; jc += plan->nc) {
        const size_t nc = nni_min(plan->nc, g->n - jc);
        for (size_t pc = 0; pc < g->k; pc += plan->kc) {
            const size_t kc = nni_min(plan->kc, g->k - pc);
            const float beta = pc == 0 ? g->beta : 1.0f;
            if (plan->pack_b)
                for (size_t jr = 0; jr < nc; jr += panel) {
                    const size_t cols = nni_min(panel, nc - jr);
                    nni_pack_b_avx2(packed_b + jr * kc, g->b + pc * g->b_row + (jc + jr) * g->b_col, g->b_row, g->b_col, kc, cols,
                                   nni_round_up(cols, VF_LANES));
                }
            nni_gemm_where_avx2 where = {NULL, g->b + pc * g->b_row + jc, NULL, g->b_row, panel};
            if (plan->pack_b) {
                where.b = packed_b;
                where.ldb = 0;
                where.panel = panel * kc;
            } else if (plan->edge && jc + nc == g->n) {
                const size_t ragged = nc % VF_LANES;
                nni_pack_b_avx2(packed_b, where.b + nc - ragged, g->b_row, 1, kc, ragged, VF_LANES);
                where.edge = packed_b;
            } else if (g->packed_b) {
                where.b = g->packed_b + jc * g->k + pc * panel;
                where.ldb = panel;
                where.panel = panel * g->k;
            }
            for (size_t ic = 0; ic < g->m; ic += plan->mc) {
                const size_t mc = nni_min(plan->mc, g->m - ic);
                where.a = g->a + ic * g->a_row + pc * g->a_col;
                if (plan->pack_a) {
                    nni_pack_a_panels_avx2(packed_a, g, plan, where.a, mc, kc);
                    where.a = packed_a;
                }
                nni_gemm_block_avx2(g, plan, &where, g->c + ic * g->ldc + jc, mc, nc, kc, beta);
            }
        }
    }
}

/* Floats of workspace that the plan needs. */
static size_t nni_plan_workspace_avx2(const nni_gemm *g, const nni_gemm_plan_avx2 *plan) {
    if (plan->turned) return g->a_row == 1 ? 0 : g->k * g->m;
    const size_t a = plan->pack_a ? nni_min(plan->kc, g->k) * nni_min(plan->mc, g->m) + VF_LANES : 0;
    return nni_plan_floats_b_avx2(g, plan) + a;
}

/* C = beta*C, all that is left when nothing is to be added; beta = 0 does not read C. */
static void nni_gemm_scale_avx2(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) nni_scale_avx2(g->c + i * g->ldc, g->c + i * g->ldc, g->n, g->beta);
}

/* Bias and activation for one finished row of C. */
static void nni_gemm_epilogue_avx2(const nni_gemm *g, float *c) {
    if (g->bias && g->bias_step) nni_add_avx2(c, c, g->bias, g->n);
    else if (g->bias) nni_map1_avx2(nni_v_shift_avx2, c, c, g->n, g->bias[0]);
    if (g->activation != NN_IDENTITY) nni_activate_avx2(c, c, g->n, g->activation, g->slope);
}

/* Computes a product of one tile, or a column of few, as it lies in memory, without a plan or packing, and returns 1; or
 * returns 0. */
static int nni_gemm_small_avx2(const nni_gemm *g) {
    if (g->n > 4 * VF_LANES || g->b_col != 1 || g->alpha != 1.0f || g->packed_b) return 0;
    if (!VF_FREE_MASK && g->n % VF_LANES) return 0;
    const size_t vectors = (g->n - 1) / VF_LANES + 1, most = (size_t)nni_tile_rows_avx2[vectors - 1];
    const int by_k = g->a_row == 1;
    if (g->m > (vectors <= 2 ? 4 * most : most) || (!by_k && g->a_col != 1)) return 0;
    nni_tiles_avx2 run = {g->k, 1, by_k ? g->a_col : g->a_row, g->b_row, g->ldc, 0, 0, 0, g->n - (vectors - 1) * VF_LANES, 0, 0, g->beta};
    if (g->m <= most) {
        nni_tile_find_avx2(by_k, g->m, vectors)(&run, g->a, g->b, g->c);
        return 1;
    }
    const nni_gemm_deal_avx2 d = nni_deal_avx2(g->m, vectors);
    for (size_t t = 0, i = 0, rows; t < d.tiles; t += run.count, i += run.count * rows) {
        rows = d.rows + (t < d.taller);
        run.count = t < d.taller ? d.taller : d.tiles - t;
        run.a_next = rows * g->a_row;
        run.c_next = rows * g->ldc;
        nni_tile_find_avx2(by_k, rows, vectors)(&run, g->a + i * g->a_row, g->b, g->c + i * g->ldc);
    }
    return 1;
}

/* Computes the product and returns 0; or, if it takes more than the `floats` of workspace given, how many it takes. */
static size_t nni_gemm_avx2(const nni_gemm *g, float *work, size_t floats) {
    if (g->k == 0 || g->alpha == 0.0f) nni_gemm_scale_avx2(g);
    else if (g->dot) nni_gemm_dot_avx2(g);
    else if (nni_gemm_small_avx2(g)) {} /* done */
    else if (nni_gemm_is_row_avx2(g)) nni_gemm_rows_avx2(g);
    else if (g->packed_b && g->m == 1 && g->alpha == 1.0f) nni_gemm_packed_row_avx2(g);
    else {
        const nni_gemm_plan_avx2 plan = nni_plan_avx2(g);
        const size_t needed = nni_plan_workspace_avx2(g, &plan);
        if (needed > floats) return needed;
        if (plan.turned) nni_gemm_turned_avx2(g, plan.vectors, work);
        else nni_gemm_blocked_avx2(g, &plan, work);
    }
    if (g->bias || g->activation != NN_IDENTITY)
        for (size_t i = 0; i < g->m; i++) nni_gemm_epilogue_avx2(g, g->c + i * g->ldc);
    return 0;
}

/* Floats of workspace with which gemm() is sure to succeed. */
static size_t nni_gemm_workspace_avx2(const nni_gemm *g) {
    if (g->dot) return 0;
    const nni_gemm_plan_avx2 plan = nni_plan_avx2(g);
    return nni_plan_workspace_avx2(g, &plan);
}

/* All of op(B), k x n, in panels of NNI_LARGE_VECTORS vectors, the last one filled up with zeros. */
static void nni_gemm_pack_avx2(float *dst, const float *b, size_t b_row, size_t b_col, size_t n, size_t k) {
    const size_t panel = NNI_LARGE_VECTORS * VF_LANES;
    if (k == 0) return;
    if (n % panel) memset(dst + n / panel * panel * k, 0, panel * k * sizeof *dst);
    for (size_t j = 0; j < n; j += panel) {
        const size_t cols = nni_min(panel, n - j);
        nni_pack_b_avx2(dst + j * k, b + j * b_col, b_row, b_col, k, cols, panel);
    }
}

/* ---- simd/kernels/conv_block.h ---- */
/* conv_block.h - the parts of a convolution: a unit, computed at a time, and its blocks, in which all outputs have the same taps */

/* Some images, or positions [from, to) of y of one of them. */
typedef struct nni_conv_unit_avx2 {
    size_t image, images;
    size_t from, to;
} nni_conv_unit_avx2;

static nni_conv_unit_avx2 nni_conv_unit_of_avx2(const nni_conv *job, size_t u) {
    nni_conv_unit_avx2 unit;
    unit.image = u / job->bands * job->together;
    unit.images = nni_min(job->together, job->images - unit.image);
    unit.from = u % job->bands * job->band;
    unit.to = nni_min(unit.from + job->band, job->y.positions);
    return unit;
}

/* One axis of a block: how many outputs, and what is between two of them in the source and in the target. */
typedef struct nni_conv_steps_avx2 {
    size_t count, source, target;
} nni_conv_steps_avx2;

/* Outputs of a unit that have the same taps. axis[0] becomes the rows of A. */
typedef struct nni_conv_block_avx2 {
    nni_conv_steps_avx2 axis[3];
    const float *source; /* what the first tap reads for the first output */
    float *target;
} nni_conv_block_avx2;

static void nni_conv_exchange_avx2(nni_conv_block_avx2 *block, size_t i) {
    const nni_conv_steps_avx2 first = block->axis[0];
    block->axis[0] = block->axis[i];
    block->axis[i] = first;
}

/* Puts the axis first along which tiles are fullest; along a row of outputs if others are not much better. */
static void nni_conv_choose_avx2(nni_conv_block_avx2 *block, size_t vectors) {
    size_t best = 0, best_cost = 0;
    for (size_t i = 0; i < 3; i++) {
        const size_t count = block->axis[i].count, tiles = nni_ceil_div(count, (size_t)nni_tile_rows_avx2[vectors - 1]);
        const size_t cost = tiles * nni_tile_cost_avx2(nni_ceil_div(count, tiles), vectors);
        if (i && 10 * cost * block->axis[best].count >= 9 * best_cost * count) continue;
        best = i;
        best_cost = cost;
    }
    nni_conv_exchange_avx2(block, best);
}

/* The block of a unit where the runs y and x meet. */
static nni_conv_block_avx2 nni_conv_block_of_avx2(const nni_conv *job, const nni_conv_unit_avx2 *unit, const nni_conv_phase *py,
                                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const size_t row = job->x.source * channels, image = job->y.source * row;
    const size_t target_row = job->x.target * filters, target_image = job->y.target * target_row;
    const size_t target_y = (size_t)(py->target + (ptrdiff_t)(y->from * py->target_step));
    const size_t target_x = (size_t)(px->target + (ptrdiff_t)(x->from * px->target_step));
    const nni_conv_block_avx2 block = {{{x->to - x->from, job->x.step * channels, px->target_step * filters},
                                       {y->to - y->from, job->y.step * row, py->target_step * target_row},
                                       {unit->images, image, target_image}},
                                      job->source + unit->image * image + y->source * row + x->source * channels,
                                      job->target + unit->image * target_image + target_y * target_row + target_x * filters};
    return block;
}

/* ---- simd/kernels/conv_depth.h ---- */
/* conv_depth.h - convolutions of every channel by itself: lanes are channels, and some outputs are computed side by side */

/* A block, and the steps between its taps in floats. */
typedef struct nni_depth_avx2 {
    size_t tap_rows, taps, channels;
    size_t x_output, y_output; /* from one output to the next */
    size_t x_tap, x_row;       /* from one tap to the next, from one row of taps to the next */
    ptrdiff_t w_tap, w_row;
    const float *bias;
    int relu;
} nni_depth_avx2;

/* `outputs` of a row, VF_LANES channels, or those of the mask if not `whole`. */
NNI_INLINE void nni_depth_tile_avx2(const int outputs, const int whole, const nni_depth_avx2 *d, float *y, const float *x,
                                   const float *w, size_t channel, nni_vm_avx2 mask) {
    nni_vf_avx2 sum[8];
    NNI_UNROLL for (int i = 0; i < outputs; i++) sum[i] = nni_vf_set1_avx2(0.0f);
    x += channel;
    w += channel;
    for (size_t r = d->tap_rows; r > 0; r--, x += d->x_row, w += d->w_row) {
        const float *xt = x, *wt = w;
        for (size_t t = d->taps; t > 0; t--, xt += d->x_tap, wt += d->w_tap) {
            const nni_vf_avx2 tap = whole ? nni_vf_load_avx2(wt) : nni_vf_load_m_avx2(wt, mask);
            NNI_UNROLL for (int i = 0; i < outputs; i++) {
                const float *at = xt + (size_t)i * d->x_output;
                sum[i] = nni_vf_fma_avx2(whole ? nni_vf_load_avx2(at) : nni_vf_load_m_avx2(at, mask), tap, sum[i]);
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < outputs; i++) {
        float *at = y + (size_t)i * d->y_output + channel;
        if (d->bias) sum[i] = nni_vf_add_avx2(sum[i], whole ? nni_vf_load_avx2(d->bias + channel) : nni_vf_load_m_avx2(d->bias + channel, mask));
        if (d->relu) sum[i] = nni_v_relu_avx2(sum[i], sum[i]);
        if (whole) nni_vf_store_avx2(at, sum[i]);
        else nni_vf_store_m_avx2(at, sum[i], mask);
    }
}

/* All channels of `outputs` outputs. */
NNI_INLINE void nni_depth_outputs_avx2(const int outputs, const nni_depth_avx2 *d, float *y, const float *x, const float *w) {
    const nni_vm_avx2 mask = nni_vm_first_avx2(d->channels % VF_LANES);
    size_t c = 0;
    for (; c + VF_LANES <= d->channels; c += VF_LANES) nni_depth_tile_avx2(outputs, 1, d, y, x, w, c, mask);
    if (c < d->channels) nni_depth_tile_avx2(outputs, 0, d, y, x, w, c, mask);
}

/* `count` outputs, eight at a time, and the rest at once. */
static void nni_depth_line_avx2(const nni_depth_avx2 *d, float *y, const float *x, const float *w, size_t count) {
    for (; count >= 8; count -= 8, x += 8 * d->x_output, y += 8 * d->y_output) nni_depth_outputs_avx2(8, d, y, x, w);
    switch (count) {
    case 7: nni_depth_outputs_avx2(7, d, y, x, w); break;
    case 6: nni_depth_outputs_avx2(6, d, y, x, w); break;
    case 5: nni_depth_outputs_avx2(5, d, y, x, w); break;
    case 4: nni_depth_outputs_avx2(4, d, y, x, w); break;
    case 3: nni_depth_outputs_avx2(3, d, y, x, w); break;
    case 2: nni_depth_outputs_avx2(2, d, y, x, w); break;
    case 1: nni_depth_outputs_avx2(1, d, y, x, w); break;
    default: break;
    }
}

/* The block where the runs y and x meet. */
static void nni_depth_block_avx2(const nni_conv *job, const nni_conv_unit_avx2 *unit, const nni_conv_phase *py,
                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    nni_conv_block_avx2 block = nni_conv_block_of_avx2(job, unit, py, px, y, x);
    if (block.axis[0].count < 4 && block.axis[1].count > block.axis[0].count) nni_conv_exchange_avx2(&block, 1);
    const nni_conv_steps_avx2 *axis = block.axis;
    const ptrdiff_t w_row = (ptrdiff_t)(job->x.kernel * job->w_tap);
    const float *w = job->weights;
    nni_depth_avx2 d;
    d.tap_rows = x->taps ? y->taps : 0;
    d.taps = x->taps;
    d.channels = job->groups;
    d.x_output = axis[0].source;
    d.y_output = axis[0].target;
    d.x_tap = px->tap_step * job->groups;
    d.x_row = py->tap_step * job->x.source * job->groups;
    d.w_tap = px->kernel_step * (ptrdiff_t)job->w_tap;
    d.w_row = py->kernel_step * w_row;
    d.bias = job->bias;
    d.relu = job->activation == NN_RELU;
    if (d.tap_rows)
        w += ((ptrdiff_t)py->kernel + (ptrdiff_t)y->tap * py->kernel_step) * w_row +
             ((ptrdiff_t)px->kernel + (ptrdiff_t)x->tap * px->kernel_step) * (ptrdiff_t)job->w_tap;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            nni_depth_line_avx2(&d, block.target + n * axis[2].target + i * axis[1].target,
                               block.source + n * axis[2].source + i * axis[1].source, w, axis[0].count);
}

/* What one set of taps computes of a unit. */
static void nni_conv_depth_avx2(const nni_conv *job, const nni_conv_unit_avx2 *unit, const nni_conv_phase *py, const nni_conv_phase *px) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            nni_depth_block_avx2(job, unit, py, px, &y, &x);
        }
    }
}

/* ---- simd/kernels/conv.h ---- */
/* conv.h - convolutions, and their gradients by the input, as products whose A is the image itself
 *
 * The taps of a row of the kernel read one stretch of a row of pixels, and the next output's taps the same one a step on: so
 * a row of outputs is a product whose rows of A overlap, and nothing is gathered. The tile's k runs over the stretches, the
 * weights, taps x in x out, run on.
 *
 *     pixels       [ p0 . ][ p1 . ][ p2 . ][ p3 . ]           A, row 0    p0 p1 p2        row 1   p1 p2 p3
 *
 * An element is one chain of fused multiply-adds over taps and channels, in the order of memory, from 0. Taps outside the
 * image are left out: an image is cut into blocks whose outputs have the same taps inside, the middle, four edges and four
 * corners where the padding is 1. In a block any of three axes may be the rows of A: a row of outputs, a column of them, or the same
 * output of several images.
 */

#define NNI_CONV_FEW 64 /* outputs of a filter for which packing its weights does not pay */

/* The width of the panels: as wide as tiles get, so that the image is read seldom, and all alike. */
static size_t nni_conv_vectors_avx2(const nni_conv *job) {
    const size_t across = nni_ceil_div(job->out, VF_LANES);
    return nni_ceil_div(across, nni_ceil_div(across, NNI_LARGE_VECTORS));
}

/* Weights are used as they lie only where there are few outputs to each: otherwise it pays to have them in the order in which
 * the tiles read them, aligned. Backward they lie the wrong way round; and ragged rows cannot be read without a mask. */
static int nni_conv_packs_avx2(const nni_conv *job) {
    const int as_they_are = !job->y.backward && (VF_FREE_MASK || job->out % VF_LANES == 0);
    return !job->depthwise && !(as_they_are && job->images * job->y.positions * job->x.positions < NNI_CONV_FEW);
}

/* Floats that the packed weights take, 0 if they are used as they are. */
static size_t nni_conv_packed_avx2(const nni_conv *job) {
    const size_t taps = job->y.kernel * job->x.kernel;
    return nni_conv_packs_avx2(job) ? taps * job->in * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* The weights of one group for one set of taps, panel after panel, each in x width for every tap. */
static float *nni_conv_pack_phase_avx2(float *dst, const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                      const float *group) {
    const size_t panel = nni_conv_vectors_avx2(job) * VF_LANES;
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t cols = nni_min(panel, job->out - j), width = nni_round_up(cols, VF_LANES);
        for (size_t ty = 0; ty < py->taps; ty++)
            for (size_t tx = 0; tx < px->taps; tx++) {
                const size_t ky = py->kernel + ty * (size_t)py->kernel_step, kx = px->kernel + tx * (size_t)px->kernel_step;
                const float *w = group + (ky * job->x.kernel + kx) * job->w_tap + j * job->w_col;
                nni_pack_b_avx2(dst, w, job->w_row, job->w_col, job->in, cols, width);
                dst += job->in * width;
            }
    }
    return dst;
}

static void nni_conv_pack_avx2(float *dst, const nni_conv *job) {
    for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
        for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
            const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
            for (size_t g = 0; g < job->groups; g++)
                dst = nni_conv_pack_phase_avx2(dst, job, &py, &px, job->weights + g * job->w_group);
        }
}

/* The stretches of A that the taps of a block read, each of *k floats. */
static nni_taps_avx2 nni_conv_stretches_avx2(const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                           const nni_conv_run *y, const nni_conv_run *x, size_t ldb, size_t *k) {
    const size_t channels = job->groups * job->in;
    const int whole = px->tap_step == 1 && job->groups == 1;
    nni_taps_avx2 taps;
    *k = whole ? x->taps * job->in : job->in;
    taps.rows = x->taps ? y->taps : 0;
    taps.count = whole ? 1 : x->taps;
    taps.jump = whole ? 0 : (ptrdiff_t)(px->tap_step * channels) - (ptrdiff_t)job->in;
    taps.row_jump = (ptrdiff_t)(py->tap_step * job->x.source * channels) - (ptrdiff_t)taps.count * ((ptrdiff_t)*k + taps.jump);
    taps.b_jump = (px->taps - x->taps) * job->in * ldb;
    taps.bias = NULL;
    taps.relu = job->activation == NN_RELU;
    return taps;
}

/* Tiles along axis[0] of a block, `width` columns. */
static void nni_conv_tiles_avx2(nni_tiles_avx2 *run, const nni_taps_avx2 *taps, nni_gemm_deal_avx2 d, size_t vectors, const float *a,
                               const float *b, float *c) {
    for (size_t t = 0; t < d.tiles; t += run->count) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        run->count = t < d.taller ? d.taller : d.tiles - t;
        run->a_next = rows * run->a_stride;
        run->c_next = rows * run->ldc;
        nni_taps_find_avx2(0, rows, vectors)(run, taps, a + i * run->a_stride, b, c + i * run->ldc);
    }
}

/* A block, `width` columns of a group from j on; b are their weights for all taps. */
static void nni_conv_compute_avx2(const nni_conv *job, const nni_conv_block_avx2 *from, const nni_taps_avx2 *taps, const float *b,
                                 size_t ldb, size_t k, size_t group, size_t j, size_t width) {
    const size_t vectors = nni_ceil_div(width, VF_LANES);
    nni_conv_block_avx2 block = *from;
    nni_conv_choose_avx2(&block, vectors);
    const nni_conv_steps_avx2 *axis = block.axis;
    const nni_gemm_deal_avx2 d = nni_deal_avx2(axis[0].count, vectors);
    nni_tiles_avx2 run;
    run.k = k;
    run.a_stride = axis[0].source;
    run.ldb = ldb;
    run.ldc = axis[0].target;
    run.b_next = run.ahead = 0;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.prefetch_c = 0;
    run.beta = 0.0f;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            nni_conv_tiles_avx2(&run, taps, d, vectors, block.source + n * axis[2].source + i * axis[1].source + group * job->in,
                               b, block.target + n * axis[2].target + i * axis[1].target + group * job->out + j);
}

/* What one set of taps computes of a unit, in columns [j, j + width) of a group. */
static void nni_conv_panel_avx2(const nni_conv *job, const nni_conv_unit_avx2 *unit, const nni_conv_phase *py,
                               const nni_conv_phase *px, const float *b, size_t ldb, size_t group, size_t j, size_t width) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            size_t k;
            const nni_conv_block_avx2 block = nni_conv_block_of_avx2(job, unit, py, px, &y, &x);
            nni_taps_avx2 taps = nni_conv_stretches_avx2(job, py, px, &y, &x, ldb, &k);
            if (job->bias) taps.bias = job->bias + group * job->out + j;
            nni_conv_compute_avx2(job, &block, &taps, b + (y.tap * px->taps + x.tap) * job->in * ldb, ldb, k, group, j, width);
        }
    }
}

/* Everything that one set of taps computes of a unit; returns where the packed weights of the next set begin. */
static const float *nni_conv_phase_avx2(const nni_conv *job, const nni_conv_unit_avx2 *unit, const nni_conv_phase *py,
                                       const nni_conv_phase *px, const float *packed) {
    const size_t panel = nni_conv_vectors_avx2(job) * VF_LANES, taps = py->taps * px->taps;
    for (size_t g = 0; g < job->groups; g++)
        for (size_t j = 0; j < job->out; j += panel) {
            const size_t width = nni_min(panel, job->out - j), packed_width = nni_round_up(width, VF_LANES);
            const float *b = packed ? packed : job->weights + g * job->w_group + j;
            nni_conv_panel_avx2(job, unit, py, px, b, packed ? packed_width : job->w_row, g, j, width);
            if (packed) packed += taps * job->in * packed_width;
        }
    return packed;
}

/* The activations that the tiles do not know. */
static void nni_conv_activate_avx2(const nni_conv *job, const nni_conv_unit_avx2 *unit) {
    const size_t row = job->x.target * job->groups * job->out;
    float *y = job->target + (unit->image * job->y.target + unit->from) * row;
    const size_t n = (unit->images - 1) * job->y.target * row + (unit->to - unit->from) * row;
    nni_activate_avx2(y, y, n, job->activation, job->slope);
}

/* Units [from, to). */
static void nni_conv_avx2(const nni_conv *job, size_t from, size_t to) {
    for (size_t u = from; u < to; u++) {
        const nni_conv_unit_avx2 unit = nni_conv_unit_of_avx2(job, u);
        const float *packed = job->packed;
        for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
            for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
                const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
                if (job->depthwise) nni_conv_depth_avx2(job, &unit, &py, &px);
                else packed = nni_conv_phase_avx2(job, &unit, &py, &px, packed);
            }
        if (job->activation != NN_IDENTITY && job->activation != NN_RELU) nni_conv_activate_avx2(job, &unit);
    }
}

/* ---- simd/kernels/conv_window.h ---- */
/* conv_window.h - a unit's rows of the source, copied between zeros if the window reaches beyond their ends */

typedef struct nni_conv_window_avx2 {
    const float *at;           /* the first row, of the first image; pixels of groups*in floats */
    size_t row;                /* which row of the source that is */
    size_t pitch, image_pitch; /* floats from one row, and image, to the next */
} nni_conv_window_avx2;

/* One row of a source between the zeros of its window. */
static void nni_conv_copy_row_avx2(float *dst, const float *source, const nni_conv_axis *x, size_t channels) {
    const size_t width = nni_conv_window_width(x), before = nni_min(x->pad, width), inside = nni_min(x->source, width - before);
    memset(dst, 0, before * channels * sizeof *dst);
    memcpy(dst + before * channels, source, inside * channels * sizeof *dst);
    memset(dst + (before + inside) * channels, 0, (width - before - inside) * channels * sizeof *dst);
}

/* The window of a unit, copied to work if need be. */
static nni_conv_window_avx2 nni_conv_open_avx2(const nni_conv *job, const nni_conv_unit_avx2 *unit, float *work) {
    const size_t channels = job->groups * job->in;
    nni_conv_window_avx2 window;
    const size_t rows = nni_conv_rows(&job->y, unit->from, unit->to, &window.row) - window.row;
    const float *source = job->source + (unit->image * job->y.source + window.row) * job->x.source * channels;
    window.at = source;
    window.pitch = job->x.source * channels;
    window.image_pitch = job->y.source * window.pitch;
    if (!job->copy) return window;
    window.at = work;
    window.pitch = nni_conv_window_width(&job->x) * channels;
    window.image_pitch = rows * window.pitch;
    for (size_t i = 0; i < unit->images; i++)
        for (size_t r = 0; r < rows; r++)
            nni_conv_copy_row_avx2(work + i * window.image_pitch + r * window.pitch,
                                  source + (i * job->y.source + r) * job->x.source * channels, &job->x, channels);
    return window;
}

/* ---- simd/kernels/conv_weights.h ---- */
/* conv_weights.h - the gradient of a convolution by its weights: a product whose k runs over all outputs
 *
 * A row of taps meets, at one output, the same stretch of the image as in conv.h; here it is a column of A. Outputs follow
 * each other in dy as they do in k, so B runs on. Every element is one chain over images, rows and columns of outputs.
 */

#define NNI_CONV_DEPTH 256 /* outputs between loading and storing dw: so many pixels stay in L1 for all tiles */

/* dy of some rows of outputs of one image. */
typedef struct nni_conv_dy_avx2 {
    const float *at;
    size_t row, width, group; /* the first row; floats of a pixel, and from one group to the next */
} nni_conv_dy_avx2;

static int nni_conv_copies_dy_avx2(const nni_conv *job) { return !job->depthwise && !VF_FREE_MASK && job->out % VF_LANES; }

/* Floats that a unit's dy takes if its rows cannot be read to the end of a vector. */
static size_t nni_conv_weights_work_avx2(const nni_conv *job) {
    const size_t pixels = job->band * job->x.target;
    return nni_conv_copies_dy_avx2(job) ? pixels * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* dy of rows [from, to) of an image. */
static nni_conv_dy_avx2 nni_conv_open_dy_avx2(const nni_conv *job, const float *dy, size_t image, size_t from, size_t to, float *work) {
    const size_t filters = job->groups * job->out, pixels = (to - from) * job->x.target;
    nni_conv_dy_avx2 open = {dy + (image * job->y.target + from) * job->x.target * filters, from, filters, job->out};
    if (!nni_conv_copies_dy_avx2(job)) return open;
    const size_t width = nni_round_up(job->out, VF_LANES);
    for (size_t g = 0; g < job->groups; g++)
        nni_pack_b_avx2(work + g * pixels * width, open.at + g * job->out, filters, 1, pixels, job->out, width);
    open.at = work;
    open.width = width;
    open.group = pixels * width;
    return open;
}

/* Adds to `height` rows of dw, of one group, what `rows` rows of outputs give; a points to what those rows of dw meet at the first output,
 * b to its dy. */
static void nni_conv_weights_tiles_avx2(const nni_conv *job, const nni_conv_window_avx2 *window, float *c, const float *a, const float *b,
                                       size_t height, size_t rows, size_t ldb) {
    const size_t channels = job->groups * job->in;
    const size_t panel = nni_plan_vectors_avx2(height, job->out, NNI_SHALLOW + 1) * VF_LANES;
    nni_tiles_avx2 run;
    nni_taps_avx2 taps = {rows, 1, 0, 0, 0, NULL, 0};
    run.k = job->x.target;
    run.a_stride = job->x.step * channels;
    run.ldb = ldb;
    run.ldc = job->groups * job->out;
    run.b_next = run.ahead = 0;
    run.prefetch_c = 0;
    run.beta = 1.0f;
    taps.row_jump = (ptrdiff_t)(job->y.step * window->pitch) - (ptrdiff_t)(run.k * run.a_stride);
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t width = nni_min(panel, job->out - j), vectors = nni_ceil_div(width, VF_LANES);
        const nni_gemm_deal_avx2 d = nni_deal_avx2(height, vectors);
        run.ragged = width - (vectors - 1) * VF_LANES;
        for (size_t t = 0; t < d.tiles; t += run.count) {
            const size_t tall = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
            run.count = t < d.taller ? d.taller : d.tiles - t;
            run.a_next = tall;
            run.c_next = tall * run.ldc;
            nni_taps_find_avx2(1, tall, vectors)(&run, &taps, a + i, b + j, c + i * run.ldc + j);
        }
    }
}

/* One vector of channels, some taps of one row: each its own chain. */
NNI_INLINE void nni_depth_weights_avx2(const int taps, float *dw, const float *x, const float *dy, size_t rows, size_t outputs,
                                      size_t row_step, size_t step, size_t tap_step, size_t channels, size_t n) {
    nni_vf_avx2 sum[4];
    NNI_UNROLL for (int t = 0; t < taps; t++) sum[t] = nni_vf_load_n_avx2(dw + (size_t)t * channels, n);
    for (size_t r = 0; r < rows; r++, x += row_step) {
        const float *at = x;
        for (size_t i = 0; i < outputs; i++, at += step, dy += channels) {
            const nni_vf_avx2 d = n == VF_LANES ? nni_vf_load_avx2(dy) : nni_vf_load_n_avx2(dy, n);
            NNI_UNROLL for (int t = 0; t < taps; t++) {
                const float *xt = at + (size_t)t * tap_step;
                sum[t] = nni_vf_fma_avx2(n == VF_LANES ? nni_vf_load_avx2(xt) : nni_vf_load_n_avx2(xt, n), d, sum[t]);
            }
        }
    }
    NNI_UNROLL for (int t = 0; t < taps; t++) nni_vf_store_n_avx2(dw + (size_t)t * channels, sum[t], n);
}

/* `taps` taps of one row for all channels. */
static void nni_conv_weights_depth_avx2(const nni_conv *job, const nni_conv_window_avx2 *window, float *dw, const float *x, const float *dy,
                                       size_t rows, size_t taps) {
    const size_t channels = job->groups, row_step = job->y.step * window->pitch, step = job->x.step * channels;
    const size_t tap_step = job->x.dilation * channels, outputs = job->x.target;
    for (size_t t = 0; t < taps;) {
        const size_t some = taps - t >= 4 ? 4 : taps - t;
        for (size_t c = 0; c < channels; c += VF_LANES) {
            float *to = dw + t * channels + c;
            const float *from = x + t * tap_step + c;
            const size_t n = nni_min(VF_LANES, channels - c);
            switch (some) {
            case 4: nni_depth_weights_avx2(4, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            case 3: nni_depth_weights_avx2(3, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            case 2: nni_depth_weights_avx2(2, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            default: nni_depth_weights_avx2(1, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            }
        }
        t += some;
    }
}

/* What rows [first, end) of the outputs of one image add to rows [from, to) of dw. */
static void nni_conv_weights_block_avx2(const nni_conv *job, const nni_conv_window_avx2 *window, const nni_conv_dy_avx2 *dy, float *dw,
                                       size_t first, size_t end, size_t from, size_t to) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const int whole = job->depthwise || (job->x.dilation == 1 && job->groups == 1);
    const size_t stretch = whole ? job->x.kernel * job->in : job->in; /* rows of dw that lie like a column of A */
    for (size_t row = from / stretch * stretch; row < to; row += stretch) {
        const size_t ky = row / job->in / job->x.kernel, kx = row / job->in % job->x.kernel;
        const size_t skip = from > row ? from - row : 0, height = nni_min(stretch, to - row) - skip;
        size_t above;
        const size_t below = nni_conv_positions_inside(&job->y, ky * job->y.dilation, &above);
        const size_t y = nni_max(first, above), y_end = nni_min(end, below);
        if (y >= y_end) continue;
        const size_t source = y * job->y.step + ky * job->y.dilation - job->y.pad;
        const float *a = window->at + (source - window->row) * window->pitch + kx * job->x.dilation * channels;
        const float *b = dy->at + (y - dy->row) * job->x.target * dy->width;
        float *c = dw + (row + skip) * filters;
        if (job->depthwise) nni_conv_weights_depth_avx2(job, window, c, a + skip * job->x.dilation * channels, b, y_end - y, height);
        else
            for (size_t g = 0; g < job->groups; g++)
                nni_conv_weights_tiles_avx2(job, window, c + g * job->out, a + skip + g * job->in, b + g * dy->group, height, y_end - y,
                                           dy->width);
    }
}

/* Rows [from, to) of dw, from all images; adds to what is there. work has room for a unit's window and its dy. */
static void nni_conv_weights_avx2(const nni_conv *job, float *dw, const float *dy, size_t from, size_t to, float *work) {
    const size_t rows = nni_max(1, NNI_CONV_DEPTH / job->x.target);
    for (size_t u = 0; u < job->units; u++) {
        const nni_conv_unit_avx2 unit = nni_conv_unit_of_avx2(job, u);
        nni_conv_window_avx2 window = nni_conv_open_avx2(job, &unit, work);
        for (size_t n = 0; n < unit.images; n++, window.at += window.image_pitch) {
            const nni_conv_dy_avx2 open =
                nni_conv_open_dy_avx2(job, dy, unit.image + n, unit.from, unit.to, work + job->window_floats);
            for (size_t y = unit.from; y < unit.to; y += rows)
                nni_conv_weights_block_avx2(job, &window, &open, dw, y, nni_min(y + rows, unit.to), from, to);
        }
    }
}

/* ---- simd/kernels/pool.h ---- */
/* pool.h - the maximum or the mean of a window, channel by channel: lanes are channels */

NNI_INLINE nni_vi_avx2 nni_pool_load_index_avx2(const uint32_t *index, size_t n) {
    uint32_t some[VF_LANES] = {0};
    if (n >= VF_LANES) return nni_vi_load_avx2(index);
    memcpy(some, index, n * sizeof *index);
    return nni_vi_load_avx2(some);
}
NNI_INLINE void nni_pool_store_index_avx2(uint32_t *index, nni_vi_avx2 v, size_t n) {
    uint32_t some[VF_LANES];
    if (n >= VF_LANES) nni_vi_store_avx2(index, v);
    else {
        nni_vi_store_avx2(some, v);
        memcpy(index, some, n * sizeof *index);
    }
}

/* n channels of one window: x points to the image, index is not NULL if `which`. */
NNI_INLINE void nni_max_window_avx2(const int which, float *y, uint32_t *index, const float *x, const nni_pool *p,
                                   const nni_pool_taps *ty, const nni_pool_taps *tx, size_t n) {
    if (!ty->count || !tx->count) {
        nni_vf_store_n_avx2(y, nni_vf_set1_avx2(-INFINITY), n);
        if (which) nni_pool_store_index_avx2(index, nni_vi_set1_avx2(UINT32_MAX), n);
        return;
    }
    const size_t width = p->x.length;
    size_t row = ty->first * width + tx->first;
    nni_vf_avx2 best = nni_vf_load_n_avx2(x + row * p->channels, n), best_at = nni_vf_from_bits_avx2(nni_vi_set1_avx2((uint32_t)row));
    for (size_t r = ty->count; r > 0; r--, row += p->y.dilation * width) {
        size_t at = row;
        for (size_t t = tx->count; t > 0; t--, at += p->x.dilation) {
            const nni_vf_avx2 v = nni_vf_load_n_avx2(x + at * p->channels, n);
            if (which) {
                const nni_vm_avx2 keep = nni_vm_or_avx2(nni_vf_le_avx2(v, best), nni_vf_nan_avx2(best));
                best = nni_vf_select_avx2(keep, best, v);
                best_at = nni_vf_select_avx2(keep, best_at, nni_vf_from_bits_avx2(nni_vi_set1_avx2((uint32_t)at)));
            } else {
                best = nni_vf_max_avx2(v, best);
            }
        }
    }
    nni_vf_store_n_avx2(y, best, n);
    if (which) nni_pool_store_index_avx2(index, nni_vf_bits_avx2(best_at), n);
}

/* Rows [from, to) of the outputs, those of all images counted on. */
static void nni_max_pool_avx2(float *y, uint32_t *index, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, 0);
        const float *source = x + row / p->y.outputs * image;
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, 0);
            const size_t at = (row * p->x.outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                if (index) nni_max_window_avx2(1, y + at + c, index + at + c, source + c, p, &ty, &tx, n);
                else nni_max_window_avx2(0, y + at + c, NULL, source + c, p, &ty, &tx, n);
            }
        }
    }
}

/* Each dy goes to the pixel of its window that index names. In disjoint windows nothing can be there yet. */
NNI_INLINE void nni_max_window_backward_avx2(float *dx, nni_vf_avx2 dy, nni_vi_avx2 index, const nni_pool *p, const nni_pool_taps *ty,
                                            const nni_pool_taps *tx, size_t n) {
    const nni_vi_avx2 ones = nni_vi_set1_avx2(UINT32_MAX);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            const nni_vf_avx2 part = nni_vf_where_avx2(nni_vi_eq0_avx2(nni_vi_xor_avx2(index, nni_vi_set1_avx2((uint32_t)at)), ones), dy);
            float *to = dx + at * p->channels;
            nni_vf_store_n_avx2(to, nni_vf_add_avx2(p->disjoint ? nni_vf_set1_avx2(0.0f) : nni_vf_load_n_avx2(to, n), part), n);
        }
}

/* Images [from, to). */
static void nni_max_pool_backward_avx2(float *dx, const float *dy, const uint32_t *index, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, 0), tx = nni_pool_taps_of(&p->x, i % p->x.outputs, 0);
            const size_t at = (m * outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                nni_max_window_backward_avx2(dx + m * image + c, nni_vf_load_n_avx2(dy + at + c, n), nni_pool_load_index_avx2(index + at + c, n), p,
                                            &ty, &tx, n);
            }
        }
    }
}

/* n channels of one window; of no pixels the mean is 0. */
NNI_INLINE void nni_mean_window_avx2(float *y, const float *x, const nni_pool *p, const nni_pool_taps *ty, const nni_pool_taps *tx,
                                    size_t n) {
    nni_vf_avx2 sum = nni_vf_set1_avx2(0.0f);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            sum = nni_vf_add_avx2(sum, nni_vf_load_n_avx2(x + at * p->channels, n));
        }
    nni_vf_store_n_avx2(y, nni_vf_div_avx2(sum, nni_vf_set1_avx2((float)nni_max(1, ty->divisor * tx->divisor))), n);
}

static void nni_average_pool_avx2(float *y, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, p->count_padding);
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES)
                nni_mean_window_avx2(y + (row * p->x.outputs + i) * channels + c, x + row / p->y.outputs * image + c, p, &ty, &tx,
                                    nni_min(VF_LANES, channels - c));
        }
    }
}

NNI_INLINE void nni_mean_window_backward_avx2(float *dx, nni_vf_avx2 dy, const nni_pool *p, const nni_pool_taps *ty, const nni_pool_taps *tx,
                                             size_t n) {
    const nni_vf_avx2 part = nni_vf_div_avx2(dy, nni_vf_set1_avx2((float)nni_max(1, ty->divisor * tx->divisor)));
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            float *to = dx + at * p->channels;
            nni_vf_store_n_avx2(to, nni_vf_add_avx2(p->disjoint ? nni_vf_set1_avx2(0.0f) : nni_vf_load_n_avx2(to, n), part), n);
        }
}

static void nni_average_pool_backward_avx2(float *dx, const float *dy, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, p->count_padding);
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i % p->x.outputs, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                nni_mean_window_backward_avx2(dx + m * image + c, nni_vf_load_n_avx2(dy + (m * outputs + i) * channels + c, n), p, &ty, &tx, n);
            }
        }
    }
}

/* ---- over whole images ---- */

#define NNI_POOL_BLOCK 64 /* pixels whose sum is taken before it is added to the sum of all */

/* `vectors` of channels, `n` of the last: each vector is a chain of its own. */
NNI_INLINE void nni_mean_pixels_avx2(const int vectors, float *y, const float *x, size_t pixels, size_t channels, size_t n) {
    nni_vf_avx2 total[4];
    NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = nni_vf_set1_avx2(0.0f);
    for (size_t p = 0; p < pixels; p += NNI_POOL_BLOCK) {
        nni_vf_avx2 sum[4];
        NNI_UNROLL for (int v = 0; v < vectors; v++) sum[v] = nni_vf_set1_avx2(0.0f);
        for (size_t q = p; q < nni_min(pixels, p + NNI_POOL_BLOCK); q++)
            NNI_UNROLL for (int v = 0; v < vectors; v++)
                sum[v] = nni_vf_add_avx2(sum[v], nni_vf_load_n_avx2(x + q * channels + v * VF_LANES, v == vectors - 1 ? n : VF_LANES));
        NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = nni_vf_add_avx2(total[v], sum[v]);
    }
    const nni_vf_avx2 divisor = nni_vf_set1_avx2((float)nni_max(1, pixels));
    NNI_UNROLL for (int v = 0; v < vectors; v++)
        nni_vf_store_n_avx2(y + v * VF_LANES, nni_vf_div_avx2(total[v], divisor), v == vectors - 1 ? n : VF_LANES);
}

static void nni_global_average_pool_avx2(float *y, const float *x, size_t images, size_t pixels, size_t channels) {
    for (size_t m = 0; m < images; m++, x += pixels * channels, y += channels) {
        size_t c = 0;
        for (; c + 4 * VF_LANES <= channels; c += 4 * VF_LANES) nni_mean_pixels_avx2(4, y + c, x + c, pixels, channels, VF_LANES);
        for (; c < channels; c += VF_LANES)
            nni_mean_pixels_avx2(1, y + c, x + c, pixels, channels, nni_min(VF_LANES, channels - c));
    }
}

static void nni_global_average_pool_backward_avx2(float *dx, const float *dy, size_t images, size_t pixels, size_t channels) {
    const nni_vf_avx2 divisor = nni_vf_set1_avx2((float)nni_max(1, pixels));
    for (size_t m = 0; m < images; m++, dx += pixels * channels, dy += channels)
        for (size_t c = 0; c < channels; c += VF_LANES) {
            const size_t n = nni_min(VF_LANES, channels - c);
            const nni_vf_avx2 part = nni_vf_div_avx2(nni_vf_load_n_avx2(dy + c, n), divisor);
            for (size_t p = 0; p < pixels; p++) nni_vf_store_n_avx2(dx + p * channels + c, part, n);
        }
}

#define NNI_KERNEL_ENTRY(result, name, arguments) , nni_##name##_avx2
static const nni_tier nni_tier_avx2 = {"avx2", NNI_LARGE_VECTORS * VF_LANES NNI_KERNELS(NNI_KERNEL_ENTRY)};
#undef NNI_KERNEL_ENTRY

#undef VF_LANES
#undef VF_FREE_MASK
#undef VF_MIXED
#undef NNI_TILES
#undef NNI_TILE_ROWS
#undef NNI_LARGE_VECTORS
#undef NNI_DOT_ROWS
#undef NNI_DOT_COLS

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif /* NNI_X86 */

/* ---- simd/avx512.h ---- */
/* avx512.h - the vector layer on AVX-512 F, VL, BW and DQ: 16 lanes, 32 registers, masks for free
 *
 * Latency and rate (per cycle) that the kernels are sized by: fma 4 cycles, 2; load 2; broadcast from memory free;
 * shuffle across lanes 3 cycles, 1 (Intel) to 2 (Zen 5). So 8 independent sums fill the fma units.
 */

#ifdef NNI_X86
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)
#else
/* GCC's own immintrin.h has operands that it calls undefined, and in C++ warns about them wherever they are inlined. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")
#endif

#if !defined(NN_NO_SLEEF)
#ifdef __cplusplus
extern "C" {
#endif
__m512 Sleef_finz_expf16_u10avx512f(__m512);
__m512 Sleef_finz_logf16_u10avx512f(__m512);
#ifdef __cplusplus
}
#endif
#endif

#define VF_LANES 16
#define VF_FREE_MASK 1
#define VF_MIXED 4
/* rows x vectors + vectors of B + one broadcast <= 32 registers */
#define NNI_TILES(X)                                                                                                   \
    X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(13, 1)        \
    X(14, 1) X(15, 1) X(16, 1) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2)        \
    X(13, 2) X(14, 2) X(1, 3) X(2, 3) X(3, 3) X(4, 3) X(5, 3) X(6, 3) X(7, 3) X(8, 3) X(9, 3) X(1, 4) X(2, 4) X(3, 4)  \
    X(4, 4) X(5, 4) X(6, 4)
#define NNI_TILE_ROWS 16, 14, 9, 6
#define NNI_LARGE_VECTORS 4
#define NNI_DOT_ROWS 6
#define NNI_DOT_COLS 4

typedef __m512 nni_vf_avx512;
typedef __m512i nni_vi_avx512;
typedef __mmask16 nni_vm_avx512;
typedef struct nni_vq_avx512 {
    const float *at;
} nni_vq_avx512;

NNI_INLINE nni_vf_avx512 nni_vf_load_avx512(const float *p) { return _mm512_loadu_ps(p); }
NNI_INLINE void nni_vf_store_avx512(float *p, nni_vf_avx512 v) { _mm512_storeu_ps(p, v); }
NNI_INLINE nni_vm_avx512 nni_vm_first_avx512(size_t n) { return (nni_vm_avx512)((1u << n) - 1u); }
NNI_INLINE nni_vf_avx512 nni_vf_load_m_avx512(const float *p, nni_vm_avx512 m) { return _mm512_maskz_loadu_ps(m, p); }
NNI_INLINE void nni_vf_store_m_avx512(float *p, nni_vf_avx512 v, nni_vm_avx512 m) { _mm512_mask_storeu_ps(p, m, v); }
NNI_INLINE nni_vf_avx512 nni_vf_load_n_avx512(const float *p, size_t n) { return nni_vf_load_m_avx512(p, nni_vm_first_avx512(n)); }
NNI_INLINE void nni_vf_store_n_avx512(float *p, nni_vf_avx512 v, size_t n) { nni_vf_store_m_avx512(p, v, nni_vm_first_avx512(n)); }
NNI_INLINE nni_vi_avx512 nni_vi_load_avx512(const uint32_t *p) { return _mm512_loadu_si512(p); }
NNI_INLINE void nni_vi_store_avx512(uint32_t *p, nni_vi_avx512 v) { _mm512_storeu_si512(p, v); }

NNI_INLINE nni_vf_avx512 nni_vf_set1_avx512(float a) { return _mm512_set1_ps(a); }
NNI_INLINE nni_vf_avx512 nni_vf_add_avx512(nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_add_ps(a, b); }
NNI_INLINE nni_vf_avx512 nni_vf_sub_avx512(nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_sub_ps(a, b); }
NNI_INLINE nni_vf_avx512 nni_vf_mul_avx512(nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_mul_ps(a, b); }
NNI_INLINE nni_vf_avx512 nni_vf_div_avx512(nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_div_ps(a, b); }
NNI_INLINE nni_vf_avx512 nni_vf_sqrt_avx512(nni_vf_avx512 a) { return _mm512_sqrt_ps(a); }
NNI_INLINE nni_vf_avx512 nni_vf_fma_avx512(nni_vf_avx512 a, nni_vf_avx512 b, nni_vf_avx512 c) { return _mm512_fmadd_ps(a, b, c); }
NNI_INLINE nni_vf_avx512 nni_vf_fnma_avx512(nni_vf_avx512 a, nni_vf_avx512 b, nni_vf_avx512 c) { return _mm512_fnmadd_ps(a, b, c); }
NNI_INLINE nni_vf_avx512 nni_vf_round_avx512(nni_vf_avx512 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
NNI_INLINE nni_vf_avx512 nni_vf_times_power_avx512(nni_vf_avx512 a, nni_vf_avx512 n) { return _mm512_scalef_ps(a, n); }
NNI_INLINE nni_vf_avx512 nni_vf_abs_avx512(nni_vf_avx512 a) { return _mm512_castsi512_ps(_mm512_and_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff))); }
/* MAXPS gives its second operand when either is NaN: the first one's NaN is put back. */
NNI_INLINE nni_vf_avx512 nni_vf_max_avx512(nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a); }

NNI_INLINE nni_vm_avx512 nni_vf_lt_avx512(nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
NNI_INLINE nni_vm_avx512 nni_vf_le_avx512(nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
NNI_INLINE nni_vm_avx512 nni_vf_eq_avx512(nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
NNI_INLINE nni_vm_avx512 nni_vf_nan_avx512(nni_vf_avx512 a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
NNI_INLINE nni_vm_avx512 nni_vm_or_avx512(nni_vm_avx512 m, nni_vm_avx512 w) { return (nni_vm_avx512)(m | w); }
NNI_INLINE nni_vf_avx512 nni_vf_select_avx512(nni_vm_avx512 m, nni_vf_avx512 a, nni_vf_avx512 b) { return _mm512_mask_blend_ps(m, b, a); }
NNI_INLINE nni_vf_avx512 nni_vf_where_avx512(nni_vm_avx512 m, nni_vf_avx512 a) { return _mm512_maskz_mov_ps(m, a); }
NNI_INLINE uint32_t nni_vm_bits_avx512(nni_vm_avx512 m) { return m; }

NNI_INLINE nni_vi_avx512 nni_vf_bits_avx512(nni_vf_avx512 a) { return _mm512_castps_si512(a); }
NNI_INLINE nni_vf_avx512 nni_vf_from_bits_avx512(nni_vi_avx512 v) { return _mm512_castsi512_ps(v); }
NNI_INLINE nni_vf_avx512 nni_vf_from_int_avx512(nni_vi_avx512 v) { return _mm512_cvtepi32_ps(v); }
NNI_INLINE nni_vi_avx512 nni_vi_from_float_avx512(nni_vf_avx512 a) { return _mm512_cvttps_epi32(a); }
NNI_INLINE nni_vi_avx512 nni_vi_set1_avx512(uint32_t u) { return _mm512_set1_epi32((int)u); }
NNI_INLINE nni_vi_avx512 nni_vi_lane_avx512(void) { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
NNI_INLINE nni_vi_avx512 nni_vi_add_avx512(nni_vi_avx512 a, nni_vi_avx512 b) { return _mm512_add_epi32(a, b); }
NNI_INLINE nni_vi_avx512 nni_vi_sub_avx512(nni_vi_avx512 a, nni_vi_avx512 b) { return _mm512_sub_epi32(a, b); }
NNI_INLINE nni_vi_avx512 nni_vi_and_avx512(nni_vi_avx512 a, nni_vi_avx512 b) { return _mm512_and_si512(a, b); }
NNI_INLINE nni_vi_avx512 nni_vi_or_avx512(nni_vi_avx512 a, nni_vi_avx512 b) { return _mm512_or_si512(a, b); }
NNI_INLINE nni_vi_avx512 nni_vi_xor_avx512(nni_vi_avx512 a, nni_vi_avx512 b) { return _mm512_xor_si512(a, b); }
/* Shifts in the compiler's own vector notation: one instruction by a constant, and still valid at -O0. */
NNI_INLINE nni_vi_avx512 nni_vi_shl_avx512(nni_vi_avx512 a, int k) { return (nni_vi_avx512)((__v16su)a << k); }
NNI_INLINE nni_vi_avx512 nni_vi_shr_avx512(nni_vi_avx512 a, int k) { return (nni_vi_avx512)((__v16su)a >> k); }
NNI_INLINE nni_vi_avx512 nni_vi_sar_avx512(nni_vi_avx512 a, int k) { return (nni_vi_avx512)((__v16si)a >> k); }
NNI_INLINE nni_vi_avx512 nni_vi_mul_wide_avx512(nni_vi_avx512 a, nni_vi_avx512 b, nni_vi_avx512 *high) {
    const nni_vi_avx512 even = _mm512_mul_epu32(a, b);
    const nni_vi_avx512 odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
    *high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
    return _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
}
NNI_INLINE nni_vm_avx512 nni_vi_eq0_avx512(nni_vi_avx512 a, nni_vi_avx512 k) { return _mm512_testn_epi32_mask(a, k); }

NNI_INLINE float nni_vf_fold_avx512(nni_vf_avx512 v) {
    const __m256 v8 = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
    const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
    return _mm_cvtss_f32(_mm_add_ss(v2, _mm_shuffle_ps(v2, v2, 1)));
}

NNI_INLINE float nni_vf_fold_max_avx512(nni_vf_avx512 v) {
    v = nni_vf_max_avx512(v, _mm512_shuffle_f32x4(v, v, 0x4e));
    v = nni_vf_max_avx512(v, _mm512_shuffle_f32x4(v, v, 0xb1));
    v = nni_vf_max_avx512(v, _mm512_permute_ps(v, 0x4e));
    return _mm512_cvtss_f32(nni_vf_max_avx512(v, _mm512_permute_ps(v, 0xb1)));
}

/* Sixteen folds at once. Each step adds the halves of two vectors and keeps both results in one, so that the number of
 * vectors halves with the width still to be folded: 15 additions instead of 64. */
NNI_INLINE nni_vf_avx512 nni_vf_fold_each_avx512(nni_vf_avx512 *r) {
    NNI_UNROLL for (int i = 0; i < 8; i++) /* halves of 8: the low half holds r[i], the high half r[i+8] */
        r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(r[i], r[i + 8], 0x44), _mm512_shuffle_f32x4(r[i], r[i + 8], 0xee));
    NNI_UNROLL for (int i = 0; i < 4; i++) /* 128-bit parts: r[i], r[i+4], r[i+8], r[i+12] */
        r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(r[i], r[i + 4], 0x88), _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd));
    NNI_UNROLL for (int i = 0; i < 2; i++) /* within each part: two lanes of r[i], two of r[i+2] */
        r[i] = _mm512_add_ps(_mm512_shuffle_ps(r[i], r[i + 2], 0x44), _mm512_shuffle_ps(r[i], r[i + 2], 0xee));
    const nni_vf_avx512 sum = _mm512_add_ps(_mm512_shuffle_ps(r[0], r[1], 0x88), _mm512_shuffle_ps(r[0], r[1], 0xdd));
    /* Part p now holds, in order, the folds of a, a+2, a+1, a+3 with a = 0, 8, 4, 12 for p = 0..3. */
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15), sum);
}

NNI_INLINE void nni_vf_transpose_avx512(nni_vf_avx512 *r) {
    nni_vf_avx512 t[16];
    NNI_UNROLL for (int i = 0; i < 8; i++) { /* pairs of rows */
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    NNI_UNROLL for (int i = 0; i < 4; i++) { /* 4x4 blocks, one in each 128-bit part */
        r[4 * i] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    NNI_UNROLL for (int i = 0; i < 4; i++) { /* the parts themselves */
        t[i] = _mm512_shuffle_f32x4(r[i], r[4 + i], 0x88);
        t[4 + i] = _mm512_shuffle_f32x4(r[i], r[4 + i], 0xdd);
        t[8 + i] = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0x88);
        t[12 + i] = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0xdd);
    }
    NNI_UNROLL for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[8 + i], 0x88);
        r[8 + i] = _mm512_shuffle_f32x4(t[i], t[8 + i], 0xdd);
    }
}

NNI_INLINE nni_vq_avx512 nni_vq_load_avx512(const float *p) {
    nni_vq_avx512 q;
    q.at = p;
    return q;
}
NNI_INLINE nni_vf_avx512 nni_vf_fma_q_avx512(nni_vq_avx512 a, int i, nni_vf_avx512 b, nni_vf_avx512 c) { return _mm512_fmadd_ps(_mm512_set1_ps(a.at[i]), b, c); }

#if !defined(NN_NO_SLEEF)
NNI_INLINE nni_vf_avx512 nni_vf_exp_sleef_avx512(nni_vf_avx512 a) { return Sleef_finz_expf16_u10avx512f(a); }
NNI_INLINE nni_vf_avx512 nni_vf_log_sleef_avx512(nni_vf_avx512 a) { return Sleef_finz_logf16_u10avx512f(a); }
#endif

/* ---- simd/kernels.h ---- */
/* kernels.h - all kernels in the order in which they build on each other, and the table that hands them out */

/* ---- simd/kernels/maths.h ---- */
/* maths.h - exp, log and what is built on them, one vector at a time
 *
 * Polynomials are minimax fits over the reduced range with coefficients rounded to float; beside each stands its
 * relative error in units of 2^-24, rounding not counted. All are evaluated by Horner's rule with fused multiply-adds.
 */

#define NNI_LOG2_E 1.44269504088896341f
/* ln 2 as a float with twelve trailing zeros, so that n*HIGH is exact for |n| < 2^12, and the rest */
#define NNI_LN2_HIGH 0.693359375f
#define NNI_LN2_LOW -2.12194440e-4f

/* e^(r + rest) for |r| <= ln2/2, where rest is what rounding took from r: the sum of the result and *low, a few hundredths
 * of it, in which nothing but the rounding of *low counts. */
NNI_INLINE nni_vf_avx512 nni_exp_reduced_avx512(nni_vf_avx512 r, nni_vf_avx512 rest, nni_vf_avx512 *low) {
    const nni_vf_avx512 one = nni_vf_set1_avx512(1.0f);
    nni_vf_avx512 q = nni_vf_set1_avx512(1.9952803268097341060638427734375e-4f); /* (e^r - 1 - r) / r^2, 0.005 */
    q = nni_vf_fma_avx512(q, r, nni_vf_set1_avx512(1.393088256008923053741455078125e-3f));
    q = nni_vf_fma_avx512(q, r, nni_vf_set1_avx512(8.333197794854640960693359375e-3f));
    q = nni_vf_fma_avx512(q, r, nni_vf_set1_avx512(4.1666507720947265625e-2f));
    q = nni_vf_fma_avx512(q, r, nni_vf_set1_avx512(0.16666667163372039794921875f));
    q = nni_vf_fma_avx512(q, r, nni_vf_set1_avx512(0.5f));
    const nni_vf_avx512 sum = nni_vf_add_avx512(one, r); /* 1 + r + r^2 q, with what rounding takes from 1 + r put back */
    *low = nni_vf_fma_avx512(nni_vf_mul_avx512(r, r), q, nni_vf_add_avx512(nni_vf_sub_avx512(r, nni_vf_sub_avx512(sum, one)), rest));
    return sum;
}

/* e^x = 2^n * e^r. At most 0.99 ULP from the truth. */
NNI_INLINE nni_vf_avx512 nni_exp_builtin_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 above = nni_vf_set1_avx512(89.0f), below = nni_vf_set1_avx512(-105.0f); /* beyond these the result is inf or 0; NaN passes */
    x = nni_vf_select_avx512(nni_vf_lt_avx512(above, x), above, x);
    x = nni_vf_select_avx512(nni_vf_lt_avx512(x, below), below, x);
    const nni_vf_avx512 n = nni_vf_round_avx512(nni_vf_mul_avx512(x, nni_vf_set1_avx512(NNI_LOG2_E))), low = nni_vf_set1_avx512(NNI_LN2_LOW);
    const nni_vf_avx512 exact = nni_vf_fnma_avx512(n, nni_vf_set1_avx512(NNI_LN2_HIGH), x), r = nni_vf_fnma_avx512(n, low, exact);
    nni_vf_avx512 rest;
    const nni_vf_avx512 sum = nni_exp_reduced_avx512(r, nni_vf_fnma_avx512(n, low, nni_vf_sub_avx512(exact, r)), &rest);
    return nni_vf_times_power_avx512(nni_vf_add_avx512(sum, rest), n);
}

/* e^(x + more) = 2^n * (the result + *low) to about 2^-27 of it, where more is what rounding took from x, |x| < 200. For
 * what goes on to multiply: no rounding between, and no underflow before its own. */
NNI_INLINE nni_vf_avx512 nni_exp_in_parts_avx512(nni_vf_avx512 x, nni_vf_avx512 more, nni_vf_avx512 *low, nni_vf_avx512 *n) {
    *n = nni_vf_round_avx512(nni_vf_mul_avx512(x, nni_vf_set1_avx512(NNI_LOG2_E)));
    const nni_vf_avx512 exact = nni_vf_fnma_avx512(*n, nni_vf_set1_avx512(NNI_LN2_HIGH), x), rest = nni_vf_fnma_avx512(*n, nni_vf_set1_avx512(NNI_LN2_LOW), more);
    const nni_vf_avx512 r = nni_vf_add_avx512(exact, rest);
    return nni_exp_reduced_avx512(r, nni_vf_sub_avx512(rest, nni_vf_sub_avx512(r, exact)), low);
}

/* log x = n ln2 + log m with m in [sqrt(1/2), sqrt(2)). At most 0.63 ULP from the truth. */
NNI_INLINE nni_vf_avx512 nni_log_builtin_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 tiny = nni_vf_set1_avx512(1.17549435e-38f); /* below it the exponent field is 0: scale by 2^25 first */
    const nni_vm_avx512 small = nni_vf_lt_avx512(x, tiny);
    const nni_vf_avx512 scaled = nni_vf_select_avx512(small, nni_vf_mul_avx512(x, nni_vf_set1_avx512(33554432.0f)), x);
    const nni_vi_avx512 root_half = nni_vi_set1_avx512(0x3f3504f3u); /* subtracted so that the field steps at sqrt(1/2) instead of 1 */
    const nni_vi_avx512 offset = nni_vi_sub_avx512(nni_vf_bits_avx512(scaled), root_half);
    const nni_vf_avx512 n = nni_vf_sub_avx512(nni_vf_from_int_avx512(nni_vi_sar_avx512(offset, 23)), nni_vf_where_avx512(small, nni_vf_set1_avx512(25.0f)));
    const nni_vf_avx512 m = nni_vf_from_bits_avx512(nni_vi_add_avx512(nni_vi_and_avx512(offset, nni_vi_set1_avx512(0x007fffffu)), root_half));
    const nni_vf_avx512 f = nni_vf_sub_avx512(m, nni_vf_set1_avx512(1.0f));
    nni_vf_avx512 q = nni_vf_set1_avx512(7.03830718994140625e-2f); /* (log(1+f) - f + f^2/2) / f^3, 0.06 */
    q = nni_vf_fma_avx512(q, f, nni_vf_set1_avx512(-0.1151149272918701171875f));
    q = nni_vf_fma_avx512(q, f, nni_vf_set1_avx512(0.11675083637237548828125f));
    q = nni_vf_fma_avx512(q, f, nni_vf_set1_avx512(-0.1242053508758544921875f));
    q = nni_vf_fma_avx512(q, f, nni_vf_set1_avx512(0.14249622821807861328125f));
    q = nni_vf_fma_avx512(q, f, nni_vf_set1_avx512(-0.16668045520782470703125f));
    q = nni_vf_fma_avx512(q, f, nni_vf_set1_avx512(0.20000700652599334716796875f));
    q = nni_vf_fma_avx512(q, f, nni_vf_set1_avx512(-0.249999940395355224609375f));
    q = nni_vf_fma_avx512(q, f, nni_vf_set1_avx512(0.333333313465118408203125f));
    /* n ln2 + f - f^2/2 + f^3 q, keeping what the two large additions round away: the differences are exact */
    const nni_vf_avx512 half = nni_vf_mul_avx512(nni_vf_set1_avx512(0.5f), f), cube = nni_vf_mul_avx512(nni_vf_mul_avx512(f, f), f);
    const nni_vf_avx512 high = nni_vf_fma_avx512(cube, q, nni_vf_fnma_avx512(half, f, f)), low = nni_vf_fma_avx512(cube, q, nni_vf_fnma_avx512(half, f, nni_vf_sub_avx512(f, high)));
    const nni_vf_avx512 base = nni_vf_mul_avx512(n, nni_vf_set1_avx512(NNI_LN2_HIGH)), sum = nni_vf_add_avx512(base, high);
    const nni_vf_avx512 lost = nni_vf_add_avx512(low, nni_vf_sub_avx512(high, nni_vf_sub_avx512(sum, base)));
    nni_vf_avx512 y = nni_vf_add_avx512(sum, nni_vf_fma_avx512(n, nni_vf_set1_avx512(NNI_LN2_LOW), lost));

    const nni_vf_avx512 zero = nni_vf_set1_avx512(0.0f), infinity = nni_vf_from_bits_avx512(nni_vi_set1_avx512(0x7f800000u));
    y = nni_vf_select_avx512(nni_vf_lt_avx512(x, infinity), y, x); /* inf and NaN give themselves */
    y = nni_vf_select_avx512(nni_vf_eq_avx512(x, zero), nni_vf_sub_avx512(zero, infinity), y);
    return nni_vf_select_avx512(nni_vf_lt_avx512(x, zero), nni_vf_from_bits_avx512(nni_vi_set1_avx512(0x7fc00000u)), y);
}

#ifdef NN_NO_SLEEF
NNI_INLINE nni_vf_avx512 nni_vexp_avx512(nni_vf_avx512 x) { return nni_exp_builtin_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_vlog_avx512(nni_vf_avx512 x) { return nni_log_builtin_avx512(x); }
#else
NNI_INLINE nni_vf_avx512 nni_vexp_avx512(nni_vf_avx512 x) { return nni_vf_exp_sleef_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_vlog_avx512(nni_vf_avx512 x) { return nni_vf_log_sleef_avx512(x); }
#endif

/* (e^x - 1 - x) / x^2 near 0 */
NNI_INLINE nni_vf_avx512 nni_expm1_factor_avx512(nni_vf_avx512 x) {
    nni_vf_avx512 q = nni_vf_set1_avx512(2.1880290660192258656024932861328125e-5f); /* (e^x - 1 - x - x^2/2) / x^3 on [-0.72, 0], 0.007 */
    q = nni_vf_fma_avx512(q, x, nni_vf_set1_avx512(1.9895876175723969936370849609375e-4f));
    q = nni_vf_fma_avx512(q, x, nni_vf_set1_avx512(1.390750170685350894927978515625e-3f));
    q = nni_vf_fma_avx512(q, x, nni_vf_set1_avx512(8.334152400493621826171875e-3f));
    q = nni_vf_fma_avx512(q, x, nni_vf_set1_avx512(4.166679084300994873046875e-2f));
    q = nni_vf_fma_avx512(q, x, nni_vf_set1_avx512(0.16666667163372039794921875f));
    return nni_vf_fma_avx512(q, x, nni_vf_set1_avx512(0.5f));
}

/* e^x - 1 for x <= 0. A polynomial near 0, where the subtraction would cancel; from -0.7 down it loses nothing. */
NNI_INLINE nni_vf_avx512 nni_vexpm1_negative_avx512(nni_vf_avx512 x, nni_vf_avx512 exp_x) {
    const nni_vf_avx512 near = nni_vf_fma_avx512(nni_vf_mul_avx512(x, x), nni_expm1_factor_avx512(x), x);
    return nni_vf_select_avx512(nni_vf_lt_avx512(x, nni_vf_set1_avx512(-0.7f)), nni_vf_sub_avx512(exp_x, nni_vf_set1_avx512(1.0f)), near);
}

/* tanh x: odd polynomial below 0.625, 1 - 2/(e^2|x| + 1) above, which saturates at 1 by itself. */
NNI_INLINE nni_vf_avx512 nni_vtanh_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 a = nni_vf_abs_avx512(x), one = nni_vf_set1_avx512(1.0f), two = nni_vf_set1_avx512(2.0f), square = nni_vf_mul_avx512(x, x);
    nni_vf_avx512 q = nni_vf_set1_avx512(2.37051607109606266021728515625e-3f); /* (tanh x - x) / x^3 in x^2, 0.02 */
    q = nni_vf_fma_avx512(q, square, nni_vf_set1_avx512(-8.435009978711605072021484375e-3f));
    q = nni_vf_fma_avx512(q, square, nni_vf_set1_avx512(2.1807588636875152587890625e-2f));
    q = nni_vf_fma_avx512(q, square, nni_vf_set1_avx512(-5.39664328098297119140625e-2f));
    q = nni_vf_fma_avx512(q, square, nni_vf_set1_avx512(0.13333357870578765869140625f));
    q = nni_vf_fma_avx512(q, square, nni_vf_set1_avx512(-0.3333333432674407958984375f));
    const nni_vf_avx512 near = nni_vf_fma_avx512(nni_vf_mul_avx512(square, q), a, a);
    const nni_vf_avx512 far = nni_vf_sub_avx512(one, nni_vf_div_avx512(two, nni_vf_add_avx512(nni_vexp_avx512(nni_vf_mul_avx512(two, a)), one)));
    const nni_vi_avx512 sign = nni_vi_and_avx512(nni_vf_bits_avx512(x), nni_vi_set1_avx512(0x80000000u));
    return nni_vf_from_bits_avx512(nni_vi_or_avx512(nni_vf_bits_avx512(nni_vf_select_avx512(nni_vf_lt_avx512(a, nni_vf_set1_avx512(0.625f)), near, far)), sign));
}

/* 1/(1 + e) for x >= 0 and e/(1 + e) below, with e = e^-|x|. The quotient gets back what 1 + e and the division round away,
 * so that the last addition is the only rounding after e: the result never falls where x rises. */
NNI_INLINE nni_vf_avx512 nni_vsigmoid_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 zero = nni_vf_set1_avx512(0.0f), one = nni_vf_set1_avx512(1.0f);
    const nni_vf_avx512 e = nni_vexp_avx512(nni_vf_sub_avx512(zero, nni_vf_abs_avx512(x)));
    const nni_vf_avx512 u = nni_vf_add_avx512(one, e), c = nni_vf_sub_avx512(e, nni_vf_sub_avx512(u, one)), inverse = nni_vf_div_avx512(one, u);
    const nni_vf_avx512 top = nni_vf_select_avx512(nni_vf_lt_avx512(x, zero), e, one), quotient = nni_vf_mul_avx512(top, inverse);
    const nni_vf_avx512 rest = nni_vf_fnma_avx512(quotient, c, nni_vf_fnma_avx512(quotient, u, top));
    return nni_vf_fma_avx512(rest, inverse, quotient);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|. u = 1 + e rounds away c = e - (u - 1); log(u) + c/u has it back. */
NNI_INLINE nni_vf_avx512 nni_vsoftplus_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 zero = nni_vf_set1_avx512(0.0f), one = nni_vf_set1_avx512(1.0f);
    const nni_vf_avx512 e = nni_vexp_avx512(nni_vf_sub_avx512(zero, nni_vf_abs_avx512(x)));
    const nni_vf_avx512 u = nni_vf_add_avx512(one, e), c = nni_vf_sub_avx512(e, nni_vf_sub_avx512(u, one));
    return nni_vf_add_avx512(nni_vf_max_avx512(zero, x), nni_vf_add_avx512(nni_vlog_avx512(u), nni_vf_div_avx512(c, u)));
}

NNI_INLINE nni_vf_avx512 nni_velu_avx512(nni_vf_avx512 x, nni_vf_avx512 a) {
    const nni_vf_avx512 zero = nni_vf_set1_avx512(0.0f), below = nni_vf_select_avx512(nni_vf_lt_avx512(zero, x), zero, x);
    const nni_vf_avx512 curve = nni_vf_mul_avx512(a, nni_vexpm1_negative_avx512(below, nni_vexp_avx512(below)));
    return nni_vf_select_avx512(nni_vf_lt_avx512(zero, x), x, curve);
}

#define NNI_SELU_HIGH 1.050700902938842773f /* lambda = HIGH + LOW, both positive: inf * HIGH + inf * LOW stays inf */
#define NNI_SELU_LOW 8.441664078873145627e-8f
#define NNI_SELU_SLOPE 1.758099317550659180f /* lambda * alpha */

/* As ELU, but the factor goes into the last sum instead of multiplying what was rounded. */
NNI_INLINE nni_vf_avx512 nni_vselu_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 zero = nni_vf_set1_avx512(0.0f), slope = nni_vf_set1_avx512(NNI_SELU_SLOPE);
    const nni_vf_avx512 line = nni_vf_fma_avx512(x, nni_vf_set1_avx512(NNI_SELU_HIGH), nni_vf_mul_avx512(x, nni_vf_set1_avx512(NNI_SELU_LOW)));
    const nni_vf_avx512 below = nni_vf_select_avx512(nni_vf_lt_avx512(zero, x), zero, x), curve = nni_vf_mul_avx512(nni_vf_mul_avx512(below, below), nni_expm1_factor_avx512(below));
    const nni_vf_avx512 near = nni_vf_fma_avx512(slope, below, nni_vf_mul_avx512(slope, curve)), far = nni_vf_fma_avx512(slope, nni_vexp_avx512(below), nni_vf_sub_avx512(zero, slope));
    return nni_vf_select_avx512(nni_vf_lt_avx512(zero, x), line, nni_vf_select_avx512(nni_vf_lt_avx512(x, nni_vf_set1_avx512(-0.7f)), far, near));
}

/* Gates: y = x * p(x) for a probability p with p(-x) = 1 - p(x). So y = max(x, 0) - h(|x|) with h(a) = a * p(-a), which is
 * small, has no sign, and loses nothing where it is subtracted: x p(x) >= x/2. The derivative is h'(a) below 0 and 1 - h'(a)
 * above. h is made of an exponential in parts and rounded once it is whole; far out it goes to 0 through the subnormals. */
NNI_INLINE nni_vf_avx512 nni_gate_avx512(nni_vf_avx512 x, nni_vf_avx512 h) { return nni_vf_sub_avx512(nni_vf_select_avx512(nni_vf_lt_avx512(x, nni_vf_set1_avx512(0.0f)), nni_vf_set1_avx512(-0.0f), x), h); }
NNI_INLINE nni_vf_avx512 nni_gate_slope_avx512(nni_vf_avx512 x, nni_vf_avx512 slope) {
    return nni_vf_select_avx512(nni_vf_lt_avx512(x, nni_vf_set1_avx512(0.0f)), slope, nni_vf_sub_avx512(nni_vf_set1_avx512(1.0f), slope));
}

/* |x|, but no more than `most`, where h is 0 already; NaN passes. */
NNI_INLINE nni_vf_avx512 nni_gate_size_avx512(nni_vf_avx512 x, float most) {
    const nni_vf_avx512 a = nni_vf_abs_avx512(x), limit = nni_vf_set1_avx512(most);
    return nni_vf_select_avx512(nni_vf_lt_avx512(limit, a), limit, a);
}

/* a * e^-w / (1 + e^-w) with w >= 0 given as -w = x + more. What u = 1 + e rounds away, c, goes into the numerator before that
 * is rounded: a * e * (1 - c) / u. Left out there is half of c at most, where u is 2. */
NNI_INLINE nni_vf_avx512 nni_logistic_tail_avx512(nni_vf_avx512 a, nni_vf_avx512 x, nni_vf_avx512 more) {
    nni_vf_avx512 low, n;
    const nni_vf_avx512 high = nni_exp_in_parts_avx512(x, more, &low, &n), one = nni_vf_set1_avx512(1.0f);
    const nni_vf_avx512 e = nni_vf_times_power_avx512(nni_vf_add_avx512(high, low), n), u = nni_vf_add_avx512(one, e), c = nni_vf_sub_avx512(e, nni_vf_sub_avx512(u, one));
    const nni_vf_avx512 top = nni_vf_fma_avx512(a, high, nni_vf_mul_avx512(a, nni_vf_fnma_avx512(high, c, low)));
    return nni_vf_div_avx512(nni_vf_times_power_avx512(top, n), u);
}

/* Its derivative where w grows by dw: q - a*dw*p*q with p = 1/(1 + e^-w), q = 1 - p. */
NNI_INLINE nni_vf_avx512 nni_logistic_tail_slope_avx512(nni_vf_avx512 a, nni_vf_avx512 x, nni_vf_avx512 more, nni_vf_avx512 dw) {
    nni_vf_avx512 low, n;
    const nni_vf_avx512 high = nni_exp_in_parts_avx512(x, more, &low, &n), one = nni_vf_set1_avx512(1.0f);
    const nni_vf_avx512 e = nni_vf_times_power_avx512(nni_vf_add_avx512(high, low), n);
    const nni_vf_avx512 p = nni_vf_div_avx512(one, nni_vf_add_avx512(one, e)), q = nni_vf_mul_avx512(e, p);
    return nni_vf_fnma_avx512(nni_vf_mul_avx512(nni_vf_mul_avx512(a, dw), p), q, q);
}

/* x / (1 + e^-x) */
NNI_INLINE nni_vf_avx512 nni_vsilu_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 a = nni_gate_size_avx512(x, 110.0f), zero = nni_vf_set1_avx512(0.0f);
    return nni_gate_avx512(x, nni_logistic_tail_avx512(a, nni_vf_sub_avx512(zero, a), zero));
}
NNI_INLINE nni_vf_avx512 nni_vsilu_slope_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 a = nni_gate_size_avx512(x, 110.0f), zero = nni_vf_set1_avx512(0.0f);
    return nni_gate_slope_avx512(x, nni_logistic_tail_slope_avx512(a, nni_vf_sub_avx512(zero, a), zero, nni_vf_set1_avx512(1.0f)));
}

/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) = x / (1 + e^-w) with w = x (C1 + C3 x^2). An error of w is one of e^-w, so w
 * has a low part. C1 begins with so few bits that its difference to C1 + C3 x^2 is exact. */
#define NNI_GELU_C1_HIGH 1.59375f
#define NNI_GELU_C1_LOW 2.019121544435620308e-3f
#define NNI_GELU_C3_HIGH 7.135481387376785278e-2f
#define NNI_GELU_C3_LOW 2.398832465999589658e-9f

NNI_INLINE nni_vf_avx512 nni_gelu_tanh_exponent_avx512(nni_vf_avx512 a, nni_vf_avx512 *more) { /* -w */
    const nni_vf_avx512 square = nni_vf_mul_avx512(a, a), below = nni_vf_sub_avx512(nni_vf_set1_avx512(0.0f), nni_vf_fnma_avx512(a, a, square));
    const nni_vf_avx512 c1 = nni_vf_set1_avx512(NNI_GELU_C1_HIGH), c3 = nni_vf_set1_avx512(NNI_GELU_C3_HIGH);
    const nni_vf_avx512 sum = nni_vf_fma_avx512(c3, square, c1), lost = nni_vf_fma_avx512(c3, square, nni_vf_sub_avx512(c1, sum));
    const nni_vf_avx512 small = nni_vf_fma_avx512(nni_vf_set1_avx512(NNI_GELU_C3_LOW), square, nni_vf_fma_avx512(c3, below, nni_vf_set1_avx512(NNI_GELU_C1_LOW)));
    const nni_vf_avx512 w = nni_vf_mul_avx512(a, sum);
    *more = nni_vf_fnma_avx512(a, nni_vf_add_avx512(lost, small), nni_vf_fnma_avx512(a, sum, w));
    return nni_vf_sub_avx512(nni_vf_set1_avx512(0.0f), w);
}
NNI_INLINE nni_vf_avx512 nni_vgelu_tanh_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 a = nni_gate_size_avx512(x, 11.0f);
    nni_vf_avx512 more;
    const nni_vf_avx512 exponent = nni_gelu_tanh_exponent_avx512(a, &more);
    return nni_gate_avx512(x, nni_logistic_tail_avx512(a, exponent, more));
}
NNI_INLINE nni_vf_avx512 nni_vgelu_tanh_slope_avx512(nni_vf_avx512 x) {
    const nni_vf_avx512 a = nni_gate_size_avx512(x, 11.0f), c1 = nni_vf_set1_avx512(NNI_GELU_C1_HIGH + NNI_GELU_C1_LOW);
    nni_vf_avx512 more;
    const nni_vf_avx512 exponent = nni_gelu_tanh_exponent_avx512(a, &more);
    const nni_vf_avx512 dw = nni_vf_fma_avx512(nni_vf_mul_avx512(a, a), nni_vf_set1_avx512(3.0f * NNI_GELU_C3_HIGH), c1);
    return nni_gate_slope_avx512(x, nni_logistic_tail_slope_avx512(a, exponent, more, dw));
}

/* The normal distribution's tail Q(a) = erfc(a/sqrt 2)/2 = e^(-a^2/2) G(v) / (a + 2.5) with v = a/(a + 2.5), to a = 14.6. */
#define NNI_TAIL_SHIFT 2.5f
#define NNI_TAIL_END 14.6f
NNI_INLINE nni_vf_avx512 nni_normal_tail_factor_avx512(nni_vf_avx512 v) { /* G */
    nni_vf_avx512 q = nni_vf_set1_avx512(-7.974970340728759765625e-2f); /* 0.3 */
    q = nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(0.279526770114898681640625f));
    q = nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(-0.3130398690700531005859375f));
    q = nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(0.13775058090686798095703125f));
    q = nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(-0.14964754879474639892578125f));
    q = nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(5.6017316877841949462890625e-2f));
    q = nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(0.29186785221099853515625f));
    q = nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(0.1696073114871978759765625f));
    q = nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(-1.2433922290802001953125f));
    return nni_vf_fma_avx512(q, v, nni_vf_set1_avx512(1.25f));
}
NNI_INLINE nni_vf_avx512 nni_normal_exponential_avx512(nni_vf_avx512 a, nni_vf_avx512 *low, nni_vf_avx512 *n) { /* e^(-a^2/2), the square in two parts */
    const nni_vf_avx512 square = nni_vf_mul_avx512(a, a), lost = nni_vf_fnma_avx512(a, a, square), half = nni_vf_set1_avx512(0.5f);
    return nni_exp_in_parts_avx512(nni_vf_mul_avx512(square, nni_vf_set1_avx512(-0.5f)), nni_vf_mul_avx512(lost, half), low, n);
}
NNI_INLINE nni_vf_avx512 nni_vgelu_avx512(nni_vf_avx512 x) { /* h(a) = a Q(a) = v G(v) e^(-a^2/2) */
    const nni_vf_avx512 a = nni_gate_size_avx512(x, NNI_TAIL_END), v = nni_vf_div_avx512(a, nni_vf_add_avx512(a, nni_vf_set1_avx512(NNI_TAIL_SHIFT)));
    const nni_vf_avx512 factor = nni_vf_mul_avx512(v, nni_normal_tail_factor_avx512(v));
    nni_vf_avx512 low, n;
    const nni_vf_avx512 high = nni_normal_exponential_avx512(a, &low, &n);
    return nni_gate_avx512(x, nni_vf_times_power_avx512(nni_vf_fma_avx512(factor, high, nni_vf_mul_avx512(factor, low)), n));
}
NNI_INLINE nni_vf_avx512 nni_vgelu_slope_avx512(nni_vf_avx512 x) { /* h'(a) = Q(a) - a e^(-a^2/2) / sqrt(2 pi) */
    const nni_vf_avx512 a = nni_gate_size_avx512(x, NNI_TAIL_END), inverse = nni_vf_div_avx512(nni_vf_set1_avx512(1.0f), nni_vf_add_avx512(a, nni_vf_set1_avx512(NNI_TAIL_SHIFT)));
    nni_vf_avx512 low, n;
    const nni_vf_avx512 high = nni_normal_exponential_avx512(a, &low, &n);
    const nni_vf_avx512 tail = nni_vf_mul_avx512(inverse, nni_normal_tail_factor_avx512(nni_vf_mul_avx512(a, inverse)));
    const nni_vf_avx512 factor = nni_vf_fnma_avx512(a, nni_vf_set1_avx512(0.398942291736602783f), tail);
    return nni_gate_slope_avx512(x, nni_vf_times_power_avx512(nni_vf_mul_avx512(factor, nni_vf_add_avx512(high, low)), n));
}

/* sin and cos of 2 pi u for u in [0, 1), by quarter turns: no reduction error, since 4u is exact. */
NNI_INLINE void nni_vsincos_turns_avx512(nni_vf_avx512 u, nni_vf_avx512 *sine, nni_vf_avx512 *cosine) {
    const nni_vf_avx512 quarters = nni_vf_mul_avx512(u, nni_vf_set1_avx512(4.0f)), n = nni_vf_round_avx512(quarters), t = nni_vf_sub_avx512(quarters, n), square = nni_vf_mul_avx512(t, t);
    nni_vf_avx512 s = nni_vf_set1_avx512(-4.6287518925964832305908203125e-3f); /* sin(pi/2 t)/t in t^2, |t| <= 1/2, 0.5 */
    s = nni_vf_fma_avx512(s, square, nni_vf_set1_avx512(7.969200611114501953125e-2f));
    s = nni_vf_fma_avx512(s, square, nni_vf_set1_avx512(-0.64596498012542724609375f));
    s = nni_vf_mul_avx512(t, nni_vf_fma_avx512(s, square, nni_vf_set1_avx512(1.57079637050628662109375f)));
    nni_vf_avx512 c = nni_vf_set1_avx512(8.9667853899300098419189453125e-4f); /* cos(pi/2 t) in t^2, 0.008 */
    c = nni_vf_fma_avx512(c, square, nni_vf_set1_avx512(-2.08565033972263336181640625e-2f));
    c = nni_vf_fma_avx512(c, square, nni_vf_set1_avx512(0.2536686360836029052734375f));
    c = nni_vf_fma_avx512(c, square, nni_vf_set1_avx512(-1.2337005138397216796875f));
    c = nni_vf_fma_avx512(c, square, nni_vf_set1_avx512(1.0f));
    const nni_vi_avx512 quarter = nni_vi_from_float_avx512(n);
    const nni_vm_avx512 even = nni_vi_eq0_avx512(quarter, nni_vi_set1_avx512(1));
    const nni_vi_avx512 sine_sign = nni_vi_shl_avx512(nni_vi_and_avx512(quarter, nni_vi_set1_avx512(2)), 30);
    const nni_vi_avx512 cosine_sign = nni_vi_shl_avx512(nni_vi_and_avx512(nni_vi_add_avx512(quarter, nni_vi_set1_avx512(1)), nni_vi_set1_avx512(2)), 30);
    *sine = nni_vf_from_bits_avx512(nni_vi_xor_avx512(nni_vf_bits_avx512(nni_vf_select_avx512(even, s, c)), sine_sign));
    *cosine = nni_vf_from_bits_avx512(nni_vi_xor_avx512(nni_vf_bits_avx512(nni_vf_select_avx512(even, c, s)), cosine_sign));
}

/* ---- simd/kernels/map.h ---- */
/* map.h - element by element: y[i] = f(x[i], ...), in place if y is an input */

NNI_MIX_BEGIN

typedef nni_vf_avx512 (*nni_map1_fn_avx512)(nni_vf_avx512 x, nni_vf_avx512 a);
typedef nni_vf_avx512 (*nni_map2_fn_avx512)(nni_vf_avx512 x, nni_vf_avx512 y, nni_vf_avx512 a);

NNI_INLINE void nni_map1_avx512(nni_map1_fn_avx512 f, float *y, const float *x, size_t n, float a) {
    const nni_vf_avx512 av = nni_vf_set1_avx512(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        nni_vf_avx512 v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) v[k] = f(nni_vf_load_avx512(x + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) nni_vf_store_avx512(y + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx512(y + i, f(nni_vf_load_avx512(x + i), av));
    if (i < n) nni_vf_store_n_avx512(y + i, f(nni_vf_load_n_avx512(x + i, n - i), av), n - i);
}

NNI_INLINE void nni_map2_avx512(nni_map2_fn_avx512 f, float *z, const float *x, const float *y, size_t n, float a) {
    const nni_vf_avx512 av = nni_vf_set1_avx512(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        nni_vf_avx512 v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++)
            v[k] = f(nni_vf_load_avx512(x + i + k * VF_LANES), nni_vf_load_avx512(y + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) nni_vf_store_avx512(z + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx512(z + i, f(nni_vf_load_avx512(x + i), nni_vf_load_avx512(y + i), av));
    if (i < n) nni_vf_store_n_avx512(z + i, f(nni_vf_load_n_avx512(x + i, n - i), nni_vf_load_n_avx512(y + i, n - i), av), n - i);
}

/* f(x, a) */
NNI_INLINE nni_vf_avx512 nni_v_identity_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, x; }
NNI_INLINE nni_vf_avx512 nni_v_relu_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vf_select_avx512(nni_vf_le_avx512(x, nni_vf_set1_avx512(0.0f)), nni_vf_set1_avx512(0.0f), x); }
NNI_INLINE nni_vf_avx512 nni_v_leaky_relu_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return nni_vf_select_avx512(nni_vf_lt_avx512(nni_vf_set1_avx512(0.0f), x), x, nni_vf_mul_avx512(a, x)); }
NNI_INLINE nni_vf_avx512 nni_v_sigmoid_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vsigmoid_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_tanh_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vtanh_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_softplus_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vsoftplus_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_elu_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return nni_velu_avx512(x, a); }
NNI_INLINE nni_vf_avx512 nni_v_step_avx512(nni_vf_avx512 x, nni_vf_avx512 a) {
    const nni_vf_avx512 step = nni_vf_where_avx512(nni_vf_lt_avx512(nni_vf_set1_avx512(0.0f), x), nni_vf_set1_avx512(1.0f));
    return (void)a, nni_vf_select_avx512(nni_vf_nan_avx512(x), x, step);
}
NNI_INLINE nni_vf_avx512 nni_v_selu_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vselu_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_gelu_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vgelu_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_gelu_tanh_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vgelu_tanh_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_silu_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vsilu_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_exp_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vexp_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_log_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vlog_avx512(x); }
NNI_INLINE nni_vf_avx512 nni_v_scale_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return nni_vf_mul_avx512(a, x); }
NNI_INLINE nni_vf_avx512 nni_v_reciprocal_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vf_div_avx512(nni_vf_set1_avx512(1.0f), x); }
NNI_INLINE nni_vf_avx512 nni_v_shift_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return nni_vf_add_avx512(x, a); }

/* dx from dy and y = f(x), or x if the activation keeps its input. Where f has a kink the derivative from the left is taken. */
NNI_INLINE nni_vf_avx512 nni_d_identity_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) { return (void)y, (void)a, dy; }
NNI_INLINE nni_vf_avx512 nni_d_relu_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) { return (void)a, nni_vf_select_avx512(nni_vf_le_avx512(y, nni_vf_set1_avx512(0.0f)), nni_vf_set1_avx512(0.0f), dy); }
NNI_INLINE nni_vf_avx512 nni_d_leaky_relu_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) { return nni_vf_select_avx512(nni_vf_lt_avx512(nni_vf_set1_avx512(0.0f), y), dy, nni_vf_mul_avx512(a, dy)); }
NNI_INLINE nni_vf_avx512 nni_d_sigmoid_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) {
    return (void)a, nni_vf_mul_avx512(dy, nni_vf_mul_avx512(y, nni_vf_sub_avx512(nni_vf_set1_avx512(1.0f), y)));
}
NNI_INLINE nni_vf_avx512 nni_d_tanh_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) { return (void)a, nni_vf_mul_avx512(dy, nni_vf_fnma_avx512(y, y, nni_vf_set1_avx512(1.0f))); }
NNI_INLINE nni_vf_avx512 nni_d_softplus_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) { /* sigmoid(x) = 1 - e^-y */
    const nni_vf_avx512 zero = nni_vf_set1_avx512(0.0f), below = nni_vf_sub_avx512(zero, y);
    return (void)a, nni_vf_mul_avx512(dy, nni_vf_sub_avx512(zero, nni_vexpm1_negative_avx512(below, nni_vexp_avx512(below))));
}
NNI_INLINE nni_vf_avx512 nni_d_elu_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) { return nni_vf_select_avx512(nni_vf_lt_avx512(nni_vf_set1_avx512(0.0f), y), dy, nni_vf_mul_avx512(dy, nni_vf_add_avx512(y, a))); }
NNI_INLINE nni_vf_avx512 nni_d_step_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) { return (void)dy, (void)y, (void)a, nni_vf_set1_avx512(0.0f); }
NNI_INLINE nni_vf_avx512 nni_d_selu_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) {
    const nni_vf_avx512 above = nni_vf_set1_avx512(NNI_SELU_HIGH + NNI_SELU_LOW), below = nni_vf_add_avx512(y, nni_vf_set1_avx512(NNI_SELU_SLOPE));
    return (void)a, nni_vf_mul_avx512(dy, nni_vf_select_avx512(nni_vf_lt_avx512(nni_vf_set1_avx512(0.0f), y), above, below));
}
NNI_INLINE nni_vf_avx512 nni_d_gelu_avx512(nni_vf_avx512 dy, nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vf_mul_avx512(dy, nni_vgelu_slope_avx512(x)); }
NNI_INLINE nni_vf_avx512 nni_d_gelu_tanh_avx512(nni_vf_avx512 dy, nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vf_mul_avx512(dy, nni_vgelu_tanh_slope_avx512(x)); }
NNI_INLINE nni_vf_avx512 nni_d_silu_avx512(nni_vf_avx512 dy, nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vf_mul_avx512(dy, nni_vsilu_slope_avx512(x)); }
NNI_INLINE nni_vf_avx512 nni_d_log_avx512(nni_vf_avx512 dy, nni_vf_avx512 x, nni_vf_avx512 a) { return (void)a, nni_vf_div_avx512(dy, x); }

NNI_INLINE nni_vf_avx512 nni_d_reciprocal_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 a) { return (void)a, nni_vf_mul_avx512(nni_vf_mul_avx512(nni_vf_sub_avx512(nni_vf_set1_avx512(0.0f), dy), y), y); }

NNI_INLINE nni_vf_avx512 nni_v_add_avx512(nni_vf_avx512 x, nni_vf_avx512 y, nni_vf_avx512 a) { return (void)a, nni_vf_add_avx512(x, y); }
NNI_INLINE nni_vf_avx512 nni_v_sub_avx512(nni_vf_avx512 x, nni_vf_avx512 y, nni_vf_avx512 a) { return (void)a, nni_vf_sub_avx512(x, y); }
NNI_INLINE nni_vf_avx512 nni_v_mul_avx512(nni_vf_avx512 x, nni_vf_avx512 y, nni_vf_avx512 a) { return (void)a, nni_vf_mul_avx512(x, y); }
NNI_INLINE nni_vf_avx512 nni_v_axpy_avx512(nni_vf_avx512 x, nni_vf_avx512 y, nni_vf_avx512 a) { return nni_vf_fma_avx512(a, x, y); }

static void nni_activate_avx512(float *y, const float *x, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: nni_map1_avx512(nni_v_##function##_avx512, y, x, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void nni_activate_backward_avx512(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: nni_map2_avx512(nni_d_##function##_avx512, dx, dy, v, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void nni_exp_avx512(float *y, const float *x, size_t n) { nni_map1_avx512(nni_v_exp_avx512, y, x, n, 0.0f); }
static void nni_log_avx512(float *y, const float *x, size_t n) { nni_map1_avx512(nni_v_log_avx512, y, x, n, 0.0f); }
static void nni_log_backward_avx512(float *dx, const float *dy, const float *x, size_t n) {
    nni_map2_avx512(nni_d_log_avx512, dx, dy, x, n, 0.0f);
}
static void nni_add_avx512(float *y, const float *a, const float *b, size_t n) { nni_map2_avx512(nni_v_add_avx512, y, a, b, n, 0.0f); }
static void nni_mul_avx512(float *y, const float *a, const float *b, size_t n) { nni_map2_avx512(nni_v_mul_avx512, y, a, b, n, 0.0f); }
static void nni_sub_avx512(float *y, const float *a, const float *b, size_t n) { nni_map2_avx512(nni_v_sub_avx512, y, a, b, n, 0.0f); }
static void nni_reciprocal_avx512(float *y, const float *x, size_t n) { nni_map1_avx512(nni_v_reciprocal_avx512, y, x, n, 0.0f); }
static void nni_reciprocal_backward_avx512(float *dx, const float *dy, const float *y, size_t n) {
    nni_map2_avx512(nni_d_reciprocal_avx512, dx, dy, y, n, 0.0f);
}
static void nni_axpy_avx512(float *y, const float *x, size_t n, float a) { nni_map2_avx512(nni_v_axpy_avx512, y, x, y, n, a); }

/* a = 0 writes zeros without reading x, which may hold NaN. */
static void nni_scale_avx512(float *y, const float *x, size_t n, float a) {
    if (a == 0.0f) memset(y, 0, n * sizeof *y);
    else nni_map1_avx512(nni_v_scale_avx512, y, x, n, a);
}

static void nni_mul_add_avx512(float *y, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx512(y + i, nni_vf_fma_avx512(nni_vf_load_avx512(a + i), nni_vf_load_avx512(b + i), nni_vf_load_avx512(y + i)));
    if (i < n) nni_vf_store_n_avx512(y + i, nni_vf_fma_avx512(nni_vf_load_n_avx512(a + i, n - i), nni_vf_load_n_avx512(b + i, n - i), nni_vf_load_n_avx512(y + i, n - i)), n - i);
}

NNI_INLINE nni_vf_avx512 nni_clipped_avx512(nni_vf_avx512 x, nni_vf_avx512 lo, nni_vf_avx512 hi) { return nni_vf_select_avx512(nni_vf_lt_avx512(x, lo), lo, nni_vf_select_avx512(nni_vf_lt_avx512(hi, x), hi, x)); }
static void nni_clip_avx512(float *y, const float *x, size_t n, float lo, float hi) {
    const nni_vf_avx512 least = nni_vf_set1_avx512(lo), most = nni_vf_set1_avx512(hi);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx512(y + i, nni_clipped_avx512(nni_vf_load_avx512(x + i), least, most));
    if (i < n) nni_vf_store_n_avx512(y + i, nni_clipped_avx512(nni_vf_load_n_avx512(x + i, n - i), least, most), n - i);
}

static void nni_add_row_avx512(float *y, const float *x, const float *row, size_t rows, size_t n) {
    if (n == 1) nni_map1_avx512(nni_v_shift_avx512, y, x, rows, row[0]);
    else for (size_t i = 0; i < rows; i++) nni_add_avx512(y + i * n, x + i * n, row, n);
}

NNI_MIX_END

/* ---- simd/kernels/reduce.h ---- */
/* reduce.h - sums, dots and maxima in an order that no vector width changes
 *
 * A block of NNI_BLOCK floats is summed in 16 lanes (NNI_WIDE vectors) and folded by a fixed tree. The blocks' results
 * are handed back one by one: whoever asked adds them in the order of their index, so threads may share the blocks out.
 */

#define NNI_WIDE (16 / VF_LANES)
#define NNI_STREAMS 4 /* blocks summed side by side: one block alone waits for its own additions */

NNI_INLINE float nni_fold16_avx512(nni_vf_avx512 *lanes) {
    NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
        NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = nni_vf_add_avx512(lanes[w], lanes[w + half]);
    return nni_vf_fold_avx512(lanes[0]);
}

typedef nni_vf_avx512 (*nni_sum_fn_avx512)(const float *x, const float *y, nni_vf_avx512 sum);
typedef nni_vf_avx512 (*nni_sum_tail_fn_avx512)(const float *x, const float *y, nni_vf_avx512 sum, size_t n);

NNI_INLINE nni_vf_avx512 nni_sum_one_avx512(const float *x, const float *y, nni_vf_avx512 sum) { return (void)y, nni_vf_add_avx512(sum, nni_vf_load_avx512(x)); }
NNI_INLINE nni_vf_avx512 nni_sum_one_n_avx512(const float *x, const float *y, nni_vf_avx512 sum, size_t n) { return (void)y, nni_vf_add_avx512(sum, nni_vf_load_n_avx512(x, n)); }
NNI_INLINE nni_vf_avx512 nni_sum_product_avx512(const float *x, const float *y, nni_vf_avx512 sum) { return nni_vf_fma_avx512(nni_vf_load_avx512(x), nni_vf_load_avx512(y), sum); }
NNI_INLINE nni_vf_avx512 nni_sum_product_n_avx512(const float *x, const float *y, nni_vf_avx512 sum, size_t n) {
    return nni_vf_fma_avx512(nni_vf_load_n_avx512(x, n), nni_vf_load_n_avx512(y, n), sum);
}

/* One block of n <= NNI_BLOCK floats. */
NNI_INLINE float nni_sum_block_avx512(nni_sum_fn_avx512 f, nni_sum_tail_fn_avx512 tail, const float *x, const float *y, size_t n) {
    nni_vf_avx512 sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = nni_vf_set1_avx512(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = f(x + i + w * VF_LANES, y + i + w * VF_LANES, sum[w]);
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at < n) sum[w] = tail(x + at, y + at, sum[w], nni_min(n - at, VF_LANES));
    }
    return nni_fold16_avx512(sum);
}

/* NNI_STREAMS whole blocks. */
NNI_INLINE void nni_sum_streams_avx512(nni_sum_fn_avx512 f, float *partial, const float *x, const float *y) {
    nni_vf_avx512 sum[NNI_STREAMS * NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_STREAMS * NNI_WIDE; w++) sum[w] = nni_vf_set1_avx512(0.0f);
    for (size_t i = 0; i < NNI_BLOCK; i += 16)
        NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
                const size_t at = (size_t)s * NNI_BLOCK + i + (size_t)(w * VF_LANES);
                sum[s * NNI_WIDE + w] = f(x + at, y + at, sum[s * NNI_WIDE + w]);
            }
    NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++) partial[s] = nni_fold16_avx512(sum + s * NNI_WIDE);
}

NNI_INLINE void nni_sum_blocks_avx512(nni_sum_fn_avx512 f, nni_sum_tail_fn_avx512 tail, float *partial, const float *x, const float *y,
                                   size_t n) {
    size_t i = 0;
    for (; i + NNI_STREAMS * NNI_BLOCK <= n; i += NNI_STREAMS * NNI_BLOCK, partial += NNI_STREAMS)
        nni_sum_streams_avx512(f, partial, x + i, y + i);
    for (; i < n; i += NNI_BLOCK) *partial++ = nni_sum_block_avx512(f, tail, x + i, y + i, nni_min(n - i, NNI_BLOCK));
}

static void nni_sum_avx512(float *partial, const float *x, size_t n) {
    nni_sum_blocks_avx512(nni_sum_one_avx512, nni_sum_one_n_avx512, partial, x, x, n);
}
static void nni_dot_avx512(float *partial, const float *x, const float *y, size_t n) {
    nni_sum_blocks_avx512(nni_sum_product_avx512, nni_sum_product_n_avx512, partial, x, y, n);
}
static void nni_sum_squares_avx512(float *partial, const float *x, size_t n) {
    nni_sum_blocks_avx512(nni_sum_product_avx512, nni_sum_product_n_avx512, partial, x, x, n);
}

/* The largest of n > 0 floats; NaN if there is one. Among zeros of both signs +0 wins, whatever the lanes. */
static float nni_max_avx512(const float *x, size_t n) {
    nni_vf_avx512 top[4];
    NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = nni_vf_set1_avx512(x[0]);
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = nni_vf_max_avx512(nni_vf_load_avx512(x + i + s * VF_LANES), top[s]);
    for (; i + VF_LANES <= n; i += VF_LANES) top[0] = nni_vf_max_avx512(nni_vf_load_avx512(x + i), top[0]);
    if (i < n) {
        const nni_vm_avx512 valid = nni_vm_first_avx512(n - i);
        top[1] = nni_vf_max_avx512(nni_vf_select_avx512(valid, nni_vf_load_m_avx512(x + i, valid), top[1]), top[1]);
    }
    return nni_vf_fold_max_avx512(nni_vf_max_avx512(nni_vf_max_avx512(top[0], top[1]), nni_vf_max_avx512(top[2], top[3]))) + 0.0f; /* -0 + 0 = +0 */
}

/* The first index at which x equals its maximum, or is the first NaN. */
static size_t nni_argmax_avx512(const float *x, size_t n) {
    const float most = nni_max_avx512(x, n);
    const nni_vf_avx512 target = nni_vf_set1_avx512(most);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) {
        const nni_vf_avx512 v = nni_vf_load_avx512(x + i);
        const uint32_t hits = nni_vm_bits_avx512(most != most ? nni_vf_nan_avx512(v) : nni_vf_eq_avx512(v, target));
        if (hits) return i + (size_t)__builtin_ctz(hits);
    }
    while (most != most ? x[i] == x[i] : x[i] != most) i++;
    return i;
}

/* ---- simd/kernels/columns.h ---- */
/* columns.h - sums over the rows of a matrix, one for each column
 *
 * Columns are independent chains, so any number of lanes gives the same bits. Down a column, eight rows at a time form a
 * chain of their own whose result is added to the sum, then the rows left over are added one by one: the processor
 * overlaps the chains, and the sums of a panel stay in the L1 cache while rows are read in long streams.
 */

#define NNI_ROWS_CHAINED 8

/* Adds what row `row` contributes at column j to the one or two sums of VF_LANES columns. `whole` says that all lanes are
 * inside the matrix; else `valid` says which. */
typedef void (*nni_column_fn_avx512)(nni_vf_avx512 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx512 valid);

NNI_INLINE nni_vf_avx512 nni_column_load_avx512(const float *p, const int whole, nni_vm_avx512 valid) {
    return whole ? nni_vf_load_avx512(p) : nni_vf_load_m_avx512(p, valid);
}
NNI_INLINE void nni_column_store_avx512(float *p, nni_vf_avx512 v, const int whole, nni_vm_avx512 valid) {
    if (whole) nni_vf_store_avx512(p, v);
    else nni_vf_store_m_avx512(p, v, valid);
}

NNI_INLINE void nni_column_chain_avx512(nni_column_fn_avx512 f, const int sums, const int rows, float *sum, const nni_strip *s,
                                     size_t row, size_t j, const int whole, nni_vm_avx512 valid) {
    nni_vf_avx512 chain[2];
    NNI_UNROLL for (int i = 0; i < sums; i++) chain[i] = nni_vf_set1_avx512(0.0f);
    NNI_UNROLL for (int r = 0; r < rows; r++) f(chain, s, row + (size_t)r, j, whole, valid);
    NNI_UNROLL for (int i = 0; i < sums; i++) {
        float *p = sum + (size_t)i * s->n + j;
        nni_column_store_avx512(p, nni_vf_add_avx512(nni_column_load_avx512(p, whole, valid), chain[i]), whole, valid);
    }
}

NNI_INLINE void nni_column_chains_avx512(nni_column_fn_avx512 f, const int sums, const int rows, float *sum, const nni_strip *s,
                                      size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) nni_column_chain_avx512(f, sums, rows, sum, s, row, j, 1, nni_vm_first_avx512(VF_LANES));
    if (j < s->n) nni_column_chain_avx512(f, sums, rows, sum, s, row, j, 0, nni_vm_first_avx512(s->n - j));
}

/* The first of two sums goes to sum[0..n), the second to sum[n..2n). */
NNI_INLINE void nni_column_sums_avx512(nni_column_fn_avx512 f, const int sums, float *sum, const nni_strip *s) {
    size_t row = 0;
    memset(sum, 0, (size_t)sums * s->n * sizeof *sum);
    for (; row + NNI_ROWS_CHAINED <= s->rows; row += NNI_ROWS_CHAINED)
        nni_column_chains_avx512(f, sums, NNI_ROWS_CHAINED, sum, s, row);
    for (; row < s->rows; row++) nni_column_chains_avx512(f, sums, 1, sum, s, row);
}

NNI_INLINE void nni_column_sum_avx512(nni_vf_avx512 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx512 valid) {
    sum[0] = nni_vf_add_avx512(sum[0], nni_column_load_avx512(s->x + row * s->stride + j, whole, valid));
}

/* x - mean, and its square: moments about a value close to the mean, which lose nothing where that is far from 0. */
NNI_INLINE void nni_column_moments_avx512(nni_vf_avx512 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 x = nni_column_load_avx512(s->x + row * s->stride + j, whole, valid);
    const nni_vf_avx512 distance = nni_vf_sub_avx512(x, nni_column_load_avx512(s->mean + j, whole, valid));
    sum[0] = nni_vf_add_avx512(sum[0], distance);
    sum[1] = nni_vf_fma_avx512(distance, distance, sum[1]);
}

/* dy, and dy*(x - mean) with the mean of the column. */
NNI_INLINE void nni_column_products_avx512(nni_vf_avx512 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 x = nni_column_load_avx512(s->x + row * s->stride + j, whole, valid);
    const nni_vf_avx512 dy = nni_column_load_avx512(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_vf_add_avx512(sum[0], dy);
    sum[1] = nni_vf_fma_avx512(dy, nni_vf_sub_avx512(x, nni_column_load_avx512(s->mean + j, whole, valid)), sum[1]);
}

/* dy, and dy*(x - mean)*inverse with the mean and the inverse deviation of the row. */
NNI_INLINE void nni_column_products_by_row_avx512(nni_vf_avx512 *sum, const nni_strip *s, size_t row, size_t j, const int whole,
                                               nni_vm_avx512 valid) {
    const nni_vf_avx512 x = nni_column_load_avx512(s->x + row * s->stride + j, whole, valid);
    const nni_vf_avx512 dy = nni_column_load_avx512(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_vf_add_avx512(sum[0], dy);
    sum[1] = nni_vf_fma_avx512(dy, nni_vf_mul_avx512(nni_vf_sub_avx512(x, nni_vf_set1_avx512(s->mean[row])), nni_vf_set1_avx512(s->inverse[row])), sum[1]);
}

static void nni_columns_sum_avx512(float *sum, const nni_strip *s) { nni_column_sums_avx512(nni_column_sum_avx512, 1, sum, s); }
static void nni_columns_moments_avx512(float *sum, const nni_strip *s) { nni_column_sums_avx512(nni_column_moments_avx512, 2, sum, s); }
static void nni_columns_products_avx512(float *sum, const nni_strip *s) {
    nni_column_sums_avx512(nni_column_products_avx512, 2, sum, s);
}
static void nni_columns_products_by_row_avx512(float *sum, const nni_strip *s) {
    nni_column_sums_avx512(nni_column_products_by_row_avx512, 2, sum, s);
}

#undef NNI_ROWS_CHAINED

/* ---- simd/kernels/prelu.h ---- */
/* prelu.h - x > 0 ? x : slope*x, with a slope for each column that is learned */

NNI_INLINE nni_vf_avx512 nni_v_prelu_avx512(nni_vf_avx512 x, nni_vf_avx512 slope, nni_vf_avx512 a) { return (void)a, nni_v_leaky_relu_avx512(x, slope); }

static void nni_prelu_avx512(float *y, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++)
        nni_map2_avx512(nni_v_prelu_avx512, y + i * s->stride, s->x + i * s->stride, slope, s->n, 0.0f);
}

/* dx = x > 0 ? dy : slope*dy */
static void nni_prelu_backward_avx512(float *dx, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++) {
        const float *x = s->x + i * s->stride, *dy = s->dy + i * s->stride;
        float *to = dx + i * s->stride;
        size_t j = 0;
        for (; j + VF_LANES <= s->n; j += VF_LANES)
            nni_vf_store_avx512(to + j, nni_d_leaky_relu_avx512(nni_vf_load_avx512(dy + j), nni_vf_load_avx512(x + j), nni_vf_load_avx512(slope + j)));
        const size_t rest = s->n - j;
        if (!rest) continue;
        nni_vf_store_n_avx512(to + j, nni_d_leaky_relu_avx512(nni_vf_load_n_avx512(dy + j, rest), nni_vf_load_n_avx512(x + j, rest), nni_vf_load_n_avx512(slope + j, rest)), rest);
    }
}

/* sum + dy*x where x is not above 0 */
NNI_INLINE nni_vf_avx512 nni_prelu_product_avx512(nni_vf_avx512 dy, nni_vf_avx512 x, nni_vf_avx512 sum) {
    return nni_vf_select_avx512(nni_vf_lt_avx512(nni_vf_set1_avx512(0.0f), x), sum, nni_vf_fma_avx512(dy, x, sum));
}

/* Down the columns, for a slope each, in the order of columns.h. */
NNI_INLINE void nni_column_prelu_avx512(nni_vf_avx512 *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 dy = nni_column_load_avx512(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_prelu_product_avx512(dy, nni_column_load_avx512(s->x + row * s->stride + j, whole, valid), sum[0]);
}
static void nni_prelu_columns_avx512(float *sum, const nni_strip *s) { nni_column_sums_avx512(nni_column_prelu_avx512, 1, sum, s); }

/* Over everything, for a slope that all columns share, in the order of reduce.h. */
NNI_INLINE nni_vf_avx512 nni_sum_prelu_avx512(const float *dy, const float *x, nni_vf_avx512 sum) {
    return nni_prelu_product_avx512(nni_vf_load_avx512(dy), nni_vf_load_avx512(x), sum);
}
NNI_INLINE nni_vf_avx512 nni_sum_prelu_n_avx512(const float *dy, const float *x, nni_vf_avx512 sum, size_t n) {
    return nni_prelu_product_avx512(nni_vf_load_n_avx512(dy, n), nni_vf_load_n_avx512(x, n), sum);
}
static void nni_prelu_sum_avx512(float *partial, const float *dy, const float *x, size_t n) {
    nni_sum_blocks_avx512(nni_sum_prelu_avx512, nni_sum_prelu_n_avx512, partial, dy, x, n);
}

/* ---- simd/kernels/norm.h ---- */
/* norm.h - normalising: by columns, with factors for each, and by rows, each with statistics of its own */

/* 1/sqrt(variance + epsilon) */
static void nni_inverse_deviation_avx512(float *inverse, const float *variance, size_t n, float epsilon) {
    const nni_vf_avx512 one = nni_vf_set1_avx512(1.0f), e = nni_vf_set1_avx512(epsilon);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_avx512(inverse + i, nni_vf_div_avx512(one, nni_vf_sqrt_avx512(nni_vf_add_avx512(nni_vf_load_avx512(variance + i), e))));
    if (i < n) nni_vf_store_n_avx512(inverse + i, nni_vf_div_avx512(one, nni_vf_sqrt_avx512(nni_vf_add_avx512(nni_vf_load_n_avx512(variance + i, n - i), e))), n - i);
}

/* ---- by columns ---- */

#define NNI_ROWS_AT_ONCE 4 /* rows for which the factors of some columns are loaded once */

/* What is done to `rows` elements of VF_LANES columns, from row `row` and column j on. */
typedef void (*nni_normalize_fn_avx512)(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                     const int rows, const int whole, nni_vm_avx512 valid);

NNI_INLINE void nni_normalize_rows_avx512(nni_normalize_fn_avx512 f, const int rows, float *y, const nni_strip *s,
                                       const float *const *factor, size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) f(y, s, factor, row, j, rows, 1, nni_vm_first_avx512(VF_LANES));
    if (j < s->n) f(y, s, factor, row, j, rows, 0, nni_vm_first_avx512(s->n - j));
}

NNI_INLINE void nni_normalize_strip_avx512(nni_normalize_fn_avx512 f, float *y, const nni_strip *s, const float *const *factor) {
    size_t row = 0;
    for (; row + NNI_ROWS_AT_ONCE <= s->rows; row += NNI_ROWS_AT_ONCE)
        nni_normalize_rows_avx512(f, NNI_ROWS_AT_ONCE, y, s, factor, row);
    for (; row < s->rows; row++) nni_normalize_rows_avx512(f, 1, y, s, factor, row);
}

NNI_INLINE void nni_normalize_columns_avx512(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 mean = nni_column_load_avx512(s->mean + j, whole, valid);
    const nni_vf_avx512 scale = nni_column_load_avx512(factor[0] + j, whole, valid);
    const nni_vf_avx512 shift = nni_column_load_avx512(factor[1] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_avx512 distance = nni_vf_sub_avx512(nni_column_load_avx512(s->x + at, whole, valid), mean);
        nni_column_store_avx512(y + at, nni_vf_fma_avx512(distance, scale, shift), whole, valid);
    }
}

/* y = (x - mean)*scale + shift: the difference first, which is exact where a large mean would drown the result. */
static void nni_normalize_avx512(float *y, const nni_strip *s, const float *scale, const float *shift) {
    const float *const factor[] = {scale, shift};
    nni_normalize_strip_avx512(nni_normalize_columns_avx512, y, s, factor);
}

NNI_INLINE void nni_normalize_columns_backward_avx512(float *dx, const nni_strip *s, const float *const *factor, size_t row,
                                                   size_t j, const int rows, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 mean = nni_column_load_avx512(s->mean + j, whole, valid);
    const nni_vf_avx512 inverse = nni_column_load_avx512(s->inverse + j, whole, valid);
    const nni_vf_avx512 gain = nni_column_load_avx512(factor[0] + j, whole, valid);
    const nni_vf_avx512 less = nni_vf_sub_avx512(nni_vf_set1_avx512(0.0f), nni_column_load_avx512(factor[1] + j, whole, valid));
    const nni_vf_avx512 slope = nni_column_load_avx512(factor[2] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_avx512 distance = nni_vf_sub_avx512(nni_column_load_avx512(s->x + at, whole, valid), mean);
        const nni_vf_avx512 centred = nni_vf_fma_avx512(gain, nni_column_load_avx512(s->dy + at, whole, valid), less);
        nni_column_store_avx512(dx + at, nni_vf_mul_avx512(inverse, nni_vf_fnma_avx512(distance, slope, centred)), whole, valid);
    }
}

/* dx = inverse*(gain*dy - dy_mean - (x - mean)*slope) */
static void nni_normalize_backward_avx512(float *dx, const nni_strip *s, const float *gain, const float *dy_mean,
                                       const float *slope) {
    const float *const factor[] = {gain, dy_mean, slope};
    nni_normalize_strip_avx512(nni_normalize_columns_backward_avx512, dx, s, factor);
}

#undef NNI_ROWS_AT_ONCE

/* ---- by rows ---- */

/* A row, and what is done with it. `scaled` says that there is a gamma: known when compiled, or a register too few would
 * hold the sums. */
typedef struct nni_row_avx512 {
    const float *x, *dy, *gamma, *beta;
    nni_vf_avx512 mean;
    int scaled;
} nni_row_avx512;

/* Adds what VF_LANES elements from i on contribute to two sums. */
typedef void (*nni_row_fn_avx512)(nni_vf_avx512 *first, nni_vf_avx512 *second, const nni_row_avx512 *r, size_t i, const int whole, nni_vm_avx512 valid);

/* Two sums over n floats at once, in 16 lanes and blocks as everywhere. */
NNI_INLINE void nni_row_sums_avx512(nni_row_fn_avx512 f, double *first, double *second, const nni_row_avx512 *r, size_t n) {
    *first = *second = 0.0;
    for (size_t begin = 0; begin < n; begin += NNI_BLOCK) {
        const size_t end = nni_min(n, begin + NNI_BLOCK);
        nni_vf_avx512 a[NNI_WIDE], b[NNI_WIDE];
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) a[w] = b[w] = nni_vf_set1_avx512(0.0f);
        size_t i = begin;
        for (; i + 16 <= end; i += 16)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++)
                f(a + w, b + w, r, i + (size_t)(w * VF_LANES), 1, nni_vm_first_avx512(VF_LANES));
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const size_t at = i + (size_t)(w * VF_LANES);
            if (at < end) f(a + w, b + w, r, at, 0, nni_vm_first_avx512(nni_min(end - at, VF_LANES)));
        }
        *first += (double)nni_fold16_avx512(a);
        *second += (double)nni_fold16_avx512(b);
    }
}

NNI_INLINE void nni_row_plain_avx512(nni_vf_avx512 *first, nni_vf_avx512 *second, const nni_row_avx512 *r, size_t i, const int whole, nni_vm_avx512 valid) {
    (void)second;
    *first = nni_vf_add_avx512(*first, nni_column_load_avx512(r->x + i, whole, valid));
}

/* x - mean, and 0 beyond the end of the row */
NNI_INLINE nni_vf_avx512 nni_row_distance_avx512(const nni_row_avx512 *r, size_t i, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 distance = nni_vf_sub_avx512(nni_column_load_avx512(r->x + i, whole, valid), r->mean);
    return whole ? distance : nni_vf_where_avx512(valid, distance);
}

NNI_INLINE void nni_row_moments_avx512(nni_vf_avx512 *first, nni_vf_avx512 *second, const nni_row_avx512 *r, size_t i, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 distance = nni_row_distance_avx512(r, i, whole, valid);
    *first = nni_vf_add_avx512(*first, distance);
    *second = nni_vf_fma_avx512(distance, distance, *second);
}

NNI_INLINE nni_vf_avx512 nni_row_gamma_avx512(const nni_row_avx512 *r, size_t i, const int whole, nni_vm_avx512 valid) {
    return r->scaled ? nni_column_load_avx512(r->gamma + i, whole, valid) : nni_vf_set1_avx512(1.0f);
}

/* gamma*dy, and gamma*dy*(x - mean) */
NNI_INLINE void nni_row_products_avx512(nni_vf_avx512 *first, nni_vf_avx512 *second, const nni_row_avx512 *r, size_t i, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 g = nni_vf_mul_avx512(nni_row_gamma_avx512(r, i, whole, valid), nni_column_load_avx512(r->dy + i, whole, valid));
    *first = nni_vf_add_avx512(*first, g);
    *second = nni_vf_fma_avx512(g, nni_row_distance_avx512(r, i, whole, valid), *second);
}

/* Mean and inverse deviation of a row: a first mean, then the moments about it, which correct what was rounded off. */
NNI_INLINE float nni_row_statistics_avx512(float *inverse, const float *x, size_t n, float epsilon) {
    nni_row_avx512 r = {x, NULL, NULL, NULL, nni_vf_set1_avx512(0.0f), 0};
    const double share = 1.0 / (double)n;
    double sum, squares;
    nni_row_sums_avx512(nni_row_plain_avx512, &sum, &squares, &r, n);
    const float about = (float)(sum * share);
    r.mean = nni_vf_set1_avx512(about);
    nni_row_sums_avx512(nni_row_moments_avx512, &sum, &squares, &r, n);
    const double off = sum * share, variance = squares * share - off * off;
    *inverse = (float)(1.0 / sqrt((variance < 0.0 ? 0.0 : variance) + (double)epsilon));
    return (float)((double)about + off);
}

NNI_INLINE void nni_layer_norm_vector_avx512(float *y, const nni_row_avx512 *r, nni_vf_avx512 inverse, size_t i, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 shift = r->beta ? nni_column_load_avx512(r->beta + i, whole, valid) : nni_vf_set1_avx512(0.0f);
    const nni_vf_avx512 scale = nni_vf_mul_avx512(inverse, nni_row_gamma_avx512(r, i, whole, valid));
    nni_column_store_avx512(y + i, nni_vf_fma_avx512(nni_row_distance_avx512(r, i, whole, valid), scale, shift), whole, valid);
}

/* mean and inverse take those of each row, unless NULL */
static void nni_layer_norm_avx512(float *y, float *mean, float *inverse, const nni_strip *s, const float *gamma, const float *beta,
                               float epsilon) {
    nni_row_avx512 r = {s->x, NULL, gamma, beta, nni_vf_set1_avx512(0.0f), gamma != NULL};
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, y += s->n) {
        float row_inverse;
        const float row_mean = nni_row_statistics_avx512(&row_inverse, r.x, s->n, epsilon);
        const nni_vf_avx512 scale = nni_vf_set1_avx512(row_inverse);
        r.mean = nni_vf_set1_avx512(row_mean);
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES) nni_layer_norm_vector_avx512(y, &r, scale, i, 1, nni_vm_first_avx512(VF_LANES));
        if (i < s->n) nni_layer_norm_vector_avx512(y, &r, scale, i, 0, nni_vm_first_avx512(s->n - i));
        if (mean) mean[row] = row_mean;
        if (inverse) inverse[row] = row_inverse;
    }
}

NNI_INLINE void nni_layer_norm_vector_backward_avx512(float *dx, const nni_row_avx512 *r, nni_vf_avx512 inverse, nni_vf_avx512 less, nni_vf_avx512 slope, size_t i,
                                                   const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 dy = nni_column_load_avx512(r->dy + i, whole, valid);
    const nni_vf_avx512 centred = nni_vf_fma_avx512(nni_row_gamma_avx512(r, i, whole, valid), dy, less);
    const nni_vf_avx512 distance = nni_row_distance_avx512(r, i, whole, valid);
    nni_column_store_avx512(dx + i, nni_vf_mul_avx512(inverse, nni_vf_fnma_avx512(distance, slope, centred)), whole, valid);
}

/* dx = inverse*(g - mean(g) - z*mean(g*z)) with g = gamma*dy, z = (x - mean)*inverse */
NNI_INLINE void nni_layer_norm_rows_backward_avx512(const int scaled, float *dx, const nni_strip *s, const float *gamma) {
    nni_row_avx512 r = {s->x, s->dy, gamma, NULL, nni_vf_set1_avx512(0.0f), scaled};
    const double share = 1.0 / (double)s->n;
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, r.dy += s->n, dx += s->n) {
        const double row_inverse = (double)s->inverse[row];
        double sum, products;
        r.mean = nni_vf_set1_avx512(s->mean[row]);
        nni_row_sums_avx512(nni_row_products_avx512, &sum, &products, &r, s->n);
        const nni_vf_avx512 inverse = nni_vf_set1_avx512(s->inverse[row]), less = nni_vf_set1_avx512((float)(-sum * share));
        const nni_vf_avx512 slope = nni_vf_set1_avx512((float)(products * share * row_inverse * row_inverse));
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES)
            nni_layer_norm_vector_backward_avx512(dx, &r, inverse, less, slope, i, 1, nni_vm_first_avx512(VF_LANES));
        if (i < s->n) nni_layer_norm_vector_backward_avx512(dx, &r, inverse, less, slope, i, 0, nni_vm_first_avx512(s->n - i));
    }
}

static void nni_layer_norm_backward_avx512(float *dx, const nni_strip *s, const float *gamma) {
    if (gamma) nni_layer_norm_rows_backward_avx512(1, dx, s, gamma);
    else nni_layer_norm_rows_backward_avx512(0, dx, s, NULL);
}

/* ---- simd/kernels/softmax.h ---- */
/* softmax.h - softmax, log-softmax and log-sum-exp of each row, and their gradients
 *
 * The row's maximum is subtracted first, so every exponential is at most 1 and one of them is 1: no finite row can
 * overflow or divide by zero. Sums run in 16 lanes over blocks of NNI_BLOCK, whose results are added in double.
 */

/* y[i] = e^(x[i] - shift) for n <= NNI_BLOCK floats; their sum is returned. A NULL y keeps the sum only. */
NNI_INLINE float nni_exp_block_avx512(const int keep, float *y, const float *x, size_t n, float shift) {
    const nni_vf_avx512 top = nni_vf_set1_avx512(shift);
    nni_vf_avx512 sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = nni_vf_set1_avx512(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const nni_vf_avx512 e = nni_vexp_avx512(nni_vf_sub_avx512(nni_vf_load_avx512(x + i + w * VF_LANES), top));
            if (keep) nni_vf_store_avx512(y + i + w * VF_LANES, e);
            sum[w] = nni_vf_add_avx512(sum[w], e);
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at >= n) continue;
        const nni_vm_avx512 valid = nni_vm_first_avx512(nni_min(n - at, VF_LANES));
        const nni_vf_avx512 e = nni_vf_where_avx512(valid, nni_vexp_avx512(nni_vf_sub_avx512(nni_vf_load_m_avx512(x + at, valid), top)));
        if (keep) nni_vf_store_m_avx512(y + at, e, valid);
        sum[w] = nni_vf_add_avx512(sum[w], e);
    }
    return nni_fold16_avx512(sum);
}

NNI_INLINE double nni_exp_row_avx512(const int keep, float *y, const float *x, size_t n, float shift) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i += NNI_BLOCK)
        sum += (double)nni_exp_block_avx512(keep, keep ? y + i : y, x + i, nni_min(n - i, NNI_BLOCK), shift);
    return sum;
}

/* log of a sum of exponentials, which lies in [1, n] */
NNI_INLINE float nni_log_of_sum_avx512(double sum) {
    float y[VF_LANES];
    nni_vf_store_avx512(y, nni_vlog_avx512(nni_vf_set1_avx512((float)sum)));
    return y[0];
}

static void nni_softmax_avx512(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        const double sum = nni_exp_row_avx512(1, y, x, n, nni_max_avx512(x, n));
        nni_map1_avx512(nni_v_scale_avx512, y, y, n, (float)(1.0 / sum));
    }
}

NNI_INLINE nni_vf_avx512 nni_v_subtract_avx512(nni_vf_avx512 x, nni_vf_avx512 a) { return nni_vf_sub_avx512(x, a); }

static void nni_log_softmax_avx512(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        const float top = nni_max_avx512(x, n), log_sum = nni_log_of_sum_avx512(nni_exp_row_avx512(0, NULL, x, n, top));
        /* two subtractions: top + log_sum in one float would lose log_sum beside a large top */
        nni_map1_avx512(nni_v_subtract_avx512, y, x, n, top);
        nni_map1_avx512(nni_v_subtract_avx512, y, y, n, log_sum);
    }
}

static void nni_log_sum_exp_avx512(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n) {
        const float top = nni_max_avx512(x, n);
        y[r] = top + nni_log_of_sum_avx512(nni_exp_row_avx512(0, NULL, x, n, top));
    }
}

NNI_INLINE nni_vf_avx512 nni_d_softmax_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 dot) { return nni_vf_mul_avx512(y, nni_vf_sub_avx512(dy, dot)); }
NNI_INLINE nni_vf_avx512 nni_d_log_softmax_avx512(nni_vf_avx512 dy, nni_vf_avx512 e, nni_vf_avx512 sum) { return nni_vf_fnma_avx512(e, sum, dy); }

/* dx = y * (dy - sum(dy*y)) */
static void nni_softmax_backward_avx512(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double dot = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            dot += (double)nni_sum_block_avx512(nni_sum_product_avx512, nni_sum_product_n_avx512, dy + i, y + i, nni_min(n - i, NNI_BLOCK));
        nni_map2_avx512(nni_d_softmax_avx512, dx, dy, y, n, (float)dot);
    }
}

NNI_INLINE nni_vf_avx512 nni_d_log_softmax_y_avx512(nni_vf_avx512 dy, nni_vf_avx512 y, nni_vf_avx512 sum) { return nni_d_log_softmax_avx512(dy, nni_vexp_avx512(y), sum); }

/* dx = dy - e^y * sum(dy) */
static void nni_log_softmax_backward_avx512(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            sum += (double)nni_sum_block_avx512(nni_sum_one_avx512, nni_sum_one_n_avx512, dy + i, dy + i, nni_min(n - i, NNI_BLOCK));
        nni_map2_avx512(nni_d_log_softmax_y_avx512, dx, dy, y, n, (float)sum);
    }
}

/* ---- simd/kernels/random.h ---- */
/* random.h - Philox 4x32-10: random numbers as a function of (key, stream, position), nothing carried along
 *
 * Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). One counter gives four words. Words
 * are laid out in blocks of 64: the first words of 16 counters, then the second words, ... which every vector width
 * can store as whole vectors. Position i is word (i/16)%4 of counter (i/64)*16 + i%16, the counter being
 * (low, high half of that number, low, high half of stream).
 */

/* The words of the VF_LANES counters from `counter` on, a multiple of VF_LANES: no lane carries into the high half. */
NNI_INLINE void nni_philox_avx512(nni_vi_avx512 *word, uint64_t key, uint64_t stream, uint64_t counter) {
    nni_vi_avx512 c0 = nni_vi_add_avx512(nni_vi_set1_avx512((uint32_t)counter), nni_vi_lane_avx512()), c1 = nni_vi_set1_avx512((uint32_t)(counter >> 32));
    nni_vi_avx512 c2 = nni_vi_set1_avx512((uint32_t)stream), c3 = nni_vi_set1_avx512((uint32_t)(stream >> 32));
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    const nni_vi_avx512 m0 = nni_vi_set1_avx512(0xD2511F53u), m1 = nni_vi_set1_avx512(0xCD9E8D57u);
    NNI_UNROLL for (int round = 0; round < 10; round++) {
        nni_vi_avx512 high0, high1;
        const nni_vi_avx512 low0 = nni_vi_mul_wide_avx512(c0, m0, &high0), low1 = nni_vi_mul_wide_avx512(c2, m1, &high1);
        c0 = nni_vi_xor_avx512(nni_vi_xor_avx512(high1, c1), nni_vi_set1_avx512(k0));
        c2 = nni_vi_xor_avx512(nni_vi_xor_avx512(high0, c3), nni_vi_set1_avx512(k1));
        c1 = low1;
        c3 = low0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

/* Stores at y + 16*w the VF_LANES values made from word w. */
typedef void (*nni_random_fn_avx512)(float *y, const nni_vi_avx512 *word, nni_vf_avx512 a, nni_vf_avx512 b);

NNI_INLINE void nni_random_blocks_avx512(nni_random_fn_avx512 f, float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks,
                                      float a, float b) {
    const nni_vf_avx512 av = nni_vf_set1_avx512(a), bv = nni_vf_set1_avx512(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_avx512 word[4];
            nni_philox_avx512(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, word, av, bv);
        }
}

/* The top 24 bits as a multiple of 2^-24 in [0, 1): every value a float, all equally likely. */
NNI_INLINE nni_vf_avx512 nni_unit_avx512(nni_vi_avx512 word) { return nni_vf_mul_avx512(nni_vf_from_int_avx512(nni_vi_shr_avx512(word, 8)), nni_vf_set1_avx512(1.0f / 16777216.0f)); }

/* The float before a: its bits count down from a positive number and up from a negative one. */
NNI_INLINE nni_vf_avx512 nni_float_before_avx512(nni_vf_avx512 a) {
    const nni_vi_avx512 bits = nni_vf_bits_avx512(a), sign = nni_vi_sar_avx512(bits, 31);
    const nni_vf_avx512 before = nni_vf_from_bits_avx512(nni_vi_sub_avx512(nni_vi_sub_avx512(bits, nni_vi_set1_avx512(1)), nni_vi_shl_avx512(sign, 1)));
    return nni_vf_select_avx512(nni_vf_eq_avx512(a, nni_vf_set1_avx512(0.0f)), nni_vf_from_bits_avx512(nni_vi_set1_avx512(0x80000001u)), before);
}

/* lo + (hi - lo)*u, a = lo, b = hi; where the sum rounds up to hi, the float before it: the interval stays half open. */
NNI_INLINE void nni_random_uniform_words_avx512(float *y, const nni_vi_avx512 *word, nni_vf_avx512 a, nni_vf_avx512 b) {
    const nni_vf_avx512 width = nni_vf_sub_avx512(b, a), last = nni_float_before_avx512(b);
    NNI_UNROLL for (int w = 0; w < 4; w++) {
        const nni_vf_avx512 v = nni_vf_fma_avx512(width, nni_unit_avx512(word[w]), a);
        nni_vf_store_avx512(y + 16 * w, nni_vf_select_avx512(nni_vf_eq_avx512(v, b), last, v));
    }
}

/* Box-Muller: two words give two normal values, *radius times *sine and *cosine. */
NNI_INLINE void nni_normal_pair_avx512(const nni_vi_avx512 *word, nni_vf_avx512 deviation, nni_vf_avx512 *radius, nni_vf_avx512 *sine, nni_vf_avx512 *cosine) {
    const nni_vf_avx512 u = nni_vf_add_avx512(nni_unit_avx512(word[0]), nni_vf_set1_avx512(1.0f / 16777216.0f)); /* (0, 1]: the log is finite */
    *radius = nni_vf_mul_avx512(deviation, nni_vf_sqrt_avx512(nni_vf_mul_avx512(nni_vf_set1_avx512(-2.0f), nni_log_builtin_avx512(u))));
    nni_vsincos_turns_avx512(nni_unit_avx512(word[1]), sine, cosine);
}

/* Words 0 and 1 give two normal values, words 2 and 3 two more. a = mean, b = standard deviation. */
NNI_INLINE void nni_random_normal_words_avx512(float *y, const nni_vi_avx512 *word, nni_vf_avx512 a, nni_vf_avx512 b) {
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        nni_vf_avx512 radius, sine, cosine;
        nni_normal_pair_avx512(word + w, b, &radius, &sine, &cosine);
        nni_vf_store_avx512(y + 16 * w, nni_vf_fma_avx512(radius, cosine, a));
        nni_vf_store_avx512(y + 16 * w + 16, nni_vf_fma_avx512(radius, sine, a));
    }
}

/* b where u < a, else 0. */
NNI_INLINE void nni_random_mask_words_avx512(float *y, const nni_vi_avx512 *word, nni_vf_avx512 a, nni_vf_avx512 b) {
    NNI_UNROLL for (int w = 0; w < 4; w++) nni_vf_store_avx512(y + 16 * w, nni_vf_where_avx512(nni_vf_lt_avx512(nni_unit_avx512(word[w]), a), b));
}

static void nni_random_bits_avx512(uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks) {
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_avx512 word[4];
            nni_philox_avx512(word, key, stream, (first + block) * 16 + lane);
            NNI_UNROLL for (int w = 0; w < 4; w++) nni_vi_store_avx512(y + block * 64 + lane + 16 * w, word[w]);
        }
}
static void nni_random_uniform_avx512(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float lo, float hi) {
    nni_random_blocks_avx512(nni_random_uniform_words_avx512, y, key, stream, first, blocks, lo, hi);
}
static void nni_random_normal_avx512(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float mean, float sd) {
    nni_random_blocks_avx512(nni_random_normal_words_avx512, y, key, stream, first, blocks, mean, sd);
}
static void nni_random_mask_avx512(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float keep, float value) {
    nni_random_blocks_avx512(nni_random_mask_words_avx512, y, key, stream, first, blocks, keep, value);
}

/* ---- simd/kernels/dropout.h ---- */
/* dropout.h - random masks and noise upon an array: y[i] = f(x[i], number i of the sequence), in the blocks of random.h */

/* Stores at y + 16*w what word w makes of the VF_LANES values at x + 16*w. */
typedef void (*nni_noise_fn_avx512)(float *y, const float *x, const nni_vi_avx512 *word, nni_vf_avx512 a, nni_vf_avx512 b);

NNI_INLINE void nni_noise_blocks_avx512(nni_noise_fn_avx512 f, float *y, const float *x, uint64_t key, uint64_t stream,
                                     uint64_t first, size_t blocks, float a, float b) {
    const nni_vf_avx512 av = nni_vf_set1_avx512(a), bv = nni_vf_set1_avx512(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_avx512 word[4];
            nni_philox_avx512(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, x + block * 64 + lane, word, av, bv);
        }
}

/* b*x where u < a, else 0, whatever x is */
NNI_INLINE void nni_dropout_words_avx512(float *y, const float *x, const nni_vi_avx512 *word, nni_vf_avx512 a, nni_vf_avx512 b) {
    NNI_UNROLL for (int w = 0; w < 4; w++)
        nni_vf_store_avx512(y + 16 * w, nni_vf_where_avx512(nni_vf_lt_avx512(nni_unit_avx512(word[w]), a), nni_vf_mul_avx512(b, nni_vf_load_avx512(x + 16 * w))));
}

/* x + b*normal */
NNI_INLINE void nni_add_normal_words_avx512(float *y, const float *x, const nni_vi_avx512 *word, nni_vf_avx512 a, nni_vf_avx512 b) {
    (void)a;
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        nni_vf_avx512 radius, sine, cosine;
        nni_normal_pair_avx512(word + w, b, &radius, &sine, &cosine);
        nni_vf_store_avx512(y + 16 * w, nni_vf_fma_avx512(radius, cosine, nni_vf_load_avx512(x + 16 * w)));
        nni_vf_store_avx512(y + 16 * w + 16, nni_vf_fma_avx512(radius, sine, nni_vf_load_avx512(x + 16 * w + 16)));
    }
}

static void nni_dropout_avx512 NNI_NOISE_ARGUMENTS {
    nni_noise_blocks_avx512(nni_dropout_words_avx512, y, x, key, stream, first, blocks, a, b);
}
static void nni_add_normal_avx512 NNI_NOISE_ARGUMENTS {
    nni_noise_blocks_avx512(nni_add_normal_words_avx512, y, x, key, stream, first, blocks, a, b);
}

/* scale*x in the columns whose mask is positive, else 0, whatever x is */
NNI_INLINE void nni_mask_columns_rows_avx512(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, nni_vm_avx512 valid) {
    const nni_vf_avx512 mask = nni_column_load_avx512(factor[0] + j, whole, valid), scale = nni_vf_set1_avx512(*factor[1]);
    const nni_vm_avx512 kept = nni_vf_lt_avx512(nni_vf_set1_avx512(0.0f), mask);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_avx512 x = nni_column_load_avx512(s->x + at, whole, valid);
        nni_column_store_avx512(y + at, nni_vf_where_avx512(kept, nni_vf_mul_avx512(scale, x)), whole, valid);
    }
}
static void nni_mask_columns_avx512(float *y, const nni_strip *s, const float *mask, float scale) {
    const float *const factor[] = {mask, &scale};
    nni_normalize_strip_avx512(nni_mask_columns_rows_avx512, y, s, factor);
}

/* ---- simd/kernels/gemm_tile.h ---- */
/* gemm_tile.h - the micro-kernel: a tile of C held in registers while k runs
 *
 *                          b, vectors x VF_LANES wide           C is loaded first and stored last, so an element is one
 *                 p=0  [ . . . . . . . . . . . . ]              chain of fused multiply-adds in the order of k, however
 *                 p=1  [ . . . . . . . . . . . . ]  ldb         k is blocked: the bits depend on nothing else.
 *                  :                                            beta = 0 does not read C, which may hold NaN.
 *        a: p=0 1 2 ..                                          The last vector of a row holds `ragged` <= VF_LANES
 *    row 0 [ . . . . ]     c: rows x vectors                    columns; nothing beyond them is read or written, but
 *    row 1 [ . . . . ]     [ . . . . . . . . . . . . ]          where VF_FREE_MASK is 0 b must be readable there.
 *     :                                                         No alignment is needed.
 *
 * One call computes a run of `count` such tiles, each a step of a_next, b_next, c_next from the one before: down C, along
 * it, or just one.
 */

/* KC rows of B: a panel of two vectors stays in L1 (48 KiB at 16 lanes). MC rows of A: MC x KC stays in L2. */
#define NNI_KC 384
#define NNI_KC_LARGE 512 /* packed, C is what costs, and passes over it are k/KC */
#define NNI_MC 336
#define NNI_MC_PAGES 64 /* rows of A where each row of B is on a page of its own: both must fit the first TLB */
#define NNI_PAGE 1024
#define NNI_NC 3072
#define NNI_SHALLOW 32 /* k up to which writing C is most of the work */
#define NNI_WIDE_C (1u << 20) /* floats of C from which its rows are written one after another */
#define NNI_FAR (3u << 20) /* floats of B from which it is memory that has to be waited for: prefetch */

typedef struct nni_tiles_avx512 {
    size_t k, count;
    size_t a_stride, ldb, ldc;
    size_t a_next, b_next, c_next;
    size_t ragged;
    size_t ahead;     /* where to prefetch B, in floats from where it is read */
    int prefetch_c;   /* ask for the next tile of C before computing this one */
    float beta;
} nni_tiles_avx512;

/* A run from a, b and c on. */
typedef void (*nni_tile_fn_avx512)(const nni_tiles_avx512 *run, const float *a, const float *b, float *c);

/* For convolutions: A is read in `rows` x `count` stretches of k, with jumps between the end of one and the next, and B
 * jumps between rows; and bias and ReLU are done before C is stored. By k there is one stretch a row, and no epilogue. */
typedef struct nni_taps_avx512 {
    size_t rows, count;
    ptrdiff_t jump, row_jump; /* of A: after a stretch; after `count` of them, on top */
    size_t b_jump;            /* of B, after a row */
    const float *bias;        /* of the columns of the tile, or NULL */
    int relu;
} nni_taps_avx512;

typedef void (*nni_taps_fn_avx512)(const nni_tiles_avx512 *run, const nni_taps_avx512 *taps, const float *a, const float *b, float *c);

NNI_INLINE nni_vf_avx512 nni_tile_load_b_avx512(const float *b, int last, nni_vm_avx512 mask) {
    return VF_FREE_MASK && last ? nni_vf_load_m_avx512(b, mask) : nni_vf_load_avx512(b);
}

/* What is done to the sums of a convolution before they are stored. */
NNI_INLINE void nni_tile_finish_avx512(const int rows, const int vectors, const nni_taps_avx512 *taps, nni_vf_avx512 *sum, nni_vm_avx512 mask) {
    if (taps->bias)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            const float *at = taps->bias + j * VF_LANES;
            const nni_vf_avx512 bias = j == vectors - 1 ? nni_vf_load_m_avx512(at, mask) : nni_vf_load_avx512(at);
            NNI_UNROLL for (int i = 0; i < rows; i++) sum[i * vectors + j] = nni_vf_add_avx512(sum[i * vectors + j], bias);
        }
    if (taps->relu)
        NNI_UNROLL for (int s = 0; s < rows * vectors; s++) sum[s] = nni_v_relu_avx512(sum[s], sum[s]);
}

/* by_k: a(i,p) = a[p*a_stride + i], as in a packed or transposed A; otherwise a(i,p) = a[i*a_stride + p]. taps is NULL for
 * a plain product, of which nothing then is left of the loops over them. */
NNI_INLINE void nni_tile_avx512(const int rows, const int vectors, const int by_k, const nni_tiles_avx512 *run,
                             const nni_taps_avx512 *taps, const float *a, const float *b, float *c) {
    nni_vf_avx512 sum[28], bv[4];
    const nni_vm_avx512 mask = nni_vm_first_avx512(run->ragged);
    const size_t a_stride = run->a_stride, ldb = run->ldb, ldc = run->ldc, k = run->k, ahead = run->ahead;

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = nni_vf_set1_avx512(0.0f);
    if (run->beta != 0.0f) {
        const nni_vf_avx512 scale = nni_vf_set1_avx512(run->beta);
        NNI_UNROLL for (int i = 0; i < rows; i++)
            NNI_UNROLL for (int j = 0; j < vectors; j++) {
                const float *at = c + (size_t)i * ldc + j * VF_LANES;
                sum[i * vectors + j] = nni_vf_mul_avx512(scale, j == vectors - 1 ? nni_vf_load_m_avx512(at, mask) : nni_vf_load_avx512(at));
            }
    }

    if (by_k) {
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t p = 0; p < k; p++) {
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    bv[j] = nni_tile_load_b_avx512(b + j * VF_LANES, j == vectors - 1, mask);
                NNI_UNROLL for (int i = 0; i + 4 <= rows; i += 4) {
                    const nni_vq_avx512 av = nni_vq_load_avx512(a + i);
                    NNI_UNROLL for (int r = 0; r < 4; r++)
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[(i + r) * vectors + j] = nni_vf_fma_q_avx512(av, r, bv[j], sum[(i + r) * vectors + j]);
                }
                NNI_UNROLL for (int i = rows / 4 * 4; i < rows; i++) {
                    const nni_vf_avx512 av = nni_vf_set1_avx512(a[i]);
                    NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = nni_vf_fma_avx512(av, bv[j], sum[i * vectors + j]);
                }
                a += a_stride;
                b += ldb;
            }
            if (taps) a += taps->row_jump;
        }
    } else {
        /* One pointer for three rows: x86 reaches p, p + stride and p + 2*stride from it, and 14 pointers would spill. */
        const float *row[6];
        NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] = a + (size_t)i * a_stride;
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t count = taps ? taps->count : 1; count > 0; count--) {
                for (size_t p = 0; p < k; p++) {
                    NNI_UNROLL for (int j = 0; j < vectors; j++) {
                        if (!taps) __builtin_prefetch(b + ahead + j * VF_LANES);
                        bv[j] = nni_tile_load_b_avx512(b + j * VF_LANES, j == vectors - 1, mask);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i++) {
                        const nni_vf_avx512 av = nni_vf_set1_avx512(row[i / 3][(size_t)(i % 3) * a_stride]);
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[i * vectors + j] = nni_vf_fma_avx512(av, bv[j], sum[i * vectors + j]);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3]++;
                    b += ldb;
                }
                if (taps) NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->jump;
            }
            if (taps) {
                NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->row_jump;
                b += taps->b_jump;
            }
        }
    }
    if (taps && !by_k) nni_tile_finish_avx512(rows, vectors, taps, sum, mask);

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            float *at = c + (size_t)i * ldc + j * VF_LANES;
            if (j < vectors - 1) nni_vf_store_avx512(at, sum[i * vectors + j]);
            else if (VF_FREE_MASK || run->ragged < VF_LANES) nni_vf_store_m_avx512(at, sum[i * vectors + j], mask);
            else nni_vf_store_avx512(at, sum[i * vectors + j]);
        }
}

NNI_INLINE void nni_tile_run_avx512(const int rows, const int vectors, const int by_k, const nni_tiles_avx512 *run,
                                 const nni_taps_avx512 *taps, const float *a, const float *b, float *c) {
    for (size_t t = run->count; t > 0; t--) {
        if (run->prefetch_c && t > 1)
            NNI_UNROLL for (int i = 0; i < rows; i++)
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    __builtin_prefetch(c + run->c_next + (size_t)i * run->ldc + j * VF_LANES, 1);
        nni_tile_avx512(rows, vectors, by_k, run, taps, a, b, c);
        a += run->a_next;
        b += run->b_next;
        c += run->c_next;
    }
}

/* Every tile that fits, in both readings of A, for products and for convolutions. */
#define NNI_TILE_DEFINE(rows, vectors)                                                                     \
    static void nni_tile_by_row_##rows##x##vectors##_avx512(const nni_tiles_avx512 *run,                           \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_avx512(rows, vectors, 0, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void nni_tile_by_k_##rows##x##vectors##_avx512(const nni_tiles_avx512 *run,                             \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_avx512(rows, vectors, 1, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void nni_taps_by_row_##rows##x##vectors##_avx512(const nni_tiles_avx512 *run, const nni_taps_avx512 *taps, \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_avx512(rows, vectors, 0, run, taps, a, b, c);                                            \
    }                                                                                                      \
    static void nni_taps_by_k_##rows##x##vectors##_avx512(const nni_tiles_avx512 *run, const nni_taps_avx512 *taps,   \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_avx512(rows, vectors, 1, run, taps, a, b, c);                                            \
    }
NNI_TILES(NNI_TILE_DEFINE)
#undef NNI_TILE_DEFINE

static const int nni_tile_rows_avx512[4] = {NNI_TILE_ROWS};

/* The place of a tile in the tables, which list all of 1 vector, then all of 2, ... */
static size_t nni_tile_index_avx512(size_t rows, size_t vectors) {
    size_t at = rows - 1;
    for (size_t v = 1; v < vectors; v++) at += (size_t)nni_tile_rows_avx512[v - 1];
    return at;
}

static nni_tile_fn_avx512 nni_tile_find_avx512(int by_k, size_t rows, size_t vectors) {
#define NNI_TILE_BY_ROW(rows, vectors) nni_tile_by_row_##rows##x##vectors##_avx512,
#define NNI_TILE_BY_K(rows, vectors) nni_tile_by_k_##rows##x##vectors##_avx512,
    static const nni_tile_fn_avx512 by_row_table[] = {NNI_TILES(NNI_TILE_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TILE_BY_K)};
#undef NNI_TILE_BY_ROW
#undef NNI_TILE_BY_K
    return (by_k ? by_k_table : by_row_table)[nni_tile_index_avx512(rows, vectors)];
}

static nni_taps_fn_avx512 nni_taps_find_avx512(int by_k, size_t rows, size_t vectors) {
#define NNI_TAPS_BY_ROW(rows, vectors) nni_taps_by_row_##rows##x##vectors##_avx512,
#define NNI_TAPS_BY_K(rows, vectors) nni_taps_by_k_##rows##x##vectors##_avx512,
    static const nni_taps_fn_avx512 by_row_table[] = {NNI_TILES(NNI_TAPS_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TAPS_BY_K)};
#undef NNI_TAPS_BY_ROW
#undef NNI_TAPS_BY_K
    return (by_k ? by_k_table : by_row_table)[nni_tile_index_avx512(rows, vectors)];
}

/* ---- simd/kernels/gemm_pack.h ---- */
/* gemm_pack.h - copies of A and B in the order in which the tiles read them
 *
 *   A, rows x k -> by k:  dst[p*rows + i] = scale * a(i,p)
 *   B, k x cols -> rows of `width` floats:  dst[p*width + j] = b(p,j)
 */

/* Columns of a block: r[p] lane i = a[i*stride + p] for i < rows <= VF_LANES, p < cols <= VF_LANES. Lanes from `rows` on
 * repeat the last row, vectors from `cols` on are zero: nobody reads either. */
NNI_INLINE void nni_pack_block_avx512(nni_vf_avx512 *r, const float *a, size_t stride, size_t rows, size_t cols) {
    if (cols == VF_LANES) {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = nni_vf_load_avx512(a + nni_min(i, rows - 1) * stride);
    } else {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = nni_vf_load_n_avx512(a + nni_min(i, rows - 1) * stride, cols);
    }
    nni_vf_transpose_avx512(r);
}

/* Whole vectors are stored where `rows` is less than one: the floats too many are overwritten by the next p, and the
 * buffer has VF_LANES to spare behind the last panel. */
static void nni_pack_a_avx512(float *dst, const float *a, size_t a_row, size_t a_col, size_t rows, size_t k, float scale) {
    const nni_vf_avx512 s = nni_vf_set1_avx512(scale);
    for (size_t i = 0; i < rows; i += VF_LANES) {
        const size_t height = nni_min(rows - i, VF_LANES);
        const int spill = rows < VF_LANES;
        if (a_row == 1) {
            for (size_t p = 0; p < k; p++) {
                const nni_vf_avx512 v = nni_vf_mul_avx512(s, nni_vf_load_n_avx512(a + p * a_col + i, height));
                if (spill) nni_vf_store_avx512(dst + p * rows + i, v);
                else nni_vf_store_n_avx512(dst + p * rows + i, v, height);
            }
            continue;
        }
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            nni_vf_avx512 r[VF_LANES];
            nni_pack_block_avx512(r, a + i * a_row + p, a_row, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) {
                    const nni_vf_avx512 v = nni_vf_mul_avx512(s, r[q]);
                    if (spill) nni_vf_store_avx512(dst + (p + q) * rows + i, v);
                    else nni_vf_store_n_avx512(dst + (p + q) * rows + i, v, height);
                }
        }
    }
}

static void nni_pack_b_avx512(float *dst, const float *b, size_t b_row, size_t b_col, size_t k, size_t cols, size_t width) {
    if (b_col == 1) {
        for (size_t p = 0; p < k; p++) {
            size_t j = 0;
            for (; j + VF_LANES <= cols; j += VF_LANES) nni_vf_store_avx512(dst + p * width + j, nni_vf_load_avx512(b + p * b_row + j));
            if (j < cols) nni_vf_store_avx512(dst + p * width + j, nni_vf_load_n_avx512(b + p * b_row + j, cols - j));
        }
        return;
    }
    for (size_t j = 0; j < cols; j += VF_LANES) {
        const size_t height = nni_min(cols - j, VF_LANES);
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            nni_vf_avx512 r[VF_LANES];
            nni_pack_block_avx512(r, b + j * b_col + p, b_col, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) nni_vf_store_avx512(dst + (p + q) * width + j, r[q]);
        }
    }
}

/* ---- simd/kernels/gemm_dot.h ---- */
/* gemm_dot.h - few rows against a transposed B: every element of C a dot product in 16 lanes, nothing copied
 *
 * Both operands run along k, so sums are kept per lane, 16 of them on every ISA (NNI_WIDE vectors), and folded at the end:
 * VF_LANES columns of a row of C at once, which then are stored as a vector.
 */

/* products[i*VF_LANES + j]: the lane sums of row i of a with row j of b, folded down to VF_LANES lanes. Rows of b from
 * `valid` on do not exist; the last one is read in their place. */
NNI_INLINE void nni_dot_block_avx512(const int rows, const int cols, nni_vf_avx512 *products, const float *a, size_t a_row, const float *b,
                                  size_t b_col, size_t k, size_t valid) {
    nni_vf_avx512 sum[24];
    const float *row_b[8];
    NNI_UNROLL for (int s = 0; s < rows * cols * NNI_WIDE; s++) sum[s] = nni_vf_set1_avx512(0.0f);
    NNI_UNROLL for (int j = 0; j < cols; j++) row_b[j] = b + nni_min((size_t)j, valid - 1) * b_col;

    size_t p = 0;
    for (; p + 16 <= k; p += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            nni_vf_avx512 av[NNI_DOT_ROWS];
            NNI_UNROLL for (int i = 0; i < rows; i++) av[i] = nni_vf_load_avx512(a + (size_t)i * a_row + p + w * VF_LANES);
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const nni_vf_avx512 bv = nni_vf_load_avx512(row_b[j] + p + w * VF_LANES);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = nni_vf_fma_avx512(av[i], bv, sum[s]);
                }
            }
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t begin = p + (size_t)(w * VF_LANES);
        if (begin < k) {
            const nni_vm_avx512 left = nni_vm_first_avx512(nni_min(k - begin, VF_LANES));
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const nni_vf_avx512 bv = nni_vf_load_m_avx512(row_b[j] + begin, left);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = nni_vf_fma_avx512(nni_vf_load_m_avx512(a + (size_t)i * a_row + begin, left), bv, sum[s]);
                }
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < cols; j++) {
            nni_vf_avx512 *lanes = sum + (i * cols + j) * NNI_WIDE;
            NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
                NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = nni_vf_add_avx512(lanes[w], lanes[w + half]);
            products[i * VF_LANES + j] = lanes[0];
        }
}

/* `rows` rows of C, VF_LANES columns at a time. A single row takes twice the columns: four sums would wait for each other. */
NNI_INLINE void nni_dot_rows_avx512(const int rows, const nni_gemm *g, size_t i0) {
    const int cols = rows == 1 && 2 * NNI_DOT_COLS <= VF_LANES ? 2 * NNI_DOT_COLS : NNI_DOT_COLS;
    const float *a = g->a + i0 * g->a_row;
    const nni_vf_avx512 beta = nni_vf_set1_avx512(g->beta);
    for (size_t j0 = 0; j0 < g->n; j0 += VF_LANES) {
        nni_vf_avx512 products[NNI_DOT_ROWS * VF_LANES];
        for (int s = 0; s < VF_LANES; s += cols) {
            const size_t j = nni_min(j0 + (size_t)s, g->n - 1);
            nni_dot_block_avx512(rows, cols, products + s, a, g->a_row, g->b + j * g->b_col, g->b_col, g->k, g->n - j);
        }
        const size_t width = nni_min(g->n - j0, VF_LANES);
        for (int i = 0; i < rows; i++) {
            float *c = g->c + (i0 + (size_t)i) * g->ldc + j0;
            nni_vf_avx512 y = nni_vf_fold_each_avx512(products + i * VF_LANES);
            if (g->beta != 0.0f) y = nni_vf_add_avx512(nni_vf_mul_avx512(beta, nni_vf_load_n_avx512(c, width)), y);
            if (width == VF_LANES) nni_vf_store_avx512(c, y);
            else nni_vf_store_n_avx512(c, y, width);
        }
    }
}

static void nni_gemm_dot_avx512(const nni_gemm *g) {
    const size_t groups = nni_ceil_div(g->m, NNI_DOT_ROWS), least = g->m / groups, taller = g->m % groups;
    for (size_t t = 0, i = 0; t < groups; t++) {
        const size_t rows = least + (t < taller);
        switch (rows) { /* the sums live in registers only if their number is a constant */
        case 1: nni_dot_rows_avx512(1, g, i); break;
#define NNI_DOT_CASE(count) case count: nni_dot_rows_avx512(count <= NNI_DOT_ROWS ? count : 1, g, i); break;
        NNI_DOT_CASE(2) NNI_DOT_CASE(3) NNI_DOT_CASE(4) NNI_DOT_CASE(5) NNI_DOT_CASE(6)
#undef NNI_DOT_CASE
        }
        i += rows;
    }
}

/* ---- simd/kernels/gemm_row.h ---- */
/* gemm_row.h - one row against B as it lies, and outer products: the whole time goes into reading B, or writing C, once
 *
 * Eight rows of B are read side by side while y stays in L1: eight forward streams that the prefetcher follows, where
 * column blocks would jump a row ahead at every step. With k of 1 or 2 the rows of C are such streams.
 */

#define NNI_ROW_STREAMS 8

/* Whether the product takes this path; narrow ones stay in the registers of a tile. */
static int nni_gemm_is_row_avx512(const nni_gemm *g) {
    if (g->b_col != 1 || g->packed_b || g->alpha != 1.0f) return 0;
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0;
    return (g->m == 1 && (g->n > 4 * VF_LANES || ragged)) || (g->k <= 2 && g->n >= 512);
}

/* y[j] = beta*y[j] + x[0]*b[0][j] + ... + x[rows-1]*b[rows-1][j], in that order */
NNI_INLINE void nni_gemm_row_step_avx512(const int rows, float *y, const float *x, size_t x_stride, const float *b, size_t ldb,
                                      size_t n, float beta) {
    nni_vf_avx512 xv[NNI_ROW_STREAMS];
    NNI_UNROLL for (int r = 0; r < rows; r++) xv[r] = nni_vf_set1_avx512(x[(size_t)r * x_stride]);
    const nni_vf_avx512 scale = nni_vf_set1_avx512(beta);
    size_t j = 0;
    for (; j + VF_LANES <= n; j += VF_LANES) {
        nni_vf_avx512 sum = beta == 0.0f ? nni_vf_set1_avx512(0.0f) : nni_vf_mul_avx512(scale, nni_vf_load_avx512(y + j));
        NNI_UNROLL for (int r = 0; r < rows; r++) sum = nni_vf_fma_avx512(xv[r], nni_vf_load_avx512(b + (size_t)r * ldb + j), sum);
        nni_vf_store_avx512(y + j, sum);
    }
    if (j < n) {
        nni_vf_avx512 sum = beta == 0.0f ? nni_vf_set1_avx512(0.0f) : nni_vf_mul_avx512(scale, nni_vf_load_n_avx512(y + j, n - j));
        for (size_t r = 0; r < (size_t)rows; r++) sum = nni_vf_fma_avx512(nni_vf_set1_avx512(x[r * x_stride]), nni_vf_load_n_avx512(b + r * ldb + j, n - j), sum);
        nni_vf_store_n_avx512(y + j, sum, n - j);
    }
}

static void nni_gemm_row_avx512(const nni_gemm *g, float *c, const float *a) {
    float beta = g->beta;
    size_t p = 0;
    for (; p + NNI_ROW_STREAMS <= g->k; p += NNI_ROW_STREAMS, beta = 1.0f)
        nni_gemm_row_step_avx512(NNI_ROW_STREAMS, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
    for (; p < g->k; p++, beta = 1.0f)
        nni_gemm_row_step_avx512(1, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
}

/* One row against `panels` packed panels side by side, each a stream and a set of sums of its own. */
NNI_INLINE void nni_gemm_packed_step_avx512(const int panels, const nni_gemm *g, size_t j) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    nni_vf_avx512 sum[4 * NNI_LARGE_VECTORS];
    float *c = g->c + j;
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES, left = j + at < g->n ? nni_min(g->n - j - at, VF_LANES) : 0;
        sum[s] = g->beta == 0.0f || !left ? nni_vf_set1_avx512(0.0f) : nni_vf_mul_avx512(nni_vf_set1_avx512(g->beta), nni_vf_load_n_avx512(c + at, left));
    }
    const float *b = g->packed_b + j * g->k;
    for (size_t p = 0; p < g->k; p++) {
        const nni_vf_avx512 x = nni_vf_set1_avx512(g->a[p * g->a_col]);
        NNI_UNROLL for (int q = 0; q < panels; q++)
            NNI_UNROLL for (int v = 0; v < NNI_LARGE_VECTORS; v++) {
                const int s = q * NNI_LARGE_VECTORS + v;
                sum[s] = nni_vf_fma_avx512(x, nni_vf_load_avx512(b + (size_t)q * width * g->k + p * width + v * VF_LANES), sum[s]);
            }
    }
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES;
        if (j + at < g->n) nni_vf_store_n_avx512(c + at, sum[s], nni_min(g->n - j - at, VF_LANES));
    }
}

static void nni_gemm_packed_row_avx512(const nni_gemm *g) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    size_t j = 0;
    for (; j + 3 * width < g->n; j += 4 * width) nni_gemm_packed_step_avx512(4, g, j);
    for (; j < g->n; j += width) nni_gemm_packed_step_avx512(1, g, j);
}

static void nni_gemm_rows_avx512(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) nni_gemm_row_avx512(g, g->c + i * g->ldc, g->a + i * g->a_row);
}

/* ---- simd/kernels/gemm_turned.h ---- */
/* gemm_turned.h - C = A*B computed as C' = B'*A': lanes along the rows of C instead of its columns
 *
 * For a transposed B: its rows are the turned product's left rows and are read as they lie, and A, a batch that is small
 * beside the weights, is packed instead of them. For few columns and a transposed A: its rows fill the lanes, and nothing is
 * packed. Tiles come out turned, stay in L1 while k runs, and are turned back on the way into C. Pays where m fills whole
 * vectors; each element is the same chain as ever.
 */

static int nni_gemm_is_turned_avx512(const nni_gemm *g) {
    if (VF_LANES == 1 || g->alpha != 1.0f || g->packed_b || g->m % VF_LANES) return 0;
    if (g->a_row == 1) return g->b_col == 1 && g->n % 16 && g->n < 14 && g->k >= 32;
    return g->b_row == 1 && g->b_col != 1 && g->a_col == 1 && g->m <= 256 && (g->k >= 192 || g->m * 3 <= g->k);
}

/* tile[r][i] = c[i][r], or back; tile has `cols` (whole vectors) floats a row. */
static void nni_turn_in_avx512(float *tile, const float *c, size_t ldc, size_t rows, size_t cols) {
    for (size_t i = 0; i < cols; i++)
        for (size_t r = 0; r < rows; r++) tile[r * cols + i] = c[i * ldc + r];
}

static void nni_turn_out_avx512(float *c, size_t ldc, const float *tile, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r += VF_LANES) {
        const size_t height = nni_min(rows - r, VF_LANES);
        for (size_t i = 0; i < cols; i += VF_LANES) {
            nni_vf_avx512 block[VF_LANES];
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) block[q] = nni_vf_load_avx512(tile + (r + q) * cols + i);
            nni_vf_transpose_avx512(block);
            if (height == VF_LANES) {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) nni_vf_store_avx512(c + (i + q) * ldc + r, block[q]);
            } else {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) nni_vf_store_n_avx512(c + (i + q) * ldc + r, block[q], height);
            }
        }
    }
}

static void nni_gemm_turned_avx512(const nni_gemm *g, size_t vectors, float *work) {
    const size_t panel = vectors * VF_LANES, most = (size_t)nni_tile_rows_avx512[vectors - 1];
    const int pack = g->a_row != 1, by_k = g->b_col == 1;
    NNI_ALIGNED(64) float tile[32 * 4 * VF_LANES]; /* the rows of the tallest tile, and whole vectors to read behind them */
    for (size_t i = 0; pack && i < g->m; i += panel) {
        const size_t cols = nni_min(panel, g->m - i);
        nni_pack_b_avx512(work + i * g->k, g->a + i * g->a_row, 1, g->a_row, g->k, cols, cols);
    }
    nni_tiles_avx512 run = {0, 1, by_k ? g->b_row : g->b_col, 0, 0, 0, 0, 0, VF_LANES, 0, 0, 0.0f};
    const size_t tiles = nni_ceil_div(g->n, most), least = g->n / tiles, taller = g->n % tiles;
    for (size_t t = 0, j = 0; t < tiles; t++) {
        const size_t rows = least + (t < taller);
        for (size_t i = 0; i < g->m; i += panel) {
            const size_t cols = nni_min(panel, g->m - i);
            const nni_tile_fn_avx512 compute = nni_tile_find_avx512(by_k, rows, cols / VF_LANES);
            float *c = g->c + i * g->ldc + j;
            run.ldb = pack ? cols : g->a_col;
            run.ldc = cols;
            if (g->beta != 0.0f) nni_turn_in_avx512(tile, c, g->ldc, rows, cols);
            for (size_t p = 0; p < g->k; p += NNI_KC) {
                run.k = nni_min(NNI_KC, g->k - p);
                run.beta = p == 0 ? g->beta : 1.0f;
                compute(&run, g->b + j * g->b_col + p * g->b_row, (pack ? work + i * g->k : g->a + i) + p * run.ldb, tile);
            }
            nni_turn_out_avx512(c, g->ldc, tile, rows, cols);
        }
        j += rows;
    }
}

/* ---- simd/kernels/gemm.h ---- */
/* gemm.h - C = alpha*A*B + beta*C: which path a shape takes, and the loops of the blocked one
 *
 * Names as in the literature: m, n, k the sizes; jc pc ic jr ir the loops from the outside in; NC KC MC their blocks.
 */

/* How the blocked path treats one product: decided by shape, felt in speed only, never in bits. */
typedef struct nni_gemm_plan_avx512 {
    size_t kc, mc, nc;
    size_t vectors; /* width of a tile */
    int turned;     /* as C' = B'*A' */
    int pack_a, pack_b;
    int edge;         /* pack the last columns of B, which fill no vector and cannot be loaded without a mask */
    int await_c;      /* prefetch the next tile of C */
    size_t ahead;     /* how far to prefetch along the rows of B, or 0 */
    int rows_outside; /* walk along the rows of C: where C is what costs, and B stays in cache */
} nni_gemm_plan_avx512;

/* Half-cycles that one step of k takes in a tile: two fmas or two loads a cycle, and eight sums hide the latency. */
static size_t nni_tile_cost_avx512(size_t rows, size_t vectors) {
    return nni_max(nni_max(rows * vectors, rows + 2 * vectors), 8);
}

/* The width of tile that takes least time. Where k is short the tile is soon done, and storing C in long runs counts. */
static size_t nni_plan_vectors_avx512(size_t m, size_t n, size_t k) {
    const size_t across = nni_ceil_div(n, VF_LANES);
    if (k <= NNI_SHALLOW) return nni_min(across, NNI_LARGE_VECTORS);
    size_t best = 1, least = SIZE_MAX;
    for (size_t v = 1; v <= 4; v++) {
        const size_t tiles = nni_ceil_div(m, (size_t)nni_tile_rows_avx512[v - 1]);
        const size_t rows = nni_ceil_div(m, tiles);
        const size_t rest = across % v;
        const size_t cost = tiles * (across / v * nni_tile_cost_avx512(rows, v) + (rest ? nni_tile_cost_avx512(rows, rest) : 0));
        if (cost < least) {
            least = cost;
            best = v;
        }
    }
    return best;
}

static nni_gemm_plan_avx512 nni_plan_avx512(const nni_gemm *g) {
    nni_gemm_plan_avx512 plan;
    /* From some size on the copies pay: they cost 1/n and 1/m of the product, rows far apart more. */
    const int large = g->m > 512 && g->n >= 128 && g->k >= 128 && (g->a_col == 1 || g->k > NNI_KC);
    const int deep = g->a_row == 1 && g->k > 192; /* both operands are read down long columns */
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0, narrow = g->n < 4 * VF_LANES && g->m >= 8;
    plan.turned = nni_gemm_is_turned_avx512(g);
    plan.pack_b = !g->packed_b && (g->b_col != 1 || large || deep || (ragged && narrow));
    plan.edge = ragged && !plan.pack_b && !g->packed_b;
    plan.pack_a = g->alpha != 1.0f || (g->a_row != 1 && g->a_col != 1) || large;
    plan.kc = large ? NNI_KC_LARGE : NNI_KC;
    plan.mc = plan.pack_a ? NNI_MC / 2 : !plan.pack_b && g->b_row >= NNI_PAGE ? NNI_MC_PAGES : NNI_MC;
    plan.nc = NNI_NC;
    plan.await_c = large && g->m * g->n >= NNI_WIDE_C;
    plan.rows_outside = g->k <= NNI_SHALLOW && g->m * g->n >= NNI_WIDE_C;
    if (g->packed_b) plan.vectors = NNI_LARGE_VECTORS;
    else if (plan.turned) plan.vectors = nni_plan_vectors_avx512(g->n, g->m, g->k);
    else if (large) plan.vectors = NNI_LARGE_VECTORS;
    else plan.vectors = nni_plan_vectors_avx512(nni_min(g->m, NNI_MC), nni_min(g->n, NNI_NC), g->k);
    plan.ahead = 0;
    if (g->k * g->n >= NNI_FAR && g->packed_b) plan.ahead = plan.vectors * VF_LANES * g->k;
    else if (g->k * g->n >= NNI_FAR && g->b_col == 1 && !plan.pack_b) plan.ahead = plan.vectors * VF_LANES;
    return plan;
}

/* The rows of a block as they are dealt out to tiles: evenly, so that no tile is left with one row. The first `taller`
 * tiles have rows + 1. */
typedef struct nni_gemm_deal_avx512 {
    size_t tiles, rows, taller;
} nni_gemm_deal_avx512;

static nni_gemm_deal_avx512 nni_deal_avx512(size_t height, size_t vectors) {
    nni_gemm_deal_avx512 d;
    d.tiles = nni_ceil_div(height, (size_t)nni_tile_rows_avx512[vectors - 1]);
    d.rows = height / d.tiles;
    d.taller = height % d.tiles;
    return d;
}

/* Packs a block of A in panels as high as the tiles that will read them. */
static void nni_pack_a_panels_avx512(float *dst, const nni_gemm *g, const nni_gemm_plan_avx512 *plan, const float *a, size_t height,
                                  size_t k) {
    const nni_gemm_deal_avx512 d = nni_deal_avx512(height, plan->vectors);
    for (size_t t = 0, i = 0; t < d.tiles; t++) {
        const size_t rows = d.rows + (t < d.taller);
        nni_pack_a_avx512(dst + i * k, a + i * g->a_row, g->a_row, g->a_col, rows, k, g->alpha);
        i += rows;
    }
}

/* Where a block of A or B is: packed, or part of the matrix. */
typedef struct nni_gemm_where_avx512 {
    const float *a, *b;
    const float *edge; /* the columns that fill no vector, VF_LANES wide, or NULL */
    size_t ldb;         /* 0: rows are as wide as their panel */
    size_t panel;       /* from one panel of B to the next */
} nni_gemm_where_avx512;

/* Columns of a block of C from panel s on: `panels` whole ones, or the last one with `width` columns. Tiles of one height
 * are one run down a panel or, where writing C is what costs, one run along the rows. */
static void nni_gemm_panels_avx512(const nni_gemm *g, const nni_gemm_plan_avx512 *plan, const nni_gemm_where_avx512 *where, float *c,
                                nni_gemm_deal_avx512 d, size_t s, size_t panels, size_t width, size_t k, float beta) {
    const size_t vectors = nni_ceil_div(width, VF_LANES), panel = plan->vectors * VF_LANES;
    const size_t a_step = plan->pack_a ? k : g->a_row;
    const int by_k = plan->pack_a || g->a_row == 1, along = panels > 1;
    nni_tiles_avx512 run;
    run.k = k;
    run.beta = beta;
    run.ldc = g->ldc;
    run.ldb = where->ldb ? where->ldb : vectors * VF_LANES;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.ahead = plan->ahead;
    run.prefetch_c = plan->await_c;
    run.b_next = along ? where->panel : 0;
    for (size_t t = 0; t < d.tiles;) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        const size_t alike = along ? 1 : t < d.taller ? d.taller : d.tiles - t;
        run.count = along ? panels : alike;
        run.a_stride = plan->pack_a ? rows : by_k ? g->a_col : g->a_row;
        run.a_next = along ? 0 : rows * a_step;
        run.c_next = along ? panel : rows * g->ldc;
        nni_tile_find_avx512(by_k, rows, vectors)
        (&run, where->a + i * a_step, where->b + s * where->panel, c + i * g->ldc + s * panel);
        t += alike;
    }
}

/* A block of C, height x width. */
static void nni_gemm_block_avx512(const nni_gemm *g, const nni_gemm_plan_avx512 *plan, const nni_gemm_where_avx512 *where, float *c,
                               size_t height, size_t width, size_t k, float beta) {
    const nni_gemm_deal_avx512 d = nni_deal_avx512(height, plan->vectors);
    const size_t panel = plan->vectors * VF_LANES, whole = width / panel, step = plan->rows_outside ? nni_max(whole, 1) : 1;
    for (size_t s = 0; s < whole; s += step) nni_gemm_panels_avx512(g, plan, where, c, d, s, step, panel, k, beta);
    const size_t rest = width % panel, ragged = where->edge ? rest % VF_LANES : 0;
    if (rest > ragged) nni_gemm_panels_avx512(g, plan, where, c, d, whole, 1, rest - ragged, k, beta);
    if (ragged) {
        const nni_gemm_where_avx512 edge = {where->a, where->edge, NULL, VF_LANES, 0};
        nni_gemm_panels_avx512(g, plan, &edge, c + width - ragged, d, 0, 1, ragged, k, beta);
    }
}

/* Floats that the packed part of B takes. */
static size_t nni_plan_floats_b_avx512(const nni_gemm *g, const nni_gemm_plan_avx512 *plan) {
    const size_t columns = plan->pack_b ? nni_round_up(nni_min(plan->nc, g->n), VF_LANES) : plan->edge ? VF_LANES : 0;
    return nni_min(plan->kc, g->k) * columns;
}

static void nni_gemm_blocked_avx512(const nni_gemm *g, const nni_gemm_plan_avx512 *plan, float *work) {
    const size_t panel = plan->vectors * VF_LANES;
    float *const packed_b = work;
    float *const packed_a = plan->pack_a ? work + nni_plan_floats_b_avx512(g, plan) : NULL;

    for (size_t jc = 0; jc < g->n; jc += plan->nc) {
        const size_t nc = nni_min(plan->nc, g->n - jc);
        for (size_t pc = 0; pc < g->k; pc += plan->kc) {
            const size_t kc = nni_min(plan->kc, g->k - pc);
            const float beta = pc == 0 ? g->beta : 1.0f;
            if (plan->pack_b)
                for (size_t jr = 0; jr < nc; jr += panel) {
                    const size_t cols = nni_min(panel, nc - jr);
                    nni_pack_b_avx512(packed_b + jr * kc, g->b + pc * g->b_row + (jc + jr) * g->b_col, g->b_row, g->b_col, kc, cols,
                                   nni_round_up(cols, VF_LANES));
                }
            nni_gemm_where_avx512 where = {NULL, g->b + pc * g->b_row + jc, NULL, g->b_row, panel};
            if (plan->pack_b) {
                where.b = packed_b;
                where.ldb = 0;
                where.panel = panel * kc;
            } else if (plan->edge && jc + nc == g->n) {
                const size_t ragged = nc % VF_LANES;
                nni_pack_b_avx512(packed_b, where.b + nc - ragged, g->b_row, 1, kc, ragged, VF_LANES);
                where.edge = packed_b;
            } else if (g->packed_b) {
                where.b = g->packed_b + jc * g->k + pc * panel;
                where.ldb = panel;
                where.panel = panel * g->k;
            }
            for (size_t ic = 0; ic < g->m; ic += plan->mc) {
                const size_t mc = nni_min(plan->mc, g->m - ic);
                where.a = g->a + ic * g->a_row + pc * g->a_col;
                if (plan->pack_a) {
                    nni_pack_a_panels_avx512(packed_a, g, plan, where.a, mc, kc);
                    where.a = packed_a;
                }
                nni_gemm_block_avx512(g, plan, &where, g->c + ic * g->ldc + jc, mc, nc, kc, beta);
            }
        }
    }
}

/* Floats of workspace that the plan needs. */
static size_t nni_plan_workspace_avx512(const nni_gemm *g, const nni_gemm_plan_avx512 *plan) {
    if (plan->turned) return g->a_row == 1 ? 0 : g->k * g->m;
    const size_t a = plan->pack_a ? nni_min(plan->kc, g->k) * nni_min(plan->mc, g->m) + VF_LANES : 0;
    return nni_plan_floats_b_avx512(g, plan) + a;
}

/* C = beta*C, all that is left when nothing is to be added; beta = 0 does not read C. */
static void nni_gemm_scale_avx512(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) nni_scale_avx512(g->c + i * g->ldc, g->c + i * g->ldc, g->n, g->beta);
}

/* Bias and activation for one finished row of C. */
static void nni_gemm_epilogue_avx512(const nni_gemm *g, float *c) {
    if (g->bias && g->bias_step) nni_add_avx512(c, c, g->bias, g->n);
    else if (g->bias) nni_map1_avx512(nni_v_shift_avx512, c, c, g->n, g->bias[0]);
    if (g->activation != NN_IDENTITY) nni_activate_avx512(c, c, g->n, g->activation, g->slope);
}

/* Computes a product of one tile, or a column of few, as it lies in memory, without a plan or packing, and returns 1; or
 * returns 0. */
static int nni_gemm_small_avx512(const nni_gemm *g) {
    if (g->n > 4 * VF_LANES || g->b_col != 1 || g->alpha != 1.0f || g->packed_b) return 0;
    if (!VF_FREE_MASK && g->n % VF_LANES) return 0;
    const size_t vectors = (g->n - 1) / VF_LANES + 1, most = (size_t)nni_tile_rows_avx512[vectors - 1];
    const int by_k = g->a_row == 1;
    if (g->m > (vectors <= 2 ? 4 * most : most) || (!by_k && g->a_col != 1)) return 0;
    nni_tiles_avx512 run = {g->k, 1, by_k ? g->a_col : g->a_row, g->b_row, g->ldc, 0, 0, 0, g->n - (vectors - 1) * VF_LANES, 0, 0, g->beta};
    if (g->m <= most) {
        nni_tile_find_avx512(by_k, g->m, vectors)(&run, g->a, g->b, g->c);
        return 1;
    }
    const nni_gemm_deal_avx512 d = nni_deal_avx512(g->m, vectors);
    for (size_t t = 0, i = 0, rows; t < d.tiles; t += run.count, i += run.count * rows) {
        rows = d.rows + (t < d.taller);
        run.count = t < d.taller ? d.taller : d.tiles - t;
        run.a_next = rows * g->a_row;
        run.c_next = rows * g->ldc;
        nni_tile_find_avx512(by_k, rows, vectors)(&run, g->a + i * g->a_row, g->b, g->c + i * g->ldc);
    }
    return 1;
}

/* Computes the product and returns 0; or, if it takes more than the `floats` of workspace given, how many it takes. */
static size_t nni_gemm_avx512(const nni_gemm *g, float *work, size_t floats) {
    if (g->k == 0 || g->alpha == 0.0f) nni_gemm_scale_avx512(g);
    else if (g->dot) nni_gemm_dot_avx512(g);
    else if (nni_gemm_small_avx512(g)) {} /* done */
    else if (nni_gemm_is_row_avx512(g)) nni_gemm_rows_avx512(g);
    else if (g->packed_b && g->m == 1 && g->alpha == 1.0f) nni_gemm_packed_row_avx512(g);
    else {
        const nni_gemm_plan_avx512 plan = nni_plan_avx512(g);
        const size_t needed = nni_plan_workspace_avx512(g, &plan);
        if (needed > floats) return needed;
        if (plan.turned) nni_gemm_turned_avx512(g, plan.vectors, work);
        else nni_gemm_blocked_avx512(g, &plan, work);
    }
    if (g->bias || g->activation != NN_IDENTITY)
        for (size_t i = 0; i < g->m; i++) nni_gemm_epilogue_avx512(g, g->c + i * g->ldc);
    return 0;
}

/* Floats of workspace with which gemm() is sure to succeed. */
static size_t nni_gemm_workspace_avx512(const nni_gemm *g) {
    if (g->dot) return 0;
    const nni_gemm_plan_avx512 plan = nni_plan_avx512(g);
    return nni_plan_workspace_avx512(g, &plan);
}

/* All of op(B), k x n, in panels of NNI_LARGE_VECTORS vectors, the last one filled up with zeros. */
static void nni_gemm_pack_avx512(float *dst, const float *b, size_t b_row, size_t b_col, size_t n, size_t k) {
    const size_t panel = NNI_LARGE_VECTORS * VF_LANES;
    if (k == 0) return;
    if (n % panel) memset(dst + n / panel * panel * k, 0, panel * k * sizeof *dst);
    for (size_t j = 0; j < n; j += panel) {
        const size_t cols = nni_min(panel, n - j);
        nni_pack_b_avx512(dst + j * k, b + j * b_col, b_row, b_col, k, cols, panel);
    }
}

/* ---- simd/kernels/conv_block.h ---- */
/* conv_block.h - the parts of a convolution: a unit, computed at a time, and its blocks, in which all outputs have the same taps */

/* Some images, or positions [from, to) of y of one of them. */
typedef struct nni_conv_unit_avx512 {
    size_t image, images;
    size_t from, to;
} nni_conv_unit_avx512;

static nni_conv_unit_avx512 nni_conv_unit_of_avx512(const nni_conv *job, size_t u) {
    nni_conv_unit_avx512 unit;
    unit.image = u / job->bands * job->together;
    unit.images = nni_min(job->together, job->images - unit.image);
    unit.from = u % job->bands * job->band;
    unit.to = nni_min(unit.from + job->band, job->y.positions);
    return unit;
}

/* One axis of a block: how many outputs, and what is between two of them in the source and in the target. */
typedef struct nni_conv_steps_avx512 {
    size_t count, source, target;
} nni_conv_steps_avx512;

/* Outputs of a unit that have the same taps. axis[0] becomes the rows of A. */
typedef struct nni_conv_block_avx512 {
    nni_conv_steps_avx512 axis[3];
    const float *source; /* what the first tap reads for the first output */
    float *target;
} nni_conv_block_avx512;

static void nni_conv_exchange_avx512(nni_conv_block_avx512 *block, size_t i) {
    const nni_conv_steps_avx512 first = block->axis[0];
    block->axis[0] = block->axis[i];
    block->axis[i] = first;
}

/* Puts the axis first along which tiles are fullest; along a row of outputs if others are not much better. */
static void nni_conv_choose_avx512(nni_conv_block_avx512 *block, size_t vectors) {
    size_t best = 0, best_cost = 0;
    for (size_t i = 0; i < 3; i++) {
        const size_t count = block->axis[i].count, tiles = nni_ceil_div(count, (size_t)nni_tile_rows_avx512[vectors - 1]);
        const size_t cost = tiles * nni_tile_cost_avx512(nni_ceil_div(count, tiles), vectors);
        if (i && 10 * cost * block->axis[best].count >= 9 * best_cost * count) continue;
        best = i;
        best_cost = cost;
    }
    nni_conv_exchange_avx512(block, best);
}

/* The block of a unit where the runs y and x meet. */
static nni_conv_block_avx512 nni_conv_block_of_avx512(const nni_conv *job, const nni_conv_unit_avx512 *unit, const nni_conv_phase *py,
                                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const size_t row = job->x.source * channels, image = job->y.source * row;
    const size_t target_row = job->x.target * filters, target_image = job->y.target * target_row;
    const size_t target_y = (size_t)(py->target + (ptrdiff_t)(y->from * py->target_step));
    const size_t target_x = (size_t)(px->target + (ptrdiff_t)(x->from * px->target_step));
    const nni_conv_block_avx512 block = {{{x->to - x->from, job->x.step * channels, px->target_step * filters},
                                       {y->to - y->from, job->y.step * row, py->target_step * target_row},
                                       {unit->images, image, target_image}},
                                      job->source + unit->image * image + y->source * row + x->source * channels,
                                      job->target + unit->image * target_image + target_y * target_row + target_x * filters};
    return block;
}

/* ---- simd/kernels/conv_depth.h ---- */
/* conv_depth.h - convolutions of every channel by itself: lanes are channels, and some outputs are computed side by side */

/* A block, and the steps between its taps in floats. */
typedef struct nni_depth_avx512 {
    size_t tap_rows, taps, channels;
    size_t x_output, y_output; /* from one output to the next */
    size_t x_tap, x_row;       /* from one tap to the next, from one row of taps to the next */
    ptrdiff_t w_tap, w_row;
    const float *bias;
    int relu;
} nni_depth_avx512;

/* `outputs` of a row, VF_LANES channels, or those of the mask if not `whole`. */
NNI_INLINE void nni_depth_tile_avx512(const int outputs, const int whole, const nni_depth_avx512 *d, float *y, const float *x,
                                   const float *w, size_t channel, nni_vm_avx512 mask) {
    nni_vf_avx512 sum[8];
    NNI_UNROLL for (int i = 0; i < outputs; i++) sum[i] = nni_vf_set1_avx512(0.0f);
    x += channel;
    w += channel;
    for (size_t r = d->tap_rows; r > 0; r--, x += d->x_row, w += d->w_row) {
        const float *xt = x, *wt = w;
        for (size_t t = d->taps; t > 0; t--, xt += d->x_tap, wt += d->w_tap) {
            const nni_vf_avx512 tap = whole ? nni_vf_load_avx512(wt) : nni_vf_load_m_avx512(wt, mask);
            NNI_UNROLL for (int i = 0; i < outputs; i++) {
                const float *at = xt + (size_t)i * d->x_output;
                sum[i] = nni_vf_fma_avx512(whole ? nni_vf_load_avx512(at) : nni_vf_load_m_avx512(at, mask), tap, sum[i]);
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < outputs; i++) {
        float *at = y + (size_t)i * d->y_output + channel;
        if (d->bias) sum[i] = nni_vf_add_avx512(sum[i], whole ? nni_vf_load_avx512(d->bias + channel) : nni_vf_load_m_avx512(d->bias + channel, mask));
        if (d->relu) sum[i] = nni_v_relu_avx512(sum[i], sum[i]);
        if (whole) nni_vf_store_avx512(at, sum[i]);
        else nni_vf_store_m_avx512(at, sum[i], mask);
    }
}

/* All channels of `outputs` outputs. */
NNI_INLINE void nni_depth_outputs_avx512(const int outputs, const nni_depth_avx512 *d, float *y, const float *x, const float *w) {
    const nni_vm_avx512 mask = nni_vm_first_avx512(d->channels % VF_LANES);
    size_t c = 0;
    for (; c + VF_LANES <= d->channels; c += VF_LANES) nni_depth_tile_avx512(outputs, 1, d, y, x, w, c, mask);
    if (c < d->channels) nni_depth_tile_avx512(outputs, 0, d, y, x, w, c, mask);
}

/* `count` outputs, eight at a time, and the rest at once. */
static void nni_depth_line_avx512(const nni_depth_avx512 *d, float *y, const float *x, const float *w, size_t count) {
    for (; count >= 8; count -= 8, x += 8 * d->x_output, y += 8 * d->y_output) nni_depth_outputs_avx512(8, d, y, x, w);
    switch (count) {
    case 7: nni_depth_outputs_avx512(7, d, y, x, w); break;
    case 6: nni_depth_outputs_avx512(6, d, y, x, w); break;
    case 5: nni_depth_outputs_avx512(5, d, y, x, w); break;
    case 4: nni_depth_outputs_avx512(4, d, y, x, w); break;
    case 3: nni_depth_outputs_avx512(3, d, y, x, w); break;
    case 2: nni_depth_outputs_avx512(2, d, y, x, w); break;
    case 1: nni_depth_outputs_avx512(1, d, y, x, w); break;
    default: break;
    }
}

/* The block where the runs y and x meet. */
static void nni_depth_block_avx512(const nni_conv *job, const nni_conv_unit_avx512 *unit, const nni_conv_phase *py,
                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    nni_conv_block_avx512 block = nni_conv_block_of_avx512(job, unit, py, px, y, x);
    if (block.axis[0].count < 4 && block.axis[1].count > block.axis[0].count) nni_conv_exchange_avx512(&block, 1);
    const nni_conv_steps_avx512 *axis = block.axis;
    const ptrdiff_t w_row = (ptrdiff_t)(job->x.kernel * job->w_tap);
    const float *w = job->weights;
    nni_depth_avx512 d;
    d.tap_rows = x->taps ? y->taps : 0;
    d.taps = x->taps;
    d.channels = job->groups;
    d.x_output = axis[0].source;
    d.y_output = axis[0].target;
    d.x_tap = px->tap_step * job->groups;
    d.x_row = py->tap_step * job->x.source * job->groups;
    d.w_tap = px->kernel_step * (ptrdiff_t)job->w_tap;
    d.w_row = py->kernel_step * w_row;
    d.bias = job->bias;
    d.relu = job->activation == NN_RELU;
    if (d.tap_rows)
        w += ((ptrdiff_t)py->kernel + (ptrdiff_t)y->tap * py->kernel_step) * w_row +
             ((ptrdiff_t)px->kernel + (ptrdiff_t)x->tap * px->kernel_step) * (ptrdiff_t)job->w_tap;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            nni_depth_line_avx512(&d, block.target + n * axis[2].target + i * axis[1].target,
                               block.source + n * axis[2].source + i * axis[1].source, w, axis[0].count);
}

/* What one set of taps computes of a unit. */
static void nni_conv_depth_avx512(const nni_conv *job, const nni_conv_unit_avx512 *unit, const nni_conv_phase *py, const nni_conv_phase *px) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            nni_depth_block_avx512(job, unit, py, px, &y, &x);
        }
    }
}

/* ---- simd/kernels/conv.h ---- */
/* conv.h - convolutions, and their gradients by the input, as products whose A is the image itself
 *
 * The taps of a row of the kernel read one stretch of a row of pixels, and the next output's taps the same one a step on: so
 * a row of outputs is a product whose rows of A overlap, and nothing is gathered. The tile's k runs over the stretches, the
 * weights, taps x in x out, run on.
 *
 *     pixels       [ p0 . ][ p1 . ][ p2 . ][ p3 . ]           A, row 0    p0 p1 p2        row 1   p1 p2 p3
 *
 * An element is one chain of fused multiply-adds over taps and channels, in the order of memory, from 0. Taps outside the
 * image are left out: an image is cut into blocks whose outputs have the same taps inside, the middle, four edges and four
 * corners where the padding is 1. In a block any of three axes may be the rows of A: a row of outputs, a column of them, or the same
 * output of several images.
 */

#define NNI_CONV_FEW 64 /* outputs of a filter for which packing its weights does not pay */

/* The width of the panels: as wide as tiles get, so that the image is read seldom, and all alike. */
static size_t nni_conv_vectors_avx512(const nni_conv *job) {
    const size_t across = nni_ceil_div(job->out, VF_LANES);
    return nni_ceil_div(across, nni_ceil_div(across, NNI_LARGE_VECTORS));
}

/* Weights are used as they lie only where there are few outputs to each: otherwise it pays to have them in the order in which
 * the tiles read them, aligned. Backward they lie the wrong way round; and ragged rows cannot be read without a mask. */
static int nni_conv_packs_avx512(const nni_conv *job) {
    const int as_they_are = !job->y.backward && (VF_FREE_MASK || job->out % VF_LANES == 0);
    return !job->depthwise && !(as_they_are && job->images * job->y.positions * job->x.positions < NNI_CONV_FEW);
}

/* Floats that the packed weights take, 0 if they are used as they are. */
static size_t nni_conv_packed_avx512(const nni_conv *job) {
    const size_t taps = job->y.kernel * job->x.kernel;
    return nni_conv_packs_avx512(job) ? taps * job->in * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* The weights of one group for one set of taps, panel after panel, each in x width for every tap. */
static float *nni_conv_pack_phase_avx512(float *dst, const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                      const float *group) {
    const size_t panel = nni_conv_vectors_avx512(job) * VF_LANES;
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t cols = nni_min(panel, job->out - j), width = nni_round_up(cols, VF_LANES);
        for (size_t ty = 0; ty < py->taps; ty++)
            for (size_t tx = 0; tx < px->taps; tx++) {
                const size_t ky = py->kernel + ty * (size_t)py->kernel_step, kx = px->kernel + tx * (size_t)px->kernel_step;
                const float *w = group + (ky * job->x.kernel + kx) * job->w_tap + j * job->w_col;
                nni_pack_b_avx512(dst, w, job->w_row, job->w_col, job->in, cols, width);
                dst += job->in * width;
            }
    }
    return dst;
}

static void nni_conv_pack_avx512(float *dst, const nni_conv *job) {
    for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
        for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
            const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
            for (size_t g = 0; g < job->groups; g++)
                dst = nni_conv_pack_phase_avx512(dst, job, &py, &px, job->weights + g * job->w_group);
        }
}

/* The stretches of A that the taps of a block read, each of *k floats. */
static nni_taps_avx512 nni_conv_stretches_avx512(const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                           const nni_conv_run *y, const nni_conv_run *x, size_t ldb, size_t *k) {
    const size_t channels = job->groups * job->in;
    const int whole = px->tap_step == 1 && job->groups == 1;
    nni_taps_avx512 taps;
    *k = whole ? x->taps * job->in : job->in;
    taps.rows = x->taps ? y->taps : 0;
    taps.count = whole ? 1 : x->taps;
    taps.jump = whole ? 0 : (ptrdiff_t)(px->tap_step * channels) - (ptrdiff_t)job->in;
    taps.row_jump = (ptrdiff_t)(py->tap_step * job->x.source * channels) - (ptrdiff_t)taps.count * ((ptrdiff_t)*k + taps.jump);
    taps.b_jump = (px->taps - x->taps) * job->in * ldb;
    taps.bias = NULL;
    taps.relu = job->activation == NN_RELU;
    return taps;
}

/* Tiles along axis[0] of a block, `width` columns. */
static void nni_conv_tiles_avx512(nni_tiles_avx512 *run, const nni_taps_avx512 *taps, nni_gemm_deal_avx512 d, size_t vectors, const float *a,
                               const float *b, float *c) {
    for (size_t t = 0; t < d.tiles; t += run->count) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        run->count = t < d.taller ? d.taller : d.tiles - t;
        run->a_next = rows * run->a_stride;
        run->c_next = rows * run->ldc;
        nni_taps_find_avx512(0, rows, vectors)(run, taps, a + i * run->a_stride, b, c + i * run->ldc);
    }
}

/* A block, `width` columns of a group from j on; b are their weights for all taps. */
static void nni_conv_compute_avx512(const nni_conv *job, const nni_conv_block_avx512 *from, const nni_taps_avx512 *taps, const float *b,
                                 size_t ldb, size_t k, size_t group, size_t j, size_t width) {
    const size_t vectors = nni_ceil_div(width, VF_LANES);
    nni_conv_block_avx512 block = *from;
    nni_conv_choose_avx512(&block, vectors);
    const nni_conv_steps_avx512 *axis = block.axis;
    const nni_gemm_deal_avx512 d = nni_deal_avx512(axis[0].count, vectors);
    nni_tiles_avx512 run;
    run.k = k;
    run.a_stride = axis[0].source;
    run.ldb = ldb;
    run.ldc = axis[0].target;
    run.b_next = run.ahead = 0;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.prefetch_c = 0;
    run.beta = 0.0f;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            nni_conv_tiles_avx512(&run, taps, d, vectors, block.source + n * axis[2].source + i * axis[1].source + group * job->in,
                               b, block.target + n * axis[2].target + i * axis[1].target + group * job->out + j);
}

/* What one set of taps computes of a unit, in columns [j, j + width) of a group. */
static void nni_conv_panel_avx512(const nni_conv *job, const nni_conv_unit_avx512 *unit, const nni_conv_phase *py,
                               const nni_conv_phase *px, const float *b, size_t ldb, size_t group, size_t j, size_t width) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            size_t k;
            const nni_conv_block_avx512 block = nni_conv_block_of_avx512(job, unit, py, px, &y, &x);
            nni_taps_avx512 taps = nni_conv_stretches_avx512(job, py, px, &y, &x, ldb, &k);
            if (job->bias) taps.bias = job->bias + group * job->out + j;
            nni_conv_compute_avx512(job, &block, &taps, b + (y.tap * px->taps + x.tap) * job->in * ldb, ldb, k, group, j, width);
        }
    }
}

/* Everything that one set of taps computes of a unit; returns where the packed weights of the next set begin. */
static const float *nni_conv_phase_avx512(const nni_conv *job, const nni_conv_unit_avx512 *unit, const nni_conv_phase *py,
                                       const nni_conv_phase *px, const float *packed) {
    const size_t panel = nni_conv_vectors_avx512(job) * VF_LANES, taps = py->taps * px->taps;
    for (size_t g = 0; g < job->groups; g++)
        for (size_t j = 0; j < job->out; j += panel) {
            const size_t width = nni_min(panel, job->out - j), packed_width = nni_round_up(width, VF_LANES);
            const float *b = packed ? packed : job->weights + g * job->w_group + j;
            nni_conv_panel_avx512(job, unit, py, px, b, packed ? packed_width : job->w_row, g, j, width);
            if (packed) packed += taps * job->in * packed_width;
        }
    return packed;
}

/* The activations that the tiles do not know. */
static void nni_conv_activate_avx512(const nni_conv *job, const nni_conv_unit_avx512 *unit) {
    const size_t row = job->x.target * job->groups * job->out;
    float *y = job->target + (unit->image * job->y.target + unit->from) * row;
    const size_t n = (unit->images - 1) * job->y.target * row + (unit->to - unit->from) * row;
    nni_activate_avx512(y, y, n, job->activation, job->slope);
}

/* Units [from, to). */
static void nni_conv_avx512(const nni_conv *job, size_t from, size_t to) {
    for (size_t u = from; u < to; u++) {
        const nni_conv_unit_avx512 unit = nni_conv_unit_of_avx512(job, u);
        const float *packed = job->packed;
        for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
            for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
                const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
                if (job->depthwise) nni_conv_depth_avx512(job, &unit, &py, &px);
                else packed = nni_conv_phase_avx512(job, &unit, &py, &px, packed);
            }
        if (job->activation != NN_IDENTITY && job->activation != NN_RELU) nni_conv_activate_avx512(job, &unit);
    }
}

/* ---- simd/kernels/conv_window.h ---- */
/* conv_window.h - a unit's rows of the source, copied between zeros if the window reaches beyond their ends */

typedef struct nni_conv_window_avx512 {
    const float *at;           /* the first row, of the first image; pixels of groups*in floats */
    size_t row;                /* which row of the source that is */
    size_t pitch, image_pitch; /* floats from one row, and image, to the next */
} nni_conv_window_avx512;

/* One row of a source between the zeros of its window. */
static void nni_conv_copy_row_avx512(float *dst, const float *source, const nni_conv_axis *x, size_t channels) {
    const size_t width = nni_conv_window_width(x), before = nni_min(x->pad, width), inside = nni_min(x->source, width - before);
    memset(dst, 0, before * channels * sizeof *dst);
    memcpy(dst + before * channels, source, inside * channels * sizeof *dst);
    memset(dst + (before + inside) * channels, 0, (width - before - inside) * channels * sizeof *dst);
}

/* The window of a unit, copied to work if need be. */
static nni_conv_window_avx512 nni_conv_open_avx512(const nni_conv *job, const nni_conv_unit_avx512 *unit, float *work) {
    const size_t channels = job->groups * job->in;
    nni_conv_window_avx512 window;
    const size_t rows = nni_conv_rows(&job->y, unit->from, unit->to, &window.row) - window.row;
    const float *source = job->source + (unit->image * job->y.source + window.row) * job->x.source * channels;
    window.at = source;
    window.pitch = job->x.source * channels;
    window.image_pitch = job->y.source * window.pitch;
    if (!job->copy) return window;
    window.at = work;
    window.pitch = nni_conv_window_width(&job->x) * channels;
    window.image_pitch = rows * window.pitch;
    for (size_t i = 0; i < unit->images; i++)
        for (size_t r = 0; r < rows; r++)
            nni_conv_copy_row_avx512(work + i * window.image_pitch + r * window.pitch,
                                  source + (i * job->y.source + r) * job->x.source * channels, &job->x, channels);
    return window;
}

/* ---- simd/kernels/conv_weights.h ---- */
/* conv_weights.h - the gradient of a convolution by its weights: a product whose k runs over all outputs
 *
 * A row of taps meets, at one output, the same stretch of the image as in conv.h; here it is a column of A. Outputs follow
 * each other in dy as they do in k, so B runs on. Every element is one chain over images, rows and columns of outputs.
 */

#define NNI_CONV_DEPTH 256 /* outputs between loading and storing dw: so many pixels stay in L1 for all tiles */

/* dy of some rows of outputs of one image. */
typedef struct nni_conv_dy_avx512 {
    const float *at;
    size_t row, width, group; /* the first row; floats of a pixel, and from one group to the next */
} nni_conv_dy_avx512;

static int nni_conv_copies_dy_avx512(const nni_conv *job) { return !job->depthwise && !VF_FREE_MASK && job->out % VF_LANES; }

/* Floats that a unit's dy takes if its rows cannot be read to the end of a vector. */
static size_t nni_conv_weights_work_avx512(const nni_conv *job) {
    const size_t pixels = job->band * job->x.target;
    return nni_conv_copies_dy_avx512(job) ? pixels * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* dy of rows [from, to) of an image. */
static nni_conv_dy_avx512 nni_conv_open_dy_avx512(const nni_conv *job, const float *dy, size_t image, size_t from, size_t to, float *work) {
    const size_t filters = job->groups * job->out, pixels = (to - from) * job->x.target;
    nni_conv_dy_avx512 open = {dy + (image * job->y.target + from) * job->x.target * filters, from, filters, job->out};
    if (!nni_conv_copies_dy_avx512(job)) return open;
    const size_t width = nni_round_up(job->out, VF_LANES);
    for (size_t g = 0; g < job->groups; g++)
        nni_pack_b_avx512(work + g * pixels * width, open.at + g * job->out, filters, 1, pixels, job->out, width);
    open.at = work;
    open.width = width;
    open.group = pixels * width;
    return open;
}

/* Adds to `height` rows of dw, of one group, what `rows` rows of outputs give; a points to what those rows of dw meet at the first output,
 * b to its dy. */
static void nni_conv_weights_tiles_avx512(const nni_conv *job, const nni_conv_window_avx512 *window, float *c, const float *a, const float *b,
                                       size_t height, size_t rows, size_t ldb) {
    const size_t channels = job->groups * job->in;
    const size_t panel = nni_plan_vectors_avx512(height, job->out, NNI_SHALLOW + 1) * VF_LANES;
    nni_tiles_avx512 run;
    nni_taps_avx512 taps = {rows, 1, 0, 0, 0, NULL, 0};
    run.k = job->x.target;
    run.a_stride = job->x.step * channels;
    run.ldb = ldb;
    run.ldc = job->groups * job->out;
    run.b_next = run.ahead = 0;
    run.prefetch_c = 0;
    run.beta = 1.0f;
    taps.row_jump = (ptrdiff_t)(job->y.step * window->pitch) - (ptrdiff_t)(run.k * run.a_stride);
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t width = nni_min(panel, job->out - j), vectors = nni_ceil_div(width, VF_LANES);
        const nni_gemm_deal_avx512 d = nni_deal_avx512(height, vectors);
        run.ragged = width - (vectors - 1) * VF_LANES;
        for (size_t t = 0; t < d.tiles; t += run.count) {
            const size_t tall = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
            run.count = t < d.taller ? d.taller : d.tiles - t;
            run.a_next = tall;
            run.c_next = tall * run.ldc;
            nni_taps_find_avx512(1, tall, vectors)(&run, &taps, a + i, b + j, c + i * run.ldc + j);
        }
    }
}

/* One vector of channels, some taps of one row: each its own chain. */
NNI_INLINE void nni_depth_weights_avx512(const int taps, float *dw, const float *x, const float *dy, size_t rows, size_t outputs,
                                      size_t row_step, size_t step, size_t tap_step, size_t channels, size_t n) {
    nni_vf_avx512 sum[4];
    NNI_UNROLL for (int t = 0; t < taps; t++) sum[t] = nni_vf_load_n_avx512(dw + (size_t)t * channels, n);
    for (size_t r = 0; r < rows; r++, x += row_step) {
        const float *at = x;
        for (size_t i = 0; i < outputs; i++, at += step, dy += channels) {
            const nni_vf_avx512 d = n == VF_LANES ? nni_vf_load_avx512(dy) : nni_vf_load_n_avx512(dy, n);
            NNI_UNROLL for (int t = 0; t < taps; t++) {
                const float *xt = at + (size_t)t * tap_step;
                sum[t] = nni_vf_fma_avx512(n == VF_LANES ? nni_vf_load_avx512(xt) : nni_vf_load_n_avx512(xt, n), d, sum[t]);
            }
        }
    }
    NNI_UNROLL for (int t = 0; t < taps; t++) nni_vf_store_n_avx512(dw + (size_t)t * channels, sum[t], n);
}

/* `taps` taps of one row for all channels. */
static void nni_conv_weights_depth_avx512(const nni_conv *job, const nni_conv_window_avx512 *window, float *dw, const float *x, const float *dy,
                                       size_t rows, size_t taps) {
    const size_t channels = job->groups, row_step = job->y.step * window->pitch, step = job->x.step * channels;
    const size_t tap_step = job->x.dilation * channels, outputs = job->x.target;
    for (size_t t = 0; t < taps;) {
        const size_t some = taps - t >= 4 ? 4 : taps - t;
        for (size_t c = 0; c < channels; c += VF_LANES) {
            float *to = dw + t * channels + c;
            const float *from = x + t * tap_step + c;
            const size_t n = nni_min(VF_LANES, channels - c);
            switch (some) {
            case 4: nni_depth_weights_avx512(4, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            case 3: nni_depth_weights_avx512(3, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            case 2: nni_depth_weights_avx512(2, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            default: nni_depth_weights_avx512(1, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            }
        }
        t += some;
    }
}

/* What rows [first, end) of the outputs of one image add to rows [from, to) of dw. */
static void nni_conv_weights_block_avx512(const nni_conv *job, const nni_conv_window_avx512 *window, const nni_conv_dy_avx512 *dy, float *dw,
                                       size_t first, size_t end, size_t from, size_t to) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const int whole = job->depthwise || (job->x.dilation == 1 && job->groups == 1);
    const size_t stretch = whole ? job->x.kernel * job->in : job->in; /* rows of dw that lie like a column of A */
    for (size_t row = from / stretch * stretch; row < to; row += stretch) {
        const size_t ky = row / job->in / job->x.kernel, kx = row / job->in % job->x.kernel;
        const size_t skip = from > row ? from - row : 0, height = nni_min(stretch, to - row) - skip;
        size_t above;
        const size_t below = nni_conv_positions_inside(&job->y, ky * job->y.dilation, &above);
        const size_t y = nni_max(first, above), y_end = nni_min(end, below);
        if (y >= y_end) continue;
        const size_t source = y * job->y.step + ky * job->y.dilation - job->y.pad;
        const float *a = window->at + (source - window->row) * window->pitch + kx * job->x.dilation * channels;
        const float *b = dy->at + (y - dy->row) * job->x.target * dy->width;
        float *c = dw + (row + skip) * filters;
        if (job->depthwise) nni_conv_weights_depth_avx512(job, window, c, a + skip * job->x.dilation * channels, b, y_end - y, height);
        else
            for (size_t g = 0; g < job->groups; g++)
                nni_conv_weights_tiles_avx512(job, window, c + g * job->out, a + skip + g * job->in, b + g * dy->group, height, y_end - y,
                                           dy->width);
    }
}

/* Rows [from, to) of dw, from all images; adds to what is there. work has room for a unit's window and its dy. */
static void nni_conv_weights_avx512(const nni_conv *job, float *dw, const float *dy, size_t from, size_t to, float *work) {
    const size_t rows = nni_max(1, NNI_CONV_DEPTH / job->x.target);
    for (size_t u = 0; u < job->units; u++) {
        const nni_conv_unit_avx512 unit = nni_conv_unit_of_avx512(job, u);
        nni_conv_window_avx512 window = nni_conv_open_avx512(job, &unit, work);
        for (size_t n = 0; n < unit.images; n++, window.at += window.image_pitch) {
            const nni_conv_dy_avx512 open =
                nni_conv_open_dy_avx512(job, dy, unit.image + n, unit.from, unit.to, work + job->window_floats);
            for (size_t y = unit.from; y < unit.to; y += rows)
                nni_conv_weights_block_avx512(job, &window, &open, dw, y, nni_min(y + rows, unit.to), from, to);
        }
    }
}

/* ---- simd/kernels/pool.h ---- */
/* pool.h - the maximum or the mean of a window, channel by channel: lanes are channels */

NNI_INLINE nni_vi_avx512 nni_pool_load_index_avx512(const uint32_t *index, size_t n) {
    uint32_t some[VF_LANES] = {0};
    if (n >= VF_LANES) return nni_vi_load_avx512(index);
    memcpy(some, index, n * sizeof *index);
    return nni_vi_load_avx512(some);
}
NNI_INLINE void nni_pool_store_index_avx512(uint32_t *index, nni_vi_avx512 v, size_t n) {
    uint32_t some[VF_LANES];
    if (n >= VF_LANES) nni_vi_store_avx512(index, v);
    else {
        nni_vi_store_avx512(some, v);
        memcpy(index, some, n * sizeof *index);
    }
}

/* n channels of one window: x points to the image, index is not NULL if `which`. */
NNI_INLINE void nni_max_window_avx512(const int which, float *y, uint32_t *index, const float *x, const nni_pool *p,
                                   const nni_pool_taps *ty, const nni_pool_taps *tx, size_t n) {
    if (!ty->count || !tx->count) {
        nni_vf_store_n_avx512(y, nni_vf_set1_avx512(-INFINITY), n);
        if (which) nni_pool_store_index_avx512(index, nni_vi_set1_avx512(UINT32_MAX), n);
        return;
    }
    const size_t width = p->x.length;
    size_t row = ty->first * width + tx->first;
    nni_vf_avx512 best = nni_vf_load_n_avx512(x + row * p->channels, n), best_at = nni_vf_from_bits_avx512(nni_vi_set1_avx512((uint32_t)row));
    for (size_t r = ty->count; r > 0; r--, row += p->y.dilation * width) {
        size_t at = row;
        for (size_t t = tx->count; t > 0; t--, at += p->x.dilation) {
            const nni_vf_avx512 v = nni_vf_load_n_avx512(x + at * p->channels, n);
            if (which) {
                const nni_vm_avx512 keep = nni_vm_or_avx512(nni_vf_le_avx512(v, best), nni_vf_nan_avx512(best));
                best = nni_vf_select_avx512(keep, best, v);
                best_at = nni_vf_select_avx512(keep, best_at, nni_vf_from_bits_avx512(nni_vi_set1_avx512((uint32_t)at)));
            } else {
                best = nni_vf_max_avx512(v, best);
            }
        }
    }
    nni_vf_store_n_avx512(y, best, n);
    if (which) nni_pool_store_index_avx512(index, nni_vf_bits_avx512(best_at), n);
}

/* Rows [from, to) of the outputs, those of all images counted on. */
static void nni_max_pool_avx512(float *y, uint32_t *index, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, 0);
        const float *source = x + row / p->y.outputs * image;
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, 0);
            const size_t at = (row * p->x.outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                if (index) nni_max_window_avx512(1, y + at + c, index + at + c, source + c, p, &ty, &tx, n);
                else nni_max_window_avx512(0, y + at + c, NULL, source + c, p, &ty, &tx, n);
            }
        }
    }
}

/* Each dy goes to the pixel of its window that index names. In disjoint windows nothing can be there yet. */
NNI_INLINE void nni_max_window_backward_avx512(float *dx, nni_vf_avx512 dy, nni_vi_avx512 index, const nni_pool *p, const nni_pool_taps *ty,
                                            const nni_pool_taps *tx, size_t n) {
    const nni_vi_avx512 ones = nni_vi_set1_avx512(UINT32_MAX);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            const nni_vf_avx512 part = nni_vf_where_avx512(nni_vi_eq0_avx512(nni_vi_xor_avx512(index, nni_vi_set1_avx512((uint32_t)at)), ones), dy);
            float *to = dx + at * p->channels;
            nni_vf_store_n_avx512(to, nni_vf_add_avx512(p->disjoint ? nni_vf_set1_avx512(0.0f) : nni_vf_load_n_avx512(to, n), part), n);
        }
}

/* Images [from, to). */
static void nni_max_pool_backward_avx512(float *dx, const float *dy, const uint32_t *index, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, 0), tx = nni_pool_taps_of(&p->x, i % p->x.outputs, 0);
            const size_t at = (m * outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                nni_max_window_backward_avx512(dx + m * image + c, nni_vf_load_n_avx512(dy + at + c, n), nni_pool_load_index_avx512(index + at + c, n), p,
                                            &ty, &tx, n);
            }
        }
    }
}

/* n channels of one window; of no pixels the mean is 0. */
NNI_INLINE void nni_mean_window_avx512(float *y, const float *x, const nni_pool *p, const nni_pool_taps *ty, const nni_pool_taps *tx,
                                    size_t n) {
    nni_vf_avx512 sum = nni_vf_set1_avx512(0.0f);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            sum = nni_vf_add_avx512(sum, nni_vf_load_n_avx512(x + at * p->channels, n));
        }
    nni_vf_store_n_avx512(y, nni_vf_div_avx512(sum, nni_vf_set1_avx512((float)nni_max(1, ty->divisor * tx->divisor))), n);
}

static void nni_average_pool_avx512(float *y, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, p->count_padding);
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES)
                nni_mean_window_avx512(y + (row * p->x.outputs + i) * channels + c, x + row / p->y.outputs * image + c, p, &ty, &tx,
                                    nni_min(VF_LANES, channels - c));
        }
    }
}

NNI_INLINE void nni_mean_window_backward_avx512(float *dx, nni_vf_avx512 dy, const nni_pool *p, const nni_pool_taps *ty, const nni_pool_taps *tx,
                                             size_t n) {
    const nni_vf_avx512 part = nni_vf_div_avx512(dy, nni_vf_set1_avx512((float)nni_max(1, ty->divisor * tx->divisor)));
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            float *to = dx + at * p->channels;
            nni_vf_store_n_avx512(to, nni_vf_add_avx512(p->disjoint ? nni_vf_set1_avx512(0.0f) : nni_vf_load_n_avx512(to, n), part), n);
        }
}

static void nni_average_pool_backward_avx512(float *dx, const float *dy, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, p->count_padding);
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i % p->x.outputs, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                nni_mean_window_backward_avx512(dx + m * image + c, nni_vf_load_n_avx512(dy + (m * outputs + i) * channels + c, n), p, &ty, &tx, n);
            }
        }
    }
}

/* ---- over whole images ---- */

#define NNI_POOL_BLOCK 64 /* pixels whose sum is taken before it is added to the sum of all */

/* `vectors` of channels, `n` of the last: each vector is a chain of its own. */
NNI_INLINE void nni_mean_pixels_avx512(const int vectors, float *y, const float *x, size_t pixels, size_t channels, size_t n) {
    nni_vf_avx512 total[4];
    NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = nni_vf_set1_avx512(0.0f);
    for (size_t p = 0; p < pixels; p += NNI_POOL_BLOCK) {
        nni_vf_avx512 sum[4];
        NNI_UNROLL for (int v = 0; v < vectors; v++) sum[v] = nni_vf_set1_avx512(0.0f);
        for (size_t q = p; q < nni_min(pixels, p + NNI_POOL_BLOCK); q++)
            NNI_UNROLL for (int v = 0; v < vectors; v++)
                sum[v] = nni_vf_add_avx512(sum[v], nni_vf_load_n_avx512(x + q * channels + v * VF_LANES, v == vectors - 1 ? n : VF_LANES));
        NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = nni_vf_add_avx512(total[v], sum[v]);
    }
    const nni_vf_avx512 divisor = nni_vf_set1_avx512((float)nni_max(1, pixels));
    NNI_UNROLL for (int v = 0; v < vectors; v++)
        nni_vf_store_n_avx512(y + v * VF_LANES, nni_vf_div_avx512(total[v], divisor), v == vectors - 1 ? n : VF_LANES);
}

static void nni_global_average_pool_avx512(float *y, const float *x, size_t images, size_t pixels, size_t channels) {
    for (size_t m = 0; m < images; m++, x += pixels * channels, y += channels) {
        size_t c = 0;
        for (; c + 4 * VF_LANES <= channels; c += 4 * VF_LANES) nni_mean_pixels_avx512(4, y + c, x + c, pixels, channels, VF_LANES);
        for (; c < channels; c += VF_LANES)
            nni_mean_pixels_avx512(1, y + c, x + c, pixels, channels, nni_min(VF_LANES, channels - c));
    }
}

static void nni_global_average_pool_backward_avx512(float *dx, const float *dy, size_t images, size_t pixels, size_t channels) {
    const nni_vf_avx512 divisor = nni_vf_set1_avx512((float)nni_max(1, pixels));
    for (size_t m = 0; m < images; m++, dx += pixels * channels, dy += channels)
        for (size_t c = 0; c < channels; c += VF_LANES) {
            const size_t n = nni_min(VF_LANES, channels - c);
            const nni_vf_avx512 part = nni_vf_div_avx512(nni_vf_load_n_avx512(dy + c, n), divisor);
            for (size_t p = 0; p < pixels; p++) nni_vf_store_n_avx512(dx + p * channels + c, part, n);
        }
}

#define NNI_KERNEL_ENTRY(result, name, arguments) , nni_##name##_avx512
static const nni_tier nni_tier_avx512 = {"avx512", NNI_LARGE_VECTORS * VF_LANES NNI_KERNELS(NNI_KERNEL_ENTRY)};
#undef NNI_KERNEL_ENTRY

#undef VF_LANES
#undef VF_FREE_MASK
#undef VF_MIXED
#undef NNI_TILES
#undef NNI_TILE_ROWS
#undef NNI_LARGE_VECTORS
#undef NNI_DOT_ROWS
#undef NNI_DOT_COLS

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#pragma GCC diagnostic pop
#endif
#endif /* NNI_X86 */

/* ---- simd/neon.h ---- */
/* neon.h - the vector layer on AArch64 NEON: 4 lanes, 32 registers, fma by one lane of another register
 *
 * Latency and rate on Neoverse N1: fma 4 cycles (2 when chained through the addend), 2 a cycle; load 2; a load that
 * broadcasts (LD1R) also takes a vector slot, so the GEMM loads four scalars at once and multiplies by lane.
 */

#ifdef NNI_ARM
#include <arm_neon.h>

#if !defined(NN_NO_SLEEF)
#ifdef __cplusplus
extern "C" {
#endif
float32x4_t Sleef_finz_expf4_u10advsimd(float32x4_t);
float32x4_t Sleef_finz_logf4_u10advsimd(float32x4_t);
#ifdef __cplusplus
}
#endif
#endif

#define VF_LANES 4
#define VF_FREE_MASK 0
#define VF_MIXED 4
/* rows x vectors + vectors of B + rows/4 registers of A <= 32 */
#define NNI_TILES(X)                                                                                                   \
    X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2)    \
    X(7, 2) X(8, 2) X(1, 3) X(2, 3) X(3, 3) X(4, 3) X(5, 3) X(6, 3) X(7, 3) X(8, 3) X(1, 4) X(2, 4) X(3, 4) X(4, 4)
#define NNI_TILE_ROWS 8, 8, 8, 4
#define NNI_LARGE_VECTORS 3
#define NNI_DOT_ROWS 3
#define NNI_DOT_COLS 2

typedef float32x4_t nni_vf_neon;
typedef uint32x4_t nni_vi_neon;
typedef uint32x4_t nni_vm_neon; /* all bits of a lane set or clear */
typedef float32x4_t nni_vq_neon;

NNI_INLINE nni_vf_neon nni_vf_load_neon(const float *p) { return vld1q_f32(p); }
NNI_INLINE void nni_vf_store_neon(float *p, nni_vf_neon v) { vst1q_f32(p, v); }
NNI_INLINE nni_vf_neon nni_vf_load_n_neon(const float *p, size_t n) {
    if (n >= 4) return vld1q_f32(p);
    nni_vf_neon v = vdupq_n_f32(0.0f);
    if (n > 0) v = vsetq_lane_f32(p[0], v, 0);
    if (n > 1) v = vsetq_lane_f32(p[1], v, 1);
    if (n > 2) v = vsetq_lane_f32(p[2], v, 2);
    return v;
}
NNI_INLINE void nni_vf_store_n_neon(float *p, nni_vf_neon v, size_t n) {
    if (n >= 4) {
        vst1q_f32(p, v);
        return;
    }
    if (n > 0) vst1q_lane_f32(p, v, 0);
    if (n > 1) vst1q_lane_f32(p + 1, v, 1);
    if (n > 2) vst1q_lane_f32(p + 2, v, 2);
}
NNI_INLINE nni_vi_neon nni_vi_lane_neon(void) {
    static const uint32_t lanes[4] = {0, 1, 2, 3};
    return vld1q_u32(lanes);
}
NNI_INLINE nni_vm_neon nni_vm_first_neon(size_t n) { return vcltq_u32(nni_vi_lane_neon(), vdupq_n_u32((uint32_t)n)); }
NNI_INLINE uint32_t nni_vm_bits_neon(nni_vm_neon m) {
    static const uint32_t weights[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, vld1q_u32(weights)));
}
/* NEON has no masked access; masks of the contract always cover the first lanes, so counting them is enough. */
NNI_INLINE size_t vm_count_neon(nni_vm_neon m) { return vaddvq_u32(vshrq_n_u32(m, 31)); }
NNI_INLINE nni_vf_neon nni_vf_load_m_neon(const float *p, nni_vm_neon m) { return nni_vf_load_n_neon(p, vm_count_neon(m)); }
NNI_INLINE void nni_vf_store_m_neon(float *p, nni_vf_neon v, nni_vm_neon m) { nni_vf_store_n_neon(p, v, vm_count_neon(m)); }
NNI_INLINE nni_vi_neon nni_vi_load_neon(const uint32_t *p) { return vld1q_u32(p); }
NNI_INLINE void nni_vi_store_neon(uint32_t *p, nni_vi_neon v) { vst1q_u32(p, v); }

NNI_INLINE nni_vf_neon nni_vf_set1_neon(float a) { return vdupq_n_f32(a); }
NNI_INLINE nni_vf_neon nni_vf_add_neon(nni_vf_neon a, nni_vf_neon b) { return vaddq_f32(a, b); }
NNI_INLINE nni_vf_neon nni_vf_sub_neon(nni_vf_neon a, nni_vf_neon b) { return vsubq_f32(a, b); }
NNI_INLINE nni_vf_neon nni_vf_mul_neon(nni_vf_neon a, nni_vf_neon b) { return vmulq_f32(a, b); }
NNI_INLINE nni_vf_neon nni_vf_div_neon(nni_vf_neon a, nni_vf_neon b) { return vdivq_f32(a, b); }
NNI_INLINE nni_vf_neon nni_vf_sqrt_neon(nni_vf_neon a) { return vsqrtq_f32(a); }
NNI_INLINE nni_vf_neon nni_vf_fma_neon(nni_vf_neon a, nni_vf_neon b, nni_vf_neon c) { return vfmaq_f32(c, a, b); }
NNI_INLINE nni_vf_neon nni_vf_fnma_neon(nni_vf_neon a, nni_vf_neon b, nni_vf_neon c) { return vfmsq_f32(c, a, b); }
NNI_INLINE nni_vf_neon nni_vf_round_neon(nni_vf_neon a) { return vrndnq_f32(a); }
NNI_INLINE nni_vf_neon nni_vf_abs_neon(nni_vf_neon a) { return vabsq_f32(a); }
/* FMAX orders the zeros and x86 does not: a comparison gives both the same result. */
NNI_INLINE nni_vf_neon nni_vf_max_neon(nni_vf_neon a, nni_vf_neon b) { return vbslq_f32(vorrq_u32(vcgtq_f32(a, b), vmvnq_u32(vceqq_f32(a, a))), a, b); }

NNI_INLINE nni_vm_neon nni_vf_lt_neon(nni_vf_neon a, nni_vf_neon b) { return vcltq_f32(a, b); }
NNI_INLINE nni_vm_neon nni_vf_le_neon(nni_vf_neon a, nni_vf_neon b) { return vcleq_f32(a, b); }
NNI_INLINE nni_vm_neon nni_vf_eq_neon(nni_vf_neon a, nni_vf_neon b) { return vceqq_f32(a, b); }
NNI_INLINE nni_vm_neon nni_vf_nan_neon(nni_vf_neon a) { return vmvnq_u32(vceqq_f32(a, a)); }
NNI_INLINE nni_vm_neon nni_vm_or_neon(nni_vm_neon m, nni_vm_neon w) { return vorrq_u32(m, w); }
NNI_INLINE nni_vf_neon nni_vf_select_neon(nni_vm_neon m, nni_vf_neon a, nni_vf_neon b) { return vbslq_f32(m, a, b); }
NNI_INLINE nni_vf_neon nni_vf_where_neon(nni_vm_neon m, nni_vf_neon a) { return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(a))); }

NNI_INLINE nni_vi_neon nni_vf_bits_neon(nni_vf_neon a) { return vreinterpretq_u32_f32(a); }
NNI_INLINE nni_vf_neon nni_vf_from_bits_neon(nni_vi_neon v) { return vreinterpretq_f32_u32(v); }
NNI_INLINE nni_vf_neon nni_vf_from_int_neon(nni_vi_neon v) { return vcvtq_f32_s32(vreinterpretq_s32_u32(v)); }
NNI_INLINE nni_vi_neon nni_vi_from_float_neon(nni_vf_neon a) { return vreinterpretq_u32_s32(vcvtq_s32_f32(a)); }
NNI_INLINE nni_vi_neon nni_vi_set1_neon(uint32_t u) { return vdupq_n_u32(u); }
NNI_INLINE nni_vi_neon nni_vi_add_neon(nni_vi_neon a, nni_vi_neon b) { return vaddq_u32(a, b); }
NNI_INLINE nni_vi_neon nni_vi_sub_neon(nni_vi_neon a, nni_vi_neon b) { return vsubq_u32(a, b); }
NNI_INLINE nni_vi_neon nni_vi_and_neon(nni_vi_neon a, nni_vi_neon b) { return vandq_u32(a, b); }
NNI_INLINE nni_vi_neon nni_vi_or_neon(nni_vi_neon a, nni_vi_neon b) { return vorrq_u32(a, b); }
NNI_INLINE nni_vi_neon nni_vi_xor_neon(nni_vi_neon a, nni_vi_neon b) { return veorq_u32(a, b); }
/* Shifts in the compiler's own vector notation: one instruction by a constant, and still valid at -O0. */
NNI_INLINE nni_vi_neon nni_vi_shl_neon(nni_vi_neon a, int k) { return a << (uint32_t)k; }
NNI_INLINE nni_vi_neon nni_vi_shr_neon(nni_vi_neon a, int k) { return a >> (uint32_t)k; }
NNI_INLINE nni_vi_neon nni_vi_sar_neon(nni_vi_neon a, int k) { return vreinterpretq_u32_s32(vreinterpretq_s32_u32(a) >> k); }
/* In two exact steps, since 2^n itself may lie outside the floats; the last product rounds. */
NNI_INLINE nni_vf_neon nni_vf_times_power_neon(nni_vf_neon a, nni_vf_neon n) {
    const nni_vi_neon power = nni_vi_from_float_neon(n), half = nni_vi_sar_neon(power, 1), rest = nni_vi_sub_neon(power, half), one = nni_vi_set1_neon(127);
    const nni_vf_neon first = nni_vf_from_bits_neon(nni_vi_shl_neon(nni_vi_add_neon(half, one), 23)), second = nni_vf_from_bits_neon(nni_vi_shl_neon(nni_vi_add_neon(rest, one), 23));
    return nni_vf_mul_neon(nni_vf_mul_neon(a, first), second);
}
NNI_INLINE nni_vi_neon nni_vi_mul_wide_neon(nni_vi_neon a, nni_vi_neon b, nni_vi_neon *high) {
    const nni_vi_neon low = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a), vget_low_u32(b)));
    const nni_vi_neon top = vreinterpretq_u32_u64(vmull_high_u32(a, b));
    *high = vuzp2q_u32(low, top);
    return vuzp1q_u32(low, top);
}
NNI_INLINE nni_vm_neon nni_vi_eq0_neon(nni_vi_neon a, nni_vi_neon k) { return vceqzq_u32(vandq_u32(a, k)); }

NNI_INLINE float nni_vf_fold_neon(nni_vf_neon v) {
    const float32x2_t v2 = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(v2, 0) + vget_lane_f32(v2, 1);
}
NNI_INLINE float nni_vf_fold_max_neon(nni_vf_neon v) { return vmaxvq_f32(v); }
NNI_INLINE void nni_vf_transpose_neon(nni_vf_neon *r) {
    const nni_vf_neon t0 = vtrn1q_f32(r[0], r[1]), t1 = vtrn2q_f32(r[0], r[1]);
    const nni_vf_neon t2 = vtrn1q_f32(r[2], r[3]), t3 = vtrn2q_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(t0), vget_low_f32(t2));
    r[1] = vcombine_f32(vget_low_f32(t1), vget_low_f32(t3));
    r[2] = vcombine_f32(vget_high_f32(t0), vget_high_f32(t2));
    r[3] = vcombine_f32(vget_high_f32(t1), vget_high_f32(t3));
}
NNI_INLINE nni_vf_neon nni_vf_fold_each_neon(nni_vf_neon *r) {
    nni_vf_transpose_neon(r);
    return vaddq_f32(vaddq_f32(r[0], r[2]), vaddq_f32(r[1], r[3]));
}

NNI_INLINE nni_vq_neon nni_vq_load_neon(const float *p) { return vld1q_f32(p); }
NNI_INLINE nni_vf_neon nni_vf_fma_q_neon(nni_vq_neon a, int i, nni_vf_neon b, nni_vf_neon c) {
    switch (i) { /* the instruction wants a literal lane, also where nothing is optimised */
    case 0: return vfmaq_laneq_f32(c, b, a, 0);
    case 1: return vfmaq_laneq_f32(c, b, a, 1);
    case 2: return vfmaq_laneq_f32(c, b, a, 2);
    default: return vfmaq_laneq_f32(c, b, a, 3);
    }
}

#if !defined(NN_NO_SLEEF)
NNI_INLINE nni_vf_neon nni_vf_exp_sleef_neon(nni_vf_neon a) { return Sleef_finz_expf4_u10advsimd(a); }
NNI_INLINE nni_vf_neon nni_vf_log_sleef_neon(nni_vf_neon a) { return Sleef_finz_logf4_u10advsimd(a); }
#endif

/* ---- simd/kernels.h ---- */
/* kernels.h - all kernels in the order in which they build on each other, and the table that hands them out */

/* ---- simd/kernels/maths.h ---- */
/* maths.h - exp, log and what is built on them, one vector at a time
 *
 * Polynomials are minimax fits over the reduced range with coefficients rounded to float; beside each stands its
 * relative error in units of 2^-24, rounding not counted. All are evaluated by Horner's rule with fused multiply-adds.
 */

#define NNI_LOG2_E 1.44269504088896341f
/* ln 2 as a float with twelve trailing zeros, so that n*HIGH is exact for |n| < 2^12, and the rest */
#define NNI_LN2_HIGH 0.693359375f
#define NNI_LN2_LOW -2.12194440e-4f

/* e^(r + rest) for |r| <= ln2/2, where rest is what rounding took from r: the sum of the result and *low, a few hundredths
 * of it, in which nothing but the rounding of *low counts. */
NNI_INLINE nni_vf_neon nni_exp_reduced_neon(nni_vf_neon r, nni_vf_neon rest, nni_vf_neon *low) {
    const nni_vf_neon one = nni_vf_set1_neon(1.0f);
    nni_vf_neon q = nni_vf_set1_neon(1.9952803268097341060638427734375e-4f); /* (e^r - 1 - r) / r^2, 0.005 */
    q = nni_vf_fma_neon(q, r, nni_vf_set1_neon(1.393088256008923053741455078125e-3f));
    q = nni_vf_fma_neon(q, r, nni_vf_set1_neon(8.333197794854640960693359375e-3f));
    q = nni_vf_fma_neon(q, r, nni_vf_set1_neon(4.1666507720947265625e-2f));
    q = nni_vf_fma_neon(q, r, nni_vf_set1_neon(0.16666667163372039794921875f));
    q = nni_vf_fma_neon(q, r, nni_vf_set1_neon(0.5f));
    const nni_vf_neon sum = nni_vf_add_neon(one, r); /* 1 + r + r^2 q, with what rounding takes from 1 + r put back */
    *low = nni_vf_fma_neon(nni_vf_mul_neon(r, r), q, nni_vf_add_neon(nni_vf_sub_neon(r, nni_vf_sub_neon(sum, one)), rest));
    return sum;
}

/* e^x = 2^n * e^r. At most 0.99 ULP from the truth. */
NNI_INLINE nni_vf_neon nni_exp_builtin_neon(nni_vf_neon x) {
    const nni_vf_neon above = nni_vf_set1_neon(89.0f), below = nni_vf_set1_neon(-105.0f); /* beyond these the result is inf or 0; NaN passes */
    x = nni_vf_select_neon(nni_vf_lt_neon(above, x), above, x);
    x = nni_vf_select_neon(nni_vf_lt_neon(x, below), below, x);
    const nni_vf_neon n = nni_vf_round_neon(nni_vf_mul_neon(x, nni_vf_set1_neon(NNI_LOG2_E))), low = nni_vf_set1_neon(NNI_LN2_LOW);
    const nni_vf_neon exact = nni_vf_fnma_neon(n, nni_vf_set1_neon(NNI_LN2_HIGH), x), r = nni_vf_fnma_neon(n, low, exact);
    nni_vf_neon rest;
    const nni_vf_neon sum = nni_exp_reduced_neon(r, nni_vf_fnma_neon(n, low, nni_vf_sub_neon(exact, r)), &rest);
    return nni_vf_times_power_neon(nni_vf_add_neon(sum, rest), n);
}

/* e^(x + more) = 2^n * (the result + *low) to about 2^-27 of it, where more is what rounding took from x, |x| < 200. For
 * what goes on to multiply: no rounding between, and no underflow before its own. */
NNI_INLINE nni_vf_neon nni_exp_in_parts_neon(nni_vf_neon x, nni_vf_neon more, nni_vf_neon *low, nni_vf_neon *n) {
    *n = nni_vf_round_neon(nni_vf_mul_neon(x, nni_vf_set1_neon(NNI_LOG2_E)));
    const nni_vf_neon exact = nni_vf_fnma_neon(*n, nni_vf_set1_neon(NNI_LN2_HIGH), x), rest = nni_vf_fnma_neon(*n, nni_vf_set1_neon(NNI_LN2_LOW), more);
    const nni_vf_neon r = nni_vf_add_neon(exact, rest);
    return nni_exp_reduced_neon(r, nni_vf_sub_neon(rest, nni_vf_sub_neon(r, exact)), low);
}

/* log x = n ln2 + log m with m in [sqrt(1/2), sqrt(2)). At most 0.63 ULP from the truth. */
NNI_INLINE nni_vf_neon nni_log_builtin_neon(nni_vf_neon x) {
    const nni_vf_neon tiny = nni_vf_set1_neon(1.17549435e-38f); /* below it the exponent field is 0: scale by 2^25 first */
    const nni_vm_neon small = nni_vf_lt_neon(x, tiny);
    const nni_vf_neon scaled = nni_vf_select_neon(small, nni_vf_mul_neon(x, nni_vf_set1_neon(33554432.0f)), x);
    const nni_vi_neon root_half = nni_vi_set1_neon(0x3f3504f3u); /* subtracted so that the field steps at sqrt(1/2) instead of 1 */
    const nni_vi_neon offset = nni_vi_sub_neon(nni_vf_bits_neon(scaled), root_half);
    const nni_vf_neon n = nni_vf_sub_neon(nni_vf_from_int_neon(nni_vi_sar_neon(offset, 23)), nni_vf_where_neon(small, nni_vf_set1_neon(25.0f)));
    const nni_vf_neon m = nni_vf_from_bits_neon(nni_vi_add_neon(nni_vi_and_neon(offset, nni_vi_set1_neon(0x007fffffu)), root_half));
    const nni_vf_neon f = nni_vf_sub_neon(m, nni_vf_set1_neon(1.0f));
    nni_vf_neon q = nni_vf_set1_neon(7.03830718994140625e-2f); /* (log(1+f) - f + f^2/2) / f^3, 0.06 */
    q = nni_vf_fma_neon(q, f, nni_vf_set1_neon(-0.1151149272918701171875f));
    q = nni_vf_fma_neon(q, f, nni_vf_set1_neon(0.11675083637237548828125f));
    q = nni_vf_fma_neon(q, f, nni_vf_set1_neon(-0.1242053508758544921875f));
    q = nni_vf_fma_neon(q, f, nni_vf_set1_neon(0.14249622821807861328125f));
    q = nni_vf_fma_neon(q, f, nni_vf_set1_neon(-0.16668045520782470703125f));
    q = nni_vf_fma_neon(q, f, nni_vf_set1_neon(0.20000700652599334716796875f));
    q = nni_vf_fma_neon(q, f, nni_vf_set1_neon(-0.249999940395355224609375f));
    q = nni_vf_fma_neon(q, f, nni_vf_set1_neon(0.333333313465118408203125f));
    /* n ln2 + f - f^2/2 + f^3 q, keeping what the two large additions round away: the differences are exact */
    const nni_vf_neon half = nni_vf_mul_neon(nni_vf_set1_neon(0.5f), f), cube = nni_vf_mul_neon(nni_vf_mul_neon(f, f), f);
    const nni_vf_neon high = nni_vf_fma_neon(cube, q, nni_vf_fnma_neon(half, f, f)), low = nni_vf_fma_neon(cube, q, nni_vf_fnma_neon(half, f, nni_vf_sub_neon(f, high)));
    const nni_vf_neon base = nni_vf_mul_neon(n, nni_vf_set1_neon(NNI_LN2_HIGH)), sum = nni_vf_add_neon(base, high);
    const nni_vf_neon lost = nni_vf_add_neon(low, nni_vf_sub_neon(high, nni_vf_sub_neon(sum, base)));
    nni_vf_neon y = nni_vf_add_neon(sum, nni_vf_fma_neon(n, nni_vf_set1_neon(NNI_LN2_LOW), lost));

    const nni_vf_neon zero = nni_vf_set1_neon(0.0f), infinity = nni_vf_from_bits_neon(nni_vi_set1_neon(0x7f800000u));
    y = nni_vf_select_neon(nni_vf_lt_neon(x, infinity), y, x); /* inf and NaN give themselves */
    y = nni_vf_select_neon(nni_vf_eq_neon(x, zero), nni_vf_sub_neon(zero, infinity), y);
    return nni_vf_select_neon(nni_vf_lt_neon(x, zero), nni_vf_from_bits_neon(nni_vi_set1_neon(0x7fc00000u)), y);
}

#ifdef NN_NO_SLEEF
NNI_INLINE nni_vf_neon nni_vexp_neon(nni_vf_neon x) { return nni_exp_builtin_neon(x); }
NNI_INLINE nni_vf_neon nni_vlog_neon(nni_vf_neon x) { return nni_log_builtin_neon(x); }
#else
NNI_INLINE nni_vf_neon nni_vexp_neon(nni_vf_neon x) { return nni_vf_exp_sleef_neon(x); }
NNI_INLINE nni_vf_neon nni_vlog_neon(nni_vf_neon x) { return nni_vf_log_sleef_neon(x); }
#endif

/* (e^x - 1 - x) / x^2 near 0 */
NNI_INLINE nni_vf_neon nni_expm1_factor_neon(nni_vf_neon x) {
    nni_vf_neon q = nni_vf_set1_neon(2.1880290660192258656024932861328125e-5f); /* (e^x - 1 - x - x^2/2) / x^3 on [-0.72, 0], 0.007 */
    q = nni_vf_fma_neon(q, x, nni_vf_set1_neon(1.9895876175723969936370849609375e-4f));
    q = nni_vf_fma_neon(q, x, nni_vf_set1_neon(1.390750170685350894927978515625e-3f));
    q = nni_vf_fma_neon(q, x, nni_vf_set1_neon(8.334152400493621826171875e-3f));
    q = nni_vf_fma_neon(q, x, nni_vf_set1_neon(4.166679084300994873046875e-2f));
    q = nni_vf_fma_neon(q, x, nni_vf_set1_neon(0.16666667163372039794921875f));
    return nni_vf_fma_neon(q, x, nni_vf_set1_neon(0.5f));
}

/* e^x - 1 for x <= 0. A polynomial near 0, where the subtraction would cancel; from -0.7 down it loses nothing. */
NNI_INLINE nni_vf_neon nni_vexpm1_negative_neon(nni_vf_neon x, nni_vf_neon exp_x) {
    const nni_vf_neon near = nni_vf_fma_neon(nni_vf_mul_neon(x, x), nni_expm1_factor_neon(x), x);
    return nni_vf_select_neon(nni_vf_lt_neon(x, nni_vf_set1_neon(-0.7f)), nni_vf_sub_neon(exp_x, nni_vf_set1_neon(1.0f)), near);
}

/* tanh x: odd polynomial below 0.625, 1 - 2/(e^2|x| + 1) above, which saturates at 1 by itself. */
NNI_INLINE nni_vf_neon nni_vtanh_neon(nni_vf_neon x) {
    const nni_vf_neon a = nni_vf_abs_neon(x), one = nni_vf_set1_neon(1.0f), two = nni_vf_set1_neon(2.0f), square = nni_vf_mul_neon(x, x);
    nni_vf_neon q = nni_vf_set1_neon(2.37051607109606266021728515625e-3f); /* (tanh x - x) / x^3 in x^2, 0.02 */
    q = nni_vf_fma_neon(q, square, nni_vf_set1_neon(-8.435009978711605072021484375e-3f));
    q = nni_vf_fma_neon(q, square, nni_vf_set1_neon(2.1807588636875152587890625e-2f));
    q = nni_vf_fma_neon(q, square, nni_vf_set1_neon(-5.39664328098297119140625e-2f));
    q = nni_vf_fma_neon(q, square, nni_vf_set1_neon(0.13333357870578765869140625f));
    q = nni_vf_fma_neon(q, square, nni_vf_set1_neon(-0.3333333432674407958984375f));
    const nni_vf_neon near = nni_vf_fma_neon(nni_vf_mul_neon(square, q), a, a);
    const nni_vf_neon far = nni_vf_sub_neon(one, nni_vf_div_neon(two, nni_vf_add_neon(nni_vexp_neon(nni_vf_mul_neon(two, a)), one)));
    const nni_vi_neon sign = nni_vi_and_neon(nni_vf_bits_neon(x), nni_vi_set1_neon(0x80000000u));
    return nni_vf_from_bits_neon(nni_vi_or_neon(nni_vf_bits_neon(nni_vf_select_neon(nni_vf_lt_neon(a, nni_vf_set1_neon(0.625f)), near, far)), sign));
}

/* 1/(1 + e) for x >= 0 and e/(1 + e) below, with e = e^-|x|. The quotient gets back what 1 + e and the division round away,
 * so that the last addition is the only rounding after e: the result never falls where x rises. */
NNI_INLINE nni_vf_neon nni_vsigmoid_neon(nni_vf_neon x) {
    const nni_vf_neon zero = nni_vf_set1_neon(0.0f), one = nni_vf_set1_neon(1.0f);
    const nni_vf_neon e = nni_vexp_neon(nni_vf_sub_neon(zero, nni_vf_abs_neon(x)));
    const nni_vf_neon u = nni_vf_add_neon(one, e), c = nni_vf_sub_neon(e, nni_vf_sub_neon(u, one)), inverse = nni_vf_div_neon(one, u);
    const nni_vf_neon top = nni_vf_select_neon(nni_vf_lt_neon(x, zero), e, one), quotient = nni_vf_mul_neon(top, inverse);
    const nni_vf_neon rest = nni_vf_fnma_neon(quotient, c, nni_vf_fnma_neon(quotient, u, top));
    return nni_vf_fma_neon(rest, inverse, quotient);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|. u = 1 + e rounds away c = e - (u - 1); log(u) + c/u has it back. */
NNI_INLINE nni_vf_neon nni_vsoftplus_neon(nni_vf_neon x) {
    const nni_vf_neon zero = nni_vf_set1_neon(0.0f), one = nni_vf_set1_neon(1.0f);
    const nni_vf_neon e = nni_vexp_neon(nni_vf_sub_neon(zero, nni_vf_abs_neon(x)));
    const nni_vf_neon u = nni_vf_add_neon(one, e), c = nni_vf_sub_neon(e, nni_vf_sub_neon(u, one));
    return nni_vf_add_neon(nni_vf_max_neon(zero, x), nni_vf_add_neon(nni_vlog_neon(u), nni_vf_div_neon(c, u)));
}

NNI_INLINE nni_vf_neon nni_velu_neon(nni_vf_neon x, nni_vf_neon a) {
    const nni_vf_neon zero = nni_vf_set1_neon(0.0f), below = nni_vf_select_neon(nni_vf_lt_neon(zero, x), zero, x);
    const nni_vf_neon curve = nni_vf_mul_neon(a, nni_vexpm1_negative_neon(below, nni_vexp_neon(below)));
    return nni_vf_select_neon(nni_vf_lt_neon(zero, x), x, curve);
}

#define NNI_SELU_HIGH 1.050700902938842773f /* lambda = HIGH + LOW, both positive: inf * HIGH + inf * LOW stays inf */
#define NNI_SELU_LOW 8.441664078873145627e-8f
#define NNI_SELU_SLOPE 1.758099317550659180f /* lambda * alpha */

/* As ELU, but the factor goes into the last sum instead of multiplying what was rounded. */
NNI_INLINE nni_vf_neon nni_vselu_neon(nni_vf_neon x) {
    const nni_vf_neon zero = nni_vf_set1_neon(0.0f), slope = nni_vf_set1_neon(NNI_SELU_SLOPE);
    const nni_vf_neon line = nni_vf_fma_neon(x, nni_vf_set1_neon(NNI_SELU_HIGH), nni_vf_mul_neon(x, nni_vf_set1_neon(NNI_SELU_LOW)));
    const nni_vf_neon below = nni_vf_select_neon(nni_vf_lt_neon(zero, x), zero, x), curve = nni_vf_mul_neon(nni_vf_mul_neon(below, below), nni_expm1_factor_neon(below));
    const nni_vf_neon near = nni_vf_fma_neon(slope, below, nni_vf_mul_neon(slope, curve)), far = nni_vf_fma_neon(slope, nni_vexp_neon(below), nni_vf_sub_neon(zero, slope));
    return nni_vf_select_neon(nni_vf_lt_neon(zero, x), line, nni_vf_select_neon(nni_vf_lt_neon(x, nni_vf_set1_neon(-0.7f)), far, near));
}

/* Gates: y = x * p(x) for a probability p with p(-x) = 1 - p(x). So y = max(x, 0) - h(|x|) with h(a) = a * p(-a), which is
 * small, has no sign, and loses nothing where it is subtracted: x p(x) >= x/2. The derivative is h'(a) below 0 and 1 - h'(a)
 * above. h is made of an exponential in parts and rounded once it is whole; far out it goes to 0 through the subnormals. */
NNI_INLINE nni_vf_neon nni_gate_neon(nni_vf_neon x, nni_vf_neon h) { return nni_vf_sub_neon(nni_vf_select_neon(nni_vf_lt_neon(x, nni_vf_set1_neon(0.0f)), nni_vf_set1_neon(-0.0f), x), h); }
NNI_INLINE nni_vf_neon nni_gate_slope_neon(nni_vf_neon x, nni_vf_neon slope) {
    return nni_vf_select_neon(nni_vf_lt_neon(x, nni_vf_set1_neon(0.0f)), slope, nni_vf_sub_neon(nni_vf_set1_neon(1.0f), slope));
}

/* |x|, but no more than `most`, where h is 0 already; NaN passes. */
NNI_INLINE nni_vf_neon nni_gate_size_neon(nni_vf_neon x, float most) {
    const nni_vf_neon a = nni_vf_abs_neon(x), limit = nni_vf_set1_neon(most);
    return nni_vf_select_neon(nni_vf_lt_neon(limit, a), limit, a);
}

/* a * e^-w / (1 + e^-w) with w >= 0 given as -w = x + more. What u = 1 + e rounds away, c, goes into the numerator before that
 * is rounded: a * e * (1 - c) / u. Left out there is half of c at most, where u is 2. */
NNI_INLINE nni_vf_neon nni_logistic_tail_neon(nni_vf_neon a, nni_vf_neon x, nni_vf_neon more) {
    nni_vf_neon low, n;
    const nni_vf_neon high = nni_exp_in_parts_neon(x, more, &low, &n), one = nni_vf_set1_neon(1.0f);
    const nni_vf_neon e = nni_vf_times_power_neon(nni_vf_add_neon(high, low), n), u = nni_vf_add_neon(one, e), c = nni_vf_sub_neon(e, nni_vf_sub_neon(u, one));
    const nni_vf_neon top = nni_vf_fma_neon(a, high, nni_vf_mul_neon(a, nni_vf_fnma_neon(high, c, low)));
    return nni_vf_div_neon(nni_vf_times_power_neon(top, n), u);
}

/* Its derivative where w grows by dw: q - a*dw*p*q with p = 1/(1 + e^-w), q = 1 - p. */
NNI_INLINE nni_vf_neon nni_logistic_tail_slope_neon(nni_vf_neon a, nni_vf_neon x, nni_vf_neon more, nni_vf_neon dw) {
    nni_vf_neon low, n;
    const nni_vf_neon high = nni_exp_in_parts_neon(x, more, &low, &n), one = nni_vf_set1_neon(1.0f);
    const nni_vf_neon e = nni_vf_times_power_neon(nni_vf_add_neon(high, low), n);
    const nni_vf_neon p = nni_vf_div_neon(one, nni_vf_add_neon(one, e)), q = nni_vf_mul_neon(e, p);
    return nni_vf_fnma_neon(nni_vf_mul_neon(nni_vf_mul_neon(a, dw), p), q, q);
}

/* x / (1 + e^-x) */
NNI_INLINE nni_vf_neon nni_vsilu_neon(nni_vf_neon x) {
    const nni_vf_neon a = nni_gate_size_neon(x, 110.0f), zero = nni_vf_set1_neon(0.0f);
    return nni_gate_neon(x, nni_logistic_tail_neon(a, nni_vf_sub_neon(zero, a), zero));
}
NNI_INLINE nni_vf_neon nni_vsilu_slope_neon(nni_vf_neon x) {
    const nni_vf_neon a = nni_gate_size_neon(x, 110.0f), zero = nni_vf_set1_neon(0.0f);
    return nni_gate_slope_neon(x, nni_logistic_tail_slope_neon(a, nni_vf_sub_neon(zero, a), zero, nni_vf_set1_neon(1.0f)));
}

/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) = x / (1 + e^-w) with w = x (C1 + C3 x^2). An error of w is one of e^-w, so w
 * has a low part. C1 begins with so few bits that its difference to C1 + C3 x^2 is exact. */
#define NNI_GELU_C1_HIGH 1.59375f
#define NNI_GELU_C1_LOW 2.019121544435620308e-3f
#define NNI_GELU_C3_HIGH 7.135481387376785278e-2f
#define NNI_GELU_C3_LOW 2.398832465999589658e-9f

NNI_INLINE nni_vf_neon nni_gelu_tanh_exponent_neon(nni_vf_neon a, nni_vf_neon *more) { /* -w */
    const nni_vf_neon square = nni_vf_mul_neon(a, a), below = nni_vf_sub_neon(nni_vf_set1_neon(0.0f), nni_vf_fnma_neon(a, a, square));
    const nni_vf_neon c1 = nni_vf_set1_neon(NNI_GELU_C1_HIGH), c3 = nni_vf_set1_neon(NNI_GELU_C3_HIGH);
    const nni_vf_neon sum = nni_vf_fma_neon(c3, square, c1), lost = nni_vf_fma_neon(c3, square, nni_vf_sub_neon(c1, sum));
    const nni_vf_neon small = nni_vf_fma_neon(nni_vf_set1_neon(NNI_GELU_C3_LOW), square, nni_vf_fma_neon(c3, below, nni_vf_set1_neon(NNI_GELU_C1_LOW)));
    const nni_vf_neon w = nni_vf_mul_neon(a, sum);
    *more = nni_vf_fnma_neon(a, nni_vf_add_neon(lost, small), nni_vf_fnma_neon(a, sum, w));
    return nni_vf_sub_neon(nni_vf_set1_neon(0.0f), w);
}
NNI_INLINE nni_vf_neon nni_vgelu_tanh_neon(nni_vf_neon x) {
    const nni_vf_neon a = nni_gate_size_neon(x, 11.0f);
    nni_vf_neon more;
    const nni_vf_neon exponent = nni_gelu_tanh_exponent_neon(a, &more);
    return nni_gate_neon(x, nni_logistic_tail_neon(a, exponent, more));
}
NNI_INLINE nni_vf_neon nni_vgelu_tanh_slope_neon(nni_vf_neon x) {
    const nni_vf_neon a = nni_gate_size_neon(x, 11.0f), c1 = nni_vf_set1_neon(NNI_GELU_C1_HIGH + NNI_GELU_C1_LOW);
    nni_vf_neon more;
    const nni_vf_neon exponent = nni_gelu_tanh_exponent_neon(a, &more);
    const nni_vf_neon dw = nni_vf_fma_neon(nni_vf_mul_neon(a, a), nni_vf_set1_neon(3.0f * NNI_GELU_C3_HIGH), c1);
    return nni_gate_slope_neon(x, nni_logistic_tail_slope_neon(a, exponent, more, dw));
}

/* The normal distribution's tail Q(a) = erfc(a/sqrt 2)/2 = e^(-a^2/2) G(v) / (a + 2.5) with v = a/(a + 2.5), to a = 14.6. */
#define NNI_TAIL_SHIFT 2.5f
#define NNI_TAIL_END 14.6f
NNI_INLINE nni_vf_neon nni_normal_tail_factor_neon(nni_vf_neon v) { /* G */
    nni_vf_neon q = nni_vf_set1_neon(-7.974970340728759765625e-2f); /* 0.3 */
    q = nni_vf_fma_neon(q, v, nni_vf_set1_neon(0.279526770114898681640625f));
    q = nni_vf_fma_neon(q, v, nni_vf_set1_neon(-0.3130398690700531005859375f));
    q = nni_vf_fma_neon(q, v, nni_vf_set1_neon(0.13775058090686798095703125f));
    q = nni_vf_fma_neon(q, v, nni_vf_set1_neon(-0.14964754879474639892578125f));
    q = nni_vf_fma_neon(q, v, nni_vf_set1_neon(5.6017316877841949462890625e-2f));
    q = nni_vf_fma_neon(q, v, nni_vf_set1_neon(0.29186785221099853515625f));
    q = nni_vf_fma_neon(q, v, nni_vf_set1_neon(0.1696073114871978759765625f));
    q = nni_vf_fma_neon(q, v, nni_vf_set1_neon(-1.2433922290802001953125f));
    return nni_vf_fma_neon(q, v, nni_vf_set1_neon(1.25f));
}
NNI_INLINE nni_vf_neon nni_normal_exponential_neon(nni_vf_neon a, nni_vf_neon *low, nni_vf_neon *n) { /* e^(-a^2/2), the square in two parts */
    const nni_vf_neon square = nni_vf_mul_neon(a, a), lost = nni_vf_fnma_neon(a, a, square), half = nni_vf_set1_neon(0.5f);
    return nni_exp_in_parts_neon(nni_vf_mul_neon(square, nni_vf_set1_neon(-0.5f)), nni_vf_mul_neon(lost, half), low, n);
}
NNI_INLINE nni_vf_neon nni_vgelu_neon(nni_vf_neon x) { /* h(a) = a Q(a) = v G(v) e^(-a^2/2) */
    const nni_vf_neon a = nni_gate_size_neon(x, NNI_TAIL_END), v = nni_vf_div_neon(a, nni_vf_add_neon(a, nni_vf_set1_neon(NNI_TAIL_SHIFT)));
    const nni_vf_neon factor = nni_vf_mul_neon(v, nni_normal_tail_factor_neon(v));
    nni_vf_neon low, n;
    const nni_vf_neon high = nni_normal_exponential_neon(a, &low, &n);
    return nni_gate_neon(x, nni_vf_times_power_neon(nni_vf_fma_neon(factor, high, nni_vf_mul_neon(factor, low)), n));
}
NNI_INLINE nni_vf_neon nni_vgelu_slope_neon(nni_vf_neon x) { /* h'(a) = Q(a) - a e^(-a^2/2) / sqrt(2 pi) */
    const nni_vf_neon a = nni_gate_size_neon(x, NNI_TAIL_END), inverse = nni_vf_div_neon(nni_vf_set1_neon(1.0f), nni_vf_add_neon(a, nni_vf_set1_neon(NNI_TAIL_SHIFT)));
    nni_vf_neon low, n;
    const nni_vf_neon high = nni_normal_exponential_neon(a, &low, &n);
    const nni_vf_neon tail = nni_vf_mul_neon(inverse, nni_normal_tail_factor_neon(nni_vf_mul_neon(a, inverse)));
    const nni_vf_neon factor = nni_vf_fnma_neon(a, nni_vf_set1_neon(0.398942291736602783f), tail);
    return nni_gate_slope_neon(x, nni_vf_times_power_neon(nni_vf_mul_neon(factor, nni_vf_add_neon(high, low)), n));
}

/* sin and cos of 2 pi u for u in [0, 1), by quarter turns: no reduction error, since 4u is exact. */
NNI_INLINE void nni_vsincos_turns_neon(nni_vf_neon u, nni_vf_neon *sine, nni_vf_neon *cosine) {
    const nni_vf_neon quarters = nni_vf_mul_neon(u, nni_vf_set1_neon(4.0f)), n = nni_vf_round_neon(quarters), t = nni_vf_sub_neon(quarters, n), square = nni_vf_mul_neon(t, t);
    nni_vf_neon s = nni_vf_set1_neon(-4.6287518925964832305908203125e-3f); /* sin(pi/2 t)/t in t^2, |t| <= 1/2, 0.5 */
    s = nni_vf_fma_neon(s, square, nni_vf_set1_neon(7.969200611114501953125e-2f));
    s = nni_vf_fma_neon(s, square, nni_vf_set1_neon(-0.64596498012542724609375f));
    s = nni_vf_mul_neon(t, nni_vf_fma_neon(s, square, nni_vf_set1_neon(1.57079637050628662109375f)));
    nni_vf_neon c = nni_vf_set1_neon(8.9667853899300098419189453125e-4f); /* cos(pi/2 t) in t^2, 0.008 */
    c = nni_vf_fma_neon(c, square, nni_vf_set1_neon(-2.08565033972263336181640625e-2f));
    c = nni_vf_fma_neon(c, square, nni_vf_set1_neon(0.2536686360836029052734375f));
    c = nni_vf_fma_neon(c, square, nni_vf_set1_neon(-1.2337005138397216796875f));
    c = nni_vf_fma_neon(c, square, nni_vf_set1_neon(1.0f));
    const nni_vi_neon quarter = nni_vi_from_float_neon(n);
    const nni_vm_neon even = nni_vi_eq0_neon(quarter, nni_vi_set1_neon(1));
    const nni_vi_neon sine_sign = nni_vi_shl_neon(nni_vi_and_neon(quarter, nni_vi_set1_neon(2)), 30);
    const nni_vi_neon cosine_sign = nni_vi_shl_neon(nni_vi_and_neon(nni_vi_add_neon(quarter, nni_vi_set1_neon(1)), nni_vi_set1_neon(2)), 30);
    *sine = nni_vf_from_bits_neon(nni_vi_xor_neon(nni_vf_bits_neon(nni_vf_select_neon(even, s, c)), sine_sign));
    *cosine = nni_vf_from_bits_neon(nni_vi_xor_neon(nni_vf_bits_neon(nni_vf_select_neon(even, c, s)), cosine_sign));
}

/* ---- simd/kernels/map.h ---- */
/* map.h - element by element: y[i] = f(x[i], ...), in place if y is an input */

NNI_MIX_BEGIN

typedef nni_vf_neon (*nni_map1_fn_neon)(nni_vf_neon x, nni_vf_neon a);
typedef nni_vf_neon (*nni_map2_fn_neon)(nni_vf_neon x, nni_vf_neon y, nni_vf_neon a);

NNI_INLINE void nni_map1_neon(nni_map1_fn_neon f, float *y, const float *x, size_t n, float a) {
    const nni_vf_neon av = nni_vf_set1_neon(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        nni_vf_neon v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) v[k] = f(nni_vf_load_neon(x + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) nni_vf_store_neon(y + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_neon(y + i, f(nni_vf_load_neon(x + i), av));
    if (i < n) nni_vf_store_n_neon(y + i, f(nni_vf_load_n_neon(x + i, n - i), av), n - i);
}

NNI_INLINE void nni_map2_neon(nni_map2_fn_neon f, float *z, const float *x, const float *y, size_t n, float a) {
    const nni_vf_neon av = nni_vf_set1_neon(a);
    size_t i = 0;
    for (; i + VF_MIXED * VF_LANES <= n; i += VF_MIXED * VF_LANES) {
        nni_vf_neon v[VF_MIXED];
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++)
            v[k] = f(nni_vf_load_neon(x + i + k * VF_LANES), nni_vf_load_neon(y + i + k * VF_LANES), av);
        NNI_UNROLL for (int k = 0; k < VF_MIXED; k++) nni_vf_store_neon(z + i + k * VF_LANES, v[k]);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_neon(z + i, f(nni_vf_load_neon(x + i), nni_vf_load_neon(y + i), av));
    if (i < n) nni_vf_store_n_neon(z + i, f(nni_vf_load_n_neon(x + i, n - i), nni_vf_load_n_neon(y + i, n - i), av), n - i);
}

/* f(x, a) */
NNI_INLINE nni_vf_neon nni_v_identity_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, x; }
NNI_INLINE nni_vf_neon nni_v_relu_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vf_select_neon(nni_vf_le_neon(x, nni_vf_set1_neon(0.0f)), nni_vf_set1_neon(0.0f), x); }
NNI_INLINE nni_vf_neon nni_v_leaky_relu_neon(nni_vf_neon x, nni_vf_neon a) { return nni_vf_select_neon(nni_vf_lt_neon(nni_vf_set1_neon(0.0f), x), x, nni_vf_mul_neon(a, x)); }
NNI_INLINE nni_vf_neon nni_v_sigmoid_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vsigmoid_neon(x); }
NNI_INLINE nni_vf_neon nni_v_tanh_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vtanh_neon(x); }
NNI_INLINE nni_vf_neon nni_v_softplus_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vsoftplus_neon(x); }
NNI_INLINE nni_vf_neon nni_v_elu_neon(nni_vf_neon x, nni_vf_neon a) { return nni_velu_neon(x, a); }
NNI_INLINE nni_vf_neon nni_v_step_neon(nni_vf_neon x, nni_vf_neon a) {
    const nni_vf_neon step = nni_vf_where_neon(nni_vf_lt_neon(nni_vf_set1_neon(0.0f), x), nni_vf_set1_neon(1.0f));
    return (void)a, nni_vf_select_neon(nni_vf_nan_neon(x), x, step);
}
NNI_INLINE nni_vf_neon nni_v_selu_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vselu_neon(x); }
NNI_INLINE nni_vf_neon nni_v_gelu_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vgelu_neon(x); }
NNI_INLINE nni_vf_neon nni_v_gelu_tanh_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vgelu_tanh_neon(x); }
NNI_INLINE nni_vf_neon nni_v_silu_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vsilu_neon(x); }
NNI_INLINE nni_vf_neon nni_v_exp_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vexp_neon(x); }
NNI_INLINE nni_vf_neon nni_v_log_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vlog_neon(x); }
NNI_INLINE nni_vf_neon nni_v_scale_neon(nni_vf_neon x, nni_vf_neon a) { return nni_vf_mul_neon(a, x); }
NNI_INLINE nni_vf_neon nni_v_reciprocal_neon(nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vf_div_neon(nni_vf_set1_neon(1.0f), x); }
NNI_INLINE nni_vf_neon nni_v_shift_neon(nni_vf_neon x, nni_vf_neon a) { return nni_vf_add_neon(x, a); }

/* dx from dy and y = f(x), or x if the activation keeps its input. Where f has a kink the derivative from the left is taken. */
NNI_INLINE nni_vf_neon nni_d_identity_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) { return (void)y, (void)a, dy; }
NNI_INLINE nni_vf_neon nni_d_relu_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) { return (void)a, nni_vf_select_neon(nni_vf_le_neon(y, nni_vf_set1_neon(0.0f)), nni_vf_set1_neon(0.0f), dy); }
NNI_INLINE nni_vf_neon nni_d_leaky_relu_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) { return nni_vf_select_neon(nni_vf_lt_neon(nni_vf_set1_neon(0.0f), y), dy, nni_vf_mul_neon(a, dy)); }
NNI_INLINE nni_vf_neon nni_d_sigmoid_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) {
    return (void)a, nni_vf_mul_neon(dy, nni_vf_mul_neon(y, nni_vf_sub_neon(nni_vf_set1_neon(1.0f), y)));
}
NNI_INLINE nni_vf_neon nni_d_tanh_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) { return (void)a, nni_vf_mul_neon(dy, nni_vf_fnma_neon(y, y, nni_vf_set1_neon(1.0f))); }
NNI_INLINE nni_vf_neon nni_d_softplus_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) { /* sigmoid(x) = 1 - e^-y */
    const nni_vf_neon zero = nni_vf_set1_neon(0.0f), below = nni_vf_sub_neon(zero, y);
    return (void)a, nni_vf_mul_neon(dy, nni_vf_sub_neon(zero, nni_vexpm1_negative_neon(below, nni_vexp_neon(below))));
}
NNI_INLINE nni_vf_neon nni_d_elu_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) { return nni_vf_select_neon(nni_vf_lt_neon(nni_vf_set1_neon(0.0f), y), dy, nni_vf_mul_neon(dy, nni_vf_add_neon(y, a))); }
NNI_INLINE nni_vf_neon nni_d_step_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) { return (void)dy, (void)y, (void)a, nni_vf_set1_neon(0.0f); }
NNI_INLINE nni_vf_neon nni_d_selu_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) {
    const nni_vf_neon above = nni_vf_set1_neon(NNI_SELU_HIGH + NNI_SELU_LOW), below = nni_vf_add_neon(y, nni_vf_set1_neon(NNI_SELU_SLOPE));
    return (void)a, nni_vf_mul_neon(dy, nni_vf_select_neon(nni_vf_lt_neon(nni_vf_set1_neon(0.0f), y), above, below));
}
NNI_INLINE nni_vf_neon nni_d_gelu_neon(nni_vf_neon dy, nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vf_mul_neon(dy, nni_vgelu_slope_neon(x)); }
NNI_INLINE nni_vf_neon nni_d_gelu_tanh_neon(nni_vf_neon dy, nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vf_mul_neon(dy, nni_vgelu_tanh_slope_neon(x)); }
NNI_INLINE nni_vf_neon nni_d_silu_neon(nni_vf_neon dy, nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vf_mul_neon(dy, nni_vsilu_slope_neon(x)); }
NNI_INLINE nni_vf_neon nni_d_log_neon(nni_vf_neon dy, nni_vf_neon x, nni_vf_neon a) { return (void)a, nni_vf_div_neon(dy, x); }

NNI_INLINE nni_vf_neon nni_d_reciprocal_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon a) { return (void)a, nni_vf_mul_neon(nni_vf_mul_neon(nni_vf_sub_neon(nni_vf_set1_neon(0.0f), dy), y), y); }

NNI_INLINE nni_vf_neon nni_v_add_neon(nni_vf_neon x, nni_vf_neon y, nni_vf_neon a) { return (void)a, nni_vf_add_neon(x, y); }
NNI_INLINE nni_vf_neon nni_v_sub_neon(nni_vf_neon x, nni_vf_neon y, nni_vf_neon a) { return (void)a, nni_vf_sub_neon(x, y); }
NNI_INLINE nni_vf_neon nni_v_mul_neon(nni_vf_neon x, nni_vf_neon y, nni_vf_neon a) { return (void)a, nni_vf_mul_neon(x, y); }
NNI_INLINE nni_vf_neon nni_v_axpy_neon(nni_vf_neon x, nni_vf_neon y, nni_vf_neon a) { return nni_vf_fma_neon(a, x, y); }

static void nni_activate_neon(float *y, const float *x, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: nni_map1_neon(nni_v_##function##_neon, y, x, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void nni_activate_backward_neon(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope) {
    switch (activation) {
#define NNI_ACTIVATE(name, function, keeps_input) case name: nni_map2_neon(nni_d_##function##_neon, dx, dy, v, n, slope); break;
        NN_ACTIVATION_LIST(NNI_ACTIVATE)
#undef NNI_ACTIVATE
    default: break;
    }
}

static void nni_exp_neon(float *y, const float *x, size_t n) { nni_map1_neon(nni_v_exp_neon, y, x, n, 0.0f); }
static void nni_log_neon(float *y, const float *x, size_t n) { nni_map1_neon(nni_v_log_neon, y, x, n, 0.0f); }
static void nni_log_backward_neon(float *dx, const float *dy, const float *x, size_t n) {
    nni_map2_neon(nni_d_log_neon, dx, dy, x, n, 0.0f);
}
static void nni_add_neon(float *y, const float *a, const float *b, size_t n) { nni_map2_neon(nni_v_add_neon, y, a, b, n, 0.0f); }
static void nni_mul_neon(float *y, const float *a, const float *b, size_t n) { nni_map2_neon(nni_v_mul_neon, y, a, b, n, 0.0f); }
static void nni_sub_neon(float *y, const float *a, const float *b, size_t n) { nni_map2_neon(nni_v_sub_neon, y, a, b, n, 0.0f); }
static void nni_reciprocal_neon(float *y, const float *x, size_t n) { nni_map1_neon(nni_v_reciprocal_neon, y, x, n, 0.0f); }
static void nni_reciprocal_backward_neon(float *dx, const float *dy, const float *y, size_t n) {
    nni_map2_neon(nni_d_reciprocal_neon, dx, dy, y, n, 0.0f);
}
static void nni_axpy_neon(float *y, const float *x, size_t n, float a) { nni_map2_neon(nni_v_axpy_neon, y, x, y, n, a); }

/* a = 0 writes zeros without reading x, which may hold NaN. */
static void nni_scale_neon(float *y, const float *x, size_t n, float a) {
    if (a == 0.0f) memset(y, 0, n * sizeof *y);
    else nni_map1_neon(nni_v_scale_neon, y, x, n, a);
}

static void nni_mul_add_neon(float *y, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_neon(y + i, nni_vf_fma_neon(nni_vf_load_neon(a + i), nni_vf_load_neon(b + i), nni_vf_load_neon(y + i)));
    if (i < n) nni_vf_store_n_neon(y + i, nni_vf_fma_neon(nni_vf_load_n_neon(a + i, n - i), nni_vf_load_n_neon(b + i, n - i), nni_vf_load_n_neon(y + i, n - i)), n - i);
}

NNI_INLINE nni_vf_neon nni_clipped_neon(nni_vf_neon x, nni_vf_neon lo, nni_vf_neon hi) { return nni_vf_select_neon(nni_vf_lt_neon(x, lo), lo, nni_vf_select_neon(nni_vf_lt_neon(hi, x), hi, x)); }
static void nni_clip_neon(float *y, const float *x, size_t n, float lo, float hi) {
    const nni_vf_neon least = nni_vf_set1_neon(lo), most = nni_vf_set1_neon(hi);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_neon(y + i, nni_clipped_neon(nni_vf_load_neon(x + i), least, most));
    if (i < n) nni_vf_store_n_neon(y + i, nni_clipped_neon(nni_vf_load_n_neon(x + i, n - i), least, most), n - i);
}

static void nni_add_row_neon(float *y, const float *x, const float *row, size_t rows, size_t n) {
    if (n == 1) nni_map1_neon(nni_v_shift_neon, y, x, rows, row[0]);
    else for (size_t i = 0; i < rows; i++) nni_add_neon(y + i * n, x + i * n, row, n);
}

NNI_MIX_END

/* ---- simd/kernels/reduce.h ---- */
/* reduce.h - sums, dots and maxima in an order that no vector width changes
 *
 * A block of NNI_BLOCK floats is summed in 16 lanes (NNI_WIDE vectors) and folded by a fixed tree. The blocks' results
 * are handed back one by one: whoever asked adds them in the order of their index, so threads may share the blocks out.
 */

#define NNI_WIDE (16 / VF_LANES)
#define NNI_STREAMS 4 /* blocks summed side by side: one block alone waits for its own additions */

NNI_INLINE float nni_fold16_neon(nni_vf_neon *lanes) {
    NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
        NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = nni_vf_add_neon(lanes[w], lanes[w + half]);
    return nni_vf_fold_neon(lanes[0]);
}

typedef nni_vf_neon (*nni_sum_fn_neon)(const float *x, const float *y, nni_vf_neon sum);
typedef nni_vf_neon (*nni_sum_tail_fn_neon)(const float *x, const float *y, nni_vf_neon sum, size_t n);

NNI_INLINE nni_vf_neon nni_sum_one_neon(const float *x, const float *y, nni_vf_neon sum) { return (void)y, nni_vf_add_neon(sum, nni_vf_load_neon(x)); }
NNI_INLINE nni_vf_neon nni_sum_one_n_neon(const float *x, const float *y, nni_vf_neon sum, size_t n) { return (void)y, nni_vf_add_neon(sum, nni_vf_load_n_neon(x, n)); }
NNI_INLINE nni_vf_neon nni_sum_product_neon(const float *x, const float *y, nni_vf_neon sum) { return nni_vf_fma_neon(nni_vf_load_neon(x), nni_vf_load_neon(y), sum); }
NNI_INLINE nni_vf_neon nni_sum_product_n_neon(const float *x, const float *y, nni_vf_neon sum, size_t n) {
    return nni_vf_fma_neon(nni_vf_load_n_neon(x, n), nni_vf_load_n_neon(y, n), sum);
}

/* One block of n <= NNI_BLOCK floats. */
NNI_INLINE float nni_sum_block_neon(nni_sum_fn_neon f, nni_sum_tail_fn_neon tail, const float *x, const float *y, size_t n) {
    nni_vf_neon sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = nni_vf_set1_neon(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = f(x + i + w * VF_LANES, y + i + w * VF_LANES, sum[w]);
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at < n) sum[w] = tail(x + at, y + at, sum[w], nni_min(n - at, VF_LANES));
    }
    return nni_fold16_neon(sum);
}

/* NNI_STREAMS whole blocks. */
NNI_INLINE void nni_sum_streams_neon(nni_sum_fn_neon f, float *partial, const float *x, const float *y) {
    nni_vf_neon sum[NNI_STREAMS * NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_STREAMS * NNI_WIDE; w++) sum[w] = nni_vf_set1_neon(0.0f);
    for (size_t i = 0; i < NNI_BLOCK; i += 16)
        NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
                const size_t at = (size_t)s * NNI_BLOCK + i + (size_t)(w * VF_LANES);
                sum[s * NNI_WIDE + w] = f(x + at, y + at, sum[s * NNI_WIDE + w]);
            }
    NNI_UNROLL for (int s = 0; s < NNI_STREAMS; s++) partial[s] = nni_fold16_neon(sum + s * NNI_WIDE);
}

NNI_INLINE void nni_sum_blocks_neon(nni_sum_fn_neon f, nni_sum_tail_fn_neon tail, float *partial, const float *x, const float *y,
                                   size_t n) {
    size_t i = 0;
    for (; i + NNI_STREAMS * NNI_BLOCK <= n; i += NNI_STREAMS * NNI_BLOCK, partial += NNI_STREAMS)
        nni_sum_streams_neon(f, partial, x + i, y + i);
    for (; i < n; i += NNI_BLOCK) *partial++ = nni_sum_block_neon(f, tail, x + i, y + i, nni_min(n - i, NNI_BLOCK));
}

static void nni_sum_neon(float *partial, const float *x, size_t n) {
    nni_sum_blocks_neon(nni_sum_one_neon, nni_sum_one_n_neon, partial, x, x, n);
}
static void nni_dot_neon(float *partial, const float *x, const float *y, size_t n) {
    nni_sum_blocks_neon(nni_sum_product_neon, nni_sum_product_n_neon, partial, x, y, n);
}
static void nni_sum_squares_neon(float *partial, const float *x, size_t n) {
    nni_sum_blocks_neon(nni_sum_product_neon, nni_sum_product_n_neon, partial, x, x, n);
}

/* The largest of n > 0 floats; NaN if there is one. Among zeros of both signs +0 wins, whatever the lanes. */
static float nni_max_neon(const float *x, size_t n) {
    nni_vf_neon top[4];
    NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = nni_vf_set1_neon(x[0]);
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        NNI_UNROLL for (int s = 0; s < 4; s++) top[s] = nni_vf_max_neon(nni_vf_load_neon(x + i + s * VF_LANES), top[s]);
    for (; i + VF_LANES <= n; i += VF_LANES) top[0] = nni_vf_max_neon(nni_vf_load_neon(x + i), top[0]);
    if (i < n) {
        const nni_vm_neon valid = nni_vm_first_neon(n - i);
        top[1] = nni_vf_max_neon(nni_vf_select_neon(valid, nni_vf_load_m_neon(x + i, valid), top[1]), top[1]);
    }
    return nni_vf_fold_max_neon(nni_vf_max_neon(nni_vf_max_neon(top[0], top[1]), nni_vf_max_neon(top[2], top[3]))) + 0.0f; /* -0 + 0 = +0 */
}

/* The first index at which x equals its maximum, or is the first NaN. */
static size_t nni_argmax_neon(const float *x, size_t n) {
    const float most = nni_max_neon(x, n);
    const nni_vf_neon target = nni_vf_set1_neon(most);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) {
        const nni_vf_neon v = nni_vf_load_neon(x + i);
        const uint32_t hits = nni_vm_bits_neon(most != most ? nni_vf_nan_neon(v) : nni_vf_eq_neon(v, target));
        if (hits) return i + (size_t)__builtin_ctz(hits);
    }
    while (most != most ? x[i] == x[i] : x[i] != most) i++;
    return i;
}

/* ---- simd/kernels/columns.h ---- */
/* columns.h - sums over the rows of a matrix, one for each column
 *
 * Columns are independent chains, so any number of lanes gives the same bits. Down a column, eight rows at a time form a
 * chain of their own whose result is added to the sum, then the rows left over are added one by one: the processor
 * overlaps the chains, and the sums of a panel stay in the L1 cache while rows are read in long streams.
 */

#define NNI_ROWS_CHAINED 8

/* Adds what row `row` contributes at column j to the one or two sums of VF_LANES columns. `whole` says that all lanes are
 * inside the matrix; else `valid` says which. */
typedef void (*nni_column_fn_neon)(nni_vf_neon *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_neon valid);

NNI_INLINE nni_vf_neon nni_column_load_neon(const float *p, const int whole, nni_vm_neon valid) {
    return whole ? nni_vf_load_neon(p) : nni_vf_load_m_neon(p, valid);
}
NNI_INLINE void nni_column_store_neon(float *p, nni_vf_neon v, const int whole, nni_vm_neon valid) {
    if (whole) nni_vf_store_neon(p, v);
    else nni_vf_store_m_neon(p, v, valid);
}

NNI_INLINE void nni_column_chain_neon(nni_column_fn_neon f, const int sums, const int rows, float *sum, const nni_strip *s,
                                     size_t row, size_t j, const int whole, nni_vm_neon valid) {
    nni_vf_neon chain[2];
    NNI_UNROLL for (int i = 0; i < sums; i++) chain[i] = nni_vf_set1_neon(0.0f);
    NNI_UNROLL for (int r = 0; r < rows; r++) f(chain, s, row + (size_t)r, j, whole, valid);
    NNI_UNROLL for (int i = 0; i < sums; i++) {
        float *p = sum + (size_t)i * s->n + j;
        nni_column_store_neon(p, nni_vf_add_neon(nni_column_load_neon(p, whole, valid), chain[i]), whole, valid);
    }
}

NNI_INLINE void nni_column_chains_neon(nni_column_fn_neon f, const int sums, const int rows, float *sum, const nni_strip *s,
                                      size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) nni_column_chain_neon(f, sums, rows, sum, s, row, j, 1, nni_vm_first_neon(VF_LANES));
    if (j < s->n) nni_column_chain_neon(f, sums, rows, sum, s, row, j, 0, nni_vm_first_neon(s->n - j));
}

/* The first of two sums goes to sum[0..n), the second to sum[n..2n). */
NNI_INLINE void nni_column_sums_neon(nni_column_fn_neon f, const int sums, float *sum, const nni_strip *s) {
    size_t row = 0;
    memset(sum, 0, (size_t)sums * s->n * sizeof *sum);
    for (; row + NNI_ROWS_CHAINED <= s->rows; row += NNI_ROWS_CHAINED)
        nni_column_chains_neon(f, sums, NNI_ROWS_CHAINED, sum, s, row);
    for (; row < s->rows; row++) nni_column_chains_neon(f, sums, 1, sum, s, row);
}

NNI_INLINE void nni_column_sum_neon(nni_vf_neon *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_neon valid) {
    sum[0] = nni_vf_add_neon(sum[0], nni_column_load_neon(s->x + row * s->stride + j, whole, valid));
}

/* x - mean, and its square: moments about a value close to the mean, which lose nothing where that is far from 0. */
NNI_INLINE void nni_column_moments_neon(nni_vf_neon *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_neon valid) {
    const nni_vf_neon x = nni_column_load_neon(s->x + row * s->stride + j, whole, valid);
    const nni_vf_neon distance = nni_vf_sub_neon(x, nni_column_load_neon(s->mean + j, whole, valid));
    sum[0] = nni_vf_add_neon(sum[0], distance);
    sum[1] = nni_vf_fma_neon(distance, distance, sum[1]);
}

/* dy, and dy*(x - mean) with the mean of the column. */
NNI_INLINE void nni_column_products_neon(nni_vf_neon *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_neon valid) {
    const nni_vf_neon x = nni_column_load_neon(s->x + row * s->stride + j, whole, valid);
    const nni_vf_neon dy = nni_column_load_neon(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_vf_add_neon(sum[0], dy);
    sum[1] = nni_vf_fma_neon(dy, nni_vf_sub_neon(x, nni_column_load_neon(s->mean + j, whole, valid)), sum[1]);
}

/* dy, and dy*(x - mean)*inverse with the mean and the inverse deviation of the row. */
NNI_INLINE void nni_column_products_by_row_neon(nni_vf_neon *sum, const nni_strip *s, size_t row, size_t j, const int whole,
                                               nni_vm_neon valid) {
    const nni_vf_neon x = nni_column_load_neon(s->x + row * s->stride + j, whole, valid);
    const nni_vf_neon dy = nni_column_load_neon(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_vf_add_neon(sum[0], dy);
    sum[1] = nni_vf_fma_neon(dy, nni_vf_mul_neon(nni_vf_sub_neon(x, nni_vf_set1_neon(s->mean[row])), nni_vf_set1_neon(s->inverse[row])), sum[1]);
}

static void nni_columns_sum_neon(float *sum, const nni_strip *s) { nni_column_sums_neon(nni_column_sum_neon, 1, sum, s); }
static void nni_columns_moments_neon(float *sum, const nni_strip *s) { nni_column_sums_neon(nni_column_moments_neon, 2, sum, s); }
static void nni_columns_products_neon(float *sum, const nni_strip *s) {
    nni_column_sums_neon(nni_column_products_neon, 2, sum, s);
}
static void nni_columns_products_by_row_neon(float *sum, const nni_strip *s) {
    nni_column_sums_neon(nni_column_products_by_row_neon, 2, sum, s);
}

#undef NNI_ROWS_CHAINED

/* ---- simd/kernels/prelu.h ---- */
/* prelu.h - x > 0 ? x : slope*x, with a slope for each column that is learned */

NNI_INLINE nni_vf_neon nni_v_prelu_neon(nni_vf_neon x, nni_vf_neon slope, nni_vf_neon a) { return (void)a, nni_v_leaky_relu_neon(x, slope); }

static void nni_prelu_neon(float *y, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++)
        nni_map2_neon(nni_v_prelu_neon, y + i * s->stride, s->x + i * s->stride, slope, s->n, 0.0f);
}

/* dx = x > 0 ? dy : slope*dy */
static void nni_prelu_backward_neon(float *dx, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++) {
        const float *x = s->x + i * s->stride, *dy = s->dy + i * s->stride;
        float *to = dx + i * s->stride;
        size_t j = 0;
        for (; j + VF_LANES <= s->n; j += VF_LANES)
            nni_vf_store_neon(to + j, nni_d_leaky_relu_neon(nni_vf_load_neon(dy + j), nni_vf_load_neon(x + j), nni_vf_load_neon(slope + j)));
        const size_t rest = s->n - j;
        if (!rest) continue;
        nni_vf_store_n_neon(to + j, nni_d_leaky_relu_neon(nni_vf_load_n_neon(dy + j, rest), nni_vf_load_n_neon(x + j, rest), nni_vf_load_n_neon(slope + j, rest)), rest);
    }
}

/* sum + dy*x where x is not above 0 */
NNI_INLINE nni_vf_neon nni_prelu_product_neon(nni_vf_neon dy, nni_vf_neon x, nni_vf_neon sum) {
    return nni_vf_select_neon(nni_vf_lt_neon(nni_vf_set1_neon(0.0f), x), sum, nni_vf_fma_neon(dy, x, sum));
}

/* Down the columns, for a slope each, in the order of columns.h. */
NNI_INLINE void nni_column_prelu_neon(nni_vf_neon *sum, const nni_strip *s, size_t row, size_t j, const int whole, nni_vm_neon valid) {
    const nni_vf_neon dy = nni_column_load_neon(s->dy + row * s->stride + j, whole, valid);
    sum[0] = nni_prelu_product_neon(dy, nni_column_load_neon(s->x + row * s->stride + j, whole, valid), sum[0]);
}
static void nni_prelu_columns_neon(float *sum, const nni_strip *s) { nni_column_sums_neon(nni_column_prelu_neon, 1, sum, s); }

/* Over everything, for a slope that all columns share, in the order of reduce.h. */
NNI_INLINE nni_vf_neon nni_sum_prelu_neon(const float *dy, const float *x, nni_vf_neon sum) {
    return nni_prelu_product_neon(nni_vf_load_neon(dy), nni_vf_load_neon(x), sum);
}
NNI_INLINE nni_vf_neon nni_sum_prelu_n_neon(const float *dy, const float *x, nni_vf_neon sum, size_t n) {
    return nni_prelu_product_neon(nni_vf_load_n_neon(dy, n), nni_vf_load_n_neon(x, n), sum);
}
static void nni_prelu_sum_neon(float *partial, const float *dy, const float *x, size_t n) {
    nni_sum_blocks_neon(nni_sum_prelu_neon, nni_sum_prelu_n_neon, partial, dy, x, n);
}

/* ---- simd/kernels/norm.h ---- */
/* norm.h - normalising: by columns, with factors for each, and by rows, each with statistics of its own */

/* 1/sqrt(variance + epsilon) */
static void nni_inverse_deviation_neon(float *inverse, const float *variance, size_t n, float epsilon) {
    const nni_vf_neon one = nni_vf_set1_neon(1.0f), e = nni_vf_set1_neon(epsilon);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) nni_vf_store_neon(inverse + i, nni_vf_div_neon(one, nni_vf_sqrt_neon(nni_vf_add_neon(nni_vf_load_neon(variance + i), e))));
    if (i < n) nni_vf_store_n_neon(inverse + i, nni_vf_div_neon(one, nni_vf_sqrt_neon(nni_vf_add_neon(nni_vf_load_n_neon(variance + i, n - i), e))), n - i);
}

/* ---- by columns ---- */

#define NNI_ROWS_AT_ONCE 4 /* rows for which the factors of some columns are loaded once */

/* What is done to `rows` elements of VF_LANES columns, from row `row` and column j on. */
typedef void (*nni_normalize_fn_neon)(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                     const int rows, const int whole, nni_vm_neon valid);

NNI_INLINE void nni_normalize_rows_neon(nni_normalize_fn_neon f, const int rows, float *y, const nni_strip *s,
                                       const float *const *factor, size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) f(y, s, factor, row, j, rows, 1, nni_vm_first_neon(VF_LANES));
    if (j < s->n) f(y, s, factor, row, j, rows, 0, nni_vm_first_neon(s->n - j));
}

NNI_INLINE void nni_normalize_strip_neon(nni_normalize_fn_neon f, float *y, const nni_strip *s, const float *const *factor) {
    size_t row = 0;
    for (; row + NNI_ROWS_AT_ONCE <= s->rows; row += NNI_ROWS_AT_ONCE)
        nni_normalize_rows_neon(f, NNI_ROWS_AT_ONCE, y, s, factor, row);
    for (; row < s->rows; row++) nni_normalize_rows_neon(f, 1, y, s, factor, row);
}

NNI_INLINE void nni_normalize_columns_neon(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, nni_vm_neon valid) {
    const nni_vf_neon mean = nni_column_load_neon(s->mean + j, whole, valid);
    const nni_vf_neon scale = nni_column_load_neon(factor[0] + j, whole, valid);
    const nni_vf_neon shift = nni_column_load_neon(factor[1] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_neon distance = nni_vf_sub_neon(nni_column_load_neon(s->x + at, whole, valid), mean);
        nni_column_store_neon(y + at, nni_vf_fma_neon(distance, scale, shift), whole, valid);
    }
}

/* y = (x - mean)*scale + shift: the difference first, which is exact where a large mean would drown the result. */
static void nni_normalize_neon(float *y, const nni_strip *s, const float *scale, const float *shift) {
    const float *const factor[] = {scale, shift};
    nni_normalize_strip_neon(nni_normalize_columns_neon, y, s, factor);
}

NNI_INLINE void nni_normalize_columns_backward_neon(float *dx, const nni_strip *s, const float *const *factor, size_t row,
                                                   size_t j, const int rows, const int whole, nni_vm_neon valid) {
    const nni_vf_neon mean = nni_column_load_neon(s->mean + j, whole, valid);
    const nni_vf_neon inverse = nni_column_load_neon(s->inverse + j, whole, valid);
    const nni_vf_neon gain = nni_column_load_neon(factor[0] + j, whole, valid);
    const nni_vf_neon less = nni_vf_sub_neon(nni_vf_set1_neon(0.0f), nni_column_load_neon(factor[1] + j, whole, valid));
    const nni_vf_neon slope = nni_column_load_neon(factor[2] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_neon distance = nni_vf_sub_neon(nni_column_load_neon(s->x + at, whole, valid), mean);
        const nni_vf_neon centred = nni_vf_fma_neon(gain, nni_column_load_neon(s->dy + at, whole, valid), less);
        nni_column_store_neon(dx + at, nni_vf_mul_neon(inverse, nni_vf_fnma_neon(distance, slope, centred)), whole, valid);
    }
}

/* dx = inverse*(gain*dy - dy_mean - (x - mean)*slope) */
static void nni_normalize_backward_neon(float *dx, const nni_strip *s, const float *gain, const float *dy_mean,
                                       const float *slope) {
    const float *const factor[] = {gain, dy_mean, slope};
    nni_normalize_strip_neon(nni_normalize_columns_backward_neon, dx, s, factor);
}

#undef NNI_ROWS_AT_ONCE

/* ---- by rows ---- */

/* A row, and what is done with it. `scaled` says that there is a gamma: known when compiled, or a register too few would
 * hold the sums. */
typedef struct nni_row_neon {
    const float *x, *dy, *gamma, *beta;
    nni_vf_neon mean;
    int scaled;
} nni_row_neon;

/* Adds what VF_LANES elements from i on contribute to two sums. */
typedef void (*nni_row_fn_neon)(nni_vf_neon *first, nni_vf_neon *second, const nni_row_neon *r, size_t i, const int whole, nni_vm_neon valid);

/* Two sums over n floats at once, in 16 lanes and blocks as everywhere. */
NNI_INLINE void nni_row_sums_neon(nni_row_fn_neon f, double *first, double *second, const nni_row_neon *r, size_t n) {
    *first = *second = 0.0;
    for (size_t begin = 0; begin < n; begin += NNI_BLOCK) {
        const size_t end = nni_min(n, begin + NNI_BLOCK);
        nni_vf_neon a[NNI_WIDE], b[NNI_WIDE];
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) a[w] = b[w] = nni_vf_set1_neon(0.0f);
        size_t i = begin;
        for (; i + 16 <= end; i += 16)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++)
                f(a + w, b + w, r, i + (size_t)(w * VF_LANES), 1, nni_vm_first_neon(VF_LANES));
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const size_t at = i + (size_t)(w * VF_LANES);
            if (at < end) f(a + w, b + w, r, at, 0, nni_vm_first_neon(nni_min(end - at, VF_LANES)));
        }
        *first += (double)nni_fold16_neon(a);
        *second += (double)nni_fold16_neon(b);
    }
}

NNI_INLINE void nni_row_plain_neon(nni_vf_neon *first, nni_vf_neon *second, const nni_row_neon *r, size_t i, const int whole, nni_vm_neon valid) {
    (void)second;
    *first = nni_vf_add_neon(*first, nni_column_load_neon(r->x + i, whole, valid));
}

/* x - mean, and 0 beyond the end of the row */
NNI_INLINE nni_vf_neon nni_row_distance_neon(const nni_row_neon *r, size_t i, const int whole, nni_vm_neon valid) {
    const nni_vf_neon distance = nni_vf_sub_neon(nni_column_load_neon(r->x + i, whole, valid), r->mean);
    return whole ? distance : nni_vf_where_neon(valid, distance);
}

NNI_INLINE void nni_row_moments_neon(nni_vf_neon *first, nni_vf_neon *second, const nni_row_neon *r, size_t i, const int whole, nni_vm_neon valid) {
    const nni_vf_neon distance = nni_row_distance_neon(r, i, whole, valid);
    *first = nni_vf_add_neon(*first, distance);
    *second = nni_vf_fma_neon(distance, distance, *second);
}

NNI_INLINE nni_vf_neon nni_row_gamma_neon(const nni_row_neon *r, size_t i, const int whole, nni_vm_neon valid) {
    return r->scaled ? nni_column_load_neon(r->gamma + i, whole, valid) : nni_vf_set1_neon(1.0f);
}

/* gamma*dy, and gamma*dy*(x - mean) */
NNI_INLINE void nni_row_products_neon(nni_vf_neon *first, nni_vf_neon *second, const nni_row_neon *r, size_t i, const int whole, nni_vm_neon valid) {
    const nni_vf_neon g = nni_vf_mul_neon(nni_row_gamma_neon(r, i, whole, valid), nni_column_load_neon(r->dy + i, whole, valid));
    *first = nni_vf_add_neon(*first, g);
    *second = nni_vf_fma_neon(g, nni_row_distance_neon(r, i, whole, valid), *second);
}

/* Mean and inverse deviation of a row: a first mean, then the moments about it, which correct what was rounded off. */
NNI_INLINE float nni_row_statistics_neon(float *inverse, const float *x, size_t n, float epsilon) {
    nni_row_neon r = {x, NULL, NULL, NULL, nni_vf_set1_neon(0.0f), 0};
    const double share = 1.0 / (double)n;
    double sum, squares;
    nni_row_sums_neon(nni_row_plain_neon, &sum, &squares, &r, n);
    const float about = (float)(sum * share);
    r.mean = nni_vf_set1_neon(about);
    nni_row_sums_neon(nni_row_moments_neon, &sum, &squares, &r, n);
    const double off = sum * share, variance = squares * share - off * off;
    *inverse = (float)(1.0 / sqrt((variance < 0.0 ? 0.0 : variance) + (double)epsilon));
    return (float)((double)about + off);
}

NNI_INLINE void nni_layer_norm_vector_neon(float *y, const nni_row_neon *r, nni_vf_neon inverse, size_t i, const int whole, nni_vm_neon valid) {
    const nni_vf_neon shift = r->beta ? nni_column_load_neon(r->beta + i, whole, valid) : nni_vf_set1_neon(0.0f);
    const nni_vf_neon scale = nni_vf_mul_neon(inverse, nni_row_gamma_neon(r, i, whole, valid));
    nni_column_store_neon(y + i, nni_vf_fma_neon(nni_row_distance_neon(r, i, whole, valid), scale, shift), whole, valid);
}

/* mean and inverse take those of each row, unless NULL */
static void nni_layer_norm_neon(float *y, float *mean, float *inverse, const nni_strip *s, const float *gamma, const float *beta,
                               float epsilon) {
    nni_row_neon r = {s->x, NULL, gamma, beta, nni_vf_set1_neon(0.0f), gamma != NULL};
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, y += s->n) {
        float row_inverse;
        const float row_mean = nni_row_statistics_neon(&row_inverse, r.x, s->n, epsilon);
        const nni_vf_neon scale = nni_vf_set1_neon(row_inverse);
        r.mean = nni_vf_set1_neon(row_mean);
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES) nni_layer_norm_vector_neon(y, &r, scale, i, 1, nni_vm_first_neon(VF_LANES));
        if (i < s->n) nni_layer_norm_vector_neon(y, &r, scale, i, 0, nni_vm_first_neon(s->n - i));
        if (mean) mean[row] = row_mean;
        if (inverse) inverse[row] = row_inverse;
    }
}

NNI_INLINE void nni_layer_norm_vector_backward_neon(float *dx, const nni_row_neon *r, nni_vf_neon inverse, nni_vf_neon less, nni_vf_neon slope, size_t i,
                                                   const int whole, nni_vm_neon valid) {
    const nni_vf_neon dy = nni_column_load_neon(r->dy + i, whole, valid);
    const nni_vf_neon centred = nni_vf_fma_neon(nni_row_gamma_neon(r, i, whole, valid), dy, less);
    const nni_vf_neon distance = nni_row_distance_neon(r, i, whole, valid);
    nni_column_store_neon(dx + i, nni_vf_mul_neon(inverse, nni_vf_fnma_neon(distance, slope, centred)), whole, valid);
}

/* dx = inverse*(g - mean(g) - z*mean(g*z)) with g = gamma*dy, z = (x - mean)*inverse */
NNI_INLINE void nni_layer_norm_rows_backward_neon(const int scaled, float *dx, const nni_strip *s, const float *gamma) {
    nni_row_neon r = {s->x, s->dy, gamma, NULL, nni_vf_set1_neon(0.0f), scaled};
    const double share = 1.0 / (double)s->n;
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, r.dy += s->n, dx += s->n) {
        const double row_inverse = (double)s->inverse[row];
        double sum, products;
        r.mean = nni_vf_set1_neon(s->mean[row]);
        nni_row_sums_neon(nni_row_products_neon, &sum, &products, &r, s->n);
        const nni_vf_neon inverse = nni_vf_set1_neon(s->inverse[row]), less = nni_vf_set1_neon((float)(-sum * share));
        const nni_vf_neon slope = nni_vf_set1_neon((float)(products * share * row_inverse * row_inverse));
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES)
            nni_layer_norm_vector_backward_neon(dx, &r, inverse, less, slope, i, 1, nni_vm_first_neon(VF_LANES));
        if (i < s->n) nni_layer_norm_vector_backward_neon(dx, &r, inverse, less, slope, i, 0, nni_vm_first_neon(s->n - i));
    }
}

static void nni_layer_norm_backward_neon(float *dx, const nni_strip *s, const float *gamma) {
    if (gamma) nni_layer_norm_rows_backward_neon(1, dx, s, gamma);
    else nni_layer_norm_rows_backward_neon(0, dx, s, NULL);
}

/* ---- simd/kernels/softmax.h ---- */
/* softmax.h - softmax, log-softmax and log-sum-exp of each row, and their gradients
 *
 * The row's maximum is subtracted first, so every exponential is at most 1 and one of them is 1: no finite row can
 * overflow or divide by zero. Sums run in 16 lanes over blocks of NNI_BLOCK, whose results are added in double.
 */

/* y[i] = e^(x[i] - shift) for n <= NNI_BLOCK floats; their sum is returned. A NULL y keeps the sum only. */
NNI_INLINE float nni_exp_block_neon(const int keep, float *y, const float *x, size_t n, float shift) {
    const nni_vf_neon top = nni_vf_set1_neon(shift);
    nni_vf_neon sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = nni_vf_set1_neon(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const nni_vf_neon e = nni_vexp_neon(nni_vf_sub_neon(nni_vf_load_neon(x + i + w * VF_LANES), top));
            if (keep) nni_vf_store_neon(y + i + w * VF_LANES, e);
            sum[w] = nni_vf_add_neon(sum[w], e);
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at >= n) continue;
        const nni_vm_neon valid = nni_vm_first_neon(nni_min(n - at, VF_LANES));
        const nni_vf_neon e = nni_vf_where_neon(valid, nni_vexp_neon(nni_vf_sub_neon(nni_vf_load_m_neon(x + at, valid), top)));
        if (keep) nni_vf_store_m_neon(y + at, e, valid);
        sum[w] = nni_vf_add_neon(sum[w], e);
    }
    return nni_fold16_neon(sum);
}

NNI_INLINE double nni_exp_row_neon(const int keep, float *y, const float *x, size_t n, float shift) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i += NNI_BLOCK)
        sum += (double)nni_exp_block_neon(keep, keep ? y + i : y, x + i, nni_min(n - i, NNI_BLOCK), shift);
    return sum;
}

/* log of a sum of exponentials, which lies in [1, n] */
NNI_INLINE float nni_log_of_sum_neon(double sum) {
    float y[VF_LANES];
    nni_vf_store_neon(y, nni_vlog_neon(nni_vf_set1_neon((float)sum)));
    return y[0];
}

static void nni_softmax_neon(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        const double sum = nni_exp_row_neon(1, y, x, n, nni_max_neon(x, n));
        nni_map1_neon(nni_v_scale_neon, y, y, n, (float)(1.0 / sum));
    }
}

NNI_INLINE nni_vf_neon nni_v_subtract_neon(nni_vf_neon x, nni_vf_neon a) { return nni_vf_sub_neon(x, a); }

static void nni_log_softmax_neon(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        const float top = nni_max_neon(x, n), log_sum = nni_log_of_sum_neon(nni_exp_row_neon(0, NULL, x, n, top));
        /* two subtractions: top + log_sum in one float would lose log_sum beside a large top */
        nni_map1_neon(nni_v_subtract_neon, y, x, n, top);
        nni_map1_neon(nni_v_subtract_neon, y, y, n, log_sum);
    }
}

static void nni_log_sum_exp_neon(float *y, const float *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n) {
        const float top = nni_max_neon(x, n);
        y[r] = top + nni_log_of_sum_neon(nni_exp_row_neon(0, NULL, x, n, top));
    }
}

NNI_INLINE nni_vf_neon nni_d_softmax_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon dot) { return nni_vf_mul_neon(y, nni_vf_sub_neon(dy, dot)); }
NNI_INLINE nni_vf_neon nni_d_log_softmax_neon(nni_vf_neon dy, nni_vf_neon e, nni_vf_neon sum) { return nni_vf_fnma_neon(e, sum, dy); }

/* dx = y * (dy - sum(dy*y)) */
static void nni_softmax_backward_neon(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double dot = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            dot += (double)nni_sum_block_neon(nni_sum_product_neon, nni_sum_product_n_neon, dy + i, y + i, nni_min(n - i, NNI_BLOCK));
        nni_map2_neon(nni_d_softmax_neon, dx, dy, y, n, (float)dot);
    }
}

NNI_INLINE nni_vf_neon nni_d_log_softmax_y_neon(nni_vf_neon dy, nni_vf_neon y, nni_vf_neon sum) { return nni_d_log_softmax_neon(dy, nni_vexp_neon(y), sum); }

/* dx = dy - e^y * sum(dy) */
static void nni_log_softmax_backward_neon(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            sum += (double)nni_sum_block_neon(nni_sum_one_neon, nni_sum_one_n_neon, dy + i, dy + i, nni_min(n - i, NNI_BLOCK));
        nni_map2_neon(nni_d_log_softmax_y_neon, dx, dy, y, n, (float)sum);
    }
}

/* ---- simd/kernels/random.h ---- */
/* random.h - Philox 4x32-10: random numbers as a function of (key, stream, position), nothing carried along
 *
 * Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). One counter gives four words. Words
 * are laid out in blocks of 64: the first words of 16 counters, then the second words, ... which every vector width
 * can store as whole vectors. Position i is word (i/16)%4 of counter (i/64)*16 + i%16, the counter being
 * (low, high half of that number, low, high half of stream).
 */

/* The words of the VF_LANES counters from `counter` on, a multiple of VF_LANES: no lane carries into the high half. */
NNI_INLINE void nni_philox_neon(nni_vi_neon *word, uint64_t key, uint64_t stream, uint64_t counter) {
    nni_vi_neon c0 = nni_vi_add_neon(nni_vi_set1_neon((uint32_t)counter), nni_vi_lane_neon()), c1 = nni_vi_set1_neon((uint32_t)(counter >> 32));
    nni_vi_neon c2 = nni_vi_set1_neon((uint32_t)stream), c3 = nni_vi_set1_neon((uint32_t)(stream >> 32));
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    const nni_vi_neon m0 = nni_vi_set1_neon(0xD2511F53u), m1 = nni_vi_set1_neon(0xCD9E8D57u);
    NNI_UNROLL for (int round = 0; round < 10; round++) {
        nni_vi_neon high0, high1;
        const nni_vi_neon low0 = nni_vi_mul_wide_neon(c0, m0, &high0), low1 = nni_vi_mul_wide_neon(c2, m1, &high1);
        c0 = nni_vi_xor_neon(nni_vi_xor_neon(high1, c1), nni_vi_set1_neon(k0));
        c2 = nni_vi_xor_neon(nni_vi_xor_neon(high0, c3), nni_vi_set1_neon(k1));
        c1 = low1;
        c3 = low0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

/* Stores at y + 16*w the VF_LANES values made from word w. */
typedef void (*nni_random_fn_neon)(float *y, const nni_vi_neon *word, nni_vf_neon a, nni_vf_neon b);

NNI_INLINE void nni_random_blocks_neon(nni_random_fn_neon f, float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks,
                                      float a, float b) {
    const nni_vf_neon av = nni_vf_set1_neon(a), bv = nni_vf_set1_neon(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_neon word[4];
            nni_philox_neon(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, word, av, bv);
        }
}

/* The top 24 bits as a multiple of 2^-24 in [0, 1): every value a float, all equally likely. */
NNI_INLINE nni_vf_neon nni_unit_neon(nni_vi_neon word) { return nni_vf_mul_neon(nni_vf_from_int_neon(nni_vi_shr_neon(word, 8)), nni_vf_set1_neon(1.0f / 16777216.0f)); }

/* The float before a: its bits count down from a positive number and up from a negative one. */
NNI_INLINE nni_vf_neon nni_float_before_neon(nni_vf_neon a) {
    const nni_vi_neon bits = nni_vf_bits_neon(a), sign = nni_vi_sar_neon(bits, 31);
    const nni_vf_neon before = nni_vf_from_bits_neon(nni_vi_sub_neon(nni_vi_sub_neon(bits, nni_vi_set1_neon(1)), nni_vi_shl_neon(sign, 1)));
    return nni_vf_select_neon(nni_vf_eq_neon(a, nni_vf_set1_neon(0.0f)), nni_vf_from_bits_neon(nni_vi_set1_neon(0x80000001u)), before);
}

/* lo + (hi - lo)*u, a = lo, b = hi; where the sum rounds up to hi, the float before it: the interval stays half open. */
NNI_INLINE void nni_random_uniform_words_neon(float *y, const nni_vi_neon *word, nni_vf_neon a, nni_vf_neon b) {
    const nni_vf_neon width = nni_vf_sub_neon(b, a), last = nni_float_before_neon(b);
    NNI_UNROLL for (int w = 0; w < 4; w++) {
        const nni_vf_neon v = nni_vf_fma_neon(width, nni_unit_neon(word[w]), a);
        nni_vf_store_neon(y + 16 * w, nni_vf_select_neon(nni_vf_eq_neon(v, b), last, v));
    }
}

/* Box-Muller: two words give two normal values, *radius times *sine and *cosine. */
NNI_INLINE void nni_normal_pair_neon(const nni_vi_neon *word, nni_vf_neon deviation, nni_vf_neon *radius, nni_vf_neon *sine, nni_vf_neon *cosine) {
    const nni_vf_neon u = nni_vf_add_neon(nni_unit_neon(word[0]), nni_vf_set1_neon(1.0f / 16777216.0f)); /* (0, 1]: the log is finite */
    *radius = nni_vf_mul_neon(deviation, nni_vf_sqrt_neon(nni_vf_mul_neon(nni_vf_set1_neon(-2.0f), nni_log_builtin_neon(u))));
    nni_vsincos_turns_neon(nni_unit_neon(word[1]), sine, cosine);
}

/* Words 0 and 1 give two normal values, words 2 and 3 two more. a = mean, b = standard deviation. */
NNI_INLINE void nni_random_normal_words_neon(float *y, const nni_vi_neon *word, nni_vf_neon a, nni_vf_neon b) {
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        nni_vf_neon radius, sine, cosine;
        nni_normal_pair_neon(word + w, b, &radius, &sine, &cosine);
        nni_vf_store_neon(y + 16 * w, nni_vf_fma_neon(radius, cosine, a));
        nni_vf_store_neon(y + 16 * w + 16, nni_vf_fma_neon(radius, sine, a));
    }
}

/* b where u < a, else 0. */
NNI_INLINE void nni_random_mask_words_neon(float *y, const nni_vi_neon *word, nni_vf_neon a, nni_vf_neon b) {
    NNI_UNROLL for (int w = 0; w < 4; w++) nni_vf_store_neon(y + 16 * w, nni_vf_where_neon(nni_vf_lt_neon(nni_unit_neon(word[w]), a), b));
}

static void nni_random_bits_neon(uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks) {
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_neon word[4];
            nni_philox_neon(word, key, stream, (first + block) * 16 + lane);
            NNI_UNROLL for (int w = 0; w < 4; w++) nni_vi_store_neon(y + block * 64 + lane + 16 * w, word[w]);
        }
}
static void nni_random_uniform_neon(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float lo, float hi) {
    nni_random_blocks_neon(nni_random_uniform_words_neon, y, key, stream, first, blocks, lo, hi);
}
static void nni_random_normal_neon(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float mean, float sd) {
    nni_random_blocks_neon(nni_random_normal_words_neon, y, key, stream, first, blocks, mean, sd);
}
static void nni_random_mask_neon(float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float keep, float value) {
    nni_random_blocks_neon(nni_random_mask_words_neon, y, key, stream, first, blocks, keep, value);
}

/* ---- simd/kernels/dropout.h ---- */
/* dropout.h - random masks and noise upon an array: y[i] = f(x[i], number i of the sequence), in the blocks of random.h */

/* Stores at y + 16*w what word w makes of the VF_LANES values at x + 16*w. */
typedef void (*nni_noise_fn_neon)(float *y, const float *x, const nni_vi_neon *word, nni_vf_neon a, nni_vf_neon b);

NNI_INLINE void nni_noise_blocks_neon(nni_noise_fn_neon f, float *y, const float *x, uint64_t key, uint64_t stream,
                                     uint64_t first, size_t blocks, float a, float b) {
    const nni_vf_neon av = nni_vf_set1_neon(a), bv = nni_vf_set1_neon(b);
    for (size_t block = 0; block < blocks; block++)
        for (size_t lane = 0; lane < 16; lane += VF_LANES) {
            nni_vi_neon word[4];
            nni_philox_neon(word, key, stream, (first + block) * 16 + lane);
            f(y + block * 64 + lane, x + block * 64 + lane, word, av, bv);
        }
}

/* b*x where u < a, else 0, whatever x is */
NNI_INLINE void nni_dropout_words_neon(float *y, const float *x, const nni_vi_neon *word, nni_vf_neon a, nni_vf_neon b) {
    NNI_UNROLL for (int w = 0; w < 4; w++)
        nni_vf_store_neon(y + 16 * w, nni_vf_where_neon(nni_vf_lt_neon(nni_unit_neon(word[w]), a), nni_vf_mul_neon(b, nni_vf_load_neon(x + 16 * w))));
}

/* x + b*normal */
NNI_INLINE void nni_add_normal_words_neon(float *y, const float *x, const nni_vi_neon *word, nni_vf_neon a, nni_vf_neon b) {
    (void)a;
    NNI_UNROLL for (int w = 0; w < 4; w += 2) {
        nni_vf_neon radius, sine, cosine;
        nni_normal_pair_neon(word + w, b, &radius, &sine, &cosine);
        nni_vf_store_neon(y + 16 * w, nni_vf_fma_neon(radius, cosine, nni_vf_load_neon(x + 16 * w)));
        nni_vf_store_neon(y + 16 * w + 16, nni_vf_fma_neon(radius, sine, nni_vf_load_neon(x + 16 * w + 16)));
    }
}

static void nni_dropout_neon NNI_NOISE_ARGUMENTS {
    nni_noise_blocks_neon(nni_dropout_words_neon, y, x, key, stream, first, blocks, a, b);
}
static void nni_add_normal_neon NNI_NOISE_ARGUMENTS {
    nni_noise_blocks_neon(nni_add_normal_words_neon, y, x, key, stream, first, blocks, a, b);
}

/* scale*x in the columns whose mask is positive, else 0, whatever x is */
NNI_INLINE void nni_mask_columns_rows_neon(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, nni_vm_neon valid) {
    const nni_vf_neon mask = nni_column_load_neon(factor[0] + j, whole, valid), scale = nni_vf_set1_neon(*factor[1]);
    const nni_vm_neon kept = nni_vf_lt_neon(nni_vf_set1_neon(0.0f), mask);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const nni_vf_neon x = nni_column_load_neon(s->x + at, whole, valid);
        nni_column_store_neon(y + at, nni_vf_where_neon(kept, nni_vf_mul_neon(scale, x)), whole, valid);
    }
}
static void nni_mask_columns_neon(float *y, const nni_strip *s, const float *mask, float scale) {
    const float *const factor[] = {mask, &scale};
    nni_normalize_strip_neon(nni_mask_columns_rows_neon, y, s, factor);
}

/* ---- simd/kernels/gemm_tile.h ---- */
/* gemm_tile.h - the micro-kernel: a tile of C held in registers while k runs
 *
 *                          b, vectors x VF_LANES wide           C is loaded first and stored last, so an element is one
 *                 p=0  [ . . . . . . . . . . . . ]              chain of fused multiply-adds in the order of k, however
 *                 p=1  [ . . . . . . . . . . . . ]  ldb         k is blocked: the bits depend on nothing else.
 *                  :                                            beta = 0 does not read C, which may hold NaN.
 *        a: p=0 1 2 ..                                          The last vector of a row holds `ragged` <= VF_LANES
 *    row 0 [ . . . . ]     c: rows x vectors                    columns; nothing beyond them is read or written, but
 *    row 1 [ . . . . ]     [ . . . . . . . . . . . . ]          where VF_FREE_MASK is 0 b must be readable there.
 *     :                                                         No alignment is needed.
 *
 * One call computes a run of `count` such tiles, each a step of a_next, b_next, c_next from the one before: down C, along
 * it, or just one.
 */

/* KC rows of B: a panel of two vectors stays in L1 (48 KiB at 16 lanes). MC rows of A: MC x KC stays in L2. */
#define NNI_KC 384
#define NNI_KC_LARGE 512 /* packed, C is what costs, and passes over it are k/KC */
#define NNI_MC 336
#define NNI_MC_PAGES 64 /* rows of A where each row of B is on a page of its own: both must fit the first TLB */
#define NNI_PAGE 1024
#define NNI_NC 3072
#define NNI_SHALLOW 32 /* k up to which writing C is most of the work */
#define NNI_WIDE_C (1u << 20) /* floats of C from which its rows are written one after another */
#define NNI_FAR (3u << 20) /* floats of B from which it is memory that has to be waited for: prefetch */

typedef struct nni_tiles_neon {
    size_t k, count;
    size_t a_stride, ldb, ldc;
    size_t a_next, b_next, c_next;
    size_t ragged;
    size_t ahead;     /* where to prefetch B, in floats from where it is read */
    int prefetch_c;   /* ask for the next tile of C before computing this one */
    float beta;
} nni_tiles_neon;

/* A run from a, b and c on. */
typedef void (*nni_tile_fn_neon)(const nni_tiles_neon *run, const float *a, const float *b, float *c);

/* For convolutions: A is read in `rows` x `count` stretches of k, with jumps between the end of one and the next, and B
 * jumps between rows; and bias and ReLU are done before C is stored. By k there is one stretch a row, and no epilogue. */
typedef struct nni_taps_neon {
    size_t rows, count;
    ptrdiff_t jump, row_jump; /* of A: after a stretch; after `count` of them, on top */
    size_t b_jump;            /* of B, after a row */
    const float *bias;        /* of the columns of the tile, or NULL */
    int relu;
} nni_taps_neon;

typedef void (*nni_taps_fn_neon)(const nni_tiles_neon *run, const nni_taps_neon *taps, const float *a, const float *b, float *c);

NNI_INLINE nni_vf_neon nni_tile_load_b_neon(const float *b, int last, nni_vm_neon mask) {
    return VF_FREE_MASK && last ? nni_vf_load_m_neon(b, mask) : nni_vf_load_neon(b);
}

/* What is done to the sums of a convolution before they are stored. */
NNI_INLINE void nni_tile_finish_neon(const int rows, const int vectors, const nni_taps_neon *taps, nni_vf_neon *sum, nni_vm_neon mask) {
    if (taps->bias)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            const float *at = taps->bias + j * VF_LANES;
            const nni_vf_neon bias = j == vectors - 1 ? nni_vf_load_m_neon(at, mask) : nni_vf_load_neon(at);
            NNI_UNROLL for (int i = 0; i < rows; i++) sum[i * vectors + j] = nni_vf_add_neon(sum[i * vectors + j], bias);
        }
    if (taps->relu)
        NNI_UNROLL for (int s = 0; s < rows * vectors; s++) sum[s] = nni_v_relu_neon(sum[s], sum[s]);
}

/* by_k: a(i,p) = a[p*a_stride + i], as in a packed or transposed A; otherwise a(i,p) = a[i*a_stride + p]. taps is NULL for
 * a plain product, of which nothing then is left of the loops over them. */
NNI_INLINE void nni_tile_neon(const int rows, const int vectors, const int by_k, const nni_tiles_neon *run,
                             const nni_taps_neon *taps, const float *a, const float *b, float *c) {
    nni_vf_neon sum[28], bv[4];
    const nni_vm_neon mask = nni_vm_first_neon(run->ragged);
    const size_t a_stride = run->a_stride, ldb = run->ldb, ldc = run->ldc, k = run->k, ahead = run->ahead;

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = nni_vf_set1_neon(0.0f);
    if (run->beta != 0.0f) {
        const nni_vf_neon scale = nni_vf_set1_neon(run->beta);
        NNI_UNROLL for (int i = 0; i < rows; i++)
            NNI_UNROLL for (int j = 0; j < vectors; j++) {
                const float *at = c + (size_t)i * ldc + j * VF_LANES;
                sum[i * vectors + j] = nni_vf_mul_neon(scale, j == vectors - 1 ? nni_vf_load_m_neon(at, mask) : nni_vf_load_neon(at));
            }
    }

    if (by_k) {
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t p = 0; p < k; p++) {
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    bv[j] = nni_tile_load_b_neon(b + j * VF_LANES, j == vectors - 1, mask);
                NNI_UNROLL for (int i = 0; i + 4 <= rows; i += 4) {
                    const nni_vq_neon av = nni_vq_load_neon(a + i);
                    NNI_UNROLL for (int r = 0; r < 4; r++)
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[(i + r) * vectors + j] = nni_vf_fma_q_neon(av, r, bv[j], sum[(i + r) * vectors + j]);
                }
                NNI_UNROLL for (int i = rows / 4 * 4; i < rows; i++) {
                    const nni_vf_neon av = nni_vf_set1_neon(a[i]);
                    NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = nni_vf_fma_neon(av, bv[j], sum[i * vectors + j]);
                }
                a += a_stride;
                b += ldb;
            }
            if (taps) a += taps->row_jump;
        }
    } else {
        /* One pointer for three rows: x86 reaches p, p + stride and p + 2*stride from it, and 14 pointers would spill. */
        const float *row[6];
        NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] = a + (size_t)i * a_stride;
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t count = taps ? taps->count : 1; count > 0; count--) {
                for (size_t p = 0; p < k; p++) {
                    NNI_UNROLL for (int j = 0; j < vectors; j++) {
                        if (!taps) __builtin_prefetch(b + ahead + j * VF_LANES);
                        bv[j] = nni_tile_load_b_neon(b + j * VF_LANES, j == vectors - 1, mask);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i++) {
                        const nni_vf_neon av = nni_vf_set1_neon(row[i / 3][(size_t)(i % 3) * a_stride]);
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[i * vectors + j] = nni_vf_fma_neon(av, bv[j], sum[i * vectors + j]);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3]++;
                    b += ldb;
                }
                if (taps) NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->jump;
            }
            if (taps) {
                NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->row_jump;
                b += taps->b_jump;
            }
        }
    }
    if (taps && !by_k) nni_tile_finish_neon(rows, vectors, taps, sum, mask);

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            float *at = c + (size_t)i * ldc + j * VF_LANES;
            if (j < vectors - 1) nni_vf_store_neon(at, sum[i * vectors + j]);
            else if (VF_FREE_MASK || run->ragged < VF_LANES) nni_vf_store_m_neon(at, sum[i * vectors + j], mask);
            else nni_vf_store_neon(at, sum[i * vectors + j]);
        }
}

NNI_INLINE void nni_tile_run_neon(const int rows, const int vectors, const int by_k, const nni_tiles_neon *run,
                                 const nni_taps_neon *taps, const float *a, const float *b, float *c) {
    for (size_t t = run->count; t > 0; t--) {
        if (run->prefetch_c && t > 1)
            NNI_UNROLL for (int i = 0; i < rows; i++)
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    __builtin_prefetch(c + run->c_next + (size_t)i * run->ldc + j * VF_LANES, 1);
        nni_tile_neon(rows, vectors, by_k, run, taps, a, b, c);
        a += run->a_next;
        b += run->b_next;
        c += run->c_next;
    }
}

/* Every tile that fits, in both readings of A, for products and for convolutions. */
#define NNI_TILE_DEFINE(rows, vectors)                                                                     \
    static void nni_tile_by_row_##rows##x##vectors##_neon(const nni_tiles_neon *run,                           \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_neon(rows, vectors, 0, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void nni_tile_by_k_##rows##x##vectors##_neon(const nni_tiles_neon *run,                             \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_neon(rows, vectors, 1, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void nni_taps_by_row_##rows##x##vectors##_neon(const nni_tiles_neon *run, const nni_taps_neon *taps, \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_neon(rows, vectors, 0, run, taps, a, b, c);                                            \
    }                                                                                                      \
    static void nni_taps_by_k_##rows##x##vectors##_neon(const nni_tiles_neon *run, const nni_taps_neon *taps,   \
                                                       const float *a, const float *b, float *c) {         \
        nni_tile_run_neon(rows, vectors, 1, run, taps, a, b, c);                                            \
    }
NNI_TILES(NNI_TILE_DEFINE)
#undef NNI_TILE_DEFINE

static const int nni_tile_rows_neon[4] = {NNI_TILE_ROWS};

/* The place of a tile in the tables, which list all of 1 vector, then all of 2, ... */
static size_t nni_tile_index_neon(size_t rows, size_t vectors) {
    size_t at = rows - 1;
    for (size_t v = 1; v < vectors; v++) at += (size_t)nni_tile_rows_neon[v - 1];
    return at;
}

static nni_tile_fn_neon nni_tile_find_neon(int by_k, size_t rows, size_t vectors) {
#define NNI_TILE_BY_ROW(rows, vectors) nni_tile_by_row_##rows##x##vectors##_neon,
#define NNI_TILE_BY_K(rows, vectors) nni_tile_by_k_##rows##x##vectors##_neon,
    static const nni_tile_fn_neon by_row_table[] = {NNI_TILES(NNI_TILE_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TILE_BY_K)};
#undef NNI_TILE_BY_ROW
#undef NNI_TILE_BY_K
    return (by_k ? by_k_table : by_row_table)[nni_tile_index_neon(rows, vectors)];
}

static nni_taps_fn_neon nni_taps_find_neon(int by_k, size_t rows, size_t vectors) {
#define NNI_TAPS_BY_ROW(rows, vectors) nni_taps_by_row_##rows##x##vectors##_neon,
#define NNI_TAPS_BY_K(rows, vectors) nni_taps_by_k_##rows##x##vectors##_neon,
    static const nni_taps_fn_neon by_row_table[] = {NNI_TILES(NNI_TAPS_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TAPS_BY_K)};
#undef NNI_TAPS_BY_ROW
#undef NNI_TAPS_BY_K
    return (by_k ? by_k_table : by_row_table)[nni_tile_index_neon(rows, vectors)];
}

/* ---- simd/kernels/gemm_pack.h ---- */
/* gemm_pack.h - copies of A and B in the order in which the tiles read them
 *
 *   A, rows x k -> by k:  dst[p*rows + i] = scale * a(i,p)
 *   B, k x cols -> rows of `width` floats:  dst[p*width + j] = b(p,j)
 */

/* Columns of a block: r[p] lane i = a[i*stride + p] for i < rows <= VF_LANES, p < cols <= VF_LANES. Lanes from `rows` on
 * repeat the last row, vectors from `cols` on are zero: nobody reads either. */
NNI_INLINE void nni_pack_block_neon(nni_vf_neon *r, const float *a, size_t stride, size_t rows, size_t cols) {
    if (cols == VF_LANES) {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = nni_vf_load_neon(a + nni_min(i, rows - 1) * stride);
    } else {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = nni_vf_load_n_neon(a + nni_min(i, rows - 1) * stride, cols);
    }
    nni_vf_transpose_neon(r);
}

/* Whole vectors are stored where `rows` is less than one: the floats too many are overwritten by the next p, and the
 * buffer has VF_LANES to spare behind the last panel. */
static void nni_pack_a_neon(float *dst, const float *a, size_t a_row, size_t a_col, size_t rows, size_t k, float scale) {
    const nni_vf_neon s = nni_vf_set1_neon(scale);
    for (size_t i = 0; i < rows; i += VF_LANES) {
        const size_t height = nni_min(rows - i, VF_LANES);
        const int spill = rows < VF_LANES;
        if (a_row == 1) {
            for (size_t p = 0; p < k; p++) {
                const nni_vf_neon v = nni_vf_mul_neon(s, nni_vf_load_n_neon(a + p * a_col + i, height));
                if (spill) nni_vf_store_neon(dst + p * rows + i, v);
                else nni_vf_store_n_neon(dst + p * rows + i, v, height);
            }
            continue;
        }
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            nni_vf_neon r[VF_LANES];
            nni_pack_block_neon(r, a + i * a_row + p, a_row, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) {
                    const nni_vf_neon v = nni_vf_mul_neon(s, r[q]);
                    if (spill) nni_vf_store_neon(dst + (p + q) * rows + i, v);
                    else nni_vf_store_n_neon(dst + (p + q) * rows + i, v, height);
                }
        }
    }
}

static void nni_pack_b_neon(float *dst, const float *b, size_t b_row, size_t b_col, size_t k, size_t cols, size_t width) {
    if (b_col == 1) {
        for (size_t p = 0; p < k; p++) {
            size_t j = 0;
            for (; j + VF_LANES <= cols; j += VF_LANES) nni_vf_store_neon(dst + p * width + j, nni_vf_load_neon(b + p * b_row + j));
            if (j < cols) nni_vf_store_neon(dst + p * width + j, nni_vf_load_n_neon(b + p * b_row + j, cols - j));
        }
        return;
    }
    for (size_t j = 0; j < cols; j += VF_LANES) {
        const size_t height = nni_min(cols - j, VF_LANES);
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            nni_vf_neon r[VF_LANES];
            nni_pack_block_neon(r, b + j * b_col + p, b_col, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) nni_vf_store_neon(dst + (p + q) * width + j, r[q]);
        }
    }
}

/* ---- simd/kernels/gemm_dot.h ---- */
/* gemm_dot.h - few rows against a transposed B: every element of C a dot product in 16 lanes, nothing copied
 *
 * Both operands run along k, so sums are kept per lane, 16 of them on every ISA (NNI_WIDE vectors), and folded at the end:
 * VF_LANES columns of a row of C at once, which then are stored as a vector.
 */

/* products[i*VF_LANES + j]: the lane sums of row i of a with row j of b, folded down to VF_LANES lanes. Rows of b from
 * `valid` on do not exist; the last one is read in their place. */
NNI_INLINE void nni_dot_block_neon(const int rows, const int cols, nni_vf_neon *products, const float *a, size_t a_row, const float *b,
                                  size_t b_col, size_t k, size_t valid) {
    nni_vf_neon sum[24];
    const float *row_b[8];
    NNI_UNROLL for (int s = 0; s < rows * cols * NNI_WIDE; s++) sum[s] = nni_vf_set1_neon(0.0f);
    NNI_UNROLL for (int j = 0; j < cols; j++) row_b[j] = b + nni_min((size_t)j, valid - 1) * b_col;

    size_t p = 0;
    for (; p + 16 <= k; p += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            nni_vf_neon av[NNI_DOT_ROWS];
            NNI_UNROLL for (int i = 0; i < rows; i++) av[i] = nni_vf_load_neon(a + (size_t)i * a_row + p + w * VF_LANES);
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const nni_vf_neon bv = nni_vf_load_neon(row_b[j] + p + w * VF_LANES);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = nni_vf_fma_neon(av[i], bv, sum[s]);
                }
            }
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t begin = p + (size_t)(w * VF_LANES);
        if (begin < k) {
            const nni_vm_neon left = nni_vm_first_neon(nni_min(k - begin, VF_LANES));
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const nni_vf_neon bv = nni_vf_load_m_neon(row_b[j] + begin, left);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = nni_vf_fma_neon(nni_vf_load_m_neon(a + (size_t)i * a_row + begin, left), bv, sum[s]);
                }
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < cols; j++) {
            nni_vf_neon *lanes = sum + (i * cols + j) * NNI_WIDE;
            NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
                NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = nni_vf_add_neon(lanes[w], lanes[w + half]);
            products[i * VF_LANES + j] = lanes[0];
        }
}

/* `rows` rows of C, VF_LANES columns at a time. A single row takes twice the columns: four sums would wait for each other. */
NNI_INLINE void nni_dot_rows_neon(const int rows, const nni_gemm *g, size_t i0) {
    const int cols = rows == 1 && 2 * NNI_DOT_COLS <= VF_LANES ? 2 * NNI_DOT_COLS : NNI_DOT_COLS;
    const float *a = g->a + i0 * g->a_row;
    const nni_vf_neon beta = nni_vf_set1_neon(g->beta);
    for (size_t j0 = 0; j0 < g->n; j0 += VF_LANES) {
        nni_vf_neon products[NNI_DOT_ROWS * VF_LANES];
        for (int s = 0; s < VF_LANES; s += cols) {
            const size_t j = nni_min(j0 + (size_t)s, g->n - 1);
            nni_dot_block_neon(rows, cols, products + s, a, g->a_row, g->b + j * g->b_col, g->b_col, g->k, g->n - j);
        }
        const size_t width = nni_min(g->n - j0, VF_LANES);
        for (int i = 0; i < rows; i++) {
            float *c = g->c + (i0 + (size_t)i) * g->ldc + j0;
            nni_vf_neon y = nni_vf_fold_each_neon(products + i * VF_LANES);
            if (g->beta != 0.0f) y = nni_vf_add_neon(nni_vf_mul_neon(beta, nni_vf_load_n_neon(c, width)), y);
            if (width == VF_LANES) nni_vf_store_neon(c, y);
            else nni_vf_store_n_neon(c, y, width);
        }
    }
}

static void nni_gemm_dot_neon(const nni_gemm *g) {
    const size_t groups = nni_ceil_div(g->m, NNI_DOT_ROWS), least = g->m / groups, taller = g->m % groups;
    for (size_t t = 0, i = 0; t < groups; t++) {
        const size_t rows = least + (t < taller);
        switch (rows) { /* the sums live in registers only if their number is a constant */
        case 1: nni_dot_rows_neon(1, g, i); break;
#define NNI_DOT_CASE(count) case count: nni_dot_rows_neon(count <= NNI_DOT_ROWS ? count : 1, g, i); break;
        NNI_DOT_CASE(2) NNI_DOT_CASE(3) NNI_DOT_CASE(4) NNI_DOT_CASE(5) NNI_DOT_CASE(6)
#undef NNI_DOT_CASE
        }
        i += rows;
    }
}

/* ---- simd/kernels/gemm_row.h ---- */
/* gemm_row.h - one row against B as it lies, and outer products: the whole time goes into reading B, or writing C, once
 *
 * Eight rows of B are read side by side while y stays in L1: eight forward streams that the prefetcher follows, where
 * column blocks would jump a row ahead at every step. With k of 1 or 2 the rows of C are such streams.
 */

#define NNI_ROW_STREAMS 8

/* Whether the product takes this path; narrow ones stay in the registers of a tile. */
static int nni_gemm_is_row_neon(const nni_gemm *g) {
    if (g->b_col != 1 || g->packed_b || g->alpha != 1.0f) return 0;
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0;
    return (g->m == 1 && (g->n > 4 * VF_LANES || ragged)) || (g->k <= 2 && g->n >= 512);
}

/* y[j] = beta*y[j] + x[0]*b[0][j] + ... + x[rows-1]*b[rows-1][j], in that order */
NNI_INLINE void nni_gemm_row_step_neon(const int rows, float *y, const float *x, size_t x_stride, const float *b, size_t ldb,
                                      size_t n, float beta) {
    nni_vf_neon xv[NNI_ROW_STREAMS];
    NNI_UNROLL for (int r = 0; r < rows; r++) xv[r] = nni_vf_set1_neon(x[(size_t)r * x_stride]);
    const nni_vf_neon scale = nni_vf_set1_neon(beta);
    size_t j = 0;
    for (; j + VF_LANES <= n; j += VF_LANES) {
        nni_vf_neon sum = beta == 0.0f ? nni_vf_set1_neon(0.0f) : nni_vf_mul_neon(scale, nni_vf_load_neon(y + j));
        NNI_UNROLL for (int r = 0; r < rows; r++) sum = nni_vf_fma_neon(xv[r], nni_vf_load_neon(b + (size_t)r * ldb + j), sum);
        nni_vf_store_neon(y + j, sum);
    }
    if (j < n) {
        nni_vf_neon sum = beta == 0.0f ? nni_vf_set1_neon(0.0f) : nni_vf_mul_neon(scale, nni_vf_load_n_neon(y + j, n - j));
        for (size_t r = 0; r < (size_t)rows; r++) sum = nni_vf_fma_neon(nni_vf_set1_neon(x[r * x_stride]), nni_vf_load_n_neon(b + r * ldb + j, n - j), sum);
        nni_vf_store_n_neon(y + j, sum, n - j);
    }
}

static void nni_gemm_row_neon(const nni_gemm *g, float *c, const float *a) {
    float beta = g->beta;
    size_t p = 0;
    for (; p + NNI_ROW_STREAMS <= g->k; p += NNI_ROW_STREAMS, beta = 1.0f)
        nni_gemm_row_step_neon(NNI_ROW_STREAMS, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
    for (; p < g->k; p++, beta = 1.0f)
        nni_gemm_row_step_neon(1, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
}

/* One row against `panels` packed panels side by side, each a stream and a set of sums of its own. */
NNI_INLINE void nni_gemm_packed_step_neon(const int panels, const nni_gemm *g, size_t j) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    nni_vf_neon sum[4 * NNI_LARGE_VECTORS];
    float *c = g->c + j;
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES, left = j + at < g->n ? nni_min(g->n - j - at, VF_LANES) : 0;
        sum[s] = g->beta == 0.0f || !left ? nni_vf_set1_neon(0.0f) : nni_vf_mul_neon(nni_vf_set1_neon(g->beta), nni_vf_load_n_neon(c + at, left));
    }
    const float *b = g->packed_b + j * g->k;
    for (size_t p = 0; p < g->k; p++) {
        const nni_vf_neon x = nni_vf_set1_neon(g->a[p * g->a_col]);
        NNI_UNROLL for (int q = 0; q < panels; q++)
            NNI_UNROLL for (int v = 0; v < NNI_LARGE_VECTORS; v++) {
                const int s = q * NNI_LARGE_VECTORS + v;
                sum[s] = nni_vf_fma_neon(x, nni_vf_load_neon(b + (size_t)q * width * g->k + p * width + v * VF_LANES), sum[s]);
            }
    }
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES;
        if (j + at < g->n) nni_vf_store_n_neon(c + at, sum[s], nni_min(g->n - j - at, VF_LANES));
    }
}

static void nni_gemm_packed_row_neon(const nni_gemm *g) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    size_t j = 0;
    for (; j + 3 * width < g->n; j += 4 * width) nni_gemm_packed_step_neon(4, g, j);
    for (; j < g->n; j += width) nni_gemm_packed_step_neon(1, g, j);
}

static void nni_gemm_rows_neon(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) nni_gemm_row_neon(g, g->c + i * g->ldc, g->a + i * g->a_row);
}

/* ---- simd/kernels/gemm_turned.h ---- */
/* gemm_turned.h - C = A*B computed as C' = B'*A': lanes along the rows of C instead of its columns
 *
 * For a transposed B: its rows are the turned product's left rows and are read as they lie, and A, a batch that is small
 * beside the weights, is packed instead of them. For few columns and a transposed A: its rows fill the lanes, and nothing is
 * packed. Tiles come out turned, stay in L1 while k runs, and are turned back on the way into C. Pays where m fills whole
 * vectors; each element is the same chain as ever.
 */

static int nni_gemm_is_turned_neon(const nni_gemm *g) {
    if (VF_LANES == 1 || g->alpha != 1.0f || g->packed_b || g->m % VF_LANES) return 0;
    if (g->a_row == 1) return g->b_col == 1 && g->n % 16 && g->n < 14 && g->k >= 32;
    return g->b_row == 1 && g->b_col != 1 && g->a_col == 1 && g->m <= 256 && (g->k >= 192 || g->m * 3 <= g->k);
}

/* tile[r][i] = c[i][r], or back; tile has `cols` (whole vectors) floats a row. */
static void nni_turn_in_neon(float *tile, const float *c, size_t ldc, size_t rows, size_t cols) {
    for (size_t i = 0; i < cols; i++)
        for (size_t r = 0; r < rows; r++) tile[r * cols + i] = c[i * ldc + r];
}

static void nni_turn_out_neon(float *c, size_t ldc, const float *tile, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r += VF_LANES) {
        const size_t height = nni_min(rows - r, VF_LANES);
        for (size_t i = 0; i < cols; i += VF_LANES) {
            nni_vf_neon block[VF_LANES];
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) block[q] = nni_vf_load_neon(tile + (r + q) * cols + i);
            nni_vf_transpose_neon(block);
            if (height == VF_LANES) {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) nni_vf_store_neon(c + (i + q) * ldc + r, block[q]);
            } else {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) nni_vf_store_n_neon(c + (i + q) * ldc + r, block[q], height);
            }
        }
    }
}

static void nni_gemm_turned_neon(const nni_gemm *g, size_t vectors, float *work) {
    const size_t panel = vectors * VF_LANES, most = (size_t)nni_tile_rows_neon[vectors - 1];
    const int pack = g->a_row != 1, by_k = g->b_col == 1;
    NNI_ALIGNED(64) float tile[32 * 4 * VF_LANES]; /* the rows of the tallest tile, and whole vectors to read behind them */
    for (size_t i = 0; pack && i < g->m; i += panel) {
        const size_t cols = nni_min(panel, g->m - i);
        nni_pack_b_neon(work + i * g->k, g->a + i * g->a_row, 1, g->a_row, g->k, cols, cols);
    }
    nni_tiles_neon run = {0, 1, by_k ? g->b_row : g->b_col, 0, 0, 0, 0, 0, VF_LANES, 0, 0, 0.0f};
    const size_t tiles = nni_ceil_div(g->n, most), least = g->n / tiles, taller = g->n % tiles;
    for (size_t t = 0, j = 0; t < tiles; t++) {
        const size_t rows = least + (t < taller);
        for (size_t i = 0; i < g->m; i += panel) {
            const size_t cols = nni_min(panel, g->m - i);
            const nni_tile_fn_neon compute = nni_tile_find_neon(by_k, rows, cols / VF_LANES);
            float *c = g->c + i * g->ldc + j;
            run.ldb = pack ? cols : g->a_col;
            run.ldc = cols;
            if (g->beta != 0.0f) nni_turn_in_neon(tile, c, g->ldc, rows, cols);
            for (size_t p = 0; p < g->k; p += NNI_KC) {
                run.k = nni_min(NNI_KC, g->k - p);
                run.beta = p == 0 ? g->beta : 1.0f;
                compute(&run, g->b + j * g->b_col + p * g->b_row, (pack ? work + i * g->k : g->a + i) + p * run.ldb, tile);
            }
            nni_turn_out_neon(c, g->ldc, tile, rows, cols);
        }
        j += rows;
    }
}

/* ---- simd/kernels/gemm.h ---- */
/* gemm.h - C = alpha*A*B + beta*C: which path a shape takes, and the loops of the blocked one
 *
 * Names as in the literature: m, n, k the sizes; jc pc ic jr ir the loops from the outside in; NC KC MC their blocks.
 */

/* How the blocked path treats one product: decided by shape, felt in speed only, never in bits. */
typedef struct nni_gemm_plan_neon {
    size_t kc, mc, nc;
    size_t vectors; /* width of a tile */
    int turned;     /* as C' = B'*A' */
    int pack_a, pack_b;
    int edge;         /* pack the last columns of B, which fill no vector and cannot be loaded without a mask */
    int await_c;      /* prefetch the next tile of C */
    size_t ahead;     /* how far to prefetch along the rows of B, or 0 */
    int rows_outside; /* walk along the rows of C: where C is what costs, and B stays in cache */
} nni_gemm_plan_neon;

/* Half-cycles that one step of k takes in a tile: two fmas or two loads a cycle, and eight sums hide the latency. */
static size_t nni_tile_cost_neon(size_t rows, size_t vectors) {
    return nni_max(nni_max(rows * vectors, rows + 2 * vectors), 8);
}

/* The width of tile that takes least time. Where k is short the tile is soon done, and storing C in long runs counts. */
static size_t nni_plan_vectors_neon(size_t m, size_t n, size_t k) {
    const size_t across = nni_ceil_div(n, VF_LANES);
    if (k <= NNI_SHALLOW) return nni_min(across, NNI_LARGE_VECTORS);
    size_t best = 1, least = SIZE_MAX;
    for (size_t v = 1; v <= 4; v++) {
        const size_t tiles = nni_ceil_div(m, (size_t)nni_tile_rows_neon[v - 1]);
        const size_t rows = nni_ceil_div(m, tiles);
        const size_t rest = across % v;
        const size_t cost = tiles * (across / v * nni_tile_cost_neon(rows, v) + (rest ? nni_tile_cost_neon(rows, rest) : 0));
        if (cost < least) {
            least = cost;
            best = v;
        }
    }
    return best;
}

static nni_gemm_plan_neon nni_plan_neon(const nni_gemm *g) {
    nni_gemm_plan_neon plan;
    /* From some size on the copies pay: they cost 1/n and 1/m of the product, rows far apart more. */
    const int large = g->m > 512 && g->n >= 128 && g->k >= 128 && (g->a_col == 1 || g->k > NNI_KC);
    const int deep = g->a_row == 1 && g->k > 192; /* both operands are read down long columns */
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0, narrow = g->n < 4 * VF_LANES && g->m >= 8;
    plan.turned = nni_gemm_is_turned_neon(g);
    plan.pack_b = !g->packed_b && (g->b_col != 1 || large || deep || (ragged && narrow));
    plan.edge = ragged && !plan.pack_b && !g->packed_b;
    plan.pack_a = g->alpha != 1.0f || (g->a_row != 1 && g->a_col != 1) || large;
    plan.kc = large ? NNI_KC_LARGE : NNI_KC;
    plan.mc = plan.pack_a ? NNI_MC / 2 : !plan.pack_b && g->b_row >= NNI_PAGE ? NNI_MC_PAGES : NNI_MC;
    plan.nc = NNI_NC;
    plan.await_c = large && g->m * g->n >= NNI_WIDE_C;
    plan.rows_outside = g->k <= NNI_SHALLOW && g->m * g->n >= NNI_WIDE_C;
    if (g->packed_b) plan.vectors = NNI_LARGE_VECTORS;
    else if (plan.turned) plan.vectors = nni_plan_vectors_neon(g->n, g->m, g->k);
    else if (large) plan.vectors = NNI_LARGE_VECTORS;
    else plan.vectors = nni_plan_vectors_neon(nni_min(g->m, NNI_MC), nni_min(g->n, NNI_NC), g->k);
    plan.ahead = 0;
    if (g->k * g->n >= NNI_FAR && g->packed_b) plan.ahead = plan.vectors * VF_LANES * g->k;
    else if (g->k * g->n >= NNI_FAR && g->b_col == 1 && !plan.pack_b) plan.ahead = plan.vectors * VF_LANES;
    return plan;
}

/* The rows of a block as they are dealt out to tiles: evenly, so that no tile is left with one row. The first `taller`
 * tiles have rows + 1. */
typedef struct nni_gemm_deal_neon {
    size_t tiles, rows, taller;
} nni_gemm_deal_neon;

static nni_gemm_deal_neon nni_deal_neon(size_t height, size_t vectors) {
    nni_gemm_deal_neon d;
    d.tiles = nni_ceil_div(height, (size_t)nni_tile_rows_neon[vectors - 1]);
    d.rows = height / d.tiles;
    d.taller = height % d.tiles;
    return d;
}

/* Packs a block of A in panels as high as the tiles that will read them. */
static void nni_pack_a_panels_neon(float *dst, const nni_gemm *g, const nni_gemm_plan_neon *plan, const float *a, size_t height,
                                  size_t k) {
    const nni_gemm_deal_neon d = nni_deal_neon(height, plan->vectors);
    for (size_t t = 0, i = 0; t < d.tiles; t++) {
        const size_t rows = d.rows + (t < d.taller);
        nni_pack_a_neon(dst + i * k, a + i * g->a_row, g->a_row, g->a_col, rows, k, g->alpha);
        i += rows;
    }
}

/* Where a block of A or B is: packed, or part of the matrix. */
typedef struct nni_gemm_where_neon {
    const float *a, *b;
    const float *edge; /* the columns that fill no vector, VF_LANES wide, or NULL */
    size_t ldb;         /* 0: rows are as wide as their panel */
    size_t panel;       /* from one panel of B to the next */
} nni_gemm_where_neon;

/* Columns of a block of C from panel s on: `panels` whole ones, or the last one with `width` columns. Tiles of one height
 * are one run down a panel or, where writing C is what costs, one run along the rows. */
static void nni_gemm_panels_neon(const nni_gemm *g, const nni_gemm_plan_neon *plan, const nni_gemm_where_neon *where, float *c,
                                nni_gemm_deal_neon d, size_t s, size_t panels, size_t width, size_t k, float beta) {
    const size_t vectors = nni_ceil_div(width, VF_LANES), panel = plan->vectors * VF_LANES;
    const size_t a_step = plan->pack_a ? k : g->a_row;
    const int by_k = plan->pack_a || g->a_row == 1, along = panels > 1;
    nni_tiles_neon run;
    run.k = k;
    run.beta = beta;
    run.ldc = g->ldc;
    run.ldb = where->ldb ? where->ldb : vectors * VF_LANES;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.ahead = plan->ahead;
    run.prefetch_c = plan->await_c;
    run.b_next = along ? where->panel : 0;
    for (size_t t = 0; t < d.tiles;) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        const size_t alike = along ? 1 : t < d.taller ? d.taller : d.tiles - t;
        run.count = along ? panels : alike;
        run.a_stride = plan->pack_a ? rows : by_k ? g->a_col : g->a_row;
        run.a_next = along ? 0 : rows * a_step;
        run.c_next = along ? panel : rows * g->ldc;
        nni_tile_find_neon(by_k, rows, vectors)
        (&run, where->a + i * a_step, where->b + s * where->panel, c + i * g->ldc + s * panel);
        t += alike;
    }
}

/* A block of C, height x width. */
static void nni_gemm_block_neon(const nni_gemm *g, const nni_gemm_plan_neon *plan, const nni_gemm_where_neon *where, float *c,
                               size_t height, size_t width, size_t k, float beta) {
    const nni_gemm_deal_neon d = nni_deal_neon(height, plan->vectors);
    const size_t panel = plan->vectors * VF_LANES, whole = width / panel, step = plan->rows_outside ? nni_max(whole, 1) : 1;
    for (size_t s = 0; s < whole; s += step) nni_gemm_panels_neon(g, plan, where, c, d, s, step, panel, k, beta);
    const size_t rest = width % panel, ragged = where->edge ? rest % VF_LANES : 0;
    if (rest > ragged) nni_gemm_panels_neon(g, plan, where, c, d, whole, 1, rest - ragged, k, beta);
    if (ragged) {
        const nni_gemm_where_neon edge = {where->a, where->edge, NULL, VF_LANES, 0};
        nni_gemm_panels_neon(g, plan, &edge, c + width - ragged, d, 0, 1, ragged, k, beta);
    }
}

/* Floats that the packed part of B takes. */
static size_t nni_plan_floats_b_neon(const nni_gemm *g, const nni_gemm_plan_neon *plan) {
    const size_t columns = plan->pack_b ? nni_round_up(nni_min(plan->nc, g->n), VF_LANES) : plan->edge ? VF_LANES : 0;
    return nni_min(plan->kc, g->k) * columns;
}

static void nni_gemm_blocked_neon(const nni_gemm *g, const nni_gemm_plan_neon *plan, float *work) {
    const size_t panel = plan->vectors * VF_LANES;
    float *const packed_b = work;
    float *const packed_a = plan->pack_a ? work + nni_plan_floats_b_neon(g, plan) : NULL;

    for (size_t jc = 0; jc < g->n; jc += plan->nc) {
        const size_t nc = nni_min(plan->nc, g->n - jc);
        for (size_t pc = 0; pc < g->k; pc += plan->kc) {
            const size_t kc = nni_min(plan->kc, g->k - pc);
            const float beta = pc == 0 ? g->beta : 1.0f;
            if (plan->pack_b)
                for (size_t jr = 0; jr < nc; jr += panel) {
                    const size_t cols = nni_min(panel, nc - jr);
                    nni_pack_b_neon(packed_b + jr * kc, g->b + pc * g->b_row + (jc + jr) * g->b_col, g->b_row, g->b_col, kc, cols,
                                   nni_round_up(cols, VF_LANES));
                }
            nni_gemm_where_neon where = {NULL, g->b + pc * g->b_row + jc, NULL, g->b_row, panel};
            if (plan->pack_b) {
                where.b = packed_b;
                where.ldb = 0;
                where.panel = panel * kc;
            } else if (plan->edge && jc + nc == g->n) {
                const size_t ragged = nc % VF_LANES;
                nni_pack_b_neon(packed_b, where.b + nc - ragged, g->b_row, 1, kc, ragged, VF_LANES);
                where.edge = packed_b;
            } else if (g->packed_b) {
                where.b = g->packed_b + jc * g->k + pc * panel;
                where.ldb = panel;
                where.panel = panel * g->k;
            }
            for (size_t ic = 0; ic < g->m; ic += plan->mc) {
                const size_t mc = nni_min(plan->mc, g->m - ic);
                where.a = g->a + ic * g->a_row + pc * g->a_col;
                if (plan->pack_a) {
                    nni_pack_a_panels_neon(packed_a, g, plan, where.a, mc, kc);
                    where.a = packed_a;
                }
                nni_gemm_block_neon(g, plan, &where, g->c + ic * g->ldc + jc, mc, nc, kc, beta);
            }
        }
    }
}

/* Floats of workspace that the plan needs. */
static size_t nni_plan_workspace_neon(const nni_gemm *g, const nni_gemm_plan_neon *plan) {
    if (plan->turned) return g->a_row == 1 ? 0 : g->k * g->m;
    const size_t a = plan->pack_a ? nni_min(plan->kc, g->k) * nni_min(plan->mc, g->m) + VF_LANES : 0;
    return nni_plan_floats_b_neon(g, plan) + a;
}

/* C = beta*C, all that is left when nothing is to be added; beta = 0 does not read C. */
static void nni_gemm_scale_neon(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) nni_scale_neon(g->c + i * g->ldc, g->c + i * g->ldc, g->n, g->beta);
}

/* Bias and activation for one finished row of C. */
static void nni_gemm_epilogue_neon(const nni_gemm *g, float *c) {
    if (g->bias && g->bias_step) nni_add_neon(c, c, g->bias, g->n);
    else if (g->bias) nni_map1_neon(nni_v_shift_neon, c, c, g->n, g->bias[0]);
    if (g->activation != NN_IDENTITY) nni_activate_neon(c, c, g->n, g->activation, g->slope);
}

/* Computes a product of one tile, or a column of few, as it lies in memory, without a plan or packing, and returns 1; or
 * returns 0. */
static int nni_gemm_small_neon(const nni_gemm *g) {
    if (g->n > 4 * VF_LANES || g->b_col != 1 || g->alpha != 1.0f || g->packed_b) return 0;
    if (!VF_FREE_MASK && g->n % VF_LANES) return 0;
    const size_t vectors = (g->n - 1) / VF_LANES + 1, most = (size_t)nni_tile_rows_neon[vectors - 1];
    const int by_k = g->a_row == 1;
    if (g->m > (vectors <= 2 ? 4 * most : most) || (!by_k && g->a_col != 1)) return 0;
    nni_tiles_neon run = {g->k, 1, by_k ? g->a_col : g->a_row, g->b_row, g->ldc, 0, 0, 0, g->n - (vectors - 1) * VF_LANES, 0, 0, g->beta};
    if (g->m <= most) {
        nni_tile_find_neon(by_k, g->m, vectors)(&run, g->a, g->b, g->c);
        return 1;
    }
    const nni_gemm_deal_neon d = nni_deal_neon(g->m, vectors);
    for (size_t t = 0, i = 0, rows; t < d.tiles; t += run.count, i += run.count * rows) {
        rows = d.rows + (t < d.taller);
        run.count = t < d.taller ? d.taller : d.tiles - t;
        run.a_next = rows * g->a_row;
        run.c_next = rows * g->ldc;
        nni_tile_find_neon(by_k, rows, vectors)(&run, g->a + i * g->a_row, g->b, g->c + i * g->ldc);
    }
    return 1;
}

/* Computes the product and returns 0; or, if it takes more than the `floats` of workspace given, how many it takes. */
static size_t nni_gemm_neon(const nni_gemm *g, float *work, size_t floats) {
    if (g->k == 0 || g->alpha == 0.0f) nni_gemm_scale_neon(g);
    else if (g->dot) nni_gemm_dot_neon(g);
    else if (nni_gemm_small_neon(g)) {} /* done */
    else if (nni_gemm_is_row_neon(g)) nni_gemm_rows_neon(g);
    else if (g->packed_b && g->m == 1 && g->alpha == 1.0f) nni_gemm_packed_row_neon(g);
    else {
        const nni_gemm_plan_neon plan = nni_plan_neon(g);
        const size_t needed = nni_plan_workspace_neon(g, &plan);
        if (needed > floats) return needed;
        if (plan.turned) nni_gemm_turned_neon(g, plan.vectors, work);
        else nni_gemm_blocked_neon(g, &plan, work);
    }
    if (g->bias || g->activation != NN_IDENTITY)
        for (size_t i = 0; i < g->m; i++) nni_gemm_epilogue_neon(g, g->c + i * g->ldc);
    return 0;
}

/* Floats of workspace with which gemm() is sure to succeed. */
static size_t nni_gemm_workspace_neon(const nni_gemm *g) {
    if (g->dot) return 0;
    const nni_gemm_plan_neon plan = nni_plan_neon(g);
    return nni_plan_workspace_neon(g, &plan);
}

/* All of op(B), k x n, in panels of NNI_LARGE_VECTORS vectors, the last one filled up with zeros. */
static void nni_gemm_pack_neon(float *dst, const float *b, size_t b_row, size_t b_col, size_t n, size_t k) {
    const size_t panel = NNI_LARGE_VECTORS * VF_LANES;
    if (k == 0) return;
    if (n % panel) memset(dst + n / panel * panel * k, 0, panel * k * sizeof *dst);
    for (size_t j = 0; j < n; j += panel) {
        const size_t cols = nni_min(panel, n - j);
        nni_pack_b_neon(dst + j * k, b + j * b_col, b_row, b_col, k, cols, panel);
    }
}

/* ---- simd/kernels/conv_block.h ---- */
/* conv_block.h - the parts of a convolution: a unit, computed at a time, and its blocks, in which all outputs have the same taps */

/* Some images, or positions [from, to) of y of one of them. */
typedef struct nni_conv_unit_neon {
    size_t image, images;
    size_t from, to;
} nni_conv_unit_neon;

static nni_conv_unit_neon nni_conv_unit_of_neon(const nni_conv *job, size_t u) {
    nni_conv_unit_neon unit;
    unit.image = u / job->bands * job->together;
    unit.images = nni_min(job->together, job->images - unit.image);
    unit.from = u % job->bands * job->band;
    unit.to = nni_min(unit.from + job->band, job->y.positions);
    return unit;
}

/* One axis of a block: how many outputs, and what is between two of them in the source and in the target. */
typedef struct nni_conv_steps_neon {
    size_t count, source, target;
} nni_conv_steps_neon;

/* Outputs of a unit that have the same taps. axis[0] becomes the rows of A. */
typedef struct nni_conv_block_neon {
    nni_conv_steps_neon axis[3];
    const float *source; /* what the first tap reads for the first output */
    float *target;
} nni_conv_block_neon;

static void nni_conv_exchange_neon(nni_conv_block_neon *block, size_t i) {
    const nni_conv_steps_neon first = block->axis[0];
    block->axis[0] = block->axis[i];
    block->axis[i] = first;
}

/* Puts the axis first along which tiles are fullest; along a row of outputs if others are not much better. */
static void nni_conv_choose_neon(nni_conv_block_neon *block, size_t vectors) {
    size_t best = 0, best_cost = 0;
    for (size_t i = 0; i < 3; i++) {
        const size_t count = block->axis[i].count, tiles = nni_ceil_div(count, (size_t)nni_tile_rows_neon[vectors - 1]);
        const size_t cost = tiles * nni_tile_cost_neon(nni_ceil_div(count, tiles), vectors);
        if (i && 10 * cost * block->axis[best].count >= 9 * best_cost * count) continue;
        best = i;
        best_cost = cost;
    }
    nni_conv_exchange_neon(block, best);
}

/* The block of a unit where the runs y and x meet. */
static nni_conv_block_neon nni_conv_block_of_neon(const nni_conv *job, const nni_conv_unit_neon *unit, const nni_conv_phase *py,
                                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const size_t row = job->x.source * channels, image = job->y.source * row;
    const size_t target_row = job->x.target * filters, target_image = job->y.target * target_row;
    const size_t target_y = (size_t)(py->target + (ptrdiff_t)(y->from * py->target_step));
    const size_t target_x = (size_t)(px->target + (ptrdiff_t)(x->from * px->target_step));
    const nni_conv_block_neon block = {{{x->to - x->from, job->x.step * channels, px->target_step * filters},
                                       {y->to - y->from, job->y.step * row, py->target_step * target_row},
                                       {unit->images, image, target_image}},
                                      job->source + unit->image * image + y->source * row + x->source * channels,
                                      job->target + unit->image * target_image + target_y * target_row + target_x * filters};
    return block;
}

/* ---- simd/kernels/conv_depth.h ---- */
/* conv_depth.h - convolutions of every channel by itself: lanes are channels, and some outputs are computed side by side */

/* A block, and the steps between its taps in floats. */
typedef struct nni_depth_neon {
    size_t tap_rows, taps, channels;
    size_t x_output, y_output; /* from one output to the next */
    size_t x_tap, x_row;       /* from one tap to the next, from one row of taps to the next */
    ptrdiff_t w_tap, w_row;
    const float *bias;
    int relu;
} nni_depth_neon;

/* `outputs` of a row, VF_LANES channels, or those of the mask if not `whole`. */
NNI_INLINE void nni_depth_tile_neon(const int outputs, const int whole, const nni_depth_neon *d, float *y, const float *x,
                                   const float *w, size_t channel, nni_vm_neon mask) {
    nni_vf_neon sum[8];
    NNI_UNROLL for (int i = 0; i < outputs; i++) sum[i] = nni_vf_set1_neon(0.0f);
    x += channel;
    w += channel;
    for (size_t r = d->tap_rows; r > 0; r--, x += d->x_row, w += d->w_row) {
        const float *xt = x, *wt = w;
        for (size_t t = d->taps; t > 0; t--, xt += d->x_tap, wt += d->w_tap) {
            const nni_vf_neon tap = whole ? nni_vf_load_neon(wt) : nni_vf_load_m_neon(wt, mask);
            NNI_UNROLL for (int i = 0; i < outputs; i++) {
                const float *at = xt + (size_t)i * d->x_output;
                sum[i] = nni_vf_fma_neon(whole ? nni_vf_load_neon(at) : nni_vf_load_m_neon(at, mask), tap, sum[i]);
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < outputs; i++) {
        float *at = y + (size_t)i * d->y_output + channel;
        if (d->bias) sum[i] = nni_vf_add_neon(sum[i], whole ? nni_vf_load_neon(d->bias + channel) : nni_vf_load_m_neon(d->bias + channel, mask));
        if (d->relu) sum[i] = nni_v_relu_neon(sum[i], sum[i]);
        if (whole) nni_vf_store_neon(at, sum[i]);
        else nni_vf_store_m_neon(at, sum[i], mask);
    }
}

/* All channels of `outputs` outputs. */
NNI_INLINE void nni_depth_outputs_neon(const int outputs, const nni_depth_neon *d, float *y, const float *x, const float *w) {
    const nni_vm_neon mask = nni_vm_first_neon(d->channels % VF_LANES);
    size_t c = 0;
    for (; c + VF_LANES <= d->channels; c += VF_LANES) nni_depth_tile_neon(outputs, 1, d, y, x, w, c, mask);
    if (c < d->channels) nni_depth_tile_neon(outputs, 0, d, y, x, w, c, mask);
}

/* `count` outputs, eight at a time, and the rest at once. */
static void nni_depth_line_neon(const nni_depth_neon *d, float *y, const float *x, const float *w, size_t count) {
    for (; count >= 8; count -= 8, x += 8 * d->x_output, y += 8 * d->y_output) nni_depth_outputs_neon(8, d, y, x, w);
    switch (count) {
    case 7: nni_depth_outputs_neon(7, d, y, x, w); break;
    case 6: nni_depth_outputs_neon(6, d, y, x, w); break;
    case 5: nni_depth_outputs_neon(5, d, y, x, w); break;
    case 4: nni_depth_outputs_neon(4, d, y, x, w); break;
    case 3: nni_depth_outputs_neon(3, d, y, x, w); break;
    case 2: nni_depth_outputs_neon(2, d, y, x, w); break;
    case 1: nni_depth_outputs_neon(1, d, y, x, w); break;
    default: break;
    }
}

/* The block where the runs y and x meet. */
static void nni_depth_block_neon(const nni_conv *job, const nni_conv_unit_neon *unit, const nni_conv_phase *py,
                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    nni_conv_block_neon block = nni_conv_block_of_neon(job, unit, py, px, y, x);
    if (block.axis[0].count < 4 && block.axis[1].count > block.axis[0].count) nni_conv_exchange_neon(&block, 1);
    const nni_conv_steps_neon *axis = block.axis;
    const ptrdiff_t w_row = (ptrdiff_t)(job->x.kernel * job->w_tap);
    const float *w = job->weights;
    nni_depth_neon d;
    d.tap_rows = x->taps ? y->taps : 0;
    d.taps = x->taps;
    d.channels = job->groups;
    d.x_output = axis[0].source;
    d.y_output = axis[0].target;
    d.x_tap = px->tap_step * job->groups;
    d.x_row = py->tap_step * job->x.source * job->groups;
    d.w_tap = px->kernel_step * (ptrdiff_t)job->w_tap;
    d.w_row = py->kernel_step * w_row;
    d.bias = job->bias;
    d.relu = job->activation == NN_RELU;
    if (d.tap_rows)
        w += ((ptrdiff_t)py->kernel + (ptrdiff_t)y->tap * py->kernel_step) * w_row +
             ((ptrdiff_t)px->kernel + (ptrdiff_t)x->tap * px->kernel_step) * (ptrdiff_t)job->w_tap;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            nni_depth_line_neon(&d, block.target + n * axis[2].target + i * axis[1].target,
                               block.source + n * axis[2].source + i * axis[1].source, w, axis[0].count);
}

/* What one set of taps computes of a unit. */
static void nni_conv_depth_neon(const nni_conv *job, const nni_conv_unit_neon *unit, const nni_conv_phase *py, const nni_conv_phase *px) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            nni_depth_block_neon(job, unit, py, px, &y, &x);
        }
    }
}

/* ---- simd/kernels/conv.h ---- */
/* conv.h - convolutions, and their gradients by the input, as products whose A is the image itself
 *
 * The taps of a row of the kernel read one stretch of a row of pixels, and the next output's taps the same one a step on: so
 * a row of outputs is a product whose rows of A overlap, and nothing is gathered. The tile's k runs over the stretches, the
 * weights, taps x in x out, run on.
 *
 *     pixels       [ p0 . ][ p1 . ][ p2 . ][ p3 . ]           A, row 0    p0 p1 p2        row 1   p1 p2 p3
 *
 * An element is one chain of fused multiply-adds over taps and channels, in the order of memory, from 0. Taps outside the
 * image are left out: an image is cut into blocks whose outputs have the same taps inside, the middle, four edges and four
 * corners where the padding is 1. In a block any of three axes may be the rows of A: a row of outputs, a column of them, or the same
 * output of several images.
 */

#define NNI_CONV_FEW 64 /* outputs of a filter for which packing its weights does not pay */

/* The width of the panels: as wide as tiles get, so that the image is read seldom, and all alike. */
static size_t nni_conv_vectors_neon(const nni_conv *job) {
    const size_t across = nni_ceil_div(job->out, VF_LANES);
    return nni_ceil_div(across, nni_ceil_div(across, NNI_LARGE_VECTORS));
}

/* Weights are used as they lie only where there are few outputs to each: otherwise it pays to have them in the order in which
 * the tiles read them, aligned. Backward they lie the wrong way round; and ragged rows cannot be read without a mask. */
static int nni_conv_packs_neon(const nni_conv *job) {
    const int as_they_are = !job->y.backward && (VF_FREE_MASK || job->out % VF_LANES == 0);
    return !job->depthwise && !(as_they_are && job->images * job->y.positions * job->x.positions < NNI_CONV_FEW);
}

/* Floats that the packed weights take, 0 if they are used as they are. */
static size_t nni_conv_packed_neon(const nni_conv *job) {
    const size_t taps = job->y.kernel * job->x.kernel;
    return nni_conv_packs_neon(job) ? taps * job->in * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* The weights of one group for one set of taps, panel after panel, each in x width for every tap. */
static float *nni_conv_pack_phase_neon(float *dst, const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                      const float *group) {
    const size_t panel = nni_conv_vectors_neon(job) * VF_LANES;
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t cols = nni_min(panel, job->out - j), width = nni_round_up(cols, VF_LANES);
        for (size_t ty = 0; ty < py->taps; ty++)
            for (size_t tx = 0; tx < px->taps; tx++) {
                const size_t ky = py->kernel + ty * (size_t)py->kernel_step, kx = px->kernel + tx * (size_t)px->kernel_step;
                const float *w = group + (ky * job->x.kernel + kx) * job->w_tap + j * job->w_col;
                nni_pack_b_neon(dst, w, job->w_row, job->w_col, job->in, cols, width);
                dst += job->in * width;
            }
    }
    return dst;
}

static void nni_conv_pack_neon(float *dst, const nni_conv *job) {
    for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
        for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
            const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
            for (size_t g = 0; g < job->groups; g++)
                dst = nni_conv_pack_phase_neon(dst, job, &py, &px, job->weights + g * job->w_group);
        }
}

/* The stretches of A that the taps of a block read, each of *k floats. */
static nni_taps_neon nni_conv_stretches_neon(const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                           const nni_conv_run *y, const nni_conv_run *x, size_t ldb, size_t *k) {
    const size_t channels = job->groups * job->in;
    const int whole = px->tap_step == 1 && job->groups == 1;
    nni_taps_neon taps;
    *k = whole ? x->taps * job->in : job->in;
    taps.rows = x->taps ? y->taps : 0;
    taps.count = whole ? 1 : x->taps;
    taps.jump = whole ? 0 : (ptrdiff_t)(px->tap_step * channels) - (ptrdiff_t)job->in;
    taps.row_jump = (ptrdiff_t)(py->tap_step * job->x.source * channels) - (ptrdiff_t)taps.count * ((ptrdiff_t)*k + taps.jump);
    taps.b_jump = (px->taps - x->taps) * job->in * ldb;
    taps.bias = NULL;
    taps.relu = job->activation == NN_RELU;
    return taps;
}

/* Tiles along axis[0] of a block, `width` columns. */
static void nni_conv_tiles_neon(nni_tiles_neon *run, const nni_taps_neon *taps, nni_gemm_deal_neon d, size_t vectors, const float *a,
                               const float *b, float *c) {
    for (size_t t = 0; t < d.tiles; t += run->count) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        run->count = t < d.taller ? d.taller : d.tiles - t;
        run->a_next = rows * run->a_stride;
        run->c_next = rows * run->ldc;
        nni_taps_find_neon(0, rows, vectors)(run, taps, a + i * run->a_stride, b, c + i * run->ldc);
    }
}

/* A block, `width` columns of a group from j on; b are their weights for all taps. */
static void nni_conv_compute_neon(const nni_conv *job, const nni_conv_block_neon *from, const nni_taps_neon *taps, const float *b,
                                 size_t ldb, size_t k, size_t group, size_t j, size_t width) {
    const size_t vectors = nni_ceil_div(width, VF_LANES);
    nni_conv_block_neon block = *from;
    nni_conv_choose_neon(&block, vectors);
    const nni_conv_steps_neon *axis = block.axis;
    const nni_gemm_deal_neon d = nni_deal_neon(axis[0].count, vectors);
    nni_tiles_neon run;
    run.k = k;
    run.a_stride = axis[0].source;
    run.ldb = ldb;
    run.ldc = axis[0].target;
    run.b_next = run.ahead = 0;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.prefetch_c = 0;
    run.beta = 0.0f;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            nni_conv_tiles_neon(&run, taps, d, vectors, block.source + n * axis[2].source + i * axis[1].source + group * job->in,
                               b, block.target + n * axis[2].target + i * axis[1].target + group * job->out + j);
}

/* What one set of taps computes of a unit, in columns [j, j + width) of a group. */
static void nni_conv_panel_neon(const nni_conv *job, const nni_conv_unit_neon *unit, const nni_conv_phase *py,
                               const nni_conv_phase *px, const float *b, size_t ldb, size_t group, size_t j, size_t width) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            size_t k;
            const nni_conv_block_neon block = nni_conv_block_of_neon(job, unit, py, px, &y, &x);
            nni_taps_neon taps = nni_conv_stretches_neon(job, py, px, &y, &x, ldb, &k);
            if (job->bias) taps.bias = job->bias + group * job->out + j;
            nni_conv_compute_neon(job, &block, &taps, b + (y.tap * px->taps + x.tap) * job->in * ldb, ldb, k, group, j, width);
        }
    }
}

/* Everything that one set of taps computes of a unit; returns where the packed weights of the next set begin. */
static const float *nni_conv_phase_neon(const nni_conv *job, const nni_conv_unit_neon *unit, const nni_conv_phase *py,
                                       const nni_conv_phase *px, const float *packed) {
    const size_t panel = nni_conv_vectors_neon(job) * VF_LANES, taps = py->taps * px->taps;
    for (size_t g = 0; g < job->groups; g++)
        for (size_t j = 0; j < job->out; j += panel) {
            const size_t width = nni_min(panel, job->out - j), packed_width = nni_round_up(width, VF_LANES);
            const float *b = packed ? packed : job->weights + g * job->w_group + j;
            nni_conv_panel_neon(job, unit, py, px, b, packed ? packed_width : job->w_row, g, j, width);
            if (packed) packed += taps * job->in * packed_width;
        }
    return packed;
}

/* The activations that the tiles do not know. */
static void nni_conv_activate_neon(const nni_conv *job, const nni_conv_unit_neon *unit) {
    const size_t row = job->x.target * job->groups * job->out;
    float *y = job->target + (unit->image * job->y.target + unit->from) * row;
    const size_t n = (unit->images - 1) * job->y.target * row + (unit->to - unit->from) * row;
    nni_activate_neon(y, y, n, job->activation, job->slope);
}

/* Units [from, to). */
static void nni_conv_neon(const nni_conv *job, size_t from, size_t to) {
    for (size_t u = from; u < to; u++) {
        const nni_conv_unit_neon unit = nni_conv_unit_of_neon(job, u);
        const float *packed = job->packed;
        for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
            for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
                const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
                if (job->depthwise) nni_conv_depth_neon(job, &unit, &py, &px);
                else packed = nni_conv_phase_neon(job, &unit, &py, &px, packed);
            }
        if (job->activation != NN_IDENTITY && job->activation != NN_RELU) nni_conv_activate_neon(job, &unit);
    }
}

/* ---- simd/kernels/conv_window.h ---- */
/* conv_window.h - a unit's rows of the source, copied between zeros if the window reaches beyond their ends */

typedef struct nni_conv_window_neon {
    const float *at;           /* the first row, of the first image; pixels of groups*in floats */
    size_t row;                /* which row of the source that is */
    size_t pitch, image_pitch; /* floats from one row, and image, to the next */
} nni_conv_window_neon;

/* One row of a source between the zeros of its window. */
static void nni_conv_copy_row_neon(float *dst, const float *source, const nni_conv_axis *x, size_t channels) {
    const size_t width = nni_conv_window_width(x), before = nni_min(x->pad, width), inside = nni_min(x->source, width - before);
    memset(dst, 0, before * channels * sizeof *dst);
    memcpy(dst + before * channels, source, inside * channels * sizeof *dst);
    memset(dst + (before + inside) * channels, 0, (width - before - inside) * channels * sizeof *dst);
}

/* The window of a unit, copied to work if need be. */
static nni_conv_window_neon nni_conv_open_neon(const nni_conv *job, const nni_conv_unit_neon *unit, float *work) {
    const size_t channels = job->groups * job->in;
    nni_conv_window_neon window;
    const size_t rows = nni_conv_rows(&job->y, unit->from, unit->to, &window.row) - window.row;
    const float *source = job->source + (unit->image * job->y.source + window.row) * job->x.source * channels;
    window.at = source;
    window.pitch = job->x.source * channels;
    window.image_pitch = job->y.source * window.pitch;
    if (!job->copy) return window;
    window.at = work;
    window.pitch = nni_conv_window_width(&job->x) * channels;
    window.image_pitch = rows * window.pitch;
    for (size_t i = 0; i < unit->images; i++)
        for (size_t r = 0; r < rows; r++)
            nni_conv_copy_row_neon(work + i * window.image_pitch + r * window.pitch,
                                  source + (i * job->y.source + r) * job->x.source * channels, &job->x, channels);
    return window;
}

/* ---- simd/kernels/conv_weights.h ---- */
/* conv_weights.h - the gradient of a convolution by its weights: a product whose k runs over all outputs
 *
 * A row of taps meets, at one output, the same stretch of the image as in conv.h; here it is a column of A. Outputs follow
 * each other in dy as they do in k, so B runs on. Every element is one chain over images, rows and columns of outputs.
 */

#define NNI_CONV_DEPTH 256 /* outputs between loading and storing dw: so many pixels stay in L1 for all tiles */

/* dy of some rows of outputs of one image. */
typedef struct nni_conv_dy_neon {
    const float *at;
    size_t row, width, group; /* the first row; floats of a pixel, and from one group to the next */
} nni_conv_dy_neon;

static int nni_conv_copies_dy_neon(const nni_conv *job) { return !job->depthwise && !VF_FREE_MASK && job->out % VF_LANES; }

/* Floats that a unit's dy takes if its rows cannot be read to the end of a vector. */
static size_t nni_conv_weights_work_neon(const nni_conv *job) {
    const size_t pixels = job->band * job->x.target;
    return nni_conv_copies_dy_neon(job) ? pixels * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* dy of rows [from, to) of an image. */
static nni_conv_dy_neon nni_conv_open_dy_neon(const nni_conv *job, const float *dy, size_t image, size_t from, size_t to, float *work) {
    const size_t filters = job->groups * job->out, pixels = (to - from) * job->x.target;
    nni_conv_dy_neon open = {dy + (image * job->y.target + from) * job->x.target * filters, from, filters, job->out};
    if (!nni_conv_copies_dy_neon(job)) return open;
    const size_t width = nni_round_up(job->out, VF_LANES);
    for (size_t g = 0; g < job->groups; g++)
        nni_pack_b_neon(work + g * pixels * width, open.at + g * job->out, filters, 1, pixels, job->out, width);
    open.at = work;
    open.width = width;
    open.group = pixels * width;
    return open;
}

/* Adds to `height` rows of dw, of one group, what `rows` rows of outputs give; a points to what those rows of dw meet at the first output,
 * b to its dy. */
static void nni_conv_weights_tiles_neon(const nni_conv *job, const nni_conv_window_neon *window, float *c, const float *a, const float *b,
                                       size_t height, size_t rows, size_t ldb) {
    const size_t channels = job->groups * job->in;
    const size_t panel = nni_plan_vectors_neon(height, job->out, NNI_SHALLOW + 1) * VF_LANES;
    nni_tiles_neon run;
    nni_taps_neon taps = {rows, 1, 0, 0, 0, NULL, 0};
    run.k = job->x.target;
    run.a_stride = job->x.step * channels;
    run.ldb = ldb;
    run.ldc = job->groups * job->out;
    run.b_next = run.ahead = 0;
    run.prefetch_c = 0;
    run.beta = 1.0f;
    taps.row_jump = (ptrdiff_t)(job->y.step * window->pitch) - (ptrdiff_t)(run.k * run.a_stride);
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t width = nni_min(panel, job->out - j), vectors = nni_ceil_div(width, VF_LANES);
        const nni_gemm_deal_neon d = nni_deal_neon(height, vectors);
        run.ragged = width - (vectors - 1) * VF_LANES;
        for (size_t t = 0; t < d.tiles; t += run.count) {
            const size_t tall = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
            run.count = t < d.taller ? d.taller : d.tiles - t;
            run.a_next = tall;
            run.c_next = tall * run.ldc;
            nni_taps_find_neon(1, tall, vectors)(&run, &taps, a + i, b + j, c + i * run.ldc + j);
        }
    }
}

/* One vector of channels, some taps of one row: each its own chain. */
NNI_INLINE void nni_depth_weights_neon(const int taps, float *dw, const float *x, const float *dy, size_t rows, size_t outputs,
                                      size_t row_step, size_t step, size_t tap_step, size_t channels, size_t n) {
    nni_vf_neon sum[4];
    NNI_UNROLL for (int t = 0; t < taps; t++) sum[t] = nni_vf_load_n_neon(dw + (size_t)t * channels, n);
    for (size_t r = 0; r < rows; r++, x += row_step) {
        const float *at = x;
        for (size_t i = 0; i < outputs; i++, at += step, dy += channels) {
            const nni_vf_neon d = n == VF_LANES ? nni_vf_load_neon(dy) : nni_vf_load_n_neon(dy, n);
            NNI_UNROLL for (int t = 0; t < taps; t++) {
                const float *xt = at + (size_t)t * tap_step;
                sum[t] = nni_vf_fma_neon(n == VF_LANES ? nni_vf_load_neon(xt) : nni_vf_load_n_neon(xt, n), d, sum[t]);
            }
        }
    }
    NNI_UNROLL for (int t = 0; t < taps; t++) nni_vf_store_n_neon(dw + (size_t)t * channels, sum[t], n);
}

/* `taps` taps of one row for all channels. */
static void nni_conv_weights_depth_neon(const nni_conv *job, const nni_conv_window_neon *window, float *dw, const float *x, const float *dy,
                                       size_t rows, size_t taps) {
    const size_t channels = job->groups, row_step = job->y.step * window->pitch, step = job->x.step * channels;
    const size_t tap_step = job->x.dilation * channels, outputs = job->x.target;
    for (size_t t = 0; t < taps;) {
        const size_t some = taps - t >= 4 ? 4 : taps - t;
        for (size_t c = 0; c < channels; c += VF_LANES) {
            float *to = dw + t * channels + c;
            const float *from = x + t * tap_step + c;
            const size_t n = nni_min(VF_LANES, channels - c);
            switch (some) {
            case 4: nni_depth_weights_neon(4, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            case 3: nni_depth_weights_neon(3, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            case 2: nni_depth_weights_neon(2, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            default: nni_depth_weights_neon(1, to, from, dy + c, rows, outputs, row_step, step, tap_step, channels, n); break;
            }
        }
        t += some;
    }
}

/* What rows [first, end) of the outputs of one image add to rows [from, to) of dw. */
static void nni_conv_weights_block_neon(const nni_conv *job, const nni_conv_window_neon *window, const nni_conv_dy_neon *dy, float *dw,
                                       size_t first, size_t end, size_t from, size_t to) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const int whole = job->depthwise || (job->x.dilation == 1 && job->groups == 1);
    const size_t stretch = whole ? job->x.kernel * job->in : job->in; /* rows of dw that lie like a column of A */
    for (size_t row = from / stretch * stretch; row < to; row += stretch) {
        const size_t ky = row / job->in / job->x.kernel, kx = row / job->in % job->x.kernel;
        const size_t skip = from > row ? from - row : 0, height = nni_min(stretch, to - row) - skip;
        size_t above;
        const size_t below = nni_conv_positions_inside(&job->y, ky * job->y.dilation, &above);
        const size_t y = nni_max(first, above), y_end = nni_min(end, below);
        if (y >= y_end) continue;
        const size_t source = y * job->y.step + ky * job->y.dilation - job->y.pad;
        const float *a = window->at + (source - window->row) * window->pitch + kx * job->x.dilation * channels;
        const float *b = dy->at + (y - dy->row) * job->x.target * dy->width;
        float *c = dw + (row + skip) * filters;
        if (job->depthwise) nni_conv_weights_depth_neon(job, window, c, a + skip * job->x.dilation * channels, b, y_end - y, height);
        else
            for (size_t g = 0; g < job->groups; g++)
                nni_conv_weights_tiles_neon(job, window, c + g * job->out, a + skip + g * job->in, b + g * dy->group, height, y_end - y,
                                           dy->width);
    }
}

/* Rows [from, to) of dw, from all images; adds to what is there. work has room for a unit's window and its dy. */
static void nni_conv_weights_neon(const nni_conv *job, float *dw, const float *dy, size_t from, size_t to, float *work) {
    const size_t rows = nni_max(1, NNI_CONV_DEPTH / job->x.target);
    for (size_t u = 0; u < job->units; u++) {
        const nni_conv_unit_neon unit = nni_conv_unit_of_neon(job, u);
        nni_conv_window_neon window = nni_conv_open_neon(job, &unit, work);
        for (size_t n = 0; n < unit.images; n++, window.at += window.image_pitch) {
            const nni_conv_dy_neon open =
                nni_conv_open_dy_neon(job, dy, unit.image + n, unit.from, unit.to, work + job->window_floats);
            for (size_t y = unit.from; y < unit.to; y += rows)
                nni_conv_weights_block_neon(job, &window, &open, dw, y, nni_min(y + rows, unit.to), from, to);
        }
    }
}

/* ---- simd/kernels/pool.h ---- */
/* pool.h - the maximum or the mean of a window, channel by channel: lanes are channels */

NNI_INLINE nni_vi_neon nni_pool_load_index_neon(const uint32_t *index, size_t n) {
    uint32_t some[VF_LANES] = {0};
    if (n >= VF_LANES) return nni_vi_load_neon(index);
    memcpy(some, index, n * sizeof *index);
    return nni_vi_load_neon(some);
}
NNI_INLINE void nni_pool_store_index_neon(uint32_t *index, nni_vi_neon v, size_t n) {
    uint32_t some[VF_LANES];
    if (n >= VF_LANES) nni_vi_store_neon(index, v);
    else {
        nni_vi_store_neon(some, v);
        memcpy(index, some, n * sizeof *index);
    }
}

/* n channels of one window: x points to the image, index is not NULL if `which`. */
NNI_INLINE void nni_max_window_neon(const int which, float *y, uint32_t *index, const float *x, const nni_pool *p,
                                   const nni_pool_taps *ty, const nni_pool_taps *tx, size_t n) {
    if (!ty->count || !tx->count) {
        nni_vf_store_n_neon(y, nni_vf_set1_neon(-INFINITY), n);
        if (which) nni_pool_store_index_neon(index, nni_vi_set1_neon(UINT32_MAX), n);
        return;
    }
    const size_t width = p->x.length;
    size_t row = ty->first * width + tx->first;
    nni_vf_neon best = nni_vf_load_n_neon(x + row * p->channels, n), best_at = nni_vf_from_bits_neon(nni_vi_set1_neon((uint32_t)row));
    for (size_t r = ty->count; r > 0; r--, row += p->y.dilation * width) {
        size_t at = row;
        for (size_t t = tx->count; t > 0; t--, at += p->x.dilation) {
            const nni_vf_neon v = nni_vf_load_n_neon(x + at * p->channels, n);
            if (which) {
                const nni_vm_neon keep = nni_vm_or_neon(nni_vf_le_neon(v, best), nni_vf_nan_neon(best));
                best = nni_vf_select_neon(keep, best, v);
                best_at = nni_vf_select_neon(keep, best_at, nni_vf_from_bits_neon(nni_vi_set1_neon((uint32_t)at)));
            } else {
                best = nni_vf_max_neon(v, best);
            }
        }
    }
    nni_vf_store_n_neon(y, best, n);
    if (which) nni_pool_store_index_neon(index, nni_vf_bits_neon(best_at), n);
}

/* Rows [from, to) of the outputs, those of all images counted on. */
static void nni_max_pool_neon(float *y, uint32_t *index, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, 0);
        const float *source = x + row / p->y.outputs * image;
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, 0);
            const size_t at = (row * p->x.outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                if (index) nni_max_window_neon(1, y + at + c, index + at + c, source + c, p, &ty, &tx, n);
                else nni_max_window_neon(0, y + at + c, NULL, source + c, p, &ty, &tx, n);
            }
        }
    }
}

/* Each dy goes to the pixel of its window that index names. In disjoint windows nothing can be there yet. */
NNI_INLINE void nni_max_window_backward_neon(float *dx, nni_vf_neon dy, nni_vi_neon index, const nni_pool *p, const nni_pool_taps *ty,
                                            const nni_pool_taps *tx, size_t n) {
    const nni_vi_neon ones = nni_vi_set1_neon(UINT32_MAX);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            const nni_vf_neon part = nni_vf_where_neon(nni_vi_eq0_neon(nni_vi_xor_neon(index, nni_vi_set1_neon((uint32_t)at)), ones), dy);
            float *to = dx + at * p->channels;
            nni_vf_store_n_neon(to, nni_vf_add_neon(p->disjoint ? nni_vf_set1_neon(0.0f) : nni_vf_load_n_neon(to, n), part), n);
        }
}

/* Images [from, to). */
static void nni_max_pool_backward_neon(float *dx, const float *dy, const uint32_t *index, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, 0), tx = nni_pool_taps_of(&p->x, i % p->x.outputs, 0);
            const size_t at = (m * outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                nni_max_window_backward_neon(dx + m * image + c, nni_vf_load_n_neon(dy + at + c, n), nni_pool_load_index_neon(index + at + c, n), p,
                                            &ty, &tx, n);
            }
        }
    }
}

/* n channels of one window; of no pixels the mean is 0. */
NNI_INLINE void nni_mean_window_neon(float *y, const float *x, const nni_pool *p, const nni_pool_taps *ty, const nni_pool_taps *tx,
                                    size_t n) {
    nni_vf_neon sum = nni_vf_set1_neon(0.0f);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            sum = nni_vf_add_neon(sum, nni_vf_load_n_neon(x + at * p->channels, n));
        }
    nni_vf_store_n_neon(y, nni_vf_div_neon(sum, nni_vf_set1_neon((float)nni_max(1, ty->divisor * tx->divisor))), n);
}

static void nni_average_pool_neon(float *y, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, p->count_padding);
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES)
                nni_mean_window_neon(y + (row * p->x.outputs + i) * channels + c, x + row / p->y.outputs * image + c, p, &ty, &tx,
                                    nni_min(VF_LANES, channels - c));
        }
    }
}

NNI_INLINE void nni_mean_window_backward_neon(float *dx, nni_vf_neon dy, const nni_pool *p, const nni_pool_taps *ty, const nni_pool_taps *tx,
                                             size_t n) {
    const nni_vf_neon part = nni_vf_div_neon(dy, nni_vf_set1_neon((float)nni_max(1, ty->divisor * tx->divisor)));
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            float *to = dx + at * p->channels;
            nni_vf_store_n_neon(to, nni_vf_add_neon(p->disjoint ? nni_vf_set1_neon(0.0f) : nni_vf_load_n_neon(to, n), part), n);
        }
}

static void nni_average_pool_backward_neon(float *dx, const float *dy, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, p->count_padding);
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i % p->x.outputs, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                nni_mean_window_backward_neon(dx + m * image + c, nni_vf_load_n_neon(dy + (m * outputs + i) * channels + c, n), p, &ty, &tx, n);
            }
        }
    }
}

/* ---- over whole images ---- */

#define NNI_POOL_BLOCK 64 /* pixels whose sum is taken before it is added to the sum of all */

/* `vectors` of channels, `n` of the last: each vector is a chain of its own. */
NNI_INLINE void nni_mean_pixels_neon(const int vectors, float *y, const float *x, size_t pixels, size_t channels, size_t n) {
    nni_vf_neon total[4];
    NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = nni_vf_set1_neon(0.0f);
    for (size_t p = 0; p < pixels; p += NNI_POOL_BLOCK) {
        nni_vf_neon sum[4];
        NNI_UNROLL for (int v = 0; v < vectors; v++) sum[v] = nni_vf_set1_neon(0.0f);
        for (size_t q = p; q < nni_min(pixels, p + NNI_POOL_BLOCK); q++)
            NNI_UNROLL for (int v = 0; v < vectors; v++)
                sum[v] = nni_vf_add_neon(sum[v], nni_vf_load_n_neon(x + q * channels + v * VF_LANES, v == vectors - 1 ? n : VF_LANES));
        NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = nni_vf_add_neon(total[v], sum[v]);
    }
    const nni_vf_neon divisor = nni_vf_set1_neon((float)nni_max(1, pixels));
    NNI_UNROLL for (int v = 0; v < vectors; v++)
        nni_vf_store_n_neon(y + v * VF_LANES, nni_vf_div_neon(total[v], divisor), v == vectors - 1 ? n : VF_LANES);
}

static void nni_global_average_pool_neon(float *y, const float *x, size_t images, size_t pixels, size_t channels) {
    for (size_t m = 0; m < images; m++, x += pixels * channels, y += channels) {
        size_t c = 0;
        for (; c + 4 * VF_LANES <= channels; c += 4 * VF_LANES) nni_mean_pixels_neon(4, y + c, x + c, pixels, channels, VF_LANES);
        for (; c < channels; c += VF_LANES)
            nni_mean_pixels_neon(1, y + c, x + c, pixels, channels, nni_min(VF_LANES, channels - c));
    }
}

static void nni_global_average_pool_backward_neon(float *dx, const float *dy, size_t images, size_t pixels, size_t channels) {
    const nni_vf_neon divisor = nni_vf_set1_neon((float)nni_max(1, pixels));
    for (size_t m = 0; m < images; m++, dx += pixels * channels, dy += channels)
        for (size_t c = 0; c < channels; c += VF_LANES) {
            const size_t n = nni_min(VF_LANES, channels - c);
            const nni_vf_neon part = nni_vf_div_neon(nni_vf_load_n_neon(dy + c, n), divisor);
            for (size_t p = 0; p < pixels; p++) nni_vf_store_n_neon(dx + p * channels + c, part, n);
        }
}

#define NNI_KERNEL_ENTRY(result, name, arguments) , nni_##name##_neon
static const nni_tier nni_tier_neon = {"neon", NNI_LARGE_VECTORS * VF_LANES NNI_KERNELS(NNI_KERNEL_ENTRY)};
#undef NNI_KERNEL_ENTRY

#undef VF_LANES
#undef VF_FREE_MASK
#undef VF_MIXED
#undef NNI_TILES
#undef NNI_TILE_ROWS
#undef NNI_LARGE_VECTORS
#undef NNI_DOT_ROWS
#undef NNI_DOT_COLS

#endif /* NNI_ARM */

/* ---- src/isa.h ---- */

#include <stdlib.h>

/* Best first; scalar is last and always there. */
static const nni_tier *const nni_tiers[] = {
#if defined(NNI_X86)
    &nni_tier_avx512, &nni_tier_avx2,
#elif defined(NNI_ARM)
    &nni_tier_neon,
#endif
    &nni_tier_scalar, NULL};

/* The only mutable globals: written once by the first call (by all threads alike), and by nn_isa_force. */
static const nni_tier *nni_tier_in_use;
static nn_status nni_tier_status;

static int nni_tier_runs(const nni_tier *tier) {
#ifdef NNI_X86
    const unsigned features = nni_cpu_features();
    if (tier == &nni_tier_avx512) return (features & NNI_CPU_AVX512) != 0;
    if (tier == &nni_tier_avx2) return (features & NNI_CPU_AVX2) != 0;
#endif
    (void)tier;
    return 1;
}

/* The tier of that name that can run, or the reason why there is none. */
static nn_status nni_tier_find(const char *name, const nni_tier **tier) {
    static const char *const known[] = {"scalar", "avx2", "avx512", "neon"};
    for (size_t i = 0; nni_tiers[i]; i++)
        if (!name || strcmp(nni_tiers[i]->name, name) == 0) {
            if (nni_tier_runs(nni_tiers[i])) {
                *tier = nni_tiers[i];
                return NN_OK;
            }
            if (name) return NN_ERROR_ISA_MISSING;
        }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], name) == 0) return NN_ERROR_ISA_MISSING;
    return NN_ERROR_ISA_UNKNOWN;
}

static const nni_tier *nni_tier_choose(void) {
    const char *name = getenv("NN_ISA");
    const nni_tier *tier = &nni_tier_scalar;
    const nn_status status = nni_tier_find(name && *name ? name : NULL, &tier);
    __atomic_store_n(&nni_tier_status, status, __ATOMIC_RELAXED);
    __atomic_store_n(&nni_tier_in_use, tier, __ATOMIC_RELEASE);
    return tier;
}

static inline const nni_tier *nni_get_tier(void) {
    const nni_tier *tier = __atomic_load_n(&nni_tier_in_use, __ATOMIC_ACQUIRE);
    return NNI_LIKELY(tier != NULL) ? tier : nni_tier_choose();
}

NN_API nn_status nn_isa_force(const char *name) {
    const nni_tier *tier;
    const nn_status status = nni_tier_find(name, &tier);
    if (status != NN_OK) return status;
    __atomic_store_n(&nni_tier_status, NN_OK, __ATOMIC_RELAXED);
    __atomic_store_n(&nni_tier_in_use, tier, __ATOMIC_RELEASE);
    return NN_OK;
}

NN_API const char *nn_isa(void) { return nni_get_tier()->name; }

NN_API nn_status nn_isa_status(void) {
    nni_get_tier();
    return __atomic_load_n(&nni_tier_status, __ATOMIC_RELAXED);
}

NN_API const char *nn_isa_name(size_t i) {
    const size_t count = sizeof nni_tiers / sizeof *nni_tiers;
    return i < count && nni_tiers[i] ? nni_tiers[i]->name : NULL;
}

NN_API nn_status nn_isa_supported(const char *name) {
    const nni_tier *tier;
    return name ? nni_tier_find(name, &tier) : NN_ERROR_NULL;
}

NN_API const char *nn_maths_backend(void) {
#ifdef NN_NO_SLEEF
    return "builtin";
#else
    return nni_cpu_has_fma() ? "sleef" : "builtin";
#endif
}

/* ---- src/threads.h ---- */

#ifdef _OPENMP
#include <omp.h>
#endif

static struct {
    size_t count;
    nn_parallel_for loop;
    void *user;
} nni_threads;

NN_API void nn_threads(size_t count) { nni_threads.count = count; }

NN_API size_t nn_threads_in_use(void) {
#ifndef _OPENMP
    if (!nni_threads.loop) return 1;
#endif
    return nni_max(nni_threads.count, 1);
}

NN_API void nn_threads_hook(nn_parallel_for loop, void *user) {
    nni_threads.loop = loop;
    nni_threads.user = user;
}

/* Among how many threads to share `work`, of which a thread should get at least `least` (which workers that sleep make it). */
static inline size_t nni_threads_for(size_t work, size_t least) {
    const size_t most = nn_threads_in_use();
    return most == 1 ? 1 : nni_max(1, nni_min(most, work / nni_max(least / NN_THREADS_EAGER, 1)));
}

static void nni_parallel(void (*task)(void *context, size_t i), void *context, size_t count) {
    if (count <= 1) {
        if (count) task(context, 0);
    } else if (nni_threads.loop) {
        nni_threads.loop(task, context, count, nni_threads.user);
    } else {
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads((int)count)
#endif
        for (size_t i = 0; i < count; i++) task(context, i);
    }
}

/* ---- src/random.h ---- */

/* Numbers worth a thread: at twice as many, two threads that sleep between calls were 1.2 (uniform) to 1.7 times as fast. */
#define NNI_RANDOM_SHARE 100000

/* Numbers come in blocks of 64 (see kernels/random.h). A call that starts or ends inside a block makes the whole block
 * aside and takes its share. */
typedef struct nni_draw {
    void (*f)(const struct nni_draw *draw, void *y, uint64_t first, size_t blocks);
    const nni_tier *tier;
    nn_random random;
    float a, b;
    char *y;
    size_t n, part; /* numbers in whole blocks, blocks of a part */
} nni_draw;

static void nni_draw_task(void *context, size_t i) {
    const nni_draw *d = (const nni_draw *)context;
    const size_t begin = i * d->part, blocks = nni_min(d->part, d->n / 64 - begin);
    d->f(d, d->y + begin * 64 * sizeof(float), d->random.next / 64 + begin, blocks);
}

/* The numbers from d->random.next on, at most to the end of their block: how many there were. */
static size_t nni_draw_partly(const nni_draw *d, size_t n) {
    uint32_t block[64];
    const size_t skip = (size_t)(d->random.next % 64), take = nni_min(n, 64 - skip);
    d->f(d, block, d->random.next / 64, 1);
    memcpy(d->y, block + skip, take * sizeof *block);
    return take;
}

static void nni_draw_run(void (*f)(const nni_draw *, void *, uint64_t, size_t), void *y, size_t n, float a, float b,
                         nn_random *random) {
    nni_draw d;
    d.f = f;
    d.tier = nni_get_tier();
    d.random = *random;
    d.a = a;
    d.b = b;
    d.y = (char *)y;
    random->next += n;
    if (n && d.random.next % 64) {
        const size_t taken = nni_draw_partly(&d, n);
        d.random.next += taken;
        d.y += taken * sizeof(float);
        n -= taken;
    }
    const size_t blocks = n / 64;
    if (blocks) {
        d.n = blocks * 64;
        d.part = nni_ceil_div(blocks, nni_threads_for(d.n, NNI_RANDOM_SHARE));
        nni_parallel(nni_draw_task, &d, nni_ceil_div(blocks, d.part));
        d.random.next += d.n;
        d.y += d.n * sizeof(float);
    }
    if (n % 64) nni_draw_partly(&d, n % 64);
}

static void nni_draw_bits(const nni_draw *d, void *y, uint64_t first, size_t blocks) {
    d->tier->random_bits((uint32_t *)y, d->random.seed, d->random.stream, first, blocks);
}
static void nni_draw_uniform(const nni_draw *d, void *y, uint64_t first, size_t blocks) {
    d->tier->random_uniform((float *)y, d->random.seed, d->random.stream, first, blocks, d->a, d->b);
}
static void nni_draw_normal(const nni_draw *d, void *y, uint64_t first, size_t blocks) {
    d->tier->random_normal((float *)y, d->random.seed, d->random.stream, first, blocks, d->a, d->b);
}
static void nni_draw_mask(const nni_draw *d, void *y, uint64_t first, size_t blocks) {
    d->tier->random_mask((float *)y, d->random.seed, d->random.stream, first, blocks, d->a, d->b);
}

NN_API void nn_random_bits(uint32_t *y, size_t n, nn_random *random) { nni_draw_run(nni_draw_bits, y, n, 0, 0, random); }
NN_API void nn_random_uniform(float *y, size_t n, float lo, float hi, nn_random *random) {
    nni_draw_run(nni_draw_uniform, y, n, lo, hi, random);
}
NN_API void nn_random_normal(float *y, size_t n, float mean, float deviation, nn_random *random) {
    nni_draw_run(nni_draw_normal, y, n, mean, deviation, random);
}
NN_API void nn_random_mask(float *y, size_t n, float keep, float value, nn_random *random) {
    nni_draw_run(nni_draw_mask, y, n, keep, value, random);
}

/* One Philox counter in plain C: key and counter to four words. */
static void nni_philox(uint32_t word[4], uint64_t key, const uint32_t counter[4]) {
    uint32_t c[4], k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    memcpy(c, counter, sizeof c);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)c[0] * 0xD2511F53u, p1 = (uint64_t)c[2] * 0xCD9E8D57u;
        const uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(word, c, sizeof c);
}

/* The 64-bit number of an attempt at the present position. The top byte of its counter holds the attempt with the high bit
 * set, where the counters of the arrays, which count blocks, never come. */
static uint64_t nni_random_attempt(const nn_random *random, uint32_t attempt) {
    uint32_t word[4];
    const uint64_t position = random->next >> 1;
    const uint32_t counter[4] = {(uint32_t)position, ((uint32_t)(position >> 32) & 0xffffffu) | (0x80u + attempt) << 24,
                                 (uint32_t)random->stream, (uint32_t)(random->stream >> 32)};
    nni_philox(word, random->seed, counter);
    return random->next & 1 ? (uint64_t)word[3] << 32 | word[2] : (uint64_t)word[1] << 32 | word[0];
}

__extension__ typedef unsigned __int128 nni_uint128;

/* Lemire, "Fast random integer generation in an interval" (2019): the high half of draw*n, drawn again where the low half
 * falls into the 2^64 mod n values that would favour some results. */
NN_API uint64_t nn_random_below(uint64_t n, nn_random *random) {
    if (n == 0) return 0;
    nni_uint128 product = (nni_uint128)nni_random_attempt(random, 0) * n;
    if ((uint64_t)product < n) {
        const uint64_t unfair = (0 - n) % n;
        for (uint32_t attempt = 1; (uint64_t)product < unfair; attempt++)
            product = (nni_uint128)nni_random_attempt(random, attempt) * n;
    }
    random->next++;
    return (uint64_t)(product >> 64);
}

NN_API void nn_random_permutation(size_t *y, size_t n, nn_random *random) {
    for (size_t i = 0; i < n; i++) { /* Fisher and Yates, inside out: no pass to fill y first */
        const size_t j = (size_t)nn_random_below(i + 1, random);
        if (j != i) y[i] = y[j];
        y[j] = i;
    }
}

/* ---- src/maths.h ---- */

/* Elements worth a thread where f is an instruction or two, and where it is built on exp or log. At twice as many, two threads
 * that sleep between calls ran add 1.4 to 1.6 times as fast as one, axpy 1.3, ReLU 1.1 to 1.3; exp 1.2, log and tanh 1.4. */
#define NNI_MAP_SHARE 1000000
#define NNI_MAP_SHARE_HARD 300000

/* A loop over n elements in contiguous parts; f sees one part. */
typedef struct nni_map {
    const nni_tier *tier;
    void (*f)(const struct nni_map *map, size_t begin, size_t count);
    float *y;
    const float *a, *b;
    size_t n, part;
    nn_activation activation;
    float slope, hi;
} nni_map;

static void nni_map_task(void *context, size_t i) {
    const nni_map *map = (const nni_map *)context;
    const size_t begin = i * map->part;
    map->f(map, begin, nni_min(map->part, map->n - begin));
}

static void nni_map_run(nni_map *map, size_t least) {
    const size_t threads = nni_threads_for(map->n, least);
    map->part = nni_round_up(nni_ceil_div(map->n, threads), 64);
    if (map->n) nni_parallel(nni_map_task, map, nni_ceil_div(map->n, map->part));
}

static nni_map nni_map_of(void (*f)(const nni_map *, size_t, size_t), float *y, const float *a, const float *b, size_t n) {
    nni_map map;
    memset(&map, 0, sizeof map);
    map.tier = nni_get_tier();
    map.f = f;
    map.y = y;
    map.a = a;
    map.b = b;
    map.n = n;
    return map;
}

static void nni_map_exp(const nni_map *m, size_t i, size_t n) { m->tier->exp(m->y + i, m->a + i, n); }
static void nni_map_log(const nni_map *m, size_t i, size_t n) { m->tier->log(m->y + i, m->a + i, n); }
static void nni_map_add(const nni_map *m, size_t i, size_t n) { m->tier->add(m->y + i, m->a + i, m->b + i, n); }
static void nni_map_sub(const nni_map *m, size_t i, size_t n) { m->tier->sub(m->y + i, m->a + i, m->b + i, n); }
static void nni_map_mul_add(const nni_map *m, size_t i, size_t n) { m->tier->mul_add(m->y + i, m->a + i, m->b + i, n); }
static void nni_map_clip(const nni_map *m, size_t i, size_t n) { m->tier->clip(m->y + i, m->a + i, n, m->slope, m->hi); }
static void nni_map_reciprocal(const nni_map *m, size_t i, size_t n) { m->tier->reciprocal(m->y + i, m->a + i, n); }
static void nni_map_reciprocal_backward(const nni_map *m, size_t i, size_t n) {
    m->tier->reciprocal_backward(m->y + i, m->a + i, m->b + i, n);
}
static void nni_map_mul(const nni_map *m, size_t i, size_t n) { m->tier->mul(m->y + i, m->a + i, m->b + i, n); }
static void nni_map_scale(const nni_map *m, size_t i, size_t n) { m->tier->scale(m->y + i, m->a + i, n, m->slope); }
static void nni_map_axpy(const nni_map *m, size_t i, size_t n) { m->tier->axpy(m->y + i, m->a + i, n, m->slope); }
static void nni_map_activate(const nni_map *m, size_t i, size_t n) {
    m->tier->activate(m->y + i, m->a + i, n, m->activation, m->slope);
}
static void nni_map_activate_backward(const nni_map *m, size_t i, size_t n) {
    m->tier->activate_backward(m->y + i, m->a + i, m->b + i, n, m->activation, m->slope);
}
static void nni_map_log_backward(const nni_map *m, size_t i, size_t n) {
    m->tier->log_backward(m->y + i, m->a + i, m->b + i, n);
}

NN_API void nn_exp(float *y, const float *x, size_t n) {
    nni_map map = nni_map_of(nni_map_exp, y, x, NULL, n);
    nni_map_run(&map, NNI_MAP_SHARE_HARD);
}
NN_API void nn_log(float *y, const float *x, size_t n) {
    nni_map map = nni_map_of(nni_map_log, y, x, NULL, n);
    nni_map_run(&map, NNI_MAP_SHARE_HARD);
}
NN_API void nn_activate(float *y, const float *x, size_t n, nn_activation activation, float slope) {
    NN_ASSERT((unsigned)activation < NN_ACTIVATION_COUNT);
    nni_map map = nni_map_of(nni_map_activate, y, x, NULL, n);
    map.activation = activation;
    map.slope = slope;
    const int easy = activation == NN_IDENTITY || activation == NN_RELU || activation == NN_LEAKY_RELU || activation == NN_STEP;
    nni_map_run(&map, easy ? NNI_MAP_SHARE : NNI_MAP_SHARE_HARD);
}
NN_API void nn_tanh(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_TANH, 0.0f); }
NN_API void nn_sigmoid(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_SIGMOID, 0.0f); }
NN_API void nn_softplus(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_SOFTPLUS, 0.0f); }
NN_API void nn_relu(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_RELU, 0.0f); }
NN_API void nn_leaky_relu(float *y, const float *x, size_t n, float a) { nn_activate(y, x, n, NN_LEAKY_RELU, a); }
NN_API void nn_elu(float *y, const float *x, size_t n, float a) { nn_activate(y, x, n, NN_ELU, a); }
NN_API void nn_step(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_STEP, 0.0f); }

NN_API void nn_selu(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_SELU, 0.0f); }
NN_API void nn_gelu(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_GELU, 0.0f); }
NN_API void nn_gelu_tanh(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_GELU_TANH, 0.0f); }
NN_API void nn_silu(float *y, const float *x, size_t n) { nn_activate(y, x, n, NN_SILU, 0.0f); }

NN_API int nn_activation_keeps_input(nn_activation activation) {
#define NNI_KEEPS_INPUT(name, function, keeps_input) keeps_input,
    static const unsigned char keeps_input[] = {NN_ACTIVATION_LIST(NNI_KEEPS_INPUT)};
#undef NNI_KEEPS_INPUT
    NN_ASSERT((unsigned)activation < NN_ACTIVATION_COUNT);
    return keeps_input[activation];
}

NN_API void nn_activate_backward(float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope) {
    NN_ASSERT((unsigned)activation < NN_ACTIVATION_COUNT);
    nni_map map = nni_map_of(nni_map_activate_backward, dx, dy, v, n);
    map.activation = activation;
    map.slope = slope;
    nni_map_run(&map, activation == NN_SOFTPLUS || nn_activation_keeps_input(activation) ? NNI_MAP_SHARE_HARD : NNI_MAP_SHARE);
}
NN_API void nn_exp_backward(float *dx, const float *dy, const float *y, size_t n) { nn_mul(dx, dy, y, n); }
NN_API void nn_log_backward(float *dx, const float *dy, const float *x, size_t n) {
    nni_map map = nni_map_of(nni_map_log_backward, dx, dy, x, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_add(float *y, const float *a, const float *b, size_t n) {
    nni_map map = nni_map_of(nni_map_add, y, a, b, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_sub(float *y, const float *a, const float *b, size_t n) {
    nni_map map = nni_map_of(nni_map_sub, y, a, b, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_mul_add(float *y, const float *a, const float *b, size_t n) {
    nni_map map = nni_map_of(nni_map_mul_add, y, a, b, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_reciprocal(float *y, const float *x, size_t n) {
    nni_map map = nni_map_of(nni_map_reciprocal, y, x, NULL, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_reciprocal_backward(float *dx, const float *dy, const float *y, size_t n) {
    nni_map map = nni_map_of(nni_map_reciprocal_backward, dx, dy, y, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_clip(float *y, const float *x, size_t n, float lo, float hi) {
    nni_map map = nni_map_of(nni_map_clip, y, x, NULL, n);
    map.slope = lo;
    map.hi = hi;
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_mul(float *y, const float *a, const float *b, size_t n) {
    nni_map map = nni_map_of(nni_map_mul, y, a, b, n);
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_scale(float *y, const float *x, size_t n, float a) {
    nni_map map = nni_map_of(nni_map_scale, y, x, NULL, n);
    map.slope = a;
    nni_map_run(&map, NNI_MAP_SHARE);
}
NN_API void nn_axpy(float *y, const float *x, size_t n, float a) {
    nni_map map = nni_map_of(nni_map_axpy, y, x, NULL, n);
    map.slope = a;
    nni_map_run(&map, NNI_MAP_SHARE);
}

/* The rows of a matrix, shared among threads. */
typedef struct nni_row_map {
    const nni_tier *tier;
    float *y;
    const float *x, *row;
    size_t rows, n, part;
} nni_row_map;

static void nni_add_row_task(void *context, size_t i) {
    const nni_row_map *m = (const nni_row_map *)context;
    const size_t first = i * m->part;
    m->tier->add_row(m->y + first * m->n, m->x + first * m->n, m->row, nni_min(m->part, m->rows - first), m->n);
}

NN_API void nn_add_row(float *y, const float *x, const float *row, size_t rows, size_t n) {
    if (rows == 0 || n == 0) return;
    nni_row_map map = {nni_get_tier(), y, x, row, rows, n, nni_ceil_div(rows, nni_threads_for(rows * n, NNI_MAP_SHARE))};
    nni_parallel(nni_add_row_task, &map, nni_ceil_div(rows, map.part));
}

/* ---- src/reduce.h ---- */

#include <math.h>

/* Blocks worth a thread. Memory is what these wait for: two threads that sleep between calls ran nn_dot 1.4 times as fast as
 * one at twice as many, and nn_sum no faster (1.1 times at twice that); threads that spin, both 1.5 to 2 times. */
#define NNI_REDUCE_SHARE 2000
#define NNI_REDUCE_ROUND 8192 /* blocks whose results are held at a time */

typedef struct nni_reduce {
    void (*f)(const struct nni_reduce *reduce, float *partial, size_t begin, size_t count);
    const nni_tier *tier;
    const float *x, *y;
    size_t n, blocks, part; /* elements and blocks of this round, blocks of a part */
    float *partial;
} nni_reduce;

static void nni_reduce_task(void *context, size_t i) {
    const nni_reduce *r = (const nni_reduce *)context;
    const size_t begin = i * r->part * NNI_BLOCK, end = nni_min(r->n, begin + r->part * NNI_BLOCK);
    r->f(r, r->partial + i * r->part, begin, end - begin);
}

static float nni_reduce_run(void (*f)(const nni_reduce *, float *, size_t, size_t), const float *x, const float *y, size_t n) {
    float partial[NNI_REDUCE_ROUND];
    nni_reduce r;
    r.f = f;
    r.tier = nni_get_tier();
    r.partial = partial;
    double total = 0.0;
    for (size_t done = 0; done < n; done += r.n) {
        r.x = x + done;
        r.y = y + done;
        r.n = nni_min(n - done, (size_t)NNI_REDUCE_ROUND * NNI_BLOCK);
        r.blocks = nni_ceil_div(r.n, NNI_BLOCK);
        r.part = nni_ceil_div(r.blocks, nni_threads_for(r.blocks, NNI_REDUCE_SHARE));
        nni_parallel(nni_reduce_task, &r, nni_ceil_div(r.blocks, r.part));
        for (size_t i = 0; i < r.blocks; i++) total += (double)partial[i];
    }
    return (float)total;
}

static void nni_reduce_sum(const nni_reduce *r, float *partial, size_t i, size_t n) { r->tier->sum(partial, r->x + i, n); }
static void nni_reduce_dot(const nni_reduce *r, float *partial, size_t i, size_t n) { r->tier->dot(partial, r->x + i, r->y + i, n); }
static void nni_reduce_squares(const nni_reduce *r, float *partial, size_t i, size_t n) {
    r->tier->sum_squares(partial, r->x + i, n);
}

NN_API float nn_sum(const float *x, size_t n) { return nni_reduce_run(nni_reduce_sum, x, x, n); }
NN_API float nn_dot(const float *x, const float *y, size_t n) { return nni_reduce_run(nni_reduce_dot, x, y, n); }
NN_API float nn_sum_squares(const float *x, size_t n) { return nni_reduce_run(nni_reduce_squares, x, x, n); }
NN_API float nn_max(const float *x, size_t n) { return n ? nni_get_tier()->max(x, n) : -INFINITY; }
NN_API size_t nn_argmax(const float *x, size_t n) { return n ? nni_get_tier()->argmax(x, n) : 0; }

/* ---- src/columns.h ---- */

#define NNI_COLUMNS_SHARE 16384 /* elements worth a thread */
#define NNI_ROW_BLOCK 256       /* rows that are summed as floats; the blocks' results are added in double */
#define NNI_PANEL 256           /* columns whose sums and factors are held on the stack */
#define NNI_COLUMN_SUMS 2       /* the most sums that an operation has for each column */
#define NNI_COLUMN_FACTORS 5    /* and the most factors */
#define NNI_COLUMNS_HELD 4096   /* sums of blocks that are held while threads share the blocks */

/* An operation by columns, in steps each of which may be missing: `prepare` sets factors for some columns, `sum` sums over one
 * block of rows, `finish` turns the totals into results and factors, and `apply` runs over rows with these factors. It needs
 * no memory but a panel's on the stack. Threads share the columns, or where those are few, the rows of `sum` and `apply`:
 * the blocks and the order in which they are added follow from the shape alone. Sum i of column j of a panel lies at
 * sum[i*width + j], factor i at factor[i*NNI_PANEL + j]. */
typedef struct nni_columns {
    void (*prepare)(const struct nni_columns *c, float *factor, size_t column, size_t width);
    void (*sum)(const struct nni_columns *c, float *sum, const float *factor, size_t block, size_t column, size_t width);
    void (*finish)(const struct nni_columns *c, float *factor, double *total, size_t column, size_t width);
    void (*apply)(const struct nni_columns *c, const float *factor, size_t row, size_t rows, size_t column, size_t width);
    const nni_tier *tier;
    size_t rows, n, blocks, sums; /* sums for each column */
    size_t part;                  /* columns, blocks or rows of one thread's part */
    const float *x, *dy;                           /* rows x n */
    const float *mean, *variance, *scale, *shift; /* one for each column */
    float *y, *first, *second;                    /* results: rows x n, and two for each column */
    float epsilon;
    int accumulate;
    const void *more; /* what only one operation has */
} nni_columns;

static nni_columns nni_columns_of(const float *x, size_t rows, size_t n) {
    nni_columns c;
    memset(&c, 0, sizeof c);
    c.tier = nni_get_tier();
    c.x = x;
    c.rows = rows;
    c.n = n;
    c.blocks = nni_ceil_div(rows, NNI_ROW_BLOCK);
    return c;
}

static void nni_columns_add(double *total, const float *sum, size_t count) {
    for (size_t i = 0; i < count; i++) total[i] += (double)sum[i];
}

/* The totals of one panel, by one thread. */
static void nni_columns_total(const nni_columns *c, double *total, const float *factor, size_t column, size_t width) {
    float sum[NNI_COLUMN_SUMS * NNI_PANEL];
    memset(total, 0, c->sums * width * sizeof *total);
    for (size_t block = 0; block < c->blocks; block++) {
        c->sum(c, sum, factor, block, column, width);
        nni_columns_add(total, sum, c->sums * width);
    }
}

/* All steps for the columns of one panel, by one thread. */
static void nni_columns_panel(const nni_columns *c, size_t column, size_t width) {
    double total[NNI_COLUMN_SUMS * NNI_PANEL];
    float factor[NNI_COLUMN_FACTORS * NNI_PANEL];
    if (c->prepare) c->prepare(c, factor, column, width);
    if (c->sum) {
        nni_columns_total(c, total, factor, column, width);
        c->finish(c, factor, total, column, width);
    }
    if (c->apply) c->apply(c, factor, 0, c->rows, column, width);
}

static void nni_columns_part(void *context, size_t i) {
    const nni_columns *c = (const nni_columns *)context;
    const size_t begin = i * c->part, end = nni_min(c->n, begin + c->part);
    for (size_t column = begin; column < end; column += NNI_PANEL)
        nni_columns_panel(c, column, nni_min(end - column, NNI_PANEL));
}

/* One panel whose rows are shared. */
typedef struct nni_columns_shared {
    nni_columns c;
    size_t column, width, first, count; /* blocks first .. first + count - 1 are summed */
    float *sum;
    const float *factor;
} nni_columns_shared;

static void nni_columns_sum_part(void *context, size_t i) {
    const nni_columns_shared *s = (const nni_columns_shared *)context;
    const size_t begin = i * s->c.part, end = nni_min(s->count, begin + s->c.part);
    for (size_t block = begin; block < end; block++)
        s->c.sum(&s->c, s->sum + block * s->c.sums * s->width, s->factor, s->first + block, s->column, s->width);
}

static void nni_columns_apply_part(void *context, size_t i) {
    const nni_columns_shared *s = (const nni_columns_shared *)context;
    const size_t row = i * s->c.part;
    s->c.apply(&s->c, s->factor, row, nni_min(s->c.part, s->c.rows - row), s->column, s->width);
}

/* The totals of a panel, whose blocks threads share; as many blocks at a time as there is room for their sums. */
static void nni_columns_share_sums(nni_columns_shared *s, double *total, size_t threads) {
    float sum[NNI_COLUMNS_HELD];
    const size_t sums = s->c.sums * s->width;
    s->sum = sum;
    memset(total, 0, sums * sizeof *total);
    for (s->first = 0; s->first < s->c.blocks; s->first += s->count) {
        s->count = nni_min(s->c.blocks - s->first, NNI_COLUMNS_HELD / sums);
        s->c.part = nni_ceil_div(s->count, threads);
        nni_parallel(nni_columns_sum_part, s, nni_ceil_div(s->count, s->c.part));
        for (size_t block = 0; block < s->count; block++) nni_columns_add(total, sum + block * sums, sums);
    }
}

static void nni_columns_share_rows(const nni_columns *c, size_t column, size_t width, size_t threads) {
    double total[NNI_COLUMN_SUMS * NNI_PANEL];
    float factor[NNI_COLUMN_FACTORS * NNI_PANEL];
    nni_columns_shared s;
    s.c = *c;
    s.column = column;
    s.width = width;
    s.factor = factor;
    if (c->prepare) c->prepare(c, factor, column, width);
    if (c->sum) {
        nni_columns_share_sums(&s, total, threads);
        c->finish(c, factor, total, column, width);
    }
    if (!c->apply) return;
    s.c.part = nni_ceil_div(c->rows, threads);
    nni_parallel(nni_columns_apply_part, &s, nni_ceil_div(c->rows, s.c.part));
}

/* Columns are shared in multiples of a cache line, and the rows only where there are too few columns for that. */
static void nni_columns_run(nni_columns *c) {
    const size_t threads = nni_threads_for(c->rows * c->n, NNI_COLUMNS_SHARE), least = 64;
    if (threads > 1 && c->blocks > 1 && c->n < threads * least) {
        for (size_t column = 0; column < c->n; column += NNI_PANEL)
            nni_columns_share_rows(c, column, nni_min(c->n - column, NNI_PANEL), threads);
    } else if (c->n) {
        c->part = nni_round_up(nni_ceil_div(c->n, threads), least);
        nni_parallel(nni_columns_part, c, nni_ceil_div(c->n, c->part));
    }
}

/* Some rows at the columns of a panel. */
static nni_strip nni_columns_strip(const nni_columns *c, size_t row, size_t rows, size_t column, size_t width) {
    const size_t at = row * c->n + column;
    const nni_strip strip = {c->x + at, c->dy ? c->dy + at : NULL, c->n, rows, width, NULL, NULL};
    return strip;
}

static nni_strip nni_columns_block(const nni_columns *c, size_t block, size_t column, size_t width) {
    const size_t row = block * NNI_ROW_BLOCK;
    return nni_columns_strip(c, row, nni_min(c->rows - row, NNI_ROW_BLOCK), column, width);
}

/* The totals of a panel as a gradient, unless it is not wanted. */
static void nni_columns_gradient(float *y, const double *total, size_t column, size_t width, int accumulate) {
    if (!y) return;
    y += column;
    for (size_t j = 0; j < width; j++) y[j] = accumulate ? y[j] + (float)total[j] : (float)total[j];
}

/* A row of factors: a copy of values by column, or `otherwise` where there are none. */
static void nni_columns_copy(float *factor, const float *from, float otherwise, size_t column, size_t width) {
    if (from) memcpy(factor, from + column, width * sizeof *factor);
    else for (size_t j = 0; j < width; j++) factor[j] = otherwise;
}

static void nni_sum_columns_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                size_t width) {
    const nni_strip strip = nni_columns_block(c, block, column, width);
    (void)factor;
    c->tier->columns_sum(sum, &strip);
}

static void nni_sum_columns_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    (void)factor;
    nni_columns_gradient(c->first, total, column, width, c->accumulate);
}

NN_API void nn_sum_columns(float *y, const float *x, size_t rows, size_t n, int accumulate) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.sums = 1;
    c.sum = nni_sum_columns_sum;
    c.finish = nni_sum_columns_finish;
    c.first = y;
    c.accumulate = accumulate;
    nni_columns_run(&c);
}

/* factors 0 to 2: mean, scale and shift, as also batch normalisation has them */
static void nni_affine_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    nni_columns_copy(factor, NULL, 0.0f, column, width);
    nni_columns_copy(factor + NNI_PANEL, c->scale, 1.0f, column, width);
    nni_columns_copy(factor + 2 * NNI_PANEL, c->shift, 0.0f, column, width);
}

static void nni_affine_apply(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column, size_t width) {
    nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    strip.mean = factor;
    c->tier->normalize(c->y + row * c->n + column, &strip, factor + NNI_PANEL, factor + 2 * NNI_PANEL);
}

NN_API void nn_affine(float *y, const float *x, const float *scale, const float *shift, size_t rows, size_t n) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.prepare = nni_affine_prepare;
    c.apply = nni_affine_apply;
    c.scale = scale;
    c.shift = shift;
    c.y = y;
    nni_columns_run(&c);
}

/* ---- src/prelu.h ---- */

static void nni_prelu_apply(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column, size_t width) {
    const nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    (void)factor;
    c->tier->prelu(c->y + row * c->n + column, &strip, c->scale + column);
}

NN_API void nn_prelu(float *y, const float *x, const float *slope, size_t rows, size_t n, int shared) {
    nni_columns c = nni_columns_of(x, rows, n);
    if (shared) {
        nn_leaky_relu(y, x, rows * n, slope[0]);
        return;
    }
    c.apply = nni_prelu_apply;
    c.scale = slope;
    c.y = y;
    nni_columns_run(&c);
}

static void nni_prelu_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column, size_t width) {
    const nni_strip strip = nni_columns_block(c, block, column, width);
    (void)factor;
    c->tier->prelu_columns(sum, &strip);
}

static void nni_prelu_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    (void)factor;
    nni_columns_gradient(c->first, total, column, width, c->accumulate);
}

static void nni_prelu_apply_backward(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column,
                                     size_t width) {
    const nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    (void)factor;
    c->tier->prelu_backward(c->y + row * c->n + column, &strip, c->scale + column);
}

static void nni_prelu_reduce(const nni_reduce *r, float *partial, size_t i, size_t n) {
    r->tier->prelu_sum(partial, r->x + i, r->y + i, n);
}

/* The sum first: dx may be written over dy or x. */
static void nni_prelu_backward_shared(float *dx, float *dslope, const float *dy, const float *x, float slope, size_t n,
                                      int accumulate) {
    if (dslope) {
        const float sum = nni_reduce_run(nni_prelu_reduce, dy, x, n);
        *dslope = accumulate ? *dslope + sum : sum;
    }
    if (dx) nn_activate_backward(dx, dy, x, n, NN_LEAKY_RELU, slope); /* from x, whose sign is right for every slope */
}

NN_API void nn_prelu_backward(float *dx, float *dslope, const float *dy, const float *x, const float *slope, size_t rows, size_t n,
                              int shared, int accumulate) {
    nni_columns c = nni_columns_of(x, rows, n);
    if (shared) {
        nni_prelu_backward_shared(dx, dslope, dy, x, slope[0], rows * n, accumulate);
        return;
    }
    if (dslope) {
        c.sums = 1;
        c.sum = nni_prelu_sum;
        c.finish = nni_prelu_finish;
    }
    c.apply = dx ? nni_prelu_apply_backward : NULL;
    c.dy = dy;
    c.scale = slope;
    c.y = dx;
    c.first = dslope;
    c.accumulate = accumulate;
    nni_columns_run(&c);
}

/* ---- src/moments.h ---- */

/* factor 0: the mean of the first block, about which moments are taken */
static void nni_moments_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    const nni_strip strip = nni_columns_block(c, 0, column, width);
    const float share = 1.0f / (float)strip.rows;
    c->tier->columns_sum(factor, &strip);
    for (size_t j = 0; j < width; j++) factor[j] *= share;
}

static void nni_moments_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column, size_t width) {
    nni_strip strip = nni_columns_block(c, block, column, width);
    strip.mean = factor;
    c->tier->columns_moments(sum, &strip);
}

/* The operation that hands the moments about factor 0 to `finish`. */
static nni_columns nni_moments_columns(const float *x, size_t rows, size_t n) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.prepare = nni_moments_prepare;
    c.sum = nni_moments_sum;
    c.sums = 2;
    return c;
}

/* The mean, and the sum of squared distances from it, of 1/share numbers, from the sums of their distances from `about` and
 * of the squares of these. */
static double nni_moments_of(double *mean, double about, double sum, double squares, double share) {
    const double off = sum * share, around = squares - off * sum;
    *mean = about + off;
    return around < 0.0 ? 0.0 : around;
}

/* Merges the moments of `added` more numbers into those of `before`. */
static void nni_moments_merge(double *mean, double *squares, double before, double mean_added, double squares_added,
                              double added) {
    const double apart = mean_added - *mean, share = added / (before + added);
    *mean += apart * share;
    *squares += squares_added + apart * apart * (before * share);
}

static void nni_moments_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    const nn_moments *m = (const nn_moments *)c->more;
    const double rows = (double)c->rows, share = 1.0 / rows;
    for (size_t j = 0; j < width; j++) {
        double mean;
        const double squares = nni_moments_of(&mean, (double)factor[j], total[j], total[width + j], share);
        nni_moments_merge(m->mean + column + j, m->squares + column + j, (double)m->rows, mean, squares, rows);
    }
}

NN_API void nn_moments_add(nn_moments *moments, const float *x, size_t rows) {
    if (rows == 0) return;
    nni_columns c = nni_moments_columns(x, rows, moments->n);
    c.finish = nni_moments_finish;
    c.more = moments;
    nni_columns_run(&c);
    moments->rows += rows;
}

NN_API void nn_moments_get(float *mean, float *variance, const nn_moments *moments) {
    const double share = moments->rows ? 1.0 / (double)moments->rows : 0.0;
    for (size_t j = 0; j < moments->n; j++) {
        if (mean) mean[j] = (float)moments->mean[j];
        if (variance) variance[j] = (float)(moments->squares[j] * share);
    }
}

/* ---- src/batch_norm.h ---- */

/* ---- statistics ---- */

static void nni_statistics_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    const double share = 1.0 / (double)c->rows;
    for (size_t j = 0; j < width; j++) {
        double mean;
        const double squares = nni_moments_of(&mean, (double)factor[j], total[j], total[width + j], share);
        c->first[column + j] = (float)mean;
        c->second[column + j] = (float)(squares * share);
    }
}

NN_API void nn_batch_norm_statistics(float *mean, float *variance, const float *x, size_t rows, size_t n) {
    nni_columns c = nni_moments_columns(x, rows, n);
    c.finish = nni_statistics_finish;
    c.first = mean;
    c.second = variance;
    if (rows) {
        nni_columns_run(&c);
    } else if (n) {
        memset(mean, 0, n * sizeof *mean);
        memset(variance, 0, n * sizeof *variance);
    }
}

NN_API void nn_batch_norm_average(float *running_mean, float *running_variance, const float *mean, const float *variance,
                                  size_t rows, size_t n, float momentum) {
    const double weight = (double)momentum, unbiased = rows > 1 ? weight * ((double)rows / (double)(rows - 1)) : weight;
    for (size_t j = 0; j < n; j++) {
        running_mean[j] = (float)((1.0 - weight) * (double)running_mean[j] + weight * (double)mean[j]);
        running_variance[j] = (float)((1.0 - weight) * (double)running_variance[j] + unbiased * (double)variance[j]);
    }
}

/* ---- forward ---- */

/* mean, gamma/sqrt(variance + epsilon) and beta, for nni_affine_apply */
static void nni_batch_norm_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    float *scale = factor + NNI_PANEL;
    nni_columns_copy(factor, c->mean, 0.0f, column, width);
    c->tier->inverse_deviation(scale, c->variance + column, width, c->epsilon);
    for (size_t j = 0; c->scale && j < width; j++) scale[j] *= c->scale[column + j];
    nni_columns_copy(factor + 2 * NNI_PANEL, c->shift, 0.0f, column, width);
}

NN_API void nn_batch_norm(float *y, const float *x, const float *mean, const float *variance, const float *gamma,
                          const float *beta, size_t rows, size_t n, float epsilon) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.prepare = nni_batch_norm_prepare;
    c.apply = nni_affine_apply;
    c.mean = mean;
    c.variance = variance;
    c.scale = gamma;
    c.shift = beta;
    c.epsilon = epsilon;
    c.y = y;
    nni_columns_run(&c);
}

/* ---- backward ---- */

static void nni_batch_norm_products(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                    size_t width) {
    nni_strip strip = nni_columns_block(c, block, column, width);
    (void)factor;
    strip.mean = c->mean + column;
    c->tier->columns_products(sum, &strip);
}

/* factor 0: gamma/sqrt(variance + epsilon); then, for the gradient through the statistics, ones, the mean of dy, and the
 * mean of dy*(x - mean) over the variance */
static void nni_batch_norm_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    float *inverse = factor + NNI_PANEL;
    double *products = total + width;
    const double share = 1.0 / (double)c->rows;
    c->tier->inverse_deviation(inverse, c->variance + column, width, c->epsilon);
    for (size_t j = 0; j < width; j++) {
        const double i1 = (double)inverse[j];
        products[j] *= i1;
        factor[j] = c->scale ? inverse[j] * c->scale[column + j] : inverse[j];
        factor[2 * NNI_PANEL + j] = (float)(total[j] * share);
        factor[3 * NNI_PANEL + j] = (float)(products[j] * share * i1);
        inverse[j] = 1.0f;
    }
    nni_columns_gradient(c->first, products, column, width, c->accumulate);
    nni_columns_gradient(c->second, total, column, width, c->accumulate);
}

static void nni_batch_norm_apply(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column,
                                 size_t width) {
    nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    strip.mean = c->mean + column;
    strip.inverse = factor;
    c->tier->normalize_backward(c->y + row * c->n + column, &strip, factor + NNI_PANEL, factor + 2 * NNI_PANEL,
                                factor + 3 * NNI_PANEL);
}

static nni_columns nni_batch_norm_gradients(float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                            const float *variance, const float *gamma, size_t rows, size_t n, float epsilon,
                                            int accumulate) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.sum = nni_batch_norm_products;
    c.finish = nni_batch_norm_finish;
    c.sums = 2;
    c.dy = dy;
    c.mean = mean;
    c.variance = variance;
    c.scale = gamma;
    c.first = dgamma;
    c.second = dbeta;
    c.epsilon = epsilon;
    c.accumulate = accumulate;
    return c;
}

NN_API void nn_batch_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *variance, const float *gamma, size_t rows, size_t n, float epsilon,
                                   int accumulate) {
    nni_columns c = nni_batch_norm_gradients(dgamma, dbeta, dy, x, mean, variance, gamma, rows, n, epsilon, accumulate);
    c.y = dx;
    c.apply = dx ? nni_batch_norm_apply : NULL;
    nni_columns_run(&c);
}

NN_API void nn_batch_norm_backward_frozen(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                          const float *mean, const float *variance, const float *gamma, size_t rows, size_t n,
                                          float epsilon, int accumulate) {
    if (dgamma || dbeta) {
        nni_columns c = nni_batch_norm_gradients(dgamma, dbeta, dy, x, mean, variance, gamma, rows, n, epsilon, accumulate);
        nni_columns_run(&c);
    }
    if (dx) nn_batch_norm(dx, dy, NULL, variance, gamma, NULL, rows, n, epsilon);
}

/* ---- at test ---- */

NN_API void nn_batch_norm_affine(float *scale, float *shift, const float *mean, const float *variance, const float *gamma,
                                 const float *beta, size_t n, float epsilon) {
    nni_get_tier()->inverse_deviation(scale, variance, n, epsilon);
    for (size_t j = 0; j < n; j++) {
        if (gamma) scale[j] *= gamma[j];
        shift[j] = (float)((beta ? (double)beta[j] : 0.0) - (double)mean[j] * (double)scale[j]);
    }
}

/* The factors of nn_batch_norm for the weights, without mean and beta, which go into the bias. */
static void nni_fold_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    const float *scale = factor + NNI_PANEL, *before = (const float *)c->more, *mean = c->mean, *beta = c->shift;
    nni_batch_norm_prepare(c, factor, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t at = column + j;
        const double distance = (before ? (double)before[at] : 0.0) - (double)mean[at];
        c->first[at] = (float)((double)scale[j] * distance + (beta ? (double)beta[at] : 0.0));
        factor[j] = factor[2 * NNI_PANEL + j] = 0.0f;
    }
}

NN_API void nn_batch_norm_fold(float *w, float *bias, const float *bias_before, const float *mean, const float *variance,
                               const float *gamma, const float *beta, size_t k, size_t n, float epsilon) {
    nni_columns c = nni_columns_of(w, k, n);
    c.prepare = nni_fold_prepare;
    c.apply = nni_affine_apply;
    c.mean = mean;
    c.variance = variance;
    c.scale = gamma;
    c.shift = beta;
    c.epsilon = epsilon;
    c.y = w;
    c.first = bias;
    c.more = bias_before;
    nni_columns_run(&c);
}

/* ---- src/layer_norm.h ---- */

#define NNI_LAYER_NORM_SHARE 16384 /* elements worth a thread */

typedef struct nni_layer_norm {
    const nni_tier *tier;
    nni_strip strip; /* all rows */
    size_t part;     /* rows of one thread's part */
    float *y, *mean, *inverse;
    const float *gamma, *beta;
    float epsilon;
} nni_layer_norm;

static void nni_layer_norm_task(void *context, size_t i) {
    const nni_layer_norm *l = (const nni_layer_norm *)context;
    const size_t row = i * l->part, at = row * l->strip.n;
    nni_strip part = l->strip;
    part.rows = nni_min(l->part, part.rows - row);
    part.x += at;
    if (part.dy) {
        part.dy += at;
        part.mean += row;
        part.inverse += row;
        l->tier->layer_norm_backward(l->y + at, &part, l->gamma);
    } else {
        l->tier->layer_norm(l->y + at, l->mean ? l->mean + row : NULL, l->inverse ? l->inverse + row : NULL, &part, l->gamma,
                            l->beta, l->epsilon);
    }
}

static void nni_layer_norm_run(nni_layer_norm *l) {
    if (l->strip.rows == 0 || l->strip.n == 0) return;
    l->tier = nni_get_tier();
    l->part = nni_ceil_div(l->strip.rows, nni_threads_for(l->strip.rows * l->strip.n, NNI_LAYER_NORM_SHARE));
    nni_parallel(nni_layer_norm_task, l, nni_ceil_div(l->strip.rows, l->part));
}

NN_API void nn_layer_norm(float *y, float *mean, float *inverse_deviation, const float *x, const float *gamma,
                          const float *beta, size_t rows, size_t n, float epsilon) {
    nni_layer_norm l = {NULL, {x, NULL, n, rows, n, NULL, NULL}, 0, y, mean, inverse_deviation, gamma, beta, epsilon};
    nni_layer_norm_run(&l);
}

static void nni_layer_norm_products(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                    size_t width) {
    nni_strip strip = nni_columns_block(c, block, column, width);
    (void)factor;
    strip.mean = c->mean + block * NNI_ROW_BLOCK;
    strip.inverse = c->variance + block * NNI_ROW_BLOCK;
    c->tier->columns_products_by_row(sum, &strip);
}

static void nni_layer_norm_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    (void)factor;
    nni_columns_gradient(c->first, total + width, column, width, c->accumulate);
    nni_columns_gradient(c->second, total, column, width, c->accumulate);
}

NN_API void nn_layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *inverse_deviation, const float *gamma, size_t rows, size_t n, int accumulate) {
    if (dgamma || dbeta) {
        nni_columns c = nni_columns_of(x, rows, n);
        c.sum = nni_layer_norm_products;
        c.finish = nni_layer_norm_finish;
        c.sums = 2;
        c.dy = dy;
        c.mean = mean;
        c.variance = inverse_deviation;
        c.first = dgamma;
        c.second = dbeta;
        c.accumulate = accumulate;
        nni_columns_run(&c);
    }
    if (dx) {
        nni_layer_norm l = {NULL, {x, dy, n, rows, n, mean, inverse_deviation}, 0, dx, NULL, NULL, gamma, NULL, 0.0f};
        nni_layer_norm_run(&l);
    }
}

/* ---- src/group_norm.h ---- */

#include <math.h>

#define NNI_GROUP_NORM_SHARE 16384 /* elements worth a thread */

/* Whole groups of one image are treated together: as many as fit a panel, or one that may be several panels wide. Each is a
 * piece of work by itself. */
typedef struct nni_group_norm {
    const nni_tier *tier;
    size_t images, pixels, channels, groups, size; /* size: channels of a group */
    size_t together, pieces, part;                 /* groups of a piece, pieces of an image, pieces of a thread's part */
    const float *x, *dy, *gamma, *beta;
    const float *kept_mean, *kept_inverse; /* of the forward pass, for the backward pass */
    float *y, *mean, *inverse;
    float epsilon;
} nni_group_norm;

/* A piece of an image, with the statistics or sums of its groups. */
typedef struct nni_group_piece {
    nni_columns image;
    size_t first, groups, column, columns; /* the first group and channel, how many */
    double a[NNI_PANEL], b[NNI_PANEL];
} nni_group_piece;

static void nni_group_piece_of(nni_group_piece *p, const nni_group_norm *g, size_t i) {
    const size_t image = i / g->pieces, at = image * g->pixels * g->channels, group = i % g->pieces * g->together;
    p->image = nni_moments_columns(g->x + at, g->pixels, g->channels);
    p->image.y = g->y + at;
    if (g->dy) p->image.dy = g->dy + at;
    p->first = image * g->groups + group;
    p->groups = nni_min(g->together, g->groups - group);
    p->column = group * g->size;
    p->columns = p->groups * g->size;
    for (size_t k = 0; k < p->groups; k++) p->a[k] = p->b[k] = 0.0;
}

/* Calls f for each panel of a piece: its columns column .. column + width - 1 of the image. */
static void nni_group_panels(void (*f)(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width),
                             const nni_group_norm *g, nni_group_piece *p) {
    for (size_t done = 0; done < p->columns; done += NNI_PANEL)
        f(g, p, p->column + done, nni_min(p->columns - done, NNI_PANEL));
}

/* One value a channel from one a group: those of the image whose groups begin at `of_group`. */
static void nni_group_spread(float *to, const float *of_group, size_t size, size_t column, size_t width) {
    for (size_t j = 0, group = column / size, left = size - column % size; j < width; j++) {
        to[j] = of_group[group];
        if (--left == 0) left = size, group++;
    }
}

/* ---- forward ---- */

/* Merges the moments of each channel into those of its group: a is the mean, b the sum of squares. */
static void nni_group_moments(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width) {
    double total[NNI_COLUMN_SUMS * NNI_PANEL];
    float about[NNI_PANEL];
    const double pixels = (double)g->pixels, share = 1.0 / pixels;
    nni_moments_prepare(&p->image, about, column, width);
    nni_columns_total(&p->image, total, about, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t channel = column + j - p->column, k = channel / g->size;
        double mean;
        const double squares = nni_moments_of(&mean, (double)about[j], total[j], total[width + j], share);
        nni_moments_merge(p->a + k, p->b + k, pixels * (double)(channel % g->size), mean, squares, pixels);
    }
}

/* Normalises, with a the mean and b the inverse deviation. */
static void nni_group_apply(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width) {
    float mean[NNI_PANEL], scale[NNI_PANEL], shift[NNI_PANEL];
    nni_strip strip = nni_columns_strip(&p->image, 0, g->pixels, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t k = (column + j - p->column) / g->size;
        mean[j] = (float)p->a[k];
        scale[j] = (float)p->b[k] * (g->gamma ? g->gamma[column + j] : 1.0f);
    }
    nni_columns_copy(shift, g->beta, 0.0f, column, width);
    strip.mean = mean;
    g->tier->normalize(p->image.y + column, &strip, scale, shift);
}

static void nni_group_forward(const nni_group_norm *g, size_t i) {
    nni_group_piece p;
    const double share = 1.0 / ((double)g->pixels * (double)g->size);
    nni_group_piece_of(&p, g, i);
    nni_group_panels(nni_group_moments, g, &p);
    for (size_t k = 0; k < p.groups; k++) {
        p.b[k] = 1.0 / sqrt(p.b[k] * share + (double)g->epsilon);
        if (g->mean) g->mean[p.first + k] = (float)p.a[k];
        if (g->inverse) g->inverse[p.first + k] = (float)p.b[k];
    }
    nni_group_panels(nni_group_apply, g, &p);
}

/* ---- backward ---- */

static void nni_group_products_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                   size_t width) {
    nni_strip strip = nni_columns_block(c, block, column, width);
    strip.mean = factor;
    c->tier->columns_products(sum, &strip);
}

static const float *nni_group_mean(const nni_group_norm *g, const nni_group_piece *p) {
    return g->kept_mean + p->first - p->column / g->size;
}
static const float *nni_group_inverse(const nni_group_norm *g, const nni_group_piece *p) {
    return g->kept_inverse + p->first - p->column / g->size;
}

/* Adds up for each group: a is the sum of gamma*dy, b that of gamma*dy*(x - mean). */
static void nni_group_products(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width) {
    double total[NNI_COLUMN_SUMS * NNI_PANEL];
    float mean[NNI_PANEL];
    nni_group_spread(mean, nni_group_mean(g, p), g->size, column, width);
    nni_columns_total(&p->image, total, mean, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t k = (column + j - p->column) / g->size;
        const double gain = g->gamma ? (double)g->gamma[column + j] : 1.0;
        p->a[k] += gain * total[j];
        p->b[k] += gain * total[width + j];
    }
}

static void nni_group_apply_backward(const nni_group_norm *g, nni_group_piece *p, size_t column, size_t width) {
    float mean[NNI_PANEL], inverse[NNI_PANEL], gain[NNI_PANEL], dy_mean[NNI_PANEL], slope[NNI_PANEL];
    nni_strip strip = nni_columns_strip(&p->image, 0, g->pixels, column, width);
    const double share = 1.0 / ((double)g->pixels * (double)g->size);
    nni_group_spread(mean, nni_group_mean(g, p), g->size, column, width);
    nni_group_spread(inverse, nni_group_inverse(g, p), g->size, column, width);
    nni_columns_copy(gain, g->gamma, 1.0f, column, width);
    for (size_t j = 0; j < width; j++) {
        const size_t k = (column + j - p->column) / g->size;
        dy_mean[j] = (float)(p->a[k] * share);
        slope[j] = (float)(p->b[k] * share * (double)inverse[j] * (double)inverse[j]);
    }
    strip.mean = mean;
    strip.inverse = inverse;
    g->tier->normalize_backward(p->image.y + column, &strip, gain, dy_mean, slope);
}

static void nni_group_backward(const nni_group_norm *g, size_t i) {
    nni_group_piece p;
    nni_group_piece_of(&p, g, i);
    p.image.sum = nni_group_products_sum;
    nni_group_panels(nni_group_products, g, &p);
    nni_group_panels(nni_group_apply_backward, g, &p);
}

/* Block `block` of all images: the gradients of gamma and beta are sums over images too. */
static void nni_group_parameters_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                     size_t width) {
    const nni_group_norm *g = (const nni_group_norm *)c->more;
    const size_t blocks = c->blocks / g->images, image = block / blocks, row = block % blocks * NNI_ROW_BLOCK;
    float mean[NNI_PANEL], inverse[NNI_PANEL];
    nni_strip strip = nni_columns_strip(c, image * g->pixels + row, nni_min(g->pixels - row, NNI_ROW_BLOCK), column, width);
    (void)factor;
    nni_group_spread(mean, g->kept_mean + image * g->groups, g->size, column, width);
    nni_group_spread(inverse, g->kept_inverse + image * g->groups, g->size, column, width);
    strip.mean = mean;
    c->tier->columns_products(sum, &strip);
    for (size_t j = 0; j < width; j++) sum[width + j] *= inverse[j];
}

static void nni_group_parameters_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    (void)factor;
    nni_columns_gradient(c->first, total + width, column, width, c->accumulate);
    nni_columns_gradient(c->second, total, column, width, c->accumulate);
}

static void nni_group_parameters(const nni_group_norm *g, float *dgamma, float *dbeta, int accumulate) {
    nni_columns c = nni_columns_of(g->x, g->images * g->pixels, g->channels);
    c.blocks = g->images * nni_ceil_div(g->pixels, NNI_ROW_BLOCK);
    c.sum = nni_group_parameters_sum;
    c.finish = nni_group_parameters_finish;
    c.sums = 2;
    c.dy = g->dy;
    c.first = dgamma;
    c.second = dbeta;
    c.accumulate = accumulate;
    c.more = g;
    nni_columns_run(&c);
}

/* ---- both ---- */

static void nni_group_norm_task(void *context, size_t i) {
    const nni_group_norm *g = (const nni_group_norm *)context;
    const size_t begin = i * g->part, end = nni_min(g->images * g->pieces, begin + g->part);
    for (size_t piece = begin; piece < end; piece++) (g->dy ? nni_group_backward : nni_group_forward)(g, piece);
}

static void nni_group_norm_run(nni_group_norm *g) {
    const size_t pieces = g->images * g->pieces;
    if (pieces == 0 || g->pixels == 0) return;
    g->part = nni_ceil_div(pieces, nni_threads_for(g->images * g->pixels * g->channels, NNI_GROUP_NORM_SHARE));
    nni_parallel(nni_group_norm_task, g, nni_ceil_div(pieces, g->part));
}

/* Sets the sizes; the other members are zeros. */
static nn_status nni_group_norm_of(nni_group_norm *g, const float *x, size_t images, size_t pixels, size_t channels,
                                   size_t groups) {
    if (groups == 0 ? channels != 0 : channels % groups != 0) return NN_ERROR_ARGUMENT;
    memset(g, 0, sizeof *g);
    g->tier = nni_get_tier();
    g->x = x;
    g->images = images;
    g->pixels = pixels;
    g->channels = channels;
    g->groups = groups;
    if (channels) {
        g->size = channels / groups;
        g->together = nni_max(1, NNI_PANEL / g->size);
        g->pieces = nni_ceil_div(groups, g->together);
    }
    return NN_OK;
}

NN_API nn_status nn_group_norm(float *y, float *mean, float *inverse_deviation, const float *x, const float *gamma,
                               const float *beta, size_t images, size_t pixels, size_t channels, size_t groups, float epsilon) {
    nni_group_norm g;
    const nn_status status = nni_group_norm_of(&g, x, images, pixels, channels, groups);
    if (status != NN_OK) return status;
    g.y = y;
    g.mean = mean;
    g.inverse = inverse_deviation;
    g.gamma = gamma;
    g.beta = beta;
    g.epsilon = epsilon;
    nni_group_norm_run(&g);
    return NN_OK;
}

NN_API nn_status nn_group_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                        const float *mean, const float *inverse_deviation, const float *gamma, size_t images,
                                        size_t pixels, size_t channels, size_t groups, int accumulate) {
    nni_group_norm g;
    const nn_status status = nni_group_norm_of(&g, x, images, pixels, channels, groups);
    if (status != NN_OK) return status;
    g.dy = dy;
    g.kept_mean = mean;
    g.kept_inverse = inverse_deviation;
    g.gamma = gamma;
    g.y = dx;
    if (dgamma || dbeta) nni_group_parameters(&g, dgamma, dbeta, accumulate);
    if (dx) nni_group_norm_run(&g);
    return NN_OK;
}

/* ---- src/dropout.h ---- */

#define NNI_NOISE_SHARE 32768 /* elements worth a thread */

/* As in random.h, a call that starts or ends inside a block of 64 numbers makes that block aside. */
typedef struct nni_noise {
    void (*f)NNI_NOISE_ARGUMENTS;
    nn_random random;
    float a, b;
    float *y;
    const float *x;
    size_t blocks, part; /* whole blocks, blocks of a part */
} nni_noise;

static void nni_noise_task(void *context, size_t i) {
    const nni_noise *d = (const nni_noise *)context;
    const size_t begin = i * d->part, blocks = nni_min(d->part, d->blocks - begin);
    d->f(d->y + begin * 64, d->x + begin * 64, d->random.seed, d->random.stream, d->random.next / 64 + begin, blocks, d->a,
         d->b);
}

/* The next elements, at most to the end of their block; moves on past them, and returns how many are left of n. */
static size_t nni_noise_partly(nni_noise *d, size_t n) {
    float block[64] = {0};
    const size_t skip = (size_t)(d->random.next % 64), take = nni_min(n, 64 - skip);
    memcpy(block + skip, d->x, take * sizeof *block);
    d->f(block, block, d->random.seed, d->random.stream, d->random.next / 64, 1, d->a, d->b);
    memcpy(d->y, block + skip, take * sizeof *block);
    d->random.next += take;
    d->x += take;
    d->y += take;
    return n - take;
}

static void nni_noise_run(nni_noise *d, size_t n) {
    if (n && d->random.next % 64) n = nni_noise_partly(d, n);
    d->blocks = n / 64;
    if (d->blocks) {
        d->part = nni_ceil_div(d->blocks, nni_threads_for(n, NNI_NOISE_SHARE));
        nni_parallel(nni_noise_task, d, nni_ceil_div(d->blocks, d->part));
        d->random.next += d->blocks * 64;
        d->x += d->blocks * 64;
        d->y += d->blocks * 64;
    }
    if (n % 64) nni_noise_partly(d, n % 64);
}

NN_API void nn_dropout(float *y, const float *x, size_t n, float keep, float scale, nn_random *random) {
    nni_noise d = {nni_get_tier()->dropout, *random, keep, scale, y, x, 0, 0};
    random->next += n;
    nni_noise_run(&d, n);
}

NN_API void nn_add_normal(float *y, const float *x, size_t n, float deviation, nn_random *random) {
    nni_noise d = {nni_get_tier()->add_normal, *random, 0.0f, deviation, y, x, 0, 0};
    random->next += n;
    nni_noise_run(&d, n);
}

typedef struct nni_dropout_channels {
    const nni_tier *tier;
    nn_random random;
    float *y;
    const float *x;
    size_t images, pixels, channels, part; /* images of a part */
    float keep, scale;
} nni_dropout_channels;

/* Some channels of one image. */
static void nni_dropout_panel(const nni_dropout_channels *d, size_t image, size_t channel, size_t width) {
    float block[NNI_PANEL + 64];
    const uint64_t position = d->random.next + image * d->channels + channel;
    const size_t skip = (size_t)(position % 64), at = image * d->pixels * d->channels + channel;
    const nni_strip strip = {d->x + at, NULL, d->channels, d->pixels, width, NULL, NULL};
    d->tier->random_mask(block, d->random.seed, d->random.stream, position / 64, nni_ceil_div(skip + width, 64), d->keep, 1.0f);
    d->tier->mask_columns(d->y + at, &strip, block + skip, d->scale);
}

static void nni_dropout_channels_task(void *context, size_t i) {
    const nni_dropout_channels *d = (const nni_dropout_channels *)context;
    const size_t begin = i * d->part, end = nni_min(d->images, begin + d->part);
    for (size_t image = begin; image < end; image++)
        for (size_t channel = 0; channel < d->channels; channel += NNI_PANEL)
            nni_dropout_panel(d, image, channel, nni_min(d->channels - channel, NNI_PANEL));
}

NN_API void nn_dropout_channels(float *y, const float *x, size_t images, size_t pixels, size_t channels, float keep,
                                float scale, nn_random *random) {
    nni_dropout_channels d = {nni_get_tier(), *random, y, x, images, pixels, channels, 0, keep, scale};
    random->next += images * channels;
    if (images == 0) return;
    d.part = nni_ceil_div(images, nni_threads_for(images * pixels * channels, NNI_NOISE_SHARE));
    nni_parallel(nni_dropout_channels_task, &d, nni_ceil_div(images, d.part));
}

/* ---- src/softmax.h ---- */

/* Elements worth a thread, forward and backward: at twice as many, in rows of 128, two threads that sleep between calls were
 * 1.2 to 1.6 times as fast as one (softmax backward 0.9 to 1.2). */
#define NNI_SOFTMAX_SHARE 120000
#define NNI_SOFTMAX_SHARE_BACK 300000

typedef struct nni_rows {
    void (*forward)(float *y, const float *x, size_t rows, size_t n);
    void (*backward)(float *dx, const float *dy, const float *y, size_t rows, size_t n);
    float *out;
    const float *a, *b;
    size_t rows, n, part, out_n; /* part: rows of one part; out_n: floats of an output row */
} nni_rows;

static void nni_rows_task(void *context, size_t i) {
    const nni_rows *r = (const nni_rows *)context;
    const size_t row = i * r->part, rows = nni_min(r->part, r->rows - row);
    if (r->forward) r->forward(r->out + row * r->out_n, r->a + row * r->n, rows, r->n);
    else r->backward(r->out + row * r->out_n, r->a + row * r->n, r->b + row * r->n, rows, r->n);
}

static void nni_rows_run(nni_rows r) {
    if (r.rows == 0 || r.n == 0) return;
    r.part = nni_ceil_div(r.rows, nni_threads_for(r.rows * r.n, r.forward ? NNI_SOFTMAX_SHARE : NNI_SOFTMAX_SHARE_BACK));
    nni_parallel(nni_rows_task, &r, nni_ceil_div(r.rows, r.part));
}

static void nni_rows_forward(void (*f)(float *, const float *, size_t, size_t), float *y, const float *x, size_t rows, size_t n,
                             size_t out_n) {
    const nni_rows r = {f, NULL, y, x, NULL, rows, n, 0, out_n};
    nni_rows_run(r);
}
static void nni_rows_backward(void (*f)(float *, const float *, const float *, size_t, size_t), float *dx, const float *dy,
                              const float *y, size_t rows, size_t n) {
    const nni_rows r = {NULL, f, dx, dy, y, rows, n, 0, n};
    nni_rows_run(r);
}

NN_API void nn_softmax(float *y, const float *x, size_t rows, size_t n) {
    nni_rows_forward(nni_get_tier()->softmax, y, x, rows, n, n);
}
NN_API void nn_log_softmax(float *y, const float *x, size_t rows, size_t n) {
    nni_rows_forward(nni_get_tier()->log_softmax, y, x, rows, n, n);
}
NN_API void nn_log_sum_exp(float *y, const float *x, size_t rows, size_t n) {
    nni_rows_forward(nni_get_tier()->log_sum_exp, y, x, rows, n, 1);
}
NN_API void nn_softmax_backward(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    nni_rows_backward(nni_get_tier()->softmax_backward, dx, dy, y, rows, n);
}
NN_API void nn_log_softmax_backward(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    nni_rows_backward(nni_get_tier()->log_softmax_backward, dx, dy, y, rows, n);
}

/* ---- src/gemm.h ---- */

#define NNI_DOT_ROWS_MOST 12 /* above, transposing B into panels once costs less than folding every element's lanes */
#define NNI_DOT_DEPTH_ALONE 64  /* k from which all of fewer than 16 rows are dot products, */
#define NNI_DOT_DEPTH_BESIDE 192 /* and the rows beyond the last 16 of more */
#define NNI_GEMM_SHARE 4500000 /* multiply-adds worth a thread: at 9 million, two that sleep between calls gain 1.2 to 1.5 times */
#define NNI_GEMM_READING 3 /* rows of A whose multiply-adds take as long as reading B */
#define NNI_SMALL_DEPTH 256 /* k up to which a single tile is too little work for a second thread */
#define NNI_STACK_WORK 4096 /* floats of workspace taken from the stack before the allocator is asked */

/* Whether rows x cols floats with leading dimension ld have a size at all: *span is the distance to their end. */
static inline nn_status nni_matrix_span(size_t rows, size_t cols, size_t ld, size_t *span) {
    size_t floats, bytes;
    if (ld < cols) return NN_ERROR_STRIDE;
    if (!nni_mul_size(rows, ld, &floats) || !nni_mul_size(floats, sizeof(float), &bytes) || bytes > PTRDIFF_MAX)
        return NN_ERROR_SIZE;
    *span = rows ? floats - ld + cols : 0;
    return NN_OK;
}

/* Whether two matrices whose spans overlap share a float. Blocks of one larger matrix are told apart by their columns. */
static int nni_matrices_meet(const float *x, size_t x_cols, size_t ldx, const float *y, size_t y_cols, size_t ldy) {
    const uintptr_t xb = (uintptr_t)x, yb = (uintptr_t)y;
    if (ldx != ldy || (xb > yb ? xb - yb : yb - xb) % sizeof(float)) return 1;
    const size_t apart = (size_t)(xb > yb ? (xb - yb) : (yb - xb)) / sizeof(float) % ldx;
    const size_t lower = xb > yb ? y_cols : x_cols, upper = xb > yb ? x_cols : y_cols;
    return apart < lower || apart + upper > ldx;
}

/* Whether two matrices share a float. */
static inline int nni_matrices_overlap(const float *x, size_t x_span, size_t x_cols, size_t ldx, const float *y, size_t y_span,
                                       size_t y_cols, size_t ldy) {
    const uintptr_t xb = (uintptr_t)x, yb = (uintptr_t)y;
    if (xb + x_span * sizeof(float) <= yb || yb + y_span * sizeof(float) <= xb) return 0;
    return nni_matrices_meet(x, x_cols, ldx, y, y_cols, ldy);
}

/* One column is a row of the transposed product: C' = B' A'. Neighbours in C must then be neighbours in memory. */
static void nni_gemm_turn(nni_gemm *g) {
    nni_gemm t = *g;
    t.m = 1;
    t.n = g->m;
    t.a = g->b;
    t.a_row = 1;
    t.a_col = g->b_row;
    t.b = g->a;
    t.b_row = g->a_col;
    t.b_col = g->a_row;
    t.bias_step = 0;
    *g = t;
}

/* The part of a product that one thread computes, and its share of the workspace. */
typedef struct nni_gemm_job {
    const nni_tier *tier;
    const nni_gemm *whole;
    size_t rows, cols; /* of a part */
    size_t across;     /* parts side by side */
    float *work;
    size_t work_each;
} nni_gemm_job;

static nni_gemm nni_gemm_part(const nni_gemm_job *job, size_t i) {
    nni_gemm part = *job->whole;
    const size_t row = i / job->across * job->rows, col = i % job->across * job->cols;
    part.m = nni_min(job->rows, part.m - row);
    part.n = nni_min(job->cols, part.n - col);
    part.a += row * part.a_row;
    part.c += row * part.ldc + col;
    if (part.packed_b) part.packed_b += col * part.k;
    else part.b += col * part.b_col;
    if (part.bias) part.bias += col * part.bias_step;
    return part;
}

static void nni_gemm_task(void *context, size_t i) {
    const nni_gemm_job *job = (const nni_gemm_job *)context;
    const nni_gemm part = nni_gemm_part(job, i);
    job->tier->gemm(&part, job->work_each ? job->work + i * job->work_each : NULL, job->work_each);
}

/* Cuts C into parts for the threads: never along k, which would change the bits. */
static size_t nni_gemm_share(nni_gemm_job *job) {
    const nni_gemm *g = job->whole;
    const size_t threads = nni_threads_for((g->m + NNI_GEMM_READING) * g->n * g->k, NNI_GEMM_SHARE);
    const size_t grain = g->packed_b ? job->tier->packed_width : 64; /* columns that stay together */
    job->rows = g->m;
    job->cols = g->n;
    job->across = 1;
    if (threads == 1) return 1;
    if (g->m >= g->n && !g->dot) {
        job->rows = nni_ceil_div(g->m, threads);
        return nni_ceil_div(g->m, job->rows);
    }
    job->cols = nni_round_up(nni_ceil_div(g->n, threads), grain);
    job->across = nni_ceil_div(g->n, job->cols);
    return job->across;
}

/* Floats of workspace for each part: what the largest takes. */
static size_t nni_gemm_work_each(const nni_gemm_job *job, size_t parts) {
    size_t most = 0;
    for (size_t i = 0; i < parts; i++) {
        const nni_gemm part = nni_gemm_part(job, i);
        most = nni_max(most, nni_round_up(job->tier->gemm_workspace(&part), 16));
    }
    return most;
}

static nn_status nni_gemm_parallel(nni_gemm_job *job, size_t parts, const nn_allocator *allocator) {
    job->work_each = nni_gemm_work_each(job, parts);
    job->work = NULL;
    if (job->work_each) {
        job->work = (float *)nni_alloc(allocator, parts * sizeof(float), job->work_each);
        if (!job->work) return NN_ERROR_MEMORY;
    }
    nni_parallel(nni_gemm_task, job, parts);
    nni_free(allocator, job->work);
    return NN_OK;
}

/* The workspace is the stack where it is enough, or else the allocator's. */
static nn_status nni_gemm_serial(const nni_tier *tier, const nni_gemm *g, const nn_allocator *allocator) {
    NNI_ALIGNED(64) float stack[NNI_STACK_WORK];
    const size_t needed = tier->gemm(g, stack, NNI_STACK_WORK);
    if (!needed) return NN_OK;
    float *work = (float *)nni_alloc(allocator, needed, sizeof *work);
    if (!work) return NN_ERROR_MEMORY;
    tier->gemm(g, work, needed);
    nni_free(allocator, work);
    return NN_OK;
}

static nn_status nni_gemm_multiply(const nni_gemm *g, const nn_allocator *allocator) {
    nni_gemm_job job;
    job.tier = nni_get_tier();
    job.whole = g;
    const size_t parts = nni_gemm_share(&job);
    return parts == 1 ? nni_gemm_serial(job.tier, g, allocator) : nni_gemm_parallel(&job, parts, allocator);
}

/* Dot products read rows of A as they are: a scaled copy, if they must be gathered or multiplied by alpha. */
static void nni_gemm_copy_a(nni_gemm *g, float *a) {
    for (size_t i = 0; i < g->m; i++)
        for (size_t p = 0; p < g->k; p++) a[i * g->k + p] = g->alpha * g->a[i * g->a_row + p * g->a_col];
    g->a = a;
    g->a_row = g->k;
    g->a_col = 1;
    g->alpha = 1.0f;
}

/* The last `rows` rows of a product. */
static nni_gemm nni_gemm_tail(const nni_gemm *g, size_t rows) {
    nni_gemm tail = *g;
    const size_t above = g->m - rows;
    tail.m = rows;
    tail.a += above * g->a_row;
    tail.c += above * g->ldc;
    return tail;
}

/* Rows computed as dot products: those beyond the last multiple of 16, where B is transposed and k long enough. */
static size_t nni_gemm_dot_rows(const nni_gemm *g) {
    const size_t rows = g->m % 16, depth = g->m < 16 ? NNI_DOT_DEPTH_ALONE : NNI_DOT_DEPTH_BESIDE;
    const int transposed = g->b_row == 1 && g->b_col != 1 && !g->packed_b;
    return transposed && g->k >= depth && g->alpha != 0.0f && rows <= NNI_DOT_ROWS_MOST ? rows : 0;
}

/* The chains first, since they may yet fail for want of memory; the dot products last, whose copy of A, where its rows are
 * not rows in memory, is taken before anything is written. */
static nn_status nni_gemm_run_rows(nni_gemm *g, const nn_allocator *allocator) {
    const size_t dots = nni_gemm_dot_rows(g);
    g->dot = 0;
    if (!dots) return nni_gemm_multiply(g, allocator);
    nni_gemm tail = nni_gemm_tail(g, dots);
    tail.dot = 1;
    float *a = NULL;
    if (g->a_col != 1 || g->alpha != 1.0f) {
        a = (float *)nni_alloc(allocator, dots * g->k, sizeof *a);
        if (!a) return NN_ERROR_MEMORY;
        nni_gemm_copy_a(&tail, a);
    }
    g->m -= dots;
    nn_status status = g->m ? nni_gemm_multiply(g, allocator) : NN_OK;
    if (status == NN_OK) status = nni_gemm_multiply(&tail, allocator);
    nni_free(allocator, a);
    return status;
}

/* A matrix times a vector: as a vector times a matrix, C gathered into a row unless it lies like one. */
static nn_status nni_gemm_run_column(nni_gemm *g, const nn_allocator *allocator) {
    float *const c = g->c, *row = NULL;
    const size_t step = g->ldc, length = g->m;
    nni_gemm_turn(g);
    if (step == 1) return nni_gemm_run_rows(g, allocator);
    row = (float *)nni_alloc(allocator, length, sizeof *row);
    if (!row) return NN_ERROR_MEMORY;
    g->c = row;
    for (size_t i = 0; g->beta != 0.0f && i < length; i++) row[i] = c[i * step];
    const nn_status status = nni_gemm_run_rows(g, allocator);
    for (size_t i = 0; status == NN_OK && i < length; i++) c[i * step] = row[i];
    nni_free(allocator, row);
    return status;
}

/* Small products go straight to their tile: the way through the general case takes longer than the arithmetic of 4x4x4. */
static nn_status nni_gemm_run(nni_gemm *g, const nn_allocator *allocator) {
    if (g->n == 1 && g->m > 1 && !g->packed_b) return nni_gemm_run_column(g, allocator);
    const int plain = g->k > 0 && g->k <= NNI_SMALL_DEPTH && !g->bias && g->activation == NN_IDENTITY;
    return plain && nni_get_tier()->gemm_small(g) ? NN_OK : nni_gemm_run_rows(g, allocator);
}

static inline size_t nni_or(size_t given, size_t usual) { return given ? given : usual; }

static const nn_sgemm_desc nni_sgemm_usual = {0, 0, 0, 0, 0, NULL, NN_IDENTITY, 0.0f, NULL};

/* What nn_sgemm and nn_sgemm_packed check and set up alike: A, C and the epilogue. */
NNI_INLINE nn_status nni_gemm_set(nni_gemm *g, float *c, const float *a, size_t m, size_t n, size_t k, float alpha, float beta,
                                  const nn_sgemm_desc *d, size_t *c_span) {
    const nn_status isa = nn_isa_status();
    if (isa != NN_OK) return isa;
    if (!c || (!a && k && alpha != 0.0f)) return NN_ERROR_NULL;
    if ((unsigned)d->activation >= NN_ACTIVATION_COUNT) return NN_ERROR_ARGUMENT;
    const size_t a_rows = d->transpose_a ? k : m, a_cols = d->transpose_a ? m : k;
    const size_t lda = nni_or(d->lda, a_cols), ldc = nni_or(d->ldc, n);
    size_t a_span;
    nn_status status = nni_matrix_span(a_rows, a_cols, lda, &a_span);
    if (status == NN_OK) status = nni_matrix_span(m, n, ldc, c_span);
    if (status != NN_OK) return status;
    if (nni_matrices_overlap(c, *c_span, n, ldc, a, a_span, a_cols, lda)) return NN_ERROR_ALIAS;
    if (d->bias && nni_matrices_overlap(c, *c_span, n, ldc, d->bias, n, n, n)) return NN_ERROR_ALIAS;
    g->m = m;
    g->n = n;
    g->k = k;
    g->alpha = alpha;
    g->beta = beta;
    g->a = a;
    g->a_row = d->transpose_a ? 1 : lda;
    g->a_col = d->transpose_a ? lda : 1;
    g->packed_b = NULL;
    g->c = c;
    g->ldc = ldc;
    g->bias = d->bias;
    g->bias_step = 1;
    g->activation = d->activation;
    g->slope = d->slope;
    return NN_OK;
}

NN_API nn_status nn_sgemm(float *c, const float *a, const float *b, size_t m, size_t n, size_t k, float alpha, float beta,
                          const nn_sgemm_desc *desc) {
    const nn_sgemm_desc *d = desc ? desc : &nni_sgemm_usual;
    if (m == 0 || n == 0) return NN_OK;
    nni_gemm g;
    size_t b_span, c_span;
    nn_status status = nni_gemm_set(&g, c, a, m, n, k, alpha, beta, d, &c_span);
    if (status != NN_OK) return status;
    if (!b && k && alpha != 0.0f) return NN_ERROR_NULL;
    const size_t b_rows = d->transpose_b ? n : k, b_cols = d->transpose_b ? k : n, ldb = nni_or(d->ldb, b_cols);
    status = nni_matrix_span(b_rows, b_cols, ldb, &b_span);
    if (status != NN_OK) return status;
    if (nni_matrices_overlap(c, c_span, n, g.ldc, b, b_span, b_cols, ldb)) return NN_ERROR_ALIAS;
    g.b = b;
    g.b_row = d->transpose_b ? 1 : ldb;
    g.b_col = d->transpose_b ? ldb : 1;
    return nni_gemm_run(&g, d->allocator);
}

/* Floats of workspace for a product as nni_gemm_multiply computes it. */
static size_t nni_gemm_multiply_needs(const nni_gemm *g) {
    nni_gemm_job job;
    job.tier = nni_get_tier();
    job.whole = g;
    const size_t parts = nni_gemm_share(&job);
    if (parts > 1) return parts * nni_gemm_work_each(&job, parts);
    const size_t floats = job.tier->gemm_workspace(g);
    return floats > NNI_STACK_WORK ? floats : 0;
}

NN_API size_t nn_sgemm_workspace(size_t m, size_t n, size_t k, const nn_sgemm_desc *desc, size_t *times) {
    const nn_sgemm_desc *d = desc ? desc : &nni_sgemm_usual;
    const size_t lda = nni_or(d->lda, d->transpose_a ? m : k), ldb = nni_or(d->ldb, d->transpose_b ? k : n), ldc = nni_or(d->ldc, n);
    nni_gemm g;
    memset(&g, 0, sizeof g);
    g.m = m;
    g.n = n;
    g.k = k;
    g.alpha = 1.0f;
    g.a_row = d->transpose_a ? 1 : lda;
    g.a_col = d->transpose_a ? lda : 1;
    g.b_row = d->transpose_b ? 1 : ldb;
    g.b_col = d->transpose_b ? ldb : 1;
    g.ldc = ldc;
    size_t row = 0;
    if (n == 1 && m > 1) {
        row = ldc == 1 ? 0 : m;
        nni_gemm_turn(&g);
    }
    const size_t dots = m && n ? nni_gemm_dot_rows(&g) : 0, copied = dots && g.a_col != 1 ? dots * k : 0;
    g.m -= dots;
    const size_t work = m && n && g.m ? nni_gemm_multiply_needs(&g) : 0;
    if (times) *times = (row > 0) + (copied > 0) + (work > 0);
    return (row + copied + work) * sizeof(float);
}

NN_API nn_status nn_sgemm_pack(nn_packed *packed, const float *b, size_t n, size_t k, const nn_sgemm_desc *desc) {
    const nn_sgemm_desc *d = desc ? desc : &nni_sgemm_usual;
    if (!packed) return NN_ERROR_NULL;
    memset(packed, 0, sizeof *packed);
    const nn_status isa = nn_isa_status();
    if (isa != NN_OK) return isa;
    const size_t b_rows = d->transpose_b ? n : k, b_cols = d->transpose_b ? k : n, ldb = nni_or(d->ldb, b_cols);
    size_t span;
    const nn_status status = nni_matrix_span(b_rows, b_cols, ldb, &span);
    if (status != NN_OK) return status;
    if (!b && span) return NN_ERROR_NULL;
    const nni_tier *tier = nni_get_tier();
    if (n > SIZE_MAX - tier->packed_width) return NN_ERROR_SIZE;
    float *panels = (float *)nni_alloc(d->allocator, nni_max(k, 1), nni_round_up(nni_max(n, 1), tier->packed_width) * sizeof(float));
    if (!panels) return NN_ERROR_MEMORY;
    tier->gemm_pack(panels, b, d->transpose_b ? 1 : ldb, d->transpose_b ? ldb : 1, n, k);
    packed->n = n;
    packed->k = k;
    packed->panels = panels;
    packed->isa = tier->name;
    packed->allocator = d->allocator;
    return NN_OK;
}

NN_API nn_status nn_sgemm_packed(float *c, const float *a, const nn_packed *packed, size_t m, float alpha, float beta,
                                 const nn_sgemm_desc *desc) {
    const nn_sgemm_desc *d = desc ? desc : &nni_sgemm_usual;
    if (!packed || !packed->panels) return NN_ERROR_NULL;
    if (m == 0 || packed->n == 0) return NN_OK;
    nni_gemm g;
    size_t c_span;
    const nn_status status = nni_gemm_set(&g, c, a, m, packed->n, packed->k, alpha, beta, d, &c_span);
    if (status != NN_OK) return status;
    if (packed->isa != nni_get_tier()->name) return NN_ERROR_PACKED_ISA;
    g.b = packed->panels;
    g.b_row = nni_get_tier()->packed_width; /* of a single column, the panel is the matrix */
    g.b_col = 1;
    g.packed_b = packed->n == 1 ? NULL : packed->panels;
    return nni_gemm_run(&g, d->allocator);
}

NN_API void nn_packed_free(nn_packed *packed) {
    if (!packed) return;
    nni_free(packed->allocator, packed->panels);
    memset(packed, 0, sizeof *packed);
}

/* ---- src/conv.h ---- */

#define NNI_CONV_SHARE 2000000 /* multiply-adds worth a thread, as in a product */
#define NNI_CONV_UNIT 131072   /* floats of a unit's part of the source: with its outputs it stays in L2 */

/* A description with nothing left to guess, and its sizes. */
typedef struct nni_conv_shape {
    nn_conv2d_desc d;
    size_t out_height, out_width;
    size_t in, out;           /* channels and filters of a group */
    size_t x_size, y_size, w_size, macs;
    int product;              /* of matrices: the kernel covers the image */
} nni_conv_shape;

static int nni_conv_length(size_t *outputs, size_t length, size_t before, size_t after, size_t kernel, size_t stride,
                           size_t dilation, nn_status *status) {
    size_t reach, padded;
    if (!nni_mul_size(kernel - 1, dilation, &reach) || __builtin_add_overflow(length, before, &padded) ||
        __builtin_add_overflow(padded, after, &padded) || padded > PTRDIFF_MAX / 16)
        *status = NN_ERROR_SIZE;
    else if (reach >= padded) *status = NN_ERROR_ARGUMENT;
    else *outputs = nni_conv_outputs(length, before + after, kernel, stride, dilation);
    return *status == NN_OK;
}

/* a*b*c*d floats, which must be a possible array. */
static int nni_conv_floats(size_t *floats, size_t a, size_t b, size_t c, size_t d) {
    size_t bytes;
    return nni_mul_size(a, b, floats) && nni_mul_size(*floats, c, floats) && nni_mul_size(*floats, d, floats) &&
           nni_mul_size(*floats, sizeof(float), &bytes) && bytes <= PTRDIFF_MAX;
}

/* A kernel that covers the image is a matrix, and the image a row of a matrix. */
static void nni_conv_simplify(nni_conv_shape *s) {
    nn_conv2d_desc *d = &s->d;
    const int dense = (d->dilation_y == 1 || d->kernel_height == 1) && (d->dilation_x == 1 || d->kernel_width == 1);
    if (d->pad_top || d->pad_bottom || d->pad_left || d->pad_right) return;
    if (d->groups == 1 && d->kernel_height == d->height && d->kernel_width == d->width && dense) {
        s->product = 1;
        s->in = d->channels = d->height * d->width * d->channels;
        d->height = d->width = 1;
    }
}

static nn_status nni_conv_check(nni_conv_shape *s, const nn_conv2d_desc *desc) {
    if (!desc) return NN_ERROR_NULL;
    s->d = *desc;
    nn_conv2d_desc *d = &s->d;
    d->stride_y = nni_max(d->stride_y, 1);
    d->stride_x = nni_max(d->stride_x, 1);
    d->dilation_y = nni_max(d->dilation_y, 1);
    d->dilation_x = nni_max(d->dilation_x, 1);
    d->groups = nni_max(d->groups, 1);
    nn_status status = NN_OK;
    if (!d->height || !d->width || !d->channels || !d->filters || !d->kernel_height || !d->kernel_width) return NN_ERROR_ARGUMENT;
    if (d->channels % d->groups || d->filters % d->groups || (unsigned)d->activation >= NN_ACTIVATION_COUNT) return NN_ERROR_ARGUMENT;
    if (!nni_conv_length(&s->out_height, d->height, d->pad_top, d->pad_bottom, d->kernel_height, d->stride_y, d->dilation_y, &status) ||
        !nni_conv_length(&s->out_width, d->width, d->pad_left, d->pad_right, d->kernel_width, d->stride_x, d->dilation_x, &status))
        return status;
    s->in = d->channels / d->groups;
    s->out = d->filters / d->groups;
    size_t window;
    if (!nni_conv_floats(&s->x_size, d->images, d->height, d->width, d->channels) ||
        !nni_conv_floats(&s->y_size, d->images, s->out_height, s->out_width, d->filters) ||
        !nni_conv_floats(&s->w_size, d->kernel_height, d->kernel_width, s->in, d->filters) ||
        !nni_conv_floats(&window, d->height + d->pad_top + d->pad_bottom, d->width + d->pad_left + d->pad_right,
                         nni_max(d->channels, d->filters), 16))
        return NN_ERROR_SIZE;
    if (!nni_mul_size(s->y_size, d->kernel_height * d->kernel_width * s->in, &s->macs)) s->macs = SIZE_MAX;
    s->product = 0;
    nni_conv_simplify(s);
    return NN_OK;
}

NN_API nn_status nn_conv2d_output(size_t *out_height, size_t *out_width, const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    if (!out_height || !out_width) return NN_ERROR_NULL;
    const nn_status status = nni_conv_check(&s, desc);
    if (status != NN_OK) return status;
    *out_height = s.out_height;
    *out_width = s.out_width;
    return NN_OK;
}

/* ---- by a product ---- */

typedef enum nni_conv_pass { NNI_CONV_FORWARD, NNI_CONV_INPUT, NNI_CONV_WEIGHTS } nni_conv_pass;

/* The product of a pass: images x channels times channels x filters forward, and its gradients. */
static nni_gemm nni_conv_product(const nni_conv_shape *s, nni_conv_pass pass, float *c, const float *a, const float *b) {
    const size_t images = s->d.images, in = s->d.channels, out = s->d.filters;
    nni_gemm g = {images, out, in, 1.0f, 0.0f, a, in, 1, b, out, 1, NULL, c, out, 0, NULL, 1, NN_IDENTITY, 0.0f};
    if (pass == NNI_CONV_INPUT) {
        g.n = g.ldc = in;
        g.k = g.a_row = out;
        g.b_row = 1;
        g.b_col = out;
    } else if (pass == NNI_CONV_WEIGHTS) {
        g.m = in;
        g.k = images;
        g.a_row = 1;
        g.a_col = in;
    }
    return g;
}

/* Floats that nni_gemm_multiply takes from the allocator at most. */
static size_t nni_conv_product_floats(const nni_gemm *g) {
    nni_gemm_job job;
    size_t most = 0;
    job.tier = nni_get_tier();
    job.whole = g;
    const size_t parts = nni_gemm_share(&job);
    for (size_t i = 0; i < parts; i++) {
        const nni_gemm part = nni_gemm_part(&job, i);
        most = nni_max(most, nni_round_up(job.tier->gemm_workspace(&part), 16));
    }
    return parts == 1 && most <= NNI_STACK_WORK ? 0 : parts * most;
}

/* ---- by units ---- */

/* Cuts the images into units that fit the cache, and into at least as many as there are threads. */
static void nni_conv_cut(nni_conv *job, size_t threads) {
    const nni_conv_axis *y = &job->y;
    const size_t row = nni_conv_window_width(&job->x) * job->groups * job->in, image = y->source * row;
    job->together = job->bands = 1;
    job->band = y->positions;
    if (image <= NNI_CONV_UNIT && job->images >= threads) {
        job->together = nni_max(1, nni_min(NNI_CONV_UNIT / image, job->images / threads));
    } else {
        const size_t rows = nni_max(NNI_CONV_UNIT / row, 2 * y->extent), fit = (rows - y->extent) / y->step + 1;
        const size_t wanted = nni_ceil_div(threads, nni_max(job->images, 1));
        job->band = nni_min(nni_min(fit, nni_ceil_div(y->positions, wanted)), y->positions);
        job->bands = nni_ceil_div(y->positions, job->band);
    }
    job->units = nni_ceil_div(job->images, job->together) * job->bands;
    const size_t rows = nni_min(y->source, (job->band - 1) * y->step + y->extent);
    job->window_floats = job->copy ? nni_round_up(job->together * rows * row, 16) : 0;
}

/* A kernel of 1x1 sees no difference between an image and one long row of it, whose outputs fill more tiles. */
static nn_conv2d_desc nni_conv_long_rows(const nn_conv2d_desc *d) {
    nn_conv2d_desc row = *d;
    const int pads = d->pad_top || d->pad_bottom || d->pad_left || d->pad_right;
    if (d->kernel_height > 1 || d->kernel_width > 1 || d->stride_y > 1 || d->stride_x > 1 || pads) return row;
    row.width *= row.height;
    row.height = 1;
    return row;
}

static nni_conv nni_conv_job(const nni_conv_shape *s, nni_conv_pass pass, float *target, const float *source, const float *w,
                             size_t threads) {
    const int backward = pass == NNI_CONV_INPUT, long_rows = pass != NNI_CONV_WEIGHTS && s->d.images >= threads;
    const nn_conv2d_desc rows = nni_conv_long_rows(&s->d), *d = long_rows ? &rows : &s->d;
    nni_conv job;
    memset(&job, 0, sizeof job);
    job.images = d->images;
    job.y = nni_conv_axis_of(d->height, d->pad_top, d->pad_bottom, d->kernel_height, d->stride_y, d->dilation_y, backward);
    job.x = nni_conv_axis_of(d->width, d->pad_left, d->pad_right, d->kernel_width, d->stride_x, d->dilation_x, backward);
    job.groups = d->groups;
    job.in = backward ? s->out : s->in;
    job.out = backward ? s->in : s->out;
    job.source = source;
    job.target = target;
    job.weights = w;
    job.w_tap = s->in * d->filters;
    job.w_group = s->out;
    job.w_row = backward ? 1 : d->filters;
    job.w_col = backward ? d->filters : 1;
    job.activation = NN_IDENTITY;
    job.depthwise = d->groups > 1 && s->in == 1 && s->out == 1;
    job.copy = !backward && (job.x.pad > 0 || nni_conv_window_width(&job.x) > job.x.source);
    nni_conv_cut(&job, threads);
    return job;
}

/* What the threads share: each computes some units, or some rows of dw. */
typedef struct nni_conv_work {
    const nni_tier *tier;
    const nni_conv *job;
    float *dw;
    const float *dy;
    size_t count, part;    /* units or rows, and how many of them a thread computes */
    float *work;
    size_t work_each;
} nni_conv_work;

static void nni_conv_task(void *context, size_t i) {
    const nni_conv_work *w = (const nni_conv_work *)context;
    const size_t from = i * w->part, to = nni_min(from + w->part, w->count);
    float *work = w->work_each ? w->work + i * w->work_each : NULL;
    if (w->dw) w->tier->conv_weights(w->job, w->dw, w->dy, from, to, work);
    else w->tier->conv(w->job, from, to);
}

/* How many threads take part in a pass and what each needs. */
static size_t nni_conv_plan(nni_conv_work *w, const nni_conv *job, const nni_conv_shape *s, int weights) {
    const size_t threads = nni_threads_for(s->macs, NNI_CONV_SHARE);
    w->tier = nni_get_tier();
    w->job = job;
    w->dw = NULL;
    w->dy = NULL;
    w->count = weights ? s->w_size / s->d.filters : job->units;
    w->part = nni_max(1, nni_ceil_div(w->count, threads));
    w->work_each = weights ? job->window_floats + nni_round_up(w->tier->conv_weights_work(job), 16) : 0;
    return nni_ceil_div(w->count, w->part);
}

static nn_status nni_conv_run_units(const nni_conv_shape *s, nni_conv *job) {
    nni_conv_work w;
    const size_t parts = nni_conv_plan(&w, job, s, 0), floats = w.tier->conv_packed(job);
    float *packed = NULL;
    if (floats) {
        packed = (float *)nni_alloc(s->d.allocator, floats, sizeof *packed);
        if (!packed) return NN_ERROR_MEMORY;
        w.tier->conv_pack(packed, job);
        job->packed = packed;
    }
    nni_parallel(nni_conv_task, &w, parts);
    nni_free(s->d.allocator, packed);
    return NN_OK;
}

static nn_status nni_conv_run_weights(const nni_conv_shape *s, const nni_conv *job, float *dw, const float *dy, int accumulate) {
    nni_conv_work w;
    const size_t parts = nni_conv_plan(&w, job, s, 1), floats = parts * w.work_each;
    w.dw = dw;
    w.dy = dy;
    w.work = NULL;
    if (floats) {
        w.work = (float *)nni_alloc(s->d.allocator, floats, sizeof *w.work);
        if (!w.work) return NN_ERROR_MEMORY;
    }
    if (!accumulate) memset(dw, 0, s->w_size * sizeof *dw);
    nni_parallel(nni_conv_task, &w, parts);
    nni_free(s->d.allocator, w.work);
    return NN_OK;
}

/* Whether the output shares a float with an input; a NULL input shares none. */
static int nni_overlap(const float *x, size_t x_size, const float *y, size_t y_size) {
    const uintptr_t xb = (uintptr_t)x, yb = (uintptr_t)y;
    return x && y && xb < yb + y_size * sizeof(float) && yb < xb + x_size * sizeof(float);
}

/* What all three functions check. */
static nn_status nni_conv_begin(nni_conv_shape *s, const nn_conv2d_desc *desc) {
    const nn_status status = nn_isa_status();
    return status != NN_OK ? status : nni_conv_check(s, desc);
}

NN_API nn_status nn_conv2d(float *y, const float *x, const float *w, const float *bias, const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    const nn_status status = nni_conv_begin(&s, desc);
    if (status != NN_OK || s.d.images == 0) return status;
    if (!y || !x || !w) return NN_ERROR_NULL;
    if (nni_overlap(y, s.y_size, x, s.x_size) || nni_overlap(y, s.y_size, w, s.w_size) || nni_overlap(y, s.y_size, bias, s.d.filters))
        return NN_ERROR_ALIAS;
    if (s.product) {
        nni_gemm g = nni_conv_product(&s, NNI_CONV_FORWARD, y, x, w);
        g.bias = bias;
        g.activation = s.d.activation;
        g.slope = s.d.slope;
        return nni_gemm_multiply(&g, s.d.allocator);
    }
    nni_conv job = nni_conv_job(&s, NNI_CONV_FORWARD, y, x, w, nni_threads_for(s.macs, NNI_CONV_SHARE));
    job.bias = bias;
    job.activation = s.d.activation;
    job.slope = s.d.slope;
    return nni_conv_run_units(&s, &job);
}

NN_API nn_status nn_conv2d_backward_input(float *dx, const float *dy, const float *w, const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    const nn_status status = nni_conv_begin(&s, desc);
    if (status != NN_OK || s.d.images == 0) return status;
    if (!dx || !dy || !w) return NN_ERROR_NULL;
    if (nni_overlap(dx, s.x_size, dy, s.y_size) || nni_overlap(dx, s.x_size, w, s.w_size)) return NN_ERROR_ALIAS;
    if (s.product) {
        const nni_gemm g = nni_conv_product(&s, NNI_CONV_INPUT, dx, dy, w);
        return nni_gemm_multiply(&g, s.d.allocator);
    }
    nni_conv job = nni_conv_job(&s, NNI_CONV_INPUT, dx, dy, w, nni_threads_for(s.macs, NNI_CONV_SHARE));
    return nni_conv_run_units(&s, &job);
}

NN_API nn_status nn_conv2d_backward_weights(float *dw, const float *x, const float *dy, int accumulate, const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    const nn_status status = nni_conv_begin(&s, desc);
    if (status != NN_OK) return status;
    if (!dw || (s.d.images && (!x || !dy))) return NN_ERROR_NULL;
    if (nni_overlap(dw, s.w_size, x, s.x_size) || nni_overlap(dw, s.w_size, dy, s.y_size)) return NN_ERROR_ALIAS;
    if (s.product) {
        nni_gemm g = nni_conv_product(&s, NNI_CONV_WEIGHTS, dw, x, dy);
        g.beta = accumulate ? 1.0f : 0.0f;
        return nni_gemm_multiply(&g, s.d.allocator);
    }
    const nni_conv job = nni_conv_job(&s, NNI_CONV_WEIGHTS, NULL, x, NULL, 1);
    return nni_conv_run_weights(&s, &job, dw, dy, accumulate);
}

/* ---- the size of the workspace ---- */

static size_t nni_conv_product_most(const nni_conv_shape *s) {
    size_t most = 0;
    for (int pass = 0; pass < 3; pass++) {
        const nni_gemm g = nni_conv_product(s, (nni_conv_pass)pass, NULL, NULL, NULL);
        most = nni_max(most, nni_conv_product_floats(&g));
    }
    return most;
}

static size_t nni_conv_units_most(const nni_conv_shape *s) {
    size_t most = 0;
    for (int pass = 0; pass < 3; pass++) {
        const int weights = pass == NNI_CONV_WEIGHTS;
        const size_t threads = weights ? 1 : nni_threads_for(s->macs, NNI_CONV_SHARE);
        const nni_conv job = nni_conv_job(s, (nni_conv_pass)pass, NULL, NULL, NULL, threads);
        nni_conv_work w;
        const size_t parts = nni_conv_plan(&w, &job, s, weights);
        most = nni_max(most, weights ? parts * w.work_each : w.tier->conv_packed(&job));
    }
    return most;
}

NN_API size_t nn_conv2d_workspace(const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    if (nni_conv_check(&s, desc) != NN_OK) return 0;
    const size_t floats = s.product ? nni_conv_product_most(&s) : nni_conv_units_most(&s);
    return floats ? floats * sizeof(float) + NNI_ALIGNMENT + sizeof(void *) : 0;
}

/* ---- src/pool.h ---- */

#define NNI_POOL_SHARE 65536 /* values looked at that are worth a thread */

static nn_status nni_pool_axis_of(nni_pool_axis *a, size_t length, size_t before, size_t after, size_t kernel, size_t stride,
                                  size_t dilation, int ceil_mode) {
    size_t reach;
    if (!length || !kernel) return NN_ERROR_ARGUMENT;
    a->length = length;
    a->kernel = kernel;
    a->stride = stride ? stride : kernel;
    a->dilation = nni_max(dilation, 1);
    a->pad = before;
    if (!nni_mul_size(kernel - 1, a->dilation, &reach) || __builtin_add_overflow(length, before, &a->padded) ||
        __builtin_add_overflow(a->padded, after, &a->padded) || a->padded > PTRDIFF_MAX / 16)
        return NN_ERROR_SIZE;
    if (reach >= a->padded) return NN_ERROR_ARGUMENT;
    const size_t rest = a->padded - reach - 1;
    a->outputs = rest / a->stride + 1;
    /* Rounded up there is one more, unless it would begin in the padding at the end. */
    if (ceil_mode && rest % a->stride && a->outputs <= (before + length - 1) / a->stride) a->outputs++;
    return NN_OK;
}

static int nni_pool_floats(const nni_pool *p, size_t height, size_t width) {
    size_t floats, bytes;
    return nni_mul_size(p->images, p->channels, &floats) && nni_mul_size(floats, height, &floats) &&
           nni_mul_size(floats, width, &floats) && nni_mul_size(floats, sizeof(float), &bytes) && bytes <= PTRDIFF_MAX;
}

static nn_status nni_pool_check(nni_pool *p, const nn_pool2d_desc *d) {
    if (!d) return NN_ERROR_NULL;
    if (!d->channels) return NN_ERROR_ARGUMENT;
    size_t pixels;
    nn_status status = nni_pool_axis_of(&p->y, d->height, d->pad_top, d->pad_bottom, d->kernel_height, d->stride_y, d->dilation_y, d->ceil_mode);
    if (status == NN_OK)
        status = nni_pool_axis_of(&p->x, d->width, d->pad_left, d->pad_right, d->kernel_width, d->stride_x, d->dilation_x, d->ceil_mode);
    if (status != NN_OK) return status;
    p->images = d->images;
    p->channels = d->channels;
    p->count_padding = d->count_padding;
    p->disjoint = p->y.stride > (p->y.kernel - 1) * p->y.dilation && p->x.stride > (p->x.kernel - 1) * p->x.dilation;
    if (!nni_mul_size(d->height, d->width, &pixels) || pixels > UINT32_MAX || !nni_pool_floats(p, d->height, d->width) ||
        !nni_pool_floats(p, p->y.outputs, p->x.outputs))
        return NN_ERROR_SIZE;
    return NN_OK;
}

NN_API nn_status nn_pool2d_output(size_t *out_height, size_t *out_width, const nn_pool2d_desc *desc) {
    nni_pool p;
    if (!out_height || !out_width) return NN_ERROR_NULL;
    const nn_status status = nni_pool_check(&p, desc);
    if (status != NN_OK) return status;
    *out_height = p.y.outputs;
    *out_width = p.x.outputs;
    return NN_OK;
}

/* What the threads share: rows of outputs forward, images backward. */
typedef struct nni_pool_work {
    const nni_pool *pool;
    void (*run)(const struct nni_pool_work *w, size_t from, size_t to);
    float *to;
    const float *from;
    uint32_t *index;
    const uint32_t *index_given;
    size_t count, part;
} nni_pool_work;

static void nni_pool_task(void *context, size_t i) {
    const nni_pool_work *w = (const nni_pool_work *)context;
    w->run(w, i * w->part, nni_min((i + 1) * w->part, w->count));
}

static nn_status nni_pool_run(nni_pool_work *w, const nn_pool2d_desc *desc, int backward) {
    nni_pool p;
    nn_status status = nn_isa_status();
    if (status == NN_OK) status = nni_pool_check(&p, desc);
    if (status != NN_OK || p.images == 0) return status;
    const size_t channels = p.images * p.channels, x_size = p.y.length * p.x.length * channels, y_size = p.y.outputs * p.x.outputs * channels;
    if (!w->to || !w->from) return NN_ERROR_NULL;
    const uintptr_t to = (uintptr_t)w->to, from = (uintptr_t)w->from;
    const size_t to_size = (backward ? x_size : y_size) * sizeof(float), from_size = (backward ? y_size : x_size) * sizeof(float);
    if (to < from + from_size && from < to + to_size) return NN_ERROR_ALIAS;
    w->pool = &p;
    w->count = backward ? p.images : p.images * p.y.outputs;
    size_t looks;
    if (!nni_mul_size(y_size, p.y.kernel * p.x.kernel, &looks)) looks = SIZE_MAX;
    w->part = nni_ceil_div(w->count, nni_threads_for(looks, NNI_POOL_SHARE));
    nni_parallel(nni_pool_task, w, nni_ceil_div(w->count, w->part));
    return NN_OK;
}

static void nni_pool_max(const nni_pool_work *w, size_t from, size_t to) {
    nni_get_tier()->max_pool(w->to, w->index, w->from, w->pool, from, to);
}
static void nni_pool_max_backward(const nni_pool_work *w, size_t from, size_t to) {
    nni_get_tier()->max_pool_backward(w->to, w->from, w->index_given, w->pool, from, to);
}
static void nni_pool_average(const nni_pool_work *w, size_t from, size_t to) {
    nni_get_tier()->average_pool(w->to, w->from, w->pool, from, to);
}
static void nni_pool_average_backward(const nni_pool_work *w, size_t from, size_t to) {
    nni_get_tier()->average_pool_backward(w->to, w->from, w->pool, from, to);
}

NN_API nn_status nn_max_pool2d(float *y, uint32_t *index, const float *x, const nn_pool2d_desc *desc) {
    nni_pool_work w = {NULL, nni_pool_max, y, x, index, NULL, 0, 0};
    return nni_pool_run(&w, desc, 0);
}
NN_API nn_status nn_max_pool2d_backward(float *dx, const float *dy, const uint32_t *index, const nn_pool2d_desc *desc) {
    nni_pool_work w = {NULL, nni_pool_max_backward, dx, dy, NULL, index, 0, 0};
    if (!index && desc && desc->images) return NN_ERROR_NULL;
    return nni_pool_run(&w, desc, 1);
}
NN_API nn_status nn_average_pool2d(float *y, const float *x, const nn_pool2d_desc *desc) {
    nni_pool_work w = {NULL, nni_pool_average, y, x, NULL, NULL, 0, 0};
    return nni_pool_run(&w, desc, 0);
}
NN_API nn_status nn_average_pool2d_backward(float *dx, const float *dy, const nn_pool2d_desc *desc) {
    nni_pool_work w = {NULL, nni_pool_average_backward, dx, dy, NULL, NULL, 0, 0};
    return nni_pool_run(&w, desc, 1);
}

typedef struct nni_pool_global {
    float *to;
    const float *from;
    size_t images, pixels, channels, part;
    int backward;
} nni_pool_global;

static void nni_pool_global_task(void *context, size_t i) {
    const nni_pool_global *w = (const nni_pool_global *)context;
    const size_t image = i * w->part, images = nni_min(w->part, w->images - image), all = w->pixels * w->channels;
    const nni_tier *tier = nni_get_tier();
    if (w->backward)
        tier->global_average_pool_backward(w->to + image * all, w->from + image * w->channels, images, w->pixels, w->channels);
    else tier->global_average_pool(w->to + image * w->channels, w->from + image * all, images, w->pixels, w->channels);
}

static void nni_pool_global_run(nni_pool_global w) {
    if (w.images == 0) return;
    w.part = nni_ceil_div(w.images, nni_threads_for(w.images * w.pixels * w.channels, NNI_POOL_SHARE));
    nni_parallel(nni_pool_global_task, &w, nni_ceil_div(w.images, w.part));
}

NN_API void nn_global_average_pool(float *y, const float *x, size_t images, size_t pixels, size_t channels) {
    const nni_pool_global w = {y, x, images, pixels, channels, 0, 0};
    nni_pool_global_run(w);
}
NN_API void nn_global_average_pool_backward(float *dx, const float *dy, size_t images, size_t pixels, size_t channels) {
    const nni_pool_global w = {dx, dy, images, pixels, channels, 0, 1};
    nni_pool_global_run(w);
}

/* ---- src/close.h ---- */
#if defined(__clang__) && defined(NNI_X86)
#pragma float_control(pop)
#elif defined(__clang__)
#pragma clang fp contract(on)
#else
#pragma GCC pop_options
#endif

#undef NNI_X86
#undef NNI_ARM
#undef NNI_INLINE
#undef NNI_UNUSED
#undef NNI_ALIGNED
#undef NNI_LIKELY
#undef NNI_UNLIKELY
#undef NNI_UNROLL
#undef NNI_MIX_BEGIN
#undef NNI_MIX_END
#undef NNI_ALIGNMENT
#undef NNI_CPU_FMA
#undef NNI_CPU_AVX2
#undef NNI_CPU_AVX512
#undef NNI_STRING_2
#undef NNI_STRING
#undef NNI_BLOCK
#undef NNI_NOISE_ARGUMENTS
#undef NNI_KERNELS
#undef NNI_LOG2_E
#undef NNI_LN2_HIGH
#undef NNI_LN2_LOW
#undef NNI_SELU_HIGH
#undef NNI_SELU_LOW
#undef NNI_SELU_SLOPE
#undef NNI_GELU_C1_HIGH
#undef NNI_GELU_C1_LOW
#undef NNI_GELU_C3_HIGH
#undef NNI_GELU_C3_LOW
#undef NNI_TAIL_SHIFT
#undef NNI_TAIL_END
#undef NNI_WIDE
#undef NNI_STREAMS
#undef NNI_KC
#undef NNI_KC_LARGE
#undef NNI_MC
#undef NNI_MC_PAGES
#undef NNI_PAGE
#undef NNI_NC
#undef NNI_SHALLOW
#undef NNI_WIDE_C
#undef NNI_FAR
#undef NNI_ROW_STREAMS
#undef NNI_CONV_FEW
#undef NNI_CONV_DEPTH
#undef NNI_POOL_BLOCK
#undef NNI_RANDOM_SHARE
#undef NNI_MAP_SHARE
#undef NNI_MAP_SHARE_HARD
#undef NNI_REDUCE_SHARE
#undef NNI_REDUCE_ROUND
#undef NNI_COLUMNS_SHARE
#undef NNI_ROW_BLOCK
#undef NNI_PANEL
#undef NNI_COLUMN_SUMS
#undef NNI_COLUMN_FACTORS
#undef NNI_COLUMNS_HELD
#undef NNI_LAYER_NORM_SHARE
#undef NNI_GROUP_NORM_SHARE
#undef NNI_NOISE_SHARE
#undef NNI_SOFTMAX_SHARE
#undef NNI_SOFTMAX_SHARE_BACK
#undef NNI_DOT_ROWS_MOST
#undef NNI_DOT_DEPTH_ALONE
#undef NNI_DOT_DEPTH_BESIDE
#undef NNI_GEMM_SHARE
#undef NNI_GEMM_READING
#undef NNI_SMALL_DEPTH
#undef NNI_STACK_WORK
#undef NNI_CONV_SHARE
#undef NNI_CONV_UNIT
#undef NNI_POOL_SHARE
#endif /* NN_IMPLEMENTATION */

/*
 * MIT License
 *
 * Copyright (c) 2026 the nn.h authors
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all
 * copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */
