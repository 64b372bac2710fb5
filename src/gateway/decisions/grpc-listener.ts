import type { Server } from 'node:net';
import { createReadiness, type IssuerReadiness } from '../../admin/readiness.ts';
import type { Clock } from '../../core/time/clock.ts';
import { CODE, GrpcCall, type GrpcCalls } from '../../decisions/grpc/grpc-call.ts';
import { keepReadingCalls } from '../../decisions/grpc/reading-calls.ts';
import type { Generation } from '../generation.ts';
import type { ClientConnections } from '../server/client-connections.ts';
import { createHttp2Server } from '../server/http2/http2-server.ts';
import type { ServeContext } from '../serving/serve.ts';
import { createCheckServing } from './serve-check.ts';
import { createHealthServing } from './serve-health.ts';

/** Checks that one connection may have running. An asking proxy has few connections, one for each of its threads. */
const CONCURRENT_CHECKS = 256;
const AUTHORIZATION = 'envoy.service.auth.v3.Authorization';

/** What Envoy and Istio ask at over gRPC. */
export interface GrpcListener {
  readonly server: Server;
  /** Takes over limits and certificates of a new configuration. */
  follow(next: Generation): void;
  /** Accepts no more connections; resolves once the last one has closed. */
  close(): Promise<void>;
}

export interface GrpcListenerParts {
  readonly connections: ClientConnections;
  readonly clock: Clock;
  readonly issuers: () => readonly IssuerReadiness[];
}

/** Makes the listener. Calls are one message over HTTP/2 each, which Node speaks; see docs/decisions/grpc-without-a-framework.md. */
export function createGrpcListener(
  context: ServeContext,
  { connections, clock, issuers }: GrpcListenerParts,
): GrpcListener {
  const { config, decisionsTls: tls } = context.current();
  const readiness = createReadiness({ ...config.readiness, clock });
  const health = createHealthServing({
    isServing: () => !context.isDraining() && readiness.isReady(issuers()),
    services: [AUTHORIZATION],
    timeoutMs: () => context.current().config.listen.limits.headerTimeout,
  });
  const methods: ReadonlyMap<string | undefined, (call: GrpcCall) => void> = new Map([
    [`/${AUTHORIZATION}/Check`, createCheckServing(context)],
    ['/grpc.health.v1.Health/Check', health.check],
    ['/grpc.health.v1.Health/Watch', health.watch],
  ]);
  const calls: GrpcCalls = {
    reading: keepReadingCalls(),
    onError: (error) => context.log.error({ err: error }, 'a call failed'),
  };
  const { server, follow, close } = createHttp2Server({
    connections,
    tls,
    limits: config.listen.limits,
    concurrentStreams: CONCURRENT_CHECKS,
    request(req, res) {
      const call = GrpcCall.of(req, res, calls);
      if (call === undefined) return;
      const serve = methods.get(req.url);
      if (serve === undefined) call.fail(CODE.unimplemented, 'no such method');
      else serve(call);
    },
  });
  return {
    server,
    follow(next) {
      readiness.follow(next.config.readiness);
      follow(next.config.listen.limits, next.decisionsTls);
    },
    close() {
      health.end();
      return close();
    },
  };
}
