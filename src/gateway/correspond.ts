/** One side of a channel between two processes. */
export interface Channel {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** Asks the other side and answers its questions, each question by its own number. */
export interface Correspondence {
  /** Rejects when the other side fails or is gone. */
  ask<Answer>(question: unknown): Promise<Answer>;
  /** Rejects all that is open: the other side is gone. */
  close(): void;
}

interface Letter {
  readonly sealgate: 'question' | 'answer' | 'failure';
  readonly id: number;
  readonly body: unknown;
}

/** Starts the correspondence; `answer` gives the answers to the other side's questions. */
export function correspond(
  channel: Channel,
  answer: (question: unknown) => Promise<unknown>,
): Correspondence {
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let next = 0;
  let closed = false;

  function send(letter: Letter): void {
    if (closed) return;
    try {
      channel.send(letter);
    } catch {
      // The other side is gone; whoever waits is told by `close`.
    }
  }

  channel.onMessage((message) => {
    if (!isLetter(message)) return;
    const { sealgate, id, body } = message;
    if (sealgate === 'question') {
      answer(body).then(
        (reply) => send({ sealgate: 'answer', id, body: reply ?? null }),
        (error: unknown) =>
          send({ sealgate: 'failure', id, body: error instanceof Error ? error.message : 'failed' }),
      );
      return;
    }
    const waiting = open.get(id);
    open.delete(id);
    if (sealgate === 'answer') waiting?.resolve(body);
    else waiting?.reject(new Error(String(body)));
  });

  return {
    ask<Answer>(question: unknown): Promise<Answer> {
      if (closed) return Promise.reject(new Error('the other process is gone'));
      const id = next++;
      return new Promise<Answer>((resolve, reject) => {
        open.set(id, { resolve: resolve as (value: unknown) => void, reject });
        send({ sealgate: 'question', id, body: question });
      });
    },
    close() {
      closed = true;
      for (const { reject } of open.values()) reject(new Error('the other process is gone'));
      open.clear();
    },
  };
}

function isLetter(message: unknown): message is Letter {
  return typeof message === 'object' && message !== null && 'sealgate' in message && 'id' in message;
}
