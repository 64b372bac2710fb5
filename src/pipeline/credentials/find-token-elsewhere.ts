import { quoteForLog } from '../../core/escape.ts';
import type { FilteredHeaders } from '../messages/request-header-filter.ts';

/** Three parts of base64url, of which the first is a JSON object. */
const TOKEN = /^(?:bearer )?"?eyJ[\w-]*\.[\w-]+\.[\w-]+"?$/i;

/** Whether a credential looks like a token alone, without a scheme before it. */
export function isBareToken(credential: string): boolean {
  return TOKEN.test(credential);
}

/** Where a request without a token has what looks like one. Only advice uses it; it is never verified. */
export function findTokenElsewhere({ credentials, passed }: FilteredHeaders): string | undefined {
  const fields = [...credentials, ...passed];
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase();
    const value = fields[at + 1] as string;
    if (name !== 'cookie') {
      if (TOKEN.test(value)) return `header ${quoteForLog(name)}`;
      continue;
    }
    for (const pair of value.split(';')) {
      const equals = pair.indexOf('=');
      if (equals !== -1 && TOKEN.test(pair.slice(equals + 1).trim())) {
        return `cookie ${quoteForLog(pair.slice(0, equals).trim())}`;
      }
    }
  }
  return undefined;
}
