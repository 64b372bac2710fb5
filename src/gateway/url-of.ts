import type { Server } from 'node:net';

/** The URL of a listening server. */
export function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return `unix:${address}`;
  const { family, port } = address;
  return `http://${family === 'IPv6' ? `[${address.address}]` : address.address}:${port}`;
}
