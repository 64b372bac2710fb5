import { writeFileSync } from 'node:fs';
import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { inPlace } from '../support/tokens/verifier.ts';

const KEY = signingKey('ES256');
const NOW = Date.parse('2026-01-31T12:00:00Z') / 1000;
const FILE = `
issuers: { corp: { issuer: https://corp.example, audiences: [api], algorithms: [ES256], maxTokenAge: 1h, jwks: { file: keys.json } } }
revocation: { file: revoked.jsonl, keep: 2h }
routes: [{ name: a, path: /a, upstream: http://127.0.0.1:1, access: authenticated }]
`;
const path = await folderWith({ 'gw.yaml': FILE, 'keys.json': JSON.stringify(inPlace(KEY)) }, t);
const line = (json: object): string => `${JSON.stringify({ issuer: 'corp', at: NOW - 60, ...json })}\n`;
const token = mint(KEY, {
  ...{ iss: 'https://corp.example', aud: 'api', jti: 'secret-jti', sid: 'secret-sid', sub: 'secret-sub' },
  ...{ iat: NOW - 600, exp: NOW + 3_000 },
});

async function explain(at: number, ...words: string[]) {
  const time = new Date(at * 1000).toISOString();
  const all = ['explain', '-c', path('gw.yaml'), '--at', time, '/a', '--token', token, ...words];
  const { code, stdout, stderr } = await sealgate(all);
  return { code, text: stdout + stderr };
}

t.test('explain shows the entry of the file that refuses a token', async (t) => {
  const before = await explain(NOW);
  t.equal(before.code, 0, 'without the file');
  t.match(before.text, /ok\s+revocation\s+no entry for this token/);
  for (const [entry, words, value] of [
    [
      { jti: 'secret-jti' },
      /an entry revokes the token itself; it came from the file of `revocation`/,
      /`jti` is "secret-jti"/,
    ],
    [{ sid: 'secret-sid' }, /revokes its session/, /`sid` is "secret-sid"/],
    [
      { subject: 'secret-sub', before: NOW - 600 },
      /revokes the tokens of its subject/,
      /`sub` is "secret-sub"/,
    ],
  ] as const) {
    writeFileSync(path('revoked.jsonl'), line({ jti: 'other' }) + line(entry));
    const { code, text } = await explain(NOW);
    t.equal(code, 3);
    t.match(text, /FAIL\s+revocation/);
    t.match(text, words);
    t.match(text, /401 token_revoked/);
    t.notMatch(text, /secret/);
    t.match((await explain(NOW, '--show-claims')).text, value);
  }
});

t.test('what does not count', async (t) => {
  for (const [name, text] of [
    ['another issuer', line({ issuer: 'other', jti: 'secret-jti' })],
    ['a subject, before this token', line({ subject: 'secret-sub', before: NOW - 601 })],
    ['taken back', line({ jti: 'secret-jti' }) + line({ jti: 'secret-jti', takenBack: true })],
    ['`keep` has passed at that time', line({ jti: 'secret-jti', at: NOW - 7_200 })],
    ['over at that time', line({ jti: 'secret-jti', until: NOW })],
  ] as const) {
    writeFileSync(path('revoked.jsonl'), text);
    t.equal((await explain(NOW)).code, 0, name);
  }
  writeFileSync(path('revoked.jsonl'), line({ jti: 'secret-jti', at: NOW - 7_199 }));
  t.equal((await explain(NOW)).code, 3, 'just before `keep` has passed');
});

t.test('a file with a mistake decides nothing', async (t) => {
  writeFileSync(path('revoked.jsonl'), `${line({ jti: 'a' })}{"jti":"secret-jti"\n`);
  const { code, text } = await explain(NOW);
  t.equal(code, 1);
  t.match(text, /revoked\.jsonl:2:\d+: it is not JSON/);
  t.notMatch(text, /secret/);
});
