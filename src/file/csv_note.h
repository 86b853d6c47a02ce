/* csv_note.h - what a table taught goes with the network that learned from it: to predict, the network's file is enough
 *
 * JSON, as the note "csv": {"header":true,"code":"one_hot","missing":"mean","columns":[{"name":"wind","role":"feature",
 * "mean":[3]},{"name":"play","role":"label","categories":["no","yes"]}]}. "columns" come last, and stand as in the table.
 */
#ifndef NN_FILE_CSV_NOTE_H
#define NN_FILE_CSV_NOTE_H

#include "../data/csv.h"
#include "note.h"

/* Keeps it as the model's note "csv". Names and categories must be UTF-8; nn_error(model) says what was wrong. */
NN_API NN_MUST_USE nn_status nn_csv_note(const nn_csv *csv, nn_model *model);

/* What nn_csv_note kept, of a model that was loaded, say: with it nn_csv_load encodes tables as it did those to learn from. The
 * allocator (NULL: malloc) must outlive it and its data. *csv is NULL on failure. */
NN_API NN_MUST_USE nn_status nn_csv_noted(nn_csv **csv, const nn_model *model, const nn_allocator *allocator,
                                          nn_report *report);

#ifdef NN_IMPLEMENTATION

#include "structure.h"

static const char *const nni_csv_code_names[] = {"one_hot", "binary", "number", NULL};
static const char *const nni_csv_missing_names[] = {"refuse", "drop", "nan", "mean", NULL};
static const char *const nni_csv_role_names[] = {"feature", "label", "target", "left_out", NULL};

/* ---- writing ---- */

static void nni_write_csv_texts(nni_writer *w, const char *key, const char *const *texts, size_t n) {
    nni_write(w, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i) nni_write_text(w, ",", 1);
        nni_write_json_string(w, texts[i]);
    }
    nni_write_text(w, "]", 1);
}

static void nni_write_csv_word(nni_writer *w, const char *key, const char *word) {
    nni_write(w, ",\"%s\":", key);
    nni_write_json_string(w, word);
}

static void nni_write_csv_character(nni_writer *w, const char *key, char c) {
    const char text[2] = {c, '\0'};
    if (c) nni_write_csv_word(w, key, text);
}

static void nni_write_csv_column(nni_writer *w, const nni_column *c) {
    nni_write_text(w, "{\"name\":", 8);
    nni_write_json_string(w, c->name);
    nni_write_csv_word(w, "role", nni_choice_name(nni_csv_role_names, (int)c->role));
    if (c->nominal) nni_write_csv_texts(w, "categories", c->names, c->count);
    if (c->mean) nni_write(w, ",\"mean\":[");
    for (size_t k = 0; c->mean && k < c->width; k++) {
        if (k) nni_write_text(w, ",", 1);
        nni_write_float(w, c->mean[k]);
    }
    nni_write(w, c->mean ? "]}" : "}");
}

static void nni_write_csv(nni_writer *w, const nn_csv *csv) {
    const nn_csv_desc *d = &csv->desc;
    size_t words = 0;
    nni_write(w, "{\"header\":%s", csv->header ? "true" : "false");
    nni_write_csv_word(w, "code", nni_choice_name(nni_csv_code_names, (int)d->code));
    nni_write_csv_word(w, "missing", nni_choice_name(nni_csv_missing_names, (int)d->missing));
    nni_write_csv_character(w, "separator", d->separator);
    nni_write_csv_character(w, "quote", d->quote);
    nni_write_csv_character(w, "decimal", d->decimal);
    while (d->missing_words && d->missing_words[words]) words++;
    if (d->missing_words) nni_write_csv_texts(w, "missing_words", d->missing_words, words);
    nni_write(w, ",\"columns\":[");
    for (size_t j = 0; j < csv->count; j++) {
        if (j) nni_write_text(w, ",", 1);
        nni_write_csv_column(w, &csv->columns[j]);
    }
    nni_write_text(w, "]}", 2);
}

NN_API nn_status nn_csv_note(const nn_csv *csv, nn_model *m) {
    nni_writer w = {NULL, NULL, 0, 0};
    if (!csv || !m) return NN_ERROR_NULL;
    nni_write_csv(&w, csv);
    w.size = w.length + 1;
    w.text = (char *)nni_alloc(nni_allocator_of(m), w.size, 1);
    if (!w.text) return nni_report(m, NN_ERROR_MEMORY, "no memory for the note \"csv\"");
    w.length = 0;
    nni_write_csv(&w, csv);
    const nn_status status = nn_model_note(m, "csv", w.text);
    nni_free(nni_allocator_of(m), w.text);
    return status;
}

/* ---- reading ---- */

typedef struct nni_csv_reader {
    nni_json j;
    nn_csv *csv;
    int no_memory;
} nni_csv_reader;

/* Room for each element of the array that begins here, and one more; NULL after a mistake. */
static void *nni_read_csv_room(nni_csv_reader *r, size_t *count, size_t size) {
    nni_json ahead = r->j;
    *count = 0;
    for (int more = nni_json_begin(&ahead, '['); more && nni_json_skip(&ahead); more = nni_json_more(&ahead, ']')) ++*count;
    if (ahead.mistake) return nni_json_fail(&r->j, ahead.mistake), (void *)NULL;
    void *room = nni_shared_take(r->csv->memory, *count + 1, size);
    if (room) return memset(room, 0, (*count + 1) * size);
    r->no_memory = 1;
    return nni_json_fail(&r->j, "there is no memory"), (void *)NULL;
}

/* Texts stay where they stand, in a copy of the note. The list ends in NULL. */
static int nni_read_csv_texts(nni_csv_reader *r, const char *const **list, size_t *count) {
    char *text;
    size_t i = 0;
    const char **texts = (const char **)nni_read_csv_room(r, count, sizeof *texts);
    if (!texts) return 0;
    for (int more = nni_json_begin(&r->j, '['); more; more = nni_json_more(&r->j, ']')) {
        if (!nni_json_string(&r->j, &text, NULL)) return 0;
        texts[i++] = text;
    }
    *list = texts;
    return !r->j.mistake;
}

static int nni_read_csv_means(nni_csv_reader *r, nni_column *c, size_t *count) {
    size_t i = 0;
    c->mean = (float *)nni_read_csv_room(r, count, sizeof *c->mean);
    if (!c->mean) return 0;
    for (int more = nni_json_begin(&r->j, '['); more; more = nni_json_more(&r->j, ']'))
        if (!nni_json_float(&r->j, &c->mean[i++])) return 0;
    return !r->j.mistake;
}

static int nni_read_csv_character(nni_csv_reader *r, char *c) {
    char *text;
    if (!nni_json_string(&r->j, &text, NULL)) return 0;
    *c = text[0];
    return text[0] && !text[1] ? 1 : nni_json_fail(&r->j, "one character is wanted");
}

/* Categories are sorted, and no two the same. */
static int nni_read_csv_categories(nni_csv_reader *r, nni_column *c) {
    const char *const *names = NULL;
    if (!nni_read_csv_texts(r, &names, &c->count)) return 0;
    for (size_t k = 1; k < c->count; k++)
        if (nni_compare_categories(&names[k - 1], &names[k]) >= 0) return nni_json_fail(&r->j, "categories are not in order");
    c->names = (const char **)(uintptr_t)names;
    c->nominal = 1;
    return 1;
}

static int nni_read_csv_column(nni_csv_reader *r, nni_column *c) {
    char *name = NULL;
    int role = 0;
    size_t means = 0;
    for (int more = nni_json_begin(&r->j, '{'); more; more = nni_json_more(&r->j, '}')) {
        const char *key = nni_json_key(&r->j);
        const int fine = strcmp(key, "name") == 0         ? nni_json_string(&r->j, &name, NULL)
                         : strcmp(key, "role") == 0       ? nni_read_choice(&r->j, nni_csv_role_names, &role)
                         : strcmp(key, "categories") == 0 ? nni_read_csv_categories(r, c)
                         : strcmp(key, "mean") == 0       ? nni_read_csv_means(r, c, &means)
                                                          : nni_json_skip(&r->j);
        if (!fine) return 0;
    }
    c->name = name;
    c->role = (nni_role)role;
    if (r->j.mistake) return 0;
    if (!name) return nni_json_fail(&r->j, "a column has no name");
    if (c->nominal ? c->role == NNI_TARGET || c->role == NNI_LEFT_OUT : c->role == NNI_LABEL)
        return nni_json_fail(&r->j, "features may have categories, a label has them, and nothing else");
    const int wanted = r->csv->desc.missing == NN_CSV_MEAN && c->role == NNI_FEATURE;
    if (!wanted) c->mean = NULL;
    const size_t width = wanted ? nni_csv_width(r->csv, c) : 0;
    return means == width ? 1 : nni_json_fail(&r->j, "a column has too many means, or too few");
}

static int nni_read_csv_columns(nni_csv_reader *r) {
    nn_csv *csv = r->csv;
    size_t j = 0, labels = 0;
    csv->columns = (nni_column *)nni_read_csv_room(r, &csv->count, sizeof *csv->columns);
    if (!csv->columns) return 0;
    for (int more = nni_json_begin(&r->j, '['); more; more = nni_json_more(&r->j, ']')) {
        nni_column *c = &csv->columns[j++];
        if (!nni_read_csv_column(r, c)) return 0;
        labels += c->role == NNI_LABEL;
    }
    if (r->j.mistake) return 0;
    return csv->count && labels < 2 ? 1 : nni_json_fail(&r->j, "a table has columns, and at most one label among them");
}

static int nni_read_csv(nni_csv_reader *r) {
    nn_csv_desc *d = &r->csv->desc;
    int code = 0, missing = 0;
    size_t words;
    for (int more = nni_json_begin(&r->j, '{'); more; more = nni_json_more(&r->j, '}')) {
        const char *key = nni_json_key(&r->j);
        if (r->csv->columns) return nni_json_fail(&r->j, "columns come last");
        const int fine = strcmp(key, "header") == 0          ? nni_json_flag(&r->j, &r->csv->header)
                         : strcmp(key, "code") == 0          ? nni_read_choice(&r->j, nni_csv_code_names, &code)
                         : strcmp(key, "missing") == 0       ? nni_read_choice(&r->j, nni_csv_missing_names, &missing)
                         : strcmp(key, "separator") == 0     ? nni_read_csv_character(r, &d->separator)
                         : strcmp(key, "quote") == 0         ? nni_read_csv_character(r, &d->quote)
                         : strcmp(key, "decimal") == 0       ? nni_read_csv_character(r, &d->decimal)
                         : strcmp(key, "missing_words") == 0 ? nni_read_csv_texts(r, &d->missing_words, &words)
                         : strcmp(key, "columns") == 0       ? nni_read_csv_columns(r)
                                                             : nni_json_skip(&r->j);
        if (!fine) return 0;
        d->code = (nn_csv_code)code;
        d->missing = (nn_csv_missing)missing;
    }
    if (!r->j.mistake && !r->csv->columns) nni_json_fail(&r->j, "it has no columns");
    return nni_json_done(&r->j);
}

NN_API nn_status nn_csv_noted(nn_csv **csv, const nn_model *m, const nn_allocator *allocator, nn_report *report) {
    const char *note = nn_model_noted(m, "csv");
    nni_say_nothing(report);
    if (!csv || !m) return nni_say(report, NN_ERROR_NULL, "nn_csv_noted: %s", nn_status_message(NN_ERROR_NULL));
    *csv = NULL;
    if (!note) return nni_say(report, NN_ERROR_ARGUMENT, "the network has no columns of a table with it: see nn_csv_note");
    nni_csv_reader r;
    memset(&r, 0, sizeof r);
    r.csv = nni_csv_new(allocator);
    char **text = r.csv ? nni_names_copy(r.csv->memory, &note, 1) : NULL;
    nn_status status = text ? NN_OK : nni_say(report, NN_ERROR_MEMORY, "no memory for the columns of a table");
    if (text) r.j = nni_json_of(text[0], strlen(text[0]));
    if (text && !nni_read_csv(&r))
        status = nni_say(report, r.no_memory ? NN_ERROR_MEMORY : NN_ERROR_FORMAT, "the note \"csv\", byte %zu: %s",
                         (size_t)(r.j.at - text[0]), r.j.mistake);
    if (status == NN_OK) nni_csv_lay_out(r.csv);
    if (status == NN_OK) status = nni_csv_name(r.csv, "the note \"csv\"", report);
    if (status == NN_OK) *csv = r.csv;
    else nn_csv_free(r.csv);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_CSV_NOTE_H */
