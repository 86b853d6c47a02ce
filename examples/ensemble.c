/* ensemble.c - several opinions are better than one: of networks, of snapshots of one network, of views of one image
 *
 * 1. Five networks that differ in their seed alone; their probabilities are averaged.
 * 2. Five snapshots of one network. Its rate falls along a cosine and starts again four times: each time it settles elsewhere.
 * 3. A network that was trained on random patches of 26 x 26 pixels, with and without their mirror images, looks at the centre,
 *    at five, at ten crops. Photos gain more by it than digits, which are centred already and whose mirror images are none.
 * Writes ensemble.dat, .gp and (with gnuplot) .png into the folder that is named.
 *
 *   cc -O2 -I. examples/ensemble.c -o ensemble -lsleef -lm && ./ensemble .
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

enum { MEMBERS = 5, CLASSES = 10, CROP = 26 };

static nn_dataset train, test;
static float *images, *said; /* of the test digits: pixels, and probabilities */
static uint32_t *labels;

static nn_model *network(nn_shape in, uint64_t seed) {
    const nn_build_desc build = {.seed = seed};
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, in);
    x = nn_layer_max_pool(m, nn_layer_relu(m, nn_layer_conv2d(m, x, 8, 5)), 2, 2);
    x = nn_layer_max_pool(m, nn_layer_relu(m, nn_layer_conv2d(m, x, 16, 5)), 2, 2);
    nn_layer_loss(m, nn_layer_dense(m, x, CLASSES), NN_LOSS_SOFTMAX_CE);
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

/* Adam, its rate along this schedule. */
static nn_fit_desc settings(size_t epochs, nn_schedule schedule) {
    const nn_fit_desc desc = {.optimizer = nn_adam(0.003f), .schedule = schedule, .epochs = epochs, .batch = 50};
    return desc;
}

/* What `said` says, in % of wrong answers. */
static double wrong(void) { return 100 - 100 * (double)nn_accuracy(said, labels, test.count, CLASSES); }

/* The error of the first 1, 2, ... members together, a line each, and what is won by it. */
static void report(FILE *dat, const char *what, const double *alone, const double *together) {
    double mean = 0;
    printf("%s\n  members   alone   together\n", what);
    fprintf(dat, "# %s: members, %% wrong alone and together\n", what);
    for (int i = 0; i < MEMBERS; i++) {
        printf("  %7d %6.2f %% %7.2f %%\n", i + 1, alone[i], together[i]);
        fprintf(dat, "%d %g %g\n", i + 1, alone[i], together[i]);
        mean += alone[i] / MEMBERS;
    }
    fprintf(dat, "\n\n");
    const double gain = mean - together[MEMBERS - 1];
    printf("  on average %.2f %% alone, %.2f %% together: a gain of %.2f points\n\n", mean, together[MEMBERS - 1], gain);
}

static void independent(FILE *dat) {
    const nn_fit_desc desc = settings(full_or_quick(10, 1), nn_schedule_cosine(0, 0));
    nn_model *m[MEMBERS];
    double alone[MEMBERS], together[MEMBERS];
    for (int i = 0; i < MEMBERS; i++) {
        m[i] = network(train.shape, 1 + (uint64_t)i);
        stop_unless(nn_fit(m[i], &train, NULL, &desc), nn_error(m[i]));
        stop_unless(nn_predict(m[i], said, images, test.count), nn_error(m[i]));
        alone[i] = wrong();
        stop_unless(nn_predict_ensemble(m, (size_t)i + 1, said, images, test.count), nn_error(m[0]));
        together[i] = wrong();
    }
    report(dat, "independent networks", alone, together);
    for (int i = 0; i < MEMBERS; i++) nn_model_free(m[i]);
}

/* Watches a training; takes a snapshot at the end of every cycle. */
typedef struct collector {
    nn_snapshots snapshots;
    size_t cycle; /* epochs */
} collector;

static int collect(const nn_fit_event *event, void *user) {
    collector *c = user;
    if (event->done && event->epoch % c->cycle == 0)
        stop_unless(nn_snapshots_add(&c->snapshots, event->model), nn_error(event->model));
    return 0;
}

static void snapshots(FILE *dat) {
    collector c = {.cycle = full_or_quick(10, 1)};
    nn_fit_desc desc = settings(MEMBERS * c.cycle, nn_schedule_cosine_restarts(0, (double)c.cycle, 1));
    desc.watch = collect;
    desc.user = &c;
    nn_model *m = network(train.shape, 1);
    double alone[MEMBERS], together[MEMBERS];
    stop_unless(nn_fit(m, &train, NULL, &desc), nn_error(m));
    for (size_t i = 0; i < MEMBERS; i++) {
        nn_snapshots first = c.snapshots;
        first.count = i + 1;
        stop_unless(nn_snapshots_use(&c.snapshots, m, i), nn_error(m));
        stop_unless(nn_predict(m, said, images, test.count), nn_error(m));
        alone[i] = wrong();
        stop_unless(nn_snapshots_predict(&first, m, said, images, test.count), nn_error(m));
        together[i] = wrong();
    }
    report(dat, "snapshots of one network", alone, together);
    nn_snapshots_free(&c.snapshots, m);
    nn_model_free(m);
}
/* View number `index` of ten: the centre, the four corners, and the mirror images of these five. */
static void crop(float *view, const float *x, size_t index, void *user) {
    float ten[10 * CROP * CROP];
    (void)user;
    stop_unless(nn_image_ten_crop(ten, nn_image_floats(x, test.shape), CROP, CROP), NULL);
    memcpy(view, ten + index * CROP * CROP, sizeof(float) * CROP * CROP);
}

static double seen_in(nn_model *m, size_t views) {
    const nn_views crops = {views, nn_shape_size(test.shape), crop, NULL};
    stop_unless(nn_predict_views(m, said, images, test.count, &crops), nn_error(m));
    return wrong();
}

static void crops(FILE *dat, int mirror) {
    const nn_augment augment = {.crop = NN_CROP_RANDOM, .crop_height = CROP, .crop_width = CROP, .flip_x = mirror ? 0.5f : 0};
    nn_fit_desc desc = settings(full_or_quick(20, 1), nn_schedule_cosine(0, 0));
    desc.augment = &augment;
    nn_model *m = network(nn_shape_image(CROP, CROP, 1), 1);
    stop_unless(nn_fit(m, &train, NULL, &desc), nn_error(m));
    const double one = seen_in(m, 1), five = seen_in(m, 5), ten = mirror ? seen_in(m, 10) : five;
    printf("  trained with random patches%s: ", mirror ? " and their mirror images" : "");
    printf("centre %.2f %%, five crops %.2f %%", one, five);
    if (mirror) printf(", ten crops %.2f %%", ten);
    printf(": a gain of %.2f points\n", one - ten);
    fprintf(dat, "\"%s\" %g %g %g\n", mirror ? "and mirrored" : "random patches", one, five, ten);
    nn_model_free(m);
}

static const char picture[] =
    "set style fill solid\nset yrange [0:*]\nset offsets 0,0,graph 0.25,0\nset grid y lc rgb '#e0e0e0' lt 1\n"
    "set tics nomirror\nset key top right\n"
    "set multiplot layout 1,3 margins 0.06,0.99,0.12,0.9 spacing 0.05,0\n"
    "array title[2] = ['independent networks', 'snapshots of one network']\n"
    "set xrange [0.5:5.5]\nset xlabel 'members'\nset ylabel '% of the test digits wrong'\nset boxwidth 0.6\n"
    "do for [i=0:1] {\n"
    "  set title title[i+1] font ',13'\n"
    "  plot 'ensemble.dat' index i using 1:2 with boxes lc rgb '#b8c4d0' title 'member alone', \\\n"
    "       '' index i using 1:3 with linespoints lw 2 pt 7 ps 1.2 lc rgb '#c03020' title 'the first ones together'\n"
    "  unset ylabel\n"
    "}\n"
    "set title 'crops of one image' font ',13'\nset xlabel 'what the network was trained with'\n"
    "set xrange [-0.6:1.6]\nset boxwidth 0.9\n"
    "set style data histograms\nset style histogram clustered gap 1\n"
    "plot 'ensemble.dat' index 2 using 2:xtic(1) lc rgb '#b8c4d0' title 'centre', \\\n"
    "     '' index 2 using 3 lc rgb '#1050a0' title 'five crops', \\\n"
    "     '' index 2 using (column(0) == 1 ? $4 : NaN) lc rgb '#c03020' title 'ten crops'\n"
    "unset multiplot\n";

int main(int count, char **arguments) {
    const char *folder = count > 1 ? arguments[1] : ".";
    const char *from = load_digits(&train, full_or_quick(3000, 5), &test, full_or_quick(10000, 5));
    FILE *dat = create(folder, "ensemble", ".dat");
    images = malloc(test.count * nn_shape_size(test.shape) * sizeof *images);
    said = malloc(test.count * CLASSES * sizeof *said);
    labels = malloc(test.count * sizeof *labels);
    if (!images || !said || !labels) stop_unless(NN_ERROR_MEMORY, NULL);
    stop_unless(nn_dataset_gather(images, labels, NULL, NULL, &test, NULL, test.count), NULL);
    printf("%zu %s, %zu others for the test: shares of wrong answers\n\n", train.count, from, test.count);
    independent(dat);
    snapshots(dat);
    printf("views of one image\n");
    for (int mirror = 0; mirror < 2; mirror++) crops(dat, mirror);
    fclose(dat);
    draw(folder, "ensemble", 1200, 420, picture);
    free(images), free(said), free(labels);
    nn_dataset_free(&train);
    nn_dataset_free(&test);
    return 0;
}
