import { CONNECTION_FIELDS } from '../core/header-names.ts';

/** Header fields as names and values in turn, as Node's `rawHeaders` has them. */
export type HeaderPairs = readonly string[];

/** Header fields as Node's HTTP/2 takes them: lower-case names, and a list where a field is repeated. */
export type HeaderObject = Record<string, string | string[]>;

/** Options of `Connection` that do not name a field, or name one that is dropped in any case. */
const USUAL_OPTIONS: ReadonlySet<string> = new Set([
  '',
  'close',
  'keep-alive',
  'upgrade',
  'te',
  'http2-settings',
]);

/**
 * Drops the fields that `Connection` names (RFC 9110 §7.6.1), except those that `keeps` returns true for. `connection` is the value
 * of the field, or several joined by commas.
 */
export function dropNominated(
  pairs: string[],
  connection: string,
  keeps: (name: string) => boolean,
): string[] {
  if (USUAL_OPTIONS.has(connection)) return pairs;
  const options = connection.toLowerCase().split(/[\t ,]+/);
  const nominated = new Set(options.filter((name) => !USUAL_OPTIONS.has(name) && !keeps(name)));
  if (nominated.size === 0) return pairs;
  const kept: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] as string;
    if (!nominated.has(name.toLowerCase())) kept.push(name, pairs[at + 1] as string);
  }
  return kept;
}

/** Adds fields in place of those of the same names; all names are in lower case. */
export function replaceFields(pairs: HeaderPairs, added: HeaderPairs): string[] {
  const names = new Set(added.filter((_, at) => at % 2 === 0));
  return [...pairs.filter((_, at) => !names.has(pairs[at - (at % 2)] as string)), ...added];
}

/** Converts to what HTTP/2 can carry: without the fields of a connection (RFC 9113 §8.2.2), and one of each single-valued field. */
export function toHeaderObject(pairs: HeaderPairs): HeaderObject {
  const fields: HeaderObject = Object.create(null);
  for (let at = 0; at < pairs.length; at += 2) {
    const name = (pairs[at] as string).toLowerCase();
    if (CONNECTION_FIELDS.has(name) || (name in fields && SINGLE_VALUED.has(name))) continue;
    addField(fields, name, pairs[at + 1] as string);
  }
  return fields;
}

/** Adds a field; a repeated one becomes a list. `name` is in lower case. */
export function addField(fields: HeaderObject, name: string, value: string): void {
  const before = fields[name];
  if (before === undefined) fields[name] = value;
  else if (typeof before === 'string') fields[name] = [before, value];
  else before.push(value);
}

/**
 * Fields that Node's HTTP/2 refuses to send twice: it throws, for trailers where no caller can catch it. The first counts, as it does
 * where Node reads HTTP/1.1. Request fields are listed too, since a backend may send any.
 */
const SINGLE_VALUED: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);
