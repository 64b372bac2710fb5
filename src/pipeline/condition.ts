import { RE2JS } from '@bufbuild/re2';
import type { VerifiedToken } from '../tokens/verified-token.ts';
import { checkCondition, type VariableField } from './check-condition.ts';
import { bindCondition, type ConditionBindings } from './condition-values.ts';
import type { ScreenedRequest } from './request.ts';

/** A `when` of the file, ready to be asked. */
export interface Condition {
  readonly source: string;
  /** False when its answer rests on the token alone, so that it can be remembered with the token. */
  readonly asksRequest: boolean;
  readonly evaluate: (token: VerifiedToken, request: ScreenedRequest) => ConditionAnswer;
  /** The values it looks at, by name, for whoever may see them. */
  readonly show: (token: VerifiedToken, request: ScreenedRequest) => Readonly<Record<string, unknown>>;
}

/** `broken`: it could not be evaluated, for example because a claim is missing. Only `true` allows. */
export type ConditionAnswer =
  | { readonly kind: 'true' }
  | { readonly kind: 'false' }
  /** `near` is a piece of the condition's own text; `detail` may hold claim values. */
  | { readonly kind: 'broken'; readonly near: string; readonly detail: string };

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
  ) => { readonly condition?: Condition; readonly problem?: ConditionProblem };
}

const TRUE: ConditionAnswer = { kind: 'true' };
const FALSE: ConditionAnswer = { kind: 'false' };

const MATCHERS = 256;
const NEAR_LENGTH = 32;

/** Functions of the string extension that a condition may use; the others format text, which nothing needs here. */
const STRING_FUNCTIONS: ReadonlySet<string> = new Set(
  'charAt indexOf lastIndexOf lowerAscii upperAscii replace split substring trim join'.split(' '),
);

/** Loads the CEL engine (https://cel.dev). Only files with a `when` wait for it. */
export async function loadConditionCompiler(): Promise<ConditionCompiler> {
  const [cel, { strings }] = await Promise.all([import('@bufbuild/cel'), import('@bufbuild/cel/ext')]);
  const env = cel.celEnv({
    funcs: strings.filter(({ name }) => STRING_FUNCTIONS.has(name)),
    re2: { compile: makeMatcherMemo() },
  });
  const compiled = new Map<string, ReturnType<ConditionCompiler['compile']>>();

  const compileAfresh = (source: string, parameters: readonly string[]) => {
    const parsed = attempt(() => cel.parse(source));
    if (parsed instanceof Error) return { problem: describeSyntaxError(parsed, source) };
    const place = (id: bigint) => describePlace(source, parsed.sourceInfo?.positions[String(id)]);
    const checked = checkCondition(env, parsed.expr, parameters);
    if ('fault' in checked) {
      const { fault, hint, at } = checked;
      const message = `${place(at)}: ${fault}`;
      return { problem: { severity: 'error', message, ...(hint === undefined ? {} : { hint }) } as const };
    }
    const run = attempt(() => cel.plan(env, parsed));
    if (run instanceof Error) return { problem: { severity: 'error', message: run.message } as const };

    const answer = (bindings: Parameters<typeof run>[0]): ConditionAnswer => {
      const value = attempt(() => run(bindings));
      if (value === true) return TRUE;
      if (value === false) return FALSE;
      const near =
        cel.isCelError(value) && value.exprId !== undefined ? place(value.exprId) : 'the condition';
      return {
        kind: 'broken',
        near,
        detail: value instanceof Error ? value.message : 'it is neither true nor false',
      };
    };
    const { speaksOf, fields } = checked;
    const condition: Condition = {
      source,
      asksRequest: speaksOf.has('request') || speaksOf.has('params'),
      evaluate: (token, request) => answer({ ...bindCondition(speaksOf, token, request) }),
      show: (token, request) => showFields(fields, bindCondition(speaksOf, token, request)),
    };
    return speaksOf.size > 0 ? { condition } : { condition, problem: describeConstant(answer({})) };
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
  if (Array.isArray(value)) return value.map(toPlain);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([name, member]) => [name, toPlain(member)]));
}

/** Patterns are mostly written out, so a few are kept; RE2 takes linear time whatever they are. */
function makeMatcherMemo(): (pattern: string) => RE2JS {
  const matchers = new Map<string, RE2JS>();
  return (pattern) => {
    const known = matchers.get(pattern);
    if (known !== undefined) return known;
    const matcher = new RE2JS(pattern);
    if (matchers.size >= MATCHERS) matchers.clear();
    matchers.set(pattern, matcher);
    return matcher;
  };
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

function describeConstant(answer: ConditionAnswer): ConditionProblem {
  const never = {
    severity: 'warning',
    message: 'this condition is never true, so the rule never allows',
  } as const;
  if (answer.kind !== 'true') return never;
  return { severity: 'warning', message: 'this condition is always true, so it restricts nothing' };
}
