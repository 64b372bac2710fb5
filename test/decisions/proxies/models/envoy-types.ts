import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

/** The API of Envoy as its own `.proto` files have it, which this package brings for xDS. */
const require = createRequire(import.meta.url);
const folderOf = (name: string) => dirname(require.resolve(`${name}/package.json`));
const FOLDERS = [
  ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) =>
    join(folderOf('@grpc/grpc-js-xds'), 'deps', name),
  ),
  folderOf('protobufjs'),
];
const FILES = [
  'envoy/config/bootstrap/v3/bootstrap.proto',
  'envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto',
  'envoy/extensions/filters/http/header_mutation/v3/header_mutation.proto',
  'envoy/extensions/filters/http/router/v3/router.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
];

export function loadEnvoyTypes(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) =>
    FOLDERS.map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
  root.loadSync(FILES, { keepCase: true });
  root.resolveAll();
  return root;
}

type Values = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Messages that YAML has as one value. */
const AS_VALUE: Readonly<Record<string, (value: unknown) => boolean>> = {
  '.google.protobuf.Duration': (value) => typeof value === 'string' && /^\d+(?:\.\d+)?s$/.test(value),
  '.google.protobuf.BoolValue': (value) => typeof value === 'boolean',
  '.google.protobuf.UInt32Value': (value) => Number.isInteger(value),
  '.google.protobuf.Struct': isObject,
};

const SCALARS: Readonly<Record<string, string>> = { bool: 'boolean', string: 'string', bytes: 'string' };

/** Where a value is not of the type, as `path: why`. */
export function findTypeErrors(type: protobuf.Type, value: unknown, path = type.name): readonly string[] {
  const asValue = AS_VALUE[type.fullName];
  if (asValue !== undefined) return asValue(value) ? [] : [`${path}: not a ${type.name}`];
  if (!isObject(value)) return [`${path}: not an object`];
  if (type.fullName === '.google.protobuf.Any') {
    const { '@type': url, ...rest } = value;
    const [, name] = /^type\.googleapis\.com\/(\S+)$/.exec(String(url)) ?? [];
    if (name === undefined) return [`${path}: no @type`];
    return findTypeErrors(type.root.lookupType(name), rest, path);
  }
  const errors = Object.entries(value).flatMap(([key, member]) => {
    const field = type.fields[key];
    if (field === undefined) return [`${path}.${key}: ${type.name} has no such field`];
    return findFieldErrors(field, member, `${path}.${key}`);
  });
  const doubled = type.oneofsArray
    .filter(({ fieldsArray }) => fieldsArray.filter(({ name }) => name in value).length > 1)
    .map(({ name }) => `${path}: two of ${name}`);
  return [...errors, ...doubled];
}

function findFieldErrors(field: protobuf.Field, value: unknown, path: string): readonly string[] {
  if (field instanceof protobuf.MapField) {
    if (!isObject(value)) return [`${path}: not a map`];
    return Object.entries(value).flatMap(([key, entry]) => findValueErrors(field, entry, `${path}.${key}`));
  }
  if (!field.repeated) return findValueErrors(field, value, path);
  if (!Array.isArray(value)) return [`${path}: not a list`];
  return value.flatMap((entry, at) => findValueErrors(field, entry, `${path}[${at}]`));
}

function findValueErrors(
  { resolvedType, type }: protobuf.Field,
  value: unknown,
  path: string,
): readonly string[] {
  if (resolvedType instanceof protobuf.Type) return findTypeErrors(resolvedType, value, path);
  if (resolvedType instanceof protobuf.Enum)
    return String(value) in resolvedType.values ? [] : [`${path}: ${resolvedType.name} has no ${value}`];
  const expected = SCALARS[type] ?? 'number';
  return typeof value === expected ? [] : [`${path}: not a ${expected}`];
}
