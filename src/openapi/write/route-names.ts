import type { PlannedRoute } from './plan-routes.ts';

const LONGEST = 64;

/** Gives each route a name of its own: its `operationId`, or method and path where it has several operations or none. */
export function createRouteNamer(): (route: PlannedRoute) => string {
  const taken = new Set<string>();
  return ({ id, methods, place, isGuard }) => {
    const ofOperation = id !== undefined && methods.length === 1 ? nameOf(id) : '';
    const base =
      ofOperation ||
      nameOf(`${isGuard ? 'closed' : methods.join('-').toLowerCase()}${place.path}`) ||
      'route';
    let name = base;
    for (let at = 2; taken.has(name); at += 1) name = `${base.slice(0, LONGEST - 8)}-${at}`;
    taken.add(name);
    return name;
  };
}

/** What is left of a text in a name; may be nothing. */
export function nameOf(text: string): string {
  const letters = text.slice(0, 1_000).replace(/[^A-Za-z0-9._]+/g, '-');
  return letters
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, LONGEST)
    .replace(/-+$/, '');
}
