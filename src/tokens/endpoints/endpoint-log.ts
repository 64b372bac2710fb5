import type { CallOutcome } from './call-stats.ts';

/** Where calls of endpoints are reported to. Fits a pino logger. */
export interface CallLog {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** One call, with nothing of what was sent or received. */
export interface CallReport {
  /** Without the query; undefined where the place is not known. */
  readonly url: string | undefined;
  readonly status: number | undefined;
  readonly durationMs: number;
  readonly outcome: CallOutcome;
  readonly reason: string | undefined;
}

export interface EndpointLog {
  /** `failure` is why the endpoint does not serve; undefined where it does, also when it refuses a caller. */
  called(report: CallReport, failure: string | undefined): void;
}

const NAMES = { introspection: 'issuer', token: 'upstream' } as const;

/** Writes a debug line for every call, and a visible one when an endpoint begins to fail, fails differently, or is well again. */
export function createEndpointLog(
  log: CallLog | undefined,
  { endpoint, name }: { readonly endpoint: keyof typeof NAMES; readonly name: string },
): EndpointLog {
  const owner = { endpoint, [NAMES[endpoint]]: name };
  let failing: string | undefined;
  return {
    called(report, failure) {
      log?.debug({ ...owner, ...report }, 'asked an endpoint of the provider');
      if (failure === failing) return;
      failing = failure;
      if (failure === undefined) log?.info(owner, 'the endpoint of the provider responds again');
      else
        log?.warn(
          { ...owner, url: report.url, reason: failure },
          'the endpoint of the provider does not serve',
        );
    },
  };
}
