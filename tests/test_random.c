/* test_random.c - Philox against its published vectors, the layout of the numbers, and their distributions */
#include "internal.h"
#include "test.h"

/* ---- the generator: Random123's known answers for philox4x32, 10 rounds ---- */

static const struct { uint32_t counter[4], key[2], word[4]; } known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};

static uint64_t pair(uint32_t low, uint32_t high) { return (uint64_t)high << 32 | low; }

static void known_answers(void) {
    for (size_t i = 0; i < COUNT(known); i++) {
        const uint32_t *c = known[i].counter;
        const uint64_t key = pair(known[i].key[0], known[i].key[1]), number = pair(c[0], c[1]), stream = pair(c[2], c[3]);
        uint32_t word[4], block[64];
        test_case("known answer %zu", i);
        test_nni_philox(word, key, c);
        CHECK(memcmp(word, known[i].word, sizeof word) == 0);
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            test_nni_random_bits(block, key, stream, number / 16, 1); /* 16 counters a block, words 16 apart */
            for (size_t w = 0; w < 4; w++) word[w] = block[16 * w + number % 16];
            CHECK(memcmp(word, known[i].word, sizeof word) == 0);
        }
    }
}

/* Number i of a sequence is word (i/16)%4 of counter (i/64)*16 + i%16. */
static void layout(void) {
    static const uint64_t starts[] = {0, 1, 63, 64, 1000, 0xffffffffu, (uint64_t)1 << 34, (uint64_t)1 << 36, (uint64_t)1 << 63};
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t s = 0; s < COUNT(starts); s++) {
            enum { N = 300 };
            nn_random random = {0x123456789abcdef0u, 0xfedcba9876543210u, starts[s]};
            uint32_t y[N];
            int ok = 1;
            nn_random_bits(y, N, &random);
            for (size_t i = 0; i < N; i++) {
                const uint64_t at = starts[s] + i, number = at / 64 * 16 + at % 16;
                const uint32_t counter[4] = {(uint32_t)number, (uint32_t)(number >> 32), 0x76543210u, 0xfedcba98u};
                uint32_t word[4];
                test_nni_philox(word, 0x123456789abcdef0u, counter);
                ok &= y[i] == word[at / 16 % 4];
            }
            test_case("numbers from %llu on", (unsigned long long)starts[s]);
            CHECK(ok && random.next == starts[s] + N && random.seed == 0x123456789abcdef0u && random.stream == 0xfedcba9876543210u);
        }
}

/* ---- what all array functions have in common ---- */

static void draw_bits(float *y, size_t n, nn_random *random) { nn_random_bits((uint32_t *)(void *)y, n, random); }
static void draw_uniform(float *y, size_t n, nn_random *random) { nn_random_uniform(y, n, -1, 3, random); }
static void draw_normal(float *y, size_t n, nn_random *random) { nn_random_normal(y, n, 1, 2, random); }
static void draw_mask(float *y, size_t n, nn_random *random) { nn_random_mask(y, n, 0.7f, 1.5f, random); }

static const struct { const char *name; void (*f)(float *, size_t, nn_random *); } draws[] = {
    {"bits", draw_bits}, {"uniform", draw_uniform}, {"normal", draw_normal}, {"mask", draw_mask}};

/* What is made of the bits: a uniform number is the top 24 as a fraction, a mask asks whether that is below `keep`. */
static void made_of_bits(void) {
    enum { N = 500 };
    uint32_t bits[N];
    float u[N], mask[N];
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        nn_random random = {9, 9, 9}, again = random;
        nn_random_bits(bits, N, &random);
        random = again, nn_random_uniform(u, N, 0, 1, &random);
        int uniform_is = 1, mask_is = 1;
        for (size_t i = 0; i < N; i++) uniform_is &= u[i] == (float)(bits[i] >> 8) / 16777216;
        for (size_t k = 0; k < N; k++) { /* keep exactly as large as one of the numbers */
            random = again, nn_random_mask(mask, N, u[k], 1, &random);
            for (size_t i = 0; i < N; i++) mask_is &= mask[i] == (float)(u[i] < u[k]);
        }
        test_case("fractions of the bits");
        CHECK(uniform_is);
        CHECK(mask_is);
    }
}

/* However a sequence is cut into calls, wherever it starts and whatever runs it, the numbers are the same. */
static void cuts(void) {
    enum { N = 400 };
    static float whole[N], part[N];
    float *const end = guard_end(N + 8);
    for (size_t f = 0; f < COUNT(draws); f++) {
        nn_random random = {5, 6, 0};
        draws[f].f(whole, N, &random);
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            int ok = 1;
            for (size_t cut = 0; cut <= N; cut++) {
                nn_random again = {5, 6, 0};
                draws[f].f(part, cut, &again);
                draws[f].f(part + cut, N - cut, &again);
                ok &= memcmp(part, whole, sizeof whole) == 0 && again.next == N;
            }
            for (size_t start = 0; start < 140; start++) /* straight from `start`, up to a guard page */
                for (size_t n = 0; n < 140; n += 1 + start % 5) {
                    nn_random there = {5, 6, start};
                    fill_untouched(end - n - 8, 8);
                    draws[f].f(end - n, n, &there);
                    ok &= memcmp(end - n, whole + start, n * sizeof *whole) == 0 && is_untouched(end - n - 8, 8) && there.next == start + n;
                }
            test_case("%s in two calls", draws[f].name);
            CHECK(ok);
        }
    }
}

/* Another seed, another stream or the next numbers have nothing in common with these. */
static void independence(void) {
    enum { N = 4096 };
    static uint32_t a[N], b[N];
    const nn_random others[] = {{2, 1, 0}, {1, 2, 0}, {1, 1, N}, {(uint64_t)1 << 32 | 1, 1, 0}, {1, (uint64_t)1 << 32 | 1, 0}, {1, 1, (uint64_t)1 << 40}};
    nn_random random = {1, 1, 0};
    nn_random_bits(a, N, &random);
    for (size_t o = 0; o < COUNT(others); o++) {
        nn_random other = others[o];
        size_t common = 0, bits = 0;
        nn_random_bits(b, N, &other);
        for (size_t i = 0; i < N; i++) {
            common += a[i] == b[i];
            for (uint32_t x = a[i] ^ b[i]; x; x &= x - 1) bits++;
        }
        test_case("sequence %zu", o);
        CHECK(common <= 1 && fabs((double)bits - 16.0 * N) <= TOL_DEVIATIONS * sqrt(8.0 * N));
    }
}

/* ---- distributions ---- */

/* Whether counts in equally likely cells look like chance: chi-square is (cells-1) +- sqrt(2(cells-1)). */
static int even(const size_t *counts, size_t cells, size_t total) {
    double chi = 0;
    const double expected = (double)total / (double)cells, freedom = (double)cells - 1;
    for (size_t i = 0; i < cells; i++) chi += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    if (!(fabs(chi - freedom) <= TOL_DEVIATIONS * sqrt(2 * freedom) + 5)) printf("chi-square %g of %g\n", chi, freedom);
    return fabs(chi - freedom) <= TOL_DEVIATIONS * sqrt(2 * freedom) + 5; /* 5: few cells have a longer tail */
}

enum { MANY = 1 << 19 };
static float y[MANY];

static void uniform(void) {
    static const float bounds[][2] = {{0, 1}, {-1, 1}, {-3, -2}, {1e6f, 1e6f + 1}, {1, 1.0000001f}, {-2, -1.9999998f}, {0, 1e-40f}, {-1e38f, 1e38f}};
    for (size_t b = 0; b < COUNT(bounds); b++) {
        const float lo = bounds[b][0], hi = bounds[b][1];
        nn_random random = {1, b, 0};
        int inside = 1;
        nn_random_uniform(y, MANY, lo, hi, &random);
        for (size_t i = 0; i < MANY; i++) inside &= y[i] >= lo && y[i] < hi;
        test_case("uniform in [%.9g, %.9g)", (double)lo, (double)hi);
        CHECK(inside);
    }
    nn_random random = {2, 0, 0};
    size_t counts[256] = {0}, pairs[256] = {0}, low[256] = {0};
    double sum = 0, squares = 0;
    nn_random_uniform(y, MANY, 0, 1, &random);
    for (size_t i = 0; i < MANY; i++) {
        counts[(size_t)(y[i] * 256)]++;
        low[(size_t)(y[i] * 16777216) % 256]++;
        if (i) pairs[(size_t)(y[i - 1] * 16) * 16 + (size_t)(y[i] * 16)]++;
        sum += (double)y[i];
        squares += (double)y[i] * (double)y[i];
    }
    test_case("uniform in [0, 1)");
    CHECK(even(counts, 256, MANY) && even(low, 256, MANY) && even(pairs, 256, MANY - 1));
    CHECK(fabs(sum / MANY - 0.5) <= TOL_DEVIATIONS * sqrt(1.0 / 12 / MANY));
    CHECK(fabs(squares / MANY - 1.0 / 3) <= TOL_DEVIATIONS * sqrt(4.0 / 45 / MANY));
}

static void normal(void) {
    nn_random random = {3, 0, 0};
    size_t counts[128] = {0};
    double moment[5] = {0}, products = 0, most = 0;
    nn_random_normal(y, MANY, 0, 1, &random);
    for (size_t i = 0; i < MANY; i++) {
        const double z = (double)y[i];
        double power = 1;
        for (int m = 1; m < 5; m++) moment[m] += power *= z;
        counts[(size_t)fmin(127, 64 * erfc(-z / sqrt(2)))]++;
        products += i < MANY - 16 ? z * (double)y[i + 16] : 0; /* the two of a pair lie 16 apart */
        most = fmax(most, fabs(z));
    }
    test_case("normal: mean %g variance %g skew %g kurtosis %g", moment[1] / MANY, moment[2] / MANY, moment[3] / MANY, moment[4] / MANY);
    CHECK(fabs(moment[1] / MANY) <= TOL_DEVIATIONS * sqrt(1.0 / MANY));
    CHECK(fabs(moment[2] / MANY - 1) <= TOL_DEVIATIONS * sqrt(2.0 / MANY));
    CHECK(fabs(moment[3] / MANY) <= TOL_DEVIATIONS * sqrt(15.0 / MANY));
    CHECK(fabs(moment[4] / MANY - 3) <= TOL_DEVIATIONS * sqrt(96.0 / MANY));
    CHECK(fabs(products / MANY) <= TOL_DEVIATIONS * sqrt(1.0 / MANY));
    CHECK(most > 4 && most <= 5.77);
    CHECK(even(counts, 128, MANY));
    nn_random again = {3, 0, 0};
    float first = y[0], scaled;
    nn_random_normal(&scaled, 1, 10, 4, &again);
    CHECK(fabsf(scaled - (10 + 4 * first)) <= 1e-5f);
}

static void mask(void) {
    static const float keeps[] = {0, 0x1p-24f, 0.1f, 0.5f, 0.8f, 1};
    for (size_t k = 0; k < COUNT(keeps); k++) {
        const double keep = (double)keeps[k];
        nn_random random = {4, k, 0};
        size_t kept = 0;
        int two_values = 1;
        nn_random_mask(y, MANY, keeps[k], 1.25f, &random);
        for (size_t i = 0; i < MANY; i++) {
            kept += y[i] == 1.25f;
            two_values &= y[i] == 1.25f || same_bits(y[i], 0.0f);
        }
        test_case("mask of %g kept %zu of %d", keep, kept, MANY);
        CHECK(two_values);
        CHECK(fabs((double)kept - keep * MANY) <= TOL_DEVIATIONS * sqrt(keep * (1 - keep) * MANY));
    }
}

static void below(void) {
    static const uint64_t ranges[] = {1, 2, 3, 5, 7, 10, 1000003, (uint64_t)3 << 30, ((uint64_t)1 << 63) - 25, ((uint64_t)1 << 63) + 1,
                                      (uint64_t)3 << 62, UINT64_MAX};
    enum { N = 100000 };
    for (size_t r = 0; r < COUNT(ranges); r++) {
        const uint64_t n = ranges[r];
        const size_t cells = n < 16 ? (size_t)n : 16;
        nn_random random = {6, r, 0};
        size_t counts[16] = {0}, thirds[3] = {0};
        int inside = 1;
        for (size_t i = 0; i < N; i++) {
            const uint64_t at = nn_random_below(n, &random);
            inside &= at < n;
            counts[n < 16 ? (size_t)at : (size_t)fmin(15, (double)at / (double)n * 16)]++;
            thirds[at % 3]++;
        }
        test_case("below %llu", (unsigned long long)n);
        CHECK(inside && random.next == N);
        CHECK(even(counts, cells, N));
        if (n % 3 == 0) CHECK(even(thirds, 3, N)); /* where multiplying without rejection favours every third */
    }
    nn_random random = {6, 7, 8};
    test_case("below 0");
    CHECK(nn_random_below(0, &random) == 0);
    nn_random ahead = {6, 7, 50};
    const uint64_t there = nn_random_below(1000, &ahead);
    ahead = (nn_random){6, 7, 0};
    uint64_t reached = 0;
    for (int i = 0; i <= 50; i++) reached = nn_random_below(1000, &ahead);
    test_case("below from position 50");
    CHECK(there == reached);
}

static void permutation(void) {
    static size_t order[1000];
    static const size_t sizes[] = {0, 1, 2, 3, 10, 64, 999, 1000};
    for (size_t s = 0; s < COUNT(sizes); s++) {
        unsigned char seen[1000] = {0};
        nn_random random = {7, s, 3};
        int each_once = 1;
        nn_random_permutation(order, sizes[s], &random);
        for (size_t i = 0; i < sizes[s]; i++) each_once &= order[i] < sizes[s] && !seen[order[i]]++;
        test_case("permutation of %zu", sizes[s]);
        CHECK(each_once && random.next == 3 + sizes[s]);
    }
    enum { N = 48000 };
    size_t counts[256] = {0}, all[24], orders = 0;
    nn_random random = {8, 0, 0};
    for (size_t i = 0; i < N; i++) {
        nn_random_permutation(order, 4, &random);
        counts[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
    }
    for (size_t i = 0; i < 256; i++)
        if (counts[i] && orders < 24) all[orders++] = counts[i];
    test_case("the 24 orders of four");
    CHECK(orders == 24 && even(all, 24, N));
}

int main(void) {
    known_answers();
    layout();
    made_of_bits();
    cuts();
    independence();
    uniform();
    normal();
    mask();
    below();
    permutation();
    return test_end("random");
}
