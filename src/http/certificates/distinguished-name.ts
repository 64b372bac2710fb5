import { contentOf, type DerElement, MalformedDer, membersOf, oidOf, readElements, TAG } from './der.ts';

/** The short names that RFC 4514 §3 lists, and those that the LDAP registry has for further types of RFC 4519 and PKCS #9. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.6', 'C'],
  ['2.5.4.9', 'STREET'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['2.5.4.4', 'sn'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.12', 'title'],
  ['2.5.4.15', 'businessCategory'],
  ['2.5.4.17', 'postalCode'],
  ['2.5.4.42', 'givenName'],
  ['2.5.4.43', 'initials'],
  ['2.5.4.44', 'generationQualifier'],
  ['2.5.4.46', 'dnQualifier'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
]);

/** A name as text (RFC 4514): the last part first, values as UTF-8; a value that is no text as `#` and the hex of its DER. */
export function nameAsText(name: DerElement | undefined): string {
  return membersOf(name, TAG.sequence)
    .map((part) =>
      membersOf(part, TAG.set)
        .map((attribute) => attributeAsText(membersOf(attribute, TAG.sequence)))
        .join('+'),
    )
    .reverse()
    .join(',');
}

function attributeAsText([type, value, ...others]: readonly DerElement[]): string {
  if (value === undefined || others.length > 0) throw new MalformedDer('an attribute has no single value');
  const oid = oidOf(type);
  const shortName = SHORT_NAMES.get(oid);
  const text = shortName === undefined ? undefined : textOf(value);
  return `${shortName ?? oid}=${text === undefined ? `#${value.whole.toString('hex')}` : escapeValue(text)}`;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const UTF16 = new TextDecoder('utf-16be', { fatal: true, ignoreBOM: true });
const ASCII = /^\p{ASCII}*$/u;

/** Types of text by their tags: UTF8String, then those of ASCII (Numeric, Printable, Teletex, IA5, Visible), then BMPString. */
function textOf({ tag, content }: DerElement): string | undefined {
  try {
    if (tag === 0x0c) return UTF8.decode(content);
    if (tag === 0x1e) return content.length % 2 === 0 ? UTF16.decode(content) : undefined;
  } catch {
    return undefined;
  }
  if (![0x12, 0x13, 0x14, 0x16, 0x1a].includes(tag)) return undefined;
  const text = content.toString('latin1');
  return ASCII.test(text) ? text : undefined;
}

/** RFC 4514 §2.4. Control characters are escaped too, so that the text is one line. */
function escapeValue(text: string): string {
  return text
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/^[ #]|(?<=.) $/gs, '\\$&')
    .replace(/\p{Cc}/gu, (control) => `\\${Buffer.from(control).toString('hex')}`);
}

/** The names of an extension `subjectAltName` (RFC 5280 §4.2.1.6). Names that are not printable ASCII are left out. */
export function alternativeNames(extension: Buffer): {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
} {
  const [names, ...rest] = readElements(extension);
  if (rest.length > 0) throw new MalformedDer('an extension holds more than its value');
  const general = membersOf(names, TAG.sequence);
  const ofTag = (tag: number): readonly string[] =>
    general
      .filter((name) => name.tag === tag)
      .map((name) => contentOf(name, tag).toString('latin1'))
      .filter((text) => /^[\x21-\x7e]+$/.test(text));
  return { uris: ofTag(URI_TAG), dns: ofTag(DNS_TAG) };
}

const DNS_TAG = 0x82;
const URI_TAG = 0x86;
