import type { Alternative, Security, SecurityRules } from '../document/api-document.ts';
import { flowList } from './yaml-text.ts';

/** The `access` of a route as YAML on one line. */
export interface AccessText {
  readonly yaml: string;
  /** For a comment beside it. */
  readonly remarks: readonly string[];
}

/** Writes who may use an operation, or why that cannot be written: then it stays closed. */
export function writeAccess(
  security: Security,
  issuer: string | undefined,
): AccessText | { readonly unsayable: string } {
  if (security.kind === 'public') return { yaml: 'public', remarks: [] };
  if (security.kind === 'silent') {
    return { yaml: anyToken(issuer), remarks: ['no security in the document'] };
  }
  const { allowsAnonymous, alternatives, unsayable } = security;
  const others = unsayable.map((needs) => `not written: or ${needs}`);
  const remarks = [...security.remarks, ...others];
  if (allowsAnonymous) {
    const yaml = alternatives.length > 0 ? 'optional' : 'public';
    return { yaml, remarks: ['no token is needed by the document', ...remarks] };
  }
  if (alternatives.length === 0) return { unsayable: `it asks for ${unsayable.join(', or ')}` };
  if (alternatives.some(asksNothing)) {
    const isMixed = alternatives.length > 1 && !alternatives.every(asksNothing);
    return {
      yaml: anyToken(issuer),
      remarks: isMixed ? ['one alternative needs no scope', ...remarks] : remarks,
    };
  }
  return { yaml: writeRules(security, issuer), remarks };
}

function asksNothing({ scopes, roles }: Alternative): boolean {
  return scopes.length === 0 && roles.length === 0;
}

/** Lets in every valid token. */
export function anyToken(issuer: string | undefined): string {
  return issuer === undefined ? 'authenticated' : `{ ${issuersOf(issuer).join('')} }`;
}

function issuersOf(issuer: string | undefined): readonly string[] {
  return issuer === undefined ? [] : [`issuers: ${flowList([issuer])}`];
}

function writeRules({ alternatives }: SecurityRules, issuer: string | undefined): string {
  const blocks = [...new Set(alternatives.map((one) => writeBlock(one, issuer)))];
  if (blocks.length === 1) return blocks[0] as string;
  if (alternatives.every(({ scopes, roles }) => scopes.length === 1 && roles.length === 0)) {
    const any = [...new Set(alternatives.flatMap(({ scopes }) => scopes))];
    return `{ ${[...issuersOf(issuer), `scopes: { any: ${flowList(any)} }`].join(', ')} }`;
  }
  return `[${blocks.join(', ')}]`;
}

function writeBlock({ scopes, roles }: Alternative, issuer: string | undefined): string {
  const rules = [
    ...issuersOf(issuer),
    ...(scopes.length > 0 ? [`scopes: ${flowList(scopes)}`] : []),
    ...(roles.length > 0 ? [`roles: ${flowList(roles)}`] : []),
  ];
  return `{ ${rules.join(', ')} }`;
}
