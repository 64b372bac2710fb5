import type { Cause } from '../../core/causes.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { isDistinctScalar, nameClaim } from '../../tokens/jwt/claim-values.ts';
import { isAbsent } from '../../tokens/jwt/json/absent.ts';
import { isInexactNumber } from '../../tokens/jwt/json/inexact-number.ts';
import { readClaim } from '../../tokens/jwt/read-claims.ts';
import type { Claims } from '../../tokens/verified-token.ts';
import type { ClaimRule } from './compile-access.ts';

/** The form of a claim, as far as it decides what would help. `json`: a text that holds a list; `one`: a text without separators; `near`: what is
 * wanted but for its case; `list`: of texts. */
type Form =
  | 'absent'
  | 'elsewhere'
  | 'nested'
  | 'overage'
  | 'unreadable'
  | 'json'
  | 'joined'
  | 'one'
  | 'near'
  | 'list';

const LACKS = {
  scope: {
    absent: 'scopes_absent',
    elsewhere: 'scopes_elsewhere',
    nested: 'scopes_nested',
    overage: 'scopes_absent',
    unreadable: 'scopes_unreadable',
    json: 'scopes_as_json',
    joined: 'scopes_joined',
    near: 'scope_nearly_held',
    one: 'insufficient_scope',
    list: 'insufficient_scope',
  },
  role: {
    absent: 'roles_absent',
    elsewhere: 'roles_elsewhere',
    nested: 'roles_nested',
    overage: 'roles_overage',
    unreadable: 'roles_unreadable',
    json: 'roles_as_json',
    joined: 'roles_joined',
    near: 'role_nearly_held',
    one: 'role_missing',
    list: 'role_missing',
  },
} as const satisfies Record<string, Record<Form, Cause>>;

/** The separators of a text that look like those of a list and are none: scopes are separated by spaces (RFC 6749 §3.3), roles by nothing. */
const SEPARATORS = { scope: /[,;]/, role: /[,; ]/ } as const;

interface Looked {
  readonly claims: Claims;
  /** The claims that may have them, of which the first that is present counts. */
  readonly paths: readonly (readonly string[])[];
  /** The names of which the token has none, and those that it has. */
  readonly wanted: readonly string[];
  readonly held: readonly string[];
}

/** Refuses a token that lacks a scope or role, and names the claims that were read and their form, never their values. */
export function refuseLack(kind: 'scope' | 'role', lack: string, looked: Looked): Refusal {
  const { claims, paths } = looked;
  const forms = paths.map((path) => ({ path, ...describeForm(claims, path, SEPARATORS[kind]) }));
  const present = forms.find(({ form }) => form !== 'absent' && form !== 'nested' && form !== 'overage');
  const decisive = present ?? forms.find(({ form }) => form !== 'absent') ?? forms[0];
  const nearly = nearlyHeld(looked);
  const shown = present === undefined ? forms : [present];
  const words = shown
    .map(
      ({ path, text }) =>
        `claim ${nameClaim(path)} ${nearly === undefined ? text : `has ${JSON.stringify(nearly)} in another case`}`,
    )
    .join(', ');
  const form = nearly === undefined ? (decisive?.form ?? 'absent') : 'near';
  const others = form === 'absent' ? findElsewhere(kind, claims, paths) : [];
  const instead = others.length === 0 ? '' : `, but ${others.map(writePath).join(', ')} is there`;
  return refuse(
    LACKS[kind][others.length === 0 ? form : 'elsewhere'],
    words === '' ? lack : `${lack}: ${words}${instead}`,
  );
}

/** The wanted name that the token has but for its case: a name of the file, so that the reason shows no claim. */
function nearlyHeld({ wanted, held }: Looked): string | undefined {
  const folded = new Set(held.map((name) => name.toLowerCase()));
  return wanted.find((name) => folded.has(name.toLowerCase()));
}

/** Refuses a token by a claim that is not as the rule wants it: by its form where that alone rules it out, else by its value. */
export function refuseClaim({ path, label, values }: ClaimRule, claims: Claims, value: unknown): Refusal {
  if (value === undefined) {
    const { form, text } = describeForm(claims, path, SEPARATORS.role);
    if (form === 'nested') return refuse('claim_nested', `the claim ${label} ${text}`);
    return refuse('claim_absent', `the token has no claim ${label}`);
  }
  if (!Array.isArray(value) && !isDistinctScalar(value)) {
    return refuse('claim_unreadable', `the claim ${label} ${describeOther(value)}: it matches no value`);
  }
  const wanted = new Set(values.map((each) => typeof each));
  if (!Array.isArray(value) && !wanted.has(typeof value as 'string')) {
    const names = [...wanted].map((type) => TYPES[type as keyof typeof TYPES]).join(' or ');
    return refuse(
      'claim_type',
      `the claim ${label} is a ${TYPES[typeof value as keyof typeof TYPES]}, and the rule wants a ${names}`,
    );
  }
  if (
    typeof value === 'string' &&
    SEPARATORS.role.test(value) &&
    value.split(/[,; ]+/).some((part) => values.includes(part))
  )
    return refuse(
      'claim_joined',
      `the claim ${label} is one text with separators, and a text is compared as a whole`,
    );
  return refuse('claim_mismatch', `the claim ${label} does not have the required value`);
}

/** Where providers put scopes and roles, by any of their names. */
const USUAL = {
  scope: /^(?:scopes?|scp|permissions|https?:\/\/.*\/(?:scopes?|permissions))$/,
  role: /^(?:roles?|groups|cognito:groups|authorities|permissions|wids|https?:\/\/.*\/(?:roles|groups|permissions))$/,
} as const;
/** Of Keycloak: the roles of the realm, and those of each client. */
const REALM_ROLES = ['realm_access', 'roles'];
const ROLES_OF_CLIENTS = 'resource_access';
/** Names that a reason can hold as they are. */
const PLAIN_NAME = /^[\w.:/@-]{1,64}$/;
const MOST_NAMED = 3;

/** Names of claims of the token that most likely hold what was looked for. */
function findElsewhere(
  kind: 'scope' | 'role',
  claims: Claims,
  looked: Looked['paths'],
): readonly (readonly string[])[] {
  const flat = Object.keys(claims).filter((name) => USUAL[kind].test(name));
  const clients = kind === 'scope' ? undefined : readClaim(claims, [ROLES_OF_CLIENTS]);
  const nested =
    kind === 'scope' || typeof clients !== 'object' || clients === null
      ? []
      : Object.keys(clients).map((client) => [ROLES_OF_CLIENTS, client, 'roles']);
  const known = new Set(looked.map((path) => path.join('\0')));
  return [...(kind === 'role' ? [REALM_ROLES] : []), ...nested, ...flat.map((name) => [name])]
    .filter((path) => !known.has(path.join('\0')) && path.every((name) => PLAIN_NAME.test(name)))
    .filter((path) => !isAbsent(readClaim(claims, path)))
    .slice(0, MOST_NAMED);
}

const TYPES = { string: 'text', number: 'number', boolean: 'boolean' } as const;

function describeForm(
  claims: Claims,
  path: readonly string[],
  separators: RegExp,
): { readonly form: Form; readonly text: string } {
  const value = readClaim(claims, path);
  if (isAbsent(value)) {
    if (isOverage(claims, path)) {
      return {
        form: 'overage',
        text: 'is not in the token, which has too many for one (overage, `_claim_names`)',
      };
    }
    const nested = nestedPath(claims, path);
    if (nested === undefined)
      return { form: 'absent', text: value === undefined || value === null ? 'is absent' : 'is empty' };
    return { form: 'nested', text: `is absent, but ${writePath(nested)} is there` };
  }
  if (typeof value === 'string') {
    if (isJsonList(value)) return { form: 'json', text: 'is a text that holds a list as JSON, not a list' };
    return separators.test(value)
      ? { form: 'joined', text: 'is one text with commas or other separators, not a list' }
      : { form: 'one', text: 'does not have it' };
  }
  if (!Array.isArray(value))
    return { form: 'unreadable', text: `${describeOther(value)}, not a list of texts` };
  if (value.every((member) => typeof member === 'string')) return { form: 'list', text: 'does not list it' };
  return { form: 'unreadable', text: 'is a list with members that are not texts' };
}

function isJsonList(text: string): boolean {
  if (!/^\s*\[.*\]\s*$/s.test(text)) return false;
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
}

function describeOther(value: unknown): string {
  if (isInexactNumber(value)) return 'is a number that does not print back as it is written';
  if (value === null) return 'is null';
  if (typeof value === 'object') return 'is an object';
  return `is a ${typeof value}`;
}

/** Microsoft Entra ID puts a link in place of groups that are too many (`_claim_names`, in implicit flows `hasgroups`). */
function isOverage(claims: Claims, [name = '', ...rest]: readonly string[]): boolean {
  if (rest.length > 0) return false;
  if (name === 'groups' && claims.hasgroups === true) return true;
  return readClaim(claims, ['_claim_names', name]) !== undefined;
}

/** Where a name with dots leads when each dot is taken for a step, or a path when it is taken for one name. */
function nestedPath(claims: Claims, path: readonly string[]): readonly string[] | undefined {
  const [name = ''] = path;
  const other = path.length > 1 ? [path.join('.')] : name.includes('.') ? name.split('.') : undefined;
  if (other === undefined) return undefined;
  const value = readClaim(claims, other);
  return isAbsent(value) ? undefined : other;
}

/** As the file writes it. */
function writePath(path: readonly string[]): string {
  return path.length === 1 ? JSON.stringify(path[0]) : `[${path.join(', ')}]`;
}
