/** One element of DER (X.690): its tag byte and its content. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
}

/** Tags of the types that certificates are made of. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

export class MalformedDer extends Error {}

/** Reads all elements of `bytes`, which must hold nothing else. Throws `MalformedDer`. */
export function readElements(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = readElement(bytes, at);
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/** The elements of a constructed element, which must have this tag. */
export function membersOf(element: DerElement | undefined, tag: number): readonly DerElement[] {
  return readElements(contentOf(element, tag));
}

/** The content of an element, which must have this tag. */
export function contentOf(element: DerElement | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new MalformedDer('an element has another type than expected');
  return element.content;
}

/** An object identifier in its dotted form. */
export function oidOf(element: DerElement | undefined): string {
  const content = contentOf(element, TAG.oid);
  const arcs: number[] = [];
  let arc = 0;
  let isOpen = false;
  for (const byte of content) {
    if (!isOpen && byte === 0x80) throw new MalformedDer('an arc of an identifier is padded');
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw new MalformedDer('an arc of an identifier is too large');
    isOpen = (byte & 0x80) !== 0;
    if (isOpen) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first, ...rest] = arcs;
  if (first === undefined || isOpen) throw new MalformedDer('an identifier is incomplete');
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}

function readElement(bytes: Buffer, start: number): DerElement {
  const tag = bytes[start] as number;
  if ((tag & 0x1f) === 0x1f) throw new MalformedDer('a tag has several bytes');
  const { length, at } = readLength(bytes, start + 1);
  const end = at + length;
  if (end > bytes.length) throw new MalformedDer('an element is cut');
  return { tag, content: bytes.subarray(at, end), whole: bytes.subarray(start, end) };
}

/** DER has one form of each length: definite, and the shortest (X.690 §10.1). */
function readLength(bytes: Buffer, at: number): { readonly length: number; readonly at: number } {
  const first = bytes[at];
  if (first === undefined) throw new MalformedDer('a length is missing');
  if (first < 0x80) return { length: first, at: at + 1 };
  const size = first & 0x7f;
  if (size === 0 || size > 4 || at + size >= bytes.length)
    throw new MalformedDer('a length is indefinite or too large');
  const length = bytes.readUIntBE(at + 1, size);
  if (length < 0x80 || length < 256 ** (size - 1)) throw new MalformedDer('a length is not the shortest');
  return { length, at: at + 1 + size };
}
