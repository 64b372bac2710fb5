import { type Refusal, refuse } from '../core/refusals.ts';
import type { OutgoingResponse } from './client-messages.ts';

export interface SmallBodyLimits {
  /** For all of it. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** The refusal of a larger one. */
  readonly tooLarge: Refusal;
}

/** Reads the whole body of a small request; undefined when the client broke off and nothing can be sent any more. */
export function readSmallBody(
  res: OutgoingResponse,
  { timeoutMs, maxBytes, tooLarge }: SmallBodyLimits,
): Promise<Buffer | Refusal | undefined> {
  const { req } = res;
  if (req.readableEnded) return Promise.resolve(Buffer.alloc(0));
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve(tooLarge);
  return new Promise((settle) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => end(STALLED), timeoutMs);
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) end(tooLarge);
      else chunks.push(chunk);
    };
    // Node ends the body of an HTTP/2 stream that was reset, too.
    const onEnd = (): void => end(req.complete ? Buffer.concat(chunks) : undefined);
    const onBroken = (): void => end(undefined);
    function end(result: Buffer | Refusal | undefined): void {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
      res.off('close', onBroken);
      // There is no other listener for it.
      req.on('error', ignore);
      req.pause();
      settle(result);
    }
    req.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
    // A body that breaks off in the parser closes only the response.
    res.on('close', onBroken);
  });
}

const STALLED = refuse('body_stalled', 'the body did not arrive in time');

function ignore(): void {}
