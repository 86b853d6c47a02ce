/* test_softmax.c - softmax, log-softmax, log-sum-exp by rows: values, stability, invariances, gradients, equal bits */
#include "test.h"

enum { MOST = 5003 * 16 };

static float *x_end, *y_end, *dy_end;

static double largest(const float *x, size_t n) {
    double top = -INFINITY;
    for (size_t i = 0; i < n; i++) top = fmax(top, (double)x[i]);
    return top;
}
static double log_sum(const float *x, size_t n) {
    double sum = 0;
    const double top = largest(x, n);
    for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - top);
    return log(sum);
}

/* rows x n of values up to `scale`; all three functions against double. */
static void values(size_t rows, size_t n, float scale) {
    uint64_t state = rows * 10007 + n;
    float *x = x_end - rows * n, *y = y_end - rows * n;
    static float first[MOST];
    test_fill(x, rows * n, &state);
    for (size_t i = 0; i < rows * n; i++) x[i] *= scale;
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        double worst = 0, worst_log = 0, worst_sum = 0, worst_total = 0;
        test_case("%zu rows of %zu up to %g", rows, n, (double)scale);
        nn_softmax(y, x, rows, n);
        for (size_t r = 0; r < rows; r++) {
            const double top = largest(x + r * n, n), sum = log_sum(x + r * n, n);
            double total = 0;
            for (size_t i = 0; i < n; i++) {
                const double distance = top - (double)x[r * n + i], want = exp(-distance - sum);
                const double error = fabs((double)y[r * n + i] - want) / (want * tol_softmax(distance) + 0x1p-148);
                if (!(error <= worst)) worst = error;
                total += (double)y[r * n + i];
            }
            if (!(fabs(total - 1) <= worst_total)) worst_total = fabs(total - 1);
        }
        CHECK(worst <= 1);
        CHECK(worst_total <= tol_softmax(0));
        if (isa == best) memcpy(first, y, rows * n * sizeof *y);
        CHECK(first_difference(first, y, rows * n) == rows * n);

        nn_log_softmax(y, x, rows, n);
        for (size_t r = 0; r < rows; r++) {
            const double top = largest(x + r * n, n), sum = log_sum(x + r * n, n);
            for (size_t i = 0; i < n; i++) { /* the sum's relative error is its logarithm's absolute one */
                const double distance = top - (double)x[r * n + i];
                const double error = fabs((double)y[r * n + i] + distance + sum) / (tol_softmax(0) + 3 * EPS * (distance + sum));
                if (!(error <= worst_log)) worst_log = error;
            }
        }
        CHECK(worst_log <= 1);

        nn_log_sum_exp(y, x, rows, n);
        for (size_t r = 0; r < rows; r++) {
            const double want = largest(x + r * n, n) + log_sum(x + r * n, n);
            const double error = fabs((double)y[r] - want) / (tol_softmax(0) + 3 * EPS * fabs(want));
            if (!(error <= worst_sum)) worst_sum = error;
        }
        CHECK(worst_sum <= 1);

        nn_softmax(x, x, rows, n); /* in place */
        CHECK(first_difference(first, x, rows * n) == rows * n);
        state = rows * 10007 + n;
        test_fill(x, rows * n, &state);
        for (size_t i = 0; i < rows * n; i++) x[i] *= scale;
    }
}

static int all_finite(const float *x, size_t n) {
    size_t i = 0;
    while (i < n && isfinite(x[i])) i++;
    return i == n;
}

/* Rows that overflow a naive softmax; shifts that are exact change no bit. */
static void stability(void) {
    static const float tops[] = {3.4e38f, 1e38f, 1e4f, 100, 0, -100, -1e4f, -3.4e38f};
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        for (size_t t = 0; t < COUNT(tops); t++)
            for (size_t n = 1; n < 70; n += 3) {
                float x[70], y[70], sum;
                for (size_t i = 0; i < n; i++) x[i] = tops[t];
                test_case("%zu times %g", n, (double)tops[t]);
                nn_softmax(y, x, 1, n);
                CHECK(fabs((double)y[0] * (double)n - 1) <= 2 * EPS && first_difference(y, y + 1, n - 1) == n - 1);
                nn_log_softmax(y, x, 1, n);
                CHECK(fabs((double)y[0] + log((double)n)) <= 4 * EPS * log((double)n));
                nn_log_sum_exp(&sum, x, 1, n);
                CHECK(isfinite(sum) && fabs((double)sum - ((double)tops[t] + log((double)n))) <= 4 * EPS * (fabs((double)tops[t]) + log((double)n)));
                x[n / 2] = tops[t] > 0 ? -3.4e38f : -3.4e38f * 0.99f;
                nn_softmax(y, x, 1, n);
                CHECK(all_finite(y, n));
            }
        float x[33], shifted[33], y[33], z[33];
        uint64_t state = 3;
        test_fill(x, 33, &state);
        for (size_t i = 0; i < 33; i++) x[i] = floorf(x[i] * 4096) / 1024, shifted[i] = x[i] + 1024;
        test_case("a shift of 1024");
        nn_softmax(y, x, 1, 33), nn_softmax(z, shifted, 1, 33);
        CHECK(memcmp(y, z, sizeof y) == 0);
        nn_log_softmax(y, x, 1, 33), nn_log_softmax(z, shifted, 1, 33);
        CHECK(memcmp(y, z, sizeof y) == 0);
    }
}

static void special(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t n = 1; n < 40; n++)
            for (size_t at = 0; at < n; at++) {
                float x[40], y[40], z[40], sum;
                test_case("element %zu of %zu", at, n);
                for (size_t i = 0; i < n; i++) x[i] = 1;
                x[at] = -INFINITY; /* masked out */
                nn_softmax(y, x, 1, n), nn_log_softmax(z, x, 1, n), nn_log_sum_exp(&sum, x, 1, n);
                if (n > 1) {
                    const double share = 1 / (double)(n - 1);
                    int ok = y[at] == 0 && z[at] == -INFINITY && fabs((double)sum - 1 - log((double)(n - 1))) <= 8 * EPS * (1 + (double)sum);
                    for (size_t i = 0; i < n; i++) ok &= i == at || fabs((double)y[i] - share) <= 2 * EPS * share;
                    CHECK(ok);
                } else {
                    CHECK(isnan(y[0]) && isnan(z[0]) && isnan(sum));
                }
                const float bad[] = {NAN, INFINITY};
                for (size_t b = 0; b < COUNT(bad); b++) {
                    x[at] = bad[b];
                    nn_softmax(y, x, 1, n), nn_log_softmax(z, x, 1, n), nn_log_sum_exp(&sum, x, 1, n);
                    int ok = isnan(sum);
                    for (size_t i = 0; i < n; i++) ok &= isnan(y[i]) && isnan(z[i]);
                    CHECK(ok);
                }
            }
    float one = 7, y = 0;
    test_case("one element, no rows");
    nn_softmax(&y, &one, 1, 1);
    CHECK(y == 1);
    nn_log_softmax(&y, &one, 1, 1);
    CHECK(y == 0);
    nn_log_sum_exp(&y, &one, 1, 1);
    CHECK(y == 7);
    nn_softmax(NULL, NULL, 0, 5);
    nn_log_softmax(NULL, NULL, 5, 0);
    nn_log_sum_exp(NULL, NULL, 0, 5);
    nn_softmax_backward(NULL, NULL, NULL, 0, 5);
    nn_log_softmax_backward(NULL, NULL, NULL, 5, 0);
}

/* sum(dy * f(x)) in double, of which the backward pass gives the gradient. */
static double objective(const double *x, const float *dy, size_t n, int logarithm) {
    double top = -INFINITY, sum = 0, total = 0;
    for (size_t i = 0; i < n; i++) top = fmax(top, x[i]);
    for (size_t i = 0; i < n; i++) sum += exp(x[i] - top);
    for (size_t i = 0; i < n; i++) total += (double)dy[i] * (logarithm ? x[i] - top - log(sum) : exp(x[i] - top) / sum);
    return total;
}

static void gradients(size_t rows, size_t n) {
    uint64_t state = n;
    float *x = x_end - rows * n, *y = y_end - rows * n, *dy = dy_end - rows * n;
    static float dx[MOST], first[2][MOST];
    double *point = (double *)malloc(n * sizeof *point), *want = (double *)malloc(rows * n * sizeof *want);
    test_fill(x, rows * n, &state);
    for (size_t i = 0; i < rows * n; i++) x[i] *= 3;
    for (int logarithm = 0; logarithm < 2; logarithm++) {
        test_fill(dy, rows * n, &state);
        for (size_t r = 0; r < rows; r++) {
            for (size_t i = 0; i < n; i++) point[i] = (double)x[r * n + i];
            for (size_t i = 0; i < n; i++) {
                const double h = 1e-5, at = point[i];
                point[i] = at + h;
                const double above = objective(point, dy + r * n, n, logarithm);
                point[i] = at - h;
                want[r * n + i] = (above - objective(point, dy + r * n, n, logarithm)) / (2 * h);
                point[i] = at;
            }
        }
        for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
            double worst = 0;
            (logarithm ? nn_log_softmax : nn_softmax)(y, x, rows, n);
            (logarithm ? nn_log_softmax_backward : nn_softmax_backward)(dx, dy, y, rows, n);
            for (size_t i = 0; i < rows * n; i++) {
                const double error = fabs((double)dx[i] - want[i]);
                if (!(error <= worst)) worst = error;
            }
            test_case("%s backward, %zu rows of %zu, off by %g", logarithm ? "log_softmax" : "softmax", rows, n, worst);
            CHECK(worst <= tol_softmax(0)); /* values are of order 1, the sums no larger than softmax's */
            if (isa == best) memcpy(first[logarithm], dx, rows * n * sizeof *dx);
            CHECK(first_difference(first[logarithm], dx, rows * n) == rows * n);
            (logarithm ? nn_log_softmax_backward : nn_softmax_backward)(y, dy, y, rows, n);
            memcpy(y, dy, rows * n * sizeof *y);
            (logarithm ? nn_log_softmax : nn_softmax)(dx, x, rows, n);
            (logarithm ? nn_log_softmax_backward : nn_softmax_backward)(y, y, dx, rows, n);
            CHECK(first_difference(first[logarithm], y, rows * n) == rows * n); /* dx is dy */
        }
    }
    free(want);
    free(point);
}

int main(void) {
    static const size_t sizes[][2] = {{1, 1}, {16, 1}, {3, 2}, {16, 10}, {7, 16}, {5, 17}, {3, 31}, {4, 100}, {2, 257}};
    static const size_t longer[][2] = {{3, 1023}, {2, 1024}, {2, 1025}, {2, 2049}, {3, 5003}};
    static const float scales[] = {1, 30, 1000, 1.5e38f};
    x_end = guard_end(MOST);
    y_end = guard_end(MOST);
    dy_end = guard_end(MOST);
    for (size_t s = 0; s < COUNT(scales); s++) {
        for (size_t i = 0; i < COUNT(sizes); i++) values(sizes[i][0], sizes[i][1], scales[s]);
        for (size_t i = 0; i < COUNT(longer); i++) values(longer[i][0], longer[i][1], scales[s]);
    }
    stability();
    special();
    for (size_t i = 0; i < COUNT(sizes); i++) gradients(sizes[i][0], sizes[i][1]);
    gradients(1, 1025);
    return test_end("softmax");
}
