import type { Server } from 'node:net';
import { Server as TlsServer } from 'node:tls';

/** The URL of a listening server. */
export function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return `unix:${address}`;
  const { family, port } = address;
  const scheme = server instanceof TlsServer ? 'https' : 'http';
  return `${scheme}://${family === 'IPv6' ? `[${address.address}]` : address.address}:${port}`;
}
