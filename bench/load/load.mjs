// The load without wrk. Arguments: connections, seconds, url, then those of load.lua.
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

const [
  connections,
  duration,
  url,
  pathsFile,
  tokensFile,
  first,
  pauseMs,
  closing,
  postFile,
  fieldsFile,
  tokenField,
] = process.argv.slice(2);
const paths = lines(pathsFile);
const tokens = tokensFile === '-' ? undefined : lines(tokensFile);
const post = postFile === '-' ? undefined : readPost(postFile);
const fields =
  fieldsFile === '-' ? {} : Object.fromEntries(lines(fieldsFile).map((line) => line.split(': ')));
const [tokenName, tokenStart] = tokenField.split(': ');
let index = Number(first);

const result = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(duration),
  timeout: 10,
  ...(Number(pauseMs) > 0 && { overallRate: Math.round((Number(connections) * 1000) / Number(pauseMs)) }),
  ...(closing === 'close' && { reconnectRate: 1 }),
  requests: [{ setupRequest }],
});

function setupRequest(request) {
  const path = paths[index % paths.length];
  const headers = { host: 'api.bench.test', ...fields };
  if (tokens) headers[tokenName] = tokenStart + tokens[index % tokens.length];
  if (closing === 'close') headers.connection = 'close';
  index += 1;
  if (post)
    return { ...request, method: 'POST', path, headers: { ...headers, ...post.headers }, body: post.body };
  return { ...request, method: 'GET', path, headers };
}

function readPost(file) {
  const [head, body] = readFileSync(file, 'latin1').split('\r\n\r\n');
  return { headers: Object.fromEntries(head.split('\r\n').map((line) => line.split(': '))), body };
}

function lines(file) {
  return readFileSync(file, 'latin1').trim().split('\n');
}

const { latency, requests, throughput, errors, timeouts, non2xx } = result;
const facts = {
  requests: requests.total,
  bytes: throughput.total,
  micros: result.duration * 1e6,
  refused: non2xx,
  broken: errors + timeouts,
  p50: latency.p50 * 1000,
  p99: latency.p99 * 1000,
};
process.stdout.write(`\nRESULT ${JSON.stringify(facts)}\n`);
