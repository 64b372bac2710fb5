import type { Dispatcher } from 'undici';
import type { Scheduler } from '../../core/time/scheduler.ts';
import { describePlace } from '../keys/fetch/fetch-json.ts';
import { type Authenticate, createAuthenticate } from './authenticate.ts';
import type { CallCounter, CallOutcome } from './call-stats.ts';
import type { ClientCredentials } from './client-credentials.ts';
import type { EndpointLog } from './endpoint-log.ts';
import { createPlaceFinder, type EndpointPlace } from './endpoint-place.ts';
import { type EndpointFailure, type EndpointResponse, LATE, postForm } from './post-form.ts';

/** Which endpoint is asked, and how. */
export interface EndpointSettings {
  readonly endpoint: 'introspection' | 'token';
  /** The configured name of the issuer or upstream, for logs and metrics. */
  readonly name: string;
  readonly place: EndpointPlace;
  readonly credentials: ClientCredentials;
  /** Of client assertions: the provider's issuer, or the URL of the endpoint where that is not known. */
  readonly audience: string;
  /** PEM text of the authorities to trust instead of the system's. */
  readonly ca: string | undefined;
  /** For a whole call: place, connection and response. */
  readonly timeoutMs: number;
  /** Of a response. */
  readonly maxBytes: number;
  /** Whether a call that a broken connection ended is made once more: for questions that change nothing. */
  readonly isRepeatable: boolean;
}

/** The endpoint of a provider that the gateway asks as its client. */
export interface ProviderEndpoint {
  /** Gets ready for calls: loads what authenticates the gateway, and begins to find the endpoint. Further calls do nothing. */
  start(): void;
  /** Sends the parameters with what identifies the gateway. Never rejects, and ends within the time-out. */
  call(parameters: Readonly<Record<string, string>>): Promise<EndpointResponse | EndpointFailure>;
  /** Stops looking for the place; calls that run end by themselves. */
  close(): void;
}

export interface ProviderEndpointOptions {
  readonly settings: EndpointSettings;
  readonly dispatcher: Dispatcher;
  readonly scheduler: Scheduler;
  /** 0 to 1, as `Math.random`. */
  readonly random: () => number;
  readonly counter: CallCounter;
  readonly log: EndpointLog;
}

export function createProviderEndpoint(options: ProviderEndpointOptions): ProviderEndpoint {
  const { settings, dispatcher, scheduler, counter, log } = options;
  const { timeoutMs, maxBytes, isRepeatable } = settings;
  const finder = createPlaceFinder(settings.place, options);
  let authenticate: Promise<Authenticate> | undefined;

  function prepare(): Promise<Authenticate> {
    authenticate ??= createAuthenticate(settings.credentials, settings.audience);
    return authenticate;
  }

  async function post(
    parameters: Readonly<Record<string, string>>,
    { signal, seen }: { readonly signal: AbortSignal; readonly seen: { url: URL | undefined } },
  ): Promise<EndpointResponse | EndpointFailure> {
    const [url, add] = await Promise.all([finder.find(), prepare()]);
    if (typeof url === 'string') return { ...NO_PLACE, reason: url };
    seen.url = url;
    if (signal.aborted) return LATE;
    const form = new URLSearchParams(parameters);
    const headers = new Headers();
    await add(form, headers);
    return postForm(url, { dispatcher, headers, form, maxBytes, signal, isRepeatable });
  }

  async function call(
    parameters: Readonly<Record<string, string>>,
  ): Promise<EndpointResponse | EndpointFailure> {
    const startedMono = performance.now();
    const seen: { url: URL | undefined } = { url: undefined };
    const controller = new AbortController();
    let cancel = () => {};
    // A hard limit, however the network behaves.
    const late = new Promise<EndpointFailure>((resolve) => {
      cancel = scheduler.after(timeoutMs, () => {
        controller.abort();
        resolve(LATE);
      });
    });
    counter.begin();
    const result = await Promise.race([post(parameters, { signal: controller.signal, seen }), late]).catch(
      (error: unknown): EndpointFailure => ({ ...NO_PLACE, outcome: 'invalid', reason: describe(error) }),
    );
    cancel();
    const outcome = outcomeOf(result);
    const reason = reasonOf(result);
    const durationMs = performance.now() - startedMono;
    const failure = refusesCaller(result) ? undefined : reason;
    counter.end(outcome, durationMs, failure);
    log.called(
      {
        url: seen.url && describePlace(seen.url),
        status: result.status,
        durationMs: Math.round(durationMs),
        outcome,
        reason,
      },
      failure,
    );
    return result;
  }

  return {
    start() {
      finder.start();
      // A call that needs it reports why it fails.
      prepare().catch(() => {});
    },
    call,
    close: finder.close,
  };
}

const NO_PLACE: EndpointFailure = {
  kind: 'failure',
  outcome: 'unreachable',
  reason: '',
  hint: undefined,
  status: undefined,
};

function outcomeOf(result: EndpointResponse | EndpointFailure): CallOutcome {
  if (result.kind === 'failure') return result.outcome;
  return result.status === 200 ? 'ok' : 'rejected';
}

/** Why a call did not give what was asked for; undefined where it did. */
export function reasonOf(result: EndpointResponse | EndpointFailure): string | undefined {
  if (result.kind === 'failure') return result.reason;
  const { status, json } = result;
  if (status === 200) return undefined;
  const error = ERRORS.find((known) => known === json?.error);
  const named = error === undefined ? '' : ` and \`${error}\``;
  return isClientRefused(result)
    ? `responded with ${status}${named}: the provider does not accept the client credentials`
    : `responded with ${status}${named}`;
}

/** Whether a token endpoint refused what the caller brought, which it does as a matter of course. */
function refusesCaller(result: EndpointResponse | EndpointFailure): boolean {
  if (result.kind === 'failure' || result.status >= 500) return false;
  return result.json?.error === 'invalid_grant' || result.json?.error === 'interaction_required';
}

/** Whether the provider refused the gateway itself: its credentials are wrong, or it may not ask. */
export function isClientRefused({ status, json }: EndpointResponse): boolean {
  return status === 401 || json?.error === 'invalid_client' || json?.error === 'unauthorized_client';
}

/** The error codes of RFC 6749 §5.2, RFC 7009 §2.2.1 and RFC 8693 §2.2.2: what a provider sends beyond them is not logged. */
const ERRORS = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'unsupported_token_type',
  'interaction_required',
] as const;

function describe(error: unknown): string {
  // The only thing left that throws is the signing of the assertion.
  return error instanceof Error ? `the client could not be authenticated: ${error.name}` : 'failed';
}
