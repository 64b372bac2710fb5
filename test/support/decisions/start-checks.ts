import type { Test } from 'tap';
import { type Harness, type HarnessOptions, startHarness } from '../gateway/gateway-harness.ts';
import { type CheckClient, connectCheckClient } from './check-client.ts';

export interface CheckHarness extends Harness {
  readonly grpcUrl: string;
  readonly client: CheckClient;
}

/** A whole gateway that is asked over gRPC, with a client. `decisions` is laid over that of the file. */
export async function startChecks(
  t: Test,
  { decisions, ...options }: HarnessOptions & { readonly decisions?: Readonly<Record<string, unknown>> } = {},
): Promise<CheckHarness> {
  const harness = await startHarness(t, {
    ...options,
    file: { decisions: { port: 0, grpc: 0, ...decisions }, ...options.file },
  });
  const grpcUrl = harness.grpcUrl as string;
  const client = connectCheckClient(grpcUrl);
  t.teardown(() => client.close());
  return { ...harness, grpcUrl, client };
}
