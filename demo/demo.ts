import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { type Stand, startStand } from './stand.ts';
import {
  renderAccessLine,
  renderAddresses,
  renderAnswer,
  renderBackendLine,
  renderCurlLines,
  renderTitle,
} from './text.ts';
import { prepareTries, runTry, type Try } from './tries.ts';
import { waitUntilOk } from './wait-until-ok.ts';

/*
 * npm run demo              starts everything, prints requests to copy, serves until Ctrl-C
 * npm run demo -- --once    starts everything, sends the requests itself, exits 0 if all answers are right
 *
 * It takes the ports 8080, 9090, 4000 and 3000 where they are free; `--once` and `--free-ports` take any.
 * With `--gateway URL --provider URL` it uses what runs already (docker compose) instead of starting anything.
 */
const { values: options } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    'free-ports': { type: 'boolean', default: false },
    gateway: { type: 'string' },
    provider: { type: 'string' },
  },
});

if (options.gateway && options.provider) await tryOut(options.provider, options.gateway);
else if (options.once) await tryOnce();
else await serve();

async function serve(): Promise<void> {
  const stand = await startStand({
    familiarPorts: !options['free-ports'],
    logGateway: (line) => print(renderAccessLine(line)),
    logBackend: (line) => print(renderBackendLine(line)),
  });
  const tries = await prepareTries(stand.provider.issuer, stand.gatewayUrl);
  print(`${renderStand(stand)}

Copy into another terminal:

${renderCurlLines(tries)}
Ctrl-C ends it. Requests show here:
`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await stand.close();
}

async function tryOnce(): Promise<void> {
  const stand = await startStand({ familiarPorts: false, logGateway: () => {}, logBackend: () => {} });
  try {
    print(`${renderStand(stand)}\n`);
    await runTries(await prepareTries(stand.provider.issuer, stand.gatewayUrl));
  } finally {
    await stand.close();
  }
}

async function tryOut(providerUrl: string, gatewayUrl: string): Promise<void> {
  await waitUntilOk(`${providerUrl}/jwks`);
  const tries = await prepareTries(providerUrl, gatewayUrl);
  if (options.once) await runTries(tries);
  else print(`Copy into a terminal:\n\n${renderCurlLines(tries)}`);
}

async function runTries(tries: readonly Try[]): Promise<void> {
  for (const each of tries) {
    const answer = await runTry(each);
    print(renderAnswer(each, answer));
    if (answer.faults.length > 0) process.exitCode = 1;
  }
  print(
    process.exitCode ? '\nNot all answers are as they should be.' : '\nAll answers are as they should be.',
  );
}

function renderStand({ provider, backend, gatewayUrl, adminUrl }: Stand): string {
  const seconds = (performance.now() / 1000).toFixed(1);
  return `${renderTitle('Sealgate demo', `ready after ${seconds} s`)}

${renderAddresses([
  ['gateway', gatewayUrl, 'as demo/gateway.yaml says'],
  ['page', `${gatewayUrl}/demo`, 'the same in a browser, with a login'],
  ['admin', `${adminUrl}/ready`, 'health and metrics'],
  ['provider', provider.issuer, 'a real OpenID provider, oidc-provider'],
  ['backend', backend.url, 'knows nothing of tokens, answers with what it received'],
])}`;
}

function print(text: string | undefined): void {
  if (text !== undefined) process.stdout.write(`${text}\n`);
}
