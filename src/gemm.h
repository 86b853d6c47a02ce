/* gemm.h - matrix products in single precision */
#ifndef NN_GEMM_H
#define NN_GEMM_H

#include "activation.h"
#include "alloc.h"
#include "status.h"

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
 * The bits: each element is one chain of fused multiply-adds over k in increasing order that starts at beta*C. Where B is
 * transposed, up to 12 rows beyond the last multiple of 16 are dot products in 16 lanes instead, to which beta*C is added: from
 * k = 64 on if they are all the rows, from k = 192 on if not; so is a matrix times a vector that is read the same way.
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

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "threads.h"

#define NNI_DOT_ROWS_MOST 12 /* above, transposing B into panels once costs less than folding every element's lanes */
#define NNI_DOT_DEPTH_ALONE 64  /* k from which all of fewer than 16 rows are dot products, */
#define NNI_DOT_DEPTH_BESIDE 192 /* and the rows beyond the last 16 of more */
#define NNI_GEMM_SHARE 4500000 /* multiply-adds worth a thread: at 9 million, two that sleep between calls gain 1.2 to 1.5 times */
#define NNI_GEMM_READING 3 /* rows of A whose multiply-adds take as long as reading B */
#define NNI_SMALL_DEPTH 256 /* k up to which a single tile is too little work for a second thread */
#define NNI_STACK_WORK 4096 /* floats of workspace taken from the stack before the allocator is asked */

/* Whether rows x cols floats with leading dimension ld have a size at all: *span is the distance to their end. */
static inline nn_status nni_matrix_span(size_t rows, size_t cols, size_t ld, size_t *span) {
    size_t floats;
    if (ld < cols) return NN_ERROR_STRIDE;
    if (!nni_mul_size(rows, ld, &floats) || floats > PTRDIFF_MAX / sizeof(float)) return NN_ERROR_SIZE;
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

/* The sizes of part i, without its place: what its workspace depends on. */
static nni_gemm nni_gemm_part_sizes(const nni_gemm_job *job, size_t i) {
    nni_gemm part = *job->whole;
    part.m = nni_min(job->rows, part.m - i / job->across * job->rows);
    part.n = nni_min(job->cols, part.n - i % job->across * job->cols);
    return part;
}

static nni_gemm nni_gemm_part(const nni_gemm_job *job, size_t i) {
    nni_gemm part = nni_gemm_part_sizes(job, i);
    const size_t row = i / job->across * job->rows, col = i % job->across * job->cols;
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
        const nni_gemm part = nni_gemm_part_sizes(job, i);
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
NNI_INLINE nn_status nni_gemm_run(nni_gemm *g, const nn_allocator *allocator) {
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

#endif /* NN_IMPLEMENTATION */
#endif /* NN_GEMM_H */
