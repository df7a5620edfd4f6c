/**
 * Runs geo.wasm on the corpus that `check --corpus FILE` wrote and prints the line that check prints: it has to be the same.
 *
 *     node check.mjs geo.wasm corpus.bin [BLOCK-DIRECTORY]
 *
 * With a directory, the compressed form of some small blocks is written there, as first inputs for fuzz.c.
 */
import { Buffer } from 'node:buffer';
import console from 'node:console';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { crc32 } from 'node:zlib';

const [modulePath, corpusPath, seedDirectory] = process.argv.slice(2);
const corpus = readFileSync(corpusPath);
const { WebAssembly } = globalThis;
const { exports: geo } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(modulePath)), {});
const bytes = (at, size) => Buffer.from(geo.memory.buffer, at, size);

function call(transform, input, capacity) {
  const lengthAt = geo.h4_alloc(4);
  const inputAt = geo.h4_alloc(input.length);
  const outputAt = geo.h4_alloc(capacity);
  if (lengthAt === 0 || inputAt === 0 || outputAt === 0)
    throw new Error(`no room for ${input.length} and ${capacity} bytes`);
  bytes(inputAt, input.length).set(input);
  const status = transform(inputAt, input.length, outputAt, capacity, lengthAt);
  if (status !== 0) throw new Error(`status ${status} for ${input.length} bytes and a capacity of ${capacity}`);
  const output = Buffer.from(bytes(outputAt, bytes(lengthAt, 4).readUInt32LE()));
  for (const piece of [inputAt, lengthAt, outputAt]) geo.h4_free(piece);
  return output;
}

let blocks = 0;
let raw = 0;
let compressed = 0;
let crc = 0;
for (let at = 0; at < corpus.length; blocks++) {
  const size = corpus.readUInt32LE(at);
  const block = corpus.subarray(at + 4, at + 4 + size);
  const packed = call(geo.h4_compress_v2, block, geo.h4_bound_v2(size));
  if (!call(geo.h4_decompress_v2, packed, size).equals(block)) throw new Error(`block ${blocks} is not restored`);
  if (seedDirectory && packed.length < 5000 && (size % 97 === 0 || size > 600)) {
    writeFileSync(`${seedDirectory}/${blocks}`, Buffer.concat([Buffer.of(12), packed]));
    if (size <= 5000) writeFileSync(`${seedDirectory}/${blocks}-raw`, Buffer.concat([Buffer.of(255), block]));
  }
  crc = crc32(packed, crc);
  raw += size;
  compressed += packed.length;
  at += 4 + size;
}
let id = '';
for (let at = geo.h4_engine_id(); bytes(at, 1)[0] !== 0; at++) id += String.fromCharCode(bytes(at, 1)[0]);
const digest = crc.toString(16).padStart(8, '0');
console.log(`${id} blocks ${blocks} raw ${raw} compressed ${compressed} crc32 ${digest}`);
