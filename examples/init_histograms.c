/* init_histograms.c - what becomes of data on its way through a network that has learned nothing yet
 *
 * 1000 normally distributed samples pass 5 hidden layers of 100 units, for every pair of an activation and a way to draw the
 * first weights. Where a layer's values pile up at the ends of a sigmoid, or have all become the same, there is little to learn
 * from: on the way back the gradient vanishes, or explodes. Writes init_histograms.dat, .gp and (with gnuplot) .png, which
 * shows the first four ways, into the folder that is named.
 *
 *   cc -O2 -I. examples/init_histograms.c -o init_histograms -lsleef -lm && ./init_histograms .
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

#include <math.h>

enum { SAMPLES = 1000, UNITS = 100, LAYERS = 5, BINS = 40 };

static size_t samples, values; /* values = samples * UNITS, of each layer */

/* A histogram is drawn from `from` to `to`; what lies beyond counts as the outermost. */
static const struct {
    const char *name;
    nn_activation kind;
    float slope, from, to;
} activations[] = {
    {"sigmoid", NN_SIGMOID, 0, 0, 1}, {"tanh", NN_TANH, 0, -1, 1}, {"ReLU", NN_RELU, 0, 0, 3}, {"ELU", NN_ELU, 1, -1, 3}};

enum { INITS = 8 };
static const char *const init_names[INITS] = {"deviation 1", "deviation 0.01", "Xavier", "He",
                                              "zeros", "He, uniform", "Glorot", "Glorot, uniform"};

/* Glorot's go by the mean of what enters a layer and what leaves it, Xavier's and He's by what enters. */
static nn_init init_of(int i) {
    const nn_init all[INITS] = {nn_init_normal(1), nn_init_normal(0.01f), nn_init_xavier(), nn_init_he(),
                                nn_init_constant(0), nn_init_he_uniform(), nn_init_glorot(), nn_init_glorot_uniform()};
    return all[i];
}

/* The shares of a layer's values in BINS bins: lines of where (the layer, and within it from 0.05 to 0.95) and how much. */
static void histogram(FILE *dat, int layer, const float *y, float from, float to) {
    size_t bins[BINS] = {0};
    for (size_t i = 0; i < values; i++) {
        const float place = (y[i] - from) / (to - from) * BINS;
        bins[place < 0 ? 0 : place >= BINS ? BINS - 1 : (int)place]++;
    }
    for (int b = 0; b < BINS; b++)
        fprintf(dat, "%g %g\n", layer + 0.05 + 0.9 * (b + 0.5) / BINS, 100 * (double)bins[b] / (double)values);
}

/* One line of the report: the deviation of each layer's values, and how much of the gradient comes back to the first. */
static void look(nn_model *m, const nn_node *layer, FILE *dat, size_t a, int i) {
    printf("  %-8s %-15s", activations[a].name, init_names[i]);
    fprintf(dat, "# %s, %s: place, %% of the values\n", activations[a].name, init_names[i]);
    for (int l = 0; l < LAYERS; l++) {
        const float *y = nn_activation_of(m, layer[l]);
        const double mean = (double)nn_sum(y, values) / (double)values;
        printf(" %9.3g", sqrt(fmax(0, (double)nn_sum_squares(y, values) / (double)values - mean * mean)));
        histogram(dat, l, y, activations[a].from, activations[a].to);
    }
    fprintf(dat, "\n\n");
    const float *first = nn_gradient_of(m, layer[0]), *last = nn_gradient_of(m, layer[LAYERS - 1]);
    printf("   %9.3g\n", (double)nn_norm(first, values) / (double)nn_norm(last, values));
}

/* Forward, and back with a random gradient at the end. */
static void pass(const float *x, const float *dy, FILE *dat, size_t a, int i) {
    const nn_build_desc build = {.seed = 1, .init = init_of(i), .batch = samples, .keep = 1}; /* keep: to be looked at */
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_layer_input(m, nn_shape_vector(UNITS));
    nn_node node = in, layer[LAYERS];
    for (int l = 0; l < LAYERS; l++) {
        node = nn_layer_activation(m, nn_layer_dense_no_bias(m, node, UNITS), activations[a].kind, activations[a].slope);
        layer[l] = node;
    }
    nn_status status = nn_model_build(m, &build);
    if (status == NN_OK) status = nn_feed(m, in, x);
    if (status == NN_OK) status = nn_feed_gradient(m, node, dy);
    if (status == NN_OK) status = nn_forward(m, samples, NN_TRAIN);
    if (status == NN_OK) status = nn_backward(m, 0);
    stop_unless(status, nn_error(m));
    look(m, layer, dat, a, i);
    nn_model_free(m);
}

/* A panel a pair, in it the layers side by side. Most of a ReLU's values are one bar, at 0, which goes beyond the panel. */
static const char picture[] =
    "set style fill solid\nset boxwidth 0.9*0.9/40\nset xrange [0:5]\nset yrange [0:15]\n"
    "set ytics 5 nomirror\nset tics scale 0.4\n"
    "set xtics ('layer 1' 0.5, '2' 1.5, '3' 2.5, '4' 3.5, '5' 4.5) scale 0\n"
    "do for [l=1:4] { set arrow l from l, graph 0 to l, graph 1 nohead lc rgb '#c8c8c8' }\n"
    "array colour[4] = ['#1050a0', '#209050', '#c03020', '#8040a0']\n"
    "array activation[4] = ['sigmoid, 0 to 1', 'tanh, -1 to 1', 'ReLU, 0 to 3', 'ELU, -1 to 3']\n"
    "array init[4] = ['deviation 1', 'deviation 0.01', 'Xavier, 1/sqrt(n)', 'He, sqrt(2/n)']\n"
    "set label 1 '% of the values in each fortieth of the range; the largest bars go beyond the panel' \\\n"
    "  at screen 0.5,0.014 center font ',12'\n"
    "set multiplot layout 4,4 margins 0.05,0.99,0.065,0.95 spacing 0.025,0.05\n"
    "do for [i=0:3] { do for [a=0:3] {\n"
    "  unset title\n  if (i == 0) { set title activation[a+1] font ',13' }\n"
    "  if (a == 0) { set ylabel init[i+1] font ',13' offset 1,0 } else { unset ylabel }\n"
    "  plot 'init_histograms.dat' index 4*i + a with boxes lc rgb colour[a+1] notitle\n"
    "  unset label 1\n} }\nunset multiplot\n";

int main(int count, char **arguments) {
    static float x[SAMPLES * UNITS], dy[SAMPLES * UNITS];
    const char *folder = count > 1 ? arguments[1] : ".";
    nn_random random = {2026, 0, 0};
    FILE *dat = create(folder, "init_histograms", ".dat");
    samples = full_or_quick(SAMPLES, 50);
    values = samples * UNITS;
    nn_random_normal(x, values, 0, 1, &random);
    nn_random_normal(dy, values, 0, 1, &random);
    printf("                           deviation of the values of layer                     gradient at\n"
           "  units    weights                1         2         3         4         5     layer 1 : 5\n");
    for (int i = 0; i < INITS; i++)
        for (size_t a = 0; a < 4; a++) pass(x, dy, dat, a, i);
    fclose(dat);
    draw(folder, "init_histograms", 1400, 900, picture);
    return 0;
}
