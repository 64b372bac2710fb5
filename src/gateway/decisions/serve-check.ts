import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { AskedRequest } from '../../decisions/asked-request.ts';
import { type Decisions, NOT_TRUSTED } from '../../decisions/compile-decisions.ts';
import { CODE, type GrpcCall } from '../../decisions/grpc/grpc-call.ts';
import { readAskedRequest } from '../../decisions/grpc/read-asked-request.ts';
import { readCheckRequest } from '../../decisions/grpc/read-check-request.ts';
import { MalformedMessage } from '../../decisions/grpc/wire.ts';
import {
  type CheckReplies,
  compileCheckReplies,
  writeAllowed,
  writeDenied,
} from '../../decisions/grpc/write-check-response.ts';
import { compileRoles } from '../../decisions/question-headers.ts';
import { askedLimitFault } from '../../decisions/question-limits.ts';
import { replyTo } from '../../decisions/reply.ts';
import type { HeaderNameMemo } from '../../http/header-name-memo.ts';
import { peerOf } from '../../http/peer.ts';
import { type ProblemContext, renderProblem } from '../../http/problem.ts';
import { refuseFailed, runDecision } from '../serving/run-decision.ts';
import type { ServeContext } from '../serving/serve.ts';
import type { Transaction } from '../serving/transaction.ts';
import { beginQuestion } from './begin-question.ts';

/** What a CheckRequest may have beside the header fields: certificates, metadata and the labels of workloads. */
const FURTHER_BYTES = 64 * 1024;

const NO_MESSAGE = Buffer.alloc(0);

/** What the Checks of one file have in common. */
interface CompiledChecks {
  readonly decisions: Decisions;
  readonly roles: HeaderNameMemo<number>;
  readonly replies: CheckReplies;
}

/** Responds to `envoy.service.auth.v3.Authorization/Check`. The decision is that of the proxy mode. */
export function createCheckServing(context: ServeContext): (call: GrpcCall) => void {
  let active = compileChecks(context.current().decisions as Decisions);

  /** Those of the active file. */
  function checks(): CompiledChecks {
    const decisions = context.current().decisions as Decisions;
    if (active.decisions !== decisions) active = compileChecks(decisions);
    return active;
  }

  function check(call: GrpcCall, message: Buffer): void {
    const { req, res } = call;
    const compiled = checks();
    const { asked, isMalformed } = read(compiled, call, message);
    const transaction = beginQuestion(context, {
      req,
      res,
      via: 'ext-authz-grpc',
      asked,
      requestId: isRefusal(asked) ? undefined : requestIdOf(asked),
      sendRefusal: (refusal, problem) =>
        isMalformed ? failMalformed(call) : sendDenied(call, refusal, problem),
    });
    if (isRefusal(asked)) {
      transaction.refused(asked);
      return;
    }
    const { limits } = transaction.generation.config.listen;
    const refusal = askedLimitFault(asked, limits) ?? context.overload.refusal();
    if (refusal !== undefined) {
      transaction.refused(refusal);
      return;
    }
    decideAbout(call, transaction, { asked, checks: compiled });
    if (transaction.hasResponded) return;
    call.onDeadline(() => {
      // The asking proxy has given the question up.
      context.transactions.end(transaction, 0);
      transaction.respondBy(() => call.fail(CODE.deadlineExceeded, 'the deadline passed'));
    });
  }

  /** No failure is ever "allow". */
  function decideAbout(
    call: GrpcCall,
    transaction: Transaction,
    { asked, checks }: { readonly asked: AskedRequest; readonly checks: CompiledChecks },
  ): void {
    const { decisions, replies } = checks;
    runDecision({ gate: decisions.gate, facts: asked.facts, transaction, log: context.log }, (outcome) => {
      try {
        const reply = replyTo(outcome, asked);
        if (isRefusal(reply)) {
          transaction.refused(reply);
          return;
        }
        const { requestId } = transaction;
        const responseHeaders = [...transaction.responseHeaders, ...reply.toClient];
        const written = writeAllowed(replies, {
          ...reply,
          spoofed: asked.spoofed,
          requestId,
          responseHeaders,
        });
        if (Buffer.isBuffer(written)) transaction.respondBy(() => call.reply(written));
        else transaction.refused(written);
      } catch (error) {
        transaction.refused(refuseFailed(context.log, transaction, { error, what: 'the reply failed' }));
      }
    });
  }

  /** An error while a refusal is written fails the call. */
  function sendDenied(call: GrpcCall, refusal: Refusal, problem: ProblemContext): boolean {
    if (call.isOver) return false;
    try {
      call.reply(writeDenied(renderProblem(refusal, problem)));
    } catch (error) {
      context.log.error({ err: error, requestId: problem.requestId }, 'the refusal failed');
      call.fail(CODE.internal, 'internal');
    }
    return true;
  }

  return (call) => {
    // Nothing is kept of what somebody sends who may not ask.
    if (!isTrusted(call.req, context.current().decisions as Decisions)) {
      check(call, NO_MESSAGE);
      return;
    }
    const { headerBytes, headerTimeout } = context.current().config.listen.limits;
    // A name and a value are each sent with a length, and a target may be there twice.
    const maxBytes = 2 * headerBytes + FURTHER_BYTES;
    call.read({ maxBytes, timeoutMs: headerTimeout }, (message) => check(call, message));
  };
}

function compileChecks(decisions: Decisions): CompiledChecks {
  return {
    decisions,
    roles: compileRoles(decisions.names, []),
    replies: compileCheckReplies(decisions.dropped),
  };
}

interface Read {
  readonly asked: AskedRequest | Refusal;
  /** The message is no CheckRequest at all. */
  readonly isMalformed: boolean;
}

function read({ decisions, roles }: CompiledChecks, { req }: GrpcCall, message: Buffer): Read {
  if (!isTrusted(req, decisions)) return { asked: NOT_TRUSTED, isMalformed: false };
  const { certificate } = decisions;
  try {
    return { asked: readAskedRequest(readCheckRequest(message), { roles, certificate }), isMalformed: false };
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    const asked = refuse('question_field', `the CheckRequest is malformed: ${error.message}`);
    return { asked, isMalformed: true };
  }
}

function isTrusted({ socket }: GrpcCall['req'], { trusted }: Decisions): boolean {
  return peerOf(socket).isAmong(trusted);
}

function failMalformed(call: GrpcCall): boolean {
  if (call.isOver) return false;
  call.fail(CODE.invalidArgument, 'the CheckRequest is malformed');
  return true;
}

/** The one id of a request; undefined where there are several. */
function requestIdOf({ facts: { rawHeaders } }: AskedRequest): string | undefined {
  let id: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at] !== 'x-request-id') continue;
    if (id !== undefined) return undefined;
    id = rawHeaders[at + 1];
  }
  return id;
}
