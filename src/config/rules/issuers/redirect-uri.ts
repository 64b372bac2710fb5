/** Schemes that run or show something instead of leading to an app, and `http`, which is for loopback alone. */
const UNFIT_SCHEMES: ReadonlySet<string> = new Set([
  'javascript',
  'data',
  'vbscript',
  'blob',
  'file',
  'filesystem',
  'about',
  'view-source',
  'urn',
  'ftp',
  'ws',
  'wss',
  'mailto',
  'tel',
]);

const LOOPBACK = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/?]|$)/;

interface RedirectFlaw {
  readonly message: string;
  readonly hint: string;
}

/** Why a redirect URI of the file could never be compared, or would be dangerous (RFC 6749 §3.1.2, RFC 8252 §7). */
export function findRedirectFlaw(uri: string): RedirectFlaw | undefined {
  const scheme = /^([a-z][a-z\d+.-]*):/.exec(uri)?.[1];
  if (scheme === undefined) {
    return { message: 'a redirect URI is absolute', hint: 'write it whole, its scheme in lower case' };
  }
  if (!/^[\x21-\x7e]+$/.test(uri) || /["<>\\^`{|}]/.test(uri)) {
    return { message: 'a redirect URI has plain characters only', hint: 'percent-encode all others' };
  }
  if (uri.includes('#')) return { message: 'a redirect URI has no fragment', hint: 'RFC 6749 §3.1.2' };
  if (uri.includes('*')) {
    return { message: 'a redirect URI has no wildcard', hint: 'list each: they are compared byte for byte' };
  }
  if (UNFIT_SCHEMES.has(scheme)) {
    return {
      message: `\`${scheme}:\` leads to no client`,
      hint: 'use https:, loopback, or the scheme of an app',
    };
  }
  if (scheme !== 'http' && scheme !== 'https') return undefined;
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || !/^https?:\/\/[^/?@]+(?:[/?]|$)/.test(uri) || url.username !== '') {
    return {
      message: 'a redirect URI has a host, and no user',
      hint: 'such as https://app.example.com/callback',
    };
  }
  return scheme === 'https' || LOOPBACK.test(uri)
    ? undefined
    : {
        message: 'a redirect URI is https: unless it is on loopback',
        hint: 'loopback is written localhost, 127.0.0.1 or [::1]',
      };
}
