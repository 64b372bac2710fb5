import type { Config } from './schema/config.ts';

/** What providers push to this gateway: logout tokens (OpenID Connect Back-Channel Logout 1.0) and security events (RFC 8935). */
export const EVENT_KINDS = ['logout', 'events'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Of which issuer, by its configured name, what is received. */
export interface EventSource {
  readonly issuer: string;
  readonly kind: EventKind;
}

/** All that a file has the gateway receive. */
export function eventSources({ issuers }: Pick<Config, 'issuers'>): readonly EventSource[] {
  return Object.entries(issuers).flatMap(([issuer, written]) =>
    EVENT_KINDS.flatMap((kind) => (written[kind] === undefined ? [] : { issuer, kind })),
  );
}

/** Where the provider pushes it to. */
export function eventPath({ issuer, kind }: EventSource): string {
  return `/.well-known/sealgate/${kind}/${issuer}`;
}
