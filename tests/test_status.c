/* test_status.c - names and messages of every status */
#include "test.h"

int main(void) {
    for (int s = 0; s < NN_STATUS_COUNT; s++) {
        const char *name = nn_status_name((nn_status)s), *message = nn_status_message((nn_status)s);
        test_case("status %d", s);
        CHECK(s == NN_OK ? strcmp(name, "NN_OK") == 0 : strncmp(name, "NN_ERROR_", 9) == 0);
        CHECK(message[0] && message[strlen(message) - 1] != '.');
        for (int t = 0; t < s; t++) CHECK(strcmp(name, nn_status_name((nn_status)t)) && strcmp(message, nn_status_message((nn_status)t)));
    }
    const int outside[] = {-1, NN_STATUS_COUNT, 1 << 20};
    for (size_t i = 0; i < COUNT(outside); i++) {
        test_case("status %d", outside[i]);
        CHECK(strcmp(nn_status_name((nn_status)outside[i]), "NN_STATUS_UNKNOWN") == 0);
        CHECK(nn_status_message((nn_status)outside[i])[0]);
    }
    static const struct { nn_status status; const char *name, *word; } known[] = {
        {NN_OK, "NN_OK", "no error"}, {NN_ERROR_NULL, "NN_ERROR_NULL", "NULL"}, {NN_ERROR_SIZE, "NN_ERROR_SIZE", "overflow"},
        {NN_ERROR_STRIDE, "NN_ERROR_STRIDE", "leading dimension"}, {NN_ERROR_ALIAS, "NN_ERROR_ALIAS", "overlaps"},
        {NN_ERROR_MEMORY, "NN_ERROR_MEMORY", "memory"}, {NN_ERROR_ISA_UNKNOWN, "NN_ERROR_ISA_UNKNOWN", "unknown"}};
    CHECK(NN_OK == 0);
    for (size_t i = 0; i < COUNT(known); i++) {
        test_case("%s", known[i].name);
        CHECK(strcmp(nn_status_name(known[i].status), known[i].name) == 0);
        CHECK(strstr(nn_status_message(known[i].status), known[i].word) != NULL);
    }
    return test_end("status");
}
