import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Scheduler } from '../../core/time/scheduler.ts';
import type { Trace } from '../../core/trace.ts';
import type { IncomingRequest } from '../../http/client-messages.ts';
import {
  admitBody,
  decideMessage,
  type MessageDecision,
  type PermitForMessages,
} from '../../pipeline/decision/decide-message.ts';
import { awaitTurn } from '../../proxy/await-turn.ts';
import { requestFraming } from '../../proxy/request/request-framing.ts';
import type { ServedResponse } from '../server/listener-events.ts';
import type { MessageMemory } from './message-memory.ts';
import { type MessageBody, readBody } from './read-body.ts';
import type { Transaction } from './transaction.ts';

/** A request whose access held, on a route whose messages are decided on too. */
export interface MessageRequest {
  readonly req: IncomingRequest;
  readonly res: ServedResponse;
  readonly transaction: Transaction;
  readonly permit: PermitForMessages;
  readonly memory: MessageMemory;
  readonly scheduler: Scheduler;
  readonly trace: Trace | undefined;
}

/** How it went on; exactly one is called, unless the client leaves. */
export interface MessageOutcome {
  readonly refused: (refusal: Refusal) => void;
  /** The request brings no message. */
  readonly bodiless: () => void;
  readonly decided: (decision: MessageDecision, body: MessageBody) => void;
  readonly failed: (error: unknown) => void;
}

/** Reads the body of a request and has the message in it decided on. Nothing is read before the access of the route held. */
export function serveMessage(request: MessageRequest, outcome: MessageOutcome): void {
  const { req, res, transaction, permit, trace } = request;
  const framing = requestFraming(req.rawHeaders);
  const admitted = admitBody(permit, framing.kind !== 'none', trace);
  if (isRefusal(admitted)) outcome.refused(admitted);
  else if (!admitted) outcome.bodiless();
  else {
    transaction.watchClient();
    awaitTurn(req, res, {
      came: () => {
        if (!res.destroyed && !transaction.hasResponded) read(request, outcome);
      },
      refused: outcome.refused,
      gone: () => transaction.end(),
    });
  }
}

function read(
  { req, res, transaction, permit, memory, scheduler, trace }: MessageRequest,
  outcome: MessageOutcome,
): void {
  const framing = requestFraming(req.rawHeaders);
  const length = framing.kind === 'chunked' ? undefined : framing.kind === 'length' ? framing.bytes : 0;
  const { maxBytes } = permit.mcp.rules;
  if (req.headers.expect !== undefined && length !== 0 && (length ?? 0) <= maxBytes) res.writeContinue();
  const idleMs = transaction.generation.config.listen.limits.bodyIdle;
  const abandon = readBody(req, { maxBytes, idleMs, length, memory, scheduler }, (body) => {
    if (isRefusal(body)) {
      outcome.refused(body);
      return;
    }
    transaction.bodyRead(body);
    if (transaction.hasResponded) {
      body.release();
      return;
    }
    const decided = (decision: MessageDecision): void => {
      // The client may have left, or been refused, while a token was waited for.
      if (transaction.hasResponded || res.destroyed) body.release();
      else outcome.decided(decision, body);
    };
    try {
      const decision = decideMessage(permit, body.bytes as Buffer, trace);
      if (decision instanceof Promise) decision.then(decided).catch(outcome.failed);
      else decided(decision);
    } catch (error) {
      outcome.failed(error);
    }
  });
  res.once('close', abandon);
}
