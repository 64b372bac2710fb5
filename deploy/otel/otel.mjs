// Traces of Sealgate to an OpenTelemetry collector, over OTLP/HTTP.
//
//   npm install @opentelemetry/sdk-trace-node @opentelemetry/exporter-trace-otlp-http
//   OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 OTEL_SERVICE_NAME=sealgate \
//     node --import ./otel.mjs node_modules/sealgate/dist/main.js start -c gateway.yaml
//
// Sealgate itself only imports @opentelemetry/api: without this file there are no traces and no cost.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const provider = new NodeTracerProvider({
  // The endpoint and its headers come from OTEL_EXPORTER_OTLP_*, the share of traces from OTEL_TRACES_SAMPLER.
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();

// Sends waiting spans before the process ends; the drain leaves time for it.
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void provider.forceFlush());
process.once('beforeExit', () => void provider.shutdown());
