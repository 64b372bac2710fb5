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
  gateway: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline', 'proxy', 'admin'],
  cli: ['core', 'config', 'http', 'telemetry', 'tokens', 'pipeline', 'proxy', 'admin', 'gateway'],
};

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(LAYERS).map(([layer, below]) => ({
      name: `${layer}-imports-down-only`,
      severity: 'error',
      from: { path: `^src/${layer}/` },
      to: { path: '^src/', pathNot: `^src/(${[layer, ...below].join('|')})/` },
    })),
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'only-decide-makes-permits',
      severity: 'error',
      from: { pathNot: '^src/pipeline/decide\\.ts$' },
      to: { path: '^src/pipeline/permit\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-fastify-below-proxy',
      severity: 'error',
      from: { path: '^src/(core|config|http|telemetry|tokens|pipeline)/' },
      to: { path: 'node_modules/(fastify|@fastify)' },
    },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'] },
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
