import { expect, test } from 'vitest';
import * as tokenizers from '../../src/tokenizers/index.js';

test('the door shows the clock, the cutting of streams and the tokenizer of opaque video', () => {
  expect(Object.keys(tokenizers).sort()).toEqual([
    'MAX_BLOCK_BYTES',
    'VideoBlockToken',
    'VideoTransportTokenizer',
    'assertBlockBytes',
    'createFrameClock',
    'parseFps',
    'reblock',
    'toFrameRate',
  ]);
});
