/* test_loss.c - every loss with every option: values and gradients against double, PyTorch, invariances, bad arguments */
#include "golden.h"
#include "hook.h"
#include "test.h"

enum { MOST = 40000, ROWS = 4200 }; /* rows: more than a round of loss.h */

/* The rounding of a row's value, relative to 1 + its size: a sum of exponentials (tol_softmax) and some more steps. */
#define TOL_LOSS (96 * EPS)
/* Of a gradient beside a central difference, relative to the largest of the row; p - 1 errs by EPS however small it is. */
#define TOL_D_LOSS 2e-5

/* ---- the truth, in double, row by row ---- */

typedef struct truth {
    nn_loss loss;
    size_t n, right;      /* columns; the right one, for the hinge */
    const double *t;      /* targets after smoothing */
    const float *weights; /* of columns, or NULL */
    double margin, delta;
} truth;

static double weight_of(const truth *c, size_t j) { return c->weights ? (double)c->weights[j] : 1; }
static double times_log(double t, double log_p) { return t == 0 ? 0 : -t * log_p; }

static double log_sum_exp(const double *x, size_t n, size_t without) {
    double top = -INFINITY, sum = 0;
    for (size_t j = 0; j < n; j++) top = j == without ? top : fmax(top, x[j]);
    if (top == -INFINITY) return top;
    for (size_t j = 0; j < n; j++) sum += j == without ? 0 : exp(x[j] - top);
    return top + log(sum);
}

/* log(1 - p) of column j; where p is large, from the other columns. */
static double log_no(const double *x, size_t n, size_t j, double all) {
    const double p = exp(x[j] - all);
    return p < 0.4 ? log1p(-p) : log_sum_exp(x, n, j) - all;
}
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

static double term(const truth *c, const double *x, size_t j, double all) {
    const double t = c->t[j], o = x[j], apart = fabs(o - t);
    switch (c->loss) {
    case NN_LOSS_SOFTMAX_CE: return times_log(t, o - all);
    case NN_LOSS_SOFTMAX_BCE: return times_log(t, o - all) + times_log(1 - t, log_no(x, c->n, j, all));
    case NN_LOSS_SOFTMAX_MSE: return 0.5 * (exp(o - all) - t) * (exp(o - all) - t);
    case NN_LOSS_SIGMOID_BCE: return t * softplus(-o) + (1 - t) * softplus(o);
    case NN_LOSS_CE: return times_log(t, fmax(log(o), -100));
    case NN_LOSS_LOG_CE: return times_log(t, o);
    case NN_LOSS_BCE: return times_log(t, fmax(log(o), -100)) + times_log(1 - t, fmax(log(1 - o), -100));
    case NN_LOSS_MSE: return 0.5 * apart * apart;
    case NN_LOSS_MAE: return apart;
    case NN_LOSS_HUBER: return apart <= c->delta ? 0.5 * apart * apart : c->delta * (apart - 0.5 * c->delta);
    default: return j == c->right ? 0 : fmax(0, o - x[c->right] + c->margin);
    }
}

static double true_row(const truth *c, const double *x) {
    const int softmax = c->loss == NN_LOSS_SOFTMAX_CE || c->loss == NN_LOSS_SOFTMAX_BCE || c->loss == NN_LOSS_SOFTMAX_MSE;
    const double all = softmax ? log_sum_exp(x, c->n, c->n) : 0;
    double sum = 0;
    for (size_t j = 0; j < c->n; j++) sum += weight_of(c, c->loss == NN_LOSS_HINGE ? c->right : j) * term(c, x, j, all);
    return sum;
}

#define STEP 0x1p-17 /* of the central differences */

/* Whether x[j] lies so near a kink that a difference across it says nothing. */
static int at_kink(const truth *c, const double *x, size_t j) {
    const double near = 2 * STEP;
    if (c->loss == NN_LOSS_MAE) return fabs(x[j] - c->t[j]) < near;
    if (c->loss != NN_LOSS_HINGE) return 0;
    for (size_t k = 0; k < c->n; k++)
        if (k != c->right && (k == j || j == c->right) && fabs(x[k] - x[c->right] + c->margin) < near) return 1;
    return 0;
}

static unsigned long kinks;

/* Whether gradient = factor * d true_row/dx; of long rows some columns are looked at. */
static int row_gradient(const truth *c, double *x, const float *gradient, double factor) {
    uint64_t state = c->n;
    double want[40], top = 1e-2 * fabs(factor);
    size_t column[40], count = c->n < 40 ? c->n : 40;
    for (size_t i = 0; i < count; i++) {
        const size_t j = column[i] = c->n <= 40 ? i : i == 0 ? c->right : test_below(&state, c->n);
        const double at = x[j];
        x[j] = at + STEP;
        const double above = true_row(c, x);
        x[j] = at - STEP;
        want[i] = factor * (above - true_row(c, x)) / (2 * STEP);
        x[j] = at;
        top = fmax(top, fabs(want[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (at_kink(c, x, column[i])) kinks++;
        else if (!(fabs((double)gradient[column[i]] - want[i]) <= TOL_D_LOSS * top)) {
            printf("column %zu: gradient %.9g, difference %.9g\n", column[i], (double)gradient[column[i]], want[i]);
            return 0;
        }
    }
    return 1;
}

/* ---- every loss with every option ---- */

typedef struct options {
    nn_loss loss;
    int labels, smooth, sample_weights, class_weights, sum;
} options;

static float *x_end, *dx_end, *t_end, *y_end;
static float sample_weights[ROWS], class_weights[MOST];
static uint32_t labels[ROWS];

/* Outputs of the kind that the loss wants, and soft or free targets. */
static void fill_case(nn_loss loss, float *x, float *t, size_t rows, size_t n, uint64_t *state) {
    const int free_targets = loss == NN_LOSS_MSE || loss == NN_LOSS_MAE || loss == NN_LOSS_HUBER;
    const int questions = loss == NN_LOSS_BCE || loss == NN_LOSS_SIGMOID_BCE || loss == NN_LOSS_SOFTMAX_BCE || loss == NN_LOSS_SOFTMAX_MSE;
    for (size_t i = 0; i < rows * n; i++) {
        const float u = test_float(state);
        x[i] = loss == NN_LOSS_CE || loss == NN_LOSS_BCE ? 0.5f + 0.46f * u : loss == NN_LOSS_LOG_CE ? 3 * (u - 1) : 4 * u;
        t[i] = free_targets ? 3 * test_float(state) : 0.5f + 0.5f * test_float(state);
    }
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) sum += (double)t[r * n + j];
        for (size_t j = 0; j < n && !free_targets && !questions; j++) t[r * n + j] /= (float)sum;
        if (n > 2 && !free_targets) t[r * n + r % n] = 0; /* a target of exactly 0 */
        labels[r] = (uint32_t)test_below(state, n);
        sample_weights[r] = r % 5 == 3 ? 0 : 0.5f + fabsf(test_float(state));
    }
    sample_weights[0] = 2;
    for (size_t j = 0; j < n; j++) class_weights[j] = j % 7 == 2 ? 0 : 0.25f + fabsf(test_float(state));
}

static nn_loss_desc describe(options o, const float *t) {
    nn_loss_desc d;
    memset(&d, 0, sizeof d);
    d.loss = o.loss;
    if (o.labels) d.labels = labels;
    else d.targets = t;
    d.label_smoothing = o.smooth ? 0.125f : 0;
    d.sample_weights = o.sample_weights ? sample_weights : NULL;
    d.class_weights = o.class_weights ? class_weights : NULL;
    d.reduction = o.sum ? NN_REDUCE_SUM : NN_REDUCE_MEAN;
    d.margin = o.smooth + o.sum ? 0 : 0.75f;
    d.delta = o.sum ? 0 : 0.6f;
    return d;
}

static const char *describe_case(options o, size_t rows, size_t n) {
    static char text[200];
    snprintf(text, sizeof text, "%s%s%s%s%s%s, %zu x %zu", nn_loss_name(o.loss), o.labels ? ", labels" : "", o.smooth ? ", smoothed" : "",
             o.sample_weights ? ", sample weights" : "", o.class_weights ? ", class weights" : "", o.sum ? ", sum" : "", rows, n);
    return text;
}

/* Targets after smoothing, and the right column. */
static size_t true_targets(const nn_loss_desc *d, double *t, size_t r, size_t n) {
    const double e = (double)d->label_smoothing, add = d->loss == NN_LOSS_BCE || d->loss == NN_LOSS_SIGMOID_BCE ? e / 2 : e / (double)n;
    size_t right = d->labels ? d->labels[r] : 0;
    for (size_t j = 0; j < n; j++) {
        const double given = d->labels ? j == right : (double)d->targets[r * n + j];
        t[j] = (1 - e) * given + add;
        if (!d->labels && d->targets[r * n + j] > d->targets[r * n + right]) right = j;
    }
    return right;
}

static double true_class_weight(const nn_loss_desc *d, size_t r, size_t n, size_t right) {
    const int by_class = d->loss == NN_LOSS_SOFTMAX_CE || d->loss == NN_LOSS_CE || d->loss == NN_LOSS_LOG_CE;
    double sum = 0;
    if (!d->class_weights || (!by_class && d->loss != NN_LOSS_HINGE)) return 1;
    if (d->labels || d->loss == NN_LOSS_HINGE) return (double)d->class_weights[right];
    for (size_t j = 0; j < n; j++) sum += (double)d->class_weights[j] * (double)d->targets[r * n + j];
    return sum;
}

/* Values and gradients against the truth; `value` and what lies at y_end and dx_end are those of the best instruction set. */
static void against_truth(options o, const nn_loss_desc *d, float value, size_t rows, size_t n) {
    const float *x = x_end - rows * n, *y = y_end - rows, *dx = dx_end - rows * n;
    double *t = (double *)malloc((n + 1) * sizeof *t), *at = (double *)malloc((n + 1) * sizeof *at), total = 0, divisor = 0, size = 0;
    int rows_ok = 1, gradients_ok = 1;
    for (size_t r = 0; r < rows; r++) {
        const size_t right = true_targets(d, t, r, n);
        divisor += true_class_weight(d, r, n, right) * (d->sample_weights ? (double)d->sample_weights[r] : 1);
    }
    if (o.sum) divisor = 1;
    for (size_t r = 0; r < rows; r++) {
        truth c = {d->loss, n, true_targets(d, t, r, n), t, d->class_weights, d->margin > 0 ? (double)d->margin : 1, d->delta > 0 ? (double)d->delta : 1};
        const double weight = d->sample_weights ? (double)d->sample_weights[r] : 1;
        for (size_t j = 0; j < n; j++) at[j] = (double)x[r * n + j];
        const double want = weight * true_row(&c, at);
        if (n == 1 && o.loss == NN_LOSS_SOFTMAX_BCE && t[0] < 1) { /* p is 1: the loss infinite, the gradient 0 */
            rows_ok &= y[r] == (weight == 0 ? 0 : INFINITY);
            gradients_ok &= dx[r] == 0;
            continue;
        }
        rows_ok &= fabs((double)y[r] - want) <= TOL_LOSS * (weight + fabs(want));
        total += want;
        size += weight + fabs(want);
        gradients_ok &= rows > 60 || row_gradient(&c, at, dx + r * n, weight / divisor);
    }
    CHECK(rows_ok);
    CHECK(gradients_ok);
    CHECK(value == INFINITY || fabs((double)value - total / divisor) <= TOL_LOSS * size / divisor);
    CHECK(isfinite(value) || (n == 1 && o.loss == NN_LOSS_SOFTMAX_BCE));
    free(at);
    free(t);
}

/* Class weights that are all 0 for the rows there are give nothing to divide by. */
static int has_weight(const nn_loss_desc *d, size_t rows, size_t n) {
    double *t = (double *)malloc((n + 1) * sizeof *t), sum = 0, classes = 0;
    for (size_t r = 0; r < rows; r++) sum += (d->sample_weights ? (double)d->sample_weights[r] : 1) * true_class_weight(d, r, n, true_targets(d, t, r, n));
    for (size_t j = 0; j < n && d->class_weights; j++) classes += (double)d->class_weights[j];
    free(t);
    return sum > 0 && (!d->class_weights || classes > 0);
}

static void one_case(options o, size_t rows, size_t n) {
    uint64_t state = rows * 1000 + n * 10 + (uint64_t)o.loss;
    float *x = x_end - rows * n, *dx = dx_end - rows * n, *t = t_end - rows * n, *y = y_end - rows, first_value = 0;
    static float first_y[ROWS], first_dx[MOST];
    fill_case(o.loss, x, t, rows, n, &state);
    nn_loss_desc d = describe(o, t);
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        float value[3];
        test_case("%s", describe_case(o, rows, n));
        fill_untouched(value, 3);
        fill_untouched(y - 5, rows + 5);
        fill_untouched(dx - 5, rows * n + 5);
        if (!has_weight(&d, rows, n)) {
            d.reduction = NN_REDUCE_MEAN;
            CHECK(nn_loss_run(value, y, dx, x, rows, n, &d) == NN_ERROR_WEIGHT);
            CHECK(is_untouched(value, 3) && is_untouched(y - 5, rows + 5) && is_untouched(dx - 5, rows * n + 5));
            continue;
        }
        CHECK(nn_loss_run(value + 1, y, dx, x, rows, n, &d) == NN_OK);
        CHECK(is_untouched(value, 1) && is_untouched(value + 2, 1) && is_untouched(y - 5, 5) && is_untouched(dx - 5, 5));
        if (isa == best) {
            first_value = value[1];
            memcpy(first_y, y, rows * sizeof *y);
            memcpy(first_dx, dx, rows * n * sizeof *dx);
            against_truth(o, &d, first_value, rows, n);
        }
        CHECK(same_bits(first_value, value[1]) && first_difference(first_y, y, rows) == rows);
        CHECK(first_difference(first_dx, dx, rows * n) == rows * n);
        CHECK(nn_loss_run(value, NULL, NULL, x, rows, n, &d) == NN_OK && same_bits(value[0], first_value)); /* the value alone */
        memcpy(dx, x, rows * n * sizeof *x);
        CHECK(nn_loss_run(NULL, NULL, dx, dx, rows, n, &d) == NN_OK); /* in place */
        CHECK(first_difference(first_dx, dx, rows * n) == rows * n);
    }
}

static void all_cases(void) {
    static const size_t shapes[][2] = {{1, 1}, {1, 2}, {3, 1}, {37, 1}, {1, 10}, {50, 10}, {9, 3}, {17, 4}, {33, 8}, {20, 15}, {35, 16}, {5, 17}, {3, 31}, {2, 67}};
    for (int loss = 0; loss < NN_LOSS_COUNT; loss++)
        for (unsigned bits = 0; bits < 32; bits++) {
            const options o = {(nn_loss)loss, bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1, bits >> 4 & 1};
            if (o.loss == NN_LOSS_HINGE && o.smooth) continue;
            for (size_t s = test_quick() ? bits % 4 : 0; s < COUNT(shapes); s += test_quick() ? 4 : 1)
                one_case(o, shapes[s][0], shapes[s][1]);
            if (bits < 2 || !test_quick()) one_case(o, 2, 1024 + bits);
            if (bits == 9 && !test_quick()) one_case(o, 2, 5003);
        }
    test.skipped += kinks;
    test_case("%lu kinks skipped", kinks);
    CHECK(kinks < 100);
}

/* ---- invariances ---- */

/* A row alone, and the same row in a batch of any size; the target 1 and 0 for a label. */
static void invariances(nn_loss loss, size_t n) {
    enum { BATCH = 41 };
    uint64_t state = n;
    float *x = x_end - BATCH * n, *dx = dx_end - BATCH * n, *t = t_end - BATCH * n, y[BATCH], alone_y, alone_dx[100], value[2];
    nn_loss_desc d;
    fill_case(loss, x, t, BATCH, n, &state);
    memset(&d, 0, sizeof d);
    d.loss = loss;
    d.labels = labels;
    d.reduction = NN_REDUCE_SUM;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (int weighted = 0; weighted < 2; weighted++) {
            int ok = 1;
            d.class_weights = weighted ? class_weights : NULL;
            d.label_smoothing = weighted && loss != NN_LOSS_HINGE ? 0.25f : 0;
            test_case("%s, rows of %zu alone%s", nn_loss_name(loss), n, weighted ? ", weighted" : "");
            d.targets = NULL;
            for (size_t batch = 1; batch <= BATCH; batch += 8) {
                d.labels = labels;
                CHECK(nn_loss_run(NULL, y, dx, x, batch, n, &d) == NN_OK);
                for (size_t r = 0; r < batch; r++) {
                    d.labels = labels + r;
                    ok &= nn_loss_run(NULL, &alone_y, alone_dx, x + r * n, 1, n, &d) == NN_OK;
                    ok &= same_bits(alone_y, y[r]) && first_difference(alone_dx, dx + r * n, n) == n;
                }
            }
            CHECK(ok);
            d.labels = labels;
            CHECK(nn_loss_run(&value[0], y, dx, x, BATCH, n, &d) == NN_OK);
            for (size_t i = 0; i < BATCH * n; i++) t[i] = i % n == labels[i / n];
            d.labels = NULL;
            d.targets = t;
            float *dx_2 = x_end - BATCH * n; /* in place, which spends x */
            CHECK(nn_loss_run(&value[1], y, dx_2, x, BATCH, n, &d) == NN_OK);
            CHECK(same_bits(value[0], value[1]) && first_difference(dx, dx_2, BATCH * n) == BATCH * n);
            state = n;
            fill_case(loss, x, t, BATCH, n, &state);
        }
}

static void threads(nn_loss loss) {
    static const size_t shapes[][2] = {{ROWS, 9}, {39, 1000}, {1, 40000}};
    static float serial_y[ROWS], serial_dx[MOST];
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int given = 0; given < 2; given++) {
            const size_t rows = shapes[s][0], n = shapes[s][1];
            uint64_t state = s;
            float *x = x_end - rows * n, *dx = dx_end - rows * n, *t = t_end - rows * n, *y = y_end - rows, value[2];
            fill_case(loss, x, t, rows, n, &state);
            const options o = {loss, given, 0, 1, 0, 0};
            nn_loss_desc d = describe(o, t);
            test_case("%s, threads", describe_case(o, rows, n));
            CHECK(nn_loss_run(&value[0], serial_y, serial_dx, x, rows, n, &d) == NN_OK);
            const size_t late = sample_weights[rows - 1] > 0 ? rows - 1 : rows - 2; /* alone: batches are cut into rounds */
            nn_loss_desc alone = d;
            float alone_y;
            if (given) alone.labels += late;
            else alone.targets += late * n;
            alone.sample_weights += late;
            CHECK(nn_loss_run(NULL, &alone_y, NULL, x + late * n, 1, n, &alone) == NN_OK && same_bits(alone_y, serial_y[late]));
            for (size_t count = 2; count <= 7; count += 5) {
                size_t calls = 0;
                nn_threads(count);
                nn_threads_hook(count == 2 ? hook_backwards : hook_pthreads, &calls);
                CHECK(nn_loss_run(&value[1], y, dx, x, rows, n, &d) == NN_OK);
                CHECK((calls > 0) == (rows > 1));
                CHECK(same_bits(value[0], value[1]) && first_difference(serial_y, y, rows) == rows);
                CHECK(first_difference(serial_dx, dx, rows * n) == rows * n);
                nn_threads_hook(NULL, NULL);
                nn_threads(1);
            }
        }
}

/* ---- extremes ---- */

static int all_finite(const float *x, size_t n) {
    size_t i = 0;
    while (i < n && isfinite(x[i])) i++;
    return i == n;
}

static nn_loss_desc with_labels(nn_loss loss, const uint32_t *at) {
    nn_loss_desc d;
    memset(&d, 0, sizeof d);
    d.loss = loss;
    d.labels = at;
    return d;
}

/* Logits far apart: finite, and the loss is their distance. */
static void far_logits(nn_loss loss, size_t n) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t r = 0; r < n; r += n > 20 ? 7 : 1)
            for (int sign = -1; sign <= 1; sign++) {
                float x[100], dx[100], value, sum = 0;
                const uint32_t label = (uint32_t)r;
                const nn_loss_desc d = with_labels(loss, &label);
                for (size_t j = 0; j < n; j++) x[j] = 0;
                x[r] = 1e4f * (float)sign;
                test_case("%s, %zu columns, label's logit %g", nn_loss_name(loss), n, (double)x[r]);
                CHECK(nn_loss_run(&value, NULL, dx, x, 1, n, &d) == NN_OK);
                CHECK(isfinite(value) && all_finite(dx, n) && value >= 0);
                for (size_t j = 0; j < n; j++) sum += dx[j];
                if (loss != NN_LOSS_SIGMOID_BCE) CHECK(fabsf(sum) < 4e-6f);
                const double others = (double)(n - 1);
                if (loss == NN_LOSS_SOFTMAX_CE && n > 1)
                    CHECK(fabs((double)value - (sign < 0 ? 1e4 + log(others) : sign ? 0 : log(1 + others))) <= TOL_LOSS * (1 + (double)value));
                if (loss == NN_LOSS_SOFTMAX_CE && n > 1 && sign < 0) CHECK(dx[r] == -1 && fabs((double)dx[(r + 1) % n] * others - 1) <= 4 * EPS);
                if (sign > 0 && loss != NN_LOSS_SIGMOID_BCE) CHECK(value == 0 && dx[r] == 0);
                if (loss == NN_LOSS_SIGMOID_BCE) CHECK(fabs((double)value - (others * log(2) + (sign < 0 ? 1e4 : sign ? 0 : log(2)))) <= TOL_LOSS * (1 + (double)value));
            }
}

/* Two columns of "softmax + CEE" are twice the cross-entropy: 1 - p of one is p of the other. Far apart, too. */
static void two_columns(void) {
    static const float gaps[] = {0, 1e-3f, 1, 10, 20, 80, 200, 1e4f, 3e38f};
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t g = 0; g < COUNT(gaps); g++)
            for (uint32_t label = 0; label < 2; label++) {
                const float x[2] = {gaps[g], 0};
                float once, twice, dx[2], dx_2[2];
                const nn_loss_desc d = with_labels(NN_LOSS_SOFTMAX_CE, &label), d2 = with_labels(NN_LOSS_SOFTMAX_BCE, &label);
                test_case("a gap of %g, label %u", (double)gaps[g], label);
                CHECK(nn_loss_run(&once, NULL, dx, x, 1, 2, &d) == NN_OK);
                CHECK(nn_loss_run(&twice, NULL, dx_2, x, 1, 2, &d2) == NN_OK);
                CHECK(fabs((double)twice - 2 * log1p(exp(-(double)gaps[g])) - (label ? 2 * (double)gaps[g] : 0)) <= 8 * EPS * (double)twice + 0x1p-148);
                CHECK(fabs((double)dx_2[0] - 2 * (double)dx[0]) <= 4e-7 && fabs((double)dx_2[1] - 2 * (double)dx[1]) <= 4e-7);
                CHECK(fabs((double)once * 2 - (double)twice) <= 4e-7 * (1 + (double)twice));
            }
}

/* Columns at -infinity have probability 0: no loss and no gradient of theirs, unless they are the right ones. */
static void masked(nn_loss loss) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t n = 2; n < 40; n++) {
            float x[40], dx[40], less[40], dless[40], value, want;
            uint32_t label = 0;
            nn_loss_desc d = with_labels(loss, &label);
            uint64_t state = n;
            test_fill(x, n, &state);
            memcpy(less, x, sizeof less);
            x[n - 1] = -INFINITY;
            test_case("%s, %zu columns, one at -infinity", nn_loss_name(loss), n);
            CHECK(nn_loss_run(&value, NULL, dx, x, 1, n, &d) == NN_OK);
            CHECK(nn_loss_run(&want, NULL, dless, less, 1, n - 1, &d) == NN_OK);
            CHECK(fabsf(value - want) <= 1e-6f * (1 + want) && dx[n - 1] == 0);
            for (size_t j = 0; j + 1 < n; j++) CHECK(fabsf(dx[j] - dless[j]) <= 1e-6f);
            label = (uint32_t)n - 1;
            CHECK(nn_loss_run(&value, NULL, dx, x, 1, n, &d) == NN_OK);
            CHECK(loss == NN_LOSS_SOFTMAX_MSE ? isfinite(value) : value == INFINITY);
            CHECK(loss == NN_LOSS_SOFTMAX_MSE ? dx[n - 1] == 0 : fabsf(dx[n - 1] + 1) <= 1e-6f);
            if (loss == NN_LOSS_SOFTMAX_CE) { /* logarithms of probabilities: -infinity times a target of 0 */
                d = with_labels(NN_LOSS_LOG_CE, &label);
                label = 0;
                nn_log_softmax(less, x, 1, n);
                CHECK(nn_loss_run(&want, NULL, NULL, less, 1, n, &d) == NN_OK);
                CHECK(less[n - 1] == -INFINITY && want == -less[0]);
                d.loss = loss;
            }
            for (size_t j = 0; j < n; j++) x[j] = -INFINITY; /* as softmax has it */
            CHECK(nn_loss_run(&value, NULL, dx, x, 1, n, &d) == NN_OK && isnan(value));
        }
}

/* NaN among the outputs is no error: it shows in the value, and the rows around it are as without. */
static void nans(nn_loss loss, size_t n) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t at = 0; at < 3 * n; at++) {
            uint64_t state = n;
            float x[200], t[200], y[3], y_2[3], value, value_2, dx[200];
            fill_case(loss, x, t, 3, n, &state);
            const options o = {loss, 0, 0, 0, 0, 1};
            nn_loss_desc d = describe(o, t);
            test_case("%s, NaN at %zu of 3 x %zu", nn_loss_name(loss), at, n);
            CHECK(nn_loss_run(&value, y, NULL, x, 3, n, &d) == NN_OK && value == value);
            x[at] = NAN;
            CHECK(nn_loss_run(&value_2, y_2, dx, x, 3, n, &d) == NN_OK);
            if (loss == NN_LOSS_HINGE && n == 1) continue; /* no wrong column: nothing is looked at */
            sample_weights[0] = sample_weights[1] = sample_weights[2] = 1;
            sample_weights[at / n] = 0; /* and a row that does not count may hold anything */
            d.sample_weights = sample_weights;
            float value_3, dx_3[200];
            CHECK(nn_loss_run(&value_3, y, dx_3, x, 3, n, &d) == NN_OK && value_3 == value_3 && y[at / n] == 0 && dx_3[at] == 0);
            CHECK(isnan(value_2) && isnan(y_2[at / n]) && (loss == NN_LOSS_LOG_CE || isnan(dx[at])));
            for (size_t r = 0; r < 3; r++) CHECK(r == at / n || same_bits(y[r], y_2[r]));
        }
}

/* Probabilities of exactly 0 and 1, right and wrong. */
static void certain(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t rows = 1; rows < 20; rows += 9)
            for (int o = 0; o < 2; o++)
                for (int y = 0; y < 2; y++) {
                    float x[40], t[40], dx[40], value;
                    nn_loss_desc d;
                    memset(&d, 0, sizeof d);
                    d.targets = t;
                    for (size_t i = 0; i < 2 * rows; i++) x[i] = (float)o, t[i] = (float)y;
                    test_case("probability %d, target %d", o, y);
                    d.loss = NN_LOSS_BCE;
                    CHECK(nn_loss_run(&value, NULL, dx, x, rows, 2, &d) == NN_OK);
                    CHECK(value == (o == y ? 0 : 200)); /* two columns of 100 */
                    const float slope = o == y ? 1 : 1e12f, want = (y ? -slope : slope) / (float)rows;
                    CHECK(fabsf(dx[0] - want) <= 1e-6f * fabsf(want));
                    d.loss = NN_LOSS_CE;
                    CHECK(nn_loss_run(&value, NULL, dx, x, rows, 2, &d) == NN_OK);
                    CHECK(value == (y && !o ? 200 : 0) && fabsf(dx[1] - (y ? want : 0)) <= 1e-6f * fabsf(want));
                }
}

static void kink_gradients(void) {
    float x[3] = {1, 2, 3}, t[3] = {1, 2, 2}, dx[3], value;
    uint32_t label = 1;
    nn_loss_desc d;
    memset(&d, 0, sizeof d);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        test_case("at kinks");
        d.loss = NN_LOSS_MAE;
        d.targets = t;
        d.labels = NULL;
        CHECK(nn_loss_run(&value, NULL, dx, x, 1, 3, &d) == NN_OK && value == 1 && dx[0] == 0 && dx[1] == 0 && dx[2] == 1);
        d.loss = NN_LOSS_HUBER; /* at delta the two slopes are one */
        CHECK(nn_loss_run(&value, NULL, dx, x, 1, 3, &d) == NN_OK && value == 0.5f && dx[2] == 1);
        d.loss = NN_LOSS_HINGE; /* 1 - 2 + 1 = 0; 3 - 2 + 1 = 2 */
        d.targets = NULL;
        d.labels = &label;
        CHECK(nn_loss_run(&value, NULL, dx, x, 1, 3, &d) == NN_OK && value == 2 && dx[0] == 0 && dx[1] == -1 && dx[2] == 1);
    }
}

/* ---- options that only scale ---- */

static void scales(void) {
    uint64_t state = 5;
    float x[50 * 10], t[50 * 10], dx[2][500], y[2][50], value[2];
    for (int loss = 0; loss < NN_LOSS_COUNT; loss++) {
        const int logarithm = loss != NN_LOSS_SOFTMAX_MSE && loss < NN_LOSS_MSE;
        const options o = {(nn_loss)loss, 0, 0, 1, 0, 0};
        fill_case(o.loss, x, t, 50, 10, &state);
        nn_loss_desc d = describe(o, t);
        test_case("%s, scaled", nn_loss_name(o.loss));
        CHECK(nn_loss_run(&value[0], y[0], dx[0], x, 50, 10, &d) == NN_OK);
        d.scale = -0.25f;
        CHECK(nn_loss_run(&value[1], y[1], dx[1], x, 50, 10, &d) == NN_OK);
        CHECK(value[1] == -0.25f * value[0] && first_difference(y[0], y[1], 50) == 50);
        for (size_t i = 0; i < 500; i++) CHECK(fabsf(dx[1][i] + 0.25f * dx[0][i]) <= 1e-7f * fabsf(dx[0][i]));
        const double unit = logarithm ? 1 / log(2) : 1;
        d.scale = 0;
        d.bits = 1;
        test_case("%s, in bits", nn_loss_name(o.loss));
        CHECK(nn_loss_run(&value[1], y[1], dx[1], x, 50, 10, &d) == NN_OK);
        CHECK(fabs((double)value[1] - unit * (double)value[0]) <= 4 * EPS * (double)value[1]);
        for (size_t r = 0; r < 50; r++) CHECK(fabs((double)y[1][r] - unit * (double)y[0][r]) <= 4 * EPS * (double)y[1][r]);
        CHECK(first_difference(dx[0], dx[1], 500) == 500);
        d.bits = 0;
        d.gradient_bits = 1;
        CHECK(nn_loss_run(&value[1], NULL, dx[1], x, 50, 10, &d) == NN_OK && same_bits(value[0], value[1]));
        for (size_t i = 0; i < 500; i++) CHECK(fabs((double)dx[1][i] - unit * (double)dx[0][i]) <= 1e-6 * fabs((double)dx[0][i]) + 1e-7);
    }
}

/* ---- PyTorch ---- */

static void torch(void) {
    float dx[200], t[200], value;
    uint32_t right[20];
    size_t n_x;
    golden_open("loss");
    const float *x = golden("x", &n_x), *p = golden("p", NULL), *log_p = golden("log_p", NULL), *soft = golden("soft", NULL);
    const float *free_targets = golden("free", NULL), *weights = golden("weights", NULL);
    const size_t rows = 6, n = n_x / rows;
    for (size_t r = 0; r < rows; r++) right[r] = (uint32_t)golden("labels", NULL)[r];
    for (size_t i = 0; i < rows * n; i++) t[i] = i % n == right[i / n];
    const struct {
        const char *name;
        nn_loss loss;
        const float *x, *targets, *weights;
        float smoothing;
    } cases[] = {{"cross_entropy", NN_LOSS_SOFTMAX_CE, x, NULL, NULL, 0},
                 {"cross_entropy_smooth", NN_LOSS_SOFTMAX_CE, x, NULL, NULL, 0.1f},
                 {"cross_entropy_weighted", NN_LOSS_SOFTMAX_CE, x, NULL, weights, 0},
                 {"cross_entropy_both", NN_LOSS_SOFTMAX_CE, x, NULL, weights, 0.1f},
                 {"cross_entropy_soft", NN_LOSS_SOFTMAX_CE, x, soft, NULL, 0},
                 {"nll", NN_LOSS_LOG_CE, log_p, NULL, NULL, 0},
                 {"nll_weighted", NN_LOSS_LOG_CE, log_p, NULL, weights, 0},
                 {"ce", NN_LOSS_CE, p, soft, NULL, 0},
                 {"bce", NN_LOSS_BCE, p, soft, NULL, 0},
                 {"bce_logits", NN_LOSS_SIGMOID_BCE, x, soft, NULL, 0},
                 {"softmax_bce", NN_LOSS_SOFTMAX_BCE, x, t, NULL, 0},
                 {"softmax_mse", NN_LOSS_SOFTMAX_MSE, x, soft, NULL, 0},
                 {"mse", NN_LOSS_MSE, x, free_targets, NULL, 0},
                 {"mae", NN_LOSS_MAE, x, free_targets, NULL, 0},
                 {"huber", NN_LOSS_HUBER, x, free_targets, NULL, 0},
                 {"hinge", NN_LOSS_HINGE, x, NULL, NULL, 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[64];
        nn_loss_desc d;
        memset(&d, 0, sizeof d);
        d.loss = cases[i].loss;
        d.targets = cases[i].targets;
        d.labels = d.targets ? NULL : right;
        d.class_weights = cases[i].weights;
        d.label_smoothing = cases[i].smoothing;
        d.delta = 0.7f;
        test_case("PyTorch, %s", cases[i].name);
        CHECK(nn_loss_run(&value, NULL, dx, cases[i].x, rows, n, &d) == NN_OK);
        snprintf(name, sizeof name, "%s.value", cases[i].name);
        CHECK(golden_close(&value, name, TOL_TORCH));
        snprintf(name, sizeof name, "%s.dx", cases[i].name);
        CHECK(golden_close(dx, name, TOL_TORCH));
    }
}

/* ---- what is refused ---- */

enum { BAD_ROWS = 20, BAD_N = 3 };

static float bad_x[BAD_ROWS * BAD_N], bad_t[BAD_ROWS * BAD_N], bad_w[BAD_ROWS];

static void refused(const nn_loss_desc *d, nn_status want) {
    float out[1 + BAD_ROWS + BAD_ROWS * BAD_N];
    fill_untouched(out, COUNT(out));
    CHECK(nn_loss_run(out, out + 1, out + 1 + BAD_ROWS, bad_x, BAD_ROWS, BAD_N, d) == want);
    CHECK(want == NN_OK || is_untouched(out, COUNT(out)));
}

static nn_loss_desc good(void) {
    nn_loss_desc d;
    memset(&d, 0, sizeof d);
    d.targets = bad_t;
    return d;
}

static void bad_numbers(void) {
    static const float wrong[] = {NAN, INFINITY, -INFINITY, -1};
    nn_loss_desc d = good();
    test_case("numbers");
    refused(&d, NN_OK);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        d = good();
        d.label_smoothing = wrong[i];
        refused(&d, NN_ERROR_ARGUMENT);
        d = good();
        d.margin = wrong[i];
        refused(&d, NN_ERROR_ARGUMENT);
        d = good();
        d.delta = wrong[i];
        refused(&d, NN_ERROR_ARGUMENT);
        d = good();
        d.scale = wrong[i];
        refused(&d, wrong[i] == -1 ? NN_OK : NN_ERROR_ARGUMENT);
        for (size_t at = 0; at < BAD_ROWS; at++) {
            d = good();
            bad_w[at] = wrong[i];
            d.sample_weights = bad_w;
            refused(&d, NN_ERROR_WEIGHT);
            d.sample_weights = NULL;
            d.class_weights = bad_w;
            refused(&d, at < BAD_N ? NN_ERROR_WEIGHT : NN_OK);
            bad_w[at] = 1;
        }
        for (size_t at = 0; at < BAD_ROWS * BAD_N && wrong[i] != -1; at++) {
            d = good();
            bad_t[at] = wrong[i];
            refused(&d, NN_ERROR_TARGET);
            bad_t[at] = 0.5f;
        }
    }
    d = good();
    d.label_smoothing = 1;
    refused(&d, NN_ERROR_ARGUMENT);
    d.label_smoothing = 0.1f;
    d.loss = NN_LOSS_HINGE;
    refused(&d, NN_ERROR_ARGUMENT);
    memset(bad_w, 0, sizeof bad_w);
    d = good();
    d.sample_weights = bad_w;
    refused(&d, NN_ERROR_WEIGHT);
    d.sample_weights = NULL;
    d.class_weights = bad_w;
    refused(&d, NN_ERROR_WEIGHT);
    d.reduction = (nn_reduction)2;
    refused(&d, NN_ERROR_ARGUMENT);
    d = good();
    d.loss = NN_LOSS_COUNT;
    refused(&d, NN_ERROR_ARGUMENT);
    d.loss = (nn_loss)-1;
    refused(&d, NN_ERROR_ARGUMENT);
}

static void bad_labels(void) {
    uint32_t right[BAD_ROWS] = {0};
    nn_loss_desc d = good();
    test_case("labels and pointers");
    d.labels = right;
    refused(&d, NN_ERROR_ARGUMENT); /* both */
    d.targets = NULL;
    refused(&d, NN_OK);
    for (size_t at = 0; at < BAD_ROWS; at++) {
        static const uint32_t wrong[] = {BAD_N, BAD_N + 1, 255, UINT32_MAX};
        for (size_t i = 0; i < COUNT(wrong); i++) {
            right[at] = wrong[i];
            refused(&d, NN_ERROR_LABEL);
        }
        right[at] = BAD_N - 1;
    }
    refused(&d, NN_OK);
    d.labels = NULL;
    refused(&d, NN_ERROR_NULL); /* neither */
    refused(NULL, NN_ERROR_NULL);
    d = good();
    float value = 7, row[BAD_ROWS] = {0};
    CHECK(nn_loss_run(&value, NULL, NULL, NULL, 2, 2, &d) == NN_ERROR_NULL && value == 7);
    CHECK(nn_loss_run(&value, NULL, NULL, bad_x, SIZE_MAX / 2, 3, &d) == NN_ERROR_SIZE);
    CHECK(nn_loss_run(&value, NULL, NULL, bad_x, SIZE_MAX / 16, 3, &d) == NN_ERROR_SIZE);
    CHECK(nn_loss_run(&value, NULL, NULL, bad_x, SIZE_MAX, 0, &d) == NN_ERROR_SIZE);
    CHECK(nn_loss_run(&value, NULL, bad_x + 1, bad_x, 2, 2, &d) == NN_ERROR_ALIAS);
    CHECK(nn_loss_run(&value, NULL, bad_t, bad_x, 2, 2, &d) == NN_ERROR_ALIAS);
    CHECK(nn_loss_run(&bad_x[3], NULL, NULL, bad_x, 2, 2, &d) == NN_ERROR_ALIAS);
    CHECK(nn_loss_run(row, row, NULL, bad_x, 2, 2, &d) == NN_ERROR_ALIAS);
    CHECK(nn_loss_run(&value, bad_x + 1, NULL, bad_x, 2, 2, &d) == NN_ERROR_ALIAS);
    CHECK(value == 7);
    CHECK(nn_loss_run(&value, NULL, NULL, NULL, 0, 5, &d) == NN_OK && value == 0);
    value = row[1] = 7;
    CHECK(nn_loss_run(&value, row, NULL, NULL, 5, 0, &d) == NN_OK && value == 0 && row[1] == 0);
    d.targets = NULL;
    d.labels = right;
    CHECK(nn_loss_run(&value, NULL, NULL, NULL, 5, 0, &d) == NN_ERROR_LABEL);
    CHECK(strcmp(nn_loss_name(NN_LOSS_SOFTMAX_CE), "NN_LOSS_SOFTMAX_CE") == 0);
    CHECK(strcmp(nn_loss_name(NN_LOSS_HINGE), "NN_LOSS_HINGE") == 0);
    CHECK(strcmp(nn_loss_name(NN_LOSS_COUNT), "NN_LOSS_UNKNOWN") == 0);
}

int main(void) {
    x_end = guard_end(MOST);
    dx_end = guard_end(MOST + 5);
    t_end = guard_end(MOST);
    y_end = guard_end(ROWS + 5);
    for (size_t i = 0; i < BAD_ROWS; i++) bad_w[i] = 1;
    for (size_t i = 0; i < BAD_ROWS * BAD_N; i++) bad_t[i] = 0.5f;
    all_cases();
    for (int loss = 0; loss < NN_LOSS_COUNT; loss++) {
        static const size_t widths[] = {1, 2, 5, 8, 10, 16, 17, 50};
        for (size_t w = 0; w < COUNT(widths); w++) {
            invariances((nn_loss)loss, widths[w]);
            nans((nn_loss)loss, widths[w]);
        }
        threads((nn_loss)loss);
    }
    for (int loss = 0; loss <= NN_LOSS_SIGMOID_BCE; loss++) {
        static const size_t widths[] = {1, 2, 3, 10, 16, 17, 70};
        for (size_t w = 0; w < COUNT(widths); w++) far_logits((nn_loss)loss, widths[w]);
        if (loss != NN_LOSS_SIGMOID_BCE) masked((nn_loss)loss);
    }
    two_columns();
    certain();
    kink_gradients();
    scales();
    torch();
    bad_numbers();
    bad_labels();
    return test_end("loss");
}
