/* hook.h - parallel loops for nn_threads_hook: one on real threads, one that runs everything backwards */
#ifndef HOOK_H
#define HOOK_H

#include <pthread.h>
#include <stddef.h>

typedef struct hook_call {
    void (*task)(void *context, size_t i);
    void *context;
    size_t i;
} hook_call;

static inline void *hook_run(void *call) {
    const hook_call *c = (const hook_call *)call;
    c->task(c->context, c->i);
    return NULL;
}

/* A thread for every part. `user`, if given, is a size_t that counts the calls. */
static inline void hook_pthreads(void (*task)(void *context, size_t i), void *context, size_t count, void *user) {
    pthread_t threads[64];
    hook_call calls[64];
    if (user) ++*(size_t *)user;
    for (size_t i = 0; i < count; i++) {
        calls[i] = (hook_call){task, context, i};
        if (pthread_create(&threads[i], NULL, hook_run, &calls[i]) != 0) __builtin_trap();
    }
    for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

/* The same results must come in any order. */
static inline void hook_backwards(void (*task)(void *context, size_t i), void *context, size_t count, void *user) {
    if (user) ++*(size_t *)user;
    while (count--) task(context, count);
}

#endif /* HOOK_H */
