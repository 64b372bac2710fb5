const NAME = /^[A-Za-z_][\w-]*$/;
const DOTTED = /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+$/;
/** Domains stand in names of claims, forwards (`kubernetes.io`) and backwards (`com.example.role`). */
const DOMAIN = /^(?:com|org|net|io|dev|app|edu|gov)\.[^.]+\.|\.(?:com|org|net|io|dev|app|edu|gov)$/;

/** Stands for a step whose name the path leaves open: a path of the file has no wildcards. */
export const OPEN_STEP = 'NAME';

/**
 * The steps that the name of a claim was most likely meant as, where it looks like a path: dotted, or in the way of JSONPath, JMESPath
 * or a JSON pointer. Undefined for a plain name.
 */
export function stepsOf(name: string): readonly string[] | undefined {
  if (/^\/[^/]/.test(name)) return name.slice(1).split('/');
  const slashed = /^(?:realm_access|resource_access)[/:]./.test(name) ? name.split(/[/:]/).join('.') : name;
  const dotted = slashed
    .replace(/\[\s*["']?([^\]"'*]+)["']?\s*\]/g, '.$1')
    // Every member of a list: that is what a claim that is a list stands for anyway.
    .replace(/\[\*?\]/g, '')
    .replace(/^[$@]?\.{0,2}(?=[A-Za-z_])/, '')
    .replace(/\.\*$/, '')
    .replace(/\.\*(?=\.)/g, `.${OPEN_STEP}`)
    .replace(/^(?:claims|token)\./, '');
  if (dotted !== name && NAME.test(dotted)) return [dotted];
  return DOTTED.test(dotted) && !DOMAIN.test(dotted) ? dotted.split('.') : undefined;
}
