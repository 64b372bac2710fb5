import type { RefusalCode } from '../core/refusals.ts';

interface FaultRow {
  readonly code: RefusalCode;
  /** For the operator's log: names the cause, never an address, and never bytes of the response. */
  readonly reason: string;
}

const unreachable = (reason: string): FaultRow => ({ code: 'upstream_unreachable', reason });
const timeout = (reason: string): FaultRow => ({ code: 'upstream_timeout', reason });
const invalid = (reason: string): FaultRow => ({ code: 'upstream_invalid', reason });

/** What can be wrong with a response. The parser, or whoever waits for the response, names one of these. */
const RESPONSE_FAULTS = {
  // Another protocol, recognized by its first bytes.
  speaks_tls: invalid('the backend speaks TLS: write https: in the url of the upstream'),
  speaks_http2: invalid('the backend speaks HTTP/2: set protocol: h2 in the upstream'),
  not_http: invalid('the response is not HTTP/1: the backend speaks another protocol'),
  not_http2: invalid('the backend does not speak HTTP/2: leave out protocol: h2 in the upstream'),

  // The head.
  version_unknown: invalid('the response is of another version than HTTP/1.0 or HTTP/1.1'),
  status_line_malformed: invalid('the status line of the response is malformed'),
  line_ends_with_lf: invalid('a line of the response ends with LF alone, instead of CR LF'),
  field_malformed: invalid('a header field of the response is malformed'),
  field_folded: invalid('a header field of the response is folded over several lines'),
  field_without_colon: invalid('a header field of the response has no colon'),
  field_blank_before_colon: invalid('a header field of the response has a blank before its colon'),
  fields_too_large: invalid('the header fields of the response are too large'),

  // What ends the body.
  length_repeated: invalid('the response has more than one Content-Length'),
  length_malformed: invalid('the Content-Length of the response is not a number'),
  length_and_chunked: invalid('the response has both Content-Length and Transfer-Encoding'),
  chunked_repeated: invalid('the response names the transfer coding chunked more than once'),
  chunked_in_http10: invalid('the response has Transfer-Encoding, which HTTP/1.0 does not know'),
  coding_unknown: invalid('the response has a Transfer-Encoding other than chunked'),
  length_mismatch: invalid('the body of the response is not as long as its Content-Length'),

  // Chunks and trailers.
  chunk_size_malformed: invalid('a chunk of the response has no valid size'),
  chunk_extension_malformed: invalid('a chunk extension of the response is malformed'),
  chunk_extensions_too_large: invalid('the chunk extensions of the response are too large'),
  chunk_overlong: invalid('a chunk of the response is longer than its size'),
  trailer_malformed: invalid('a trailer of the response is malformed'),
  trailer_framing: invalid('a trailer of the response is Content-Length or Transfer-Encoding'),
  trailers_too_large: invalid('the trailers of the response are too large'),

  // Responses that do not belong to the request.
  interim_http10: invalid('the response has a status below 200, which HTTP/1.0 does not know'),
  interim_too_many: invalid('too many interim responses (1xx) came before the response'),
  switch_unasked: invalid('the backend switched protocols (101) without being asked to'),
  status_below_200: invalid('the final response has a status below 200'),
  handshake_unproven: invalid('the 101 of the backend does not belong to this WebSocket handshake'),
  bytes_unasked: invalid('the backend sent bytes before it was asked for anything'),
  head_unsendable: invalid('the head of the response cannot be sent to this client'),
  http2_violated: invalid('the response violates HTTP/2'),

  // Lost on the way.
  reset_before_response: invalid('the connection was reset before the response'),
  closed_before_response: invalid('the connection was closed before the response'),
  stream_reset: invalid('the stream was reset before the response'),
  response_cut: invalid('the connection ended within the response'),
} as const;

/** Why a backend could not give a response: a closed set. Each fault has the code that clients get, and the reason for the log. */
export const UPSTREAM_FAULTS = {
  ...RESPONSE_FAULTS,

  // Nothing listens, or no way leads there.
  connection_refused: unreachable('the connection was refused'),
  name_not_found: unreachable('the name of the backend does not exist in DNS'),
  name_lookup_failed: unreachable('the name of the backend could not be looked up'),
  host_unreachable: unreachable('no route leads to the host'),
  host_down: unreachable('the host is down'),
  network_unreachable: unreachable('no route leads to the network'),
  no_local_address: unreachable('no local address or port is free'),
  too_many_files: unreachable('the gateway has too many open files'),
  no_socket_file: unreachable('the socket file does not exist'),
  permission_denied: unreachable('the gateway may not open the connection: permission denied'),
  closed_while_connecting: unreachable('the connection was closed while it was set up'),
  upstream_removed: unreachable('the upstream has left the configuration'),
  failed: unreachable('the request to the backend failed'),

  // TLS: no byte of the request was sent.
  certificate_expired: unreachable('TLS: the certificate has expired'),
  certificate_not_yet_valid: unreachable('TLS: the certificate is not valid yet'),
  certificate_revoked: unreachable('TLS: the certificate is revoked'),
  certificate_rejected: unreachable('TLS: the certificate was rejected'),
  certificate_self_signed: unreachable('TLS: the certificate is self-signed'),
  certificate_authority_unknown: unreachable('TLS: the authority of the certificate is not trusted'),
  certificate_wrong_purpose: unreachable('TLS: the certificate is not for servers'),
  certificate_wrong_name: unreachable('TLS: the certificate is for another name'),
  certificate_weak: unreachable('TLS: the key or the signature of the certificate is too weak'),
  client_certificate_required: unreachable('TLS: the backend requires a client certificate'),
  client_certificate_refused: unreachable('TLS: the backend does not accept the client certificate'),
  speaks_plain_http: unreachable(
    'TLS: the backend does not speak TLS: write http: in the url of the upstream',
  ),
  tls_version: unreachable('TLS: the backend and the gateway have no version in common'),
  tls_no_common_cipher: unreachable('TLS: the backend refused the handshake: no parameters in common'),
  tls_name_unknown: unreachable('TLS: the backend does not know the name it was asked for'),
  tls_no_common_protocol: unreachable('TLS: the backend does not agree to the version of HTTP'),
  tls_failed: unreachable('TLS: the handshake failed'),

  // Time.
  connect_timeout: timeout('no connection in time'),
  connection_dead: timeout('the connection is dead: the host of the backend no longer responds'),
  response_timeout: timeout('no response in time'),
  idle_timeout: timeout('the body of the response stalled'),
} as const satisfies Record<string, FaultRow>;

export type ResponseFault = keyof typeof RESPONSE_FAULTS;
export type UpstreamFault = keyof typeof UPSTREAM_FAULTS;
