import { spawnSync } from 'node:child_process';
import t from 'tap';
import { liveText, startLiveGateway } from '../support/gateway/live-gateway.ts';
import { hasPrometheus, startPrometheus } from '../support/peers/prometheus.ts';

const promtool = {
  skip: spawnSync('promtool', ['--version']).status === 0 ? false : 'promtool is not installed',
};
const prometheus = { skip: hasPrometheus ? false : 'prometheus is not installed' };

t.test('promtool accepts the output of /metrics', promtool, async (t) => {
  const live = await startLiveGateway(t, liveText());
  await live.get('/a');
  await live.get('/a', 'nonsense');
  await live.get('/nowhere');
  const response = await live.admin('/metrics');
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await response.text(),
    encoding: 'utf8',
  });
  const ours = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('sealgate_'));
  t.same(ours, []);
  t.notMatch(stderr, 'error while linting');
});

t.test('a real Prometheus scrapes the gateway and loads its alert rules', prometheus, async (t) => {
  const live = await startLiveGateway(t, liveText());
  for (let n = 0; n < 3; n += 1) await (await live.get('/a')).text();
  await (await live.get('/a', 'nonsense')).text();

  const server = await startPrometheus(new URL(live.adminUrl).host);
  t.teardown(server.stop);
  t.equal(await server.value('up{job="sealgate"}'), 1);
  t.equal(await server.value('sealgate_requests_total{route="a",status="200",code="allow"}'), 3);
  t.equal(await server.value('sealgate_requests_total{code="token_malformed",method="GET"}'), 1);
  t.equal(await server.value('sealgate_request_duration_seconds_count{route="a"}'), 4);
  t.equal(await server.value('sealgate_issuer_state{issuer="corp",state="fresh"}'), 1);
  t.equal(await server.value('sealgate_ready'), 1);
  t.ok(await server.value('nodejs_eventloop_lag_p99_seconds{job="sealgate"}'));
  const { data } = (await server.ask('/api/v1/rules')) as {
    data: { groups: { rules: { health: string }[] }[] };
  };
  t.equal(data.groups[0]?.rules.length, 17);
});
