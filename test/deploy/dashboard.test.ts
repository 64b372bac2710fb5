import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { startTokenEndpoint } from '../support/exchange/token-endpoint.ts';
import { liveText, startLiveGateway } from '../support/gateway/live-gateway.ts';
import { askOnce, QUESTIONS } from '../support/gateway/questions.ts';
import { hasPrometheus, startPrometheus } from '../support/peers/prometheus.ts';
import { startRedisServer } from '../support/peers/redis-server.ts';
import { findTypeErrors } from './type-errors.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly options?: object;
  readonly fieldConfig?: { readonly defaults: { readonly custom?: object } };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: { query: string } | string }[];
  };
}

const text = readFileSync('deploy/grafana/dashboard.json', 'utf8');
const dashboard = JSON.parse(text) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

/** Grafana's own types; a file may omit defaults and has the values of enumerations. */
const TYPES = `import type { AnnotationQuery, Dashboard } from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { FieldConfig as StateTimelineFields, Options as StateTimelineOptions } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { FieldConfig as TimeSeriesFields, Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
type Written<T> = T extends string ? \`\${T}\` : T extends number ? T | (\`\${T}\` extends \`\${infer N extends number}\` ? N : never) : T extends readonly (infer E)[] ? Written<E>[] : T extends object ? { [K in keyof T]?: Written<T[K]> } : T;
// The query of an annotation is a type of the Prometheus plugin.
interface Annotations { list: (AnnotationQuery & { expr: string; titleFormat: string })[] }
interface File extends Omit<Dashboard, 'annotations'> { annotations: Annotations }
interface Types {
  stat: { options: StatOptions; custom: never };
  'state-timeline': { options: StateTimelineOptions; custom: StateTimelineFields };
  timeseries: { options: TimeSeriesOptions; custom: TimeSeriesFields };
}
`;

const written = (dashboardText: string, checked: readonly Panel[]): string =>
  `${TYPES}export const dashboard: Written<File> = ${dashboardText};\n${checked
    .map(
      ({ id, type, options = {}, fieldConfig }) =>
        `export const options${id}: Written<Types['${type}']['options']> = ${JSON.stringify(options)};\n` +
        `export const custom${id}: Written<Types['${type}']['custom']> | undefined = ${JSON.stringify(fieldConfig?.defaults.custom) ?? 'undefined'};\n`,
    )
    .join('')}`;

t.test("the dashboard conforms to Grafana's own types", async (t) => {
  t.same(findTypeErrors(written(text, panels)), []);
});

t.test('the types detect a wrong name and a wrong value', async (t) => {
  const [stat, other] = [
    panels.find(({ type }) => type === 'stat'),
    panels.find(({ type }) => type === 'timeseries'),
  ];
  if (stat === undefined || other === undefined) throw new Error('the dashboard has neither');
  const wrong = written(text.replace('"refresh": "30s"', '"refreshEvery": "30s"'), [
    { ...stat, options: { ...stat.options, graphMode: 'sparkle' } },
    { ...other, fieldConfig: { defaults: { custom: { lineThickness: 2 } } } },
  ]);
  t.match(findTypeErrors(wrong), [/refreshEvery/, /sparkle/, /lineThickness/]);
});

t.test(
  'every query of the dashboard gives data, and every metric of the alerts is there',
  { skip: hasPrometheus ? false : 'prometheus is not installed', timeout: 60_000 },
  async (t) => {
    const endpoint = await startTokenEndpoint(t);
    const exchange = `{ grant: jwt-bearer, tokenUrl: "${endpoint.url}", auth: { clientId: g, clientSecret: s }, audience: a }`;
    const redis = await startRedisServer();
    t.teardown(() => redis.stop());
    const file = liveText({
      top: `decisions: { port: 0 }\nrevocation: { store: "${redis.url}" }`,
      listen: ', publicUrl: "https://api.example.com"',
      corp: ', dpop: {}, logout: { clientId: g }',
      upstreams: `  own: { url: BACKEND, exchange: ${exchange} }`,
      routes: `  - { name: gone, path: /gone, upstream: "http://127.0.0.1:1", access: authenticated }
  - { name: own, path: /own, upstream: own, access: authenticated }`,
    });
    const live = await startLiveGateway(t, file);
    const { decisionsUrl } = live.lines.find(({ msg }) => msg === 'listening') as unknown as {
      readonly decisionsUrl: string;
    };
    const server = await startPrometheus(new URL(live.adminUrl).host);
    t.teardown(server.stop);
    const queries = new Map<string, string>();
    const asked = [
      ...dashboard.annotations.list.map(({ name, expr }) => [name, expr] as const),
      ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
    ];
    for (const [title, expr] of asked) {
      queries.set(
        expr.replace(/\$__rate_interval/g, '10s').replace(/\$(job|instance|route)\b/g, '.*'),
        title,
      );
    }
    for (const { name, query } of dashboard.templating.list) {
      const [, metric, label] =
        /label_values\((.*), (\w+)\)/.exec(typeof query === 'string' ? query : query.query) ?? [];
      if (metric !== undefined)
        queries.set(`count by (${label}) (${metric.replace('$job', '.*')})`, `$${name}`);
    }
    const alerts = readFileSync('deploy/prometheus/alerts.yaml', 'utf8');
    const [, promql = ''] = /```promql\n(.*)\n```/.exec(readFileSync('docs/operations.md', 'utf8')) ?? [];
    queries.set(promql, 'the runbook');
    const metrics = new Set(alerts.match(/\b(?:sealgate|nodejs|process)_\w+/g));
    for (const metric of metrics) queries.set(metric, 'alerts');
    t.ok(queries.size > 35, `${queries.size} queries`);

    // Rates need traffic between two scrapes, so it continues until every query has data.
    const deadline = performance.now() + 40_000;
    for (let round = 0; queries.size > 0 && performance.now() < deadline; round += 1) {
      const token = live.token({ jti: `${round}` });
      for (const [path, own] of [
        ['/a', token],
        ['/a', token],
        ['/a', 'nonsense'],
        ['/gone', token],
        ['/own', token],
        ['/own', token],
      ] as const) {
        await (await live.get(path, own)).arrayBuffer();
      }
      await (await fetch(new URL('/.well-known/sealgate/logout/corp', live.url), { method: 'POST' })).text();
      await askOnce(decisionsUrl, QUESTIONS['auth-request']('/a', [`Authorization: Bearer ${token}`]));
      if (round % 10 === 5) {
        live.write(`${file}# ${round}\n`);
        await live.gateway.reload('signal');
      }
      for (const expression of [...queries.keys()]) {
        const values = await server.values(expression);
        if (values.length > 0 && values.every(Number.isFinite)) queries.delete(expression);
      }
      await delay(100);
    }
    t.same([...queries], [], 'queries without data');
  },
);
