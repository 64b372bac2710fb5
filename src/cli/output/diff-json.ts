import { describeCaller, describeRequests } from '../../diff/describe.ts';
import type { CallerChange, Diff } from '../../diff/diff.ts';
import type { Replay } from '../../diff/replay.ts';
import { makeWitness } from '../../diff/witness.ts';
import type { ComparedFiles } from './diff-text.ts';

/** The form of `diff --format json`. Every key is always there. */
export function diffToJson({ diff, replayed }: ComparedFiles): unknown {
  return {
    result: diff.result,
    callers: diff.callers.map((change) => callerToJson(change, diff)),
    routes: diff.routes.map(({ key, effect, requests, routes }) => ({
      key,
      effect,
      requests: describeRequests(requests, diff.paths),
      routes,
    })),
    settings: diff.settings,
    doubts: diff.doubts,
    replay: replayed === undefined ? null : replayToJson(replayed),
  };
}

function callerToJson(
  { kind, caller, example, outcomes, requests, routes }: CallerChange,
  diff: Diff,
): unknown {
  const [older, newer] = outcomes;
  const [first] = requests;
  return {
    kind,
    who: describeCaller(caller, diff.sides),
    requests: describeRequests(requests, diff.paths),
    routes,
    old: older,
    new: newer,
    witness: first === undefined ? null : makeWitness({ caller, example }, first, diff.sides),
  };
}

function replayToJson({ requests, skipped, affected }: Replay): unknown {
  return {
    requests,
    skipped,
    affected: affected.map(({ count, method, path, routes, compared }) => ({
      count,
      method,
      path,
      routes,
      kinds: [...new Set(compared.differences.map(({ kind }) => kind))],
      keys: compared.keys.map(({ key }) => key),
    })),
  };
}
