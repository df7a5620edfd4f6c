/** `harmony4 sign`: a late signature, or the cosignature of a witness, behind a recording that stands there whole. */
import { createSourceFeed } from '../../container/source/feed.js';
import type { ByteSource } from '../../container/io/io.js';
import { appendSignature } from '../../container/sign/late-signature.js';
import { openFileSource } from '../../storage/node/file-source.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { createSha256 } from '../../utils/sha256.js';
import { keyReference } from '../../utils/verification-key.js';
import type { Context } from '../context.js';
import { EXIT, printFailure } from '../exit.js';
import { Appendix, appendInPlace } from '../in-place.js';
import { STDIN, assertLocal, inputName } from '../input.js';
import { type LateSigning, signLate } from '../late-signing.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { SIGNING_HISTORY_OPTION, type Signer, openSigner } from '../signer.js';
import { PASSPHRASE_FILE_OPTION } from '../signer-option.js';
import { counted, printable } from '../text.js';
import { type TrustOptions, addTrustOptions, readTrust } from '../trust-options.js';
import { type AddVerb, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';

export interface SignOptions extends TrustOptions {
  readonly signer: string;
  readonly passphraseFile?: string;
  readonly signingHistory?: string;
  readonly countersign?: boolean;
  readonly any?: boolean;
  readonly output?: string;
  readonly force?: boolean;
  readonly progress: boolean;
}

export const addSign: AddVerb = (program, context, done) => {
  const command = program
    .command('sign')
    .summary('sign a recording that is there already, or cosign it as a witness')
    .description(
      'Checks all of FILE, and then appends a signature over all of its records. No byte that is there changes, and if anything ' +
        'goes wrong, FILE is as it was; its SHA-256 is printed as it was and as it is, for your notes. -o leaves FILE alone.\n\n' +
        'With the key of a witness (keygen --witness) it appends a cosignature: that the newest checkpoint of whom --key or ' +
        '--policy name was there by now. With --countersign a further key signs that checkpoint, for policies with a ' +
        'threshold.\n\n' +
        'A key never signs two histories of one recording: KEY.history remembers what it has signed. Keep it with KEY.',
    )
    .argument('<FILE>', 'a recording, closed or cut off, that was exported with --signable, --signer or --uid')
    .requiredOption('--signer <KEY>', 'the file with the key')
    .option(...PASSPHRASE_FILE_OPTION)
    .option(...SIGNING_HISTORY_OPTION)
    .option('--countersign', 'add the signature of KEY to the newest checkpoint of whom --key or --policy name')
    .option('--any', 'as a witness, cosign the newest checkpoint whoever signed it')
    .option('-o, --output <OUT>', 'write the signed recording to OUT, and leave FILE as it is')
    .option('-f, --force', 'overwrite OUT');
  addTrustOptions(command)
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, EXAMPLES)}\n\nExit codes: 0 signed, or signed already; 1 FILE fails its check, or would contradict what ` +
        'KEY has signed; 2 it can never be signed; 4 cannot be read or written.',
    )
    .action(async (file: string, options: SignOptions) => done(await sign(file, options, context)));
};

const EXAMPLES = [
  'sign signable.h4mk --signer signer.key',
  'sign signable.h4mk --signer signer.key -o also-signed.h4mk',
  'sign signable.h4mk --signer witness.key --key signer.key.pub',
  'sign signable.h4mk --signer camera.key --countersign --key signer.key.pub',
];

/** Appends the signature. Resolves to 0 when it is there, durably. */
export async function sign(file: string, options: SignOptions, context: Context): Promise<number> {
  assertLocal(file);
  if (file === STDIN)
    throw new H4Error('H4_PARAM', 'Cannot sign standard input: it is checked before it is signed; name a file');
  const signer = await openSigner(options, context);
  if (signer === undefined) throw new H4Error('H4_PARAM', 'Name the file with the key: --signer KEY');
  assertAsked(options, signer);
  try {
    const signing = await signFile(file, options, signer, context);
    await print(file, options.output, signing, signer, context);
    return EXIT.done;
  } catch (error) {
    // Not a fault of the file, which keeps the rules: it was exported so.
    const isDeclared = isH4Error(error, 'H4_UID_ZERO_SIGNED') && !('offset' in error.detail);
    if (!isDeclared) throw error;
    await printFailure(context, { code: error.code, message: error.message, exit_code: EXIT.usage });
    return EXIT.usage;
  }
}

function assertAsked({ key, policy, countersign = false, any = false }: SignOptions, signer: Signer): void {
  const isNamed = key !== undefined || policy !== undefined;
  const isWitness = signer.key.type === 'witness';
  const fault =
    any && isNamed
      ? 'Cannot use --any with --key or --policy: either somebody is named, or anybody will do'
      : any && !isWitness
        ? '--any is for the key of a witness: others sign for themselves, or countersign for whom --key or --policy name'
        : countersign && isWitness
          ? 'Cannot use --countersign with the key of a witness: it cosigns, and nothing else'
          : isWitness && !isNamed && !any
            ? 'Say whose checkpoint to cosign, with --key or --policy: anybody can have signed last (--any cosigns that one)'
            : countersign && !isNamed
              ? 'Say whose checkpoint to countersign, with --key or --policy: anybody can have signed last'
              : isNamed && !isWitness && !countersign
                ? '--key and --policy say what a witness cosigns, and what --countersign signs: use them with one of the two'
                : undefined;
  if (fault !== undefined) throw new H4Error('H4_PARAM', fault);
  // Refused before a large file is read.
  if (!isWitness) signer.createCheckpointSigner();
}

/** What was signed, and the file before and after. */
interface SignedFile extends LateSigning {
  readonly sha256: { readonly before: string; readonly after: string };
}

async function signFile(file: string, options: SignOptions, signer: Signer, context: Context): Promise<SignedFile> {
  const { signal } = context.io;
  const { output, countersign: isCountersigning = false } = options;
  const trust = await readTrust(options, context);
  const progress = new Progress(context, { label: `checking ${inputName(file)}`, enabled: options.progress });
  const work = async (source: ByteSource) => {
    const onProgress = (bytes: number): void => progress.update(bytes);
    const request = { file, signer, trust, isCountersigning, signal, onProgress };
    const made = await signLate(source, request).finally(() => progress.clear());
    const appendix = new Appendix(source.size);
    const tailChunk = made.note && (await appendSignature(appendix, made.resumption, made.note));
    const sha256 = await hashesOf(source, appendix, signal);
    return { ...made, appendix, sha256, ...(tailChunk === undefined ? {} : { tailChunk }) };
  };
  if (output === undefined) return appendInPlace(file, work);
  return writeOutput(output, { force: options.force === true, input: file, hashing: false }, context, async (sink) => {
    const source = await openFileSource(file);
    try {
      const made = await work(source);
      const feed = createSourceFeed(source, { signal });
      for (let piece = await feed.next(); piece !== undefined; piece = await feed.next()) await sink.write(piece);
      await sink.write(made.appendix.bytes);
      await sink.commit();
      return made;
    } finally {
      await source.close();
    }
  });
}

/** SHA-256 of a file as it is, and as it will be with what is appended. */
async function hashesOf(source: ByteSource, { bytes }: Appendix, signal: AbortSignal): Promise<SignedFile['sha256']> {
  const hash = createSha256();
  const feed = createSourceFeed(source, { signal });
  for (let piece = await feed.next(); piece !== undefined; piece = await feed.next()) hash.update(piece);
  const before = toHex(hash.copy().digest());
  hash.update(bytes);
  return { before, after: toHex(hash.digest()) };
}

/** With `-o -` the recording itself is the result: then only JSON is printed, to stderr. */
async function print(
  file: string,
  output: string | undefined,
  { size, root, fileId, note, time, origin, sha256 }: SignedFile,
  { key }: Signer,
  context: Context,
): Promise<void> {
  const isPiped = output === STDOUT;
  const out = isPiped ? context.err : context.out;
  const done = time !== undefined ? 'cosigned' : origin !== undefined ? 'countersigned' : 'signed';
  const action = note === undefined ? 'none' : done;
  const [rootHex, signed] = [toHex(root), keyReference(key)];
  if (context.json) {
    const seen = action === 'cosigned' ? { time } : {};
    return out.json({
      ...{ file: output ?? file, action, key: signed, size, root: rootHex, file_id: fileId },
      ...(origin === undefined ? {} : { origin }),
      ...seen,
      ...{ sha256_before: sha256.before, sha256: sha256.after },
    });
  }
  if (isPiped) return;
  await out.line(out.paint('bold', printable(output ?? file)));
  const of =
    origin === undefined
      ? ''
      : `: the checkpoint of ${nameIn(origin)} (${counted(size, 'record')}, root ${rootHex.slice(0, 8)})`;
  await out.field('done', action === 'none' ? `nothing: it is there already` : `${action}${of}`);
  await out.field('key', signed);
  await out.field('covers', counted(size, 'record'));
  if (action === 'cosigned' && time !== undefined) await out.field('seen at', new Date(time * 1000).toISOString());
  await out.field('root', rootHex);
  await out.field('file_id', fileId);
  await out.field('sha256', sha256.after);
  await out.field('', action === 'none' ? 'the file is unchanged' : `before: ${sha256.before}`);
}

const nameIn = (origin: string): string => printable(origin.slice(0, origin.lastIndexOf('/')));
