import { expect, it } from 'vitest';
import * as utils from '../../src/utils/index.js';

it('the door of utils leads to exactly these names', () => {
  expect(Object.keys(utils).sort()).toEqual([
    'ByteBuilder',
    'ByteCursor',
    'ERROR_CODES',
    'H4Error',
    'MAX_U53',
    'canonicalJson',
    'canonicalJsonBytes',
    'concatBytes',
    'crc32',
    'createSha256',
    'equalBytes',
    'exitCodeOf',
    'fromBase64',
    'fromHex',
    'hkdf',
    'hkdfExpand',
    'hkdfExtract',
    'hmacSha256',
    'httpStatusOf',
    'isH4Error',
    'isJsonObject',
    'isSafeU64',
    'isWellFormed',
    'parseStrictJson',
    'readU64',
    'sha256',
    'toBase64',
    'toHex',
    'utf8Decode',
    'utf8Encode',
    'viewOf',
    'writeU64',
  ]);
});
