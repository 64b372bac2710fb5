import { fileURLToPath } from 'node:url';
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** A request that an asking proxy describes; what is left out is as in `GET http://api.test/a` from 192.0.2.7. */
export interface AskedAbout {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: string;
  readonly protocol?: string;
  readonly source?: string;
  /** A map, as Envoy sends it by default. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A list, as Envoy sends it with `encode_raw_headers`. */
  readonly rawHeaders?: readonly (readonly [name: string, value: string | Buffer])[];
  /** Further members of `source`. */
  readonly peer?: Readonly<Record<string, unknown>>;
  /** Further members of `HttpRequest`. */
  readonly http?: Readonly<Record<string, unknown>>;
}

interface HeaderOption {
  readonly header: { readonly key: string; readonly value: string };
  readonly append?: { readonly value?: boolean };
  readonly append_action?: number;
}

/** A CheckResponse, as the proto loader reads it. */
export interface CheckResponse {
  readonly status?: { readonly code?: number };
  readonly denied_response?: {
    readonly status?: { readonly code?: number };
    readonly headers?: readonly HeaderOption[];
    readonly body?: string;
  };
  readonly ok_response?: {
    readonly headers?: readonly HeaderOption[];
    readonly headers_to_remove?: readonly string[];
    readonly response_headers_to_add?: readonly HeaderOption[];
  };
}

const protos = loadSync(['check.proto', 'health.proto'], {
  keepCase: true,
  includeDirs: [fileURLToPath(new URL('./protos', import.meta.url))],
});
type Methods = Readonly<Record<string, MethodDefinition<object, object>>>;
const CHECK = (protos['envoy.service.auth.v3.Authorization'] as Methods).Check as MethodDefinition<
  object,
  object
>;
const HEALTH = protos['grpc.health.v1.Health'] as Methods;

/** How a call ended, and with which response. */
export interface CallResult {
  /** The status of gRPC: 0 for a response. */
  readonly code: number;
  readonly response: CheckResponse;
  readonly error: ServiceError | undefined;
}

/** A client of gRPC that is not ours. */
export interface CheckClient {
  check(about?: AskedAbout, options?: CallOptions): Promise<CallResult>;
  /** Sends these bytes as the message. */
  checkBytes(bytes: Buffer, options?: CallOptions): Promise<CallResult>;
  /** Starts a Check that the test may cancel. */
  begin(about: AskedAbout): { readonly call: ClientUnaryCall; readonly result: Promise<CallResult> };
  /** The serving status, or the code with which the call failed. */
  health(service?: string): Promise<string | number>;
  watch(service?: string): ClientReadableStream<{ readonly status?: string }>;
  close(): void;
}

/** Connects to the address of a URL. `channel`: with TLS. */
export function connectCheckClient(
  url: string,
  channel: ChannelCredentials = credentials.createInsecure(),
  options: Readonly<Record<string, string | number>> = {},
): CheckClient {
  const client = new Client(new URL(url).host, channel, options);
  const begin = (bytes: Buffer, options: CallOptions = {}) => {
    let call: ClientUnaryCall | undefined;
    const result = new Promise<CallResult>((resolve) => {
      call = client.makeUnaryRequest(
        CHECK.path,
        (message: Buffer) => message,
        (message) => CHECK.responseDeserialize(message) as CheckResponse,
        bytes,
        new Metadata(),
        options,
        (error, response) =>
          resolve({ code: error?.code ?? 0, response: response ?? {}, error: error ?? undefined }),
      );
    });
    return { call: call as ClientUnaryCall, result };
  };
  return {
    check: (about = {}, options) => begin(encodeCheck(about), options).result,
    checkBytes: (bytes, options) => begin(bytes, options).result,
    begin: (about) => begin(encodeCheck(about)),
    health: (service = '') =>
      new Promise((resolve) => {
        const { path, requestSerialize, responseDeserialize } = HEALTH.Check as MethodDefinition<
          object,
          object
        >;
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service }, (error, response) =>
          resolve(error?.code ?? statusName(response as { status?: number })),
        );
      }),
    watch(service = '') {
      const { path, requestSerialize, responseDeserialize } = HEALTH.Watch as MethodDefinition<
        object,
        object
      >;
      return client.makeServerStreamRequest(
        path,
        requestSerialize,
        (bytes) => ({ status: statusName(responseDeserialize(bytes) as { status?: number }) }),
        { service },
      );
    },
    close: () => client.close(),
  };
}

function statusName({ status = 0 }: { readonly status?: number }): string {
  return ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'][status] as string;
}

/** The message as Envoy would send it, pseudo header fields among the header fields. */
export function encodeCheck(about: AskedAbout): Buffer {
  const { method = 'GET', path = '/a', host = 'api.test', scheme = 'https', protocol = 'HTTP/1.1' } = about;
  const { source = '192.0.2.7', headers, rawHeaders, peer, http } = about;
  const pseudo = { ':authority': host, ':method': method, ':path': path, ':scheme': scheme };
  return CHECK.requestSerialize({
    attributes: {
      source: { address: { socket_address: { address: source, port_value: 51_234 } }, ...peer },
      destination: { address: { socket_address: { address: '192.0.2.1', port_value: 443 } } },
      request: {
        time: { seconds: 1_790_000_000 },
        http: {
          id: '7',
          method,
          path,
          host,
          scheme,
          protocol,
          size: -1,
          ...(rawHeaders === undefined
            ? { headers: { ...pseudo, ...headers } }
            : {
                header_map: {
                  headers: [...Object.entries(pseudo), ...rawHeaders].map(([key, value]) => ({
                    key,
                    raw_value: Buffer.from(value),
                  })),
                },
              }),
          ...http,
        },
      },
    },
  });
}

/** Header fields of a response by name, where each comes once. */
export function fieldsOf(options: readonly HeaderOption[] = []): Record<string, string> {
  return Object.fromEntries(options.map(({ header }) => [header.key, header.value ?? '']));
}

/** The code of the refusal; `allow` for what is allowed, and for a call that failed, its status. */
export function codeOf({ code, response }: CallResult): string {
  if (code !== 0) return `failed ${code}`;
  // What Envoy takes for "allow", whatever else is there.
  if ((response.status?.code ?? 0) === 0) return 'allow';
  return (JSON.parse(response.denied_response?.body ?? '{}') as { code: string }).code;
}
