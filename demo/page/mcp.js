import { element } from './element.js';
import { startLogin } from './login.js';

/*
 * A small MCP client of the revision 2026-07-28: each request stands for itself. It knows the server's address and nothing else; where to
 * log in, and for which scopes, it reads from the gateway's responses.
 */

const VERSION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientInfo': { name: 'demo page', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** What the buttons call. The tools that the list does not have are there to be refused. */
const CALLS = [
  { label: 'List the tools', method: 'tools/list' },
  { label: 'Search orders', method: 'tools/call', name: 'orders_search', arguments: { text: 'tea' } },
  { label: 'Cancel an order', method: 'tools/call', name: 'orders_cancel', arguments: { id: 7 } },
  { label: 'Delete all orders', method: 'tools/call', name: 'admin_purge', arguments: {} },
];

const find = (selector) => document.querySelector(selector);

/** Shows the section, and the tools after a login for this server. `attempt` runs an action and shows its failure. */
export async function showMcp(settings, { login, attempt }) {
  const token = login?.resource === settings.mcpUrl ? login.tokens.access_token : undefined;
  find('#mcp').hidden = false;
  find('#mcp-url').textContent = settings.mcpUrl;
  find('#mcp .buttons').replaceChildren(
    ...CALLS.map((call) => {
      const button = element('button', { type: 'button' }, [call.label]);
      button.addEventListener('click', () => attempt(() => send(settings, call, token)));
      return button;
    }),
  );
  if (!token) return;
  await send(settings, CALLS[0], token);
  find('#mcp').scrollIntoView();
}

async function send(settings, { label, method, name, arguments: args }, token) {
  const response = await fetch(settings.mcpUrl, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': VERSION,
      'mcp-method': method,
      ...(name && { 'mcp-name': name }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: { ...(name && { name, arguments: args }), _meta: META },
    }),
  });
  const body = await response.json();
  const challenge = response.headers.get('www-authenticate');
  const code = body.code ?? body.error?.data?.code;
  show({ label, sent: [method, name].filter(Boolean).join(' '), status: response.status, code }, [
    element('p', {}, [challenge ? 'The challenge names what would help.' : explain(code)]),
    ...(challenge ? [element('pre', {}, [`WWW-Authenticate: ${challenge}`])] : []),
    ...(body.result ? [element('pre', {}, [describe(body.result)])] : []),
    ...(challenge ? [await renderConsent(settings, challenge)] : []),
  ]);
}

/** Follows the challenge as a client does (RFC 9728): the metadata, the provider, the scopes to ask for. */
async function renderConsent({ clientId }, challenge) {
  const parameter = (name) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
  const metadata = await fetch(parameter('resource_metadata')).then((response) => response.json());
  const [issuer] = metadata.authorization_servers;
  const scope = parameter('scope') ?? metadata.scopes_supported.join(' ');
  const button = element('button', { type: 'button', className: 'main' }, [`Log in for ${scope}`]);
  button.addEventListener('click', () => startLogin({ issuer, clientId }, scope, metadata.resource));
  return element('div', {}, [
    element('p', {}, ['The metadata of the resource names its provider:']),
    element('pre', {}, [JSON.stringify(metadata, null, 2)]),
    element('p', {}, [button]),
  ]);
}

function explain(code) {
  if (code === 'mcp_denied')
    return 'No rule of the file allows this tool to anybody. No login would help, so there is no challenge.';
  return code
    ? `The gateway responded ${code}.`
    : 'The MCP server received the call with your identity, but not the token.';
}

function describe({ tools, content }) {
  if (tools) return `Tools for you:\n${tools.map(({ name }) => `  ${name}`).join('\n')}`;
  return content.map(({ text }) => text).join('\n');
}

function show({ label, sent, status, code }, children) {
  find('#mcp-responses').prepend(
    element('li', { className: code ? 'refused' : 'allowed' }, [
      element('h3', {}, [
        element('span', { className: 'status' }, [[status, code].filter(Boolean).join(' ')]),
        element('span', {}, [label]),
        element('code', {}, [sent]),
      ]),
      ...children,
    ]),
  );
}
