/** The process of one trial: loads the core, tries it as it is told, answers once, and ends. */
import { readFileSync } from 'node:fs';
import { isH4Error } from '../../../utils/error.js';
import { loadSealedCore, type SealedCore } from '../sealed-core.js';
import { CallNote } from './call-note.js';
import { Failed, NotedCore } from './noted-core.js';
import { processState } from './process-state.js';
import { writeReply } from './reply.js';
import type { TrialName, TrialReply, TrialRequest } from './trial.js';
import type { Trial } from './trials/bench.js';
import { compare } from './trials/compare.js';
import { damage } from './trials/damage.js';
import { digest, repeat } from './trials/determinism.js';
import { pack, unpack } from './trials/exchange.js';
import { memory } from './trials/memory.js';
import { roundTrip } from './trials/round-trip.js';
import { speed } from './trials/speed.js';
import { survey } from './trials/survey.js';

const TRIAL_BY_NAME: Readonly<Record<TrialName, Trial>> = {
  survey,
  'round-trip': roundTrip,
  pack,
  unpack,
  repeat,
  digest,
  damage,
  memory,
  speed,
  compare,
};

const request = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as TrialRequest;
// Nothing else keeps the process: it ends when it has answered.
writeReply(request.replyPath, await run(request));

async function run(request: TrialRequest): Promise<TrialReply> {
  const { core: file, temporaryFolder, trial } = request;
  const note = new CallNote(request.notePath);
  let sealed: SealedCore | undefined;
  const before = processState();
  try {
    const folder = temporaryFolder === undefined ? {} : { temporaryFolder };
    sealed = await loadSealedCore(file.path, { pins: { fingerprint: file.fingerprint }, ...folder });
    const { core, info } = sealed;
    const found = await TRIAL_BY_NAME[trial]({
      core: new NotedCore(core, note),
      bare: core,
      info,
      note,
      request,
      before,
    });
    return { kind: 'passed', ...found };
  } catch (error) {
    return replyTo(error, sealed !== undefined);
  } finally {
    note.close();
  }
}

function replyTo(error: unknown, isLoaded: boolean): TrialReply {
  if (error instanceof Failed) return { kind: 'failed', reason: error.message, evidence: {}, atCall: true };
  if (isH4Error(error) && isLoaded) {
    return { kind: 'failed', reason: `${error.code}: ${error.message}`, evidence: {}, atCall: true };
  }
  const { code, message } = isH4Error(error) ? error : { code: 'H4_INTERNAL', message: String(error) };
  return { kind: 'refused', code, message };
}
