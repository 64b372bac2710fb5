import type { OutgoingHttpHeaders } from 'node:http2';
import type { DispatcherSettings, UpstreamRequest } from '../dispatcher.ts';

/** What goes up as HTTP/2 header fields: lower-case names, Host as `:authority`, cookies in one field (RFC 9113 §8.3). */
export function toH2Headers(
  { path, method, headers }: UpstreamRequest,
  { host, connect }: DispatcherSettings,
): OutgoingHttpHeaders {
  const built: Record<string, string | string[]> = Object.assign(Object.create(null), {
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
    const known = built[name];
    if (name === 'host') built[':authority'] = value;
    else if (known === undefined) built[name] = value;
    else if (name === 'cookie') built[name] = `${known as string}; ${value}`;
    else built[name] = [known, value].flat();
  }
  return built;
}
