import type { ReadBuffering } from '../connector.ts';
import type { DispatchHandler } from '../dispatcher.ts';
import { type ResponseHead, ResponseParser } from '../response/response-parser.ts';
import { ReadBuffer } from './read-buffer.ts';

const NONE: ResponseHead[] = [];

/**
 * Reads the responses of one connection. What a read brought is parsed to its end before any of it is relayed: a fault after a good
 * head then still becomes a response of the gateway; otherwise the client would get the head alone.
 */
export class ResponseReader {
  /** The final head that the last read brought, or a 101. */
  head: ResponseHead | undefined;
  readonly #buffer = new ReadBuffer();
  readonly #parser = new ResponseParser({
    head: (head) => this.#head(head),
    data: (_bytes, start, end) => this.#data(start, end),
  });
  #interim: ResponseHead[] = NONE;
  /** Where the pieces of the body begin and end in what was read, in turn; as many numbers as `#marked` are of the last read. */
  readonly #marks: number[] = [];
  #marked = 0;

  /** How a socket reads into the buffer (`onread` of `net.connect`); `take` passes to `parse` what came. */
  reading(take: (bytes: Buffer) => void): ReadBuffering {
    return this.#buffer.reading(() => this.#parser.expectedBytes, take);
  }

  /** Expects the response to a request of this method. */
  begin(method: string): void {
    this.#parser.begin(method);
  }

  /** Parses all of `bytes` that belongs to the response; gives how many these are. Throws as the parser does. */
  parse(bytes: Buffer): number {
    this.head = undefined;
    this.#interim = NONE;
    this.#marked = 0;
    return this.#parser.read(bytes);
  }

  get isComplete(): boolean {
    return this.#parser.isComplete;
  }

  /** How many pieces of the body the last read brought. */
  get pieces(): number {
    return this.#marked / 2;
  }

  /** The interim heads (1xx) that the last read brought. */
  get interim(): readonly ResponseHead[] {
    return this.#interim;
  }

  get trailers(): ResponseParser['trailers'] {
    return this.#parser.trailers;
  }

  get keepAlive(): boolean {
    return this.#parser.keepAlive;
  }

  get keepAliveMs(): number | undefined {
    return this.#parser.keepAliveMs;
  }

  /** The connection ended in an orderly way: true when that is what ends the response. */
  end(): boolean {
    return this.#parser.end();
  }

  /** Hands one piece of what was read on; false asks for a pause. */
  relayPiece(at: number, bytes: Buffer, handler: DispatchHandler): boolean {
    const [start, end] = [this.#marks[2 * at] as number, this.#marks[2 * at + 1] as number];
    return this.#buffer.handOn(bytes, start, end, handler);
  }

  #head(head: ResponseHead): void {
    if (head.status >= 200 || head.status === 101) this.head = head;
    else if (this.#interim === NONE) this.#interim = [head];
    else this.#interim.push(head);
  }

  #data(start: number, end: number): void {
    this.#marks[this.#marked] = start;
    this.#marks[this.#marked + 1] = end;
    this.#marked += 2;
  }
}
