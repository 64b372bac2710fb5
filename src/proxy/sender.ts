import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { AnswerHead } from './answer-parser.ts';
import type { HeaderPairs } from './headers.ts';
import type { Release } from './lent-buffer.ts';

/** One request to a backend, whatever version of HTTP it speaks. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Without anything that frames the message or concerns the connection, but for `content-length`, which `bodyLength` stands for. */
  readonly headers: HeaderPairs;
  readonly body: Readable | null;
  /** Bytes of the body; undefined when it ends with its last chunk. */
  readonly bodyLength: number | undefined;
  /** Longest time from the end of the request to the head of the answer. */
  readonly responseMs: number;
  /** Longest gap in the body of the answer. */
  readonly idleMs: number;
  /** Asks for a WebSocket. */
  readonly isHandshake: boolean;
}

/** What carries a request: a connection of its own for the while, or a stream on a shared one. */
export interface Carrier {
  /** Requests that the connection carried before. */
  readonly served: number;
  /** Whether any byte of an answer to this request came. */
  readonly hasAnswered: boolean;
  /** Goes on after `onData` gave false. */
  resume(): void;
  /** Ends the request; its handler hears of the error before this returns. */
  destroy(error: Error): void;
}

/** Hears how a request fares: the head, pieces and end of its answer, or an error at any moment. Then nothing more. */
export interface AnswerHandler {
  /** The request is about to be written; false calls it off, and nothing more is heard. */
  onCarrier(carrier: Carrier): boolean;
  /** The head of the answer, or an interim one (status below 200). */
  onHead(head: AnswerHead): void;
  /** All that came so far was told, and it ended with the head. */
  onQuiet?(): void;
  /** False asks for a pause; what was read already may still come. `release` says that `chunk` is not needed any more. */
  onData(chunk: Buffer, release?: Release): boolean;
  /** `rest` is the end of the body where that was not told as data: one character for each byte. */
  onComplete(trailers: HeaderPairs, rest: string): void;
  /** The backend agreed to the handshake: the socket is the handler's now. */
  onUpgrade?(head: AnswerHead, socket: Socket): void;
  onError(error: Error): void;
}

/** A request and who hears of it. */
export interface Sending {
  readonly request: UpstreamRequest;
  readonly handler: AnswerHandler;
}

/** Sends requests to one address. */
export interface Sender {
  send(request: UpstreamRequest, handler: AnswerHandler): void;
  /** Connections that are up. */
  readonly connections: number;
  /** Lets running requests finish, then closes every connection. */
  close(): Promise<void>;
  /** Breaks running requests off. */
  destroy(): Promise<void>;
}

/** No more requests are sent: the backend left the configuration. */
export class SenderClosed extends Error {
  readonly code = 'SEALGATE_SENDER_CLOSED';
}
