/**
 * What the bytes of a would-be core seem to be, told before the system's loader is asked: its own messages ("invalid ELF header")
 * do not say which file one should have taken. Only for messages and an early refusal: whatever passes here still has to be loaded.
 */
import { viewOf } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';

/** The system that a library has to be for, in the words of Node. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
}

const ELF = 0x7f454c46;
const ELF_HEADER_BYTES = 64;
const ELF_SEGMENT_TO_LOAD = 1;
const ELF_RELOCATABLE = 1;
const ELF_PROGRAM = 2;
const ELF_CORE_DUMP = 4;

/** `e_machine` to Node's `process.arch`. */
const ELF_MACHINES: Readonly<Record<number, string>> = {
  3: 'ia32',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
};

const MACH_O = [0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe];

interface Kind {
  readonly text: string;
  /** Systems on which it could be loaded; absent for what is no library anywhere. */
  readonly platforms?: readonly string[];
  readonly arch?: string;
}

/** `H4_CORE_LOAD`, with what the file seems to be, unless it looks like a shared library for `host`. */
export function assertSharedLibrary(bytes: Uint8Array, path: string, host: Host = process): void {
  const { text, platforms, arch } = kindOf(bytes);
  const fits = platforms === undefined ? false : platforms.includes(formatOf(host.platform));
  if (fits && (arch === undefined || arch === host.arch)) return;
  throw new H4Error(
    'H4_CORE_LOAD',
    `Cannot load the compression core ${path}: it seems to be ${text}; needed is a shared library for ${host.platform} on ${host.arch}, ` +
      'or a WebAssembly module',
  );
}

function kindOf(bytes: Uint8Array): Kind {
  const view = viewOf(bytes);
  const magic = bytes.length < 4 ? 0 : view.getUint32(0);
  if (magic === ELF) return bytes.length < ELF_HEADER_BYTES ? { text: 'a cut-off ELF file' } : elfKindOf(view);
  if (MACH_O.includes(magic)) return { text: 'a Mach-O file (macOS)', platforms: ['darwin'] };
  if (magic === 0x213c6172) return { text: "a static archive; link it into a shared library with 'cc -shared'" };
  if (magic === 0x504b0304) return { text: 'a ZIP archive' };
  switch (bytes.length < 2 ? 0 : view.getUint16(0)) {
    case 0x4d5a:
      return { text: 'a PE file (Windows)', platforms: ['win32'] };
    case 0x2321:
      return { text: 'a script' };
    case 0x1f8b:
      return { text: 'a gzip archive' };
    default:
      return { text: isText(bytes) ? 'a text file' : 'no library of any known system' };
  }
}

function elfKindOf(view: DataView): Kind {
  const isLittle = view.getUint8(5) === 1;
  const type = view.getUint16(16, isLittle);
  const machine = view.getUint16(18, isLittle);
  const arch = ELF_MACHINES[machine] ?? `machine ${machine}`;
  if (type === ELF_RELOCATABLE) return { text: "an ELF object file; link it with 'cc -shared'" };
  if (type === ELF_PROGRAM) return { text: 'an ELF program' };
  if (type === ELF_CORE_DUMP) return { text: 'the dump of a process that crashed (ELF core)' };
  const end = endOfSegments(view, isLittle);
  if (end > view.byteLength) {
    return { text: `an ELF library that was cut off after ${view.byteLength} bytes` };
  }
  return { text: `an ELF library for ${arch}`, platforms: ['elf'], arch };
}

/**
 * Where the last segment that is loaded ends in the file; Infinity if the table of segments itself is not whole. The system's loader
 * does not look: it maps what is not there, and the process dies of it (SIGBUS).
 */
function endOfSegments(view: DataView, isLittle: boolean): number {
  const is64 = view.getUint8(4) === 2;
  const wordAt = (at: number): number =>
    is64 ? Number(view.getBigUint64(at, isLittle)) : view.getUint32(at, isLittle);
  const table = is64 ? wordAt(32) : wordAt(28);
  const entryBytes = view.getUint16(is64 ? 54 : 42, isLittle);
  const count = view.getUint16(is64 ? 56 : 44, isLittle);
  if (entryBytes < (is64 ? 56 : 32) || table + entryBytes * count > view.byteLength) return Infinity;
  let end = 0;
  for (let at = table; at < table + entryBytes * count; at += entryBytes) {
    if (view.getUint32(at, isLittle) !== ELF_SEGMENT_TO_LOAD) continue;
    end = Math.max(end, is64 ? wordAt(at + 8) + wordAt(at + 32) : wordAt(at + 4) + wordAt(at + 16));
  }
  return end;
}

/** Systems other than these two load ELF libraries. */
function formatOf(platform: string): string {
  return platform === 'darwin' || platform === 'win32' ? platform : 'elf';
}

function isText(bytes: Uint8Array): boolean {
  return bytes
    .subarray(0, 512)
    .every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 0x20 && byte < 0x7f));
}
