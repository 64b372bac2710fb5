import { connectRaw, type RawConnection, type RawResponse } from '../../support/clients/raw.ts';

/** A client that keeps its connection as long as the peer does. */
export interface Lane {
  send(bytes: string, method: string): Promise<RawResponse>;
  close(): void;
}

export function openLane(port: number): Lane {
  let connection: RawConnection | undefined;
  return {
    async send(bytes, method) {
      connection ??= await connectRaw(port);
      connection.send(bytes);
      const response = await connection.read(method);
      if (response === undefined) throw new Error('the connection closed without a response');
      // Node's parser keeps silent about a bad request line behind an offer of an upgrade that nobody took.
      const wasUpgrade = /^upgrade:/im.test(bytes);
      if (wasUpgrade || response.headers.connection?.join().toLowerCase() === 'close') {
        connection.destroy();
        connection = undefined;
      }
      return response;
    },
    close: () => connection?.destroy(),
  };
}
