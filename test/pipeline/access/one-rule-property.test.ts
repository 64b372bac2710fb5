import fc from 'fast-check';
import t from 'tap';
import { configSchema } from '../../../src/config/schema/config.ts';
import { refuse } from '../../../src/core/refusals.ts';
import type { Gate } from '../../../src/pipeline/gate.ts';
import { isDirectResponse } from '../../../src/pipeline/messages/direct-response.ts';
import { simulate } from '../../../src/simulate/simulate.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { refusalOf, scopesOf } from '../../support/pipeline/challenges.ts';
import {
  type ConfigInput,
  decideNow,
  fakeVerifier,
  gateOf,
  requestOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';
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

type Rules = NonNullable<ConfigInput['policies']>[string];

/** Rules that are met in one way only: without `any`. */
function inOneWay(rules: Rules): Rules {
  const { scopes } = rules;
  if (scopes === undefined || Array.isArray(scopes)) return rules;
  return { ...rules, scopes: [...new Set([...(scopes.all ?? []), ...(scopes.any ?? [])])] };
}

/** A file with one resource of two routes, each with the access of a generated file; `isPlain` where that is met in one way only. */
const published = fc
  .record({ one: scopedFile, two: scopedFile, token: scopedToken, isPlain: fc.boolean() })
  .map(({ one, two, token, isPlain }) => {
    const routes = [one, two].map(({ file }, at) => {
      const [route] = file.routes;
      if (route === undefined) throw new Error('no route');
      const [first] = [route.access].flat();
      const access = isPlain ? (inOneWay(first as Rules) as typeof route.access) : route.access;
      const path = at === 0 ? '/mcp' : '/mcp/second';
      return { ...route, name: `r${at}`, path, access, resource: at === 0 ? (true as const) : 'r0' };
    });
    const { policies = {} } = one.file;
    const entries = Object.entries(policies).map(([name, rules]) => [
      name,
      isPlain ? inOneWay(rules) : rules,
    ]);
    const file: ConfigInput = {
      ...one.file,
      listen: { publicUrl: 'https://gw.example' },
      policies: Object.fromEntries(entries),
      routes,
    };
    return { file, token, isPlain };
  });

/** The scopes of the metadata, as any client reads them. */
function supported(gate: Gate): readonly string[] {
  const { outcome } = decideNow(gate, requestOf('GET /.well-known/oauth-protected-resource/mcp'));
  if (!isDirectResponse(outcome)) throw new Error('no metadata');
  return JSON.parse(outcome.body ?? '').scopes_supported ?? [];
}

const KNOWN_ISSUERS = ['corp', 'entra', 'partner'];

t.test('the metadata names the scopes that challenges of its routes can name', async (t) => {
  const seen = { named: 0, equal: 0 };
  await fc.assert(
    fc.asyncProperty(published, async ({ file, token, isPlain }) => {
      const tokens = KNOWN_ISSUERS.flatMap((issuer) => [
        [issuer, tokenOf(token.claims, { ...token, issuer })] as const,
        [`late-${issuer}`, refuse('token_expired', 'x', { issuer })] as const,
      ]);
      const gate = await gateOf(file, fakeVerifier(Object.fromEntries(tokens)));
      const scopes = supported(gate);
      const named = new Set<string>();
      for (const path of ['/mcp', '/mcp/second']) {
        for (const credential of [undefined, ...tokens.map(([name]) => name)]) {
          const fields = credential === undefined ? [] : ['Authorization', `Bearer ${credential}`];
          const { challenge } = refusalOf(gate, requestOf(`GET ${path}`, ...fields));
          for (const scope of scopesOf(challenge) ?? []) {
            named.add(scope);
            if (!scopes.includes(scope)) throw new Error(`${scope} of ${challenge} is not in ${scopes}`);
          }
        }
      }
      if (named.size > 0) seen.named += 1;
      if (scopes.length !== new Set(scopes).size) throw new Error(`repeated: ${scopes}`);
      // Of `any`, and of several alternatives, challenges name the first that would do.
      if (!isPlain) return;
      seen.equal += 1;
      const unnamed = scopes.filter((scope) => !named.has(scope));
      if (unnamed.length > 0) throw new Error(`no challenge names ${unnamed}`);
    }),
    { numRuns: 400 },
  );
  for (const [kind, count] of Object.entries(seen)) t.ok(count > 100, `${kind}: ${count}`);
});

t.test('the scopes of the metadata open each of its routes to a token that has the rest', async () => {
  await fc.assert(
    fc.asyncProperty(published, async ({ file, token: { issuer = '' } }) => {
      const obtained = supported(await gateFor(file, {})).filter((scope) => isKnownTo(issuer, scope));
      const gate = await gateFor(file, { ...otherwiseGood(issuer), scopes: granted(issuer, obtained) });
      for (const path of ['/mcp', '/mcp/second']) {
        const { code } = refusalOf(gate, requestOf(`GET ${path}`, 'Authorization', 'Bearer t'));
        if (code !== 'allow' && code !== 'issuer_not_allowed') throw new Error(`${code} with ${obtained}`);
      }
    }),
    { numRuns: 300 },
  );
});

/** Clients do not know which scope is whose: authorization servers leave out those that they do not know. */
function isKnownTo(issuer: string, scope: string): boolean {
  try {
    return granted(issuer, [scope]).length === 1;
  } catch {
    return false;
  }
}

t.test('explain and the tests of a file decide and name the same', async () => {
  await fc.assert(
    fc.asyncProperty(scopedFile, scopedToken, async ({ file }, token) => {
      const gate = await gateFor(file, token);
      const config = configSchema.parse(file);
      for (const credential of [undefined, 't', 'late'] as const) {
        const input = { method: 'GET', target: '/', token: credential };
        const simulated = await simulate(gate, input, { config, showClaims: false });
        const served = await ask(file, token, credential);
        if (simulated.code !== served.code || simulated.challenge !== served.challenge)
          throw new Error(
            `${simulated.code} ${simulated.challenge}, served ${served.code} ${served.challenge}`,
          );
      }
    }),
    { numRuns: 100 },
  );
});
