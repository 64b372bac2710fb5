import { foldHeaderName, identityHeaderNames, isMovedToken } from '../../config/identity-headers.ts';
import type { Config } from '../../config/schema/config.ts';
import { END_TO_END, HOP_BY_HOP, OVERRIDES, PROXY_FIELDS, PROXY_PREFIXES } from '../../core/header-names.ts';
import { HeaderNameMemo } from '../../http/header-name-memo.ts';
import { dropNominated } from '../../http/header-pairs.ts';

/** What becomes of a header field. */
const ACTION = {
  passed: 0,
  dropped: 1,
  host: 2,
  authorization: 3,
  connection: 4,
  origin: 5,
  cookie: 6,
  credential: 7,
  certificate: 8,
  proof: 9,
} as const;
type HeaderAction = (typeof ACTION)[keyof typeof ACTION];

/** Fields with a meaning of their own. Any other spelling of their names that folds to the same is dropped. */
const SPECIAL: Readonly<Record<string, HeaderAction>> = {
  host: ACTION.host,
  authorization: ACTION.authorization,
  connection: ACTION.connection,
  origin: ACTION.origin,
  cookie: ACTION.cookie,
  dpop: ACTION.proof,
  'content-length': ACTION.passed,
  'content-type': ACTION.passed,
  'content-encoding': ACTION.passed,
  'sec-websocket-protocol': ACTION.passed,
};

const NONE: readonly string[] = Object.freeze([]);

/** The fields that a file forbids clients to send, compiled once. */
export interface RequestHeaderFilter {
  /** What becomes of a field, by its name as sent. */
  readonly actions: HeaderNameMemo<HeaderAction>;
}

interface NamedActions {
  /** Folded names with an action of their own; all others pass. */
  readonly byFoldedName: ReadonlyMap<string, HeaderAction>;
  /** The headers that carry tokens, in lower case as the file spells them; their other spellings are dropped. */
  readonly credentialHeaders: ReadonlySet<string>;
  /** The header that holds the client certificate, in lower case; its other spellings are dropped. */
  readonly certificateHeader: string | undefined;
}

/** The header fields of a request, sorted. Lists of pairs hold names and values in turn. */
export interface FilteredHeaders {
  /** What may go up: pairs in the order and spelling of the wire, `Origin` and `Cookie` among them. */
  readonly passed: readonly string[];
  readonly hosts: readonly string[];
  readonly authorizations: readonly string[];
  readonly origins: readonly string[];
  readonly cookies: readonly string[];
  /** Fields that routes or presets name as sources of tokens: pairs with lower-case names. */
  readonly credentials: readonly string[];
  /** The values of the field in which trusted proxies pass on the client's certificate. They never go up. */
  readonly certificates: readonly string[];
  /** The values of the fields with a proof of possession (RFC 9449 §4.1), which never go up. */
  readonly proofs: readonly string[];
}

/**
 * Collects every name that no client may send: the identity headers named anywhere in the file, unset and
 * reserved ones too, the gateway's own, and the fields that override method or URL.
 * `credentialHeaders` are further fields that carry tokens; only a route that forwards tokens forwards them. `certificateHeader` is the
 * one that holds the client certificate.
 */
export function compileRequestHeaderFilter(
  config: Pick<Config, 'identity' | 'routes'>,
  credentialHeaders: Iterable<string> = [],
  certificateHeader?: string,
): RequestHeaderFilter {
  const byFoldedName = new Map<string, HeaderAction>(Object.entries(SPECIAL));
  const spelled = new Set([...credentialHeaders].map((name) => name.toLowerCase()));
  for (const name of spelled) {
    const folded = foldHeaderName(name);
    if (!byFoldedName.has(folded)) byFoldedName.set(folded, ACTION.credential);
  }
  const dropped = [...HOP_BY_HOP, ...PROXY_FIELDS, ...OVERRIDES, ...identityHeaderNames(config)];
  for (const name of dropped) {
    const folded = foldHeaderName(name);
    if (SPECIAL[folded] === undefined) byFoldedName.set(folded, ACTION.dropped);
  }
  const ofCertificate = certificateHeader?.toLowerCase();
  if (ofCertificate !== undefined) byFoldedName.set(foldHeaderName(ofCertificate), ACTION.certificate);
  const named: NamedActions = {
    byFoldedName,
    credentialHeaders: spelled,
    certificateHeader: ofCertificate,
  };
  return { actions: new HeaderNameMemo((name) => actionOf(named, name)) };
}

/** Whether a header that a route names for its token is read; false where the file or the gateway drops it. */
export function isLookedAt(headerFilter: RequestHeaderFilter, credentialHeader: string): boolean {
  return headerFilter.actions.of(credentialHeader) === ACTION.credential;
}

/** Sorts the header fields of one request in one pass. `rawHeaders` is Node's flat list. */
export function filterHeaders(
  headerFilter: RequestHeaderFilter,
  rawHeaders: readonly string[],
): FilteredHeaders {
  const passed: string[] = [];
  let hosts = NONE;
  let authorizations = NONE;
  let origins = NONE;
  let cookies = NONE;
  let credentials = NONE;
  let certificates = NONE;
  let proofs = NONE;
  let connection = '';
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const value = rawHeaders[at + 1] as string;
    switch (headerFilter.actions.of(name)) {
      case ACTION.passed:
        passed.push(name, value);
        break;
      case ACTION.dropped:
        break;
      case ACTION.host:
        hosts = append(hosts, value);
        break;
      case ACTION.authorization:
        authorizations = append(authorizations, value);
        break;
      case ACTION.connection:
        connection = connection === '' ? value : `${connection},${value}`;
        break;
      case ACTION.origin:
        origins = append(origins, value);
        passed.push(name, value);
        break;
      case ACTION.cookie:
        cookies = append(cookies, value);
        passed.push(name, value);
        break;
      case ACTION.credential:
        credentials = [...credentials, name.toLowerCase(), value];
        break;
      case ACTION.certificate:
        certificates = append(certificates, value);
        break;
      case ACTION.proof:
        proofs = append(proofs, value);
        break;
    }
  }
  return {
    passed: dropNominated(passed, connection, isEndToEnd),
    hosts,
    authorizations,
    origins,
    cookies,
    credentials,
    certificates,
    proofs,
  };
}

/** A field comes once nearly always, and a spread of the frozen list would walk it with an iterator. */
function append(list: readonly string[], value: string): readonly string[] {
  return list.length === 0 ? [value] : [...list, value];
}

function actionOf(
  { byFoldedName, credentialHeaders, certificateHeader }: NamedActions,
  name: string,
): HeaderAction {
  if (name.startsWith(':')) return name === ':authority' ? ACTION.host : ACTION.dropped;
  const folded = foldHeaderName(name);
  const lower = name.toLowerCase();
  const isAlias = folded !== lower;
  const action = byFoldedName.get(folded);
  if (action === ACTION.certificate) return lower === certificateHeader ? action : ACTION.dropped;
  if (action === ACTION.credential) return credentialHeaders.has(lower) ? action : ACTION.dropped;
  if (action !== undefined) return isAlias ? ACTION.dropped : action;
  // Where no route reads it, it only helps to explain why a request has no token.
  if (!isAlias && isMovedToken(lower)) return ACTION.credential;
  const isOfFamily =
    folded.startsWith('x-sealgate') || PROXY_PREFIXES.some((prefix) => folded.startsWith(prefix));
  return isOfFamily ? ACTION.dropped : ACTION.passed;
}

function isEndToEnd(name: string): boolean {
  return END_TO_END.test(name);
}
