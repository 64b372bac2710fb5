import t from 'tap';
import { type RawUpstream, response, startRawUpstream } from '../support/backends/upstream.ts';
import { readResponseByNode } from '../support/clients/node-response.ts';
import { RawClient } from '../support/clients/raw-client.ts';
import { checkResponse } from '../support/clients/read-response.ts';
import { type Forwarder, type Outcome, startForwarder } from '../support/proxy/forwarder.ts';
import { createRandom, type MutatedResponse, mutateResponse } from './mutated-responses.ts';

/** A few in the suite; `npm run fuzz` runs more cases or minutes. */
const CASES = Number(process.env.FUZZ_CASES ?? 400);
const MINUTES = Number(process.env.FUZZ_MINUTES ?? 1);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000);
const LANES = 4;
/** Cases of one lane before it is replaced: its records for tests would grow without limit. */
const ROUND = 1_000;
/** Longer than every timeout of the gateway below, on a machine under load. */
const HANG_MS = 20_000;

/** What the backend does after writing its bytes. */
const ENDINGS = ['end', 'end', 'end', 'reset', 'stay'] as const;

interface Case extends MutatedResponse {
  readonly ending: (typeof ENDINGS)[number];
}

/** A backend, the forwarder in front of it, and one case at a time. */
interface Lane {
  readonly backend: RawUpstream;
  readonly gateway: Forwarder;
  now: Case | undefined;
}

async function openLane(): Promise<Lane> {
  let lane: Lane | undefined;
  const backend = await startRawUpstream(async ({ socket, target }) => {
    const one = lane?.now;
    if (target.startsWith('/of/') || one === undefined) {
      socket.write(response('200 OK', [], `for ${target}`));
      return;
    }
    for (const piece of one.pieces) {
      socket.write(piece);
      await new Promise(setImmediate);
    }
    if (one.ending === 'end') socket.end();
    if (one.ending === 'reset') socket.resetAndDestroy();
  });
  const gateway = await startForwarder(backend.url, { timeouts: { responseMs: 500, idleMs: 500 } });
  lane = { backend, gateway, now: undefined };
  return lane;
}

/** All bytes that one client gets for one request; undefined when they do not end. */
async function ask(gateway: Forwarder, method: string, target: string): Promise<string | undefined> {
  const client = new RawClient(gateway.port);
  const timer = setTimeout(() => client.destroy(), HANG_MS);
  client.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  const before = performance.now();
  const { text } = await client.end();
  clearTimeout(timer);
  return performance.now() - before < HANG_MS ? text : undefined;
}

/** The fault in a client's bytes, compared with the log; undefined if there is none. */
async function faultOf(one: Case, text: string | undefined, outcome: Outcome): Promise<string | undefined> {
  if (text === undefined) return 'it hangs';
  if (outcome.kind === 'abandoned') return 'the log has the client leaving';
  const bytes = [Buffer.from(text, 'latin1')];
  const read = await readResponseByNode(bytes, one.method);
  const ours = checkResponse(bytes, one.method);
  const status = outcome.kind === 'refused' ? undefined : outcome.status;
  if (outcome.kind === 'refused') {
    if (read === undefined) return 'a refusal that is not whole';
    if (one.method !== 'HEAD' && JSON.parse(read.body).code !== outcome.refusal.code) return 'another code';
    if (!['upstream_invalid', 'upstream_timeout', 'upstream_unreachable'].includes(outcome.refusal.code))
      return 'a refusal for another reason';
  } else if (outcome.failure !== undefined) {
    if (read !== undefined) return 'a broken response that passes for a whole one';
    if (!text.startsWith(`HTTP/1.1 ${status} `)) return 'another status';
  } else {
    if (read === undefined) return 'not whole, and the log does not report it';
    if (read.status !== status) return 'another status';
    const sent = checkResponse(one.pieces, one.method);
    if (typeof sent === 'string' || sent.endedBy === 'nothing') return 'whole, of what is no response';
    if (sent.body !== read.body) return 'another body';
  }
  if (typeof ours !== 'string' && ours.surplus > 0) return 'more than one response';
  return undefined;
}

t.test(
  `mutated responses: one whole response or a visible break, matching the log (seed ${SEED})`,
  async (t) => {
    const random = createRandom(SEED);
    const endsAt = performance.now() + MINUTES * 60_000;
    const wrong: unknown[] = [];
    const tally: Record<string, number> = {};
    let played = 0;

    const isGoingOn = (): boolean => played < CASES && performance.now() < endsAt && wrong.length < 5;
    const play = async (lane: Lane): Promise<void> => {
      played += 1;
      const number = played;
      const one: Case = { ...mutateResponse(random), ending: ENDINGS[random(ENDINGS.length)] ?? 'end' };
      lane.now = one;
      const text = await ask(lane.gateway, one.method, '/');
      const outcome = await lane.gateway.nextOutcome();
      const fault = await faultOf(one, text, outcome);
      // No bytes of this case may reach another client.
      const target = `/of/${number}`;
      const next = await ask(lane.gateway, 'GET', target);
      const nextOutcome = await lane.gateway.nextOutcome();
      const isNextFine =
        (next?.endsWith(`for ${target}`) && nextOutcome.kind === 'finished') ||
        // On a machine under load.
        (nextOutcome.kind === 'refused' && nextOutcome.refusal.code === 'upstream_timeout');
      if (fault !== undefined || !isNextFine) {
        wrong.push({
          number,
          fault,
          next,
          ending: one.ending,
          method: one.method,
          bytes: one.text,
          text,
          outcome,
        });
      }
      const failure = outcome.kind === 'finished' ? outcome.failure : undefined;
      const kind =
        outcome.kind === 'refused' ? outcome.refusal.code : failure === undefined ? 'whole' : 'broken off';
      tally[kind] = (tally[kind] ?? 0) + 1;
    };
    const playRound = async (): Promise<void> => {
      const lane = await openLane();
      for (let left = ROUND; left > 0 && isGoingOn(); left--) await play(lane);
      await lane.gateway.close();
      await lane.backend.close();
    };
    await Promise.all(
      Array.from({ length: LANES }, async () => {
        while (isGoingOn()) await playRound();
      }),
    );

    t.comment(JSON.stringify({ played, ...tally }));
    t.strictSame(wrong, [], 'nothing of it is wrong');
    t.ok((tally.whole ?? 0) > played / 10, 'many were relayed');
    t.ok((tally.upstream_invalid ?? 0) > played / 10, 'many were refused');
  },
);
