/* folder.h - images in folders, one for each class */
#ifndef NN_FOLDER_H
#define NN_FOLDER_H

#include "pnm.h"

/* All .pbm, .pgm, .ppm and .pnm files in the folders inside `folder`, each folder a class of its name. Classes and files are
 * sorted by the bytes of their names, so that the data are the same everywhere. All images must have one size and number of
 * channels; values of more than 8 bits are rounded to them. Names that begin with a dot and all other files are passed over; a
 * folder without images is a class without samples. */
NN_API NN_MUST_USE nn_status nn_load_image_folder(nn_dataset *d, const char *folder, const nn_load_desc *desc,
                                                  nn_report *report);

#ifdef NN_IMPLEMENTATION

#include "../graph/model.h"
#include "idx.h"
#include "view.h"

#include <dirent.h>
#include <stdlib.h>

/* Names from a folder, sorted. */
typedef struct nni_listing {
    char **names;
    size_t count, room;
} nni_listing;

static void nni_listing_free(nni_listing *l, const nn_allocator *allocator) {
    for (size_t i = 0; i < l->count; i++) nni_free(allocator, l->names[i]);
    nni_free(allocator, l->names);
    memset(l, 0, sizeof *l);
}

static int nni_listing_add(nni_listing *l, const char *name, const nn_allocator *allocator) {
    void *names = l->names;
    const size_t length = strlen(name) + 1;
    if (!nni_grow(allocator, &names, l->count, &l->room, sizeof *l->names)) return 0;
    l->names = (char **)names;
    char *copy = (char *)nni_alloc(allocator, length, 1);
    if (!copy) return 0;
    l->names[l->count++] = (char *)memcpy(copy, name, length);
    return 1;
}

static int nni_compare_names(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int nni_is_image_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && strlen(dot) == 4 && (dot[1] | 32) == 'p' && strchr("bgpnBGPN", dot[2]) && (dot[3] | 32) == 'm';
}

static int nni_is_folder(const char *path) {
    DIR *folder = opendir(path);
    return folder && closedir(folder) == 0;
}

/* The folders, or the images, in a folder. */
static nn_status nni_list(nni_listing *l, const char *folder, int images, const nn_allocator *allocator, nn_report *report) {
    memset(l, 0, sizeof *l);
    errno = 0;
    DIR *open = opendir(folder);
    if (!open) return nni_say(report, NN_ERROR_FILE, "%s: cannot be opened: %s", folder, strerror(errno));
    nn_status status = NN_OK;
    for (struct dirent *entry; status == NN_OK && (entry = readdir(open)) != NULL;) {
        char path[NNI_PATH_MOST];
        const char *name = entry->d_name;
        if (*name == '.') continue;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
        if (length < 0 || length >= NNI_PATH_MOST)
            status =
                nni_say(report, NN_ERROR_ARGUMENT, "%s: a path in it has more than %d characters", folder, NNI_PATH_MOST - 1);
        else if ((images ? nni_is_image_name(name) : nni_is_folder(path)) && !nni_listing_add(l, name, allocator))
            status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for the names in it", folder);
    }
    closedir(open);
    if (status == NN_OK && l->count) qsort(l->names, l->count, sizeof *l->names, nni_compare_names);
    else if (status != NN_OK) nni_listing_free(l, allocator);
    return status;
}

/* What is gathered: pixels, and the label of every image. */
typedef struct nni_gathered {
    nni_growing pixels, labels;
    nn_shape shape;
    size_t count;
} nni_gathered;

static int nni_growing_add(nni_growing *g, const void *bytes, size_t n) {
    while (g->room - g->size < n || !g->bytes)
        if (!nni_growing_more(g)) return 0;
    memcpy(g->bytes + g->size, bytes, n);
    g->size += n;
    return 1;
}

/* One image more; floats to bytes. */
static nn_status nni_gather_image(nni_gathered *g, const char *path, uint32_t label, const nn_allocator *allocator,
                                  nn_report *report) {
    nn_load_desc desc;
    nn_dataset image;
    memset(&desc, 0, sizeof desc);
    desc.allocator = allocator;
    nn_status status = nn_load_pnm(&image, path, &desc, report);
    if (status != NN_OK) return status;
    const size_t size = nn_shape_size(image.shape);
    if (image.count != 1) status = nni_say(report, NN_ERROR_FORMAT, "%s: holds %zu images instead of one", path, image.count);
    else if (g->count && !nn_shape_equal(image.shape, g->shape))
        status = nni_say(
            report, NN_ERROR_SHAPE, "%s: is %zu x %zu with %zu channels, and the images before it %zu x %zu with %zu", path,
            image.shape.width, image.shape.height, image.shape.channels, g->shape.width, g->shape.height, g->shape.channels);
    g->shape = image.shape;
    int room = status != NN_OK || nni_growing_add(&g->labels, &label, sizeof label);
    if (status == NN_OK && image.bytes) room = room && nni_growing_add(&g->pixels, image.bytes, size);
    for (size_t j = 0; status == NN_OK && room && !image.bytes && j < size; j++) {
        const uint8_t value = (uint8_t)nni_pnm_value(&image, j, 255);
        room = nni_growing_add(&g->pixels, &value, 1);
    }
    nn_dataset_free(&image);
    if (!room) return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for %zu images", path, g->count + 1);
    g->count++;
    return status;
}

static nn_status nni_gather_class(nni_gathered *g, const char *folder, const char *name, uint32_t label,
                                  const nn_allocator *allocator, nn_report *report) {
    char path[NNI_PATH_MOST];
    nni_listing files;
    snprintf(path, sizeof path, "%s/%s", folder, name); /* fitted when the folder was listed */
    nn_status status = nni_list(&files, path, 1, allocator, report);
    if (status != NN_OK) return status;
    for (size_t i = 0; status == NN_OK && i < files.count; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", folder, name, files.names[i]);
        status = nni_gather_image(g, path, label, allocator, report);
    }
    nni_listing_free(&files, allocator);
    return status;
}

/* What was gathered becomes the dataset. */
static nn_status nni_gathered_give(nn_dataset *d, nni_gathered *g, const nni_listing *classes, const char *folder,
                                   const nn_allocator *allocator, nn_report *report) {
    nni_content pixels, labels;
    memset(&pixels, 0, sizeof pixels);
    memset(&labels, 0, sizeof labels);
    pixels.path = labels.path = folder;
    nn_status status = nni_growing_give(&g->pixels, &pixels, report);
    if (status != NN_OK) return status;
    status = nni_growing_give(&g->labels, &labels, report);
    g->pixels.bytes = NULL;
    g->labels.bytes = NULL;
    if (status == NN_OK) {
        labels.memory->under = pixels.memory;
        *d =
            nn_dataset_of_bytes(pixels.bytes, g->count, g->shape, (const uint32_t *)(const void *)labels.bytes, classes->count);
        d->memory = labels.memory;
        d->allocator = allocator;
        d->class_names =
            (const char *const *)nni_names_copy(labels.memory, (const char *const *)classes->names, classes->count);
        if (!d->class_names) status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for the names of classes", folder);
        if (status != NN_OK) nn_dataset_free(d);
    } else nni_content_free(&pixels);
    return status;
}

NN_API nn_status nn_load_image_folder(nn_dataset *d, const char *folder, const nn_load_desc *desc, nn_report *report) {
    const nn_allocator *allocator = desc ? desc->allocator : NULL;
    nni_listing classes;
    nni_gathered g;
    nni_say_nothing(report);
    if (!d || !folder) return nni_say(report, NN_ERROR_NULL, "there is no dataset to load into, or no path of a folder");
    memset(d, 0, sizeof *d);
    memset(&g, 0, sizeof g);
    g.pixels.allocator = g.labels.allocator = allocator;
    nn_status status = nni_list(&classes, folder, 0, allocator, report);
    if (status != NN_OK) return status;
    for (size_t c = 0; status == NN_OK && c < classes.count; c++)
        status = nni_gather_class(&g, folder, classes.names[c], (uint32_t)c, allocator, report);
    if (status == NN_OK && !g.count)
        status = nni_say(report, NN_ERROR_FORMAT, "%s: has no images in folders: they must lie in %s/CLASS/NAME.pgm", folder,
                         folder);
    if (status == NN_OK) status = nni_gathered_give(d, &g, &classes, folder, allocator, report);
    nni_growing_free(&g.pixels);
    nni_growing_free(&g.labels);
    nni_listing_free(&classes, allocator);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FOLDER_H */
