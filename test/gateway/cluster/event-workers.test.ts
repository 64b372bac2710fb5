import { renameSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { createPushers, createSender } from '../../support/gateway/event-gateway.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { metric, until } from '../../support/gateway/workers-harness.ts';

/* Logout tokens and security events that any worker receives: keys, ids and entries are in one place. */

t.test('what one worker receives counts in all, once', { timeout: 240_000 }, async (t) => {
  const pushers = await createPushers(t);
  const more = 'workers: 3\nadmin: { port: 0 }\nlisten: { port: 0 }\nshutdown: { grace: 5s }';
  const text = pushers.textOf(more);
  const gateway = await startGatewayProcess(t, text);
  const { iss } = pushers;
  const { call, logOut, logoutToken, push, securityEvent } = createSender(pushers, () => gateway.url);
  const close = { headers: { connection: 'close' } };
  const many = async <T>(task: () => Promise<T>): Promise<Set<T>> =>
    new Set(await Promise.all(Array.from({ length: 12 }, task)));
  const statusOf = async (response: Promise<Response>): Promise<number> => {
    const { status } = await response;
    await (await response).text();
    return status;
  };
  t.same(await many(() => call({ sub: 'alice' })), new Set([200]));
  const token = logoutToken({ sub: 'alice' });
  t.equal(await statusOf(logOut(token, close)), 200);
  t.same(await many(() => call({ sub: 'alice' })), new Set([401]), 'at once: confirmed is in every worker');
  t.same(
    await many(() => statusOf(logOut(token, close))),
    new Set([400]),
    'an id counts once for all workers',
  );

  const sub_id = {
    format: 'complex',
    user: { format: 'iss_sub', iss, sub: 'bob' },
    session: { format: 'opaque', id: 's1' },
  };
  const event = securityEvent({ sub_id });
  t.same(await many(() => statusOf(push(event))), new Set([202]));
  t.same(await many(() => call({ sub: 'bob', sid: 's1' })), new Set([401]));
  t.same(await many(() => call({ sub: 'bob', sid: 's2' })), new Set([200]));
  t.equal(pushers.transmitter.fetches(), 1, 'the keys of the transmitter are fetched once');

  t.comment('a reload takes the transmitter away');
  const write = (next: string): void => {
    writeFileSync(`${gateway.file}.new`, next);
    renameSync(`${gateway.file}.new`, gateway.file);
  };
  write(text.replace(/^ {4}events: .*$/m, ''));
  const late = (): Promise<number> => statusOf(push(securityEvent({ sub_id })));
  await until(async () => (await many(late)).has(404));
  t.same(await many(() => call({ sub: 'bob', sid: 's1' })), new Set([401]), 'its entries stay');
  t.equal(await statusOf(logOut(logoutToken({ sub: 'carol' }), close)), 200);
  t.comment('and another one brings it back, with what it remembers');
  write(text);
  await until(async () => !(await many(late)).has(404));
  t.equal(await statusOf(push(event)), 202);
  t.ok(await metric(gateway, 'sealgate_requests_total'));
});
