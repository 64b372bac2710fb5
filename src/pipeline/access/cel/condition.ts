import type { VerifiedToken } from '../../../tokens/verified-token.ts';
import type { FilteredRequest } from '../../messages/request.ts';
import { type ConditionFault, checkCondition, type VariableField } from './check-condition.ts';
import { meterMacros } from './condition-macros.ts';
import { type Meter, meterFunctions, STEP_BUDGET } from './condition-meter.ts';
import { keepPatterns } from './condition-patterns.ts';
import { bindCondition, type ConditionBindings, type Needed } from './condition-values.ts';
import { INEXACT } from './inexact-value.ts';

/** A compiled `when` of the file. */
export interface Condition {
  readonly source: string;
  /** False when its result depends on the token alone, so that it can be remembered with the token. */
  readonly asksRequest: boolean;
  /** What it reads of the client certificate; undefined where it reads nothing of it. */
  readonly asksCertificate: 'fingerprint' | 'names' | undefined;
  readonly evaluate: (token: VerifiedToken, request: FilteredRequest) => ConditionResult;
  /** The values it reads, by name, for traces that may show them. */
  readonly show: (token: VerifiedToken, request: FilteredRequest) => Readonly<Record<string, unknown>>;
}

/** `broken`: it could not be evaluated, for example because a claim is missing. Only `true` allows. */
export type ConditionResult =
  | { readonly kind: 'true' }
  | { readonly kind: 'false' }
  /** `near` is a piece of the condition's own text, `atCertificate` where that reads the client certificate; `detail` may hold claim values. */
  | {
      readonly kind: 'broken';
      readonly near: string;
      readonly atCertificate: boolean;
      readonly detail: string;
    }
  /** It would have taken more steps than its budget has; its result is unknown. */
  | { readonly kind: 'exceeded' };

/** A condition that cannot serve. */
export interface ConditionProblem {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint?: string;
}

export interface ConditionCompiler {
  readonly compile: (
    source: string,
    parameters: readonly string[],
  ) => { readonly condition?: Condition; readonly problems: readonly ConditionProblem[] };
}

const TRUE: ConditionResult = { kind: 'true' };
const FALSE: ConditionResult = { kind: 'false' };
const EXCEEDED: ConditionResult = { kind: 'exceeded' };

const NEAR_LENGTH = 32;

/** Functions of the string extension that a condition may use; the others format text, which nothing needs here. */
const STRING_FUNCTIONS: ReadonlySet<string> = new Set(
  'charAt indexOf lastIndexOf lowerAscii upperAscii replace split substring trim join'.split(' '),
);

/** Loads the CEL engine (https://cel.dev). Only files with a `when` wait for it. */
export async function loadConditionCompiler(): Promise<ConditionCompiler> {
  const [cel, { strings }] = await Promise.all([import('@bufbuild/cel'), import('@bufbuild/cel/ext')]);
  const patterns = keepPatterns();
  const env = cel.celEnv({
    funcs: strings.filter(({ name }) => STRING_FUNCTIONS.has(name)),
    re2: patterns,
  });
  const meter: Meter = { stepsLeft: 0, holdsInexact: false };
  const metered = meterFunctions(cel, env, { meter, patterns });
  const compiled = new Map<string, ReturnType<ConditionCompiler['compile']>>();

  const compileAfresh = (
    source: string,
    parameters: readonly string[],
  ): ReturnType<ConditionCompiler['compile']> => {
    const parsed = attempt(() => cel.parse(source));
    if (parsed instanceof Error) return { problems: [describeSyntaxError(parsed, source)] };
    const offsetOf = (id: bigint) => parsed.sourceInfo?.positions[String(id)];
    const place = (id: bigint) => describePlace(source, offsetOf(id));
    const checked = checkCondition({ env, keepPattern: patterns.keep }, parsed.expr, parameters);
    const describe = (
      severity: ConditionProblem['severity'],
      { fault, hint, at }: ConditionFault,
    ): ConditionProblem => {
      return { severity, message: `${place(at)}: ${fault}`, ...(hint === undefined ? {} : { hint }) };
    };
    if ('fault' in checked) return { problems: [describe('error', checked)] };
    const run = attempt(() => cel.plan(metered, meterMacros(parsed.expr)));
    if (run instanceof Error) return { problems: [{ severity: 'error', message: run.message }] };

    const { speaksOf, fields, wholes, reads, doubts } = checked;
    const resultFor = (bindings: Parameters<typeof run>[0], holdsInexact: boolean): ConditionResult => {
      meter.stepsLeft = STEP_BUDGET;
      meter.holdsInexact = holdsInexact;
      const value = withoutStackTraces(() => run(bindings));
      if (meter.stepsLeft < 0) return EXCEEDED;
      if (value === true) return TRUE;
      if (value === false) return FALSE;
      const id = cel.isCelError(value) ? value.exprId : undefined;
      return {
        kind: 'broken',
        near: id === undefined ? 'the condition' : place(id),
        atCertificate: id !== undefined && isOfCertificate(reads.get(id)),
        detail: value instanceof Error ? value.message : 'it is neither true nor false',
      };
    };
    const needed: Needed = {
      speaksOf,
      requestFields: wholes.has('request')
        ? 'all'
        : new Set(fields.filter(({ variable }) => variable === 'request').map(({ field }) => field)),
    };
    const condition: Condition = {
      source,
      asksRequest: speaksOf.has('request') || speaksOf.has('params'),
      asksCertificate: findAskedCertificate(reads),
      evaluate: (token, request) => {
        const { bindings, holdsInexact } = bindCondition(needed, token, request);
        return resultFor({ ...bindings }, holdsInexact);
      },
      show: (token, request) => showFields(fields, bindCondition(needed, token, request).bindings),
    };
    return {
      condition,
      problems: [
        ...doubts.map((found) => describe('warning', found)),
        ...(speaksOf.size > 0 ? [] : [describeConstant(resultFor({}, false))]),
      ],
    };
  };

  return {
    compile(source, parameters) {
      const key = JSON.stringify([source, parameters]);
      const known = compiled.get(key) ?? compileAfresh(source, parameters);
      compiled.set(key, known);
      return known;
    },
  };
}

function showFields(
  fields: readonly VariableField[],
  bindings: ConditionBindings,
): Readonly<Record<string, unknown>> {
  const shown: Record<string, unknown> = {};
  for (const { variable, field } of fields) {
    const values = bindings[variable as keyof ConditionBindings];
    if (values !== undefined) shown[`${variable}.${field}`] = toPlain(values.get(field)) ?? null;
  }
  return shown;
}

function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value === INEXACT) return 'a number that stands for several values';
  if (Array.isArray(value)) return value.map(toPlain);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([name, member]) => [name, toPlain(member)]));
}

/** Errors are values to the engine, made by the thousand where a macro meets them; a stack for each would take most of the time. */
function withoutStackTraces<T>(work: () => T): T | Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return attempt(work);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function describeSyntaxError(error: Error, source: string): ConditionProblem {
  const offset = (error as { location?: { start?: { offset?: number } } }).location?.start?.offset;
  const expected = error.message.replace(/^<input>:\d+:\d+: /, '').split(' but expecting')[0];
  return {
    severity: 'error',
    message: `${describePlace(source, offset)}: not a CEL expression: ${expected}`,
  };
}

function describePlace(source: string, offset: number | undefined): string {
  if (offset === undefined) return 'the condition';
  if (offset >= source.length) return 'the end of the condition';
  const near = source.slice(offset, offset + NEAR_LENGTH).split('\n')[0];
  return `character ${offset + 1} (\`${near}\`)`;
}

function describeConstant(result: ConditionResult): ConditionProblem {
  const never = {
    severity: 'warning',
    message: 'this condition is never true, so the rule never allows',
  } as const;
  if (result.kind !== 'true') return never;
  return { severity: 'warning', message: 'this condition is always true, so it restricts nothing' };
}

const CERTIFICATE = 'request.certificate';

function isOfCertificate(read: string | undefined): boolean {
  return read === CERTIFICATE || read?.startsWith(`${CERTIFICATE}.`) === true;
}

function findAskedCertificate(reads: ReadonlyMap<bigint, string>): Condition['asksCertificate'] {
  const ofCertificate = [...reads.values()].filter(isOfCertificate);
  if (ofCertificate.length === 0) return undefined;
  const isOfNames = (read: string): boolean => read !== CERTIFICATE && read !== `${CERTIFICATE}.sha256`;
  return ofCertificate.some(isOfNames) ? 'names' : 'fingerprint';
}
