/**
 * Reads the reply of a trial. The core shares the process that writes it and can write one itself, so that it has to be complete:
 * every figure that the trial gives, with the numbers that were asked for. That makes forging harder and not impossible; what
 * matters most is compared by the process that checks (exchange.ts).
 */
import { lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Evidence } from './requirement.js';
import type { TrialName, TrialReply, TrialRequest } from './trial.js';
import { countOfBlocks } from './trials/bench.js';

const MAX_REPLY_BYTES = 1024 * 1024;

export function writeReply(path: string, reply: TrialReply): void {
  // Whoever sees the file sees all of it.
  writeFileSync(`${path}.part`, JSON.stringify(reply), { mode: 0o600 });
  renameSync(`${path}.part`, path);
}

export function hasReply(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Undefined if there is none. One that no trial gives has become a failure. */
export function readReply(path: string, request: Omit<TrialRequest, 'notePath' | 'replyPath'>): TrialReply | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isFile() || stat.size > MAX_REPLY_BYTES) return forged('it is no file of a reply');
  let reply: unknown;
  try {
    reply = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return forged('it is no JSON');
  }
  if (!isReply(reply)) return forged('it has not the form of one');
  if (reply.kind !== 'passed') return reply;
  const missing = missingIn(reply.evidence, request);
  return missing.length === 0 ? reply : forged(`${missing.join(', ')} not as the trial gives it`);
}

function forged(why: string): TrialReply {
  const reason = `the reply of its process is not one of the trial: ${why}; a core writes to no file and no descriptor (E11)`;
  return { kind: 'failed', reason, evidence: {}, atCall: false };
}

function isReply(value: unknown): value is TrialReply {
  if (!isRecord(value)) return false;
  const { kind, evidence, figures } = value;
  if (kind === 'refused') return isText(value['code']) && isText(value['message']);
  if (!isEvidence(evidence)) return false;
  if (kind === 'failed') return isText(value['reason']) && typeof value['atCall'] === 'boolean';
  return kind === 'passed' && (figures === undefined || (Array.isArray(figures) && figures.every(isFigure)));
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isEvidence = (value: unknown): value is Evidence =>
  isRecord(value) &&
  Object.values(value).every((each) => each === null || ['string', 'number', 'boolean'].includes(typeof each));

const FIGURE_NUMBERS = [
  ...['bytes', 'compressed_bytes', 'compress_mb_s', 'decompress_mb_s'],
  ...['reference_bytes', 'compress_speedup', 'decompress_speedup'],
];

const isFigure = (value: unknown): boolean =>
  isRecord(value) && isText(value['name']) && FIGURE_NUMBERS.every((name) => Number.isFinite(value[name]));

type Demand = (value: unknown, evidence: Evidence) => boolean;

const count: Demand = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const countOrNull: Demand = (value, evidence) => value === null || count(value, evidence);
const text: Demand = isText;
const textOrNull: Demand = (value) => value === null || isText(value);
const sha256Hex: Demand = (value) => isText(value) && /^[0-9a-f]{64}$/.test(value);
const any: Demand = (value) => value !== undefined;
const equal =
  (wanted: number): Demand =>
  (value) =>
    value === wanted;

/** The names of the evidence that is missing or wrong. */
function missingIn(evidence: Evidence, request: Omit<TrialRequest, 'notePath' | 'replyPath'>): string[] {
  return Object.entries(demandsOf(request.trial, request))
    .filter(([name, demand]) => !demand(evidence[name], evidence))
    .map(([name]) => name);
}

function demandsOf(
  trial: TrialName,
  request: Omit<TrialRequest, 'notePath' | 'replyPath'>,
): Readonly<Record<string, Demand>> {
  const { extent } = request;
  const blocks = countOfBlocks(request);
  /** Those that are too long are counted apart; of these there is one more, the longest that it takes. */
  const allOfThem: Demand = (value, { blocks_refused_as_too_long: refused }) =>
    refused === null ? value === blocks.all : count(value, {}) && Number(value) + Number(refused) >= blocks.all;
  switch (trial) {
    case 'survey':
      return {
        ...{ engine_id: text, declares_id: (value) => typeof value === 'boolean', declared_fingerprint: textOrNull },
        ...{ abi: (value) => value === 'v1' || value === 'v2', exports: request.isWasm ? any : text },
      };
    case 'round-trip':
      return {
        ...{ blocks: allOfThem, bytes: count, longest_block_bytes: count, most_bytes_added: any },
        ...{ other_lengths_refused: countOrNull, blocks_refused_as_too_long: countOrNull },
      };
    case 'pack':
    case 'unpack':
      return { blocks: equal(blocks.all) };
    case 'repeat':
      return {
        ...{ repetitions: equal(extent.repetitions), blocks: equal(blocks.corpus) },
        ...{ threads_started: any, descriptors_left_open: any, signals_changed: textOrNull },
      };
    case 'digest':
      return { output_sha256: sha256Hex, engine_id: text };
    case 'damage':
      return {
        ...{ damaged_blocks: equal(extent.damages), refused: count, restored_to_the_length: count },
        ...{ most_memory_taken_bytes: any, seed: count },
      };
    case 'memory':
      return { calls: equal(2 * extent.calls), block_bytes: count, memory_growth_bytes: any };
    case 'compare':
      return {
        ...{ blocks: allOfThem, bytes: count, blocks_refused_as_too_long: countOrNull },
        ...{ other_engine_id: text, other_fingerprint: (value) => value === request.other?.fingerprint },
      };
    case 'speed':
      return { blocks: count };
  }
}
