import { MCP_KINDS, type McpMap } from '../../config/mcp/mcp-methods.ts';
import type { ConfigPath, PathProblem } from '../../config/problem.ts';
import { mcpAlternatives, policyOf } from '../../config/routes/route-access.ts';
import type { Config, McpConfig, RouteConfig } from '../../config/schema/config.ts';
import { isLiteral, parseGlob } from '../../core/glob.ts';
import { type AccessRules, type AccessSurroundings, compileAccess } from '../access/compile-access.ts';
import type { McpRules, NameRule, NameRules } from './mcp-rules.ts';

/** Where the file sets no `bodyLimit`. */
const DEFAULT_BYTES = 1024 ** 2;

/** The methods of HTTP that MCP has. */
const METHODS: readonly string[] = ['POST', 'GET', 'DELETE'];

/** Compiles the `mcp` of a route. */
export function compileMcp(
  route: RouteConfig & { readonly mcp: McpConfig },
  surroundings: AccessSurroundings,
): { readonly rules: McpRules; readonly problems: readonly PathProblem[] } {
  const { config, place } = surroundings;
  const problems: PathProblem[] = [];
  const blocks = new Map<string, AccessRules>();
  for (const { map, pattern, block, path } of mcpAlternatives(route, config, place)) {
    // The token is for an audience of the route already.
    const audiences = block.audiences ?? policyOf(block, config)?.audiences ?? 'any';
    const { access, problems: found } = compileAccess(
      { ...route, access: { ...block, audiences } },
      surroundings,
    );
    for (const problem of found) problems.push({ ...problem, path: replaceFront(problem.path, place, path) });
    blocks.set(keyOf(map, pattern), access);
  }
  const compileMap = (map: McpMap): NameRules | undefined => {
    const entries = route.mcp[map];
    if (entries === undefined) return undefined;
    const rules = Object.entries(entries).map(([pattern, rule]) => ({
      pattern,
      rule: typeof rule === 'string' ? rule : (blocks.get(keyOf(map, pattern)) as AccessRules),
      glob: parseGlob(pattern),
    }));
    return {
      label: `mcp.${map}`,
      exact: new Map<string, NameRule>(
        rules.filter(({ glob }) => isLiteral(glob)).map((rule) => [rule.glob.text, rule]),
      ),
      patterns: rules
        .filter(({ glob }) => !isLiteral(glob))
        .sort((a, b) => b.glob.text.length - a.glob.text.length),
    };
  };
  const kinds = {
    tools: compileMap('tools'),
    prompts: compileMap('prompts'),
    resources: compileMap('resources'),
  };
  const rules: McpRules = {
    methods: compileMap('methods'),
    kinds,
    filtersLists: route.mcp.filterLists && MCP_KINDS.some((kind) => kinds[kind] !== undefined),
    maxBytes: route.bodyLimit ?? DEFAULT_BYTES,
    ownOrigin: originOf(config),
    methodsOfHttp: METHODS.filter((method) => route.methods?.includes(method) ?? true),
  };
  return { rules, problems };
}

function keyOf(map: McpMap, pattern: string): string {
  return `${map}\n${pattern}`;
}

/** `compileAccess` reports at the `access` of a route; problems outside the route, such as of policies, stay where they are. */
function replaceFront(path: ConfigPath, place: ConfigPath, front: ConfigPath): ConfigPath {
  const isOfRoute = place.every((step, at) => path[at] === step) && path[place.length] === 'access';
  return isOfRoute ? [...front, ...path.slice(place.length + 1)] : path;
}

function originOf({ listen }: Config): string | undefined {
  return listen.publicUrl === undefined ? undefined : new URL(listen.publicUrl).origin;
}
