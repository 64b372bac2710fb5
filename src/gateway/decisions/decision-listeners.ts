import type { Server } from 'node:net';
import type { DecisionsConfig } from '../../config/schema/config.ts';
import type { Decisions } from '../../decisions/compile-decisions.ts';
import type { Generation } from '../generation.ts';
import { createListener, urlOf } from '../server/listener.ts';
import { applyLimits } from '../server/listener-limits.ts';
import { renewListenerTls } from '../server/listener-tls.ts';
import type { ServeContext } from '../serving/serve.ts';
import type { GrpcListener, GrpcListenerParts } from './grpc-listener.ts';
import { createQuestionServing } from './serve-questions.ts';

/** What other proxies ask at. */
export interface DecisionListeners {
  /** Rejects when a port is taken. */
  listen(): Promise<DecisionAddresses>;
  /** Takes over limits and certificates of a new configuration. */
  follow(next: Generation): void;
  /** Accepts no more connections; resolves once the last one has closed. */
  close(): Promise<void>;
}

export interface DecisionAddresses {
  readonly decisionsUrl: string;
  /** Where Envoy asks over gRPC. */
  readonly grpcUrl?: string;
}

/** Makes the listeners of a file with `decisions`. */
export function createDecisionListeners(
  context: ServeContext,
  { settings, ...parts }: GrpcListenerParts & { readonly settings: DecisionsConfig },
): DecisionListeners {
  const { decisions, decisionsTls: tls } = context.current();
  const server = createListener((decisions as Decisions).limits, {
    connections: parts.connections,
    events: createQuestionServing(context),
    tls,
  });
  const scheme = tls === undefined ? 'http' : 'https';
  let grpc: GrpcListener | undefined;
  return {
    async listen() {
      const { host, port, grpc: grpcPort } = settings;
      await listenAt(server, { host, port });
      const decisionsUrl = urlOf(server, scheme);
      if (grpcPort === undefined) return { decisionsUrl };
      // Most files have no such port; they do not load the code.
      const { createGrpcListener } = await import('./grpc-listener.ts');
      grpc = createGrpcListener(context, parts);
      await listenAt(grpc.server, { host, port: grpcPort });
      return { decisionsUrl, grpcUrl: urlOf(grpc.server, scheme) };
    },
    follow(next) {
      applyLimits(server, (next.decisions as Decisions).limits);
      renewListenerTls(server, next.decisionsTls);
      grpc?.follow(next);
    },
    async close() {
      await Promise.all([closed(server), grpc?.close()]);
    },
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}

function listenAt(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
