// @fastify/http-proxy with jose, and the check of MCP messages as one writes it by hand: parse the body, look up the tool.
import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { AUDIENCE: audience, ISSUER: issuer, JWKS_URI, PORT, UPSTREAM } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URI));
const app = Fastify();

/** The scopes that the call of a tool needs; other tools are denied. */
const TOOLS = { orders_search: [], orders_cancel: ['orders:write'] };

async function authorize(request, reply) {
  const { authorization = '' } = request.headers;
  if (!authorization.startsWith('Bearer ')) return reply.code(401).send({ error: 'unauthorized' });
  try {
    const { payload } = await jwtVerify(authorization.slice(7), keys, { issuer, audience });
    request.user = payload;
  } catch {
    return reply.code(401).send({ error: 'unauthorized' });
  }
  if (request.body?.method !== 'tools/call') return;
  const scopes = request.user.scope.split(' ');
  const needed = Object.hasOwn(TOOLS, request.body.params?.name)
    ? TOOLS[request.body.params.name]
    : undefined;
  if (!needed?.every((scope) => scopes.includes(scope))) return reply.code(403).send({ error: 'forbidden' });
}

app.decorateRequest('user', null);
app.register(proxy, {
  upstream: UPSTREAM,
  undici: { connections: 256, pipelining: 1 },
  // Without this the proxy hands the body on as a stream, and nothing can look into it.
  proxyPayloads: false,
  preHandler: authorize,
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => ({
      ...headers,
      authorization: undefined,
      'x-user-id': request.user.sub,
    }),
  },
});
await app.listen({ port: Number(PORT), host: '127.0.0.1', backlog: 4096 });
