/** Writers in processes of their own: killed at any moment, and racing for one path. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createFileSink } from '../../../src/storage/node/file-sink.js';
import { WriterProcess } from './children.js';
import { useTempFolder } from './temp-folder.js';

const KILLS = 8;
const RACES = 100;
const temp = useTempFolder();

const files = (folder: string) => readdirSync(temp(folder)).sort();

async function nextWriterSucceeds(path: string, overwrite: boolean): Promise<void> {
  const sink = await createFileSink(path, { overwrite });
  await sink.write(new TextEncoder().encode('next'));
  await sink.commit();
  expect(readFileSync(path, 'utf8')).toBe('next');
}

describe.each([
  ['a plain sink', false],
  ['a threaded sink', true],
])('kill -9 on the writer of %s', (name, threaded) => {
  it(`leaves no file while it writes, and nothing that stops the next writer (${KILLS} times)`, async () => {
    for (let round = 0; round < KILLS; round++) {
      const folder = `${name} writing ${round}`;
      mkdirSync(temp(folder));
      const path = temp(`${folder}/x`);
      const writer = new WriterProcess();
      await writer.next();
      writer.send({ kind: 'open', threaded, path });
      writer.send({ kind: 'write', bytes: 1e12, piece: 10_000 });
      await sleep(Math.random() * 40);
      await writer.kill();

      expect(existsSync(path)).toBe(false);
      expect(files(folder).every((file) => file === 'x.lock' || file === 'x.part')).toBe(true);
      await nextWriterSucceeds(path, false);
      expect(files(folder)).toEqual(['x']);
      rmSync(temp(folder), { recursive: true });
    }
  });

  it(`leaves a whole file or none, also while it commits (${KILLS} times)`, async () => {
    let whole = 0;
    for (let round = 0; round < KILLS; round++) {
      const folder = `${name} committing ${round}`;
      mkdirSync(temp(folder));
      const path = temp(`${folder}/x`);
      const writer = new WriterProcess();
      await writer.next();
      writer.send({ kind: 'loop', threaded, path, bytes: 20_000 });
      await sleep(20 + Math.random() * 100);
      // At least one that has committed, however busy the machine is.
      while (round === KILLS - 1 && whole === 0 && !existsSync(path)) await sleep(5);
      await writer.kill();

      if (existsSync(path)) {
        whole++;
        const expected = Buffer.concat(Array.from({ length: 20 }, (_, i) => Buffer.alloc(1000, i)));
        expect(readFileSync(path).equals(expected)).toBe(true);
      }
      expect(files(folder).every((file) => /^x(\.lock|\.part|\.lock\.takeover)?$/.test(file))).toBe(true);
      await nextWriterSucceeds(path, true);
      expect(files(folder)).toEqual(['x']);
      rmSync(temp(folder), { recursive: true });
    }
    expect(whole).toBeGreaterThan(0);
  });
});

describe('two processes that want the same path', () => {
  async function race(prepare: (path: string) => void): Promise<void> {
    const writers = [new WriterProcess(), new WriterProcess()];
    await Promise.all(writers.map((writer) => writer.next()));
    for (let round = 0; round < RACES; round++) {
      const path = temp(`race-${round}`);
      prepare(path);
      const at = Date.now() + 5;
      const events = await Promise.all(writers.map((writer) => writer.ask({ kind: 'open', path, at })));
      const outcomes = events.map(({ event, code }) => code ?? event).sort();

      expect(outcomes).toEqual(['H4_LOCKED', 'opened']);
      const winner = writers[events.findIndex(({ event }) => event === 'opened')];
      const loser = events.find(({ event }) => event === 'refused');
      expect(loser?.message).toContain(`it is held by process ${winner?.pid ?? 0}`);
      expect(await winner?.ask({ kind: 'write', bytes: 5000, piece: 1000 })).toMatchObject({ length: 5000 });
      expect((await winner?.ask({ kind: 'commit' }))?.event).toBe('committed');
      expect(readdirSync(temp()).filter((file) => file.startsWith(`race-${round}`))).toEqual([`race-${round}`]);
      rmSync(path);
    }
    await Promise.all(writers.map((writer) => writer.end()));
  }

  it(`have exactly one winner (${RACES} times)`, async () => {
    await race(() => undefined);
  });

  it(`have exactly one winner when they find a dead writer's lock (${RACES} times)`, async () => {
    const { pid } = spawnSync('true');
    const lock = JSON.stringify({ pid, host: hostname(), token: 'dead' });
    await race((path) => {
      writeFileSync(`${path}.lock`, lock);
      writeFileSync(`${path}.part`, 'half a fi');
    });
  });
});
