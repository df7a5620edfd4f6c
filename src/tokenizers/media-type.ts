/**
 * Which sort of media a file is, by its first bytes. Used for two things only: the `media_type` in the end record, and the
 * choice of `--engine auto`. Media are compressed already, so that another lossless pass costs time and saves nothing.
 * The name of the file is not looked at: it says what somebody hoped.
 */

/** How many first bytes `sniffMediaType` looks at. */
export const SNIFF_BYTES = 4096;

export const OPAQUE_MEDIA_TYPE = 'application/octet-stream';

interface Signature {
  readonly type: string;
  /** First bytes, as latin1 text. */
  readonly magic: string;
  /** What else must hold. */
  readonly when?: (head: Latin1) => boolean;
}

type Latin1 = string;

const BRANDS: Readonly<Record<string, string>> = {
  'qt  ': 'video/quicktime',
  'M4A ': 'audio/mp4',
  'M4B ': 'audio/mp4',
  heic: 'image/heic',
  mif1: 'image/heif',
  avif: 'image/avif',
};

const TS_PACKET_BYTES = 188;

const SIGNATURES: readonly Signature[] = [
  { type: 'video/webm', magic: '\x1a\x45\xdf\xa3', when: (head) => head.includes('webm') },
  { type: 'video/matroska', magic: '\x1a\x45\xdf\xa3' },
  { type: 'video/x-msvideo', magic: 'RIFF', when: (head) => head.startsWith('AVI ', 8) },
  { type: 'audio/wav', magic: 'RIFF', when: (head) => head.startsWith('WAVE', 8) },
  { type: 'image/webp', magic: 'RIFF', when: (head) => head.startsWith('WEBP', 8) },
  { type: 'video/ogg', magic: 'OggS', when: (head) => head.includes('\x80theora') },
  { type: 'audio/ogg', magic: 'OggS' },
  { type: 'audio/flac', magic: 'fLaC' },
  { type: 'audio/aiff', magic: 'FORM', when: (head) => /^AIF[FC]/.test(head.slice(8)) },
  { type: 'audio/mpeg', magic: 'ID3', when: (head) => head.charCodeAt(3) < 0x10 },
  { type: 'video/x-flv', magic: 'FLV\x01' },
  { type: 'video/mpeg', magic: '\x00\x00\x01\xba' },
  { type: 'video/mpeg', magic: '\x00\x00\x01\xb3' },
  { type: 'video/x-ms-asf', magic: '\x30\x26\xb2\x75\x8e\x66\xcf\x11' },
  {
    type: 'video/mp2t',
    magic: 'G',
    when: (head) => [1, 2].every((packet) => head.startsWith('G', packet * TS_PACKET_BYTES)),
  },
  { type: 'image/jpeg', magic: '\xff\xd8\xff' },
  { type: 'image/png', magic: '\x89PNG\r\n\x1a\n' },
  { type: 'image/gif', magic: 'GIF8' },
];

/** The media type of a file that begins with `bytes`, or undefined where they are not recognised. */
export function sniffMediaType(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, SNIFF_BYTES));
  const signature = SIGNATURES.find(({ magic, when }) => head.startsWith(magic) && (when === undefined || when(head)));
  return signature?.type ?? isoMediaType(head) ?? elementaryAudioType(head);
}

/** ISO base media (MP4, QuickTime, HEIF): a first box `ftyp` with a brand, or in old files the media boxes themselves. */
function isoMediaType(head: Latin1): string | undefined {
  const box = head.slice(4, 8);
  if (box === 'ftyp') return BRANDS[head.slice(8, 12)] ?? 'video/mp4';
  return box === 'moov' || box === 'mdat' || box === 'wide' ? 'video/quicktime' : undefined;
}

/** MPEG audio without a container begins with a frame: twelve bits of synchronisation, then fields with forbidden values. */
function elementaryAudioType(head: Latin1): string | undefined {
  if (head.length < 4 || head.charCodeAt(0) !== 0xff) return undefined;
  const [second, third] = [head.charCodeAt(1), head.charCodeAt(2)];
  if ((second & 0xf6) === 0xf0) return ((third >> 2) & 15) < 13 ? 'audio/aac' : undefined;
  const isFrame = (second & 0xe0) === 0xe0 && (second & 0x18) !== 0x08 && (second & 0x06) === 0x02;
  const hasRates = third >> 4 !== 0 && third >> 4 !== 15 && (third & 0x0c) !== 0x0c;
  return isFrame && hasRates ? 'audio/mpeg' : undefined;
}
