import type { Context, Span, Tracer } from '@opentelemetry/api';
import { VERSION } from '../core/version.ts';

type Api = typeof import('@opentelemetry/api');

/** What a span tells of a finished request; an access record is one. */
export interface TracedRequest {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly route: string | undefined;
  readonly status: number;
  readonly code: string;
  readonly issuer: string | undefined;
  readonly client: string;
}

/** The spans of one request: the whole of it, the decision, the backend. */
export interface RequestSpans {
  /** The decision is made. */
  decided(): void;
  /** The request goes up: gives the header fields that carry the trace on, lower case. */
  upstreamPlan(upstream: string): Readonly<Record<string, string>>;
  /** The head of the backend's response came so long after it was sent; undefined when none came. */
  end(request: TracedRequest): void;
}

export interface Tracing {
  /** Starts the spans of a request; its trace goes on from what its headers say (W3C Trace Context). */
  begin(method: string, headers: Readonly<Record<string, string | string[] | undefined>>): RequestSpans;
}

/** Where an SDK that was loaded before us has left itself (`@opentelemetry/api`, major version 1). */
const SDK = Symbol.for('opentelemetry.js.api.1');

/**
 * Gives tracing if an OpenTelemetry SDK was preloaded (`node --import ./otel.mjs`), else undefined: then nothing of it is loaded, and
 * `traceparent` and `tracestate` go up as they came.
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
      const controller: Record<string, string> = {};
      propagation.inject(trace.setSpan(inner, upstreamSpan), controller);
      return controller;
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

/** Puts fields in the place of those with the same name; names and values in turn, lower case. */
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
