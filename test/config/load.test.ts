import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { loadText, MINIMAL, problemLines } from '../support/config/config-text.ts';

t.test('a minimal file becomes a configuration with every default in place', async (t) => {
  const { config, problems } = loadText(MINIMAL);
  t.same(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  );
  t.match(config, { listen: { host: '127.0.0.1', port: 8080 }, shutdown: { grace: 20_000 } });
});

t.test('a file that cannot be read is a problem at its first character, not an exception', async (t) => {
  const { config, problems } = loadConfig({ file: 'no/such/file.yaml', env: {} });
  t.equal(config, undefined);
  t.match(problems, [{ line: 1, column: 1, message: 'cannot read the file: there is no such file' }]);
});

t.test('an unknown key is named with the key that was meant', async (t) => {
  t.same(problemLines(`${MINIMAL}listne: {}\n`), ['10:1 unknown key `listne` — did you mean `listen`?']);
});
