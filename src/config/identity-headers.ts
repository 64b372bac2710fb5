import { HOP_BY_HOP } from '../core/header-names.ts';

/** What a route sends unless `identity.headers` changes it. */
export const DEFAULT_IDENTITY_HEADERS: Readonly<Record<string, string>> = {
  'x-user-id': 'sub',
  'x-user-issuer': 'iss',
  'x-user-scopes': '$scopes',
};

interface NamesHeaders {
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/** Every identity header that a file names: default, sent, unset, reserved, and that of the assertion. Lower case. */
export function identityHeaderNames({
  identity,
  routes,
}: {
  readonly identity: NamesHeaders & {
    readonly reserved?: readonly string[] | undefined;
    readonly assertion?: { readonly header: string } | undefined;
  };
  readonly routes: readonly { readonly identity?: NamesHeaders | undefined }[];
}): ReadonlySet<string> {
  const blocks = [identity, ...routes.map((route) => route.identity)];
  const names = [
    ...Object.keys(DEFAULT_IDENTITY_HEADERS),
    ...blocks.flatMap((block) => Object.keys(block?.headers ?? {})),
    ...(identity.reserved ?? []),
    ...(identity.assertion === undefined ? [] : [identity.assertion.header]),
  ];
  return new Set(names.map((name) => name.toLowerCase()));
}

/** Sources that are not claims. */
export const SPECIAL_SOURCES = [
  '$scopes',
  '$roles',
  '$client',
  '$issuerName',
  '$certificateUri',
  '$certificateSubject',
  '$certificateSha256',
] as const;

/** Why a name, or a family of names, cannot carry identity, and what to do instead. */
interface Taken {
  /** In the spelling of `foldHeaderName`; a family ends with `-`. */
  readonly names: readonly string[];
  readonly reason: string;
  readonly hint: string;
}

const ANOTHER_NAME = 'use another name, such as x-auth-request-user or remote-user';

const TAKEN: readonly Taken[] = [
  {
    names: ['x-forwarded-'],
    reason:
      'x-forwarded-* describe the path of a request, not its caller, and proxies on the path write them',
    hint: ANOTHER_NAME,
  },
  {
    names: ['forwarded', 'x-request-id', 'host'],
    reason: 'it describes the request, and proxies on the path write it',
    hint: ANOTHER_NAME,
  },
  {
    names: [...HOP_BY_HOP, 'content-', 'proxy-'],
    reason: 'it belongs to the connection or the body, and proxies drop or rewrite it',
    hint: ANOTHER_NAME,
  },
  {
    names: ['authorization'],
    reason: 'it carries the credentials of the client',
    hint: 'to pass the token on, set `identity.forwardToken: true`; else use another name',
  },
  {
    names: ['dpop'],
    reason: 'it carries the proofs of clients (RFC 9449), and is never passed on',
    hint: ANOTHER_NAME,
  },
  {
    names: ['origin', 'sec-websocket-protocol'],
    reason: 'browsers write it, and it is passed on as they do',
    hint: ANOTHER_NAME,
  },
  { names: ['cookie'], reason: 'it carries the cookies of the client', hint: ANOTHER_NAME },
];

/**
 * One spelling for all names that a backend may take for the same header: CGI-style servers read `x_user.id`, `X-User-Id` and
 * `x-user-id` as one variable.
 */
export function foldHeaderName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9-]/g, '-');
}

/** Fields to which proxies in front move the client's token, with or without its scheme. */
const MOVED_TOKEN = /^x-forwarded-(?:.+-)?(?:authorization|token)$/;

/** Whether a header is one to which proxies in front move the client's token. */
export function isMovedToken(name: string): boolean {
  return MOVED_TOKEN.test(foldHeaderName(name));
}

/** Whether a header other than Authorization may hold the token of a request. */
export function mayCarryToken(name: string): boolean {
  return isMovedToken(name) || mayCarryIdentity(name);
}

/** Whether a header may carry identity; the others have a meaning in HTTP. */
export function mayCarryIdentity(name: string): boolean {
  return whyTaken(name) === undefined;
}

/** Why a header may not carry identity; undefined when it may. */
export function whyTaken(name: string): Pick<Taken, 'reason' | 'hint'> | undefined {
  const folded = foldHeaderName(name);
  return TAKEN.find(({ names }) =>
    names.some((taken) => (taken.endsWith('-') ? folded.startsWith(taken) : folded === taken)),
  );
}
