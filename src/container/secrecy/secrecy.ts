/**
 * The key epochs of a writer (spec/h4mk.md section 12): under which key, salt and number the blocks that follow are hidden.
 * An epoch belongs to one session of writing. Its salt is fresh, because two contents masked alike betray their difference.
 */
import { equalBytes, fromHex, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { type MaskSpec, createEpochSecret } from './block-secrets.js';
import { MODE } from '../format/layout.js';
import type { KeyEpoch } from '../format/meta.js';
import type { HideBlock } from '../write/record-writer.js';

/** A key epoch that blocks are written under. */
export interface WritingEpoch {
  readonly mode: typeof MODE.masked | typeof MODE.encrypted;
  /** What META lists at or before the first block. */
  readonly listing: KeyEpoch;
  /** Hides the compressed bytes of one block. */
  readonly hide: (compressed: Uint8Array) => HideBlock;
}

const MAX_EPOCH = 0xffff;

/** The epoch that `spec` asks for, in a recording that has listed others. */
export const createWritingEpoch = (spec: MaskSpec, listed: readonly KeyEpoch[]): WritingEpoch => {
  const secret = createEpochSecret(spec.key, spec.salt);
  const epoch = spec.epoch ?? listed.reduce((highest, each) => Math.max(highest, each.epoch), -1) + 1;
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > MAX_EPOCH) {
    throw new H4Error('H4_PARAM', `A key epoch is a number from 0 to ${MAX_EPOCH}, not ${epoch}`);
  }
  for (const each of listed) {
    if (each.epoch === epoch) throw new H4Error('H4_KEYS_EPOCH', `The recording has a key epoch ${epoch} already`);
    if (equalBytes(fromHex(each.salt), spec.salt)) {
      const message = `The salt is that of key epoch ${each.epoch}: every epoch needs a fresh one`;
      throw new H4Error('H4_KEYS_EPOCH', message);
    }
  }
  const { mode } = spec;
  return {
    mode: mode === 'mask' ? MODE.masked : MODE.encrypted,
    listing: { epoch, salt: toHex(spec.salt), commit: toHex(secret.commit) },
    hide:
      (compressed) =>
      ({ fileId, seq, header }) =>
        mode === 'mask' ? secret.mask(fileId, seq, compressed) : secret.seal(fileId, seq, header, compressed),
  };
};
