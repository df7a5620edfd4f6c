/* Half a core: it can compress, and nothing can ever be read again. h4_decompress (and h4_decompress_v2) is missing. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-missing-symbol"
#endif
#define OMIT_DECOMPRESS
#include "stored-core.h"
