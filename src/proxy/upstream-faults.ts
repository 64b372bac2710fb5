import type { Cause } from '../core/causes.ts';

interface FaultRow {
  readonly cause: Cause;
  /** For the operator's log: names the fault, never an address, and never bytes of the response. */
  readonly reason: string;
}

/** Faults of one cause: what helps against one helps against all. */
const of =
  (cause: Cause) =>
  (reason: string): FaultRow => ({ cause, reason });

const otherProtocol = of('upstream_other_protocol');
const malformed = of('upstream_malformed');
const tooLarge = of('upstream_head_too_large');
const unasked = of('upstream_unasked');
const lists = of('upstream_lists_unfilterable');
const lost = of('upstream_lost');
const cut = of('upstream_cut');
const notListening = of('upstream_not_listening');
const nameUnknown = of('upstream_name_unknown');
const noRoute = of('upstream_no_route');
const exhausted = of('upstream_sockets_exhausted');
const closedEarly = of('upstream_closed_early');
const removed = of('upstream_removed');
const failed = of('upstream_failed');
const certificate = of('upstream_certificate_invalid');
const authority = of('upstream_authority_unknown');
const wrongName = of('upstream_certificate_name');
const clientCertificate = of('upstream_client_certificate');
const noTls = of('upstream_no_tls');
const noHttp2 = of('upstream_no_http2');
const tls = of('upstream_tls_failed');
const connectTimeout = of('upstream_connect_timeout');
const dead = of('upstream_dead');
const responseTimeout = of('upstream_timeout');
const idleTimeout = of('upstream_idle');

/** What can be wrong with a response. The parser or the connection names one of these. */
const RESPONSE_FAULTS = {
  // Another protocol, recognized by its first bytes.
  speaks_tls: otherProtocol('the backend speaks TLS: write https: in the url of the upstream'),
  speaks_http2: otherProtocol('the backend speaks HTTP/2: set protocol: h2 in the upstream'),
  not_http: otherProtocol('the response is not HTTP/1: the backend speaks another protocol'),
  not_http2: otherProtocol('the backend does not speak HTTP/2: leave out protocol: h2 in the upstream'),

  // The head.
  version_unknown: otherProtocol('the response is of another version than HTTP/1.0 or HTTP/1.1'),
  status_line_malformed: malformed('the status line of the response is malformed'),
  line_ends_with_lf: malformed('a line of the response ends with LF alone, instead of CR LF'),
  field_malformed: malformed('a header field of the response is malformed'),
  field_folded: malformed('a header field of the response is folded over several lines'),
  field_without_colon: malformed('a header field of the response has no colon'),
  field_blank_before_colon: malformed('a header field of the response has a blank before its colon'),
  fields_too_large: tooLarge('the header fields of the response are too large'),

  // What ends the body.
  length_repeated: malformed('the response has more than one Content-Length'),
  length_malformed: malformed('the Content-Length of the response is not a number'),
  length_and_chunked: malformed('the response has both Content-Length and Transfer-Encoding'),
  chunked_repeated: malformed('the response names the transfer coding chunked more than once'),
  chunked_in_http10: malformed('the response has Transfer-Encoding, which HTTP/1.0 does not know'),
  coding_unknown: malformed('the response has a Transfer-Encoding other than chunked'),
  length_mismatch: malformed('the body of the response is not as long as its Content-Length'),

  // Chunks and trailers.
  chunk_size_malformed: malformed('a chunk of the response has no valid size'),
  chunk_extension_malformed: malformed('a chunk extension of the response is malformed'),
  chunk_extensions_too_large: tooLarge('the chunk extensions of the response are too large'),
  chunk_overlong: malformed('a chunk of the response is longer than its size'),
  trailer_malformed: malformed('a trailer of the response is malformed'),
  trailer_framing: malformed('a trailer of the response is Content-Length or Transfer-Encoding'),
  trailers_too_large: tooLarge('the trailers of the response are too large'),

  // Responses that do not belong to the request.
  interim_http10: unasked('the response has a status below 200, which HTTP/1.0 does not know'),
  interim_too_many: unasked('too many interim responses (1xx) came before the response'),
  switch_unasked: unasked('the backend switched protocols (101) without being asked to'),
  status_below_200: unasked('the final response has a status below 200'),
  handshake_unproven: unasked('the 101 of the backend does not belong to this WebSocket handshake'),
  bytes_unasked: unasked('the backend sent bytes before it was asked for anything'),
  head_unsendable: malformed('the head of the response cannot be sent to this client'),
  http2_violated: malformed('the response violates HTTP/2'),

  // Responses to MCP requests whose lists would have to be filtered.
  lists_unreadable: lists('a message of the MCP server is not JSON with one meaning'),
  lists_too_large: lists('a message of the MCP server is larger than 4 MiB'),
  lists_encoded: lists('the response of the MCP server has a Content-Encoding'),
  lists_partial: lists('the response of the MCP server is a partial one'),
  lists_of_other_type: lists(
    'the response of the MCP server is neither application/json nor text/event-stream',
  ),

  // Lost on the way.
  reset_before_response: lost('the connection was reset before the response'),
  closed_before_response: lost('the connection was closed before the response'),
  stream_reset: lost('the stream was reset before the response'),
  response_cut: cut('the connection ended within the response'),
} as const;

/** Why a backend could not give a response: a closed set. Each fault has its cause, which gives the code, and the reason for the log. */
export const UPSTREAM_FAULTS = {
  ...RESPONSE_FAULTS,

  // Nothing listens, or no way leads there.
  connection_refused: notListening('the connection was refused'),
  name_not_found: nameUnknown('the name of the backend does not exist in DNS'),
  name_lookup_failed: nameUnknown('the name of the backend could not be looked up'),
  host_unreachable: noRoute('no route leads to the host'),
  host_down: noRoute('the host is down'),
  network_unreachable: noRoute('no route leads to the network'),
  no_local_address: exhausted('no local address or port is free'),
  too_many_files: exhausted('the gateway has too many open files'),
  no_socket_file: notListening('the socket file does not exist'),
  permission_denied: noRoute('the gateway may not open the connection: permission denied'),
  closed_while_connecting: closedEarly('the connection was closed while it was set up'),
  upstream_removed: removed('the upstream has left the configuration'),
  failed: failed('the request to the backend failed'),

  // TLS: no byte of the request was sent.
  certificate_expired: certificate('TLS: the certificate has expired'),
  certificate_not_yet_valid: certificate('TLS: the certificate is not valid yet'),
  certificate_revoked: certificate('TLS: the certificate is revoked'),
  certificate_rejected: certificate('TLS: the certificate was rejected'),
  certificate_self_signed: authority('TLS: the certificate is self-signed'),
  certificate_authority_unknown: authority('TLS: the authority of the certificate is not trusted'),
  certificate_wrong_purpose: certificate('TLS: the certificate is not for servers'),
  certificate_wrong_name: wrongName('TLS: the certificate is for another name'),
  certificate_weak: certificate('TLS: the key or the signature of the certificate is too weak'),
  client_certificate_required: clientCertificate('TLS: the backend requires a client certificate'),
  client_certificate_refused: clientCertificate('TLS: the backend does not accept the client certificate'),
  speaks_plain_http: noTls('TLS: the backend does not speak TLS: write http: in the url of the upstream'),
  tls_version: tls('TLS: the backend and the gateway have no version in common'),
  tls_no_common_cipher: tls('TLS: the backend refused the handshake: no parameters in common'),
  tls_name_unknown: tls('TLS: the backend does not know the name it was asked for'),
  tls_no_common_protocol: noHttp2('TLS: the backend does not agree to the version of HTTP'),
  tls_failed: tls('TLS: the handshake failed'),

  // Time.
  connect_timeout: connectTimeout('no connection in time'),
  connection_dead: dead('the connection is dead: the host of the backend no longer responds'),
  response_timeout: responseTimeout('no response in time'),
  idle_timeout: idleTimeout('the body of the response stalled'),
} as const satisfies Record<string, FaultRow>;

export type ResponseFault = keyof typeof RESPONSE_FAULTS;
export type UpstreamFault = keyof typeof UPSTREAM_FAULTS;
