/** Two builds of one core: the same bytes from the same blocks, and each decodes what the other made. */
import { equalBytes } from '../../../../utils/bytes.js';
import { Failed, NotedCore } from '../noted-core.js';
import { loadSealedCore } from '../../sealed-core.js';
import { type Trial, allBlocks } from './bench.js';

export const compare: Trial = async ({ core, note, request }) => {
  const { other: otherFile, temporaryFolder } = request;
  if (otherFile === undefined) throw new RangeError('There is no other core to compare with');
  const { path, fingerprint } = otherFile;
  const folder = temporaryFolder === undefined ? {} : { temporaryFolder };
  const sealed = await loadSealedCore(path, { pins: { fingerprint }, ...folder });
  const other = new NotedCore(sealed.core, note, 'the other core: ');
  let [blocks, bytes, tooLong] = [0, 0, 0];
  try {
    for (const block of allBlocks(request)) {
      const { name, bytes: raw } = block;
      const [ours, theirs] = [core.compressUnlessTooLong(name, raw), other.compressUnlessTooLong(name, raw)];
      if (ours === undefined && theirs === undefined) {
        tooLong++;
        continue;
      }
      if (ours === undefined || theirs === undefined) {
        const [taker, refuser] = ours === undefined ? ['the other core', 'it'] : ['it', 'the other core'];
        throw new Failed(
          `${taker} takes a block of ${raw.length} bytes (${name}), and ${refuser} refuses it as too long`,
        );
      }
      if (!equalBytes(ours, theirs)) {
        throw new Failed(`they make different bytes of ${raw.length} bytes (${name}): ${difference(ours, theirs)}`);
      }
      if (!equalBytes(core.decompress(name, theirs, raw.length), raw)) {
        throw new Failed(`it does not decode what the other core made of ${name}`);
      }
      if (!equalBytes(other.decompress(name, ours, raw.length), raw)) {
        throw new Failed(`the other core does not decode what it made of ${name}`);
      }
      blocks++;
      bytes += raw.length;
    }
  } finally {
    sealed.core.close();
  }
  const blocks_refused_as_too_long = tooLong === 0 ? null : tooLong;
  const other_engine_id = sealed.info.engine_id;
  return {
    evidence: { blocks, bytes, blocks_refused_as_too_long, other_engine_id, other_fingerprint: fingerprint },
  };
};

function difference(ours: Uint8Array, theirs: Uint8Array): string {
  if (ours.length !== theirs.length) return `${ours.length} and ${theirs.length} of them`;
  const at = ours.findIndex((byte, i) => byte !== theirs[i]);
  return `the first at ${at}`;
}
