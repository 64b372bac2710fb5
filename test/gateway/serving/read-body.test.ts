import { PassThrough } from 'node:stream';
import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { createMessageMemory } from '../../../src/gateway/serving/message-memory.ts';
import { type BodyReading, MessageBody, readBody } from '../../../src/gateway/serving/read-body.ts';
import type { IncomingRequest } from '../../../src/http/client-messages.ts';
import { type FrozenTime, freezeTime, until } from '../../support/core/frozen-time.ts';

function start(options: Partial<BodyReading> = {}, time: FrozenTime = freezeTime()) {
  const memory = options.memory ?? createMessageMemory();
  const req = Object.assign(new PassThrough(), { complete: true });
  const outcomes: (MessageBody | string)[] = [];
  const abandon = readBody(
    req as unknown as IncomingRequest,
    { maxBytes: 1024 ** 2, idleMs: 60_000, length: undefined, memory, scheduler: time.scheduler, ...options },
    (outcome) => outcomes.push(isRefusal(outcome) ? outcome.cause : outcome),
  );
  return { req, outcomes, time, abandon, memory: memory as ReturnType<typeof createMessageMemory> };
}

t.test('a body has 30 seconds in all, however steadily it comes', async (t) => {
  const { req, outcomes, time, memory } = start();
  for (let second = 0; second < 29; second += 1) {
    req.write('x');
    await until(() => memory.used > 0 && req.readableLength === 0);
    time.advance(1_000);
  }
  t.same(outcomes, []);
  time.advance(1_000);
  t.same(outcomes, ['message_slow']);
  t.equal(memory.used, 0);
  req.end('x');
  await until(() => req.writableFinished);
  t.same(outcomes, ['message_slow'], 'once');
});

t.test('a shorter listen.limits.bodyIdle counts from piece to piece', async (t) => {
  const { req, outcomes, time, memory } = start({ idleMs: 5_000 });
  time.advance(4_999);
  req.write('x');
  await until(() => memory.used > 0);
  time.advance(4_999);
  t.same(outcomes, []);
  time.advance(1);
  t.same(outcomes, ['body_stalled']);
  t.equal(memory.used, 0);
});

t.test('memory is acquired as bytes come, not as they are announced', async (t) => {
  const { req, outcomes, memory } = start({ length: 1024 ** 2 });
  t.equal(memory.used, 0);
  req.write(Buffer.alloc(100));
  await until(() => memory.used > 0);
  t.ok(memory.used <= 4_096, String(memory.used));
  req.write(Buffer.alloc(500_000));
  await until(() => memory.used > 500_000);
  t.ok(memory.used <= 1024 ** 2, String(memory.used));
  t.same(outcomes, []);
  req.destroy();
  await until(() => memory.used === 0);
  t.same(outcomes, [], 'and nothing follows');
});

t.test('a request that is over holds none, however often that is reported', async (t) => {
  const { req, outcomes, abandon, memory } = start();
  req.write(Buffer.alloc(100));
  await until(() => memory.used > 0);
  abandon();
  abandon();
  t.equal(memory.used, 0);
  const whole = start({ memory });
  whole.req.end('{}');
  await until(() => whole.outcomes.length > 0);
  const { used } = memory;
  whole.abandon();
  t.equal(memory.used, used, 'a body that was read whole belongs to its reader');
  (whole.outcomes[0] as MessageBody).release();
  t.equal(memory.used, 0);
  req.destroy();
  t.same(outcomes, []);
});

t.test('single bytes take no more than their sum', async (t) => {
  const { req, outcomes, memory } = start({ maxBytes: 70_000 });
  const packet = Buffer.alloc(65_536, 'a');
  for (let at = 0; at < packet.length; at += 1) req.write(packet.subarray(at, at + 1));
  req.end();
  await until(() => outcomes.length > 0);
  const body = outcomes[0] as MessageBody;
  t.ok(body.bytes?.equals(packet));
  t.equal(body.bytes?.buffer.byteLength, 65_536, 'it holds on to no packet');
  t.equal(memory.used, 65_536);
  body.release();
  body.release();
  t.equal(memory.used, 0);
  t.equal(body.bytes, undefined);
});

t.test('all bodies of a process share 64 MiB', async (t) => {
  const memory = createMessageMemory();
  const readings = Array.from({ length: 64 }, () => start({ memory, length: 1024 ** 2 }));
  for (const { req } of readings) req.end(Buffer.alloc(1024 ** 2));
  await until(() => readings.every(({ outcomes }) => outcomes.length === 1));
  t.equal(memory.used, 64 * 1024 ** 2);
  const late = start({ memory });
  late.req.write('x');
  await until(() => late.outcomes.length === 1);
  t.same(late.outcomes, ['messages_too_many']);
  for (const { outcomes } of readings) if (outcomes[0] instanceof MessageBody) outcomes[0].release();
  t.equal(memory.used, 0);
  const next = start({ memory });
  next.req.end('x');
  await until(() => next.outcomes.length === 1);
  t.type(next.outcomes[0], MessageBody);
});

t.test('a body that is too large is refused with its length, or as soon as it is', async (t) => {
  const stated = start({ length: 101, maxBytes: 100 });
  t.same(stated.outcomes, ['body_too_large']);
  const { req, outcomes, memory } = start({ maxBytes: 100 });
  req.write(Buffer.alloc(100));
  await until(() => memory.used > 0);
  t.same(outcomes, []);
  req.write('x');
  await until(() => outcomes.length > 0);
  t.same(outcomes, ['body_too_large']);
  t.equal(memory.used, 0);
});

t.test('an empty body is there at once', async (t) => {
  const { outcomes } = start({ length: 0 });
  t.equal((outcomes[0] as MessageBody).bytes?.length, 0);
});
