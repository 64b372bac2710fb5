import { decodeUtf8, readFileBounded, whyUnreadable } from '../../config/source/read-file.ts';
import { readJson } from './json-nodes.ts';
import type { SpecNode, SpecProblem } from './spec-node.ts';
import { readYaml } from './yaml-nodes.ts';

const MAX_JSON_BYTES = 64 * 1024 ** 2;
const MAX_YAML_BYTES = 12 * 1024 ** 2;
const START = { line: 1, column: 1 };

/** Reads the text of an API description, from the disk and nowhere else. */
export function openSpec(file: string): SpecNode | SpecProblem {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(file)) {
    const hint = 'save it to a file and name that';
    return { ...START, message: 'a description is read from a file, and nothing is fetched', hint };
  }
  let text: string | undefined;
  try {
    text = decodeUtf8(readFileBounded(file, MAX_JSON_BYTES));
  } catch (error) {
    return { ...START, message: `cannot read the file: ${whyUnreadable(error)}` };
  }
  if (text === undefined) return { ...START, message: 'the file is not valid UTF-8' };
  if (/^\s*\{/.test(text)) {
    const root = readJson(text);
    // A flow mapping of YAML begins in the same way.
    if (!isProblem(root) || /\.json$/i.test(file) || text.length > MAX_YAML_BYTES) return root;
  }
  if (text.length <= MAX_YAML_BYTES) return readYaml(text);
  const hint = 'convert it to JSON, which may be larger, or split it';
  return { ...START, message: `the file is larger than ${MAX_YAML_BYTES} bytes`, hint };
}

export function isProblem(outcome: SpecNode | SpecProblem): outcome is SpecProblem {
  return 'message' in outcome;
}
