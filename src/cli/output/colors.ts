import type { CommandIo } from '../io.ts';

export type Colors = Readonly<Record<keyof typeof CODES, (text: string) => string>>;

const CODES = { red: 31, green: 32, yellow: 33, dim: 2 } as const;

/** Colors for a terminal; none elsewhere, and none where `NO_COLOR` is set to anything. */
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
