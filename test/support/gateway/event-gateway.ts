import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../src/core/time/clock.ts';
import { startCountingUpstream } from '../backends/counting-upstream.ts';
import { createKeyServer } from '../tokens/key-server.ts';
import { mint, type SigningKey, signingKey } from '../tokens/mint.ts';
import { startGateway } from './gateway.ts';

type Tap = { teardown(undo: () => void | Promise<void>): unknown };
type Claims = Readonly<Record<string, unknown>>;

export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
export const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
export const CLIENT_ID = 'gateway-client';
export const TRANSMITTER = 'https://ssf.example.com/';
export const AUDIENCE = 'https://api.example.com/events';

/** Of the issuer, of the transmitter, and of somebody else. */
export const KEYS = {
  issuer: signingKey('ES256'),
  transmitter: signingKey('ES256', { kid: 'transmitter' }, 'transmitter'),
  foreign: signingKey('ES256', { kid: 'foreign' }, 'foreign'),
} as const;

/** A provider that pushes logout tokens, a transmitter that pushes security events, and the file of a gateway that receives both. */
export async function createPushers(t: Tap) {
  const issuer = await createKeyServer();
  const transmitter = await createKeyServer();
  issuer.publish(KEYS.issuer);
  transmitter.publish(KEYS.transmitter);
  const upstream = await startCountingUpstream((_req, res) => res.end('fine'));
  t.teardown(async () => {
    await Promise.all([upstream, issuer, transmitter].map((each) => each.close()));
  });
  const iss = issuer.issuer();
  const textOf = (more = '', keys = '{ cooldown: 1s }') => `
issuers:
  corp:
    issuer: '${iss}'
    audiences: [api]
    algorithms: [ES256]
    keys: ${keys}
    logout: { clientId: ${CLIENT_ID} }
    events: { issuer: '${TRANSMITTER}', jwksUri: '${transmitter.jwksUri}', audience: '${AUDIENCE}' }
upstreams: { app: { url: '${upstream.url}' } }
routes:
  - { name: a, path: /a, upstream: app, access: authenticated }
${more}
`;
  return { issuer, transmitter, upstream, iss, textOf };
}

type Pushers = Awaited<ReturnType<typeof createPushers>>;

/** Sends to a gateway what providers and clients send. */
export function createSender({ iss }: Pick<Pushers, 'iss'>, url: () => string, clock: Clock = Date.now) {
  const now = (): number => Math.floor(clock() / 1000);
  const call = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}`, connection: 'close' };
    const response = await fetch(`${url()}/a`, { headers });
    await response.text();
    return response.status;
  };
  const logoutClaims = (changes: Claims = {}): Claims => ({
    iss,
    aud: CLIENT_ID,
    iat: now(),
    exp: now() + 120,
    jti: randomUUID(),
    sub: 'alice',
    events: { [LOGOUT_EVENT]: {} },
    ...changes,
  });
  const eventClaims = (changes: Claims = {}, event: Claims = {}): Claims => ({
    iss: TRANSMITTER,
    aud: AUDIENCE,
    iat: now(),
    jti: randomUUID(),
    sub_id: { format: 'iss_sub', iss, sub: 'alice' },
    events: { [SESSION_REVOKED]: event },
    ...changes,
  });
  return {
    now,
    /** The status of a call with an access token of these claims. */
    call: (claims: Claims = {}) =>
      call(mint(KEYS.issuer, { iss, aud: 'api', iat: now() - 5, exp: now() + 600, ...claims })),
    callWith: call,
    logoutClaims,
    eventClaims,
    logoutToken: (
      changes: Claims = {},
      header: Claims = { typ: 'logout+jwt' },
      key: SigningKey = KEYS.issuer,
    ) => mint(key, logoutClaims(changes), header),
    securityEvent: (
      changes: Claims = {},
      event: Claims = {},
      header: Claims = { typ: 'secevent+jwt' },
      key: SigningKey = KEYS.transmitter,
    ) => mint(key, eventClaims(changes, event), header),
    /** Pushes a logout token as a provider does. */
    logOut: (token: string, init: RequestInit = {}) =>
      fetch(`${url()}/.well-known/sealgate/logout/corp`, {
        method: 'POST',
        body: new URLSearchParams({ logout_token: token }),
        ...init,
      }),
    /** Pushes a security event as a transmitter does. */
    push: (token: string, init: RequestInit = {}) =>
      fetch(`${url()}/.well-known/sealgate/events/corp`, {
        method: 'POST',
        headers: { 'content-type': 'application/secevent+jwt', accept: 'application/json' },
        body: token,
        ...init,
      }),
  };
}

/** A gateway in this process that receives both. */
export async function startEventGateway(t: Tap, more = '', clock?: Clock) {
  const pushers = await createPushers(t);
  const gateway = await startGateway(pushers.textOf(more), clock === undefined ? {} : { clock });
  t.teardown(async () => {
    await gateway.close();
  });
  return { ...pushers, gateway, ...createSender(pushers, () => gateway.url, clock) };
}
