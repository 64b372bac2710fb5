import type { EventKind } from '../../config/event-paths.ts';
import { parseForm } from '../../http/form.ts';
import { type EventFault, invalid } from './event-fault.ts';

/** A request as it came. */
export interface EventBody {
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** One character for each byte. */
  readonly body: string;
}

const MEDIA_TYPES = {
  logout: 'application/x-www-form-urlencoded',
  events: 'application/secevent+jwt',
} as const satisfies Record<EventKind, string>;

/** Takes the token out of the body: a field of a form, or all of it (RFC 8935 §2.1). */
export function readEventBody(
  kind: EventKind,
  { contentType = '', contentEncoding = 'identity', body }: EventBody,
): string | EventFault {
  const [media = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  const isUtf8 = parameters.every((parameter) => /^(?:charset="?utf-8"?)?$/i.test(parameter));
  if (media.toLowerCase() !== MEDIA_TYPES[kind] || !isUtf8 || contentEncoding.toLowerCase() !== 'identity')
    return invalid(`the body must be ${MEDIA_TYPES[kind]}`);
  if (kind === 'events') return body;
  const form = parseForm(body);
  if (typeof form === 'string') return invalid(`the form has no single reading: ${form}`);
  return form.get('logout_token') ?? invalid('the form has no `logout_token`');
}
