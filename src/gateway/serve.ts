import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isRefusal, type Refusal, refuse } from '../core/refusals.ts';
import { resolveForwarded } from '../http/forwarded.ts';
import { peerOf } from '../http/peer.ts';
import { type Decision, decide } from '../pipeline/decide.ts';
import { isOwnAnswer } from '../pipeline/own-answer.ts';
import type { Permit } from '../pipeline/permit.ts';
import { forward } from '../proxy/forward.ts';
import type { ForwardPlan } from '../proxy/forwarding.ts';
import { openTunnel } from '../proxy/open-tunnel.ts';
import { planForward, type RouteForwarding } from '../proxy/plan-forward.ts';
import type { Tunnels } from '../proxy/tunnels.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Tracing, withTraceFields } from '../telemetry/tracing.ts';
import { answerSocket } from './answer.ts';
import type { AppHandlers } from './app.ts';
import { connectionOf } from './client-connection.ts';
import { Exchange } from './exchange.ts';
import { framingFault } from './framing.ts';
import type { Generation } from './generation.ts';
import type { GatewayResponse, ListenerEvents } from './listener-events.ts';
import type { OverloadGuard } from './overload.ts';
import { traceRefusedSteps } from './refused-steps.ts';

/** What serving needs of the running gateway. `current` changes at a reload; an exchange keeps the one it began with. */
export interface ServeContext {
  readonly current: () => Generation;
  readonly isDraining: () => boolean;
  readonly overload: OverloadGuard;
  readonly tunnels: Tunnels;
  /** Undefined unless an OpenTelemetry SDK was preloaded. */
  readonly tracing: Tracing | undefined;
  readonly log: Logger;
  /** Told of every exchange at its beginning. */
  readonly began: (exchange: Exchange) => void;
  /** Told of the end of every exchange, once or more; status 0 stands for an answer that never began. */
  readonly finished: (exchange: Exchange, status: number) => void;
}

/**
 * Serves requests: the gate, the forwarding, refusals and the access line of each. The order of the steps of a
 * decision is in `pipeline/decide.ts`; here is only what needs a socket.
 */
export function createServing(context: ServeContext): AppHandlers & Omit<ListenerEvents, 'request'> {
  return {
    gate(req, res, pass) {
      const exchange = begin({ req, socket: req.socket, rawTarget: req.url ?? '', res });
      res.exchange = exchange;
      if (context.isDraining()) res.shouldKeepAlive = false;

      const fault = framingFault(req, exchange.generation.config.listen.limits) ?? context.overload.refusal();
      if (fault !== undefined) {
        exchange.refused(fault);
        return;
      }
      judge({ req, exchange, isUpgrade: false }, (outcome) => {
        if (isRefusal(outcome)) exchange.refused(outcome);
        else if (isOwnAnswer(outcome)) exchange.answered(outcome);
        else if (exchange.isAnswered) return;
        else if (!expectsOnlyContinue(req)) exchange.refused(UNMET_EXPECTATION);
        else pass(req, res);
      });
    },

    forward(req, res) {
      const { exchange } = res;
      if (exchange?.permit === undefined) throw new Error('a request reached the forwarder without a permit');
      const { permit, generation } = exchange;
      const forwarding = generation.forwarding[permit.route.index] as RouteForwarding;
      try {
        const plan = planFor(exchange, permit, forwarding);
        // HTTP/1.0 knows no interim answers (RFC 9110 §10.1.1).
        if (req.headers.expect !== undefined && req.httpVersion !== '1.0') res.writeContinue();
        forward({ plan, req, res, upstream: forwarding.upstream, observer: exchange });
      } catch (error) {
        exchange.refused(failed(exchange, error, 'the forwarding failed'));
      }
    },

    upgrade(req, socket) {
      const exchange = begin({ req, socket, rawTarget: req.url ?? '' });
      const fault = framingFault(req, exchange.generation.config.listen.limits) ?? context.overload.refusal();
      if (fault !== undefined) {
        refuseOn(exchange, fault);
        return;
      }
      judge({ req, exchange, isUpgrade: true }, (outcome) => {
        if (isRefusal(outcome)) refuseOn(exchange, outcome);
        else {
          try {
            const { permit } = exchange;
            if (permit === undefined) throw new Error('a handshake passed without a permit');
            tunnel({ req, socket, exchange, permit });
          } catch (error) {
            refuseOn(exchange, failed(exchange, error, 'the forwarding failed'));
          }
        }
      });
    },

    unparsed(refusal, socket) {
      refuseOn(begin({ req: undefined, socket, rawTarget: '' }), refusal);
    },

    brokenBody(refusal, res) {
      res.exchange?.bodyBroke(refusal);
    },
  };

  function begin({ req, socket, rawTarget, res }: Beginning): Exchange {
    const generation = context.current();
    const { trustedProxies } = generation;
    generation.tenure.enter();
    const peer = peerOf(socket);
    const forwarded = resolveForwarded(
      { peer, host: req?.headers.host, rawHeaders: req?.rawHeaders ?? [] },
      trustedProxies,
    );
    const mayName = trustedProxies !== undefined && peer.isAmong(trustedProxies);
    const requestId = mayName ? saneRequestId(req?.headers['x-request-id']) : undefined;
    const exchange = new Exchange({
      method: req?.method ?? '',
      rawTarget,
      forwarded,
      generation,
      requestId,
      connection: connectionOf(socket),
      res,
      ended: context.finished,
    });
    context.began(exchange);
    if (context.tracing !== undefined && req !== undefined)
      exchange.spans = context.tracing.begin(exchange.method, req.headers);
    return exchange;
  }

  /** Runs the decision; settled in the same tick unless keys must be waited for. No failure is ever "allow". */
  function judge(
    { req, exchange, isUpgrade }: { req: IncomingMessage; exchange: Exchange; isUpgrade: boolean },
    then: (outcome: Decision['outcome']) => void,
  ): void {
    const fail = (error: unknown): void => then(failed(exchange, error, 'the decision failed'));
    const refusedSteps = traceRefusedSteps(context.log);
    const settle = (made: Decision): void => {
      const { route, outcome, token, answerHeaders } = made;
      refusedSteps?.write(made, exchange.requestId);
      exchange.decided();
      exchange.spans?.decided();
      exchange.route = route?.name;
      exchange.token = token;
      if (answerHeaders !== undefined) {
        exchange.answerHeaders = [...exchange.answerHeaders, ...answerHeaders];
      }
      if (!isRefusal(outcome) && !isOwnAnswer(outcome)) {
        exchange.permit = outcome;
        exchange.issuer = outcome.token?.issuer;
      }
      then(outcome);
    };
    let decision: Decision | Promise<Decision>;
    try {
      decision = decide(
        exchange.generation.gate,
        {
          method: exchange.method,
          rawTarget: exchange.rawTarget,
          rawHeaders: req.rawHeaders,
          httpVersion: req.httpVersion,
          clientAddress: exchange.forwarded.client,
          isUpgrade,
        },
        refusedSteps,
      );
    } catch (error) {
      fail(error);
      return;
    }
    if (decision instanceof Promise) {
      exchange.watchClient();
      decision.then(settle, fail);
    } else settle(decision);
  }

  /** What nobody foresaw ends its own request only; the log has the reason, the client is told that there is one. */
  function failed({ requestId }: Exchange, error: unknown, what: string): Refusal {
    context.log.error({ err: error, requestId }, what);
    return refuse('internal', what);
  }

  function planFor(exchange: Exchange, permit: Permit, forwarding: RouteForwarding): ForwardPlan {
    const plan = planForward(permit, forwarding, exchange);
    if (exchange.spans === undefined) return plan;
    const fields = exchange.spans.forwarding(forwarding.upstream.name);
    return { ...plan, headers: withTraceFields(plan.headers, fields) };
  }

  /** The access line of a tunnel is written when it is over. */
  function tunnel({ req, socket, exchange, permit }: Tunnelling): void {
    const forwarding = exchange.generation.forwarding[permit.route.index] as RouteForwarding;
    openTunnel({
      req,
      socket,
      takeHead: () => exchange.connection.takeAhead(),
      plan: planFor(exchange, permit, forwarding),
      upstream: forwarding.upstream,
      tunnels: context.tunnels,
      expiresAtMs: permit.token?.rejectedFromMs,
      observer: {
        asked: (upstream, address) => exchange.asked(upstream, address),
        refused: (refusal, upstreamMs) => {
          exchange.refused(refusal, upstreamMs);
          refuseOn(exchange, refusal);
        },
        finished: (result) => exchange.finished(result),
        abandoned: (upstreamMs) => exchange.abandoned(upstreamMs),
      },
    });
  }

  function refuseOn(exchange: Exchange, refusal: Refusal): void {
    exchange.note(refusal);
    context.finished(exchange, answerSocket(refusal, exchange, exchange.connection));
  }
}

interface Tunnelling {
  readonly req: IncomingMessage;
  readonly socket: Socket;
  readonly exchange: Exchange;
  readonly permit: Permit;
}

interface Beginning {
  readonly req: IncomingMessage | undefined;
  readonly socket: Socket;
  readonly rawTarget: string;
  readonly res?: GatewayResponse;
}

/** An id that a proxy gave: as long and as plain as ids are, so that no log or header has to fear it. */
function saneRequestId(id: string | string[] | undefined): string | undefined {
  return typeof id === 'string' && /^[\w.:+/=-]{1,128}$/.test(id) ? id : undefined;
}

const UNMET_EXPECTATION = refuse('expectation_failed', 'Expect has a value other than 100-continue');

/** RFC 9110 §10.1.1: 100-continue is the only expectation there is. */
function expectsOnlyContinue(req: IncomingMessage): boolean {
  const { expect } = req.headers;
  return expect === undefined || expect.toLowerCase() === '100-continue';
}
