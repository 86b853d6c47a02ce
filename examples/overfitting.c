/* overfitting.c - learning by heart, and what helps against it
 *
 * 1. Two moons: the border between two classes that a network draws which is too small, right, or too large for 80 samples.
 * 2. A network of 784-100-100-100-10 learns 300 digits: what it does with them and with others, epoch by epoch, as it is and
 *    with weight decay, dropout, L1, augmentation, early stopping; and, without a picture, with L1 and L2 together, dropout of
 *    pixels, and dropout in the lectures' form, which scales in tests instead of in training.
 * 3. L1 leaves weights out: how many are exactly 0, and what that costs.
 * Writes overfitting_*.dat, .gp and (with gnuplot) .png into the folder that is named.
 *
 *   cc -O2 -I. examples/overfitting.c -o overfitting -lsleef -lm && ./overfitting .
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

enum { GRID = 121 };

/* What a network is made of: layers of so many units each, with dropout behind each, and penalties. */
typedef struct plan {
    nn_shape in;
    size_t layers, units, classes;
    nn_activation activation;
    float drop, l1, l2;
    float drop_inputs;
    int scales_tests;
} plan;

static nn_model *network(plan p) {
    const nn_build_desc build = {.seed = 1, .batch = 100, .l1 = p.l1, .l2 = p.l2};
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, p.in);
    if (p.drop_inputs > 0) x = nn_layer_dropout(m, x, p.drop_inputs);
    for (size_t layer = 0; layer < p.layers; layer++) {
        x = nn_layer_activation(m, nn_layer_dense(m, x, p.units), p.activation, 0);
        if (p.drop > 0) x = p.scales_tests ? nn_layer_dropout_scaling_tests(m, x, p.drop) : nn_layer_dropout(m, x, p.drop);
    }
    nn_layer_loss(m, nn_layer_dense(m, x, p.classes), NN_LOSS_SOFTMAX_CE);
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

static nn_evaluation test_on(nn_model *m, const nn_dataset *data) {
    nn_evaluation e;
    stop_unless(nn_evaluate(m, data, &e), nn_error(m));
    return e;
}
static double right(nn_model *m, const nn_dataset *data) { return 100 * (double)test_on(m, data).accuracy; }

/* ---- two moons ---- */

/* The probability of the second class over the plane, for the picture. */
static void border(FILE *dat, nn_model *m) {
    static float x[GRID * GRID][2], p[GRID * GRID][2];
    for (int i = 0; i < GRID * GRID; i++) {
        x[i][0] = -1.75f + 4.5f * (float)(i % GRID) / (GRID - 1);
        x[i][1] = -1.5f + 3.5f * (float)(i / GRID) / (GRID - 1);
    }
    stop_unless(nn_predict(m, p[0], x[0], GRID * GRID), nn_error(m));
    for (int i = 0; i < GRID * GRID; i++)
        fprintf(dat, "%g %g %.3f\n%s", (double)x[i][0], (double)x[i][1], (double)p[i][1], i % GRID == GRID - 1 ? "\n" : "");
    fprintf(dat, "\n");
}

static void moons(const char *folder) {
    static const char *const names[] = {"too small", "right", "too large"};
    static const size_t layers[] = {0, 1, 2}, units[] = {0, 6, 100};
    char script[3000] = "array name[3]\n";
    FILE *dat = create(folder, "overfitting_moons", ".dat");
    nn_dataset train, test;
    stop_unless(nn_make_moons(&train, 80, 0.3, 1, NULL), NULL);
    stop_unless(nn_make_moons(&test, 2000, 0.3, 2, NULL), NULL);
    printf("two moons, %zu samples, %zu others\n", train.count, test.count);
    for (size_t i = 0; i < train.count; i++)
        fprintf(dat, "%g %g %u\n", (double)train.floats[2 * i], (double)train.floats[2 * i + 1], train.labels[i]);
    fprintf(dat, "\n\n");
    for (int i = 0; i < 3; i++) {
        const nn_fit_desc desc = {.optimizer = nn_adam(0.01f), .epochs = full_or_quick(1500, 4), .batch = 80};
        const plan p = {.in = train.shape, .layers = layers[i], .units = units[i], .classes = 2, .activation = NN_TANH};
        nn_model *m = network(p);
        stop_unless(nn_fit(m, &train, NULL, &desc), nn_error(m));
        border(dat, m);
        const double learned = right(m, &train), new = right(m, &test);
        const size_t weights = nn_learned_count(m);
        printf("  %-10s %5zu weights, right: %5.1f %% of the samples, %.1f %% of others\n", names[i], weights, learned, new);
        sprintf(script + strlen(script), "name[%d] = \"%s: %zu weights\\nright: %.1f %% of the samples, %.1f %% of others\"\n",
                i + 1, names[i], weights, learned, new);
        nn_model_free(m);
    }
    fclose(dat);
    strcat(script,
           "set xrange [-1.75:2.75]\nset yrange [-1.5:2]\nset tics 1 nomirror scale 0.5\nunset key\nunset colorbox\n"
           "set palette defined (0 '#f0b8a8', 0.5 '#ffffff', 1 '#a8c0e8')\nset cbrange [0:1]\n"
           "set multiplot layout 1,3 margins 0.025,0.99,0.07,0.86 spacing 0.03,0\nset cntrparam levels discrete 0.5\n"
           "do for [i=1:3] {\n  unset surface\n  set contour base\n"
           "  set table $border\n  splot 'overfitting_moons.dat' index i using 1:2:3\n  unset table\n"
           "  set title name[i] font ',12'\n"
           "  plot 'overfitting_moons.dat' index i using 1:2:3 with image, \\\n"
           "       $border using 1:2 with lines lw 2 lc rgb '#202020', \\\n"
           "       'overfitting_moons.dat' index 0 using 1:($3 == 0 ? $2 : NaN) with points pt 7 ps 1 lc rgb '#c03020', \\\n"
           "       'overfitting_moons.dat' index 0 using 1:($3 == 1 ? $2 : NaN) with points pt 5 ps 1 lc rgb '#1050a0'\n"
           "}\nunset multiplot\n");
    draw(folder, "overfitting_moons", 1300, 420, script);
    nn_dataset_free(&train);
    nn_dataset_free(&test);
}

/* ---- 300 digits ---- */

static nn_dataset known, valid, others; /* learned, for early stopping, for the test */

/* Writes right answers and loss, of both sets, after each epoch: without dropout, unlike the training's own figures. */
static int watch(const nn_fit_event *event, void *dat) {
    if (!event->done) return 0;
    const nn_evaluation a = test_on(event->model, &known), b = test_on(event->model, &others);
    fprintf(dat, "%zu %g %g", event->epoch, 100 * (double)a.accuracy, 100 * (double)b.accuracy);
    fprintf(dat, " %g %g\n", (double)a.loss, (double)b.loss);
    return 0;
}

typedef struct variant {
    const char *name;
    float drop, l1, l2, drop_inputs;
    int scales_tests, augmented;
    size_t patience;
} variant;

static void learn(const variant *v, FILE *dat) {
    const nn_augment augment = nn_augment_digits();
    nn_fit_desc desc = {.optimizer = nn_adam(0.001f), .epochs = full_or_quick(100, 1), .batch = 20, .watch = watch};
    nn_model *m = network((plan){known.shape, 3, 100, 10, NN_RELU, v->drop, v->l1, v->l2, v->drop_inputs, v->scales_tests});
    desc.user = dat;
    desc.patience = v->patience;
    if (v->augmented) desc.augment = &augment;
    nn_trainer *trainer;
    fprintf(dat, "# %s: epoch, %% right of the digits learned and of others, the loss of both\n", v->name);
    stop_unless(nn_trainer_new(&trainer, m, &desc), nn_error(m));
    stop_unless(nn_trainer_run(trainer, &known, &valid), nn_error(m));
    const nn_history *history = nn_trainer_history(trainer);
    printf("  %-15s %6zu %16.1f %13.1f", v->name, history->count, right(m, &known), right(m, &others));
    printf(" %12.2f", (double)test_on(m, &others).loss);
    printf(v->patience ? "   (of epoch %zu)\n" : "\n", history->best);
    if (v->patience) fprintf(dat, "\n\n%zu\n", history->best);
    fprintf(dat, "\n\n");
    nn_trainer_free(trainer);
    nn_model_free(m);
}

/* Proximal gradient descent makes weights exactly 0; other rules with L1 make them tiny, to be set to 0 after training. */
static void sparse(void) {
    printf("\nL1 with proximal gradient descent\n  l1        weights that are 0   others right\n");
    for (int i = 0; i < 5; i++) {
        const float l1[] = {0, 3e-4f, 1e-3f, 2e-3f, 4e-3f};
        nn_fit_desc desc = {.optimizer = nn_proximal_gd(0.1f), .epochs = full_or_quick(100, 1), .batch = 20};
        nn_model *m = network((plan){.in = known.shape, .layers = 1, .units = 100, .classes = 10, .activation = NN_RELU});
        nn_parameter w;
        desc.optimizer.l1 = l1[i];
        stop_unless(nn_fit(m, &known, NULL, &desc), nn_error(m));
        stop_unless(nn_parameter_named(m, "dense_1.weights", &w), nn_error(m));
        const size_t zeros = nn_zero_small(w.values, w.rows * w.columns, 1e-30f);
        const double share = (double)zeros / (double)(w.rows * w.columns);
        printf("  %-9g %18.1f %% %12.1f %%\n", (double)l1[i], 100 * share, right(m, &others));
        nn_model_free(m);
    }
}

/* A column for each variant: right answers above, loss below. */
static const char curves[] =
    "array name[6] = ['as it is', 'weight decay', 'dropout', 'L1', 'augmentation', 'early stopping']\n"
    "stats 'overfitting_curves.dat' index 6 using 1 nooutput name 'best'\n"
    "set tics nomirror scale 0.5\nset grid lc rgb '#e4e4e4' lt 1\nset key bottom right samplen 1.5\nset xrange [0:*]\n"
    "set multiplot layout 2,6 margins 0.045,0.985,0.09,0.92 spacing 0.022,0.06\ndo for [row=0:1] { do for [i=1:6] {\n"
    "  unset title\n  unset xlabel\n  unset ylabel\n  unset arrow\n  unset label\n"
    "  if (row == 0) { set title name[i] font ',13' offset 0,-0.4\n set yrange [40:101] } else { set xlabel 'epoch'\n set yrange [0:2.5] }\n"
    "  if (i == 1) { set ylabel (row == 0 ? '% right' : 'loss') font ',12' }\n"
    "  if (i == 1 && row == 0) { set key } else { unset key }\n"
    "  if (i == 6) { set arrow from best_min, graph 0 to best_min, graph 1 nohead lw 1.5 dt (3,3) lc rgb '#202020'\n"
    "    set label 'best' at best_min, graph 0.06 offset 0.5,0 }\n"
    "  plot 'overfitting_curves.dat' index i-1 using 1:2+2*row with lines lw 2 lc rgb '#1050a0' title '300 learned', \\\n"
    "       '' index i-1 using 1:3+2*row with lines lw 2 lc rgb '#c03020' title '2000 others'\n"
    "} }\nunset multiplot\n";

int main(int count, char **arguments) {
    static const variant variants[] = {{.name = "as it is"}, {.name = "weight decay", .l2 = 0.01f},
                                       {.name = "dropout", .drop = 0.2f}, {.name = "L1", .l1 = 0.0003f},
                                       {.name = "augmentation", .augmented = 1}, {.name = "early stopping", .patience = 10},
                                       {.name = "L1 and L2", .l1 = 0.0003f, .l2 = 0.01f},
                                       {.name = "dropout, pixels", .drop_inputs = 0.2f},
                                       {.name = "dropout, tests", .drop = 0.2f, .scales_tests = 1}};
    const char *folder = count > 1 ? arguments[1] : ".";
    nn_dataset both;
    moons(folder);
    const char *from = load_digits(&both, 2 * full_or_quick(300, 50), &others, full_or_quick(2000, 30));
    known = nn_dataset_range(&both, 0, both.count / 2);
    valid = nn_dataset_range(&both, both.count / 2, both.count / 2);
    FILE *dat = create(folder, "overfitting_curves", ".dat");
    printf("\n%zu %s\n                   epochs   %% of them right   %% of others   their loss\n", known.count, from);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) learn(&variants[i], dat);
    fclose(dat);
    sparse();
    draw(folder, "overfitting_curves", 1400, 560, curves);
    nn_dataset_free(&both);
    nn_dataset_free(&known);
    nn_dataset_free(&valid);
    nn_dataset_free(&others);
    return 0;
}
