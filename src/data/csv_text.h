/* csv_text.h - the text of a CSV file cut into fields, as RFC 4180 has it */
#ifndef NN_CSV_TEXT_H
#define NN_CSV_TEXT_H

#include "file.h"

#ifdef NN_IMPLEMENTATION

/* Fields one after another, each ended by a zero, without what was around them: quotes are gone and blanks around what was not
 * quoted. All rows have the same number of fields. */
typedef struct nni_table {
    nni_content content;
    char *fields;
    size_t rows, columns;
    size_t *lines; /* where each row begins, for messages */
} nni_table;

static inline const char *nni_next_field(const char *field) { return field + strlen(field) + 1; }

typedef struct nni_cutter {
    char *from, *end, *to;
    size_t line;
    char separator, quote;
} nni_cutter;

/* The separator that the first line has most of, outside quotes; a comma if it has none. */
static char nni_guess_separator(const char *from, const char *end, char quote) {
    static const char candidates[] = {',', ';', '\t', '|'};
    size_t count[4] = {0, 0, 0, 0}, best = 0;
    for (int quoted = 0; from < end && (quoted || (*from != '\n' && *from != '\r')); from++) {
        if (*from == quote) quoted = !quoted;
        for (size_t i = 0; i < 4; i++) count[i] += !quoted && *from == candidates[i];
    }
    for (size_t i = 1; i < 4; i++)
        if (count[i] > count[best]) best = i;
    return candidates[best];
}

static int nni_is_line_end(const nni_cutter *c) { return c->from == c->end || *c->from == '\n' || *c->from == '\r'; }

/* Over one end of a line: \n, \r\n or \r. */
static void nni_cut_line_end(nni_cutter *c) {
    if (c->from == c->end) return;
    c->from += *c->from == '\r' && c->from + 1 < c->end && c->from[1] == '\n' ? 2 : 1;
    c->line++;
}

/* The inside of quotes, where two quotes stand for one. */
static int nni_cut_quoted(nni_cutter *c) {
    for (c->from++; c->from < c->end; c->from++) {
        if (*c->from == c->quote) {
            if (c->from + 1 == c->end || c->from[1] != c->quote) {
                c->from++;
                return 1;
            }
            c->from++;
        } else c->line += *c->from == '\n';
        *c->to++ = *c->from;
    }
    return 0;
}

static void nni_skip_spaces(nni_cutter *c) {
    while (c->from < c->end && (*c->from == ' ' || *c->from == '\t') && *c->from != c->separator) c->from++;
}

/* One field, up to the separator or the end of the line. NULL, or what is wrong with it. */
static const char *nni_cut_field(nni_cutter *c) {
    nni_skip_spaces(c);
    if (c->from < c->end && *c->from == c->quote) {
        if (!nni_cut_quoted(c)) return "a quote is opened and never closed";
        nni_skip_spaces(c);
        if (!nni_is_line_end(c) && *c->from != c->separator) return "something stands behind a closing quote";
    } else {
        char *start = c->to;
        while (!nni_is_line_end(c) && *c->from != c->separator) *c->to++ = *c->from++;
        while (c->to > start && (c->to[-1] == ' ' || c->to[-1] == '\t')) c->to--;
    }
    return NULL;
}

/* One row: its fields are cut, ended by zeros and counted. */
static nn_status nni_cut_row(nni_cutter *c, const char *path, size_t *columns, nn_report *report) {
    const size_t line = c->line;
    for (*columns = 1;; (*columns)++) {
        const char *wrong = nni_cut_field(c);
        if (wrong) return nni_say(report, NN_ERROR_FORMAT, "%s, line %zu, column %zu: %s", path, line, *columns, wrong);
        const int last = nni_is_line_end(c);
        if (last) nni_cut_line_end(c);
        else c->from++;
        *c->to++ = 0;
        if (last) return NN_OK;
    }
}

static size_t nni_count_lines(const char *from, const char *end) {
    size_t lines = 1;
    for (; from < end; from++) lines += *from == '\n' || (*from == '\r' && !(from + 1 < end && from[1] == '\n'));
    return lines;
}

static nn_status nni_cut_rows(nni_table *t, nni_cutter *c, nn_report *report) {
    const char *path = t->content.path;
    size_t first = 0;
    while (c->from < c->end) {
        size_t columns;
        if (nni_is_line_end(c)) { /* an empty line */
            nni_cut_line_end(c);
            continue;
        }
        t->lines[t->rows] = c->line;
        const nn_status status = nni_cut_row(c, path, &columns, report);
        if (status != NN_OK) return status;
        if (!t->rows) {
            t->columns = columns;
            first = t->lines[0];
        }
        if (columns != t->columns)
            return nni_say(report, NN_ERROR_FORMAT, "%s, line %zu: has %zu fields, and line %zu has %zu", path,
                           t->lines[t->rows], columns, first, t->columns);
        t->rows++;
    }
    return t->rows ? NN_OK : nni_say(report, NN_ERROR_FORMAT, "%s, line 1: the file is empty", path);
}

static void nni_table_free(nni_table *t) { nni_content_free(&t->content); }

/* Reads and cuts. separator and quote 0: guessed, and ". */
static nn_status nni_table_load(nni_table *t, const char *path, char separator, char quote, const nn_allocator *allocator,
                                nn_report *report) {
    nni_cutter c;
    memset(t, 0, sizeof *t);
    nn_status status = nni_load_content(&t->content, path, allocator, 0, report);
    if (status != NN_OK) return status;
    char *text = (char *)t->content.bytes;
    size_t size = t->content.size;
    const char *zero = size ? (const char *)memchr(text, 0, size) : NULL;
    if (zero) {
        status =
            nni_say(report, NN_ERROR_FORMAT, "%s, line %zu: has a zero byte: it is no text, or of two bytes a letter (UTF-16)",
                    path, nni_count_lines(text, zero));
        nni_table_free(t);
        return status;
    }
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    c.from = text;
    c.end = text + size;
    c.line = 1;
    c.quote = quote ? quote : '"';
    c.separator = separator ? separator : nni_guess_separator(c.from, c.end, c.quote);
    /* Room for one zero more than there are bytes, where the last line has no end. */
    t->fields = c.to = (char *)nni_shared_take(t->content.memory, size + 1, 1);
    t->lines = (size_t *)nni_shared_take(t->content.memory, nni_count_lines(text, text + size), sizeof *t->lines);
    if (t->fields && t->lines) status = nni_cut_rows(t, &c, report);
    else status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for its fields", path);
    if (status != NN_OK) nni_table_free(t);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CSV_TEXT_H */
