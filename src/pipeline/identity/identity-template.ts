import { isDistinctScalar } from '../../tokens/jwt/claim-values.ts';
import { readClaim } from '../../tokens/jwt/read-claims.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import { encodeHeaderText } from './header-encoding.ts';

/** `{tid}/{sub}` parsed: fixed text and claim names in turn, text first and last. */
export interface IdentityTemplate {
  readonly texts: readonly string[];
  readonly claims: readonly string[];
  /** Characters between claims, encoded inside them, so that two different pairs never read the same. */
  readonly separators: string;
}

/** Parses a template, or names its fault. */
export function parseIdentityTemplate(template: string): IdentityTemplate | { readonly fault: string } {
  if (/[^ -~]|%/.test(template)) return { fault: 'a template has no "%", control or non-ASCII character' };
  const pieces = template.split(/\{([^{}]+)\}/);
  const texts = pieces.filter((_, at) => at % 2 === 0);
  const claims = pieces.filter((_, at) => at % 2 === 1);
  if (claims.length === 0) return { fault: 'a template names at least one claim in braces' };
  if (texts.some((text) => /[{}]/.test(text))) return { fault: 'a brace of the template is not closed' };
  const between = texts.slice(1, -1);
  if (between.some((text) => !/[^A-Za-z0-9]/.test(text))) {
    return { fault: 'two claims of a template need a separator between them, such as "/"' };
  }
  return { texts, claims, separators: between.join('').replace(/[A-Za-z0-9]/g, '') };
}

/** The text of a template; undefined when a claim of it is missing, empty, or no scalar. */
export function fillTemplate(template: IdentityTemplate, token: VerifiedToken): string | undefined {
  let filled = template.texts[0] as string;
  for (const [at, name] of template.claims.entries()) {
    const value = readClaim(token.claims, [name]);
    if (!isDistinctScalar(value)) return undefined;
    const text = encodeHeaderText(String(value), template.separators);
    if (text === undefined || text === '') return undefined;
    filled += text + template.texts[at + 1];
  }
  return filled;
}
