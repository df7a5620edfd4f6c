/*
 * h4_engine.h: the binary interface between HarmonyØ4 (the "host") and a compression engine in a file of its own (a "core").
 *
 * A core is a shared library or a WebAssembly module. It turns one block of bytes into another and back; it knows nothing
 * about files, time or keys. This header is all that a core has to include. The normative text is spec/engine.md; the
 * smallest complete core is cores/stub/stub.c.
 *
 * To write a core: include this header, define the functions of one version below, compile, and let the host certify the
 * result with `harmony4 engine check LIB`. The declarations here export the functions; a definition needs no attribute.
 *
 *     version 1   h4_compress  h4_decompress  h4_free                               shared libraries
 *     version 2   h4_compress_v2  h4_decompress_v2  h4_bound_v2  h4_free            shared libraries, WebAssembly
 *                 and h4_alloc                                                      WebAssembly only
 *     optional    h4_engine_id  h4_engine_fp                                        both
 *
 * A shared library exports all of version 1, or all of version 2, or both; then the host calls version 2. Symbols are how a
 * host tells what a core can do: there is no version number to ask for. What is declared here never changes its meaning.
 * A later version gets new names, with a suffix of its own, so that old cores and old hosts go on working with each other.
 *
 * What holds for every function
 *
 *   Exactness     decompress(compress(x)) is x, for every x of 1 byte or more that compress accepts.
 *   Determinism   The output depends on the input alone: not on earlier calls, the clock, randomness, the environment, the
 *                 locale, the number or kind of processors, addresses, or bytes of memory that were never written.
 *   Silence       A core starts no thread, installs no signal handler, reads and writes no file or descriptor, and never
 *                 ends the process. A failure is a return value.
 *   Hostile input What h4_decompress gets may come from an attacker. Every length in it is checked before it is used.
 *   Empty input   never reaches a core: in_len is at least 1, and an empty block is empty on both sides by definition.
 *   Ownership     Input belongs to the host. It is only read, and only until the call returns.
 *   Alignment     Pointers of the host are aligned to 1 byte. Memory that a core returns is aligned as malloc does it.
 *   Overlap       Input and output never overlap.
 *   Threads       Functions keep nothing between two calls and so may be called from any thread. The host calls one loaded
 *                 instance from one thread at a time.
 *   Exceptions    A core written in C++ lets none out of these functions.
 *
 * size_t is 64 or 32 bits in a shared library, as the platform has it, and unsigned 32 bits in WebAssembly (wasm32).
 */
#ifndef H4_ENGINE_H
#define H4_ENGINE_H

#include <stddef.h>
#include <stdint.h>

/*
 * H4_API makes a function visible outside the library; compile everything else with -fvisibility=hidden.
 * H4_NAME gives a WebAssembly export its name, which visibility alone does not.
 */
#if defined(__wasm__)
#define H4_API __attribute__((visibility("default")))
#define H4_NAME(name) __attribute__((export_name(#name)))
#elif defined(_WIN32)
#define H4_API __declspec(dllexport)
#define H4_NAME(name)
#else
#define H4_API __attribute__((visibility("default")))
#define H4_NAME(name)
#endif

/* The largest block that a host may hand over, and the most that a core of version 1 should ever restore: 64 MiB. */
#define H4_MAX_BLOCK ((size_t)64 * 1024 * 1024)

/* The host's ceiling for compressed output. A core that needs more for some block fails on that block. */
#define H4_MAX_COMPRESSED(in_len) (2 * (size_t)(in_len) + (size_t)64 * 1024)

/* Bytes of a fingerprint, and the longest engine id without its NUL. */
#define H4_FP_BYTES 32
#define H4_ID_MAX 128

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version 1: the core allocates -------------------------------------------------------------------------------------
 *
 * The result is placed in memory of the core, *out is set to it, and its length in bytes is returned. The host copies the
 * result and gives *out back to h4_free before its next call.
 *
 * 0 means that the call failed, for whatever reason. *out should then be NULL; if it is not, the host frees it.
 *
 * h4_decompress is not told how much to expect. Therefore: find out the length first, refuse more than H4_MAX_BLOCK, then
 * allocate exactly that. Never derive the length of a buffer from in_len by a factor: a factor is a guess, and the bytes
 * decide.
 */
H4_API size_t h4_compress(const void *in, size_t in_len, void **out);
H4_API size_t h4_decompress(const void *in, size_t in_len, void **out);

/* ---- Version 2: the host allocates -------------------------------------------------------------------------------------
 *
 * The result goes to out[0 .. out_capacity), *out_len is set to its length, and H4_OK is returned. On any other status the
 * contents of out and *out_len are undefined, and the host looks at neither. A core never writes at or after
 * out + out_capacity, not even for a moment. out_len is aligned for a size_t in a shared library; in WebAssembly it is the
 * address of 4 bytes, little-endian, aligned to 4.
 */
enum {
  H4_OK = 0,
  H4_E_CAPACITY = 1, /* the result does not fit out_capacity; decompress: the input claims more than was asked for */
  H4_E_CORRUPT = 2,  /* decompress: no output of this engine */
  H4_E_MEMORY = 3,   /* no memory; the same call may succeed later */
  H4_E_PARAM = 4     /* an argument that the contract excludes, such as a block longer than the core accepts */
}; /* a host takes any other value as a failure, too */

H4_API int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len)
    H4_NAME(h4_compress_v2);

/*
 * out_capacity is exactly the length of the original block. Another result length than that is an error to the host.
 * A compressed block says how long its original was: a core that is asked for another length than that never answers H4_OK
 * with it, not even for a block of zeros, which would fit any.
 */
H4_API int32_t h4_decompress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len)
    H4_NAME(h4_decompress_v2);

/*
 * A capacity with which h4_compress_v2 never answers H4_E_CAPACITY for a block of in_len bytes. 0: the block is too long
 * for this core, which it may say of no block of up to 8 MiB. A pure function, at most H4_MAX_COMPRESSED(in_len).
 */
H4_API size_t h4_bound_v2(size_t in_len) H4_NAME(h4_bound_v2);

/* ---- Memory ------------------------------------------------------------------------------------------------------------
 *
 * h4_free releases what h4_compress, h4_decompress or h4_alloc returned. NULL is allowed and does nothing. Always required,
 * in a core of version 2 alone, too: a host demands that it exists whatever the version. In a shared library it calls it for
 * version 1 only, since with version 2 no memory of the core changes hands.
 *
 * h4_alloc exists in WebAssembly only, where the host has to place input and output inside the memory of the module. It
 * returns the address of at least `size` bytes, aligned to 8, or 0. The memory may grow in any call; a host makes its views
 * anew after each one. A module imports nothing, has no start function, exports its memory as "memory", and declares a
 * maximum of at most 4096 pages (256 MiB) for it.
 */
H4_API void h4_free(void *p) H4_NAME(h4_free);
#if defined(__wasm__)
H4_API void *h4_alloc(size_t size) H4_NAME(h4_alloc);
#endif

/* ---- Identity ----------------------------------------------------------------------------------------------------------
 *
 * h4_engine_id returns a name with its version, such as "h4zstd-1.5.4-l3": 1 to 128 characters of A-Z a-z 0-9 . _ : @ / + -
 * and a NUL, in static memory. It is written into every recording and, with the fingerprint, selects the decoder years
 * later. Change it whenever the same block may give other bytes. A core without this function is named after its
 * fingerprint.
 *
 * h4_engine_fp returns 32 bytes in static memory: what the core says its own SHA-256 is. Nobody believes it. The host
 * measures the file before it runs a byte of it, and shows this value as "declared", beside the measured one. A file can
 * hardly contain its own hash, so most cores leave the function out.
 */
H4_API const char *h4_engine_id(void) H4_NAME(h4_engine_id);
H4_API const unsigned char *h4_engine_fp(void) H4_NAME(h4_engine_fp);

/* For a host in C: the types of the functions above, as dlsym returns them. */
typedef size_t (*h4_transform_fn)(const void *in, size_t in_len, void **out);
typedef int32_t (*h4_transform_v2_fn)(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len);
typedef size_t (*h4_bound_v2_fn)(size_t in_len);
typedef void (*h4_free_fn)(void *p);
typedef const char *(*h4_engine_id_fn)(void);
typedef const unsigned char *(*h4_engine_fp_fn)(void);

#ifdef __cplusplus
}
#endif

#endif /* H4_ENGINE_H */
