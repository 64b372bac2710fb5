/**
 * What each step of a decision wants, in words, where the step itself has nothing more exact to say. Steps by the names that
 * the pipeline gives them.
 */
export const EXPECTATIONS: Readonly<Record<string, string>> = {
  method: 'a method that can be forwarded',
  path: 'a path with one reading',
  host: 'one name or address, with or without a port',
  match: 'a route with this host and path',
  preflight: 'an origin and a method that the route lets browsers use',
  origin: 'an origin of `cors.origins`',
  upgrade: 'a route with `websocket: true`',
  limits: 'a limit that is not used up',
  token: 'one bearer token',
  form: 'a signed JWT in compact form',
  signature: 'the one that this key makes',
  identity: 'every required header has its claim and fits',
};
