import type { Socket } from 'node:net';
import type { HeaderPairs } from '../../http/header-pairs.ts';
import type { BodyChunk, DispatchController, DispatchHandler } from '../dispatcher.ts';
import { InvalidResponse } from '../errors.ts';
import type { Release } from '../pooled-buffer.ts';
import type { ResponseHead } from './response-parser.ts';

/** What changes the body of one response. Text has one character for each byte; whatever is thrown ends the response. */
export interface BodyTransform {
  /** The header fields of the changed response, without a length. */
  readonly headers: readonly string[];
  /** Whether the head waits for the end of the body: then a fault still becomes a response of the gateway, and the length is stated. */
  readonly isHeld: boolean;
  /** Takes the next piece of the body; gives what goes on now. */
  write(text: string): string;
  /** The body is complete; gives the rest of it. */
  end(): string;
  trailers(fields: HeaderPairs): HeaderPairs;
}

/** Decides by the head of a response whether its body is changed. Throws where it must not be relayed. */
export type ResponseTransform = (head: ResponseHead) => BodyTransform | undefined;

/**
 * Stands between a connection and the handler of a request, and changes the response on its way. The handler sees a response like any
 * other: its pauses, its end of the request and its errors work as without.
 */
export class TransformingHandler implements DispatchHandler, DispatchController {
  readonly #handler: DispatchHandler;
  readonly #transform: ResponseTransform;
  #controller: DispatchController | undefined;
  #head: ResponseHead | undefined;
  #body: BodyTransform | undefined;
  #hasResponse = false;
  /** The response has come, or failed. */
  #isOver = false;

  constructor(handler: DispatchHandler, transform: ResponseTransform) {
    this.#handler = handler;
    this.#transform = transform;
  }

  get served(): number {
    return this.#controller?.served ?? 0;
  }

  get hasResponse(): boolean {
    return this.#hasResponse || this.#controller?.hasResponse === true;
  }

  resume(): void {
    this.#controller?.resume();
  }

  /** Once the response has come, its connection may carry another request. */
  destroy(error: Error): void {
    if (this.#isOver || this.#controller === undefined) this.#handler.onResponseError(error);
    else this.#controller.destroy(error);
  }

  onRequestStart(controller: DispatchController): boolean {
    this.#controller = controller;
    return this.#handler.onRequestStart(this);
  }

  onResponseStart(head: ResponseHead): void {
    this.#hasResponse = true;
    if (head.status < 200) {
      this.#handler.onResponseStart(head);
      return;
    }
    const body = this.#attempt(() => this.#transform(head));
    if (body === FAILED) return;
    this.#body = body;
    if (body === undefined) this.#handler.onResponseStart(head);
    else if (body.isHeld) this.#head = head;
    else this.#handler.onResponseStart({ ...head, headers: [...body.headers], end: 'chunk' });
  }

  onReadEnd(): void {
    if (this.#head === undefined) this.#handler.onReadEnd?.();
  }

  onResponseData(chunk: BodyChunk, release?: Release): boolean {
    const body = this.#body;
    if (body === undefined) return this.#handler.onResponseData(chunk, release);
    const text = typeof chunk === 'string' ? chunk : chunk.toString('latin1');
    release?.();
    const passed = this.#attempt(() => body.write(text));
    if (passed === FAILED || passed === '') return true;
    return this.#handler.onResponseData(passed);
  }

  onResponseEnd(trailers: HeaderPairs): void {
    this.#isOver = true;
    const body = this.#body;
    if (body === undefined) {
      this.#handler.onResponseEnd(trailers);
      return;
    }
    const rest = this.#attempt(() => body.end());
    if (rest === FAILED) return;
    if (this.#head !== undefined) {
      const headers = [...body.headers, 'content-length', String(rest.length)];
      this.#handler.onResponseStart({ ...this.#head, headers, end: 'length' });
    }
    if (rest !== '') this.#handler.onResponseData(rest);
    this.#handler.onResponseEnd(body.trailers(trailers));
  }

  /** Nothing that a transform does not see may take its way. */
  onRequestUpgrade(_head: ResponseHead, socket: Socket): void {
    this.#isOver = true;
    socket.destroy();
    this.#handler.onResponseError(new InvalidResponse('switch_unasked'));
  }

  onResponseError(error: Error): void {
    this.#isOver = true;
    this.#handler.onResponseError(error);
  }

  #attempt<T>(step: () => T): T | typeof FAILED {
    try {
      return step();
    } catch (error) {
      this.destroy(error as Error);
      return FAILED;
    }
  }
}

const FAILED = Symbol('the response was ended');
