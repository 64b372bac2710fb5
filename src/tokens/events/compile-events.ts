import { type EventKind, type EventSource, eventSources } from '../../config/event-paths.ts';
import type { Config } from '../../config/schema/config.ts';
import { type CompiledIssuer, NO_RULES } from '../compiled-issuer.ts';
import { indexIssuers } from '../issuer-index.ts';
import type { KeyStore } from '../keys/key-store.ts';
import type { KeyStorePool } from '../keys/key-store-pool.ts';
import type { EventFault } from './event-fault.ts';
import { compileEventTokenRules } from './event-token.ts';
import { LOGOUT_TYPES, readLogoutToken } from './logout-token.ts';
import { readSecurityEvent, SECURITY_EVENT_TYPES } from './security-event.ts';
import type { EventStatement } from './statement.ts';

/** Reads the tokens of one kind and issuer. */
export type ReadEvent = (rawToken: string, clock: () => number) => Promise<EventStatement | EventFault>;

/** What one configuration receives. */
export interface CompiledEvents {
  readonly sources: readonly EventSource[];
  /** Undefined where it receives none. */
  find(source: EventSource): ReadEvent | undefined;
  /** Begins to fetch the keys of transmitters. */
  start(): void;
  /** Fetches them now: those of one issuer, or all. */
  refresh(issuer: string | undefined): Promise<void>;
  /** Stops the refreshes that no later configuration needs. */
  close(): void;
}

export interface CompileEventsOptions {
  readonly config: Config;
  readonly issuers: readonly CompiledIssuer[];
  /** Undefined where another process checks what is received. */
  readonly pool: KeyStorePool | undefined;
}

/** Compiles `logout` and `events` of the issuers; nothing is fetched before `start`. */
export function compileEvents({ config, issuers, pool }: CompileEventsOptions): CompiledEvents {
  const sources = eventSources(config);
  const readers = new Map<string, ReadEvent>();
  const stores = new Map<string, KeyStore[]>();

  function acquire(issuer: CompiledIssuer, from: KeyStorePool, owner = issuer): KeyStore {
    const store = from.acquire(issuer);
    stores.set(owner.name, [...(stores.get(owner.name) ?? []), store]);
    return store;
  }

  for (const issuer of pool === undefined ? [] : issuers) {
    const { logout, events } = config.issuers[issuer.name] ?? {};
    const from = pool as KeyStorePool;
    if (logout !== undefined) {
      const rules = compileEventTokenRules({
        issuer,
        types: LOGOUT_TYPES,
        keys: acquire(issuer, from),
        audience: logout.clientId,
        exp: 'required',
      });
      readers.set(keyOf('logout', issuer.name), (token, clock) => readLogoutToken(token, rules, clock));
    }
    if (events === undefined) continue;
    const transmitter = transmitterOf(issuer, events);
    const rules = {
      ...compileEventTokenRules({
        issuer: transmitter,
        types: SECURITY_EVENT_TYPES,
        keys: acquire(transmitter, from, issuer),
        audience: events.audience,
        exp: 'forbidden',
      }),
      about: { issuer, index: indexIssuers([issuer]) },
    };
    readers.set(keyOf('events', issuer.name), (token, clock) => readSecurityEvent(token, rules, clock));
  }
  let closed = false;
  return {
    sources,
    find: ({ issuer, kind }) => readers.get(keyOf(kind, issuer)),
    start() {
      for (const store of [...stores.values()].flat()) void store.start();
    },
    async refresh(issuer) {
      const chosen = [...stores].flatMap(([name, owned]) =>
        issuer === undefined || issuer === name ? owned : [],
      );
      await Promise.all(chosen.map((store) => store.refresh()));
    },
    close() {
      if (closed) return;
      closed = true;
      for (const store of [...stores.values()].flat()) pool?.release(store);
    },
  };
}

/** The transmitters of these issuers, as issuers of security events. */
export function transmittersOf(
  issuers: readonly CompiledIssuer[],
  config: Pick<Config, 'issuers'>,
): readonly CompiledIssuer[] {
  return issuers.flatMap((issuer) => {
    const events = config.issuers[issuer.name]?.events;
    return events === undefined ? [] : transmitterOf(issuer, events);
  });
}

/**
 * The issuer of security events. What `keys.headers` hold is for the provider of the tokens alone, and its snapshot is of other keys.
 */
function transmitterOf(
  issuer: CompiledIssuer,
  { issuer: iss, jwksUri }: NonNullable<Config['issuers'][string]['events']>,
): CompiledIssuer {
  return {
    ...issuer,
    // With a space, which no name of an issuer has.
    name: `${issuer.name} events`,
    issuers: [iss],
    rules: NO_RULES,
    source: { kind: 'url', url: new URL(jwksUri) },
    keys: { ...issuer.keys, headers: {}, snapshot: undefined },
    introspection: undefined,
    dpop: undefined,
  };
}

function keyOf(kind: EventKind, issuer: string): string {
  return `${kind} ${issuer}`;
}
