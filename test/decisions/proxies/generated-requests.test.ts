import fc from 'fast-check';
import t from 'tap';
import type { RequestRecord } from '../../../src/telemetry/request-record.ts';
import type { Arrival } from '../../fuzz/equality/backend.ts';
import { type Lab, openLab } from '../../fuzz/equality/lab.ts';
import type { Outcome } from '../../fuzz/equality/outcome.ts';
import { inProxyMode } from '../../fuzz/equality/play.ts';
import { type ClientRequest, clientRequest } from '../../fuzz/equality/requests.ts';
import { exchangeRaw } from '../../support/clients/raw.ts';
import { throughEach } from './programs.ts';

/*
 * The requests of test/fuzz/equality.test.ts through real proxies: the decision is that of the proxy mode, and the backend gets the identity of
 * the proxy mode and the target that was decided on. These proxies refuse and rewrite on their own before they ask; that never opens anything.
 */

const CASES = Math.min(Number(process.env.FUZZ_CASES ?? 300), 3_000);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000);
const IDENTITY = ['x-user-id', 'x-user-issuer', 'x-user-scopes', 'x-user-email', 'authorization'];

throughEach(t, 'generated requests', async (t, proxy) => {
  t.comment(`seed ${SEED}`);
  const lab = await openLab();
  t.teardown(() => lab.close());
  const { decisions, admin } = lab.station('example').ports;
  const port = await proxy.start(t, { decisions, admin, backend: Number(new URL(lab.backend.url).port) });
  let asked = 0;
  let allowed = 0;
  for (const generated of fc.sample(clientRequest, { numRuns: CASES, seed: SEED })) {
    const named = { ...generated, file: 'example', host: 'api.example.com', client: '127.0.0.1' };
    const request = lab.withTokens(named);
    const through = await sendThrough(lab, port, request);
    if (through.question !== undefined) asked += 1;
    if (through.arrivals.length > 0) allowed += 1;
    const problems = await problemsOf(lab, request, through);
    if (problems.length > 0) t.fail('a difference', { problems, request: JSON.stringify(named) });
  }
  t.ok(asked > CASES / 2, `${asked} of ${CASES} were asked about`);
  t.ok(allowed > CASES / 20, `${allowed} of ${CASES} were forwarded`);
});

interface Through {
  readonly status: number | undefined;
  /** The record of the question, where the proxy asked. */
  readonly question: RequestRecord | undefined;
  readonly arrivals: readonly Arrival[];
}

async function sendThrough(lab: Lab, port: number, request: ClientRequest): Promise<Through> {
  const { method, target, host, fields } = request;
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...fields, 'Connection: close'];
  const { response } = await exchangeRaw(port, `${lines.join('\r\n')}\r\n\r\n`, method);
  const [question] = lab.records.takeRest();
  return { status: response?.status, question, arrivals: lab.backend.takeArrivals() };
}

async function problemsOf(lab: Lab, request: ClientRequest, through: Through): Promise<readonly string[]> {
  const { status = 0, question, arrivals } = through;
  const [arrival, ...more] = arrivals;
  const problems: string[] = [];
  if (more.length > 0) problems.push('the backend got more than one request');
  if ((arrival !== undefined) !== (question?.code === 'allow'))
    problems.push(`${question?.code ?? 'no question'}, and ${arrivals.length} requests at the backend`);
  if (question === undefined) return problems;
  if (question.code !== 'allow' && question.code !== 'expectation_failed' && status !== question.status)
    problems.push(`${question.code} became ${status}`);
  if (arrival !== undefined && pathOf(arrival.target) !== question.path)
    problems.push(`${arrival.target} arrived, and ${question.path} was decided on`);

  const target = arrival?.target ?? request.target;
  const { outcome, expected } = await inTheProxyMode(lab, { ...request, target });
  if (outcome.record.code !== question.code && !mayDiffer(request, question))
    problems.push(`${outcome.record.code} in the proxy mode, ${question.code} when asked`);
  if (arrival !== undefined && expected !== undefined && identityOf(arrival) !== identityOf(expected))
    problems.push(`${identityOf(expected)} in the proxy mode, ${identityOf(arrival)} through the proxy`);
  return problems;
}

async function inTheProxyMode(
  lab: Lab,
  request: ClientRequest,
): Promise<{ readonly outcome: Outcome; readonly expected: Arrival | undefined }> {
  const outcome = await inProxyMode(lab, lab.station('example'), request);
  const [expected] = lab.backend.takeArrivals();
  return { outcome, expected };
}

/** Why a proxy may ask about another request than it got, or the way refuse what the proxy mode need not. */
function mayDiffer({ target, fields }: ClientRequest, { code }: RequestRecord): boolean {
  // docs/other-proxies.md: what a way cannot drop. The other way round nothing is forgiven.
  if (code === 'bad_request') return true;
  // Handshakes that are none are forwarded without Upgrade, or asked about as handshakes.
  if (fields.some((field) => /^(?:upgrade|sec-websocket-key|expect):/i.test(field))) return true;
  // Rewritten before the question, as before the backend.
  return code !== 'allow' && !/^\/[\w\-./~%?&=:@!$'()*+,;]*$/.test(target);
}

function pathOf(target: string): string {
  return target.split('?')[0] as string;
}

function identityOf({ rawHeaders }: Arrival): string {
  const fold = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '-');
  const pairs = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 && IDENTITY.includes(fold(name)) ? [`${fold(name)}: ${rawHeaders[at + 1]}`] : [],
  );
  return pairs.sort().join(', ');
}
