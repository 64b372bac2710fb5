import { error, warning } from '../rule.ts';
import { hasOwnSyntax, isHeaderValue, isIdentitySource, type TextRule } from './text-rule.ts';

/** What substitution replaces in this file, and the literal `${`. */
const OWN_FORMS = /\$\$\{|\$\{[^}]*\}/g;

/** `$name` as a whole value, or `$NAME` in capitals within one: other dollars are mostly just dollars. */
const SHELL = /^\$([A-Za-z_]\w*)$|(?<![\w$\\])\$([A-Z][A-Z0-9_]+)(?!\w)/;
/** As Kubernetes and Windows write a variable. */
const OTHER = /^\$\(([A-Za-z_]\w*)\)$|^%([A-Za-z_]\w*)%$/;
/** As JavaScript, Python, Go and Helm write a missing value. */
const EMPTY = /^(?:null|undefined|nil|None|NaN|<nil>|<no value>|\[object Object\])$/;
const TEMPLATE = /\{\{.*\}\}/;

/** A variable in the syntax of another tool is plain text here, and equals nothing. */
export const variablesAreFilledIn: TextRule = ({ path, text, isKey, substitution }) => {
  if (isKey) {
    return /\$\{[^}]*\}/.test(text)
      ? error(path, 'names are not substituted', { at: 'key', hint: 'write the name out' })
      : undefined;
  }
  if (hasOwnSyntax(path) || isPath(path) || isIdentitySource(path)) return undefined;
  // Substituted text is not searched: it may be a password with a dollar in it.
  const own = (substitution?.written ?? text).replace(OWN_FORMS, ' ');
  const shell = SHELL.exec(own);
  const name = shell ?? OTHER.exec(own);
  if (name !== null) {
    const written = name[0].trim();
    return warning(
      path,
      `\`${written}\` is plain text here; a variable is written \${${name[1] ?? name[2]}}`,
    );
  }
  if (EMPTY.test(text) && !isHeaderValue(path)) {
    return warning(path, 'this text is what tools write where a value is missing', {
      hint: 'find out which tool wrote it',
    });
  }
  return TEMPLATE.test(own)
    ? warning(path, '`{{ }}` is plain text here: templates are not filled in', {
        hint: 'render the file first, or use ${NAME}',
      })
    : undefined;
};

/** There another rule reports a `$` segment. */
function isPath(path: readonly (string | number)[]): boolean {
  return path[0] === 'routes' && (path[2] === 'path' || path[2] === 'rewrite');
}
