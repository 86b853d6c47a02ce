/* close.h - gives the compiler settings back that config.h changed, so that code after nn.h is compiled as before */
#ifndef NN_CLOSE_H
#define NN_CLOSE_H

#include "config.h"

#ifdef NN_IMPLEMENTATION
#if defined(__clang__) && defined(NNI_X86)
#pragma float_control(pop)
#elif defined(__clang__)
#pragma clang fp contract(on)
#else
#pragma GCC pop_options
#endif
#endif /* NN_IMPLEMENTATION */

#endif /* NN_CLOSE_H */
