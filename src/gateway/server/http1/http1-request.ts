import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Config } from '../../../config/schema/config.ts';
import type { Refusal } from '../../../core/refusals.ts';
import type { IncomingRequest } from '../../../http/client-messages.ts';
import { fieldCountFault } from '../listener-limits.ts';
import { hasBody, http1FramingFault, isWebSocketHandshake } from './http1-framing.ts';

/**
 * A request over HTTP/1.1. One without a body is over with its head: Node would still read it to its end as a stream
 * ("not run dry" in docs/performance.md; `optimizeEmptyRequests` of Node 24 does the same).
 */
export class Http1Request extends IncomingMessage implements IncomingRequest {
  // Not of the `#` kind: the constructor of IncomingMessage already sets `upgrade`.
  private isOver = false;
  private offersUpgrade: boolean | null = null;
  private hasOffered = false;

  /** Takes what the parser read; `null` at the end of the request. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null || hasBody(this)) return super.push(chunk, encoding);
    this.isOver = true;
    return false;
  }

  override resume(): this {
    return this.isOver ? this : super.resume();
  }

  // @ts-expect-error An accessor of Readable, which Node's types declare as a field.
  override get readableEnded(): boolean {
    return this.isOver || Reflect.get(IncomingMessage.prototype, 'readableEnded', this);
  }

  /**
   * Only a WebSocket handshake is an upgrade to us; any other `Upgrade` (Java's default `h2c`, for one) is ignored
   * and the request served as it is (RFC 9110 §7.8). CONNECT and a handshake with a body are refused like any other request, in
   * their turn: Node takes its listeners off a socket that is upgraded. Node's parser reads this property once the headers are in.
   */
  get upgrade(): boolean {
    return this.offersUpgrade === true && isWebSocketHandshake(this) && !hasBody(this);
  }

  set upgrade(offered: boolean | null) {
    // Node withdraws the offer where no listener takes it; its parser has stopped all the same.
    if (offered === true) this.hasOffered = true;
    this.offersUpgrade = offered;
  }

  /**
   * Whether bytes behind this request may get lost: Node's parser stops after one that offers an upgrade, also if the offer is
   * ignored, and drops the rest of what it has read. Valid while `request` is emitted.
   */
  get mayLoseRest(): boolean {
    if (!this.hasOffered || this.upgrade) return false;
    if (this.headers['transfer-encoding'] !== undefined) return true;
    const { parser } = this.socket as Socket & { parser?: { getCurrentBuffer?(): Buffer | undefined } };
    const read = parser?.getCurrentBuffer?.();
    if (read === undefined) return true;
    const headEnd = read.indexOf('\r\n\r\n');
    return headEnd === -1 || headEnd + 4 + Number(this.headers['content-length'] ?? 0) < read.length;
  }

  framingFault(limits: Config['listen']['limits']): Refusal | undefined {
    return fieldCountFault(this.rawHeaders, limits) ?? http1FramingFault(this);
  }
}
