import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Scheduler } from '../../core/time/scheduler.ts';
import type { IncomingRequest } from '../../http/client-messages.ts';
import type { MessageMemory } from './message-memory.ts';

/** A whole message has this long to arrive. */
const TOTAL_MS = 30_000;
/** The first piece of memory; a message that is longer than stated, or than this, gets twice as much each time. */
const FIRST_BYTES = 4 * 1024;

export interface BodyReading {
  readonly maxBytes: number;
  /** Longest gap between two pieces, in milliseconds. */
  readonly idleMs: number;
  /** As stated; undefined where the body ends with its last chunk. */
  readonly length: number | undefined;
  readonly memory: MessageMemory;
  readonly scheduler: Scheduler;
}

/** A body that was read whole. Its memory counts until it is released. */
export class MessageBody {
  #bytes: Buffer | undefined;
  #release: (() => void) | undefined;

  constructor(bytes: Buffer, release: () => void) {
    this.#bytes = bytes;
    this.#release = release;
  }

  /** Undefined once it is released. */
  get bytes(): Buffer | undefined {
    return this.#bytes;
  }

  release(): void {
    this.#bytes = undefined;
    this.#release?.();
    this.#release = undefined;
  }
}

const TOO_LARGE = refuse('body_too_large', 'the message is larger than the route allows');
const TOO_SLOW = refuse('message_slow', 'the message took longer than 30 seconds to arrive');
const STALLED = refuse('body_stalled', 'nothing of the message came for listen.limits.bodyIdle');
const NO_ROOM = refuse('messages_too_many', 'the messages in memory take all that they may', {
  retryAfterSeconds: 1,
});

/**
 * Reads the body of a request into memory of its own, which is counted before it is taken: pieces as they arrive hold on to far more
 * than they contain. Calls `then` once, unless the client leaves: then the memory is released, and nothing follows. Returns what ends
 * the reading in the same way, for a request that is over before its body is: Node closes none whose response is out.
 */
export function readBody(
  req: IncomingRequest,
  reading: BodyReading,
  then: (outcome: MessageBody | Refusal) => void,
): () => void {
  const { maxBytes, length } = reading;
  if (length === 0) then(new MessageBody(Buffer.alloc(0), ignore));
  else if (length !== undefined && length > maxBytes) then(TOO_LARGE);
  else return new BodyReader(req, reading, then).start();
  return ignore;
}

class BodyReader {
  readonly #req: IncomingRequest;
  readonly #reading: BodyReading;
  readonly #then: (outcome: MessageBody | Refusal) => void;
  #memory = Buffer.alloc(0);
  #used = 0;
  #isOver = false;
  #cancelTotal: (() => void) | undefined;
  #cancelIdle: (() => void) | undefined;

  constructor(req: IncomingRequest, reading: BodyReading, then: (outcome: MessageBody | Refusal) => void) {
    this.#req = req;
    this.#reading = reading;
    this.#then = then;
  }

  /** Returns what ends it. */
  start(): () => void {
    const { scheduler } = this.#reading;
    const req = this.#req;
    this.#cancelTotal = scheduler.after(TOTAL_MS, () => this.#refuse(TOO_SLOW));
    this.#awaitNext();
    req.on('data', this.#onData);
    req.on('end', this.#onEnd);
    req.on('error', this.#onGone);
    req.on('close', this.#onGone);
    req.resume();
    return this.#onGone;
  }

  #onData = (piece: Buffer): void => {
    const needed = this.#used + piece.length;
    if (needed > this.#reading.maxBytes) {
      this.#refuse(TOO_LARGE);
    } else if (!this.#makeRoom(needed)) {
      this.#refuse(NO_ROOM);
    } else {
      piece.copy(this.#memory, this.#used);
      this.#used = needed;
      this.#awaitNext();
    }
  };

  #onEnd = (): void => {
    // Node ends the body of a stream that was reset, too.
    if (!this.#req.complete) {
      this.#onGone();
      return;
    }
    this.#letGo();
    const { memory } = this.#reading;
    const taken = this.#memory.length;
    this.#then(new MessageBody(this.#memory.subarray(0, this.#used), () => memory.release(taken)));
  };

  #onGone = (): void => {
    if (this.#isOver) return;
    this.#letGo();
    this.#releaseAll();
  };

  #refuse(refusal: Refusal): void {
    this.#letGo();
    this.#releaseAll();
    this.#then(refusal);
  }

  #makeRoom(needed: number): boolean {
    const size = this.#memory.length;
    if (needed <= size) return true;
    const { maxBytes, length = maxBytes, memory } = this.#reading;
    const wanted = Math.max(needed, Math.min(length, Math.max(FIRST_BYTES, size * 2)));
    if (!memory.acquire(wanted - size)) return false;
    const larger = Buffer.allocUnsafeSlow(wanted);
    this.#memory.copy(larger, 0, 0, this.#used);
    this.#memory = larger;
    return true;
  }

  #releaseAll(): void {
    this.#reading.memory.release(this.#memory.length);
    this.#memory = Buffer.alloc(0);
  }

  #awaitNext(): void {
    const { idleMs, scheduler } = this.#reading;
    if (idleMs >= TOTAL_MS) return;
    this.#cancelIdle?.();
    this.#cancelIdle = scheduler.after(idleMs, () => this.#refuse(STALLED));
  }

  /** Keeps a listener for errors: there is no other. */
  #letGo(): void {
    this.#isOver = true;
    this.#cancelTotal?.();
    this.#cancelIdle?.();
    const req = this.#req;
    req.off('data', this.#onData);
    req.off('end', this.#onEnd);
    req.off('close', this.#onGone);
    req.off('error', this.#onGone);
    req.on('error', ignore);
  }
}

function ignore(): void {}
