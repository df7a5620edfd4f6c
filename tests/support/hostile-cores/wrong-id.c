/*
 * Has another id than the operator pinned. -DENGINE_ID makes it worse: NULL, "", a blank, a line break, 129 characters, bytes
 * that are no UTF-8.
 */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-somebody-else"
#endif
#include "stored-core.h"
