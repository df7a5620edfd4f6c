import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { type CheckReply, serveChecks } from '../../../src/cli/verify/check-service.js';
import { noise, recording, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();

test('says that it is there, how far it is, and what came out', async () => {
  const path = await folder.write('large.h4mk', await recording([{ pts: 0, bytes: noise(3_000_000) }], {}, {}));
  const { port1, port2 } = new MessageChannel();
  const replies: CheckReply[] = [];
  const isDone = new Promise<void>((resolve) => {
    port2.on('message', (reply: CheckReply) => {
      replies.push(reply);
      if (reply.kind === 'checked') resolve();
    });
  });
  serveChecks(port1);
  port2.postMessage({
    path,
    options: { allow: new Set(), records: false, hash: false, portrait: false, command: 'harmony4' },
  });
  await isDone;
  expect(replies[0]).toEqual({ kind: 'started' });
  expect(replies.slice(1, -1).every(({ kind }) => kind === 'progress')).toBe(true);
  expect(replies.length).toBeGreaterThan(3);
  expect(replies.at(-1)).toMatchObject({ kind: 'checked', checked: { exitCode: 0, report: { records: 4 } } });
  port2.close();
  await once(port1, 'close');
});
