/* cifar.h - the binary files of CIFAR-10 and CIFAR-100 */
#ifndef NN_CIFAR_H
#define NN_CIFAR_H

#include "file.h"

typedef enum nn_cifar { NN_CIFAR_10, NN_CIFAR_100, NN_CIFAR_100_COARSE /* its 20 superclasses */ } nn_cifar;

/* All images of some files, 32x32x3 bytes. The files hold planes of red, green and blue behind each label, so they are read and
 * turned and cannot be mapped; nn_save_npy writes a file that can. */
NN_API NN_MUST_USE nn_status nn_load_cifar_files(nn_dataset *d, const char *const *paths, size_t n, nn_cifar kind,
                                                 const nn_load_desc *desc, nn_report *report);

/* The files of a folder by their own names: data_batch_1.bin to 5 and test_batch.bin, or train.bin and test.bin. train or test
 * may be NULL. Class names come from batches.meta.txt, fine_label_names.txt or coarse_label_names.txt where the folder has it.
 */
NN_API NN_MUST_USE nn_status nn_load_cifar(nn_dataset *train, nn_dataset *test, const char *folder, nn_cifar kind,
                                           const nn_load_desc *desc, nn_report *report);

#ifdef NN_IMPLEMENTATION

#include "idx.h"
#include "view.h"

#define NNI_CIFAR_PIXELS 1024
#define NNI_CIFAR_VALUES (3 * NNI_CIFAR_PIXELS)

static size_t nni_cifar_classes(nn_cifar kind) { return kind == NN_CIFAR_10 ? 10 : kind == NN_CIFAR_100 ? 100 : 20; }

/* The labels out, the planes to pixels, each record to its new place: that never lies behind the old one. */
static nn_status nni_cifar_turn(nni_content *c, uint32_t *labels, size_t count, nn_cifar kind, nn_report *report) {
    const size_t head = kind == NN_CIFAR_10 ? 1 : 2, record = head + NNI_CIFAR_VALUES, classes = nni_cifar_classes(kind);
    for (size_t i = 0; i < count; i++) {
        uint8_t planes[NNI_CIFAR_VALUES];
        const uint8_t *from = c->bytes + i * record;
        labels[i] = from[kind == NN_CIFAR_100 ? 1 : 0];
        if (labels[i] >= classes)
            return nni_say(report, NN_ERROR_LABEL, "%s, byte %zu: label %u of %zu classes", c->path, i * record,
                           (unsigned)labels[i], classes);
        memcpy(planes, from + head, sizeof planes);
        uint8_t *to = c->bytes + i * NNI_CIFAR_VALUES;
        for (size_t p = 0; p < NNI_CIFAR_PIXELS; p++)
            for (size_t channel = 0; channel < 3; channel++) to[3 * p + channel] = planes[channel * NNI_CIFAR_PIXELS + p];
    }
    return NN_OK;
}

static nn_status nni_load_cifar_file(nn_dataset *d, const char *path, nn_cifar kind, const nn_load_desc *desc,
                                     nn_report *report) {
    nni_content c;
    nn_status status = nni_load_content(&c, path, desc->allocator, 0, report);
    if (status != NN_OK) return status;
    const size_t record = (kind == NN_CIFAR_10 ? 1 : 2) + NNI_CIFAR_VALUES, count = c.size / record;
    uint32_t *labels = NULL;
    if (!count || c.size % record)
        status =
            nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: a record of %zu bytes is cut short", path, count * record, record);
    else if (!(labels = (uint32_t *)nni_shared_take(c.memory, count, sizeof *labels)))
        status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for %zu labels", path, count);
    else status = nni_cifar_turn(&c, labels, count, kind, report);
    *d = nn_dataset_of_bytes(c.bytes, count, nn_shape_image(32, 32, 3), labels, nni_cifar_classes(kind));
    d->memory = c.memory;
    d->allocator = desc->allocator;
    if (status != NN_OK) nn_dataset_free(d);
    return status;
}

#define NNI_CIFAR_FILES 64 /* files of one call */

NN_API nn_status nn_load_cifar_files(nn_dataset *d, const char *const *paths, size_t n, nn_cifar kind, const nn_load_desc *desc,
                                     nn_report *report) {
    static const nn_load_desc usual = {NULL, 0, 0};
    nni_say_nothing(report);
    if (!d || !paths) return nni_say(report, NN_ERROR_NULL, "there is no dataset to load into, or no paths");
    memset(d, 0, sizeof *d);
    if (!n || n > NNI_CIFAR_FILES || (unsigned)kind > NN_CIFAR_100_COARSE)
        return nni_say(report, NN_ERROR_ARGUMENT, "1 to %d files of a known kind can be read at once", NNI_CIFAR_FILES);
    nn_dataset files[NNI_CIFAR_FILES];
    const nn_dataset *parts[NNI_CIFAR_FILES];
    size_t read = 0;
    nn_status status = NN_OK;
    while (read < n && status == NN_OK) {
        status = nni_load_cifar_file(&files[read], paths[read], kind, desc ? desc : &usual, report);
        parts[read] = &files[read];
        if (status == NN_OK) read++;
    }
    if (status == NN_OK && n == 1) {
        *d = files[0];
        return NN_OK;
    }
    if (status == NN_OK && (status = nn_dataset_join(d, parts, n)) != NN_OK)
        nni_say(report, status, "%s: no memory for all images", paths[0]);
    while (read) nn_dataset_free(&files[--read]);
    return status;
}

/* One name a line, as many as classes, if there is such a file; without one there are no names. */
static nn_status nni_cifar_names(nn_dataset *d, const char *path, const nn_load_desc *desc) {
    nni_content c;
    nn_status status = nni_load_content(&c, path, desc->allocator, 0, NULL);
    if (status != NN_OK) return status == NN_ERROR_MEMORY ? status : NN_OK;
    const char **names = (const char **)nni_shared_take(c.memory, d->classes, sizeof *names);
    char *text = (char *)nni_shared_take(c.memory, c.size + 1, 1);
    if (!names || !text) status = NN_ERROR_MEMORY;
    size_t found = 0;
    for (size_t i = 0; status == NN_OK && i < c.size; i++) {
        const int ends = c.bytes[i] == '\n' || c.bytes[i] == '\r';
        const int begins = !ends && (i == 0 || text[i - 1] == 0);
        text[i] = ends ? 0 : (char)c.bytes[i];
        text[i + 1] = 0;
        if (begins && found < d->classes) names[found++] = text + i;
    }
    if (found == d->classes) {
        c.memory->under = d->memory;
        d->memory = c.memory;
        d->class_names = names;
    } else nni_content_free(&c);
    return status;
}

static nn_status nni_load_cifar_part(nn_dataset *d, const char *folder, const char *names, const char *const *files, size_t n,
                                     nn_cifar kind, const nn_load_desc *desc, nn_report *report) {
    char paths[5][NNI_PATH_MOST], named[NNI_PATH_MOST];
    const char *list[5];
    snprintf(named, sizeof named, "%s/%s", folder, names);
    for (size_t i = 0; i < n; i++) {
        if (!nni_find_packed(paths[i], folder, files[i]))
            return nni_say(report, NN_ERROR_ARGUMENT, "the path of the folder has more than %d characters", NNI_PATH_MOST - 40);
        list[i] = paths[i];
    }
    nn_status status = nn_load_cifar_files(d, list, n, kind, desc, report);
    if (status != NN_OK) return status;
    status = nni_cifar_names(d, named, desc);
    if (status != NN_OK) nn_dataset_free(d);
    return status == NN_OK ? status : nni_say(report, status, "%s: no memory for the names of classes", named);
}

NN_API nn_status nn_load_cifar(nn_dataset *train, nn_dataset *test, const char *folder, nn_cifar kind, const nn_load_desc *desc,
                               nn_report *report) {
    static const nn_load_desc usual = {NULL, 0, 0};
    static const char *const batches[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                                          "data_batch_5.bin"};
    static const char *const train_100[] = {"train.bin"}, *const test_100[] = {"test.bin"},
                             *const test_10[] = {"test_batch.bin"};
    const int ten = kind == NN_CIFAR_10;
    const char *names = ten ? "batches.meta.txt" : kind == NN_CIFAR_100 ? "fine_label_names.txt" : "coarse_label_names.txt";
    if (!desc) desc = &usual;
    nni_say_nothing(report);
    if (train) memset(train, 0, sizeof *train);
    if (test) memset(test, 0, sizeof *test);
    if (!folder) return nni_say(report, NN_ERROR_NULL, "there is no path of a folder");
    nn_status status = NN_OK;
    if (train) status = nni_load_cifar_part(train, folder, names, ten ? batches : train_100, ten ? 5 : 1, kind, desc, report);
    if (status == NN_OK && test)
        status = nni_load_cifar_part(test, folder, names, ten ? test_10 : test_100, 1, kind, desc, report);
    if (status != NN_OK) nn_dataset_free(train);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CIFAR_H */
