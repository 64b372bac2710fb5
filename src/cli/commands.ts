import { CONFIG_OPTION, type Command, configFile, FORMAT_OPTION } from './command.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/*
 * What a command does is loaded when it is asked for: nobody waits for the whole gateway to see a version or a help text.
 */

const startCommand: Command = {
  name: 'start',
  summary: 'guard the APIs of the file until SIGTERM or SIGINT',
  options: {
    ...CONFIG_OPTION,
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
  summary: 'name every problem of the file at once',
  options: {
    ...CONFIG_OPTION,
    strict: { type: 'boolean', description: 'warnings are errors' },
    'env-file': { type: 'string', value: 'FILE', description: 'variables for ${NAME}, as NAME=value lines' },
    online: { type: 'boolean', description: 'ask issuers for their keys, and try to reach backends' },
    'allow-missing-env': { type: 'boolean', description: 'a missing variable is only a warning' },
    ...FORMAT_OPTION,
  },
  positionals: [],
  run: async (input) => {
    const { options, io } = input;
    const [{ runCheck }, { compileCheck }] = await Promise.all([
      import('./check.ts'),
      import('./compile-check.ts'),
    ]);
    return runCheck(
      {
        file: configFile(input),
        format: options.format === 'json' ? 'json' : 'text',
        strict: options.strict === true,
        allowMissingEnv: options['allow-missing-env'] === true,
        ...(options['env-file'] === undefined ? {} : { envFile: String(options['env-file']) }),
      },
      io,
      options.online === true
        ? [compileCheck, ...(await import('./online-check.ts')).onlineChecks(io.env)]
        : [compileCheck],
    );
  },
};

const keysCommand: Command = {
  name: 'keys',
  summary: 'fetch the keys of each issuer and say which are usable',
  options: { ...CONFIG_OPTION, ...FORMAT_OPTION },
  positionals: ['[ISSUER]'],
  run: async (input) => {
    const [issuer] = input.positionals;
    const format = input.options.format === 'json' ? 'json' : 'text';
    const { runKeys } = await import('./keys.ts');
    return runKeys({ file: configFile(input), format, ...(issuer !== undefined && { issuer }) }, input.io);
  },
};

const schemaCommand: Command = {
  name: 'schema',
  summary: 'print the JSON Schema of the file',
  options: {},
  positionals: [],
  run: async ({ io }) => (await import('./schema.ts')).runSchema(io),
};

/** Every command of `sealgate`, in the order of the help. */
export const COMMANDS: readonly Command[] = [startCommand, checkCommand, keysCommand, schemaCommand];

function isPortOrAbsent(value: unknown): boolean {
  return value === undefined || (/^\d{1,5}$/.test(String(value)) && Number(value) <= 65_535);
}
