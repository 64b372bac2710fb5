import { runCheck } from './check.ts';
import { CONFIG_OPTION, type Command, configFile, FORMAT_OPTION } from './command.ts';
import { compileCheck } from './compile-check.ts';
import { runSchema } from './schema.ts';
import { startCommand } from './start.ts';

const checkCommand: Command = {
  name: 'check',
  summary: 'name every problem of the file at once',
  options: {
    ...CONFIG_OPTION,
    strict: { type: 'boolean', description: 'warnings are errors' },
    'env-file': { type: 'string', value: 'FILE', description: 'variables for ${NAME}, as NAME=value lines' },
    'allow-missing-env': { type: 'boolean', description: 'a missing variable is only a warning' },
    ...FORMAT_OPTION,
  },
  positionals: [],
  run: (input) => {
    const { options, io } = input;
    return runCheck(
      {
        file: configFile(input),
        format: options.format === 'json' ? 'json' : 'text',
        strict: options.strict === true,
        allowMissingEnv: options['allow-missing-env'] === true,
        ...(options['env-file'] === undefined ? {} : { envFile: String(options['env-file']) }),
      },
      io,
      [compileCheck],
    );
  },
};

const schemaCommand: Command = {
  name: 'schema',
  summary: 'print the JSON Schema of the file',
  options: {},
  positionals: [],
  run: async ({ io }) => runSchema(io),
};

/** Every command of `sealgate`, in the order of the help. */
export const COMMANDS: readonly Command[] = [startCommand, checkCommand, schemaCommand];
