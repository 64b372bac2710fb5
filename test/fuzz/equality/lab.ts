import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { createGateway, type Gateway } from '../../../src/gateway/gateway.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { waitUntilReady } from '../../support/gateway/gateway.ts';
import { createKeyServer } from '../../support/tokens/key-server.ts';
import { signingKey } from '../../support/tokens/mint.ts';
import { type RecordingBackend, startRecordingBackend } from './backend.ts';
import { type EqualityFile, FILES } from './files.ts';
import { type Lane, openLane } from './lane.ts';
import { createRecords, type Records } from './records.ts';
import type { ClientRequest } from './requests.ts';
import { mintTokens, PROOFS } from './tokens.ts';
import { type AskingProxy, type Ports, WAYS } from './ways.ts';

interface StationPorts extends Ports {
  readonly proxy: number;
  readonly admin: number;
}

/** One gateway with a client, and an asking proxy for each way. */
export interface Station {
  readonly file: EqualityFile;
  readonly ports: StationPorts;
  readonly client: Lane;
  readonly proxies: ReadonlyMap<string, AskingProxy>;
}

/** A gateway for each file, all on one backend. */
export interface Lab {
  readonly backend: RecordingBackend;
  readonly records: Records;
  station(file: string): Station;
  /** Puts tokens in place of their names, and proofs, each of which is good once. */
  withTokens(request: ClientRequest): ClientRequest;
  close(): Promise<void>;
}

const TOKEN_NAME = /<(\w+)>/g;
/** By which clients know the gateway. */
const ORIGIN = 'https://api.example';

export async function openLab(): Promise<Lab> {
  const key = signingKey('ES256', { kid: 'k1' });
  const keys = await createKeyServer();
  keys.publish(key);
  const backend = await startRecordingBackend();
  const issuers = { main: keys.issuer('/main'), other: keys.issuer('/other') };
  const records = createRecords();
  const stations = new Map<string, Station>();
  const gateways: Gateway[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-equality-'));
  for (const [name, file] of Object.entries(FILES)) {
    const text = stringify({
      listen: { port: 0, trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'], publicUrl: ORIGIN, ...file.listen },
      decisions: { port: 0, grpc: 0, trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] },
      admin: { port: 0 },
      shutdown: { grace: '1s' },
      issuers: Object.fromEntries(
        Object.entries(issuers).map(([name, issuer]) => [
          name,
          { issuer, audiences: ['api'], jwksUri: `${issuer}/keys`, algorithms: ['ES256'], ...file.issuer },
        ]),
      ),
      defaults: { issuers: ['main'] },
      upstreams: { backend: { url: backend.url } },
      ...file.file,
    });
    const { gateway, ports } = await startGateway({ path: join(folder, `${name}.yaml`), text, records });
    gateways.push(gateway);
    const client = openLane(ports.proxy);
    const proxies = new Map(WAYS.map(({ name, open }) => [name, open(ports, file)]));
    stations.set(name, { file, ports, client, proxies });
  }
  const client = signingKey('ES256', { kid: 'client' }, 'client');
  const stranger = signingKey('ES256', { kid: 'k1' }, 'stranger');
  const tokens = mintTokens(issuers, { key, stranger, client });
  const put = (text: string, { method, target, fields }: ClientRequest): string =>
    text.replace(TOKEN_NAME, (whole, name) => {
      const makeOne = PROOFS[name];
      if (makeOne === undefined) return tokens[name] ?? whole;
      const [, proven = 'bound'] = /^authorization: dpop <(\w+)>/im.exec(fields.join('\n')) ?? [];
      const about = {
        method,
        uri: ORIGIN + (target.split('?')[0] as string),
        token: tokens[proven] as string,
      };
      return makeOne(about, { client, stranger });
    });
  return {
    backend,
    records,
    station: (file) => stations.get(file) as Station,
    withTokens: (request) => ({
      ...request,
      target: put(request.target, request),
      fields: request.fields.map((field) => put(field, request)),
    }),
    async close() {
      for (const { client, proxies } of stations.values())
        for (const lane of [client, ...proxies.values()]) lane.close();
      await Promise.all(gateways.map((gateway) => gateway.drain()));
      backend.close();
      await keys.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startGateway({
  path,
  text,
  records,
}: {
  readonly path: string;
  readonly text: string;
  readonly records: Records;
}): Promise<{ readonly gateway: Gateway; readonly ports: StationPorts }> {
  const loaded = loadConfig({ file: path, env: {}, readFile: () => Buffer.from(text) });
  const { config } = loaded;
  if (config === undefined) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  const { gateway, problems } = await createGateway({ loaded, config, log: createLogger('info', records) });
  if (gateway === undefined) throw new Error(problems.map(formatProblem).join('\n'));
  const { url, adminUrl, decisionsUrl, grpcUrl } = await gateway.listen();
  await waitUntilReady(adminUrl);
  return {
    gateway,
    ports: {
      proxy: portOf(url),
      admin: portOf(adminUrl),
      decisions: portOf(decisionsUrl),
      grpc: portOf(grpcUrl),
    },
  };
}

function portOf(url: string | undefined): number {
  if (url === undefined) throw new Error('a listener is missing');
  return Number(new URL(url).port);
}
