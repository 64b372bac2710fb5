import { escapeLines } from '../core/escape.ts';

/** What a command uses of the process, so that tests can replace it. */
export interface CommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether stdout is a terminal. */
  readonly isTTY: boolean;
  /** Reads standard input to its end. */
  readonly readStdin?: () => Promise<string>;
  /** Asks a question on the terminal; undefined where it was left with Ctrl-C or Ctrl-D. Absent where nobody can be asked. */
  readonly ask?: (question: string) => Promise<string | undefined>;
}

const CODES = { red: 31, green: 32, yellow: 33, dim: 2 } as const;

export type Colors = Readonly<Record<keyof typeof CODES, (text: string) => string>>;

/** Colors for a terminal (SGR of ECMA-48); none elsewhere, and none where `NO_COLOR` is set to anything. */
export function colorsFor({ env, isTTY }: Pick<CommandIo, 'env' | 'isTTY'>): Colors {
  const isColored = isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
  const color =
    (code: number) =>
    (text: string): string =>
      isColored ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    red: color(CODES.red),
    green: color(CODES.green),
    yellow: color(CODES.yellow),
    dim: color(CODES.dim),
  };
}

/** What `colorsFor` writes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a color begins with one
const COLORS = /(\u001b\[(?:0|2|3[123])m)/;

/** The same process with escaped output: no text of a file, a provider or a token can control the terminal. Colors stay. */
export function escapeOutput(io: CommandIo): CommandIo {
  const visible = (text: string): string =>
    io.isTTY
      ? text
          .split(COLORS)
          .map((part) => (COLORS.test(part) ? part : escapeLines(part)))
          .join('')
      : escapeLines(text);
  return {
    ...io,
    stdout: { write: (text) => io.stdout.write(visible(text)) },
    stderr: { write: (text) => io.stderr.write(visible(text)) },
  };
}
