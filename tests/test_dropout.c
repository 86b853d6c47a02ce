/* test_dropout.c - dropout and noise: the mask, its rate and place in the sequence, forward and back, channels, equal bits */
#include "hook.h"
#include "test.h"

enum { N = 400, MANY = 1 << 18 };

static float *x_end, *y_end;

/* The mask of an element is that of nn_random_mask at its position. */
static void mask(float keep, float scale) {
    static float x[N], y[N], m[N];
    uint64_t state = 1;
    test_fill(x, N, &state);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (uint64_t start = 0; start < 130; start += 13) {
            nn_random random = {5, 6, start}, same = random;
            int ok = 1;
            nn_dropout(y, x, N, keep, scale, &random);
            nn_random_mask(m, N, keep, 1, &same);
            for (size_t i = 0; i < N; i++) ok &= same_bits(y[i], m[i] == 1 ? scale * x[i] : 0.0f);
            test_case("mask from %d on, keep %g", (int)start, (double)keep);
            CHECK(ok && random.next == start + N && random.seed == 5 && random.stream == 6);
        }
}

typedef void (*noise)(float *y, const float *x, size_t n, nn_random *random);
static void dropout(float *y, const float *x, size_t n, nn_random *random) { nn_dropout(y, x, n, 0.7f, 1 / 0.7f, random); }
static void normal(float *y, const float *x, size_t n, nn_random *random) { nn_add_normal(y, x, n, 0.5f, random); }
static const struct { const char *name; noise f; } noises[] = {{"dropout", dropout}, {"noise", normal}};

/* However a sequence is cut into calls, in place or not, up to guard pages and with nothing else written. */
static void cuts(void) {
    static float x[N], whole[N], part[N];
    uint64_t state = 2;
    test_fill(x, N, &state);
    for (size_t f = 0; f < COUNT(noises); f++) {
        nn_random random = {5, 6, 0};
        noises[f].f(whole, x, N, &random);
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            int ok = 1;
            for (size_t cut = 0; cut <= N; cut++) {
                nn_random again = {5, 6, 0};
                noises[f].f(part, x, cut, &again);
                noises[f].f(part + cut, x + cut, N - cut, &again);
                ok &= memcmp(part, whole, sizeof whole) == 0 && again.next == N;
            }
            test_case("%s in two calls", noises[f].name);
            CHECK(ok);
            for (size_t start = 0; start < 140; start++)
                for (size_t n = 0; n < 140; n += 1 + start % 5) {
                    nn_random there = {5, 6, start}, again = there;
                    float *from = x_end - n, *to = y_end - n;
                    memcpy(from, x + start, n * sizeof *from);
                    fill_untouched(to - 8, 8);
                    noises[f].f(to, from, n, &there);
                    ok &= memcmp(to, whole + start, n * sizeof *to) == 0 && is_untouched(to - 8, 8) && there.next == start + n;
                    noises[f].f(from, from, n, &again);
                    ok &= memcmp(from, to, n * sizeof *to) == 0;
                }
            test_case("%s of a part", noises[f].name);
            CHECK(ok);
        }
    }
}

static void rates(void) {
    static const float keeps[] = {0, 0x1p-24f, 0.1f, 0.5f, 0.9f, 1};
    static float x[MANY], y[MANY];
    for (size_t i = 0; i < MANY; i++) x[i] = 1;
    for (size_t k = 0; k < COUNT(keeps); k++) {
        const double keep = (double)keeps[k];
        nn_random random = {4, k, 0};
        double sum = 0, kept = 0;
        nn_dropout(y, x, MANY, keeps[k], keeps[k] > 0.01f ? 1 / keeps[k] : 1, &random);
        for (size_t i = 0; i < MANY; i++) sum += (double)y[i], kept += y[i] != 0;
        test_case("keep %g kept %g of %d, sum %g", keep, kept, MANY, sum);
        CHECK(fabs(kept - keep * MANY) <= TOL_DEVIATIONS * sqrt(keep * (1 - keep) * MANY));
        if (keep > 0.01) CHECK(fabs(sum - MANY) <= TOL_DEVIATIONS * sqrt((1 - keep) / keep * MANY) + 1e-6 * MANY);
    }
    nn_random random = {4, 100, 0}, other = random;
    double sum = 0, squares = 0;
    nn_add_normal(y, x, MANY, 3, &random);
    for (size_t i = 0; i < MANY; i++) sum += (double)y[i] - 1, squares += ((double)y[i] - 1) * ((double)y[i] - 1);
    test_case("noise: mean %g, variance %g", sum / MANY, squares / MANY);
    CHECK(fabs(sum / MANY) <= TOL_DEVIATIONS * 3 / sqrt(MANY));
    CHECK(fabs(squares / MANY / 9 - 1) <= TOL_DEVIATIONS * sqrt(2.0 / MANY));
    random = other;
    nn_random_normal(x, 1000, 1, 3, &other);
    CHECK(memcmp(x, y, 1000 * sizeof *x) == 0);
}

/* The gradient of sum(dy * dropout(x)) is the same call on dy: it is linear with the same mask. */
static void backward(void) {
    static float x[N], dy[N], y[N], dx[N];
    uint64_t state = 3;
    test_fill(x, N, &state), test_fill(dy, N, &state);
    for (size_t i = 0; i < N; i++) x[i] += 2; /* never 0: what is 0 afterwards was dropped */
    for (size_t channels = 0; channels < 2; channels++) {
        nn_random random = {8, 9, 77}, again = random;
        if (channels) {
            nn_dropout_channels(y, x, 4, 10, 10, 0.5f, 2, &random);
            nn_dropout_channels(dx, dy, 4, 10, 10, 0.5f, 2, &again);
        } else {
            nn_dropout(y, x, N, 0.5f, 2, &random);
            nn_dropout(dx, dy, N, 0.5f, 2, &again);
        }
        double change = 0, gradient = 0;
        size_t dropped = 0;
        for (size_t i = 0; i < N; i++) {
            change += (double)dy[i] * (double)y[i], gradient += (double)dx[i] * (double)x[i];
            dropped += y[i] == 0;
        }
        test_case("backward, channels %zu: %g, %g", channels, change, gradient);
        CHECK(fabs(change - gradient) < 1e-4 && dropped > 0 && dropped < N && random.next == again.next);
    }
}

static void channels(size_t images, size_t pixels, size_t n, uint64_t start) {
    const size_t count = images * pixels * n;
    float *x = x_end - count, *y = y_end - count;
    static float first[MANY], kept[MANY];
    uint64_t state = n;
    test_fill(x, count, &state);
    if (count > 2) x[1] = NAN, x[2] = INFINITY;
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        nn_random random = {1, 2, start}, same = random;
        int ok = 1;
        fill_untouched(y - 8, 8);
        nn_dropout_channels(y, x, images, pixels, n, 0.6f, 1.5f, &random);
        nn_random_mask(kept, images * n, 0.6f, 1, &same);
        for (size_t i = 0; i < count; i++)
            ok &= same_bits(y[i], kept[i / (pixels * n) * n + i % n] == 1 ? 1.5f * x[i] : 0.0f);
        test_case("channels, %zu x %zu x %zu from %d", images, pixels, n, (int)start);
        CHECK(ok && random.next == start + images * n && is_untouched(y - 8, 8));
        if (isa == best) memcpy(first, y, count * sizeof *y);
        CHECK(first_difference(first, y, count) == count);
        memcpy(kept, x, count * sizeof *x);
        random.next = start;
        nn_dropout_channels(x, x, images, pixels, n, 0.6f, 1.5f, &random);
        CHECK(first_difference(first, x, count) == count);
        memcpy(x, kept, count * sizeof *x);
    }
}

/* What is dropped is +0, whatever it was. */
static void special(void) {
    float x[256], y[256];
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        nn_random random = {3, 3, 3}, again = random;
        for (size_t i = 0; i < 256; i++) x[i] = i % 4 == 0 ? NAN : i % 4 == 1 ? INFINITY : i % 4 == 2 ? -INFINITY : -1;
        nn_dropout(y, x, 256, 0, 2, &random);
        int zeros = 1, same = 1;
        for (size_t i = 0; i < 256; i++) zeros &= bits_of(y[i]) == 0;
        nn_dropout(y, x, 256, 1, 2, &again);
        for (size_t i = 0; i < 256; i++) same &= same_bits(y[i], 2 * x[i]);
        test_case("NaN and infinity");
        CHECK(zeros && same);
    }
    nn_random random = {1, 1, 5};
    test_case("nothing");
    nn_dropout(NULL, NULL, 0, 0.5f, 2, &random);
    nn_add_normal(NULL, NULL, 0, 1, &random);
    CHECK(random.next == 5);
    nn_dropout_channels(NULL, NULL, 0, 3, 3, 0.5f, 2, &random);
    nn_dropout_channels(NULL, NULL, 3, 3, 0, 0.5f, 2, &random);
    CHECK(random.next == 5);
    nn_dropout_channels(NULL, NULL, 3, 0, 4, 0.5f, 2, &random);
    CHECK(random.next == 17);
}

static void threads(void) {
    static float x[MANY], alone[3][MANY], y[MANY];
    uint64_t state = 5;
    size_t calls = 0;
    test_fill(x, MANY, &state);
    for (size_t t = 1; t < 20; t += 6)
        for (int f = 0; f < 3; f++) {
            const size_t before = calls;
            nn_random random = {1, 2, 30};
            nn_threads_hook(t % 4 == 3 ? hook_backwards : hook_pthreads, &calls);
            nn_threads(t);
            if (f < 2) noises[f].f(y, x, MANY, &random);
            else nn_dropout_channels(y, x, 32, 64, 128, 0.5f, 2, &random);
            if (t == 1) memcpy(alone[f], y, sizeof y);
            test_case("%zu threads, function %d", t, f);
            CHECK((t == 1 || calls > before) && memcmp(alone[f], y, sizeof y) == 0);
        }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

int main(void) {
    static const float keeps[] = {0, 0.1f, 0.5f, 0.9f, 1};
    static const size_t shapes[][3] = {{1, 1, 1},  {3, 5, 3},   {2, 7, 16},  {3, 4, 17},
                                       {2, 3, 70}, {2, 9, 256}, {3, 2, 300}, {1, 5, 700}};
    x_end = guard_end(MANY), y_end = guard_end(MANY);
    for (size_t k = 0; k < COUNT(keeps); k++) mask(keeps[k], k % 2 ? 1.0f : 1.25f);
    cuts();
    rates();
    backward();
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (uint64_t start = 0; start < 70; start += 23) channels(shapes[s][0], shapes[s][1], shapes[s][2], start);
    special();
    threads();
    return test_end("dropout");
}
