/* test_maths.c - functions of every element: accuracy, special values, order, lanes, edges, derivatives, equal bits */
#include "functions.h"
#include "golden.h"
#include "hook.h"
#include "test.h"

/* ---- accuracy and order, on floats spread over all bit patterns (test_accuracy.c takes all of them) ---- */

#define CHUNK 4096

static void spread(const function *f, uint32_t step) {
    static float x[CHUNK], y[CHUNK], first[CHUNK];
    double worst = 0;
    float worst_x = 0, last = -INFINITY;
    int rising = 1, equal = 1;
    const uint64_t count = ORDERED_FLOATS / step;
    for (uint64_t begin = 0; begin < count; begin += CHUNK) {
        const size_t n = count - begin < CHUNK ? (size_t)(count - begin) : CHUNK;
        for (size_t i = 0; i < n; i++) x[i] = ordered_float((uint32_t)((begin + i) * step));
        f->f(first, x, n);
        for (size_t i = 0; i < n; i++) {
            const double error = ulp_error(first[i], f->value((double)x[i]));
            if (!(error <= worst)) worst = error, worst_x = x[i];
            rising &= !(first[i] < last);
            last = first[i];
        }
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            f->f(y, x, n);
            equal &= first_difference(first, y, n) == n;
        }
    }
    test_case("%s, worst %g ULP at %a", f->name, worst, (double)worst_x);
    CHECK(worst <= f->ulp);
    CHECK(equal);
    if (f->monotone) CHECK(rising);
}

/* Every float around the points where the functions change their formula or their exponent. */
static void break_points(const function *f) {
    static const float points[] = {-109, -103.97f, -103.28f, -87.3365f, -20, -17.33f, -14.6f, -13.9f, -11, -10.3f, -1, -0.7f, -0.625f, -0.34657f, 0, 0.34657f, 0.625f,
                                   0.70711f, 1, 1.41421f, 2, 9.01f, 16.64f, 17.33f, 20, 88.3763f, 88.7228f, 1.17549e-38f, 3.4e38f};
    enum { AROUND = 3000 };
    static float x[2 * AROUND], y[2 * AROUND];
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t p = 0; p < COUNT(points); p++) {
            uint32_t at = 0;
            for (uint32_t bit = 1u << 31; bit; bit >>= 1)
                if (at + bit < ORDERED_FLOATS && ordered_float(at + bit) <= points[p]) at += bit;
            double worst = 0;
            int rising = 1;
            for (uint32_t i = 0; i < 2 * AROUND; i++) x[i] = ordered_float(at - AROUND + i);
            f->f(y, x, 2 * AROUND);
            for (size_t i = 0; i < 2 * AROUND; i++) {
                worst = fmax(worst, ulp_error(y[i], f->value((double)x[i])));
                rising &= i == 0 || !(y[i] < y[i - 1]);
            }
            test_case("%s around %g, worst %g ULP", f->name, (double)points[p], worst);
            CHECK(worst <= f->ulp);
            if (f->monotone) CHECK(rising);
        }
}

/* ---- special values: of C99 for exp, log and tanh; the limits for the others ---- */

static void leaky(float *y, const float *x, size_t n) { nn_leaky_relu(y, x, n, 0.5f); }
static void clip(float *y, const float *x, size_t n) { nn_clip(y, x, n, -0.25f, 0.5f); }

static void special_values(void) {
    static const struct { const char *name; void (*f)(float *, const float *, size_t); float x, y; } cases[] = {
        {"exp", nn_exp, 0.0f, 1}, {"exp", nn_exp, -0.0f, 1}, {"exp", nn_exp, INFINITY, INFINITY}, {"exp", nn_exp, -INFINITY, 0},
        {"exp", nn_exp, 88.8f, INFINITY}, {"exp", nn_exp, 3e38f, INFINITY}, {"exp", nn_exp, -104, 0}, {"exp", nn_exp, -3e38f, 0},
        {"exp", nn_exp, 1e-45f, 1}, {"exp", nn_exp, -103.5f, 1e-45f}, {"exp", nn_exp, NAN, NAN},
        {"log", nn_log, 0.0f, -INFINITY}, {"log", nn_log, -0.0f, -INFINITY}, {"log", nn_log, 1, 0}, {"log", nn_log, INFINITY, INFINITY},
        {"log", nn_log, -1, NAN}, {"log", nn_log, -1e-45f, NAN}, {"log", nn_log, -INFINITY, NAN}, {"log", nn_log, NAN, NAN},
        {"tanh", nn_tanh, 0.0f, 0.0f}, {"tanh", nn_tanh, -0.0f, -0.0f}, {"tanh", nn_tanh, INFINITY, 1}, {"tanh", nn_tanh, -INFINITY, -1},
        {"tanh", nn_tanh, 1e-45f, 1e-45f}, {"tanh", nn_tanh, -3e38f, -1}, {"tanh", nn_tanh, NAN, NAN},
        {"sigmoid", nn_sigmoid, 0.0f, 0.5f}, {"sigmoid", nn_sigmoid, -0.0f, 0.5f}, {"sigmoid", nn_sigmoid, INFINITY, 1},
        {"sigmoid", nn_sigmoid, -INFINITY, 0}, {"sigmoid", nn_sigmoid, 3e38f, 1}, {"sigmoid", nn_sigmoid, -3e38f, 0}, {"sigmoid", nn_sigmoid, NAN, NAN},
        {"softplus", nn_softplus, INFINITY, INFINITY}, {"softplus", nn_softplus, -INFINITY, 0}, {"softplus", nn_softplus, 3e38f, 3e38f},
        {"softplus", nn_softplus, -3e38f, 0}, {"softplus", nn_softplus, NAN, NAN},
        {"relu", nn_relu, 0.0f, 0.0f}, {"relu", nn_relu, -0.0f, 0.0f}, {"relu", nn_relu, -1, 0}, {"relu", nn_relu, 2, 2},
        {"relu", nn_relu, INFINITY, INFINITY}, {"relu", nn_relu, -INFINITY, 0}, {"relu", nn_relu, 1e-45f, 1e-45f}, {"relu", nn_relu, NAN, NAN},
        {"leaky", leaky, 4, 4}, {"leaky", leaky, -4, -2}, {"leaky", leaky, INFINITY, INFINITY}, {"leaky", leaky, -INFINITY, -INFINITY}, {"leaky", leaky, NAN, NAN},
        {"elu", elu_of_1, INFINITY, INFINITY}, {"elu", elu_of_1, -INFINITY, -1}, {"elu", elu_of_1, 3, 3}, {"elu", elu_of_1, NAN, NAN},
        {"selu", nn_selu, INFINITY, INFINITY}, {"selu", nn_selu, -INFINITY, -1.75809932f}, {"selu", nn_selu, 0.0f, 0.0f}, {"selu", nn_selu, NAN, NAN},
        {"selu", nn_selu, 1, 1.05070099f}, {"selu", nn_selu, 3e38f, 3.15210305e38f}, {"selu", nn_selu, 3.4e38f, INFINITY},
        {"gelu", nn_gelu, INFINITY, INFINITY}, {"gelu", nn_gelu, -INFINITY, -0.0f}, {"gelu", nn_gelu, 0.0f, 0.0f}, {"gelu", nn_gelu, -0.0f, -0.0f},
        {"gelu", nn_gelu, 3e38f, 3e38f}, {"gelu", nn_gelu, -3e38f, -0.0f}, {"gelu", nn_gelu, -15, -0.0f}, {"gelu", nn_gelu, 100, 100}, {"gelu", nn_gelu, NAN, NAN},
        {"gelu_tanh", nn_gelu_tanh, INFINITY, INFINITY}, {"gelu_tanh", nn_gelu_tanh, -INFINITY, -0.0f}, {"gelu_tanh", nn_gelu_tanh, 0.0f, 0.0f},
        {"gelu_tanh", nn_gelu_tanh, -0.0f, -0.0f}, {"gelu_tanh", nn_gelu_tanh, 3e38f, 3e38f}, {"gelu_tanh", nn_gelu_tanh, -3e38f, -0.0f}, {"gelu_tanh", nn_gelu_tanh, NAN, NAN},
        {"silu", nn_silu, INFINITY, INFINITY}, {"silu", nn_silu, -INFINITY, -0.0f}, {"silu", nn_silu, 0.0f, 0.0f}, {"silu", nn_silu, -0.0f, -0.0f},
        {"silu", nn_silu, 3e38f, 3e38f}, {"silu", nn_silu, -3e38f, -0.0f}, {"silu", nn_silu, NAN, NAN},
        {"reciprocal", nn_reciprocal, 0.0f, INFINITY}, {"reciprocal", nn_reciprocal, -0.0f, -INFINITY}, {"reciprocal", nn_reciprocal, -INFINITY, -0.0f},
        {"reciprocal", nn_reciprocal, 4, 0.25f}, {"reciprocal", nn_reciprocal, NAN, NAN},
        {"clip", clip, -3, -0.25f}, {"clip", clip, 0.1f, 0.1f}, {"clip", clip, 3, 0.5f}, {"clip", clip, -INFINITY, -0.25f},
        {"clip", clip, INFINITY, 0.5f}, {"clip", clip, -0.0f, -0.0f}, {"clip", clip, NAN, NAN},
        {"step", nn_step, 0.0f, 0}, {"step", nn_step, -0.0f, 0}, {"step", nn_step, 1e-45f, 1}, {"step", nn_step, -1, 0},
        {"step", nn_step, INFINITY, 1}, {"step", nn_step, -INFINITY, 0}, {"step", nn_step, NAN, NAN}};
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(cases); i++) {
            float x[19], y[19];
            for (size_t j = 0; j < COUNT(x); j++) x[j] = cases[i].x;
            cases[i].f(y, x, COUNT(x));
            int ok = 1;
            for (size_t j = 0; j < COUNT(x); j++) ok &= same_bits(y[j], cases[i].y);
            test_case("%s(%g) = %g", cases[i].name, (double)cases[i].x, (double)y[0]);
            CHECK(ok);
        }
}

/* ---- every array function, as one with two inputs ---- */

typedef struct map {
    const char *name;
    void (*f)(float *y, const float *a, const float *b, size_t n);
    int inputs, adds; /* adds: reads y as well */
} map;

#define UNARY(name, call) \
    static void map_##name(float *y, const float *a, const float *b, size_t n) { (void)b; call; }
#define BACKWARD(name, activation) \
    static void map_d_##name(float *y, const float *a, const float *b, size_t n) { nn_activate_backward(y, a, b, n, activation, 0.3f); }
UNARY(exp, nn_exp(y, a, n))
UNARY(log, nn_log(y, a, n))
UNARY(tanh, nn_tanh(y, a, n))
UNARY(sigmoid, nn_sigmoid(y, a, n))
UNARY(softplus, nn_softplus(y, a, n))
UNARY(relu, nn_relu(y, a, n))
UNARY(leaky_relu, nn_leaky_relu(y, a, n, 0.3f))
UNARY(elu, nn_elu(y, a, n, 0.3f))
UNARY(step, nn_step(y, a, n))
UNARY(selu, nn_selu(y, a, n))
UNARY(gelu, nn_gelu(y, a, n))
UNARY(gelu_tanh, nn_gelu_tanh(y, a, n))
UNARY(silu, nn_silu(y, a, n))
UNARY(reciprocal, nn_reciprocal(y, a, n))
UNARY(clip, clip(y, a, n))
UNARY(identity, nn_activate(y, a, n, NN_IDENTITY, 0))
UNARY(scale, nn_scale(y, a, n, 0.3f))
UNARY(axpy, nn_axpy(y, a, n, 0.3f))
BACKWARD(identity, NN_IDENTITY)
BACKWARD(relu, NN_RELU)
BACKWARD(leaky_relu, NN_LEAKY_RELU)
BACKWARD(sigmoid, NN_SIGMOID)
BACKWARD(tanh, NN_TANH)
BACKWARD(softplus, NN_SOFTPLUS)
BACKWARD(elu, NN_ELU)
BACKWARD(step, NN_STEP)
BACKWARD(selu, NN_SELU)
BACKWARD(gelu, NN_GELU)
BACKWARD(gelu_tanh, NN_GELU_TANH)
BACKWARD(silu, NN_SILU)

static const map maps[] = {
    {"exp", map_exp, 1, 0}, {"log", map_log, 1, 0}, {"tanh", map_tanh, 1, 0}, {"sigmoid", map_sigmoid, 1, 0},
    {"softplus", map_softplus, 1, 0}, {"relu", map_relu, 1, 0}, {"leaky_relu", map_leaky_relu, 1, 0}, {"elu", map_elu, 1, 0},
    {"step", map_step, 1, 0}, {"identity", map_identity, 1, 0}, {"scale", map_scale, 1, 0}, {"axpy", map_axpy, 1, 1},
    {"add", nn_add, 2, 0}, {"mul", nn_mul, 2, 0}, {"exp_backward", nn_exp_backward, 2, 0}, {"log_backward", nn_log_backward, 2, 0},
    {"identity backward", map_d_identity, 2, 0}, {"relu backward", map_d_relu, 2, 0}, {"leaky_relu backward", map_d_leaky_relu, 2, 0},
    {"sigmoid backward", map_d_sigmoid, 2, 0}, {"tanh backward", map_d_tanh, 2, 0}, {"softplus backward", map_d_softplus, 2, 0},
    {"elu backward", map_d_elu, 2, 0}, {"step backward", map_d_step, 2, 0},
    {"selu", map_selu, 1, 0}, {"gelu", map_gelu, 1, 0}, {"gelu_tanh", map_gelu_tanh, 1, 0}, {"silu", map_silu, 1, 0},
    {"selu backward", map_d_selu, 2, 0}, {"gelu backward", map_d_gelu, 2, 0}, {"gelu_tanh backward", map_d_gelu_tanh, 2, 0},
    {"silu backward", map_d_silu, 2, 0}, {"sub", nn_sub, 2, 0}, {"mul_add", nn_mul_add, 2, 1}, {"clip", map_clip, 1, 0},
    {"reciprocal", map_reciprocal, 1, 0}, {"reciprocal_backward", nn_reciprocal_backward, 2, 0}};

static void any_floats(float *x, size_t n, uint64_t *state) {
    for (size_t i = 0; i < n; i++) x[i] = test_below(state, 2) ? 8 * test_float(state) : float_of((uint32_t)test_random(state));
}

/* An element's result depends on that element alone: computed by itself, and in any place among noise, it is the same. */
static void lanes(const map *f) {
    enum { N = 70 };
    float a[N], b[N], y[N];
    uint64_t state = 9;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        int ok = 1;
        for (size_t at = 0; at < N; at++) {
            any_floats(a, N, &state);
            any_floats(b, N, &state);
            test_fill(y, N, &state);
            float alone = y[at];
            f->f(&alone, a + at, b + at, 1);
            f->f(y, a, b, N);
            ok &= same_bits(y[at], alone);
        }
        test_case("%s, each element alone and among others", f->name);
        CHECK(ok);
    }
}

/* All lengths; the arrays end at guard pages, so their beginnings are as unaligned as the length makes them. */
static void edges(const map *f) {
    enum { MOST = 1100, FRONT = 40 };
    static float *ends[3], a[MOST], b[MOST], y[MOST], want[MOST];
    uint64_t state = 10;
    for (size_t i = 0; i < 3; i++)
        if (!ends[i]) ends[i] = guard_end(MOST);
    any_floats(a, MOST, &state);
    any_floats(b, MOST, &state);
    test_fill(y, MOST, &state);
    memcpy(want, y, sizeof y);
    f->f(want, a, b, MOST);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t l = 0; l < COUNT(test_lengths); l++) {
            const size_t n = test_lengths[l];
            float *const out = ends[0] - n, *const in1 = ends[1] - n, *const in2 = ends[2] - n;
            memcpy(in1, a, n * sizeof *a);
            memcpy(in2, b, n * sizeof *b);
            fill_untouched(out - FRONT, FRONT);
            memcpy(out, y, n * sizeof *y);
            f->f(out, in1, in2, n);
            test_case("%s of %zu", f->name, n);
            CHECK(first_difference(out, want, n) == n && is_untouched(out - FRONT, FRONT));
            if (f->adds) continue;
            f->f(in1, in1, in2, n);
            CHECK(first_difference(in1, want, n) == n);
            memcpy(in1, a, n * sizeof *a);
            f->f(in2, in1, in2, n);
            CHECK(first_difference(in2, want, n) == n || f->inputs == 1);
        }
}

/* ---- derivatives, by central differences of the true function ---- */

static double true_identity(double x) { return x; }
static double true_relu(double x) { return x > 0 ? x : 0; }
static double true_leaky_relu(double x) { return x > 0 ? x : 0.3 * x; }
static double true_elu_03(double x) { return x > 0 ? x : 0.3 * expm1(x); }
static double true_step(double x) { return x > 0; }
static double (*const activations[NN_ACTIVATION_COUNT])(double) = {
    [NN_IDENTITY] = true_identity, [NN_RELU] = true_relu, [NN_LEAKY_RELU] = true_leaky_relu, [NN_SIGMOID] = true_sigmoid,
    [NN_TANH] = tanh, [NN_SOFTPLUS] = true_softplus, [NN_ELU] = true_elu_03, [NN_STEP] = true_step,
    [NN_SELU] = true_selu, [NN_GELU] = true_gelu, [NN_GELU_TANH] = true_gelu_tanh, [NN_SILU] = true_silu};

static double slope_of(double (*f)(double), double x) {
    const double h = 1e-5 * fmax(1, fabs(x)); /* h^2 and 2^-53/h, the two errors, are about equal: 1e-10 */
    return (f(x + h) - f(x - h)) / (2 * h);
}

static void derivatives(void) {
    enum { N = 1000 };
    static float x[N], y[N], dy[N], dx[N];
    uint64_t state = 11;
    for (size_t i = 0; i < N; i++) {
        x[i] = 6 * test_float(&state);
        if (fabsf(x[i]) < 1e-3f) x[i] = 1; /* away from the kinks */
    }
    test_fill(dy, N, &state);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        for (int act = 0; act < NN_ACTIVATION_COUNT; act++) {
            nn_activate(y, x, N, (nn_activation)act, 0.3f);
            nn_activate_backward(dx, dy, nn_activation_keeps_input((nn_activation)act) ? x : y, N, (nn_activation)act, 0.3f);
            double worst = 0;
            for (size_t i = 0; i < N; i++) {
                const double error = fabs((double)dx[i] - (double)dy[i] * slope_of(activations[act], (double)x[i]));
                if (!(error <= worst)) worst = error;
            }
            test_case("derivative of activation %d, off by %g", act, worst);
            CHECK(worst <= TOL_DERIVATIVE);
        }
        double worst_exp = 0, worst_log = 0;
        nn_exp(y, x, N);
        nn_exp_backward(dx, dy, y, N);
        for (size_t i = 0; i < N; i++) {
            const double want = (double)dy[i] * slope_of(exp, (double)x[i]);
            worst_exp = fmax(worst_exp, fabs((double)dx[i] - want) / exp((double)x[i]));
        }
        for (size_t i = 0; i < N; i++) y[i] = fabsf(x[i]);
        nn_log_backward(dx, dy, y, N);
        for (size_t i = 0; i < N; i++)
            worst_log = fmax(worst_log, fabs((double)dx[i] - (double)dy[i] / (double)y[i]) * (double)y[i]);
        test_case("derivatives of exp, off by %g, and log, off by %g", worst_exp, worst_log);
        CHECK(worst_exp <= TOL_DERIVATIVE && worst_log <= TOL_DERIVATIVE);
    }
}

/* At a kink the derivative from the left; far out exactly the limits. */
static void derivative_limits(void) {
    const struct { nn_activation activation; float v, d; } cases[] = {
        {NN_RELU, 0, 0}, {NN_RELU, 1e-30f, 1}, {NN_LEAKY_RELU, 0, 0.3f}, {NN_LEAKY_RELU, -2, 0.3f}, {NN_LEAKY_RELU, 2, 1},
        {NN_SIGMOID, 0, 0}, {NN_SIGMOID, 1, 0}, {NN_TANH, 1, 0}, {NN_TANH, -1, 0}, {NN_TANH, 0, 1},
        {NN_SOFTPLUS, 0, 0}, {NN_SOFTPLUS, 100, 1}, {NN_ELU, -0.3f, 0}, {NN_ELU, 5, 1}, {NN_STEP, 1, 0}, {NN_IDENTITY, 7, 1},
        {NN_SELU, 0, 1.75809932f}, {NN_SELU, 2, 1.05070102f}, {NN_SELU, -1.75809932f, 0}, {NN_GELU, 0, 0.5f}, {NN_GELU, 20, 1},
        {NN_GELU, -20, 0}, {NN_GELU, INFINITY, 1}, {NN_GELU, -INFINITY, 0}, {NN_GELU_TANH, 0, 0.5f}, {NN_GELU_TANH, 20, 1},
        {NN_GELU_TANH, -20, 0}, {NN_GELU_TANH, INFINITY, 1}, {NN_GELU_TANH, -INFINITY, 0}, {NN_SILU, 0, 0.5f}, {NN_SILU, 120, 1},
        {NN_SILU, -120, 0}, {NN_SILU, INFINITY, 1}, {NN_SILU, -INFINITY, 0}};
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(cases); i++) {
            const float one = 1;
            float dx;
            nn_activate_backward(&dx, &one, &cases[i].v, 1, cases[i].activation, 0.3f);
            test_case("derivative of activation %d at %g is %g", (int)cases[i].activation, (double)cases[i].v, (double)dx);
            CHECK(dx == cases[i].d);
        }
}

static void arithmetic(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        float x[3] = {NAN, INFINITY, 2}, y[3] = {1, 2, 0x1p-24f};
        nn_scale(y, x, 3, 0);
        test_case("scale by 0 does not read x");
        CHECK(y[0] == 0 && y[1] == 0 && y[2] == 0);
        float one = 1 + 0x1p-12f, sum = -1 - 0x1p-11f;
        nn_axpy(&sum, &one, 1, one); /* the square's last bit is lost if the product is rounded */
        test_case("axpy rounds once");
        CHECK(sum == 0x1p-24f);
        sum = -1 - 0x1p-11f;
        nn_mul_add(&sum, &one, &one, 1);
        test_case("mul_add rounds once");
        CHECK(sum == 0x1p-24f);
        const float huge = 1e30f, tiny = 1e-38f;
        float difference, dx;
        nn_sub(&difference, &one, &sum, 1);
        nn_reciprocal_backward(&dx, &tiny, &huge, 1);
        test_case("sub %g, reciprocal_backward %g", (double)difference, (double)dx);
        CHECK(difference == one - 0x1p-24f && fabs((double)dx + 1e22) < 1e16); /* the square alone would be infinite */
    }
}

/* The input is kept exactly where two x give the same y. */
static void kept_inputs(void) {
    for (int act = 0; act < NN_ACTIVATION_COUNT; act++) {
        int falls = 0;
        for (int i = -400; i < 400; i++) falls |= activations[act](i / 100.0) > activations[act](i / 100.0 + 0.01);
        test_case("activation %d keeps its input", act);
        CHECK(nn_activation_keeps_input((nn_activation)act) == falls);
    }
}

/* Far below 0 the derivative is as small as it should be, not the rest of a subtraction. */
static void derivative_tails(void) {
    const struct { nn_activation activation; float least; } cases[] = {{NN_GELU, -13}, {NN_GELU_TANH, -9.9f}, {NN_SILU, -85}};
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(cases); i++) {
            double worst = 0;
            for (int part = 4; part <= 100; part++) {
                const float x = cases[i].least * (float)part / 100, one = 1;
                float dx;
                const double h = 1e-6 * fabs((double)x), above = activations[cases[i].activation]((double)x + h);
                const double want = (above - activations[cases[i].activation]((double)x - h)) / (2 * h);
                nn_activate_backward(&dx, &one, &x, 1, cases[i].activation, 0);
                if ((double)x < -1.5) worst = fmax(worst, fabs((double)dx / want - 1));
            }
            test_case("derivative of activation %d far out, off by %g of itself", (int)cases[i].activation, worst);
            CHECK(worst <= TOL_TAIL);
        }
}

static void add_rows(void) {
    static const size_t shapes[][2] = {{0, 5}, {5, 0}, {1, 1}, {100, 1}, {3, 17}, {7, 64}, {10, 101}, {300, 500}};
    enum { MOST = 300 * 500 };
    static float x[MOST], row[500], want[MOST];
    static float *y_end;
    uint64_t state = 12;
    if (!y_end) y_end = guard_end(MOST);
    test_fill(x, MOST, &state);
    test_fill(row, COUNT(row), &state);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t s = 0; s < COUNT(shapes); s++)
            for (size_t threads = 1; threads <= 3; threads += 2) {
                const size_t rows = shapes[s][0], n = shapes[s][1];
                float *y = y_end - rows * n;
                for (size_t i = 0; i < rows * n; i++) want[i] = x[i] + row[i % n];
                nn_threads_hook(hook_backwards, NULL);
                nn_threads(threads);
                fill_untouched(y - 40, 40);
                nn_add_row(y, x, row, rows, n);
                test_case("add_row, %zu x %zu, %zu threads", rows, n, threads);
                CHECK(first_difference(y, want, rows * n) == rows * n && is_untouched(y - 40, 40));
                memcpy(y, x, rows * n * sizeof *y);
                nn_add_row(y, y, row, rows, n);
                CHECK(first_difference(y, want, rows * n) == rows * n);
                nn_threads(1);
                nn_threads_hook(NULL, NULL);
            }
}

/* ---- PyTorch's values, forward and backward ---- */

static void torch_values(void) {
    static const struct { const char *name; nn_activation activation; float slope; } cases[] = {
        {"relu", NN_RELU, 0}, {"leaky_relu", NN_LEAKY_RELU, 0.01f}, {"sigmoid", NN_SIGMOID, 0}, {"tanh", NN_TANH, 0},
        {"softplus", NN_SOFTPLUS, 0}, {"elu", NN_ELU, 0.7f}, {"selu", NN_SELU, 0}, {"gelu", NN_GELU, 0},
        {"gelu_tanh", NN_GELU_TANH, 0}, {"silu", NN_SILU, 0}};
    float y[256], dx[256];
    size_t n;
    golden_open("activations");
    const float *x = golden("x", &n), *dy = golden("dy", NULL);
    CHECK(n <= COUNT(y));
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(cases); i++) {
            char name[64];
            nn_activate(y, x, n, cases[i].activation, cases[i].slope);
            nn_activate_backward(dx, dy, nn_activation_keeps_input(cases[i].activation) ? x : y, n, cases[i].activation, cases[i].slope);
            test_case("%s as PyTorch", cases[i].name);
            snprintf(name, sizeof name, "%s.y", cases[i].name);
            CHECK(golden_close(y, name, TOL_TORCH));
            snprintf(name, sizeof name, "%s.dx", cases[i].name);
            CHECK(golden_close(dx, name, TOL_TORCH));
        }
}

int main(void) {
    for (size_t i = 0; i < COUNT(functions); i++) {
        spread(&functions[i], test_quick() ? 100003 : 1021);
        break_points(&functions[i]);
    }
    special_values();
    for (size_t i = 0; i < COUNT(maps); i++) {
        lanes(&maps[i]);
        edges(&maps[i]);
    }
    derivatives();
    derivative_limits();
    derivative_tails();
    kept_inputs();
    arithmetic();
    add_rows();
    torch_values();
    return test_end("maths");
}
