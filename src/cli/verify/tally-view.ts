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
  { standing: 'untrusted', text: 'untrusted', colour: 'red' },
  { standing: 'broken', text: 'broken', colour: 'red' },
  { standing: 'unreadable', text: 'unreadable', colour: 'red' },
  { standing: 'loss', text: 'with loss', colour: 'yellow' },
];

/** `1234 files, 5.60 GiB: 1200 sound, 30 with loss, 3 broken, 1 unreadable`, and what else there is only with keys. */
export function tallyLine({ counts, files, bytes, proven }: Tally): string {
  const { sound, loss, untrusted, broken, unreadable } = counts;
  const parts = [
    `${sound} sound`,
    `${loss} with loss`,
    ...(untrusted > 0 ? [`${untrusted} untrusted`] : []),
    `${broken} broken`,
    `${unreadable} unreadable`,
  ];
  const evidence = proven > 0 ? `; ${proven} proven by signatures` : '';
  return `${counted(files, 'file')}, ${formatBytes(bytes)}: ${parts.join(', ')}${evidence}`;
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
