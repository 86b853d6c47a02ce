/* test_group_norm.c - group and instance normalisation against double: values, gradients, extremes, PyTorch, equal bits */
#include "golden.h"
#include "gradient.h"
#include "hook.h"

enum { MOST = 1 << 17, WIDE = 600 };

static float *x_end, *y_end, *dy_end, *dx_end;

/* Chains of 8 + 32 floats for the moments, then two operations. */
#define TOL_GROUP (64 * EPS)

typedef struct problem {
    size_t images, pixels, channels, groups, count;
    float *x, *y, *dy, *dx, mean[4096], inverse[4096], gamma[WIDE], beta[WIDE];
    int has_gamma, has_beta;
    float epsilon;
} problem;

static problem p;

static void make(const size_t *shape, float centre, int options) {
    uint64_t state = shape[0] + 10 * shape[1] + 1000 * shape[2] + shape[3];
    p.images = shape[0], p.pixels = shape[1], p.channels = shape[2], p.groups = shape[3];
    p.count = p.images * p.pixels * p.channels, p.epsilon = 1e-3f;
    p.x = x_end - p.count, p.y = y_end - p.count, p.dy = dy_end - p.count, p.dx = dx_end - p.count;
    test_fill(p.x, p.count, &state), test_fill(p.dy, p.count, &state);
    test_fill(p.gamma, p.channels, &state), test_fill(p.beta, p.channels, &state);
    for (size_t i = 0; i < p.count; i++) p.x[i] += centre + (float)(i % p.channels % 3); /* channels of a group differ */
    p.has_gamma = options & 1, p.has_beta = options >> 1 & 1;
}
static const float *gamma_of(void) { return p.has_gamma ? p.gamma : NULL; }
static const float *beta_of(void) { return p.has_beta ? p.beta : NULL; }

/* The index of element k of a group, of pixels*channels/groups. */
static size_t at(size_t image, size_t group, size_t k) {
    const size_t size = p.channels / p.groups;
    return (image * p.pixels + k / size) * p.channels + group * size + k % size;
}
static size_t members(void) { return p.pixels * (p.channels / p.groups); }

static void statistics(const double *x, size_t image, size_t group, double *mean, double *inverse) {
    double squares = 0;
    *mean = 0;
    for (size_t k = 0; k < members(); k++) *mean += x[at(image, group, k)] / (double)members();
    for (size_t k = 0; k < members(); k++) {
        const double distance = x[at(image, group, k)] - *mean;
        squares += distance * distance / (double)members();
    }
    *inverse = 1 / sqrt(squares + (double)p.epsilon);
}

static void values(const size_t *shape, float centre, int options) {
    static float first[MOST];
    static double wide[MOST];
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        double worst = 0, worst_kept = 0;
        make(shape, centre, options);
        fill_untouched(p.mean, 4096), fill_untouched(p.inverse, 4096), fill_untouched(p.y - 8, 8);
        nn_status status = nn_group_norm(p.y, p.mean, p.inverse, p.x, gamma_of(), beta_of(), p.images, p.pixels, p.channels,
                                         p.groups, p.epsilon);
        for (size_t i = 0; i < p.count; i++) wide[i] = (double)p.x[i];
        for (size_t image = 0; image < p.images; image++)
            for (size_t group = 0; group < p.groups; group++) {
                double mean, inverse;
                statistics(wide, image, group, &mean, &inverse);
                const double kept = (double)p.mean[image * p.groups + group];
                worst_kept = fmax(worst_kept, fabs(kept - mean) / (TOL_GROUP + EPS * fabs(mean)));
                worst_kept = fmax(worst_kept, fabs((double)p.inverse[image * p.groups + group] / inverse - 1) / TOL_GROUP);
                for (size_t k = 0; k < members(); k++) {
                    const size_t i = at(image, group, k), c = i % p.channels;
                    const double z = (p.has_gamma ? (double)p.gamma[c] : 1) * (wide[i] - kept) * inverse;
                    const double b = p.has_beta ? (double)p.beta[c] : 0;
                    const double error = fabs((double)p.y[i] - z - b) / (fabs(z) + fabs(b) + 0x1p-100);
                    if (!(error <= worst)) worst = error;
                }
            }
        test_case("%zu x %zu x %zu in %zu groups about %g, options %d: errors %g EPS, %g", p.images, p.pixels, p.channels,
                  p.groups, (double)centre, options, worst / EPS, worst_kept);
        CHECK(status == NN_OK && worst <= TOL_GROUP && worst_kept <= 1);
        CHECK(is_untouched(p.y - 8, 8) && is_untouched(p.mean + p.images * p.groups, 1));
        if (isa == best) memcpy(first, p.y, p.count * sizeof *first);
        CHECK(first_difference(first, p.y, p.count) == p.count);
        status = nn_group_norm(p.x, NULL, NULL, p.x, gamma_of(), beta_of(), p.images, p.pixels, p.channels, p.groups,
                               p.epsilon);
        CHECK(status == NN_OK && first_difference(first, p.x, p.count) == p.count); /* in place, nothing kept */
    }
}

/* ---- gradients ---- */

static double objective(const double *x, const double *gamma, const double *beta) {
    static double wide[MOST];
    double total = 0;
    for (size_t i = 0; i < p.count; i++) wide[i] = x ? x[i] : (double)p.x[i];
    for (size_t image = 0; image < p.images; image++)
        for (size_t group = 0; group < p.groups; group++) {
            double mean, inverse;
            statistics(wide, image, group, &mean, &inverse);
            for (size_t k = 0; k < members(); k++) {
                const size_t i = at(image, group, k), c = i % p.channels;
                const double g = gamma ? gamma[c] : p.has_gamma ? (double)p.gamma[c] : 1;
                const double b = beta ? beta[c] : p.has_beta ? (double)p.beta[c] : 0;
                total += (double)p.dy[i] * (g * (wide[i] - mean) * inverse + b);
            }
        }
    return total;
}
static double of_x(const double *point, void *unused) { return (void)unused, objective(point, NULL, NULL); }
static double of_gamma(const double *point, void *unused) { return (void)unused, objective(NULL, point, NULL); }
static double of_beta(const double *point, void *unused) { return (void)unused, objective(NULL, NULL, point); }

static nn_status backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, int accumulate) {
    return nn_group_norm_backward(dx, dgamma, dbeta, dy, x, p.mean, p.inverse, gamma_of(), p.images, p.pixels, p.channels,
                                  p.groups, accumulate);
}

static void gradients(const size_t *shape, int options) {
    static float first[MOST], first_gamma[WIDE], first_beta[WIDE], dgamma[WIDE], dbeta[WIDE], sum_gamma[WIDE], sum_beta[WIDE];
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        make(shape, 0.5f, options);
        const size_t n = p.channels;
        test_case("group_norm backward, %zu x %zu x %zu in %zu groups, options %d", p.images, p.pixels, n, p.groups, options);
        CHECK(nn_group_norm(p.y, p.mean, p.inverse, p.x, gamma_of(), beta_of(), p.images, p.pixels, n, p.groups,
                            p.epsilon) == NN_OK);
        for (size_t i = 0; i < n; i++) dgamma[i] = dbeta[i] = NAN, sum_gamma[i] = 3, sum_beta[i] = -2;
        for (size_t i = 0; i < p.count; i++) p.dx[i] = NAN;
        CHECK(backward(p.dx, dgamma, dbeta, p.dy, p.x, 0) == NN_OK);
        if (isa == best) {
            CHECK(gradient_matches(of_x, NULL, p.x, p.count, p.dx, TOL_GRADIENT));
            CHECK(gradient_matches(of_gamma, NULL, p.gamma, n, dgamma, TOL_GRADIENT));
            CHECK(gradient_matches(of_beta, NULL, p.beta, n, dbeta, TOL_GRADIENT));
            memcpy(first, p.dx, p.count * sizeof *first);
            memcpy(first_gamma, dgamma, sizeof dgamma), memcpy(first_beta, dbeta, sizeof dbeta);
        }
        CHECK(first_difference(first, p.dx, p.count) == p.count);
        CHECK(first_difference(first_gamma, dgamma, n) == n && first_difference(first_beta, dbeta, n) == n);
        CHECK(backward(NULL, sum_gamma, sum_beta, p.dy, p.x, 1) == NN_OK);
        int ok = 1;
        for (size_t i = 0; i < n; i++) ok &= sum_gamma[i] == 3 + dgamma[i] && sum_beta[i] == -2 + dbeta[i];
        CHECK(ok);
        memcpy(p.y, p.x, p.count * sizeof *p.y);
        CHECK(backward(p.y, NULL, NULL, p.dy, p.y, 0) == NN_OK);
        CHECK(first_difference(first, p.y, p.count) == p.count); /* dx is x */
        CHECK(backward(p.dy, dgamma, NULL, p.dy, p.x, 0) == NN_OK);
        CHECK(first_difference(first, p.dy, p.count) == p.count); /* dx is dy */
        CHECK(first_difference(first_gamma, dgamma, n) == n);
    }
}

/* ---- relations and extremes ---- */

/* One group and one pixel is layer normalisation, one image with a group a channel is batch normalisation. */
static void relatives(void) {
    static float other[MOST];
    const size_t layer[] = {9, 1, 65, 1}, batch[] = {1, 300, 33, 33};
    double worst = 0;
    make(layer, 0.5f, 3);
    test_case("layer normalisation");
    CHECK(nn_group_norm(p.y, NULL, NULL, p.x, p.gamma, p.beta, 9, 1, 65, 1, 1e-5f) == NN_OK);
    nn_layer_norm(other, NULL, NULL, p.x, p.gamma, p.beta, 9, 65, 1e-5f);
    for (size_t i = 0; i < p.count; i++) worst = fmax(worst, fabs((double)p.y[i] - (double)other[i]));
    CHECK(worst < 1e-6);
    make(batch, 0.5f, 3);
    test_case("batch normalisation");
    CHECK(nn_group_norm(p.y, NULL, NULL, p.x, p.gamma, p.beta, 1, 300, 33, 33, 1e-5f) == NN_OK);
    nn_batch_norm_statistics(p.mean, p.inverse, p.x, 300, 33);
    nn_batch_norm(other, p.x, p.mean, p.inverse, p.gamma, p.beta, 300, 33, 1e-5f);
    for (size_t i = worst = 0; i < p.count; i++) worst = fmax(worst, fabs((double)p.y[i] - (double)other[i]));
    CHECK(worst < 1e-6);
}

static void extremes(void) {
    const size_t shape[] = {2, 49, 6, 3}, far[] = {2, 500, 8, 2}, single[] = {5, 1, 7, 7};
    test_case("groups that do not divide the channels");
    make(shape, 0, 0);
    p.y[0] = 77;
    CHECK(nn_group_norm(p.y, NULL, NULL, p.x, NULL, NULL, 2, 49, 6, 4, 1e-5f) == NN_ERROR_ARGUMENT && p.y[0] == 77);
    CHECK(nn_group_norm(p.y, NULL, NULL, p.x, NULL, NULL, 2, 49, 6, 0, 1e-5f) == NN_ERROR_ARGUMENT && p.y[0] == 77);
    CHECK(nn_group_norm(p.y, NULL, NULL, p.x, NULL, NULL, 2, 49, 6, 12, 1e-5f) == NN_ERROR_ARGUMENT && p.y[0] == 77);
    CHECK(backward(p.y, p.gamma, NULL, p.dy, p.x, 0) == NN_OK);
    p.groups = 5, p.y[0] = 77, p.gamma[0] = 77;
    CHECK(backward(p.y, p.gamma, NULL, p.dy, p.x, 0) == NN_ERROR_ARGUMENT && p.y[0] == 77 && p.gamma[0] == 77);
    test_case("no images, pixels or channels");
    CHECK(nn_group_norm(NULL, NULL, NULL, NULL, NULL, NULL, 0, 49, 6, 3, 1e-5f) == NN_OK);
    CHECK(nn_group_norm(NULL, NULL, NULL, NULL, NULL, NULL, 5, 0, 6, 3, 1e-5f) == NN_OK);
    CHECK(nn_group_norm(NULL, NULL, NULL, NULL, NULL, NULL, 5, 49, 0, 0, 1e-5f) == NN_OK);
    CHECK(nn_group_norm_backward(NULL, p.gamma, p.beta, NULL, NULL, NULL, NULL, NULL, 0, 49, 6, 3, 0) == NN_OK);
    CHECK(p.gamma[0] == 0 && p.beta[5] == 0);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        make(shape, 0, 0);
        for (size_t i = 0; i < p.count; i++) p.x[i] = i % 6 < 2 ? 1e6f : 0.1f; /* groups without deviation */
        CHECK(nn_group_norm(p.y, p.mean, p.inverse, p.x, NULL, NULL, 2, 49, 6, 3, 1e-5f) == NN_OK);
        CHECK(backward(p.dx, p.gamma, p.beta, p.dy, p.x, 0) == NN_OK);
        int ok = 1;
        for (size_t i = 0; i < p.count; i++) ok &= fabsf(p.y[i]) < 1e-3f && isfinite(p.dx[i]) && isfinite(p.gamma[i % 6]);
        test_case("groups without deviation");
        CHECK(ok);

        make(single, 0, 0);
        CHECK(nn_group_norm(p.y, p.mean, p.inverse, p.x, NULL, NULL, 5, 1, 7, 7, 1e-5f) == NN_OK);
        CHECK(backward(p.dx, NULL, NULL, p.dy, p.x, 0) == NN_OK);
        ok = 1;
        for (size_t i = 0; i < p.count; i++) ok &= p.y[i] == 0 && p.dx[i] == 0 && p.mean[i] == p.x[i];
        test_case("groups of one pixel");
        CHECK(ok);

        make(far, 1e6f, 0);
        CHECK(nn_group_norm(p.y, p.mean, p.inverse, p.x, NULL, NULL, 2, 500, 8, 2, 0) == NN_OK);
        double sum = 0, squares = 0;
        for (size_t k = 0; k < members(); k++) {
            const double y = (double)p.y[at(1, 1, k)];
            sum += y / (double)members(), squares += y * y / (double)members();
        }
        test_case("mean 1e6: afterwards %g, variance %g", sum, squares - sum * sum);
        CHECK(fabs(sum) < 0.07 && fabs(squares - sum * sum - 1) < 1e-5);

        make(shape, 0, 0);
        p.x[9] = NAN; /* the second group of the first image */
        CHECK(nn_group_norm(p.y, NULL, NULL, p.x, NULL, NULL, 2, 49, 6, 3, 1e-5f) == NN_OK);
        test_case("NaN");
        CHECK(isnan(p.y[2]) && isnan(p.y[48 * 6 + 3]) && isfinite(p.y[1]) && isfinite(p.y[4]) && isfinite(p.y[49 * 6 + 2]));
    }
}

static void torch(const char *name, size_t images, size_t groups) {
    char key[64];
#define KEY(part) (snprintf(key, sizeof key, "%s.%s", name, part), key)
    size_t count, n;
    const float *gamma = golden(KEY("gamma"), &n), *beta = golden(KEY("beta"), NULL), *dy = golden(KEY("dy"), NULL);
    const float *x = golden(KEY("x"), &count);
    const size_t pixels = count / images / n;
    static float dgamma[WIDE], dbeta[WIDE];
    float *y = y_end - count, *dx = dx_end - count;
    if (!groups) groups = n;
    test_case("PyTorch's %s", name);
    CHECK(nn_group_norm(y, p.mean, p.inverse, x, gamma, beta, images, pixels, n, groups, 1e-5f) == NN_OK);
    CHECK(nn_group_norm_backward(dx, dgamma, dbeta, dy, x, p.mean, p.inverse, gamma, images, pixels, n, groups, 0) == NN_OK);
    CHECK(golden_close(y, KEY("y"), TOL_TORCH));
    CHECK(golden_close(dx, KEY("dx"), TOL_TORCH));
    CHECK(golden_close(dgamma, KEY("dgamma"), TOL_TORCH));
    CHECK(golden_close(dbeta, KEY("dbeta"), TOL_TORCH));
#undef KEY
}

static void threads(void) {
    static const size_t shapes[][4] = {{7, 300, 48, 4}, {2, 50, 600, 300}, {1, 100, 600, 600}, {3, 60, 520, 1}};
    static float alone[2][MOST], parameters[2][WIDE], dgamma[WIDE], dbeta[WIDE];
    size_t calls = 0;
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t t = 1; t < 20; t += 6) {
            const size_t before = calls;
            nn_threads_hook(t % 4 == 3 ? hook_backwards : hook_pthreads, &calls);
            nn_threads(t);
            make(shapes[s], 2, 3);
            const size_t n = p.channels;
            test_case("%zu x %zu x %zu in %zu groups, %zu threads", p.images, p.pixels, n, p.groups, t);
            CHECK(nn_group_norm(p.y, p.mean, p.inverse, p.x, p.gamma, p.beta, p.images, p.pixels, n, p.groups, 1e-3f) == NN_OK);
            CHECK(backward(p.dx, dgamma, dbeta, p.dy, p.x, 0) == NN_OK);
            if (t == 1) {
                memcpy(alone[0], p.y, p.count * sizeof(float)), memcpy(alone[1], p.dx, p.count * sizeof(float));
                memcpy(parameters[0], dgamma, sizeof dgamma), memcpy(parameters[1], dbeta, sizeof dbeta);
            }
            CHECK(t == 1 || calls >= before + 3);
            CHECK(first_difference(alone[0], p.y, p.count) == p.count);
            CHECK(first_difference(alone[1], p.dx, p.count) == p.count);
            CHECK(first_difference(parameters[0], dgamma, n) == n && first_difference(parameters[1], dbeta, n) == n);
        }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

int main(void) {
    /* groups of one channel, of several, of all; more channels than a panel, groups wider than one, beside panels' borders */
    static const size_t shapes[][4] = {{1, 2, 1, 1},    {2, 3, 4, 2},    {3, 9, 6, 1},    {2, 16, 15, 5},   {2, 49, 32, 8},
                                       {3, 7, 17, 17},  {2, 300, 9, 3},  {1, 257, 64, 64}, {2, 5, 300, 300}, {2, 11, 510, 3},
                                       {3, 4, 600, 1},  {1, 6, 514, 2},  {4, 1, 100, 10}, {2, 1, 257, 1},   {2, 20, 255, 5}};
    static const size_t small[][4] = {{1, 5, 1, 1}, {2, 4, 6, 3}, {2, 4, 6, 1}, {2, 5, 7, 7}, {1, 3, 34, 2}, {1, 2, 300, 1},
                                      {2, 2, 260, 130}, {1, 300, 2, 1}};
    x_end = guard_end(MOST), y_end = guard_end(MOST), dy_end = guard_end(MOST), dx_end = guard_end(MOST);
    golden_open("norm");
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int options = 0; options < 4; options++) values(shapes[s], options == 3 ? 1000.0f : 0.5f, options);
    for (size_t s = 0; s < COUNT(small); s++)
        for (int options = 0; options < 4; options += 3) gradients(small[s], options);
    relatives();
    extremes();
    torch("group_norm", 2, 4);
    torch("instance_norm", 2, 0);
    threads();
    return test_end("groupnorm");
}
