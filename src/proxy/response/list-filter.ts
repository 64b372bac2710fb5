import type { HeaderPairs } from '../../http/header-pairs.ts';
import { EventStreamFilter } from '../../pipeline/mcp/lists/event-stream-filter.ts';
import { HeldBytes } from '../../pipeline/mcp/lists/held-bytes.ts';
import { type ListVisibility, UnfilterableList } from '../../pipeline/mcp/lists/list-visibility.ts';
import { MessageBodyFilter } from '../../pipeline/mcp/lists/message-body-filter.ts';
import { InvalidResponse } from '../errors.ts';
import type { BodyTransform, ResponseTransform } from './response-transform.ts';

/** A response without a body, whatever its fields are (RFC 9110 §6.4.1). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);
/** Responses of a part, or of a difference (RFC 9110 §15.3.7, RFC 3229 §10.4.1). */
const PARTIAL: ReadonlySet<number> = new Set([206, 226]);

/** Fields that describe the body as the backend sent it. */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-length',
  'content-md5',
  'digest',
  'etag',
  'last-modified',
  'repr-digest',
]);
/** Fields that let a cache keep the response for others. */
const OF_CACHES: ReadonlySet<string> = new Set([
  'cache-control',
  'cdn-cache-control',
  'expires',
  'pragma',
  'surrogate-control',
]);
/** What a filtered list is: good for one caller, and whole as it stands. */
const NOT_CACHED: HeaderPairs = ['cache-control', 'private, no-store, no-transform'];

/** Fields of a request that ask for another form of the body than all of it, as it is. */
const OTHER_FORMS: ReadonlySet<string> = new Set(['accept-encoding', 'a-im', 'if-range', 'range']);

/** The fields of a request whose response must be readable. */
export function askForPlainBody(fields: HeaderPairs): string[] {
  const kept = ['accept-encoding', 'identity'];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (!OTHER_FORMS.has(name.toLowerCase())) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/**
 * Leaves out of the lists of an MCP server what the caller may not use, in JSON and in event streams, whatever the status. A body of
 * another type is an error page, or holds no message: with a status of success it is refused once there is an object in it.
 */
export function filterLists(visibility: ListVisibility): ResponseTransform {
  return ({ status, headers }) => {
    if (BODILESS.has(status)) return undefined;
    const type = bodyType(headers);
    if (type === 'other' && status >= 300) return undefined;
    const fields = [...without(headers, [OF_THE_BODY, OF_CACHES]), ...NOT_CACHED];
    if (isEncoded(headers)) return transformWith(new EmptyBody('lists_encoded'), fields);
    if (PARTIAL.has(status)) return transformWith(new EmptyBody('lists_partial'), fields);
    if (type === 'other') return transformWith(new BodyWithoutObject(), fields);
    if (type === 'json') return transformWith(new MessageBodyFilter(visibility), fields);
    return { ...transformWith(new EventStreamFilter(visibility), fields), isHeld: false };
  };
}

type BodyFilter = Pick<BodyTransform, 'write' | 'end'>;

function transformWith(filter: BodyFilter, headers: readonly string[]): BodyTransform {
  return {
    headers,
    isHeld: true,
    write: (text) => orInvalid(() => filter.write(text)),
    end: () => orInvalid(() => filter.end()),
    trailers: (fields) => without(fields, [OF_THE_BODY, OF_CACHES]),
  };
}

function orInvalid(step: () => string): string {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof UnfilterableList)) throw error;
    throw new InvalidResponse(error.flaw === 'too large' ? 'lists_too_large' : 'lists_unreadable');
  }
}

/** Only a body that does not come can pass. */
class EmptyBody implements BodyFilter {
  readonly #fault: 'lists_encoded' | 'lists_partial';

  constructor(fault: 'lists_encoded' | 'lists_partial') {
    this.#fault = fault;
  }

  write(): never {
    throw new InvalidResponse(this.#fault);
  }

  end(): string {
    return '';
  }
}

/** Text such as `Accepted`, that no reader can take for a message. */
class BodyWithoutObject implements BodyFilter {
  readonly #held = new HeldBytes();

  write(text: string): string {
    if (text.includes('{')) throw new InvalidResponse('lists_of_other_type');
    this.#held.add(text);
    return '';
  }

  end(): string {
    return this.#held.take().toString('latin1');
  }
}

function bodyType(headers: HeaderPairs): 'json' | 'events' | 'other' {
  const [value, another] = valuesOf(headers, 'content-type');
  const type = another === undefined ? value?.split(';', 1)[0]?.trim().toLowerCase() : undefined;
  if (type === 'text/event-stream') return 'events';
  return type === 'application/json' || type?.endsWith('+json') ? 'json' : 'other';
}

function isEncoded(headers: HeaderPairs): boolean {
  return valuesOf(headers, 'content-encoding').some((value) => !/^(?:identity)?$/i.test(value.trim()));
}

function valuesOf(headers: HeaderPairs, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2)
    if ((headers[i] as string).toLowerCase() === name) values.push(headers[i + 1] as string);
  return values;
}

function without(fields: HeaderPairs, sets: readonly ReadonlySet<string>[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    if (!sets.some((set) => set.has(name))) kept.push(fields[i] as string, fields[i + 1] as string);
  }
  return kept;
}
