/**
 * What a live recording tells while it runs. With --json every index point is a line on standard output, sent as soon as
 * the point is durable and not before: these lines are the acknowledgements. On a terminal they move the progress line.
 */
import { isH4Error } from '../../utils/error.js';
import type { Context } from '../context.js';
import { printWarning } from '../exit.js';
import { Progress } from '../progress.js';
import { ClosedPipe } from '../render.js';
import type { Acknowledged } from './live-recorder.js';

export interface LiveNews {
  point(point: Acknowledged): Promise<void>;
  /** Removes the progress line. */
  clear(): void;
}

export function createLiveNews(
  context: Context,
  options: { readonly label: string; readonly progress: boolean },
): LiveNews {
  const progress = new Progress(context, { label: options.label, enabled: options.progress });
  let isHeard = context.json;
  return {
    async point({ records, bytes, pts }) {
      progress.update(bytes);
      if (!isHeard) return;
      try {
        await context.out.json({ event: 'index_point', records, bytes, pts });
        await context.out.flush();
      } catch (error) {
        // The recording matters more than whoever has stopped listening.
        isHeard = false;
        if (error instanceof ClosedPipe) return;
        if (!isH4Error(error)) throw error;
        await printWarning(context, error.code, `${error.message}; the recording goes on, without acknowledgements`);
      }
    },
    clear: () => progress.clear(),
  };
}
