import t, { type Test } from 'tap';
import { freePorts } from '../../support/backends/ports.ts';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { signingKey } from '../../support/tokens/mint.ts';
import { makeProof, thumbprint } from '../../support/tokens/proof.ts';
import { type Arrived, fileWith, harnessOf, startBesides, token, valuesOf } from './asking-harness.ts';
import { arrived, get, startModeled } from './models/modeled-proxies.ts';
import { throughEach } from './programs.ts';

/* Tokens that are bound by DPoP, through proxies that ask: the nonce reaches the client, the proof no backend. */

const CLIENT = signingKey('ES256', {}, 'client');
const bound = token({ cnf: { jkt: thumbprint(CLIENT) }, exp: Math.floor(Date.now() / 1000) + 7200 });
const AUTHORIZATION = `Authorization: DPoP ${bound}`;

const withDpop = (file: string): string =>
  file
    .replace('audiences: [api],', 'audiences: [api], dpop: { nonce: required },')
    .replace('listen: { port: 0 }', 'listen: { port: 0, publicUrl: "https://api.example.com" }');

type Headers = Readonly<Record<string, readonly string[]>>;

interface Sent {
  readonly status: number;
  readonly headers: Headers;
  /** What the backend got. */
  readonly got: Arrived | undefined;
}

interface Through {
  send(path: string, lines: readonly string[]): Promise<Sent>;
  /** Traefik passes on no field of a permitted response. */
  readonly passesNonceOfPermitted: boolean;
  readonly clock: ShiftedClock;
}

async function checkBoundTokens(t: Test, { send, passesNonceOfPermitted, clock }: Through): Promise<void> {
  const proofFor = (path: string, nonce: string | undefined): string =>
    `DPoP: ${makeProof(
      CLIENT,
      { method: 'GET', uri: `https://api.example.com${path}`, token: bound },
      { claims: { nonce, iat: Math.floor(clock.now() / 1000) } },
    )}`;
  const refused = async (lines: readonly string[], error: string): Promise<Sent> => {
    const response = await send('/orders/7', lines);
    t.match(response, { status: 401, got: undefined });
    t.match(response.headers['www-authenticate']?.join(), error);
    return response;
  };
  const first = await refused([AUTHORIZATION, proofFor('/orders/7', undefined)], 'error="use_dpop_nonce"');
  t.equal(first.headers['dpop-nonce']?.length, 1);
  const nonce = first.headers['dpop-nonce']?.[0];
  t.match(nonce, /^[a-z0-9]+\.\S+$/);

  const proof = proofFor('/orders/7', nonce);
  const { status, got } = await send('/orders/7', [AUTHORIZATION, proof]);
  t.equal(status, 200);
  checkGot(t, got, ['ada']);
  await refused([AUTHORIZATION, proof], 'error="invalid_dpop_proof"');
  await refused([AUTHORIZATION], 'error="invalid_dpop_proof"');
  await refused([AUTHORIZATION, proofFor('/orders/8', nonce)], 'error="invalid_dpop_proof"');
  await refused([AUTHORIZATION.replace('DPoP', 'Bearer'), proofFor('/orders/7', nonce)], 'invalid_token');
  const twice = [proofFor('/orders/7', nonce), proofFor('/orders/7', nonce)];
  const two = await send('/orders/7', [AUTHORIZATION, ...twice]);
  t.match(two, { status: /^40[01]$/, got: undefined });

  t.comment('the field goes up on no route');
  checkGot(t, (await send('/public', [proofFor('/public', nonce)])).got, []);

  t.comment('a nonce that ages');
  await clock.shift();
  const aged = await send('/orders/7', [AUTHORIZATION, proofFor('/orders/7', nonce)]);
  t.equal(aged.status, 200);
  checkGot(t, aged.got, ['ada']);
  t.equal(aged.headers['dpop-nonce']?.length, passesNonceOfPermitted ? 1 : undefined);
  if (!passesNonceOfPermitted) return;
  const next = aged.headers['dpop-nonce']?.[0];
  t.not(next, nonce);
  t.equal((await send('/orders/7', [AUTHORIZATION, proofFor('/orders/7', next)])).status, 200);
  const insufficient = await send('/scoped', [AUTHORIZATION, proofFor('/scoped', nonce)]);
  t.equal(insufficient.status, 403);
  t.equal(insufficient.headers['dpop-nonce']?.length, 1, 'other refusals bring it, too');
}

function checkGot(t: Test, got: Arrived | undefined, ids: readonly string[]): void {
  if (got === undefined) throw new Error('the request did not arrive');
  t.strictSame(valuesOf(got, 'x-user-id'), ids);
  t.strictSame(valuesOf(got, 'dpop'), [], 'no proof');
  t.strictSame(valuesOf(got, 'authorization'), [], 'no token');
}

/** From half its life on, responses bring the next one. */
const AGING_MS = 200_000;
/** Preloaded: the clock goes forward on this signal. */
const SHIFTED = `const now = Date.now; let shifts = 0; Date.now = () => now() + shifts * ${AGING_MS};
process.on('SIGUSR2', () => {
  shifts += 1;
  process.stdout.write(JSON.stringify({ msg: 'shift ' + shifts }) + String.fromCharCode(10));
});`;
const OPTIONS = { nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(SHIFTED)}`] };
const SCOPED = '  - { name: scoped, path: /scoped, upstream: none, access: { scopes: [write] } }\n';

/** The clock of a gateway that was started with `OPTIONS`. */
class ShiftedClock {
  readonly #gateway: GatewayProcess;
  #shifts = 0;

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
  }

  now(): number {
    return Date.now() + this.#shifts * AGING_MS;
  }

  async shift(): Promise<void> {
    this.#shifts += 1;
    const shifted = this.#gateway.line(`shift ${this.#shifts}`);
    this.#gateway.child.kill('SIGUSR2');
    await shifted;
  }
}

throughEach(t, 'tokens that are bound by DPoP', async (t, proxy) => {
  const [decisions = 0, admin = 0] = await freePorts(2);
  const ports = { decisions, admin };
  const gateway = await startGatewayProcess(t, withDpop(fileWith(ports, SCOPED)), OPTIONS);
  const harness = harnessOf(await startBesides(t, proxy, ports));
  await checkBoundTokens(t, {
    async send(path, lines) {
      const before = harness.arrived.length;
      const { status, headers } = await harness.send(`GET ${path} HTTP/1.1`, lines);
      return { status, headers, got: harness.arrived[before] };
    },
    passesNonceOfPermitted: true,
    clock: new ShiftedClock(gateway),
  });
});

t.test('through what has no package', async (t) => {
  const { gateway, modeled } = await startModeled(t, (file) => withDpop(`${file}${SCOPED}`), OPTIONS);
  const clock = new ShiftedClock(gateway);
  for (const { name, pass } of modeled) {
    await t.test(`${name}: tokens that are bound by DPoP`, (t) =>
      checkBoundTokens(t, {
        async send(path, lines) {
          const { status, toClient, forwarded } = await pass(get(path, lines));
          return { status, headers: toClient, got: forwarded === undefined ? undefined : arrived(forwarded) };
        },
        passesNonceOfPermitted: !name.startsWith('Traefik'),
        clock,
      }),
    );
  }
});
