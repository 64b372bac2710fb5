import { connectCheckClient } from '../../support/decisions/check-client.ts';
import { fieldsOfQuestion, splitField } from './asking-proxy.ts';
import { fieldsForClient, gather, requestIdOf } from './outcome.ts';
import type { ClientRequest } from './requests.ts';
import type { Way } from './ways.ts';

type Options = readonly {
  readonly header: { readonly key: string; readonly value: string };
  readonly append?: { readonly value?: boolean };
}[];

/** Envoy over gRPC. It sends header fields as a map, or as a list where its file has it so. */
export const EXT_AUTHZ_GRPC: Way = {
  name: 'ext-authz-grpc',
  own: [],
  open({ grpc }) {
    const client = connectCheckClient(`http://127.0.0.1:${grpc}`);
    return {
      async ask(request) {
        const { method, target, host, copiesHops } = request;
        const pairs = fieldsOfQuestion(request, []).map(splitField);
        const { code, response } = await client.check({
          method,
          host,
          path: target,
          source: addressOf(request),
          ...(copiesHops
            ? { rawHeaders: pairs.map(([name, value]) => [name.toLowerCase(), value] as const) }
            : {
                headers: Object.fromEntries(
                  [...gather(pairs)].map(([name, all]) => [name, joined(name, all)]),
                ),
              }),
        });
        if (code !== 0) throw new Error(`the call failed with ${code}`);
        const isAllowed = (response.status?.code ?? 0) === 0;
        const ok = response.ok_response;
        const denied = response.denied_response;
        const toClient = fieldsOf(isAllowed ? ok?.response_headers_to_add : denied?.headers);
        const set = fieldsOf(ok?.headers);
        set.delete('x-request-id');
        return {
          requestId: requestIdOf(Object.fromEntries(toClient)),
          status: isAllowed ? 200 : (denied?.status?.code ?? 403),
          forClient: fieldsForClient(Object.fromEntries(toClient)),
          changes: isAllowed
            ? { first: new Set(), set, drop: new Set(ok?.headers_to_remove ?? []) }
            : undefined,
        };
      },
      close: () => client.close(),
    };
  },
};

/** As Envoy puts several fields of one name into its map. */
function joined(name: string, values: readonly string[]): string {
  return values.join(name === 'cookie' ? '; ' : ',');
}

function fieldsOf(options: Options = []): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const { header, append } of options) {
    const before = append?.value === true ? (fields.get(header.key) ?? []) : [];
    fields.set(header.key, [...before, header.value ?? '']);
  }
  return fields;
}

/** The client as Envoy knows it, which reads the list of proxies itself. */
function addressOf({ client }: ClientRequest): string {
  const entries = client.split(', ');
  const entry = entries.findLast((one) => !one.startsWith('10.')) ?? (entries[0] as string);
  return entry.replace(/^\[(.+)\]:\d+$/, '$1').replace(/^([\d.]+):\d+$/, '$1');
}
