import type { AskedRequest } from '../../decisions/asked-request.ts';
import type { DroppedHeaders } from '../../decisions/dropped-headers.ts';
import type { AllowedReply } from '../../decisions/reply.ts';

/** The field that has Envoy drop fields of the request when it asks over HTTP: its name and its value. */
export function droppedFieldsOf(
  { alwaysAsText, unlessSet }: DroppedHeaders,
  { set, cut }: AllowedReply,
  { spoofed }: AskedRequest,
): readonly string[] {
  let names = alwaysAsText;
  for (const name of unlessSet) if (!isSet(set, name)) names += `,${name}`;
  for (const name of spoofed) names += `,${name}`;
  // Envoy replaces a field by one of the response only where its own file lists it; it drops what is named here without that.
  for (const { name } of cut) names += `,${name}`;
  return ['x-envoy-auth-headers-to-remove', names];
}

function isSet(pairs: readonly string[], name: string): boolean {
  for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === name) return true;
  return false;
}
