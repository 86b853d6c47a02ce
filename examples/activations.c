/* activations.c - every activation with its derivative, and how many units die of ReLU
 *
 * 1. Each function and its slope from -5 to 5: how steep it gets, and what is left at -10, where a sigmoid saturates.
 * 2. Three layers of 100 units learn digits by gradient descent with a rate that is too high. A ReLU that a large step has
 *    pushed below 0 for every digit has no slope there and never comes back; leaky ReLU and softplus have one.
 * Writes activations.dat, .gp and (with gnuplot) .png into the folder that is named.
 *
 *   cc -O2 -I. examples/activations.c -o activations -lsleef -lm && ./activations .
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

enum { KINDS = 10, POINTS = 501, LAYERS = 3, UNITS = 100, BATCH = 20 };

static const struct {
    const char *name;
    nn_activation kind;
    float slope;
    int needs_input; /* its derivative is told from x, not from y: see nn_activate_backward */
} kinds[KINDS] = {{"step", NN_STEP, 0, 0}, {"sigmoid", NN_SIGMOID, 0, 0}, {"tanh", NN_TANH, 0, 0}, {"ReLU", NN_RELU, 0, 0},
                  {"leaky ReLU", NN_LEAKY_RELU, 0.01f, 0}, {"softplus", NN_SOFTPLUS, 0, 0}, {"ELU", NN_ELU, 1, 0},
                  {"SELU", NN_SELU, 0, 0}, {"GELU", NN_GELU, 0, 1}, {"SiLU", NN_SILU, 0, 1}};

/* ---- curves ---- */

/* y = f(x) and f'(x) of n numbers. */
static void values(float *y, float *slope, const float *x, size_t n, int k) {
    float ones[POINTS];
    for (size_t i = 0; i < n; i++) ones[i] = 1;
    nn_activate(y, x, n, kinds[k].kind, kinds[k].slope);
    nn_activate_backward(slope, ones, kinds[k].needs_input ? x : y, n, kinds[k].kind, kinds[k].slope);
}

static void curve(FILE *dat, int k) {
    const float far = -10;
    float x[POINTS], y[POINTS], slope[POINTS], y_far, slope_far;
    for (int i = 0; i < POINTS; i++) x[i] = -5 + 10 * (float)i / (POINTS - 1);
    values(y, slope, x, POINTS, k);
    values(&y_far, &slope_far, &far, 1, k);
    fprintf(dat, "\"%s\"\n", kinds[k].name);
    for (int i = 0; i < POINTS; i++) fprintf(dat, "%g %g %g\n", (double)x[i], (double)y[i], (double)slope[i]);
    fprintf(dat, "\n\n");
    printf("  %-11s %8.4f %8.4f %8.4f %11.2e\n", kinds[k].name, (double)y[0], (double)y[POINTS - 1],
           (double)nn_max(slope, POINTS), (double)slope_far);
}

/* ---- units that die ---- */

/* For each layer the share of units that are 0 for every digit. */
static void print_dead(nn_model *m, const nn_node *layer, nn_node loss, const nn_dataset *digits) {
    unsigned char alive[LAYERS][UNITS] = {{0}};
    nn_batches b;
    stop_unless(nn_batches_begin(&b, digits, BATCH, 1), NULL);
    while (nn_batches_next(&b)) {
        stop_unless(nn_feed(m, nn_model_input(m), b.x), nn_error(m));
        stop_unless(nn_feed_labels(m, loss, b.labels), nn_error(m));
        stop_unless(nn_forward(m, b.n, NN_TEST), nn_error(m));
        for (int l = 0; l < LAYERS; l++) nn_mark_alive(alive[l], nn_activation_of(m, layer[l]), b.n, UNITS);
    }
    nn_batches_end(&b);
    for (int l = 0; l < LAYERS; l++) printf(" %7.0f %%", 100 * (double)nn_dead_share(alive[l], UNITS));
}

static void learn(int k, const nn_dataset *train, const nn_dataset *test) {
    const nn_fit_desc fit = {.optimizer = nn_sgd(0.6f), .epochs = full_or_quick(5, 1), .batch = BATCH, .clip_norm = 20};
    const nn_build_desc build = {.seed = 1, .batch = BATCH, .keep = 1}; /* keep: every layer can be looked at */
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, train->shape), layer[LAYERS];
    nn_evaluation e;
    for (int l = 0; l < LAYERS; l++)
        layer[l] = x = nn_layer_activation(m, nn_layer_dense(m, x, UNITS), kinds[k].kind, kinds[k].slope);
    const nn_node loss = nn_layer_loss(m, nn_layer_dense(m, x, 10), NN_LOSS_SOFTMAX_CE);
    stop_unless(nn_model_build(m, &build), nn_error(m));
    stop_unless(nn_fit(m, train, NULL, &fit), nn_error(m));
    stop_unless(nn_evaluate(m, test, &e), nn_error(m));
    printf("  %-11s", kinds[k].name);
    print_dead(m, layer, loss, train);
    printf(" %10.1f %%\n", 100 * (double)e.accuracy);
    nn_model_free(m);
}

static const char picture[] =
    "array name[10] = ['step', 'sigmoid', 'tanh', 'ReLU', 'leaky ReLU', 'softplus', 'ELU', 'SELU', 'GELU', 'SiLU']\n"
    "set xrange [-5:5]\nset yrange [-1.5:3]\nset xtics 5 nomirror\nset ytics 1 nomirror\nset tics scale 0.5\n"
    "set grid lc rgb '#e4e4e4' lt 1\nset zeroaxis lc rgb '#808080' lt 1\nset key top left samplen 1.5\n"
    "set multiplot layout 2,5 margins 0.025,0.99,0.06,0.94 spacing 0.025,0.12\n"
    "do for [k=0:9] {\n"
    "  set title name[k+1] offset 0,-0.5 font ',13'\n"
    "  if (k == 1) { unset key }\n"
    "  plot 'activations.dat' index k using 1:2 skip 1 with lines lw 2 lc rgb '#1050a0' title 'value', \\\n"
    "       '' index k using 1:3 skip 1 with lines lw 2 dt (6,4) lc rgb '#c03020' title 'slope'\n"
    "}\nunset multiplot\n";

int main(int count, char **arguments) {
    const char *folder = count > 1 ? arguments[1] : ".";
    FILE *dat = create(folder, "activations", ".dat");
    nn_dataset train, test;
    printf("               at -5     at 5  steepest  slope at -10\n");
    for (int k = 0; k < KINDS; k++) curve(dat, k);
    fclose(dat);
    const char *from = load_digits(&train, full_or_quick(5000, 40), &test, full_or_quick(2000, 20));
    printf("\n%zu %s, gradient descent with a rate of 0.6\n", train.count, from);
    printf("              units that are 0 for all of them\n              layer 1         2         3   others right\n");
    for (int k = 3; k < 6; k++) learn(k, &train, &test);
    draw(folder, "activations", 1300, 560, picture);
    nn_dataset_free(&train);
    nn_dataset_free(&test);
    return 0;
}
