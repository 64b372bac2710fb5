import t from 'tap';
import { stringify } from 'yaml';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { boundFile, CLIENT, clientOf, PUBLIC_URL, START } from '../support/dpop/bound-gateway.ts';
import { makeProof } from '../support/tokens/proof.ts';

const { boundToken, proof } = clientOf('', () => START);
const token = boundToken();

t.test('explain walks the checks of a proof, and asks no store', async (t) => {
  const file = stringify(
    boundFile('http://127.0.0.1:1', { nonce: 'required', replay: 'redis://127.0.0.1:1' }),
  );
  const path = await folderWith({ 'gw.yaml': file }, t);
  const explain = async (own: string) => {
    const words = [
      'explain',
      '-c',
      path('gw.yaml'),
      '--at',
      new Date(START).toISOString(),
      '--format',
      'json',
    ];
    const { code, stdout } = await sealgate([
      ...words,
      '--token',
      token,
      '--header',
      `DPoP: ${own}`,
      '/orders/7?a=1',
    ]);
    const { steps, ...rest } = JSON.parse(stdout) as {
      steps: { step: string; ok: boolean; expected: string; got: string }[];
      code: string;
    };
    const seen = steps.filter(({ step }) => /^proof|^binding|^replay/.test(step));
    return {
      exit: code,
      ...rest,
      steps,
      seen: seen.map(({ step, ok }) => `${step}${ok ? '' : ' fails'}`),
      stdout,
    };
  };
  const good = await explain(proof({ token, path: '/orders/7' }));
  t.match(good, { exit: 0, decision: 'allow' });
  t.strictSame(good.seen, [
    'proof type',
    'proof algorithm',
    'proof key',
    'proof form',
    'proof method',
    'proof URI',
    'proof time',
    'proof identifier',
    'proof token',
    'proof signature',
    'binding',
    'replay',
  ]);
  const claims = { iat: START / 1000 };
  t.match(
    good.steps.filter(({ step }) => ['proof method', 'proof URI', 'nonce'].includes(step)),
    [
      { step: 'proof method', expected: 'GET', got: 'GET' },
      { step: 'proof URI', expected: `${PUBLIC_URL}/orders/7`, got: `${PUBLIC_URL}/orders/7` },
      { step: 'nonce', ok: true, got: 'not asked here: the running gateway wants one' },
    ],
    'what holds is named as such, and what is left to the running gateway too',
  );
  const carrying = await explain(proof({ token, path: '/orders/7', proof: { claims: { nonce: 'S3CR3T' } } }));
  t.match(
    carrying.steps.find(({ step }) => step === 'nonce'),
    { ok: true, got: /^not checked here/ },
  );
  t.notMatch(carrying.stdout, /S3CR3T/);
  const bad = await explain(
    makeProof(CLIENT, { method: 'GET', uri: `${PUBLIC_URL}/S3CR3T`, token }, { claims }),
  );
  t.match(bad, { exit: 3, decision: 'refuse', code: 'dpop_proof_invalid', status: 401 });
  t.strictSame(bad.seen.slice(-2), ['proof URI fails', 'binding fails']);
  t.match(
    bad.steps.find(({ step }) => step === 'proof URI'),
    { got: 'another' },
  );
  t.match(bad.stdout, /"expected": ?"https:\/\/api.example.com\/orders\/7"/);
  t.notMatch(bad.stdout, /S3CR3T/, 'what the client states is hidden');
});
