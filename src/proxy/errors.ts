import { CAUSES, type Cause } from '../core/causes.ts';
import { type Refusal, refuse } from '../core/refusals.ts';
import { type ResponseFault, UPSTREAM_FAULTS, type UpstreamFault } from './upstream-faults.ts';

/** The codes of Node, the system and OpenSSL. */
const FAULT_OF_CODE: Readonly<Record<string, UpstreamFault>> = {
  ECONNREFUSED: 'connection_refused',
  ENOTFOUND: 'name_not_found',
  EAI_AGAIN: 'name_lookup_failed',
  EAI_FAIL: 'name_lookup_failed',
  EHOSTUNREACH: 'host_unreachable',
  EHOSTDOWN: 'host_down',
  ENETUNREACH: 'network_unreachable',
  EADDRNOTAVAIL: 'no_local_address',
  EMFILE: 'too_many_files',
  ENFILE: 'too_many_files',
  ENOENT: 'no_socket_file',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  ECONNRESET: 'reset_before_response',
  EPIPE: 'closed_before_response',
  ETIMEDOUT: 'connect_timeout',
  SEALGATE_DISPATCHER_CLOSED: 'upstream_removed',

  CERT_HAS_EXPIRED: 'certificate_expired',
  CERT_NOT_YET_VALID: 'certificate_not_yet_valid',
  CERT_REVOKED: 'certificate_revoked',
  CERT_REJECTED: 'certificate_rejected',
  CERT_UNTRUSTED: 'certificate_rejected',
  CERT_SIGNATURE_FAILURE: 'certificate_rejected',
  CERT_CHAIN_TOO_LONG: 'certificate_rejected',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate_self_signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate_authority_unknown',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate_authority_unknown',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate_authority_unknown',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate_authority_unknown',
  INVALID_CA: 'certificate_authority_unknown',
  INVALID_PURPOSE: 'certificate_wrong_purpose',
  HOSTNAME_MISMATCH: 'certificate_wrong_name',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate_wrong_name',
  EE_KEY_TOO_SMALL: 'certificate_weak',
  CA_KEY_TOO_SMALL: 'certificate_weak',
  CA_MD_TOO_WEAK: 'certificate_weak',
  ERR_SSL_WRONG_VERSION_NUMBER: 'speaks_plain_http',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'speaks_plain_http',
  ERR_SSL_HTTP_REQUEST: 'speaks_plain_http',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'client_certificate_required',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: 'client_certificate_refused',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'tls_version',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls_version',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'tls_no_common_cipher',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'tls_name_unknown',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'tls_no_common_protocol',
  EPROTO: 'tls_failed',
};

/** Faults of the request itself, not of the backend. */
const REQUEST_FAILURES: Readonly<Record<string, readonly [Cause, string]>> = {
  // A request that the backend's version of HTTP cannot carry.
  SEALGATE_REQUEST_UNFIT: ['request_unfit', 'the request cannot be written as HTTP/1.1'],
  ERR_HTTP2_HEADER_SINGLE_VALUE: ['field_twice', 'a field that may come once came twice'],

  // The client's own body.
  SEALGATE_BODY_TOO_LARGE: ['body_too_large', 'the body is larger than the route allows'],
  SEALGATE_BODY_IDLE: ['body_stalled', 'the body stalled'],
};

/** An error of ours that names its fault. */
class FaultError extends Error {
  readonly fault: UpstreamFault;
  constructor(fault: UpstreamFault) {
    super(UPSTREAM_FAULTS[fault].reason);
    this.fault = fault;
  }
}

/** A response that is malformed or does not belong to the request. */
export class InvalidResponse extends FaultError {
  readonly code = 'SEALGATE_RESPONSE_INVALID';
  constructor(fault: ResponseFault) {
    super(fault);
  }
}

/** More header fields, trailers or chunk extensions than a response may have. */
export class ResponseTooLarge extends FaultError {
  readonly code = 'SEALGATE_RESPONSE_TOO_LARGE';
  constructor(fault: 'fields_too_large' | 'chunk_extensions_too_large' | 'trailers_too_large') {
    super(fault);
  }
}

/** The connection ended within a response. */
class ResponseCut extends FaultError {
  readonly code = 'SEALGATE_RESPONSE_CUT';
}

/** The connection or stream of a request ended before its response. */
class ConnectionLost extends FaultError {
  readonly code = 'SEALGATE_CONNECTION_LOST';
}

/** The backend ended a request over HTTP/2 without a response, and kept the connection. */
export class StreamReset extends FaultError {
  readonly code = 'SEALGATE_STREAM_RESET';
  constructor() {
    super('stream_reset');
  }
}

/** What the end of a connection is for the request on it. */
export function lossOf({ withinResponse }: { readonly withinResponse: boolean }): Error {
  return withinResponse ? new ResponseCut('response_cut') : new ConnectionLost('closed_before_response');
}

/** The backend took too long: for the head of its response, or between two pieces of its body. */
export class ResponseTimeout extends FaultError {
  readonly code: string;
  constructor(inBody: boolean) {
    super(inBody ? 'idle_timeout' : 'response_timeout');
    this.code = inBody ? 'SEALGATE_RESPONSE_STALLED' : 'SEALGATE_NO_RESPONSE';
  }
}

/** The connection was not up in time: neither refused nor accepted. */
export class ConnectTimeout extends FaultError {
  readonly code = 'SEALGATE_CONNECT_TIMEOUT';
  constructor() {
    super('connect_timeout');
  }
}

/** The backend agreed to TLS but not to HTTP/2. */
export class NoHttp2 extends FaultError {
  readonly code = 'SEALGATE_NO_HTTP2';
  constructor() {
    super('tls_no_common_protocol');
  }
}

/**
 * Turns what the network, TLS or the parser reported into the refusal the client gets: nothing reached or not
 * trusted is 502 `upstream_unreachable`, bad HTTP 502 `upstream_invalid`, too slow, connecting included,
 * 504 `upstream_timeout` (RFC 9110 §15.6.5). `connecting` means that no request had been sent yet.
 */
export function failureOf(error: unknown, connecting = false): Refusal {
  const failure = REQUEST_FAILURES[codeOf(error)];
  if (failure !== undefined) return refuse(...failure);
  const { cause, reason } = UPSTREAM_FAULTS[faultOf(error, connecting) ?? 'failed'];
  return refuse(cause, reason);
}

/** Which fault of a backend an error stands for; undefined for what is the client's or the gateway's own doing. */
export function faultOf(error: unknown, connecting: boolean): UpstreamFault | undefined {
  const code = codeOf(error);
  if (REQUEST_FAILURES[code] !== undefined || code === 'SEALGATE_CLIENT_GONE') return undefined;
  const fault = namedFault(error);
  // The system has one code for a connection that was never up and for one that died.
  if (fault === 'connect_timeout' && !connecting) return 'connection_dead';
  const isBroken = CAUSES[UPSTREAM_FAULTS[fault].cause] === 'upstream_invalid';
  return connecting && isBroken ? 'closed_while_connecting' : fault;
}

/** True where the connection ended, neither by the gateway nor because of bad bytes. */
export function isConnectionLoss(error: unknown): boolean {
  return LOSSES.has(codeOf(error));
}

const LOSSES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'SEALGATE_CONNECTION_LOST']);

function namedFault(error: unknown): UpstreamFault {
  if (error instanceof FaultError) return error.fault;
  const code = codeOf(error);
  const fault = FAULT_OF_CODE[code];
  if (fault !== undefined) return fault;
  return code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') ? 'tls_failed' : 'failed';
}

/** Happy Eyeballs wraps the errors of all addresses in one; the last attempt speaks for all. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors.at(-1));
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
