import { isRefusal } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import { type Asker, authorize } from './authorize.ts';
import { composeIdentity } from './identity.ts';
import type { Judgement, Ruling } from './route.ts';

/** A judgement in the notes of its token. */
interface Note {
  readonly ruling: Ruling;
  readonly judgement: Judgement;
}

/** Notes are part of what a remembered token costs: so many of so many characters each, and what is beyond is judged each time. */
const MAX_NOTES = 4;
const MAX_NOTE_LENGTH = 1_024;

/**
 * Authorizes a token and composes its identity headers. Where both rest on the token and the rules alone, the answer is noted with
 * the token while it is remembered; its validity is the verifier's affair on every request.
 */
export function judgeToken(ruling: Ruling, asker: Asker, trace?: Trace): Judgement {
  const notes = trace === undefined ? (asker.token.notes as Note[] | undefined) : undefined;
  if (notes === undefined) return judgeAfresh(ruling, asker, trace);
  const known = findNote(notes, ruling);
  if (known === undefined) {
    const judgement = judgeAfresh(ruling, asker);
    if (notes.length < MAX_NOTES && isShort(judgement)) notes.push({ ruling, judgement });
    return judgement;
  }
  if (!ruling.access.asksRequest) return known;
  return { access: authorize(ruling.access, asker), identity: known.identity };
}

function findNote(notes: readonly Note[], ruling: Ruling): Judgement | undefined {
  for (let at = 0; at < notes.length; at += 1) {
    const note = notes[at] as Note;
    if (note.ruling === ruling) return note.judgement;
  }
  return undefined;
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
