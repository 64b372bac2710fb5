import t from 'tap';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runCli } from '../../src/cli/run.ts';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { HOSTILE_TEXT, unseenIn } from '../support/core/unseen.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { inPlace } from '../support/tokens/verifier.ts';

const KEY = signingKey('ES256');
/** What a token, a provider or a file may hold; YAML takes it in quotes. */
const HOSTILE = `a\u001b[2J\r${HOSTILE_TEXT}`;
const quoted = JSON.stringify(HOSTILE);
/** Control characters in a claim are an error of the file; format characters are not. */
const FORMAT = HOSTILE.replace(/\p{Cc}/gu, '');
const formatted = JSON.stringify(FORMAT);

const path = await folderWith(
  {
    'keys.json': JSON.stringify(inPlace(KEY)),
    'good.yaml': `
issuers:
  corp: { issuer: https://corp.example, audiences: [api], jwks: { file: keys.json } }
routes:
  - { name: a, path: /a, upstream: http://127.0.0.1:1, access: { claims: { ${formatted}: ${formatted} } } }
tests:
  - { name: ${quoted}, token: { issuer: corp }, request: GET /a, expect: allow }
`,
    'bad.yaml': `
${quoted}: 1
issuers:
  corp: { issuer: https://corp.example, audiences: [api], jwks: { file: ${quoted} } }
routes:
  - { name: ${quoted}, path: ${quoted}, upstream: ${quoted}, access: ${quoted} }
`,
  },
  t,
);

const claims = { iss: 'https://corp.example', aud: 'api', exp: 9_999_999_999, [FORMAT]: `${HOSTILE}!` };
const token = mint(KEY, claims, { kid: HOSTILE });
const foreign = mint(KEY, { ...claims, iss: `${HOSTILE}\n  ok    forged` });

const commands: readonly (readonly string[])[] = [
  ['check', '-c', path('good.yaml')],
  ['check', '-c', path('bad.yaml')],
  ['check', '-c', path(HOSTILE)],
  ['routes', '-c', path('good.yaml')],
  ['keys', '-c', path('good.yaml')],
  ['explain', '-c', path('good.yaml'), '--show-claims', '--token', token, '/a'],
  ['explain', '-c', path('good.yaml'), '--show-claims', '--token', foreign, '/a'],
  ['explain', '-c', path('good.yaml'), `/${HOSTILE}`],
  ['explain', '-c', path('bad.yaml'), '/a'],
  [HOSTILE],
  ['check', `--${HOSTILE}`],
];

t.test('no command writes a control or format character as it is, in text or in JSON', async (t) => {
  for (const [at, words] of commands.entries()) {
    for (const format of [[], ['--format', 'json']]) {
      const { stdout, stderr } = await sealgate([...words, ...format]);
      t.not(stdout + stderr, '', 'something is written');
      t.same(unseenIn(stdout + stderr), [], `command ${at} ${format}`);
      if (format.length > 0 && stdout !== '') t.ok(JSON.parse(stdout), 'JSON stays JSON');
    }
  }
});

t.test('a value of a token does not look like a step', async (t) => {
  const { stdout } = await sealgate([
    'explain',
    '-c',
    path('good.yaml'),
    '--show-claims',
    '--token',
    foreign,
    '/a',
  ]);
  t.match(stdout, '\\u000a  ok    forged');
  t.notMatch(stdout, /^ +ok +forged/m);
});

const COLOR = new RegExp(`${'\u001b'}\\[(?:0|31|32)m`);

t.test('on a terminal the colors stay, and nothing else commands it', async (t) => {
  const written: string[] = [];
  const write = (text: string) => written.push(text);
  await runCli(['explain', '-c', path('good.yaml'), '--show-claims', '--token', foreign, '/a'], COMMANDS, {
    stdout: { write },
    stderr: { write },
    env: {},
    isTTY: true,
  });
  const text = written.join('');
  t.match(text, '\u001b[31mFAIL\u001b[0m');
  t.same(unseenIn(text.split(COLOR).join('')), []);
});
