/** Every route as it is documented, and every refusal, asked by injection. */
import { readFileSync, readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { verifyEnvelope, parseEnvelope } from '../../src/utils/dsse.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { builtinEngines } from '../../src/compression/index.js';
import { GeometricReferenceCompressor } from '../../src/compression/reference.js';
import { createSigningKey, statementKey } from '../../src/utils/signing-key.js';
import { parseVerificationKey } from '../../src/utils/verification-key.js';
import { concatBytes, toHex, utf8Encode } from '../../src/utils/bytes.js';
import type { ErrorCode } from '../../src/utils/error-codes.js';
import { H4Error } from '../../src/utils/error.js';
import { sha256 } from '../../src/utils/sha256.js';
import { cli } from '../cli/support/harness.js';
import { lcgBytes } from '../compression/lcg.js';
import { describeShared } from '../support/shared.js';
import {
  NOW_MILLIS,
  OCTETS,
  VERSION,
  type Service,
  type ServiceOptions,
  createService,
  expectProblem,
  formOf,
  scriptedEngine,
} from './service.js';

const KiB = 1024;
const open: Service[] = [];

async function service(options: ServiceOptions = {}): Promise<Service> {
  const made = await createService(options);
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const { app } of open.splice(0)) await app.close();
});

const json = (body: string): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;
const HOST = { host: 'localhost:8000' };
const media = concatBytes(lcgBytes(3, 150_000), new Uint8Array(100_000));

describe('GET /health', () => {
  it('says that the service lives, and which version', async () => {
    const { app } = await service();
    const answer = await app.inject({ url: '/health', headers: HOST });
    expect(answer.statusCode).toBe(200);
    expect(json(answer.body)).toEqual({
      status: 'ok',
      project: 'HarmonyØ4',
      service: 'HarmonyØ4 Media API',
      version: VERSION,
    });
  });

  it('is ready while the engine is sealed, and says why when it is not', async () => {
    const { app, watch, lifecycle } = await service();
    const ask = () => app.inject({ url: '/health/ready', headers: HOST });
    expect(json((await ask()).body)).toEqual({
      status: 'ready',
      engine_id: 'h4ref-geo-v1',
      sealed: false,
      seal_level: 0,
    });
    watch.onEvent({ type: 'seal-failure', code: 'H4_CORE_ALTERED', message: 'altered: /srv/secret/core.so' });
    const altered = expectProblem(await ask(), 'H4_CORE_ALTERED');
    expect(altered['detail']).toContain(
      'refused when a process of it was to be sealed. The core has another fingerprint',
    );
    expect(altered['detail']).not.toContain('request_id');
    expect(JSON.stringify(altered)).not.toContain('/srv');
    watch.onEvent({
      type: 'start-failure',
      code: 'H4_CORE_LOAD',
      message: 'late: /srv/secret/core.so',
      lane: 'compress',
    });
    const late = expectProblem(await ask(), 'H4_CORE_LOAD');
    expect(late['detail']).toContain('could not be started');
    expect(JSON.stringify(late)).not.toContain('/srv');
    watch.onEvent({ type: 'seal-pass', info: new GeometricReferenceCompressor().info() });
    expect((await ask()).statusCode).toBe(200);
    lifecycle.isStopping = true;
    const stopping = await ask();
    expectProblem(stopping, 'H4_BUSY');
    expect(stopping.headers['retry-after']).toBe('1');
    expect((await app.inject({ url: '/health', headers: HOST })).statusCode).toBe(200);
    expectProblem(await app.inject({ url: '/compress/info', headers: HOST }), 'H4_BUSY');
  });
});

describe('GET /health/ready of a service that is not', () => {
  it('is 503 whatever the code has elsewhere, and no error in the log, however often it is asked', async () => {
    const { app, watch, lifecycle, log } = await service();
    const ask = () => app.inject({ url: '/health/ready', headers: HOST });
    watch.onEvent({ type: 'start-failure', code: 'H4_ENGINE_BAD_OUTPUT', message: 'nonsense' });
    for (let i = 0; i < 3; i++) {
      const answer = await ask();
      expect([answer.statusCode, json(answer.body)['status'], json(answer.body)['code']]).toEqual([
        ...[503, 503, 'H4_ENGINE_BAD_OUTPUT'],
      ]);
    }
    lifecycle.isStopping = true;
    expectProblem(await ask(), 'H4_BUSY');
    const lines = log.map(json);
    expect(lines.filter(({ msg }) => msg === 'not ready')).toHaveLength(4);
    expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([]);
  });
});

describe('GET /compress/info', () => {
  it('has exactly the eight public facts', async () => {
    const { app } = await service();
    const answer = await app.inject({ url: '/compress/info', headers: HOST });
    expect(json(answer.body)).toEqual(new GeometricReferenceCompressor().info());
    expect(Object.keys(json(answer.body))).toEqual([
      ...['engine', 'engine_id', 'fingerprint', 'deterministic', 'identity_safe', 'opaque', 'sealed', 'seal_level'],
    ]);
  });

  it('shows nothing else that an engine may say of itself', async () => {
    const engine = scriptedEngine(() => undefined);
    const told = { ...engine.info(), path: '/srv/core.so' };
    const { app } = await service({ engine: { ...engine, info: () => told } });
    const answer = await app.inject({ url: '/compress/info', headers: HOST });
    expect(answer.body).not.toContain('/srv');
    expect(Object.keys(json(answer.body))).toHaveLength(8);
  });
});

describe('GET /compress/attest', () => {
  it('hashes id, fingerprint and time', async () => {
    const { app } = await service();
    const body = json((await app.inject({ url: '/compress/attest', headers: HOST })).body);
    const { engine_id, fingerprint } = new GeometricReferenceCompressor().info();
    const timestamp_unix = Math.floor(NOW_MILLIS / 1000);
    expect(body).toEqual({
      engine_id,
      fingerprint,
      timestamp_unix,
      attestation_hash: toHex(sha256(utf8Encode(`${engine_id}|${fingerprint}|${timestamp_unix}`))),
      sealed: false,
      engine: 'reference',
    });
  });

  it('is signed with the key for statements, over the nonce', async () => {
    const signingKey = createSigningKey('service.example.org', new Uint8Array(32).fill(7));
    const { app } = await service({ signingKey });
    const nonce = 'AAECAwQFBgcICQoLDA0ODw';
    const body = json((await app.inject({ url: `/compress/attest?nonce=${nonce}`, headers: HOST })).body);
    expect(body).toMatchObject({ nonce });
    const envelope = parseEnvelope(utf8Encode(JSON.stringify(body['envelope'])));
    const { payload } = verifyEnvelope(envelope, [parseVerificationKey(statementKey(signingKey).verificationKey)]);
    expect(json(new TextDecoder().decode(payload))).toMatchObject({ predicate: { nonce } });
  });

  it.each([
    '',
    'short',
    'A'.repeat(21),
    'A'.repeat(87),
    'AAECAwQFBgcICQoLDA0OD=',
    'AAECAwQFBgcICQoLDA0O+w',
    'AAECAwQFBgcICQoLDA0ODx',
  ])('refuses the nonce %j', async (nonce) => {
    const { app } = await service();
    const answer = await app.inject({ url: '/compress/attest', query: { nonce }, headers: HOST });
    expect(expectProblem(answer, 'H4_PARAM')['detail']).toContain('nonce');
  });
});

describe('GET /metrics', () => {
  it('has the seal level of the engine that writes', async () => {
    const { app, watch } = await service();
    for (const seal_level of [3, 2, 1] as const) {
      watch.activate({ ...new GeometricReferenceCompressor().info(), seal_level });
      const { body } = await app.inject({ url: '/metrics', headers: HOST });
      expect(body.split('\n')).toContain(`harmony4_seal_level ${seal_level}`);
    }
  });

  it('counts seals, crashes and failures, and names the engine', async () => {
    const { app, watch } = await service();
    const info = new GeometricReferenceCompressor().info();
    watch.onEvent({ type: 'seal-pass', info });
    watch.onEvent({ type: 'seal-pass', info });
    watch.onEvent({ type: 'seal-failure', code: 'H4_CORE_LOAD', message: '' });
    watch.onEvent({ type: 'start-failure', code: 'H4_CORE_LOAD', message: '', lane: 'decompress' });
    watch.onEvent({ type: 'start-failure', code: 'H4_IO', message: '' });
    watch.onEvent({ type: 'process-crash', pid: 1, lane: 'decompress', reason: 'SIGSEGV' });
    watch.onEvent({ type: 'call-failure', code: 'H4_ENGINE_CRASHED', lane: 'decompress' });
    for (const type of ['warning', 'fallback'] as const) watch.onEvent({ type, message: '' });
    const answer = await app.inject({ url: '/metrics', headers: HOST });
    expect(answer.headers['content-type']).toContain('text/plain');
    expect(answer.body.split('\n')).toEqual(
      expect.arrayContaining([
        'harmony4_seal_checks_total 3',
        'harmony4_seal_passes_total 2',
        'harmony4_seal_failures_total 1',
        'harmony4_engine_start_failures_total 2',
        'harmony4_seal_level 0',
        'harmony4_active_engine{engine_id="h4ref-geo-v1"} 1',
        'harmony4_engine_crashes_total{lane="compress"} 0',
        'harmony4_engine_crashes_total{lane="decompress"} 1',
        'harmony4_engine_call_failures_total{code="H4_ENGINE_CRASHED",lane="decompress"} 1',
      ]),
    );
  });
});

describe('POST /compress', () => {
  const post = async (target: Service, url: string, body: Uint8Array) =>
    target.app.inject({ method: 'POST', url, headers: { ...HOST, ...OCTETS }, payload: Buffer.from(body) });

  it.each([
    ['of any bytes', media],
    ['of nothing', new Uint8Array(0)],
    ['of something that begins like media', concatBytes(utf8Encode('fLaC\0\0'), media)],
  ])('makes the recording that export makes of the same bytes: %s', async (_what, bytes) => {
    const answer = await post(await service(), '/compress?block_size=65536&gop=2&fps_hint=30000/1001', bytes);
    expect(answer.statusCode).toBe(200);
    const argv = ['export', '-', '-o', '-', '--engine', 'reference', '--block-size', '64KiB', '--gop', '2'];
    const exported = await cli([...argv, '--fps-hint', '30000/1001'], { stdin: bytes });
    expect(exported.code).toBe(0);
    expect(answer.rawPayload.equals(exported.bytes)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/vnd.h4mk',
      'content-length': String(exported.bytes.length),
      'x-compressed-size': String(exported.bytes.length),
      'x-harmony4-engine': 'h4ref-geo-v1',
      'content-disposition': `attachment; filename="recording.h4mk"; filename*=UTF-8''recording.h4mk`,
    });
  });

  it('takes forms, and their fields before the file like query parameters', async () => {
    const target = await service();
    const form = formOf(media, {
      before: [
        ['block_size', '65536'],
        ['gop', '2'],
      ],
    });
    const answer = await target.app.inject({
      method: 'POST',
      url: '/compress',
      ...form,
      headers: { ...HOST, ...form.headers },
    });
    const bare = await post(target, '/compress?block_size=65536&gop=2', media);
    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload.equals(bare.rawPayload)).toBe(true);
  });

  it('has the uid that was asked for, zeros without a key, and else one of its own', async () => {
    const uidOf = async (bytes: Uint8Array): Promise<unknown> =>
      (await H4MKReader.open(createMemorySource(bytes), { engines: builtinEngines() })).info.uid;
    const asked = await post(await service(), `/compress?uid=${'C0FFEE00'.repeat(4)}`, media);
    expect(await uidOf(asked.rawPayload)).toBe('c0ffee00'.repeat(4));
    expect(await uidOf((await post(await service(), '/compress', media)).rawPayload)).toBe('0'.repeat(32));
    const signingKey = createSigningKey('service.example.org', new Uint8Array(32).fill(7));
    expect(await uidOf((await post(await service({ signingKey }), '/compress', media)).rawPayload)).toBe(
      'ab'.repeat(16),
    );
  });

  it('gives one bare block with format=raw', async () => {
    const target = await service();
    const answer = await post(target, '/compress?format=raw', media);
    const block = new GeometricReferenceCompressor().compress(media);
    expect(answer.rawPayload.equals(block)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'x-compressed-size': String(block.length),
    });
    const form = formOf(media, { before: [['format', 'raw']] });
    const fromForm = await target.app.inject({
      method: 'POST',
      url: '/compress',
      ...form,
      headers: { ...HOST, ...form.headers },
    });
    expect(fromForm.rawPayload.equals(block)).toBe(true);
  });
});

describe('POST /compress/decompress', () => {
  const post = async ({ app }: Service, url: string, body: Uint8Array) =>
    app.inject({ method: 'POST', url, headers: { ...HOST, ...OCTETS }, payload: Buffer.from(body) });

  it('gives back what went into a recording, with its size when it is known before the first byte', async () => {
    const target = await service();
    const recording = (await post(target, '/compress?block_size=65536', media)).rawPayload;
    const small = await post(target, '/compress/decompress', recording);
    expect(small.rawPayload.equals(media)).toBe(true);
    expect(small.headers).toMatchObject({
      'x-decompressed-size': String(media.length),
      'x-harmony4-engine': 'h4ref-geo-v1',
      'content-type': 'application/octet-stream',
    });
    expect(small.headers['x-harmony4-engine-equivalent']).toBeUndefined();
    const streamed = await post(await service({ limits: { heldBytes: 10 * KiB } }), '/compress/decompress', recording);
    expect(streamed.rawPayload.equals(media)).toBe(true);
    expect(streamed.headers['x-decompressed-size']).toBeUndefined();
  });

  it('gives back what went into a bare block, if it is told how long that was', async () => {
    const target = await service();
    const block = (await post(target, '/compress?format=raw', media)).rawPayload;
    const answer = await post(target, `/compress/decompress?format=raw&raw_length=${media.length}`, block);
    expect(answer.rawPayload.equals(media)).toBe(true);
    expect(answer.headers['x-decompressed-size']).toBe(String(media.length));
    expect(expectProblem(await post(target, '/compress/decompress?format=raw', block), 'H4_PARAM')['field']).toBe(
      'raw_length',
    );
    expectProblem(await post(target, '/compress/decompress?format=raw&raw_length=5', block), 'H4_ENGINE_OUTPUT');
    expectProblem(
      await post(target, `/compress/decompress?format=raw&raw_length=${64 * KiB * KiB + 1}`, block),
      'H4_PARAM',
    );
  });

  it('says so when another build has decoded, which the operator holds equivalent', async () => {
    const { createEngineSet } = await import('../../src/compression/api/engine-set.js');
    const { parseEquivalents } = await import('../../src/compression/api/equivalents.js');
    const ours = scriptedEngine(() => undefined);
    const theirs = { ...ours, info: () => ({ ...ours.info(), engine_id: 'theirs', fingerprint: 'ab'.repeat(32) }) };
    const recording = (await post(await service({ engine: theirs }), '/compress', media)).rawPayload;
    expectProblem(await post(await service({ engine: ours }), '/compress/decompress', recording), 'H4_ENGINE_UNKNOWN');
    const target = await service({ engine: ours });
    const list = parseEquivalents(`theirs ${'ab'.repeat(32)} = scripted-v1 ${ours.info().fingerprint}`);
    Object.assign(target.engine, { engines: createEngineSet([ours], list) });
    const answer = await post(target, '/compress/decompress', recording);
    expect(answer.rawPayload.equals(media)).toBe(true);
    expect(answer.headers).toMatchObject({
      'x-harmony4-engine': 'scripted-v1',
      'x-harmony4-engine-equivalent': 'true',
    });
  });

  it('refuses an engine that undoes its blocks wrongly, by the hash of the source', async () => {
    const honest = scriptedEngine(() => undefined);
    const liar = { ...honest, decompress: (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1) };
    const target = await service({ engine: liar });
    const recording = (await post(target, '/compress', media)).rawPayload;
    expectProblem(await post(target, '/compress/decompress', recording), 'H4_COMMIT_MISMATCH');
  });

  const vectors = new URL('../../spec/vectors/', import.meta.url);
  const vector = (name: string): Uint8Array => readFileSync(new URL(name, vectors));

  it.each([
    ['live', 'H4_TRUNCATED'],
    ['crashed', 'H4_TRUNCATED'],
    ['lone-tokn', 'H4_TOKN_NO_PAYLOAD'],
    ['no-tail', 'H4_TAIL_MISSING'],
    ['hidden', 'H4_KEY_MISSING'],
    ['redacted', 'H4_KEY_MISSING'],
    ['slice', 'H4_TRUNCATED'],
    ['legacy', 'H4_ENGINE_UNKNOWN'],
  ] as const)('refuses %s.h4mk with %s: not all of it is there to be read', async (name, code) => {
    expectProblem(await post(await service(), '/compress/decompress', vector(`v1/${name}.h4mk`)), code);
  });

  it('refuses every broken sample that a reader refuses, and never with the status of a defect', async () => {
    const target = await service();
    const samples = readdirSync(new URL('broken/', vectors)).filter((name) => name.endsWith('.h4mk'));
    expect(samples.length).toBeGreaterThan(60);
    for (const name of samples) {
      const answer = await post(target, '/compress/decompress', vector(`broken/${name}`));
      expect([name, answer.statusCode >= 400 && answer.statusCode < 500]).toEqual([name, true]);
      expectProblem(answer, json(answer.body)['code'] as ErrorCode);
    }
  });

  it('gives the track that was asked for, and the seek track otherwise', async () => {
    const target = await service();
    const bytes = vector('v1/signed.h4mk');
    const { metas } = await readTracks(bytes);
    const [seek, other] = await Promise.all([
      post(target, '/compress/decompress', bytes),
      post(target, '/compress/decompress?track=1', bytes),
    ]);
    expect([seek.statusCode, other.statusCode]).toEqual([200, 200]);
    expect(seek.rawPayload.equals(metas.get(0) ?? new Uint8Array(1))).toBe(true);
    expect(other.rawPayload.equals(metas.get(1) ?? new Uint8Array(1))).toBe(true);
    expect(expectProblem(await post(target, '/compress/decompress?track=9', bytes), 'H4_PARAM')['field']).toBe('track');
  });

  async function readTracks(bytes: Uint8Array): Promise<{ readonly metas: ReadonlyMap<number, Uint8Array> }> {
    const reader = await H4MKReader.open(createMemorySource(bytes), { engines: builtinEngines() });
    const metas = new Map<number, Uint8Array>();
    for (const { id } of (await reader.metas()).tracks) {
      const pieces: Uint8Array[] = [];
      for await (const block of reader.blocks({ track: id })) pieces.push(block.bytes);
      metas.set(id, concatBytes(...pieces));
    }
    return { metas };
  }

  it('refuses a recording that is cut anywhere, or has a byte flipped anywhere', async () => {
    const target = await service();
    const whole = (await post(target, '/compress', lcgBytes(9, 3000))).rawPayload;
    expect((await verifyContainer(createMemorySource(whole))).exit_code).toBe(0);
    const step = 37;
    for (let at = 0; at < whole.length; at += step) {
      const cut = await post(target, '/compress/decompress', whole.subarray(0, at));
      expect([at, cut.statusCode >= 400 && cut.statusCode < 500]).toEqual([at, true]);
      const flipped = Uint8Array.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      const changed = await post(target, '/compress/decompress', flipped);
      expect([at, changed.statusCode >= 400 && changed.statusCode < 500]).toEqual([at, true]);
    }
  });
});

describe('refusals', () => {
  const get = async (url: string, headers: Record<string, string> = HOST) =>
    (await service()).app.inject({ url, headers });
  const post = async (
    url: string,
    headers: Record<string, string>,
    payload: Uint8Array = media,
    options: ServiceOptions = {},
  ) =>
    (await service(options)).app.inject({
      method: 'POST',
      url,
      headers: { ...HOST, ...headers },
      payload: Buffer.from(payload),
    });

  it.each(['/', '/compress/nothing', '/health/', '/%', '/compress%2Finfo', '//', '/compress/info;x'])(
    'nothing is at %s',
    async (url) => {
      const answer = await get(url);
      expect([400, 404]).toContain(answer.statusCode);
      expectProblem(answer, answer.statusCode === 404 ? 'H4_NOT_FOUND' : 'H4_PARAM');
    },
  );

  it.each([
    ['GET', '/compress', 'POST'],
    ['PUT', '/compress', 'POST'],
    ['OPTIONS', '/compress/decompress', 'POST'],
    ['DELETE', '/health', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
  ] as const)('%s %s is no method of that address', async (method, url, allow) => {
    const { app } = await service();
    const answer = await app.inject({ method, url, headers: HOST });
    expectProblem(answer, 'H4_METHOD');
    expect(answer.headers['allow']).toBe(allow);
  });

  it.each([
    '/health?x=1',
    '/health/ready?x=1',
    '/metrics?x=1',
    '/compress/info?verbose=1',
    '/compress/attest?nonces=1',
  ])('%s has a parameter that is not known, and is told its name', async (url) => {
    expect(expectProblem(await get(url), 'H4_PARAM')['field']).toBe(/\?(\w+)=/.exec(url)?.[1]);
  });

  it.each([
    ['block_size', '65535'],
    ['block_size', '8388609'],
    ['block_size', '64KiB'],
    ['block_size', '-1'],
    ['gop', '0'],
    ['gop', '601'],
    ['fps_hint', '0'],
    ['fps_hint', '241'],
    ['fps_hint', 'fast'],
    ['uid', 'abc'],
    ['uid', 'g'.repeat(32)],
    ['format', 'RAW'],
    ['engine', 'stored'],
    ['master_key_hex', '00ff'],
  ])('%s=%s is refused by name, and its value is not repeated', async (name, value) => {
    const answer = await post(`/compress?${name}=${value}`, OCTETS);
    const problem = expectProblem(answer, 'H4_PARAM');
    expect(problem['field']).toBe(name);
    if (value.length > 3) expect(problem['detail']).not.toContain(value);
    const form = formOf(media, { before: [[name, value]] });
    expect(expectProblem(await post('/compress', form.headers, form.payload), 'H4_PARAM')['field']).toBe(name);
  });

  it('parameters of the one format are unknown in the other', async () => {
    expectProblem(await post('/compress?format=raw&block_size=65536', OCTETS), 'H4_PARAM');
    expectProblem(await post('/compress/decompress?raw_length=5', OCTETS), 'H4_PARAM');
    expectProblem(await post('/compress/decompress?format=raw&raw_length=5&track=0', OCTETS), 'H4_PARAM');
  });

  it('a parameter that is given twice, in either place, is refused', async () => {
    expectProblem(await post('/compress?gop=2&gop=2', OCTETS), 'H4_PARAM');
    const both = formOf(media, { before: [['gop', '2']] });
    expectProblem(await post('/compress?gop=2', both.headers, both.payload), 'H4_PARAM');
    const twice = formOf(media, {
      before: [
        ['gop', '2'],
        ['gop', '2'],
      ],
    });
    expectProblem(await post('/compress', twice.headers, twice.payload), 'H4_PARAM');
  });

  it('the name of an unknown parameter cannot forge anything, and is cut', async () => {
    const problem = expectProblem(await get(`/health?${'%0a%22'.repeat(400)}=1`), 'H4_PARAM');
    expect(String(problem['field'])).toHaveLength(64);
    expect(problem['detail']).not.toContain('\n');
  });

  it.each([
    {},
    { 'content-type': 'application/json' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'nonsense' },
  ])('a body of another type is refused: %j', async (headers) => {
    const problem = expectProblem(await post('/compress', headers), 'H4_MEDIA_TYPE');
    expect(problem['detail']).toContain("send the bytes as application/octet-stream, or as the part 'file'");
  });

  it('a request without a body is told how to send one', async () => {
    const { app } = await service();
    const answer = await app.inject({ method: 'POST', url: '/compress', headers: HOST });
    expect(expectProblem(answer, 'H4_MEDIA_TYPE')['detail']).toContain('application/octet-stream');
  });

  it('a form without the file, with another file, with two, or with a field behind it is refused', async () => {
    const none = formOf(undefined, { before: [['gop', '2']] });
    expect(expectProblem(await post('/compress', none.headers, none.payload), 'H4_PARAM')['field']).toBe('file');
    const other = formOf(media, { name: 'upload' });
    expect(expectProblem(await post('/compress', other.headers, other.payload), 'H4_PARAM')['field']).toBe('upload');
    const field = formOf(media, { after: '--BOUNDARY\r\nContent-Disposition: form-data; name="gop"\r\n\r\n5\r\n' });
    expect(expectProblem(await post('/compress', field.headers, field.payload), 'H4_PARAM')['field']).toBe('gop');
    const second = '--BOUNDARY\r\nContent-Disposition: form-data; name="file"; filename="y"\r\n\r\nabc\r\n';
    const two = formOf(media, { after: second });
    expectProblem(await post('/compress', two.headers, two.payload), 'H4_PARAM');
    const long = formOf(media, { before: [['gop', '5'.repeat(5000)]] });
    expectProblem(await post('/compress', long.headers, long.payload), 'H4_PARAM');
    const many = formOf(media, { before: Array.from({ length: 30 }, (_, i) => [`field${i}`, '1'] as const) });
    expectProblem(await post('/compress', many.headers, many.payload), 'H4_PARAM');
    const named = formOf(media, { before: [['__proto__', '1']] });
    expectProblem(await post('/compress', named.headers, named.payload), 'H4_PARAM');
  });

  it.each([0, 1, 50, 150, 1000])('a form that ends %i bytes early is no short file', async (missing) => {
    const { headers, payload } = formOf(media.subarray(0, 3000));
    const answer = await post('/compress', headers, payload.subarray(0, payload.length - missing));
    if (missing === 0) expect(answer.statusCode).toBe(200);
    else if (missing > 2) expectProblem(answer, 'H4_PARAM');
  });

  it('a body beyond the limit is refused, whether it says how long it is or not', async () => {
    const options = { limits: { maxUploadBytes: 1000, maxRawBytes: 500 } };
    expectProblem(await post('/compress', OCTETS, media.subarray(0, 1001), options), 'H4_UPLOAD_LIMIT');
    expect((await post('/compress', OCTETS, media.subarray(0, 1000), options)).statusCode).toBe(200);
    expectProblem(await post('/compress?format=raw', OCTETS, media.subarray(0, 501), options), 'H4_UPLOAD_LIMIT');
    expectProblem(
      await post('/compress/decompress?format=raw&raw_length=1', OCTETS, media.subarray(0, 501), options),
      'H4_UPLOAD_LIMIT',
    );
    const form = formOf(media.subarray(0, 1001));
    expectProblem(await post('/compress', form.headers, form.payload, options), 'H4_UPLOAD_LIMIT');
  });

  it.each([
    'H4_ENGINE_CRASHED',
    'H4_ENGINE_TIMEOUT',
    'H4_ENGINE_BAD_OUTPUT',
    'H4_BUSY',
    'H4_CORE_ALTERED',
    'H4_STATE',
  ] as const)('an engine that fails with %s fails the request, and the next one is served', async (code) => {
    const engine = scriptedEngine(({ index }) => {
      if (index < 2) throw new H4Error(code, 'It failed in /srv/cores/core.so');
    });
    const target = await service({ engine });
    const send = (url: string) =>
      target.app.inject({ method: 'POST', url, headers: { ...HOST, ...OCTETS }, payload: Buffer.from(media) });
    for (const url of ['/compress', '/compress?format=raw']) {
      const answer = await send(url);
      const problem = expectProblem(answer, code === 'H4_STATE' ? 'H4_INTERNAL' : code);
      if (code === 'H4_CORE_ALTERED' || code === 'H4_STATE') expect(problem['detail']).not.toContain('/srv');
      expect(answer.headers['retry-after']).toBe(code === 'H4_BUSY' ? '1' : undefined);
      expect(answer.headers['content-disposition']).toBeUndefined();
    }
    expect((await send('/compress')).statusCode).toBe(200);
    expect((await send('/compress?format=raw')).statusCode).toBe(200);
  });

  it('a defect is told as such, without a stack, and the log has it', async () => {
    const target = await service({
      engine: scriptedEngine(() => {
        throw new TypeError('undefined is not a function at /srv/x.js');
      }),
    });
    const answer = await target.app.inject({
      method: 'POST',
      url: '/compress?format=raw',
      headers: { ...HOST, ...OCTETS },
      payload: Buffer.from(media),
    });
    expect(expectProblem(answer, 'H4_INTERNAL')['detail']).not.toContain('undefined');
    expect(target.log.some((line) => line.includes('failed by a defect') && line.includes('undefined is not'))).toBe(
      true,
    );
  });
});

describe('every answer', () => {
  it('has an id of its own and the headers that keep browsers from guessing', async () => {
    const { app } = await service();
    const ids = new Set<unknown>();
    for (const [method, url] of [
      ['GET', '/health'],
      ['HEAD', '/compress/info'],
      ['GET', '/nothing'],
      ['DELETE', '/health'],
      ['GET', '/%'],
      ['POST', '/compress'],
    ] as const) {
      const { headers } = await app.inject({ method, url, headers: { ...HOST, 'x-request-id': 'mine' } });
      ids.add(headers['x-request-id']);
      expect([url, headers]).toMatchObject([
        url,
        {
          'x-content-type-options': 'nosniff',
          'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
          'cross-origin-resource-policy': 'same-origin',
          'referrer-policy': 'no-referrer',
          'cache-control': 'no-store',
        },
      ]);
    }
    expect(ids.size).toBe(6);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each(['/health', '/health/ready', '/metrics', '/compress/info', '/compress/attest'])(
    'to HEAD %s is that to GET without its body',
    async (url) => {
      const { app } = await service();
      const [head, get] = [
        await app.inject({ method: 'HEAD', url, headers: HOST }),
        await app.inject({ url, headers: HOST }),
      ];
      expect([head.statusCode, head.body]).toEqual([200, '']);
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
      expect(head.headers['content-type']).toBe(get.headers['content-type']);
    },
  );

  it('leaves one line in the log, without query, headers and body', async () => {
    const { app, log } = await service();
    const secret = 'deadbeef'.repeat(8);
    await app.inject({
      method: 'POST',
      url: `/compress?master_key_hex=${secret}#${secret}`,
      headers: { ...HOST, ...OCTETS, 'x-harmony4-key': secret, authorization: `Bearer ${secret}` },
      payload: Buffer.from(secret),
    });
    const lines = log.map(json).filter(({ msg }) => msg === 'request');
    expect(lines).toMatchObject([{ method: 'POST', path: '/compress', status: 400 }]);
    expect(log.join('')).not.toContain(secret);
  });
});

describeShared('answers of the earlier service', (shared) => {
  const earlier = (name: string): Record<string, unknown> =>
    json(readFileSync(`${shared}/fixtures/http/${name}`, 'utf8'));

  it('have their fields still, where the contract keeps them', async () => {
    const { app } = await service();
    const now = async (url: string) => json((await app.inject({ url, headers: HOST })).body);
    expect(await now('/health')).toMatchObject(earlier('health.json'));
    expect(Object.keys(await now('/compress/attest'))).toEqual(Object.keys(earlier('compress_attest.json')));
    const kept = Object.keys(earlier('compress_info.json')).filter(
      (name) => !['algorithm', 'basis', 'open_source', 'lossless'].includes(name),
    );
    expect(kept).toEqual(['engine', 'deterministic', 'identity_safe']);
    expect(await now('/compress/info')).toMatchObject({ deterministic: true, identity_safe: true });
    const { engine_id, fingerprint, timestamp_unix, attestation_hash } = earlier('compress_attest.json');
    const text = [engine_id, fingerprint, timestamp_unix].join('|');
    expect(toHex(sha256(utf8Encode(text)))).toBe(attestation_hash);
  });
});
