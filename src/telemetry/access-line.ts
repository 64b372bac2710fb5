import { isoTime } from './iso-time.ts';

/** What the one access line of a request says (contract §6). `undefined` fields are left out. */
export interface AccessRecord {
  readonly requestId: string;
  readonly method: string;
  /** As sent, without query, cut to 1,024 characters. The only place where a path is logged. */
  readonly path: string;
  readonly status: number;
  readonly route: string | undefined;
  /** `allow`, or the code of the refusal. */
  readonly code: string;
  readonly reason: string | undefined;
  /** The configured name of the issuer. */
  readonly issuer: string | undefined;
  readonly client: string;
  readonly durationMs: number;
  readonly upstreamMs: number | undefined;
  readonly subject: string | undefined;
  /** The code with which access rules that only report would have refused; `reason` says why. */
  readonly wouldRefuse?: string | undefined;
}

/** What JSON may not hold unescaped, what a terminal would obey, and what may be half of a character. */
const NEEDS_ESCAPES = /[^ !#-[\]-~]/;

/**
 * Renders an access line as pino would, by hand: this line is written for every request, and a general
 * serialiser costs ten times as much. `undefined` fields are left out; every text is escaped that needs it.
 * The line is put together of as few pieces as can be, because each is a node of a tree that has yet to be flattened.
 */
export function renderAccessLine(level: 'info' | 'error', record: AccessRecord): string {
  const { upstreamMs, subject, wouldRefuse } = record;
  return (
    beginning(level) +
    plain(record.requestId) +
    '","method":"' +
    plain(record.method) +
    '","path":"' +
    plain(record.path) +
    '","status":' +
    record.status +
    verdict(record) +
    plain(record.client) +
    '","durationMs":' +
    record.durationMs +
    (upstreamMs === undefined ? '' : `,"upstreamMs":${upstreamMs}`) +
    (subject === undefined ? '' : textField('subject', subject)) +
    (wouldRefuse === undefined ? '' : textField('wouldRefuse', wouldRefuse)) +
    ',"msg":"request"}\n'
  );
}

let begunAt = '';
let begun = '';

/** Up to the request's id; the same for all lines of a millisecond. */
function beginning(level: 'info' | 'error'): string {
  const time = isoTime();
  if (level === 'error') return `{"time":"${time}","level":"error","requestId":"`;
  if (time !== begunAt) {
    begunAt = time;
    begun = `{"time":"${time}","level":"info","requestId":"`;
  }
  return begun;
}

interface Verdict {
  readonly code: string;
  readonly reason: string | undefined;
  readonly issuer: string | undefined;
  readonly text: string;
}

/** The latest verdict of each route; most requests of a route get the same. */
const verdicts = new Map<string, Verdict>();
const MAX_VERDICTS = 4096;

/** From the route to where the client's address begins. */
function verdict({ route, code, reason, issuer }: AccessRecord): string {
  const known = verdicts.get(route ?? '');
  if (known !== undefined && known.code === code && known.reason === reason && known.issuer === issuer)
    return known.text;
  const text = [
    textField('route', route),
    textField('code', code),
    textField('reason', reason),
    textField('issuer', issuer),
    ',"client":"',
  ].join('');
  if (verdicts.size >= MAX_VERDICTS) verdicts.clear();
  verdicts.set(route ?? '', { code, reason, issuer, text });
  return text;
}

function textField(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":"${plain(value)}"`;
}

/** What stands between the quotes. */
function plain(text: string): string {
  return NEEDS_ESCAPES.test(text) ? JSON.stringify(text).slice(1, -1) : text;
}
