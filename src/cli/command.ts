import type { CommandIo } from './io.ts';

/** One option of a command, as `parseArgs` of node:util reads it and as the help shows it. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help, such as `FILE`. */
  readonly value?: string;
  /** The only values accepted. */
  readonly oneOf?: readonly string[];
  readonly description: string;
}

export type OptionValues = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>;

export interface CommandInput {
  readonly options: OptionValues;
  readonly positionals: readonly string[];
  readonly io: CommandIo;
}

/** One command of `sealgate`. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Names of the positional arguments; one in brackets may be left out. */
  readonly positionals: readonly string[];
  /** What is wrong with words that are known but do not fit; they are answered with the usage. */
  misfit?(input: Omit<CommandInput, 'io'>): string | undefined;
  /** Runs it and gives the exit code. */
  run(input: CommandInput): Promise<number>;
}

/** `-c FILE`, which every command that reads the file has. */
export const CONFIG_OPTION = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    description: 'the configuration file (default: $SEALGATE_CONFIG, else config/gateway.yaml)',
  },
} as const satisfies Record<string, OptionSpec>;

/** `--format text|json`. */
export const FORMAT_OPTION = {
  format: { type: 'string', value: 'FORMAT', oneOf: ['text', 'json'], description: 'text (default) or json' },
} as const satisfies Record<string, OptionSpec>;

/** The file that `-c`, then `SEALGATE_CONFIG`, then the default names. */
export function configFile({ options, io }: CommandInput): string {
  return (options.config as string | undefined) ?? (io.env.SEALGATE_CONFIG || 'config/gateway.yaml');
}
