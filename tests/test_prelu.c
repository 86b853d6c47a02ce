/* test_prelu.c - learned slopes: values, gradients, edges, special values, accumulation, PyTorch, equal bits */
#include "golden.h"
#include "gradient.h"
#include "hook.h"
#include "test.h"

enum { MOST = 300 * 600, COLUMNS = 2000 };

static float *ends[6]; /* x, dy, slope, y or dx, dslope, and one more */
static float want[MOST], old[COLUMNS], first[COLUMNS];

/* As tests/test_columns.c, with the product in the multiply-add; a shared slope has 64 additions in a lane instead. */
static double tol_sum(double magnitudes) { return (8 + 8 + 64 + 2) * EPS * magnitudes; }

/* How far dslope is from the sums in double, in units of the tolerance. */
static double slope_error(const float *dslope, const float *dy, const float *x, size_t rows, size_t n, int shared, int accumulate) {
    double worst = 0;
    for (size_t j = 0; j < (shared ? 1 : n); j++) {
        double sum = accumulate ? (double)old[j] : 0, size = fabs(sum);
        for (size_t i = shared ? 0 : j; i < rows * n; i += shared ? 1 : n) {
            const double product = x[i] > 0 ? 0 : (double)dy[i] * (double)x[i];
            sum += product;
            size += fabs(product);
        }
        const double error = fabs((double)dslope[j] - sum) / (tol_sum(size) + 0x1p-149);
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

static void values(size_t rows, size_t n, int shared, int accumulate) {
    const size_t slopes = shared ? 1 : n, all = rows * n;
    uint64_t state = rows * 10007 + n;
    float *x = ends[0] - all, *dy = ends[1] - all, *slope = ends[2] - slopes, *y = ends[3] - all, *dslope = ends[4] - slopes;
    float *in_place = ends[5] - all;
    test_fill(x, all, &state);
    test_fill(dy, all, &state);
    test_fill(slope, slopes, &state);
    test_fill(old, slopes, &state);
    for (size_t i = 0; i < all; i += 5) x[i] = i % 2 ? 0.0f : -0.0f;
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa))
        for (int threads = 1; threads <= 3; threads += 2) {
            nn_threads_hook(threads > 1 ? hook_backwards : NULL, NULL);
            nn_threads((size_t)threads);
            test_case("%zu x %zu, shared %d, accumulate %d, %d threads", rows, n, shared, accumulate, threads);

            for (size_t i = 0; i < all; i++) want[i] = x[i] > 0 ? x[i] : slope[shared ? 0 : i % n] * x[i];
            fill_untouched(y - 20, 20 + all);
            nn_prelu(y, x, slope, rows, n, shared);
            CHECK(first_difference(y, want, all) == all && is_untouched(y - 20, 20));

            for (size_t i = 0; i < all; i++) want[i] = x[i] > 0 ? dy[i] : slope[shared ? 0 : i % n] * dy[i];
            fill_untouched(y - 20, 20 + all);
            fill_untouched(dslope - 20, 20 + slopes);
            if (accumulate) memcpy(dslope, old, slopes * sizeof *dslope);
            nn_prelu_backward(y, dslope, dy, x, slope, rows, n, shared, accumulate);
            CHECK(first_difference(y, want, all) == all && is_untouched(y - 20, 20));
            CHECK(slope_error(dslope, dy, x, rows, n, shared, accumulate) <= 1 && is_untouched(dslope - 20, 20));
            if (isa == best && threads == 1) memcpy(first, dslope, slopes * sizeof *first);
            CHECK(first_difference(first, dslope, slopes) == slopes);

            memcpy(in_place, dy, all * sizeof *dy); /* each alone, dx in the place of dy or x */
            nn_prelu_backward(in_place, NULL, in_place, x, slope, rows, n, shared, 0);
            CHECK(first_difference(in_place, want, all) == all);
            memcpy(in_place, x, all * sizeof *x);
            if (accumulate) memcpy(dslope, old, slopes * sizeof *dslope);
            nn_prelu_backward(in_place, dslope, dy, in_place, slope, rows, n, shared, accumulate);
            CHECK(first_difference(in_place, want, all) == all && first_difference(first, dslope, slopes) == slopes);
            if (accumulate) memcpy(dslope, old, slopes * sizeof *dslope);
            nn_prelu_backward(NULL, dslope, dy, x, slope, rows, n, shared, accumulate);
            CHECK(first_difference(first, dslope, slopes) == slopes);
        }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

static void special(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (int shared = 0; shared < 2; shared++) {
            const float x[4] = {NAN, INFINITY, -INFINITY, 1}, slope[4] = {0.5f, 0.5f, 0.5f, 0.5f}, dy[4] = {1, INFINITY, 1, NAN};
            float y[4], dslope[4] = {0};
            nn_prelu(y, x, slope, 1, 4, shared);
            test_case("NaN and infinity, shared %d", shared);
            CHECK(isnan(y[0]) && y[1] == INFINITY && y[2] == -INFINITY && y[3] == 1);
            nn_prelu_backward(y, dslope, dy, x, slope, 1, 4, shared, 0);
            CHECK(y[0] == 0.5f && y[1] == INFINITY && y[2] == 0.5f && isnan(y[3]) && isnan(dslope[0]));
            CHECK(shared || (dslope[1] == 0 && dslope[2] == -INFINITY && dslope[3] == 0));
        }
}

/* ---- the gradients, against difference quotients of the sum of weight * prelu(x) ---- */

typedef struct problem {
    const float *x, *slope, *weight;
    size_t rows, n;
    int shared;
} problem;

static double loss(const double *x, const double *slope, const problem *p) {
    double sum = 0;
    for (size_t i = 0; i < p->rows * p->n; i++)
        sum += (double)p->weight[i] * (x[i] > 0 ? x[i] : slope[p->shared ? 0 : i % p->n] * x[i]);
    return sum;
}
static double loss_of_x(const double *x, void *context) {
    const problem *p = (const problem *)context;
    double slope[64];
    for (size_t j = 0; j < (p->shared ? 1 : p->n); j++) slope[j] = (double)p->slope[j];
    return loss(x, slope, p);
}
static double loss_of_slope(const double *slope, void *context) {
    const problem *p = (const problem *)context;
    double x[1024];
    for (size_t i = 0; i < p->rows * p->n; i++) x[i] = (double)p->x[i];
    return loss(x, slope, p);
}

static void gradients(void) {
    enum { ROWS = 29, N = 19 };
    float x[ROWS * N], weight[ROWS * N], slope[N], dx[ROWS * N], dslope[N];
    uint64_t state = 3;
    test_fill(weight, ROWS * N, &state);
    test_fill(slope, N, &state);
    for (size_t i = 0; i < ROWS * N; i++)
        do x[i] = test_float(&state);
        while (fabsf(x[i]) < 1e-3f); /* away from the kink */
    for (int shared = 0; shared < 2; shared++) {
        problem p = {x, slope, weight, ROWS, N, shared};
        nn_prelu_backward(dx, dslope, weight, x, slope, ROWS, N, shared, 0);
        test_case("gradients, shared %d", shared);
        CHECK(gradient_matches(loss_of_x, &p, x, ROWS * N, dx, TOL_GRADIENT));
        CHECK(gradient_matches(loss_of_slope, &p, slope, shared ? 1 : N, dslope, TOL_GRADIENT));
    }
}

static void torch_values(void) {
    golden_open("activations");
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (int shared = 0; shared < 2; shared++) {
            enum { ROWS = 11, N = 5 };
            const char *kind = shared ? "prelu_shared" : "prelu";
            float y[ROWS * N], dslope[N];
            char name[64];
            test_case("%s as PyTorch", kind);
            snprintf(name, sizeof name, "%s.slope", kind);
            const float *slope = golden(name, NULL), *x = golden("prelu.x", NULL), *dy = golden("prelu.dy", NULL);
            nn_prelu(y, x, slope, ROWS, N, shared);
            snprintf(name, sizeof name, "%s.y", kind);
            CHECK(golden_close(y, name, TOL_TORCH));
            nn_prelu_backward(y, dslope, dy, x, slope, ROWS, N, shared, 0);
            snprintf(name, sizeof name, "%s.dx", kind);
            CHECK(golden_close(y, name, TOL_TORCH));
            snprintf(name, sizeof name, "%s.dslope", kind);
            CHECK(golden_close(dslope, name, TOL_TORCH));
        }
}

int main(void) {
    static const size_t rows[] = {0, 1, 2, 7, 8, 9, 17, 255, 256, 300}, columns[] = {0, 1, 3, 4, 5, 8, 15, 16, 17, 31, 33, 67, 256, 257, 600};
    for (size_t i = 0; i < COUNT(ends); i++) ends[i] = guard_end(MOST + 40);
    for (size_t r = 0; r < COUNT(rows); r++)
        for (size_t c = 0; c < COUNT(columns); c++)
            for (int how = 0; how < 4; how++)
                if (!test_quick() || rows[r] * columns[c] < 3000) values(rows[r], columns[c], how & 1, how >> 1);
    values(90000, 1, 0, 0);
    values(90000, 2, 0, 1);
    values(90000, 2, 1, 0);
    special();
    gradients();
    torch_values();
    return test_end("prelu");
}
