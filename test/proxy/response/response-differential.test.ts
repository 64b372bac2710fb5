import t from 'tap';
import { createRandom, type MutatedResponse, mutateResponse } from '../../fuzz/mutated-responses.ts';
import { readResponseByNode } from '../../support/clients/node-response.ts';
import {
  checkResponse,
  type ParsedResponse,
  type ReadResponse,
} from '../../support/clients/read-response.ts';

const CASES = Number(process.env.RESPONSE_CASES ?? 20_000);
const SEED = Number(process.env.RESPONSE_SEED ?? Date.now() % 1_000_000_000);
const AT_ONCE = 100;

/** Responses that we take and Node does not, or takes for another: what it is, and why that is well. */
const EXCEPTIONS: Readonly<
  Record<string, (ours: ParsedResponse, { method, text }: MutatedResponse) => boolean>
> = {
  // The parser stops there, and the connection takes it for a response to a handshake only.
  'a change of protocol': ({ interim }) => interim.includes(101),
  // RFC 9112 §7.1.1 wants them read over, and old servers pad every size with them; Node does neither.
  'a chunk size with blanks behind it': (_, { text }) => /^[0-9a-f]+(?:[\t ]|;[^\r\n]*[\t ])/im.test(text),
  // The field is about the connection after the response. Node takes the interim response itself for the last one.
  'an interim response that announces the close': ({ interim }, { text }) =>
    interim.length > 0 && /connection:[^\r]*close/i.test(text.slice(0, text.lastIndexOf('HTTP/1.'))),
};

function essence({ interim, status, reason, headers, body, trailers }: ReadResponse): string {
  return JSON.stringify([interim, status, reason, headers, body, trailers]);
}

t.test(`what we take for a response Node takes for the same one (seed ${SEED})`, async (t) => {
  const random = createRandom(SEED);
  const wrong: unknown[] = [];
  const tally = { both: 0, neither: 0, 'only Node': 0 };
  const excepted: Record<string, number> = {};

  const play = async (one: MutatedResponse): Promise<void> => {
    const ours = checkResponse(one.pieces, one.method);
    const nodes = await readResponseByNode(one.pieces, one.method);
    if (typeof ours === 'string' || ours.endedBy === 'nothing') {
      tally[nodes === undefined ? 'neither' : 'only Node'] += 1;
      return;
    }
    if (nodes !== undefined && essence(ours) === essence(nodes)) {
      tally.both += 1;
      return;
    }
    const exception = Object.keys(EXCEPTIONS).find((name) => EXCEPTIONS[name]?.(ours, one));
    if (exception === undefined)
      wrong.push({ method: one.method, text: one.text, ours: essence(ours), nodes: nodes && essence(nodes) });
    else excepted[exception] = (excepted[exception] ?? 0) + 1;
  };
  for (let left = CASES; left > 0; left -= AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, () => play(mutateResponse(random))));
  }

  t.comment(JSON.stringify({ ...tally, ...excepted }));
  t.strictSame(wrong.slice(0, 5), [], `${wrong.length} responses are read in two ways`);
  t.ok(tally.both > CASES / 5, 'many were responses');
  t.ok(tally.neither > CASES / 5, 'and many were not');
});
