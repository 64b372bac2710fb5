import type { Test } from 'tap';
import { type Forwarder, type ForwarderOptions, startForwarder } from './forwarder.ts';
import { RawClient } from './raw-client.ts';
import { type Answer, answer, type RawUpstream, startRawUpstream } from './upstream.ts';

export interface Stand {
  readonly backend: RawUpstream;
  readonly gateway: Forwarder;
  /** A client of its own connection, closed with the test. */
  client(): RawClient;
}

/** A recording backend, the forwarding layer before it, and raw clients. All end with the test. */
export async function startStand(t: Test, respond: Answer, options?: ForwarderOptions): Promise<Stand> {
  const backend = await startRawUpstream(respond);
  const gateway = await startForwarder(backend.url, options);
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.destroy();
    await gateway.close();
    await backend.close();
  });
  return {
    backend,
    gateway,
    client() {
      const client = new RawClient(gateway.port);
      clients.push(client);
      return client;
    },
  };
}

/** Answers once the whole request is there. */
export const answerFine: Answer = ({ socket, whole }) => {
  whole.then(
    () => socket.write(answer('200 OK', [], 'fine')),
    () => {},
  );
};
