import { CODE, type GrpcCall } from '../../decisions/grpc/grpc-call.ts';
import {
  readHealthRequest,
  SERVING_STATUS,
  type ServingStatus,
  writeHealthResponse,
} from '../../decisions/grpc/health-messages.ts';
import { MalformedMessage } from '../../decisions/grpc/wire.ts';

/** `grpc.health.v1.Health`, the health service of gRPC. */
export interface HealthServing {
  check(call: GrpcCall): void;
  watch(call: GrpcCall): void;
  /** Reports a change to those who watch. */
  update(): void;
  /** Reports the end to those who watch, and ends their calls. */
  end(): void;
}

interface HealthOptions {
  /** Whether questions are welcome. */
  readonly isServing: () => boolean;
  /** The services by name. */
  readonly services: readonly string[];
  /** Longest time for a request to arrive, in milliseconds. */
  readonly timeoutMs: () => number;
}

interface Watcher {
  readonly call: GrpcCall;
  readonly service: string;
  last: ServingStatus | undefined;
}

/** How often those who watch are looked after: nothing reports a change of readiness. */
const WATCH_MS = 250;
/** The name of a service is short. */
const MAX_BYTES = 1024;

/** Responds to questions about the health of this server. The empty name stands for all of it. */
export function createHealthServing({ isServing, services, timeoutMs }: HealthOptions): HealthServing {
  const known = new Set(['', ...services]);
  const watchers = new Set<Watcher>();
  let hasEnded = false;
  let timer: NodeJS.Timeout | undefined;

  function statusOf(service: string): ServingStatus {
    if (!known.has(service)) return SERVING_STATUS.serviceUnknown;
    return !hasEnded && isServing() ? SERVING_STATUS.serving : SERVING_STATUS.notServing;
  }

  function read(call: GrpcCall, then: (service: string) => void): void {
    call.read({ maxBytes: MAX_BYTES, timeoutMs: timeoutMs() }, (message) => {
      let service: string;
      try {
        service = readHealthRequest(message);
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error;
        call.fail(CODE.invalidArgument, 'the HealthCheckRequest is malformed');
        return;
      }
      then(service);
    });
  }

  function update(): void {
    for (const watcher of watchers) {
      const status = statusOf(watcher.service);
      if (status === watcher.last) continue;
      watcher.last = status;
      watcher.call.send(writeHealthResponse(status));
    }
  }

  function forget(watcher: Watcher): void {
    watchers.delete(watcher);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    check(call) {
      read(call, (service) => {
        const status = statusOf(service);
        if (status === SERVING_STATUS.serviceUnknown) call.fail(CODE.notFound, 'no such service');
        else call.reply(writeHealthResponse(status));
      });
    },
    watch(call) {
      read(call, (service) => {
        const watcher: Watcher = { call, service, last: undefined };
        watchers.add(watcher);
        timer ??= setInterval(update, WATCH_MS).unref();
        call.res.once('close', () => forget(watcher));
        call.onDeadline(() => call.fail(CODE.deadlineExceeded, 'the deadline passed'));
        update();
        if (hasEnded) call.fail(CODE.unavailable, 'the server ends');
      });
    },
    update,
    end() {
      hasEnded = true;
      update();
      for (const { call } of watchers) call.fail(CODE.unavailable, 'the server ends');
    },
  };
}
