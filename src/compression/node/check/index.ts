/** The certification of cores, usable without the command line. */

export { type CheckOptions, checkCore, type CoreReport } from './check-core.js';
export { type CorpusBlock, corpusBlocks, largeBlock, shortBlocks } from './corpus.js';
export { formatReport, type PageFacts } from './markdown.js';
export type { Evidence, FailedCall, Figure, RequirementId, RequirementResult, Verdict } from './requirement.js';
export { REQUIREMENTS } from './requirement.js';
