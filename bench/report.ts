import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Goal } from './goals.ts';
import type { Latency } from './load/latency.ts';
import { LOAD_PROGRAM } from './load/load.ts';
import { CASES } from './measure/cases.ts';
import type { Sample } from './measure/measure.ts';
import { PROXIED, type Questions } from './measure/questions.ts';
import type { RevocationCost } from './measure/revocations.ts';
import type { Results } from './measure/rounds.ts';
import type { Scale } from './measure/scale.ts';
import type { Startup } from './measure/startup.ts';
import type { Options } from './options.ts';

const VERSIONED = [
  'fastify',
  '@fastify/http-proxy',
  '@fastify/jwt',
  'get-jwks',
  'jose',
  'undici',
  'express',
  'express-oauth2-jwt-bearer',
  'http-proxy-middleware',
];

export interface Findings {
  readonly options: Options;
  readonly absent: ReadonlyMap<string, string>;
  readonly results: Results;
  readonly latency: ReadonlyMap<string, Latency>;
  readonly questions: Questions | undefined;
  readonly revocations: RevocationCost | undefined;
  readonly scale: readonly Scale[];
  readonly startup: Startup | undefined;
  readonly goals: readonly Goal[];
}

/** All results, as Markdown. */
export function writeReport(findings: Findings): string {
  const { absent, results, latency, questions, revocations, scale, startup, goals } = findings;
  const parts = [aboutMachine(findings.options)];
  for (const [name, row] of absent) parts.push(`Not measured: ${name} (${row}).`);
  for (const [name, row] of results) parts.push(caseTable(name, row));
  if (latency.size > 0) parts.push(latencyTable(latency));
  if (questions) parts.push(questionTable(questions));
  if (revocations) parts.push(revocationTable(revocations));
  if (scale.length > 0) parts.push(scaleTable(scale));
  if (startup) parts.push(startupLine(startup));
  if (goals.length > 0) parts.push(goalTable(goals));
  return `${parts.join('\n\n')}\n`;
}

function aboutMachine({ node, runs, seconds }: Options): string {
  const processor = cpus()[0]?.model ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  const versions = [
    `Node ${versionOf([node, '-v'])}`,
    `nginx ${versionOf(['nginx', '-v'])}`,
    `HAProxy ${versionOf(['haproxy', '-v'])}`,
    `Apache ${versionOf(['apache2', '-v'])}`,
    ...VERSIONED.map(packageVersion),
  ];
  return `${processor}, ${cpus().length} cores, ${memory} GiB, Linux ${release()}. ${versions.join(', ')}.
Load by ${LOAD_PROGRAM} on the second core; medians of ${runs} runs of ${seconds} s in turns; CPU time scaled by a calibration loop.`;
}

function versionOf(argv: readonly string[]): string {
  const [program = '', ...args] = argv;
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return /\d+\.\d+(?:\.\d+)?/.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[0] ?? 'absent';
}

function packageVersion(name: string): string {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`;
}

function caseTable(name: string, rows: ReadonlyMap<string, Sample | Error>): string {
  const about = CASES.find((one) => one.name === name)?.about ?? '';
  const floor = rows.get('bare Node http + undici');
  const bare = floor instanceof Error ? undefined : floor?.cpuMicros;
  const lines = [...rows].map(([peer, sample]) => {
    if (sample instanceof Error) return `| ${peer} | ${firstLine(sample)} |||||||`;
    const cells = [
      peer,
      Math.round(sample.requestsPerSecond),
      round(sample.cpuMicros),
      bare === undefined ? '' : (sample.cpuMicros / bare).toFixed(2),
      millis(sample.p50Micros),
      millis(sample.p99Micros),
      Math.round(sample.megabytesPerSecond),
      Math.round(sample.rssMiB),
    ];
    const note = sample.brokenShare > 0.005 ? ` (${Math.round(sample.brokenShare * 100)} % cut)` : '';
    return `| ${cells.join(' | ')}${note} |`;
  });
  return table(
    `### ${name}: ${about}`,
    ['peer', 'requests/s', 'CPU µs', '× bare Node', 'p50 ms', 'p99 ms', 'MB/s', 'RSS MiB'],
    lines,
  );
}

function latencyTable(rows: ReadonlyMap<string, Latency>): string {
  const lines = [...rows].map(([peer, { requestsPerSecond, p50Micros, p99Micros, direct }]) => {
    const cells = [p50Micros, p99Micros, direct.p50Micros, direct.p99Micros];
    const added = [p50Micros - direct.p50Micros, p99Micros - direct.p99Micros];
    return `| ${peer} | ${Math.round(requestsPerSecond)} | ${[...cells, ...added].map(millis).join(' | ')} |`;
  });
  return table(
    '### At half of saturation, and the upstream alone at the same rate',
    ['peer', 'requests/s', 'p50 ms', 'p99 ms', 'direct p50', 'direct p99', 'added p50', 'added p99'],
    lines,
  );
}

function questionTable({ rows, half }: Questions): string {
  const proxied = rows.get(PROXIED)?.cpuMicros ?? Number.NaN;
  const lines = [...rows].map(([name, { requestsPerSecond, cpuMicros, p50Micros, p99Micros }]) => {
    const cells = [name, Math.round(requestsPerSecond), round(cpuMicros), (cpuMicros / proxied).toFixed(2)];
    return `| ${[...cells, millis(p50Micros), millis(p99Micros)].join(' | ')} |`;
  });
  const title = '### decisions: the same good token, in requests and in questions about them';
  const head = ['what', 'requests/s', 'CPU µs', '× proxying', 'p50 ms', 'p99 ms'];
  const rate = Math.round(half.requestsPerSecond);
  return `${table(title, head, lines)}

A Check at half of saturation (${rate} per second): p50 ${millis(half.p50Micros)} ms, p99 ${millis(half.p99Micros)} ms. The load of Checks
comes from @grpc/grpc-js, which needs more of its core than the gateway.`;
}

function revocationTable({ rows, ratio }: RevocationCost): string {
  const lines = [...rows].map(([entries, { requestsPerSecond, cpuMicros, rssMiB }]) => {
    const cells = [
      Math.round(requestsPerSecond),
      round(cpuMicros),
      ratio[entries].toFixed(3),
      Math.round(rssMiB),
    ];
    return `| ${[entries, ...cells].join(' | ')} |`;
  });
  const title = '### revocations: the same good token, in one process that gets entries and loses them';
  return table(title, ['entries', 'requests/s', 'CPU µs', '× without', 'RSS MiB'], lines);
}

function scaleTable(rows: readonly Scale[]): string {
  const first = rows[0]?.cpuMicros ?? Number.NaN;
  const lines = rows.map(
    ({ routes, issuers, startMs, cpuMicros, rssMiB }) =>
      `| ${[routes, issuers, round(cpuMicros), (cpuMicros / first).toFixed(2), Math.round(startMs), Math.round(rssMiB)].join(' | ')} |`,
  );
  return table('### Scale', ['routes', 'issuers', 'CPU µs', '× first', 'start ms', 'RSS MiB'], lines);
}

function startupLine({ importsMs, readyMs, idleRssMiB }: Startup): string {
  return `### Start\n\nReady after ${Math.round(readyMs)} ms; a process that only imports fastify, undici and jose: ${Math.round(importsMs)} ms. Idle: ${Math.round(idleRssMiB)} MiB.`;
}

function goalTable(goals: readonly Goal[]): string {
  const lines = goals.map(({ name, limit, reached, unit, ok }) => {
    const figures = [`${limit}${unit}`, `${reached.toFixed(reached < 10 ? 2 : 0)}${unit}`];
    return `| ${[name, ...figures, ok ? 'yes' : '**no**'].join(' | ')} |`;
  });
  return table('### Goals', ['goal', 'at most / at least', 'reached', 'met'], lines);
}

function table(title: string, head: readonly string[], lines: readonly string[]): string {
  const rule = head.map((_, index) => (index === 0 ? '---' : '--:'));
  return [title, '', `| ${head.join(' | ')} |`, `| ${rule.join(' | ')} |`, ...lines].join('\n');
}

function firstLine({ message }: Error): string {
  return message.split('\n', 1)[0] ?? '';
}

function round(value: number): string {
  return value < 100 ? value.toFixed(1) : String(Math.round(value));
}

function millis(micros: number): string {
  return (micros / 1000).toFixed(2);
}
