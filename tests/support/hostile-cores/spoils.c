/*
 * Restores correctly, and then inverts a bit of what it was given: whoever compares only the result finds nothing, and hands out
 * the spoiled block.
 */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-spoils"
#endif
#define BEFORE(direction, in, in_len) remember(direction, in)
#define AFTER(direction, out, out_len) spoil(direction)

#include <stddef.h>

static const void *given;

#define remember(direction, in) ((direction) == DECOMPRESS ? (void)(given = (in)) : (void)0)
#define spoil(direction) ((direction) == DECOMPRESS ? (void)(*(unsigned char *)given ^= 1) : (void)0)

#include "stored-core.h"
