/** What a process says is believed only as far as it can be: here it is one that lies. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isH4Error } from '../../../../src/utils/error.js';
import { failure, startIsolated, startRefused, text, type Watched } from './engines.js';

const entry = new URL('children/liar.js', import.meta.url);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'h4-liar-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function coreThatSays(what: string): string {
  const path = join(folder, what.replaceAll(' ', '-'));
  writeFileSync(path, what);
  return path;
}

const startLiar = (spares = 1): Promise<Watched> => startIsolated(coreThatSays('well'), { entry, spares });

describe('a process that lies when it starts', () => {
  it.each([
    ['another fingerprint', 'H4_CORE_ALTERED', /found 0000/u],
    ['another size', 'H4_CORE_MISMATCH', /something else/u],
    ['another id each time', 'H4_CORE_MISMATCH', /something else/u],
    ['an id that is none', 'H4_CORE_LOAD', /an answer that is none/u],
    ['nothing declared', 'H4_CORE_LOAD', /an answer that is none/u],
    ['no JSON', 'H4_CORE_LOAD', /an answer that is none/u],
    ['a refusal of the wrong sort', 'H4_CORE_LOAD', /an answer that is none/u],
    ['a result instead', 'H4_CORE_LOAD', /3 bytes of kind 48348002/u],
    ['a steered terminal', 'H4_CORE_LOAD', /^a \[2Jb c$/u],
    ['death', 'H4_CORE_LOAD', /exit code 7/u],
  ])('is refused: %s', async (what, code, message) => {
    const { error, engine } = await startRefused(coreThatSays(what), { entry });
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(engine.pids().length).toBeLessThanOrEqual(2 + 2);
  });

  it('is not waited for longer than it is allowed', async () => {
    const { error } = await startRefused(coreThatSays('silence'), { entry, startMillis: 500 });
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain('not ready after 500 ms');
  });

  it('and dies as soon as it is ready is not given a call for ever', async () => {
    const engine = await startIsolated(coreThatSays('death after the start'), { entry, spares: 0 });
    const error = await failure(engine.compress(text('good')));
    expect(error.code).toBe('H4_ENGINE_CRASHED');
    expect(error.detail).toEqual({ engine_id: 'liar', bytes: 4 });
  });

  it('that cannot be found is an error of loading', async () => {
    const { error } = await startRefused(coreThatSays('well'), {
      entry: new URL('children/nobody.js', import.meta.url),
    });
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain('exit code 1');
  });
});

describe('a process that lies when it answers', () => {
  it.each([
    ['wrong sequence', 'it answered another request'],
    ['raw length', 'it answered another request'],
    ['echo of the request', 'kind 48340002'],
    ['nothing', 'answered with 0 bytes'],
    ['too long', 'answered with 4294967295 bytes'],
    ['one byte too long', 'answered with 65'],
    ['extra at once', '5 bytes more than its answer'],
    ['junk', 'it answered another request'],
    ['a refusal that is none', 'cannot be read'],
    ['a refusal with another code', 'cannot be read'],
    ['a refusal that is too long', 'answered with 16385 bytes'],
  ])('is ended, and the call fails: %s', async (what, why) => {
    const engine = await startLiar();
    const error = await failure(engine.compress(text(what)));
    expect(error.code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect(error.message).toContain(why);
    expect(engine.texts('process-crash')).toEqual([expect.stringContaining('"reason":"bad-output"')]);
    expect(await engine.compress(text('good'))).toEqual(text('good'));
  });

  it('restores another length than the one asked for', async () => {
    const engine = await startLiar();
    for (const rawLength of [3, 5]) {
      expect((await failure(engine.decompress(text('four'), rawLength))).code).toBe('H4_ENGINE_BAD_OUTPUT');
    }
    expect(await engine.decompress(text('four'), 4)).toEqual(text('four'));
  });

  it('goes on after its answer, and only the process is lost', async () => {
    const engine = await startLiar();
    const block = text('extra after a long answer', 3_000_000);
    // Whether what is too much is found with the answer or after it is up to the system.
    const outcome = await engine.compress(block).then(
      (result) => Buffer.compare(result, block),
      (error: unknown) => (isH4Error(error) ? error.code : error),
    );
    expect([0, 'H4_ENGINE_BAD_OUTPUT']).toContain(outcome);
    expect(await engine.compress(text('good'))).toEqual(text('good'));
    await engine.settled(5);
    expect(engine.texts('process-crash')).toEqual([expect.stringContaining('"reason":"bad-output"')]);
  });

  it('dies in the middle of its answer', async () => {
    const engine = await startLiar();
    const error = await failure(engine.compress(text('half an answer')));
    expect(error.code).toBe('H4_ENGINE_CRASHED');
    expect(error.detail).toMatchObject({ exit_code: 0 });
  });

  it('answers, and dies: the answer counts, and the next call is for another process', async () => {
    const engine = await startLiar(0);
    const last = text('an answer, then death');
    for (let i = 0; i < 5; i++) {
      const [first, second] = await Promise.all([engine.compress(last), engine.compress(text('good'))]);
      expect(first).toEqual(last);
      expect(second).toEqual(text('good'));
    }
    expect(engine.count('call-failure')).toBe(0);
    expect(engine.pids('compress')).toHaveLength(6);
  });

  it('answers byte by byte, which is no lie', async () => {
    const engine = await startLiar();
    expect(await engine.compress(text('byte by byte', 500))).toEqual(text('byte by byte', 500));
  });

  it('closes its socket and lives on', async () => {
    const engine = await startLiar();
    const error = await failure(engine.compress(text('a closed socket')));
    expect(error.code).toBe('H4_ENGINE_CRASHED');
    expect(error.detail).toMatchObject({ signal: 'SIGKILL' });
  });

  it('does not listen any more when the engine is closed', async () => {
    const engine = await startLiar();
    await engine.compress(text('deaf after this'));
    await engine.core.close();
    expect(engine.count('process-crash')).toBe(0);
  });

  it('does not read the next request, however long, and is ended after the time limit', async () => {
    const engine = await startIsolated(coreThatSays('well'), { entry, callMillis: 500, callMillisPerMebibyte: 0 });
    await engine.compress(text('deaf after this'));
    expect((await failure(engine.compress(new Uint8Array(5_000_000)))).code).toBe('H4_ENGINE_TIMEOUT');
  });
});
