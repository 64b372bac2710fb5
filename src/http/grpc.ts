import { REFUSALS, type RefusalCode } from '../core/refusals.ts';

/** The gRPC status codes that a refusal can become. */
const STATUS = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Other statuses from 400 to 499 are INVALID_ARGUMENT, and the rest INTERNAL. */
const BY_HTTP_STATUS: Readonly<Record<number, number>> = {
  401: STATUS.unauthenticated,
  403: STATUS.permissionDenied,
  404: STATUS.unimplemented,
  405: STATUS.unimplemented,
  408: STATUS.deadlineExceeded,
  429: STATUS.resourceExhausted,
  502: STATUS.unavailable,
  503: STATUS.unavailable,
  504: STATUS.deadlineExceeded,
};

/** The `grpc-status` that stands for a status of HTTP. */
export function grpcStatusOf(status: number): number {
  return BY_HTTP_STATUS[status] ?? (status < 500 ? STATUS.invalidArgument : STATUS.internal);
}

/** The fields of each refusal that a gRPC client reads: names and values in turn. */
export const GRPC_FIELDS = Object.fromEntries(
  (Object.keys(REFUSALS) as RefusalCode[]).map((code) => {
    const { title, status } = REFUSALS[code];
    const message = percentEncode(`${title} (${code})`);
    return [code, ['grpc-status', String(grpcStatusOf(status)), 'grpc-message', message]];
  }),
) as unknown as Readonly<Record<RefusalCode, readonly string[]>>;

/** The kinds of gRPC-Web; their clients want a response of the kind that they sent. */
const WEB_TYPE = /^application\/grpc-web(?:-text)?(?:\+proto)?(?=$|[ \t;])/i;

/** The media type of the response to a gRPC request; undefined for other requests. */
export function grpcResponseType(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^application\/grpc/i.test(contentType)) return undefined;
  return WEB_TYPE.exec(contentType)?.[0].toLowerCase() ?? 'application/grpc';
}

/** As `grpc-message` wants it: space to tilde without `%` stand for themselves. */
function percentEncode(text: string): string {
  return text.replace(/[^ -$&-~]/g, encodeURIComponent);
}
