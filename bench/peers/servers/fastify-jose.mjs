// @fastify/http-proxy in the most common way: jose's jwtVerify in a preHandler.
import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { AUDIENCE: audience, ISSUER: issuer, JWKS_URI, PORT, UPSTREAM } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URI));
const app = Fastify();

async function authenticate(request, reply) {
  const { authorization = '' } = request.headers;
  if (!authorization.startsWith('Bearer ')) return reply.code(401).send({ error: 'unauthorized' });
  try {
    const { payload } = await jwtVerify(authorization.slice(7), keys, { issuer, audience });
    request.user = payload;
  } catch {
    return reply.code(401).send({ error: 'unauthorized' });
  }
}

app.decorateRequest('user', null);
app.register(proxy, {
  upstream: UPSTREAM,
  undici: { connections: 256, pipelining: 1 },
  preHandler: authenticate,
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => ({
      ...headers,
      authorization: undefined,
      'x-user-id': request.user.sub,
    }),
  },
});
await app.listen({ port: Number(PORT), host: '127.0.0.1', backlog: 4096 });
