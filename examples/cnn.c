/* cnn.c - a small convolutional network reads handwriting: five convolutions, batch norm, moved and turned images
 *
 * Every image is turned, scaled and moved a little anew in each epoch, so that no two epochs show the same. Of the training
 * images 5,000 validate, the test images are looked at once, at the end; those that the network gets wrong are put on a
 * sheet, each with what it is and what the network says.
 * Leaves cnn.safetensors and cnn.ppm in the folder named, or here.
 *
 *   cc -O2 -I. -DNN_ZLIB -fopenmp examples/cnn.c -o cnn -lsleef -lz -lm && NN_DATA=data ./cnn [folder]
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"
#include "sheet.h"

enum { CLASSES = 10, SHOWN = 48 };

/* 3 x 3 filters, batch norm and ReLU. Batch norm adds its own bias, so the convolution needs none. */
static nn_node filters(nn_model *m, nn_node x, size_t count, size_t padding) {
    const nn_conv2d_desc desc = {.filters = count, .kernel_height = 3, .kernel_width = 3, .pad_top = padding,
                                 .pad_bottom = padding, .pad_left = padding, .pad_right = padding};
    return nn_layer_relu(m, nn_layer_batch_norm(m, nn_layer_conv2d_with(m, x, &desc, 0)));
}

static nn_model *network(nn_shape image) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, image);
    x = filters(m, filters(m, x, 16, 1), 16, 1);
    x = nn_layer_max_pool(m, x, 2, 2);
    x = filters(m, filters(m, x, 32, 1), 32, 1);
    x = nn_layer_max_pool(m, x, 2, 2);
    x = filters(m, x, 64, 0);
    x = nn_layer_dropout(m, x, 0.2f);
    nn_layer_loss(m, nn_layer_dense(m, x, CLASSES), NN_LOSS_SOFTMAX_CE);
    const nn_build_desc build = {.seed = 1, .init = nn_init_he()};
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

static void train(nn_model *m, const nn_dataset *part, const nn_dataset *valid) {
    const nn_augment moved = {.rotate = 10, .scale_from = 0.9f, .scale_to = 1.1f, .scale_apart = 1,
                              .translate_x = 2, .translate_y = 2};
    const nn_fit_desc desc = {.optimizer = nn_adam(4e-3f), .schedule = nn_schedule_one_cycle(0), .batch = 100,
                              .epochs = full_or_quick(12, 1), .augment = &moved, .average = 0.998f, .seed = 1,
                              .watch = nn_progress};
    const double start = seconds();
    stop_unless(nn_fit(m, part, valid, &desc), nn_error(m));
    printf("learned in %.0f s\n", seconds() - start);
}

/* A sheet of the images whose likeliest class is a wrong one. */
static void show_mistakes(nn_model *m, const nn_dataset *test, const char *path) {
    const size_t size = nn_shape_size(test->shape);
    float *images = malloc(test->count * size * sizeof *images), *said = malloc(test->count * CLASSES * sizeof *said);
    uint32_t *labels = malloc(test->count * sizeof *labels);
    if (!images || !said || !labels) stop_unless(NN_ERROR_MEMORY, NULL);
    stop_unless(nn_dataset_gather(images, labels, NULL, NULL, test, NULL, test->count), NULL);
    stop_unless(nn_predict(m, said, images, test->count), nn_error(m));
    sheet_begin(SHOWN);
    for (size_t i = 0, place = 0; i < test->count && place < SHOWN; i++) {
        const size_t guess = nn_argmax(said + i * CLASSES, CLASSES);
        char text[32];
        if (guess == labels[i]) continue;
        snprintf(text, sizeof text, "IS %u SAID %zu", (unsigned)labels[i], guess);
        show(place++, nn_image_floats(images + i * size, test->shape), text);
    }
    sheet_end(path);
    free(images);
    free(said);
    free(labels);
}

int main(int count, char **arguments) {
    const char *folder = count > 1 ? arguments[1] : ".";
    const size_t sizes[2] = {full_or_quick(55000, 16), full_or_quick(5000, 4)};
    char path[512];
    nn_dataset all, test, part[2];
    nn_evaluation result;
    nn_threads(2);
    printf("%s\n\n", load_digits(&all, sizes[0] + sizes[1], &test, full_or_quick(10000, 10)));
    stop_unless(nn_dataset_split_counts(part, &all, sizes, 2, NULL), NULL);
    nn_model *m = network(all.shape);
    nn_summary_print(m, stdout);
    putchar('\n');
    train(m, &part[0], &part[1]);
    stop_unless(nn_evaluate(m, &test, &result), nn_error(m));
    printf("\n%.2f %% of %zu test images are read correctly\n", 100.0 * (double)result.accuracy, test.count);
    snprintf(path, sizeof path, "%s/cnn.safetensors", folder);
    stop_unless(nn_model_save(m, path), nn_error(m));
    snprintf(path, sizeof path, "%s/cnn.ppm", folder);
    show_mistakes(m, &test, path);
    nn_model_free(m);
    for (int i = 0; i < 2; i++) nn_dataset_free(&part[i]);
    nn_dataset_free(&all);
    nn_dataset_free(&test);
    return 0;
}
