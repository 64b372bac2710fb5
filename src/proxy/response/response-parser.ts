import type { HeaderPairs } from '../../http/header-pairs.ts';
import { InvalidResponse, ResponseTooLarge } from '../errors.ts';
import { readChunkLine } from './chunk-line.ts';
import type { ResponseEnd } from './response-end.ts';
import { PROTOCOL, PROTOCOL_BYTES, protocolFault } from './response-faults.ts';
import { ResponseFraming } from './response-framing.ts';
import { readFields, readStatusLine } from './response-lines.ts';

/** The head of a response. */
export interface ResponseHead {
  readonly status: number;
  /** The reason phrase, as it came; often empty. */
  readonly reason: string;
  /** Header fields as they came: names and values in turn, one character for each byte. */
  readonly headers: string[];
  /** What ends its body, where there is one. */
  readonly end: ResponseEnd;
}

/** Gets what the parser reads, in order and within the call of `read`. */
export interface ResponseSink {
  /** Also of interim responses (status below 200), of which there may be several before the response. */
  head(head: ResponseHead): void;
  /** A piece of the body: `bytes` from `start` to `end` belong to the caller of `read` and must be copied to be kept. */
  data(bytes: Buffer, start: number, end: number): void;
}

/** Bytes that the header fields, the trailers, or the chunk extensions of one response may have. */
const MAX_FIELD_BYTES = 64 * 1024;

/** Not allowed among trailers (RFC 9110 §6.5.1): some readers take it for the framing of this response or the next. */
const FRAMING = /^(?:content-length|transfer-encoding):/i;
const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const CR = 13;
const LF = 10;
const NO_FIELDS: HeaderPairs = Object.freeze([]) as HeaderPairs;

type State =
  | 'idle'
  | 'head'
  | 'length'
  | 'close'
  | 'chunk-size'
  | 'chunk-data'
  | 'chunk-cr'
  | 'chunk-lf'
  | 'trailers'
  | 'complete';

/**
 * Reads the responses of an HTTP/1.1 backend (RFC 9112), strictly: a response that two readers could read differently is invalid.
 * Length and chunks at once, two lengths, a coding other than `chunked` and folded or broken lines all end the connection.
 */
export class ResponseParser {
  /** Fields after the last chunk. */
  trailers: HeaderPairs = NO_FIELDS;
  /** Whether the backend leaves the connection open for further requests. */
  keepAlive = false;
  /** How long the backend keeps an idle connection, in milliseconds; undefined where it does not state it. */
  keepAliveMs: number | undefined;
  readonly #sink: ResponseSink;
  readonly #framing = new ResponseFraming();
  #state: State = 'idle';
  #method = '';
  /** Bytes of the body or chunk that are still to come. */
  #remaining = 0;
  #extensionBytes = 0;
  #trailerList: string[] | undefined;
  /** What of a line or a head came in earlier pieces; the buffer is longer than what is filled. */
  #kept: Buffer | undefined;
  #keptBytes = 0;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  /** Expects the response to a request of this method. */
  begin(method: string): void {
    this.#state = 'head';
    this.#method = method;
    this.trailers = NO_FIELDS;
    this.keepAlive = false;
    this.#trailerList = undefined;
    this.#extensionBytes = 0;
  }

  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  /** Bytes of the body that are known to come; 0 when that is not known. */
  get expectedBytes(): number {
    return this.#state === 'length' || this.#state === 'chunk-data' ? this.#remaining : 0;
  }

  /**
   * Reads bytes; gives how many it took, which is fewer than there are only where the response ended before. Throws `InvalidResponse`
   * or `ResponseTooLarge`, after which the connection is of no use.
   */
  read(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'complete') at = this.#step(bytes, at);
    return at;
  }

  /** The connection ended in an orderly way: true when that is what ends the response. */
  end(): boolean {
    if (this.#state !== 'close') return this.#state === 'complete';
    this.#state = 'complete';
    return true;
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#head(bytes, at);
      case 'length':
        return this.#lengthData(bytes, at);
      case 'close':
        this.#sink.data(bytes, at, bytes.length);
        return bytes.length;
      case 'chunk-size':
        return this.#chunkSize(bytes, at);
      case 'chunk-data':
        return this.#chunkData(bytes, at);
      case 'chunk-cr':
        return this.#chunkEnd(bytes, at, CR, 'chunk-lf');
      case 'chunk-lf':
        return this.#chunkEnd(bytes, at, LF, 'chunk-size');
      case 'trailers':
        return this.#trailers(bytes, at);
      default:
        throw new InvalidResponse('bytes_unasked');
    }
  }

  #head(bytes: Buffer, at: number): number {
    const found = this.#take(bytes, at, HEAD_END);
    if (found === undefined) {
      // A server of another protocol may wait for us; without this check the request would only end by its timeout.
      const begun = this.#kept?.toString('latin1', 0, Math.min(this.#keptBytes, PROTOCOL_BYTES)) ?? '';
      if (!PROTOCOL.startsWith(begun.slice(0, PROTOCOL.length)))
        throw new InvalidResponse(protocolFault(begun));
      return bytes.length;
    }
    this.#readHead(found.text);
    return found.next;
  }

  #readHead(text: string): void {
    const { status, reason, isOldVersion, next } = readStatusLine(text);
    const headers: string[] = [];
    this.#framing.begin(isOldVersion);
    readFields(text, next, headers, this.#framing);
    const { end, length } = this.#framing;
    if (status < 200) {
      if (isOldVersion) throw new InvalidResponse('interim_http10');
      // Without a body in any case (RFC 9110 §15.2); the response is still to come, but for 101 that ends HTTP/1.1.
      if (status === 101) this.#state = 'complete';
      this.#sink.head({ status, reason, headers, end: 'length' });
      return;
    }
    this.keepAlive = this.#framing.keepsAlive && !this.#mayBeFollowedByBody(status, end, length);
    this.keepAliveMs = this.#framing.keepAliveMs;
    this.#state = this.#bodyState(status, end, length);
    this.#sink.head({ status, reason, headers, end });
  }

  /** RFC 9112 §6.3. */
  #bodyState(status: number, end: ResponseEnd, length: number): State {
    if (this.#method === 'HEAD' || status === 204 || status === 304) return 'complete';
    if (end === 'chunk') return 'chunk-size';
    if (end === 'close') return 'close';
    this.#remaining = length;
    return length === 0 ? 'complete' : 'length';
  }

  /**
   * Some backends send a body where there must be none. Bytes of it that come late would be read as the response to another client's
   * request. So a connection is not reused after a response without a body whose head announces one.
   */
  #mayBeFollowedByBody(status: number, end: ResponseEnd, length: number): boolean {
    if (this.#method === 'HEAD') return true;
    return (status === 204 || status === 304) && (end === 'chunk' || length > 0);
  }

  #lengthData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    if (this.#remaining === 0) this.#state = 'complete';
    this.#sink.data(bytes, at, end);
    return end;
  }

  #chunkSize(bytes: Buffer, at: number): number {
    const found = this.#take(bytes, at, LINE_END);
    if (found === undefined) return bytes.length;
    const { size, extensionBytes } = readChunkLine(found.text);
    this.#extensionBytes += extensionBytes;
    if (this.#extensionBytes > MAX_FIELD_BYTES) throw new ResponseTooLarge('chunk_extensions_too_large');
    this.#remaining = size;
    this.#state = this.#remaining === 0 ? 'trailers' : 'chunk-data';
    return found.next;
  }

  #chunkData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    if (this.#remaining === 0) this.#state = 'chunk-cr';
    this.#sink.data(bytes, at, end);
    return end;
  }

  /** One of the two bytes after a chunk. */
  #chunkEnd(bytes: Buffer, at: number, expected: number, next: State): number {
    if (bytes[at] !== expected) throw new InvalidResponse('chunk_overlong');
    this.#state = next;
    return at + 1;
  }

  /** Field lines up to an empty one; the first line may be that. */
  #trailers(bytes: Buffer, at: number): number {
    const found = this.#take(bytes, at, LINE_END);
    if (found === undefined) return bytes.length;
    if (found.text === '\r\n') {
      this.#state = 'complete';
      return found.next;
    }
    this.#extensionBytes += found.text.length;
    if (this.#extensionBytes > MAX_FIELD_BYTES) throw new ResponseTooLarge('trailers_too_large');
    if (FRAMING.test(found.text)) throw new InvalidResponse('trailer_framing');
    readFields(`${found.text}\r\n`, 0, this.#trailersSoFar());
    return found.next;
  }

  #trailersSoFar(): string[] {
    if (this.#trailerList === undefined) this.trailers = this.#trailerList = [];
    return this.#trailerList;
  }

  get #overflow(): 'fields_too_large' | 'chunk_extensions_too_large' | 'trailers_too_large' {
    if (this.#state === 'trailers') return 'trailers_too_large';
    return this.#state === 'chunk-size' ? 'chunk_extensions_too_large' : 'fields_too_large';
  }

  /**
   * The text up to and with `mark`, with what was kept of it from earlier pieces, and where to go on; undefined when the mark has
   * not come, and then everything is kept.
   */
  #take(bytes: Buffer, at: number, mark: Buffer): { text: string; next: number } | undefined {
    if (this.#keptBytes === 0) {
      const found = bytes.indexOf(mark, at);
      if (found !== -1) {
        const next = found + mark.length;
        if (next - at > MAX_FIELD_BYTES) throw new ResponseTooLarge(this.#overflow);
        return { text: bytes.toString('latin1', at, next), next };
      }
    }
    const before = this.#keptBytes;
    const kept = this.#keep(bytes, at);
    const found = kept.indexOf(mark, Math.max(0, before - mark.length + 1));
    const end = found === -1 ? kept.length : found + mark.length;
    if (end > MAX_FIELD_BYTES) throw new ResponseTooLarge(this.#overflow);
    if (found === -1) {
      refuseBareLineFeed(kept, before);
      return undefined;
    }
    this.#keptBytes = 0;
    this.#kept = undefined;
    return { text: kept.toString('latin1', 0, end), next: at + end - before };
  }

  /** Adds to what is kept. Doubles its room, so that a response that comes byte by byte is not copied for each of them. */
  #keep(bytes: Buffer, at: number): Buffer {
    const needed = this.#keptBytes + bytes.length - at;
    if (this.#kept === undefined || this.#kept.length < needed) {
      const roomier = Buffer.allocUnsafe(Math.max(1024, needed * 2));
      this.#kept?.copy(roomier, 0, 0, this.#keptBytes);
      this.#kept = roomier;
    }
    bytes.copy(this.#kept, this.#keptBytes, at);
    this.#keptBytes = needed;
    return this.#kept.subarray(0, needed);
  }
}

/** A backend that ends lines with LF alone has sent everything: waiting for CR LF would end in a timeout. */
function refuseBareLineFeed(bytes: Buffer, start: number): void {
  for (let at = bytes.indexOf(LF, start); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) throw new InvalidResponse('line_ends_with_lf');
  }
}
