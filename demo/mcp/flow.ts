import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { CLIENTS } from '../provider/provider.ts';
import { OAuthState } from './oauth-state.ts';

/** One step of the client, with the HTTP requests that it made. */
export interface FlowStep {
  readonly title: string;
  readonly outcome: string;
  readonly exchanges: readonly Exchange[];
  /** What differs from the expected outcome. */
  readonly faults: readonly string[];
}

export interface Exchange {
  readonly method: string;
  readonly url: string;
  /** The method of the MCP message, with the tool of a call. */
  readonly message?: string;
  readonly status: number;
  readonly challenge?: string;
}

/**
 * Plays a user with a client of the official SDK, which is as it is: it finds the provider, logs in as alice, lists and calls tools, and
 * asks for a wider scope when a tool needs it. Its client id is registered at `issuer`. Yields each step when it is done.
 */
export async function* runFlow(url: string, issuer: string): AsyncGenerator<FlowStep> {
  const state = new OAuthState({ client: { client_id: CLIENTS.mcp.clientId, issuer } });
  const exchanges: Exchange[] = [];
  const open = () => ({
    client: new Client({ name: 'demo', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } }),
    transport: new StreamableHTTPClientTransport(new URL(url), {
      authProvider: state,
      fetch: recordingFetch(exchanges),
    }),
  });
  const step = (title: string, outcome: string, expected: string): FlowStep => ({
    title,
    outcome,
    exchanges: exchanges.splice(0),
    faults: outcome === expected ? [] : [`expected ${expected}, got ${outcome}`],
  });

  let { client, transport } = open();
  const sentAway = await needsLogin(client.connect(transport));
  const provider = state.authorizations[0]?.origin ?? 'nowhere';
  const discovered = state.discoveryState()?.authorizationServerMetadata?.issuer ?? 'nowhere';
  yield step(
    'it connects without a token, and finds where to log in',
    sentAway ? provider : 'no login was needed',
    discovered,
  );

  await transport.finishAuth(state.takeCallback());
  ({ client, transport } = open());
  await client.connect(transport);
  yield step('alice logs in and allows orders:read', `scope ${scopeOf(state)}`, 'scope orders:read');

  const list = async () => (await client.listTools()).tools.map(({ name }) => name).join(', ');
  yield step('it lists the tools that alice may use', await list(), 'orders_search, whoami');

  const call = async (name: string, args: Record<string, unknown>) => {
    const { content } = await client.callTool({ name, arguments: args });
    return content[0]?.type === 'text' ? content[0].text : '';
  };
  yield step('it calls one', await call('orders_search', { text: 'tea' }), 'two orders with "tea": 7 and 11');

  const denied = await call('admin_purge', {}).catch((error: Error) => codeOf(error));
  yield step('a tool that no rule allows is refused, and no consent would help', denied, 'mcp_denied');

  const wants = await needsLogin(call('orders_cancel', { id: 7 }));
  const asked = state.authorizations[1]?.searchParams.get('scope') ?? 'nothing';
  yield step(
    'a tool that needs another scope sends alice back to the provider',
    wants ? asked : 'no login was needed',
    'orders:read orders:write offline_access',
  );

  await transport.finishAuth(state.takeCallback());
  yield step(
    'alice allows that too, and the call is made again',
    await call('orders_cancel', { id: 7 }),
    'order 7 is canceled',
  );
  yield step('it lists the tools again', await list(), 'orders_search, orders_cancel, whoami');
  await client.close();
}

/** Whether the client asks its user to log in. */
async function needsLogin(action: Promise<unknown>): Promise<boolean> {
  try {
    await action;
    return false;
  } catch (error) {
    if (error instanceof UnauthorizedError) return true;
    throw error;
  }
}

function scopeOf(state: OAuthState): string {
  return state.saved.at(-1)?.scope ?? 'none';
}

function codeOf(error: Error): string {
  return /"code":"(\w+)"/.exec(error.message)?.[1] ?? error.message;
}

function recordingFetch(exchanges: Exchange[]) {
  return async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    const challenge = response.headers.get('www-authenticate');
    const message =
      typeof init?.body === 'string' && init.body.startsWith('{') ? describe(init.body) : undefined;
    exchanges.push({
      method: init?.method ?? 'GET',
      url: String(url),
      ...(message && { message }),
      status: response.status,
      ...(challenge && { challenge }),
    });
    return response;
  };
}

function describe(body: string): string {
  const { method = '', params } = JSON.parse(body) as { method?: string; params?: { name?: string } };
  return [method, params?.name].filter(Boolean).join(' ');
}
