/* test_init.c - first weights: deviations, bounds and quantiles, right angles, the same numbers for every thread and division */
#include "hook.h"
#include "test.h"

enum { IN = 300, OUT = 500, N = IN * OUT };

static float w[N];

/* Mean, deviation and kurtosis-sensitive share beyond one deviation, within five deviations of each estimate. */
static void moments(double deviation, double fourth, double beyond) {
    double sum = 0, squares = 0, count = 0;
    for (size_t i = 0; i < N; i++) {
        sum += (double)w[i], squares += (double)w[i] * (double)w[i];
        count += fabs((double)w[i]) > deviation;
    }
    const double variance = deviation * deviation;
    CHECK(fabs(sum / N) <= TOL_DEVIATIONS * deviation / sqrt(N));
    CHECK(fabs(squares / N - variance) <= TOL_DEVIATIONS * variance * sqrt((fourth - 1) / N));
    CHECK(fabs(count / N - beyond) <= TOL_DEVIATIONS * sqrt(beyond * (1 - beyond) / N));
}

/* Of each distribution with deviation 1: the fourth moment, and the share beyond 1. */
static void normal(double deviation) { moments(deviation, 3, erfc(sqrt(0.5))); }
static void uniform(double deviation) {
    const double bound = sqrt(3) * deviation;
    int inside = 1;
    for (size_t i = 0; i < N; i++) inside &= fabs((double)w[i]) <= bound * (1 + EPS);
    CHECK(inside);
    moments(deviation, 1.8, 1 - 1 / sqrt(3));
}
static void truncated(double deviation) {
    const double all = erf(sqrt(2)), phi = exp(-2) / sqrt(2 * acos(-1)), cut = sqrt(1 - 4 * phi / all); /* its own deviation */
    const double fourth = (3 - (2 * 8 + 2 * 2 * 3) * phi / all) / pow(cut, 4);
    double most = 0;
    for (size_t i = 0; i < N; i++) most = fmax(most, fabs((double)w[i]));
    CHECK(most <= 2 * deviation / cut * (1 + 4 * EPS) && most > 1.99 * deviation / cut);
    moments(deviation, fourth, 1 - erf(cut / sqrt(2)) / all);
}

static void fill(nn_init init) {
    nn_random random = {1, 2, 3};
    fill_untouched(w, N);
    nn_init_fill(w, IN, OUT, N, init, &random);
    CHECK(random.seed == 1 && random.stream == 2 && random.next == (init.kind == NN_INIT_CONSTANT ? 3 : 3 + N));
}

static void distributions(void) {
    static const double in = IN, out = OUT;
    const nn_init forms[] = {{NN_INIT_NORMAL, NN_FAN_IN, 1}, {NN_INIT_TRUNCATED_NORMAL, NN_FAN_IN, 1}, {NN_INIT_UNIFORM, NN_FAN_IN, 1}};
    static void (*const check[])(double) = {normal, truncated, uniform};
    static const float scales[] = {1, 2, 0.3f};
    for (size_t f = 0; f < COUNT(forms); f++)
        for (int fan = NN_FAN_IN; fan <= NN_FAN_AVERAGE; fan++)
            for (size_t s = 0; s < COUNT(scales); s++) {
                nn_init init = forms[f];
                init.fan = (nn_fan)fan;
                init.scale = scales[s];
                test_case("kind %d, fan %d, scale %g", (int)init.kind, fan, (double)scales[s]);
                fill(init);
                check[f](sqrt((double)scales[s] / (fan == NN_FAN_IN ? in : fan == NN_FAN_OUT ? out : (in + out) / 2)));
            }
}

static void usual_ones(void) {
    test_case("constant");
    fill(nn_init_constant(0.25f));
    CHECK(w[0] == 0.25f && first_difference(w, w + 1, N - 1) == N - 1);
    const nn_init zeros = {NN_INIT_CONSTANT, NN_FAN_NONE, 0};
    fill(zeros);
    CHECK(w[0] == 0 && first_difference(w, w + 1, N - 1) == N - 1);
    test_case("normal, as in the lectures");
    fill(nn_init_normal(1)), normal(1);
    fill(nn_init_normal(0.01f)), normal(0.01);
    test_case("truncated normal");
    fill(nn_init_truncated_normal(0.02f)), truncated(0.02);
    test_case("uniform");
    fill(nn_init_uniform(0.05f)), uniform(0.05 / sqrt(3));
    test_case("Xavier");
    fill(nn_init_xavier()), normal(sqrt(1.0 / IN));
    test_case("Glorot");
    fill(nn_init_glorot()), normal(sqrt(2.0 / (IN + OUT)));
    fill(nn_init_glorot_uniform()), uniform(sqrt(2.0 / (IN + OUT)));
    test_case("He");
    fill(nn_init_he()), normal(sqrt(2.0 / IN));
    fill(nn_init_he_uniform()), uniform(sqrt(2.0 / IN));
}

/* The truncated normal is the quantile of its uniform number: monotone, odd, and right against erf. */
static void quantiles(void) {
    nn_random random = {4, 5, 6}, again = random;
    static float u[N];
    const float reach = 0.954499721527099609375f;
    nn_random_uniform(u, N, -reach, reach, &random);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        double worst = 0;
        random = again;
        nn_init_fill(w, 1, 1, N, nn_init_truncated_normal(0.87962566103423978f), &random); /* the standard normal, cut */
        for (size_t i = 0; i < N; i += test_quick() ? 11 : 1) {
            const double back = erf((double)w[i] / sqrt(2)), slope = sqrt(2 / acos(-1)) * exp(-(double)w[i] * (double)w[i] / 2);
            worst = fmax(worst, fabs(back - (double)u[i]) / (slope * (fabs((double)w[i]) + 1e-30)));
        }
        test_case("quantiles off by %g EPS", worst / EPS);
        CHECK(worst <= 8 * EPS);
    }
}

/* However the sequence is divided, and whatever the threads. */
static void same_numbers(void) {
    const nn_init forms[] = {nn_init_normal(1), nn_init_truncated_normal(1), nn_init_uniform(1)};
    static float first[N];
    for (size_t f = 0; f < COUNT(forms); f++) {
        for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
            nn_random random = {7, 8, 9};
            nn_init_fill(w, IN, OUT, N, forms[f], &random);
            if (isa == best) memcpy(first, w, sizeof first);
            test_case("kind %d", (int)forms[f].kind);
            CHECK(first_difference(first, w, N) == N);
            random.next = 9;
            for (size_t done = 0, part; done < N; done += part) {
                part = 1 + done % 1234;
                if (part > N - done) part = N - done;
                nn_init_fill(w + done, IN, OUT, part, forms[f], &random);
            }
            CHECK(first_difference(first, w, N) == N);
        }
        for (size_t count = 2; count <= 7; count += 5) {
            nn_random random = {7, 8, 9};
            size_t calls = 0;
            nn_threads(count);
            nn_threads_hook(count == 2 ? hook_backwards : hook_pthreads, &calls);
            nn_init_fill(w, IN, OUT, N, forms[f], &random);
            CHECK(calls > 0 && first_difference(first, w, N) == N);
            nn_threads_hook(NULL, NULL);
            nn_threads(1);
        }
    }
}

/* The shorter sides: at right angles to each other, all of norm `gain`. */
static void orthogonal(size_t in, size_t out, float gain) {
    static float first[N];
    const double norm = gain != 0 ? (double)gain : 1;
    const size_t count = in < out ? in : out, length = in < out ? out : in;
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        double worst = 0;
        nn_random random = {1, 1, 1};
        fill_untouched(w, in * out + 3);
        nn_init_fill(w, in, 77, in * out, nn_init_orthogonal(gain), &random);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j <= i; j += 1 + (i > 60 && j + 3 < i)) {
                double dot = 0;
                for (size_t r = 0; r < length; r++)
                    dot += in < out ? (double)w[i * out + r] * (double)w[j * out + r] : (double)w[r * out + i] * (double)w[r * out + j];
                worst = fmax(worst, fabs(dot / (norm * norm) - (i == j)));
            }
        test_case("orthogonal %zu x %zu, off by %g", in, out, worst);
        CHECK(worst <= 4 * EPS);
        CHECK(is_untouched(w + in * out, 3) && random.next == 1 + in * out);
        if (isa == best) memcpy(first, w, in * out * sizeof *w);
        CHECK(first_difference(first, w, in * out) == in * out);
    }
}

static void edges(void) {
    nn_random random = {1, 1, 1};
    test_case("nothing, and fans of 0");
    nn_init_fill(NULL, 3, 4, 0, nn_init_he(), &random);
    nn_init_fill(NULL, 0, 0, 0, nn_init_orthogonal(1), &random);
    CHECK(random.next == 1);
    nn_init_fill(w, 0, 0, 8, nn_init_he(), &random);
    float finite = 0;
    for (size_t i = 0; i < 8; i++) finite += w[i] * 0;
    CHECK(finite == 0);
    nn_init_fill(w, 3, 9, 8, nn_init_orthogonal(1), &random); /* 3 x 2, and two left over */
    CHECK(w[6] == 0 && w[7] == 0 && fabsf(w[0] * w[1] + w[2] * w[3] + w[4] * w[5]) <= 4 * (float)EPS);
    nn_init_fill(w, 9, 3, 8, nn_init_orthogonal(1), &random); /* fewer than a column */
    for (size_t i = 0; i < 8; i++) CHECK(w[i] == 0);
}

int main(void) {
    static const size_t shapes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 2}, {10, 10}, {64, 10}, {10, 64}, {100, 90}, {90, 100}, {257, 33}, {120, 120}};
    distributions();
    usual_ones();
    quantiles();
    same_numbers();
    for (size_t s = 0; s < COUNT(shapes); s++) orthogonal(shapes[s][0], shapes[s][1], s % 3 == 2 ? 1.4142135f : (float)(s % 3));
    if (!test_quick()) orthogonal(300, 280, 1), orthogonal(280, 300, 1);
    edges();
    return test_end("init");
}
