/* train_csv.c - a network for any table: trains on a CSV file, tests, saves, and predicts, from the command line
 *
 * Columns may hold numbers or names; each name becomes an input of its own, unless --code says otherwise. Scaling is part of
 * the network, and what the columns held goes into its file: that alone is enough to predict from raw values. Try
 *
 *   cc -O2 -I. examples/train_csv.c -o train_csv -lsleef -lm && ./train_csv --help
 *   ./train_csv flowers.csv --label species --hidden 16,16 --patience 20 --save flowers.safetensors
 *   ./train_csv --load flowers.safetensors --predict new.csv
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

#include <ctype.h>

static const char *file, *label, *target, *leave_out, *missing = "refuse", *code = "one-hot", *hidden = "64,32";
static const char *optimizer = "adam", *save, *load, *test, *predict;
static double rate = 1e-3, epochs = 100, batch = 32, patience = 10, share = 0.2, drop, l2, seed = 1;
static size_t classes; /* 0: a number is predicted */
static const char *const *class_names;

/* An option sets a text or a number within bounds. */
typedef struct option {
    const char *name, *meaning, **text;
    double *number, least, most;
} option;

static const option options[] = {
    {"--label", "column with the classes: a name, a number from 1 on, or \"last\"", &label, NULL, 0, 0},
    {"--target", "column with a number to predict, instead of classes", &target, NULL, 0, 0},
    {"--leave-out", "columns that are not wanted, divided by commas", &leave_out, NULL, 0, 0},
    {"--missing", "what to do about missing values: refuse, drop the row, or take the mean [refuse]", &missing, NULL, 0, 0},
    {"--code", "what names become: one-hot, an input each; binary, as few as do; or number [one-hot]", &code, NULL, 0, 0},
    {"--hidden", "units of the hidden layers, divided by commas; 0: none [64,32]", &hidden, NULL, 0, 0},
    {"--drop", "dropout of the hidden units, a share [0]", NULL, &drop, 0, 0.95},
    {"--l2", "penalty of the weights [0]", NULL, &l2, 0, 1},
    {"--optimizer", "sgd, momentum, nesterov, rmsprop, adam, adamw, lion, or any other of nn.h [adam]", &optimizer, NULL, 0, 0},
    {"--rate", "learning rate [0.001]", NULL, &rate, 1e-9, 100},
    {"--epochs", "at most so many [100]", NULL, &epochs, 1, 1e6},
    {"--batch", "samples in a step [32]", NULL, &batch, 1, 65536},
    {"--patience", "stop when the validation loss has not fallen for so many epochs; 0: never [10]", NULL, &patience, 0, 1e6},
    {"--share", "share of the rows that is for validation [0.2]", NULL, &share, 0.01, 0.9},
    {"--seed", "of the split, the first weights and the order of rows [1]", NULL, &seed, 0, 1e15},
    {"--save", "file for the network", &save, NULL, 0, 0},
    {"--load", "take this network, with --test or --predict, and do not train", &load, NULL, 0, 0},
    {"--test", "another CSV file with the same columns, to test with", &test, NULL, 0, 0},
    {"--predict", "another CSV file, with or without the column to predict: an answer for each row", &predict, NULL, 0, 0},
};

static void fail(const char *what, const char *which) {
    fprintf(stderr, "train_csv: %s%s\n", what, which);
    exit(1);
}

static void help(void) {
    printf("train_csv FILE.csv (--label COLUMN | --target COLUMN) [options]\n");
    printf("train_csv --load NETWORK (--test FILE.csv | --predict FILE.csv)\n\n");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) printf("  %-12s %s\n", options[i].name, options[i].meaning);
    exit(0);
}

static void parse(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const option *o = options, *const end = options + sizeof options / sizeof *options;
        if (!strcmp(arguments[i], "--help") || !strcmp(arguments[i], "-h")) help();
        while (o < end && strcmp(o->name, arguments[i])) o++;
        if (o == end && arguments[i][0] == '-') fail("no such option (--help lists them): ", arguments[i]);
        if (o == end && file) fail("one file to train with, please, not also ", arguments[i]);
        if (o == end) {
            file = arguments[i];
            continue;
        }
        if (++i == count) fail("a value is missing after ", o->name);
        if (o->text) {
            *o->text = arguments[i];
            continue;
        }
        char *rest;
        *o->number = strtod(arguments[i], &rest);
        if (*rest || rest == arguments[i]) fail("this must be a number: ", arguments[i]);
        if (!(*o->number >= o->least && *o->number <= o->most)) {
            fprintf(stderr, "train_csv: %s takes %g to %g, not %s\n", o->name, o->least, o->most, arguments[i]);
            exit(1);
        }
    }
    if (load) {
        if (file || label || target || save) fail("a file to train with, --label, --target, --save: none goes with ", "--load");
        if (!test && !predict) fail("say what the network is loaded for: --test FILE.csv or --predict FILE.csv", "");
        return;
    }
    if (!file) fail("no CSV file is named (try --help)", "");
    if (!label == !target) fail("say what to predict: either --label COLUMN or --target COLUMN", "");
}

/* Scaled inputs, hidden layers, and one output a class, or a number that is scaled back. */
static nn_model *network(const nn_dataset *train) {
    nn_model *m = nn_model_new(NULL);
    nn_scaler scaler;
    nn_report report;
    stop_unless(nn_scaler_fit(&scaler, train, NULL, &report), report.sentence);
    nn_node x = nn_layer_scale(m, nn_layer_input(m, train->shape), &scaler);
    nn_scaler_free(&scaler);
    for (const char *at = hidden; *at;) {
        char *rest;
        const unsigned long units = strtoul(at, &rest, 10);
        if (!isdigit((unsigned char)*at) || (*rest && *rest != ',') || units > 100000)
            fail("--hidden takes numbers divided by commas, not ", hidden);
        if (units) x = nn_layer_dropout(m, nn_layer_relu(m, nn_layer_dense(m, x, units)), (float)drop);
        at = *rest ? rest + 1 : rest;
    }
    if (classes) {
        nn_layer_loss(m, nn_layer_dense(m, x, classes), NN_LOSS_SOFTMAX_CE);
    } else {
        nn_dataset targets = nn_dataset_of(train->targets, train->count, nn_shape_vector(1), NULL, 0);
        targets.rows = train->rows;
        stop_unless(nn_scaler_fit(&scaler, &targets, NULL, &report), report.sentence);
        const float spread = scaler.spread[0] > 0 ? scaler.spread[0] : 1;
        const nn_loss_desc loss = {.loss = NN_LOSS_MSE, .scale = 1 / (spread * spread)}; /* in units of the variance */
        nn_layer_loss_with(m, nn_layer_linear(m, nn_layer_dense(m, x, 1), spread, scaler.mean[0]), &loss);
        nn_scaler_free(&scaler);
    }
    const nn_build_desc build = {.seed = (uint64_t)seed, .batch = (size_t)batch, .l2 = (float)l2};
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

static float *answers(nn_model *m, const nn_dataset *d, size_t outputs) {
    float *y = malloc((d->count + 1) * outputs * sizeof *y);
    if (!y) fail("no memory for the answers", "");
    stop_unless(nn_predict_dataset(m, y, d), nn_error(m));
    return y;
}

static void report_on(const char *what, nn_model *m, const nn_dataset *d) {
    nn_evaluation e;
    stop_unless(nn_evaluate(m, d, &e), nn_error(m));
    printf("%s: %zu rows, loss %.4f", what, d->count, (double)e.loss);
    if (classes) printf(", accuracy %.2f %%\n", 100.0 * (double)e.accuracy);
    else {
        float *y = answers(m, d, 1), *right = malloc((d->count + 1) * sizeof *right);
        stop_unless(right ? nn_dataset_gather(NULL, NULL, right, NULL, d, NULL, d->count) : NN_ERROR_MEMORY, NULL);
        printf(", mean error %.4g", (double)nn_mean_absolute_error(y, right, d->count));
        printf(", R2 %.4f\n", (double)nn_r_squared(y, right, d->count));
        free(y), free(right);
    }
}

static void print_answers(nn_model *m, const nn_dataset *d) {
    const size_t outputs = classes ? classes : 1;
    float *y = answers(m, d, outputs);
    for (size_t i = 0; i < d->count; i++) {
        const size_t best = nn_argmax(y + i * outputs, outputs);
        if (classes) printf("%s,%.4f\n", class_names[best], (double)y[i * outputs + best]);
        else printf("%.7g\n", (double)y[i]);
    }
    free(y);
}

/* What the columns hold, as the file with the training data has them. */
static nn_csv *learn_columns(void) {
    nn_report report;
    nn_csv *csv;
    nn_csv_desc columns = {.label = label, .targets = target, .leave_out = leave_out};
    if (!strcmp(missing, "mean")) columns.missing = NN_CSV_MEAN;
    else if (!strcmp(missing, "drop")) columns.missing = NN_CSV_DROP;
    else if (strcmp(missing, "refuse")) fail("--missing takes refuse, drop or mean, not ", missing);
    if (!strcmp(code, "binary")) columns.code = NN_CSV_BINARY;
    else if (!strcmp(code, "number")) columns.code = NN_CSV_NUMBER;
    else if (strcmp(code, "one-hot")) fail("--code takes one-hot, binary or number, not ", code);
    stop_unless(nn_csv_learn(&csv, file, &columns, &report), report.sentence);
    return csv;
}

static nn_dataset table(const nn_csv *csv, const char *path) {
    nn_dataset d;
    nn_report report;
    stop_unless(nn_csv_load(&d, csv, path, &report), report.sentence);
    return d;
}

static nn_model *train(const nn_csv *csv) {
    nn_dataset all = table(csv, file), part[2];
    const nn_split_desc split = {.seed = (uint64_t)seed, .stratified = label != NULL};
    stop_unless(nn_dataset_split(part, &all, (double[]){1 - share, share}, 2, &split), NULL);
    if (!part[0].count || !part[1].count) fail("too few rows to divide into training and validation: ", file);
    nn_model *m = network(&part[0]);
    nn_fit_desc fit = {.epochs = (size_t)epochs, .patience = (size_t)patience, .keep = NN_KEEP_BEST, .seed = (uint64_t)seed,
                       .watch = nn_progress, .user = stderr};
    if (!nn_optimizer_named(&fit.optimizer, optimizer, (float)rate)) fail("no such optimizer: ", optimizer);
    stop_unless(nn_fit(m, &part[0], &part[1], &fit), nn_error(m));
    report_on("training", m, &part[0]);
    report_on("validation", m, &part[1]);
    nn_dataset_free(&part[0]), nn_dataset_free(&part[1]), nn_dataset_free(&all);
    return m;
}

int main(int count, char **arguments) {
    parse(count, arguments);
    nn_report report;
    nn_model *m = NULL;
    nn_csv *csv;
    if (load) {
        stop_unless(nn_model_load(&m, load, NULL, &report), report.sentence);
        stop_unless(nn_csv_noted(&csv, m, NULL, &report), report.sentence);
    } else csv = learn_columns();
    class_names = nn_csv_classes(csv, &classes);
    if (!m) m = train(csv);
    const size_t outputs = nn_shape_size(nn_node_shape(m, nn_model_output(m)));
    if (outputs != (classes ? classes : 1)) fail("this network and its columns do not fit: ", load);
    if (save) {
        stop_unless(nn_csv_note(csv, m), nn_error(m));
        stop_unless(nn_model_save(m, save), nn_error(m));
    }
    for (int i = 0; i < 2; i++) {
        const char *path = i ? predict : test;
        if (!path) continue;
        nn_dataset other = table(csv, path);
        i ? print_answers(m, &other) : report_on("test", m, &other);
        nn_dataset_free(&other);
    }
    nn_model_free(m);
    nn_csv_free(csv);
    return 0;
}
