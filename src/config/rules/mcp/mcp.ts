import { coversGlob, type Glob, globsOverlap, isLiteral, parseGlob } from '../../../core/glob.ts';
import { didYouMean } from '../../diagnostics/nearest.ts';
import { MCP_KINDS, MCP_MAPS, MCP_MEMORY_BYTES, MCP_METHODS, type McpMap } from '../../mcp/mcp-methods.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { acceptedIssuers, accessAlternatives, mcpAlternatives } from '../../routes/route-access.ts';
import type { Config, McpConfig, RouteConfig } from '../../schema/config.ts';
import { error, note, type Rule, warning } from '../rule.ts';

/** One entry of a map of `mcp`. */
interface Entry {
  readonly map: McpMap;
  readonly pattern: string;
  readonly glob: Glob;
  readonly rule: NonNullable<McpConfig[McpMap]>[string];
  readonly path: ConfigPath;
}

type McpRoute = RouteConfig & { readonly mcp: McpConfig };

function mcpRoutes(routes: readonly RouteConfig[]): readonly { route: McpRoute; path: ConfigPath }[] {
  return routes.flatMap((route, index) =>
    route.mcp === undefined ? [] : [{ route: { ...route, mcp: route.mcp }, path: ['routes', index] }],
  );
}

function entriesOf({ mcp }: McpRoute, path: ConfigPath): readonly (readonly Entry[])[] {
  return MCP_MAPS.map((map) =>
    Object.entries(mcp[map] ?? {}).map(([pattern, rule]) => ({
      map,
      pattern,
      glob: parseGlob(pattern),
      rule,
      path: [...path, 'mcp', map, pattern],
    })),
  );
}

/** Which of two patterns counts never depends on their order. */
export const mcpPatternsDoNotTie: Rule = ({ config, whereIs }) =>
  mcpRoutes(config.routes).flatMap(({ route, path }) =>
    entriesOf(route, path).flatMap((entries) =>
      entries.flatMap((entry, at) => {
        const twin = entries.slice(0, at).find((other) => tie(entry.glob, other.glob));
        return twin === undefined
          ? []
          : [
              error(
                entry.path,
                `\`${entry.pattern}\` and \`${twin.pattern}\` (${whereIs(twin.path)}) are equally long and match the same names`,
                { at: 'key', hint: 'the longer pattern counts: make one of them longer' },
              ),
            ];
      }),
    ),
  );

function tie(a: Glob, b: Glob): boolean {
  if (isLiteral(a) || isLiteral(b)) return a.text === b.text;
  return a.text.length === b.text.length && globsOverlap(a, b);
}

/** Where nobody has a token, no rule on one can hold; and messages in a WebSocket are not read. */
export const mcpRulesCanBeApplied: Rule = ({ config }) =>
  mcpRoutes(config.routes).flatMap(({ route, path }) => [
    ...(route.access === 'public'
      ? mcpAlternatives(route, config, path).map(({ path: place }) =>
          error(place, 'a public route knows no caller that this rule could hold for', {
            hint: 'write `allow` or `deny`, or make the route `optional`',
          }),
        )
      : []),
    ...(route.websocket
      ? [
          error(
            [...path, 'websocket'],
            'messages in a WebSocket are not read, so `mcp` could not apply to them',
            {
              hint: 'MCP over HTTP needs no WebSocket: leave it out',
            },
          ),
        ]
      : []),
    ...((route.bodyLimit ?? 0) > MCP_MEMORY_BYTES
      ? [
          warning(
            [...path, 'bodyLimit'],
            'messages of MCP have 64 MiB of memory together: a larger one finds no room',
            { hint: 'write 64MiB at most; messages are hardly ever larger than the default of 1MiB' },
          ),
        ]
      : []),
    ...(route.methods?.includes('POST') === false
      ? [
          warning([...path, 'methods'], 'messages of MCP come with POST, which this route does not take', {
            hint: 'add POST, or leave `methods` out',
          }),
        ]
      : []),
    ...(route.passAuthorization
      ? [
          warning([...path, 'mcp'], '`passAuthorization` hands on a token that these rules did not look at', {
            at: 'key',
            hint: 'its server must verify it; to pass on a verified token, set `identity.forwardToken: true`',
          }),
        ]
      : []),
    ...strangers(route, path, config),
  ]);

/** A rule for issuers that its route does not accept. */
function strangers(route: McpRoute, path: ConfigPath, config: Config): readonly PathProblem[] {
  const accepted = accessAlternatives(route.access, []).flatMap(({ block }) =>
    acceptedIssuers(block, config),
  );
  return entriesOf(route, path)
    .flat()
    .flatMap(({ rule, path: place }) => {
      const issuers = typeof rule === 'string' || rule.issuers === 'any' ? undefined : rule.issuers;
      return issuers === undefined || issuers.some((issuer) => accepted.includes(issuer))
        ? []
        : [
            warning(
              [...place, 'issuers'],
              'this rule can never be true: the route accepts none of these issuers',
            ),
          ];
    });
}

/** Entries that decide nothing. */
export const mcpEntriesHaveEffect: Rule = ({ config }) =>
  mcpRoutes(config.routes).flatMap(({ route, path }) => [
    ...MCP_KINDS.flatMap((kind) => {
      const map = route.mcp[kind];
      return map !== undefined && Object.keys(map).length === 0
        ? [
            warning([...path, 'mcp', kind], `an empty map refuses all ${kind}`, {
              at: 'key',
              hint: 'list what callers may use, or leave it out to limit nothing',
            }),
          ]
        : [];
    }),
    ...(route.mcp.methods !== undefined && Object.keys(route.mcp.methods).length === 0
      ? [warning([...path, 'mcp', 'methods'], 'an empty map limits no method', { at: 'key' })]
      : []),
    ...(!route.mcp.filterLists && MCP_KINDS.every((kind) => route.mcp[kind] === undefined)
      ? [
          warning([...path, 'mcp', 'filterLists'], 'nothing would be filtered: no kind has a map', {
            at: 'key',
            hint: 'leave it out',
          }),
        ]
      : []),
    ...entriesOf(route, path).flatMap((entries) =>
      entries.flatMap((entry) => [
        ...shadowed(entry, entries),
        ...withoutEffect(entry, entries),
        ...misread(entry),
      ]),
    ),
  ]);

/** A longer pattern that matches everything that this one matches. */
function shadowed({ glob, pattern, path }: Entry, entries: readonly Entry[]): readonly PathProblem[] {
  const wider = entries.find(
    (other) =>
      !isLiteral(glob) &&
      !isLiteral(other.glob) &&
      other.glob.text.length > glob.text.length &&
      coversGlob(other.glob, glob),
  );
  return wider === undefined
    ? []
    : [
        warning(path, `\`${pattern}\` never counts: \`${wider.pattern}\` is longer and matches all of it`, {
          at: 'key',
        }),
      ];
}

/** What would become of its names without it. */
function withoutEffect(
  { map, glob, pattern, rule, path }: Entry,
  entries: readonly Entry[],
): readonly PathProblem[] {
  const unmatched = map === 'methods' ? 'allow' : 'deny';
  if (rule !== unmatched || entries.some((other) => other.glob !== glob && globsOverlap(other.glob, glob)))
    return [];
  return [
    note(
      path,
      `\`${pattern}\` changes nothing: ${unmatched === 'deny' ? 'what no entry matches is refused' : 'a method that no entry matches is allowed'}`,
      {
        at: 'key',
      },
    ),
  ];
}

/** Spellings of other tools, and methods that MCP does not have. */
function misread({ map, glob, pattern, path }: Entry): readonly PathProblem[] {
  if (/^\^|\$$|\.\*|\\|\[[^\]]+\]|\(.*\||\.\+/.test(pattern)) {
    return [
      warning(path, `\`${pattern}\` looks like a regular expression: only \`*\` has a meaning here`, {
        at: 'key',
        hint: '`*` is any run of characters',
      }),
    ];
  }
  if (pattern.includes('**')) {
    return [warning(path, '`**` is the same as `*` here: any run of characters, slashes too', { at: 'key' })];
  }
  if (pattern.includes('?') && map !== 'resources') {
    return [warning(path, `\`?\` is no wildcard in \`${pattern}\``, { at: 'key', hint: 'only `*` is one' })];
  }
  if (map !== 'methods' || !isLiteral(glob) || (MCP_METHODS as readonly string[]).includes(pattern))
    return [];
  const hint = didYouMean(pattern, MCP_METHODS);
  return hint === undefined ? [] : [warning(path, `MCP has no method \`${pattern}\``, { at: 'key', hint })];
}
