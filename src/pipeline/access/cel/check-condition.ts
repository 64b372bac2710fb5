import type { CelEnv, parse } from '@bufbuild/cel';
import { didYouMean } from '../../../config/diagnostics/nearest.ts';
import { type ConstantFlaw, findConstantFlaw, findFieldFlaw } from './condition-constants.ts';
import {
  BOOL,
  type ConditionType,
  canBeEqual,
  commonType,
  conditionVariables,
  DYN,
  fitsParameter,
  LITERALS,
  nameType,
  STRING,
  typeNamed,
} from './condition-types.ts';

type Expression = ReturnType<typeof parse>['expr'];

/** What is wrong with a condition, and where in its text. */
export interface ConditionFault {
  readonly fault: string;
  readonly hint?: string;
  /** Id of the expression that is wrong; its place is in the source info of the parse. */
  readonly at: bigint;
}

/** What the check found out. */
export interface CheckedCondition {
  /** The variables it names. Empty: its value is constant. */
  readonly speaksOf: ReadonlySet<string>;
  /** The fields of variables that it reads, such as `claims` and `sub`. */
  readonly fields: readonly VariableField[];
  /** The variables that it uses as a whole, by any of their fields. */
  readonly wholes: ReadonlySet<string>;
  /** The fields of records that it reads, such as `request.certificate.uris`, however it writes them; by the id of the expression. */
  readonly reads: ReadonlyMap<bigint, string>;
  /** What it means and was most likely not meant to. */
  readonly doubts: readonly ConditionFault[];
}

export interface VariableField {
  readonly variable: string;
  readonly field: string;
}

/** Nested comprehensions cost a power of the list; a token can hold thousands of entries. */
const DEEPEST_COMPREHENSION = 2;

const TYPE_NAMES: ReadonlySet<string> = new Set(
  'bool bytes double int list map null_type string type uint'.split(' '),
);

type Scope = Readonly<Record<string, ConditionType>>;

interface Checker {
  readonly env: CelEnv;
  readonly speaksOf: Set<string>;
  readonly fields: VariableField[];
  readonly wholes: Set<string>;
  readonly reads: Map<bigint, string>;
  readonly doubts: ConditionFault[];
  /** Throws when a literal pattern is malformed. */
  readonly keepPattern: (pattern: string) => void;
}

class Fault extends Error {
  readonly found: ConditionFault;
  constructor(found: ConditionFault) {
    super(found.fault);
    this.found = found;
  }
}

/**
 * Checks a parsed condition before it serves: names exist, fields exist, functions take these types, comparisons can hold, patterns
 * are RE2, and the whole is true or false. Claims have any type, so what is done with them can still fail on a request.
 */
export function checkCondition(
  { env, keepPattern }: Pick<Checker, 'env' | 'keepPattern'>,
  expression: Expression,
  parameters: readonly string[],
): CheckedCondition | ConditionFault {
  const checker: Checker = {
    env,
    keepPattern,
    speaksOf: new Set(),
    fields: [],
    wholes: new Set(),
    reads: new Map(),
    doubts: [],
  };
  try {
    const type = typeOf(checker, expression, conditionVariables(parameters), 0);
    if (canBeEqual(type, BOOL)) return checker;
    return { fault: `a condition is true or false; this is a ${nameType(type)}`, at: expression.id };
  } catch (error) {
    if (error instanceof Fault) return error.found;
    throw error;
  }
}

function typeOf(checker: Checker, expression: Expression, scope: Scope, depth: number): ConditionType {
  const { exprKind, id } = expression;
  const of = (part: Expression | undefined, within = scope, at = depth): ConditionType =>
    part === undefined ? DYN : typeOf(checker, part, within, at);
  switch (exprKind.case) {
    case 'constExpr':
      return LITERALS[exprKind.value.constantKind.case ?? ''] ?? DYN;
    case 'identExpr':
      checker.wholes.add(exprKind.value.name);
      return typeOfName(checker, exprKind.value.name, scope, id);
    case 'selectExpr': {
      const { operand, field, testOnly } = exprKind.value;
      const variable = operand?.exprKind.case === 'identExpr' ? operand.exprKind.value.name : undefined;
      if (variable !== undefined) checker.fields.push({ variable, field });
      const type = fieldOf(
        checker,
        variable === undefined ? of(operand) : typeOfName(checker, variable, scope, operand?.id ?? id),
        field,
        id,
      );
      doubt(checker, findFieldFlaw(operand, field, id));
      return testOnly ? BOOL : type;
    }
    case 'listExpr':
      return { kind: 'list', element: commonType(exprKind.value.elements.map((element) => of(element))) };
    case 'structExpr': {
      if (exprKind.value.messageName !== '') {
        throw new Fault({ fault: `there is no type \`${exprKind.value.messageName}\``, at: id });
      }
      for (const { keyKind, value } of exprKind.value.entries) {
        if (keyKind.case === 'mapKey') of(keyKind.value);
        of(value);
      }
      return typeNamed('map');
    }
    case 'callExpr': {
      const { function: name, target, args } = exprKind.value;
      const operands = [...(target === undefined ? [] : [target]), ...args];
      const types = operands.map((operand) => of(operand));
      checkPattern(checker, name, args);
      doubt(checker, findConstantFlaw({ name, operands }));
      return typeOfCall(checker, { name, hasTarget: target !== undefined, types, args: operands, id });
    }
    case 'comprehensionExpr': {
      if (depth >= DEEPEST_COMPREHENSION) {
        throw new Fault({ fault: `more than ${DEEPEST_COMPREHENSION} macros in one another`, at: id });
      }
      const { iterVar, iterRange, accuVar, accuInit, loopCondition, loopStep, result } = exprKind.value;
      const element = elementOf(of(iterRange), id);
      const initial = of(accuInit);
      const accumulated = initial.kind === 'list' ? typeNamed('list') : initial;
      const within = { ...scope, [iterVar]: element, [accuVar]: accumulated };
      of(loopCondition, within, depth + 1);
      of(loopStep, within, depth + 1);
      return of(result, within, depth + 1);
    }
    default:
      return DYN;
  }
}

function doubt({ doubts }: Checker, flaw: ConstantFlaw | undefined): void {
  if (flaw?.severity === 'error') throw new Fault(flaw);
  if (flaw !== undefined) doubts.push(flaw);
}

function typeOfName(checker: Checker, name: string, scope: Scope, at: bigint): ConditionType {
  if (Object.hasOwn(scope, name)) {
    checker.speaksOf.add(name);
    return scope[name] as ConditionType;
  }
  if (TYPE_NAMES.has(name)) return typeNamed('type');
  const known = Object.keys(scope).filter((other) => !other.startsWith('@'));
  const hint = didYouMean(name, known) ?? `known here: ${known.join(', ')}`;
  throw new Fault({ fault: `unknown name \`${name}\``, hint, at });
}

function fieldOf({ reads }: Checker, type: ConditionType, field: string, at: bigint): ConditionType {
  if (type.kind === 'dyn') return DYN;
  if (type.kind === 'map') return type.value;
  if (type.kind !== 'record') throw new Fault({ fault: `a ${nameType(type)} has no field \`${field}\``, at });
  reads.set(at, `${type.name}.${field}`);
  const found = Object.hasOwn(type.fields, field) ? type.fields[field] : undefined;
  if (found !== undefined) return found;
  const known = Object.keys(type.fields);
  const none = type.name === 'params' ? 'the path has no parameters' : 'it has none';
  const hint = didYouMean(field, known) ?? (known.length === 0 ? none : `known here: ${known.join(', ')}`);
  throw new Fault({ fault: `\`${type.name}\` has no \`${field}\``, hint, at });
}

function elementOf(type: ConditionType, at: bigint): ConditionType {
  if (type.kind === 'list') return type.element;
  if (type.kind === 'map' || type.kind === 'record') return STRING;
  if (type.kind === 'dyn') return DYN;
  throw new Fault({ fault: `a ${nameType(type)} has no entries`, at });
}

interface Call {
  readonly name: string;
  readonly hasTarget: boolean;
  readonly types: readonly ConditionType[];
  readonly args: readonly Expression[];
  readonly id: bigint;
}

/** Operators whose rule is not in the table of functions. */
const OPERATORS: Readonly<Record<string, (call: Call, checker: Checker) => ConditionType>> = {
  '_&&_': allBool,
  '_||_': allBool,
  '@not_strictly_false': allBool,
  '_==_': comparison,
  '_!=_': comparison,
  '_?_:_': ({ types: [condition = DYN, ...branches], ...call }) => {
    allBool({ ...call, types: [condition] });
    return commonType(branches);
  },
  '_[_]': ({ types: [operand = DYN], args, id }, checker) => {
    const key = args[1]?.exprKind;
    const name = key?.case === 'constExpr' ? key.value.constantKind : undefined;
    if (operand.kind === 'list') return operand.element;
    if (name?.case === 'stringValue') {
      const type = fieldOf(checker, operand, name.value, id);
      // The engine reports a field that is not there at what is indexed.
      const read = checker.reads.get(id);
      if (read !== undefined && args[0] !== undefined) checker.reads.set(args[0].id, read);
      return type;
    }
    return operand.kind === 'map' ? operand.value : DYN;
  },
  '@in': ({ types: [value = DYN, range = DYN], id }) => {
    if (!canBeEqual(value, elementOf(range, id))) {
      throw new Fault({ fault: `a ${nameType(value)} is never in a ${nameType(range)}`, at: id });
    }
    return BOOL;
  },
};

function typeOfCall(checker: Checker, call: Call): ConditionType {
  const operator = OPERATORS[call.name];
  if (operator !== undefined) return operator(call, checker);
  const overloads = [...(checker.env.funcs.find(call.name) ?? [])];
  if (overloads.length === 0) {
    const known = [...checker.env.funcs].map(({ name }) => name).filter((name) => /^[a-z]/i.test(name));
    const hint = didYouMean(call.name, known);
    throw new Fault({
      fault: `unknown function \`${call.name}\``,
      ...(hint === undefined ? {} : { hint }),
      at: call.id,
    });
  }
  const fitting = overloads.filter(({ target, arguments: wanted }) => {
    const parameters = target === undefined ? wanted : [target, ...wanted];
    if ((target !== undefined) !== call.hasTarget || parameters.length !== call.types.length) return false;
    return parameters.every((parameter, at) => fitsParameter(call.types[at] ?? DYN, parameter.name));
  });
  if (fitting.length === 0) {
    const given = call.types.map(nameType).join(', ');
    throw new Fault({ fault: `\`${readableName(call.name)}\` does not take (${given})`, at: call.id });
  }
  return commonType(fitting.map(({ result }) => typeNamed(result.name)));
}

function allBool({ name, types, id }: Call): ConditionType {
  for (const type of types) {
    if (canBeEqual(type, BOOL)) continue;
    throw new Fault({
      fault: `\`${readableName(name)}\` takes true or false, not a ${nameType(type)}`,
      at: id,
    });
  }
  return BOOL;
}

function comparison({ types: [a = DYN, b = DYN], id }: Call): ConditionType {
  if (canBeEqual(a, b)) return BOOL;
  const list = [a, b].find(({ kind }) => kind === 'list');
  throw new Fault({
    fault: `a ${nameType(a)} and a ${nameType(b)} are never equal`,
    ...(list === undefined ? {} : { hint: 'ask whether a value is in the list: `"value" in …`' }),
    at: id,
  });
}

/** A literal pattern is compiled at once. */
function checkPattern({ keepPattern }: Checker, name: string, args: readonly Expression[]): void {
  const pattern = args[0]?.exprKind;
  if (name !== 'matches' || pattern?.case !== 'constExpr') return;
  const { constantKind } = pattern.value;
  if (constantKind.case !== 'stringValue') return;
  try {
    keepPattern(constantKind.value);
  } catch {
    throw new Fault({ fault: 'this is not a regular expression in RE2 syntax', at: args[0]?.id ?? 0n });
  }
}

/** `_<=_` is `<=` to a reader. */
function readableName(name: string): string {
  return name.replace(/^[_@]+|_+$/g, '') || name;
}
