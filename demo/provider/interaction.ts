import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { InteractionResults, Provider } from 'oidc-provider';

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

/**
 * The provider's only page: the user's name, and whether the app may act for them. Any name will do; there are no passwords.
 * One form, posted once: `login` (the name) and `decision` (`allow` or `deny`).
 */
export async function handleInteraction(
  provider: Provider,
  { req, res }: { req: IncomingMessage; res: ServerResponse },
): Promise<void> {
  try {
    const interaction = await provider.interactionDetails(req, res);
    if (req.method !== 'POST') return sendPage(res, renderForm(interaction));
    const form = new URLSearchParams(await text(req));
    const result = await decide(provider, interaction, form);
    await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
  } catch {
    res.statusCode = 400;
    sendPage(res, '<h1>This login has ended</h1><p>Start again from the application.</p>');
  }
}

async function decide(
  provider: Provider,
  interaction: Interaction,
  form: URLSearchParams,
): Promise<InteractionResults> {
  if (form.get('decision') !== 'allow')
    return { error: 'access_denied', error_description: 'refused by the user' };
  const accountId = interaction.session?.accountId ?? form.get('login')?.trim();
  if (!accountId) return { error: 'access_denied', error_description: 'no name was given' };

  const { client_id: clientId, scope, resource } = interaction.params as Record<string, string>;
  const grant = new provider.Grant({ accountId, clientId });
  const scopes = scope ?? '';
  grant.addOIDCScope(scopes);
  if (resource) grant.addResourceScope(resource, scopes);
  return { login: { accountId }, consent: { grantId: await grant.save() } };
}

function renderForm({ session, params }: Interaction): string {
  const scopes = String(params.scope).split(' ');
  const name = session?.accountId
    ? `<p>You are <strong>${escapeHtml(session.accountId)}</strong>.</p>`
    : '<label>Your name (any will do) <input name="login" value="alice" required autofocus></label>';
  return `<h1>Demo provider</h1>
<p><strong>${escapeHtml(String(params.client_id))}</strong> asks to act for you with</p>
<ul>${scopes.map((scope) => `<li><code>${escapeHtml(scope)}</code></li>`).join('')}</ul>
<form method="post">${name}
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny" class="quiet" formnovalidate>Refuse</button></p>
</form>`;
}

function sendPage(res: ServerResponse, body: string): void {
  res.setHeader('content-type', 'text/html; charset=utf-8');
  res.setHeader('cache-control', 'no-store');
  res.setHeader(
    'content-security-policy',
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  );
  res.end(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo provider</title><style>${STYLE}</style>
<main>${body}</main></html>
`);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; display: grid; place-items: center; min-height: 100vh;
  background: light-dark(#f5f6f8, #14161a); color: light-dark(#1c2026, #e6e8eb); }
main { width: min(22rem, calc(100vw - 4rem)); padding: 1.5rem 2rem; border-radius: 12px;
  background: light-dark(#fff, #1d2026); box-shadow: 0 1px 3px #0003, 0 8px 32px #0001; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
ul { padding-left: 1.25rem; }
label { display: block; }
input { display: block; box-sizing: border-box; width: 100%; font: inherit; padding: .5rem .75rem; margin-top: .25rem;
  border: 1px solid light-dark(#c6cbd2, #454b55); border-radius: 8px; background: transparent; color: inherit; }
button { font: inherit; padding: .5rem 1.25rem; border-radius: 8px; border: 1px solid #2457d6; background: #2457d6; color: #fff; cursor: pointer; }
button.quiet { background: transparent; border-color: light-dark(#c6cbd2, #454b55); color: inherit; }
`;
