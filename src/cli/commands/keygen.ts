/** `harmony4 keygen`: makes a signing key. The secret goes into a file and nowhere else; what is printed is public. */
import { H4Error } from '../../utils/error.js';
import { createSigningKey } from '../../utils/signing-key.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit.js';
import { refuseOptions } from '../not-yet.js';
import { STDOUT, withoutProgramAdvice } from '../output.js';
import { publicFileOf, publicLinesOf, writeSigningKeyFile } from '../signing-key-file.js';
import { type AddVerb, JSON_OPTION, examples } from '../verb.js';

export interface KeygenOptions {
  readonly output: string;
  readonly name: string;
  readonly force?: boolean;
}

const SEED_BYTES = 32;

export const addKeygen: AddVerb = (program, context, done) => {
  const command = program
    .command('keygen')
    .summary('make a signing key')
    .description(
      'Makes an Ed25519 key that signs recordings. The secret is written to KEY, which only you may read; the public half ' +
        'is printed, and written to KEY.pub together with that of the key for statements. Give KEY.pub to whoever ' +
        'verifies. Who has KEY can sign in its name.',
    )
    .requiredOption('-o, --output <KEY>', 'the file for the secret; the public half goes to KEY.pub')
    .requiredOption('--name <NAME>', 'who signs, without spaces and "+": a host and a path that are yours')
    .option('-f, --force', 'overwrite KEY and KEY.pub: what only the old key could sign, nobody can any more')
    .option(...JSON_OPTION)
    .addHelpText('after', examples(context, EXAMPLES))
    .action(async (options: KeygenOptions) => done(await keygen(options, context)));
  refuseOptions(command, ['p256', 'passphrase-file', 'secret'], 'this version does not have that option yet');
};

const EXAMPLES = [
  'keygen -o camera7.key --name example.com/camera7',
  'keygen -o lab.key --name example.com/lab --json',
];

/** Makes the key and prints its public half. Resolves to 0 when both files stand. */
export async function keygen({ output, name, force = false }: KeygenOptions, context: Context): Promise<number> {
  if (output === STDOUT) {
    throw new H4Error('H4_PARAM', 'A secret key is not written to standard output: name a file with -o');
  }
  const key = createSigningKey(name, context.io.randomBytes(SEED_BYTES));
  if (key.purpose === 'statements') {
    throw new H4Error(
      'H4_PARAM',
      `Cannot name a key ${name}: "/statements" is what statement keys end in; name it without`,
    );
  }
  const [verification_key, statement_verification_key] = publicLinesOf(key);
  try {
    await writeSigningKeyFile(output, key, { force });
  } catch (error) {
    throw withoutProgramAdvice(error);
  }
  await (context.json
    ? context.out.json({
        file: output,
        public_file: publicFileOf(output),
        name: key.name,
        key_id: key.keyId,
        verification_key,
        statement_verification_key,
      })
    : context.out.line(verification_key));
  return EXIT.done;
}
