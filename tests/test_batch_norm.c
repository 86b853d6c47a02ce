/* test_batch_norm.c - batch normalisation against double: values, gradients, averages, folding, extremes, PyTorch, bits */
#include "golden.h"
#include "gradient.h"
#include "hook.h"

enum { MOST = 1 << 17 };

static float *x_end, *y_end, *dy_end, *dx_end;

/* (x - mean)*scale + shift from floats: a few roundings of each of the two terms. */
#define TOL_NORMALIZE (8 * EPS)

typedef struct problem {
    size_t rows, n;
    float *x, *y, *dy, *dx;
    float mean[1000], variance[1000], gamma[1000], beta[1000];
    int has_gamma, has_beta;
    float epsilon;
    const float *at; /* x, which the objective leaves alone while gamma or beta move */
    int frozen;
} problem;

static problem p;

static void make(size_t rows, size_t n, float centre, int options) {
    uint64_t state = rows * 10007 + n;
    p.rows = rows, p.n = n, p.epsilon = 1e-3f, p.frozen = 0;
    p.x = x_end - rows * n, p.y = y_end - rows * n, p.dy = dy_end - rows * n, p.dx = dx_end - rows * n;
    test_fill(p.x, rows * n, &state), test_fill(p.dy, rows * n, &state);
    test_fill(p.gamma, n, &state), test_fill(p.beta, n, &state);
    for (size_t i = 0; i < rows * n; i++) p.x[i] += centre;
    p.has_gamma = options & 1, p.has_beta = options >> 1 & 1;
    p.at = p.x;
    nn_batch_norm_statistics(p.mean, p.variance, p.x, rows, n);
}
static const float *gamma_of(void) { return p.has_gamma ? p.gamma : NULL; }
static const float *beta_of(void) { return p.has_beta ? p.beta : NULL; }

/* The normalised x of column j, in double, with the statistics given. */
static double z_of(size_t r, size_t j, double mean, double variance) {
    return ((double)p.x[r * p.n + j] - mean) / sqrt(variance + (double)p.epsilon);
}

static void values(size_t rows, size_t n, float centre, int options) {
    static float first[MOST];
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        double worst = 0;
        make(rows, n, centre, options);
        fill_untouched(p.y - 8, 8);
        nn_batch_norm(p.y, p.x, p.mean, p.variance, gamma_of(), beta_of(), rows, n, p.epsilon);
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < n; j++) {
                const double g = p.has_gamma ? (double)p.gamma[j] : 1, b = p.has_beta ? (double)p.beta[j] : 0;
                const double z = g * z_of(r, j, (double)p.mean[j], (double)p.variance[j]);
                const double error = fabs((double)p.y[r * n + j] - z - b) / (fabs(z) + fabs(b) + 0x1p-120);
                if (!(error <= worst)) worst = error;
            }
        test_case("%zu rows of %zu about %g, options %d: error %g EPS", rows, n, (double)centre, options, worst / EPS);
        CHECK(worst <= TOL_NORMALIZE && is_untouched(p.y - 8, 8));
        if (isa == best) memcpy(first, p.y, rows * n * sizeof *first);
        CHECK(first_difference(first, p.y, rows * n) == rows * n);
        nn_batch_norm(p.x, p.x, p.mean, p.variance, gamma_of(), beta_of(), rows, n, p.epsilon);
        CHECK(first_difference(first, p.x, rows * n) == rows * n);
    }
}

/* ---- gradients ---- */

/* sum(dy * batch_norm), with x, gamma or beta at `point` and the rest as it is */
static double objective(const double *x, const double *gamma, const double *beta) {
    double total = 0;
    for (size_t j = 0; j < p.n; j++) {
        double mean = 0, variance = 0;
        for (size_t r = 0; r < p.rows; r++) mean += x[r * p.n + j] / (double)p.rows;
        for (size_t r = 0; r < p.rows; r++) variance += (x[r * p.n + j] - mean) * (x[r * p.n + j] - mean) / (double)p.rows;
        if (p.frozen) mean = (double)p.mean[j], variance = (double)p.variance[j];
        for (size_t r = 0; r < p.rows; r++) {
            const double z = (x[r * p.n + j] - mean) / sqrt(variance + (double)p.epsilon);
            total += (double)p.dy[r * p.n + j] * (gamma[j] * z + beta[j]);
        }
    }
    return total;
}

static double *widened(const float *x, size_t n, double otherwise) {
    double *wide = (double *)malloc((n + 1) * sizeof *wide);
    if (!wide) abort();
    for (size_t i = 0; i < n; i++) wide[i] = x ? (double)x[i] : otherwise;
    return wide;
}
static double of(const double *x, const double *gamma, const double *beta) {
    double *a = x ? NULL : widened(p.at, p.rows * p.n, 0), *b = gamma ? NULL : widened(gamma_of(), p.n, 1);
    double *c = beta ? NULL : widened(beta_of(), p.n, 0);
    const double total = objective(x ? x : a, gamma ? gamma : b, beta ? beta : c);
    free(a), free(b), free(c);
    return total;
}
static double of_x(const double *at, void *unused) { return (void)unused, of(at, NULL, NULL); }
static double of_gamma(const double *at, void *unused) { return (void)unused, of(NULL, at, NULL); }
static double of_beta(const double *at, void *unused) { return (void)unused, of(NULL, NULL, at); }

static void gradients(size_t rows, size_t n, int options, int frozen) {
    static float first[MOST], dgamma[1000], dbeta[1000], more_gamma[1000], more_beta[1000];
    void (*const backward)(float *, float *, float *, const float *, const float *, const float *, const float *, const float *,
                           size_t, size_t, float, int) = frozen ? nn_batch_norm_backward_frozen : nn_batch_norm_backward;
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        make(rows, n, 0.5f, options);
        p.frozen = frozen;
        if (frozen) for (size_t j = 0; j < n; j++) p.mean[j] += 0.25f, p.variance[j] *= 1.5f;
        for (size_t j = 0; j < n; j++) dgamma[j] = dbeta[j] = NAN; /* are not read */
        for (size_t i = 0; i < rows * n; i++) p.dx[i] = NAN;
        backward(p.dx, dgamma, dbeta, p.dy, p.x, p.mean, p.variance, gamma_of(), rows, n, p.epsilon, 0);
        test_case("batch_norm backward, %zu rows of %zu, options %d, frozen %d", rows, n, options, frozen);
        if (isa == best) {
            CHECK(gradient_matches(of_x, NULL, p.x, rows * n, p.dx, TOL_GRADIENT));
            float gamma[1000], beta[1000];
            for (size_t j = 0; j < n; j++) gamma[j] = p.has_gamma ? p.gamma[j] : 1, beta[j] = p.has_beta ? p.beta[j] : 0;
            CHECK(gradient_matches(of_gamma, NULL, gamma, n, dgamma, TOL_GRADIENT));
            CHECK(gradient_matches(of_beta, NULL, beta, n, dbeta, TOL_GRADIENT));
            memcpy(first, p.dx, rows * n * sizeof *first);
            memcpy(more_gamma, dgamma, n * sizeof *dgamma), memcpy(more_beta, dbeta, n * sizeof *dbeta);
        }
        CHECK(first_difference(first, p.dx, rows * n) == rows * n);
        CHECK(first_difference(more_gamma, dgamma, n) == n && first_difference(more_beta, dbeta, n) == n);
        float sum_gamma[1000], sum_beta[1000]; /* accumulated, and dx not wanted */
        for (size_t j = 0; j < n; j++) sum_gamma[j] = 3, sum_beta[j] = -2;
        backward(NULL, sum_gamma, sum_beta, p.dy, p.x, p.mean, p.variance, gamma_of(), rows, n, p.epsilon, 1);
        int ok = 1;
        for (size_t j = 0; j < n; j++) ok &= sum_gamma[j] == 3 + dgamma[j] && sum_beta[j] == -2 + dbeta[j];
        CHECK(ok);
        backward(p.dx, NULL, NULL, p.dy, p.x, p.mean, p.variance, gamma_of(), rows, n, p.epsilon, 0);
        CHECK(first_difference(first, p.dx, rows * n) == rows * n);
        memcpy(p.y, p.x, rows * n * sizeof *p.y);
        backward(p.y, NULL, NULL, p.dy, p.y, p.mean, p.variance, gamma_of(), rows, n, p.epsilon, 0);
        CHECK(first_difference(first, p.y, rows * n) == rows * n); /* dx is x */
        backward(p.dy, dgamma, NULL, p.dy, p.x, p.mean, p.variance, gamma_of(), rows, n, p.epsilon, 0);
        CHECK(first_difference(first, p.dy, rows * n) == rows * n); /* dx is dy */
        CHECK(first_difference(more_gamma, dgamma, n) == n);
    }
}

/* ---- extremes ---- */

static int all_finite(const float *x, size_t n) {
    size_t i = 0;
    while (i < n && isfinite(x[i])) i++;
    return i == n;
}

static void extremes(void) {
    float dgamma[300], dbeta[300];
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        make(50, 20, 0, 3);
        for (size_t i = 0; i < 50 * 20; i++) p.x[i] = (float)(i % 20); /* constant columns */
        nn_batch_norm_statistics(p.mean, p.variance, p.x, 50, 20);
        nn_batch_norm(p.y, p.x, p.mean, p.variance, NULL, NULL, 50, 20, 1e-5f);
        nn_batch_norm_backward(p.dx, dgamma, dbeta, p.dy, p.x, p.mean, p.variance, NULL, 50, 20, 1e-5f, 0);
        int ok = 1;
        for (size_t i = 0; i < 50 * 20; i++) ok &= fabsf(p.y[i]) < 1e-3f && p.variance[i % 20] < 1e-12f;
        test_case("constant columns");
        CHECK(ok && all_finite(p.dx, 1000) && all_finite(dgamma, 20));

        make(1, 300, 5, 3); /* one row: the normalised row is 0, and nothing flows back */
        nn_batch_norm(p.y, p.x, p.mean, p.variance, p.gamma, p.beta, 1, 300, 1e-5f);
        nn_batch_norm_backward(p.dx, dgamma, dbeta, p.dy, p.x, p.mean, p.variance, p.gamma, 1, 300, 1e-5f, 0);
        test_case("one row");
        ok = 1;
        for (size_t j = 0; j < 300; j++) ok &= p.y[j] == p.beta[j] && p.dx[j] == 0 && dgamma[j] == 0 && dbeta[j] == p.dy[j];
        CHECK(ok);

        make(4000, 3, 1e6f, 0); /* x itself is a multiple of 1/16 there */
        nn_batch_norm(p.y, p.x, p.mean, p.variance, NULL, NULL, 4000, 3, 0);
        double sum = 0, squares = 0;
        for (size_t r = 0; r < 4000; r++) sum += (double)p.y[3 * r], squares += (double)p.y[3 * r] * (double)p.y[3 * r];
        test_case("mean 1e6: afterwards %g, variance %g", sum / 4000, squares / 4000);
        CHECK(fabs(sum / 4000) < 0.07 && fabs(squares / 4000 - (sum / 4000) * (sum / 4000) - 1) < 1e-5);

        make(20, 5, 0, 3);
        p.x[7] = NAN, p.x[13] = INFINITY;
        nn_batch_norm_statistics(p.mean, p.variance, p.x, 20, 5);
        nn_batch_norm(p.y, p.x, p.mean, p.variance, p.gamma, p.beta, 20, 5, 1e-5f);
        test_case("NaN and infinity");
        CHECK(isnan(p.y[2]) && isnan(p.y[97]) && isnan(p.y[13]) && isfinite(p.y[0]) && isfinite(p.y[4]));
    }
    test_case("no rows, no columns");
    p.mean[0] = p.variance[0] = 1;
    nn_batch_norm_statistics(p.mean, p.variance, NULL, 0, 1);
    CHECK(p.mean[0] == 0 && p.variance[0] == 0);
    nn_batch_norm_statistics(NULL, NULL, NULL, 5, 0);
    nn_batch_norm(NULL, NULL, NULL, NULL, NULL, NULL, 5, 0, 1e-5f);
    nn_batch_norm(NULL, NULL, p.mean, p.variance, NULL, NULL, 0, 1, 1e-5f);
    dgamma[0] = 1;
    nn_batch_norm_backward(NULL, dgamma, NULL, NULL, NULL, p.mean, p.variance, NULL, 0, 1, 1e-5f, 1);
    CHECK(dgamma[0] == 1);
}

/* ---- averages, the affine form, folding ---- */

static void averages(void) {
    float mean[2] = {0, 1}, variance[2] = {1, 2};
    const float batch_mean[2] = {10, -3}, batch_variance[2] = {4, 0};
    test_case("running averages");
    nn_batch_norm_average(mean, variance, batch_mean, batch_variance, 5, 2, 0.25f);
    CHECK(mean[0] == 2.5f && mean[1] == 0 && variance[0] == 2 && variance[1] == 1.5f); /* 0.75 + 0.25*4*5/4 */
    nn_batch_norm_average(mean, variance, batch_mean, batch_variance, 1, 2, 1);
    CHECK(mean[0] == 10 && mean[1] == -3 && variance[0] == 4 && variance[1] == 0);
    nn_batch_norm_average(mean, variance, batch_variance, batch_mean, 9, 2, 0);
    CHECK(mean[0] == 10 && variance[0] == 4);
}

static void affine(size_t rows, size_t n, int options) {
    static float scale[1000], shift[1000], y[MOST], first[MOST];
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        make(rows, n, 0.5f, options);
        nn_batch_norm_affine(scale, shift, p.mean, p.variance, gamma_of(), beta_of(), n, p.epsilon);
        nn_batch_norm(y, p.x, p.mean, p.variance, gamma_of(), beta_of(), rows, n, p.epsilon);
        nn_affine(p.y, p.x, scale, shift, rows, n);
        int ok = 1, exact = 1;
        for (size_t i = 0; i < rows * n; i++) {
            ok &= fabsf(y[i] - p.y[i]) <= 1e-5f;
            exact &= fabs((double)scale[i % n] * (double)p.x[i] + (double)shift[i % n] - (double)p.y[i]) <=
                     EPS * fabs((double)p.y[i]) + 0x1p-149;
        }
        test_case("affine form, %zu rows of %zu, options %d", rows, n, options);
        CHECK(ok && exact);
        if (isa == best) memcpy(first, p.y, rows * n * sizeof *first);
        CHECK(first_difference(first, p.y, rows * n) == rows * n);
        nn_affine(p.y, p.x, NULL, shift, rows, n);
        nn_affine(y, p.x, scale, NULL, rows, n);
        ok = 1;
        for (size_t i = 0; i < rows * n; i++) ok &= p.y[i] == p.x[i] + shift[i % n] && y[i] == scale[i % n] * p.x[i];
        CHECK(ok);
        nn_affine(p.x, p.x, scale, shift, rows, n);
        CHECK(first_difference(first, p.x, rows * n) == rows * n);
    }
}

/* A layer of k inputs, then batch normalisation, against the folded layer alone. */
static void folding(size_t k, size_t n, int options, int has_bias) {
    enum { BATCH = 40 };
    float *x = (float *)malloc((BATCH * k + k * n + 2 * BATCH * n + n) * sizeof *x);
    if (!x) abort();
    float *w = x + BATCH * k, *h = w + k * n, *y = h + BATCH * n, *bias = y + BATCH * n;
    uint64_t state = k + n;
    test_fill(x, BATCH * k, &state), test_fill(w, k * n, &state), test_fill(bias, n, &state);
    for (size_t i = 0; i < k * n; i++) w[i] /= sqrtf((float)k);
    nn_sgemm_desc d = {.bias = has_bias ? bias : NULL};
    test_case("folding into %zu x %zu, options %d, bias %d", k, n, options, has_bias);
    CHECK(nn_sgemm(h, x, w, BATCH, n, k, 1, 0, &d) == NN_OK);
    make(BATCH, n, 0, options);
    nn_batch_norm_statistics(p.mean, p.variance, h, BATCH, n);
    nn_batch_norm(y, h, p.mean, p.variance, gamma_of(), beta_of(), BATCH, n, p.epsilon);
    nn_batch_norm_fold(w, bias, has_bias ? bias : NULL, p.mean, p.variance, gamma_of(), beta_of(), k, n, p.epsilon);
    d.bias = bias;
    CHECK(nn_sgemm(h, x, w, BATCH, n, k, 1, 0, &d) == NN_OK);
    double worst = 0;
    for (size_t i = 0; i < BATCH * n; i++) worst = fmax(worst, fabs((double)h[i] - (double)y[i]));
    test_case("folding into %zu x %zu, options %d, bias %d: off by %g", k, n, options, has_bias, worst);
    CHECK(worst <= 1e-5);
    free(x);
}

/* ---- PyTorch, threads ---- */

static void torch(void) {
    size_t count, n;
    const float *x = golden("batch_norm.x", &count), *gamma = golden("batch_norm.gamma", &n);
    const size_t rows = count / n;
    float mean[64], variance[64], dgamma[64], dbeta[64], running_mean[64] = {0}, running_variance[64];
    float *y = y_end - count, *dx = dx_end - count;
    for (size_t j = 0; j < n; j++) running_variance[j] = 1;
    test_case("PyTorch");
    nn_batch_norm_statistics(mean, variance, x, rows, n);
    nn_batch_norm(y, x, mean, variance, gamma, golden("batch_norm.beta", NULL), rows, n, 1e-5f);
    CHECK(golden_close(y, "batch_norm.y", TOL_TORCH));
    nn_batch_norm_backward(dx, dgamma, dbeta, golden("batch_norm.dy", NULL), x, mean, variance, gamma, rows, n, 1e-5f, 0);
    CHECK(golden_close(dx, "batch_norm.dx", TOL_TORCH));
    CHECK(golden_close(dgamma, "batch_norm.dgamma", TOL_TORCH));
    CHECK(golden_close(dbeta, "batch_norm.dbeta", TOL_TORCH));
    nn_batch_norm_average(running_mean, running_variance, mean, variance, rows, n, 0.1f);
    CHECK(golden_close(running_mean, "batch_norm.running_mean", TOL_TORCH));
    CHECK(golden_close(running_variance, "batch_norm.running_variance", TOL_TORCH));
    nn_batch_norm(y, x, running_mean, running_variance, gamma, golden("batch_norm.beta", NULL), rows, n, 1e-5f);
    CHECK(golden_close(y, "batch_norm.eval.y", TOL_TORCH));
    nn_batch_norm_backward_frozen(dx, dgamma, dbeta, golden("batch_norm.dy", NULL), x, running_mean, running_variance, gamma,
                                  rows, n, 1e-5f, 0);
    CHECK(golden_close(dx, "batch_norm.eval.dx", TOL_TORCH));
    CHECK(golden_close(dgamma, "batch_norm.eval.dgamma", TOL_TORCH));
    CHECK(golden_close(dbeta, "batch_norm.eval.dbeta", TOL_TORCH));
}

static void threads(void) {
    static const size_t shapes[][2] = {{4000, 32}, {30000, 3}, {130, 1000}, {700, 180}, {2000, 65}};
    static float alone[2][MOST], mean[1000], parameters[4][1000];
    size_t calls = 0;
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t t = 1; t < 20; t += 6) {
            const size_t rows = shapes[s][0], n = shapes[s][1], before = calls;
            float dgamma[1000], dbeta[1000];
            nn_threads_hook(t % 4 == 3 ? hook_backwards : hook_pthreads, &calls);
            nn_threads(t);
            make(rows, n, 2, 3);
            nn_batch_norm(p.y, p.x, p.mean, p.variance, p.gamma, p.beta, rows, n, p.epsilon);
            nn_batch_norm_backward(p.dx, dgamma, dbeta, p.dy, p.x, p.mean, p.variance, p.gamma, rows, n, p.epsilon, 0);
            if (t == 1) {
                memcpy(alone[0], p.y, rows * n * sizeof(float)), memcpy(alone[1], p.dx, rows * n * sizeof(float));
                memcpy(mean, p.mean, n * sizeof(float)), memcpy(parameters[0], p.variance, n * sizeof(float));
                memcpy(parameters[1], dgamma, n * sizeof(float)), memcpy(parameters[2], dbeta, n * sizeof(float));
            }
            test_case("%zu rows of %zu, %zu threads", rows, n, t);
            CHECK(t == 1 || calls >= before + 3);
            CHECK(first_difference(alone[0], p.y, rows * n) == rows * n);
            CHECK(first_difference(alone[1], p.dx, rows * n) == rows * n);
            CHECK(first_difference(mean, p.mean, n) == n && first_difference(parameters[0], p.variance, n) == n);
            CHECK(first_difference(parameters[1], dgamma, n) == n && first_difference(parameters[2], dbeta, n) == n);
        }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

int main(void) {
    static const size_t shapes[][2] = {{2, 1},  {3, 2},  {4, 15},  {5, 16},  {7, 17},  {8, 31},   {9, 33},
                                       {50, 64}, {50, 65}, {255, 7}, {257, 10}, {300, 260}, {100, 600}, {20000, 3}};
    static const size_t small[][2] = {{5, 1}, {3, 5}, {8, 16}, {9, 17}, {16, 33}, {300, 2}, {2, 260}};
    x_end = guard_end(MOST), y_end = guard_end(MOST), dy_end = guard_end(MOST), dx_end = guard_end(MOST);
    golden_open("norm");
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int options = 0; options < 4; options++) {
            values(shapes[s][0], shapes[s][1], options == 3 ? 1000.0f : 0.5f, options);
            affine(shapes[s][0], shapes[s][1], options);
        }
    for (size_t s = 0; s < COUNT(small); s++)
        for (int frozen = 0; frozen < 2; frozen++)
            for (int options = 0; options < 4; options += 3) gradients(small[s][0], small[s][1], options, frozen);
    extremes();
    averages();
    for (int options = 0; options < 4; options++)
        for (int has_bias = 0; has_bias < 2; has_bias++) {
            folding(7, 5, options, has_bias);
            folding(9 * 16, 300, options, has_bias);
        }
    torch();
    threads();
    return test_end("batchnorm");
}
