import { after } from '../core/after.ts';
import { isRefusal, type Refusal, refuse } from '../core/refusals.ts';
import type { Scheduler } from '../core/time/scheduler.ts';
import type { FrontCall } from '../pipeline/messages/direct-response.ts';
import { type CallGate, createCallGate } from '../tokens/endpoints/call-gate.ts';
import { askTokenEndpoint } from './ask-token-endpoint.ts';
import { authorize } from './authorize.ts';
import { type FrontResponse, respondWithError } from './front-response.ts';
import type { FrontRules } from './parameters.ts';
import type { Provider } from './provider.ts';
import type { ProviderMetadata } from './provider-metadata.ts';
import { register } from './register.ts';
import { describeServer } from './server-metadata.ts';
import { readTokenRequest } from './token-request.ts';

/** What a front is given of a request beside the decision. */
export interface FrontRequest {
  readonly clientAddress: string;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** Undefined when the client left. */
  readonly readBody: () => Promise<Buffer | Refusal | undefined>;
}

/** The front of one issuer for OAuth clients. It keeps nothing of a request, issues nothing, and knows no secret. */
export interface Front {
  /** Undefined when the client left before it had sent its request. */
  serve(call: FrontCall, request: FrontRequest): Promise<FrontResponse | Refusal | undefined>;
  readonly provider: Provider;
}

export interface FrontOptions {
  readonly rules: FrontRules;
  readonly provider: Provider;
  /** Of `publicUrl`. */
  readonly origin: string;
  readonly path: string;
  /** For a request to the token endpoint. */
  readonly timeoutMs: number;
  readonly scheduler: Scheduler;
}

/** Requests that wait for the token endpoint, so that a slow one costs no more than so many of them. */
const MOST_CALLS = 256;

/** Makes the front of one issuer. */
export function createFront(options: FrontOptions): Front {
  const { rules, provider } = options;
  const calls = createCallGate(MOST_CALLS);

  async function withProvider(
    use: (metadata: ProviderMetadata) => FrontResponse | Refusal | Promise<FrontResponse | Refusal>,
  ): Promise<FrontResponse | Refusal> {
    return after(provider.metadata(), (metadata) => (isRefusal(metadata) ? metadata : use(metadata)));
  }

  const endpoints: Readonly<Record<FrontCall['frontCall']['kind'], Front['serve']>> = {
    metadata: () => withProvider((metadata) => describeServer(options, metadata)),

    async authorize({ query, hasAuthorization }) {
      const outcome = authorize(query, hasAuthorization, rules);
      return 'end' in outcome ? outcome.end : withProvider(outcome.send);
    },

    async token({ hasAuthorization }, request) {
      const body = await readText(request, hasAuthorization, FORM);
      if (typeof body !== 'string') return body;
      const form = readTokenRequest(body, rules);
      if (typeof form !== 'string') return form;
      return withProvider(({ tokenEndpoint }) =>
        limited(calls, request.clientAddress, () =>
          askTokenEndpoint(tokenEndpoint, form, { ...options, dispatcher: provider.dispatcher }),
        ),
      );
    },

    async register({ hasAuthorization }, request) {
      const body = await readText(request, hasAuthorization, JSON_BODY);
      return typeof body === 'string' ? register(body, rules) : body;
    },
  };

  return { provider, serve: (call, request) => endpoints[call.frontCall.kind](call, request) };
}

interface BodyForm {
  readonly type: RegExp;
  /** The error for a body of another form. */
  readonly error: string;
  readonly name: string;
}

const FORM: BodyForm = {
  type: /^application\/x-www-form-urlencoded$/i,
  error: 'invalid_request',
  name: 'application/x-www-form-urlencoded',
};
const JSON_BODY: BodyForm = {
  type: /^application\/json$/i,
  error: 'invalid_client_metadata',
  name: 'application/json',
};

async function readText(
  { contentType = '', contentEncoding = 'identity', readBody }: FrontRequest,
  hasAuthorization: boolean,
  { type, error, name }: BodyForm,
): Promise<string | FrontResponse | Refusal | undefined> {
  if (hasAuthorization) {
    return respondWithError('invalid_request', 'Authorization is not accepted: the client is public');
  }
  const [media = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  const isUtf8 = parameters.every((parameter) => /^(?:charset="?utf-8"?)?$/i.test(parameter));
  if (!type.test(media) || !isUtf8 || contentEncoding.toLowerCase() !== 'identity') {
    return respondWithError(error, `the body must be ${name} in UTF-8`);
  }
  const bytes = await readBody();
  if (bytes === undefined || isRefusal(bytes)) return bytes;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return respondWithError(error, 'the body is not UTF-8');
  }
}

async function limited(
  calls: CallGate,
  address: string,
  ask: () => Promise<FrontResponse | Refusal>,
): Promise<FrontResponse | Refusal> {
  if (!calls.enter(address)) return FULL;
  try {
    return await ask();
  } finally {
    calls.leave(address);
  }
}

const FULL = refuse('provider_full', 'too many requests wait for the token endpoint of the provider', {
  retryAfterSeconds: 1,
});
