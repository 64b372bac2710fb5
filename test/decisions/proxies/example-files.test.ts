import t from 'tap';
import { sealgate } from '../../support/cli/cli.ts';

const FOLDER = 'config/examples/decisions';

t.test("the gateway's file is valid, and its tests pass", async (t) => {
  const { code, stdout } = await sealgate(['check', '--strict', '-c', `${FOLDER}/gateway.yaml`]);
  t.equal(code, 0, stdout);
  t.match(stdout, /4 tests passed/);
});
