import type { Context, Span, Tracer } from '@opentelemetry/api';
import { VERSION } from '../core/version.ts';
import type { RequestRecord } from './request-record.ts';

type Api = typeof import('@opentelemetry/api');

/** What a span shows of a finished request. */
export type TracedRequest = Pick<
  RequestRecord,
  'requestId' | 'method' | 'path' | 'route' | 'status' | 'code' | 'issuer' | 'client'
>;

/** The spans of one request: the whole of it, the decision, the backend. */
export interface RequestSpans {
  /** The decision is made. */
  decided(): void;
  /** The request goes to the backend: gives the header fields that carry the trace on, lower case. */
  upstreamPlan(upstream: string): Readonly<Record<string, string>>;
  /** The request is over. */
  end(request: TracedRequest): void;
}

export interface Tracing {
  /** Starts the spans of a request; its trace continues the one that its headers name (W3C Trace Context). */
  begin(method: string, headers: Readonly<Record<string, string | string[] | undefined>>): RequestSpans;
}

/** Where a preloaded SDK registers itself (`@opentelemetry/api`, major version 1). */
const SDK = Symbol.for('opentelemetry.js.api.1');

/**
 * Gives tracing if an OpenTelemetry SDK was preloaded (`node --import ./otel.mjs`). Else undefined: then its API is not loaded, and
 * `traceparent` and `tracestate` are forwarded as they came.
 */
export async function findTracing(): Promise<Tracing | undefined> {
  if ((globalThis as unknown as Record<symbol, unknown>)[SDK] === undefined) return undefined;
  const api = await import('@opentelemetry/api');
  const tracer = api.trace.getTracer('sealgate', VERSION);
  return { begin: (method, headers) => beginSpans(api, tracer, method, headers) };
}

function beginSpans(
  api: Api,
  tracer: Tracer,
  method: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): RequestSpans {
  const { SpanKind, SpanStatusCode, propagation, trace, ROOT_CONTEXT } = api;
  const outer = propagation.extract(ROOT_CONTEXT, headers);
  const span = tracer.startSpan(method, { kind: SpanKind.SERVER }, outer);
  const inner: Context = trace.setSpan(outer, span);
  const decision = tracer.startSpan('decide', { kind: SpanKind.INTERNAL }, inner);
  let upstreamSpan: Span | undefined;
  return {
    decided() {
      decision.end();
    },
    upstreamPlan(upstream) {
      upstreamSpan = tracer.startSpan(method, { kind: SpanKind.CLIENT }, inner);
      upstreamSpan.setAttribute('sealgate.upstream', upstream);
      upstreamSpan.setAttribute('http.request.method', method);
      const fields: Record<string, string> = {};
      propagation.inject(trace.setSpan(inner, upstreamSpan), fields);
      return fields;
    },
    end({ requestId, path, route, status, code, issuer, client }) {
      decision.end();
      const failed = status >= 500;
      if (upstreamSpan !== undefined) {
        upstreamSpan.setAttribute('http.response.status_code', status);
        if (failed) upstreamSpan.setStatus({ code: SpanStatusCode.ERROR });
        upstreamSpan.end();
      }
      if (route !== undefined) span.updateName(`${method} ${route}`);
      span.setAttributes({
        'http.request.method': method,
        'http.response.status_code': status,
        'url.path': path,
        'client.address': client,
        'sealgate.request_id': requestId,
        'sealgate.code': code,
        ...(route === undefined ? {} : { 'http.route': route }),
        ...(issuer === undefined ? {} : { 'sealgate.issuer': issuer }),
      });
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR, message: code });
      span.end();
    },
  };
}

/** Replaces fields of the same name; `pairs` has names and values in turn, `fields` lower-case names. */
export function withTraceFields(
  pairs: readonly string[],
  fields: Readonly<Record<string, string>>,
): readonly string[] {
  const replaced: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] as string;
    if (!Object.hasOwn(fields, name.toLowerCase())) replaced.push(name, pairs[at + 1] as string);
  }
  for (const [name, value] of Object.entries(fields)) replaced.push(name, value);
  return replaced;
}
