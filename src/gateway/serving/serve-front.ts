import { isRefusal, refuse } from '../../core/refusals.ts';
import type { IncomingRequest } from '../../http/client-messages.ts';
import { readSmallBody } from '../../http/read-small-body.ts';
import type { FrontCall } from '../../pipeline/messages/direct-response.ts';
import type { ServedResponse } from '../server/listener-events.ts';
import type { Transaction } from './transaction.ts';

/** Codes and refresh tokens are a few KiB at most. */
const MAX_BYTES = 16 * 1024;
const TOO_LARGE = refuse('front_body', `the body is larger than ${MAX_BYTES} bytes`);

interface FrontServing {
  readonly call: FrontCall;
  readonly req: IncomingRequest;
  readonly res: ServedResponse;
  readonly transaction: Transaction;
  /** For an error that nobody foresaw. */
  readonly failed: (error: unknown) => void;
}

/** Lets the front of an issuer serve a request. What a front responds with ends the request, as a backend's response would. */
export function serveFront({ call, req, res, transaction, failed }: FrontServing): void {
  const { generation, forwarded } = transaction;
  const front = generation.fronts.get(call.frontCall.issuer);
  if (front === undefined) throw new Error('a front was called that the configuration does not have');
  transaction.watchClient();
  const served = front.serve(call, {
    clientAddress: forwarded.client,
    contentType: req.headers['content-type'],
    contentEncoding: req.headers['content-encoding'],
    readBody() {
      if (req.headers.expect !== undefined) res.writeContinue();
      const timeoutMs = generation.config.listen.limits.bodyIdle;
      return readSmallBody(res, { timeoutMs, maxBytes: MAX_BYTES, tooLarge: TOO_LARGE });
    },
  });
  served
    .then((response) => {
      if (response === undefined) return;
      if (isRefusal(response)) transaction.refused(response);
      else transaction.respondDirectly(response, response.refusal);
    })
    .catch(failed);
}
