// Checks over gRPC by @grpc/grpc-js. Arguments: port, channels, calls of each at a time, seconds, calls per second or 0, file of the message.
import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata } from '@grpc/grpc-js';

const [port, channels, calls, seconds, perSecond, file] = process.argv.slice(2);
const PATH = '/envoy.service.auth.v3.Authorization/Check';
const message = readFileSync(file);
const clients = Array.from(
  { length: Number(channels) },
  () =>
    new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
);
const lanes = clients.flatMap((client) => Array.from({ length: Number(calls) }, () => client));
// Pauses of exponential length: independent arrivals, as of real users.
const pauseMs = Number(perSecond) > 0 ? (lanes.length * 1000) / Number(perSecond) : 0;
const micros = [];
let refused = 0;
let broken = 0;
let bytes = 0;

const begun = performance.now();
const until = begun + Number(seconds) * 1000;
await Promise.all(lanes.map(keepAsking));
const taken = performance.now() - begun;
micros.sort((one, other) => one - other);
const facts = {
  requests: micros.length,
  bytes,
  micros: taken * 1000,
  refused,
  broken,
  p50: percentile(0.5),
  p99: percentile(0.99),
};
process.stdout.write(`\nRESULT ${JSON.stringify(facts)}\n`);
process.exit();

async function keepAsking(client) {
  while (performance.now() < until) {
    if (pauseMs > 0)
      await new Promise((resolve) => setTimeout(resolve, -pauseMs * Math.log(1 - Math.random())));
    const sentAt = performance.now();
    const response = await ask(client);
    if (response === undefined) broken += 1;
    else {
      micros.push((performance.now() - sentAt) * 1000);
      bytes += response.length;
      // An empty Status, as of what is allowed, is the first field.
      if (response[0] !== 0x0a || response[1] !== 0) refused += 1;
    }
  }
}

function ask(client) {
  return new Promise((resolve) => {
    const same = (bytes) => bytes;
    client.makeUnaryRequest(PATH, same, same, message, new Metadata(), (error, response) =>
      resolve(error ? undefined : response),
    );
  });
}

function percentile(share) {
  return Math.round(micros[Math.min(micros.length - 1, Math.floor(micros.length * share))] ?? 0);
}
