import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

export interface Relay {
  /** That of the server, by way of the relay. */
  readonly url: string;
  /** Drops what the connections opened until now still send, and keeps them open: as a network that has lost the other end. */
  mute(): void;
  /** Drops what one end of all connections sends, also of those that are opened from now on. */
  lose(what: 'requests' | 'replies'): void;
  /** How long each piece takes from now on, in milliseconds. */
  delay(ms: number): void;
  /** Drops what all connections send, also those that are opened from now on. */
  cut(): void;
  /** Passes on all that is sent on connections that are opened from now on, and what `lose` dropped on all. */
  mend(): void;
  /** How many have been opened. */
  connections(): number;
}

/** Passes on connections to a server of the loopback, each piece after `delayMs`. Stops with the test. */
export async function startRelay(t: Test, serverUrl: string, delayMs = 0): Promise<Relay> {
  const url = new URL(serverUrl);
  const serverPort = Number(url.port);
  const clients = new Set<Socket>();
  const muted = new WeakSet<Socket>();
  let isCut = false;
  let lost: 'requests' | 'replies' | undefined;
  let takesMs = delayMs;
  let connections = 0;
  const listener = createServer((client) => {
    clients.add(client);
    if (isCut) muted.add(client);
    connections += 1;
    const server = connect(serverPort, url.hostname);
    for (const [from, to, what] of [
      [client, server, 'requests'],
      [server, client, 'replies'],
    ] as const) {
      from.on('data', (piece) => {
        if (muted.has(client) || what === lost) return;
        if (takesMs === 0) to.write(piece);
        else setTimeout(() => to.write(piece), takesMs);
      });
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
    client.on('close', () => clients.delete(client));
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => {
    for (const client of clients) client.destroy();
    listener.close();
  });
  url.port = String((listener.address() as { port: number }).port);
  return {
    url: url.href,
    connections: () => connections,
    mute() {
      for (const client of clients) muted.add(client);
    },
    cut() {
      isCut = true;
      for (const client of clients) muted.add(client);
    },
    lose(what) {
      lost = what;
    },
    delay(ms) {
      takesMs = ms;
    },
    mend() {
      isCut = false;
      lost = undefined;
    },
  };
}
