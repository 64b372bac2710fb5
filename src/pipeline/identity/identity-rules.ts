import { RE2JS } from '@bufbuild/re2';
import { DEFAULT_IDENTITY_HEADERS, type SPECIAL_SOURCES } from '../../config/identity-headers.ts';
import type { PathProblem } from '../../config/problem.ts';
import type { Config, IdentityConfig, IdentitySource } from '../../config/schema/config.ts';
import { nameClaim, toClaimPath } from '../../tokens/jwt/claim-values.ts';
import { readClaim, readClient } from '../../tokens/jwt/read-claims.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { FilteredRequest } from '../messages/request.ts';
import { type IdentityTemplate, parseIdentityTemplate } from './identity-template.ts';

/** How a value becomes the text of a header. Without one: scopes by space, all else by comma. */
export type IdentityFormat = 'csv' | 'json' | 'space' | 'repeat' | 'base64';

/** The identity headers of one route. */
export interface IdentityRules {
  readonly headers: readonly IdentityHeader[];
  /** Bytes that all of them may have together, names included. */
  readonly budgetBytes: number;
  readonly forwardsToken: boolean;
  /** Whether a header is of the client's certificate, and so of the request, not of the token alone. */
  readonly asksCertificate: boolean;
}

/** Who calls: what identity headers are made of. */
export interface IdentityCaller {
  readonly token: VerifiedToken;
  readonly request: Pick<FilteredRequest, 'certificate'>;
}

export interface IdentityHeader {
  /** Lower case. */
  readonly name: string;
  /** What the header is made of, as the file names it. */
  readonly origin: string;
  readonly read: (caller: IdentityCaller) => unknown;
  readonly template: IdentityTemplate | undefined;
  readonly format: IdentityFormat | undefined;
  readonly filter: { test(text: string): boolean } | undefined;
  readonly maxBytes: number | undefined;
  readonly isRequired: boolean;
}

/** Facts that are not one claim, by the name the file gives them. */
const FACTS: Readonly<Record<(typeof SPECIAL_SOURCES)[number], IdentityHeader['read']>> = {
  $scopes: ({ token }) => token.scopes,
  $roles: ({ token }) => token.roles,
  $issuerName: ({ token }) => token.issuer,
  $client: ({ token }) => readClient(token),
  $certificateUri: ({ request }) => request.certificate?.()?.names()?.uris,
  $certificateSubject: ({ request }) => request.certificate?.()?.names()?.subject,
  $certificateSha256: ({ request }) => request.certificate?.()?.sha256,
};

/** The file's headers override the defaults, the route's override both. `at` is the place of the route in the file. */
export function compileIdentity(
  file: Config['identity'],
  route: IdentityConfig | undefined,
  at: readonly (string | number)[],
): { readonly rules: IdentityRules; readonly problems: readonly PathProblem[] } {
  const sources = new Map<string, { source: IdentitySource; path: readonly (string | number)[] }>();
  const layers = [
    { headers: DEFAULT_IDENTITY_HEADERS, path: [] },
    { headers: file.headers, path: ['identity', 'headers'] },
    { headers: route?.headers, path: [...at, 'identity', 'headers'] },
  ];
  for (const { headers, path } of layers) {
    for (const [name, source] of Object.entries(headers ?? {})) {
      sources.set(name.toLowerCase(), { source, path: [...path, name] });
    }
  }
  const headers: IdentityHeader[] = [];
  const problems: PathProblem[] = [];
  for (const [name, { source, path }] of sources) {
    if (source === null) continue;
    const compiled = compileHeader(name, source);
    if ('fault' in compiled) problems.push({ severity: 'error', path, message: compiled.fault });
    else headers.push(compiled);
  }
  const forwardsToken = route?.forwardToken ?? file.forwardToken ?? false;
  return {
    rules: {
      headers,
      budgetBytes: file.maxBytes,
      forwardsToken,
      asksCertificate: headers.some(({ origin }) => origin.startsWith('$certificate')),
    },
    problems,
  };
}

function compileHeader(
  name: string,
  source: Exclude<IdentitySource, null>,
): IdentityHeader | { readonly fault: string } {
  const settings = typeof source === 'string' || Array.isArray(source) ? readShorthand(source) : source;
  if ((settings.claim === undefined) === (settings.template === undefined)) {
    return { fault: 'expected either `claim` or `template`' };
  }
  const filter = settings.filter === undefined ? undefined : compileFilter(settings.filter);
  if (filter !== undefined && 'fault' in filter) return filter;
  const rest = {
    name,
    format: settings.format,
    filter,
    maxBytes: settings.maxBytes,
    isRequired: settings.required ?? false,
  };
  if (settings.template !== undefined) {
    const template = parseIdentityTemplate(settings.template);
    if ('fault' in template) return template;
    if (settings.format !== undefined) return { fault: 'a template has no `format`' };
    return { ...rest, origin: 'its template', read: () => undefined, template };
  }
  const claim = settings.claim as string | string[];
  if (typeof claim === 'string' && claim.startsWith('$')) {
    const read = (FACTS as Partial<Record<string, IdentityHeader['read']>>)[claim];
    if (read === undefined) return { fault: `"${claim}" is not one of ${Object.keys(FACTS).join(', ')}` };
    const format = settings.format ?? (claim === '$scopes' ? 'space' : undefined);
    return { ...rest, origin: claim, read, template: undefined, format };
  }
  const path = toClaimPath(claim);
  const origin = `claim ${nameClaim(path)}`;
  return { ...rest, origin, read: ({ token }) => readClaim(token.claims, path), template: undefined };
}

function readShorthand(source: string | string[]): Exclude<IdentitySource, null | string | string[]> {
  return typeof source === 'string' && /[{}]/.test(source) ? { template: source } : { claim: source };
}

/** Instructions of the program of a filter, of which RE2 may look at each for each character. A text without operators has one a character. */
const MOST_INSTRUCTIONS = 2_000;

/** RE2 syntax and its linear time: with a program of bounded size, no claim can block the process. */
function compileFilter(pattern: string): { test(text: string): boolean } | { readonly fault: string } {
  const compiled = parseFilter(pattern);
  if (compiled === undefined) return { fault: `"${pattern}" is not a regular expression in RE2 syntax` };
  const instructions = compiled.re2().prog.numInst();
  if (instructions <= MOST_INSTRUCTIONS) return compiled;
  return {
    fault: `the filter is too large: ${instructions} instructions once compiled, of at most ${MOST_INSTRUCTIONS}; counts such as {1000} multiply what they repeat`,
  };
}

function parseFilter(pattern: string): RE2JS | undefined {
  try {
    return new RE2JS(pattern);
  } catch {
    return undefined;
  }
}
