import type { Socket } from 'node:net';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Via } from '../../core/via.ts';
import type { AskedRequest } from '../../decisions/asked-request.ts';
import type { IncomingRequest, OutgoingResponse } from '../../http/client-messages.ts';
import { peerOf } from '../../http/peer.ts';
import { connectionOf } from '../server/client-connection.ts';
import type { sendRefusal } from '../server/send-response.ts';
import { saneRequestId } from '../serving/request-id.ts';
import type { ServeContext } from '../serving/serve.ts';
import { Transaction } from '../serving/transaction.ts';

interface QuestionStart {
  /** Undefined where nothing could be parsed. */
  readonly req?: IncomingRequest;
  readonly res?: OutgoingResponse;
  /** Default: that of `req`. */
  readonly socket?: Socket;
  readonly via: Via | undefined;
  /** What the question is about, or why it cannot be read. */
  readonly asked: AskedRequest | Refusal;
  /** The id that the asking proxy gave the request. Default: that of `req`. */
  readonly requestId?: string | undefined;
  /** In the form of the way of asking. */
  readonly sendRefusal?: typeof sendRefusal;
}

/**
 * Begins the transaction of a question. It is about the request that is asked about, by the client of that; about the question itself
 * where it cannot be read.
 */
export function beginQuestion(
  context: ServeContext,
  {
    req,
    res,
    socket = req?.socket as Socket,
    via,
    asked,
    requestId = req?.headers['x-request-id'] as string | undefined,
    sendRefusal,
  }: QuestionStart,
): Transaction {
  const peer = peerOf(socket);
  const known = isRefusal(asked) ? undefined : asked;
  const method = known?.facts.method ?? req?.method ?? '';
  const client = known?.facts.clientAddress ?? peer.address;
  const transaction = new Transaction({
    method,
    rawTarget: known?.facts.rawTarget ?? req?.url ?? '',
    forwarded: {
      client,
      chain: client,
      proto: peer.proto,
      host: undefined,
      port: peer.port,
      prefix: '',
    },
    generation: context.current(),
    // A proxy that may ask may name the request, too.
    requestId: known === undefined ? undefined : saneRequestId(requestId),
    connection: connectionOf(socket),
    res,
    spans: req && context.tracing?.begin(method, req.headers),
    end: context.transactions.end,
    ...(via && { via }),
    isQuestion: true,
    ...(sendRefusal && { sendRefusal }),
  });
  context.transactions.begin(transaction);
  return transaction;
}
