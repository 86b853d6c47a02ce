/* json.h - the part of JSON that files of models are written in, read strictly
 *
 * The reader walks over a text that it may change: strings are unescaped where they stand and end in 0. It builds no tree, takes no
 * memory and does not recurse. The first mistake is kept; every function then returns 0.
 *
 *   for (int more = nni_json_begin(j, '{'); more; more = nni_json_more(j, '}')) {
 *       char *key = nni_json_key(j);
 *       ... the value
 *   }
 */
#ifndef NN_FILE_JSON_H
#define NN_FILE_JSON_H

#include "../config.h"

#ifdef NN_IMPLEMENTATION

#include "../writer.h"

#include <float.h>
#include <stdlib.h>

typedef struct nni_json {
    char *at, *end;
    const char *mistake; /* NULL: none yet */
    char none[16];       /* the key that stands for a mistake: "", with room, since GCC compares sizes where strcmp compares texts */
} nni_json;

static int nni_json_fail(nni_json *j, const char *mistake) {
    if (!j->mistake) j->mistake = mistake;
    return 0;
}

static nni_json nni_json_of(char *text, size_t n) {
    const nni_json j = {text, text + n, NULL, {0}};
    return j;
}

/* The next character that is no space, or 0 at the end. */
static char nni_json_peek(nni_json *j) {
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\t' || *j->at == '\r')) j->at++;
    return j->at < j->end && !j->mistake ? *j->at : '\0';
}
static int nni_json_take(nni_json *j, char c) {
    if (nni_json_peek(j) != c || !c) return 0;
    j->at++;
    return 1;
}

/* Whether nothing but spaces is left. */
static int nni_json_done(nni_json *j) {
    nni_json_peek(j);
    return j->at == j->end ? !j->mistake : nni_json_fail(j, "something follows the end");
}

/* ---- strings ---- */

static int nni_json_hex(nni_json *j, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        const char c = j->at < j->end ? *j->at : '\0';
        if (c >= '0' && c <= '9') *code = *code << 4 | (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f') *code = *code << 4 | (uint32_t)((c | 32) - 'a' + 10);
        else return nni_json_fail(j, "\\u without four hexadecimal digits");
    }
    return 1;
}

/* After \u: a character of up to 4 bytes, two escapes if it lies beyond 16 bits. */
static size_t nni_json_unicode(nni_json *j, unsigned char utf8[4]) {
    uint32_t c, low;
    if (!nni_json_hex(j, &c)) return 0;
    if (c >= 0xdc00 && c < 0xe000) return (size_t)nni_json_fail(j, "half of a surrogate pair");
    if (c >= 0xd800 && c < 0xdc00) {
        if (j->end - j->at < 2 || j->at[0] != '\\' || j->at[1] != 'u') return (size_t)nni_json_fail(j, "half of a surrogate pair");
        j->at += 2;
        if (!nni_json_hex(j, &low)) return 0;
        if (low < 0xdc00 || low >= 0xe000) return (size_t)nni_json_fail(j, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
    }
    if (!c) return (size_t)nni_json_fail(j, "a string with a zero in it");
    const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6) utf8[i] = (unsigned char)(0x80 | (c & 63));
    utf8[0] = (unsigned char)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
    return n;
}

/* Bytes of the UTF-8 character that begins here; 0 if it is none. */
static size_t nni_utf8_length(const char *text, size_t most) {
    const unsigned char *s = (const unsigned char *)text;
    const size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    if (n > most) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))) return 0; /* overlong, surrogates */
    if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))) return 0; /* overlong, too large */
    return n;
}

/* The character after a backslash. */
static size_t nni_json_escape(nni_json *j, unsigned char utf8[4]) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char c = j->at < j->end ? *j->at++ : '\0';
    if (c == 'u') return nni_json_unicode(j, utf8);
    const char *found = c ? strchr(names, c) : NULL;
    if (!found) return (size_t)nni_json_fail(j, "an unknown escape in a string");
    utf8[0] = (unsigned char)values[found - names];
    return 1;
}

/* A string, checked; written over itself without escapes if `text` is wanted. What comes out is never longer than what goes in. */
static int nni_json_string(nni_json *j, char **text, size_t *length) {
    unsigned char utf8[4];
    if (!nni_json_take(j, '"')) return nni_json_fail(j, "a string is missing");
    char *const start = j->at, *out = start;
    while (j->at < j->end && *j->at != '"') {
        const int escaped = *j->at == '\\';
        if ((unsigned char)*j->at < 0x20) return nni_json_fail(j, "a control character in a string");
        if (escaped) j->at++;
        const size_t n = escaped ? nni_json_escape(j, utf8) : nni_utf8_length(j->at, (size_t)(j->end - j->at));
        if (!n) return nni_json_fail(j, "a string is not UTF-8");
        if (text) memmove(out, escaped ? (const char *)utf8 : j->at, n);
        out += n;
        if (!escaped) j->at += n;
    }
    if (j->at == j->end) return nni_json_fail(j, "a string has no end");
    j->at++;
    if (text) {
        *out = '\0';
        *text = start;
    }
    if (length) *length = (size_t)(out - start);
    return 1;
}

/* ---- objects and arrays ---- */

/* Whether a first element follows the bracket that opens. */
static int nni_json_begin(nni_json *j, char open) {
    if (!nni_json_take(j, open)) return nni_json_fail(j, open == '{' ? "an object is missing" : "an array is missing");
    return !nni_json_take(j, open == '{' ? '}' : ']') && !j->mistake;
}
/* Whether another one follows. */
static int nni_json_more(nni_json *j, char close) {
    if (j->mistake || nni_json_take(j, close)) return 0;
    return nni_json_take(j, ',') ? 1 : nni_json_fail(j, "a comma or a closing bracket is missing");
}
static int nni_json_colon(nni_json *j) { return nni_json_take(j, ':') ? 1 : nni_json_fail(j, "a colon is missing"); }

/* A key and its colon; "" after a mistake. */
static char *nni_json_key(nni_json *j) {
    char *key = j->none;
    return nni_json_string(j, &key, NULL) && nni_json_colon(j) ? key : j->none;
}

/* ---- numbers and words ---- */

/* *text is the number, *n its length; *whole says that it has neither sign, point nor exponent. */
static int nni_json_number(nni_json *j, const char **text, size_t *n, int *whole) {
    nni_json_peek(j);
    const char *start = j->at;
    int fine = 1;
    *whole = 1;
#define NNI_JSON_DIGITS() (fine = fine && j->at < j->end && *j->at >= '0' && *j->at <= '9'); \
    while (j->at < j->end && *j->at >= '0' && *j->at <= '9') j->at++
    if (j->at < j->end && *j->at == '-') *whole = 0, j->at++;
    const char *const first = j->at;
    NNI_JSON_DIGITS();
    if (fine && *first == '0' && j->at - first > 1) fine = 0;
    if (j->at < j->end && *j->at == '.') {
        *whole = 0, j->at++;
        NNI_JSON_DIGITS();
    }
    if (j->at < j->end && (*j->at == 'e' || *j->at == 'E')) {
        *whole = 0, j->at++;
        if (j->at < j->end && (*j->at == '+' || *j->at == '-')) j->at++;
        NNI_JSON_DIGITS();
    }
#undef NNI_JSON_DIGITS
    *text = start;
    *n = (size_t)(j->at - start);
    return fine && !j->mistake ? 1 : nni_json_fail(j, "a number is missing or malformed");
}

static int nni_json_uint(nni_json *j, uint64_t *value) {
    const char *text;
    size_t n;
    int whole;
    uint64_t sum = 0;
    if (!nni_json_number(j, &text, &n, &whole)) return 0;
    if (!whole) return nni_json_fail(j, "a number is not a whole one, or negative");
    for (size_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(sum, (uint64_t)10, &sum) || __builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum))
            return nni_json_fail(j, "a number is above 2^64 - 1");
    *value = sum;
    return 1;
}

static int nni_json_size(nni_json *j, size_t *value) {
    uint64_t wide;
    if (!nni_json_uint(j, &wide)) return 0;
    if (wide > SIZE_MAX) return nni_json_fail(j, "a size does not fit into memory");
    *value = (size_t)wide;
    return 1;
}

/* What the locale writes between 0 and 5 in one half. */
static size_t nni_locale_point(char point[16]) {
    char half[16];
    const int n = snprintf(half, sizeof half, "%.1f", 0.5);
    const size_t length = n > 2 && n < (int)sizeof half ? (size_t)n - 2 : 1;
    memcpy(point, half + 1, length);
    point[length] = '\0';
    return length;
}

/* strtod of a number with a point, whatever the locale. */
static double nni_parse_double(const char *text, size_t n) {
    char copy[96], point[16];
    size_t out = 0;
    const size_t length = nni_locale_point(point);
    for (size_t i = 0; i < n && out + length < sizeof copy - 1; i++) {
        if (text[i] != '.') copy[out++] = text[i];
        else memcpy(copy + out, point, length), out += length;
    }
    copy[out] = '\0';
    return strtod(copy, NULL);
}

/* Also the words that stand for what JSON cannot say: "nan", "inf", "-inf". */
static int nni_json_double(nni_json *j, double *value) {
    const char *text;
    char *word;
    size_t n;
    int whole;
    if (nni_json_peek(j) == '"') {
        if (!nni_json_string(j, &word, NULL)) return 0;
        if (strcmp(word, "nan") != 0 && strcmp(word, "inf") != 0 && strcmp(word, "-inf") != 0)
            return nni_json_fail(j, "a number is missing or malformed");
        *value = word[0] == 'n' ? (double)__builtin_nanf("") : word[0] == 'i' ? (double)__builtin_inff() : -(double)__builtin_inff();
        return 1;
    }
    if (!nni_json_number(j, &text, &n, &whole)) return 0;
    if (n > 64) return nni_json_fail(j, "a number of more than 64 characters");
    *value = nni_parse_double(text, n);
    return *value >= -DBL_MAX && *value <= DBL_MAX ? 1 : nni_json_fail(j, "a number is too large");
}

static int nni_json_float(nni_json *j, float *value) {
    double wide = 0.0;
    if (!nni_json_double(j, &wide)) return 0;
    *value = (float)wide;
    const int finite = wide >= -DBL_MAX && wide <= DBL_MAX, fits = *value >= -FLT_MAX && *value <= FLT_MAX;
    return finite && !fits ? nni_json_fail(j, "a number is too large") : 1;
}

static int nni_json_word(nni_json *j, const char *word) {
    const size_t n = strlen(word);
    nni_json_peek(j);
    if ((size_t)(j->end - j->at) < n || memcmp(j->at, word, n) != 0) return 0;
    j->at += n;
    return 1;
}
static int nni_json_flag(nni_json *j, int *value) {
    *value = nni_json_word(j, "true");
    return *value || nni_json_word(j, "false") ? 1 : nni_json_fail(j, "true or false is missing");
}

/* ---- any value ---- */

static int nni_json_scalar(nni_json *j) {
    const char *text;
    size_t n;
    int whole;
    if (nni_json_peek(j) == '"') return nni_json_string(j, NULL, NULL);
    if (nni_json_word(j, "true") || nni_json_word(j, "false") || nni_json_word(j, "null")) return 1;
    return nni_json_number(j, &text, &n, &whole);
}

/* Checks a value and passes over it without a change. At most 64 brackets deep: a bit for each says which kind it is. */
static int nni_json_skip(nni_json *j) {
    uint64_t objects = 0;
    unsigned depth = 0;
    do {
        const char c = nni_json_peek(j);
        if (c == '{' || c == '[') {
            if (depth++ == 64) return nni_json_fail(j, "brackets are nested more than 64 deep");
            objects = objects << 1 | (c == '{');
            if (nni_json_begin(j, c)) {
                if (c == '{' && !(nni_json_string(j, NULL, NULL) && nni_json_colon(j))) return 0;
                continue;
            }
            depth--;
            objects >>= 1;
        } else if (!nni_json_scalar(j)) {
            return 0;
        }
        while (depth && !j->mistake) { /* a value is over */
            if (nni_json_more(j, objects & 1 ? '}' : ']')) {
                if ((objects & 1) && !(nni_json_string(j, NULL, NULL) && nni_json_colon(j))) return 0;
                break;
            }
            depth--;
            objects >>= 1;
        }
    } while (depth && !j->mistake);
    return !j->mistake;
}

/* ---- writing ---- */

static void nni_write_json_string(nni_writer *w, const char *text) {
    nni_write_text(w, "\"", 1);
    for (const char *s = text; *s;) {
        size_t plain = 0;
        while (s[plain] && s[plain] != '"' && s[plain] != '\\' && (unsigned char)s[plain] >= 0x20) plain++;
        nni_write_text(w, s, plain);
        s += plain;
        if (*s == '"' || *s == '\\') nni_write(w, "\\%c", *s++);
        else if (*s) nni_write(w, "\\u%04x", (unsigned)(unsigned char)*s++);
    }
    nni_write_text(w, "\"", 1);
}

/* The fewest digits that read back as the same number; floats need up to 9, doubles 17. */
static void nni_write_digits(nni_writer *w, double value, int single) {
    char text[64], point[16];
    if (value != value || value > DBL_MAX || value < -DBL_MAX) {
        nni_write(w, "\"%s\"", value != value ? "nan" : value > 0.0 ? "inf" : "-inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        const double back = strtod(text, NULL);
        if (single ? (float)back == (float)value : back == value) break;
    }
    const size_t length = nni_locale_point(point);
    char *at = strstr(text, point);
    if (at) {
        *at = '.';
        memmove(at + 1, at + length, strlen(at + length) + 1);
    }
    nni_write_text(w, text, strlen(text));
}
static NNI_UNUSED void nni_write_double(nni_writer *w, double value) { nni_write_digits(w, value, 0); }
static void nni_write_float(nni_writer *w, float value) { nni_write_digits(w, (double)value, 1); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_JSON_H */
