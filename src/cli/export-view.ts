/** What `export` says about the container that it has written. */
import type { EngineInfo } from '../compression/api/engine.js';
import type { MaskSpec } from '../container/secrecy/block-secrets.js';
import type { RecordingSummary } from '../container/write/builder.js';
import type { SourceInfo } from '../container/format/meta.js';
import { toHex } from '../utils/bytes.js';
import { formatExactBytes } from './byte-counts.js';
import type { Printer } from './render.js';
import type { SignedBy } from './signer.js';
import { counted, printable } from './text.js';

export interface Exported extends RecordingSummary {
  readonly uid: string;
  readonly engine: EngineInfo;
  readonly source: SourceInfo;
  /** How its blocks are hidden from who has no key. */
  readonly hidden?: MaskSpec['mode'];
  readonly signed?: SignedBy;
}

/** The fields of the JSON result. */
export function exportFields(output: string, result: Exported): Readonly<Record<string, unknown>> {
  const { size, bytes, source, uid, hidden, signed = null } = result;
  const { engine, engine_id } = result.engine;
  const [root, file_id] = [toHex(result.root), toHex(result.fileId)];
  return {
    file: output,
    bytes,
    records: size,
    root,
    file_id,
    uid,
    engine,
    engine_id,
    source,
    ...(hidden === undefined ? {} : { hidden }),
    signed,
  };
}

export async function printExport(output: string, result: Exported, out: Printer): Promise<void> {
  const { bytes, source, hidden, signed } = result;
  const { engine, engine_id } = result.engine;
  const share =
    source.bytes === undefined || source.bytes === 0
      ? ''
      : `, ${((bytes / source.bytes) * 100).toFixed(1)} % of the input`;
  await out.line(out.paint('bold', printable(output)));
  await out.field('size', `${formatExactBytes(bytes)}${share}`);
  await out.field('records', String(result.size));
  await out.field('engine', `${engine} (${engine_id})`);
  if (source.media_type !== undefined) await out.field('media type', source.media_type);
  if (hidden !== undefined)
    await out.field('hidden', hidden === 'encrypt' ? 'every block is encrypted' : 'every block is masked');
  await out.field('uid', result.uid);
  await out.field('root', toHex(result.root));
  await out.field('file_id', toHex(result.fileId));
  if (signed !== undefined) await out.field('signed by', `${signed.key}, ${counted(signed.checkpoints, 'checkpoint')}`);
}
