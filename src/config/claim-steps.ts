const NAME = /^[A-Za-z_][\w-]*$/;
const DOTTED = /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+$/;
/** Some names of claims contain domains, forwards (`kubernetes.io`) or backwards (`com.example.role`). */
const DOMAIN = /^(?:com|org|net|io|dev|app|edu|gov)\.[^.]+\.|\.(?:com|org|net|io|dev|app|edu|gov)$/;

/** A step that a wildcard leaves open: paths of the file have no wildcards. */
export const OPEN_STEP = 'NAME';

/**
 * The steps that a claim name probably means where it looks like a path: dotted, JSONPath, JMESPath or a JSON pointer. Undefined
 * for a plain name.
 */
export function stepsOf(name: string): readonly string[] | undefined {
  if (/^\/[^/]/.test(name)) return name.slice(1).split('/');
  const slashed = /^(?:realm_access|resource_access)[/:]./.test(name) ? name.split(/[/:]/).join('.') : name;
  const dotted = slashed
    .replace(/\[\s*["']?([^\]"'*]+)["']?\s*\]/g, '.$1')
    // Every member of a list: a claim that is a list matches by its members anyway.
    .replace(/\[\*?\]/g, '')
    .replace(/^[$@]?\.{0,2}(?=[A-Za-z_])/, '')
    .replace(/\.\*$/, '')
    .replace(/\.\*(?=\.)/g, `.${OPEN_STEP}`)
    .replace(/^(?:claims|token)\./, '');
  if (dotted !== name && NAME.test(dotted)) return [dotted];
  return DOTTED.test(dotted) && !DOMAIN.test(dotted) ? dotted.split('.') : undefined;
}
