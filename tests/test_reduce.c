/* test_reduce.c - sums, dot products, maxima: exact against the documented order, bounded against double */
#include "test.h"

enum { MOST = 3 * 1024 * 1024 + 5 }; /* three rounds of 1024 blocks of 1024, and a tail */

static float *x_end, *y_end;

/* The documented order: 16 lanes over a block of 1024, folded by halves; the blocks in double. */
static float in_order(const float *x, const float *y, size_t n, int squares) {
    double total = 0;
    for (size_t begin = 0; begin < n; begin += 1024) {
        float lane[16] = {0};
        for (size_t i = begin; i < n && i < begin + 1024; i++)
            lane[i % 16] = y ? fmaf(x[i], y[i], lane[i % 16]) : squares ? fmaf(x[i], x[i], lane[i % 16]) : lane[i % 16] + x[i];
        for (size_t half = 8; half > 0; half /= 2)
            for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
        total += (double)lane[0];
    }
    return (float)total;
}

static void sums(size_t n) {
    const float *x = x_end - n, *y = y_end - n;
    const float want[3] = {in_order(x, NULL, n, 0), in_order(x, NULL, n, 1), in_order(x, y, n, 0)};
    double exact[3] = {0}, size[3] = {0};
    for (size_t i = 0; i < n; i++) {
        const double terms[3] = {(double)x[i], (double)x[i] * (double)x[i], (double)x[i] * (double)y[i]};
        for (int s = 0; s < 3; s++) exact[s] += terms[s], size[s] += fabs(terms[s]);
    }
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        const float got[3] = {nn_sum(x, n), nn_sum_squares(x, n), nn_dot(x, y, n)};
        for (int s = 0; s < 3; s++) {
            test_case("%s of %zu: %a, expected %a", (const char *[]){"sum", "sum_squares", "dot"}[s], n, (double)got[s], (double)want[s]);
            CHECK(same_bits(got[s], want[s]));
            CHECK(fabs((double)got[s] - exact[s]) <= tol_gemm(64 + 4, size[s])); /* a lane of a block, and its fold */
        }
    }
}

/* The maximum at every place of every length, with equals, zeros of both signs, NaN and infinities elsewhere. */
static void maxima(size_t n) {
    float *x = x_end - n;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        uint64_t state = n;
        int top = 1, twice = 1, nans = 1, lowest = 1, zeros = 1;
        for (size_t at = 0; at < n; at += n > 100 ? 1 + test_below(&state, 50) : 1) {
            const size_t later = at + test_below(&state, n - at);
            test_fill(x, n, &state);
            x[at] = 2;
            top &= nn_max(x, n) == 2 && nn_argmax(x, n) == at;
            x[later] = 2;
            twice &= nn_argmax(x, n) == at;
            x[later] = NAN;
            nans &= nn_max(x, n) != nn_max(x, n) && nn_argmax(x, n) == later;
            x[at] = -NAN;
            nans &= nn_max(x, n) != nn_max(x, n) && nn_argmax(x, n) == at;
            for (size_t i = 0; i < n; i++) x[i] = -INFINITY;
            lowest &= nn_max(x, n) == -INFINITY && nn_argmax(x, n) == 0;
            for (size_t i = 0; i < n; i++) x[i] = -0.0f;
            zeros &= same_bits(nn_max(x, n), 0.0f) && nn_argmax(x, n) == 0;
            x[at] = 0.0f;
            zeros &= same_bits(nn_max(x, n), 0.0f) && nn_argmax(x, n) == 0; /* -0 equals it and comes first */
        }
        test_case("max and argmax of %zu", n);
        CHECK(top);
        CHECK(twice);
        CHECK(nans);
        CHECK(lowest);
        CHECK(zeros);
    }
}

static void special(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        float x[40];
        test_case("nothing");
        CHECK(same_bits(nn_sum(NULL, 0), 0.0f) && same_bits(nn_sum_squares(NULL, 0), 0.0f) && same_bits(nn_dot(NULL, NULL, 0), 0.0f));
        CHECK(nn_max(NULL, 0) == -INFINITY && nn_argmax(NULL, 0) == 0);
        for (size_t bad = 0; bad < COUNT(x); bad++) {
            for (size_t i = 0; i < COUNT(x); i++) x[i] = 1;
            x[bad] = NAN;
            test_case("NaN at %zu", bad);
            CHECK(isnan(nn_sum(x, COUNT(x))) && isnan(nn_sum_squares(x, COUNT(x))) && isnan(nn_dot(x, x, COUNT(x))));
            x[bad] = -INFINITY;
            test_case("-infinity at %zu", bad);
            CHECK(nn_sum(x, COUNT(x)) == -INFINITY && nn_sum_squares(x, COUNT(x)) == INFINITY && nn_max(x, COUNT(x)) == 1);
            x[(bad + 7) % COUNT(x)] = INFINITY;
            CHECK(isnan(nn_sum(x, COUNT(x))) && nn_max(x, COUNT(x)) == INFINITY && nn_argmax(x, COUNT(x)) == (bad + 7) % COUNT(x));
        }
    }
}

int main(void) {
    static const size_t longer[] = {1023, 1024, 1025, 4095, 4096, 4097, 5000, 1024 * 1024, 1024 * 1024 + 1, MOST};
    const size_t count = test_quick() ? 7 : COUNT(longer);
    uint64_t state = 1;
    x_end = guard_end(MOST);
    y_end = guard_end(MOST);
    test_fill(x_end - MOST, MOST, &state);
    test_fill(y_end - MOST, MOST, &state);
    for (size_t l = 0; l < COUNT(test_lengths); l++) sums(test_lengths[l]);
    for (size_t l = 0; l < count; l++) sums(longer[l]);
    for (size_t l = 1; l < COUNT(test_lengths); l++) maxima(test_lengths[l]);
    special();
    return test_end("reduce");
}
