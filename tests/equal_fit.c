/* equal_fit.c - whole trainings by nn_fit: every optimizer, with schedule, clipping, averaging, augmentation and validation */
#include "blobs.h"
#include "equal.h"

#define SIDE 9
#define IMAGES 70
#define KINDS 3

static blobs b;
static uint8_t images[IMAGES * SIDE * SIDE];
static uint32_t kinds[IMAGES];

/* Blots in the corner that the kind says, with noise. */
static void draw_images(void) {
    uint64_t state = 11;
    for (size_t i = 0; i < IMAGES; i++) {
        kinds[i] = (uint32_t)test_below(&state, KINDS);
        for (size_t p = 0; p < SIDE * SIDE; p++) {
            const size_t x = p % SIDE, y = p / SIDE, cx = kinds[i] & 1 ? 6 : 2, cy = kinds[i] & 2 ? 6 : 2;
            const size_t far = (x > cx ? x - cx : cx - x) + (y > cy ? y - cy : cy - y);
            images[i * SIDE * SIDE + p] = (uint8_t)(test_below(&state, 40) + (far < 4 ? 200 - 45 * far : 0));
        }
    }
}

static void hash_model(const nn_model *m) { hash_floats(nn_parameters_of(m).values, nn_parameters_of(m).total); }

static void optimizer(const char *name, const nn_optimizer *o) {
    nn_model *m = blobs_model(NULL, BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE, 16);
    const nn_fit_desc d = {.optimizer = *o, .epochs = 4, .seed = 2, .schedule = nn_schedule_warm_up(nn_schedule_cosine(0.1f, 0), 1, 0.1f)};
    must(nn_fit(m, &b.data, NULL, &d));
    begin();
    hash_model(m);
    char line[64];
    snprintf(line, sizeof line, "fit_%s", name);
    end(line);
    nn_model_free(m);
}

static void optimizers(void) {
    nn_optimizer regularised = nn_adamw(0.01f), inside = nn_rmsprop(0.01f), centered = nn_rmsprop(0.01f);
    regularised.l1 = 1e-3f;
    regularised.l2 = 1e-2f;
    regularised.clip = 0.1f;
    inside.momentum = 0.9f;
    centered.centered = centered.rate_outside = 1;
    const nn_optimizer all[] = {nn_sgd(0.1f), nn_momentum(0.1f, 0.9f), nn_nesterov(0.1f, 0.9f), nn_adagrad(0.1f), nn_rmsprop(0.01f),
                                nn_adadelta(1), nn_adam(0.01f), nn_amsgrad(0.01f), nn_adamax(0.01f), nn_nadam(0.01f), nn_lion(0.01f),
                                nn_ftrl(0.1f), nn_adagrad_da(0.1f), nn_proximal_gd(0.1f), nn_proximal_adagrad(0.1f)};
    for (size_t i = 0; i < COUNT(all); i++) optimizer(nn_optimizer_name(all[i].kind), &all[i]);
    optimizer("regularised", &regularised);
    optimizer("momentum_inside", &inside);
    optimizer("centered", &centered);
}

/* A convolutional network on augmented bytes: all that nn_fit can do at once. */
static void everything(void) {
    const nn_augment augment = {.rotate = 20, .scale_from = 0.9f, .scale_to = 1.1f, .translate_x = 1, .translate_y = 1, .noise = 0.05f, .mixup = 0.3f};
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_image(SIDE, SIDE, 1));
    x = nn_layer_max_pool(m, nn_layer_elu(m, nn_layer_batch_norm(m, nn_layer_conv2d(m, x, 4, 3))), 3, 2);
    x = nn_layer_dropout(m, nn_layer_relu(m, nn_layer_dense(m, nn_layer_flatten(m, x), 20)), 0.2f);
    nn_layer_loss(m, nn_layer_dense(m, x, KINDS), NN_LOSS_SOFTMAX_CE);
    const nn_build_desc build = {.seed = 4, .batch = 24, .l2 = 1e-3f};
    must(nn_model_build(m, &build));
    nn_dataset data = nn_dataset_of_bytes(images, IMAGES, nn_shape_image(SIDE, SIDE, 1), kinds, KINDS);
    nn_fit_desc d = {.epochs = 6, .batch = 8, .accumulate = 2, .clip_norm = 0.5f, .average = 0.9f, .patience = 4, .augment = &augment};
    d.optimizer = nn_nadam(0.005f);
    d.schedule = nn_schedule_one_cycle(0);
    d.order = NN_ORDER_BALANCED;
    nn_trainer *t;
    must(nn_trainer_new(&t, m, &d));
    must(nn_trainer_run(t, &data, &data));
    begin();
    hash_model(m);
    const nn_history *h = nn_trainer_history(t);
    for (size_t i = 0; i < h->count; i++) {
        hash_float(h->epochs[i].train.loss);
        hash_float(h->epochs[i].valid.loss);
        hash_float(h->epochs[i].valid.accuracy);
        hash_float(h->epochs[i].rate);
        hash_float(h->epochs[i].gradient_norm);
    }
    end("fit_everything");
    nn_trainer_free(t);
    nn_model_free(m);
}

static void all(void) {
    blobs_make(&b, 1, 0.8f);
    draw_images();
    optimizers();
    everything();
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
