import { escapeText } from '../core/escape.ts';
import { isRefusal, REFUSALS } from '../core/refusals.ts';
import type { Step } from '../core/trace.ts';
import { isOwnAnswer } from '../pipeline/own-answer.ts';
import type { Permit } from '../pipeline/permit.ts';
import { ADVICE } from './advice.ts';
import type { Paint } from './paint.ts';
import type { Answer } from './question.ts';

/** Writes an answer for people: one line a step, what was expected and got where it failed, and what would have to change. */
export function describeAnswer(answer: Answer, paint: Paint): readonly string[] {
  const { request, steps, decision } = answer;
  const width = Math.max(...steps.map(({ step }) => step.length));
  return [
    escapeText(`${request.method} ${request.rawTarget}`),
    '',
    ...steps.flatMap((step) => describeStep(step, width, paint)),
    '',
    ...describeOutcome(decision.outcome, decision.route?.name, paint),
  ];
}

function describeStep(
  { step, ok, expected, got, note }: Step,
  width: number,
  paint: Paint,
): readonly string[] {
  const head = `  ${ok ? paint.green('ok  ') : paint.red('FAIL')}  ${step.padEnd(width)}`;
  // What a token says must not look like a step of its own.
  if (ok) return [got === undefined ? head.trimEnd() : `${head}  ${escapeText(got)}`];
  const rows = [
    ...(expected === undefined ? [] : [`expected: ${escapeText(expected)}`]),
    ...(got === undefined ? [] : [`got:      ${escapeText(got)}`]),
    ...(note === undefined || note === got ? [] : [`because:  ${escapeText(note)}`]),
  ];
  const [first = '', ...more] = rows;
  return [`${head}  ${first}`.trimEnd(), ...more.map((row) => `        ${' '.repeat(width)}  ${row}`)];
}

function describeOutcome(
  outcome: Answer['decision']['outcome'],
  route: string | undefined,
  paint: Paint,
): readonly string[] {
  const where = route === undefined ? '' : ` by route ${route}`;
  if (!isRefusal(outcome)) {
    if (isOwnAnswer(outcome)) return [paint.green(`Allowed${where}: answered by the gateway itself`)];
    return [paint.green(`Allowed${where}`), ...describeReport(outcome)];
  }
  const { status, title } = REFUSALS[outcome.code];
  const advice = ADVICE[outcome.cause];
  return [
    paint.red(`Refused${where}: ${status} ${outcome.code}: ${title}`),
    `  ${escapeText(outcome.reason)}`,
    `  To change this: ${advice}`,
  ];
}

function describeReport({ wouldRefuse }: Permit): readonly string[] {
  if (wouldRefuse === undefined) return [];
  return [`  only because it reports: it would be refused with ${wouldRefuse.code}: ${wouldRefuse.reason}`];
}
