/**
 * How a command hides what it writes (h4mk.md 12): --mask or --encrypt, a key and a salt. The salt goes into the recording
 * and is no secret, but it must be a fresh one for every recording: it is random unless somebody asks for bytes that repeat.
 */
import { type Command, Option } from 'commander';
import { type MaskSpec, SALT_BYTES } from '../container/secrecy/block-secrets.js';
import { createWritingEpoch } from '../container/secrecy/secrecy.js';
import { fromHex, toHex, utf8Encode } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import { hkdf } from '../utils/hkdf.js';
import type { JsonObject } from '../utils/json-value.js';
import { sha256 } from '../utils/sha256.js';
import type { Context } from './context.js';
import { type ContentKeyOptions, addContentKeyOptions, readContentKey } from './key-file.js';
import { readSmallFile } from './small-file.js';
import { printable } from './text.js';

export interface SecrecyChoice extends ContentKeyOptions {
  readonly mask?: 'none' | 'xor';
  readonly encrypt?: boolean;
  readonly saltFile?: string;
}

const HEX_SALT = new RegExp(`^[0-9a-f]{${2 * SALT_BYTES}}$`, 'i');

/** A salt file of hex digits has an end of line, and perhaps one of two characters. */
const MAX_SALT_FILE_BYTES = 2 * SALT_BYTES + 2;

export const SALT_FILE_OPTION = [
  '--salt-file <FILE>',
  'a salt of your own, 32 bytes or 64 hex digits, never twice for different content (default: random)',
] as const;

export function addSecrecyOptions(command: Command): Command {
  command
    .option('--encrypt', 'encrypt every block; times, sizes and META stay readable; needs a key')
    .addOption(
      new Option(
        '--mask [MODE]',
        'mask every block, which hides it but lets nobody notice changes by the key: xor, none',
      )
        .choices(['none', 'xor'])
        .preset('xor'),
    );
  return addContentKeyOptions(command, 'the key to hide with').option(...SALT_FILE_OPTION);
}

/** How to hide, or undefined: not at all. `inputs` are what else the command reads. */
export async function readSecrecy(
  choice: SecrecyChoice,
  inputs: readonly string[],
  context: Context,
): Promise<MaskSpec | undefined> {
  const isMasked = choice.mask === 'xor';
  if (isMasked && choice.encrypt === true) {
    throw new H4Error('H4_PARAM', 'A block is masked or encrypted, not both: choose --mask or --encrypt');
  }
  const key = await readContentKey(choice, { inputs, hides: true }, context);
  if (!isMasked && choice.encrypt !== true) {
    if (key === undefined && choice.saltFile === undefined) return undefined;
    throw new H4Error('H4_PARAM', 'A key or a salt alone hides nothing: add --encrypt, or --mask');
  }
  if (key === undefined) {
    const advice = `'${context.io.command} keygen --secret -o KEY' makes one`;
    throw new H4Error(
      'H4_PARAM',
      `${isMasked ? '--mask' : '--encrypt'} needs a key: name it with --key-file; ${advice}`,
    );
  }
  const salt = choice.saltFile === undefined ? context.io.randomBytes(SALT_BYTES) : await readSaltFile(choice.saltFile);
  return { mode: isMasked ? 'mask' : 'encrypt', key, salt };
}

/** The salt in `file`. */
export async function readSaltFile(file: string): Promise<Uint8Array> {
  const content = await readSmallFile(file, MAX_SALT_FILE_BYTES, `the salt in ${printable(file)}`);
  if (content.length === SALT_BYTES) return content;
  const text = Buffer.from(content).toString('latin1').trimEnd();
  if (HEX_SALT.test(text)) return fromHex(text.toLowerCase());
  throw new H4Error(
    'H4_PARAM',
    `${printable(file)} is no salt: that is ${SALT_BYTES} bytes, or ${2 * SALT_BYTES} hex digits`,
  );
}

/**
 * What a content uid is made from besides (h4mk.md 5.3): everything of it changes bytes. The key stands there as the
 * commitment that META lists, which tells nobody the key; and as a secret that only its owner can derive, because everything
 * else is public, and whoever guesses the content could otherwise see by the uid that the guess is right.
 */
export function secrecyParameters({ mode, key, salt }: MaskSpec): JsonObject {
  const { listing } = createWritingEpoch({ mode, key, salt }, []);
  const secret = toHex(hkdf(key, salt, UID_INFO, UID_SECRET_BYTES));
  return { mode, salt_sha256: toHex(sha256(salt)), commit: listing.commit, secret };
}

const UID_INFO = utf8Encode('h4mk/v1/uid');
const UID_SECRET_BYTES = 32;

/**
 * Refuses a mask with a salt of one's own where every recording of the same settings has the same file_id: the same salt,
 * used for another input, would give away the difference of the two.
 */
export function assertMaskIsFresh(choice: SecrecyChoice, hasUid: boolean): void {
  if (choice.mask !== 'xor' || choice.saltFile === undefined || hasUid) return;
  throw new H4Error(
    'H4_PARAM',
    'A mask with a salt that is used again betrays what it hides: with --mask and --salt-file use --signable, which makes ' +
      'the keys depend on the input as well, or use --encrypt',
  );
}
