/* h4_free is missing: whatever it returns, the host could only leak or guess an allocator. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-no-free"
#endif
#define OMIT_FREE
#include "stored-core.h"
