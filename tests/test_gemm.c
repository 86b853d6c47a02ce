/* test_gemm.c - matrix products: the value, the bits, what is touched, and what is refused
 *
 * Two references. In double, with the rounding bound of tol_gemm. And exact: nn.h documents the order of the operations,
 * so a plain loop of fmaf gives the same bits, whatever the instruction set, the blocking or the number of threads.
 */
#include "hook.h"
#include "test.h"

/* ---- the documented order of operations ---- */

#define DOT_ROWS_MOST 12     /* of the rows beyond the last multiple of 16 */
#define DOT_DEPTH_ALONE 64   /* the least k where those are all rows, */
#define DOT_DEPTH_BESIDE 192 /* and where they are not */

/* One product with everything that belongs to it; a(i,p) = a[i*a_row + p*a_col]. */
typedef struct product {
    size_t m, n, k;
    float alpha, beta;
    nn_sgemm_desc desc;
    int packed;
    const float *a, *b, *c; /* c: as it was before */
} product;

static size_t or_usual(size_t ld, size_t usual) { return ld ? ld : usual; }
static size_t get_lda(const product *p) { return or_usual(p->desc.lda, p->desc.transpose_a ? p->m : p->k); }
static size_t get_ldb(const product *p) { return or_usual(p->desc.ldb, p->desc.transpose_b ? p->k : p->n); }
static size_t get_ldc(const product *p) { return or_usual(p->desc.ldc, p->n); }
static float get_a(const product *p, size_t i, size_t q) {
    return p->a[p->desc.transpose_a ? q * get_lda(p) + i : i * get_lda(p) + q];
}
static float get_b(const product *p, size_t q, size_t j) {
    return p->b[p->desc.transpose_b ? j * get_ldb(p) + q : q * get_ldb(p) + j];
}

/* A matrix times a vector is computed as the vector times the transposed matrix. */
static int is_turned(const product *p) { return p->n == 1 && p->m > 1; }

/* Whether the elements of row i are dot products in 16 lanes. */
static int is_dot(const product *p, size_t i) {
    const size_t m = is_turned(p) ? 1 : p->m, row = is_turned(p) ? 0 : i, beyond = m % 16;
    const int transposed = is_turned(p) ? !p->desc.transpose_a : p->desc.transpose_b && !p->packed;
    return transposed && p->alpha != 0.0f && p->k >= (m < 16 ? DOT_DEPTH_ALONE : DOT_DEPTH_BESIDE) &&
           row >= m - beyond && beyond <= DOT_ROWS_MOST;
}

static float chain(const float *x, const float *y, size_t k, float sum) {
    for (size_t q = 0; q < k; q++) sum = fmaf(x[q], y[q], sum);
    return sum;
}

static float lanes16(const float *x, const float *y, size_t k) {
    float sum[16] = {0};
    for (size_t q = 0; q < k; q++) sum[q % 16] = fmaf(x[q], y[q], sum[q % 16]);
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++) sum[i] += sum[i + half];
    return sum[0];
}

/* want[i*n + j], its bits; true_value and its bound go to the other two unless NULL. */
static void reference(const product *p, float *want, double *value, double *bound) {
    float *x = (float *)malloc((p->k + 1) * sizeof *x), *y = (float *)malloc((p->k + 1) * p->n * sizeof *y);
    const float scale_a = is_turned(p) ? 1.0f : p->alpha, scale_b = is_turned(p) ? p->alpha : 1.0f;
    for (size_t j = 0; j < p->n; j++)
        for (size_t q = 0; q < p->k; q++) y[j * p->k + q] = p->alpha == 0.0f ? 0.0f : scale_b * get_b(p, q, j);
    for (size_t i = 0; i < p->m; i++) {
        for (size_t q = 0; q < p->k; q++) x[q] = p->alpha == 0.0f ? 0.0f : scale_a * get_a(p, i, q);
        for (size_t j = 0; j < p->n; j++) {
            const float *yj = y + j * p->k, bias = p->desc.bias ? p->desc.bias[j] : 0.0f;
            const float start = p->beta == 0.0f ? 0.0f : p->beta * p->c[i * get_ldc(p) + j];
            float sum = is_dot(p, i) ? lanes16(x, yj, p->k) : chain(x, yj, p->alpha == 0.0f ? 0 : p->k, start);
            if (is_dot(p, i) && p->beta != 0.0f) sum = start + sum;
            want[i * p->n + j] = p->desc.bias ? sum + bias : sum;
            if (!value) continue;
            double exact = (double)start + (double)bias, magnitudes = fabs((double)start) + fabs((double)bias);
            for (size_t q = 0; q < p->k; q++) {
                exact += (double)x[q] * (double)yj[q];
                magnitudes += fabs((double)x[q] * (double)yj[q]);
            }
            value[i * p->n + j] = exact;
            bound[i * p->n + j] = tol_gemm(p->k, magnitudes);
        }
    }
    if (p->desc.activation != NN_IDENTITY) nn_activate(want, want, p->m * p->n, p->desc.activation, p->desc.slope);
    free(x);
    free(y);
}

static void describe(const char *what, const product *p) {
    test_case("%s %zux%zux%zu %c%c alpha %g beta %g ld +%zu +%zu +%zu bias %d activation %d", what, p->m, p->n, p->k,
              p->desc.transpose_a ? 't' : 'n', p->desc.transpose_b ? 't' : 'n', (double)p->alpha, (double)p->beta,
              p->desc.lda, p->desc.ldb, p->desc.ldc, p->desc.bias != NULL, (int)p->desc.activation);
}

/* Compares c (leading dimension of the product) with want, and the gaps between rows with what was there. */
static int equals(const product *p, const float *c, const float *want) {
    const size_t ldc = get_ldc(p);
    for (size_t i = 0; i < p->m; i++) {
        if (first_difference(c + i * ldc, want + i * p->n, p->n) < p->n) return 0;
        if (i + 1 < p->m && !is_untouched(c + i * ldc + p->n, ldc - p->n)) return 0;
    }
    return 1;
}

static int within(const product *p, const float *c, const double *value, const double *bound) {
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++)
            if (!(fabs((double)c[i * get_ldc(p) + j] - value[i * p->n + j]) <= bound[i * p->n + j])) return 0;
    return 1;
}

/* ---- every small shape ---- */

#define SMALL 40

/* With fixed matrices an element depends on k alone: its value after 1, 2, ... 40 steps answers for all m and n. */
static float small_a[SMALL][SMALL], small_b[SMALL][SMALL], small_want[SMALL + 1][SMALL][SMALL];
static double small_value[SMALL + 1][SMALL][SMALL], small_bound[SMALL + 1][SMALL][SMALL];

static void small_reference(void) {
    uint64_t state = 40;
    test_fill(small_a[0], SMALL * SMALL, &state);
    test_fill(small_b[0], SMALL * SMALL, &state);
    int sound = 1;
    for (size_t k = 1; k <= SMALL; k++)
        for (size_t i = 0; i < SMALL; i++)
            for (size_t j = 0; j < SMALL; j++) {
                const float a = small_a[i][k - 1], b = small_b[k - 1][j];
                small_want[k][i][j] = fmaf(a, b, small_want[k - 1][i][j]);
                small_value[k][i][j] = small_value[k - 1][i][j] + (double)a * (double)b;
                small_bound[k][i][j] = small_bound[k - 1][i][j] + fabs((double)a * (double)b);
                sound &= fabs((double)small_want[k][i][j] - small_value[k][i][j]) <= tol_gemm(k, small_bound[k][i][j]);
            }
    test_case("the exact reference against the one in double");
    CHECK(sound);
}

static void small_copy(float *dst, float (*x)[SMALL], size_t rows, size_t cols, int transpose) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) dst[transpose ? j * rows + i : i * cols + j] = x[i][j];
}

/* All m, n and k up to 40 and all transpositions; guard pages directly after A, B and C. */
static void small_shapes(size_t step) {
    float *const a_end = guard_end(SMALL * SMALL), *const b_end = guard_end(SMALL * SMALL);
    float *const c_end = guard_end(SMALL * (SMALL + 3));
    for (int t = 0; t < 4; t++)
        for (size_t k = 1; k <= SMALL; k++)
            for (size_t m = 1; m <= SMALL; m++) {
                float *a = a_end - m * k;
                size_t wrong = 0; /* the first n of which the result is */
                small_copy(a, small_a, m, k, t & 1);
                for (size_t n = 1 + (m + k) % step; n <= SMALL && !wrong; n += step) {
                    const size_t ldc = n + (m + n + k) % 4;
                    const nn_sgemm_desc d = {.transpose_a = t & 1, .transpose_b = t >> 1, .ldc = ldc};
                    float *b = b_end - k * n, *c = c_end - ((m - 1) * ldc + n);
                    small_copy(b, small_b, k, n, t >> 1);
                    fill_untouched(c, (m - 1) * ldc + n);
                    int ok = nn_sgemm(c, a, b, m, n, k, 1.0f, 0.0f, &d) == NN_OK;
                    for (size_t i = 0; i < m && ok; i++)
                        ok = memcmp(c + i * ldc, small_want[k][i], n * sizeof *c) == 0 &&
                             (i + 1 == m || is_untouched(c + i * ldc + n, ldc - n));
                    if (!ok) wrong = n;
                }
                if (wrong) test_case("%zux%zux%zu transposed %d", m, wrong, k, t);
                CHECK(!wrong);
            }
}

/* ---- random shapes ---- */

#define LARGE 700
#define PAD 5

static float *a_end, *b_end, *c_end, *want, *before;
static double *value, *bound;

static void large_buffers(void) {
    const size_t most = (size_t)LARGE * (LARGE + PAD);
    a_end = guard_end(most);
    b_end = guard_end(most);
    c_end = guard_end(most);
    want = (float *)malloc(most * sizeof *want);
    before = (float *)malloc(most * sizeof *before);
    value = (double *)malloc(most * sizeof *value);
    bound = (double *)malloc(most * sizeof *bound);
}

static float pick(uint64_t *state, const float *from, size_t count) { return from[test_below(state, count)]; }

static size_t span(size_t rows, size_t cols, size_t ld) { return (rows - 1) * ld + cols; }

/* Shape, options and operands from a seed; A, B and C end at guard pages, gaps are NaN. */
static product draw(uint64_t seed, size_t most) {
    static const float alphas[] = {1, 1, 1, -1, 0, 0.7f}, betas[] = {0, 0, 1, -0.3f};
    static float bias[LARGE];
    uint64_t state = seed;
    product p = {.m = test_size(&state, most)};
    p.n = test_size(&state, most);
    p.k = test_size(&state, most);
    p.alpha = pick(&state, alphas, COUNT(alphas));
    p.beta = pick(&state, betas, COUNT(betas));
    p.desc.transpose_a = (int)test_below(&state, 2);
    p.desc.transpose_b = (int)test_below(&state, 2);
    p.desc.lda = get_lda(&p) + test_below(&state, PAD);
    p.desc.ldb = get_ldb(&p) + test_below(&state, PAD);
    p.desc.ldc = get_ldc(&p) + test_below(&state, PAD);
    p.desc.bias = test_below(&state, 2) ? bias : NULL;
    const size_t a_rows = p.desc.transpose_a ? p.k : p.m, a_cols = p.desc.transpose_a ? p.m : p.k;
    const size_t b_rows = p.desc.transpose_b ? p.n : p.k, b_cols = p.desc.transpose_b ? p.k : p.n;
    float *a = a_end - span(a_rows, a_cols, p.desc.lda), *b = b_end - span(b_rows, b_cols, p.desc.ldb);
    fill_untouched(a, (size_t)(a_end - a));
    fill_untouched(b, (size_t)(b_end - b));
    for (size_t i = 0; i < a_rows; i++) test_fill(a + i * p.desc.lda, a_cols, &state);
    for (size_t i = 0; i < b_rows; i++) test_fill(b + i * p.desc.ldb, b_cols, &state);
    fill_untouched(before, span(p.m, p.n, p.desc.ldc)); /* all of it where beta = 0 */
    for (size_t i = 0; i < p.m && p.beta != 0.0f; i++) test_fill(before + i * p.desc.ldc, p.n, &state);
    test_fill(bias, p.n, &state);
    p.a = a;
    p.b = b;
    p.c = before;
    return p;
}

static float *fresh_c(const product *p) {
    const size_t floats = span(p->m, p->n, get_ldc(p));
    memcpy(c_end - floats, p->c, floats * sizeof(float));
    return c_end - floats;
}

static nn_status run_packed(const product *p, float *c) {
    nn_packed packed;
    nn_status status = nn_sgemm_pack(&packed, p->b, p->n, p->k, &p->desc);
    if (status == NN_OK) status = nn_sgemm_packed(c, p->a, &packed, p->m, p->alpha, p->beta, &p->desc);
    nn_packed_free(&packed);
    return status;
}

static void random_shapes(size_t count) {
    for (size_t seed = 1; seed <= count; seed++) {
        product p = draw(seed, test_quick() && seed > 3 ? 200 : LARGE);
        reference(&p, want, value, bound);
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            float *c = fresh_c(&p);
            describe("random", &p);
            CHECK(nn_sgemm(c, p.a, p.b, p.m, p.n, p.k, p.alpha, p.beta, &p.desc) == NN_OK);
            CHECK(within(&p, c, value, bound));
            CHECK(equals(&p, c, want));
            nn_threads_hook(hook_backwards, NULL);
            for (size_t threads = 2; threads <= 7; threads += threads == 2 ? 1 : 4) {
                nn_threads(threads);
                c = fresh_c(&p);
                CHECK(nn_sgemm(c, p.a, p.b, p.m, p.n, p.k, p.alpha, p.beta, &p.desc) == NN_OK && equals(&p, c, want));
            }
            nn_threads(1);
            nn_threads_hook(NULL, NULL);
        }
        p.packed = 1;
        reference(&p, want, NULL, NULL);
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            float *c = fresh_c(&p);
            describe("packed", &p);
            CHECK(run_packed(&p, c) == NN_OK && equals(&p, c, want));
        }
    }
}

/* Shapes at which a path, a block or a share of the threads begins or ends. */
static void chosen_shapes(void) {
    static const size_t shapes[][4] = {
        {1, 1, 1},       {1, 1, 300},     {1, 300, 1},        {300, 1, 1},    {1, 513, 257},  {513, 1, 257},  {12, 33, 64},
        {13, 33, 64},    {12, 33, 63},    {7, 129, 300},      {3, 700, 65},   {28, 90, 192},  {29, 90, 300},  {17, 200, 191},
        {64, 1001, 256}, {65, 1003, 257}, {193, 128, 128},    {337, 131, 257}, {192, 130, 512}, {1009, 67, 300}, {40, 3075, 70},
        {20, 3075, 100}, {2, 3100, 300},  {10, 250, 784},     {300, 401, 170}, {101, 150, 330}, {101, 2603, 21}, {101, 2603, 7},
        {101, 403, 41, 1024}}; /* the last number: from row to row of A, if it is not 0 */
    static float x[1100 * 400], y[784 * 3100], z[3200 * 110], expected[3200 * 110], bias[3100];
    uint64_t state = 5;
    test_fill(x, COUNT(x), &state);
    test_fill(y, COUNT(y), &state);
    test_fill(bias, COUNT(bias), &state);
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int t = 0; t < 4; t++) {
            product p = {.m = shapes[s][0], .n = shapes[s][1], .k = shapes[s][2], .alpha = 1, .a = x, .b = y};
            p.desc.transpose_a = t & 1;
            p.desc.transpose_b = t >> 1;
            p.desc.lda = shapes[s][3];
            p.desc.bias = bias;
            p.desc.activation = NN_RELU;
            reference(&p, expected, NULL, NULL);
            for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
                for (size_t threads = 1; threads <= 8; threads++) {
                    nn_threads_hook(hook_backwards, NULL);
                    nn_threads(threads);
                    fill_untouched(z, p.m * p.n);
                    const nn_status status = nn_sgemm(z, x, y, p.m, p.n, p.k, 1, 0, &p.desc);
                    nn_threads(1);
                    nn_threads_hook(NULL, NULL);
                    describe("chosen", &p);
                    CHECK(status == NN_OK && equals(&p, z, expected));
                }
        }
}

/* One row or one column of C inside a larger matrix. */
static void thin_c(void) {
    static const size_t sizes[] = {1, 2, 7, 16, 33, 200};
    uint64_t state = 6;
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (size_t column = 0; column < 2; column++)
            for (int t = 0; t < 4; t++) {
                product p = {.m = column ? sizes[s] : 1, .n = column ? 1 : sizes[s], .k = 90, .alpha = -0.5f, .beta = 2};
                p.desc.transpose_a = t & 1;
                p.desc.transpose_b = t >> 1;
                p.desc.ldc = p.n + 3;
                p.desc.lda = get_lda(&p) + 2;
                p.desc.ldb = get_ldb(&p) + 4;
                float *a = a_end - 300 * 300, *b = b_end - 300 * 300;
                test_fill(a, 300 * 300, &state);
                test_fill(b, 300 * 300, &state);
                fill_untouched(before, span(p.m, p.n, p.desc.ldc));
                for (size_t i = 0; i < p.m; i++) test_fill(before + i * p.desc.ldc, p.n, &state);
                p.a = a, p.b = b, p.c = before;
                reference(&p, want, value, bound);
                for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
                    float *c = fresh_c(&p);
                    describe("thin", &p);
                    CHECK(nn_sgemm(c, a, b, p.m, p.n, p.k, p.alpha, p.beta, &p.desc) == NN_OK);
                    CHECK(equals(&p, c, want) && within(&p, c, value, bound));
                }
            }
}

/* Rows of every width that is kept in registers, and wider ones; outer products as wide. */
static void rows(void) {
    static const size_t depths[] = {1, 2, 9};
    uint64_t state = 7;
    for (size_t d = 0; d < COUNT(depths); d++)
        for (size_t n = 1; n < 450; n += test_quick() ? 13 : 1)
            for (int beta = 0; beta < 2; beta++) {
                product p = {.m = depths[d] == 1 ? 3 : 1, .n = n, .k = depths[d], .alpha = 1, .beta = (float)beta * 0.7f};
                float *a = a_end - p.m * p.k, *b = b_end - p.k * p.n;
                test_fill(a, p.m * p.k, &state);
                test_fill(b, p.k * p.n, &state);
                if (beta) test_fill(before, p.m * p.n, &state);
                else fill_untouched(before, p.m * p.n);
                p.a = a, p.b = b, p.c = before;
                reference(&p, want, value, bound);
                for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
                    float *c = fresh_c(&p);
                    describe("row", &p);
                    CHECK(nn_sgemm(c, a, b, p.m, p.n, p.k, p.alpha, p.beta, &p.desc) == NN_OK);
                    CHECK(equals(&p, c, want) && within(&p, c, value, bound));
                }
            }
}

/* Every activation with and without a bias is what nn_activate makes of the sum. */
static void epilogues(void) {
    static const size_t shapes[][3] = {{5, 37, 20}, {1, 37, 20}, {37, 1, 70}, {3, 50, 64}, {250, 140, 130}};
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int act = 0; act < NN_ACTIVATION_COUNT; act++)
            for (int with_bias = 0; with_bias < 2; with_bias++) {
                if (test_quick() && shapes[s][0] > 200 && act != NN_RELU) continue;
                product p = draw(s + 1, 8);
                static float bias[LARGE];
                uint64_t state = s;
                p.m = shapes[s][0], p.n = shapes[s][1], p.k = shapes[s][2];
                p.desc = (nn_sgemm_desc){.bias = with_bias ? bias : NULL, .activation = (nn_activation)act, .slope = 0.25f};
                p.alpha = 1, p.beta = 0;
                float *a = a_end - p.m * p.k, *b = b_end - p.k * p.n;
                test_fill(a, p.m * p.k, &state);
                test_fill(b, p.k * p.n, &state);
                test_fill(bias, p.n, &state);
                fill_untouched(before, p.m * p.n);
                p.a = a, p.b = b;
                for (p.packed = 0; p.packed < 2; p.packed++) {
                    reference(&p, want, NULL, NULL);
                    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
                        float *c = fresh_c(&p);
                        describe(p.packed ? "epilogue, packed" : "epilogue", &p);
                        CHECK((p.packed ? run_packed(&p, c) : nn_sgemm(c, a, b, p.m, p.n, p.k, 1, 0, &p.desc)) == NN_OK);
                        CHECK(equals(&p, c, want));
                    }
                }
            }
}

/* ---- what is refused, and leaves C as it was ---- */

static void refused(void) {
    enum { M = 3, N = 4, K = 5 };
    float a[64] = {0}, b[64] = {0}, c[64], kept[64];
    const size_t huge = SIZE_MAX / 4;
    fill_untouched(kept, COUNT(kept));
    const struct {
        const char *what;
        float *c;
        const float *a, *b;
        size_t m, n, k;
        float alpha;
        nn_sgemm_desc desc;
        nn_status status;
    } cases[] = {
        {"no c", NULL, a, b, M, N, K, 1, {0}, NN_ERROR_NULL},
        {"no a", c, NULL, b, M, N, K, 1, {0}, NN_ERROR_NULL},
        {"no b", c, a, NULL, M, N, K, 1, {0}, NN_ERROR_NULL},
        {"activation too large", c, a, b, M, N, K, 1, {.activation = NN_ACTIVATION_COUNT}, NN_ERROR_ARGUMENT},
        {"activation negative", c, a, b, M, N, K, 1, {.activation = (nn_activation)-1}, NN_ERROR_ARGUMENT},
        {"lda", c, a, b, M, N, K, 1, {.lda = K - 1}, NN_ERROR_STRIDE},
        {"lda transposed", c, a, b, M, N, K, 1, {.transpose_a = 1, .lda = M - 1}, NN_ERROR_STRIDE},
        {"ldb", c, a, b, M, N, K, 1, {.ldb = N - 1}, NN_ERROR_STRIDE},
        {"ldb transposed", c, a, b, M, N, K, 1, {.transpose_b = 1, .ldb = K - 1}, NN_ERROR_STRIDE},
        {"ldc", c, a, b, M, N, K, 1, {.ldc = N - 1}, NN_ERROR_STRIDE},
        {"m too large", c, a, b, huge, N, K, 1, {0}, NN_ERROR_SIZE},
        {"n too large", c, a, b, M, huge, K, 1, {0}, NN_ERROR_SIZE},
        {"k too large", c, a, b, M, N, huge, 1, {0}, NN_ERROR_SIZE},
        {"everything too large", c, a, b, SIZE_MAX, SIZE_MAX, SIZE_MAX, 1, {0}, NN_ERROR_SIZE},
        {"ldc too large", c, a, b, M, N, K, 1, {.ldc = huge}, NN_ERROR_SIZE},
        {"c is a", c, c, b, M, N, K, 1, {0}, NN_ERROR_ALIAS},
        {"c is b", c, a, c, M, N, K, 1, {0}, NN_ERROR_ALIAS},
        {"c begins in the last float of a", c + M * K - 1, c, b, M, N, K, 1, {0}, NN_ERROR_ALIAS},
        {"c ends in the first float of a", c, c + M * N - 1, b, M, N, K, 1, {0}, NN_ERROR_ALIAS},
        {"c overlaps bias", c, a, b, M, N, K, 1, {.bias = c + 2}, NN_ERROR_ALIAS},
        {"blocks with common columns", c, c + 3, b, M, N, K, 1, {.lda = 16, .ldc = 16}, NN_ERROR_ALIAS},
        {"blocks that wrap around", c + 12, c, b, M, N, K, 1, {.lda = 15, .ldc = 15}, NN_ERROR_ALIAS},
        {"interleaved rows of different length", c, c + 8, b, M, N, K, 1, {.lda = 15, .ldc = 16}, NN_ERROR_ALIAS},
        {"blocks side by side", c, c + 4, b, M, N, K, 1, {.lda = 16, .ldc = 16}, NN_OK},
        {"blocks side by side, c right", c + 5, c, b, M, N, K, 1, {.lda = 16, .ldc = 16}, NN_OK},
        {"c right after a", c + M * K, c, b, M, N, K, 1, {0}, NN_OK},
        {"c right before b", c, a, c + M * N, M, N, K, 1, {0}, NN_OK},
        {"a and b are one", c, a, a, M, N, K, 1, {0}, NN_OK},
        {"alpha 0 needs no a and b", c, NULL, NULL, M, N, K, 0, {0}, NN_OK},
        {"k 0 needs no a and b", c, NULL, NULL, M, N, 0, 1, {0}, NN_OK},
        {"m 0 needs nothing", NULL, NULL, NULL, 0, N, K, 1, {0}, NN_OK},
        {"n 0 needs nothing", NULL, NULL, NULL, M, 0, K, 1, {0}, NN_OK},
    };
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(cases); i++) {
            memcpy(c, kept, sizeof c);
            const nn_status status = nn_sgemm(cases[i].c, cases[i].a, cases[i].b, cases[i].m, cases[i].n, cases[i].k,
                                              cases[i].alpha, 0, &cases[i].desc);
            test_case("%s: %s", cases[i].what, nn_status_name(status));
            CHECK(status == cases[i].status);
            if (cases[i].status != NN_OK || !cases[i].c) CHECK(memcmp(c, kept, sizeof c) == 0);
        }
}

static void refused_packed(void) {
    float a[64] = {0}, b[64] = {0}, c[64] = {0};
    nn_packed packed, zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    test_case("packed");
    CHECK(nn_sgemm_pack(NULL, b, 4, 5, NULL) == NN_ERROR_NULL);
    CHECK(nn_sgemm_pack(&packed, NULL, 4, 5, NULL) == NN_ERROR_NULL && packed.panels == NULL);
    CHECK(nn_sgemm_pack(&packed, b, 4, 5, &(nn_sgemm_desc){.ldb = 3}) == NN_ERROR_STRIDE && packed.panels == NULL);
    CHECK(nn_sgemm_pack(&packed, b, SIZE_MAX, 5, NULL) == NN_ERROR_SIZE && packed.panels == NULL);
    CHECK(nn_sgemm_pack(&packed, b, SIZE_MAX / 64, SIZE_MAX / 64, NULL) == NN_ERROR_SIZE && packed.panels == NULL);
    CHECK(nn_sgemm_packed(c, a, NULL, 3, 1, 0, NULL) == NN_ERROR_NULL);
    CHECK(nn_sgemm_packed(c, a, &zeroed, 3, 1, 0, NULL) == NN_ERROR_NULL);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        CHECK(nn_sgemm_pack(&packed, b, 4, 5, NULL) == NN_OK && packed.n == 4 && packed.k == 5);
        CHECK(nn_sgemm_packed(NULL, a, &packed, 3, 1, 0, NULL) == NN_ERROR_NULL);
        CHECK(nn_sgemm_packed(c, NULL, &packed, 3, 1, 0, NULL) == NN_ERROR_NULL);
        CHECK(nn_sgemm_packed(c, c + 1, &packed, 3, 1, 0, NULL) == NN_ERROR_ALIAS);
        CHECK(nn_sgemm_packed(c, a, &packed, 3, 1, 0, &(nn_sgemm_desc){.lda = 4}) == NN_ERROR_STRIDE);
        CHECK(nn_sgemm_packed(c, a, &packed, 0, 1, 0, NULL) == NN_OK);
        for (size_t i = 0; nn_isa_name(i); i++) {
            if (nn_isa_force(nn_isa_name(i)) != NN_OK) continue;
            const nn_status expected = strcmp(nn_isa_name(i), isa) == 0 ? NN_OK : NN_ERROR_PACKED_ISA;
            fill_untouched(c, COUNT(c));
            test_case("packed for %s, used by %s", isa, nn_isa_name(i));
            CHECK(nn_sgemm_packed(c, a, &packed, 3, 1, 0, NULL) == expected);
            CHECK(is_untouched(c, COUNT(c)) == (expected != NN_OK));
        }
        CHECK(nn_isa_force(isa) == NN_OK);
        nn_packed_free(&packed);
        const size_t empty[][2] = {{0, 5}, {5, 0}, {0, 0}};
        for (size_t i = 0; i < COUNT(empty); i++) {
            test_case("packed %zu x %zu", empty[i][1], empty[i][0]);
            CHECK(nn_sgemm_pack(&packed, NULL, empty[i][0], empty[i][1], NULL) == NN_OK);
            for (size_t j = 0; j < COUNT(c); j++) c[j] = 2;
            CHECK(nn_sgemm_packed(c, a, &packed, 3, 1, 0.5f, NULL) == NN_OK && c[0] == (empty[i][0] ? 1.0f : 2.0f));
            nn_packed_free(&packed);
        }
    }
}

/* k = 0 leaves beta*C, bias and activation. */
static void empty_k(void) {
    const float bias[3] = {1, -20, 3};
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        float c[6] = {1, 2, 3, 4, 5, 6};
        const float scaled[6] = {3, 0, 9, 9, 0, 15}, cleared[6] = {1, 0, 3, 1, 0, 3};
        const nn_sgemm_desc d = {.bias = bias, .activation = NN_RELU};
        test_case("k 0");
        CHECK(nn_sgemm(c, NULL, NULL, 2, 3, 0, 1, 2, &d) == NN_OK && first_difference(c, scaled, 6) == 6);
        fill_untouched(c, 6);
        CHECK(nn_sgemm(c, NULL, NULL, 2, 3, 0, 1, 0, &d) == NN_OK && first_difference(c, cleared, 6) == 6);
    }
}

/* ---- NaN and infinity reach the elements that depend on them and no others ---- */

static void propagation(void) {
    static const size_t shapes[][3] = {{6, 9, 7}, {1, 70, 20}, {70, 1, 80}, {5, 33, 70}, {200, 140, 150}};
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static float a[200 * 150], b[150 * 140], c[200 * 140];
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t s = 0; s < COUNT(shapes); s++)
            for (int t = 0; t < 4; t++)
                for (size_t v = 0; v < (test_quick() && shapes[s][0] > 100 ? 1 : COUNT(bad)); v++)
                    for (int in_b = 0; in_b < 2; in_b++) {
                        const size_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
                        const size_t row = m / 2, col = n / 2, q = k - 1;
                        const nn_sgemm_desc d = {.transpose_a = t & 1, .transpose_b = t >> 1, .activation = NN_RELU};
                        for (size_t i = 0; i < m * k; i++) a[i] = 1;
                        for (size_t i = 0; i < k * n; i++) b[i] = 1;
                        if (in_b) b[t >> 1 ? col * k + q : q * n + col] = bad[v];
                        else a[t & 1 ? q * m + row : row * k + q] = bad[v];
                        const float hit = bad[v] < 0 ? 0 : bad[v];
                        int ok = nn_sgemm(c, a, b, m, n, k, 1, 0, &d) == NN_OK;
                        for (size_t i = 0; i < m; i++)
                            for (size_t j = 0; j < n; j++)
                                ok &= same_bits(c[i * n + j], (in_b ? j == col : i == row) ? hit : (float)k);
                        test_case("%g in %c of %zux%zux%zu transposed %d", (double)bad[v], "ab"[in_b], m, n, k, t);
                        CHECK(ok);
                        fill_untouched(c, m * n);
                        ok = nn_sgemm(c, a, b, m, n, k, 0, 0, &d) == NN_OK;
                        for (size_t i = 0; i < m * n; i++) ok &= c[i] == 0;
                        test_case("alpha and beta 0, %g in %c of %zux%zux%zu", (double)bad[v], "ab"[in_b], m, n, k);
                        CHECK(ok);
                        for (size_t i = 0; i < m * n; i++) c[i] = bad[v];
                        ok = nn_sgemm(c, a, b, m, n, k, 0, 1, &d) == NN_OK;
                        for (size_t i = 0; i < m * n; i++) ok &= same_bits(c[i], hit);
                        test_case("alpha 0, beta 1 keeps %g in %zux%zux%zu", (double)bad[v], m, n, k);
                        CHECK(ok);
                    }
}

int main(void) {
    small_reference();
    large_buffers();
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        small_shapes(test_quick() ? 97 : strcmp(isa, "scalar") == 0 ? 5 : 1);
    random_shapes(test_quick() ? 12 : 200);
    if (!test_quick()) chosen_shapes();
    thin_c();
    rows();
    epilogues();
    refused();
    refused_packed();
    empty_k();
    propagation();
    return test_end("gemm");
}
