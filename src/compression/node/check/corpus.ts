/**
 * What cores are tried on, and measured with: blocks as recordings have them, and blocks at the edges of what there can be.
 * Nothing is read and nothing is random: the same names are the same bytes in every run, here and in the bench.
 */

import { createRandom } from './random.js';

export interface CorpusBlock {
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Kind = (length: number) => Uint8Array;

const KIB = 1024;
const MIB = 1024 * KIB;

/** A block of every kind, in the order of `KINDS`, each of at most `blockBytes` bytes. */
export function* corpusBlocks(blockBytes = MIB): Generator<CorpusBlock, void> {
  for (const [name, make] of Object.entries(KINDS)) yield { name, bytes: make(blockBytes) };
}

/** Every length from 1 to `maxLength` of several kinds: where a codec has its edges. */
export function* shortBlocks(maxLength = 600): Generator<CorpusBlock, void> {
  for (const name of SHORT_KINDS) {
    const bytes = KINDS[name](maxLength);
    for (let length = 1; length <= maxLength; length++) {
      yield { name: `${name}, ${length} bytes`, bytes: bytes.slice(0, length) };
    }
  }
}

/** One block of all kinds, one after the other, over and over. */
export function largeBlock(length = 16 * MIB): CorpusBlock {
  const bytes = new Uint8Array(length);
  const pieces = Array.from(corpusBlocks(64 * KIB));
  for (let at = 0, i = 0; at < length; i++) {
    const piece = pieces[i % pieces.length]?.bytes.subarray(0, length - at);
    if (piece === undefined) break;
    bytes.set(piece, at);
    at += piece.length;
  }
  return { name: `large, ${length} bytes`, bytes };
}

const bytesOf = (length: number, at: (i: number) => number): Uint8Array => Uint8Array.from({ length }, (_, i) => at(i));

function noise(length: number, seed = 0x68346d6b): Uint8Array {
  const random = createRandom(seed);
  return bytesOf(length, () => random.next() >>> 24);
}

/** Runs of equal bytes, 1 to 600 long: around 255 and 256, where pairs have their limit, as often as elsewhere. */
function runs(length: number): Uint8Array {
  const random = createRandom(3);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const run = random.below(4) === 0 ? 254 + random.below(4) : 1 + random.below(600);
    bytes.fill(random.below(256), at, at + run);
    at += run;
  }
  return bytes;
}

const CIRCLE = Array.from({ length: 1024 }, (_, i) => Math.sin((i * Math.PI) / 512));
const wave = (phase: number): number => CIRCLE[Math.floor(phase) & 1023] ?? 0;

/** PCM, 16 bits little-endian: three tones and the noise of a microphone. */
function pcm(length: number, channels: number, amplitude: number): Uint8Array {
  const random = createRandom(5);
  const samples = new Int16Array(Math.ceil(length / 2));
  for (let i = 0; i < samples.length; i++) {
    const t = Math.floor(i / channels) + (i % channels) * 7;
    const tone = 0.6 * wave(t * 9.3) + 0.3 * wave(t * 23.7) + 0.1 * wave(t * 2.1);
    samples[i] = Math.round(tone * amplitude) + random.below(9) - 4;
  }
  return littleEndian(samples, length);
}

function littleEndian(samples: Int16Array, length: number): Uint8Array {
  const bytes = new Uint8Array(2 * samples.length);
  const view = new DataView(bytes.buffer);
  samples.forEach((sample, i) => view.setInt16(2 * i, sample, true));
  return bytes.slice(0, length);
}

/** A frame of 640 pixels a line, 3 bytes a pixel: a gradient behind rectangles, with `grain` of a sensor. */
function rgb(length: number, grain: number): Uint8Array {
  const random = createRandom(7);
  return bytesOf(length, (i) => {
    const pixel = Math.floor(i / 3);
    const [x, y] = [pixel % 640, Math.floor(pixel / 640)];
    const isInside = (x >> 6) % 3 === 1 && (y >> 6) % 3 === 1;
    const base = isInside ? 200 - 60 * (i % 3) : (x >> 2) + (y >> 2) + 20 * (i % 3);
    return base + (grain === 0 ? 0 : random.below(2 * grain + 1) - grain);
  });
}

/** A screen, 4 bytes a pixel: flat areas, edges, and lines of something like text. */
function screen(length: number): Uint8Array {
  const random = createRandom(11);
  const line = bytesOf(1280, () => (random.below(5) === 0 ? 30 : 245));
  return bytesOf(length, (i) => {
    if (i % 4 === 3) return 255;
    const pixel = Math.floor(i / 4);
    const [x, y] = [pixel % 1280, Math.floor(pixel / 1280)];
    if (x < 200) return 60;
    return y % 24 < 10 && x < 900 ? (line[(x + y * 31) % 1280] ?? 0) : 245;
  });
}

/** 12 bits in 16, little-endian: a slow signal with noise in its lowest bits, as sensors give it. */
function sensor(length: number): Uint8Array {
  const random = createRandom(13);
  const samples = Int16Array.from(
    { length: Math.ceil(length / 2) },
    (_, i) => 2048 + Math.round(1500 * wave(i / 40)) + random.below(5),
  );
  return littleEndian(samples, length);
}

/** Records of 24 bytes: a counter, a time in microseconds, two values that wander, flags. */
function records(length: number): Uint8Array {
  const random = createRandom(17);
  const bytes = new Uint8Array(Math.ceil(length / 24) * 24);
  const view = new DataView(bytes.buffer);
  let [a, b] = [10_000, 500];
  for (let at = 0, i = 0; at < bytes.length; at += 24, i++) {
    a += random.below(21) - 10;
    b += random.below(3) - 1;
    view.setUint32(at, i);
    view.setBigUint64(at + 4, 1_700_000_000_000_000n + BigInt(i) * 40_000n);
    view.setInt32(at + 12, a);
    view.setInt32(at + 16, b);
    view.setUint32(at + 20, random.below(50) === 0 ? 3 : 1);
  }
  return bytes.slice(0, length);
}

const WORDS =
  'the recording of a camera on line four begins at seven and ends when somebody closes it ' +
  'every block has a time and whoever reads it can see that nothing was left out or put in another order';

function lines(length: number, line: (i: number, words: string[]) => string): Uint8Array {
  const random = createRandom(19);
  const words = WORDS.split(' ');
  let text = '';
  for (let i = 0; text.length < length; i++) {
    text += line(
      i,
      Array.from({ length: 12 }, () => words[random.below(words.length)] ?? ''),
    );
  }
  return new TextEncoder().encode(text.slice(0, length));
}

const jsonLine = (i: number, words: string[]): string =>
  `{"time_us":${1_700_000_000_000_000 + i * 40_123},"level":"${i % 7 === 0 ? 'warn' : 'info'}",` +
  `"camera":${i % 16},"message":"${words.slice(0, 6).join(' ')}"}\n`;

const KINDS = {
  blank: (length) => new Uint8Array(length),
  ones: (length) => new Uint8Array(length).fill(255),
  runs,
  ramp: (length) => bytesOf(length, (i) => i),
  'ramp of 16 bits': (length) => bytesOf(length, (i) => (i % 2 === 0 ? i >> 9 : i >> 1)),
  alternating: (length) => bytesOf(length, (i) => (i % 2 === 0 ? 0x55 : 0xaa)),
  'pcm mono': (length) => pcm(length, 1, 12_000),
  'pcm stereo': (length) => pcm(length, 2, 12_000),
  'pcm quiet': (length) => pcm(length, 1, 40),
  'rgb drawn': (length) => rgb(length, 0),
  'rgb with grain': (length) => rgb(length, 2),
  screen,
  sensor,
  records,
  json: (length) => lines(length, jsonLine),
  csv: (length) => lines(length, (i, [a, b]) => `${i};${(i * 37) % 1000};${a ?? ''};${b ?? ''};${(i % 100) / 4}\n`),
  text: (length) => lines(length, (_, words) => `${words.join(' ')}.\n`),
  noise: (length) => noise(length),
} satisfies Readonly<Record<string, Kind>>;

const SHORT_KINDS = ['blank', 'runs', 'ramp', 'alternating', 'pcm mono', 'rgb with grain', 'text', 'noise'] as const;
