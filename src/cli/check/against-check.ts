import { InvalidFiles } from '../../diff/side.ts';
import { compareFileWithDocument } from '../../openapi/against/compare-with-document.ts';
import { isDocument, readDocument } from '../../openapi/document/read-document.ts';
import { specProblems } from '../output/spec-problems.ts';
import type { ConfigCheck } from './check.ts';

/** Compares the routes of the file with the operations of an OpenAPI document. Only a whole file is compared: part of it would have part of the routes. */
export function againstCheck(spec: string, env: Readonly<Record<string, string | undefined>>): ConfigCheck {
  return async (sound) => {
    const document = readDocument(spec);
    if (!isDocument(document)) return { foreign: specProblems(spec, document) };
    if (!sound.isWhole) return {};
    try {
      const found = await compareFileWithDocument(sound, document, env);
      return {
        problems: found.map(({ place, message, ...problem }) => ({
          ...problem,
          message: `${message} (${spec}:${place.line}:${place.column})`,
          related: { file: spec, ...place },
        })),
      };
    } catch (error) {
      // What does not compile is reported by the check before.
      if (error instanceof InvalidFiles) return {};
      throw error;
    }
  };
}
