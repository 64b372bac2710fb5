import { isRefusal } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import { type Asker, authorize } from './authorize.ts';
import { composeIdentity } from './identity.ts';
import type { Judgement, Ruling } from './route.ts';

/** A judgement in the notes of its token. */
interface Note extends Judgement {
  readonly ruling: Ruling;
  readonly older: Note | undefined;
}

/** Notes are part of what a remembered token costs: so many of so many characters each, and what is beyond is judged each time. */
const MAX_NOTES = 4;
const MAX_NOTE_LENGTH = 512;

/**
 * Authorizes a token and composes its identity headers. Where both rest on the token and the rules alone, the answer is noted with
 * the token while it is remembered; its validity is the verifier's affair on every request.
 */
export function judgeToken(ruling: Ruling, asker: Asker, trace?: Trace): Judgement {
  const { notes } = asker.token;
  if (notes === undefined || trace !== undefined) return judgeAfresh(ruling, asker, trace);
  const newest = notes.newest as Note | undefined;
  let count = 0;
  for (let note = newest; note !== undefined; note = note.older) {
    if (note.ruling !== ruling) count += 1;
    else if (!ruling.access.asksRequest) return note;
    else return { access: authorize(ruling.access, asker), identity: note.identity };
  }
  const judgement = judgeAfresh(ruling, asker);
  if (count < MAX_NOTES && isShort(judgement)) notes.newest = { ruling, ...judgement, older: newest };
  return judgement;
}

function isShort({ identity }: Judgement): boolean {
  if (isRefusal(identity)) return true;
  let length = 0;
  for (const text of identity) length += text.length;
  return length <= MAX_NOTE_LENGTH;
}

function judgeAfresh(ruling: Ruling, asker: Asker, trace?: Trace): Judgement {
  const access = authorize(ruling.access, asker, trace);
  const identity = composeIdentity(ruling.identity, asker.token);
  return { access, identity: isRefusal(identity) ? { ...identity, issuer: asker.token.issuer } : identity };
}
