import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { HeaderPairs } from '../http/header-pairs.ts';
import type { ConnectOptions } from './connector.ts';
import type { Release } from './pooled-buffer.ts';
import type { ResponseHead } from './response/response-parser.ts';

export interface UpstreamTimeouts {
  readonly connectMs: number;
  /** From the end of the request to the head of the response. */
  readonly responseMs: number;
  /** Longest gap in the body of a response. */
  readonly idleMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
  /** Longest life of a connection. */
  readonly ageMs: number;
}

export interface DispatcherSettings {
  readonly origin: string;
  /** The `Host` of requests that have none of their own. */
  readonly host: string;
  readonly connect: ConnectOptions;
  readonly timeouts: UpstreamTimeouts;
  /** Called for every connection that was not opened, or that broke under a request. */
  readonly failed?: ((failure: BrokenConnection) => void) | undefined;
}

/** Why a connection failed. */
export interface BrokenConnection {
  readonly error: Error;
  readonly during: 'connect' | 'request';
  /** How long the connection, or the attempt to open it, had lasted. */
  readonly durationMs: number;
}

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
  /** Longest time from the end of the request to the head of the response. */
  readonly responseMs: number;
  /** Longest gap in the body of the response. */
  readonly idleMs: number;
  /** Asks for a WebSocket. */
  readonly isHandshake: boolean;
}

/** The connection of a request: its own until the response is complete, or a stream on a shared one. */
export interface DispatchController {
  /** Requests that the connection carried before. */
  readonly served: number;
  /** Whether any byte of a response to this request has come. */
  readonly hasResponse: boolean;
  /** Continues after `onResponseData` returned false. */
  resume(): void;
  /** Ends the request; its handler gets the error before this returns. */
  destroy(error: Error): void;
}

/**
 * A piece of a body that the handler may keep. Text has one character for each byte: of a short piece it is the cheapest copy, and
 * Node sends it in one write with the head (docs/performance.md, "our own client").
 */
export type BodyChunk = Buffer | string;

/** Gets the head, the chunks and the end of a response, or an error at any moment. Nothing follows an end or an error. */
export interface DispatchHandler {
  /** The request is about to be written; false cancels it, and nothing follows. */
  onRequestStart(controller: DispatchController): boolean;
  /** The head of the response, or an interim one (status below 200). */
  onResponseStart(head: ResponseHead): void;
  /** Everything that was read along with the head has been passed on, and the response has not ended. */
  onReadEnd?(): void;
  /** False asks for a pause; what was already read may still follow. `release` is to be called once `chunk` is no longer needed. */
  onResponseData(chunk: BodyChunk, release?: Release): boolean;
  onResponseEnd(trailers: HeaderPairs): void;
  /** The backend accepted the handshake; the handler owns the socket now. */
  onRequestUpgrade?(head: ResponseHead, socket: Socket): void;
  onResponseError(error: Error): void;
}

/** A request and its handler. */
export interface Sending {
  readonly request: UpstreamRequest;
  readonly handler: DispatchHandler;
}

/** Sends requests to one address. */
export interface Dispatcher {
  send(request: UpstreamRequest, handler: DispatchHandler): void;
  /** Connections that are up. */
  readonly connections: number;
  /** Lets running requests finish, then closes every connection. */
  close(): Promise<void>;
  /** Ends running requests with an error. */
  destroy(): Promise<void>;
}

/** No more requests are sent: the backend left the configuration. */
export class DispatcherClosed extends Error {
  readonly code = 'SEALGATE_DISPATCHER_CLOSED';
}
