/** The trace that an event with this data belongs to: that of the transfer it tells of; undefined for other events. */
export function traceOf(data: unknown): { readonly within: string } | undefined {
  const { transferId } = (typeof data === 'object' && data !== null ? data : {}) as { transferId?: unknown };
  return typeof transferId === 'string' ? { within: transferId } : undefined;
}
