/** The id that a proxy gave a request, if it is short and plain enough for logs and headers. */
export function saneRequestId(id: string | string[] | undefined): string | undefined {
  return typeof id === 'string' && /^[\w.:+/=-]{1,128}$/.test(id) ? id : undefined;
}
