/**
 * Everything below storage runs without Node: the build writes and checks a recording behind the other door of `#platform`,
 * with every module of Node refused, and gives the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Manifest {
  readonly imports: { readonly '#platform': { readonly node: string; readonly default: string } };
}

const doors = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest).imports['#platform'];

interface Outcome {
  readonly platform: string;
  readonly file: string;
  readonly state: string;
  readonly exit: number;
  readonly media: string;
  readonly refused: readonly string[];
}

/** Writes a recording with both engines, checks it, reads it back, and says what came out. */
const SCRIPT = `
  const { platform } = await import('#platform');
  const { H4MKBuilder, H4MKReader, verifyContainer } = await import('harmony4/container');
  const { builtinEngines } = await import('harmony4/compression');
  const { createMemorySink, createMemorySource } = await import('harmony4/storage');
  const { VideoTransportTokenizer } = await import('harmony4/tokenizers');
  const { toHex } = await import('harmony4/utils');
  const outcome = { platform: platform.name, file: '', media: '', state: '', exit: -1 };
  const media = Uint8Array.from({ length: 9000 }, (_, i) => (i * i) >> 7);
  for (const { engine_id, fingerprint } of builtinEngines().infos) {
    const sink = createMemorySink();
    const tokenizer = new VideoTransportTokenizer({ blockSize: 30, gop: 5 });
    const builder = await H4MKBuilder.create(sink, {
      engine: builtinEngines().find(engine_id, fingerprint),
      tracks: [{ id: 0, kind: 'opaque' }],
    });
    for await (const { token, bytes } of tokenizer.encode([media])) {
      const tokens = [{ pts: token.ptsMicros, key: token.isKey, size: bytes.length }];
      await builder.addBlock({ track: 0, tokens, bytes });
    }
    await builder.close();
    const source = createMemorySource(sink.bytes());
    const report = await verifyContainer(source);
    const reader = await H4MKReader.open(source, { engines: builtinEngines() });
    for await (const { bytes } of reader.blocks({ track: 0 })) outcome.media += toHex(bytes);
    outcome.file += toHex(sink.bytes());
    outcome.state = report.state;
    outcome.exit = report.exit_code;
  }
  console.log(JSON.stringify(outcome));`;

/** Module hooks that let '#platform' lead to one file, and refuse every module of Node to the package's own modules. */
const hooks = (door: string): string => `
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(`
    export function resolve(specifier, context, nextResolve) {
      if (specifier === '#platform') return { url: ${JSON.stringify(door)}, shortCircuit: true };
      const isOwn = context.parentURL?.includes('/dist/') === true && !context.parentURL.includes('/platform/node/');
      if (isOwn && specifier.startsWith('node:')) throw new Error(context.parentURL + ' imports ' + specifier);
      return nextResolve(specifier, context);
    }`)}));`;

const run = (door: string, script = SCRIPT): Outcome => {
  const url = pathToFileURL(join(root, door)).href;
  const args = ['--import', `data:text/javascript,${encodeURIComponent(hooks(url))}`, '--input-type=module', '--eval'];
  const output = execFileSync(process.execPath, [...args, script], { cwd: root, encoding: 'utf8', stdio: 'pipe' });
  return JSON.parse(output) as Outcome;
};

describe('the build without Node', { timeout: 60_000 }, () => {
  it('writes, checks and reads a recording, and gives the same bytes as with Node', () => {
    const [node, web] = [run(doors.node), run(doors.default)];
    expect([node.platform, web.platform]).toEqual(['node', 'web']);
    expect(web.state).toBe('NOT_SIGNED');
    expect(web.exit).toBe(0);
    expect(web.media).toHaveLength(2 * 2 * 9000);
    expect(web.file.length).toBeGreaterThan(web.media.length);
    expect(web.file === node.file && web.media === node.media).toBe(true);
  });

  it('would be refused a module of Node', () => {
    expect(() => run(doors.default, "await import('harmony4/storage/node');")).toThrow(/imports node:/);
  });
});
