import { styleText } from 'node:util';
import type { FlowStep } from './mcp/flow.ts';
import type { Scenario, ScenarioResponse } from './scenarios.ts';

const colorful = process.stdout.isTTY === true && !process.env.NO_COLOR;
type Style = Parameters<typeof styleText>[0];
const colors = (style: Style, text: string) => (colorful ? styleText(style, text) : text);

/** The expected response of a scenario, on one line. */
function describeExpected({ expected }: Scenario): string {
  if (expected.code) return `${expected.status} ${expected.code}`;
  const user = expected.identity?.['x-user-id'];
  return user
    ? `${expected.status}, and the backend learns who calls`
    : `${expected.status}, and the backend sees nobody`;
}

/** The request of a scenario as a shell command, with its whole token unless `short`. */
function curlLine({ url, token }: Scenario, { short = false } = {}): string {
  if (!token) return `curl -i ${url}`;
  return `curl -i ${url} -H 'Authorization: Bearer ${short ? `${token.slice(0, 12)}…` : token}'`;
}

/** The scenarios as commands to copy, each under a comment with its expected response. */
export function renderCurlLines(scenarios: readonly Scenario[]): string {
  return scenarios
    .map((each) => `${colors('bold', `# ${each.title} → ${describeExpected(each)}`)}\n${curlLine(each)}\n`)
    .join('\n');
}

/** One scenario with its response and any faults. */
export function renderResponse(each: Scenario, response: ScenarioResponse): string {
  const mark = response.faults.length === 0 ? colors('green', '✓') : colors('red', '✗');
  const seen = Object.entries(response.identity).map(([name, value]) => `    ${name}: ${value}`);
  return [
    `${mark} ${colors('bold', each.title)} → ${[response.status, response.code].filter(Boolean).join(' ')}`,
    `    ${colors('dim', curlLine(each, { short: true }))}`,
    ...seen,
    ...response.faults.map((fault) => `    ${colors('red', fault)}`),
  ].join('\n');
}

/** One step of the MCP client with its requests and any faults. */
export function renderStep({ title, outcome, exchanges, faults }: FlowStep): string {
  const mark = faults.length === 0 ? colors('green', '✓') : colors('red', '✗');
  const lines = exchanges.flatMap(({ method, url, message, status, challenge }) => [
    `    ${colors('dim', `${[method, url, message].filter(Boolean).join(' ')} →`)} ${status}`,
    ...(challenge ? [`    ${colors('dim', `    WWW-Authenticate: ${challenge}`)}`] : []),
  ]);
  return [
    `${mark} ${colors('bold', title)} → ${outcome}`,
    ...lines,
    ...faults.map((fault) => `    ${colors('red', fault)}`),
  ].join('\n');
}

/** A heading with a list of addresses. */
export function renderAddresses(
  rows: readonly (readonly [name: string, url: string, what: string])[],
): string {
  const width = Math.max(...rows.map(([, url]) => url.length));
  return rows
    .map(
      ([name, url, what]) =>
        `  ${name.padEnd(9)} ${colors('cyan', url.padEnd(width))}  ${colors('dim', what)}`,
    )
    .join('\n');
}

/** The gateway's access line for people; undefined for its other lines. */
export function renderAccessLine(jsonLine: string): string | undefined {
  const { method, path, status, code, route, durationMs } = parseObject(jsonLine);
  if (typeof method !== 'string' || typeof status !== 'number') return undefined;
  const color = status < 400 ? 'green' : 'yellow';
  const outcome = status < 400 ? route : code;
  return `${colors('dim', 'gateway ')} ${method} ${path} ${colors(color, `${status} ${outcome ?? ''}`)} ${colors('dim', `${durationMs} ms`)}`;
}

/** A line of the backend's log for people. */
export function renderBackendLine(line: string): string {
  return `${colors('dim', 'backend ')} ${line}`;
}

export function renderTitle(text: string, remark: string): string {
  return `${colors('bold', text)}  ${colors('dim', remark)}`;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
