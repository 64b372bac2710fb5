import { isCollection, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';

/** How the descriptions in values.yaml begin, as in helm-docs. */
const DESCRIPTION = / -- (.*)$/s;

const HEAD = `# The chart \`sealgate\`

<!-- The table is generated from values.yaml and Chart.yaml: change those and run \`npm run generate\`. -->

[Kubernetes](../../../docs/kubernetes.md) shows how to install, change and watch it. From a copy of this repository:

\`\`\`sh
helm upgrade --install sealgate deploy/helm/sealgate --namespace sealgate --create-namespace --set image.repository=registry.example.com/sealgate --set-file configFile=gateway.yaml
\`\`\`

\`ci/\` has values that are tested: a first installation, everything on, a file of somebody else, as little as possible.

## Values

| value | default | what |
| --- | --- | --- |
`;

/** The page of the chart: each value with its default and description. */
export function chartReadme(values: string): string {
  const { contents } = parseDocument(values);
  if (!isMap(contents)) throw new Error('values.yaml is not a map');
  return `${HEAD}${rows(contents, '').join('\n')}\n`;
}

function rows(map: YAMLMap, prefix: string): string[] {
  return map.items.flatMap((pair, index) => {
    const { key, value } = pair as Pair;
    const name = `${prefix}${String(isScalar(key) ? key.value : key)}`;
    const description = describe(pair as Pair, index === 0 ? map.commentBefore : undefined);
    if (description === '' && isMap(value) && value.items.length > 0) return rows(value, `${name}.`);
    const plain = isCollection(value) ? value.toJSON() : isScalar(value) ? value.value : null;
    return [`| \`${name}\` | ${code(JSON.stringify(plain))} | ${description.replaceAll('|', '\\|')} |`];
  });
}

/** The comment of a map's first key belongs to the map. */
function describe({ key }: Pair, ofMap: string | null | undefined): string {
  const comment = (isScalar(key) ? key.commentBefore : undefined) ?? ofMap ?? '';
  const line = comment.split('\n').find((each) => DESCRIPTION.test(each));
  return DESCRIPTION.exec(line ?? '')?.[1] ?? '';
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
