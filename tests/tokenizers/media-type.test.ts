import { describe, expect, test } from 'vitest';
import { sniffMediaType } from '../../src/tokenizers/media-type.js';

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const packets = (count: number): string => `G${'x'.repeat(187)}`.repeat(count);

describe('sniffMediaType()', () => {
  test.each([
    ['MP4', '\0\0\0\x18ftypisom', 'video/mp4'],
    ['QuickTime', '\0\0\0\x14ftypqt  ', 'video/quicktime'],
    ['old QuickTime', '\0\0\0\x08wide\0\0\0\0mdat', 'video/quicktime'],
    ['M4A', '\0\0\0\x18ftypM4A ', 'audio/mp4'],
    ['AVIF', '\0\0\0\x18ftypavif', 'image/avif'],
    ['WebM', '\x1a\x45\xdf\xa3\x01B\x82\x84webm', 'video/webm'],
    ['Matroska', '\x1a\x45\xdf\xa3\x01B\x82\x88matroska', 'video/matroska'],
    ['AVI', 'RIFF\0\0\0\0AVI LIST', 'video/x-msvideo'],
    ['WAV', 'RIFF\0\0\0\0WAVEfmt ', 'audio/wav'],
    ['WebP', 'RIFF\0\0\0\0WEBPVP8 ', 'image/webp'],
    ['Theora', 'OggS\0\x02\x80theora', 'video/ogg'],
    ['Vorbis', 'OggS\0\x02\x01vorbis', 'audio/ogg'],
    ['FLAC', 'fLaC\0\0', 'audio/flac'],
    ['AIFF', 'FORM\0\0\0\0AIFC', 'audio/aiff'],
    ['MP3 with a tag', 'ID3\x04\0', 'audio/mpeg'],
    ['MP3 without one', '\xff\xfb\x90\x64', 'audio/mpeg'],
    ['ADTS', '\xff\xf1\x50\x80', 'audio/aac'],
    ['FLV', 'FLV\x01\x05', 'video/x-flv'],
    ['MPEG program stream', '\0\0\x01\xba\x44', 'video/mpeg'],
    ['MPEG video', '\0\0\x01\xb3\x44', 'video/mpeg'],
    ['MPEG transport stream', packets(3), 'video/mp2t'],
    ['ASF', '\x30\x26\xb2\x75\x8e\x66\xcf\x11', 'video/x-ms-asf'],
    ['JPEG', '\xff\xd8\xff\xe0', 'image/jpeg'],
    ['PNG', '\x89PNG\r\n\x1a\n', 'image/png'],
    ['GIF', 'GIF89a', 'image/gif'],
  ])('recognises %s', (_name, head, type) => {
    expect(sniffMediaType(latin1(head))).toBe(type);
  });

  test.each([
    ['nothing', ''],
    ['text', 'Once upon a time'],
    ['another RIFF', 'RIFF\0\0\0\0CDXA'],
    ['another IFF', 'FORM\0\0\0\0ILBM'],
    ['one packet only', packets(1)],
    ['0xff alone', '\xff'],
    ['0xff of all sorts', '\xff\xff\xff\xff'],
    ['a forbidden sampling rate', '\xff\xf1\xff\x80'],
    ['a forbidden bit rate', '\xff\xfb\xf0\x64'],
    ['a reserved layer', '\xff\xf9\x3c\x00'],
    ['text that begins with ID3', 'ID3 tags are a mess'],
  ])('does not take %s for media', (_name, head) => {
    expect(sniffMediaType(latin1(head))).toBeUndefined();
  });
});
