/** The last lines about many files: the sum, and by name those that are not sound. */
import { formatBytes } from '../byte-counts.js';
import type { Colour } from '../paint.js';
import type { Printer } from '../render.js';
import { counted } from '../text.js';
import type { Standing, Tally } from './tally.js';

interface Wording {
  readonly standing: Exclude<Standing, 'sound'>;
  readonly text: string;
  readonly colour: Colour;
}

const WORDINGS: readonly Wording[] = [
  { standing: 'broken', text: 'broken', colour: 'red' },
  { standing: 'unreadable', text: 'unreadable', colour: 'red' },
  { standing: 'loss', text: 'with loss', colour: 'yellow' },
];

/** `1234 files, 5.60 GiB: 1200 sound, 30 with loss, 3 broken, 1 unreadable`. */
export function tallyLine({ counts, files, bytes }: Tally): string {
  const { sound, loss, broken, unreadable } = counts;
  return (
    `${counted(files, 'file')}, ${formatBytes(bytes)}: ` +
    `${sound} sound, ${loss} with loss, ${broken} broken, ${unreadable} unreadable`
  );
}

export async function printTally(out: Printer, tally: Tally): Promise<void> {
  if (tally.files === 0) return;
  await out.line();
  await out.line(tallyLine(tally));
  for (const { standing, text, colour } of WORDINGS) {
    const named = tally.named(standing);
    for (const name of named) await out.line(`  ${out.paint(colour, text.padEnd(10))}  ${name}`);
    const more = tally.counts[standing] - named.length;
    if (more > 0) await out.line(`  ${text.padEnd(10)}  and ${more} more; a manifest lists them`);
  }
}
