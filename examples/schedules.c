/* schedules.c - rates that change over training, momentum that rises, and gradients that are cut
 *
 * 1. The rate of each schedule over 10 epochs, and what momentum with that rate makes of a 784-100-10 network.
 * 2. Momentum 0.5, 0.99, and rising from one to the other.
 * 3. A deep network at a rate that makes its loss infinite: with its gradient cut, by value or by norm, it learns.
 * Writes schedules.dat, .gp and (with gnuplot) .png into the folder that is named.
 *
 *   cc -O2 -I. examples/schedules.c -o schedules -lsleef -lm && ./schedules .
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

enum { SCHEDULES = 10, EPOCHS = 10, POINTS = 400 };

static nn_dataset train, test;

/* A schedule as nn_fit takes it: positions are epochs, and a length of 0 is the whole training. */
typedef struct named {
    const char *name;
    nn_schedule schedule;
} named;

static const named *schedules(void) {
    static const double marks[] = {5, 8};
    static named all[SCHEDULES];
    const named list[SCHEDULES] = {
        {"constant", nn_schedule_constant()},
        {"exponential", nn_schedule_exponential(0.8f, 1)},
        {"inverse time", nn_schedule_inverse_time(1, 2)},
        {"steps", nn_schedule_steps(0.5f, 2)},
        {"marks", nn_schedule_marks(0.2f, marks, 2)},
        {"linear", nn_schedule_linear(1, 0, 0)},
        {"cosine", nn_schedule_cosine(0, 0)},
        {"cosine, restarts", nn_schedule_cosine_restarts(0, 2, 2)},
        {"one cycle", nn_schedule_one_cycle(0)},
        {"cosine after warm-up", nn_schedule_warm_up(nn_schedule_cosine(0, 0), 2, 0.1f)},
    };
    memcpy(all, list, sizeof list);
    return all;
}

static void curve(FILE *dat, const named *n) {
    const nn_schedule whole = nn_schedule_over(n->schedule, EPOCHS); /* nn_fit does this by itself */
    fprintf(dat, "# %s: epoch, factor of the rate\n", n->name);
    for (int i = 0; i <= POINTS; i++) {
        const double epoch = (double)EPOCHS * i / POINTS;
        fprintf(dat, "%g %g\n", epoch, (double)nn_schedule_factor(&whole, epoch));
    }
    fprintf(dat, "\n\n");
}

/* `hidden` layers of 100 units; what is printed is the end of a training, or that there was none. */
static void learn(const char *name, size_t hidden, nn_fit_desc fit) {
    const nn_build_desc build = {.seed = 1, .batch = 50};
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, train.shape);
    nn_evaluation on_train, on_test;
    for (size_t i = 0; i < hidden; i++) x = nn_layer_relu(m, nn_layer_dense(m, x, 100));
    nn_layer_loss(m, nn_layer_dense(m, x, 10), NN_LOSS_SOFTMAX_CE);
    stop_unless(nn_model_build(m, &build), nn_error(m));
    fit.epochs = full_or_quick(EPOCHS, 1);
    fit.batch = 50;
    const nn_status status = nn_fit(m, &train, NULL, &fit);
    printf("  %-21s", name);
    if (status == NN_ERROR_NOT_FINITE) {
        printf("   %s\n", nn_error(m));
    } else {
        stop_unless(status, nn_error(m));
        stop_unless(nn_evaluate(m, &train, &on_train), nn_error(m));
        stop_unless(nn_evaluate(m, &test, &on_test), nn_error(m));
        printf(" %10.5f %12.2f %%\n", (double)on_train.loss, 100 * (double)on_test.accuracy);
    }
    nn_model_free(m);
}

/* Factors of the rate; the last one is momentum, which a schedule gives as it is. */
static const char picture[] =
    "array name[11] = ['constant', 'exponential', 'inverse time', 'steps', 'marks', 'linear', 'cosine', \\\n"
    "  'cosine, restarts', 'one cycle', 'cosine after warm-up', 'momentum, 0.5 to 0.99']\n"
    "set xrange [0:10]\nset yrange [0:1.05]\nset xtics 5 nomirror\nset ytics 0.5 nomirror\nset tics scale 0.5\n"
    "set grid lc rgb '#e4e4e4' lt 1\nunset key\n"
    "set label 1 'factor of the rate (and momentum itself) over 10 epochs' at screen 0.5,0.02 center font ',12'\n"
    "set multiplot layout 2,6 margins 0.03,0.99,0.1,0.93 spacing 0.025,0.12\n"
    "do for [i=0:10] {\n"
    "  set title name[i+1] offset 0,-0.5 font ',12'\n"
    "  plot 'schedules.dat' index i using 1:2 with lines lw 2.5 lc rgb (i < 10 ? '#1050a0' : '#c03020')\n  unset label 1\n"
    "}\nunset multiplot\n";

int main(int count, char **arguments) {
    const char *folder = count > 1 ? arguments[1] : ".";
    const nn_schedule rising = nn_schedule_linear(0.5f, 0.99f, 0);
    const char *from = load_digits(&train, full_or_quick(3000, 30), &test, full_or_quick(5000, 20));
    FILE *dat = create(folder, "schedules", ".dat");
    printf("%zu %s, momentum 0.9, highest rate 0.1\n  schedule               train loss    others right\n", train.count, from);
    for (int i = 0; i < SCHEDULES; i++) {
        const nn_fit_desc fit = {.optimizer = nn_momentum(0.1f, 0.9f), .schedule = schedules()[i].schedule};
        curve(dat, &schedules()[i]);
        learn(schedules()[i].name, 1, fit);
    }
    curve(dat, &(named){"momentum", rising});
    fclose(dat);

    printf("\nrate 0.02\n");
    learn("momentum 0.5", 1, (nn_fit_desc){.optimizer = nn_momentum(0.02f, 0.5f)});
    learn("momentum 0.99", 1, (nn_fit_desc){.optimizer = nn_momentum(0.02f, 0.99f)});
    learn("rising, 0.5 to 0.99", 1, (nn_fit_desc){.optimizer = nn_momentum(0.02f, 0), .momentum = rising});

    printf("\n8 hidden layers, momentum 0.9, rate 0.2\n");
    nn_fit_desc deep = {.optimizer = nn_momentum(0.2f, 0.9f)};
    learn("as it is", 8, deep);
    deep.clip_norm = 0.1f;
    learn("norm cut to 0.1", 8, deep);
    deep.clip_norm = 0;
    deep.optimizer.clip = 0.001f;
    learn("values cut to 0.001", 8, deep);

    draw(folder, "schedules", 1400, 480, picture);
    nn_dataset_free(&train);
    nn_dataset_free(&test);
    return 0;
}
