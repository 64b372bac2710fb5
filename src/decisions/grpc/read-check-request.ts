import type { WireType } from '@bufbuild/protobuf/wire';
import { MalformedMessage, Once, readStrictly, type StrictReader } from './wire.ts';

/**
 * What `envoy.service.auth.v3.CheckRequest` has of an HTTP request. Empty where it has nothing, as in every message of proto3. Strings
 * have one character for each byte.
 */
export interface CheckRequest {
  /** The client's address, as the asking proxy sees it. */
  readonly sourceAddress: string;
  /** The client's certificate in percent-encoded PEM. */
  readonly sourceCertificate: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly host: string;
  readonly scheme: string;
  /** Such as `HTTP/1.1`. */
  readonly protocol: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** True where `headers` is a map: then fields of one name are one field, their values separated by commas. */
  readonly mergesFields: boolean;
  /** The parts of a target that have their place in `path`: Envoy leaves these empty. */
  readonly query: string;
  readonly fragment: string;
}

type Mutable = { -readonly [Key in keyof CheckRequest]: CheckRequest[Key] } & { headers: string[] };

/** Field numbers by message, of the types that Envoy publishes (`api/envoy/service/auth/v3`, `api/envoy/config/core/v3`). */
const CHECK_REQUEST = { attributes: 1 } as const;
const ATTRIBUTE_CONTEXT = { source: 1, request: 4 } as const;
const PEER = { address: 1, certificate: 5 } as const;
const ADDRESS = { socketAddress: 1, pipe: 2, internalAddress: 3 } as const;
const SOCKET_ADDRESS = { address: 2 } as const;
const REQUEST = { http: 2 } as const;
const HTTP_REQUEST = { headers: 3, headerMap: 13 } as const;
const HEADER_MAP = { headers: 1 } as const;
const MAP_ENTRY = { key: 1, value: 2 } as const;
const HEADER_VALUE = { key: 1, value: 2, rawValue: 3 } as const;

/** The strings of `HttpRequest`. */
const HTTP_STRINGS: Readonly<
  Record<number, 'method' | 'path' | 'host' | 'scheme' | 'query' | 'fragment' | 'protocol'>
> = { 2: 'method', 4: 'path', 5: 'host', 6: 'scheme', 7: 'query', 8: 'fragment', 10: 'protocol' };

/**
 * Reads a CheckRequest. Throws `MalformedMessage` for bytes that are none in one reading: a field that may come once comes twice, a known
 * field has another type, a string is not UTF-8, a key of the map comes twice. Unknown fields are skipped.
 */
export function readCheckRequest(bytes: Buffer): CheckRequest {
  return readStrictly(bytes, (reader) => {
    const request: Mutable = {
      sourceAddress: '',
      sourceCertificate: '',
      method: '',
      path: '',
      host: '',
      scheme: '',
      protocol: '',
      headers: [],
      mergesFields: true,
      query: '',
      fragment: '',
    };
    const once = new Once();
    reader.fields((number, type) => {
      if (number !== CHECK_REQUEST.attributes) return false;
      once.mark(number);
      readAttributes(reader, type, request);
      return true;
    });
    return request;
  });
}

function readAttributes(reader: StrictReader, type: WireType, request: Mutable): void {
  const once = new Once();
  reader.message(type, (number, type) => {
    if (number === ATTRIBUTE_CONTEXT.source) {
      once.mark(number);
      readPeer(reader, type, request);
    } else if (number === ATTRIBUTE_CONTEXT.request) {
      once.mark(number);
      readRequest(reader, type, request);
    } else return false;
    return true;
  });
}

function readPeer(reader: StrictReader, type: WireType, request: Mutable): void {
  const once = new Once();
  reader.message(type, (number, type) => {
    if (number !== PEER.address && number !== PEER.certificate) return false;
    once.mark(number);
    if (number === PEER.address) request.sourceAddress = readAddress(reader, type);
    else request.sourceCertificate = reader.text(type);
    return true;
  });
}

function readAddress(reader: StrictReader, type: WireType): string {
  let address = '';
  let kinds = 0;
  reader.message(type, (number, type) => {
    const isSocket = number === ADDRESS.socketAddress;
    if (!isSocket && number !== ADDRESS.pipe && number !== ADDRESS.internalAddress) return false;
    // They are alternatives: of two, parsers take the last.
    kinds += 1;
    if (kinds > 1) throw new MalformedMessage('an address is of two kinds');
    if (isSocket) address = readSocketAddress(reader, type);
    return isSocket;
  });
  return address;
}

function readSocketAddress(reader: StrictReader, type: WireType): string {
  const once = new Once();
  let address = '';
  reader.message(type, (number, type) => {
    if (number !== SOCKET_ADDRESS.address) return false;
    once.mark(number);
    address = reader.text(type);
    return true;
  });
  return address;
}

function readRequest(reader: StrictReader, type: WireType, request: Mutable): void {
  const once = new Once();
  reader.message(type, (number, type) => {
    if (number !== REQUEST.http) return false;
    once.mark(number);
    readHttpRequest(reader, type, request);
    return true;
  });
}

function readHttpRequest(reader: StrictReader, type: WireType, request: Mutable): void {
  const once = new Once();
  const keys = new Set<string>();
  let listed: string[] | undefined;
  reader.message(type, (number, type) => {
    const name = HTTP_STRINGS[number];
    if (name !== undefined) {
      once.mark(number);
      request[name] = reader.text(type);
    } else if (number === HTTP_REQUEST.headers)
      readMapEntry(reader, type, { keys, headers: request.headers });
    else if (number === HTTP_REQUEST.headerMap) {
      once.mark(number);
      listed = [];
      readHeaderMap(reader, type, listed);
    } else return false;
    return true;
  });
  if (listed === undefined) return;
  if (keys.size > 0) throw new MalformedMessage('the header fields come as a map and as a list');
  request.headers = listed;
  request.mergesFields = false;
}

function readMapEntry(
  reader: StrictReader,
  type: WireType,
  { keys, headers }: { readonly keys: Set<string>; readonly headers: string[] },
): void {
  const once = new Once();
  let key = '';
  let value = '';
  reader.message(type, (number, type) => {
    if (number !== MAP_ENTRY.key && number !== MAP_ENTRY.value) return false;
    once.mark(number);
    if (number === MAP_ENTRY.key) key = reader.text(type);
    else value = reader.text(type);
    return true;
  });
  if (keys.has(key)) throw new MalformedMessage('a key of the header fields comes twice');
  keys.add(key);
  headers.push(key, value);
}

function readHeaderMap(reader: StrictReader, type: WireType, headers: string[]): void {
  reader.message(type, (number, type) => {
    if (number !== HEADER_MAP.headers) return false;
    readHeaderValue(reader, type, headers);
    return true;
  });
}

function readHeaderValue(reader: StrictReader, type: WireType, headers: string[]): void {
  const once = new Once();
  let key = '';
  let value: string | undefined;
  reader.message(type, (number, type) => {
    const isValue = number === HEADER_VALUE.value || number === HEADER_VALUE.rawValue;
    if (!isValue && number !== HEADER_VALUE.key) return false;
    once.mark(number);
    if (!isValue) key = reader.text(type);
    else {
      if (value !== undefined) throw new MalformedMessage('a header field has two values');
      value = number === HEADER_VALUE.value ? reader.text(type) : reader.raw(type);
    }
    return true;
  });
  headers.push(key, value ?? '');
}
