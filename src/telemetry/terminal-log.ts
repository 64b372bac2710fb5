import { escapeText } from '../core/escape.ts';
import type { LogDestination } from './log-destination.ts';

/** Select Graphic Rendition codes (ECMA-48). `styleText` of node:util looks at the process's own terminal only. */
const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, gray: 90 } as const;
type Style = keyof typeof CODES;

const LEVEL_STYLES: Readonly<Record<string, Style>> = {
  trace: 'gray',
  debug: 'gray',
  info: 'cyan',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
};

/** What an access line shows before its other fields, in this order. */
const REQUEST_FIELDS = ['method', 'path', 'status', 'route', 'code', 'durationMs'];

/** Turns JSON lines into lines for a person at a terminal; for every other reader the log stays JSON. */
export function forTerminal(
  destination: LogDestination,
  { color }: { readonly color: boolean },
): LogDestination {
  return {
    write: (line) => destination.write(renderForTerminal(line, color)),
    flushSync: () => destination.flushSync(),
  };
}

function renderForTerminal(line: string, color: boolean): string {
  const colors = (style: Style, text: string): string =>
    color ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
  const { time, level, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = colors('gray', String(time).slice(11, 23));
  const label = colors(LEVEL_STYLES[String(level)] ?? 'gray', String(level).toUpperCase().padEnd(5));
  if (msg === 'request') {
    const [method, path, status, route, code, durationMs] = REQUEST_FIELDS.map((name) =>
      plain(fields[name] ?? '-'),
    );
    const outcome = colors(Number(status) < 400 ? 'green' : 'yellow', `${status} ${code}`);
    const rest = Object.entries(fields).filter(([name]) => !REQUEST_FIELDS.includes(name));
    return `${clock} ${label} ${method} ${path} ${outcome} ${route} ${durationMs} ms  ${colors('gray', list(rest))}\n`;
  }
  const stack = (err as { stack?: unknown } | undefined)?.stack;
  const trouble =
    stack === undefined
      ? ''
      : `\n${String(stack)
          .split('\n')
          .map((each) => `    ${plain(each)}`)
          .join('\n')}`;
  return `${clock} ${label} ${plain(msg)}  ${colors('gray', list(Object.entries(fields)))}${trouble}\n`;
}

function list(fields: readonly (readonly [string, unknown])[]): string {
  return fields.map(([name, value]) => `${name}=${plain(value)}`).join(' ');
}

function plain(value: unknown): string {
  return escapeText(typeof value === 'string' ? value : JSON.stringify(value));
}
