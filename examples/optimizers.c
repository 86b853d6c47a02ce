/* optimizers.c - every rule of nn.h on the valley f(x, y) = x^2/20 + y^2, and on digits
 *
 * Along x the valley is flat, across it is steep: a rate that is right for one direction is wrong for the other. The first
 * picture shows how each rule gets from (-7, 2) to the lowest point, (0, 0); the second one, the loss of a 784-100-10 network.
 * Writes optimizers_*.dat, .gp and (with gnuplot) .png into the folder that is named.
 *
 *   cc -O2 -I. examples/optimizers.c -o optimizers -lsleef -lm && ./optimizers .
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

#include <float.h>

enum { RULES = 16, STEPS = 40, BATCH = 50 };

/* A rule, with a rate for the valley and one for the network. */
typedef struct rule {
    const char *name;
    nn_optimizer valley, network;
} rule;

static nn_optimizer with_l1(nn_optimizer o, float l1) {
    o.l1 = l1;
    return o;
}
static nn_optimizer with_decay(nn_optimizer o, float decay) {
    o.decay = decay;
    return o;
}
static nn_optimizer with_epsilon(nn_optimizer o, float epsilon) {
    o.epsilon = epsilon;
    return o;
}
/* TensorFlow starts the sum of squares at 0.1. With much less, FTRL keeps most of the weights that it begins with. */
static nn_optimizer with_accumulator(nn_optimizer o, float accumulator) {
    o.accumulator = accumulator;
    return o;
}

static const rule *rules(void) {
    static rule all[RULES];
    const rule list[RULES] = {
        {"gradient descent", nn_sgd(0.95f), nn_sgd(0.1f)},
        {"momentum", nn_momentum(0.1f, 0.9f), nn_momentum(0.05f, 0.9f)},
        {"Nesterov", nn_nesterov(0.1f, 0.9f), nn_nesterov(0.05f, 0.9f)},
        {"AdaGrad", nn_adagrad(1.5f), nn_adagrad(0.02f)},
        {"RMSProp", nn_rmsprop(0.3f), nn_rmsprop(0.002f)},
        {"Adadelta", with_epsilon(nn_adadelta(1), 1e-2f), nn_adadelta(1)},
        {"Adam", nn_adam(0.3f), nn_adam(0.003f)},
        {"AdamW", with_decay(nn_adam(0.3f), 0.2f), nn_adamw(0.003f)},
        {"AMSGrad", nn_amsgrad(0.3f), nn_amsgrad(0.003f)},
        {"AdaMax", nn_adamax(0.5f), nn_adamax(0.005f)},
        {"NAdam", nn_nadam(0.3f), nn_nadam(0.003f)},
        {"Lion", nn_lion(0.3f), nn_lion(0.0005f)},
        {"FTRL, L1", with_accumulator(with_l1(nn_ftrl(1.5f), 0.3f), 1e-4f), with_l1(nn_ftrl(0.05f), 0.001f)},
        {"AdagradDA, L1", with_l1(nn_adagrad_da(1.5f), 0.05f), with_l1(nn_adagrad_da(0.02f), 1e-4f)},
        {"proximal GD, L1", with_l1(nn_proximal_gd(0.95f), 0.05f), with_l1(nn_proximal_gd(0.1f), 3e-4f)},
        {"proximal AdaGrad, L1", with_l1(nn_proximal_adagrad(1.5f), 0.05f), with_l1(nn_proximal_adagrad(0.02f), 3e-4f)},
    };
    memcpy(all, list, sizeof list);
    return all;
}

static double f(const float *w) { return (double)w[0] * w[0] / 20 + (double)w[1] * w[1]; }

/* One path, a point a line. Nesterov's array is ahead of the weights: look_back gives the weights themselves. */
static void walk(const rule *r, FILE *dat) {
    float w[2] = {-7, 2}, seen[2];
    nn_optimizer_state state;
    double after_10 = 0;
    int first_zero = 0;
    stop_unless(nn_optimizer_new(&state, &r->valley, 2, NULL), nn_optimizer_mistake(&r->valley));
    for (int step = 0;; step++) {
        nn_optimizer_look_back(seen, w, 2, 0, &state, &r->valley);
        fprintf(dat, "%g %g\n", (double)seen[0], (double)seen[1]);
        if (step == 10) after_10 = f(seen);
        if (!first_zero && seen[0] == 0 && seen[1] == 0) first_zero = step;
        if (step == STEPS) break;
        const float gradient[2] = {w[0] / 10, 2 * w[1]};
        nn_optimizer_step(w, gradient, 2, &state, &r->valley);
    }
    nn_optimizer_free(&state, NULL);
    fprintf(dat, "\n\n");
    printf("  %-21s %5g %11.2e %11.2e", r->name, (double)r->valley.rate, after_10, f(seen));
    printf("   (%7.4f, %7.4f)", (double)seen[0], (double)seen[1]);
    if (first_zero) printf("   exactly 0 from step %d on", first_zero);
    putchar('\n');
}

static void valley(const char *folder) {
    FILE *dat = create(folder, "optimizers_paths", ".dat");
    printf("f(x, y) = x^2/20 + y^2 from (-7, 2), %d steps\n", STEPS);
    printf("  rule                   rate  f after 10    at the end   where\n");
    for (int i = 0; i < RULES; i++) walk(&rules()[i], dat);
    fclose(dat);
}
static const char paths[] =
    "set xrange [-8:5]\nset yrange [-2.6:2.6]\nset samples 80\nset isosamples 80\n"
    "set contour base\nset cntrparam levels discrete 0.05,0.25,0.6,1.1,1.8,2.7,3.8,5.1,6.6\nunset surface\n"
    "set table $valley\nsplot x*x/20 + y*y\nunset table\nunset contour\n"
    "set xtics 2 nomirror\nset ytics 1 nomirror\nset tics scale 0.5\n"
    "set label 1 at -7,2 '' front point pt 6 ps 1.6 lw 2 lc rgb '#202020'\n"
    "set label 2 at 0,0 '' front point pt 2 ps 1.4 lw 2 lc rgb '#1050a0'\n"
    "set label 3 'x^2/20 + y^2: from the circle to the lowest point (cross), 40 steps' at screen 0.5,0.012 center font ',12'\n"
    "set multiplot layout 4,4 margins 0.03,0.99,0.06,0.965 spacing 0.025,0.06\n"
    "do for [i=0:15] {\n"
    "  set title name[i+1] offset 0,-0.6 font ',12'\n  plot $valley using 1:2 with lines lc rgb '#b8c4d0' notitle, \\\n"
    "       'optimizers_paths.dat' index i with linespoints lc rgb '#c03020' lw 1.5 pt 7 ps 0.5 notitle\n"
    "  unset label 3\n}\nunset multiplot\n";

/* ---- digits ---- */

/* A loop by hand instead of nn_fit: it looks at the loss of every batch. */
static nn_status learn(nn_model *m, nn_node in, nn_node loss, const nn_optimizer *rule, const nn_dataset *train, FILE *dat) {
    const nn_fit_desc desc = {.optimizer = *rule};
    const size_t epochs = full_or_quick(5, 1);
    nn_trainer *trainer;
    nn_batches b;
    double smooth = 0, share = 0;
    nn_status status = nn_trainer_new(&trainer, m, &desc);
    if (status == NN_OK) status = nn_batches_begin(&b, train, BATCH, 1);
    for (size_t epoch = 0; epoch < epochs && status == NN_OK; epoch++)
        while (status == NN_OK && nn_batches_next(&b)) {
            status = nn_feed(m, in, b.x);
            if (status == NN_OK) status = nn_feed_labels(m, loss, b.labels);
            if (status == NN_OK) status = nn_trainer_batch(trainer, b.n);
            smooth += ((double)nn_loss_value(m, loss) - smooth) / 25; /* the mean of about the last 25 batches; */
            share += (1 - share) / 25;                                /* share: what it has of them so far */
            if (nn_trainer_steps(trainer) % 5 == 0) fprintf(dat, "%d %g\n", (int)nn_trainer_steps(trainer), smooth / share);
        }
    nn_batches_end(&b);
    nn_trainer_finish(trainer);
    nn_trainer_free(trainer);
    return status;
}

static void network(const rule *r, const nn_dataset *train, const nn_dataset *test, FILE *dat) {
    const nn_build_desc build = {.seed = 1, .batch = BATCH};
    nn_model *m = nn_model_new(NULL);
    nn_evaluation on_train = {0}, on_test = {0};
    const nn_node in = nn_layer_input(m, train->shape);
    const nn_node hidden = nn_layer_relu(m, nn_layer_dense(m, in, 100));
    const nn_node loss = nn_layer_loss(m, nn_layer_dense(m, hidden, 10), NN_LOSS_SOFTMAX_CE);
    fprintf(dat, "\"%s\"\n", r->name);
    nn_status status = nn_model_build(m, &build);
    if (status == NN_OK) status = learn(m, in, loss, &r->network, train, dat);
    if (status == NN_OK) status = nn_evaluate(m, train, &on_train);
    if (status == NN_OK) status = nn_evaluate(m, test, &on_test);
    stop_unless(status, nn_error(m));
    fprintf(dat, "\n\n");
    nn_parameter w;
    stop_unless(nn_parameter_named(m, "dense_1.weights", &w), nn_error(m));
    const size_t zeros = nn_zero_small(w.values, w.rows * w.columns, FLT_MIN);
    const double right = 100 * (double)on_test.accuracy;
    printf("  %-21s %6g %12.4f %10.2f %%", r->name, (double)r->network.rate, (double)on_train.loss, right);
    printf(zeros ? "   %.1f %% of the first layer's weights are exactly 0\n" : "\n",
           100 * (double)zeros / (double)(w.rows * w.columns));
    nn_model_free(m);
}

static void digits(const char *folder) {
    nn_dataset train, test;
    const char *from = load_digits(&train, full_or_quick(10000, 50), &test, full_or_quick(10000, 50));
    FILE *dat = create(folder, "optimizers_training", ".dat");
    printf("\n784-100-10 on %zu %s\n  rule                    rate   train loss   test right\n", train.count, from);
    for (int i = 0; i < RULES; i++) network(&rules()[i], &train, &test, dat);
    fclose(dat);
    nn_dataset_free(&train);
    nn_dataset_free(&test);
}

static const char training[] =
    "set logscale y\nset yrange [0.05:2.5]\nset ytics (0.05, 0.1, 0.2, 0.5, 1, 2)\n"
    "set grid lc rgb '#e0e0e0' lt 1\nset key top right\n"
    "set tics nomirror\narray from[4] = [0, 3, 6, 12]\narray to[4] = [2, 5, 11, 15]\n"
    "array what[4] = ['one rate for all', 'a rate for each weight', 'Adam and its kin', 'with L1 of their own']\n"
    "set linetype 1 lc rgb '#c03020' lw 2\n"
    "set linetype 2 lc rgb '#1050a0' lw 2 dt (12,5)\nset linetype 3 lc rgb '#209050' lw 2 dt (4,4)\n"
    "set linetype 4 lc rgb '#e09000' lw 2\nset linetype 5 lc rgb '#8040a0' lw 2\nset linetype 6 lc rgb '#505050' lw 2\n"
    "set multiplot layout 2,2\n"
    "do for [p=1:4] {\n  set title what[p]\n  set xlabel 'step (50 digits each)'\n  set ylabel 'training loss, smoothed'\n"
    "  plot for [i=from[p]:to[p]] 'optimizers_training.dat' index i using 1:2 with lines lt i-from[p]+1 title columnhead(1)\n"
    "}\nunset multiplot\n";

int main(int count, char **arguments) {
    const char *folder = count > 1 ? arguments[1] : ".";
    valley(folder);
    digits(folder);
    char script[3000] = "array name[16]\n";
    for (int i = 0; i < RULES; i++) sprintf(script + strlen(script), "name[%d] = '%s'\n", i + 1, rules()[i].name);
    draw(folder, "optimizers_paths", 1200, 960, strcat(script, paths));
    draw(folder, "optimizers_training", 1200, 900, training);
    return 0;
}
