import type { Caller } from '../../diff/callers.ts';
import type { Alternative, Security } from '../document/api-document.ts';

/** Whether the document lets a caller in. What it leaves open, \`import\` closes: without \`security\` a token is needed. */
export function letsIn(security: Security, { token }: Caller): boolean {
  if (security.kind === 'public') return true;
  if (security.kind === 'silent') return token !== undefined;
  if (security.allowsAnonymous) return true;
  return security.alternatives.some(
    ({ scopes, roles }) =>
      token !== undefined &&
      scopes.every((scope) => token.scopes.includes(scope)) &&
      roles.every((role) => token.roles.includes(role)),
  );
}

/** Who may use an operation, for people. */
export function describeSecurity(security: Security): string {
  if (security.kind === 'public') return 'lets in everyone';
  if (security.kind === 'silent') return 'has no `security` for it, so that a token is needed';
  if (security.allowsAnonymous) return 'lets in everyone, too';
  return `asks for ${[...security.alternatives.map(describeAlternative), ...security.unsayable].join(', or ')}`;
}

export function describeAlternative({ scopes, roles }: Pick<Alternative, 'scopes' | 'roles'>): string {
  const parts = [
    ...(scopes.length > 0 ? [`scope ${scopes.join(' ')}`] : []),
    ...(roles.length > 0 ? [`role ${roles.join(', ')}`] : []),
  ];
  return parts.length === 0 ? 'a token' : `a token with ${parts.join(' and ')}`;
}
