import t from 'tap';
import { cannotBoot, MACHINE, runOnBootedMachine } from './booted-machine.ts';
import { type DocumentedCommand, readCommands } from './runbook.ts';

/** Programs that run elsewhere than on the gateway's machine; cluster.test.ts and tools.test.ts run them. */
const ELSEWHERE: ReadonlySet<string> = new Set(['export', 'haproxy', 'kubectl', 'promtool', 'ssh']);
/** Commands without output on success. */
const QUIET =
  /^([A-Z_]+=|install |cp |set -a|nginx -t|systemd-analyze verify|systemctl (daemon-reload|reload|restart|enable))/;
/** Exit codes other than 0: one issuer and one backend of this machine are down. */
const CODES: readonly (readonly [RegExp, number])[] = [[/check .*--online/, 1]];
/** The output that the page promises. */
const RESPONSES: readonly (readonly [RegExp, RegExp])[] = [
  [/^systemctl status/, /Active: active \(running\)/],
  [/^journalctl -u sealgate -n/, /"msg":"request"/],
  [/level == "error" or/, /"level":"error"/],
  [/\/ready\?verbose" \| jq/, /"name": "partner"/],
  [/jq --arg issuer/, /"name": "corp"/],
  [/^sealgate keys/, /ES256-first +EC +ES256 .*usable/],
  [/keys\/refresh/, /"state":"fresh"/],
  [/configuration refused/, /nobody/],
  [/startswith\("upstream_"\)/, /"gone","upstream_unreachable"/],
  [/--online/, /127\.0\.0\.1:1\b/],
  [/\.refusals/, /\["orders",\{"token_missing":1\}\]/],
  [/code != "allow"\)/, /"token_missing"/],
  [/^sealgate explain/, /Allowed by route orders/],
  [/token_cache/, /^sealgate_token_cache_hits_total [\s\S]*^nodejs_eventloop_lag_p99_seconds /m],
  [/sealgate_connections/, /^sealgate_connections_limit 10000$/m],
  [/^ss /, /^ +1 127\.0\.0\.1$/m],
  [/reloads\[0\]'/, /"result": "applied"|applied/],
  [/--fail "\$ADMIN\/ready"/, /ready/],
  [/requestId == /, /"requestId":"/],
];

const commands = ['docs/operations.md', 'docs/logs.md']
  .flatMap(readCommands)
  .filter(({ program }) => !ELSEWHERE.has(program));
const [setUp, rest] = [true, false].map((first) =>
  commands.filter(({ section }) => (section === 'On a machine with systemd') === first),
) as [DocumentedCommand[], DocumentedCommand[]];
const inOrder = [...setUp, ...rest];

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** Replaces the ids of examples with a real one. */
const run = (command: DocumentedCommand): string => {
  const text = command.text.replace(/^REQUEST=.*/, 'REQUEST=$seen').replace('"…"', '"$SEEN"');
  return `run ${inOrder.indexOf(command)} ${quote(text)}`;
};

/** Puts the machine into an interesting state, and runs every command in between. */
const script = `set -o pipefail
run() { eval "\${2//\\$SEEN/$seen}" >"$out/$1.out" 2>"$out/$1.err"; echo $? >"$out/$1.code"; }
await() { for _ in $(seq 400); do if eval "$1" >/dev/null 2>&1; then return; fi; sleep 0.05; done; echo "never: $1"; journalctl -u sealgate -n 30 --no-pager; exit 1; }
out=${MACHINE.shared}/results
mkdir "$out" /srv/work && cd /srv/work && ln -s ${MACHINE.repository}/deploy deploy
systemd-run --quiet --working-directory=/srv/work node --import ${MACHINE.repository}/node_modules/tsx/dist/loader.mjs ${MACHINE.repository}/test/docs/runbook/machine-peers.ts
await '[ -s gateway.yaml ]'
${setUp.map(run).join('\n')}
await 'curl -sf http://127.0.0.1:9090/ready'
authorization="Authorization: Bearer $(cat token.txt)"
for path in orders/1 orders/2 gone; do curl -s -D head.txt -o /dev/null -H "$authorization" http://127.0.0.1:8080/$path; done
seen=$(tr -d '\\r' <head.txt | sed -n 's/^x-request-id: //ip')
curl -s -o /dev/null http://127.0.0.1:8080/orders
cp gateway.bad.yaml /etc/sealgate/gateway.yaml && systemctl reload sealgate
await 'journalctl -u sealgate -o cat --no-pager | grep "configuration refused"'
cp gateway.yaml /etc/sealgate/gateway.yaml && systemctl reload sealgate
await 'curl -s http://127.0.0.1:9090/status | jq -e .config.current'
systemctl start nginx
exec 3<>/dev/tcp/127.0.0.1/8080
${rest.map(run).join('\n')}
await 'curl -s http://127.0.0.1:8080/status | grep /status'
await 'nginx -T 2>/dev/null | grep "upstream sealgate"'
systemctl stop sealgate
systemctl show sealgate --property=Result,ExecMainStatus >"$out/end"
`;

t.test(
  'every command of the runbook for systemd runs on a machine and prints what the page promises',
  { skip: cannotBoot, timeout: 100_000 },
  async (t) => {
    const machine = await runOnBootedMachine(t, script);
    const log = machine.read('script.log');
    t.equal(log, '', 'the machine is set up');
    if (log !== '') return;
    const ending = machine.read('results/end');
    t.match(ending, 'Result=success\n');
    t.match(ending, 'ExecMainStatus=0\n');
    for (const [index, { where, text }] of inOrder.entries()) {
      const [stdout, stderr, code] = ['out', 'err', 'code'].map((kind) =>
        machine.read(`results/${index}.${kind}`),
      ) as [string, string, string];
      const expected = CODES.find(([pattern]) => pattern.test(text))?.[1] ?? 0;
      t.equal(Number(code), expected, `${where} ${text}`, { stdout, stderr });
      if (!QUIET.test(text)) t.not(stdout, '', `${where} has output`, { stderr });
      for (const [pattern, response] of RESPONSES) {
        if (pattern.test(text)) t.match(stdout, response, `${where} has the promised output`);
      }
    }
    for (const [pattern] of RESPONSES)
      t.ok(
        inOrder.some(({ text }) => pattern.test(text)),
        String(pattern),
      );
  },
);
