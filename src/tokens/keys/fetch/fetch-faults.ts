/** Why a provider gave no complete response, in words, and what would help. */
export interface FetchFault {
  readonly message: string;
  readonly hint: string | undefined;
}

/** Node's details of a connection that failed. */
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

const BY_PROXY = 'if only a proxy leads out, set HTTPS_PROXY';

const refused: Row = {
  words: (error) => `nothing listens at ${addressOf(error)}`,
  hint: 'check host and port; where HTTPS_PROXY or HTTP_PROXY is set, they are those of the proxy',
};
const unknownName: Row = {
  words: ({ hostname }) =>
    typeof hostname === 'string' ? `the name ${hostname} is not in DNS` : 'its name is not in DNS',
  hint: `check its spelling; ${BY_PROXY}`,
};
const noLookup: Row = {
  words: 'its name could not be looked up',
  hint: `check that this machine reaches its DNS; ${BY_PROXY}`,
};
const noWay: Row = { words: (error) => `no route leads to ${addressOf(error)}`, hint: BY_PROXY };
const noConnection: Row = {
  words: 'no connection in time',
  hint: `check for a firewall in between; ${BY_PROXY}`,
};
const closed: Row = {
  words: 'the connection was closed before its response was complete',
  hint: `check for a firewall in between; ${BY_PROXY}`,
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
  hint: 'check the port: https: is served at 443, unless the provider documents another',
};
const tlsFailed: Row = {
  words: 'the TLS handshake failed',
  hint: 'the provider must support TLS 1.2 or 1.3 with current ciphers for this name',
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
  hint: 'check the port; where it serves TLS, write https:',
};

/** Replaces Node's message, and keeps its code to search for. */
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
    message: `the proxy of HTTPS_PROXY responded with ${status} and opened no tunnel`,
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
