import { error, type Rule } from '../rule.ts';

/** What the HTTP client sets itself when it fetches keys. */
const OWN =
  /^(?:host|connection|content-length|transfer-encoding|keep-alive|te|trailer|upgrade|expect|proxy-.*|accept-encoding)$/i;

/** Headers for fetching keys must be ones that can be sent. */
export const keyHeadersCanBeSent: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([issuer, { keys }]) =>
    Object.entries(keys?.headers ?? {}).flatMap(([name, value], at, all) => {
      const path = ['issuers', issuer, 'keys', 'headers', name];
      if (OWN.test(name)) return [error(path, `\`${name}\` is set by the gateway itself`, { at: 'key' })];
      const twin = all.slice(0, at).find(([other]) => other.toLowerCase() === name.toLowerCase());
      if (twin !== undefined) {
        return [error(path, `\`${name}\` and \`${twin[0]}\` are one header`, { at: 'key' })];
      }
      return /[^\x20-\x7e]/.test(value)
        ? [error(path, 'a header value has printable ASCII characters only')]
        : [];
    }),
  );
