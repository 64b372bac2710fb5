import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Via } from '../../core/via.ts';
import type { AskedRequest } from '../../decisions/asked-request.ts';
import { type Decisions, NOT_TRUSTED } from '../../decisions/compile-decisions.ts';
import { askedLimitFault } from '../../decisions/question-limits.ts';
import { replyTo } from '../../decisions/reply.ts';
import type { IncomingRequest } from '../../http/client-messages.ts';
import { peerOf } from '../../http/peer.ts';
import type { ListenerEvents } from '../server/listener-events.ts';
import { sendRefusalOnSocket } from '../server/send-response.ts';
import { refuseFailed, runDecision } from '../serving/run-decision.ts';
import type { ServeContext } from '../serving/serve.ts';
import type { Transaction } from '../serving/transaction.ts';
import { beginQuestion } from './begin-question.ts';
import { droppedFieldsOf } from './dropped-fields.ts';

const NOT_READ = refuse('internal', 'the question could not be read');
const NO_SUCH_WAY = refuse('question_unknown', 'nobody is asked at this path');

/** Responds to the questions of other proxies over HTTP. The decision is that of the proxy mode; here is only what needs a socket. */
export function createQuestionServing(context: ServeContext): ListenerEvents {
  return {
    request(req, res) {
      const generation = context.current();
      const decisions = generation.decisions as Decisions;
      const url = req.url ?? '';
      const way = wayOf(url);
      const asked = readSafely(decisions, { req, way, url });
      const transaction = beginQuestion(context, { req, res, via: way?.via, asked });
      res.transaction = transaction;
      if (context.isDraining()) res.endConnection();

      const fault = req.framingFault(decisions.limits);
      if (fault !== undefined && !isAboutHandshake(fault, req)) {
        // The question itself is malformed: the next one on the connection may be out of step.
        res.leaveRequestUnread();
        transaction.refused(fault);
        return;
      }
      if (isRefusal(asked)) {
        transaction.refused(asked);
        return;
      }
      const refusal = askedLimitFault(asked, generation.config.listen.limits) ?? context.overload.refusal();
      if (refusal === undefined) decideAbout({ asked, decisions, transaction });
      else transaction.refused(refusal);
    },

    // A question about a handshake is a question like any other, and the socket belongs to the asking proxy.
    upgrade: undefined,

    unparsed(refusal, socket) {
      const transaction = beginQuestion(context, { socket, via: undefined, asked: refusal });
      transaction.note(refusal);
      context.transactions.end(
        transaction,
        sendRefusalOnSocket(refusal, transaction, transaction.connection),
      );
    },
  };

  /** An error while a question is read ends that question, not the process. */
  function readSafely(decisions: Decisions, question: Asking): AskedRequest | Refusal {
    try {
      return read(decisions, question);
    } catch (error) {
      context.log.error({ err: error }, 'a question could not be read');
      return NOT_READ;
    }
  }

  function read({ trusted, readers }: Decisions, { req, way, url }: Asking): AskedRequest | Refusal {
    if (!peerOf(req.socket).isAmong(trusted)) return NOT_TRUSTED;
    if (way === undefined) return NO_SUCH_WAY;
    const { method = '', rawHeaders } = req;
    return readers[way.via].read({ method, rest: url.slice(way.path.length), rawHeaders });
  }

  function decideAbout({ asked, decisions, transaction }: Deciding): void {
    const { gate } = decisions;
    runDecision({ gate, facts: asked.facts, transaction, log: context.log }, (outcome) => {
      try {
        const reply = replyTo(outcome, asked);
        if (isRefusal(reply)) transaction.refused(reply);
        else {
          const dropped = asked.via === 'ext-authz' ? droppedFieldsOf(decisions.dropped, reply, asked) : NONE;
          const own = ['content-length', '0', 'cache-control', 'no-store'];
          const headers = [...own, ...reply.set, ...dropped, ...reply.toClient];
          transaction.respondDirectly({ status: 200, headers, body: undefined });
        }
      } catch (error) {
        transaction.refused(refuseFailed(context.log, transaction, { error, what: 'the reply failed' }));
      }
    });
  }
}

/** Envoy announces an empty body with each question, also with one about a handshake, of which it shows the Upgrade. */
function isAboutHandshake({ cause }: Refusal, { headers }: IncomingRequest): boolean {
  return (
    cause === 'handshake_malformed' &&
    headers['content-length'] === '0' &&
    headers['transfer-encoding'] === undefined
  );
}

interface Asking {
  readonly req: IncomingRequest;
  readonly way: Way | undefined;
  readonly url: string;
}

interface Deciding {
  readonly asked: AskedRequest;
  readonly decisions: Decisions;
  readonly transaction: Transaction;
}

const NONE: readonly string[] = Object.freeze([]);

interface Way {
  readonly via: Exclude<Via, 'ext-authz-grpc'>;
  /** What stands before the target of the request, where that is in the path. */
  readonly path: string;
}

const FORWARD_AUTH: Way = { via: 'forward-auth', path: '/forward-auth' };
const AUTH_REQUEST: Way = { via: 'auth-request', path: '/auth-request' };
const EXT_AUTHZ: Way = { via: 'ext-authz', path: '/ext-authz' };

/** Some proxies add the query of the request to the path that they were given. */
function wayOf(url: string): Way | undefined {
  if (url.startsWith('/ext-authz/')) return EXT_AUTHZ;
  const queryAt = url.indexOf('?');
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  if (path === FORWARD_AUTH.path) return FORWARD_AUTH;
  return path === AUTH_REQUEST.path ? AUTH_REQUEST : undefined;
}
