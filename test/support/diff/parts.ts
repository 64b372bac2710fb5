/** A part of a file of a table: routes, and what differs from the rest that all of them share. */
export interface Parts {
  readonly routes: readonly object[];
  readonly corp?: object;
  readonly [key: string]: unknown;
}

/** The file with these parts: two issuers, of which routes accept one by default, and one upstream. */
export function fileOf({ routes, corp, ...more }: Parts): object {
  const issuer = (name: string): object => ({
    ...{ issuer: `https://${name}.example`, audiences: ['api'] },
    jwksUri: `https://${name}.example/keys`,
  });
  return {
    issuers: { corp: { ...issuer('corp'), ...corp }, partner: issuer('partner') },
    defaults: { issuers: ['corp'] },
    upstreams: { app: { url: 'http://127.0.0.1:1' } },
    ...more,
    routes: routes.map((route, at) => ({ name: `route-${at}`, upstream: 'app', ...route })),
  };
}
