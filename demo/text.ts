import { styleText } from 'node:util';
import type { Try, TryAnswer } from './tries.ts';

const colourful = process.stdout.isTTY === true && !process.env.NO_COLOR;
type Style = Parameters<typeof styleText>[0];
const paint = (style: Style, text: string) => (colourful ? styleText(style, text) : text);

/** What a try is to answer, on one line. */
function describeExpected({ expected }: Try): string {
  if (expected.code) return `${expected.status} ${expected.code}`;
  const user = expected.identity?.['x-user-id'];
  return user
    ? `${expected.status}, and the backend learns who asks`
    : `${expected.status}, and the backend sees nobody`;
}

/** A command for the shell: the request of a try, with its whole token unless it is to be short. */
function curlLine({ url, token }: Try, { short = false } = {}): string {
  if (!token) return `curl -i ${url}`;
  return `curl -i ${url} -H 'Authorization: Bearer ${short ? `${token.slice(0, 12)}…` : token}'`;
}

/** The tries as commands to copy, each under a comment that says what it will answer. */
export function renderCurlLines(tries: readonly Try[]): string {
  return tries
    .map((each) => `${paint('bold', `# ${each.title} → ${describeExpected(each)}`)}\n${curlLine(each)}\n`)
    .join('\n');
}

/** One try with its answer, and what is wrong with it. */
export function renderAnswer(each: Try, answer: TryAnswer): string {
  const mark = answer.faults.length === 0 ? paint('green', '✓') : paint('red', '✗');
  const seen = Object.entries(answer.identity).map(([name, value]) => `    ${name}: ${value}`);
  return [
    `${mark} ${paint('bold', each.title)} → ${[answer.status, answer.code].filter(Boolean).join(' ')}`,
    `    ${paint('dim', curlLine(each, { short: true }))}`,
    ...seen,
    ...answer.faults.map((fault) => `    ${paint('red', fault)}`),
  ].join('\n');
}

/** A heading with a list of addresses. */
export function renderAddresses(
  rows: readonly (readonly [name: string, url: string, what: string])[],
): string {
  const width = Math.max(...rows.map(([, url]) => url.length));
  return rows
    .map(
      ([name, url, what]) => `  ${name.padEnd(9)} ${paint('cyan', url.padEnd(width))}  ${paint('dim', what)}`,
    )
    .join('\n');
}

/** The gateway's access line as a person reads it; undefined for its other lines. */
export function renderAccessLine(jsonLine: string): string | undefined {
  const { method, path, status, code, route, durationMs } = parseObject(jsonLine);
  if (typeof method !== 'string' || typeof status !== 'number') return undefined;
  const colour = status < 400 ? 'green' : 'yellow';
  const outcome = status < 400 ? route : code;
  return `${paint('dim', 'gateway ')} ${method} ${path} ${paint(colour, `${status} ${outcome ?? ''}`)} ${paint('dim', `${durationMs} ms`)}`;
}

/** A line of the backend as a person reads it. */
export function renderBackendLine(line: string): string {
  return `${paint('dim', 'backend ')} ${line}`;
}

export function renderTitle(text: string, remark: string): string {
  return `${paint('bold', text)}  ${paint('dim', remark)}`;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
