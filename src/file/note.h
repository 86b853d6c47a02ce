/* note.h - texts that go with a network into its file: what its answers mean, where its data came from */
#ifndef NN_FILE_NOTE_H
#define NN_FILE_NOTE_H

#include "../graph/model.h"
#include "../status.h"

/* Gives a model a text under a name, in place of what had that name; NULL takes it away. Both are copied, and UTF-8. Notes are
 * saved and loaded with the model; other readers of the file find them in its "__metadata__". Names that begin with "nn." are
 * not to be had, and a model has up to 1000 notes. Neither predictions nor trainings change by them. */
NN_API NN_MUST_USE nn_status nn_model_note(nn_model *model, const char *name, const char *text);

/* The text of that name, until it changes; NULL if there is none. */
NN_API const char *nn_model_noted(const nn_model *model, const char *name);

/* The name of note i, in the order in which they came; NULL beyond the last. */
NN_API const char *nn_model_note_name(const nn_model *model, size_t i);

#ifdef NN_IMPLEMENTATION

#include "json.h"

#define NNI_NOTES_MOST 1000 /* a reader takes 1024 texts, of which some are nn.h's own */

static int nni_is_utf8(const char *text) {
    size_t left = strlen(text), n = 1;
    for (; left && n; text += n, left -= n) n = nni_utf8_length(text, left);
    return n != 0;
}

/* Where a note of that name hangs, or would; *before is how many come first. */
static nni_note **nni_note_place(nn_model *m, const char *name, size_t *before) {
    nni_note **place = &m->notes;
    for (*before = 0; *place && strcmp((*place)->name, name) != 0; ++*before) place = &(*place)->next;
    return place;
}

static nni_note *nni_note_new(const nn_model *m, const char *name, const char *text) {
    const size_t name_size = strlen(name) + 1, text_size = strlen(text) + 1;
    nni_note *note = (nni_note *)nni_alloc(nni_allocator_of(m), sizeof *note + name_size + text_size, 1);
    if (!note) return NULL;
    char *copy = (char *)(note + 1);
    note->name = (const char *)memcpy(copy, name, name_size);
    note->text = (const char *)memcpy(copy + name_size, text, text_size);
    return note;
}

NN_API nn_status nn_model_note(nn_model *m, const char *name, const char *text) {
    size_t before;
    if (!m || !name) return NN_ERROR_NULL;
    if (!*name || strncmp(name, "nn.", 3) == 0)
        return nni_report(m, NN_ERROR_ARGUMENT, "a note needs a name that does not begin with \"nn.\", not \"%.80s\"", name);
    if (!nni_is_utf8(name) || (text && !nni_is_utf8(text)))
        return nni_report(m, NN_ERROR_ARGUMENT, "the note \"%.80s\" is not UTF-8", nni_is_utf8(name) ? name : "?");
    nni_note **place = nni_note_place(m, name, &before), *old = *place, *note = NULL;
    if (text && before == NNI_NOTES_MOST) return nni_report(m, NN_ERROR_SIZE, "a model has up to %d notes", NNI_NOTES_MOST);
    if (text && !(note = nni_note_new(m, name, text)))
        return nni_report(m, NN_ERROR_MEMORY, "no memory for the note \"%.80s\"", name);
    nni_note *after = old ? old->next : NULL;
    if (note) note->next = after;
    *place = note ? note : after;
    nni_free(nni_allocator_of(m), old);
    return NN_OK;
}

NN_API const char *nn_model_noted(const nn_model *m, const char *name) {
    for (const nni_note *note = m && name ? m->notes : NULL; note; note = note->next)
        if (strcmp(note->name, name) == 0) return note->text;
    return NULL;
}

NN_API const char *nn_model_note_name(const nn_model *m, size_t i) {
    const nni_note *note = m ? m->notes : NULL;
    while (note && i--) note = note->next;
    return note ? note->name : NULL;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_NOTE_H */
