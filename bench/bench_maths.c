/* bench_maths.c - functions of arrays: nn.h against libm, libmvec, SLEEF, OpenBLAS and PyTorch
 *
 *   cc -std=c11 -O2 -I. bench/bench_maths.c -o build/bench/bench_maths -lsleef -lm -ldl
 *   build/bench/bench_maths --filter softmax
 *
 * Sizes: 4K elements stay in the first cache, 64K in the second, 4M in the last or in none. The limit is the time to move the arguments and
 * the result once: a copy for functions of elements, loads for reductions, stores for random numbers. The peers are not all
 * equally exact: libmvec's functions err by up to 4 units in the last place, SLEEF's here and nn.h's exp and log by 1. */
#define _GNU_SOURCE
#define NN_IMPLEMENTATION
#include "nn.h"

#include "bench.h"
#include "worker.h"
#include "limits.h"
#include "maths_peers.h"
#include "suite.h"

/* ---- nn.h ---- */

static nn_random ours_random = {1, 0, 0};

#define OURS(name, call)                                                                          \
    static void ours_##name(float *y, const float *x, const float *z, size_t rows, size_t cols) { \
        const size_t n = rows * cols;                                                             \
        (void)x, (void)z, (void)n;                                                                \
        call;                                                                                     \
    }
OURS(exp, nn_exp(y, x, n))
OURS(log, nn_log(y, x, n))
OURS(tanh, nn_tanh(y, x, n))
OURS(sigmoid, nn_sigmoid(y, x, n))
OURS(softplus, nn_softplus(y, x, n))
OURS(elu, nn_elu(y, x, n, 1.0f))
OURS(relu, nn_relu(y, x, n))
OURS(softmax, nn_softmax(y, x, rows, cols))
OURS(log_softmax, nn_log_softmax(y, x, rows, cols))
OURS(add, nn_add(y, x, z, n))
OURS(mul, nn_mul(y, x, z, n))
OURS(axpy, nn_axpy(y, x, n, MATHS_SCALE))
OURS(sum, *y = nn_sum(x, n))
OURS(dot, *y = nn_dot(x, z, n))
OURS(max, *y = nn_max(x, n))
OURS(argmax, *y = (float)nn_argmax(x, n))
OURS(uniform, nn_random_uniform(y, n, 0.0f, 1.0f, &ours_random))
OURS(normal, nn_random_normal(y, n, 0.0f, 1.0f, &ours_random))
OURS(mask, nn_random_mask(y, n, 0.8f, 1.25f, &ours_random))
#undef OURS

static const maths_entry ours_entries[] = {
    {"exp", ours_exp}, {"log", ours_log}, {"tanh", ours_tanh}, {"sigmoid", ours_sigmoid}, {"softplus", ours_softplus},
    {"elu", ours_elu}, {"relu", ours_relu}, {"softmax", ours_softmax}, {"log_softmax", ours_log_softmax}, {"add", ours_add},
    {"mul", ours_mul}, {"axpy", ours_axpy}, {"sum", ours_sum}, {"dot", ours_dot}, {"max", ours_max}, {"argmax", ours_argmax},
    {"uniform", ours_uniform}, {"normal", ours_normal}, {"mask", ours_mask}, {NULL, NULL}};

static int ours_prepare(bench_job *job, const char *request) { return maths_prepare(job, request, ours_entries); }

static int ours_open(char *description) {
    snprintf(description, BENCH_TEXT, "nn.h %s, %s, exp and log: %s", NN_VERSION, nn_isa(), nn_maths_backend());
    return nn_isa_status() == NN_OK;
}

static const bench_contender maths_contenders[] = {
    {"nn.h", "nn.h", NULL, "", NULL, 0, ours_open, ours_prepare},
    {"libm", "libm", "avx512 avx2 neon", "", NULL, 0, libm_open, libm_prepare},
    {"libmvec", "libmvec", "avx512 avx2 neon", "", NULL, 0, libmvec_open, vector_prepare},
    {"SLEEF", "SLEEF", "avx512 avx2 neon", "", NULL, 0, sleef_open, vector_prepare},
    {"OpenBLAS", "OpenBLAS", "neon", "", NULL, 0, openblas_open, openblas_prepare},
    {"OpenBLAS/cpx", "OpenBLAS", "avx512", "OPENBLAS_CORETYPE=Cooperlake", NULL, 0, openblas_open, openblas_prepare},
    {"OpenBLAS/hsw", "OpenBLAS", "avx2", "OPENBLAS_CORETYPE=Haswell", NULL, 0, openblas_open, openblas_prepare},
    {"PyTorch", "PyTorch", "avx512 neon", "", "bench/torch_peer.py", 0, NULL, NULL},
    {"PyTorch/avx2", "PyTorch", "avx2", "ATEN_CPU_CAPABILITY=avx2", "bench/torch_peer.py", 0, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL}};

/* ---- cases, and what is right ---- */

typedef enum maths_kind { MAP, PAIR, ROWS, NUMBER, RANDOM } maths_kind;

static double exact_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double exact_softplus(double x) { return log1p(exp(x)); }
static double exact_elu(double x) { return x > 0.0 ? x : expm1(x); }
static double exact_relu(double x) { return x > 0.0 ? x : 0.0; }

/* For random numbers lo and hi stand for the mean and the mean square that are due. */
typedef struct maths_subject {
    const char *name;
    maths_kind kind;
    double lo, hi;
    double (*f)(double);
    double floats; /* moved, in units of what the limit moves: axpy writes where it has read, so it is as good as a copy */
} maths_subject;

static const maths_subject maths_subjects[] = {
    {"exp", MAP, -10, 10, exp, 1}, {"log", MAP, 0.001, 1000, log, 1}, {"tanh", MAP, -4, 4, tanh, 1},
    {"sigmoid", MAP, -8, 8, exact_sigmoid, 1}, {"softplus", MAP, -8, 8, exact_softplus, 1}, {"elu", MAP, -4, 4, exact_elu, 1},
    {"relu", MAP, -1, 1, exact_relu, 1}, {"softmax", ROWS, -8, 8, NULL, 1}, {"log_softmax", ROWS, -8, 8, NULL, 1},
    {"add", PAIR, -1, 1, NULL, 1.5}, {"mul", PAIR, -1, 1, NULL, 1.5}, {"axpy", PAIR, -1, 1, NULL, 1},
    {"sum", NUMBER, -1, 1, NULL, 1}, {"dot", NUMBER, -1, 1, NULL, 2}, {"max", NUMBER, -1, 1, NULL, 1},
    {"argmax", NUMBER, -1, 1, NULL, 1}, {"uniform", RANDOM, 0.5, 1.0 / 3.0, NULL, 1}, {"normal", RANDOM, 0, 1, NULL, 1},
    {"mask", RANDOM, 1, 1.25, NULL, 1}};
#define MATHS_SUBJECTS (sizeof maths_subjects / sizeof *maths_subjects)

static bench_case maths_case(const maths_subject *s, size_t rows, size_t cols) {
    const double n = (double)rows * (double)cols;
    bench_case c = {.work = n, .threads = 1};
    snprintf(c.request, sizeof c.request, "%s %zu %zu %.9g %.9g %d", s->name, rows, cols, s->lo, s->hi,
             s->kind == NUMBER ? 0 : s->kind == RANDOM ? -1 : 1);
    if (s->kind == NUMBER) snprintf(c.limit, sizeof c.limit, "read %.0f", n * s->floats);
    else if (s->kind == RANDOM) snprintf(c.limit, sizeof c.limit, "write %.0f", n);
    else snprintf(c.limit, sizeof c.limit, "copy %.0f %g", n, s->floats);
    return c;
}

static size_t maths_cases(bench_case *c, size_t most) {
    static const struct { size_t n; const char *name; } sizes[] = {{4096, "4K"}, {65536, "64K"}, {4194304, "4M"}};
    static const size_t shapes[][2] = {{64, 1000}, {50, 10}, {1000, 10}};
    size_t n = 0;
    for (const maths_subject *s = maths_subjects; s < maths_subjects + MATHS_SUBJECTS; s++)
        for (size_t i = 0; i < 3 && n < most; i++, n++) {
            if (s->kind == ROWS) {
                c[n] = maths_case(s, shapes[i][0], shapes[i][1]);
                snprintf(c[n].name, sizeof c[n].name, "%s %zux%zu", s->name, shapes[i][0], shapes[i][1]);
            } else {
                c[n] = maths_case(s, sizes[i].n / 64, 64);
                snprintf(c[n].name, sizeof c[n].name, "%s %s", s->name, sizes[i].name);
            }
        }
    return n;
}

/* The result in double, rounded at the end. */
static void exact_map(float *y, const float *x, size_t n, double (*f)(double)) {
    for (size_t i = 0; i < n; i++) y[i] = (float)f((double)x[i]);
}

static void exact_pair(float *y, const float *x, const float *z, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        const double a = (double)x[i], b = (double)z[i];
        y[i] = (float)(strcmp(name, "add") == 0 ? a + b : strcmp(name, "mul") == 0 ? a * b : (double)MATHS_SCALE * a + (double)y[i]);
    }
}

static void exact_rows(float *y, const float *x, size_t rows, size_t cols, int logarithm) {
    for (size_t i = 0; i < rows; i++, x += cols, y += cols) {
        double sum = 0.0; /* no shift by the maximum: doubles hold e^8 */
        for (size_t j = 0; j < cols; j++) sum += exp((double)x[j]);
        for (size_t j = 0; j < cols; j++) y[j] = (float)(logarithm ? (double)x[j] - log(sum) : exp((double)x[j]) / sum);
    }
}

static float exact_number(const float *x, const float *z, size_t n, const char *name) {
    double sum = 0.0;
    size_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (strcmp(name, "dot") == 0 ? (double)z[i] : 1.0);
        if (x[i] > x[largest]) largest = i;
    }
    return strcmp(name, "max") == 0 ? x[largest] : strcmp(name, "argmax") == 0 ? (float)largest : (float)sum;
}

/* Functions may err by 8 half units in the last place, all the same way: the bound is a sum of |y|.
 * Sums of n terms may err by n roundings of terms below 1. max and argmax have nothing to round. */
static void maths_bound(double *bound, const maths_request *r, const float *y) {
    memset(bound, 0, BENCH_SKETCH * sizeof *bound);
    if (strcmp(r->name, "sum") == 0 || strcmp(r->name, "dot") == 0) {
        bound[0] = (double)(r->rows * r->cols) * BENCH_EPSILON;
    } else if (r->result) {
        for (size_t i = 0; i < r->rows; i++)
            for (size_t j = 0; j < r->cols; j++)
                bound[i % BENCH_SKETCH] += 8.0 * BENCH_EPSILON * (fabs((double)y[i * r->cols + j]) + 0.01);
    }
}

/* Random numbers cannot be foretold, their moments can: within six deviations, of a spread below 2. */
static void maths_expect_random(double *sketch, double *bound, const maths_request *r) {
    memset(sketch, 0, BENCH_SKETCH * sizeof *sketch);
    memset(bound, 0, BENCH_SKETCH * sizeof *bound);
    sketch[0] = (double)r->lo;
    sketch[1] = (double)r->hi;
    bound[0] = bound[1] = 12.0 / sqrt((double)(r->rows * r->cols));
}

static void maths_expect(const bench_case *c, double *sketch, double *bound) {
    maths_request r;
    if (!maths_read(&r, c->request)) bench_fail("not a function");
    if (r.result < 0) {
        maths_expect_random(sketch, bound, &r);
        return;
    }
    const maths_subject *s = maths_subjects;
    while (strcmp(s->name, r.name) != 0) s++;
    const size_t n = r.rows * r.cols;
    bench_release();
    const float *x = bench_input(1, n, r.lo, r.hi), *z = bench_input(2, n, r.lo, r.hi);
    float *y = bench_input(3, n, r.lo, r.hi);
    if (s->kind == MAP) exact_map(y, x, n, s->f);
    else if (s->kind == PAIR) exact_pair(y, x, z, n, s->name);
    else if (s->kind == ROWS) exact_rows(y, x, r.rows, r.cols, strcmp(s->name, "log_softmax") == 0);
    else *y = exact_number(x, z, n, s->name);
    bench_sketch(sketch, y, s->kind == NUMBER ? 1 : r.rows, s->kind == NUMBER ? 1 : r.cols);
    maths_bound(bound, &r, y);
}

int main(int argc, char **argv) {
    const bench_suite suite = {"bench_maths", "ns/element", 1, maths_contenders, maths_cases, maths_expect};
    return bench_main(&suite, argc, argv);
}
