/**
 * Measures the container against its peers and limits, each contender in a process of its own, taking turns (README.md).
 * Exits with 0 whether targets are met or not: machines differ, and a bench is not a test.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { judge, type Report } from './judge.js';
import { renderReport } from './render.js';
import { createSections, runSection, SECTION_IDS } from './sections.js';

const HELP = `npm run bench -- [options]
  --quick        less than a minute: smaller files
  --patient      wait before each repetition until others leave the machine alone, and repeat what they disturbed
  --json         one JSON document instead of tables
  --only LIST    sections, separated by commas: ${SECTION_IDS.join(',')}
  --dir DIR      where files are written (default ${tmpdir()}); should be a disk, not memory
`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    patient: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: SECTION_IDS.join(',') },
    dir: { type: 'string', default: tmpdir() },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  await main();
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(values.dir, 'harmony4-bench-'));
  process.once('SIGINT', () => {
    void rm(folder, { recursive: true, force: true }).finally(() => process.exit(130));
  });
  try {
    const machine = describeMachine();
    const loadBefore = loadNow();
    say(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${loadBefore.toFixed(1)}\n`);
    const reports: Report[] = [];
    for (const section of createSections({ folder, quick: values.quick, isPatient: values.patient })) {
      if (values.only.split(',').includes(section.id)) {
        const report = judge(section, await runSection(section));
        reports.push(report);
        say(renderReport(report));
      }
    }
    say(`Load at the end ${loadNow().toFixed(1)}`);
    if (values.json) {
      process.stdout.write(`${JSON.stringify({ machine, loadBefore, loadAfter: loadNow(), reports }, undefined, 2)}\n`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function say(text: string): void {
  if (!values.json) {
    process.stdout.write(`${text}\n`);
  }
}

interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly system: string;
}

function describeMachine(): Machine {
  const processors = cpus();
  const cpu = processors[0]?.model.trim() ?? 'unknown';
  return { cpu, cores: processors.length, node: process.version, system: `${type()} ${release()}` };
}

/** Above the number of cores, others are at work, and what wants two cores looks worse than it is. */
function loadNow(): number {
  return loadavg()[0] ?? 0;
}
