/** One side of a channel between two processes. */
export interface Channel {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** Requests to the other process; each has a number, which its reply repeats. */
export interface Rpc {
  /** Rejects when the other side fails or is gone. */
  ask<Reply>(request: unknown): Promise<Reply>;
  /** Rejects all that is open: the other side is gone. */
  close(): void;
}

interface RpcMessage {
  readonly sealgate: 'request' | 'reply' | 'failure';
  readonly id: number;
  readonly body: unknown;
}

/** Starts calls in both directions; `respond` replies to those of the other side. */
export function connectRpc(channel: Channel, respond: (request: unknown) => Promise<unknown>): Rpc {
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let next = 0;
  let closed = false;

  function send(outgoing: RpcMessage): void {
    if (closed) return;
    try {
      channel.send(outgoing);
    } catch {
      // The other side is gone; `close` rejects what is open.
    }
  }

  channel.onMessage((message) => {
    if (!isRpcMessage(message)) return;
    const { sealgate, id, body } = message;
    if (sealgate === 'request') {
      respond(body).then(
        (reply) => send({ sealgate: 'reply', id, body: reply ?? null }),
        (error: unknown) =>
          send({ sealgate: 'failure', id, body: error instanceof Error ? error.message : 'failed' }),
      );
      return;
    }
    const waiting = open.get(id);
    open.delete(id);
    if (sealgate === 'reply') waiting?.resolve(body);
    else waiting?.reject(new Error(String(body)));
  });

  return {
    ask<Reply>(request: unknown): Promise<Reply> {
      if (closed) return Promise.reject(new Error('the other process is gone'));
      const id = next++;
      return new Promise<Reply>((resolve, reject) => {
        open.set(id, { resolve: resolve as (value: unknown) => void, reject });
        send({ sealgate: 'request', id, body: request });
      });
    },
    close() {
      closed = true;
      for (const { reject } of open.values()) reject(new Error('the other process is gone'));
      open.clear();
    },
  };
}

function isRpcMessage(message: unknown): message is RpcMessage {
  return typeof message === 'object' && message !== null && 'sealgate' in message && 'id' in message;
}
