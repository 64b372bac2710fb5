// What nginx's auth_request asks in the most common way: jose's jwtVerify behind Node's http.
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { AUDIENCE: audience, ISSUER: issuer, JWKS_URI, PORT } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URI));

const server = createServer(async (request, response) => {
  const { authorization = '' } = request.headers;
  try {
    if (!authorization.startsWith('Bearer ')) throw new Error('no token');
    const { payload } = await jwtVerify(authorization.slice(7), keys, { issuer, audience });
    response.writeHead(200, { 'x-user-id': payload.sub, 'content-length': 0 }).end();
  } catch {
    response.writeHead(401, { 'content-length': 0 }).end();
  }
});
server.listen(Number(PORT), '127.0.0.1', 4096);
