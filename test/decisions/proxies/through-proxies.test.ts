import t from 'tap';
import { startAsking } from './asking-harness.ts';
import { checkIdentity, checkIdentityValues, checkTokens } from './check-identity.ts';
import { checkBodies, checkCors, checkLimits, checkUpgrades } from './check-messages.ts';
import { checkAccessLines, checkRefusals } from './check-refusals.ts';
import { checkTargets } from './check-targets.ts';
import { throughEach } from './programs.ts';

throughEach(t, 'what is allowed and what is not', async (t, proxy) => {
  const harness = await startAsking(t, proxy);
  await t.test('refusals', (t) => checkRefusals(t, harness, proxy));
  await t.test('access lines', (t) => checkAccessLines(t, harness));
  await t.test('identity', (t) => checkIdentity(t, harness));
  await t.test('values of identity headers', (t) => checkIdentityValues(t, harness));
  await t.test('tokens', (t) => checkTokens(t, harness));
  await t.test('targets', (t) => checkTargets(t, harness));
  await t.test('bodies', (t) => checkBodies(t, harness));
  await t.test('upgrades', (t) => checkUpgrades(t, harness));
  await t.test('limits', (t) => checkLimits(t, harness));
  await t.test('scripts of other origins', (t) => checkCors(t, harness));
});
