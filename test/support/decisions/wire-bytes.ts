/* Messages of Protocol Buffers byte by byte, also malformed ones. */

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
};

/** A field of bytes: a string, or a message of fields. */
export function field(number: number, ...parts: readonly (string | Buffer)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

/** A field of a number. */
export function numberField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

/** A CheckRequest whose HttpRequest has these fields, and whose AttributeContext has `more`. */
export function checkOf(http: readonly Buffer[], more: readonly Buffer[] = [SOURCE]): Buffer {
  return field(1, ...more, field(4, field(2, ...http)));
}

export const SOURCE = field(1, field(1, field(1, field(2, '192.0.2.7'))));
export const METHOD = field(2, 'GET');
export const PATH = field(4, '/a');
export const HOST = field(5, 'api.test');
/** What an HttpRequest needs. */
export const PLAIN = [METHOD, PATH, HOST] as const;
