import { isRefusal } from '../core/refusals.ts';
import { parseTarget } from '../http/target.ts';
import { matchRoute } from '../pipeline/routing/match-route.ts';
import type { ComparedClass, Diff } from './diff.ts';

/** What of the logged requests is treated in another way. */
export interface Replay {
  /** Access lines that were read. */
  readonly requests: number;
  /** Lines that are no access line of a gateway. */
  readonly skipped: number;
  readonly affected: readonly AffectedRequests[];
}

/** Logged requests for which callers gain or lose something, or something else changes. */
export interface AffectedRequests {
  readonly count: number;
  /** One of them. */
  readonly method: string;
  readonly path: string;
  /** The routes of both files; null where one has none for them. */
  readonly routes: readonly [string | null, string | null];
  readonly compared: ComparedClass;
}

/** A line as `docs/logs.md` has it. `host` is none of its fields, but proxies in front may have added it. */
interface AccessLine {
  readonly method: string;
  readonly path: string;
  readonly host: string | undefined;
  readonly route: string | undefined;
}

/** Gives access lines to both files: their host, path and method, not their tokens, which no log has. */
export async function replay(lines: AsyncIterable<string>, { sides, classes }: Diff): Promise<Replay> {
  const byRoutes = new Map(classes.map((one) => [keyOf(one.routes.map((route) => route?.index)), one]));
  const hosts = new Map(
    sides.flatMap(({ gate }) => gate.routes.map(({ name, host }) => [name, host] as const)),
  );
  const affected = new Map<ComparedClass, { count: number; line: AccessLine }>();
  let requests = 0;
  let skipped = 0;
  for await (const text of lines) {
    if (text.trim() === '') continue;
    const line = readLine(text);
    if (line === undefined) {
      skipped += 1;
      continue;
    }
    requests += 1;
    const host = line.host ?? (line.route === undefined ? undefined : hosts.get(line.route));
    const found = sides.map(({ gate }) => {
      const target = parseTarget(line.path, gate.allowableSpellings);
      if (isRefusal(target)) return undefined;
      const match = matchRoute(gate.table, { method: line.method, host, target });
      return isRefusal(match) ? undefined : match.route.index;
    });
    const compared = byRoutes.get(keyOf(found));
    if (compared === undefined || compared.differences.length + compared.keys.length === 0) continue;
    const known = affected.get(compared);
    if (known === undefined) affected.set(compared, { count: 1, line });
    else known.count += 1;
  }
  return {
    requests,
    skipped,
    affected: [...affected]
      .map(([compared, { count, line }]) => ({
        count,
        method: line.method,
        path: line.path,
        routes: compared.routes.map((route) => route?.name ?? null) as [string | null, string | null],
        compared,
      }))
      .sort((a, b) => b.count - a.count),
  };
}

function keyOf(indexes: readonly (number | undefined)[]): string {
  return indexes.map((index) => index ?? '').join('/');
}

function readLine(text: string): AccessLine | undefined {
  try {
    const { msg, method, path, host, route } = JSON.parse(text) as Record<string, unknown>;
    if (msg !== 'request' || typeof method !== 'string' || typeof path !== 'string') return undefined;
    return {
      method,
      path,
      host: typeof host === 'string' ? host.toLowerCase() : undefined,
      route: typeof route === 'string' ? route : undefined,
    };
  } catch {
    return undefined;
  }
}
