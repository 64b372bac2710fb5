import { error, type Rule, warning } from '../rule.ts';

/** The token is sent after `Bearer ` (RFC 6750 §2.1); what cannot be sent there opens nothing. */
export const adminTokenCanBeSent: Rule = ({ config: { admin } }) => {
  if (admin.token === undefined) return [];
  const path = ['admin', 'token'];
  if (/^bearer /i.test(admin.token)) {
    return [error(path, 'the word `Bearer` is not part of the token', { hint: 'write what comes after it' })];
  }
  if (/[^\x20-\x7e]/.test(admin.token)) {
    return [error(path, 'a token has ASCII characters only: this one cannot be sent')];
  }
  if (admin.token.length < 8) {
    return [
      warning(path, 'this is short enough to be guessed', {
        hint: 'such as 32 characters of `openssl rand -hex 16`',
      }),
    ];
  }
  return admin.token.includes(' ')
    ? [warning(path, 'a token has no blanks: most clients cannot send this one')]
    : [];
};
