import type { ConfigPath } from './problem.ts';

/**
 * Keys that the documented file format has. One that the schema does not know is named as not supported by this
 * version, so that nobody looks for a typing error; a key the schema gains is never looked up here again.
 * `*` stands for any name or index.
 */
const CONTRACT_KEYS: ReadonlySet<string> = new Set([
  ...at('', 'policies mode tests'),
  ...at('listen', 'tls publicUrl trustedProxies limits'),
  ...at('issuers.*', 'introspection'),
  ...at('upstreams.*', 'tls'),
  ...at('identity', 'assertion reserved'),
  ...at('routes.*', 'rateLimit cors mode tokenFrom allow'),
  ...at('routes.*.access', 'when policy'),
  ...at('routes.*.access.*', 'when policy'),
]);

function at(parent: string, names: string): readonly string[] {
  return names.split(' ').map((name) => (parent === '' ? name : `${parent}.${name}`));
}

/** Whether `path` is a key of the file format, whatever this version makes of it. */
export function isContractKey(path: ConfigPath): boolean {
  const steps = path.map(String);
  return CONTRACT_KEYS.has(steps.join('.')) || CONTRACT_KEYS.has(generalise(steps).join('.'));
}

/** Puts `*` for the names and indices that an operator chooses. */
function generalise(steps: readonly string[]): readonly string[] {
  const free = new Set(['issuers', 'upstreams', 'routes']);
  return steps.map((step, index) => {
    const parent = steps[index - 1];
    return (parent !== undefined && index === 1 && free.has(parent)) || /^\d+$/.test(step) ? '*' : step;
  });
}
