/* idx.h - the IDX format of LeCun's MNIST files, and MNIST itself in one call */
#ifndef NN_IDX_H
#define NN_IDX_H

#include "file.h"

/* Samples from one file, labels from another (NULL: none). The first dimension counts samples; one, two or three more are
 * features, an image's height and width, or with channels. Bytes stay bytes (and can be mapped); all other types of the format
 * become floats. Packed by gzip both are read where nn.h is compiled with NN_ZLIB. */
NN_API NN_MUST_USE nn_status nn_load_idx(nn_dataset *d, const char *samples, const char *labels, const nn_load_desc *desc,
                                         nn_report *report);

/* MNIST, Fashion-MNIST and what else has these names: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte
 * and t10k-labels-idx1-ubyte in a folder, each plain or with .gz. train or test may be NULL. Ten classes unless desc says
 * otherwise. */
NN_API NN_MUST_USE nn_status nn_load_mnist(nn_dataset *train, nn_dataset *test, const char *folder, const nn_load_desc *desc,
                                           nn_report *report);

#ifdef NN_IMPLEMENTATION

#define NNI_IDX_DIMENSIONS 4

typedef struct nni_idx {
    nni_element element;
    size_t dimensions, size[NNI_IDX_DIMENSIONS], count, sample, data; /* samples, elements of one, where they begin */
} nni_idx;

static int nni_idx_element(nni_element *e, uint8_t type) {
    static const struct {
        uint8_t type;
        char kind;
        unsigned size;
    } types[] = {{0x08, 'u', 1}, {0x09, 'i', 1}, {0x0b, 'i', 2}, {0x0c, 'i', 4}, {0x0d, 'f', 4}, {0x0e, 'f', 8}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type) {
            e->kind = types[i].kind;
            e->size = types[i].size;
            e->big = 1;
            return 1;
        }
    return 0;
}

/* Checks the header against the bytes that are there, before anything is made of it. */
static nn_status nni_idx_header(nni_idx *x, const nni_content *c, nn_report *report) {
    memset(x, 0, sizeof *x);
    if (c->size < 4 || c->bytes[0] || c->bytes[1] || !nni_idx_element(&x->element, c->bytes[2]))
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte 0: is no IDX file: it must begin with 0, 0, and a type from 8 to 14",
                       c->path);
    x->dimensions = c->bytes[3];
    if (!x->dimensions || x->dimensions > NNI_IDX_DIMENSIONS)
        return nni_say(report, NN_ERROR_UNSUPPORTED, "%s, byte 3: has %zu dimensions, and 1 to %d are read", c->path,
                       x->dimensions, NNI_IDX_DIMENSIONS);
    x->data = 4 + 4 * x->dimensions;
    if (c->size < x->data) return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: ends inside the header", c->path, c->size);
    size_t bytes = x->element.size;
    x->sample = 1;
    for (size_t i = 0; i < x->dimensions; i++) {
        x->size[i] = nni_get_be32(c->bytes + 4 + 4 * i);
        if (!nni_mul_size(bytes, x->size[i], &bytes) || (i && !nni_mul_size(x->sample, x->size[i], &x->sample)))
            return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: the dimensions overflow", c->path, 4 + 4 * i);
    }
    x->count = x->size[0];
    if (!x->sample) return nni_say(report, NN_ERROR_FORMAT, "%s, byte 8: samples of no values", c->path);
    if (bytes != c->size - x->data)
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: %zu bytes must follow the header, and %zu do", c->path, x->data,
                       bytes, c->size - x->data);
    return NN_OK;
}

static nn_shape nni_idx_shape(const nni_idx *x) {
    const size_t *s = x->size + 1;
    switch (x->dimensions) {
    case 1: return nn_shape_vector(1);
    case 2: return nn_shape_vector(s[0]);
    case 3: return nn_shape_image(s[0], s[1], 1);
    default: return nn_shape_image(s[0], s[1], s[2]);
    }
}

/* One of the two files alone. */
static nn_status nni_idx_samples(nn_dataset *d, const char *path, const nn_load_desc *desc, nn_report *report) {
    nni_content c;
    nni_idx x;
    nn_status status = nni_load_content(&c, path, desc->allocator, desc->map, report);
    if (status != NN_OK) return status;
    status = nni_idx_header(&x, &c, report);
    *d = nn_dataset_of(NULL, x.count, nni_idx_shape(&x), NULL, 0);
    d->memory = c.memory;
    d->allocator = desc->allocator;
    if (status == NN_OK && x.element.kind == 'u') d->bytes = c.bytes + x.data;
    else if (status == NN_OK && !(d->floats = nni_elements_float(&c, c.bytes + x.data, x.count * x.sample, x.element)))
        status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for %zu samples", path, x.count);
    if (status != NN_OK) nn_dataset_free(d);
    return status;
}

/* The labels go into memory above d's. */
static nn_status nni_idx_labels(nn_dataset *d, const char *path, const nn_load_desc *desc, nn_report *report) {
    nni_content c;
    nni_idx x;
    nn_status status = nni_load_content(&c, path, desc->allocator, 0, report);
    if (status != NN_OK) return status;
    status = nni_idx_header(&x, &c, report);
    if (status == NN_OK && (x.dimensions != 1 || x.element.kind == 'f'))
        status = nni_say(report, NN_ERROR_FORMAT,
                         "%s, byte 2: holds no labels: these have one dimension and a type of integers", path);
    if (status == NN_OK && x.count != d->count)
        status = nni_say(report, NN_ERROR_FORMAT, "%s, byte 4: has %zu labels for %zu samples", path, x.count, d->count);
    d->classes = desc->classes;
    if (status == NN_OK)
        d->labels = nni_elements_labels(&c, c.bytes + x.data, x.count, x.element, &d->classes, &status, report);
    if (status == NN_OK) {
        c.memory->under = d->memory;
        d->memory = c.memory;
    } else nni_content_free(&c);
    return status;
}

NN_API nn_status nn_load_idx(nn_dataset *d, const char *samples, const char *labels, const nn_load_desc *desc,
                             nn_report *report) {
    static const nn_load_desc usual = {NULL, 0, 0};
    nni_say_nothing(report);
    if (!d) return nni_say(report, NN_ERROR_NULL, "there is no dataset to load into");
    if (!desc) desc = &usual;
    memset(d, 0, sizeof *d);
    nn_status status = nni_idx_samples(d, samples, desc, report);
    if (status == NN_OK && labels) status = nni_idx_labels(d, labels, desc, report);
    if (status != NN_OK) nn_dataset_free(d);
    return status;
}

/* ---- MNIST ---- */

#define NNI_PATH_MOST 4096

/* folder/name or folder/name.gz: the first that can be opened, or the plain one, whose error then tells why not. */
static int nni_find_packed(char *path, const char *folder, const char *name) {
    static const char *const endings[] = {"", ".gz", ""};
    for (size_t i = 0; i < 3; i++) {
        const int length = snprintf(path, NNI_PATH_MOST, "%s/%s%s", folder, name, endings[i]);
        if (length < 0 || length >= NNI_PATH_MOST) return 0;
        FILE *file = fopen(path, "rb");
        if (!file) continue;
        fclose(file);
        return 1;
    }
    return 1;
}

static nn_status nni_load_mnist_part(nn_dataset *d, const char *folder, const char *images, const char *labels,
                                     const nn_load_desc *desc, nn_report *report) {
    char image_path[NNI_PATH_MOST], label_path[NNI_PATH_MOST];
    if (!nni_find_packed(image_path, folder, images) || !nni_find_packed(label_path, folder, labels))
        return nni_say(report, NN_ERROR_ARGUMENT, "the path of the folder has more than %d characters", NNI_PATH_MOST - 40);
    return nn_load_idx(d, image_path, label_path, desc, report);
}

NN_API nn_status nn_load_mnist(nn_dataset *train, nn_dataset *test, const char *folder, const nn_load_desc *desc,
                               nn_report *report) {
    nn_load_desc d;
    memset(&d, 0, sizeof d);
    if (desc) d = *desc;
    if (!d.classes) d.classes = 10;
    nni_say_nothing(report);
    if (train) memset(train, 0, sizeof *train);
    if (test) memset(test, 0, sizeof *test);
    if (!folder) return nni_say(report, NN_ERROR_NULL, "there is no path of a folder");
    nn_status status = NN_OK;
    if (train) status = nni_load_mnist_part(train, folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", &d, report);
    if (status == NN_OK && test)
        status = nni_load_mnist_part(test, folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", &d, report);
    if (status != NN_OK) nn_dataset_free(train);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IDX_H */
