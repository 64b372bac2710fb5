import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkGoals } from './goals.ts';
import { startIssuer } from './load/issuer.ts';
import { measureLatency } from './load/latency.ts';
import { type Algorithm, tokenPool } from './load/tokens.ts';
import { startUpstream } from './load/upstream.ts';
import { CASES, type Pools } from './measure/cases.ts';
import { nativeVerifyMicros } from './measure/native-verify.ts';
import { measureQuestions } from './measure/questions.ts';
import { measureRevocations } from './measure/revocations.ts';
import { measureInRounds } from './measure/rounds.ts';
import { measureScale } from './measure/scale.ts';
import { measureStartup } from './measure/startup.ts';
import { readOptions } from './options.ts';
import { PEERS, SEALGATE, startPeers } from './peers/start-peers.ts';
import { writeReport } from './report.ts';

const options = readOptions(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), 'sealgate-bench-'));
try {
  process.stdout.write(await main());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit();

async function main(): Promise<string> {
  progress('minting tokens');
  const pools = await mintPools();
  const issuer = await startIssuer(
    Object.values(pools).map(({ key }) => key),
    folder,
  );
  const upstream = await startUpstream(folder);
  const ground = { folder: subfolder('peers'), upstreamPort: upstream.port, issuer, node: options.node };
  const { runs, seconds } = options;

  progress('starting and testing the peers');
  const { started, absent } = await startPeers(PEERS.filter(options.wantsPeer), ground, pools.RS256);
  progress(`measuring ${started.map(({ peer }) => peer.name).join(', ')}`);
  const cases = CASES.filter(options.wantsCase);
  const results = await measureInRounds({ started, cases, pools, runs, seconds, folder });

  progress('latency at half of saturation');
  const token = pools.RS256.tokens[0] ?? '';
  const latency = options.wantsPart('latency')
    ? await orNothing(
        measureLatency({ started, results, token, upstream, runs, seconds, folder, leftOut }),
        new Map(),
      )
    : new Map();
  await Promise.all(started.map(({ running }) => running.close()));

  const gateway = options.wantsPeer(SEALGATE) && SEALGATE.missing?.() === undefined;
  progress('decisions, revocations, scale and start');
  const sized = { ground: { ...ground, folder: subfolder('scale') }, pool: pools.RS256, runs, seconds };
  const asked = { ...sized, ground: { ...ground, folder: subfolder('decisions') } };
  const questions =
    gateway && options.wantsPart('decisions')
      ? await orNothing(measureQuestions(asked), undefined)
      : undefined;
  const revoking = { ...sized, ground: { ...ground, folder: subfolder('revocations') } };
  const revocations =
    gateway && options.wantsPart('revocations')
      ? await orNothing(measureRevocations(revoking), undefined)
      : undefined;
  const scale = gateway && options.wantsPart('scale') ? await orNothing(measureScale(sized), []) : [];
  const starting = { ...ground, folder: subfolder('start') };
  const startup =
    gateway && options.wantsPart('start')
      ? await orNothing(measureStartup(starting, runs), undefined)
      : undefined;

  const nativeVerify = nativeVerifyMicros(options.node);
  const goals = checkGoals({ results, latency, questions, revocations, scale, startup, nativeVerify });
  return writeReport({ options, absent, results, latency, questions, revocations, scale, startup, goals });
}

async function mintPools(): Promise<Pools> {
  const pool = (algorithm: Algorithm) => tokenPool(algorithm, options.poolSize);
  return { RS256: await pool('RS256'), ES256: await pool('ES256'), EdDSA: await pool('EdDSA') };
}

/** A part that fails is reported and left out; earlier measurements are kept. */
function orNothing<Part>(part: Promise<Part>, nothing: Part): Promise<Part> {
  return part.catch((error: Error) => {
    leftOut(error.message);
    return nothing;
  });
}

function leftOut(what: string): void {
  progress(`left out: ${what}`);
}

function subfolder(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function progress(what: string): void {
  process.stderr.write(`${what} …\n`);
}
