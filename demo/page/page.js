import { explainDecision } from './decision.js';
import { element } from './element.js';
import { finishLogin, refresh, startLogin } from './login.js';
import { showMcp } from './mcp.js';

/** What the buttons send. `token` names one of the tokens; without it the button is disabled. */
const CALLS = [
  { label: 'Read orders', method: 'GET', path: '/orders', token: 'access_token' },
  { label: 'Write an order', method: 'POST', path: '/orders', token: 'access_token' },
  {
    label: 'Spoof an identity header',
    method: 'GET',
    path: '/orders',
    token: 'access_token',
    headers: { 'x-user-id': 'the-boss' },
    remark: 'The gateway removed the identity you claimed.',
  },
  { label: 'Without a token', method: 'GET', path: '/orders' },
  { label: 'With the ID token', method: 'GET', path: '/orders', token: 'id_token' },
  { label: 'With the refresh token', method: 'GET', path: '/orders', token: 'refresh_token' },
  {
    label: 'With one character changed',
    method: 'GET',
    path: '/orders',
    token: 'access_token',
    change: alterSignature,
  },
  { label: 'A public route', method: 'GET', path: '/status', guarded: false },
];

const at = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

/** The meaning of each claim here. */
const NOTES = {
  access: {
    alg: () => 'must be one the file accepts',
    kid: () => 'which of the published keys',
    iss: () => 'must be an issuer in the file',
    aud: () => 'must be an audience in the file',
    exp: (value) => `valid until ${at(value)}`,
    iat: (value) => `issued at ${at(value)}`,
    scope: () => 'must include what the route needs',
    sub: () => 'the backend gets it as x-user-id',
    roles: () => 'the backend gets it as x-user-roles',
  },
  id: {
    aud: () => 'this page, not the API',
    exp: (value) => `valid until ${at(value)}`,
    iat: (value) => `issued at ${at(value)}`,
    sub: () => 'who logged in',
  },
};

const TOKENS = [
  {
    name: 'access_token',
    title: 'Access token',
    purpose: 'for the API: what you may do',
    notes: NOTES.access,
  },
  { name: 'id_token', title: 'ID token', purpose: 'for this page: who you are', notes: NOTES.id },
  {
    name: 'refresh_token',
    title: 'Refresh token',
    purpose: 'for the provider: a new access token',
    notes: {},
  },
];

const find = (selector) => document.querySelector(selector);
const settings = await fetch('/demo/settings.json').then((response) => response.json());
let tokens = {};

find('#login form').addEventListener('submit', (event) => {
  event.preventDefault();
  const scopes = new FormData(event.target).getAll('scope');
  attempt(() => startLogin(settings, ['openid', ...scopes].join(' ')));
});
find('#refresh').addEventListener('click', () =>
  attempt(async () => {
    tokens = { ...tokens, ...(await refresh(settings, tokens.refresh_token)) };
    showTokens();
  }),
);

showCalls();
await attempt(async () => {
  const login = await finishLogin(settings);
  if (settings.mcpUrl) await showMcp(settings, { login, attempt });
  if (!login || login.resource) return;
  tokens = login.tokens;
  showExchanges(login.exchanges);
  showTokens();
  showCalls();
});
document.body.dataset.ready = 'true';

async function attempt(action) {
  const alert = find('#login [role=alert]');
  alert.hidden = true;
  try {
    await action();
  } catch (error) {
    alert.textContent = error.message;
    alert.hidden = false;
  }
}

function showExchanges(exchanges) {
  const list = find('#exchanges ol');
  list.replaceChildren(
    ...exchanges.map(({ title, line, fields }) =>
      element('li', {}, [
        element('p', {}, [title]),
        element('pre', {}, [
          `${line}\n`,
          ...Object.entries(fields).flatMap(([name, value]) => [
            element('b', {}, [`  ${name}`]),
            ` = ${value}\n`,
          ]),
        ]),
      ]),
    ),
  );
  find('#exchanges').hidden = false;
}

function showTokens() {
  find('#tokens .hint').textContent =
    'They are decoded in this page and sent only to the gateway and the provider.';
  find('#tokens .cards').replaceChildren(
    ...TOKENS.filter(({ name }) => tokens[name]).map(({ name, title, purpose, notes }) =>
      element('article', { id: name }, [
        element('h3', {}, [title, element('small', {}, [purpose])]),
        ...renderToken(tokens[name], notes),
      ]),
    ),
  );
  find('#refresh').hidden = !tokens.refresh_token;
}

function renderToken(token, notes) {
  const parts = token.split('.');
  const raw = element(
    'p',
    { className: 'raw' },
    parts.flatMap((part, index) => [...(index ? ['.'] : []), element('span', {}, [part])]),
  );
  if (parts.length !== 3)
    return [raw, element('p', { className: 'hint' }, ['Opaque: only the provider can read it.'])];
  return [raw, renderClaims(decode(parts[0]), notes), renderClaims(decode(parts[1]), notes)];
}

function renderClaims(claims, notes) {
  return element(
    'dl',
    {},
    Object.entries(claims).flatMap(([name, value]) => {
      const note = notes[name]?.(value);
      return [
        element('dt', {}, [name]),
        element('dd', {}, [
          element('code', {}, [JSON.stringify(value)]),
          ...(note ? [' ', element('small', {}, [note])] : []),
        ]),
      ];
    }),
  );
}

function showCalls() {
  find('#calls .buttons').replaceChildren(
    ...CALLS.map((call) => {
      const button = element(
        'button',
        { type: 'button', disabled: Boolean(call.token && !tokens[call.token]) },
        [call.label],
      );
      button.addEventListener('click', () => attempt(() => send(call)));
      return button;
    }),
  );
}

async function send(call) {
  const {
    label,
    method,
    path,
    token,
    headers = {},
    change = (value) => value,
    guarded = true,
    remark,
  } = call;
  const authorization = token && { authorization: `Bearer ${change(tokens[token])}` };
  const response = await fetch(path, { method, headers: { ...headers, ...authorization } });
  const body = await response.json();
  const { steps, words } = explainDecision({ status: response.status, code: body.code, guarded });
  const challenge = response.headers.get('www-authenticate');
  const sent = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);

  find('#responses').prepend(
    element('li', { className: body.code ? 'refused' : 'allowed' }, [
      element('h3', {}, [
        element('span', { className: 'status' }, [[response.status, body.code].filter(Boolean).join(' ')]),
        element('span', {}, [label]),
        element('code', {}, [`${method} ${path}`, ...sent.map((line) => `  ${line}`)]),
      ]),
      element('p', {}, [[words, remark].filter(Boolean).join(' ')]),
      element(
        'ol',
        { className: 'steps' },
        steps.map(({ name, state }) => element('li', { className: state }, [name])),
      ),
      ...(challenge ? [element('pre', {}, [`WWW-Authenticate: ${challenge}`])] : []),
      ...(body.code ? [] : [renderBackend(body)]),
    ]),
  );
}

function renderBackend({ headers }) {
  const identity = Object.entries(headers).filter(([name]) => name.startsWith('x-user-'));
  const lines = identity.length
    ? identity.flatMap(([name, value]) => [element('b', {}, [name]), `: ${value}\n`])
    : ['no identity headers'];
  return element('pre', {}, ['The backend received\n', ...lines]);
}

/** Changes the first character of the signature: the smallest forgery. */
function alterSignature(token) {
  const [header, claims, signature] = token.split('.');
  return [header, claims, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.');
}

function decode(part) {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
    char.charCodeAt(0),
  );
  return JSON.parse(new TextDecoder().decode(bytes));
}
