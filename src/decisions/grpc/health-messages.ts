import { WireType } from '@bufbuild/protobuf/wire';
import { endMessage, startMessage } from './framing.ts';
import { Once, readStrictly } from './wire.ts';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
export const SERVING_STATUS = { serving: 1, notServing: 2, serviceUnknown: 3 } as const;
export type ServingStatus = (typeof SERVING_STATUS)[keyof typeof SERVING_STATUS];

/** The one field of both messages. */
const FIELD = 1;

/** Reads the name of the service of a HealthCheckRequest; empty for the whole server. Throws `MalformedMessage`. */
export function readHealthRequest(bytes: Buffer): string {
  return readStrictly(bytes, (reader) => {
    const once = new Once();
    let service = '';
    reader.fields((number, type) => {
      if (number !== FIELD) return false;
      once.mark(number);
      service = reader.text(type);
      return true;
    });
    return service;
  });
}

/** Encodes a HealthCheckResponse, with its prefix. */
export function writeHealthResponse(status: ServingStatus): Buffer {
  return endMessage(startMessage().tag(FIELD, WireType.Varint).int32(status));
}
