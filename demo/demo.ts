import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { waitUntilOk } from './process/wait-until-ok.ts';
import { CLIENTS } from './provider/provider.ts';
import { prepareScenarios, runScenario, type Scenario } from './scenarios.ts';
import { type Setup, startSetup } from './setup.ts';
import {
  renderAccessLine,
  renderAddresses,
  renderBackendLine,
  renderCurlLines,
  renderResponse,
  renderStep,
  renderTitle,
} from './text.ts';

/*
 * npm run demo              starts everything, prints requests to copy, serves until Ctrl-C
 * npm run demo -- --mcp     also plays an MCP client: it finds the provider, logs in, calls tools, asks for a wider scope
 * npm run demo -- --once    starts everything, sends the requests itself, exits 0 if all responses are right
 *
 * It takes the ports 8080, 9090, 4000 and 3000 where they are free; `--once` and `--free-ports` take any.
 * With `--gateway URL --provider URL` it uses running ones (docker compose) instead of starting anything.
 */
const { values: options } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    mcp: { type: 'boolean', default: false },
    'free-ports': { type: 'boolean', default: false },
    gateway: { type: 'string' },
    provider: { type: 'string' },
  },
});

if (options.gateway && options.provider) await tryOut(options.provider, options.gateway);
else if (options.once) await tryOnce();
else await serve();

async function serve(): Promise<void> {
  const setup = await startSetup({
    familiarPorts: !options['free-ports'],
    logGateway: (line) => print(renderAccessLine(line)),
    logBackend: (line) => print(renderBackendLine(line)),
  });
  const scenarios = await prepareScenarios(setup.provider.issuer, setup.gatewayUrl);
  print(`${renderSetup(setup)}\n`);
  if (options.mcp) {
    await playMcpClient(setup);
    print(`${renderOwnClient(setup)}\n`);
  }
  print(`Copy into another terminal:

${renderCurlLines(scenarios)}
Ctrl-C ends it. Requests show here:
`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await setup.close();
}

async function tryOnce(): Promise<void> {
  const setup = await startSetup({ familiarPorts: false, logGateway: () => {}, logBackend: () => {} });
  try {
    print(`${renderSetup(setup)}\n`);
    if (options.mcp) await playMcpClient(setup);
    await runScenarios(await prepareScenarios(setup.provider.issuer, setup.gatewayUrl));
  } finally {
    await setup.close();
  }
}

async function tryOut(providerUrl: string, gatewayUrl: string): Promise<void> {
  await waitUntilOk(`${providerUrl}/jwks`);
  const scenarios = await prepareScenarios(providerUrl, gatewayUrl);
  if (options.once) await runScenarios(scenarios);
  else print(`Copy into a terminal:\n\n${renderCurlLines(scenarios)}`);
}

async function runScenarios(scenarios: readonly Scenario[]): Promise<void> {
  for (const each of scenarios) {
    const response = await runScenario(each);
    print(renderResponse(each, response));
    if (response.faults.length > 0) process.exitCode = 1;
  }
  print(process.exitCode ? '\nSome responses are not as expected.' : '\nAll responses are as expected.');
}

async function playMcpClient({ gatewayUrl, provider }: Setup): Promise<void> {
  const { runFlow } = await import('./mcp/flow.ts');
  for await (const step of runFlow(`${gatewayUrl}/mcp`, provider.issuer)) {
    print(renderStep(step));
    if (step.faults.length > 0) process.exitCode = 1;
  }
  print('');
}

function renderOwnClient({ gatewayUrl }: Setup): string {
  return `With a client of your own, such as Claude Code:

claude mcp add --transport http --client-id ${CLIENTS.mcp.clientId} orders ${gatewayUrl}/mcp
`;
}

function renderSetup({ provider, backend, gatewayUrl, adminUrl }: Setup): string {
  const seconds = (performance.now() / 1000).toFixed(1);
  return `${renderTitle('Sealgate demo', `ready after ${seconds} s`)}

${renderAddresses([
  ['gateway', gatewayUrl, 'configured by demo/gateway.yaml'],
  ['page', `${gatewayUrl}/demo`, 'the same in a browser, with a login'],
  ['admin', `${adminUrl}/ready`, 'health and metrics'],
  ['provider', provider.issuer, 'a real OpenID provider, oidc-provider'],
  ['mcp', `${gatewayUrl}/mcp`, 'an MCP server behind the gateway, for any MCP client'],
  ['backend', backend.url, 'knows nothing about tokens, returns what it received'],
])}`;
}

function print(text: string | undefined): void {
  if (text !== undefined) process.stdout.write(`${text}\n`);
}
