/** `engine attest --verify`: what an attestation is worth, check by check. */
import { readFile, stat } from 'node:fs/promises';
import { ENGINE_ID_FORM } from '../../compression/seal.js';
import {
  type AttestationPolicy,
  type AttestationReport,
  verifyAttestation,
} from '../../compression/verify-attestation.js';
import { explain, systemFailure } from '../../storage/node/system-error.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { isJsonObject, type JsonValue, parseStrictJson } from '../../utils/strict-json.js';
import type { Context } from '../context.js';
import { type Identity, nameOf, withEngines } from '../engines.js';
import { EXIT } from '../exit.js';
import { STDIN, inputName, readStdin, resultName } from '../input.js';
import { printable } from '../text.js';
import type { AttestOptions } from './attest.js';
import { readStatementKeys } from './statement-keys.js';

const LIMITS = { maxBytes: 1024 * 1024, maxDepth: 32 };

/** Prints a report. Resolves to 0 if a trusted key has signed what was expected, to 1 if anything is wrong, else to 3. */
export async function checkAttestation(
  file: string,
  options: AttestOptions,
  now: number,
  context: Context,
): Promise<number> {
  const policy = await policyOf(options, now);
  const attestation = await readJson(file, context);
  const current = await currentEngine(context);
  const report = verifyAttestation(attestation, { ...policy, ...('engine_id' in current ? { current } : {}) });
  await (context.json
    ? context.out.json(jsonOf(file, attestation, report))
    : print(file, attestation, report, current, context));
  if (!report.valid) return EXIT.failed;
  return report.proven ? EXIT.done : EXIT.loss;
}

async function policyOf(options: AttestOptions, now: number): Promise<AttestationPolicy> {
  const { key = [], nonce, maxAge, engineId, fingerprint } = options;
  if ((engineId === undefined) !== (fingerprint === undefined)) {
    throw new H4Error('H4_PARAM', 'An engine is named by both: use --engine-id and --fingerprint together');
  }
  if (engineId !== undefined && !ENGINE_ID_FORM.test(engineId)) {
    throw new H4Error('H4_PARAM', `--engine-id ${printable(engineId)} is no engine id`);
  }
  return {
    keys: await readStatementKeys(key),
    now,
    ...(nonce === undefined ? {} : { nonce }),
    ...(maxAge === undefined ? {} : { maxAgeSeconds: maxAge }),
    ...(engineId === undefined || fingerprint === undefined ? {} : { expected: { engine_id: engineId, fingerprint } }),
  };
}

/** The engine that is configured here, or why there is none. It is only compared with: an attestation is good or bad without it. */
async function currentEngine(context: Context): Promise<Identity | { readonly refusal: string }> {
  try {
    return await withEngines(context, async (engines) => (await engines.load()).info);
  } catch (error) {
    if (!isH4Error(error)) throw error;
    return { refusal: error.code };
  }
}

async function readJson(file: string, context: Context): Promise<JsonValue> {
  const bytes = await readBounded(file, context);
  try {
    return parseStrictJson(bytes, LIMITS);
  } catch (error) {
    // Another kind of file is not an attestation that fails: nothing was attested.
    throw isH4Error(error)
      ? new H4Error('H4_PARAM', `${inputName(file)} holds no attestation: ${error.message}`)
      : error;
  }
}

async function readBounded(file: string, context: Context): Promise<Uint8Array> {
  const tooLong = (): H4Error =>
    new H4Error('H4_PARAM', `${inputName(file)} holds no attestation: it has more than ${LIMITS.maxBytes} bytes`);
  if (file !== STDIN) {
    try {
      if ((await stat(file)).size > LIMITS.maxBytes) throw tooLong();
      return await readFile(file);
    } catch (thrown) {
      if (isH4Error(thrown)) throw thrown;
      const why = explain(systemFailure(thrown));
      throw new H4Error('H4_IO', `Cannot read the attestation in ${inputName(file)}: ${why}`, { cause: thrown });
    }
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of readStdin(context) as AsyncIterable<Uint8Array>) {
    length += piece.length;
    if (length > LIMITS.maxBytes) throw tooLong();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Fields of a stranger's JSON, which are shown whatever they are worth. */
function claimed(attestation: JsonValue, name: string): JsonValue {
  return isJsonObject(attestation) ? (attestation[name] ?? null) : null;
}

const CLAIMS = ['engine_id', 'fingerprint', 'sealed', 'timestamp_unix', 'nonce'] as const;

function jsonOf(file: string, attestation: JsonValue, report: AttestationReport): Readonly<Record<string, unknown>> {
  const { valid, proven, names, checks, namesCurrentEngine: current_engine } = report;
  const claims = Object.fromEntries(CLAIMS.map((name) => [name, claimed(attestation, name)]));
  return { file: resultName(file), valid, proven, names, ...claims, current_engine, checks };
}

async function print(
  file: string,
  attestation: JsonValue,
  { valid, proven, names, checks, namesCurrentEngine }: AttestationReport,
  current: Identity | { readonly refusal: string },
  { out }: Context,
): Promise<void> {
  const verdict = !valid
    ? out.paint('red', 'NOT OK: do not rely on it')
    : proven
      ? out.paint('green', `ATTESTED by ${printable(names.join(', '))}`)
      : 'NOTHING PROVEN: no key given, and anybody could have written this';
  await out.line(`${inputName(file)}: ${verdict}`);
  for (const name of CLAIMS) {
    const value = claimed(attestation, name);
    if (value === null) continue;
    await (name === 'timestamp_unix'
      ? out.field('signed at', describeTime(value))
      : out.field(name, printable(typeof value === 'string' ? value : JSON.stringify(value))));
  }
  const same = namesCurrentEngine === true ? 'yes' : 'no';
  await out.field(
    'this host',
    'engine_id' in current
      ? `current engine: ${same}${namesCurrentEngine === true ? '' : `; configured here is ${printable(nameOf(current))}`}`
      : `current engine: unknown; what is configured here is refused (${current.refusal})`,
  );
  for (const { name, ok, why } of checks) {
    await out.field(ok ? 'ok' : 'FAILED', `${name}: ${printable(why)}`);
  }
}

/** ISO 8601 and the number itself; only the number where it is no time. */
function describeTime(value: JsonValue): string {
  const number = printable(JSON.stringify(value));
  const time = typeof value === 'number' ? new Date(value * 1000) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? number : `${time.toISOString()} (${number})`;
}
