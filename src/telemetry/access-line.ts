import { escapeLines } from '../core/escape.ts';
import { isoTime } from './iso-time.ts';
import { millisText } from './millis-text.ts';

/** What the one access line of a request says. `undefined` fields are left out. */
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
  /** The name of the backend that was asked, and the origin of the address that was asked last. */
  readonly upstream?: string | undefined;
  readonly upstreamAddress?: string | undefined;
  readonly upstreamMs: number | undefined;
  readonly subject: string | undefined;
  /** The code with which access rules that only report would have refused; `reason` says why. */
  readonly wouldRefuse?: string | undefined;
}

/** Everything but printable ASCII that JSON takes as it is: a quick look, since hardly any text of a request has more. */
const NEEDS_ESCAPES = /[^ !#-[\]-~]/;

/**
 * Renders an access line as pino would, by hand: this line is written for every request, and a general
 * serializer costs ten times as much. `undefined` fields are left out; every text is escaped that needs it.
 * The line is put together of as few pieces as can be, because each is a node of a tree that has yet to be flattened.
 */
export function renderAccessLine(
  level: 'info' | 'error',
  record: AccessRecord,
  end = accessLineEnd(undefined),
): string {
  const { route, reason, issuer, upstream, upstreamAddress, upstreamMs, subject, wouldRefuse } = record;
  return (
    beginning(level) +
    plain(record.requestId) +
    '","method":"' +
    plain(record.method) +
    '","path":"' +
    plain(record.path) +
    '","status":' +
    record.status +
    (route === undefined ? ',"code":"' : `,"route":"${plain(route)}","code":"`) +
    plain(record.code) +
    (reason === undefined ? '"' : `","reason":"${plain(reason)}"`) +
    (issuer === undefined ? ',"client":"' : `,"issuer":"${plain(issuer)}","client":"`) +
    plain(record.client) +
    '","durationMs":' +
    millisText(record.durationMs) +
    (upstream === undefined ? '' : textField('upstream', upstream)) +
    (upstreamAddress === undefined ? '' : textField('upstreamAddress', upstreamAddress)) +
    (upstreamMs === undefined ? '' : `,"upstreamMs":${millisText(upstreamMs)}`) +
    (subject === undefined ? '' : textField('subject', subject)) +
    (wouldRefuse === undefined ? '' : textField('wouldRefuse', wouldRefuse)) +
    end
  );
}

/** How all lines of a process end: with the number of the worker, where there are several. */
export function accessLineEnd(worker: number | undefined): string {
  return `${worker === undefined ? '' : `,"worker":${worker}`},"msg":"request"}\n`;
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

function textField(name: string, value: string): string {
  return `,"${name}":"${plain(value)}"`;
}

/** What stands between the quotes. */
function plain(text: string): string {
  return NEEDS_ESCAPES.test(text) ? escapeLines(JSON.stringify(text).slice(1, -1)) : text;
}
