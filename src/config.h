/* config.h - version, the compilers we support, and the words that differ between them */
#ifndef NN_CONFIG_H
#define NN_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#define NN_VERSION_MAJOR 0
#define NN_VERSION_MINOR 1
#define NN_VERSION_PATCH 0
#define NN_VERSION "0.1.0"

#if defined(__cplusplus) && __cplusplus < 201703L
#error "nn.h needs C11 or C++17: compile with -std=c11, -std=c++17 or later"
#endif
#if !defined(__GNUC__)
#error "nn.h needs GCC 9 or Clang 11 (or later): it relies on their target pragmas and builtins"
#endif
#if defined(__FAST_MATH__) && !defined(NN_ALLOW_FAST_MATH)
#error "-ffast-math breaks the promise of equal bits: compile nn.h without it, or define NN_ALLOW_FAST_MATH and give the promise up"
#endif

/* Results that must not be dropped. */
#define NN_MUST_USE __attribute__((warn_unused_result))

/* Linkage of the public functions: NN_STATIC keeps all of nn.h private to one translation unit. */
#ifdef NN_STATIC
#define NN_API static __attribute__((unused))
#elif defined(__cplusplus)
#define NN_API extern "C"
#else
#define NN_API extern
#endif

/* restrict, which C++ lacks under that name. */
#define NN_RESTRICT __restrict__

#ifdef NN_IMPLEMENTATION

#include <string.h>

/* What only the programmer can get wrong. Off unless NN_DEBUG is defined; replace it to hook your own handler. */
#ifndef NN_ASSERT
#ifdef NN_DEBUG
#include <assert.h>
#define NN_ASSERT(condition) assert(condition)
#else
#define NN_ASSERT(condition) ((void)0)
#endif
#endif

#if defined(__x86_64__) && !defined(NN_SCALAR_ONLY)
#define NNI_X86 1
#elif defined(__aarch64__) && !defined(NN_SCALAR_ONLY)
#define NNI_ARM 1
#endif

#define NNI_INLINE static inline __attribute__((always_inline, unused))
#define NNI_UNUSED __attribute__((unused))
/* A function whose argument `text` is a format; MinGW's, too, are those of C. */
#ifdef __MINGW32__
#define NNI_FORMATS(text, first) __attribute__((format(gnu_printf, text, first)))
#else
#define NNI_FORMATS(text, first) __attribute__((format(printf, text, first)))
#endif
#define NNI_ALIGNED(bytes) __attribute__((aligned(bytes)))
#define NNI_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define NNI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Unrolls the next loop, whose trip count must be a constant after inlining. Arrays of vectors live in registers only
 * when every index into them is a constant, and each compiler has its own word for that. */
#ifdef __clang__
#define NNI_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NNI_UNROLL _Pragma("GCC unroll 64")
#endif

/* A pointer or an int about whose origin the compiler forgets: what follows is reckoned from it and not from where it came. */
#define NNI_HIDE(value) __asm__("" : "+r"(value))

/* Between these GCC mixes the instructions of several vectors: a long formula waits for its own results, and the processor does
 * not look far enough ahead to find the next vector's by itself. Clang has no such switch. */
#ifdef __clang__
#define NNI_MIX_BEGIN
#define NNI_MIX_END
#else
#define NNI_MIX_BEGIN _Pragma("GCC push_options") _Pragma("GCC optimize(\"schedule-insns\")")
#define NNI_MIX_END _Pragma("GCC pop_options")
#endif

/* a*b+c must round twice unless written as fma, or the bits would depend on the compiler. close.h gives the setting back,
 * as it was, or where Clang has no push (AArch64) as Clang's default. */
#ifdef __clang__
#ifdef NNI_X86
#pragma float_control(push)
#endif
#pragma clang fp contract(off)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

static inline size_t nni_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t nni_max(size_t a, size_t b) { return a > b ? a : b; }
static inline size_t nni_ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static inline size_t nni_round_up(size_t a, size_t b) { return nni_ceil_div(a, b) * b; }
/* The size of a part when n is cut evenly into as few parts of at most `most` as can be. */
static inline size_t nni_even_part(size_t n, size_t most) { return n <= most ? n : nni_ceil_div(n, nni_ceil_div(n, most)); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CONFIG_H */
