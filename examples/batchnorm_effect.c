/* batchnorm_effect.c - how much less the first weights matter with batch norm
 *
 * The same network, 784-100-100-100-100-100-10 with ReLU, learns 1000 digits for 20 epochs by gradient descent, with and
 * without batch norm, from first weights of 12 deviations between 1 and 0.0002. Writes batchnorm_effect.dat, .gp and (with
 * gnuplot) .png into the folder that is named.
 *
 *   cc -O2 -I. examples/batchnorm_effect.c -o batchnorm_effect -lsleef -lm && ./batchnorm_effect .
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

enum { LAYERS = 5, EPOCHS = 20, BATCH = 50 };

static nn_model *network(nn_shape in, float deviation, int batch_norm) {
    const nn_build_desc build = {.seed = 1, .batch = BATCH, .init = nn_init_normal(deviation)};
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, in);
    for (int layer = 0; layer < LAYERS; layer++) {
        x = batch_norm ? nn_layer_batch_norm(m, nn_layer_dense_no_bias(m, x, 100)) : nn_layer_dense(m, x, 100);
        x = nn_layer_relu(m, x);
    }
    nn_layer_loss(m, nn_layer_dense(m, x, 10), NN_LOSS_SOFTMAX_CE);
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

/* What a training brought: the share of right answers, in training and on the test digits, epoch by epoch. */
typedef struct curve {
    double train[EPOCHS + 1], test[EPOCHS + 1];
    size_t epochs; /* fewer than EPOCHS where the loss became infinite */
} curve;

static curve learn(float deviation, int batch_norm, const nn_dataset *train, const nn_dataset *test) {
    const nn_fit_desc desc = {.optimizer = nn_sgd(0.03f), .epochs = full_or_quick(EPOCHS, 2), .seed = 1};
    nn_model *m = network(train->shape, deviation, batch_norm);
    nn_trainer *trainer;
    curve c = {.epochs = 0};
    stop_unless(nn_trainer_new(&trainer, m, &desc), nn_error(m));
    const nn_status status = nn_trainer_run(trainer, train, test);
    if (status != NN_ERROR_NOT_FINITE) stop_unless(status, nn_error(m));
    const nn_history *history = nn_trainer_history(trainer);
    c.epochs = history->count;
    for (size_t e = 0; e < c.epochs; e++) {
        c.train[e + 1] = 100 * (double)history->epochs[e].train.accuracy;
        c.test[e + 1] = 100 * (double)history->epochs[e].valid.accuracy;
    }
    nn_trainer_free(trainer);
    nn_model_free(m);
    return c;
}

static void tell(const curve *c) {
    if (c->epochs < full_or_quick(EPOCHS, 2)) printf("   loss infinite in epoch %-2zu", c->epochs + 1);
    else printf("   %7.1f %7.1f %7.1f ", c->train[1], c->train[c->epochs], c->test[c->epochs]);
}

static void write(FILE *dat, const curve *c, float deviation) {
    fprintf(dat, "# deviation %g: epoch, %% right of the digits learned, and of the others\n", (double)deviation);
    for (size_t e = 1; e <= c->epochs; e++) fprintf(dat, "%zu %g %g\n", e, c->train[e], c->test[e]);
    if (c->epochs < full_or_quick(EPOCHS, 2)) fprintf(dat, "0 50 50\n"); /* a mark for the picture */
    fprintf(dat, "\n\n");
}

static const char picture[] =
    "array deviation[12] = ['1', '0.5', '0.2', '0.1', '0.05', '0.02', '0.01', '0.005', '0.002', '0.001', '0.0005', '0.0002']\n"
    "array colour[2] = ['#c03020', '#1050a0']\n"
    "set xrange [1:20]\nset yrange [0:100]\nset xtics (1, 5, 10, 15, 20) nomirror\nset ytics 25 nomirror\nset tics scale 0.5\n"
    "set grid lc rgb '#e4e4e4' lt 1\nset key bottom right\n"
    "set label 1 '1000 digits: % right in training (lines), and of 1000 others (dashes), after each epoch' \\\n"
    "  at screen 0.5,0.014 center font ',12'\n"
    "set multiplot layout 3,4 margins 0.03,0.99,0.085,0.955 spacing 0.025,0.07\n"
    "do for [i=1:12] {\n"
    "  set title 'first weights N(0, '.deviation[i].'^2)' offset 0,-0.6 font ',12'\n"
    "  if (i == 2) { unset key\n unset label 1 }\n"
    "  infinite(epoch) = epoch == 0 ? 10.5 : NaN\n"
    "  plot for [bn=0:1] 'batchnorm_effect.dat' index 2*i-2+bn using ($1 > 0 ? $1 : NaN):2 with linespoints \\\n"
    "         pt 7 ps 0.4 lw 2 lc rgb colour[bn+1] title (bn ? 'with' : 'without').' batch norm', \\\n"
    "       for [bn=0:1] '' index 2*i-2+bn using ($1 > 0 ? $1 : NaN):3 with lines \\\n"
    "         lw 1.5 dt (6,4) lc rgb colour[bn+1] notitle, \\\n"
    "       '' index 2*i-2 using (infinite($1)):(86):('without: the loss is infinite') with labels tc rgb colour[1] notitle\n"
    "}\nunset multiplot\n";

int main(int count, char **arguments) {
    static const float deviations[] = {1, 0.5f, 0.2f, 0.1f, 0.05f, 0.02f, 0.01f, 0.005f, 0.002f, 0.001f, 0.0005f, 0.0002f};
    const char *folder = count > 1 ? arguments[1] : ".";
    nn_dataset train, test;
    const char *from = load_digits(&train, full_or_quick(1000, 12), &test, full_or_quick(1000, 12));
    FILE *dat = create(folder, "batchnorm_effect", ".dat");
    printf("%zu %s, %% right in the first epoch, in the last one, of %zu others at the end\n", train.count, from, test.count);
    printf("  deviation   without batch norm         with batch norm\n");
    for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++) {
        printf("  %9g", (double)deviations[i]);
        for (int batch_norm = 0; batch_norm < 2; batch_norm++) {
            const curve c = learn(deviations[i], batch_norm, &train, &test);
            tell(&c);
            write(dat, &c, deviations[i]);
        }
        putchar('\n');
    }
    fclose(dat);
    draw(folder, "batchnorm_effect", 1200, 800, picture);
    nn_dataset_free(&train);
    nn_dataset_free(&test);
    return 0;
}
