/* status.h - what a call can report, and the sentence for each */
#ifndef NN_STATUS_H
#define NN_STATUS_H

#include "config.h"

/* One list gives the enum, the names and the messages. */
#define NN_STATUS_LIST(X)                                                                                   \
    X(NN_OK, "no error")                                                                                    \
    X(NN_ERROR_NULL, "a required pointer is NULL")                                                          \
    X(NN_ERROR_ARGUMENT, "an argument is outside its allowed range")                                        \
    X(NN_ERROR_SIZE, "the sizes overflow: the arrays described cannot exist in memory")                     \
    X(NN_ERROR_STRIDE, "a leading dimension is smaller than the row it must hold")                          \
    X(NN_ERROR_ALIAS, "the output overlaps an input")                                                       \
    X(NN_ERROR_MEMORY, "the allocator returned no memory")                                                  \
    X(NN_ERROR_ISA_UNKNOWN, "unknown instruction set name: known are scalar, avx2, avx512 and neon")        \
    X(NN_ERROR_ISA_MISSING, "the instruction set asked for cannot run on this processor or system")         \
    X(NN_ERROR_PACKED_ISA, "the packed matrix was made for another instruction set: pack it again")         \
    X(NN_ERROR_SHAPE, "the shapes of a layer and its inputs do not go together")                            \
    X(NN_ERROR_ORDER, "a call came before another that it needs, or after one that forbids it")             \
    X(NN_ERROR_LABEL, "a label is not below the number of classes")                                         \
    X(NN_ERROR_TARGET, "a target is NaN or infinite")                                                       \
    X(NN_ERROR_WEIGHT, "a weight of a sample or class is negative, NaN or infinite, or all are zero")  \
    X(NN_ERROR_FILE, "the system refused to open, read or write a file")                                    \
    X(NN_ERROR_FORMAT, "a file is not what it should be: damaged, cut short, or of another format")         \
    X(NN_ERROR_UNSUPPORTED, "a file is sound but uses something that this build of nn.h does not read")

typedef enum nn_status {
#define NN_STATUS_ENUM(name, message) name,
    NN_STATUS_LIST(NN_STATUS_ENUM)
#undef NN_STATUS_ENUM
    NN_STATUS_COUNT
} nn_status;

/* One sentence about a status, without a full stop; never NULL. */
NN_API const char *nn_status_message(nn_status status);

/* The name of a status as it is written in code, "NN_OK" say; never NULL. */
NN_API const char *nn_status_name(nn_status status);

#ifdef NN_IMPLEMENTATION

NN_API const char *nn_status_message(nn_status status) {
    static const char *const messages[] = {
#define NN_STATUS_MESSAGE(name, message) message,
        NN_STATUS_LIST(NN_STATUS_MESSAGE)
#undef NN_STATUS_MESSAGE
    };
    return (unsigned)status < NN_STATUS_COUNT ? messages[status] : "not a status of nn.h";
}

NN_API const char *nn_status_name(nn_status status) {
    static const char *const names[] = {
#define NN_STATUS_NAME(name, message) #name,
        NN_STATUS_LIST(NN_STATUS_NAME)
#undef NN_STATUS_NAME
    };
    return (unsigned)status < NN_STATUS_COUNT ? names[status] : "NN_STATUS_UNKNOWN";
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_STATUS_H */
