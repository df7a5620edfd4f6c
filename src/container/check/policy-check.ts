/**
 * What a policy asks for and a file does not have (spec/h4mk.md section 16). These are no faults of the file: they do not change
 * its state, but a file with one of them is not accepted. What breaks a rule is not accepted anyway, so that a missing
 * signature is not mentioned then; a contradiction to what was seen before always is.
 */
import type { Finding } from './findings.js';
import type { CheckResult } from './format-check.js';
import { type TrustPolicy, engineFault } from '../trust/trust.js';

/** Of the whole file, not of one chunk. */
const WHOLE_FILE = 0;

export const policyFindings = (
  result: CheckResult | undefined,
  isSound: boolean,
  policy: TrustPolicy | undefined,
): Finding[] => {
  if (result === undefined || policy === undefined) return [];
  const signature = isSound ? signatureFinding(result, policy) : undefined;
  const engine = isSound ? engineFinding(result, policy) : undefined;
  // The newest checkpoint may lie behind what could not be read: only a file that was read to its end can be an old copy.
  const seen = result.seenFaults.filter(({ code }) => isSound || code !== 'H4_ROLLBACK');
  return [signature, engine, ...seen].filter((finding) => finding !== undefined);
};

const signatureFinding = (
  { newest, signatureCount, nearMiss, format }: CheckResult,
  policy: TrustPolicy,
): Finding | undefined => {
  if (newest !== undefined) return undefined;
  if (signatureCount === 0) {
    const message =
      format === 'legacy'
        ? 'The policy requires a signature, and a legacy file cannot have one'
        : 'The policy requires a signature, and the file has none';
    return { code: 'H4_SIGN_MISSING', offset: WHOLE_FILE, message };
  }
  if (nearMiss?.lacks === 'quorum') {
    const have = nearMiss.shortfall?.have ?? 0;
    const message = `A trusted key has signed, but ${have} of the ${policy.quorum ?? 0} witnesses that the policy requires`;
    return { code: 'H4_SIGN_QUORUM', offset: nearMiss.offset, message };
  }
  const { threshold = 1 } = policy;
  const wanted = threshold > 1 ? `${threshold} keys that the policy trusts` : 'a key that the policy trusts';
  const message = `None of the ${signatureCount} checkpoints is signed by ${wanted}, in force and over these records`;
  return { code: 'H4_SIGN_UNTRUSTED', offset: nearMiss?.offset ?? WHOLE_FILE, message };
};

/** Which engine made the blocks is what the signer says in record 0. */
const engineFinding = ({ metas }: CheckResult, { engines }: TrustPolicy): Finding | undefined => {
  const named = metas?.info?.compression;
  const message = named === undefined ? undefined : engineFault(named, engines);
  return message === undefined ? undefined : { code: 'H4_ENGINE_UNTRUSTED', offset: WHOLE_FILE, message };
};
