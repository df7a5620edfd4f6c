import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { serveSink, type SinkReply, type SinkRequest } from '../../../src/storage/node/sink-service.js';
import { patterned } from '../patterned.js';
import { useTempFolder } from './temp-folder.js';

const temp = useTempFolder();
const SLAB_BYTES = 16;
let close = () => undefined as void;

function serve(path: string): { port: MessagePort; slabs: Uint8Array } {
  const { port1, port2 } = new MessageChannel();
  const fd = openSync(path, 'w');
  const buffer = new SharedArrayBuffer(4 * SLAB_BYTES);
  serveSink(port2, { fd, hashedFrom: 8, writeBehind: false, memory: { buffer, slabBytes: SLAB_BYTES } });
  close = () => {
    port1.close();
    closeSync(fd);
  };
  return { port: port1, slabs: new Uint8Array(buffer) };
}

async function replies(port: MessagePort, requests: readonly SinkRequest[]): Promise<readonly SinkReply[]> {
  const received: SinkReply[] = [];
  port.on('message', (reply: SinkReply) => received.push(reply));
  requests.forEach((request) => port.postMessage(request));
  while (received.length < requests.length) {
    await once(port, 'message');
  }
  return received;
}

afterEach(() => close());

describe('serveSink()', () => {
  it('answers in order: a digest covers what was sent before it and nothing sent after', async () => {
    const { port, slabs } = serve(temp('served'));
    const bytes = patterned(40);
    slabs.set(bytes.subarray(0, 16), 2 * SLAB_BYTES);
    slabs.set(bytes.subarray(16, 30), 0);
    slabs.set(bytes.subarray(30), SLAB_BYTES);
    const digest = (end: number) => new Uint8Array(createHash('sha256').update(bytes.subarray(8, end)).digest());

    expect(
      await replies(port, [
        { kind: 'append', slab: 2, length: 16 },
        { kind: 'append', slab: 0, length: 14 },
        { kind: 'flush', settle: false },
        { kind: 'append', slab: 1, length: 10 },
        { kind: 'flush', settle: true },
      ]),
    ).toEqual([
      { kind: 'appended', slab: 2 },
      { kind: 'appended', slab: 0 },
      { kind: 'flushed', digest: digest(30) },
      { kind: 'appended', slab: 1 },
      { kind: 'flushed', digest: digest(40) },
    ]);
    expect(readFileSync(temp('served')).equals(bytes)).toBe(true);
  });

  it('answers every request after a failure with that failure', async () => {
    const { port } = serve('/dev/full');
    const answers = await replies(port, [
      { kind: 'append', slab: 0, length: 16 },
      { kind: 'append', slab: 1, length: 16 },
      { kind: 'flush', settle: true },
    ]);

    expect(answers.map(({ kind }) => kind)).toEqual(['failed', 'failed', 'failed']);
    expect(answers[2]).toMatchObject({ failure: { code: 'ENOSPC', position: 0 } });
  });
});
