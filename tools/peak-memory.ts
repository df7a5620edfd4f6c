/**
 * Runs every command on a recording of a million records, and says how much memory each took at its peak: at most 150 MB,
 * whatever the size of a file. `npm run bench:memory`, or `-- --records 10000` for a quick look; `--json` prints one object
 * per command. Exits with 1 where one took more.
 */
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, open, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { storedEngine } from 'harmony4/compression';
import { H4MKBuilder } from 'harmony4/container';
import { createFileSink } from 'harmony4/storage/node';
import { crc32, createSha256 } from 'harmony4/utils';

const MB = 1_000_000;
const LIMIT_MB = 150;
const GOP = 30;
const BLOCK_BYTES = 16;

const program = join(dirname(fileURLToPath(import.meta.resolve('harmony4/package.json'))), 'dist/cli/main.js');

/** Makes a process tell its peak on its way out, through a pipe that nothing else uses. */
const PRELOAD = `data:text/javascript,${encodeURIComponent(
  "import { writeSync } from 'node:fs'; process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)));",
)}`;

interface Peak {
  readonly command: string;
  readonly exit_code: number;
  readonly seconds: number;
  readonly peak_mb: number;
}

const writeRecording = async (path: string, records: number): Promise<void> => {
  const sink = await createFileSink(path, { sync: 'never' });
  const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks: [{ id: 0, kind: 'data' }] });
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; builder.size < records - 1; i++) {
    view.setUint32(0, i);
    const token = { pts: 1000 * i, duration: 1000, key: i % GOP === 0, size: BLOCK_BYTES };
    await builder.addBlock({ track: 0, tokens: [token], bytes });
  }
  await builder.close();
};

/** A file without records, of as many blocks, in the form of the older software. */
const writeLegacy = async (path: string, blocks: number): Promise<void> => {
  const file = await open(path, 'wx');
  const hash = createSha256();
  let pending: Uint8Array[] = [];
  const flush = async (): Promise<void> => {
    await file.write(Buffer.concat(pending));
    pending = [];
  };
  const chunk = (tag: string, payload: Uint8Array): void => {
    const head = Buffer.alloc(12);
    head.write(tag, 'latin1');
    head.writeUInt32BE(payload.length, 4);
    head.writeUInt32BE(crc32(payload), 8);
    for (const bytes of [head, payload]) {
      hash.update(bytes);
      pending.push(bytes);
    }
  };
  pending.push(Buffer.from('H4MK\0\x01\0\0', 'latin1'));
  for (let i = 0; i < blocks; i++) {
    chunk('CORE', Uint8Array.of(i & 255, 200, (i >> 8) & 255, 56));
    if (pending.length > 10_000) await flush();
  }
  const keys = Math.ceil(blocks / GOP);
  const seek = Buffer.alloc(4 + 16 * keys);
  seek.writeUInt32BE(keys);
  for (let k = 0; k < keys; k++) {
    seek.writeBigUInt64BE(BigInt(k * GOP * 40_000), 4 + 16 * k);
    seek.writeBigUInt64BE(BigInt(k * GOP * 256), 12 + 16 * k);
  }
  chunk('SEEK', seek);
  const compression = { engine: 'geometric-reference', engine_id: 'unknown', fingerprint: 'unknown' };
  const meta = { block_size: 256, fps_hint: 25, gop: GOP, masked: false, compression };
  chunk('META', Buffer.from(JSON.stringify(meta)));
  chunk('VERI', hash.copy().digest());
  await flush();
  await file.close();
};

const run = async (args: readonly string[], input: string | undefined): Promise<Peak> => {
  const started = performance.now();
  const stdin = input === undefined ? undefined : await open(input);
  const child = spawn(process.execPath, ['--import', PRELOAD, program, ...args], {
    stdio: [stdin?.fd ?? 'ignore', 'ignore', 'inherit', 'pipe'],
  });
  let told = '';
  child.stdio[3]?.on('data', (data: Buffer) => (told += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      void stdin?.close();
      resolve({
        command: args.map((arg) => arg.replace(/^.*[/]/, '')).join(' '),
        exit_code: code ?? -1,
        seconds: Math.round((performance.now() - started) / 100) / 10,
        peak_mb: Math.round((Number(told) * 1024) / MB),
      });
    });
  });
};

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const records = Number(values.records);
if (!Number.isSafeInteger(records) || records < 1000) throw new RangeError('--records takes a number of 1000 or more');

const folder = await mkdtemp(join(tmpdir(), 'harmony4-memory-'));
try {
  const file = (name: string): string => join(folder, name);
  const [whole, cut, legacy] = [file('million.h4mk'), file('cut.h4mk'), file('legacy.h4mk')];
  await writeRecording(whole, records);
  await copyFile(whole, cut);
  await truncate(cut, Math.floor((await stat(whole)).size * 0.9) + 1);
  await writeLegacy(legacy, records);

  const last = String(records * 1000);
  const commands: readonly (readonly [string[], string?])[] = [
    ...[whole, cut, legacy].flatMap((each): [string[]][] => [
      [['inspect', each]],
      [['inspect', each, '--chunks']],
      [['inspect', each, '--records']],
      [['inspect', each, '--map']],
      [['inspect', each, '--hex', '--limit', '100000']],
      [['verify', each]],
      [['verify', each, '--records']],
      [['seek', each, last]],
      [['extract', each, '-o', file('extracted'), '--force']],
      [['extract', each, '-o', file('extracted'), '--force', '--from', '100s', '--to', '200s']],
    ]),
    [['verify', whole, '--follow']],
    [['verify', folder, '--recursive', '--jobs', '2', '--allow', 'prefix']],
    [['verify', whole, '--report', file('report.html'), '--force']],
    [['verify', whole, '--manifest', file('manifest.json'), '--force']],
    [['verify', '-'], whole],
    [['recover', cut, '-o', file('recovered.h4mk'), '--force']],
    [['recover', whole, '--dry-run']],
    [['recover', whole, '--slice', '-o', file('slice.h4mk'), '--force']],
    [['upgrade', legacy, '-o', file('upgraded.h4mk'), '--force']],
    [['export', whole, '-o', file('exported.h4mk'), '--force', '--block-size', '64KiB']],
    [['export', whole, '-o', file('exported.h4mk'), '--force', '--signable']],
    [['export', '-', '--live', '-o', file('live.h4mk'), '--block-size', '64KiB'], whole],
    [['demo']],
  ];
  let worst = 0;
  for (const [args, input] of commands) {
    if (values.only !== undefined && args[0] !== values.only) continue;
    const peak = await run(args, input);
    worst = Math.max(worst, peak.peak_mb);
    const { command, exit_code, seconds, peak_mb } = peak;
    const mark = peak_mb > LIMIT_MB ? '  above the limit' : '';
    console.log(
      values.json
        ? JSON.stringify(peak)
        : `${String(peak_mb).padStart(5)} MB  exit ${exit_code}  ${seconds} s  ${command}${mark}`,
    );
  }
  if (!values.json) console.log(`${worst} MB at the most; the limit is ${LIMIT_MB} MB`);
  process.exitCode = worst > LIMIT_MB ? 1 : 0;
} finally {
  await rm(folder, { recursive: true, force: true });
}
