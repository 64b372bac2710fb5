import { foldHeaderName, identityHeaderNames } from '../config/identity-headers.ts';
import type { Config } from '../config/schema/config.ts';
import { HOP_BY_HOP, OVERRIDES } from '../core/header-names.ts';
import { expectsOnlyContinue } from '../http/expectation.ts';
import { HeaderNameMemo } from '../http/header-name-memo.ts';

/** What a header field of a question is. Roles from `own` on are the fields by which the asking proxy describes the request, by position. */
export const ROLE = {
  plain: 0,
  host: 1,
  webSocketKey: 2,
  upgrade: 3,
  spoofed: 4,
  expect: 5,
  own: 6,
} as const;

/** Fields with a meaning of their own. A backend may take another spelling of their names for them. */
const MEANINGFUL: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...['host', 'authorization', 'dpop', 'origin', 'cookie'],
  ...['content-length', 'content-type', 'content-encoding', 'sec-websocket-protocol'],
]);

/** Fields that asking proxies write over, by their own names: another spelling of one stays beside it. */
const WRITTEN_BY_PROXIES = /^(?:x-forwarded-|forwarded$|x-real-ip$)/;

/** The names that no client may send, in a form that serves all ways of asking. Compiled once for a file. */
export interface SpoofableNames {
  /** In lower case, as the file and `core/header-names.ts` spell them. The asking proxy sets or drops identity headers by these names. */
  readonly identity: ReadonlySet<string>;
  /** Headers that carry tokens, in lower case as the file spells them. */
  readonly credentials: ReadonlySet<string>;
}

export function compileSpoofableNames(
  config: Pick<Config, 'identity' | 'routes'>,
  credentialHeaders: Iterable<string>,
): SpoofableNames {
  return {
    identity: identityHeaderNames(config),
    credentials: new Set([...credentialHeaders].map((name) => name.toLowerCase())),
  };
}

/** Finds out what the fields of questions are, by their names as sent. `own`: those that describe the request, in lower case. */
export function compileRoles(names: SpoofableNames, own: readonly string[]): HeaderNameMemo<number> {
  const { identity, credentials } = names;
  const folded = new Set([...identity, ...credentials].map(foldHeaderName));
  return new HeaderNameMemo((name) => {
    const lower = name.toLowerCase();
    const position = own.indexOf(lower);
    if (position !== -1) return ROLE.own + position;
    if (lower === 'host') return ROLE.host;
    if (lower === 'sec-websocket-key') return ROLE.webSocketKey;
    if (lower === 'upgrade') return ROLE.upgrade;
    if (lower === 'expect') return ROLE.expect;
    if (identity.has(lower) || credentials.has(lower)) return ROLE.plain;
    const fold = foldHeaderName(lower);
    const isAlias = fold !== lower;
    const isSpoofed =
      folded.has(fold) ||
      OVERRIDES.has(fold) ||
      fold.startsWith('x-sealgate') ||
      (isAlias && (MEANINGFUL.has(fold) || WRITTEN_BY_PROXIES.test(fold)));
    return isSpoofed ? ROLE.spoofed : ROLE.plain;
  });
}

/** What the fields of a request mean for the question about it, whatever way it came. */
export class FieldNotes {
  isUpgrade = false;
  /** Lower case. */
  readonly spoofed: string[] = [];
  readonly #expectations: string[] = [];

  add(role: number, name: string, value: string): void {
    if (role === ROLE.webSocketKey) this.isUpgrade = true;
    // A WebSocket over HTTP/2 has no key, and Envoy shows it so (RFC 8441 §5).
    else if (role === ROLE.upgrade) this.isUpgrade ||= /^websocket$/i.test(value);
    else if (role === ROLE.expect) this.#expectations.push(value);
    else if (role === ROLE.spoofed) this.spoofed.push(name.toLowerCase());
  }

  get hasUnmetExpectation(): boolean {
    return this.#expectations.length > 0 && !expectsOnlyContinue(this.#expectations.join(', '));
  }
}
