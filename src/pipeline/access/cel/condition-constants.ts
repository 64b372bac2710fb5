import { METHODS } from 'node:http';
import { isIP } from 'node:net';
import type { parse } from '@bufbuild/cel';
import { stepsOf } from '../../../config/claim-steps.ts';
import { normalizeHost } from '../../../core/network/host.ts';
import { findAlgorithm } from '../../../tokens/jwt/algorithms.ts';

type Expression = ReturnType<typeof parse>['expr'];

/** A literal text of a condition that can never match, or hardly is what was meant. */
export interface ConstantFlaw extends Flaw {
  /** Id of the expression. */
  readonly at: bigint;
}

interface Flaw {
  /** `error`: it can never hold. `warning`: it could, and most likely means something else. */
  readonly severity: 'error' | 'warning';
  readonly fault: string;
  readonly hint?: string;
}

type ConstantCheck = (text: string) => Flaw | undefined;

const error = (fault: string, hint?: string): Flaw => flaw('error', fault, hint);
const warning = (fault: string, hint?: string): Flaw => flaw('warning', fault, hint);
const quote = (text: string): string => JSON.stringify(text);

/** What is known of the values of a variable, by what it is compared with. */
const COMPARED: Readonly<Record<string, ConstantCheck>> = {
  'request.method': (text) => {
    if (METHODS.includes(text)) return undefined;
    const upper = text.toUpperCase();
    return METHODS.includes(upper)
      ? error('methods are upper case', `write ${quote(upper)}`)
      : error(`no request has the method ${quote(text)}`);
  },
  'request.path': (text) => {
    if (text !== '' && !text.startsWith('/'))
      return error('a path begins with a slash', `write ${quote(`/${text}`)}`);
    return text.endsWith('*')
      ? wildcard(`request.path.startsWith(${quote(text.replace(/\*+$/, ''))})`)
      : undefined;
  },
  'request.host': (text) => {
    if (text.includes('*')) return wildcard(`request.host.endsWith(${quote(text.replace(/^\**/, ''))})`);
    const host = normalizeHost(text.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, ''));
    if (host === undefined) return error(`no request has the host ${quote(text)}`);
    return host === text
      ? undefined
      : error('a host is in lower case here, without scheme, port and final dot', `write ${quote(host)}`);
  },
  'request.client': (text) =>
    isIP(text) === 0
      ? error(
          'the client is one address here',
          'for a network ask for how it begins: request.client.startsWith("10.1.")',
        )
      : undefined,
  'token.issuer': (text) =>
    /[:/]/.test(text)
      ? error('`token.issuer` is the name of the issuer in the file', `write claims.iss == ${quote(text)}`)
      : undefined,
  'token.alg': (text) =>
    findAlgorithm(text) === undefined
      ? warning(`no token with the algorithm ${quote(text)} is accepted`, 'the condition can do without it')
      : undefined,
  'claims.scope': (text) =>
    warning(
      'this holds only for tokens that have this scope and no other',
      `write ${quote(text)} in token.scopes`,
    ),
};

/** What is known of the names in a map, or of the entries of a list, that a text is looked for in. */
const SOUGHT_IN: Readonly<Record<string, ConstantCheck>> = {
  claims: nameOfClaim,
  'request.headers': nameOfHeader,
  'claims.scope': scopeInText,
  'claims.scp': scopeInText,
  'token.scopes': (text) => (text.length > 1 ? starred(text, 'token.scopes.exists(one, one') : undefined),
  'token.roles': (text) => (text.length > 1 ? starred(text, 'token.roles.exists(one, one') : undefined),
};

function flaw(severity: Flaw['severity'], fault: string, hint?: string): Flaw {
  return { severity, fault, ...(hint !== undefined && { hint }) };
}

function wildcard(instead: string): Flaw {
  return warning('`*` is no wildcard here', `write ${instead}`);
}

function starred(text: string, exists: string): Flaw | undefined {
  if (/^[^*]+\*$/.test(text)) return wildcard(`${exists}.startsWith(${quote(text.slice(0, -1))}))`);
  return /^\*[^*]+$/.test(text) ? wildcard(`${exists}.endsWith(${quote(text.slice(1))}))`) : undefined;
}

function nameOfHeader(name: string): Flaw | undefined {
  return name === name.toLowerCase()
    ? undefined
    : error('names of headers are lower case here', `write ${quote(name.toLowerCase())}`);
}

function nameOfClaim(name: string): Flaw | undefined {
  const steps = stepsOf(name);
  return steps === undefined
    ? undefined
    : warning(`${quote(name)} is the name of one claim, and no path`, `write ${claimAt(steps)}`);
}

function claimAt(steps: readonly string[]): string {
  return steps.reduce(
    (inside, step) => (/^[A-Za-z_]\w*$/.test(step) ? `${inside}.${step}` : `${inside}[${quote(step)}]`),
    'claims',
  );
}

function scopeInText(text: string): Flaw {
  return warning(
    'in most tokens this claim is one text, in which other scopes hold this one or nothing is found',
    `write ${quote(text)} in token.scopes`,
  );
}

interface NamedCall {
  readonly name: string;
  /** The target first, where there is one. */
  readonly operands: readonly Expression[];
}

/** Checks what a call compares with a literal text: the first flaw, and the expression that has it. */
export function findConstantFlaw(call: NamedCall): ConstantFlaw | undefined {
  for (const { text, check, at } of constantsOf(call)) {
    const found = check(text);
    if (found !== undefined) return { ...found, at };
  }
  return undefined;
}

/** The same for a field that is selected, such as `request.headers.Accept`. */
export function findFieldFlaw(
  operand: Expression | undefined,
  field: string,
  at: bigint,
): ConstantFlaw | undefined {
  const found = placeOf(operand) === 'request.headers' ? nameOfHeader(field) : undefined;
  return found && { ...found, at };
}

interface CheckedConstant {
  readonly text: string;
  readonly check: ConstantCheck;
  readonly at: bigint;
}

function constantsOf({ name, operands: [left, right] }: NamedCall): readonly CheckedConstant[] {
  switch (name) {
    case '_==_':
    case '_!=_':
      return [...checked(COMPARED, left, [right]), ...checked(COMPARED, right, [left])];
    case '@in':
      return [
        ...(right?.exprKind.case === 'listExpr'
          ? checked(COMPARED, left, right.exprKind.value.elements)
          : []),
        ...checked(SOUGHT_IN, right, [left]),
      ];
    case '_[_]':
      return placeOf(left) === 'claims' || placeOf(left) === 'request.headers'
        ? checked(SOUGHT_IN, left, [right])
        : [];
    case 'contains':
      return /^claims\.sco?p/.test(placeOf(left) ?? '') ? checked(SOUGHT_IN, left, [right]) : [];
    case 'startsWith':
      return placeOf(left) === 'request.path' ? checked(COMPARED, left, [right]) : [];
    default:
      return [];
  }
}

function checked(
  table: Readonly<Record<string, ConstantCheck>>,
  place: Expression | undefined,
  constants: readonly (Expression | undefined)[],
): readonly CheckedConstant[] {
  const name = placeOf(place);
  const check = name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
  if (check === undefined) return [];
  return constants.flatMap((constant) => {
    const text = textOf(constant);
    return text === undefined || constant === undefined ? [] : [{ text, check, at: constant.id }];
  });
}

/** `request.path`, `claims`; undefined for anything longer or made. */
function placeOf(expression: Expression | undefined): string | undefined {
  const kind = expression?.exprKind;
  if (kind?.case === 'identExpr') return kind.value.name;
  if (kind?.case !== 'selectExpr' || kind.value.testOnly) return undefined;
  const { operand, field } = kind.value;
  return operand?.exprKind.case === 'identExpr' ? `${operand.exprKind.value.name}.${field}` : undefined;
}

function textOf(expression: Expression | undefined): string | undefined {
  if (expression?.exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = expression.exprKind.value;
  return constantKind.case === 'stringValue' ? constantKind.value : undefined;
}
