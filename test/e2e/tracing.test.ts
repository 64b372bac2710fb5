import { once } from 'node:events';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { json } from 'node:stream/consumers';
import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startGatewayProcess } from '../support/gateway/gateway-process.ts';

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

/** A collector that accepts spans by OTLP/HTTP with JSON and stores them. */
async function startCollector(t: Tap) {
  const spans: OtlpSpan[] = [];
  let notify = (): void => {};
  const server = createServer(async (req, res) => {
    const { resourceSpans } = (await json(req)) as {
      resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[];
    };
    for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
    res.setHeader('content-type', 'application/json').end('{}');
    notify();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    has: (count: number) =>
      new Promise<readonly OtlpSpan[]>((there) => {
        notify = () => {
          if (spans.length >= count) there(spans);
        };
        notify();
      }),
  };
}

type Tap = Parameters<typeof startGatewayProcess>[0];

const PARENT = { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' };
const TRACEPARENT = `00-${PARENT.trace}-${PARENT.span}-01`;

const fileOf = (backend: string) => `listen: { port: 0 }
admin: { port: 0 }
issuers: { corp: { issuer: 'http://127.0.0.1:9', audiences: [api] } }
upstreams: { backend: { url: '${backend}' } }
routes:
  - { name: open, path: /open, upstream: backend, access: public }
  - { name: closed, path: /closed, upstream: backend, access: authenticated }
`;

t.test('spans of the request, its decision and its backend reach a collector', async (t) => {
  const collector = await startCollector(t);
  const upstream = await startCountingUpstream();
  t.teardown(() => upstream.close());
  const gateway = await startGatewayProcess(t, fileOf(upstream.url), {
    nodeArgs: [`--import=${resolve('deploy/otel/otel.mjs')}`],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: '100' },
  });
  await (await fetch(`${gateway.url}/open`, { headers: { traceparent: TRACEPARENT } })).text();
  await (await fetch(`${gateway.url}/closed`)).text();
  const spans = await collector.has(5);

  const server = spans.find(({ name }) => name === 'GET open');
  const client = spans.find(({ parentSpanId, kind }) => parentSpanId === server?.spanId && kind === 3);
  const decision = spans.find(
    ({ name, parentSpanId }) => name === 'decide' && parentSpanId === server?.spanId,
  );
  t.match(server, { traceId: PARENT.trace, parentSpanId: PARENT.span, kind: 2 });
  t.match(client, { traceId: PARENT.trace });
  t.match(decision, { traceId: PARENT.trace });
  t.equal(
    upstream.requests[0]?.headers.traceparent,
    `00-${PARENT.trace}-${client?.spanId}-01`,
    'the backend continues our span',
  );
  const attribute = (span: OtlpSpan | undefined, key: string) =>
    Object.values(span?.attributes.find((one) => one.key === key)?.value ?? {})[0];
  t.equal(attribute(server, 'http.route'), 'open');
  t.equal(attribute(server, 'sealgate.code'), 'allow');
  t.equal(
    attribute(
      spans.find(({ name }) => name === 'GET closed'),
      'sealgate.code',
    ),
    'token_missing',
  );
  t.equal(upstream.requests.length, 1);
});

t.test("without an SDK the client's trace is forwarded unchanged", async (t) => {
  const upstream = await startCountingUpstream();
  t.teardown(() => upstream.close());
  const gateway = await startGatewayProcess(t, fileOf(upstream.url));
  const headers = { traceparent: TRACEPARENT, tracestate: 'vendor=1' };
  await (await fetch(`${gateway.url}/open`, { headers })).text();
  t.match(upstream.requests[0]?.headers, headers);
});
