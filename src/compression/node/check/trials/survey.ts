/** What the core exports and says of itself, and that an empty block stays with the host. */
import { CoreCompression } from '../../../core-compression.js';
import { isWasm } from '../../../wasm-core.js';
import { readCoreFile } from '../../core-file.js';
import { PROTOTYPES } from '../../native-calls.js';
import { Failed } from '../noted-core.js';
import type { Trial } from './bench.js';

const EMPTY = new Uint8Array(0);

export const survey: Trial = async ({ bare, info, request }) => {
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
      exports: await exportsOf(request.core.path),
    },
  };
};

/** The functions of the interface that a shared library has; those of a module have all been found when it was loaded. */
async function exportsOf(path: string): Promise<string | null> {
  const { bytes } = await readCoreFile(path);
  if (isWasm(bytes)) return null;
  // A second instance, which nobody calls: this process is thrown away.
  const { default: koffi } = await import('koffi');
  const library = koffi.load(path);
  const names = Object.keys(PROTOTYPES).filter((name) => {
    try {
      library.symbol(name);
      return true;
    } catch {
      return false;
    }
  });
  return names.join(' ');
}
