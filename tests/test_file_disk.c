/* test_file_disk.c - files are replaced as a whole or not at all: every call of the system fails once, programs are killed */
#include "file.h"

#include <sys/wait.h>

static nn_model *model(uint64_t seed) {
    nn_model *m = nn_model_new(NULL);
    nn_layer_dense(m, nn_layer_dense(m, nn_layer_input(m, nn_shape_vector(90)), 70), 5);
    const nn_build_desc d = {.seed = seed};
    if (nn_model_build(m, &d) != NN_OK) abort();
    return m;
}

/* ---- calls that fail ---- */

static struct {
    size_t calls, at; /* the call that fails, from 1; 0: none */
    int reason, kill;
    const char *only; /* or only calls of this name */
} fault;

static int fail(const char *call) {
    if (fault.only && strcmp(fault.only, call) != 0) return 0;
    if (++fault.calls != fault.at) return 0;
    if (fault.kill) _exit(42);
    return fault.reason;
}

static void arm(const char *only, size_t at, int reason, int kill) {
    fault.calls = 0;
    fault.at = at;
    fault.reason = reason;
    fault.only = only;
    fault.kill = kill;
    test_file_fault = fail;
}

typedef nn_status (*saver)(nn_model *m, const char *path);
static nn_status save_c(nn_model *m, const char *path) { return nn_export_c(m, path, "net"); }
static nn_status save_weights(nn_model *m, const char *path) { return nn_weights_save(m, path, NULL); }
static const struct {
    const char *name;
    saver save;
} savers[] = {{"nn_model_save", nn_model_save}, {"nn_export_c", save_c}, {"nn_weights_save", save_weights}, {"nn_export_dot", nn_export_dot}};

/* Each call in turn: the old file is what it was, and nothing lies beside it. */
static void failing_calls(size_t which) {
    static const char *const calls[] = {"create", "write", "sync", "close", "rename"};
    nn_model *old = model(1), *m = model(2);
    CHECK(savers[which].save(old, file_path("old")) == NN_OK && savers[which].save(old, file_path("file")) == NN_OK);
    for (size_t i = 0; i < COUNT(calls); i++)
        for (size_t at = 1, over = 0; !over; at++) {
            arm(calls[i], at, ENOSPC, 0);
            const nn_status status = savers[which].save(m, file_path("file"));
            over = fault.calls < at;
            test_file_fault = NULL;
            test_case("%s: call %zu of %s fails", savers[which].name, at, calls[i]);
            if (over) CHECK(status == NN_OK && at > 1 && savers[which].save(old, file_path("file")) == NN_OK);
            else CHECK(status == NN_ERROR_FILE && strstr(nn_error(m), strerror(ENOSPC)) && strstr(nn_error(m), "file"));
            CHECK(file_same(file_path("old"), file_path("file")) && file_count(0) == 2);
        }
    arm("folder", 1, EIO, 0);
    test_case("%s: the folder is not synced", savers[which].name);
    CHECK(savers[which].save(m, file_path("file")) == NN_ERROR_FILE && strstr(nn_error(m), "is written"));
    test_file_fault = NULL;
    CHECK(savers[which].save(m, file_path("old")) == NN_OK && file_same(file_path("old"), file_path("file")));
    nn_model_free(m);
    nn_model_free(old);
}

/* Calls that are broken off by a signal are made again. */
static void interrupted(void) {
    nn_model *m = model(3), *copy;
    CHECK(nn_model_save(m, file_path("old")) == NN_OK);
    arm("write", 1, EINTR, 0);
    test_case("a write is interrupted");
    CHECK(nn_model_save(m, file_path("file")) == NN_OK && fault.calls > 1 && file_same(file_path("old"), file_path("file")));
    arm("read", 1, EINTR, 0);
    test_case("a read is interrupted");
    CHECK(nn_model_load(&copy, file_path("file"), NULL, NULL) == NN_OK);
    nn_model_free(copy);
    test_file_fault = NULL;
    nn_model_free(m);
}

static void failing_reads(void) {
    static const char *const calls[] = {"open", "read"};
    nn_model *m = model(3), *copy = m;
    nn_report report;
    CHECK(nn_model_save(m, file_path("file")) == NN_OK);
    for (size_t i = 0; i < COUNT(calls); i++) {
        arm(calls[i], 1, EIO, 0);
        test_case("%s fails", calls[i]);
        copy = m;
        CHECK(nn_model_load(&copy, file_path("file"), NULL, &report) == NN_ERROR_FILE && !copy && strstr(report.sentence, strerror(EIO)));
        arm(calls[i], 1, EIO, 0);
        CHECK(nn_weights_load(m, file_path("file"), NULL, NULL) == NN_ERROR_FILE && strstr(nn_error(m), strerror(EIO)));
    }
    test_file_fault = NULL;
    nn_model_free(m);
}

/* ---- programs that are killed ---- */

static void killed(void) {
    nn_model *old = model(1), *m = model(2);
    nn_report report;
    size_t calls = 0;
    CHECK(nn_model_save(old, file_path("old")) == NN_OK && nn_model_save(m, file_path("new")) == NN_OK);
    for (size_t at = 1; at == 1 || at <= calls; at++) {
        CHECK(nn_model_save(old, file_path("file")) == NN_OK);
        fflush(stdout);
        const char *path = file_path("file");
        const pid_t child = fork();
        if (child == 0) {
            arm(NULL, at, 0, 1);
            _exit(nn_model_save(m, path) == NN_OK ? 0 : 1);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
        test_case("killed at call %zu", at);
        const int finished = WEXITSTATUS(status) == 0, renamed = file_same(file_path("file"), file_path("new"));
        CHECK(finished || WEXITSTATUS(status) == 42);
        CHECK(renamed || (!finished && file_same(file_path("file"), file_path("old"))));
        nn_model *copy;
        CHECK(nn_model_load(&copy, file_path("file"), NULL, &report) == NN_OK);
        nn_model_free(copy);
        CHECK(nn_model_save(old, file_path("file")) == NN_OK); /* what was left over is in nobody's way */
        calls = finished ? at - 1 : at + 1;
    }
    CHECK(calls >= 6); /* create, writes, sync, close, rename, folder */
    nn_model_free(m);
    nn_model_free(old);
}

/* ---- places where nothing can be written ---- */

static void bad_places(void) {
    nn_model *m = model(1);
    char path[256], name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const char *const places[] = {"build/no such folder/model", "", "/dev/full", "build", "build/", name};
    for (size_t i = 0; i < COUNT(places); i++) {
        test_case("saved as \"%.40s\"", places[i]);
        CHECK(nn_model_save(m, places[i]) == NN_ERROR_FILE && strlen(nn_error(m)) > 20);
    }
    mkdir(file_path("locked"), 0555);
    snprintf(path, sizeof path, "%s/model", file_path("locked"));
    test_case("a folder that cannot be written");
    if (geteuid() == 0) test.skipped++; /* root may write anywhere */
    else CHECK(nn_model_save(m, path) == NN_ERROR_FILE && strstr(nn_error(m), strerror(EACCES)));
    rmdir(file_path("locked"));
    struct stat about;
    CHECK(stat("/dev/full", &about) != 0 || S_ISCHR(about.st_mode)); /* it is still there */
    nn_model_free(m);
}

int main(void) {
    for (size_t i = 0; i < COUNT(savers); i++) failing_calls(i);
    interrupted();
    failing_reads();
    killed();
    bad_places();
    file_count(1);
    return test_end("file_disk");
}
