/**
 * The recording that `demo` shows: six seconds of two tracks, a picture of stripes that wander and a tone, computed with
 * integers only, so that it has the same bytes everywhere.
 */
import { GeometricReferenceCompressor } from '../compression/reference.js';
import { H4MKBuilder, type RecordingSummary } from '../container/write/builder.js';
import type { ByteSink } from '../container/io/io.js';
import type { TrackInfo } from '../container/format/meta.js';

const FPS = 25;
const SECONDS = 6;
const FRAME_MICROS = 1_000_000 / FPS;
const WIDTH = 64;
const HEIGHT = 36;
const SAMPLE_RATE = 8000;
const SAMPLES_PER_BLOCK = SAMPLE_RATE / FPS;
/** Samples of half a period: a tone of 250 Hz. */
const HALF_PERIOD = 16;

const TRACKS: readonly TrackInfo[] = [
  { id: 0, kind: 'video', name: 'stripes', width: WIDTH, height: HEIGHT, fps_hint: [FPS, 1], gop: FPS },
  { id: 1, kind: 'audio', name: 'tone', sample_rate: SAMPLE_RATE, channels: 1 },
];

/** Writes the recording into `sink` and commits it. Aborting a sink after a failure is up to its owner. */
export async function writeDemoRecording(sink: ByteSink): Promise<RecordingSummary> {
  const builder = await H4MKBuilder.create(sink, { engine: new GeometricReferenceCompressor(), tracks: TRACKS });
  for (let i = 0; i < FPS * SECONDS; i++) {
    const time = { pts: i * FRAME_MICROS, duration: FRAME_MICROS };
    const [picture, sound] = [pictureOf(i), soundOf(i)];
    const key = i % FPS === 0;
    await builder.addBlock({ track: 0, tokens: [{ ...time, key, size: picture.length }], bytes: picture });
    await builder.addBlock({ track: 1, tokens: [{ ...time, key: true, size: sound.length }], bytes: sound });
  }
  return builder.close();
}

function pictureOf(frame: number): Uint8Array {
  const stripe = (pixel: number): number => (((pixel % WIDTH) + frame) >> 3) * 32 + (pixel >> 9);
  return Uint8Array.from({ length: WIDTH * HEIGHT }, (_, pixel) => stripe(pixel));
}

/** A triangle wave of 16-bit samples. */
function soundOf(block: number): Uint8Array {
  const samples = new DataView(new ArrayBuffer(SAMPLES_PER_BLOCK * 2));
  for (let i = 0; i < SAMPLES_PER_BLOCK; i++) {
    const phase = (block * SAMPLES_PER_BLOCK + i) % (2 * HALF_PERIOD);
    samples.setInt16(i * 2, (Math.abs(phase - HALF_PERIOD) - HALF_PERIOD / 2) * 1024, true);
  }
  return new Uint8Array(samples.buffer);
}
