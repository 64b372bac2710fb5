/** A kind of the API, as discovery names it. */
export interface ApiKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly namespaced: boolean;
}

const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));

/** A length-delimited field of Protocol Buffers. */
function bytes(field: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...out, rest]);
}

/**
 * The least OpenAPI document in the form that kubectl reads it: each kind can be patched, and shows by its parameters that the
 * server knows dry runs and checks fields itself. Field numbers are those of gnostic's OpenAPIv2.proto.
 */
export function describeOpenApi(kinds: readonly ApiKind[]): Buffer {
  const parameter = (name: string): Buffer =>
    bytes(8, bytes(1, bytes(2, bytes(3, text(2, 'query'), text(4, name)))));
  const paths = kinds.map(({ group, version, kind, plural }) => {
    const names = bytes(2, text(2, `group: "${group}"\nkind: ${kind}\nversion: ${version}\n`));
    const patch = bytes(
      8,
      parameter('dryRun'),
      parameter('fieldValidation'),
      bytes(13, text(1, 'x-kubernetes-group-version-kind'), names),
    );
    return bytes(2, text(1, `/${group}/${version}/${plural}/{name}`), bytes(2, patch));
  });
  return Buffer.concat([text(1, '2.0'), bytes(2, text(1, 'Kubernetes'), text(2, 'v1')), bytes(8, ...paths)]);
}
