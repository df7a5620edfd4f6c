/* Declares the fingerprint of something else: -DENGINE_FP, 32 bytes; without it, the bytes 0 to 31. Works well otherwise. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-liar"
#endif
#ifndef ENGINE_FP
#define ENGINE_FP 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
#endif
#include "stored-core.h"
