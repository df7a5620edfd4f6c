/**
 * Writes files as it is told on its input, one JSON command per line, and reports one JSON event per command:
 *   open    {path, threaded, options, at}  at: wait until this time (milliseconds), so that several begin together
 *   write   {bytes, piece}                 zeros would do, but a length in every piece makes a mix-up visible
 *   commit, abort
 *   list    {path}                         reports what is in a folder that only this process may see
 *   loop    {path, threaded, bytes}        opens, writes and commits over and over until it is killed
 */

import { readdirSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { createFileSink, createThreadedFileSink } from '../../../../dist/storage/node/index.js';

const report = (event, facts = {}) => process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);
const make = ({ threaded, path, options }) => (threaded ? createThreadedFileSink : createFileSink)(path, options);

let sink;

async function write(target, bytes, pieceBytes) {
  const piece = new Uint8Array(pieceBytes);
  for (let left = bytes; left > 0; left -= pieceBytes) {
    await target.write(piece.fill(target.length / pieceBytes).subarray(0, Math.min(left, pieceBytes)));
  }
}

const commands = {
  open: async (command) => {
    while (Date.now() < (command.at ?? 0));
    sink = await make(command);
    report('opened');
  },
  write: async ({ bytes, piece }) => {
    await write(sink, bytes, piece);
    await sink.flush();
    report('written', { length: sink.length });
  },
  commit: async () => {
    await sink.commit();
    report('committed');
  },
  abort: async () => {
    await sink.abort();
    report('aborted');
  },
  list: ({ path }) => report('listed', { files: readdirSync(path).sort() }),
  loop: async (command) => {
    for (;;) {
      const target = await make({ ...command, options: { overwrite: true, slabBytes: 4096 } });
      await write(target, command.bytes, 1000);
      await target.commit();
    }
  },
};

report('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    await commands[command.kind](command);
  } catch (error) {
    report('refused', { code: error.code, message: error.message, length: sink?.length });
  }
}
