import { describeCaller, describeRequests } from '../../../src/diff/describe.ts';
import type { Diff } from '../../../src/diff/diff.ts';

/** What a comparison lists, one line each, sorted. */
export function linesOf({ callers, routes, settings, doubts, paths, sides }: Diff): readonly string[] {
  return [
    ...callers.map(
      ({ kind, caller, requests }) =>
        `${kind}: ${describeCaller(caller, sides)}: ${describeRequests(requests, paths).join('; ')}`,
    ),
    ...routes.map(
      ({ key, effect, requests }) => `${key} ${effect}: ${describeRequests(requests, paths).join('; ')}`,
    ),
    ...settings.map(({ path, effect }) => `${path} ${effect}`),
    ...doubts,
  ].sort();
}
