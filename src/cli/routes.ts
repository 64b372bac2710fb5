import { loadConfig } from '../config/load.ts';
import { MCP_MAPS } from '../config/mcp/mcp-methods.ts';
import { formatProblem, isError } from '../config/problem.ts';
import type { RouteConfig } from '../config/schema/config.ts';
import { systemClock } from '../core/time/clock.ts';
import { describeAccess } from '../pipeline/access/authorize.ts';
import { exchangesToken } from '../pipeline/decision/decide-exchange.ts';
import type { Route } from '../pipeline/route.ts';
import { listInMatchingOrder } from '../pipeline/routing/match-route.ts';
import { showPath } from '../pipeline/routing/path-pattern.ts';
import { compileOfflineGate } from '../simulate/offline-gate.ts';
import { compileIssuers } from '../tokens/issuers/compile-issuers.ts';
import type { CommandIo } from './io.ts';

export interface RoutesOptions {
  readonly file: string;
  readonly format?: 'text' | 'json';
}

/** `sealgate routes`: the routes in matching order. Returns the exit code. */
export async function runRoutes({ file, format }: RoutesOptions, io: CommandIo): Promise<number> {
  const loaded = loadConfig({ file, env: io.env });
  const { config } = loaded;
  if (config === undefined) {
    const errors = loaded.problems.filter(isError);
    io.stderr.write(`${errors.map(formatProblem).join('\n')}\n`);
    return 1;
  }
  const { issuers } = compileIssuers(config, { resolvePath: loaded.resolvePath });
  const { gate, verifier } = await compileOfflineGate({
    config,
    issuers,
    clock: systemClock,
    env: io.env,
    resolvePath: loaded.resolvePath,
  });
  verifier.close();
  const rows = listInMatchingOrder(gate.table).map(describeRoute);
  io.stdout.write(format === 'json' ? `${JSON.stringify(rows, null, 2)}\n` : `${table(rows)}\n`);
  return 0;
}

interface Row {
  readonly name: string;
  /** Null for any. */
  readonly host: string | null;
  readonly methods: readonly string[] | null;
  readonly path: string;
  readonly exact: boolean;
  readonly upstream: string;
  readonly access: string;
  /** Whether the backend gets another token than the caller's. */
  readonly exchanged: boolean;
  /** Identifier of the protected resource. */
  readonly resource: string | null;
  /** As in the file. */
  readonly mcp: RouteConfig['mcp'] | null;
}

/** Which maps of rules apply to the messages of the route. */
function describeMcp({ config: { mcp } }: Route): string {
  if (mcp === undefined) return '';
  const maps = MCP_MAPS.filter((map) => mcp[map] !== undefined);
  return maps.length === 0 ? '; MCP' : `; MCP rules on ${maps.join(', ')}`;
}

function describeRoute(route: Route): Row {
  const { host, methods, path, exact, upstream } = route.config;
  const exchanged = exchangesToken(route);
  return {
    name: route.name,
    host: host ?? null,
    methods: methods ?? null,
    path,
    exact,
    upstream,
    access: `${describeAccess(route.access)}${describeMcp(route)}${exchanged ? '; token exchanged' : ''}${route.reportsOnly ? ' (reports only)' : ''}`,
    exchanged,
    mcp: route.config.mcp ?? null,
    resource: route.resource?.identifier ?? null,
  };
}

const HEADINGS = ['HOST', 'METHODS', 'PATH', 'UPSTREAM', 'ACCESS', 'ROUTE'];

/** Files without a protected resource have no column for it. */
function table(rows: readonly Row[]): string {
  const hasResources = rows.some(({ resource }) => resource !== null);
  const cells = rows.map(({ name, host, methods, path, exact, upstream, access, resource }) => [
    host ?? '*',
    methods?.join(',') ?? '*',
    showPath({ path, exact }),
    upstream,
    access,
    name,
    ...(hasResources ? [resource ?? '-'] : []),
  ]);
  const lines = [hasResources ? [...HEADINGS, 'RESOURCE'] : HEADINGS, ...cells];
  const widths = (lines[0] as readonly string[]).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] as string).length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
