/** What a route has as its `upstream` that other proxies only ask about. */
export const NO_UPSTREAM = 'none';

/** Whether a route is for decisions only: the gateway forwards nothing of it. */
export function isForDecisionsOnly({ upstream }: { readonly upstream: string }): boolean {
  return upstream === NO_UPSTREAM;
}
