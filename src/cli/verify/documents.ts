/** What a check leaves behind beside its output: the manifest and the report, each under its name only when it is whole. */
import type { ByteSink } from '../../container/io/io.js';
import { H4Error } from '../../utils/error.js';
import type { Context } from '../context.js';
import { STDIN, inputName } from '../input.js';
import { isSameFile, writeOutput } from '../output.js';
import type { Checked } from './checker.js';
import type { MethodOptions } from './html-method.js';
import { HtmlReport } from './html-report.js';
import { ManifestWriter } from './manifest.js';
import type { Tally } from './tally.js';
import type { Target } from './targets.js';

export interface DocumentOptions extends Omit<MethodOptions, 'files'> {
  readonly manifest?: string;
  readonly report?: string;
  readonly force?: boolean;
}

export interface Documents {
  add(target: Target, checked: Checked): Promise<void>;
  /** The last thing that is written. */
  finish(tally: Tally): Promise<void>;
}

/** Opens what is wanted, lets `work` fill it, and leaves nothing behind if that fails. */
export async function withDocuments<Result>(
  files: readonly string[],
  options: DocumentOptions,
  context: Context,
  work: (documents: Documents) => Promise<Result>,
): Promise<Result> {
  const { manifest, report, force = false, allow, trust } = options;
  if (manifest !== undefined && manifest === report) {
    throw new H4Error('H4_PARAM', `Cannot write manifest and report to one file, ${inputName(manifest)}: name two`);
  }
  const open = async <T>(file: string | undefined, fill: (sink?: ByteSink) => Promise<T>): Promise<T> => {
    if (file === undefined) return fill();
    await assertNoRecording(file, files);
    // None of the inputs it is compared with: that has been done, with all of them.
    return writeOutput(file, { force, input: STDIN, hashing: false }, context, fill);
  };
  return open(manifest, (manifestSink) =>
    open(report, async (reportSink) => {
      const page = reportSink && new HtmlReport(reportSink, { files, ...options }, context);
      const list = manifestSink && new ManifestWriter(manifestSink, { allow, trust });
      try {
        await list?.begin();
        const result = await work({
          async add(target, checked) {
            await list?.add(target.relative, checked);
            await page?.add(inputName(target.file), checked);
          },
          async finish(tally) {
            await list?.finish(tally);
            await page?.finish(tally);
          },
        });
        await reportSink?.commit();
        await manifestSink?.commit();
        return result;
      } finally {
        await page?.close();
      }
    }),
  );
}

/** Refuses standard output, which has the results, and everything that is or could be a recording. */
export async function assertNoRecording(file: string, inputs: readonly string[]): Promise<void> {
  const refuse = (why: string): never => {
    throw new H4Error('H4_PARAM', `Cannot write ${file === STDIN ? 'standard output' : inputName(file)}: ${why}`);
  };
  if (file === STDIN) refuse('the results are there already; name a file');
  if (/\.h4mk$/i.test(file)) refuse('this is the name of a recording, not of a document about recordings');
  for (const input of inputs) if (await isSameFile(file, input)) refuse('it is the file that is checked');
}
