import { findMessageFlaw } from '../config/mcp/message-text.ts';
import { CONFIG_OPTIONS, type Command, FORMAT_OPTION, type OptionValues, readTime } from './command.ts';
import { withConfigFile, withEnvFile, withFileName } from './config-file.ts';
import { importCommand } from './import-command.ts';
import { initCommand } from './init/init-command.ts';
import { revokeCommand } from './revoke-command.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/*
 * Commands load their code when they run: a version or a help text does not wait for the whole gateway.
 */

const startCommand: Command = {
  name: 'start',
  summary: 'run the gateway until SIGTERM or SIGINT',
  options: {
    ...CONFIG_OPTIONS,
    host: { type: 'string', value: 'HOST', description: 'listen here instead of listen.host' },
    port: { type: 'string', value: 'PORT', description: 'instead of listen.port; 0 takes a free one' },
    'admin-host': { type: 'string', value: 'HOST', description: 'instead of admin.host' },
    'admin-port': { type: 'string', value: 'PORT', description: 'instead of admin.port; 0 takes a free one' },
    'log-level': {
      type: 'string',
      value: 'LEVEL',
      oneOf: LEVELS,
      description: `instead of log.level: ${LEVELS.join(', ')}`,
    },
  },
  positionals: [],
  misfit: ({ options }) => {
    const misfit = ['port', 'admin-port'].find((name) => !isPortOrAbsent(options[name]));
    return misfit === undefined
      ? undefined
      : `--${misfit} takes a port from 0 to 65535, not "${String(options[misfit])}"`;
  },
  run: async (input) => (await import('./start.ts')).runStart(input),
};

const checkCommand: Command = {
  name: 'check',
  aliases: ['validate'],
  summary: 'report every problem of the file at once',
  options: {
    ...CONFIG_OPTIONS,
    strict: { type: 'boolean', description: 'warnings are errors' },
    online: {
      type: 'boolean',
      description: 'also fetch the keys of issuers, ask endpoints of providers and connect to backends',
    },
    against: {
      type: 'string',
      value: 'SPEC',
      description: 'also compare the routes with the operations of an OpenAPI document',
    },
    'allow-missing-env': { type: 'boolean', description: 'a missing variable is only a warning' },
    ...FORMAT_OPTION,
  },
  positionals: [],
  run: async (input) => {
    const { options, io } = input;
    const [{ runCheck }, { offlineChecks }] = await Promise.all([
      import('./check/check.ts'),
      import('./check/offline-checks.ts'),
    ]);
    const online =
      options.online === true ? (await import('./check/online-check.ts')).onlineChecks(io.env) : [];
    const against =
      options.against === undefined
        ? []
        : [(await import('./check/against-check.ts')).againstCheck(String(options.against), io.env)];
    return withFileName(input, (file) =>
      runCheck(
        {
          file,
          format: options.format === 'json' ? 'json' : 'text',
          strict: options.strict === true,
          allowMissingEnv: options['allow-missing-env'] === true,
          ...(options['env-file'] === undefined ? {} : { envFile: String(options['env-file']) }),
        },
        io,
        [...offlineChecks(), ...online, ...against],
      ),
    );
  },
};

const keysCommand: Command = {
  name: 'keys',
  summary: 'fetch the keys of each issuer and show which are usable',
  options: { ...CONFIG_OPTIONS, ...FORMAT_OPTION },
  positionals: ['[ISSUER]'],
  run: async (input) => {
    const [issuer] = input.positionals;
    const format = input.options.format === 'json' ? 'json' : 'text';
    const { runKeys } = await import('./keys.ts');
    return withConfigFile(input, (file, io) =>
      runKeys({ file, format, ...(issuer !== undefined && { issuer }) }, io),
    );
  },
};

const explainCommand: Command = {
  name: 'explain',
  summary: 'decide one request step by step and show why it passes or not',
  options: {
    ...CONFIG_OPTIONS,
    token: { type: 'string', value: 'TOKEN', description: 'the bearer token; - reads standard input' },
    'token-file': { type: 'string', value: 'FILE', description: 'a file with the token' },
    method: { type: 'string', value: 'METHOD', description: 'default GET, or POST with --mcp' },
    host: { type: 'string', value: 'HOST', description: 'the Host of the request' },
    header: {
      type: 'string',
      multiple: true,
      value: "'N: V'",
      description: 'a header field of the request; may be repeated',
    },
    mcp: {
      type: 'string',
      value: 'MESSAGE',
      description: "the message to an MCP server, such as 'tools/call NAME'",
    },
    cert: { type: 'string', value: 'FILE', description: 'the client certificate of the request' },
    jwks: { type: 'string', value: 'FILE', description: 'saved keys instead of the published ones' },
    at: {
      type: 'string',
      value: 'TIME',
      description: 'decide as of this time: ISO 8601, or seconds since 1970',
    },
    online: {
      type: 'boolean',
      description: 'ask the provider about a token that is no JWT, or with `for: all` about a JWT too',
    },
    'show-claims': { type: 'boolean', description: 'show the claims of the token' },
    ...FORMAT_OPTION,
  },
  positionals: ['PATH'],
  misfit: ({ options }) => {
    if (options.token !== undefined && options['token-file'] !== undefined) {
      return 'use either --token or --token-file';
    }
    const header = headersOf(options).find((field) => !/^[^\s:]+:/.test(field));
    if (header !== undefined) return `--header takes 'Name: value', not "${header}"`;
    const flaw = options.mcp === undefined ? undefined : findMessageFlaw(String(options.mcp));
    if (flaw !== undefined) return `--mcp: ${flaw}`;
    return options.at === undefined || readTime(String(options.at)) !== undefined
      ? undefined
      : `--at takes a time such as 2026-01-31T12:00:00Z, not "${String(options.at)}"`;
  },
  run: async (input) => {
    const { options, positionals } = input;
    const { runExplain } = await import('./explain.ts');
    const text = (name: string) => (options[name] === undefined ? undefined : String(options[name]));
    return withConfigFile(input, (file, io) =>
      runExplain(
        {
          file,
          request: {
            method: text('method') ?? (options.mcp === undefined ? 'GET' : 'POST'),
            target: positionals[0] as string,
            host: text('host'),
            headers: headersOf(options).map((field) => {
              const colon = field.indexOf(':');
              return [field.slice(0, colon), field.slice(colon + 1).trim()] as const;
            }),
            token: text('token'),
            mcp: text('mcp'),
          },
          tokenFile: text('token-file'),
          certificateFile: text('cert'),
          jwksFile: text('jwks'),
          atMs: options.at === undefined ? undefined : readTime(String(options.at)),
          isOnline: options.online === true,
          showClaims: options['show-claims'] === true,
          format: options.format === 'json' ? 'json' : 'text',
        },
        io,
      ),
    );
  },
};

const routesCommand: Command = {
  name: 'routes',
  summary: 'list the routes in the order in which they are matched',
  options: { ...CONFIG_OPTIONS, ...FORMAT_OPTION },
  positionals: [],
  run: async (input) => {
    const { runRoutes } = await import('./routes.ts');
    const format = input.options.format === 'json' ? 'json' : 'text';
    return withConfigFile(input, (file, io) => runRoutes({ file, format }, io));
  },
};

const diffCommand: Command = {
  name: 'diff',
  summary: 'compare two files: who gains and who loses what',
  options: {
    'env-file': CONFIG_OPTIONS['env-file'],
    format: {
      type: 'string',
      value: 'FORMAT',
      oneOf: ['text', 'json', 'markdown'],
      description: 'text (default), json, or markdown for pull requests',
    },
    replay: {
      type: 'string',
      value: 'LOG',
      description: 'access lines: how many of these requests are concerned; - reads standard input',
    },
  },
  positionals: ['OLD', 'NEW'],
  run: async (input) => {
    const [older, newer] = input.positionals as [string, string];
    const format = (input.options.format ?? 'text') as 'text' | 'json' | 'markdown';
    const { runDiff } = await import('./diff.ts');
    const replay = input.options.replay as string | undefined;
    return withEnvFile(input, (io) => runDiff({ older, newer, format, replay }, io));
  },
};

const schemaCommand: Command = {
  name: 'schema',
  summary: 'print the JSON Schema of the file',
  options: {
    included: { type: 'boolean', description: 'of files that `include` names' },
  },
  positionals: [],
  run: async ({ options, io }) => {
    const { editorJsonSchema, includedJsonSchema } = await import('../config/schema/json-schema.ts');
    const schema = options.included === true ? includedJsonSchema() : editorJsonSchema();
    io.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
    return 0;
  },
};

/** Every command of `sealgate`, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  initCommand,
  startCommand,
  checkCommand,
  explainCommand,
  routesCommand,
  keysCommand,
  diffCommand,
  importCommand,
  revokeCommand,
  schemaCommand,
];

function isPortOrAbsent(value: unknown): boolean {
  return value === undefined || (/^\d{1,5}$/.test(String(value)) && Number(value) <= 65_535);
}

function headersOf(options: OptionValues): readonly string[] {
  return ((options.header ?? []) as readonly (string | boolean)[]).map(String);
}
