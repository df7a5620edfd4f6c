/** Ends a child process, whatever it is doing. */
import type { ChildProcess } from 'node:child_process';

/**
 * A child that could not be started has no pid, and to the system the pid 0 means the caller's own process group: killing such a
 * child would end this process and everybody who was started with it.
 */
export function endProcess(child: ChildProcess | undefined): void {
  if (child?.pid !== undefined) child.kill('SIGKILL');
}
