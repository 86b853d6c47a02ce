/* test_layer_norm.c - layer normalisation against double: values, gradients, extremes, PyTorch, equal bits */
#include "golden.h"
#include "gradient.h"
#include "hook.h"

enum { MOST = 1 << 16, WIDE = 5003 };

static float *x_end, *y_end, *dy_end, *dx_end;

/* A mean and a deviation that are right but for rounding, then two operations: of the largest of a row. */
static double tol_layer(size_t n) { return (8 + (double)(n < 1024 ? n : 1024) / 16) * EPS; }

typedef struct problem {
    size_t rows, n;
    float *x, *y, *dy, *dx, mean[1000], inverse[1000], gamma[WIDE], beta[WIDE];
    int has_gamma, has_beta;
    float epsilon;
} problem;

static problem p;

static void make(size_t rows, size_t n, float centre, int options) {
    uint64_t state = rows * 10007 + n;
    p.rows = rows, p.n = n, p.epsilon = 1e-3f;
    p.x = x_end - rows * n, p.y = y_end - rows * n, p.dy = dy_end - rows * n, p.dx = dx_end - rows * n;
    test_fill(p.x, rows * n, &state), test_fill(p.dy, rows * n, &state);
    test_fill(p.gamma, n, &state), test_fill(p.beta, n, &state);
    for (size_t i = 0; i < rows * n; i++) p.x[i] += centre;
    p.has_gamma = options & 1, p.has_beta = options >> 1 & 1;
}
static const float *gamma_of(void) { return p.has_gamma ? p.gamma : NULL; }
static const float *beta_of(void) { return p.has_beta ? p.beta : NULL; }

/* Mean and inverse deviation of one row of doubles. */
static void statistics(const double *x, size_t n, double *mean, double *inverse) {
    double squares = 0;
    *mean = 0;
    for (size_t i = 0; i < n; i++) *mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - *mean) * (x[i] - *mean) / (double)n;
    *inverse = 1 / sqrt(squares + (double)p.epsilon);
}

static void values(size_t rows, size_t n, float centre, int options) {
    static float first[MOST];
    static double wide[WIDE];
    const float *gamma, *beta;
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        double worst = 0, worst_mean = 0, worst_inverse = 0;
        make(rows, n, centre, options);
        gamma = gamma_of(), beta = beta_of();
        fill_untouched(p.mean, 1000), fill_untouched(p.inverse, 1000), fill_untouched(p.y - 8, 8);
        nn_layer_norm(p.y, p.mean, p.inverse, p.x, gamma, beta, rows, n, p.epsilon);
        for (size_t r = 0; r < rows; r++) {
            double mean, inverse;
            for (size_t i = 0; i < n; i++) wide[i] = (double)p.x[r * n + i];
            statistics(wide, n, &mean, &inverse);
            worst_mean = fmax(worst_mean, fabs((double)p.mean[r] - mean) / (EPS * (fabs(mean) + 1)));
            worst_inverse = fmax(worst_inverse, fabs((double)p.inverse[r] / inverse - 1) / tol_layer(n));
            for (size_t i = 0; i < n; i++) { /* from the mean that was kept, which is rounded */
                const double z = (gamma ? (double)gamma[i] : 1) * (wide[i] - (double)p.mean[r]) * inverse;
                const double b = beta ? (double)beta[i] : 0;
                const double error = fabs((double)p.y[r * n + i] - z - b) / (fabs(z) + fabs(b) + 0x1p-100);
                if (!(error <= worst)) worst = error;
            }
        }
        test_case("%zu rows of %zu about %g, options %d: errors %g EPS, %g, %g", rows, n, (double)centre, options, worst / EPS,
                  worst_mean, worst_inverse);
        CHECK(worst <= tol_layer(n) && worst_mean <= 2 && worst_inverse <= 1);
        CHECK(is_untouched(p.y - 8, 8) && is_untouched(p.mean + rows, 1) && is_untouched(p.inverse + rows, 1));
        if (isa == best) memcpy(first, p.y, rows * n * sizeof *first);
        CHECK(first_difference(first, p.y, rows * n) == rows * n);
        nn_layer_norm(p.x, NULL, NULL, p.x, gamma, beta, rows, n, p.epsilon); /* in place, nothing kept */
        CHECK(first_difference(first, p.x, rows * n) == rows * n);
    }
}

/* ---- gradients ---- */

static double objective(const double *x, const double *gamma, const double *beta) {
    double total = 0;
    static double row[WIDE];
    for (size_t r = 0; r < p.rows; r++) {
        double mean, inverse;
        for (size_t i = 0; i < p.n; i++) row[i] = x ? x[r * p.n + i] : (double)p.x[r * p.n + i];
        statistics(row, p.n, &mean, &inverse);
        for (size_t i = 0; i < p.n; i++) {
            const double g = gamma ? gamma[i] : p.has_gamma ? (double)p.gamma[i] : 1;
            const double b = beta ? beta[i] : p.has_beta ? (double)p.beta[i] : 0;
            total += (double)p.dy[r * p.n + i] * (g * (row[i] - mean) * inverse + b);
        }
    }
    return total;
}
static double of_x(const double *at, void *unused) { return (void)unused, objective(at, NULL, NULL); }
static double of_gamma(const double *at, void *unused) { return (void)unused, objective(NULL, at, NULL); }
static double of_beta(const double *at, void *unused) { return (void)unused, objective(NULL, NULL, at); }

static void gradients(size_t rows, size_t n, int options) {
    static float first[MOST], dgamma[WIDE], dbeta[WIDE], first_gamma[WIDE], first_beta[WIDE], sum_gamma[WIDE], sum_beta[WIDE];
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        make(rows, n, 0.5f, options);
        nn_layer_norm(p.y, p.mean, p.inverse, p.x, gamma_of(), beta_of(), rows, n, p.epsilon);
        for (size_t i = 0; i < n; i++) dgamma[i] = dbeta[i] = NAN, sum_gamma[i] = 3, sum_beta[i] = -2;
        for (size_t i = 0; i < rows * n; i++) p.dx[i] = NAN;
        nn_layer_norm_backward(p.dx, dgamma, dbeta, p.dy, p.x, p.mean, p.inverse, gamma_of(), rows, n, 0);
        test_case("layer_norm backward, %zu rows of %zu, options %d", rows, n, options);
        if (isa == best) {
            CHECK(gradient_matches(of_x, NULL, p.x, rows * n, p.dx, TOL_GRADIENT));
            CHECK(gradient_matches(of_gamma, NULL, p.gamma, n, dgamma, TOL_GRADIENT));
            CHECK(gradient_matches(of_beta, NULL, p.beta, n, dbeta, TOL_GRADIENT));
            memcpy(first, p.dx, rows * n * sizeof *first);
            memcpy(first_gamma, dgamma, sizeof dgamma), memcpy(first_beta, dbeta, sizeof dbeta);
        }
        CHECK(first_difference(first, p.dx, rows * n) == rows * n);
        CHECK(first_difference(first_gamma, dgamma, n) == n && first_difference(first_beta, dbeta, n) == n);
        nn_layer_norm_backward(NULL, sum_gamma, sum_beta, p.dy, p.x, p.mean, p.inverse, gamma_of(), rows, n, 1);
        int ok = 1;
        for (size_t i = 0; i < n; i++) ok &= sum_gamma[i] == 3 + dgamma[i] && sum_beta[i] == -2 + dbeta[i];
        CHECK(ok);
        memcpy(p.y, p.x, rows * n * sizeof *p.y);
        nn_layer_norm_backward(p.y, NULL, NULL, p.dy, p.y, p.mean, p.inverse, gamma_of(), rows, n, 0);
        CHECK(first_difference(first, p.y, rows * n) == rows * n); /* dx is x */
        nn_layer_norm_backward(p.dy, NULL, dbeta, p.dy, p.x, p.mean, p.inverse, gamma_of(), rows, n, 0);
        CHECK(first_difference(first, p.dy, rows * n) == rows * n); /* dx is dy */
        CHECK(first_difference(first_beta, dbeta, n) == n);
    }
}

static void extremes(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        make(4, 37, 0, 3);
        for (size_t i = 0; i < 37; i++) p.x[i] = 1e6f, p.x[37 + i] = 0.1f, p.x[74 + i] = 0, p.x[111 + i] *= 1e-20f;
        nn_layer_norm(p.y, p.mean, p.inverse, p.x, NULL, NULL, 4, 37, 1e-5f);
        nn_layer_norm_backward(p.dx, p.gamma, p.beta, p.dy, p.x, p.mean, p.inverse, NULL, 4, 37, 0);
        test_case("rows without deviation");
        int ok = p.mean[0] == 1e6f && p.mean[1] == 0.1f;
        for (size_t i = 0; i < 4 * 37; i++) ok &= fabsf(p.y[i]) < 1e-3f && isfinite(p.dx[i]) && isfinite(p.gamma[i % 37]);
        CHECK(ok);

        make(70, 1, 3, 3); /* n = 1: the normalised value is 0, and nothing flows back */
        nn_layer_norm(p.y, p.mean, p.inverse, p.x, p.gamma, p.beta, 70, 1, 1e-5f);
        nn_layer_norm_backward(p.dx, NULL, NULL, p.dy, p.x, p.mean, p.inverse, NULL, 70, 1, 0);
        ok = 1;
        for (size_t r = 0; r < 70; r++) ok &= p.y[r] == p.beta[0] && p.dx[r] == 0 && p.mean[r] == p.x[r];
        test_case("rows of one");
        CHECK(ok);

        make(3, 2000, 1e6f, 0);
        nn_layer_norm(p.y, p.mean, p.inverse, p.x, NULL, NULL, 3, 2000, 0);
        double sum = 0, squares = 0;
        for (size_t i = 0; i < 2000; i++) sum += (double)p.y[i] / 2000, squares += (double)p.y[i] * (double)p.y[i] / 2000;
        test_case("mean 1e6: afterwards %g, variance %g", sum, squares - sum * sum);
        CHECK(fabs(sum) < 0.07 && fabs(squares - sum * sum - 1) < 1e-5);

        make(3, 20, 0, 0);
        p.x[3] = NAN, p.x[25] = -INFINITY;
        nn_layer_norm(p.y, p.mean, p.inverse, p.x, NULL, NULL, 3, 20, 1e-5f);
        test_case("NaN and infinity");
        CHECK(isnan(p.y[0]) && isnan(p.y[19]) && isnan(p.y[25]) && isfinite(p.y[40]) && isfinite(p.y[59]));
    }
    test_case("no rows, no columns");
    nn_layer_norm(NULL, NULL, NULL, NULL, NULL, NULL, 0, 7, 1e-5f);
    nn_layer_norm(NULL, NULL, NULL, NULL, NULL, NULL, 7, 0, 1e-5f);
    p.gamma[0] = 5;
    nn_layer_norm_backward(NULL, p.gamma, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0);
    CHECK(p.gamma[0] == 0);
}

static void torch(void) {
    size_t count, n;
    const float *x = golden("layer_norm.x", &count), *gamma = golden("layer_norm.gamma", &n);
    const size_t rows = count / n;
    static float dgamma[100], dbeta[100];
    float *y = y_end - count, *dx = dx_end - count;
    test_case("PyTorch");
    nn_layer_norm(y, p.mean, p.inverse, x, gamma, golden("layer_norm.beta", NULL), rows, n, 1e-5f);
    nn_layer_norm_backward(dx, dgamma, dbeta, golden("layer_norm.dy", NULL), x, p.mean, p.inverse, gamma, rows, n, 0);
    CHECK(golden_close(y, "layer_norm.y", TOL_TORCH));
    CHECK(golden_close(dx, "layer_norm.dx", TOL_TORCH));
    CHECK(golden_close(dgamma, "layer_norm.dgamma", TOL_TORCH));
    CHECK(golden_close(dbeta, "layer_norm.dbeta", TOL_TORCH));
}

static void threads(void) {
    static const size_t shapes[][2] = {{1000, 60}, {12, 5000}, {600, 65}};
    static float alone[2][MOST], parameters[2][WIDE], dgamma[WIDE], dbeta[WIDE];
    size_t calls = 0;
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t t = 1; t < 20; t += 6) {
            const size_t rows = shapes[s][0], n = shapes[s][1], before = calls;
            nn_threads_hook(t % 4 == 3 ? hook_backwards : hook_pthreads, &calls);
            nn_threads(t);
            make(rows, n, 2, 3);
            nn_layer_norm(p.y, p.mean, p.inverse, p.x, p.gamma, p.beta, rows, n, p.epsilon);
            nn_layer_norm_backward(p.dx, dgamma, dbeta, p.dy, p.x, p.mean, p.inverse, p.gamma, rows, n, 0);
            if (t == 1) {
                memcpy(alone[0], p.y, rows * n * sizeof(float)), memcpy(alone[1], p.dx, rows * n * sizeof(float));
                memcpy(parameters[0], dgamma, n * sizeof(float)), memcpy(parameters[1], dbeta, n * sizeof(float));
            }
            test_case("%zu rows of %zu, %zu threads", rows, n, t);
            CHECK(t == 1 || calls >= before + 3);
            CHECK(first_difference(alone[0], p.y, rows * n) == rows * n);
            CHECK(first_difference(alone[1], p.dx, rows * n) == rows * n);
            CHECK(first_difference(parameters[0], dgamma, n) == n && first_difference(parameters[1], dbeta, n) == n);
        }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

int main(void) {
    static const size_t shapes[][2] = {{1, 1},  {3, 2},   {2, 3},    {4, 15},   {5, 16},   {7, 17},   {3, 31},
                                       {9, 33}, {5, 63},
                                       {2, 65}, {300, 7}, {10, 100}, {3, 1023}, {3, 1024}, {3, 1025}, {2, 2049},
                                       {2, WIDE}};
    static const size_t small[][2] = {{1, 5}, {3, 5}, {8, 16}, {5, 17}, {9, 33}, {260, 4}, {1, 1030}};
    x_end = guard_end(MOST), y_end = guard_end(MOST), dy_end = guard_end(MOST), dx_end = guard_end(MOST);
    golden_open("norm");
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int options = 0; options < 4; options++)
            values(shapes[s][0], shapes[s][1], options == 3 ? 1000.0f : 0.5f, options);
    for (size_t s = 0; s < COUNT(small); s++)
        for (int options = 0; options < 4; options++) gradients(small[s][0], small[s][1], options);
    extremes();
    torch();
    threads();
    return test_end("layernorm");
}
