/** No reply came in time. */
export class NoReplyError extends Error {}

/** Rejects when a reply takes longer. What was asked cannot be taken back; a late reply is dropped. */
export function within<T>(timeoutMs: number, reply: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new NoReplyError(`the store did not reply within ${timeoutMs} ms`));
    // After a pause of this process the timer comes before what has arrived meanwhile.
    const timer = setTimeout(() => setImmediate(fail), timeoutMs);
    reply.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
