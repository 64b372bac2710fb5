import { parseArgs } from 'node:util';
import { didYouMean } from '../config/diagnostics/nearest.ts';
import { VERSION } from '../core/version.ts';
import type { Command, OptionSpec, OptionValues } from './command.ts';
import { type CommandIo, escapeOutput } from './io.ts';

const EXIT_USAGE = 2;

/** Commands of later versions, reported as such instead of as typing errors. */
const LATER_COMMANDS: readonly string[] = ['token', 'completion'];

/** Runs `sealgate` with its arguments and returns the exit code: 2 for wrong arguments. */
export async function runCli(
  words: readonly string[],
  commands: readonly Command[],
  processIo: CommandIo,
): Promise<number> {
  const io = escapeOutput(processIo);
  const [first, ...rest] = words;
  if (first === '--version' || first === '-v') {
    io.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (first === '--help' || first === '-h' || first === 'help') {
    const [word] = rest;
    const asked = word === undefined ? undefined : findCommand(word, commands);
    if (word !== undefined && asked === undefined) {
      return misuse(io, unknownWord(word, commands), overview(commands));
    }
    io.stdout.write(asked === undefined ? overview(commands) : commandHelp(asked));
    return 0;
  }
  const command = first === undefined ? undefined : findCommand(first, commands);
  if (command === undefined) {
    const problem = first === undefined ? 'a command is missing' : unknownWord(first, commands);
    return misuse(io, problem, overview(commands));
  }
  let input: { options: OptionValues; positionals: string[] };
  try {
    input = readWords(rest, command);
  } catch (error) {
    return misuse(io, describeMisfit(error, command), commandHelp(command));
  }
  if (input.options.help === true) {
    io.stdout.write(commandHelp(command));
    return 0;
  }
  const problem = misfit(input, command);
  if (problem !== undefined) return misuse(io, problem, commandHelp(command));
  return command.run({ ...input, io });
}

function findCommand(word: string, commands: readonly Command[]): Command | undefined {
  return commands.find(({ name, aliases = [] }) => name === word || aliases.includes(word));
}

function unknownWord(word: string, commands: readonly Command[]): string {
  if (LATER_COMMANDS.includes(word)) return `the command "${word}" is not supported by this version`;
  const meant = word.startsWith('-')
    ? 'options come after the command'
    : didYouMean(
        word,
        commands.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
      );
  return `unknown command or option "${word}"${meant === undefined ? '' : `, ${meant}`}`;
}

/** The message of `parseArgs`, or a suggestion where an option is unknown. */
function describeMisfit(error: unknown, { options, laterOptions = [] }: Command): string {
  const { code, message } = error as Error & { readonly code?: string };
  const option = /^Unknown option '(-+)([^']+)'/.exec(message);
  if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || option === null) return message;
  const [, dashes = '', name = ''] = option;
  if (laterOptions.includes(name)) return `the option "${dashes}${name}" is not supported by this version`;
  const meant = didYouMean(
    `--${name}`,
    [...Object.keys(options), 'help'].map((known) => `--${known}`),
  );
  return `unknown option "${dashes}${name}"${meant === undefined ? '' : `, ${meant}`}`;
}

function readWords(words: string[], command: Command): { options: OptionValues; positionals: string[] } {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const [name, { type, short, multiple }] of Object.entries(command.options)) {
    options[name] = {
      type,
      ...(short === undefined ? {} : { short }),
      ...(multiple === undefined ? {} : { multiple }),
    };
  }
  const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true, strict: true });
  return { options: values, positionals };
}

/** What is wrong with parsed arguments: a value outside its list, too many or too few positionals. */
function misfit(
  input: { options: OptionValues; positionals: readonly string[] },
  command: Command,
): string | undefined {
  for (const [name, spec] of Object.entries(command.options)) {
    const value = input.options[name];
    if (spec.oneOf !== undefined && value !== undefined && !spec.oneOf.includes(String(value))) {
      return `--${name} takes ${spec.oneOf.join(' or ')}, not "${String(value)}"`;
    }
  }
  const required = command.positionals.filter((name) => !name.startsWith('['));
  if (input.positionals.length < required.length) return `${required[input.positionals.length]} is missing`;
  const surplus = input.positionals[command.positionals.length];
  if (surplus !== undefined) return `unexpected argument "${surplus}"`;
  return command.misfit?.(input);
}

function misuse(io: CommandIo, problem: string, usage: string): number {
  io.stderr.write(`sealgate: ${problem}\n\n${usage}`);
  return EXIT_USAGE;
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const rows = commands.map(
    ({ name, aliases = [], summary }) =>
      `  ${name.padEnd(width)}  ${[summary, ...aliases.map((alias) => `also: ${alias}`)].join('; ')}`,
  );
  return `Usage: sealgate COMMAND [OPTION ...]

Guards HTTP APIs: verifies the bearer JWT of every request and forwards what the file allows.

Commands:
${rows.join('\n')}

Options:
  --version  print the version
  --help     print this; after a command, its options
`;
}

function commandHelp({ name, summary, options, positionals }: Command): string {
  const rows: [string, string][] = Object.entries(options).map(([key, spec]) => [
    optionWords(key, spec),
    spec.description,
  ]);
  rows.push(['-h, --help', 'print this']);
  const width = Math.max(...rows.map(([words]) => words.length));
  const lines = rows.map(([words, description]) => `  ${words.padEnd(width)}  ${description}`);
  return `Usage: ${['sealgate', name, '[OPTION ...]', ...positionals].join(' ')}

${summary.charAt(0).toUpperCase()}${summary.slice(1)}.

Options:
${lines.join('\n')}
`;
}

function optionWords(key: string, { short, value }: OptionSpec): string {
  const long = value === undefined ? `--${key}` : `--${key} ${value}`;
  return short === undefined ? `    ${long}` : `-${short}, ${long}`;
}
