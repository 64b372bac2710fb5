import { escapeText } from '../../core/escape.ts';
import { isRefusal, REFUSALS } from '../../core/refusals.ts';
import type { Step } from '../../core/trace.ts';
import { isServedHere } from '../../pipeline/messages/direct-response.ts';
import type { Permit } from '../../pipeline/permit.ts';
import type { SimulatedDecision } from '../../simulate/simulate.ts';
import { ADVICE } from '../advice.ts';
import type { Colors } from '../io.ts';

/** Writes a decision for people: one line for each step, what was expected and got where it failed, and what to change. */
export function describeDecision(simulated: SimulatedDecision, colors: Colors): readonly string[] {
  const { request, steps } = simulated;
  const width = Math.max(...steps.map(({ step }) => step.length));
  return [
    escapeText(`${request.method} ${request.rawTarget}`),
    '',
    ...steps.flatMap((step) => describeStep(step, width, colors)),
    '',
    ...describeOutcome(simulated, colors),
  ];
}

function describeStep(
  { step, ok, expected, got, note }: Step,
  width: number,
  colors: Colors,
): readonly string[] {
  const head = `  ${ok ? colors.green('ok  ') : colors.red('FAIL')}  ${step.padEnd(width)}`;
  // Text of a token must not look like another step.
  if (ok) return [got === undefined ? head.trimEnd() : `${head}  ${escapeText(got)}`];
  const rows = [
    ...(expected === undefined ? [] : [`expected: ${escapeText(expected)}`]),
    ...(got === undefined ? [] : [`got:      ${escapeText(got)}`]),
    ...(note === undefined || note === got ? [] : [`because:  ${escapeText(note)}`]),
  ];
  const [first = '', ...more] = rows;
  return [`${head}  ${first}`.trimEnd(), ...more.map((row) => `        ${' '.repeat(width)}  ${row}`)];
}

function describeOutcome({ decision, challenge }: SimulatedDecision, colors: Colors): readonly string[] {
  const { outcome, route } = decision;
  const where = route === undefined ? '' : ` by route ${route.name}`;
  if (!isRefusal(outcome)) {
    if (isServedHere(outcome)) return [colors.green(`Allowed${where}: the gateway responds itself`)];
    return [colors.green(`Allowed${where}`), ...describeReport(outcome)];
  }
  const { status, title } = REFUSALS[outcome.code];
  const advice = ADVICE[outcome.cause];
  const heading = isUndecided(outcome.code)
    ? colors.red(`Cannot decide${where}: ${outcome.code}: ${title}`)
    : colors.red(`Refused${where}: ${status} ${outcome.code}: ${title}`);
  return [
    heading,
    `  ${escapeText(outcome.reason)}`,
    ...(challenge === undefined ? [] : [`  WWW-Authenticate: ${escapeText(challenge)}`]),
    `  To change this: ${advice}`,
  ];
}

/** Nothing was found out about the token: the running gateway may well allow the request. */
export function isUndecided(code: string): boolean {
  return code === 'keys_unavailable' || code === 'introspection_unavailable';
}

function describeReport({ wouldRefuse }: Permit): readonly string[] {
  if (wouldRefuse === undefined) return [];
  return [
    `  only because it reports: it would have been refused with ${wouldRefuse.code}: ${wouldRefuse.reason}`,
  ];
}
