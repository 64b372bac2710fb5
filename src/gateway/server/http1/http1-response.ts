import { ServerResponse } from 'node:http';
import { discardBody } from '../../../http/discard-body.ts';
import { connectionOf } from '../client-connection.ts';
import type { Served, ServedResponse } from '../listener-events.ts';
import { hasBody } from './http1-framing.ts';
import type { Http1Request } from './http1-request.ts';

/** A longer body is not read to its end: a new connection costs less. */
const DROPPED_BODY_BYTES = 64 * 1024;

/** A response over HTTP/1.1. */
export class Http1Response extends ServerResponse<Http1Request> implements ServedResponse {
  transaction: Served | undefined = undefined;
  forward: (() => void) | undefined = undefined;

  /**
   * Only Fastify sets a single field: `Connection: close` while it ends, which goes out without it. Set after the response it would
   * throw, and set before it makes Node 20 keep no more than the last of repeated fields.
   */
  override setHeader(): this {
    return this;
  }

  get isQueued(): boolean {
    return this.socket === null && !this.writableFinished;
  }

  override writeContinue(): void {
    if (this.req.httpVersion !== '1.0') super.writeContinue();
  }

  endWithHead(status: number, fields: string[]): void {
    this.writeHead(status, undefined, fields);
    this.end();
  }

  sendTrailers(): void {}

  breakOff(hasLength: boolean): void {
    // A response that ends with its connection needs a reset: a clean close would be its regular end.
    if (hasLength || this.chunkedEncoding || this.socket === null) this.destroy();
    else connectionOf(this.socket).reset();
  }

  skipRequestBody(): void {
    const { req } = this;
    const { expect, 'content-length': length, 'transfer-encoding': coding } = req.headers;
    // The parser calls no request complete before it has looked behind the head.
    if (expect === undefined && (req.complete || !hasBody(req))) return;
    // A client that waits for 100 Continue may send the body or not.
    if (expect !== undefined || coding !== undefined || Number(length) > DROPPED_BODY_BYTES)
      this.shouldKeepAlive = false;
    if (!req.complete) discardBody(req);
  }

  leaveRequestUnread(): void {
    this.shouldKeepAlive = false;
  }

  endConnection(): void {
    this.shouldKeepAlive = false;
  }
}
