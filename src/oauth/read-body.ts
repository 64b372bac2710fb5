import { type Refusal, refuse } from '../core/refusals.ts';
import type { OutgoingResponse } from '../http/client-messages.ts';

/** Codes and refresh tokens are a few KiB at most. */
const MAX_BYTES = 16 * 1024;

/** Reads the whole body of a small request; undefined when the client broke off and nothing can be sent any more. */
export function readBody(
  res: OutgoingResponse,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<Buffer | Refusal | undefined> {
  const { req } = res;
  if (req.readableEnded) return Promise.resolve(Buffer.alloc(0));
  if (Number(req.headers['content-length'] ?? 0) > MAX_BYTES) return Promise.resolve(TOO_LARGE);
  return new Promise((settle) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => end(STALLED), timeoutMs);
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) end(TOO_LARGE);
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

const TOO_LARGE = refuse('front_body', `the body is larger than ${MAX_BYTES} bytes`);
const STALLED = refuse('body_stalled', 'the body did not arrive in time');

function ignore(): void {}
