/* test_columns.c - sums of columns: values, edges, accumulation, special values, equal bits for instruction sets and threads */
#include "hook.h"
#include "test.h"

enum { MOST = 1 << 17 };

static float *x_end, *y_end;

/* Eight rows chained, the chains of a block of 256 rows and the blocks' results: each rounds at most once a step. */
static double tol_columns(size_t rows, double magnitudes) {
    return (double)(8 + 8 + (rows < 256 ? rows : 256) / 8 + 2) * EPS * magnitudes;
}

static void values(size_t rows, size_t n, int accumulate) {
    uint64_t state = rows * 10007 + n;
    float *x = x_end - rows * n, *y = y_end - n;
    static float first[MOST], old[MOST];
    test_fill(x, rows * n, &state);
    test_fill(old, n, &state);
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        double worst = 0;
        if (accumulate) memcpy(y, old, n * sizeof *y);
        else for (size_t j = 0; j < n; j++) y[j] = NAN; /* is not read */
        nn_sum_columns(y, x, rows, n, accumulate);
        for (size_t j = 0; j < n; j++) {
            double want = accumulate ? (double)old[j] : 0, size = fabs(want);
            for (size_t r = 0; r < rows; r++) want += (double)x[r * n + j], size += fabs((double)x[r * n + j]);
            const double error = fabs((double)y[j] - want) / (tol_columns(rows, size) + 0x1p-149);
            if (!(error <= worst)) worst = error;
        }
        test_case("%zu rows of %zu, accumulate %d: error %g", rows, n, accumulate, worst);
        CHECK(worst <= 1);
        if (isa == best) memcpy(first, y, n * sizeof *y);
        CHECK(first_difference(first, y, n) == n);
    }
}

/* Long columns keep the accuracy of a block, since the blocks are added in double. */
static void long_columns(void) {
    enum { ROWS = 100000 };
    float *x = (float *)malloc(ROWS * sizeof *x), y;
    if (!x) abort();
    for (size_t r = 0; r < ROWS; r++) x[r] = 1 + 0x1p-23f;
    nn_sum_columns(&y, x, ROWS, 1, 0);
    test_case("100000 times 1 + 2^-23: %.9g", (double)y);
    CHECK(fabs((double)y - ROWS * (1 + 0x1p-23)) <= tol_columns(ROWS, ROWS));
    free(x);
}

static void special(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t rows = 1; rows < 30; rows += 7)
            for (size_t at = 0; at < rows; at++) {
                float x[30 * 5] = {0}, y[5];
                x[at * 5] = NAN, x[at * 5 + 1] = INFINITY, x[at * 5 + 2] = -INFINITY, x[at * 5 + 3] = 3e38f;
                if (at) x[1] = -INFINITY;
                nn_sum_columns(y, x, rows, 5, 0);
                test_case("special values in row %zu of %zu", at, rows);
                CHECK(isnan(y[0]) && (at ? isnan(y[1]) : y[1] > 3.4e38f) && y[2] < -3.4e38f);
                CHECK(y[3] == 3e38f && same_bits(y[4], 0));
            }
}

static void edges(void) {
    float y[4] = {1, 2, 3, 4};
    test_case("no rows, no columns");
    nn_sum_columns(NULL, NULL, 5, 0, 0);
    nn_sum_columns(NULL, NULL, 0, 0, 1);
    nn_sum_columns(y, NULL, 0, 4, 1);
    CHECK(y[0] == 1 && y[3] == 4);
    nn_sum_columns(y, NULL, 0, 4, 0);
    CHECK(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 0);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t skip = 0; skip < 3; skip++)
            for (size_t n = 1; n < 40; n++) {
                float *x = x_end - 9 * n - skip, *at = y_end - n - 8 - skip;
                fill_untouched(at - 8, n + 16);
                for (size_t i = 0; i < 9 * n; i++) x[i] = 1;
                nn_sum_columns(at, x, 9, n, 0);
                test_case("writes %zu columns only", n);
                CHECK(is_untouched(at - 8, 8) && is_untouched(at + n, 8) && at[0] == 9 && at[n - 1] == 9);
            }
}

static void threads(void) {
    static const size_t shapes[][2] = {{30000, 3}, {20000, 32}, {3000, 64},  {5, 30000},
                                       {50, 784},  {1000, 700}, {257, 600}, {66000, 1}};
    static float alone[30000], y[30000];
    float *x = (float *)malloc(700 * 1000 * sizeof *x);
    uint64_t state = 5;
    size_t calls = 0;
    if (!x) abort();
    test_fill(x, 700 * 1000, &state);
    for (int how = 0; how < 2; how++)
        for (size_t s = 0; s < COUNT(shapes); s++) {
            const size_t rows = shapes[s][0], n = shapes[s][1];
            nn_threads_hook(how ? hook_pthreads : hook_backwards, &calls);
            nn_threads(1);
            nn_sum_columns(alone, x, rows, n, 0);
            for (size_t t = 2; t < 20; t += 5) {
                const size_t before = calls;
                nn_threads(t);
                fill_untouched(y, n);
                nn_sum_columns(y, x, rows, n, 0);
                test_case("%zu rows of %zu, %zu threads", rows, n, t);
                CHECK(first_difference(alone, y, n) == n && calls > before);
            }
            nn_threads(1);
        }
    nn_threads_hook(NULL, NULL);
    free(x);
}

int main(void) {
    static const size_t columns[] = {1, 2, 3, 10, 15, 16, 17, 31, 64, 65, 100, 256, 257};
    static const size_t rows[] = {1, 2, 7, 8, 9, 15, 16, 17, 50, 255, 256, 257};
    x_end = guard_end(MOST);
    y_end = guard_end(MOST);
    for (size_t r = 0; r < COUNT(rows); r++)
        for (size_t n = 0; n < COUNT(columns); n++) values(rows[r], columns[n], (int)((r + n) % 2));
    values(1000, 33, 0);
    values(100, 1023, 1);
    values(3, 5003, 0);
    long_columns();
    special();
    edges();
    threads();
    return test_end("columns");
}
