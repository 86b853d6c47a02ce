/* blas.h - sgemm of the BLAS libraries that are installed
 *
 * A request is `m n k transpose_a transpose_b threads packed`: C = A B in row-major order, with A and B from bench_element. */
#ifndef BENCH_BLAS_H
#define BENCH_BLAS_H

#include "bench.h"

enum { BLAS_ROW_MAJOR = 101, BLAS_PLAIN = 111, BLAS_TRANSPOSED = 112 };

typedef void blas_cblas(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc);
typedef int blas_dnnl(char transpose_a, char transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                      int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
typedef void blas_xsmm_kernel(const float *a, const float *b, float *c, ...);
typedef blas_xsmm_kernel *blas_xsmm_dispatch(int m, int n, int k, const int *lda, const int *ldb, const int *ldc,
                                             const float *alpha, const float *beta, const int *flags, const int *prefetch);

typedef struct blas_product {
    int m, n, k, transpose_a, transpose_b, threads, packed;
    float *a, *b, *c;
} blas_product;

static blas_product blas;
static blas_cblas *blas_sgemm;
static blas_dnnl *blas_dnnl_sgemm;
static blas_xsmm_dispatch *blas_xsmm;
static blas_xsmm_kernel *blas_kernel;

static int blas_read(blas_product *p, const char *request) {
    return sscanf(request, "%d %d %d %d %d %d %d", &p->m, &p->n, &p->k, &p->transpose_a, &p->transpose_b, &p->threads,
                  &p->packed) == 7;
}

/* The operands, and C full of NaN, so that an element left alone cannot pass. */
static void blas_fill(bench_job *job, blas_product *p) {
    const size_t c = (size_t)p->m * (size_t)p->n;
    p->a = bench_input(1, (size_t)p->m * (size_t)p->k, -1.0f, 1.0f);
    p->b = bench_input(2, (size_t)p->k * (size_t)p->n, -1.0f, 1.0f);
    p->c = bench_floats(c);
    for (size_t i = 0; i < c; i++) p->c[i] = NAN;
    job->data = p;
    job->out = p->c;
    job->rows = (size_t)p->m;
    job->cols = (size_t)p->n;
}

static int blas_prepare(bench_job *job, const char *request, void (*call)(void *)) {
    if (!blas_read(&blas, request) || blas.threads != 1) return 0;
    blas_fill(job, &blas);
    job->call = call;
    return 1;
}

/* ---- OpenBLAS and BLIS ---- */

static void blas_cblas_call(void *data) {
    const blas_product *p = (const blas_product *)data;
    blas_sgemm(BLAS_ROW_MAJOR, p->transpose_a ? BLAS_TRANSPOSED : BLAS_PLAIN, p->transpose_b ? BLAS_TRANSPOSED : BLAS_PLAIN, p->m,
               p->n, p->k, 1.0f, p->a, p->transpose_a ? p->m : p->k, p->b, p->transpose_b ? p->k : p->n, 0.0f, p->c, p->n);
}

static int blas_cblas_prepare(bench_job *job, const char *request) { return blas_prepare(job, request, blas_cblas_call); }

static int blas_absent(char *description) {
    snprintf(description, BENCH_TEXT, "not installed");
    return 0;
}

static int blas_openblas_open(char *description) {
    void *library = bench_library("libopenblas.so.0 libopenblas.so libopenblas.dylib");
    char *(*config)(void), *(*core)(void);
    if (!BENCH_SYMBOL(library, "cblas_sgemm", blas_sgemm)) return blas_absent(description);
    if (BENCH_SYMBOL(library, "openblas_get_config", config) && BENCH_SYMBOL(library, "openblas_get_corename", core))
        snprintf(description, BENCH_TEXT, "%.15s, %s kernels", config(), core());
    return 1;
}

static int blas_blis_open(char *description) {
    void *library = bench_library("libblis.so.4 libblis.so.5 libblis.so libblis.dylib");
    int (*id)(void);
    const char *(*name)(int), *(*version)(void);
    void (*init)(void);
    if (!BENCH_SYMBOL(library, "cblas_sgemm", blas_sgemm)) return blas_absent(description);
    if (BENCH_SYMBOL(library, "bli_init", init)) init(); /* without it, asking for the kernels in use aborts */
    if (BENCH_SYMBOL(library, "bli_arch_query_id", id) && BENCH_SYMBOL(library, "bli_arch_string", name) &&
        BENCH_SYMBOL(library, "bli_info_get_version_str", version))
        snprintf(description, BENCH_TEXT, "BLIS %s, %s kernels", version(), name(id()));
    return 1;
}

/* ---- oneDNN ---- */

static void blas_dnnl_call(void *data) {
    const blas_product *p = (const blas_product *)data;
    blas_dnnl_sgemm(p->transpose_a ? 'T' : 'N', p->transpose_b ? 'T' : 'N', p->m, p->n, p->k, 1.0f, p->a,
                    p->transpose_a ? p->m : p->k, p->b, p->transpose_b ? p->k : p->n, 0.0f, p->c, p->n);
}

static int blas_dnnl_prepare(bench_job *job, const char *request) { return blas_prepare(job, request, blas_dnnl_call); }

/* Bits of dnnl_cpu_isa_t: its AVX2 has bits 0..3 at most, its AVX-512 the ones above. */
static int blas_dnnl_open(char *description) {
    void *library = bench_library("libdnnl.so.2 libdnnl.so.3 libdnnl.so libdnnl.dylib");
    const struct { int major, minor, patch; } *(*version)(void);
    int (*isa)(void);
    if (!BENCH_SYMBOL(library, "dnnl_sgemm", blas_dnnl_sgemm)) return blas_absent(description);
    if (BENCH_SYMBOL(library, "dnnl_version", version) && BENCH_SYMBOL(library, "dnnl_get_effective_cpu_isa", isa))
        snprintf(description, BENCH_TEXT, "oneDNN %d.%d.%d, instruction sets 0x%x", version()->major, version()->minor,
                 version()->patch, isa());
    return 1;
}

/* ---- libxsmm ---- */

static void blas_xsmm_call(void *data) {
    const blas_product *p = (const blas_product *)data;
    blas_kernel(p->b, p->a, p->c); /* column-major: C' = B' A' */
}

/* One generated kernel for the whole product: made for small ones, and only for A and B as they are. */
static int blas_xsmm_prepare(bench_job *job, const char *request) {
    const float one = 1.0f, zero = 0.0f;
    blas_product p;
    if (!blas_read(&p, request) || p.transpose_a || p.transpose_b) return 0;
    if ((double)p.m * p.n * p.k > 256.0 * 256.0 * 256.0) return 0;
    blas_kernel = blas_xsmm(p.n, p.m, p.k, &p.n, &p.k, &p.n, &one, &zero, NULL, NULL);
    return blas_kernel && blas_prepare(job, request, blas_xsmm_call);
}

static int blas_xsmm_open(char *description) {
    void *library = bench_library("libxsmm.so libxsmm.so.1 libxsmm.dylib");
    const char *(*target)(void);
    if (!BENCH_SYMBOL(library, "libxsmm_smmdispatch", blas_xsmm)) return blas_absent(description);
    if (BENCH_SYMBOL(library, "libxsmm_get_target_arch", target))
        snprintf(description, BENCH_TEXT, "libxsmm 1, %s kernels", target());
    return 1;
}

#endif /* BENCH_BLAS_H */
