import { readFileSync } from 'node:fs';
import t from 'tap';
import { CAUSES } from '../../src/core/causes.ts';
import { REFUSALS } from '../../src/core/refusals.ts';
import {
  ConnectTimeout,
  failureOf,
  InvalidResponse,
  NoHttp2,
  ResponseTimeout,
  StreamReset,
} from '../../src/proxy/errors.ts';
import { UPSTREAM_FAULTS, type UpstreamFault } from '../../src/proxy/upstream-faults.ts';
import { startForwarderHarness } from '../support/proxy/forwarder.ts';

t.test('every fault of a backend has a reason of its own, which the documentation explains', async (t) => {
  const documented = readFileSync(new URL('../../docs/refusals.md', import.meta.url), 'utf8');
  const reasons = new Set<string>();
  for (const [fault, { cause, reason }] of Object.entries(UPSTREAM_FAULTS)) {
    t.equal(REFUSALS[CAUSES[cause]].source, 'upstream', fault);
    t.notOk(reasons.has(reason), `${fault}: ${reason}`);
    t.ok(documented.includes(`\`${reason}\``), `${fault}: ${reason}`);
    reasons.add(reason);
  }
});

t.test('a request that a version of HTTP cannot carry is no fault of the backend', async (t) => {
  const failure = (code: string) => failureOf(Object.assign(new Error(), { code }));
  t.match(failure('SEALGATE_REQUEST_UNFIT'), { code: 'bad_request', cause: 'request_unfit' });
  t.match(failure('ERR_HTTP2_HEADER_SINGLE_VALUE'), { code: 'bad_request', cause: 'field_twice' });
});

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const BIG = 'x'.repeat(66_000);

/** What shows a fault: bytes of a backend (which then closes, or not), or an error of the system where a backend would need another machine. */
type Example =
  | { readonly bytes: string; readonly afterwards?: 'end' | 'reset' }
  | { readonly error: unknown; readonly connecting?: boolean };

const coded = (code: string, connecting = true): Example => ({
  error: Object.assign(new Error('any'), { code }),
  connecting,
});
const bytes = (text: string): Example => ({ bytes: text });

/** Every fault, once: a new one does not compile without an example. */
const EXAMPLES: Readonly<Record<UpstreamFault, Example>> = {
  speaks_tls: bytes('\x15\x03\x01\x00\x02\x02\x46'),
  speaks_http2: bytes('\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64'),
  not_http: bytes('220 mail.example ESMTP\r\n'),
  not_http2: { error: new InvalidResponse('not_http2') },
  version_unknown: bytes('HTTP/2 200 OK\r\n\r\n'),
  status_line_malformed: bytes('HTTP/1.1 2000 OK\r\n\r\n'),
  line_ends_with_lf: bytes('HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
  field_malformed: bytes(`${OK}A: b\0c\r\n\r\n`),
  field_folded: bytes(`${OK}A: b\r\n c\r\n\r\n`),
  field_without_colon: bytes(`${OK}Secured by Excellent\r\n\r\n`),
  field_blank_before_colon: bytes(`${OK}A : b\r\n\r\n`),
  fields_too_large: bytes(`${OK}A: ${BIG}`),
  length_repeated: bytes(`${OK}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`),
  length_malformed: bytes(`${OK}Content-Length: +5\r\n\r\nhello`),
  length_and_chunked: bytes(`${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`),
  chunked_repeated: bytes(`${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`),
  chunked_in_http10: bytes('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
  coding_unknown: bytes(`${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`),
  length_mismatch: { error: new InvalidResponse('length_mismatch') },
  chunk_size_malformed: bytes(`${CHUNKED}zz\r\n`),
  chunk_extension_malformed: bytes(`${CHUNKED}5;=\r\nhello\r\n`),
  chunk_extensions_too_large: { error: new InvalidResponse('chunk_extensions_too_large') },
  chunk_overlong: bytes(`${CHUNKED}4\r\nhello\r\n`),
  trailer_malformed: bytes(`${CHUNKED}0\r\nA\r\n\r\n`),
  trailer_framing: bytes(`${CHUNKED}0\r\nContent-Length: 0\r\n\r\n`),
  trailers_too_large: { error: new InvalidResponse('trailers_too_large') },
  interim_http10: bytes('HTTP/1.0 100 Continue\r\n\r\n'),
  interim_too_many: bytes('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17)),
  switch_unasked: bytes('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'),
  status_below_200: { error: new InvalidResponse('status_below_200') },
  handshake_unproven: { error: new InvalidResponse('handshake_unproven') },
  bytes_unasked: { error: new InvalidResponse('bytes_unasked') },
  head_unsendable: { error: new InvalidResponse('head_unsendable') },
  http2_violated: { error: new InvalidResponse('http2_violated') },
  lists_unreadable: { error: new InvalidResponse('lists_unreadable') },
  lists_too_large: { error: new InvalidResponse('lists_too_large') },
  lists_encoded: { error: new InvalidResponse('lists_encoded') },
  lists_partial: { error: new InvalidResponse('lists_partial') },
  lists_of_other_type: { error: new InvalidResponse('lists_of_other_type') },
  reset_before_response: { bytes: '', afterwards: 'reset' },
  closed_before_response: { bytes: OK, afterwards: 'end' },
  stream_reset: { error: new StreamReset() },
  response_cut: { error: new InvalidResponse('response_cut') },

  connection_refused: coded('ECONNREFUSED'),
  name_not_found: coded('ENOTFOUND'),
  name_lookup_failed: coded('EAI_AGAIN'),
  host_unreachable: coded('EHOSTUNREACH'),
  host_down: coded('EHOSTDOWN'),
  network_unreachable: coded('ENETUNREACH'),
  no_local_address: coded('EADDRNOTAVAIL'),
  too_many_files: coded('EMFILE'),
  no_socket_file: coded('ENOENT'),
  permission_denied: coded('EACCES'),
  closed_while_connecting: coded('ECONNRESET'),
  upstream_removed: coded('SEALGATE_DISPATCHER_CLOSED'),
  failed: coded('EXOTIC'),
  certificate_expired: coded('CERT_HAS_EXPIRED'),
  certificate_not_yet_valid: coded('CERT_NOT_YET_VALID'),
  certificate_revoked: coded('CERT_REVOKED'),
  certificate_rejected: coded('CERT_REJECTED'),
  certificate_self_signed: coded('DEPTH_ZERO_SELF_SIGNED_CERT'),
  certificate_authority_unknown: coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
  certificate_wrong_purpose: coded('INVALID_PURPOSE'),
  certificate_wrong_name: coded('ERR_TLS_CERT_ALTNAME_INVALID'),
  certificate_weak: coded('EE_KEY_TOO_SMALL'),
  client_certificate_required: coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'),
  client_certificate_refused: coded('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'),
  speaks_plain_http: coded('ERR_SSL_WRONG_VERSION_NUMBER'),
  tls_version: coded('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'),
  tls_no_common_cipher: coded('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'),
  tls_name_unknown: coded('ERR_SSL_TLSV1_UNRECOGNIZED_NAME'),
  tls_no_common_protocol: { error: new NoHttp2(), connecting: true },
  tls_failed: coded('ERR_SSL_ANYTHING_ELSE'),
  connect_timeout: { error: new ConnectTimeout(), connecting: true },
  connection_dead: coded('ETIMEDOUT', false),
  response_timeout: { error: new ResponseTimeout(false) },
  idle_timeout: { error: new ResponseTimeout(true) },
};

t.test('each fault has its reason in the log, and nothing of the response', async (t) => {
  const { gateway, client } = await startForwarderHarness(t, ({ socket, target }) => {
    const example = EXAMPLES[target.slice(1) as UpstreamFault];
    if (!('bytes' in example)) return;
    socket.write(example.bytes, 'latin1', () => {
      if (example.afterwards === 'end') socket.end();
      if (example.afterwards === 'reset') socket.resetAndDestroy();
    });
  });
  for (const [fault, example] of Object.entries(EXAMPLES)) {
    const { cause, reason } = UPSTREAM_FAULTS[fault as UpstreamFault];
    if ('error' in example) {
      t.match(failureOf(example.error, example.connecting), { code: CAUSES[cause], reason }, fault);
      continue;
    }
    const c = client();
    // Nothing that would be sent again.
    c.write(`POST /${fault} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    const { text } = await c.end();
    t.ok(text.startsWith('HTTP/1.1 502 '), `${fault}: ${text}`);
    t.match(
      await gateway.nextOutcome(),
      { kind: 'refused', refusal: { code: CAUSES[cause], reason } },
      fault,
    );
  }
});
