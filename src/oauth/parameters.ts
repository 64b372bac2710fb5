import type { Form } from '../http/form.ts';
import type { RedirectUris } from './redirect-uris.ts';

/** What the requests of a front are held to. */
export interface FrontRules {
  readonly clientId: string;
  readonly redirectUris: RedirectUris;
  readonly resource: 'keep' | 'strip' | 'audience';
  /** The identifiers of this gateway's resources, by each spelling in which clients send them. */
  readonly resources: ReadonlyMap<string, string>;
  readonly scopes: { readonly add: readonly string[]; readonly drop: readonly string[] };
  readonly prompt: 'consent' | 'keep';
}

/** What a request is for: an authorization, or a token by one of the two grants. */
export type Use = 'authorize' | 'authorization_code' | 'refresh_token';

/** `dropped` never reaches the provider. `refused` ends the request. */
type Presence = 'required' | 'optional' | 'dropped' | 'refused';

/** An error of RFC 6749 §4.1.2.1, §5.2 or RFC 8707 §2. Its description names no value. */
export interface ParameterFault {
  readonly error:
    | 'invalid_request'
    | 'invalid_client'
    | 'invalid_target'
    | 'unsupported_response_type'
    | 'unsupported_grant_type';
  readonly description: string;
}

interface ParameterRule {
  readonly uses: Readonly<Record<Use, Presence>>;
  /** Why this value may not pass. */
  readonly fault?: (value: string, rules: FrontRules) => ParameterFault | undefined;
  /** What goes to the provider in its place; called for an absent one too. Default: the value itself. */
  readonly adapt?: (
    value: string | undefined,
    rules: FrontRules,
    use: Use,
  ) => readonly [name: string, value: string] | undefined;
}

const everywhere = (presence: Presence): ParameterRule['uses'] => ({
  authorize: presence,
  authorization_code: presence,
  refresh_token: presence,
});
const onlyAt = (use: Use | 'token', presence: Presence): ParameterRule['uses'] => ({
  authorize: use === 'authorize' ? presence : 'dropped',
  authorization_code: use === 'authorization_code' || use === 'token' ? presence : 'dropped',
  refresh_token: use === 'refresh_token' || use === 'token' ? presence : 'dropped',
});
const refused: ParameterRule = { uses: everywhere('refused') };

/**
 * Every parameter that a front looks at, in the order in which they are checked and sent. Whatever is not listed is dropped. A request that
 * asks for what the front must not carry, its own or another client's secrets, or parameters that are hidden in an object, is refused.
 */
export const PARAMETERS = {
  request: refused,
  request_uri: refused,
  client_secret: refused,
  client_assertion: refused,
  client_assertion_type: refused,

  client_id: {
    uses: everywhere('required'),
    fault: (value, { clientId }) =>
      value === clientId ? undefined : fault('invalid_client', 'client_id is not that of this front'),
  },
  redirect_uri: {
    uses: { authorize: 'required', authorization_code: 'optional', refresh_token: 'optional' },
    fault: (value, { redirectUris }) =>
      redirectUris.has(value) ? undefined : fault('invalid_request', 'redirect_uri is not registered'),
  },
  response_type: {
    uses: onlyAt('authorize', 'required'),
    fault: (value) =>
      value === 'code' ? undefined : fault('unsupported_response_type', 'response_type must be code'),
  },
  code_challenge: { uses: onlyAt('authorize', 'required') },
  code_challenge_method: {
    uses: onlyAt('authorize', 'required'),
    fault: (value) =>
      value === 'S256' ? undefined : fault('invalid_request', 'code_challenge_method must be S256'),
  },
  grant_type: { uses: onlyAt('token', 'required') },
  code: { uses: onlyAt('authorization_code', 'required') },
  code_verifier: { uses: onlyAt('authorization_code', 'required') },
  refresh_token: { uses: onlyAt('refresh_token', 'required') },
  state: { uses: onlyAt('authorize', 'optional') },
  nonce: { uses: onlyAt('authorize', 'optional') },
  login_hint: { uses: onlyAt('authorize', 'optional') },
  prompt: { uses: onlyAt('authorize', 'optional'), adapt: adaptPrompt },
  scope: { uses: everywhere('optional'), adapt: adaptScope },
  // Last: it alone leads to a redirect at `authorize`, for which all others must be right.
  resource: {
    uses: everywhere('optional'),
    fault: (value, { resources }) =>
      resources.has(value) ? undefined : fault('invalid_target', 'resource is not one of this gateway'),
    adapt: adaptResource,
  },
} as const satisfies Readonly<Record<string, ParameterRule>>;

export type ParameterName = keyof typeof PARAMETERS;

/** What goes to the provider, or why nothing does. */
export function adaptParameters(
  form: Form,
  use: Use,
  rules: FrontRules,
): readonly (readonly [name: string, value: string])[] | ParameterFault {
  const sent: (readonly [string, string])[] = [];
  for (const [name, rule] of Object.entries<ParameterRule>(PARAMETERS)) {
    const presence = rule.uses[use];
    const value = form.get(name);
    if (presence === 'dropped') continue;
    if (presence === 'refused') {
      if (value !== undefined) return fault('invalid_request', `${name} is not accepted here`);
      continue;
    }
    if (value === undefined && presence === 'required') return fault('invalid_request', `${name} is missing`);
    const found = value === undefined ? undefined : rule.fault?.(value, rules);
    if (found !== undefined) return found;
    const pair =
      rule.adapt === undefined
        ? value === undefined
          ? undefined
          : ([name, value] as const)
        : rule.adapt(value, rules, use);
    if (pair !== undefined) sent.push(pair);
  }
  return sent;
}

export function isParameterFault(adapted: ReturnType<typeof adaptParameters>): adapted is ParameterFault {
  return 'error' in adapted;
}

function fault(error: ParameterFault['error'], description: string): ParameterFault {
  return { error, description };
}

/** All clients share one client id, so that consent given to one of them must not silently count for another. */
function adaptPrompt(
  value: string | undefined,
  { prompt }: FrontRules,
): readonly ['prompt', string] | undefined {
  if (prompt === 'keep') return value === undefined ? undefined : ['prompt', value];
  const wanted = wordsOf(value).filter((word) => !/^(?:none|consent)$/i.test(word));
  return ['prompt', [...wanted, 'consent'].join(' ')];
}

/** A refresh that names no scope asks for all that was granted. */
function adaptScope(
  value: string | undefined,
  { scopes: { add, drop } }: FrontRules,
  use: Use,
): readonly ['scope', string] | undefined {
  if (value === undefined && use !== 'authorize') return undefined;
  const scopes = new Set([...wordsOf(value).filter((scope) => !drop.includes(scope)), ...add]);
  return scopes.size === 0 ? undefined : ['scope', [...scopes].join(' ')];
}

function adaptResource(
  value: string | undefined,
  { resource, resources }: FrontRules,
): readonly ['resource' | 'audience', string] | undefined {
  const identifier = value === undefined ? undefined : resources.get(value);
  if (identifier === undefined || resource === 'strip') return undefined;
  return [resource === 'keep' ? 'resource' : 'audience', identifier];
}

function wordsOf(value: string | undefined): readonly string[] {
  return value?.split(' ').filter((word) => word !== '') ?? [];
}
