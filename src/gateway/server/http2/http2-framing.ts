import type { Config } from '../../../config/schema/config.ts';
import { type Refusal, refuse } from '../../../core/refusals.ts';
import type { IncomingRequest } from '../../../http/client-messages.ts';
import { KNOWN_METHODS } from '../../../http/known-methods.ts';

/**
 * HTTP/2 frames bodies itself. It takes any method, where HTTP/1.1's parser knows them all, and its fields can be larger
 * than they were on the wire (RFC 9113 §6.5.2).
 */
export function http2FramingFault(
  req: IncomingRequest,
  limits: Config['listen']['limits'],
): Refusal | undefined {
  if (!KNOWN_METHODS.has(req.method as string)) return refuse('method_unknown', 'a method that is not known');
  let bytes = req.url?.length ?? 0;
  for (const text of req.rawHeaders) bytes += text.length;
  if (bytes <= limits.headerBytes) return undefined;
  return refuse('header_bytes', 'the header fields exceed listen.limits.headerBytes');
}
