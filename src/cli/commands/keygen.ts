/** `harmony4 keygen`: makes a key. The secret goes into a file and nowhere else; what is printed is public. */
import { isP256Secret } from '../../utils/ecdsa-p256.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { createSigningKey, type SigningKey } from '../../utils/signing-key.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit.js';
import { SECRET_MODE, writeNewFiles } from '../new-files.js';
import { STDOUT, withoutProgramAdvice } from '../output.js';
import { publicFileOf, publicLinesOf, readPassphrase, writeSigningKeyFile } from '../signing-key-file.js';
import { type AddVerb, JSON_OPTION, examples } from '../verb.js';

export interface KeygenOptions {
  readonly output: string;
  readonly name?: string;
  readonly p256?: boolean;
  readonly witness?: boolean;
  readonly passphraseFile?: string;
  readonly secret?: boolean;
  readonly force?: boolean;
}

const SECRET_BYTES = 32;
/** A draw is no secret of P-256 with a probability of 2^-32. If so many are none, the bytes are not random. */
const MAX_DRAWS = 8;

export const addKeygen: AddVerb = (program, context, done) => {
  program
    .command('keygen')
    .summary('make a signing key, or a key for content')
    .description(
      'Makes an Ed25519 key that signs recordings. The secret is written to KEY, which only you may read; the public half ' +
        'is printed, and written to KEY.pub together with that of the key for statements. Give KEY.pub to whoever ' +
        'verifies. Who has KEY can sign in its name.\n\nWith --secret it makes a key that hides content instead.',
    )
    .requiredOption('-o, --output <KEY>', 'the file for the secret; the public half goes to KEY.pub')
    .option('--name <NAME>', 'who signs, without spaces and "+": a host and a path that are yours')
    .option('--p256', 'an ECDSA P-256 key instead, for surroundings that know no Ed25519')
    .option('--witness', 'the key of a witness: it cosigns checkpoints of others, and signs nothing else')
    .option('--passphrase-file <FILE>', 'encrypt KEY with the passphrase in FILE')
    .option('--secret', 'an encryption key: 32 random bytes as hex digits, without a name and a public half')
    .option('-f, --force', 'overwrite KEY and KEY.pub: what only the old key could sign, nobody can any more')
    .option(...JSON_OPTION)
    .addHelpText('after', examples(context, EXAMPLES))
    .action(async (options: KeygenOptions) => done(await keygen(options, context)));
};

const EXAMPLES = [
  'keygen -o camera7.key --name example.com/camera7',
  'keygen -o lab.key --name example.com/lab --passphrase-file passphrase.txt',
  'keygen -o token.key --name example.com/token --p256 --json',
  'keygen -o witness.key --name example.net/witness --witness',
  'keygen -o content.key --secret',
];

/** Makes the key and prints its public half. Resolves to 0 when its files stand. */
export async function keygen(options: KeygenOptions, context: Context): Promise<number> {
  const { output, secret = false } = options;
  if (output === STDOUT) {
    throw new H4Error('H4_PARAM', 'A secret key is not written to standard output: name a file with -o');
  }
  try {
    await (secret ? makeSecret(options, context) : makeSigningKey(options, context));
  } catch (error) {
    throw withoutProgramAdvice(error);
  }
  return EXIT.done;
}

async function makeSecret(options: KeygenOptions, { io, json, out }: Context): Promise<void> {
  const meaningless = (['name', 'p256', 'witness', 'passphraseFile'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (meaningless !== undefined) {
    const flag = meaningless === 'passphraseFile' ? 'passphrase-file' : meaningless;
    throw new H4Error('H4_PARAM', `Cannot use --${flag} with --secret: that is 32 random bytes and nothing else`);
  }
  const { output, force = false } = options;
  const text = `${toHex(io.randomBytes(SECRET_BYTES))}\n`;
  await writeNewFiles([{ path: output, text, mode: SECRET_MODE }], { force });
  if (json) await out.json({ file: output, bytes: SECRET_BYTES });
}

async function makeSigningKey(options: KeygenOptions, context: Context): Promise<void> {
  const { output, name, passphraseFile, force = false } = options;
  const { randomBytes } = context.io;
  if (name === undefined) {
    throw new H4Error('H4_PARAM', 'Cannot make a signing key without a name: --name says who signs');
  }
  const key = createKey(name, options, randomBytes);
  const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile, context);
  const encryption = passphrase === undefined ? undefined : { passphrase, randomBytes };
  await writeSigningKeyFile(output, key, { force, encryption });
  const [verification_key, statement_verification_key = null] = publicLinesOf(key);
  await (context.json
    ? context.out.json({
        file: output,
        public_file: publicFileOf(output),
        name: key.name,
        key_id: key.keyId,
        type: key.type,
        encrypted: passphrase !== undefined,
        verification_key,
        statement_verification_key,
      })
    : context.out.line(key.verificationKey));
}

function createKey(
  name: string,
  { p256 = false, witness = false }: KeygenOptions,
  randomBytes: (count: number) => Uint8Array,
): SigningKey {
  if (p256 && witness) {
    throw new H4Error('H4_PARAM', 'Cannot use --p256 with --witness: the keys of witnesses are Ed25519 keys');
  }
  const key = p256
    ? createSigningKey(name, p256Secret(randomBytes), 'p256')
    : createSigningKey(name, randomBytes(SECRET_BYTES), witness ? 'witness' : 'ed25519');
  if (key.purpose === 'statements') {
    throw new H4Error(
      'H4_PARAM',
      `Cannot name a key ${name}: "/statements" is what statement keys end in; name it without`,
    );
  }
  return key;
}

/** Every secret is equally probable: what is none is drawn again (FIPS 186-5, A.2.2). */
function p256Secret(randomBytes: (count: number) => Uint8Array): Uint8Array {
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const secret = randomBytes(SECRET_BYTES);
    if (isP256Secret(secret)) return secret;
  }
  throw new H4Error('H4_INTERNAL', `Cannot make a P-256 key: ${MAX_DRAWS} times the random bytes were no secret`);
}
