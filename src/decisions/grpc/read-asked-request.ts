import { isIP } from 'node:net';
import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import { readClientCertificate } from '../../http/certificates/client-certificate.ts';
import { readEncodedPem } from '../../http/certificates/pem-text.ts';
import type { HeaderNameMemo } from '../../http/header-name-memo.ts';
import { KNOWN_METHODS } from '../../http/known-methods.ts';
import { plainAddress } from '../../http/peer.ts';
import type { ReadCertificate } from '../../pipeline/messages/request.ts';
import type { AskedRequest } from '../asked-request.ts';
import { FieldNotes, ROLE } from '../question-headers.ts';
import type { CheckRequest } from './read-check-request.ts';

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const VALUE = /^[\t -~\x80-\xff]*$/;

/** As `RequestFacts` has them, by what Envoy calls them. It leaves them out where it does not know. */
const HTTP_VERSIONS: ReadonlyMap<string, string> = new Map([
  ['', '1.1'],
  ['HTTP/1.0', '1.0'],
  ['HTTP/1.1', '1.1'],
  ['HTTP/2', '2.0'],
  ['HTTP/3', '3.0'],
]);

/** What is known of the header fields of requests. */
export interface AskedFields {
  readonly roles: HeaderNameMemo<number>;
  /** Set where the file names a header for the certificate of the client: it counts, and nothing else. */
  readonly certificate: 'header' | undefined;
}

/** Reads the request that a CheckRequest describes, or refuses it with `bad_request` where that is no request in one reading. */
export function readAskedRequest(
  request: CheckRequest,
  { roles, certificate }: AskedFields,
): AskedRequest | Refusal {
  const { method, path, scheme, sourceAddress } = request;
  if (!KNOWN_METHODS.has(method)) return unreadable('the method is none that HTTP registers');
  if (!path.startsWith('/')) return unreadable('the path does not start with /');
  if (request.query !== '' || request.fragment !== '')
    return unreadable('the query or fragment is not in the path');
  const httpVersion = HTTP_VERSIONS.get(request.protocol);
  if (httpVersion === undefined) return unreadable('the protocol is no version of HTTP');
  const proto = scheme === '' ? 'http' : scheme.toLowerCase();
  if (proto !== 'http' && proto !== 'https') return unreadable('the scheme is neither http nor https');
  const clientAddress = plainAddress(sourceAddress.toLowerCase());
  if (isIP(clientAddress) === 0) return unreadable('the source is not an IP address');

  const fields = readFields(request, roles);
  if (isRefusal(fields)) return fields;
  const { rawHeaders, notes } = fields;
  return {
    via: 'ext-authz-grpc',
    facts: {
      method,
      rawTarget: path,
      rawHeaders,
      httpVersion,
      clientAddress,
      isUpgrade: notes.isUpgrade,
      certificate: certificate ?? certificateOf(request),
    },
    hasUnmetExpectation: notes.hasUnmetExpectation,
    spoofed: notes.spoofed,
  };
}

/**
 * Envoy shows the certificate of the connection whose address it shows, with `include_peer_certificate`, but not by which
 * authorities it verified that: nobody vouches for its names.
 */
function certificateOf({ sourceCertificate }: CheckRequest): ReadCertificate | undefined {
  if (sourceCertificate === '') return undefined;
  return () => {
    const [der, ...others] = readEncodedPem(sourceCertificate) ?? [];
    return der === undefined || others.length > 0 ? undefined : readClientCertificate(der);
  };
}

interface Fields {
  readonly rawHeaders: readonly string[];
  readonly notes: FieldNotes;
}

function readFields(request: CheckRequest, roles: HeaderNameMemo<number>): Fields | Refusal {
  const { host, headers, mergesFields } = request;
  const rawHeaders: string[] = host === '' ? [] : ['host', host];
  const notes = new FieldNotes();
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string;
    const value = headers[at + 1] as string;
    if (name.startsWith(':')) {
      const expected = pseudoField(request, name);
      if (expected !== undefined && value !== expected) return unreadable(`${name} disagrees with the rest`);
      continue;
    }
    if (!NAME.test(name)) return unreadable('the name of a header field is not a token');
    if (!VALUE.test(value)) return unreadable('the value of a header field holds a control character');
    const role = roles.of(name);
    if (role === ROLE.host) {
      if (value !== host) return unreadable('Host disagrees with the host of the request');
      continue;
    }
    notes.add(role, name, value);
    if (mergesFields && value.includes(',') && name.toLowerCase() === 'authorization')
      pushEach(rawHeaders, name, value);
    else rawHeaders.push(name, value);
  }
  return { rawHeaders, notes };
}

/** Envoy joins fields of one name in its map. No bearer token holds a comma. */
function pushEach(rawHeaders: string[], name: string, value: string): void {
  for (const one of value.split(',')) rawHeaders.push(name, one.trim());
}

/** What a pseudo header field must be, where another field holds it too. */
function pseudoField({ method, path, host }: CheckRequest, name: string): string | undefined {
  if (name === ':authority') return host;
  if (name === ':path') return path;
  return name === ':method' ? method : undefined;
}

function unreadable(reason: string): Refusal {
  return refuse('question_field', reason);
}
