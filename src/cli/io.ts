import { escapeLines } from '../core/escape.ts';

/** What a command may touch of the process, so that tests can hold it. */
export interface CommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether stdout is a terminal. */
  readonly isTTY: boolean;
  /** Reads standard input to its end. */
  readonly readStdin?: () => Promise<string>;
}

/** Select Graphic Rendition (ECMA-48): what `colorsFor` writes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a color begins with one
const COLORS = /(\u001b\[(?:0|2|3[123])m)/;

/** The same process with its output escaped: nothing that a file, a provider or a token holds can command the terminal. Colors stay. */
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
