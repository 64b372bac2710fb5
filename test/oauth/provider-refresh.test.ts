import t from 'tap';
import { isRefusal } from '../../src/core/refusals.ts';
import { createProvider, type Provider } from '../../src/oauth/provider.ts';
import type { CompiledIssuer } from '../../src/tokens/compiled-issuer.ts';
import { createKeyTransport } from '../../src/tokens/keys/fetch/key-transport.ts';
import { freezeTime, until } from '../support/core/frozen-time.ts';
import { type ScriptedProvider, startScriptedProvider } from '../support/oauth/scripted-provider.ts';

const MINUTE_MS = 60_000;

/** A provider of a front whose time stands still. */
async function start(t: { teardown(undo: () => void | Promise<void>): unknown }) {
  const scripted = await startScriptedProvider(t);
  const time = freezeTime();
  const dispatcher = createKeyTransport({ ca: undefined, env: {} });
  const issuer = {
    name: 'corp',
    issuers: [scripted.url],
    source: { kind: 'discovery', issuer: scripted.url, keysPath: undefined },
    keys: {
      refreshMs: 10 * MINUTE_MS,
      cooldownMs: 30_000,
      maxStaleMs: 60 * MINUTE_MS,
      timeoutMs: 5_000,
      headers: { 'x-secret': 'yes' },
      insecure: false,
    },
  } as unknown as CompiledIssuer;
  const provider = createProvider({
    issuer,
    dispatcher,
    scheduler: time.scheduler,
    random: () => 0.5,
    log: undefined,
  });
  t.teardown(async () => {
    provider.close();
    await dispatcher.destroy();
  });
  return { scripted, time, provider };
}

async function serves(provider: Provider): Promise<boolean> {
  return !isRefusal(await provider.metadata());
}

async function asked(scripted: ScriptedProvider, times: number): Promise<void> {
  await until(() => scripted.metadataCalls() === times);
}

t.test('metadata is refreshed before it ages, and clients never wait for that', async (t) => {
  const { scripted, time, provider } = await start(t);
  provider.start();
  t.ok(await serves(provider), 'the first request waits for the fetch');
  t.equal(scripted.metadataCalls(), 1);
  t.equal(scripted.calls[0]?.headers['x-secret'], 'yes', '`keys.headers` go to the issuer');
  for (let at = 0; at < 100; at++) await provider.metadata();
  t.equal(scripted.metadataCalls(), 1);
  time.advance(9 * MINUTE_MS);
  await asked(scripted, 2);
  t.ok(isRefusal(await provider.metadata()) === false);
});

t.test('the last good metadata serves through an outage, up to `maxStale`', async (t) => {
  const { scripted, time, provider } = await start(t);
  provider.start();
  t.ok(await serves(provider));
  scripted.metadataMode = 'error';
  time.advance(59 * MINUTE_MS);
  t.ok(await serves(provider));
  time.advance(2 * MINUTE_MS);
  t.notOk(await serves(provider));
});

t.test('after a failure a request starts a fetch once the cooldown is over, one for all', async (t) => {
  const { scripted, time, provider } = await start(t);
  scripted.metadataMode = 'error';
  provider.start();
  t.notOk(await serves(provider));
  const before = scripted.metadataCalls();
  t.notOk(await serves(provider));
  t.equal(scripted.metadataCalls(), before, 'none within the cooldown');
  scripted.metadataMode = 'good';
  time.advance(30_000);
  const many = await Promise.all(Array.from({ length: 20 }, () => serves(provider)));
  t.ok(many.every(Boolean));
  t.equal(scripted.metadataCalls(), before + 1);
});

t.test('a provider that begins to name itself stops the front at the next refresh', async (t) => {
  const { scripted, time, provider } = await start(t);
  provider.start();
  t.ok(await serves(provider));
  scripted.metadata = { authorization_response_iss_parameter_supported: true };
  time.advance(9 * MINUTE_MS);
  await asked(scripted, 2);
  await until(() => isRefusal(provider.metadata()));
  t.pass();
});
