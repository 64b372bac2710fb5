import type { Test } from 'tap';
import { type RawUpstream, type Reply, response, startRawUpstream } from '../backends/upstream.ts';
import { RawClient } from '../clients/raw-client.ts';
import { type Forwarder, type ForwarderOptions, startForwarder } from './forwarder.ts';

export interface ForwarderHarness {
  readonly backend: RawUpstream;
  readonly gateway: Forwarder;
  /** A client of its own connection, closed with the test. */
  client(): RawClient;
}

/** A recording backend, the forwarding layer before it, and raw clients. All end with the test. */
export async function startForwarderHarness(
  t: Test,
  respond: Reply,
  options?: ForwarderOptions,
): Promise<ForwarderHarness> {
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

/** Responds once the whole request is there. */
export const respondFine: Reply = ({ socket, whole }) => {
  whole.then(
    () => socket.write(response('200 OK', [], 'fine')),
    () => {},
  );
};
