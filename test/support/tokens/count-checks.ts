import { Verify } from 'node:crypto';

/** Counts the native checks of RSA and ECDSA signatures from now until the test ends. */
export function countChecks(t: { teardown(undo: () => void): unknown }): () => number {
  const { verify } = Verify.prototype;
  let checks = 0;
  Verify.prototype.verify = function counted(this: Verify, ...inputs: [never, never]) {
    checks += 1;
    return verify.apply(this, inputs);
  };
  t.teardown(() => {
    Verify.prototype.verify = verify;
  });
  return () => checks;
}
