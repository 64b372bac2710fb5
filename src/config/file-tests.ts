import type { ConfigPath } from './problem.ts';
import type { Config, FileTestConfig } from './schema/config.ts';
import { valueAt } from './validate.ts';

type TestRow = NonNullable<FileTestConfig['each']>[number];

/** One test, with the row of its table merged in. */
export interface FileTest extends Omit<FileTestConfig, 'request' | 'expect' | 'each'> {
  readonly request: string;
  readonly expect: NonNullable<FileTestConfig['expect']>;
}

/** A test and where the file has it. */
export interface PlacedTest {
  readonly test: FileTest;
  /** Of the test, or of the row. */
  readonly path: ConfigPath;
  /** All places that have parts of it. */
  readonly sources: readonly ConfigPath[];
  /** The place of a key of the test: in the row, where that has it. */
  readonly placeOf: (...key: ConfigPath) => ConfigPath;
}

/** A test or row, and the keys that neither it nor the test around it has. */
export interface IncompleteTest {
  readonly path: ConfigPath;
  readonly isRow: boolean;
  readonly missing: readonly ('request' | 'expect')[];
}

/** What a test needs, of its own or from the table it stands in. */
const NEEDED = ['request', 'expect'] as const;

/** What a row takes from the test around it. */
const SHARED = ['token', 'request', 'mcp', 'headers', 'expect', 'identity'] as const;

/** The file's tests, one for each row of a table, in the order of the file. Incomplete ones are left out. */
export function fileTests(config: Config): readonly PlacedTest[] {
  return allTests(config).flatMap(({ test, ...places }) => (isComplete(test) ? [{ test, ...places }] : []));
}

/** Those that lack a request or an expectation. */
export function incompleteTests(config: Config): readonly IncompleteTest[] {
  return allTests(config).flatMap(({ test, path }) => {
    const missing = NEEDED.filter((key) => test[key] === undefined);
    return missing.length === 0 ? [] : [{ path, isRow: path.length > 2, missing }];
  });
}

type AnyTest = Omit<FileTestConfig, 'each'>;

function isComplete(test: AnyTest): test is FileTest {
  return NEEDED.every((key) => test[key] !== undefined);
}

type Placed = Omit<PlacedTest, 'test'> & { readonly test: AnyTest };

function allTests({ tests }: Config): readonly Placed[] {
  return tests.flatMap((whole, index): readonly Placed[] => {
    const { each, ...common } = whole;
    const path = ['tests', index];
    if (each === undefined)
      return [{ test: common, path, sources: [path], placeOf: (...key) => [...path, ...key] }];
    const shared = SHARED.map((key) => [...path, key]);
    return each.map((row, at) => {
      const rowPath = [...path, 'each', at];
      const placeOf = (...key: ConfigPath): ConfigPath => {
        const isCommon = valueAt(row, key) === undefined && valueAt(common, key) !== undefined;
        return [...(isCommon ? path : rowPath), ...key];
      };
      return { test: mergeRow(common, row, at), path: rowPath, sources: [rowPath, ...shared], placeOf };
    });
  });
}

function mergeRow(common: AnyTest, { name, token, ...row }: TestRow, at: number): AnyTest {
  const { token: commonToken, ...rest } = common;
  const merged = token === null ? undefined : mergeToken(commonToken, token);
  const headers = mergeFields(rest.headers, row.headers);
  const identity = mergeFields(rest.identity, row.identity);
  return {
    ...rest,
    ...row,
    name: `${common.name}: ${name ?? `row ${at + 1}`}`,
    ...(merged && { token: merged }),
    ...(headers && { headers }),
    ...(identity && { identity }),
  };
}

type Token = AnyTest['token'];

function mergeToken(common: Token, own: Token): Token {
  if (common === undefined || own === undefined) return own ?? common;
  const claims = common.claims && own.claims ? { ...common.claims, ...own.claims } : undefined;
  return { ...common, ...own, ...(claims && { claims }) };
}

/** Names of fields are the same in any case. */
function mergeFields<Value>(
  common: Readonly<Record<string, Value>> | undefined,
  own: Readonly<Record<string, Value>> | undefined,
): Record<string, Value> | undefined {
  if (common === undefined || own === undefined) return own ?? common;
  const replaced = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const kept = Object.entries(common).filter(([name]) => !replaced.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...own };
}
