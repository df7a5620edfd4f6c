/**
 * `h4ref-geo-v1`, the open reference engine, byte-exact in h4mk.md section 19: a method byte, then the block as it is
 * (method 0), its run-length pairs (1), or the run-length pairs of its delta with stride 1 to 4 (2 to 5). Of these the
 * shortest, and among equals the lowest method. It suits ramps, samples, pixels and blanks; what it cannot shrink it stores,
 * one byte longer. Its fingerprint is a name, `H("h4ref-geo-v1")`, not a measurement.
 */

import { H4Error } from '../utils/error.js';
import type { CompressionEngine, EngineInfo } from './api/engine.js';
import { countPairs } from './pair-count.js';
import { encodePairs, expandPairs, measurePairs, undoDelta } from './run-length.js';

const METHOD_STORED = 0;
/** Method of stride 0; the strides 1 to 4 follow. */
const METHOD_PAIRS = 1;
const METHOD_LAST = 5;

const INFO: EngineInfo = Object.freeze({
  engine: 'reference',
  engine_id: 'h4ref-geo-v1',
  fingerprint: '85fd2c2ae2cb97cae981efa6d56e2a71fb3a79f8ec7f8e9dd1db1ab0c9dad064',
  deterministic: true,
  identity_safe: true,
  opaque: false,
  sealed: false,
  seal_level: 0,
});

export class GeometricReferenceCompressor implements CompressionEngine {
  /** The result is at most one byte longer than the block. */
  compress(bytes: Uint8Array): Uint8Array {
    const { method, bodyLength } = chooseMethod(bytes);
    const block = new Uint8Array(1 + bodyLength);
    block[0] = method;
    if (method === METHOD_STORED) {
      block.set(bytes, 1);
    } else {
      encodePairs(bytes, method - METHOD_PAIRS, block, 1);
    }
    return block;
  }

  /** A stored block is restored without a copy. `H4_ENGINE_OUTPUT` for anything that does not give exactly `rawLength` bytes. */
  decompress(bytes: Uint8Array, rawLength: number): Uint8Array {
    const method = bytes[0];
    if (method === undefined) {
      throw refusal('it has no method byte', rawLength);
    }
    if (method > METHOD_LAST) {
      throw refusal(`its method is ${method}, the highest is ${METHOD_LAST}`, rawLength);
    }

    const body = bytes.subarray(1);
    if (method === METHOD_STORED) {
      if (body.length !== rawLength) {
        throw refusal(`${body.length} bytes are stored`, rawLength);
      }
      return body;
    }
    // Measured before anything is allocated: rawLength and body are both attacker-controlled until they agree.
    const measure = measurePairs(body, rawLength);
    switch (measure.kind) {
      case 'half-pair':
        throw refusal(`its ${body.length} bytes of pairs end in half a pair`, rawLength);
      case 'zero-run':
        throw refusal(`the pair at byte ${measure.at + 1} has a run of 0`, rawLength);
      case 'too-long':
        throw refusal('its runs add up to more', rawLength);
      case 'whole':
        if (measure.bytes !== rawLength) {
          throw refusal(`its runs add up to ${measure.bytes} bytes`, rawLength);
        }
    }
    const raw = new Uint8Array(rawLength);
    expandPairs(body, raw);
    undoDelta(raw, method - METHOD_PAIRS);
    return raw;
  }

  info(): EngineInfo {
    return INFO;
  }
}

function chooseMethod(bytes: Uint8Array): { method: number; bodyLength: number } {
  let method = METHOD_STORED;
  let bodyLength = bytes.length;
  // Pairs win only if they are shorter than the block itself.
  for (const [stride, pairs] of countPairs(bytes, bytes.length / 2).entries()) {
    if (2 * pairs < bodyLength) {
      method = METHOD_PAIRS + stride;
      bodyLength = 2 * pairs;
    }
  }
  return { method, bodyLength };
}

function refusal(why: string, rawLength: number): H4Error {
  return new H4Error(
    'H4_ENGINE_OUTPUT',
    `Cannot restore a block of ${rawLength} bytes with ${INFO.engine_id}: ${why}`,
    {
      detail: { engine_id: INFO.engine_id, expected: rawLength },
    },
  );
}
