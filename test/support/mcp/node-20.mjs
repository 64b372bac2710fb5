// The conformance suite imports `globSync`, which Node 20 does not have. No scenario calls it.
import * as fs from 'node:fs';
import { register } from 'node:module';

if (!('globSync' in fs)) {
  const source =
    "export * from 'node:fs'; export { default } from 'node:fs'; export const globSync = undefined;";
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  const resolve = `export const resolve = (specifier, context, next) =>
    specifier === 'fs' && context.parentURL?.includes('/@modelcontextprotocol/conformance/')
      ? { url: ${JSON.stringify(url)}, format: 'module', shortCircuit: true }
      : next(specifier, context);`;
  register(`data:text/javascript,${encodeURIComponent(resolve)}`);
}
