/* test_moments.c - moments by columns: values far from 0, batches of any sizes, equal bits for instruction sets and threads */
#include "hook.h"
#include "test.h"

enum { MOST = 1 << 17 };

static float *x_end;

/* Rounding of a chain of at most 8 + 32 floats, of the mean of the first block as a float, and of the result. */
#define TOL_MOMENTS (64 * EPS)

static void reference(double *mean, double *variance, const float *x, size_t rows, size_t n, size_t j) {
    double sum = 0, squares = 0;
    for (size_t r = 0; r < rows; r++) sum += (double)x[r * n + j];
    *mean = sum / (double)rows;
    for (size_t r = 0; r < rows; r++) squares += ((double)x[r * n + j] - *mean) * ((double)x[r * n + j] - *mean);
    *variance = squares / (double)rows;
}

/* Columns of deviation 1/sqrt(3) about `centre`: errors count in deviations, and the float mean may round. */
static int close_to(const float *mean, const float *variance, const float *x, size_t rows, size_t n, double *worst) {
    *worst = 0;
    for (size_t j = 0; j < n; j++) {
        double m, v;
        reference(&m, &v, x, rows, n, j);
        const double error = fabs((double)mean[j] - m) / (TOL_MOMENTS * sqrt(v) + EPS * fabs(m) + 0x1p-149);
        const double error_of_variance = fabs((double)variance[j] - v) / (TOL_MOMENTS * v + 0x1p-149);
        if (!(error <= *worst)) *worst = error;
        if (!(error_of_variance <= *worst)) *worst = error_of_variance;
    }
    return *worst <= 1;
}

static void values(size_t rows, size_t n, float centre) {
    uint64_t state = rows * 10007 + n;
    float *x = x_end - rows * n;
    static float mean[MOST], variance[MOST], first[2][MOST];
    static double sums[2][MOST];
    double worst;
    test_fill(x, rows * n, &state);
    for (size_t i = 0; i < rows * n; i++) x[i] += centre;
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        nn_moments whole = {n, 0, sums[0], sums[1]};
        memset(sums[0], 0, n * sizeof(double)), memset(sums[1], 0, n * sizeof(double));
        nn_moments_add(&whole, x, rows);
        fill_untouched(mean, n + 1), fill_untouched(variance, n + 1);
        nn_moments_get(mean, variance, &whole);
        int ok = close_to(mean, variance, x, rows, n, &worst);
        test_case("%zu rows of %zu about %g: error %g", rows, n, (double)centre, worst);
        CHECK(ok && whole.rows == rows && is_untouched(mean + n, 1) && is_untouched(variance + n, 1));
        if (isa == best) memcpy(first[0], mean, n * sizeof *mean), memcpy(first[1], variance, n * sizeof *mean);
        CHECK(first_difference(first[0], mean, n) == n && first_difference(first[1], variance, n) == n);
        memset(sums[0], 0, n * sizeof(double)), memset(sums[1], 0, n * sizeof(double));
        whole.rows = 0;
        for (size_t begin = 0, step = 1; begin < rows; begin += step, step = step * 3 + 1) { /* 1, 4, 13, ..., the rest */
            if (step > rows - begin) step = rows - begin;
            nn_moments_add(&whole, x + begin * n, step);
        }
        nn_moments_get(mean, NULL, &whole), nn_moments_get(NULL, variance, &whole);
        ok = close_to(mean, variance, x, rows, n, &worst);
        test_case("%zu rows of %zu about %g in batches: error %g", rows, n, (double)centre, worst);
        CHECK(ok && whole.rows == rows);
    }
}

/* Columns without deviation, one outlier, nothing at all, and what is not a number. */
static void special(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        float x[600 * 3], mean[3], variance[3];
        double sums[2][3] = {{0}};
        nn_moments m = {3, 0, sums[0], sums[1]};
        test_case("no rows");
        nn_moments_add(&m, NULL, 0);
        nn_moments_get(mean, variance, &m);
        CHECK(m.rows == 0 && mean[0] == 0 && variance[2] == 0);
        for (size_t r = 0; r < 600; r++) x[r * 3] = 1e6f, x[r * 3 + 1] = 0.1f, x[r * 3 + 2] = r == 0 ? 6e5f : 0;
        nn_moments_add(&m, x, 600);
        nn_moments_get(mean, variance, &m);
        test_case("constant columns: %g %g; an outlier: %g", (double)variance[0], (double)variance[1], (double)variance[2]);
        CHECK(mean[0] == 1e6f && variance[0] >= 0 && variance[0] < 1e-6f && mean[1] == 0.1f && variance[1] >= 0);
        CHECK(variance[1] < 1e-16f && mean[2] == 1000 && fabs((double)variance[2] / (599e6) - 1) < TOL_MOMENTS);
        x[7] = NAN, x[9] = INFINITY;
        nn_moments_add(&m, x, 600);
        nn_moments_get(mean, variance, &m);
        test_case("NaN and infinity");
        CHECK(isnan(mean[1]) && isnan(variance[1]) && !isfinite(mean[0]) && isnan(variance[0]) && isfinite(variance[2]));
    }
}

static void threads(void) {
    static const size_t shapes[][2] = {{30000, 3}, {1800, 64}, {20, 5000}, {1000, 120}};
    static double alone[2][5000], shared[2][5000];
    size_t calls = 0;
    float *x = x_end - 120000;
    uint64_t state = 5;
    test_fill(x, 120000, &state);
    nn_threads_hook(hook_pthreads, &calls);
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t t = 1; t < 20; t += 6) {
            const size_t rows = shapes[s][0], n = shapes[s][1], before = calls;
            double(*const sums)[5000] = t == 1 ? alone : shared;
            nn_moments m = {n, 0, sums[0], sums[1]};
            nn_threads(t);
            memset(sums, 0, sizeof alone);
            nn_moments_add(&m, x, rows);
            test_case("%zu rows of %zu, %zu threads", rows, n, t);
            CHECK(t == 1 || (calls > before && memcmp(alone, shared, sizeof alone) == 0));
        }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

int main(void) {
    static const size_t shapes[][2] = {{2, 1},  {3, 5},   {7, 16},   {8, 17},    {9, 31},    {50, 300},
                                       {255, 3}, {256, 4}, {257, 33}, {1000, 100}, {20000, 5}, {3, 1000}};
    static const float centres[] = {0, 1, -1000, 1e6f};
    x_end = guard_end(MOST);
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t c = 0; c < COUNT(centres); c++) values(shapes[s][0], shapes[s][1], centres[c]);
    special();
    threads();
    return test_end("moments");
}
