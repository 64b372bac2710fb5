// All layers below `gateway`.
const BELOW_GATEWAY = [
  ...['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline'],
  ...['proxy', 'admin', 'oauth', 'decisions', 'simulate', 'diff', 'openapi'],
];

// Imports go down only, never up and never to a sibling (docs/architecture.md). Each layer lists what it may import.
const LAYERS = {
  core: [],
  config: ['core'],
  http: ['core', 'config'],
  telemetry: ['core', 'config'],
  tokens: ['core', 'config', 'http', 'telemetry'],
  pipeline: ['core', 'config', 'http', 'telemetry', 'tokens'],
  proxy: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline'],
  admin: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline'],
  oauth: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline'],
  decisions: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline'],
  simulate: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline'],
  diff: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline', 'simulate'],
  openapi: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline', 'simulate', 'diff'],
  gateway: BELOW_GATEWAY,
  cli: [...BELOW_GATEWAY, 'gateway'],
};

// Which rooms of its layer a room may import. What lies in the layer's own folder, all its rooms share; a room that is not listed
// here may not be there.
const ROOMS = {
  core: { json: [], network: [], time: [] },
  config: {
    source: [],
    mcp: [],
    schema: [],
    diagnostics: ['schema'],
    routes: ['schema', 'mcp'],
    rules: ['source', 'schema', 'diagnostics', 'routes', 'mcp'],
  },
  diff: { conditions: [], keys: [], messages: [] },
  http: { certificates: [] },
  tokens: {
    jwt: [],
    redis: [],
    replay: ['redis'],
    keys: ['jwt'],
    cache: ['jwt', 'keys'],
    dpop: ['jwt', 'keys', 'cache', 'replay'],
    endpoints: ['jwt', 'keys'],
    exchange: ['cache', 'endpoints'],
    revocation: ['jwt', 'keys', 'redis'],
    events: ['jwt', 'keys', 'revocation'],
    introspection: ['jwt', 'cache', 'endpoints'],
    issuers: ['jwt', 'keys', 'endpoints', 'dpop'],
  },
  pipeline: {
    routing: [],
    'rate-limit': [],
    binding: ['messages', 'credentials'],
    messages: ['routing', 'rate-limit'],
    cors: ['messages', 'routing'],
    credentials: ['messages', 'cors'],
    access: ['messages', 'binding'],
    identity: ['messages'],
    own: ['messages', 'rate-limit', 'cors'],
    mcp: ['messages', 'access', 'cors'],
    resource: ['messages', 'cors'],
    decision: [
      ...['access', 'binding', 'cors', 'credentials', 'identity', 'mcp', 'messages', 'own'],
      ...['rate-limit', 'resource', 'routing'],
    ],
  },
  proxy: {
    response: [],
    h1: ['response'],
    h2: ['response'],
    upstream: ['response', 'h1', 'h2'],
    request: ['response', 'upstream'],
    websocket: ['request', 'response', 'upstream'],
  },
  decisions: { grpc: [] },
  openapi: {
    source: [],
    document: ['source'],
    write: ['document'],
    against: ['document', 'write'],
  },
  gateway: {
    server: [],
    reports: [],
    lifecycle: [],
    serving: ['server', 'reports'],
    decisions: ['server', 'serving'],
    cluster: ['serving', 'lifecycle', 'reports'],
  },
  cli: { output: [], check: ['output'], init: ['check'] },
};

/** @type {import('dependency-cruiser').IConfiguration} */
/** package.json lists them beside the tools: the published package contains them and depends on nothing. */
const BUNDLED = [
  '@bufbuild/(cel|cel-spec|protobuf|re2)',
  '@fastify/http-proxy',
  '@opentelemetry/api',
  '@redis/client',
  '@types/node',
  'fastify',
  'jose',
  'oauth4webapi',
  'pino',
  'prom-client',
  'undici',
  'yaml',
  'zod',
];

module.exports = {
  forbidden: [
    ...Object.entries(LAYERS).map(([layer, below]) => ({
      name: `${layer}-imports-down-only`,
      severity: 'error',
      from: { path: `^src/${layer}/` },
      to: { path: '^src/', pathNot: `^src/(${[layer, ...below].join('|')})/` },
    })),
    ...Object.entries(ROOMS).flatMap(([layer, rooms]) => [
      ...Object.entries(rooms).map(([room, others]) => ({
        name: `${layer}-${room}-imports-its-rooms-only`,
        severity: 'error',
        from: { path: `^src/${layer}/${room}/` },
        to: { path: `^src/${layer}/[^/]+/`, pathNot: `^src/${layer}/(${[room, ...others].join('|')})/` },
      })),
      {
        name: `${layer}-has-these-rooms`,
        severity: 'error',
        from: {},
        to: { path: `^src/${layer}/[^/]+/`, pathNot: `^src/${layer}/(${Object.keys(rooms).join('|')})/` },
      },
    ]),
    {
      name: 'no-other-rooms',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/[^/]+/', pathNot: `^src/(${Object.keys(ROOMS).join('|')})/` },
    },
    {
      name: 'rules-are-apart',
      severity: 'error',
      from: { path: '^src/config/rules/([^/]+)/' },
      to: { path: '^src/config/rules/[^/]+/', pathNot: '^src/config/rules/$1/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'only-decide-makes-permits',
      severity: 'error',
      from: { pathNot: '^src/pipeline/decision/decide-(access|proof|exchange|message)\\.ts$' },
      to: { path: '^src/pipeline/permit\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-fastify-below-proxy',
      severity: 'error',
      from: { path: '^src/(core|config|http|telemetry|tokens|pipeline|simulate)/' },
      to: { path: 'node_modules/(fastify|@fastify)' },
    },
    {
      // What the bundle may contain: the packages of docs/decisions/README.md, "Dependencies at run time".
      name: 'only-bundled-packages',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: 'node_modules/', pathNot: `node_modules/(${BUNDLED.join('|')})/` },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node'],
    },
  },
};
