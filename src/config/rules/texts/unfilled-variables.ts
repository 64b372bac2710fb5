import { error, warning } from '../rule.ts';
import { hasOwnSyntax, isHeaderValue } from './text-purpose.ts';
import type { TextRule } from './text-rule.ts';

/** What this file itself would replace, and what it takes for a literal `${`. */
const OWN_FORMS = /\$\$\{|\$\{[^}]*\}/g;

/** `$NAME` as a whole value, and `$NAME` in capitals within one: elsewhere a dollar is mostly a dollar. */
const SHELL = /^\$([A-Za-z_]\w*)$|(?<![\w$\\])\$([A-Z][A-Z0-9_]+)(?!\w)/;
/** As Kubernetes and Windows write it. */
const OTHER = /^\$\(([A-Za-z_]\w*)\)$|^%([A-Za-z_]\w*)%$/;
/** As JavaScript, Python, Go and Helm write a value that is not there. */
const EMPTY = /^(?:null|undefined|nil|None|NaN|<nil>|<no value>|\[object Object\])$/;
const TEMPLATE = /\{\{.*\}\}/;

/** A variable in the spelling of another tool is a text like any other, and equal to nothing. */
export const variablesAreFilledIn: TextRule = ({ path, text, isKey, substitution }) => {
  if (isKey) {
    return /\$\{[^}]*\}/.test(text)
      ? error(path, 'nothing is substituted in a name', { at: 'key', hint: 'write the name out' })
      : undefined;
  }
  if (hasOwnSyntax(path) || isPath(path) || isIdentitySource(path)) return undefined;
  // What came in by substitution is not searched: it may be a password with a dollar in it.
  const own = (substitution?.written ?? text).replace(OWN_FORMS, ' ');
  const shell = SHELL.exec(own);
  const name = shell ?? OTHER.exec(own);
  if (name !== null) {
    const written = name[0].trim();
    return warning(path, `\`${written}\` is a text here; a variable is written \${${name[1] ?? name[2]}}`);
  }
  if (EMPTY.test(text) && !isHeaderValue(path)) {
    return warning(path, `\`${text}\` is a text here: tools write it where a value is missing`, {
      hint: 'see where it comes from',
    });
  }
  return TEMPLATE.test(own)
    ? warning(path, '`{{ }}` is a text here: no template is filled in', {
        hint: 'render the file first, or use ${NAME}',
      })
    : undefined;
};

/** There a `$` segment is an error of its own. */
function isPath(path: readonly (string | number)[]): boolean {
  return path[0] === 'routes' && (path[2] === 'path' || path[2] === 'rewrite');
}

/** There `$name` is a source that is not a claim, and an unknown one is an error. */
function isIdentitySource(path: readonly (string | number)[]): boolean {
  const at = path.indexOf('identity');
  return at !== -1 && path[at + 1] === 'headers';
}
