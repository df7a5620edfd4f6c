/** The end of the sockets that lies in a process, here over files: what it reads, and that it reads no more than that. */
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlockingChannel } from '../../../../src/compression/node/isolation/blocking-channel.js';
import { serveCore } from '../../../../src/compression/node/isolation/core-service.js';
import {
  decodeHeader,
  encodeHeader,
  FRAME_KIND,
  HEADER_BYTES,
} from '../../../../src/compression/node/isolation/frames.js';
import { decodeRefusal, decodeSealReport, encodeMessage } from '../../../../src/compression/node/isolation/messages.js';
import { concatBytes } from '../../../../src/utils/bytes.js';
import { buildCore, describeCompiled } from '../../../support/cores.js';
import { lcgBytes } from '../../lcg.js';
import { failure } from './engines.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'h4-service-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function frame(kind: number, payload: Uint8Array, length = payload.length): Uint8Array {
  return concatBytes(encodeHeader({ kind, sequence: 1, rawLength: 0, length }), payload);
}

/** Runs `use` with a channel that reads these bytes, and gives what was written to it. */
async function over(input: Uint8Array, use: (channel: BlockingChannel) => unknown): Promise<Uint8Array> {
  const [inputPath, outputPath] = [join(folder, 'input'), join(folder, 'output')];
  writeFileSync(inputPath, input);
  const [from, to] = [openSync(inputPath, 'r'), openSync(outputPath, 'w')];
  try {
    await use(new BlockingChannel(from, to));
  } finally {
    closeSync(from);
    closeSync(to);
  }
  return readFileSync(outputPath);
}

describe('the channel', () => {
  it.each([1, 70_000, 5_000_000])('reads and writes a frame of %i bytes', async (length) => {
    const payload = lcgBytes(1, length);
    const output = await over(frame(FRAME_KIND.compress, payload), (channel) => {
      const request = channel.receive();
      expect(request).toMatchObject({ kind: FRAME_KIND.compress, sequence: 1, length });
      expect(Buffer.compare(request?.payload ?? new Uint8Array(), payload)).toBe(0);
      channel.send(FRAME_KIND.result, 1, payload);
      expect(channel.receive()).toBeUndefined();
    });
    expect(decodeHeader(output)).toEqual({ kind: FRAME_KIND.result, sequence: 1, rawLength: 0, length });
    expect(Buffer.compare(output.subarray(HEADER_BYTES), payload)).toBe(0);
  });

  it('takes a frame that is cut off for the end', async () => {
    const whole = frame(FRAME_KIND.compress, lcgBytes(1, 20));
    for (let cut = 0; cut < whole.length; cut++) {
      await over(whole.subarray(0, cut), (channel) => expect(channel.receive()).toBeUndefined());
    }
  });

  it('refuses a frame that is too long, before there is memory for it, and more than one frame', async () => {
    const long = frame(FRAME_KIND.compress, new Uint8Array(0), 0xffffffff);
    await over(long, (channel) => expect(() => channel.receive()).toThrow('too long'));
    const two = concatBytes(frame(FRAME_KIND.compress, new Uint8Array(3)), Uint8Array.of(1));
    await over(two, (channel) => expect(() => channel.receive()).toThrow('more than a frame'));
  });
});

describeCompiled('the service', () => {
  const setup = () => {
    const path = buildCore('stub.so');
    const fingerprint = createHash('sha256').update(readFileSync(path)).digest('hex');
    return { path, pins: { fingerprint }, isChecked: true, parentPid: 1 };
  };

  it('prepares, seals, reports and ends with its parent', async () => {
    const prepared: number[] = [];
    const output = await over(frame(FRAME_KIND.start, encodeMessage(setup())), (channel) =>
      serveCore(channel, ({ parentPid }) => void prepared.push(parentPid)),
    );
    expect(prepared).toEqual([1]);
    expect(decodeHeader(output)).toMatchObject({ kind: FRAME_KIND.ready, sequence: 1 });
    expect(decodeSealReport(output.subarray(HEADER_BYTES))).toEqual({
      fingerprint: setup().pins.fingerprint,
      bytes: readFileSync(setup().path).length,
      declared: { engineId: 'h4stub-rle-v1' },
    });
  });

  it('says why it does not load a core', async () => {
    const codes = new Set(['H4_CORE_ALTERED', 'H4_CORE_LOAD'] as const);
    const altered = { ...setup(), pins: { fingerprint: '00'.repeat(32) } };
    const refused = await over(frame(FRAME_KIND.start, encodeMessage(altered)), (channel) =>
      serveCore(channel, () => undefined),
    );
    expect(decodeRefusal(refused.subarray(HEADER_BYTES), codes)?.code).toBe('H4_CORE_ALTERED');

    const failed = await over(frame(FRAME_KIND.start, encodeMessage(setup())), (channel) =>
      serveCore(channel, () => Promise.reject(new Error('no room'))),
    );
    expect(decodeRefusal(failed.subarray(HEADER_BYTES), codes)).toEqual({ code: 'H4_CORE_LOAD', message: 'no room' });
  });

  it('does nothing for a parent that is gone, or that begins with something else', async () => {
    expect(await over(new Uint8Array(0), (channel) => serveCore(channel, () => undefined))).toHaveLength(0);
    await over(frame(FRAME_KIND.compress, Uint8Array.of(1)), async (channel) => {
      expect((await failure(serveCore(channel, () => undefined) as Promise<unknown>)).code).toBe('H4_STATE');
    });
  });
});
