/** What a seal level means, for people (spec/engine.md, section 8). */
import type { EngineInfo } from '../../compression/api/engine.js';
import type { Pins } from '../../compression/seal.js';

export function describeLevel({ seal_level }: EngineInfo, pins: Pins): string {
  switch (seal_level) {
    case 0:
      return '0: built in, there is no core to seal';
    case 1:
      return '1: nothing is pinned, so that any core at this path would do';
    case 2:
      return pins.fingerprint === undefined
        ? '2: the id is pinned, which is only what a core says of itself; the fingerprint is not'
        : '2: the fingerprint is pinned, and measured; the id is not';
    case 3:
      return '3: sealed; id and fingerprint are pinned, the fingerprint was measured';
  }
}
