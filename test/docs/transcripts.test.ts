import { readFileSync } from 'node:fs';
import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { inPlace } from '../support/tokens/verifier.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The output that the README shows for a command. */
function shownBelow(command: string): string | undefined {
  const blocks = [...readme.matchAll(/```console\n\$ (.*)\n([\s\S]*?)```/g)];
  return blocks.find(([, shown]) => shown === command)?.[2];
}

t.test("the README's explanation is what `explain` prints of such a token", async (t) => {
  const key = signingKey('RS256', { kid: 'demo-rs256' });
  const path = await folderWith({ 'keys.json': JSON.stringify(inPlace(key)) }, t);
  const nowSeconds = Date.parse('2026-01-31T12:00:00Z') / 1000;
  const token = mint(
    key,
    {
      iss: 'http://127.0.0.1:4000',
      aud: 'https://api.example.com',
      sub: 'ada',
      iat: nowSeconds,
      exp: nowSeconds + 3600,
      scope: 'orders:read',
    },
    { typ: 'at+jwt' },
  );
  const words = 'explain -c demo/gateway.yaml --token "$TOKEN" --method POST /orders';
  const { code, stdout } = await sealgate([
    ...words.replace('"$TOKEN"', token).split(' '),
    ...['--jwks', path('keys.json'), '--at', '2026-01-31T12:00:00Z'],
  ]);
  t.equal(code, 3);
  t.equal(shownBelow(`npx sealgate ${words}`), stdout);
});
