import type { ConditionBindings } from './condition-values.ts';

/** What the static check knows of a value; `dyn` is known only when a request is checked, as every claim is. */
export type ConditionType =
  | { readonly kind: 'dyn' }
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'list'; readonly element: ConditionType }
  | { readonly kind: 'map'; readonly value: ConditionType }
  | {
      readonly kind: 'record';
      readonly name: string;
      readonly fields: Readonly<Record<string, ConditionType>>;
    };

export const DYN: ConditionType = { kind: 'dyn' };
export const BOOL: ConditionType = { kind: 'scalar', name: 'bool' };
const INT: ConditionType = { kind: 'scalar', name: 'int' };
export const STRING: ConditionType = { kind: 'scalar', name: 'string' };
const TIMESTAMP: ConditionType = { kind: 'scalar', name: 'google.protobuf.Timestamp' };
const STRINGS: ConditionType = { kind: 'list', element: STRING };

/** By their kind in a parsed expression. */
export const LITERALS: Readonly<Record<string, ConditionType>> = {
  boolValue: BOOL,
  bytesValue: typeNamed('bytes'),
  doubleValue: typeNamed('double'),
  int64Value: INT,
  nullValue: typeNamed('null_type'),
  stringValue: STRING,
  uint64Value: typeNamed('uint'),
};

/** The variables of conditions, on a route with these path parameters. */
export function conditionVariables(
  parameters: readonly string[],
): Readonly<Record<keyof ConditionBindings, ConditionType>> {
  return {
    claims: { kind: 'map', value: DYN },
    token: {
      kind: 'record',
      name: 'token',
      fields: {
        issuer: STRING,
        client: STRING,
        alg: STRING,
        kid: STRING,
        typ: STRING,
        scopes: STRINGS,
        roles: STRINGS,
        audiences: STRINGS,
      },
    },
    request: {
      kind: 'record',
      name: 'request',
      fields: {
        method: STRING,
        host: STRING,
        path: STRING,
        client: STRING,
        query: { kind: 'map', value: STRINGS },
        headers: { kind: 'map', value: STRING },
        certificate: {
          kind: 'record',
          name: 'request.certificate',
          fields: { subject: STRING, uris: STRINGS, dns: STRINGS, sha256: STRING, notAfter: TIMESTAMP },
        },
      },
    },
    params: {
      kind: 'record',
      name: 'params',
      fields: Object.fromEntries(parameters.map((name) => [name, STRING])),
    },
  };
}

/** A type as CEL names it. */
export function nameType(type: ConditionType): string {
  switch (type.kind) {
    case 'dyn':
      return 'any value';
    case 'scalar':
      return type === TIMESTAMP ? 'timestamp' : type.name;
    case 'list':
      return type.element.kind === 'dyn' ? 'list' : `list of ${nameType(type.element)}`;
    case 'map':
    case 'record':
      return 'map';
  }
}

const NUMBERS: ReadonlySet<string> = new Set(['int', 'uint', 'double']);

/** False when no value of the one type equals any value of the other. */
export function canBeEqual(a: ConditionType, b: ConditionType): boolean {
  if (a.kind === 'dyn' || b.kind === 'dyn') return true;
  if (a.kind === 'list' && b.kind === 'list') return canBeEqual(a.element, b.element);
  if (a.kind === 'scalar' && b.kind === 'scalar') {
    return a.name === b.name || (NUMBERS.has(a.name) && NUMBERS.has(b.name));
  }
  return isMap(a) && isMap(b);
}

/** The type that holds for both branches of a choice and for all entries of a list. */
export function commonType(types: readonly ConditionType[]): ConditionType {
  const [first] = types;
  if (first === undefined) return DYN;
  const isShared = types.every((type) => nameType(type) === nameType(first) && type.kind === first.kind);
  return isShared ? first : DYN;
}

/** Whether a value of this type can be an argument of a function that wants a CEL type of this name. */
export function fitsParameter(type: ConditionType, wanted: string): boolean {
  if (type.kind === 'dyn' || wanted === 'dyn') return true;
  if (type.kind === 'list') return wanted === 'list';
  if (isMap(type)) return wanted === 'map';
  return type.kind === 'scalar' && type.name === wanted;
}

/** A result type of a CEL function. */
export function typeNamed(name: string): ConditionType {
  if (name === 'dyn') return DYN;
  if (name === 'list') return { kind: 'list', element: DYN };
  if (name === 'map') return { kind: 'map', value: DYN };
  return { kind: 'scalar', name };
}

function isMap(type: ConditionType): boolean {
  return type.kind === 'map' || type.kind === 'record';
}
