import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { findFreePort } from '../../../demo/process/free-port.ts';
import { type Listening, listen } from '../../../demo/process/listen.ts';
import { type RunningProvider, startProvider } from '../../../demo/provider/provider.ts';

type Options = Pick<NonNullable<Parameters<typeof startProvider>[0]>, 'resources'>;

/**
 * Starts the demo's provider behind a shim that takes RFC 9207 out of it, for a front that stands for another issuer: no `iss`
 * in the redirect to the client, and none announced. Nothing else is changed.
 */
export async function startProviderWithoutIss(options: Options): Promise<RunningProvider> {
  const issuer = `http://127.0.0.1:${await findFreePort(0)}`;
  const port = await findFreePort(0);
  const provider = await startProvider({ ...options, issuer, port });
  const shim = await startShim(`http://127.0.0.1:${port}`, Number(new URL(issuer).port));
  const close = async () => {
    await shim.close();
    await provider.close();
  };
  return { ...provider, close };
}

function startShim(target: string, port: number): Promise<Listening> {
  return listen(
    createServer(async (req, res) => {
      const response = await forward(req, target);
      const body = await buffer(response);
      const {
        location,
        'content-length': _length,
        'transfer-encoding': _coding,
        ...headers
      } = response.headers;
      res.writeHead(response.statusCode ?? 502, {
        ...headers,
        ...(location && { location: withoutIss(location) }),
      });
      res.end(
        isMetadata(response.headers) && req.url?.includes('/.well-known/') ? withoutMention(body) : body,
      );
    }),
    { port },
  );
}

function forward(req: IncomingMessage, target: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, headers } = req;
    const forwarded = request(`${target}${req.url}`, { method, headers }, resolve).on('error', reject);
    req.pipe(forwarded);
  });
}

function isMetadata(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.startsWith('application/json') ?? false;
}

function withoutIss(location: string): string {
  return location.replace(/([?&])iss=[^&]*&?/, '$1').replace(/[?&]$/, '');
}

function withoutMention(body: Buffer): string {
  const { authorization_response_iss_parameter_supported: _iss, ...rest } = JSON.parse(body.toString());
  return JSON.stringify(rest);
}
