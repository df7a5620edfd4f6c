/** `harmony4 engine attest`: says which engine runs here, signed if there is a key; or checks what another has said. */
import { type Attestation, attest as attestEngine } from '../../compression/attest.js';
import { H4Error } from '../../utils/error.js';
import { hexFingerprint, integer } from '../options.js';
import type { Context } from '../context.js';
import { withEngines } from '../engines.js';
import { EXIT } from '../exit.js';
import { PASSPHRASE_FILE_OPTION, readSigner, type SignerOptions } from '../signer-option.js';
import { type AddVerb, JSON_OPTION } from '../verb.js';
import { coreExamples } from './core-examples.js';
import { checkAttestation } from './check-attestation.js';

export interface AttestOptions {
  readonly nonce?: string;
  readonly signer?: string;
  readonly passphraseFile?: string;
  readonly verify?: string;
  readonly key?: readonly string[];
  readonly maxAge?: number;
  readonly engineId?: string;
  readonly fingerprint?: string;
}

const MAX_AGE_SECONDS = 10 * 365 * 24 * 60 * 60;
const MICROS_PER_SECOND = 1_000_000;
/** Options that say what is expected of an attestation, and mean nothing where one is made. */
const EXPECTATIONS = ['key', 'maxAge', 'engineId', 'fingerprint'] as const;

export const addAttest: AddVerb = (program, context, done) => {
  program
    .command('attest')
    .summary('attest the engine that is configured, or check an attestation')
    .description(
      'Prints an attestation as JSON: which engine runs here, by its id and measured fingerprint, and when. With --signer it ' +
        'is signed by the statement key of KEY; without, anybody could have written it. An attestation is a claim of whoever ' +
        'holds the key, no proof by hardware.\n\nWith --verify it checks one that somebody else has made.',
    )
    .option('--nonce <N>', 'base64url of 16 to 64 bytes, chosen by whoever asks: shows that the answer is new')
    .option('--signer <KEY>', 'the file of a signing key, as keygen makes it')
    .option(...PASSPHRASE_FILE_OPTION)
    .option('--verify <FILE>', 'check the attestation in FILE, or -')
    .option('--key <VKEY>', 'with --verify: a statement key that is trusted, or KEY.pub; repeatable', collect)
    .option(
      '--max-age <SECONDS>',
      'with --verify: how far its time may be from now (default: 300)',
      integer(0, MAX_AGE_SECONDS),
    )
    .option('--engine-id <ID>', 'with --verify: the engine that it has to be; needs --fingerprint')
    .option('--fingerprint <HEX>', 'with --verify: its fingerprint', hexFingerprint)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${coreExamples(context, EXAMPLES)}

Exit codes of --verify: 0 a trusted key has signed it and everything agrees,
1 something does not, 3 nothing is wrong and nothing proven: no key was given.`,
    )
    .action(async (options: AttestOptions) => done(await attest(options, context)));
};

const EXAMPLES = [
  'engine attest',
  'engine attest --signer signer.key > attested.json',
  'engine attest --verify attested.json --key signer.key.pub',
  'engine attest --verify attested.json   # exits 3',
];

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Prints an attestation, or what one that was given is worth. */
export async function attest(options: AttestOptions, context: Context): Promise<number> {
  const { verify, signer, passphraseFile, nonce } = options;
  if (verify !== undefined) {
    const needless = signer !== undefined ? '--signer' : passphraseFile !== undefined ? '--passphrase-file' : undefined;
    if (needless !== undefined)
      throw new H4Error('H4_PARAM', `Cannot use ${needless} with --verify: nothing is signed then`);
    return checkAttestation(verify, options, nowOf(context), context);
  }
  const lonely = EXPECTATIONS.find((name) => options[name] !== undefined);
  if (lonely !== undefined) {
    const name = lonely.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new H4Error('H4_PARAM', `Cannot use --${name} without --verify`);
  }
  await context.out.json(await attestation({ signer, passphraseFile, nonce }, context));
  return EXIT.done;
}

async function attestation(
  { nonce, ...signing }: SignerOptions & { readonly nonce: string | undefined },
  context: Context,
): Promise<Attestation> {
  const timestampUnix = nowOf(context);
  const key = await readSigner(signing, context);
  return withEngines(context, async (engines) => {
    const { info, measured, declared } = await engines.load();
    const { engineId: engine_id, fingerprint: engine_fp } = declared ?? {};
    return attestEngine({
      info,
      timestampUnix,
      ...(measured === undefined ? {} : { measured }),
      ...(declared === undefined
        ? {}
        : {
            declared: {
              ...(engine_id === undefined ? {} : { engine_id }),
              ...(engine_fp === undefined ? {} : { engine_fp }),
            },
          }),
      ...(nonce === undefined ? {} : { nonce }),
      ...(key === undefined ? {} : { key }),
    });
  });
}

/** Whole seconds since 1970. */
function nowOf({ io }: Context): number {
  const micros = io.utcMicros?.();
  if (micros === undefined) throw new H4Error('H4_IO', 'Cannot attest or check an attestation: there is no clock here');
  return Math.floor(micros / MICROS_PER_SECOND);
}
