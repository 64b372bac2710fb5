import type { IncomingRequest, OutgoingResponse } from '../../http/client-messages.ts';
import { PREFIX_BYTES } from './framing.ts';
import type { ReadingCalls } from './reading-calls.ts';

/** Status codes of gRPC that calls end with. */
export const CODE = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;
export type Code = (typeof CODE)[keyof typeof CODE];

const CONTENT_TYPE = 'application/grpc';
/** Of Protocol Buffers, which is also what no subtype stands for. */
const ACCEPTED_TYPE = /^application\/grpc(?:\+proto)?(?:$|[ \t;])/i;
const HEAD = ['content-type', CONTENT_TYPE];
const OK_TRAILERS = ['grpc-status', '0'];
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
/** What timers of Node can wait: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** What the calls of one listener share. */
export interface GrpcCalls {
  readonly reading: ReadingCalls;
  /** Hears of bugs, which fail their call. */
  readonly onError: (error: unknown) => void;
}

/** One call of gRPC over HTTP/2, with one message from the client. It ends once; what comes later is ignored. */
export class GrpcCall {
  readonly req: IncomingRequest;
  readonly res: OutgoingResponse;
  /** Time that the client still gives the call, in milliseconds; undefined for a client that names none. */
  readonly #timeoutMs: number | undefined;
  readonly #startedAtMs = performance.now();
  readonly #calls: GrpcCalls;
  /** See `ReadingCalls`. */
  readUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** Undefined for a request that is no call of gRPC, which has its response then. */
  static of(req: IncomingRequest, res: OutgoingResponse, calls: GrpcCalls): GrpcCall | undefined {
    if (req.method !== 'POST') {
      res.endWithHead(405, ['allow', 'POST']);
      return undefined;
    }
    if (!ACCEPTED_TYPE.test(req.headers['content-type'] ?? '')) {
      res.endWithHead(415, []);
      return undefined;
    }
    const call = new GrpcCall(req, res, calls);
    if (call.#timeoutMs === undefined || !Number.isNaN(call.#timeoutMs)) return call;
    call.fail(CODE.invalidArgument, 'grpc-timeout is malformed');
    return undefined;
  }

  private constructor(req: IncomingRequest, res: OutgoingResponse, calls: GrpcCalls) {
    this.req = req;
    this.res = res;
    this.#calls = calls;
    this.#timeoutMs = timeoutOf(req.headers['grpc-timeout']);
  }

  get isOver(): boolean {
    return this.#isOver || this.res.destroyed;
  }

  /** Reads the message of the client, or fails the call. `timeoutMs` is the longest time for it. */
  read(
    { maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number },
    then: (message: Buffer) => void,
  ): void {
    const { req } = this;
    const { reading } = this.#calls;
    let chunks: Buffer[] = [];
    let bytes = 0;
    this.readUntilMs = this.#startedAtMs + Math.min(timeoutMs, this.#timeoutMs ?? timeoutMs);
    reading.add(this);
    req.on('data', (chunk: Buffer) => {
      if (this.#isOver) return;
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= maxBytes + PREFIX_BYTES) return;
      chunks = [];
      this.fail(CODE.resourceExhausted, `the message is larger than ${maxBytes} bytes`);
    });
    req.once('end', () => {
      reading.delete(this);
      // A stream that was reset ends, too.
      if (this.isOver || !req.complete) return;
      const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      if (body.length < PREFIX_BYTES || body.readUInt32BE(1) !== body.length - PREFIX_BYTES)
        this.fail(CODE.invalidArgument, 'the call does not bring one whole message');
      else if (body[0] !== 0)
        this.fail(CODE.unimplemented, 'the message is compressed', ['grpc-accept-encoding', 'identity']);
      else this.#guard(() => then(body.subarray(PREFIX_BYTES)));
    });
  }

  /** From now on the call ends at the client's deadline. */
  onDeadline(passed: () => void): void {
    if (this.#timeoutMs === undefined || this.#isOver) return;
    const leftMs = this.#timeoutMs - (performance.now() - this.#startedAtMs);
    this.#timer = setTimeout(() => this.#guard(passed), Math.min(Math.max(leftMs, 0), LONGEST_MS));
    this.res.once('close', () => clearTimeout(this.#timer));
  }

  /** Ends the call with its one message, prefix and all. */
  reply(message: Buffer): void {
    if (!this.#end()) return;
    const { res } = this;
    res.writeHead(200, undefined, HEAD);
    res.sendTrailers(OK_TRAILERS);
    res.end(message);
  }

  /** Sends one of several messages, prefix and all. */
  send(message: Buffer): void {
    if (this.isOver) return;
    if (!this.res.headersSent) this.res.writeHead(200, undefined, HEAD);
    this.res.write(message);
  }

  /** Ends the call without a message, or without a further one. `reason` is ASCII without `%`. */
  fail(code: Exclude<Code, 0>, reason: string, fields: readonly string[] = []): void {
    if (!this.#end()) return;
    const { res } = this;
    const status = ['grpc-status', String(code), 'grpc-message', reason, ...fields];
    if (!res.headersSent) {
      res.endWithHead(200, [...HEAD, ...status]);
      return;
    }
    res.sendTrailers(status);
    res.end();
  }

  messageIsLate(): void {
    this.fail(CODE.deadlineExceeded, 'the message did not arrive in time');
  }

  /** No error of ours ends more than its call. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#calls.onError(error);
      this.fail(CODE.internal, 'internal');
    }
  }

  /** False where the call is over already. */
  #end(): boolean {
    clearTimeout(this.#timer);
    if (this.isOver) return false;
    this.#isOver = true;
    return true;
  }
}

/** NaN for what is malformed. */
function timeoutOf(value: string | string[] | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [, count, unit] = TIMEOUT.exec(String(value)) ?? [];
  return Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
}
