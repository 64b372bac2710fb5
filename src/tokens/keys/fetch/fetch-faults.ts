/** Why nothing complete came from a provider, in words, and what would be right. */
export interface FetchFault {
  readonly message: string;
  readonly hint: string | undefined;
}

/** What Node tells of a connection that failed. */
interface NodeError extends Error {
  readonly code?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  readonly hostname?: unknown;
  readonly cert?: { readonly subjectaltname?: unknown };
}

interface Row {
  readonly words: string | ((error: NodeError) => string);
  readonly hint: string;
}

const BY_PROXY = 'where only a proxy leads out, set HTTPS_PROXY';

const refused: Row = {
  words: (error) => `nothing listens at ${addressOf(error)}`,
  hint: 'see that host and port are right; where HTTPS_PROXY or HTTP_PROXY is set, it is the proxy that is asked',
};
const unknownName: Row = {
  words: ({ hostname }) =>
    typeof hostname === 'string' ? `the name ${hostname} is not in DNS` : 'its name is not in DNS',
  hint: `see that it is spelt right; ${BY_PROXY}`,
};
const noLookup: Row = {
  words: 'its name could not be looked up',
  hint: `see whether this machine reaches its DNS; ${BY_PROXY}`,
};
const noWay: Row = { words: (error) => `no route leads to ${addressOf(error)}`, hint: BY_PROXY };
const noConnection: Row = {
  words: 'no connection in time',
  hint: `see whether a firewall is in between; ${BY_PROXY}`,
};
const closed: Row = {
  words: 'the connection was closed before its response was complete',
  hint: `see whether a firewall is in between; ${BY_PROXY}`,
};
const untrusted: Row = {
  words: 'the authority of its certificate is not trusted',
  hint: 'name the authority of its certificate in `keys.ca`, or for all connections in NODE_EXTRA_CA_CERTS',
};
const selfSigned: Row = { ...untrusted, words: 'its certificate is self-signed' };
const unfit: Row = {
  words: 'its certificate is not valid',
  hint: 'let the provider renew it; verification is always on',
};
const noTls: Row = {
  words: 'it does not speak TLS at this port',
  hint: 'see that the port is right: https: is spoken at 443, or where the provider says',
};
const tlsFailed: Row = {
  words: 'the TLS handshake failed',
  hint: 'let the provider speak TLS 1.2 or 1.3 with ciphers of today for this name',
};

const ROWS: Readonly<Record<string, Row>> = {
  ECONNREFUSED: refused,
  ENOTFOUND: unknownName,
  EAI_AGAIN: noLookup,
  EAI_FAIL: noLookup,
  EHOSTUNREACH: noWay,
  EHOSTDOWN: noWay,
  ENETUNREACH: noWay,
  ETIMEDOUT: noConnection,
  UND_ERR_CONNECT_TIMEOUT: noConnection,
  ECONNRESET: closed,
  EPIPE: closed,
  UND_ERR_SOCKET: closed,

  DEPTH_ZERO_SELF_SIGNED_CERT: selfSigned,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_HAS_EXPIRED: {
    words: 'its certificate has expired',
    hint: 'let the provider renew it, and see that the clock of this machine is right',
  },
  CERT_NOT_YET_VALID: {
    words: 'its certificate is not valid yet',
    hint: 'see that the clock of this machine is right',
  },
  CERT_REVOKED: unfit,
  CERT_REJECTED: unfit,
  CERT_UNTRUSTED: unfit,
  CERT_SIGNATURE_FAILURE: unfit,
  INVALID_PURPOSE: unfit,
  ERR_TLS_CERT_ALTNAME_INVALID: {
    words: describeNames,
    hint: 'write its address with a name that is in the certificate',
  },
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
  ERR_SSL_HTTP_REQUEST: noTls,
  EPROTO: tlsFailed,
};

const NOT_HTTP: FetchFault = {
  message: 'its response is not HTTP/1.1',
  hint: 'see that the port is right; where it speaks TLS, write https:',
};

/** In place of the message of Node, with its code behind it to look for. */
export function describeFetchFault(error: unknown): FetchFault {
  // Happy Eyeballs wraps the errors of all addresses in one.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  if (!(first instanceof Error)) return { message: 'failed', hint: undefined };
  const status = /^Proxy response \((\d+)\)/.exec(first.message)?.[1];
  if (status !== undefined) return describeProxy(status);
  // Not every error of the parser has a code.
  if (first.name === 'HTTPParserError') return NOT_HTTP;
  const { code } = first as NodeError;
  if (typeof code !== 'string') return { message: first.message || 'failed', hint: undefined };
  const row = Object.hasOwn(ROWS, code) ? ROWS[code] : /^ERR_(?:SSL|TLS)_/.test(code) ? tlsFailed : undefined;
  if (row === undefined) {
    return {
      message: first.message.includes(code) ? first.message : `${first.message} (${code})`,
      hint: undefined,
    };
  }
  const words = typeof row.words === 'string' ? row.words : row.words(first as NodeError);
  return { message: `${words} (${code})`, hint: row.hint };
}

function describeProxy(status: string): FetchFault {
  return {
    message: `the proxy of HTTPS_PROXY answered ${status} and opened no tunnel`,
    hint:
      status === '407'
        ? 'write user and password in it: http://USER:PASSWORD@HOST:PORT'
        : 'let the proxy allow this host, or name the host in NO_PROXY if it is reached without',
  };
}

function addressOf({ address, port }: NodeError): string {
  if (typeof address !== 'string') return 'its address';
  const host = address.includes(':') ? `[${address}]` : address;
  return typeof port === 'number' ? `${host}:${port}` : host;
}

const LONGEST_NAMES = 200;

function describeNames({ cert }: NodeError): string {
  const names = cert?.subjectaltname;
  return typeof names === 'string' && names !== ''
    ? `its certificate is for other names: ${names.slice(0, LONGEST_NAMES)}`
    : 'its certificate is for another name';
}
