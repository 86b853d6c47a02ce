/* test_lectures_losses.c - the numbers that the lectures print about losses and regularisation */
#include "test.h"

/* To one unit in the last place: the lectures go on with numbers that they have rounded (0.7503^2/2 is 0.2815). */
static int prints(float value, double printed, int digits) { return fabs((double)value - printed) < pow(10, -digits); }

/* One neuron o = sigmoid(w x + b), its error e = (y - o)^2/2 and the gradients by w and b. */
static void neuron(float w, float b, float e, float dw, float db) {
    const float x = 1.5f, y = 0;
    float z = w * x + b, o, value, d;
    nn_loss_desc loss;
    memset(&loss, 0, sizeof loss);
    loss.loss = NN_LOSS_MSE;
    loss.targets = &y;
    nn_sigmoid(&o, &z, 1);
    CHECK(nn_loss_run(&value, NULL, &d, &o, 1, 1, &loss) == NN_OK);
    nn_activate_backward(&d, &d, &o, 1, NN_SIGMOID, 0);
    test_case("w = %g, b = %g: e = %g, de/dw = %g, de/db = %g", (double)w, (double)b, (double)value, (double)(d * x), (double)d);
    CHECK(prints(value, (double)e, 4));
    CHECK(prints(d * x, (double)dw, 4));
    CHECK(prints(d, (double)db, 4));
}

/* Cross-entropy by the same neuron has the gradient x (o - y): the larger error has the larger penalty. */
static void neuron_by_cross_entropy(void) {
    static const float w[2] = {0.4f, 1.9f}, b[2] = {0.5f, 3}, y = 0;
    float value[2], d[2], fused[2], fused_d[2];
    nn_loss_desc loss;
    memset(&loss, 0, sizeof loss);
    loss.targets = &y;
    for (int i = 0; i < 2; i++) {
        float z = w[i] * 1.5f + b[i], o;
        nn_sigmoid(&o, &z, 1);
        test_case("cross-entropy, o = %g", (double)o);
        loss.loss = NN_LOSS_BCE;
        CHECK(nn_loss_run(&value[i], NULL, &d[i], &o, 1, 1, &loss) == NN_OK);
        nn_activate_backward(&d[i], &d[i], &o, 1, NN_SIGMOID, 0);
        CHECK(fabsf(d[i] - (o - y)) <= 1e-6f);
        loss.loss = NN_LOSS_SIGMOID_BCE;
        CHECK(nn_loss_run(&fused[i], NULL, &fused_d[i], &z, 1, 1, &loss) == NN_OK);
        CHECK(fabsf(fused[i] - value[i]) <= 1e-5f && fabsf(fused_d[i] - d[i]) <= 1e-6f);
    }
    CHECK(value[0] < value[1] && d[0] < d[1]);
}

static void bits(void) {
    static const struct {
        float o;
        double printed;
        int digits;
    } cases[] = {{0.98f, 0.0291, 4}, {0.0001f, 13.2877, 4}};
    const float y = 1;
    float value;
    nn_loss_desc loss;
    memset(&loss, 0, sizeof loss);
    loss.loss = NN_LOSS_BCE;
    loss.targets = &y;
    loss.bits = 1;
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_case("%g in bits", (double)cases[i].o);
        CHECK(nn_loss_run(&value, NULL, NULL, &cases[i].o, 1, 1, &loss) == NN_OK && prints(value, cases[i].printed, cases[i].digits));
    }
    CHECK(floorf(value * 100) == 1328); /* the deck's 13.28 */
}

/* Softmax and the logarithm of the likelihood: the probabilities p of the right class are the lectures'. */
static void likelihood(void) {
    static const float p[] = {0.1131f, 0.0508f, 0.8360f};
    static const double printed[] = {3.1443, 4.2990, 0.2584};
    float x[9], value, row[3];
    uint32_t right[3] = {0, 1, 2};
    nn_loss_desc loss;
    memset(&loss, 0, sizeof loss);
    loss.loss = NN_LOSS_SOFTMAX_CE;
    loss.labels = right;
    loss.bits = 1;
    for (size_t i = 0; i < 3; i++) { /* the rest is shared unevenly */
        x[3 * i + i] = logf(p[i]);
        x[3 * i + (i + 1) % 3] = logf((1 - p[i]) * 0.7f);
        x[3 * i + (i + 2) % 3] = logf((1 - p[i]) * 0.3f);
    }
    test_case("softmax and log-likelihood in bits");
    CHECK(nn_loss_run(&value, row, NULL, x, 3, 3, &loss) == NN_OK);
    for (size_t i = 0; i < 3; i++) CHECK(fabs((double)row[i] - printed[i]) <= 8e-4); /* the deck's p has 4 digits */
    CHECK(row[2] < row[0] && row[0] < row[1]);
    loss.bits = 0;
    loss.loss = NN_LOSS_LOG_CE;
    nn_log_softmax(x, x, 3, 3);
    CHECK(nn_loss_run(NULL, row, NULL, x, 3, 3, &loss) == NN_OK);
    for (size_t i = 0; i < 3; i++) CHECK(fabs((double)row[i] + log((double)p[i])) <= 1e-6);
}

/* Both of the weights below have L1 = 12; L2 prefers the even ones: 24 against 36. */
static void norms(void) {
    static const float uneven[6] = {1, 1, 1, 1, 4, 4}, even[6] = {2, 2, 2, 2, 2, 2};
    test_case("L1 and L2");
    CHECK(nn_penalty(uneven, 6, 1, 0) == 12 && nn_penalty(even, 6, 1, 0) == 12);
    CHECK(nn_penalty(uneven, 6, 0, 2) == 36 && nn_penalty(even, 6, 0, 2) == 24); /* l2/2 sum(w^2) */
    CHECK(nn_penalty(uneven, 6, 1, 2) == 48 && nn_penalty(even, 6, 1, 2) == 36);
}

int main(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        neuron(0.4f, 0.5f, 0.2815f, 0.2109f, 0.1406f);
        neuron(1.9f, 3.0f, 0.4971f, 0.0043f, 0.0029f);
        neuron_by_cross_entropy();
        bits();
        likelihood();
        norms();
    }
    return test_end("lectures");
}
