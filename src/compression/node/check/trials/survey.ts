/** What the core exports and says of itself, and that an empty block stays with the host. */
import { CoreCompression } from '../../../core-compression.js';
import { Failed } from '../noted-core.js';
import type { Trial } from './bench.js';

const EMPTY = new Uint8Array(0);

export const survey: Trial = ({ bare, info }) => {
  const engine = new CoreCompression(bare, info);
  if (engine.compress(EMPTY).length !== 0 || engine.decompress(EMPTY, 0).length !== 0) {
    throw new Failed('an empty block did not stay empty');
  }
  return {
    evidence: {
      engine_id: info.engine_id,
      declares_id: bare.declared.engineId !== undefined,
      declared_fingerprint: bare.declared.fingerprint ?? null,
      abi: bare.abi,
      // Of the library that was measured and loaded: the path may lead elsewhere by now.
      exports: bare.exports?.join(' ') ?? null,
    },
  };
};
