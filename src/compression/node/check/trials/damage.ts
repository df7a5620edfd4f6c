/** Damaged input: an error, or exactly as many bytes as were asked for; nothing else, and not much memory for it. */
import { isH4Error } from '../../../../utils/error.js';
import { MAX_CORE_BLOCK_BYTES } from '../../../core.js';
import { corpusBlocks } from '../corpus.js';
import { peakAddressBytes, residentBytes } from '../memory-use.js';
import { type SoundBlock, damaged } from '../mutations.js';
import { Failed } from '../noted-core.js';
import { createRandom } from '../random.js';
import type { Bench, Trial } from './bench.js';

const SEED = 0x6861726d;
const LENGTHS = [7, 100, 600, 4096, 65_536];

/** A core of version 1 may restore the longest block there is; beside it stands what this process needs for itself. */
const MAX_GROWTH_BYTES = MAX_CORE_BLOCK_BYTES + 128 * 1024 * 1024;
const LOOK_EVERY = 64;

export const damage: Trial = (bench) => {
  const { core, request } = bench;
  const sound = soundBlocks(bench);
  const random = createRandom(SEED);
  const before = { resident: residentBytes(), address: request.isWasm ? undefined : peakAddressBytes() };
  let [refused, restored, mostResident] = [0, 0, before.resident];
  for (let i = 0; i < request.extent.damages; i++) {
    const { label, bytes, rawLength } = damaged(i, sound, random);
    try {
      const result = core.attempt(label, bytes, rawLength);
      if (result.length !== rawLength) throw new Failed(`it restored ${result.length} bytes instead of ${rawLength}`);
      restored++;
    } catch (error) {
      if (!isH4Error(error, 'H4_ENGINE_OUTPUT')) throw asFailed(error);
      refused++;
    }
    mostResident = Math.max(mostResident, residentBytesNow(i, mostResident));
    assertModest('of memory', mostResident - before.resident);
    assertModest('of address space', addressGrowth(i, before.address));
  }
  return {
    evidence: {
      damaged_blocks: refused + restored,
      refused,
      restored_to_the_length: restored,
      most_memory_taken_bytes: mostResident - before.resident,
      seed: SEED,
    },
  };
};

function soundBlocks({ core }: Bench): SoundBlock[] {
  const blocks: SoundBlock[] = [];
  for (const length of LENGTHS) {
    for (const { name, bytes } of corpusBlocks(length)) {
      const compressed = core.compress(`${name}, ${length} bytes`, bytes);
      blocks.push({ name: `${name}, ${length} bytes`, rawLength: bytes.length, compressed });
    }
  }
  return blocks;
}

function asFailed(error: unknown): unknown {
  return isH4Error(error) ? new Failed(`${error.code}: ${error.message}`) : error;
}

/** Asking the system costs more than a call: it is asked now and then. */
function residentBytesNow(i: number, otherwise: number): number {
  return i % LOOK_EVERY === 0 ? residentBytes() : otherwise;
}

function addressGrowth(i: number, before: number | undefined): number {
  if (before === undefined || i % LOOK_EVERY !== LOOK_EVERY - 1) return 0;
  return (peakAddressBytes() ?? before) - before;
}

function assertModest(what: string, bytes: number): void {
  if (bytes <= MAX_GROWTH_BYTES) return;
  throw new Failed(
    `within ${LOOK_EVERY} calls up to this one it took ${bytes} bytes ${what}; the longest block has ${MAX_CORE_BLOCK_BYTES}`,
  );
}
