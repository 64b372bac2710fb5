import { type Refusal, refuse } from '../../core/refusals.ts';
import { isDistinctScalar } from '../../tokens/jwt/claim-values.ts';
import { isInexactNumber } from '../../tokens/jwt/json/inexact-number.ts';
import { encodeHeaderText, isUnicode } from './header-encoding.ts';
import type { IdentityCaller, IdentityFormat, IdentityHeader, IdentityRules } from './identity-rules.ts';
import { fillTemplate } from './identity-template.ts';

/** What a header line costs beside its name and value: colon, space, CR, LF. */
const LINE_OVERHEAD_BYTES = 4;

/**
 * The identity headers of a caller: names (lower case) and encoded values in turn. A claim that is missing, empty, or
 * has no form in its format sets no header; nothing is ever cut. Refuses with `identity_incomplete` when a required header cannot
 * be set and with `identity_too_large` when one, or all together, are over their bytes.
 */
export function composeIdentity(rules: IdentityRules, caller: IdentityCaller): readonly string[] | Refusal {
  const pairs: string[] = [];
  let bytes = 0;
  for (const header of rules.headers) {
    const lines = composeHeader(header, caller);
    if (lines === undefined) {
      if (!header.isRequired) continue;
      return refuseIncomplete(header, caller);
    }
    let headerBytes = 0;
    for (const line of lines) {
      headerBytes += line.length;
      bytes += header.name.length + line.length + LINE_OVERHEAD_BYTES;
      pairs.push(header.name, line);
    }
    if (header.maxBytes !== undefined && headerBytes > header.maxBytes) {
      return refuse(
        'identity_too_large',
        `${header.origin} needs more than ${header.maxBytes} bytes in ${header.name}`,
      );
    }
    if (bytes > rules.budgetBytes) {
      return refuse(
        'identity_over_budget',
        `with ${header.name} from ${header.origin} the identity needs more than ${rules.budgetBytes} bytes`,
      );
    }
  }
  return pairs;
}

/** Distinguishes a missing claim from one of which filter or format leaves nothing. */
function refuseIncomplete(header: IdentityHeader, caller: IdentityCaller): Refusal {
  const { origin, name } = header;
  const value = header.template === undefined ? header.read(caller) : undefined;
  if (value === undefined || value === null)
    return refuse('identity_incomplete', `${origin} has no value for ${name}`);
  const left = filterValue(header, value);
  return left === undefined || (Array.isArray(left) && left.length === 0 && value !== left)
    ? refuse('identity_filtered', `the filter leaves nothing of ${origin} for ${name}`)
    : refuse('identity_unfit', `${origin} has no value that can be written into ${name}`);
}

/** One line per header; several only with `repeat`. Undefined when there is no value. */
function composeHeader(header: IdentityHeader, caller: IdentityCaller): readonly string[] | undefined {
  if (header.template !== undefined) {
    const text = fillTemplate(header.template, caller.token);
    return text !== undefined && passes(header, text) ? [text] : undefined;
  }
  const value = filterValue(header, header.read(caller));
  if (value === undefined || value === null) return undefined;
  const lines = FORMATS[header.format ?? 'csv'](value);
  return lines === undefined || lines.length === 0 || lines.includes('') ? undefined : lines;
}

type Format = (value: unknown) => readonly string[] | undefined;

const FORMATS: Readonly<Record<IdentityFormat, Format>> = {
  csv: (value) => joined(value, ','),
  space: (value) => joined(value, ' '),
  // Recipients may join fields of one name by commas (RFC 9110 §5.3).
  repeat: (value) => membersOf(value, ','),
  json: (value) => {
    const text = jsonOf(value);
    return text === undefined ? undefined : oneLine(text, '');
  },
  base64: (value) => {
    const text = textOf(value) ?? jsonOf(value);
    return text === undefined || !isUnicode(text) ? undefined : [Buffer.from(text).toString('base64')];
  },
};

function oneLine(text: string | undefined, separators: string): readonly string[] | undefined {
  const encoded = text === undefined ? undefined : encodeHeaderText(text, separators);
  return encoded === undefined ? undefined : [encoded];
}

function joined(value: unknown, separator: string): readonly string[] | undefined {
  const members = membersOf(value, separator);
  return members === undefined ? undefined : [members.join(separator)];
}

/** All members as encoded text, or undefined when one of them cannot be written: a list is never shortened in silence. */
function membersOf(value: unknown, separators: string): readonly string[] | undefined {
  const members: string[] = [];
  for (const member of Array.isArray(value) ? value : [value]) {
    const encoded = encodeMember(member, separators);
    if (encoded === undefined) return undefined;
    members.push(encoded);
  }
  return members;
}

function encodeMember(member: unknown, separators: string): string | undefined {
  const text = textOf(member);
  return text === undefined || text === '' ? undefined : encodeHeaderText(text, separators);
}

function textOf(value: unknown): string | undefined {
  return isDistinctScalar(value) ? String(value) : undefined;
}

/** As JSON; undefined when a number in it is not exact. */
function jsonOf(value: unknown): string | undefined {
  if (value === '' || (Array.isArray(value) && value.length === 0)) return undefined;
  let isDistinct = true;
  const text = JSON.stringify(value, function (this: Record<string, unknown>, name, member: unknown) {
    // The holder has the number itself; what comes as `member` went through its `toJSON`.
    const isNumber = typeof member === 'number' || isInexactNumber(this[name]);
    if (isNumber && !isDistinctScalar(member)) isDistinct = false;
    return member;
  });
  return isDistinct ? text : undefined;
}

function filterValue(header: IdentityHeader, value: unknown): unknown {
  if (header.filter === undefined) return value;
  if (Array.isArray(value)) return value.filter((member) => passes(header, textOf(member)));
  return passes(header, textOf(value)) ? value : undefined;
}

/** Only text can match a filter. */
function passes(header: IdentityHeader, text: string | undefined): boolean {
  return header.filter === undefined || (text !== undefined && header.filter.test(text));
}
