import { mint, type SigningKey } from '../../support/tokens/mint.ts';

/** Tokens of every kind that decisions differ by, by the names that stand for them in generated requests. */
export function mintTokens(
  issuers: { readonly main: string; readonly other: string },
  key: SigningKey,
  stranger: SigningKey,
): Readonly<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000);
  const usual = { iss: issuers.main, aud: 'api', sub: 'ann', iat: now, exp: now + 86_400 };
  const rich = {
    ...usual,
    scope: 'read write admin',
    tenant: 'acme',
    email: 'ann@exämple',
    realm: { roles: ['admin', 'staff'] },
    roles: ['admin'],
    client_id: 'app',
  };
  const good = mint(key, { ...usual, scope: 'read', email: 'ann@mail.example' });
  return {
    good,
    rich: mint(key, rich),
    bob: mint(key, { ...usual, sub: 'bob, "x"', scope: 'write', tenant: 'x/y', roles: 'staff' }),
    chief: mint(key, { ...usual, roles: ['admin'] }),
    strong: mint(key, { ...rich, acr: 'urn:mfa', auth_time: now }),
    stale: mint(key, { ...rich, acr: 'urn:mfa', auth_time: now - 864_000 }),
    weak: mint(key, { ...rich, acr: 'urn:pwd', auth_time: now }),
    bare: mint(key, { ...usual, sub: undefined }),
    long: mint(key, { ...rich, email: 'x'.repeat(1200) }),
    other: mint(key, { ...rich, iss: issuers.other, sub: 'eve' }),
    shop: mint(key, { ...usual, aud: ['shop', 'x'] }),
    elsewhere: mint(key, { ...usual, aud: 'elsewhere' }),
    unknown: mint(key, { ...usual, iss: 'https://unknown.example' }),
    expired: mint(key, { ...usual, iat: now - 7200, exp: now - 3600 }),
    early: mint(key, { ...usual, nbf: now + 3600 }),
    timeless: mint(key, { ...usual, exp: undefined }),
    idToken: mint(key, { ...usual, at_hash: 'x' }),
    forged: `${good.slice(0, -4)}AAAA`,
    stranger: mint(stranger, usual),
    unsigned: mint(key, usual, { alg: 'none' }),
    cut: good.slice(0, 60),
  };
}
