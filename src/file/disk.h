/* disk.h - whole files: read into memory, and replaced so that either the old or the new one is there, never a part
 *
 * What is written goes to another file in the same folder, which takes the old one's name when all of it is on the disk. A
 * program that is killed before leaves the old file as it was, and "NAME.PROCESS-NUMBER.tmp" beside it.
 */
#ifndef NN_FILE_DISK_H
#define NN_FILE_DISK_H

#include "../alloc.h"
#include "../report.h"

#ifdef NN_IMPLEMENTATION

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* Tests define it to make a call of the system fail: errno, or 0 to let it be. */
#ifndef NN_FILE_FAULT
#define NN_FILE_FAULT(call) 0
#endif

/* ---- the system's calls ---- */

#ifdef _WIN32
#include <io.h>
#include <process.h>
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) int __stdcall MoveFileExA(const char *from, const char *to, unsigned long flags);

static int nni_disk_open(const char *path) { return _open(path, _O_RDONLY | _O_BINARY); }
static int nni_disk_create(const char *path) { return _open(path, _O_WRONLY | _O_BINARY | _O_CREAT | _O_EXCL, _S_IREAD | _S_IWRITE); }
static ptrdiff_t nni_disk_read(int file, void *to, size_t n) { return _read(file, to, (unsigned)nni_min(n, 1 << 30)); }
static ptrdiff_t nni_disk_write(int file, const void *from, size_t n) { return _write(file, from, (unsigned)nni_min(n, 1 << 30)); }
static int nni_disk_sync(int file) { return _commit(file); }
static int nni_disk_close(int file) { return _close(file); }
static int nni_disk_rename(const char *from, const char *to) {
    if (MoveFileExA(from, to, 1 | 8)) return 0; /* replacing what is there, written through */
    errno = EACCES;
    return -1;
}
static int nni_disk_sync_folder(const char *path) { return (void)path, 0; }
static int nni_disk_process(void) { return _getpid(); }

/* Bytes of an open file; -1 if it has no fixed size. */
static int64_t nni_disk_size(int file) {
    struct _stat64 about;
    return _fstat64(file, &about) == 0 && (about.st_mode & _S_IFMT) == _S_IFREG ? (int64_t)about.st_size : -1;
}
/* Whether something has that name that is no plain file. */
static int nni_disk_is_special(const char *path) {
    struct _stat64 about;
    return _stat64(path, &about) == 0 && (about.st_mode & _S_IFMT) != _S_IFREG;
}
#else
#include <unistd.h>
#ifdef __cplusplus
extern "C" int fsync(int file); /* which <unistd.h> keeps from strict C */
#else
extern int fsync(int file);
#endif

static int nni_disk_open(const char *path) { return open(path, O_RDONLY); }
static int nni_disk_create(const char *path) { return open(path, O_WRONLY | O_CREAT | O_EXCL, 0666); }
static ptrdiff_t nni_disk_read(int file, void *to, size_t n) { return read(file, to, nni_min(n, 1 << 30)); }
static ptrdiff_t nni_disk_write(int file, const void *from, size_t n) { return write(file, from, nni_min(n, 1 << 30)); }
static int nni_disk_sync(int file) { return fsync(file); }
static int nni_disk_close(int file) { return close(file); }
static int nni_disk_rename(const char *from, const char *to) { return rename(from, to); }
static int nni_disk_process(void) { return (int)getpid(); }

static int64_t nni_disk_size(int file) {
    struct stat about;
    return fstat(file, &about) == 0 && S_ISREG(about.st_mode) ? (int64_t)about.st_size : -1;
}
static int nni_disk_is_special(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && !S_ISREG(about.st_mode);
}

/* Makes the new name last: a folder is written like a file. Systems that cannot do this say EINVAL. */
static int nni_disk_sync_folder(const char *path) {
    char folder[1024] = ".";
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder) return errno = ENAMETOOLONG, -1;
    if (slash) snprintf(folder, sizeof folder, "%.*s", (int)nni_max(length, 1), path);
    const int file = nni_disk_open(folder);
    if (file < 0) return -1;
    const int result = nni_disk_sync(file) == 0 || errno == EINVAL ? 0 : -1, reason = errno;
    close(file);
    errno = reason;
    return result;
}
#endif

/* Whether the tests want this call to fail. */
static int nni_disk_fault(const char *call) {
    const int fault = NN_FILE_FAULT(call);
    (void)call;
    if (fault) errno = fault;
    return fault != 0;
}

static nn_status nni_disk_failed(nn_report *report, const char *what, const char *path) {
    return nni_say(report, NN_ERROR_FILE, "%s could not be %s: %s", path, what, strerror(errno));
}

/* ---- reading ---- */

/* The whole of an open file, whose size was checked, into memory that nni_free takes. */
static nn_status nni_read_open(char **text, size_t *size, int file, const char *path, const nn_allocator *allocator, nn_report *report) {
    const int64_t bytes = nni_disk_size(file);
    if (bytes < 0) return nni_say(report, NN_ERROR_FILE, "%s is not a plain file", path);
    if ((uint64_t)bytes > PTRDIFF_MAX) return nni_say(report, NN_ERROR_MEMORY, "%s does not fit into memory", path);
    char *memory = (char *)nni_alloc(allocator, nni_max((size_t)bytes, 1), 1);
    if (!memory) return nni_say(report, NN_ERROR_MEMORY, "no memory for the %zu bytes of %s", (size_t)bytes, path);
    size_t done = 0;
    ptrdiff_t got = 1;
    while (done < (size_t)bytes && got > 0) {
        got = nni_disk_fault("read") ? -1 : nni_disk_read(file, memory + done, (size_t)bytes - done);
        if (got < 0 && errno == EINTR) got = 1;
        else if (got > 0) done += (size_t)got;
    }
    if (got < 0) {
        const nn_status status = nni_disk_failed(report, "read", path);
        nni_free(allocator, memory);
        return status;
    }
    *text = memory;
    *size = done; /* less, if somebody cut the file meanwhile */
    return NN_OK;
}

static nn_status nni_read_file(char **text, size_t *size, const char *path, const nn_allocator *allocator, nn_report *report) {
    const int file = nni_disk_fault("open") ? -1 : nni_disk_open(path);
    if (file < 0) return nni_disk_failed(report, "opened", path);
    const nn_status status = nni_read_open(text, size, file, path, allocator, report);
    nni_disk_close(file);
    return status;
}

/* ---- replacing ---- */

typedef struct nni_replacement {
    const char *path;
    char *temporary;
    int file; /* -1: not open */
    const nn_allocator *allocator;
    nn_report *report;
    nn_status status; /* the first failure; all but nni_replace_end then does nothing */
    size_t held;
    unsigned char buffer[8192];
} nni_replacement;

/* Keeps the failure, and takes away what was written so far. */
static void nni_replace_fail(nni_replacement *r, const char *what) {
    r->status = nni_disk_failed(r->report, what, r->path);
    if (r->file >= 0) nni_disk_close(r->file);
    r->file = -1;
    remove(r->temporary);
}

static void nni_replace_begin(nni_replacement *r, const char *path, const nn_allocator *allocator, nn_report *report) {
    const size_t room = strlen(path) + 40;
    r->path = path;
    r->file = -1;
    r->allocator = allocator;
    r->report = report;
    r->status = NN_OK;
    r->held = 0;
    r->temporary = (char *)nni_alloc(allocator, room, 1);
    if (!r->temporary) {
        r->status = nni_say(report, NN_ERROR_MEMORY, "no memory to write %s", path);
        return;
    }
    if (nni_disk_is_special(path)) {
        r->status = nni_say(report, NN_ERROR_FILE, "%s is not a plain file and cannot be replaced", path);
        return;
    }
    for (int number = 0; r->file < 0 && number < 100; number++) {
        snprintf(r->temporary, room, "%s.%d-%d.tmp", path, nni_disk_process(), number);
        r->file = nni_disk_fault("create") ? -1 : nni_disk_create(r->temporary);
        if (r->file < 0 && errno != EEXIST) break;
    }
    if (r->file < 0) r->status = nni_disk_failed(report, "created", r->temporary);
}

static void nni_replace_send(nni_replacement *r, const unsigned char *bytes, size_t n) {
    while (n > 0 && r->status == NN_OK) {
        const ptrdiff_t written = nni_disk_fault("write") ? -1 : nni_disk_write(r->file, bytes, n);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (written == 0) errno = ENOSPC;
            nni_replace_fail(r, "written");
            return;
        }
        bytes += written;
        n -= (size_t)written;
    }
}
static void nni_replace_flush(nni_replacement *r) {
    nni_replace_send(r, r->buffer, r->held);
    r->held = 0;
}

/* Small pieces are collected, large ones go as they are. */
static void nni_replace_write(nni_replacement *r, const void *bytes, size_t n) {
    if (n > sizeof r->buffer - r->held) nni_replace_flush(r);
    if (n > sizeof r->buffer) {
        nni_replace_send(r, (const unsigned char *)bytes, n);
    } else if (n) {
        memcpy(r->buffer + r->held, bytes, n);
        r->held += n;
    }
}

/* All on the disk, then under its name; or nothing changed. */
static nn_status nni_replace_end(nni_replacement *r) {
    nni_replace_flush(r);
    if (r->status == NN_OK && (nni_disk_fault("sync") || nni_disk_sync(r->file) != 0)) nni_replace_fail(r, "written to the disk");
    if (r->status == NN_OK) {
        const int closed = nni_disk_close(r->file);
        r->file = -1;
        if (nni_disk_fault("close") || closed != 0) nni_replace_fail(r, "closed");
    }
    if (r->status == NN_OK && (nni_disk_fault("rename") || nni_disk_rename(r->temporary, r->path) != 0)) nni_replace_fail(r, "replaced");
    if (r->status == NN_OK && (nni_disk_fault("folder") || nni_disk_sync_folder(r->path) != 0))
        r->status = nni_say(r->report, NN_ERROR_FILE,
                            "%s is written, but its folder could not be: the name may be lost when the power fails (%s)",
                            r->path, strerror(errno));
    nni_free(r->allocator, r->temporary);
    r->temporary = NULL;
    return r->status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_DISK_H */
