/**
 * Stands in the place of the program of a core's process, and lies. The file that it is told to load says how it starts;
 * afterwards each block says how it is answered. It has to be seen through by its parent alone.
 */

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, readFileSync, readSync, writeSync } from 'node:fs';
import process from 'node:process';

const [START, READY, RESULT, REFUSED] = [0x48340001, 0x48348001, 0x48348002, 0x48348003];

function read(length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length;) {
    const count = readSync(3, bytes, at, length - at, null);
    if (count === 0) process.exit(0);
    at += count;
  }
  return bytes;
}

function receive() {
  const header = read(16);
  return { kind: header.readUInt32BE(0), sequence: header.readUInt32BE(4), payload: read(header.readUInt32BE(12)) };
}

function write(bytes) {
  for (let at = 0; at < bytes.length;) at += writeSync(3, bytes, at, bytes.length - at);
}

function header(kind, sequence, length, rawLength = 0) {
  const bytes = Buffer.alloc(16);
  [kind, sequence, rawLength, length].forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

function send(kind, sequence, payload, stated = payload.length) {
  write(Buffer.concat([header(kind, sequence, stated), payload]));
}

function hang() {
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
}

const start = receive();
if (start.kind !== START) process.exit(9);
const { path } = JSON.parse(start.payload.toString());
const bytes = readFileSync(path);
const report = {
  fingerprint: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.length,
  declared: { engineId: 'liar' },
};
const say = (value) => send(READY, start.sequence, Buffer.from(JSON.stringify(value)));

switch (bytes.toString()) {
  case 'another fingerprint':
    say({ ...report, fingerprint: '00'.repeat(32) });
    break;
  case 'another size':
    say({ ...report, bytes: report.bytes + 1 });
    break;
  case 'another id each time':
    say({ ...report, declared: { engineId: `liar-${process.pid}` } });
    break;
  case 'an id that is none':
    say({ ...report, declared: { engineId: 'a b' } });
    break;
  case 'nothing declared':
    say({ ...report, declared: undefined });
    break;
  case 'no JSON':
    send(READY, start.sequence, Buffer.from('{'));
    break;
  case 'a refusal of the wrong sort':
    send(REFUSED, start.sequence, Buffer.from('{"code":"H4_SEEK_NOT_FOUND","message":"no"}'));
    break;
  case 'a steered terminal':
    send(REFUSED, start.sequence, Buffer.from(JSON.stringify({ code: 'H4_CORE_LOAD', message: 'a\u001b[2Jb\nc' })));
    break;
  case 'a result instead':
    send(RESULT, start.sequence, Buffer.from('abc'));
    break;
  case 'silence':
    hang();
    break;
  case 'death after the start':
    say(report);
    process.exit(3);
    break;
  case 'death':
    process.exit(7);
    break;
  default:
    say(report);
}

const extra = Buffer.from('extra');
for (;;) {
  const { sequence, payload } = receive();
  switch (payload.toString('latin1').replace(/\0.*$/u, '')) {
    case 'wrong sequence':
      send(RESULT, sequence + 1, payload);
      break;
    case 'raw length':
      write(Buffer.concat([header(RESULT, sequence, payload.length, 1), payload]));
      break;
    case 'echo of the request':
      send(0x48340002, sequence, payload);
      break;
    case 'nothing':
      send(RESULT, sequence, Buffer.alloc(0));
      break;
    case 'too long':
      send(RESULT, sequence, payload, 0xffffffff);
      break;
    case 'one byte too long':
      send(RESULT, sequence, Buffer.alloc(2 * payload.length + 65536 + 1));
      break;
    case 'extra at once':
      write(Buffer.concat([header(RESULT, sequence, payload.length), payload, extra]));
      break;
    case 'extra after a long answer':
      write(Buffer.concat([header(RESULT, sequence, payload.length), payload]));
      write(extra);
      break;
    case 'junk':
      write(Buffer.alloc(100, 0xaa));
      break;
    case 'a refusal that is none':
      send(REFUSED, sequence, Buffer.from('[]'));
      break;
    case 'a refusal with another code':
      send(REFUSED, sequence, Buffer.from('{"code":"H4_INTERNAL","message":"x"}'));
      break;
    case 'a refusal that is too long':
      send(REFUSED, sequence, Buffer.alloc(16 * 1024 + 1, 0x20));
      break;
    case 'half an answer':
      send(RESULT, sequence, payload.subarray(0, 3), payload.length);
      process.exit(0);
      break;
    case 'byte by byte':
      for (const byte of Buffer.concat([header(RESULT, sequence, payload.length), payload])) write(Buffer.of(byte));
      break;
    case 'a closed socket':
      closeSync(3);
      hang();
      break;
    case 'an answer, then death':
      send(RESULT, sequence, payload);
      process.exit(5);
      break;
    case 'deaf after this':
      send(RESULT, sequence, payload);
      hang();
      break;
    default:
      send(RESULT, sequence, payload);
  }
}
