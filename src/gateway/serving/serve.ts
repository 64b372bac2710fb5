import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Scheduler } from '../../core/time/scheduler.ts';
import type { IncomingRequest } from '../../http/client-messages.ts';
import { expectsOnlyContinue, UNMET_EXPECTATION } from '../../http/expectation.ts';
import { resolveForwarded } from '../../http/forwarded.ts';
import { peerOf } from '../../http/peer.ts';
import { isForMessages, type PermitForMessages } from '../../pipeline/decision/decide-message.ts';
import type { Decision } from '../../pipeline/gate.ts';
import {
  isDirectResponse,
  isEventCall,
  isFrontCall,
  isServedHere,
} from '../../pipeline/messages/direct-response.ts';
import type { Permit } from '../../pipeline/permit.ts';
import { forward } from '../../proxy/forward.ts';
import type { UpstreamRequestPlan } from '../../proxy/forward-job.ts';
import { planUpstreamRequest, type RouteUpstreamPlan } from '../../proxy/request/upstream-request-plan.ts';
import { openTunnel } from '../../proxy/websocket/open-tunnel.ts';
import type { Tunnels } from '../../proxy/websocket/tunnels.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Tracing, withTraceFields } from '../../telemetry/tracing.ts';
import type { CallGate } from '../../tokens/endpoints/call-gate.ts';
import type { Generation } from '../generation.ts';
import { connectionOf } from '../server/client-connection.ts';
import type { ListenerEvents, ServedResponse } from '../server/listener-events.ts';
import type { OverloadGuard } from '../server/overload.ts';
import { sendRefusalOnSocket } from '../server/send-response.ts';
import type { MessageMemory } from './message-memory.ts';
import type { MessageBody } from './read-body.ts';
import { traceRefusedSteps } from './refused-steps.ts';
import { saneRequestId } from './request-id.ts';
import { refuseFailed, runDecision } from './run-decision.ts';
import { type ReceiveEvent, serveEvent } from './serve-event.ts';
import { serveFront } from './serve-front.ts';
import { serveMessage } from './serve-message.ts';
import { Transaction } from './transaction.ts';
import type { Transactions } from './transactions.ts';

/** What serving needs of the running gateway. `current` changes at a reload; a request keeps the generation it began with. */
export interface ServeContext {
  readonly current: () => Generation;
  readonly isDraining: () => boolean;
  readonly overload: OverloadGuard;
  readonly tunnels: Tunnels;
  readonly transactions: Transactions;
  readonly messages: MessageMemory;
  /** Of logout tokens and security events. */
  readonly eventCalls: CallGate;
  readonly receiveEvent: ReceiveEvent;
  readonly scheduler: Scheduler;
  /** Undefined unless an OpenTelemetry SDK was preloaded. */
  readonly tracing: Tracing | undefined;
  readonly log: Logger;
}

/**
 * Serves requests: lets each be decided, then forwards it or responds. The order of the steps of a decision is in
 * `pipeline/decision/decide.ts`; here is only what needs a socket. `pass` takes a permitted request on to its `forward`.
 */
export function createServing(context: ServeContext, pass: ListenerEvents['request']): ListenerEvents {
  return {
    request(req, res) {
      const transaction = begin({ req, socket: req.socket, rawTarget: req.url ?? '', res });
      res.transaction = transaction;
      if (context.isDraining()) res.endConnection();

      const fault = faultOf(req, transaction);
      if (fault !== undefined) {
        transaction.refused(fault);
        return;
      }
      check({ req, transaction, isUpgrade: false }, (outcome) => {
        if (isRefusal(outcome)) transaction.refused(outcome);
        else if (isDirectResponse(outcome)) transaction.respondDirectly(outcome);
        else if (transaction.hasResponded) return;
        else if (!expectsOnlyContinue(req.headers.expect)) transaction.refused(UNMET_EXPECTATION);
        else if (isFrontCall(outcome)) {
          const fail = (error: unknown) =>
            transaction.refused(failed(transaction, error, 'the front for OAuth clients failed'));
          serveFront({ call: outcome, req, res, transaction, failed: fail });
        } else if (isEventCall(outcome)) {
          const fail = (error: unknown) =>
            transaction.refused(failed(transaction, error, 'a logout token or security event failed'));
          const { eventCalls: calls, receiveEvent: receive } = context;
          serveEvent({ call: outcome, req, res, transaction, calls, receive, failed: fail });
        } else if (isForMessages(outcome)) takeMessage({ req, res, transaction, permit: outcome });
        else passOn({ req, res, transaction, permit: outcome });
      });
    },

    upgrade(req, socket) {
      const transaction = begin({ req, socket, rawTarget: req.url ?? '' });
      const fault = faultOf(req, transaction);
      if (fault !== undefined) {
        refuseOn(transaction, fault);
        return;
      }
      check({ req, transaction, isUpgrade: true }, (outcome) => {
        if (isRefusal(outcome)) refuseOn(transaction, outcome);
        else {
          try {
            if (isServedHere(outcome)) throw new Error('a handshake passed without a permit');
            tunnel({ req, socket, transaction, permit: outcome });
          } catch (error) {
            refuseOn(transaction, failed(transaction, error, 'the forwarding failed'));
          }
        }
      });
    },

    unparsed(refusal, socket) {
      refuseOn(begin({ req: undefined, socket, rawTarget: '' }), refusal);
    },
  };

  function passOn(forwarding: Forwarding): void {
    const { req, res } = forwarding;
    res.forward = () => forwardPermitted(forwarding);
    pass(req, res);
  }

  /** Decides on the message that a permitted request brings, too. The same rule holds: no failure is ever "allow". */
  function takeMessage(forwarding: Forwarding & { readonly permit: PermitForMessages }): void {
    const { transaction } = forwarding;
    const refusedSteps = traceRefusedSteps(context.log);
    const { messages: memory, scheduler } = context;
    const refused = (refusal: Refusal): void => transaction.refused(refusal);
    const fail = (error: unknown): void =>
      refused(failed(transaction, error, 'the decision on the message failed'));
    try {
      serveMessage(
        { ...forwarding, memory, scheduler, trace: refusedSteps },
        {
          refused,
          failed: fail,
          bodiless: () => passOn(forwarding),
          decided(decision, body) {
            refusedSteps?.write(decision, transaction.requestId);
            transaction.messageDecided(decision);
            const { outcome } = decision;
            if (isServedHere(outcome)) throw new Error('a message passed without a permit');
            if (isRefusal(outcome)) refused(outcome);
            else passOn({ ...forwarding, permit: outcome, body });
          },
        },
      );
    } catch (error) {
      fail(error);
    }
  }

  function begin({ req, socket, rawTarget, res }: Beginning): Transaction {
    const generation = context.current();
    const { trustedProxies } = generation;
    const peer = peerOf(socket);
    const forwarded = resolveForwarded(
      { peer, host: req?.headers.host, rawHeaders: req?.rawHeaders ?? [] },
      trustedProxies,
    );
    const mayName = trustedProxies !== undefined && peer.isAmong(trustedProxies);
    const requestId = mayName ? saneRequestId(req?.headers['x-request-id']) : undefined;
    const transaction = new Transaction({
      method: req?.method ?? '',
      rawTarget,
      forwarded,
      generation,
      requestId,
      connection: connectionOf(socket),
      res,
      spans: req && context.tracing?.begin(req.method ?? '', req.headers),
      end: context.transactions.end,
    });
    context.transactions.begin(transaction);
    return transaction;
  }

  function faultOf(req: IncomingRequest, { generation }: Transaction): Refusal | undefined {
    return req.framingFault(generation.config.listen.limits) ?? context.overload.refusal();
  }

  /** The facts of a request decide, and nothing else. */
  function check(
    { req, transaction, isUpgrade }: { req: IncomingRequest; transaction: Transaction; isUpgrade: boolean },
    then: (outcome: Decision['outcome']) => void,
  ): void {
    const { gate, findCertificate } = transaction.generation;
    const facts = {
      method: transaction.method,
      rawTarget: transaction.rawTarget,
      rawHeaders: req.rawHeaders,
      httpVersion: req.httpVersion,
      clientAddress: transaction.forwarded.client,
      isUpgrade,
      certificate: findCertificate?.(req.socket),
    };
    runDecision({ gate, facts, transaction, log: context.log }, then);
  }

  function failed(transaction: Transaction, error: unknown, what: string): Refusal {
    return refuseFailed(context.log, transaction, { error, what });
  }

  function planFor(
    transaction: Transaction,
    permit: Permit,
    upstreamPlan: RouteUpstreamPlan,
  ): UpstreamRequestPlan {
    const plan = planUpstreamRequest(permit, upstreamPlan, transaction);
    if (transaction.spans === undefined) return plan;
    const fields = transaction.spans.upstreamPlan(upstreamPlan.upstream.name);
    return { ...plan, headers: withTraceFields(plan.headers, fields) };
  }

  function forwardPermitted({ req, res, transaction, permit, body }: Forwarding): void {
    const upstreamPlan = transaction.generation.upstreamPlans[permit.route.index] as RouteUpstreamPlan;
    try {
      const plan = planFor(transaction, permit, upstreamPlan);
      if (body === undefined && req.headers.expect !== undefined) res.writeContinue();
      forward({ plan, req, res, upstream: upstreamPlan.upstream, observer: transaction, body });
    } catch (error) {
      transaction.refused(failed(transaction, error, 'the forwarding failed'));
    }
  }

  /** The request of a tunnel ends with the tunnel. */
  function tunnel({ req, socket, transaction, permit }: Tunnelling): void {
    const upstreamPlan = transaction.generation.upstreamPlans[permit.route.index] as RouteUpstreamPlan;
    openTunnel({
      req,
      socket,
      takeHead: () => transaction.connection.takeAhead(),
      reset: () => transaction.connection.reset(),
      plan: planFor(transaction, permit, upstreamPlan),
      upstream: upstreamPlan.upstream,
      tunnels: context.tunnels,
      expiresAtMs: permit.token?.rejectedFromMs,
      opened: (tunnel) => transaction.tunnelled(tunnel),
      observer: {
        asked: (upstream, address) => transaction.asked(upstream, address),
        refused: (refusal, upstreamMs) => {
          transaction.refused(refusal, upstreamMs);
          refuseOn(transaction, refusal);
        },
        finished: (result) => transaction.finished(result),
        abandoned: (upstreamMs) => transaction.abandoned(upstreamMs),
      },
    });
  }

  function refuseOn(transaction: Transaction, refusal: Refusal): void {
    transaction.note(refusal);
    context.transactions.end(transaction, sendRefusalOnSocket(refusal, transaction, transaction.connection));
  }
}

interface Forwarding {
  readonly req: IncomingRequest;
  readonly res: ServedResponse;
  readonly transaction: Transaction;
  readonly permit: Permit;
  /** Set where the body was read already. */
  readonly body?: MessageBody | undefined;
}

interface Tunnelling {
  readonly req: IncomingMessage;
  readonly socket: Socket;
  readonly transaction: Transaction;
  readonly permit: Permit;
}

interface Beginning {
  readonly req: IncomingRequest | undefined;
  readonly socket: Socket;
  readonly rawTarget: string;
  readonly res?: ServedResponse;
}
