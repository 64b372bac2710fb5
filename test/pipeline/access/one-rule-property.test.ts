import fc from 'fast-check';
import t from 'tap';
import { refuse } from '../../../src/core/refusals.ts';
import type { Gate } from '../../../src/pipeline/decide.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { refusalOf, scopesOf } from '../../support/pipeline/challenges.ts';
import { type ConfigInput, fakeVerifier, gateOf, requestOf, tokenOf } from '../../support/pipeline/gate.ts';
import {
  granted,
  otherwiseGood,
  SCOPES,
  scopedFile,
  scopedToken,
} from '../../support/pipeline/scoped-files.ts';

/*
 * `access` is the only place where scopes are written. Whatever names scopes to clients is derived from it, and must agree with what the
 * gate accepts: a client that obtains what it is named is let in, and a client is named nothing where no scope lets it in.
 * A further place that names scopes belongs into this file.
 */

/** The gate of a file for one token, which is `t`. Expired, it is `late`. */
function gateFor(file: ConfigInput, token: Partial<VerifiedToken>): Promise<Gate> {
  const late = refuse('token_expired', 'x', { issuer: token.issuer ?? '' });
  return gateOf(file, fakeVerifier({ t: tokenOf(token.claims, token), late }));
}

async function ask(file: ConfigInput, token: Partial<VerifiedToken>, credential: 't' | 'late' | undefined) {
  const fields = credential === undefined ? [] : ['Authorization', `Bearer ${credential}`];
  return refusalOf(await gateFor(file, token), requestOf('GET /', ...fields));
}

const codeWith = async (file: ConfigInput, token: Partial<VerifiedToken>) =>
  (await ask(file, token, 't')).code;

t.test('the scopes of a 401 open the route to a token that has the rest', async () => {
  await fc.assert(
    fc.asyncProperty(scopedFile, scopedToken, async ({ file, firstIssuers }, token) => {
      const [first = ''] = firstIssuers;
      const { code, challenge } = await ask(file, token, undefined);
      if (code !== 'token_missing' || challenge === undefined) throw new Error(`${code}: ${challenge}`);
      const scopes = granted(first, scopesOf(challenge) ?? []);
      const result = await codeWith(file, { ...otherwiseGood(first), scopes });
      if (result !== 'allow') throw new Error(`${result} with ${scopes} of ${first}`);
    }),
    { numRuns: 300 },
  );
});

t.test('the scopes of a 401 with a token are those for its issuer', async () => {
  await fc.assert(
    fc.asyncProperty(scopedFile, scopedToken, async ({ file }, token) => {
      const issuer = token.issuer ?? '';
      if ((await codeWith(file, otherwiseGood(issuer))) === 'issuer_not_allowed') return;
      const { challenge } = await ask(file, token, 'late');
      const scopes = granted(issuer, scopesOf(challenge) ?? []);
      const result = await codeWith(file, { ...otherwiseGood(issuer), scopes });
      if (result !== 'allow') throw new Error(`${result} with ${scopes} of ${issuer}`);
    }),
    { numRuns: 300 },
  );
});

t.test('the scopes of a 403 cure it, and without them none does', async (t) => {
  const seen = { allow: 0, cured: 0, incurable: 0, other: 0 };
  await fc.assert(
    fc.asyncProperty(scopedFile, scopedToken, async ({ file, alternatives }, token) => {
      const issuer = token.issuer ?? '';
      const { code, challenge } = await ask(file, token, 't');
      const everyScope = { ...token, scopes: SCOPES };
      if (code === 'allow') seen.allow += 1;
      else if (code === 'insufficient_scope' && challenge !== undefined) {
        seen.cured += 1;
        const scopes = granted(issuer, scopesOf(challenge) ?? []);
        for (const obtained of [scopes, [...(token.scopes ?? []), ...scopes]]) {
          const result = await codeWith(file, { ...token, scopes: obtained });
          if (result !== 'allow') throw new Error(`${result} with ${obtained}, of ${challenge}`);
        }
        const missing = scopes.some((scope) => !token.scopes?.includes(scope));
        if (!missing) throw new Error(`nothing of it is missing: ${challenge}`);
      } else if (code === 'insufficient_scope') {
        seen.incurable += 1;
        if ((await codeWith(file, everyScope)) === 'allow') throw new Error('scopes would have helped');
      } else if (code !== 'issuer_not_allowed') {
        seen.other += 1;
        if (challenge !== undefined) throw new Error(`${code}: ${challenge}`);
        // Of several alternatives, another one may be open to more scopes; the code is of the one that got furthest.
        const result = await codeWith(file, everyScope);
        if (alternatives === 1 && result !== code) throw new Error(`${code}, with every scope ${result}`);
      }
    }),
    { numRuns: 1000 },
  );
  for (const [kind, count] of Object.entries(seen)) t.ok(count > 20, `${kind}: ${count}`);
});
