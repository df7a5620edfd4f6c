/** `harmony4 mask` and `harmony4 unmask`: the transport mask on plain files. It hides, and authenticates nothing. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { SALT_BYTES } from '../../container/secrecy/block-secrets.js';
import { MIN_LEGACY_KEY_BYTES } from '../../container/legacy/legacy-mask.js';
import { fromHex, toHex, utf8Encode } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit.js';
import { STDIN, inputName } from '../input.js';
import { type ContentKeyOptions, addContentKeyOptions, readContentKey, readContentKeys } from '../key-file.js';
import { type ChangeBlock, type Changed, changeInto, legacyUnmask, saltedMask } from '../mask-file.js';
import { openMediaInput } from '../media-input.js';
import { byteCount, hexSalt } from '../options.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { readSaltFile } from '../secrecy-options.js';
import { printable } from '../text.js';
import { type AddVerb, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';

interface CommonOptions extends ContentKeyOptions {
  readonly output: string;
  readonly salt?: string;
  readonly saltFile?: string;
  readonly blockSize: number;
  readonly force?: boolean;
  readonly progress: boolean;
}

export interface MaskOptions extends CommonOptions {
  readonly saltOut?: string;
}

export interface UnmaskOptions extends CommonOptions {
  readonly legacy?: boolean;
}

const KiB = 1024;
const MIN_BLOCK_BYTES = 16 * KiB;
const MAX_BLOCK_BYTES = 4 * KiB * KiB;
const DEFAULT_BLOCK_BYTES = 256 * KiB;

const CAUTION = 'It only hides: whoever changes a masked file is not noticed, and no wrong key or salt is.';

export const addMask: AddVerb = (program, context, done) => {
  const command = program
    .command('mask')
    .summary('hide a plain file behind a key')
    .description(
      `Masks IN: the same key and salt take the mask away again. ${CAUTION} For recordings use export --encrypt instead.\n\n` +
        'The salt is no secret, but without it nothing comes back: it is written to OUT.salt, or to standard error with -o -. ' +
        'It is random, because two files under one key and salt betray each other.',
    )
    .argument('<IN>', 'any file, or - for standard input')
    .requiredOption('-o, --output <OUT>', 'the file to write, or - for standard output');
  addCommonOptions(command, 'a salt of your own, 64 hex digits, never twice (default: random)')
    .option('--salt-out <FILE>', 'where the salt is written to (default: OUT.salt)')
    .addHelpText('after', examples(context, MASK_EXAMPLES))
    .action(async (input: string, options: MaskOptions) => done(await mask(input, options, context)));
};

const MASK_EXAMPLES = [
  'mask clip.mp4 -o clip.masked --key-file secret.key',
  'mask - -o piped.masked --key-file secret.key < clip.mp4',
];

export const addUnmask: AddVerb = (program, context, done) => {
  const command = program
    .command('unmask')
    .summary('get a masked plain file back')
    .description(
      `Takes away what mask has added, with the same key, and the salt in IN.salt. ${CAUTION}\n\n` +
        'With --legacy it takes away the mask of the original service (POST /audio/mask), which had no salt: then ' +
        '--block-size must be the one of that time. Masked legacy recordings are for extract.',
    )
    .argument('<IN>', 'the masked file, or - for standard input')
    .requiredOption('-o, --output <OUT>', 'the file to write, or - for standard output');
  addCommonOptions(command, 'the salt, 64 hex digits (default: what stands in IN.salt)')
    .option('--legacy', 'IN was masked by the original service, without a salt')
    .addHelpText('after', examples(context, UNMASK_EXAMPLES))
    .action(async (input: string, options: UnmaskOptions) => done(await unmask(input, options, context)));
};

const UNMASK_EXAMPLES = [
  'unmask clip.masked -o clip.unmasked --key-file secret.key',
  'unmask - -o piped.unmasked --key-file secret.key --salt-file clip.masked.salt < clip.masked',
];

function addCommonOptions(command: Command, salt: string): Command {
  return addContentKeyOptions(command, 'the key')
    .option('--salt <HEX>', salt, hexSalt)
    .option('--salt-file <FILE>', 'the same out of a file, 32 bytes or 64 hex digits')
    .addOption(
      new Option(
        '--block-size <BYTES>',
        'how much is masked at once, from 16KiB to 4MiB; changes no byte without --legacy',
      )
        .argParser(byteCount(MIN_BLOCK_BYTES, MAX_BLOCK_BYTES))
        .default(DEFAULT_BLOCK_BYTES, '256KiB'),
    )
    .option('-f, --force', 'overwrite OUT')
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION);
}

/** Writes IN to OUT behind a mask, and the salt beside it. Resolves to 0 when both stand there whole. */
export async function mask(file: string, options: MaskOptions, context: Context): Promise<number> {
  const { output, force = false } = options;
  const key = needed(await readContentKey(options, { inputs: [file], hides: true }, context), context);
  const salt = (await readSalt(options)) ?? context.io.randomBytes(SALT_BYTES);
  const saltFile = options.saltOut ?? (output === STDOUT ? undefined : `${output}.salt`);
  if (saltFile !== undefined && resolve(saltFile) === resolve(output)) {
    throw new H4Error('H4_PARAM', 'The salt cannot go into OUT itself: name another file with --salt-out');
  }
  if (saltFile === STDOUT) {
    throw new H4Error(
      'H4_PARAM',
      'The salt goes into a file, or to standard error with -o -: name a file with --salt-out',
    );
  }
  const write = (commitSalt: () => Promise<void>): Promise<Changed> =>
    change(file, options, { change: saltedMask(key, salt), before: commitSalt, doing: 'masking' }, context);
  const changed =
    saltFile === undefined
      ? await write(() => Promise.resolve())
      : await writeOutput(saltFile, { force, input: file, hashing: false }, context, (sink) =>
          // First the salt, then OUT: a masked file that has lost its salt is lost.
          write(async () => {
            await sink.write(utf8Encode(`${toHex(salt)}\n`));
            await sink.commit();
          }),
        );
  await printMasked(output, { ...changed, salt: toHex(salt), saltFile }, context);
  return EXIT.done;
}

/** Writes IN to OUT without its mask. Resolves to 0 when it stands there whole, which says nothing about key and salt. */
export async function unmask(file: string, options: UnmaskOptions, context: Context): Promise<number> {
  const { output, blockSize, legacy = false } = options;
  const changed = await change(
    file,
    options,
    { change: await unmaskOf(file, options, context), before: () => Promise.resolve(), doing: 'unmasking' },
    context,
  );
  const fields = { file: output, bytes: changed.bytes, sha256: toHex(changed.sha256) };
  const out = output === STDOUT ? context.err : context.out;
  if (context.json) await out.json({ ...fields, ...(legacy ? { legacy: true, block_size: blockSize } : {}) });
  else if (output !== STDOUT) {
    await out.line(out.paint('bold', printable(output)));
    await out.field('size', formatExactBytes(fields.bytes));
    await out.field('sha256', fields.sha256);
    await out.field('checked', 'nothing: a mask does not tell whether key and salt are the right ones');
  }
  return EXIT.done;
}

async function unmaskOf(file: string, options: UnmaskOptions, context: Context): Promise<ChangeBlock> {
  if (options.legacy !== true) {
    const key = needed(await readContentKey(options, { inputs: [file], hides: false }, context), context);
    return saltedMask(key, (await readSalt(options)) ?? (await saltBeside(file)));
  }
  if (options.salt !== undefined || options.saltFile !== undefined) {
    throw new H4Error('H4_PARAM', 'The original service masked without a salt: leave out --salt, or --legacy');
  }
  const [key, ...others] = await readContentKeys(options, { minBytes: MIN_LEGACY_KEY_BYTES, inputs: [file] }, context);
  if (others.length > 0) throw new H4Error('H4_PARAM', 'A file is masked with one key: name it once');
  return legacyUnmask(needed(key, context));
}

function needed(key: Uint8Array | undefined, { io }: Context): Uint8Array {
  if (key !== undefined) return key;
  const advice = `'${io.command} keygen --secret -o KEY' makes one`;
  throw new H4Error('H4_PARAM', `A mask needs a key: name it with --key-file or --key-env; ${advice}`);
}

/** The salt of the options; undefined if they name none. */
async function readSalt({ salt, saltFile }: CommonOptions): Promise<Uint8Array | undefined> {
  if (salt !== undefined && saltFile !== undefined) {
    throw new H4Error('H4_PARAM', 'There is one salt: give it with --salt or with --salt-file');
  }
  if (salt !== undefined) return fromHex(salt);
  return saltFile === undefined ? undefined : readSaltFile(saltFile);
}

async function saltBeside(file: string): Promise<Uint8Array> {
  const advice = 'give the salt with --salt or --salt-file';
  if (file === STDIN) throw new H4Error('H4_PARAM', `Beside standard input there is no salt: ${advice}`);
  return readSaltFile(`${file}.salt`).catch((cause: unknown) => {
    throw isH4Error(cause, 'H4_IO') ? new H4Error('H4_IO', `${cause.message}; ${advice}`, { cause }) : cause;
  });
}

interface Work {
  readonly change: ChangeBlock;
  /** Done when all is written, before OUT appears. */
  readonly before: () => Promise<void>;
  readonly doing: string;
}

async function change(file: string, options: CommonOptions, work: Work, context: Context): Promise<Changed> {
  const input = await openMediaInput(file, context);
  try {
    const progress = new Progress(context, {
      label: `${work.doing} ${inputName(file)}`,
      enabled: options.progress,
      ...(input.bytes === undefined ? {} : { total: input.bytes }),
    });
    const { blockSize, force = false } = options;
    const run = { blockSize, signal: context.io.signal, onProgress: (bytes: number) => progress.update(bytes) };
    return await writeOutput(options.output, { force, input: file, hashing: false }, context, async (sink) => {
      const changed = await changeInto(sink, input.pieces(), work.change, run).finally(() => progress.clear());
      if ((input.bytes !== undefined && input.bytes !== changed.bytes) || !(await input.isUnchanged())) {
        throw new H4Error('H4_IO', `${inputName(file)} changed while it was read: use a copy that nobody writes to`);
      }
      await work.before();
      await sink.commit();
      return changed;
    });
  } finally {
    await input.close();
  }
}

interface Masked extends Changed {
  readonly salt: string;
  /** Undefined: it stands on standard error only. */
  readonly saltFile: string | undefined;
}

async function printMasked(
  output: string,
  { bytes, sha256, salt, saltFile }: Masked,
  { json, out, err }: Context,
): Promise<void> {
  const isPiped = output === STDOUT;
  const to = isPiped ? err : out;
  if (json) return to.json({ file: output, bytes, sha256: toHex(sha256), salt, salt_file: saltFile ?? null });
  if (!isPiped) {
    await to.line(to.paint('bold', printable(output)));
    await to.field('size', formatExactBytes(bytes));
    await to.field('sha256', toHex(sha256));
  }
  await to.field('salt', salt);
  if (saltFile !== undefined) await to.field('', `in ${printable(saltFile)}: keep it with the file`);
}
