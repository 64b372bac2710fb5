import type { CommandIo } from './io.ts';

/** One option of a command, as `parseArgs` of node:util reads it and as the help shows it. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** The placeholder of the value in the help, such as `FILE`. */
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
  /** Other names of the command. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Options of later versions, reported as such instead of as typing errors. */
  readonly laterOptions?: readonly string[];
  /** Names of the positional arguments; one in brackets is optional. */
  readonly positionals: readonly string[];
  /** What is wrong with known words that do not fit; the usage is shown too. */
  misfit?(input: Omit<CommandInput, 'io'>): string | undefined;
  /** Returns the exit code. */
  run(input: CommandInput): Promise<number>;
}

/** Where the file is by default, relative to the current folder. */
export const DEFAULT_FILES = ['gateway.yaml', 'config/gateway.yaml'] as const;

/** Options of every command that reads the file. */
export const CONFIG_OPTIONS = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    description: `the configuration file (default: $SEALGATE_CONFIG, else ${DEFAULT_FILES.join(' or ')})`,
  },
  'env-file': { type: 'string', value: 'FILE', description: 'variables for ${NAME}, as NAME=value lines' },
} as const satisfies Record<string, OptionSpec>;

export const FORMAT_OPTION = {
  format: { type: 'string', value: 'FORMAT', oneOf: ['text', 'json'], description: 'text (default) or json' },
} as const satisfies Record<string, OptionSpec>;

/** Reads a time that an option takes, ISO 8601 or seconds, as milliseconds since the epoch. */
export function readTime(text: string): number | undefined {
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  return Number.isFinite(ms) ? ms : undefined;
}
