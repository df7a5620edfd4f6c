/**
 * What the operating system answers, in words: the reason, and what the person at the other end can do about it. A
 * failure is plain data, so that it survives the way from a worker thread, where an `Error` would lose its code.
 */

export interface SystemFailure {
  /** The name of the error number, `ENOSPC`, or of the error of Node. */
  readonly code: string;
  readonly message: string;
}

const FREE_SPACE = 'free some space or choose another destination, then start again';

/** Reason and advice by code. A code that is not listed speaks for itself through the message of the system. */
const EXPLANATIONS = new Map<string, readonly [reason: string, advice: string]>([
  ['EACCES', ['permission is denied', 'change the permissions, or run as a user who has them']],
  ['EDQUOT', ['the disk quota is used up', FREE_SPACE]],
  [
    'EFBIG',
    [
      'the file would be larger than the file system or the limits of this process allow',
      'choose another destination, or raise the limit (ulimit -f)',
    ],
  ],
  ['EIO', ['the device reports an error', 'check the disk or the network behind it']],
  ['EISDIR', ['it is a folder', 'name a file']],
  ['ELOOP', ['the path leads through too many symbolic links', 'check the path']],
  ['EMFILE', ['this process has too many files open', 'raise the limit (ulimit -n) or open fewer at once']],
  ['ENAMETOOLONG', ['the name is too long', 'choose a shorter one']],
  ['ENFILE', ['the system has too many files open', 'raise its limit or close some']],
  ['ENOENT', ['there is no such file or folder', 'check the path']],
  ['ENOSPC', ['the disk is full', FREE_SPACE]],
  ['ENOTDIR', ['a part of the path is not a folder', 'check the path']],
  ['EPERM', ['the system does not permit it', 'change the permissions or the attributes, or choose another path']],
  ['EROFS', ['the file system is read-only', 'choose another destination']],
  ['ESTALE', ['the file has vanished from the server that holds it', 'open it again']],
]);

/** The failure behind whatever was thrown. */
export function systemFailure(thrown: unknown): SystemFailure {
  if (thrown instanceof Error) {
    return { code: errorCode(thrown) ?? thrown.name, message: thrown.message };
  }
  return { code: 'UNKNOWN', message: String(thrown) };
}

/** Whether `thrown` is an error of the system with one of these codes. */
export function hasErrorCode(thrown: unknown, ...codes: readonly string[]): boolean {
  const code = thrown instanceof Error ? errorCode(thrown) : undefined;
  return code !== undefined && codes.includes(code);
}

/** `the disk is full (ENOSPC); free some space ...`: the second half of a message. */
export function explain({ code, message }: SystemFailure): string {
  const explanation = EXPLANATIONS.get(code);
  return explanation === undefined ? message : `${explanation[0]} (${code}); ${explanation[1]}`;
}

/** An error to name as the cause, with its code as the system would have given it. */
export function causeOf({ code, message }: SystemFailure): Error {
  return Object.assign(new Error(message), { code });
}

function errorCode(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
