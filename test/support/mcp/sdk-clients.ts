import * as v2 from '@modelcontextprotocol/client';
import { UnauthorizedError as UnauthorizedError1 } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { OAuthState } from '../../../demo/mcp/oauth-state.ts';

/** A client of an official SDK that is connected, logs in when it must, and asks again. */
export interface McpSession {
  readonly protocolVersion: string;
  readonly sessionId: string | undefined;
  tools(): Promise<readonly string[]>;
  prompts(): Promise<readonly string[]>;
  resources(): Promise<readonly string[]>;
  templates(): Promise<readonly string[]>;
  /** The text that a tool returns. */
  call(name: string, args?: Record<string, unknown>): Promise<string>;
  read(uri: string): Promise<string>;
  prompt(name: string): Promise<string>;
  /** Ends the session at the server (DELETE), where there is one, and the client. */
  end(): Promise<void>;
}

export interface SdkClient {
  readonly name: string;
  readonly protocolVersion: string;
  connect(url: string, state: OAuthState): Promise<McpSession>;
}

const INFO = { name: 'a test', version: '1.0.0' };

/** Each official SDK with each era of the protocol that it speaks. */
export const SDK_CLIENTS: readonly SdkClient[] = [
  {
    name: 'SDK 2, stateless requests',
    protocolVersion: '2026-07-28',
    connect: (url, state) => connect2(url, { state, mode: 'auto' }),
  },
  {
    name: 'SDK 2, sessions',
    protocolVersion: '2025-11-25',
    connect: (url, state) => connect2(url, { state, mode: 'legacy' }),
  },
  { name: 'SDK 1, sessions', protocolVersion: '2025-11-25', connect: connect1 },
];

async function connect2(
  url: string,
  { state, mode }: { state: OAuthState; mode: 'auto' | 'legacy' },
): Promise<McpSession> {
  const open = () => ({
    client: new v2.Client(INFO, { versionNegotiation: { mode } }),
    transport: new v2.StreamableHTTPClientTransport(new URL(url), { authProvider: state }),
  });
  let { client, transport } = open();
  try {
    await client.connect(transport);
  } catch (error) {
    if (!(error instanceof v2.UnauthorizedError)) throw error;
    await transport.finishAuth(state.takeCallback());
    ({ client, transport } = open());
    await client.connect(transport);
  }
  const withLogin = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof v2.UnauthorizedError)) throw error;
      await transport.finishAuth(state.takeCallback());
      return action();
    }
  };
  return {
    protocolVersion: client.getNegotiatedProtocolVersion() ?? '',
    get sessionId() {
      return transport.sessionId;
    },
    ...operations(client, withLogin),
    end: async () => {
      if (transport.sessionId !== undefined) await transport.terminateSession();
      await client.close();
    },
  };
}

async function connect1(url: string, state: OAuthState): Promise<McpSession> {
  const open = () => ({
    client: new Client1(INFO),
    transport: new Transport1(new URL(url), { authProvider: state }),
  });
  let { client, transport } = open();
  const code = () => state.takeCallback().get('code') ?? '';
  try {
    await client.connect(transport);
  } catch (error) {
    if (!(error instanceof UnauthorizedError1)) throw error;
    await transport.finishAuth(code());
    ({ client, transport } = open());
    await client.connect(transport);
  }
  const withLogin = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof UnauthorizedError1)) throw error;
      await transport.finishAuth(code());
      return action();
    }
  };
  return {
    protocolVersion: transport.protocolVersion ?? '',
    get sessionId() {
      return transport.sessionId;
    },
    ...operations(client, withLogin),
    end: async () => {
      if (transport.sessionId !== undefined) await transport.terminateSession();
      await client.close();
    },
  };
}

type Operations = Omit<McpSession, 'protocolVersion' | 'sessionId' | 'end'>;

/** What the clients of both SDKs can do under the same names. */
function operations(
  client: v2.Client | Client1,
  withLogin: <T>(action: () => Promise<T>) => Promise<T>,
): Operations {
  const anyClient = client as v2.Client;
  return {
    tools: () => withLogin(async () => (await anyClient.listTools()).tools.map(({ name }) => name)),
    prompts: () => withLogin(async () => (await anyClient.listPrompts()).prompts.map(({ name }) => name)),
    resources: () => withLogin(async () => (await anyClient.listResources()).resources.map(({ uri }) => uri)),
    templates: () =>
      withLogin(async () =>
        (await anyClient.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
      ),
    call: (name, args = {}) =>
      withLogin(async () => textOf(await anyClient.callTool({ name, arguments: args }))),
    read: (uri) =>
      withLogin(async () => textOf({ content: (await anyClient.readResource({ uri })).contents })),
    prompt: (name) =>
      withLogin(async () => textOf({ content: (await anyClient.getPrompt({ name })).messages[0]?.content })),
  };
}

function textOf({ content }: { content?: unknown }): string {
  const [first] = [content].flat() as { text?: string }[];
  if (first?.text === undefined) throw new Error(`no text: ${JSON.stringify(content)}`);
  return first.text;
}
