import type { Config } from '../config/schema/config.ts';
import { type Refusal, refuse } from '../core/refusals.ts';
import type { AskedRequest } from './asked-request.ts';

type Limits = Config['listen']['limits'];

/** The fields that an asking proxy adds to those of the client. */
const ADDED_FIELDS = 16;
/** Those by which it describes the request, which has its target already. */
const DESCRIBES = /^x-(?:forwarded|original)-/i;

/** The limits of questions themselves: each has the header fields of a request, and its target up to twice more. */
export function limitsOfQuestions(limits: Limits): Limits {
  const { headers, headerBytes } = limits;
  return { ...limits, headers: headers + ADDED_FIELDS, headerBytes: 3 * headerBytes };
}

/** The limits of the proxy mode, for the request that is asked about. */
export function askedLimitFault(
  { via, facts: { rawHeaders, rawTarget } }: AskedRequest,
  { headers, headerBytes }: Limits,
): Refusal | undefined {
  let fields = rawHeaders.length / 2;
  let bytes = rawTarget.length;
  for (const text of rawHeaders) bytes += text.length;
  if (fields <= headers && bytes <= headerBytes) return undefined;
  for (let at = 0; at < rawHeaders.length && via !== 'ext-authz-grpc'; at += 2) {
    const name = rawHeaders[at] as string;
    if (!DESCRIBES.test(name)) continue;
    fields -= 1;
    bytes -= name.length + (rawHeaders[at + 1] as string).length;
  }
  if (fields > headers) return refuse('header_count', 'more header fields than listen.limits.headers allows');
  if (bytes <= headerBytes) return undefined;
  return refuse('header_bytes', 'the header fields exceed listen.limits.headerBytes');
}
