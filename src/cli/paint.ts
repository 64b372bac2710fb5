import type { CommandIo } from './io.ts';

export type Paint = Readonly<Record<keyof typeof COLOURS, (text: string) => string>>;

const COLOURS = { red: 31, green: 32, yellow: 33, dim: 2 } as const;

/** Colours for a terminal; none elsewhere, and none where `NO_COLOR` is set to anything. */
export function painter({ env, isTTY }: Pick<CommandIo, 'env' | 'isTTY'>): Paint {
  const isColoured = isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
  const paint =
    (code: number) =>
    (text: string): string =>
      isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    red: paint(COLOURS.red),
    green: paint(COLOURS.green),
    yellow: paint(COLOURS.yellow),
    dim: paint(COLOURS.dim),
  };
}
