import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t from 'tap';
import { MINIMAL } from '../../support/config/config-text.ts';
import { type Editor, openEditor } from './language-server.ts';

const MODELINE = '# yaml-language-server: $schema=./gateway.schema.json\n';
const root = resolve(import.meta.dirname, '../../..');

let editor: Editor;
t.before(async () => {
  editor = await openEditor();
});
t.teardown(() => editor.close());

const file = (text: string): string => `${MODELINE}${text}`;

const COMPLETIONS: readonly (readonly [place: string, text: string, offered: readonly string[]])[] = [
  ['an empty file', '|', ['issuers', 'upstreams', 'routes', 'listen']],
  ['a new top-level key', `${MINIMAL}|`, ['listen', 'admin', 'shutdown', 'log', 'identity']],
  ['a route', `${MINIMAL}    |`, ['host', 'methods', 'rewrite', 'identity', 'exact']],
  ['a route without access', `${MINIMAL.replace('    access: authenticated\n', '    |\n')}`, ['access']],
  ['an access', MINIMAL.replace('authenticated', '|'), ['public', 'optional', 'authenticated']],
  [
    'an access block',
    MINIMAL.replace('authenticated', '\n      |'),
    ['issuers', 'scopes', 'roles', 'claims', 'audiences'],
  ],
  [
    'an issuer',
    MINIMAL.replace('routes:', '    |\nroutes:'),
    ['jwksUri', 'algorithms', 'clockTolerance', 'keys'],
  ],
  [
    'a list of algorithms',
    MINIMAL.replace('routes:', '    algorithms:\n      - |\nroutes:'),
    ['RS256', 'ES256', 'EdDSA'],
  ],
  ['a log level', `${MINIMAL}log:\n  level: |\n`, ['info', 'debug', 'warn']],
  ['limits', `${MINIMAL}listen:\n  limits:\n    |\n`, ['headers', 'tokenBytes', 'bodyIdle']],
  ['an upstream', `${MINIMAL}upstreams:\n  orders:\n    |\n`, ['url', 'timeouts', 'hostHeader']],
];

for (const [place, text, offered] of COMPLETIONS) {
  t.test(`in ${place} the editor offers what may stand there`, async (t) => {
    const labels = await editor.complete(file(text));
    t.same(
      offered.filter((label) => !labels.includes(label)),
      [],
      labels.join(', '),
    );
  });
}

const HOVERS: readonly (readonly [key: string, text: string, shown: RegExp])[] = [
  ['access', MINIMAL.replace('access:', 'acc|ess:'), /Who may use the route/],
  ['audiences', MINIMAL.replace('audiences:', 'aud|iences:'), /`aud` must have one of them/],
  ['a duration', `${MINIMAL}shutdown:\n  gra|ce: 20s\n`, /Time that running requests have to finish/],
  ['a port', `${MINIMAL}listen:\n  po|rt: 80\n`, /Port to listen on/],
  ['scopes', MINIMAL.replace('authenticated', '\n      sco|pes: [a]'), /Scopes the token must have/],
];

for (const [key, text, shown] of HOVERS) {
  t.test(`over ${key} the editor explains it`, async (t) => {
    t.match(await editor.hover(file(text)), shown);
  });
}

const UNDERLINED: readonly (readonly [what: string, text: string, line: number, words: RegExp])[] = [
  ['a misspelt key', MINIMAL.replace('path:', 'pth:'), 7, /pth/],
  ['a misspelt key at the top', `${MINIMAL}lisen: {}\n`, 10, /lisen/],
  ['a misspelt choice', `${MINIMAL}log:\n  level: wran\n`, 11, /./],
  ['a bare duration', `${MINIMAL}shutdown:\n  grace: 20\n`, 11, /./],
  ['a misspelt access', MINIMAL.replace('authenticated', 'pubic'), 9, /./],
  ['a missing key', MINIMAL.replace('    access: authenticated\n', ''), 6, /access/],
];

for (const [what, text, line, words] of UNDERLINED) {
  t.test(`${what} is underlined`, async (t) => {
    const found = await editor.diagnostics(file(text));
    t.ok(
      found.some(({ range, message }) => range.start.line === line && words.test(message)),
      JSON.stringify(found),
    );
  });
}

t.test('substitutions are not underlined, wherever they stand', async (t) => {
  const text = `${MINIMAL.replace('authenticated', '${ACCESS}').replace('https://issuer', '${SCHEME}://issuer')}    exact: \${EXACT}
listen: { port: "\${PORT:-8080}", publicUrl: "\${URL}", limits: { headerBytes: "\${SIZE}KiB" } }
shutdown: { grace: "\${GRACE}" }
log: { level: "\${file:/run/level}" }
`;
  t.same(await editor.diagnostics(file(text)), []);
});

for (const path of ['config/gateway.yaml', 'config/examples/contract.yaml', 'demo/gateway.yaml']) {
  t.test(`nothing in ${path} is underlined`, async (t) => {
    const text = await readFile(resolve(root, path), 'utf8');
    t.same(await editor.diagnostics(text.replace(/\$schema=\S+/, '$schema=./gateway.schema.json')), []);
  });
}
