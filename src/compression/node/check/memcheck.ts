/** Runs a shared library under valgrind, in a small host in C that is compiled for it; says why where that cannot be done. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { corpusBlocks, shortBlocks } from './corpus.js';
import { MARK, endProcessesOf } from './left-processes.js';
import { MEMCHECK_DRIVER } from './memcheck-driver.js';
import { type RequirementResult, failed, passed, skipped } from './requirement.js';
import type { Surroundings } from './supervise.js';

const ID = 'memcheck';
const FOUND_EXIT = 99;
const WRONG_EXIT = 3;
const COMPILE_SECONDS = 60;
const RUN_SECONDS = 600;
const BLOCK_BYTES = 4096;
const SHORT_BYTES = [1, 2, 3, 17, 255, 256, 257];
const MAX_SHOWN_CHARACTERS = 400;
const READ_AND_EXECUTE_BY_OWNER = 0o500;

/** `measured` are the bytes of the library: what runs is a copy of them, whatever lies at the path by now. */
export async function memcheck(
  measured: Uint8Array,
  options: Surroundings & { readonly isWasm: boolean; readonly damages: number },
): Promise<RequirementResult> {
  const { folder, isWasm, damages } = options;
  if (isWasm) return skipped(ID, 'a WebAssembly module has its own memory, and cannot touch any other');
  if (process.platform !== 'linux')
    return skipped(ID, `valgrind is used on Linux only, and this is ${process.platform}`);
  const [source, driver, blocks, library] = ['driver.c', 'driver', 'blocks', 'core.so'].map((name) =>
    join(folder, name),
  );
  if (source === undefined || driver === undefined || blocks === undefined || library === undefined) {
    return skipped(ID, 'there is no folder for it');
  }
  await writeFile(source, MEMCHECK_DRIVER);
  const compiled = await execute('cc', ['-O1', '-g', '-o', driver, source, '-ldl'], COMPILE_SECONDS, options);
  if (compiled.code !== 0) return skipped(ID, 'it needs a C compiler (cc), and there is none that works');
  if ((await execute('valgrind', ['--version'], COMPILE_SECONDS, options)).code !== 0) {
    return skipped(ID, 'it needs valgrind, and there is none that works');
  }
  const count = await writeBlocks(blocks);
  await writeFile(library, measured, { mode: READ_AND_EXECUTE_BY_OWNER, flag: 'wx' });
  const flags = [
    '-q',
    '--leak-check=full',
    '--errors-for-leak-kinds=definite,indirect',
    `--error-exitcode=${FOUND_EXIT}`,
  ];
  const run = await execute('valgrind', [...flags, driver, library, blocks, String(damages)], RUN_SECONDS, options);
  const evidence = { blocks: count, damaged_blocks_each: damages };
  if (run.left > 0) return failed(ID, `it left processes behind: ${run.left}`, evidence);
  if (run.code === 0) return passed(ID, { ...evidence, errors: 0 });
  // What was found goes before how it ended: a core that has written where it must not may end anyhow.
  const finding = findingIn(run.stderr);
  if (finding !== undefined) return failed(ID, `valgrind: ${finding}`, evidence);
  if (run.code === WRONG_EXIT) return failed(ID, run.stdout.trim().slice(0, MAX_SHOWN_CHARACTERS), evidence);
  return failed(ID, run.isLate ? `it did not end within ${RUN_SECONDS} seconds` : 'it crashed', evidence);
}

async function writeBlocks(path: string): Promise<number> {
  const short = Array.from(shortBlocks(Math.max(...SHORT_BYTES))).filter(({ bytes }) =>
    SHORT_BYTES.includes(bytes.length),
  );
  const blocks = [...short, ...corpusBlocks(BLOCK_BYTES)];
  const parts = blocks.flatMap(({ bytes }) => {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, bytes.length, true);
    return [head, bytes];
  });
  await writeFile(path, Buffer.concat(parts));
  return blocks.length;
}

/** `==123== Invalid write of size 1` and where, if it says so; without numbers of processes. */
function findingIn(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.replace(/^==\d+== ?/, '').trim());
  const finding = lines.find((line) =>
    /^(?:Invalid|Conditional|Use of|Syscall|Mismatched|Process|Jump)|definitely lost|indirectly lost/.test(line),
  );
  const place = lines.find((line) => /^at 0x/.test(line))?.replace(/^at 0x[0-9A-F]+: /, 'in ');
  if (finding === undefined) return undefined;
  return (place === undefined ? finding : `${finding}, ${place}`).slice(0, MAX_SHOWN_CHARACTERS);
}

interface Run {
  /** -1 if it did not run to an end of its own. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly isLate: boolean;
  /** Processes that it left behind. */
  readonly left: number;
}

function execute(
  command: string,
  args: readonly string[],
  seconds: number,
  { environment, folder, signal }: Surroundings,
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { ...environment, [MARK]: folder } as NodeJS.ProcessEnv,
      timeout: seconds * 1000,
      killSignal: 'SIGKILL' as const,
      maxBuffer: 16 * 1024 * 1024,
      ...(signal === undefined ? {} : { signal }),
    };
    let left = 0;
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr, isLate: error?.killed === true, left });
    });
    // They may hold the pipes open, without whose end nothing is reported.
    child.once('exit', () => (left = endProcessesOf(folder)));
  });
}
