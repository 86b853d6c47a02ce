/* test_regularize.c - penalties and their gradients, norms, max-norm, small weights */
#include "gradient.h"
#include "hook.h"
#include "test.h"

enum { MOST = 300000 };

static float *w_end, *dw_end;

/* ---- penalties ---- */

static double penalty(const float *w, size_t n, double l1, double l2, double *size) {
    double first = 0, second = 0;
    for (size_t i = 0; i < n; i++) first += fabs((double)w[i]), second += (double)w[i] * (double)w[i];
    *size = l1 * first + l2 / 2 * second;
    return l1 * first + l2 / 2 * second;
}

typedef struct factors {
    size_t n;
    double l1, l2;
} factors;

static double penalty_at(const double *w, void *context) {
    const factors *f = (const factors *)context;
    double sum = 0;
    for (size_t i = 0; i < f->n; i++) sum += f->l1 * fabs(w[i]) + f->l2 / 2 * w[i] * w[i];
    return sum;
}

static void penalties(size_t n, float l1, float l2) {
    uint64_t state = n + 1;
    float *w = w_end - n, *dw = dw_end - n, first_value = 0;
    static float first[MOST], start[MOST];
    test_fill(w, n, &state);
    test_fill(start, n, &state);
    for (size_t i = 0; i < n; i++)
        if (fabsf(w[i]) < 0x1p-15f) w[i] = 0.5f; /* a difference across the kink says nothing */
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        double size;
        const float value = nn_penalty(w, n, l1, l2);
        const double want = penalty(w, n, (double)l1, (double)l2, &size);
        test_case("penalty of %zu, l1 %g, l2 %g", n, (double)l1, (double)l2);
        CHECK(fabs((double)value - want) <= tol_gemm(64 + 4, size));
        CHECK(fabs((double)nn_sum_abs(w, n) - penalty(w, n, 1, 0, &size)) <= tol_gemm(64 + 4, size));
        CHECK(fabs((double)nn_norm(w, n) - sqrt(penalty(w, n, 0, 2, &size))) <= tol_gemm(64 + 4, sqrt(size)));
        fill_untouched(dw - 3, 3);
        for (size_t i = 0; i < n; i++) dw[i] = 0;
        nn_penalty_backward(dw, w, n, l1, l2);
        if (isa == best) {
            first_value = value;
            memcpy(first, dw, n * sizeof *dw);
            factors f = {n, (double)l1, (double)l2};
            if (n <= 300) CHECK(gradient_matches(penalty_at, &f, w, n, dw, TOL_GRADIENT));
        }
        CHECK(same_bits(value, first_value) && first_difference(first, dw, n) == n && is_untouched(dw - 3, 3));
        memcpy(dw, start, n * sizeof *dw); /* adds to what is there, rounded once more */
        nn_penalty_backward(dw, w, n, l1, l2);
        int adds = 1;
        for (size_t i = 0; i < n; i++) adds &= fabs((double)dw[i] - ((double)start[i] + (double)first[i])) <= 4 * EPS * (fabs((double)start[i]) + fabs((double)first[i]) + (double)l1);
        CHECK(adds);
    }
}

static void special_penalties(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t n = 1; n < 40; n++) {
            float w[40], dw[40];
            for (size_t i = 0; i < n; i++) w[i] = i % 2 ? -0.0f : 0.0f, dw[i] = 3;
            test_case("zeros, %zu", n);
            nn_penalty_backward(dw, w, n, 5, 7);
            for (size_t i = 0; i < n; i++) CHECK(dw[i] == 3);
            w[n - 1] = NAN;
            CHECK(isnan(nn_penalty(w, n, 1, 0)) && isnan(nn_penalty(w, n, 0, 1)) && nn_penalty(w, n, 0, 0) == 0);
            nn_penalty_backward(dw, w, n, 0, 0); /* factors of 0 look at nothing */
            CHECK(dw[n - 1] == 3);
            nn_penalty_backward(dw, w, n, 1, 1);
            CHECK(isnan(dw[n - 1]) && (n == 1 || dw[0] == 3));
            nn_penalty_backward(dw, w, n, 1, 0);
            CHECK(isnan(dw[n - 1]));
        }
    CHECK(nn_penalty(NULL, 0, 1, 1) == 0 && nn_norm(NULL, 0) == 0 && nn_sum_abs(NULL, 0) == 0);
    nn_penalty_backward(NULL, NULL, 0, 1, 1);
}

/* ---- max-norm ---- */

static double column_norm(const float *w, size_t in, size_t out, size_t j) {
    double sum = 0;
    for (size_t r = 0; r < in; r++) sum += (double)w[r * out + j] * (double)w[r * out + j];
    return sqrt(sum);
}

static void max_norm(size_t in, size_t out) {
    uint64_t state = in * 100 + out;
    float *w = w_end - in * out;
    static float before[MOST], first[MOST];
    test_fill(before, in * out, &state);
    const float limit = (float)sqrt((double)in / 3); /* what the norms are around */
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        int bounded = 1, kept = 1, scaled = 1;
        size_t over = 0;
        memcpy(w, before, in * out * sizeof *w);
        fill_untouched(w - 3, 3);
        nn_max_norm(w, in, out, limit);
        for (size_t j = 0; j < out; j++) {
            const double was = column_norm(before, in, out, j), is = column_norm(w, in, out, j);
            bounded &= is <= (double)limit * (1 + 70 * EPS);
            over += was > (double)limit;
            for (size_t r = 0; r < in; r++) {
                const double old = (double)before[r * out + j], now = (double)w[r * out + j];
                if (was < (double)limit * (1 - 70 * EPS)) kept &= now == old;
                else scaled &= fabs(now - old * fmin(1, (double)limit / was)) <= 140 * EPS * fabs(old);
            }
        }
        test_case("max-norm of %zu x %zu, %zu columns above", in, out, over);
        CHECK(bounded && kept && scaled);
        CHECK(out < 20 || (over > 0 && over < out));
        if (isa == best) memcpy(first, w, in * out * sizeof *w);
        CHECK(first_difference(first, w, in * out) == in * out && is_untouched(w - 3, 3));
    }
}

static void special_max_norm(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        float w[6] = {3, NAN, 0, 4, 1, 0};
        test_case("columns of 5, NaN and 0");
        nn_max_norm(w, 2, 3, 2.5f);
        CHECK(w[0] == 1.5f && w[3] == 2 && isnan(w[1]) && w[4] == 1 && w[2] == 0 && w[5] == 0);
        nn_max_norm(w, 2, 3, 0); /* a limit of 0 leaves nothing */
        CHECK(w[0] == 0 && w[3] == 0);
        nn_max_norm(NULL, 0, 3, 1);
        nn_max_norm(NULL, 3, 0, 1);
    }
}

/* ---- small weights ---- */

static void zero_small(size_t n) {
    uint64_t state = n;
    float *w = w_end - n, before[4200];
    test_fill(before, n, &state);
    for (size_t i = 0; i < n; i += 7) before[i] = i % 2 ? 0.25f : -0.25f; /* exactly the threshold: stays */
    if (n > 3) before[3] = NAN;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        size_t count = 0;
        int ok = 1;
        memcpy(w, before, n * sizeof *w);
        const size_t got = nn_zero_small(w, n, 0.25f);
        for (size_t i = 0; i < n; i++) {
            const int small = fabsf(before[i]) < 0.25f;
            count += (size_t)small;
            ok &= same_bits(w[i], small ? 0 : before[i]);
        }
        test_case("small ones of %zu", n);
        CHECK(ok && got == count);
        CHECK(nn_zero_small(w, n, 0) == 0);
    }
}

/* ---- threads ---- */

static void threads(void) {
    static float serial[MOST], dw[MOST];
    uint64_t state = 9;
    float *w = w_end - MOST;
    for (size_t count = 2; count <= 7; count += 5) {
        size_t calls = 0;
        test_fill(w, MOST, &state);
        memset(serial, 0, sizeof serial);
        memset(dw, 0, sizeof dw);
        const float value = nn_penalty(w, MOST, 1, 1);
        nn_penalty_backward(serial, w, MOST, 1, 1);
        nn_threads(count);
        nn_threads_hook(count == 2 ? hook_backwards : hook_pthreads, &calls);
        test_case("%zu threads", count);
        CHECK(same_bits(value, nn_penalty(w, MOST, 1, 1)));
        nn_penalty_backward(dw, w, MOST, 1, 1);
        CHECK(first_difference(serial, dw, MOST) == MOST && calls > 1);
        memcpy(dw, w, sizeof dw);
        const size_t before = calls;
        nn_max_norm(dw, 1000, 300, 17);
        CHECK(calls > before);
        nn_threads_hook(NULL, NULL);
        nn_threads(1);
        nn_max_norm(w, 1000, 300, 17);
        CHECK(first_difference(w, dw, MOST) == MOST);
    }
}

int main(void) {
    static const size_t shapes[][2] = {{1, 1}, {1, 70}, {300, 1}, {17, 3}, {255, 64}, {256, 65}, {257, 33}, {600, 130}};
    w_end = guard_end(MOST + 3);
    dw_end = guard_end(MOST + 3);
    for (size_t l = 0; l < COUNT(test_lengths); l++) {
        penalties(test_lengths[l], 0.3f, 0);
        penalties(test_lengths[l], 0, 0.7f);
        penalties(test_lengths[l], 0.3f, 0.7f);
        zero_small(test_lengths[l]);
    }
    penalties(5000, 0.01f, 0.02f);
    zero_small(4099);
    special_penalties();
    for (size_t s = 0; s < COUNT(shapes); s++) max_norm(shapes[s][0], shapes[s][1]);
    special_max_norm();
    threads();
    return test_end("regularize");
}
