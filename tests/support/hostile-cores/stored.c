/* No fault at all: the stored codec. The yardstick beside which the others are hostile. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-stored"
#endif
#include "stored-core.h"
