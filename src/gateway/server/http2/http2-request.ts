import { Http2ServerRequest, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { ReadableOptions } from 'node:stream';
import type { Config } from '../../../config/schema/config.ts';
import type { Refusal } from '../../../core/refusals.ts';
import type { IncomingRequest } from '../../../http/client-messages.ts';
import { fieldCountFault } from '../listener-limits.ts';
import { toHttp1Fields } from './http2-fields.ts';
import { http2FramingFault } from './http2-framing.ts';

/** A request over HTTP/2. */
export class Http2Request extends Http2ServerRequest implements IncomingRequest {
  /** The client ended the body itself. Node's own `complete` is true after a reset, too. */
  override complete: boolean;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ReadableOptions | undefined,
    rawHeaders: readonly string[],
  ) {
    super(stream, headers, options as ReadableOptions, toHttp1Fields(rawHeaders, !stream.endAfterHeaders));
    this.complete = stream.endAfterHeaders;
    headers.host ??= headers[':authority'];
    // The reader of the body learns of it by `close`; without a listener the error would end the process.
    this.on('error', () => undefined);
    stream.once('aborted', () => {
      if (this.complete) return;
      this.destroy(new Error('the client reset the stream'));
      dropUnread(stream);
    });
    endWithReset(stream);
    // Node ends the body of a stream that was reset, too, but marks the stream as aborted before.
    stream.once('end', () => {
      if (!stream.aborted) this.complete = true;
    });
  }

  framingFault(limits: Config['listen']['limits']): Refusal | undefined {
    return fieldCountFault(this.rawHeaders, limits) ?? http2FramingFault(this, limits);
  }
}

/**
 * A stream that the client resets without an error is over (RFC 9113 §8.1), but Node waits for writes that can never finish if there
 * was a body to read, even an empty one. Node ends that body when the reset arrives.
 */
function endWithReset(stream: ServerHttp2Stream): void {
  const push = stream.push;
  stream.push = (chunk, encoding) => {
    if (chunk === null && stream.closed) setImmediate(() => stream.destroy());
    return push.call(stream, chunk, encoding);
  };
}

/** Node keeps a stream that closed without an error, and its session, until everything that arrived is read. */
export function dropUnread(stream: ServerHttp2Stream): void {
  stream.removeAllListeners('data');
  stream.resume();
}
