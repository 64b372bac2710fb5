/** Where logins may end. */
export interface RedirectUris {
  /** Whether a client's `redirect_uri` is one of the file, byte for byte; on loopback with any port (RFC 8252 §7.3). */
  has(uri: string): boolean;
}

/** An http or https URI on this machine, cut around its port. Other spellings of loopback are other hosts. */
const LOOPBACK = /^(https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))(?::(\d{1,5}))?((?:[/?].*)?)$/;
const HIGHEST_PORT = 65_535;

/** Compiles the `redirectUris` of a front. */
export function compileRedirectUris(listed: readonly string[]): RedirectUris {
  const exact = new Set(listed);
  const anyPort = new Set(listed.flatMap((uri) => withoutPort(uri) ?? []));
  return {
    has(uri) {
      if (exact.has(uri)) return true;
      const portless = withoutPort(uri);
      return portless !== undefined && anyPort.has(portless);
    },
  };
}

/** Undefined for a URI that is not on loopback, or whose port is none. */
function withoutPort(uri: string): string | undefined {
  const match = LOOPBACK.exec(uri);
  if (match === null) return undefined;
  const [, origin = '', port, rest = ''] = match;
  if (port !== undefined && !isPort(port)) return undefined;
  return origin + rest;
}

function isPort(digits: string): boolean {
  return !digits.startsWith('0') && Number(digits) <= HIGHEST_PORT;
}
