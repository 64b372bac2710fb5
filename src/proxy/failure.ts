import { type Refusal, type RefusalCode, refuse } from '../core/refusals.ts';

/** Reasons name the cause for the operator's log; they never name an address. */
const FAILURES: Readonly<Record<string, readonly [RefusalCode, string]>> = {
  // Nothing listens, or no way leads there.
  ECONNREFUSED: ['upstream_unreachable', 'the connection was refused'],
  ENOTFOUND: ['upstream_unreachable', 'the name does not exist'],
  EAI_AGAIN: ['upstream_unreachable', 'the name could not be looked up'],
  EAI_FAIL: ['upstream_unreachable', 'the name could not be looked up'],
  EHOSTUNREACH: ['upstream_unreachable', 'no route to the host'],
  EHOSTDOWN: ['upstream_unreachable', 'the host is down'],
  ENETUNREACH: ['upstream_unreachable', 'no route to the network'],
  EADDRNOTAVAIL: ['upstream_unreachable', 'no local address is free'],
  EMFILE: ['upstream_unreachable', 'too many open files'],
  ENOENT: ['upstream_unreachable', 'the socket file does not exist'],
  EACCES: ['upstream_unreachable', 'permission denied'],

  // TLS: no byte of the request was sent.
  CERT_HAS_EXPIRED: ['upstream_unreachable', 'TLS: the certificate has expired'],
  CERT_NOT_YET_VALID: ['upstream_unreachable', 'TLS: the certificate is not valid yet'],
  CERT_REVOKED: ['upstream_unreachable', 'TLS: the certificate is revoked'],
  CERT_REJECTED: ['upstream_unreachable', 'TLS: the certificate was rejected'],
  CERT_UNTRUSTED: ['upstream_unreachable', 'TLS: the certificate is not trusted'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['upstream_unreachable', 'TLS: the certificate is self-signed'],
  SELF_SIGNED_CERT_IN_CHAIN: ['upstream_unreachable', 'TLS: the authority is not trusted'],
  UNABLE_TO_GET_ISSUER_CERT: ['upstream_unreachable', 'TLS: the authority is not trusted'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['upstream_unreachable', 'TLS: the authority is not trusted'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['upstream_unreachable', 'TLS: the authority is not trusted'],
  INVALID_CA: ['upstream_unreachable', 'TLS: the authority is not trusted'],
  INVALID_PURPOSE: ['upstream_unreachable', 'TLS: the certificate is not for servers'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['upstream_unreachable', 'TLS: the certificate is for another name'],
  SEALGATE_NO_HTTP2: ['upstream_unreachable', 'TLS: the backend does not speak HTTP/2'],
  EPROTO: ['upstream_unreachable', 'TLS: the handshake failed'],

  // Time.
  SEALGATE_CONNECT_TIMEOUT: ['upstream_timeout', 'no connection in time'],
  ETIMEDOUT: ['upstream_timeout', 'no connection in time'],
  SEALGATE_NO_ANSWER: ['upstream_timeout', 'no answer in time'],
  SEALGATE_ANSWER_STALLED: ['upstream_timeout', 'the answer stalled'],

  // Something answered, but not HTTP as it should be.
  ECONNRESET: ['upstream_invalid', 'the connection was reset before the answer'],
  EPIPE: ['upstream_invalid', 'the connection was closed before the answer'],
  SEALGATE_ANSWER_TOO_LARGE: ['upstream_invalid', 'the header fields of the answer are too large'],
  SEALGATE_ANSWER_CUT: ['upstream_invalid', 'the body of the answer was cut short'],
  SEALGATE_CONNECTION_LOST: ['upstream_invalid', 'the connection was closed before the answer'],
  SEALGATE_STREAM_RESET: ['upstream_invalid', 'the stream was reset before the answer'],
  SEALGATE_ANSWER_INVALID: ['upstream_invalid', 'the answer is not one to this request'],

  // A request that the backend's version of HTTP cannot carry.
  SEALGATE_REQUEST_UNFIT: ['bad_request', 'the request cannot be written as HTTP/1.1'],
  ERR_HTTP2_HEADER_SINGLE_VALUE: ['bad_request', 'a field that may come once came twice'],

  // The client's own body.
  SEALGATE_BODY_TOO_LARGE: ['body_too_large', 'the body is larger than the route allows'],
  SEALGATE_BODY_IDLE: ['request_timeout', 'the body stalled'],
};

const TLS_HANDSHAKE: readonly [RefusalCode, string] = ['upstream_unreachable', 'TLS: the handshake failed'];
const CUT_WHILE_CONNECTING = 'the connection was closed while it was set up';
const UNKNOWN: readonly [RefusalCode, string] = ['upstream_unreachable', 'the request failed'];

/** An answer that parses, but that no well-behaved backend gives, such as 101 to a request without upgrade. */
export class AnswerInvalid extends Error {
  readonly code = 'SEALGATE_ANSWER_INVALID';
}

/** More header fields, trailers or chunk extensions than an answer may have. */
export class AnswerTooLarge extends Error {
  readonly code = 'SEALGATE_ANSWER_TOO_LARGE';
}

/** The connection ended in the midst of an answer. */
class AnswerCut extends Error {
  readonly code = 'SEALGATE_ANSWER_CUT';
}

/** The connection or stream of a request ended before its answer was complete. */
class ConnectionLost extends Error {
  readonly code = 'SEALGATE_CONNECTION_LOST';
}

/** The backend ended a request over HTTP/2 without an answer, and kept the connection. */
export class StreamReset extends Error {
  readonly code = 'SEALGATE_STREAM_RESET';
}

/** What the end of a connection is for the request on it. */
export function lossOf({ withinAnswer }: { readonly withinAnswer: boolean }): Error {
  return withinAnswer
    ? new AnswerCut('the connection ended within an answer')
    : new ConnectionLost('the connection ended before an answer');
}

/** The backend took too long: for the head of its answer, or between two pieces of its body. */
export class NoAnswerInTime extends Error {
  readonly code: string;
  constructor(inBody: boolean) {
    super('the backend took too long');
    this.code = inBody ? 'SEALGATE_ANSWER_STALLED' : 'SEALGATE_NO_ANSWER';
  }
}

/**
 * Turns what the network, TLS or the parser said into the refusal the client gets: nothing reached or not
 * trusted is 502 `upstream_unreachable`, bad HTTP 502 `upstream_invalid`, too slow, connecting included,
 * 504 `upstream_timeout` (RFC 9110 §15.6.5). `connecting` says that no request had been sent yet.
 */
export function failureOf(error: unknown, connecting = false): Refusal {
  const [code, reason] = failureRow(error);
  if (connecting && code === 'upstream_invalid') return refuse('upstream_unreachable', CUT_WHILE_CONNECTING);
  return refuse(code, reason);
}

/** True for errors that say: the connection ended, and not by our doing or by bad bytes. */
export function isConnectionLoss(error: unknown): boolean {
  return LOSSES.has(codeOf(error));
}

const LOSSES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'SEALGATE_CONNECTION_LOST']);

function failureRow(error: unknown): readonly [RefusalCode, string] {
  const code = codeOf(error);
  const row = FAILURES[code];
  if (row !== undefined) return row;
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return TLS_HANDSHAKE;
  return UNKNOWN;
}

/** Happy Eyeballs wraps the errors of all addresses in one; the last attempt speaks for all. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors.at(-1));
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
