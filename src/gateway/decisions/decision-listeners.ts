import type { Server } from 'node:http';
import type { Config } from '../../config/schema/config.ts';
import type { Generation } from '../generation.ts';
import type { ClientConnections } from '../server/client-connections.ts';
import { createListener, urlOf } from '../server/listener.ts';
import { applyLimits } from '../server/listener-limits.ts';
import { renewListenerTls } from '../server/listener-tls.ts';
import type { ServeContext } from '../serving/serve.ts';
import { limitsOfQuestions } from './limits-of-questions.ts';
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
}

/** Makes the listeners of a file with `decisions`. */
export function createDecisionListeners(
  context: ServeContext,
  {
    connections,
    settings,
  }: { readonly connections: ClientConnections; readonly settings: NonNullable<Config['decisions']> },
): DecisionListeners {
  const { config, decisionsTls: tls } = context.current();
  const server = createListener(limitsOfQuestions(config.listen.limits), {
    connections,
    events: createQuestionServing(context),
    tls,
  });
  return {
    async listen() {
      await listenAt(server, settings);
      return { decisionsUrl: urlOf(server, tls === undefined ? 'http' : 'https') };
    },
    follow(next) {
      applyLimits(server, limitsOfQuestions(next.config.listen.limits));
      renewListenerTls(server, next.decisionsTls);
    },
    close: () =>
      new Promise((resolve) => {
        if (server.listening) server.close(() => resolve());
        else resolve();
      }),
  };
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
