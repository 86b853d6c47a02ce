/* bench_gemm.c - matrix products: nn_sgemm against OpenBLAS, BLIS, oneDNN and libxsmm
 *
 *   cc -std=c11 -O2 -I. bench/bench_gemm.c -o build/bench/bench_gemm -lsleef -lm -ldl
 *   build/bench/bench_gemm --isa avx2 --filter cube
 *
 * Cubes, and the three products of a dense layer with weights W, in x out, at batch size b:
 *   XW    forward, b x in times in x out
 *   XtdY  gradient of W, X transposed: in x b times b x out
 *   dYWt  gradient of X, W transposed: b x out times out x in */
#define _GNU_SOURCE
#define NN_IMPLEMENTATION
#include "nn.h"

#include "bench.h"
#include "worker.h"
#include "limits.h"
#include "blas.h"
#include "suite.h"

/* ---- nn.h ---- */

static nn_packed ours_packed;
static nn_status ours_status;

static void ours_call(void *data) {
    const blas_product *p = (const blas_product *)data;
    const nn_sgemm_desc desc = {.transpose_a = p->transpose_a, .transpose_b = p->transpose_b};
    ours_status = nn_sgemm(p->c, p->a, p->b, (size_t)p->m, (size_t)p->n, (size_t)p->k, 1.0f, 0.0f, &desc);
}

static void ours_packed_call(void *data) {
    const blas_product *p = (const blas_product *)data;
    ours_status = nn_sgemm_packed(p->c, p->a, &ours_packed, (size_t)p->m, 1.0f, 0.0f, NULL);
}

static int ours_prepare(bench_job *job, const char *request) {
    nn_packed_free(&ours_packed);
    if (!blas_read(&blas, request)) return 0;
    blas_fill(job, &blas);
    job->threads = blas.threads;
    nn_threads((size_t)blas.threads);
    job->call = blas.packed ? ours_packed_call : ours_call;
    if (blas.packed) ours_status = nn_sgemm_pack(&ours_packed, blas.b, (size_t)blas.n, (size_t)blas.k, NULL);
    return ours_status == NN_OK;
}

static int ours_open(char *description) {
    snprintf(description, BENCH_TEXT, "nn.h %s, %s", NN_VERSION, nn_isa());
    return nn_isa_status() == NN_OK;
}

/* Libraries choose their kernels by processor, and old ones do not know new processors: hence one more process each that is
 * told to use its AVX-512 kernels. */
static const bench_contender gemm_contenders[] = {
    {"nn.h", "nn.h", NULL, "", NULL, 0, ours_open, ours_prepare},
    {"OpenBLAS", "OpenBLAS", "avx512 neon", "", NULL, 0, blas_openblas_open, blas_cblas_prepare},
    {"OpenBLAS/cpx", "OpenBLAS", "avx512", "OPENBLAS_CORETYPE=Cooperlake", NULL, 0, blas_openblas_open, blas_cblas_prepare},
    {"OpenBLAS/hsw", "OpenBLAS", "avx2", "OPENBLAS_CORETYPE=Haswell", NULL, 0, blas_openblas_open, blas_cblas_prepare},
    {"OpenBLAS/zen", "OpenBLAS", "avx2", "OPENBLAS_CORETYPE=Zen", NULL, 0, blas_openblas_open, blas_cblas_prepare},
    {"BLIS", "BLIS", "avx512 neon", "", NULL, 0, blas_blis_open, blas_cblas_prepare},
    {"BLIS/skx", "BLIS", "avx512", "BLIS_ARCH_TYPE=0", NULL, 0, blas_blis_open, blas_cblas_prepare},
    {"BLIS/hsw", "BLIS", "avx2", "BLIS_ARCH_TYPE=3", NULL, 0, blas_blis_open, blas_cblas_prepare},
    {"oneDNN", "oneDNN", "avx512 neon", "", NULL, 0, blas_dnnl_open, blas_dnnl_prepare},
    {"oneDNN/avx2", "oneDNN", "avx2", "ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2", NULL, 0, blas_dnnl_open, blas_dnnl_prepare},
    {"libxsmm", "libxsmm", "avx512", "", NULL, 1, blas_xsmm_open, blas_xsmm_prepare},
    {"libxsmm/hsw", "libxsmm", "avx2", "LIBXSMM_TARGET=hsw", NULL, 1, blas_xsmm_open, blas_xsmm_prepare},
    {NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL}};

/* ---- cases ---- */

static const int gemm_batches[] = {1, 6, 16, 32, 50, 64, 100, 128, 256};
static const int gemm_layers[][2] = {{784, 300}, {300, 100}, {784, 800}, {784, 2500}, {2500, 2000}, {800, 10}};

static bench_case gemm_case(int m, int n, int k, int transpose_a, int transpose_b) {
    bench_case c = {.work = 2.0 * m * n * k, .threads = 1};
    snprintf(c.request, sizeof c.request, "%d %d %d %d %d 1 0", m, n, k, transpose_a, transpose_b);
    /* One row reads B once, an outer product writes C once: memory is what bounds those. */
    if (m == 1) snprintf(c.limit, sizeof c.limit, "read %.0f", (double)n * k);
    else if (k == 1) snprintf(c.limit, sizeof c.limit, "write %.0f", (double)m * n);
    else snprintf(c.limit, sizeof c.limit, "fma %.0f", 2.0 * m * n * k);
    return c;
}

static void gemm_layer_cases(bench_case *c, int b, int in, int out) {
    c[0] = gemm_case(b, out, in, 0, 0);
    c[1] = gemm_case(in, out, b, 1, 0);
    c[2] = gemm_case(b, in, out, 0, 1);
    snprintf(c[0].name, sizeof c[0].name, "b%d %dx%d XW", b, in, out);
    snprintf(c[1].name, sizeof c[1].name, "b%d %dx%d XtdY", b, in, out);
    snprintf(c[2].name, sizeof c[2].name, "b%d %dx%d dYWt", b, in, out);
}

/* Weights packed once beforehand, which the peers have no call for: they run their ordinary product. */
static bench_case gemm_packed_case(int b, int in, int out) {
    bench_case c = gemm_case(b, out, in, 0, 0);
    snprintf(c.name, sizeof c.name, "packed b%d %dx%d", b, in, out);
    snprintf(c.request, sizeof c.request, "%d %d %d 0 0 1 1", b, out, in);
    c.apart = 1;
    return c;
}

#ifdef _OPENMP
/* The limit stays that of one thread: a share of 2 is what two threads can reach. */
static bench_case gemm_threads_case(int size, int threads) {
    bench_case c = gemm_case(size, size, size, 0, 0);
    snprintf(c.name, sizeof c.name, "threads %d cube %d", threads, size);
    snprintf(c.request, sizeof c.request, "%d %d %d 0 0 %d 0", size, size, size, threads);
    c.threads = threads;
    c.apart = 1;
    return c;
}
#endif

static size_t gemm_cases(bench_case *c, size_t most) {
    size_t n = 0;
    for (int size = 4; size <= 2048 && n < most; size *= 2) {
        c[n] = gemm_case(size, size, size, 0, 0);
        snprintf(c[n].name, sizeof c[n].name, "cube %d", size);
        n++;
    }
    for (size_t l = 0; l < sizeof gemm_layers / sizeof *gemm_layers; l++)
        for (size_t b = 0; b < sizeof gemm_batches / sizeof *gemm_batches && n + 3 <= most; b++, n += 3)
            gemm_layer_cases(c + n, gemm_batches[b], gemm_layers[l][0], gemm_layers[l][1]);
    if (n + 6 > most) return n;
    c[n++] = gemm_packed_case(1, 784, 300);
    c[n++] = gemm_packed_case(16, 784, 300);
    c[n++] = gemm_packed_case(50, 784, 300);
    c[n++] = gemm_packed_case(50, 2500, 2000);
#ifdef _OPENMP
    c[n++] = gemm_threads_case(1024, 1);
    c[n++] = gemm_threads_case(1024, 2);
#endif
    return n;
}

/* ---- what is right ---- */

/* y = X w in double, with X rows x cols, or stored the other way round. */
static void gemm_times_vector(double *y, uint32_t seed, const double *w, size_t rows, size_t cols, int transposed) {
    memset(y, 0, rows * sizeof *y);
    if (transposed) {
        for (size_t j = 0; j < cols; j++)
            for (size_t i = 0; i < rows; i++) y[i] += w[j] * (double)bench_element(seed, j * rows + i);
    } else {
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < cols; j++) y[i] += w[j] * (double)bench_element(seed, i * cols + j);
    }
}

/* C t = A (B t): the sums of rows without C. A chain of k roundings errs by some 0.15 k epsilon an element, and the
 * errors of the elements of a sum, about as many as m n / 64, add up like a random walk: 2 k leaves a factor of ten. */
static void gemm_expect(const bench_case *c, double *sketch, double *bound) {
    blas_product p;
    if (!blas_read(&p, c->request)) bench_fail("not a product");
    const size_t m = (size_t)p.m, n = (size_t)p.n, k = (size_t)p.k;
    double *t = (double *)malloc((m + n + k) * sizeof *t), *bt = t + n, *ct = bt + k;
    if (!t) bench_fail("out of memory");
    for (size_t j = 0; j < n; j++) t[j] = bench_column_weight(j);
    gemm_times_vector(bt, 2, t, k, n, p.transpose_b);
    gemm_times_vector(ct, 1, bt, m, k, p.transpose_a);
    memset(sketch, 0, BENCH_SKETCH * sizeof *sketch);
    for (size_t i = 0; i < m; i++) sketch[i % BENCH_SKETCH] += bench_row_weight(i) * ct[i];
    const double elements = (double)n * ceil((double)m / BENCH_SKETCH);
    for (size_t i = 0; i < BENCH_SKETCH; i++) bound[i] = 2.0 * (double)(k + 4) * sqrt(elements + 4.0) * BENCH_EPSILON;
    free(t);
}

int main(int argc, char **argv) {
    const bench_suite suite = {"bench_gemm", "GFLOP/s", 0, gemm_contenders, gemm_cases, gemm_expect};
    return bench_main(&suite, argc, argv);
}
