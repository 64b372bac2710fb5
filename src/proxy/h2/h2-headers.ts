import type { OutgoingHttpHeaders } from 'node:http2';
import { addField, type HeaderObject } from '../../http/header-pairs.ts';
import type { DispatcherSettings, UpstreamRequest } from '../dispatcher.ts';

/** What goes up as HTTP/2 header fields: lower-case names, Host as `:authority`, cookies in one field (RFC 9113 §8.3). */
export function toH2Headers(
  { path, method, headers, bodyLength }: UpstreamRequest,
  { host, connect }: DispatcherSettings,
): OutgoingHttpHeaders {
  const built: HeaderObject = Object.assign(Object.create(null), {
    ':method': method,
    ':scheme': connect.tls === undefined ? 'http' : 'https',
    ':authority': host,
    ':path': path,
    // Trailers of responses are understood; gRPC backends ask for it.
    te: 'trailers',
  });
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    if (name === 'host') built[':authority'] = value;
    else if (name === 'cookie' && name in built) built[name] = `${built[name]}; ${value}`;
    else addField(built, name, value);
  }
  // Also of a body that came without one, and was read before it goes up.
  if (bodyLength !== undefined) built['content-length'] = String(bodyLength);
  return built;
}
