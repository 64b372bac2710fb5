import { error } from '../rule.ts';
import type { TextRule } from './text-rule.ts';

/** Keys that name a file, by the end of their path. */
const FILE_KEY =
  /\.(?:tls\.(?:cert|key|ca|clientCa)|clientCertHeader\.ca|keys\.(?:ca|snapshot)|exchange\.ca|jwks\.file|auth\.privateKey|assertion\.keys|revocation\.file)$/;

/** The content of a file in place of its path would be looked up as a path, and show up in messages. */
export const filesAreNamed: TextRule = ({ path, text, isKey }) => {
  if (isKey || !FILE_KEY.test(`.${path.join('.')}`)) return undefined;
  if (/-----BEGIN|^\s*\{/.test(text)) {
    return error(path, 'this is the content of a file; the key takes its path', {
      hint: 'mount the file and write its path here',
    });
  }
  return /^https?:\/\//i.test(text)
    ? error(path, 'this is a URL; the key takes the path of a file', {
        hint: path.at(-2) === 'jwks' ? 'write the URL of keys in `jwksUri`' : undefined,
      })
    : undefined;
};
