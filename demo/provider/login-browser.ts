/** Sends one request, keeps cookies, follows nothing. */
type Browse = (url: string, init?: RequestInit) => Promise<Response>;

/**
 * A browser without a window: it keeps cookies, follows redirects, and the person at it fills in the demo provider's form.
 * Resolves with the first address below `redirectUri`, which it does not fetch.
 */
export async function walkThroughLogin(
  start: string,
  { login = 'alice', redirectUri, browse = createBrowser() }: LoginOptions,
): Promise<URL> {
  let url = start;
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 12; step++) {
    const response = await browse(url, form && { method: 'POST', body: form });
    form = undefined;
    const location = response.headers.get('location');
    if (location) {
      const next = new URL(location, url);
      if (next.href.startsWith(redirectUri)) return next;
      url = next.href;
    } else if (response.ok && (await response.text()).includes('<form method="post">')) {
      form = new URLSearchParams({ login, decision: 'allow' });
    } else {
      throw new Error(`the login stopped at ${url} with ${response.status}`);
    }
  }
  throw new Error('the login goes round in circles');
}

interface LoginOptions {
  /** Default: alice. */
  readonly login?: string;
  readonly redirectUri: string;
  /** A browser that was used before and may be logged in; default: a new one. */
  readonly browse?: Browse;
}

export function createBrowser(): Browse {
  const cookies = new Map<string, string>();
  return async (url, init) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { ...init, headers: { cookie }, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    return response;
  };
}
